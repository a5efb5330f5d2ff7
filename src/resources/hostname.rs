//! `hostname`: the name of the host, at once and after a reboot.

use super::shared::{HostPath, READ_LIMIT, observe_bytes, unit::run};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Op, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;

const STATIC: &str = "/etc/hostname";
const HOSTS: &str = "/etc/hosts";
const RUNNING: &str = "/proc/sys/kernel/hostname";
/// Where Debian keeps the host's own name.
const OWN_ADDRESS: &str = "127.0.1.1";
/// Bytes that the kernel keeps of a name.
const LONGEST: usize = 64;

pub struct Hostname;

/// Sets the host's name: in the running system and in `/etc/hostname`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// A name such as `web1`, or with its domain `web1.example.org`; at most 64 characters.
    name: String,
    /// Also makes the name known to the host itself: `/etc/hosts` gets it as `127.0.1.1`, unless it has it with another address.
    #[serde(default)]
    hosts: bool,
}

pub struct HostnameState {
    kept: Option<String>,
    running: Option<String>,
    /// The line of `/etc/hosts` that has the name, or the one that is to have it.
    line: Option<String>,
    text: String,
}

impl State for HostnameState {
    fn facets(&self) -> Facets {
        let facets = [("static name", &self.kept), ("running name", &self.running), ("hosts", &self.line)];
        let there = facets.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
        there.map(|(name, value)| (name.into(), value.as_str().into())).collect()
    }
}

/// The words of a line of `/etc/hosts`, without its comment.
fn words(line: &str) -> Vec<&str> {
    line.split('#').next().unwrap_or_default().split_whitespace().collect()
}

impl Spec {
    fn check(&self) -> Result<(), Fault> {
        let good = |label: &str| {
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let dashed = label.starts_with('-') || label.ends_with('-');
            (1..64).contains(&label.len()) && label.chars().all(plain) && !dashed
        };
        if self.name.len() <= LONGEST && self.name.split('.').all(good) {
            return Ok(());
        }
        let fault = Fault::new(format!("`{}` cannot be the name of a host", self.name.escape_debug()));
        Err(fault.hint("letters, digits and `-`, with dots between its parts; at most 64 characters"))
    }

    /// The name as others call the host, then its short form.
    fn names(&self) -> Vec<&str> {
        let short = self.name.split('.').next().unwrap_or_default();
        if short == self.name { vec![short] } else { vec![&self.name, short] }
    }

    fn has_names(&self, line: &str) -> bool {
        let words = words(line);
        words.len() > 1 && self.names().iter().all(|name| words[1..].contains(name))
    }

    fn line(&self) -> String {
        format!("{OWN_ADDRESS}\t{}", self.names().join(" "))
    }

    /// A line of the host's own address with our names in front: those of the host until now go, other names and the comment stay.
    fn instead_of(&self, line: &str, before: &[&str]) -> String {
        let names = self.names();
        let short = |name: &str| name.split('.').next().unwrap_or_default().to_lowercase();
        // Its short form too, and with any domain one that was told without.
        let is_old = |word: &str| {
            let is_form = |old: &str| short(old) == short(word) && old.contains('.') != word.contains('.');
            before.iter().any(|old| word.eq_ignore_ascii_case(old) || is_form(old))
        };
        let stays = |word: &&str| !names.contains(word) && (word.starts_with("localhost") || !is_old(word));
        let mut all = vec![self.line()];
        all.extend(words(line).into_iter().skip(1).filter(stays).map(Into::into));
        all.extend(line.split_once('#').map(|(_, comment)| format!("#{comment}")));
        all.join(" ")
    }

    /// The text with our line in it: in the place of the old one, or behind the last of the host itself.
    fn with_line(&self, text: &str, own: &str) -> String {
        let mut lines: Vec<String> = text.lines().map(Into::into).collect();
        let address = |line: &String, is: fn(&str) -> bool| words(line).first().is_some_and(|word| is(word));
        if let Some(at) = lines.iter().position(|line| address(line, |word| word == OWN_ADDRESS)) {
            lines[at] = own.into();
        } else {
            let last = lines.iter().rposition(|line| address(line, |word| word.starts_with("127.")));
            lines.insert(last.map_or(0, |at| at + 1), own.into());
        }
        lines.join("\n") + "\n"
    }
}

