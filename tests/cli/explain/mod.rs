//! `explain` as a user has it: why a task runs, and which variable made a line.

mod brought;
mod facts;
mod lines;
mod live;
mod mutated;
mod page;
mod parts;
mod services;
mod tasks;
mod variables;

use crate::project::Project;

const SITE: &str = "\
- hosts: all
  roles: [{role: app, tags: [app]}]
  tasks:
    - name: The motd
      copy: {dest: \"{{home}}/motd\", content: \"{{motd}}\"}
    - name: Folders
      loop: \"{{folders}}\"
      file: {path: \"{{home}}/{{item.name}}\", state: directory, mode: \"{{item.mode}}\"}
    - name: Only on the beta channel
      when: [release.ready, 'eq channel \"beta\"', nothing_looks_here]
      copy: {dest: \"{{home}}/beta\", content: x}
    - name: What it is
      copy: {dest: \"{{home}}/os\", content: \"family={{facts.os.family}}\\nname={{domain}}\\n\"}
";
const APP: &str = "\
- name: The settings
  template: {src: app.conf, dest: \"{{home}}/app.conf\"}
  notify: Restart the app
- name: The secrets
  needs: The settings
  env_file: {path: \"{{home}}/.env\", values: {TOKEN: \"{{token}}\", URL: \"https://{{user}}:{{token}}@{{domain}}/\", MODE: \"{{channel}}\"}}
";
const CONF: &str = "\
# Written by provisioning.
name = {{domain}}
{{#if debug}}
debug = yes
{{/if}}
{{#each servers}}
server {{name}}:{{port}}
{{/each}}
{{snippet}}
port = {{add base_port 1}}{{#if tls}} # tls{{/if}}
";

fn project() -> Project {
    let project = Project::local(&["a", "b"], SITE);
    project.write("roles/app/tasks/main.yml", APP);
    project.write("roles/app/handlers/main.yml", "- {name: Restart the app, command: \"true\"}\n");
    project.write("roles/app/templates/app.conf", CONF);
    project.write(
        "roles/app/defaults/main.yml",
        "debug: false\nbase_port: 8079\ntls: true\nzone: example.org\ndomain: \"app.{{zone}}\"\n\
         snippet: |\n  first {{domain}}\n  second\n  third {{base_port}}\n",
    );
    project.write(
        "group_vars/all.yml",
        "debug: true\nmotd: |\n  Welcome\n  to {{domain}}\nservers:\n  - {name: one, port: 1}\n  - name: two\n    port: 2\n\
         folders:\n  - {name: logs, mode: \"0755\"}\n  - {name: data, mode: \"0700\"}\nchannel: stable\nrelease: {ready: true}\n\
         nothing_looks_here: true\nuser: me\n",
    );
    project.write("host_vars/b.yml", "channel: beta\n");
    project.write("password", "open sesame");

    let plain = agent::secret::Secret::new("token: swordfish-9c\n");
    let password = agent::secret::Secret::new("open sesame");
    project.write(
        "group_vars/all/vault.yml",
        &lustores_provision::vault::encrypt(&plain, &password, None, [3; 32]),
    );
    project.write("group_vars/all/vars.yml", &project.read("group_vars/all.yml"));
    std::fs::remove_file(project.path("group_vars/all.yml")).unwrap();
    project
}

fn explain(project: &Project, arguments: &[&str]) -> crate::project::Ran {
    let verb = ["explain", "inventory.yml", "--offline", "--vault-password-file", "password"];
    project.run(&[&verb, arguments].concat())
}

/// The lines of an explanation below the line of the file that holds this, up to the next empty one; spaces squeezed.
fn below(text: &str, line: &str) -> Vec<String> {
    let mut lines = text.lines().skip_while(|shown| !shown.contains(line));
    assert!(lines.next().is_some(), "no line has `{line}`:\n{text}");
    lines
        .take_while(|line| !line.trim().is_empty())
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}
