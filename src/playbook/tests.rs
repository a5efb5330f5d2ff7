use super::*;
use crate::{
    diag::{Diagnostic, Diagnostics, render},
    model::Source,
    yaml,
};
use agent::secret::Content;
use std::{fs, path::Path};

struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content> {
        let bytes = fs::read(path).map_err(|e| Diagnostic::error(e.to_string()));
        errors.take(bytes).map(|bytes| Content::new(bytes, false))
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        path.is_file().then_some(FileKind::File { executable: false })
    }

    fn mode(&self, _: &Path) -> Option<u32> {
        None
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|e| e.file_name().to_string_lossy().into()).collect();
        names.sort();
        names
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        let text = fs::read_to_string(path).map_err(|e| Diagnostic::error(e.to_string()));
        let text = errors.take(text)?;
        errors.take(yaml::parse(&Arc::new(Source { path: path.into(), text, secret: false })))
    }

    fn open(&self, _: &mut Node, _: &mut Diagnostics) {}
}

const TYPES: &[KnownType] = &[
    KnownType { name: "file", free: None, theirs: OtherNames(&[]) },
    KnownType { name: "package", free: None, theirs: OtherNames(&[]) },
    KnownType { name: "template", free: None, theirs: OtherNames(&[]) },
    KnownType { name: "service", free: None, theirs: OtherNames(&[]) },
    KnownType { name: "command", free: Some("cmd"), theirs: OtherNames(&[]) },
];

/// Loads `site.yml` of a project made of these files; the errors are rendered.
fn load(files: &[(&str, &str)]) -> (Playbook, String) {
    load_at("site.yml", files)
}

fn load_at(playbook: &str, files: &[(&str, &str)]) -> (Playbook, String) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let mut errors = Diagnostics::default();
    let playbook = Playbook::load(&dir.path().join(playbook), TYPES, &Disk, &mut errors);
    let text: Vec<String> = errors.0.iter().map(|d| render(d, false)).collect();
    (playbook, text.join("\n").replace(&format!("{}/", dir.path().display()), ""))
}

