//! Text to tree.

use super::{Entry, Map, Node, Value};
use crate::{
    diag::Diagnostic,
    model::{Origin, Source},
};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Location, Options, Spanned, Tagged};
use std::{fmt, sync::Arc};

/// Parses a file of one document; an empty one is `Null`.
///
/// # Errors
/// A diagnostic with the place: syntax, tabs, duplicate keys, more than one document, alias bombs.
pub fn parse(source: &Arc<Source>) -> Result<Node, Diagnostic> {
    let mut documents = parse_documents(source)?;
    match documents.len() {
        0 => Ok(Node::new(Value::Null, Origin { source: source.clone(), span: 0..0 })),
        1 => Ok(documents.remove(0)),
        _ => Err(Diagnostic::error("expected one YAML document, found several")
            .at(&documents[1].origin)
            .hint("remove the `---` between them, or split the file")),
    }
}

/// Parses all documents of a file.
///
/// # Errors
/// As [`parse`].
pub fn parse_documents(source: &Arc<Source>) -> Result<Vec<Node>, Diagnostic> {
    if let Some((at, slip)) = slip(&source.text) {
        let origin = Origin { source: source.clone(), span: at..at + 1 };
        return Err(match slip {
            Slip::Tab => Diagnostic::error("a tab is used for indentation")
                .at(&origin)
                .hint("YAML is indented with spaces only"),
            Slip::Depth => {
                Diagnostic::error(format!("invalid YAML: nested deeper than {DEEPEST}")).at(&origin)
            }
        });
    }
    let raw: Vec<Raw> =
        serde_saphyr::from_multiple_with_options(&source.text, options()).map_err(|e| syntax(&e, source))?;
    Ok(raw.into_iter().map(|r| r.into_node(source)).collect())
}

fn options() -> Options {
    serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        duplicate_keys: DuplicateKeyPolicy::Error,
    }
}

/// Deeper than anybody writes, in lines that are indented more and more. The parser is recursive there: what is deeper must not
/// reach it. (Brackets it counts itself.)
const DEEPEST: usize = 64;

/// What the parser should not see.
enum Slip {
    Tab,
    Depth,
}

/// Byte offset of a tab inside the indentation of a line, or of what is nested too deep, in lines that are not part of a block
/// scalar's text (there the parser decides).
fn slip(text: &str) -> Option<(usize, Slip)> {
    let mut at = 0;
    let mut open: Vec<usize> = vec![];
    let mut block: Option<usize> = None;
    for line in text.split_inclusive('\n') {
        let spaces = line.len() - line.trim_start_matches(' ').len();
        let blank = line.trim().is_empty();
        if block.is_some_and(|indent| {
            !blank && spaces <= indent && !line.trim_start_matches(' ').starts_with('\t')
        }) {
            block = None;
        }
        if block.is_none() && !blank {
            if line[spaces..].starts_with('\t') {
                return Some((at + spaces, Slip::Tab));
            }
            open.retain(|indent| *indent < spaces);
            open.extend(starts(line, spaces));
            if open.len() > DEEPEST {
                return Some((at + spaces, Slip::Depth));
            }
            let code = line.split(" #").next().unwrap_or(line).trim_end();
            let header = code.rsplit([' ', ':']).next().unwrap_or("");
            if header.starts_with(['|', '>'])
                && header[1..].chars().all(|c| c.is_ascii_digit() || "+-".contains(c))
            {
                block = Some(spaces);
            }
        }
        at += line.len();
    }
    None
}

/// Where the lists and mappings begin that a line opens: at its text, and at each `- ` and `? ` before that.
fn starts(line: &str, spaces: usize) -> Vec<usize> {
    let mut found = vec![spaces];
    let mut at = spaces;
    while let Some(length) = line[at..].find([' ', '\n']) {
        let word = &line[at..at + length];
        let is_mark = matches!(word, "-" | "?");
        // Tags and anchors may stand between.
        if !is_mark && !word.starts_with(['!', '&']) {
            break;
        }
        at += length;
        at += line[at..].len() - line[at..].trim_start_matches(' ').len();
        if is_mark {
            found.push(at);
        }
        if found.len() > DEEPEST || line[at..].trim().is_empty() {
            break;
        }
    }
    found
}

fn syntax(error: &serde_saphyr::Error, source: &Arc<Source>) -> Diagnostic {
    let full = error.without_snippet().to_string();
    let mut message = full.lines().next().unwrap_or("it cannot be read").to_string();
    if let Some(at) = message.find(" at line ") {
        message.truncate(at);
    }
    let message = message.trim_start_matches("YAML parse error: ").trim_end_matches('.');
    let span = error.location().map_or(0..0, |location| span(&location, &source.text, 1));
    super::syntax::diagnostic(message, span, source)
}

/// Byte range of a location. The crate counts characters where it has no byte offsets.
fn span(location: &Location, text: &str, least: usize) -> std::ops::Range<usize> {
    let span = location.span();
    let (start, len) = match (span.byte_offset(), span.byte_len()) {
        (Some(start), Some(len)) => (start as usize, len as usize),
        _ => {
            let byte = |chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
            let start = byte(span.offset() as usize);
            (start, byte((span.offset() + span.len()) as usize) - start)
        }
    };
    let start = text.floor_char_boundary(start.min(text.len()));
    let end = text.ceil_char_boundary((start + len.max(least)).min(text.len()));
    // A mapping's span would underline pages: its first line is enough to find it.
    let first_line = text[start..end].find('\n').map_or(end, |n| start + n);
    start..first_line.max(start)
}

struct Raw(Spanned<Tagged<RawValue>>);

