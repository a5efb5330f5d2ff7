//! Compose files as the host's compose is to read them before they are on disk: what they name leads to copies, too.

use super::{
    files::{LIMIT, join, parse_file, read_query, services_in},
    include::{self, Entry, NO_FILE, Place},
};
use crate::{
    model::{Area, Origin},
    resource::{Fault, Observe, Seen},
    yaml::{Map, Node},
};
use agent::secret::Content;
use std::{collections::BTreeMap, ops::Range};

/// What the agent replaces by the folder of its private copies; followed by `/` and the number of the file, behind `included-` that of
/// one that is included.
const COPY: &str = "@PROVISION_COPY@";

/// An `env_file:` entry: what it names, and where it stands in the text.
struct EnvFile {
    path: String,
    origin: Origin,
}

/// What is copied besides the files themselves.
pub struct Copies<'a> {
    seen: &'a Seen<'a>,
    pub env_files: Vec<(String, Option<Content>)>,
    pub included: Vec<(String, Content)>,
    /// The same as they are on the host.
    pub nodes: Vec<Node>,
    /// Some are for compose alone to find.
    pub unread: bool,
    /// The number of each that is copied, by its path and from where its paths start.
    known: BTreeMap<(String, String), usize>,
}

/// Parts of a text that become others.
type Edits = Vec<(Range<usize>, String)>;

impl<'a> Copies<'a> {
    /// `env_files`: those that are given by hand.
    pub fn new(env_files: Vec<(String, Option<Content>)>, seen: &'a Seen<'a>) -> Self {
        Self { seen, env_files, included: vec![], nodes: vec![], unread: false, known: BTreeMap::new() }
    }

    /// A file with what it names led to copies. `base`: from where its paths start; `way`: the files that include it, itself the last.
    pub fn text(&mut self, text: &str, node: &Node, base: &str, way: &mut Vec<String>) -> Observe<String> {
        let mut edits = Edits::new();
        for entry in env_file_entries(node) {
            // Compose decides what a missing one means: it may be optional.
            if let Some(copy) = self.env_file(&join(base, &entry.path))? {
                edits.push((entry.origin.span, copy));
            }
        }
        for entry in include::entries(node) {
            self.include(&entry, text, base, way, &mut edits)?;
        }
        // From the end, so that the places before keep their offsets.
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        let mut text = text.to_string();
        edits.into_iter().for_each(|(range, new)| text.replace_range(range, &new));
        Ok(text)
    }

    fn env_file(&mut self, path: &str) -> Observe<Option<String>> {
        let Some(content) = self.seen.content(path, LIMIT, true)? else { return Ok(None) };
        self.env_files.push((path.into(), Some(content)));
        Ok(Some(format!("\"{COPY}/{}\"", self.env_files.len() - 1)))
    }

