//! The real YAML language server with the JSON Schemas, as docs/editor.md sets it up: what is right in this project is accepted, what is wrong
//! is marked in its line, and keys, words and documentation are offered.

mod client;

use client::{Editor, settings};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The server with the schemas as they are written in a project's folder.
fn editor(project: &Path) -> (Editor, tempfile::TempDir) {
    let schemas = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
    let written =
        command.arg("schema").arg("--dir").arg(schemas.path()).current_dir(project).output().unwrap();
    assert!(
        written.status.success() && written.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&written.stderr)
    );
    (Editor::new(settings(), schemas.path()), schemas)
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() && !path.ends_with("templates") && !path.ends_with("files") {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "yml") {
            found.push(path);
        }
    }
}

#[test]
fn what_is_right_has_nothing_marked() {
    let (mut editor, _schemas) = editor(root());
    let mut found = vec![];
    ["playbooks", "roles", "inventory"].iter().for_each(|folder| files(&root().join(folder), &mut found));
    let read = |path: &PathBuf| (path.display().to_string(), fs::read_to_string(path).unwrap());
    let texts: Vec<_> =
        found.iter().map(read).filter(|(_, text)| !text.starts_with("$ANSIBLE_VAULT")).collect();
    assert!(texts.len() >= 30, "only {} files", texts.len());
    texts.iter().for_each(|(path, text)| editor.open(path, text));
    let marked: Vec<_> = texts.iter().map(|(path, _)| (path, editor.diagnostics(path))).collect();
    let marked: Vec<_> = marked.into_iter().filter(|(_, said)| !said.is_empty()).collect();
    assert!(marked.is_empty(), "{marked:#?}");
}

