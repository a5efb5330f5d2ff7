//! Runs that never were, of any size, as events.

use lustores_provision::{
    event::{About, After, Event, Failure, PlannedTask, Recorded, Status, Summary, Verdict},
    model::{Diff, Exposed, FacetDiff, Gate, OpenPort, Reach, Shown, TaskId},
};

/// A name that would do harm wherever it is taken for more than a text.
pub const HOSTILE: &str =
    "</script><img src=x onerror=\"window.harm=1\"><!-- ${window.harm=1} \u{202e}&amp;'";

fn diff(task: usize, variant: usize) -> Diff {
    let text = |word: &str| {
        let lines = (0..12).map(|line| match line {
            6 => format!("listen = {word}\n"),
            line => format!("key_{line} = value of task {task}\n"),
        });
        Shown::Text(lines.collect())
    };
    let facet = |facet: &str, before: Shown, after: Shown| FacetDiff { facet: facet.into(), before, after };
    Diff {
        facets: vec![
            facet("content", text("127.0.0.1:80"), text(&format!("0.0.0.0:{}", 8000 + variant))),
            facet("mode", Shown::Scalar("0644".into()), Shown::Scalar("0640".into())),
            facet("password", Shown::Masked("a1".into()), Shown::Masked("b2".into())),
        ],
    }
}

fn port(port: &str, only: Option<&str>, to: Option<&str>) -> OpenPort {
    let text = |text: Option<&str>| text.map(String::from);
    OpenPort { port: port.into(), proto: "tcp".into(), only: text(only), to: text(to) }
}

fn exposure(task: usize, host: usize) -> Option<Exposed> {
    let admitted = vec![port("22", Some("10.0.0.0/8"), None), port("443", None, None)];
    match task {
        3 => Some(Exposed {
            gate: Gate::Firewall,
            before: if host.is_multiple_of(2) {
                Reach::Everything
            } else {
                Reach::only(vec![port("80", None, None)])
            },
            after: Reach::only(admitted),
        }),
        4 => Some(Exposed {
            gate: Gate::Published,
            before: Reach::only(vec![]),
            after: Reach::only(vec![port("443", None, Some("web")), port("5432", None, Some("db"))]),
        }),
        _ => None,
    }
}

pub fn name(task: usize) -> String {
    match task {
        2 => HOSTILE.into(),
        task => {
            const WHAT: [&str; 5] = ["packages", "configuration", "unit", "service is up", "answers"];
            format!("role{} : {} {task}", task / 10, WHAT[task % WHAT.len()])
        }
    }
}

/// A run over that many hosts with that many tasks each: the third host fails, others change every fourth task.
pub fn run(hosts: usize, tasks: usize) -> Vec<Recorded> {
    let mut run = vec![];
    let names: Vec<String> = (0..hosts).map(|host| format!("web{:02}.example.org", host + 1)).collect();
    let about = About {
        program: "0.1.0".into(),
        verb: "apply".into(),
        inventory: "inventory/prod.yml".into(),
        playbook: Some("playbooks/site.yml".into()),
        folder: "/home/me/lustores".into(),
        who: "me@desk (pid 4711)".into(),
        started: 1_764_380_000,
        addresses: Default::default(),
    };
    let mut add = |at: u64, event: Event| run.push(Recorded { at, event });
    add(
        0,
        Event::RunStarted {
            schema: 1,
            run: "692a2b60-0a1b2c".into(),
            check: false,
            hosts: names.clone(),
            about,
        },
    );
    for (at, host) in names.iter().enumerate() {
        let host = || host.clone();
        let begin = at as u64 * 20;
        add(begin, Event::HostConnecting { host: host() });
        let (os, arch) = ("Debian GNU/Linux 13".into(), "x86_64".into());
        add(begin + 300, Event::HostConnected { host: host(), os, arch, uploaded: false });
        let planned = |task: usize| {
            let changes = task % 4 == 1 || task == 2 || task == 3;
            let edge = |before: usize| After {
                task: TaskId(before as u32),
                why: format!("/etc/app/{before}.conf"),
                order_only: before.is_multiple_of(3),
            };
            let near = [task.checked_sub(3), task.checked_sub(10)].into_iter().flatten();
            PlannedTask {
                task: TaskId(task as u32),
                name: name(task),
                resource: "template".into(),
                place: format!("roles/role{}/tasks/main.yml:{}:3", task / 10, task % 10 * 8 + 1),
                verdict: if changes {
                    Verdict::Change { diff: diff(task, at % 2) }
                } else {
                    Verdict::Unchanged
                },
                notes: if task == 5 { vec!["stopped by an operator".into()] } else { vec![] },
                // Some wait for nobody, and nobody for them.
                after: if task % 17 == 16 {
                    vec![]
                } else {
                    near.filter(|near| near % 17 != 16).map(edge).collect()
                },
                exposes: exposure(task, at),
                if_fails: vec![],
            }
        };
        add(begin + 500, Event::HostPlanned { host: host(), tasks: (0..tasks).map(planned).collect() });
    }
    let planned = hosts as u64 * 20 + 520;
    add(planned, Event::PlanComplete { changes: 1, deferred: 0 });
    let mut end = planned;
    for (at, host) in names.iter().enumerate() {
        let mut now = planned + 40;
        let mut summary = Summary::default();
        for task in 0..tasks {
            let id = TaskId(task as u32);
            let changes = task % 4 == 1 || task == 2 || task == 3;
            let is_bad = at == 2 && task == 6;
            let is_blocked = at == 2 && task > 6 && task % 3 == 0;
            let status = match () {
                () if is_bad => Status::Failed,
                () if is_blocked => Status::Blocked,
                () if changes => Status::Changed,
                () if task % 9 == 8 => Status::Skipped,
                () => Status::Ok,
            };
            let began = now;
            if matches!(status, Status::Changed | Status::Failed) {
                add(began, Event::TaskStarted { host: host.clone(), task: id, name: name(task) });
                add(
                    began + 5,
                    Event::TaskOutput {
                        host: host.clone(),
                        task: id,
                        line: format!("reading {task} \u{1b}[31m"),
                    },
                );
                now += 20 + (task as u64 * 37 + at as u64 * 11) % 180;
            }
            match status {
                Status::Ok => summary.ok += 1,
                Status::Changed => summary.changed += 1,
                Status::Failed => summary.failed += 1,
                Status::Blocked => summary.blocked += 1,
                _ => summary.skipped += 1,
            }
            let failure = is_bad.then(|| Failure {
                message: "the command ended with 1".into(),
                causes: vec![format!("it says {HOSTILE}")],
                hint: Some("look at its log".into()),
                exit: 40,
                place: Some("roles/role0/tasks/main.yml:49:3".into()),
                excerpt: Some("49 |   command: /usr/bin/false\n   |            ^^^^^^^^^^^^^^ here".into()),
                output: vec!["cannot open <b>".into()],
                more: vec![],
            });
            let diff = (status == Status::Changed).then(|| diff(task, at % 2));
            let (host, millis) = (host.clone(), now - began);
            add(now, Event::TaskFinished { host, task: id, name: name(task), status, diff, failure, millis });
        }
        add(now, Event::HostFinished { host: host.clone(), summary, round_trips: 12, excused: vec![] });
        end = end.max(now);
    }
    add(end, Event::Warning { host: None, message: "something odd".into() });
    add(end + 10, Event::RunFinished { exit: 40, millis: end + 10 });
    // Mixed, as they come.
    run.sort_by_key(|recorded| recorded.at);
    run
}