fn running() -> Query {
    Query::Read { path: RUNNING.into(), limit: 1024, secret: false }
}

fn text(file: &str, seen: &Seen) -> Observe<Option<String>> {
    let path = HostPath::new(file).map_err(Fault::new)?;
    let state = observe_bytes(&path, &Attrs::default(), false, seen)?;
    Ok(state.read().map(|content| String::from_utf8_lossy(content.bytes()).into_owned()))
}

impl Resource for Hostname {
    const NAME: &'static str = "hostname";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["static name", "running name", "hosts"];
    const EXAMPLE: &'static str =
        "name: Call it by its name\nhostname:\n  name: web1.example.org\n  hosts: true\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name"];
    type Spec = Spec;
    type State = HostnameState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(_: &Spec) -> Option<Address> {
        Some(Address("hostname".into()))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let hosts = spec.hosts.then_some(HOSTS);
        let paths = [STATIC, RUNNING].into_iter().chain(hosts);
        Footprint::writes(paths.map(|path| Area::Path(path.into())))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<HostnameState> {
        let files = [Some(STATIC), spec.hosts.then_some(HOSTS)].into_iter().flatten();
        let both = |path: &str| {
            [file_query(path), Query::Read { path: path.into(), limit: READ_LIMIT, secret: false }]
        };
        seen.each(files.flat_map(both).chain([running()]))?;
        let kept = text(STATIC, seen)?.map(|text| {
            let mut lines =
                text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
            lines.next().unwrap_or_default().to_string()
        });
        let running = match seen.get(running())? {
            Answer::Content(Some(content)) => {
                Some(String::from_utf8_lossy(content.bytes()).trim().to_string())
            }
            _ => return Err(Fault::new(format!("the kernel does not tell its name: no {RUNNING}")).into()),
        };
        let mut state = HostnameState { kept, running, line: None, text: String::new() };
        if spec.hosts {
            state.text = text(HOSTS, seen)?.unwrap_or_default();
            let own = |line: &&str| words(line).first() == Some(&OWN_ADDRESS);
            let found = state.text.lines().find(|line| spec.has_names(line));
            state.line = match found {
                Some(_) => Some(spec.line()),
                None => state.text.lines().find(own).map(Into::into),
            };
        }
        Ok(state)
    }

    fn desired(spec: &Spec, from: &HostnameState) -> Result<HostnameState, Fault> {
        let name = Some(spec.name.clone());
        let before: Vec<&str> = [&from.kept, &from.running]
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|name| *name != spec.name)
            .collect();
        let line = spec.hosts.then(|| match &from.line {
            Some(line) if spec.has_names(line) => line.clone(),
            Some(line) => spec.instead_of(line, &before),
            None => spec.line(),
        });
        Ok(HostnameState { kept: name.clone(), running: name, line, text: from.text.clone() })
    }

    fn ops(spec: &Spec, from: &HostnameState, to: &HostnameState) -> Vec<Op> {
        let write = |path: &str, text: String| Op::WriteFile {
            path: path.into(),
            content: Content::from(text.as_str()),
            attrs: Attrs::default(),
            check: None,
        };
        let mut ops = vec![];
        // Before the name changes: programs that look up their own host find it at any time.
        if let Some(line) = to.line.as_ref().filter(|_| from.line != to.line) {
            ops.push(write(HOSTS, spec.with_line(&from.text, line)));
        }
        if from.running != to.running {
            ops.push(run(["hostname", &spec.name]));
        }
        if from.kept != to.kept {
            ops.push(write(STATIC, format!("{}\n", spec.name)));
        }
        ops
    }

    fn effects(spec: &Spec, _: &HostnameState, _: &HostnameState, _: &[Op]) -> Vec<Effect> {
        let name = Content::from(format!("{}\n", spec.name).as_str());
        vec![Effect::Answer(running(), Answer::Content(Some(name)))]
    }
}
