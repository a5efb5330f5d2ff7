//! `show`: a saved plan, as `--check` showed it.

use super::file;
use crate::{
    cli::{
        Color,
        project::now,
        replay::{View, show},
    },
    diag::{Diagnostics, Exit},
    event::{About, Event, Recorded, SCHEMA, Status, Summary, Verdict},
    plan::{
        compared::visible,
        saved::{SavedHost, SavedPlan, SavedTask, Selection, With},
    },
    template::strftime_utc,
};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Show {
    /// A plan that `plan -o FILE` saved
    file: PathBuf,
    #[command(flatten)]
    view: View,
}

impl Show {
    /// Prints it.
    ///
    /// # Errors
    /// What is no saved plan.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let (mut plan, _) = file::read(&self.file)?;
        let name = self.file.display().to_string();
        if self.view.is_for_people() {
            plan.hosts.iter_mut().for_each(|host| host.each_text(&visible));
            anstream::print!("{}", visible(&head(&name, &plan, now())));
        }
        let line = |event: Event| {
            let recorded = Recorded { at: 0, event };
            serde_json::to_string(&recorded).expect("events are JSON") + "\n"
        };
        let lines: String = events(&plan).into_iter().map(line).collect();
        show(lines.as_bytes(), &name, self.view, color)
    }
}

/// Whose plan it is, of what, and how old.
fn head(name: &str, plan: &SavedPlan, now: u64) -> String {
    let made = i64::try_from(plan.made.at).ok().and_then(|at| strftime_utc(at, "%F %T UTC").ok());
    let Selection { inventory, playbook, .. } = &plan.selection;
    let key = match plan.key.with {
        With::Vault => "fingerprints locked with the vault password",
        With::Age => "fingerprints locked for the project's age recipients",
        With::Secrets => "fingerprints locked with the project's secrets",
        With::Nothing => "nothing in it is secret",
    };
    let (who, age) = (&plan.made.who, age(now.saturating_sub(plan.made.at)));
    let inputs = plan.inputs.len();
    format!(
        "{name}: {inventory} with {playbook}{}\n  made {} by {who}, {age} ago, with version {}\n  of {inputs} files; {key}\n{}\n",
        choice(&plan.selection),
        made.unwrap_or_default(),
        plan.made.program,
        addresses(plan),
    )
}

/// Which machines they are: `  on web1 (192.0.2.7)`.
fn addresses(plan: &SavedPlan) -> String {
    const NAMED: usize = 12;
    let of = |host: &SavedHost| match &host.address {
        Some(address) => format!("{} ({address})", host.host),
        None => host.host.clone(),
    };
    let hosts: Vec<String> = plan.hosts.iter().take(NAMED).map(of).collect();
    match plan.hosts.len() {
        0 => String::new(),
        count if count > NAMED => format!("  on {} and {} more\n", hosts.join(", "), count - NAMED),
        _ => format!("  on {}\n", hosts.join(", ")),
    }
}

/// The options that choose hosts and tasks.
fn choice(selection: &Selection) -> String {
    let lists = [("--tags", &selection.tags), ("--skip-tags", &selection.skip_tags)];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty());
    let one = [("--limit", &selection.limit), ("--start-at-task", &selection.start_at_task)];
    let one = one.into_iter().filter_map(|(flag, value)| Some(format!(" {flag} {}", value.as_ref()?)));
    let vars = selection.extra_vars.iter().map(|vars| format!(" -e {vars}"));
    one.chain(lists.map(|(flag, list)| format!(" {flag} {}", list.join(",")))).chain(vars).collect()
}

/// `5 s`, `12 min`, `3 h`, `2 days`.
pub fn age(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// The events of the run that made it.
fn events(plan: &SavedPlan) -> Vec<Event> {
    let about = About {
        program: plan.made.program.clone(),
        verb: "plan".into(),
        inventory: plan.selection.inventory.clone(),
        playbook: Some(plan.selection.playbook.clone()),
        folder: String::new(),
        who: plan.made.who.clone(),
        started: plan.made.at,
        addresses: {
            let of = |host: &SavedHost| Some((host.host.clone(), host.address.clone()?));
            plan.hosts.iter().filter_map(of).collect()
        },
    };
    let mut events = vec![Event::RunStarted {
        schema: SCHEMA,
        run: plan.made.run.clone(),
        check: true,
        hosts: plan.hosts.iter().map(|host| host.host.clone()).collect(),
        about,
    }];
    for host in &plan.hosts {
        let found = host.findings.iter().cloned();
        events.extend(found.map(|finding| Event::Finding { host: host.host.clone(), finding }));
        let tasks = host.tasks.iter().map(|task| task.task.clone()).collect();
        events.push(Event::HostPlanned { host: host.host.clone(), tasks });
    }
    let (mut changes, mut deferred) = (0, 0);
    let mut ends = vec![];
    for host in &plan.hosts {
        let mut summary = Summary::default();
        for task in &host.tasks {
            let status = status(task);
            match status {
                Status::WouldChange => summary.changed += 1,
                Status::Skipped => summary.skipped += 1,
                Status::Deferred => summary.deferred += 1,
                _ => summary.ok += 1,
            }
            let diff = task.diff().cloned();
            ends.push(Event::TaskFinished {
                host: host.host.clone(),
                task: task.task.task,
                name: task.task.name.clone(),
                status,
                diff,
                failure: None,
                millis: 0,
            });
        }
        (changes, deferred) = (changes + summary.changed, deferred + summary.deferred);
        ends.push(Event::HostFinished { host: host.host.clone(), summary, round_trips: 0, excused: vec![] });
    }
    events.push(Event::PlanComplete { changes, deferred });
    events.extend(ends);
    let exit = if changes + deferred > 0 { Exit::Pending } else { Exit::Done };
    events.push(Event::RunFinished { exit: exit as u8, millis: plan.made.millis });
    events
}

fn status(task: &SavedTask) -> Status {
    match &task.task.verdict {
        Verdict::Unchanged => Status::Ok,
        Verdict::Skipped { .. } => Status::Skipped,
        Verdict::Deferred { .. } => Status::Deferred,
        Verdict::Change { .. } | Verdict::Run { .. } if task.counts => Status::WouldChange,
        Verdict::Change { .. } | Verdict::Run { .. } => Status::Ok,
    }
}
