//! A task prepared once more, with what each part of it was made of: for `explain`.

use super::{HostTasks, Registered, later::Ended, loops::is_included, prepare::condition_text};
use crate::{
    diag::Diagnostics,
    model::{Origin, TaskId},
    playbook::Loop,
    resource::Prepared,
    template::{Made, Read, Scope, Truth, Watch, condition, render},
    yaml::{Node, Value},
};
use std::sync::Arc;

/// A task, and what made it what it is.
pub struct Traced {
    pub fate: Fate,
    /// The loops around it, and its own: what they go over.
    pub loops: Vec<Cause>,
    /// Its conditions, as far as they are looked at: none behind one that does not hold.
    pub conditions: Vec<Cause>,
    /// Each value among its parameters.
    pub parameters: Vec<Parameter>,
    /// Its type with its parameters, where all of them are known.
    pub prepared: Option<Arc<dyn Prepared>>,
    /// The parameters as the type gets them.
    pub(super) params: Option<Node>,
}

/// Whether a task runs.
pub enum Fate {
    Runs,
    /// With the reason.
    Skipped(String),
    /// What decides it is not known yet.
    NotYet(String),
    /// What is wrong with it.
    Wrong(Diagnostics),
}

/// An expression that decides about a task.
pub struct Cause {
    /// As it is written.
    pub text: String,
    pub origin: Origin,
    /// Of a condition.
    pub truth: Option<Truth>,
    pub reads: Vec<Arc<Read>>,
}

/// A value among the parameters of a task.
pub struct Parameter {
    /// `dest`, `values.DOMAIN`, `names.0`.
    pub name: String,
    /// Where it is written, or the file that it comes from.
    pub origin: Origin,
    pub secret: bool,
    pub made: Made,
    /// What the list or mapping was read from that it stands in, where that is computed.
    pub form: Vec<Arc<Read>>,
    /// How much of the way to it leads to that list or mapping.
    pub(super) form_at: Option<usize>,
    /// The way to it.
    pub(super) way: Vec<String>,
}

impl HostTasks {
    /// Prepares a task with what is registered so far, and takes note of all that is read for it.
    pub(super) fn traced(&self, id: TaskId, registered: &Registered, watch: &Watch) -> Traced {
        let host_task = &self.tasks[id.0 as usize];
        let task = self.shared.task(host_task.source);
        let of_includes = task.includes.iter().filter_map(|included| included.include.repeat.as_ref());
        let outside = self
            .scopes
            .with(&self.shared, host_task.source, host_task.seen_at, None, registered)
            .watched(watch);
        let mut loops = vec![];
        for repeat in of_includes.chain(&task.repeat) {
            // Within a loop around it the item of that one is there.
            loops.push(looped(repeat, &outside, watch));
        }
        let scope = self.scopes.of(&self.shared, host_task, registered).watched(watch);
        let mut fate = match (host_task.leader(), self.ended(host_task, registered)) {
            (Some(leader), _) => Fate::Skipped(format!("it runs once, on `{leader}`")),
            (_, Ended::Yes(why)) => Fate::Skipped(why),
            (_, Ended::Perhaps(why)) => Fate::NotYet(why.to_string()),
            (_, Ended::No) => Fate::Runs,
        };
        if let Some(why) = self.pending.get(&id) {
            fate.or_not_yet(why);
        }
        match is_included(&task.includes, &scope) {
            Ok(Ok(true)) => {}
            Ok(Ok(false)) => fate.or(Fate::Skipped("another file is included".into())),
            Ok(Err(why)) => fate.or_not_yet(&why),
            Err(errors) => fate.or(Fate::Wrong(self.hide(errors))),
        }
        let conditions = self.causes(&task.keywords.when, &scope, watch, &mut fate);
        let parameters = self.parameters(host_task, task, &scope, self.coming(host_task, registered));
        let params = match parameters {
            Ok((params, None)) => Some(params),
            Ok((params, Some(why))) => {
                fate.or_not_yet(&Arc::from(why));
                Some(params)
            }
            Err(errors) => {
                fate.or(Fate::Wrong(self.hide(errors)));
                None
            }
        };
        if let Some(why) = params.as_ref().and_then(Node::unknown) {
            fate.or_not_yet(why);
        }
        let mut parameters = vec![];
        params.iter().for_each(|params| leaves(params, watch, &mut vec![], (&[], None), &mut parameters));
        let ready = params.as_ref().filter(|params| params.unknown().is_none());
        let prepared = match ready.map(|params| self.shared.type_of(task).prepare(params, host_task.no_log)) {
            Some(Ok(prepared)) => Some(Arc::from(prepared)),
            Some(Err(errors)) if !["set_fact", "meta"].contains(&&*host_task.resource) => {
                fate.or(Fate::Wrong(self.hide(errors)));
                None
            }
            _ => None,
        };
        Traced { fate, loops, conditions, parameters, prepared, params }
    }

