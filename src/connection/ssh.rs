//! ssh: a master of our own that openssh attaches to, and fresh connections beside it.

use super::bootstrap;
use super::error::{Kind, LinkError};
use super::explain::{Settings, explain, is_busy};
use super::transport::{Pipes, Running};
use super::{Options, Ssh, Target};
use openssh::{Session, Stdio};
use std::fs::{self, DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Stdio as Std;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::process::Command;
use tokio::time::{Instant, sleep, timeout};

/// Connections that sshd dropped before the key exchange are tried again this often.
pub(super) const RETRIES: u32 = 5;

/// An ssh connection on which commands can be run.
pub(super) struct Master {
    session: Arc<Session>,
    /// It was there before us.
    pub reused: bool,
}

impl Master {
    /// Finds or starts a master.
    pub async fn open(target: &Target, ssh: &Ssh, options: &Options) -> Result<Self, LinkError> {
        let host = &target.name;
        let dir = &options.control_dir;
        own_folder(dir).map_err(|error| {
            LinkError::new(Kind::Unreachable, host, format!("{} cannot hold control sockets", dir.display()))
                .cause(error.to_string())
                .hint("it must be a folder of yours with mode 0700; move it away, or set XDG_RUNTIME_DIR")
        })?;
        let identity = format!("{host}\0{ssh:?}");
        let name = &blake3::hash(identity.as_bytes()).to_hex()[..12];
        let attach = |socket: PathBuf, reused| Self {
            session: Arc::new(Session::resume_mux(socket.into(), None)),
            reused,
        };
        let socket = dir.join(name);
        // Two runs that find no master: the second waits, and then uses the first one's.
        let _lock = locked(&dir.join(format!("{name}.lock")), options.connect_timeout).await;
        match UnixStream::connect(&socket).await {
            Ok(_) => return Ok(attach(socket, true)),
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let _ = fs::remove_file(&socket);
            }
            Err(_) => {}
        }
        start_master(target, ssh, options, &socket).await?;
        Ok(attach(socket, false))
    }

    /// Runs a command on it.
    pub async fn run(&self, host: &str, words: &[String]) -> Result<Pipes, LinkError> {
        let mut command = self.session.clone().arc_raw_command(bootstrap::line(words));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().await.map_err(|error| {
            LinkError::new(Kind::Lost, host, "the ssh connection cannot run a command")
                .cause(source_of(&error))
                .hint("MaxSessions in the host's sshd_config limits the sessions of a connection")
        })?;
        Ok(Pipes {
            stdin: Box::new(child.stdin().take().expect("it is piped")),
            stdout: Box::new(child.stdout().take().expect("it is piped")),
            stderr: Box::new(child.stderr().take().expect("it is piped")),
            child: Running::Remote(Box::new(child)),
        })
    }
}

fn source_of(error: &dyn std::error::Error) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

/// Makes the folder, or checks that nobody else can use the one that is there.
fn own_folder(dir: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let found = fs::symlink_metadata(dir)?;
    let ours =
        found.is_dir() && found.uid() == rustix::process::getuid().as_raw() && found.mode() & 0o077 == 0;
    if ours { Ok(()) } else { Err(io::Error::other("it is not a folder that only you can use")) }
}

/// Holds a lock on the file until dropped. Without the lock (time ran out, odd file system) two masters may race, and one loses.
async fn locked(path: &Path, patience: Duration) -> Option<File> {
    let file = File::create(path).ok()?;
    let until = Instant::now() + patience;
    loop {
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) if Instant::now() < until => sleep(Duration::from_millis(20)).await,
            Err(_) => return None,
        }
    }
}

/// Arguments for every ssh of ours. What comes first wins in ssh, so the user's own come first.
pub(super) fn arguments(ssh: &Ssh, timeout: Duration, heartbeat: Duration) -> Vec<String> {
    let mut words = ssh.args.clone();
    let mut option = |name: &str, value: &str| words.extend(["-o".to_string(), format!("{name}={value}")]);
    // Nobody is there to answer a question.
    option("BatchMode", "yes");
    option("StrictHostKeyChecking", "yes");
    option("ConnectTimeout", &timeout.as_secs().max(1).to_string());
    let alive = if heartbeat.is_zero() { 15 } else { (heartbeat.as_secs() / 3).max(1) };
    option("ServerAliveInterval", &alive.to_string());
    option("ServerAliveCountMax", "3");
    // What a person's login may want, and a machine's must not.
    option("ClearAllForwardings", "yes");
    option("ForwardX11", "no");
    option("ForwardAgent", "no");
    option("PermitLocalCommand", "no");
    option("RemoteCommand", "none");
    option("RequestTTY", "no");
    if ssh.key.is_some() {
        option("IdentitiesOnly", "yes");
    }
    if let Some(file) = &ssh.known_hosts {
        // ssh takes several files, with blanks in between, and expands `%` and `~`.
        let file = file.display().to_string().replace('%', "%%");
        option("UserKnownHostsFile", &format!("\"{file}\""));
    }
    if let Some(config) = &ssh.config {
        words.extend(["-F".into(), config.display().to_string()]);
    }
    if let Some(port) = ssh.port {
        words.extend(["-p".into(), port.to_string()]);
    }
    if let Some(user) = &ssh.user {
        words.extend(["-l".into(), user.clone()]);
    }
    if let Some(key) = &ssh.key {
        words.extend(["-i".into(), key.display().to_string()]);
    }
    words
}

