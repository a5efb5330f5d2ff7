//! `explain` against the truth: each variable of the site is changed once, all files of its hosts are rendered before and after, and
//! every line that has changed must name exactly that variable, in the line where it is written.

use super::mutated::{Copy, Texts, compare, facts, named, place, texts};
use agent::{secret::Secret, wire::Facts};
use lustores_provision::{
    cli::explain::{Explanation, From, explain_all},
    inventory::Layer,
    model::Origin,
    site::Site,
    yaml::{Node, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
};

/// A host of each inventory; the museum has variables of its own, and sees those of the roles as the first one does.
const HOSTS: [(&str, &str); 4] = [
    ("prod", "stores1.example.ac.uk"),
    ("prod", "museum.internal.example.ac.uk"),
    ("staging", "stores-staging1.example.ac.uk"),
    ("lab", "lab1"),
];

/// A variable where it is written.
struct Variable {
    name: String,
    node: Node,
}

/// Every definition in the inventories, and in the roles: their inputs, defaults and vars.
fn variables(sites: &BTreeMap<&str, Site>) -> Vec<Variable> {
    let (mut found, mut seen) = (vec![], BTreeSet::new());
    let mut add = |name: &str, node: &Node| {
        if seen.insert(node.origin.to_string()) && !node.origin.source.text.is_empty() {
            found.push(Variable { name: name.into(), node: node.clone() });
        }
    };
    for site in sites.values() {
        for (layer, name, node) in site.inventory().definitions() {
            let _: Layer = layer;
            add(name, node);
        }
        for role in site.playbook().plays.iter().flat_map(|play| &play.roles) {
            let vars = role.role.defaults.iter().chain(&role.role.vars).chain(&role.vars);
            vars.for_each(|(name, entry)| add(name, &entry.node));
        }
    }
    found
}

/// A step on the way from a variable to a value in it: what stands behind the variable's name, and where that is written.
type Step = (String, Origin);

/// Other values for what stands at places in a variable, as they are written: not each is one that is allowed there.
fn others(node: &Node, way: &[Step], suffix: &str) -> Vec<(Vec<Step>, String)> {
    let mut way = way.to_vec();
    way.push((suffix.into(), node.origin.clone()));
    let inner = |name: &str, node: &Node| others(node, &way, &format!("{suffix}.{name}"));
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let at = |texts: Vec<String>| texts.into_iter().map(|text| (way.clone(), text)).collect();
    match &node.value {
        // A text of several lines: its first one is what the place is about.
        Value::Str(text) if text.contains('\n') => {
            at(vec![format!("{} #", &node.origin.source.text[node.origin.span.clone()])])
        }
        Value::Str(text) => {
            let mut texts =
                vec![format!("{text}x"), format!("{text}1"), format!("1{text}"), "/x".into(), "y@x".into()];
            let words = [
                "letsencrypt",
                "self_signed",
                "xfs",
                "docker.com",
                "/dev/vdz",
                "false",
                "10.9.0.0/16",
                "900s",
                "always",
            ];
            texts.extend(words.iter().filter(|word| *word != &&**text).map(|word| word.to_string()));
            at(texts.into_iter().map(quoted).collect())
        }
        Value::Int(number) => at(vec![(number + 1).to_string()]),
        Value::Bool(flag) => at(vec![(!flag).to_string()]),
        Value::Seq(items) if items.is_empty() => {
            at(vec!["[\"x\"]".into(), "[\"10.9.0.0/16\"]".into(), "[{port: 99}]".into()])
        }
        Value::Map(map) if map.is_empty() => at(vec!["{x: {y: 1}}".into()]),
        Value::Seq(items) => {
            items.iter().enumerate().flat_map(|(at, node)| inner(&at.to_string(), node)).collect()
        }
        Value::Map(map) => map.iter().flat_map(|(name, entry)| inner(name, &entry.node)).collect(),
        _ => vec![],
    }
}

/// Whether this is the variable, or a part of it on the way to what was changed, with the line where that is written.
fn is_variable(from: &From, name: &str, way: &[Step]) -> bool {
    let of_host = || from.path.strip_prefix("hostvars.")?.split_once(&format!(".{name}"));
    let suffix = from.path.strip_prefix(name).or_else(|| of_host().map(|(_, suffix)| suffix));
    let is_place = |(known, origin): &Step| suffix == Some(known) && from.place == place(origin);
    from.variable == name && way.iter().any(is_place)
}

#[test]
fn every_changed_line_names_the_variable_that_was_changed() {
    let copy = Copy::of_site();
    let known: BTreeMap<String, Facts> = HOSTS.iter().map(|(_, host)| (host.to_string(), facts())).collect();
    let site =
        |inventory: &str| copy.site(&format!("inventory/{inventory}.yml"), "playbooks/site.yml", &known);
    let inventories: BTreeSet<&str> = HOSTS.iter().map(|(inventory, _)| *inventory).collect();
    let sites: BTreeMap<&str, Site> = inventories
        .iter()
        .map(|inventory| (*inventory, site(inventory).expect("it has no mistakes")))
        .collect();
    let before: Vec<(Texts, Explanation)> = HOSTS
        .iter()
        .map(|(inventory, host)| {
            let site = &sites[inventory];
            let said = explain_all(site, host).unwrap_or_else(|errors| panic!("{:?}", errors.0));
            (texts(site, host).expect("they can be rendered"), said)
        })
        .collect();
    let secrets = sites.values().flat_map(Site::secrets).collect::<BTreeSet<Secret>>();
    for (_, said) in &before {
        let shown = serde_json::to_string(said).unwrap();
        for secret in secrets.iter().filter(|secret| secret.expose().len() > 6) {
            let secret = std::str::from_utf8(secret.expose()).unwrap();
            assert!(!shown.contains(secret), "a secret is shown");
        }
    }
    let (mut wrong, mut untried, mut lines, mut tried) = (vec![], vec![], 0, 0);
    // Lines that a change of a variable has been seen to change, and the hosts on which it was changed at all.
    let mut seen: BTreeSet<(usize, String, usize, String)> = BTreeSet::new();
    let mut changed_on: BTreeSet<(usize, String)> = BTreeSet::new();
    for variable in variables(&sites) {
        let path: PathBuf = variable.node.origin.source.path.clone();
        let file = path.display().to_string();
        let kept = fs::read(&path).unwrap();
        let mut done = false;
        let is_of = |at: &usize| {
            let (inventory, host) = HOSTS[*at];
            let own = |folder: &str| file.contains(&format!("/{folder}"));
            match own("roles/") {
                true => *at != 1,
                false => {
                    own("group_vars/all")
                        || own(&format!("group_vars/{inventory}/"))
                        || own(&format!("host_vars/{host}"))
                        || own(&format!("inventory/{inventory}.yml"))
                }
            }
        };
        let hosts: Vec<usize> = (0..HOSTS.len()).filter(is_of).collect();
        for (way, value) in others(&variable.node, &[], "") {
            let (_, origin) = way.last().unwrap();
            copy.write(origin, &value);
            let is_it = |from: &From| is_variable(from, &variable.name, &way);
            let what = format!("`{}` of {}", variable.name, place(origin));
            // Two hosts of one inventory are of one site.
            let mut made: BTreeMap<&str, Site> = BTreeMap::new();
            let new: Option<Vec<(Site, Texts)>> = hosts
                .iter()
                .map(|at| {
                    let (inventory, host) = HOSTS[*at];
                    if !made.contains_key(inventory) {
                        made.insert(inventory, site(inventory)?);
                    }
                    let site = made[inventory].clone();
                    let texts = texts(&site, host)?;
                    Some((site, texts))
                })
                .collect();
            fs::write(&path, &kept).unwrap();
            let Some(new) = new else { continue };
            for ((site, after), at) in new.iter().zip(&hosts).map(|(new, at)| (new, *at)) {
                let (old, said) = &before[at];
                changed_on.insert((at, variable.name.clone()));
                if after == old {
                    continue;
                }
                let now = explain_all(site, HOSTS[at].1).unwrap_or_else(|errors| panic!("{:?}", errors.0));
                for path in old.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                    let compared = compare(path, [(old, said), (after, &now)], &is_it, &what);
                    lines += compared.lines;
                    wrong.extend(compared.wrong);
                    let old = compared.old.into_iter();
                    seen.extend(old.map(|line| (at, path.clone(), line, variable.name.clone())));
                }
            }
            done = true;
            break;
        }
        tried += usize::from(done);
        if !done {
            untried.push(format!("{} {}", variable.name, variable.node.origin));
        }
    }
    assert!(wrong.is_empty(), "{} of {lines} lines:\n{}", wrong.len(), wrong.join("\n"));
    assert!(tried > 125 && lines > 450, "{tried} variables, {lines} lines");
    assert!(untried.len() < 12, "no other value is allowed for {untried:#?}");
    // And the other way round: what a line names has changed it, when it was changed.
    let mut idle = vec![];
    for (at, (texts, said)) in before.iter().enumerate() {
        for file in said.files.iter().filter(|file| texts.contains_key(&file.path)) {
            for line in &file.lines {
                named(&line.from, &mut |from| {
                    let is_scalar = !from.value.starts_with("a ");
                    let is_tried = is_scalar && changed_on.contains(&(at, from.variable.clone()));
                    if is_tried
                        && !seen.contains(&(at, file.path.clone(), line.number, from.variable.clone()))
                    {
                        idle.push(format!("{} {}:{} {}", HOSTS[at].1, file.path, line.number, from.path));
                    }
                });
            }
        }
    }
    assert!(idle.is_empty(), "named, and nothing changes with it: {idle:#?}");
}
