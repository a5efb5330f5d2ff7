use crate::harness::*;
use agent::wire::*;
use std::net::TcpListener;
use std::time::Instant;

/// Gives this thread and the processes it starts a network of their own, with nothing but `lo`.
fn own_network() {
    // SAFETY: it changes this thread's network namespace and no memory.
    let done = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(done, 0, "these tests make namespaces: run them as root");
    for words in ["link set lo up", "-6 addr add fe80::5/64 dev lo nodad"] {
        let done = std::process::Command::new("ip").args(words.split(' ')).status();
        assert!(done.is_ok_and(|status| status.success()), "ip {words}: needs iproute2 and IPv6");
    }
}

fn scan(agent: &mut Agent, host: &str) -> Vec<u16> {
    match agent.observe(Query::Ports { host: host.into(), ports: vec![(1, 65535)], timeout_ms: 500 }) {
        Answer::Ports(ports) => ports,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_listener_is_found_on_both_protocols_and_only_there() {
    own_network();
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadOnly, "r");
    let four = TcpListener::bind("127.0.0.1:0").unwrap();
    let port_four = four.local_addr().unwrap().port();
    let started = Instant::now();
    assert!(scan(&mut agent, "127.0.0.1").contains(&port_four));
    println!("65535 ports on IPv4 in {:?}", started.elapsed());
    let six = TcpListener::bind("[::1]:0").unwrap();
    let port_six = six.local_addr().unwrap().port();
    let found = scan(&mut agent, "::1");
    assert!(found.contains(&port_six) && !found.contains(&port_four), "{found:?}");
    assert!(!scan(&mut agent, "127.0.0.1").contains(&port_six));
}

#[test]
fn a_scope_is_understood() {
    own_network();
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadOnly, "r");
    let query = Query::Ports { host: "fe80::5%lo".into(), ports: vec![(port, port)], timeout_ms: 1000 };
    assert_eq!(agent.observe(query), Answer::Ports(vec![port]));
}

#[test]
fn a_host_that_cannot_be_asked_is_no_closed_host() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadOnly, "r");
    let query = Query::Ports { host: "fe80::1%nonesuch".into(), ports: vec![(22, 22)], timeout_ms: 100 };
    let Answer::Failed(why) = agent.observe(query) else { panic!() };
    assert!(why.starts_with("cannot scan fe80::1%nonesuch: "), "{why}");
}

#[test]
fn a_probe_names_what_is_open_and_should_not_be_and_the_reverse() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadWrite, "r");
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let [open, stray] = [0, 1].map(|i| listeners[i].local_addr().unwrap().port());
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // Closed ports refuse at once: the time is for a busy machine.
    let probe = |open: Vec<u16>, closed: Vec<(u16, u16)>, timeout_s| {
        let until = Until::Ports { host: "127.0.0.1".into(), open, closed, timeout_ms: 60_000 };
        Op::Wait(Wait { until, timeout_s, interval_ms: 100 })
    };
    agent.done(probe(vec![open], vec![(gone, gone)], 600));
    // What must answer comes first: where it does not, the silence of others proves nothing.
    for (must, must_not, expected) in [
        (vec![open], stray, format!("open but should be closed: {stray}")),
        (vec![open, gone], stray, format!("closed but should be open: {gone}")),
    ] {
        let why = agent.fails(probe(must, vec![(must_not, must_not)], 1));
        assert!(why.ends_with(&expected), "{why}");
    }
}

#[test]
fn a_note_is_shown_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(folder.path(), Session::ReadWrite, "r");
    agent.done(Op::Note { text: "hello".into() });
    assert_eq!(agent.progress, ["hello"]);
}
