//! The walls of the house: no room uses one below it, and what only some rooms may touch stays there.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Top to bottom, as in `src/lib.rs`. A room may use only rooms above it.
const ROOMS: &[&str] = &[
    "model",
    "diag",
    "event",
    "yaml",
    "vault",
    "inventory",
    "playbook",
    "jinja",
    "template",
    "resource",
    "resources",
    "external",
    "site",
    "graph",
    "plan",
    "undo",
    "connection",
    "engine",
    "report",
    "lab",
    "convert",
    "schema",
    "cli",
];

/// What may be named only in some rooms: text, rooms, reason.
const KEPT: &[(&str, &[&str], &str)] = &[
    ("openssh", &["connection"], "only the connection knows ssh"),
    ("serde_saphyr", &["yaml"], "one room reads YAML"),
    ("handlebars", &["template"], "one room knows the template language"),
    ("petgraph", &["graph"], "one room knows the graph library"),
    ("indicatif", &["report"], "one room knows the terminal"),
    ("println!", &["cli", "report", "lab"], "printing belongs to these"),
    ("print!", &["cli", "report", "lab"], "printing belongs to these"),
    ("eprintln!", &["cli", "report", "lab"], "printing belongs to these"),
    ("eprint!", &["cli", "report", "lab"], "printing belongs to these"),
    ("std::io::stdout", &["cli", "report", "lab"], "printing belongs to these"),
    ("std::io::stderr", &["cli", "report", "lab"], "printing belongs to these"),
    ("std::fs", &["vault", "inventory", "connection", "lab", "cli"], "planning and resources touch no files"),
    ("std::env", &["connection", "lab", "cli"], "planning and resources know no environment"),
    ("std::process", &["connection", "lab", "cli"], "planning and resources start no processes"),
    ("std::time", &["connection", "engine", "report", "lab", "cli"], "planning and resources know no clock"),
    ("std::net::TcpStream", &["connection", "lab"], "planning and resources know no network"),
    ("std::net::TcpListener", &["connection", "lab"], "planning and resources know no network"),
    ("std::net::UdpSocket", &["connection", "lab"], "planning and resources know no network"),
    ("std::net::ToSocketAddrs", &["connection", "lab"], "planning and resources know no network"),
    ("rustix", &["vault", "connection", "lab", "cli"], "planning and resources make no system calls"),
    ("tokio", &["connection", "engine", "cli"], "everything else is synchronous"),
];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn sources() -> Vec<(PathBuf, String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = vec![];
    rust_files(&root, &mut files);
    let room = |file: &Path| {
        let first = file.strip_prefix(&root).unwrap().iter().next().unwrap().to_str().unwrap();
        first.trim_end_matches(".rs").to_string()
    };
    files.into_iter().map(|f| (f.clone(), room(&f), fs::read_to_string(&f).unwrap())).collect()
}

/// The text with all comments and the insides of all literals blanked, and without what is only there for tests. Lines stay.
fn code(text: &str) -> String {
    without_tests(&bare(text))
}

fn bare(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut out: Vec<char> = letters.clone();
    let mut blank = |from: usize, to: usize| {
        for letter in &mut out[from..to] {
            if *letter != '\n' {
                *letter = ' ';
            }
        }
    };
    let at = |i: usize| letters.get(i).copied().unwrap_or('\0');
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let mut i = 0;
    while i < letters.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => {
                while i < letters.len() && at(i) != '\n' {
                    i += 1;
                }
                blank(start, i);
            }
            '/' if at(i + 1) == '*' => {
                let mut depth = 1;
                i += 2;
                while depth > 0 && i < letters.len() {
                    match (at(i), at(i + 1)) {
                        ('/', '*') => (depth, i) = (depth + 1, i + 2),
                        ('*', '/') => (depth, i) = (depth - 1, i + 2),
                        _ => i += 1,
                    }
                }
                blank(start, i);
            }
            'r' if (start == 0 || !word(at(start - 1)) || at(start - 1) == 'b')
                && matches!(at(i + 1), '"' | '#') =>
            {
                let hashes = letters[i + 1..].iter().take_while(|c| **c == '#').count();
                i += 1 + hashes;
                if at(i) != '"' {
                    continue; // r#name
                }
                let end: String = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
                i += 1;
                while i < letters.len() && !letters[i..].iter().copied().take(end.len()).eq(end.chars()) {
                    i += 1;
                }
                blank(start, i);
                i += end.len();
            }
            '"' => {
                i += 1;
                while i < letters.len() && at(i) != '"' {
                    i += if at(i) == '\\' { 2 } else { 1 };
                }
                blank(start + 1, i.min(letters.len()));
                i += 1;
            }
            // A letter, not a lifetime.
            '\'' if at(i + 1) == '\\' || at(i + 2) == '\'' => {
                i += if at(i + 1) == '\\' { 3 } else { 2 };
                while i < letters.len() && at(i) != '\'' {
                    i += 1;
                }
                blank(start + 1, i.min(letters.len()));
                i += 1;
            }
            _ => i += 1,
        }
    }
    out.into_iter().collect()
}

