//! Handlebars: rendering, expressions, conditions, helpers.
//!
//! The `handlebars` crate parses; evaluation is ours, because it must be strict everywhere, keep types, carry the taint
//! of secrets and what is not known yet, and point into the file (`docs/decisions/0003-templates.md`).

mod asked;
mod budget;
mod code;
mod expression;
mod helpers;
mod hosts;
mod idioms;
mod lines;
mod made;
mod names;
mod note;
mod notes;
mod output;
mod outside;
mod path;
mod quoted;
mod scope;
#[cfg(test)]
mod tests;
mod text;
mod trace;
mod unrendered;
mod variable;

pub use asked::PRINTS;
pub(crate) use helpers::strftime_utc;
pub use helpers::{HELPERS, Helper};
pub use hosts::Hosts;
pub use lines::pairs;
pub use made::{Line, Made, Span};
pub use names::{names_in, names_in_text};
pub use notes::{Brought, Notes};
pub use outside::Outside;
pub use scope::{Layer, Scope};
pub use trace::{Read, Watch};

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Source},
    yaml::{Entry, Map, Node, Value},
};
use budget::{Budget, SIZE, VALUES};
use code::{Code, is_template};
use handlebars::template::HelperTemplate;
use output::Output;
use std::{path::Path, sync::Arc};

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Truth {
    True,
    False,
    /// Depends on what is not known yet: why.
    Unknown(Arc<str>),
}

/// Renders all templates in a value. A string that is one bare `{{expression}}` becomes that value, with its type.
/// Places and tags are kept; what a secret went into is secret; what uses an unknown value is unknown. Values tagged
/// `!unsafe` or `!vault` stay as they are.
///
/// # Errors
/// All mistakes found: syntax, undefined variables, helpers called wrongly, cycles between variables, budgets.
pub fn render(node: &Node, scope: &Scope) -> Result<Node, Diagnostics> {
    render_in(node, &Env { scope, via: None, budget: &Budget::default() })
}

/// [`Scope::get`].
fn variable(name: &str, scope: &Scope) -> Result<Option<Node>, Diagnostics> {
    match scope.find(name) {
        None => Ok(None),
        Some((node, Layer::Final)) => Ok(Some(node.clone())),
        Some((node, Layer::Raw)) => {
            let env = Env { scope, via: None, budget: &Budget::default() };
            env.variable(&[name], node, &|| node.origin.clone(), 0).map(Some)
        }
    }
}

/// Renders a template file to a string node. `partials` finds what `{{> name}}` includes.
///
/// # Errors
/// As [`render`].
pub fn render_file(
    source: &Arc<Source>,
    scope: &Scope,
    partials: &dyn Partials,
) -> Result<Node, Diagnostics> {
    let origin = Origin { source: source.clone(), span: 0..0 };
    let code = Code::file(&origin)?;
    let budget = Budget::default();
    let include = Include { path: &source.path, parent: None };
    let cx = Cx {
        partials: Some(partials),
        includes: Some(&include),
        ..Cx::new(&Env { scope, via: None, budget: &budget }, &code)
    };
    let node = cx.text()?;
    Ok(node.with_secret(source.secret))
}

