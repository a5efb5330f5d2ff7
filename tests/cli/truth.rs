//! What `--check` shows is what `apply` does: playbooks made at random, over files made at random, on a real file system.
//!
//! For each: the same tasks change, with the same diff to the letter, fail, or are left out; only what `--check` showed as not knowable may
//! come out in any way. `--check` touches nothing. `TRUTH_CASES` and `TRUTH_SEED` try others than those of every run.

use crate::project::{Project, play};
use proptest::{
    prelude::*,
    sample::select,
    strategy::ValueTree,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use regex::Regex;
use serde_json::Value;
use std::{collections::BTreeMap, fs, os::unix::fs::symlink, sync::LazyLock};

/// What lies in the home before.
#[derive(Clone, Debug)]
enum Thing {
    File(&'static str, &'static str, u32),
    Folder(&'static str),
    Link(&'static str, &'static str),
}

const FILES: [&str; 5] = ["a", "b", "c", "d/a", "d/e/b"];
const FOLDERS: [&str; 3] = ["d", "d/e", "g"];
const TEXTS: [&str; 7] = [
    "",
    "one\n",
    "one\ntwo\nthree\n",
    "no end",
    "k = 1\n[s]\nk = 2\n",
    "{\"a\": {\"b\": 1}}\n",
    "A=1\nB='x y'\n",
];
const MODES: [&str; 4] = ["0644", "0600", "0755", "u=rw,go=r"];

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        4 => (select(&FILES[..]), select(&TEXTS[..]), select(vec![0o644, 0o600, 0o755]))
            .prop_map(|(path, text, mode)| Thing::File(path, text, mode)),
        1 => select(&FOLDERS[..]).prop_map(Thing::Folder),
        1 => (select(&FILES[..]), select(&FILES[..])).prop_map(|(path, to)| Thing::Link(path, to)),
    ]
}

/// A task: what it does, as YAML in flow form, and whether it has a condition on an earlier one.
fn task() -> impl Strategy<Value = (String, u8)> {
    let file = || select(&FILES[..]);
    let text = || select(&TEXTS[..]).prop_map(|text| serde_json::to_string(text).unwrap());
    let mode = || select(&MODES[..]);
    let word = || select(vec!["one", "two", "k", "x=1", "A=2", "new line"]);
    let what = prop_oneof![
        4 => (file(), text(), proptest::option::of(mode())).prop_map(|(path, text, mode)| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("copy: {{dest: \"{{{{home}}}}/{path}\", content: {text}{mode}}}")
        }),
        2 => (select(&FOLDERS[..]), proptest::option::of(select(vec!["0755", "0700"]))).prop_map(|(path, mode)| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("file: {{path: \"{{{{home}}}}/{path}\", state: directory{mode}}}")
        }),
        2 => (file(), mode()).prop_map(|(path, mode)| format!("file: {{path: \"{{{{home}}}}/{path}\", mode: \"{mode}\"}}")),
        2 => prop_oneof![file(), select(&FOLDERS[..])]
            .prop_map(|path| format!("file: {{path: \"{{{{home}}}}/{path}\", state: absent, recursive: true}}")),
        2 => (file(), file(), any::<bool>()).prop_map(|(path, to, force)| {
            format!("link: {{path: \"{{{{home}}}}/l-{}\", target: \"{{{{home}}}}/{to}\", force: {force}}}", path.replace('/', "-"))
        }),
        3 => (file(), word(), any::<bool>()).prop_map(|(path, word, create)| {
            format!("lineinfile: {{path: \"{{{{home}}}}/{path}\", line: \"{word}\", create: {create}}}")
        }),
        1 => (file(), word()).prop_map(|(path, word)| {
            format!("lineinfile: {{path: \"{{{{home}}}}/{path}\", regexp: \"^{word}\", state: absent}}")
        }),
        2 => (file(), word(), any::<bool>()).prop_map(|(path, word, create)| {
            format!("blockinfile: {{path: \"{{{{home}}}}/{path}\", block: \"{word}\\nmore\", create: {create}}}")
        }),
        2 => (file(), word(), word()).prop_map(|(path, from, to)| {
            format!("replace: {{path: \"{{{{home}}}}/{path}\", regexp: \"{from}\", replace: \"{to}\"}}")
        }),
        2 => (file(), word()).prop_map(|(path, word)| {
            format!("ini: {{path: \"{{{{home}}}}/{path}\", section: s, option: k, value: \"{word}\"}}")
        }),
        2 => (file(), word()).prop_map(|(path, word)| {
            format!("json_merge: {{path: \"{{{{home}}}}/{path}\", values: {{a: {{b: \"{word}\"}}}}}}")
        }),
        1 => (file(), word()).prop_map(|(path, word)| {
            format!("env_file: {{path: \"{{{{home}}}}/{path}\", keep: true, values: {{A: \"{word}\"}}}}")
        }),
        1 => file().prop_map(|path| format!("template: {{src: t.hbs, dest: \"{{{{home}}}}/{path}\"}}")),
        2 => file().prop_map(|path| format!("stat: {{path: \"{{{{home}}}}/{path}\"}}")),
        1 => select(vec!["a", "b", "c"]).prop_map(|path| {
            format!("command: {{cmd: \"touch {{{{home}}}}/{path}\", creates: \"{{{{home}}}}/{path}\"}}")
        }),
    ];
    (what, 0u8..6)
}

