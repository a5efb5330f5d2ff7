//! Loops: of a task, and of an include around many.

use super::{
    expand::{Expander, Item, scalar},
    once::asks,
    scopes::{RESULT, Variables},
};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{InBlock, TaskId},
    playbook::{Include, Included, Loop},
    template::{Scope, names_in, render},
    yaml::{Entry, Map, Node, Value},
};
use indexmap::IndexMap;
use std::{collections::BTreeSet, sync::Arc};

/// What surrounds a task: the items of the includes around it.
#[derive(Clone, Default)]
pub(super) struct Around {
    pub variables: Vec<(String, Node)>,
    /// How the items are shown.
    pub labels: Vec<String>,
    rounds: Vec<Round>,
}

/// One round of an include with a loop.
#[derive(Clone, Copy)]
struct Round {
    round: usize,
    /// The first task of the include, by its number in the playbook.
    first: usize,
    /// How many blocks are around the include.
    blocks: usize,
}

impl Around {
    /// The rounds of the includes around it.
    pub fn rounds(&self) -> Vec<usize> {
        self.rounds.iter().map(|round| round.round).collect()
    }

    /// The place of a task in its play: that of each include with a loop and the round, then its own.
    pub fn place(&self, index: usize) -> Vec<usize> {
        let rounds = self.rounds.iter().flat_map(|round| [round.first, round.round]);
        rounds.chain([index]).collect()
    }

    pub fn layer(&self) -> Option<Variables> {
        let map: IndexMap<_, _> = self.variables.iter().cloned().collect();
        (!map.is_empty()).then(|| Arc::new(map))
    }
}

/// The items of a loop, or why they are not known yet.
pub(super) enum Items {
    Known(Vec<Node>),
    /// Facts will tell.
    NotYet(Arc<str>),
    /// An earlier task will tell.
    Later(Arc<str>),
}

