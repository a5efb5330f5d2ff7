//! A project in a folder of its own, the program run in it, and what came of it.

use crate::sshd::Sshd;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

pub struct Project {
    dir: tempfile::TempDir,
    ssh_config: Option<PathBuf>,
}

/// What a finished run printed and ended with.
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Project {
    /// A project whose hosts are this machine. Each has a folder of its own, `{{home}}`.
    pub fn local(hosts: &[&str], playbook: &str) -> Self {
        let dir = tempfile::Builder::new().prefix("lpc").tempdir().unwrap();
        let project = Self { dir, ssh_config: None };
        let mut inventory = format!(
            "all:\n  vars:\n    ansible_connection: local\n    home: \"{}/h/{{{{host}}}}\"\n  hosts:\n",
            project.dir.path().display()
        );
        for host in hosts {
            inventory += &format!("    {host}:\n");
            fs::create_dir_all(project.home(host)).unwrap();
        }
        project.write("inventory.yml", &inventory);
        project.write("site.yml", playbook);
        project
    }

    /// One play with these tasks, for the local host `a`.
    pub fn tasks(tasks: &str) -> Self {
        Self::local(&["a"], &play(tasks))
    }

    /// One play with these tasks for the host `web1` behind an sshd; `{{home}}` is a folder in alice's home.
    pub fn ssh(sshd: &Sshd, tasks: &str) -> Self {
        let home = sshd.home("alice").join("work");
        crate::sshd::run(Command::new("install").args(["-d", "-o", "47001", "-g", "47000"]).arg(&home));
        Self::ssh_as(sshd, "alice", &home, &play(tasks))
    }

    /// A playbook for the host `web1` behind an sshd, where `user` logs in; `{{home}}` is a folder that is there.
    pub fn ssh_as(sshd: &Sshd, user: &str, home: &Path, playbook: &str) -> Self {
        let mut project = Self::local(&[], playbook);
        let inventory = format!(
            "all:\n  vars:\n    ansible_host: {}\n    ansible_port: {}\n    ansible_user: {user}\n    \
             ansible_ssh_private_key_file: {}\n    home: {}\n  hosts:\n    web1:\n",
            sshd.address,
            sshd.port,
            sshd.base.join("key").display(),
            home.display(),
        );
        project.write("inventory.yml", &inventory);
        project.ssh_config = Some(sshd.base.join("ssh_config"));
        project
    }

    /// A playbook for the hosts `web1`, `web2` and so on, each behind an sshd of its own where alice logs in; `{{home}}` is a folder in
    /// her home.
    pub fn fleet(sshds: &[Sshd], playbook: &str) -> Self {
        let mut project = Self::local(&[], playbook);
        let mut inventory =
            "all:\n  vars: {ansible_host: 127.0.0.1, ansible_user: alice}\n  hosts:\n".to_owned();
        let mut known = String::new();
        for (at, sshd) in sshds.iter().enumerate() {
            let (home, key) = (sshd.home("alice").join("work"), sshd.base.join("key"));
            crate::sshd::run(Command::new("install").args(["-d", "-o", "47001", "-g", "47000"]).arg(&home));
            inventory += &format!(
                "    web{}: {{ansible_port: {}, ansible_ssh_private_key_file: {}, home: {}}}\n",
                at + 1,
                sshd.port,
                key.display(),
                home.display()
            );
            known += &format!(" {}", sshd.base.join("known_hosts").display());
        }
        project.write("inventory.yml", &inventory);
        project.write("ssh_config", &format!("UserKnownHostsFile{known}\nGlobalKnownHostsFile /dev/null\n"));
        project.ssh_config = Some(project.path("ssh_config"));
        project
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The folder of a local host.
    pub fn home(&self, host: &str) -> PathBuf {
        self.path("h").join(host)
    }

    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        let path = self.path(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    pub fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// The program with these arguments, in the project's folder and with an environment of its own.
    pub fn command(&self, arguments: &[&str]) -> Command {
        self.in_its_place(Command::new(env!("CARGO_BIN_EXE_lustores-provision")), arguments)
    }

    pub fn in_its_place(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.args(arguments);
        if let (Some(config), Some(&("apply" | "drift" | "enroll" | "plan" | "undo"))) =
            (&self.ssh_config, arguments.first())
        {
            command.arg("--ssh-config").arg(config);
        }
        command.current_dir(self.dir.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", self.path("controller"));
        command.env("USER", "tester").env("XDG_RUNTIME_DIR", self.path("r"));
        command.env("PROVISION_AGENT_STATE", self.path("state")).env("SHELL", "/bin/sh").env("TERM", "xterm");
        fs::create_dir_all(self.path("controller")).unwrap();
        fs::create_dir_all(self.path("r")).unwrap();
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).expect("what is printed is UTF-8"),
            err: String::from_utf8(output.stderr).expect("what is printed is UTF-8"),
        }
    }

    /// `apply` with more arguments.
    pub fn apply(&self, more: &[&str]) -> Ran {
        self.run(&[&["apply", "inventory.yml"], more].concat())
    }

    /// `apply --yes`.
    pub fn go(&self) -> Ran {
        self.apply(&["--yes"])
    }

    /// `apply --check`.
    pub fn check(&self) -> Ran {
        self.apply(&["--check"])
    }

    /// `apply` with more arguments that goes on while the test does something.
    pub fn start(&self, more: &[&str]) -> Running {
        let (out, err) = (self.path("running.out"), self.path("running.err"));
        let mut command = self.command(&[&["apply", "inventory.yml"], more].concat());
        command.stdout(fs::File::create(&out).unwrap()).stderr(fs::File::create(&err).unwrap());
        Running { child: command.spawn().unwrap(), out, err }
    }

    /// All files below a folder of the project.
    pub fn tree(&self, folder: &str) -> Tree {
        tree(&self.path(folder))
    }
}

pub fn play(tasks: &str) -> String {
    format!("- hosts: all\n  tasks:\n{tasks}")
}

pub struct Running {
    child: Child,
    out: PathBuf,
    err: PathBuf,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        crate::sshd::run(Command::new("kill").args([name, &self.pid().to_string()]));
    }

    /// Waits until it has printed this.
    pub fn prints(&self, text: &str) {
        until(text, || fs::read_to_string(&self.out).unwrap().contains(text));
    }

    pub fn end(mut self) -> Ran {
        let code = self.child.wait().unwrap().code();
        let read = |path| fs::read_to_string(path).expect("what is printed is UTF-8");
        Ran { code, out: read(&self.out), err: read(&self.err) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ran {
    #[track_caller]
    pub fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, Some(code), "{}", self.text());
        self
    }

    /// These are in what it printed.
    #[track_caller]
    pub fn has(&self, parts: &[&str]) -> &Self {
        let text = self.text();
        for part in parts {
            assert!(text.contains(part), "`{part}` is not in:\n{text}");
        }
        self
    }

    #[track_caller]
    pub fn lacks(&self, parts: &[&str]) -> &Self {
        let text = self.text();
        for part in parts {
            assert!(!text.contains(part), "`{part}` is in:\n{text}");
        }
        self
    }

    /// This row is in the closing table, however it is spaced.
    #[track_caller]
    pub fn row(&self, row: &str) -> &Self {
        let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(self.out.lines().any(|line| squeezed(line) == row), "no row `{row}` in:\n{}", self.text());
        self
    }

    pub fn text(&self) -> String {
        format!("{}{}", self.out, self.err)
    }
}

/// Waits for something that is sure to come; the limit is only there to end a test that has failed.
#[track_caller]
pub fn until(what: &str, done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < limit, "this does not happen: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

/// Mode, owner, group and content (or target) of all that is below a folder.
pub fn tree(folder: &Path) -> Tree {
    let mut found = Tree::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        // Of what goes meanwhile there is nothing to tell.
        let Ok(meta) = path.symlink_metadata() else { continue };
        let bytes = if meta.is_dir() {
            found.extend(tree(&path));
            vec![]
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else if meta.is_file() {
            fs::read(&path).unwrap()
        } else {
            vec![]
        };
        found.insert(path, (meta.mode(), meta.uid(), meta.gid(), bytes));
    }
    found
}