/// Evaluates `when:` and its like: a boolean, a string that is an expression without braces, or a list of these, all of
/// which must hold (those after one that does not are not looked at).
///
/// # Errors
/// As [`render`]; also a result that is neither true nor false, and braces.
pub fn condition(node: &Node, scope: &Scope) -> Result<Truth, Diagnostics> {
    let place = || node.origin.clone();
    match &node.value {
        Value::Bool(b) => Ok(Truth::from(*b)),
        Value::Unknown(why) => Ok(Truth::Unknown(why.clone())),
        Value::Seq(items) => {
            let mut unknown = None;
            for item in items {
                match condition(item, scope)? {
                    Truth::True => {}
                    Truth::False => return Ok(Truth::False),
                    Truth::Unknown(why) => unknown = unknown.or(Some(why)),
                }
            }
            Ok(unknown.map_or(Truth::True, Truth::Unknown))
        }
        Value::Str(text) => {
            let text = text.trim();
            if text.is_empty() {
                return Err(Diagnostic::error("empty condition")
                    .at(&place())
                    .hint("write `true`, or leave it out")
                    .into());
            }
            if text.contains("{{") || text.contains("}}") {
                let error = Diagnostic::error("a condition is an expression already").at(&place());
                return Err(error.hint("write it without braces: `when: x`").into());
            }
            let code = Code::condition(text, &node.origin, node.secret)?;
            let Some(expression) = code.bare() else {
                let error = Diagnostic::error("a condition must be one expression").at(&place());
                return Err(if text.starts_with('!') { error.hint("write `not x`") } else { error }.into());
            };
            let budget = Budget::default();
            let env = Env { scope, via: None, budget: &budget };
            let result = Cx::new(&env, &code).expression(expression, 0)?;
            match result.value {
                Value::Bool(b) => Ok(Truth::from(b)),
                Value::Unknown(why) => Ok(Truth::Unknown(why)),
                other => {
                    let message = format!("a condition must be true or false, this is {}", other.kind());
                    let hint = "compare it (`eq x \"y\"`), or ask whether it is there (`defined x`)";
                    Err(Diagnostic::error(message).at(&code.tag(0)).hint(hint).into())
                }
            }
        }
        _ => Err(node.expected("true, false or an expression").hint("e.g. `eq x 1`").into()),
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::True } else { Self::False }
    }
}

/// What one rendering shares: variables, the ones being rendered right now, and the budget.
#[derive(Clone, Copy)]
struct Env<'a> {
    scope: &'a Scope,
    via: Option<&'a variable::Via<'a>>,
    budget: &'a Budget,
}

/// What templates may include.
pub trait Partials {
    fn find(&self, name: &str) -> Option<Arc<Source>>;

    /// Their names, for did-you-mean.
    fn names(&self) -> Vec<String> {
        vec![]
    }
}

impl<F: Fn(&str) -> Option<Arc<Source>>> Partials for F {
    fn find(&self, name: &str) -> Option<Arc<Source>> {
        self(name)
    }
}

/// Where evaluation stands: in which template, inside which blocks.
#[derive(Clone, Copy)]
struct Cx<'a> {
    scope: &'a Scope,
    via: Option<&'a variable::Via<'a>>,
    budget: &'a Budget,
    code: &'a Code,
    frame: Option<&'a Frame<'a>>,
    partials: Option<&'a dyn Partials>,
    includes: Option<&'a Include<'a>>,
    /// The blocks around the current place, for what they ask for.
    guard: Option<&'a unrendered::Guard<'a>>,
    depth: usize,
}

/// One `each`, `with` or partial around the current place.
#[derive(Default)]
struct Frame<'a> {
    /// `None`: the variables themselves.
    this: Option<&'a Node>,
    params: Vec<(String, Node)>,
    /// `@index` and its like.
    locals: Vec<(&'static str, Node)>,
    /// Locals of the parent are seen here too.
    inherits: bool,
    parent: Option<&'a Frame<'a>>,
    /// The path of `this`, where somebody wants to know.
    of: Option<trace::Way>,
    /// What was read for each of the parameters, if that is not `of`.
    given: Vec<Vec<Arc<Read>>>,
}

/// A template file being rendered, and what included it.
struct Include<'a> {
    path: &'a Path,
    parent: Option<&'a Include<'a>>,
}

impl<'a> Cx<'a> {
    fn new(env: &Env<'a>, code: &'a Code) -> Self {
        let depth = env.via.map_or(0, |via| via.depth);
        let Env { scope, via, budget } = *env;
        Self { scope, via, budget, code, frame: None, partials: None, includes: None, guard: None, depth }
    }

    /// Renders the whole template to text.
    fn text(&self) -> Result<Node, Diagnostics> {
        let mut out = Output::default();
        self.template(&self.code.template, 0, &mut out);
        let out = out.finish()?;
        if let Some(watch) = self.scope.watch() {
            watch.make(&self.code.origin, Made::text(&out.text, out.spans));
        }
        let value = out.unknown.map_or_else(|| Value::str(&out.text), Value::Unknown);
        Ok(self.node(value).with_secret(out.secret || self.code.secret))
    }

    /// The value of the one expression that is the whole template.
    fn bare(&self, expression: &HelperTemplate) -> Result<Node, Diagnostics> {
        let (node, reads) = self.scope.collect(|| self.expression(expression, 0));
        let node = node?;
        if let Some(watch) = self.scope.watch() {
            watch.make(&self.code.origin, Made::bare(&node, reads, expression.params.is_empty()));
        }
        Ok(node)
    }

