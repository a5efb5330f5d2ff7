//! `explain` as a user has it: why a task runs, and which variable made a line.

use crate::project::Project;
use std::path::Path;

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

#[test]
fn each_line_of_a_file_names_what_made_it() {
    let project = project();
    let path = |name: &str| project.home("a").join(name).display().to_string();
    let ran = explain(&project, &["a", &path("app.conf")]);
    let text = &ran.exits(0).out;
    ran.has(&["`app : The settings` writes it", "(template, roles/app/tasks/main.yml:1)"]);
    let domain = "domain roles/app/defaults/main.yml:5";
    let zone = "<- zone roles/app/defaults/main.yml:4 \"example.org\"";
    assert_eq!(below(text, "name = app.example.org"), [&format!("{domain} \"app.example.org\""), zone]);
    // What wins is named, not the default.
    assert_eq!(below(text, "debug = yes"), ["if debug group_vars/all/vars.yml:1 true"]);
    let servers = "if servers group_vars/all/vars.yml:6 a list of 2";
    assert_eq!(
        below(text, "server one:1"),
        [
            "servers.0.name group_vars/all/vars.yml:6 \"one\"",
            "servers.0.port group_vars/all/vars.yml:6 1",
            servers
        ]
    );
    assert_eq!(
        below(text, "server two:2"),
        [
            "servers.1.name group_vars/all/vars.yml:7 \"two\"",
            "servers.1.port group_vars/all/vars.yml:8 2",
            servers
        ]
    );
    // Of a text that is put in as it is each line has its own.
    let snippet = "snippet roles/app/defaults/main.yml:7 a text of 3 lines";
    assert_eq!(below(text, "first app.example.org"), [snippet, &format!("<- {domain}"), zone]);
    assert_eq!(below(text, "  second"), [snippet]);
    assert_eq!(below(text, "third 8079"), [snippet, "<- base_port roles/app/defaults/main.yml:2 8079"]);
    assert_eq!(
        below(text, "port = 8080 # tls"),
        ["base_port roles/app/defaults/main.yml:2 8079", "if tls roles/app/defaults/main.yml:3 true"]
    );
    ran.has(&["no variable is in the other"]).lacks(&["Written by provisioning"]);
    let one = explain(&project, &["a", &format!("{}:2", path("app.conf"))]);
    one.exits(0).has(&["  2  name = app.example.org", "zone"]).lacks(&["server", "debug"]);
    explain(&project, &["a", &format!("{}:1", path("app.conf"))])
        .exits(0)
        .has(&["# Written by provisioning.", "no variable: it is written so"]);
    explain(&project, &["a", &format!("{}:99", path("app.conf"))])
        .exits(20)
        .has(&["has no line 99", "`app : The settings` writes"]);
    let motd = explain(&project, &["a", &format!("{}:2", path("motd"))]);
    assert_eq!(
        below(&motd.exits(0).out, "to app.example.org"),
        ["motd group_vars/all/vars.yml:3 a text of 2 lines", &format!("<- {domain}"), zone]
    );
}

#[test]
fn secrets_are_named_and_never_shown() {
    let project = project();
    let path = project.home("a").join(".env").display().to_string();
    let ran = explain(&project, &["a", &path]);
    let token = "token group_vars/all/vault.yml:1 a secret";
    assert_eq!(below(&ran.exits(0).out, "TOKEN=********"), [token]);
    let url = below(&ran.out, "URL=********");
    assert_eq!(url[..2], ["user group_vars/all/vars.yml:15 \"me\"", token], "{}", ran.text());
    assert_eq!(below(&ran.out, "MODE='stable'"), ["channel group_vars/all/vars.yml:12 \"stable\""]);
    for what in [path.as_str(), "The secrets"] {
        for more in [&[][..], &["--json"]] {
            let ran = explain(&project, &[&["a", what], more].concat());
            ran.exits(0).has(&["token"]).lacks(&["swordfish", "c3dvcmRmaXNo"]);
        }
    }
}