enum RawValue {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Str(String),
    Seq(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn into_node(self, source: &Arc<Source>) -> Node {
        let at =
            |location: &Location| Origin { source: source.clone(), span: span(location, &source.text, 0) };
        let origin = at(&self.0.referenced);
        let Tagged(value, tag) = self.0.value;
        let value = match value {
            RawValue::Null => Value::Null,
            RawValue::Bool(b) => Value::Bool(b),
            RawValue::Int(i) => Value::Int(i),
            RawValue::Float(f) => Value::Float(f),
            RawValue::Str(s) => Value::str(s),
            RawValue::Seq(items) => Value::Seq(items.into_iter().map(|i| i.into_node(source)).collect()),
            RawValue::Map(entries) => {
                let entry = |(key, value): (Spanned<String>, Self)| {
                    (key.value, Entry { key: at(&key.referenced), node: value.into_node(source) })
                };
                Value::Map(entries.into_iter().map(entry).collect::<Map>())
            }
        };
        let tag = tag.filter(|t| t.starts_with('!')).map(Arc::from);
        Node { value, origin, secret: false, tag }
    }
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Spanned::deserialize(deserializer).map(Self)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        RawValue::deserialize(deserializer)
    }

    fn visit_bool<E>(self, v: bool) -> Result<RawValue, E> {
        Ok(RawValue::Bool(v))
    }

    fn visit_i64<E>(self, v: i64) -> Result<RawValue, E> {
        Ok(RawValue::Int(v))
    }

    fn visit_u64<E>(self, v: u64) -> Result<RawValue, E> {
        Ok(i64::try_from(v).map_or_else(|_| RawValue::Str(v.to_string()), RawValue::Int))
    }

    fn visit_f64<E>(self, v: f64) -> Result<RawValue, E> {
        Ok(RawValue::Float(v))
    }

    fn visit_str<E>(self, v: &str) -> Result<RawValue, E> {
        Ok(RawValue::Str(v.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut items = vec![];
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(RawValue::Seq(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<RawValue, A::Error> {
        let mut entries = vec![];
        while let Some(entry) = access.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Arc<Source> {
        Arc::new(Source { path: "t.yml".into(), text: text.into(), secret: false })
    }

    fn error(text: &str) -> String {
        crate::diag::render(&parse(&source(text)).unwrap_err(), false)
    }

    #[test]
    fn every_value_knows_its_place() {
        let node = parse(&source("a: 1\nb:\n  - x: \"ü\"\n    y: yes\n  - 0644\n")).unwrap();
        let item = &node.get("b").unwrap().as_seq().unwrap()[0];
        assert_eq!(item.get("y").unwrap().as_str(), Some("yes"), "strict booleans");
        assert_eq!(item.get("y").unwrap().origin.line_column(), (4, 8));
        assert_eq!(item.as_map().unwrap()["y"].key.line_column(), (4, 5));
        let mode = &node.get("b").unwrap().as_seq().unwrap()[1];
        assert_eq!((mode.as_str(), mode.origin.line_column()), (Some("0644"), (5, 5)));
        assert_eq!(&mode.origin.source.text[mode.origin.span.clone()], "0644");
    }

    #[test]
    fn tags_merge_keys_and_empty_files() {
        let node =
            parse(&source("p: !vault |\n  $ANSIBLE\n  12\nbase: &b {x: 1, y: 2}\nd:\n  <<: *b\n  y: 3\n"))
                .unwrap();
        let vault = node.get("p").unwrap();
        assert_eq!((vault.tag.as_deref(), vault.as_str()), (Some("!vault"), Some("$ANSIBLE\n12\n")));
        assert_eq!(node.get("d").unwrap().to_json(), serde_json::json!({"x": 1, "y": 3}));
        assert!(parse(&source("")).unwrap().is_null());
        assert!(parse(&source("# nothing\n")).unwrap().is_null());
        assert!(parse(&source("---\na: 1\n")).unwrap().get("a").is_some());
    }

    #[test]
    fn mistakes_name_the_place() {
        let text = error("a: 1\nb: 2\na: 3\n");
        assert!(text.contains("t.yml:3:1") && text.contains("stands twice"), "{text}");
        let text = error("a:\n\t- b\n");
        assert!(text.contains("t.yml:2:1") && text.contains("tab"), "{text}");
        let text = error("a: {{ x }}\n");
        assert!(text.contains("t.yml:1:") && text.contains("must be quoted"), "{text}");
        let text = error("a: [1, 2\nb: 3\n");
        assert!(text.contains("t.yml:"), "{text}");
    }

    #[test]
    fn a_tab_inside_a_block_of_text_is_text() {
        let node = parse(&source("a: |\n  \tx\nb: 1\n")).unwrap();
        assert_eq!(node.get("a").unwrap().as_str(), Some("\tx\n"));
    }

    #[test]
    fn what_is_nested_too_deep_does_not_reach_the_parser() {
        let tower = |levels: usize| (0..levels).map(|i| format!("{}a:\n", " ".repeat(i))).collect::<String>();
        for text in [tower(3000), "- ".repeat(50_000), "? ".repeat(50_000), "- !t &a ".repeat(20_000)] {
            assert!(error(&text).contains("nested deeper than 64"), "{}", &text[..20]);
        }
        assert!(
            parse(&source(&tower(40))).is_ok() && parse(&source(&format!("{}x\n", "- ".repeat(40)))).is_ok()
        );
        // Text of a block may be indented as it likes.
        let text: String = (1..100).map(|i| format!("{}x\n", " ".repeat(i))).collect();
        assert!(parse(&source(&format!("a: |\n{text}"))).is_ok());
    }

    #[test]
    fn an_alias_bomb_is_refused() {
        let mut text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_string();
        for i in 1..9 {
            text += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
        }
        assert!(parse(&source(&text)).is_err());
    }
}
