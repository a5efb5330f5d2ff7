//! The law of resources, on a real filesystem through the real agent: converge, then disturb one facet; a check shows
//! exactly it and changes nothing, applying mends exactly it, applying again does nothing.

mod case;
mod certificates;
mod complete;
mod data;
mod docker;
mod files;
mod host;
mod postgres;
mod system;

use agent::wire::{Response, Session};
use host::{Agent, Tree, task, tree};
use lustores_provision::resource::{Change, Outcome};
use proptest::prelude::*;
use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::Path,
};

/// What is disturbed, and the facets that must show it.
type Disturbance<'a> = (&'a [&'a str], &'a dyn Fn());

/// Expects a change that shows these facets, from both kinds of session alike; nothing has been touched by looking.
fn check(
    tree: &dyn Fn() -> Tree,
    agents: [&mut Agent; 2],
    name: &str,
    parameters: &str,
    facets: &[&str],
) -> Change {
    let task = task(name, parameters);
    let before = tree();
    let [reader, writer] = agents;
    let plans = [reader.plan(&*task), writer.plan(&*task)];
    let [Outcome::Change(shown), Outcome::Change(change)] = plans else {
        panic!("{name} {parameters}: expected {facets:?}, found {plans:?}")
    };
    assert_eq!(shown.diff, change.diff, "{name}: a check shows what applying does");
    let found: Vec<_> = change.diff.facets.iter().map(|f| f.facet.as_str()).collect();
    assert_eq!(found, facets, "{name} {parameters}");
    assert!(matches!(reader.apply(&shown), Response::Refused(_)), "{name}: a check must not act");
    assert_eq!(tree(), before, "{name}: looking changes nothing");
    *change
}

fn law(folder: &Path, name: &str, parameters: &str, first: &[&str], disturbances: &[Disturbance]) {
    law_in(&[], &|| tree(folder), name, parameters, first, disturbances);
}

/// The law where `place` leads to, on what `tree` tells of it.
fn law_in(
    place: &[String],
    tree: &dyn Fn() -> Tree,
    name: &str,
    parameters: &str,
    first: &[&str],
    disturbances: &[Disturbance],
) {
    let mut law = Law::new(place, tree, name, parameters);
    law.mend(first);
    let converged = tree();
    for (facets, disturb) in disturbances {
        law.disturb(&converged, facets, *disturb);
        law.mend(facets);
        assert_eq!(tree(), converged, "{name}: {facets:?} is mended and nothing else");
    }
}

/// The steps of the law, for those that look closer at what came back.
struct Law<'a> {
    tree: &'a dyn Fn() -> Tree,
    name: &'a str,
    parameters: &'a str,
    reader: Agent,
    writer: Agent,
    _state: tempfile::TempDir,
}

impl<'a> Law<'a> {
    fn new(place: &[String], tree: &'a dyn Fn() -> Tree, name: &'a str, parameters: &'a str) -> Self {
        let state = tempfile::tempdir().unwrap();
        let reader = Agent::open(place, state.path(), Session::ReadOnly);
        let writer = Agent::open(place, state.path(), Session::ReadWrite);
        Self { tree, name, parameters, reader, writer, _state: state }
    }

    /// Other parameters take it back: there is something to do, it is done once, and then a check of the task shows this again.
    fn undo(&mut self, name: &str, parameters: &str, facets: &[&str]) {
        let undo = task(name, parameters);
        let planned = self.writer.plan(&*undo);
        let Outcome::Change(change) = planned else {
            panic!("{name} {parameters}: nothing to undo: {planned:?}")
        };
        let response = self.writer.apply(&change);
        assert!(matches!(response, Response::Applied { .. }), "{name} {parameters}: {response:?}");
        for agent in [&mut self.writer, &mut self.reader] {
            let again = agent.plan(&*undo);
            assert!(matches!(again, Outcome::Unchanged { .. }), "{name} {parameters}: {again:?}");
        }
        check(self.tree, [&mut self.reader, &mut self.writer], self.name, self.parameters, facets);
    }

    fn disturb(&self, converged: &Tree, facets: &[&str], disturb: &dyn Fn()) {
        disturb();
        assert_ne!((self.tree)(), *converged, "{}: {facets:?} is disturbed", self.name);
    }

    /// A check shows exactly this and changes nothing; applying makes it so; applying again does nothing.
    fn mend(&mut self, facets: &[&str]) {
        let (name, parameters) = (self.name, self.parameters);
        let change = check(self.tree, [&mut self.reader, &mut self.writer], name, parameters, facets);
        let response = self.writer.apply(&change);
        assert!(matches!(response, Response::Applied { .. }), "{name}: {response:?}");
        for agent in [&mut self.writer, &mut self.reader] {
            let again = agent.plan(&*task(name, parameters));
            assert!(matches!(again, Outcome::Unchanged { .. }), "{name} {parameters}: {again:?}");
        }
        // What was planned before is refused now.
        let late = self.writer.apply(&change);
        assert!(change.guard.is_empty() || matches!(late, Response::HostChanged { .. }), "{name}: {late:?}");
    }
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
}

/// Text in YAML, as a JSON string.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

/// A mode with which the owner can look, and another one.
fn modes() -> impl Strategy<Value = (u32, u32)> {
    (0_u32..0o100, 1_u32..0o100).prop_map(|(bits, flip)| (0o700 | bits, 0o700 | (bits ^ flip)))
}

