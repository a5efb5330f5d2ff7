//! The link to a host, against a real sshd with real login shells and a real sudo.

#[expect(dead_code, reason = "the tests of platforms use more of it")]
mod sshd;

#[path = "connection/bootstrap.rs"]
mod bootstrap;
#[path = "connection/doas.rs"]
mod doas;
#[path = "connection/packages.rs"]
mod packages;
#[path = "connection/reuse.rs"]
mod reuse;

use agent::wire::{Answer, Apply, Exec, Op, Query, Session};
use lustores_provision::connection::{
    ApplyError, Kind, Link, LinkError, Opened, Options, Target, Way, disarm,
};
use lustores_provision::diag::Exit;
use sshd::{PASSWORD, Sshd, run};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Opens, asks one real question, closes.
async fn talk(target: &Target, options: &Options) -> Result<Opened, LinkError> {
    let opened = Link::open(target, options).await?;
    let answers = opened.link.observe(vec![Query::File { path: "/etc/passwd".into() }]).await?;
    assert!(matches!(&answers[..], [Answer::Meta(Some(_))]), "{answers:?}");
    opened.link.close().await;
    Ok(opened)
}

async fn fails(target: &Target, options: &Options) -> LinkError {
    let Err(error) = talk(target, options).await else { panic!("it works, and must not") };
    assert_eq!(error.host, "web1");
    error
}

fn sleeper() -> Vec<Query> {
    vec![Query::Test(Exec::new(["sleep", "1000"]))]
}

/// The same for alice, and the file that is there as soon as the question has arrived.
fn marked_sleeper(host: &Sshd, name: &str) -> (Vec<Query>, PathBuf) {
    let mark = host.home("alice").join(name);
    let script = format!("touch {}; exec sleep 1000", mark.display());
    (vec![Query::Test(Exec::new(["sh", "-c", &script]))], mark)
}

