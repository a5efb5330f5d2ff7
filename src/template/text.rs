//! Elements of a template: text, blocks, partials.

use super::{
    Code, Cx, Frame, SIZE,
    code::DEPTH,
    output::{Output, scalar_text},
    trace::Way,
    unrendered::Guard,
};
use crate::{
    diag::Diagnostic,
    model::{Origin, Source},
    yaml::{Node, Value},
};
use handlebars::{
    Template,
    template::{BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement},
};
use std::{path::Path, sync::Arc};

const BLOCKS: &[&str] = &["if", "unless", "each", "with"];

/// What stands beside the place of `{{> name}}` in an error inside of what it includes.
pub(super) const INCLUDED: &str = "included from here";

impl<'a> Cx<'a> {
    /// Renders a template. `at` is the byte offset of what holds it, for elements without a position of their own.
    pub fn template(&self, template: &Template, at: usize, out: &mut Output) {
        if self.depth > DEPTH {
            out.error(self.too_deep(at));
            return;
        }
        for (index, element) in template.elements.iter().enumerate() {
            let at = match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => at,
                _ => self.code.element(template, index).unwrap_or(at),
            };
            match element {
                TemplateElement::RawString(text) => out.text.push_str(text),
                TemplateElement::Comment(_) => {}
                TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) => {
                    self.interpolate(e, at, out);
                }
                TemplateElement::HelperBlock(block) => self.block(block, at, out),
                TemplateElement::PartialExpression(partial) => {
                    let before = index.checked_sub(1).and_then(|i| template.elements.get(i));
                    self.partial(partial, before, at, out);
                }
                _ => {
                    let error = Diagnostic::error("inline partials and decorators are not supported");
                    let place = self.code.tag(at);
                    out.error(error.at(&place).hint("put the text into a file of its own: `{{> name}}`"));
                }
            }
            if out.text.len() > SIZE {
                out.error(self.too_large());
                return;
            }
        }
    }

    fn interpolate(&self, expression: &HelperTemplate, at: usize, out: &mut Output) {
        let from = out.text.len();
        let (node, reads) = self.scope.collect(|| self.expression(expression, at));
        let node = match node {
            Ok(node) => node,
            Err(errors) => return out.error(errors),
        };
        out.saw(&node);
        let plain = expression.params.is_empty();
        if matches!(node.value, Value::Unknown(_)) {
            if self.scope.watch().is_some() {
                out.text += self.code.written(at);
                out.came(from, reads, plain, node.secret);
            }
            return;
        }
        match scalar_text(&node.value) {
            Some(text) => {
                out.text.push_str(&text);
                out.came(from, reads, plain, node.secret);
            }
            None => {
                let what = if expression.params.is_empty() {
                    self.what(&expression.name)
                } else {
                    format!("the result of `{}`", expression.name.as_name().unwrap_or_default())
                };
                let path =
                    expression.name.as_name().filter(|_| expression.params.is_empty() && !self.code.secret);
                let x = path.unwrap_or("x");
                let hint = match node.value {
                    Value::Null => format!("give it a value, or write `default {x} \"...\"`"),
                    Value::Seq(_) => format!("write `join {x} \",\"`, `to_json {x}` or `to_yaml {x}`"),
                    _ => format!("write `to_json {x}`, `to_yaml {x}`, or name a part of it: `{x}.key`"),
                };
                let message = match node.value {
                    Value::Null => format!("{what} is null and cannot stand in a text"),
                    ref other => format!("{what} is {} and cannot stand in a text", other.kind()),
                };
                out.error(Diagnostic::error(message).at(&self.code.tag(at)).hint(hint));
            }
        }
    }

    fn block(&self, block: &HelperTemplate, at: usize, out: &mut Output) {
        let name = block.name.as_name().unwrap_or_default();
        let body = block.template.as_ref();
        let inverse = block.inverse.as_ref();
        if name == "raw" {
            return self.inner(None, body, at, out);
        }
        if let Some(error) = self.unknown_block(name, at) {
            return out.error(error);
        }
        let [subject] = block.params.as_slice() else {
            let message = format!("`{name}` takes one value, found {}", block.params.len());
            let hint = format!("of several make one: `{{{{#{name} (and a b)}}}}`");
            let error = Diagnostic::error(message).at(&self.code.tag(at));
            let none = format!("say of what: `{{{{#{name} x}}}}`");
            return out.error(error.hint(if block.params.is_empty() { none } else { hint }));
        };
        if let Some(key) = block.hash.keys().next() {
            let message = format!("`{name}` takes no named argument `{}`", self.shown(key));
            return out.error(Diagnostic::error(message).at(&self.code.name(at, key)).hint("remove it"));
        }
        let from = out.text.len();
        let (value, reads) = self.scope.collect(|| self.parameter(subject, at));
        let value = match value {
            Ok(value) => value,
            Err(errors) => return out.error(errors),
        };
        out.saw(&value);
        let (of, reads) = Frame::subject(subject, reads, matches!(name, "each" | "with"));
        let guard = Guard { params: &block.params, parent: self.guard };
        let cx = Cx { guard: Some(&guard), ..*self };
        let item = matches!(name, "each" | "with");
        let taken = match &value.value {
            Value::Unknown(_) => None,
            Value::Seq(_) | Value::Map(_) if name == "each" => Some(truthy(&value.value)),
            _ if name == "each" => Some(true),
            known => Some(truthy(known) == (name != "unless")),
        };
        match (name, taken) {
            (_, None) => {}
            ("if" | "unless", Some(true)) => cx.inner(None, body, at, out),
            ("with", Some(true)) => {
                let params = self.named(block, [&value, &value]);
                let this = Some(&value);
                let frame =
                    Frame { this, params, inherits: true, parent: self.frame, of, ..Frame::default() };
                cx.inner(Some(&frame), body, at, out);
            }
            (_, Some(true)) => cx.each(block, subject, &value, of.as_ref(), at, out),
            (_, Some(false)) => cx.inner(None, inverse, at, out),
        }
        out.depends(from, reads, || self.code.is_alone(at));
        if taken != Some(true) {
            out.also(cx.unrendered(block, body, at, item));
        }
        if taken != Some(false) {
            out.also(cx.unrendered(block, inverse, at, false));
        }
    }

    pub fn unknown_block(&self, name: &str, at: usize) -> Option<Diagnostic> {
        if name == "raw" || BLOCKS.contains(&name) {
            return None;
        }
        let error = Diagnostic::error(format!("unknown block `{}`", self.shown(name)));
        let error = error.at(&self.code.name(at, name));
        if super::helpers::find(name).is_some() {
            return Some(error.hint(format!("`{name}` is a helper: write `{{{{#if ({name} ...)}}}}`")));
        }
        let error = error.hint("there are `if`, `unless`, `each`, `with` and `raw`");
        Some(error.suggest(name, BLOCKS.iter().copied()))
    }

    fn each(
        &self,
        block: &HelperTemplate,
        subject: &Parameter,
        value: &Node,
        of: Option<&Way>,
        at: usize,
        out: &mut Output,
    ) {
        let items: Vec<(Option<&String>, &Node)> = match &value.value {
            Value::Seq(items) => items.iter().map(|item| (None, item)).collect(),
            Value::Map(map) => map.iter().map(|(key, entry)| (Some(key), &entry.node)).collect(),
            other => {
                let what = self.what(subject);
                let message = format!("`each` wants a list or a mapping, but {what} is {}", other.kind());
                let error = Diagnostic::error(message).at(&self.place_of(subject, at));
                return out.error(match other {
                    Value::Int(_) => error.hint("for so many rounds write `each (range x)`"),
                    Value::Str(_) => error.hint("make a list of it: `each (split x \",\")`"),
                    _ => error,
                });
            }
        };
        let last = items.len().saturating_sub(1);
        for (index, (key, item)) in items.into_iter().enumerate() {
            if !self.next_round(at, out) {
                return;
            }
            let of = of.map(|of| of.to(&[&key.cloned().unwrap_or_else(|| index.to_string())]));
            let position = self.node(Value::Int(i64::try_from(index).unwrap_or(i64::MAX)));
            let key = key.map(|key| self.node(Value::str(key)).with_secret(value.secret));
            let mut locals = vec![
                ("first", self.node(Value::Bool(index == 0))),
                ("last", self.node(Value::Bool(index == last))),
                ("index", position.clone()),
            ];
            locals.extend(key.clone().map(|key| ("key", key)));
            let params = self.named(block, [item, key.as_ref().unwrap_or(&position)]);
            let (this, parent) = (Some(item), self.frame);
            let frame = Frame { this, params, locals, inherits: false, parent, of, given: vec![] };
            self.inner(Some(&frame), block.template.as_ref(), at, out);
            // One round's mistakes are every round's mistakes.
            if out.failed || out.text.len() > SIZE {
                return;
            }
        }
    }

    /// The names a block gives with `as |item key|`.
    pub fn named(&self, block: &HelperTemplate, values: [&Node; 2]) -> Vec<(String, Node)> {
        let name = |p: &Parameter| p.as_name().unwrap_or_default().to_string();
        let [first, second] = values;
        match &block.block_param {
            Some(BlockParam::Single(one)) => vec![(name(one), first.clone())],
            Some(BlockParam::Pair((one, two))) => {
                vec![(name(one), first.clone()), (name(two), second.clone())]
            }
            _ => vec![],
        }
    }

    fn inner(&self, frame: Option<&Frame>, template: Option<&Template>, at: usize, out: &mut Output) {
        if let Some(template) = template {
            let cx = Cx { frame: frame.or(self.frame), depth: self.depth + 1, ..*self };
            cx.template(template, at, out);
        }
    }

    fn partial(
        &self,
        partial: &DecoratorTemplate,
        before: Option<&TemplateElement>,
        at: usize,
        out: &mut Output,
    ) {
        let tag = self.code.tag(at);
        let source = match self.partial_source(partial, at) {
            Ok(source) => source,
            Err(error) => return out.error(error),
        };
        if let Some(chain) = self.included(&source.path) {
            let error = Diagnostic::error(format!("partial includes itself: {chain}")).at(&tag);
            let error = error.hint("remove this inclusion");
            return out.error(error);
        }
        if !self.next_round(at, out) {
            return;
        }
        let (mut params, mut given) = (vec![], vec![]);
        for (key, parameter) in &partial.hash {
            let (node, reads) = self.scope.collect(|| self.parameter(parameter, at));
            match node {
                Ok(node) => {
                    params.push((key.clone(), node));
                    given.push(reads);
                }
                Err(errors) => out.error(errors),
            }
        }
        let (mut of, mut about) = (self.frame.and_then(|frame| frame.of.clone()), vec![]);
        let this = match partial.params.as_slice() {
            [] => None,
            [one] => match self.scope.collect(|| self.parameter(one, at)) {
                (Ok(node), reads) => {
                    (of, about) = Frame::subject(one, reads, true);
                    Some(node)
                }
                (Err(errors), _) => return out.error(errors),
            },
            _ => {
                let error = Diagnostic::error("a partial takes one value at most").at(&tag);
                return out.error(error.hint("name the others: `{{> name key=value}}`"));
            }
        };
        let code = match Code::file(&Origin { source, span: 0..0 }) {
            Ok(code) => code,
            Err(errors) => return out.error(errors.related(&tag, INCLUDED)),
        };
        let mut inner = Output::default();
        let this = this.as_ref().or(self.frame.and_then(|f| f.this));
        // Without an item around it, a partial sees all variables.
        let frame = Frame { this, params, locals: vec![], inherits: true, parent: self.frame, of, given };
        let includes = super::Include { path: &code.origin.source.path, parent: self.includes };
        let cx = Cx {
            code: &code,
            frame: Some(&frame),
            includes: Some(&includes),
            depth: self.depth + 1,
            ..*self
        };
        cx.template(&code.template, 0, &mut inner);
        out.failed |= inner.failed;
        out.errors.extend(std::mem::take(&mut inner.errors).related(&tag, INCLUDED));
        // A partial alone on its line is indented as its tag is; the parser has then taken that indent away.
        let indent = partial.indent.as_deref().unwrap_or("");
        let kept = matches!(before, Some(TemplateElement::RawString(text)) if text.ends_with(indent));
        let from = out.text.len();
        out.push_indented(inner, indent, !kept);
        out.depends(from, about, || true);
    }

    pub fn partial_source(&self, partial: &DecoratorTemplate, at: usize) -> Result<Arc<Source>, Diagnostic> {
        let name = partial.name.as_name().unwrap_or_default().trim_matches(['[', ']', '\'']);
        self.partials.and_then(|partials| partials.find(name)).ok_or_else(|| {
            let error = Diagnostic::error(format!("unknown partial `{}`", self.shown(name)));
            let error = error.at(&self.code.tag(at));
            match self.partials {
                Some(partials) if !self.code.secret => {
                    let known = partials.names();
                    let error = error.hint("partials are other files in the same templates/ folder");
                    error.suggest(name, known.iter().map(String::as_str))
                }
                Some(_) => error,
                None => error.hint("partials are there in template files only"),
            }
        })
    }

    pub fn included(&self, path: &Path) -> Option<String> {
        let mut chain = vec![path.display().to_string()];
        let mut include = self.includes;
        while let Some(outer) = include {
            chain.push(outer.path.display().to_string());
            if outer.path == path {
                chain.reverse();
                return Some(chain.join(" -> "));
            }
            include = outer.parent;
        }
        None
    }
}

/// Handlebars' own notion, for `if`, `unless` and `with`: null, false, 0 and what is empty do not count.
fn truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Unknown(_) | Value::Asked(_) => false,
        Value::Bool(b) => *b,
        Value::Int(i) => *i != 0,
        Value::Float(f) => f.is_normal(),
        Value::Str(s) => !s.is_empty(),
        Value::Bytes(b) => !b.is_empty(),
        Value::Seq(items) => !items.is_empty(),
        Value::Map(map) => !map.is_empty(),
    }
}
