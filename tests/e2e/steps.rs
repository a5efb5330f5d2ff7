//! What the steps that are about both machines do and prove.

use crate::guest::{Guest, beside, on_all, spawn};
use crate::outside::{self, PRIVATE, Port, Route};
use crate::promise::{self, Tags};
use crate::snapshot;
use crate::story::Story;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

pub const ENV_TASK: &str = "env : Settings and secrets of the stack";
pub const STACK_TASK: &str = "stack : The services run and are healthy";

pub fn boot(story: &mut Story) {
    up(story, "2");
    story.watches = story.guests.each_ref().map(|guest| Some(story.canary.watch(guest)));
}

/// Only the first machine.
pub fn boot_one(story: &mut Story) {
    up(story, "1");
}

fn up(story: &Story, count: &str) {
    let images = std::env::var("LUSTORES_TEST_IMAGES")
        .expect("LUSTORES_TEST_IMAGES names the stack's images: run `make test-vms`, or see docs/lab.md");
    let mut words =
        vec!["lab".into(), "up".into(), count.into(), "--disk".into(), format!("images={images}")];
    if let Some(suite) = std::env::var("LUSTORES_E2E_SUITE").ok().filter(|suite| !suite.is_empty()) {
        words.extend(["--suite".into(), suite]);
    }
    story.program.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
}

pub fn check_bare(story: &mut Story) {
    let before = on_all(&story.guests, snapshot::take);
    let check = story.program.apply(&["--check"]).expect(10);
    assert!(!check.out.contains("error:") && !check.err.contains("error:"), "{check}");
    let check = story.program.apply(&["--check", "--json"]).expect(10);
    for guest in &story.guests {
        let pending = check.pending(guest.name);
        for task in [ENV_TASK, STACK_TASK, "docker : Docker and compose, from the distribution"] {
            assert!(pending.iter().any(|p| p.name == task), "`{task}` is not in the plan\n{check}");
        }
        assert_eq!(check.count(guest.name, "failed"), 0, "{check}");
        println!("   {}: {} tasks would do something", guest.name, pending.len());
    }
    let after = on_all(&story.guests, snapshot::take);
    for (guest, (before, after)) in story.guests.iter().zip(before.iter().zip(&after)) {
        snapshot::assert_equal(guest, before, after);
        println!("   {}: {} lines of its state are equal before and after", guest.name, before.len());
    }
    story.shown_on_bare = Some(check);
}

pub fn killed_apply(story: &mut Story) {
    let mut run = story.program.start_apply(&["--yes", "--json"]);
    // In the middle: Docker's files are being unpacked.
    let script = r"for _ in $(seq 2400); do
            case $(dpkg-query -W -f '${db:Status-Status}' containerd 2> /dev/null) in
                unpacked | half-installed | half-configured | triggers-*) exit 0 ;;
                installed) echo 'the installation is over already'; exit 1 ;;
            esac
            sleep 0.1
        done; echo 'no installation began'; exit 1";
    if let Err(error) = story.guests[1].try_sh(script, b"") {
        panic!("{error}\n{}", run.kill());
    }
    assert!(!run.has_ended(), "{}", run.finish());
    let run = run.kill();
    assert_eq!(run.exit, None, "{run}");
    story.killed = Some(run);
    let state = story.guests[1].sh("dpkg-query -W -f '${db:Status-Status}' docker.io || true");
    assert_ne!(state, "installed", "it was killed too late to prove something");
    println!("   docker.io was {}", if state.is_empty() { "not there" } else { &state });
}

