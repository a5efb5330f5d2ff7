//! `sudoers`: a file in `/etc/sudoers.d`.

use super::shared::{
    FileState, HostPath, OneOrMany, account, content_ops, observe_bytes, observe_content, roots,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Probe},
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
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file's name. Without `.` and `~`: sudo passes over such files.
    name: String,
    /// The whole text, in place of `user`, `group`, `commands` and what belongs to them.
    content: Option<Text>,
    /// Who may. Or give `group`.
    user: Option<String>,
    /// Whose members may.
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

impl Resource for Sudoers {
    const NAME: &'static str = "sudoers";
    const TOPIC: Topic = Topic::System;
    const EXAMPLE: &'static str = "\
name: Who deploys may restart the application
sudoers:
  name: 50-deploy
  user: deploy
  commands: [/usr/bin/systemctl restart app.service]
";
    type Spec = Spec;
    type State = FileState;

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

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        let path = spec.path()?;
        let content = spec.text()?;
        let Some(content) = content else { return observe_bytes(&path, &Attrs::default(), false, seen) };
        let state = observe_content(&path, &content, &roots(MODE), seen)?;
        let secret = content.is_secret();
        let said = seen.run(Probe::Sudoers { name: spec.name.clone(), content })?;
        match said.code {
            0 => {}
            127 => seen.presume("there is no visudo (package sudo)")?,
            _ => {
                let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
                let said = if secret { "[secret]".into() } else { words };
                let fault = Fault::new(format!("sudo would not take this: {said}"));
                return Err(fault.hint("`stdin` is the content of this task; see sudoers(5)").into());
            }
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        Ok(match spec.text()? {
            Some(content) => observed.with_content(&content, &roots(MODE)),
            None => FileState::default(),
        })
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        let Ok(path) = spec.path() else { return vec![] };
        if to.what.is_none() {
            let gone = from.what.iter().map(|_| Op::Remove { path: path.to_string(), recursive: false });
            return gone.collect();
        }
        let check = ["visudo", "-c", "-q", "-f", "{}"].map(String::from);
        let Ok(Some(content)) = spec.text() else { return vec![] };
        content_ops(&path, &content, Some(&check), from, to)
    }
}
