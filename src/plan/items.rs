//! Tasks whose loop is about what an earlier task brought.

use super::{Counts, TaskPlan, accounts, lint, predict, programs, result, view::View};
use crate::{
    model::{Address, Claim, Exposed},
    resource::{Fault, Look, Lookup, Mask, Outcome, Pause},
    site::{HostTask, Preparation, Prepare, PreparedItem},
    template::Truth,
    yaml::{Map, Node},
};
use agent::wire::{Answer, Query};

/// What planning a task comes to. When only some items of a loop have to be done, which these are is not promised: the list may be another
/// one by then. `only_looks`: nothing of it is done.
pub(super) fn outcome(
    preparation: &Preparation,
    view: &View,
    mask: &Mask,
    only_looks: bool,
) -> Result<Outcome, Fault> {
    match preparation {
        Preparation::Ready(prepared) => {
            let outcome = prepared.plan(view, mask)?;
            // What the lint wants to know travels along.
            let mut more = match prepared.claims(view) {
                Err(Pause::Need(queries)) => queries,
                Err(_) => vec![],
                Ok(claims) => {
                    let mut asked = lint::questions(&claims);
                    asked.retain(|query| matches!(view.look(query), Look::NotAsked));
                    asked
                }
            };
            if let Some(op) = prepared.runs().filter(|_| !only_looks)
                && !matches!(outcome, Outcome::Unchanged { .. })
            {
                match programs::open_questions(&op, view) {
                    Ok(queries) => more.extend(queries),
                    Err(fault) if matches!(outcome, Outcome::Change(_)) => return Err(fault),
                    Err(_) => {}
                }
            }
            if matches!(outcome, Outcome::NotYet(_)) {
                more.extend(programs::of_look(&**prepared).filter(|which| !view.answers.contains_key(which)));
            }
            if let Outcome::Change(change) = &outcome
                && !only_looks
            {
                more.extend(accounts::open_questions(change, view)?);
                let ahead = change.ops.iter().filter_map(predict::questions);
                more.extend(ahead.filter(|query| matches!(view.look(query), Look::NotAsked)));
            }
            Ok(match outcome {
                outcome if more.is_empty() => outcome,
                Outcome::Need(queries) => Outcome::Need(queries.into_iter().chain(more).collect()),
                _ => Outcome::Need(more),
            })
        }
        Preparation::Items(items) => of_items(items, view, mask, only_looks),
        Preparation::Sets(_) | Preparation::Skip(_) | Preparation::NotYet(..) | Preparation::Awaits(..) => {
            Ok(Outcome::Unchanged { asked: vec![], notes: vec![], held: vec![] })
        }
    }
}

/// Why none of the items of a loop is done, when that is so.
pub(super) fn all_skipped(items: &[PreparedItem]) -> Option<String> {
    if items.is_empty() {
        return Some("its loop has no items".into());
    }
    let why = |item: &PreparedItem| match &item.preparation {
        Preparation::Skip(why) => Some(why.clone()),
        _ => None,
    };
    let all: Option<Vec<String>> = items.iter().map(why).collect();
    all.and_then(|all| all.into_iter().next())
}

/// Other names of what a task owns, as the host tells them.
pub(super) fn also_known(preparation: &Preparation, lookup: &dyn Lookup) -> Vec<Address> {
    match preparation {
        Preparation::Ready(prepared) => prepared.also_known_as(lookup),
        _ => vec![],
    }
}

/// What a task says of itself besides what it does.
#[derive(Clone, Debug, Default)]
pub struct Said {
    /// The ports that it opens or closes.
    pub exposed: Option<Exposed>,
    /// What the lint goes by, and what the host answers to its questions.
    pub claims: Vec<Claim>,
    pub answers: Vec<(Query, Answer)>,
}

/// What a task says of itself; of a loop nothing is told.
pub(super) fn said(preparation: &Preparation, lookup: &dyn Lookup) -> Said {
    match preparation {
        Preparation::Ready(prepared) => {
            let claims = prepared.claims(lookup).unwrap_or_default();
            let answer = |query| match lookup.look(&query) {
                Look::Known(answer) => Some((query, answer)),
                _ => None,
            };
            let answers = lint::questions(&claims).into_iter().filter_map(answer).collect();
            Said { exposed: prepared.exposes(lookup), claims, answers }
        }
        _ => Said::default(),
    }
}

