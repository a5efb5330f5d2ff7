//! `cron`: a job in a file in `/etc/cron.d`, or in the crontab of a user.

mod schedule;
mod table;

use super::shared::{
    FileState, HostPath, What, account, content_ops, observe_bytes, parent_there, roots, unit::output,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
    yaml::Text,
};
use agent::{
    mode::is_private,
    secret::Content,
    wire::{Answer, Attrs, Exec, Op, Probe, Query},
};
use schedule::FIELDS;
use schemars::JsonSchema;
use serde::Deserialize;
use table::Own;

const FOLDER: &str = "/etc/cron.d";
const SPOOL: &str = "/var/spool/cron/crontabs";

pub struct Cron;

/// Makes sure that cron runs a job, or does not.
///
/// The job is found by its `name`, which stands in a comment above it; jobs that Ansible brought under that name are taken over as they
/// are. Jobs of others stay as they are.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What the job is called, in one line. With `env`, the name of the variable.
    name: String,
    /// The command, in one line, for `/bin/sh`. cron takes a `%` without a `\` before it for a line break. With `env`, the value.
    /// Needed with `present`.
    job: Option<Text>,
    /// `0` to `59`. Default: `*`, as of all five fields, which take `1-5`, `*/15` and several with commas as well.
    minute: Option<String>,
    /// `0` to `23`. Default: `*`.
    hour: Option<String>,
    /// Of the month. Default: `*`.
    day: Option<String>,
    /// `1` to `12`, or `jan`, `feb`, ... Default: `*`.
    month: Option<String>,
    /// `0` to `7` (0 and 7 are Sunday), or `mon`, `tue`, ... Default: `*`.
    weekday: Option<String>,
    /// In place of the five fields.
    special_time: Option<Special>,
    /// A file in `/etc/cron.d`, by its name; 0644, or less if that is its mode already or the job is secret. Default: the crontab of `user`.
    cron_file: Option<String>,
    /// Whose job it is. In a file in `/etc/cron.d` root's by default, else of the user that the task runs as.
    user: Option<String>,
    /// It is a variable of the environment of all jobs, not a job.
    #[serde(default)]
    env: bool,
    /// The job stays in its place as a comment.
    #[serde(default)]
    disabled: bool,
    /// `present` (default) or `absent`. A file of `/etc/cron.d` in which nothing is left goes too.
    #[serde(default)]
    state: account::Wanted,
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Special {
    Reboot,
    Hourly,
    Daily,
    Weekly,
    Monthly,
    Yearly,
    Annually,
}

impl Special {
    fn word(self) -> &'static str {
        match self {
            Self::Reboot => "@reboot",
            Self::Hourly => "@hourly",
            Self::Daily => "@daily",
            Self::Weekly => "@weekly",
            Self::Monthly => "@monthly",
            Self::Yearly => "@yearly",
            Self::Annually => "@annually",
        }
    }
}

