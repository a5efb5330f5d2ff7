//! A real sshd for tests, in a mount and process namespace of its own: its accounts, sudo rules and caches are not the
//! machine's. Needs root, openssh-server, sudo, opendoas, tcsh and fish.

use lustores_provision::connection::{Become, Options, Ssh, Target, Way};
use lustores_provision::model::BecomeMethod;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Name, number, shell.
const USERS: &[(&str, u32, &str)] = &[
    ("alice", 47001, "/bin/bash"),
    ("carol", 47002, "/bin/tcsh"),
    ("fiona", 47003, "/usr/bin/fish"),
    ("paula", 47004, "/bin/sh"),
    ("norman", 47005, "/bin/sh"),
    ("noexec", 47006, "/bin/sh"),
    ("small", 47007, "/bin/sh"),
    ("nowhere", 47008, "/bin/sh"),
    ("closed", 47009, "/usr/sbin/nologin"),
];
pub const PASSWORD: &str = "correct horse";

pub struct Sshd {
    pub base: PathBuf,
    pub address: String,
    pub port: u16,
    process: Option<Child>,
    no_sudo: bool,
    busy: bool,
    doas: bool,
}

impl Sshd {
    pub fn start() -> Self {
        Self::start_with(false)
    }

    pub fn start_with(no_sudo: bool) -> Self {
        Self::make(no_sudo, false, None, "")
    }

    /// A host of another kind: what this script does to it, in its namespaces and as the last thing before sshd starts.
    pub fn start_as(platform: &str) -> Self {
        Self::make(false, false, None, platform)
    }

    /// One in a network of its own, behind the interface `host0`. The script finds addresses in `$HERE` and `$THERE`.
    pub fn start_apart(platform: &str) -> Self {
        Self::make_at(true, false, false, None, platform)
    }

    /// One with these rules for doas: the content of its /etc/doas.conf.
    pub fn start_with_doas(rules: &str) -> Self {
        Self::make(false, false, Some(rules), "")
    }

    /// One that lets a single connection be without a login at a time.
    pub fn start_busy() -> Self {
        Self::make(false, true, None, "")
    }

    fn make(no_sudo: bool, busy: bool, doas: Option<&str>, platform: &str) -> Self {
        Self::make_at(false, no_sudo, busy, doas, platform)
    }

