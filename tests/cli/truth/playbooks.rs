//! Playbooks made at random, and the files that they find.

use proptest::{prelude::*, sample::select};

/// What lies in the home before.
#[derive(Clone, Debug)]
pub enum Thing {
    File(&'static str, &'static str, u32),
    Folder(&'static str),
    Link(&'static str, &'static str),
    /// The folders, and nearly all files that may be asked for, where nothing else is: which are left out, and what is in them.
    Rest(u32, &'static str),
}

/// Where tasks of an include with a loop are about the same names.
const ROOTS: [&str; 3] = ["", "d/", "g/"];

/// The folders, and the files of [`Thing::Rest`].
pub fn rest(without: u32) -> (Vec<String>, Vec<String>) {
    let all = |names: &[&str]| -> Vec<String> {
        ROOTS.iter().flat_map(|root| names.iter().map(move |name| format!("{root}{name}"))).collect()
    };
    let is_there = |at: usize| without.rotate_right(3 * at as u32) & 7 != 0;
    let files = all(&FILES).into_iter().enumerate().filter(|(at, _)| is_there(*at)).map(|(_, name)| name);
    (all(&FOLDERS), files.collect())
}

/// What lies in the home: most homes have what most tasks need.
pub fn things() -> impl Strategy<Value = Vec<Thing>> {
    let text = select(vec![
        "{\"a\": {\"b\": 1}}\n",
        "{\"a\": {\"b\": 1}}\n",
        "{}\n",
        "one: 1\ntwo: 2\n",
        "A=1\nB='x y'\n",
    ]);
    let rest = proptest::option::weighted(0.9, (any::<u32>(), text));
    (prop::collection::vec(thing(), 0..4), rest).prop_map(|(mut things, rest)| {
        things.extend(rest.map(|(without, text)| Thing::Rest(without, text)));
        things
    })
}

const FILES: [&str; 5] = ["a", "b", "c", "d/a", "d/e/b"];
const FOLDERS: [&str; 3] = ["d", "d/e", "g"];
const TEXTS: [&str; 7] = [
    "",
    "one\n",
    "one\ntwo\nthree\n",
    "no end",
    "k = 1\n[s]\nk = 2\n",
    "{\"a\": {\"b\": 1}}\n",
    "A=1\nB='x y'\n",
];
/// What the command before printed, as an expression in YAML.
const SAID: &str = "default said.stdout 'none'";
const MODES: [&str; 4] = ["0644", "0600", "0755", "u=rw,go=r"];

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        8 => (select(&FILES[..]), select(&TEXTS[..]), select(vec![0o644, 0o600, 0o755]))
            .prop_map(|(path, text, mode)| Thing::File(path, text, mode)),
        2 => select(&FOLDERS[..]).prop_map(Thing::Folder),
        1 => (select(&FILES[..]), select(&FILES[..])).prop_map(|(path, to)| Thing::Link(path, to)),
    ]
}

/// A task: what it does, as YAML in flow form in which `@` is the path that it is about, and how it hangs together with those before it.
#[derive(Clone, Debug)]
pub struct Task {
    what: String,
    path: &'static str,
    beside: Beside,
    repeat: Repeat,
}

/// What stands beside a task. It is about the task before, which may be left out itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    Changed,
    /// Of a `stat` what it found, of a command what it printed.
    Found,
    /// What the last command that changes something printed.
    Said,
    Skipped,
    Notify,
    ChangedWhen,
    IgnoreErrors,
    CheckMode,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Repeat {
    Once,
    /// A list that stands there.
    List,
    /// A list of a variable of the play.
    Variable,
    /// What the latest task brought that is a loop itself, or prints lines.
    Result,
}

