//! Compose files that others include: the lint looks into them, and what compose refuses is told before anything is done.

use crate::project::Project;

/// A project whose tasks write these files of the host, all of which hold `services: {}` unless they are given.
fn project(files: &[(&str, &str)]) -> Project {
    let mut tasks = String::from(
        "    - {name: folders, file: {path: \"{{home}}/{{item}}\", state: directory}, loop: [shop, base, base/deep]}\n",
    );
    for (name, _) in files {
        tasks += &format!(
            "    - {{name: {name}, copy: {{dest: \"{{{{home}}}}/{name}\", src: \"{name}\", mode: \"0600\"}}}}\n"
        );
    }
    tasks += "    - {name: run, compose: {directory: \"{{home}}/shop\", project: shop}}\n";
    let project = Project::tasks(&tasks);
    for (name, text) in files {
        project.write(&format!("files/{name}"), &text.replace("LOG", "logging: {driver: local}"));
    }
    project
}

#[test]
fn included_files_are_looked_at_as_the_projects_own() {
    let project = project(&[
        (
            "shop/compose.yml",
            "include:\n  - ../base/base.yml\n  - path: [more.yml, over.yml]\n    project_directory: ../base\n    env_file: own.env\n\
             services:\n  web: {image: \"nginx:1\", LOG}\n  low:\n    image: acme/low:2\n    LOG\n",
        ),
        (
            "base/base.yml",
            "include: [deep/deep.yml]\nservices:\n  db:\n    image: postgres:${PG}\n    ports: [\"5432:5432\"]\n    LOG\n  low:\n    image: acme/low\n",
        ),
        ("base/.env", "PG=16\nNAME=base\n"),
        (
            "base/deep/deep.yml",
            "services:\n  updates:\n    image: a:1\n    volumes: [\"engine:/var/run/docker.sock\"]\n    command: [\"${NAME}\", \"${NOWHERE}\"]\n    LOG\n\
             volumes:\n  engine: {driver_opts: {type: none, o: bind, device: /var/run/docker.sock}}\n",
        ),
        ("shop/own.env", "TAG=latest\n"),
        ("shop/more.yml", "services:\n  app:\n    image: acme/app:${TAG}\n    volumes: [\"./data:/data\"]\n"),
        ("shop/over.yml", "services:\n  app:\n    LOG\n  tool: {image: busybox, profiles: [debug], LOG}\n"),
    ]);
    let told = project.run(&["validate", "inventory.yml"]);
    told.exits(0).has(&[
        "warning[published-database-port]: service `db` publishes its database on all addresses of the host: 5432",
        "files/base/base.yml:5:",
        "warning[docker-socket]: service `updates` has Docker's socket",
        "files/base/deep/deep.yml:4:",
        "warning[blank-variable]: `${NOWHERE}` is blank",
        "files/base/deep/deep.yml:5:",
        "warning[latest-image]: service `app` runs whatever `acme/app:${TAG}` is by then",
        "files/shop/more.yml:3:",
        "4 warnings",
    ]);
    // A variable that holds around an include holds in it; the project's own words go over those of what it includes.
    told.lacks(&["`${NAME}`", "`${PG}`", "`${TAG}` is", "service `low`", "service `tool`", "has no end"]);
}

#[test]
fn an_include_that_nobody_looks_at_is_named() {
    let project = project(&[
        (
            "shop/compose.yml",
            "include:\n  - oci://registry.example.org/acme/base:1\n  - path: https://git.example.org/base.git\n  - ${HOME}/base.yml\n  - round.yml\n\
             services: {}\n",
        ),
        (
            "shop/round.yml",
            "include: [compose.yml]\nservices:\n  db: {image: \"postgres:16\", ports: [\"5432:5432\"], LOG}\n",
        ),
    ]);
    let told = project.run(&["validate", "inventory.yml"]);
    told.exits(0).has(&[
        "warning[include-not-read]: the include `oci://registry.example.org/acme/base:1` is not looked at",
        "compose fetches it by itself",
        "files/shop/compose.yml:2:",
        "the include `https://git.example.org/base.git` is not looked at",
        "files/shop/compose.yml:3:",
        "only the host knows the variables in its path",
        "it includes itself, which compose refuses: ",
        "files/shop/round.yml:1:",
        "service `db` publishes its database",
    ]);
    let inventory = project.read("inventory.yml");
    let accepting =
        "    a:\n      accept_findings: {include-not-read: a test, published-database-port: a test}\n";
    project.write("inventory.yml", &inventory.replace("    a:\n", accepting));
    project.run(&["validate", "inventory.yml"]).exits(0).has(&["no mistakes found"]).lacks(&["warning"]);
}

/// As compose itself would have it, and before there is any.
#[test]
fn what_compose_refuses_is_refused_in_the_plan() {
    let project =
        Project::tasks("    - {name: run, compose: {directory: \"{{home}}/shop\", project: shop}}\n");
    let home = project.home("a").display().to_string();
    project.write("h/a/shop/compose.yml", "include: [{path: gone.yml}]\nservices: {}\n");
    project.check().exits(40).has(&[&format!(
        "there is no file {home}/shop/gone.yml on the host, which {home}/shop/compose.yml includes"
    )]);
    project.write("h/a/shop/gone.yml", "include: [./near/../again.yml]\n");
    project.write("h/a/shop/again.yml", "include: [gone.yml]\n");
    project.check().exits(40).has(&[
        "again.yml includes a file that includes it: ",
        &format!("{home}/shop/gone.yml, {home}/shop/again.yml, {home}/shop/gone.yml"),
    ]);
    project.write("h/a/shop/again.yml", "services: [\n");
    project.check().exits(40).has(&["again.yml:1:", "invalid YAML"]);
}
