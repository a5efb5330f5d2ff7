//! `logrotate`: a file in `/etc/logrotate.d`.

use super::shared::{
    FileState, HostPath, OneOrMany, account, content_ops, observe_content, observe_going, roots,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
};
use agent::{
    secret::Content,
    wire::{Op, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;

const FOLDER: &str = "/etc/logrotate.d";

pub struct Logrotate;

/// Says in a file of its own in `/etc/logrotate.d` how logs are rotated.
///
/// Where logrotate is installed it judges the file before anything changes, also under `--check`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file's name.
    name: String,
    /// The logs: full paths, `*` and `?` allowed.
    #[serde(default)]
    paths: OneOrMany<String>,
    /// How often. Default: as `/etc/logrotate.conf` has it.
    frequency: Option<Frequency>,
    /// How many old ones are kept. Default: as `/etc/logrotate.conf` has it.
    rotate: Option<u32>,
    /// Rotates when it is larger than this, however old: `100M`. Default: by time alone.
    size: Option<String>,
    /// Not before it is this large. Default: as `/etc/logrotate.conf` has it.
    minsize: Option<String>,
    /// Also before its time when it is larger than this. Default: as `/etc/logrotate.conf` has it.
    maxsize: Option<String>,
    /// Days after which old ones go. Default: as `/etc/logrotate.conf` has it.
    maxage: Option<u32>,
    /// Whether old ones are compressed. Default: as `/etc/logrotate.conf` has it.
    compress: Option<bool>,
    /// Whether that waits until the next rotation. Default: as `/etc/logrotate.conf` has it.
    delaycompress: Option<bool>,
    /// `true`: that there is no log is no error. Default: as `/etc/logrotate.conf` has it.
    missingok: Option<bool>,
    /// `true`: an empty log is left as it is. Default: as `/etc/logrotate.conf` has it.
    notifempty: Option<bool>,
    /// Whether the log is copied and emptied, for programs that hold it open. Default: as `/etc/logrotate.conf` has it.
    copytruncate: Option<bool>,
    /// Whether old ones are named by their day. Default: as `/etc/logrotate.conf` has it.
    dateext: Option<bool>,
    /// Whether scripts run once for all logs. Default: as `/etc/logrotate.conf` has it.
    sharedscripts: Option<bool>,
    /// How the new log is made: `0640 root adm`. `false`: it is not made. Default: as `/etc/logrotate.conf` has it.
    create: Option<Create>,
    /// As whom it rotates: `app app`. Default: as `/etc/logrotate.conf` has it.
    su: Option<String>,
    /// The folder for old ones. Default: as `/etc/logrotate.conf` has it.
    olddir: Option<HostPath>,
    /// Shell script that runs before a rotation. Default: none.
    prerotate: Option<String>,
    /// Shell script that runs after a rotation. Default: none.
    postrotate: Option<String>,
    /// Any other directives, as in logrotate(8): `[shred, dateformat -%Y%m%d]`.
    #[serde(default)]
    options: Vec<String>,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: account::Wanted,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Frequency {
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(inline)]
enum Create {
    Is(bool),
    As(String),
}

impl Frequency {
    fn word(self) -> &'static str {
        match self {
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
            Self::Monthly => "monthly",
            Self::Yearly => "yearly",
        }
    }
}

/// Refuses what would end a line or the block.
fn one_line<'a>(field: &str, text: &'a str) -> Result<&'a str, Fault> {
    let trimmed = text.trim();
    if trimmed.is_empty()
        || trimmed.chars().any(|c| c.is_control() && c != '\t')
        || trimmed.contains(['{', '}'])
    {
        let fault = Fault::new(format!("`{field}` must be one line without braces"));
        return Err(fault.hint("it is one directive of logrotate"));
    }
    Ok(trimmed)
}

fn size<'a>(field: &str, text: &'a str) -> Result<&'a str, Fault> {
    let digits = text.strip_suffix(['k', 'K', 'M', 'G']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        let fault = Fault::new(format!("`{}` is no `{field}`", text.escape_debug()));
        return Err(fault.hint("bytes, or with `k`, `M`, `G`: `100M`"));
    }
    Ok(text)
}

/// A script between its words, as it was written: a here-document in it has no blanks before its end.
fn script(kind: &str, text: &str) -> Result<String, Fault> {
    if text.lines().any(|line| line.trim() == "endscript") || text.contains('\0') {
        let fault = Fault::new(format!("`{kind}` holds a line `endscript`"));
        return Err(fault.hint("it is put behind the script by itself"));
    }
    Ok(format!("{kind}\n{}\n\tendscript", text.trim_end()))
}

