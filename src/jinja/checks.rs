//! `x is defined` and its like.

use super::{
    Left,
    ast::{Arguments, Expr, Kind},
    emit::{Emitter, Out, Result, Type, quoted},
};

/// Tests that are not there, and what to do instead. Those that [`check`] turns are not here.
const NOT_THERE: &[(&str, &str)] = &[
    ("float", "write `eq (kind x) \"number\"`, which no integer is"),
    ("iterable", "write `in (kind x) [\"list\", \"mapping\"]`"),
    ("truthy", "compare it: `ne x \"\"`, `gt (length x) 0`"),
    ("falsy", "compare it: `eq x \"\"`, `eq (length x) 0`"),
    ("file", "files of the controller are not looked at"),
    ("directory", "files of the controller are not looked at"),
    ("exists", "files of the controller are not looked at"),
];

pub(crate) fn check(
    emitter: &Emitter,
    at: usize,
    subject: &Expr,
    name: &str,
    arguments: &Arguments,
) -> Result<Out> {
    let short = name.strip_prefix("ansible.builtin.").unwrap_or(name);
    let x = || emitter.argument(subject);
    let argument = |index: usize| match arguments.plain.get(index) {
        Some(argument) => emitter.argument(argument),
        None => Err(Left::new(at, format!("the test `{name}` needs an argument"))),
    };
    let bool = |text: String| Ok(Out::call(text, Type::Bool));
    let of_result = |key: &str| match &emitter.emit(subject)? {
        out if !out.call => Ok(Out::word(format!("{}.{key}", out.text), Type::Bool)),
        _ => Err(Left::new(at, "only a registered result can be asked for that")),
    };
    match short {
        "defined" => bool(format!("defined {}", x()?)),
        "undefined" | "none" => bool(format!("not (defined {})", x()?)),
        "true" | "false" => bool(format!("eq {} {short}", x()?)),
        "in" => bool(format!("in {} {}", x()?, argument(0)?)),
        "contains" => bool(format!("in {} {}", argument(0)?, x()?)),
        "eq" | "equalto" | "==" => bool(format!("eq {} {}", x()?, argument(0)?)),
        "ne" | "!=" => bool(format!("ne {} {}", x()?, argument(0)?)),
        "gt" | "greaterthan" => bool(format!("gt {} {}", x()?, argument(0)?)),
        "ge" => bool(format!("ge {} {}", x()?, argument(0)?)),
        "lt" | "lessthan" => bool(format!("lt {} {}", x()?, argument(0)?)),
        "le" => bool(format!("le {} {}", x()?, argument(0)?)),
        "subset" | "issubset" => bool(format!("eq (length (difference {} {})) 0", x()?, argument(0)?)),
        "superset" | "issuperset" => bool(format!("eq (length (difference {} {})) 0", argument(0)?, x()?)),
        "divisibleby" => bool(format!("eq (mod {} {}) 0", x()?, argument(0)?)),
        "even" => bool(format!("eq (mod {} 2) 0", x()?)),
        "odd" => bool(format!("ne (mod {} 2) 0", x()?)),
        "lower" | "upper" => bool(format!("eq {} ({short} {})", x()?, x()?)),
        "string" | "mapping" | "integer" | "boolean" => bool(format!("eq (kind {}) \"{short}\"", x()?)),
        "number" => bool(format!("in (kind {}) [\"integer\", \"number\"]", x()?)),
        // There a text and a mapping are sequences too.
        "sequence" => bool(format!("in (kind {}) [\"list\", \"mapping\", \"string\"]", x()?)),
        "any" => bool(format!("in true {}", x()?)),
        "all" => bool(format!("not (in false {})", x()?)),
        "abs" | "is_abs" => bool(format!("starts_with {} \"/\"", x()?)),
        "url" => bool(format!("regex_match {} \"^[A-Za-z][A-Za-z0-9+.-]*://[^/]\"", x()?)),
        "uri" => bool(format!("regex_match {} \"^[A-Za-z][A-Za-z0-9+.-]*:.\"", x()?)),
        "urn" => bool(format!("regex_match {} \"^(?i)urn:\"", x()?)),
        "version" | "version_compare" => {
            if arguments.plain.len() > 2
                || arguments.named.iter().any(|(name, _)| !["version", "operator"].contains(&name.as_str()))
            {
                return Err(Left::new(at, "only a version and an operator are taken here")
                    .hint("write `version v \">=\" \"1.9\"`"));
            }
            let operator = match arguments.get(1, "operator") {
                Some(operator) => emitter.argument(operator)?,
                None => quoted("=="),
            };
            let Some(other) = arguments.get(0, "version") else { return argument(0).and_then(bool) };
            bool(format!("version {} {operator} {}", x()?, emitter.argument(other)?))
        }
        "match" | "search" | "regex" => {
            if let Some((name, value)) = arguments.named.first() {
                return Err(Left::new(value.at, format!("`{name}` is not there"))
                    .hint("flags stand in the expression: `(?i)`, `(?m)`"));
            }
            let Some(pattern) = arguments.plain.first() else {
                return Err(Left::new(at, "there is no pattern"));
            };
            let pattern = pattern_of(emitter, pattern, short == "match")?;
            bool(format!("regex_match {} {pattern}", x()?))
        }
        "failed" | "failure" => of_result("failed"),
        "changed" | "change" => of_result("changed"),
        "skipped" | "skip" => of_result("skipped"),
        "started" | "finished" => of_result(short),
        "success" | "successful" | "succeeded" => Ok(Emitter::not(&of_result("failed")?)),
        _ => {
            let hint = NOT_THERE.iter().find(|(known, _)| *known == short).map(|(_, hint)| *hint);
            let left = Left::new(at, format!("the test `{name}` is not there"));
            Err(match hint {
                Some(hint) => left.hint(hint),
                None => left,
            })
        }
    }
}

