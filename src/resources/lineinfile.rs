//! `lineinfile`: one line of a text file.

use super::shared::{FileState, HostPath, What, attrs, content_ops, observe_bytes, parent_there};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Observe, Pause, Resource, Seen, Topic},
    yaml::{Mode, Text},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::OnceLock;

pub struct LineInFile;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Presence {
    #[default]
    Present,
    Absent,
}

/// Makes sure that a line is in a file, replaces the one that matches, or removes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    path: HostPath,
    /// The line, without a line break.
    line: Option<Text>,
    /// The last line that matches is replaced by `line`; with `absent`, all that match go. Must match the new line too, or
    /// no more than one line.
    regexp: Option<String>,
    #[serde(default)]
    state: Presence,
    /// Where a new line goes: after the last line that matches, or `EOF` (the default).
    insertafter: Option<String>,
    /// Where a new line goes: before the last line that matches, or `BOF`.
    insertbefore: Option<String>,
    /// Makes the file when it is missing.
    #[serde(default)]
    create: bool,
    /// `\1` or `\g<name>` in `line` stand for groups of `regexp`; nothing is added when it does not match.
    #[serde(default)]
    backrefs: bool,
    /// Permission bits, quoted: `"0644"`.
    mode: Option<Mode>,
    /// Name or number of the owner.
    owner: Option<String>,
    /// Name or number of the group.
    group: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Result<Regex, Fault>>,
}

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(self.mode, self.owner.as_ref(), self.group.as_ref())
    }

    fn secret(&self) -> bool {
        self.line.as_ref().is_some_and(Text::is_secret)
    }

    fn line(&self) -> Result<Option<&str>, Fault> {
        let Some(line) = &self.line else { return Ok(None) };
        let text = std::str::from_utf8(line.bytes()).map_err(|_| Fault::new("`line` is not UTF-8 text"))?;
        if text.contains(['\n', '\r']) {
            let fault = Fault::new("`line` holds a line break");
            return Err(fault.hint("use one task for each line, or `template` for the whole file"));
        }
        Ok(Some(text))
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let compiled = |text| self.compiled.get_or_init(|| pattern("regexp", text)).as_ref();
        let regexp = self.regexp.as_deref().map(compiled).transpose().map_err(Clone::clone)?;
        let line = self.line()?;
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let body = |line: &str| line.trim_end_matches(['\n', '\r']).to_string();
        let matches = |regexp: &Regex, line: &str| regexp.is_match(&body(line));
        if self.state == Presence::Absent {
            if line.is_none() && regexp.is_none() {
                return Err(
                    Fault::new("`absent` needs a `line` or a `regexp`").hint("say which lines are to go")
                );
            }
            lines.retain(|l| match regexp {
                Some(regexp) => !matches(regexp, l),
                None => line != Some(body(l).as_str()),
            });
            return Ok(lines.concat());
        }
        let line = line.ok_or_else(|| Fault::new("`line` is missing").hint("say what the line is to be"))?;
        let found = regexp.and_then(|r| lines.iter().rposition(|l| matches(r, l)));
        if let (Some(at), Some(regexp)) = (found, regexp) {
            let old = body(lines[at]);
            let new = if self.backrefs { expand(regexp, &old, line) } else { line.into() };
            let replaced = format!("{new}{}", &lines[at][old.len()..]);
            lines[at] = &replaced;
            return Ok(lines.concat());
        }
        if self.backrefs || lines.iter().any(|l| body(l) == line) {
            return Ok(text.into());
        }
        let place = |name, wanted: &Option<String>| -> Result<Option<usize>, Fault> {
            let Some(wanted) = wanted.as_deref().filter(|w| !matches!(*w, "EOF" | "BOF")) else {
                return Ok(None);
            };
            let wanted = pattern(name, wanted)?;
            Ok(lines.iter().rposition(|l| matches(&wanted, l)))
        };
        let at = match (place("insertbefore", &self.insertbefore)?, place("insertafter", &self.insertafter)?)
        {
            _ if self.insertbefore.as_deref() == Some("BOF") => 0,
            (Some(at), _) => at,
            (None, Some(at)) => at + 1,
            (None, None) => lines.len(),
        };
        let ended = at == 0 || lines[at - 1].ends_with('\n');
        let added = format!("{}{line}\n", if ended { "" } else { "\n" });
        lines.insert(at, &added);
        Ok(lines.concat())
    }
}

fn pattern(parameter: &str, text: &str) -> Result<Regex, Fault> {
    Regex::new(text).map_err(|error| {
        let error = error.to_string();
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let fault = Fault::new(format!("`{parameter}` is not a regular expression: {why}"));
        fault.hint("the syntax is that of Rust's `regex`: no look-around, no back references in the pattern")
    })
}

/// `line` with `\1` and `\g<name>` replaced by what the groups matched.
fn expand(regexp: &Regex, old: &str, line: &str) -> String {
    let Some(groups) = regexp.captures(old) else { return line.into() };
    let group = |name: &str| match name.parse() {
        Ok(number) => groups.get(number).map_or("", |m| m.as_str()),
        Err(_) => groups.name(name).map_or("", |m| m.as_str()),
    };
    let mut new = String::new();
    let mut rest = line;
    while let Some((before, after)) = rest.split_once('\\') {
        new.push_str(before);
        let named = after.strip_prefix("g<").and_then(|name| name.split_once('>'));
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        rest = match named {
            Some((name, after)) => {
                new.push_str(group(name));
                after
            }
            None if digits > 0 => {
                new.push_str(group(&after[..digits]));
                &after[digits..]
            }
            None => {
                new.push('\\');
                // A doubled backslash is one.
                after.strip_prefix('\\').unwrap_or(after)
            }
        };
    }
    new + rest
}

impl Resource for LineInFile {
    const NAME: &'static str = "lineinfile";
    const TOPIC: Topic = Topic::Files;
    const EXAMPLE: &'static str = "\
name: Log in with keys only
lineinfile:
  path: /etc/ssh/sshd_config
  regexp: ^#?PasswordAuthentication
  line: PasswordAuthentication no
";

    type Spec = Spec;
    type State = FileState;

    /// Several tasks may each own a line.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()])
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.edit("").map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        let state = observe_bytes(&spec.path, &spec.attrs(), spec.secret(), seen)?;
        if state.what.is_none() && spec.state == Presence::Present {
            if !spec.create {
                let why = format!("the file {} does not exist (`create: true` makes it)", spec.path);
                return Err(Pause::NotYet(why));
            }
            parent_there(&spec.path, seen)?;
        }
        Ok(state)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        if observed.what.is_none() && spec.state == Presence::Absent {
            return Ok(FileState::default());
        }
        let before = observed.read().map_or(&b""[..], Content::bytes);
        let before = std::str::from_utf8(before)
            .map_err(|_| Fault::new(format!("{} is not UTF-8 text", spec.path)))?;
        let after = spec.edit(before)?;
        if spec.edit(&after)? != after {
            let fault =
                Fault::new("`regexp` does not match the new line, but matches another line of the file");
            return Err(fault.hint("write a `regexp` that matches the line before and after the change"));
        }
        let secret = spec.secret() || observed.holds_secret();
        Ok(observed.with_content(&Content::new(after, secret), &spec.attrs()))
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        match (&to.what, to.read()) {
            (Some(What::File), Some(content)) => content_ops(&spec.path, content, None, from, to),
            _ => vec![],
        }
    }
}
