//! The parts of a template that are not rendered: the branch that is not taken, the body behind what is not known yet. While a
//! project is checked offline they are looked through for names that are defined nowhere; a run has no use for that.

use super::{Code, Cx, Frame, code::DEPTH, expression::Found, helpers, text::INCLUDED};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::{Node, Value},
};
use handlebars::{
    Path, PathSeg, Template,
    template::{DecoratorTemplate, HelperTemplate, Parameter, TemplateElement},
};

/// The arguments of a block or a helper around the current place: what these ask for with `defined` or `default` may be missing.
pub(super) struct Guard<'a> {
    pub params: &'a [Parameter],
    pub parent: Option<&'a Guard<'a>>,
}

impl Guard<'_> {
    fn holds(&self, name: &str) -> bool {
        self.params.iter().any(|parameter| asks_for(parameter, name))
            || self.parent.is_some_and(|parent| parent.holds(name))
    }
}

fn asks_for(parameter: &Parameter, name: &str) -> bool {
    let Parameter::Subexpression(inner) = parameter else { return false };
    let TemplateElement::Expression(call) = inner.as_element() else { return false };
    let asks = forgives(call) && call.params.first().and_then(first_name) == Some(name);
    asks || call.params.iter().any(|parameter| asks_for(parameter, name))
}

/// Whether the first argument of a call may be missing.
fn forgives(call: &HelperTemplate) -> bool {
    matches!(call.name.as_name(), Some("defined" | "default"))
}

/// A string as it stands in the template.
pub(super) fn literal(parameter: &Parameter) -> Option<&str> {
    match parameter {
        Parameter::Literal(json) => json.as_str(),
        _ => None,
    }
}

fn first_name(parameter: &Parameter) -> Option<&str> {
    let Parameter::Path(Path::Relative((segments, _))) = parameter else { return None };
    segments.iter().find_map(|segment| match segment {
        PathSeg::Named(name) => Some(name.as_str()),
        _ => None,
    })
}

