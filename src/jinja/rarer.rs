//! Filters that are seen less often, with arguments or on both sides of what they become.

use super::{
    Left,
    ast::{Expr, Kind},
    emit::{Out, Result, Type, literal, quoted},
    filters::Filter,
};

/// What `type_debug` says in Python, and `kind` here.
const TYPES: &[(&str, &str)] = &[
    ("str", "string"),
    ("AnsibleUnicode", "string"),
    ("AnsibleUnsafeText", "string"),
    ("_AnsibleTaggedStr", "string"),
    ("int", "integer"),
    ("float", "number"),
    ("bool", "boolean"),
    ("list", "list"),
    ("dict", "mapping"),
    ("NoneType", "null"),
];

/// A side of a comparison with what `type_debug` gives: both sides as they are here.
pub(crate) fn compared_type(a: &Expr, b: &Expr) -> Option<(Expr, &'static str)> {
    let Kind::Filter(subject, name, _) = &a.kind else { return None };
    let Kind::Text(theirs) = &b.kind else { return None };
    let (_, ours) = TYPES.iter().find(|(known, _)| known == theirs)?;
    name.ends_with("type_debug").then(|| ((**subject).clone(), *ours))
}

impl Filter<'_> {
    pub(super) fn rarer(&self) -> Option<Result<Out>> {
        let call = |text: Result<String>, kind: Type| text.map(|text| Out::call(text, kind));
        let two =
            |helper: &str, name: &str| Ok(format!("{helper} {} {}", self.x()?, self.argument(0, name)?));
        Some(match self.name {
            "zip" if self.arguments.plain.len() == 1 && self.arguments.named.is_empty() => {
                call(two("zip", "other"), Type::List)
            }
            "batch" if self.has_only(&["linecount"]) => call(two("batch", "linecount"), Type::List),
            "hash" if self.has_only(&["hashtype"]) => {
                let kind = self.key(0, "hashtype").ok()?;
                if !["sha224", "sha384", "sha512"].contains(&kind.as_str()) {
                    return None;
                }
                call(self.x().map(|x| format!("hash {x} {}", quoted(&kind))), Type::Text)
            }
            "path_join" if self.arguments.is_empty() => match &self.subject.kind {
                Kind::List(parts) if !parts.is_empty() => {
                    let parts = parts.iter().map(|part| self.emitter.argument(part));
                    let parts = parts.collect::<Result<Vec<_>>>();
                    call(parts.map(|parts| format!("path_join {}", parts.join(" "))), Type::Text)
                }
                _ => return None,
            },
            "strftime" if self.has_only(&["second", "utc"]) => match self.given(0, "second") {
                Some(time) => {
                    let time = self.emitter.argument(time);
                    call(time.and_then(|time| Ok(format!("strftime {time} {}", self.x()?))), Type::Text)
                }
                None => call(self.x().map(|format| format!("now {format}")), Type::Text),
            },
            "urldecode" if self.arguments.is_empty() => {
                // There a `+` is a space.
                call(self.x().map(|x| format!("url_decode (replace {x} \"+\" \" \")")), Type::Text)
            }
            "attr" if self.has_only(&["name"]) => self.key(0, "name").and_then(|name| {
                let key = Box::new(Expr { kind: Kind::Text(name), at: self.at });
                let kind = Kind::Item(Box::new(self.subject.clone()), key);
                self.emitter.emit(&Expr { kind, at: self.at })
            }),
            "extract" if self.has_only(&["container", "morekeys"]) => self.extract(),
            "ipaddr" | "ipv4" | "ipv6" => self.address()?,
            _ => return None,
        })
    }

    /// `key | extract(map)`: what stands under a key.
    fn extract(&self) -> Result<Out> {
        let container = self.needed(0, "container")?;
        let item = |inner: &Expr, key: &Expr| Expr {
            kind: Kind::Item(Box::new(inner.clone()), Box::new(key.clone())),
            at: self.at,
        };
        let found = item(container, self.subject);
        match self.given(1, "morekeys") {
            None => self.emitter.emit(&found),
            Some(Expr { kind: Kind::List(keys), .. }) => {
                self.emitter.emit(&keys.iter().fold(found, |inner, key| item(&inner, key)))
            }
            Some(key) => self.emitter.emit(&item(&found, key)),
        }
    }

    fn address(&self) -> Option<Result<Out>> {
        let text = asked(self.arguments.plain.as_slice())?;
        let x = match self.x() {
            Ok(x) => x,
            Err(left) => return Some(Err(left)),
        };
        // The address alone of what comes with its prefix.
        if text == "address"
            && let Kind::Filter(network, name, arguments) = &self.subject.kind
            && name.ends_with("ipaddr")
            && let Some(number) = asked(&arguments.plain).and_then(|number| number.parse::<i64>().ok())
        {
            let network = self.emitter.argument(network);
            return Some(network.map(|network| Out::call(format!("ip_host {network} {number}"), Type::Text)));
        }
        let call = match text.as_str() {
            "network" => format!("first (split (ip_network {x}) \"/\")"),
            "subnet" | "network/prefix" => format!("ip_network {x}"),
            "netmask" => format!("ip_netmask {x}"),
            "address" => format!("ip_address {x}"),
            "prefix" => return Some(Ok(Out::call(format!("ip_prefix {x}"), Type::Number))),
            number if number.parse::<i64>().is_ok() => {
                format!("join (list (ip_host {x} {number}) (ip_prefix {x})) \"/\"")
            }
            _ => return None,
        };
        Some(Ok(Out::call(call, Type::Text)))
    }
}

/// The only argument, as a text.
fn asked(arguments: &[Expr]) -> Option<String> {
    match arguments {
        [only] => match literal(only)? {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        },
        _ => None,
    }
}

/// The list and key of `list | groupby('key')`.
pub(crate) fn grouped(expr: &Expr) -> Option<(&Expr, &str)> {
    let Kind::Filter(list, name, arguments) = &expr.kind else { return None };
    let only = arguments.plain.len() + arguments.named.len() == 1;
    match &arguments.get(0, "attribute")?.kind {
        Kind::Text(key) if name == "groupby" && only && !key.contains('.') => Some((list, key)),
        _ => None,
    }
}

/// `lookup('env', 'HOME')` and its like.
pub(crate) fn looked_up(kind: &str, argument: String) -> Option<Out> {
    Some(match kind {
        "env" => Out::call(format!("env {argument} \"\""), Type::Text),
        "file" => Out::call(format!("trim (file {argument})"), Type::Text),
        "dict" => Out::call(format!("items {argument}"), Type::List),
        _ => return None,
    })
}

/// Text of a time that is told without a format.
pub(crate) fn now(at: usize, format: Option<String>) -> Result<Out> {
    match format {
        Some(format) => Ok(Out::call(format!("now {format}"), Type::Text)),
        None => {
            Err(Left::new(at, "`now()` is a time to the microsecond there").hint("write `now \"%F %T\"`"))
        }
    }
}
