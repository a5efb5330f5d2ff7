use crate::harness::*;
use agent::wire::*;

fn ask(agent: &mut Agent, probe: Probe) -> Output {
    match agent.observe(Query::Run(probe)) {
        Answer::Output(output) => output,
        other => panic!("{other:?}"),
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn probes_ask_the_real_programs() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadOnly, "r");
    let which = ask(&mut agent, Probe::Which { program: "sh".into() });
    assert!(which.code == 0 && text(which.stdout.bytes()).ends_with("/sh\n"), "{which:?}");
    assert_eq!(ask(&mut agent, Probe::Which { program: "no-such-program".into() }).code, 1);
    let mount = ask(&mut agent, Probe::MountOf { path: "/proc/self".into() });
    assert_eq!(text(mount.stdout.bytes()).split_whitespace().next(), Some("/proc"), "{mount:?}");
    let sysctl = ask(&mut agent, Probe::Sysctl { key: "kernel.ostype".into() });
    assert_eq!(sysctl.stdout.bytes(), b"Linux\n", "{sysctl:?}: tests/deps installs procps");
    let names = vec!["bash".to_string(), "no-such-package".to_string()];
    let status = ask(&mut agent, Probe::DpkgStatus { names });
    assert_eq!(status.code, 1);
    assert!(text(status.stdout.bytes()).starts_with("bash\tii \t"), "{status:?}");
    let bad = ask(&mut agent, Probe::NftCheck { ruleset: "table inet x {".into() });
    assert!(bad.code == 1 && text(bad.stderr.bytes()).contains("syntax error"), "{bad:?}");
}

#[test]
fn a_certificate_is_described() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let mut agent = Agent::open(&state, Session::ReadWrite, "r");
    assert!(agent::child::which("openssl").is_some(), "there is no openssl: tests/deps installs it");
    let make = |name: &str| {
        exec(&format!(
            "cd {} && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=a.test \
             -addext subjectAltName=DNS:a.test -keyout {name}.key -out {name}.pem",
            folder.path().display()
        ))
    };
    agent.done(make("one"));
    agent.done(make("two"));
    let path = |name: &str| crate::harness::text(folder.path().join(name));
    let mut look = |key: &str, days: u64| {
        let probe =
            Probe::Certificate { path: path("one.pem"), key: path(key), expires_within_s: days * 86400 };
        text(ask(&mut agent, probe).stdout.bytes())
    };
    let seen = look("one.key", 10);
    assert!(seen.contains("DNS:a.test") && seen.ends_with("expires: no\nkey: matches\n"), "{seen}");
    assert!(look("two.key", 40).ends_with("expires: yes\nkey: differs\n"));
    assert!(look("no.key", 10).ends_with("key: missing\n"));
}

#[test]
fn an_account_is_described_and_an_unknown_one_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadOnly, "r");
    let Answer::User(Some(root)) = agent.observe(Query::User { name: "root".into() }) else { panic!() };
    assert_eq!((root.uid, root.group.as_str(), root.home.as_str()), (0, "root", "/root"));
    assert_eq!(agent.observe(Query::User { name: "no-such-user".into() }), Answer::User(None));
    // A number is not a name.
    assert_eq!(agent.observe(Query::User { name: "0".into() }), Answer::User(None));
    let Answer::Group(Some(group)) = agent.observe(Query::Group { name: "daemon".into() }) else { panic!() };
    assert_eq!(group.gid, 1);
}

/// Where docker is complete the answer is JSON; where a part is missing the code says which.
#[test]
fn compose_without_docker_is_told_apart_from_compose_without_daemon() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&folder.path().join("state"), Session::ReadOnly, "r");
    let compose = "services: {web: {image: 'nothing:1', pull_policy: never, env_file: ['@PROVISION_COPY@/0'], command: '${FROM_ENV}'}}\n";
    let probe = ComposeProbe {
        project: "agent-test".into(),
        directory: crate::harness::text(folder.path()),
        files: vec![("compose.yml".into(), Some(compose.into()))],
        included: vec![],
        env_files: vec![
            (".env.web".into(), Some("KEY=canary\n".into())),
            (".env".into(), Some("FROM_ENV=told\n".into())),
        ],
        profiles: vec![],
        ask: ComposeAsk::Up { recreate: None, scale: vec![] },
    };
    let output = ask(&mut agent, Probe::Compose(probe.clone()));
    let plugin = std::process::Command::new("docker").args(["compose", "version"]).output();
    if !plugin.is_ok_and(|output| output.status.success()) {
        assert_eq!(output.code, 127, "{output:?}");
    } else if ask(&mut agent, Probe::DockerApi).code != 0 {
        assert_eq!(output.code, 125, "{output:?}");
    } else {
        let seen = text(output.stdout.bytes());
        assert!(output.stdout.is_secret() && output.code == 0, "{seen}");
        assert!(seen.contains("canary") && seen.contains("told") && seen.contains("\"dry_run\":"), "{seen}");
        assert!(!seen.contains("provision-compose-"), "{seen}");
        let mut bad = probe;
        bad.files[0].1 = Some("services: {web: {imag: x}}\n".into());
        let seen = text(ask(&mut agent, Probe::Compose(bad)).stdout.bytes());
        assert!(seen.starts_with("{\"error\":") && seen.contains("imag"), "{seen}");
    }
    for parent in ["/run", "/dev/shm", "/tmp"] {
        let names = std::fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.file_name());
        assert!(!names.into_iter().any(|name| name.to_string_lossy().starts_with("provision-compose-")));
    }
}

/// Guards compare what was answered to many with what is answered to one.
#[test]
fn packages_asked_together_are_answered_as_one_by_one() {
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(state.path(), Session::ReadOnly, "r");
    let names = ["dpkg", "no-such-package", "libc6", "dpkg", "libc6:amd64", "no-such-*", "base-files"];
    let query = |name: &&str| Query::Run(Probe::DpkgStatus { names: vec![(*name).into()] });
    let together = match agent.ask(Request::Observe(names.iter().map(query).collect())) {
        Response::Answers(answers) => answers,
        other => panic!("{other:?}"),
    };
    let alone: Vec<Answer> = names.iter().map(|name| agent.observe(query(name))).collect();
    assert_eq!(together, alone);
    let Answer::Output(missing) = &alone[1] else { panic!("{alone:?}") };
    assert!(missing.code == 1 && missing.stderr.bytes().ends_with(b"no-such-package\n"), "{missing:?}");
}
