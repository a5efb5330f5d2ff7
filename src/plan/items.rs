//! Tasks whose loop is about what an earlier task brought.

use super::result;
use crate::{
    resource::{Fault, Lookup, Mask, Outcome},
    site::{Preparation, PreparedItem},
    yaml::Node,
};
use agent::wire::{Answer, Query};

/// What planning a task comes to. When only some items of a loop have to be done, which these are is not promised: the list may be another
/// one by then.
pub(super) fn outcome(preparation: &Preparation, lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault> {
    match preparation {
        Preparation::Ready(prepared) => prepared.plan(lookup, mask),
        Preparation::Items(items) => of_items(items, lookup, mask),
        Preparation::Sets(_) | Preparation::Skip(_) | Preparation::NotYet(_) => {
            Ok(Outcome::Unchanged { asked: vec![], notes: vec![] })
        }
    }
}

fn of_items(items: &[PreparedItem], lookup: &dyn Lookup, mask: &Mask) -> Result<Outcome, Fault> {
    let (mut needs, mut all_asked, mut all_notes) = (vec![], vec![], vec![]);
    let (mut changes, mut not_yet) = (0, None);
    for item in items {
        match &item.preparation {
            Preparation::NotYet(why) => not_yet = not_yet.or(Some(why.clone())),
            preparation => match outcome(preparation, lookup, mask)? {
                Outcome::Need(queries) => needs.extend(queries),
                Outcome::NotYet(why) => not_yet = not_yet.or(Some(why)),
                Outcome::Change(_) => changes += 1,
                Outcome::Unchanged { asked, notes } => {
                    all_asked.extend(asked);
                    all_notes.extend(notes);
                }
            },
        }
    }
    Ok(match (needs.is_empty(), changes, not_yet) {
        (false, ..) => Outcome::Need(needs),
        (_, 0, None) => Outcome::Unchanged { asked: all_asked, notes: all_notes },
        (_, 0, Some(why)) => Outcome::NotYet(why),
        (..) => Outcome::NotYet(format!("{changes} of {} items are not as wanted", items.len())),
    })
}

/// The result of a loop for which nothing has to be done.
pub(super) fn result(items: &[PreparedItem], answer: impl Fn(&Query) -> Option<Answer>) -> Node {
    let of = |item: &PreparedItem| {
        let output = match &item.preparation {
            Preparation::Ready(prepared) => result::printed(&**prepared, &answer),
            _ => None,
        };
        let skipped = matches!(item.preparation, Preparation::Skip(_));
        Some(result::node(&result::Outcome { skipped, output: output.as_ref(), ..Default::default() }))
    };
    result::items_node(items.iter().map(of).collect())
}
