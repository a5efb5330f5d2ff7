//! Files of `KEY='value'` lines as Docker Compose reads them.

/// One entry of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub key: String,
    pub value: Value,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    Literal(String),
    /// Depends on other variables; as it is written.
    Interpolated(String),
}

/// A part of the file: the pair in it, if it is one, and its text with the line break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    pub pair: Option<Pair>,
    pub text: &'a str,
}

impl Item<'_> {
    pub fn is_comment(&self) -> bool {
        self.text.trim_start().starts_with('#')
    }

    /// Neither a pair nor a comment nor blank.
    pub fn is_strange(&self) -> bool {
        self.pair.is_none() && !self.is_comment() && !self.text.trim().is_empty()
    }
}

/// The name of a variable.
pub fn is_key(text: &str) -> bool {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    starts_well && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// The parts of a file; together their texts are the file.
pub fn parse(text: &str) -> Vec<Item<'_>> {
    let mut items = vec![];
    let mut rest = text;
    while !rest.is_empty() {
        let line = rest.split_inclusive('\n').next().unwrap_or(rest);
        let (pair, length) = match pair(rest, line) {
            Some((pair, length)) => (Some(pair), length),
            None => (None, line.len()),
        };
        let (text, after) = rest.split_at(length);
        items.push(Item { pair, text });
        rest = after;
    }
    items
}

/// The pair that `rest` begins with and the length of its text: more than a line if it is quoted so.
fn pair(rest: &str, line: &str) -> Option<(Pair, usize)> {
    let (name, _) = line.split_once('=')?;
    let key = name.trim().strip_prefix("export ").unwrap_or(name).trim();
    if !is_key(key) {
        return None;
    }
    let written = rest[name.len() + 1..].trim_start_matches([' ', '\t']);
    let start = rest.len() - written.len();
    let (value, end) = match written.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            let (inner, length) = quoted(written, quote)?;
            let after = rest[start + length..].split_inclusive('\n').next().unwrap_or_default();
            let trailing = after.trim();
            if !trailing.is_empty() && !trailing.starts_with('#') {
                return None;
            }
            let value = if quote == '\'' { Value::Literal(inner) } else { unescape(inner) };
            (value, start + length + after.len())
        }
        _ => {
            let value = line.get(start..).unwrap_or_default();
            let value = value.split_once(" #").map_or(value, |(value, _)| value).trim_end();
            let literal = !value.contains('$');
            let value = value.to_string();
            (if literal { Value::Literal(value) } else { Value::Interpolated(value) }, line.len())
        }
    };
    Some((Pair { key: key.into(), value }, end))
}

/// What is between quotes, and the length with them. Only the quote itself can be escaped here; a backslash that does not
/// escape it stands for itself, and so do two.
fn quoted(text: &str, quote: char) -> Option<(String, usize)> {
    let mut inner = String::new();
    let mut escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            letter if letter == quote && !escaped => return Some((inner, at + 1)),
            letter if letter == quote => {}
            _ if escaped => inner.push('\\'),
            _ => {}
        }
        escaped = false;
        inner.push(letter);
    }
    None
}

/// The escapes of double quotes.
fn unescape(inner: String) -> Value {
    let mut value = String::new();
    let mut letters = inner.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '$' => return Value::Interpolated(inner),
            '\\' => match letters.next() {
                Some('n') => value.push('\n'),
                Some('r') => value.push('\r'),
                Some('t') => value.push('\t'),
                Some(plain @ ('\\' | '"' | '$')) => value.push(plain),
                // Rare ones (octal, bell, ...) count as different, and are written anew.
                Some('a' | 'b' | 'c' | 'f' | 'v' | '0') => return Value::Interpolated(inner),
                other => value.extend(['\\'].into_iter().chain(other)),
            },
            letter => value.push(letter),
        }
    }
    Value::Literal(value)
}

/// A value as Compose reads it back: in single quotes, where all is literal. There a quote is written `\'`, so a
/// value with a backslash before a quote, or at its end, may need double quotes.
pub fn quote(value: &str) -> String {
    let single = format!("'{}'", value.replace('\'', r"\'"));
    if quoted(&single, '\'').is_some_and(|(inner, length)| inner == value && length == single.len()) {
        return single;
    }
    let mut double = String::from("\"");
    for letter in value.chars() {
        if matches!(letter, '\\' | '"' | '$') {
            double.push('\\');
        }
        double.push(letter);
    }
    double + "\""
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(String, Value)> {
        parse(text).into_iter().filter_map(|item| item.pair).map(|pair| (pair.key, pair.value)).collect()
    }

    #[test]
    fn files_written_by_hand_are_read() {
        let text =
            "# c\n\nexport A=1 # one\nB = 'it\\'s'\nC=\"a\\n\\\"b\\$\"\nD=$A\nE='a\nb'\nwhat is this\nF=\n";
        let literal = |text: &str| Value::Literal(text.into());
        let expected = [
            ("A", literal("1")),
            ("B", literal("it's")),
            ("C", literal("a\n\"b$")),
            ("D", Value::Interpolated("$A".into())),
            ("E", literal("a\nb")),
            ("F", literal("")),
        ];
        assert_eq!(read(text), expected.map(|(key, value)| (key.to_string(), value)));
        let items = parse(text);
        assert_eq!(items.iter().map(|item| item.text).collect::<String>(), text);
        assert_eq!(items.iter().filter(|item| item.is_strange()).count(), 1);
    }

    /// Hard ones first: quotes, backslashes, dollars, hashes, blanks at the ends.
    fn value() -> impl Strategy<Value = String> {
        prop_oneof!["[\\\\'\"$#={} a]{0,8}", "[^\n\r\0]{0,16}"]
    }

    proptest! {
        #[test]
        fn values_come_back(values in prop::collection::vec(value(), 1..5)) {
            let text: String = values.iter().enumerate().map(|(i, v)| format!("K{i}={}\n", quote(v))).collect();
            let found: Vec<_> = read(&text).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(found, values.into_iter().map(Value::Literal).collect::<Vec<_>>());
        }
    }
}
