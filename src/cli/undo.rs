//! `undo`: brings back the files that a run has changed.

use super::{
    Color,
    apply::{Aim, Apply},
    runs::LAST,
};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    engine::{Hosts, Open},
    event::Failure,
    model::BecomeMethod,
    plan::Seat,
    site::{Place, Prepare, Site},
    template::strftime_utc,
    undo::{HostUndo, Kept},
};
use agent::wire::{Answer, Facts, Probe, Query, safe_name};
use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};
use tokio::{sync::Semaphore, task::JoinSet};

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("max_age", |arg| arg.hide(true)),
    mut_arg("allowed_signers", |arg| arg.hide(true)),
    mut_arg("signer", |arg| arg.hide(true))
)]
pub struct Undo {
    #[command(flatten)]
    apply: Apply,
    /// The run to undo, as `--list` names it, or `last`; by default the last one on these hosts
    run: Option<String>,
    /// List the runs that can be undone, the last one first
    #[arg(long)]
    list: bool,
    /// A user whom tasks became, besides the one who logs in; for each of several
    #[arg(long, value_name = "USER", default_value = "root")]
    become_user: Vec<String>,
}

impl Undo {
    /// Looks what there is to undo, shows it, asks, acts.
    ///
    /// # Errors
    /// What is wrong with the inventory or the flags; a host that does not answer; a run that no host knows.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let Self { mut apply, run, list, become_user } = self;
        // Nobody has to be asked.
        apply.check |= list;
        if let Some(name) = run.as_deref().filter(|name| !safe_name(name)) {
            let error = Diagnostic::error(format!("`{}` is not the name of a run", name.escape_debug()));
            return Err(error.hint("`--list` names those that can be undone").into());
        }
        let outputs = apply.outputs();
        let run = || {
            let site = apply.hosts_only(color)?;
            apply.carry_out(site, color, Aim::Undo(Wish { run, list, users: become_user }))
        };
        run().inspect_err(|found| outputs.refused(found))
    }
}

/// What is wanted.
pub struct Wish {
    run: Option<String>,
    list: bool,
    users: Vec<String>,
}

/// A host's agent of one user, and the runs that it knows: their names, with how many paths and other things each.
struct Known {
    host: String,
    user: Option<String>,
    runs: Vec<(String, usize, usize)>,
}

fn seat(user: Option<&String>) -> Seat {
    Seat { place: Place::Host, become_user: user.cloned(), become_method: BecomeMethod::default() }
}

/// Asks several agents at once.
async fn ask<T: Send + 'static>(
    links: &Arc<dyn Open>,
    whom: Vec<(String, Option<String>, Query)>,
    forks: usize,
    read: fn(&[u8]) -> T,
) -> Result<Vec<(String, Option<String>, T)>, Diagnostics> {
    let turns = Arc::new(Semaphore::new(forks.max(1)));
    let mut asking = JoinSet::new();
    for (order, (host, user, query)) in whom.into_iter().enumerate() {
        let (links, turns) = (links.clone(), turns.clone());
        asking.spawn(async move {
            let _turn = turns.acquire_owned().await;
            let first = vec![Query::Run(Probe::LoginUser), query];
            let answers = links.look(&host, &seat(user.as_ref()), first).await;
            (order, host, user, answers)
        });
    }
    let (mut found, mut errors) = (BTreeMap::new(), Diagnostics::default());
    while let Some(asked) = asking.join_next().await {
        let Ok((order, host, user, answers)) = asked else { continue };
        match answers {
            Ok(answers) => match &answers[..] {
                // One who logs in as the user that would be become has been asked already.
                [Answer::Output(login), _]
                    if user
                        .as_deref()
                        .is_some_and(|user| login.stdout.bytes().trim_ascii() == user.as_bytes()) => {}
                [_, Answer::Output(said)] => _ = found.insert(order, (host, user, read(said.stdout.bytes()))),
                [_, Answer::Failed(why)] => errors.push(Diagnostic::error(format!("{host}: {why}"))),
                _ => errors
                    .push(Diagnostic::error(format!("{host} does not answer as it should")).exit(Exit::Bug)),
            },
            Err(failure) => errors.push(unreached(&host, user.as_deref(), failure)),
        }
    }
    if errors.has_errors() { Err(errors) } else { Ok(found.into_values().collect()) }
}

fn unreached(host: &str, user: Option<&str>, failure: Failure) -> Diagnostic {
    let exit = if failure.exit == Exit::Unreachable as u8 { Exit::Unreachable } else { Exit::TaskFailed };
    let who = user.map(|user| format!(" as {user}")).unwrap_or_default();
    let mut error = Diagnostic::error(format!("{host}{who}: {}", failure.message)).exit(exit);
    for cause in failure.causes {
        error = error.cause(cause);
    }
    let hint = "`--limit` leaves hosts out; `--become-user` names the users whom the tasks became";
    error.hint(failure.hint.unwrap_or_else(|| hint.into()))
}

