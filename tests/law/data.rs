//! The law of types whose cases are data, each in a private host: namespaces of its own, with copies of what types change.

use super::{
    Law,
    case::{self, Case},
    host::{Tree, tree},
    system::run,
};
use agent::wire::Response;
use lustores_provision::resource::Outcome;
use std::{
    io::{BufRead, BufReader},
    panic::{AssertUnwindSafe, catch_unwind},
    process::{Child, Command, Stdio},
    sync::Mutex,
};
use tempfile::TempDir;

/// Folders that are private, and kept as long as the host is.
const OWN: &[&str] = &[
    "etc",
    "home",
    "root",
    "srv",
    "var/spool",
    "var/lib/apt",
    "var/lib/dpkg",
    "var/lib/dnf",
    "var/cache/apt",
    "var/cache/dnf",
    "var/cache/debconf",
    "var/log",
    "run/law",
];
/// What programs keep there for themselves, and change by looking.
const BESIDE: &[&str] = &["var/log", "var/lib/dnf", "var/cache/dnf", "root/.rpmdb"];
/// Where the helpers of cases are.
const TOOLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/law/bin");

/// Namespaces for mounts, network, names and processes, held by a child.
struct Host {
    holder: Child,
    place: Vec<String>,
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        assert!(rustix::process::geteuid().is_root(), "these tests make namespaces: run them as root");
        let folder = tempfile::tempdir().unwrap();
        let script = format!(
            "mkdir -p /run/law && cp -a /etc \"$1\" && for own in {}; do mkdir -p \"$1/$own\" \"/$own\" && mount --bind \"$1/$own\" \"/$own\" || exit; done
             mkdir -p /var/lib/apt/lists/partial /var/cache/apt/archives/partial && chmod 0700 /root && hostname law && ip link set lo up && echo ready && exec cat",
            OWN.join(" ")
        );
        let mut holder = Command::new("unshare")
            .args(["--mount", "--net", "--uts", "--ipc", "--", "sh", "-c", &script, "sh"])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the namespaces could not be made");
        let place = format!("nsenter --target {} --mount --net --uts --ipc --", holder.id());
        Self { holder, place: place.split(' ').map(String::from).collect(), folder }
    }

    fn sh(&self, script: &str) {
        let words = ["sh", "-ec", &format!("PATH=$PATH:{TOOLS}\n{script}")].map(String::from);
        run(&[self.place.clone(), words.to_vec()].concat());
    }

    /// What is in the private folders, without what account tools leave behind.
    fn tree(&self) -> Tree {
        let mut found = tree(self.folder.path());
        found.retain(|path, _| {
            let beside = |folder: &&str| path.starts_with(self.folder.path().join(folder));
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !BESIDE.iter().any(beside)
                && !name.ends_with('-')
                && !name.ends_with(".lock")
                && name != "ld.so.cache"
        });
        found
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its mounts go with the last process in them.
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}

fn keep(case: &Case) {
    let host = Host::new();
    host.sh(&case.prepare);
    let tree = || host.tree();
    let mut law = Law::new(&host.place, &tree, &case.kind, &case.task);
    let shows = |law: &mut Law, names: &[String]| {
        law.mend(&names.iter().map(String::as_str).collect::<Vec<_>>());
    };
    shows(&mut law, &case.first);
    let converged = host.tree();
    for (by_hand, facets) in &case.disturb {
        println!("{}: {by_hand}", case.name);
        host.sh(by_hand);
        shows(&mut law, facets);
        assert!(
            case.leaves || host.tree() == converged,
            "{}: {by_hand}: is mended and nothing else",
            case.name
        );
    }
    host.sh(&case.proof);
    if let Some(undo) = &case.undo {
        println!("{}: undo", case.name);
        law.undo(&undo.kind, &undo.task, &undo.shows.iter().map(String::as_str).collect::<Vec<_>>());
    }
    host.sh(&case.cleanup);
}

#[test]
fn each_type_keeps_the_law_of_its_data() {
    let cases = Mutex::new(case::on("namespace"));
    let broken = Mutex::new(vec![]);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(case) = cases.lock().unwrap().pop() else { return };
                    if catch_unwind(AssertUnwindSafe(|| keep(&case))).is_err() {
                        broken.lock().unwrap().push(case.name);
                    }
                }
            });
        }
    });
    let broken = broken.into_inner().unwrap();
    assert!(broken.is_empty(), "the law is broken, see above: {}", broken.join(", "));
}

#[test]
fn a_home_that_cannot_go_along_stays_the_home() {
    let host = Host::new();
    host.sh("useradd --create-home lawfull; head -c 200000 /dev/zero > /home/lawfull/big
             mkdir /srv/small; mount -t tmpfs -o size=64k none /srv/small");
    let tree = || host.tree();
    let task = "{name: lawfull, home: /srv/small/lawfull, move_home: true, comment: moved}";
    let mut law = Law::new(&host.place, &tree, "user", task);
    let plan = |law: &mut Law| match law.writer.plan(&*super::task("user", task)) {
        Outcome::Change(change) => change,
        other => panic!("no change: {other:?}"),
    };
    let change = plan(&mut law);
    let failed = law.writer.apply(&change);
    assert!(matches!(failed, Response::OpFailed { index: 0, .. }), "{failed:?}");
    host.sh(r#"test "$(getent passwd lawfull | cut -d: -f5,6)" = :/home/lawfull
               test "$(stat -c %s /home/lawfull/big)" = 200000 && ! test -e /srv/small/lawfull"#);
    assert_eq!(plan(&mut law).diff, change.diff, "the next run tries again");
    host.sh("mount -o remount,size=1m /srv/small");
    let done = law.writer.apply(&change);
    assert!(matches!(done, Response::Applied { .. }), "{done:?}");
    host.sh(r#"test "$(getent passwd lawfull | cut -d: -f5,6)" = moved:/srv/small/lawfull
               test "$(stat -c %s /srv/small/lawfull/big)" = 200000 && ! test -e /home/lawfull"#);
}
