//! `apply`.

use super::{
    Color,
    accepted::Accepted,
    ci, complain,
    keep::keep,
    outputs::Outputs,
    plan::{Plans, Saving, Trust, is_plan},
    programs,
    project::{Project, now},
    protected::Confirm,
    runs,
    somebody::AtTerminal,
    undo::Wish,
};
use crate::{
    connection,
    diag::{Diagnostic, Diagnostics, Exit},
    engine::{Approve, Doing, Events, Hosts, Recording, RunOptions, Somebody, SshLinks, run},
    event::{About, Event, Failure, Since},
    plan::saved::{Planned, SavedPlan},
    report::{Format, Redactor, Reporter},
    resource::Mask,
    site::Site,
    yaml::Ask,
};
use agent::{secret::Secret, wire::Session};
use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};
use tokio::sync::watch;

#[derive(Debug, clap::Args)]
pub struct Apply {
    #[command(flatten)]
    pub(super) project: Project,
    /// Show what would change, and change nothing; exit code 10 when something would
    #[arg(short = 'C', long)]
    pub(super) check: bool,
    /// Do not ask before applying
    #[arg(short, long)]
    pub(super) yes: bool,
    /// When all went well, look at all hosts again: exit code 42 when anything is left to do
    #[arg(long, conflicts_with = "check")]
    prove: bool,
    #[command(flatten)]
    confirm: Confirm,
    /// Hosts to work on at a time
    #[arg(short, long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    forks: u16,
    /// Print events as JSON, one a line
    #[arg(long)]
    json: bool,
    /// Ask for the password that sudo wants on the hosts
    #[arg(short = 'K', long)]
    ask_become_pass: bool,
    /// Configuration file for ssh, in place of your own
    #[arg(long, value_name = "FILE")]
    ssh_config: Option<PathBuf>,
    /// Seconds for a connection to be made
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    connect_timeout: u16,
    /// Open new connections, and leave none open for the next run
    #[arg(long)]
    fresh: bool,
    #[command(flatten)]
    outputs: Outputs,
    #[command(flatten)]
    pub(super) trust: Trust,
}

/// What a run is for.
pub(super) enum Aim {
    Apply,
    Undo(Wish),
    Drift,
    /// Looks, and saves the plan if it is to be saved.
    Plan(Option<Saving>),
    /// Does what a saved plan shows; with its file.
    Saved(Box<SavedPlan>, PathBuf),
}

impl Aim {
    fn verb(&self) -> &'static str {
        match self {
            Self::Apply | Self::Saved(..) => "apply",
            Self::Plan(_) => "plan",
            Self::Undo(_) => "undo",
            Self::Drift => "drift",
        }
    }
}

