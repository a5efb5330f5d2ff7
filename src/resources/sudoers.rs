//! `sudoers`: a file in `/etc/sudoers.d`.

use super::shared::{
    FileState, HostPath, OneOrMany, account, armed, content_ops, observe_content, observe_going, roots,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Meta, Op, Probe, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;

const FOLDER: &str = "/etc/sudoers.d";
const MODE: u32 = 0o440;

pub struct Sudoers;

/// Says in a file of its own in `/etc/sudoers.d` what a user or a group may do by sudo.
///
/// `visudo` judges all of sudoers as it will be: what sudo would not take is refused before anything changes, also under `--check`.
/// The file belongs to root, mode 0440.
///
/// Where the connection does not log in as root, a change of what there is starts a timer on the host first, which puts the old file back
/// unless a new connection could become root in time: one cannot lock oneself out. Likewise when the file goes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file's name. Without `.` and `~`: sudo passes over such files.
    name: String,
    /// The whole text, in place of `user`, `group`, `commands` and what belongs to them.
    content: Option<Text>,
    /// Who may. Needed unless `group` or `content` is given.
    user: Option<String>,
    /// Whose members may. Needed unless `user` or `content` is given.
    group: Option<String>,
    /// What they may run, with full paths; `ALL` is everything. A `,`, `:`, `=` or `#` among the arguments needs no backslash.
    #[serde(default)]
    commands: OneOrMany<String>,
    /// Whether sudo asks them for no password. Default: true.
    nopassword: Option<bool>,
    /// As whom they may: `root`, `app`, `app:www-data`, `ALL`. Default: as sudo has it, which is root.
    runas: Option<String>,
    /// On which hosts. Default: ALL.
    host: Option<String>,
    /// Whether they may set variables of the environment.
    #[serde(default)]
    setenv: bool,
    /// Whether what they run is kept from running other programs.
    #[serde(default)]
    noexec: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: account::Wanted,
    /// Seconds until the old file comes back when no new connection could become root.
    #[serde(default = "minute")]
    confirm_within: u32,
}

fn minute() -> u32 {
    60
}

/// Words in which nothing ends a command or begins a comment; what has a backslash already keeps it.
fn escaped(arguments: &str) -> String {
    let (mut out, mut protected) = (String::new(), false);
    for letter in arguments.chars() {
        if matches!(letter, ',' | ':' | '=' | '#') && !protected {
            out.push('\\');
        }
        out.push(letter);
        protected = letter == '\\' && !protected;
    }
    out
}

impl Spec {
    fn path(&self) -> Result<HostPath, Fault> {
        let bad = |why: &str| {
            let name = self.name.escape_debug();
            Err(Fault::new(format!("`{name}` cannot be the name of a file in {FOLDER}: {why}")))
        };
        let hint = |fault: Fault| fault.hint("letters, digits, `_` and `-`, e.g. `50-deploy`");
        let name = self.name.as_str();
        if name.contains('.') || name.ends_with('~') {
            return bad("sudo passes over names with a `.` or with a `~` at the end").map_err(hint);
        }
        let good = |c: char| c.is_ascii_alphanumeric() || "_-+@%".contains(c);
        if name.is_empty() || name.starts_with('-') || name.len() > 200 || !name.chars().all(good) {
            return bad("it is no plain name").map_err(hint);
        }
        Ok(HostPath::new(&format!("{FOLDER}/{name}")).expect("a plain name"))
    }

