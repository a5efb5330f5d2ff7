//! A machine as a place to try single resources on: what needs systemd, apt, nftables or Docker, and what only compose
//! itself can judge.

use crate::guest::Guest;
use crate::line::Line;
use crate::program::{Program, Run};
use crate::story::Story;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::fs;

const LAW: &str = "tests/e2e/law.yml";
/// The machine that the law is tried on, and the one for the values: each has its own line of steps.
const LAW_HOST: &str = "lab1";
const HOST: &str = "lab2";

/// What is done by hand, with the ordinary tools; the task that must notice; the facets that it must name.
type Disturbance = (&'static str, &'static str, &'static [&'static str]);

/// Each round disturbs one facet of several resources; they have nothing to do with each other.
const ROUNDS: [&[Disturbance]; 5] = [
    &[
        ("apt-get -q -y remove tree", "a package", &["tree"]),
        (
            "echo '# by hand' >> /etc/systemd/system/law.service && systemctl daemon-reload",
            "a unit of our own",
            &["content"],
        ),
        ("systemctl stop law-other", "a service", &["state"]),
        ("nft add rule inet law prerouting tcp dport 5432 accept", "a firewall", &["loaded"]),
        ("docker rm -f law-one-1", "a project", &["service one"]),
    ],
    &[
        ("systemctl disable -q law", "a unit of our own", &["at boot"]),
        ("systemctl disable -q law-other", "a service", &["at boot"]),
        ("systemctl disable -q law-firewall", "a firewall", &["at boot"]),
        (
            "docker commit --change 'LABEL law=2' \"$(docker create --name law-new redis:7-alpine)\" law:latest && docker rm law-new",
            "a project",
            &["service one", "service one image"],
        ),
    ],
    &[
        ("systemctl stop law", "a unit of our own", &["state"]),
        ("touch /etc/systemd/system/law-other.service", "a service", &["definition"]),
        ("nft delete table inet law", "a firewall", &["loaded"]),
        // What it depends on was stopped by hand, and is started with it.
        ("docker stop law-other-1; docker rm -f law-one-1", "a project", &["service one", "service other"]),
    ],
    &[
        ("chmod 0600 /etc/systemd/system/law.service", "a unit of our own", &["attributes"]),
        ("echo '# by hand' >> /etc/law/firewall.nft", "a firewall", &["rules"]),
    ],
    &[
        (
            "echo '# by hand' >> /etc/systemd/system/law-firewall.service && systemctl daemon-reload",
            "a firewall",
            &["unit"],
        ),
        // Last: a reload is what it misses.
        ("touch /etc/systemd/system/law.service", "a unit of our own", &["loaded"]),
    ],
];

fn law(program: &Program, more: &[&str]) -> Run {
    program.apply(&[&["--playbook", LAW, "--json"], more].concat())
}

/// The tasks that are not as wanted, with the facets that differ, in any order.
fn differences(run: &Run) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    for pending in run.pending(LAW_HOST) {
        let mut facets: Vec<String> = pending.facets.into_iter().map(|(name, _)| name).collect();
        facets.sort();
        assert_eq!(pending.verdict, "change", "{}: nothing here depends on the unknown\n{run}", pending.name);
        found.insert(pending.name, facets);
    }
    found
}

/// Converge; then, round by round, disturb one facet: the plan shows exactly it, applying mends exactly it. That applying
/// again does nothing is shown by the next plan, which names only what was disturbed since. A check shows the same plan as the
/// apply after it; that is looked at once, for it takes an emulated machine as long as applying does.
pub fn law_on_a_machine(line: &mut Line) {
    let (program, guest) = (&line.program, &line.guest);
    assert_eq!(guest.name, LAW_HOST);
    guest.sh("docker tag redis:7-alpine law:latest");
    law(program, &["--yes"]).expect(0);
    for (at, round) in ROUNDS.iter().enumerate() {
        for (by_hand, ..) in *round {
            guest.sh(by_hand);
        }
        let wanted: BTreeMap<String, Vec<String>> = round
            .iter()
            .map(|(_, task, facets)| ((*task).into(), facets.iter().map(ToString::to_string).collect()))
            .collect();
        if at == 0 {
            let check = law(program, &["--check"]).expect(10);
            assert_eq!(differences(&check), wanted, "{check}");
        }
        let run = law(program, &["--yes"]).expect(0);
        assert_eq!(differences(&run), wanted, "{run}");
        assert_eq!(run.count(LAW_HOST, "changed"), wanted.len() as u64, "{run}");
    }
    law(program, &["--check"]).expect(0);
    clean_up(guest);
}

