//! What each target does with its input. A normal test runs the kept corpus through the same functions (`tests/fuzz_corpus.rs`).

use agent::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use lustores_provision::{
    diag::{Diagnostic, Diagnostics, render},
    inventory::Inventory,
    model::{Origin, Source},
    template::{Layer, Scope, condition, render as rendered, render_file},
    vault::{Password, Passwords, Sealed},
    yaml::{self, Node, Value},
};
use sha2::Sha256;
use std::{
    collections::BTreeMap,
    sync::{Arc, OnceLock},
};

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.into(), text: text.into(), secret: false })
}

/// Some of the errors as people see them: excerpts take longer than all else.
fn show(error: &Diagnostic) {
    let length = error.place.as_ref().map_or(0, |(origin, _)| origin.source.text.len() + origin.span.start);
    if length.is_multiple_of(8) || !cfg!(fuzzing) {
        render(error, false);
    }
}

/// Every place lies in its text.
fn check_places(node: &Node) {
    let inside = |origin: &Origin| {
        assert!(origin.source.text.get(origin.span.clone()).is_some(), "{:?} lies outside", origin.span);
        origin.line_column();
    };
    inside(&node.origin);
    match &node.value {
        Value::Seq(items) => items.iter().for_each(check_places),
        Value::Map(map) => map.values().for_each(|entry| {
            inside(&entry.key);
            check_places(&entry.node);
        }),
        _ => {}
    }
}

/// Typed access of all kinds.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only that it can be read matters")]
struct Typed {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    mode: Option<yaml::Mode>,
    #[serde(default)]
    content: Option<yaml::Text>,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    weight: f64,
    #[serde(default)]
    state: State,
    #[serde(default)]
    vars: BTreeMap<String, yaml::Text>,
    #[serde(default)]
    tasks: Vec<Typed>,
}

#[derive(Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    #[default]
    Present,
    Absent,
}

/// Documents, their places, typed access, and the way back to text.
pub fn yaml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match yaml::parse_documents(&source("fuzz.yml", text)) {
        Ok(nodes) => {
            for node in nodes {
                check_places(&node);
                if let Err(error) = yaml::from_node::<Typed>(&node) {
                    show(&error);
                }
                yaml::to_text(&node).expect("a tree that was read can be written");
            }
        }
        Err(error) => show(&error),
    }
}

const INVENTORY: &str = "all:\n  children:\n    web: {hosts: {\"web[1:4].example.org\": }}\n    db: {hosts: {\"db[a:c]\": }}\n    \
                         site: {children: {web: , db: }}\n    \"2001:db8::1\": \n";

/// The first line is a pattern; what follows is the inventory: INI form, or YAML when it begins with `---`.
pub fn patterns(data: &[u8]) {
    static FIXED: OnceLock<Inventory> = OnceLock::new();
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (pattern, written) = text.split_once('\n').unwrap_or((text, ""));
    let mut errors = Diagnostics::default();
    let place = Origin { source: source("fuzz.yml", pattern), span: 0..pattern.len() };
    let select = |inventory: &Inventory| {
        if let Err(error) = inventory.select(pattern, &place) {
            show(&error);
        }
    };
    if written.is_empty() {
        return select(FIXED.get_or_init(|| {
            Inventory::of_text(&source("hosts.yml", INVENTORY), &mut Diagnostics::default())
        }));
    }
    let path = if written.starts_with("---") { "hosts.yml" } else { "hosts.ini" };
    let inventory = Inventory::of_text(&source(path, written), &mut errors);
    errors.0.iter().for_each(show);
    inventory.hosts().flat_map(|host| host.vars.values()).for_each(check_places);
    select(&inventory);
}

const VARIABLES: &str = r#"
name: web
port: 80
ratio: 1.5
on: true
off: false
empty: ""
none: null
list: [a, b, c]
nothing: []
map: {x: 1, y: two, "a b": 3}
users: [{name: ann, uid: 1}, {name: bob, uid: 2}]
greeting: "hello {{name}}"
nested: {root: /srv, data: "{{nested.root}}/data", deep: {port: "{{port}}"}}
literal: !unsafe "{{name}}"
round: "{{about}}"
about: "{{round}}"
twice: "{{bcrypt}}{{bcrypt}}"
bcrypt: "{{b64_encode password}}"
net: 10.1.2.3/16
"#;

const PASSWORD: &str = "hunter2&zebra";

