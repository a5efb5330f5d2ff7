//! Roles and what they are given, as in Ansible.

use crate::{
    names,
    project::{Project, has},
};

#[test]
fn a_role_that_allows_it_runs_again() {
    let meta = |duplicates: &str| format!("dependencies: []\nallow_duplicates: {duplicates}\n");
    let names_of = |site: &str, duplicates: &str| {
        let project = Project::new(&[
            ("site.yml", site),
            ("roles/base/meta/main.yml", &meta(duplicates)),
            ("roles/base/tasks/main.yml", "- {name: b, command: x}\n"),
            ("roles/web/meta/main.yml", "dependencies: [base]\n"),
            ("roles/web/tasks/main.yml", "- {name: w, command: x}\n"),
        ]);
        let found = project.load();
        match found {
            Ok(site) => names(&site.host("a", None).unwrap()).join(", "),
            Err(errors) => project.text(&errors),
        }
    };
    let roles = "- hosts: all\n  roles: [base, web]\n";
    assert_eq!(names_of(roles, "false"), "base : b, web : w");
    assert_eq!(names_of(roles, "true"), "base : b, base : b, web : w");
    let twice = "- hosts: all\n  roles: [base, base]\n";
    has(&names_of(twice, "false"), &["listed twice with the same variables", "allow_duplicates: true"]);
    assert_eq!(names_of(twice, "true"), "base : b, base : b");
    has(&names_of(twice, "often"), &["expected `true` or `false`", "roles/base/meta/main.yml:2:19"]);
    let import = "- hosts: all\n  roles: [base]\n  tasks:\n    - import_role: {name: base}\n    - import_role: {name: base, allow_duplicates: false}\n";
    assert_eq!(names_of(import, "false"), "base : b, base : b");
}

#[test]
fn dependencies_are_given_parameters_conditions_and_tags() {
    let mut project = Project::new(&[
        ("site.yml", "- hosts: all\n  roles:\n    - {role: web, vars: {size: 3}, tags: web, when: true}\n"),
        (
            "roles/web/meta/main.yml",
            "dependencies:\n  - {role: base, port: 81, tags: [deep], when: eq port 81}\n  - {role: base, vars: {port: 82}, when: eq port 81}\n",
        ),
        ("roles/web/tasks/main.yml", "- {name: \"w{{size}}\", command: x}\n"),
        ("roles/base/defaults/main.yml", "port: 80\nsize: 1\n"),
        ("roles/base/tasks/main.yml", "- {name: \"b{{port}} {{size}}\", command: x}\n"),
    ]);
    assert_eq!(project.errors(), "");
    assert_eq!(names(&project.host("a")), ["base : b81 3", "base : b82 3", "web : w3"]);
    project.tags = vec!["deep".into()];
    assert_eq!(names(&project.host("a")), ["base : b81 3"]);
    project.tags = vec!["web".into()];
    assert_eq!(names(&project.host("a")).len(), 3, "a role's tags are those of what it depends on");
}
