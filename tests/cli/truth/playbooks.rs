//! Playbooks made at random, and the files that they find.

mod written;

pub use written::Playbook;

use crate::transfer::HELLO;
use proptest::{prelude::*, sample::select};

/// What lies in the home before.
#[derive(Clone, Debug)]
pub enum Thing {
    File(&'static str, &'static str, u32),
    Folder(&'static str),
    /// That gives its group and, maybe, a list to what is made in it.
    Giving(&'static str, bool),
    Link(&'static str, &'static str),
    /// The folders, and nearly all files that may be asked for, where nothing else is: which are left out, and what is in them.
    Rest(u32, &'static str),
}

/// Where tasks of an include with a loop are about the same names.
const ROOTS: [&str; 3] = ["", "d/", "g/"];

/// The folders, and the files of [`Thing::Rest`].
pub fn rest(without: u32) -> (Vec<String>, Vec<String>) {
    let all = |names: &[&str]| -> Vec<String> {
        ROOTS.iter().flat_map(|root| names.iter().map(move |name| format!("{root}{name}"))).collect()
    };
    let is_there = |at: usize| without.rotate_right(3 * at as u32) & 7 != 0;
    let files = all(&FILES).into_iter().enumerate().filter(|(at, _)| is_there(*at)).map(|(_, name)| name);
    (all(&FOLDERS), files.collect())
}

/// What lies in the home: most homes have what most tasks need.
pub fn things() -> impl Strategy<Value = Vec<Thing>> {
    let text = select(vec![
        "{\"a\": {\"b\": 1}}\n",
        "{\"a\": {\"b\": 1}}\n",
        "{}\n",
        "one: 1\ntwo: 2\n",
        "A=1\nB='x y'\n",
    ]);
    let rest = proptest::option::weighted(0.9, (any::<u32>(), text));
    (prop::collection::vec(thing(), 0..4), rest).prop_map(|(mut things, rest)| {
        things.extend(rest.map(|(without, text)| Thing::Rest(without, text)));
        things
    })
}

const FILES: [&str; 5] = ["a", "b", "c", "d/a", "d/e/b"];
const FOLDERS: [&str; 3] = ["d", "d/e", "g"];
const TEXTS: [&str; 7] = [
    "",
    "one\n",
    "one\ntwo\nthree\n",
    "no end",
    "k = 1\n[s]\nk = 2\n",
    "{\"a\": {\"b\": 1}}\n",
    "A=1\nB='x y'\n",
];
/// By what `lineinfile` finds its line, and where it puts a new one.
const FOUND: [&str; 3] = ["", ", regexp: \"^%\"", ", search_string: \"%\""];
const PLACES: [&str; 5] =
    ["", ", insertafter: \"^one\"", ", insertbefore: \"o\"", ", insertafter: BOF", ", insertbefore: BOF"];
const MODES: [&str; 4] = ["0644", "0600", "0755", "u=rw,go=r"];

fn thing() -> impl Strategy<Value = Thing> {
    prop_oneof![
        8 => (select(&FILES[..]), select(&TEXTS[..]), select(vec![0o644, 0o600, 0o755]))
            .prop_map(|(path, text, mode)| Thing::File(path, text, mode)),
        2 => select(&FOLDERS[..]).prop_map(Thing::Folder),
        1 => (select(&FOLDERS[..]), any::<bool>()).prop_map(|(path, list)| Thing::Giving(path, list)),
        1 => (select(&FILES[..]), select(&FILES[..])).prop_map(|(path, to)| Thing::Link(path, to)),
    ]
}

/// A task: what it does, as YAML in flow form in which `@` is the path that it is about and `§` the file of a `validate`, and how it hangs together with those before it.
#[derive(Clone, Debug)]
pub struct Task {
    what: String,
    path: &'static str,
    beside: Beside,
    repeat: Repeat,
}

/// What stands beside a task. It is about the task before, which may be left out itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Beside {
    Nothing,
    Changed,
    /// Of a `stat` what it found, of a command what it printed.
    Found,
    /// Of a `stat` whose it is.
    Owned,
    /// What the last command that changes something printed.
    Said,
    Skipped,
    /// It is done on another host, in whose folder nothing else is about.
    Away,
    Notify,
    ChangedWhen,
    FailedWhen,
    IgnoreErrors,
    CheckMode,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Repeat {
    Once,
    /// A list that stands there.
    List,
    /// A list of a variable of the play.
    Variable,
    /// What the latest task brought that is a loop itself, or prints lines.
    Result,
}

fn what() -> impl Strategy<Value = (String, &'static str)> {
    let file = || select(&FILES[..]);
    let text = || select(&TEXTS[..]).prop_map(|text| serde_json::to_string(text).unwrap());
    let mode = || select(&MODES[..]);
    let octal = || select(&MODES[..3]);
    let word = || select(vec!["one", "two", "k", "x=1", "A=2", "new line"]);
    let of = |text: &str| text.to_owned();
    // Names and numbers of the same, among others.
    let owner = || select(vec!["daemon", "\"1\"", "root", "\"64321\""]);
    let group = || select(vec!["bin", "\"2\"", "daemon", "root"]);
    let owned = move || {
        (proptest::option::of(owner()), proptest::option::of(group())).prop_map(|(owner, group)| {
            let owner = owner.map(|owner| format!(", owner: {owner}")).unwrap_or_default();
            owner + &group.map(|group| format!(", group: {group}")).unwrap_or_default()
        })
    };
    let entry = || select(vec!["user:daemon:rX", "user:daemon:rw", "group:2:rwX", "mask::r", "user::rw"]);
    let of_file = prop_oneof![
        4 => (text(), proptest::option::of(octal())).prop_map(|(text, mode)| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("copy: {{dest: \"@\", content: {text}{mode}}}")
        }),
        2 => mode().prop_map(|mode| format!("file: {{path: \"@\", mode: \"{mode}\"}}")),
        1 => Just(of("file: {path: \"@\", state: absent, recursive: true}")),
        1 => Just(of("file: {path: \"@\", state: touch}")),
        3 => (select(vec!["file: {path: \"@\"", "copy: {dest: \"@\", content: x", "file: {path: \"@\", mode: \"4755\""]), owned())
            .prop_map(|(what, owned)| format!("{what}{owned}}}")),
        2 => (entry(), any::<bool>()).prop_map(|(entry, absent)| match entry.split(':').collect::<Vec<_>>()[..] {
            [kind, who, _] if absent && !who.is_empty() => {
                format!("acl: {{path: \"@\", entries: [\"{kind}:{who}\"], state: absent}}")
            }
            _ => format!("acl: {{path: \"@\", entries: [\"{entry}\"]}}"),
        }),
        1 => file().prop_map(|from| format!("copy: {{src: \"{{{{home}}}}/{from}\", dest: \"@\", remote_src: true}}")),
        1 => file().prop_map(|from| format!("file: {{src: \"{{{{home}}}}/{from}\", path: \"@.hard\", state: hard}}")),
        3 => (word(), any::<bool>())
            .prop_map(|(word, create)| format!("lineinfile: {{path: \"@\", line: \"{word}\", create: {create}}}")),
        2 => (word(), select(&FOUND[..]), select(&PLACES[..]), any::<bool>()).prop_map(|(word, found, place, first)| {
            let found = found.replace('%', word);
            let first = if first { ", firstmatch: true" } else { "" };
            format!("lineinfile: {{path: \"@\", line: \"{word} = it\", create: true{found}{place}{first}}}")
        }),
        1 => (word(), any::<bool>()).prop_map(|(word, is_text)| {
            let found = if is_text { "search_string: \"" } else { "regexp: \"" };
            format!("lineinfile: {{path: \"@\", {found}{word}\", state: absent}}")
        }),
        1 => word().prop_map(|word| format!("lineinfile: {{path: \"@\", regexp: \"^{word}\", state: absent}}")),
        2 => (word(), any::<bool>()).prop_map(|(word, create)| {
            format!("blockinfile: {{path: \"@\", block: \"{word}\\nmore\", create: {create}}}")
        }),
        1 => (word(), select(&PLACES[..])).prop_map(|(word, place)| {
            format!("blockinfile: {{path: \"@\", marker: \"# {{mark}} {word}\", block: \"{word}\", create: true{place}}}")
        }),
        1 => Just(of("blockinfile: {path: \"@\", state: absent}")),
        1 => (word(), word()).prop_map(|(from, to)| {
            format!("replace: {{path: \"@\", regexp: \"{from}\", replace: \"{to}\", after: one, before: three}}")
        }),
        // From the host, and from the project.
        1 => file().prop_map(|from| format!("copy: {{src: \"{{{{home}}}}/{from}\", dest: \"@\", remote_src: true, mode: preserve}}")),
        1 => select(vec!["", ", mode: preserve", ", mode: \"0600\"", ", validate: test -s §"])
            .prop_map(|more| format!("copy: {{src: f.txt, dest: \"@\"{more}}}")),
        1 => Just(of("template: {src: t.hbs, dest: \"@\", mode: preserve}")),
        1 => select(vec!["test -f §", "grep -q one §"])
            .prop_map(|check| format!("copy: {{dest: \"@\", content: \"one\\n\", validate: \"{check}\"}}")),
        1 => select(vec!["src: parts", "src: parts, delimiter: \"--\"", "src: \"{{home}}/d\", remote_src: true", "src: \"{{home}}/d\", remote_src: true, regexp: \"^[ab]$\""])
            .prop_map(|from| format!("assemble: {{dest: \"@\", {from}}}")),
        1 => Just(format!("get_url: {{url: \"http://127.0.0.1:{{{{port}}}}/x\", dest: \"@\", checksum: \"{HELLO}\"}}")),
        1 => select(vec!["t", "u"]).prop_map(|from| format!("copy: {{src: {from}.tar, dest: \"{{{{home}}}}/a.tar\"}}")),
        // What a task has fetched to this machine.
        1 => Just(of("copy: {src: fetched, dest: \"@\"}")),
        2 => (word(), any::<bool>()).prop_map(|(word, absent)| {
            let wanted = if absent { "state: absent".to_owned() } else { format!("value: \"{word}\"") };
            format!("xattr: {{path: \"@\", key: law, {wanted}}}")
        }),
        2 => (word(), word())
            .prop_map(|(from, to)| format!("replace: {{path: \"@\", regexp: \"{from}\", replace: \"{to}\"}}")),
        2 => word().prop_map(|word| format!("ini: {{path: \"@\", section: s, option: k, value: \"{word}\"}}")),
        3 => (word(), select(vec!["json_merge", "yaml_merge"]), 0..4).prop_map(|(word, kind, plain)| {
            // Seldom where others write what it cannot read.
            let path = if plain == 0 { "\"@\"" } else { "\"@.values\", create: true" };
            format!("{kind}: {{path: {path}, values: {{a: {{b: \"{word}\"}}}}}}")
        }),
        1 => word().prop_map(|word| format!("env_file: {{path: \"@\", keep: true, values: {{A: \"{word}\"}}}}")),
        1 => Just(of("template: {src: t.hbs, dest: \"@\"}")),
        1 => Just(of("copy: {dest: \"@\", content: \"is {{told}}\"}")),
        1 => Just(of("set_fact: {told: \"is {{before.changed}}\"}")),
        2 => Just(of("stat: {path: \"@\"}")),
        // What prints lines: to look with, and to loop over.
        1 => Just(of("shell: {cmd: \"if [ -f @ ]; then echo a; fi; echo c\", changes: false, reads: [\"@\"], touches: [nothing]}")),
        4 => select(vec!["said", "x=1", "one"]).prop_map(|word| {
            format!("shell: {{cmd: \"echo two >> {{{{home}}}}/own; echo {word}\", touches: [\"{{{{home}}}}/own\"]}}")
        }),
        // `%` is what the last of these printed, if there is one.
        3 => Just(of("copy: {dest: \"@\", content: \"so: %\"}")),
        1 => octal().prop_map(|mode| format!("copy: {{dest: \"@\", content: \"%\", mode: \"{mode}\"}}")),
        1 => Just(of("lineinfile: {path: \"@\", line: \"%\", create: true}")),
        1 => Just(of("env_file: {path: \"@\", keep: true, values: {A: \"%\"}}")),
        1 => Just(of("meta: flush_handlers")),
        1 => Just(of("debug: {msg: \"{{told}}\"}")),
    ];
    let of_folder = prop_oneof![
        3 => proptest::option::of(select(vec!["0755", "0700"])).prop_map(|mode| {
            let mode = mode.map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("file: {{path: \"@\", state: directory{mode}}}")
        }),
        1 => Just(of("file: {path: \"@\", state: absent, recursive: true}")),
        1 => Just(of("file: {path: \"@\", state: directory, recurse: true, mode: \"u=rwX,go=\"}")),
        2 => (owned(), any::<bool>(), proptest::option::of(select(vec!["2775", "0755"]))).prop_map(|(owned, below, mode)| {
            let below = if below { ", recurse: true" } else { "" };
            let mode = mode.filter(|_| below.is_empty()).map(|mode| format!(", mode: \"{mode}\"")).unwrap_or_default();
            format!("file: {{path: \"@\", state: directory{below}{owned}{mode}}}")
        }),
        1 => (any::<bool>(), proptest::option::of(owner()), any::<bool>()).prop_map(|(delete, owner, exclude)| {
            let owner = owner.map(|owner| format!(", owner: {owner}")).unwrap_or_default();
            let exclude = if exclude { ", exclude: [\"e\", \"b*\"], mode: \"0640\", directory_mode: \"0750\"" } else { "" };
            format!("synchronize: {{src: site, dest: \"@\", delete: {delete}{owner}{exclude}}}")
        }),
        1 => (0..2, owned(), select(vec!["", ", include: \"site/e\"", ", exclude: [\"site/e/b\"]"])).prop_map(|(strip, owned, some)| {
            format!("unarchive: {{src: t.tar, dest: \"@\", strip_components: {strip}{owned}{some}}}")
        }),
        1 => select(vec!["", ", creates: \"@/site\""])
            .prop_map(|more| format!("unarchive: {{src: \"{{{{home}}}}/a.tar\", remote_src: true, dest: \"@\"{more}}}")),
        2 => (entry(), any::<bool>(), any::<bool>()).prop_map(|(entry, default, below)| {
            let default = if default { "default:" } else { "" };
            format!("acl: {{path: \"@\", entries: [\"{default}{entry}\"], recursive: {below}}}")
        }),
    ];
    let of_tree = prop_oneof![
        3 => (select(vec![true, true, false]), select(vec!["main", "v1"])).prop_map(|(force, version)| {
            (format!("git: {{repo: \"{{{{files}}}}/repo\", dest: \"@\", version: {version}, force: {force}}}"), "w")
        }),
        2 => (word(), select(vec!["w/f", "w/new"]))
            .prop_map(|(word, path)| (format!("copy: {{dest: \"@\", content: \"{word}\\n\"}}"), path)),
        1 => select(vec!["w/f", "w/new"]).prop_map(move |path| (of("file: {path: \"@\", state: absent}"), path)),
    ];
    prop_oneof![
        24 => (of_file, file()),
        3 => of_tree,
        5 => (of_folder, select(&FOLDERS[..])),
        2 => (file(), any::<bool>()).prop_flat_map(move |(path, force)| {
            let link = format!("{{{{home}}}}/l-{}", path.replace('/', "-"));
            file().prop_map(move |to| (format!("link: {{path: \"{link}\", target: \"{{{{home}}}}/{to}\", force: {force}}}"), path))
        }),
        1 => select(vec!["a", "b", "c"])
            .prop_map(move |path| (of("command: {cmd: \"touch @\", creates: \"@\"}"), path)),
    ]
}

pub fn task() -> impl Strategy<Value = Task> {
    use Beside::*;
    let beside = prop_oneof![
        4 => Just(Nothing),
        2 => Just(Changed),
        2 => Just(Found),
        1 => Just(Owned),
        1 => Just(Said),
        1 => Just(Skipped),
        1 => Just(Away),
        2 => Just(Notify),
        1 => select(vec![ChangedWhen, FailedWhen, IgnoreErrors, CheckMode]),
    ];
    let repeat = prop_oneof![
        9 => Just(Repeat::Once),
        1 => Just(Repeat::List),
        1 => Just(Repeat::Variable),
        1 => Just(Repeat::Result),
    ];
    (what(), beside, repeat).prop_map(|((what, path), beside, repeat)| Task { what, path, beside, repeat })
}

/// Tasks that stand together.
#[derive(Clone, Debug)]
pub enum Part {
    One(Task),
    Block {
        beside: Option<bool>,
        main: Vec<Task>,
        /// Where in the main part a command fails.
        fails: Option<usize>,
        rescue: Vec<Task>,
        always: Vec<Task>,
    },
    /// Tasks of another file, or of a role.
    File {
        how: How,
        tasks: Vec<Task>,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum How {
    Import,
    Include,
    /// Once for each of two.
    Loop,
    Role,
}

pub fn part() -> impl Strategy<Value = Part> {
    let some = |most: usize| prop::collection::vec(task(), 1..most);
    let few = |most: usize| prop::collection::vec(task(), 0..most);
    prop_oneof![
        10 => task().prop_map(Part::One),
        1 => (
            proptest::option::of(any::<bool>()),
            some(4),
            proptest::option::weighted(0.4, 0usize..3),
            few(3),
            few(3)
        )
            .prop_map(|(beside, main, fails, rescue, always)| Part::Block { beside, main, fails, rescue, always }),
        1 => (select(vec![How::Import, How::Include, How::Loop, How::Role]), some(3))
            .prop_map(|(how, tasks)| Part::File { how, tasks }),
    ]
}
