//! The text that a task gives a file, and which variables made each line of it.
//!
//! A text that is a parameter tells it itself. Of one that the type puts together, the parameters are changed one by one: the lines that
//! come out otherwise are theirs.

use super::{HostTasks, Parameter, Traced};
use crate::{
    model::{Area, TaskId},
    resource::{Look, Lookup, Mask, Outcome, Prepared},
    template::Line,
    yaml::{Node, Value},
};
use agent::{
    secret::Content,
    wire::{Answer, Op, Output, Probe, Query},
};
use similar::{Algorithm, DiffOp, capture_diff_slices};
use std::collections::HashMap;

const HIDDEN: &str = "********";
/// How the addresses begin of what is a part of a file: whoever owns one has others beside him there.
const PARTS: [&str; 7] = ["block:", "cron:", "docker_login:", "hosts:", "limit:", "mount:", "sysctl:"];

/// A file as a task makes it where nothing is yet.
pub struct Written {
    pub path: String,
    pub lines: Vec<Line>,
    /// The parameters that made them.
    pub made_of: Vec<String>,
    /// The task has a part in it: the file holds other lines too.
    pub is_part: bool,
}

/// A host on which there is nothing.
struct Bare;

impl Lookup for Bare {
    fn look(&self, query: &Query) -> Look {
        let nothing = || Content::new(vec![], false);
        Look::Known(match query {
            Query::File { .. } => Answer::Meta(None),
            Query::Read { .. } | Query::Record { .. } => Answer::Content(None),
            Query::There { .. } => Answer::There(false),
            Query::Stat { .. } => Answer::Stat(None),
            Query::List { .. } => Answer::Names(None),
            Query::User { .. } | Query::UserOf { .. } => Answer::User(None),
            Query::Group { .. } | Query::GroupOf { .. } => Answer::Group(None),
            Query::Ports { .. } => Answer::Ports(vec![]),
            Query::Owed { .. } => Answer::Owed(vec![]),
            // There is no such unit: that is an answer. Of all else no program says anything.
            Query::Run(Probe::UnitState { .. } | Probe::UserUnit { .. }) => {
                Answer::Output(Output { code: 0, stdout: nothing(), stderr: nothing() })
            }
            Query::Run(_) | Query::Job { .. } | Query::Test(_) => {
                Answer::Output(Output { code: 1, stdout: nothing(), stderr: nothing() })
            }
        })
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        true
    }
}

impl Traced {
    /// The paths that it writes, as far as they are known; those first that are its own.
    pub fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = vec![];
        if let Some(prepared) = &self.prepared {
            let own = prepared.addresses().into_iter();
            paths.extend(own.filter_map(|address| address.0.strip_prefix("path:").map(Into::into)));
            paths.extend(prepared.footprint().writes.into_iter().filter_map(|area| match area {
                Area::Path(path) => Some(path),
                _ => None,
            }));
        } else {
            let named = self.parameters.iter().filter(|p| ["dest", "path"].contains(&p.name.as_str()));
            paths.extend(named.filter_map(|p| p.made.text.as_deref().map(str::to_string)));
        }
        let mut seen = vec![];
        paths.retain(|path| {
            path.starts_with('/') && !seen.contains(path) && {
                seen.push(path.clone());
                true
            }
        });
        paths
    }
}

