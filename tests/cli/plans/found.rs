//! What the lint of plans finds, of two plans.

use crate::project::Project;

const TASKS: &str = "    - {name: token, no_log: true, copy: {dest: \"{{home}}/{{token}}\", content: abc-def-ghi, mode: \"{{mode}}\"}}\n    \
    - {name: key, no_log: true, copy: {dest: \"{{home}}/key\", content: abc-def-ghi, mode: \"{{key_mode}}\"}}\n";

#[test]
fn two_plans_differ_in_what_is_found_as_well() {
    let project = Project::tasks(TASKS);
    project.write("any", "a password that locks nothing else\n");
    let flag = ["--vault-password-file", "any"];
    let run = |arguments: &[&str]| project.run(&[arguments, &flag[..]].concat());
    let vars = |token: &str, mode: &str, key_mode: &str, accepted: &str| {
        let modes = format!("mode: \"{mode}\"\nkey_mode: \"{key_mode}\"\n");
        project.write(
            "group_vars/all.yml",
            &format!("token: {token}\n{modes}accept_findings: {{{accepted}}}\n"),
        );
    };
    let message = |file: &str| {
        let path = project.home("a").join(file);
        format!(
            "finding[readable-secret] every user of the host may read {}, and a secret is in it: ",
            path.display()
        )
    };
    let (token, key) = (message("token"), message("key"));
    vars("token", "0644", "0600", "");
    run(&["plan", "inventory.yml", "-o", "old.plan"]).exits(10);
    // Of the same nothing is said, wherever it stands by now and whichever key the plan has.
    project.write("site.yml", &format!("# moved\n{}", project.read("site.yml")));
    run(&["plan", "inventory.yml", "-o", "same.plan"]).exits(10);
    let same = project.run(&["diff", "old.plan", "same.plan"]);
    same.exits(0).has(&["site.yml has changed", "the same is planned for each host"]).lacks(&["finding["]);

    vars("token", "0604", "0644", "");
    run(&["plan", "inventory.yml", "-o", "new.plan"]).exits(10);
    let differ = project.run(&["diff", "old.plan", "new.plan"]);
    differ.exits(10).has(&[
        "the lint of plans finds something else\na\n",
        &format!("  {token}because of `its mode is 0604`, was `its mode is 0644`\n"),
        &format!("  {key}is new\n"),
    ]);
    let back = project.run(&["diff", "new.plan", "old.plan"]);
    back.exits(10).has(&[&format!("  {key}is gone\n")]).lacks(&["abc-def-ghi"]);

    // Nothing else is done, and yet they are not the same.
    vars("token", "0604", "0644", "readable-secret: a test");
    run(&["plan", "inventory.yml", "-o", "accepted.plan"]).exits(10);
    let differ = project.run(&["diff", "new.plan", "accepted.plan"]);
    differ.exits(10).has(&[
        "the same is planned for each host",
        &format!("  {token}is accepted now: a test\n"),
        &format!("  {key}is accepted now: a test\n"),
    ]);
    vars("token", "0604", "0644", "readable-secret: another reason");
    let refreshed = run(&["plan", "--refresh", "accepted.plan", "-o", "again.plan"]);
    refreshed
        .exits(10)
        .has(&[&format!("  {key}is accepted because of `another reason`, was because of `a test`\n")]);
    project.run(&["diff", "again.plan", "new.plan"]).exits(10).has(&["is not accepted any more"]);
    // In other words, by the same task.
    vars("other", "0604", "0644", "readable-secret: another reason");
    let refreshed = run(&["plan", "--refresh", "again.plan"]);
    refreshed.exits(10).has(&[&format!("  {}was `every user of the host may read ", message("other"))]);
}
