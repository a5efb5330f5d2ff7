//! The steps in order: their names, their times, and what to look at when one fails.

use crate::canary::{Canary, Watch, random};
use crate::guest::{Containers, Guest, on_all};
use crate::program::Program;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::Instant;

pub struct Story {
    pub program: Program,
    pub guests: [Guest; 2],
    pub canary: Canary,
    pub watch: Option<Watch>,
    pub secrets: Secrets,
    /// Names of the tasks that `--check` showed on the first machine while it was bare.
    pub shown_on_bare: BTreeSet<String>,
    /// The containers of each machine as the last step left them.
    pub containers: Vec<Containers>,
    times: Vec<(&'static str, f64)>,
    began: Instant,
    is_up: bool,
    // Last: removed after all else.
    _scratch: tempfile::TempDir,
}

/// What the steps change secrets to, and what they were.
pub struct Secrets {
    pub old_db_password: String,
    pub new_db_password: String,
    pub new_jwt: String,
}

impl Story {
    pub fn begin() -> Self {
        assert!(rustix::process::getuid().is_root(), "the lab's machines need root: run the tests with sudo");
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let lab_dir = variable("LUSTORES_LAB_DIR").unwrap_or_else(|| {
            let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
            cache.expect("HOME is set").join("lustores-provision/lab")
        });
        let lab_dir = std::path::absolute(lab_dir).unwrap();
        let mut scratch = tempfile::Builder::new().prefix("lustores-e2e-").tempdir().unwrap();
        scratch.disable_cleanup(keeps());
        let program = Program::new(scratch.path().to_owned(), lab_dir.clone());
        let status = program.run(&["lab", "status"]).expect(0);
        assert!(
            !status.out.contains(": up;") && !status.out.contains(": starting"),
            "the lab is in use; end it first: lustores-provision lab down\n{}",
            status.out
        );

        let mut canary = Canary::new();
        let vault = program.decrypted(&Program::root().join("inventory/group_vars/lab/vault.yml"));
        let mut old_db_password = String::new();
        for (name, value) in vault.lines().filter_map(|line| line.split_once(": ")) {
            let value = value.trim().trim_matches('"');
            canary.add(value);
            if name == "db_password" {
                old_db_password = value.to_owned();
            }
        }
        assert!(!old_db_password.is_empty(), "the lab's vault has a `db_password`");
        let (jwt, password) = (random(32), random(24));
        canary.add(&jwt);
        canary.add(&password);
        // All that SQL, shells, URLs and env files would take for their own.
        let new_db_password = format!("p@s s/w#r\"d?'$Y\\%&{password}");
        Self {
            guests: [Guest::new(1, &lab_dir), Guest::new(2, &lab_dir)],
            program,
            canary,
            watch: None,
            secrets: Secrets { old_db_password, new_db_password, new_jwt: jwt },
            shown_on_bare: BTreeSet::new(),
            containers: vec![],
            times: vec![],
            began: Instant::now(),
            is_up: false,
            _scratch: scratch,
        }
    }

    pub fn step(&mut self, name: &'static str, work: fn(&mut Self)) {
        println!("\n== {} ({:.0} s)", name, self.began.elapsed().as_secs_f64());
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.times.push((name, began.elapsed().as_secs_f64()));
        self.is_up = true;
        if let Err(panic) = result {
            println!("\n== FAILED: {name}; the message is above or on stderr; the machines say:");
            // Its processes look at machines that are about to go.
            self.watch = None;
            for (guest, said) in self.guests.iter().zip(on_all(&self.guests, Guest::diagnosis)) {
                println!("-- {}\n{said}", guest.name);
            }
            self.print_times();
            resume_unwind(panic);
        }
    }

    pub fn end(self) {
        self.print_times();
    }

    fn print_times(&self) {
        println!("\nseconds");
        for (name, seconds) in &self.times {
            println!("{seconds:7.1}  {name}");
        }
        println!("{:7.1}  together", self.began.elapsed().as_secs_f64());
    }
}

impl Drop for Story {
    fn drop(&mut self) {
        if keeps() {
            println!("kept: the machines, if any, and {}", self.program.scratch.display());
        } else if self.is_up {
            let down = self.program.run(&["lab", "down"]);
            if down.exit != Some(0) {
                println!("{down}");
            }
        }
    }
}

/// Whether all is left as it is, for a look.
fn keeps() -> bool {
    std::env::var_os("LUSTORES_E2E_KEEP").is_some_and(|value| !value.is_empty())
}