/// Blanks every item, field or statement under `#[cfg(test)]`.
fn without_tests(text: &str) -> String {
    let mut text = text.to_string();
    while let Some(start) = text.find("#[cfg(test)]") {
        let (mut depth, mut end) = (0, text.len());
        for (at, letter) in text[start..].char_indices().skip("#[cfg(test)]".len()) {
            let closes_block = letter == '}' && depth == 1;
            match letter {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
            if depth < 0 || closes_block || (depth == 0 && matches!(letter, ';' | ',')) {
                end = start + at + usize::from(depth >= 0);
                break;
            }
        }
        let blank: String = text[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
        text.replace_range(start..end, &blank);
    }
    text
}

/// Every path that is named, with its line: `use` lists are taken apart, a macro keeps its `!`.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut tokens = vec![];
    for (number, line) in code.lines().enumerate() {
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            let length = match word {
                0 if rest.starts_with("::") => 2,
                0 => first.len_utf8(),
                length => length,
            };
            if !first.is_whitespace() {
                tokens.push((number + 1, &rest[..length]));
            }
            rest = &rest[length..];
        }
    }
    let is_word = |at: usize| {
        tokens.get(at).is_some_and(|(_, t)| t.starts_with(|c: char| c.is_alphabetic() || c == '_'))
    };
    let is = |at: usize, text: &str| tokens.get(at).is_some_and(|(_, t)| *t == text);
    let mut found = vec![];
    let mut at = 0;
    while at < tokens.len() {
        if is(at, "use") && (is_word(at + 1) || is(at + 1, "::") || is(at + 1, "{")) {
            // What stands before each open brace, and the path since then.
            let (mut outer, mut path): (Vec<String>, String) = (vec![], String::new());
            at += 1;
            while at < tokens.len() {
                let (line, token) = tokens[at];
                let end = matches!(token, "," | "}" | ";");
                if end && path != outer.last().map_or("", String::as_str) {
                    found.push((line, path.trim_start_matches("::").to_string()));
                }
                match token {
                    "{" => outer.push(path.clone()),
                    "," => path = outer.last().cloned().unwrap_or_default(),
                    "}" => path = outer.pop().unwrap_or_default(),
                    ";" => break,
                    "as" => at += 1,
                    _ => path += token,
                }
                at += 1;
            }
        } else if is_word(at) {
            let line = tokens[at].0;
            let mut path = tokens[at].1.to_string();
            while is(at + 1, "::") && is_word(at + 2) {
                path = format!("{path}::{}", tokens[at + 2].1);
                at += 2;
            }
            if is(at + 1, "!") && !is(at + 2, "=") {
                path.push('!');
            }
            found.push((line, path));
        }
        at += 1;
    }
    found
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = r#"
#[cfg(test)]
mod tests;
use std::{fs, io::{self, Read as _}, // std::env
    time::Instant};
const URL: &str = "https://a/"; use crate::plan::Plan;
fn f<'a>(x: &'a str) -> char { std::process::exit(1); println!("std::net {x}"); '"' }
#[cfg(test)]
fn g() { std::env::var("x") }
struct S { #[cfg(test)] a: std::net::Ipv4Addr, b: crate::cli::B }
#[cfg(test)]
mod more { use std::env; }
"#;
    let found = paths(&code(text));
    let has = |line: usize, path: &str| found.iter().any(|(l, p)| *l == line && p == path);
    assert!(has(4, "std::fs") && has(4, "std::io::self") && has(4, "std::io::Read"), "{found:?}");
    assert!(has(5, "std::time::Instant") && has(6, "crate::plan::Plan"), "{found:?}");
    assert!(has(7, "std::process::exit") && has(7, "println!") && has(10, "crate::cli::B"), "{found:?}");
    assert!(!found.iter().any(|(_, p)| p.contains("env") || p.contains("net")), "{found:?}");
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|n| n == "tests.rs") || file.iter().any(|part| part == "tests")
}

