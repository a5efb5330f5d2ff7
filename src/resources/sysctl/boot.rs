//! What is read at boot after a file, and says otherwise.
//!
//! systemd reads the files of four folders by name, all together; of the same name, that of the first folder. The last line wins.

use super::{LIMIT, plain};
use crate::resource::{Observe, Seen, file_query};
use agent::{
    secret::Content,
    wire::{Answer, Kind, Query},
};
use std::{
    collections::BTreeMap,
    ops::Bound,
    path::{Component, Path},
};

pub const FOLDERS: [&str; 4] =
    ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];
/// It is read as what leads to it.
pub const MAIN: &str = "/etc/sysctl.conf";
const LINK: &str = "99-sysctl.conf";

/// A parameter by the path of its file: `net.ipv4.conf.eth0/1.x` and `net/ipv4/conf/eth0.1/x` are the same. The first separator tells
/// which one it is.
pub fn path_of(name: &str) -> String {
    let swap = |c| match c {
        '.' => '/',
        '/' => '.',
        c => c,
    };
    let first = name.find(['.', '/']).map(|at| &name[at..=at]);
    if first == Some(".") { name.chars().map(swap).collect() } else { name.into() }
}

/// The parameter that a line sets, as a path, and its value.
pub fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    let line = line.strip_prefix('-').unwrap_or(line).trim_start();
    let (name, value) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))?;
    Some((path_of(name.trim()), plain(value)))
}

/// A later line of another file.
pub struct Later {
    pub path: String,
    pub line: usize,
    pub value: String,
}

/// What comes of a file at boot.
pub enum AtBoot {
    Read(Option<Later>),
    /// Nothing reads it.
    Unread,
}

/// To be asked first, along with others.
pub fn questions() -> impl Iterator<Item = Query> {
    FOLDERS.into_iter().map(|path| Query::List { path: path.into() })
}

/// Where a link leads.
fn target(link: &str, target: &str) -> String {
    let path = Path::new(link).parent().unwrap_or(Path::new("/")).join(target);
    let mut names: Vec<String> = vec![];
    for part in path.components() {
        match part {
            Component::ParentDir => _ = names.pop(),
            Component::Normal(name) => names.push(name.to_string_lossy().into_owned()),
            _ => {}
        }
    }
    format!("/{}", names.join("/"))
}

/// The last line that sets the parameter in a file after `file` to something else.
pub fn look(seen: &Seen, file: &str, name: &str, value: &str) -> Observe<AtBoot> {
    let mut files = BTreeMap::new();
    for (folder, answer) in FOLDERS.into_iter().zip(seen.each(questions())?) {
        let names = match answer {
            Answer::Names(Some(names)) => names,
            _ => vec![],
        };
        for name in names.into_iter().filter(|name| name.ends_with(".conf")) {
            files.entry(name).or_insert(folder);
        }
    }
    let own = match file.rsplit_once('/') {
        _ if file == MAIN && files.contains_key(LINK) => LINK,
        Some((folder, own)) if FOLDERS.contains(&folder) && own.ends_with(".conf") => own,
        _ => return Ok(AtBoot::Unread),
    };
    let after = files.range::<str, _>((Bound::Excluded(own), Bound::Unbounded));
    let after: Vec<String> = after.map(|(name, folder)| format!("{folder}/{name}")).collect();
    let read = |path: &String| Query::Read { path: path.clone(), limit: LIMIT, secret: false };
    seen.each(after.iter().flat_map(|path| [file_query(path), read(path)]))?;
    let real = |path: String| -> Observe<String> {
        Ok(match seen.meta(&path)?.map(|meta| meta.kind) {
            Some(Kind::Link { target: to }) => target(&path, &to),
            _ => path,
        })
    };
    let after = after.into_iter().map(real).collect::<Result<Vec<_>, _>>()?;
    let (mut found, wanted) = (None, path_of(name));
    for path in after {
        // What leads to the file itself is read later, and says what the file will say.
        if path == file {
            found = None;
            continue;
        }
        let content = seen.content(&path, LIMIT, false)?;
        let text = String::from_utf8_lossy(content.as_ref().map_or(&b""[..], Content::bytes)).into_owned();
        let ours = |(at, line): (usize, &str)| {
            assignment(line).filter(|(key, _)| *key == wanted).map(|(_, value)| (at + 1, value))
        };
        if let Some((line, said)) = text.lines().enumerate().filter_map(ours).last() {
            found = (said != value).then_some(Later { path, line, value: said });
        }
    }
    Ok(AtBoot::Read(found))
}

#[cfg(test)]
mod tests {
    use super::{assignment, path_of, target};

    #[test]
    fn a_parameter_has_one_path() {
        assert_eq!(path_of("net.ipv4.conf.eth0/1.forwarding"), "net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(path_of("net/ipv4/conf/eth0.1/forwarding"), "net/ipv4/conf/eth0.1/forwarding");
        assert_eq!(path_of("x"), "x");
    }

    #[test]
    fn lines_are_read_as_systemd_reads_them() {
        let is = |line: &str| assignment(line).map(|(name, value)| format!("{name}={value}"));
        assert_eq!(is(" -net.a = 1\t2 ").as_deref(), Some("net/a=1 2"));
        assert_eq!(is("net/a=").as_deref(), Some("net/a="));
        for none in ["# net.a = 1", ";net.a=1", "", "-net.a"] {
            assert_eq!(is(none), None, "{none}");
        }
    }

    #[test]
    fn a_link_leads_somewhere() {
        assert_eq!(target("/etc/sysctl.d/99-sysctl.conf", "../sysctl.conf"), "/etc/sysctl.conf");
        assert_eq!(target("/etc/sysctl.d/x.conf", "/dev/null"), "/dev/null");
    }
}
