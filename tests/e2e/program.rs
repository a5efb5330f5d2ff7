//! Runs the real binary as a user does, and reads what it says.

use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const BINARY: &str = env!("CARGO_BIN_EXE_lustores-provision");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const PASSWORD_FILE: &str = "inventory/example-vault-password";
/// No single run takes longer, even on a slow machine without hardware support.
const LIMIT: Duration = Duration::from_secs(25 * 60);

pub struct Program {
    /// Everything that the program printed, a pair of files per run, and its temporary files.
    pub scratch: PathBuf,
    pub lab_dir: PathBuf,
    /// Files with variables, for `-e @FILE`.
    pub variables: Vec<PathBuf>,
    runs: AtomicUsize,
}

/// A run that has not ended.
pub struct Running {
    child: Child,
    command: String,
    began: Instant,
    out: PathBuf,
    err: PathBuf,
}

pub struct Run {
    pub command: String,
    /// `None`: ended by a signal.
    pub exit: Option<i32>,
    pub out: String,
    pub err: String,
    pub seconds: f64,
}

/// A task that is not as wanted, out of a plan.
#[derive(Debug)]
pub struct Pending {
    pub name: String,
    /// `change`, `run` or `deferred`.
    pub verdict: String,
    /// It is done each time, whatever the host is like.
    pub every_time: bool,
    /// Name of the facet and all of its difference as JSON.
    pub facets: Vec<(String, String)>,
}

impl Program {
    pub fn new(scratch: PathBuf, lab_dir: PathBuf) -> Self {
        fs::create_dir_all(scratch.join("tmp")).unwrap();
        Self { scratch, lab_dir, variables: vec![], runs: AtomicUsize::new(1) }
    }

    /// The same for one machine's line of steps: what it printed has a folder of its own.
    pub fn beside(&self, name: &str) -> Self {
        let mut program = Self::new(self.scratch.join(name), self.lab_dir.clone());
        program.variables.clone_from(&self.variables);
        program
    }

    pub fn root() -> &'static Path {
        Path::new(ROOT)
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let file = |kind: &str| self.scratch.join(format!("run-{number:02}.{kind}"));
        let (out, err) = (file("out"), file("err"));
        // Not pipes: what the program leaves running in the background may hold them open.
        let child = Command::new(BINARY)
            .args(arguments)
            .current_dir(ROOT)
            .env("TMPDIR", self.scratch.join("tmp"))
            .env_remove("LUSTORES_VAULT_PASSWORD")
            .env_remove("LUSTORES_VAULT_PASSWORD_FILE")
            .stdin(Stdio::null())
            .stdout(File::create(&out).unwrap())
            .stderr(File::create(&err).unwrap())
            .spawn()
            .unwrap();
        let command = format!("lustores-provision {}", arguments.join(" "));
        Running { child, command, began: Instant::now(), out, err }
    }

    pub fn run(&self, arguments: &[&str]) -> Run {
        self.start(arguments).finish()
    }

    /// `apply inventory/lab.yml` with what the lab needs.
    pub fn start_apply(&self, arguments: &[&str]) -> Running {
        self.start_with("apply", arguments)
    }

    fn start_with(&self, verb: &str, arguments: &[&str]) -> Running {
        self.start_from(verb, "inventory/lab.yml", arguments)
    }

    /// As [`Self::apply`], with another inventory.
    pub fn apply_from(&self, inventory: &str, arguments: &[&str]) -> Run {
        self.start_from("apply", inventory, arguments).finish()
    }

    fn start_from(&self, verb: &str, inventory: &str, arguments: &[&str]) -> Running {
        let lab_dir = format!("lab_dir={}", self.lab_dir.display());
        let files: Vec<String> = self.variables.iter().map(|file| format!("@{}", file.display())).collect();
        let mut all = vec![verb, inventory, "--vault-password-file", PASSWORD_FILE, "-e", &lab_dir];
        all.extend(files.iter().flat_map(|file| ["-e", file]));
        all.extend(arguments);
        self.start(&all)
    }

    pub fn apply(&self, arguments: &[&str]) -> Run {
        self.start_apply(arguments).finish()
    }

    /// `plan inventory/lab.yml`, saved in a file.
    pub fn plan(&self, file: &str, arguments: &[&str]) -> Run {
        self.start_with("plan", &[&["-o", file], arguments].concat()).finish()
    }

    /// `apply` of a plan that was saved.
    pub fn apply_saved(&self, file: &str, arguments: &[&str]) -> Run {
        self.run(&[&["apply", file, "--vault-password-file", PASSWORD_FILE], arguments].concat())
    }

    /// An apply on one machine without the last play's proofs from outside: a scan of all ports takes a slow machine a minute.
    pub fn mend(&self, host: &str, more: &[&str]) -> Run {
        self.apply(&[&["--yes", "--limit", host, "--skip-tags", "verify"], more].concat())
    }

    /// The plain text of an encrypted file, passed on in memory only.
    pub fn decrypted(&self, file: &Path) -> String {
        let output = Command::new(BINARY)
            .args(["vault", "view", "--vault-password-file", PASSWORD_FILE])
            .arg(file)
            .current_dir(ROOT)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// From now on every apply sets these variables, kept in an encrypted file.
    pub fn set_secret(&mut self, name: &str, value: &str) {
        let file = self.scratch.join(format!("{name}.yml"));
        fs::write(&file, format!("{name}: {}\n", serde_json::to_string(value).unwrap())).unwrap();
        self.encrypt(&file);
        self.variables.push(file);
    }

    pub fn encrypt(&self, file: &Path) {
        let path = file.to_str().unwrap();
        self.run(&["vault", "encrypt", "--vault-password-file", PASSWORD_FILE, path]).expect(0);
        assert!(fs::read_to_string(file).unwrap().starts_with("$ANSIBLE_VAULT;"));
    }
}

