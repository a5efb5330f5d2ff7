//! `/etc/fstab`: entries in it, found and replaced with everything else left as it is.

use super::unit::systemctl;
use crate::resource::Fault;
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};

pub const PATH: &str = "/etc/fstab";

/// An entry, without escapes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub source: String,
    /// Where it is mounted; `none` of swap.
    pub path: String,
    pub kind: String,
    pub options: String,
    pub dump: u32,
    pub passno: u32,
}

impl Entry {
    /// The entry that a line holds; `None` for blank lines, comments and what is none.
    pub fn parse(line: &str) -> Option<Self> {
        if line.trim_start().starts_with('#') {
            return None;
        }
        let fields: Vec<String> = line.split_whitespace().map(unescape).collect();
        let [source, path, kind, rest @ ..] = &fields[..] else { return None };
        let number = |at: usize| rest.get(at).and_then(|text| text.parse().ok()).unwrap_or(0);
        let path = if path.len() > 1 { path.trim_end_matches('/') } else { path };
        Some(Self {
            source: source.clone(),
            path: path.into(),
            kind: kind.clone(),
            options: rest.first().map_or("defaults", String::as_str).into(),
            dump: number(1),
            passno: number(2),
        })
    }

    /// As it stands in the file, without a line break.
    pub fn line(&self) -> String {
        let words = [&self.source, &self.path, &self.kind, &self.options].map(|word| escape(word));
        format!("{} {} {}", words.join(" "), self.dump, self.passno)
    }
}

fn unescape(word: &str) -> String {
    let mut bytes = vec![];
    let mut rest = word.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = rest.get(1..4).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(|_| *first == b'\\');
        bytes.push(byte.unwrap_or(*first));
        rest = if byte.is_some() { &rest[4..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn escape(word: &str) -> String {
    let mut text = String::new();
    for (at, letter) in word.chars().enumerate() {
        match letter {
            ' ' | '\t' | '\n' | '\\' => text.push_str(&format!("\\{:03o}", u32::from(letter))),
            '#' if at == 0 => text.push_str("\\043"),
            other => text.push(other),
        }
    }
    text
}

/// The one entry that `is` it.
///
/// # Errors
/// A fault when there are several.
pub fn find(text: &str, what: &str, is: impl Fn(&Entry) -> bool) -> Result<Option<Entry>, Fault> {
    let mut found = text.lines().filter_map(Entry::parse).filter(|entry| is(entry));
    let first = found.next();
    match found.next() {
        None => Ok(first),
        Some(_) => Err(Fault::new(format!("{PATH} has several entries for {what}"))
            .hint("leave the one that counts, and remove the others by hand")),
    }
}

/// The text with this entry (or none) in the place of the one that `is` it; a new one comes last.
fn set(text: &str, is: impl Fn(&Entry) -> bool, entry: Option<&Entry>) -> String {
    let mut new = String::new();
    let mut line = entry.map(|entry| entry.line() + "\n");
    for old in text.split_inclusive('\n') {
        if Entry::parse(old).is_some_and(|entry| is(&entry)) {
            new.extend(line.take());
        } else {
            new.push_str(old);
        }
    }
    if let Some(line) = line {
        if !new.is_empty() && !new.ends_with('\n') {
            new.push('\n');
        }
        new.push_str(&line);
    }
    new
}

/// The ops that put this entry (or none) there, and let systemd know, which makes units of the file.
pub fn save(text: &str, is: impl Fn(&Entry) -> bool, entry: Option<&Entry>, has_systemd: bool) -> Vec<Op> {
    let content = Content::from(set(text, is, entry).as_str());
    let mut ops = vec![Op::WriteFile { path: PATH.into(), content, attrs: Attrs::default(), check: None }];
    if has_systemd {
        ops.push(systemctl("daemon-reload", None));
    }
    ops
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# /etc/fstab: static file system information.
UUID=a-b /               ext4    errors=remount-ro 0       1

/dev/vdb\t/srv/a\\040b/\text4\tdefaults
#/dev/vdc /old ext4 defaults 0 2
/swap none swap sw 0 0";

    #[test]
    fn entries_are_found_and_replaced_in_place() {
        let at = |path: &'static str| move |entry: &Entry| entry.path == path;
        let entry = find(TEXT, "it", at("/srv/a b")).unwrap().unwrap();
        assert_eq!(entry.line(), "/dev/vdb /srv/a\\040b ext4 defaults 0 0");
        assert_eq!(find(TEXT, "it", at("/old")).unwrap(), None, "a comment is none");
        let new = Entry { options: "noatime".into(), passno: 2, ..entry };
        let text = set(TEXT, at("/srv/a b"), Some(&new));
        assert_eq!(text.lines().nth(3), Some("/dev/vdb /srv/a\\040b ext4 noatime 0 2"));
        assert_eq!(text.lines().count(), TEXT.lines().count());
        let gone = set(&text, at("/srv/a b"), None);
        assert!(!gone.contains("vdb") && gone.contains("#/dev/vdc /old") && gone.ends_with("sw 0 0"));
        let added =
            set(TEXT, at("/new"), Some(&Entry { path: "/new".into(), source: "#1\t\\".into(), ..new }));
        assert!(added.ends_with("sw 0 0\n\\0431\\011\\134 /new ext4 noatime 0 2\n"), "{added}");
        assert_eq!(Entry::parse(added.lines().last().unwrap()).unwrap().source, "#1\t\\");
        assert!(find("a /x b\nc /x d\n", "/x", at("/x")).is_err());
        assert_eq!(set("", at("/x"), None), "");
    }
}
