//! The parameters of `file`.

use super::HostPath;
use crate::{
    resource::Fault,
    resources::shared::attrs,
    yaml::{Mode, ModeRule},
};
use agent::{folders, mode::Rule, wire::Attrs};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Wanted {
    /// A file that is there already: only its attributes are set.
    #[default]
    File,
    Directory,
    Absent,
    /// A file, empty where none is.
    Touch,
    /// A symbolic link.
    Link,
    /// Another name of a file.
    Hard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Time {
    Preserve,
}

/// Makes a folder, an empty file or a link, sets mode and owner of what is there, or removes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file or folder on the host.
    pub path: HostPath,
    /// `directory` makes it, with missing parents; `file` must exist already; `absent` removes what is there; `touch` makes an empty file
    /// where nothing is, and leaves what is there, its times too; `link` makes a symbolic link to `src`, `hard` another name of the file
    /// `src`.
    #[serde(default)]
    pub state: Wanted,
    /// With `link`: what it points to, as it is written into the link. With `hard`: the file, on the same filesystem. Default: none.
    pub src: Option<String>,
    /// Permission bits, quoted: `"0755"`, or changes to those that are there: `u=rwX,g=rX,o=`, where `X` is for directories and for what
    /// somebody may execute already. Default: as it is, but without set-id bits where a file gets another owner or group; a new directory
    /// has `0755`, a new file `0644`.
    pub mode: Option<ModeRule>,
    /// Name or number of the owner; with `link` that of the link itself. Default: as it is; what is new belongs to whom the task runs as.
    pub owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    pub group: Option<String>,
    /// With `directory`: all that is below gets the same mode, owner and group; links are left as they are, and what is mounted below is
    /// not entered. Digits in `mode` are for files as well, all of which they may make executable: `X`, or `file_mode`. A file whose owner or
    /// group changes loses its set-id bits, unless its mode names them.
    #[serde(default)]
    pub recurse: bool,
    /// With `recurse`: the mode of files below; `mode` is that of directories then. Default: `mode`.
    pub file_mode: Option<ModeRule>,
    /// With `absent`: removes a directory with all that is in it.
    #[serde(default)]
    pub recursive: bool,
    /// With `link`: replaces a file or an empty directory that is there instead. With `hard`: a file.
    #[serde(default)]
    pub force: bool,
    /// With `touch`: `preserve`. Default: the same; nothing sets it.
    pub modification_time: Option<Time>,
    /// With `touch`: `preserve`. Default: the same; nothing sets it.
    pub access_time: Option<Time>,
}

impl Spec {
    /// Owner and group, and this mode where one is named.
    pub fn attrs(&self, mode: Option<u32>) -> Attrs {
        let mode = self.mode.as_ref().and(mode).map(Mode);
        attrs(mode, self.owner.as_ref(), self.group.as_ref())
    }

    /// The mode that is wanted in place of this one, where one is named.
    pub fn mode_of(&self, now: u32, is_folder: bool) -> Option<u32> {
        self.mode.as_ref().map(|mode| mode.rule.of(now, is_folder))
    }

    /// The file that it is to be another name of.
    pub fn hard(&self) -> Option<HostPath> {
        HostPath::new(self.src.as_deref()?).ok()
    }

    /// What can be told without asking the host.
    pub fn check(&self) -> Result<(), Fault> {
        let is = |state: Wanted| self.state == state;
        let refused = |message: &str, hint: &str| Err(Fault::new(message).hint(hint));
        if self.recursive && !is(Wanted::Absent) {
            return refused(
                "`recursive` removes a directory with all that is in it: it goes with `state: absent`",
                "leave it out; `recurse` gives all that is in a directory mode and owner",
            );
        }
        if self.recurse && !is(Wanted::Directory) {
            return refused("`recurse` is for all that is below a directory", "write `state: directory`");
        }
        if self.recurse
            && self.mode.is_none()
            && self.file_mode.is_none()
            && self.owner.is_none()
            && self.group.is_none()
        {
            return refused("`recurse` has nothing to set", "name `mode`, `owner` or `group`");
        }
        if self.file_mode.is_some() && !self.recurse {
            return refused(
                "`file_mode` is for the files below a directory",
                "write `recurse: true`, or `mode`",
            );
        }
        if is(Wanted::Absent) && (folders::SYSTEM.contains(&&*self.path) || &*self.path == "/") {
            let fault = Fault::new(format!("cannot remove {}: it is a folder of the system", self.path));
            return Err(fault.hint("name what is in it and is to go"));
        }
        if self.recurse && (folders::SYSTEM.contains(&&*self.path) || &*self.path == "/") {
            let fault = Fault::new(format!(
                "cannot set mode and owner of all in {}: it is a folder of the system",
                self.path
            ));
            return Err(fault.hint("name what is in it"));
        }
        let is_link = is(Wanted::Link) || is(Wanted::Hard);
        if !is_link && self.src.is_some() {
            return refused(
                "`src` is for links",
                "write `state: link`, or `state: hard` for another name of a file",
            );
        }
        if !is_link && self.force {
            return refused(
                "`force` is for links",
                "what is in the way is removed by a task with `state: absent` before it",
            );
        }
        if is_link {
            let fine = self.src.as_ref().is_some_and(|src| !src.is_empty() && !src.contains('\0'));
            if !fine {
                return refused("a link needs a `src`", "say what it points to");
            }
            if self.mode.is_some() {
                return refused(
                    "a link has no mode of its own",
                    "set that of what it points to by a task of its own",
                );
            }
        }
        if is(Wanted::Hard) {
            if let Err(why) = HostPath::new(self.src.as_deref().unwrap_or_default()) {
                let why = why.lines().next().unwrap_or_default().to_string();
                return Err(Fault::new(why).hint("with `hard`, `src` is the absolute path of a file"));
            }
            if self.owner.is_some() || self.group.is_some() {
                return refused(
                    "all names of a file have one owner",
                    "set it by a task of its own, for `src`",
                );
            }
        }
        if !is(Wanted::Touch) && (self.modification_time.is_some() || self.access_time.is_some()) {
            return refused("times are for `state: touch`", "leave them out: nothing sets them");
        }
        Ok(())
    }

    /// Of what is meant more rarely than written.
    pub fn notes(&self) -> Vec<String> {
        match &self.mode {
            Some(ModeRule { rule: Rule::Bits(bits), text })
                if self.recurse && self.file_mode.is_none() && bits & 0o111 != 0 =>
            {
                vec![format!(
                    "`mode: \"{text}\"` makes every file below executable: `u=rwX` and the like, or `file_mode`, does not"
                )]
            }
            _ => vec![],
        }
    }
}