async fn until(there: &Path) {
    while !there.exists() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_second_run_finds_the_agent_and_asks_with_the_opening() {
    let host = Sshd::start();
    let mut options = host.options();
    let opened = talk(&host.target("alice"), &options).await.unwrap();
    assert!(opened.uploaded);
    assert_eq!(opened.hello.facts.user.name, "alice");
    options.first = vec![Query::File { path: "/etc/passwd".into() }; 50];
    let opened = Link::open(&host.target("alice"), &options).await.unwrap();
    assert!(!opened.uploaded);
    assert_eq!((opened.first.len(), opened.link.round_trips()), (50, 1));
    opened.link.observe(vec![Query::File { path: "/etc/group".into() }]).await.unwrap();
    assert_eq!(opened.link.round_trips(), 2);
    opened.link.close().await;
    assert_eq!(opened.link.observe(sleeper()).await.unwrap_err().kind, Kind::Lost);
    let mode = fs::metadata(&host.cached("alice")[0]).unwrap().mode();
    assert_eq!((mode & 0o7777, host.cached("alice").len()), (0o700, 1), "no temporary file is left");
}

#[tokio::test]
async fn questions_early_on_stdin_do_not_disturb_an_upload() {
    let host = Sshd::start();
    let mut options = host.options();
    options.first = vec![Query::File { path: "/etc/passwd".into() }; 20];
    let opened = Link::open(&host.target("alice"), &options).await.unwrap();
    assert!(opened.uploaded && opened.first.len() == 20);
    // More than is sent early.
    options.first = vec![Query::File { path: "/etc/passwd".into() }; 20_000];
    let opened = Link::open(&host.target("alice"), &options).await.unwrap();
    assert!(!opened.uploaded && opened.first.len() == 20_000);
}

#[tokio::test]
async fn a_truncated_or_damaged_agent_in_the_cache_is_replaced() {
    let host = Sshd::start();
    let (target, options) = (host.target("alice"), host.options());
    talk(&target, &options).await.unwrap();
    let cached = host.cached("alice").remove(0);
    let good = fs::read(&cached).unwrap();
    for bad in [good[..good.len() / 2].to_vec(), vec![], vec![0; good.len()]] {
        fs::write(&cached, bad).unwrap();
        assert!(talk(&target, &options).await.unwrap().uploaded);
        assert!(fs::read(&cached).unwrap() == good);
    }
    assert!(!talk(&target, &options).await.unwrap().uploaded);
}

#[tokio::test]
async fn a_cache_that_others_can_write_or_that_is_a_link_is_not_used() {
    let host = Sshd::start();
    let (target, options) = (host.target("alice"), host.options());
    talk(&target, &options).await.unwrap();
    let dir = host.home("alice").join(".cache/provision-agent");
    let elsewhere = host.home("alice").join("elsewhere");
    fs::rename(&dir, &elsewhere).unwrap();
    symlink(&elsewhere, &dir).unwrap();
    assert!(talk(&target, &options).await.unwrap().uploaded, "the next folder, which is empty");
    assert!(!talk(&target, &options).await.unwrap().uploaded, "and now is not");
    fs::remove_file(&dir).unwrap();
    fs::rename(&elsewhere, &dir).unwrap();
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    let cached = host.cached("alice").remove(0);
    fs::write(&cached, "#!/bin/sh\necho taken over\n").unwrap();
    assert!(!talk(&target, &options).await.unwrap().uploaded, "from the second folder");
    assert!(fs::read(&cached).unwrap().starts_with(b"#!"), "it was left alone");
}

#[tokio::test]
async fn a_folder_without_exec_or_space_is_passed_over() {
    let host = Sshd::start();
    for user in ["noexec", "small"] {
        let (target, options) = (host.target(user), host.options());
        assert!(talk(&target, &options).await.unwrap().uploaded, "{user}");
        assert!(!talk(&target, &options).await.unwrap().uploaded, "{user}");
    }
    let error = fails(&host.target("nowhere"), &host.options()).await;
    let text = error.to_string();
    assert_eq!(error.kind, Kind::Agent);
    for part in ["no place for the agent", "noexec", "not a folder that only we can use"] {
        assert!(text.contains(part), "{text}");
    }
}

#[tokio::test]
async fn a_login_that_prints_does_not_break_the_frames() {
    let host = Sshd::start();
    let noise = "echo 'welcome to the provision ready need x86_64 show'; printf 'no newline'; echo trouble >&2\n\
        echo \"$BASH_EXECUTION_STRING\"\n";
    fs::write(host.home("alice").join(".bashrc"), noise).unwrap();
    assert!(talk(&host.target("alice"), &host.options()).await.unwrap().uploaded);
    assert!(!talk(&host.target("alice"), &host.options()).await.unwrap().uploaded);
}

#[tokio::test]
async fn csh_and_fish_are_login_shells_as_good_as_any() {
    let host = Sshd::start();
    for user in ["carol", "fiona"] {
        let opened = talk(&host.target(user), &host.options()).await.unwrap();
        assert_eq!((opened.hello.facts.user.name.as_str(), opened.uploaded), (user, true));
        assert!(!talk(&host.target(user), &host.options()).await.unwrap().uploaded);
    }
    let error = fails(&host.target("closed"), &host.options()).await;
    assert!(error.to_string().contains("not available"), "{error}");
}

#[tokio::test]
async fn root_has_a_cache_of_its_own() {
    let host = Sshd::start();
    talk(&host.target("alice"), &host.options()).await.unwrap();
    let root = host.becoming("alice", "root", None);
    let opened = talk(&root, &host.options()).await.unwrap();
    assert_eq!((opened.uploaded, opened.hello.facts.user.uid), (true, 0));
    assert!(!talk(&root, &host.options()).await.unwrap().uploaded);
    let dir = fs::metadata(host.base.join("cache/provision-agent")).unwrap();
    assert_eq!((dir.uid(), dir.mode() & 0o7777), (0, 0o700));
    // And a third user.
    let opened = talk(&host.becoming("alice", "norman", None), &host.options()).await.unwrap();
    assert_eq!((opened.uploaded, opened.hello.facts.user.name.as_str()), (true, "norman"));
}

#[tokio::test]
async fn sudo_gets_the_password_when_it_asks() {
    let host = Sshd::start();
    let root = host.becoming("paula", "root", Some(PASSWORD));
    let mut options = host.options();
    options.first = vec![Query::File { path: "/etc/passwd".into() }];
    let opened = Link::open(&root, &options).await.unwrap();
    assert_eq!((opened.hello.facts.user.uid, opened.first.len()), (0, 1));
    // Given, but not asked for.
    let opened = talk(&host.becoming("alice", "root", Some("unused")), &host.options()).await.unwrap();
    assert_eq!(opened.hello.facts.user.uid, 0);
}

#[tokio::test]
async fn sudo_that_refuses_says_why() {
    let host = Sshd::start();
    for (user, password, message) in [
        ("paula", Some("wrong secret"), "refuses the password"),
        ("paula", None, "wants a password"),
        ("norman", None, "wants a password"),
    ] {
        let error = fails(&host.becoming(user, "root", password), &host.options()).await;
        assert!(error.kind == Kind::Become && error.message.contains(message), "{error}");
        assert!(!format!("{error:?}").contains("wrong secret"));
    }
    let error = fails(&host.becoming("alice", "nobody-here", None), &host.options()).await;
    assert!(error.to_string().contains("unknown user"), "{error}");
}

#[tokio::test]
async fn a_host_without_sudo_says_so() {
    let host = Sshd::start_with(true);
    let error = fails(&host.becoming("alice", "root", None), &host.options()).await;
    assert!(error.message.contains("no sudo"), "{error}");
    assert_eq!(error.exit(), Exit::Unreachable);
}

#[tokio::test]
async fn host_keys_are_strict() {
    let host = Sshd::start();
    let known = host.base.join("known_hosts");
    let (target, options) = (host.target("alice"), host.options());
    let place = format!("[127.0.0.1]:{}", host.port);
    fs::write(&known, "").unwrap();
    let error = fails(&target, &options).await;
    assert!(error.kind == Kind::HostKey && error.message.contains("is not known"), "{error}");
    let hint = error.hint.unwrap();
    assert!(
        hint.contains(&format!("ssh-keyscan -p {} 127.0.0.1 >> {}", host.port, known.display())),
        "{hint}"
    );
    assert_eq!(fs::read_to_string(&known).unwrap(), "", "nothing was added");
    let other = fs::read_to_string(host.base.join("key.pub")).unwrap();
    fs::write(&known, format!("{place} {other}")).unwrap();
    let error = fails(&target, &options).await;
    assert!(error.kind == Kind::HostKey && error.message.contains("not the one"), "{error}");
    let hint = error.hint.unwrap();
    assert!(hint.contains(&format!("ssh-keygen -R '{place}' -f {}", known.display())), "{hint}");
}

#[tokio::test]
async fn a_host_that_does_not_let_us_in_or_is_down_is_named() {
    let mut host = Sshd::start();
    let mut target = host.target("alice");
    fs::remove_file(host.home("alice").join(".ssh/authorized_keys")).unwrap();
    let error = fails(&target, &host.options()).await;
    assert!(error.kind == Kind::Denied && error.message.contains("alice@127.0.0.1"), "{error}");
    assert!(error.to_string().contains(&host.base.join("key").display().to_string()), "{error}");
    host.kill();
    let error = fails(&target, &host.options()).await;
    assert!(error.kind == Kind::Unreachable && error.message.contains("refuses"), "{error}");
    assert_eq!(error.exit(), Exit::Unreachable);
    let Way::Ssh(ssh) = &mut target.way else { panic!() };
    ssh.address = Some("no-such-host.invalid".into());
    let error = fails(&target, &host.options()).await;
    assert!(error.message.contains("is not known"), "{error}");
}

#[tokio::test]
async fn the_end_of_sshd_or_of_the_agent_fails_what_is_pending() {
    let mut host = Sshd::start();
    let opened = Link::open(&host.target("alice"), &host.options()).await.unwrap();
    let link = opened.link.clone();
    let (question, asked) = marked_sleeper(&host, "one");
    let pending = tokio::spawn(async move { link.observe(question).await });
    until(&asked).await;
    assert_eq!(host.kill_agents(47001), 1);
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::Lost, "{error}");
    assert!(error.to_string().contains("web1") && error.to_string().contains("1 question"), "{error}");
    assert_eq!(opened.link.observe(sleeper()).await.unwrap_err().kind, Kind::Lost);

    let opened = Link::open(&host.target("alice"), &host.options()).await.unwrap();
    let link = opened.link.clone();
    let (question, asked) = marked_sleeper(&host, "two");
    let pending = tokio::spawn(async move { link.observe(question).await });
    until(&asked).await;
    host.kill();
    let error = pending.await.unwrap().unwrap_err();
    assert_eq!(error.kind, Kind::Lost, "{error}");
}

