//! The firewall on real nftables: a host and an outside, each a network namespace, with the real agent on the host.
//!
//! Namespaces have no systemd: the unit that loads the rules at boot is said to be in order, and tried in the lab.

#[path = "law/host.rs"]
#[expect(dead_code, reason = "planning and looking at files is the law's")]
mod host;

use agent::wire::{Answer, Apply, Op, Output, Probe, Query, Request, Response, Session};
use host::{Agent, task};
use lustores_provision::{
    model::Area,
    resource::{Change, Look, Lookup, Mask, Outcome, Prepared},
};
use std::{
    collections::HashMap,
    fs,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    os::fd::AsRawFd,
    path::PathBuf,
    process::Command,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::{Duration, Instant},
};
use tempfile::TempDir;

const V4: &str = "10.99.0.1";
const V6: &str = "fd99::1";
const PORTS: [u16; 5] = [22, 80, 443, 5000, 5432];

struct Net {
    host: String,
    outside: String,
    folder: TempDir,
    _listeners: Vec<TcpListener>,
}

impl Net {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "these tests make namespaces: run them as root");
        let name = format!("lpfw{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let (host, outside) = (format!("{name}h"), format!("{name}o"));
        run(&format!("ip netns add {host}"));
        run(&format!("ip netns add {outside}"));
        run(&format!("ip -n {host} link add veth type veth peer name veth netns {outside}"));
        for (namespace, number) in [(&host, 1), (&outside, 2)] {
            run(&format!("ip -n {namespace} addr add 10.99.0.{number}/24 dev veth"));
            run(&format!("ip -n {namespace} addr add fd99::{number}/64 dev veth nodad"));
            run(&format!("ip -n {namespace} link set veth up"));
            run(&format!("ip -n {namespace} link set lo up"));
        }
        // A socket stays in the namespace that it was made in.
        let listen = || PORTS.map(|port| TcpListener::bind(("::", port)).unwrap()).into_iter().collect();
        let listeners = inside(&host, listen);
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("units")).unwrap();
        Self { host, outside, folder, _listeners: listeners }
    }

    /// What stands before a command on the host: neither the machine's units nor its systemd are there.
    fn place(&self) -> Vec<String> {
        let enter = "mount --bind \"$1\" /etc/systemd/system && shift && \
                     { [ ! -d /run/systemd ] || mount -t tmpfs none /run/systemd; } && exec \"$@\"";
        let units = self.folder.path().join("units").display().to_string();
        ["ip", "netns", "exec", &self.host, "sh", "-c", enter, "sh", &units].map(String::from).to_vec()
    }

    fn agent(&self, session: Session) -> Agent {
        Agent::open(&self.place(), self.folder.path(), session)
    }

    fn nft(&self, arguments: &str) -> String {
        run(&format!("ip netns exec {} nft {arguments}", self.host))
    }

    fn listing(&self) -> String {
        self.nft("-s list table inet fw")
    }

    fn rules_file(&self) -> PathBuf {
        self.folder.path().join("fw/firewall.nft")
    }

    fn firewall(&self, public: &str, confirm_within: u32) -> Box<dyn Prepared> {
        let parameters = format!(
            "{{table: fw, public: {public}, rules_path: {}, confirm_within: {confirm_within}, allow: [{{port: 22, from: \
             [10.99.0.0/24, \"fd99::/64\"]}}, {{port: 5432, from: [10.99.0.77, \"fd99::77\"]}}]}}",
            self.rules_file().display()
        );
        task("firewall", &parameters)
    }

    /// The ports that answer from outside.
    fn open_ports(&self, address: &str) -> Vec<u16> {
        let address: IpAddr = address.parse().unwrap();
        let answers = |port: &u16| {
            let address = SocketAddr::new(address, *port);
            thread::spawn(move || TcpStream::connect_timeout(&address, Duration::from_millis(1500)).is_ok())
        };
        inside(&self.outside, || {
            // Threads start in the namespace of the one that starts them.
            let tried: Vec<_> = PORTS.iter().map(answers).collect();
            PORTS.into_iter().zip(tried).filter_map(|(port, t)| t.join().unwrap().then_some(port)).collect()
        })
    }

    /// Both families at once: what does not answer takes its time.
    fn expect_open(&self, ports: &[u16]) {
        let (four, six) = thread::scope(|scope| {
            let (four, six) = (scope.spawn(|| self.open_ports(V4)), scope.spawn(|| self.open_ports(V6)));
            (four.join().unwrap(), six.join().unwrap())
        });
        assert_eq!(four, ports, "IPv4");
        assert_eq!(six, ports, "IPv6");
    }

    /// Applies what is planned and returns the token of the armed revert, if the rules in force change.
    fn apply(&self, agent: &mut Agent, task: &dyn Prepared, facets: &[&str]) -> Option<String> {
        let Outcome::Change(mut change) = plan(agent, task) else { panic!("expected {facets:?}") };
        let unit = self.folder.path().join("units/fw-firewall.service");
        if !unit.exists() {
            fs::write(&unit, unit_file(&change)).unwrap();
            let Outcome::Change(again) = plan(agent, task) else { panic!("expected {facets:?}") };
            change = again;
        }
        let found: Vec<_> = change.diff.facets.iter().map(|f| f.facet.as_str()).collect();
        assert_eq!(found, facets);
        let token = change.armed().map(str::to_string);
        let armed = facets.contains(&"loaded") || facets.contains(&"confirmed");
        assert_eq!(
            token.is_some(),
            armed,
            "what changes the rules in force, or takes over such a change, is armed"
        );
        let mut guard = change.guard.clone();
        guard.retain(|(query, _)| !is_unit(query));
        let then = change.asked();
        let apply =
            Apply { task: "firewall".into(), guard, ops: change.ops.clone(), then: then.clone(), dues: None };
        let response = agent.ask(Request::Apply(apply));
        let Response::Applied { answers, .. } = response else { panic!("{response:?}") };
        // As the engine looks again.
        let answers = Answers(then.into_iter().zip(answers).collect());
        let again = task.plan(&answers, &Mask::new([1; 32])).unwrap();
        assert!(matches!(again, Outcome::Unchanged { .. }), "it converged: {again:?}");
        token
    }

    /// The table and the rules file.
    fn now(&self) -> (String, Vec<u8>) {
        (self.listing(), fs::read(self.rules_file()).unwrap())
    }

    fn wait_until(&self, what: &str, done: impl Fn() -> bool) {
        let start = Instant::now();
        while !done() {
            assert!(start.elapsed() < Duration::from_secs(60), "{what} does not come");
            thread::sleep(Duration::from_millis(100));
        }
    }

    /// Processes that count down to a revert on this host.
    fn countdowns(&self) -> usize {
        let plans = self.folder.path().join("state/armed").display().to_string();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let lines = processes.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
        lines.filter(|line| String::from_utf8_lossy(line).contains(&plans)).count()
    }

    /// Waits until the armed revert is through: the table comes back first, the files follow.
    fn reverted(&self, token: &Option<String>, to: &(String, Vec<u8>)) {
        let armed = self.folder.path().join("state/armed");
        let token = token.as_deref().unwrap();
        let (plan, fired) = (armed.join(token), armed.join(format!("{token}.fired")));
        self.wait_until("the revert", || !plan.exists() && !fired.exists());
        assert_eq!(self.now(), *to);
    }

    /// As a controller does over a fresh connection.
    fn disarm(&self, token: &Option<String>) -> bool {
        let token = token.clone().expect("a change of the rules is armed");
        let response = self.agent(Session::ReadOnly).ask(Request::Disarm { token });
        let Response::Disarmed { was_armed } = response else { panic!("{response:?}") };
        was_armed
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        for namespace in [&self.host, &self.outside] {
            let _ = Command::new("ip").args(["netns", "del", namespace]).status();
        }
    }
}

