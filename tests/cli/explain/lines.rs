//! The lines of files.

use super::{below, explain, project};
use crate::project::Project;

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
    let snippet = |line: usize| format!("snippet roles/app/defaults/main.yml:{line} a text of 3 lines");
    assert_eq!(below(text, "first app.example.org"), [&*snippet(7), &format!("<- {domain}"), zone]);
    assert_eq!(below(text, "  second"), [snippet(8)]);
    assert_eq!(below(text, "third 8079"), [&*snippet(9), "<- base_port roles/app/defaults/main.yml:2 8079"]);
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
        ["motd group_vars/all/vars.yml:4 a text of 2 lines", &format!("<- {domain}"), zone]
    );
}

/// Where a file is, how, and whether at all, is asked of its path as of its task.
#[test]
fn a_path_names_what_decides_about_its_file() {
    let site = "\
- hosts: all
  vars: {sub: one, m: \"0640\", flag: true, word: hello}
  tasks:
    - name: conf
      when: flag
      copy: {dest: \"{{home}}/{{sub}}.conf\", mode: \"{{m}}\", content: \"{{word}}\\nend\\n\"}
    - name: each
      loop: \"{{folders}}\"
      file: {path: \"{{home}}/{{item.name}}\", state: directory, mode: \"{{item.mode}}\"}
    - name: env
      env_file: {path: \"{{home}}/{{sub}}.env\", values: {WORD: \"{{word}}\"}, mode: \"{{m}}\"}
";
    let folders = "folders: [{name: logs, mode: \"0755\"}, {name: data, mode: \"0700\"}]\n";
    let project = Project::local(&["a"], site);
    project.write("group_vars/all.yml", folders);
    let path = |name: &str| project.home("a").join(name).display().to_string();
    let explain = |what: &str, more: &[&str]| {
        project.run(&[&["explain", "inventory.yml", "--offline", "a", what], more].concat())
    };
    let conf = explain(&path("one.conf"), &[]);
    let text = &conf.exits(0).out;
    assert_eq!(below(text, "when flag  is true")[0], "flag site.yml:2 true");
    assert!(below(text, "  dest: ").contains(&"sub site.yml:2 \"one\"".into()), "{text}");
    assert_eq!(below(text, "  mode: 0640"), ["m site.yml:2 \"0640\""]);
    assert_eq!(below(text, "  1  hello"), ["word site.yml:2 \"hello\""]);
    // What its lines are made of is said of those.
    conf.lacks(&["content:"]);
    let env = explain(&path("one.env"), &[]);
    assert_eq!(below(&env.exits(0).out, "  mode: 0640"), ["m site.yml:2 \"0640\""]);
    env.has(&["  path: ", "WORD='hello'"]).lacks(&["values", "when"]);
    let data = explain(&path("data"), &[]);
    let text = &data.exits(0).out;
    let item = "folders group_vars/all.yml:1 a list of 2";
    assert_eq!(below(text, "loop over {{folders}}")[0], item);
    assert!(below(text, "mode: 0700")[0].starts_with("item.mode "), "{text}");
    // One line is asked for: what made that.
    let line = explain(&format!("{}:1", path("one.conf")), &[]);
    line.exits(0).has(&["word"]).lacks(&["flag", "mode:", "sub"]);

    project.write("site.yml", &site.replace("flag: true", "flag: false"));
    for what in [path("one.conf"), format!("{}:1", path("one.conf"))] {
        let out = explain(&what, &[]);
        out.exits(0).has(&["skipped: flag"]);
        assert_eq!(below(&out.out, "when flag  is false")[0], "flag site.yml:2 false");
    }
    let said = explain(&path("one.conf"), &["--json"]);
    let said: serde_json::Value = serde_json::from_str(&said.exits(0).out).unwrap();
    let file = &said["files"][0];
    assert_eq!(file["conditions"][0]["from"][0]["place"], "site.yml:2");
    let names = file["parameters"].as_array().unwrap().iter().map(|parameter| &parameter["name"]);
    assert_eq!(names.collect::<Vec<_>>(), ["dest", "mode"]);
    assert_eq!(file["loops"], serde_json::json!([]));
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
