//! Files that a Compose file includes (`include:`), found as compose finds them: paths start from the folder of the project, in an included
//! file from where its own paths start, which is the folder of the first file of its entry unless that says otherwise.

use super::{
    extends::{folder, path, resolved},
    files::{LIMIT, parse_file},
    interpolate::fill,
};
use crate::{
    model::{Claim, Origin, Source, Spot},
    resource::{Observe, Pause, Seen},
    resources::shared::dotenv,
    yaml::{Map, Node},
};
use agent::{secret::Content, wire::Query};
use std::{collections::BTreeMap, rc::Rc, sync::Arc};

pub type Values = BTreeMap<String, String>;

/// What stands for no file of variables.
pub const NO_FILE: &str = "/dev/null";

/// An entry of `include:`.
pub struct Entry<'a> {
    /// Over each other.
    pub paths: Vec<&'a Node>,
    pub folder: Option<&'a Node>,
    /// `None`: none is named.
    pub env_files: Option<Vec<&'a Node>>,
    /// Where it is more than a path.
    pub map: Option<&'a Map>,
}

/// Where an entry leads.
pub struct Place {
    pub paths: Vec<String>,
    /// From where paths in the files start.
    pub folder: String,
    pub env_files: Vec<String>,
}

/// The entries of a file.
pub fn entries(file: &Node) -> impl Iterator<Item = Entry<'_>> {
    let list = file.get("include").and_then(Node::as_seq).into_iter().flatten();
    list.filter_map(|node| {
        let texts = |key: &str| -> Option<Vec<&Node>> {
            let named = node.get(key).filter(|node| !node.is_null())?;
            Some(named.as_seq().map_or_else(|| vec![named], |items| items.iter().collect()))
        };
        let paths = if node.as_str().is_some() { vec![node] } else { texts("path")? };
        // Compose itself refuses an entry that names no file.
        paths.first()?;
        let folder =
            node.get("project_directory").filter(|node| node.as_str().is_some_and(|it| !it.is_empty()));
        let env_files = texts("env_file").filter(|files| !files.is_empty());
        Some(Entry { paths, folder, env_files, map: node.as_map() })
    })
}

impl Entry<'_> {
    /// Where it leads from a file whose paths start at `base`.
    ///
    /// # Errors
    /// The path that is none of a file on the host, and why.
    pub fn place(
        &self,
        base: &str,
        filled: &dyn Fn(&str) -> String,
    ) -> Result<Place, (String, &'static str)> {
        let mut paths = vec![];
        for node in &self.paths {
            let text = filled(node.as_str().unwrap_or_default());
            if let Some(why) = elsewhere(&text) {
                return Err((text, why));
            }
            paths.push(resolved(base, &text));
        }
        let Some(first) = paths.first() else { return Err((String::new(), "it names no file")) };
        let own = || folder(first).to_string();
        let folder =
            self.folder.and_then(Node::as_str).map_or_else(own, |folder| resolved(base, &filled(folder)));
        let named = |node: &&Node| resolved(base, &filled(node.as_str().unwrap_or_default()));
        let env_files = match &self.env_files {
            Some(files) => files.iter().map(named).filter(|file| file != NO_FILE).collect(),
            None => vec![resolved(&folder, ".env")],
        };
        Ok(Place { paths, folder, env_files })
    }
}

/// Why this is no path on the host.
fn elsewhere(path: &str) -> Option<&'static str> {
    let is_remote =
        path.contains("://") || ["git@", "github.com/"].iter().any(|start| path.starts_with(start));
    match path {
        "" => Some("it names no file"),
        _ if is_remote => Some("compose fetches it by itself"),
        _ if path.contains('$') => Some("only the host knows the variables in its path"),
        _ => None,
    }
}

/// The way by which a file includes itself: `a.yml, b.yml, a.yml`.
pub fn circle(way: &[String], path: &str) -> Option<String> {
    let start = way.iter().position(|known| known == path)?;
    let round: Vec<&str> = way[start..].iter().map(String::as_str).chain([path]).collect();
    Some(round.join(", "))
}

