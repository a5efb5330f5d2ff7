use super::edit::{create, edit};
use super::string::encrypt_value;
use super::*;
use crate::vault::Key;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// One of these tests sends a signal to its own process, which every running editor would hear.
static ONE_EDITOR: Mutex<()> = Mutex::new(());

/// A folder with a password file, a vault and a script that plays the editor.
struct Desk {
    folder: tempfile::TempDir,
    _alone: MutexGuard<'static, ()>,
}

impl Desk {
    fn new() -> Self {
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
            _alone: ONE_EDITOR.lock().unwrap_or_else(PoisonError::into_inner),
        };
        fs::write(this.path("password"), "right\n").unwrap();
        this
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn vault(&self) -> VaultArgs {
        VaultArgs { vault_password_file: vec![self.path("password")], ..VaultArgs::default() }
    }

    fn lock(&self) -> Lock {
        Lock { vault: self.vault(), ..Lock::default() }
    }

    fn write(&self, name: &str, plain: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, plain).unwrap();
        Vault::Encrypt { files: vec![path.clone()], string: None, lock: self.lock() }.run().unwrap();
        path
    }

    fn value(&self, name: &str, plain: &str) -> String {
        let passwords = self.vault().passwords().unwrap();
        encrypt_value(Some(name), &Secret::new(plain), &Key::of(&passwords.list()[0])).unwrap()
    }

    fn read(&self, path: &Path) -> String {
        let passwords = self.vault().passwords().unwrap();
        String::from_utf8(Locked::read(path).unwrap().open(&passwords).unwrap().plain.expose().to_vec())
            .unwrap()
    }

    /// An editor that runs these lines of shell with the file as `$1` and the folder as `$FOLDER`.
    fn editor(&self, script: &str) -> Editor {
        let path = self.path("editor.sh");
        let folder = self.folder.path().display();
        fs::write(&path, format!("#!/bin/sh -e\nFOLDER='{folder}'\n{script}\n")).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        Editor::new(path.to_str().unwrap(), vec!["/dev/shm".into()])
    }

    fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| !["password", "editor.sh"].contains(&name.as_str()))
            .collect();
        names.sort();
        names
    }
}

fn text(errors: &Diagnostics) -> String {
    errors.0.iter().map(|diagnostic| crate::diag::render(diagnostic, false)).collect()
}

#[test]
fn an_edit_is_saved_and_its_plain_text_was_only_in_private_memory() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "# kept\ncanary: hunter2\n");
    fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let script = r#"
        echo "$1" > "$FOLDER/seen"
        stat -c %a "$1" "$(dirname "$1")" >> "$FOLDER/seen"
        stat -f -c %T "$1" >> "$FOLDER/seen"
        cp "$1" "$1.swp"
        echo 'other: 2' >> "$1"
        grep -rlE 'hunter2|other: 2$' "$FOLDER" --exclude=editor.sh >> "$FOLDER/seen" || true"#;
    edit(&path, &desk.lock(), &desk.editor(script)).unwrap();
    assert_eq!(desk.read(&path), "# kept\ncanary: hunter2\nother: 2\n");
    let seen = fs::read_to_string(desk.path("seen")).unwrap();
    let lines: Vec<&str> = seen.lines().collect();
    assert!(lines[0].starts_with("/dev/shm/vault-") && lines[0].ends_with("/v.yml"), "{seen}");
    assert_eq!(lines[1..], ["600", "700", "tmpfs"]);
    assert!(!Path::new(lines[0]).parent().unwrap().exists(), "the private folder is still there");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
    assert!(!fs::read_to_string(&path).unwrap().contains("hunter2"));
}

