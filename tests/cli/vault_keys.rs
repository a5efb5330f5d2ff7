//! What encrypted files and values are locked with after a command, and that what was typed is never lost.

use crate::{
    age::{KEY, PUBLIC, ssh_key},
    project::Project,
    vaults::{VAULT, edit, project, value, vault},
};
use std::{fs, os::fd::AsRawFd, os::unix::fs::PermissionsExt};

const BOTH: [&str; 4] = ["--vault-id", "@password", "--vault-id", "dev@other"];

fn dev_value(project: &Project, name: &str, text: &str) -> String {
    let key = ["--vault-id", "dev@other", "--encrypt-vault-id", "dev"];
    project.run(&[&["vault", "encrypt-string", text, "-n", name], &key[..]].concat()).exits(0).out.clone()
}

fn with_both(project: &Project, arguments: &[&str]) -> crate::project::Ran {
    project.run(&[&["vault"], arguments, &BOTH].concat())
}

fn with_keys() -> Project {
    let project = project();
    project.write("key", &format!("{KEY}\n"));
    ssh_key(&project, "ssh", "ed25519", "");
    project
}

#[test]
fn each_of_several_files_is_locked_for_the_recipients_near_it() {
    let project = with_keys();
    project.write("dev/vault-recipients", &format!("{PUBLIC}\n"));
    project.write("prod/vault-recipients", &project.read("ssh.pub"));
    let files = ["dev/v.yml", "prod/v.yml"];
    files.iter().for_each(|file| project.write(file, "a: kanari\n"));
    let opens = |file: &str, key: &str| {
        let code = project.run(&["vault", "view", file, "--identity", key]).code;
        code == Some(0)
    };
    let who = || files.map(|file| (opens(file, "key"), opens(file, "ssh")));
    project.run(&["vault", "encrypt", files[0], files[1]]).exits(0);
    assert_eq!(who(), [(true, false), (false, true)]);
    project.run(&["vault", "rekey", files[0], files[1], "--identity", "key", "--identity", "ssh"]).exits(0);
    assert_eq!(who(), [(true, false), (false, true)]);
    // A password that is given is for all of them; one that is needed only for those without recipients.
    project.write("clear.yml", "a: 1\n");
    project.write("dev/more.yml", "a: 1\n");
    let ran = project.run(&["vault", "encrypt", "dev/more.yml", "clear.yml"]);
    ran.exits(20).has(&["no vault password"]);
    assert_eq!(project.read("dev/more.yml"), "a: 1\n");
    vault(&project, &["encrypt", "dev/more.yml", "clear.yml"]).exits(0);
    assert!(project.read("dev/more.yml").starts_with("$ANSIBLE_VAULT"));
}

#[test]
fn a_failed_save_keeps_what_was_typed() {
    let project = project();
    let (one, two) = (value(&project, "one", "kanari-1"), value(&project, "two", "kanari-2"));
    project.write("gone", &format!("{one}{two}"));
    // It can be read, and nothing can be written in its place.
    let open = fs::File::open(project.path("gone")).unwrap();
    fs::remove_file(project.path("gone")).unwrap();
    let link = format!("/proc/{}/fd/{}", std::process::id(), open.as_raw_fd());
    std::os::unix::fs::symlink(link, project.path("vars.yml")).unwrap();
    let ran = edit(&project, &["edit", "vars.yml", VAULT[0], VAULT[1]], "sed -i s/kanari-2/kanari-3/ $1");
    ran.exits(20)
        .has(&["cannot write", "is kept, encrypted, in vars.yml.rejected: mend it"])
        .lacks(&["kanari"]);
    assert!(project.read("vars.yml.rejected").starts_with(&one));
    let shown = "one: !plain |-\n  kanari-1\ntwo: !plain |-\n  kanari-3\n";
    assert_eq!(vault(&project, &["view", "vars.yml.rejected"]).exits(0).out, shown);
}

