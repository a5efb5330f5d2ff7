//! Throw-away Debian VMs for a first try and for tests: real systemd, sshd and nftables, made from Debian's packages
//! on this machine. `docs/lab.md` is the page for people.
//!
//! A guest boots once; its *running* state is frozen, and machines wake up from it in seconds.

#![expect(clippy::print_stderr, reason = "this room talks to the user")]

mod accel;
mod command;
mod frozen;
mod image;
mod lan;
mod machine;
mod monitor;
mod progress;
mod spec;

pub use spec::{Disk, Spec, Suite};

use crate::diag::{Diagnostic, Diagnostics, Exit};
use command::{Result, on, program, remove, run};
use machine::{Machine, Origin};
use progress::{Step, say};
use std::fs;
use std::io::Read as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const WAKE: &str = include_str!("guest/wake.sh");
/// The highest machine number.
pub const MOST: u8 = 9;

/// The lab of this machine.
pub struct Lab {
    dir: PathBuf,
}

impl Lab {
    /// The lab in `LUSTORES_LAB_DIR`, or in the user's cache folder.
    ///
    /// # Errors
    /// Neither that variable nor `XDG_CACHE_HOME` nor `HOME` is set, or the folder's name cannot be used.
    pub fn open() -> Result<Self> {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let dir = variable("LUSTORES_LAB_DIR")
            .or_else(|| {
                let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")))?;
                Some(cache.join("lustores-provision/lab"))
            })
            .ok_or_else(|| {
                Diagnostic::error("no folder for the lab: HOME is not set").hint("set LUSTORES_LAB_DIR")
            })?;
        let dir = std::path::absolute(&dir).map_err(on("use", &dir))?;
        if dir.to_str().is_none_or(|text| text.contains(['"', '\n', '%'])) {
            return Err(Diagnostic::error(
                "the lab's folder must not have quotes, `%` or line breaks in its name",
            )
            .hint("set LUSTORES_LAB_DIR")
            .into());
        }
        Ok(Self { dir })
    }

    /// Where the guests' addresses and keys are written for `ssh -F`.
    pub fn ssh_config(&self) -> PathBuf {
        self.dir.join("ssh_config")
    }

    /// Brings machines `1..=count` up, keeping those that are.
    ///
    /// # Errors
    /// Something is missing on this machine, other machines of another shape are up, or a guest does not start.
    pub fn up(&self, count: u8, spec: &Spec) -> Result<()> {
        command::require()?;
        let _lock = self.lock()?;
        let running: Vec<_> = self.machines().filter(Machine::is_up).map(|machine| machine.name()).collect();
        if !running.is_empty() && self.spec()? != *spec {
            return Err(Diagnostic::error(format!("{} runs with other settings", running.join(", ")))
                .hint("`lab down` first")
                .into());
        }
        self.ensure_keys()?;
        self.write_ssh_files()?;
        let file = self.dir.join("spec.json");
        let text = serde_json::to_string(spec)
            .map_err(|error| Diagnostic::error("cannot keep settings").cause(error))?;
        fs::write(&file, text).map_err(on("write", &file))?;
        let wanted: Vec<_> = (1..=count).filter(|number| !Machine::new(self, *number).is_up()).collect();
        self.wake(&wanted, spec)?;
        let up: Vec<_> = self.machines().filter(Machine::is_up).map(|machine| machine.name()).collect();
        say(format_args!(
            "{} {} up; reach a guest with `lustores-provision lab ssh lab1` or\n     ssh -F {} lab1",
            up.join(", "),
            if up.len() == 1 { "is" } else { "are" },
            self.ssh_config().display()
        ));
        Ok(())
    }

    /// Ends all machines and removes the LAN; what was built stays. Nothing to do is fine.
    ///
    /// # Errors
    /// Not root, or a machine or namespace cannot be removed.
    pub fn down(&self) -> Result<()> {
        command::require_root()?;
        let _lock = self.lock()?;
        for machine in self.machines() {
            if machine.process().is_some() {
                say(format_args!("ending {}", machine.name()));
            }
            machine.destroy()?;
        }
        lan::down()
    }

    /// Puts machines back to bare; all of them when `hosts` is empty.
    ///
    /// # Errors
    /// A name that is no machine of the lab, or a guest that does not start.
    pub fn reset(&self, hosts: &[String]) -> Result<()> {
        command::require()?;
        let _lock = self.lock()?;
        let numbers = if hosts.is_empty() {
            self.machines().map(|machine| machine.number).filter(|number| *number > 0).collect()
        } else {
            hosts.iter().map(|host| self.find(host)).collect::<Result<Vec<_>>>()?
        };
        if numbers.is_empty() {
            return Err(Diagnostic::error("the lab has no machines").hint("`lab up`").into());
        }
        let spec = self.spec()?;
        self.wake(&numbers, &spec)
    }

