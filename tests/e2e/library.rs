//! The law of the resource types on a real machine, from the same data as in namespaces (`tests/law/case.rs`).

use crate::guest::Guest;
use crate::program::{Program, Run};
use case::Case;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

#[path = "../law/case.rs"]
#[expect(dead_code, reason = "what only namespaces need")]
mod case;

type Facets = BTreeMap<String, BTreeSet<String>>;

/// A playbook of tasks, each with its name, its type and its parameters.
fn playbook(program: &Program, host: &str, file: &str, tasks: &[[&str; 3]]) -> String {
    let mut text = format!("- name: library\n  hosts: {host}\n  become: true\n  tasks:\n");
    let files = program.scratch.join("files");
    for [name, kind, task] in tasks {
        // One that fails does not keep the others from being tried.
        let task = as_written(name, kind, task, &files);
        text += &format!("    - name: {name}\n      ignore_errors: true\n      {kind}: {task}\n");
    }
    let path = program.scratch.join(file);
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

/// The parameters as one writes them: what the program takes from `files/` itself is there.
fn as_written(name: &str, kind: &str, task: &str, files: &Path) -> String {
    let mut written: Value = serde_json::from_str(task).unwrap();
    let parameters = written.as_object_mut().unwrap();
    let folder = files.join(name);
    match (kind, parameters.remove("content"), parameters.remove("tree")) {
        ("script", Some(content), _) => {
            let file = folder.join(parameters.remove("src_name").unwrap().as_str().unwrap());
            fs::create_dir_all(&folder).unwrap();
            fs::write(&file, content.as_str().unwrap()).unwrap();
            parameters.insert("src".into(), file.strip_prefix(files).unwrap().to_str().into());
        }
        ("synchronize", _, Some(tree)) => {
            let entries: BTreeMap<String, Value> = serde_json::from_value(tree).unwrap();
            fs::create_dir_all(&folder).unwrap();
            entries.iter().for_each(|(path, entry)| make(&folder.join(path), entry));
            parameters.insert("src".into(), name.into());
        }
        _ => return task.into(),
    }
    written.to_string()
}

/// One entry of a tree; folders come before what is in them.
fn make(path: &Path, entry: &Value) {
    match (entry["content"].as_str(), entry["target"].as_str()) {
        (Some(content), _) => {
            fs::write(path, content).unwrap();
            let mode = if entry["executable"] == true { 0o755 } else { 0o644 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        (_, Some(target)) => match std::os::unix::fs::symlink(target, path) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => panic!("{error}"),
            _ => {}
        },
        _ => fs::create_dir_all(path).unwrap(),
    }
}

/// The tasks that would do something, with the facets that differ.
fn differences(run: &Run, host: &str) -> Facets {
    let pending = run.shown(host).into_iter();
    let facets = |facets: Vec<(String, String)>| facets.into_iter().map(|(name, _)| name).collect();
    pending.map(|pending| (pending.name, facets(pending.facets))).collect()
}

/// Tasks that act every time and are not said to, or the other way round.
fn misjudged(run: &Run, host: &str, cases: &[Case]) -> Vec<String> {
    let acts = |name: &str| cases.iter().any(|case| case.name == name && !case.always.is_empty());
    let wrong = run.shown(host).into_iter().filter(|pending| pending.every_time != acts(&pending.name));
    wrong.map(|pending| format!("{}: acts every time: {}", pending.name, pending.every_time)).collect()
}

/// What is shown of tasks that act every time, where nothing was disturbed.
fn of_always(cases: &[Case]) -> Facets {
    let cases = cases.iter().filter(|case| !case.always.is_empty());
    cases.map(|case| (case.name.clone(), case.always.iter().cloned().collect())).collect()
}

/// Why tasks failed.
fn failures(run: &Run) -> Vec<String> {
    let failed = run.events().into_iter().filter(|event| event["event"] == "task_finished");
    failed
        .filter(|event| !event["failure"].is_null())
        .map(|event| format!("{}: {:#}", event["name"], event["failure"]))
        .collect()
}

/// What is wanted and what is there, where they differ.
fn compare(wanted: &Facets, found: &Facets) -> Vec<String> {
    let names: BTreeSet<_> = wanted.keys().chain(found.keys()).collect();
    let differ = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name));
    differ.map(|name| format!("{name}: wanted {:?}, found {:?}", wanted.get(name), found.get(name))).collect()
}