/// The room that a path leads to, if it leads to one: `crate::x`, or enough `super::` for where the file is.
fn room_of(path: &str, depth: usize) -> Option<&str> {
    let mut names = path.split("::");
    let name = match path.split("::").take_while(|name| *name == "super").count() {
        0 => (names.next() == Some("crate")).then(|| names.next())?,
        ups if ups >= depth => names.nth(ups),
        _ => None,
    }?;
    ROOMS.contains(&name).then_some(name)
}

#[test]
fn no_room_uses_one_below_it() {
    let rank = |room: &str| ROOMS.iter().position(|r| *r == room);
    let mut bad = vec![];
    for (file, room, text) in sources() {
        let Some(mine) = rank(&room) else {
            assert!(
                ["lib", "main"].contains(&room.as_str()),
                "room `{room}` is not in the list of tests/walls.rs"
            );
            continue;
        };
        let below = file.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
        let depth = below.iter().count() - usize::from(below.ends_with("mod.rs"));
        for (number, path) in paths(&code(&text)).into_iter().filter(|_| !is_test(&file)) {
            let Some(used) = room_of(&path, depth) else { continue };
            if rank(used).is_some_and(|theirs| theirs > mine) {
                bad.push(format!("{}:{number}: `{room}` uses `{used}`, which is below it", file.display()));
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn what_belongs_to_some_rooms_stays_there() {
    let mut bad = vec![];
    for (file, room, text) in sources() {
        for (number, path) in paths(&code(&text)).into_iter().filter(|_| !is_test(&file) && room != "main") {
            for (name, rooms, reason) in KEPT {
                let named =
                    path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                        || (name.ends_with('!') && path.ends_with(&format!("::{name}")));
                if named && !rooms.contains(&room.as_str()) {
                    bad.push(format!("{}:{number}: `{path}` in `{room}`: {reason}", file.display()));
                }
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![];
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("agent/src"), &mut files);
    let mut bad = vec![];
    for file in files {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        if lines > 400 {
            bad.push(format!("{}: {lines} lines, 400 are the most", file.display()));
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn the_engine_knows_no_particular_system() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![];
    rust_files(&root.join("src"), &mut files);
    rust_files(&root.join("agent/src"), &mut files);
    let mut bad = vec![];
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (number, line) in text.lines().enumerate() {
            // The program's own name is no knowledge of the system.
            let line =
                line.to_lowercase().replace("lustores-provision", "").replace("lustores_provision", "");
            let line = ["vault_password", "age_identity", "lab_dir", "lab_mirror"]
                .iter()
                .fold(line, |l, n| l.replace(&format!("lustores_{n}"), ""));
            for word in ["lustores", "university_inventory", "replit", "watchtower", ".env.prod", "\"/db\""] {
                if line.contains(word) {
                    bad.push(format!("{}:{}: `{word}`", file.display(), number + 1));
                }
            }
        }
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

#[test]
fn the_map_names_every_room() {
    let map = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let mut last = 0;
    for room in ROOMS {
        let row = map
            .find(&format!("//! | [`{room}`]"))
            .unwrap_or_else(|| panic!("`{room}` is not in the map of src/lib.rs"));
        assert!(row > last, "`{room}` is out of order in the map of src/lib.rs");
        last = row;
    }
}
