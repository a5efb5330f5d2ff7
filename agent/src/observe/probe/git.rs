//! Work trees of git, and what a repository elsewhere has.

use super::output;
use crate::child;
use crate::secret::Content;
use crate::wire::{Exec, GitRemote, Output};
use std::path::Path;

/// Seconds that another repository may take to answer.
const REMOTE: u32 = 120;
const LOCAL: u32 = 120;
/// Files that are told of those that were changed.
const TOLD: usize = 5;
/// Ends of a shallow clone that are looked at.
const SHALLOW: usize = 10_000;

fn git(args: &[&str], env: &[(&str, &str)], timeout_s: u32) -> Output {
    let mut exec = Exec::new(["git"].iter().chain(args).copied());
    // Nobody is there to be asked, and a look takes no lock.
    let fixed = [("GIT_TERMINAL_PROMPT", "0"), ("GIT_OPTIONAL_LOCKS", "0"), ("LC_ALL", "C")];
    exec.env =
        fixed.iter().chain(env).map(|(name, value)| (name.to_string(), Content::from(*value))).collect();
    exec.timeout_s = timeout_s;
    child::output_or_code(child::run(&exec, &mut |_| {}), false)
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(output.stdout.bytes()).trim_end().to_string()
}

fn failed(code: i32, why: impl Into<Vec<u8>>) -> Output {
    Output { stderr: Content::new(why, false), ..output(code, "") }
}

