//! The law as data: `tests/fixtures/law/TYPE.yml`, or `TYPE-CASE.yml`.
//!
//! ```yaml
//! needs: machine            # it needs systemd, a kernel of its own, apt or dockerd: tried on a VM only (`namespace`: here only)
//! prepare: mkdir -p /srv/law     # as root with `sh -e`, before all else
//! task: {path: /srv/law/x, state: directory, mode: "0750"}   # the parameters
//! first: [type, mode]       # the facets that the first check shows
//! always: [run]             # what each check shows, as the task acts every time (on a machine only); `shows` has it again
//! disturb:                  # each by hand, with the ordinary tool, and the facets that must show it
//! - do: chmod 0700 /srv/law/x
//!   shows: [mode]
//! leaves: a backup          # why files may differ after a disturbance was mended; left out: they must not
//! proof: test -d /srv/law/x # what it is for, once all is as wanted
//! undo: {path: /srv/law/x, state: absent}   # brings it back: the first check shows `first` again; or `none, because ...`
//! undo_with: file           # the type of `undo`, when it is another one
//! undo_shows: [mode]        # in place of `first`, where not all comes back
//! never: {owner: why}       # kinds of facets that nobody can disturb by hand alone or at all
//! cleanup: rm -rf /srv/law/x
//! ```
//!
//! Each kind of facet that a type declares is disturbed in some case of its type, and some case of each type says `undo` (`tests/law/complete.rs`).

use lustores_provision::{diag, model::Source, yaml};
use serde_json::Value as Json;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

/// What brings back what a task did.
pub struct Undo {
    pub kind: String,
    pub task: String,
    /// What a check of the task shows then.
    pub shows: Vec<String>,
}

pub struct Case {
    /// The file's name without its ending.
    pub name: String,
    pub kind: String,
    pub needs: Option<String>,
    pub prepare: String,
    /// JSON, which is YAML.
    pub task: String,
    pub first: Vec<String>,
    /// What is shown though all is as wanted: the task acts every time.
    pub always: Vec<String>,
    pub disturb: Vec<(String, Vec<String>)>,
    pub leaves: bool,
    pub proof: String,
    pub undo: Option<Undo>,
    /// It can be undone, or says why not.
    pub says_undo: bool,
    /// Facets that are not disturbed, and why.
    pub never: BTreeMap<String, String>,
    pub cleanup: String,
}

/// Those that can be tried on a `machine`, or in a `namespace`.
pub fn on(place: &str) -> Vec<Case> {
    all().into_iter().filter(|case| case.needs.as_deref().is_none_or(|needs| needs == place)).collect()
}

/// Those to be tried, by name; `LAW=mount,swap` takes those whose names begin so.
fn all() -> Vec<Case> {
    let wanted = std::env::var("LAW").unwrap_or_default();
    every().into_iter().filter(|case| wanted.split(',').any(|one| case.name.starts_with(one))).collect()
}

/// All, by name.
pub fn every() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/law");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Case {
    let name = file.file_stem().unwrap().to_string_lossy().into_owned();
    let source = Source { path: file.into(), text: fs::read_to_string(file).unwrap(), secret: false };
    let node =
        yaml::parse(&Arc::new(source)).unwrap_or_else(|error| panic!("{}", diag::render(&error, false)));
    let json = node.to_json();
    let known = [
        "needs",
        "prepare",
        "task",
        "first",
        "always",
        "disturb",
        "leaves",
        "proof",
        "undo",
        "undo_with",
        "undo_shows",
        "never",
        "cleanup",
    ];
    for key in json.as_object().expect("a mapping").keys() {
        assert!(known.contains(&key.as_str()), "{name}: unknown key `{key}`");
    }
    let text = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let list = |value: &Json| value.as_array().into_iter().flatten().map(text).collect::<Vec<_>>();
    assert!(
        matches!(json["needs"].as_str(), None | Some("machine" | "namespace")),
        "{name}: `needs` is `machine`, `namespace` or left out"
    );
    let disturb: Vec<_> = json["disturb"].as_array().into_iter().flatten().collect();
    assert!(
        !disturb.is_empty() && !list(&json["first"]).is_empty(),
        "{name}: `first` and `disturb` are needed"
    );
    let always = list(&json["always"]);
    let on_machine = json["needs"] == "machine";
    assert!(always.is_empty() || on_machine, "{name}: what acts every time is tried on a machine only");
    let kind = name.split('-').next().unwrap().to_string();
    let undo = match &json["undo"] {
        Json::Null => None,
        Json::String(why) => {
            assert!(why.starts_with("none, because "), "{name}: `undo` is a mapping, or `none, because ...`");
            None
        }
        task => Some(Undo {
            kind: json["undo_with"].as_str().unwrap_or(&kind).to_string(),
            task: task.to_string(),
            shows: list(if json["undo_shows"].is_null() { &json["first"] } else { &json["undo_shows"] }),
        }),
    };
    let never = json["never"].as_object().into_iter().flatten();
    Case {
        needs: json["needs"].as_str().map(String::from),
        prepare: text(&json["prepare"]),
        task: json["task"].to_string(),
        first: list(&json["first"]),
        always,
        disturb: disturb.iter().map(|one| (text(&one["do"]), list(&one["shows"]))).collect(),
        leaves: json["leaves"].is_string(),
        proof: text(&json["proof"]),
        undo,
        says_undo: !json["undo"].is_null(),
        never: never.map(|(facet, why)| (facet.clone(), text(why))).collect(),
        cleanup: text(&json["cleanup"]),
        kind,
        name,
    }
}