impl HostTasks {
    /// The files that a task writes, with what made their lines.
    pub fn written(&self, id: TaskId, traced: &Traced) -> Vec<Written> {
        let task = self.shared.task(self.tasks[id.0 as usize].source);
        let is_part = traced.prepared.as_ref().map(|prepared| is_part(&**prepared));
        let texts = traced.prepared.as_ref().map(|prepared| texts(&**prepared)).unwrap_or_default();
        if texts.is_empty() {
            // Not to be told without the host: what it puts there is among its parameters.
            let text = |p: &&Parameter| ["content", "line", "block"].contains(&p.name.as_str());
            let path = traced.paths().into_iter().next();
            let text = traced.parameters.iter().find(text).filter(|p| p.made.text.is_some());
            let Some((path, text)) = path.zip(text) else { return vec![] };
            let is_part = is_part.unwrap_or(text.name != "content");
            return vec![Written { path, lines: lines_of(text), made_of: vec![text.name.clone()], is_part }];
        }
        let is_part = is_part.unwrap_or_default();
        let kind = self.shared.type_of(task);
        let texts_of = |params: Option<Node>| {
            let prepared = kind.prepare(&params?, false).ok()?;
            Some(self::texts(&*prepared)).filter(|texts| !texts.is_empty())
        };
        let changed = |parameter: &Parameter| -> Option<Vec<(String, String)>> {
            let params = traced.params.as_ref()?;
            others(params, &parameter.way).into_iter().find_map(|params| texts_of(Some(params)))
        };
        let mut files: Vec<(Vec<String>, Written)> = vec![];
        for (path, text) in texts {
            let own: Vec<String> = split(&text);
            let lines = own.iter().map(|line| Line { text: line.clone(), reads: vec![] }).collect();
            files.push((own, Written { path, lines, made_of: vec![], is_part }));
        }
        let mut changes: HashMap<Change, Option<Vec<Vec<usize>>>> = HashMap::new();
        for parameter in &traced.parameters {
            let form = parameter.form.iter().map(|read| (read.clone(), true));
            let form: Vec<_> = form.collect();
            let known = lines_of(parameter);
            if known.len() > 1 || parameter.name == "content" {
                // A text of its own: its lines are those that are like them.
                let text = parameter.made.text.as_deref().map(split).unwrap_or_default();
                for (own, file) in &mut files {
                    file.made_of.push(parameter.name.clone());
                    for (old, new) in alike(&text, own) {
                        let Line { text, reads } = &known[old];
                        file.lines[new].text.clone_from(text);
                        file.lines[new].reads.extend(reads.iter().cloned());
                    }
                }
                continue;
            }
            if parameter.made.reads.is_empty() && !parameter.secret {
                continue;
            }
            let others = changed(parameter);
            if parameter.secret {
                // Wherever it stands, also where what is changed in it changes nothing there.
                let secret = parameter.made.text.as_deref().filter(|text| !text.is_empty());
                let lines = files.iter_mut().flat_map(|(_, file)| &mut file.lines);
                for line in lines.filter(|line| secret.is_none_or(|secret| line.text.contains(secret))) {
                    line.text = without_value(&line.text);
                }
            }
            let Some(others) = others else { continue };
            // Which lines there are is up to what the list or mapping around it was read from: what stays when that holds less, or more,
            // is not.
            let mut around: Vec<Vec<Vec<usize>>> = vec![];
            for change in parameter.changes_of_form() {
                let kept = changes.entry(change).or_insert_with_key(|change| {
                    let texts = texts_of(traced.params.as_ref().and_then(|params| change.made(params)))?;
                    let kept = |(at, (own, _)): (usize, &(Vec<String>, Written))| -> Vec<usize> {
                        let other = texts.get(at).map(|(_, text)| split(text)).unwrap_or_default();
                        alike(&told_apart(own), &told_apart(&other)).into_iter().map(|(own, _)| own).collect()
                    };
                    Some(files.iter().enumerate().map(kept).collect())
                });
                around.extend(kept.clone());
            }
            for (at, (own, file)) in files.iter_mut().enumerate() {
                let other = others.get(at).map(|(_, text)| split(text)).unwrap_or_default();
                let kept = alike(&told_apart(own), &told_apart(&other));
                let kept: Vec<usize> = kept.into_iter().map(|(own, _)| own).collect();
                if kept.len() < own.len() {
                    file.made_of.push(parameter.name.clone());
                }
                let staying: Vec<&Vec<usize>> = around.iter().filter_map(|kept| kept.get(at)).collect();
                for (at, line) in file.lines.iter_mut().enumerate() {
                    let stays = |kept: &&Vec<usize>| kept.contains(&at);
                    let is_there = if staying.is_empty() { stays(&&kept) } else { staying.iter().all(stays) };
                    if !is_there {
                        line.reads.extend(form.iter().cloned());
                    }
                    if kept.contains(&at) {
                        continue;
                    }
                    line.reads.extend(parameter.made.reads.iter().map(|read| (read.clone(), false)));
                    if parameter.secret {
                        line.text = without_value(&line.text);
                    }
                }
            }
        }
        files.into_iter().map(|(_, file)| file).collect()
    }
}

/// Whether it has a part in what it writes, and owns none of that as a whole.
fn is_part(prepared: &dyn Prepared) -> bool {
    prepared.addresses().iter().all(|own| PARTS.iter().any(|part| own.0.starts_with(part)))
}

/// The lines of a text that is a parameter.
fn lines_of(parameter: &Parameter) -> Vec<Line> {
    let mut lines = parameter.made.lines();
    if parameter.origin.source.secret {
        lines.iter_mut().for_each(|line| line.text = HIDDEN.into());
    }
    lines
}

fn split(text: &str) -> Vec<String> {
    text.lines().map(str::to_string).collect()
}

/// The line up to where its value begins.
fn without_value(line: &str) -> String {
    let value = line.find(['=', ':']).map_or(0, |at| at + 1);
    format!("{}{HIDDEN}", &line[..value])
}

/// The files that are written on a host on which there is nothing.
fn texts(prepared: &dyn Prepared) -> Vec<(String, String)> {
    let Ok(Outcome::Change(change)) = prepared.plan(&Bare, &Mask::new([0; 32])) else { return vec![] };
    let text = |op: &Op| match op {
        Op::WriteFile { path, content, .. } => {
            Some((path.clone(), String::from_utf8(content.bytes().to_vec()).ok()?))
        }
        _ => None,
    };
    change.ops.iter().filter_map(text).collect()
}

