use crate::harness::*;
use agent::wire::*;
use std::fs::File;

const LOCK: &str = "/var/lib/dpkg/lock-frontend";

/// Holds dpkg's lock as dpkg does, in a process of its own, since a process never meets its own locks.
fn hold(seconds: f32) -> std::process::Child {
    assert!(agent::child::which("apt-get").is_some(), "this test needs apt-get: it runs on Debian");
    File::options().write(true).open(LOCK).expect("root may take apt's lock");
    let script = format!(
        "use Fcntl; open(my $lock, '+<', '{LOCK}') or die; \
         my $flock = pack('s s l! l! i', F_WRLCK, SEEK_SET, 0, 0, 0); \
         fcntl($lock, F_SETLKW, $flock) or die; print \"held\\n\"; close(STDOUT); select(undef, undef, undef, {seconds});"
    );
    let mut perl = std::process::Command::new("perl");
    let mut holder = perl.args(["-MFcntl=:DEFAULT,:flock,:seek", "-e", &script]);
    holder = holder.stdout(std::process::Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut holder.stdout.take().unwrap(), &mut said).unwrap();
    assert_eq!(said, "held\n");
    holder
}

#[test]
fn apt_waits_for_the_lock_tells_for_whom_and_gives_up_in_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "r");
    let apt = |lock_timeout_s| Op::Apt { args: vec!["check".into()], lock_timeout_s };
    let mut holder = hold(600.0);
    let pid = holder.id();
    let seen = agent.observe(Query::Run(Probe::AptLock));
    let message = agent.fails(apt(1));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let Answer::Output(seen) = seen else { panic!() };
    assert!(seen.stdout.bytes().starts_with(format!("{pid} perl ").as_bytes()), "{seen:?}");
    assert_eq!(message, format!("gave up after 1 s: the dpkg lock is held by perl (pid {pid})"));

    let mut holder = hold(1.0);
    let expected = format!("waiting for the dpkg lock held by perl (pid {}) for 0 s", holder.id());
    let output = agent.done(apt(60)).remove(0);
    holder.wait().unwrap();
    assert_eq!(output.code, 0);
    assert!(agent.progress.contains(&expected), "{:?}", agent.progress);
    let Answer::Output(free) = agent.observe(Query::Run(Probe::AptLock)) else { panic!() };
    assert_eq!(free.stdout.bytes(), b"");
}
