//! Secrets of what is planned, and what locks their fingerprints.

use super::{saved, signed::keygen};
use crate::project::Project;
use base64::{Engine, engine::general_purpose as b64};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn no_secret_is_in_a_plan_and_one_that_changed_is_seen() {
    let (vault, asked, old) = ("correct-horse/battery+staple", "word-of-a-program?", "an-older-one/7+");
    let project = Project::tasks(
        "    - {name: env, env_file: {path: \"{{home}}/env\", values: {WORD: \"{{word}}\", PLAIN: one}}}\n    \
         - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"x {{word}} {{asked}}\\n\"}}\n    \
         - {name: quiet, copy: {dest: \"{{home}}/quiet\", content: \"never-to-be-seen\"}, no_log: true}\n    \
         - {name: runs, command: {cmd: \"true\", stdin: \"{{asked}}\"}}\n",
    );
    project.write("words", "a vault password\n");
    project.write("group_vars/all.yml", &format!("word: {vault}\n"));
    let flag = ["--vault-password-file", "words"];
    project.run(&[&["vault", "encrypt", "group_vars/all.yml"], &flag[..]].concat()).exits(0);
    let inventory = project.read("inventory.yml");
    let inventory = inventory
        .replace("  vars:\n", &format!("  vars:\n    asked: !secret {{command: [printf, \"{asked}\"]}}\n"));
    project.write("inventory.yml", &inventory);
    project.write("h/a/conf", &format!("x {old}\n"));
    let plan = |more: &[&str]| project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], more].concat());
    let planned = plan(&flag);
    planned.exits(10);
    let text = project.read("p.plan");
    for secret in [vault, asked, "never-to-be-seen", "a vault password"] {
        let url: String = secret
            .bytes()
            .map(|byte| match byte.is_ascii_alphanumeric() {
                true => char::from(byte).to_string(),
                false => format!("%{byte:02X}"),
            })
            .collect();
        let forms = [
            secret.to_string(),
            b64::STANDARD.encode(secret),
            b64::URL_SAFE_NO_PAD.encode(secret),
            url,
            hex(secret),
        ];
        for form in forms {
            assert!(!text.contains(&form) && !planned.text().contains(&form), "{form} in {text}");
        }
        // Nor anything by which a guess can be tried without the key.
        for digest in [blake3::hash(secret.as_bytes()).to_hex().to_string(), sha256(secret)] {
            assert!(!text.contains(&digest[..12]), "{digest} in {text}");
        }
    }
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "vault");
    // Only who opens the vault can carry it out.
    project.run(&["apply", "p.plan"]).exits(20);
    project.write("wrong", "another password\n");
    project
        .run(&["apply", "p.plan", "--vault-password-file", "wrong"])
        .exits(20)
        .has(&["wrong vault password"]);
    // A secret that was changed on the host.
    project.write("h/a/conf", "x an-older-one/8+\n");
    let moved = project.run(&[&["apply", "p.plan"], &flag[..]].concat());
    moved.exits(41).has(&["`conf` (path:", "content on the host is"]);
    project.write("h/a/conf", &format!("x {old}\n"));
    // And one of the project: the program says something else now.
    project.write("inventory.yml", &inventory.replace(asked, "another-word"));
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(20).has(&["inventory.yml has changed"]);
    project.write("inventory.yml", &inventory);
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0).row("a 0 4 0 0 0 0");
    assert_eq!(project.read("h/a/conf"), format!("x {vault} {asked}\n"));
    // What a plan may not hold.
    let refused = plan(&[&["-e", &format!("x={vault}")], &flag[..]].concat());
    refused.exits(20).has(&["the plan is not saved", "holds a secret", "`-e @FILE`"]).lacks(&[vault]);
    // Nor one by the name of a secret.
    let refused = plan(&[&["-e", "word=CmdLine-Secret-99"], &flag[..]].concat());
    refused.exits(20).has(&["the plan is not saved", "holds a secret"]).lacks(&["CmdLine-Secret-99"]);
    // Of a mapping that holds one only that.
    let mapping = "  vars:\n    app: {env: dev, token: !secret {command: [printf, a-word-of-the-app]}}\n";
    project.write("inventory.yml", &inventory.replace("  vars:\n", mapping));
    plan(&[&["-e", "{app: {env: CmdLine-Plain-98}}"], &flag[..]].concat()).exits(10);
    plan(&[&["-e", "{app: {token: CmdLine-Secret-98}}"], &flag[..]].concat())
        .exits(20)
        .has(&["holds a secret"]);
    project.write("inventory.yml", &inventory);
    // However it is written, and however short a password is.
    let (first, rest) = vault.split_at(1);
    let escaped = format!("{{\"x\": \"\\u{:04x}{rest}\"}}", u32::from(first.chars().next().unwrap()));
    for vars in [
        escaped.as_str(),
        "{\"ansible_become_password\": \"ab\"}",
        "admin_password=ab",
        "{app: {api_key: ab}}",
    ] {
        plan(&[&["-e", vars], &flag[..]].concat())
            .exits(20)
            .has(&["the plan is not saved", "holds a secret"]);
    }
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn sha256(text: &str) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Without a vault the secrets themselves lock the key, if they are long enough together.
#[test]
fn secrets_of_programs_lock_a_plan() {
    let project =
        Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\"}}\n");
    let inventory = project.read("inventory.yml");
    let with = |name: &str| {
        let vars =
            format!("  vars:\n    word: !secret {{command: [cat, {}]}}\n", project.path(name).display());
        project.write("inventory.yml", &inventory.replace("  vars:\n", &vars));
    };
    project.write("word", "a-secret-that-is-long\n");
    project.write("short", "hunter2\n");
    with("short");
    let refused = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    refused.exits(20).has(&["too short to lock a plan with", "--vault-password-file FILE"]);
    project.write("any", "a password that locks nothing else\n");
    let flag = ["--vault-password-file", "any"];
    project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], &flag[..]].concat()).exits(10);
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0);
    with("word");
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "secrets");
    project.write("word", "another-that-is-long\n");
    project.run(&["apply", "p.plan"]).exits(20).has(&["the secrets are others than when the plan was made"]);
    project.write("word", "a-secret-that-is-long\n");
    project.run(&["apply", "p.plan"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "a-secret-that-is-long");
}

