//! Paths: what a name means at a place.

use super::{
    Cx, Frame,
    expression::{Found, usage},
    helpers,
    trace::Way,
    variable::Place,
};
use crate::{
    diag::{Diagnostic, Diagnostics, did_you_mean},
    jinja,
    model::Origin,
    yaml::{Node, Value},
};
use handlebars::{Path, PathSeg};

impl Cx<'_> {
    pub fn path(&self, path: &Path, at: usize) -> Result<Found, Diagnostics> {
        let (segments, raw) = match path {
            Path::Local((level, name, raw)) => return Ok(self.local(*level, name, raw, at)),
            Path::Relative((segments, raw)) => (segments, raw.as_str()),
        };
        match raw {
            "true" => return Ok(Found::Value(self.node(Value::Bool(true)))),
            "false" => return Ok(Found::Value(self.node(Value::Bool(false)))),
            _ => {}
        }
        let rules = segments.iter().filter(|s| matches!(s, PathSeg::Ruled(_))).count();
        let names: Vec<&str> = segments
            .iter()
            .filter_map(|s| match s {
                PathSeg::Named(name) => Some(name.as_str()),
                _ => None,
            })
            .collect();
        let from_root = from_root(raw);
        let place = || self.code.name(at, raw);
        if from_root {
            return self.variable_path(&names, &place);
        }
        if let Some(first) = names.first()
            && let Some((frame, at)) = self.block_parameter(first)
        {
            let node = &frame.params[at].1;
            let found = self.walk(node, &names[..1], &names[1..], &place);
            self.note_inner(&found, frame, Some(at), node, &names[1..]);
            return Ok(found);
        }
        let mut frame = self.frame;
        for _ in 0..rules {
            frame = match frame {
                Some(inner) => inner.parent,
                None => {
                    let error = Diagnostic::error(format!("`{}` leads out of the template", self.shown(raw)));
                    return Ok(Found::Missing(error.at(&place()).hint("`../` leaves one `each` or `with`")));
                }
            };
        }
        match (frame.and_then(|f| f.this), names.as_slice()) {
            (Some(this), names) => {
                let found = self.walk(this, &[], names, &place);
                frame.iter().for_each(|frame| self.note_inner(&found, frame, None, this, names));
                Ok(match found {
                    Found::Missing(error) => Found::Missing(self.outside_hint(names, error)),
                    found @ Found::Value(_) => found,
                })
            }
            (None, []) => {
                let error = Diagnostic::error("`this` means nothing here").at(&place());
                Ok(Found::Missing(error.hint("it is the item inside `each` and `with`")))
            }
            (None, names) => self.variable_path(names, &place),
        }
    }

    /// Whether a path begins at the variables and not at the item of an `each` or `with`. Block parameters aside.
    pub fn is_of_variable(&self, path: &Path) -> bool {
        let Path::Relative((segments, raw)) = path else { return false };
        let mut frame = self.frame;
        for _ in segments.iter().filter(|s| matches!(s, PathSeg::Ruled(_))) {
            let Some(inner) = frame else { return false };
            frame = inner.parent;
        }
        from_root(raw) || frame.is_none_or(|frame| frame.this.is_none())
    }

    /// The block or partial that gives something this name, and as which of its parameters.
    pub fn block_parameter(&self, name: &str) -> Option<(&Frame<'_>, usize)> {
        let mut frame = self.frame;
        while let Some(inner) = frame {
            if let Some(at) = inner.params.iter().position(|(n, _)| n == name) {
                return Some((inner, at));
            }
            frame = inner.parent;
        }
        None
    }

    fn local(&self, level: usize, name: &str, raw: &str, at: usize) -> Found {
        let mut frame = self.frame;
        for _ in 0..level {
            frame = frame.and_then(|f| f.parent);
        }
        while let Some(inner) = frame {
            if let Some((_, node)) = inner.locals.iter().find(|(n, _)| *n == name) {
                return Found::Value(node.clone());
            }
            frame = if inner.inherits { inner.parent } else { None };
        }
        let error =
            Diagnostic::error(format!("undefined `{}`", self.shown(raw))).at(&self.code.name(at, raw));
        Found::Missing(
            error.hint("`@index`, `@first`, `@last` are there inside `each`, `@key` in one over a mapping"),
        )
    }

    fn variable_path(&self, names: &[&str], place: Place) -> Result<Found, Diagnostics> {
        if let (["hostvars", host, names @ ..], true) = (names, self.scope.hosts().is_some()) {
            return self.host_variable(host, names, place);
        }
        let Some((node, layer)) = names.first().and_then(|name| self.scope.find(name)) else {
            self.note_unset(|| Way::of(names));
            return Ok(Found::Missing(self.undefined(names.first().unwrap_or(&""), &place())));
        };
        if layer == super::Layer::Final {
            let found = self.walk(node, &names[..1], &names[1..], place);
            self.note(&found, || Way::of(names), node, &names[1..]);
            return Ok(found);
        }
        // Only the part that is asked for is rendered: `a.x` may use `a.y`.
        let (mut node, mut used, mut secret) = (node, 1, node.secret);
        while used < names.len() {
            let Some(inner) = node.get(names[used]) else { break };
            node = inner;
            secret |= node.secret;
            used += 1;
        }
        let mut value = self.variable(&names[..used], node, place)?;
        if secret {
            value.taint();
        }
        let found = self.walk(&value, &names[..used], &names[used..], place);
        self.note(&found, || Way::of(names), &value, &names[used..]);
        Ok(found)
    }

    /// Follows names into a value. `before` are those that led to it.
    pub(super) fn walk(&self, mut node: &Node, before: &[&str], names: &[&str], place: Place) -> Found {
        let mut secret = node.secret;
        for (index, name) in names.iter().enumerate() {
            if matches!(node.value, Value::Unknown(_)) {
                break;
            }
            let Some(next) = step(node, name) else {
                let within = [before, &names[..index]].concat().join(".");
                let within = (!within.is_empty()).then(|| self.shown(&within).to_string());
                return Found::Missing(self.no_member(node, name, within.as_deref(), &place()));
            };
            node = next;
            secret |= node.secret;
        }
        let mut node = node.clone();
        if secret {
            node.taint();
        }
        Found::Value(node)
    }

    pub fn unsupported(&self, at: usize) -> Diagnostic {
        Diagnostic::error("this kind of expression is not supported").at(&self.code.tag(at))
    }

    fn undefined(&self, name: &str, place: &Origin) -> Diagnostic {
        let error = Diagnostic::error(format!("undefined variable `{}`", self.shown(name))).at(place);
        if self.code.secret {
            return error.hint("a text that is no template is tagged `!unsafe`");
        }
        if let Some(helper) = helpers::find(name) {
            return error.hint(format!("`{name}` is a helper: {}", usage(helper)));
        }
        if let Some(hint) = jinja::not_there(name) {
            return error.hint(hint);
        }
        if let Some(short) = name.strip_prefix("ansible_") {
            // What they all begin with makes none of them near.
            let known = || self.scope.names().filter_map(|name| name.strip_prefix("ansible_"));
            let close = did_you_mean(short, known()).or_else(|| known().find(|name| name.starts_with(short)));
            return error.hint(match close {
                Some(close) => format!("did you mean `ansible_{close}`?"),
                None => "facts are listed by `doc facts`, Ansible's names for them in docs/facts.md".into(),
            });
        }
        if name == "role_name" {
            return error.hint("it is there inside of a role only");
        }
        let error = error.hint(format!(
            "set it in `vars`, in group_vars/ or with `-e`; where it may be missing write `default {name} \"...\"`"
        ));
        error.suggest(name, self.scope.names())
    }

    pub fn no_member(&self, node: &Node, name: &str, within: Option<&str>, place: &Origin) -> Diagnostic {
        let name = self.shown(name);
        let whose = within.map_or_else(|| "this".to_string(), |w| format!("`{w}`"));
        match &node.value {
            Value::Map(map) => {
                let error = Diagnostic::error(format!("{whose} has no key `{name}`")).at(place);
                // Keys of a secret mapping are as secret as its values.
                if node.secret || self.code.secret {
                    return error;
                }
                let known: Vec<String> = map.keys().take(12).map(|k| format!("`{k}`")).collect();
                let more = if map.len() > known.len() { ", ..." } else { "" };
                let known = match known.len() {
                    0 => "it is an empty mapping".to_string(),
                    _ => format!("it has {}{more}", known.join(", ")),
                };
                let close = did_you_mean(name, map.keys().map(String::as_str)).filter(|_| name != "…");
                error.hint(match close {
                    Some(close) => format!("did you mean `{close}`? {known}"),
                    None => known,
                })
            }
            Value::Seq(items) => {
                let error = Diagnostic::error(format!("{whose} has no item `{name}`")).at(place);
                error.hint(format!("it is a list of {}, counted from 0", items.len()))
            }
            other => {
                let error =
                    Diagnostic::error(format!("{whose} is {}, it has no `{name}`", other.kind())).at(place);
                let known = within.is_some() && !node.origin.source.text.is_empty();
                if known { error.related(&node.origin, "it is written here") } else { error }
            }
        }
    }

    /// Inside `each` and `with`, plain names belong to the item: says so when the name is known outside.
    fn outside_hint(&self, names: &[&str], error: Diagnostic) -> Diagnostic {
        match names.first() {
            Some(first) if !self.code.secret && self.scope.find(first).is_some() => error.hint(format!(
                "inside `each` and `with` names belong to the item; the variable is `@root.{}`",
                names.join(".")
            )),
            _ => error,
        }
    }
}

fn from_root(raw: &str) -> bool {
    raw.trim_start_matches("this").trim_start_matches(['.', '/']).starts_with("@root")
}

pub(super) fn step<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(map) => map.get(name).map(|entry| &entry.node),
        Value::Seq(items) => items.get(name.parse::<usize>().ok()?),
        _ => None,
    }
}
