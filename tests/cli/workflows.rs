//! The workflows of docs/ci.md, step by step as they stand there, against a real host. What belongs to the service itself is stood in for:
//! the checkout, the artifacts, and `gh`.

use crate::{project::Project, sshd::Sshd};
use lustores_provision::{model::Source, yaml::parse};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

const SECRET: &str = "hunter2-and-more";
/// Of the environment of a service, as far as the workflows use it.
const GH: &str = r#"#!/bin/sh
case "$1 $2" in
"pr comment") test "$3" = 7 && cat "$5" >> "$STORE/comments" ;;
"run list") test "$6" = head-of-7 && echo 4711 ;;
"run download") test "$3" = 4711 && cp "$STORE/$5/"* . ;;
*) echo "gh $*: not known here" >&2; exit 1 ;;
esac
"#;

/// The blocks of YAML below a heading.
fn blocks(heading: &str) -> Vec<Value> {
    let page = include_str!("../../docs/ci.md");
    let text = page.split(&format!("\n### {heading}\n")).nth(1).expect("the heading is there");
    let text = text.split("\n### ").next().unwrap();
    let blocks = text.split("```yaml\n").skip(1).map(|block| block.split("```").next().unwrap());
    let parsed = blocks.map(|text| {
        let source = Arc::new(Source { path: "docs/ci.md".into(), text: text.into(), secret: false });
        parse(&source).unwrap_or_else(|error| panic!("{error}\n{text}")).to_json()
    });
    parsed.collect()
}

/// A service with a repository, secrets and a store of artifacts.
struct Service {
    project: Project,
    sshd: Sshd,
    /// Jobs so far.
    jobs: usize,
}

/// How a job came out.
struct Job {
    ok: bool,
    log: String,
    summary: String,
}

