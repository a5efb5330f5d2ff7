//! Parts of files, what is not set, and lines of texts of many lines.

use crate::project::{Project, Ran, play};

fn explain(project: &Project, name: &str) -> Ran {
    let path = project.home("a").join(name).display().to_string();
    project.run(&["explain", "inventory.yml", "--offline", "a", &path])
}

/// Line 2 of a block is not line 2 of the file in which it is.
#[test]
fn a_line_of_a_part_is_not_taken_for_one_of_the_whole_file() {
    let project = Project::tasks(
        "    - {name: part, blockinfile: {path: \"{{home}}/hosts\", block: \"one {{zone}}\\ntwo\\nthree {{zone}}\\n\"}}\n    \
         - {name: line, lineinfile: {path: \"{{home}}/rc\", line: \"zone={{zone}}\"}}\n    \
         - {name: whole, copy: {dest: \"{{home}}/whole\", content: \"a\\nb {{zone}}\\n\"}}\n    \
         - {name: late, lineinfile: {path: \"{{home}}/late\", line: \"os={{facts.os.id}}\"}}\n",
    );
    project.write("group_vars/all.yml", "zone: example.org\n");
    let whole = explain(&project, "hosts");
    let is_shown = ["`part` has a part in it", "  +  one example.org", "  +  three example.org"];
    whole.exits(0).has(&is_shown).lacks(&["writes it", "is not known"]);
    for line in [1, 2, 99] {
        let ran = explain(&project, &format!("hosts:{line}"));
        ran.exits(0).has(&is_shown).lacks(&["written so", "writes it"]);
        ran.has(&[&format!("which of its lines is line {line} of the file is not known")]);
    }
    explain(&project, "rc:1").exits(0).has(&[
        "`line` has a part in it",
        "+  zone=example.org",
        "is not known",
    ]);
    explain(&project, "late:1").exits(0).has(&["`late` has a part in it", "which of its lines is line 1"]);
    let whole = explain(&project, "whole:2");
    whole.exits(0).has(&["`whole` writes it", "  2  b example.org"]).lacks(&["which of its lines"]);
}
