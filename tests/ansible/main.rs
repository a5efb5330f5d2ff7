//! The real Ansible, from PyPI, as the judge: vaults open on both sides, variables win in the same order, and
//! patterns choose the same hosts.
//!
//! Pip installs it on the first run, from wherever it is told to.

mod expressions;
mod inventories;
mod specs;

use agent::secret::Secret;
use inventories::INVENTORIES;
use lustores_provision::cli::programs::run;
use lustores_provision::diag::{Diagnostic, Diagnostics, render};
use lustores_provision::inventory::Inventory;
use lustores_provision::model::Origin;
use lustores_provision::vault::{Inline, Password, Passwords, Sealed, encrypt, fresh_salt};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Programs of ansible-core in a virtual environment below `target/`, installed once.
struct Ansible(PathBuf);

impl Ansible {
    fn get() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ansible");
        fs::create_dir_all(&folder).unwrap();
        // Tests run in parallel, perhaps in several processes.
        let lock = File::create(folder.join("lock")).unwrap();
        lock.lock().unwrap();
        let done = folder.join("installed");
        let venv = folder.join("venv");
        if !done.exists() {
            let steps: [(&Path, &[&str]); 2] = [
                (Path::new("python3"), &["-m", "venv", "--clear", venv.to_str().unwrap()]),
                (&venv.join("bin/pip"), &["install", "--quiet", "ansible-core>=2.15"]),
            ];
            for (program, args) in steps {
                let failed = match Command::new(program).args(args).output() {
                    Ok(output) if output.status.success() => continue,
                    Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
                    Err(error) => error.to_string(),
                };
                panic!("ansible-core cannot be installed with pip: {failed}");
            }
            File::create(done).unwrap();
        }
        Self(venv.join("bin"))
    }

    fn run(&self, folder: &Path, program: &str, args: &[&str]) -> Output {
        let mut command = Command::new(self.0.join(program));
        for name in ["ANSIBLE_VAULT_PASSWORD_FILE", "ANSIBLE_CONFIG", "ANSIBLE_INVENTORY"] {
            command.env_remove(name);
        }
        // It wants a UTF-8 locale and a home it can write to.
        command.args(args).current_dir(folder).env("LC_ALL", "C.UTF-8").env("HOME", folder);
        command.output().unwrap()
    }

    fn ok(&self, folder: &Path, program: &str, args: &[&str]) -> Vec<u8> {
        let output = self.run(folder, program, args);
        assert!(output.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

fn passwords(label: Option<&str>, text: &str) -> Passwords {
    Passwords::new(vec![Password { label: label.map(str::to_owned), text: Secret::new(text) }])
}

const PASSWORD: &str = "päss wörd; $x";

fn contents() -> Vec<Vec<u8>> {
    vec![
        b"x".to_vec(),
        b"db_password: hunter2\nother: \"\xc3\xbc\"\n".to_vec(),
        b"exactly 16 bytes".to_vec(),
        (0..=255).collect(),
        b"a long line, again and again\n".repeat(400),
    ]
}

#[test]
fn vaults_of_ansible_open_here() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("pw"), format!("{PASSWORD}\n")).unwrap();
    for (index, content) in contents().iter().enumerate() {
        let (flags, id): (&[&str], _) = match index % 2 {
            0 => (&["--vault-password-file", "pw"], None),
            _ => (&["--vault-id", "prod@pw", "--encrypt-vault-id", "prod"], Some("prod")),
        };
        fs::write(path("file"), content).unwrap();
        ansible.ok(folder.path(), "ansible-vault", &[&["encrypt"], flags, &["file"]].concat());
        let vault = Sealed::parse(&fs::read_to_string(path("file")).unwrap()).unwrap();
        assert_eq!(vault.id(), id);
        assert_eq!(vault.decrypt(&passwords(None, PASSWORD)).unwrap().expose(), &content[..]);
        let wrong = vault.decrypt(&passwords(id, "wrong")).unwrap_err();
        assert!(wrong.to_string().starts_with("wrong vault password"), "{wrong}");
    }
    let args = ["encrypt_string", "--vault-password-file", "pw", "--name", "token", "hunter2"];
    let text = ansible.ok(folder.path(), "ansible-vault", &args);
    fs::create_dir(path("group_vars")).unwrap();
    fs::write(path("group_vars/all.yml"), text).unwrap();
    fs::write(path("hosts.yml"), "all: {hosts: {vm1: }}\n").unwrap();
    let mut errors = Diagnostics::default();
    let inventory =
        Inventory::load(&path("hosts.yml"), None, &passwords(None, PASSWORD), &no_program, &mut errors);
    let token = &inventory.host("vm1").unwrap().vars["token"];
    assert!(errors.0.is_empty() && token.secret && token.as_str() == Some("hunter2"), "{errors:?}");
}

