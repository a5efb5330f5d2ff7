//! `ini`: options of an INI file.

mod text;

use self::text::{Ini as Lines, Setting, Wanted};
use super::shared::{Edited, FileState, HostPath, Presence, Validate, attrs, owners};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
    yaml::{Mode, Text},
};
use agent::wire::Op;
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Ini;

/// Sets options in a section of an INI file, or removes them. Comments, the order of lines and what is not named stay as they are.
///
/// An option and its value are separated by `=`. A line that has the wanted value is left as it is, however it is spaced. An option that is
/// there only as a comment gets a line below that. A value that goes on in the next line is not changed but refused.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// The name between `[` and `]`. Left out: before the first section.
    section: Option<String>,
    /// The option. Left out, with no `options` either: the section itself.
    option: Option<String>,
    /// Its value, in one line. Needed with `option` and `present`, unless `values` are given.
    value: Option<Text>,
    /// Its values, for an option that may stand several times: a line for each. Default: none; one `value`.
    values: Option<Vec<Text>>,
    /// Several options at once: names and values. Nothing as value (`null`) removes the option. Default: none.
    #[serde(default)]
    options: IndexMap<String, Option<Text>>,
    /// `absent` removes the option, or without one the section with all that is in it.
    #[serde(default)]
    state: Presence,
    /// The option has no other lines than these. `false`: lines of it with other values stay, and `absent` removes only what is named.
    #[serde(default = "yes")]
    exclusive: bool,
    /// An option without a value is a line of its own; else a value is missing.
    #[serde(default)]
    allow_no_value: bool,
    /// New lines are `option=value`, without blanks around `=`.
    #[serde(default)]
    no_extra_spaces: bool,
    /// Makes the file when it is missing.
    #[serde(default = "yes")]
    create: bool,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `testparm -s %s`. Default: none.
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
}

fn yes() -> bool {
    true
}

impl Spec {
    fn texts(&self) -> impl Iterator<Item = &Text> {
        let several = self.values.iter().flatten();
        self.value.iter().chain(several).chain(self.options.values().flatten())
    }

    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: attrs(self.mode, self.owner.as_ref(), self.group.as_ref()),
            secret: self.secret || self.texts().any(Text::is_secret),
            create: self.create,
            is_own: false,
            validate: self.validate.as_ref(),
        }
    }

    fn absent(&self) -> bool {
        self.state == Presence::Absent
    }

    fn wanted(&self) -> Result<Wanted<'_>, Fault> {
        if let Some(section) = &self.section {
            check_section(section)?;
        }
        let options = match &self.option {
            Some(_) if !self.options.is_empty() => {
                let fault = Fault::new("`option` and `options` are both given");
                return Err(fault.hint("name all of them in `options`"));
            }
            Some(option) => vec![self.one(option)?],
            None if self.value.is_some() || self.values.is_some() => {
                return Err(Fault::new("`option` is missing").hint("say which option has the value"));
            }
            None => {
                let of = |(option, text): (&'_ String, &'_ Option<Text>)| (option.clone(), text.is_some());
                if let Some((option, _)) =
                    self.options.iter().map(of).find(|(_, some)| *some && self.absent())
                {
                    let fault =
                        Fault::new(format!("`{}` has a value and is to be `absent`", option.escape_debug()));
                    return Err(fault.hint("write `~` as its value, or leave `state` out"));
                }
                let each = self.options.iter().map(|(option, text)| {
                    let values = text.iter().map(|text| value(option, text).map(Some));
                    setting(option, values.collect::<Result<_, _>>()?, text.is_none())
                });
                each.collect::<Result<_, _>>()?
            }
        };
        if options.is_empty() && self.section.is_none() {
            return Err(Fault::new("`section` is missing").hint("name a section, an option, or both"));
        }
        Ok(Wanted {
            section: self.section.as_deref(),
            options,
            exclusive: self.exclusive,
            tight: self.no_extra_spaces,
        })
    }

    fn one<'a>(&'a self, option: &'a str) -> Result<Setting<'a>, Fault> {
        let several = self.values.iter().flatten();
        if self.value.is_some() && self.values.is_some() {
            return Err(
                Fault::new("`value` and `values` are both given").hint("name all of them in `values`")
            );
        }
        let texts = self.value.iter().chain(several).map(|text| value(option, text).map(Some));
        let mut values: Vec<Option<&str>> = texts.collect::<Result<_, _>>()?;
        if values.is_empty() && !self.absent() {
            if !self.allow_no_value {
                let fault = Fault::new("`value` is missing");
                return Err(fault
                    .hint("`allow_no_value: true` writes the option alone, `value: \"\"` an empty value"));
            }
            values.push(None);
        }
        setting(option, values, self.absent())
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let wanted = self.wanted()?;
        let mut lines = Lines::new(text);
        match (self.section.as_deref(), self.absent() && wanted.options.is_empty()) {
            (Some(section), true) => lines.remove_section(section),
            _ => lines.set(&wanted)?,
        }
        Ok(lines.text())
    }
}

fn setting<'a>(option: &'a str, values: Vec<Option<&'a str>>, gone: bool) -> Result<Setting<'a>, Fault> {
    let bad = option.is_empty() || option != option.trim() || option.starts_with(['[', '#', ';']);
    if bad || option.contains(['=', '\n', '\r', '\0']) {
        let fault = Fault::new(format!("`{}` is no name of an option", option.escape_debug()));
        return Err(fault.hint("what stands before the `=` of a line, without blanks around"));
    }
    Ok(Setting { option, values, gone })
}

fn check_section(name: &str) -> Result<(), Fault> {
    if name.is_empty() || name.contains(['[', ']', '\n', '\r', '\0']) {
        let fault = Fault::new(format!("`{}` is no name of a section", name.escape_debug()));
        return Err(
            fault.hint("what stands between `[` and `]`; leave it out for what is before the first section")
        );
    }
    Ok(())
}

fn value<'a>(option: &str, text: &'a Text) -> Result<&'a str, Fault> {
    let option = option.escape_debug();
    let text = std::str::from_utf8(text.bytes())
        .map_err(|_| Fault::new(format!("the value of `{option}` is not UTF-8 text")))?;
    if text.contains(['\n', '\r', '\0']) {
        let fault = Fault::new(format!("the value of `{option}` holds a line break"));
        return Err(fault.hint("one line has one value; several lines of one option are its `values`"));
    }
    Ok(text.trim())
}

impl Resource for Ini {
    const NAME: &'static str = "ini";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::EDITED;
    const EXAMPLE: &'static str = "\
name: Keep the journal small
ini:
  path: /etc/systemd/journald.conf
  section: Journal
  options:
    SystemMaxUse: 500M
    MaxRetentionSec: 1month
";
    const CONTENT: &'static [&'static str] = &["section", "option", "value", "values", "options", "mode"];

    type Spec = Spec;
    type State = FileState;

    /// Several tasks may each own options.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.wanted().map(drop)
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

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        if spec.absent() { Ok(vec![]) } else { spec.file().claims(seen) }
    }
}