impl Expander<'_> {
    /// Adds tasks of the playbook, all of which stand in as many includes as `depth` says.
    pub fn add_all(&mut self, indices: &[usize], depth: usize, around: &Around) {
        let mut rest = indices;
        while let Some(first) = rest.first() {
            let Some(included) = self.shared.task(*first).includes.get(depth) else {
                self.task(*first, around);
                rest = &rest[1..];
                continue;
            };
            let include = included.include.clone();
            let same = |index: &&usize| {
                let own = self.shared.task(**index).includes.get(depth);
                own.is_some_and(|own| Arc::ptr_eq(&own.include, &include))
            };
            let count = rest.iter().take_while(same).count();
            let (group, behind) = rest.split_at(count);
            self.included(group, depth, &include, around);
            rest = behind;
        }
    }

    /// Adds the tasks of an include, once or for each item.
    fn included(&mut self, group: &[usize], depth: usize, include: &Include, around: &Around) {
        let Some(repeat) = &include.repeat else {
            return self.of_file(group, depth, include, around);
        };
        let scope = self.scope(group[0], around);
        match self.items(repeat, &scope) {
            None => {}
            Some(Items::Later(why)) => {
                let error = Diagnostic::error("an include cannot be repeated for the result of a task");
                let error = error.at(&repeat.items.origin).cause(format!("it needs {why}"));
                self.errors.push(error.hint("loop over it in the tasks themselves"));
            }
            Some(Items::NotYet(why)) => {
                for index in group {
                    self.pending.insert(TaskId(self.tasks.len() as u32), why.clone());
                    self.add(*index, &scope, None, around);
                }
            }
            Some(Items::Known(items)) => {
                for (at, node) in items.into_iter().enumerate() {
                    let mut inner = around.clone();
                    let label = self.round(repeat, node, at, group[0], &mut inner);
                    inner.labels.push(label);
                    inner.rounds.push(Round { round: at, first: group[0], blocks: include.blocks });
                    self.of_file(group, depth, include, &inner);
                }
            }
        }
    }

    /// The variables of one round and how it is shown.
    fn round(&mut self, repeat: &Loop, node: Node, at: usize, index: usize, around: &mut Around) -> String {
        let origin = node.origin.clone();
        let shown = shown(&node, at);
        around.variables.push((repeat.var.clone(), node));
        if let Some(name) = &repeat.index_var {
            around.variables.push((name.clone(), Node::new(Value::Int(at as i64), origin)));
        }
        let Some(label) = &repeat.label else { return shown };
        let scope = self.scope(index, around);
        let label = self.errors.take(render(label, &scope));
        label.map_or(shown, |node| self::shown(&node, at))
    }

    /// Of an include's tasks those of the file that its name comes to.
    fn of_file(&mut self, group: &[usize], depth: usize, include: &Include, around: &Around) {
        let name = match &include.file {
            Some(name) if name.as_str() != Some(&include.files[0]) => name,
            _ => return self.add_all(group, depth + 1, around),
        };
        let scope = self.scope(group[0], around);
        let Some(name) = self.errors.take(render(name, &scope)) else { return };
        let file_of = |index: &usize| self.shared.task(*index).includes[depth].file;
        match fitting(include, &name) {
            Ok(Some(file)) => {
                let group: Vec<usize> =
                    group.iter().copied().filter(|index| file_of(index) == file).collect();
                self.add_all(&group, depth + 1, around);
            }
            // Which it is, is looked at again when it is known.
            Ok(None) => {
                self.check_choice(include, group);
                self.add_all(group, depth + 1, around);
            }
            Err(error) => self.errors.push(error),
        }
    }

    /// What chooses a file must not change while that file is worked on: each of its tasks asks for it.
    fn check_choice(&mut self, include: &Include, group: &[usize]) {
        let Some(file) = &include.file else { return };
        let mut names = BTreeSet::new();
        names_in(file, false, &mut names);
        for task in group.iter().map(|index| self.shared.task(*index)) {
            let register = task.register.iter().map(|(name, place)| (name, place));
            let set = task.params.as_map().filter(|_| task.resource.0 == "set_fact").into_iter().flatten();
            for (name, place) in register.chain(set.map(|(name, entry)| (name, &entry.key))) {
                if names.contains(name) {
                    let error = Diagnostic::error(format!(
                        "an included file cannot set `{name}`, by which it is chosen"
                    ));
                    let error = error.at(place).related(&file.origin, "chosen here");
                    self.errors.push(error.hint("use another name for one of them"));
                }
            }
        }
    }

    /// Adds a task, for each item of its loop.
    fn task(&mut self, index: usize, around: &Around) {
        let task = self.shared.task(index);
        if task.is_meta("flush_handlers") {
            return self.flush(Some(index));
        }
        let scope = self.scope(index, around);
        let is_once = asks(task)
            || task.keywords.run_once.as_ref().is_some_and(|node| {
                render(node, &scope).is_ok_and(|node| matches!(node.value, Value::Bool(true)))
            });
        if is_once && let Some(once) = self.once(index, around).filter(|once| once.own > 0) {
            return self.follow(index, once, around);
        }
        let Some(repeat) = &task.repeat else { return self.add(index, &scope, None, around) };
        match self.items(repeat, &scope) {
            None => {}
            Some(Items::NotYet(why)) => {
                self.pending.insert(TaskId(self.tasks.len() as u32), why);
                self.add(index, &scope, None, around);
            }
            Some(Items::Later(why)) => self.later(index, repeat, &why, around),
            // Whoever reads its result finds an empty list.
            Some(Items::Known(items)) if items.is_empty() && task.register.is_some() => {
                self.later(index, repeat, "the items of an empty loop", around);
            }
            Some(Items::Known(items)) => {
                let count = items.len();
                for (at, node) in items.into_iter().enumerate() {
                    let mut inner = around.clone();
                    let label = self.round(repeat, node, at, index, &mut inner);
                    let scope = self.scope(index, &inner);
                    self.add(index, &scope, Some(Item { label, at: (at, count) }), &inner);
                }
            }
        }
    }

    /// One task for all items, which are known when an earlier task has run.
    pub(super) fn later(&mut self, index: usize, repeat: &Loop, why: &str, around: &Around) {
        let task = self.shared.task(index);
        let judging = &task.judging;
        for node in judging.until.iter().chain(&judging.retries) {
            let error = Diagnostic::error("a loop over the result of a task cannot be tried again");
            let error = error.at(&node.origin).related(&repeat.items.origin, "the loop");
            self.errors.push(error.hint("let one task work on the whole list"));
        }
        let mut inner = around.clone();
        for name in [Some(&repeat.var), repeat.index_var.as_ref()].into_iter().flatten() {
            let unknown = Value::Unknown(Arc::from(why));
            inner.variables.push((name.clone(), Node::new(unknown, repeat.items.origin.clone())));
        }
        let scope = self.scope(index, &inner);
        let pause = self.seconds(repeat.pause.as_ref(), &scope);
        self.add(index, &scope, None, &inner);
        let added = self.tasks.last_mut().expect("it was added");
        (added.is_dynamic, added.pause_s) = (true, pause.unwrap_or(0));
    }

    fn items(&mut self, repeat: &Loop, scope: &Scope) -> Option<Items> {
        self.errors.take(items_of(repeat, scope))
    }

    /// The blocks around a task, with numbers of their own for each round of the includes around it.
    pub(super) fn blocks(&mut self, blocks: &[InBlock], around: &Around) -> Vec<InBlock> {
        let mut out = blocks.to_vec();
        for (at, block) in out.iter_mut().enumerate() {
            let rounds = around.rounds.iter().filter(|round| round.blocks <= at);
            let rounds: Vec<usize> = rounds.map(|round| round.round).collect();
            if rounds.iter().any(|round| *round > 0) {
                let next = self.shared.block_count + self.more_blocks.len() as u32;
                block.block = *self.more_blocks.entry((block.block, rounds)).or_insert(next);
            }
        }
        out
    }
}