/// The errors of a play whose tasks are these lines.
fn task_errors(tasks: &str) -> String {
    load(&[("site.yml", &format!("- hosts: all\n  tasks:\n{tasks}"))]).1
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

fn names(tasks: &[Task]) -> Vec<&str> {
    tasks.iter().map(|t| t.name.as_ref().and_then(Node::as_str).unwrap_or(&t.resource.0)).collect()
}

#[test]
fn a_project_becomes_flat_tasks_with_all_that_holds_for_them() {
    let (book, errors) = load_at(
        "playbooks/site.yml",
        &[
            (
                "playbooks/site.yml",
                "- name: web\n  hosts: web\n  become: true\n  tags: site\n  vars: {port: 80}\n  vars_files: [more.yml]\n  \
                 roles:\n    - {role: nginx, vars: {workers: 4}, when: use_nginx, tags: [nginx, web]}\n  \
                 pre_tasks:\n    - command: first\n  tasks:\n    - name: outer\n      when: a\n      tags: b\n      \
                 vars: {x: 1}\n      block:\n        - import_tasks: more/tasks.yml\n        - name: last\n          \
                 become: false\n          command: last\n          notify: reload all\n  \
                 handlers:\n    - name: mine\n      listen: reload all\n      command: reload\n",
            ),
            ("playbooks/more.yml", "port: 81\n"),
            (
                "playbooks/more/tasks.yml",
                "- name: imported\n  when: [c, d]\n  tags: t\n  vars: {y: 2}\n  file: {path: /x}\n",
            ),
            ("roles/nginx/tasks/main.yml", "- name: install\n  package: {name: nginx}\n  notify: restart\n"),
            (
                "roles/nginx/handlers/main.yml",
                "- name: restart\n  listen: reload all\n  service: {name: nginx}\n",
            ),
            ("roles/nginx/defaults/main.yml", "workers: 1\n"),
            ("roles/nginx/vars/main.yml", "user: www\n"),
            ("roles/nginx/meta/main.yml", "dependencies: [base]\n"),
            ("roles/base/tasks/main.yml", "- name: base\n  command: base\n"),
        ],
    );
    assert_eq!(errors, "");
    let play = &book.plays[0];
    assert_eq!(names(&play.tasks), ["command", "base", "install", "imported", "last"]);
    assert_eq!(names(&play.handlers), ["restart", "mine"]);
    let tags = |t: &Task| t.keywords.tags.iter().map(|(t, _)| t.clone()).collect::<Vec<_>>();
    assert_eq!(tags(&play.tasks[1]), ["site", "nginx", "web"], "a dependency inherits");
    assert_eq!(tags(&play.tasks[3]), ["site", "b", "t"]);
    let when: Vec<_> = play.tasks[3].keywords.when.iter().filter_map(Node::as_str).collect();
    assert_eq!(when, ["a", "c", "d"]);
    assert_eq!(play.tasks[3].keywords.vars.len(), 2);
    assert_eq!(play.tasks[0].params.get("cmd").and_then(Node::as_str), Some("first"));
    let elevated = |t: &Task| t.keywords.r#become.as_ref().map(|n| n.to_json());
    assert_eq!(elevated(&play.tasks[2]), Some(true.into()));
    assert_eq!(elevated(&play.tasks[4]), Some(false.into()));
    assert_eq!(play.tasks[2].notify, [5]);
    assert_eq!(play.tasks[4].notify, [5, 6], "all that listen");
    assert_eq!(play.file_vars["port"].node.to_json(), 81);
    let nginx = &play.roles[play.tasks[2].role.unwrap()];
    assert_eq!((nginx.role.name.as_str(), nginx.vars["workers"].node.to_json()), ("nginx", 4.into()));
    assert_eq!(nginx.role.defaults["workers"].node.to_json(), 1);
    assert!(nginx.role.folder.ends_with("roles/nginx"));
    assert_eq!(play.tasks[3].origin.line_column(), (1, 9));
}

#[test]
fn a_task_imports_a_role_with_what_holds_for_the_task() {
    let (book, errors) = load(&[
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - command: before\n    - name: the web\n      import_role: {name: nginx}\n      \
             vars: {port: 81}\n      when: a\n      tags: web\n    - include_role: {name: nginx}\n    - command: after\n",
        ),
        (
            "roles/nginx/tasks/main.yml",
            "- {name: install, command: x, notify: reload, when: b}\n- import_role: base\n",
        ),
        ("roles/nginx/handlers/main.yml", "- {name: reload, command: x}\n"),
        ("roles/nginx/meta/main.yml", "dependencies: [common]\n"),
        ("roles/common/tasks/main.yml", "- {name: common, command: x}\n"),
        ("roles/base/tasks/main.yml", "- {name: base, command: x}\n"),
    ]);
    assert_eq!(errors, "");
    let play = &book.plays[0];
    assert_eq!(
        names(&play.tasks),
        ["command", "common", "install", "base", "common", "install", "base", "command"]
    );
    assert_eq!(names(&play.handlers), ["reload", "reload"], "each import has its own");
    let install = &play.tasks[2];
    let when: Vec<_> = install.keywords.when.iter().filter_map(Node::as_str).collect();
    assert_eq!((when, install.keywords.tags[0].0.as_str()), (vec!["a", "b"], "web"));
    assert!(install.keywords.vars.is_empty());
    assert_eq!(play.roles[install.role.unwrap()].vars["port"].node.to_json(), 81);
    assert!(play.roles[play.tasks[5].role.unwrap()].vars.is_empty());
    let handlers = [&play.tasks[2], &play.tasks[5]].map(|task| task.notify.clone());
    assert_eq!(handlers, [[8], [9]]);
    assert!(play.handlers[1].keywords.when.is_empty());
    let base = &play.roles[play.tasks[3].role.unwrap()];
    assert_eq!(base.vars["port"].node.to_json(), 81, "what the importing role was given");

    let (_, errors) = load(&[
        (
            "site.yml",
            "- hosts: all\n  tasks:\n    - import_role: {name: a, taks_from: x}\n    - import_role: {name: b, tasks_from: x}\n    - import_role: gone\n  \
             handlers:\n    - import_role: a\n",
        ),
        ("roles/a/tasks/main.yml", "- import_role: b\n"),
        ("roles/b/tasks/main.yml", "- import_role: a\n"),
    ]);
    has(
        &errors,
        &[
            "unknown key `taks_from` in `import_role`",
            "no such file: roles/b/tasks/x.yml",
            "no role `gone`",
            "a handler cannot import a role",
        ],
    );
    has(&errors, &["roles depend on each other: a -> b -> a"]);
}

