//! A program whose output is read while it runs: one that takes compressed bytes apart.

use super::{PATH, which};
use crate::reason;
use rustix::process::Signal;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// Ends with who reads it.
pub struct Pipe {
    program: String,
    child: Child,
    out: ChildStdout,
    err: ChildStderr,
}

impl Pipe {
    /// Starts it on an open file.
    ///
    /// # Errors
    /// That it is not there.
    pub fn start(argv: &[&str], stdin: OwnedFd) -> Result<Self, String> {
        let name = argv[0];
        let path = which(name).ok_or_else(|| format!("program `{name}` not found"))?;
        let mut command = Command::new(path);
        command
            .arg0(name)
            .args(&argv[1..])
            .env_clear()
            .env("PATH", PATH)
            .env("LANG", "C.UTF-8")
            .current_dir("/");
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: two system calls between fork and exec, nothing is allocated.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setpgid(None, None)?;
                Ok(rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?)
            });
        }
        let mut child = command.spawn().map_err(|error| format!("cannot run {name}: {}", reason(error)))?;
        let (out, err) = child.stdout.take().zip(child.stderr.take()).expect("both are pipes");
        Ok(Self { program: name.into(), child, out, err })
    }

    /// Once all of its output was read: whether it was content.
    ///
    /// # Errors
    /// What it says.
    pub fn end(&mut self) -> Result<(), String> {
        let mut said = String::new();
        // Little, and written before it ends.
        let _ = (&mut self.err).take(4096).read_to_string(&mut said);
        let status = self.child.wait().map_err(reason)?;
        if status.success() {
            return Ok(());
        }
        let said = said.trim().replace('\n', "; ");
        Err(if said.is_empty() { format!("`{}` failed: {status}", self.program) } else { said })
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.out.read(buffer)
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
