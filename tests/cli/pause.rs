//! `pause`: somebody at the terminal, or nobody.

use crate::{project::Project, project::play, terminal::Terminal};

const ASK: &str = "    - {name: before, copy: {dest: \"{{home}}/before\", content: x}}\n    \
     - {name: ask, pause: {prompt: Which colour}, register: r}\n    \
     - {name: after, copy: {dest: \"{{home}}/after\", content: \"{{r.user_input}} {{r.echo}}\"}}\n";

#[test]
fn enter_goes_on_and_what_was_typed_is_there_for_all_hosts() {
    let project = Project::local(&["a", "b"], &play(ASK));
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
    terminal.shows("Which colour:");
    assert!(project.has("h/a/before") && !project.has("h/a/after") && !project.has("h/b/after"));
    terminal.types("blue\r");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(0), "{screen}");
    assert_eq!(screen.matches("Which colour").count(), 2, "once in the plan, and asked once:\n{screen}");
    for host in ["a", "b"] {
        assert_eq!(project.read(&format!("h/{host}/after")), "blue true");
    }
}

#[test]
fn what_does_not_show_is_a_secret() {
    let tasks = ASK.replace("prompt: Which colour", "prompt: Token, echo: false")
        + "    - {name: say, debug: \"it is {{r.user_input}}\"}\n";
    let project = Project::tasks(&tasks);
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
    terminal.shows("Token:");
    terminal.types("hunter2hunter2\r");
    let (code, bytes, screen) = terminal.end_with_bytes();
    assert_eq!(code, Some(0), "{screen}");
    assert!(!String::from_utf8_lossy(&bytes).contains("hunter2"), "{screen}");
    assert_eq!(project.read("h/a/after"), "hunter2hunter2 false");
}

#[test]
fn check_does_not_wait_and_predicts_no_answer() {
    let project = Project::tasks(ASK);
    project.check().exits(10).has(&["what `ask` comes to"]);
    project.run(&["validate", "inventory.yml"]).exits(0);
    let project = Project::tasks("    - {name: rest, pause: {minutes: 60}}\n");
    project.check().exits(0);
}

#[test]
fn without_a_terminal_the_run_ends_before_anything_is_touched() {
    let project = Project::local(&["a", "b"], &play(ASK));
    project.go().exits(20).has(&[
        "nobody can be asked here to press Enter",
        "site.yml:4",
        "hint: run it at a terminal",
    ]);
    assert!(!project.has("h/a/before") && !project.has("h/b/before"));
    // Not where nobody is asked after all.
    let project = Project::tasks(
        &ASK.replace("register: r}", "register: r, when: eq 1 2}")
            .replace("r.user_input", "r.skipped")
            .replace(" {{r.echo}}", ""),
    );
    project.go().exits(0);
    // What shows only on the way fails there.
    let tasks = "    - {name: first, command: \"echo 1\", register: c}\n".to_string()
        + &ASK.replace("register: r}", "register: r, when: eq c.stdout '1'}");
    let project = Project::tasks(&tasks);
    project.go().exits(40).has(&["ask: nobody can be asked here"]);
    assert!(project.has("h/a/before") && !project.has("h/a/after"));
}

#[test]
fn time_passes_without_a_terminal_and_a_signal_ends_it() {
    let project = Project::tasks(
        "    - {name: rest, pause: {seconds: 1, prompt: it settles}, register: r}\n    - {name: t, copy: {dest: \"{{home}}/x\", content: \"{{ge r.delta 1}}\"}}\n",
    );
    project.go().exits(0).has(&["it settles"]);
    assert_eq!(project.read("h/a/x"), "true");
    let project = Project::tasks(
        "    - {name: rest, pause: {minutes: 60, prompt: it settles}}\n    - {name: t, copy: {dest: \"{{home}}/x\", content: x}}\n",
    );
    let running = project.start(&["--yes"]);
    running.prints("it settles");
    running.signal("-INT");
    running.end().exits(130);
    assert!(!project.has("h/a/x"));
}

#[test]
fn a_signal_ends_a_question_too() {
    let project = Project::tasks(&ASK.replace("prompt: Which colour", "echo: false"));
    let mut terminal = Terminal::start(&project, &["apply", "inventory.yml", "--yes"]);
    terminal.shows("Press Enter to continue:");
    terminal.types("\u{3}");
    let (code, screen) = terminal.end();
    assert_eq!(code, Some(130), "{screen}");
    assert!(screen.contains("stopping") && !project.has("h/a/after"), "{screen}");
}
