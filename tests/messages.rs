//! What `validate` says of each way to be wrong, as data: `tests/messages/**/*.txt`.
//!
//! A case is one text. It begins with words for the reader, then come sections:
//!
//! * `--- arguments: --limit web`: more arguments of `validate inventory.yml`, or all of them: `apply inventory.yml`
//! * `--- file: PATH`: a file of the project; `mode 0755` behind the path makes it executable
//! * `--- bytes: PATH`: the same, with `\xff` for bytes that are no text
//! * `--- link: PATH -> TARGET`
//! * `--- exit: 20`: the exit code, and what is printed
//!
//! Where no inventory and no playbook is among the files, a plain one is there. With `UPDATE=1` in the environment the expectations are
//! rewritten: read each line of the difference before you commit it.

use regex::Regex;
use similar::TextDiff;
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

const INVENTORY: &str = "all:\n  hosts: {a: , b: , c: }\n  children:\n    web: {hosts: {a: , b: }}\n";
const PLAYBOOK: &str = "- hosts: all\n  tasks:\n    - {name: fine, command: \"true\"}\n";

struct Case {
    path: PathBuf,
    text: String,
    /// Where the expectation begins.
    exit_at: usize,
}

impl Case {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap();
        let exit_at = text.find("--- exit").unwrap_or(text.len());
        Self { path, text, exit_at }
    }

    fn name(&self) -> String {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages");
        self.path.strip_prefix(folder).unwrap().display().to_string()
    }

    fn expectation(&self) -> &str {
        &self.text[self.exit_at..]
    }

    /// Headline and content of each section before the expectation.
    fn sections(&self) -> impl Iterator<Item = (&str, &str)> {
        let sections = self.text[..self.exit_at].split("\n--- ").skip(1);
        sections.map(|section| section.split_once('\n').unwrap_or((section, "")))
    }

    /// Lays the project down in a folder; the arguments.
    fn lay(&self, folder: &Path) -> Vec<String> {
        let mut arguments = vec![];
        fs::write(folder.join("inventory.yml"), INVENTORY).unwrap();
        fs::write(folder.join("site.yml"), PLAYBOOK).unwrap();
        for (headline, content) in self.sections() {
            let (kind, rest) = headline.split_once(": ").unwrap_or((headline, ""));
            match kind {
                "arguments" => arguments = words(rest),
                "file" | "bytes" => {
                    let (name, mode) = rest.split_once(" mode ").unwrap_or((rest, "0644"));
                    let path = at(folder, name);
                    let content = format!("{content}\n");
                    let content = if content.trim().is_empty() { String::new() } else { content };
                    let bytes = if kind == "bytes" { bytes(&content) } else { content.into_bytes() };
                    fs::write(&path, bytes).unwrap();
                    let mode = u32::from_str_radix(mode, 8).unwrap();
                    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
                }
                "link" => {
                    let (name, target) = rest.split_once(" -> ").unwrap();
                    symlink(target, at(folder, name)).unwrap();
                }
                "without" => fs::remove_file(folder.join(rest)).unwrap(),
                other => panic!("{}: what is `--- {other}`?", self.name()),
            }
        }
        if arguments.first().is_none_or(|first| first.starts_with('-')) {
            arguments.splice(0..0, ["validate".into(), "inventory.yml".into()]);
        }
        arguments
    }

    /// The exit code and what is printed, as the case should say it.
    fn run(&self) -> String {
        let folder = tempfile::tempdir().unwrap();
        let arguments = self.lay(folder.path());
        let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
        command.args(arguments).current_dir(folder.path()).env_clear().stdin(Stdio::null());
        command.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", folder.path());
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("what is printed is UTF-8");
        let said = [text(&output.stderr), text(&output.stdout)];
        let said: Vec<&str> =
            said.iter().map(|said| said.trim_end()).filter(|said| !said.is_empty()).collect();
        let code = output.status.code().expect("it ends by itself");
        let printed = format!("--- exit: {code}\n{}\n", said.join("\n\n"));
        assert!(!printed.contains(&*folder.path().to_string_lossy()), "{}: {printed}", self.name());
        // Without blanks at the ends of lines, which editors take away.
        printed.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
    }
}

