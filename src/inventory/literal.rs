//! What Python takes for a literal: INI inventories write lists, mappings and numbers that way.
//!
//! Source: Ansible's `ini` inventory plugin passes each value to Python's `ast.literal_eval`, and keeps as text what that refuses;
//! the grammar is that of the Python Language Reference, "Lexical analysis" and "Displays".

use serde_json::{Number, Value as Json};

/// The value that a text stands for, or the text itself where it is no literal.
pub(super) fn value(text: &str) -> Json {
    let mut reader = Reader { rest: text };
    let literal = reader.value_or_tuple();
    match literal {
        Some(value) if reader.is_at_end() => value,
        _ => Json::from(text),
    }
}

struct Reader<'a> {
    rest: &'a str,
}

/// Deeper than anybody writes; a hostile file should not use up the stack.
const DEEPEST: usize = 60;

impl Reader<'_> {
    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn takes(&mut self, token: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A comment may follow.
    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.rest.is_empty() || self.rest.starts_with('#')
    }

    /// `1, 2` without brackets is a tuple.
    fn value_or_tuple(&mut self) -> Option<Json> {
        let first = self.value(0)?;
        if !self.takes(',') {
            return Some(first);
        }
        let mut items = vec![first];
        while !self.is_at_end() {
            items.push(self.value(0)?);
            if !self.takes(',') {
                break;
            }
        }
        Some(Json::Array(items))
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > DEEPEST {
            return None;
        }
        self.skip_space();
        match self.rest.chars().next()? {
            '[' => self.items('[', ']', depth).map(|(items, _)| Json::Array(items)),
            '(' => {
                let (mut items, comma) = self.items('(', ')', depth)?;
                // Brackets around one value only group it.
                if items.len() == 1 && !comma { items.pop() } else { Some(Json::Array(items)) }
            }
            '{' => self.mapping(depth),
            '\'' | '"' | 'u' | 'U' => self.strings().map(Json::String),
            '-' | '+' | '.' | '0'..='9' => self.number(),
            _ => self.word(),
        }
    }

    /// What stands between two brackets, and whether the last item has a comma behind it.
    fn items(&mut self, open: char, close: char, depth: usize) -> Option<(Vec<Json>, bool)> {
        self.takes(open);
        let (mut items, mut comma) = (vec![], true);
        while !self.takes(close) {
            if !comma {
                return None;
            }
            items.push(self.value(depth + 1)?);
            comma = self.takes(',');
        }
        Some((items, comma))
    }

    fn mapping(&mut self, depth: usize) -> Option<Json> {
        self.takes('{');
        let (mut map, mut comma) = (serde_json::Map::new(), true);
        while !self.takes('}') {
            if !comma {
                return None;
            }
            let key = match self.value(depth + 1)? {
                Json::String(text) => text,
                Json::Number(number) => number.to_string(),
                Json::Bool(true) => "true".into(),
                Json::Bool(false) => "false".into(),
                Json::Null => "null".into(),
                Json::Array(_) | Json::Object(_) => return None,
            };
            // A set has no colons, and no form in JSON.
            if !self.takes(':') {
                return None;
            }
            map.insert(key, self.value(depth + 1)?);
            comma = self.takes(',');
        }
        Some(Json::Object(map))
    }

    fn word(&mut self) -> Option<Json> {
        let end = self.rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        let value = match word {
            "True" => Json::Bool(true),
            "False" => Json::Bool(false),
            "None" => Json::Null,
            _ => return None,
        };
        self.rest = rest;
        Some(value)
    }

    fn number(&mut self) -> Option<Json> {
        let mut negative = false;
        while let Some(rest) = self.rest.strip_prefix(['-', '+']) {
            negative ^= self.rest.starts_with('-');
            self.rest = rest.trim_start();
        }
        let is_hexadecimal = self.rest.starts_with("0x") || self.rest.starts_with("0X");
        let (mut end, mut previous) = (self.rest.len(), ' ');
        for (at, c) in self.rest.char_indices() {
            let has_exponent = !is_hexadecimal && matches!(previous, 'e' | 'E') && matches!(c, '+' | '-');
            if !(c.is_ascii_alphanumeric() || c == '.' || c == '_' || has_exponent) {
                end = at;
                break;
            }
            previous = c;
        }
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        number(text, negative)
    }

    /// One string, or several beside each other, which are one.
    fn strings(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            self.skip_space();
            let quoted = self.rest.strip_prefix(['u', 'U']).unwrap_or(self.rest);
            let Some(quote) = quoted.chars().next().filter(|c| matches!(c, '\'' | '"')) else { break };
            self.rest = string(&quoted[1..], quote, &mut text)?;
        }
        // A word that begins with a `u` is no string.
        (!self.rest.starts_with(['u', 'U'])).then_some(text)
    }
}

