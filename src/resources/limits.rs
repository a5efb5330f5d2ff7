//! `limits`: what a session of a user may use, by `pam_limits`.

use super::shared::{
    FileState, HostPath, account, content_ops, nothing_comes, observe_bytes, parent_there, roots,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;

const FOLDER: &str = "/etc/security/limits.d";
/// Up to which number of open files the kernel sets a limit, and what that is unless it is set.
const OPEN_FILES: (&str, i64) = ("fs.nr_open", 1 << 20);

pub struct Limits;

/// Limits what each session of a user or group may use: one line of a file in `/etc/security/limits.d`.
///
/// It holds for who logs in from then on. Services of systemd are not touched by it: they have `LimitNOFILE=` and its like in their units.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file, without `.conf`. Default: `provision`. Of files that name the same limit the last by name wins.
    #[serde(default = "provision")]
    name: String,
    /// A user, `@group`, `%group`, `*`, or numbers of users such as `1000:`.
    domain: String,
    /// `soft`: what a session has; `hard`: up to what it may raise that; `-`: both.
    #[serde(rename = "type")]
    kind: Kind,
    /// E.g. `nofile`, `nproc`, `memlock`; see limits.conf(5).
    item: Item,
    /// A number, in the unit of the item (KiB for `memlock`), or `unlimited`. Not needed with `absent`.
    value: Option<String>,
    /// `present` (default) or `absent`. A file in which nothing is left goes too.
    #[serde(default)]
    state: account::Wanted,
}

fn provision() -> String {
    "provision".into()
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Kind {
    Soft,
    Hard,
    #[serde(rename = "-")]
    Both,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Soft => "soft",
            Self::Hard => "hard",
            Self::Both => "-",
        }
    }
}

macro_rules! items {
    ($($name:ident = $word:literal),* $(,)?) => {
        #[derive(Clone, Copy, PartialEq, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        #[schemars(inline)]
        enum Item { $($name),* }

        impl Item {
            fn word(self) -> &'static str {
                match self { $(Self::$name => $word),* }
            }
        }
    };
}

items! {
    Core = "core", Data = "data", Fsize = "fsize", Memlock = "memlock", Nofile = "nofile", Rss = "rss", Stack = "stack",
    Cpu = "cpu", Nproc = "nproc", As = "as", Maxlogins = "maxlogins", Maxsyslogins = "maxsyslogins", Nonewprivs = "nonewprivs",
    Priority = "priority", Locks = "locks", Sigpending = "sigpending", Msgqueue = "msgqueue", Nice = "nice", Rtprio = "rtprio",
}

impl Spec {
    fn path(&self) -> Result<HostPath, Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        let plain =
            !self.name.is_empty() && !self.name.starts_with(['.', '-']) && self.name.chars().all(good);
        if !plain || self.name.ends_with(".conf") {
            let fault =
                Fault::new(format!("`{}` cannot be the name of a file of limits", self.name.escape_debug()));
            return Err(fault.hint("letters, digits, `_`, `-` and `.`; `.conf` is put behind it"));
        }
        Ok(HostPath::new(&format!("{FOLDER}/{}.conf", self.name)).expect("a plain name"))
    }

    fn check(&self) -> Result<(), Fault> {
        self.path()?;
        let name = self.domain.strip_prefix(['@', '%']).unwrap_or(&self.domain);
        let numbers = |text: &str| text.contains(':') && text.chars().all(|c| c.is_ascii_digit() || c == ':');
        let is_any = matches!(self.domain.as_str(), "*" | "%") || numbers(name);
        if !is_any && account::check_name("user", name).is_err() {
            let fault = Fault::new(format!("`{}` is no domain of a limit", self.domain.escape_debug()));
            return Err(fault.hint("a user, `@group`, `%group`, `*`, or numbers of users such as `1000:`"));
        }
        if self.state == account::Wanted::Absent {
            return Ok(());
        }
        let Some(value) = &self.value else {
            return Err(Fault::new("`value` is missing").hint("a number, or `unlimited`"));
        };
        self.check_login(value)?;
        let endless = matches!(value.as_str(), "unlimited" | "infinity" | "-1");
        let range = match self.item {
            Item::Nice | Item::Priority => -20..=19,
            Item::Nonewprivs => 0..=1,
            _ => 0..=i64::MAX,
        };
        let signed = !range.contains(&i64::MAX);
        if self.item == Item::Nofile && endless {
            // The kernel refuses it, and with it the login.
            let fault = Fault::new("`nofile` cannot be without a limit: nobody could log in any more");
            return Err(fault.hint("a number up to what `sysctl fs.nr_open` says, e.g. 1048576"));
        }
        if !value.parse::<i64>().is_ok_and(|number| range.contains(&number)) && (signed || !endless) {
            let fault =
                Fault::new(format!("`value` of `{}` cannot be `{}`", self.item.word(), value.escape_debug()));
            return Err(fault.hint(if signed {
                format!("a number from {} to {}", range.start(), range.end())
            } else {
                "a number, or `unlimited`".into()
            }));
        }
        Ok(())
    }

    /// Nobody could get in to mend it: a number of logins holds whatever the type, one of processes once it is hard.
    fn check_login(&self, value: &str) -> Result<(), Fault> {
        let everybody = matches!(self.domain.as_str(), "*" | "%" | "@root" | "%root");
        let closes = match self.item {
            Item::Maxlogins | Item::Maxsyslogins => true,
            Item::Nproc => !matches!(self.kind, Kind::Soft),
            _ => false,
        };
        if everybody && closes && value.parse() == Ok(0_i64) {
            let (item, domain) = (self.item.word(), &self.domain);
            let fault =
                Fault::new(format!("`{item}` of `{domain}` cannot be 0: nobody could log in any more"));
            return Err(fault.hint("at least 1, or a user or group in `domain` that is to be kept out"));
        }
        Ok(())
    }

    /// Of a limit that the kernel refuses, which ends the login.
    fn check_open_files(&self, seen: &Seen) -> Observe<()> {
        let (key, usual) = OPEN_FILES;
        let output = seen.run(Probe::Sysctl { key: key.into() })?;
        let told = String::from_utf8_lossy(output.stdout.bytes()).trim().parse().ok();
        let most: i64 = told.filter(|_| output.code == 0).unwrap_or(usual);
        let wanted = self.value.as_deref().and_then(|value| value.parse::<i64>().ok());
        if wanted.is_some_and(|wanted| wanted > most) {
            let fault = Fault::new(format!(
                "`nofile` cannot be {}: the kernel sets at most {most}, and nobody of `{}` could log in any more",
                wanted.unwrap_or_default(),
                self.domain
            ));
            return Err(fault
                .hint(format!("a smaller number, or a task of `sysctl` before it that raises `{key}`"))
                .into());
        }
        Ok(())
    }

    fn counts_files(&self) -> bool {
        self.item == Item::Nofile && self.state == account::Wanted::Present
    }

    fn key(&self) -> [&str; 3] {
        [&self.domain, self.kind.word(), self.item.word()]
    }

    fn is_ours(&self, line: &str) -> bool {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        self.key().iter().all(|word| words.next() == Some(word))
    }

    /// The values of our lines.
    fn read(&self, text: &str) -> Option<String> {
        let value = |line: &str| {
            let line = line.split('#').next().unwrap_or_default();
            line.split_whitespace().skip(3).collect::<Vec<_>>().join(" ")
        };
        let found: Vec<_> = text.lines().filter(|line| self.is_ours(line)).map(value).collect();
        (!found.is_empty()).then(|| found.join(", "))
    }

    /// The text with just our line, or without it.
    fn write(&self, text: &str, value: Option<&str>) -> String {
        let line = value.map(|value| format!("{} {value}\n", self.key().join(" ")));
        let (mut out, mut done) = (String::new(), false);
        for whole in text.split_inclusive('\n') {
            if !self.is_ours(whole) {
                out.push_str(whole);
            } else if let Some(line) = line.as_ref().filter(|_| !done) {
                out.push_str(line);
                done = true;
            }
        }
        if let Some(line) = line.filter(|_| !done) {
            if !out.is_empty() && !out.ends_with('\n') {
                out.push('\n');
            }
            out.push_str(&line);
        }
        out
    }
}

