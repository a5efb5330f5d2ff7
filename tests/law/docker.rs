//! A network of a real Docker daemon that is made anew and cannot be, or is left half way.

use super::host::{Agent, task};
use agent::wire::{Response, Session};
use lustores_provision::resource::{Change, Outcome};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

/// A daemon with mounts and a network of its own; `docker` there ends the agent that calls it to make a network, if a file says so.
struct Daemon {
    child: Child,
    folder: TempDir,
    place: Vec<String>,
}

impl Daemon {
    fn start() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make namespaces: run them as root");
        let folder = tempfile::tempdir().unwrap();
        let script = r#"
            mount --make-rprivate /
            mount -t tmpfs run /run && mount -t tmpfs own /usr/local/sbin && ip link set lo up
            real=$(command -v docker)
            printf '#!/bin/sh\n[ "$1 $2" = "network create" ] && [ -e /run/cut ] && { kill -9 $PPID; exit 1; }\nexec %s "$@"\n' "$real" >/usr/local/sbin/docker
            chmod +x /usr/local/sbin/docker
            exec dockerd --data-root "$1/data" --exec-root /run/docker-exec --pidfile /run/docker.pid --storage-driver vfs -H unix:///run/docker.sock 2>"$1/log"
        "#;
        let child = Command::new("unshare")
            .args(["--mount", "--net", "--", "sh", "-ec", script, "sh"])
            .arg(folder.path())
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let place = format!("nsenter --target {} --mount --net --", child.id());
        let daemon = Self { child, folder, place: place.split(' ').map(String::from).collect() };
        let is_up = (0..600).any(|_| {
            sleep(Duration::from_millis(100));
            daemon.try_sh("docker info").is_ok()
        });
        let log = std::fs::read_to_string(daemon.folder.path().join("log")).unwrap_or_default();
        assert!(is_up, "the daemon does not start: {log}");
        daemon
    }

    fn try_sh(&self, script: &str) -> Result<String, String> {
        let mut command = Command::new(&self.place[0]);
        let done = command.args(&self.place[1..]).args(["sh", "-ec", script]).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
        if done.status.success() { Ok(text(&done.stdout)) } else { Err(text(&done.stderr)) }
    }

    fn sh(&self, script: &str) -> String {
        self.try_sh(script).unwrap_or_else(|why| panic!("{script}: {why}"))
    }

    fn agent(&self) -> Agent {
        Agent::open(&self.place, self.folder.path(), Session::ReadWrite)
    }

    /// What containers know of the network.
    fn members(&self) -> String {
        self.sh(
            "docker inspect --format '{{.Name}} {{range $n, $e := .NetworkSettings.Networks}}{{$n}} {{json $e.IPAMConfig}} {{with $e.Aliases}}{{index . 0}}{{end}}{{end}}' law-runs law-stopped"
        )
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.try_sh("docker rm --force law-runs law-stopped");
        let _ = self.try_sh("kill $(cat /run/docker.pid)");
        let _ = self.child.wait();
    }
}

fn planned(agent: &mut Agent, parameters: &str, facets: &[&str]) -> Box<Change> {
    let Outcome::Change(change) = agent.plan(&*task("docker_network", parameters)) else {
        panic!("{parameters}: no change")
    };
    let found: Vec<_> = change.diff.facets.iter().map(|facet| facet.facet.as_str()).collect();
    assert_eq!(found, facets, "{parameters}");
    change
}

const WANTED: &str = "{name: law-net, labels: {law: b}, recreate: true}";

#[test]
fn a_network_is_made_anew_or_stays_and_half_of_it_is_finished() {
    let daemon = Daemon::start();
    daemon.sh(
        "tar -C / -c --dereference --transform 's|.*|busybox|' \"$(command -v busybox)\" | docker import - law/net:1
         docker network create --subnet 10.231.9.0/24 law-other
         docker network create --subnet 10.231.8.0/24 --aux-address printer=10.231.8.9 --label own=x law-net
         docker run --detach --name law-runs --network law-net --network-alias web --ip 10.231.8.7 law/net:1 /busybox sleep 600
         docker create --name law-stopped --network law-net law/net:1 /busybox true",
    );
    let (before, network) =
        (daemon.members(), "docker network inspect --format '{{json .IPAM}} {{json .Labels}}' law-net");
    let told = daemon.sh(network);
    assert!(before.contains("law-runs law-net {\"IPv4Address\":\"10.231.8.7\"} web"), "{before}");

    // Docker does not make it: all is as it was, and the next plan is the same.
    let mut agent = daemon.agent();
    let bad = "{name: law-net, options: {com.docker.network.bridge.name: far-too-long-for-a-bridge}, recreate: true}";
    for _ in 0..2 {
        let change = planned(&mut agent, bad, &["options"]);
        let response = agent.apply(&change);
        let Response::OpFailed { message, output: Some(_), .. } = response else { panic!("{response:?}") };
        assert_eq!(message, "`docker` exited with 1; all is as it was before");
        // Of a stopped container docker fills in more once it is put back.
        let now = daemon.members();
        assert_eq!((now.lines().next(), daemon.sh(network)), (before.lines().next(), told.clone()));
        assert!(now.contains("law-stopped law-net"), "{now}");
    }
    // So also where it would lie in another's subnet; the address of a container that would not be in it is refused before.
    daemon.sh("docker rm --force law-runs; docker run --detach --name law-runs --network law-net --network-alias web law/net:1 /busybox sleep 600");
    let overlaps = "{name: law-net, subnet: 10.231.9.0/24, recreate: true}";
    let change = planned(&mut agent, overlaps, &["subnet"]);
    let response = agent.apply(&change);
    let Response::OpFailed { message, output: Some(output), .. } = response else { panic!("{response:?}") };
    let said = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
    assert!(message.ends_with("all is as it was before") && said.contains("overlaps"), "{message}: {said}");
    assert_eq!(daemon.sh(network), told);
    daemon.sh("docker rm --force law-runs; docker run --detach --name law-runs --network law-net --network-alias web --ip 10.231.8.7 law/net:1 /busybox sleep 600");

    // The agent is ended when the old one is gone.
    let change = planned(&mut agent, WANTED, &["labels"]);
    daemon.sh("touch /run/cut");
    assert!(catch_unwind(AssertUnwindSafe(|| agent.apply(&change))).is_err(), "the agent goes on");
    drop(agent);
    daemon.sh("rm /run/cut");
    assert!(daemon.try_sh(network).is_err(), "the network is still there");
    // Somebody else's container of the same name is none of those that were in it.
    daemon.sh("docker rm law-stopped; docker create --name law-stopped law/net:1 /busybox true");

    let mut agent = daemon.agent();
    let change = planned(&mut agent, WANTED, &["network", "labels", "interrupted"]);
    let left = format!("{:?}", change.diff.facets[2].before);
    assert!(left.contains("\"out of it: law-runs\""), "{left}");
    let response = agent.apply(&change);
    assert!(matches!(response, Response::Applied { .. }), "{response:?}");
    assert!(matches!(agent.plan(&*task("docker_network", WANTED)), Outcome::Unchanged { .. }));
    let now = daemon.members();
    assert_eq!(now.lines().next(), before.lines().next());
    assert!(now.contains("law-stopped bridge"), "{now}");
    // With what the task does not name.
    let now = daemon.sh(network);
    assert!(
        now.contains("\"own\":\"x\"") && now.contains("10.231.8.9") && now.contains("\"law\":\"b\""),
        "{now}"
    );
}
