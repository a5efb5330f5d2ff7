//! `hosts_entry`: a line of `/etc/hosts`.

use super::shared::{Edited, FileState, HostPath, OneOrMany, Presence, body, line_break};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
};
use agent::wire::{Attrs, Op};
use schemars::JsonSchema;
use serde::Deserialize;
use std::net::{IpAddr, Ipv4Addr};

pub struct HostsEntry;

/// Names for an address in `/etc/hosts`, which count before any name server.
///
/// With `present`, the address has these names in this order, and another address of the same family (IPv4, IPv6) has none of them: they are
/// taken from its line. Lines of this machine itself (`127.…`, `::1`) with other names on them are left as they are: a task for such an
/// address keeps a line of its own, and a name that stands on one and is wanted elsewhere is an error. Comments and order stay.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The address, IPv4 or IPv6. May be left out with `absent`: whichever has the names.
    ip: Option<String>,
    /// The names, the full one (`db.example.com`) first. With `absent`, left out: the address with all its names.
    #[serde(default)]
    names: OneOrMany<String>,
    /// `absent` takes the names from the address.
    #[serde(default)]
    state: Presence,
    /// The address has no other names than these.
    #[serde(default)]
    exclusive: bool,
    /// The file, where it is another one, of up to 16 MiB.
    #[serde(default = "etc_hosts")]
    path: HostPath,
}

fn etc_hosts() -> HostPath {
    HostPath::new("/etc/hosts").expect("a path")
}

/// Names that this machine has for itself: programs count on them.
const OWN: [&str; 5] = ["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback", "localhost6"];

/// A line of the file.
struct Line<'a> {
    text: &'a str,
    ip: Option<IpAddr>,
    names: Vec<&'a str>,
    /// What it becomes.
    new: Option<Vec<String>>,
}

fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

fn is_in(name: &str, names: &[impl AsRef<str>]) -> bool {
    names.iter().any(|other| same(other.as_ref(), name))
}

impl<'a> Line<'a> {
    fn new(text: &'a str) -> Self {
        let mut words = text.split('#').next().unwrap_or_default().split_whitespace();
        let ip = words.next().and_then(|word| word.parse().ok());
        Self { text, ip, names: if ip.is_some() { words.collect() } else { vec![] }, new: None }
    }

    /// As it will be in the file; `None` when nothing is left of it.
    fn written(&self) -> Option<String> {
        let Some(names) = &self.new else { return Some(self.text.into()) };
        if names.is_empty() {
            return None;
        }
        let (line, end) = self.text.split_at(body(self.text).len());
        let line = line.trim_start();
        let (address, rest) = line.split_at(line.find([' ', '\t', '#']).unwrap_or(line.len()));
        let gap = &rest[..rest.len() - rest.trim_start().len()];
        let gap = if gap.is_empty() { "\t" } else { gap };
        let comment = rest.find('#').map_or("", |at| &rest[at..]);
        let blank = if comment.is_empty() { "" } else { " " };
        Some(format!("{address}{gap}{}{blank}{comment}{end}", names.join(" ")))
    }
}