    fn include(
        &mut self,
        entry: &Entry,
        text: &str,
        base: &str,
        way: &mut Vec<String>,
        edits: &mut Edits,
    ) -> Observe<()> {
        let Some(place) = plain(entry, base, text) else {
            self.unread = true;
            return Ok(());
        };
        let mut copies = vec![];
        for path in &place.paths {
            let by = way.last().cloned().unwrap_or_default();
            if let Some(round) = include::circle(way, path) {
                let fault = Fault::new(format!("{by} includes a file that includes it: {round}"));
                return Err(fault.hint("take the `include` out of one of them").into());
            }
            let content = self.seen.content(path, LIMIT, true)?;
            let why = || format!("there is no file {path} on the host, which {by} includes");
            let content = content.ok_or_else(|| self.seen.lacks(&[Area::Path(path.clone())], why()))?;
            let key = (path.clone(), place.folder.clone());
            if let Some(at) = self.known.get(&key) {
                copies.push(format!("\"{COPY}/included-{at}\""));
                continue;
            }
            let (source, node) = parse_file(path, &content)?;
            self.seen.each(named(&node, &place.folder, &source.text).iter().map(|path| read_query(path)))?;
            way.push(path.clone());
            let text = self.text(&source.text, &node, &place.folder, way)?;
            way.pop();
            copies.push(format!("\"{COPY}/included-{}\"", self.included.len()));
            self.known.insert(key, self.included.len());
            self.included.push((path.clone(), Content::new(text, true)));
            self.nodes.push(node);
        }
        // Where the copies lie says nothing.
        let mut more = vec![format!("project_directory: {}", quoted(&place.folder))];
        match &entry.env_files {
            None => {
                for path in &place.env_files {
                    more.extend(self.env_file(path)?.map(|copy| format!("env_file: {copy}")));
                }
            }
            Some(nodes) => {
                let files = nodes.iter().filter(|node| node.as_str() != Some(NO_FILE));
                for (node, path) in files.zip(&place.env_files) {
                    edits.extend(self.env_file(path)?.map(|copy| (whole(text, node), copy)));
                }
            }
        }
        let Some(map) = entry.map else {
            let all = [format!("path: {}", copies[0])].into_iter().chain(more).collect::<Vec<_>>();
            edits.push((whole(text, entry.paths[0]), format!("{{{}}}", all.join(", "))));
            return Ok(());
        };
        edits.extend(entry.paths.iter().zip(copies).map(|(node, copy)| (whole(text, node), copy)));
        if let Some(folder) = entry.folder {
            edits.push((whole(text, folder), quoted(&place.folder)));
            more.remove(0);
        }
        let first = map.values().map(|entry| entry.key.span.start).min().unwrap_or_default();
        let first = first - usize::from(text[..first].ends_with(['"', '\'']));
        let line = text[..first].rfind('\n').map_or(0, |end| end + 1);
        let behind = match text[..first].trim_end().ends_with('{') {
            true => ", ".to_string(),
            false => format!("\n{}", " ".repeat(text[line..first].chars().count())),
        };
        edits.push((first..first, more.into_iter().map(|key| key + &behind).collect()));
        Ok(())
    }
}

/// Where an entry leads that is written plainly: each word stands in the text as it is meant, with no variable, alias, merge or fold, and
/// nothing is left empty. Else compose reads it itself.
fn plain(entry: &Entry, base: &str, text: &str) -> Option<Place> {
    let stands = |origin: &Origin, word: &str| {
        let there = text.get(origin.span.clone()).unwrap_or_default();
        let quoted = ['"', '\''].iter().find_map(|quote| there.strip_prefix(*quote)?.strip_suffix(*quote));
        there == word || quoted == Some(word)
    };
    // A word that begins its line may be a folded one.
    let begins_line = |origin: &Origin| {
        let before = text.get(..origin.span.start).unwrap_or_default().trim_end_matches([' ', '"', '\'']);
        before.is_empty() || before.ends_with('\n')
    };
    let is_plain = |node: &Node| {
        let origin = &node.origin;
        node.as_str().is_some_and(|word| !word.contains('$') && stands(origin, word)) && !begins_line(origin)
    };
    let env_files = entry.env_files.iter().flatten().copied();
    let mut words = entry.paths.iter().copied().chain(entry.folder).chain(env_files);
    let is_whole = |map: &Map| {
        let keys = map.iter().all(|(key, entry)| stands(&entry.key, key));
        let given = |key: &str| map.contains_key(key);
        let first = map.values().map(|entry| entry.key.span.start).min().unwrap_or_default();
        let before = text.get(..first).unwrap_or_default().trim_end_matches(['"', '\'']).trim_end();
        keys && before.ends_with(['{', '-'])
            && given("env_file") == entry.env_files.is_some()
            && given("project_directory") == entry.folder.is_some()
    };
    let is_simple = words.all(is_plain) && entry.map.is_none_or(is_whole);
    entry.place(base, &str::to_string).ok().filter(|_| is_simple)
}

/// The files that one names: they can be asked for together.
pub fn named(node: &Node, base: &str, text: &str) -> Vec<String> {
    let places = include::entries(node).filter_map(|entry| plain(&entry, base, text)).collect::<Vec<_>>();
    let included = places.into_iter().flat_map(|place| place.paths.into_iter().chain(place.env_files));
    env_file_entries(node).into_iter().map(|entry| join(base, &entry.path)).chain(included).collect()
}

