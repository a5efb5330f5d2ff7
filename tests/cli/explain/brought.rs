//! What tasks bring for others: results, and what `set_fact` sets.

use super::{
    below,
    mutated::{Copy, changed, facts, texts, unnamed},
};
use crate::project::{Project, play};
use lustores_provision::cli::explain::{From, Of, explain_all};
use std::collections::BTreeMap;

const TASKS: &str = r#"    - {name: Look, command: {cmd: cat /etc/version, changes: false}, register: seen}
    - name: Each
      loop: [one, two]
      command: {cmd: "ls {{item}}", changes: false}
      register: listed
    - name: Names
      set_fact:
        site_name: "{{prefix}}-{{zone}}"
        ports: {http: "{{base_port}}", https: 443}
        release: "{{seen.stdout}}"
    - name: On the beta channel
      when: eq channel "beta"
      set_fact: {site_name: "beta-{{zone}}"}
    - name: Gathered
      loop: "{{zones}}"
      set_fact: {gathered: "{{concat (default gathered empty) (split item ',')}}"}
    - name: Later
      set_fact: {unsure: yes it is}
      when: eq seen.stdout "2"
    - name: The files
      copy:
        dest: "{{home}}/conf"
        content: |
          name={{site_name}}
          http={{ports.http}}
          https={{ports.https}}
          release={{release}}
          seen={{seen.stdout}}
          all={{join gathered " "}}
          unsure={{default unsure "no"}}
          list={{listed.results.0.stdout}}
    - name: If it was seen
      when: eq seen.stdout "2"
      copy: {dest: "{{home}}/two", content: x}
"#;
const VARS: &str =
    "prefix: app\nzone: example.org\nbase_port: 8080\nchannel: stable\nzones: [a, b]\nempty: []\n";

fn project() -> Project {
    let project = Project::tasks(TASKS);
    project.write("group_vars/all.yml", VARS);
    project
}

fn explain(project: &Project, what: &str) -> String {
    project.run(&["explain", "inventory.yml", "--offline", "a", what]).exits(0).out.clone()
}

#[test]
fn what_set_fact_sets_is_followed_to_the_variables() {
    let project = project();
    let text = explain(&project, &project.home("a").join("conf").display().to_string());
    let channel = "if channel group_vars/all.yml:4 \"stable\"";
    assert_eq!(
        below(&text, "name=app-example.org"),
        [
            "site_name set_fact, site.yml:10 \"app-example.org\"",
            channel,
            "<- prefix group_vars/all.yml:1 \"app\"",
            "<- zone group_vars/all.yml:2 \"example.org\"",
        ]
    );
    assert_eq!(
        below(&text, "http=8080"),
        ["ports.http set_fact, site.yml:11 8080", "<- base_port group_vars/all.yml:3 8080"]
    );
    assert_eq!(below(&text, "https=443"), ["ports.https set_fact, site.yml:11 443"]);
    let gathered = below(&text, "all=a b");
    assert_eq!(gathered[0], "gathered set_fact, site.yml:18 a list of 2");
    assert!(
        gathered.iter().any(|line| line.contains("zones group_vars/all.yml:5 a list of 2")),
        "{gathered:?}"
    );
    // The condition is not known before: whether it is set is not either, and what decides is named.
    let unsure = below(&text, "unsure=");
    assert_eq!(unsure[0], "unsure set_fact, site.yml:20 known only in the run", "{text}");
    assert!(unsure[1].starts_with("if seen.stdout result of `Look`, site.yml:3"), "{unsure:?}");
    // Set elsewhere, it is that.
    project.write("host_vars/a.yml", "channel: beta\n");
    let text = explain(&project, &project.home("a").join("conf").display().to_string());
    assert_eq!(
        below(&text, "name=beta-example.org"),
        [
            "site_name set_fact, site.yml:15 \"beta-example.org\"",
            "if channel host_vars/a.yml:1 \"beta\"",
            "<- zone group_vars/all.yml:2 \"example.org\"",
        ]
    );
    // What is given on the command line wins, and nothing else is said of it.
    let conf = project.home("a").join("conf").display().to_string();
    let ran = project.run(&["explain", "inventory.yml", "--offline", "a", &conf, "-e", "site_name=mine"]);
    let line = below(&ran.exits(0).out, "name=mine");
    assert!(
        line.len() == 1 && line[0].starts_with("site_name ") && !line[0].contains("set_fact"),
        "{line:?}"
    );
}

