//! Package tools on a database of their own: the real apt and dpkg in mount namespaces that share its folders.

use crate::harness::*;
use agent::wire::*;

const OWN: &[&str] =
    &["etc/apt", "srv", "var/lib/apt", "var/lib/dpkg", "var/cache/apt", "var/cache/debconf", "var/log"];

struct Debian(tempfile::TempDir);

impl Debian {
    /// With these packages to install: a name, and the script that is run after it was unpacked.
    fn new(packages: &[(&str, &str)]) -> Self {
        let debian = Self(tempfile::tempdir().unwrap());
        for folder in OWN {
            std::fs::create_dir_all(debian.0.path().join(folder)).unwrap();
        }
        debian.sh(
            "mkdir -p etc/apt/apt.conf.d etc/apt/preferences.d var/lib/apt/lists/partial var/cache/apt/archives/partial srv/repo \
             var/lib/dpkg/info var/lib/dpkg/updates && touch var/lib/dpkg/status && \
             echo 'deb [trusted=yes] file:/srv/repo ./' > etc/apt/sources.list && echo 'APT::Sandbox::User \"root\";' > etc/apt/apt.conf && \
             : > srv/repo/Packages",
        );
        for (name, script) in packages {
            std::fs::write(debian.0.path().join("postinst"), format!("#!/bin/sh\nset -e\n{script}\n"))
                .unwrap();
            debian.sh(&format!(
                "rm -rf new && mkdir -p new/DEBIAN && install -m 0755 postinst new/DEBIAN/ && printf 'Package: {name}\\nVersion: 1\\n\
                 Architecture: all\\nMaintainer: x <x@example.org>\\nDescription: x\\n' > new/DEBIAN/control && cd srv/repo && \
                 dpkg-deb -b ../../new {name}_1.deb && {{ dpkg-deb -f {name}_1.deb && echo Filename: ./{name}_1.deb && \
                 echo Size: $(stat -c %s {name}_1.deb) && echo SHA256: $(sha256sum {name}_1.deb | cut -d' ' -f1) && echo; }} >> Packages"
            ));
        }
        debian.agent("prepare").done(tool(PackageTool::AptGet, "update"));
        debian
    }

