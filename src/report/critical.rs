//! The chain of tasks that made a run as long as it was.

use super::story::{Host, Story, duration, word};
use crate::{
    event::Status,
    graph::{Arrow, Drawn, Line, Picture},
};
use std::{collections::BTreeSet, fmt::Write};

/// Where the time of a run went, on one host. The parts follow each other without a gap.
pub struct Critical {
    pub host: String,
    pub parts: Vec<Part>,
    /// Tasks of the chain, the first one first.
    pub chain: Vec<u32>,
}

pub struct Part {
    pub what: String,
    pub task: Option<u32>,
    pub from: u64,
    pub to: u64,
}

impl Critical {
    /// `None` where the host has done nothing.
    pub fn new(story: &Story, host: &Host) -> Option<Self> {
        let worked = |task: &&u32| host.began.contains_key(task);
        let last = host.ended.keys().filter(worked).max_by_key(|task| host.ended[task].order)?;
        let mut chain = vec![*last];
        loop {
            // Of what a task waited for, that which ended last: the others did not hold it up.
            let task = chain[chain.len() - 1];
            let after = host.tasks.get(task as usize).map_or(&[][..], |task| &task.after);
            let before =
                after.iter().map(|edge| edge.task.0).filter(|before| host.ended.contains_key(before));
            match before.max_by_key(|before| host.ended[before].order) {
                Some(before) if !chain.contains(&before) => chain.push(before),
                _ => break,
            }
        }
        chain.reverse();
        let mut parts = vec![];
        let mut now = 0;
        let mut until = |what: &str, task: Option<u32>, to: u64| {
            if to > now {
                parts.push(Part { what: what.into(), task, from: now, to });
                now = to;
            }
        };
        until("connecting", None, host.connected.unwrap_or(0));
        until("planning", None, host.planned.unwrap_or(0));
        until("until all hosts were planned", None, story.planned.unwrap_or(0));
        let first = host.began.values().min().copied().unwrap_or(0);
        until("until the plan was approved and this host's turn came", None, first);
        for task in &chain {
            let ended = &host.ended[task];
            let Some(began) = host.began.get(task) else { continue };
            until("waiting for other tasks and hosts", None, *began);
            until(ended.name, Some(*task), ended.at);
        }
        until("other hosts, and the end", None, story.millis);
        Some(Self { host: host.name.into(), parts, chain })
    }

    /// A line for each part: how long, what share of the whole, what.
    pub fn text(&self) -> String {
        let whole = self.parts.last().map_or(0, |part| part.to);
        let share = |millis: u64| (millis * 200 + whole) / (whole * 2).max(1);
        let took = |part: &Part| part.to - part.from;
        let chain: u64 = self.parts.iter().filter(|part| part.task.is_some()).map(took).sum();
        let mut out = format!(
            "critical path: the run took {}, {} of it ({} %) on `{}` these tasks, one behind the other\n",
            duration(whole),
            duration(chain),
            share(chain),
            self.host
        );
        for part in &self.parts {
            let what = match part.task {
                Some(task) => format!("{:>4}  {}", format!("*{}", task + 1), part.what),
                None => format!("      {}", part.what),
            };
            let _ = writeln!(out, "  {:>11}  {:>3} %  {what}", duration(took(part)), share(took(part)));
        }
        out
    }
}

/// The graph of a host as the run has left it, with what was critical.
pub fn picture(host: &Host, critical: Option<&Critical>) -> Picture {
    let chain = critical.map_or(&[][..], |critical| &critical.chain);
    let pairs: BTreeSet<(u32, u32)> = chain.windows(2).map(|two| (two[0], two[1])).collect();
    let drawn = |(at, task): (usize, &crate::event::PlannedTask)| {
        let at = at as u32;
        let ended = host.ended.get(&at);
        let took =
            host.began.get(&at).zip(ended).map(|(began, ended)| duration(ended.at.saturating_sub(*began)));
        let status = ended.map(|ended| match ended.status {
            Status::WouldChange => "would change",
            status => word(status),
        });
        Drawn { name: task.name.clone(), status, took, critical: chain.contains(&at) }
    };
    let arrows = host.tasks.iter().enumerate().flat_map(|(to, task)| {
        let pairs = &pairs;
        task.after.iter().map(move |edge| Arrow {
            from: edge.task.0 as usize,
            to,
            why: edge.why.clone(),
            line: Line::of(&edge.why, edge.order_only),
            critical: pairs.contains(&(edge.task.0, to as u32)),
        })
    });
    let mut order: Vec<usize> = (0..host.tasks.len()).collect();
    order.sort_by_key(|at| host.ended.get(&(*at as u32)).map_or(usize::MAX, |ended| ended.order));
    let tasks = host.tasks.iter().enumerate().map(drawn).collect();
    Picture { tasks, arrows: arrows.collect(), order }.sound()
}