/// Lines that are printable, some of them hard to quote.
fn line() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z0-9 \\\\'\"$#=:{}-]{0,12}", "[ -~äß→]{0,12}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, ..ProptestConfig::default() })]

    #[test]
    fn file((mode, other) in modes()) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a/b/c");
        let parameters = format!("{{path: {}, state: directory, mode: \"{mode:04o}\"}}", quoted(path.to_str().unwrap()));
        law(temp.path(), "file", &parameters, &["type", "mode"], &[
            (&["mode"], &|| set_mode(&path, other)),
            (&["type", "mode"], &|| fs::remove_dir(&path).unwrap()),
        ]);
    }

    #[test]
    fn copy_and_template(lines in prop::collection::vec(line(), 0..4), (mode, other) in modes(), name in "[a-z '\"$]{1,8}") {
        for kind in ["copy", "template"] {
            let temp = tempfile::tempdir().unwrap();
            let path = temp.path().join(format!("x{name}x"));
            let content = lines.join("\n");
            let parameters = format!(
                "{{dest: {}, content: {}, mode: \"{mode:04o}\"}}",
                quoted(path.to_str().unwrap()),
                quoted(&content),
            );
            law(temp.path(), kind, &parameters, &["type", "mode", "content"], &[
                (&["mode"], &|| set_mode(&path, other)),
                (&["content"], &|| write(&path, &format!("{content}!"))),
                (&["type", "mode", "content"], &|| fs::remove_file(&path).unwrap()),
                (&["type", "mode", "content", "target"], &|| {
                    fs::remove_file(&path).unwrap();
                    symlink("/nowhere", &path).unwrap();
                }),
            ]);
        }
    }

    #[test]
    fn link(target in "[a-z./ ]{1,12}") {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("link");
        let parameters = format!("{{path: {}, target: {}}}", quoted(path.to_str().unwrap()), quoted(&target));
        law(temp.path(), "link", &parameters, &["type", "target"], &[
            (&["target"], &|| {
                fs::remove_file(&path).unwrap();
                symlink("elsewhere", &path).unwrap();
            }),
            (&["type", "target"], &|| fs::remove_file(&path).unwrap()),
        ]);
    }

    #[test]
    fn lineinfile(others in prop::collection::vec("[a-z ]{0,8}", 0..4), value in line(), (mode, other) in modes()) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("conf");
        let text: String = others.iter().map(|line| format!("{line}\n")).collect();
        write(&path, &format!("{text}KEY=old {value}"));
        set_mode(&path, mode);
        let parameters = format!(
            "{{path: {}, line: {}, regexp: ^KEY=, mode: \"{mode:04o}\"}}",
            quoted(path.to_str().unwrap()),
            quoted(&format!("KEY={value}")),
        );
        let without = format!("{text}KEY=new {value}");
        law(temp.path(), "lineinfile", &parameters, &["content"], &[
            (&["content"], &|| write(&path, &without)),
            (&["mode"], &|| set_mode(&path, other)),
        ]);
    }

    #[test]
    fn env_file(a in line(), b in line(), (mode, other) in modes(), keep: bool) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(".env");
        let parameters = format!(
            "{{path: {}, values: {{A: {}, B: {}}}, comment: ours, keep: {keep}, mode: \"{mode:04o}\"}}",
            quoted(path.to_str().unwrap()),
            quoted(&a),
            quoted(&b),
        );
        let read = || fs::read_to_string(&path).unwrap();
        let other_a = || write(&path, &read().replacen("\nA=", "\nA=x", 1));
        let no_b = || write(&path, read().split_once("\nB=").unwrap().0);
        let stray = || write(&path, &format!("{}STRAY=1\n", read()));
        let other_mode = || set_mode(&path, other);
        // Where lines of others are kept, another comment is one of them.
        let without = if keep { "" } else { "# theirs\n" };
        let comment = || write(&path, &read().replacen("# ours\n", without, 1));
        let gone = || fs::remove_file(&path).unwrap();
        let mut disturbances: Vec<Disturbance> =
            vec![(&["A"], &other_a), (&["B"], &no_b), (&["mode"], &other_mode), (&["comment"], &comment),
                (&["type", "mode", "comment", "A", "B"], &gone)];
        if !keep {
            disturbances.push((&["STRAY"], &stray));
        }
        law(temp.path(), "env_file", &parameters, &["type", "mode", "comment", "A", "B"], &disturbances);
    }

    #[test]
    fn json_merge(key in line(), value in line(), (mode, other) in modes()) {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join("a.json");
        let values = serde_json::json!({ key.clone(): { "inner": value }, "list": [1, 2] });
        let parameters =
            format!("{{path: {}, values: {values}, mode: \"{mode:04o}\"}}", quoted(path.to_str().unwrap()));
        law(temp.path(), "json_merge", &parameters, &["type", "mode", "content"], &[
            (&["mode"], &|| set_mode(&path, other)),
            (&["content"], &|| {
                let text = fs::read_to_string(&path).unwrap();
                write(&path, &text.replace("    1,\n", "    3,\n"));
            }),
            (&["type", "mode", "content"], &|| fs::remove_file(&path).unwrap()),
        ]);
    }

    #[test]
    fn command(name in "[a-z '\"$]{1,8}") {
        let temp = tempfile::tempdir().unwrap();
        let path = temp.path().join(format!("x{name}x"));
        let path = quoted(path.to_str().unwrap());
        let parameters = format!("{{argv: [touch, {path}], creates: {path}, touches: [{path}]}}");
        let made = temp.path().join(format!("x{name}x"));
        law(temp.path(), "command", &parameters, &["run"], &[(&["run"], &|| fs::remove_file(&made).unwrap())]);
    }
}
