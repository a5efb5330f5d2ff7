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
    let apt = |lock_timeout_s| Op::Packages {
        tool: PackageTool::AptGet,
        args: vec!["check".into()],
        stdin: None,
        lock_timeout_s,
        refresh: false,
    };
    let mut holder = hold(600.0);
    let pid = holder.id();
    let seen = agent.observe(Query::Run(Probe::AptLock));
    let message = agent.fails(apt(1));
    holder.kill().unwrap();
    holder.wait().unwrap();
    let Answer::Output(seen) = seen else { panic!() };
    assert!(seen.stdout.bytes().starts_with(format!("{pid} perl ").as_bytes()), "{seen:?}");
    let expected =
        format!("gave up after 1 s of waiting for the dpkg lock, held by perl (pid {pid}, at work for ");
    assert!(message.starts_with(&expected), "{message}");

    let mut holder = hold(1.0);
    let expected = format!("waiting for the dpkg lock, held by perl (pid {}, at work for ", holder.id());
    let output = agent.done(apt(60)).remove(0);
    holder.wait().unwrap();
    assert_eq!(output.code, 0);
    assert!(agent.progress.iter().any(|line| line.starts_with(&expected)), "{:?}", agent.progress);
    let Answer::Output(free) = agent.observe(Query::Run(Probe::AptLock)) else { panic!() };
    assert_eq!(free.stdout.bytes(), b"");
}

/// Packages of our own, installed by the real apt and dpkg below a folder.
struct Root(tempfile::TempDir);

impl Root {
    fn new() -> Option<Self> {
        if ["apt-get", "dpkg-deb"].iter().any(|program| agent::child::which(program).is_none()) {
            println!("skipped: no apt and dpkg here");
            return None;
        }
        let root = Self(tempfile::tempdir().unwrap());
        root.sh(
            "mkdir -p apt/apt.conf.d apt/preferences.d repo lists/partial cache/archives/partial root/var/lib/dpkg/info && \
             touch root/var/lib/dpkg/status && echo \"deb [trusted=yes] copy:$PWD/repo ./\" > apt/sources.list && \
             cat > apt/apt.conf <<END\n\
             Dir::State \"$PWD\"; Dir::State::lists \"$PWD/lists\"; Dir::State::status \"$PWD/root/var/lib/dpkg/status\";\n\
             Dir::State::extended_states \"$PWD/extended\"; Dir::Cache \"$PWD/cache\"; Dir::Log \"$PWD\";\n\
             APT::Sandbox::User \"root\"; Dpkg::Options { \"--root=$PWD/root\"; \"--force-not-root\"; };\nEND\n",
        );
        Some(root)
    }

    fn sh(&self, script: &str) -> String {
        let output =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Puts exactly these packages into the repository: name, version, further fields.
    fn offer(&self, packages: &[(&str, &str, &str)]) {
        self.sh("rm -rf repo/* && : > repo/Packages");
        for (name, version, more) in packages {
            self.sh(&format!(
                "rm -rf new && mkdir -p new/DEBIAN new/opt && touch new/opt/{name} && cd repo && \
                 printf 'Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n{more}' \
                 > ../new/DEBIAN/control && dpkg-deb -b ../new {name}_{version}.deb && {{ dpkg-deb -f {name}_{version}.deb && \
                 echo Filename: ./{name}_{version}.deb && echo Size: $(stat -c %s {name}_{version}.deb) && \
                 echo SHA256: $(sha256sum {name}_{version}.deb | cut -d' ' -f1) && echo; }} >> Packages"
            ));
        }
    }

    fn agent(&self) -> Agent {
        let enter = "mount --bind \"$1\" /etc/apt && shift && exec \"$@\"";
        let apt = text(self.0.path().join("apt"));
        let place = ["unshare", "-m", "sh", "-c", enter, "sh", &apt];
        Agent::open_in(&place, &self.0.path().join("state"), Session::ReadWrite, "r")
    }

    fn installed(&self) -> String {
        self.sh("grep -E '^(Package|Version)' root/var/lib/dpkg/status | cut -d' ' -f2 | paste -sd' '")
            .trim()
            .into()
    }
}

fn apt(words: &str, refresh: bool) -> Op {
    let args = words.split(' ').map(Into::into).collect();
    Op::Packages { tool: PackageTool::AptGet, args, stdin: None, lock_timeout_s: 60, refresh }
}

#[test]
fn an_installation_that_would_remove_a_package_fails_and_names_it() {
    let Some(root) = Root::new() else { return };
    root.offer(&[("old", "1", ""), ("new", "1", "Conflicts: old\n")]);
    let mut agent = root.agent();
    agent.done(apt("update", false));
    agent.done(apt("install --no-remove old", true));
    let message = agent.fails(apt("install --no-remove new", true));
    assert_eq!(
        message,
        "to install new apt would remove old, which nobody asked for; nothing was done. Should old go, remove it in a task of \
         its own with `state: absent` before"
    );
    assert_eq!(root.installed(), "old 1");
    assert!(agent.progress.iter().all(|line| !line.contains("once more")), "{:?}", agent.progress);
    agent.done(apt("remove old", false));
    agent.done(apt("install --no-remove new", true));
    assert!(root.installed().ends_with("new 1"));
}

#[test]
fn old_lists_are_updated_when_installing_fails() {
    let Some(root) = Root::new() else { return };
    root.offer(&[("tool", "1", "")]);
    let mut agent = root.agent();
    agent.done(apt("update", false));
    root.offer(&[("tool", "2", "")]);
    assert!(agent.fails(apt("install --no-remove tool", false)).contains("`apt-get` exited with 100"));
    assert_eq!(root.installed(), "");
    agent.done(apt("install --no-remove tool", true));
    assert_eq!(root.installed(), "tool 2");
    // What no list knows is looked for twice; the first failure is told.
    let failed = agent.act(apt("install --no-remove no-such-tool", true));
    let Response::OpFailed { output: Some(output), .. } = failed else { panic!("{failed:?}") };
    assert!(text_of(&output).contains("Unable to locate package no-such-tool"), "{output:?}");
}

fn text_of(output: &Output) -> String {
    String::from_utf8_lossy(output.stderr.bytes()).into_owned()
}