impl Spec {
    fn own(&self) -> Own<'_> {
        if self.env { Own::Variable(&self.name) } else { Own::Job(&self.name) }
    }

    fn check(&self) -> Result<(), Fault> {
        if self.name.trim().is_empty()
            || self.name.trim() != self.name
            || self.name.chars().any(char::is_control)
        {
            let fault = Fault::new("`name` must be one line, without blanks around it");
            return Err(fault.hint("it stands in a comment above the job"));
        }
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if self.env && !self.name.chars().all(good) {
            let fault = Fault::new(format!("`{}` is not the name of a variable", self.name.escape_debug()));
            return Err(fault.hint("letters, digits and `_`"));
        }
        if let Some(user) = &self.user {
            account::check_name("user", user)?;
        }
        let fields = self.fields();
        for (field, value) in FIELDS.iter().zip(fields) {
            value.iter().try_for_each(|value| field.check(value))?;
        }
        let named = FIELDS.iter().zip(fields).find(|(_, value)| value.is_some()).map(|(field, _)| field.0);
        if let Some(named) = named
            && (self.special_time.is_some() || self.env)
        {
            let other = if self.env { "env" } else { "special_time" };
            let fault = Fault::new(format!("`{named}` and `{other}` exclude each other"));
            return Err(fault.hint("leave one of them out"));
        }
        self.path()?;
        self.line().map(drop)
    }

    fn fields(&self) -> [Option<&String>; 5] {
        [&self.minute, &self.hour, &self.day, &self.month, &self.weekday].map(Option::as_ref)
    }

    /// The file, if the job is in one.
    fn path(&self) -> Result<Option<HostPath>, Fault> {
        let Some(file) = &self.cron_file else { return Ok(None) };
        let name = file.strip_prefix(FOLDER).and_then(|rest| rest.strip_prefix('/')).unwrap_or(file);
        let good = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
            let fault =
                Fault::new(format!("`{}` cannot be the name of a file in {FOLDER}", file.escape_debug()));
            return Err(fault.hint("letters, digits, `_` and `-`: cron passes over all others"));
        }
        Ok(Some(HostPath::new(&format!("{FOLDER}/{name}")).expect("a plain name")))
    }

    /// The line; `None` when there is to be none.
    fn line(&self) -> Result<Option<Content>, Fault> {
        if self.state == account::Wanted::Absent {
            return Ok(None);
        }
        let what = if self.env { "value" } else { "command" };
        let Some(Text(job)) = &self.job else {
            let fault = Fault::new(format!("`job` is missing: `{}` has no {what}", self.name));
            return Err(fault.hint(format!("give the {what} as `job`, or say `state: absent`")));
        };
        let text = std::str::from_utf8(job.bytes()).map_err(|_| Fault::new("`job` is not UTF-8 text"))?;
        let text = text.trim_end_matches('\n');
        if text.chars().any(|c| c.is_control() && c != '\t') {
            let fault = Fault::new("`job` must be one line");
            return Err(fault.hint("a longer one goes into a script: `copy` it to the host, and run that"));
        }
        let line = if self.env {
            let quote = if text.contains('"') { '\'' } else { '"' };
            if text.contains('"') && text.contains('\'') {
                let fault =
                    Fault::new("`job` holds both kinds of quotes, which cron cannot read in a variable");
                return Err(fault.hint("set the variable in the command of the job"));
            }
            format!("{}={quote}{text}{quote}", self.name)
        } else {
            if text.trim().is_empty() {
                return Err(Fault::new("`job` is empty").hint("give the command"));
            }
            let fields = self.fields().map(|field| field.map_or("*", String::as_str)).join(" ");
            let when = self.special_time.map_or(fields, |special| special.word().to_string());
            let user = self.cron_file.as_ref().map(|_| self.user.as_deref().unwrap_or("root"));
            let disabled = if self.disabled { "#" } else { "" };
            let user = user.map(|user| format!(" {user}")).unwrap_or_default();
            format!("{disabled}{when}{user} {}", text.trim_start())
        };
        Ok(Some(Content::new(line, job.is_secret())))
    }

    /// Of the file: what is taken out of one leaves it as it is.
    fn attrs(&self, mode: u32) -> Attrs {
        if self.state == account::Wanted::Present { roots(mode) } else { Attrs::default() }
    }

    fn crontab(&self) -> Probe {
        Probe::Crontab { user: self.user.clone() }
    }
}

#[derive(Clone)]
pub struct Jobs {
    /// What is ours of it.
    entry: Option<Content>,
    /// All of it.
    text: Content,
    /// A file in `/etc/cron.d`.
    file: Option<FileState>,
}

impl State for Jobs {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(file) = &self.file {
            // Of its content only what is ours is told: lines of others are none of this task's business.
            facets = FileState { content: None, ..file.clone() }.facets();
        }
        if let Some(entry) = &self.entry {
            facets.insert("entry".into(), Facet::content(entry));
        }
        facets
    }
}

/// A user's crontab; none is an empty one.
fn crontab(spec: &Spec, seen: &Seen) -> Observe<Content> {
    let empty = Content::from("");
    if let Some(user) = &spec.user {
        seen.all([Query::User { name: user.clone() }, Query::Run(spec.crontab())])?;
        if seen.user(user)?.is_none() {
            if spec.state == account::Wanted::Present {
                seen.presume(&[Area::Accounts], format!("the host has no user `{user}`"))?;
            }
            return Ok(empty);
        }
    }
    let said = seen.run(spec.crontab())?;
    let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
    match said.code {
        0 => Ok(said.stdout),
        127 if spec.state == account::Wanted::Absent => Ok(empty),
        127 => seen.presume(&[Area::Packages], "there is no crontab (package cron)").map(|()| empty),
        _ if words.contains("no crontab for") => Ok(empty),
        // One whom a task before it makes, as far as it is known: crontab knows better, and asks for nobody but those that are.
        _ if spec.user.is_some() && words.contains("unknown") => Ok(empty),
        _ => Err(Fault::new(format!("the crontab may not be read: {words}"))
            .hint("`become: true` runs the task as root, who may read all of them")
            .into()),
    }
}