impl Apply {
    /// Plans, shows, asks, acts.
    ///
    /// # Errors
    /// What is wrong with the project or the flags: found before anything is touched.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let outputs = self.outputs.clone();
        let run = || {
            if is_plan(&self.project.inventory) {
                return self.saved(color);
            }
            let site = self.site(color)?;
            self.carry_out(site, color, Aim::Apply)
        };
        run().inspect_err(|found| outputs.refused(found))
    }

    /// The files that are made of the run.
    pub(super) fn outputs(&self) -> Outputs {
        self.outputs.clone()
    }

    /// The project, without a mistake that could be found.
    pub(super) fn site(&self, color: Color) -> Result<Site, Diagnostics> {
        self.project.checked(color)
    }

    /// The hosts alone, as for a playbook without tasks.
    pub(super) fn hosts_only(&self, color: Color) -> Result<Site, Diagnostics> {
        let mut site = self.project.hosts_only()?;
        super::complain(&std::mem::take(&mut site.warnings), color);
        Ok(site)
    }

    /// Carries a playbook out, looks how hosts are, or undoes a run.
    pub(super) fn carry_out(mut self, site: Site, color: Color, aim: Aim) -> Result<Exit, Diagnostics> {
        self.outputs.check()?;
        if !matches!(aim, Aim::Saved(..)) {
            self.trust.is_idle()?;
        }
        let (terminal, asks) = (std::io::stdout().is_terminal(), std::io::stdin().is_terminal());
        if !self.check && !self.yes && (self.json || !terminal || !asks) {
            let error = Diagnostic::error("nobody can be asked here whether to apply the plan");
            return Err(error.hint("add `--yes` to apply without asking, or `--check` to only look").into());
        }
        if !self.check {
            // A saved plan names the inventory as well as any word.
            let is_saved = matches!(aim, Aim::Saved(..));
            self.confirm.learn(&site, &self.project.inventory, !self.yes || is_saved)?;
            self.confirm.saved(is_saved);
        }
        self.project.ask(&site)?;
        let become_password = self.ask_become_pass.then(ask_password).transpose()?;
        let late = Arc::new(OnceLock::new());
        site.ask(asker(late.clone()), programs::waiting)?;
        connection::raise_open_files();
        let threads = std::thread::available_parallelism().map_or(2, |n| n.get().clamp(1, 8));
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build();
        let runtime = runtime.map_err(|e| Diagnostic::error("cannot start").cause(e).exit(Exit::Bug))?;
        let exit = runtime.block_on(self.go(site, aim, color, terminal, become_password, &late));
        // A thread that waits for a line of input must not hold up the end.
        runtime.shutdown_timeout(Duration::from_millis(100));
        exit
    }

    async fn go(
        self,
        site: Site,
        aim: Aim,
        color: Color,
        terminal: bool,
        become_password: Option<Secret>,
        late: &OnceLock<Reporter>,
    ) -> Result<Exit, Diagnostics> {
        let somebody = std::io::stdin().is_terminal() && !self.json;
        let mut secrets = site.secrets();
        secrets.extend(become_password.clone());
        let format = match (self.json, terminal) {
            (true, _) => Format::Json,
            (_, true) => Format::Terminal,
            _ => Format::Plain,
        };
        let out = Box::new(std::io::stdout());
        let colors = color.on(terminal || ci::has_colours());
        let reporter = Reporter::new(format, colors, Redactor::new(&secrets), out);
        reporter.ci(ci::service().cloned());
        let _ = late.set(reporter.clone());
        let seconds = now();
        let accepted = Arc::new(Accepted::default());
        let events: Events = {
            let (reporter, accepted) = (reporter.clone(), accepted.clone());
            Arc::new(move |event: Event| {
                accepted.take(&event);
                reporter.show(event);
            })
        };
        let mut random = [0; 40];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())
            .map_err(|e| Diagnostic::error("no random numbers from the system").cause(e).exit(Exit::Bug))?;
        let key: [u8; 32] = random[..32].try_into().expect("32 bytes");
        let run_id = format!("{seconds:x}-{:02x}{:02x}{:02x}", random[32], random[33], random[34]);
        let plans = match &aim {
            Aim::Plan(Some(to)) => Some(Plans::save(to.clone(), key, &self.project, &site, &reporter)?),
            Aim::Saved(plan, file) => {
                Some(Plans::hold((**plan).clone(), file, &self.project, &site, &reporter)?)
            }
            _ => None,
        };
        let who = who();
        let about = About {
            program: env!("CARGO_PKG_VERSION").into(),
            verb: aim.verb().into(),
            inventory: self.project.inventory.display().to_string(),
            playbook: (!matches!(aim, Aim::Undo(_))).then(|| site.playbook().path.display().to_string()),
            folder: std::env::current_dir().map(|folder| folder.display().to_string()).unwrap_or_default(),
            who: who.clone(),
            started: seconds,
            addresses: site.addresses(),
        };
        let recording = about.playbook.is_some().then(|| Recording {
            playbook: site.playbook().path.file_name().unwrap_or_default().to_string_lossy().into(),
            partial: self.project.is_partial(),
            drift: matches!(aim, Aim::Drift),
            key: *blake3::keyed_hash(&key, b"record").as_bytes(),
            hides: {
                let reporter = reporter.clone();
                Arc::new(move |text: &str| reporter.hides(text))
            },
            since: Since { run: run_id.clone(), who: who.clone(), at: seconds },
        });
        let site = Arc::new(site);
        let pinned = self.project.pinned();
        let links = |session| {
            let options = connection::Options {
                connect_timeout: Duration::from_secs(self.connect_timeout.into()),
                session,
                who: who.clone(),
                run: run_id.clone(),
                heartbeat: Duration::from_secs(30),
                control_dir: connection::control_dir(),
                reuse: !self.fresh,
                first: vec![],
                told: connection::Told::default(),
            };
            let (config, password) = (self.ssh_config.clone(), become_password.clone());
            let links = SshLinks::new(site.clone(), options, config, password);
            let links = links.pinned(pinned.clone()).telling(events.clone());
            let links = self.project.facts.around(Arc::new(links), seconds, events.clone());
            if self.check { links } else { self.confirm.around(links, site.clone()) }
        };
        let prove = self.prove.then(|| links(Session::ReadOnly));
        let links = links(if self.check { Session::ReadOnly } else { Session::ReadWrite });
        let is_whole = matches!(aim, Aim::Apply) && self.project.is_whole();
        let hosts: Arc<dyn Hosts> = match aim {
            Aim::Apply | Aim::Drift | Aim::Plan(_) | Aim::Saved(..) => site.clone(),
            Aim::Undo(wish) => match wish.hosts(&site, &links, self.forks.into()).await? {
                Some(hosts) => hosts,
                None => return Ok(Exit::Done),
            },
        };
        let events_so_far = self.outputs.collect(&reporter);
        match runs::begin(&run_id) {
            Ok(file) => reporter.record(Box::new(file)),
            Err(why) => complain(&Diagnostic::warning("this run is not kept").cause(why).into(), color),
        }
        let options = RunOptions {
            run: run_id.clone(),
            about: about.clone(),
            check: self.check,
            looks: recording.as_ref().is_some_and(|recording| recording.drift),
            prove,
            forks: self.forks.into(),
            rolling: site.playbook().rolling().cloned(),
            mask: Mask::new(plans.as_ref().map_or(key, |plans| plans.key)),
            keep: Arc::new(keep),
            playbook: recording.as_ref().map(|recording| recording.playbook.as_str().into()),
            recording: recording.map(Arc::new),
            cancel: cancel_on_signal(reporter.clone()),
            somebody: somebody.then(|| Arc::new(AtTerminal::new(reporter.clone())) as Arc<dyn Somebody>),
        };
        let question = Question { yes: self.yes, word: self.confirm.word, plans };
        let exit = run(hosts, links, options, events, &question).await;
        if is_whole {
            complain(&accepted.needless(&site), color);
        }
        complain(&self.outputs.conclude(&events_so_far), color);
        match question.plans.map(|plans| plans.finish(exit, &self.project, &about, run_id)) {
            Some(Ok(Some(out))) => anstream::eprintln!("{out}"),
            // The run was told of: what is wrong now takes nothing away from that.
            Some(Err(found)) => {
                complain(&found, color);
                return Ok(found.exit());
            }
            Some(Ok(None)) | None => {}
        }
        Ok(exit)
    }
}

