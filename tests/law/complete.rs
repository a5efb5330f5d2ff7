//! That the law's data leave no type, no facet and no way back out.

use super::case::{self, Case};
use lustores_provision::{
    resource::{ResourceType, kind_of},
    resources::TABLE,
};
use std::collections::{BTreeMap, BTreeSet};

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
fn types() -> Vec<(&'static ResourceType, Vec<Case>)> {
    let here = TABLE.iter().filter(|row| !ELSEWHERE.iter().any(|(name, _)| *name == row.name));
    let mut of: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    case::every().into_iter().for_each(|case| of.entry(case.kind.clone()).or_default().push(case));
    here.map(|row| (row, of.remove(row.name).unwrap_or_default())).collect()
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
    for (row, cases) in types() {
        assert!(!cases.is_empty(), "{}: write a law, or say why there is none", row.name);
    }
}

#[test]
fn every_type_is_tried_on_a_machine() {
    let tried = |cases: &[Case]| cases.iter().any(|case| case.needs.as_deref() != Some("namespace"));
    let untried: Vec<_> =
        types().into_iter().filter(|(_, cases)| !tried(cases)).map(|(row, _)| row.name).collect();
    assert!(untried.is_empty(), "no case that a machine can try: {}", untried.join(", "));
}

#[test]
fn every_kind_of_facet_is_disturbed_by_hand() {
    let mut wrong = vec![];
    for (row, cases) in types() {
        let name = row.name;
        let shown = cases.iter().flat_map(|case| {
            // What acts every time shows it again and again.
            case.disturb.iter().flat_map(|(_, shows)| shows).chain(&case.always)
        });
        let (of, strange): (Vec<_>, Vec<_>) =
            shown.map(|facet| (facet, kind_of(row.facets, facet))).partition(|(_, kind)| kind.is_some());
        wrong.extend(
            strange.iter().map(|(facet, _)| format!("{name}: `{facet}` is of no kind that it declares")),
        );
        let shown: BTreeSet<&str> = of.into_iter().filter_map(|(_, kind)| kind).collect();
        let never: BTreeSet<&str> =
            cases.iter().flat_map(|case| case.never.keys()).map(String::as_str).collect();
        let left = row.facets.iter().filter(|kind| !shown.contains(*kind) && !never.contains(*kind));
        wrong.extend(left.map(|kind| format!("{name}: nobody disturbs `{kind}`")));
        let needless = never.iter().filter(|kind| shown.contains(*kind) || !row.facets.contains(kind));
        wrong.extend(needless.map(|kind| format!("{name}: `{kind}` needs no excuse")));
        let silent = cases.iter().flat_map(|case| &case.never).filter(|(_, why)| why.is_empty());
        wrong.extend(silent.map(|(kind, _)| format!("{name}: no reason for `{kind}`")));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_type_is_undone_or_says_why_not() {
    let silent = types().into_iter().filter(|(_, cases)| !cases.iter().any(|case| case.says_undo));
    let silent: Vec<_> = silent.map(|(row, _)| row.name).collect();
    assert!(silent.is_empty(), "no case says `undo`: {}", silent.join(", "));
}