impl Spec {
    fn path(&self) -> Result<HostPath, Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        // What packages leave behind; see `tabooext`.
        const TABOO: [&str; 12] = [
            ".dpkg-old",
            ".dpkg-dist",
            ".dpkg-new",
            ".dpkg-bak",
            ".dpkg-del",
            ".disabled",
            ".bak",
            ".old",
            ".swp",
            ".rpmsave",
            ".rpmnew",
            ".cfsaved",
        ];
        let plain =
            !self.name.is_empty() && !self.name.starts_with(['.', '-']) && self.name.chars().all(good);
        if !plain || TABOO.iter().any(|ending| self.name.ends_with(ending)) {
            let name = self.name.escape_debug();
            let fault = Fault::new(format!("`{name}` cannot be the name of a file in {FOLDER}"));
            return Err(
                fault.hint("letters, digits, `_` and `-`: logrotate passes over names such as `x.bak`")
            );
        }
        Ok(HostPath::new(&format!("{FOLDER}/{}", self.name)).expect("a plain name"))
    }

    fn log(&self, path: &str) -> Result<String, Fault> {
        let bad = path.is_empty() || path.chars().any(|c| c.is_control() || "\"'{}\\".contains(c));
        if bad || !path.starts_with('/') {
            let fault = Fault::new(format!("`{}` is no path of a log", path.escape_debug()));
            return Err(fault.hint("a full path without quotes and braces; `*` and `?` are allowed"));
        }
        Ok(if path.contains([' ', '#']) { format!("\"{path}\"") } else { path.to_string() })
    }

    fn directives(&self) -> Result<Vec<String>, Fault> {
        let mut lines: Vec<String> = vec![];
        let mut word = |set: Option<bool>, yes: &str, no: &str| {
            lines.extend(set.map(|set| if set { yes.to_string() } else { no.to_string() }));
        };
        let frequency = self.frequency.map(Frequency::word).unwrap_or_default();
        word(self.frequency.map(|_| true), frequency, "");
        word(self.compress, "compress", "nocompress");
        word(self.delaycompress, "delaycompress", "nodelaycompress");
        word(self.missingok, "missingok", "nomissingok");
        word(self.notifempty, "notifempty", "ifempty");
        word(self.copytruncate, "copytruncate", "nocopytruncate");
        word(self.dateext, "dateext", "nodateext");
        word(self.sharedscripts, "sharedscripts", "nosharedscripts");
        lines.extend(self.rotate.map(|count| format!("rotate {count}")));
        lines.extend(self.maxage.map(|days| format!("maxage {days}")));
        for (field, value) in [("size", &self.size), ("minsize", &self.minsize), ("maxsize", &self.maxsize)] {
            if let Some(value) = value {
                lines.push(format!("{field} {}", size(field, value)?));
            }
        }
        match &self.create {
            None => {}
            Some(Create::Is(true)) => lines.push("create".into()),
            Some(Create::Is(false)) => lines.push("nocreate".into()),
            Some(Create::As(how)) => lines.push(format!("create {}", one_line("create", how)?)),
        }
        if let Some(su) = &self.su {
            lines.push(format!("su {}", one_line("su", su)?));
        }
        lines.extend(self.olddir.as_ref().map(|folder| format!("olddir {folder}")));
        for option in &self.options {
            lines.push(one_line("options", option)?.to_string());
        }
        for (kind, text) in [("prerotate", &self.prerotate), ("postrotate", &self.postrotate)] {
            if let Some(text) = text {
                lines.push(script(kind, text)?);
            }
        }
        Ok(lines)
    }

    /// The text of the file; `None` when it is not to be.
    fn text(&self) -> Result<Option<Content>, Fault> {
        if self.state == account::Wanted::Absent {
            return Ok(None);
        }
        if self.paths.0.is_empty() {
            let fault = Fault::new(format!("`{}` names no log in `paths`", self.name));
            return Err(fault.hint("give the logs as `paths`, or say `state: absent`"));
        }
        let paths = self.paths.0.iter().map(|path| self.log(path)).collect::<Result<Vec<_>, _>>()?;
        let lines: String = self.directives()?.iter().map(|line| format!("\t{line}\n")).collect();
        let head = "# Written by provisioning: changes made here are lost.";
        Ok(Some(Content::from(format!("{head}\n{} {{\n{lines}}}\n", paths.join("\n")).as_str())))
    }
}

impl Resource for Logrotate {
    const NAME: &'static str = "logrotate";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = FileState::WRITTEN;
    const EXAMPLE: &'static str = "\
name: Keep the logs of two weeks
logrotate:
  name: app
  paths: /var/log/app/*.log
  frequency: daily
  rotate: 14
  compress: true
  missingok: true
  create: 0640 app adm
  postrotate: systemctl kill --signal=HUP app.service
";
    const CONTENT: &'static [&'static str] =
        &["paths", "rotate", "size", "minsize", "maxsize", "maxage", "options"];
    type Spec = Spec;
    type State = FileState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{FOLDER}/{}", spec.name)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        // `create` and `su` name accounts.
        Footprint::writes([Area::Path(format!("{FOLDER}/{}", spec.name))])
            .and_reads([Area::Packages, Area::Accounts])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        let path = spec.path()?;
        let content = spec.text()?;
        let Some(config) = content else { return observe_going(&path, seen) };
        let state = observe_content(&path, &config, &roots(0o644), seen)?;
        let said = seen.run(Probe::Logrotate { config })?;
        if said.code == 1 {
            let words = String::from_utf8_lossy(said.stdout.bytes()).trim().to_string();
            // An account may still come.
            if words.lines().all(|line| line.contains("unknown user") || line.contains("unknown group")) {
                seen.presume(&[Area::Accounts], words)?;
            } else {
                let fault = Fault::new(format!("logrotate would not take this: {words}"));
                return Err(fault
                    .hint("`config` is the file as this task makes it; see logrotate(8)")
                    .into());
            }
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        Ok(match spec.text()? {
            Some(content) => observed.with_content(&content, &roots(0o644)),
            None => FileState::default(),
        })
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        let Ok(path) = spec.path() else { return vec![] };
        match spec.text() {
            Ok(Some(content)) => content_ops(&path, &content, None, from, to),
            _ => from.what.iter().map(|_| Op::Remove { path: path.to_string(), recursive: false }).collect(),
        }
    }
}