/// A file of the project, with what holds in it.
pub struct File {
    pub source: Arc<Source>,
    pub node: Node,
    /// From where its paths start.
    pub base: String,
    pub values: Rc<Values>,
    /// The environment files that these are from.
    pub env: Rc<Vec<String>>,
}

/// The files of a project, each behind those that it includes: what stands in it goes over what they say.
#[derive(Default)]
pub struct Tree {
    pub files: Vec<File>,
    /// What is not looked at.
    pub unread: Vec<Claim>,
    /// What is still to be asked.
    open: Vec<Query>,
}

impl Tree {
    /// Reads them. What is not there, or not known yet, is left out: compose itself, and the plan, say so.
    ///
    /// # Errors
    /// What is to be asked.
    pub fn read(
        main: Vec<(Arc<Source>, Node)>,
        base: &str,
        values: Values,
        env: Vec<String>,
        seen: &Seen,
    ) -> Observe<Self> {
        let (values, env) = (Rc::new(values), Rc::new(env));
        let mut tree = Self::default();
        for (source, node) in main {
            let file = File { source, node, base: base.into(), values: values.clone(), env: env.clone() };
            tree.add(file, &mut vec![], seen);
        }
        if tree.open.is_empty() { Ok(tree) } else { Err(Pause::Need(tree.open)) }
    }

    fn add(&mut self, file: File, way: &mut Vec<String>, seen: &Seen) {
        way.push(path(&file.source));
        for entry in entries(&file.node) {
            let spot = spot(&entry.paths[0].origin);
            let unread =
                |what: String, why: &str| Claim::Unread { what, why: why.into(), spot: spot.clone() };
            let place = match entry.place(&file.base, &|text| fill(text, &file.values, &mut |_| {})) {
                Ok(place) => place,
                Err((what, why)) => {
                    self.unread.push(unread(what, why));
                    continue;
                }
            };
            let Place { paths, folder, env_files } = place;
            let own = entry.env_files.is_some();
            // Of an entry's files the later one counts, and over both what holds around it.
            let mut values = Values::new();
            for path in &env_files {
                values.extend(self.content(path, seen).iter().flat_map(values_of));
            }
            values.extend((*file.values).clone());
            let env = match env_files.iter().all(|path| file.env.contains(path)) {
                true => file.env.clone(),
                false => {
                    let there =
                        |path: &&String| own || matches!(seen.content(path, LIMIT, true), Ok(Some(_)));
                    Rc::new(file.env.iter().chain(env_files.iter().filter(there)).cloned().collect())
                }
            };
            let values = Rc::new(values);
            for path in paths {
                if let Some(round) = circle(way, &path) {
                    self.unread
                        .push(unread(path, &format!("it includes itself, which compose refuses: {round}")));
                    continue;
                }
                let is_known =
                    self.files.iter().any(|known| known.source.path.to_string_lossy() == path.as_str());
                let Some(content) = self.content(&path, seen).filter(|_| !is_known) else { continue };
                // What is wrong with it says the plan.
                let Ok((source, node)) = parse_file(&path, &content) else { continue };
                let (values, env) = (values.clone(), env.clone());
                self.add(File { source, node, base: folder.clone(), values, env }, way, seen);
            }
        }
        way.pop();
        self.files.push(file);
    }

    fn content(&mut self, path: &str, seen: &Seen) -> Option<Content> {
        match seen.content(path, LIMIT, true) {
            Ok(content) => content,
            Err(Pause::Need(queries)) => {
                self.open.extend(queries);
                None
            }
            Err(_) => None,
        }
    }
}

/// What an environment file sets.
pub fn values_of(content: &Content) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(content.bytes()).into_owned();
    let pairs = dotenv::parse(&text).into_iter().filter_map(|item| item.pair).map(|pair| {
        // What is made of other variables is something, as far as can be told.
        let (dotenv::Value::Literal(value) | dotenv::Value::Interpolated(value)) = pair.value;
        (pair.key, value)
    });
    pairs.collect()
}

pub fn spot(origin: &Origin) -> Spot {
    Spot { path: origin.source.path.display().to_string(), line: origin.line_column().0 }
}
