//! Every place where a variable gets a value.

use super::Shared;
use crate::{
    inventory::Layer,
    model::Origin,
    yaml::{Map, Node},
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// In the inventory, `group_vars/` or `host_vars/`.
    Inventory,
    /// `vars` of a play.
    Play,
    VarsFile,
    Default,
    RoleVars,
    /// What a role is given where it is used.
    Given,
    /// `vars` of a block or a task.
    Task,
    /// What a task registers.
    Result,
    /// What a task sets with `set_fact`.
    Fact,
    /// What a play asks for.
    Prompt,
    /// `-e`.
    Extra,
}

pub(super) struct Definition<'a> {
    pub name: &'a str,
    /// Where its name stands.
    pub place: Origin,
    pub kind: Kind,
    pub node: Option<&'a Node>,
}

/// In the order in which the files are read. What several plays share is among them once for each.
pub(super) fn all(shared: &Shared) -> Vec<Definition<'_>> {
    let mut all = vec![];
    for (layer, name, node) in shared.inventory.definitions() {
        // `port` of a host in the inventory file stands for `ansible_port`.
        let in_file = matches!(layer, Layer::Group(_) | Layer::Host);
        if in_file && crate::inventory::is_short_name(name) {
            continue;
        }
        let place = key_of(name, &node.origin);
        all.push(Definition { name, place, kind: Kind::Inventory, node: Some(node) });
    }
    for play in &shared.playbook.plays {
        let roles = play.roles.iter().flat_map(|used| {
            [
                (&used.role.defaults, Kind::Default),
                (&used.role.vars, Kind::RoleVars),
                (&used.vars, Kind::Given),
            ]
        });
        let maps = [(&play.vars, Kind::Play), (&play.file_vars, Kind::VarsFile)].into_iter().chain(roles);
        all.extend(maps.flat_map(|(map, kind)| of(map, kind)));
        all.extend(play.prompts.iter().map(|prompt| Definition {
            name: &prompt.name,
            place: prompt.origin.clone(),
            kind: Kind::Prompt,
            node: prompt.default.as_ref(),
        }));
        for task in play.tasks.iter().chain(&play.handlers) {
            all.extend(task.keywords.vars.iter().flat_map(|map| of(map, Kind::Task)));
            let facts = task.params.as_map().filter(|_| task.resource.0 == "set_fact");
            all.extend(facts.into_iter().flat_map(|map| of(map, Kind::Fact)));
            all.extend(task.register.iter().map(|(name, place)| Definition {
                name,
                place: place.clone(),
                kind: Kind::Result,
                node: None,
            }));
        }
    }
    all.extend(shared.extra.iter().map(|(name, node)| Definition {
        name,
        place: node.origin.clone(),
        kind: Kind::Extra,
        node: Some(node),
    }));
    all
}

fn of(map: &Map, kind: Kind) -> impl Iterator<Item = Definition<'_>> {
    map.iter().map(move |(name, entry)| Definition {
        name,
        place: entry.key.clone(),
        kind,
        node: Some(&entry.node),
    })
}

/// Where the name stands whose value is there: before it on the same line, or on a line further up.
fn key_of(name: &str, value: &Origin) -> Origin {
    let text = &value.source.text;
    let start = text.floor_char_boundary(value.span.start.min(text.len()));
    let before = &text[..start];
    let is_key = |at: &usize| {
        let ends = text[at + name.len()..].trim_start_matches(['"', '\'', ' ']).starts_with([':', '=']);
        ends && !text[..*at].ends_with(|c: char| c.is_alphanumeric() || c == '_')
    };
    let at = before.rmatch_indices(name).map(|(at, _)| at).find(is_key);
    // In an INI file the value's place is that of the whole word.
    let at = at.or_else(|| text[start..].starts_with(name).then_some(start));
    match at {
        Some(at) => Origin { source: value.source.clone(), span: at..at + name.len() },
        None => value.clone(),
    }
}
