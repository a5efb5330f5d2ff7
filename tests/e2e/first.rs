//! What may happen to a running server: edits, changed secrets, a lock-out, a reboot.

use crate::line::Line;
use crate::outside::{self, PRIVATE, Port, Route};
use crate::program::Program;
use crate::steps::{ENV_TASK, STACK_TASK};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const SITE: &str = "/data/LUStores/nginx/templates/default.conf.template";
const SITE_TASK: &str = "nginx : The site";
const NGINX_TASK: &str = "stack : nginx serves what the files say";
/// What else there is has been looked at: to look again is most of the work for a machine that is emulated.
const SITE_ONLY: [&str; 3] = ["--json", "--tags", "nginx,stack"];
const SECRETS_ONLY: [&str; 3] = ["--json", "--tags", "env,stack"];

pub fn edited_file(line: &mut Line) {
    let lab1 = &line.guest;
    let before = lab1.sh(&format!("sha256sum {SITE}; stat -c %a:%u:%g {SITE}"));
    lab1.sh(&format!("echo '# edited by hand' >> {SITE}"));
    let check = line.program.apply(&["--check", "--json", "--limit", "lab1"]).expect(10);
    let pending = check.pending("lab1");
    let (changes, later): (Vec<_>, Vec<_>) = pending.iter().partition(|p| p.verdict == "change");
    let [change] = &changes[..] else { panic!("one task was disturbed: {pending:#?}") };
    assert_eq!(change.name, SITE_TASK);
    let [(facet, difference)] = &change.facets[..] else { panic!("only its content was: {change:#?}") };
    assert!(facet == "content" && difference.contains("# edited by hand"), "{difference}");
    // Whether nginx has read what was edited is looked at once it is mended (it has not), and what runs after that.
    let looks = [NGINX_TASK, "stack : The images that run healthily are on record"];
    assert!(later.iter().all(|p| p.verdict == "deferred" && looks.contains(&p.name.as_str())), "{later:#?}");
    let run = line.program.mend("lab1", &SITE_ONLY).expect(0);
    assert_eq!(run.changed("lab1"), [SITE_TASK], "{run}");
    assert_eq!(lab1.sh(&format!("sha256sum {SITE}; stat -c %a:%u:%g {SITE}")), before);
    assert_eq!(lab1.healthy(), line.containers, "no container has to do with that");

    // An operator who also restarts nginx: then it runs what was edited until it is started again.
    lab1.sh(&format!("echo '# edited by hand' >> {SITE}; docker restart -t 5 lustores-nginx-1"));
    let run = line.program.mend("lab1", &SITE_ONLY).expect(0);
    assert_eq!(run.changed("lab1"), [SITE_TASK, NGINX_TASK], "{run}");
    assert_eq!(
        lab1.sh("docker exec lustores-nginx-1 grep -c 'by hand' /etc/nginx/conf.d/default.conf || true"),
        "0\n"
    );
    line.expect_restarted(&["nginx"]);
}

pub fn changed_secret(line: &mut Line) {
    let new = line.secrets.new_jwt.clone();
    line.program.set_secret("jwt_secret", &new);
    let run = line.program.mend("lab1", &SECRETS_ONLY).expect(0);
    assert_eq!(line.facets(&run, ENV_TASK), ["JWT_SECRET"], "{run}");
    let named = [
        "service app",
        "service app environment JWT_SECRET",
        "service replit-auth",
        "service replit-auth environment JWT_SECRET",
    ];
    assert_eq!(line.facets(&run, STACK_TASK), named, "{run}");
    // And nothing that the last step should have mended.
    assert_eq!(run.changed("lab1"), [ENV_TASK, STACK_TASK], "{run}");
    line.expect_restarted(&["app", "replit-auth"]);
}

pub fn rotated_password(line: &mut Line) {
    let (old, new) = (line.secrets.old_db_password.clone(), line.secrets.new_db_password.clone());
    line.program.set_secret("db_password", &new);
    let run = line.program.mend("lab1", &SECRETS_ONLY).expect(0);
    let mut named = line.facets(&run, STACK_TASK);
    named.retain(|facet| facet.contains("environment"));
    let wanted = ["service app environment DATABASE_URL", "service db environment POSTGRES_PASSWORD"];
    assert_eq!(named, wanted, "{run}");
    assert_eq!(run.changed("lab1"), ["env : The database knows its password", ENV_TASK, STACK_TASK], "{run}");
    // The app's health includes a question to the database, so that it is healthy says that it knows the new one.
    line.expect_restarted(&["app", "db"]);
    let lab1 = &line.guest;
    // By another name than localhost, for which the image trusts everyone.
    let ask = r#"IFS= read -r PGPASSWORD; export PGPASSWORD; docker exec -e PGPASSWORD lustores-db-1 \
        psql -X -h db -U postgres -d university_inventory -tAc 'select 41 + 1' 2>&1"#;
    assert_eq!(lab1.try_sh(ask, format!("{new}\n").as_bytes()).as_deref(), Ok("42\n"));
    let refused = lab1.try_sh(ask, format!("{old}\n").as_bytes()).expect_err("the old password still works");
    assert!(refused.contains("password authentication failed"), "{refused}");
}

