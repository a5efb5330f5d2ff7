//! The page about saved plans: what its examples show is what the program says.

use crate::project::Project;
use std::{fs, os::unix::fs::PermissionsExt, os::unix::fs::symlink, path::Path, process::Command};

/// The template of the page, with what it has in the second line.
fn template(project: &Project, line: &str) {
    project
        .write("roles/nginx/templates/shop.conf.hbs", &format!("server {{\n{line}\nroot /srv/shop;\n}}\n"));
}

/// The site on the host.
fn site(project: &Project, line: &str, mode: u32) {
    let name = "r/etc/nginx/sites-enabled/shop";
    project.write(name, &format!("server {{\n{line}\n}}\n"));
    fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

/// The project of the page. What its host has lies below `r`.
fn project() -> Project {
    let project = Project::local(&[], "- {hosts: all, roles: [nginx]}\n");
    project.write(
        "inventory/prod.yml",
        &format!(
            "all:\n  vars: {{ansible_connection: local, root: {}}}\n  hosts: {{web1: }}\n",
            project.path("r").display()
        ),
    );
    project.write(
        "roles/nginx/tasks/main.yml",
        "- name: site config\n  template: {src: shop.conf.hbs, dest: \"{{root}}/etc/nginx/sites-enabled/shop\", mode: \"0640\"}\n",
    );
    template(&project, "listen 80;");
    site(&project, "listen 80;", 0o644);
    symlink(env!("CARGO_BIN_EXE_lustores-provision"), project.path("lustores-provision")).unwrap();
    project
}

/// A line of a shell, and what it prints, with the paths of the page.
fn shell(project: &Project, line: &str) -> String {
    let mut run = project.in_its_place(Command::new("sh"), &["-c", line]);
    let path = std::env::var("PATH").unwrap();
    run.env("PATH", format!("{}:{path}", project.path("").display()));
    let output = run.output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
    // What is done, pending, or not as it was: the page shows no mistakes.
    assert!(matches!(output.status.code(), Some(0 | 10 | 41)), "{line}: {:?}\n{text}", output.status);
    text.replace(&project.path("r").display().to_string(), "")
}

/// What has happened before an example.
fn before(project: &Project, example: &str) {
    let plan = |name: &str| shell(project, &format!("lustores-provision plan inventory/prod.yml -o {name}"));
    if example.contains("error: ") {
        plan("prod.plan");
        site(project, "listen 8080;", 0o666);
    } else if example.contains("diff old.plan") {
        plan("old.plan");
        template(project, "listen 443 ssl;");
        plan("prod.plan");
    } else if example.contains("--sign") {
        fs::create_dir_all(project.path("controller/.ssh")).unwrap();
        shell(project, "ssh-keygen -q -t ed25519 -N '' -C ann@example.org -f ~/.ssh/id_ed25519");
        shell(project, "echo ann@example.org $(cat ~/.ssh/id_ed25519.pub) > signers");
    }
}

#[test]
fn the_page_shows_what_is_said() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan.md")).unwrap();
    let mut shown = 0;
    for example in page.split("```console\n").skip(1) {
        let example = example.split_once("\n```").unwrap().0;
        let project = project();
        before(&project, example);
        for part in format!("\n{example}").split("\n$ ").skip(1) {
            let (line, expected) = part.split_once('\n').unwrap_or((part, ""));
            // What is piped into other programs is theirs.
            if !line.starts_with("lustores-provision ") {
                continue;
            }
            let said = shell(&project, line);
            assert!(
                said.contains(expected),
                "docs/plan.md has after `{line}`:\n{expected}\nand it is:\n{said}"
            );
            shown += usize::from(!expected.is_empty());
        }
    }
    assert!(shown >= 2, "the page shows {shown} outputs");
}
