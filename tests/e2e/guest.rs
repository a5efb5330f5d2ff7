//! A machine of the lab, looked at as root over a plain ssh of our own: not through what is tested.

use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const SERVICES: [&str; 7] = ["app", "certbot", "db", "nginx", "redis", "replit-auth", "watchtower"];
/// Services whose image or compose file has a health check.
const CHECKED: [&str; 4] = ["app", "db", "nginx", "replit-auth"];

#[derive(Clone)]
pub struct Guest {
    pub name: &'static str,
    pub number: u8,
    ssh_config: PathBuf,
}

/// A container as Docker sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub started_at: String,
    pub status: String,
    pub health: String,
    /// On the services' network.
    pub address: String,
}

pub type Containers = BTreeMap<String, Container>;

impl Guest {
    pub fn new(number: u8, lab_dir: &std::path::Path) -> Self {
        let name = ["lab1", "lab2"][usize::from(number) - 1];
        Self { name, number, ssh_config: lab_dir.join("ssh_config") }
    }

    pub fn ssh(&self, script: &str) -> Command {
        let mut command = Command::new("ssh");
        command.arg("-F").arg(&self.ssh_config);
        command.args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=30", "-o", "LogLevel=ERROR"]);
        command.args(["-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=6"]);
        command.args([self.name, script]);
        command
    }

    /// Runs a script with `input` on its stdin; the error is what it printed. One that never began is tried again: a `systemctl reload`
    /// does not wait everywhere until sshd listens again.
    pub fn try_sh(&self, script: &str, input: &[u8]) -> Result<String, String> {
        for _ in 0..5 {
            match self.try_once(script, input) {
                Err(error) if error.contains("kex_exchange_identification") => {
                    std::thread::sleep(Duration::from_secs(2));
                }
                done => return done,
            }
        }
        self.try_once(script, input)
    }

    fn try_once(&self, script: &str, input: &[u8]) -> Result<String, String> {
        let mut child = spawn(self.ssh(script).stdin(Stdio::piped()));
        let mut stdin = child.stdin.take().unwrap();
        // A script that does not read its input is fine.
        let _ = stdin.write_all(input);
        drop(stdin);
        let output = child.wait_with_output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if output.status.success() {
            return Ok(text(&output.stdout));
        }
        Err(format!("{}{}({})", text(&output.stdout), text(&output.stderr), output.status))
    }

    #[track_caller]
    pub fn sh(&self, script: &str) -> String {
        self.try_sh(script, b"").unwrap_or_else(|error| panic!("{}: `{script}` failed:\n{error}", self.name))
    }

    /// The stack's containers by service.
    pub fn containers(&self) -> Result<Containers, String> {
        let script =
            "ids=$(docker ps -aq --filter label=com.docker.compose.project=lustores) && docker inspect $ids";
        let listed: Value =
            serde_json::from_str(&self.try_sh(script, b"")?).map_err(|error| error.to_string())?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let one = |all: &Value| {
            let state = &all["State"];
            let networks = all["NetworkSettings"]["Networks"].as_object().into_iter().flatten();
            let container = Container {
                id: text(&all["Id"]),
                started_at: text(&state["StartedAt"]),
                status: text(&state["Status"]),
                health: text(&state["Health"]["Status"]),
                address: networks.map(|(_, network)| text(&network["IPAddress"])).collect(),
            };
            (text(&all["Config"]["Labels"]["com.docker.compose.service"]), container)
        };
        Ok(listed.as_array().into_iter().flatten().map(one).collect())
    }

    /// The containers, all services running and as healthy as they can say.
    #[track_caller]
    pub fn healthy(&self) -> Containers {
        let containers = self.containers().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        let unwell = unwell(&containers);
        assert!(unwell.is_empty(), "{}: not well: {}", self.name, unwell.join(", "));
        containers
    }

    /// Waits until [`Guest::healthy`] holds.
    #[track_caller]
    pub fn wait_healthy(&self, limit: Duration) -> Containers {
        let began = Instant::now();
        loop {
            let last = match self.containers() {
                Ok(containers) if unwell(&containers).is_empty() => return containers,
                Ok(containers) => unwell(&containers).join(", "),
                Err(error) => error,
            };
            assert!(began.elapsed() < limit, "{}: not healthy after {limit:?}: {last}", self.name);
            // To be asked is work for a machine that has enough to do.
            std::thread::sleep(Duration::from_secs(4));
        }
    }

    /// What a person would look at first when something failed.
    pub fn diagnosis(&self) -> String {
        let script = r#"exec 2>&1
            echo "- uptime: $(cat /proc/uptime) load: $(cat /proc/loadavg)"; df -h / /db 2>/dev/null
            echo "- failed units:"; systemctl --failed --no-legend --no-pager
            echo "- last warnings:"; journalctl -b -q --no-pager -p warning -n 25 -o short
            command -v docker > /dev/null || { echo "- no docker"; ps -eo pid,etimes,args | grep -E 'apt|dpkg' | head; exit 0; }
            echo "- docker ps -a:"; docker ps -a
            docker ps -a --format '{{.Names}} {{.Status}}' | while read -r name status; do
                case $status in *'(healthy)') continue ;; *'('*) ;; Up*) continue ;; esac
                echo "- $name:"; docker inspect -f '{{json .State}}' $name; docker logs --tail 30 $name
            done"#;
        let mut command = Command::new("timeout");
        let ssh = self.ssh(script);
        command.arg("60").arg(ssh.get_program()).args(ssh.get_args()).stdin(Stdio::null());
        let output = command.output().unwrap();
        let console = self.ssh_config.with_file_name("machines").join(self.name).join("console.log");
        let console = std::fs::read(console).unwrap_or_default();
        let console = String::from_utf8_lossy(&console).into_owned();
        let lines: Vec<&str> = console.lines().collect();
        let last = lines[lines.len().saturating_sub(15)..].join("\n");
        let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        format!("{out}{err}- console:\n{last}")
    }
}

pub fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Services that are not there, do not run, or are not healthy.
fn unwell(containers: &Containers) -> Vec<String> {
    let mut unwell = vec![];
    for service in SERVICES {
        match containers.get(service) {
            None => unwell.push(format!("{service} is missing")),
            Some(c) if c.status != "running" => unwell.push(format!("{service} is {}", c.status)),
            Some(c) if CHECKED.contains(&service) && c.health != "healthy" => {
                unwell.push(format!("{service} is {}", c.health));
            }
            Some(_) => {}
        }
    }
    let others = containers.keys().filter(|name| !SERVICES.contains(&name.as_str()));
    unwell.extend(others.map(|name| format!("{name} is no service of ours")));
    unwell
}

/// Services whose container is another one, or was started anew.
pub fn restarted(before: &Containers, after: &Containers) -> Vec<String> {
    let same = |name: &String| {
        let (before, after) = (before.get(name), after.get(name));
        before.map(|c| (&c.id, &c.started_at)) == after.map(|c| (&c.id, &c.started_at))
    };
    SERVICES.iter().map(|name| (*name).to_owned()).filter(|name| !same(name)).collect()
}

/// Does the same on all machines side by side.
pub fn on_all<T: Send>(guests: &[Guest], work: impl Fn(&Guest) -> T + Sync) -> Vec<T> {
    beside(guests, work)
}

/// Does the same with all of these at once, and fails when one of them does.
pub fn beside<I: Send, T: Send>(all: impl IntoIterator<Item = I>, work: impl Fn(I) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = all.into_iter().map(|one| scope.spawn(move || work(one))).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, T>| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads.into_iter().map(join).collect()
    })
}
