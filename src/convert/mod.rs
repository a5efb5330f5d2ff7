//! Roles of Ansible into ours: Jinja2 expressions become Handlebars, in place, and what cannot be turned is listed.
//!
//! * expressions: [`crate::jinja`]
//! * `template`, `tags`: texts with tags; `yaml`, `tasks`: YAML files, of which only the scalars that change are touched (`scalar`)

mod defaults;
#[cfg(test)]
mod promises;
mod scalar;
mod tags;
mod tasks;
mod template;
#[cfg(test)]
mod tests;
mod yaml;

use crate::{
    diag::{Diagnostic, Diagnostics},
    jinja::Left,
    model::{Origin, Source},
};
use std::sync::Arc;

pub use crate::jinja::condition;

/// A file that was turned as far as it goes.
#[derive(Debug)]
pub struct Converted {
    pub text: String,
    /// What is left as it was (errors), and what deserves a look (warnings).
    pub left: Diagnostics,
}

/// Whether what is no expression of Jinja2 is one of ours already: a call or a block.
fn is_ours(text: &str) -> bool {
    let text = text.trim_matches(['~', ' ']);
    let word = text.split(' ').next().unwrap_or_default();
    text.starts_with(['#', '/', '>', '!', '@', '^'])
        || text.starts_with("else ")
        || word.len() < text.len() && crate::template::HELPERS.iter().any(|helper| helper.name == word)
        || text.contains("@root.")
        || text.contains(".[")
}

/// A text with tags of Jinja2, such as a YAML value.
///
/// # Errors
/// The first thing that cannot be turned.
pub fn value(text: &str) -> Result<String, Left> {
    let (text, mut left) = template::turn(text, true);
    if left.is_empty() { Ok(text) } else { Err(left.remove(0).1) }
}

/// A template file.
pub fn template(source: &Arc<Source>) -> Converted {
    let (text, found) = template::turn(&source.text, false);
    let place = |at: usize| {
        let rest = source.text.get(at..).unwrap_or_default();
        let length = rest.find(['\n', ' ', '}']).unwrap_or(rest.len()).max(1).min(rest.len());
        Origin { source: source.clone(), span: at..source.text.ceil_char_boundary(at + length) }
    };
    let mut left = Diagnostics::default();
    for (is_left, found) in found {
        let origin = place(source.text.floor_char_boundary(found.at));
        let mut diagnostic = found.diagnostic(&origin);
        if !is_left {
            diagnostic.severity = crate::diag::Severity::Warning;
        }
        left.push(diagnostic);
    }
    Converted { text, left }
}

/// A YAML file: a playbook, tasks, handlers, variables or a role's `meta`. Comments and layout stay.
///
/// # Errors
/// When it is not valid YAML.
pub fn yaml(source: &Arc<Source>) -> Result<Converted, Diagnostic> {
    yaml::turn(source)
}
