//! Variables that nothing uses, and variables that another one always hides.

use super::{Definition, Shared, Uses, definitions::Kind};
use crate::{
    diag::{Diagnostic, Diagnostics, did_you_mean},
    inventory::ACCEPT,
    model::Origin,
    template::names_in,
};
use indexmap::IndexMap;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// How many further places of one name are shown.
const SHOWN: usize = 3;

/// Names that are used by the program itself, or are meant to be unused.
fn is_exempt(name: &str) -> bool {
    name.starts_with("ansible_") || name.starts_with('_') || crate::inventory::is_of_connection(name)
}

/// Variables and results that nothing uses: each name once.
pub(super) fn unused(shared: &Shared, definitions: &[Definition], uses: &Uses, found: &mut Diagnostics) {
    let is_unused = |definition: &&Definition| {
        let may_be_asked_for = uses.by_computed_name && definition.kind == Kind::Inventory;
        !(uses.names.contains(definition.name) || is_exempt(definition.name) || may_be_asked_for)
    };
    let mut by_name: IndexMap<&str, Vec<&Definition>> = IndexMap::new();
    for definition in definitions.iter().filter(is_unused) {
        let places = by_name.entry(definition.name).or_default();
        if !places.iter().any(|known| is_same(&known.place, &definition.place)) {
            places.push(definition);
        }
    }
    if by_name.is_empty() {
        return;
    }
    let elsewhere = uses.elsewhere(shared);
    let wanted: HashSet<&str> =
        definitions.iter().map(|d| d.name).filter(|name| uses.names.contains(*name)).collect();
    for (name, places) in by_name.into_iter().filter(|(name, _)| !elsewhere.contains(*name)) {
        let first = places[0];
        let warning = match first.kind {
            Kind::Result => Diagnostic::lint("unused-result", format!("nothing uses the result `{name}`"))
                .hint("remove the `register`"),
            Kind::Extra => Diagnostic::lint("unused-variable", format!("nothing uses the variable `{name}`"))
                .hint("leave it out"),
            Kind::Default => {
                Diagnostic::lint("unused-variable", format!("nothing uses the default `{name}`"))
                    .hint("use it in the role, or remove it")
            }
            Kind::Inventory => {
                Diagnostic::lint("unused-variable", format!("nothing uses the variable `{name}`"))
                    .hint("remove it: no playbook and no role here asks for it")
            }
            Kind::Prompt => Diagnostic::lint("unused-variable", format!("nothing uses the answer `{name}`"))
                .hint("remove it from `vars_prompt`"),
            _ => Diagnostic::lint("unused-variable", format!("nothing uses the variable `{name}`"))
                .hint("remove it"),
        };
        let close = did_you_mean(name, wanted.iter().copied().filter(|other| *other != name));
        let warning = match close.filter(|_| first.kind != Kind::Result && name.len() > 3) {
            Some(close) => warning.hint(format!("did you mean `{close}`?")),
            None => warning,
        };
        let warning = places[1..]
            .iter()
            .take(SHOWN)
            .fold(warning.at(&first.place), |warning, other| warning.related(&other.place, "set here too"));
        found.push(warning);
    }
}

/// Variables of the connection that stand where nobody reads them.
pub(super) fn unread(definitions: &[Definition], found: &mut Diagnostics) {
    use Kind::{Default, Given, Play, RoleVars, Task, VarsFile};
    let mut known: Vec<&Origin> = vec![];
    for definition in definitions.iter().filter(|d| crate::inventory::is_of_connection(d.name)) {
        let in_a_play = matches!(definition.kind, Play | VarsFile | Default | RoleVars | Given | Task);
        if !in_a_play || known.iter().any(|place| is_same(place, &definition.place)) {
            continue;
        }
        known.push(&definition.place);
        let name = definition.name;
        let warning = Diagnostic::lint("connection-variable", format!("`{name}` says nothing here"));
        let warning = warning.at(&definition.place).hint("how hosts are reached is read from the inventory: move it to group_vars/ or host_vars/, or give it with `-e`");
        found.push(match name {
            "ansible_connection" => {
                warning.hint("for a play or a task there is the keyword `connection: local`")
            }
            ACCEPT => warning.hint("what is accepted is said in the inventory: in `vars` there, or in group_vars/ or host_vars/"),
            "protected" => warning.hint("the inventory says which hosts are protected: in `vars` there, or in group_vars/ or host_vars/"),
            _ if name.contains("become_pass") => warning.hint("`apply --ask-become-pass` asks for it"),
            _ => warning,
        });
    }
}

/// What a play lays over the variables of the inventory, by name: where, and what it is called.
type Over<'a> = HashMap<&'a str, (&'a Origin, String)>;

fn over(shared: &Shared, play: usize) -> Over<'_> {
    let play = &shared.playbook.plays[play];
    let mut over = Over::new();
    let own = play.vars.iter().map(|(name, entry)| (name, entry, "`vars` of the play".to_string()));
    let files =
        play.file_vars.iter().map(|(name, entry)| (name, entry, "`vars_files` of the play".to_string()));
    let roles = play.roles.iter().flat_map(|used| {
        let whose = format!("`vars` of the role `{}`", used.role.name);
        used.role.vars.iter().map(move |(name, entry)| (name, entry, whose.clone()))
    });
    for (name, entry, whose) in own.chain(files).chain(roles) {
        over.insert(name, (&entry.key, whose));
    }
    over
}

