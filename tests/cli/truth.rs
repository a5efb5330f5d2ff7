//! What `--check` shows is what `apply` does: playbooks made at random, over files made at random, on a real file system.
//!
//! For each: the same tasks change, with the same diff to the letter, fail, or are left out; only what `--check` showed as not knowable may
//! come out in any way. `--check` touches nothing. Half of them are carried out from a saved plan, which must hold as long as nothing but the
//! run itself moves anything. `TRUTH_CASES` and `TRUTH_SEED` try others than those of every run.

mod packages;
mod playbooks;

use crate::{
    project::{Project, Tree},
    sshd::run,
    told::git,
};
use playbooks::{Part, Playbook, Thing, part, rest, things};
use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use regex::Regex;
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::symlink, process::Command, sync::LazyLock};

/// How a task came out.
#[derive(Debug)]
struct Came {
    name: String,
    status: String,
    diff: String,
    /// Why it failed.
    why: String,
}

static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\[secret [0-9a-f]+\]|"masked":"[0-9a-f]+""#).unwrap());

/// Where `hello` is fetched from.
static PORT: LazyLock<u16> = LazyLock::new(|| crate::transfer::serve("hello\n", 6).0);

/// Which block a task is in, and in which part: `b2r 7`.
static BLOCK: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\bb([0-9]+)([mra])\b").unwrap());

impl Came {
    /// The block, and the part of it, that the name tells.
    fn block(&self) -> Option<(u32, char)> {
        let found = BLOCK.captures(&self.name)?;
        Some((found[1].parse().ok()?, found[2].chars().next()?))
    }

    /// A file or a folder is not there.
    fn lacks(&self) -> bool {
        ["does not exist", "there is no", "No such file"].iter().any(|word| self.why.contains(word))
    }
}

fn came(out: &str) -> BTreeMap<u64, Came> {
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended = events.filter(|event| event["event"] == "task_finished");
    ended
        .map(|event| {
            let status = event["status"].as_str().unwrap();
            let status = if status == "would_change" { "changed" } else { status }.to_owned();
            // Tags of secrets are new in each run.
            let diff = TAG.replace_all(&event["diff"].to_string(), "[secret]").into_owned();
            let name = event["name"].as_str().unwrap().to_owned();
            let why = event["failure"]["message"].as_str().unwrap_or_default().to_owned();
            (event["task"].as_u64().unwrap(), Came { name, status, diff, why })
        })
        .collect()
}

/// Which tasks may come out otherwise than shown, since one of a block failed that has something for that case.
fn is_after(failed: &[(u32, u64)], task: u64, came: &Came) -> bool {
    failed.iter().any(|(block, at)| {
        task > *at && came.block().is_none_or(|(own, part)| own != *block || part != 'm')
            || came.block() == Some((*block, 'r'))
    })
}

fn lay(project: &Project, things: &[Thing]) {
    let home = project.home("a");
    let path = |path: &str| home.join(path);
    for thing in things {
        let (at, is_made) = match thing {
            Thing::File(at, ..) | Thing::Link(at, _) => (path(at), false),
            Thing::Folder(at) | Thing::Giving(at, _) => (path(at), true),
            Thing::Rest(without, text) => {
                let (folders, files) = rest(*without);
                // Something else may be in the way.
                folders.iter().for_each(|folder| drop(fs::create_dir_all(path(folder))));
                let missing =
                    files.iter().map(|file| path(file)).filter(|file| file.symlink_metadata().is_err());
                missing.for_each(|file| drop(fs::write(file, text)));
                continue;
            }
        };
        let folder = if is_made { at.clone() } else { at.parent().unwrap().to_owned() };
        // Where something else is in the way already, it stays.
        if fs::create_dir_all(&folder).is_err() || at.symlink_metadata().is_ok() {
            continue;
        }
        match thing {
            Thing::File(_, text, mode) => {
                fs::write(&at, text).unwrap();
                fs::set_permissions(&at, std::os::unix::fs::PermissionsExt::from_mode(*mode)).unwrap();
            }
            Thing::Link(_, to) => symlink(path(to), &at).unwrap(),
            Thing::Giving(_, list) => {
                std::os::unix::fs::chown(&at, None, Some(2)).unwrap();
                fs::set_permissions(&at, std::os::unix::fs::PermissionsExt::from_mode(0o2775)).unwrap();
                if *list {
                    run(Command::new("setfacl").args(["-m", "default:user:daemon:rwx"]).arg(&at));
                }
            }
            Thing::Folder(_) | Thing::Rest(..) => {}
        }
    }
}