/// What the cases work with, at once: each installation is slow where machines are emulated.
const PROGRAMS: &str = "apt-get -q update && DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install \
    acl attr bindfs busybox-static cron curl docker.io docker-registry dosfstools fuse3 git kmod locales logrotate openssl python3 unattended-upgrades \
    unzip xz-utils zip zstd";

/// Whether two cases are about the same thing, or one changes what the other is read from, so that it could not be planned at once: what
/// can be pruned, whatever else Docker does decides; of an image, a network or a volume, a project; a server in a container ends with
/// the daemon; lists of packages are apt's.
fn meet(one: &Case, other: &Case) -> bool {
    let docker = |case: &Case| case.kind.starts_with("docker_") || case.kind == "compose";
    let meet = |one: &Case, other: &Case| match one.kind.as_str() {
        "docker_prune" => docker(other),
        "compose" => docker(other) && other.kind != "docker_login",
        "apt_repository" => docker(other) || other.kind == "package",
        kind => kind.starts_with("postgres_") && docker(other),
    };
    one.kind == other.kind || meet(one, other) || meet(other, one)
}

/// The cases in groups: cases of one type are often about the same thing, so each group has one of a type.
fn groups(cases: Vec<Case>) -> Vec<Vec<Case>> {
    let mut groups: Vec<Vec<Case>> = vec![];
    for case in cases {
        let fits = |group: &Vec<Case>| group.iter().all(|other| !meet(other, &case));
        match groups.iter_mut().find(|group| fits(group)) {
            Some(group) => group.push(case),
            None => groups.push(vec![case]),
        }
    }
    groups
}

/// What was not as it has to be; told at once, as a run is long.
#[derive(Default)]
struct Wrong(Vec<String>);

impl Wrong {
    fn add(&mut self, text: String) {
        println!("   WRONG {text}");
        self.0.push(text);
    }

    fn try_sh(&mut self, guest: &Guest, case: &Case, script: &str) -> bool {
        let done = guest.try_sh(&format!("set -e\n{script}"), b"");
        done.map_err(|error| self.add(format!("{}: `{script}`: {error}", case.name))).is_ok()
    }
}

pub fn law(program: &Program, guest: &Guest) {
    guest.sh(PROGRAMS);
    // Here the cases keep what must outlive a step.
    guest.sh("mkdir -p /run/law");
    // Cases have registries of their own.
    guest.sh("systemctl disable --now docker-registry");
    let registry = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/law/bin/image-registry");
    let script = "cat >/run/law/image-registry && chmod 0755 /run/law/image-registry";
    guest.try_sh(script, &fs::read(registry).unwrap()).unwrap();
    // A signed repository, as a folder.
    let signed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/law/signed");
    for file in fs::read_dir(signed).unwrap().map(Result::unwrap) {
        let script =
            format!("mkdir -p /run/law/signed && cat >/run/law/signed/{}", file.file_name().display());
        guest.try_sh(&script, &fs::read(file.path()).unwrap()).unwrap();
    }
    let mut wrong = Wrong::default();
    // Those first that are tried on no other machine.
    let mut cases = case::on("machine");
    let install = "DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install";
    if guest.try_sh("grep -q bookworm /etc/os-release", b"").is_ok() {
        // Debian 12 has the first version of compose only, and no buildx; its Docker runs no container without what it recommends.
        cases.retain(|case| case.kind != "compose" && case.name != "docker_prune-cache");
        guest.sh(&format!("{install} apparmor"));
    } else {
        guest.sh(&format!("{install} docker-cli"));
    }
    cases.sort_by_key(|case| case.needs.is_none());
    for group in groups(cases) {
        law_of(program, guest, group, &mut wrong);
    }
    assert!(wrong.0.is_empty(), "\n{}", wrong.0.join("\n"));
}

