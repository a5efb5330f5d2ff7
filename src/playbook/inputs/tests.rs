use super::*;
use crate::{
    diag::{Diagnostics, render},
    model::Source,
    yaml,
};
use std::sync::Arc;

fn node(name: &str, text: &str) -> Node {
    yaml::parse(&Arc::new(Source { path: name.into(), text: text.into(), secret: false })).unwrap()
}

fn text(errors: &Diagnostics) -> String {
    errors.0.iter().map(|d| render(d, false)).collect::<Vec<_>>().join("\n")
}

fn declared(inputs: &str) -> (Inputs, String) {
    let mut errors = Diagnostics::default();
    let inputs = read(&node("inputs.yml", inputs), &mut errors);
    (inputs, text(&errors))
}

/// What is wrong with a value of one declared input.
fn wrong(declaration: &str, value: &str) -> String {
    let (inputs, errors) = declared(&format!("it: {declaration}\n"));
    assert_eq!(errors, "", "{declaration}");
    let mut errors = Diagnostics::default();
    inputs.items["it"].check(
        node("v.yml", &format!("it: {value}\n")).get("it").unwrap(),
        "`it`",
        &mut errors,
    );
    text(&errors)
}

fn has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

/// Type, what it takes, what it does not.
const TYPES: &[(&str, &[&str], &[&str])] = &[
    ("any", &["1", "x", "[1]", "{a: 1}", "true", "1.5"], &[]),
    ("string", &["x", "\"1\"", "''", "\"{}\""], &["1", "1.10", "true", "[x]", "{a: 1}"]),
    ("integer", &["0", "-7", "8080"], &["\"1\"", "1.5", "x", "true"]),
    ("number", &["0", "1.5", "-2.25"], &["\"1\"", "x", "[1]"]),
    ("boolean", &["true", "false"], &["yes", "\"true\"", "1", "x"]),
    ("list", &["[]", "[1, x]"], &["x", "{a: 1}", "1"]),
    ("map", &["{}", "{a: 1}"], &["x", "[a]"]),
    ("path", &["/", "/srv/a b"], &["a/b", "''", "~/x", "1", "\"/a\\nb\""]),
    ("port", &["1", "65535"], &["0", "65536", "-1", "\"80\"", "http"]),
    (
        "ip",
        &["10.0.0.1", "\"::1\"", "fe80::1%eth0"],
        &["10.0.0", "10.0.0.0/8", "10.0.0.1%eth0", "fe80::1%", "x"],
    ),
    (
        "cidr",
        &["10.0.0.0/8", "0.0.0.0/0", "\"fd00::/8\""],
        &["10.0.0.1", "10.0.0.0/33", "\"::/129\"", "10.0.0.0/+8", "x/8"],
    ),
    ("hostname", &["a", "web-1.example.org", "example.org."], &["-a", "a..b", "a_b", "''", "a b"]),
    (
        "url",
        &["https://example.org", "postgres://u@h:1/x"],
        &["example.org", "https://", "https:///x", "https://a b"],
    ),
    (
        "duration",
        &["0", "90", "30s", "1h30m", "500ms", "1.5h", "2 d"],
        &["-1", "s", "1x", "1.5", "\"30\"", "''"],
    ),
    ("size", &["1024", "10m", "2 GiB", "512k"], &["-1", "m", "10 apples", "[]"]),
    ("mode", &["\"0644\"", "\"755\""], &["\"0888\"", "\"99999\"", "rwx"]),
];

#[test]
fn each_type_takes_what_it_says_and_nothing_else() {
    for (kind, good, bad) in TYPES {
        for value in *good {
            assert_eq!(wrong(kind, value), "", "{kind}: {value}");
        }
        for value in *bad {
            has(
                &wrong(&format!("{{type: {kind}}}"), value),
                &["`it` must be ", "v.yml:1:5", "inputs.yml:1:1", "declared here"],
            );
        }
    }
    assert_eq!(TYPES.len(), Kind::ALL.len());
}

#[test]
fn an_error_says_how_to_write_it() {
    for (kind, value, hint) in [
        ("boolean", "yes", "write `true`"),
        ("boolean", "\"false\"", "write `false`, without quotes"),
        ("port", "\"80\"", "without quotes"),
        ("string", "1.10", "put it in quotes"),
        ("cidr", "10.0.0.1", "a single address is `10.0.0.1/32`"),
        ("list", "x", "write `[...]`"),
        ("duration", "5 minutes", "units are ms, s, m"),
    ] {
        has(&wrong(kind, value), &[hint]);
    }
}