#[tokio::test]
async fn a_silent_agent_is_given_up_after_the_heartbeat() {
    let host = Sshd::start();
    let options = Options { heartbeat: Duration::from_secs(3), ..host.options() };
    let opened = Link::open(&host.target("alice"), &options).await.unwrap();
    // Pings keep a session alive that does nothing for longer than that.
    tokio::time::sleep(Duration::from_secs(5)).await;
    opened.link.observe(vec![Query::File { path: "/etc/group".into() }]).await.unwrap();
    let link = opened.link.clone();
    let (question, asked) = marked_sleeper(&host, "asked");
    let pending = tokio::spawn(async move { link.observe(question).await });
    until(&asked).await;
    assert_eq!(host.signal_agents(47001, "-STOP"), 1);
    let error = pending.await.unwrap().unwrap_err();
    assert!(error.to_string().contains("no sign of life"), "{error}");
    host.signal_agents(47001, "-KILL");
}

#[tokio::test]
async fn many_requests_are_on_their_way_at_once_and_one_can_be_given_up() {
    let host = Sshd::start();
    let opened = Link::open(&host.target("alice"), &host.options()).await.unwrap();
    let slow = tokio::time::timeout(Duration::from_millis(200), opened.link.observe(sleeper()));
    assert!(slow.await.is_err());
    let mut all = tokio::task::JoinSet::new();
    for number in 0..500 {
        let link = opened.link.clone();
        all.spawn(async move {
            let path = if number % 2 == 0 { "/etc/passwd" } else { "/no such path" };
            let answers = link.observe(vec![Query::File { path: path.into() }]).await.unwrap();
            assert_eq!(matches!(answers[0], Answer::Meta(Some(_))), number % 2 == 0);
        });
    }
    assert_eq!(all.join_all().await.len(), 500);
}