fn at(folder: &Path, name: &str) -> PathBuf {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&path);
    path
}

/// Words with single quotes around those that hold spaces.
fn words(text: &str) -> Vec<String> {
    let parts = text.split('\'').enumerate();
    let words = parts.flat_map(|(at, part)| match at % 2 {
        0 => part.split_whitespace().map(str::to_owned).collect(),
        _ => vec![part.to_owned()],
    });
    words.collect()
}

/// `\xff` as that byte.
fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

fn cases() -> Vec<Case> {
    fn find(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                find(&path, found);
            } else if path.extension().is_some_and(|end| end == "txt") {
                found.push(path);
            }
        }
    }
    let mut found = vec![];
    find(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/messages"), &mut found);
    found.sort();
    found.into_iter().map(Case::read).collect()
}

#[test]
fn every_way_to_be_wrong_is_told_as_written_down() {
    let cases = cases();
    let update = std::env::var("UPDATE").is_ok_and(|update| update == "1");
    let wrong = Mutex::new(BTreeMap::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for share in cases.chunks(cases.len().div_ceil(threads).max(1)) {
            let wrong = &wrong;
            scope.spawn(move || {
                for case in share {
                    let printed = case.run();
                    if printed == case.expectation() {
                        continue;
                    }
                    if update {
                        fs::write(&case.path, format!("{}{printed}", &case.text[..case.exit_at])).unwrap();
                    }
                    let diff = TextDiff::from_lines(case.expectation(), &printed);
                    wrong.lock().unwrap().insert(case.name(), diff.unified_diff().to_string());
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    let told: String = wrong.iter().map(|(name, diff)| format!("{name}\n{diff}\n")).collect();
    assert!(
        update || wrong.is_empty(),
        "{told}{} cases say something else (UPDATE=1 takes it over)",
        wrong.len()
    );
}

/// The first line of what is printed, without names and numbers; and the same of every line that is no excerpt.
fn kinds(case: &Case) -> (String, String) {
    let names = Regex::new(r"`[^`]*`|\d+").unwrap();
    let lines = case.expectation().lines().skip(1);
    let is_said = |line: &&str| {
        let bare = line.trim_start_matches([' ', '=']);
        ["error", "warning", "hint", "cause"].iter().any(|word| bare.starts_with(word))
            || bare.contains("--strict")
    };
    let said: Vec<String> = lines.filter(is_said).map(|line| names.replace_all(line, "_").into()).collect();
    match said.first() {
        Some(first) => (first.clone(), said.join("\n")),
        // For programs.
        None => (case.expectation().lines().skip(1).take(2).collect(), case.expectation().into()),
    }
}

#[test]
fn each_case_is_another_way_to_be_wrong() {
    let mut firsts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut wholes: BTreeMap<String, String> = BTreeMap::new();
    // Those that say that nothing is wrong are all alike.
    let is_silent = |case: &Case| case.expectation().trim_end().ends_with(": no mistakes found");
    for case in cases().into_iter().filter(|case| !is_silent(case)) {
        let (first, whole) = kinds(&case);
        assert!(!first.is_empty(), "{} tells nothing", case.name());
        firsts.entry(first).or_default().push(case.name());
        if let Some(other) = wholes.insert(whole.clone(), case.name()) {
            panic!("{} and {other} are one way to be wrong:\n{whole}", case.name());
        }
    }
    assert!(firsts.len() >= 150, "only {} ways to be wrong", firsts.len());
}

/// Each error has a place (but for what the command line says of files), and lines that are wrong are shown.
#[test]
fn every_message_says_where_and_is_a_lowercase_fragment() {
    for case in cases() {
        for line in case.expectation().lines() {
            let Some(message) = line.strip_prefix("error: ") else { continue };
            let first = message.chars().next().unwrap();
            assert!(!first.is_uppercase(), "{}: {message}", case.name());
            assert!(!message.ends_with('.'), "{}: {message}", case.name());
        }
    }
}
