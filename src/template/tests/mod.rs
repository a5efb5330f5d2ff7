use super::*;
use crate::diag;
use indexmap::IndexMap;

const VARS: &str = r#"
name: web
port: 80
ratio: 1.5
on: true
off: false
empty: ""
none: null
list: [a, b, c]
nothing: []
map: {x: 1, y: two}
users: [{name: ann, uid: 1}, {name: bob, uid: 2}]
greeting: "hello {{name}}"
nested: {root: /srv, data: "{{nested.root}}/data", deep: {port: "{{port}}"}}
literal: !unsafe "{{name}}"
"#;

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.into(), text: text.into(), secret: false })
}

/// Variables from YAML, with a secret `password` and an unknown `later`.
fn scope_of(yaml: &str) -> Scope {
    let node = crate::yaml::parse(&source("vars.yml", yaml)).unwrap();
    let layer: IndexMap<String, Node> =
        node.as_map().unwrap().iter().map(|(k, e)| (k.clone(), e.node.clone())).collect();
    let mut scope = Scope::new();
    scope.push(Arc::new(layer), Layer::Raw);
    let named = Origin::named("test");
    scope.set("password", Node::string("hunter2", &named).with_secret(true));
    scope.set("later", Node::new(Value::Unknown("task x has not run".into()), named));
    scope
}

fn scope() -> Scope {
    scope_of(VARS)
}

/// The value of `v:` in a YAML file.
fn value(yaml: &str) -> Node {
    crate::yaml::parse(&source("play.yml", yaml)).unwrap().get("v").unwrap().clone()
}

fn quoted(template: &str) -> Node {
    value(&format!("v: '{}'\n", template.replace('\'', "''")))
}

fn shown(errors: &Diagnostics) -> String {
    errors.0.iter().map(|d| diag::render(d, false)).collect::<Vec<_>>().join("\n")
}

fn json(template: &str) -> serde_json::Value {
    match render(&quoted(template), &scope()) {
        Ok(node) => node.to_json(),
        Err(errors) => panic!("{template}: {}", shown(&errors)),
    }
}

#[test]
fn expressions_keep_their_type() {
    use serde_json::json;
    for (template, expected) in [
        ("plain", json!("plain")),
        ("{{port}}", json!(80)),
        ("{{ port }}", json!(80)),
        ("p{{port}}", json!("p80")),
        ("{{on}}", json!(true)),
        ("{{list}}", json!(["a", "b", "c"])),
        ("{{list.1}}", json!("b")),
        ("{{map}}", json!({"x": 1, "y": "two"})),
        ("{{map.x}}-{{ratio}}", json!("1-1.5")),
        ("{{greeting}}!", json!("hello web!")),
        ("{{nested.data}}", json!("/srv/data")),
        ("{{nested}}", json!({"root": "/srv", "data": "/srv/data", "deep": {"port": 80}})),
        ("{{literal}}", json!("{{name}}")),
        ("{{none}}", json!(null)),
        ("\\{{name}}", json!("{{name}}")),
        ("{{#if on}}a{{else if off}}b{{else}}c{{/if}}", json!("a")),
        ("{{#if off}}a{{else if on}}b{{else}}c{{/if}}", json!("b")),
        ("{{#unless off}}a{{/unless}}", json!("a")),
        ("{{#each list}}{{@index}}{{this}}{{#unless @last}},{{/unless}}{{/each}}", json!("0a,1b,2c")),
        ("{{#each map}}{{@key}}={{this}};{{/each}}", json!("x=1;y=two;")),
        (
            "{{#each users as |u|}}{{u.name}}{{uid}}{{../name}}{{@root.port}} {{/each}}",
            json!("ann1web80 bob2web80 "),
        ),
        ("{{#each map as |v k|}}{{k}}{{v}} {{/each}}", json!("x1 ytwo ")),
        ("{{#each nothing}}x{{else}}none{{/each}}", json!("none")),
        ("{{#with map}}{{x}}{{/with}}", json!("1")),
        ("{{{{raw}}}}{{name}}{{{{/raw}}}}", json!("{{name}}")),
        ("a {{~name~}} b", json!("awebb")),
        ("{{! note }}{{name}}", json!("web")),
        ("{{default nope.x port}}", json!(80)),
        ("{{and on (not off)}}", json!(true)),
        ("{{lookup map (lower \"X\")}}", json!(1)),
        ("{{default (lookup map \"q\") \"z\"}}", json!("z")),
        ("{{defined map.q}}", json!(false)),
    ] {
        assert_eq!(json(template), expected, "{template}");
    }
}

#[track_caller]
fn error_of<T: std::fmt::Debug>(result: Result<T, Diagnostics>, parts: &[&str]) {
    let text = shown(&result.expect_err("this must be refused"));
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
}

