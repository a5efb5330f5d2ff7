//! `meta/inputs.yml`.

use super::{Input, Inputs, Kind, Type};
use crate::playbook::{
    keywords::{is_reserved, is_template},
    names,
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::{Entry, Map, Node, Value},
};
use indexmap::IndexMap;
use regex::Regex;

/// More than anybody needs; a hostile file should not use up the stack.
pub(super) const DEEPEST: usize = 20;

pub const KEYS: &[&str] = &[
    "type",
    "items",
    "elements",
    "keys",
    "default",
    "required",
    "choices",
    "min",
    "max",
    "pattern",
    "secret",
    "description",
];

/// Reads the file. All that is wrong with it goes to `errors`, also defaults that do not fit.
pub fn read(node: &Node, errors: &mut Diagnostics) -> Inputs {
    let mut inputs = Inputs { about: None, items: IndexMap::new(), origin: node.origin.clone() };
    if node.is_null() {
        return inputs;
    }
    let map = node.expect_map("inputs as `name: {type: ...}`");
    let Some(map) = errors.take(map) else { return inputs };
    for (name, entry) in map {
        if is_reserved(name) {
            let error = Diagnostic::error(format!("`{name}` is always in scope and cannot be an input"));
            errors.push(error.at(&entry.key).hint("choose another name"));
        }
        if let Some(input) = input(name, entry, 0, errors) {
            inputs.items.insert(name.clone(), input);
        }
    }
    inputs
}

impl Inputs {
    /// Reads the parameters of a program, which are described as inputs are. Their names are nobody's variables.
    pub fn parameters(node: &Node, errors: &mut Diagnostics) -> Self {
        let mut inputs = Self { about: None, items: IndexMap::new(), origin: node.origin.clone() };
        let map = errors.take(node.expect_map("parameters as `name: {type: ...}`"));
        for (name, entry) in map.into_iter().flatten() {
            inputs.items.extend(input(name, entry, 0, errors).map(|input| (name.clone(), input)));
        }
        inputs
    }
}

/// One input, or a part of one: `depth` counts how many it stands in.
fn input(name: &str, entry: &Entry, depth: usize, errors: &mut Diagnostics) -> Option<Input> {
    if depth > DEEPEST {
        let error = Diagnostic::error(format!("inputs stand in each other more than {DEEPEST} deep"));
        errors.push(error.at(&entry.key));
        return None;
    }
    // One that is wrong is an input all the same, which takes anything: who gives it a value is not told that there is none.
    let of = |kind: Option<Kind>| Input::new(Type::Ours(kind.unwrap_or(Kind::Any)), entry.key.clone());
    if let Some(word) = entry.node.as_str() {
        return Some(of(kind(word, &entry.node, errors)));
    }
    let Some(map) = errors.take(entry.node.expect_map("an input: `{type: ...}`")) else {
        return Some(of(None));
    };
    names::check_keys(map, "an input", &[KEYS], errors);
    let get = |key: &str| map.get(key).map(|entry| &entry.node).filter(|node| !node.is_null());
    let kind = match get("type") {
        Some(written) => {
            errors.take(written.expect_str("a type")).and_then(|word| kind(word, written, errors))
        }
        None => {
            let error = Diagnostic::error(format!("the input `{name}` has no `type`")).at(&entry.key);
            errors.push(error.hint(known()));
            None
        }
    };
    let mut input = of(kind);
    let mut flag = |key: &str| {
        let node = get(key)?;
        errors.take(node.expect_bool("`true` or `false`"))
    };
    input.required = flag("required").unwrap_or(false);
    input.secret = flag("secret").unwrap_or(false);
    input.about = get("description").and_then(|node| errors.take(text(node)));
    if let Some(kind) = kind {
        parts(&mut input, kind, map, depth, errors);
        limits(&mut input, kind, map, errors);
    }
    default(&mut input, map.get("default"), depth > 0, errors);
    Some(input)
}

/// What stands inside: items and keys.
fn parts(input: &mut Input, kind: Kind, map: &Map, depth: usize, errors: &mut Diagnostics) {
    if let Some(secret) = map.get("secret").filter(|_| depth > 0 && input.secret) {
        let error = Diagnostic::error("a part of an input cannot be secret by itself").at(&secret.key);
        errors.push(error.hint("write `secret: true` at the input; all of it is secret then"));
    }
    for key in ["items", "elements"] {
        let Some(entry) = map.get(key) else { continue };
        if !matches!(kind, Kind::List | Kind::Map) {
            let error = Diagnostic::error(format!("`{key}` is for a list or a map")).at(&entry.key);
            errors.push(error);
        } else if input.items.is_some() {
            let error = Diagnostic::error("`items` and `elements` are the same").at(&entry.key);
            errors.push(error.hint("write one of them"));
        } else {
            input.items = self::input(key, entry, depth + 1, errors).map(Box::new);
        }
    }
    let Some(entry) = map.get("keys") else { return };
    if kind != Kind::Map {
        return errors.push(Diagnostic::error("`keys` are for a map").at(&entry.key));
    }
    let Some(keys) = errors.take(entry.node.expect_map("keys as `name: {type: ...}`")) else { return };
    for (name, entry) in keys {
        if let Some(key) = self::input(name, entry, depth + 1, errors) {
            input.keys.insert(name.clone(), key);
        }
    }
}