    /// What there is, a line per machine.
    ///
    /// # Errors
    /// The lab's folder cannot be read.
    pub fn status(&self) -> Result<Vec<String>> {
        let mut lines = vec![];
        for machine in self.machines().filter(|machine| machine.number > 0) {
            let number = machine.number;
            let state = match (machine.is_up(), machine.process()) {
                (true, _) => "up",
                (false, Some(_)) => "starting, or its start was interrupted",
                (false, None) => "ended",
            };
            lines.push(format!(
                "lab{number}: {state}; ssh 127.0.0.1:{}, http :{}, https :{}; LAN 10.77.0.{} fe80::5054:ff:fe01:{number:x}",
                machine.port(2200),
                machine.port(8080),
                machine.port(8443),
                10 + number,
            ));
        }
        lines.push(format!("kept in {}", self.dir.display()));
        Ok(lines)
    }

    /// Becomes `ssh HOST [COMMAND..]`; returns only on failure.
    ///
    /// # Errors
    /// There is no such machine, or ssh cannot be started.
    pub fn ssh(&self, host: &str, command: &[String]) -> Result<()> {
        // `user@lab1` is fine too.
        self.find(host.rsplit('@').next().unwrap_or(host))?;
        let error = Command::new("ssh").arg("-F").arg(self.ssh_config()).arg(host).args(command).exec();
        Err(Diagnostic::error("cannot run `ssh`")
            .cause(error)
            .hint("apt-get install -y openssh-client")
            .into())
    }

    /// Becomes `command`, run outside the guests on their LAN; returns only on failure.
    ///
    /// # Errors
    /// The lab is not up, or the command cannot be started.
    pub fn outside(&self, command: &[String]) -> Result<()> {
        command::require_root()?;
        if !Path::new("/run/netns").join(lan::PROBER).exists() {
            return Err(Diagnostic::error("the lab is not up").hint("`lab up`").into());
        }
        let error = program("ip").args(["netns", "exec", lan::PROBER]).args(command).exec();
        Err(Diagnostic::error("cannot run `ip`").cause(error).hint("apt-get install -y iproute2").into())
    }

