//! `enroll`: writes the keys of the hosts beside the inventory, so that they can be kept with it.

use super::{
    Color, complain,
    outputs::write,
    project::{Project, known_hosts_file},
};
use crate::{
    connection::{self, HostKey, LinkError, Ssh, Target, Way, host_keys},
    diag::{Diagnostic, Diagnostics, Exit},
    engine::way,
    inventory::ConnectionKind,
    report::{BOLD, DIM, GREEN, RED, YELLOW, paint},
};
use std::{
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
    time::Duration,
};
use tokio::{sync::Semaphore, task::JoinSet};

/// Hosts that are asked at a time.
const AT_A_TIME: usize = 20;

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("tags", |arg| arg.hide(true)),
    mut_arg("skip_tags", |arg| arg.hide(true)),
    mut_arg("start_at_task", |arg| arg.hide(true)),
    mut_arg("playbook", |arg| arg.hide(true))
)]
pub struct Enroll {
    #[command(flatten)]
    project: Project,
    /// Only show the keys; exit code 10 when one is not in the file, 41 when one is another
    #[arg(short = 'C', long)]
    check: bool,
    /// Do not ask before writing: the fingerprints were compared
    #[arg(short, long, conflicts_with = "check")]
    yes: bool,
    /// Take the key that a host shows in place of the one in the file
    #[arg(long)]
    replace: bool,
    /// Configuration file for ssh, in place of your own
    #[arg(long, value_name = "FILE")]
    ssh_config: Option<PathBuf>,
    /// Seconds for a host to answer
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    connect_timeout: u16,
}

/// What the file says of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Same,
    New,
    /// The file has another one of this kind.
    Other,
}

type Asked = Result<Vec<HostKey>, LinkError>;

impl Enroll {
    /// Asks all hosts, shows their keys, and writes those that are new.
    ///
    /// # Errors
    /// What is wrong with the inventory or the file; hosts that do not answer, if none does.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let mut site = self.project.hosts_only()?;
        complain(&std::mem::take(&mut site.warnings), color);
        let file = known_hosts_file(&self.project.inventory);
        let asks = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
        if !self.check && !self.yes && !asks {
            let error = Diagnostic::error("nobody can be asked here whether the keys are the right ones");
            let hint = "compare what `--check` shows with what the hosts say, and add `--yes`";
            return Err(error.hint(hint).into());
        }
        let mut found = Diagnostics::default();
        let mut ways = vec![];
        for host in site.hosts() {
            let Some(spec) = found.take(site.connection(host)) else { continue };
            if spec.kind == ConnectionKind::Ssh
                && let Way::Ssh(ssh) = way(spec, self.ssh_config.clone(), None)
            {
                ways.push((host.clone(), ssh));
            }
        }
        found.into_result(())?;
        if ways.is_empty() {
            let error = Diagnostic::error("no host is reached by ssh");
            return Err(error.hint("hosts with `ansible_connection: local` have no key").into());
        }
        connection::raise_open_files();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|e| Diagnostic::error("cannot start").cause(e).exit(Exit::Bug))?;
        let asked = runtime.block_on(ask_all(ways, Duration::from_secs(self.connect_timeout.into())))?;
        self.conclude(&file, &asked, color)
    }

    fn conclude(&self, file: &Path, asked: &[(String, Asked)], color: Color) -> Result<Exit, Diagnostics> {
        let colored = color.on(std::io::stdout().is_terminal());
        let (mut new, mut other, mut failed) = (vec![], vec![], Diagnostics::default());
        for (host, keys) in asked {
            let keys = match keys {
                Ok(keys) => keys,
                Err(error) => {
                    failed.push(error.clone().into());
                    continue;
                }
            };
            let name = keys.first().map_or("", |key| &key.name);
            let title = if name == host { String::new() } else { paint(&format!("  {name}"), DIM, colored) };
            anstream::println!("{}{title}", paint(host, BOLD, colored));
            let mut all = vec![];
            for key in keys {
                all.push(known(file, key)?);
            }
            // A host of which the file has keys, and that shows none of them, is a stranger, whatever kind it shows.
            let is_stranger = !all.contains(&Known::Same) && !lines_of(file, name)?.is_empty();
            for (key, known) in keys.iter().zip(all) {
                let known = if is_stranger { Known::Other } else { known };
                let (word, style) = match known {
                    Known::Same => ("known", GREEN),
                    Known::New => ("new", YELLOW),
                    Known::Other => ("ANOTHER", RED),
                };
                let fingerprint = key.fingerprint().unwrap_or_else(|| "a key that cannot be read".into());
                let word = paint(&format!("{word:7}"), style, colored);
                anstream::println!("  {word}  {}  {fingerprint}", kind(key));
                match known {
                    Known::Same => {}
                    Known::New => new.push(key),
                    Known::Other => other.push((host, key)),
                }
            }
        }
        let exit = failed.exit();
        complain(&failed, color);
        if !other.is_empty() && !self.replace {
            let (host, key) = other[0];
            let error = Diagnostic::error(format!(
                "{host} shows another {} key than {} has",
                kind(key),
                file.display()
            ));
            let cause = "somebody may stand between you and the host, or it was installed anew";
            let hint = "compare the fingerprint with what the host itself says; if it is right: `--replace`";
            return Err(error.exit(Exit::HostChanged).cause(cause).hint(hint).into());
        }
        new.extend(other.iter().map(|(_, key)| *key));
        if new.is_empty() {
            if exit == Exit::Done {
                anstream::println!("{} has the keys of all hosts", file.display());
            }
            return Ok(exit);
        }
        anstream::println!(
            "compare with what each host says of itself: for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done"
        );
        if self.check {
            return Ok(exit.max(Exit::Pending));
        }
        let plural = if new.len() == 1 { "" } else { "s" };
        if !self.yes && !agreed(&format!("write {} key{plural} to {}? [y/N] ", new.len(), file.display())) {
            anstream::println!("nothing is written");
            return Ok(exit.max(Exit::Pending));
        }
        let is_other = |host: &String| other.iter().any(|(known, _)| *known == host);
        let replaced = asked.iter().filter(|(host, _)| is_other(host));
        add(file, &new, replaced.filter_map(|(_, keys)| keys.as_deref().ok()))?;
        anstream::println!("wrote {} key{plural} to {}", new.len(), file.display());
        Ok(exit)
    }
}

