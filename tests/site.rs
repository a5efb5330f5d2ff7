//! The tasks of a host: which, in which order, with which values.

#[path = "site/inputs.rs"]
mod inputs;
mod project;
#[path = "site/roles.rs"]
mod roles;

use agent::secret::Secret;
use lustores_provision::{
    diag::Diagnostics,
    model::{Origin, TaskId},
    site::{HostTasks, Place, Preparation, Prepare, Register, Registered, Site},
    vault::encrypt,
    yaml::Node,
};
use project::{Project, has};
use serde_json::json;

fn names(tasks: &HostTasks) -> Vec<&str> {
    tasks.tasks().iter().map(|t| t.name.as_str()).collect()
}

fn node(json: serde_json::Value) -> Node {
    Node::from_json(&json, &Origin::named("a test"))
}

fn prepare(tasks: &HostTasks, at: u32) -> Result<Preparation, Diagnostics> {
    tasks.prepare(TaskId(at), &Registered::default())
}

/// The path or whatever else the task owns, to see what its parameters became.
#[track_caller]
fn owns(tasks: &HostTasks, at: u32) -> String {
    match prepare(tasks, at) {
        Ok(Preparation::Ready(prepared)) => prepared.address().map(|a| a.0).unwrap_or_default(),
        Ok(Preparation::Skip(why)) => format!("skip: {why}"),
        Ok(Preparation::NotYet(why, _) | Preparation::Awaits(why, _)) => format!("not yet: {why}"),
        Ok(Preparation::Sets(values)) => format!("sets: {:?}", values.keys().collect::<Vec<_>>()),
        Ok(Preparation::Items(items)) => format!("{} items", items.len()),
        Err(errors) => panic!("{:?}", errors.0.iter().map(|d| &d.message).collect::<Vec<_>>()),
    }
}

#[test]
fn plays_of_a_host_in_file_order_with_handlers_behind_their_play() {
    let project = Project::new(&[
        (
            "site.yml",
            "- hosts: all\n  roles: [base]\n  tasks:\n    - {name: one, command: x}\n\
             - hosts: web\n  tasks:\n    - {name: two, command: x, notify: again}\n    - {name: three, command: x, needs: [one, 'role:base']}\n  \
             handlers:\n    - {name: again, command: y}\n\
             - hosts: c\n  tasks:\n    - {name: four, command: x}\n",
        ),
        ("roles/base/tasks/main.yml", "- {name: first, command: x}\n"),
    ]);
    let site = project.site();
    assert_eq!(site.hosts(), ["a", "b", "c"]);
    let a = project.host("a");
    assert_eq!(names(&a), ["base : first", "one", "two", "three", "again"]);
    assert_eq!(names(&project.host("c")), ["base : first", "one", "four"]);
    assert_eq!(a.tasks()[2].notify, [TaskId(4)]);
    assert_eq!(a.tasks()[3].needs, [TaskId(0), TaskId(1)], "also of another play");
    assert!(a.tasks()[4].handler);
    assert!(a.tasks().iter().enumerate().all(|(at, t)| t.id == TaskId(at as u32)));
}

#[test]
fn variables_win_over_each_other_as_in_ansible() {
    let all = [
        ("roles/r/defaults/main.yml", "v: defaults\n"),
        ("group_vars/web.yml", "v: group\n"),
        ("host_vars/a.yml", "v: host\n"),
    ];
    let site = |play: &str, task: &str| {
        format!(
            "- hosts: all\n{play}  roles: [r]\n  tasks:\n    - {{file: {{path: \"/{{{{v}}}}\", state: absent}}{task}}}\n"
        )
    };
    let path = |play: &str, task: &str, more: &[(&str, &str)], extra: &[&str]| {
        let site = site(play, task);
        let mut files = all.to_vec();
        files.push(("site.yml", &site));
        files.push(("more.yml", "v: files\n"));
        files.extend(more);
        let mut project = Project::new(&files);
        project.extra = extra.iter().map(|s| s.to_string()).collect();
        owns(&project.host("a"), 0)
    };
    assert_eq!(path("", "", &[], &[]), "path:/host");
    assert_eq!(path("  vars: {v: play}\n", "", &[], &[]), "path:/play");
    assert_eq!(path("  vars: {v: play}\n  vars_files: [more.yml]\n", "", &[], &[]), "path:/files");
    let role = [("roles/r/vars/main.yml", "v: role\n")];
    assert_eq!(path("  vars_files: [more.yml]\n", "", &role, &[]), "path:/role");
    assert_eq!(path("", ", vars: {v: task}", &role, &[]), "path:/task");
    assert_eq!(
        path("", ", vars: {v: task}, loop: [item], loop_control: {loop_var: v}", &role, &[]),
        "path:/item"
    );
    assert_eq!(
        path("", ", vars: {v: task}, loop: [item], loop_control: {loop_var: v}", &role, &["v=extra"]),
        "path:/extra"
    );
    let mut other = Project::new(&[all[0], all[1], ("site.yml", &site("", ""))]);
    assert_eq!(owns(&other.host("b"), 0), "path:/group");
    assert_eq!(owns(&other.host("c"), 0), "path:/defaults");
    other.extra = vec!["{v: [1]}".into()];
    other.extra.push("v=last".into());
    assert_eq!(owns(&other.host("c"), 0), "path:/last");
}