fn what() -> impl Strategy<Value = (String, &'static str)> {
    let file = || select(&FILES[..]);
    let text = || select(&TEXTS[..]).prop_map(|text| serde_json::to_string(text).unwrap());
    let mode = || select(&MODES[..]);
    let octal = || select(&MODES[..3]);
    let word = || select(vec!["one", "two", "k", "x=1", "A=2", "new line"]);
    let of = |text: &str| text.to_owned();
    let of_file = prop_oneof![
        4 => (text(), proptest::option::of(octal())).prop_map(|(text, mode)| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("copy: {{dest: \"@\", content: {text}{mode}}}")
        }),
        2 => mode().prop_map(|mode| format!("file: {{path: \"@\", mode: \"{mode}\"}}")),
        1 => Just(of("file: {path: \"@\", state: absent, recursive: true}")),
        1 => Just(of("file: {path: \"@\", state: touch}")),
        1 => file().prop_map(|from| format!("copy: {{src: \"{{{{home}}}}/{from}\", dest: \"@\", remote_src: true}}")),
        1 => file().prop_map(|from| format!("file: {{src: \"{{{{home}}}}/{from}\", path: \"@.hard\", state: hard}}")),
        3 => (word(), any::<bool>())
            .prop_map(|(word, create)| format!("lineinfile: {{path: \"@\", line: \"{word}\", create: {create}}}")),
        1 => word().prop_map(|word| format!("lineinfile: {{path: \"@\", regexp: \"^{word}\", state: absent}}")),
        2 => (word(), any::<bool>()).prop_map(|(word, create)| {
            format!("blockinfile: {{path: \"@\", block: \"{word}\\nmore\", create: {create}}}")
        }),
        2 => (word(), word())
            .prop_map(|(from, to)| format!("replace: {{path: \"@\", regexp: \"{from}\", replace: \"{to}\"}}")),
        2 => word().prop_map(|word| format!("ini: {{path: \"@\", section: s, option: k, value: \"{word}\"}}")),
        3 => (word(), select(vec!["json_merge", "yaml_merge"]), 0..4).prop_map(|(word, kind, plain)| {
            // Seldom where others write what it cannot read.
            let path = if plain == 0 { "\"@\"" } else { "\"@.values\", create: true" };
            format!("{kind}: {{path: {path}, values: {{a: {{b: \"{word}\"}}}}}}")
        }),
        1 => word().prop_map(|word| format!("env_file: {{path: \"@\", keep: true, values: {{A: \"{word}\"}}}}")),
        1 => Just(of("template: {src: t.hbs, dest: \"@\"}")),
        1 => Just(of("copy: {dest: \"@\", content: \"is {{told}}\"}")),
        1 => Just(of("set_fact: {told: \"is {{before.changed}}\"}")),
        2 => Just(of("stat: {path: \"@\"}")),
        // What prints lines: to look with, and to loop over.
        1 => Just(of("shell: {cmd: \"if [ -f @ ]; then echo a; fi; echo c\", changes: false, reads: [\"@\"], touches: [nothing]}")),
        4 => select(vec!["said", "x=1", "one"]).prop_map(|word| {
            format!("shell: {{cmd: \"echo two >> {{{{home}}}}/own; echo {word}\", touches: [\"{{{{home}}}}/own\"]}}")
        }),
        // `%` is what the last of these printed, if there is one.
        3 => Just(of("copy: {dest: \"@\", content: \"so: %\"}")),
        1 => octal().prop_map(|mode| format!("copy: {{dest: \"@\", content: \"%\", mode: \"{mode}\"}}")),
        1 => Just(of("lineinfile: {path: \"@\", line: \"%\", create: true}")),
        1 => Just(of("env_file: {path: \"@\", keep: true, values: {A: \"%\"}}")),
        1 => Just(of("meta: flush_handlers")),
        1 => Just(of("debug: {msg: \"{{told}}\"}")),
    ];
    let of_folder = prop_oneof![
        3 => proptest::option::of(select(vec!["0755", "0700"])).prop_map(|mode| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("file: {{path: \"@\", state: directory{mode}}}")
        }),
        1 => Just(of("file: {path: \"@\", state: absent, recursive: true}")),
        1 => Just(of("file: {path: \"@\", state: directory, recurse: true, mode: \"u=rwX,go=\"}")),
    ];
    prop_oneof![
        24 => (of_file, file()),
        5 => (of_folder, select(&FOLDERS[..])),
        2 => (file(), any::<bool>()).prop_flat_map(move |(path, force)| {
            let link = format!("{{{{home}}}}/l-{}", path.replace('/', "-"));
            file().prop_map(move |to| (format!("link: {{path: \"{link}\", target: \"{{{{home}}}}/{to}\", force: {force}}}"), path))
        }),
        1 => select(vec!["a", "b", "c"])
            .prop_map(move |path| (of("command: {cmd: \"touch @\", creates: \"@\"}"), path)),
    ]
}

pub fn task() -> impl Strategy<Value = Task> {
    use Beside::*;
    let beside = prop_oneof![
        4 => Just(Nothing),
        2 => Just(Changed),
        2 => Just(Found),
        1 => Just(Said),
        1 => Just(Skipped),
        2 => Just(Notify),
        1 => select(vec![ChangedWhen, IgnoreErrors, CheckMode]),
    ];
    let repeat = prop_oneof![
        9 => Just(Repeat::Once),
        1 => Just(Repeat::List),
        1 => Just(Repeat::Variable),
        1 => Just(Repeat::Result),
    ];
    (what(), beside, repeat).prop_map(|((what, path), beside, repeat)| Task { what, path, beside, repeat })
}