/// The keys of all hosts, in their order.
async fn ask_all(ways: Vec<(String, Ssh)>, patience: Duration) -> Result<Vec<(String, Asked)>, Diagnostic> {
    let seats = Arc::new(Semaphore::new(AT_A_TIME));
    let mut tasks = JoinSet::new();
    for (at, (host, ssh)) in ways.into_iter().enumerate() {
        let seats = seats.clone();
        let folder = tempfile::Builder::new().prefix("enroll-").tempdir();
        let folder = folder.map_err(|error| Diagnostic::error("no folder for keys").cause(error))?;
        tasks.spawn(async move {
            let _seat = seats.acquire().await;
            let target = Target { name: host.clone(), way: Way::Ssh(ssh.clone()), r#become: None };
            (at, host, host_keys(&target, &ssh, patience, folder.path()).await)
        });
    }
    let mut asked = tasks.join_all().await;
    asked.sort_by_key(|(at, ..)| *at);
    Ok(asked.into_iter().map(|(_, host, keys)| (host, keys)).collect())
}

/// `ED25519` of `ssh-ed25519`, as `ssh-keygen -l` says it.
fn kind(key: &HostKey) -> String {
    let kind = key.kind.trim_start_matches("ssh-").trim_start_matches("ecdsa-sha2-nistp");
    if kind.starts_with(|c: char| c.is_ascii_digit()) { format!("ECDSA {kind}") } else { kind.to_uppercase() }
}

/// The lines of the file that are about a name, hashed or not.
fn lines_of(file: &Path, name: &str) -> Result<Vec<String>, Diagnostic> {
    if !file.exists() {
        return Ok(vec![]);
    }
    let output = Command::new("ssh-keygen").args(["-F", name, "-f"]).arg(file).output();
    let output = output.map_err(|error| {
        Diagnostic::error("ssh-keygen cannot be started").cause(error).hint("install OpenSSH's client")
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(text.lines().filter(|line| !line.starts_with('#')).map(String::from).collect())
}

fn known(file: &Path, key: &HostKey) -> Result<Known, Diagnostic> {
    let lines = lines_of(file, &key.name)?;
    let same_kind: Vec<HostKey> =
        HostKey::read(&lines.join("\n")).into_iter().filter(|known| known.kind == key.kind).collect();
    Ok(match same_kind.iter().any(|known| known.key == key.key) {
        true => Known::Same,
        false if same_kind.is_empty() => Known::New,
        false => Known::Other,
    })
}

/// Adds the keys to the file, which is replaced at once. Of hosts that are replaced, with the keys that they show now, all others go.
fn add<'a>(
    file: &Path,
    new: &[&HostKey],
    replaced: impl Iterator<Item = &'a [HostKey]>,
) -> Result<(), Diagnostic> {
    let failed =
        |error: std::io::Error| Diagnostic::error(format!("cannot write {}", file.display())).cause(error);
    let before = match std::fs::read_to_string(file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        text => text.map_err(failed)?,
    };
    let mut gone = vec![];
    for shown in replaced {
        let Some(HostKey { name, .. }) = shown.first() else { continue };
        let is_shown = |line: &String| {
            let old = HostKey::read(line);
            old.iter().any(|old| shown.iter().any(|key| (&key.kind, &key.key) == (&old.kind, &old.key)))
        };
        let lines = lines_of(file, name)?.into_iter().filter(|line| !is_shown(line));
        gone.extend(lines.map(|line| (line, name.as_str())));
    }
    let mut text = String::new();
    for line in before.lines() {
        let names: Vec<&str> = gone.iter().filter(|(old, _)| old == line).map(|(_, name)| *name).collect();
        let rest = line.split_once(' ').map(|(list, rest)| (list.split(','), rest));
        let left =
            rest.map(|(list, rest)| (list.filter(|name| !names.contains(name)).collect::<Vec<_>>(), rest));
        match left {
            // Hashed, it is of one name.
            _ if names.is_empty() => text += &format!("{line}\n"),
            Some((list, rest)) if !list.is_empty() && !line.starts_with('|') => {
                text += &format!("{} {rest}\n", list.join(","));
            }
            _ => {}
        }
    }
    text.extend(new.iter().map(|key| format!("{}\n", key.line())));
    write(file, &text).map_err(failed)
}

fn agreed(question: &str) -> bool {
    anstream::print!("{question}");
    let _ = std::io::stdout().flush();
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).is_ok()
        && matches!(line.trim().to_lowercase().as_str(), "y" | "yes")
}
