//! Programs and secrets.

use super::*;

const TOKEN: &str = "zeisig9hunter2";

fn with_token(observe: &str, plan: &str) -> Project {
    let project = Project::tasks("    - {name: t, word: {file: \"{{home}}/x\", token: \"{{vaulted}}\"}}\n");
    project.write("group_vars/all.yml", &format!("vaulted: !secret {{command: [echo, {TOKEN}]}}\n"));
    let path = project.home("a").join("x").display().to_string();
    word(&project, "", &observe.replace("PATH", &path), &plan.replace("PATH", &path));
    project
}

/// Takes the token out of what it is told.
const TAKE: &str = r#"input=$(cat); token=$(printf '%s' "$input" | sed 's/.*"token":"\([^"]*\)".*/\1/'); "#;

#[test]
fn what_comes_of_a_secret_is_one() {
    let observe = format!(
        r#"{TAKE} case $input in
*'"answers":[]'*) echo '{{"needs": [{{"read": {{"path": "PATH", "secret": true}}}}]}}';;
*'"text":"key='*) echo "{{\"observed\": {{\"key\": \"$token\"}}, \"desired\": {{\"key\": \"$token\"}}}}";;
*) echo "{{\"observed\": {{\"key\": null}}, \"desired\": {{\"key\": \"$token\"}}, \"notes\": [\"$token\"]}}";; esac"#
    );
    let plan = format!(
        r#"{TAKE} echo "{{\"ops\": [{{\"write_file\": {{\"path\": \"PATH\", \"text\": \"key=$token\"}}}}]}}""#
    );
    let project = with_token(&observe, &plan);
    project.check().exits(10).has(&["key: [secret"]).lacks(&["zeisig9"]);
    let ran = project.apply(&["--yes", "--json"]);
    ran.exits(0).lacks(&["zeisig9"]);
    assert_eq!(project.read("h/a/x"), format!("key={TOKEN}"));
    assert_eq!(fs::metadata(project.path("h/a/x")).unwrap().permissions().mode() & 0o777, 0o600);
    project.check().exits(0);
}

#[test]
fn a_secret_is_in_no_argument_and_in_no_message() {
    let differs = format!(r#"{TAKE} echo "{{\"observed\": {{}}, \"desired\": {{\"key\": \"$token\"}}}}""#);
    for (observe, plan, parts) in [
        (
            differs.as_str(),
            format!(
                r#"{TAKE} echo "{{\"ops\": [{{\"exec\": {{\"argv\": [\"login\", \"--token=$token\"]}}}}]}}""#
            ),
            "puts a secret where others on the host can read it",
        ),
        (
            &differs,
            format!(
                r#"{TAKE} echo "{{\"ops\": [{{\"make_link\": {{\"path\": \"PATH\", \"target\": \"$token\"}}}}]}}""#
            ),
            "puts a secret where",
        ),
        (
            &format!(
                r#"{TAKE} echo "{{\"fail\": {{\"message\": \"$token is wrong, $(printf %s $token | rev)\"}}}}""#
            ),
            "true".into(),
            "with a message that may hold a secret",
        ),
        (
            &format!(r#"{TAKE} echo "$token" | rev >&2; exit 1"#),
            "true".into(),
            "what it complained about may hold a secret",
        ),
        (&format!(r#"{TAKE} echo "$token" | rev"#), "true".into(), "may hold a secret, and is not shown"),
        (
            &format!(r#"{TAKE} echo "{{\"$(echo $token | rev)\": 1}}""#),
            "true".into(),
            "answers in another form",
        ),
        (
            &format!(r#"{TAKE} echo "{{\"not_yet\": \"$(echo $token | rev)\"}}""#),
            "true".into(),
            "in words that may hold a secret",
        ),
    ] {
        let project = with_token(observe, &plan);
        let reversed: String = TOKEN.chars().rev().collect();
        project.go().exits(40).has(&[parts]).lacks(&["zeisig9", &reversed]);
        assert_eq!(project.tree("h/a").len(), 0);
    }
}

#[test]
fn a_file_with_a_secret_in_it_is_not_handed_over_unasked() {
    let project = Project::tasks(
        "    - {name: secret, copy: {dest: \"{{home}}/x\", content: \"{{vaulted}}\"}}\n    - {name: t, word: {file: \"{{home}}/x\"}}\n",
    );
    project.write("group_vars/all.yml", &format!("vaulted: !secret {{command: [echo, {TOKEN}]}}\n"));
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.check().exits(40).has(&["which holds a secret", "\"secret\": true"]).lacks(&["zeisig9"]);
}

#[test]
fn under_no_log_nothing_of_it_shows() {
    let project = Project::tasks("    - {name: t, no_log: true, word: {file: \"{{home}}/x\"}}\n");
    let [observe, plan] = good(&project);
    word(&project, "", &observe, &plan);
    project.check().exits(10).has(&["word: [secret"]).lacks(&["word: hello"]);
    project.go().exits(0);
}