/// See [`crate::wire::Probe::GitTree`].
pub fn tree(path: &str, branch: &str) -> Output {
    if child::which("git").is_none() {
        return failed(127, "program `git` not found");
    }
    let folder = Path::new(path);
    // Git itself would look for a work tree further up.
    if !folder.join(".git").exists() {
        let is_empty = std::fs::read_dir(folder).map(|mut entries| entries.next().is_none());
        return match is_empty {
            Ok(false) => failed(2, format!("{path} is not empty, and no work tree of git")),
            Err(_) if folder.exists() => failed(2, format!("{path} is no directory that can be looked into")),
            _ => output(1, ""),
        };
    }
    let at = |args: &[&str]| git(&[&["-C", path, "-c", "core.fsmonitor=false"], args].concat(), &[], LOCAL);
    let status = at(&["status", "--porcelain=v1", "--untracked-files=no", "--ignore-submodules=all"]);
    if status.code != 0 {
        return failed(2, status.stderr.bytes());
    }
    let mut lines = String::new();
    let mut line = |key: &str, of: &Output| {
        if of.code == 0 {
            lines.push_str(&format!("{key} {}\n", text(of)));
        }
    };
    line("commit", &at(&["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]));
    line("branch", &at(&["symbolic-ref", "--quiet", "--short", "HEAD"]));
    line("origin", &at(&["config", "--get", "remote.origin.url"]));
    let mut refs = vec!["HEAD".to_string()];
    let own = format!("refs/heads/{branch}");
    if !branch.is_empty() && at(&["rev-parse", "--verify", "--quiet", &own]).code == 0 {
        refs.push(own);
    }
    let refs: Vec<&str> = refs.iter().map(String::as_str).collect();
    line("unpushed", &at(&[&["rev-list", "--count"], &refs[..], &["--not", "--remotes", "--tags"]].concat()));
    let tag = format!("refs/tags/{branch}");
    if !branch.is_empty() && at(&["rev-parse", "--verify", "--quiet", &tag]).code == 0 {
        let others = format!("--exclude={branch}");
        // Where a shallow clone ends was fetched, though no ref may say so.
        let shallow = std::fs::read_to_string(folder.join(".git/shallow")).unwrap_or_default();
        let mut args = vec!["rev-list", "--count", &tag, "--not", "--remotes", &others, "--tags"];
        args.extend(shallow.lines().take(SHALLOW));
        line("own-tag", &at(&args));
    }
    if folder.join(".gitmodules").exists() {
        // `-` is not there, `+` is at another commit, `U` is in conflict.
        let submodules = at(&["submodule", "status", "--recursive"]);
        let told = String::from_utf8_lossy(submodules.stdout.bytes()).into_owned();
        let off = told.lines().filter(|line| line.starts_with(['-', '+', 'U']));
        lines.extend(off.filter_map(|line| {
            let (_, path) = line.split_once(' ')?;
            let path =
                path.rsplit_once(" (").filter(|(_, rest)| rest.ends_with(')')).map_or(path, |(path, _)| path);
            Some(format!("submodule {path}\n"))
        }));
    }
    let changed = text(&status);
    let names: Vec<&str> = changed.lines().filter_map(|line| line.get(3..)).collect();
    lines.push_str(&format!("changed {}\n", names.len()));
    lines.extend(names.iter().take(TOLD).map(|name| format!("file {name}\n")));
    output(0, lines)
}

/// See [`crate::wire::Probe::GitRemote`].
pub fn remote(of: &GitRemote) -> Output {
    let wanted: Vec<String> = match of.version.as_str() {
        "HEAD" => vec!["HEAD".into()],
        whole if whole.starts_with("refs/") => vec![whole.into(), format!("{whole}^{{}}")],
        name => ["refs/heads/NAME", "refs/tags/NAME", "refs/tags/NAME^{}"]
            .map(|form| form.replace("NAME", name))
            .into(),
    };
    let home = std::env::var("HOME").unwrap_or_default();
    let ssh = ssh(of, &home);
    let args = ["ls-remote", "--symref", "--", &of.repo];
    let args: Vec<&str> = args.into_iter().chain(wanted.iter().map(String::as_str)).collect();
    let said = git(&args, &[("GIT_SSH_COMMAND", &ssh)], REMOTE);
    if said.code != 0 {
        return said;
    }
    // A pattern of git's matches the ends of names as well.
    let all = text(&said);
    let lines = all
        .lines()
        .filter(|line| line.split('\t').nth(1).is_some_and(|name| wanted.iter().any(|w| w == name)));
    output(0, lines.map(|line| format!("{line}\n")).collect::<String>())
}

/// The ssh of a look: the key of a host that is not known yet is taken, if the task says so, but not written down.
fn ssh(of: &GitRemote, home: &str) -> String {
    let mut ssh = "ssh -o BatchMode=yes".to_string();
    if of.accept_hostkey {
        let known =
            quoted(&format!("GlobalKnownHostsFile=\"{home}/.ssh/known_hosts\" /etc/ssh/ssh_known_hosts"));
        ssh.push_str(&format!(
            " -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=/dev/null -o {known}"
        ));
        ssh.push_str(" -o LogLevel=ERROR");
    }
    if let Some(key) = &of.key_file {
        ssh.push_str(&format!(" -o IdentitiesOnly=yes -i {}", quoted(key)));
    }
    ssh
}

/// For the shell to which git gives it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn sh(folder: &Path, script: &str) -> String {
        let script = format!(
            "export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b\n{script}"
        );
        let done = Command::new("sh").args(["-ec", &script]).current_dir(folder).output().unwrap();
        assert!(done.status.success(), "{script}: {done:?}");
        String::from_utf8(done.stdout).unwrap().trim().into()
    }

    fn said(output: &Output) -> String {
        text(output)
    }

    #[test]
    fn a_work_tree_is_told_and_looking_changes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_string();
        assert_eq!(tree(&at("none"), "main").code, 1);
        std::fs::create_dir(at("empty")).unwrap();
        assert_eq!(tree(&at("empty"), "main").code, 1);
        std::fs::create_dir(at("full")).unwrap();
        std::fs::write(at("full/x"), "").unwrap();
        assert_eq!(tree(&at("full"), "main").code, 2);
        std::fs::write(at("file"), "").unwrap();
        assert_eq!(tree(&at("file"), "main").code, 2);
        let commit = sh(
            folder.path(),
            "git init -q -b main up; cd up; echo a > a; echo b > b; git add .; git commit -qm one; git tag -am t v1
             git clone -q . ../down; git rev-parse HEAD",
        );
        let up = at("up");
        let clean = format!("commit {commit}\nbranch main\norigin {up}/.\nunpushed 0\nchanged 0");
        assert_eq!(said(&tree(&at("down"), "main")), clean);
        sh(folder.path(), "cd down; echo c > c; touch a; echo x >> b");
        let index = std::fs::metadata(at("down/.git/index")).unwrap().modified().unwrap();
        assert_eq!(said(&tree(&at("down"), "main")), clean.replace("changed 0", "changed 1\nfile b"));
        assert_eq!(std::fs::metadata(at("down/.git/index")).unwrap().modified().unwrap(), index);
        sh(folder.path(), "cd down; git commit -qam two; git checkout -q --detach v1");
        let told = said(&tree(&at("down"), "main"));
        assert!(told.contains("unpushed 1") && !told.contains("branch "), "{told}");
        assert!(said(&tree(&at("down"), "other")).contains("unpushed 0"));
        // The tag of a clone has no commit of its own, until somebody moves it.
        assert!(said(&tree(&at("down"), "v1")).contains("\nown-tag 0\n"));
        sh(folder.path(), "cd down; git commit -q --allow-empty -m three; git tag -f v1");
        let told = said(&tree(&at("down"), "v1"));
        assert!(told.contains("\nunpushed 0\nown-tag 1\n"), "{told}");
        // Nor has that of a shallow one, whose only ref it is.
        sh(folder.path(), "git clone -q --depth 1 --branch v1 file://$PWD/up one");
        assert!(said(&tree(&at("one"), "v1")).contains("\nunpushed 0\nown-tag 0\n"));
        sh(folder.path(), "cd one; git commit -q --allow-empty -m two; git tag -f v1");
        assert!(said(&tree(&at("one"), "v1")).contains("\nunpushed 0\nown-tag 1\n"));
    }

    #[test]
    fn submodules_that_are_elsewhere_are_told() {
        let folder = tempfile::tempdir().unwrap();
        sh(
            folder.path(),
            "git init -q -b main part; cd part; git commit -q --allow-empty -m one; part=$PWD; cd ..
             git init -q -b main up; cd up; git -c protocol.file.allow=always submodule --quiet add $part 'a part'; git commit -qm one
             git clone -q . ../down",
        );
        let told = || said(&tree(folder.path().join("down").to_str().unwrap(), "main"));
        assert!(told().contains("\nsubmodule a part\n"), "{}", told());
        sh(folder.path(), "cd down; git -c protocol.file.allow=always submodule --quiet update --init");
        assert!(!told().contains("submodule"), "{}", told());
        sh(folder.path(), "cd 'down/a part'; git commit -q --allow-empty -m two");
        assert!(told().contains("\nsubmodule a part\n") && told().contains("\nchanged 0"), "{}", told());
    }

    #[test]
    fn what_a_repository_has_is_told_by_its_whole_name() {
        let folder = tempfile::tempdir().unwrap();
        let commit = sh(
            folder.path(),
            "git init -q -b main .; git commit -q --allow-empty -m one; git tag -am t v1; git branch x/refs/heads/v1
             git rev-parse HEAD",
        );
        let ask = |version: &str| {
            let repo = folder.path().to_str().unwrap().into();
            remote(&GitRemote { repo, version: version.into(), key_file: None, accept_hostkey: false })
        };
        assert_eq!(said(&ask("HEAD")), format!("ref: refs/heads/main\tHEAD\n{commit}\tHEAD"));
        assert_eq!(said(&ask("main")), format!("{commit}\trefs/heads/main"));
        let tag = said(&ask("v1"));
        assert!(
            tag.ends_with(&format!("\n{commit}\trefs/tags/v1^{{}}")) && tag.lines().count() == 2,
            "{tag}"
        );
        sh(
            folder.path(),
            "git update-ref refs/pull/1/head HEAD; git update-ref refs/x/refs/pull/1/head HEAD",
        );
        assert_eq!(said(&ask("refs/pull/1/head")), format!("{commit}\trefs/pull/1/head"));
        assert_eq!((said(&ask("none")), ask("none").code), (String::new(), 0));
        let gone = GitRemote { repo: "/nowhere".into(), ..GitRemote::default() };
        assert_eq!(remote(&gone).code, 128);
    }

    #[test]
    fn the_key_is_quoted_for_the_shell() {
        let of = GitRemote { key_file: Some("/it's".into()), accept_hostkey: true, ..GitRemote::default() };
        let ssh = ssh(&of, "/root");
        assert!(ssh.ends_with(r"-i '/it'\''s'") && ssh.contains("UserKnownHostsFile=/dev/null"), "{ssh}");
    }
}
