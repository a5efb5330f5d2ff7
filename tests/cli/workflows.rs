//! The workflows of docs/ci.md against a host behind a real sshd.

#[path = "../workflows/mod.rs"]
mod service;

use crate::{project::Project, sshd::Sshd};
use service::{Service, blocks};
use std::{fs, path::PathBuf};

const SECRET: &str = "hunter2-and-more";

/// A service whose repository is about one host.
struct Fixture {
    service: Service,
    sshd: Sshd,
    // Removed after all else.
    _project: Project,
}

impl Fixture {
    fn new() -> Self {
        let sshd = Sshd::start();
        let tasks = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n\
                     \x20   - {name: settings, copy: {dest: \"{{home}}/env\", content: \"PASSWORD={{password}}\\n\", mode: \"0600\"}}\n";
        let project = Project::ssh(&sshd, tasks);
        let keyless: String = project
            .read("inventory.yml")
            .lines()
            .filter(|line| !line.contains("private_key_file"))
            .map(|line| format!("{line}\n"))
            .collect();
        project.write("repo/inventory/prod.yml", &keyless);
        project.write("repo/playbooks/site.yml", &project.read("site.yml"));
        project.write("pw", "open sesame\n");
        project.write("secret.yml", &format!("password: {SECRET}\n"));
        project.run(&["vault", "encrypt", "secret.yml", "--vault-password-file", "pw"]).exits(0);
        project.write("repo/inventory/group_vars/all.yml", &project.read("secret.yml"));
        let service = Service::new(&project.path(""), &sshd.base.join("key"), &[SECRET]);
        Self { service, sshd, _project: project }
    }

    fn host(&self) -> PathBuf {
        self.sshd.home("alice").join("work")
    }
}

#[test]
fn a_pull_request_shows_its_plan_and_the_merge_applies_that_one() {
    let mut fixture = Fixture::new();
    let (host, service) = (fixture.host(), &mut fixture.service);
    let workflows = blocks("GitHub Actions");
    let [plan, apply, drift] = &workflows[..] else { panic!("{} workflows", workflows.len()) };

    let job = service.github(plan, "ci");
    assert!(job.ok, "{}", job.log);
    let comment = service.read("store/comments");
    assert!(
        comment.contains("changes pending") && comment.contains("motd") && comment.contains("+hello"),
        "{comment}"
    );
    assert!(!host.join("motd").exists());
    service.tells_no_secret(&job);

    let job = service.github(apply, "ci");
    assert!(job.ok, "{}", job.log);
    assert_eq!(fs::read_to_string(host.join("motd")).unwrap(), "hello\n");
    assert!(service.has("store/apply/apply.xml") && service.has("store/apply/apply.html"));
    service.tells_no_secret(&job);
    let job = service.github(drift, "ci");
    assert!(job.ok, "{}", job.log);

    // The same plan again: the host is not as it was.
    let job = service.github(apply, "ci");
    assert!(!job.ok && job.log.contains("it is not as it was when the plan was made"), "{}", job.log);

    fs::write(host.join("motd"), "moved\n").unwrap();
    let job = service.github(drift, "ci");
    assert!(!job.ok && job.log.contains("motd"), "{}", job.log);
    assert!(job.summary.contains("drift of inventory/prod.yml"), "{}", job.summary);

    // A plan that somebody else signed.
    let job = service.github(plan, "mallory");
    assert!(job.ok, "{}", job.log);
    let job = service.github(apply, "ci");
    assert!(!job.ok && job.log.contains("sign"), "{}", job.log);
    assert_eq!(fs::read_to_string(host.join("motd")).unwrap(), "moved\n");
    service.tells_no_secret(&job);
}

#[test]
fn the_pipeline_of_gitlab_plans_applies_that_and_looks_for_drift() {
    let mut fixture = Fixture::new();
    let (host, service) = (fixture.host(), &mut fixture.service);
    let [pipeline] = &blocks("GitLab CI")[..] else { panic!("one block") };
    let job = service.gitlab(pipeline, "plan");
    assert!(job.ok && job.log.contains("section_start"), "{}", job.log);
    assert_eq!(service.read("store/plan/quality.json").trim(), "[]");
    assert!(service.read("store/plan/plan.xml").contains("would change"));
    assert!(!host.join("motd").exists());
    let job = service.gitlab(pipeline, "apply");
    assert!(job.ok, "{}", job.log);
    assert!(host.join("motd").exists() && service.has("store/apply/apply.xml"));
    service.tells_no_secret(&job);
    let job = service.gitlab(pipeline, "drift");
    assert!(job.ok, "{}", job.log);
    fs::remove_file(host.join("env")).unwrap();
    let job = service.gitlab(pipeline, "drift");
    assert!(!job.ok && job.log.contains("settings"), "{}", job.log);
    assert!(service.read("store/drift/drift.xml").contains("settings"));
}