/// Converge all; then, round by round, disturb one facet of each: a check shows exactly it, applying mends exactly it. That applying again
/// does nothing is shown by the next check, which names only what was disturbed since.
fn law_of(program: &Program, guest: &Guest, mut cases: Vec<Case>, wrong: &mut Wrong) {
    cases.retain(|case| {
        println!("   prepare {}", case.name);
        wrong.try_sh(guest, case, &case.prepare)
    });
    let tasks: Vec<_> = cases.iter().map(|case| [&*case.name, &*case.kind, &*case.task]).collect();
    let path = playbook(program, guest.name, "library.yml", &tasks);
    let apply_of = |path: &str, more: &[&str]| {
        let words = ["--playbook", path, "--json", "--limit", guest.name];
        program.apply(&[&words[..], more].concat())
    };
    let apply = |more: &[&str]| apply_of(&path, more);
    let round = |wrong: &mut Wrong, what: &str, wanted: &Facets| {
        let check = apply(&["--check"]);
        let shown = differences(&check, guest.name);
        let texts = failures(&check).into_iter().chain(compare(wanted, &shown));
        let texts = texts.chain(misjudged(&check, guest.name, &cases));
        texts.for_each(|text| wrong.add(format!("{what}, --check: {text}")));
        let run = apply(&["--yes"]);
        failures(&run).into_iter().for_each(|text| wrong.add(format!("{what}: {text}")));
        if run.exit != Some(0) {
            wrong.add(format!("{what}: {run}"));
        }
    };
    let first = cases.iter().map(|case| (case.name.clone(), case.first.iter().cloned().collect()));
    round(wrong, "first", &first.collect());
    let rounds = cases.iter().map(|case| case.disturb.len()).max().unwrap_or(0);
    for at in 0..rounds {
        let mut wanted = of_always(&cases);
        for case in &cases {
            let Some((by_hand, facets)) = case.disturb.get(at) else { continue };
            println!("   {}: {by_hand}", case.name);
            if wrong.try_sh(guest, case, by_hand) {
                wanted.insert(case.name.clone(), facets.iter().cloned().collect());
            }
        }
        round(wrong, &format!("round {}", at + 1), &wanted);
    }
    let check = apply(&["--check"]);
    let always = of_always(&cases);
    let left = compare(&always, &differences(&check, guest.name));
    if !left.is_empty() || always.is_empty() && check.exit != Some(0) {
        wrong.add(format!("the same again: {} {check}", left.join(", ")));
    }
    for case in &cases {
        wrong.try_sh(guest, case, &case.proof);
    }
    // What can be undone is undone, and that once; then the first check shows what is to be done again.
    let undone = cases.iter().filter_map(|case| Some((case, case.undo.as_ref()?)));
    let tasks: Vec<_> = undone.clone().map(|(case, undo)| [&*case.name, &*undo.kind, &*undo.task]).collect();
    if !tasks.is_empty() {
        let back = playbook(program, guest.name, "undo.yml", &tasks);
        let run = apply_of(&back, &["--yes"]);
        failures(&run).into_iter().for_each(|text| wrong.add(format!("undo: {text}")));
        let again = apply_of(&back, &["--check"]);
        if again.exit != Some(0) {
            wrong.add(format!("undo, the same again: {again}"));
        }
        let mut wanted = always;
        wanted.extend(undone.map(|(case, undo)| (case.name.clone(), undo.shows.iter().cloned().collect())));
        let shown = differences(&apply(&["--check"]), guest.name);
        let texts = compare(&wanted, &shown);
        texts.into_iter().for_each(|text| wrong.add(format!("after undo, --check: {text}")));
    }
    for case in &cases {
        wrong.try_sh(guest, case, &case.cleanup);
    }
}