/// Appends a string's characters; what is behind its closing quote.
fn string<'a>(mut rest: &'a str, quote: char, text: &mut String) -> Option<&'a str> {
    loop {
        let c = rest.chars().next()?;
        rest = &rest[c.len_utf8()..];
        match c {
            c if c == quote => return Some(rest),
            '\\' => rest = escape(rest, text)?,
            c => text.push(c),
        }
    }
}

/// What stands behind a backslash. An escape that Python does not know keeps its backslash.
fn escape<'a>(rest: &'a str, text: &mut String) -> Option<&'a str> {
    let c = rest.chars().next()?;
    let after = &rest[c.len_utf8()..];
    let digits = |count: usize, radix: u32| {
        let digits = after.get(..count)?;
        let all = digits.chars().all(|c| c.is_digit(radix));
        let number = u32::from_str_radix(digits, radix).ok().filter(|_| all)?;
        Some((char::from_u32(number)?, &after[count..]))
    };
    let (plain, rest) = match c {
        'n' => ('\n', after),
        't' => ('\t', after),
        'r' => ('\r', after),
        'a' => ('\u{7}', after),
        'b' => ('\u{8}', after),
        'f' => ('\u{c}', after),
        'v' => ('\u{b}', after),
        '\\' | '\'' | '"' => (c, after),
        'x' => digits(2, 16)?,
        'u' => digits(4, 16)?,
        'U' => digits(8, 16)?,
        '0'..='7' => {
            let count = rest.chars().take(3).take_while(|c| c.is_digit(8)).count();
            (char::from_u32(u32::from_str_radix(&rest[..count], 8).ok()?)?, &rest[count..])
        }
        'N' => return None,
        other => {
            text.push('\\');
            (other, after)
        }
    };
    text.push(plain);
    Some(rest)
}

/// An integer or a floating-point number, with Python's underscores; `0644` is none.
fn number(text: &str, negative: bool) -> Option<Json> {
    let underscores_join_digits = !text.contains("__") && !text.ends_with('_') && !text.starts_with('_');
    if text.is_empty() || !underscores_join_digits {
        return None;
    }
    let plain = text.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return integer(digits, radix, negative);
        }
    }
    if plain.bytes().all(|byte| byte.is_ascii_digit()) {
        let zeros = plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|byte| byte != b'0');
        return if zeros { None } else { integer(&plain, 10, negative) };
    }
    let allowed = plain.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && plain.bytes().all(|byte| byte.is_ascii_digit() || b".eE+-".contains(&byte));
    let float: f64 = plain.parse().ok().filter(|_| allowed)?;
    Number::from_f64(if negative { -float } else { float }).map(Json::Number)
}

/// One that does not fit into 64 bits stays a text, as it is.
fn integer(digits: &str, radix: u32, negative: bool) -> Option<Json> {
    let number = i64::from_str_radix(digits, radix).ok()?;
    Some(Json::from(if negative { -number } else { number }))
}

#[cfg(test)]
mod tests {
    use super::value;
    use serde_json::json;

    #[test]
    fn literals_are_values_and_all_else_is_text() {
        let table = [
            ("8080", json!(8080)),
            ("-3", json!(-3)),
            ("1_000", json!(1000)),
            ("0x1F", json!(31)),
            ("0o17", json!(15)),
            ("0b101", json!(5)),
            ("00", json!(0)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("1.10", json!(1.1)),
            ("True", json!(true)),
            ("None", json!(null)),
            ("'a # b'", json!("a # b")),
            ("5 # five", json!(5)),
            ("'it\\'s' \"one\"", json!("it'sone")),
            (r"'a\tb\x41\u00e9\q\101'", json!("a\tbAé\\qA")),
            ("[1, 'two', [True,],]", json!([1, "two", [true]])),
            ("(1, 2)", json!([1, 2])),
            ("(1)", json!(1)),
            ("1, 2", json!([1, 2])),
            ("()", json!([])),
            ("{'a': {'b': [1]}, 2: None}", json!({"a": {"b": [1]}, "2": null})),
            ("u'x'", json!("x")),
        ];
        for (text, wanted) in table {
            assert_eq!(value(text), wanted, "{text}");
        }
        for text in [
            "",
            "yes",
            "true",
            "0644",
            "1__0",
            "10.0.0.1",
            "1.2.3",
            "{1, 2}",
            "[1 2]",
            "[1",
            "'open",
            "a b",
            "/etc/x",
            "-o ProxyJump=x",
            "12ab",
            "inf",
            "99999999999999999999",
            "users",
            "'a' b",
            "[,]",
            "-",
            "2001:db8::1",
            "\u{e9}",
            r"'\N{DASH}'",
            r"'\xzz'",
        ] {
            assert_eq!(value(text), json!(text));
        }
        assert_eq!(value(&"[".repeat(100_000)), json!("[".repeat(100_000)));
    }
}
