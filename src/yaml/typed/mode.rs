//! Permission bits in parameters.

use super::MODE;
use agent::mode::Rule;
use schemars::JsonSchema;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use std::fmt;

/// Permission bits, written as a quoted octal string (`"0644"`), or in letters that say all of it (`u=rw,g=r,o=r`). A bare number is refused:
/// YAML readers disagree on whether `0644` is octal, and `644` never is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl Mode {
    fn parse(text: &str) -> Option<Self> {
        Rule::parse(text)?.constant().map(Self)
    }

    /// What is wrong with a text that is none.
    fn fault(text: &str) -> String {
        let Some(rule) = Rule::parse(text) else {
            let hint = match listed(text) {
                Some(mode) => format!("write \"{mode:04o}\""),
                None => {
                    "write three or four octal digits in quotes, such as \"0644\", or `u=rw,g=r,o=r`".into()
                }
            };
            return format!("this is no mode\nhint: {hint}");
        };
        // Where it only says too little, what is not named is nothing.
        let whole = Rule::parse(&format!("a=,{text}")).and_then(|rule| rule.constant());
        let sets = !text.contains(['+', '-']);
        let hint = match whole.filter(|_| sets) {
            Some(mode) => {
                format!("name `u`, `g` and `o`: where the others may do nothing, write \"{mode:04o}\"")
            }
            None => format!(
                "write all of it, such as \"{:04o}\" or `u=rw,g=r,o=r`: only `file` goes by the mode that is there",
                rule.of(if text.contains('X') { 0 } else { 0o644 }, false)
            ),
        };
        format!("this mode goes by the one that is there\nhint: {hint}")
    }
}

/// Letters that may say all of a mode, as a pattern.
const SAYS_ALL: &str = "[ugoa]+=[rwxst]*(,[ugoa]+[-+=][rwxst]*)*";

/// A mode as `ls` prints it: `rw-r--r--`.
fn listed(text: &str) -> Option<u32> {
    let letters = text.strip_prefix(['-', 'd']).filter(|rest| rest.len() == 9).unwrap_or(text);
    let bit = |(at, letter): (usize, char)| match letter {
        '-' => Some(0),
        letter if "rwx".as_bytes()[at % 3] == letter as u8 => Some(0o400_u32 >> at),
        _ => None,
    };
    let bits = letters.chars().enumerate().map(bit).collect::<Option<Vec<_>>>()?;
    (bits.len() == 9).then(|| bits.iter().sum())
}

impl JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = format!("^(0?[0-7]{{3,4}}|{SAYS_ALL})$");
        schemars::json_schema!({ "type": "string", "pattern": pattern })
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeVisitor;
        impl Visitor<'_> for ModeVisitor {
            type Value = Mode;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a quoted octal mode such as \"0644\"")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Mode, E> {
                Mode::parse(text).ok_or_else(|| E::custom(Mode::fault(text)))
            }
        }
        deserializer.deserialize_newtype_struct(MODE, ModeVisitor)
    }
}

/// A mode in full, or changes to the one that is there: `u=rwX,g=rX,o=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeRule {
    pub rule: Rule,
    /// As it is written.
    pub text: String,
}

impl JsonSchema for ModeRule {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ModeRule".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let change = "[ugoa]+[-+=][rwxXst]*";
        let pattern = format!("^(0?[0-7]{{3,4}}|{change}(,{change})*)$");
        schemars::json_schema!({ "type": "string", "pattern": pattern })
    }
}

impl<'de> Deserialize<'de> for ModeRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RuleVisitor;
        impl Visitor<'_> for RuleVisitor {
            type Value = ModeRule;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a quoted octal mode such as \"0644\", or changes such as u=rwX,go=rX")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<ModeRule, E> {
                let rule = Rule::parse(text).ok_or_else(|| {
                    E::custom(
                        "this is no mode\nhint: write three or four octal digits in quotes, such as \"0644\", or changes such as `u=rwX,go=rX`",
                    )
                })?;
                Ok(ModeRule { rule, text: text.into() })
            }
        }
        deserializer.deserialize_newtype_struct(MODE, RuleVisitor)
    }
}

/// A mode, or with `preserve` that of the file that is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMode {
    Bits(Mode),
    Preserve,
}

/// The word for [`FileMode::Preserve`].
pub const PRESERVE: &str = "preserve";

impl JsonSchema for FileMode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FileMode".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let pattern = format!("^(0?[0-7]{{3,4}}|{SAYS_ALL}|preserve)$");
        schemars::json_schema!({ "type": "string", "pattern": pattern })
    }
}

impl<'de> Deserialize<'de> for FileMode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FileModeVisitor;
        impl Visitor<'_> for FileModeVisitor {
            type Value = FileMode;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a quoted octal mode such as \"0644\", or `preserve`")
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<FileMode, E> {
                let bits = || Mode::parse(text).map(FileMode::Bits);
                let mode = if text == PRESERVE { Some(FileMode::Preserve) } else { bits() };
                mode.ok_or_else(|| E::custom(Mode::fault(text)))
            }
        }
        deserializer.deserialize_newtype_struct(MODE, FileModeVisitor)
    }
}