#[test]
fn what_was_not_changed_is_not_written() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "a: 1\n");
    let before = fs::read(&path).unwrap();
    edit(&path, &desk.lock(), &desk.editor("touch \"$1\"")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_bad_edit_is_kept_encrypted_beside_the_file() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "a: 1\n");
    let before = fs::read(&path).unwrap();
    let broken = "printf 'a: [hunter2\\n' > \"$1\"";
    let errors = edit(&path, &desk.lock(), &desk.editor(broken)).unwrap_err();
    assert!(
        text(&errors).contains("invalid YAML") && text(&errors).contains("v.yml.rejected"),
        "{}",
        text(&errors)
    );
    assert!(!text(&errors).contains("hunter2"), "{}", text(&errors));
    assert_eq!((errors.exit(), fs::read(&path).unwrap()), (Exit::Config, before));
    assert_eq!(desk.read(&desk.path("v.yml.rejected")), "a: [hunter2\n");
    edit(&path, &desk.lock(), &desk.editor(broken)).unwrap_err();
    assert_eq!(desk.names(), ["v.yml", "v.yml.rejected", "v.yml.rejected.2"], "no earlier draft is lost");
    // The draft can be mended in place.
    edit(&desk.path("v.yml.rejected"), &desk.lock(), &desk.editor("echo ']' >> \"$1\"")).unwrap();
    assert_eq!(desk.read(&desk.path("v.yml.rejected")), "a: [hunter2\n]\n");
}

#[test]
fn failing_editors_and_changes_by_others_lose_nothing() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "a: 1\n");
    let script = "echo 'b: 2' >> \"$1\"; echo \"$1\" > \"$FOLDER/seen\"; exit 7";
    let errors = edit(&path, &desk.lock(), &desk.editor(script)).unwrap_err();
    assert!(text(&errors).contains("exit status: 7"), "{}", text(&errors));
    assert_eq!(desk.read(&desk.path("v.yml.rejected")), "a: 1\nb: 2\n");
    let seen = fs::read_to_string(desk.path("seen")).unwrap();
    assert!(!Path::new(seen.trim()).exists(), "plain text was left behind");

    let script = "echo 'c: 3' >> \"$1\"; echo 'not ours' > \"$FOLDER/v.yml\"";
    let errors = edit(&path, &desk.lock(), &desk.editor(script)).unwrap_err();
    assert!(text(&errors).contains("changed by somebody else"), "{}", text(&errors));
    assert_eq!(fs::read_to_string(&path).unwrap(), "not ours\n");
    assert_eq!(desk.read(&desk.path("v.yml.rejected.2")), "a: 1\nc: 3\n");
}

#[test]
fn a_request_to_end_cleans_up_and_keeps_what_was_typed() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "a: 1\n");
    let script = "echo 'b: 2' >> \"$1\"; echo \"$1\" > \"$FOLDER/seen\"; kill -TERM $PPID; sleep 60; touch \"$FOLDER/waited\"";
    let errors = edit(&path, &desk.lock(), &desk.editor(script)).unwrap_err();
    assert!(!desk.path("waited").exists(), "the editor was waited for");
    assert_eq!(errors.exit(), Exit::Cancelled, "{}", text(&errors));
    let seen = fs::read_to_string(desk.path("seen")).unwrap();
    assert!(!Path::new(seen.trim()).exists(), "plain text was left behind");
    assert_eq!(desk.read(&desk.path("v.yml.rejected")), "a: 1\nb: 2\n");
}

#[test]
fn without_memory_there_is_no_editing() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "a: 1\n");
    // /proc is no tmpfs wherever the tests run.
    let editor = Editor::new("false", vec!["/proc".into(), "/nonexistent".into()]);
    let errors = edit(&path, &desk.lock(), &editor).unwrap_err();
    assert!(
        text(&errors).contains("not a tmpfs") && text(&errors).contains("mount a tmpfs"),
        "{}",
        text(&errors)
    );
}