    fn sh(&self, script: &str) -> String {
        let output =
            std::process::Command::new("sh").args(["-ec", script]).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn agent(&self, run: &str) -> Agent {
        let mounts =
            OWN.iter().map(|own| format!("mount --bind \"$1/{own}\" /{own} && ")).collect::<String>();
        let enter = format!("{mounts}shift && exec \"$@\"");
        let place = ["unshare", "-m", "sh", "-c", &enter, "sh", &text(self.0.path())];
        Agent::open_in(&place, &self.0.path().join("state"), Session::ReadWrite, run)
    }

    fn status(&self) -> String {
        self.sh("grep -E '^(Package|Status)' var/lib/dpkg/status | cut -d' ' -f2- | paste -sd' '")
            .trim()
            .into()
    }
}

fn tool(tool: PackageTool, words: &str) -> Op {
    Op::Packages {
        tool,
        args: words.split(' ').map(Into::into).collect(),
        stdin: None,
        lock_timeout_s: 60,
        refresh: false,
    }
}

fn apt(words: &str) -> Op {
    tool(PackageTool::AptGet, words)
}

fn stdout(answer: Answer) -> String {
    let Answer::Output(output) = answer else { panic!("{answer:?}") };
    String::from_utf8_lossy(output.stdout.bytes()).into_owned()
}

#[test]
fn nothing_is_built_on_what_dpkg_has_left_half_configured() {
    let debian = Debian::new(&[("bad", "[ -e /srv/good ]"), ("good", ":")]);
    let mut agent = debian.agent("r");
    assert_eq!(agent.fails(apt("install bad")), "`apt-get` exited with 100");
    assert_eq!(debian.status(), "bad install ok half-configured");
    let audit = || Query::Run(Probe::DpkgAudit);
    assert_eq!(stdout(agent.observe(audit())), "bad half-configured\n");
    let refused = "dpkg has left something unfinished on this host: bad is half-configured. Run `dpkg --configure -a` there, \
                   or write `repair: true`";
    assert_eq!(agent.fails(apt("install good")), refused);
    assert_eq!(debian.status(), "bad install ok half-configured");
    // Neither looking for news nor taking it away builds on it.
    agent.done(apt("update"));
    assert_eq!(agent.fails(tool(PackageTool::Dpkg, "--configure -a")), "`dpkg` exited with 1");
    debian.sh("touch srv/good");
    agent.done(tool(PackageTool::Dpkg, "--configure -a"));
    assert_eq!(stdout(agent.observe(audit())), "");
    agent.done(apt("install good"));
    agent.done(apt("remove bad"));
    assert_eq!(debian.status(), "good install ok installed");
}

#[test]
fn what_is_half_configured_may_be_removed() {
    let debian = Debian::new(&[("bad", "false")]);
    let mut agent = debian.agent("r");
    agent.fails(apt("install bad"));
    agent.done(apt("purge bad"));
    assert_eq!(debian.status(), "");
}

#[test]
fn a_hold_is_set_with_the_lock_waited_for() {
    let debian = Debian::new(&[("good", ":")]);
    let mut agent = debian.agent("r");
    agent.done(apt("install good"));
    agent.done(tool(PackageTool::AptMark, "hold good"));
    assert_eq!(debian.status(), "good hold ok installed");
}

const SLOW: &str = "touch /srv/begun; while [ ! -e /srv/go ]; do sleep 0.1; done; echo words of the script";

/// An agent that is gone while apt is at work.
fn cut_off(debian: &Debian) {
    let mut agent = debian.agent("first");
    agent.send(change(vec![apt("install slow")]));
    eventually("the installation", || debian.0.path().join("srv/begun").exists());
    agent.child.kill().unwrap();
    agent.child.wait().unwrap();
}

#[test]
fn an_installation_goes_on_when_the_link_is_lost_and_the_next_run_waits_for_it_and_tells() {
    let debian = Debian::new(&[("slow", SLOW)]);
    cut_off(&debian);
    let mut next = debian.agent("next");
    let asked =
        next.send(Request::Observe(vec![Query::Run(Probe::DpkgStatus { names: vec!["slow".into()] })]));
    next.hears("waiting for `apt-get install slow`, which an earlier run has left at work (");
    debian.sh("touch srv/go");
    next.hears(
        "`apt-get install slow` of an earlier run, whose link was lost, has ended well: installed slow 1",
    );
    // What is seen is what came of it.
    let Response::Answers(mut answers) = next.answer(asked) else { panic!() };
    assert_eq!(stdout(answers.remove(0)), "slow\tii \t1\n");
    drop(next);
    let mut later = debian.agent("later");
    later.observe(Query::Run(Probe::AptLock));
    assert!(later.progress.is_empty(), "{:?}", later.progress);
}

#[test]
fn a_failure_that_nobody_saw_is_told_with_its_last_words() {
    let debian = Debian::new(&[("slow", &format!("{SLOW}; exit 3"))]);
    cut_off(&debian);
    debian.sh("touch srv/go");
    eventually("the end", || debian.status() == "slow install ok half-configured");
    let mut next = debian.agent("next");
    next.observe(Query::Run(Probe::AptLock));
    let told = next.progress.iter().find(|line| line.contains("has failed with 100")).expect("it is told");
    assert!(told.contains("words of the script") && told.contains("returned error exit status 3"), "{told}");
}

#[test]
fn lists_are_as_old_as_the_last_time_that_somebody_asked() {
    let debian = Debian::new(&[("good", ":")]);
    let mut agent = debian.agent("r");
    let lists = |older_than_s| Query::Run(Probe::PackageLists { tool: PackageTool::AptGet, older_than_s });
    assert_eq!(stdout(agent.observe(lists(3600))), "");
    debian.sh("touch -d '2 hours ago' var/lib/apt/lists");
    assert_eq!(stdout(agent.observe(lists(3600))), "old\n");
    assert_eq!(stdout(agent.observe(lists(3 * 3600))), "");
    agent.done(apt("update"));
    assert_eq!(stdout(agent.observe(lists(3600))), "");
    debian.sh("rm -rf var/lib/apt/lists/*");
    assert_eq!(stdout(agent.observe(lists(3600))), "old\n");
}

#[test]
fn a_source_whose_list_could_not_be_fetched_is_noticed_by_the_next_run() {
    let debian = Debian::new(&[("good", ":")]);
    let source = "/etc/apt/sources.list.d/x.sources";
    debian.sh(
        "mkdir -p etc/apt/sources.list.d srv/x && cp srv/repo/Packages srv/x && \
         printf 'Types: deb\nURIs: file:/srv/x\nSuites: ./\nTrusted: yes\n' > etc/apt/sources.list.d/x.sources",
    );
    let ask = |agent: &mut Agent| stdout(agent.observe(Query::Run(Probe::AptSource { path: source.into() })));
    let update = format!(
        "update -o Dir::Etc::SourceList={source} -o Dir::Etc::SourceParts=- -o APT::Get::List-Cleanup=0 -o APT::Update::Error-Mode=any"
    );
    let mut agent = debian.agent("first");
    assert_eq!(ask(&mut agent), "unfetched\n", "there is no list of it");
    debian.sh("mv srv/x srv/away");
    assert_eq!(agent.fails(apt(&update)), "`apt-get` exited with 100");
    drop(agent);
    let mut agent = debian.agent("next");
    assert_eq!(ask(&mut agent), "unfetched\n");
    debian.sh("mv srv/away srv/x");
    agent.done(apt(&update));
    assert_eq!(ask(&mut agent), "");
    // A list of before is still there: what it was to become is not known.
    debian.sh("mv srv/x srv/away");
    agent.fails(apt(&update));
    debian.sh("mv srv/away srv/x && ls var/lib/apt/lists | grep -q _srv_x_");
    assert_eq!(ask(&mut agent), "unfetched\n");
    agent.done(apt("update"));
    assert_eq!(ask(&mut agent), "", "an update of all is one of this");
}

#[test]
fn apt_is_asked_what_it_would_do() {
    let debian = Debian::new(&[("good", ":")]);
    let mut agent = debian.agent("r");
    agent.done(apt("install good"));
    let plan = AptPlan::Remove { names: vec!["good".into()], purge: true, auto: true };
    assert_eq!(stdout(agent.observe(Query::Run(Probe::AptSimulate(plan)))), "Purg good [1]\n");
    let plan = AptPlan::Upgrade { full: true, auto: false };
    assert_eq!(stdout(agent.observe(Query::Run(Probe::AptSimulate(plan)))), "");
    assert_eq!(debian.status(), "good install ok installed");
}

#[test]
fn an_answer_of_debconf_waits_for_the_lock_and_is_read_without_it() {
    let debian = Debian::new(&[]);
    debian.sh(
        "touch var/cache/debconf/config.dat var/cache/debconf/passwords.dat var/cache/debconf/templates.dat",
    );
    let mut agent = debian.agent("r");
    let config = debian.0.path().join("var/cache/debconf/config.dat");
    let mut holder = std::process::Command::new("flock");
    let holder = holder.arg("-x").arg(&config).args(["sh", "-c", "echo held; exec cat"]);
    let holder = holder.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut holder = holder.spawn().unwrap();
    let mut said = [0; 5];
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut said).unwrap();
    let asked = agent.send(change(vec![Op::Packages {
        tool: PackageTool::Debconf,
        args: vec![],
        stdin: Some(agent::secret::Content::new("law law/pw password s3cr=t\n", true)),
        lock_timeout_s: 60,
        refresh: false,
    }]));
    agent.hears("another process was faster to take a lock: trying again");
    let look = || Query::Run(Probe::Debconf { question: "law/pw".into(), secret: true });
    assert_eq!(stdout(agent.observe(look())), "");
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(matches!(agent.answer(asked), Response::Applied { .. }));
    let Answer::Output(output) = agent.observe(look()) else { panic!() };
    assert_eq!(output.stdout.bytes(), b"password\ttrue\t733363723d74\n");
    assert!(output.stdout.is_secret());
    assert!(agent.progress.iter().all(|line| !line.contains("s3cr")), "{:?}", agent.progress);
    assert_eq!(debian.sh("grep -rl s3cr . || true").trim(), "./var/cache/debconf/passwords.dat");
}

