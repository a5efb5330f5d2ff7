//! What real shells offer, and the manual pages as groff renders them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

const PROGRAM: &str = env!("CARGO_BIN_EXE_lustores-provision");

/// A project, with the program in `PATH` under its own name.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for (name, text) in [
            (
                "hosts.yml",
                "all:\n  children:\n    web: {hosts: {web1: , web2: }}\n    db: {hosts: {db1: }}\n    empty: {}\n",
            ),
            (
                "site.yml",
                "- hosts: all\n  roles: [nginx]\n  tasks:\n    - {command: ls, tags: [deploy, fast]}\n    - {comand: ls}\n    - {name: \"Copy what's there\", command: ls}\n    - {name: Copy more, command: ls}\n",
            ),
            ("other.yml", "- hosts: all\n  tasks: [{command: ls, tags: elsewhere}]\n"),
            ("roles/nginx/tasks/main.yml", "- {command: ls, tags: nginx}\n"),
            ("group_vars/all.yml", "token: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  3132\n"),
            ("broken.yml", "all: [\n"),
        ] {
            place.write(name, text);
        }
        place.write(
            "program",
            "#!/bin/sh\ntouch \"$PWD/ran\"\necho '{\"all\": {\"hosts\": [\"dynamic\"]}}'\n",
        );
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(place.0.path().join("program"), mode).unwrap();
        place
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn run(&self, shell: &str, arguments: &[&str]) -> Output {
        let programs = Path::new(PROGRAM).parent().unwrap().display().to_string();
        let mut command = Command::new(shell);
        command.args(arguments).current_dir(self.0.path()).env_clear();
        command
            .env("HOME", self.0.path())
            .env("PATH", format!("{programs}:/usr/bin:/bin"))
            .env("TERM", "dumb");
        command.output().unwrap()
    }

    /// What bash offers for these words, the last of which is being typed.
    fn bash(&self, words: &[&str]) -> Vec<String> {
        let quoted: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let (last, before) = (words.last().unwrap(), words[words.len() - 2]);
        let script = format!(
            "source <(lustores-provision completions bash)\n\
             function=$(complete -p lustores-provision | sed 's/.*-F \\([^ ]*\\).*/\\1/')\n\
             COMP_WORDS=({}) COMP_CWORD={} COMP_TYPE=9\n\
             $function lustores-provision '{last}' '{before}'\n\
             printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
            quoted.join(" "),
            words.len() - 1
        );
        self.lines("bash", &["--norc", "-c", &script])
    }

    fn lines(&self, shell: &str, arguments: &[&str]) -> Vec<String> {
        let output = self.run(shell, arguments);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<String> =
            text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        // Options are offered wherever a word may stand.
        lines.retain(|line| !line.starts_with('-'));
        lines.sort();
        lines
    }
}

#[test]
fn bash_offers_what_is_there() {
    let place = Place::new();
    let offered = |words: &[&str]| place.bash(&[&["lustores-provision"], words].concat());
    assert!(offered(&["a"]).contains(&"apply".to_owned()));
    assert_eq!(offered(&["apply", "hosts.yml", "--limit", "w"]), ["web", "web1", "web2"]);
    assert_eq!(offered(&["apply", "hosts.yml", "-l", "db"]), ["db", "db1"]);
    assert_eq!(offered(&["validate", "hosts.yml", "--limit", "web1,d"]), ["web1,db", "web1,db1"]);
    assert_eq!(offered(&["apply", "hosts.yml", "--tags", "d"]), ["deploy"]);
    assert_eq!(offered(&["apply", "hosts.yml", "--skip-tags", "deploy,n"]), ["deploy,nginx"]);
    assert_eq!(offered(&["apply", "-p", "other.yml", "hosts.yml", "--tags", "e"]), ["elsewhere"]);
    assert_eq!(offered(&["graph", "hosts.yml", "--host", ""]), ["db1", "web1", "web2"]);
    let start = |typed: &str| offered(&["apply", "hosts.yml", "--start-at-task", typed]);
    assert_eq!(start("Copy\\ m"), ["Copy\\ more"]);
    assert_eq!(start("Copy m"), ["Copy more"]);
    assert_eq!(start("Cop"), ["Copy\\ more", "Copy\\ what\\'s\\ there"]);
    assert_eq!(offered(&["inventory", "hosts.yml", "--explain", "d"]), ["db1"]);
    assert_eq!(offered(&["doc", "cop"]), ["copy"]);
    assert_eq!(offered(&["doc", "role", ""]), ["nginx"]);
    assert_eq!(offered(&["doc", "helpers", "upp"]), ["upper"]);
    assert_eq!(offered(&["doc", "keywords", "max_"]), ["max_fail_percentage"]);
    assert_eq!(offered(&["doc", "facts", "cpu.th"]), ["cpu.threads"]);
    assert_eq!(offered(&["schema", "inv"]), ["inventory"]);
    assert_eq!(offered(&["apply", "hos"]), ["hosts.yml"]);
}

