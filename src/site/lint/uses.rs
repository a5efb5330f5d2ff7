//! Every name that is used anywhere: in templates, conditions, loops and other variables, whichever host it is on.

use super::{Definition, Shared};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::{Origin, Source},
    playbook::{Files, Task},
    template::{names_in, names_in_text},
    yaml::{Node, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

#[derive(Default)]
pub(super) struct Uses {
    pub names: BTreeSet<String>,
    /// The texts that names were looked for in, by path.
    texts: BTreeMap<PathBuf, Arc<Source>>,
    /// Variables of other hosts: `hostvars.b.port`, `hostvar x "port"`.
    pub of_others: BTreeSet<String>,
    /// Whether a variable of another host is asked for by a computed name.
    pub by_computed_name: bool,
    /// The conditions that were looked at: what stands around many tasks is one.
    conditions: HashSet<(*const u8, usize)>,
}

impl Uses {
    pub fn of(shared: &Shared, definitions: &[Definition]) -> Self {
        let mut uses = Self::default();
        for definition in definitions {
            uses.text(&definition.place.source);
            definition.node.into_iter().for_each(|node| uses.value(node));
        }
        for play in &shared.playbook.plays {
            uses.text(&play.origin.source);
            for used in &play.roles {
                uses.text(&used.origin.source);
                uses.conditions(&used.when);
            }
            uses.conditions(&play.without_tasks);
            for task in play.tasks.iter().chain(&play.handlers) {
                uses.task(shared, task);
            }
        }
        uses
    }

    fn task(&mut self, shared: &Shared, task: &Task) {
        self.text(&task.resource.1.source);
        let judging = &task.judging;
        let conditions = [&task.keywords.when, &judging.changed_when, &judging.failed_when, &judging.until];
        conditions.into_iter().for_each(|nodes| self.conditions(nodes));
        let that = task.params.get("that").filter(|_| task.resource.0 == "assert");
        that.into_iter().for_each(|node| self.condition(node));
        self.value(&task.params);
        let places = shared.places(task);
        for param in shared.type_of(task).sources().iter().filter(|param| param.render) {
            let Some(name) = task.params.get(param.key) else { continue };
            let Some(name) = name.as_str().filter(|name| !name.contains("{{")) else {
                // Which file it is differs from host to host: any of them.
                for place in &places {
                    self.folder(&*shared.sources.files(), &place.join(param.folder), 3);
                }
                continue;
            };
            if let Ok(path) = shared.sources.find(&places, param.folder, name, &task.origin)
                && let Ok(source) = shared.sources.text(&path)
            {
                self.template(shared, &places, param.folder, &source);
            }
        }
    }

    fn conditions(&mut self, nodes: &[Node]) {
        for node in nodes {
            if self.conditions.insert((Arc::as_ptr(&node.origin.source).cast(), node.origin.span.start)) {
                self.condition(node);
            }
        }
    }

    fn condition(&mut self, node: &Node) {
        names_in(node, true, &mut self.names);
        texts(node, &mut |text| self.across(text));
    }

    /// A value, perhaps with templates. What was in a vault does not stand in the file's text.
    fn value(&mut self, node: &Node) {
        names_in(node, false, &mut self.names);
        texts(node, &mut |text| self.across(text));
    }

    /// What a text asks other hosts for.
    fn across(&mut self, text: &str) {
        if !text.contains("hostvar") {
            return;
        }
        let (asked, computed) = asked_of_others(text);
        self.of_others.extend(asked);
        self.by_computed_name |= computed;
    }

    fn template(&mut self, shared: &Shared, places: &[&Path], folder: &str, source: &Arc<Source>) {
        for name in self.text(source) {
            if let Some(partial) = shared.sources.partial(places, folder, &name) {
                self.template(shared, places, folder, &partial);
            }
        }
    }

    /// Adds what a text uses, once; the partials that it includes.
    fn text(&mut self, source: &Arc<Source>) -> BTreeSet<String> {
        let mut partials = BTreeSet::new();
        if source.text.is_empty() || self.texts.contains_key(&source.path) {
            return partials;
        }
        self.texts.insert(source.path.clone(), source.clone());
        names_in_text(&source.text, &mut self.names, &mut partials);
        self.across(&source.text);
        partials
    }

    /// Adds all files below a folder as templates.
    fn folder(&mut self, files: &dyn Files, folder: &Path, depth: usize) {
        for path in below(files, folder, depth) {
            if let Some(text) = plain_text(files, &path) {
                names_in_text(&text, &mut self.names, &mut BTreeSet::new());
                self.across(&text);
            }
        }
    }

    /// The words of the project's files that are not part of this playbook: other playbooks and other roles may use what they share
    /// with it. Names where they are set do not count.
    pub fn elsewhere(&self, shared: &Shared) -> HashSet<String> {
        let files = shared.sources.files();
        let mut words = HashSet::new();
        let mut add = |path: &Path| {
            if !self.texts.contains_key(path)
                && let Some(text) = plain_text(&*files, path)
            {
                words.extend(mentioned(&text).map(str::to_string));
            }
        };
        let used: HashSet<&Path> = shared
            .playbook
            .plays
            .iter()
            .flat_map(|p| p.roles.iter().map(|u| u.role.folder.as_path()))
            .collect();
        let folders: BTreeSet<&Path> =
            shared.playbook.plays.iter().map(|play| play.folder.as_path()).collect();
        for folder in folders {
            let is_yaml = |path: &PathBuf| path.extension().is_some_and(|end| end == "yml" || end == "yaml");
            let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
            let beside = files.list(here).into_iter().map(|name| folder.join(name));
            beside.filter(is_yaml).filter(|path| files.is_file(path)).for_each(|path| add(&path));
            let above = folder.parent().unwrap_or(Path::new(".."));
            for roles in [folder.join("roles"), above.join("roles")] {
                let others = files.list(&roles).into_iter().map(|name| roles.join(name));
                for role in others.filter(|role| !used.contains(role.as_path())) {
                    below(&*files, &role, 3).iter().for_each(|path| add(path));
                }
            }
        }
        words
    }

    /// Statements of Jinja in what is rendered: they are plain text here.
    pub fn statements(&self, found: &mut Diagnostics) {
        for source in self.texts.values() {
            let Some(at) = source.text.find("{%").filter(|at| source.text[*at..].contains("%}")) else {
                continue;
            };
            let line = source.text[..at].rfind('\n').map_or(0, |n| n + 1);
            if source.text[line..].trim_start().starts_with('#')
                && source.path.extension().is_some_and(|e| e == "yml")
            {
                continue;
            }
            let end = source.text[at..].find("%}").map_or(at + 2, |end| at + end + 2);
            let place = Origin { source: source.clone(), span: at..end };
            let warning =
                Diagnostic::lint("jinja-statement", "a statement of Jinja is plain text here").at(&place);
            found.push(warning.hint("write `{{#if x}} ... {{/if}}` or `{{#each x}} ... {{/each}}`"));
        }
    }
}

/// All texts of a value.
fn texts(node: &Node, look: &mut impl FnMut(&str)) {
    match &node.value {
        Value::Str(text) => look(text),
        Value::Seq(items) => items.iter().for_each(|item| texts(item, look)),
        Value::Map(map) => map.iter().for_each(|(key, entry)| {
            look(key);
            texts(&entry.node, look);
        }),
        _ => {}
    }
}

/// The variables that a text asks other hosts for, `hostvars.NAME.x` and `hostvar NAME "x"`; whether there is one more whose name is
/// computed: `hostvar NAME x`.
fn asked_of_others(text: &str) -> (Vec<String>, bool) {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    let (mut asked, mut computed) = (vec![], false);
    for (at, word) in text.match_indices("hostvars.") {
        let rest = &text[at + word.len()..];
        let behind = match rest.strip_prefix('[') {
            Some(rest) => rest.split_once(']').map_or("", |(_, rest)| rest),
            None => rest.trim_start_matches(is_part),
        };
        let name = behind.strip_prefix('.').unwrap_or("").trim_start_matches('[');
        let end = name.find(|c| !is_part(c)).unwrap_or(name.len());
        asked.extend(Some(&name[..end]).filter(|name| !name.is_empty()).map(str::to_string));
    }
    for (at, word) in text.match_indices("hostvar ") {
        let arguments = text[at + word.len()..].split("}}").next().unwrap_or("").trim_start();
        let closes = |open: char| if open == '(' { ')' } else { open };
        let behind = match arguments.chars().next() {
            Some(open @ ('(' | '"' | '\'')) => {
                arguments[1..].split_once(closes(open)).map_or("", |(_, rest)| rest)
            }
            _ => arguments.split_once(' ').map_or("", |(_, rest)| rest),
        };
        // In a quoted text of YAML or JSON: `\"x\"`.
        let behind = behind.trim_start().trim_start_matches('\\');
        match behind.strip_prefix(['"', '\'']) {
            Some(name) => asked.push(name.split(['"', '\'', '\\']).next().unwrap_or("").to_string()),
            None => computed = true,
        }
    }
    (asked, computed)
}

/// All files below a folder.
fn below(files: &dyn Files, folder: &Path, depth: usize) -> Vec<PathBuf> {
    let mut found = vec![];
    for name in files.list(folder) {
        let path = folder.join(name);
        if files.is_file(&path) {
            found.push(path);
        } else if depth > 0 {
            found.extend(below(files, &path, depth - 1));
        }
    }
    found
}

/// The text of a file that is no vault.
fn plain_text(files: &dyn Files, path: &Path) -> Option<String> {
    let content = files.read(path, &mut Diagnostics::default()).filter(|content| !content.is_secret())?;
    String::from_utf8(content.bytes().to_vec()).ok()
}

/// The words of a YAML text or a template but keys and comments.
fn mentioned(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(|line| {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        line.split(move |c| !is_part(c)).filter(move |word| {
            let end = word.as_ptr() as usize - line.as_ptr() as usize + word.len();
            !word.is_empty() && !line[end..].starts_with(':')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_other_hosts_are_found_by_name() {
        let asked = |text: &str| asked_of_others(text);
        let names = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
        assert_eq!(asked("{{hostvars.b.port}} {{hostvars.[b-1.net].ip}}"), (names(&["port", "ip"]), false));
        assert_eq!(
            asked(r#"{{hostvar x "port"}} {{hostvar (first groups.web) 'ip'}}"#),
            (names(&["port", "ip"]), false)
        );
        assert_eq!(asked(r#"a: "{{hostvar \"b\" \"port\"}}""#).0, ["port"]);
        assert_eq!(asked("{{hostvar 'b' name}}"), (vec![], true));
    }
}
