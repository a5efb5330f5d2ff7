//! Patterns for paths: `*` is anything, `?` one character, both also across folders. A pattern that names a folder names all in it.

/// Whether a path, or a folder that it lies in, is what a pattern says. Both are relative, without a slash at the end.
pub fn covers(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_end_matches('/');
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.into_iter().any(|end| matches(pattern.as_bytes(), &path.as_bytes()[..end]))
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last star has to take one more.
    let mut star = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(b'?') => {
                p += 1;
                t += 1;
                // One character, not one byte.
                while text.get(t).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    t += 1;
                }
            }
            Some(byte) if *byte == text[t] => (p, t) = (p + 1, t + 1),
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::covers;

    #[test]
    fn patterns_cover_paths_and_what_is_in_folders() {
        for (pattern, path, wanted) in [
            ("a/b", "a/b", true),
            ("a", "a/b/c", true),
            ("a/", "a/b", true),
            ("./a", "a", true),
            ("a", "ab", false),
            ("*.txt", "a/b.txt", true),
            ("*.txt", "a/b.txt/c", true),
            ("*.txt", "a/b.tx", false),
            ("a/?/c", "a/é/c", true),
            ("a/?/c", "a/bb/c", false),
            ("*", "a", true),
            ("**b*", "aabaa", true),
            ("a*b*c", "a1b2b3c", true),
            ("a*b*c", "a1b2b3", false),
            ("", "a", false),
        ] {
            assert_eq!(covers(pattern, path), wanted, "{pattern} {path}");
        }
    }
}
