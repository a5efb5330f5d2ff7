//! The law for what the system itself keeps: accounts, kernel parameters, certificates. The agent runs in a network
//! namespace of its own, with a copy of this machine's account files for its `/etc`.

use super::{
    host::{Agent, Tree, task, tree},
    law, law_in, set_mode, write,
};
use agent::wire::{Response, Session};
use lustores_provision::resource::Outcome;
use std::{fs, path::Path, process::Command, sync::atomic::AtomicU32, sync::atomic::Ordering::Relaxed};
use tempfile::TempDir;

/// A network namespace and an `/etc`, both private.
struct System {
    name: String,
    folder: TempDir,
}

impl System {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        assert!(rustix::process::geteuid().is_root(), "these tests make namespaces: run them as root");
        let name = format!("lplaw{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        run(&["ip".into(), "netns".into(), "add".into(), name.clone()]);
        let folder = tempfile::tempdir().unwrap();
        let etc = folder.path().join("etc");
        fs::create_dir_all(etc.join("sysctl.d")).unwrap();
        for entry in [
            "passwd",
            "group",
            "shadow",
            "gshadow",
            "nsswitch.conf",
            "login.defs",
            "pam.d",
            "pam.conf",
            "security",
            "default",
            "skel",
            "ld.so.cache",
            "ld.so.conf",
            "ld.so.conf.d",
        ] {
            let from = format!("/etc/{entry}");
            if Path::new(&from).exists() {
                run(&["cp".into(), "-a".into(), from, etc.display().to_string()]);
            }
        }
        Self { name, folder }
    }

    /// What stands before a command that is to run there.
    fn place(&self) -> Vec<String> {
        // `ip netns exec` comes with a mount namespace of its own.
        let enter = "mount --bind \"$1\" /etc && mount -t tmpfs none /home && shift && exec \"$@\"";
        let etc = self.folder.path().join("etc").display().to_string();
        ["ip", "netns", "exec", &self.name, "sh", "-c", enter, "sh", &etc].map(String::from).to_vec()
    }

    fn run(&self, words: &[&str]) -> String {
        run(&self.place().into_iter().chain(words.iter().map(ToString::to_string)).collect::<Vec<_>>())
    }

    /// Without the copies that the account tools leave behind.
    fn accounts(&self) -> Tree {
        let mut found = tree(&self.folder.path().join("etc"));
        found.retain(|path, _| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            !name.ends_with('-') && !name.ends_with(".lock")
        });
        found
    }
}

