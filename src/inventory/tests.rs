use super::*;
use crate::diag::{Exit, render};
use crate::vault::{Password, encrypt, fresh_salt};
use agent::secret::Secret;
use std::fs;

mod forms;
mod patterns;

/// Writes files and loads `inventory/hosts.yml` with the playbook folder beside it.
struct Site(tempfile::TempDir);

impl Site {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn load(&self) -> (Inventory, Diagnostics) {
        self.load_with(&Passwords::default())
    }

    fn load_with(&self, passwords: &Passwords) -> (Inventory, Diagnostics) {
        self.load_from("inventory/hosts.yml", passwords)
    }

    fn load_from(&self, path: &str, passwords: &Passwords) -> (Inventory, Diagnostics) {
        let mut errors = Diagnostics::default();
        let playbooks = self.0.path().join("playbooks");
        let path = self.0.path().join(path);
        let run = |program: &Path, arguments: &[&str]| -> Result<Vec<u8>, Diagnostic> {
            let output = std::process::Command::new(program).args(arguments).output();
            Ok(output.map_err(|error| Diagnostic::error(error.to_string()))?.stdout)
        };
        let inventory = Inventory::load(&path, Some(&playbooks), passwords, &run, &mut errors);
        (inventory, errors)
    }

    /// All diagnostics as text, with paths relative to the site.
    fn text(&self, errors: &Diagnostics) -> String {
        let text: String = errors.0.iter().map(|d| render(d, false) + "\n").collect();
        text.replace(&format!("{}/", self.0.path().display()), "")
    }

    /// Every host with its groups and variables: value, place, and `secret` where it is one.
    fn resolved(&self, inventory: &Inventory) -> String {
        let mut text = String::new();
        for host in inventory.hosts() {
            text += &format!("{} [{}]\n", host.name, host.groups.join(" "));
            let mut vars: Vec<_> = host.vars.iter().collect();
            vars.sort_by_key(|(name, _)| *name);
            for (name, node) in vars {
                let secret = if node.secret { " secret" } else { "" };
                text += &format!("  {name} = {} @ {}{secret}\n", node.to_json(), node.origin);
            }
        }
        text.replace(&format!("{}/", self.0.path().display()), "")
    }
}

fn clean(site: &Site) -> Inventory {
    let (inventory, errors) = site.load();
    assert!(errors.0.is_empty(), "{}", site.text(&errors));
    inventory
}

#[test]
fn each_layer_wins_over_those_before_it() {
    // `l1` is set in every layer, `l2` in all but the last, and so on.
    let vars = |from: usize, to: usize, indent: &str| -> String {
        (from..=to).map(|n| format!("{indent}l{n}: from{to}\n")).collect()
    };
    let inventory = format!(
        "all:\n  vars:\n{}  children:\n    parent:\n      vars:\n{}      children:\n        child_b:\n          vars:\n{}          \
         hosts:\n            vm1:\n{}        child_a:\n          vars:\n{}          hosts:\n            vm1:\n",
        vars(1, 1, "    "),
        vars(1, 2, "        "),
        vars(1, 4, "            "),
        vars(1, 9, "              "),
        vars(1, 3, "            "),
    );
    let site = Site::new(&[
        ("inventory/hosts.yml", &inventory),
        ("inventory/group_vars/all.yml", &vars(1, 5, "")),
        ("playbooks/group_vars/all/a.yml", &vars(1, 6, "")),
        ("inventory/group_vars/parent.yaml", &vars(1, 7, "")),
        ("playbooks/group_vars/child_a.json", "{\"l1\": \"from8\",\n\t\"l8\": \"from8\"}\n"),
        ("inventory/host_vars/vm1/b.yml", &vars(1, 10, "")),
        ("playbooks/host_vars/vm1", "l1: from11\n"),
    ]);
    let got = site.resolved(&clean(&site));
    assert_eq!(
        got,
        "vm1 [parent child_a child_b]
  l1 = \"from11\" @ playbooks/host_vars/vm1:1:5
  l10 = \"from10\" @ inventory/host_vars/vm1/b.yml:10:6
  l2 = \"from10\" @ inventory/host_vars/vm1/b.yml:2:5
  l3 = \"from10\" @ inventory/host_vars/vm1/b.yml:3:5
  l4 = \"from10\" @ inventory/host_vars/vm1/b.yml:4:5
  l5 = \"from10\" @ inventory/host_vars/vm1/b.yml:5:5
  l6 = \"from10\" @ inventory/host_vars/vm1/b.yml:6:5
  l7 = \"from10\" @ inventory/host_vars/vm1/b.yml:7:5
  l8 = \"from10\" @ inventory/host_vars/vm1/b.yml:8:5
  l9 = \"from10\" @ inventory/host_vars/vm1/b.yml:9:5
"
    );
    // Layers taken away from the top, one by one: the next lower one shows.
    let drops = [("playbooks/host_vars/vm1", "from10"), ("inventory/host_vars/vm1/b.yml", "from9")];
    for (path, winner) in drops {
        fs::remove_file(site.0.path().join(path)).unwrap();
        let inventory = clean(&site);
        assert_eq!(inventory.host("vm1").unwrap().vars["l1"].as_str(), Some(winner));
    }
    let without_host = inventory.replace(&vars(1, 9, "              "), "");
    fs::write(site.0.path().join("inventory/hosts.yml"), without_host).unwrap();
    let drops = [
        ("playbooks/group_vars/child_a.json", "from7"),
        ("inventory/group_vars/parent.yaml", "from6"),
        ("playbooks/group_vars/all/a.yml", "from5"),
        ("inventory/group_vars/all.yml", "from4"),
    ];
    assert_eq!(clean(&site).host("vm1").unwrap().vars["l1"].as_str(), Some("from8"));
    for (path, winner) in drops {
        fs::remove_file(site.0.path().join(path)).unwrap();
        assert_eq!(clean(&site).host("vm1").unwrap().vars["l1"].as_str(), Some(winner), "without {path}");
    }
}

