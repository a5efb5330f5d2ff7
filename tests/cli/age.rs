//! Secrets for age recipients: whole files and values, X25519 and ssh keys.

use crate::project::Project;
use std::{fs, process::Command};

pub const KEY: &str = "AGE-SECRET-KEY-1H9Z6E8XQ2N9SE53NNDHKQYWH257P6F640KC9ZZA386WJZWAQ5N6SDT54MU";
pub const PUBLIC: &str = "age10t27pxty8jlhlj4kgy9hqkvjhztnrp6kpl9u3vhjpg4a7wdnjskq6xq87y";
/// Of somebody else, as `age -r PUBLIC -a` of Debian's age 1.1 writes it: `token: kanari\n`.
const FOREIGN: &str = "-----BEGIN AGE ENCRYPTED FILE-----\n\
    YWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSAyNWtNYVFmbWZvRjJQbUN1\n\
    Ylc2cWZiN2ZYV1AwM05ObnAzd1lFVFJZbUh3CnBlWVQ1bDV6blV0QmFXSEhaSk9L\n\
    UnZHSlFPMHBqcnJlaGxWSTAyRTRJdXMKLS0tIFBYeXcvZG5VT2pySkJVNzVzbCtp\n\
    bjRkSS9DSUUxZWY2djZZNTN2Wk9MT3cKR1bNQDnh0lyB5dSVr1Hjf3Ow6tkAE9Mq\n\
    /eFoBbd2t2jdS5Jvj+Loll/6SzMmrQ==\n\
    -----END AGE ENCRYPTED FILE-----\n";

fn project() -> Project {
    let tasks = "    - {name: file, copy: {dest: \"{{home}}/x\", content: \"{{token}}\"}}\n";
    let project = Project::tasks(tasks);
    project.write("key", &format!("# created: 2026\n# public key: {PUBLIC}\n{KEY}\n"));
    ssh_key(&project, "ssh", "ed25519", "");
    project
}

pub fn ssh_key(project: &Project, name: &str, kind: &str, passphrase: &str) {
    let path = project.path(name);
    crate::sshd::run(Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(path));
}

fn recipients(project: &Project, ssh: bool) {
    let ssh = if ssh { project.read("ssh.pub") } else { String::new() };
    project.write("vault-recipients", &format!("# who may read\n{PUBLIC}\n\n{ssh}"));
}

#[test]
fn whole_files_and_values_open_with_any_of_the_keys() {
    let project = project();
    recipients(&project, true);
    project.write("vars.yml", "token: kanari\n");
    project.run(&["vault", "encrypt", "vars.yml"]).exits(0).lacks(&["kanari"]);
    let sealed = project.read("vars.yml");
    assert!(
        sealed.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n")
            && sealed.ends_with("-----END AGE ENCRYPTED FILE-----\n")
    );
    for identity in ["key", "ssh"] {
        assert_eq!(
            project.run(&["vault", "view", "vars.yml", "--identity", identity]).exits(0).out,
            "token: kanari\n"
        );
    }
    let value = project.run(&["vault", "encrypt-string", "kanari", "--name", "token"]);
    assert!(value.exits(0).out.starts_with("token: !age |\n  -----BEGIN AGE"), "{}", value.out);
    for all in [sealed, value.out] {
        fs::remove_dir_all(project.home("a")).unwrap();
        fs::create_dir_all(project.home("a")).unwrap();
        project.write("group_vars/all.yml", &all);
        project.apply(&["--yes", "--identity", "ssh"]).exits(0).lacks(&["kanari"]);
        assert_eq!(project.read("h/a/x"), "kanari");
        let mut command = project.command(&["apply", "inventory.yml", "--check"]);
        let status = command.env("LUSTORES_AGE_IDENTITY", project.path("key")).status().unwrap();
        assert_eq!(status.code(), Some(0));
        let ran = project.check();
        ran.exits(20).has(&[
            "encrypted for age recipients, and no identity is given",
            "--identity FILE",
            "group_vars/all.yml",
        ]);
        ssh_key(&project, "stranger", "ed25519", "");
        let ran = project.apply(&["--check", "--identity", "stranger"]);
        ran.exits(20).has(&["encrypted for other age recipients", "1 identity was tried", "vault rekey"]);
        fs::remove_file(project.path("stranger")).unwrap();
        fs::remove_file(project.path("stranger.pub")).unwrap();
    }
}