/// Variables that are set and never seen, because another of the same name always wins.
pub(super) fn hidden(shared: &Shared, definitions: &[Definition], uses: &Uses, found: &mut Diagnostics) {
    let overs: Vec<Over> = (0..shared.playbook.plays.len()).map(|play| over(shared, play)).collect();
    // By a computed name it may be any of them.
    if !uses.by_computed_name {
        hidden_in_inventory(shared, definitions, uses, &overs, found);
    }
    for (play, over) in shared.playbook.plays.iter().zip(&overs) {
        for (name, entry) in &play.vars {
            if let Some(other) = play.file_vars.get(name) {
                found.push(always(
                    name,
                    &entry.key,
                    &other.key,
                    "`vars_files` of the play",
                    "set it in one place",
                ));
            }
        }
        for used in &play.roles {
            for (name, entry) in &used.role.defaults {
                if let Some(other) = used.role.vars.get(name) {
                    let hint = "set it in one place: in defaults/ if others may change it";
                    found.push(always(name, &entry.key, &other.key, "vars/ of the same role", hint));
                }
            }
        }
        let inventory = definitions.iter().filter(|definition| definition.kind == Kind::Inventory);
        let mut known: HashMap<&str, &Origin> = inventory.map(|d| (d.name, &d.place)).collect();
        known.extend(over.iter().map(|(name, (place, _))| (*name, *place)));
        for task in play.tasks.iter().chain(&play.handlers) {
            let register = task.register.iter().map(|(name, place)| (name, place, "the result"));
            let around = task.includes.iter().filter_map(|included| included.include.repeat.as_ref());
            let item = task.repeat.iter().chain(around).flat_map(|repeat| {
                let item = (&repeat.var, &repeat.items.origin, "the item of the loop");
                let index = repeat.index_var.iter();
                let index = index.map(|name| (name, &repeat.items.origin, "the index of the loop"));
                std::iter::once(item).chain(index)
            });
            for (name, place, what) in register.chain(item) {
                if let Some(other) = known.get(name.as_str()) {
                    let message = format!("{what} hides the variable `{name}`");
                    let warning = Diagnostic::lint("shadowed-variable", message).at(place);
                    found.push(warning.related(other, "the variable").hint("give one of them another name"));
                }
            }
        }
    }
}

/// A value where it is set: its file, its place there, its name.
type Set<'a> = (*const u8, usize, &'a str);

/// Variables of the inventory that every play of every host they are for sets anew.
fn hidden_in_inventory(
    shared: &Shared,
    definitions: &[Definition],
    uses: &Uses,
    overs: &[Over],
    found: &mut Diagnostics,
) {
    // Other hosts, and how a host is reached, see the inventory only, without what lies over it.
    let inventory = || definitions.iter().filter(|definition| definition.kind == Kind::Inventory);
    let mut seen = uses.of_others.clone();
    inventory().filter_map(|d| d.node).for_each(|node| names_in(node, false, &mut seen));
    let mut winners: IndexMap<Set, Option<&(&Origin, String)>> = IndexMap::new();
    for name in &shared.hosts {
        let Some(host) = shared.inventory.host(name) else { continue };
        let plays: Vec<usize> =
            (0..overs.len()).filter(|play| shared.play_hosts[*play].contains(name)).collect();
        for (variable, node) in host.vars.iter().filter(|(name, _)| !is_exempt(name)) {
            let by = |play: &usize| overs[*play].get(variable.as_str());
            let all = plays.iter().all(|play| by(play).is_some());
            let by = if all { plays.first().and_then(by) } else { None };
            let source = Arc::as_ptr(&node.origin.source).cast::<u8>();
            let key = (source, node.origin.span.start, variable.as_str());
            let known = winners.entry(key).or_insert(by);
            if by.is_none() {
                *known = None;
            }
        }
    }
    for definition in inventory().filter(|definition| !seen.contains(definition.name)) {
        let Some(node) = definition.node else { continue };
        let source = Arc::as_ptr(&node.origin.source).cast::<u8>();
        let key = (source, node.origin.span.start, definition.name);
        if let Some(Some((other, whose))) = winners.get(&key) {
            let hint = "set it in one place: a role's defaults/ are weaker than the inventory, its vars/ and a play's are stronger";
            found.push(always(definition.name, &definition.place, other, whose, hint));
        }
    }
}

fn always(name: &str, place: &Origin, other: &Origin, whose: &str, hint: &str) -> Diagnostic {
    let warning =
        Diagnostic::lint("shadowed-variable", format!("the variable `{name}` is always hidden by another"));
    warning.at(place).related(other, format!("{whose} win")).hint(hint)
}

fn is_same(a: &Origin, b: &Origin) -> bool {
    Arc::ptr_eq(&a.source, &b.source) && a.span == b.span
}
