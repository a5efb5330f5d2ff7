//! Lines of an `authorized_keys` file: options, type, key, comment.

use crate::resource::Fault;
use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};

/// A key as a line says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub options: Option<String>,
    /// Type and key: what makes it the same key.
    pub kind: String,
    pub blob: String,
    pub comment: Option<String>,
}

impl Key {
    pub fn is_same(&self, other: &Self) -> bool {
        self.kind == other.kind && self.blob.trim_end_matches('=') == other.blob.trim_end_matches('=')
    }

    pub fn line(&self) -> String {
        let parts = [self.options.as_deref(), Some(&*self.kind), Some(&*self.blob), self.comment.as_deref()];
        parts.into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

fn is_kind(word: &str) -> bool {
    let name = word.split_once('@').map_or(word, |(name, _)| name);
    let name = name.strip_prefix("webauthn-").unwrap_or(name);
    let name = name.strip_prefix("sk-").unwrap_or(name);
    let name = name.strip_suffix("-cert-v01").unwrap_or(name);
    matches!(name, "ssh-ed25519" | "ssh-rsa" | "ssh-dss" | "ssh-xmss") || name.starts_with("ecdsa-sha2-nistp")
}

/// The end of the first word, blanks within quotes belonging to it, as sshd reads options.
fn first_word(text: &str) -> usize {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in text.char_indices() {
        match letter {
            ' ' | '\t' if !quoted => return at,
            '"' if !escaped => quoted = !quoted,
            _ => {}
        }
        escaped = letter == '\\' && !escaped;
    }
    text.len()
}

/// Whether a line is one that sshd passes over.
pub fn is_comment(line: &str) -> bool {
    let line = line.trim();
    line.is_empty() || line.starts_with('#')
}

/// The key of a line; `None` for a comment, and for what is no key that we know.
pub fn read(line: &str) -> Option<Key> {
    let line = line.trim();
    if is_comment(line) {
        return None;
    }
    let (first, rest) = line.split_at(first_word(line));
    let (options, kind, rest) = if is_kind(first) {
        (None, first, rest.trim_start())
    } else {
        let rest = rest.trim_start();
        let (kind, rest) = rest.split_at(first_word(rest));
        (Some(first.to_string()), kind, rest.trim_start())
    };
    let (blob, comment) = rest.split_at(rest.find([' ', '\t']).unwrap_or(rest.len()));
    let comment = Some(comment.trim()).filter(|comment| !comment.is_empty()).map(String::from);
    (is_kind(kind) && !blob.is_empty()).then(|| Key {
        options,
        kind: kind.into(),
        blob: blob.into(),
        comment,
    })
}

/// The keys that a parameter names, one a line.
///
/// # Errors
/// A fault that says which line is none. What the line holds is not told: it may be a private key.
pub fn wanted(text: &str) -> Result<Vec<Key>, Fault> {
    let mut keys: Vec<Key> = vec![];
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !is_comment(line)) {
        let bad = |what: &str| Fault::new(format!("line {} of `key` {what}", number + 1));
        if line.contains("PRIVATE KEY") {
            return Err(
                bad("is of a private key").hint("give the public one, from the file that ends in `.pub`")
            );
        }
        if line.contains("://") && !line.contains(' ') {
            return Err(bad("is a URL").hint("give the keys themselves: what an address answers may change"));
        }
        if line.chars().any(|c| c.is_control() && c != '\t') {
            return Err(bad("holds a control character").hint("write each key in a line of its own"));
        }
        let no_key = "is no public key";
        let hint = "a line of a `.pub` file: `ssh-ed25519 AAAA... comment`";
        let key = read(line).ok_or_else(|| bad(no_key).hint(hint))?;
        if !is_whole(&key) {
            let fault = bad("is a damaged public key");
            return Err(fault.hint("it is not what its type says: copy it anew, whole and in one line"));
        }
        match keys.iter().find(|known| known.is_same(&key)) {
            Some(known) if *known == key => {}
            Some(_) => {
                return Err(bad("is a key that stands above otherwise").hint("leave one of the two out"));
            }
            None => keys.push(key),
        }
    }
    if keys.is_empty() {
        return Err(
            Fault::new("`key` holds no key").hint("a line of a `.pub` file: `ssh-ed25519 AAAA... comment`")
        );
    }
    Ok(keys)
}

/// Whether a key begins with the name of its type and ends where its last part does.
fn is_whole(key: &Key) -> bool {
    let Ok(bytes) = STANDARD_NO_PAD.decode(key.blob.trim_end_matches('=')) else { return false };
    let mut parts: Vec<&[u8]> = vec![];
    let mut rest = &bytes[..];
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = u32::from_be_bytes(*length) as usize;
        let Some(part) = after.get(..length) else { return false };
        parts.push(part);
        rest = &after[length..];
        // What follows the nonce of a certificate is not all made of such parts.
        if key.kind.contains("-cert-") {
            return parts[0] == key.kind.as_bytes();
        }
    }
    rest.is_empty() && parts.len() > 1 && parts[0] == key.kind.as_bytes()
}