/// Nothing of the law may stay that a later step could meet.
fn clean_up(guest: &Guest) {
    guest.sh(
        "docker compose -p law --project-directory /srv/law -f /srv/law/compose.yaml down -t 1 2> /dev/null; docker rmi law:latest
        systemctl disable -q --now law law-other law-firewall
        rm -rf /srv/law /etc/law /etc/systemd/system/law*.service && systemctl daemon-reload
        ! nft list table inet law 2> /dev/null",
    );
}

/// Text that env files, shells and compose would take for their own.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[\\\\'\"$#={}()%!~*?;&|<>` a\t]{0,10}",
        "[^\n\r\0]{0,24}",
        "[ -~]{1,40}",
        Just("\\n\\t\\u0041 $$ ${HOME} ${HOME:-x} $(id) `id`".to_string()),
    ]
}

/// The judge is the machine's own compose: what `env_file` wrote comes out of `docker compose config` as it was meant,
/// through `--env-file` and as a service's `env_file:`.
pub fn env_values_reach_compose(line: &mut Line) {
    const COUNT: usize = 240;
    let (program, lab2) = (&line.program, &line.guest);
    let mut runner = TestRunner::default();
    let values: Vec<String> = (0..COUNT).map(|_| value().new_tree(&mut runner).unwrap().current()).collect();
    // YAML wants more escaped than JSON: what cannot be printed.
    let escaped = |c: char| match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{2029}' | '\u{feff}' | '\u{fffe}'..='\u{ffff}' => {
            format!("\\u{:04x}", c as u32)
        }
        _ => c.into(),
    };
    let quoted = |text: &str| serde_json::to_string(text).unwrap().chars().map(escaped).collect::<String>();
    let pairs: String =
        values.iter().enumerate().map(|(i, value)| format!("K{i}: {}, ", quoted(value))).collect();
    let variables: String = (0..COUNT).map(|i| format!("V{i}: '${{K{i}}}', ")).collect();
    let compose =
        format!("services:\n  one:\n    image: any\n    env_file: .env\n    environment: {{{variables}}}\n");
    let playbook = program.scratch.join("values.yml");
    let text = format!(
        "- hosts: {HOST}\n  become: true\n  tasks:\n  - env_file: {{path: /root/values/.env, values: !unsafe {{{pairs}}}}}\n  \
         - copy: {{dest: /root/values/compose.yaml, content: !unsafe {}}}\n",
        quoted(&compose)
    );
    fs::write(&playbook, text).unwrap();
    lab2.sh("mkdir -p /root/values");
    let playbook = playbook.to_str().unwrap();
    program.apply(&["--playbook", playbook, "--yes"]).expect(0);
    program.apply(&["--playbook", playbook, "--check"]).expect(0);
    let listed = lab2.sh("cd /root/values && docker compose --env-file .env config --format json");
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    for (i, value) in values.iter().enumerate() {
        for name in [format!("K{i}"), format!("V{i}")] {
            // `config` prints a dollar twice, to be read again.
            let found =
                listed["services"]["one"]["environment"][&name].as_str().map(|v| v.replace("$$", "$"));
            assert_eq!(found.as_deref(), Some(value.as_str()), "{name}");
        }
    }
    println!("   {COUNT} values came out of compose as they were meant");
    lab2.sh("rm -r /root/values");
}

/// Back to bare in seconds, with the lab's own commands.
pub fn reset(story: &mut Story) {
    let program = &story.program;
    program.run(&["lab", "reset", HOST]).expect(0);
    let there =
        program.run(&["lab", "ssh", HOST, "hostname; test ! -e /data && ! command -v docker"]).expect(0);
    assert_eq!(there.out, "lab2\n");
    let outside = program
        .run(&["lab", "outside", "timeout", "20", "bash", "-c", "head -c 4 < /dev/tcp/10.77.0.12/22"])
        .expect(0);
    assert_eq!(outside.out, "SSH-");
    let unknown = program.run(&["lab", "ssh", "lab7"]).expect(20);
    assert!(
        unknown.err.contains("no machine `lab7`") && unknown.err.contains("it has lab1, lab2"),
        "{unknown}"
    );
    let check = program.apply(&["--check", "--limit", HOST]).expect(10);
    assert!(check.out.contains("docker.io"), "{check}");
}
