//! What may be said at every level (play, role, block, task) and is handed down.

use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::become_method,
    model::Origin,
    yaml::{Map, Node, Value},
};
use std::sync::Arc;

/// How the agent is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Connection {
    Ssh,
    Local,
}

/// Keywords that hold for a task, those of what surrounds it included.
#[derive(Clone, Debug, Default)]
pub struct Keywords {
    /// Conditions, outermost first; all must hold.
    pub when: Vec<Node>,
    /// Own tags and those of all that surrounds the task.
    pub tags: Vec<(String, Origin)>,
    /// A boolean or a template.
    pub r#become: Option<Node>,
    pub become_user: Option<Node>,
    pub become_method: Option<Node>,
    /// Variables of blocks and of the task, outermost first. A play's and a role's are not among them.
    pub vars: Vec<Arc<Map>>,
    /// Environments, outermost first.
    pub environment: Vec<Node>,
    pub no_log: Option<Node>,
    pub ignore_errors: Option<Node>,
    pub delegate_to: Option<Node>,
    pub connection: Option<Connection>,
    /// Seconds; a number or a template.
    pub timeout: Option<Node>,
    pub check_mode: Option<Node>,
    pub ignore_unreachable: Option<Node>,
    pub run_once: Option<Node>,
}

impl Keywords {
    /// Reads those that are there. `with_vars`: whether `vars` belongs here (a block, a task).
    pub(super) fn read(map: &Map, with_vars: bool, errors: &mut Diagnostics) -> Self {
        let get = |key: &str| map.get(key).map(|e| e.node.clone());
        let flag = |key: &str, errors: &mut Diagnostics| {
            let node = get(key)?;
            if !is_template(&node) {
                errors.take(node.expect_bool("`true` or `false`"))?;
            }
            Some(node)
        };
        let text = |key: &str, errors: &mut Diagnostics| {
            let node = get(key)?;
            errors.take(node.expect_str("a name").map(|_| ()))?;
            Some(node)
        };
        let vars = if with_vars { get("vars") } else { None };
        let environment = get("environment").filter(|node| {
            is_template(node)
                || errors.take(node.expect_map("variables as `NAME: value`").map(|_| ())).is_some()
        });
        Self {
            when: get("when").map(|node| conditions(node, errors)).unwrap_or_default(),
            tags: get("tags").map(|node| tags(&node, errors)).unwrap_or_default(),
            r#become: flag("become", errors),
            become_user: text("become_user", errors),
            become_method: get("become_method")
                .filter(|node| is_template(node) || errors.take(become_method(node)).is_some()),
            vars: vars.and_then(|node| variables(&node, errors)).map(Arc::new).into_iter().collect(),
            environment: environment.into_iter().collect(),
            no_log: flag("no_log", errors),
            ignore_errors: flag("ignore_errors", errors),
            delegate_to: text("delegate_to", errors),
            connection: get("connection").and_then(|node| errors.take(connection(&node))),
            timeout: get("timeout"),
            check_mode: flag("check_mode", errors).filter(|node| acts_never(node, errors)),
            ignore_unreachable: flag("ignore_unreachable", errors),
            run_once: flag("run_once", errors),
        }
    }

    /// These, inside of `outer`.
    pub(super) fn under(self, outer: &Self) -> Self {
        fn join<T: Clone>(outer: &[T], own: Vec<T>) -> Vec<T> {
            outer.iter().cloned().chain(own).collect()
        }
        let mut tags = outer.tags.clone();
        tags.extend(self.tags.into_iter().filter(|(t, _)| outer.tags.iter().all(|(o, _)| o != t)));
        let or = |own: Option<Node>, outer: &Option<Node>| own.or_else(|| outer.clone());
        Self {
            when: join(&outer.when, self.when),
            tags,
            r#become: or(self.r#become, &outer.r#become),
            become_user: or(self.become_user, &outer.become_user),
            become_method: or(self.become_method, &outer.become_method),
            vars: join(&outer.vars, self.vars),
            environment: join(&outer.environment, self.environment),
            no_log: or(self.no_log, &outer.no_log),
            ignore_errors: or(self.ignore_errors, &outer.ignore_errors),
            delegate_to: or(self.delegate_to, &outer.delegate_to),
            connection: self.connection.or(outer.connection),
            timeout: or(self.timeout, &outer.timeout),
            check_mode: or(self.check_mode, &outer.check_mode),
            ignore_unreachable: or(self.ignore_unreachable, &outer.ignore_unreachable),
            run_once: or(self.run_once, &outer.run_once),
        }
    }
}

