//! What each step does and proves. From the fifth on they work on the first machine only, to save time.

use crate::guest::{Guest, on_all, restarted, spawn};
use crate::outside::{self, PRIVATE, Port, Route};
use crate::program::Run;
use crate::snapshot;
use crate::story::Story;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SITE: &str = "/data/LUStores/nginx/templates/default.conf.template";
const SITE_TASK: &str = "nginx : The site";
const NGINX_TASK: &str = "stack : nginx serves what the files say";
const ENV_TASK: &str = "env : Settings and secrets of the stack";
pub const STACK_TASK: &str = "stack : The services run and are healthy";

pub fn boot(story: &mut Story) {
    let images = std::env::var("LUSTORES_TEST_IMAGES")
        .expect("LUSTORES_TEST_IMAGES names the stack's images: run `make test`, or see docs/lab.md");
    story.program.run(&["lab", "up", "2", "--disk", &format!("images={images}")]).expect(0);
    story.watch = Some(story.canary.watch(&story.guests));
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
        if guest.number == 1 {
            story.shown_on_bare = pending.iter().map(|p| p.name.clone()).collect();
        }
        println!("   {}: {} tasks would do something", guest.name, pending.len());
    }
    let after = on_all(&story.guests, snapshot::take);
    for (guest, (before, after)) in story.guests.iter().zip(before.iter().zip(&after)) {
        snapshot::assert_equal(guest, before, after);
        println!("   {}: {} lines of its state are equal before and after", guest.name, before.len());
    }
}

pub fn killed_apply(story: &mut Story) {
    let mut run = story.program.start_apply(&["--yes", "--json", "--limit", "lab2"]);
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
    let state = story.guests[1].sh("dpkg-query -W -f '${db:Status-Status}' docker.io || true");
    assert_ne!(state, "installed", "it was killed too late to prove something");
    println!("   docker.io was {}", if state.is_empty() { "not there" } else { &state });
}

pub fn apply(story: &mut Story) {
    let run = story.program.apply(&["--yes", "--json"]).expect(0);
    // The first machine was bare: what changed there had been shown while it was.
    let changed = run.changed("lab1");
    assert!(changed.len() > 30, "{changed:#?}");
    let unseen: Vec<_> = changed.iter().filter(|name| !story.shown_on_bare.contains(*name)).collect();
    assert!(unseen.is_empty(), "--check on the bare machine did not show: {unseen:#?}");
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
        for address in outside::addresses(guest) {
            let mut found = outside::scan(address, ports, Duration::from_secs(1));
            found.extend(outside::scan(address, &[22, 80, 443], Duration::from_secs(10)));
            assert_eq!(found, wanted, "{}: what answers on {}", guest.name, address.ip());
            println!(
                "   {}: {} of {} ports answer on {}",
                guest.name,
                found.len(),
                ports.len(),
                address.ip()
            );
        }
        drop(listener.stdin.take());
        listener.wait().unwrap();
        for (service, port) in [("replit-auth", 3001), ("app", 5000), ("db", 5432), ("redis", 6379)] {
            let address = &containers[service].address;
            guest.sh(&format!("timeout 10 bash -c '< /dev/tcp/{address}/{port}'"));
        }
    });
    for guest in &story.guests {
        let _route = Route::through(guest);
        for (service, container) in &story.containers[usize::from(guest.number) - 1] {
            let address = format!("{}:0", container.address).parse().unwrap();
            let found = outside::scan(address, &[&PRIVATE[..], &[80, 443]].concat(), Duration::from_secs(2));
            assert!(found.is_empty(), "{}: {service} can be reached by a route: {found:?}", guest.name);
        }
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
    story.program.apply(&["--check"]).expect(0);
}

