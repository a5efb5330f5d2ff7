//! Asks for the variables that plays ask for.

use crate::{
    diag::{Diagnostic, Diagnostics},
    playbook::Prompt,
    yaml::Node,
};
use indexmap::IndexMap;
use std::io::{self, IsTerminal};
use zeroize::Zeroizing;

/// The answers, by name. Where nobody can be asked, defaults count.
///
/// # Errors
/// All that have no default and nobody to answer.
pub fn ask(prompts: &[&Prompt]) -> Result<IndexMap<String, Node>, Diagnostics> {
    let mut answers = IndexMap::new();
    let mut errors = Diagnostics::default();
    let terminal = io::stdin().is_terminal();
    for prompt in prompts {
        let answer = if terminal { typed(prompt)? } else { prompt.answer(None) };
        let name = &prompt.name;
        match answer {
            Some(node) => drop(answers.insert(name.clone(), node)),
            None => {
                let error =
                    Diagnostic::error(format!("nobody can be asked here for `{name}`")).at(&prompt.origin);
                errors.push(error.hint(if prompt.private {
                    format!("give it with `-e @FILE` (a vault is good), or with `-e {name}=...`")
                } else {
                    format!("give it with `-e {name}=...`")
                }));
            }
        }
    }
    errors.into_result(answers)
}

fn typed(prompt: &Prompt) -> Result<Option<Node>, Diagnostic> {
    let usual = match &prompt.default {
        Some(node) if !prompt.private && !node.holds_secret() => match node.as_str() {
            Some(text) => format!(" [{text}]"),
            None => format!(" [{}]", node.to_json()),
        },
        Some(_) => " [nothing: the default]".into(),
        None => String::new(),
    };
    loop {
        let first = line(prompt, &format!("{}{usual}: ", prompt.text))?;
        if first.is_empty() && prompt.default.is_some() {
            return Ok(prompt.answer(None));
        }
        if prompt.confirm && line(prompt, &format!("{} (again): ", prompt.text))? != first {
            anstream::eprintln!("the two are not the same");
            continue;
        }
        return Ok(prompt.answer(Some(&first)));
    }
}

/// One line, without its end.
fn line(prompt: &Prompt, text: &str) -> Result<Zeroizing<String>, Diagnostic> {
    let failed = |error: io::Error| {
        let error =
            Diagnostic::error(format!("cannot ask for `{}`", prompt.name)).at(&prompt.origin).cause(error);
        error.hint(format!("give it with `-e {}=...`", prompt.name))
    };
    if prompt.private {
        return super::hidden::read_hidden(text).map(Zeroizing::new).map_err(failed);
    }
    anstream::eprint!("{text}");
    let mut line = Zeroizing::new(String::new());
    if io::stdin().read_line(&mut line).map_err(failed)? == 0 {
        return Err(failed(io::Error::other("the input ended")));
    }
    while line.ends_with(['\n', '\r']) {
        line.pop();
    }
    Ok(line)
}