    /// A computed value: its place is that of the template.
    fn node(&self, value: Value) -> Node {
        Node::new(value, self.code.origin.clone())
    }

    /// A name as an error may show it: not when the template's text is secret.
    fn shown<'n>(&self, name: &'n str) -> &'n str {
        if self.code.secret { "…" } else { name }
    }

    fn too_deep(&self, at: usize) -> Diagnostic {
        let message = format!("nested deeper than {}: blocks, variables and partials together", code::DEPTH);
        Diagnostic::error(message).at(&self.code.tag(at))
    }
}

fn render_in(node: &Node, env: &Env) -> Result<Node, Diagnostics> {
    if matches!(node.tag.as_deref(), Some("!unsafe" | "!vault")) {
        return Ok(node.clone());
    }
    match &node.value {
        Value::Str(text) if is_template(text) => {
            let code = Code::scalar(text, &node.origin, node.secret)?;
            let cx = Cx::new(env, &code);
            let mut rendered = match code.bare() {
                Some(expression) => cx.bare(expression)?,
                None => cx.text()?,
            };
            if env.budget.exceeded_by(&rendered) {
                let error = Diagnostic::error(format!("too many values: more than {VALUES}"));
                return Err(error.at(&node.origin).into());
            }
            rendered.origin = node.origin.clone();
            rendered.tag = rendered.tag.or_else(|| node.tag.clone());
            if code.secret {
                rendered.taint();
            }
            Ok(rendered)
        }
        Value::Seq(items) => {
            let items = all(items.iter().map(|item| render_in(item, env)))?;
            Ok(Node { value: Value::Seq(items), ..bare_copy(node) })
        }
        Value::Map(map) => render_map(node, map, env),
        Value::Asked(question) => asked::answer(node, question, env),
        _ => Ok(node.clone()),
    }
}

fn render_map(node: &Node, map: &Map, env: &Env) -> Result<Node, Diagnostics> {
    let mut errors = Diagnostics::default();
    let mut rendered = Map::with_capacity(map.len());
    let mut rendered_all = true;
    let mut secret = node.secret;
    for (key, entry) in map {
        let value = errors.take(render_in(&entry.node, env));
        let name = if is_template(key) {
            let written = Node::string(key, &entry.key).with_secret(node.secret);
            errors.take(render_in(&written, env)).and_then(|key| {
                secret |= key.secret;
                match (&key.value, output::scalar_text(&key.value)) {
                    (_, Some(name)) => Some(name),
                    (Value::Unknown(why), _) => {
                        let error = Diagnostic::error("a key is not known yet");
                        errors.push(
                            error
                                .at(&entry.key)
                                .cause(why)
                                .hint("only values may come from facts and results"),
                        );
                        None
                    }
                    _ => {
                        errors.push(key.expected("a string as key"));
                        None
                    }
                }
            })
        } else {
            Some(key.clone())
        };
        let (Some(name), Some(value)) = (name, value) else {
            rendered_all = false;
            continue;
        };
        let shown = if secret { "…".into() } else { name.clone() };
        if rendered.insert(name, Entry { key: entry.key.clone(), node: value }).is_some() {
            let error = Diagnostic::error(format!("two keys are both rendered to `{shown}`")).at(&entry.key);
            errors.push(error.hint("remove or rename one of them"));
        }
    }
    let result = Node { value: Value::Map(rendered), ..bare_copy(node) };
    if rendered_all { errors.into_result(result.with_secret(secret)) } else { Err(errors) }
}

/// All values, or all errors.
fn all(results: impl Iterator<Item = Result<Node, Diagnostics>>) -> Result<Vec<Node>, Diagnostics> {
    let (mut nodes, mut errors, mut failed) = (vec![], Diagnostics::default(), false);
    for result in results {
        match result {
            Ok(node) => nodes.push(node),
            Err(more) => {
                failed = true;
                errors.extend(more);
            }
        }
    }
    if failed { Err(errors) } else { Ok(nodes) }
}

/// A node with the same place and marks, and no value yet.
fn bare_copy(node: &Node) -> Node {
    Node { value: Value::Null, origin: node.origin.clone(), secret: node.secret, tag: node.tag.clone() }
}
