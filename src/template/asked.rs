//! Values that a program on the controller prints, when they are used.

use super::{Env, all, output::scalar_text, render_in};
use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::{Node, Question, Value},
};
use std::sync::Arc;

/// How the reason ends for which the answer of a program is not known yet.
pub const PRINTS: &str = "` prints";

/// The answer, or that it is not known yet.
pub(super) fn answer(node: &Node, question: &Question, env: &Env) -> Result<Node, Diagnostics> {
    let words = all(question.argv.iter().map(|word| {
        // A word is no secret for standing in a file that is encrypted as a whole.
        let written = Node { secret: word.secret && !word.origin.source.secret, ..word.clone() };
        render_in(&written, env)
    }))?;
    let unknown = |why: Arc<str>| Ok(Node { value: Value::Unknown(why), ..super::bare_copy(node) });
    let mut argv = vec![];
    for word in &words {
        if word.secret {
            let error = Diagnostic::error("a secret cannot be an argument of a program").at(&word.origin);
            return Err(error
                .hint("others on this machine could see it: let the program find it by itself")
                .into());
        }
        if let Value::Unknown(why) = &word.value {
            return unknown(why.clone());
        }
        argv.push(scalar_text(&word.value).ok_or_else(|| word.expected("a string"))?);
    }
    if argv[0].is_empty() {
        return Err(Diagnostic::error("no program is named").at(&words[0].origin).into());
    }
    let program = argv[0].clone();
    match question.answer(argv, &node.origin)? {
        Some(secret) => {
            let text = std::str::from_utf8(secret.expose()).expect("answers are checked to be UTF-8");
            Ok(Node { value: Value::str(text), secret: true, ..super::bare_copy(node) })
        }
        None => unknown(Arc::from(format!("what `{program}{PRINTS}"))),
    }
}