pub fn edited_file(story: &mut Story) {
    let lab1 = &story.guests[0];
    let before = lab1.sh(&format!("sha256sum {SITE}; stat -c %a:%u:%g {SITE}"));
    lab1.sh(&format!("echo '# edited by hand' >> {SITE}"));
    let check = story.program.apply(&["--check", "--json", "--limit", "lab1"]).expect(10);
    let pending = check.pending("lab1");
    let (changes, later): (Vec<_>, Vec<_>) = pending.iter().partition(|p| p.verdict == "change");
    let [change] = &changes[..] else { panic!("one task was disturbed: {pending:#?}") };
    assert_eq!(change.name, SITE_TASK);
    let [(facet, difference)] = &change.facets[..] else { panic!("only its content was: {change:#?}") };
    assert!(facet == "content" && difference.contains("# edited by hand"), "{difference}");
    // Whether nginx has read what was edited is looked at once it is mended. It has not.
    assert!(
        later.iter().all(|p| (p.name.as_str(), p.verdict.as_str()) == (NGINX_TASK, "deferred")),
        "{later:#?}"
    );
    let run = story.program.mend("lab1", &["--json"]).expect(0);
    assert_eq!(run.changed("lab1"), [SITE_TASK], "{run}");
    assert_eq!(lab1.sh(&format!("sha256sum {SITE}; stat -c %a:%u:%g {SITE}")), before);
    assert_eq!(lab1.healthy(), story.containers[0], "no container has to do with that");

    // An operator who also restarts nginx: then it runs what was edited until it is started again.
    lab1.sh(&format!("echo '# edited by hand' >> {SITE}; docker restart -t 5 lustores-nginx-1"));
    let run = story.program.mend("lab1", &["--json"]).expect(0);
    assert_eq!(run.changed("lab1"), [SITE_TASK, NGINX_TASK], "{run}");
    assert_eq!(
        lab1.sh("docker exec lustores-nginx-1 grep -c 'by hand' /etc/nginx/conf.d/default.conf || true"),
        "0\n"
    );
    story.program.apply(&["--check", "--limit", "lab1"]).expect(0);
    expect_restarted(story, &["nginx"]);
}

pub fn changed_secret(story: &mut Story) {
    let new = story.secrets.new_jwt.clone();
    story.program.set_secret("jwt_secret", &new);
    let check = story.program.apply(&["--check", "--json", "--limit", "lab1"]).expect(10);
    assert_eq!(facets(&check, "lab1", ENV_TASK), ["JWT_SECRET"], "{check}");
    let named = [
        "service app",
        "service app environment JWT_SECRET",
        "service replit-auth",
        "service replit-auth environment JWT_SECRET",
    ];
    assert_eq!(facets(&check, "lab1", STACK_TASK), named, "{check}");
    story.program.mend("lab1", &[]).expect(0);
    expect_restarted(story, &["app", "replit-auth"]);
    story.program.apply(&["--check", "--limit", "lab1"]).expect(0);
}

pub fn rotated_password(story: &mut Story) {
    let (old, new) = (story.secrets.old_db_password.clone(), story.secrets.new_db_password.clone());
    story.program.set_secret("db_password", &new);
    let run = story.program.mend("lab1", &["--json"]).expect(0);
    let mut named = facets(&run, "lab1", STACK_TASK);
    named.retain(|facet| facet.contains("environment"));
    let wanted = ["service app environment DATABASE_URL", "service db environment POSTGRES_PASSWORD"];
    assert_eq!(named, wanted, "{run}");
    // The app's health includes a question to the database, so that it is healthy says that it knows the new one.
    expect_restarted(story, &["app", "db"]);
    let lab1 = &story.guests[0];
    // By another name than localhost, for which the image trusts everyone.
    let ask = r#"IFS= read -r PGPASSWORD; export PGPASSWORD; docker exec -e PGPASSWORD lustores-db-1 \
        psql -X -h db -U postgres -d university_inventory -tAc 'select 41 + 1' 2>&1"#;
    assert_eq!(lab1.try_sh(ask, format!("{new}\n").as_bytes()).as_deref(), Ok("42\n"));
    let refused = lab1.try_sh(ask, format!("{old}\n").as_bytes()).expect_err("the old password still works");
    assert!(refused.contains("password authentication failed"), "{refused}");
    story.program.apply(&["--check", "--limit", "lab1"]).expect(0);
    let watch = story.watch.take().expect("it was started with the machines");
    let seen = watch.end(&story.guests);
    assert!(seen.is_empty(), "processes had secrets in their arguments: {seen:#?}");
}

