//! Files that an edit would make larger than what can be edited.

use crate::project::{Project, play};
use std::{fs, path::Path};

const MOST: usize = 16 << 20;

/// A check and an apply refuse it, and the file stays as it was.
fn refused(task: &str, file: &Path, text: &str) {
    fs::write(file, text).unwrap();
    let project = Project::local(&["a"], &play(&task.replace("FILE", file.to_str().unwrap())));
    for ran in [project.check(), project.go()] {
        ran.exits(40).has(&["site.yml:", "would have", "more than 16 MiB is not edited", "several files"]);
    }
    assert!(fs::read_to_string(file).unwrap() == text, "{task}: it is as it was");
}

#[test]
fn what_would_become_too_large_to_be_edited_again_is_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    let lines = "some words\n".repeat(MOST / 11);
    refused("    - lineinfile: {path: FILE, line: a line that no longer fits}\n", &file, &lines);
    let values = format!("KEY={}\n", "x".repeat(MOST - 10));
    refused("    - env_file: {path: FILE, values: {OTHER: more}, keep: true}\n", &file, &values);
    // Laid out in lines it has more bytes.
    let compact = format!("{{\"list\":[{}1]}}", "1,".repeat(MOST / 4));
    refused("    - json_merge: {path: FILE, values: {key: 1}}\n", &file, &compact);
}
