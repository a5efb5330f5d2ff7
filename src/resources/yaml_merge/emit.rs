//! Values as YAML text, in block style. Text is quoted wherever some reader of YAML could take it for something else.

use crate::yaml::{Node, Value as Yaml};
use serde_json::Value;

/// What is written: new values, and of those that were there their own words (`0644` and `yes` mean different things to different readers).
pub enum Out<'a> {
    Raw(&'a str),
    New(&'a Value),
    Map(Vec<(String, Self)>),
    Seq(Vec<Self>),
}

impl<'a> Out<'a> {
    /// `value`, in the words of `node` where it is the same.
    pub fn of(text: &'a str, node: Option<&Node>, value: &'a Value) -> Self {
        let Some(node) = node else { return Self::New(value) };
        match (&node.value, value) {
            (Yaml::Map(map), Value::Object(want)) if !want.is_empty() => {
                let entry = |(key, value): (&'a String, &'a Value)| {
                    let there = map.get(key);
                    let written = there.map(|entry| &text[entry.key.span.clone()]);
                    let name =
                        written.filter(|name| !name.is_empty()).map_or_else(|| scalar(key), String::from);
                    (name, Self::of(text, there.map(|entry| &entry.node), value))
                };
                Self::Map(want.iter().map(entry).collect())
            }
            (Yaml::Seq(items), Value::Array(want)) if !want.is_empty() => {
                let of = |(at, value)| Self::of(text, items.get(at), value);
                Self::Seq(want.iter().enumerate().map(of).collect())
            }
            (Yaml::Map(_) | Yaml::Seq(_), _) => Self::New(value),
            _ => {
                let written = &text[node.origin.span.clone()];
                let same =
                    node.to_json() == *value && !written.is_empty() && !written.starts_with(['|', '>']);
                if same { Self::Raw(written) } else { Self::New(value) }
            }
        }
    }
}

/// A mapping's lines, each with its line break.
pub fn mapping(entries: &[(String, Out)], indent: usize) -> String {
    entries.iter().map(|(key, value)| entry(key, value, indent)).collect()
}

/// `key: value`, over as many lines as it takes.
pub fn entry(key: &str, value: &Out, indent: usize) -> String {
    let blank = " ".repeat(indent);
    match inline(value) {
        Some(text) => format!("{blank}{key}: {text}\n"),
        None => match block_text(value, indent + 2) {
            Some(text) => format!("{blank}{key}: {text}"),
            None => format!("{blank}{key}:\n{}", lines(value, indent + 2)),
        },
    }
}

/// What goes on one line.
pub fn inline(value: &Out) -> Option<String> {
    match value {
        Out::Raw(text) => Some((*text).to_string()),
        Out::Map(_) | Out::Seq(_) => None,
        Out::New(value) => match value {
            Value::Object(map) => map.is_empty().then(|| "{}".into()),
            Value::Array(items) => items.is_empty().then(|| "[]".into()),
            Value::String(text) if literal(text).is_some() => None,
            Value::String(text) => Some(scalar(text)),
            other => Some(other.to_string()),
        },
    }
}

fn lines(value: &Out, indent: usize) -> String {
    let item = |value: &Out| {
        let blank = " ".repeat(indent);
        if let Some(text) = inline(value) {
            return format!("{blank}- {text}\n");
        }
        if let Some(text) = block_text(value, indent + 2) {
            return format!("{blank}- {text}");
        }
        // The first line of what is in the item stands beside its dash.
        format!("{blank}- {}", &lines(value, indent + 2)[indent + 2..])
    };
    match value {
        Out::Map(entries) => mapping(entries, indent),
        Out::Seq(items) => items.iter().map(item).collect(),
        Out::New(Value::Object(map)) => {
            let entries: Vec<_> = map.iter().map(|(key, value)| (scalar(key), Out::New(value))).collect();
            mapping(&entries, indent)
        }
        Out::New(Value::Array(items)) => items.iter().map(|value| item(&Out::New(value))).collect(),
        Out::Raw(_) | Out::New(_) => String::new(),
    }
}

fn block_text(value: &Out, indent: usize) -> Option<String> {
    let Out::New(Value::String(text)) = value else { return None };
    let head = literal(text)?;
    let blank = " ".repeat(indent);
    let line = |line: &str| if line.is_empty() { "\n".into() } else { format!("{blank}{line}\n") };
    Some(format!("{head}\n{}", text.lines().map(line).collect::<String>()))
}

/// How a text of several lines is introduced, if it can stand as it is.
fn literal(text: &str) -> Option<&'static str> {
    let (body, head) = match text.strip_suffix('\n') {
        Some(body) => (body, "|"),
        None => (text, "|-"),
    };
    let plain = |c: char| !c.is_control() || c == '\n';
    let good = text.contains('\n')
        && !body.is_empty()
        && !body.starts_with([' ', '\n'])
        && !body.ends_with('\n')
        && body.chars().all(plain)
        && body.lines().all(|line| line.is_empty() || !line.trim().is_empty());
    good.then_some(head)
}

/// Text on one line: bare if nothing could take it for anything else, else in double quotes, as JSON has it.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "y", "n", "null", "inf"];
    let plain = |c: char| c.is_alphanumeric() || "_-./@+ ".contains(c);
    let bare = text.starts_with(|c: char| c.is_alphabetic() || "_/".contains(c))
        && text.chars().all(plain)
        && !text.ends_with(' ')
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if bare {
        return text.into();
    }
    // JSON lets some through that YAML does not.
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    let escape = |c: char| if hidden(c) { format!("\\u{:04x}", u32::from(c)) } else { c.to_string() };
    Value::from(text).to_string().chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Source;
    use proptest::prelude::*;
    use serde_json::json;
    use std::sync::Arc;

    fn written(value: &Value) -> String {
        let Value::Object(map) = value else { panic!("a mapping") };
        mapping(&map.iter().map(|(key, value)| (scalar(key), Out::New(value))).collect::<Vec<_>>(), 0)
    }

    fn read(text: &str) -> Value {
        let source = Source { path: "t.yml".into(), text: text.into(), secret: false };
        crate::yaml::parse(&Arc::new(source)).unwrap_or_else(|e| panic!("{text}\n{}", e.message)).to_json()
    }

    #[test]
    fn values_look_as_a_person_writes_them() {
        let value = json!({
            "a": {"b": [1, "two words", {"c": null, "d": [[true]]}], "e": {}, "f": []},
            "text": "one\n\n  two\n", "no end": "a\nb", "on": "0644", "empty": "", "x": "a: b #c",
        });
        assert_eq!(
            written(&value),
            "a:\n  b:\n    - 1\n    - two words\n    - c: null\n      d:\n        - - true\n  e: {}\n  f: []\n\
             text: |\n  one\n\n    two\nno end: |-\n  a\n  b\n\"on\": \"0644\"\nempty: \"\"\nx: \"a: b #c\"\n"
        );
        assert_eq!(read(&written(&value)), value);
    }

    fn tree() -> impl Strategy<Value = Value> {
        let text = || {
            prop_oneof!["[a-z0-9:#'\"{}\\[\\]&*!|>%@` \n~-]{0,10}", "[ -~äß→\u{7f}\u{85}\u{2028}\t\r\n]{0,6}"]
        };
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 16, 4, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(text(), inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_written_is_read_alike(value in tree(), key in "[ -~ä]{0,6}") {
            let value = json!({ key: value });
            prop_assert_eq!(read(&written(&value)), value);
        }
    }
}
