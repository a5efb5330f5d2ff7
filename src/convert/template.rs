//! Texts with tags: outputs, statements, comments.
//!
//! White space is Ansible's: a line break right behind a statement or comment is not part of the text.

use super::{
    is_ours,
    tags::{Tag, header, next_tag, overrides, tag_at, trimmed},
};
use crate::jinja::{
    Left,
    ast::{Expr, Kind},
    emit::{Emitter, quoted},
    lex::Escapes,
    output::output,
    parse::{parse, parse_loop},
    rarer::grouped,
};

/// A block that is open.
enum Block {
    If {
        ours: bool,
    },
    For {
        ours: bool,
        only: bool,
    },
    /// `set` with a body, `macro`, ...: its end is left as it is too.
    Other(String),
}

/// Turns a text. `bare`: a text that is one expression keeps its type. The flag of what is found says whether it was left as it was;
/// otherwise it deserves a look only.
pub(super) fn turn(text: &str, bare: bool) -> (String, Vec<(bool, Left)>) {
    let mut writer = Writer {
        text,
        escapes: if bare { Escapes::None } else { Escapes::Python },
        out: String::new(),
        found: vec![],
        emitter: Emitter::default(),
        blocks: vec![],
        indented: false,
        drops_line_break: false,
    };
    let mut at = 0;
    if !bare && let Some((line, header)) = header(text) {
        match overrides(header) {
            Ok(strips) => writer.indented = strips,
            Err(left) => return (text.to_owned(), vec![(true, left)]),
        }
        at = line.len();
    }
    while let Some(start) = next_tag(text, at) {
        writer.text(&text[at..start]);
        let tag = match tag_at(text, start) {
            Ok(tag) => tag,
            Err(left) => {
                writer.found.push((true, left));
                writer.text(&text[start..]);
                return writer.finish();
            }
        };
        at = tag.end;
        if bare && tag.kind == '{' && start == 0 && at == text.len() {
            writer.bare(&tag);
        } else if tag.kind == '%' && matches!(tag.inner.trim(), "raw") {
            at = writer.raw(&tag);
        } else {
            writer.tag(&tag);
        }
    }
    writer.text(&text[at..]);
    writer.finish()
}

struct Writer<'t> {
    text: &'t str,
    /// In strings of outputs.
    escapes: Escapes,
    out: String,
    found: Vec<(bool, Left)>,
    emitter: Emitter,
    blocks: Vec<Block>,
    /// A statement with white space before it was told of already.
    indented: bool,
    /// The line break that comes next is not part of the text.
    drops_line_break: bool,
}

