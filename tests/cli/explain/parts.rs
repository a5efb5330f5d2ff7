//! Parts of files, what is not set, and lines of texts of many lines.

use super::below;
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

/// Whoever sets it changes the line.
#[test]
fn what_is_not_set_is_named() {
    let project = Project::local(
        &["a", "b"],
        &play(
            "    - {name: conf, template: {src: conf, dest: \"{{home}}/conf\"}}\n    \
             - {name: maybe, when: defined feature, copy: {dest: \"{{home}}/maybe\", content: x}}\n",
        ),
    );
    project
        .write("group_vars/all.yml", "s: {a: 1}\nitems: [{name: one}]\nchosen: \"{{default other 'x'}}\"\n");
    project.write(
        "templates/conf",
        "level={{default log_level \"info\"}}\nx={{#if (default s.x false)}}on{{else}}off{{/if}}\n{{#each items}}\n\
         item {{name}} {{default port 80}}\n{{/each}}\nchosen {{chosen}}\nfar {{default hostvars.b.address \"?\"}}\nplain\n",
    );
    let ran = explain(&project, "conf");
    let text = &ran.exits(0).out;
    assert_eq!(below(text, "level=info"), ["log_level not set"]);
    assert_eq!(below(text, "x=off"), ["if s.x group_vars/all.yml:1 not set"]);
    let items = "if items group_vars/all.yml:2 a list of 1";
    let name = "items.0.name group_vars/all.yml:2 \"one\"";
    assert_eq!(below(text, "item one 80"), [name, "items.0.port group_vars/all.yml:2 not set", items]);
    assert_eq!(below(text, "chosen x"), ["chosen group_vars/all.yml:3 \"x\"", "<- other not set"]);
    assert_eq!(below(text, "far ?"), ["hostvars.b.address not set"]);
    let task = project.run(&["explain", "inventory.yml", "--offline", "a", "maybe"]);
    assert_eq!(below(&task.exits(0).out, "when defined feature  is false")[0], "feature not set");
    // What is set is told as it was.
    project.write("group_vars/a.yml", "");
    project.write("host_vars/a.yml", "log_level: debug\n");
    let ran = explain(&project, "conf:1");
    assert_eq!(below(&ran.exits(0).out, "level=debug"), ["log_level host_vars/a.yml:1 \"debug\""]);
    ran.lacks(&["not set"]);
    explain(&project, "conf:6").exits(0).has(&["plain", "no variable: it is written so"]);
}

/// A mapping decides about the lines that are there for what is in it, and about none around them.
#[test]
fn what_is_merged_from_a_mapping_is_said_where_it_stands() {
    let project = Project::tasks(
        "    - {name: merged, json_merge: {path: \"{{home}}/merged.json\", values: \"{{xs}}\"}}\n    \
         - {name: both, json_merge: {path: \"{{home}}/both.json\", values: \"{{merge xs more}}\"}}\n",
    );
    project.write("group_vars/all.yml", "xs:\n  a: 1\n  in: {b: 2, c: 3}\nmore: {}\n");
    let shown = |name: &str| -> Vec<String> {
        let ran = explain(&project, name);
        let lines = ran.exits(0).has(&["no variable is in the other 2 of 7 lines"]).out.lines();
        lines.filter_map(|line| Some(line.trim_start().strip_prefix("+ ")?.trim().to_string())).collect()
    };
    // The braces around all stay whatever is in it; within it, one more needs a comma.
    let lines = ["\"a\": 1,", "\"in\": {", "\"b\": 2,", "\"c\": 3", "}"];
    assert_eq!(shown("merged.json"), lines);
    assert_eq!(shown("both.json"), lines);
    let both = explain(&project, "both.json");
    assert!(
        below(&both.exits(0).out, "\"in\": {")
            .contains(&"if more group_vars/all.yml:4 a mapping of 0".into())
    );
}