/// Tasks that stand together.
#[derive(Clone, Debug)]
pub enum Part {
    One(Task),
    Block {
        beside: Option<bool>,
        main: Vec<Task>,
        /// Where in the main part a command fails.
        fails: Option<usize>,
        rescue: Vec<Task>,
        always: Vec<Task>,
    },
    /// Tasks of another file, or of a role.
    File {
        how: How,
        tasks: Vec<Task>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Import,
    Include,
    /// Once for each of two.
    Loop,
    Role,
}

pub fn part() -> impl Strategy<Value = Part> {
    let some = |most: usize| prop::collection::vec(task(), 1..most);
    let few = |most: usize| prop::collection::vec(task(), 0..most);
    prop_oneof![
        10 => task().prop_map(Part::One),
        1 => (
            proptest::option::of(any::<bool>()),
            some(4),
            proptest::option::weighted(0.4, 0usize..3),
            few(3),
            few(3)
        )
            .prop_map(|(beside, main, fails, rescue, always)| Part::Block { beside, main, fails, rescue, always }),
        1 => (select(vec![How::Import, How::Include, How::Loop, How::Role]), some(3))
            .prop_map(|(how, tasks)| Part::File { how, tasks }),
    ]
}

/// A playbook as files of a project, and how many tasks it has.
#[derive(Default)]
pub struct Playbook {
    pub files: Vec<(String, String)>,
    pub tasks: usize,
    blocks: usize,
    /// A command has said something, which only shows in the run.
    said: bool,
    /// The task before, as far as what stands beside the next one can be about it.
    last: Option<Last>,
}

struct Last {
    what: String,
    repeat: Repeat,
}

impl Playbook {
    pub fn new(parts: &[Part]) -> Self {
        let mut book = Self::default();
        let tasks: String = parts.iter().map(|part| book.part(part)).collect();
        let head = "- hosts: all\n  vars: {told: nothing, list: [b, c]}\n  tasks:\n    \
                    - {name: first, stat: {path: \"{{home}}/a\"}, register: before}\n";
        let handlers = "  handlers:\n    - name: after\n      copy: {dest: \"{{home}}/handled\", content: yes it is}\n      notify: last\n    \
                        - name: more\n      listen: after\n      file: {path: \"{{home}}/listens\", state: directory}\n    \
                        - name: last\n      lineinfile: {path: \"{{home}}/handled-last\", line: x, create: true}\n";
        book.files.push(("site.yml".into(), format!("{head}{tasks}{handlers}")));
        book.files.push(("templates/t.hbs".into(), "host {{host}}\n".into()));
        book
    }

    /// All of it, for a person.
    pub fn text(&self) -> String {
        self.files.iter().map(|(name, text)| format!("# {name}\n{text}")).collect()
    }

    fn part(&mut self, part: &Part) -> String {
        match part {
            Part::One(task) => self.task(task, "t", 4, "{{home}}"),
            Part::File { how, tasks } => {
                let number = self.files.len();
                let (home, file) = match how {
                    // One file may have two rounds of it, which are not to own the same.
                    How::Loop => ("{{home}}/{{round}}", format!("tasks/part{number}.yml")),
                    How::Role => ("{{home}}", format!("roles/part{number}/tasks/main.yml")),
                    How::Import | How::Include => ("{{home}}", format!("tasks/part{number}.yml")),
                };
                self.files.push((file.clone(), String::new()));
                let text: String = tasks.iter().map(|task| self.task(task, "t", 0, home)).collect();
                self.files[number].1 = text;
                // In the file of a loop, the same name has the result of either round.
                self.last = self.last.take().filter(|_| *how != How::Loop);
                match how {
                    How::Import => format!("    - import_tasks: {file}\n"),
                    How::Include => format!("    - include_tasks: {file}\n"),
                    How::Loop => {
                        format!(
                            "    - include_tasks: {file}\n      loop: [d, g]\n      loop_control: {{loop_var: round}}\n"
                        )
                    }
                    How::Role => format!("    - import_role: part{number}\n"),
                }
            }
            Part::Block { beside, main, fails, rescue, always } => {
                self.blocks += 1;
                let number = self.blocks;
                let mut text = "    - block:\n".to_owned();
                let when = match beside {
                    Some(true) => "      when: before.changed\n",
                    Some(false) => "      when: eq told \"nothing\"\n",
                    None => "",
                };
                for (at, task) in main.iter().enumerate() {
                    text += &self.task(task, &format!("b{number}m"), 8, "{{home}}");
                    if *fails == Some(at) {
                        text += &format!(
                            "        - {{name: fails b{number}m, command: {{cmd: \"false\", touches: [nothing]}}}}\n"
                        );
                    }
                }
                // What the last of them registers may not be there.
                let last = self.last.take();
                // What a rescue does is in nobody's plan: it writes where nobody else does.
                for (name, tasks, home) in [
                    ("rescue", rescue, format!("{{{{home}}}}/rescue{number}")),
                    ("always", always, "{{home}}".into()),
                ] {
                    if !tasks.is_empty() {
                        text += &format!("      {name}:\n");
                        if name == "rescue" {
                            text += &format!(
                                "        - {{name: b{number}r folder, file: {{path: \"{home}\", state: directory}}}}\n"
                            );
                        }
                        let kind = format!("b{number}{}", &name[..1]);
                        text +=
                            &tasks.iter().map(|task| self.task(task, &kind, 8, &home)).collect::<String>();
                    }
                }
                self.last = last.filter(|_| rescue.is_empty() && always.is_empty());
                text + when
            }
        }
    }

