//! What a text was made of: the variables, facts and conditions behind each part of it. Only `explain` wants to know; in any other run a
//! scope has no [`Watch`], and all of this is one branch.

use super::{
    made::{Made, Span},
    notes::{Brought, Notes},
    path::step,
};
use crate::{
    model::Origin,
    yaml::{Node, Value},
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Takes note of what is read while templates are rendered. Clones share their notes.
#[derive(Clone, Default)]
pub struct Watch {
    log: Arc<Mutex<Log>>,
    /// Whose variables are rendered, where it is another host.
    host: Option<Arc<str>>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch")
    }
}

/// In place of the value of what is not there.
const NOT_SET: &str = "not set";

/// In which source, from where to where.
pub(super) type Place = (usize, usize, usize);
/// With the host whose variables it is about.
pub(super) type Key = (Option<Arc<str>>, Place);

#[derive(Default)]
struct Log {
    /// What is read now, for each rendering within another.
    open: Vec<Vec<Arc<Read>>>,
    /// What became of each template, by its place. The place is kept: its source must stay where it is.
    made: HashMap<Key, (Origin, Made)>,
    /// What variables were made of that come ready: the item of a loop.
    ready: HashMap<String, Vec<Arc<Read>>>,
    /// What earlier tasks have brought. Of `made` it is the beginning.
    notes: Notes,
}

/// A value that was asked for, and what made it.
#[derive(Clone, Debug)]
pub struct Read {
    /// The variable: `nginx` of `nginx.port`.
    pub name: String,
    /// `nginx.port`, `facts.os.id`, `hostvars.web2.address`; `env "HOME"` where a helper asked for what is no variable.
    pub path: String,
    /// Where that value is written.
    pub origin: Origin,
    /// Its value may not be shown.
    pub secret: bool,
    /// A short scalar as it is; of anything else what it is. Nothing of a secret.
    pub shown: String,
    /// It comes ready, and was not rendered: a fact, a result, what is built in.
    pub ready: bool,
    /// The task that it comes from.
    pub by: Option<Arc<Brought>>,
    /// What it waits for, where it is not known yet.
    pub waits: Option<Arc<str>>,
    /// What decided whether it was set so.
    pub decided: Vec<Arc<Self>>,
    /// What its own template reads.
    pub made_of: Vec<Arc<Self>>,
    /// What the templates of the values in it read.
    pub inside: Vec<Arc<Self>>,
    /// Of a text its parts.
    pub(super) parts: Vec<Span>,
    /// Of a list or mapping the places of all in it.
    pub(super) holds: Vec<Place>,
}

/// How a value is reached: by a variable, and the path that begins with it.
#[derive(Clone)]
pub(super) struct Way {
    pub name: String,
    pub path: String,
}

impl Way {
    pub fn of(names: &[&str]) -> Self {
        Self { name: names.first().copied().unwrap_or_default().into(), path: names.join(".") }
    }

    pub fn to(&self, names: &[&str]) -> Self {
        let names = [self.path.as_str()].into_iter().chain(names.iter().copied());
        Self { name: self.name.clone(), path: names.collect::<Vec<_>>().join(".") }
    }
}

impl Watch {
    /// One that knows what earlier tasks have brought.
    pub fn knowing(notes: &Notes) -> Self {
        let log = Log { made: notes.made.clone(), notes: notes.clone(), ..Log::default() };
        Self { log: Arc::new(Mutex::new(log)), host: None }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same for the variables of another host.
    pub(super) fn of_host(&self, host: &str) -> Self {
        Self { log: self.log.clone(), host: Some(host.into()) }
    }

    /// Runs something, and gives what was read for it.
    pub fn collect<T>(&self, run: impl FnOnce() -> T) -> (T, Vec<Arc<Read>>) {
        self.log().open.push(vec![]);
        let out = run();
        (out, self.log().open.pop().unwrap_or_default())
    }

    /// What became of the template at this place, when it was rendered last.
    pub fn made(&self, origin: &Origin) -> Option<Made> {
        self.log().made(&self.host, origin).cloned()
    }

    /// What a variable was made of that is handed in ready.
    pub fn ready(&self, name: &str, reads: &[Arc<Read>]) {
        let reads = reads.iter().map(|read| Arc::new(read.shallow())).collect();
        self.log().ready.insert(name.into(), reads);
    }

    /// The task that has brought this variable of the host itself.
    pub(super) fn brought(&self, name: &str) -> Option<Arc<Brought>> {
        self.log().notes.brought.get(name).filter(|_| self.host.is_none()).cloned()
    }

    pub(super) fn add(&self, reads: impl IntoIterator<Item = Arc<Read>>) {
        if let Some(open) = self.log().open.last_mut() {
            open.extend(reads);
        }
    }

    pub(super) fn make(&self, origin: &Origin, made: Made) {
        let key = key(&self.host, origin);
        self.log().made.insert(key, (origin.clone(), made));
    }

    /// What was read at a place, with what made it: `names` lead from `start` to `leaf`.
    pub(super) fn read(&self, way: Way, start: &Node, names: &[&str], leaf: &Node) -> Read {
        let log = self.log();
        let (mut made_of, mut parts, mut origin) = (vec![], vec![], &leaf.origin);
        let mut node = Some(start);
        for at in 0..=names.len() {
            let Some(here) = node else { break };
            let rest = &names[at..];
            if let Some(made) = log.made(&self.host, &here.origin) {
                match made.reads.as_slice() {
                    [one] if made.is_bare && !rest.is_empty() => {
                        made_of.push(Arc::new(one.part(&rest.join("."), leaf)));
                        origin = &here.origin;
                    }
                    reads => made_of.extend(reads.iter().cloned()),
                }
                if rest.is_empty() {
                    parts.clone_from(&made.spans);
                }
            }
            node = rest.first().and_then(|name| step(here, name));
        }
        let Way { name, path } = way;
        let decided = log.notes.deciding.get(&name).filter(|_| self.host.is_none()).cloned();
        made_of.extend(log.ready.get(&name).into_iter().flatten().cloned());
        let mut inside = vec![];
        log.inside(&self.host, leaf, &mut inside);
        let mut holds = vec![];
        places(leaf, &mut holds);
        Read {
            name,
            path,
            origin: origin.clone(),
            secret: leaf.holds_secret(),
            shown: shown(leaf),
            ready: false,
            by: None,
            waits: waits(leaf),
            decided: decided.unwrap_or_default(),
            made_of,
            inside,
            parts,
            holds,
        }
    }
}

impl Log {
    fn made(&self, host: &Option<Arc<str>>, origin: &Origin) -> Option<&Made> {
        self.made.get(&key(host, origin)).map(|(_, made)| made)
    }