#[test]
fn mistakes_are_explained() {
    for (template, parts) in [
        ("{{prot}}", &["undefined variable `prot`", "did you mean `port`?", "play.yml:1:7"][..]),
        ("a {{#if prot}}x{{/if}}", &["undefined variable `prot`", "play.yml:1:13"]),
        ("{{#unless map.z}}x{{/unless}}", &["`map` has no key `z`", "it has `x`, `y`", "play.yml:1:15"]),
        ("{{map.yy}}", &["`map` has no key `yy`", "did you mean `y`?"]),
        ("{{list.7}}", &["`list` has no item `7`", "a list of 3"]),
        ("{{name.x}}", &["`name` is a string, it has no `x`"]),
        ("{{nested.deep.prot}}", &["`nested.deep` has no key `prot`", "did you mean `port`?"]),
        ("{{#each users}}{{port}}{{/each}}", &["this has no key `port`", "`@root.port`"]),
        ("{{@index}}", &["undefined `@index`"]),
        ("{{../x}}", &["leads out of the template"]),
        ("{{this}}", &["`this` means nothing here"]),
        ("v={{none}}", &["`none` is null", "default"]),
        ("v={{list}}", &["`list` is a list and cannot stand in a text", "to_json"]),
        ("v={{split name \",\"}}", &["the result of `split` is a list"]),
        ("{{#each port}}x{{/each}}", &["`each` wants a list or a mapping, but `port` is an integer"]),
        ("{{lowr name}}", &["unknown helper `lowr`", "did you mean `lower`?"]),
        ("{{lower}}", &["undefined variable `lower`", "`lower` is a helper: write `lower text`"]),
        ("{{name and port}}", &["unknown helper `name`", "helpers come first"]),
        ("{{#iff on}}x{{/iff}}", &["unknown block `iff`", "did you mean `if`?"]),
        ("{{#if}}x{{/if}}", &["`if` takes one value, found 0"]),
        ("{{#if on off}}x{{/if}}", &["`if` takes one value, found 2"]),
        ("{{replace name \"x\"}}", &["`replace`: argument `new` is missing", "write `replace text old new`"]),
        ("{{lower name name}}", &["`lower` takes 1 argument, found 2"]),
        ("{{lower name x=1}}", &["no named argument `x`"]),
        ("{{join name \",\"}}", &["`join`: `list` must be a list, found a string", "play.yml:1:12"]),
        ("{{add name 1}}", &["`add`: `a` must be a number, found a string"]),
        ("{{div 1 0}}", &["division by zero"]),
        ("{{mul 9223372036854775807 2}}", &["the result is too large"]),
        ("{{eq port \"80\"}}", &["an integer and a string are never equal"]),
        ("{{and on name}}", &["`and` wants true or false, but `name` is a string", "defined x"]),
        ("{{regex_match name \"(\"}}", &["no valid regular expression: unclosed group"]),
        ("{{first nothing}}", &["`first`: `list` is empty"]),
        ("{{b64_decode \"*\"}}", &["not valid base64"]),
        ("{{range 1000000}}", &["more than 100000 items"]),
        ("{{> other}}", &["unknown partial `other`", "in template files only"]),
        ("{{port == 80}}", &["invalid template", "write `eq port 80`"]),
        ("{{ name | lower }}", &["invalid template", "write `lower name`"]),
        ("{{name", &["invalid template", "is not closed"]),
        ("{{#if on}}x", &["invalid template", "needs its"]),
        ("{{#if on}}x{{/each}}", &["`{{#if}}` is closed by `{{/each}}`"]),
        ("{% if x %}{{ % }}", &["invalid template"]),
        ("{{env_quote \"a\\nb\"}}", &["cannot hold a line break"]),
    ] {
        error_of(render(&quoted(template), &scope()), parts);
    }
}

#[test]
fn an_error_points_into_the_file() {
    let yaml = "v: |\n  first {{name}}\n  {{#if on}}\n    {{typo}}\n  {{/if}}\n";
    error_of(render(&value(yaml), &scope()), &["play.yml:4:7", "    {{typo}}"]);
    let yaml = "v: \"say \\\"{{name}}\\\" {{lower nmae}}\"\n";
    error_of(render(&value(yaml), &scope()), &["play.yml:1:30", "did you mean `name`?"]);
    let yaml = "v: {a: '{{one}}', b: ['{{two}}', '{{port}}'], '{{three}}': 1}\n";
    error_of(
        render(&value(yaml), &scope()),
        &["`one`", "`two`", "`three`", "play.yml:1:11", "play.yml:1:26"],
    );
    let yaml = "v: >-\n  {{name}} {{name}}\n  {{name}} {{nam}}\n";
    error_of(render(&value(yaml), &scope()), &["play.yml:3:14"]);
}