#[test]
fn vaults_of_ours_open_in_ansible() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("pw"), PASSWORD).unwrap();
    fs::write(path("wrong"), "wrong").unwrap();
    for (index, content) in contents().iter().enumerate() {
        let id = (index % 2 == 1).then_some("prod");
        let text = encrypt(&Secret::new(&content[..]), &Secret::new(PASSWORD), id, fresh_salt().unwrap());
        fs::write(path("vault"), text).unwrap();
        let source = id.map_or("pw".to_owned(), |id| format!("{id}@pw"));
        let args = ["decrypt", "--vault-id", &source, "--output", "plain", "vault"];
        ansible.ok(folder.path(), "ansible-vault", &args);
        assert_eq!(&fs::read(path("plain")).unwrap(), content);
    }
    let output = ansible.run(folder.path(), "ansible-vault", &["view", "--vault-id", "wrong", "vault"]);
    assert!(!output.status.success(), "opened with a wrong password");
}

#[test]
fn values_edited_here_open_in_ansible() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::write(path("pw"), PASSWORD).unwrap();
    fs::write(path("hosts.yml"), "all: {hosts: {vm1: {ansible_connection: local}}}\n").unwrap();
    fs::create_dir(path("group_vars")).unwrap();
    let args = ["encrypt_string", "--vault-password-file", "pw", "--name", "kept", "hunter2"];
    let kept = String::from_utf8(ansible.ok(folder.path(), "ansible-vault", &args)).unwrap();
    let passwords = passwords(None, PASSWORD);
    let inline = Inline::read(Path::new("all.yml"), &kept, &passwords, false).unwrap();
    let shown = String::from_utf8(inline.shown().expose().to_vec()).unwrap();
    let more = "block: !plain |\n  two\n\n  lines\nflow: {x: !plain \"a: b\", y: [1, !plain c]}\nempty: !plain \"\"\n";
    let locked = inline.locked(&Secret::new(shown + more), inline.key().as_ref()).unwrap();
    assert!(
        locked.starts_with(kept.trim_end()) && locked.matches("$ANSIBLE_VAULT;1.1;AES256").count() == 5,
        "{locked}"
    );
    fs::write(path("group_vars/all.yml"), locked).unwrap();
    let message = "msg={{ [kept, block, flow.x, flow.y.1, empty] | to_json | b64encode }}";
    let args = ["-i", "hosts.yml", "vm1", "--vault-password-file", "pw", "-m", "debug", "-a", message];
    let said = String::from_utf8(ansible.ok(folder.path(), "ansible", &args)).unwrap();
    let wanted = r#"["hunter2", "two\n\nlines\n", "a: b", "c", ""]"#;
    let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, wanted);
    assert!(said.contains(&encoded), "{said}");
}

