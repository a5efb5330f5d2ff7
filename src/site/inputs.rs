//! What roles are given, against what they say that they take.

use super::{HostTasks, Shared, reach::leaves, scopes::Variables};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    playbook::{Input, Inputs, RoleUse, Task},
    template::{Scope, Truth, condition},
    yaml::{Node, Value},
};
use agent::secret::Secret;
use indexmap::IndexMap;
use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

/// A role as one play uses it: the play's number and that of the use.
pub(super) type UseAt = (usize, usize);

/// What a required input waits for that nobody gave.
const MISSING: &str = "a required input of the role, which is not set";

/// The variables that its inputs change for a role.
#[derive(Default)]
pub(super) struct Adapted {
    /// Over all but those of tasks and the command line.
    pub below: IndexMap<String, Node>,
    /// From the command line.
    pub extra: IndexMap<String, Node>,
    /// Secrets that stand in a file in clear.
    pub clear: Vec<(String, Origin)>,
}

/// What was typed becomes the type that is wanted, and what is declared secret is so: everywhere in the play, since all of it sees
/// the variables of its roles. Where roles differ in the type, each has its own.
pub(super) fn adapt(
    shared: &Shared,
    (play, role): (usize, Option<usize>),
    scope: &Scope,
    prompted: &Variables,
) -> Adapted {
    let play = &shared.playbook.plays[play];
    let own = role.and_then(|role| play.roles[role].inputs());
    let mut declared: IndexMap<&String, (&Input, bool)> = IndexMap::new();
    for (name, input) in
        own.into_iter().chain(play.roles.iter().filter_map(RoleUse::inputs)).flat_map(|i| &i.items)
    {
        declared.entry(name).or_insert((input, false)).1 |= input.secret;
    }
    let mut adapted = Adapted::default();
    let checked = role.is_some_and(|role| !play.roles[role].unchecked);
    for (name, (input, secret)) in declared {
        let own = own.is_some_and(|inputs| inputs.items.contains_key(name));
        let Some(written) = scope.written(name) else {
            // The role says so, once; not each task that uses it.
            if own && checked && input.required {
                let why = Value::Unknown(Arc::from(MISSING));
                adapted.below.insert(name.clone(), Node::new(why, input.origin.clone()));
            }
            continue;
        };
        let given = shared.extra.contains_key(name);
        let typed = is_typed(written) || prompted.get(name).is_some_and(|node| same(node, written));
        let meant = typed.then(|| input.typed(written)).flatten();
        let mut node = meant.clone().unwrap_or_else(|| written.clone());
        if secret {
            if own && !given && !typed && is_clear(written) {
                adapted.clear.push((name.clone(), written.origin.clone()));
            }
            shared.inputs.conceal(&mut node);
        } else if meant.is_none() {
            continue;
        }
        let into = if given { &mut adapted.extra } else { &mut adapted.below };
        into.insert(name.clone(), node);
    }
    adapted
}

/// `-e name=value`.
fn is_typed(node: &Node) -> bool {
    node.origin.source.text.is_empty() && node.origin.source.path.as_os_str() == "-e"
}

fn same(a: &Node, b: &Node) -> bool {
    Arc::ptr_eq(&a.origin.source, &b.origin.source) && a.origin.span == b.origin.span
}

/// Whether a secret stands there for everybody to read.
fn is_clear(node: &Node) -> bool {
    if node.secret || node.origin.source.secret || node.origin.source.text.is_empty() {
        return false;
    }
    match &node.value {
        Value::Str(text) => !text.is_empty() && !text.contains("{{"),
        Value::Int(_) | Value::Float(_) => true,
        Value::Seq(items) => items.iter().any(is_clear),
        Value::Map(map) => map.values().any(|entry| is_clear(&entry.node)),
        _ => false,
    }
}