/// The worst mistake: administrators are let in from elsewhere only. It is noticed, undone, and nobody is locked out.
pub fn locked_out(line: &mut Line) {
    let (program, guest) = (&line.program, &line.guest);
    let rules = "nft -s list table inet lustores; cat /etc/lustores/firewall.nft";
    let before = guest.sh(rules);
    let wrong = ["-e", "{admin_cidrs: [203.0.113.0/24], firewall_confirm_within: 60}"];
    let only = ["--yes", "--tags", "firewall", "--limit", guest.name];
    let refused = program.apply(&[&only, &wrong[..]].concat()).expect(20);
    assert!(refused.to_string().contains("these rules let nobody in"), "{refused}");
    assert_eq!(guest.sh(rules), before, "it was refused before anything was touched");
    // Whoever says that it is meant is not left outside either.
    let inventory = program.scratch.join("meant");
    fs::create_dir_all(inventory.join("host_vars")).unwrap();
    let own = Program::root().join("inventory");
    fs::copy(own.join("lab.yml"), inventory.join("lab.yml")).unwrap();
    std::os::unix::fs::symlink(own.join("group_vars"), inventory.join("group_vars")).unwrap();
    let accept = "accept_findings: {firewall-cuts-off: a test of the way back}\n";
    fs::write(inventory.join(format!("host_vars/{}.yml", guest.name)), accept).unwrap();
    let inventory = inventory.join("lab.yml").display().to_string();
    let run =
        program.apply_from(&inventory, &[&only, &wrong[..], &["--playbook", "playbooks/site.yml"]].concat());
    let run = run.expect(40);
    let said = format!("{}{}", run.out, run.err);
    assert!(said.contains("after this change no new connection gets through"), "{run}");
    let began = Instant::now();
    while guest.try_sh("true", b"").is_err() {
        assert!(began.elapsed() < Duration::from_secs(180), "{} has locked us out", guest.name);
    }
    assert_eq!(guest.sh(rules), before);
    program.apply(&["--check", "--tags", "firewall", "--limit", guest.name]).expect(0);
}

pub fn reboot(line: &mut Line) {
    let guest = &line.guest;
    let boot_id = "cat /proc/sys/kernel/random/boot_id";
    let before = guest.sh(boot_id);
    let _route = Route::through(guest);
    let mut targets = outside::addresses(guest).to_vec();
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
            let _ = guest.try_sh("systemctl reboot", b"");
            let rebooted = || guest.try_sh(boot_id, b"").is_ok_and(|now| now != before);
            while !rebooted() {
                assert!(began.elapsed() < Duration::from_secs(300), "{} does not come back", guest.name);
                std::thread::sleep(Duration::from_secs(1));
            }
            println!("   {:.0} s until sshd answers", began.elapsed().as_secs_f64());
            let containers = guest.wait_healthy(Duration::from_secs(420));
            println!("   {:.0} s until all is healthy", began.elapsed().as_secs_f64());
            containers
        }));
        stop.store(true, Ordering::Relaxed);
        let probed = prober.join().unwrap();
        line.containers = result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        probed
    });
    println!("   looked {rounds} times from outside");
    assert!(rounds > 10 && open.is_empty(), "open during the reboot, of {rounds} rounds: {open:#?}");
    line.program.apply(&["--check", "--limit", guest.name]).expect(0);
}

pub fn stopped_by_hand(line: &mut Line) {
    let lab1 = &line.guest;
    lab1.sh("cd /data/LUStores && docker compose stop -t 5 watchtower");
    let state = || lab1.containers().unwrap()["watchtower"].status.clone();
    assert_eq!(state(), "exited");
    let run = line.program.mend("lab1", &["--tags", "stack"]).expect(0);
    let said =
        run.out.lines().any(|line| line.contains("watchtower") && line.contains("stopped by an operator"));
    assert!(said, "the plan does not say that watchtower was stopped by an operator\n{run}");
    assert_eq!(state(), "exited", "an apply must not start what an operator stopped");
    lab1.sh("cd /data/LUStores && docker compose start watchtower");
}