fn playbook(tasks: &[(String, u8)]) -> String {
    let mut text = String::new();
    for (at, (what, condition)) in tasks.iter().enumerate() {
        text += &format!("    - name: t{at}\n      {what}\n      register: r{at}\n");
        // On the task before, which may be left out itself.
        if at > 0 {
            let before = at - 1;
            let is_stat = tasks[before].0.starts_with("stat");
            match condition {
                0 => text += &format!("      when: r{before}.changed\n"),
                1 if is_stat => {
                    text += &format!("      when: and r{before} r{before}.stat r{before}.stat.exists\n")
                }
                2 if !is_stat => text += "      notify: after\n",
                _ => {}
            }
        }
    }
    let handlers =
        "  handlers:\n    - name: after\n      copy: {dest: \"{{home}}/handled\", content: yes it is}\n";
    format!("{}{handlers}", play(&text))
}

/// How each task came out: its status and diff.
type Came = BTreeMap<u64, (String, String)>;

static TAG: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"\[secret [0-9a-f]+\]|"masked":"[0-9a-f]+""#).unwrap());

fn came(out: &str) -> Came {
    let events = out.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ended = events.filter(|event| event["event"] == "task_finished");
    ended
        .map(|event| {
            let status = event["status"].as_str().unwrap();
            let status = if status == "would_change" { "changed" } else { status };
            // Tags of secrets are new in each run.
            let diff = TAG.replace_all(&event["diff"].to_string(), "[secret]").into_owned();
            (event["task"].as_u64().unwrap(), (status.to_owned(), diff))
        })
        .collect()
}

fn holds(things: &[Thing], tasks: &[(String, u8)]) -> Result<Option<usize>, TestCaseError> {
    let project = Project::local(&["a"], &playbook(tasks));
    project.write("templates/t.hbs", "host {{host}}\n");
    let home = project.home("a");
    for thing in things {
        let path = |path: &str| home.join(path);
        let (at, is_made) = match thing {
            Thing::File(at, ..) | Thing::Link(at, _) => (path(at), false),
            Thing::Folder(at) => (path(at), true),
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
            Thing::Folder(_) => {}
        }
    }
    let before = project.tree("h");
    let check = project.apply(&["--check", "--json"]);
    prop_assert!(project.tree("h") == before, "`--check` changed something");
    // Two owners of one file, and the like: refused before anything is looked at.
    if check.code == Some(20) {
        return Ok(None);
    }
    let apply = project.apply(&["--yes", "--json"]);
    let (shown, done) = (came(&check.out), came(&apply.out));
    let text = || {
        format!(
            "{}\n--check: {:?}\n{}\napply: {:?}\n{}",
            playbook(tasks),
            check.code,
            check.text(),
            apply.code,
            apply.text()
        )
    };
    let deferred = shown.values().filter(|(status, _)| status == "deferred").count();
    let is_known = deferred == 0;
    match check.code {
        Some(0) => prop_assert!(apply.code == Some(0), "{}", text()),
        Some(10) => prop_assert!(apply.code == Some(0) || !is_known && apply.code == Some(40), "{}", text()),
        _ => prop_assert!(apply.code == check.code, "{}", text()),
    }
    // What fails in the plan keeps the run from beginning.
    if check.code == Some(0) || check.code == Some(10) {
        for (task, shown) in &shown {
            if shown.0 != "deferred" && (is_known || done.get(task).is_some_and(|it| it.0 != "blocked")) {
                let done = done.get(task);
                // What will be in a file of secrets is masked; once it is there, the file's mode tells what is.
                let is_masked = shown.1.contains("[secret]") && done.is_some_and(|done| done.0 == shown.0);
                prop_assert!(
                    is_masked || done == Some(shown),
                    "task {task}: {shown:?}, and then {done:?}\n{}",
                    text()
                );
            }
        }
    }
    Ok(Some(deferred))
}

#[test]
fn what_is_shown_is_what_is_done() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let cases = number("TRUTH_CASES").unwrap_or(60);
    let mut seed = [7; 32];
    seed[..8].copy_from_slice(&number("TRUTH_SEED").unwrap_or(1).to_le_bytes());
    let config = Config { max_shrink_iters: 300, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &seed));
    let strategy = (prop::collection::vec(thing(), 0..5), prop::collection::vec(task(), 1..8));
    let (mut tried, mut refused, mut tasks_seen, mut deferred) = (0, 0, 0, 0);
    while tried < cases {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let (things, tasks) = tree.current();
        match holds(&things, &tasks) {
            Ok(None) => {
                refused += 1;
                assert!(refused < 20 * cases, "nearly every playbook is refused");
            }
            Ok(Some(count)) => {
                (tried, tasks_seen, deferred) = (tried + 1, tasks_seen + tasks.len(), deferred + count);
            }
            Err(error) => {
                // The smallest one that fails is the one to read.
                let mut last = (error, things, tasks);
                for _ in 0..300 {
                    let goes_on = match holds(&tree.current().0, &tree.current().1) {
                        Err(error) => {
                            last = (error, tree.current().0, tree.current().1);
                            tree.simplify()
                        }
                        Ok(_) => tree.complicate(),
                    };
                    if !goes_on {
                        break;
                    }
                }
                panic!("{}\n{:?}\n{:#?}", last.0, last.1, last.2);
            }
        }
    }
    // Deferral is for what follows a command; all else is known.
    assert!(deferred * 10 < tasks_seen, "{deferred} of {tasks_seen} tasks are not knowable");
}