#[test]
fn a_task_says_why_it_runs_and_what_its_parameters_are_made_of() {
    let project = project();
    let ran = explain(&project, &["a", "Only on the beta"]);
    ran.exits(0).has(&[
        "Only on the beta channel on a  (copy, site.yml:9)",
        "skipped: eq channel \"beta\"",
        "when release.ready  is true  site.yml:10",
        "when eq channel \"beta\"  is false  site.yml:10",
    ]);
    assert_eq!(below(&ran.out, "is false")[0], "channel group_vars/all/vars.yml:12 \"stable\"");
    // Nobody looks at what is behind a condition that does not hold.
    ran.lacks(&["nothing_looks_here"]);
    let ran = explain(&project, &["b", "Only on the beta channel"]);
    ran.exits(0).has(&[
        "runs: all its conditions hold",
        "channel  host_vars/b.yml:1  \"beta\"",
        "nothing_looks_here",
    ]);
    // By its place, at any of its lines.
    explain(&project, &["b", "site.yml:11"]).exits(0).has(&["Only on the beta channel on b"]);
    let ran = explain(&project, &["a", "app : The settings"]);
    ran.exits(0).has(&[
        "The settings on a  (template, roles/app/tasks/main.yml:1)",
        "runs: it has no condition",
        "notifies `app : Restart the app` when it changes something",
        "before `app : The secrets`: `needs` of it says so",
    ]);
    explain(&project, &["a", "The secrets"])
        .exits(0)
        .has(&["after `app : The settings`: `needs` of this one says so"]);
    let ran = explain(&project, &["a", "Restart"]);
    ran.exits(0).has(&[
        "(handler, command,",
        "runs when it is notified",
        "notified by `app : The settings` when that changes something",
    ]);
    // Each item of a loop.
    let ran = explain(&project, &["a", "Folders"]);
    ran.exits(0).has(&["Folders (logs) on a", "Folders (data) on a", "loop over {{folders}}"]);
    let item = "item.mode group_vars/all/vars.yml:11 \"0700\"";
    assert_eq!(
        below(ran.out.split("Folders (data)").nth(1).unwrap(), "mode: 0700")[..2],
        [item, "<- folders group_vars/all/vars.yml:10 a list of 2"]
    );
    explain(&project, &["a", "Folders (data)"]).exits(0).lacks(&["(logs)"]);
}

#[test]
fn what_depends_on_facts_says_so() {
    let project = project();
    let path = project.home("a").join("os").display().to_string();
    let ran = explain(&project, &["a", &path]);
    ran.exits(0).has(&[
        "not known yet: a fact of a",
        "family={{facts.os.family}}",
        "facts.os.family  a fact",
        "name=app.example.org",
        "leave `--offline` out, or take those that an earlier run has kept: `--fact-cache DIR`",
    ]);
    project
        .run(&[
            "apply",
            "inventory.yml",
            "--check",
            "--vault-password-file",
            "password",
            "--fact-cache",
            "facts",
        ])
        .exits(10);
    let ran = explain(&project, &["a", &path, "--fact-cache", "facts"]);
    ran.exits(0).has(&["facts.os.family  facts of a  \""]).lacks(&["not known", "{{"]);
}

#[test]
fn what_is_not_there_or_not_clear_is_told() {
    let project = project();
    let home = project.home("a").display().to_string();
    explain(&project, &["c", "The motd"]).exits(20).has(&["no host is named `c`"]);
    explain(&project, &["a", "The modt"])
        .exits(20)
        .has(&["no task and no service is named `The modt`", "did you mean `The motd`?"]);
    let ran = explain(&project, &["a", "the s"]);
    ran.exits(20).has(&[
        "`the s` is in the names of 2 tasks",
        "app : The settings  roles/app/tasks/main.yml:1",
        "app : The secrets  roles/app/tasks/main.yml:4",
        "write more of the name, or the place",
    ]);
    let ran = explain(&project, &["a", &format!("{home}/app.cnf")]);
    ran.exits(20).has(&["no task writes", &format!("did you mean `{home}/app.conf`?")]);
    explain(&project, &["a", &format!("{home}/logs/today")]).exits(20).has(&["in which it is"]);
    explain(&project, &["a", "/nowhere/at/all/is/it"]).exits(20).has(&["what a command writes is not known"]);
    project.write("site.yml", "- hosts: a\n  tasks: [{name: x, comand: y}]\n");
    explain(&project, &["a", "x"]).exits(20).has(&["comand"]);
    project.write("site.yml", "- hosts: a\n  tasks: [{name: x, command: y}]\n");
    explain(&project, &["b", "x"]).exits(20).has(&["no play is for `b`"]);
}