#[test]
fn what_is_given_to_a_role_and_what_is_always_there() {
    let project = Project::new(&[
        (
            "site.yml",
            "- hosts: a\n  roles:\n    - {role: r, vars: {v: one}}\n    - {role: r, vars: {v: two}, when: eq host \"b\"}\n",
        ),
        ("roles/r/vars/main.yml", "v: role\n"),
        (
            "roles/r/tasks/main.yml",
            "- file: {path: \"/{{v}}/{{role_name}}/{{inventory_hostname}}/{{lookup groups.web 1}}/{{group_names.[0]}}\", state: absent}\n",
        ),
    ]);
    let a = project.host("a");
    assert_eq!(owns(&a, 0), "path:/one/r/a/b/web");
    assert_eq!(owns(&a, 1), "skip: eq host \"b\"");
}

#[test]
fn loops_become_tasks_with_labels_and_registers() {
    let project = Project::tasks(
        "    - name: make\n      file: {path: \"/{{item.path}}/{{i}}\", state: directory}\n      loop:\n        - {path: x}\n        - {path: y}\n      \
         loop_control: {index_var: i}\n      register: made\n\
         \x20   - {command: \"echo {{n}}\", loop: \"{{groups.web}}\", loop_control: {loop_var: n, label: \"<{{n}}>\"}, needs: make}\n\
         \x20   - {command: x, loop: []}\n",
    );
    let a = project.host("a");
    assert_eq!(names(&a), ["make (x)", "make (y)", "command (<a>)", "command (<b>)"]);
    assert_eq!((owns(&a, 0), owns(&a, 1)), ("path:/x/0".into(), "path:/y/1".into()));
    assert_eq!(a.tasks()[1].register, Some(Register { name: "made".into(), item: Some((1, 2)) }));
    assert_eq!(a.tasks()[2].needs, [TaskId(0), TaskId(1)]);
}

#[test]
fn results_are_unknown_until_they_are_there() {
    let project = Project::tasks(
        "    - {command: ls, register: out}\n    - {file: {path: \"/{{out.stdout}}\", state: absent}, when: eq out.rc 0}\n",
    );
    assert_eq!(project.errors(), "");
    let a = project.host("a");
    assert_eq!(owns(&a, 1), "not yet: the result of `out`");
    let known = |rc: i64| {
        let mut registered = Registered::default();
        registered.results.insert("out".into(), node(json!({ "rc": rc, "stdout": "x" })));
        registered
    };
    let Ok(Preparation::Ready(prepared)) = a.prepare(TaskId(1), &known(0)) else { panic!("it is all known") };
    assert_eq!(prepared.address().unwrap().0, "path:/x");
    assert!(matches!(a.prepare(TaskId(1), &known(1)), Ok(Preparation::Skip(why)) if why == "eq out.rc 0"));
}

#[test]
fn facts_are_unknown_offline_and_known_later() {
    let project = Project::tasks(
        "    - {file: {path: \"/{{facts.hostname}}\", state: absent}}\n    - {command: x, when: eq facts.hostname \"other\"}\n    \
         - {file: {path: \"/{{item}}\", state: absent}, loop: \"{{split facts.hostname '-'}}\"}\n",
    );
    assert_eq!(project.errors(), "");
    let site: Site = project.site();
    let offline = project.host("a");
    assert_eq!(offline.tasks().len(), 3);
    for at in 0..3 {
        has(&owns(&offline, at), &["not yet: a fact of a"]);
    }
    let facts = agent::wire::Facts { hostname: "vm1-b".into(), ..Default::default() };
    let Ok(online) = site.host("a", Some(&facts)) else { panic!("facts are known") };
    assert_eq!(owns(&online, 0), "path:/vm1-b");
    assert_eq!(owns(&online, 1), "skip: eq facts.hostname \"other\"");
    assert_eq!((owns(&online, 2), owns(&online, 3)), ("path:/vm1".into(), "path:/b".into()));
}