impl Cx<'_> {
    /// Whether anybody wants to know.
    pub fn looks_through(&self) -> bool {
        self.scope.anywhere().is_some()
    }

    /// Looks through the body of a block that is not rendered. `item`: it belongs to an `each` or a `with`, where plain names are those
    /// of something that is not there.
    pub fn unrendered(
        &self,
        block: &HelperTemplate,
        template: Option<&Template>,
        at: usize,
        item: bool,
    ) -> Diagnostics {
        let mut found = Diagnostics::default();
        let Some(template) = template.filter(|_| self.looks_through()) else { return found };
        let nothing = self.node(Value::Unknown("nothing is there".into()));
        let frame = Frame {
            this: Some(&nothing),
            params: self.named(block, [&nothing, &nothing]),
            locals: vec![],
            parent: self.frame,
            ..Frame::default()
        };
        let frame = if item { Some(&frame) } else { self.frame };
        let cx = Cx { frame, depth: self.depth + 1, ..*self };
        cx.look_through(template, at, &mut found);
        found
    }

    /// Looks at arguments whose value is not asked for.
    pub fn unasked(&self, params: &[Parameter], guards: &[Parameter], at: usize) -> Result<(), Diagnostics> {
        let mut found = Diagnostics::default();
        if self.looks_through() {
            let guard = Guard { params: guards, parent: self.guard };
            let cx = Cx { guard: Some(&guard), ..*self };
            params.iter().for_each(|parameter| cx.look_at(parameter, at, &mut found));
        }
        found.into_result(())
    }

    fn look_through(&self, template: &Template, at: usize, found: &mut Diagnostics) {
        if self.depth > DEPTH {
            return;
        }
        for (index, element) in template.elements.iter().enumerate() {
            let at = match element {
                TemplateElement::RawString(_) | TemplateElement::Comment(_) => continue,
                _ => self.code.element(template, index).unwrap_or(at),
            };
            match element {
                TemplateElement::Expression(e) | TemplateElement::HtmlExpression(e) => {
                    self.look_at_call(e, at, found);
                }
                TemplateElement::HelperBlock(block) => self.look_at_block(block, at, found),
                TemplateElement::PartialExpression(partial) => self.look_at_partial(partial, at, found),
                _ => {}
            }
        }
    }

    fn look_at_block(&self, block: &HelperTemplate, at: usize, found: &mut Diagnostics) {
        let name = block.name.as_name().unwrap_or_default();
        if let Some(error) = self.unknown_block(name, at) {
            return found.push(error);
        }
        let guard = Guard { params: &block.params, parent: self.guard };
        let cx = Cx { guard: Some(&guard), ..*self };
        block.params.iter().for_each(|parameter| cx.look_at(parameter, at, found));
        let item = matches!(name, "each" | "with");
        found.extend(cx.unrendered(block, block.template.as_ref(), at, item));
        found.extend(cx.unrendered(block, block.inverse.as_ref(), at, false));
    }

    fn look_at_partial(&self, partial: &DecoratorTemplate, at: usize, found: &mut Diagnostics) {
        let source = match self.partial_source(partial, at) {
            Ok(source) => source,
            Err(error) => return found.push(error),
        };
        let values = partial.params.iter().chain(partial.hash.values());
        values.for_each(|parameter| self.look_at(parameter, at, found));
        // A partial may stand in itself where it is not rendered: that is how it comes to an end.
        if self.included(&source.path).is_some() {
            return;
        }
        let code = match Code::file(&Origin { source, span: 0..0 }) {
            Ok(code) => code,
            Err(errors) => return found.extend(errors.related(&self.code.tag(at), INCLUDED)),
        };
        let nothing = self.node(Value::Unknown("nothing is there".into()));
        let this = if partial.params.is_empty() { self.frame.and_then(|f| f.this) } else { Some(&nothing) };
        let params: Vec<(String, Node)> =
            partial.hash.keys().map(|key| (key.clone(), nothing.clone())).collect();
        let frame = Frame { this, params, inherits: true, parent: self.frame, ..Frame::default() };
        let includes = super::Include { path: &code.origin.source.path, parent: self.includes };
        let cx = Cx {
            code: &code,
            frame: Some(&frame),
            includes: Some(&includes),
            depth: self.depth + 1,
            ..*self
        };
        let mut inner = Diagnostics::default();
        cx.look_through(&code.template, 0, &mut inner);
        found.extend(inner.related(&self.code.tag(at), INCLUDED));
    }

    fn look_at_call(&self, call: &HelperTemplate, at: usize, found: &mut Diagnostics) {
        if call.params.is_empty() && call.hash.is_empty() {
            return self.look_at(&call.name, at, found);
        }
        let name = call.name.as_name().unwrap_or_default();
        if helpers::find(name).is_none() {
            return found.push(self.unknown_helper(name, &call.params, at));
        }
        if let Err(errors) = self.named_file(name, &call.params, at) {
            found.extend(errors);
        }
        if let ("hostvar", Some(hosts)) = (name, self.scope.hosts()) {
            hosts.mentioned();
        }
        let guard = Guard { params: &call.params, parent: self.guard };
        let cx = Cx { guard: Some(&guard), ..*self };
        let asked = call.params.iter().skip(usize::from(forgives(call)));
        asked.for_each(|parameter| cx.look_at(parameter, at, found));
    }

    fn look_at(&self, parameter: &Parameter, at: usize, found: &mut Diagnostics) {
        match parameter {
            Parameter::Path(Path::Relative(_)) => {
                if let (Some("hostvars"), Some(hosts)) = (first_name(parameter), self.scope.hosts()) {
                    hosts.mentioned();
                }
                if let Some(error) = self.defined_nowhere(parameter, at) {
                    found.push(error);
                }
            }
            Parameter::Subexpression(inner) => {
                if let TemplateElement::Expression(call) = inner.as_element() {
                    self.look_at_call(call, at, found);
                }
            }
            _ => {}
        }
    }

    /// The error for a path that begins with a name that no variable has, on any host; names inside `each` and `with` are the item's.
    fn defined_nowhere(&self, parameter: &Parameter, at: usize) -> Option<Diagnostic> {
        let (Parameter::Path(path), name) = (parameter, first_name(parameter)?) else { return None };
        let anywhere = self.scope.anywhere()?;
        if anywhere.contains(name) || self.guard.is_some_and(|guard| guard.holds(name)) {
            return None;
        }
        // Looked up as when it is rendered, but that what is missing in an item says nothing.
        match self.path(path, at) {
            Ok(Found::Missing(error)) if self.is_of_variable(path) => Some(error),
            _ => None,
        }
    }
}
