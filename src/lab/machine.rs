//! One guest: a QEMU process, its disks and its ports.

use super::Lab;
use super::accel::Accel;
use super::command::{Result, on, remove, run};
use super::image::Image;
use super::monitor::Monitor;
use crate::diag::{Diagnostic, Exit};
use std::fs;
use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The kernel's own hardening doubles what an emulated guest takes to start a program.
const KERNEL: &str = "console=ttyS0 net.ifnames=0 quiet loglevel=3 mitigations=off init_on_alloc=0 audit=0";
const DATA_DISK_SIZE: &str = "4G";
/// Ports of the guest, and the ports here that they are reached by, to which the machine's number is added.
const FORWARDED: [(u16, u16); 3] = [(2200, 22), (8080, 80), (8443, 443)];
/// How long an emulated boot may take on a busy machine.
const BOOT: Duration = Duration::from_secs(300);

/// Machine `number` of the lab; 0 is the one that the frozen state is made from.
pub(super) struct Machine<'a> {
    lab: &'a Lab,
    pub number: u8,
}

/// What a machine is started from.
pub(super) struct Origin<'a> {
    pub image: &'a Image,
    /// Backing file of the root disk.
    pub disk: PathBuf,
    /// The frozen state to wake up from; `None` boots.
    pub state: Option<PathBuf>,
    pub accel: Accel,
    /// MiB.
    pub memory: u32,
}

impl<'a> Machine<'a> {
    pub fn new(lab: &'a Lab, number: u8) -> Self {
        Self { lab, number }
    }

    pub fn name(&self) -> String {
        format!("lab{}", self.number)
    }

    pub fn dir(&self) -> PathBuf {
        self.lab.dir.join("machines").join(self.name())
    }

    pub fn port(&self, base: u16) -> u16 {
        base + u16::from(self.number)
    }

    fn interface(&self) -> String {
        format!("labtap{}", self.number)
    }

    /// The QEMU process, when it runs.
    pub fn process(&self) -> Option<u32> {
        let pid_file = self.dir().join("pid");
        let pid: u32 = fs::read_to_string(&pid_file).ok()?.trim().parse().ok()?;
        // The number may have gone to some other process since.
        let command_line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let wanted = pid_file.into_os_string().into_encoded_bytes();
        command_line.split(|byte| *byte == 0).any(|argument| argument == wanted).then_some(pid)
    }

    /// Whether the last start of this machine came to its end and it still runs.
    pub fn is_up(&self) -> bool {
        self.process().is_some() && self.dir().join("ready").exists()
    }

    pub fn set_ready(&self) -> Result<()> {
        let file = self.dir().join("ready");
        fs::write(&file, "").map_err(on("write", &file))
    }

