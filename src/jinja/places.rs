//! Names, and what stands under a name in a value.

use super::{
    Left,
    ast::{Expr, Kind},
    emit::{Emitter, Out, Result, Type, quoted},
    facts::{self, Fact},
};

/// Whether a name can stand in a path as it is.
fn is_plain(name: &str) -> bool {
    name.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl Emitter {
    /// A name that is always in scope, from inside of a loop too.
    pub fn global(&self, path: &str) -> String {
        if self.loops.is_empty() { path.to_owned() } else { format!("@root.{path}") }
    }

    /// A variable, or a part of a value.
    pub fn place(&self, expr: &Expr) -> Result<Out> {
        if let Some(found) = facts::fact(expr) {
            return match found {
                Fact::Same(ours, kind) => Ok(Out::word(self.global(ours), kind)),
                Fact::Call(ours, path, kind) => Ok(Out::call(ours.replace("{}", &self.global(path)), kind)),
                Fact::Named(path) => Ok(Out::word(self.global(&path), Type::Any)),
                Fact::Unknown(hint) => Err(Left::new(expr.at, "there is no such fact here").hint(hint)),
            };
        }
        match &expr.kind {
            Kind::Name(name) => self.name(expr.at, name),
            Kind::Attribute(inner, name) => match &inner.kind {
                Kind::Name(l) if l == "loop" && !self.loops.is_empty() => self.of_loop(expr.at, name),
                _ => self.member(inner, name, quoted(name)),
            },
            Kind::Item(inner, key) => match &key.kind {
                Kind::Text(name) => self.member(inner, name, quoted(name)),
                Kind::Integer(index) => self.member(inner, &index.to_string(), index.to_string()),
                Kind::Minus(number) if matches!(number.kind, Kind::Integer(1)) => {
                    Ok(Out::call(format!("last {}", self.argument(inner)?), Type::Any))
                }
                Kind::Minus(_) => Ok(Out::call(
                    format!("first (slice {} {})", self.argument(inner)?, self.argument(key)?),
                    Type::Any,
                )),
                _ if matches!(&inner.kind, Kind::Name(name) if name == "hostvars") => {
                    Err(Left::new(expr.at, "the variables of a host cannot be used as a whole")
                        .hint("name one: `hostvar item \"port\"`"))
                }
                _ => Ok(Out::call(
                    format!("lookup {} {}", self.argument(inner)?, self.argument(key)?),
                    Type::Any,
                )),
            },
            _ => Err(Left::new(expr.at, "this is no name")),
        }
    }

    fn name(&self, at: usize, name: &str) -> Result<Out> {
        if self.loops.iter().any(|(names, _)| names.iter().any(|local| local == name)) {
            return Ok(Out::word(name.into(), Type::Any));
        }
        if name == "omit" {
            return Ok(Out::word("null".into(), Type::Any));
        }
        if let Some(hint) = facts::not_there(name) {
            return Err(Left::new(at, format!("`{name}` is not there")).hint(hint));
        }
        let kind = match name {
            "group_names" => Type::List,
            "inventory_hostname" | "playbook_dir" | "inventory_dir" | "role_name" => Type::Text,
            _ => Type::Any,
        };
        Ok(Out::word(self.global(name), kind))
    }

    /// What stands under a name in a value. `key`: the name as an argument.
    fn member(&self, inner: &Expr, name: &str, key: String) -> Result<Out> {
        if let Kind::Item(hosts, host) = &inner.kind
            && matches!(&hosts.kind, Kind::Name(hosts) if hosts == "hostvars")
            && !matches!(host.kind, Kind::Text(_))
        {
            return Ok(Out::call(format!("hostvar {} {}", self.argument(host)?, quoted(name)), Type::Any));
        }
        let whole = match &inner.kind {
            Kind::Name(hosts) if hosts == "hostvars" => Out::word(self.global("hostvars"), Type::Any),
            _ => self.emit(inner)?,
        };
        // One more name for `hostvar`.
        if let Some(start) = whole.text.strip_suffix('"').filter(|text| text.starts_with("hostvar "))
            && is_plain(name)
        {
            return Ok(Out::call(format!("{start}.{name}\""), Type::Any));
        }
        let kind = if whole.text.trim_start_matches("@root.") == "groups" { Type::List } else { Type::Any };
        let is_path = !whole.call && whole.text.starts_with(|c: char| c.is_alphabetic() || "_@".contains(c));
        if !is_path || name.is_empty() || name.contains([']', '[', '"', '\n']) {
            return Ok(Out::call(format!("lookup {} {key}", whole.argument()), kind));
        }
        let step = if is_plain(name) { format!(".{name}") } else { format!(".[{name}]") };
        Ok(Out::word(whole.text + &step, kind))
    }

    fn of_loop(&self, at: usize, name: &str) -> Result<Out> {
        match name {
            "index0" => Ok(Out::word("@index".into(), Type::Number)),
            "index" => Ok(Out::call("add @index 1".into(), Type::Number)),
            "first" => Ok(Out::word("@first".into(), Type::Bool)),
            "last" => Ok(Out::word("@last".into(), Type::Bool)),
            "length" => match self.loops.last() {
                Some((_, list)) => Ok(Out::call(format!("length {}", self.argument(list)?), Type::Number)),
                None => Err(Left::new(at, "there is no loop here")),
            },
            _ => Err(Left::new(at, format!("`loop.{name}` is not there"))
                .hint("there are `@index`, `@first`, `@last`, and `@key` in a mapping")),
        }
    }
}
