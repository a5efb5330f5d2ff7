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

#[test]
fn every_helper_has_an_example_that_holds() {
    for helper in HELPERS {
        let (template, expected) = helper.example;
        let node = render(&Node::string(format!("{template}|"), &Origin::named("doc")), &Scope::new());
        let node = node.unwrap_or_else(|e| panic!("{}: {}", helper.name, shown(&e)));
        assert_eq!(node.as_str(), Some(format!("{expected}|").as_str()), "{}", helper.name);
    }
}