    fn make_at(apart: bool, no_sudo: bool, busy: bool, doas: Option<&str>, platform: &str) -> Self {
        assert!(rustix::process::getuid().is_root(), "these tests make namespaces: run them as root");
        let needed = [
            "/usr/sbin/sshd",
            "/usr/bin/sudo",
            "/usr/bin/doas",
            "/bin/tcsh",
            "/usr/bin/fish",
            "/usr/bin/openssl",
        ];
        for program in needed {
            assert!(
                Path::new(program).exists(),
                "{program} is missing: apt-get install openssh-server sudo opendoas tcsh fish openssl"
            );
        }
        let base = tempfile::Builder::new().prefix("lpt-").tempdir_in("/tmp").unwrap().keep();
        fs::set_permissions(&base, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["host_key", "key"] {
            let path = base.join(name);
            run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path));
        }
        let hash = run(Command::new("openssl").args(["passwd", "-6", PASSWORD]));
        let mut users = String::new();
        let mut shadow = String::new();
        for (name, uid, shell) in USERS {
            users += &format!("{name}:x:{uid}:47000::{}/home/{name}:{shell}\n", base.display());
            let password = if *name == "paula" { hash.trim() } else { "*" };
            shadow += &format!("{name}:{password}:19000:0:99999:7:::\n");
        }
        fs::write(base.join("users"), users).unwrap();
        fs::write(base.join("shadow"), shadow).unwrap();
        let sudoers = "Defaults secure_path=/usr/sbin:/usr/bin:/sbin:/bin\nDefaults use_pty\n\
            root ALL=(ALL:ALL) ALL\nalice ALL=(ALL) NOPASSWD: ALL\npaula ALL=(ALL) ALL\n";
        fs::write(base.join("sudoers"), sudoers).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let key = fs::read_to_string(base.join("host_key.pub")).unwrap();
        // Nobody else has this port, so nobody else has these addresses.
        let [high, low] = port.to_be_bytes();
        let (here, there) = (format!("198.18.{high}.{low}"), format!("198.19.{high}.{low}"));
        let network = format!(
            "HERE={here} THERE={there}\nip netns add host\n\
             ip link add lpt{port} type veth peer name host0 netns host\n\
             ip addr add {here} peer {there} dev lpt{port}\nip link set lpt{port} up\n\
             ip -n host addr add {there} peer {here} dev host0\nip -n host link set host0 up\n\
             ip -n host link set lo up\necho ListenAddress 0.0.0.0 >>sshd_config\nsed -i /127.0.0.1/d sshd_config\n"
        );
        let (address, network, enter) = match apart {
            true => (
                there,
                network,
                "exec nsenter --net=/run/netns/host \"$sshd\" -D -e -f \"$BASE/sshd_config\"\n",
            ),
            false => ("127.0.0.1".into(), String::new(), ""),
        };
        fs::write(base.join("known_hosts"), format!("[{address}]:{port} {key}")).unwrap();
        let config = format!(
            "UserKnownHostsFile {0}/known_hosts\nGlobalKnownHostsFile /dev/null\nIdentityFile {0}/key\n",
            base.display()
        );
        fs::write(base.join("ssh_config"), config).unwrap();
        if let Some(rules) = doas {
            fs::write(base.join("doas.conf"), rules).unwrap();
        }
        fs::write(base.join("platform.sh"), [&network, platform, enter].concat()).unwrap();
        let mut sshd = Self { base, address, port, process: None, no_sudo, busy, doas: doas.is_some() };
        sshd.run();
        sshd
    }

    fn run(&mut self) {
        let log = fs::File::create(self.base.join("log")).unwrap();
        let process = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"])
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sshd/host.sh"))
            .arg(&self.base)
            .arg(self.port.to_string())
            .env("MAX_STARTUPS", if self.busy { "1" } else { "1000:30:2000" })
            .env("LOG_LEVEL", if self.busy { "VERBOSE" } else { "ERROR" })
            .env("DOAS", if self.doas { "yes" } else { "no" })
            .env("NO_SUDO", if self.no_sudo { "yes" } else { "no" })
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect((self.address.as_str(), self.port)).is_err() {
            let log = fs::read_to_string(self.base.join("log")).unwrap();
            assert!(Instant::now() < until, "sshd does not start: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Ends sshd and all its sessions at once, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().unwrap();
            process.wait().unwrap();
            let until = Instant::now() + Duration::from_secs(10);
            while TcpStream::connect((self.address.as_str(), self.port)).is_ok() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
    }

    pub fn home(&self, user: &str) -> PathBuf {
        self.base.join("home").join(user)
    }

    /// The host's root folder, with the mounts that only it has.
    pub fn root(&self) -> PathBuf {
        let process = self.process.as_ref().expect("it runs");
        format!("/proc/{}/root", process.id()).into()
    }

    /// The files in a user's cache folder.
    pub fn cached(&self, user: &str) -> Vec<PathBuf> {
        let dir = self.home(user).join(".cache/provision-agent");
        fs::read_dir(dir).map(|dir| dir.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
    }

    pub fn target(&self, user: &str) -> Target {
        let ssh = Ssh {
            address: Some(self.address.clone()),
            port: Some(self.port),
            user: Some(user.into()),
            key: Some(self.base.join("key")),
            config: Some(self.base.join("ssh_config")),
            known_hosts: None,
            args: vec![],
        };
        Target { name: "web1".into(), way: Way::Ssh(ssh), r#become: None }
    }

    pub fn becoming(&self, user: &str, other: &str, password: Option<&str>) -> Target {
        let password = password.map(agent::secret::Secret::new);
        let r#become = Become { user: other.into(), method: BecomeMethod::Sudo, password };
        Target { r#become: Some(r#become), ..self.target(user) }
    }

    pub fn becoming_by_doas(&self, user: &str, other: &str) -> Target {
        let r#become = Become { user: other.into(), method: BecomeMethod::Doas, password: None };
        Target { r#become: Some(r#become), ..self.target(user) }
    }

    pub fn options(&self) -> Options {
        Options {
            connect_timeout: Duration::from_secs(20),
            session: agent::wire::Session::ReadWrite,
            who: "tester".into(),
            run: "run-1".into(),
            heartbeat: Duration::from_secs(30),
            control_dir: self.base.join("c"),
            reuse: false,
            first: vec![],
            told: Default::default(),
        }
    }

    /// Starts it again after [`Sshd::kill`].
    pub fn restart(&mut self) {
        self.run();
    }

    /// From now on no new login is let in; those that are in stay.
    pub fn refuse_new(&self) {
        for (user, ..) in USERS {
            let _ = fs::remove_file(self.home(user).join(".ssh/authorized_keys"));
        }
    }

    pub fn kill_agents(&self, uid: u32) -> usize {
        self.signal_agents(uid, "-KILL")
    }

    /// Sends a signal to the agents of a user and says how many there were.
    pub fn signal_agents(&self, uid: u32, signal: &str) -> usize {
        let ours = |dir: &Path| {
            let comm = fs::read_to_string(dir.join("comm")).unwrap_or_default();
            comm.starts_with("agent-")
                && fs::metadata(dir).is_ok_and(|found| found.uid() == uid)
                && fs::read_to_string(dir.join("environ"))
                    .unwrap_or_default()
                    .contains(self.base.to_str().unwrap())
        };
        let all = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
        let agents: Vec<_> = all.filter(|dir| ours(dir)).collect();
        for dir in &agents {
            let pid = dir.file_name().unwrap().to_str().unwrap();
            run(Command::new("kill").args([signal, pid]));
        }
        agents.len()
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
        let _ = fs::remove_dir_all(&self.base);
    }
}

/// Runs a command that must succeed.
pub fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