#[test]
fn limits_choices_and_patterns() {
    has(&wrong("{type: integer, min: 1, max: 4}", "5"), &["`it` must be at most 4"]);
    has(&wrong("{type: integer, min: 1, max: 4}", "0"), &["`it` must be at least 1"]);
    assert_eq!(wrong("{type: integer, min: 1, max: 4}", "4"), "");
    has(&wrong("{type: string, min: 8}", "short"), &["must have at least 8 characters"]);
    has(&wrong("{type: list, min: 1}", "[]"), &["must have at least 1 items"]);
    has(&wrong("{type: duration, min: 1m, max: 1h}", "30s"), &["must be at least 60 s"]);
    has(&wrong("{type: size, max: 1m}", "2m"), &["must be at most 1048576 bytes"]);
    let text = wrong("{type: string, choices: [staging, production]}", "producton");
    has(&text, &["must be one of `staging`, `production`", "did you mean `production`?"]);
    has(&wrong("{type: list, items: string, choices: [a, b]}", "[a, c]"), &["must be one of `a`, `b`"]);
    assert_eq!(wrong("{type: integer, choices: [1, 2]}", "2"), "");
    has(&wrong("{type: string, pattern: '[a-z]+'}", "abc1"), &["must match `[a-z]+`"]);
    assert_eq!(wrong("{type: string, pattern: 'a|bc'}", "bc"), "");
}

#[test]
fn what_stands_inside_is_checked_at_its_place() {
    let users = "{type: list, items: {type: map, keys: {name: {type: string, required: true}, uid: {type: integer, min: 1000}, keys: {type: list, items: string}}}}";
    assert_eq!(wrong(users, "[{name: a, uid: 1000, keys: [x]}]"), "");
    let text = wrong(users, "[{name: a, uid: 5}, {uid: x, keys: [1]}, {name: b, nmae: c}]");
    has(
        &text,
        &[
            "`uid` in item 1 of `it` must be at least 1000",
            "item 2 of `it` has no `name`",
            "`uid` in item 2 of `it` must be an integer, found a string",
            "item 1 of `keys` in item 2 of `it` must be a string",
            "unknown key `nmae` in item 3 of `it`",
            "did you mean `name`?",
            "v.yml:1:21",
        ],
    );
    let ports = "{type: map, items: port}";
    assert_eq!(wrong(ports, "{http: 80, https: 443}"), "");
    has(&wrong(ports, "{http: 80, https: x}"), &["`https` in `it` must be a port"]);
}

#[test]
fn secrets_are_not_shown() {
    let (inputs, _) = declared("it: {type: string, secret: true, choices: [a], pattern: 'a+'}\n");
    let mut value = node("v.yml", "it: hunter2\n").get("it").unwrap().clone();
    value.taint();
    value.origin = Origin::named("a vault");
    let mut errors = Diagnostics::default();
    inputs.items["it"].check(&value, "`it`", &mut errors);
    let text = text(&errors);
    has(&text, &["must be one of", "must match"]);
    assert!(!text.contains("hunter2"), "{text}");
}

#[test]
fn a_declaration_that_cannot_be_is_an_error() {
    for (declaration, message) in [
        ("{}", "the input `it` has no `type`"),
        ("{type: strnig}", "did you mean `string`?"),
        ("{type: int}", "write `integer`"),
        ("{type: string, requird: true}", "did you mean `required`?"),
        ("{type: string, default: x, required: true}", "never missing"),
        ("{type: port, default: 0}", "the default must be a port"),
        ("{type: string, secret: true, default: hunter2}", "the default of a secret"),
        ("{type: integer, min: 3, max: 2}", "`max` is less than `min`"),
        ("{type: integer, min: x}", "expected a number"),
        ("{type: integer, pattern: x}", "`pattern` says nothing"),
        ("{type: string, pattern: '('}", "not a regular expression"),
        ("{type: string, items: string}", "`items` is for a list or a map"),
        ("{type: list, keys: {a: string}}", "`keys` are for a map"),
        ("{type: list, items: string, elements: string}", "`items` and `elements` are the same"),
        ("{type: map, keys: {a: {type: string, default: x}}}", "only a whole input has a default"),
        ("{type: map, keys: {a: {type: string, secret: true}}}", "cannot be secret by itself"),
        ("{type: integer, choices: [1, x]}", "this choice is not an integer"),
        ("[x]", "expected an input"),
        ("strnig", "unknown type `strnig`"),
    ] {
        has(&declared(&format!("it: {declaration}\n")).1, &[message, "inputs.yml:1:"]);
    }
    let (inputs, errors) = declared("a: strnig\nb: {type: strnig, min: 3, required: yes}\nc: {}\nd: [x]\n");
    has(&errors, &["`strnig`", "1:4", "2:11", "2:37", "the input `c` has no `type`", "expected an input"]);
    assert_eq!((errors.matches("error:").count(), inputs.items.len()), (5, 4), "{errors}");
    let deep = format!("it: {}string{}\n", "{type: list, items: ".repeat(30), "}".repeat(30));
    has(&declared(&deep).1, &["more than 20 deep"]);
    has(&declared("facts: string\n").1, &["always in scope"]);
    has(&declared("[a]\n").1, &["expected inputs as"]);
    assert_eq!(declared("").1, "");
    let (inputs, errors) =
        declared("a: {type: port, default: \"{{b}}\"}\nb: {type: string, secret: true, default: ''}\n");
    assert_eq!((errors.as_str(), inputs.items.len()), ("", 2));
}

