//! The steps in order: their names, their times, and what to look at when one fails.

use crate::canary::{Canary, Watch, random};
use crate::guest::{Containers, Guest, on_all};
use crate::line::Line;
use crate::program::{Program, Run};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::time::Instant;

/// A step that is about one machine, with its name.
pub type LineStep = (&'static str, fn(&mut Line));

pub struct Story {
    pub program: Program,
    pub guests: [Guest; 2],
    pub canary: Canary,
    pub watches: [Option<Watch>; 2],
    pub secrets: Secrets,
    /// What `--check` showed while the machines were bare.
    pub shown_on_bare: Option<Run>,
    /// The run that was killed then.
    pub killed: Option<Run>,
    /// The containers of each machine as the last step left them.
    pub containers: Vec<Containers>,
    times: Vec<(&'static str, f64)>,
    began: Instant,
    is_up: bool,
    // Last: removed after all else.
    _scratch: tempfile::TempDir,
}

/// What the steps change secrets to, and what they were.
#[derive(Clone)]
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
            is_set("LUSTORES_E2E_GO_ON")
                || !status.out.contains(": up;") && !status.out.contains(": starting"),
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
            watches: [None, None],
            secrets: Secrets { old_db_password, new_db_password, new_jwt: jwt },
            shown_on_bare: None,
            killed: None,
            containers: vec![],
            times: vec![],
            began: Instant::now(),
            is_up: false,
            _scratch: scratch,
        }
    }

    /// Whether machines that an earlier story left up and healthy are gone on with.
    pub fn goes_on(&self) -> bool {
        is_set("LUSTORES_E2E_GO_ON")
    }

    pub fn go_on(&mut self) {
        self.is_up = true;
        self.watches = self.guests.each_ref().map(|guest| Some(self.canary.watch(guest)));
        let only = Self::only();
        self.containers = on_all(&self.guests, |guest| match &only {
            Some(only) if guest.name != only => Containers::new(),
            _ => guest.healthy(),
        });
    }

    /// Whether only a part of the story was asked for: what comes after the machines' own steps needs all of it.
    pub fn is_partial() -> bool {
        Self::only().is_some()
    }

    /// The only machine whose steps are wanted, if not both.
    fn only() -> Option<String> {
        std::env::var("LUSTORES_E2E_GO_ON").ok().filter(|name| name.starts_with("lab"))
    }

    pub fn step(&mut self, name: &'static str, work: fn(&mut Self)) {
        if !is_wanted(name) {
            return;
        }
        println!("\n== {} ({:.0} s)", name, self.began.elapsed().as_secs_f64());
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| work(self)));
        self.times.push((name, began.elapsed().as_secs_f64()));
        self.is_up = true;
        if let Err(panic) = result {
            self.fail(name, panic);
        }
    }

    /// Steps that are about one machine each, the two lines beside each other; the first one that fails ends its line.
    pub fn side_by_side(&mut self, lines: [&[LineStep]; 2]) {
        let (began, mut times, mut failed) = (self.began, vec![], None);
        let mut own: Vec<Line> = self
            .guests
            .iter()
            .zip(&mut self.watches)
            .zip(&self.containers)
            .map(|((guest, watch), containers)| Line {
                program: self.program.beside(guest.name),
                guest: guest.clone(),
                containers: containers.clone(),
                watch: watch.take(),
                secrets: self.secrets.clone(),
            })
            .collect();
        std::thread::scope(|scope| {
            let run = |line: &mut Line, steps: &[LineStep]| {
                let mut times = vec![];
                for (name, work) in steps.iter().filter(|(name, _)| is_wanted(name)) {
                    println!("\n== {}: {name} ({:.0} s)", line.guest.name, began.elapsed().as_secs_f64());
                    let started = Instant::now();
                    let result = catch_unwind(AssertUnwindSafe(|| work(line)));
                    times.push((*name, started.elapsed().as_secs_f64()));
                    if let Err(panic) = result {
                        return (times, Some((*name, panic)));
                    }
                }
                (times, None)
            };
            let lines = [0, 1].map(|at| match Self::only() {
                Some(only) if self.guests[at].name != only => &[],
                _ => lines[at],
            });
            let threads: Vec<_> = own
                .iter_mut()
                .zip(lines)
                .map(|(line, steps)| scope.spawn(move || run(line, steps)))
                .collect();
            for thread in threads {
                let (mut taken, panic) = thread.join().expect("its panics are caught");
                times.append(&mut taken);
                failed = failed.take().or(panic);
            }
        });
        self.times.append(&mut times);
        for (line, containers) in own.into_iter().zip(&mut self.containers) {
            *containers = line.containers;
            // Later steps go on with the secrets that were changed.
            let new = line.program.variables.into_iter();
            self.program.variables.extend(new.filter(|file| file.starts_with(&line.program.scratch)));
        }
        if let Some((name, panic)) = failed {
            self.fail(name, panic);
        }
    }

    fn fail(&mut self, name: &str, panic: Box<dyn std::any::Any + Send>) -> ! {
        println!("\n== FAILED: {name}; the message is above or on stderr; the machines say:");
        // Their processes look at machines that are about to go.
        self.watches = [None, None];
        for (guest, said) in self.guests.iter().zip(on_all(&self.guests, Guest::diagnosis)) {
            println!("-- {}\n{said}", guest.name);
        }
        self.print_times();
        resume_unwind(panic)
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
    is_set("LUSTORES_E2E_KEEP")
}

/// Whether a step is among those that are asked for; all are, usually.
fn is_wanted(name: &str) -> bool {
    std::env::var("LUSTORES_E2E_STEPS").map_or(true, |part| name.contains(&part))
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}
