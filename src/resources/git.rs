//! `git`: a work tree at a branch, a tag or a commit.

use super::shared::{HostPath, remote};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facets, Fault, Observe, Pause, Resource, Seen, State, Topic, Untold},
};
use agent::{
    secret::Content,
    wire::{Exec, GitRemote, Op, Output, Probe},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Git;

/// Clones a repository, and keeps its work tree at a branch, a tag or a commit.
///
/// What the branch or tag is at is asked of the repository before anything is done, also under `--check`. A work tree with local changes
/// to files of the repository is refused, and so is losing commits that are only there, unless `force` says otherwise: what a tag of the
/// work tree holds stays with it. Files that git does not know stay. Nobody is asked for a password: a key or a credential helper has to do.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Address of the repository: HTTPS, ssh or a path on the host. A password does not belong here.
    repo: String,
    /// The folder on the host.
    dest: HostPath,
    /// A branch, a tag or a commit: all of its digits, or the first seven or more, when no other commit begins so. In quotes, if it is all
    /// digits, or digits with a point or an `e`: `"1e10"`. Default: the branch that the repository says.
    #[serde(default = "head", deserialize_with = "remote::version")]
    version: String,
    /// Fetches only so many of the last commits. Default: all of them.
    depth: Option<u32>,
    /// Throws local changes and local commits away.
    #[serde(default)]
    force: bool,
    /// `false`: leaves out the submodules, which are at the commits that the repository says otherwise.
    #[serde(default = "yes")]
    recursive: bool,
    /// `false`: does nothing where there is no work tree yet.
    #[serde(default = "yes")]
    clone: bool,
    /// `false`: leaves a work tree that is there as it is.
    #[serde(default = "yes")]
    update: bool,
    /// The private key for ssh, on the host. Default: that of the account's ssh.
    key_file: Option<HostPath>,
    /// Takes the key of an ssh server that is not known yet.
    #[serde(default)]
    accept_hostkey: bool,
}

fn head() -> String {
    "HEAD".into()
}

fn yes() -> bool {
    true
}

/// What is checked out, or to be.
#[derive(Clone, Default)]
pub struct Tree {
    commit: Option<String>,
    branch: Option<String>,
    origin: Option<String>,
    changed: u64,
    unpushed: u64,
    /// Commits that would be lost with the tag that `version` names.
    in_tag: u64,
    /// Submodules that are not at the commit that is recorded.
    submodules: Vec<String>,
    files: Vec<String>,
    /// In what is observed: where it should be. `None` when it stays as it is.
    wanted: Option<Wanted>,
}

#[derive(Clone)]
struct Wanted {
    commit: String,
    branch: Option<String>,
}

impl State for Tree {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let mut put = |name: &str, value: Option<String>| value.map(|v| facets.insert(name.into(), v.into()));
        put("commit", self.commit.clone());
        put("branch", self.branch.clone());
        put("origin", self.origin.clone());
        put("submodules", (!self.submodules.is_empty()).then(|| self.submodules.join(", ")));
        let count =
            |n: u64, what: &str| (n > 0).then(|| format!("{n} {what}{}", if n == 1 { "" } else { "s" }));
        put("local changes", count(self.changed, "file"));
        put("local commits", count(self.unpushed, "commit"));
        facets
    }
}

impl Tree {
    fn read(text: &str) -> Self {
        let mut tree = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(' ')) {
            match key {
                "commit" => tree.commit = Some(value.into()),
                "branch" => tree.branch = Some(value.into()),
                "origin" => tree.origin = Some(value.into()),
                "changed" => tree.changed = value.parse().unwrap_or(0),
                "unpushed" => tree.unpushed = value.parse().unwrap_or(0),
                "own-tag" => tree.in_tag = value.parse().unwrap_or(0),
                "submodule" => tree.submodules.push(value.into()),
                "file" => tree.files.push(value.into()),
                _ => {}
            }
        }
        tree
    }
}

impl Spec {
    fn check(&self) -> Result<(), Fault> {
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
        if self.depth == Some(0) {
            return Err(Fault::new("`depth` is 0").hint("1 is the least; leave it out for everything"));
        }
        Ok(())
    }

    fn source(&self) -> GitRemote {
        GitRemote {
            repo: self.repo.clone(),
            version: self.version.clone(),
            key_file: self.key_file.as_ref().map(ToString::to_string),
            accept_hostkey: self.accept_hostkey,
        }
    }