/// The items of a loop.
pub(super) fn items_of(repeat: &Loop, scope: &Scope) -> Result<Items, Diagnostics> {
    let items = render(&repeat.items, scope)?;
    match items.value {
        // An item that only shows when a task has run is as good as none.
        Value::Seq(_) | Value::Map(_) if items.unknown().is_some_and(|why| why.starts_with(RESULT)) => {
            Ok(Items::Later(items.unknown().cloned().unwrap_or_default()))
        }
        Value::Seq(list) => Ok(Items::Known(list)),
        Value::Map(map) => Ok(Items::Known(pairs(map))),
        Value::Unknown(why) if why.starts_with(RESULT) => Ok(Items::Later(why)),
        Value::Unknown(why) => Ok(Items::NotYet(why)),
        _ => {
            let error = items.expected("a list or a mapping to loop over").at(&repeat.items.origin);
            let hint = "write a list, or make one: `split x \" \"`, `lines x`";
            Err(if items.as_str().is_some() { error.hint(hint) } else { error }.into())
        }
    }
}

/// A mapping as a list of `{key, value}`.
fn pairs(map: Map) -> Vec<Node> {
    let pair = |(name, Entry { key, node }): (String, Entry)| {
        let entry = |node: Node| Entry { key: key.clone(), node };
        let (origin, name) = (node.origin.clone(), Node::string(&name, &key));
        let map = Map::from([("key".into(), entry(name)), ("value".into(), entry(node))]);
        Node::new(Value::Map(map), origin)
    };
    map.into_iter().map(pair).collect()
}

/// Which of an include's files a rendered name is; `None` while that is not known.
pub(super) fn fitting(include: &Include, name: &Node) -> Result<Option<usize>, Diagnostic> {
    if name.unknown().is_some() {
        return Ok(None);
    }
    let text = name.expect_str("the name of a file")?;
    if name.secret {
        return Err(Diagnostic::error("a secret cannot be the name of a file").at(&name.origin));
    }
    let found = include.files.iter().position(|file| file == text);
    found.map(Some).ok_or_else(|| {
        let listed: Vec<_> = include.files.iter().map(|file| format!("`{file}`")).collect();
        let error = Diagnostic::error(format!("no such file to include: `{text}`")).at(&name.origin);
        error
            .hint(format!("there are: {}", listed.join(", ")))
            .suggest(text, include.files.iter().map(String::as_str))
    })
}

/// Whether the files that a task is included by are those that their names come to: `false`, or what that depends on.
pub(super) fn is_included(
    includes: &[Included],
    scope: &Scope,
) -> Result<Result<bool, Arc<str>>, Diagnostics> {
    for included in includes {
        let include = &included.include;
        let is_open = |name: &&Node| name.as_str() != include.files.first().map(String::as_str);
        let Some(name) = include.file.as_ref().filter(is_open) else { continue };
        let name = render(name, scope)?;
        match fitting(&included.include, &name)? {
            Some(file) if file == included.file => {}
            Some(_) => return Ok(Ok(false)),
            None => return Ok(Err(name.unknown().cloned().unwrap_or_else(|| "its name".into()))),
        }
    }
    Ok(Ok(true))
}

/// How a loop's item is shown: a short text, or its number.
pub(super) fn shown(node: &Node, at: usize) -> String {
    let number = || format!("#{}", at + 1);
    if node.secret {
        return number();
    }
    let text = match &node.value {
        // Of a mapping its name, or whatever stands first.
        Value::Map(map) => {
            let named = ["name", "key", "path", "dest"].iter().find_map(|key| map.get(*key));
            let entry = named.or_else(|| map.values().next()).map(|e| &e.node);
            entry.filter(|node| !node.secret).and_then(scalar)
        }
        _ => scalar(node),
    };
    text.filter(|text| text.len() <= 80 && !text.contains('\n')).unwrap_or_else(number)
}