#[derive(Clone)]
pub struct Limit {
    value: Option<String>,
    file: FileState,
}

impl State for Limit {
    fn facets(&self) -> Facets {
        let mut facets = FileState { content: None, ..self.file.clone() }.facets();
        if let Some(value) = &self.value {
            facets.insert("value".into(), Facet::from(value.as_str()));
        }
        facets
    }
}

impl Resource for Limits {
    const NAME: &'static str = "limits";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["type", "mode", "owner", "group", "value"];
    const EXAMPLE: &'static str = "name: The application opens many files\nlimits:\n  domain: app\n  type: \"-\"\n  item: nofile\n  value: 65536\n";
    type Spec = Spec;
    type State = Limit;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("limit:{}:{}", spec.name, spec.key().join(":"))))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let files = spec.counts_files().then(|| Area::Sysctl(OPEN_FILES.0.into()));
        Footprint::writes([Area::Path(format!("{FOLDER}/{}.conf", spec.name))]).and_reads(files)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Limit> {
        spec.check()?;
        let path = spec.path()?;
        let wanted = spec.state == account::Wanted::Present;
        let attrs = if wanted { roots(0o644) } else { Attrs::default() };
        let file = observe_bytes(&path, &attrs, false, seen)?;
        match file.what {
            None if wanted => parent_there(&path, seen)?,
            None => nothing_comes(&path, seen)?,
            Some(_) => {}
        }
        if spec.counts_files() {
            spec.check_open_files(seen)?;
        }
        let text = file.read().map_or(&b""[..], Content::bytes);
        let text = std::str::from_utf8(text).map_err(|_| Fault::new(format!("{path} is not UTF-8 text")))?;
        Ok(Limit { value: spec.read(text), file })
    }

    fn desired(spec: &Spec, observed: &Limit) -> Result<Limit, Fault> {
        let wanted = spec.state == account::Wanted::Present;
        let value = spec.value.as_deref().filter(|_| wanted);
        if value.is_none() && observed.value.is_none() {
            return Ok(observed.clone());
        }
        let before =
            observed.file.read().map(|content| String::from_utf8_lossy(content.bytes()).into_owned());
        let before = before.unwrap_or_default();
        // A line that says the same, however it is laid out, stays.
        let after = match observed.value.as_deref() == value {
            true => before,
            false => spec.write(&before, value),
        };
        let file = if value.is_none() && after.trim().is_empty() {
            FileState::default()
        } else {
            let attrs = if wanted { roots(0o644) } else { Attrs::default() };
            observed.file.with_content(&Content::from(after.as_str()), &attrs)
        };
        Ok(Limit { value: value.map(String::from), file })
    }

    fn ops(spec: &Spec, from: &Limit, to: &Limit) -> Vec<Op> {
        let Ok(path) = spec.path() else { return vec![] };
        match to.file.read() {
            Some(content) => content_ops(&path, content, None, &from.file, &to.file),
            None => from
                .file
                .what
                .iter()
                .filter(|_| to.file.what.is_none())
                .map(|_| Op::Remove { path: path.to_string(), recursive: false })
                .collect(),
        }
    }
}