/// No inventory here is a program, unless its test says so.
fn no_program(program: &Path, _: &[&str]) -> Result<Vec<u8>, Diagnostic> {
    panic!("{} is run", program.display())
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files.iter().filter(|(name, _)| !name.ends_with('/')) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let seal = |plain| encrypt(&Secret::new(plain), &Secret::new(PASSWORD), None, fresh_salt().unwrap());
        fs::write(&path, text.strip_prefix("SEALED:").map_or_else(|| (*text).to_owned(), seal)).unwrap();
        if text.starts_with("#!") {
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}

/// Hosts of a group in `ansible-inventory --list`, through its children too.
fn members(list: &Json, group: &str) -> BTreeSet<String> {
    let names = |key: &str| list[group][key].as_array().into_iter().flatten().filter_map(Json::as_str);
    let below = names("children").flat_map(|child| members(list, child));
    names("hosts").map(str::to_owned).chain(below).collect()
}

/// Without Ansible's mark on texts that came from a program.
fn without_marks(value: Json) -> Json {
    match value {
        Json::Object(mut map) if map.len() == 1 && map.contains_key("__ansible_unsafe") => {
            map.remove("__ansible_unsafe").unwrap_or_default()
        }
        Json::Object(map) => map.into_iter().map(|(key, value)| (key, without_marks(value))).collect(),
        Json::Array(items) => items.into_iter().map(without_marks).collect(),
        other => other,
    }
}

#[test]
fn variables_and_groups_are_those_of_ansible() {
    let ansible = Ansible::get();
    for (number, files) in INVENTORIES.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), files);
        write(folder.path(), &[("pb/site.yml", "[]\n"), ("pw", PASSWORD)]);
        let file = files[0].0;
        let args = ["--list", "-i", file, "--playbook-dir", "pb", "--vault-password-file", "pw"];
        let list: Json =
            serde_json::from_slice(&ansible.ok(folder.path(), "ansible-inventory", &args)).unwrap();

        let mut errors = Diagnostics::default();
        let (path, playbooks) = (folder.path().join(file), folder.path().join("pb"));
        let ours = Inventory::load(&path, Some(&playbooks), &passwords(None, PASSWORD), &run, &mut errors);
        let text: String = errors.0.iter().map(|d| render(d, false)).collect();
        assert!(!errors.has_errors(), "{number}: {text}");
        for host in ours.hosts() {
            let vars: Json = host.vars.iter().map(|(name, node)| (name.clone(), node.to_json())).collect();
            // A host without variables is not listed there.
            let theirs = list["_meta"]["hostvars"].get(&host.name).cloned();
            let theirs = without_marks(theirs.unwrap_or_else(|| serde_json::json!({})));
            assert_eq!(vars, theirs, "inventory {number}, host {}", host.name);
        }
        for group in list.as_object().unwrap().keys().filter(|name| *name != "_meta") {
            assert!(ours.groups().any(|(name, _)| name == group), "inventory {number} has no group {group}");
        }
        for (group, hosts) in ours.groups() {
            let hosts: BTreeSet<String> = hosts.map(str::to_owned).collect();
            assert_eq!(hosts, members(&list, group), "inventory {number}, group {group}");
        }
    }
}

#[test]
fn patterns_choose_what_ansible_chooses() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let text = "web: {hosts: {\"web[1:4]\": }}\ndb: {hosts: {db1: , db2: }}\nstaging: {hosts: {web2: , db1: }}\n\
                site: {children: {web: , db: }}\n";
    write(folder.path(), &[("hosts.yml", text)]);
    let mut errors = Diagnostics::default();
    let ours = Inventory::load(
        &folder.path().join("hosts.yml"),
        None,
        &Passwords::default(),
        &no_program,
        &mut errors,
    );
    let patterns = [
        "site:&staging:!db",
        "!web",
        "web[1:2],db[-1]",
        "web[2:],!web4",
        "~web[34]|db",
        "s*,&web?",
        "web[!12]",
    ];
    for pattern in patterns {
        let list = ansible.ok(folder.path(), "ansible", &["-i", "hosts.yml", "--list-hosts", pattern]);
        let list = String::from_utf8(list).unwrap();
        let theirs: BTreeSet<&str> = list.lines().skip(1).map(str::trim).collect();
        let hosts = ours.select(pattern, &Origin::named("test")).unwrap();
        let hosts: BTreeSet<&str> = hosts.iter().map(|host| host.name.as_str()).collect();
        assert_eq!(hosts, theirs, "{pattern}");
    }
}

#[test]
fn every_keyword_of_ansible_has_an_answer_in_the_documentation() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let listed =
        String::from_utf8(ansible.ok(folder.path(), "ansible-doc", &["-t", "keyword", "-l"])).unwrap();
    let names =
        listed.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(':').next());
    // Gone from Ansible itself, but still listed.
    let keywords: Vec<&str> = names.filter(|name| !name.starts_with("accelerate")).collect();
    assert!(keywords.len() > 50 && keywords.contains(&"any_errors_fatal"), "{listed}");
    // In the table of keywords, as code.
    let page = include_str!("../../docs/from-ansible.md");
    let table = page.split("\n## ").find(|part| part.starts_with("Keywords")).unwrap();
    let code = table.split('`').skip(1).step_by(2);
    let words: BTreeSet<&str> = code.flat_map(str::split_whitespace).collect();
    let missing: Vec<_> = keywords.iter().filter(|word| !words.contains(**word)).collect();
    assert!(missing.is_empty(), "docs/from-ansible.md does not say what becomes of {missing:?}");
}