#[test]
fn who_acts_where() {
    let project = Project::new(&[
        (
            "site.yml",
            "- hosts: web\n  become: true\n  tasks:\n    - command: a\n    - {command: b, become_user: \"{{app}}\"}\n    \
             - {command: c, become: false}\n    - {command: d, delegate_to: localhost, become: false, no_log: true}\n    \
             - {command: e, connection: local, ignore_errors: true}\n    - {command: f, delegate_to: \"{{host}}\"}\n\
             - hosts: c\n  tasks: [{command: g}]\n",
        ),
        ("group_vars/all.yml", "app: www\n"),
        ("host_vars/c.yml", "ansible_become: true\nansible_become_user: \"{{app}}\"\n"),
    ]);
    let a = project.host("a");
    let users: Vec<_> = a.tasks().iter().map(|t| t.become_user.as_deref()).collect();
    assert_eq!(users, [Some("root"), Some("www"), None, None, Some("root"), Some("root")]);
    let local = Place::Delegate("localhost".into());
    let places: Vec<_> = a.tasks().iter().map(|t| t.place.clone()).collect();
    assert_eq!(places, [Place::Host, Place::Host, Place::Host, local.clone(), local, Place::Host]);
    assert!(a.tasks()[3].no_log && !a.tasks()[2].no_log && a.tasks()[4].ignore_errors);
    assert_eq!(project.host("c").tasks()[0].become_user.as_deref(), Some("www"));
}

#[test]
fn tags_choose_and_handlers_stay() {
    let mut project = Project::new(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - {name: plain, command: x}\n    - {name: t, command: x, tags: t, notify: h}\n    \
         - {name: always, command: x, tags: always}\n    - {name: never, command: x, tags: [never, debug]}\n  \
         handlers: [{name: h, command: y}]\n",
    )]);
    assert_eq!(names(&project.host("a")), ["plain", "t", "always", "h"]);
    project.tags = vec!["t".into()];
    assert_eq!(names(&project.host("a")), ["t", "always", "h"]);
    project.tags = vec!["debug".into()];
    assert_eq!(names(&project.host("a")), ["always", "never", "h"]);
    project.tags = vec!["untagged".into()];
    assert_eq!(names(&project.host("a")), ["plain", "always", "h"]);
    project.tags = vec![];
    project.skip_tags = vec!["t,always".into()];
    assert_eq!(names(&project.host("a")), ["plain", "h"]);
}

#[test]
fn the_limit_leaves_hosts_out() {
    let mut project = Project::new(&[("site.yml", "- hosts: web\n  tasks: [{command: x}]\n")]);
    assert_eq!(project.site().hosts(), ["a", "b"]);
    project.limit = Some("b:c");
    assert_eq!(project.site().hosts(), ["b"]);
}

#[test]
fn templates_come_from_the_role_then_from_the_playbook() {
    let project = Project::new(&[
        ("site.yml", "- hosts: a\n  roles: [r]\n"),
        (
            "roles/r/tasks/main.yml",
            "- template: {src: own.conf, dest: /own}\n- template: {src: shared.conf, dest: /shared}\n- copy: {src: raw, dest: /raw}\n",
        ),
        ("roles/r/templates/own.conf", "{{> part.conf}}{{host}}\n"),
        ("roles/r/templates/part.conf", "# {{role_name}}\n"),
        ("templates/own.conf", "{{undefined}}"),
        ("templates/shared.conf", "shared\n"),
        ("roles/r/files/raw", "{{not a template}}\u{0}\n"),
    ]);
    assert_eq!(project.errors(), "");
    let a = project.host("a");
    assert_eq!((0..3).map(|at| owns(&a, at)).collect::<Vec<_>>(), ["path:/own", "path:/shared", "path:/raw"]);
}

#[test]
fn an_environment_reaches_commands_and_secrets_stay_out_of_names() {
    let project = Project::new(&[(
        "site.yml",
        "- hosts: a\n  environment: {A: \"1\", B: \"{{nowhere}}\"}\n  tasks:\n    - {command: x}\n    - {file: {path: /x, state: absent}}\n",
    )]);
    let errors = project.errors();
    has(&errors, &["`nowhere`", "site.yml:2"]);
    assert_eq!(errors.matches("error:").count(), 1, "{errors}");
}

#[test]
fn ten_thousand_tasks_are_prepared() {
    let mut tasks = String::from("- hosts: a\n  vars: {root: \"/{{base}}\", base: srv}\n  tasks:\n");
    for at in 0..2_000 {
        tasks += &format!(
            "    - name: task {at}\n      copy: {{dest: \"{{{{root}}}}/{at}/{{{{item}}}}\", content: \"{{{{host}}}} {{{{item}}}}\"}}\n      loop: [a, b, c, d, e]\n      when: eq host \"a\"\n"
        );
    }
    let project = Project::new(&[("site.yml", &tasks)]);
    let started = std::time::Instant::now();
    let site = project.site();
    let loaded = started.elapsed();
    let Ok(host) = site.host("a", None) else { panic!("it expands") };
    let expanded = started.elapsed();
    assert_eq!(host.tasks().len(), 10_000);
    for task in host.tasks() {
        assert!(matches!(host.prepare(task.id, &Registered::default()), Ok(Preparation::Ready(_))));
    }
    let prepared = started.elapsed();
    println!("loaded {loaded:?}, expanded {:?}, prepared {:?}", expanded - loaded, prepared - expanded);
}

