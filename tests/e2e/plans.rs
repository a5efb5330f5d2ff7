//! Plans that are made, looked at and approved before they are carried out: by hand, and by the jobs of docs/ci.md. Both machines are in them.

use crate::guest::{Guest, on_all, restarted};
use crate::program::{Program, Run};
use crate::promise::{self, Tags};
use crate::steps::{ENV_TASK, STACK_TASK};
use crate::story::Story;
use service::{Job, Service, blocks};
use std::fs;
use std::path::Path;
use std::process::Command;

#[path = "../workflows/mod.rs"]
mod service;

const LOGS: &str = "/etc/logrotate.d/lustores";
const LOGS_TASK: &str = "nginx : The services' logs do not fill the disk";
const ENV: &str = "/data/LUStores/.env.prod";
/// What the plan is about: all else there is has been looked at.
const TAGS: [&str; 2] = ["--tags", "env,nginx,stack"];
/// How a user's settings change the servers: a file that everybody may read, one of secrets, and containers.
const SETTINGS: [&str; 4] = ["-e", "nginx_logs_days=14", "-e", "jwt_expires_in=12h"];

/// What the plan is about, as it is on a machine.
fn state(guest: &Guest) -> String {
    guest.sh(&format!("for file in {LOGS} {ENV} /data/LUStores/*.yml; do stat -c '%n %i %a %u:%g %Y' $file; sha256sum $file; done"))
}

/// A setting that is not the inventory's, for both machines: planned, looked at, refused for what has moved, carried out, and taken back.
pub fn saved(story: &mut Story) {
    let (program, guests) = (&story.program, &story.guests);
    let file = program.scratch.join("servers.plan");
    let file = file.to_str().unwrap();
    let planned = program.plan(file, &[&["--json"], &TAGS[..], &SETTINGS[..]].concat()).expect(10);
    for guest in guests {
        let changes = changes(&planned, guest.name);
        assert_eq!(changes, [ENV_TASK, LOGS_TASK, STACK_TASK], "{planned}");
    }
    // It is looked at without the vault, and shows what was shown when it was made.
    let shown = program.run(&["show", file]).expect(0);
    for part in ["lab1", "lab2", "-    rotate 30", "+    rotate 14", "JWT_EXPIRES_IN"] {
        assert!(shown.out.contains(part), "`{part}` is not in:\n{shown}");
    }
    let events = program.run(&["show", file, "--view", "json"]).expect(0);
    for guest in guests {
        assert_eq!(tasks(&events, guest.name), tasks(&planned, guest.name), "{}", guest.name);
    }

    // One file of one machine has moved: it is named, with what is in it, and nothing is done on either machine.
    let containers = on_all(guests, Guest::healthy);
    guests[1].sh(&format!("cp -p {LOGS} /root/logs && sed -i 's/daily/weekly/' {LOGS}"));
    let before = on_all(guests, state);
    let moved = program.apply_saved(file, &[]).expect(41);
    for part in [
        "error: lab2: it is not as it was when the plan was made: nothing is done",
        &format!(
            "`{LOGS_TASK}` (path:{LOGS}): content on the host is `    weekly` in line 5, was `    daily`"
        ),
        "`plan --refresh FILE` makes it anew",
    ] {
        assert!(moved.err.contains(part) || moved.out.contains(part), "`{part}` is not in:\n{moved}");
    }
    let told = moved.to_string();
    assert!(
        !["error: lab1", "lab1 changed", "lab2 changed"].iter().any(|part| told.contains(part)),
        "{moved}"
    );
    assert_eq!(on_all(guests, state), before, "what was planned was done");
    assert_eq!(on_all(guests, Guest::healthy), containers);
    guests[1].sh(&format!("cat /root/logs > {LOGS} && rm /root/logs"));

    // As it was again: exactly what the plan shows is done on both.
    let run = program.apply_saved(file, &["--json"]).expect(0);
    let mut tags = Tags::default();
    for guest in guests {
        let kept = promise::kept(&planned, &run, guest.name, &mut tags);
        assert!(kept.broken.is_empty(), "{}: {}", guest.name, kept.broken.join("\n"));
        assert!(kept.changed.is_superset(&[ENV_TASK, LOGS_TASK, STACK_TASK].map(Into::into).into()), "{run}");
        assert_eq!(
            guest.sh(&format!("grep -c 'rotate 14' {LOGS}; grep -c 'JWT_EXPIRES_IN=.*12h' {ENV}")),
            "1\n1\n"
        );
    }
    let after = on_all(guests, |guest| guest.wait_healthy(std::time::Duration::from_secs(240)));
    for (before, after) in containers.iter().zip(&after) {
        assert_eq!(restarted(before, after), ["app"]);
    }
    // Once more is another plan.
    let again = program.apply_saved(file, &[]).expect(41);
    assert!(
        again.err.contains("now nothing to do, was a change") || again.out.contains("was a change"),
        "{again}"
    );
}

/// The tasks that a plan changes on a machine.
fn changes(run: &Run, host: &str) -> Vec<String> {
    let pending = run.shown(host).into_iter();
    pending.filter(|task| task.verdict == "change").map(|task| task.name).collect()
}

fn tasks(run: &Run, host: &str) -> serde_json::Value {
    let planned =
        run.events().into_iter().find(|event| event["event"] == "host_planned" && event["host"] == host);
    planned.unwrap_or_else(|| panic!("no plan of {host}\n{run}"))["tasks"].clone()
}