/// A regular expression that means the same here. `at_start`: it must match at the beginning.
///
/// # Errors
/// What the library for regular expressions does not have: look-around, references back.
pub(crate) fn pattern_of(emitter: &Emitter, expr: &Expr, at_start: bool) -> Result<String> {
    let Kind::Text(pattern) = &expr.kind else {
        return match at_start {
            false => emitter.argument(expr),
            true => Err(Left::new(expr.at, "`match` with a pattern that is computed")
                .hint("write `regex_match x pattern`, the pattern with a `^` at its beginning")),
        };
    };
    let pattern = match at_start {
        true if pattern.starts_with(['^', '(']) && !pattern.contains('|') && pattern.starts_with('^') => {
            pattern.clone()
        }
        true if pattern.contains('|') || pattern.starts_with("(?") => format!("^(?:{pattern})"),
        true => format!("^{pattern}"),
        false => pattern.clone(),
    };
    usable(&pattern, expr.at)?;
    Ok(quoted(&pattern))
}

pub(crate) fn usable(pattern: &str, at: usize) -> Result<()> {
    match regex::Regex::new(pattern) {
        Ok(_) => Ok(()),
        Err(_) => Err(Left::new(at, "this regular expression is not valid here")
            .hint("look-around and references back are not there")),
    }
}

/// A replacement as the regular expressions here want it: `\1` is `${1}`, a `$` is `$$`.
///
/// # Errors
/// An escape that is not known here.
pub(crate) fn groups(text: &str, at: usize) -> Result<String> {
    let mut out = String::new();
    let mut letters = text.chars().peekable();
    while let Some(c) = letters.next() {
        match (c, letters.peek()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                letters.next();
            }
            ('\\', Some('g')) => {
                let rest: String = letters.by_ref().skip(1).take_while(|c| *c != '>').collect();
                out.push_str(&format!("${{{}}}", rest.trim_start_matches('<')));
            }
            ('\\', Some('\\')) => {
                out.push('\\');
                letters.next();
            }
            ('\\', Some('n')) => {
                out.push('\n');
                letters.next();
            }
            ('\\', _) => return Err(Left::new(at, "an escape in the replacement that is not known here")),
            (c, _) => out.push(c),
        }
    }
    Ok(out)
}