    fn inside(&self, host: &Option<Arc<str>>, node: &Node, found: &mut Vec<Arc<Read>>) {
        let mut child = |node: &Node| {
            found.extend(self.made(host, &node.origin).iter().flat_map(|made| &made.reads).cloned());
            self.inside(host, node, found);
        };
        match &node.value {
            Value::Seq(items) => items.iter().for_each(child),
            Value::Map(map) => map.values().for_each(|entry| child(&entry.node)),
            _ => {}
        }
    }
}

pub(super) fn key(host: &Option<Arc<str>>, origin: &Origin) -> Key {
    (host.clone(), place(origin))
}

fn place(origin: &Origin) -> Place {
    (Arc::as_ptr(&origin.source).addr(), origin.span.start, origin.span.end)
}

/// The places of all in a list or a mapping.
fn places(node: &Node, found: &mut Vec<Place>) {
    let mut child = |node: &Node| {
        found.push(place(&node.origin));
        places(node, found);
    };
    match &node.value {
        Value::Seq(items) => items.iter().for_each(&mut child),
        Value::Map(map) => map.values().for_each(|entry| child(&entry.node)),
        _ => {}
    }
}

/// What a value waits for that is not known yet as a whole.
fn waits(node: &Node) -> Option<Arc<str>> {
    match &node.value {
        Value::Unknown(why) => Some(why.clone()),
        _ => None,
    }
}

/// A value in few words.
fn shown(node: &Node) -> String {
    const LONGEST: usize = 60;
    let count = |count: usize, of: &str| format!("a {of} of {count}");
    match &node.value {
        _ if node.secret => "a secret".into(),
        Value::Str(text) if text.chars().count() <= LONGEST && !text.contains('\n') => format!("{text:?}"),
        Value::Str(text) => match text.lines().count() {
            1 => format!("{:?}…", text.chars().take(LONGEST).collect::<String>()),
            lines => format!("a text of {lines} lines"),
        },
        Value::Seq(items) => count(items.len(), "list"),
        Value::Map(map) => count(map.len(), "mapping"),
        Value::Null => "null".into(),
        Value::Unknown(why) => format!("not known yet: {why}"),
        value => super::output::scalar_text(value).unwrap_or_else(|| value.kind().into()),
    }
}

impl Read {
    /// What is no variable.
    pub(super) fn other(what: String, origin: &Origin, node: &Node) -> Self {
        Self {
            name: what.clone(),
            path: what,
            origin: origin.clone(),
            secret: node.secret,
            shown: shown(node),
            ready: true,
            by: None,
            waits: waits(node),
            decided: vec![],
            made_of: vec![],
            inside: vec![],
            parts: vec![],
            holds: vec![],
        }
    }

    /// What was asked for and is not there. `origin`: where it would be looked for.
    pub(super) fn unset(way: Way, origin: &Origin) -> Self {
        let nothing = Node::new(Value::Null, origin.clone());
        let Way { name, path } = way;
        Self {
            name,
            path,
            ready: false,
            shown: NOT_SET.into(),
            ..Self::other(String::new(), origin, &nothing)
        }
    }

    /// Whether the value that stands at this place is in it.
    pub fn holds(&self, origin: &Origin) -> bool {
        self.holds.contains(&place(origin))
    }

    pub(super) fn way(&self) -> Way {
        Way { name: self.name.clone(), path: self.path.clone() }
    }

    /// Without what is inside: where only its form counts.
    pub fn shallow(&self) -> Self {
        let made_of = self.made_of.iter().map(|read| Arc::new(read.shallow())).collect();
        Self { made_of, inside: vec![], parts: vec![], ..self.clone() }
    }

    /// What it is itself, made of these.
    pub fn of(&self, made_of: Vec<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { made_of, inside: vec![], parts: vec![], ..self.clone() })
    }

    /// A part of it.
    pub(super) fn part(&self, names: &str, leaf: &Node) -> Self {
        Self {
            path: format!("{}.{names}", self.path),
            origin: leaf.origin.clone(),
            shown: shown(leaf),
            waits: waits(leaf),
            ..self.shallow()
        }
    }

    /// All that it comes from, itself included, each with those on the way to it, outermost first.
    pub fn each<'a>(&'a self, way: &mut Vec<&'a Self>, found: &mut dyn FnMut(&[&'a Self], &'a Self)) {
        found(way, self);
        way.push(self);
        self.made_of.iter().chain(&self.inside).chain(&self.decided).for_each(|read| read.each(way, found));
        way.pop();
    }
}
