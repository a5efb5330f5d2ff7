//! What roles take, as a user sees it; becoming another user by doas.

use crate::{
    project::{Project, Ran, play},
    sshd::{PASSWORD, Sshd},
};
use std::{
    os::unix::fs::MetadataExt,
    path::Path,
    process::{Command, Stdio},
};

/// The program in the folder of its own project.
fn at_home(arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    let output = command
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

#[test]
fn the_projects_own_inventories_fit_its_roles() {
    let password = ["--vault-password-file", "inventory/example-vault-password"];
    for inventory in ["prod", "staging", "lab"] {
        let inventory = format!("inventory/{inventory}.yml");
        let ran = at_home(&[&["validate", &inventory], &password[..]].concat());
        ran.exits(0).has(&["no mistakes found"]);
        assert_eq!(ran.err, "", "nothing odd either");
        // And what is wrong is found.
        for (wrong, message) in [
            ("tls_mode=selfsigned", "`tls_mode` of role `settings` must be one of `self_signed`"),
            ("ssh_port=ssh", "`ssh_port` of role `settings` must be a port"),
            (
                "{firewall_public_ports: [http]}",
                "item 1 of `firewall_public_ports` of role `firewall` must be a port",
            ),
            ("{db_password: ''}", "`db_password` of role `env` must match `.+`"),
            ("db_filesystem=btrfs", "`db_filesystem` of role `storage` must be one of `ext4`, `xfs`"),
        ] {
            at_home(&[&["validate", &inventory, "-e", wrong], &password[..]].concat())
                .exits(20)
                .has(&[message]);
        }
    }
}

#[test]
fn a_roles_page_shows_what_it_takes() {
    let ran = at_home(&["doc", "role", "tls"]);
    ran.exits(0).has(&[
        "tls\n\ninput   ",
        "tls_private_key   string, secret  secret",
        "tls_days          integer         825",
    ]);
    ran.has(&[
        "tls_extra_names   list of string  []",
        "    Days that a self-signed certificate is good for.",
        "    at least 1",
    ]);
    assert_eq!(at_home(&["doc", "roles/tls/"]).out, ran.out);
    at_home(&["doc", "role", "settings"]).exits(0).has(&[
        "domain  ",
        "required",
        "one of: self_signed, supplied, letsencrypt",
    ]);
    at_home(&["doc", "role", "stack"])
        .exits(0)
        .has(&["does not say what it takes", "defaults/main.yml: network_subnet, "]);
    at_home(&["doc", "role"]).exits(0).has(&["tls ", "inputs", "`doc role NAME` shows"]);
    at_home(&["doc", "role", "tsl"]).exits(20).has(&["no role `tsl`", "did you mean `tls`?"]);
    at_home(&["doc", "file", "tls"]).exits(20).has(&["takes no `tls`"]);
    at_home(&["doc", "rol"]).exits(20).has(&["did you mean `role`?"]);
}

#[test]
fn a_page_of_argument_specs_and_of_what_is_nested() {
    let project = Project::tasks("");
    let specs = "argument_specs:\n  main:\n    short_description: A web server\n    options:\n      port: {type: int, default: 80, description: [Where it, listens]}\n      \
        users: {type: list, elements: dict, options: {login: {required: true}}}\n      pass: {no_log: true, default: hunter2}\n";
    project.write("roles/web/meta/main.yml", specs);
    project.write("roles/web/defaults/main.yml", "port: 8080\nother: 1\n");
    let ran = project.run(&["doc", "role", "web"]);
    ran.exits(0).lacks(&["hunter2"]);
    ran.has(&[
        "A web server",
        "port     int           8080\n    Where it\n    listens\n",
        "users    list of dict  none\n  login  str           required",
    ]);
    ran.has(&["pass     str, secret   secret", "further variables in defaults/main.yml: other"]);
    project.write("roles/web/meta/inputs.yml", "port: {type: prot}\n");
    project.run(&["doc", "role", "web"]).exits(20).has(&["unknown type `prot`", "did you mean `port`?"]);
}

/// A project for alice behind an sshd, whose one task makes a file as root.
fn by_doas(sshd: &Sshd, more: &str) -> Project {
    let project = Project::ssh(sshd, "");
    let task = "    - {name: made, copy: {dest: /run/by-doas, content: x}}\n";
    project.write("site.yml", &play(task).replace("  tasks:", &format!("  become: true\n{more}  tasks:")));
    project
}

#[test]
fn doas_makes_root_of_the_user_who_logs_in() {
    let sshd = Sshd::start_with_doas("permit nopass alice\n");
    let made = sshd.root().join("run/by-doas");
    for (play, inventory) in [
        ("  become_method: doas\n", ""),
        ("", "    become_method: doas\n"),
        ("", "    ansible_become_method: doas\n"),
    ] {
        let project = by_doas(&sshd, play);
        project.write(
            "inventory.yml",
            &project.read("inventory.yml").replace("  hosts:", &format!("{inventory}  hosts:")),
        );
        project.check().exits(10);
        assert!(!made.exists());
        project.go().exits(0).has(&["changed made"]);
        assert_eq!(std::fs::metadata(&made).unwrap().uid(), 0);
        project.go().exits(0).lacks(&["changed made"]);
        std::fs::remove_file(&made).unwrap();
    }
    // A task may say otherwise than the play.
    let project = by_doas(&sshd, "  become_method: doas\n");
    project.write(
        "site.yml",
        &project.read("site.yml").replace("{name: made,", "{name: made, become_method: sudo,"),
    );
    project.go().exits(0).has(&["changed made"]);
    assert!(Path::new(&made).exists());
}

#[test]
fn doas_that_cannot_says_what_to_do() {
    let sshd = Sshd::start_with_doas("permit alice\n");
    let project = by_doas(&sshd, "  become_method: doas\n");
    project.go().exits(30).has(&["doas wants a password for becoming root", "permit nopass"]);
    // A password would never get there; that shows before anything is touched.
    let inventory = project.read("inventory.yml");
    let with = format!("    ansible_become_password: \"{PASSWORD}\"\n  hosts:");
    project.write("inventory.yml", &inventory.replace("  hosts:", &with));
    let ran = project.run(&["validate", "inventory.yml"]);
    ran.exits(20).has(&["doas takes a password from a terminal only", "site.yml:3:18", "permit nopass USER"]);
    project.write("site.yml", &project.read("site.yml").replace("method: doas", "method: su"));
    project
        .run(&["validate", "inventory.yml"])
        .exits(20)
        .has(&["the ways to become another user are `sudo` and `doas`"]);
}

#[test]
fn how_a_host_is_reached_is_checked_before_anything() {
    let project = Project::tasks("    - {name: t, command: x}\n");
    let wrong = [
        ("ansible_port: 70000", "expected a port from 1 to 65535"),
        ("ansible_connection: docker", "unknown connection `docker`"),
        ("ansible_become_exe: /opt/sudo", "`ansible_become_exe` is not supported"),
        ("ansible_become_flags: -i", "`ansible_become_flags` is not supported"),
        ("ansible_password: hunter2", "`ansible_password` is not supported"),
        ("ansible_ssh_common_args: \"-o 'x\"", "a quote is not closed"),
    ];
    for (line, message) in wrong {
        project.write("host_vars/a.yml", &format!("{line}\n"));
        project
            .run(&["validate", "inventory.yml"])
            .exits(20)
            .has(&[message, "host_vars/a.yml:1:"])
            .lacks(&["hunter2"]);
    }
    project
        .write("host_vars/a.yml", "ansible_python_interpreter: /usr/bin/python3\nansible_pipelining: true\n");
    project.run(&["validate", "inventory.yml"]).exits(0);
}
