//! How the agent gets onto a host when things go wrong on the way, or when somebody was there first.

use super::{Sshd, fails, talk, until};
use lustores_provision::connection::{Kind, Options, Target, Way};
use std::{
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::{Path, PathBuf},
};

/// This machine, with an empty home, and with a program between us and it that gets what is sent on stdin and passes it
/// on to what `"$@"` starts.
fn filtered(host: &Sshd, filter: &str) -> Target {
    let home = host.base.join("local");
    fs::create_dir_all(&home).unwrap();
    let script = format!("cd {}; export HOME=$PWD XDG_CACHE_HOME=$PWD/cache; {filter}", home.display());
    let prefix = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &script, "sh"];
    let way = Way::Local { prefix: prefix.map(String::from).to_vec() };
    Target { name: "web1".into(), way, r#become: None }
}

/// Memory in place of all folders in which root's agent may be, so that the machine's own are left alone.
const OWN: &str = "for d in /var/cache /var/tmp /run /dev/shm; do mount -t tmpfs tmpfs $d || exit 9; done; ";

#[tokio::test]
async fn an_upload_that_is_cut_short_or_damaged_is_not_run() {
    let host = Sshd::start();
    // Passes on what it reads as it comes: only so much of it, or with other bytes in it.
    let program = host.base.join("filter.py");
    let text = "import os, sys\nleft = int(sys.argv[1])\nwhile left > 0 and (b := os.read(0, min(left, 65536))):\n    \
                left -= len(b)\n    os.write(1, b.replace(b'\\0\\1', b'\\1\\0'))\n";
    fs::write(&program, text).unwrap();
    for (bytes, reason) in [(200_000, "the upload was cut short"), (1 << 30, "the upload was damaged")] {
        let filter = format!("python3 {} {bytes} | \"$@\"", program.display());
        let listing = "; find /var/cache /var/tmp /run /dev/shm -type f > \"$HOME/new\"; mv \"$HOME/new\" \"$HOME/left\"";
        let error = fails(&filtered(&host, &format!("{OWN}{filter}{listing}")), &host.options()).await;
        let text = error.to_string();
        assert!(error.kind == Kind::Agent && text.contains("there is no place for the agent"), "{text}");
        // Each folder was tried.
        assert!(text.matches(reason).count() >= 2, "{text}");
        assert!(error.hint.is_some_and(|hint| hint.contains("2 MB")), "{text}");
        let left = host.base.join("local/left");
        until(&left).await;
        assert_eq!(fs::read_to_string(&left).unwrap(), "", "something is left behind");
    }
}

#[tokio::test]
async fn a_connection_that_breaks_during_the_upload_leaves_nothing() {
    let host = Sshd::start();
    let (port, listener) = (host.port, TcpListener::bind("127.0.0.1:0").unwrap());
    let between = listener.local_addr().unwrap().port();
    // Passes on the first 200,000 bytes of what is sent.
    std::thread::spawn(move || {
        let (mut ours, _) = listener.accept().unwrap();
        let mut theirs = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let (mut back, mut to_us) = (theirs.try_clone().unwrap(), ours.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut back, &mut to_us));
        let (mut sent, mut buffer) = (0, [0; 4096]);
        while sent < 200_000 {
            let count = ours.read(&mut buffer).unwrap();
            if count == 0 || theirs.write_all(&buffer[..count]).is_err() {
                break;
            }
            sent += count;
        }
        for stream in [ours, theirs] {
            let _ = stream.shutdown(std::net::Shutdown::Both);
        }
    });
    let mut target = host.target("alice");
    let Way::Ssh(ssh) = &mut target.way else { panic!() };
    ssh.port = Some(between);
    ssh.args = vec!["-o".into(), format!("HostKeyAlias=[127.0.0.1]:{port}")];
    let error = fails(&target, &host.options()).await;
    assert_eq!(error.exit(), lustores_provision::diag::Exit::Unreachable, "{error}");
    while !host.cached("alice").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    assert!(talk(&host.target("alice"), &host.options()).await.unwrap().uploaded);
    assert_eq!(host.cached("alice").len(), 1);
}