/// What was seen of playbooks that keep the law.
#[derive(Debug, Default)]
struct Count {
    cases: usize,
    refused: usize,
    tasks: usize,
    deferred: usize,
    failed: usize,
    saved: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.cases += other.cases;
        self.refused += other.refused;
        self.tasks += other.tasks;
        self.deferred += other.deferred;
        self.failed += other.failed;
        self.saved += other.saved;
    }
}

/// A repository with a tag and a commit behind it, and a work tree of it.
fn work_tree(project: &Project) {
    let (repo, home) = (project.path("files/repo"), project.home("a"));
    project.write("files/repo/f", "one\n");
    git(&repo, &["init", "--quiet", "-b", "main"]);
    git(&repo, &["add", "."]);
    git(&repo, &["commit", "--quiet", "-m", "x"]);
    git(&repo, &["tag", "v1"]);
    project.write("files/repo/f", "two\n");
    git(&repo, &["commit", "--quiet", "-am", "y"]);
    git(&home, &["clone", "--quiet", &repo.display().to_string(), "w"]);
}

fn holds(things: &[Thing], parts: &[Part], saved: bool) -> Result<Count, TestCaseError> {
    let book = Playbook::new(parts);
    let project = Project::local(&["a", "b"], "");
    book.files.iter().for_each(|(name, text)| project.write(name, text));
    let (away, files) = (project.home("b"), project.path("files"));
    let vars = [("away", away.display()), ("files", files.display())]
        .map(|(name, path)| format!("{name}: {path}\n"));
    project.write("group_vars/all.yml", &format!("{}port: {}\n", vars.concat(), *PORT));
    for folder in ["d/e", "g"] {
        fs::create_dir_all(away.join(folder)).unwrap();
    }
    for (archive, folder) in [("t.tar", "site"), ("u.tar", "parts")] {
        run(Command::new("tar").arg("-C").arg(&files).arg("-cf").arg(files.join(archive)).arg(folder));
    }
    fs::copy(files.join("t.tar"), project.path("h/a/a.tar")).unwrap();
    if book.text().contains("git:") {
        work_tree(&project);
    }
    lay(&project, things);
    law(&project, &format!("{}\n{things:?}", book.text()), book.tasks, &|| project.tree("h"), saved)
}

