//! `inventory`: what a user sees of groups, hosts and variables.

use crate::project::Project;
use std::os::unix::fs::PermissionsExt;

fn project() -> Project {
    let project = Project::local(&[], "[]\n");
    project.write("inv/hosts.bak", "unused\n");
    project.write(
        "inv/hosts",
        "[web]\nweb[1:2] http_port=80\n[site:children]\nweb\n[web:vars]\nhttp_port=8080\n",
    );
    project
        .write("inv/group_vars/site.yml", "http_port: 81\nansible_become_password: hunter2\nlist: [1, a]\n");
    project
}

#[test]
fn groups_hosts_and_variables_are_shown_and_secrets_are_not() {
    let project = project();
    let ran = project.run(&["inventory", "inv"]);
    ran.exits(0);
    assert_eq!(
        ran.out,
        "@all:\n  |--@site:\n  |  |--@web:\n  |  |  |--web1\n  |  |  |--web2\n  |--@ungrouped:\n"
    );
    let list: serde_json::Value =
        serde_json::from_str(&project.run(&["inventory", "inv", "--list"]).out).unwrap();
    assert_eq!(list["web"]["hosts"], serde_json::json!(["web1", "web2"]));
    assert_eq!(list["site"]["children"], serde_json::json!(["web"]));
    assert_eq!(
        list["_meta"]["hostvars"]["web2"],
        serde_json::json!({"http_port": 80, "ansible_become_password": "********", "list": [1, "a"]})
    );
    let ran = project.run(&["inventory", "inv", "--host", "web1", "--yaml"]);
    ran.exits(0).has(&["http_port: 80", "- a"]).lacks(&["hunter2"]);
    project.run(&["inventory", "inv", "--host", "wbe1"]).exits(20).has(&["did you mean `web1`?"]);
}

#[test]
fn a_variable_is_explained_with_the_one_that_wins_last() {
    let project = project();
    let ran = project.run(&["inventory", "inv", "--explain", "web1", "http_port"]);
    ran.exits(0);
    let lines: Vec<&str> = ran.out.lines().collect();
    assert_eq!(
        lines,
        [
            "http_port of web1, weakest first; the last one wins",
            "   8080  vars of group web in the inventory  inv/hosts:6:11",
            "   81    inv/group_vars/site                 inv/group_vars/site.yml:1:12",
            "*  80    the host in the inventory           inv/hosts:2:10",
        ]
    );
    let all = project.run(&["inventory", "inv", "--explain", "web1"]);
    all.exits(0)
        .has(&["ansible_become_password", "\"********\"", "inv/group_vars/site.yml:2:26"])
        .lacks(&["hunter2"]);
    let none = project.run(&["inventory", "inv", "--explain", "web1", "htp_port"]);
    none.exits(20).has(&["no variable `htp_port` is set for web1", "did you mean `http_port`?"]);
}

#[test]
fn a_program_is_run_as_an_inventory_and_a_file_of_hosts_limits_it() {
    let project = Project::local(
        &[],
        "- hosts: web\n  tasks:\n    - {name: one, copy: {dest: \"{{home}}/one\", content: \"{{host}}\"}}\n",
    );
    let home = project.path("h").display().to_string();
    project.write("cloud", &format!(
        "#!/bin/sh\ncat << END\n{{\"_meta\": {{\"hostvars\": {{}}}}, \"web\": {{\"hosts\": [\"a\", \"b\"], \"vars\":\n  {{\"ansible_connection\": \"local\", \"home\": \"{home}/{{{{host}}}}\"}}}}}}\nEND\n"
    ));
    for host in ["a", "b"] {
        std::fs::create_dir_all(project.home(host)).unwrap();
    }
    std::fs::set_permissions(project.path("cloud"), std::fs::Permissions::from_mode(0o755)).unwrap();
    project.write("only", "# a comment\nb\n");
    project.run(&["apply", "cloud", "--yes", "--limit", "@only"]).exits(0);
    assert_eq!(project.read("h/b/one"), "b");
    assert!(!project.has("h/a/one"));
    project.write("cloud", "#!/bin/sh\necho the cloud is away >&2; exit 3\n");
    let ran = project.run(&["apply", "cloud", "--yes"]);
    ran.exits(20).has(&["cannot run `cloud --list`", "exit status: 3", "the cloud is away"]);
    project
        .run(&["apply", "inventory.yml", "--limit", "@gone"])
        .exits(20)
        .has(&["cannot read the hosts in gone"]);
}
