//! Jinja2's and Ansible's filters.

use super::{
    Left,
    ast::{Arguments, Expr, Kind},
    checks::{groups, pattern_of, usable},
    emit::{Emitter, Out, Result, Type, quoted},
};

/// Filters without arguments whose helper does the same: theirs, ours, and what comes out.
const SAME: &[(&str, &str, Type)] = &[
    ("upper", "upper", Type::Text),
    ("lower", "lower", Type::Text),
    ("trim", "trim", Type::Text),
    ("length", "length", Type::Number),
    ("count", "length", Type::Number),
    ("first", "first", Type::Any),
    ("last", "last", Type::Any),
    ("unique", "unique", Type::List),
    ("sort", "sort", Type::List),
    ("reverse", "reverse", Type::Any),
    ("flatten", "flatten", Type::List),
    ("min", "min", Type::Any),
    ("max", "max", Type::Any),
    ("sum", "sum", Type::Number),
    ("abs", "abs", Type::Number),
    ("round", "round", Type::Number),
    ("int", "int", Type::Number),
    ("string", "string", Type::Text),
    ("bool", "bool", Type::Bool),
    ("quote", "quote", Type::Text),
    ("basename", "basename", Type::Text),
    ("dirname", "dirname", Type::Text),
    ("b64encode", "b64_encode", Type::Text),
    ("b64decode", "b64_decode", Type::Text),
    ("from_json", "from_json", Type::Any),
    ("from_yaml", "from_yaml", Type::Any),
    ("dict2items", "items", Type::List),
    ("items2dict", "from_items", Type::Map),
    ("capitalize", "capitalize", Type::Text),
    ("regex_escape", "regex_escape", Type::Text),
    ("human_to_bytes", "bytes", Type::Number),
];

/// Filters that are not there, and what to do instead.
const NOT_THERE: &[(&str, &str)] = &[
    ("password_hash", "keep the hash itself in a vault"),
    ("random", "`vault generate` makes secrets; else a fixed value"),
    ("shuffle", "the order must be the same in each run"),
    ("to_datetime", "`to_epoch text` counts seconds"),
    ("ipaddr", "`ip_address`, `ip_network`, `ip_netmask`, `ip_prefix`, `ip_host`, `ip_in`"),
    ("json_query", "`map`, `select`, `lookup`"),
    ("product", "one list of mappings"),
    ("subelements", "one list of mappings"),
    ("groupby", "`{{#each (group_by list \"key\") as |items value|}}`: `group_by` makes a mapping of lists"),
    ("items", "`items x` gives mappings with `key` and `value`"),
    ("path_join", "`path_join a b`, each part on its own"),
    ("dictsort", "mappings keep their order"),
    ("title", "write the text as it is to be"),
    ("float", "write the number without quotes"),
    ("comment", "write the comment's signs into the template"),
    ("format", "write the values into the text"),
    ("type_debug", "`kind x` is `string`, `integer`, `number`, `boolean`, `list`, `mapping` or `null`"),
    ("fileglob", "name the files"),
    ("hash", "`sha256 x`, or `hash x \"sha512\"`"),
    ("escape", "nothing is escaped for HTML"),
];

pub(crate) fn filter(
    emitter: &Emitter,
    at: usize,
    subject: &Expr,
    name: &str,
    arguments: &Arguments,
) -> Result<Out> {
    let short = name.rsplit('.').next().unwrap_or(name);
    let same = SAME.iter().find(|(theirs, ..)| *theirs == short);
    if let Some((_, ours, kind)) = same.filter(|_| arguments.is_empty()) {
        // `(a / b) | int`: what `div` does with integers.
        if short == "int"
            && let Kind::Binary("/", a, b) = &subject.kind
        {
            let both = format!("{} {}", emitter.argument(a)?, emitter.argument(b)?);
            return Ok(Out::call(format!("int (div {both})"), Type::Number));
        }
        return Ok(Out::call(format!("{ours} {}", emitter.argument(subject)?), *kind));
    }
    let call = Filter { emitter, at, subject, name: short, arguments };
    match call.with_arguments() {
        Some(result) => result,
        None => Err(call.not_there(name)),
    }
}