#[test]
fn programs_get_json() {
    let project = project();
    let path = project.home("a").join("app.conf").display().to_string();
    let ran = explain(&project, &["a", &format!("{path}:2"), "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.exits(0).out).unwrap();
    let line = &said["files"][0]["lines"][0];
    assert_eq!((&line["number"], &line["text"]), (&2.into(), &"name = app.example.org".into()));
    assert_eq!(line["from"][0]["variable"], "domain");
    assert_eq!(line["from"][0]["place"], "roles/app/defaults/main.yml:5");
    assert_eq!(line["from"][0]["from"][0]["path"], "zone");
    assert_eq!(said["files"][0]["fate"], "runs");
    assert_eq!(said["host"], "a");
    assert!(!ran.out.contains("\u{1b}"));
    let said = explain(&project, &["a", "Only on the beta", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&said.exits(0).out).unwrap();
    assert_eq!(said["tasks"][0]["fate"], "skipped");
    assert_eq!(said["tasks"][0]["conditions"][1]["value"], "false");
}

#[test]
fn the_host_itself_says_what_is_to_be_done() {
    let project = project();
    let live = |what: &str| {
        project.run(&["explain", "inventory.yml", "a", what, "--vault-password-file", "password"])
    };
    let path = project.home("a").join("app.conf").display().to_string();
    let bare = live(&path);
    bare.exits(0).has(&[
        "now: would change",
        "name = app.example.org  <- changes",
        "debug = yes  <- changes",
    ]);
    assert!(!project.has("h/a/app.conf"), "explain wrote a file");
    project.apply(&["--yes", "--vault-password-file", "password"]).exits(0);
    live(&path).exits(0).has(&["now: unchanged", "name = app.example.org"]).lacks(&["<- changes"]);
    project.write("h/a/app.conf", &project.read("h/a/app.conf").replace("name = app", "name = other"));
    let before = project.tree("h");
    let edited = live(&path);
    edited.exits(0).has(&["now: would change", "name = app.example.org  <- changes"]);
    edited.lacks(&["debug = yes  <- changes", "port = 8080 # tls  <- changes"]);
    live("The settings").exits(0).has(&[
        "now: would change",
        "-name = other.example.org",
        "+name = app.example.org",
    ]);
    live("Restart the app").exits(0).has(&["now: would run: notified"]);
    live("The motd").exits(0).has(&["now: unchanged"]);
    live("Only on the beta").exits(0).has(&["now: skipped: eq channel \"beta\""]);
    // What only the host knows is known now.
    let os = project.home("a").join("os").display().to_string();
    live(&os).exits(0).has(&["facts.os.family  facts of a  \""]).lacks(&["not known", "{{"]);
    live(&project.home("a").join(".env").display().to_string()).exits(0).lacks(&["swordfish"]);
    assert_eq!(project.tree("h"), before, "explain changes nothing");
    project.write("host_vars/a.yml", "ansible_connection: ssh\nansible_host: 127.0.0.1\nansible_port: 1\n");
    live("The motd").exits(30).has(&["a"]);
    explain(&project, &["a", "The motd"]).exits(0).has(&["runs: it has no condition"]);
}

const STACK: &str = "\
- hosts: all
  tasks:
    - name: The files
      copy:
        dest: /srv/app/compose.yaml
        content: |
          x-log: &log
            driver: {{driver}}
          services:
            web:
              image: web:{{web_version}}
              logging: *log
              environment:
                TOKEN: ${TOKEN}
            db:
              image: db:{{db_version}}
    - name: Values
      env_file: {path: /srv/app/.env, values: {TOKEN: \"{{token}}\", OTHER: \"{{other}}\"}}
    - name: The stack
      compose: {directory: /srv/app, project: app, env_file: .env}
    - name: The proxy is set up
      copy: {dest: /etc/proxy.conf, content: \"port={{port}}\\n\"}
      notify: Restart the proxy
    - name: The proxy runs
      service: {name: proxy, state: started, enabled: true}
    - name: A unit of our own
      systemd_unit: {name: tend.service, content: \"[Service]\\nExecStart=/bin/tend {{port}}\\n\", started: true}
    - name: Another unit
      systemd_unit: {name: still.service, content: \"[Service]\\nExecStart=/bin/still\\n\", restart_on_change: false}
  handlers:
    - name: Restart the proxy
      service: {name: proxy, state: restarted}
";

#[test]
fn a_service_says_who_acts_on_it_and_what_restarts_it() {
    let project = Project::local(&["a"], STACK);
    project.write(
        "group_vars/all.yml",
        "driver: journald\nweb_version: 1\ndb_version: 2\ntoken: swordfish\nother: o\nport: 80\n",
    );
    let explain = |what: &str| project.run(&["explain", "inventory.yml", "--offline", "a", what]);
    let ran = explain("proxy");
    ran.exits(0).has(&[
        "proxy.service on a  (unit)",
        "`The proxy runs` has it run, enables it at boot  (service, site.yml:",
        "`Restart the proxy` restarts it  (handler, service, site.yml:",
        "restarted when `The proxy is set up` changes something (/etc/proxy.conf): it notifies `Restart the proxy`",
        "port  group_vars/all.yml:6  80",
    ]);
    assert_eq!(explain("proxy.service").exits(0).out, ran.out);
    explain("tend").exits(0).has(&[
        "writes it, has it run",
        "restarted when /etc/systemd/system/tend.service changes, while it runs",
        "port  group_vars/all.yml:6  80",
    ]);
    explain("still").exits(0).has(&["no task restarts it"]);
    // Of a service of a project what is said of it, what that takes over, and the values that it uses.
    let ran = explain("web");
    ran.exits(0).has(&[
        "web on a  (service of the compose project app)",
        "`The stack` brings it to what its files say: makes anew what differs",
        "restarted when /srv/app/compose.yaml changes, what it says of `web`",
        "restarted when /srv/app/.env changes in TOKEN",
    ]);
    let of_file = below(&ran.out, "what it says of `web`");
    assert_eq!(of_file, ["driver group_vars/all.yml:1 \"journald\"", "web_version group_vars/all.yml:2 1"]);
    assert_eq!(below(&ran.out, "in TOKEN"), ["token group_vars/all.yml:4 \"swordfish\""]);
    let ran = explain("db");
    ran.exits(0).has(&["db_version"]).lacks(&["web_version", "TOKEN", "driver"]);
    explain("app").exits(0).has(&["(compose project)", "db_version", "web_version"]);
    assert_eq!(explain("app/web").exits(0).out, explain("web").out);
    explain("wbe").exits(20).has(&["no task and no service is named `wbe`", "did you mean `web`?"]);
    let ran = project.run(&["explain", "inventory.yml", "--offline", "a", "proxy", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.exits(0).out).unwrap();
    assert_eq!(said["services"][0]["restarts"][0]["from"][0]["variable"], "port");
    assert_eq!(said["services"][0]["acts"][1]["handler"], true);
}

/// What the page shows is what the program says of the project's own site. `UPDATE=1` writes it anew.
#[test]
fn the_page_shows_what_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/explain.md")).unwrap();
    let mut out = String::new();
    let mut shown = 0;
    let mut rest = page.as_str();
    let start = "```text\n$ lustores-provision ";
    while let Some((before, block)) = rest.split_once(start) {
        let (block, behind) = block.split_once("\n```").unwrap();
        let command = block.lines().next().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        let words = words.join(" ");
        let project = Project::tasks("");
        let mut run = project.command(&[]);
        let shell = format!("exec \"$0\" {words}");
        let mut sh = std::process::Command::new("sh");
        sh.arg("-c").arg(shell).arg(run.get_program()).current_dir(root).env_clear();
        sh.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", project.path("controller"));
        sh.env("LUSTORES_VAULT_PASSWORD_FILE", "inventory/example-vault-password");
        let ran = sh.output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        run.stdin(std::process::Stdio::null());
        out += &format!("{before}{start}{command}\n{}```", String::from_utf8(ran.stdout).unwrap());
        (rest, shown) = (behind, shown + 1);
    }
    out += rest;
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(root.join("docs/explain.md"), &out).unwrap();
    }
    assert!(shown > 3, "the page has {shown} examples");
    assert_eq!(out, page, "docs/explain.md is old: UPDATE=1 writes it anew");
}
