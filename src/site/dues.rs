//! As what handlers are owed: a name that stays the same from run to run, whatever else of the playbook is in it.

use super::{HostTask, Shared};
use agent::wire::owed::Due;
use std::collections::{HashMap, HashSet};

/// The end of a play, where the handlers run that no `flush_handlers` is for.
const END: u32 = u32::MAX;
/// More than a play has `flush_handlers`: the same one in the next round of an include.
const ROUND: u32 = 1 << 16;

/// Names the handlers among a host's tasks. `flush_of` has for each task the number of the flush that it is in or before, `places` for each
/// flush the `flush_handlers` that it is at, and `wanted` the tasks of the playbook that are in this run.
pub(super) fn name(
    shared: &Shared,
    tasks: &mut [HostTask],
    flush_of: &[u32],
    places: &[Option<usize>],
    wanted: &[usize],
) {
    let busy: HashSet<usize> = wanted
        .iter()
        .filter(|index| !shared.task(**index).handler)
        .map(|index| shared.index[*index].play)
        .collect();
    let mut seen: HashMap<Due, usize> = HashMap::new();
    for (at, task) in tasks.iter_mut().enumerate().filter(|(_, task)| task.handler) {
        let (play, number) = (shared.index[task.source].play, flush_of[at] as usize);
        let due = Due {
            play: play_name(shared, play),
            handler: task.name.clone(),
            flush: flush(shared, places, number),
        };
        // Without a name, or of a role that the play has twice.
        let count = seen.entry(due.clone()).or_default();
        *count += 1;
        let handler = if *count == 1 { due.handler } else { format!("{} #{count}", due.handler) };
        (task.due, task.is_idle) = (Some(Due { handler, ..due }), !busy.contains(&play));
    }
}

/// The name of a play, or its hosts; with a number where others before it are called the same.
fn play_name(shared: &Shared, at: usize) -> String {
    let plays = &shared.playbook.plays;
    let own = |at: usize| plays[at].name.as_ref().unwrap_or(&plays[at].hosts.0);
    match (0..at).filter(|before| own(*before) == own(at)).count() {
        0 => own(at).clone(),
        before => format!("{} #{}", own(at), before + 1),
    }
}

/// At which of the places of its play a flush is. Those count that are in the playbook, whether or not they are in this run.
fn flush(shared: &Shared, places: &[Option<usize>], number: usize) -> u32 {
    let Some(place) = places[number] else { return END };
    let play = &shared.playbook.plays[shared.index[place].play];
    let before =
        play.tasks.iter().filter(|task| task.is_meta("flush_handlers") && task.index < place).count();
    let rounds = places[..number].iter().filter(|other| **other == Some(place)).count();
    before as u32 + rounds as u32 * ROUND
}
