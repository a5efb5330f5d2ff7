//! What the inventory accepts: `accept_findings: {docker-socket: it replaces images by itself}`.

use super::{LINTS, Lint};
use crate::{
    diag::{Diagnostic, Diagnostics},
    inventory::ACCEPT,
    model::Origin,
    site::{Prepare, Site},
    yaml::Node,
};
use std::collections::{BTreeMap, BTreeSet};

/// Why findings of a lint are accepted on a host.
pub(super) fn reason(host: &dyn Prepare, lint: Lint) -> Option<String> {
    host.acceptances()?.get(lint.name)?.as_str().map(str::to_string)
}

/// The values of the hosts of a run, each once.
fn values(site: &Site) -> BTreeMap<String, (&Node, Vec<&str>)> {
    let mut values: BTreeMap<String, (&Node, Vec<&str>)> = BTreeMap::new();
    for host in site.hosts() {
        if let Some(node) = site.inventory().host(host).and_then(|host| host.vars.get(ACCEPT)) {
            values.entry(node.origin.to_string()).or_insert((node, vec![])).1.push(host);
        }
    }
    values
}

/// What is wrong with what the inventory accepts.
pub fn check(site: &Site) -> Diagnostics {
    let mut errors = Diagnostics::default();
    for (node, _) in values(site).into_values().filter(|(node, _)| !node.is_null()) {
        let Some(map) = errors.take(node.expect_map("names of findings with the reason for each")) else {
            continue;
        };
        for (name, entry) in map {
            if LINTS.iter().all(|lint| lint.name != name) {
                let error = Diagnostic::error(format!("there is no finding `{name}`")).at(&entry.key);
                let names: Vec<&str> = LINTS.iter().map(|lint| lint.name).collect();
                errors.push(error.hint(format!("there are: {}", names.join(", "))).suggest(name, names));
            } else if entry.node.as_str().is_none_or(|text| text.trim().is_empty()) || entry.node.secret {
                let error = Diagnostic::error(format!("`{name}` is accepted without a reason"))
                    .at(&entry.node.place());
                errors.push(
                    error.hint(format!("say why in a few words: `{name}: only the backup host reaches it`")),
                );
            }
        }
    }
    errors
}

/// Acceptances of these lints that no host of the run had a use for. `used`: the lints that found something, by host.
pub fn unused(site: &Site, judged: &[&str], used: &BTreeSet<(String, String)>) -> Diagnostics {
    let mut found = Diagnostics::default();
    for (node, hosts) in values(site).into_values() {
        for (name, entry) in node.as_map().into_iter().flatten() {
            let is_used = |host: &&str| used.contains(&((*host).to_string(), name.clone()));
            if judged.contains(&name.as_str()) && !hosts.iter().any(is_used) {
                found.push(needless(name, &entry.key));
            }
        }
    }
    found
}

fn needless(name: &str, place: &Origin) -> Diagnostic {
    let warning = Diagnostic::lint("unused-acceptance", format!("`{name}` is accepted and not found"));
    warning.at(place).hint("remove it: it would hide the next one")
}