    /// Starts the machines with these numbers from the frozen state, side by side.
    fn wake(&self, numbers: &[u8], spec: &Spec) -> Result<()> {
        if numbers.is_empty() {
            return Ok(());
        }
        // A process of ours that was killed may have left a machine behind.
        for number in numbers.iter().chain(&[0]) {
            Machine::new(self, *number).destroy()?;
        }
        let image = image::ensure(self, spec.suite)?;
        let mut accel = accel::choose(self, &image)?;
        let frozen = match frozen::ensure(self, &image, spec, accel) {
            // A KVM may run the kernel's first steps and no more.
            Err(error) if accel == accel::Accel::Kvm => {
                say(format_args!(
                    "/dev/kvm does not boot a guest ({}): guests are emulated, which is slower",
                    error.0[0].message
                ));
                accel = accel::Accel::Emulation;
                accel::remember(self, &image, accel)?;
                frozen::ensure(self, &image, spec, accel)?
            }
            frozen => frozen?,
        };
        lan::up()?;
        let from = Origin {
            image: &image,
            disk: frozen.disk(),
            state: Some(frozen.state()),
            accel,
            memory: spec.memory,
        };
        let names: Vec<_> = numbers.iter().map(|number| format!("lab{number}")).collect();
        let step = Step::start(format!("starting {}", names.join(", ")), "10 s");
        let mut troubles = Diagnostics::default();
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                numbers.iter().map(|number| scope.spawn(|| self.wake_one(*number, &from, spec))).collect();
            for thread in threads {
                troubles.take(thread.join().expect("waking a machine does not panic"));
            }
        });
        troubles.into_result(())?;
        step.done();
        Ok(())
    }

    fn wake_one(&self, number: u8, from: &Origin, spec: &Spec) -> Result<()> {
        let machine = Machine::new(self, number);
        machine.start(from)?;
        machine.wait()?;
        let now =
            std::time::UNIX_EPOCH.elapsed().map_err(|error| Diagnostic::error("bad clock").cause(error))?;
        let (machine_id, entropy) = (random_hex(16)?, random_hex(32)?);
        machine.script(WAKE, &[&number.to_string(), &now.as_secs().to_string(), &machine_id, &entropy])?;
        if spec.noexec_tmp {
            // Debian 13 has memory there, Debian 12 a folder of the disk.
            let mount = "o=nosuid,nodev,noexec; mount -o remount,$o /tmp 2> /dev/null || mount -t tmpfs -o mode=1777,$o tmpfs /tmp";
            machine.script(mount, &[])?;
        }
        let mut monitor = machine.monitor()?;
        for disk in &spec.disks {
            monitor.plug_disk(&disk.name, &disk.file)?;
            let wait = "for _ in $(seq 200); do [ -b /dev/disk/by-id/virtio-$1 ] && exit; sleep 0.05; done; \
                        echo disk $1 does not appear >&2; exit 1";
            machine.script(wait, &[&disk.name])?;
        }
        machine.set_ready()
    }

    /// Every machine of which there is something, 0 too.
    fn machines(&self) -> impl Iterator<Item = Machine<'_>> {
        (0..=MOST).map(|number| Machine::new(self, number)).filter(|machine| machine.dir().is_dir())
    }

    fn find(&self, host: &str) -> Result<u8> {
        let known: Vec<_> = self.machines().filter(|machine| machine.number > 0).collect();
        if let Some(machine) = known.iter().find(|machine| machine.name() == host) {
            return Ok(machine.number);
        }
        let names: Vec<_> = known.iter().map(Machine::name).collect();
        let error = Diagnostic::error(format!("the lab has no machine `{host}`"));
        Err(match names.is_empty() {
            true => error.hint("`lab up` makes lab1; `lab up 2` also lab2"),
            false => error.hint(format!("it has {}", names.join(", "))),
        }
        .into())
    }

    fn spec(&self) -> Result<Spec> {
        let file = self.dir.join("spec.json");
        let text = fs::read_to_string(&file).map_err(on("read", &file))?;
        serde_json::from_str(&text).map_err(|error| {
            Diagnostic::error(format!("cannot read {}", file.display()))
                .cause(error)
                .hint("`lab down`, `lab up`")
                .into()
        })
    }

    /// Keeps a second `lab` from changing the lab at the same time, as long as the value lives.
    fn lock(&self) -> Result<fs::File> {
        for folder in ["images", "frozen", "machines", "keys"] {
            let folder = self.dir.join(folder);
            fs::create_dir_all(&folder).map_err(on("create", &folder))?;
        }
        let path = self.dir.join("lock");
        let file = fs::File::create(&path).map_err(on("open", &path))?;
        file.try_lock().map_err(|_| {
            Diagnostic::error("another `lab` command is at work in this lab").exit(Exit::LockHeld)
        })?;
        Ok(file)
    }

    fn read_key(&self, name: &str) -> Result<String> {
        let file = self.dir.join("keys").join(name);
        fs::read_to_string(&file).map_err(on("read", &file))
    }

    /// The key that logs in, and the one that the guests show.
    fn ensure_keys(&self) -> Result<()> {
        for name in ["id", "host_key"] {
            let file = self.dir.join("keys").join(name);
            // ssh-keygen writes the public half last.
            if file.with_extension("pub").exists() {
                continue;
            }
            remove(&file)?;
            run(Command::new("ssh-keygen")
                .args(["-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f"])
                .arg(&file))?;
        }
        Ok(())
    }

    fn write_ssh_files(&self) -> Result<()> {
        let host_key = self.read_key("host_key.pub")?;
        let (mut config, mut known) = (String::new(), String::new());
        for number in 0..=MOST {
            let port = 2200 + u16::from(number);
            known += &format!("[127.0.0.1]:{port} {host_key}");
            config += &format!("Host lab{number}\n    Port {port}\n");
        }
        config += &format!(
            "Host lab*\n    HostName 127.0.0.1\n    User root\n    IdentityFile \"{0}/keys/id\"\n    IdentitiesOnly yes\n    \
             UserKnownHostsFile \"{0}/known_hosts\"\n    StrictHostKeyChecking yes\n    UpdateHostKeys no\n",
            self.dir.display()
        );
        for (name, text) in [("known_hosts", known), ("ssh_config", config)] {
            let (new, file) = (self.dir.join(format!(".{name}.new")), self.dir.join(name));
            fs::write(&new, text).map_err(on("write", &new))?;
            fs::rename(&new, &file).map_err(on("write", &file))?;
        }
        Ok(())
    }
}

/// A short name that changes with any of `parts`.
fn key_of(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
}

fn random_hex(bytes: usize) -> Result<String> {
    let mut buffer = vec![0; bytes];
    let source = Path::new("/dev/urandom");
    fs::File::open(source).and_then(|mut file| file.read_exact(&mut buffer)).map_err(on("read", source))?;
    Ok(buffer.iter().map(|byte| format!("{byte:02x}")).collect())
}
