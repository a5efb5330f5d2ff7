//! Calls: methods of texts, lists and mappings, and global functions.

use super::{
    Left,
    ast::{Arguments, Expr, Kind},
    emit::{Emitter, Out, Result, Type, literal, quoted},
    rarer,
};

impl Emitter {
    pub(crate) fn call(&self, whole: &Expr, function: &Expr, arguments: &Arguments) -> Result<Out> {
        if let Some((name, value)) = arguments.named.first()
            && !matches!(&function.kind, Kind::Name(f) if ["lookup", "query", "q", "now"].contains(&f.as_str()))
        {
            return Err(Left::new(value.at, format!("`{name}` is not there as an argument")));
        }
        match &function.kind {
            Kind::Attribute(object, method) if method == "strftime" && is_now(object) => {
                let [format] = arguments.plain.as_slice() else {
                    return Err(Left::new(whole.at, "`strftime()` needs a format"));
                };
                rarer::now(whole.at, Some(self.argument(format)?))
            }
            Kind::Attribute(object, method) => self.method(whole.at, object, method, &arguments.plain),
            Kind::Name(name) if name == "now" => {
                let format = arguments.get(1, "fmt").map(|format| self.argument(format)).transpose()?;
                rarer::now(whole.at, format)
            }
            Kind::Name(name) if arguments.named.is_empty() => self
                .lookup(name, &arguments.plain)?
                .map_or_else(|| self.function(whole.at, name, &arguments.plain), Ok),
            Kind::Name(name) => self.function(whole.at, name, &arguments.plain),
            _ => Err(Left::new(whole.at, "only methods and functions can be called")),
        }
    }

    fn method(&self, at: usize, object: &Expr, method: &str, arguments: &[Expr]) -> Result<Out> {
        let x = || self.argument(object);
        let one = || self.argument(&arguments[0]);
        let text = |text: String| Ok(Out::call(text, Type::Text));
        let bool = |text: String| Ok(Out::call(text, Type::Bool));
        let list = |text: String| Ok(Out::call(text, Type::List));
        match (method, arguments.len()) {
            ("startswith" | "endswith", 1) => {
                let helper = if method == "startswith" { "starts_with" } else { "ends_with" };
                if let Kind::List(parts) = &arguments[0].kind {
                    let each = |part: &Expr| Ok(format!("({helper} {} {})", x()?, self.argument(part)?));
                    let parts = parts.iter().map(each).collect::<Result<Vec<_>>>()?;
                    return bool(format!("or {}", parts.join(" ")));
                }
                bool(format!("{helper} {} {}", x()?, one()?))
            }
            ("split", 0) => list(format!("regex_find {} {}", x()?, quoted("\\S+"))),
            ("split", 1) => list(format!("split {} {}", x()?, one()?)),
            ("splitlines", 0) => list(format!("lines {}", x()?)),
            ("strip", 0) => text(format!("trim {}", x()?)),
            ("lower" | "upper", 0) => text(format!("{method} {}", x()?)),
            ("replace", 2) => text(format!("replace {} {} {}", x()?, one()?, self.argument(&arguments[1])?)),
            ("join", 1) => text(format!("join {} {}", one()?, x()?)),
            ("isdigit" | "isnumeric", 0) => bool(format!("regex_match {} {}", x()?, quoted("^[0-9]+$"))),
            ("keys" | "values", 0) => list(format!("{method} {}", x()?)),
            ("items", 0) => Err(Left::new(at, "`items()` gives pairs, which have no form here")
                .hint("`items x` gives mappings with `key` and `value`")),
            ("get", 1 | 2) => {
                let value = match &arguments[0].kind {
                    Kind::Text(_) => self.emit(&member(object, &arguments[0], at))?,
                    _ => Out::call(format!("lookup {} {}", x()?, one()?), Type::Any),
                };
                let otherwise = arguments.get(1).map_or(Ok("null".into()), |other| self.argument(other))?;
                Ok(Out::call(format!("default {} {otherwise}", value.argument()), Type::Any))
            }
            ("union" | "difference" | "intersect", 1) => {
                Err(Left::new(at, format!("`.{method}()` is not there"))
                    .hint(format!("write `{method} a b`")))
            }
            ("append" | "extend" | "update" | "pop" | "insert", _) => {
                Err(Left::new(at, format!("`.{method}()` changes a value, and nothing here does"))
                    .hint("`concat a b` and `merge a b` make new ones"))
            }
            _ => Err(Left::new(at, format!("the method `.{method}()` is not there"))
                .hint("`lustores-provision doc helpers` lists what is there")),
        }
    }

    /// A look-up of one thing that has a helper.
    fn lookup(&self, function: &str, arguments: &[Expr]) -> Result<Option<Out>> {
        let [kind, of] = arguments else { return Ok(None) };
        let kind = literal(kind);
        let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
        let short = kind.strip_prefix("ansible.builtin.").unwrap_or(kind);
        let Some(found) = rarer::looked_up(short, self.argument(of)?) else { return Ok(None) };
        Ok(match function {
            "lookup" => Some(found),
            "query" | "q" if found.kind == Type::List => Some(found),
            "query" | "q" => Some(Out::call(format!("list {}", found.argument()), Type::List)),
            _ => None,
        })
    }

    fn function(&self, at: usize, name: &str, arguments: &[Expr]) -> Result<Out> {
        match (name, arguments) {
            ("range", [end]) => Ok(Out::call(format!("range {}", self.argument(end)?), Type::List)),
            ("range", [start, end]) => {
                Ok(Out::call(format!("range {} {}", self.argument(start)?, self.argument(end)?), Type::List))
            }
            ("lookup" | "query" | "q", [kind, ..]) => {
                let hint = match literal(kind).as_ref().and_then(serde_json::Value::as_str) {
                    Some("file" | "ansible.builtin.file") => "`trim (file \"name\")` for each",
                    Some("template" | "ansible.builtin.template") => "`template` with `src`",
                    Some("password" | "ansible.builtin.password") => "`vault generate`",
                    Some("vars" | "ansible.builtin.vars") => {
                        "name the variable; a computed one in a mapping: `lookup map key`"
                    }
                    Some("first_found" | "ansible.builtin.first_found") => {
                        "name the file; `include_tasks` takes a template for its name"
                    }
                    Some("fileglob" | "ansible.builtin.fileglob") => "name the files",
                    Some("pipe" | "url" | "ansible.builtin.pipe" | "ansible.builtin.url") => {
                        "a task that registers its result"
                    }
                    _ => "a variable, or a task that registers its result",
                };
                Err(Left::new(at, format!("`{name}` looks beyond the variables, which nothing here does"))
                    .hint(hint))
            }
            ("dict" | "namespace" | "cycler" | "joiner", _) => {
                Err(Left::new(at, format!("`{name}()` is not there")).hint("make it a variable"))
            }
            _ => Err(Left::new(at, format!("the function `{name}()` is not there"))),
        }
    }
}

fn member(object: &Expr, key: &Expr, at: usize) -> Expr {
    Expr { kind: Kind::Item(Box::new(object.clone()), Box::new(key.clone())), at }
}

/// Whether this is the time at which the run is.
fn is_now(expr: &Expr) -> bool {
    matches!(&expr.kind, Kind::Call(function, _) if matches!(&function.kind, Kind::Name(name) if name == "now"))
}