/// Variables of every kind, one of them secret, one not known yet, two that use each other.
fn scope() -> &'static Scope {
    static SCOPE: OnceLock<Scope> = OnceLock::new();
    SCOPE.get_or_init(|| {
        let node = yaml::parse(&source("vars.yml", VARIABLES)).expect("this is YAML");
        let map = node.as_map().expect("this is a mapping");
        let mut scope = Scope::new();
        let layer = map.iter().map(|(name, entry)| (name.clone(), entry.node.clone()));
        scope.push(Arc::new(layer.collect()), Layer::Raw);
        let named = Origin::named("fuzz");
        scope.set("password", Node::string(PASSWORD, &named).with_secret(true));
        scope.set("later", Node::new(Value::Unknown("task x has not run".into()), named));
        scope
    })
}

/// A text that a secret went into is secret, and no error shows one.
fn check_secrets(written: &str, result: &Result<Node, Diagnostics>) {
    fn check(node: &Node) {
        match &node.value {
            Value::Str(text) if text.contains(PASSWORD) => assert!(node.secret, "a secret became clear"),
            Value::Seq(items) => items.iter().for_each(check),
            Value::Map(map) => map.values().for_each(|entry| check(&entry.node)),
            _ => {}
        }
    }
    match result {
        Ok(node) if !written.contains("hunter2") => check(node),
        Ok(_) => {}
        Err(errors) => {
            for error in &errors.0 {
                let texts = error.causes.iter().chain(&error.hint).chain([&error.message]);
                let shows = texts.into_iter().any(|text| text.contains(PASSWORD));
                assert!(!shows || written.contains("hunter2"), "an error shows a secret");
                show(error);
            }
        }
    }
}

/// A template file that may include itself and others.
pub fn templates(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let file = source("fuzz.hbs", text);
    let partial = |name: &str| match name {
        "self" => Some(file.clone()),
        "lines" => Some(source("lines.hbs", "<{{port}}\n{{#each list}}{{this}}{{/each}}>\n")),
        "around" => Some(source("around.hbs", "{{> self}}")),
        _ => None,
    };
    check_secrets(text, &render_file(&file, scope(), &partial));
}

/// A condition, and the same text as a bare expression and inside of a text.
pub fn expressions(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let place = |text: &str| Origin { source: source("fuzz.yml", text), span: 0..text.len() };
    if let Err(errors) = condition(&Node::string(text, &place(text)), scope()) {
        check_secrets(text, &Err(errors));
    }
    let bare = if text.contains("{{") { text.to_owned() } else { format!("{{{{{text}}}}}") };
    check_secrets(text, &rendered(&Node::string(&bare, &place(&bare)), scope()));
}

/// As the vault format has it, but when fuzzing (see `src/vault/cipher.rs`).
const ROUNDS: u32 = if cfg!(fuzzing) { 1 } else { 10_000 };

/// A vault text as it is, and, when the input begins with a `!`, a vault whose checksum is right over hostile content.
pub fn vault(data: &[u8]) {
    let passwords = Passwords::new(vec![
        Password { label: None, text: Secret::new("fuzz") },
        Password { label: Some("prod".into()), text: Secret::new("other") },
    ]);
    let text = match data.strip_prefix(b"!") {
        Some([salt, ciphertext @ ..]) => sealed(&[*salt], ciphertext),
        _ => match std::str::from_utf8(data) {
            Ok(text) => text.to_owned(),
            Err(_) => return,
        },
    };
    let opened = Sealed::parse(&text).and_then(|vault| vault.decrypt(&passwords));
    if let Err(error) = opened {
        show(&error.diagnostic(&Origin { source: source("fuzz.yml", &text), span: 0..text.len() }));
    }
}

fn sealed(salt: &[u8], ciphertext: &[u8]) -> String {
    let mut keys = [0; 80];
    pbkdf2::pbkdf2_hmac::<Sha256>(b"fuzz", salt, ROUNDS, &mut keys);
    let mut mac = Hmac::<Sha256>::new_from_slice(&keys[32..64]).expect("keys of any length will do");
    mac.update(ciphertext);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let inner = format!("{}\n{}\n{}", hex(salt), hex(&mac.finalize().into_bytes()), hex(ciphertext));
    format!("$ANSIBLE_VAULT;1.1;AES256\n{}\n", hex(inner.as_bytes()))
}
