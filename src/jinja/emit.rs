//! Trees of Jinja2 as expressions of ours.

use super::{
    Left,
    ast::{Boxed, Expr, Kind},
    checks, facts, filters, rarer,
};

/// What is known of a value without looking at any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Bool,
    Number,
    Text,
    List,
    Map,
    Any,
}

/// An expression of ours.
#[derive(Clone, Debug)]
pub(crate) struct Out {
    pub text: String,
    /// A call stands in brackets where it is an argument.
    pub call: bool,
    pub kind: Type,
}

impl Out {
    pub fn call(text: String, kind: Type) -> Self {
        Self { text, call: true, kind }
    }

    pub fn word(text: String, kind: Type) -> Self {
        Self { text, call: false, kind }
    }

    /// As an argument of a call.
    pub fn argument(&self) -> String {
        if self.call { format!("({})", self.text) } else { self.text.clone() }
    }
}

pub(crate) type Result<T> = std::result::Result<T, Left>;

/// What the loops around the place name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Emitter {
    /// For each loop the names it gives, and the list it goes over.
    pub loops: Vec<(Vec<String>, Expr)>,
}

/// A string as it is written in an expression of ours.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Emitter {
    /// The expression, as it stands in braces or as a condition.
    pub fn emit(&self, expr: &Expr) -> Result<Out> {
        match &expr.kind {
            Kind::Text(text) => Ok(Out::word(quoted(text), Type::Text)),
            Kind::Integer(number) => Ok(Out::word(number.to_string(), Type::Number)),
            Kind::Float(number) => Ok(Out::word(number.clone(), Type::Number)),
            Kind::Bool(truth) => Ok(Out::word(truth.to_string(), Type::Bool)),
            Kind::None => Ok(Out::word("null".into(), Type::Any)),
            Kind::Name(_) | Kind::Attribute(..) | Kind::Item(..) => self.place(expr),
            Kind::Slice(inner, from, to) => self.slice(inner, from.as_ref(), to.as_ref()),
            Kind::Call(function, arguments) => self.call(expr, function, arguments),
            Kind::Filter(subject, name, arguments) => {
                filters::filter(self, expr.at, subject, name, arguments)
            }
            Kind::Test { subject, name, arguments, negated } => {
                let out = checks::check(self, expr.at, subject, name, arguments)?;
                Ok(if *negated { Self::not(&out) } else { out })
            }
            Kind::Not(inner) => Ok(Self::not(&self.boolean(inner)?)),
            Kind::Minus(inner) => match &inner.kind {
                Kind::Integer(number) => Ok(Out::word(format!("-{number}"), Type::Number)),
                Kind::Float(number) => Ok(Out::word(format!("-{number}"), Type::Number)),
                _ => Ok(Out::call(format!("sub 0 {}", self.argument(inner)?), Type::Number)),
            },
            Kind::And(..) => self.junction(expr, "and"),
            Kind::Or(..) => self.junction(expr, "or"),
            Kind::Binary(sign, a, b) => self.binary(expr.at, sign, a, b),
            Kind::Compare(first, rest) => self.compare(first, rest),
            Kind::Ternary { yes, condition, no } => {
                let yes = self.emit(yes)?;
                let no = match no {
                    Some(no) => self.emit(no)?,
                    None => Out::word("\"\"".into(), Type::Text),
                };
                let kind = if yes.kind == no.kind { yes.kind } else { Type::Any };
                let condition = self.boolean(condition)?.argument();
                Ok(Out::call(format!("ternary {condition} {} {}", yes.argument(), no.argument()), kind))
            }
            Kind::List(items) => match literal(expr) {
                Some(json) => Ok(Out::word(spaced(&json), Type::List)),
                None => {
                    let items = items.iter().map(|item| self.argument(item)).collect::<Result<Vec<_>>>()?;
                    Ok(Out::call(format!("list {}", items.join(" ")), Type::List))
                }
            },
            Kind::Map(pairs) => match literal(expr) {
                Some(json) => Ok(Out::word(spaced(&json), Type::Map)),
                None => {
                    let words = pairs.iter().flat_map(|(key, value)| [key, value]);
                    let words = words.map(|word| self.argument(word)).collect::<Result<Vec<_>>>()?;
                    Ok(Out::call(format!("mapping {}", words.join(" ")), Type::Map))
                }
            },
        }
    }

    pub fn argument(&self, expr: &Expr) -> Result<String> {
        self.emit(expr).map(|out| out.argument())
    }

    pub fn not(out: &Out) -> Out {
        match out.text.strip_prefix("not ") {
            // `not (not x)`
            Some(inner) if out.call && !inner.contains(' ') => Out::word(inner.into(), Type::Bool),
            _ => Out::call(format!("not {}", out.argument()), Type::Bool),
        }
    }

    /// What Python takes for true or false, as true or false.
    pub fn boolean(&self, expr: &Expr) -> Result<Out> {
        if let Kind::Filter(subject, name, arguments) = &expr.kind
            && name == "regex_search"
            && arguments.plain.len() == 1
        {
            return checks::check(self, expr.at, subject, "search", arguments);
        }
        let out = self.emit(expr)?;
        Ok(match out.kind {
            Type::Bool | Type::Any => out,
            Type::Number => Out::call(format!("ne {} 0", out.argument()), Type::Bool),
            Type::Text | Type::List | Type::Map => {
                Out::call(format!("gt (length {}) 0", out.argument()), Type::Bool)
            }
        })
    }

    /// `and` and `or` take any number: a chain becomes one call.
    fn junction(&self, expr: &Expr, word: &str) -> Result<Out> {
        let mut parts = vec![];
        let mut rest = vec![expr];
        while let Some(part) = rest.pop() {
            match (&part.kind, word) {
                (Kind::And(a, b), "and") | (Kind::Or(a, b), "or") => rest.extend([&**b, &**a]),
                _ => parts.push(self.boolean(part)?.argument()),
            }
        }
        Ok(Out::call(format!("{word} {}", parts.join(" ")), Type::Bool))
    }

    fn binary(&self, at: usize, sign: &str, a: &Expr, b: &Expr) -> Result<Out> {
        let (a, b) = match sign {
            "~" => {
                return Err(Left::new(at, "texts are joined in a template, not in an argument")
                    .hint("give it a variable of its own: `name: \"{{a}}{{b}}\"`"));
            }
            _ => (self.emit(a)?, self.emit(b)?),
        };
        let has = |kind: Type| a.kind == kind || b.kind == kind;
        let both = format!("{} {}", a.argument(), b.argument());
        let number = |helper: &str| Ok(Out::call(format!("{helper} {both}"), Type::Number));
        match sign {
            "+" if has(Type::Text) => {
                Err(Left::new(at, "texts are joined in a template, not in an argument")
                    .hint("give it a variable of its own: `name: \"{{a}}{{b}}\"`"))
            }
            "+" if has(Type::List) => Ok(Out::call(format!("concat {both}"), Type::List)),
            "+" if has(Type::Number) => number("add"),
            "+" => Err(Left::new(
                at,
                "`+` may add numbers, and join lists or texts: which, the names do not tell",
            )
            .hint(format!("write `add {both}`, `concat {both}`, or two pairs of braces side by side"))),
            "%" if a.kind == Type::Text => {
                Err(Left::new(at, "formatting with `%` is not there").hint("write the values into the text"))
            }
            "-" => number("sub"),
            "*" => number("mul"),
            "//" => number("div"),
            "%" => number("mod"),
            "/" => {
                Err(Left::new(at, "`/` gives a fraction, `div` of two integers an integer").hint(format!(
                    "write `div {both}` where an integer is meant, or `div (mul 1.0 {}) {}`",
                    a.argument(),
                    b.argument()
                )))
            }
            _ => Err(Left::new(at, format!("`{sign}` is not there"))),
        }
    }

    fn compare(&self, first: &Expr, rest: &[(&'static str, Expr)]) -> Result<Out> {
        let mut parts = vec![];
        let mut a = first;
        for (sign, b) in rest {
            parts.push(self.comparison(a, sign, b)?);
            a = b;
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => {
                let parts: Vec<String> = parts.iter().map(Out::argument).collect();
                Ok(Out::call(format!("and {}", parts.join(" ")), Type::Bool))
            }
        }
    }

    fn comparison(&self, a: &Expr, sign: &str, b: &Expr) -> Result<Out> {
        if let Some((subject, kind)) = rarer::compared_type(a, b).filter(|_| matches!(sign, "==" | "!=")) {
            let helper = if sign == "==" { "eq" } else { "ne" };
            let text = format!("{helper} (kind {}) {}", self.argument(&subject)?, quoted(kind));
            return Ok(Out::call(text, Type::Bool));
        }
        // A fact that is written in lower case here is compared with lower case.
        let folded = [(a, b), (b, a)].into_iter().find_map(|(fact, other)| {
            let (ours, texts) = facts::folded(fact)?;
            let other = literal(&lower_case(other))?;
            let known = |text: &serde_json::Value| text.as_str().is_some_and(|text| texts.contains(&text));
            let all = other.as_array().map_or_else(|| known(&other), |texts| texts.iter().all(known));
            (all && matches!(sign, "==" | "!=" | "in" | "not in")).then_some((ours, other))
        });
        let (left, right) = match folded {
            Some((ours, other)) => {
                let ours = Out::word(self.global(ours), Type::Text);
                let other = Out::word(spaced(&other), Type::Any);
                if facts::folded(a).is_some() { (ours, other) } else { (other, ours) }
            }
            _ => {
                if let (Kind::List(items), "in" | "not in") = (&b.kind, sign)
                    && literal(b).is_none()
                {
                    return self.in_list(a, items, sign);
                }
                (self.emit(a)?, self.emit(b)?)
            }
        };
        let both = format!("{} {}", left.argument(), right.argument());
        let helper = match sign {
            "==" => "eq",
            "!=" => "ne",
            "<" => "lt",
            "<=" => "le",
            ">" => "gt",
            ">=" => "ge",
            "in" => "in",
            _ => return Ok(Out::call(format!("not (in {both})"), Type::Bool)),
        };
        Ok(Out::call(format!("{helper} {both}"), Type::Bool))
    }

    /// `x in [a, b]` with values that are computed.
    fn in_list(&self, needle: &Expr, items: &[Expr], sign: &str) -> Result<Out> {
        let needle = self.argument(needle)?;
        let each = |item: &Expr| Ok(format!("(eq {needle} {})", self.argument(item)?));
        let parts = items.iter().map(each).collect::<Result<Vec<_>>>()?;
        let any = match parts.as_slice() {
            [one] => Out::call(one[1..one.len() - 1].to_owned(), Type::Bool),
            _ => Out::call(format!("or {}", parts.join(" ")), Type::Bool),
        };
        Ok(if sign == "in" { any } else { Self::not(&any) })
    }

    fn slice(&self, inner: &Expr, from: Option<&Boxed>, to: Option<&Boxed>) -> Result<Out> {
        let list = self.emit(inner)?;
        if list.kind == Type::Text {
            return Err(Left::new(inner.at, "a part of a text by its place is not there")
                .hint("`regex_replace` takes one by its form"));
        }
        let from = from.map_or(Ok("0".into()), |from| self.argument(from))?;
        let to = to.map_or(Ok(String::new()), |to| self.argument(to).map(|to| format!(" {to}")))?;
        Ok(Out::call(format!("slice {} {from}{to}", list.argument()), Type::List))
    }
}

/// The value of what holds no names.
pub(crate) fn literal(expr: &Expr) -> Option<serde_json::Value> {
    use serde_json::Value as Json;
    match &expr.kind {
        Kind::Text(text) => Some(Json::from(text.as_str())),
        Kind::Integer(number) => Some(Json::from(*number)),
        Kind::Float(number) => number.parse::<f64>().ok().map(Json::from),
        Kind::Bool(truth) => Some(Json::from(*truth)),
        Kind::None => Some(Json::Null),
        Kind::Minus(inner) => match &inner.kind {
            Kind::Integer(number) => Some(Json::from(-number)),
            _ => None,
        },
        Kind::List(items) => items.iter().map(literal).collect::<Option<Vec<_>>>().map(Json::Array),
        Kind::Map(entries) => {
            let entry = |(key, value): &(Expr, Expr)| match &key.kind {
                Kind::Text(key) => Some((key.clone(), literal(value)?)),
                _ => None,
            };
            entries.iter().map(entry).collect::<Option<serde_json::Map<_, _>>>().map(Json::Object)
        }
        _ => None,
    }
}

/// JSON as a person writes it, with a space behind each comma and colon.
fn spaced(json: &serde_json::Value) -> String {
    use serde_json::Value as Json;
    match json {
        Json::Array(items) => format!("[{}]", items.iter().map(spaced).collect::<Vec<_>>().join(", ")),
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(key, value)| format!("{}: {}", quoted(key), spaced(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        other => other.to_string(),
    }
}

fn lower_case(expr: &Expr) -> Expr {
    let kind = match &expr.kind {
        Kind::Text(text) => Kind::Text(text.to_lowercase()),
        Kind::List(items) => Kind::List(items.iter().map(lower_case).collect()),
        other => other.clone(),
    };
    Expr { kind, at: expr.at }
}