/// Refuses options that would end the line or the word.
///
/// # Errors
/// A fault that says what is wrong with them.
pub fn check_options(options: &str) -> Result<(), Fault> {
    let hint = "as in sshd(8): `restrict,from=\"10.0.0.0/8\",command=\"/usr/bin/backup now\"`";
    let bad = |what: &str| Err(Fault::new(format!("`key_options` {what}")).hint(hint));
    if options.chars().any(char::is_control) {
        return bad("holds a line break or another control character");
    }
    if !options.is_empty() && first_word(options) != options.len() {
        return bad("holds a blank outside of quotes");
    }
    let quotes = options.replace("\\\"", "").matches('"').count();
    if !quotes.is_multiple_of(2) {
        return bad("has a quote that is not closed");
    }
    if options.starts_with('#') || is_kind(options) {
        return bad("are no options");
    }
    Ok(())
}

/// What is to become of a file.
pub struct Edit<'a> {
    pub keys: &'a [Key],
    pub present: bool,
    pub exclusive: bool,
    /// `None` leaves those of a key that is there.
    pub options: Option<&'a str>,
    pub comment: Option<&'a str>,
}

impl Edit<'_> {
    /// A wanted key, with what is not named taken from the line that is there.
    fn merged(&self, wanted: &Key, there: Option<&Key>) -> Key {
        let named = self.options.map(String::from).or_else(|| wanted.options.clone());
        let comment = self.comment.map(String::from).or_else(|| wanted.comment.clone());
        Key {
            options: named.or_else(|| there.and_then(|key| key.options.clone())),
            comment: comment.or_else(|| there.and_then(|key| key.comment.clone())),
            // As it is written there: padding makes no other key.
            blob: there.unwrap_or(wanted).blob.clone(),
            kind: wanted.kind.clone(),
        }
    }

    /// The text as it should be. Comments and empty lines stay, and so do the lines of others unless it is to be `exclusive`.
    pub fn apply(&self, text: &str) -> String {
        let mut done = vec![false; self.keys.len()];
        let mut out = String::new();
        for whole in text.split_inclusive('\n') {
            let line = whole.trim_end_matches(['\n', '\r']);
            let there = read(line);
            let at = there.as_ref().and_then(|key| self.keys.iter().position(|wanted| wanted.is_same(key)));
            match (at, &there) {
                (Some(_), _) if !self.present => {}
                // A second line of one key lets in what the first refuses.
                (Some(at), _) if done[at] => {}
                (Some(at), Some(key)) => {
                    done[at] = true;
                    let merged = self.merged(&self.keys[at], Some(key));
                    match merged == *key {
                        true => out.push_str(whole),
                        false => out.push_str(&format!("{}\n", merged.line())),
                    }
                }
                _ if self.exclusive && !is_comment(line) => {}
                _ => out.push_str(whole),
            }
        }
        if self.present {
            for (key, _) in self.keys.iter().zip(done).filter(|(_, done)| !done) {
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
                out.push_str(&format!("{}\n", self.merged(key, None).line()));
            }
        }
        out
    }
}

