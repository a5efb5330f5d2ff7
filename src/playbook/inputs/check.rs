//! A value against what is declared.

use super::{Input, Kind, Type, shown};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::{Map, Node, Value},
};

impl Input {
    /// Reports all that is wrong with a value, which is called `what` (`` `port` of role `web` ``). What is not known yet is passed
    /// over. A value is only shown where it is a choice that was missed, and never when it is secret.
    pub fn check(&self, node: &Node, what: &str, errors: &mut Diagnostics) {
        if matches!(node.value, Value::Unknown(_)) {
            return;
        }
        let wrong = |message: String| {
            let error = Diagnostic::error(format!("{what} {message}")).at(&node.origin);
            // The default stands there itself.
            let same = node.origin.source.path == self.origin.source.path && what == "the default";
            if same { error } else { error.related(&self.origin, "declared here") }
        };
        let node = &match self.kind {
            Type::Ours(kind) if kind.takes(node) => node.clone(),
            Type::Ours(kind) => {
                let error = wrong(format!("must be {}, found {}", kind.wanted(), found(kind, node)));
                return errors.push(Diagnostic { hint: advice(kind, node), ..error });
            }
            Type::Ansible(loose) => {
                let Some(node) = loose.convert(node) else {
                    let found = node.value.kind();
                    return errors.push(wrong(format!("must be {}, found {found}", loose.wanted())));
                };
                node
            }
        };
        let is_choice = |value: &Node| {
            let same = |choice: &Node| match self.kind {
                Type::Ours(_) => choice.to_json() == value.to_json(),
                Type::Ansible(_) => {
                    shown(choice) == shown(value) || converted(self, choice) == value.to_json()
                }
            };
            self.choices.iter().any(same) || matches!(value.value, Value::Unknown(_))
        };
        let values =
            if self.kind.is_list() { node.as_seq().unwrap_or_default() } else { std::slice::from_ref(node) };
        if !self.choices.is_empty()
            && let Some(missed) = values.iter().find(|value| !is_choice(value))
        {
            let listed: Vec<_> = self.choices.iter().map(shown).collect();
            let error = wrong(format!("must be one of {}", listed.join(", ")));
            let written = missed.as_str().filter(|_| !missed.secret).unwrap_or_default();
            errors.push(error.suggest(written, self.choices.iter().filter_map(Node::as_str)));
        }
        if let Type::Ours(kind) = self.kind
            && let Some(measure) = kind.measure(node)
        {
            let below = self.min.filter(|min| measure < *min).map(|min| ("at least", min));
            let above = self.max.filter(|max| measure > *max).map(|max| ("at most", max));
            for (words, limit) in below.into_iter().chain(above) {
                errors.push(wrong(format!("must {} {words} {limit}{}", verb(kind), unit(kind))));
            }
        }
        if let (Some(pattern), Some(text)) = (&self.pattern, node.as_str())
            && !pattern.is_match(text)
        {
            let written = pattern.as_str();
            let written =
                written.strip_prefix("^(?:").and_then(|rest| rest.strip_suffix(")$")).unwrap_or(written);
            errors.push(wrong(format!("must match `{written}`")));
        }
        self.inside(node, what, errors);
    }

    /// Items and keys.
    fn inside(&self, node: &Node, what: &str, errors: &mut Diagnostics) {
        match &node.value {
            Value::Seq(items) => {
                for (at, item) in items.iter().enumerate() {
                    if let Some(input) = &self.items {
                        input.check(item, &format!("item {} of {what}", at + 1), errors);
                    }
                }
            }
            Value::Map(map) => {
                if let Some(input) = &self.items {
                    for (key, entry) in map.iter().filter(|(key, _)| !self.keys.contains_key(*key)) {
                        input.check(&entry.node, &format!("`{key}` in {what}"), errors);
                    }
                }
                if !self.keys.is_empty() {
                    self.keys_of(map, node, what, errors);
                }
            }
            _ => {}
        }
    }

    fn keys_of(&self, map: &Map, node: &Node, what: &str, errors: &mut Diagnostics) {
        for (name, input) in &self.keys {
            let names = std::iter::once(name).chain(&input.aliases);
            match names.filter_map(|name| map.get(name)).find(|entry| !entry.node.is_null()) {
                Some(entry) => input.check(&entry.node, &format!("`{name}` in {what}"), errors),
                None if input.required => {
                    let error = Diagnostic::error(format!("{what} has no `{name}`")).at(&node.origin);
                    errors.push(error.related(&input.origin, "it is required here"));
                }
                None => {}
            }
        }
        let known = || self.keys.iter().flat_map(|(name, input)| std::iter::once(name).chain(&input.aliases));
        for (key, entry) in map {
            if self.items.is_some() || known().any(|name| name == key) {
                continue;
            }
            let listed: Vec<_> = self.keys.keys().map(|name| format!("`{name}`")).collect();
            let error = Diagnostic::error(format!("unknown key `{key}` in {what}")).at(&entry.key);
            let error = error
                .related(&self.origin, "declared here")
                .hint(format!("known here: {}", listed.join(", ")));
            errors.push(error.suggest(key, known().map(String::as_str)));
        }
    }
}

