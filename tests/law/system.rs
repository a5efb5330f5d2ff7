//! The law for what the system itself keeps: accounts, kernel parameters, certificates, sources of packages. The agent runs in a network
//! namespace of its own, with a copy of this machine's account files for its `/etc`.

use super::{
    Disturbance, Law,
    host::{Tree, tree},
    law, law_in, quoted, set_mode, write,
};
use std::{
    fs,
    os::unix::fs::chown,
    path::Path,
    process::Command,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};
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
        let enter = "mount --bind \"$1\" /etc && for own in /home /var/lib/apt /var/cache/apt; do \
                     mount -t tmpfs none $own || exit; done; mkdir -p /var/lib/apt/lists/partial \
                     /var/cache/apt/archives/partial && shift && exec \"$@\"";
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

pub fn run(words: &[String]) -> String {
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
         owner: daemon, group: \"4242\"}}"
    );
    write(&temp.path().join("beside"), "stays");
    let facets = ["certificate", "names", "validity", "key", "key mode", "key owner", "key group"];
    let key_file = Path::new(&key);
    law(
        temp.path(),
        "certificate",
        &parameters,
        &facets,
        &[
            (&["key mode"], &|| set_mode(key_file, 0o644)),
            (&["key owner"], &|| chown(key_file, Some(0), None).unwrap()),
            (&["key group"], &|| chown(key_file, None, Some(0)).unwrap()),
        ],
    );
    let openssl = |out_cert: &str, out_key: &str, names: &str, days: &str| {
        let names = format!("subjectAltName={names}");
        let words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=www.example.org"];
        let rest = ["-days", days, "-addext", &names, "-keyout", out_key, "-out", out_cert];
        let words = ["openssl"].iter().chain(&words).chain(&rest);
        run(&words.map(ToString::to_string).collect::<Vec<_>>());
        for made in [out_cert, out_key] {
            set_mode(Path::new(made), if made == out_key { 0o600 } else { 0o644 });
        }
        chown(out_key, Some(1), Some(4242)).unwrap();
    };
    let same = "DNS:www.example.org,DNS:*.example.org,IP:10.0.0.1";
    let disturbances: &[Disturbance] = &[
        (&["names"], &|| openssl(&cert, &key, "DNS:other.example.org", "800")),
        (&["validity"], &|| openssl(&cert, &key, same, "3")),
        (&["key"], &|| {
            openssl(&path("aside"), &key, same, "800");
            fs::remove_file(path("aside")).unwrap();
        }),
        (&facets[..4], &|| fs::remove_file(&cert).unwrap()),
    ];
    // Making a new one gives other bytes; all else must come back as it was.
    let whole = || tree(temp.path());
    let but_bytes = || {
        let mut found = whole();
        for file in [&cert, &key] {
            found.get_mut(Path::new(file)).expect("it is there").3.clear();
        }
        found
    };
    let mut law = Law::new(&[], &whole, "certificate", &parameters);
    let converged = but_bytes();
    for (facets, disturb) in disturbances {
        law.disturb(&whole(), facets, *disturb);
        law.mend(facets);
        assert_eq!(but_bytes(), converged, "{facets:?} is mended and nothing else");
    }
    let key_of = |what: &[&str]| run(&what.iter().map(ToString::to_string).collect::<Vec<_>>());
    assert_eq!(
        key_of(&["openssl", "x509", "-in", &cert, "-noout", "-pubkey"]),
        key_of(&["openssl", "pkey", "-in", &key, "-pubout"])
    );
}

#[test]
fn certificate_that_is_supplied() {
    let temp = tempfile::tempdir().unwrap();
    let made = |name: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = |ending: &str| folder.path().join(ending).display().to_string();
        let (cert, key, subject) = (file("c"), file("k"), format!("/CN={name}"));
        let words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", &subject, "-days", "90"];
        let files = ["-keyout", &key, "-out", &cert];
        let words = ["openssl"].iter().chain(&words).chain(&files);
        run(&words.map(ToString::to_string).collect::<Vec<_>>());
        (fs::read_to_string(cert).unwrap(), fs::read_to_string(key).unwrap())
    };
    let ((cert, key), (other_cert, other_key)) = (made("one.example.org"), made("two.example.org"));
    let place = [temp.path().join("c ' $.pem"), temp.path().join("k.pem")];
    let parameters = format!(
        "{{path: {:?}, key: {:?}, method: supplied, content: {}, key_content: {}, owner: daemon, group: \"4242\"}}",
        place[0].display().to_string(),
        place[1].display().to_string(),
        quoted(&cert),
        quoted(&key),
    );
    let facets = ["fingerprint", "chain", "private key", "key mode", "key owner", "key group"];
    let chain = ["chain"];
    law(
        temp.path(),
        "certificate",
        &parameters,
        &facets,
        &[
            (&["key mode"], &|| set_mode(&place[1], 0o644)),
            (&["key owner"], &|| chown(&place[1], Some(0), None).unwrap()),
            (&["key group"], &|| chown(&place[1], None, Some(0)).unwrap()),
            (&["private key"], &|| write(&place[1], &other_key)),
            (&chain, &|| write(&place[0], &format!("{cert}{other_cert}"))),
            (&["fingerprint", "chain"], &|| write(&place[0], &other_cert)),
            (&["fingerprint", "chain"], &|| fs::remove_file(&place[0]).unwrap()),
            (&["private key", "key mode", "key owner", "key group"], &|| fs::remove_file(&place[1]).unwrap()),
        ],
    );
}

#[test]
fn accounts_that_must_be_absent() {
    let system = System::new();
    let tool = |words: &[&str]| drop(system.run(words));
    let group = || tool(&["groupadd", "--gid", "47301", "lawgone"]);
    group();
    let absent = "{name: lawgone, state: absent}";
    law_in(&system.place(), &|| system.accounts(), "group", absent, &["group"], &[(&["group"], &group)]);
    let user = || tool(&["useradd", "--no-create-home", "--uid", "47302", "lawgone"]);
    user();
    law_in(&system.place(), &|| system.accounts(), "user", absent, &["user"], &[(&["user"], &user)]);
}