#[tokio::test]
async fn an_architecture_without_an_agent_is_named() {
    let host = Sshd::start();
    let programs = host.base.join("programs");
    fs::create_dir(&programs).unwrap();
    fs::write(programs.join("uname"), "#!/bin/sh\necho Linux mips64\n").unwrap();
    fs::set_permissions(programs.join("uname"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(programs.join("arch"), "mips64\n").unwrap();
    // As the kernel says, and where it says nothing as `uname` does.
    for (arch, path) in
        [(programs.join("arch").display().to_string(), ""), ("/dev/null".into(), "PATH=$OURS:$PATH; ")]
    {
        let ours = programs.display();
        let filter = format!(
            "{OWN}OURS={ours}; {path}mount --bind {arch} /proc/sys/kernel/arch || exit 9; exec \"$@\""
        );
        let error = fails(&filtered(&host, &filter), &host.options()).await;
        assert_eq!((error.kind, error.message.as_str()), (Kind::Agent, "there is no agent for Linux mips64"));
        let hint = error.hint.unwrap();
        assert!(hint.contains("this build has agents for: Linux "), "{hint}");
    }
}

/// A folder as the agent's cache would be, but of carol, with a program in it that tells when it is run.
fn plant(host: &Sshd, folder: &Path, name: &str) -> PathBuf {
    let mark = host.base.join("planted-ran");
    fs::create_dir_all(folder).unwrap();
    let program = folder.join(name);
    fs::write(&program, format!("#!/bin/sh\ntouch {}\n", mark.display())).unwrap();
    for path in [folder, &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o777)).unwrap();
        chown(path, Some(47002), Some(47000)).unwrap();
    }
    mark
}

#[tokio::test]
async fn folders_of_other_users_are_passed_over() {
    let host = Sshd::start();
    fs::set_permissions(&host.base, fs::Permissions::from_mode(0o777)).unwrap();
    let options = host.options();
    talk(&host.target("alice"), &options).await.unwrap();
    let name = host.cached("alice").remove(0).file_name().unwrap().to_str().unwrap().to_string();
    // In the cache of one's own home.
    let mark = plant(&host, &host.home("alice").join(".cache/provision-agent"), &name);
    assert!(talk(&host.target("alice"), &options).await.unwrap().uploaded);
    assert!(!talk(&host.target("alice"), &options).await.unwrap().uploaded);
    // In folders where anybody may make one. Nothing can be run in this user's home.
    for (folder, rest) in [("var/tmp", 1), ("dev/shm", 0)] {
        plant(&host, &host.root().join(folder).join("provision-agent-47006"), &name);
        let opened = talk(&host.target("noexec"), &options).await;
        if rest > 0 {
            assert!(opened.unwrap().uploaded, "to the next folder");
        } else {
            let text = opened.err().expect("there is no folder left").to_string();
            assert!(text.contains("no place for the agent"), "{text}");
            for place in ["/var/tmp/provision-agent-47006", "/dev/shm/provision-agent-47006"] {
                assert!(text.contains(&format!("{place}: is not a folder that only we can use")), "{text}");
            }
        }
    }
    // For root, and as a link to a folder of root's.
    let root = host.becoming("alice", "root", None);
    plant(&host, &host.root().join("var/cache/provision-agent"), &name);
    symlink("/var/lib", host.root().join("run/provision-agent")).unwrap();
    assert!(talk(&root, &options).await.unwrap().uploaded);
    assert!(!talk(&root, &options).await.unwrap().uploaded);
    assert!(host.root().join("var/tmp/provision-agent-0").join(&name).exists());
    assert!(!mark.exists(), "what somebody else had put there was run");
}

#[tokio::test]
async fn a_busy_sshd_is_asked_again() {
    let host = Sshd::start_busy();
    for reuse in [false, true] {
        // Somebody who never logs in takes the only place.
        let other = TcpStream::connect(("127.0.0.1", host.port)).unwrap();
        let log = || fs::read_to_string(host.base.join("log")).unwrap().matches("past MaxStartups").count();
        let before = log();
        let options = Options { reuse, ..host.options() };
        let target = host.target("alice");
        let talks = tokio::spawn(async move { talk(&target, &options).await.map(drop) });
        while log() == before {
            assert!(!talks.is_finished(), "it was not dropped: {:?}", talks.await);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        drop(other);
        talks.await.unwrap().unwrap();
    }
}
