//! The Docker engine: whether it is there, and the version its daemon says in a header.

use super::tree::Tree;
use crate::wire::facts::Docker;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// A daemon that is well answers in less than a millisecond. One that isn't must not hold up the first frame.
const PATIENCE: Duration = Duration::from_millis(100);

pub fn docker(tree: &Tree) -> Docker {
    let installed =
        ["usr/bin", "usr/local/bin", "bin", "snap/bin"].iter().any(|f| tree.exists(&format!("{f}/docker")));
    // Connecting to a socket that systemd holds would start the daemon: only one that runs is asked.
    let pid = tree.number("run/docker.pid").filter(|pid| tree.is_folder(&format!("proc/{pid}")));
    let version = pid.and_then(|_| version(&tree.path("run/docker.sock"))).unwrap_or_default();
    Docker { installed, running: pid.is_some(), version }
}

/// From the headers of `/_ping`, the cheapest thing that can be asked (Docker Engine API, `SystemPing`).
fn version(socket: &Path) -> Option<String> {
    let mut stream = connected(socket)?;
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    stream.write_all(b"HEAD /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n").ok()?;
    let (mut answer, mut buffer) = (vec![], [0; 2048]);
    while answer.len() < 16 << 10 && !answer.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).ok()? {
            0 => break,
            count => answer.extend(&buffer[..count]),
        }
    }
    said(&String::from_utf8_lossy(&answer))
}

/// Without waiting: a daemon that hangs has a full queue of connections.
fn connected(socket: &Path) -> Option<UnixStream> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let near = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    rustix::net::connect(&near, &SocketAddrUnix::new(socket).ok()?).ok()?;
    let stream = UnixStream::from(near);
    stream.set_nonblocking(false).ok()?;
    Some(stream)
}

/// `Server: Docker/27.3.1 (linux)`.
fn said(answer: &str) -> Option<String> {
    let server = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("server").then_some(value.trim())
    })?;
    let version = server.strip_prefix("Docker/")?.split(' ').next()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "._+~-".contains(c);
    version.chars().all(plain).then(|| version.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::net::UnixListener;
    use std::thread;

    #[test]
    fn a_daemon_is_asked_only_when_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        for inner in ["run", "usr/bin", "proc/77"] {
            fs::create_dir_all(folder.path().join(inner)).unwrap();
        }
        let tree = Tree::new(folder.path());
        let listener = UnixListener::bind(folder.path().join("run/docker.sock")).unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 100];
            let count = stream.read(&mut buffer).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nApi-Version: 1.47\r\n").unwrap();
            stream.write_all(b"Server: Docker/27.3.1 (linux)\r\n\r\n").unwrap();
            // The next one waits for an answer in vain.
            let silent = listener.accept().unwrap();
            thread::sleep(PATIENCE * 3);
            drop(silent);
            String::from_utf8_lossy(&buffer[..count]).into_owned()
        });
        assert_eq!(docker(&tree), Docker::default());
        fs::write(folder.path().join("usr/bin/docker"), "").unwrap();
        fs::write(folder.path().join("run/docker.pid"), "78").unwrap();
        assert_eq!(docker(&tree), Docker { installed: true, ..Docker::default() });
        fs::write(folder.path().join("run/docker.pid"), "77").unwrap();
        assert_eq!(docker(&tree), Docker { installed: true, running: true, version: "27.3.1".into() });
        assert_eq!(docker(&tree), Docker { installed: true, running: true, version: String::new() });
        assert!(asked.join().unwrap().starts_with("HEAD /_ping HTTP/1.1\r\n"));
    }

    #[test]
    fn only_docker_says_a_version() {
        assert_eq!(
            said("HTTP/1.1 200 OK\r\nserver: Docker/20.10.24+dfsg1 (linux)\r\n").unwrap(),
            "20.10.24+dfsg1"
        );
        assert_eq!(said("HTTP/1.1 200 OK\r\nServer: nginx/1.2\r\n"), None);
        assert_eq!(said("HTTP/1.1 200 OK\r\nServer: Docker/{{x}}\r\n"), None);
    }
}
