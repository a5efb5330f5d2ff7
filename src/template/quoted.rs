//! Where the characters of a quoted YAML scalar stand in its file.

/// For each byte of the value, and its end, the byte in the file that it comes from. `None` where there is no such quoted scalar.
///
/// `start` is the quote.
pub(super) fn places(file: &str, start: usize, value: &str) -> Option<Vec<usize>> {
    let mut walk = Walk { file, at: start + 1, value, places: Vec::with_capacity(value.len() + 1) };
    let quote = file.get(start..)?.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    while walk.places.len() < value.len() {
        walk.step(quote)?;
    }
    walk.places.push(walk.at);
    Some(walk.places)
}

struct Walk<'a> {
    file: &'a str,
    at: usize,
    value: &'a str,
    places: Vec<usize>,
}

impl Walk<'_> {
    fn rest(&self) -> &str {
        self.file.get(self.at..).unwrap_or_default()
    }

    /// One character of the value, which takes so many bytes in the file.
    fn takes(&mut self, value: char, bytes: usize) -> Option<()> {
        let found = self.value[self.places.len()..].chars().next()?;
        self.places.extend(std::iter::repeat_n(self.at, value.len_utf8()));
        self.at += bytes;
        (found == value).then_some(())
    }

    fn step(&mut self, quote: char) -> Option<()> {
        let rest = self.rest();
        let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        if rest[blanks..].starts_with(['\n', '\r']) {
            return self.folds();
        }
        match rest.chars().next()? {
            '\\' if quote == '"' => self.escape(),
            '\'' if quote == '\'' && rest.starts_with("''") => self.takes('\'', 2),
            end if end == quote => None,
            letter => self.takes(letter, letter.len_utf8()),
        }
    }

    /// A line break is a blank, and of several each but the first is a line break.
    fn folds(&mut self) -> Option<()> {
        let rest = self.rest();
        let space = rest.len() - rest.trim_start().len();
        let breaks = rest[..space].matches('\n').count();
        if breaks < 2 {
            return self.takes(' ', space);
        }
        for _ in 2..breaks {
            self.takes('\n', 0)?;
        }
        self.takes('\n', space)
    }

    fn escape(&mut self) -> Option<()> {
        let rest = self.rest();
        let mut letters = rest[1..].chars();
        let letter = letters.next()?;
        let digits = match letter {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '\r' | '\n' => {
                self.at += rest.len() - rest[1..].trim_start().len();
                return Some(());
            }
            _ => 0,
        };
        let meant = match letter {
            '0' => '\0',
            'a' => '\u{7}',
            'b' => '\u{8}',
            't' | '\t' => '\t',
            'n' => '\n',
            'v' => '\u{b}',
            'f' => '\u{c}',
            'r' => '\r',
            'e' => '\u{1b}',
            'N' => '\u{85}',
            '_' => '\u{a0}',
            'L' => '\u{2028}',
            'P' => '\u{2029}',
            'x' | 'u' | 'U' => char::from_u32(u32::from_str_radix(rest.get(2..2 + digits)?, 16).ok()?)?,
            other => other,
        };
        self.takes(meant, 1 + letter.len_utf8() + digits)
    }
}

#[cfg(test)]
mod tests {
    use super::places;

    /// The part of the file that the first `x` of the value, and what is behind it, come from.
    fn from_x(file: &str, value: &str) -> Option<String> {
        let at = value.find('x').unwrap();
        let found = places(file, 3, value)?;
        assert_eq!(found.len(), value.len() + 1);
        Some(file[found[at]..*found.last().unwrap()].to_string())
    }

    #[test]
    fn escapes_and_folded_lines_are_walked_through() {
        for (file, value, expected) in [
            ("a: \"b x c\"", "b x c", "x c"),
            (r#"a: "\"b\" \\ \u00e4\t\x41 x\"""#, "\"b\" \\ ä\tA x\"", "x\\\""),
            ("a: 'it''s x'", "it's x", "x"),
            ("a: \"b  \n   \\x78 d\" # e", "b x d", "\\x78 d"),
            ("a: 'b\n\n\n  x'", "b\n\nx", "x"),
            ("a: \"b\\\n   x\"", "bx", "x"),
        ] {
            assert_eq!(from_x(file, value).as_deref(), Some(expected), "{file}");
        }
        for (file, value) in
            [("a: b x", "b x"), ("a: \"b\"", "b x"), ("a: 'c x'", "b x"), (r#"a: "\uZZZZ x""#, "b x")]
        {
            assert_eq!(from_x(file, value), None, "{file}");
        }
    }
}
