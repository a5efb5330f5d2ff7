//! Whose a plan is, and how old.

use super::{resealed, saved};
use crate::project::Project;
use std::{fs, process::Command};

pub(super) fn keygen(project: &Project, name: &str) -> String {
    let path = project.path(name);
    crate::sshd::run(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path));
    let key = project.read(&format!("{name}.pub"));
    key.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_plan_may_have_to_be_signed() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    let (ann, bob, eve) = (keygen(&project, "ann"), keygen(&project, "bob"), keygen(&project, "eve"));
    project.write(
        "signers",
        &format!("ann@example.org,a {ann}\nbob@example.org namespaces=\"lustores-provision-plan\" {bob}\n"),
    );
    let plan = |more: &[&str]| project.run(&[&["plan", "inventory.yml", "-o", "p.plan"], more].concat());
    let apply = |more: &[&str]| {
        project.run(&[&["apply", "p.plan", "--check", "--allowed-signers", "signers"], more].concat())
    };
    let refused = "the plan is not signed by one who may";
    plan(&[]).exits(10);
    apply(&[]).exits(20).has(&[refused, "there is no p.plan.sig", "--sign KEY"]);
    plan(&["--sign", "ann"]).exits(10);
    apply(&[]).exits(10);
    apply(&["--signer", "ann@example.org"]).exits(10);
    apply(&["--signer", "bob@example.org"]).exits(20).has(&[refused, "ssh-keygen: "]);
    // By another key; the plan of before under the new signature, and the signature of before under a new plan.
    let signed = project.read("p.plan");
    plan(&["--sign", "eve"]).exits(10);
    apply(&[]).exits(20).has(&[refused]);
    assert!(!eve.is_empty());
    plan(&["--sign", "bob"]).exits(10);
    apply(&[]).exits(10);
    let (plan_of_bob, signature) = (project.read("p.plan"), project.read("p.plan.sig"));
    project.write("p.plan", &signed);
    apply(&[]).exits(20).has(&[refused]);
    for tampered in [plan_of_bob.replace("\"hi\"", "\"ho\""), format!("{plan_of_bob} ")] {
        assert_ne!(tampered, plan_of_bob);
        project.write("p.plan", &tampered);
        apply(&[]).exits(20).has(&[refused]);
    }
    // As something else than a plan.
    project.write("p.plan", &plan_of_bob);
    fs::remove_file(project.path("p.plan.sig")).unwrap();
    let sign = ["-q", "-Y", "sign", "-n", "file", "-f"];
    crate::sshd::run(
        Command::new("ssh-keygen").args(sign).arg(project.path("ann")).arg(project.path("p.plan")),
    );
    apply(&[]).exits(20).has(&[refused]);
    project.write("p.plan.sig", "hello\n");
    apply(&[]).exits(20).has(&[refused]);
    project.write("p.plan.sig", &signature);
    apply(&[]).exits(10);
    project
        .run(&["apply", "p.plan", "--allowed-signers", "nobody"])
        .exits(20)
        .has(&["cannot read the allowed signers nobody"]);
    assert!(!project.has("h/a/motd"));
    project.run(&["apply", "p.plan", "--allowed-signers", "signers"]).exits(0);
    // A plan without a signature leaves none of another one; what is no signature stays.
    plan(&[]).exits(0);
    assert!(!project.has("p.plan.sig"));
    project.write("p.plan.sig", "notes\n");
    plan(&[]).exits(0);
    assert_eq!(project.read("p.plan.sig"), "notes\n");
    plan(&["--sign", "nowhere"]).exits(20).has(&["there is no key nowhere"]);
    plan(&["--sign", "signers"]).exits(20).has(&["the plan cannot be signed with signers"]);
    project
        .run(&["plan", "inventory.yml", "--sign", "ann"])
        .exits(20)
        .has(&["this one is not", "save it with `-o FILE`"]);
    let idle = project.run(&["apply", "inventory.yml", "--yes", "--allowed-signers", "signers"]);
    idle.exits(20).has(&["`--allowed-signers` is about saved plans, and this is none"]);
    project.run(&["plan", "p.plan"]).exits(20).has(&["p.plan is a saved plan, and no inventory"]);
}

#[test]
fn a_plan_may_be_too_old() {
    let project = Project::tasks("    - {name: motd, copy: {dest: \"{{home}}/motd\", content: hi}}\n");
    project.run(&["plan", "inventory.yml", "-o", "p.plan"]).exits(10);
    let mut plan = saved(&project, "p.plan");
    let made = plan["made"]["at"].as_u64().unwrap();
    let mut at = |at: u64| {
        plan["made"]["at"] = at.into();
        project.write("p.plan", &resealed(&plan));
    };
    at(made - 7300);
    let old = project.run(&["apply", "p.plan", "--max-age", "2h"]);
    old.exits(20).has(&[
        "the plan is too old",
        "it was made 2 h ago, and `--max-age` allows 2 h",
        "plan again",
    ]);
    at(made + 999_999);
    project.run(&["apply", "p.plan", "--max-age", "2h"]).exits(20).has(&["it will be made in the future"]);
    for wrong in ["2", "h", "-1h", "1y"] {
        project.run(&["apply", "p.plan", &format!("--max-age={wrong}")]).exits(2).has(&["is no age such as"]);
    }
    assert!(!project.has("h/a/motd"));
    at(made - 7300);
    project.run(&["apply", "p.plan", "--max-age", "1d"]).exits(0);
    project
        .run(&["apply", "inventory.yml", "--yes", "--max-age", "1d"])
        .exits(20)
        .has(&["`--max-age` is about saved plans"]);
    project
        .run(&["drift", "inventory.yml", "--max-age", "1d"])
        .exits(20)
        .has(&["`--max-age` is about saved plans"]);
}