    fn causes(&self, when: &[Node], scope: &Scope, watch: &Watch, fate: &mut Fate) -> Vec<Cause> {
        let items = when.iter().flat_map(|node| match &node.value {
            Value::Seq(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        });
        let mut causes = vec![];
        for node in items {
            let (truth, reads) = watch.collect(|| condition(node, scope));
            let truth = match truth {
                Ok(truth) => truth,
                Err(errors) => {
                    fate.or(Fate::Wrong(self.hide(errors)));
                    break;
                }
            };
            let is_out = truth == Truth::False;
            match &truth {
                Truth::True => {}
                Truth::False => fate.or(Fate::Skipped(condition_text(node))),
                Truth::Unknown(why) => fate.or_not_yet(why),
            }
            let (text, origin) = (condition_text(node), node.origin.clone());
            causes.push(Cause { text, origin, truth: Some(truth), reads });
            if is_out {
                break;
            }
        }
        causes
    }
}

impl Fate {
    /// What keeps it from running, if nothing did before. What is skipped for sure waits for nothing.
    fn or(&mut self, other: Self) {
        if matches!(self, Self::Runs) || matches!((&*self, &other), (Self::NotYet(_), Self::Skipped(_))) {
            *self = other;
        }
    }

    fn or_not_yet(&mut self, why: &Arc<str>) {
        self.or(Self::NotYet(why.to_string()));
    }
}

/// What a loop goes over; its item is known from then on as made of that.
fn looped(repeat: &Loop, scope: &Scope, watch: &Watch) -> Cause {
    let (_, reads) = watch.collect(|| render(&repeat.items, scope));
    let made = watch.made(&repeat.items.origin).map(|made| made.reads).unwrap_or(reads);
    for name in [Some(&repeat.var), repeat.index_var.as_ref()].into_iter().flatten() {
        watch.ready(name, &made);
    }
    let text = match &repeat.items.value {
        Value::Str(text) => text.to_string(),
        Value::Seq(items) => format!("a list of {}", items.len()),
        value => value.kind().into(),
    };
    Cause { text, origin: repeat.items.origin.clone(), truth: None, reads: made }
}

/// Each value in the parameters, with what made it. `form`: what the mapping or list around it was read from.
fn leaves(
    node: &Node,
    watch: &Watch,
    way: &mut Vec<String>,
    (form, form_at): (&[Arc<Read>], Option<usize>),
    found: &mut Vec<Parameter>,
) {
    let made = watch.made(&node.origin);
    let mut child = |name: String, node: &Node| {
        let inner = match &made {
            Some(made) => (&made.reads[..], Some(way.len()).filter(|_| !made.reads.is_empty())),
            None => (form, form_at),
        };
        way.push(name);
        leaves(node, watch, way, inner, found);
        way.pop();
    };
    match &node.value {
        Value::Map(map) => map.iter().for_each(|(key, entry)| child(key.clone(), &entry.node)),
        Value::Seq(items) => {
            items.iter().enumerate().for_each(|(at, node)| child(at.to_string(), node));
        }
        _ => {
            let made = of_form(node, made, form);
            let form = form.iter().map(|read| Arc::new(read.shallow())).collect();
            let (origin, way) = (node.origin.clone(), way.clone());
            found.push(Parameter {
                name: way.join("."),
                origin,
                secret: node.secret,
                made,
                form,
                form_at,
                way,
            });
        }
    }
}

/// What made a value: of what the mapping around it was read from, those that hold it, made of what its own template read. Where none
/// holds it, it was computed from all of them.
fn of_form(node: &Node, made: Option<Made>, form: &[Arc<Read>]) -> Made {
    let holding: Vec<&Arc<Read>> = form.iter().filter(|read| read.holds(&node.origin)).collect();
    match made {
        Some(made) if holding.is_empty() => made,
        Some(mut made) => {
            made.reads = holding.iter().map(|read| read.of(made.reads.clone())).collect();
            made
        }
        None if holding.is_empty() => Made::value(node, form.to_vec()),
        None => Made::value(node, holding.iter().map(|read| read.of(vec![])).collect()),
    }
}
