//! An access control list, and what `setfacl` makes of it.

use super::tree::output;
use agent::wire::{Answer, Kind, Meta};

/// The lists of a file or a folder, as the agent tells them.
pub(super) struct List {
    is_folder: bool,
    access: Vec<String>,
    default: Vec<String>,
}

/// The order in which the kernel keeps entries.
fn place(entry: &str) -> (usize, u32) {
    let mut parts = entry.split(':');
    let (tag, who) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let at = match (tag, who) {
        ("user", "") => 0,
        ("user", _) => 1,
        ("group", "") => 2,
        ("group", _) => 3,
        ("mask", _) => 4,
        _ => 5,
    };
    (at, who.parse().unwrap_or_default())
}

fn rights_in<'a>(entries: &'a [String], key: &str) -> Option<&'a str> {
    entries.iter().find_map(|entry| entry.strip_prefix(key))
}

impl List {
    pub fn of_mode(meta: &Meta) -> Self {
        let entry = |of: &str, shift: u32| {
            let rights = [(4, 'r'), (2, 'w'), (1, 'x')];
            let rights = rights.map(|(bit, letter)| if meta.mode >> shift & bit != 0 { letter } else { '-' });
            format!("{of}::{}", rights.iter().collect::<String>())
        };
        let access = vec![entry("user", 6), entry("group", 3), entry("other", 0)];
        Self { is_folder: meta.kind == Kind::Folder, access, default: vec![] }
    }

    pub fn read(text: &str) -> Option<Self> {
        let mut fields = text.trim_end().splitn(5, '\t');
        let (kind, count, access, default) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let list = |text: &str| text.split(',').filter(|entry| *entry != "-").map(String::from).collect();
        (count == "1").then(|| Self { is_folder: kind == "d", access: list(access), default: list(default) })
    }

    pub fn told(&self, path: &str) -> Answer {
        let kind = if self.is_folder { 'd' } else { 'f' };
        let default = if self.default.is_empty() { "-".into() } else { self.default.join(",") };
        output(&format!("{kind}\t1\t{}\t{default}\t{path}\n", self.access.join(",")))
    }

    /// As `setfacl` does it, which lets all entries have their rights unless a mask is named.
    pub fn set(&mut self, is_default: bool, changed: &[(String, Option<&str>)]) {
        let mut list = if is_default { self.default.clone() } else { self.access.clone() };
        if is_default && list.is_empty() && changed.iter().any(|(_, rights)| rights.is_some()) {
            list.extend(self.access.iter().filter(|entry| [0, 2, 5].contains(&place(entry).0)).cloned());
        }
        for (key, rights) in changed {
            // By what the entries before it have made of the list.
            let is_executable = self.is_folder || list.iter().any(|entry| entry.ends_with('x'));
            list.retain(|entry| !entry.starts_with(&**key));
            let x = if is_executable { "x" } else { "-" };
            list.extend(rights.map(|rights| format!("{key}{}", rights.replace('X', x))));
        }
        let is_masked = list.iter().any(|entry| [1, 3, 4].contains(&place(entry).0));
        if is_masked && !changed.iter().any(|(key, _)| key == "mask::") {
            let all = list.iter().filter(|entry| [1, 2, 3].contains(&place(entry).0));
            let all: Vec<&str> = all.filter_map(|entry| entry.rsplit(':').next()).collect();
            let mask: String = ['r', 'w', 'x']
                .iter()
                .map(|right| if all.iter().any(|rights| rights.contains(*right)) { *right } else { '-' })
                .collect();
            list.retain(|entry| !entry.starts_with("mask:"));
            list.push(format!("mask::{mask}"));
        }
        list.sort_by_key(|entry| place(entry));
        *(if is_default { &mut self.default } else { &mut self.access }) = list;
    }

