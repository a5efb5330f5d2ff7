//! Running other programs, with errors that say what is missing and how to get it.

use crate::diag::{Diagnostic, Diagnostics, Exit};
use std::path::Path;
use std::process::{Command, Stdio};

pub(super) type Result<T> = std::result::Result<T, Diagnostics>;

/// What the lab runs, and the Debian package each comes from.
const PROGRAMS: [(&str, &str); 8] = [
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("qemu-img", "qemu-utils"),
    ("mmdebstrap", "mmdebstrap"),
    ("mke2fs", "e2fsprogs"),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("xz", "xz-utils"),
    ("busybox", "busybox-static"),
];

const SBIN: [&str; 2] = ["/usr/sbin", "/sbin"];

/// A command that is also looked for where root's programs are.
pub(super) fn program(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let at = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    let at = at
        .or_else(|| SBIN.map(|folder| Path::new(folder).join(name)).into_iter().find(|file| file.is_file()));
    let mut command = Command::new(at.unwrap_or_else(|| name.into()));
    // What it runs itself is found there too.
    let folders = std::env::split_paths(&path).chain(SBIN.map(Into::into));
    if let Ok(path) = std::env::join_paths(folders) {
        command.env("PATH", path);
    }
    command
}

/// Checks that everything the lab needs is there.
///
/// # Errors
/// Not root, or a program is missing; the hint is the command that installs it.
pub(super) fn require() -> Result<()> {
    require_root()?;
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian's `su` leaves the folders of root's programs out of PATH; `program` finds what is in them.
    let folders = || std::env::split_paths(&path).chain(SBIN.map(std::path::PathBuf::from));
    let is_there = |program: &str| folders().any(|folder| folder.join(program).is_file());
    let missing: Vec<_> = PROGRAMS.iter().filter(|(program, _)| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = |pick: fn(&(&'static str, &'static str)) -> &'static str, by: &str| {
        missing.iter().map(|entry| pick(entry)).collect::<Vec<_>>().join(by)
    };
    Err(Diagnostic::error(format!("the lab needs {}", names(|e| e.0, ", ")))
        .hint(format!("apt-get install -y {}", names(|e| e.1, " ")))
        .into())
}

/// # Errors
/// We are not root.
pub(super) fn require_root() -> Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    Err(Diagnostic::error("the lab must run as root")
        .cause("it makes a Debian file system and network namespaces")
        .hint("run the same command with sudo; your own VMs need no lab and no root")
        .into())
}

/// Runs `command` to its end without input; returns what it wrote to its standard output.
///
/// # Errors
/// It cannot be started or fails; the causes are the last lines it wrote.
pub(super) fn run(command: &mut Command) -> Result<Vec<u8>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().map_err(|error| {
        Diagnostic::error(format!("cannot run `{program}`")).exit(Exit::TaskFailed).cause(error)
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let mut diagnostic =
        Diagnostic::error(format!("`{program}` failed: {}", output.status)).exit(Exit::TaskFailed);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines: Vec<_> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    for line in &lines[lines.len().saturating_sub(8)..] {
        diagnostic = diagnostic.cause(line);
    }
    Err(diagnostic.into())
}

/// A failure to do `what` with a file.
pub(super) fn on(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Diagnostics {
    let path = path.display().to_string();
    move |error| Diagnostic::error(format!("cannot {what} {path}")).exit(Exit::TaskFailed).cause(error).into()
}

/// Removes a folder and what is in it, never crossing into another file system that may be mounted inside.
pub(super) fn remove(folder: &Path) -> Result<()> {
    run(Command::new("rm").args(["-rf", "--one-file-system", "--"]).arg(folder)).map(drop)
}