#[test]
fn a_playbook_imports_others_which_look_beside_themselves() {
    let (book, errors) = load(&[
        (
            "site.yml",
            "- import_playbook: parts/web.yml\n  when: a\n  tags: web\n  vars: {port: 81}\n- hosts: all\n  roles: [base]\n",
        ),
        (
            "parts/web.yml",
            "- hosts: web\n  vars: {port: 80, user: www}\n  vars_files: [more.yml]\n  roles: [base, nginx]\n- import_playbook: db.yml\n",
        ),
        ("parts/db.yml", "- {name: db, hosts: db, tasks: [{command: db}]}\n"),
        ("parts/more.yml", "more: 1\n"),
        ("parts/roles/nginx/tasks/main.yml", "- {name: install, command: x}\n"),
        ("parts/roles/base/tasks/main.yml", "- {name: base of the part, command: x}\n"),
        ("roles/base/tasks/main.yml", "- {name: base, command: x}\n"),
    ]);
    assert_eq!(errors, "");
    let tasks: Vec<_> = book.plays.iter().map(|play| names(&play.tasks)).collect();
    assert_eq!(tasks, [vec!["base of the part", "install"], vec!["command"], vec!["base"]]);
    let [web, db, all] = &book.plays[..] else { panic!("three plays") };
    assert_eq!((web.vars["port"].node.to_json(), web.vars["user"].node.to_json()), (81.into(), "www".into()));
    assert_eq!(web.file_vars["more"].node.to_json(), 1);
    for play in [web, db] {
        let keywords = &play.tasks[0].keywords;
        assert_eq!((keywords.when.len(), keywords.tags[0].0.as_str()), (1, "web"));
        assert!(play.folder.ends_with("parts"));
    }
    assert!(all.tasks[0].keywords.when.is_empty() && !all.folder.ends_with("parts"));

    let (_, errors) = load(&[
        ("site.yml", "- import_playbook: a.yml\n- {import_playbook: gone.yml, throttle: 1}\n"),
        ("a.yml", "- import_playbook: site.yml\n"),
    ]);
    has(&errors, &["site.yml imports itself", "no such file: gone.yml", "`throttle` is not supported yet"]);
    has(&task_errors("    - import_playbook: x.yml\n"), &["it stands beside plays, not among tasks"]);
}

