//! One question to a program, and what is made of its answer.

use super::{External, form::Act};
use crate::{diag::Diagnostic, playbook::Call, resource::Fault};
use agent::secret::Secret;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value as Json};

/// Seconds for a description.
pub(super) const DESCRIBE_S: u64 = 10;
/// As many characters of a stray line are shown.
const SHOWN: usize = 200;

/// What a program may answer to `observe` and `plan`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(super) struct Reply {
    /// These questions first.
    pub needs: Option<Vec<Json>>,
    /// Facets as they are, and as they are wanted.
    pub observed: Option<Map<String, Json>>,
    pub desired: Option<Map<String, Json>>,
    pub ops: Option<Vec<Act>>,
    /// It cannot be told before an earlier task has run.
    pub not_yet: Option<String>,
    pub fail: Option<Failing>,
    /// What a person should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Failing {
    pub message: String,
    pub hint: Option<String>,
}

/// Runs the program. `secret`: nothing that it says is shown.
pub(super) fn call(
    external: &External,
    verb: &str,
    input: &[u8],
    seconds: u64,
    secret: bool,
) -> Result<Secret, Diagnostic> {
    external.files.call(&Call { program: &external.path, verb, input, seconds, secret })
}

/// The one JSON value that a program prints.
pub(super) fn object<T: DeserializeOwned>(
    external: &External,
    verb: &str,
    printed: &Secret,
    secret: bool,
) -> Result<T, Diagnostic> {
    let what = format!("`{} {verb}`", external.path.display());
    let bytes = printed.expose();
    let text =
        std::str::from_utf8(bytes).map_err(|_| Diagnostic::error(format!("{what} prints no UTF-8")))?;
    if text.trim().is_empty() {
        let error = Diagnostic::error(format!("{what} prints nothing"));
        return Err(error.hint("it answers with one JSON object on stdout"));
    }
    let odd = |error: serde_json::Error, message: String, place: usize| {
        let diagnostic = Diagnostic::error(message);
        if secret {
            let place = format!(
                "line {}, column {}; what it says may hold a secret, and is not shown",
                error.line(),
                error.column()
            );
            return diagnostic.cause(place);
        }
        let line = text[text.floor_char_boundary(place)..].trim_start().lines().next().unwrap_or_default();
        let line: String = line.chars().take(SHOWN).collect();
        let diagnostic = diagnostic.cause(error);
        if line.is_empty() { diagnostic } else { diagnostic.cause(format!("it printed: {line}")) }
    };
    // First whether it is one JSON value at all: then what stray text there is can be told apart.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Json>();
    let value = match values.next() {
        Some(Ok(value)) => value,
        Some(Err(error)) => {
            let error = odd(error, format!("{what} prints no JSON"), 0);
            return Err(error.hint(
                "it answers with one JSON object on stdout; what it has to say besides goes to stderr",
            ));
        }
        None => unreachable!("it is not empty"),
    };
    let end = values.byte_offset();
    if !text[end..].trim().is_empty() {
        let error = Diagnostic::error(format!("{what} prints more than one JSON object"));
        let line = text[end..].trim_start().lines().next().unwrap_or_default();
        let error = if secret {
            error
        } else {
            error.cause(format!("it printed: {}", line.chars().take(SHOWN).collect::<String>()))
        };
        return Err(error.hint("what it has to say besides goes to stderr"));
    }
    serde_json::from_value(value).map_err(|error| {
        let diagnostic = Diagnostic::error(format!("{what} answers in another form"));
        let hint = "docs/external-resources.md describes the form";
        // What does not fit may be quoted.
        if secret { diagnostic.hint(hint) } else { diagnostic.cause(error).hint(hint) }
    })
}

/// A diagnostic about a program as the fault of a task.
pub(super) fn fault(error: Diagnostic) -> Fault {
    let mut message = error.message;
    for cause in error.causes {
        message += &format!(": {cause}");
    }
    Fault { message, hint: error.hint, is_final: false }
}
