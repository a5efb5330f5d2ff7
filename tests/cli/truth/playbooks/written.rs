//! A playbook as it is written down.

use super::{Beside, FOLDERS, How, Part, Repeat, Task};
use crate::transfer::HELLO;

/// What the command before printed, as an expression in YAML.
const SAID: &str = "default said.stdout 'none'";

/// A playbook as files of a project, and how many tasks it has.
#[derive(Default)]
pub struct Playbook {
    pub files: Vec<(String, String)>,
    pub tasks: usize,
    blocks: usize,
    /// A command has said something, which only shows in the run.
    said: bool,
    /// A task takes along what another one fetches to this machine.
    fetches: bool,
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
        let head = "- hosts: a\n  vars: {told: nothing, list: [b, c]}\n  tasks:\n    \
                    - {name: first, stat: {path: \"{{home}}/a\"}, register: before}\n";
        let fetched = match book.fetches {
            true => format!(
                "    - {{name: fetched, get_url: {{url: \"http://127.0.0.1:{{{{port}}}}/x\", dest: \"{{{{files}}}}/fetched\", checksum: \"{HELLO}\"}}, delegate_to: localhost}}\n"
            ),
            false => String::new(),
        };
        let handlers = "  handlers:\n    - name: after\n      copy: {dest: \"{{home}}/handled\", content: yes it is}\n      notify: last\n    \
                        - name: more\n      listen: after\n      file: {path: \"{{home}}/listens\", state: directory}\n    \
                        - name: last\n      lineinfile: {path: \"{{home}}/handled-last\", line: x, create: true}\n";
        book.files.push(("site.yml".into(), format!("{head}{fetched}{tasks}{handlers}")));
        for (name, text) in [
            ("templates/t.hbs", "host {{host}}\n"),
            ("files/f.txt", "one\nof the project\n"),
            ("files/parts/1", "one\n"),
            ("files/parts/2", "A=1"),
            ("files/site/a", "one\ntwo\n"),
            ("files/site/e/b", "of the site\n"),
        ] {
            book.files.push((name.into(), text.into()));
        }
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
        let is_away = task.beside == Beside::Away && home == "{{home}}" && !task.what.contains("{{home}}");
        let home = if is_away { "{{away}}" } else { home };
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
            let of = if FOLDERS.contains(&task.path) || task.path == "w" { "of-" } else { "" };
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
            Beside::Owned
                if last.is_some_and(|it| it.repeat == Repeat::Once && it.what.starts_with("stat")) =>
            {
                lines.push(
                    "when: and (not before.skipped) before.stat.exists (eq before.stat.pw_name \"daemon\")"
                        .into(),
                );
            }
            Beside::Said if self.said => lines.push(format!("when: eq ({SAID}) \"said\"")),
            Beside::Away if is_away && !is_meta && !is_fact => lines.push("delegate_to: b".into()),
            Beside::Notify if !is_meta && !is_fact => lines.push("notify: after".into()),
            Beside::ChangedWhen if is_command => lines.push("changed_when: false".into()),
            Beside::FailedWhen if is_command => lines.push("failed_when: false".into()),
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
        self.fetches |= task.what.contains("src: fetched");
        let what = task.what.replace('@', &path).replace('%', &told).replace('§', "%s");
        let more: String = lines.iter().map(|line| format!("{space}  {line}\n")).collect();
        format!("{space}- name: {kind} {number}\n{space}  {what}\n{more}")
    }
}