#[test]
fn what_is_typed_becomes_the_type_that_is_wanted() {
    let typed = |kind: &str, text: &str| {
        let (inputs, _) = declared(&format!("it: {kind}\n"));
        inputs.items["it"]
            .typed(&Node::string(text, &Origin::named("-e")))
            .map(|node| node.to_json().to_string())
    };
    assert_eq!(typed("integer", "80").as_deref(), Some("80"));
    assert_eq!(typed("port", "80").as_deref(), Some("80"));
    assert_eq!(typed("boolean", "true").as_deref(), Some("true"));
    assert_eq!(typed("number", "1.5").as_deref(), Some("1.5"));
    assert_eq!(typed("duration", "90").as_deref(), Some("90"));
    for (kind, text) in
        [("string", "80"), ("integer", "x"), ("boolean", "yes"), ("duration", "30s"), ("number", "inf")]
    {
        assert_eq!(typed(kind, text), None, "{kind} {text}");
    }
}

/// What is wrong with a value of one option of Ansible's.
fn wrong_option(option: &str, value: &str) -> String {
    let mut errors = Diagnostics::default();
    let specs = node("specs.yml", &format!("main: {{options: {{it: {option}}}}}\n"));
    let specs = read_specs(&specs, &mut errors);
    assert_eq!(text(&errors), "", "{option}");
    let value = node("v.yml", &format!("it: {value}\n"));
    specs["main"].items["it"].check(value.get("it").unwrap(), "`it`", &mut errors);
    text(&errors)
}

#[test]
fn ansibles_types_take_what_can_be_converted() {
    for (kind, good, bad) in [
        ("str", &["x", "1", "true", "[1]"][..], &[][..]),
        ("int", &["1", "\"8080\"", "3.0", "\" 7 \""], &["x", "1.5", "[1]", "\"1.5\""]),
        ("float", &["1", "\"1.5\"", "2.5"], &["x", "[1]"]),
        ("bool", &["true", "\"yes\"", "on", "0", "1", "\"F\""], &["maybe", "2", "[true]"]),
        ("list", &["[1]", "\"a,b\"", "7"], &["{a: 1}", "true"]),
        ("dict", &["{a: 1}", "'{\"a\": 1}'", "a=1 b=2", "\"a=1, b=2\""], &["x", "[a]", "1", "'[1]'"]),
        ("path", &["a/b", "~/x", "/x"], &[]),
        ("raw", &["x", "[1]"], &[]),
        ("json", &["'{}'", "[1]", "{a: 1}"], &["1", "true"]),
        ("jsonarg", &["{a: 1}"], &["1"]),
        ("bytes", &["1024", "10M", "1KB", "2 G"], &["x", "10X", "10Mb x"]),
        ("bits", &["10Mb", "1024"], &["10MB", "x"]),
    ] {
        for value in good {
            assert_eq!(wrong_option(&format!("{{type: {kind}}}"), value), "", "{kind}: {value}");
        }
        for value in bad {
            has(&wrong_option(&format!("{{type: {kind}}}"), value), &["`it` must be ", "v.yml:1:5"]);
        }
    }
}

#[test]
fn ansibles_choices_elements_and_suboptions() {
    assert_eq!(wrong_option("{type: str, choices: [a, b]}", "b"), "");
    has(&wrong_option("{choices: [a, b]}", "c"), &["must be one of `a`, `b`"]);
    assert_eq!(wrong_option("{type: int, choices: [1, 2]}", "\"2\""), "");
    assert_eq!(wrong_option("{type: bool, choices: [true]}", "\"yes\""), "");
    has(&wrong_option("{type: list, elements: str, choices: [a, b]}", "[a, c]"), &["must be one of"]);
    has(&wrong_option("{type: list, elements: int}", "[1, x]"), &["item 2 of `it` must be an integer"]);
    let users =
        "{type: list, elements: dict, options: {name: {required: true, aliases: [login]}, uid: {type: int}}}";
    assert_eq!(wrong_option(users, "[{login: a, uid: 7}]"), "");
    let found = wrong_option(users, "[{uid: x, shel: y}]");
    has(
        &found,
        &["item 1 of `it` has no `name`", "`uid` in item 1 of `it` must be an integer", "unknown key `shel`"],
    );
    let mut errors = Diagnostics::default();
    read_specs(
        &node("s.yml", "main: {options: {a: {type: strr}, b: 7, c: {required: maybe}}}\nother: [x]\n"),
        &mut errors,
    );
    has(
        &text(&errors),
        &[
            "unknown type `strr`",
            "did you mean `str`?",
            "expected an option",
            "expected `true` or `false`",
            "expected an entry point",
        ],
    );
}