/// Each headline of a help is of what stands below it.
#[test]
fn help_has_every_option_below_its_headline() {
    let help = |verb: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lustores-provision"));
        String::from_utf8(command.args(verb).arg("--help").output().unwrap().stdout).unwrap()
    };
    for verb in
        [&["explain"][..], &["validate"], &["apply"], &["plan"], &["graph"], &["vault", "encrypt-string"]]
    {
        let text = help(verb);
        let section = |name: &str| -> Vec<String> {
            let lines = text.lines().skip_while(|line| *line != name).skip(1);
            let lines = lines.take_while(|line| !line.is_empty()).map(str::trim_start);
            let first = |line: &str| line.split([' ', ',']).next().unwrap_or_default().to_string();
            lines.map(first).filter(|word| word.starts_with(['-', '<', '['])).collect()
        };
        let of_vaults =
            |word: &String| ["vault", "--identity", "--recipient"].iter().any(|part| word.contains(part));
        let vault = section("Vault:");
        assert!(
            vault.len() >= 4 && vault.iter().all(|word| of_vaults(word) || word == "[env:"),
            "{verb:?}: {vault:?}"
        );
        assert!(!section("Options:").iter().any(of_vaults), "{text}");
    }
    let arguments = help(&["explain"]);
    let arguments = arguments.split("Options:").next().unwrap().split("Arguments:").nth(1).unwrap();
    assert!(arguments.contains("<HOST>") && arguments.contains("<TASK|PATH"), "{arguments}");
}

#[test]
fn what_is_wrong_is_not_told_and_nothing_is_run() {
    let place = Place::new();
    for words in [
        &["lustores-provision", "apply", "missing.yml", "--limit", "w"][..],
        &["lustores-provision", "apply", "broken.yml", "--limit", "w"],
        &["lustores-provision", "apply", "./program", "--limit", ""],
        &["lustores-provision", "apply", "--tags", ""],
    ] {
        let offered = place.bash(words);
        assert!(
            offered.iter().all(|name| ["all", "tagged", "untagged"].contains(&name.as_str())),
            "{words:?}: {offered:?}"
        );
    }
    assert!(!place.0.path().join("ran").exists(), "an inventory's program was run");
}

#[test]
fn fish_and_zsh_offer_the_same() {
    let place = Place::new();
    let names = |lines: Vec<String>, end: char| {
        let mut names: Vec<String> =
            lines.iter().filter_map(|line| line.split(end).next()).map(str::to_owned).collect();
        names.sort();
        names
    };
    let script = "lustores-provision completions fish | source\ncomplete -C 'lustores-provision apply hosts.yml --limit w'";
    assert_eq!(names(place.lines("fish", &["--no-config", "-c", script]), '\t'), ["web", "web1", "web2"]);
    let script = "lustores-provision completions fish | source\ncomplete -C 'lustores-provision apply hosts.yml --start-at-task Co'";
    let tasks = ["Copy more", "Copy what's there"];
    assert_eq!(names(place.lines("fish", &["--no-config", "-c", script]), '\t'), tasks);
    // What zsh's function hands to `_describe` is looked at, where a terminal would show it.
    let script = "compdef() { function=$1 }\n\
        source <(lustores-provision completions zsh)\n\
        _describe() { print -l ${(P)${@[-1]}} }\n\
        words=(lustores-provision apply hosts.yml --limit w) CURRENT=5\n\
        _clap_dynamic_completer_lustores_provision\n";
    assert_eq!(names(place.lines("zsh", &["-f", "-c", script]), ':'), ["web", "web1", "web2"]);
    let script = script.replace("--limit w", "--start-at-task Co");
    assert_eq!(names(place.lines("zsh", &["-f", "-c", &script]), ':'), tasks);
}

fn pages(folder: &Path) -> Vec<PathBuf> {
    let mut pages: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

#[test]
fn manual_pages_render_without_a_warning() {
    let place = Place::new();
    let written = place.run(PROGRAM, &["man", "man1"]);
    assert!(written.status.success(), "{written:?}");
    let pages = pages(&place.0.path().join("man1"));
    let names: Vec<_> = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap()).collect();
    for name in [
        "lustores-provision.1",
        "lustores-provision-apply.1",
        "lustores-provision-vault-edit.1",
        "lustores-provision-doc.1",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    for page in &pages {
        let output =
            place.run("groff", &["-man", "-Tascii", "-ww", "-P-c", "-P-b", "-P-u", page.to_str().unwrap()]);
        let shown = page.display();
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{shown}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("EXIT STATUS") && text.contains("SYNOPSIS"), "{shown}: {text}");
    }
    let printed = place.run(PROGRAM, &["man"]);
    assert_eq!(
        String::from_utf8(printed.stdout).unwrap(),
        fs::read_to_string(&pages[names.iter().position(|n| *n == "lustores-provision.1").unwrap()]).unwrap()
    );
}