    fn task(&mut self, task: &Task, kind: &str, indent: usize, home: &str) -> String {
        let number = self.tasks;
        self.tasks += 1;
        let space = " ".repeat(indent);
        // A command fails where there is no folder, which is not what this is about.
        let home = if task.what.starts_with("command") { "{{home}}" } else { home };
        let mut path = format!("{home}/{}", task.path);
        let is_meta = task.what.starts_with("meta");
        let is_fact = task.what.starts_with("set_fact");
        let mut lines = vec![];
        let of_last = |last: &Last| {
            if last.repeat != Repeat::Once {
                // The items of a loop; each was about one letter.
                Some(("before.results", "item.item"))
            } else {
                last.what.contains("changes: false").then_some(("before.stdout_lines", "item"))
            }
        };
        let repeat =
            if is_meta || is_fact || task.what.contains("state: hard") { Repeat::Once } else { task.repeat };
        // Two tasks may not be about one path unless they share it; a loop is about paths of its own.
        let (mut items, mut item) = (None, "item");
        match repeat {
            Repeat::Once => {}
            Repeat::List => items = Some("[a, b]"),
            Repeat::Variable => items = Some("\"{{list}}\""),
            Repeat::Result => {
                if let Some((list, each)) = self.last.as_ref().and_then(of_last) {
                    items = Some(if list == "before.results" {
                        "\"{{before.results}}\""
                    } else {
                        "\"{{before.stdout_lines}}\""
                    });
                    item = each;
                } else if self.said {
                    items = Some("\"{{default said.stdout_lines list}}\"");
                }
            }
        }
        // What is looped over once more has to hold items of a plain list.
        let is_plain = item == "item";
        if let Some(items) = items {
            lines.push(format!("loop: {items}"));
            // A file is in the way of a folder.
            let of = if FOLDERS.contains(&task.path) { "of-" } else { "" };
            path = format!("{home}/{of}{{{{{item}}}}}");
        }
        let is_command = task.what.starts_with("shell") || task.what.starts_with("command");
        let last = self.last.as_ref();
        let told = if self.said { format!("{{{{{SAID}}}}}") } else { "{{told}}".to_owned() };
        match task.beside {
            Beside::Changed => lines.push("when: before.changed".into()),
            Beside::Skipped => lines.push("when: not before.skipped".into()),
            Beside::Found => match last {
                Some(last) if last.repeat == Repeat::Once && last.what.starts_with("stat") => {
                    lines.push("when: and (not before.skipped) before.stat.exists".into());
                }
                Some(last) if last.repeat == Repeat::Once && last.what.contains("changes: false") => {
                    lines.push("when: and (not before.skipped) (in \"a\" before.stdout_lines)".into());
                }
                _ => {}
            },
            Beside::Said if self.said => lines.push(format!("when: eq ({SAID}) \"said\"")),
            Beside::Notify if !is_meta && !is_fact => lines.push("notify: after".into()),
            Beside::ChangedWhen if is_command => lines.push("changed_when: false".into()),
            Beside::IgnoreErrors if !is_meta => lines.push("ignore_errors: true".into()),
            Beside::CheckMode if !is_meta && !is_fact && !is_command => lines.push("check_mode: true".into()),
            _ => {}
        }
        let says = task.what.starts_with("shell: {cmd: \"echo two");
        if says {
            lines.push("register: said".into());
            // What a rescue says is not there when it is not called for.
            self.said |= !kind.ends_with('r');
        } else if !is_meta && !is_fact {
            lines.push("register: before".into());
            let repeat = if items.is_none() { Repeat::Once } else { Repeat::List };
            let last = Last { what: task.what.clone(), repeat };
            self.last = Some(last).filter(|last| is_plain || last.repeat == Repeat::Once);
        }
        let what = task.what.replace('@', &path).replace('%', &told);
        let more: String = lines.iter().map(|line| format!("{space}  {line}\n")).collect();
        format!("{space}- name: {kind} {number}\n{space}  {what}\n{more}")
    }
}
