//! Permission bits: in full, or as changes to those that are there (`u=rwX,go-w`).

use borsh::{BorshDeserialize, BorshSerialize};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Rule {
    Bits(u32),
    Changes(Vec<Change>),
}

/// One part between commas.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Change {
    /// The bits of those it is for, with their set-id or sticky bit.
    who: u32,
    verb: Verb,
    /// Bits for all of them; `who` says which count.
    bits: u32,
    /// `X`: of a folder, or of what somebody may execute already.
    any_x: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
enum Verb {
    Set,
    Add,
    Remove,
}

const ALL: u32 = 0o777;
/// Set-id and sticky bits.
const SPECIAL: u32 = 0o7000;
/// Set-id bits: a folder keeps them unless they are named.
const KEPT: u32 = 0o6000;

/// What a mode is before a rule makes something of it: of a file that changes hands without the set-id bits, which meant somebody else.
pub fn kept(mode: u32, is_folder: bool, moves: bool) -> u32 {
    if moves && !is_folder { mode & !KEPT } else { mode }
}

impl Rule {
    /// Three or four octal digits, or parts such as `u=rwX` with commas between them.
    pub fn parse(text: &str) -> Option<Self> {
        if (3..=4).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
            return u32::from_str_radix(text, 8).ok().map(Self::Bits);
        }
        text.split(',').map(Change::parse).collect::<Option<Vec<_>>>().map(Self::Changes)
    }

    /// The mode that it makes of every file, whatever that has: all classes are named with `=`, and nothing hangs on what is there (`X`).
    pub fn constant(&self) -> Option<u32> {
        let hangs = matches!(self, Self::Changes(changes) if changes.iter().any(|change| change.any_x));
        // Each bit for itself: what is the same of all and of none is the same of any.
        let (of_none, of_all) = (self.of(0, false), self.of(SPECIAL | ALL, false));
        (!hangs && of_none == of_all).then_some(of_none)
    }

    /// What becomes of a mode.
    pub fn of(&self, mode: u32, is_folder: bool) -> u32 {
        match self {
            Self::Bits(bits) => *bits,
            Self::Changes(changes) => changes.iter().fold(mode, |mode, change| change.of(mode, is_folder)),
        }
    }
}

impl Change {
    fn parse(text: &str) -> Option<Self> {
        let at = text.find(['=', '+', '-'])?;
        let mut who = 0;
        for letter in text[..at].chars() {
            who |= match letter {
                'u' => 0o4700,
                'g' => 0o2070,
                'o' => 0o1007,
                'a' => SPECIAL | ALL,
                _ => return None,
            };
        }
        let verb = match text.as_bytes()[at] {
            b'=' => Verb::Set,
            b'+' => Verb::Add,
            _ => Verb::Remove,
        };
        let (mut bits, mut any_x) = (0, false);
        for letter in text[at + 1..].chars() {
            match letter {
                'r' => bits |= 0o444,
                'w' => bits |= 0o222,
                'x' => bits |= 0o111,
                's' => bits |= 0o6000,
                't' => bits |= 0o1000,
                'X' => any_x = true,
                _ => return None,
            }
        }
        (who != 0).then_some(Self { who, verb, bits, any_x })
    }

    fn of(&self, mode: u32, is_folder: bool) -> u32 {
        let executes = self.any_x && (is_folder || mode & 0o111 != 0);
        let bits = (self.bits | if executes { 0o111 } else { 0 }) & self.who;
        match self.verb {
            Verb::Add => mode | bits,
            Verb::Remove => mode & !bits,
            Verb::Set => {
                let kept = if is_folder { KEPT } else { 0 };
                mode & !(self.who & !kept) | bits
            }
        }
    }
}

/// Whether what a file with this mode holds is private: not everybody on the host may read it.
///
/// What is private is read as a secret: the diff masks it, and what is made of it (a copy, a file assembled from it) is a secret as well. A
/// key or a list of passwords is often its group's to read (`/etc/shadow` is `0640`), and no mode tells it from a configuration
/// that a group reads, so both are private. Configuration as packages ship it, readable by everybody, is shown. So is what a task states in
/// clear, whatever the file's mode: of what was there only lines that the task does not state are masked. Just the file's own mode counts, not those of the folders
/// above it. A secret in a file that is not private is what the lint of plans calls `readable-secret`.
pub fn is_private(mode: u32) -> bool {
    mode & 0o004 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_may_not_read_is_private() {
        for mode in [0o600, 0o640, 0o440, 0o400, 0o4750, 0o711, 0] {
            assert!(is_private(mode), "{mode:o}");
        }
        for mode in [0o644, 0o755, 0o444, 0o604, 0o2775] {
            assert!(!is_private(mode), "{mode:o}");
        }
    }

    #[test]
    fn what_says_all_is_a_mode_of_its_own() {
        for (text, mode) in [
            ("0640", Some(0o640)),
            ("u=rw,g=r,o=r", Some(0o644)),
            ("a=rx,u+w", Some(0o755)),
            ("ug=rwx,o=", Some(0o770)),
            ("u=rwxs,g=rx,o=rx", Some(0o4755)),
            ("u=rw", None),
            ("u=rw,g=r,o+r", None),
            ("u=rwX,g=rX,o=rX", None),
            ("a+r", None),
        ] {
            assert_eq!(Rule::parse(text).unwrap().constant(), mode, "{text}");
        }
    }

    #[test]
    fn it_comes_to_what_chmod_makes_of_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (file, inner) = (folder.path().join("f"), folder.path().join("d"));
        std::fs::write(&file, "").unwrap();
        std::fs::create_dir(&inner).unwrap();
        for text in [
            "0640",
            "755",
            "u=rwX,g=rX,o=",
            "a-x,u+X",
            "go-w",
            "u+s,g=s",
            "o+t",
            "ug=rw,o=r",
            "a=rX",
            "g-s,o=wx",
        ] {
            let rule = Rule::parse(text).unwrap();
            for before in [0o600, 0o644, 0o755, 0o4711, 0o2775, 0o1777, 0o010] {
                for (path, is_folder) in [(&file, false), (&inner, true)] {
                    std::fs::set_permissions(path, PermissionsExt::from_mode(before)).unwrap();
                    // A folder keeps its set-id bits from chmod with digits; from us it doesn't.
                    let text = if text.starts_with(|c: char| c.is_ascii_digit()) {
                        format!("={text}")
                    } else {
                        text.into()
                    };
                    let done = std::process::Command::new("chmod").arg(&text).arg(path).status().unwrap();
                    assert!(done.success());
                    let after = std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
                    assert_eq!(
                        rule.of(before, is_folder),
                        after,
                        "{text} of {before:o}, folder: {is_folder}"
                    );
                    assert_eq!(rule.of(after, is_folder), after, "{text} twice");
                }
            }
        }
        for text in ["", "u", "u=q", "z=r", "+x", "u=r,", "0888", "77777", "u=g", "07"] {
            assert_eq!(Rule::parse(text), None, "{text}");
        }
    }
}
