//! Certificates: what is refused before it takes its place, and what making one must not follow.

use super::{
    host::{Agent, task},
    set_mode,
    system::run,
    write,
};
use agent::wire::{Response, Session};
use lustores_provision::resource::Outcome;
use std::{fs, path::Path};

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