#[test]
fn an_error_in_a_variable_points_to_the_variable() {
    let scope = scope_of("a: \"{{b}}\"\nb: \"x {{missing}}\"\n");
    error_of(render(&quoted("{{a}}"), &scope), &["undefined variable `missing`", "vars.yml:2:9"]);
}

#[test]
fn circles_are_shown_with_their_places() {
    let scope = scope_of("a: \"{{b}}\"\nb: \"{{c.x}}\"\nc: {x: \"{{a}}\", y: 1}\n");
    let parts = ["circle: a -> b -> c.x -> a", "vars.yml:3:11", "`a` is written here", "`b` is written here"];
    error_of(render(&quoted("{{a}}"), &scope), &parts);
    assert_eq!(render(&quoted("{{c.y}}"), &scope).unwrap().to_json(), 1);
    error_of(scope.get("a"), &["circle"]);
}

#[test]
fn later_layers_win_and_lazy_values_see_them() {
    let mut scope = scope();
    assert_eq!(scope.get("greeting").unwrap().unwrap().as_str(), Some("hello web"));
    let before = scope.clone();
    scope.set("name", Node::string("{{db}}", &Origin::named("fact")));
    assert_eq!(scope.get("greeting").unwrap().unwrap().as_str(), Some("hello {{db}}"));
    assert_eq!(before.get("greeting").unwrap().unwrap().as_str(), Some("hello web"));
    assert!(scope.get("nope").unwrap().is_none());
}

#[test]
fn what_a_secret_goes_into_is_secret() {
    for (template, secret) in [
        ("{{password}}", true),
        ("x{{password}}", true),
        ("{{#if password}}a{{/if}}", true),
        ("{{#each (split password \"\\n\")}}a{{/each}}", true),
        ("{{length password}}", true),
        ("{{eq password \"x\"}}", true),
        ("{{ternary (eq password \"x\") 1 2}}", true),
        ("{{ternary on name password}}", false),
        ("{{ternary off name password}}", true),
        ("{{sha256 password}}", true),
        ("{{defined password}}", false),
        ("{{default password name}}", true),
        ("{{default name password}}", false),
        ("{{or on (eq password \"x\")}}", false),
        ("{{or off (eq password \"x\")}}", true),
        ("{{#if off}}{{password}}{{/if}}x", false),
        ("{{lookup map (ternary (eq password \"x\") \"x\" \"y\")}}", true),
        ("{{name}}", false),
    ] {
        let node =
            render(&quoted(template), &scope()).unwrap_or_else(|e| panic!("{template}: {}", shown(&e)));
        assert_eq!(node.holds_secret(), secret, "{template}");
        assert!(!format!("{node:?}").contains("hunter2"));
    }
}

#[test]
fn parts_keep_their_own_marks() {
    let scope = scope_of("l: [a, \"{{password}}\"]\nm: {p: \"{{password}}\", q: 1, w: \"{{later}}\"}\n");
    for (template, secret) in [
        ("{{first l}}", false),
        ("{{last l}}", true),
        ("{{l.0}}", false),
        ("{{length l}}", false),
        ("{{join l}}", true),
        ("{{m.q}}", false),
        ("{{join (keys m)}}", false),
        ("{{lookup m \"p\"}}", true),
        ("{{#with m}}{{q}}{{/with}}", false),
        ("{{#with m}}{{p}}{{/with}}", true),
        ("{{#each l}}{{#if @first}}{{this}}{{/if}}{{/each}}", false),
        ("{{(merge m {\"q\": 2}).q}}", false),
    ] {
        let Ok(node) = render(&quoted(template), &scope) else { continue };
        assert_eq!((node.secret, node.unknown().is_some()), (secret, false), "{template}");
    }
    let node = render(&quoted("{{m}}"), &scope).unwrap();
    assert!(!node.secret && node.get("p").unwrap().secret && !node.get("q").unwrap().secret);
    assert!(render(&quoted("{{to_json m}}"), &scope).unwrap().unknown().is_some());
}