/// `text`: the playbook, for a person. `tree`: all of the host that its tasks may touch.
fn law(
    project: &Project,
    text: &str,
    tasks: usize,
    tree: &dyn Fn() -> Tree,
    saved: bool,
) -> Result<Count, TestCaseError> {
    let before = tree();
    let check = project.apply(&["--check", "--json"]);
    prop_assert!(tree() == before, "{text}\n`--check` changed something");
    // Two owners of one file, and the like: refused before anything is looked at.
    if check.code == Some(20) {
        return Ok(Count { refused: 1, ..Count::default() });
    }
    prop_assert!(matches!(check.code, Some(0 | 10 | 40)), "{text}\n{}", check.text());
    let shown = came(&check.out);
    let may_act = matches!(check.code, Some(0 | 10));
    // A plan that shows a secret is only saved with a password.
    let plan = (saved && may_act).then(|| project.run(&["plan", "inventory.yml", "-o", "p.plan", "--json"]));
    let is_saved = plan.as_ref().is_some_and(|plan| plan.code == check.code);
    if let Some(plan) = &plan {
        let hidden = plan.code == Some(20) && plan.err.contains("has a secret");
        prop_assert!(is_saved || hidden, "{text}\nplan: {:?}\n{}", plan.code, plan.text());
    }
    let apply = if is_saved {
        project.run(&["apply", "p.plan", "--json"])
    } else {
        project.apply(&["--yes", "--json"])
    };
    let done = came(&apply.out);
    let whole = || {
        let (check_text, apply_text) = (check.text(), apply.text());
        format!("{text}\n--check: {:?}\n{check_text}\napply: {:?}\n{apply_text}", check.code, apply.code)
    };
    let deferred = shown.values().filter(|it| it.status == "deferred").count();
    let may_fail = |came: &Came| came.name.contains("fails");
    let fails = shown.values().any(|it| may_fail(it) && it.status == "changed");
    // A folder in a place of packages is taken to come with what is installed before: what is in a package nobody can tell.
    let installs = |it: &Came| it.name.starts_with("package") && it.diff.contains("\"before\":\"absent\"");
    let installed = done.iter().find(|(_, it)| it.status == "changed" && installs(it));
    let brings_less = |task: u64, now: &Came| {
        let is_in_place = now.why.contains("there is no /etc/");
        now.status == "failed" && is_in_place && installed.is_some_and(|(before, _)| task > *before)
    };
    match check.code {
        Some(0) => prop_assert!(apply.code == Some(0), "{}", whole()),
        Some(10) => {
            let is_expected = deferred > 0 || fails || done.iter().any(|(task, now)| brings_less(*task, now));
            prop_assert!(apply.code == Some(0) || is_expected && apply.code == Some(40), "{}", whole());
        }
        _ => prop_assert!(apply.code == check.code, "{}", whole()),
    }
    let failed: Vec<(u32, u64)> = done
        .iter()
        .filter(|(_, it)| it.status == "failed")
        .filter_map(|(task, it)| it.block().filter(|(_, part)| *part != 'r').map(|(block, _)| (block, *task)))
        .collect();
    let any_failed = done.values().any(|it| it.status == "failed");
    // What was taken to come with a task that is decided in the run, such as a folder, does not come when that fails.
    let lost = done.iter().find(|(task, it)| {
        it.status == "failed" && shown.get(task).is_some_and(|shown| shown.status == "deferred")
    });
    // Who would have notified it was blocked by a failure that only showed in the run.
    let any_blocked = done.values().any(|it| it.status == "blocked");
    let is_unheard = |now: &Came| {
        any_blocked && now.status == "skipped" && ["after", "more", "last"].contains(&now.name.as_str())
    };
    let lacks = |task: u64, now: &Came| now.lacks() && lost.is_some_and(|(lost, _)| task > *lost);
    // What fails in the plan keeps the run from beginning.
    for (task, shown) in shown.iter().filter(|_| may_act) {
        let now = done.get(task);
        let is_free = shown.status == "deferred"
            || now.is_some_and(|now| {
                // What it waits for failed, which only showed in the run.
                now.status == "blocked" && any_failed
                    || is_unheard(now)
                    || now.status == "failed" && (may_fail(now) || lacks(*task, now))
                    || brings_less(*task, now)
                    || is_after(&failed, *task, now)
            });
        if is_free {
            continue;
        }
        // What will be in a file of secrets is masked; once it is there, the file's mode tells what is.
        let is_masked = shown.diff.contains("[secret]") && now.is_some_and(|now| now.status == shown.status);
        let is_same = now.is_some_and(|now| (&now.status, &now.diff) == (&shown.status, &shown.diff));
        prop_assert!(is_masked || is_same, "task {task}: {shown:?}, and then {now:?}\n{}", whole());
    }
    let count = |is: bool| usize::from(is);
    Ok(Count { cases: 1, tasks, deferred, failed: count(any_failed), saved: count(is_saved), refused: 0 })
}

/// How many cases, and from which numbers they are made.
fn settings(cases: usize) -> (usize, Config, TestRng) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number("TRUTH_SEED").unwrap_or(1).to_le_bytes());
    let config = Config { max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let cases = number("TRUTH_CASES").map_or(cases, |cases| cases as usize);
    (cases, config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed))
}

#[test]
fn what_is_shown_is_what_is_done() {
    let (cases, config, rng) = settings(60);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let strategy = (things(), prop::collection::vec(part(), 1..7), any::<bool>());
    let mut all = Count::default();
    while all.cases < cases {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let try_it = |(things, parts, saved): &(Vec<Thing>, Vec<Part>, bool)| holds(things, parts, *saved);
        match try_it(&tree.current()) {
            Ok(count) => {
                all.add(&count);
                assert!(all.refused < 20 * cases, "nearly every playbook is refused");
            }
            Err(error) => {
                // The smallest one that fails is the one to read.
                let mut last = (error, tree.current());
                for _ in 0..300 {
                    let goes_on = match try_it(&tree.current()) {
                        Err(error) => {
                            last = (error, tree.current());
                            tree.simplify()
                        }
                        Ok(_) => tree.complicate(),
                    };
                    if !goes_on {
                        break;
                    }
                }
                panic!("{}\n{:#?}", last.0, last.1);
            }
        }
    }
    let Count { refused, tasks, deferred, failed, saved, .. } = all;
    println!(
        "{cases} playbooks with {tasks} tasks, {deferred} deferred; {failed} with failures, {saved} saved; {refused} refused"
    );
    // Deferral is for what follows a command; all else is known.
    assert!(deferred * 5 < tasks, "{deferred} of {tasks} tasks are not knowable");
    assert!(cases < 50 || failed > 0 && saved > 0, "{failed} with failures, {saved} saved");
    assert!(
        cases < 50 || failed * 3 < cases,
        "{failed} of {cases} playbooks have failures: what the others show is little"
    );
}