/// JSON, which is YAML.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Where a text stands, with its quotes.
fn whole(text: &str, node: &Node) -> Range<usize> {
    let Range { start, end } = node.origin.span;
    let quotes = |quote: char| text[..start].ends_with(quote) && text[end..].starts_with(quote);
    if quotes('"') || quotes('\'') { start - 1..end + 1 } else { start..end }
}

/// All `env_file:` entries that are named plainly, in the order in which they stand in the text.
fn env_file_entries(node: &Node) -> Vec<EnvFile> {
    let mut entries: Vec<EnvFile> = vec![];
    let mut add = |node: &Node| {
        let node = node.get("path").unwrap_or(node);
        if let Some(path) = node.as_str().filter(|path| !path.contains('$') && !path.is_empty()) {
            // One that several services share through an anchor stands in the text once.
            let origin = node.origin.clone();
            if !origin.span.is_empty() && !entries.iter().any(|known| known.origin.span == origin.span) {
                entries.push(EnvFile { path: path.into(), origin });
            }
        }
    };
    for (_, service) in services_in(node) {
        match service.get("env_file") {
            Some(node) if node.as_seq().is_some() => node.as_seq().into_iter().flatten().for_each(&mut add),
            Some(node) => add(node),
            None => {}
        }
    }
    entries.sort_by_key(|entry| entry.origin.span.start);
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        model::Area,
        resource::{Look, Lookup},
    };
    use agent::wire::{Answer, Query};

    #[test]
    fn env_files_are_found_where_they_stand() {
        let text = "x-e: &e ./a.env\nservices:\n  a:\n    env_file: *e\n  b:\n    env_file: ['b.env', {path: \"c.env\", \
                    required: false}]\n  c:\n    env_file:\n      - d.env # why\n      - ${X}.env\n";
        let (_, node) = parse_file("f", &Content::from(text)).unwrap();
        let mut rewritten = text.to_string();
        let entries = env_file_entries(&node);
        for entry in entries.iter().rev() {
            rewritten.replace_range(entry.origin.span.clone(), "\"X\"");
        }
        assert_eq!(
            entries.iter().map(|e| e.path.as_str()).collect::<Vec<_>>(),
            ["./a.env", "b.env", "c.env", "d.env"]
        );
        assert_eq!(
            rewritten,
            "x-e: &e ./a.env\nservices:\n  a:\n    env_file: \"X\"\n  b:\n    env_file: [\"X\", {path: \"X\", required: \
             false}]\n  c:\n    env_file:\n      - \"X\" # why\n      - ${X}.env\n"
        );
    }

    struct Disk(BTreeMap<&'static str, &'static str>);

    impl Lookup for Disk {
        fn look(&self, query: &Query) -> Look {
            let Query::Read { path, .. } = query else { return Look::NotAsked };
            let content = self.0.get(path.as_str()).map(|text| Content::from(*text));
            Look::Known(Answer::Content(content))
        }

        fn may_still_come(&self, _: &[Area]) -> bool {
            false
        }
    }

    /// The text of a main file in `/srv/shop`, and the included ones, all as JSON.
    fn copied(
        main: &str,
        disk: &[(&'static str, &'static str)],
    ) -> (serde_json::Value, Vec<serde_json::Value>) {
        let disk = Disk(disk.iter().copied().collect());
        let seen = Seen::new(&disk);
        let (source, node) = parse_file("/srv/shop/compose.yml", &Content::from(main)).unwrap();
        let mut copies = Copies::new(vec![("/srv/shop/.env".into(), None)], &seen);
        let mut way = vec!["/srv/shop/compose.yml".to_string()];
        let text =
            copies.text(&source.text, &node, "/srv/shop", &mut way).unwrap_or_else(|_| panic!("{main}"));
        let json = |text: String| parse_file("copy", &Content::from(text.as_str())).unwrap().1.to_json();
        let included = copies.included.into_iter();
        let included =
            included.map(|(_, text)| json(String::from_utf8(text.bytes().to_vec()).unwrap())).collect();
        (json(text), included)
    }

    #[test]
    fn includes_of_every_form_lead_to_copies_and_keep_their_folders() {
        let base = ("/srv/base/base.yml", "services: {b: {env_file: own.env}}\n");
        let disk = [
            base,
            ("/srv/base/own.env", "A=1\n"),
            ("/srv/base/.env", "B=1\n"),
            ("/srv/shop/x.env", "C=1\n"),
            ("/srv/shop/o.yml", "{}\n"),
        ];
        let (folder, copy) = ("/srv/base", |at: u8| format!("@PROVISION_COPY@/{at}"));
        let short = serde_json::json!({"path": "@PROVISION_COPY@/included-0", "project_directory": folder, "env_file": copy(2)});
        for main in [
            "include: [../base/base.yml]\n",
            "include:\n- '../base/base.yml' # why\n",
            "include:\n  - path: \"../base/base.yml\"\nservices: {}\n",
            "include:\n  -   \"path\": ../base/base.yml\n",
            "include: [{path: ../base/base.yml}]\n",
            "include: [ { \"path\": ../base/base.yml } ]\n",
        ] {
            let (own, included) = copied(main, &disk);
            assert_eq!(own["include"], serde_json::json!([short]), "{main}");
            assert_eq!(included, [serde_json::json!({"services": {"b": {"env_file": copy(1)}}})], "{main}");
        }
        // Over each other, from a folder and with values of its own.
        let more = "include:\n  - path:\n      - ../base/base.yml\n      - o.yml\n    project_directory: .\n    env_file: [x.env, gone.env]\n";
        let long = serde_json::json!({
            "path": ["@PROVISION_COPY@/included-0", "@PROVISION_COPY@/included-1"],
            "project_directory": "/srv/shop",
            "env_file": [copy(1), "gone.env"],
        });
        let (own, included) = copied(more, &disk);
        assert_eq!((&own["include"], included.len()), (&serde_json::json!([long]), 2));
        // In the folder of another one `own.env` is not there: what is missing is for compose to tell.
        assert_eq!(included[0]["services"]["b"]["env_file"], "own.env");
        // What only compose finds stays as it is.
        let away = "include: [\"oci://acme/base\", \"${X}/base.yml\"]\n";
        assert_eq!(copied(away, &disk).0["include"], serde_json::json!(["oci://acme/base", "${X}/base.yml"]));
        // What is not written plainly is left as it is.
        for odd in [
            "x-i: &i {path: ../base/base.yml}\ninclude: [*i]\n",
            "x-p: &p [../base/base.yml, o.yml]\ninclude: [{path: *p}]\n",
            "x-e: &e [x.env]\ninclude: [{path: ../base/base.yml, env_file: *e}]\n",
            "x-d: &d {env_file: x.env}\ninclude:\n  - {<<: *d, path: ../base/base.yml}\n",
            "include: [{path: ../base/base.yml, env_file: []}]\n",
            "include: [{path: ../base/base.yml, project_directory: \"\"}]\n",
            "include:\n  - { # base\n    path: ../base/base.yml }\n",
            "include:\n  - path: >-\n      ../base/base.yml\n",
            "include: [\"..\\/base/base.yml\"]\n",
        ] {
            let (own, included) = copied(odd, &disk);
            let node = parse_file("f", &Content::from(odd)).unwrap().1.to_json();
            assert_eq!((&own["include"], included.len()), (&node["include"], 0), "{odd}");
        }
        // Two that include the same have one copy of it.
        let twice = "include: [../base/base.yml, {path: ../base/base.yml}]\n";
        assert_eq!(copied(twice, &disk).1.len(), 1);
        // `/dev/null` says that there is none; an entry of no file is for compose to tell.
        let none = "include: [{path: ../base/base.yml, env_file: [/dev/null, x.env]}, {path: []}]\n";
        let (own, _) = copied(none, &disk);
        assert_eq!(own["include"][0]["env_file"], serde_json::json!(["/dev/null", copy(2)]));
        assert_eq!(own["include"][1], serde_json::json!({"path": []}));
    }
}