#[test]
fn a_text_of_another_program_opens() {
    let project = project();
    project.write("theirs.yml", FOREIGN);
    assert_eq!(
        project.run(&["vault", "view", "theirs.yml", "--identity", "key"]).exits(0).out,
        "token: kanari\n"
    );
    let half = FOREIGN.replace("-----END", "AAAA\n-----END");
    project.write("theirs.yml", &half);
    project.run(&["vault", "view", "theirs.yml", "--identity", "key"]).exits(20).has(&["damaged vault"]);
}

#[test]
fn values_are_edited_and_recipients_changed() {
    let project = project();
    recipients(&project, false);
    let value = |name: &str| project.run(&["vault", "encrypt-string", "kanari", "--name", name]).out;
    let (one, two) = (value("one"), value("two"));
    project.write("vars.yml", &format!("{one}{two}"));
    project.write("editor", "#!/bin/sh\nsed -i '0,/kanari/s//kanari-2/' $1\n");
    fs::set_permissions(project.path("editor"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let mut command = project.command(&["vault", "edit", "vars.yml", "--identity", "key"]);
    assert!(command.env("EDITOR", project.path("editor")).status().unwrap().success());
    let after = project.read("vars.yml");
    assert!(
        after.ends_with(&two)
            && !after.starts_with(&one)
            && after.starts_with("one: !age |\n  -----BEGIN AGE"),
        "{after}"
    );
    let view = |identity: &str| project.run(&["vault", "view", "vars.yml", "--identity", identity]);
    view("ssh").exits(20).has(&["encrypted for other age recipients"]);
    recipients(&project, true);
    project
        .run(&["vault", "rekey", "vars.yml", "--identity", "key"])
        .exits(0)
        .has(&["2 values have the recipients"]);
    let shown = "one: !plain |-\n  kanari-2\ntwo: !plain |-\n  kanari\n";
    assert_eq!(view("ssh").exits(0).out, shown);
    // From recipients to a password.
    project.write("password", "pw");
    project
        .run(&["vault", "rekey", "vars.yml", "--identity", "key", "--new-vault-password-file", "password"])
        .exits(0);
    assert!(project.read("vars.yml").starts_with("one: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n"));
    let ran = project.run(&[
        "vault",
        "rekey",
        "vars.yml",
        "--vault-password-file",
        "password",
        "--recipient",
        PUBLIC,
    ]);
    ran.exits(0).has(&["2 values have the recipients"]);
    assert_eq!(view("key").exits(0).out, shown);
}

#[test]
fn keys_that_cannot_be_used_are_errors_that_name_the_line_and_nothing_private() {
    let project = project();
    project.write("vars.yml", "token: kanari\n");
    ssh_key(&project, "rsa", "rsa", "");
    for (line, wanted) in [
        ("age1nonsense", "this is no key of age"),
        (KEY, "this is a private key"),
        ("ssh-ed25519 AAAA", "this is no sound ssh key"),
        (&project.read("rsa.pub"), "keys of the kind `ssh-rsa` cannot be used"),
    ] {
        project.write("vault-recipients", &format!("# x\n{line}\n"));
        let ran = project.run(&["vault", "encrypt", "vars.yml"]);
        ran.exits(20).has(&[wanted, "vault-recipients:2:1", "hint:"]);
    }
    fs::remove_file(project.path("vault-recipients")).unwrap();
    project.run(&["vault", "encrypt", "vars.yml", "--recipient", PUBLIC]).exits(0);
    project.write("nonsense", "hunter2\n");
    for (identity, wanted) in [
        ("rsa", "a key of another kind than ed25519 in `rsa`"),
        ("nonsense", "line 1 is no key in `nonsense`"),
        ("ssh.pub", "line 1 is no key in `ssh.pub`"),
        ("missing", "cannot read the identity file `missing`"),
    ] {
        let ran = project.run(&["vault", "view", "vars.yml", "--identity", identity]);
        ran.exits(20).has(&[wanted]).lacks(&["hunter2", "kanari"]);
    }
    ssh_key(&project, "locked", "ed25519", "a passphrase");
    project.write("for-locked.yml", "token: kanari\n");
    let ran = project.run(&["vault", "encrypt", "for-locked.yml", "--recipients-file", "locked.pub"]);
    ran.exits(0);
    let ran = project.run(&["vault", "view", "for-locked.yml", "--identity", "locked"]);
    ran.exits(20).has(&["the passphrase of an ssh key is needed", "no terminal"]);
    // Whom it is for is known again before anything is typed.
    let mut command = project.command(&["vault", "edit", "vars.yml", "--identity", "key"]);
    let output = command.env("EDITOR", "touch edited;").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("whom to encrypt it for is not known") && said.contains("vault-recipients"),
        "{said}"
    );
    assert!(!project.has("edited"));
}
