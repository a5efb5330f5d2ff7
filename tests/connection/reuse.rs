//! Connections that are left open for the next run, and those that must be new.

use super::{Sshd, fails, run, talk};
use agent::wire::Query;
use lustores_provision::connection::{Kind, Link, Options, disarm};
use std::{fs, os::unix::fs::PermissionsExt, process::Command, time::Duration};

#[tokio::test]
async fn a_left_connection_is_reused_and_a_stale_socket_replaced() {
    let mut host = Sshd::start();
    let options = Options { reuse: true, ..host.options() };
    let target = host.target("alice");
    assert!(!talk(&target, &options).await.unwrap().reused);
    assert!(talk(&target, &options).await.unwrap().reused);
    // Also for another user on the host.
    assert!(talk(&host.becoming("alice", "root", None), &options).await.unwrap().reused);
    host.kill();
    host.restart();
    assert!(!talk(&target, &options).await.unwrap().reused);
    // A socket without a listener, as a crash leaves it.
    let socket = fs::read_dir(host.base.join("c")).unwrap().map(|entry| entry.unwrap().path());
    let socket = socket.filter(|path| path.extension().is_none()).last().unwrap();
    run(Command::new("ssh").arg("-O").arg("exit").arg("-S").arg(&socket).arg("x"));
    // The master says that it ends before it has removed its socket.
    while socket.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    assert!(!talk(&target, &options).await.unwrap().reused);
    assert!(talk(&target, &options).await.unwrap().reused);
}

#[tokio::test]
async fn a_control_folder_of_others_is_refused() {
    let host = Sshd::start();
    fs::create_dir(host.base.join("c")).unwrap();
    fs::set_permissions(host.base.join("c"), fs::Permissions::from_mode(0o777)).unwrap();
    let options = Options { reuse: true, ..host.options() };
    let error = fails(&host.target("alice"), &options).await;
    assert!(error.message.contains("cannot hold control sockets"), "{error}");
}

#[tokio::test]
async fn disarming_takes_a_connection_of_its_own() {
    let mut host = Sshd::start();
    let options = Options { reuse: true, ..host.options() };
    let target = host.target("alice");
    let opened = Link::open(&target, &options).await.unwrap();
    assert!(!disarm(&target, &options, "no-such-token").await.unwrap());
    // The old connection still works, a new one would not: that must not pass as reachable.
    host.refuse_new();
    opened.link.observe(vec![Query::File { path: "/etc/group".into() }]).await.unwrap();
    let error = disarm(&target, &options, "no-such-token").await.unwrap_err();
    assert_eq!(error.kind, Kind::Denied, "{error}");
    host.kill();
}