impl Spec {
    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: Attrs::default(),
            secret: false,
            create: true,
            is_own: false,
            validate: None,
        }
    }

    fn absent(&self) -> bool {
        self.state == Presence::Absent
    }

    fn ip(&self) -> Result<Option<IpAddr>, Fault> {
        let Some(text) = &self.ip else { return Ok(None) };
        let shown = text.escape_debug();
        let Ok(ip) = text.parse::<IpAddr>() else {
            let fault = Fault::new(format!("`{shown}` is no address"));
            return Err(
                fault.hint("one IPv4 or IPv6 address, without a prefix or a zone: `10.0.0.5`, `fd00::5`")
            );
        };
        if ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST) {
            let fault = Fault::new(format!("`{shown}` is the address of no single host"));
            return Err(fault.hint("name the address of one machine"));
        }
        Ok(Some(ip))
    }

    fn checked(&self) -> Result<Option<IpAddr>, Fault> {
        let ip = self.ip()?;
        let names = &self.names.0;
        for name in names {
            check_name(name)?;
        }
        let twice = names.iter().enumerate().find(|(at, name)| is_in(name, &names[..*at]));
        if let Some((_, name)) = twice {
            return Err(Fault::new(format!("`{name}` is named twice")).hint("name each once"));
        }
        match (ip, self.absent()) {
            (None, false) => {
                return Err(Fault::new("`ip` is missing").hint("say which address has the names"));
            }
            (None, true) if names.is_empty() => {
                return Err(Fault::new("`absent` needs an `ip` or `names`").hint("say which lines are to go"));
            }
            (Some(_), false) if names.is_empty() => {
                return Err(Fault::new("`names` is missing").hint("say which names the address has"));
            }
            _ => {}
        }
        if let Some(name) = names.iter().find(|name| self.absent() && is_in(name, &OWN)) {
            let fault = Fault::new(format!("`{name}` may not be taken away"));
            return Err(fault.hint("programs count on this name for the machine itself"));
        }
        let own = names.iter().find(|name| is_in(name, &OWN));
        if let (Some(name), Some(false)) = (own, ip.map(|ip| ip.is_loopback())) {
            let fault = Fault::new(format!("`{name}` is this machine itself and no other"));
            return Err(fault.hint("leave the name out"));
        }
        Ok(ip)
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let ip = self.checked()?;
        let mut lines: Vec<Line> = text.split_inclusive('\n').map(Line::new).collect();
        let mut add = vec![];
        match ip {
            Some(ip) if !self.absent() => {
                self.take_from_others(ip, &mut lines)?;
                add = self.give(ip, &mut lines)?;
            }
            _ => {
                for line in
                    lines.iter_mut().filter(|line| line.ip.is_some() && (ip.is_none() || line.ip == ip))
                {
                    let all = self.names.0.is_empty();
                    let goes = |name: &&str| all || is_in(name, &self.names.0);
                    keep_own(&line.names.iter().copied().filter(goes).collect::<Vec<_>>())?;
                    set(line, line.names.iter().copied().filter(|name| !goes(name)).collect());
                }
            }
        }
        let mut new: String = lines.iter().filter_map(Line::written).collect();
        if let (Some(ip), false) = (ip, add.is_empty()) {
            let newline = line_break(text);
            let end = if new.is_empty() || new.ends_with('\n') { "" } else { newline };
            new += &format!("{end}{ip}\t{}{newline}", add.join(" "));
        }
        Ok(new)
    }

    /// A name that two addresses of a family have means the first of them.
    fn take_from_others(&self, ip: IpAddr, lines: &mut [Line]) -> Result<(), Fault> {
        let wanted = |name: &str| is_in(name, &self.names.0);
        for line in lines {
            let Some(other) = line.ip.filter(|other| *other != ip && other.is_ipv4() == ip.is_ipv4()) else {
                continue;
            };
            let Some(name) = line.names.iter().find(|name| wanted(name)) else { continue };
            if other.is_loopback() && !ip.is_loopback() {
                let fault = Fault::new(format!(
                    "`{name}` stands at {other} in {}, before it could mean {ip}",
                    self.path
                ));
                return Err(fault.hint(format!(
                    "take it away there first: `hosts_entry: {{ip: {other}, names: [{name}], state: absent}}`"
                )));
            }
            let rest = line.names.iter().copied().filter(|name| !wanted(name)).collect();
            set(line, rest);
        }
        Ok(())
    }

    /// Puts the names on the address's line; what it returns wants a line of its own.
    fn give(&self, ip: IpAddr, lines: &mut [Line]) -> Result<Vec<String>, Fault> {
        let names = &self.names.0;
        let wanted = |name: &str| is_in(name, names);
        let foreign = |line: &Line| line.names.iter().any(|name| !wanted(name) || is_in(name, &OWN));
        let mut own: Vec<&mut Line> = lines.iter_mut().filter(|line| line.ip == Some(ip)).collect();
        if self.exclusive {
            let others = own.iter().flat_map(|line| line.names.iter().copied());
            keep_own(&others.filter(|name| !wanted(name)).collect::<Vec<_>>())?;
        }
        // Of a line that is not ours, what it has is there.
        let mut there: Vec<&str> = vec![];
        if ip.is_loopback() && !self.exclusive {
            let (theirs, ours): (Vec<_>, Vec<_>) = own.into_iter().partition(|line| foreign(line));
            there = theirs.iter().flat_map(|line| line.names.clone()).collect();
            own = ours;
        }
        let missing: Vec<String> = names.iter().filter(|name| !is_in(name, &there)).cloned().collect();
        if missing.is_empty() {
            return Ok(vec![]);
        }
        let main = own.iter().position(|line| line.names.iter().any(|name| wanted(name))).unwrap_or(0);
        for (at, line) in own.iter_mut().enumerate() {
            let others = line.names.iter().copied().filter(|name| !self.exclusive && !wanted(name));
            let first = missing.iter().map(String::as_str).filter(|_| at == main);
            let all = first.chain(others).collect();
            set(line, all);
        }
        Ok(if own.is_empty() { missing } else { vec![] })
    }
}

/// What becomes of a line, unless it stays as it is.
fn set(line: &mut Line, names: Vec<&str>) {
    if line.names.len() != names.len() || line.names.iter().zip(&names).any(|(a, b)| !same(a, b)) {
        line.new = Some(names.into_iter().map(String::from).collect());
    }
}

fn keep_own(going: &[&str]) -> Result<(), Fault> {
    let Some(name) = going.iter().find(|name| is_in(name, &OWN)) else { return Ok(()) };
    let fault = Fault::new(format!("`{name}` would be taken away"));
    Err(fault.hint(
        "programs count on this name for the machine itself: name those that are to go, without `exclusive`",
    ))
}

fn check_name(name: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let part =
        |part: &str| !part.is_empty() && part.len() <= 63 && !part.starts_with('-') && !part.ends_with('-');
    if name.len() <= 253 && name.chars().all(good) && name.split('.').all(part) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is no name of a host", name.escape_debug()));
    Err(fault.hint(
        "letters, digits, `-` and `.`, such as `db.example.com`; a name in another script is written `xn--…`",
    ))
}

impl Resource for HostsEntry {
    const NAME: &'static str = "hosts_entry";
    const TOPIC: Topic = Topic::Network;
    const FACETS: &'static [&'static str] = &["type", "mode", "content"];
    const EXAMPLE: &'static str = "\
name: Find the database without a name server
hosts_entry:
  ip: 10.0.0.5
  names: [db.example.com, db]
";
    const CONTENT: &'static [&'static str] = &["ip", "names"];

    type Spec = Spec;
    type State = FileState;

    /// The lines of an address.
    fn address(spec: &Spec) -> Option<Address> {
        let ip = spec.ip().ok().flatten()?;
        Some(Address(format!("hosts:{}:{ip}", spec.path)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()])
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.checked().map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        if spec.absent() { spec.file().look(seen) } else { spec.file().observe(seen) }
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        spec.file().edited(observed, spec.absent(), |text| spec.edit(text))
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        spec.file().ops(from, to)
    }
}
