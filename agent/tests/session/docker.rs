//! Docker where there is none: a program of that name plays back what the real one said (`tests/docker/`).

use crate::harness::*;
use agent::wire::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An agent for which the programs in `folder` come first.
fn agent(folder: &Path, state: &Path, session: Session) -> Agent {
    assert!(rustix::process::geteuid().is_root(), "these tests mount: run them as root");
    let enter = "mount --bind \"$1\" /usr/local/sbin && shift && exec \"$@\"";
    Agent::open_in(&["unshare", "-m", "sh", "-c", enter, "sh", &text(folder)], state, session, "r")
}

fn wait(services: &[&str], jobs: &[&str], timeout_s: u32) -> Op {
    let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
    let until = Until::ComposeHealthy {
        project: "play".into(),
        directory: "/".into(),
        services: owned(services),
        jobs: owned(jobs),
    };
    Op::Wait(Wait { until, timeout_s, interval_ms: 100 })
}

fn recorded(state: &tempfile::TempDir) -> Agent {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/docker");
    agent(&folder, state.path(), Session::ReadWrite)
}

#[test]
fn what_runs_is_healthy_or_is_done_is_waited_for_no_longer() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = recorded(&state);
    agent.done(wait(&["web", "work", "once"], &[], 0));
    agent.done(wait(&["web", "once"], &["once"], 0));
    // It still works at what others wait for.
    let message = agent.fails(wait(&["web", "work"], &["work"], 0));
    assert!(message.contains("work is not done yet") && message.contains("    still at it"), "{message}");
}

#[test]
fn the_probe_and_the_log_of_an_unhealthy_service_are_shown() {
    let state = tempfile::tempdir().unwrap();
    let message = recorded(&state).fails(wait(&["web", "db", "absent"], &[], 0));
    assert_eq!(
        message,
        "ran out of time after 0 s waiting for healthy services (web, db, absent): db is unhealthy, absent has no container\n\
         db is unhealthy\n  its health check said: could not connect: no such socket\n     (exit code 1)\n  \
         the end of its log:\n    starting\n    data directory has wrong ownership\n\
         absent has no container"
    );
}

#[test]
fn a_job_that_failed_is_a_failure_at_once_with_its_log() {
    let state = tempfile::tempdir().unwrap();
    // Were it waited for, the test would not end.
    let message = recorded(&state).fails(wait(&["web", "migrate"], &["migrate"], 86_400));
    assert_eq!(
        message,
        "it is in vain to wait for healthy services (web, migrate): migrate has exited with 3\n\
         migrate has exited with 3\n  exit code: 3\n  the end of its log:\n    migration 1\n    migration 2\n    \
         migration 3\n    relation users does not exist"
    );
}

#[test]
fn what_starts_over_and_over_and_what_cannot_be_started_is_explained() {
    let state = tempfile::tempdir().unwrap();
    let message = recorded(&state).fails(wait(&["crash", "empty"], &[], 0));
    assert!(message.contains("crash is restarting, empty is created\n"), "{message}");
    assert!(message.contains("\ncrash is restarting\n  exit code: 1\n"), "{message}");
    assert!(message.contains("    port is taken"), "{message}");
    let why = "\nempty is created\n  error: failed to create shim task: OCI runtime create failed: runc create failed: unable \
               to start container process: exec: \"/no/such/program\": stat /no/such/program: no such file or directory: \
               unknown\n  exit code: 127\n";
    assert!(message.contains(why), "{message}");
}