#[test]
fn connections_are_rendered_and_secrets_are_found_wherever_they_stand() {
    let vault = |text: &str| {
        let locked = encrypt(&Secret::new(text), &Secret::new("pw"), None, [7; 32]);
        locked.lines().map(|line| format!("    {line}\n")).collect::<String>()
    };
    let mut project = Project::new(&[
        (
            "site.yml",
            &format!(
                "- hosts: all\n  vars:\n   play: !vault |\n{}  tasks:\n  - copy: {{dest: /a, content: \"{{{{play}}}} {{{{list.[0].x}}}}\"}}\n  - file: {{path: \"/{{{{play}}}}\", state: absent}}\n",
                vault("canary-play")
            ),
        ),
        (
            "group_vars/all.yml",
            &format!(
                "list:\n - x: !vault |\n{}address: 10.0.0.1\nansible_host: \"{{{{address}}}}\"\n",
                vault("canary-list")
            ),
        ),
    ]);
    project.password = Some("pw");
    let site = project.site();
    let Ok(spec) = site.connection("a") else { panic!("it renders") };
    assert_eq!(spec.address, "10.0.0.1");
    assert!(site.connection("localhost").is_ok() && site.connection("zzz").is_err());
    let mut secrets: Vec<String> =
        site.secrets().iter().map(|s| String::from_utf8_lossy(s.expose()).into_owned()).collect();
    secrets.sort();
    assert_eq!(secrets, ["canary-list", "canary-play"]);
    let errors = project.errors();
    has(&errors, &["a secret cannot be used here", "site.yml:"]);
    assert!(!errors.contains("canary"), "{errors}");
    assert_eq!(owns(&project.host("a"), 0), "path:/a");
}

#[test]
fn hostvars_are_the_other_hosts_own_values() {
    let play = |path: &str| {
        format!(
            "- hosts: a\n  vars: {{here: x}}\n  tasks:\n  - file: {{path: \"{path}\", state: directory}}\n"
        )
    };
    let group = "name_of: \"{{host}}-{{port}}\"\nport: 80\ndeep: {list: [1, {x: \"{{port}}\"}]}\nuses: \"{{hostvars.c.name_of}}\"\n\
                 round: \"{{hostvars.a.round}}\"\n";
    let files = |path: &str| {
        Project::new(&[
            ("site.yml", &play(path)),
            ("group_vars/all.yml", group),
            ("host_vars/b.yml", "port: 81\nsecret_one: plain\n"),
        ])
    };
    for (path, wanted) in [
        ("/{{hostvars.b.name_of}}", "path:/b-81"),
        ("/{{hostvars.a.name_of}}/{{name_of}}", "path:/a-80/a-80"),
        ("/{{hostvars.b.deep.list.[1].x}}", "path:/81"),
        ("/{{hostvars.b.uses}}", "path:/c-80"),
        ("/{{#each groups.web}}{{hostvar this \\\"port\\\"}}{{/each}}", "path:/8081"),
        ("/{{default hostvars.b.here \\\"no\\\"}}", "path:/no"),
    ] {
        let project = files(path);
        assert_eq!(project.errors(), "", "{path}");
        assert_eq!(owns(&project.host("a"), 0), wanted, "{path}");
    }
    for (path, part) in [
        ("/{{hostvars.bb.port}}", "no host is named `bb`"),
        ("/{{hostvars.b.prt}}", "did you mean `port`?"),
        ("/{{hostvars.b}}", "cannot be used as a whole"),
        ("/{{round}}", "nested deeper than"),
        ("/{{hostvars.b.here}}", "b has no variable `here`"),
    ] {
        has(&files(path).errors(), &[part]);
    }
    // What a host says of itself is not there where it is not part of the run, unless it was kept.
    let mut project = files("/{{hostvars.b.facts.hostname}}");
    has(
        &project.errors(),
        &["facts of another host are not known", "a fact of b, which is not part of this run"],
    );
    let facts = agent::wire::Facts { hostname: "vm2".into(), ..Default::default() };
    project.controller.facts.insert("b".into(), facts);
    assert_eq!(owns(&project.host("a"), 0), "path:/vm2");
}