#[test]
fn create_makes_a_private_file_and_never_overwrites() {
    let desk = Desk::new();
    let path = desk.path("new.yml");
    let errors = create(&path, &desk.lock(), &desk.editor("true")).unwrap_err();
    assert!(text(&errors).contains("nothing was written") && !path.exists());
    create(&path, &desk.lock(), &desk.editor("echo 'a: hunter2' >> \"$1\"")).unwrap();
    assert_eq!(desk.read(&path), "---\na: hunter2\n");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let errors = create(&path, &desk.lock(), &desk.editor("true")).unwrap_err();
    assert!(text(&errors).contains("exists already"), "{}", text(&errors));
}

#[test]
fn encrypt_and_decrypt_are_inverse_and_all_or_nothing() {
    let desk = Desk::new();
    let (one, two) = (desk.path("one.yml"), desk.path("two.yml"));
    fs::write(&one, "a: 1\n").unwrap();
    fs::set_permissions(&one, Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink("one.yml", desk.path("link.yml")).unwrap();
    Vault::Encrypt { files: vec![desk.path("link.yml")], string: None, lock: desk.lock() }.run().unwrap();
    assert!(is_vault(&fs::read(&one).unwrap()) && desk.path("link.yml").is_symlink());

    fs::write(&two, "b: 2\n").unwrap();
    let errors = Vault::Encrypt { files: vec![two.clone(), one.clone()], string: None, lock: desk.lock() }
        .run()
        .unwrap_err();
    assert!(text(&errors).contains("encrypted already"), "{}", text(&errors));
    assert_eq!(fs::read_to_string(&two).unwrap(), "b: 2\n");
    let errors = Vault::Decrypt { files: vec![one.clone(), two], vault: desk.vault() }.run().unwrap_err();
    assert!(text(&errors).contains("not encrypted") && is_vault(&fs::read(&one).unwrap()));

    Vault::Decrypt { files: vec![one.clone()], vault: desk.vault() }.run().unwrap();
    assert_eq!(fs::read_to_string(&one).unwrap(), "a: 1\n");
    assert_eq!(fs::metadata(&one).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(desk.names(), ["link.yml", "one.yml", "two.yml"], "temporary files were left behind");
}

#[test]
fn several_passwords_need_a_choice() {
    let desk = Desk::new();
    fs::write(desk.path("other"), "other\n").unwrap();
    let mut lock = desk.lock();
    lock.vault.vault_id = vec![format!("prod@{}", desk.path("other").display())];
    let path = desk.path("v.yml");
    fs::write(&path, "a: 1\n").unwrap();
    let encrypt =
        |lock: &Lock| Vault::Encrypt { files: vec![path.clone()], string: None, lock: lock.clone() }.run();
    assert!(text(&encrypt(&lock).unwrap_err()).contains("--encrypt-vault-id"));
    lock.encrypt_vault_id = Some("prd".into());
    assert!(text(&encrypt(&lock).unwrap_err()).contains("did you mean `prod`?"));
    lock.encrypt_vault_id = Some("prod".into());
    encrypt(&lock).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    let errors = Vault::View { file: path.clone(), vault: desk.vault() }.run().unwrap_err();
    assert!(text(&errors).contains("wrong vault password for vault id `prod`"), "{}", text(&errors));
    // An edit locks it with the same password again.
    edit(&path, &lock, &desk.editor("echo 'b: 2' >> \"$1\"")).unwrap();
    assert!(fs::read_to_string(&path).unwrap().starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
}

#[test]
fn generate_adds_what_is_missing_and_keeps_the_rest() {
    let desk = Desk::new();
    let path = desk.write("v.yml", "# first\nb: '1' # mine\na: |\n  text");
    let generate = |path: &Path, keys: &[&str], charset| {
        let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        generate::generate(path, &keys, 40, charset, &desk.lock())
    };
    generate(&path, &["b", "z", "c"], Charset::Symbols).unwrap();
    let after = desk.read(&path);
    let rest = after.strip_prefix("# first\nb: '1' # mine\na: |\n  text\nz: \"").expect("the text is kept");
    assert_eq!(rest.lines().count(), 2, "only z and c are new");
    let node = parse_yaml(&path, &Secret::new(after.as_str())).unwrap();
    let value = |key: &str| node.get(key).unwrap().as_str().unwrap().to_owned();
    assert_eq!((value("z").len(), value("c").len(), value("b").as_str()), (40, 40, "1"));
    assert_ne!(value("z"), value("c"));
    let before = fs::read(&path).unwrap();
    generate(&path, &["z", "b"], Charset::Hex).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before, "nothing to add, nothing written");

    let new = desk.path("new.yml");
    generate(&new, &["token"], Charset::Digits).unwrap();
    let made = desk.read(&new);
    assert!(made.starts_with("---\ntoken: \"") && made.len() == "---\ntoken: \"\"\n".len() + 40, "{made}");

    let flow = desk.write("flow.yml", "{a: 1}\n");
    let before = fs::read(&flow).unwrap();
    assert!(text(&generate(&flow, &["k"], Charset::Hex).unwrap_err()).contains("cannot be appended"));
    assert_eq!(fs::read(&flow).unwrap(), before);
    assert!(text(&generate(&new, &["no-name", "x", "x"], Charset::Hex).unwrap_err()).contains("named twice"));
    fs::write(desk.path("plain.yml"), "a: 1\n").unwrap();
    assert!(
        text(&generate(&desk.path("plain.yml"), &["k"], Charset::Hex).unwrap_err()).contains("not encrypted")
    );
}

#[test]
fn a_value_is_encrypted_for_a_yaml_file() {
    let desk = Desk::new();
    let line = desk.value("token", "hunter2");
    assert!(line.starts_with("token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  "), "{line}");
    fs::write(desk.path("vars.yml"), format!("before: 1\n{line}after: 2\n")).unwrap();
    let mut errors = Diagnostics::default();
    let passwords = desk.vault().passwords().unwrap();
    let node = crate::vault::read_yaml(&desk.path("vars.yml"), &passwords, &mut errors).unwrap();
    let token = node.get("token").unwrap();
    assert!(errors.0.is_empty() && token.secret && token.as_str() == Some("hunter2"));
    assert_eq!(node.get("after").unwrap().to_json(), 2);
}

#[test]
fn no_mistake_in_a_decrypted_text_quotes_it() {
    for broken in [
        "p: *hunter2\n",
        "p: @hunter2\n",
        "p: %hunter2\n",
        "p: \"\\hunter2\"\n",
        "p: !!int hunter2\n",
        "p: hunter2: x\n",
        "p: 'hunter2\n",
        "p: {hunter2\n",
        "? hunter2\nhunter2\n",
        "p: !!float hunter2\n",
        "p: !!bool hunter2\n",
        "<<: hunter2\n",
        "p: !!binary hunter2!\n",
        "p: &hunter2\n  *hunter3\n",
    ] {
        let error = parse_yaml(Path::new("v.yml"), &Secret::new(broken)).unwrap_err();
        let text = crate::diag::render(&error, false);
        assert!(text.contains("v.yml:") && !text.contains("hunter"), "{broken:?}: {text}");
    }
}

#[test]
fn the_flags_fit_together() {
    #[derive(clap::Parser)]
    struct Program {
        #[command(subcommand)]
        vault: Vault,
    }
    <Program as clap::CommandFactory>::command().debug_assert();
    let line = "x generate v.yml a b --length 40 --charset hex --vault-id prod@pw --encrypt-vault-id prod";
    let program = <Program as clap::Parser>::try_parse_from(line.split(' ')).unwrap();
    assert!(matches!(program.vault, Vault::Generate { keys, length: 40, .. } if keys == ["a", "b"]));
    for bad in
        ["x encrypt", "x generate v.yml", "x encrypt v.yml --string a", "x generate v.yml a --length 3"]
    {
        assert!(<Program as clap::Parser>::try_parse_from(bad.split(' ')).is_err(), "{bad}");
    }
}

#[test]
fn a_new_password_changes_all_files_or_none() {
    let desk = Desk::new();
    let (one, two) = (desk.write("one.yml", "a: hunter2\n"), desk.write("two.yml", "b: hunter3\n"));
    fs::write(desk.path("new"), "new\n").unwrap();
    let new = || rekey::NewPassword {
        new_vault_password_file: Some(desk.path("new")),
        new_vault_id: None,
        ..Default::default()
    };
    let rekey = |files: &[&PathBuf], vault: VaultArgs| {
        Vault::Rekey { files: files.iter().map(|path| (*path).clone()).collect(), vault, new: new() }.run()
    };
    let before = [fs::read(&one).unwrap(), fs::read(&two).unwrap()];
    let plain = desk.path("plain.yml");
    fs::write(&plain, "c: d\n").unwrap();
    let errors = rekey(&[&one, &plain], desk.vault()).unwrap_err();
    assert!(text(&errors).contains("this file is not encrypted"), "{}", text(&errors));
    let wrong = VaultArgs { vault_password_file: vec![desk.path("new")], ..VaultArgs::default() };
    let errors = rekey(&[&one, &two], wrong.clone()).unwrap_err();
    assert_eq!(text(&errors).matches("wrong vault password").count(), 2);
    assert_eq!([fs::read(&one).unwrap(), fs::read(&two).unwrap()], before, "nothing was touched");

    rekey(&[&one, &two], desk.vault()).unwrap();
    let passwords = wrong.passwords().unwrap();
    for (path, plain) in [(&one, "a: hunter2\n"), (&two, "b: hunter3\n")] {
        let locked = Locked::read(path).unwrap();
        assert_eq!(locked.open(&passwords).unwrap().plain.expose(), plain.as_bytes());
        assert!(locked.open(&desk.vault().passwords().unwrap()).is_err(), "the old password still opens it");
    }
    let id = format!("prod@{}", desk.path("password").display());
    let new =
        rekey::NewPassword { new_vault_password_file: None, new_vault_id: Some(id), ..Default::default() };
    Vault::Rekey { files: vec![one.clone()], vault: wrong, new }.run().unwrap();
    assert_eq!(Locked::read(&one).unwrap().sealed.id(), Some("prod"));
    assert_eq!(desk.read(&one), "a: hunter2\n");
}

#[test]
fn two_files_are_compared_by_their_values() {
    let desk = Desk::new();
    let old = desk.write("old.yml", "a: 1\nb: {c: x, d: [1, 2]}\ngone: y\n");
    let new = desk.path("new.yml");
    let inline = desk.value("a", "1");
    fs::write(&new, format!("{inline}b: {{c: z, d: [1, 2]}}\nmore: 1\n")).unwrap();
    let diff = |old: &PathBuf, new: &PathBuf| {
        Vault::Diff { old: old.clone(), new: new.clone(), vault: desk.vault() }.run()
    };
    assert_eq!(diff(&old, &new).unwrap(), Exit::Pending);
    assert_eq!(diff(&old, &old).unwrap(), Exit::Done);
    let passwords = desk.vault().passwords().unwrap();
    let values = |path: &Path| diff::values(path, &passwords).unwrap();
    let (lines, equal) = diff::compare(&values(&old), &values(&new));
    // `a` is a number in one and a text in the other; no value is in any line.
    assert_eq!(lines, ["~ a  changed", "~ b.c  changed", "- gone  removed", "+ more  added"]);
    assert_eq!(equal, 2);
    fs::write(&new, "a: 1\nb: {c: x, d: {\"0\": 1, \"1\": 2}}\ngone: y\n").unwrap();
    let (lines, _) = diff::compare(&values(&old), &values(&new));
    assert_eq!(lines.len(), 4, "a list is no mapping with numbers: {lines:?}");
    fs::write(&new, "- a\n").unwrap();
    assert!(text(&diff(&old, &new).unwrap_err()).contains("only files of `name: value`"));
}