impl HostTasks {
    /// Checks the inputs of all roles that the host's plays use. `wanted`: its tasks, by index in the playbook. With facts, what is
    /// still not known is left for [`Self::check_late`].
    pub(super) fn check_inputs(
        &mut self,
        host: &str,
        wanted: &[usize],
        offline: bool,
        errors: &mut Diagnostics,
    ) {
        let shared = self.shared.clone();
        for at in used(&shared, host) {
            let use_ = use_at(&shared, at);
            let counts = !use_.unchecked && is_selected(&shared, at, wanted);
            let Some(inputs) = use_.inputs().filter(|_| counts) else { continue };
            // In each round it is given something else: checked with each of its tasks.
            if use_.in_loop {
                self.late.insert(at);
                continue;
            }
            let Some(scope) = self.scopes.of_role(at) else { continue };
            let mut found = Diagnostics::default();
            let holds = use_.when.iter().map(|node| condition(node, scope));
            // What is wrong with a condition is told by the tasks.
            let holds = holds.take_while(|truth| !matches!(truth, Ok(Truth::False))).collect::<Vec<_>>();
            if holds.len() < use_.when.len() {
                continue;
            }
            let open = !holds.iter().all(|truth| matches!(truth, Ok(Truth::True)));
            let unknown = if open { true } else { check(use_, inputs, scope, true, &mut found) };
            if unknown && !offline {
                self.late.insert(at);
            }
            if offline && !open {
                for (name, place) in self.scopes.in_clear(at) {
                    let message = format!("the secret `{name}` is written in clear");
                    let warning = Diagnostic::lint("secret-in-clear", message);
                    let warning = warning.at(&shared.inputs.place(place));
                    errors.push(warning.hint("put it into a vault: `vault encrypt --string NAME`"));
                }
            }
            errors.extend(found);
        }
    }

    /// Shows no line of a file in which a secret input of these roles stands in clear, whatever else is wrong in it.
    pub(super) fn hide(&self, mut errors: Diagnostics) -> Diagnostics {
        if errors.0.is_empty() {
            return errors;
        }
        let mut secrets = BTreeSet::new();
        for (at, scope) in self.scopes.of_roles() {
            let inputs = use_at(&self.shared, at).inputs();
            let secret =
                inputs.into_iter().flat_map(|inputs| &inputs.items).filter(|(_, input)| input.secret);
            for node in secret.filter_map(|(name, _)| scope.get(name).ok().flatten()) {
                leaves(&node, &mut secrets);
            }
        }
        // Shorter ones would hide everything, and are none.
        secrets.retain(|secret: &Secret| secret.expose().len() > 2);
        let shows = |origin: &Origin| {
            let text = &origin.source.text;
            let end = text.floor_char_boundary(origin.span.end);
            let start =
                text[..text.floor_char_boundary(origin.span.start)].rfind('\n').map_or(0, |at| at + 1);
            let end = text[end..].find('\n').map_or(text.len(), |at| end + at);
            let line = text.get(start..end).unwrap_or_default();
            let holds =
                |secret: &Secret| std::str::from_utf8(secret.expose()).is_ok_and(|text| line.contains(text));
            secrets.iter().any(holds)
        };
        for diagnostic in &mut errors.0 {
            for (origin, _) in diagnostic.place.iter_mut().chain(&mut diagnostic.related) {
                if shows(origin) {
                    *origin = self.shared.inputs.place(origin);
                }
            }
        }
        errors
    }

    /// Checks what was not known when the tasks were listed, as far as it is known when one of the role's tasks is looked at.
    pub(super) fn check_late(&self, task: &Task, scope: &Scope) -> Result<(), Diagnostics> {
        let play = self.shared.index[task.index].play;
        let Some(at) = task.role.map(|role| (play, role)).filter(|at| self.late.contains(at)) else {
            return Ok(());
        };
        let use_ = use_at(&self.shared, at);
        let mut errors = Diagnostics::default();
        if let Some(inputs) = use_.inputs() {
            check(use_, inputs, scope, false, &mut errors);
        }
        errors.into_result(())
    }
}