fn run(command: &str) -> String {
    let words: Vec<_> = command.split(' ').collect();
    let output = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Does something on a thread that is in a network namespace.
fn inside<T: Send>(namespace: &str, work: impl FnOnce() -> T + Send) -> T {
    let file = fs::File::open(format!("/run/netns/{namespace}")).unwrap();
    let enter = move || {
        // SAFETY: a system call on a descriptor that is open.
        let entered = unsafe { libc::setns(file.as_raw_fd(), libc::CLONE_NEWNET) };
        assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
        work()
    };
    thread::scope(|scope| scope.spawn(enter).join().unwrap())
}

fn is_unit(query: &Query) -> bool {
    matches!(query, Query::Run(Probe::UnitState { .. }))
}

struct Answers(HashMap<Query, Answer>);

impl Lookup for Answers {
    fn look(&self, query: &Query) -> Look {
        if let Query::Run(Probe::UnitState { unit }) = query {
            let others = "LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nNeedDaemonReload=no\n";
            let own = "LoadState=loaded\nActiveState=active\nSubState=exited\nUnitFileState=enabled\nNeedDaemonReload=no\n";
            let is_other = matches!(unit.as_str(), "firewalld.service" | "ufw.service");
            let text = if is_other { others } else { own };
            return Look::Known(Answer::Output(Output { code: 0, stdout: text.into(), stderr: "".into() }));
        }
        self.0.get(query).map_or(Look::NotAsked, |answer| Look::Known(answer.clone()))
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        false
    }
}

fn plan(agent: &mut Agent, task: &dyn Prepared) -> Outcome {
    let mut answers = Answers(HashMap::new());
    for _ in 0..8 {
        match task.plan(&answers, &Mask::new([1; 32])).unwrap() {
            Outcome::Need(queries) => {
                let Response::Answers(new) = agent.ask(Request::Observe(queries.clone())) else {
                    panic!("no answers")
                };
                answers.0.extend(queries.into_iter().zip(new));
            }
            outcome => return outcome,
        }
    }
    panic!("the questions do not end");
}

fn unit_file(change: &Change) -> Vec<u8> {
    let content = change.ops.iter().find_map(|op| match op {
        Op::WriteFile { path, content, .. } if path.starts_with("/etc/systemd/system/") => Some(content),
        _ => None,
    });
    content.expect("the unit is written").bytes().to_vec()
}

#[test]
fn what_is_allowed_answers_and_nothing_else_does() {
    let net = Net::new();
    net.expect_open(&PORTS);
    net.nft("add table inet other");
    net.nft("add chain inet other keep");
    let other = net.nft("list table inet other");
    // A name that can be foreseen is not written through.
    let precious = net.folder.path().join("precious");
    fs::write(&precious, "root's own").unwrap();
    fs::create_dir(net.rules_file().parent().unwrap()).unwrap();
    std::os::unix::fs::symlink(&precious, net.rules_file().with_extension("nft.loaded.new")).unwrap();
    let mut agent = net.agent(Session::ReadWrite);
    let firewall = net.firewall("[80]", 60);
    let token = net.apply(&mut agent, &*firewall, &["rules", "loaded"]);
    net.expect_open(&[22, 80]);
    assert!(net.disarm(&token), "it was armed");
    assert!(!net.disarm(&token), "once");
    assert_eq!(net.nft("list table inet other"), other, "another table is left alone");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "root's own");

    // A rule by hand is seen, and goes.
    let in_force = net.listing();
    net.nft("insert rule inet fw prerouting tcp dport 5000 accept");
    net.expect_open(&[22, 80, 5000]);
    let token = net.apply(&mut agent, &*firewall, &["loaded"]);
    assert!(net.disarm(&token));
    net.expect_open(&[22, 80]);
    assert_eq!(net.listing(), in_force);

    // So does a table that is gone, as after `nft flush ruleset`; and a file that was edited.
    net.nft("delete table inet fw");
    net.expect_open(&PORTS);
    let token = net.apply(&mut agent, &*firewall, &["loaded"]);
    assert!(net.disarm(&token));
    net.expect_open(&[22, 80]);
    let rules = fs::read_to_string(net.rules_file()).unwrap();
    fs::write(net.rules_file(), rules.replace("dport 80 ", "dport 81 ")).unwrap();
    net.apply(&mut agent, &*firewall, &["rules"]);
    assert_eq!(fs::read_to_string(net.rules_file()).unwrap(), rules);
    assert_eq!((net.listing(), net.nft("list table inet other")), (in_force, other));
}