/// Runs the programs that print secrets. What one says while the run goes on, the reporter learns before anybody uses it.
pub(super) fn asker(late: Arc<OnceLock<Reporter>>) -> Box<Ask> {
    Box::new(move |argv, timeout| {
        let secret = programs::ask(argv, timeout)?;
        late.get().iter().for_each(|reporter| reporter.hide(&secret));
        Ok(secret)
    })
}

struct Question {
    yes: bool,
    /// What is to be typed instead of a yes.
    word: Option<String>,
    plans: Option<Plans>,
}

impl Approve for Question {
    fn look(&self, planned: &[Planned], whole: bool) -> Result<(), Vec<(String, Failure)>> {
        self.plans.as_ref().map_or(Ok(()), |plans| plans.look(planned, whole))
    }

    fn is_exact(&self) -> bool {
        self.plans.as_ref().is_some_and(Plans::is_exact)
    }

    fn is_wary(&self) -> bool {
        self.word.is_some()
    }

    fn approve(&self, changes: usize, deferred: usize) -> Doing<'_, bool> {
        Box::pin(async move {
            if self.yes {
                return true;
            }
            let later =
                if deferred > 0 { format!(" and decide {deferred} on the way") } else { String::new() };
            let plural = if changes == 1 { "" } else { "s" };
            let how = match &self.word {
                Some(word) => format!("these hosts are protected, type `{word}` to go on: "),
                None => "[y/N] ".into(),
            };
            let prompt = format!("\nmake {changes} change{plural}{later}? {how}");
            let word = self.word.clone();
            // The plan is complete, so no moving line is in the way; and what a signal has to say must not wait.
            let ask = move || {
                anstream::print!("{prompt}");
                let _ = std::io::stdout().flush();
                let mut line = String::new();
                let read = std::io::stdin().read_line(&mut line).is_ok();
                let typed = line.trim();
                read && match word {
                    Some(word) => typed == word,
                    None => matches!(typed.to_lowercase().as_str(), "y" | "yes"),
                }
            };
            tokio::task::spawn_blocking(ask).await.unwrap_or(false)
        })
    }
}

/// The first signal lets running tasks finish; the second one ends the program.
fn cancel_on_signal(reporter: Reporter) -> watch::Receiver<bool> {
    let (cancel, cancelled) = watch::channel(false);
    tokio::spawn(async move {
        use tokio::signal::unix::{SignalKind, signal};
        let (Ok(mut interrupt), Ok(mut terminate)) =
            (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
        else {
            return;
        };
        for round in 0..2 {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if round == 0 {
                let message =
                    "stopping: tasks that run are finished, no new one is started (again: stop at once)";
                reporter.show(Event::Warning { host: None, message: message.into() });
                let _ = cancel.send(true);
            }
        }
        std::process::exit(Exit::Cancelled as i32);
    });
    cancelled
}

/// `user@machine (pid n)`: what another run is told that finds the host taken.
pub(super) fn who() -> String {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| format!("uid {}", rustix::process::getuid().as_raw()));
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine} (pid {})", std::process::id())
}

pub(super) fn ask_password() -> Result<Secret, Diagnostics> {
    let typed = super::hidden::read_hidden("sudo password on the hosts: ");
    Ok(Secret::new(typed.map_err(|e| Diagnostic::error("cannot ask for the sudo password").cause(e))?))
}
