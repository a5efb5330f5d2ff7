//! What an operator does to a running stack, on the second machine: another certificate, an update, a broken update.

use crate::guest::{Guest, restarted};
use crate::line::Line;
use crate::outside;
use crate::program::Run;
use crate::steps::STACK_TASK;
use std::fs;
use std::path::Path;
use std::process::Command;

const HOST: &str = "lab2";
const DOMAIN: &str = "lab2.stores.test";
const CONF: &str = "/data/LUStores/certbot/conf";

/// Runs `openssl` here.
fn openssl(folder: &Path, line: &str) -> String {
    let output = Command::new("openssl").args(line.split(' ')).current_dir(folder).output().unwrap();
    assert!(output.status.success(), "openssl {line}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The fingerprint of the certificate that an attacker outside is shown.
fn on_the_wire(guest: &Guest) -> String {
    let address = outside::addresses(guest)[0].ip();
    let script = format!(
        "openssl s_client -connect {address}:443 -servername {DOMAIN} < /dev/null 2> /dev/null | \
         openssl x509 -noout -fingerprint -sha256"
    );
    outside::outside(|| {
        let output = Command::new("sh").args(["-c", &script]).output().unwrap();
        assert!(output.status.success(), "no certificate on {address}:443");
        String::from_utf8(output.stdout).unwrap()
    })
}

/// What the site's start page begins with, seen from outside.
fn first_line(guest: &Guest) -> String {
    let url = format!("https://{}/", outside::addresses(guest)[0].ip());
    outside::outside(|| {
        let output = Command::new("curl").args(["-sk", "--max-time", "20", &url]).output().unwrap();
        assert!(output.status.success(), "{url}: {}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().next().unwrap_or_default().to_owned()
    })
}

/// Self-signed, supplied, Let's Encrypt's and back: each by one variable, without hand work, without another nginx.
pub fn switched_tls(line: &mut Line) {
    let (program, lab2) = (&line.program, &line.guest);
    let folder = program.scratch.join("tls");
    fs::create_dir(&folder).unwrap();
    openssl(&folder, "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca -keyout ca.key -out ca.pem");
    let issue = |name: &str, ca: &str| {
        openssl(
            &folder,
            &format!(
                "req -new -newkey rsa:2048 -nodes -subj /CN={DOMAIN} -keyout {name}.key -out {name}.csr"
            ),
        );
        fs::write(folder.join("san"), format!("subjectAltName=DNS:{DOMAIN}\n")).unwrap();
        let sign = format!(
            "x509 -req -in {name}.csr -CA {ca}.pem -CAkey {ca}.key -CAcreateserial -days 20 -extfile san -out {name}.pem"
        );
        openssl(&folder, &sign);
        openssl(&folder, &format!("x509 -noout -fingerprint -sha256 -in {name}.pem"))
    };
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    let supplied = issue("supplied", "ca");
    // As the university's administrator would: the key in a vault, and only that.
    let variables = serde_json::json!({
        "tls_mode": "supplied", "verify_ca": folder.join("ca.pem"), "tls_certificate": read("supplied.pem"),
    });
    let file = folder.join("supplied.yml");
    fs::write(&file, variables.to_string()).unwrap();
    let key = folder.join("vault.yml");
    fs::write(&key, serde_json::json!({ "tls_private_key": read("supplied.key") }).to_string()).unwrap();
    program.encrypt(&key);
    let [file, key] = [file, key].map(|file| format!("@{}", file.display()));
    let with_supplied = ["-e", file.as_str(), "-e", key.as_str()];
    let apply = |more: &[&str]| -> Run {
        program.mend(HOST, &[&["--tags", "env,tls,stack"], more].concat()).expect(0)
    };

    let self_signed = on_the_wire(lab2);
    // With the proofs: the certificate must be one of the authority.
    program.apply(&[&["--yes", "--limit", HOST], &with_supplied[..]].concat()).expect(0);
    assert_eq!(on_the_wire(lab2), supplied);

    let lets_encrypt = ["-e", "tls_mode=letsencrypt"];
    let run = apply(&lets_encrypt);
    assert!(run.out.contains("browsers warn until Let's Encrypt's is there"), "{run}");
    assert_eq!(on_the_wire(lab2), self_signed);

    // certbot has got one, from the staging server and then a real one: the files are as it lays them out.
    openssl(
        &folder,
        "req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=(STAGING)Lentil -keyout staging.key -out staging.pem",
    );
    for (name, ca, served) in [("tried", "staging", false), ("issued", "ca", true)] {
        let fingerprint = issue(name, ca);
        let script = format!(
            "set -eu; mkdir -p {CONF}/archive/{DOMAIN} {CONF}/live/{DOMAIN}; cd {CONF}/archive/{DOMAIN}; umask 077
             sed -u '/^$/q' > fullchain-{name}.pem; cat > privkey-{name}.pem
             for file in fullchain privkey; do
                 ln -sfn ../../archive/{DOMAIN}/$file-{name}.pem {CONF}/live/{DOMAIN}/$file.pem; done"
        );
        let both = format!("{}\n{}", read(&format!("{name}.pem")), read(&format!("{name}.key")));
        lab2.try_sh(&script, both.as_bytes()).unwrap();
        if served {
            let run = apply(&[&lets_encrypt[..], &["--json"]].concat());
            assert!(!run.changed(HOST).is_empty(), "{run}");
        } else {
            // Neither an apply nor the machine's own timer would take it.
            let check = ["--check", "--tags", "env,tls,stack"];
            program.mend(HOST, &[&check, &lets_encrypt[..]].concat()).expect(0);
            lab2.sh("systemctl start lustores-tend.service");
        }
        let wire = on_the_wire(lab2);
        assert_eq!(wire, if served { fingerprint } else { self_signed.clone() }, "{name}");
    }

    // Renewed by certbot itself: the machine's own timer sees to it, no apply is needed.
    let renewed = issue("renewed", "ca");
    let both = format!("{}\n{}", read("renewed.pem"), read("renewed.key"));
    let script = format!(
        "set -eu; cd {CONF}/archive/{DOMAIN}; umask 077; sed -u '/^$/q' > fullchain-issued.pem; cat > privkey-issued.pem
         systemctl is-active -q lustores-tend.timer; systemctl start lustores-tend.service"
    );
    lab2.try_sh(&script, both.as_bytes()).unwrap();
    assert_eq!(on_the_wire(lab2), renewed);

    apply(&[]);
    assert_eq!(on_the_wire(lab2), self_signed);
    // The app is told the mode by its environment (USE_SELF_SIGNED); no other container has to do with that.
    let after = lab2.healthy();
    assert_eq!(restarted(&line.containers, &after), ["app"]);
    line.containers = after;
}

/// Another image under the same name, as an update brings it; then one that is never healthy; and the way back.
pub fn updated_image(line: &mut Line) {
    let (program, lab2) = (&line.program, &line.guest);
    let (name, version) = ("st7ma784/lustores:latest", || first_line(lab2));
    let update = |change: &str| {
        lab2.sh(&format!(
            "docker commit --change 'ENV {change}' \"$(docker create --name update {name})\" {name} && docker rm update"
        ));
    };
    assert_eq!(version(), "app version 1");
    update("LAB_VERSION=2");
    let run = program.mend(HOST, &["--json", "--tags", "stack"]).expect(0);
    assert_eq!(line.facets(&run, STACK_TASK), ["service app", "service app image"], "{run}");
    let after = lab2.healthy();
    assert_eq!(restarted(&line.containers, &after), ["app"]);
    line.containers = after;
    assert_eq!(version(), "app version 2");
    let image = "docker inspect -f '{{.Image}}' lustores-app-1";
    let good = lab2.sh(image);

    // The next one never gets healthy: the apply fails with what a person needs to see, and touches nothing else.
    update("LAB_BROKEN=1");
    let run = program.mend(HOST, &["--tags", "stack", "-e", "{stack_timeout: 90}"]).expect(40);
    for part in [
        STACK_TASK,
        "waiting for healthy services (app)",
        // What the health check of the container printed last, and the end of its log.
        "app: /health: this version is broken",
        "app version 2 listens on port 5000",
    ] {
        assert!(run.out.contains(part) || run.err.contains(part), "`{part}` is not said\n{run}");
    }
    let containers = lab2.containers().unwrap();
    assert_eq!(restarted(&line.containers, &containers), ["app"]);

    // As docs/lustores.md says to go back: the last image on record that is not the one that runs.
    let now = lab2.sh(image);
    assert_ne!(now, good);
    let recorded = lab2.sh(&format!(
        "awk -v now={} '$2 == \"app\" && $3 != now {{ last = $3 }} END {{ print last }}' /var/lib/lustores/images",
        now.trim()
    ));
    assert_eq!(recorded, good);
    lab2.sh(&format!(
        "cd /data/LUStores && docker tag {} {name} && docker compose up -d app 2>&1",
        good.trim()
    ));
    line.containers = lab2.wait_healthy(std::time::Duration::from_secs(120));
    assert_eq!(version(), "app version 2");
    program.mend(HOST, &["--tags", "stack"]).expect(0);
    assert_eq!(lab2.healthy(), line.containers);
}

/// The database's disk is not mounted: nothing starts an empty database, nothing is touched, and it is said why.
pub fn disk_not_mounted(line: &mut Line) {
    let (program, lab2) = (&line.program, &line.guest);
    // What a reboot with a disk that went missing comes to.
    lab2.sh("systemctl stop docker docker.socket && systemctl stop db.mount && ! findmnt -M /db && systemctl start docker");
    // Without the variable that names the disk nobody can mount it.
    let refused = program.mend(HOST, &["-e", "{db_device: ''}"]).expect(40);
    let said = format!("{}{}", refused.out, refused.err);
    assert!(said.contains("the disk is not mounted"), "{refused}");
    assert_eq!(lab2.sh("ls -A /db"), "", "something was made in the empty folder");
    let db = lab2.containers().unwrap()["db"].clone();
    assert_ne!(db.status, "running", "the database runs without its disk");
    // With it the apply mounts the disk, and starts what Docker could not start without.
    program.mend(HOST, &[]).expect(0);
    line.containers = lab2.wait_healthy(std::time::Duration::from_secs(240));
    assert_eq!(
        lab2.sh("docker exec lustores-db-1 psql -X -U postgres -d university_inventory -tAc 'select count(*) > 0 from pg_tables where schemaname = $$public$$'"),
        "t\n"
    );
    program.apply(&["--check", "--limit", HOST]).expect(0);
}
