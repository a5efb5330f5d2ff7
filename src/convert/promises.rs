//! What the documentation says is turned.

use super::value;

/// A row of `docs/from-ansible.md` that names something to write is one that is turned.
#[test]
fn what_the_documentation_promises_is_turned() {
    let page = include_str!("../../docs/from-ansible.md");
    // What stands behind `x |` or `x is` where the row's own form lacks its arguments, or means something only there.
    let forms = [
        ("regex_replace(a, b)", "regex_replace('a', 'b')"),
        ("regex_findall(a)", "regex_findall('a')"),
        ("regex_search(a)", "regex_search('a')"),
        ("hash", "hash('sha512')"),
        ("map", "map(attribute='k')"),
        ("selectattr", "selectattr('k', 'eq', 1)"),
        ("rejectattr", "rejectattr('k', 'eq', 1)"),
        ("ansible.utils.ipaddr", "ansible.utils.ipaddr('1')"),
        ("list", "sort | list"),
        ("attr", "attr('name')"),
        ("extract", "extract(d)"),
        ("type_debug", "type_debug == 'dict'"),
        ("version", "version('1.9', '>=')"),
        ("version_compare", "version_compare('1.9', '>=')"),
        ("match", "match('a')"),
        ("search", "search('a')"),
        ("regex", "regex('a')"),
    ];
    // Each with a form of its own: in a loop, on a list that is written out, or as another call.
    let apart = ["groupby('k')", "items", "path_join", "to_datetime", "e", "escape", "forceescape"];
    let binary = ["eq", "equalto", "ne", "lt", "lessthan", "le", "gt", "greaterthan", "ge", "in", "contains"];
    let sets = ["subset", "issubset", "superset", "issuperset", "divisibleby"];
    let mut count = 0;
    for (heading, link) in [("### Filters", "|"), ("### Tests", "is")] {
        let table = page.split(heading).nth(1).unwrap().split("\n#").next().unwrap();
        let table = table.split("\n| lookup").next().unwrap();
        for row in table.lines().filter(|line| line.starts_with("| `")) {
            let (names, here) = row[2..].split_once(" | ").unwrap();
            if here.starts_with("not there") || here.starts_with("not needed: vaults") {
                continue;
            }
            for name in names.split('`').skip(1).step_by(2).filter(|name| !apart.contains(name)) {
                let form = forms.iter().find(|(known, _)| *known == name).map_or(name, |(_, form)| form);
                let more =
                    if link == "is" && (binary.contains(&name) || sets.contains(&name)) { "(b)" } else { "" };
                let text = format!("{{{{ value {link} {form}{more} }}}}");
                if let Err(left) = value(&text) {
                    panic!("{text}: {} in the row\n{row}", left.message);
                }
                count += 1;
            }
        }
    }
    assert!(count > 100, "{count}");
    for text in ["['a', b] | path_join", "lookup('env', 'A')", "lookup('file', 'f')"] {
        assert!(value(&format!("{{{{ {text} }}}}")).is_ok(), "{text}");
    }
}
