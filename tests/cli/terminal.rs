//! The program on a terminal: a pseudo terminal that `script` makes, and what its screen shows in the end.

use crate::{
    project::{Project, play},
    sshd::{PASSWORD, Sshd},
};
use std::{
    io::{Read, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{Arc, Mutex},
};

pub struct Terminal {
    child: Child,
    keys: Option<ChildStdin>,
    printed: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

impl Terminal {
    pub fn start(project: &Project, arguments: &[&str]) -> Self {
        let words = project.command(arguments);
        let words = std::iter::once(words.get_program()).chain(words.get_args());
        let words: Vec<_> = words.map(|word| format!("'{}'", word.to_str().unwrap())).collect();
        let line = format!("stty cols {WIDTH} rows 50; exec {}", words.join(" "));
        let mut command = project.in_its_place(Command::new("script"), &["-qefc", &line, "/dev/null"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let printed = Arc::new(Mutex::new(vec![]));
        let (mut out, into) = (child.stdout.take().unwrap(), printed.clone());
        let reader = std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = out.read(&mut bytes) {
                into.lock().unwrap().extend(&bytes[..count]);
            }
        });
        Self { keys: child.stdin.take(), child, printed, reader: Some(reader) }
    }

    fn printed(&self) -> String {
        String::from_utf8_lossy(&self.printed.lock().unwrap()).into_owned()
    }

    /// Waits until this stands on the screen.
    pub fn shows(&self, text: &str) {
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !screen(&self.printed()).contains(text) {
            let now = screen(&self.printed());
            assert!(std::time::Instant::now() < limit, "`{text}` is not shown:\n{now}\n{:?}", self.printed());
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    pub fn types(&mut self, keys: &str) {
        let keyboard = self.keys.as_mut().unwrap();
        keyboard.write_all(keys.as_bytes()).unwrap();
        keyboard.flush().unwrap();
    }

    /// The exit code, and what the screen shows when all is over.
    pub fn end(self) -> (Option<i32>, String) {
        let (code, _, screen) = self.end_with_bytes();
        (code, screen)
    }

    /// As [`Self::end`], with all bytes that went to the terminal.
    pub fn end_with_bytes(mut self) -> (Option<i32>, Vec<u8>, String) {
        let code = self.child.wait().unwrap().code();
        self.reader.take().unwrap().join().unwrap();
        let bytes = self.printed.lock().unwrap().clone();
        (code, bytes, screen(&self.printed()))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Columns of the terminal.
const WIDTH: usize = 100;

/// What a terminal without an end shows after these bytes: enough of one for what the program uses.
pub fn screen(bytes: &str) -> String {
    let mut lines: Vec<Vec<char>> = vec![vec![]];
    let (mut row, mut column) = (0, 0_usize);
    let mut letters = bytes.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' => column = 0,
            '\n' => {
                row += 1;
                if row == lines.len() {
                    lines.push(vec![]);
                }
            }
            '\x08' => column = column.saturating_sub(1),
            '\x07' => {}
            '\x1b' if letters.peek() == Some(&'[') => {
                letters.next();
                let mut number = String::new();
                let end = loop {
                    match letters.next() {
                        Some(c @ '@'..='~') => break c,
                        Some(c) => number.push(c),
                        // Cut off: the rest is still on its way.
                        None => break 'm',
                    }
                };
                let count = number.parse::<usize>().unwrap_or(1);
                match end {
                    'A' => row = row.saturating_sub(count),
                    'B' => row = (row + count).min(lines.len() - 1),
                    'C' => column += count,
                    'D' => column = column.saturating_sub(count),
                    'G' => column = count - 1,
                    'K' if number == "2" => lines[row].clear(),
                    'K' => lines[row].truncate(column),
                    'J' => {
                        lines[row].truncate(column);
                        lines.truncate(row + 1);
                    }
                    'm' | 'h' | 'l' => {}
                    other => panic!("an unknown sequence for the terminal: {number}{other}"),
                }
            }
            letter => {
                if column == WIDTH {
                    (row, column) = (row + 1, 0);
                    if row == lines.len() {
                        lines.push(vec![]);
                    }
                }
                let line = &mut lines[row];
                if line.len() <= column {
                    line.resize(column + 1, ' ');
                }
                line[column] = letter;
                column += 1;
            }
        }
    }
    let lines = lines.into_iter().map(|line| line.into_iter().collect::<String>().trim_end().to_string());
    lines.collect::<Vec<_>>().join("\n")
}

const TASKS: &str = "- hosts: all\n  tasks:\n    \
    - {name: motd, copy: {dest: \"{{home}}/motd\", content: \"hello\\n\"}}\n    \
    - name: talks\n      shell:\n        cmd: \"for n in 1 2 3 4 5; do echo line $n; done; while ! [ -e {{home}}/go ]; do sleep 0.05; done\"\n        \
      touches: [nothing]\n";

#[test]
fn no_is_an_answer_and_touches_nothing() {
    let project = Project::local(&["a", "b"], TASKS);
    for answer in ["n\r", "\r", "\x04"] {
        let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
        terminal.shows("make 4 changes? [y/N]");
        terminal.types(answer);
        let (code, screen) = terminal.end();
        assert_eq!(code, Some(130), "{screen}");
        assert!(screen.contains("~ motd  [all hosts]") && !screen.contains("changed motd"), "{screen}");
        assert!(!screen.contains("not reached"), "both hosts were reached:\n{screen}");
        assert!(project.tree("h/a").is_empty() && project.tree("h/b").is_empty());
    }
}

#[test]
fn moving_lines_leave_nothing_behind() {
    let project = Project::local(&["a", "b"], TASKS);
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
    terminal.shows("make 4 changes? [y/N]");
    terminal.types("y\r");
    // While they work, each host has a line with its task and what that printed last.
    terminal.shows("talks  | line 5");
    for host in ["a", "b"] {
        project.write(&format!("h/{host}/go"), "");
    }
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    let (plan, rest) = screen.split_once("make 4 changes? [y/N]").expect("the question stays");
    let plan: Vec<&str> = plan.trim().lines().collect();
    let expected = [
        "~ motd  [all hosts] site.yml:3:14",
        "    type: file",
        "    mode: 0644",
        "    content:",
        "      @@ -1,0 +1,1 @@",
        "      +hello",
    ];
    assert_eq!(plan[..6], expected, "{screen}");
    assert_eq!(plan[plan.len() - 1], "b: 1 to change, 1 to run, 0 not knowable yet, 0 as wanted");
    for done in ["a changed motd", "b changed motd"] {
        assert!(rest.lines().any(|line| line == done), "{screen}");
    }
    for line in rest.lines().map(|line| line.split(" (").next().unwrap()) {
        let known = ["y", "", "a changed motd", "b changed motd", "a changed talks", "b changed talks"]
            .contains(&line.trim())
            || line.starts_with("host ")
            || line.starts_with("a            0")
            || line.split_whitespace().collect::<Vec<_>>().join(" ").ends_with(" 0 2 0 0 0 0")
            || line.starts_with("finished in ");
        assert!(known, "`{line}` is left behind in:\n{screen}");
    }
}

#[test]
fn control_c_at_the_question_is_no() {
    let project = Project::local(&["a"], TASKS);
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml"]);
    terminal.shows("make 2 changes? [y/N]");
    terminal.types("\x03");
    terminal.shows("stopping");
    terminal.types("\x03");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(130), "{screen}");
    assert!(project.tree("h/a").is_empty());
}

#[test]
fn the_vault_password_is_typed_and_not_shown() {
    let project = Project::local(
        &["a"],
        &play("    - {name: t, copy: {dest: \"{{home}}/x\", content: \"{{token}}\"}}\n"),
    );
    project.write("password", "typed by hand\n");
    project.write("group_vars/all.yml", "token: hunter2hunter2\n");
    project.run(&["vault", "encrypt", "group_vars/all.yml", "--vault-password-file", "password"]).exits(0);
    for (typed, expected) in [("wrong", 20), ("typed by hand", 0)] {
        let mut terminal =
            Terminal::start(&project, &["apply", "inventory.yml", "--ask-vault-pass", "--yes"]);
        terminal.shows("Vault password:");
        terminal.types(&format!("{typed}\r"));
        let (code, bytes, screen) = terminal.end_with_bytes();
        assert_eq!(code, Some(expected), "{screen}");
        assert_eq!(screen.contains("wrong vault password"), expected == 20, "{screen}");
        let bytes = String::from_utf8_lossy(&bytes).into_owned();
        assert!(!bytes.contains("typed by hand") && !bytes.contains("hunter2"), "{bytes}");
        assert_eq!(project.has("h/a/x"), expected == 0);
    }
    assert_eq!(project.read("h/a/x"), "hunter2hunter2");
    // Without a terminal nobody can be asked.
    project.apply(&["--ask-vault-pass", "--yes"]).exits(20).has(&["error: "]);
}

#[test]
fn the_sudo_password_is_typed_and_not_shown() {
    let sshd = Sshd::start();
    let project = Project::ssh(&sshd, "");
    let task = "    - {name: whoami, copy: {dest: /run/by-root, content: x}}\n";
    project.write("site.yml", &play(task).replace("  tasks:", "  become: true\n  tasks:"));
    project.write("inventory.yml", &project.read("inventory.yml").replace("alice", "paula"));
    let made = || sshd.root().join("run/by-root").exists();
    for (typed, expected) in [("wrong secret", 30), (PASSWORD, 0)] {
        let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "-K", "--yes"]);
        terminal.shows("sudo password on the hosts:");
        assert!(!made());
        terminal.types(&format!("{typed}\r"));
        let (code, bytes, screen) = terminal.end_with_bytes();
        assert_eq!(code, Some(expected), "{screen}");
        assert_eq!(screen.contains("sudo refuses the password"), expected == 30, "{screen}");
        assert!(!String::from_utf8_lossy(&bytes).contains(typed), "{screen}");
        assert_eq!(made(), expected == 0);
    }
}
