//! `readable-secret`: whatever type writes it.

use crate::project::Project;
use agent::secret::Secret;
use lustores_provision::vault::encrypt;
use std::process::Command;

const MODE: &str = "mode: \"0644\"";

/// A task for each type that a secret can end in a file by, with the name under which it is told.
const TYPES: [(&str, &str); 10] = [
    ("h/a/block", "blockinfile: {path: \"{{home}}/block\", create: true, block: \"k = {{token}}\", MODE}"),
    ("h/a/line", "lineinfile: {path: \"{{home}}/line\", create: true, line: \"k = {{token}}\", MODE}"),
    (
        "h/a/replaced",
        "replace: {path: \"{{home}}/replaced\", regexp: \"^k =.*\", replace: \"k = {{token}}\", MODE}",
    ),
    ("h/a/ini", "ini: {path: \"{{home}}/ini\", section: s, option: k, value: \"{{token}}\", MODE}"),
    ("h/a/yaml", "yaml_merge: {path: \"{{home}}/yaml\", values: {k: v}, secret: true, MODE}"),
    ("h/a/parts", "assemble: {dest: \"{{home}}/parts\", fragments: [a, \"{{token}}\"], MODE}"),
    ("h/a/tree/key", "synchronize: {src: tree, dest: \"{{home}}/tree\", MODE}"),
    ("what is unpacked to ", "unarchive: {src: keys.tar, dest: \"{{home}}\", MODE}"),
    (
        "h/a/key.pem",
        "certificate: {path: \"{{home}}/cert.pem\", key: \"{{home}}/key.pem\", method: self_signed, names: [a.example.org], key_MODE}",
    ),
    ("h/a/env", "env_file: {path: \"{{home}}/env\", values: {K: \"{{token}}\"}, MODE}"),
];

fn project(tasks: &str) -> Project {
    let project = Project::tasks(tasks);
    let password = Secret::new("open sesame");
    let vault = |plain: Secret| encrypt(&plain, &password, None, [3; 32]);
    project.write("group_vars/all/vault.yml", &vault(Secret::new("token: swordfish-9c\n")));
    project.write("password", "open sesame");
    project.write("files/tree/key", &vault(Secret::new("swordfish-9c\n")));
    project.write("files/tree/open", "nothing\n");
    project.write("plain/key", "swordfish-9c\n");
    let made = Command::new("tar")
        .arg("-cf")
        .arg(project.path("keys.tar"))
        .arg("-C")
        .arg(project.path("plain"))
        .arg("key")
        .status();
    assert!(made.unwrap().success(), "no archive");
    let archive = std::fs::read(project.path("keys.tar")).unwrap();
    project.write("files/keys.tar", &vault(Secret::new(archive)));
    project
}

fn run(project: &Project, arguments: &[&str]) -> crate::project::Ran {
    project.run(&[arguments, &["--vault-password-file", "password"]].concat())
}

#[test]
fn every_type_tells_a_secret_that_others_may_read() {
    let tasks = |mode: &str| -> String {
        let task = |(_, task): &(&str, &str)| format!("    - {}\n", task.replace("MODE", mode));
        TYPES.iter().map(task).collect()
    };
    let told = run(&project(&tasks(MODE)), &["validate", "inventory.yml"]);
    told.exits(0).lacks(&["swordfish"]);
    for (path, task) in TYPES {
        let lines = told.err.lines().chain(told.out.lines());
        let found =
            lines.filter(|line| line.contains("warning[readable-secret]") && line.contains(path)).count();
        assert_eq!(found, 1, "{task}:\n{}", told.text());
    }
    assert_eq!(told.text().matches("warning[readable-secret]").count(), TYPES.len(), "{}", told.text());
    // The file beside the secret one is nobody's business.
    told.lacks(&["h/a/tree/open"]);
    for mode in ["mode: \"0600\"", "mode: \"0640\""] {
        run(&project(&tasks(mode)), &["validate", "inventory.yml"]).exits(0).lacks(&["readable-secret"]);
    }
}

#[test]
fn what_is_told_to_everybody_whatever_the_mode_is_told_too() {
    let tasks = r#"
    - {name: unit, systemd_unit: {name: app.service, content: "[Service]\nEnvironment=K={{token}}\nExecStart=/bin/true\n"}}
    - {name: plain, systemd_unit: {name: plain.service, content: "[Service]\nExecStart=/bin/true\n"}}
    - {name: part, copy: {dest: /etc/systemd/system/web.service.d/key.conf, content: "[Service]\nEnvironment=K={{token}}\n", mode: "0600"}}
    - {name: answer, debconf: {name: app, question: app/key, vtype: string, value: "{{token}}"}}
    - {name: password, debconf: {name: app, question: app/password, vtype: password, value: "{{token}}"}}
    - {name: gone, systemd_unit: {name: old.service, content: "{{token}}", state: absent}}
"#;
    let told = run(&project(tasks), &["validate", "inventory.yml"]);
    told.exits(0).lacks(&["swordfish", "settings of plain.service", "settings of old.service"]).has(&[
        "every user of the host may read the settings of app.service, and a secret is in it",
        "every user of the host may read the settings of web.service, and a secret is in it",
        "`systemctl show`",
        "`EnvironmentFile=`",
        "every user of the host may read /var/cache/debconf/config.dat, and a secret is in it",
        "`vtype: password`",
    ]);
    assert_eq!(told.text().matches("warning[readable-secret]").count(), 3, "{}", told.text());
}

/// A file keeps its mode where no task names one: that shows only on the host.
#[test]
fn an_edited_file_is_told_by_the_mode_that_it_has() {
    let project = project(
        "    - {name: line, lineinfile: {path: \"{{home}}/conf\", line: \"k = {{token}}\", regexp: \"^k =\"}}\n",
    );
    project.write("h/a/conf", "k = v\n");
    run(&project, &["validate", "inventory.yml"]).exits(0).lacks(&["readable-secret"]);
    for _ in ["to do", "done"] {
        let ran = run(&project, &["apply", "inventory.yml", "--yes"]);
        ran.exits(0).has(&["h/a/conf, and a secret is in it", "its mode is 0644"]).lacks(&["swordfish"]);
    }
    // An earlier task of the same run sees to it.
    let first = "    - {name: mode, file: {path: \"{{home}}/conf\", mode: \"0600\"}}\n";
    let playbook =
        project.read("site.yml").replace("    - {name: line", &format!("{first}    - {{name: line"));
    project.write("site.yml", &playbook);
    run(&project, &["apply", "inventory.yml", "--yes"]).exits(0).lacks(&["readable-secret"]);
}