#[test]
fn mistakes_between_values_of_two_ids_keep_what_was_typed() {
    let project = project();
    let text = value(&project, "one", "kanari-1") + &dev_value(&project, "two", "kanari-2");
    project.write("vars.yml", &text);
    for (at, (script, wanted)) in [
        ("echo '[kanari-3' >> $1", "invalid YAML"),
        ("echo 'x: kanari-3' >> $1; exit 3", "exit status: 3"),
        ("echo 'c: !plain kanari-3' >> $1", "nothing says what locks the new value of `c`"),
    ]
    .into_iter()
    .enumerate()
    {
        let ran = edit(&project, &[&["edit", "vars.yml"], &BOTH[..]].concat(), script);
        let draft =
            if at == 0 { "vars.yml.rejected".into() } else { format!("vars.yml.rejected.{}", at + 1) };
        ran.exits(20).has(&[wanted, &format!("look at it with `vault view {draft}`")]).lacks(&["kanari"]);
        assert_eq!(project.read("vars.yml"), text, "{script}");
        with_both(&project, &["view", &draft]).exits(0).has(&["kanari-2", "kanari-3"]);
        assert!(project.read(&draft).starts_with("$ANSIBLE_VAULT"), "{script}");
    }
    // A draft is no file for a run.
    project.write("group_vars/all.yml", &project.read("vars.yml.rejected.2"));
    let ran = project.run(&[&["validate", "inventory.yml"], &BOTH[..]].concat());
    ran.exits(20).has(&["`!plain` in a file that is encrypted as a whole", "group_vars/all.yml:2:"]);
    ran.lacks(&["kanari"]);
}

#[test]
fn nothing_is_typed_that_could_not_be_kept() {
    let project = with_keys();
    let ran = project.run(&["vault", "encrypt-string", "kanari", "-n", "a", "--recipient", PUBLIC]);
    project.write("vars.yml", &ran.exits(0).out);
    let ran = edit(&project, &["edit", "vars.yml", "--identity", "key"], "touch edited");
    ran.exits(20).has(&["whom to encrypt it for is not known", "vault-recipients"]);
    assert!(!project.has("edited"));
}

#[test]
fn values_that_move_keep_their_ciphertexts_and_keys() {
    let project = project();
    let (x, y) = (value(&project, "x", "AAA"), dev_value(&project, "y", "BBB"));
    let exchanged = |text: &str| text.replace("x:", "z:").replace("y:", "x:").replace("z:", "y:");
    project.write("vars.yml", &format!("{x}{y}"));
    let script = "sed -i 's/^x:/z:/; s/^y:/x:/; s/^z:/y:/' $1";
    edit(&project, &[&["edit", "vars.yml"], &BOTH[..]].concat(), script).exits(0).has(&["saved"]);
    assert_eq!(project.read("vars.yml"), exchanged(&x) + &exchanged(&y));

    let item = |text: &str| text.replacen("x: ", "- ", 1).replacen("y: ", "- ", 1);
    let (a, b) = (item(&x), item(&y));
    project.write("list.yml", &format!("{a}{b}"));
    edit(&project, &[&["edit", "list.yml"], &BOTH[..]].concat(), "sed -i '1i - clear' $1").exits(0);
    assert_eq!(project.read("list.yml"), format!("- clear\n{a}{b}"));
    // A copy has the key of the first one, not of what stood there.
    let script = "sed -i '1a - !plain AAA' $1";
    edit(&project, &[&["edit", "list.yml"], &BOTH[..]].concat(), script).exits(0);
    let after = project.read("list.yml");
    assert!(after.ends_with(&b) && after.matches("AES256;dev").count() == 1, "{after}");
    assert_eq!(after.matches("$ANSIBLE_VAULT;1.1;AES256\n").count(), 2, "{after}");
    // What is new at the place of one that moved away has nobody's key.
    let new = "sed -i '1a - !plain NEW' $1";
    let ran = edit(&project, &[&["edit", "list.yml"], &BOTH[..]].concat(), new);
    ran.exits(20).has(&["nothing says what locks the new value of `[1]`", "--encrypt-vault-id"]);
    let named = [&["edit", "list.yml", "--encrypt-vault-id", "dev"], &BOTH[..]].concat();
    edit(&project, &named, new).exits(0);
    assert_eq!(project.read("list.yml").matches("AES256;dev").count(), 2);
    let last = project.read("list.yml");
    // One that becomes like another one, whose key is not its own.
    let changed = [&["edit", "vars.yml"], &BOTH[..]].concat();
    edit(&project, &changed, "sed -i 's/BBB/AAA/' $1").exits(0);
    assert!(!project.read("vars.yml").contains("AES256;dev"));
    assert!(after.split("- !vault").skip(1).all(|known| last.contains(known)), "{last}");
}