fn limits(input: &mut Input, kind: Kind, map: &Map, errors: &mut Diagnostics) {
    let get = |key: &str| map.get(key).map(|entry| &entry.node).filter(|node| !node.is_null());
    if let Some(node) = get("choices")
        && let Some(choices) = errors.take(node.expect_seq("a list of values"))
    {
        input.choices = choices.to_vec();
        for choice in choices.iter().filter(|choice| kind != Kind::List && !kind.takes(choice)) {
            errors
                .push(Diagnostic::error(format!("this choice is not {}", kind.wanted())).at(&choice.origin));
        }
    }
    let mut limit = |key: &str| {
        let node = get(key)?;
        // `min: 1s` of a duration.
        let number = match (&node.value, kind) {
            (Value::Float(number), _) => Some(*number),
            (Value::Int(number), _) => Some(*number as f64),
            (Value::Str(_), Kind::Duration | Kind::Size) => kind.measure(node),
            _ => None,
        };
        if number.is_none() || kind == Kind::Boolean {
            errors.push(match kind {
                Kind::Boolean => {
                    Diagnostic::error(format!("`{key}` says nothing about a boolean")).at(&node.origin)
                }
                _ => node.expected("a number"),
            });
        }
        number
    };
    (input.min, input.max) = (limit("min"), limit("max"));
    if let (Some(min), Some(max), Some(node)) = (input.min, input.max, get("max"))
        && min > max
    {
        errors.push(Diagnostic::error("`max` is less than `min`").at(&node.origin));
    }
    let Some(node) = get("pattern") else { return };
    if !kind.is_text() {
        let error = Diagnostic::error(format!("`pattern` says nothing about `{}`", kind.name()));
        return errors.push(error.at(&node.origin).hint("of a list it stands below `items`"));
    }
    let Some(pattern) = errors.take(node.expect_str("a regular expression")) else { return };
    match Regex::new(&format!("^(?:{pattern})$")) {
        Ok(regex) => input.pattern = Some(regex),
        Err(error) => {
            let line = error.to_string();
            let line = line.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            errors.push(Diagnostic::error("not a regular expression").at(&node.origin).cause(line));
        }
    }
}

fn default(input: &mut Input, entry: Option<&Entry>, inside: bool, errors: &mut Diagnostics) {
    let Some(Entry { key, node }) = entry else { return };
    if inside {
        let error = Diagnostic::error("only a whole input has a default").at(key);
        return errors.push(
            error.hint("write it in the `default` of the input, or use the helper `default` in the role"),
        );
    }
    if input.required {
        let error = Diagnostic::error("an input with a default is never missing").at(key);
        return errors.push(error.hint("remove `required`, or the default"));
    }
    let open = match &node.value {
        Value::Str(text) => !text.is_empty() && !is_template(node),
        Value::Null => false,
        _ => true,
    };
    if input.secret && open && !node.holds_secret() {
        let error = Diagnostic::error("the default of a secret is there for everybody to read").at(key);
        return errors.push(error.hint("write `required: true`, or an empty default"));
    }
    if !node.is_null() && !holds_template(node) {
        let mut found = Diagnostics::default();
        input.check(node, "the default", &mut found);
        errors.extend(found);
    }
    input.default = Some(node.clone());
}

pub(super) fn holds_template(node: &Node) -> bool {
    match &node.value {
        Value::Seq(items) => items.iter().any(holds_template),
        Value::Map(map) => map.iter().any(|(key, entry)| key.contains("{{") || holds_template(&entry.node)),
        _ => is_template(node),
    }
}

/// A text, or a list of paragraphs.
pub(super) fn text(node: &Node) -> Result<String, Diagnostic> {
    let parts = node.expect_strings("a text")?;
    Ok(parts.iter().map(|(part, _)| part.trim()).collect::<Vec<_>>().join("\n"))
}

fn known() -> String {
    let names: Vec<_> = Kind::ALL.iter().map(|kind| format!("`{}`", kind.name())).collect();
    format!("types are: {}", names.join(", "))
}

/// What the types are called elsewhere.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("str", "string"),
    ("text", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("dict", "map"),
    ("mapping", "map"),
    ("object", "map"),
    ("array", "list"),
    ("raw", "any"),
    ("bytes", "size"),
    ("network", "cidr"),
];

fn kind(word: &str, node: &Node, errors: &mut Diagnostics) -> Option<Kind> {
    let found = Kind::ALL.into_iter().find(|kind| kind.name() == word);
    if found.is_none() {
        let error = Diagnostic::error(format!("unknown type `{word}`")).at(&node.origin).hint(known());
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == word);
        errors.push(match other {
            Some((_, ours)) => error.hint(format!("write `{ours}`")),
            None => error.suggest(word, Kind::ALL.iter().map(|kind| kind.name())),
        });
    }
    found
}