impl Running {
    pub fn printed(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.out).unwrap()).into_owned()
    }

    /// Ends it as a power cut would.
    pub fn kill(mut self) -> Run {
        self.child.kill().unwrap();
        self.finish()
    }

    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn finish(mut self) -> Run {
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            if self.began.elapsed() > LIMIT {
                let _ = self.child.kill();
                let printed = self.printed();
                panic!("`{}` has not ended within {LIMIT:?}; it printed:\n{printed}", self.command);
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let read = |file: &Path| String::from_utf8(fs::read(file).unwrap()).unwrap();
        let run = Run {
            exit: status.code(),
            out: read(&self.out),
            err: read(&self.err),
            seconds: self.began.elapsed().as_secs_f64(),
            command: self.command,
        };
        println!(
            "   {:6.1} s  exit {}  {}",
            run.seconds,
            run.exit.map_or("-".into(), |code| code.to_string()),
            run.short()
        );
        run
    }
}

impl Run {
    /// The command without what is the same each time.
    fn short(&self) -> String {
        let words: Vec<&str> = self.command.split(' ').collect();
        let mut kept = vec![];
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            match word {
                "--vault-password-file" | "-e" => drop(words.next()),
                _ => kept.push(word),
            }
        }
        kept.join(" ")
    }

    /// Fails with all that it printed unless it ended with this code.
    #[track_caller]
    pub fn expect(self, exit: i32) -> Self {
        assert!(self.exit == Some(exit), "wanted exit code {exit}\n{self}");
        self
    }

    /// The last line of a run that was killed may be cut off.
    pub fn events(&self) -> Vec<Value> {
        let parse =
            |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}\n{self}"));
        let whole = if self.exit.is_some() {
            &self.out
        } else {
            self.out.rsplit_once('\n').map_or("", |(whole, _)| whole)
        };
        whole.lines().map(parse).collect()
    }

    /// The counts of the closing table, from `--json`.
    #[track_caller]
    pub fn count(&self, host: &str, what: &str) -> u64 {
        let events = self.events();
        let end = events.iter().rfind(|event| event["event"] == "host_finished" && event["host"] == host);
        end.and_then(|event| event["summary"][what].as_u64())
            .unwrap_or_else(|| panic!("no summary of {host}\n{self}"))
    }

    /// Names of the tasks that did change something on a host, from `--json`.
    pub fn changed(&self, host: &str) -> Vec<String> {
        let ended = |event: &&Value| {
            event["event"] == "task_finished" && event["host"] == host && event["status"] == "changed"
        };
        self.events().iter().filter(ended).filter_map(|event| Some(event["name"].as_str()?.into())).collect()
    }

    /// What is not as wanted on a host, from `--json`.
    pub fn pending(&self, host: &str) -> Vec<Pending> {
        // A proof that is made every time changes nothing.
        self.shown(host).into_iter().filter(|pending| !pending.every_time).collect()
    }

    /// All that would be done on a host, from `--json`.
    pub fn shown(&self, host: &str) -> Vec<Pending> {
        let events = self.events();
        let plans = events.iter().filter(|event| event["event"] == "host_planned" && event["host"] == host);
        let tasks = plans.flat_map(|event| event["tasks"].as_array().cloned().unwrap_or_default());
        tasks
            .filter_map(|task| {
                let verdict = task["verdict"]["verdict"].as_str()?.to_owned();
                if verdict == "unchanged" || verdict == "skipped" {
                    return None;
                }
                let every_time = task["verdict"]["why"] == "runs every time";
                let facets = task["verdict"]["diff"]["facets"].as_array().cloned().unwrap_or_default();
                let facets =
                    facets.iter().map(|f| (f["facet"].as_str().unwrap_or_default().into(), f.to_string()));
                Some(Pending {
                    name: task["name"].as_str()?.into(),
                    verdict,
                    every_time,
                    facets: facets.collect(),
                })
            })
            .collect()
    }
}

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "$ {}\nexit code {:?} after {:.1} s", self.command, self.exit, self.seconds)?;
        // The end says what went wrong; a plan of a bare machine is long.
        let lines: Vec<&str> = self.out.lines().chain(self.err.lines()).collect();
        let from = lines.len().saturating_sub(120);
        if from > 0 {
            writeln!(f, "| ... {from} lines before")?;
        }
        lines[from..]
            .iter()
            .try_for_each(|line| writeln!(f, "| {}", line.chars().take(2000).collect::<String>()))
    }
}
