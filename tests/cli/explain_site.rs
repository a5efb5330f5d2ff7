//! `explain` against the truth: each variable of the site is changed once, all files of its hosts are rendered before and after, and
//! every line that has changed must name exactly that variable, where it is written.

use agent::{
    secret::{Content, Secret},
    wire::{Answer, Facts, Op, Output, Probe, Query},
};
use lustores_provision::{
    cli::{
        explain::{Explanation, From, explain_all},
        files::Disk,
        programs::run,
    },
    inventory::Layer,
    model::{Area, Origin},
    resource::{Look, Lookup, Mask, Outcome},
    resources,
    site::{Controller, Options, Preparation, Prepare, Registered, Site},
    vault::{Password, Passwords, encrypt},
    yaml::{Node, Value},
};
use similar::{ChangeTag, TextDiff};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

const FACTS: &str = include_str!("../../src/site/example.json");
/// A host of each inventory; the museum has variables of its own, and sees those of the roles as the first one does.
const HOSTS: [(&str, &str); 4] = [
    ("prod", "stores1.example.ac.uk"),
    ("prod", "museum.internal.example.ac.uk"),
    ("staging", "stores-staging1.example.ac.uk"),
    ("lab", "lab1"),
];

/// A host on which there is nothing.
struct Nothing;

impl Lookup for Nothing {
    fn look(&self, query: &Query) -> Look {
        let empty = || Content::new(vec![], false);
        Look::Known(match query {
            Query::File { .. } => Answer::Meta(None),
            Query::Read { .. } | Query::Record { .. } => Answer::Content(None),
            Query::There { .. } => Answer::There(false),
            Query::Stat { .. } => Answer::Stat(None),
            Query::List { .. } => Answer::Names(None),
            Query::User { .. } => Answer::User(None),
            Query::Group { .. } => Answer::Group(None),
            Query::Ports { .. } => Answer::Ports(vec![]),
            Query::Run(Probe::UnitState { .. }) => {
                Answer::Output(Output { code: 0, stdout: empty(), stderr: empty() })
            }
            _ => Answer::Output(Output { code: 1, stdout: empty(), stderr: empty() }),
        })
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        true
    }
}

/// The site in a folder of its own.
struct Copy {
    dir: tempfile::TempDir,
    password: Secret,
}

/// Path to text, for a host: as its tasks write them.
type Texts = BTreeMap<String, String>;

impl Copy {
    fn new() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let dir = tempfile::tempdir().unwrap();
        for folder in ["inventory", "playbooks", "roles"] {
            copy(&root.join(folder), &dir.path().join(folder));
        }
        let password = fs::read_to_string(root.join("inventory/example-vault-password")).unwrap();
        Self { dir, password: Secret::new(password.trim()) }
    }

    fn site(&self, inventory: &str) -> Option<Site> {
        let password = Password { label: None, text: self.password.clone() };
        let passwords = Arc::new(Passwords::new(vec![password]));
        let facts: Facts = serde_json::from_str(FACTS).unwrap();
        let hosts = HOSTS.iter().map(|(_, host)| (host.to_string(), facts.clone()));
        Site::load(Options {
            inventory: &self.dir.path().join(format!("inventory/{inventory}.yml")),
            playbook: &self.dir.path().join("playbooks/site.yml"),
            passwords: &passwords,
            run: &run,
            files: Arc::new(Disk { passwords: passwords.clone() }),
            types: resources::TABLE,
            extra_vars: Default::default(),
            limit: None,
            tags: &[],
            skip_tags: &[],
            start_at_task: None,
            controller: Controller { facts: hosts.collect(), ..Controller::default() },
        })
        .ok()
    }

    /// Replaces the value at a place, also in a vault.
    fn write(&self, origin: &Origin, value: &str) {
        let path = &origin.source.path;
        let text = &origin.source.text;
        let mut range = origin.span.clone();
        // The quotes around it go with it.
        for quote in ['"', '\''] {
            if text[..range.start].ends_with(quote) && text[range.end..].starts_with(quote) {
                range = range.start - 1..range.end + 1;
            }
        }
        // And the whole of an empty list or mapping.
        let rest = &text[range.start..];
        if rest.starts_with(['[', '{'])
            && let Some(end) = rest.find([']', '}'])
        {
            range.end = range.end.max(range.start + end + 1);
        }
        let new = format!("{}{value}{}", &text[..range.start], &text[range.end..]);
        let new = match fs::read_to_string(path).unwrap().starts_with("$ANSIBLE_VAULT") {
            true => encrypt(&Secret::new(new.as_str()), &self.password, None, [7; 32]),
            false => new,
        };
        fs::write(path, new).unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let to = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &to);
        } else {
            fs::copy(&path, &to).unwrap();
        }
    }
}

