//! Installations go on without their link.

use super::{run, until};
use agent::wire::{Apply, Op, PackageTool, Query, Session};
use lustores_provision::connection::{Link, Options, Target, Way};
use std::{fs, process::Command, time::Duration};

/// Private to the host: a folder for each, bound to its place.
const OWN: [&str; 7] = [
    "etc/apt",
    "srv",
    "var/lib/apt/lists/partial",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/cache/apt/archives/partial",
    "var/cache/apt",
];
const TOOL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/law/bin/apt-repository");

#[tokio::test]
async fn an_installation_outlives_its_link_and_the_next_run_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let bind = |own: &str| format!("mount --bind \"$1/{own}\" /{own} && ");
    for own in OWN.iter().chain(&["var/log"]) {
        fs::create_dir_all(folder.path().join(own)).unwrap();
    }
    let bound = OWN.iter().chain(&["var/log"]).filter(|own| !own.ends_with("partial"));
    let mounts: String = bound.map(|own| bind(own)).collect();
    let script = "touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.1; done";
    let repository = format!("{TOOL} begin && {TOOL} add slow 1 'Postinst: {script}' && {TOOL} end");
    run(Command::new("unshare").args(["-m", "sh", "-ec", &format!("{mounts}{repository}"), "sh", &place]));

    let state = format!("PROVISION_AGENT_STATE={place}/state");
    let enter = format!("{mounts}shift && exec \"$@\"");
    let prefix = ["env", &state, "unshare", "-m", "sh", "-c", &enter, "sh", &place].map(String::from);
    let way = Way::Local { prefix: prefix.to_vec() };
    let target = Target { name: "web1".into(), way, r#become: None };
    let options = |run: &str| Options {
        connect_timeout: Duration::from_secs(20),
        session: Session::ReadWrite,
        who: "tester".into(),
        run: run.into(),
        heartbeat: Duration::from_secs(30),
        control_dir: folder.path().join("c"),
        reuse: false,
        first: vec![Query::User { name: "root".into() }],
        told: Default::default(),
    };
    let link = Link::open(&target, &options("first")).await.unwrap().link;
    let args = ["install", "slow"].map(String::from).to_vec();
    let install =
        Op::Packages { tool: PackageTool::AptGet, args, stdin: None, lock_timeout_s: 60, refresh: false };
    let change =
        Apply { task: "install it".into(), guard: vec![], ops: vec![install], then: vec![], dues: None };
    let same = link.clone();
    let pending = tokio::spawn(async move { same.apply(change, |_| ()).await });
    until(&folder.path().join("srv/begun")).await;
    link.close().await;
    assert!(pending.await.unwrap().is_err());
    fs::write(folder.path().join("srv/go"), "").unwrap();
    let next = Link::open(&target, &options("next")).await.unwrap();
    let told = next.link.notes().join("\n");
    let end =
        "`apt-get install slow` of an earlier run, whose link was lost, has ended well: installed slow 1";
    assert!(told.ends_with(end), "{told}");
    assert!(next.link.notes().is_empty());
    next.link.close().await;
    let status = fs::read_to_string(folder.path().join("var/lib/dpkg/status")).unwrap();
    assert!(status.contains("Status: install ok installed"), "{status}");
}
