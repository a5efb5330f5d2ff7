//! The parameters of `git`.

use super::refspec::Refspec;
use crate::{
    resource::Fault,
    resources::shared::{HostPath, remote},
};
use agent::{
    secret::Content,
    wire::{Exec, GitRemote, Op},
};
use schemars::JsonSchema;
use serde::Deserialize;

/// Clones a repository, and keeps its work tree at a branch, a tag or a commit.
///
/// What the branch or tag is at is asked of the repository before anything is done, also under `--check`. A work tree with local changes
/// to files of the repository is refused, and so is losing commits that are only there, unless `force` says otherwise: what a tag of the
/// work tree holds stays with it. Files that git does not know stay. Nobody is asked for a password: a key or a credential helper has to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Address of the repository: HTTPS, ssh or a path on the host. A password does not belong here.
    pub repo: String,
    /// The folder on the host.
    pub dest: HostPath,
    /// A branch, a tag or a commit: all of its digits, or the first seven or more, when no other commit begins so. In quotes, if it is all
    /// digits, or digits with a point or an `e`: `"1e10"`. Default: the branch that the repository says.
    #[serde(default = "head", deserialize_with = "remote::version")]
    pub version: String,
    /// What is fetched besides, in the form of `git fetch`, with whole names: `+refs/pull/12/head:refs/heads/pr-12`. What it names is then a
    /// `version` as well, as is a commit that only it brings. A `+` overwrites what the name on the right has there. It is fetched whenever
    /// the work tree goes to another commit. Default: none.
    pub refspec: Option<String>,
    /// Fetches only so many of the last commits. Default: all of them.
    pub depth: Option<u32>,
    /// Throws local changes and local commits away.
    #[serde(default)]
    pub force: bool,
    /// `false`: leaves out the submodules, which are at the commits that the repository says otherwise.
    #[serde(default = "yes")]
    pub recursive: bool,
    /// `false`: does nothing where there is no work tree yet.
    #[serde(default = "yes")]
    pub clone: bool,
    /// `false`: leaves a work tree that is there as it is.
    #[serde(default = "yes")]
    pub update: bool,
    /// The private key for ssh, on the host. Default: that of the account's ssh.
    pub key_file: Option<HostPath>,
    /// Takes the key of an ssh server that is not known yet.
    #[serde(default)]
    pub accept_hostkey: bool,
}

fn head() -> String {
    "HEAD".into()
}

fn yes() -> bool {
    true
}

impl Spec {
    pub fn check(&self) -> Result<(), Fault> {
        let repo = self.repo.escape_debug();
        if self.repo.is_empty() || self.repo.starts_with('-') || self.repo.chars().any(char::is_control) {
            return Err(Fault::new(format!("`{repo}` is no repository")).hint("an address or a path"));
        }
        let has_password =
            self.repo.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.rsplit_once('@'));
        if has_password.is_some_and(|(user, _)| user.contains(':')) {
            let fault = Fault::new("`repo` holds a password, which all on the host could see");
            return Err(fault.hint("use a key (`key_file`) or a credential helper of git"));
        }
        let version = &self.version;
        let is_bad = |c: char| c.is_control() || " ~^:?*[\\".contains(c);
        if version.is_empty()
            || version.starts_with(['-', '/', '.'])
            || version.contains("..")
            || version.contains(is_bad)
        {
            let fault = Fault::new(format!(
                "`{}` is neither a branch nor a tag nor a commit",
                version.escape_debug()
            ));
            return Err(fault.hint("write its name alone: `main`, `v1.2`, or the digits of a commit"));
        }
        self.refspec()?;
        if self.depth == Some(0) {
            return Err(Fault::new("`depth` is 0").hint("1 is the least; leave it out for everything"));
        }
        Ok(())
    }

    pub fn refspec(&self) -> Result<Option<Refspec>, Fault> {
        self.refspec.as_deref().map(Refspec::read).transpose()
    }

    pub fn source(&self) -> GitRemote {
        GitRemote {
            repo: self.repo.clone(),
            version: self.version.clone(),
            key_file: self.key_file.as_ref().map(ToString::to_string),
            accept_hostkey: self.accept_hostkey,
        }
    }

    pub fn commit(&self) -> Option<&str> {
        let is_hex = self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && matches!(self.version.len(), 40 | 64)).then_some(&self.version)
    }

    /// The first digits of a commit, if it is not the name of a branch or tag.
    pub fn short_commit(&self) -> Option<String> {
        let is_hex = self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && (7..64).contains(&self.version.len()) && self.commit().is_none())
            .then(|| self.version.to_lowercase())
    }

    pub fn git(&self, args: &[&str]) -> Op {
        let mut exec = Exec::new(["git", "-C", &self.dest].iter().chain(args).copied());
        let mut ssh = "ssh -o BatchMode=yes".to_string();
        if self.accept_hostkey {
            ssh.push_str(" -o StrictHostKeyChecking=accept-new");
        }
        if let Some(key) = &self.key_file {
            ssh.push_str(&format!(" -o IdentitiesOnly=yes -i '{}'", key.replace('\'', r"'\''")));
        }
        let env = [("GIT_TERMINAL_PROMPT", "0"), ("GIT_SSH_COMMAND", &ssh)];
        exec.env = env.map(|(name, value)| (name.into(), Content::from(value))).into();
        Op::Exec { exec, ok: vec![] }
    }
}