#[test]
fn an_import_behind_a_link_is_where_the_link_leads() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write("site.yml", "- {hosts: all, roles: [web]}\n");
    write("shared/web/tasks/main.yml", "- import_tasks: ../../common.yml\n");
    write("shared/common.yml", "- {name: common, command: x}\n");
    write("again.yml", "- import_playbook: here/again.yml\n- import_playbook: here/again.yml\n");
    fs::create_dir(dir.path().join("roles")).unwrap();
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, dir.path().join(name)).unwrap();
    link("../shared/web", "roles/web");
    link(".", "here");
    let load = |name: &str| {
        let mut errors = Diagnostics::default();
        (Playbook::load(&dir.path().join(name), TYPES, &Disk, &mut errors), errors)
    };
    let (book, errors) = load("site.yml");
    assert!(errors.0.is_empty(), "{:?}", errors.0.iter().map(|d| &d.message).collect::<Vec<_>>());
    assert_eq!(names(&book.plays[0].tasks), ["common"]);
    // A file that is another name for itself, twice: it comes to an end.
    let (_, errors) = load("again.yml");
    assert!(errors.0.iter().any(|error| error.message.contains("imports itself")));
}

#[test]
fn batches_are_read_and_must_agree() {
    let plays = |text: &str| load(&[("site.yml", text)]);
    let (book, errors) = plays("- {hosts: web, serial: [1, 30%], max_fail_percentage: 20}\n- {hosts: db}\n");
    assert_eq!(errors, "");
    let rolling = book.rolling().unwrap();
    assert_eq!(rolling.sizes, [Size::Hosts(1), Size::Percent(30.0)]);
    assert_eq!(rolling.most_failures, Some(20.0));
    let (book, _) = plays("- {hosts: web, serial: 2, any_errors_fatal: true}\n");
    assert_eq!(book.rolling().unwrap().most_failures, Some(0.0));
    for (text, part) in [
        ("- {hosts: a, serial: 1}\n- {hosts: b, serial: 2}\n", "two plays have different batches"),
        ("- {hosts: a, serial: 0}\n", "expected a number of hosts from 1"),
        ("- {hosts: a, serial: many}\n", "expected a number of hosts from 1"),
        ("- {hosts: a, serial: 200%}\n", "expected a number of hosts from 1"),
        ("- {hosts: a, max_fail_percentage: 10}\n", "`max_fail_percentage` needs `serial` here"),
        ("- {hosts: a, any_errors_fatal: true}\n", "`any_errors_fatal` needs `serial` here"),
        ("- {hosts: a, serial: 1, max_fail_percentage: 101}\n", "expected a percentage from 0 to 100"),
    ] {
        has(&plays(text).1, &[part]);
    }
}

#[test]
fn all_mistakes_are_named_at_once() {
    let errors = task_errors(
        "    - tempalte: {src: x}\n    - name: a\n      nottify: x\n      command: x\n    - file: {path: /a}\n      \
         command: x\n    - name: nothing\n    - file: /a\n    - command: x\n      with_items: [1]\n",
    );
    has(
        &errors,
        &["unknown key or resource `tempalte` in a task", "did you mean `template`?", "site.yml:3:7"],
    );
    has(&errors, &["`nottify`", "did you mean `notify`?", "site.yml:5:7"]);
    has(&errors, &["here are `file` and `command`", "site.yml:8:7", "the first one"]);
    has(&errors, &["a task without a resource", "site.yml:9:7"]);
    has(&errors, &["expected the parameters of `file`, found a string", "site.yml:10:13"]);
    has(&errors, &["`with_items` is not there", "use `loop`", "site.yml:12:7"]);
    assert_eq!(errors.matches("error:").count(), 6, "{errors}");
}

#[test]
fn ansible_words_that_are_not_ours_get_an_answer() {
    let errors = task_errors(
        "    - command: x\n      rescue: []\n    - apt: {name: x}\n    - ansible.builtin.template: {src: x}\n    \
         - include_tasks: \"{{x}}/y.yml\"\n",
    );
    has(&errors, &["it stands beside `block`", "`package` does this here", "write `template`"]);
    has(&errors, &["no file fits `{{x}}/y.yml`"]);
    let (_, errors) = load(&[("site.yml", "- hosts: all\n  throttle: 1\n  rolse: []\n- name: x\n")]);
    has(&errors, &["`throttle` is not supported yet", "did you mean `roles`?", "no `hosts`"]);
}