pub fn apply(story: &mut Story) {
    let run = story.program.apply(&["--yes", "--prove", "--json"]).expect(0);
    let shown = story.shown_on_bare.take().expect("they were looked at while they were bare");
    // What a killed run did had been shown as well. The next one is planned on what that left, and keeps to what it shows itself.
    let held = match &story.killed {
        Some(killed) => vec![(&shown, killed), (&run, &run)],
        None => vec![(&shown, &run)],
    };
    let mut broken = vec![];
    for (shown, done) in held {
        let mut tags = Tags::default();
        for guest in &story.guests {
            let kept = promise::kept(shown, done, guest.name, &mut tags);
            println!("   {}: {} changes came out as they were shown", guest.name, kept.changed.len());
            assert!(done.exit.is_none() || kept.changed.len() > 25, "{}: {:#?}", guest.name, kept.changed);
            broken.extend(kept.broken.iter().map(|line| format!("{}: {line}", guest.name)));
            if done.exit.is_none() || story.killed.is_none() {
                let more: Vec<_> = kept.deferred.difference(&promise::told_later()).cloned().collect();
                let which = format!("{}: docs/apply.md does not name {more:#?}", guest.name);
                broken.extend((!more.is_empty()).then_some(which));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    promise::assert_proved(&run, &story.guests.each_ref().map(|guest| guest.name));
    println!("   two bare machines to two running servers: {:.0} s", run.seconds);
    story.containers = on_all(&story.guests, Guest::healthy);
}

pub fn scan(story: &mut Story) {
    let wanted: BTreeMap<u16, Port> = [22, 80, 443].map(|port| (port, Port::Open)).into();
    lustores_provision::connection::raise_open_files();
    let containers = &story.containers;
    on_all(&story.guests, |guest| {
        let containers = &containers[usize::from(guest.number) - 1];
        // Something that listens on the host itself, on all addresses: the firewall has to close that too.
        let mut listener = listen(guest);
        let few: Vec<u16> = (1..=1024).chain(PRIVATE).collect();
        let all: Vec<u16> = (1..=u16::MAX).collect();
        // All ports of one machine, and the other one's likely ones.
        let ports = if guest.number == 1 { &all } else { &few };
        beside(outside::addresses(guest), |address| {
            let patient =
                || outside::scan(address, &[&[22, 80, 443], &PRIVATE[..]].concat(), Duration::from_secs(10));
            // Silence proves something only where the machine was heard, before and after.
            assert_eq!(patient(), wanted, "{}: what answers on {}", guest.name, address.ip());
            let mut found = outside::scan(address, ports, Duration::from_secs(1));
            found.extend(patient());
            assert_eq!(found, wanted, "{}: what answers on {}", guest.name, address.ip());
            println!(
                "   {}: {} of {} ports answer on {}",
                guest.name,
                found.len(),
                ports.len(),
                address.ip()
            );
        });
        drop(listener.stdin.take());
        listener.wait().unwrap();
        for (service, port) in [("replit-auth", 3001), ("app", 5000), ("db", 5432), ("redis", 6379)] {
            let address = &containers[service].address;
            guest.sh(&format!("timeout 10 bash -c '< /dev/tcp/{address}/{port}'"));
        }
    });
    for guest in &story.guests {
        let _route = Route::through(guest);
        beside(&story.containers[usize::from(guest.number) - 1], |(service, container)| {
            let address = format!("{}:0", container.address).parse().unwrap();
            let found = outside::scan(address, &[&PRIVATE[..], &[80, 443]].concat(), Duration::from_secs(2));
            assert!(found.is_empty(), "{}: {service} can be reached by a route: {found:?}", guest.name);
        });
    }
}

/// Listens on [`PRIVATE`] ports of the host, IPv4 and IPv6, until its stdin is closed.
fn listen(guest: &Guest) -> std::process::Child {
    let ports = PRIVATE.map(|port| port.to_string()).join(", ");
    let script = format!(
        "exec perl -MSocket -e '$| = 1; for $port ({ports}) {{ \
         socket($s = undef, AF_INET6, SOCK_STREAM, 0) or die $!; setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 0); \
         bind($s, pack_sockaddr_in6($port, Socket::IN6ADDR_ANY)) or die $!; listen($s, 9) or die $!; push @all, $s }} \
         print \"listening\\n\"; <STDIN>'"
    );
    let mut child = spawn(guest.ssh(&script).stdin(Stdio::piped()));
    let mut line = String::new();
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut line).unwrap();
    assert_eq!(line, "listening\n", "{}: {:?}", guest.name, child.wait_with_output());
    guest.sh("for port in 3001 5432; do timeout 10 bash -c \"< /dev/tcp/127.0.0.1/$port && < /dev/tcp/::1/$port\"; done");
    child
}

pub fn apply_again(story: &mut Story) {
    let run = story.program.apply(&["--yes", "--json"]).expect(0);
    for guest in &story.guests {
        assert_eq!(run.count(guest.name, "changed"), 0, "{run}");
        let pending = run.pending(guest.name);
        assert!(pending.is_empty(), "{}: {pending:#?}", guest.name);
    }
    let after = on_all(&story.guests, Guest::healthy);
    assert_eq!(after, story.containers, "containers have changed");
}

pub fn no_secret_leaked(story: &mut Story) {
    let home = PathBuf::from(std::env::var_os("HOME").unwrap());
    let mut places = vec![
        // All that the program printed, plain and as JSON, and its temporary files.
        story.program.scratch.clone(),
        crate::program::Program::root().to_owned(),
        story.program.lab_dir.clone(),
        lustores_provision::connection::control_dir(),
        // The agent works on the controller too, for what is asked from outside.
        "/var/lib/provision-agent".into(),
        "/var/cache/provision-agent".into(),
    ];
    places.extend([".ssh", ".config", ".local/state"].map(|name| home.join(name)));
    let mut found = story.canary.found_in(&places);
    found.extend(on_all(&story.guests, |guest| story.canary.found_on(guest)).into_iter().flatten());
    assert!(found.is_empty(), "secrets are in: {found:#?}");
}
