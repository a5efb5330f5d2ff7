//! What resource types that edit a text file have in common.

use super::{
    FileState, HostPath, Words, content_ops, nothing_comes, observe_edited, parent_there, pattern,
    secret_file_claims,
};
use crate::{
    model::Claim,
    resource::{Fault, Observe, Seen},
    yaml::Mode,
};
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::ops::Deref;

/// Whether something is to be in a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Presence {
    #[default]
    Present,
    Absent,
}

/// A command that must succeed on a new content before it takes effect; `%s` or `{}` stands for the file that holds it.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, with = "Words")]
pub struct Validate(Vec<String>);

impl Deref for Validate {
    type Target = [String];
    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Validate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let words = Words::deserialize(deserializer)?;
        let words: Vec<_> = words.iter().map(|word| word.replace("%s", "{}")).collect();
        if !words.iter().any(|word| word.contains("{}")) {
            let message = "the command says nowhere which file it checks\nhint: write `%s` where the file's name belongs: `visudo -cf %s`";
            return Err(de::Error::custom(message));
        }
        Ok(Self(words))
    }
}

/// A file that is edited, as the parameters name it.
pub struct Edited<'a> {
    pub path: &'a HostPath,
    pub attrs: Attrs,
    /// What is put in, or what is there, must not be shown.
    pub secret: bool,
    pub create: bool,
    /// No package brings a file of this name.
    pub is_own: bool,
    pub validate: Option<&'a Validate>,
}

impl Edited<'_> {
    /// The file; empty when there is none and it is to be made.
    ///
    /// # Errors
    /// As [`observe_edited`], and [`Seen::lacks`] when the file is missing and is not to be made.
    pub fn observe(&self, seen: &Seen) -> Observe<FileState> {
        let state = self.look(seen)?;
        if state.what.is_none() {
            if !self.create {
                let why = format!("the file {} does not exist (`create: true` makes it)", self.path);
                return Err(seen.lacks(&[self.path.area()], why));
            }
            parent_there(self.path, seen)?;
        }
        Ok(state)
    }

    /// The file, for those that only take something away; empty when there is none.
    ///
    /// # Errors
    /// As [`observe_edited`] and [`nothing_comes`].
    pub fn look(&self, seen: &Seen) -> Observe<FileState> {
        let state = observe_edited(self.path, &self.attrs, self.secret, seen)?;
        if state.what.is_none() && !self.is_own {
            nothing_comes(self.path, seen)?;
        }
        Ok(state)
    }

    /// The text of the file as it was read.
    ///
    /// # Errors
    /// That it is no text.
    pub fn text<'s>(&self, observed: &'s FileState) -> Result<&'s str, Fault> {
        let bytes = observed.read().map_or(&b""[..], Content::bytes);
        std::str::from_utf8(bytes).map_err(|_| Fault::new(format!("{} is not UTF-8 text", self.path)))
    }

    /// The file with this text.
    ///
    /// # Errors
    /// As [`FileState::with_edited`].
    pub fn with(&self, observed: &FileState, text: String) -> Result<FileState, Fault> {
        let secret = self.secret || observed.holds_secret();
        observed.with_edited(self.path, &Content::new(text, secret), &self.attrs)
    }

    /// The file with the edited text. Where there is none, one that `only_removes` leaves it so.
    ///
    /// # Errors
    /// That it is no text, what `edit` refuses, or as [`Self::with`].
    pub fn edited(
        &self,
        observed: &FileState,
        only_removes: bool,
        edit: impl FnOnce(&str) -> Result<String, Fault>,
    ) -> Result<FileState, Fault> {
        if observed.what.is_none() && only_removes {
            return Ok(FileState::default());
        }
        self.with(observed, edit(self.text(observed)?)?)
    }

    /// What is to be told of the file, for the lint of plans.
    ///
    /// # Errors
    /// As [`Seen::meta`].
    pub fn claims(&self, seen: &Seen) -> Observe<Vec<Claim>> {
        if self.secret { secret_file_claims(self.path, self.attrs.mode.map(Mode), seen) } else { Ok(vec![]) }
    }

    /// None where there is to be no file.
    pub fn ops(&self, from: &FileState, to: &FileState) -> Vec<Op> {
        let validate = self.validate.map(|validate| &**validate);
        let content = to.read();
        content.map(|content| content_ops(self.path, content, validate, from, to)).unwrap_or_default()
    }
}

/// A line without its line break.
pub fn body(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r'])
}

/// The line break of a text's lines.
pub fn line_break(text: &str) -> &'static str {
    let first = text.find('\n').unwrap_or(0);
    if text[..first].ends_with('\r') { "\r\n" } else { "\n" }
}

/// Where a new line goes: before the last line that matches `before`, else after the last that matches `after`, or with `first` the first
/// that does; at the top where one of them is `BOF`, else at the end.
///
/// # Errors
/// That one of them is no pattern.
pub fn place(lines: &[&str], before: Option<&str>, after: Option<&str>, first: bool) -> Result<usize, Fault> {
    let found = |parameter, wanted: Option<&str>| -> Result<Option<usize>, Fault> {
        let Some(wanted) = wanted.filter(|wanted| !matches!(*wanted, "EOF" | "BOF")) else { return Ok(None) };
        let wanted = pattern(parameter, wanted)?;
        Ok(position(lines, first, |line| wanted.is_match(body(line))))
    };
    let (above, below) = (found("insertbefore", before)?, found("insertafter", after)?);
    Ok(match (above, below) {
        _ if [before, after].contains(&Some("BOF")) => 0,
        (Some(at), _) => at,
        (None, Some(at)) => at + 1,
        (None, None) => lines.len(),
    })
}

/// The last line for which this holds, or the `first`.
pub fn position(lines: &[&str], first: bool, holds: impl Fn(&str) -> bool) -> Option<usize> {
    if first { lines.iter().position(|line| holds(line)) } else { lines.iter().rposition(|line| holds(line)) }
}