impl Writer<'_> {
    fn finish(mut self) -> (String, Vec<(bool, Left)>) {
        if !self.blocks.is_empty() && !self.found.iter().any(|(left, _)| *left) {
            self.found.push((true, Left::new(self.text.len(), "a statement has no end")));
        }
        (self.out, self.found)
    }

    fn text(&mut self, text: &str) {
        let mut text = text;
        if std::mem::take(&mut self.drops_line_break) {
            text = text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n')).unwrap_or(text);
        }
        self.out.push_str(text);
    }

    /// Tags follow: a backslash before one would be read as part of it.
    fn open(&mut self) {
        if self.out.ends_with('\\') {
            self.out.push('\\');
        }
    }

    fn keep(&mut self, tag: &Tag) {
        self.drops_line_break = false;
        self.out.push_str(&self.text[tag.start..tag.end]);
    }

    fn left(&mut self, tag: &Tag, mut left: Left) {
        left.at += tag.at;
        self.found.push((true, left));
        self.keep(tag);
    }

    fn bare(&mut self, tag: &Tag) {
        match parse(tag.inner, self.escapes).and_then(|expr| output(&self.emitter, &expr, false)) {
            Ok(text) => self.out.push_str(&text),
            Err(_) if is_ours(tag.inner) => self.keep(tag),
            Err(left) => self.left(tag, left),
        }
    }

    fn tag(&mut self, tag: &Tag) {
        match tag.kind {
            '{' if tag.inner.trim_start().starts_with("else if ") => self.keep(tag),
            '{' => match parse(tag.inner, self.escapes).and_then(|expr| output(&self.emitter, &expr, true)) {
                Ok(text) => {
                    self.open();
                    self.out.push_str(&trimmed(&text, tag.trims));
                }
                Err(_) if is_ours(tag.inner) => self.keep(tag),
                Err(left) => self.left(tag, left),
            },
            '#' => {
                let comment = tag.inner.trim();
                let text = if comment.contains("}}") || comment.contains("--") {
                    format!("{{{{!-- {} --}}}}", comment.replace("--", "- -"))
                } else {
                    format!("{{{{! {comment} }}}}")
                };
                self.block_tag(tag, &text, false);
            }
            _ => match self.statement(tag) {
                Ok(Some((text, several))) => self.block_tag(tag, &text, several),
                Ok(None) => self.out.push_str(&self.text[tag.start..tag.end]),
                Err(left) => self.left(tag, left),
            },
        }
    }

    /// Writes a tag that is not part of the text, in whose place nothing remains. `several`: it became more than one.
    fn block_tag(&mut self, tag: &Tag, text: &str, several: bool) {
        let line = self.text[..tag.start].rsplit('\n').next().unwrap_or_default();
        let rest = &self.text[tag.end..];
        let rest_of_line = rest.split('\n').next().unwrap_or_default();
        let alone = line.trim().is_empty() && rest_of_line.trim().is_empty();
        let breaks = rest.starts_with('\n') || rest.starts_with("\r\n");
        let trims = tag.trims.0 || tag.trims.1;
        if alone && !trims && !several && !self.indented && !(line.is_empty() && (breaks || rest.is_empty()))
        {
            self.indented = true;
            self.found.push((
                false,
                Left::new(tag.start, "a line with nothing but a statement vanishes as a whole here").hint(
                    "Ansible keeps the white space before and behind it; this is told once for each text",
                ),
            ));
        }
        self.open();
        self.out.push_str(&trimmed(text, tag.trims));
        // One at the very end is put back there.
        let is_last = rest.trim_start_matches(['\r', '\n']).is_empty();
        self.drops_line_break = breaks && !is_last && !tag.trims.1 && (!alone || several || tag.trims.0);
    }

    fn raw(&mut self, tag: &Tag) -> usize {
        let rest = &self.text[tag.end..];
        let end = rest.match_indices("{%").find_map(|(at, _)| {
            let end = tag_at(self.text, tag.end + at).ok()?;
            (end.inner.trim() == "endraw").then_some((tag.end + at, end.end))
        });
        let Some((inner_end, end)) = end else {
            self.left(tag, Left::new(0, "`raw` has no `endraw`"));
            return tag.end;
        };
        let inner = &self.text[tag.end..inner_end];
        self.open();
        if inner.contains("{{") {
            let inner = inner.strip_prefix('\n').unwrap_or(inner);
            self.out.push_str(&format!("{{{{{{{{raw}}}}}}}}{inner}{{{{{{{{/raw}}}}}}}}"));
        } else {
            self.out.push_str(inner.strip_prefix('\n').unwrap_or(inner));
        }
        self.drops_line_break = true;
        end
    }

    /// What a statement becomes, and whether these are several tags; `None`: it is left, as the one that it ends.
    fn statement(&mut self, tag: &Tag) -> Result<Option<(String, bool)>, Left> {
        let inner = tag.inner;
        let skipped = inner.len() - inner.trim_start().len();
        let trimmed = inner.trim();
        let (word, rest) = trimmed
            .split_at(trimmed.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(trimmed.len()));
        let offset = skipped + word.len();
        let shifted = |mut left: Left| {
            left.at += offset;
            left
        };
        let one = |text: &str| Ok(Some((text.to_owned(), false)));
        if self.blocks.is_empty() && ["elif", "else", "endif", "endfor"].contains(&word) {
            return Err(Left::new(skipped, format!("`{word}` without its beginning")));
        }
        match word {
            "if" => {
                let turned = self.if_condition(rest).map_err(shifted);
                self.blocks.push(Block::If { ours: turned.is_ok() });
                turned.map(|condition| Some((format!("{{{{#if {condition}}}}}"), false)))
            }
            "elif" => match self.blocks.last() {
                Some(Block::If { ours: true }) => {
                    let condition = self.if_condition(rest).map_err(shifted)?;
                    Ok(Some((format!("{{{{else if {condition}}}}}"), false)))
                }
                _ => Ok(None),
            },
            "else" => match self.blocks.last() {
                Some(Block::If { ours: true } | Block::For { ours: true, only: false }) => one("{{else}}"),
                Some(Block::For { ours: true, only: true }) => {
                    Err(Left::new(0, "`else` of a `for` with a condition is not there"))
                }
                _ => Ok(None),
            },
            "endif" => match self.blocks.pop() {
                Some(Block::If { ours: true }) => one("{{/if}}"),
                _ => Ok(None),
            },
            "for" => self.for_loop(rest).map_err(shifted).map(Some),
            "endfor" => match self.blocks.pop() {
                Some(Block::For { ours: true, only }) => {
                    self.emitter.loops.pop();
                    Ok(Some(if only {
                        ("{{/if}}{{/each}}".into(), true)
                    } else {
                        ("{{/each}}".into(), false)
                    }))
                }
                _ => Ok(None),
            },
            "include" => match parse(rest, Escapes::Python).map_err(shifted)?.kind {
                Kind::Text(name) if name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) => {
                    one(&format!("{{{{> {name}}}}}"))
                }
                Kind::Text(name) if !name.contains(['[', ']']) => one(&format!("{{{{> [{name}]}}}}")),
                _ => Err(Left::new(offset, "the name of a part must be written down")),
            },
            "set" => {
                if !rest.contains('=') {
                    self.blocks.push(Block::Other("endset".into()));
                }
                Err(Left::new(skipped, "`set` is not there: nothing in a template changes a variable")
                    .hint("put it under `vars`, where it may use other variables"))
            }
            "macro" | "call" | "filter" | "block" | "with" | "autoescape" => {
                self.blocks.push(Block::Other(format!("end{word}")));
                let hint = match word {
                    "macro" => "put the text into a file of its own: `{{> name value=x}}`",
                    "filter" => "call the helper with a variable",
                    _ => "write the text out",
                };
                Err(Left::new(skipped, format!("`{word}` is not there")).hint(hint))
            }
            _ if matches!(self.blocks.last(), Some(Block::Other(end)) if end == word) => {
                self.blocks.pop();
                Ok(None)
            }
            _ => Err(Left::new(skipped, format!("`{word}` is not there"))),
        }
    }

    /// `if` takes what is empty for false, as Jinja2 does.
    fn if_condition(&self, text: &str) -> Result<String, Left> {
        let expr = parse(text, Escapes::Python)?;
        let out = match &expr.kind {
            Kind::Name(_) | Kind::Attribute(..) | Kind::Item(..) => self.emitter.emit(&expr)?,
            _ => self.emitter.boolean(&expr)?,
        };
        Ok(out.argument())
    }

    fn for_loop(&mut self, text: &str) -> Result<(String, bool), Left> {
        let turned = self.turn_loop(text);
        match turned {
            Ok((list, over, names, only)) => {
                let params = names.join(" ");
                self.emitter.loops.push((names, over));
                let only = match only.map(|only| self.emitter.boolean(&only)).transpose() {
                    Ok(only) => only,
                    Err(left) => {
                        self.emitter.loops.pop();
                        self.blocks.push(Block::For { ours: false, only: false });
                        return Err(left);
                    }
                };
                self.blocks.push(Block::For { ours: true, only: only.is_some() });
                let each = format!("{{{{#each {list} as |{params}|}}}}");
                Ok(match only {
                    Some(only) => (format!("{each}{{{{#if {}}}}}", only.argument()), true),
                    None => (each, false),
                })
            }
            Err(left) => {
                self.blocks.push(Block::For { ours: false, only: false });
                Err(left)
            }
        }
    }

    /// The list, the names as `each` gives them, and the condition.
    fn turn_loop(&self, text: &str) -> Result<(String, Expr, Vec<String>, Option<Expr>), Left> {
        let found = parse_loop(text)?;
        let pairs = match &found.over.kind {
            Kind::Call(function, arguments) if arguments.is_empty() => match &function.kind {
                Kind::Attribute(map, name) if name == "items" || name == "iteritems" => Some(map),
                _ => None,
            },
            Kind::Filter(map, name, arguments) if name == "items" && arguments.is_empty() => Some(map),
            _ => None,
        };
        if let (Some((list, key)), [value, items]) = (grouped(&found.over), found.names.as_slice()) {
            let groups = format!("(group_by {} {})", self.emitter.argument(list)?, quoted(key));
            return Ok((groups, found.over.clone(), vec![items.clone(), value.clone()], found.only));
        }
        match (pairs, found.names.as_slice()) {
            (Some(map), [key, value]) => Ok((
                self.emitter.argument(map)?,
                (**map).clone(),
                vec![value.clone(), key.clone()],
                found.only,
            )),
            (None, [name]) => {
                Ok((self.emitter.argument(&found.over)?, found.over, vec![name.clone()], found.only))
            }
            _ => Err(Left::new(found.over.at, "items that are taken apart are not there").hint(
                "`{{#each list as |item|}}`, then `item.name`; of a mapping `{{#each map as |value key|}}`",
            )),
        }
    }
}