    /// Ends the machine and removes its disks.
    pub fn destroy(&self) -> Result<()> {
        if let Some(pid) = self.process() {
            if let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) {
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            let deadline = Instant::now() + Duration::from_secs(10);
            // Its ports are let go of a moment after its files.
            while (holds_files(pid) || self.holds_ports()) && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        remove(&self.dir())
    }

    fn holds_ports(&self) -> bool {
        FORWARDED
            .iter()
            .any(|(base, _)| std::net::TcpListener::bind(("127.0.0.1", self.port(*base))).is_err())
    }

    /// Makes the disks and starts QEMU in the background.
    pub fn start(&self, from: &Origin) -> Result<()> {
        let dir = self.dir();
        fs::create_dir_all(&dir).map_err(on("create", &dir))?;
        let (disk, data) = (dir.join("disk.qcow2"), dir.join("data.qcow2"));
        run(Command::new("qemu-img")
            .args(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"])
            .args([&from.disk, &disk]))?;
        run(Command::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(&data).arg(DATA_DISK_SIZE))?;

        let mut command = Command::new("qemu-system-x86_64");
        command.arg("-name").arg(self.name()).args(from.accel.arguments()).args([
            "-smp",
            from.accel.cpus(),
            "-machine",
            "pc",
        ]);
        command.arg("-m").arg(from.memory.to_string());
        command.args(["-display", "none", "-nodefaults", "-no-user-config"]);
        command.arg("-kernel").arg(from.image.kernel()).arg("-initrd").arg(from.image.initrd());
        command.args(["-append", KERNEL]);
        command.arg("-serial").arg(option("file:", &dir.join("console.log"), ""));
        for (file, id) in [(&disk, "root"), (&data, "data")] {
            let drive =
                format!(",if=none,id={id},format=qcow2,cache=unsafe,discard=unmap,detect-zeroes=unmap");
            command.arg("-drive").arg(option("file=", file, &drive));
            command.args(["-device", &format!("virtio-blk-pci,drive={id},serial={id}")]);
        }
        let mut user = "user,id=user".to_owned();
        for (base, guest) in FORWARDED {
            user += &format!(",hostfwd=tcp:127.0.0.1:{}-:{guest}", self.port(base));
        }
        command.args(["-netdev", &user]);
        command.args(["-device", "virtio-net-pci,netdev=user,mac=52:54:00:00:00:01,romfile="]);
        let lan = if self.number == 0 {
            "hubport,id=lan,hubid=1".to_owned()
        } else {
            format!("tap,id=lan,ifname={},script=no,downscript=no,vhost=off", self.interface())
        };
        command.args(["-netdev", &lan]);
        let card = format!("virtio-net-pci,netdev=lan,mac=52:54:00:01:00:{:02x},romfile=", self.number);
        command.args(["-device", &card, "-device", "virtio-rng-pci"]);
        command.arg("-qmp").arg(option("unix:", &dir.join("qmp"), ",server=on,wait=off"));
        command.arg("-pidfile").arg(dir.join("pid")).arg("-daemonize");
        if let Some(state) = &from.state {
            command.arg("-incoming").arg(format!("exec:cat {}", super::monitor::quoted(state)));
        }
        run(&mut command)?;
        if self.number > 0 {
            super::lan::plug(&self.interface())?;
        }
        Ok(())
    }

    pub fn monitor(&self) -> Result<Monitor> {
        Monitor::connect(&self.dir().join("qmp"))
    }

    /// Waits until sshd of the guest answers.
    pub fn wait(&self) -> Result<()> {
        let deadline = Instant::now() + BOOT;
        while Instant::now() < deadline {
            if self.process().is_none() {
                return Err(self.trouble("ended by itself").into());
            }
            if self.has_banner() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err(self.trouble("does not answer over ssh").into())
    }

    /// QEMU's user network accepts connections before the guest listens: only sshd's greeting proves that it does.
    fn has_banner(&self) -> bool {
        let address = SocketAddr::from(([127, 0, 0, 1], self.port(2200)));
        let Ok(mut stream) = TcpStream::connect_timeout(&address, Duration::from_secs(1)) else {
            return false;
        };
        let mut greeting = [0; 4];
        stream.set_read_timeout(Some(Duration::from_secs(2))).is_ok()
            && stream.read_exact(&mut greeting).is_ok()
            && greeting == *b"SSH-"
    }

    /// Runs a shell script as root in the guest.
    pub fn script(&self, text: &str, arguments: &[&str]) -> Result<()> {
        // A slow guest's sshd may send a connection away when it finds those of earlier tries waiting all at once.
        for tries in 1.. {
            let (code, said) = self.try_script(text, arguments)?;
            let sent_away = code == Some(255) && said.contains("kex_exchange_identification");
            if sent_away && tries < 6 {
                std::thread::sleep(Duration::from_secs(5));
            } else if code == Some(0) {
                break;
            } else {
                return Err(self.trouble("cannot be prepared").cause(said).into());
            }
        }
        Ok(())
    }

    /// The exit code of `ssh`, and what it said on stderr.
    fn try_script(&self, text: &str, arguments: &[&str]) -> Result<(Option<i32>, String)> {
        use std::io::Write as _;
        let failed = |cause: std::io::Error| self.trouble("cannot be prepared").cause(cause);
        let mut child = Command::new("ssh")
            .arg("-F")
            .arg(self.lab.ssh_config())
            .args(["-o", "ConnectTimeout=60", "-o", "LogLevel=ERROR", "-l", "root", &self.name(), "sh", "-s"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let mut stdin = child.stdin.take().expect("it is piped");
        // When ssh is gone before it has read all, its exit code and its words say why.
        let _ = stdin.write_all(text.as_bytes());
        drop(stdin);
        let output = child.wait_with_output().map_err(failed)?;
        Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }

    fn trouble(&self, what: &str) -> Diagnostic {
        Diagnostic::error(format!("{} {what}", self.name()))
            .exit(Exit::Unreachable)
            .hint(format!("its console: {}", self.dir().join("console.log").display()))
    }
}

/// Whether a process that was killed may still hold its ports: giving back its memory, it has no command line any more and
/// closes its files after that. proc(5): the state follows the name, which stands in parentheses.
fn holds_files(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    !matches!(state, None | Some('Z' | 'X'))
}

/// QEMU's option syntax: commas in values are doubled.
fn option(before: &str, path: &Path, after: &str) -> String {
    format!("{before}{}{after}", path.display().to_string().replace(',', ",,"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_has_ended_holds_nothing_though_nobody_has_asked_for_it() {
        let mut child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert!(holds_files(child.id()));
        child.kill().unwrap();
        while holds_files(child.id()) {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.wait().unwrap();
        assert!(!holds_files(child.id()));
    }

    #[test]
    fn a_comma_in_a_path_does_not_end_an_option() {
        let path = Path::new("/a,b/it's \"c\",, d=e");
        assert_eq!(option("file=", path, ",if=none"), "file=/a,,b/it's \"c\",,,, d=e,if=none");
    }
}