    /// The text of the file; `None` when it is not to be.
    fn text(&self) -> Result<Option<Content>, Fault> {
        let Self { user, group, commands, nopassword, runas, host, setenv, noexec, .. } = self;
        let rule = [user, group, runas, host].iter().any(|field| field.is_some())
            || !commands.0.is_empty()
            || nopassword.is_some()
            || *setenv
            || *noexec;
        if self.state == account::Wanted::Absent {
            return Ok(None);
        }
        if let Some(Text(content)) = &self.content {
            if rule {
                let fault = Fault::new("`content` is the whole file: beside it there is no place for a rule");
                return Err(fault.hint("write the rule into `content`, or leave `content` out"));
            }
            let mut bytes = content.bytes().to_vec();
            if !bytes.ends_with(b"\n") {
                bytes.push(b'\n');
            }
            return Ok(Some(Content::new(bytes, content.is_secret())));
        }
        let who = match (user, group) {
            (Some(user), None) if user == "ALL" => user.clone(),
            (Some(user), None) => {
                account::check_name("user", user)?;
                user.clone()
            }
            (None, Some(group)) => {
                account::check_name("group", group)?;
                format!("%{group}")
            }
            (Some(_), Some(_)) => {
                let fault = Fault::new("`user` and `group` exclude each other");
                return Err(fault.hint("use one task for each, or write both in `content`"));
            }
            (None, None) => {
                let fault = Fault::new(format!("nothing says who may do something by `{}`", self.name));
                return Err(
                    fault.hint("give `user` or `group` with `commands`, or the whole text as `content`")
                );
            }
        };
        if commands.0.is_empty() {
            let fault = Fault::new("`commands` is missing");
            return Err(fault.hint("list full paths; `ALL` is everything"));
        }
        let commands =
            commands.0.iter().map(|command| self.command(command)).collect::<Result<Vec<_>, _>>()?;
        let good = |c: char| c.is_ascii_alphanumeric() || "_-.:,%#@".contains(c);
        for (field, value) in [("runas", runas), ("host", host)] {
            if value.as_ref().is_some_and(|value| value.is_empty() || !value.chars().all(good)) {
                let fault = Fault::new(format!("`{field}` holds what is no name"));
                return Err(fault.hint("`ALL`, a name, or several with commas"));
            }
        }
        let runas = runas.as_ref().map(|runas| format!("({runas}) ")).unwrap_or_default();
        let tags = [(nopassword.unwrap_or(true), "NOPASSWD: "), (*setenv, "SETENV: "), (*noexec, "NOEXEC: ")];
        let tags: String = tags.iter().filter(|(set, _)| *set).map(|(_, tag)| *tag).collect();
        let host = host.as_deref().unwrap_or("ALL");
        let text = format!(
            "# Written by provisioning: changes made here are lost.\n{who} {host}={runas}{tags}{}\n",
            commands.join(", ")
        );
        Ok(Some(Content::from(text.as_str())))
    }

    /// Whether a file that is new may take something from whoever logs in: not where its one rule is for somebody else.
    fn concerns(&self, login: &str) -> bool {
        let other = self.user.as_ref().is_some_and(|user| user != login && user != "ALL");
        self.content.is_some() || !other
    }

    /// One command, whose arguments cannot begin another one.
    fn command(&self, command: &str) -> Result<String, Fault> {
        let bad =
            |why: &str| Fault::new(format!("`{}` is no command of sudo: {why}", command.escape_debug()));
        let command = command.trim();
        if command.is_empty() || command.chars().any(char::is_control) {
            return Err(bad("it must be one line").hint("list each command by itself"));
        }
        let backslashes = command.len() - command.trim_end_matches('\\').len();
        if !backslashes.is_multiple_of(2) {
            return Err(bad("its last backslash would take in what follows it")
                .hint("leave it out; two of them are one that the argument ends in"));
        }
        let (program, arguments) = command.split_at(command.find(' ').unwrap_or(command.len()));
        let plain = program.trim_start_matches('!');
        let is_alias = plain.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
        if !plain.starts_with('/') && plain != "sudoedit" && !is_alias {
            return Err(bad("it has no full path").hint("`command -v NAME` on the host tells it"));
        }
        Ok(escaped(program) + &escaped(arguments))
    }
}

pub struct Rules {
    file: FileState,
    /// The file as it is, for the way back.
    meta: Option<Meta>,
    /// As whom the connection logs in, if it became root by sudo.
    login: Option<String>,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
}

impl State for Rules {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        if let Some(confirmed) = self.confirmed {
            facets.insert("confirmed".into(), armed::word(confirmed).into());
        }
        facets
    }
}

