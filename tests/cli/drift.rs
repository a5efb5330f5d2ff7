//! A host that somebody has changed by hand.

use crate::project::Project;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn what_was_edited_by_hand_is_shown_and_mended_alone() {
    let project = Project::tasks(
        "    - {name: folder, file: {path: \"{{home}}/etc\", state: directory, mode: \"0750\"}}\n    \
         - {name: conf, copy: {dest: \"{{home}}/etc/conf\", content: \"a=1\\nb=2\\nc=3\\n\", mode: \"0644\"}}\n    \
         - {name: env, env_file: {path: \"{{home}}/etc/env\", values: {A: one, B: two}}}\n    \
         - {name: link, link: {path: \"{{home}}/etc/link\", target: conf}}\n    \
         - {name: line, lineinfile: {path: \"{{home}}/etc/lines\", line: \"x = 1\", regexp: \"^x =\", create: true}}\n    \
         - {name: json, json_merge: {path: \"{{home}}/etc/json\", values: {a: {b: 1}}}}\n",
    );
    project.go().exits(0).row("a 0 6 0 0 0 0");
    let made = project.tree("h");
    // The task's name, an edit by hand, and what the diff must then hold.
    type Edit<'a> = (&'a str, &'a dyn Fn(), &'a [&'a str]);
    let edits: [Edit; 7] = [
        ("folder", &|| mode(&project, "h/a/etc", 0o777), &["mode: 0777 -> 0750"]),
        ("conf", &|| project.write("h/a/etc/conf", "a=1\nb=99\nc=3\n"), &["-b=99", "+b=2"]),
        ("conf", &|| mode(&project, "h/a/etc/conf", 0o640), &["mode: 0640 -> 0644"]),
        ("env", &|| project.write("h/a/etc/env", "A='one'\nB='three'\n"), &["B: ", "two"]),
        ("link", &|| relink(&project), &["target: "]),
        ("line", &|| project.write("h/a/etc/lines", "x = 2\n"), &["-x = 2", "+x = 1"]),
        ("json", &|| project.write("h/a/etc/json", "{\"a\": {\"b\": 2}}\n"), &["2", "1"]),
    ];
    for (name, edit, shown) in edits {
        edit();
        let edited = project.tree("h");
        let check = project.check();
        check
            .exits(10)
            .has(&[&format!("~ {name}  [a]"), "a: 1 would change, 0 to run, 0 not knowable yet, 5 as"]);
        check.has(shown).row("a 5 1 0 0 0 0");
        assert_eq!(project.tree("h"), edited, "--check changed something");
        project.go().exits(0).has(&[&format!("a changed {name}")]).row("a 5 1 0 0 0 0");
        assert_eq!(project.tree("h"), made, "{name} is not what it was");
        project.go().exits(0).row("a 6 0 0 0 0 0");
    }
}

fn mode(project: &Project, name: &str, mode: u32) {
    fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
}

fn relink(project: &Project) {
    let path = project.path("h/a/etc/link");
    fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink("/elsewhere", path).unwrap();
}