/// `check_mode: false`, Ansible's way to act under `--check`, is refused: nothing acts there.
fn acts_never(node: &Node, errors: &mut Diagnostics) -> bool {
    let acts = matches!(node.value, Value::Bool(false));
    if acts {
        let error = Diagnostic::error("nothing acts under `--check`, also not by `check_mode: false`");
        let hint = "a command that only looks says `changes: false`: it runs under `--check` too";
        errors.push(error.at(&node.origin).hint(hint));
    }
    !acts
}

pub(super) fn is_template(node: &Node) -> bool {
    node.as_str().is_some_and(|text| text.contains("{{"))
}

/// `vars:` as a mapping; nothing counts as an empty one.
pub(super) fn variables(node: &Node, errors: &mut Diagnostics) -> Option<Map> {
    if node.is_null() {
        return Some(Map::default());
    }
    let map = errors.take(node.expect_map("variables as `name: value`"))?;
    for (name, entry) in map {
        if is_reserved(name) {
            errors.push(
                Diagnostic::error(format!("the variable `{name}` is always in scope and cannot be set"))
                    .at(&entry.key)
                    .hint("choose another name"),
            );
        }
    }
    Some(map.clone())
}

/// Whether a name is always in scope, so that nobody can set it.
pub fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
}

/// Names that are always in scope.
pub const RESERVED: &[&str] = &[
    "facts",
    "inventory_hostname",
    "host",
    "groups",
    "group_names",
    "role_name",
    "playbook_dir",
    "inventory_dir",
    "hostvars",
];

pub(super) fn conditions(node: Node, errors: &mut Diagnostics) -> Vec<Node> {
    let list = match node.value {
        Value::Seq(items) => items,
        _ => vec![node],
    };
    let fits = |node: &Node| {
        let fits = matches!(node.value, Value::Str(_) | Value::Bool(_));
        if !fits {
            errors.push(node.expected("a condition").hint("e.g. `eq facts.os.family \"debian\"`"));
        }
        fits
    };
    list.into_iter().filter(fits).collect()
}

fn tags(node: &Node, errors: &mut Diagnostics) -> Vec<(String, Origin)> {
    let strings = errors.take(node.expect_strings("a tag or a list of tags")).unwrap_or_default();
    let split = |(text, origin): &(String, Origin)| {
        text.split(',').map(|tag| (tag.trim().to_string(), origin.clone())).collect::<Vec<_>>()
    };
    let mut tags: Vec<_> = strings.iter().flat_map(split).collect();
    tags.retain(|(tag, origin)| {
        let written = !tag.is_empty() && !tag.contains("{{");
        if !written {
            errors.push(
                Diagnostic::error("a tag is a plain word")
                    .at(origin)
                    .hint("tags are known before anything is rendered: write the word itself"),
            );
        }
        written
    });
    tags
}

fn connection(node: &Node) -> Result<Connection, Diagnostic> {
    match node.expect_str("`ssh` or `local`")? {
        "ssh" => Ok(Connection::Ssh),
        "local" => Ok(Connection::Local),
        other => Err(Diagnostic::error(format!("unknown connection `{other}`"))
            .at(&node.origin)
            .hint("known here: `ssh`, `local`")
            .suggest(other, ["ssh", "local"])),
    }
}
