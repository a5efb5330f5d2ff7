//! What the types say that nobody can know before, held against what their fixtures leave unknown, and against the documentation.

use super::{cases, run};
use lustores_provision::{resource::Untold, resources::TABLE};
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn what_is_not_known_before_is_documented() {
    let mut wrong = vec![];
    for row in TABLE {
        let mut untold: BTreeSet<String> = BTreeSet::new();
        cases(row).iter().filter_map(|case| run(row, case).ok()).for_each(|ran| untold.extend(ran.untold));
        let result = untold.remove("result");
        let says = |what: Untold| row.untold.contains(&what);
        let areas = row.untold.iter().any(|what| *what != Untold::Result);
        if result != says(Untold::Result) {
            wrong.push(format!(
                "{}: its result is {}known before",
                row.name,
                if result { "not " } else { "" }
            ));
        }
        if untold.is_empty() == areas {
            wrong.push(format!("{}: says {:?}, and leaves unknown {untold:?}", row.name, row.untold));
        }
    }
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/apply.md")).unwrap();
    let (_, table) = page.split_once("| it depends on | which is changed by |\n|---|---|\n").unwrap();
    let mut rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    for what in Untold::ALL {
        let types = TABLE.iter().filter(|row| row.untold.contains(&what));
        let types: Vec<String> = types.map(|row| format!("`{}`", row.name)).collect();
        let (depends, more) = what.words();
        let row = format!("| {depends} | {}{more} |", types.join(", "));
        match rows.iter().position(|known| *known == row) {
            Some(at) => _ = rows.remove(at),
            None => wrong.push(format!("docs/apply.md lacks: {row}")),
        }
    }
    // These are of the task that waits, not of a type before it.
    let others = [
        "hosts that only a fact or a result names",
        "a user who is not there yet",
        "what a package provides under another name",
        "whether a service runs",
        "whether something is there to be removed",
        "the access control list or an extended attribute",
        "the mode of a file",
        "what is behind a link to a place past `..`",
        "whether a task failed",
        "a condition of its own",
    ];
    for other in others {
        let at = rows.iter().position(|row| row.starts_with(&format!("| {other}")));
        rows.remove(at.unwrap_or_else(|| panic!("docs/apply.md no longer says: {other}")));
    }
    wrong.extend(rows.iter().map(|row| format!("docs/apply.md says what no type does: {row}")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