#[tokio::test]
async fn local_is_the_same_agent_with_a_prefix() {
    let host = Sshd::start();
    let home = host.base.join("local");
    fs::create_dir(&home).unwrap();
    let way = Way::Local { prefix: vec!["env".into(), format!("HOME={}", home.display())] };
    let mut target = Target { name: "web1".into(), way, r#become: None };
    let opened = talk(&target, &host.options()).await.unwrap();
    assert_eq!(opened.hello.facts.user.uid, 0);
    target.way = Way::Local { prefix: vec!["/no/such/program".into()] };
    let error = fails(&target, &host.options()).await;
    assert!(error.message.contains("/no/such/program cannot be started"), "{error}");
    assert!(
        !disarm(&Target { way: Way::Local { prefix: vec![] }, ..target }, &host.options(), "x")
            .await
            .unwrap()
    );
}

fn command(argv: &[&str]) -> Apply {
    let op = Op::Exec { exec: Exec::new(argv.iter().copied()), ok: vec![] };
    Apply { task: "run it".into(), guard: vec![], ops: vec![op], then: vec![], dues: None }
}

#[tokio::test]
async fn a_change_is_made_with_progress_and_a_failed_one_says_which_op() {
    let host = Sshd::start();
    let target = host.becoming("alice", "root", None);
    let opened =
        Link::open(&target, &Options { session: Session::ReadOnly, ..host.options() }).await.unwrap();
    let refused = opened.link.apply(command(&["true"]), |_| ()).await.unwrap_err();
    assert!(matches!(refused, ApplyError::Refused(_)), "{refused}");
    opened.link.close().await;

    let options = Options { session: Session::ReadWrite, ..host.options() };
    let link = Link::open(&target, &options).await.unwrap().link;
    let mut lines = vec![];
    let talk = command(&["sh", "-c", "echo one; echo two"]);
    let applied = link.apply(talk, |line| lines.push(line.bytes().to_vec())).await.unwrap();
    assert_eq!(applied.outputs[0].stdout.bytes(), b"one\ntwo\n");
    assert_eq!(lines, [b"one", b"two"]);
    let failed = link.apply(command(&["sh", "-c", "echo why >&2; exit 3"]), |_| ()).await.unwrap_err();
    let ApplyError::OpFailed { index: 0, output: Some(output), .. } = failed else { panic!("{failed:?}") };
    assert_eq!((output.code, output.stderr.bytes()), (3, &b"why\n"[..]));
    let options = Options { run: "run-2".into(), ..options };
    let held = Link::open(&target, &options).await.err().expect("one run at a time");
    assert!(held.kind == Kind::LeaseHeld && held.to_string().contains("tester"), "{held}");
    assert_eq!(held.exit(), Exit::LockHeld);
}