/// The lines, each bracket that closes with what it closes, and none with the comma that the next one asks for.
fn told_apart(lines: &[String]) -> Vec<String> {
    let mut open: Vec<String> = vec![];
    let mut told = |line: &String| {
        let line = line.trim_end().trim_end_matches(',');
        let closes = line.trim_start().starts_with(['}', ']']);
        let of = if closes { open.pop() } else { None }.unwrap_or_default();
        if line.ends_with(['{', '[']) {
            open.push(format!("{}{line}", open.last().map(String::as_str).unwrap_or_default()));
        }
        format!("{line}{of}")
    };
    lines.iter().map(&mut told).collect()
}

/// The lines that both have, in order: where each stands in the one and in the other.
fn alike(a: &[String], b: &[String]) -> Vec<(usize, usize)> {
    let ops = capture_diff_slices(Algorithm::Myers, a, b);
    let same = ops.into_iter().filter_map(|op| match op {
        DiffOp::Equal { old_index, new_index, len } => {
            Some((0..len).map(move |at| (old_index + at, new_index + at)))
        }
        _ => None,
    });
    same.flatten().collect()
}

/// The parameters with another value at a place: what it may be is not known, so several are tried.
fn others(params: &Node, way: &[String]) -> Vec<Node> {
    let Some(old) = at(params, way) else { return vec![] };
    let values: Vec<Value> = match &old.value {
        Value::Str(text) => {
            let digit = text.chars().last().is_some_and(|last| last.is_ascii_digit());
            let texts = if digit { ["1", "x", "9", "0"] } else { ["x", "1", "/x", "X"] };
            texts.iter().map(|more| Value::str(format!("{text}{more}"))).collect()
        }
        Value::Int(number) => {
            [1, -1, 100].iter().filter_map(|by| number.checked_add(*by)).map(Value::Int).collect()
        }
        Value::Float(number) => vec![Value::Float(number + 1.0)],
        Value::Bool(flag) => vec![Value::Bool(!flag)],
        _ => vec![],
    };
    let with = |value: Value| {
        let mut params = params.clone();
        set(&mut params, way, value);
        params
    };
    values.into_iter().map(with).collect()
}

/// Another form of what a list or mapping holds.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Change {
    /// Without what is at this place.
    Less(Vec<String>),
    /// With one more in the list or mapping at this place.
    More(Vec<String>),
}

impl Parameter {
    /// What may be otherwise where what the list or mapping around it was read from is.
    fn changes_of_form(&self) -> Vec<Change> {
        let Some(from) = self.form_at else { return vec![] };
        let less = (from + 1..=self.way.len()).map(|end| Change::Less(self.way[..end].to_vec()));
        let more = (from..self.way.len()).map(|end| Change::More(self.way[..end].to_vec()));
        less.chain(more).collect()
    }
}

impl Change {
    fn made(&self, params: &Node) -> Option<Node> {
        // By its name it is the last one, also where they are sorted.
        const NAME: &str = "zzz";
        let (way, last) = match self {
            Self::Less(way) => way.split_last().map(|(last, way)| (way, Some(last)))?,
            Self::More(way) => (&way[..], None),
        };
        let mut around = at(params, way)?.clone();
        match (&mut around.value, last) {
            (Value::Map(map), Some(last)) => _ = map.shift_remove(last)?,
            (Value::Map(map), None) => {
                let (_, entry) = map.last()?;
                map.insert(NAME.into(), entry.clone());
            }
            (Value::Seq(items), Some(last)) => {
                let at = last.parse::<usize>().ok().filter(|at| *at < items.len())?;
                items.remove(at);
            }
            (Value::Seq(items), None) => {
                let item = items.last()?.clone();
                items.push(item);
            }
            _ => return None,
        }
        let mut params = params.clone();
        set(&mut params, way, around.value);
        Some(params)
    }
}

fn at<'a>(node: &'a Node, way: &[String]) -> Option<&'a Node> {
    let Some((first, rest)) = way.split_first() else { return Some(node) };
    let inner = match &node.value {
        Value::Map(map) => &map.get(first)?.node,
        Value::Seq(items) => items.get(first.parse::<usize>().ok()?)?,
        _ => return None,
    };
    at(inner, rest)
}

fn set(node: &mut Node, way: &[String], value: Value) {
    let Some((first, rest)) = way.split_first() else {
        node.value = value;
        return;
    };
    let inner = match &mut node.value {
        Value::Map(map) => map.get_mut(first).map(|entry| &mut entry.node),
        Value::Seq(items) => first.parse().ok().and_then(|at: usize| items.get_mut(at)),
        _ => None,
    };
    if let Some(inner) = inner {
        set(inner, rest, value);
    }
}