/// A docker whose compose answers with these texts; `$env` is the file that was given as `--env-file`.
fn compose(folder: &Path, config: &str, dry_run: &str, dry_run_code: u8) {
    let script = format!(
        "#!/bin/sh\n\
         for word; do\n[ \"$before\" != --env-file ] || env=$word\nbefore=$word\ndone\n\
         case \"$*\" in\n\
         *'config --format json') cat <<END\n{config}\nEND\n;;\n\
         *'--dry-run create --pull never') cat >&2 <<END\n{dry_run}\nEND\nexit {dry_run_code};;\n\
         esac\n"
    );
    let path = folder.join("docker");
    fs::write(&path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

fn ask(folder: &Path, directory: &str) -> Output {
    let state = tempfile::tempdir().unwrap();
    let probe = ComposeProbe {
        project: "play".into(),
        directory: directory.into(),
        files: vec![("compose.yml".into(), Some("services: {}\n".into()))],
        included: vec![],
        env_files: vec![(".env".into(), Some("KEY=canary\n".into()))],
        profiles: vec![],
        ask: ComposeAsk::Up { recreate: None, scale: vec![] },
    };
    match agent(folder, state.path(), Session::ReadOnly).observe(Query::Run(Probe::Compose(probe))) {
        Answer::Output(output) => output,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_project_folder_may_have_quotes_and_backslashes_in_its_name() {
    let folder = tempfile::tempdir().unwrap();
    compose(folder.path(), r#"{"services":{},"from":"$env"}"#, "", 0);
    let output = ask(folder.path(), "/srv/a \"b\" \\c");
    let seen = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(seen.contains(r#""from":"/srv/a \"b\" \\c/.env""#), "{seen}");
}

#[test]
fn a_dry_run_tells_of_containers_that_go() {
    let folder = tempfile::tempdir().unwrap();
    // As compose 2.26.1 says it when a service is to have fewer containers.
    let said = " DRY-RUN MODE -  Container t-web-1  Running \n DRY-RUN MODE -  Container t-web-2  Stopping \n \
                DRY-RUN MODE -  Container t-web-2  Stopped \n DRY-RUN MODE -  Container t-web-2  Removing \n \
                DRY-RUN MODE -  Container t-web-2  Removed ";
    compose(folder.path(), "{}", said, 0);
    let seen = ask(folder.path(), "/srv").stdout;
    let seen = String::from_utf8_lossy(seen.bytes()).into_owned();
    assert!(
        seen.contains("Container t-web-1  Running") && seen.contains("Container t-web-2  Removed"),
        "{seen}"
    );
}

#[test]
fn what_compose_refuses_is_told_in_its_words() {
    let folder = tempfile::tempdir().unwrap();
    compose(folder.path(), "{}", "Error: No such image: nothing:1", 1);
    let output = ask(folder.path(), "/srv");
    assert!(output.code == 1 && output.stderr.bytes() == b"Error: No such image: nothing:1", "{output:?}");
}

/// Compose waits for what a service depends on by itself, and says no more than that it is unhealthy.
#[test]
fn a_dependency_that_compose_gave_up_on_is_explained() {
    let state = tempfile::tempdir().unwrap();
    let say = "echo 'dependency failed to start: container play-db-1 is unhealthy' >&2; exit 1";
    let up = Op::Exec { exec: Exec::new(["sh", "-c", say]), ok: vec![] };
    let ops = vec![up, wait(&["web", "db"], &[], 0)];
    let apply = Apply { task: "t".into(), guard: vec![], ops, then: vec![], dues: None };
    match recorded(&state).ask(Request::Apply(apply)) {
        Response::OpFailed { index: 0, message, output } => {
            assert!(message.starts_with("`sh` exited with 1\ndb is unhealthy\n"), "{message}");
            assert!(
                message.contains("its health check said: could not connect: no such socket"),
                "{message}"
            );
            assert!(message.contains("data directory has wrong ownership"), "{message}");
            assert!(output.unwrap().stderr.bytes().starts_with(b"dependency failed"));
        }
        other => panic!("{other:?}"),
    }
}

/// A file that another one includes is its copy, and people are told of the file.
#[test]
fn what_a_compose_file_includes_is_a_copy_as_well() {
    let folder = tempfile::tempdir().unwrap();
    let said = r#"{"services":{},"main":"$(tr -d '"' < ${env%/*}/file-0)","other":"$(tr -d '"' < ${env%/*}/included-0)"}"#;
    compose(folder.path(), said, "", 0);
    let probe = ComposeProbe {
        project: "play".into(),
        directory: "/srv/play".into(),
        files: vec![(
            "/srv/play/compose.yml".into(),
            Some("include: [\"@PROVISION_COPY@/included-0\"]".into()),
        )],
        included: vec![("/srv/base/base.yml".into(), "env_file: \"@PROVISION_COPY@/0\"".into())],
        env_files: vec![
            ("/srv/base/own.env".into(), Some("KEY=canary\n".into())),
            ("/srv/play/.env".into(), Some("KEY=canary\n".into())),
        ],
        profiles: vec![],
        ask: ComposeAsk::Up { recreate: None, scale: vec![] },
    };
    let state = tempfile::tempdir().unwrap();
    let answer =
        agent(folder.path(), state.path(), Session::ReadOnly).observe(Query::Run(Probe::Compose(probe)));
    let Answer::Output(output) = answer else { panic!("{answer:?}") };
    let seen = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(seen.contains(r#""main":"include: [/srv/base/base.yml]""#), "{seen}");
    assert!(seen.contains(r#""other":"env_file: /srv/base/own.env""#), "{seen}");
}