impl Service {
    fn new() -> Self {
        let sshd = Sshd::start();
        let tasks = "    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n\
                     \x20   - {name: settings, copy: {dest: \"{{home}}/env\", content: \"PASSWORD={{password}}\\n\", mode: \"0600\"}}\n";
        let project = Project::ssh(&sshd, tasks);
        let service = Self { project, sshd, jobs: 0 };
        let p = &service.project;
        let keyless: String = p
            .read("inventory.yml")
            .lines()
            .filter(|line| !line.contains("private_key_file"))
            .map(|line| format!("{line}\n"))
            .collect();
        p.write("repo/inventory/prod.yml", &keyless);
        p.write("repo/playbooks/site.yml", &p.read("site.yml"));
        let run = |command: &mut Command| {
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            String::from_utf8(output.stdout).unwrap()
        };
        p.write("pw", "open sesame\n");
        p.write("secret.yml", &format!("password: {SECRET}\n"));
        run(&mut p.command(&["vault", "encrypt", "secret.yml", "--vault-password-file", "pw"]));
        p.write("repo/inventory/group_vars/all.yml", &p.read("secret.yml"));
        for user in ["ci", "mallory"] {
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(p.path(user)));
        }
        let public = p.read("ci.pub").split(' ').take(2).collect::<Vec<_>>().join(" ");
        p.write(
            "repo/inventory/signers",
            &format!("ci@lustores namespaces=\"lustores-provision-plan\" {public}\n"),
        );
        run(p
            .command(&["enroll", "inventory/prod.yml", "--yes", "--vault-password-file", "../pw"])
            .current_dir(p.path("repo")));
        fs::create_dir_all(p.path("bin")).unwrap();
        symlink(env!("CARGO_BIN_EXE_lustores-provision"), p.path("bin/lustores-provision")).unwrap();
        p.write("bin/gh", GH);
        fs::set_permissions(p.path("bin/gh"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir_all(p.path("store")).unwrap();
        service
    }

    fn host(&self) -> PathBuf {
        self.sshd.home("alice").join("work")
    }

    /// A folder for a job, with a copy of the repository.
    fn checkout(&mut self) -> PathBuf {
        self.jobs += 1;
        let folder = self.project.path(&format!("job{}", self.jobs));
        fs::create_dir_all(&folder).unwrap();
        let copied =
            Command::new("cp").arg("-a").arg(self.project.path("repo")).arg(folder.join("work")).status();
        assert!(copied.unwrap().success());
        fs::create_dir_all(folder.join("temp")).unwrap();
        folder
    }

    fn bash(&self, folder: &Path, script: &str, env: &BTreeMap<String, String>) -> (bool, String) {
        let mut command = self.project.in_its_place(Command::new("bash"), &["-e", "-c", script]);
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.project.path("bin").display()));
        command.env("STORE", self.project.path("store")).envs(env).current_dir(folder.join("work"));
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn keep(&self, folder: &Path, name: &str, paths: &str) {
        let store = self.project.path("store").join(name);
        let _ = fs::remove_dir_all(&store);
        fs::create_dir_all(&store).unwrap();
        for path in paths.split_whitespace().map(|path| folder.join("work").join(path)) {
            if path.exists() {
                fs::copy(&path, store.join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    /// The steps of a workflow's only job in GitHub Actions.
    fn github(&mut self, workflow: &Value, plan_key: &str) -> Job {
        let folder = self.checkout();
        let (_, job) = workflow["jobs"].as_object().unwrap().iter().next().unwrap();
        let value = |text: &str| {
            let values = [
                ("${{ secrets.VAULT_PASSWORD }}", "open sesame".to_owned()),
                ("${{ secrets.SSH_KEY }}", fs::read_to_string(self.sshd.base.join("key")).unwrap()),
                ("${{ secrets.PLAN_KEY }}", self.project.read(plan_key)),
                ("${{ github.token }}", "token".into()),
                ("${{ github.event.pull_request.number }}", "7".into()),
                ("${{ github.event.pull_request.head.sha }}", "head-of-7".into()),
            ];
            let text = values.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value));
            assert!(!text.contains("${{"), "what is this? {text}");
            text
        };
        let text = |path: PathBuf| path.display().to_string();
        let summary = folder.join("summary.md");
        let mut env = BTreeMap::from([
            ("GITHUB_ACTIONS".to_owned(), "true".to_owned()),
            ("GITHUB_WORKSPACE".into(), text(folder.join("work"))),
            ("GITHUB_STEP_SUMMARY".into(), text(summary.clone())),
            ("RUNNER_TEMP".into(), text(folder.join("temp"))),
        ]);
        let add = |env: &mut BTreeMap<String, String>, more: &Value| {
            let more = more.as_object().into_iter().flatten();
            env.extend(
                more.map(|(name, text)| (name.clone(), value(text.as_str().unwrap()).trim_end().to_owned())),
            );
        };
        add(&mut env, &job["env"]);
        let (mut ok, mut log) = (true, String::new());
        for step in job["steps"].as_array().unwrap() {
            match (step["uses"].as_str(), step["run"].as_str()) {
                (Some("actions/checkout@v4"), _) => {}
                (Some("actions/upload-artifact@v4"), _) if ok || step["if"] == "always()" => {
                    let with = &step["with"];
                    self.keep(&folder, with["name"].as_str().unwrap(), with["path"].as_str().unwrap());
                }
                (None, Some("cargo install --locked --path .")) => assert_eq!(step["name"], "Program"),
                (None, Some(script)) if ok => {
                    let mut env = env.clone();
                    add(&mut env, &step["env"]);
                    let (went, said) = self.bash(&folder, &value(script), &env);
                    log += &said;
                    ok = went;
                }
                (Some(other), _) if ok => panic!("what is {other}?"),
                _ => {}
            }
        }
        self.end(&folder);
        Job { ok, log, summary: fs::read_to_string(summary).unwrap_or_default() }
    }

    /// A job of GitLab CI; artifacts of `plan` are there, as `needs` says.
    fn gitlab(&mut self, pipeline: &Value, name: &str) -> Job {
        let folder = self.checkout();
        let work = folder.join("work");
        let job = &pipeline[name];
        if job["needs"] == serde_json::json!(["plan"]) {
            for file in fs::read_dir(self.project.path("store/plan")).unwrap().flatten() {
                fs::copy(file.path(), work.join(file.file_name())).unwrap();
            }
        }
        let text = |path: PathBuf| path.display().to_string();
        let file = |name: &str, of: PathBuf| {
            let path = folder.join("temp").join(name);
            fs::copy(of, &path).unwrap();
            path.display().to_string()
        };
        let env = BTreeMap::from([
            ("GITLAB_CI".to_owned(), "true".to_owned()),
            ("CI_PROJECT_DIR".into(), text(work.clone())),
            ("VAULT_PASSWORD".into(), file("vault", self.project.path("pw"))),
            ("SSH_KEY".into(), file("key", self.sshd.base.join("key"))),
            ("PLAN_KEY".into(), file("plan-key", self.project.path("ci"))),
        ]);
        let lines = |lines: &Value| -> Vec<String> {
            lines.as_array().into_iter().flatten().map(|line| line.as_str().unwrap().to_owned()).collect()
        };
        let script = [lines(&pipeline["default"]["before_script"]), lines(&job["script"])].concat();
        assert_eq!(script[0], "cargo install --locked --path .");
        let script = script[1..]
            .join("\n")
            .replace("$(ssh-agent)", &format!("$(ssh-agent -a {}/temp/agent)", folder.display()));
        let (ok, log) = self.bash(&folder, &script, &env);
        let paths = lines(&job["artifacts"]["paths"]).join(" ");
        let reports = job["artifacts"]["reports"].as_object().into_iter().flatten();
        let reports: Vec<&str> = reports.map(|(_, path)| path.as_str().unwrap()).collect();
        self.keep(&folder, name, &format!("{paths} {}", reports.join(" ")));
        self.end(&folder);
        Job { ok, log, summary: String::new() }
    }

    /// The machine of a job goes.
    fn end(&self, folder: &Path) {
        let agent = format!("ssh-agent -a {}/temp/agent", folder.display());
        let _ = Command::new("pkill").args(["-f", &agent]).status();
    }

    /// No file that a job left tells a secret.
    fn tells_no_secret(&self, job: &Job) {
        let kept = self.project.tree("store").into_values().map(|(.., bytes)| bytes);
        let texts = kept.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        for text in texts.chain([job.log.clone(), job.summary.clone()]) {
            assert!(!text.contains(SECRET) && !text.contains("open sesame"), "{text}");
        }
    }
}

#[test]
fn a_pull_request_shows_its_plan_and_the_merge_applies_that_one() {
    let mut service = Service::new();
    let workflows = blocks("GitHub Actions");
    let [plan, apply, drift] = &workflows[..] else { panic!("{} workflows", workflows.len()) };

    let job = service.github(plan, "ci");
    assert!(job.ok, "{}", job.log);
    let comment = service.project.read("store/comments");
    assert!(
        comment.contains("changes pending") && comment.contains("motd") && comment.contains("+hello"),
        "{comment}"
    );
    assert!(!service.host().join("motd").exists());
    service.tells_no_secret(&job);

    let job = service.github(apply, "ci");
    assert!(job.ok, "{}", job.log);
    assert_eq!(fs::read_to_string(service.host().join("motd")).unwrap(), "hello\n");
    assert!(service.project.has("store/apply/apply.xml") && service.project.has("store/apply/apply.html"));
    service.tells_no_secret(&job);
    let job = service.github(drift, "ci");
    assert!(job.ok, "{}", job.log);

    // The same plan again: the host is not as it was.
    let job = service.github(apply, "ci");
    assert!(!job.ok && job.log.contains("it is not as it was when the plan was made"), "{}", job.log);

    fs::write(service.host().join("motd"), "moved\n").unwrap();
    let job = service.github(drift, "ci");
    assert!(!job.ok && job.log.contains("motd"), "{}", job.log);
    assert!(job.summary.contains("drift of inventory/prod.yml"), "{}", job.summary);

    // A plan that somebody else signed.
    let job = service.github(plan, "mallory");
    assert!(job.ok, "{}", job.log);
    let job = service.github(apply, "ci");
    assert!(!job.ok && job.log.contains("sign"), "{}", job.log);
    assert_eq!(fs::read_to_string(service.host().join("motd")).unwrap(), "moved\n");
    service.tells_no_secret(&job);
}

#[test]
fn the_pipeline_of_gitlab_plans_applies_that_and_looks_for_drift() {
    let mut service = Service::new();
    let [pipeline] = &blocks("GitLab CI")[..] else { panic!("one block") };
    let job = service.gitlab(pipeline, "plan");
    assert!(job.ok && job.log.contains("section_start"), "{}", job.log);
    assert_eq!(service.project.read("store/plan/quality.json").trim(), "[]");
    assert!(service.project.read("store/plan/plan.xml").contains("would change"));
    assert!(!service.host().join("motd").exists());
    let job = service.gitlab(pipeline, "apply");
    assert!(job.ok, "{}", job.log);
    assert!(service.host().join("motd").exists() && service.project.has("store/apply/apply.xml"));
    service.tells_no_secret(&job);
    let job = service.gitlab(pipeline, "drift");
    assert!(job.ok, "{}", job.log);
    fs::remove_file(service.host().join("env")).unwrap();
    let job = service.gitlab(pipeline, "drift");
    assert!(!job.ok && job.log.contains("settings"), "{}", job.log);
    assert!(service.project.read("store/drift/drift.xml").contains("settings"));
}