/// A repository of the same servers, as its users have one: an inventory `prod`, its vault, the hosts' keys and who may sign.
struct Repository {
    service: Service,
    /// A file of variables, and what is in it.
    variables: (std::path::PathBuf, String),
}

impl Repository {
    fn new(base: &Path, lab_dir: &Path) -> Self {
        let root = Program::root();
        let repo = base.join("repo");
        fs::create_dir_all(&repo).unwrap();
        for folder in ["inventory", "playbooks", "roles"] {
            let copied = Command::new("cp").arg("-a").arg(root.join(folder)).arg(&repo).status().unwrap();
            assert!(copied.success());
        }
        let inventory = repo.join("inventory");
        let lab = fs::read_to_string(inventory.join("lab.yml")).unwrap();
        fs::write(inventory.join("prod.yml"), lab.replace("        lab:\n", "        prod:\n")).unwrap();
        fs::remove_dir_all(inventory.join("group_vars/prod")).unwrap();
        fs::rename(inventory.join("group_vars/lab"), inventory.join("group_vars/prod")).unwrap();
        // The job's ssh agent has the key, and the keys of the hosts are beside the inventory.
        let variables = inventory.join("group_vars/prod/vars.yml");
        let text: String = fs::read_to_string(&variables)
            .unwrap()
            .lines()
            .filter(|line| !line.contains("lab_dir"))
            .map(|line| format!("{line}\n"))
            .collect();
        fs::write(&variables, &text).unwrap();
        fs::copy(inventory.join("example-vault-password"), base.join("pw")).unwrap();
        Self { service: Service::new(base, &lab_dir.join("keys/id"), &[]), variables: (variables, text) }
    }

    /// The branch of a pull request, and the main branch once it is merged.
    fn set(&self, more: &str) {
        let (file, text) = &self.variables;
        fs::write(file, format!("{text}{more}")).unwrap();
    }
}

#[track_caller]
fn went(job: &Job) {
    assert!(job.ok, "{}", job.log);
}

/// In GitHub a pull request changes how long logs are kept, and with its merge the setting of the step before goes; in GitLab a second one
/// takes that back.
pub fn workflows(story: &mut Story) {
    let (scratch, guests) = (story.program.scratch.join("ci"), &story.guests);
    let mut repository = Repository::new(&scratch, &story.program.lab_dir);
    let rotates = |days: &str| {
        let kept = on_all(guests, |guest| guest.sh(&format!("grep -o 'rotate .*' {LOGS}")));
        assert_eq!(kept, [format!("rotate {days}\n"), format!("rotate {days}\n")]);
    };
    let workflows = blocks("GitHub Actions");
    let [plan, apply, drift] = &workflows[..] else { panic!("{} workflows", workflows.len()) };
    repository.set("nginx_logs_days: 21\n");
    let service = &mut repository.service;
    let job = service.github(plan, "ci");
    went(&job);
    let comment = service.read("store/comments");
    for part in ["changes pending", "lab1", "lab2", "+    rotate 21", "JWT_EXPIRES_IN"] {
        assert!(comment.contains(part), "`{part}` is not in:\n{comment}");
    }
    service.tells_no_secret(&job);
    rotates("14");
    // Somebody else's hand on one of the machines keeps the merge from being applied, on both.
    guests[1].sh(&format!("cp -p {LOGS} /root/logs && sed -i 's/daily/weekly/' {LOGS}"));
    let job = service.github(apply, "ci");
    assert!(!job.ok && job.log.contains("lab2: it is not as it was when the plan was made"), "{}", job.log);
    assert!(
        job.log.contains("content on the host is `    weekly` in line 5, was `    daily`"),
        "{}",
        job.log
    );
    rotates("14");
    guests[1].sh(&format!("cat /root/logs > {LOGS} && rm /root/logs"));
    let job = service.github(apply, "ci");
    went(&job);
    rotates("21");
    assert!(service.has("store/apply/apply.xml") && service.has("store/apply/apply.html"));
    service.tells_no_secret(&job);
    let job = service.github(drift, "ci");
    went(&job);
    guests[0].sh(&format!("chmod 0600 {LOGS}"));
    let job = service.github(drift, "ci");
    assert!(!job.ok && job.log.contains(LOGS_TASK), "{}", job.log);
    assert!(
        job.summary.contains("drift of inventory/prod.yml") && job.summary.contains("lab1"),
        "{}",
        job.summary
    );

    let [pipeline] = &blocks("GitLab CI")[..] else { panic!("one block") };
    repository.set("");
    let service = &mut repository.service;
    let job = service.gitlab(pipeline, "plan");
    went(&job);
    assert_eq!(service.read("store/plan/quality.json").trim(), "[]");
    let xml = service.read("store/plan/plan.xml");
    assert!(xml.contains("would change") && xml.contains("lab1") && xml.contains("lab2"), "{xml}");
    let job = service.gitlab(pipeline, "apply");
    went(&job);
    service.tells_no_secret(&job);
    rotates("30");
    assert_eq!(guests[0].sh(&format!("stat -c %a {LOGS}")), "644\n");
    let job = service.gitlab(pipeline, "drift");
    went(&job);
    story.containers = on_all(guests, Guest::healthy);
}
