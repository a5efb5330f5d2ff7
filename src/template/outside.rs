//! Helpers that ask for what lies outside of the variables: files, the environment, the time. All of it is handed in.

use super::{Cx, expression::Found, helpers, unrendered::literal};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    yaml::{Node, Value},
};
use handlebars::template::Parameter;

/// What templates may know of the machine that the run is started on.
pub trait Outside: std::fmt::Debug + Send + Sync {
    /// Seconds since 1970 at which the run began.
    fn now(&self) -> i64;

    /// A variable of the environment.
    fn env(&self, name: &str) -> Option<String>;

    /// The content of a file of the project, as bytes; that of a vault is secret.
    ///
    /// # Errors
    /// That there is none, or that it cannot be read: at `at`, where it is asked for.
    fn file(&self, name: &str, at: &Origin) -> Result<Node, Diagnostics>;

    /// Takes note of a value that must never be shown.
    fn hide(&self, secret: &Node);
}

impl Cx<'_> {
    /// `now`, `env`, `file` and `secret`.
    pub fn outside(&self, name: &str, params: &[Parameter], at: usize) -> Result<Found, Diagnostics> {
        let Some(outside) = self.scope.outside() else {
            let error = Diagnostic::error(format!(
                "`{name}` is not there for what is looked at before the project is"
            ));
            return Err(error.at(&self.code.tag(at)).into());
        };
        let first = self.parameter(&params[0], at)?;
        if name == "secret" {
            let mut node = first;
            node.taint();
            outside.hide(&node);
            return Ok(Found::Value(node));
        }
        if let Some(why) = first.unknown() {
            return Ok(Found::Value(self.node(Value::Unknown(why.clone())).with_secret(first.secret)));
        }
        let place = self.place_of(&params[0], at);
        let Some(text) = first.as_str() else {
            let what = if name == "now" { "format" } else { "name" };
            let message = format!("`{name}`: `{what}` must be a string, found {}", first.value.kind());
            return Err(Diagnostic::error(message).at(&place).into());
        };
        match name {
            "now" => {
                let text = helpers::strftime_utc(outside.now(), text);
                let text = text.map_err(|what| Diagnostic::error(format!("`now`: {what}")).at(&place))?;
                let node = self.node(Value::str(text)).with_secret(first.secret);
                self.note_other(|| "the time".into(), &node);
                Ok(Found::Value(node))
            }
            "env" => match (outside.env(text), params.get(1)) {
                (Some(value), _) => {
                    let node = self.node(Value::str(value)).with_secret(first.secret);
                    self.note_other(|| format!("env {:?}", self.hidden(&first)), &node);
                    Ok(Found::Value(node))
                }
                (None, Some(otherwise)) => self.found_parameter(otherwise, at),
                (None, None) => {
                    let error = Diagnostic::error(format!(
                        "the environment has no variable `{}`",
                        self.hidden(&first)
                    ));
                    let hint = "set it before the program is started, or say what to take otherwise: `env \"NAME\" \"...\"`";
                    Ok(Found::Missing(error.at(&place).hint(hint)))
                }
            },
            _ if first.secret => {
                Err(Diagnostic::error("a secret cannot be the name of a file").at(&place).into())
            }
            _ => {
                let mut node = outside.file(text, &place)?;
                if let Value::Bytes(bytes) = &node.value
                    && let Ok(text) = std::str::from_utf8(bytes)
                {
                    node.value = Value::str(text);
                }
                node.origin = self.code.origin.clone();
                if node.secret {
                    outside.hide(&node);
                }
                self.note_other(|| format!("file {text:?}"), &node);
                Ok(Found::Value(node))
            }
        }
    }

    /// A file that is named as it stands has to be there, also where the call is not evaluated.
    pub fn named_file(&self, name: &str, params: &[Parameter], at: usize) -> Result<(), Diagnostics> {
        let file = params.first().filter(|_| name == "file").and_then(literal);
        match (file, self.scope.outside()) {
            (Some(file), Some(outside)) => outside.file(file, &self.code.tag(at)).map(|_| ()),
            _ => Ok(()),
        }
    }

    fn hidden<'n>(&self, name: &'n Node) -> &'n str {
        if name.secret { "…" } else { self.shown(name.as_str().unwrap_or_default()) }
    }
}
