//! Entries of access control lists, as `setfacl` writes them.

use crate::resource::Fault;
use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    User,
    Group,
    Mask,
    Other,
}

impl Tag {
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "user" | "u" => Self::User,
            "group" | "g" => Self::Group,
            "mask" | "m" => Self::Mask,
            "other" | "o" => Self::Other,
            _ => return None,
        })
    }

    fn word(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Mask => "mask",
            Self::Other => "other",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    pub read: bool,
    pub write: bool,
    pub execute: Execute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Execute {
    No,
    Yes,
    /// Of directories, and of files that somebody may execute already: `X`.
    Fitting,
}

impl Rights {
    /// Letters out of `rwxX-`, or one octal digit.
    pub fn parse(text: &str) -> Option<Self> {
        let mut rights = Self { read: false, write: false, execute: Execute::No };
        if let Some(digit) = text.chars().next().and_then(|c| c.to_digit(8)).filter(|_| text.len() == 1) {
            let execute = if digit & 1 != 0 { Execute::Yes } else { Execute::No };
            return Some(Self { read: digit & 4 != 0, write: digit & 2 != 0, execute });
        }
        for letter in text.chars() {
            match letter {
                'r' => rights.read = true,
                'w' => rights.write = true,
                'x' => rights.execute = Execute::Yes,
                'X' if rights.execute == Execute::No => rights.execute = Execute::Fitting,
                'X' | '-' => {}
                _ => return None,
            }
        }
        Some(rights).filter(|_| !text.is_empty())
    }

    /// As `getfacl` shows them, where `x` stands for `X` or not.
    pub fn of(self, executable: bool) -> String {
        let execute = match self.execute {
            Execute::Fitting => executable,
            execute => execute == Execute::Yes,
        };
        [(self.read, 'r'), (self.write, 'w'), (execute, 'x')]
            .map(|(is, c)| if is { c } else { '-' })
            .iter()
            .collect()
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.of(false);
        f.write_str(if self.execute == Execute::Fitting { &text[..2] } else { "" })?;
        match self.execute {
            Execute::Fitting => f.write_str("X"),
            execute => f.write_str(&self.of(execute == Execute::Yes)),
        }
    }
}

/// One entry, wanted or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub default: bool,
    pub tag: Tag,
    /// Empty: the owner, the owning group.
    pub who: String,
    pub rights: Option<Rights>,
}

impl Entry {
    /// `[default:]user|group|mask|other:[NAME]:RIGHTS`.
    ///
    /// # Errors
    /// That it is none.
    pub fn parse(text: &str) -> Result<Self, Fault> {
        let wrong = || {
            let fault =
                Fault::new(format!("`{}` is no entry of an access control list", text.escape_debug()));
            fault.hint("write `user:app:rwX`, `group:adm:r-x`, `mask::rx` or `other::r`; with `default:` in front for what is made in a directory")
        };
        let mut parts: Vec<&str> = text.split(':').collect();
        let default = matches!(parts.first(), Some(&"default" | &"d"));
        if default {
            parts.remove(0);
        }
        let tag = parts.first().and_then(|tag| Tag::parse(tag)).ok_or_else(wrong)?;
        let (who, rights) = match parts[1..] {
            [who] => (who, None),
            // `other:r`, as setfacl also takes it.
            [who, rights] => (who, Some(rights).filter(|rights| !rights.is_empty())),
            _ => return Err(wrong()),
        };
        let rights = rights.map(|rights| Rights::parse(rights).ok_or_else(wrong)).transpose()?;
        Self { default, tag, who: who.into(), rights }.checked()
    }

    /// # Errors
    /// A name that is none, or where none can be.
    pub fn checked(self) -> Result<Self, Fault> {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-@$".contains(c);
        if self.who.starts_with('-') || !self.who.chars().all(good) {
            let fault = Fault::new(format!("`{}` is no name of an account", self.who.escape_debug()));
            return Err(fault.hint("the name or number of a user or group"));
        }
        if matches!(self.tag, Tag::Mask | Tag::Other) && !self.who.is_empty() {
            let fault =
                Fault::new(format!("`{}` is named for `{}`, which is nobody's", self.who, self.tag.word()));
            return Err(fault.hint(format!("write `{}::` and the rights", self.tag.word())));
        }
        Ok(self)
    }

    /// As `setfacl` takes it; without rights, to remove it.
    pub fn text(&self, with_rights: bool) -> String {
        let default = if self.default { "default:" } else { "" };
        let rights = match self.rights.filter(|_| with_rights) {
            Some(rights) => format!(":{rights}"),
            None => String::new(),
        };
        format!("{default}{}:{}{rights}", self.tag.word(), self.who)
    }

    /// A name for people.
    pub fn name(&self) -> String {
        let default = if self.default { "default:" } else { "" };
        match (self.tag, self.who.as_str()) {
            (Tag::User, "") => format!("{default}owner"),
            (Tag::Group, "") => format!("{default}owning group"),
            (Tag::Mask | Tag::Other, _) => format!("{default}{}", self.tag.word()),
            (tag, who) => format!("{default}{}:{who}", tag.word()),
        }
    }

    /// Its beginning in what the host says, where accounts are numbers.
    pub fn key(&self, id: Option<u32>) -> String {
        format!("{}:{}:", self.tag.word(), id.map(|id| id.to_string()).unwrap_or_default())
    }

    /// Whether the mask limits it.
    pub fn is_masked(&self) -> bool {
        matches!(self.tag, Tag::User | Tag::Group) && !(self.tag == Tag::User && self.who.is_empty())
    }
}