impl Wish {
    /// The hosts on which something is undone, with their tasks; `None` when only a list was wanted.
    pub(super) async fn hosts(
        self,
        site: &Site,
        links: &Arc<dyn Open>,
        forks: usize,
    ) -> Result<Option<Arc<dyn Hosts>>, Diagnostics> {
        let users = || [None].into_iter().chain(self.users.iter().cloned().map(Some));
        let all = site.hosts().iter().flat_map(|host| users().map(|user| (host.clone(), user)));
        let whom = all.map(|(host, user)| (host, user, Query::Run(Probe::Runs))).collect();
        let known: Vec<Known> = ask(links, whom, forks, runs)
            .await?
            .into_iter()
            .map(|(host, user, runs)| Known { host, user, runs })
            .collect();
        if self.list {
            anstream::print!("{}", list(&known));
            return Ok(None);
        }
        let latest = || {
            known
                .iter()
                .flat_map(|known| known.runs.iter().map(|(run, ..)| run))
                .max_by_key(|run| (seconds(run), (*run).clone()))
        };
        let named = self.run.clone().filter(|name| name != LAST);
        let Some(run) = named.or_else(|| latest().cloned()) else {
            let error = Diagnostic::error("no run is known on these hosts that changed anything");
            return Err(error.hint("a host keeps its last 10 runs").into());
        };
        let has = |known: &&Known| known.runs.iter().any(|(name, ..)| *name == run);
        let whom: Vec<_> = known
            .iter()
            .filter(has)
            .map(|known| {
                (known.host.clone(), known.user.clone(), Query::Run(Probe::Undo { run: run.clone() }))
            })
            .collect();
        if whom.is_empty() {
            let error = Diagnostic::error(format!("no host knows the run {run}"));
            return Err(error.hint("`--list` names those that can be undone").into());
        }
        let mut kept: BTreeMap<String, Vec<Kept>> = BTreeMap::new();
        for (host, user, steps) in ask(links, whom, forks, agent::wire::undo::read).await? {
            kept.entry(host).or_default().push(Kept { user, steps });
        }
        let hosts =
            site.hosts().iter().filter_map(|host| Some((host.clone(), HostUndo::new(&run, kept.get(host)?))));
        let hosts: Vec<(String, Arc<dyn Prepare>)> =
            hosts.map(|(host, undo)| (host, Arc::new(undo) as Arc<dyn Prepare>)).collect();
        Ok(Some(Arc::new(Undone {
            names: hosts.iter().map(|(host, _)| host.clone()).collect(),
            tasks: hosts.into_iter().collect(),
        })))
    }
}

/// `RUN<tab>PATHS<tab>OTHERS` in each line.
fn runs(bytes: &[u8]) -> Vec<(String, usize, usize)> {
    let text = String::from_utf8_lossy(bytes);
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let (run, paths, others) = (fields.next()?, fields.next()?, fields.next()?);
        Some((run.to_string(), paths.parse().ok()?, others.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

/// When a run began: its name begins with that.
fn seconds(run: &str) -> u64 {
    run.split('-').next().and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or_default()
}

/// By host: paths, and other things.
type Counts<'a> = BTreeMap<&'a str, (usize, usize)>;

fn list(known: &[Known]) -> String {
    let mut runs: BTreeMap<(u64, &str), Counts> = BTreeMap::new();
    for known in known {
        for (run, paths, others) in &known.runs {
            let counts = runs.entry((seconds(run), run)).or_default().entry(&known.host).or_default();
            *counts = (counts.0 + paths, counts.1 + others);
        }
    }
    let mut text = String::new();
    for ((seconds, run), hosts) in runs.iter().rev() {
        let hosts = hosts.iter().map(|(host, (paths, others))| {
            let more = if *others > 0 { format!(", {others} that cannot be undone") } else { String::new() };
            format!("{host} ({paths} {}{more})", if *paths == 1 { "path" } else { "paths" })
        });
        text += &format!("{run}  {}  {}\n", utc(*seconds), hosts.collect::<Vec<_>>().join(", "));
    }
    if text.is_empty() { "no run is known on these hosts that changed anything\n".into() } else { text }
}

/// `2026-11-28 20:14:03 UTC`.
fn utc(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|time| strftime_utc(time, "%F %T UTC").ok());
    time.unwrap_or_else(|| seconds.to_string())
}

/// The hosts on which something is undone.
struct Undone {
    names: Vec<String>,
    tasks: HashMap<String, Arc<dyn Prepare>>,
}

impl Hosts for Undone {
    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn tasks(&self, host: &str, _: Option<&Facts>) -> Result<Arc<dyn Prepare>, Diagnostics> {
        let known = self.tasks.get(host).cloned();
        known
            .ok_or_else(|| Diagnostic::error(format!("{host} is not among the hosts")).exit(Exit::Bug).into())
    }

    fn gathered(&self, _: &str, _: Option<&Facts>) {}

    fn looks_across(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_says_when_it_began() {
        assert_eq!(utc(seconds("0-aa")), "1970-01-01 00:00:00 UTC");
        assert_eq!(utc(seconds("65e12e7f-0a0b0c")), "2024-03-01 01:25:19 UTC");
        assert_eq!(seconds("by hand"), 0);
    }

    #[test]
    fn runs_are_listed_with_the_hosts_that_know_them() {
        let known = |host: &str, user: Option<&str>, text: &str| Known {
            host: host.into(),
            user: user.map(Into::into),
            runs: runs(text.as_bytes()),
        };
        let all = [
            known("web1", None, "65e12e7f-0a0b0c\t1\t0\n"),
            known("web1", Some("root"), "65e12e7f-0a0b0c\t2\t1\n0-aa\t1\t0\n"),
            known("web2", None, ""),
        ];
        assert_eq!(
            list(&all),
            "65e12e7f-0a0b0c  2024-03-01 01:25:19 UTC  web1 (3 paths, 1 that cannot be undone)\n0-aa  1970-01-01 00:00:00 UTC  web1 (1 path)\n"
        );
    }
}