    fn commit(&self) -> Option<&str> {
        let is_hex = self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && matches!(self.version.len(), 40 | 64)).then_some(&self.version)
    }

    /// The first digits of a commit, if it is not the name of a branch or tag.
    fn short_commit(&self) -> Option<String> {
        let is_hex = self.version.bytes().all(|byte| byte.is_ascii_hexdigit());
        (is_hex && (7..64).contains(&self.version.len()) && self.commit().is_none())
            .then(|| self.version.to_lowercase())
    }

    /// Where the repository says that it should be; `there`: the commit that is checked out.
    fn wanted(&self, there: Option<&str>, seen: &Seen) -> Observe<Wanted> {
        if let Some(commit) = self.commit() {
            return Ok(Wanted { commit: commit.to_lowercase(), branch: None });
        }
        let said = seen.run(Probe::GitRemote(self.source()))?;
        if said.code != 0 {
            return Err(not_told(&said, &format!("cannot ask {} for `{}`", self.repo, self.version), seen));
        }
        let text = output_text(&said);
        let of = |name: &str| {
            text.lines().find_map(|line| {
                line.split_once('\t').filter(|(_, n)| *n == name).map(|(c, _)| c.to_string())
            })
        };
        if self.version == "HEAD" {
            let branch =
                text.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
            let commit =
                text.lines().find(|line| !line.starts_with("ref: ")).and_then(|line| line.split('\t').next());
            return match commit {
                Some(commit) => Ok(Wanted { commit: commit.into(), branch: branch.map(Into::into) }),
                None => Err(Fault::new(format!("the repository {} is empty", self.repo)).into()),
            };
        }
        if let Some(commit) = of(&format!("refs/heads/{}", self.version)) {
            return Ok(Wanted { commit, branch: Some(self.version.clone()) });
        }
        let tag = of(&format!("refs/tags/{}^{{}}", self.version))
            .or_else(|| of(&format!("refs/tags/{}", self.version)));
        if let Some(commit) = tag {
            return Ok(Wanted { commit, branch: None });
        }
        let none = format!("{} has no branch and no tag `{}`", self.repo, self.version);
        let Some(short) = self.short_commit() else {
            return Err(Fault::new(none).hint("of a commit the first 7 digits at least are needed").into());
        };
        if self.depth.is_some() {
            let fault = Fault::new(format!("{none}, and of a commit `depth` needs all digits"));
            return Err(fault.hint("write all 40 of them, or leave `depth` out").into());
        }
        // Which one it is shows in what is fetched: git refuses what is not there, and what two commits begin with.
        let there = there.filter(|there| there.starts_with(&short));
        Ok(Wanted { commit: there.map_or(short, Into::into), branch: None })
    }

    fn git(&self, args: &[&str]) -> Op {
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

fn output_text(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
}

/// Why git did not say: it may come with an earlier task, as may a key or a network.
fn not_told(said: &Output, what: &str, seen: &Seen) -> Pause {
    if said.code == 127 {
        return seen.lacks(&[Area::Packages], "the host has no git (`package: git` brings it)");
    }
    let why = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
    let lines: Vec<&str> = why.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Pause::NotYet(format!("{what}: {}", lines.join(" ")))
}

impl Resource for Git {
    const NAME: &'static str = "git";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] =
        &["commit", "branch", "origin", "submodules", "local changes", "local commits"];
    const UNTOLD: &'static [Untold] = &[Untold::Below];
    const EXAMPLE: &'static str = "\
name: Check the site out
git:
  repo: https://git.example/site.git
  dest: /srv/site
  version: v2.1
  depth: 1
";
    const CONTENT: &'static [&'static str] = &["version"];

    type Spec = Spec;
    type State = Tree;

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        // What git is told there, by whoever it is done as: helpers and passwords, other addresses; for ssh keys and known hosts.
        let told = ["/etc/gitconfig", "~/.gitconfig", "~/.config/git", "~/.git-credentials", "~/.netrc"];
        let home = told.into_iter().chain(remote::is_ssh(&spec.repo).then_some("~/.ssh"));
        let home = home.map(|path| Area::Path(path.into()));
        Footprint::writes([spec.dest.area()]).and_reads(remote::areas(&spec.source()).into_iter().chain(home))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Tree> {
        spec.check()?;
        let branch = if spec.commit().is_some() { "" } else { &spec.version };
        let (path, branch) = (spec.dest.to_string(), branch.replace("HEAD", ""));
        let said = seen.run(Probe::GitTree { path: path.clone(), branch })?;
        let there = match said.code {
            0 => Some(Tree::read(&output_text(&said))),
            1 => None,
            2 => {
                let why = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
                let hint = "`become_user` says who owns the work tree; what is in the way is removed by hand";
                return Err(Fault::new(why).hint(hint).into());
            }
            _ => return Err(not_told(&said, "cannot look at the work tree", seen)),
        };
        if there.is_none() && !spec.clone || there.is_some() && !spec.update {
            // What is not looked after is not shown either.
            return Ok(Tree { changed: 0, unpushed: 0, submodules: vec![], ..there.unwrap_or_default() });
        }
        let mut tree = there.unwrap_or_default();
        if !spec.recursive {
            tree.submodules.clear();
        }
        if tree.changed > 0 && !spec.force {
            let files = tree.files.join(", ");
            let more = if tree.changed as usize > tree.files.len() { ", ..." } else { "" };
            let fault = Fault::new(format!("{} has local changes: {files}{more}", spec.dest));
            return Err(fault.hint("commit or undo them there; `force: true` throws them away").into());
        }
        let wanted = spec.wanted(tree.commit.as_deref(), seen)?;
        // A branch that is not checked out would be moved as well.
        let is_on = wanted.branch.is_none() || tree.branch == wanted.branch;
        if let ("HEAD", Some(branch), true, false) =
            (spec.version.as_str(), &wanted.branch, tree.commit.is_some(), is_on)
        {
            // Which branch it is has been told only now.
            let said = seen.run(Probe::GitTree { path, branch: branch.clone() })?;
            tree.unpushed = Tree::read(&output_text(&said)).unpushed;
        }
        let stays = is_on && tree.commit.as_deref() == Some(&wanted.commit);
        if tree.unpushed > 0 && !stays && !spec.force {
            let fault =
                Fault::new(format!("{} has {} commits that are only there", spec.dest, tree.unpushed));
            return Err(fault.hint("push them; `force: true` throws them away").into());
        }
        if stays {
            tree.unpushed = 0;
        }
        tree.wanted = Some(wanted);
        Ok(tree)
    }

    fn desired(spec: &Spec, observed: &Tree) -> Result<Tree, Fault> {
        let Some(wanted) = observed.wanted.clone() else { return Ok(observed.clone()) };
        let origin = Some(spec.repo.clone());
        Ok(Tree { commit: Some(wanted.commit), branch: wanted.branch, origin, ..Tree::default() })
    }

    fn ops(spec: &Spec, from: &Tree, to: &Tree) -> Vec<Op> {
        let (Some(commit), true) = (&to.commit, from.facets() != to.facets()) else { return vec![] };
        let mut submodules = vec![];
        if spec.recursive {
            submodules.push(spec.git(&["submodule", "--quiet", "sync", "--recursive"]));
            let mut update = vec!["submodule", "--quiet", "update", "--init", "--recursive"];
            update.extend(spec.force.then_some("--force"));
            submodules.push(spec.git(&update));
        }
        if (Tree { submodules: vec![], ..from.clone() }).facets() == to.facets() {
            return submodules;
        }
        let mut ops = vec![];
        if from.commit.is_none() && from.origin.is_none() {
            let init = Op::Exec { exec: Exec::new(["git", "init", "--quiet", "--", &spec.dest]), ok: vec![] };
            // One that was cut short after its beginning is taken up: a second `init` does no harm.
            ops.push(init);
        }
        if from.origin != to.origin {
            let verb = if from.origin.is_some() { "set-url" } else { "add" };
            ops.push(spec.git(&["remote", verb, "origin", &spec.repo]));
        }
        let remote = to.branch.as_ref().map(|branch| format!("refs/remotes/origin/{branch}"));
        let tag = format!("refs/tags/{}", spec.version);
        // What another commit has for its name is a tag.
        let is_commit =
            spec.commit().is_some() || spec.short_commit().is_some_and(|short| commit.starts_with(&short));
        // Tags of the repository have a place apart: one of the work tree may be all that holds a commit.
        let refspecs = match (&to.branch, is_commit, spec.depth) {
            (Some(branch), ..) => vec![format!("+refs/heads/{branch}:refs/remotes/origin/{branch}")],
            // A commit of which the first digits are known may be a tag's alone.
            (None, true, None) => {
                let tags = spec.commit().is_none().then(|| "+refs/tags/*:refs/remotes/origin-tags/*".into());
                ["+refs/heads/*:refs/remotes/origin/*".into()].into_iter().chain(tags).collect()
            }
            (None, true, Some(_)) => vec![format!("+{commit}:refs/remotes/origin/pinned")],
            (None, false, _) if spec.version == "HEAD" => vec!["+HEAD:refs/remotes/origin/HEAD".into()],
            (None, false, _) => {
                let moves = (from.in_tag == 0 || spec.force).then(|| format!("+{tag}:{tag}"));
                let apart = format!("+{tag}:refs/remotes/origin-tags/{}", spec.version);
                moves.into_iter().chain([apart]).collect()
            }
        };
        let depth = spec.depth.map(|depth| format!("--depth={depth}"));
        let mut fetch = vec!["fetch", "--quiet"];
        fetch.extend(depth.as_deref());
        fetch.push("origin");
        fetch.extend(refspecs.iter().map(String::as_str));
        ops.push(spec.git(&fetch));
        let mut checkout = vec!["checkout", "--quiet"];
        checkout.extend(spec.force.then_some("--force"));
        match (&to.branch, &remote) {
            (Some(branch), Some(remote)) => checkout.extend(["-B", branch, remote, "--"]),
            _ => checkout.extend(["--detach", commit, "--"]),
        }
        ops.push(spec.git(&checkout));
        ops.extend(submodules);
        ops
    }
}