    /// The bits of the mode that go with it.
    pub fn mode(&self) -> u32 {
        let bits = |key: &str| {
            let rights = rights_in(&self.access, key).unwrap_or("---");
            rights.chars().fold(0, |bits, right| bits << 1 | u32::from(right != '-'))
        };
        let group = if rights_in(&self.access, "mask::").is_some() { "mask::" } else { "group::" };
        bits("user::") << 6 | bits(group) << 3 | bits("other::")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `setfacl` itself has done it.
    #[test]
    fn a_list_is_told_before_it_is_set() {
        let told = |kind: Kind, mode: u32, changes: &[(&str, Option<&str>)]| {
            let mut list =
                List::of_mode(&Meta { mode, owner: String::new(), group: String::new(), size: 0, kind });
            for (entry, rights) in changes {
                let (is_default, key) = entry.strip_prefix("d:").map_or((false, *entry), |key| (true, key));
                list.set(is_default, &[(key.into(), *rights)]);
            }
            format!("{:o} {} {}", list.mode(), list.access.join(","), list.default.join(","))
        };
        let file = || Kind::File { digest: None };
        for (kind, mode, changes, expected) in [
            (
                file(),
                0o644,
                vec![("user:1:", Some("rwX"))],
                "664 user::rw-,user:1:rw-,group::r--,mask::rw-,other::r-- ",
            ),
            (
                file(),
                0o755,
                vec![("user:1:", Some("r-X"))],
                "755 user::rwx,user:1:r-x,group::r-x,mask::r-x,other::r-x ",
            ),
            (file(), 0o644, vec![("user::", Some("r--"))], "444 user::r--,group::r--,other::r-- "),
            (file(), 0o664, vec![("mask::", Some("r--"))], "644 user::rw-,group::rw-,mask::r--,other::r-- "),
            (
                file(),
                0o600,
                vec![("group:2:", Some("rw-")), ("user:1:", Some("r--")), ("group:2:", None)],
                "640 user::rw-,user:1:r--,group::---,mask::r--,other::--- ",
            ),
            (
                file(),
                0o640,
                vec![("user:1:", Some("rw-")), ("user:1:", None)],
                "640 user::rw-,group::r--,mask::r--,other::--- ",
            ),
            (
                Kind::Folder,
                0o755,
                vec![("d:user:1:", Some("rw-"))],
                "755 user::rwx,group::r-x,other::r-x user::rwx,user:1:rw-,group::r-x,mask::rwx,other::r-x",
            ),
        ] {
            assert_eq!(told(kind, mode, &changes), expected, "{changes:?}");
        }
    }

    /// Several at once, each by what those before it have made of the list. As `setfacl` itself has done it.
    #[test]
    fn what_is_executable_is_seen_at_each_entry() {
        for (mode, changes, expected) in [
            (0o644, "user::rwx,other::r-X", "745 user::rwx,group::r--,other::r-x"),
            (0o644, "other::r-X,user::rwx", "744 user::rwx,group::r--,other::r--"),
            (0o744, "user::rw-,other::r-X", "644 user::rw-,group::r--,other::r--"),
            (0o744, "user::r-X", "544 user::r-x,group::r--,other::r--"),
            (0o755, "user::rw-,group::r--,other::r-X", "645 user::rw-,group::r--,other::r-x"),
            (
                0o644,
                "user:1:rwX,user:2:rwx,group::r-X",
                "674 user::rw-,user:1:rw-,user:2:rwx,group::r-x,mask::rwx,other::r--",
            ),
        ] {
            let kind = Kind::File { digest: None };
            let mut list =
                List::of_mode(&Meta { mode, owner: String::new(), group: String::new(), size: 0, kind });
            let entry = |entry: &'static str| {
                let (key, rights) = entry.rsplit_once(':').unwrap();
                (format!("{key}:"), Some(rights))
            };
            list.set(false, &changes.split(',').map(entry).collect::<Vec<_>>());
            assert_eq!(format!("{:o} {}", list.mode(), list.access.join(",")), expected, "{changes}");
        }
    }
}