fn of_items(items: &[PreparedItem], view: &View, mask: &Mask, only_looks: bool) -> Result<Outcome, Fault> {
    let (mut needs, mut all_asked, mut all_notes) = (vec![], vec![], vec![]);
    let (mut changes, mut not_yet) = (0, None);
    for item in items {
        match &item.preparation {
            Preparation::NotYet(why, _) | Preparation::Awaits(why, _) => {
                not_yet = not_yet.or(Some(why.clone()))
            }
            preparation => match outcome(preparation, view, mask, only_looks)? {
                Outcome::Need(queries) => needs.extend(queries),
                Outcome::NotYet(why) => not_yet = not_yet.or(Some(why)),
                Outcome::Change(_) => changes += 1,
                Outcome::Unchanged { asked, notes, .. } => {
                    all_asked.extend(asked);
                    all_notes.extend(notes);
                }
            },
        }
    }
    Ok(match (needs.is_empty(), changes, not_yet) {
        (false, ..) => Outcome::Need(needs),
        (_, 0, None) => Outcome::Unchanged { asked: all_asked, notes: all_notes, held: vec![] },
        (_, 0, Some(why)) => Outcome::NotYet(why),
        (..) => Outcome::NotYet(format!("{changes} of {} items are not as wanted", items.len())),
    })
}

/// What a loop's own conditions make of its items, where nothing has to be done for them: whether it counts as a change. What
/// fails, or may, shows when it runs.
pub(super) fn judged(
    host: &dyn Prepare,
    task: &HostTask,
    plan: &mut TaskPlan,
    preparation: &Preparation,
    counts: Counts,
    view: &View,
) -> Counts {
    let (TaskPlan::Unchanged { .. }, Preparation::Items(items)) = (&*plan, preparation) else {
        return counts;
    };
    let mut all = Counts::No;
    for item in items.iter() {
        let defer = |why: String| TaskPlan::Deferred { why, after: vec![] };
        let judgement = match host.judge(task.id, &item.registered, &of_item(item, view)) {
            Ok(judgement) => judgement,
            Err(_) => {
                *plan = defer(format!("({}) its conditions cannot be told before", item.label));
                return Counts::Perhaps;
            }
        };
        match judgement.failed {
            Some(Truth::True) => {
                *plan = defer(format!("({}) `failed_when` holds: {}", item.label, host.judging(task.id).0));
                return Counts::Perhaps;
            }
            Some(Truth::Unknown(why)) => {
                *plan = defer(format!("({}) whether it fails depends on {why}", item.label));
                return Counts::Perhaps;
            }
            _ => {}
        }
        match judgement.changed {
            Some(Truth::True) => all = Counts::Yes,
            Some(Truth::Unknown(_)) if all == Counts::No => all = Counts::Perhaps,
            _ => {}
        }
    }
    all
}

/// The result of an item for which nothing has to be done.
fn of_item(item: &PreparedItem, view: &View) -> Node {
    let (output, found) = match &item.preparation {
        Preparation::Ready(prepared) => {
            (result::printed(&**prepared, |query| view.answers.get(query).cloned()), prepared.found(view))
        }
        _ => (None, Map::new()),
    };
    let skipped = matches!(item.preparation, Preparation::Skip(_));
    result::node(&result::Outcome { skipped, output: output.as_ref(), found, ..Default::default() })
}

/// The result of a loop for which nothing has to be done.
pub(super) fn result(items: &[PreparedItem], view: &View) -> Node {
    result::items_node(items.iter().map(|item| Some(of_item(item, view))).collect())
}

/// Whether a question is the task itself, which only looks.
pub(super) fn looks_by(preparation: &Preparation, query: &Query) -> bool {
    match preparation {
        Preparation::Ready(prepared) => prepared.look().as_ref() == Some(query),
        Preparation::Items(items) => items.iter().any(|item| looks_by(&item.preparation, query)),
        _ => false,
    }
}

/// Whether both are the same to the graph and to those who look.
pub(super) fn same(a: &Preparation, b: &Preparation) -> bool {
    match (a, b) {
        (Preparation::Ready(a), Preparation::Ready(b)) => a.digest() == b.digest(),
        (Preparation::Items(a), Preparation::Items(b)) => {
            let mut pairs = a.iter().zip(b.iter());
            a.len() == b.len() && pairs.all(|(a, b)| same(&a.preparation, &b.preparation))
        }
        // What is set is compared with the results.
        (Preparation::Sets(_), Preparation::Sets(_)) => true,
        (Preparation::Awaits(_, a), Preparation::Awaits(_, b)) => a.digest() == b.digest(),
        (Preparation::Skip(_), Preparation::Skip(_)) => true,
        (Preparation::NotYet(_, a), Preparation::NotYet(_, b)) => a == b,
        _ => false,
    }
}