/// The uses of roles in the plays of a host.
fn used(shared: &Shared, host: &str) -> Vec<UseAt> {
    let plays = shared.playbook.plays.iter().enumerate();
    let plays = plays.filter(|(play, _)| shared.play_hosts[*play].contains(host));
    plays.flat_map(|(play, content)| (0..content.roles.len()).map(move |role| (play, role))).collect()
}

fn use_at(shared: &Shared, (play, role): UseAt) -> &RoleUse {
    &shared.playbook.plays[play].roles[role]
}

/// A role counts when one of its tasks does, or when it has none.
fn is_selected(shared: &Shared, (play, role): UseAt, wanted: &[usize]) -> bool {
    let own = |task: &&Task| task.role == Some(role);
    let mut tasks = shared.playbook.plays[play].tasks.iter().filter(own).peekable();
    tasks.peek().is_none() || tasks.any(|task| wanted.binary_search(&task.index).is_ok())
}

/// Checks each input; whether one is not known yet. `whole`: also what cannot be rendered is told.
fn check(use_: &RoleUse, inputs: &Inputs, scope: &Scope, whole: bool, errors: &mut Diagnostics) -> bool {
    let mut unknown = false;
    for (name, input) in &inputs.items {
        let what = format!("`{name}` of role `{}`", use_.role.name);
        let value = match scope.get(name) {
            Ok(value) => value.filter(|node| !node.is_null() && !is_missing(node)),
            Err(found) => {
                if whole {
                    errors.extend(found);
                }
                continue;
            }
        };
        match value {
            Some(value) => {
                unknown |= value.unknown().is_some();
                input.check(&value, &what, errors);
            }
            None if input.required => errors.push(missing(use_, name, input)),
            None => {}
        }
    }
    unknown
}

fn is_missing(node: &Node) -> bool {
    matches!(&node.value, Value::Unknown(why) if &**why == MISSING)
}

fn missing(use_: &RoleUse, name: &str, input: &Input) -> Diagnostic {
    let role = &use_.role.name;
    let error =
        Diagnostic::error(format!("the role `{role}` needs `{name}`, which is not set")).at(&use_.origin);
    let error = error.related(&input.origin, "it is required here");
    error.hint(if input.secret {
        format!("put it into a vault: `vault generate FILE {name}` makes one, `vault encrypt --string {name}` locks one")
    } else {
        format!("set it in the inventory, e.g. in group_vars/all.yml, or here below `vars`; `-e {name}=...` for one run")
    })
}

impl Shared {
    /// The values of all inputs that are secret, as far as they are known without facts.
    pub(super) fn secret_inputs(self: &Arc<Self>, found: &mut dyn FnMut(&Node)) {
        let mut secret = HashSet::new();
        for (play, content) in self.playbook.plays.iter().enumerate() {
            let uses = content
                .roles
                .iter()
                .enumerate()
                .filter_map(|(role, use_)| Some(((play, role), use_.inputs()?)));
            secret.extend(
                uses.filter(|(_, inputs)| inputs.items.values().any(|input| input.secret)).map(|(at, _)| at),
            );
        }
        if secret.is_empty() {
            return;
        }
        for name in &self.hosts {
            let Some(host) = self.inventory.host(name) else { continue };
            let scopes = super::scopes::Scopes::new(self, host, None, &[]);
            for at in used(self, name).into_iter().filter(|at| secret.contains(at)) {
                let (Some(scope), Some(inputs)) = (scopes.of_role(at), use_at(self, at).inputs()) else {
                    continue;
                };
                for (name, _) in inputs.items.iter().filter(|(_, input)| input.secret) {
                    if let Ok(Some(node)) = scope.get(name) {
                        found(&node);
                    }
                }
            }
        }
    }
}
