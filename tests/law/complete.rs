//! That the law's data leave no type, no facet and no way back out.

use super::case::{self, Case};
use crate::facet::kind_of;
use lustores_provision::{model::Source, resources::TABLE, yaml};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    sync::Arc,
};

/// Types without a law here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    ("assert", "an action: it leaves nothing that could be disturbed"),
    ("async_status", "an action: it leaves nothing that could be disturbed"),
    ("debug", "an action: it leaves nothing that could be disturbed"),
    ("fail", "an action: it leaves nothing that could be disturbed"),
    ("fetch", "what it does is not on the host: tests/cli/transfer.rs"),
    ("firewall", "tests/firewall.rs, against real packets"),
    ("http", "an action: it leaves nothing that could be disturbed"),
    ("meta", "touches nothing on a host"),
    ("pause", "tests/cli/pause.rs: nothing happens on a host"),
    ("port_probe", "an action: it leaves nothing that could be disturbed"),
    ("postgres_query", "it only looks: tests/law/postgres.rs"),
    ("reboot", "an action: tests/cli/reboot.rs, and on VMs"),
    ("set_fact", "touches nothing on a host"),
    ("stat", "tests/cli/stat.rs: it only looks"),
    ("wait_for", "an action: it leaves nothing that could be disturbed"),
];

/// Types that have a law here, with its cases.
fn types() -> Vec<(&'static str, Vec<Case>)> {
    let here = TABLE.iter().filter(|row| !ELSEWHERE.iter().any(|(name, _)| *name == row.name));
    let mut of: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    case::every().into_iter().for_each(|case| of.entry(case.kind.clone()).or_default().push(case));
    here.map(|row| (row.name, of.remove(row.name).unwrap_or_default())).collect()
}

/// The kinds of facets that a type's fixtures show.
fn of_fixtures(kind: &str) -> BTreeSet<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/resources").join(kind);
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let source = Source { text: fs::read_to_string(&path).unwrap(), path, secret: false };
        let fixture = yaml::parse(&Arc::new(source)).unwrap();
        let diff = fixture.get("diff").and_then(|diff| diff.as_map());
        found.extend(diff.into_iter().flat_map(|diff| diff.keys()).map(|facet| kind_of(kind, facet)));
    }
    found
}

#[test]
fn every_type_has_a_law_or_a_reason() {
    for case in case::every() {
        assert!(TABLE.iter().any(|row| row.name == case.kind), "{}: no such type", case.name);
        let elsewhere = ELSEWHERE.iter().any(|(name, _)| *name == case.kind);
        assert!(!elsewhere, "{}: it has a law here", case.kind);
    }
    for (name, _) in ELSEWHERE {
        assert!(TABLE.iter().any(|row| row.name == *name), "{name}: no such type");
    }
    for (name, cases) in types() {
        assert!(!cases.is_empty(), "{name}: write a law, or say why there is none");
    }
}

#[test]
fn every_type_is_tried_on_a_machine() {
    let tried = |cases: &[Case]| cases.iter().any(|case| case.needs.as_deref() != Some("namespace"));
    let untried: Vec<_> =
        types().into_iter().filter(|(_, cases)| !tried(cases)).map(|(name, _)| name).collect();
    assert!(untried.is_empty(), "no case that a machine can try: {}", untried.join(", "));
}

#[test]
fn every_facet_of_the_fixtures_is_disturbed_by_hand() {
    let mut wrong = vec![];
    for (name, cases) in types() {
        let shown = cases.iter().flat_map(|case| {
            // What acts every time shows it again and again.
            case.disturb.iter().flat_map(|(_, shows)| shows).chain(&case.always)
        });
        let shown: BTreeSet<_> = shown.map(|facet| kind_of(name, facet)).collect();
        let never: BTreeSet<_> = cases.iter().flat_map(|case| case.never.keys().cloned()).collect();
        let facets = of_fixtures(name);
        let left = facets.difference(&shown).filter(|facet| !never.contains(*facet));
        wrong.extend(left.map(|facet| format!("{name}: nobody disturbs `{facet}`")));
        let needless = never.iter().filter(|facet| shown.contains(*facet) || !facets.contains(*facet));
        wrong.extend(needless.map(|facet| format!("{name}: `{facet}` needs no excuse")));
        let silent = cases.iter().flat_map(|case| &case.never).filter(|(_, why)| why.is_empty());
        wrong.extend(silent.map(|(facet, _)| format!("{name}: no reason for `{facet}`")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_type_is_undone_or_says_why_not() {
    let silent = types().into_iter().filter(|(_, cases)| !cases.iter().any(|case| case.says_undo));
    let silent: Vec<_> = silent.map(|(name, _)| name).collect();
    assert!(silent.is_empty(), "no case says `undo`: {}", silent.join(", "));
}
