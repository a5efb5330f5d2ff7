//! INI files, folders and programs: what is wrong with them, and what `explain` says.

use super::*;
use std::os::unix::fs::PermissionsExt;

/// Loads `path` of a site with these files; programs are executable.
fn load(path: &str, files: &[(&str, &str)]) -> (Site, Inventory, Diagnostics) {
    let site = Site::new(files);
    for (name, _) in files.iter().filter(|(_, text)| text.starts_with("#!")) {
        fs::set_permissions(site.0.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    let (inventory, errors) = site.load_from(path, &Passwords::default());
    (site, inventory, errors)
}

#[test]
fn every_value_of_an_ini_file_knows_its_place() {
    let text = "[web]\n  vm1 a=1 b='two words'\n[web:vars]\nc = [1, 2]\n[site:children]\nweb\n";
    let (site, inventory, errors) = load("inventory/hosts", &[("inventory/hosts", text)]);
    assert!(errors.0.is_empty(), "{}", site.text(&errors));
    assert_eq!(
        site.resolved(&inventory),
        "vm1 [site web]
  a = 1 @ inventory/hosts:2:7
  b = \"two words\" @ inventory/hosts:2:11
  c = [1,2] @ inventory/hosts:4:5
"
    );
}

#[test]
fn mistakes_in_an_ini_file_are_found_at_once() {
    let text = "vm0 a = 1
[web
[web:var]
[two words]
[web:children]
web x
missing
[web]
vm[3:1]
vm1 pass=ab#cd
vm2 x='open
[gone:vars]
a=1
[web:vars]
no value
ansible_group_priority=high
";
    let (site, _, errors) = load("inventory/hosts", &[("inventory/hosts", text)]);
    let text = site.text(&errors);
    for (line, part) in [
        (1, "expected `variable=value` behind the host `vm0`"),
        (2, "`[` without `]`"),
        (3, "unknown kind of section `var`"),
        (4, "a group's name is one word"),
        (6, "`web x` cannot be the name of a group"),
        (7, "no group is named `missing`"),
        (9, "bad host range `vm[3:1]`"),
        (10, "the value of `pass` ends at the `#`"),
        (11, "this line is no host"),
        (12, "no group is named `gone`"),
        (15, "expected `name=value`"),
        (16, "expected an integer, found a string"),
    ] {
        let found = errors.0.iter().any(|d| {
            let at = d.place.as_ref().map(|(origin, _)| origin.line_column().0);
            at == Some(line) && d.message.contains(part)
        });
        assert!(found, "{line} {part}:\n{text}");
    }
    assert!(text.contains("did you mean `vars`?") && text.contains("declare it: [missing]"), "{text}");
}

#[test]
fn a_program_that_misbehaves_is_named_with_what_it_did() {
    for (script, part) in [
        ("echo no json here", "the output is no JSON"),
        ("true", "printed nothing"),
        ("printf '\\377'", "not UTF-8"),
        ("echo '[1]'", "expected a mapping of groups, found a list"),
        ("echo '{\"web\": 3}'", "expected a group"),
        ("echo '{\"web\": {\"hosts\": [3]}}'", "expected a list of hosts"),
        ("echo '{\"web\": {\"hosts\": [\"a b\"]}}'", "`a b` cannot be the name of a host"),
        (
            "echo '{\"_meta\": {\"hostvars\": {\"a\": 1}}, \"web\": [\"a\"]}'",
            "expected a mapping of variables",
        ),
        ("echo '{\"web\": {\"hosts\": [\"a\"], \"var\": {}}}'", "did you mean `vars`?"),
    ] {
        let script = format!("#!/bin/sh\n{script}\n");
        let (site, _, errors) = load("inventory/cloud", &[("inventory/cloud", &script)]);
        let text = site.text(&errors);
        assert!(text.contains(part) && text.contains("cloud --list"), "{script}: {text}");
    }
}

#[test]
fn what_ansible_marks_in_a_program_s_answer_is_what_it_marks() {
    let sealed = serde_json::to_string(&seal("hunter2", "right")).unwrap();
    let script = format!(
        "#!/bin/sh\ncat << 'END'\n{{\"_meta\": {{\"hostvars\": {{\"vm1\": {{\"a\": {{\"__ansible_vault\": {sealed}}}, \"b\": {{\"__ansible_unsafe\": \"{{{{x}}}}\"}},          \"c\": \"\\ud83d\\ude00\\t\"}}}}}}, \"web\": [\"vm1\"]}}\nEND\n"
    );
    let site = Site::new(&[("inventory/cloud", &script)]);
    fs::set_permissions(site.0.path().join("inventory/cloud"), fs::Permissions::from_mode(0o755)).unwrap();
    let (inventory, errors) = site.load_from("inventory/cloud", &passwords("right"));
    assert!(errors.0.is_empty(), "{}", site.text(&errors));
    let vars = &inventory.host("vm1").unwrap().vars;
    assert!(vars["a"].secret && vars["a"].as_str() == Some("hunter2"));
    assert_eq!((vars["b"].tag.as_deref(), vars["b"].as_str()), (Some("!unsafe"), Some("{{x}}")));
    assert_eq!(vars["c"].as_str(), Some("\u{1f600}\t"));
}

#[test]
fn what_is_no_inventory_says_what_to_do() {
    for (path, files, part) in [
        ("inventory", &[("inventory/readme.md", "x")][..], "there is no inventory in this folder"),
        ("inventory/gone", &[], "cannot read"),
        ("inventory/hosts.toml", &[("inventory/hosts.toml", "")], "TOML are not supported"),
        ("inventory/hosts", &[("inventory/hosts", "")], "the inventory is empty"),
    ] {
        let (site, _, errors) = load(path, files);
        assert!(errors.has_errors() && site.text(&errors).contains(part), "{path}: {}", site.text(&errors));
    }
    let site = Site::new(&[("inventory/a.yml", "web: {hosts: {vm1: }}\n")]);
    std::os::unix::fs::symlink(".", site.0.path().join("inventory/again")).unwrap();
    std::os::unix::fs::symlink("..", site.0.path().join("inventory/up")).unwrap();
    let (_, errors) = site.load_from("inventory", &Passwords::default());
    assert_eq!(
        site.text(&errors).matches("the folder is inside itself").count(),
        2,
        "{}",
        site.text(&errors)
    );
    let chain: String = (0..5000).map(|at| format!("[g{at}:children]\ng{}\n", at + 1)).collect();
    let (site, _, errors) =
        load("inventory/hosts", &[("inventory/hosts", &format!("{chain}[g5000]\nvm1\n"))]);
    assert!(site.text(&errors).contains("groups are nested deeper than"), "{}", site.text(&errors).len());
    // An executable bit that a file system gives to everything makes no program of it.
    let (site, inventory, errors) = load("inventory/hosts", &[("inventory/hosts", "[web]\nvm1\n")]);
    assert!(errors.0.is_empty() && inventory.host("vm1").is_some(), "{}", site.text(&errors));
    fs::set_permissions(site.0.path().join("inventory/hosts"), fs::Permissions::from_mode(0o755)).unwrap();
    let (inventory, errors) = site.load_from("inventory/hosts", &Passwords::default());
    assert!(errors.0.is_empty() && inventory.host("vm1").is_some(), "{}", site.text(&errors));
    let site = Site::new(&[("inventory/cloud", "#!/bin/sh\necho {}\n")]);
    let (_, errors) = site.load_from("inventory/cloud", &Passwords::default());
    assert!(site.text(&errors).contains("hint: chmod +x"), "{}", site.text(&errors));
}

#[test]
fn each_definition_of_a_variable_is_explained_in_order() {
    let (site, inventory, errors) = load(
        "inventory",
        &[
            (
                "inventory/a.yml",
                "all: {vars: {x: 1}, children: {web: {vars: {x: 2}, hosts: {vm1: {x: 5}}}}}\n",
            ),
            ("inventory/group_vars/all.yml", "x: 3\n"),
            ("inventory/group_vars/web.yml", "x: 4\nansible_become_password: hunter2\n"),
            ("playbooks/host_vars/vm1.yml", "x: 6\n"),
        ],
    );
    assert!(errors.0.is_empty(), "{}", site.text(&errors));
    let host = inventory.host("vm1").unwrap();
    let root = format!("{}/", site.0.path().display());
    let lines = inventory
        .explain(host, "x")
        .into_iter()
        .map(|(layer, node)| format!("{} {layer} {}", node.to_json(), node.origin).replace(&root, ""));
    assert_eq!(
        lines.collect::<Vec<_>>(),
        [
            "1 vars of group all in the inventory inventory/a.yml:1:17",
            "2 vars of group web in the inventory inventory/a.yml:1:48",
            "3 inventory/group_vars/all inventory/group_vars/all.yml:1:4",
            "4 inventory/group_vars/web inventory/group_vars/web.yml:1:4",
            "5 the host in the inventory inventory/a.yml:1:69",
            "6 playbooks/host_vars for the host playbooks/host_vars/vm1.yml:1:4",
        ]
    );
    assert_eq!(host.vars["x"].to_json(), 6);
    let [(_, password)] = &inventory.explain(host, "ansible_become_password")[..] else { panic!("one") };
    assert!(password.secret);
    assert!(inventory.explain(host, "y").is_empty());
}
