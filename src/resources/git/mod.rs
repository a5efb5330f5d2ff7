//! `git`: a work tree at a branch, a tag or a commit.

mod refspec;
mod spec;

use self::spec::Spec;
use super::shared::remote;
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facets, Fault, Observe, Pause, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{Exec, GitRemote, Op, Output, Probe};

pub struct Git;

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
    /// `refspec` brings it: neither a branch nor a tag has to be fetched.
    by_refspec: bool,
}

impl Wanted {
    fn new(commit: impl Into<String>, branch: Option<&str>) -> Self {
        Self { commit: commit.into(), branch: branch.map(Into::into), by_refspec: false }
    }
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
    /// What the repository says of a name.
    fn ask(&self, source: GitRemote, seen: &Seen) -> Observe<String> {
        let what = format!("cannot ask {} for `{}`", self.repo, source.version);
        let said = seen.run(Probe::GitRemote(source))?;
        if said.code != 0 {
            return Err(not_told(&said, &what, seen));
        }
        Ok(output_text(&said))
    }

    /// The commit of what is neither a branch nor a tag there.
    fn at(&self, name: &str, seen: &Seen) -> Observe<String> {
        let text = self.ask(GitRemote { version: name.into(), ..self.source() }, seen)?;
        listed(&text, &format!("{name}^{{}}")).or_else(|| listed(&text, name)).ok_or_else(|| {
            let what = format!("`{name}`, where `refspec` has `{}` from", self.version);
            let fault = Fault::new(format!("{} has no {what}", self.repo));
            fault.hint("`git ls-remote REPO` lists what a repository has").into()
        })
    }

    /// Where the repository says that it should be; `there`: the commit that is checked out.
    fn wanted(&self, there: Option<&str>, seen: &Seen) -> Observe<Wanted> {
        if let Some(commit) = self.commit() {
            return Ok(Wanted::new(commit.to_lowercase(), None));
        }
        let text = self.ask(self.source(), seen)?;
        let of = |name: &str| listed(&text, name);
        if self.version == "HEAD" {
            let branch =
                text.lines().find_map(|line| line.strip_prefix("ref: refs/heads/")?.strip_suffix("\tHEAD"));
            let commit =
                text.lines().find(|line| !line.starts_with("ref: ")).and_then(|line| line.split('\t').next());
            return match commit {
                Some(commit) => Ok(Wanted::new(commit, branch)),
                None => Err(Fault::new(format!("the repository {} is empty", self.repo)).into()),
            };
        }
        if let Some(commit) = of(&format!("refs/heads/{}", self.version)) {
            return Ok(Wanted::new(commit, Some(&self.version)));
        }
        let tag = of(&format!("refs/tags/{}^{{}}", self.version))
            .or_else(|| of(&format!("refs/tags/{}", self.version)));
        if let Some(commit) = tag {
            return Ok(Wanted::new(commit, None));
        }
        if let Some(source) = self.refspec()?.and_then(|refspec| refspec.source_of(&self.version)) {
            let commit = self.at(&source, seen)?;
            return Ok(Wanted { by_refspec: true, ..Wanted::new(commit, None) });
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
        Ok(Wanted::new(there.map_or(short, Into::into), None))
    }
}

/// The commit that a list of `git ls-remote` has for a name.
fn listed(text: &str, name: &str) -> Option<String> {
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    lines.filter(|(_, of)| *of == name).map(|(commit, _)| commit.to_string()).next()
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
        let by_refspec = from.wanted.as_ref().is_some_and(|wanted| wanted.by_refspec);
        let mut refspecs = match (&to.branch, is_commit, spec.depth) {
            _ if by_refspec => vec![],
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
        refspecs.extend(spec.refspec().ok().flatten().into_iter().flat_map(|refspec| refspec.fetched()));
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
