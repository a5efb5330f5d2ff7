//! `replace`: every match of a pattern in a text file.

use super::shared::{
    Edited, FileState, HostPath, Validate, attrs, check_groups, expand, owners, pattern_of_lines,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Facets, Fault, Observe, Resource, Seen, State, Topic},
    yaml::{Mode, Text},
};
use agent::wire::Op;
use regex::{Captures, Regex};
use schemars::JsonSchema;
use serde::Deserialize;
use std::sync::OnceLock;

pub struct Replace;

/// Replaces all that matches a pattern in a text file.
///
/// It must have nothing left to replace when it is done: a pattern that matches what it has put in is refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// What is replaced, wherever it stands. `^` and `$` are the ends of a line; a dot is no line break (`(?s)` in front makes it one).
    regexp: String,
    /// What comes in its place: `\1` or `\g<name>` stand for groups of `regexp`, `\n` for a line break. Left out: the match goes.
    replace: Option<Text>,
    /// Only what comes after the first match of this is looked at. A dot is also a line break here. Left out: from the beginning.
    after: Option<String>,
    /// Only what comes before this is looked at: its first match after `after`, or without that its last in the file. Left out: up to the end.
    before: Option<String>,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `visudo -cf %s`. Default: none.
    validate: Option<Validate>,
    /// Shows keys but no values of the file.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    #[serde(skip)]
    compiled: OnceLock<Result<Patterns, Fault>>,
}

#[derive(Clone, Debug)]
struct Patterns {
    regexp: Regex,
    /// What is looked at is its group of the name [`PART`].
    part: Option<Regex>,
}

const PART: &str = "provision_part";

impl Spec {
    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: attrs(self.mode, self.owner.as_ref(), self.group.as_ref()),
            secret: self.secret || self.replace.as_ref().is_some_and(Text::is_secret),
            create: false,
            is_own: false,
            validate: self.validate.as_ref(),
        }
    }

    fn replacement(&self) -> Result<&str, Fault> {
        let bytes = self.replace.as_ref().map_or(&b""[..], Text::bytes);
        std::str::from_utf8(bytes).map_err(|_| Fault::new("`replace` is not UTF-8 text"))
    }

    fn patterns(&self) -> Result<&Patterns, Fault> {
        let compile = || {
            let regexp = pattern_of_lines("regexp", &self.regexp, false)?;
            // Alone first: a mistake in one of them must not be told of the whole.
            for (parameter, text) in [("after", &self.after), ("before", &self.before)] {
                text.as_ref().map(|text| pattern_of_lines(parameter, text, true)).transpose()?;
            }
            let part = match (&self.after, &self.before) {
                (Some(after), Some(before)) => Some(format!("(?:{after})(?P<{PART}>.*?)(?:{before})")),
                (Some(after), None) => Some(format!("(?:{after})(?P<{PART}>.*)")),
                (None, Some(before)) => Some(format!("(?P<{PART}>.*)(?:{before})")),
                (None, None) => None,
            };
            let part = part.map(|part| pattern_of_lines("after", &part, true)).transpose()?;
            Ok(Patterns { regexp, part })
        };
        self.compiled.get_or_init(compile).as_ref().map_err(Clone::clone)
    }

    /// The text as it should be; `None` when there is no part to look at.
    fn edit(&self, text: &str) -> Result<Option<String>, Fault> {
        let (patterns, replacement) = (self.patterns()?, self.replacement()?);
        let part = match &patterns.part {
            None => 0..text.len(),
            Some(part) => match part.captures(text).and_then(|found| found.name(PART)) {
                Some(found) => found.range(),
                None => return Ok(None),
            },
        };
        let put = |groups: &Captures| expand(groups, replacement, true);
        let new = patterns.regexp.replace_all(&text[part.clone()], put);
        Ok(Some(format!("{}{new}{}", &text[..part.start], &text[part.end..])))
    }
}

/// The file, which is one before and after.
pub struct Replaced(FileState);

impl State for Replaced {
    fn facets(&self) -> Facets {
        FileState { what: None, ..self.0.clone() }.facets()
    }
}

impl Resource for Replace {
    const NAME: &'static str = "replace";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["mode", "owner", "group", "content"];
    const EXAMPLE: &'static str = "\
name: The application has moved
replace:
  path: /etc/nginx/sites-available/app.conf
  regexp: (proxy_pass http://)10\\.0\\.0\\.5\\b
  replace: \\g<1>10.0.0.6
";
    const CONTENT: &'static [&'static str] = &["regexp", "replace", "after", "before", "mode"];

    type Spec = Spec;
    type State = Replaced;

    /// Several tasks may each replace something.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        check_groups("replace", &spec.patterns()?.regexp, spec.replacement()?)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Replaced> {
        let state = spec.file().look(seen)?;
        if state.what.is_none() {
            let why = format!("the file {} does not exist and no earlier task makes it", spec.path);
            return Err(seen.lacks(&[spec.path.area()], why));
        }
        Ok(Replaced(state))
    }

    fn desired(spec: &Spec, Replaced(observed): &Replaced) -> Result<Replaced, Fault> {
        let text = spec.file().text(observed)?;
        let after = spec.edit(text)?.unwrap_or_else(|| text.into());
        if spec.edit(&after)?.is_some_and(|again| again != after) {
            let fault = Fault::new("`regexp` matches again what was put in: each run would change the file");
            return Err(fault.hint("write a `regexp` that does not match the text once it is changed, e.g. `^(?:# ?)*(line)$` for `# \\1`"));
        }
        spec.file().with(observed, after).map(Replaced)
    }

    fn ops(spec: &Spec, Replaced(from): &Replaced, Replaced(to): &Replaced) -> Vec<Op> {
        spec.file().ops(from, to)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        spec.file().claims(seen)
    }

    fn notes(spec: &Spec, Replaced(state): &Replaced) -> Vec<String> {
        let text = spec.file().text(state).unwrap_or_default();
        let none = matches!(spec.edit(text), Ok(None));
        let named = || match (&spec.after, &spec.before) {
            (Some(_), Some(_)) => "`after` and `before` do not match",
            (Some(_), None) => "`after` does not match",
            _ => "`before` does not match",
        };
        if none { vec![format!("nothing of {} is looked at: {}", spec.path, named())] } else { vec![] }
    }
}