/// A file, its text, the line of the mistake and a part of what must be said there.
type Wrong = (&'static str, &'static str, u64, &'static str);

fn marks(editor: &mut Editor, wrong: &[Wrong]) {
    // Each has a folder of its own.
    let path = |at: usize, file: &str| format!("/project/{at}/{file}");
    for (at, (file, text, ..)) in wrong.iter().enumerate() {
        editor.open(&path(at, file), text);
    }
    let mut missed = vec![];
    for (at, (file, text, line, message)) in wrong.iter().enumerate() {
        let said = editor.diagnostics(&path(at, file));
        let is_marked = said.iter().any(|(place, told)| place == line && told.contains(message));
        // The mistake alone.
        if !is_marked || said.iter().any(|(place, _)| place != line) {
            missed.push(format!("{file}:\n{text}wanted in line {line}: {message}\nsaid: {said:?}"));
        }
    }
    assert!(missed.is_empty(), "\n{}", missed.join("\n\n"));
}

const WRONG: &[Wrong] = &[
    ("site.yml", "- hosts: web\n  taks: []\n", 2, "taks is not allowed"),
    (
        "playbooks/a.yml",
        "- hosts: web\n  tasks:\n    - copy:\n        dest: /x\n        content: y\n        contnet: y\n",
        6,
        "contnet",
    ),
    ("playbooks/a.yml", "- hosts: web\n  tasks: []\n  strategy: fast\n", 3, "linear"),
    (
        "roles/r/tasks/main.yml",
        "- name: x\n  copy:\n    dest: /x\n    content: y\n    contnet: y\n",
        5,
        "contnet",
    ),
    ("roles/r/tasks/main.yml", "- name: x\n  whne: y\n  service: {name: a, state: started}\n", 2, "whne"),
    ("roles/r/tasks/more/b.yml", "- name: x\n  service:\n    name: a\n    state: strated\n", 4, "started"),
    (
        "roles/r/handlers/main.yml",
        "- name: x\n  service:\n    nme: a\n    name: a\n    state: restarted\n",
        3,
        "nme",
    ),
    ("inventory/lab.yml", "all:\n  hosts:\n    a:\n  host: {}\n", 4, "host is not allowed"),
    ("inventory/lab.yml", "all:\n  hosts:\n    a:\n      port: 70000\n", 4, "65535"),
    ("roles/r/meta/inputs.yml", "host: string\nport:\n  type: prot\n", 3, "port"),
    ("roles/r/meta/inputs.yml", "port:\n  type: port\n  defualt: 1\n", 3, "defualt"),
    ("inventory/group_vars/web.yml", "a: 1\nansible_port: no\n", 2, "does not match"),
    ("inventory/host_vars/web1/x.yml", "a: 1\nansible_become_method: su\n", 2, "sudo"),
    ("roles/r/defaults/main.yml", "a: 1\nansible_timeout: 0\n", 2, "minimum"),
];

#[test]
fn what_is_wrong_is_marked_in_its_line() {
    let (mut editor, schemas) = editor(root());
    marks(&mut editor, WRONG);
    // A comment chooses the schema of a file that no pattern names.
    let file = schemas.path().join("playbook.json");
    let text =
        format!("# yaml-language-server: $schema=file://{}\n- hosts: web\n  taks: []\n", file.display());
    editor.open("/elsewhere/x.yml", &text);
    let said = editor.diagnostics("/elsewhere/x.yml");
    assert!(matches!(&said[..], [(3, message)] if message.contains("taks")), "{said:?}");
}

#[test]
fn keys_words_and_documentation_are_offered() {
    let (mut editor, _schemas) = editor(root());
    let path = "/project/roles/r/tasks/main.yml";
    editor.open(path, "- name: x\n  cop\n- name: y\n  copy:\n    de\n- name: z\n  service:\n    state: \n");
    let keys = editor.offered(path, (1, 5));
    for key in ["copy", "when", "notify"] {
        assert!(keys.iter().any(|offered| offered == key), "{key}: {keys:?}");
    }
    let parameters = editor.offered(path, (4, 6));
    for parameter in ["dest", "owner", "mode"] {
        assert!(parameters.iter().any(|offered| offered == parameter), "{parameter}: {parameters:?}");
    }
    let words = editor.offered(path, (7, 11));
    assert!(words.iter().any(|offered| offered == "started"), "{words:?}");
    let shown = editor.shown(path, (3, 3));
    assert!(shown.contains("Writes a file"), "{shown}");
}

/// A project with a resource type and with roles.
const PROJECT: &[(&str, &str)] = &[
    (
        "roles/web/meta/inputs.yml",
        "port: {type: port, default: 80, description: Where it listens.}\nmode: {type: string, choices: [fast, careful], default: fast}\n\
         users:\n  type: list\n  items: {type: map, keys: {name: {type: string, required: true}}}\n",
    ),
    ("roles/web/meta/main.yml", "dependencies: [base]\n"),
    ("roles/web/tasks/main.yml", "- debug: {msg: \"{{ port }}\"}\n"),
    ("roles/base/defaults/main.yml", "base_packages: []\n"),
    ("roles/base/tasks/main.yml", "- debug: {msg: x}\n"),
];

const OWN_WRONG: &[Wrong] = &[
    (
        "playbooks/a.yml",
        "- hosts: web\n  tasks:\n    - mail_alias:\n        name: root\n        recipient: [x]\n",
        5,
        "recipient",
    ),
    ("roles/r/tasks/main.yml", "- mail_alias:\n    recipients: [x]\n", 1, "name"),
    ("roles/r/tasks/main.yml", "- mail_alias:\n    name: root\n    recipients: x\n", 3, ""),
    ("roles/r/tasks/main.yml", "- mail_alias:\n    name: a b\n", 2, "pattern"),
    (
        "roles/r/tasks/main.yml",
        "- include_role: {name: web}\n  vars:\n    port: 80\n    prot: 81\n",
        4,
        "prot is not allowed",
    ),
    ("roles/r/tasks/main.yml", "- import_role: {name: web}\n  vars:\n    port: 70000\n", 3, "65535"),
    ("roles/r/tasks/main.yml", "- import_role:\n    role: web\n  vars:\n    mode: slow\n", 4, "careful"),
    (
        "playbooks/a.yml",
        "- hosts: web\n  roles:\n    - role: web\n      prot: 81\n",
        4,
        "prot is not allowed",
    ),
    (
        "playbooks/a.yml",
        "- hosts: web\n  roles:\n    - role: web\n      vars:\n        prot: 81\n",
        5,
        "prot is not allowed",
    ),
    (
        "playbooks/a.yml",
        "- hosts: web\n  roles:\n    - {role: base}\n    - role: web\n      users:\n        - nme: a\n          name: b\n",
        6,
        "nme",
    ),
    (
        "playbooks/a.yml",
        "- hosts: web\n  roles:\n    - role: base\n      base_package: 81\n",
        4,
        "base_package is not allowed",
    ),
];

const OWN_RIGHT: &[(&str, &str)] = &[
    (
        "tasks",
        "- mail_alias: {name: root, recipients: [a@b]}\n- mail_alias: {name: \"{{ x }}\", recipients: \"{{ y }}\"}\n",
    ),
    (
        "tasks",
        "- include_role: {name: web}\n  vars: {port: \"{{ p }}\", mode: careful, base_packages: [a], ansible_become: true, users: [{name: !vault x}]}\n\
         - import_role: {name: web, vars_from: others}\n  vars: {another: 1}\n- include_role: {name: \"{{ any }}\"}\n  vars: {another: 1}\n",
    ),
    (
        "playbooks",
        "- hosts: web\n  roles: [web, {role: web, port: 81, when: x, tags: [y], vars: {mode: fast}}, {role: base, vars: {another: 1}}]\n",
    ),
    ("group_vars", "port: any\nmode: other\n"),
];

#[test]
fn types_and_roles_of_the_project_are_known() {
    let project = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = project.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    };
    PROJECT.iter().for_each(|(path, text)| _ = write(path, text));
    let program = fs::read_to_string(root().join("docs/library/mail_alias")).unwrap();
    let program = write("library/mail_alias", &program);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    let (mut editor, _schemas) = editor(project.path());

    marks(&mut editor, OWN_WRONG);
    for (at, (folder, text)) in OWN_RIGHT.iter().enumerate() {
        let path = format!("/project/right/{folder}/{at}.yml").replace("right/tasks", "roles/r/tasks");
        editor.open(&path, text);
        assert_eq!(editor.diagnostics(&path), [], "{text}");
    }

    let half = [
        ("- hosts: web\n  tasks:\n    - mail_alias:\n        name: x\n        re\n", (4, 10), "recipients"),
        (
            "- hosts: web\n  tasks:\n    - include_role: {name: web}\n      vars:\n        po\n",
            (4, 10),
            "port",
        ),
        ("- hosts: web\n  roles:\n    - role: web\n      po\n", (3, 8), "port"),
        ("- hosts: web\n  roles:\n    - role: web\n      mode: \n", (3, 12), "careful"),
    ];
    for (at, (text, place, label)) in half.into_iter().enumerate() {
        let path = format!("/project/{at}/playbooks/half.yml");
        editor.open(&path, text);
        let offered = editor.offered(&path, place);
        assert!(offered.iter().any(|offered| offered == label), "{label}: {offered:?}");
    }
    editor.open("/project/playbooks/c.yml", "- hosts: web\n  tasks:\n    - mail_alias:\n        name: x\n    - include_role: {name: web}\n      vars:\n        port: 1\n");
    for (place, words) in
        [((2, 8), "Who gets the mail"), ((3, 10), "The local name."), ((6, 10), "Where it listens.")]
    {
        let shown = editor.shown("/project/playbooks/c.yml", place);
        assert!(shown.contains(words), "{words}: {shown}");
    }
    let path = "/project/inventory/group_vars/web.yml";
    editor.open(path, "a: 1\npo\n");
    let offered = editor.offered(path, (1, 2));
    assert!(offered.iter().any(|offered| offered == "port"), "{offered:?}");
}
