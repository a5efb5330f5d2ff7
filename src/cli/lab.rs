//! `lab`: throw-away VMs on this machine.

use crate::diag::Diagnostics;
use crate::lab::{self, Disk, Spec, Suite};

#[derive(Debug, clap::Subcommand)]
pub enum Lab {
    /// Start machines lab1 to labN; those that are up stay as they are
    Up {
        /// How many machines
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=i64::from(lab::MOST)))]
        count: u8,
        /// Memory of each machine in MiB
        #[arg(long, value_name = "MB", default_value_t = 1536, value_parser = clap::value_parser!(u32).range(384..))]
        memory: u32,
        /// Debian release
        #[arg(long, value_enum, default_value_t)]
        suite: Suite,
        /// Show FILE to every machine as the read-only disk /dev/disk/by-id/virtio-NAME
        #[arg(long = "disk", value_name = "NAME=FILE")]
        disks: Vec<String>,
        /// Programs cannot be run from /tmp, as on hardened hosts
        #[arg(long)]
        noexec_tmp: bool,
    },
    /// End all machines; what was built is kept
    Down,
    /// Show the machines and their addresses
    Status,
    /// Log in to a machine, or run a command there
    Ssh {
        /// lab1, or deploy@lab1 (the user is root otherwise)
        host: String,
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Put machines back to bare, in seconds (all of them when none is named)
    Reset { hosts: Vec<String> },
    /// Run a command outside the machines, on their LAN, as an attacker would
    Outside {
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
}

impl Lab {
    /// Does it. `ssh` and `outside` become the command they run, and so end with its exit code.
    ///
    /// # Errors
    /// See [`lab::Lab`].
    pub fn run(self) -> Result<(), Diagnostics> {
        let lab = lab::Lab::open()?;
        match self {
            Self::Up { count, memory, suite, disks, noexec_tmp } => {
                let disks = disks.iter().map(|disk| Disk::parse(disk)).collect::<Result<_, _>>()?;
                lab.up(count, &Spec { suite, memory, disks, noexec_tmp })?;
            }
            Self::Down => lab.down()?,
            Self::Status => {
                for line in lab.status()? {
                    println!("{line}");
                }
            }
            Self::Ssh { host, command } => lab.ssh(&host, &command)?,
            Self::Reset { hosts } => lab.reset(&hosts)?,
            Self::Outside { command } => lab.outside(&command)?,
        }
        Ok(())
    }
}
