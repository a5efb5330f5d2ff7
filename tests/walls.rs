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
    "template",
    "resource",
    "resources",
    "site",
    "graph",
    "plan",
    "connection",
    "engine",
    "report",
    "lab",
    "cli",
];

/// What may be named only in some rooms: text, rooms, reason.
const KEPT: &[(&str, &[&str], &str)] = &[
    ("openssh::", &["connection"], "only the connection knows ssh"),
    ("serde_saphyr", &["yaml"], "one room reads YAML"),
    ("handlebars::", &["template"], "one room knows the template language"),
    ("petgraph::", &["graph"], "one room knows the graph library"),
    ("indicatif::", &["report"], "one room knows the terminal"),
    ("println!", &["cli", "report", "lab"], "printing belongs to these"),
    ("print!", &["cli", "report", "lab"], "printing belongs to these"),
    ("std::fs", &["vault", "inventory", "connection", "lab", "cli"], "planning and resources touch no files"),
    ("std::env", &["connection", "lab", "cli"], "planning and resources know no environment"),
    ("std::process", &["connection", "lab", "cli"], "planning and resources start no processes"),
    ("std::time", &["connection", "engine", "report", "lab", "cli"], "planning and resources know no clock"),
    ("tokio::", &["connection", "engine", "cli"], "everything else is synchronous"),
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

/// Lines of code with their numbers: without comments, and without a file's tests, which may use anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
    lines.map(|(n, line)| (n + 1, line.split("//").next().unwrap_or("")))
}

fn is_test(file: &Path) -> bool {
    file.file_name().is_some_and(|n| n == "tests.rs") || file.iter().any(|part| part == "tests")
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
        for (number, line) in code(&text).filter(|_| !is_test(&file)) {
            for (at, _) in line.match_indices("crate::") {
                let rest = &line[at + "crate::".len()..];
                let used: Vec<&str> = match rest.strip_prefix('{') {
                    Some(list) => list.split(',').collect(),
                    None => vec![rest],
                };
                for used in used {
                    let name: String =
                        used.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if rank(&name).is_some_and(|theirs| theirs > mine) {
                        bad.push(format!(
                            "{}:{number}: `{room}` uses `{name}`, which is below it",
                            file.display()
                        ));
                    }
                }
            }
        }
        bad.extend(grouped_uses(&file, &room, &text, mine));
    }
    assert!(bad.is_empty(), "\n{}", bad.join("\n"));
}

/// `use crate::{` over several lines.
fn grouped_uses(file: &Path, room: &str, text: &str, mine: usize) -> Vec<String> {
    let mut bad = vec![];
    let (mut inside, mut depth) = (false, 0i32);
    for (number, line) in code(text).filter(|_| !is_test(file)) {
        if line.trim_start().starts_with("use crate::{") && !line.contains('}') {
            (inside, depth) = (true, 1);
            continue;
        }
        if inside {
            if depth == 1 {
                let name: String =
                    line.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                if ROOMS.iter().position(|r| *r == name).is_some_and(|theirs| theirs > mine) {
                    bad.push(format!(
                        "{}:{number}: `{room}` uses `{name}`, which is below it",
                        file.display()
                    ));
                }
            }
            depth += line.matches('{').count() as i32 - line.matches('}').count() as i32;
            inside = depth > 0;
        }
    }
    bad
}

#[test]
fn what_belongs_to_some_rooms_stays_there() {
    let mut bad = vec![];
    for (file, room, text) in sources() {
        for (number, line) in code(&text).filter(|_| !is_test(&file) && room != "main") {
            for (name, rooms, reason) in KEPT {
                if line.contains(name) && !rooms.contains(&room.as_str()) {
                    bad.push(format!("{}:{number}: `{name}` in `{room}`: {reason}", file.display()));
                }
            }
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
            let line = ["vault_password", "lab_dir", "lab_mirror"]
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
