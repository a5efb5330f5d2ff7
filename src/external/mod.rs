//! Resource types of a project: programs on the controller that speak JSON, under the law of built-in types. They have no hands: they name
//! queries and return ops, in the closed set of [`form`]; only the agent acts.
//!
//! * `describe`: what such a program says of itself
//! * `form`: queries, answers and ops as JSON
//! * `talk`: one question to a program, and what is made of its answer
//! * `bound`: a program with the parameters of a task, as the planner sees it

mod bound;
mod describe;
mod form;
mod talk;

pub use describe::Description;

use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    playbook::Files,
    resource::Prepared,
    yaml::{Node, SECRET_HERE, Value},
};
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, OnceLock, PoisonError},
};
use talk::Reply;

/// The version of the form that programs speak.
pub const VERSION: i64 = 1;

/// A type that a program is.
pub struct External {
    pub name: Arc<str>,
    pub path: PathBuf,
    files: Arc<dyn Files>,
    description: OnceLock<Result<Description, Diagnostics>>,
    /// What it answered, by what it was asked: the same question has one answer in a run. One that failed may be asked again.
    replies: Mutex<HashMap<[u8; 32], Reply>>,
}

impl External {
    pub fn new(name: &str, path: &Path, files: Arc<dyn Files>) -> Self {
        Self {
            name: name.into(),
            path: path.into(),
            files,
            description: OnceLock::new(),
            replies: Mutex::default(),
        }
    }

    /// What it says of itself; it is asked once.
    ///
    /// # Errors
    /// What is wrong with the program or with what it says.
    pub fn description(&self) -> Result<&Description, Diagnostics> {
        self.description.get_or_init(|| self.describe()).as_ref().map_err(Clone::clone)
    }

    /// The names of its parameters, when it describes itself.
    pub fn parameters(&self) -> Vec<String> {
        self.description().map(|own| own.parameters.items.keys().cloned().collect()).unwrap_or_default()
    }

    /// Whether what a task touches depends on this parameter.
    pub fn places(&self, parameter: &str) -> bool {
        self.description().map_or(true, |own| own.places(parameter))
    }

    /// The program with a task's parameters. `hidden`: nothing of it is to be shown.
    ///
    /// # Errors
    /// All that is wrong with the parameters, or with the program itself.
    pub fn prepare(self: &Arc<Self>, params: &Node, hidden: bool) -> Result<Box<dyn Prepared>, Diagnostics> {
        let description = self.description()?;
        let mut errors = Diagnostics::default();
        let mut values = params.as_map().cloned().unwrap_or_default();
        for (name, entry) in &values {
            let Some(input) = description.parameters.items.get(name) else {
                let known = || description.parameters.items.keys().map(String::as_str);
                let listed = known().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
                let error = Diagnostic::error(format!("unknown parameter `{name}`")).at(&entry.key);
                let error = error.hint(match listed.is_empty() {
                    true => format!("`{}` takes none", self.name),
                    false => format!("known here: {listed}"),
                });
                errors.push(error.suggest(name, known()));
                continue;
            };
            if entry.node.holds_secret() && !input.secret {
                let error = Diagnostic::error(SECRET_HERE).at(&entry.node.place());
                let cause = format!("`{}` does not say that `{name}` may be a secret", self.path.display());
                errors.push(
                    error
                        .cause(cause)
                        .hint("where it may, its description says `\"secret\": true` of the parameter"),
                );
                continue;
            }
            if !entry.node.is_null() {
                input.check(&entry.node, &format!("`{name}` of `{}`", self.name), &mut errors);
            }
        }
        for (name, input) in &description.parameters.items {
            if values.get(name).is_some_and(|entry| !entry.node.is_null()) {
                continue;
            }
            values.shift_remove(name);
            if input.required {
                errors.push(Diagnostic::error(format!("parameter `{name}` is missing")).at(&params.origin));
            } else if let Some(default) = input.default.as_ref().filter(|default| !default.is_null()) {
                let entry = crate::yaml::Entry { key: params.origin.clone(), node: default.clone() };
                values.insert(name.clone(), entry);
            }
        }
        if errors.has_errors() {
            return Err(errors);
        }
        // In the order of the description, whatever order they are written in.
        let order = |name: &String| description.parameters.items.get_index_of(name);
        values.sort_by(|a, _, b, _| order(a).cmp(&order(b)));
        let mut tainted = hidden;
        for (name, entry) in &mut values {
            if description.parameters.items.get(name).is_some_and(|input| input.secret) {
                entry.node.taint();
                tainted = true;
            }
        }
        let node = Node { value: Value::Map(values), ..params.clone() };
        let bound = bound::Bound::new(self.clone(), description, node, tainted);
        bound
            .map(|bound| Box::new(bound) as Box<dyn Prepared>)
            .map_err(|error| error.at(&params.origin).into())
    }

    fn describe(&self) -> Result<Description, Diagnostics> {
        let place = Origin::named(&self.path.display().to_string());
        let at = |error: Diagnostic| Diagnostics::from(error.at(&place));
        let printed = talk::call(self, "describe", b"{}", talk::DESCRIBE_S, false).map_err(at)?;
        let json = talk::object(self, "describe", &printed, false).map_err(at)?;
        Description::read(&self.name, &self.path, &json)
    }

    fn replies(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Reply>> {
        self.replies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
