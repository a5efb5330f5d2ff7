//! The table of helpers, and those of them that look outside.

use super::*;
use std::sync::Mutex;

/// A controller with a file, a variable and a clock that stands.
#[derive(Debug, Default)]
struct Desk {
    hidden: Mutex<Vec<String>>,
}

impl Outside for Desk {
    fn now(&self) -> i64 {
        1_767_225_600
    }

    fn env(&self, name: &str) -> Option<String> {
        (name == "STAGE").then(|| "test".into())
    }

    fn file(&self, name: &str, at: &Origin) -> Result<Node, Diagnostics> {
        let bytes = |text: &[u8]| Node::new(Value::Bytes(text.into()), Origin::named("file"));
        match name {
            "motd" => Ok(bytes(b"welcome\n")),
            "key" => Ok(bytes(b"s3cret\n").with_secret(true)),
            "image" => Ok(bytes(&[0xff, 0xfe])),
            _ => Err(Diagnostic::error(format!("no such file: `{name}`")).at(at).into()),
        }
    }

    fn hide(&self, secret: &Node) {
        let text = secret.as_str().unwrap_or_default().to_string();
        self.hidden.lock().unwrap().push(text);
    }
}

fn with_desk(mut scope: Scope) -> (Scope, Arc<Desk>) {
    let desk = Arc::new(Desk::default());
    scope.know_outside(desk.clone());
    (scope, desk)
}

#[test]
fn every_helper_has_an_example_that_holds() {
    let (scope, _) = with_desk(Scope::new());
    for helper in HELPERS {
        let (template, expected) = helper.example;
        let node = render(&Node::string(format!("{template}|"), &Origin::named("doc")), &scope);
        let node = node.unwrap_or_else(|e| panic!("{}: {}", helper.name, shown(&e)));
        assert_eq!(node.as_str(), Some(format!("{expected}|").as_str()), "{}", helper.name);
        assert!(template.contains(helper.name), "{} is not in its example", helper.name);
        assert!(!helper.doc.ends_with('\n') && helper.doc.lines().count() <= 2, "{}", helper.name);
    }
}

#[test]
fn no_name_is_taken_twice() {
    let mut names: Vec<&str> = HELPERS.iter().map(|helper| helper.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn what_lies_outside_is_asked_for() {
    let (scope, desk) = with_desk(scope());
    let value =
        |template: &str| render(&quoted(template), &scope).unwrap_or_else(|e| panic!("{}", shown(&e)));
    assert_eq!(value("{{now \"%F\"}}").as_str(), Some("2026-01-01"));
    assert_eq!(value("{{env \"STAGE\"}}").as_str(), Some("test"));
    assert_eq!(value("{{env \"NOPE\" port}}").to_json(), 80);
    assert_eq!(value("{{default (env \"NOPE\") \"x\"}}").as_str(), Some("x"));
    assert_eq!(value("{{defined (env \"NOPE\")}}").to_json(), false);
    assert_eq!(value("{{file \"motd\"}}").as_str(), Some("welcome\n"));
    assert!(matches!(value("{{file \"image\"}}").value, Value::Bytes(_)));
    assert!(desk.hidden.lock().unwrap().is_empty());
    let key = value("x {{trim (file \"key\")}}");
    assert!(key.secret && key.as_str() == Some("x s3cret"));
    assert!(value("{{length (secret name)}}").to_json() == 3);
    assert!(value("{{secret (env \"STAGE\")}}").secret);
    assert_eq!(*desk.hidden.lock().unwrap(), ["s3cret\n", "web", "test"]);
    assert!(value("{{file (lower later)}}").unknown().is_some());
    assert!(value("{{env later \"x\"}}").unknown().is_some());
}

#[test]
fn mistakes_outside_are_explained() {
    let (mut scope, _) = with_desk(scope());
    for (template, parts) in [
        (
            "{{env \"NOPE\"}}",
            &["the environment has no variable `NOPE`", "play.yml:1:5", "what to take otherwise"][..],
        ),
        ("{{file \"nope\"}}", &["no such file: `nope`", "play.yml:1:5"]),
        ("{{file password}}", &["a secret cannot be the name of a file"]),
        ("{{env password}}", &["no variable `…`"]),
        ("{{now \"%Q\"}}", &["`now`: `format` has `%Q`, which is not known"]),
        ("{{now 3}}", &["`now`: `format` must be a string, found an integer"]),
        ("{{now}}", &["`now` is a helper: write `now format`"]),
        ("{{strftime \"soon\" \"%F\"}}", &["a time is seconds since 1970"]),
        ("{{duration \"1 month\"}}", &["no duration such as `90s`"]),
        ("{{duration \"99999999999999999w\"}}", &["no duration"]),
        ("{{bytes \"10X\"}}", &["no size such as `512k`"]),
        ("{{bytes \"99999999999P\"}}", &["no size"]),
        ("{{version name \"<\" \"1\"}}", &["a version has a number in it"]),
        ("{{version \"1\" \"~\" \"1\"}}", &["`operator` must be `==`"]),
        ("{{hash name \"md5\"}}", &["`algorithm` must be `sha224`"]),
        ("{{batch list 0}}", &["`size` must be at least 1"]),
        ("{{group_by users \"nope\"}}", &["each item needs a text"]),
    ] {
        error_of(render(&quoted(template), &scope), parts);
    }
    // Offline also where the call is not evaluated.
    scope.check_against(Arc::default());
    error_of(
        render(&quoted("{{#if off}}{{file \"nope\"}}{{/if}}"), &scope),
        &["no such file: `nope`", "play.yml:1:16"],
    );
    let bare = super::scope();
    error_of(render(&quoted("{{now \"%F\"}}"), &bare), &["`now` is not there"]);
}

#[test]
fn more_of_what_helpers_do() {
    for (template, expected) in [
        ("{{slice \"héllo\" 1 -1}}", serde_json::json!("éll")),
        ("{{slice name 5}}", "".into()),
        ("{{path_join \"a\" \"/b\" \"c\"}}", "/b/c".into()),
        ("{{bytes \"1.5 MiB\"}}", 1_572_864.into()),
        ("{{bytes \"7\"}}", 7.into()),
        ("{{capitalize \"\"}}", "".into()),
        ("{{kind none}}{{kind map}}{{kind 1.5}}", "nullmappingnumber".into()),
        ("{{duration \"1h30m\"}}", 5400.into()),
        ("{{strftime \"2026-01-01T12:00:00+01:00\" \"%T\"}}", "11:00:00".into()),
        ("{{regex_match \"a.b\" (regex_escape \"a.b\")}}", true.into()),
    ] {
        assert_eq!(json(template), expected, "{template}");
    }
}
