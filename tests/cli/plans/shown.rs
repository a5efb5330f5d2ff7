//! What a saved plan keeps of what was shown besides tasks.

use crate::{project::Project, sshd::Sshd};
use serde_json::Value;

#[test]
fn a_plan_keeps_what_is_odd_about_it_and_where_its_hosts_are() {
    let sshd = Sshd::start();
    let project = Project::ssh(
        &sshd,
        "    - {name: token, no_log: true, copy: {dest: \"{{home}}/token\", content: abc-def-ghi, mode: \"0644\"}}\n",
    );
    project.write("words", "a vault password\n");
    let plan = || {
        let made = ["plan", "inventory.yml", "-o", "p.plan", "--vault-password-file", "words"];
        project.run(&made).exits(10);
        let saved: Value = serde_json::from_str(&project.read("p.plan")).unwrap();
        assert_eq!(saved["hosts"][0]["address"], "127.0.0.1");
        saved["hosts"][0]["findings"][0].clone()
    };
    let shown = || {
        let events = project.run(&["show", "p.plan", "--view", "json"]);
        let events: Vec<Value> =
            events.exits(0).out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(events[0]["about"]["addresses"]["web1"], "127.0.0.1");
        events.into_iter().find(|event| event["event"] == "finding").unwrap()["finding"].clone()
    };
    let found = plan();
    assert_eq!((&found["lint"], &found["accepted"]), (&"readable-secret".into(), &Value::Null));
    assert_eq!(shown(), found);
    project.run(&["show", "p.plan"]).exits(0).has(&[
        "\n  on web1 (127.0.0.1)\n",
        "warning[readable-secret]: ",
        "a secret is in it",
    ]);
    project.run(&["show", "p.plan", "--summary", "s.md"]).exits(0);
    let summary = project.read("s.md");
    assert!(summary.contains("| <code>web1</code> (<code>127.0.0.1</code>) | 0 | 1 |"), "{summary}");
    assert!(summary.contains("#### Warnings\n\n- <code>readable-secret</code>"), "{summary}");
    // Accepted, with the reason.
    let inventory = project.read("inventory.yml");
    let accepting = "  vars:\n    accept_findings: {readable-secret: it is *one*}\n";
    project.write("inventory.yml", &inventory.replace("  vars:\n", accepting));
    assert_eq!(plan()["accepted"], "it is *one*");
    assert_eq!(shown()["accepted"], "it is *one*");
    project.run(&["show", "p.plan"]).exits(0).has(&["1 warning about this plan accepted in the inventory"]);
    project.run(&["show", "p.plan", "--summary", "s.md"]).exits(0);
    let summary = project.read("s.md");
    assert!(summary.contains("#### Accepted\n\n- <code>readable-secret</code>"), "{summary}");
    assert!(summary.contains("  - because: it is \\*one\\*\n"), "{summary}");
    assert!(!summary.contains("#### Warnings"), "{summary}");
    // What one without them says is said all the same.
    let mut old: Value = serde_json::from_str(&project.read("p.plan")).unwrap();
    ["address", "findings"]
        .iter()
        .for_each(|field| _ = old["hosts"][0].as_object_mut().unwrap().remove(*field));
    project.write("old.plan", &old.to_string());
    project.run(&["show", "old.plan"]).exits(0).has(&["\n  on web1\n", "~ token"]);
}