impl Resource for Cron {
    const NAME: &'static str = "cron";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["type", "mode", "owner", "group", "entry"];
    const EXAMPLE: &'static str = "\
name: A backup every night
cron:
  name: backup
  cron_file: backup
  user: app
  hour: 3
  minute: 15
  job: /usr/local/bin/backup --quiet
";
    const CONTENT: &'static [&'static str] = &["job", "minute", "hour", "day", "month", "weekday"];
    type Spec = Spec;
    type State = Jobs;

    fn address(spec: &Spec) -> Option<Address> {
        let place = spec.cron_file.as_ref().map(|file| format!("file:{file}"));
        let place = place.unwrap_or_else(|| spec.user.clone().unwrap_or_default());
        let kind = if spec.env { "env" } else { "job" };
        Some(Address(format!("cron:{place}:{kind}:{}", spec.name)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let file = spec.path().ok().flatten();
        let own = || format!("{SPOOL}/{}", spec.user.as_deref().unwrap_or_default());
        let path = file.map_or_else(own, |path| path.to_string());
        Footprint::writes([Area::Path(path.trim_end_matches('/').into())])
            .and_reads([Area::Accounts, Area::Packages])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Jobs> {
        spec.check()?;
        let (file, text) = match spec.path()? {
            None => (None, crontab(spec, seen)?),
            Some(path) => {
                let secret = spec.job.as_ref().is_some_and(Text::is_secret);
                let file = observe_bytes(&path, &spec.attrs(0o644), secret, seen)?;
                if file.what.is_none() && spec.state == account::Wanted::Present {
                    parent_there(&path, seen)?;
                }
                let text = file.read().cloned().unwrap_or_else(|| Content::from(""));
                // Another task's secret may be in it.
                let is_private = seen.meta(&path)?.is_some_and(|meta| is_private(meta.mode));
                let text = Content::new(text.bytes(), is_private || text.is_secret());
                (Some(file), text)
            }
        };
        let whole = std::str::from_utf8(text.bytes())
            .map_err(|_| Fault::new("the crontab is not UTF-8 text").hint("mend it by hand"))?;
        let secret = text.is_secret() || spec.job.as_ref().is_some_and(Text::is_secret);
        let entry = spec.own().read(whole).map(|entry| Content::new(entry, secret));
        Ok(Jobs { entry, text, file })
    }

    fn desired(spec: &Spec, observed: &Jobs) -> Result<Jobs, Fault> {
        let entry = spec.line()?;
        let line = entry.as_ref().map(|line| String::from_utf8_lossy(line.bytes()).into_owned());
        let before = String::from_utf8_lossy(observed.text.bytes()).into_owned();
        let after = spec.own().write(&before, line.as_deref());
        let secret = observed.text.is_secret() || entry.as_ref().is_some_and(Content::is_secret);
        let text = Content::new(after, secret);
        let mode = if entry.as_ref().is_some_and(Content::is_secret) { 0o600 } else { 0o644 };
        let file = observed.file.as_ref().map(|file| {
            let is_there = file.what.is_some();
            let goes = entry.is_none() && (!is_there || text.bytes().trim_ascii().is_empty());
            let untouched = entry.is_none() && observed.entry.is_none();
            match (goes, untouched) {
                (_, true) => file.clone(),
                (true, _) => FileState::default(),
                // One that is narrower stays so: another task's secret may be in it.
                _ => file.with_content(&text, &spec.attrs(file.mode.map_or(mode, |there| there & mode))),
            }
        });
        Ok(Jobs { entry, text, file })
    }

    fn ops(spec: &Spec, from: &Jobs, to: &Jobs) -> Vec<Op> {
        if from.facets() == to.facets() {
            return vec![];
        }
        let Ok(Some(path)) = spec.path() else {
            let user = spec.user.iter().flat_map(|user| ["-u", user]);
            let argv = ["crontab"].into_iter().chain(user);
            // Without its last line it goes too: an empty one is none.
            if to.text.bytes().trim_ascii().is_empty() {
                return vec![Op::Exec { exec: Exec::new(argv.chain(["-r"])), ok: vec![] }];
            }
            let stdin = Some(to.text.clone());
            return vec![Op::Exec { exec: Exec { stdin, ..Exec::new(argv.chain(["-"])) }, ok: vec![] }];
        };
        let (Some(before), Some(after)) = (&from.file, &to.file) else { return vec![] };
        match &after.what {
            None => vec![Op::Remove { path: path.to_string(), recursive: false }],
            Some(What::File) => content_ops(&path, &to.text, None, before, after),
            Some(_) => vec![],
        }
    }

    fn effects(spec: &Spec, _: &Jobs, to: &Jobs, _: &[Op]) -> Vec<Effect> {
        if spec.cron_file.is_some() {
            return vec![];
        }
        let empty = to.text.bytes().trim_ascii().is_empty();
        let mut said = output(i32::from(empty), "");
        said.stdout = Content::new(to.text.bytes(), true);
        if empty {
            said.stderr = Content::from("no crontab for");
        }
        vec![Effect::Answer(Query::Run(spec.crontab()), Answer::Output(said))]
    }
}