/// A bracket closes what was opened, and goes with that alone.
#[test]
fn a_bracket_is_there_for_what_it_closes() {
    let values = "{one: \"{{xs}}\", two: \"{{ys}}\", three: [\"{{zs}}\"]}";
    let project = Project::tasks(&format!(
        "    - {{name: merged, json_merge: {{path: \"{{{{home}}}}/merged.json\", values: {values}}}}}\n"
    ));
    project.write("group_vars/all.yml", "xs: {a: 1, b: 2}\nys: {a: 2, in: {b: 3}}\nzs: {c: 4}\n");
    let ran = explain(&project, "merged.json");
    let mut shown: Vec<(String, String)> = vec![];
    for line in ran.exits(0).out.lines().map(str::trim) {
        match line.strip_prefix("+ ") {
            Some(text) => shown.push((text.trim().into(), String::new())),
            None => {
                let name = line.strip_prefix("if ").unwrap_or(line).split_whitespace().next();
                let of = shown.last_mut().filter(|_| line.contains("group_vars"));
                of.into_iter().for_each(|(_, of)| *of += name.unwrap_or_default());
            }
        }
    }
    let shown: Vec<(&str, &str)> = shown.iter().map(|(text, of)| (&**text, &**of)).collect();
    assert_eq!(
        shown,
        [
            ("\"a\": 1,", "xs"),
            ("\"b\": 2", "xs"),
            ("\"a\": 2,", "ys"),
            ("\"in\": {", "ys"),
            ("\"b\": 3", "ys"),
            ("}", "ys"),
            ("{", "zs"),
            ("\"c\": 4", "zs"),
            ("}", "zs"),
        ],
        "{}",
        ran.out
    );
}

/// A text of many lines is changed in the line that is named.
#[test]
fn a_line_of_a_block_names_its_own_line() {
    let project = Project::tasks(
        "    - {name: text, copy: {dest: \"{{home}}/text\", content: \"{{text}}\"}}\n    \
         - {name: within, template: {src: within, dest: \"{{home}}/within\"}}\n    \
         - {name: other, copy: {dest: \"{{home}}/other\", content: \"{{other}}\"}}\n    \
         - {name: folded, copy: {dest: \"{{home}}/folded\", content: \"{{folded}}\"}}\n",
    );
    project.write("templates/within", "begin\n{{text}}\nend\n");
    project.write(
        "group_vars/all.yml",
        "zone: z\nxs: [1, 2]\ntext: |\n  first\n\n    second {{zone}}\n  {{#each xs}}\n  x{{this}} !\n  {{/each}}\n  {{#if zone}}\n  \
         third\n  {{/if}}\n  last\nfolded: >\n  a\n  b\n\n  c\nother: \"{{text}}\"\n",
    );
    let own = |line: usize| format!("text group_vars/all.yml:{line} a text of 7 lines");
    for (name, before) in [("text", 0), ("within", 1)] {
        let of = |line: usize, text: &str| {
            let ran = explain(&project, &format!("{name}:{}", line + before));
            below(&ran.exits(0).out, text)
        };
        assert_eq!(of(1, "first"), [own(4)]);
        assert_eq!(of(3, "second z"), [&*own(6), "<- zone group_vars/all.yml:1 \"z\""]);
        assert_eq!(of(4, "x1 !")[0], own(8));
        assert_eq!(of(5, "x2 !")[0], own(8));
        assert_eq!(of(6, "third")[0], own(11));
    }
    // Also where it comes by another variable.
    for (line, text, at) in [(1, "first", 4), (3, "second z", 6), (5, "x2 !", 8)] {
        let ran = explain(&project, &format!("other:{line}"));
        let of = below(&ran.exits(0).out, text);
        assert_eq!(of[0], "other group_vars/all.yml:19 a text of 7 lines");
        assert!(of[1].split(' ').take(3).eq(["<-", "text", &*format!("group_vars/all.yml:{at}")]), "{of:?}");
    }
    // What is folded has no lines of its own: its beginning is named.
    let folded = explain(&project, "folded");
    assert_eq!(below(&folded.exits(0).out, "a b"), ["folded group_vars/all.yml:15 a text of 2 lines"]);
    // Of the task as a whole the text is one: what the parameter is, and where it comes from.
    let task = project.run(&["explain", "inventory.yml", "--offline", "a", "text"]);
    assert_eq!(task.exits(0).out.matches("a text of 7 lines").count(), 2, "{}", task.out);
}