#[test]
fn priorities_ranges_short_names_and_replacement() {
    let site = Site::new(&[(
        "inventory/hosts.yml",
        "web:
  vars: {ansible_group_priority: 5, size: big, list: {a: 1, b: 2}}
  hosts:
    vm[08:09].example.org: {user: deploy, port: 2222}
    lone.example.org:2200: {ansible_user: root, user: ignored}
zone:
  vars: {size: small, list: {c: 3}}
  hosts: vm08.example.org
alone:
all:
  hosts:
    free:
",
    )]);
    let got = site.resolved(&clean(&site));
    assert_eq!(
        got,
        "vm08.example.org [zone web]
  ansible_port = 2222 @ inventory/hosts.yml:4:49
  ansible_user = \"deploy\" @ inventory/hosts.yml:4:35
  list = {\"a\":1,\"b\":2} @ inventory/hosts.yml:2:54
  port = 2222 @ inventory/hosts.yml:4:49
  size = \"big\" @ inventory/hosts.yml:2:43
  user = \"deploy\" @ inventory/hosts.yml:4:35
vm09.example.org [web]
  ansible_port = 2222 @ inventory/hosts.yml:4:49
  ansible_user = \"deploy\" @ inventory/hosts.yml:4:35
  list = {\"a\":1,\"b\":2} @ inventory/hosts.yml:2:54
  port = 2222 @ inventory/hosts.yml:4:49
  size = \"big\" @ inventory/hosts.yml:2:43
  user = \"deploy\" @ inventory/hosts.yml:4:35
lone.example.org [web]
  ansible_port = 2200 @ inventory/hosts.yml:5:5
  ansible_user = \"root\" @ inventory/hosts.yml:5:43
  list = {\"a\":1,\"b\":2} @ inventory/hosts.yml:2:54
  size = \"big\" @ inventory/hosts.yml:2:43
  user = \"ignored\" @ inventory/hosts.yml:5:55
free [ungrouped]
"
    );
}

fn seal(plain: &str, password: &str) -> String {
    encrypt(&Secret::new(plain), &Secret::new(password), None, fresh_salt().unwrap())
}

fn passwords(text: &str) -> Passwords {
    Passwords::new(vec![Password { label: None, text: Secret::new(text) }])
}

#[test]
fn vaults_are_opened_and_their_values_are_secret() {
    let inline: String = seal("hunter2", "right").lines().map(|line| format!("    {line}\n")).collect();
    let vars = format!("clear: 1\ndeep:\n  token: !vault |\n{inline}\n  plain: x\n");
    let site = Site::new(&[
        ("inventory/hosts.yml", "web: {hosts: {vm1: }}\n"),
        ("inventory/group_vars/web/vars.yml", &vars),
        ("inventory/group_vars/web/vault.yml", &seal("password: geheim\nnested: {a: [b]}\n", "right")),
    ]);
    let (inventory, errors) = site.load_with(&passwords("right"));
    assert!(errors.0.is_empty(), "{}", site.text(&errors));
    assert_eq!(
        site.resolved(&inventory),
        "vm1 [web]
  clear = 1 @ inventory/group_vars/web/vars.yml:1:8
  deep = {\"token\":\"hunter2\",\"plain\":\"x\"} @ inventory/group_vars/web/vars.yml:3:3
  nested = {\"a\":[\"b\"]} @ inventory/group_vars/web/vault.yml:2:9 secret
  password = \"geheim\" @ inventory/group_vars/web/vault.yml:1:11 secret
"
    );
    let vars = &inventory.host("vm1").unwrap().vars;
    assert!(vars["deep"].get("token").unwrap().secret && !vars["deep"].get("plain").unwrap().secret);
    assert!(vars["nested"].get("a").unwrap().as_seq().unwrap()[0].secret);

    let (_, errors) = site.load_with(&passwords("wrong"));
    let text = site.text(&errors);
    assert_eq!((errors.0.len(), errors.exit()), (2, Exit::Config), "both at once: {text}");
    assert!(text.contains("wrong vault password") && text.contains("group_vars/web/vault.yml"), "{text}");
    assert!(text.contains("group_vars/web/vars.yml:4:5"), "{text}");
    let (_, errors) = site.load();
    assert!(site.text(&errors).contains("no vault password given"), "{}", site.text(&errors));
}

#[test]
fn a_damaged_vault_names_its_place_and_shows_no_content() {
    let damaged = seal("password: geheim\n", "right").replace("AES256", "AES255");
    let site = Site::new(&[
        (
            "inventory/hosts.yml",
            "all:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT;1.1;AES256\n      zz\n",
        ),
        ("inventory/group_vars/all.yml", &damaged),
    ]);
    let (_, errors) = site.load_with(&passwords("right"));
    let text = site.text(&errors);
    assert!(text.contains("unknown vault cipher `AES255`") && text.contains("group_vars/all.yml"), "{text}");
    assert!(text.contains("not hexadecimal") && text.contains("hosts.yml:4:7"), "{text}");
    // A mistake inside a decrypted file: place, but no excerpt.
    let broken = seal("password: geheim\n- canary\n", "right");
    fs::write(site.0.path().join("inventory/group_vars/all.yml"), broken).unwrap();
    let (_, errors) = site.load_with(&passwords("right"));
    let text = site.text(&errors);
    assert!(text.contains("inventory/group_vars/all.yml:2:"), "{text}");
    assert!(!text.contains("geheim") && !text.contains("canary"), "{text}");
}

#[test]
fn all_mistakes_are_found_at_once_with_their_places() {
    let site = Site::new(&[(
        "inventory/hosts.yml",
        "all:
  host: {vm1: }
  hosts:
    - vm2
web:
  hosts: {\"vm[3:1]\": , \"a b\": , ok: 7}
  db: {hosts: {x: }}
  vars: 3
loop_a: {children: {loop_b: {children: {loop_a: }}}}
hosts: {vm5: }
bad: text
",
    )]);
    let (_, errors) = site.load();
    let text = site.text(&errors);
    for (place, part) in [
        ("2:3", "unknown key `host` in group `all`"),
        ("4:5", "expected a mapping of hosts, found a list"),
        ("6:11", "bad host range `vm[3:1]`"),
        ("6:24", "`a b` cannot be the name of a host"),
        ("6:37", "expected a mapping of variables, found an integer"),
        ("7:3", "unknown key `db` in group `web`"),
        ("8:9", "expected a mapping of variables, found an integer"),
        ("9:1", "group `loop_a` is inside itself"),
        ("10:1", "`hosts` stands outside of any group"),
        ("11:6", "expected a group: `hosts`, `children`, `vars`, found a string"),
    ] {
        let found = errors.0.iter().any(|d| {
            let at = d.place.as_ref().map(|(origin, _)| origin.line_column());
            at.map(|(line, column)| format!("{line}:{column}")).as_deref() == Some(place) && d.message == part
        });
        assert!(found, "{place} {part}:\n{text}");
    }
    assert!(text.contains("did you mean `hosts`?") && text.contains("below `children:`"), "{text}");
    assert!(text.contains("loop_a > loop_b > loop_a"), "{text}");
    assert_eq!(errors.0.len(), 10, "{text}");

    for (broken, part) in [
        ("all:\n\thosts:\n", "tab"),
        ("a: {hosts: {x: }}\na: {hosts: {y: }}\n", "stands twice"),
        ("", "the inventory is empty"),
        ("- vm1\n", "expected a mapping of groups, found a list"),
        ("plugin: aws_ec2\n", "inventory plugins are not supported"),
    ] {
        let site = Site::new(&[("inventory/hosts.yml", broken)]);
        let (_, errors) = site.load();
        assert!(
            errors.has_errors() && site.text(&errors).contains(part),
            "{broken:?}: {}",
            site.text(&errors)
        );
    }
    let (_, errors) = Site::new(&[]).load();
    assert!(errors.0[0].message.starts_with("cannot read"), "{errors:?}");
}

#[test]
fn variable_files_of_nobody_are_warned_of() {
    let files = [
        ("inventory/hosts.yml", "web: {hosts: {vm1: , shared: }}\nshared:\n"),
        ("inventory/group_vars/wbe.yml", "a: 1\n"),
        ("inventory/group_vars/other/x.yml", "a: 1\n"),
        ("inventory/group_vars/web.yml", "- not a mapping\n"),
        ("inventory/group_vars/web.yaml", "b: 1\n"),
        ("inventory/group_vars/.hidden.yml", "c: 1\n"),
        ("inventory/host_vars/localhost.yml", "d: 1\n"),
    ];
    let site = Site::new(&files);
    let (inventory, errors) = site.load();
    let text = site.text(&errors);
    assert!(text.contains("no group is named `wbe`") && text.contains("did you mean `web`?"), "{text}");
    assert!(text.contains("no group is named `other`"), "{text}");
    assert!(text.contains("this file has no effect") && text.contains("web.yaml"), "{text}");
    assert!(text.contains("`shared` is the name of a host and of a group"), "{text}");
    assert!(text.contains("expected a mapping of variables, found a list"), "{text}");
    assert_eq!(errors.0.len(), 5, "{text}");
    assert_eq!(inventory.host("localhost").unwrap().vars["d"].to_json(), 1);
    // Beside a second inventory, strange names are most likely its own.
    fs::write(site.0.path().join("inventory/prod.yml"), "all:\n").unwrap();
    let (_, errors) = site.load();
    assert!(!site.text(&errors).contains("`other`") && site.text(&errors).contains("`wbe`"));
}

proptest::proptest! {
    #[test]
    fn nothing_that_is_written_makes_it_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "all:", "web:", "hosts:", "children:", "vars:", "a[1:3]:", "x:22", "[", "]", "{", "}", ",", "- ", "\n",
                "\n  ", "\n    ", " ", "3", "~", "port: 1", "ansible_group_priority: x", "!vault |\n  x", "é", "*a", "&a",
            ]),
            0..40,
        ),
        pattern in "[a-z0-9*?!&~:,\\[\\]-]{0,12}",
    ) {
        let source = crate::model::Source { path: "t.yml".into(), text: words.concat(), secret: false };
        let mut errors = Diagnostics::default();
        let origin = Origin::named("test");
        let source = std::sync::Arc::new(source);
        let mut trees = [Tree::new(&origin), Tree::new(&origin)];
        if let Ok(node) = crate::yaml::parse(&source) {
            trees[0].read(&node, &mut errors);
        }
        ini::read(&source, &mut trees[1], &mut errors);
        let _ = (range::expand(&pattern), literal::value(&pattern));
        for mut tree in trees {
            let mut errors = Diagnostics::default();
            tree.complete(&mut errors);
            let layers = Layers::read(tree, vec![], &Passwords::default(), &mut errors);
            let _ = Inventory::merge(Path::new("t.yml"), layers).select(&pattern, &origin);
        }
    }
}
