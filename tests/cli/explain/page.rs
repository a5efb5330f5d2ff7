//! The page in the documentation.

use crate::project::Project;
use std::path::Path;

/// What the page shows is what the program says of the project's own site. `UPDATE=1` writes it anew.
#[test]
fn the_page_shows_what_is_said() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("docs/explain.md")).unwrap();
    let mut out = String::new();
    let mut shown = 0;
    let mut rest = page.as_str();
    let start = "```text\n$ lustores-provision ";
    while let Some((before, block)) = rest.split_once(start) {
        let (block, behind) = block.split_once("\n```").unwrap();
        let command = block.lines().next().unwrap();
        let words: Vec<&str> = command.split_whitespace().collect();
        let words = words.join(" ");
        let project = Project::tasks("");
        let mut run = project.command(&[]);
        let shell = format!("exec \"$0\" {words}");
        let mut sh = std::process::Command::new("sh");
        sh.arg("-c").arg(shell).arg(run.get_program()).current_dir(root).env_clear();
        sh.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", project.path("controller"));
        sh.env("LUSTORES_VAULT_PASSWORD_FILE", "inventory/example-vault-password");
        let ran = sh.output().unwrap();
        assert!(ran.status.success(), "{command}: {}", String::from_utf8_lossy(&ran.stderr));
        run.stdin(std::process::Stdio::null());
        out += &format!("{before}{start}{command}\n{}```", String::from_utf8(ran.stdout).unwrap());
        (rest, shown) = (behind, shown + 1);
    }
    out += rest;
    if std::env::var_os("UPDATE").is_some() {
        return std::fs::write(root.join("docs/explain.md"), &out).unwrap();
    }
    assert!(shown > 3, "the page has {shown} examples");
    assert_eq!(out, page, "docs/explain.md is old: UPDATE=1 writes it anew");
}
