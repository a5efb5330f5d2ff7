//! Projects in which something is changed, and what explanations say of the lines that come out otherwise.

use agent::{
    secret::{Content, Secret},
    wire::{Answer, Attrs, Facts, Op, Output, Probe, Query},
};
use lustores_provision::{
    cli::{
        explain::{Condition, Explanation, From, ParameterWhy},
        files::Disk,
        programs::run,
    },
    diag::Diagnostics,
    model::{Area, Origin},
    playbook::{FileKind, Files},
    resource::{Look, Lookup, Mask, Outcome},
    resources,
    site::{Controller, Options, Preparation, Prepare, Registered, Site},
    vault::{Password, Passwords, encrypt},
    yaml::Node,
};
use similar::{ChangeTag, TextDiff};
use std::{
    collections::{BTreeMap, HashMap},
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

/// What every host says of itself unless a test has another say.
pub fn facts() -> Facts {
    serde_json::from_str(include_str!("../../../src/site/example.json")).unwrap()
}

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
            Query::User { .. } | Query::UserOf { .. } => Answer::User(None),
            Query::Group { .. } | Query::GroupOf { .. } => Answer::Group(None),
            Query::Ports { .. } => Answer::Ports(vec![]),
            Query::Run(Probe::UnitState { .. } | Probe::UserUnit { .. }) => {
                Answer::Output(Output { code: 0, stdout: empty(), stderr: empty() })
            }
            _ => Answer::Output(Output { code: 1, stdout: empty(), stderr: empty() }),
        })
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        true
    }
}

/// A project in a folder of its own.
pub struct Copy {
    pub dir: tempfile::TempDir,
    password: Secret,
    /// Of all its sites: the keys that they become are derived once, which takes longer than all else of a site.
    passwords: Arc<Passwords>,
    files: Arc<Kept>,
}

/// The disk; a YAML file in which nothing has changed is not parsed once more for each site.
struct Kept {
    disk: Disk,
    parsed: Mutex<HashMap<PathBuf, (Vec<u8>, Node)>>,
}

impl Files for Kept {
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content> {
        self.disk.read(path, errors)
    }

    fn kind(&self, path: &Path) -> Option<FileKind> {
        self.disk.kind(path)
    }

    fn mode(&self, path: &Path) -> Option<u32> {
        self.disk.mode(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        self.disk.is_file(path)
    }

    fn list(&self, folder: &Path) -> Vec<String> {
        self.disk.list(folder)
    }

    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node> {
        let bytes = fs::read(path).unwrap_or_default();
        if let Some((known, node)) = self.parsed.lock().unwrap().get(path)
            && *known == bytes
        {
            return Some(node.clone());
        }
        let mut wrong = Diagnostics::default();
        let node = self.disk.yaml(path, &mut wrong);
        if let Some(node) = node.as_ref().filter(|_| wrong.0.is_empty()) {
            self.parsed.lock().unwrap().insert(path.into(), (bytes, node.clone()));
        }
        errors.extend(wrong);
        node
    }

    fn open(&self, node: &mut Node, errors: &mut Diagnostics) {
        self.disk.open(node, errors);
    }
}

/// A file as a task writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Text {
    pub text: String,
    attrs: Attrs,
}

/// Path to file, for a host: as its tasks write them.
pub type Texts = BTreeMap<String, Text>;