impl Drop for System {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn run(words: &[String]) -> String {
    let output = Command::new(&words[0]).args(&words[1..]).output().unwrap();
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn group() {
    let system = System::new();
    let tool = |words: &[&str]| drop(system.run(words));
    law_in(
        &system.place(),
        &|| system.accounts(),
        "group",
        "{name: lawgroup, gid: 47101}",
        &["group", "gid"],
        &[
            (&["gid"], &|| tool(&["groupmod", "--gid", "47102", "lawgroup"])),
            (&["group", "gid"], &|| tool(&["groupdel", "lawgroup"])),
        ],
    );
}

#[test]
fn user() {
    let system = System::new();
    system.run(&["groupadd", "--gid", "47200", "lawgroup"]);
    system.run(&["groupadd", "--gid", "47203", "lawother"]);
    let tool = |words: &[&str]| drop(system.run(words));
    let usermod = |words: &[&str]| tool(&[&["usermod"], words, &["lawuser"]].concat());
    law_in(
        &system.place(),
        &|| system.accounts(),
        "user",
        "{name: lawuser, uid: 47201, group: lawgroup, groups: [adm, daemon], append: false, home: /home/law, shell: \
         /bin/bash, comment: \"The ä user\"}",
        &["user", "uid", "group", "groups", "home", "shell", "comment"],
        &[
            (&["uid"], &|| usermod(&["--uid", "47202"])),
            (&["group"], &|| usermod(&["--gid", "lawother"])),
            (&["groups"], &|| usermod(&["--groups", "adm,mail"])),
            (&["home"], &|| usermod(&["--home", "/home/other"])),
            (&["shell"], &|| usermod(&["--shell", "/bin/sh"])),
            (&["comment"], &|| usermod(&["--comment", "someone"])),
            (&["user", "uid", "group", "groups", "home", "shell", "comment"], &|| {
                tool(&["userdel", "lawuser"]);
            }),
        ],
    );
}

#[test]
fn sysctl() {
    let system = System::new();
    let key = "net.ipv4.ip_default_ttl";
    let file = system.folder.path().join(format!("etc/sysctl.d/60-{key}.conf"));
    let look = || {
        let mut found = system.accounts();
        let live = system.run(&["sysctl", "-n", key]);
        found.insert("live".into(), (0, 0, 0, live.into_bytes()));
        found
    };
    law_in(
        &system.place(),
        &look,
        "sysctl",
        &format!("{{name: {key}, value: 71}}"),
        &["live value", "file"],
        &[
            (&["live value"], &|| drop(system.run(&["sysctl", "-q", "-w", &format!("{key}=72")]))),
            (&["file"], &|| write(&file, &format!("{key} = 73\n"))),
            (&["file"], &|| fs::remove_file(&file).unwrap()),
        ],
    );
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{key} = 71\n"));
}

#[test]
fn certificate() {
    let temp = tempfile::tempdir().unwrap();
    let path = |name: &str| temp.path().join(name).display().to_string();
    let (cert, key) = (path("c ' $.pem"), path("k.pem"));
    let parameters = format!(
        "{{path: {cert:?}, key: {key:?}, method: self_signed, names: [www.example.org, \"*.example.org\", 10.0.0.1], \
         owner: root, group: root}}"
    );
    let facets = ["certificate", "names", "validity", "key", "key mode", "key owner", "key group"];
    law(
        temp.path(),
        "certificate",
        &parameters,
        &facets,
        &[(&["key mode"], &|| {
            set_mode(Path::new(&key), 0o644);
        })],
    );
    // Making a new one gives other bytes: here the facets are what has to come back.
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&[], state.path(), Session::ReadWrite);
    let task = task("certificate", &parameters);
    let openssl = |out_cert: &str, out_key: &str, names: &str, days: &str| {
        let names = format!("subjectAltName={names}");
        let words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.org"];
        let rest = ["-days", days, "-addext", &names, "-keyout", out_key, "-out", out_cert];
        let words = ["openssl"].iter().chain(&words).chain(&rest);
        run(&words.map(ToString::to_string).collect::<Vec<_>>());
        set_mode(Path::new(&key), 0o600);
    };
    let same = "DNS:www.example.org,DNS:*.example.org,IP:10.0.0.1";
    let disturbances: &[(&[&str], &dyn Fn())] = &[
        (&["names"], &|| openssl(&cert, &key, "DNS:other.example.org", "800")),
        (&["validity"], &|| openssl(&cert, &key, same, "3")),
        (&["key"], &|| openssl(&path("aside"), &key, same, "800")),
        (&facets[..4], &|| fs::remove_file(&cert).unwrap()),
    ];
    for (expected, disturb) in disturbances {
        disturb();
        let Outcome::Change(change) = agent.plan(&*task) else { panic!("{expected:?} is not seen") };
        let found: Vec<_> = change.diff.facets.iter().map(|f| f.facet.as_str()).collect();
        assert_eq!(found, *expected);
        let response = agent.apply(&change);
        assert!(matches!(response, Response::Applied { .. }), "{response:?}");
        assert!(matches!(agent.plan(&*task), Outcome::Unchanged { .. }), "{expected:?} is mended");
    }
    let key_of = |what: &[&str]| run(&what.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(
        key_of(&["openssl", "x509", "-in", &cert, "-noout", "-pubkey"]),
        key_of(&["openssl", "pkey", "-in", &key, "-pubout"])
    );
}

/// A pair made by the real openssl: certificate and key as texts.
fn pair(folder: &Path, days: &str, names: &str) -> (String, String) {
    let script = "cd \"$1\" && openssl req -newkey rsa:2048 -nodes -subj /CN=x -addext \"subjectAltName=$3\" -keyout k -out r && \
                  openssl x509 -req -in r -signkey k -days \"$2\" -copy_extensions copy -out c";
    let folder_text = folder.display().to_string();
    run(&["sh", "-c", script, "sh", &folder_text, days, names].map(String::from));
    let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    (read("c"), read("k"))
}

#[test]
fn a_supplied_certificate_is_checked_before_it_takes_its_place() {
    let temp = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&[], state.path(), Session::ReadWrite);
    let place = temp.path().join("place");
    fs::create_dir(&place).unwrap();
    let mut supply = |(certificate, key): (&str, &str), names: &str| {
        let text = |text: &str| serde_json::to_string(text).unwrap();
        let parameters = format!(
            "{{path: {0}/c.pem, key: {0}/k.pem, method: supplied, content: {1}, key_content: {2}, names: {names}}}",
            place.display(),
            text(certificate),
            text(key)
        );
        let Outcome::Change(change) = agent.plan(&*task("certificate", &parameters)) else {
            panic!("no change")
        };
        match agent.apply(&change) {
            Response::Applied { .. } => "put in place".to_string(),
            Response::OpFailed { output: Some(output), .. } => {
                assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "nothing is put in place");
                String::from_utf8_lossy(output.stderr.bytes()).into_owned()
            }
            other => panic!("{other:?}"),
        }
    };
    let (certificate, key) = pair(temp.path(), "30", "DNS:x.org,DNS:*.y.org,IP:10.0.0.1,IP:fd00::1");
    let (ended, its_key) = pair(temp.path(), "-1", "DNS:x.org");
    let said = supply((&ended, &its_key), "[]");
    assert!(said.contains("the certificate has ended: notAfter="), "{said}");
    assert_eq!(supply((&certificate, &its_key), "[]"), "the private key does not fit the certificate\n");
    let good = (certificate.as_str(), key.as_str());
    assert!(supply(good, "[x.org, z.org]").ends_with("the certificate does not cover z.org\n"));
    assert!(supply(good, "[10.0.0.2]").ends_with("the certificate does not cover 10.0.0.2\n"));
    assert_eq!(supply(good, "[x.org, a.y.org, \"*.y.org\", 10.0.0.1, \"fd00::1\"]"), "put in place");
}

/// In a folder that others can write, a link under a name that can be foreseen would lead elsewhere.
#[test]
fn making_a_certificate_follows_no_link() {
    let temp = tempfile::tempdir().unwrap();
    let state = tempfile::tempdir().unwrap();
    let (open, precious) = (temp.path().join("open"), temp.path().join("precious"));
    fs::create_dir(&open).unwrap();
    set_mode(&open, 0o777);
    write(&precious, "root's own");
    for name in ["c.pem.new", "k.pem.new"] {
        std::os::unix::fs::symlink(&precious, open.join(name)).unwrap();
    }
    let mut agent = Agent::open(&[], state.path(), Session::ReadWrite);
    let parameters =
        format!("{{path: {0}/c.pem, key: {0}/k.pem, method: self_signed, names: x.org}}", open.display());
    let Outcome::Change(change) = agent.plan(&*task("certificate", &parameters)) else { panic!("no change") };
    let response = agent.apply(&change);
    assert!(matches!(response, Response::Applied { .. }), "{response:?}");
    assert_eq!(fs::read_to_string(&precious).unwrap(), "root's own");
    assert_eq!(fs::read_dir(&open).unwrap().count(), 4, "the links, the certificate and its key");
}
