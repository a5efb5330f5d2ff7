use crate::harness::*;
use agent::wire::*;
use std::process::Command;

fn docker(args: &[&str]) -> bool {
    let output = Command::new("docker").args(args).output();
    if let Ok(output) = &output {
        print!("{}", String::from_utf8_lossy(&output.stderr));
    }
    output.is_ok_and(|output| output.status.success())
}

/// Containers as compose would label them, on the real daemon where there is one.
#[test]
fn services_are_waited_for_and_an_unhealthy_one_is_explained() {
    let busybox = std::fs::metadata("/bin/busybox").is_ok();
    if !busybox || !docker(&["version"]) {
        println!("skipped: needs a docker daemon and a static /bin/busybox");
        return;
    }
    let import =
        "tar -C / --transform 's,busybox,sh,' -cf - bin/busybox | docker import - agent-test-busybox:1";
    if !Command::new("sh").args(["-c", import]).output().is_ok_and(|output| output.status.success()) {
        println!("skipped: usr-merged tar or daemon refused the image");
        return;
    }
    let run = |service: &str, health: &str| {
        let service_label = format!("com.docker.compose.service={service}");
        docker(&[
            "run",
            "-d",
            "--name",
            &format!("agent-test-{service}"),
            "--network",
            "none",
            "--label",
            "com.docker.compose.project=agent-test",
            "--label",
            "com.docker.compose.oneoff=False",
            "--label",
            &service_label,
            "--health-cmd",
            health,
            "--health-interval",
            "1s",
            "--health-retries",
            "1",
            "agent-test-busybox:1",
            "/bin/sh",
            "-c",
            "echo the log of it; sleep 600",
        ])
    };
    let started = run("good", "true") && run("bad", "echo the probe said this; exit 1");
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "r");
    let mut wait = |services: &[&str], timeout_s| {
        let until = Until::ComposeHealthy {
            project: "agent-test".into(),
            directory: "/".into(),
            services: services.iter().map(|service| service.to_string()).collect(),
            jobs: vec![],
        };
        agent.act(Op::Wait(Wait { until, timeout_s, interval_ms: 200 }))
    };
    let good = wait(&["good"], 20);
    let bad = wait(&["good", "bad", "absent"], 4);
    docker(&["rm", "-f", "agent-test-good", "agent-test-bad"]);
    docker(&["rmi", "agent-test-busybox:1"]);
    assert!(started, "the containers were not started");
    assert!(matches!(good, Response::Applied { .. }), "{good:?}");
    let Response::OpFailed { message, .. } = bad else { panic!("{bad:?}") };
    println!("{message}");
    assert!(message.contains("bad is unhealthy, absent has no container"), "{message}");
    assert!(message.contains("the probe said this") && message.contains("the log of it"), "{message}");
    assert!(!message.contains("\ngood"), "{message}");
}