impl Copy {
    /// The project's own site.
    pub fn of_site() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let copied = Self::of(&[]);
        for folder in ["inventory", "playbooks", "roles"] {
            copy(&root.join(folder), &copied.dir.path().join(folder));
        }
        let password = fs::read_to_string(root.join("inventory/example-vault-password")).unwrap();
        Self::under(copied.dir, password.trim())
    }

    /// Of these files.
    pub fn of(files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        Self::under(dir, "none")
    }

    fn under(dir: tempfile::TempDir, password: &str) -> Self {
        let password = Secret::new(password);
        let passwords = Arc::new(Passwords::new(vec![Password { label: None, text: password.clone() }]));
        let disk = Disk { passwords: passwords.clone() };
        Self { dir, password, passwords, files: Arc::new(Kept { disk, parsed: Mutex::default() }) }
    }

    /// With these facts kept of earlier runs. `None`: it has mistakes.
    pub fn site(&self, inventory: &str, playbook: &str, facts: &BTreeMap<String, Facts>) -> Option<Site> {
        Site::load(Options {
            inventory: &self.dir.path().join(inventory),
            playbook: &self.dir.path().join(playbook),
            passwords: &self.passwords,
            run: &run,
            files: self.files.clone(),
            types: resources::TABLE,
            extra_vars: Default::default(),
            limit: None,
            tags: &[],
            skip_tags: &[],
            start_at_task: None,
            controller: Controller { facts: facts.clone(), ..Controller::default() },
        })
        .ok()
    }

    /// Replaces the value at a place, also in a vault.
    pub fn write(&self, origin: &Origin, value: &str) {
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

/// What all tasks of a host write, on a host that has nothing. What `set_fact` sets holds for the tasks behind it.
pub fn texts(site: &Site, host: &str) -> Option<Texts> {
    let tasks = site.host(host, site.facts(host).as_ref()).ok()?;
    let (mut texts, mut registered) = (Texts::new(), Registered::default());
    for task in tasks.tasks() {
        let prepared = match tasks.prepare(task.id, &registered).ok()? {
            Preparation::Ready(prepared) => prepared,
            Preparation::Sets(values) => {
                registered.set(&values);
                continue;
            }
            Preparation::Skip(_) => {
                registered.unset.extend(task.sets.iter().cloned());
                continue;
            }
            _ => continue,
        };
        let Ok(Outcome::Change(change)) = prepared.plan(&Nothing, &Mask::new([0; 32])) else { continue };
        for op in &change.ops {
            if let Op::WriteFile { path, content, attrs, .. } = op {
                let text = String::from_utf8(content.bytes().to_vec()).unwrap();
                texts.insert(path.clone(), Text { text, attrs: attrs.clone() });
            }
        }
    }
    Some(texts)
}

/// Whether one of these is the culprit, or what one of them is made of.
pub fn names(from: &[From], is_it: &dyn Fn(&From) -> bool) -> bool {
    from.iter().any(|from| is_it(from) || names(&from.from, is_it))
}

/// File and line, as explanations name them.
pub fn place(origin: &Origin) -> String {
    format!("{}:{}", origin.source.path.display(), origin.line_column().0)
}

/// The numbers of the lines that only one of two texts has: those of the first, then of the second.
pub fn changed(before: &str, after: &str) -> [Vec<usize>; 2] {
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
pub fn unnamed(
    said: &Explanation,
    path: &str,
    lines: &[usize],
    is_it: &dyn Fn(&From) -> bool,
    what: &str,
) -> Vec<String> {
    let files: Vec<_> = said.files.iter().filter(|file| file.path == path).collect();
    let is_named = |number: &&usize| {
        files
            .iter()
            .any(|file| file.lines.iter().any(|line| line.number == **number && names(&line.from, is_it)))
    };
    let missing = lines.iter().filter(|number| !is_named(number));
    missing.map(|number| format!("{path}:{number} does not name {what}")).collect()
}

/// The file itself is there, or is not, has another name or mode: the task says why, and so does what is said of the file.
fn unnamed_task(said: &Explanation, path: &str, is_it: &dyn Fn(&From) -> bool, what: &str) -> Vec<String> {
    let in_parameters =
        |parameters: &[ParameterWhy]| parameters.iter().any(|parameter| names(&parameter.from, is_it));
    let in_causes = |causes: &[Condition]| causes.iter().any(|cause| names(&cause.from, is_it));
    let mut writers = said.tasks.iter().filter(|task| task.writes.iter().any(|written| written == path));
    let by_task = writers
        .any(|task| in_parameters(&task.parameters) || in_causes(&task.conditions) || in_causes(&task.loops));
    let mut files = said.files.iter().filter(|file| file.path == path);
    let by_file = files
        .any(|file| in_parameters(&file.parameters) || in_causes(&file.conditions) || in_causes(&file.loops));
    let unnamed = [(by_task, "the task of "), (by_file, "")].into_iter().filter(|(is_named, _)| !is_named);
    unnamed.map(|(_, of)| format!("{of}{path} does not name {what}")).collect()
}

/// All that a line is made of, apart from what only decides about it.
pub fn named(from: &[From], found: &mut dyn FnMut(&From)) {
    for from in from.iter().filter(|from| !from.decides) {
        found(from);
        named(&from.from, found);
    }
}

/// A file before and after one thing was changed.
pub struct Compared {
    /// Lines that are otherwise, of both.
    pub lines: usize,
    /// Those of the file as it was.
    pub old: Vec<usize>,
    /// What was not named where it should be.
    pub wrong: Vec<String>,
}

/// Compares a file of which there may be nothing before or after, and what is said of it then.
pub fn compare(
    path: &str,
    [before, after]: [(&Texts, &Explanation); 2],
    is_it: &dyn Fn(&From) -> bool,
    what: &str,
) -> Compared {
    match (before.0.get(path), after.0.get(path)) {
        (Some(a), Some(b)) => {
            let [gone, come] = changed(&a.text, &b.text);
            let mut wrong = unnamed(before.1, path, &gone, is_it, what);
            wrong.extend(unnamed(after.1, path, &come, is_it, what));
            if a.attrs != b.attrs {
                wrong.extend(
                    [before.1, after.1].iter().flat_map(|said| unnamed_task(said, path, is_it, what)),
                );
            }
            Compared { lines: gone.len() + come.len(), old: gone, wrong }
        }
        (Some(text), None) => {
            let wrong = unnamed_task(before.1, path, is_it, what);
            Compared { lines: 0, old: (1..=text.text.lines().count()).collect(), wrong }
        }
        (None, _) => {
            let wrong = unnamed_task(after.1, path, is_it, what);
            Compared { lines: 0, old: vec![], wrong }
        }
    }
}