pub(super) fn address<'a>(target: &'a Target, ssh: &'a Ssh) -> &'a str {
    ssh.address.as_deref().unwrap_or(&target.name)
}

fn command(ssh: &Ssh, options: &Options) -> Command {
    let mut command = Command::new("ssh");
    command.args(arguments(ssh, options.connect_timeout, options.heartbeat));
    // Its own process group: Ctrl-C is for us, and we end things in order.
    command.kill_on_drop(true).process_group(0);
    command
}

/// Connects and leaves a master listening at the socket.
async fn start_master(target: &Target, ssh: &Ssh, options: &Options, socket: &Path) -> Result<(), LinkError> {
    let mut tries = 0;
    loop {
        let mut master = command(ssh, options);
        master.args(["-M", "-N", "-f", "-o", "ControlPersist=60s", "-S"]).arg(socket);
        master.args(["--", address(target, ssh)]);
        master.stdin(Std::null()).stdout(Std::null()).stderr(Std::piped());
        let mut child = master.spawn().map_err(|error| no_ssh(target, &error))?;
        let mut stderr = child.stderr.take().expect("it is piped");
        let mut said = vec![];
        // The master in the background may keep stderr open, so the end is that of the process, not of the stream.
        let status = {
            let mut read = std::pin::pin!(tokio::io::copy(&mut stderr, &mut said));
            let wait = async {
                let mut closed = false;
                loop {
                    tokio::select! {
                        status = child.wait() => return (status, closed),
                        _ = &mut read, if !closed => closed = true,
                    }
                }
            };
            let (status, closed) = match timeout(options.connect_timeout * 2, wait).await {
                Ok(ended) => ended,
                Err(_) => {
                    let message = format!("no connection after {} s", options.connect_timeout.as_secs() * 2);
                    return Err(LinkError::new(Kind::Unreachable, &target.name, message)
                        .hint("is the host up, and does a firewall let ssh through?"));
                }
            };
            if !closed && !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
                let _ = timeout(Duration::from_millis(300), read).await;
            }
            status
        };
        if status.is_ok_and(|status| status.success()) {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&said).into_owned();
        if is_busy(&said) && tries < RETRIES {
            tries += 1;
            after_a_while(tries).await;
            continue;
        }
        return Err(explain(&target.name, &said, &settings(target, ssh, options.connect_timeout).await));
    }
}

/// The pause before another try, longer each time; random, since others wait too.
pub(super) async fn after_a_while(tries: u32) {
    let longest = 250 << tries;
    sleep(Duration::from_millis(longest / 2 + random() % (longest / 2))).await;
}

/// A connection of its own for one command: never through a master.
pub(super) fn run_fresh(
    target: &Target,
    ssh: &Ssh,
    options: &Options,
    words: &[String],
) -> Result<Pipes, LinkError> {
    let mut command = command(ssh, options);
    command.args(["-T", "-o", "ControlMaster=no", "-S", "none", "--", address(target, ssh)]);
    command.arg(bootstrap::line(words));
    super::start::spawn(command).map_err(|error| no_ssh(target, &error))
}

/// The error for a fresh connection whose ssh ended with its own code, 255.
pub(super) async fn fresh_failed(target: &Target, ssh: &Ssh, options: &Options, said: &str) -> LinkError {
    explain(&target.name, said, &settings(target, ssh, options.connect_timeout).await)
}

pub(super) fn no_ssh(target: &Target, error: &io::Error) -> LinkError {
    LinkError::new(Kind::Unreachable, &target.name, "ssh cannot be started")
        .cause(error.to_string())
        .hint("install OpenSSH's client (Debian: openssh-client)")
}

/// What ssh would do for the host.
pub(super) async fn settings(target: &Target, ssh: &Ssh, connect_timeout: Duration) -> Settings {
    let mut asked = Command::new("ssh");
    asked.args(arguments(ssh, connect_timeout, Duration::ZERO)).kill_on_drop(true);
    asked.args(["-G", "--", address(target, ssh)]).stdin(Std::null());
    let settings = match timeout(Duration::from_secs(5), asked.output()).await {
        Ok(Ok(output)) => Settings::parse(&String::from_utf8_lossy(&output.stdout)),
        _ => Settings::default(),
    };
    Settings { pinned: ssh.known_hosts.is_some(), ..settings }
}

/// A random number for nonces and jitter.
pub(super) fn random() -> u64 {
    let mut bytes = [0; 8];
    // Eight bytes are never cut short once the generator is seeded.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u64::from_le_bytes(bytes)
}