#[test]
fn a_change_that_nobody_confirms_goes_back() {
    let net = Net::new();
    let mut agent = net.agent(Session::ReadWrite);
    let token = net.apply(&mut agent, &*net.firewall("[80, 443]", 60), &["rules", "loaded"]);
    assert!(net.disarm(&token));
    let before = net.now();
    // What was confirmed stays: nobody counts down any more.
    net.wait_until("the end of the countdown", || net.countdowns() == 0);
    assert_eq!(net.now(), before);

    let closed = net.firewall("[80]", 30);
    let token = net.apply(&mut agent, &*closed, &["rules", "loaded"]);
    // Nobody is there any more.
    drop(agent);
    net.expect_open(&[22, 80]);
    net.reverted(&token, &before);
    net.expect_open(&[22, 80, 443]);
    assert!(!net.disarm(&token), "too late");
    let mut agent = net.agent(Session::ReadWrite);
    assert!(matches!(plan(&mut agent, &*net.firewall("[80, 443]", 60)), Outcome::Unchanged { .. }));
}

/// The rules are in force, but the run that loaded them ended before it could confirm.
#[test]
fn a_change_that_is_pending_is_taken_over_by_the_next_run() {
    let net = Net::new();
    let mut agent = net.agent(Session::ReadWrite);
    let token = net.apply(&mut agent, &*net.firewall("[80, 443]", 60), &["rules", "loaded"]);
    assert!(net.disarm(&token));
    let original = net.now();
    net.apply(&mut agent, &*net.firewall("[80]", 600), &["rules", "loaded"]);
    drop(agent);

    // The same again: nothing to load, but it is not confirmed yet.
    let mut agent = net.agent(Session::ReadWrite);
    let token = net.apply(&mut agent, &*net.firewall("[80]", 600), &["confirmed"]);
    assert!(net.disarm(&token));
    net.wait_until("the end of both countdowns", || net.countdowns() == 0);
    net.expect_open(&[22, 80]);

    // Others, twice unconfirmed: what comes back is what was confirmed last.
    let token = net.apply(&mut agent, &*net.firewall("[80, 443]", 60), &["rules", "loaded"]);
    assert!(net.disarm(&token));
    assert_eq!(net.now(), original);
    net.apply(&mut agent, &*net.firewall("[443]", 600), &["rules", "loaded"]);
    drop(agent);
    let mut agent = net.agent(Session::ReadWrite);
    let token = net.apply(&mut agent, &*net.firewall("[5000]", 10), &["rules", "loaded", "confirmed"]);
    drop(agent);
    net.reverted(&token, &original);
    net.expect_open(&[22, 80, 443]);
}