/// A choice as the type that the value was converted to.
fn converted(input: &Input, choice: &Node) -> serde_json::Value {
    match input.kind {
        Type::Ansible(loose) => loose.convert(choice).map_or(serde_json::Value::Null, |node| node.to_json()),
        Type::Ours(_) => choice.to_json(),
    }
}

/// What was found, when that says more than its kind.
fn found(kind: Kind, node: &Node) -> &'static str {
    match (kind, &node.value) {
        (Kind::Path | Kind::Ip | Kind::Cidr | Kind::Hostname | Kind::Url, Value::Str(_)) => "another text",
        (Kind::Duration | Kind::Size | Kind::Mode, Value::Str(_)) => "another text",
        (Kind::Port | Kind::Duration | Kind::Size, Value::Int(_)) => "another number",
        (_, value) => value.kind(),
    }
}

/// How to write what was most likely meant.
fn advice(kind: Kind, node: &Node) -> Option<String> {
    if node.is_null() {
        return None;
    }
    let word = node.as_str().map(str::trim).unwrap_or_default();
    let lower = word.to_lowercase();
    if is_rendered(node)
        && let Some(helper) = helper_for(kind, node, word, &lower)
    {
        return Some(helper.into());
    }
    match (kind, &node.value) {
        (Kind::Boolean, _) if ["yes", "on"].contains(&lower.as_str()) => Some("write `true`".into()),
        (Kind::Boolean, _) if ["no", "off"].contains(&lower.as_str()) => Some("write `false`".into()),
        (Kind::Boolean, Value::Str(_)) if ["true", "false"].contains(&lower.as_str()) => {
            Some(format!("write `{lower}`, without quotes; of a text, `bool x` makes one"))
        }
        (Kind::Integer | Kind::Port | Kind::Number, Value::Str(_)) if kind.typed(word).is_some() => {
            Some("write it without quotes; of a text, `int x` makes a number".into())
        }
        (Kind::String, Value::Int(_) | Value::Float(_) | Value::Bool(_)) => Some("put it in quotes".into()),
        (Kind::Cidr, Value::Str(_)) if !node.secret && Kind::Ip.takes(node) => {
            Some(format!("a single address is `{word}/{}`", if word.contains(':') { 128 } else { 32 }))
        }
        (Kind::Mode, Value::Int(_)) => Some("put it in quotes, with the zero in front".into()),
        (Kind::Duration, Value::Str(_)) => {
            Some("units are ms, s, m, h, d and w; a number alone is seconds".into())
        }
        (Kind::List, Value::Str(_) | Value::Int(_)) => {
            Some("write `[...]`, or each item on a line with `- `".into())
        }
        _ => None,
    }
}

/// Whether a template gave the value: quotes around it change nothing then.
fn is_rendered(node: &Node) -> bool {
    let Origin { source, span } = &node.origin;
    source.text.get(span.clone()).is_some_and(|written| written.contains("{{"))
}

/// What to write in the template instead.
fn helper_for(kind: Kind, node: &Node, word: &str, lower: &str) -> Option<&'static str> {
    let is_bool = ["true", "false", "yes", "no", "on", "off"].contains(&lower);
    match (kind, &node.value) {
        (Kind::Boolean, Value::Str(_)) if is_bool => Some("`bool x` makes a boolean of a text"),
        (Kind::Integer | Kind::Port, Value::Str(_)) if kind.typed(word).is_some() => {
            Some("`int x` makes a number of a text")
        }
        (Kind::Number, Value::Str(_)) if word.parse::<i64>().is_ok() => {
            Some("`int x` makes a number of a text")
        }
        (Kind::String, Value::Int(_) | Value::Float(_) | Value::Bool(_)) => {
            Some("`string x` makes a text of it")
        }
        _ => None,
    }
}

fn verb(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Number | Kind::Port | Kind::Duration | Kind::Size => "be",
        _ => "have",
    }
}

fn unit(kind: Kind) -> &'static str {
    match kind {
        Kind::Integer | Kind::Number | Kind::Port => "",
        Kind::Duration => " s",
        Kind::Size => " bytes",
        Kind::List => " items",
        Kind::Map => " keys",
        _ => " characters",
    }
}