/// What there is of cloud-init on a host, on which apt is then asked for something. Returns what was told meanwhile.
fn with_cloud_init(script: &str) -> Vec<String> {
    let state = tempfile::tempdir().unwrap();
    let script = format!("mount -t tmpfs tmpfs /run && {script} && exec \"$@\"");
    let place = ["unshare", "-m", "sh", "-ec", &script, "sh"];
    let mut agent = Agent::open_in(&place, &state.path().join("state"), Session::ReadWrite, "r");
    agent.done(apt("check"));
    let waits = agent.progress.iter().filter(|line| line.starts_with("waiting for cloud-init"));
    waits.cloned().collect()
}

#[test]
fn a_cloud_init_that_never_runs_is_not_waited_for() {
    let status = r#"{"v1": {"datasource": null, "init": {"errors": [], "finished": null, "start": null}, "stage": null}}"#;
    for script in [
        "mkdir /run/cloud-init",
        "mkdir /run/cloud-init && touch /run/cloud-init/disabled",
        // Enabled by its generator when it was installed: for the next boot.
        "mkdir /run/cloud-init && touch /run/cloud-init/enabled",
        &format!("mkdir /run/cloud-init && echo '{status}' > /run/cloud-init/status.json"),
        // systemd cannot be asked here, and what it would start has not begun.
        "mkdir -p /run/cloud-init /run/systemd/system && touch /run/cloud-init/enabled",
    ] {
        assert_eq!(with_cloud_init(script), [""; 0], "{script}");
    }
}

/// The host's own answer to `cloud-init status --long`, as one prints it that is at work until a file is there.
#[test]
fn a_cloud_init_at_work_is_waited_for_and_told_once_it_has_begun() {
    let own = "mkdir /run/cloud-init /run/bin && echo '{\"v1\": {\"stage\": \"modules-final\"}}' > /run/cloud-init/status.json && \
               printf '#!/bin/sh\nif [ -e /run/seen ]; then echo {} > /run/cloud-init/result.json; fi; touch /run/seen\n\
               echo status: running\necho extended_status: running\necho boot_status_code: enabled-by-generator\n' > /run/bin/cloud-init && \
               chmod 0755 /run/bin/cloud-init && mount --bind /run/bin /usr/local/sbin";
    let told = with_cloud_init(own);
    let begin = "waiting for cloud-init, which sets this host up, at modules-final (`cloud-init status --long` there); ";
    assert!(told[0].starts_with(begin) && told[0].ends_with(" of 60 s"), "{told:?}");
}
