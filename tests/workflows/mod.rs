//! The workflows of docs/ci.md, step by step as they stand there, against real hosts. What belongs to the service itself is stood in for:
//! the checkout, the artifacts, and `gh`.

use lustores_provision::{model::Source, yaml::parse};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Arc,
};

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
pub fn blocks(heading: &str) -> Vec<Value> {
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
pub struct Service {
    /// `repo` is the repository, `pw` the password of its vault; `store` holds the artifacts, and what was commented.
    base: PathBuf,
    ssh_key: PathBuf,
    /// What no job may tell.
    secrets: Vec<String>,
    /// Jobs so far.
    jobs: usize,
}

/// How a job came out.
pub struct Job {
    pub ok: bool,
    pub log: String,
    pub summary: String,
}

impl Service {
    /// For the repository in `base/repo`, the password of whose vault is in `base/pw`. Who may sign plans, and the hosts' keys, become
    /// part of it.
    pub fn new(base: &Path, ssh_key: &Path, secrets: &[&str]) -> Self {
        let service = Self {
            base: base.into(),
            ssh_key: ssh_key.into(),
            secrets: secrets.iter().map(ToString::to_string).collect(),
            jobs: 0,
        };
        let password = service.read("pw").trim_end().to_owned();
        let service = Self { secrets: [service.secrets, vec![password]].concat(), ..service };
        for user in ["ci", "mallory"] {
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-f"])
                .arg(base.join(user)));
        }
        let public = service.read("ci.pub").split(' ').take(2).collect::<Vec<_>>().join(" ");
        let line = format!("ci@lustores namespaces=\"lustores-provision-plan\" {public}\n");
        fs::write(base.join("repo/inventory/signers"), line).unwrap();
        for folder in ["bin", "store", "home", "r"] {
            fs::create_dir_all(base.join(folder)).unwrap();
        }
        symlink(env!("CARGO_BIN_EXE_lustores-provision"), base.join("bin/lustores-provision")).unwrap();
        fs::write(base.join("bin/gh"), GH).unwrap();
        fs::set_permissions(base.join("bin/gh"), fs::Permissions::from_mode(0o755)).unwrap();
        let enroll = "lustores-provision enroll inventory/prod.yml --yes --vault-password-file ../pw";
        let (ok, log) = service.bash(&base.join("repo"), enroll, &BTreeMap::new());
        assert!(ok, "{log}");
        service
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.base.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, name: &str) -> bool {
        self.base.join(name).exists()
    }

    /// A folder for a job, with a copy of the repository.
    fn checkout(&mut self) -> PathBuf {
        self.jobs += 1;
        let folder = self.base.join(format!("job{}", self.jobs));
        fs::create_dir_all(folder.join("temp")).unwrap();
        run(Command::new("cp").arg("-a").arg(self.base.join("repo")).arg(folder.join("work")));
        folder
    }

    /// With an environment of its own, as on a machine that is new for each job.
    fn bash(&self, folder: &Path, script: &str, env: &BTreeMap<String, String>) -> (bool, String) {
        let mut command = Command::new("bash");
        command.args(["-e", "-c", script]).current_dir(folder).env_clear().stdin(Stdio::null());
        let path = std::env::var("PATH").unwrap();
        command.env("PATH", format!("{}:{path}", self.base.join("bin").display()));
        command.env("HOME", self.base.join("home")).env("XDG_RUNTIME_DIR", self.base.join("r"));
        command.env("PROVISION_AGENT_STATE", self.base.join("state"));
        command.env("USER", "runner").env("SHELL", "/bin/sh").env("TERM", "xterm");
        command.env("STORE", self.base.join("store")).envs(env);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    fn keep(&self, folder: &Path, name: &str, paths: &str) {
        let store = self.base.join("store").join(name);
        let _ = fs::remove_dir_all(&store);
        fs::create_dir_all(&store).unwrap();
        for path in paths.split_whitespace().map(|path| folder.join("work").join(path)) {
            if path.exists() {
                fs::copy(&path, store.join(path.file_name().unwrap())).unwrap();
            }
        }
    }

    /// The steps of a workflow's only job in GitHub Actions.
    pub fn github(&mut self, workflow: &Value, plan_key: &str) -> Job {
        let folder = self.checkout();
        let (_, job) = workflow["jobs"].as_object().unwrap().iter().next().unwrap();
        let value = |text: &str| {
            let values = [
                ("${{ secrets.VAULT_PASSWORD }}", self.read("pw").trim_end().to_owned()),
                ("${{ secrets.SSH_KEY }}", fs::read_to_string(&self.ssh_key).unwrap()),
                ("${{ secrets.PLAN_KEY }}", self.read(plan_key)),
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
                    let (went, said) = self.bash(&folder.join("work"), &value(script), &env);
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
    pub fn gitlab(&mut self, pipeline: &Value, name: &str) -> Job {
        let folder = self.checkout();
        let work = folder.join("work");
        let job = &pipeline[name];
        if job["needs"] == serde_json::json!(["plan"]) {
            for file in fs::read_dir(self.base.join("store/plan")).unwrap().flatten() {
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
            ("VAULT_PASSWORD".into(), file("vault", self.base.join("pw"))),
            ("SSH_KEY".into(), file("key", self.ssh_key.clone())),
            ("PLAN_KEY".into(), file("plan-key", self.base.join("ci"))),
        ]);
        let lines = |lines: &Value| -> Vec<String> {
            lines.as_array().into_iter().flatten().map(|line| line.as_str().unwrap().to_owned()).collect()
        };
        let script = [lines(&pipeline["default"]["before_script"]), lines(&job["script"])].concat();
        assert_eq!(script[0], "cargo install --locked --path .");
        let script = script[1..]
            .join("\n")
            .replace("$(ssh-agent)", &format!("$(ssh-agent -a {}/temp/agent)", folder.display()));
        let (ok, log) = self.bash(&folder.join("work"), &script, &env);
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
    pub fn tells_no_secret(&self, job: &Job) {
        let mut texts = vec![job.log.clone(), job.summary.clone()];
        let mut folders = vec![self.base.join("store")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match entry.is_dir() {
                    true => folders.push(entry),
                    false => texts.push(String::from_utf8_lossy(&fs::read(entry).unwrap()).into_owned()),
                }
            }
        }
        for text in texts {
            assert!(self.secrets.iter().all(|secret| !text.contains(secret)), "{text}");
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}