#[test]
fn no_value_is_left_under_the_old_password_in_silence() {
    let project = project();
    project.write("new", "new-password");
    let value = |name: &str, header: &str| value(&project, name, "kanari").replacen("!vault |", header, 1);
    let a = value("a", "!vault |");
    let odd = [value("b", "!vault |2"), value("c", "!vault\n  |")];
    let text = format!("{a}{}{}", odd[0], odd[1]);
    project.write("vars.yml", &text);
    let rekey = ["rekey", "vars.yml", "--new-vault-password-file", "new"];
    let ran = vault(&project, &rekey);
    let line = a.lines().count() + 2;
    ran.exits(20).has(&["in which it cannot be replaced", &format!("vars.yml:{line}:"), "name: !vault |"]);
    assert_eq!(ran.err.matches("in which it cannot be replaced").count(), 2, "{}", ran.err);
    assert_eq!(project.read("vars.yml"), text);

    let c = value("c", "!vault | # the !vault one");
    let d = value("d", "!vault &x |");
    let e = value("\"!vault | # e\"", "!vault |");
    project.write("vars.yml", &format!("{a}{c}{d}{e}f: *x\n"));
    vault(&project, &rekey).exits(0).has(&["4 values have the new password"]);
    let shown = "a: !plain |-\n  kanari\nc: !plain |- # the !vault one\n  kanari\nd: !plain &x |-\n  kanari\n\
                 \"!vault | # e\": !plain |-\n  kanari\nf: *x\n";
    let new = ["vault", "view", "vars.yml", "--vault-password-file", "new"];
    assert_eq!(project.run(&new).exits(0).out, shown);
    let before = project.read("vars.yml");
    let arguments = ["edit", "vars.yml", "--vault-password-file", "new"];
    edit(&project, &arguments, "touch $1").exits(0).has(&["unchanged"]);
    edit(&project, &arguments, "sed -i '1,5s/kanari/other/' $1").exits(0).has(&["saved"]);
    let after = project.read("vars.yml");
    assert!(
        after != before && after.ends_with(&before[before.find("\nd: !vault &x |").unwrap()..]),
        "{after}"
    );
}

#[test]
fn a_new_password_is_not_for_what_recipients_read() {
    let project = with_keys();
    project.write("new", "new-password");
    let age = project.run(&["vault", "encrypt-string", "kanari-2", "-n", "b", "--recipient", PUBLIC]).out;
    let text = value(&project, "a", "kanari-1") + &age;
    project.write("vars.yml", &text);
    project.write("whole.yml", "a: 1\n");
    project.run(&["vault", "encrypt", "whole.yml", "--recipient", PUBLIC]).exits(0);
    let rekey = |files: &[&str], more: &[&str]| {
        vault(&project, &[&["rekey", "--identity", "key"], files, more].concat())
    };
    let ran = rekey(&["vars.yml", "whole.yml"], &["--new-vault-password-file", "new"]);
    ran.exits(20).has(&["nothing in this file is under a password", "whole.yml"]);
    assert_eq!(project.read("vars.yml"), text, "nothing was touched");
    let ran = rekey(&["vars.yml"], &["--new-vault-password-file", "new"]);
    ran.exits(0).has(&["vars.yml: 1 value has the new password"]);
    assert!(project.read("vars.yml").ends_with(&age));
    project.write("vars.yml", &text);
    let ran = rekey(&["vars.yml"], &["--recipient", PUBLIC]);
    ran.exits(0).has(&["2 values have the recipients"]);
    assert_eq!(project.read("vars.yml").matches("!age").count(), 2);
}

#[test]
fn several_texts_want_the_password_once() {
    let project = project();
    project.write("ask", "#!/bin/sh\necho x >> asked\necho the-password\n");
    fs::set_permissions(project.path("ask"), fs::Permissions::from_mode(0o755)).unwrap();
    let ran =
        project.run(&["vault", "encrypt-string", "kanari-1", "kanari-2", "--vault-password-file", "ask"]);
    assert_eq!(ran.exits(0).out.matches("!vault |").count(), 2);
    assert_eq!(project.read("asked"), "x\n");
}