#[test]
fn references_that_lead_nowhere() {
    let (_, errors) = load(&[(
        "site.yml",
        "- hosts: all\n  tasks:\n    - name: one\n      command: x\n      notify: restart ngnix\n      needs: [tow, 'role:bse']\n    \
         - name: two\n      command: y\n  handlers:\n    - {name: restart nginx, command: z}\n    - {name: restart nginx, command: z}\n",
    )]);
    has(
        &errors,
        &["no handler `restart ngnix` in this play", "did you mean `restart nginx`?", "site.yml:5:15"],
    );
    has(&errors, &["no task `tow` to need", "did you mean `two`?", "no task `role:bse`"]);
    has(&errors, &["two handlers are named `restart nginx`", "the first one"]);
}

#[test]
fn a_missing_role_file_or_import() {
    let (_, errors) = load_at(
        "playbooks/site.yml",
        &[
            (
                "playbooks/site.yml",
                "- hosts: all\n  roles: [ngnix, {role: nginx, workers: 80}, loop_a]\n  vars_files: [secrt.yml]\n  \
                 tasks:\n    - import_tasks: nowhere.yml\n    - import_tasks: self.yml\n",
            ),
            ("playbooks/secret.yml", ""),
            ("playbooks/self.yml", "- import_tasks: self.yml\n"),
            ("roles/nginx/tasks/main.yml", ""),
            ("roles/loop_a/meta/main.yml", "dependencies: [loop_b]\n"),
            ("roles/loop_b/meta/main.yml", "dependencies: [loop_a]\n"),
        ],
    );
    has(&errors, &["no role `ngnix`", "did you mean `nginx`?", "not in playbooks/roles/", "not in roles/"]);
    has(&errors, &["unknown key `workers` beside a role"]);
    has(&errors, &["no such file: playbooks/secrt.yml", "did you mean `secret.yml`?"]);
    has(&errors, &["no such file: playbooks/nowhere.yml", "self.yml imports itself"]);
    has(&errors, &["roles depend on each other: loop_a -> loop_b -> loop_a"]);
}

#[test]
fn a_role_listed_twice_and_a_dependency_that_is_there_already() {
    let (book, errors) = load(&[
        ("site.yml", "- hosts: all\n  roles: [base, nginx, base]\n"),
        ("roles/base/tasks/main.yml", "- command: x\n"),
        ("roles/nginx/meta/main.yml", "dependencies: [base]\n"),
    ]);
    has(&errors, &["the role `base` is listed twice with the same variables", "site.yml:2:24", "first here"]);
    assert_eq!(book.plays[0].tasks.len(), 1);
}

#[test]
fn yaml_that_is_none_and_playbooks_that_are_none() {
    has(&task_errors("    - file: {path: {{ x }}}\n"), &["must be quoted", "site.yml:3"]);
    has(&task_errors("\t- command: x\n"), &["a tab is used for indentation", "site.yml:3:1"]);
    has(
        &task_errors("    - command: x\n      command: y\n"),
        &["the key `command` stands twice", "site.yml:4:7"],
    );
    has(&load(&[("site.yml", "hosts: all\n")]).1, &["expected a list of plays, found a mapping"]);
    has(&load(&[("site.yml", "")]).1, &["the playbook is empty"]);
    has(&load(&[]).1, &["no such file: site.yml"]);
}

#[test]
fn wrong_types_of_keywords() {
    let errors = task_errors(
        "    - command: x\n      become: yes\n      when: {a: 1}\n      loop: items\n      tags: 3\n      register: a-b\n      vars: {facts: 1}\n",
    );
    has(&errors, &["expected `true` or `false`", "write `true`", "expected a condition, found a mapping"]);
    has(
        &errors,
        &["write `loop: \"{{items}}\"`", "expected a tag or a list of tags", "not the name of a variable"],
    );
    has(&errors, &["the variable `facts` is always in scope"]);
}