#[test]
fn no_error_tells_a_secret() {
    let mut scope = scope();
    let hidden = Node::string("{{hunter2}} and {{#hunter2}}", &Origin::named("x")).with_secret(true);
    let whole = Arc::new(Source { path: "v.yml".into(), text: "v: '{{hunter2 x}}'\n".into(), secret: true });
    let mut errors = String::new();
    for node in [
        hidden.clone(),
        Node::string("{{hunter2.x}}", &Origin::named("x")).with_secret(true),
        Node::string("{{hunter2 name}}", &Origin::named("x")).with_secret(true),
        Node::string("{{lower hunter2=name}}", &Origin::named("x")).with_secret(true),
        Node::string("{{#hunter2 name}}{{/hunter2}}", &Origin::named("x")).with_secret(true),
        Node::string("{{#if name}}{{/hunter2}}", &Origin::named("x")).with_secret(true),
        Node::string("{{map.hunter2}}", &Origin::named("x")).with_secret(true),
        Node::string("{{name.hunter2.b}}", &Origin::named("x")).with_secret(true),
        Node::string("{{> hunter2}}", &Origin::named("x")).with_secret(true),
        Node::string("{{lower 1hunter2}}", &Origin::named("x")).with_secret(true),
        Node::string("{{@hunter2}}{{../hunter2}}", &Origin::named("x")).with_secret(true),
        crate::yaml::parse(&whole).unwrap().get("v").unwrap().clone(),
        quoted("{{add password 1}}"),
        quoted("{{lookup map password}}"),
        quoted("{{regex_match name password}}{{regex_match name (concat password)}}"),
        quoted("{{and password on}}"),
        quoted("{{#each password}}{{/each}}"),
        quoted("{{eq password 1}}{{sort password}}{{first password}}"),
    ] {
        let Err(error) = render(&node, &scope) else { continue };
        errors += &shown(&error);
        errors += &format!("{error:?}\n");
    }
    let condition_of = Node::string("hunter2", &Origin::named("x")).with_secret(true);
    errors += &shown(&condition(&condition_of, &scope).unwrap_err());
    scope.set("key", Node::string("hunter2", &Origin::named("x")).with_secret(true));
    let keys = value("v: {'{{key}}': 1, '{{password}}': 2}\n");
    errors += &shown(&render(&keys, &scope).unwrap_err());
    assert!(!errors.contains("hunter2"), "{errors}");
}

#[test]
fn what_is_not_known_stays_unknown() {
    for template in [
        "{{later}}",
        "{{later.stdout.x}}",
        "a {{later}}",
        "{{#if later}}x{{/if}}",
        "{{#each later}}x{{/each}}",
        "{{lower later}}",
        "{{eq later 1}}",
        "{{and on later}}",
        "{{not later}}",
        "{{ternary later 1 2}}",
        "{{default later 1}}",
        "{{lookup later \"a\"}}",
        "{{defined later.x}}",
    ] {
        let node = render(&quoted(template), &scope()).unwrap();
        assert_eq!(node.unknown().map(|w| &**w), Some("task x has not run"), "{template}");
    }
    assert_eq!(json("{{and off later}}"), false);
    assert_eq!(json("{{or on later}}"), true);
    error_of(render(&quoted("{{later}} {{typo}}"), &scope()), &["undefined variable `typo`"]);
}

#[test]
fn conditions() {
    let unknown = Truth::Unknown("task x has not run".into());
    for (yaml, expected) in [
        ("true", Truth::True),
        ("false", Truth::False),
        ("\"true\"", Truth::True),
        ("on", Truth::True),
        ("not on", Truth::False),
        ("and on (eq name \"web\")", Truth::True),
        ("(eq name \"db\")", Truth::False),
        ("[on, eq port 80]", Truth::True),
        ("[off, typo]", Truth::False),
        ("[]", Truth::True),
        ("later.changed", unknown.clone()),
        ("[later.changed, off]", Truth::False),
        ("[later.changed, on]", unknown),
        ("and later off", Truth::False),
        ("defined typo", Truth::False),
        ("in \"a\" list", Truth::True),
    ] {
        let node = value(&format!("v: {yaml}\n"));
        let result = condition(&node, &scope()).unwrap_or_else(|e| panic!("{yaml}: {}", shown(&e)));
        assert_eq!(result, expected, "{yaml}");
    }
    for (yaml, parts) in [
        ("name", &["a condition must be true or false, this is a string", "play.yml:1:4", "defined x"][..]),
        ("port", &["this is an integer"]),
        ("'{{on}}'", &["a condition is an expression already", "write it without braces"]),
        ("nmae", &["undefined variable `nmae`", "did you mean `name`?", "play.yml:1:4"]),
        ("not nmae", &["undefined variable `nmae`", "play.yml:1:8"]),
        ("name == \"web\"", &["invalid condition", "write `eq name \"web\"`", "play.yml:1:"]),
        ("name is defined", &["write `defined name`"]),
        ("r is failed", &["unknown helper `r`", "write `r.failed`"]),
        ("on is not defined", &["write `not (defined on)`"]),
        ("and on (r is changed)", &["unknown helper `r`", "write `r.changed`"]),
        ("r is nonsense", &["write `defined r`"]),
        ("on and off", &["unknown helper `on`", "helpers come first: `and on off`"]),
        ("'!on'", &["must be one expression", "write `not x`"]),
        ("'#if on'", &["invalid condition"]),
        ("3", &["expected true, false or an expression, found an integer"]),
        ("''", &["empty condition"]),
        ("{a: b}", &["found a mapping"]),
    ] {
        error_of(condition(&value(&format!("v: {yaml}\n")), &scope()), parts);
    }
}

mod files;
mod helpers;
mod likeness;
mod unrendered;