/// What only some may read on a host is a secret, and no key may stand in the clear beside its fingerprint.
#[test]
fn secrets_of_hosts_want_a_lock() {
    let project = Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\"}}\n");
    project.write("h/a/conf", "PIN=1234");
    fs::set_permissions(project.path("h/a/conf"), fs::Permissions::from_mode(0o600)).unwrap();
    let refused = project.run(&["plan", "inventory.yml", "-o", "p.plan"]);
    refused.exits(20).has(&[
        "`conf` (path:",
        "on `a` has a secret",
        "any long one, also where there is no vault",
    ]);
    project.write("any", "a password that locks nothing else\n");
    let flag = ["--vault-password-file", "any"];
    project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], &flag[..]].concat()).exits(10);
    assert!(!project.read("p.plan").contains("1234"));
    project.write("h/a/conf", "PIN=1235");
    let moved = project.run(&[&["apply", "p.plan"], &flag[..]].concat());
    moved.exits(41).has(&["content on the host is `PIN=[secret "]).lacks(&["1235"]);
    project.write("h/a/conf", "PIN=1234");
    project.run(&[&["apply", "p.plan"], &flag[..]].concat()).exits(0);
}

/// Where secrets are for age recipients, so is the key.
#[cfg(feature = "age")]
#[test]
fn age_recipients_lock_a_plan() {
    let project =
        Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\"}}\n");
    keygen(&project, "ann");
    keygen(&project, "bob");
    keygen(&project, "eve");
    fs::create_dir(project.path(".git")).unwrap();
    project.write("vault-recipients", &(project.read("ann.pub") + &project.read("bob.pub")));
    project.write("group_vars/all.yml", "word: x1\n");
    project.run(&["vault", "encrypt", "group_vars/all.yml"]).exits(0);
    project.run(&["plan", "inventory.yml", "-o", "p.plan", "--identity", "ann"]).exits(10);
    assert_eq!(saved(&project, "p.plan")["key"]["with"], "age");
    project
        .run(&["apply", "p.plan", "--identity", "eve"])
        .exits(20)
        .has(&["encrypted for other age recipients"]);
    project.run(&["apply", "p.plan", "--identity", "bob"]).exits(0);
    assert_eq!(project.read("h/a/conf"), "x1");
}

/// Of the locks that a plan may have, whoever carries it out takes the vault's where a vault password is given; without one an identity
/// opens what is locked for it, and what nothing locks is nobody's where there are secrets.
#[cfg(feature = "age")]
#[test]
fn which_lock_is_taken_where_an_identity_is_given() {
    let project =
        Project::tasks("    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"{{word}}\"}}\n");
    keygen(&project, "ann");
    fs::create_dir(project.path(".git")).unwrap();
    project.write("vault-recipients", &project.read("ann.pub"));
    project.write("words", "a vault password\n");
    project.write("group_vars/all.yml", "word: a-word-that-is-long\n");
    let (vault, identity) = (["--vault-password-file", "words"], ["--identity", "ann"]);
    let both = [vault, identity].concat();
    let plan = |flags: &[&str]| {
        project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], flags].concat()).exits(10);
        saved(&project, "p.plan")["key"]["with"].as_str().unwrap().to_owned()
    };
    let apply = |flags: &[&str]| project.run(&[&["apply", "p.plan"], flags].concat());
    // Nothing is secret yet, so that nothing locks it but what is given.
    assert_eq!(plan(&[]), "nothing");
    for flags in [&vault[..], &both] {
        apply(flags).exits(20).has(&[
            "anybody may have made the plan",
            "a vault password is given",
            "hint: plan again",
        ]);
    }
    apply(&identity).exits(0);
    fs::remove_file(project.path("h/a/conf")).unwrap();
    let unlocked = project.read("p.plan");
    project.run(&["vault", "encrypt", "group_vars/all.yml"]).exits(0);
    // The first vault password before all recipients.
    assert_eq!(plan(&both), "vault");
    apply(&identity).exits(20).has(&["the fingerprints of the plan are locked as the project's secrets are"]);
    assert_eq!(plan(&identity), "age");
    for flags in [&both[..], &vault] {
        let refused = apply(flags);
        refused.exits(20).has(&["anybody may have made the plan", "it does not lock the key"]);
        assert!(!project.has("h/a/conf"));
    }
    apply(&[]).exits(20).has(&["encrypted for age recipients", "--identity FILE"]);
    apply(&identity).exits(0).lacks(&["a-word-that-is-long"]);
    assert_eq!(project.read("h/a/conf"), "a-word-that-is-long");
    // One whose lock was taken off is not taken, whoever opens the secrets.
    let mut plan = saved(&project, "p.plan");
    plan["key"] = serde_json::from_str::<serde_json::Value>(&unlocked).unwrap()["key"].clone();
    project.write("p.plan", &super::resealed(&plan));
    fs::remove_file(project.path("h/a/conf")).unwrap();
    apply(&identity).exits(20).has(&["anybody may have made the plan", "nothing locks the key"]);
    assert!(!project.has("h/a/conf"));
}