/// What all tasks of a host write, on a host that has nothing.
fn texts(site: &Site, host: &str) -> Option<Texts> {
    let tasks = site.host(host, site.facts(host).as_ref()).ok()?;
    let mut texts = Texts::new();
    for task in tasks.tasks() {
        let Preparation::Ready(prepared) = tasks.prepare(task.id, &Registered::default()).ok()? else {
            continue;
        };
        let Ok(Outcome::Change(change)) = prepared.plan(&Nothing, &Mask::new([0; 32])) else { continue };
        for op in &change.ops {
            if let Op::WriteFile { path, content, .. } = op {
                texts.insert(path.clone(), String::from_utf8(content.bytes().to_vec()).unwrap());
            }
        }
    }
    Some(texts)
}

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

/// Other values for what stands at places in a variable, as they are written: not each is one that is allowed there.
fn others(node: &Node) -> Vec<(Origin, String)> {
    let quoted = |text: String| serde_json::to_string(&text).unwrap();
    let at = |texts: Vec<String>| texts.into_iter().map(|text| (node.origin.clone(), text)).collect();
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
        Value::Seq(items) => items.iter().flat_map(others).collect(),
        Value::Map(map) => map.values().flat_map(|entry| others(&entry.node)).collect(),
        _ => vec![],
    }
}

/// Whether a variable that is written there is among these, or behind them.
fn names(from: &[From], name: &str, place: &str) -> bool {
    from.iter().any(|from| {
        (from.variable == name || from.path.starts_with(&format!("{name}."))) && within(&from.place, place)
            || names(&from.from, name, place)
    })
}

/// Whether a place is in this file.
fn within(place: &str, file: &str) -> bool {
    place.rsplit_once(':').is_some_and(|(path, _)| path == file)
}

/// The numbers of the lines that only one of two texts has: those of the first, then of the second.
fn changed(before: &str, after: &str) -> [Vec<usize>; 2] {
    let mut lines = [vec![], vec![]];
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {}
            ChangeTag::Delete => lines[0].extend(change.old_index().map(|at| at + 1)),
            ChangeTag::Insert => lines[1].extend(change.new_index().map(|at| at + 1)),
        }
    }
    lines
}

/// What is wrong with what is said of the lines of a file that only one of two sites has.
fn unnamed(said: &Explanation, path: &str, lines: &[usize], name: &str, place: &str) -> Vec<String> {
    let files: Vec<_> = said.files.iter().filter(|file| file.path == path).collect();
    let is_named = |number: &&usize| {
        files.iter().any(|file| {
            file.lines.iter().any(|line| line.number == **number && names(&line.from, name, place))
        })
    };
    let missing = lines.iter().filter(|number| !is_named(number));
    missing.map(|number| format!("{path}:{number} does not name `{name}` of {place}")).collect()
}

/// The file itself is there, or is not, or has another name: the task says why.
fn unnamed_task(said: &Explanation, path: &str, name: &str, place: &str) -> Vec<String> {
    let writers = said.tasks.iter().filter(|task| task.writes.iter().any(|written| written == path));
    let is_named = writers.into_iter().any(|task| {
        task.parameters.iter().any(|parameter| names(&parameter.from, name, place))
            || task.conditions.iter().chain(&task.loops).any(|cause| names(&cause.from, name, place))
    });
    if is_named { vec![] } else { vec![format!("the task of {path} does not name `{name}` of {place}")] }
}

#[test]
fn every_changed_line_names_the_variable_that_was_changed() {
    let copy = Copy::new();
    let inventories: BTreeSet<&str> = HOSTS.iter().map(|(inventory, _)| *inventory).collect();
    let sites: BTreeMap<&str, Site> = inventories
        .iter()
        .map(|inventory| (*inventory, copy.site(inventory).expect("it has no mistakes")))
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
        let place = path.display().to_string();
        let kept = fs::read(&path).unwrap();
        let mut done = false;
        let is_of = |at: &usize| {
            let (inventory, host) = HOSTS[*at];
            let own = |folder: &str| place.contains(&format!("/{folder}"));
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
        for (origin, value) in others(&variable.node) {
            copy.write(&origin, &value);
            let new: Option<Vec<(Site, Texts)>> = hosts
                .iter()
                .map(|at| {
                    let (inventory, host) = HOSTS[*at];
                    let site = copy.site(inventory)?;
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
                    let name = &variable.name;
                    match (old.get(path), after.get(path)) {
                        (Some(a), Some(b)) => {
                            let [gone, come] = changed(a, b);
                            lines += gone.len() + come.len();
                            wrong.extend(unnamed(said, path, &gone, name, &place));
                            wrong.extend(unnamed(&now, path, &come, name, &place));
                            seen.extend(gone.into_iter().map(|line| (at, path.clone(), line, name.clone())));
                        }
                        (Some(text), None) => {
                            wrong.extend(unnamed_task(said, path, name, &place));
                            let all = 1..=text.lines().count();
                            seen.extend(all.map(|line| (at, path.clone(), line, name.clone())));
                        }
                        (None, _) => wrong.extend(unnamed_task(&now, path, name, &place)),
                    }
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

/// All that a line is made of, apart from what only decides about it.
fn named(from: &[From], found: &mut dyn FnMut(&From)) {
    for from in from.iter().filter(|from| !from.decides) {
        found(from);
        named(&from.from, found);
    }
}
