//! Becoming another user by doas.

use crate::sshd::Sshd;
use crate::{fails, talk};
use lustores_provision::connection::Kind;
use std::fs;
use std::os::unix::fs::PermissionsExt;

const RULES: &str = "permit nopass alice\npermit nopass norman as carol\npermit paula\n";

#[tokio::test]
async fn the_agent_runs_as_whom_doas_makes_it() {
    let host = Sshd::start_with_doas(RULES);
    let opened = talk(&host.becoming_by_doas("alice", "root"), &host.options()).await.unwrap();
    assert_eq!((opened.uploaded, opened.hello.facts.user.uid), (true, 0));
    assert!(!talk(&host.becoming_by_doas("alice", "root"), &host.options()).await.unwrap().uploaded);
    assert!(host.base.join("cache/provision-agent").is_dir(), "root's own folder");
    // Any user, from any login shell, with the home of the one who is become.
    let opened = talk(&host.becoming_by_doas("norman", "carol"), &host.options()).await.unwrap();
    assert_eq!((opened.uploaded, opened.hello.facts.user.name.as_str()), (true, "carol"));
    assert_eq!(host.cached("carol").len(), 1);
}

#[tokio::test]
async fn doas_that_refuses_says_why() {
    let host = Sshd::start_with_doas(RULES);
    for (user, other, message, hint) in [
        ("paula", "root", "doas wants a password for becoming root", "permit nopass"),
        ("norman", "root", "the user may not become root", "permit nopass LOGIN_USER as root"),
        ("carol", "root", "the user may not become root", "/etc/doas.conf"),
    ] {
        let error = fails(&host.becoming_by_doas(user, other), &host.options()).await;
        assert!(error.kind == Kind::Become && error.message.contains(message), "{error}");
        assert!(error.hint.as_ref().is_some_and(|found| found.contains(hint)), "{error:?}");
    }
    let error = fails(&host.becoming_by_doas("alice", "nobody-here"), &host.options()).await;
    assert!(error.message.contains("doas cannot become nobody-here"), "{error}");
    assert!(error.to_string().contains("unknown user"), "{error}");
    let rules = host.base.join("whole-etc/doas.conf");
    fs::set_permissions(&rules, fs::Permissions::from_mode(0o666)).unwrap();
    let error = fails(&host.becoming_by_doas("alice", "root"), &host.options()).await;
    assert!(error.message.contains("does not trust its rules"), "{error}");
    fs::remove_file(&rules).unwrap();
    let error = fails(&host.becoming_by_doas("alice", "root"), &host.options()).await;
    assert!(error.message.contains("doas has no rules"), "{error}");
}

#[tokio::test]
async fn a_host_without_doas_says_so() {
    let host = Sshd::start_with(true);
    let error = fails(&host.becoming_by_doas("alice", "root"), &host.options()).await;
    assert!(error.message.contains("no doas on the host"), "{error}");
    assert!(error.hint.unwrap().contains("opendoas"));
}