pub(super) struct Filter<'a> {
    pub emitter: &'a Emitter,
    pub at: usize,
    pub subject: &'a Expr,
    pub name: &'a str,
    pub arguments: &'a Arguments,
}

impl Filter<'_> {
    fn not_there(&self, name: &str) -> Left {
        let what = match self.arguments.is_empty() || !SAME.iter().any(|(theirs, ..)| *theirs == self.name) {
            true => format!("the filter `{name}` is not there"),
            false => format!("the filter `{name}` has no such arguments here"),
        };
        let hint = NOT_THERE.iter().find(|(known, _)| *known == self.name).map(|(_, hint)| *hint);
        match hint {
            Some(hint) => Left::new(self.at, what).hint(hint),
            None => Left::new(self.at, what).hint("`lustores-provision doc helpers` lists what is there"),
        }
    }

    pub fn x(&self) -> Result<String> {
        self.emitter.argument(self.subject)
    }

    /// Whether the arguments are among these, by place or by name.
    pub fn has_only(&self, names: &[&str]) -> bool {
        self.arguments.plain.len() <= names.len()
            && self.arguments.named.iter().all(|(name, _)| names.contains(&name.as_str()))
    }

    pub fn given(&self, index: usize, name: &str) -> Option<&Expr> {
        self.arguments.get(index, name)
    }

    pub fn needed(&self, index: usize, name: &str) -> Result<&Expr> {
        let missing =
            || Left::new(self.at, format!("the filter `{}` lacks its argument `{name}`", self.name));
        self.given(index, name).ok_or_else(missing)
    }

    pub fn argument(&self, index: usize, name: &str) -> Result<String> {
        self.emitter.argument(self.needed(index, name)?)
    }

    /// A key that is written down.
    pub fn key(&self, index: usize, name: &str) -> Result<String> {
        let expr = self.needed(index, name)?;
        match &expr.kind {
            Kind::Text(text) => Ok(text.clone()),
            _ => Err(Left::new(expr.at, "a key that is computed").hint("write its name")),
        }
    }

    fn with_arguments(&self) -> Option<Result<Out>> {
        let call = |text: Result<String>, kind: Type| text.map(|text| Out::call(text, kind));
        let two =
            |helper: &str, name: &str| Ok(format!("{helper} {} {}", self.x()?, self.argument(0, name)?));
        Some(match self.name {
            "default" | "d" => self.default(),
            "mandatory" | "safe" => self.emitter.emit(self.subject),
            "list" => self.list(),
            "ternary" if self.has_only(&["true_val", "false_val"]) => {
                let text = || {
                    let condition = self.emitter.boolean(self.subject)?.argument();
                    let (yes, no) = (self.argument(0, "true_val")?, self.argument(1, "false_val")?);
                    Ok(format!("ternary {condition} {yes} {no}"))
                };
                call(text(), Type::Any)
            }
            "replace" if self.has_only(&["old", "new"]) => {
                let text = || {
                    Ok(format!(
                        "replace {} {} {}",
                        self.x()?,
                        self.argument(0, "old")?,
                        self.argument(1, "new")?
                    ))
                };
                call(text(), Type::Text)
            }
            "regex_replace" if self.has_only(&["pattern", "replacement"]) => self.regex_replace(),
            "regex_search" if self.has_only(&["pattern"]) => self.regex_search(),
            "regex_findall" if self.has_only(&["pattern"]) => {
                let text = || {
                    let pattern = pattern_of(self.emitter, self.needed(0, "pattern")?, false)?;
                    Ok(format!("regex_find {} {pattern}", self.x()?))
                };
                call(text(), Type::List)
            }
            "split" if self.arguments.is_empty() => {
                call(self.x().map(|x| format!("regex_find {x} {}", quoted("\\S+"))), Type::List)
            }
            "split" if self.has_only(&["sep"]) => call(two("split", "sep"), Type::List),
            "join" => self.join(),
            "indent" if self.has_only(&["width"]) => {
                let width =
                    self.given(0, "width").map_or(Ok("4".into()), |width| self.emitter.argument(width));
                call(width.and_then(|width| Ok(format!("indent {} {width}", self.x()?))), Type::Text)
            }
            "round" if self.has_only(&["precision"]) => call(two("round", "precision"), Type::Number),
            "urlencode" if self.arguments.is_empty() => {
                // There a `/` stays as it is.
                call(self.x().map(|x| format!("replace (url_encode {x}) \"%2F\" \"/\"")), Type::Text)
            }
            "hash" if self.key(0, "hashtype").is_ok_and(|kind| kind == "sha256") => {
                call(self.x().map(|x| format!("sha256 {x}")), Type::Text)
            }
            "difference" if self.has_only(&["b"]) => call(two("difference", "b"), Type::List),
            "intersect" if self.has_only(&["b"]) => call(two("intersect", "b"), Type::List),
            "union" if self.has_only(&["b"]) => {
                call(two("concat", "b").map(|both| format!("unique ({both})")), Type::List)
            }
            "symmetric_difference" if self.has_only(&["b"]) => {
                let text = || {
                    let (a, b) = (self.x()?, self.argument(0, "b")?);
                    Ok(format!("concat (difference {a} {b}) (difference {b} {a})"))
                };
                call(text(), Type::List)
            }
            "combine" => self.combine(),
            "map" => self.map(),
            "sum" if self.has_only(&["attribute"]) => {
                let key = self.key(0, "attribute");
                call(key.and_then(|key| Ok(format!("sum {}", self.field(&key)?))), Type::Number)
            }
            "sort" => self.sort(),
            "selectattr" => self.selected("select"),
            "rejectattr" => self.selected("reject"),
            "to_json" | "tojson" => call(self.x().map(|x| format!("to_json {x}")), Type::Text),
            "to_nice_json" => call(self.x().map(|x| format!("to_json_pretty {x}")), Type::Text),
            "to_yaml" | "to_nice_yaml" => call(self.x().map(|x| format!("to_yaml {x}")), Type::Text),
            _ => return self.rarer(),
        })
    }

    fn default(&self) -> Result<Out> {
        if let Some(flag) = self.given(1, "boolean")
            && !matches!(flag.kind, Kind::Bool(false))
        {
            return Err(Left::new(self.at, "`default(x, true)` replaces what is empty too")
                .hint("`default x y` replaces only what is undefined or null"));
        }
        let otherwise = match self.given(0, "default_value") {
            Some(otherwise) => self.emitter.emit(otherwise)?,
            None => Out::word("\"\"".into(), Type::Text),
        };
        // What is there may be no boolean.
        let kind = if otherwise.kind == Type::Bool { Type::Any } else { otherwise.kind };
        Ok(Out::call(format!("default {} {}", self.x()?, otherwise.argument()), kind))
    }

    fn list(&self) -> Result<Out> {
        let out = self.emitter.emit(self.subject)?;
        let is_reversed = matches!(&self.subject.kind, Kind::Filter(_, name, _) if name == "reverse");
        if out.kind == Type::List || is_reversed {
            return Ok(Out { kind: Type::List, ..out });
        }
        Err(Left::new(self.at, "`list` may make a list of a mapping's keys, of a text or of a list")
            .hint("leave it out after a list; of a mapping: `keys x`"))
    }

    fn regex_replace(&self) -> Result<Out> {
        let pattern = pattern_of(self.emitter, self.needed(0, "pattern")?, false)?;
        let new = self.needed(1, "replacement")?;
        let Kind::Text(text) = &new.kind else {
            return Err(
                Left::new(new.at, "a replacement that is computed").hint("groups are `$1` here, not `\\1`")
            );
        };
        Ok(Out::call(
            format!("regex_replace {} {pattern} {}", self.x()?, quoted(&groups(text, new.at)?)),
            Type::Text,
        ))
    }

    /// The whole match, or nothing.
    fn regex_search(&self) -> Result<Out> {
        let expr = self.needed(0, "pattern")?;
        let Kind::Text(pattern) = &expr.kind else {
            return Err(
                Left::new(expr.at, "a pattern that is computed").hint("write `regex_match x pattern`")
            );
        };
        let whole = if pattern.contains('(') { format!("({pattern})") } else { pattern.clone() };
        usable(&whole, expr.at)?;
        Ok(Out::call(format!("lookup (regex_find {} {}) 0", self.x()?, quoted(&whole)), Type::Any))
    }

    fn join(&self) -> Result<Out> {
        if !self.has_only(&["d", "attribute"]) {
            return Err(self.not_there("join"));
        }
        let separator = self.given(0, "d").map_or(Ok("\"\"".into()), |sep| self.emitter.argument(sep))?;
        let list = match self.given(1, "attribute") {
            Some(_) => self.field(&self.key(1, "attribute")?)?,
            None => self.x()?,
        };
        Ok(Out::call(format!("join {list} {separator}"), Type::Text))
    }

    fn combine(&self) -> Result<Out> {
        let deep = self
            .arguments
            .named
            .iter()
            .any(|(name, value)| name == "recursive" && matches!(value.kind, Kind::Bool(true)));
        if self.arguments.named.len() > usize::from(deep) || self.arguments.plain.is_empty() {
            return Err(
                Left::new(self.at, "`combine` has no such arguments here").hint("`merge a b` merges deep")
            );
        }
        let others = self.arguments.plain.iter().map(|map| self.emitter.argument(map));
        let others = others.collect::<Result<Vec<_>>>()?;
        Ok(Out::call(format!("merge {} {}", self.x()?, others.join(" ")), Type::Map))
    }

    /// The list of what stands under a key, or under keys inside of each other.
    fn field(&self, key: &str) -> Result<String> {
        let fields = key.split('.').fold(self.x()?, |list, key| format!("(map {list} {})", quoted(key)));
        Ok(fields)
    }

    fn map(&self) -> Result<Out> {
        if let (true, Some(_)) = (self.arguments.plain.is_empty(), self.given(9, "attribute")) {
            if self.arguments.named.len() > 1 {
                return Err(Left::new(self.at, "`map` with a default is not there"));
            }
            let field = self.field(&self.key(9, "attribute")?)?;
            return Ok(Out::call(field[1..field.len() - 1].to_owned(), Type::List));
        }
        Err(Left::new(self.at, "`map` applies a filter to each item: there are no functions here")
            .hint("`map list \"key\"` takes what stands under a key; else `{{#each}}` in a template"))
    }

    fn sort(&self) -> Result<Out> {
        if !self.arguments.plain.is_empty() || !self.has_only(&["reverse", "case_sensitive"]) {
            return Err(
                Left::new(self.at, "`sort` by a key is not there").hint("write the list in its order")
            );
        }
        let reverse = self.given(9, "reverse").is_some_and(|flag| matches!(flag.kind, Kind::Bool(true)));
        let sorted = format!("sort {}", self.x()?);
        Ok(Out::call(if reverse { format!("reverse ({sorted})") } else { sorted }, Type::List))
    }

    fn selected(&self, helper: &str) -> Result<Out> {
        let key = self.key(0, "attribute")?;
        let test = self.arguments.plain.get(1).map(|test| &test.kind);
        let is_equal =
            matches!(test, Some(Kind::Text(test)) if ["eq", "equalto", "=="].contains(&test.as_str()));
        if key.contains('.') || !is_equal || self.arguments.plain.len() != 3 {
            return Err(Left::new(self.at, "only equality of a key chooses here")
                .hint(format!("`{helper} list \"key\" value`")));
        }
        let value = self.argument(2, "value")?;
        Ok(Out::call(format!("{helper} {} {} {value}", self.x()?, quoted(&key)), Type::List))
    }
}