/// Whether anybody gets in by this text.
pub fn lets_in(text: &str) -> bool {
    text.lines().any(|line| read(line).is_some())
}

/// Whether a key of this text is among these.
pub fn keeps_one(text: &str, keys: &[Key]) -> bool {
    text.lines().filter_map(read).any(|there| keys.iter().any(|key| key.is_same(&there)))
}

/// Whether each key of a text is in the other one, with the same options.
pub fn stay(before: &str, after: &str) -> bool {
    let after: Vec<Key> = after.lines().filter_map(read).collect();
    let stays = |key: Key| after.iter().any(|other| other.is_same(&key) && other.options == key.options);
    before.lines().filter_map(read).all(stays)
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2I2Ol4Bmd9uy6uZ9Op5+1tdBtfXD7RhmvG7Cv1GVS1";

    #[test]
    fn a_line_is_read_as_sshd_reads_it() {
        let key = read(&format!("restrict,command=\"echo \\\"a b\\\" c\" {A} me @ home ")).unwrap();
        assert_eq!(key.options.as_deref(), Some("restrict,command=\"echo \\\"a b\\\" c\""));
        assert_eq!((key.kind.as_str(), key.comment.as_deref()), ("ssh-ed25519", Some("me @ home")));
        assert_eq!(read(&key.line()), Some(key));
        for none in ["", "# x", "ssh-ed25519", "what is this", "command=\"x ssh-rsa AAAA"] {
            assert_eq!(read(none), None, "{none}");
        }
    }

    #[test]
    fn a_key_that_stays_is_found_whatever_its_options() {
        let keys = wanted(A).unwrap();
        assert!(keeps_one(&format!("# x\nssh-rsa AAAA other\nrestrict {A} me\n"), &keys));
        assert!(!keeps_one(&format!("#{A}\nssh-rsa AAAA other\n"), &keys));
    }

    #[test]
    fn a_damaged_key_is_no_key() {
        assert!(wanted(A).is_ok() && wanted(&format!("# team\n\n{A} a\n{A} a\n")).is_ok());
        for (bad, why) in [
            (A[..A.len() - 4].to_string(), "damaged"),
            (A.replace("ssh-ed25519", "ssh-rsa"), "damaged"),
            (format!("{A} one\n{A} two"), "line 2"),
            ("-----BEGIN OPENSSH PRIVATE KEY-----".into(), "private key"),
            ("https://github.com/x.keys".into(), "URL"),
            ("# nothing\n".into(), "no key"),
        ] {
            assert!(wanted(&bad).unwrap_err().message.contains(why), "{bad}");
        }
    }

    #[test]
    fn foreign_lines_stay_and_doubled_ones_go() {
        let keys = wanted(A).unwrap();
        let edit =
            |present, exclusive, options| Edit { keys: &keys, present, exclusive, options, comment: None };
        let text = format!("# team\nfrom=\"10.0.0.1\" {A} old\nssh-rsa AAAA other\n{A}\nodd line");
        let kept = edit(true, false, None).apply(&text);
        assert_eq!(kept, format!("# team\nfrom=\"10.0.0.1\" {A} old\nssh-rsa AAAA other\nodd line"));
        assert_eq!(edit(true, false, None).apply(&kept), kept);
        assert_eq!(edit(true, true, Some("")).apply(&text), format!("# team\n{A} old\n"));
        assert_eq!(edit(false, false, None).apply(&text), "# team\nssh-rsa AAAA other\nodd line");
        assert_eq!(edit(true, false, Some("restrict")).apply("odd"), format!("odd\nrestrict {A}\n"));
    }
}