pub fn reboot(story: &mut Story) {
    let lab1 = &story.guests[0];
    let boot_id = "cat /proc/sys/kernel/random/boot_id";
    let before = lab1.sh(boot_id);
    let _route = Route::through(lab1);
    let mut targets = outside::addresses(lab1).to_vec();
    targets.extend((2..=10).map(|n| std::net::SocketAddr::from(([172, 20, 0, n], 0))));
    let stop = AtomicBool::new(false);
    let began = Instant::now();
    let (rounds, open) = std::thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let (mut rounds, mut open) = (0, vec![]);
            while !stop.load(Ordering::Relaxed) {
                rounds += 1;
                let scans: Vec<_> = targets
                    .iter()
                    .map(|target| {
                        (target, scope.spawn(|| outside::scan(*target, &PRIVATE, Duration::from_millis(700))))
                    })
                    .collect();
                for (target, scan) in scans {
                    let found = scan.join().unwrap();
                    if found.values().any(|port| *port == Port::Open) {
                        open.push(format!(
                            "{:.1} s: {} {found:?}",
                            began.elapsed().as_secs_f64(),
                            target.ip()
                        ));
                    }
                }
            }
            (rounds, open)
        });
        // The prober must end when this fails, too.
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = lab1.try_sh("systemctl reboot", b"");
            let rebooted = || lab1.try_sh(boot_id, b"").is_ok_and(|now| now != before);
            while !rebooted() {
                assert!(began.elapsed() < Duration::from_secs(300), "lab1 does not come back");
                std::thread::sleep(Duration::from_secs(1));
            }
            println!("   {:.0} s until sshd answers", began.elapsed().as_secs_f64());
            let containers = lab1.wait_healthy(Duration::from_secs(420));
            println!("   {:.0} s until all is healthy", began.elapsed().as_secs_f64());
            containers
        }));
        stop.store(true, Ordering::Relaxed);
        let probed = prober.join().unwrap();
        story.containers[0] = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        probed
    });
    println!("   looked {rounds} times from outside");
    assert!(rounds > 10 && open.is_empty(), "open during the reboot, of {rounds} rounds: {open:#?}");
    story.program.apply(&["--check", "--limit", "lab1"]).expect(0);
}

pub fn stopped_by_hand(story: &mut Story) {
    let lab1 = &story.guests[0];
    lab1.sh("cd /data/LUStores && docker compose stop -t 5 watchtower");
    let state = || lab1.containers().unwrap()["watchtower"].status.clone();
    assert_eq!(state(), "exited");
    let check = story.program.apply(&["--check", "--limit", "lab1"]).expect(0);
    let said =
        check.out.lines().any(|line| line.contains("watchtower") && line.contains("stopped by an operator"));
    story.program.mend("lab1", &[]).expect(0);
    assert_eq!(state(), "exited", "an apply must not start what an operator stopped");
    assert!(said, "the plan does not say that watchtower was stopped by an operator\n{check}");
    lab1.sh("cd /data/LUStores && docker compose start watchtower");
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

/// Names of what differs in a task's plan, sorted.
pub fn facets(run: &Run, host: &str, task: &str) -> Vec<String> {
    let pending = run.pending(host).into_iter().find(|pending| pending.name == task);
    let pending = pending.unwrap_or_else(|| panic!("`{task}` is not in the plan\n{run}"));
    let mut names: Vec<String> = pending.facets.into_iter().map(|(name, _)| name).collect();
    names.sort();
    names
}

/// Proves that on the first machine just these containers were made or started anew.
#[track_caller]
fn expect_restarted(story: &mut Story, services: &[&str]) {
    let after = story.guests[0].healthy();
    assert_eq!(restarted(&story.containers[0], &after), services);
    story.containers[0] = after;
}
