//! Every input that fuzzing has kept, through the same functions as in `fuzz/`: what once found something is looked at with each test run.

#[path = "../fuzz/entries.rs"]
mod entries;

use std::{fs, path::Path};

fn each(target: &str, run: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let data = fs::read(&path).unwrap();
        // So that a failure names its input.
        if std::panic::catch_unwind(|| run(&data)).is_err() {
            panic!("{} fails: {:?}", path.display(), String::from_utf8_lossy(&data));
        }
        count += 1;
    }
    assert!(count > 10, "{} holds {count} inputs", folder.display());
}

#[test]
fn yaml() {
    each("yaml", entries::yaml);
}

#[test]
fn patterns() {
    each("patterns", entries::patterns);
}

#[test]
fn templates() {
    each("templates", entries::templates);
}

#[test]
fn expressions() {
    each("expressions", entries::expressions);
}

#[test]
fn vault() {
    each("vault", entries::vault);
}
