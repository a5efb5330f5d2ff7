//! `lineinfile`: one line of a text file.

use super::shared::{
    Edited, FileState, HostPath, Presence, Validate, attrs, body, check_groups, expand, line_break, owners,
    pattern, place, position,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
    yaml::{Mode, Text},
};
use agent::wire::Op;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::OnceLock;

pub struct LineInFile;

/// Makes sure that a line is in a file, replaces the one that matches, or removes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// The line, without a line break. Needed, but with `absent` and a `regexp` or `search_string`.
    line: Option<Text>,
    /// The last line that matches is replaced by `line`; with `absent`, all that match go. Must match the new line too, or
    /// no more than one line. Left out: `line` itself is looked for.
    regexp: Option<String>,
    /// In place of `regexp`: a text that stands in the line, as it is.
    search_string: Option<String>,
    /// The first line that matches counts in place of the last one: of `regexp` and `search_string`, `insertafter` and `insertbefore`.
    #[serde(default)]
    firstmatch: bool,
    /// `present` (default) or `absent`: whether the line is to be there.
    #[serde(default)]
    state: Presence,
    /// Where a new line goes: after the last line that matches, or `EOF` (the default) or `BOF`.
    insertafter: Option<String>,
    /// Where a new line goes: before the last line that matches, or `BOF`. Default: not so, but as `insertafter` says.
    insertbefore: Option<String>,
    /// Makes the file when it is missing.
    #[serde(default)]
    create: bool,
    /// `\1` or `\g<name>` in `line` stand for groups of `regexp`; nothing is added when it does not match.
    #[serde(default)]
    backrefs: bool,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `visudo -cf %s`. Default: none.
    validate: Option<Validate>,
    /// Shows keys but no values of the file.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Result<Regex, Fault>>,
}

/// What finds a line.
enum Wanted<'a> {
    Regexp(&'a Regex),
    Text(&'a str),
}

impl Wanted<'_> {
    fn is_in(&self, line: &str) -> bool {
        match self {
            Self::Regexp(regexp) => regexp.is_match(body(line)),
            Self::Text(text) => body(line).contains(text),
        }
    }
}

impl Spec {
    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: attrs(self.mode, self.owner.as_ref(), self.group.as_ref()),
            secret: self.secret || self.line.as_ref().is_some_and(Text::is_secret),
            create: self.create,
            is_own: false,
            validate: self.validate.as_ref(),
        }
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

    /// What finds the line that is there; none: the line itself.
    fn wanted(&self) -> Result<Option<Wanted<'_>>, Fault> {
        let Some(text) = &self.search_string else {
            let compiled = |text| self.compiled.get_or_init(|| pattern("regexp", text)).as_ref();
            let regexp = self.regexp.as_deref().map(compiled).transpose().map_err(Clone::clone)?;
            return Ok(regexp.map(Wanted::Regexp));
        };
        if self.regexp.is_some() {
            let fault = Fault::new("`regexp` and `search_string` each say which line is meant");
            return Err(fault.hint("leave one of them out"));
        }
        if self.backrefs {
            let fault = Fault::new("`backrefs` goes with groups, and `search_string` has none");
            return Err(fault.hint("write a `regexp` with groups, or leave `backrefs` out"));
        }
        if text.is_empty() || text.contains(['\n', '\r']) {
            let fault = Fault::new("`search_string` is no part of one line");
            return Err(fault.hint("write what stands in the line that is meant"));
        }
        Ok(Some(Wanted::Text(text)))
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let wanted = self.wanted()?;
        let line = self.line()?;
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        if self.state == Presence::Absent {
            if line.is_none() && wanted.is_none() {
                let fault = Fault::new("`absent` needs a `line`, a `regexp` or a `search_string`");
                return Err(fault.hint("say which lines are to go"));
            }
            lines.retain(|l| match &wanted {
                Some(wanted) => !wanted.is_in(l),
                None => line != Some(body(l)),
            });
            return Ok(lines.concat());
        }
        let line = line.ok_or_else(|| Fault::new("`line` is missing").hint("say what the line is to be"))?;
        let regexp = match &wanted {
            Some(Wanted::Regexp(regexp)) if self.backrefs => Some(*regexp),
            _ => None,
        };
        if let Some(regexp) = regexp {
            check_groups("line", regexp, line)?;
        }
        if let Some(at) = wanted.and_then(|wanted| position(&lines, self.firstmatch, |l| wanted.is_in(l))) {
            let old = body(lines[at]);
            let groups = regexp.and_then(|regexp| regexp.captures(old));
            let new = groups.map_or_else(|| line.into(), |groups| expand(&groups, line, false));
            let replaced = format!("{new}{}", &lines[at][old.len()..]);
            lines[at] = &replaced;
            return Ok(lines.concat());
        }
        if self.backrefs || lines.iter().any(|l| body(l) == line) {
            return Ok(text.into());
        }
        let at = place(&lines, self.insertbefore.as_deref(), self.insertafter.as_deref(), self.firstmatch)?;
        let ended = at == 0 || lines[at - 1].ends_with('\n');
        let end = line_break(text);
        let added = format!("{}{line}{end}", if ended { "" } else { end });
        lines.insert(at, &added);
        Ok(lines.concat())
    }
}

impl Resource for LineInFile {
    const NAME: &'static str = "lineinfile";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::EDITED;
    const EXAMPLE: &'static str = "\
name: Log in with keys only
lineinfile:
  path: /etc/ssh/sshd_config
  regexp: ^#?PasswordAuthentication
  line: PasswordAuthentication no
";
    const CONTENT: &'static [&'static str] =
        &["line", "regexp", "search_string", "insertafter", "insertbefore", "mode"];

    type Spec = Spec;
    type State = FileState;

    /// Several tasks may each own a line.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.edit("").map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        match spec.state {
            Presence::Present => spec.file().observe(seen),
            Presence::Absent => spec.file().look(seen),
        }
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        spec.file().edited(observed, spec.state == Presence::Absent, |text| {
            let after = spec.edit(text)?;
            if spec.edit(&after)? != after {
                let name = if spec.search_string.is_some() { "search_string" } else { "regexp" };
                let message =
                    format!("`{name}` does not match the new line, but matches another line of the file");
                let hint = format!("write a `{name}` that matches the line before and after the change");
                return Err(Fault::new(message).hint(hint));
            }
            Ok(after)
        })
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        spec.file().ops(from, to)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        match spec.state {
            Presence::Present => spec.file().claims(seen),
            Presence::Absent => Ok(vec![]),
        }
    }
}