/// Refuses what `visudo` would not take.
fn judge(spec: &Spec, content: Option<Content>, seen: &Seen) -> Observe<()> {
    let (secret, gone) = (content.as_ref().is_some_and(Content::is_secret), content.is_none());
    let content = content.unwrap_or_else(|| Content::from(""));
    let said = seen.run(Probe::Sudoers { name: spec.name.clone(), content })?;
    match said.code {
        0 => Ok(()),
        // Where it does not run, nobody is asked.
        127 if gone => Ok(()),
        127 => seen.presume(&[Area::Packages], "there is no visudo (package sudo)"),
        _ => {
            let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
            let said = if secret { "[secret]".into() } else { words };
            if gone {
                let fault = Fault::new(format!("without this file sudo would not take the others: {said}"));
                return Err(fault.hint("they need what it defines: change them first").into());
            }
            let fault = Fault::new(format!("sudo would not take this: {said}"));
            Err(fault.hint("`stdin` is the content of this task; see sudoers(5)").into())
        }
    }
}

/// Rules that a task states in clear are no secret, though sudo wants the file closed to others: nor is what they replace.
fn in_clear(mut file: FileState, wanted: &Content) -> FileState {
    if !wanted.is_secret()
        && let Some(Facet::Content { content: Some(content), .. }) = &mut file.content
    {
        *content = Content::new(content.bytes(), false);
    }
    file
}

impl Resource for Sudoers {
    const NAME: &'static str = "sudoers";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] =
        &["type", "target", "mode", "owner", "group", "content", "confirmed"];
    const EXAMPLE: &'static str = "\
name: Who deploys may restart the application
sudoers:
  name: 50-deploy
  user: deploy
  commands: [/usr/bin/systemctl restart app.service]
";
    const CONTENT: &'static [&'static str] = &["content", "commands", "user", "group", "runas", "host"];
    type Spec = Spec;
    type State = Rules;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{FOLDER}/{}", spec.name)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([Area::Path(format!("{FOLDER}/{}", spec.name))]).and_reads([
            Area::Packages,
            Area::Path("/etc/sudoers".into()),
            Area::Path(FOLDER.into()),
        ])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Rules> {
        let path = spec.path()?;
        let content = spec.text()?;
        let token = armed::token("sudoers", &spec.name);
        let unconfirmed = Query::Run(Probe::Unconfirmed { token: token.clone() });
        seen.all([file_query(&path), Query::Run(Probe::LoginUser), unconfirmed])?;
        let login = Some(armed::login(seen)?).filter(|login| login != "root");
        let confirmed = armed::confirmed(&token, seen)?;
        let meta = seen.meta(&path)?;
        let file = match &content {
            Some(content) => in_clear(observe_content(&path, content, &roots(MODE), seen)?, content),
            None => observe_going(&path, seen)?,
        };
        if content.is_some() || file.what.is_some() {
            judge(spec, content, seen)?;
        }
        Ok(Rules { file, meta, login, confirmed })
    }

    fn desired(spec: &Spec, observed: &Rules) -> Result<Rules, Fault> {
        let file = match spec.text()? {
            Some(content) => observed.file.with_content(&content, &roots(MODE)),
            None => FileState::default(),
        };
        let confirmed = observed.confirmed.map(|_| true);
        Ok(Rules { file, meta: observed.meta.clone(), login: observed.login.clone(), confirmed })
    }

    fn ops(spec: &Spec, from: &Rules, to: &Rules) -> Vec<Op> {
        let Ok(path) = spec.path() else { return vec![] };
        if from.facets() == to.facets() {
            return vec![];
        }
        let mut ops = vec![];
        // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
        let risky = from.login.as_ref().is_some_and(|login| from.meta.is_some() || spec.concerns(login));
        if risky || from.confirmed.is_some() {
            let token = armed::token("sudoers", &spec.name);
            ops.push(armed::arm(&token, spec.confirm_within, &path, &from.file, from.meta.as_ref(), []));
        }
        if to.file.what.is_none() {
            let gone = from.file.what.iter().map(|_| Op::Remove { path: path.to_string(), recursive: false });
            ops.extend(gone);
            return ops;
        }
        let check = ["visudo", "-c", "-q", "-f", "{}"].map(String::from);
        if let Ok(Some(content)) = spec.text() {
            ops.extend(content_ops(&path, &content, Some(&check), &from.file, &to.file));
        }
        ops
    }
}
