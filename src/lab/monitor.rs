//! QEMU's control socket (QMP).

use super::command::Result;
use crate::diag::{Diagnostic, Exit};
use serde_json::{Value, json};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub(super) struct Monitor {
    stream: BufReader<UnixStream>,
}

fn broken(cause: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::error("QEMU's control socket does not answer").exit(Exit::TaskFailed).cause(cause)
}

impl Monitor {
    pub fn connect(socket: &Path) -> Result<Self> {
        let stream = UnixStream::connect(socket).map_err(broken)?;
        stream.set_read_timeout(Some(Duration::from_secs(60))).map_err(broken)?;
        let mut monitor = Self { stream: BufReader::new(stream) };
        monitor.read()?;
        monitor.execute("qmp_capabilities", json!({}))?;
        Ok(monitor)
    }

    fn read(&mut self) -> Result<Value> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).map_err(broken)? == 0 {
            return Err(broken("it was closed").into());
        }
        Ok(serde_json::from_str(&line).map_err(broken)?)
    }

    /// Runs one command and returns its answer.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value> {
        let text = format!("{}\n", json!({ "execute": command, "arguments": arguments }));
        self.stream.get_mut().write_all(text.as_bytes()).map_err(broken)?;
        loop {
            let mut answer = self.read()?;
            if let Some(error) = answer.get("error") {
                return Err(Diagnostic::error(format!("QEMU refused `{command}`"))
                    .exit(Exit::TaskFailed)
                    .cause(error.get("desc").and_then(Value::as_str).unwrap_or_default())
                    .into());
            }
            // Everything else is an event.
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
        }
    }

    /// Writes the running machine's state to `file` and ends the machine.
    pub fn freeze(mut self, file: &Path) -> Result<()> {
        self.execute("migrate-set-parameters", json!({ "max-bandwidth": 10_000_000_000_u64 }))?;
        self.execute("migrate", json!({ "uri": format!("exec:cat > {}", quoted(file)) }))?;
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            let answer = self.execute("query-migrate", json!({}))?;
            match answer.get("status").and_then(Value::as_str) {
                Some("completed") => break,
                Some("failed" | "cancelled") => {
                    return Err(broken(format!("the state was not written: {answer}")).into());
                }
                _ if Instant::now() > deadline => {
                    return Err(broken("writing the state takes too long").into());
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
        self.execute("quit", json!({})).map(drop)
    }

    /// Plugs `file` in as a read-only disk with the serial number `name`.
    pub fn plug_disk(&mut self, name: &str, file: &Path) -> Result<()> {
        let node = format!("disk-{name}");
        self.execute(
            "blockdev-add",
            json!({
                "driver": "raw", "node-name": node, "read-only": true,
                "file": { "driver": "file", "filename": file, "read-only": true },
            }),
        )?;
        let device = json!({ "driver": "virtio-blk-pci", "id": format!("plugged-{name}"), "drive": node, "serial": name });
        self.execute("device_add", device).map(drop)
    }
}

/// `path` for a shell.
pub(super) fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reaches_a_shell_as_one_word() {
        for path in ["/a b/c", "/it's \"x\"", "/$HOME;`id`\\", "/a\nb"] {
            let script = format!("printf %s {}", quoted(Path::new(path)));
            let output = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
            assert_eq!(String::from_utf8(output.stdout).unwrap(), path);
        }
    }
}
