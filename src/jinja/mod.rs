//! Expressions of Jinja2, as Ansible has them, as expressions of ours.
//!
//! * `lex`, `parse`, `atoms`: an expression of Jinja2 to its tree (`ast`)
//! * `emit`, `output`, `places`, `filters`, `rarer`, `checks`, `calls`, `facts`: the tree to an expression of ours
//!
//! What is turned means the same for values that both sides accept; Jinja2's looser moments (a text that counts as true) become
//! errors here, which `validate` shows.

pub(crate) mod ast;
mod atoms;
mod calls;
mod checks;
pub(crate) mod emit;
mod facts;
mod filters;
pub(crate) mod lex;
pub(crate) mod output;
pub(crate) mod parse;
mod places;
pub(crate) mod rarer;

pub(crate) use facts::not_there;

use crate::{diag::Diagnostic, model::Origin};

/// What cannot be turned, and where in its text.
#[derive(Clone, Debug)]
pub struct Left {
    /// Byte offset.
    pub at: usize,
    pub message: String,
    pub hint: Option<String>,
}

impl Left {
    pub(crate) fn new(at: usize, message: impl Into<String>) -> Self {
        Self { at, message: message.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub(crate) fn diagnostic(self, origin: &Origin) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.message).at(origin);
        match self.hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }
}

/// An expression of Jinja2, without braces, as a condition or bare expression of ours.
///
/// # Errors
/// What cannot be turned.
pub fn condition(text: &str) -> Result<String, Left> {
    let expr = parse::parse(text, lex::Escapes::Python)?;
    emit::Emitter::default().boolean(&expr).map(|out| out.text)
}

/// An expression of Jinja2, without braces, as what stands in braces here; with them where it takes several.
///
/// # Errors
/// What cannot be turned.
pub fn output(text: &str) -> Result<String, Left> {
    let expr = parse::parse(text, lex::Escapes::Python)?;
    let tags = output::output(&emit::Emitter::default(), &expr, false)?;
    let inner = tags.strip_prefix("{{").and_then(|tags| tags.strip_suffix("}}"));
    Ok(inner.filter(|inner| !inner.contains("{{")).map_or(tags.clone(), |inner| inner.trim().to_owned()))
}