#[test]
fn results_name_their_task_and_are_known_only_in_the_run() {
    let project = project();
    let text = explain(&project, &project.home("a").join("conf").display().to_string());
    assert_eq!(
        below(&text, "seen={{seen.stdout}}"),
        ["seen.stdout result of `Look`, site.yml:3 known only in the run"]
    );
    assert_eq!(
        below(&text, "release={{release}}"),
        [
            "release set_fact, site.yml:12 known only in the run",
            "<- seen.stdout result of `Look`, site.yml:3 known only in the run"
        ]
    );
    assert_eq!(
        below(&text, "list={{"),
        ["listed.results.0.stdout result of `Each`, site.yml:4 known only in the run"]
    );
    let text = explain(&project, "If it was seen");
    assert!(
        text.contains("when eq seen.stdout \"2\"  is known only in the run: the result of `seen`"),
        "{text}"
    );
    let ran = project.run(&["explain", "inventory.yml", "--offline", "a", "If it was seen", "--json"]);
    let said: serde_json::Value = serde_json::from_str(&ran.exits(0).out).unwrap();
    let from = &said["tasks"][0]["conditions"][0]["from"][0];
    assert_eq!((&from["of"], &from["task"]), (&"result".into(), &"Look".into()));
    assert_eq!((&from["variable"], &from["value"]), (&"seen".into(), &"known only in the run".into()));
    // A task of a name that is set anew: the one before it counts.
    project.write(
        "site.yml",
        &play(
            "    - {name: First, command: \"true\", register: r}\n    - {name: Shown, debug: {msg: \"{{r.stdout}}\"}}\n    \
             - {name: Second, command: \"true\", register: r}\n    - {name: Shown again, debug: {msg: \"{{r.stdout}}\"}}\n",
        ),
    );
    assert!(explain(&project, "site.yml:4").contains("result of `First`"));
    assert!(explain(&project, "site.yml:6").contains("result of `Second`"));
}

#[test]
fn what_a_secret_made_stays_hidden_on_its_way() {
    let project = Project::tasks(
        "    - {name: Token, no_log: true, set_fact: {token: \"t-{{given}}\"}}\n    \
         - {name: Used, env_file: {path: \"{{home}}/.env\", values: {TOKEN: \"{{token}}\", NAME: \"{{name}}\"}}}\n",
    );
    let plain = agent::secret::Secret::new("given: swordfish-9c\n");
    let password = agent::secret::Secret::new("open sesame");
    let vault = lustores_provision::vault::encrypt(&plain, &password, None, [3; 32]);
    project.write("group_vars/all/vault.yml", &vault);
    project.write("group_vars/all/vars.yml", "name: plain\n");
    project.write("password", "open sesame");
    for what in [project.home("a").join(".env").display().to_string(), "Token".into(), "Used".into()] {
        for more in [&[][..], &["--json"]] {
            let arguments =
                ["explain", "inventory.yml", "--offline", "--vault-password-file", "password", "a", &what];
            let ran = project.run(&[&arguments, more].concat());
            ran.exits(0).has(&["given"]).lacks(&["swordfish"]);
        }
    }
}

/// Each variable of it changed once.
#[test]
fn every_line_made_of_what_was_set_names_the_variable() {
    let inventory = "all: {vars: {home: /srv}, hosts: {a: }}\n";
    let site_yml = play(TASKS);
    let files = [("inventory.yml", inventory), ("site.yml", site_yml.as_str()), ("group_vars/all.yml", VARS)];
    let known = BTreeMap::from([("a".to_string(), facts())]);
    let others = [
        ("prefix: app", "prefix: other", "prefix", 1),
        ("zone: example.org", "zone: example.net", "zone", 2),
        ("base_port: 8080", "base_port: 8081", "base_port", 3),
        ("channel: stable", "channel: beta", "channel", 4),
        ("zones: [a, b]", "zones: [a, b, c]", "zones", 5),
    ];
    let loaded = |vars: &str| {
        // What only a run tells is left out of the text, so that the rest of it can be rendered.
        let files = files.map(|(name, text)| match name {
            "group_vars/all.yml" => (name, vars.to_string()),
            "site.yml" => {
                let known = |line: &&str| {
                    !["release=", "seen=", "unsure=", "list="].iter().any(|it| line.trim().starts_with(it))
                };
                (name, text.lines().filter(known).map(|line| format!("{line}\n")).collect())
            }
            _ => (name, text.to_string()),
        });
        let borrowed: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let copy = Copy::of(&borrowed);
        let site = copy.site("inventory.yml", "site.yml", &known).expect("it has no mistakes");
        let said = explain_all(&site, "a").unwrap_or_else(|errors| panic!("{:?}", errors.0));
        (texts(&site, "a").expect("it can be rendered"), said, copy)
    };
    let (before, said, copy) = loaded(VARS);
    let (mut wrong, mut lines) = (vec![], 0);
    for (old, new, name, line) in others {
        let (after, now, other) = loaded(&VARS.replace(old, new));
        assert_ne!(before, after, "{name} changes nothing");
        let at = |copy: &Copy| format!("{}:{line}", copy.dir.path().join("group_vars/all.yml").display());
        let is_it = |copy: &Copy| {
            let place = at(copy);
            move |from: &From| from.of == Of::Variable && from.variable == name && from.place == place
        };
        let [gone, come] = changed(&before["/srv/conf"].text, &after["/srv/conf"].text);
        lines += gone.len() + come.len();
        wrong.extend(unnamed(&said, "/srv/conf", &gone, &is_it(&copy), name));
        wrong.extend(unnamed(&now, "/srv/conf", &come, &is_it(&other), name));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(lines >= 10, "{lines} lines");
}
