//! `yaml_merge`: values inside a YAML file.

mod emit;
mod surgery;

use self::surgery::Cannot;
use super::shared::{Edited, FileState, HostPath, Validate, attrs, merge, owners};
use crate::{
    model::{Address, Claim, Footprint, Source},
    resource::{Fault, Observe, Resource, Seen, Topic},
    yaml::{Mode, Node, Value as Yaml, parse_documents},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;

pub struct YamlMerge;

/// Merges values into a YAML file, leaving its other entries as they are.
///
/// Only the lines of what changes are written anew: comments, order and layout of the rest stay. Where a comment stands inside a value that
/// is replaced or removed, or a mapping that changes is written in one line (`{a: 1}`) beside one, the task fails unless it says
/// `drop_comments: true`; then the comments of that value go, and of the whole file when that is written in one line.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// Merged into the file's mapping: mappings key by key, anything else replaces what is there, `null` removes the key.
    values: Map<String, Value>,
    /// Lets comments go that stand in what is changed.
    #[serde(default)]
    drop_comments: bool,
    /// Makes the file when it is missing.
    #[serde(default = "yes")]
    create: bool,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `promtool check config %s`. Default: none.
    validate: Option<Validate>,
    /// Shows keys but no values of the file.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
}

fn yes() -> bool {
    true
}

/// The text's one document.
fn read(text: &str) -> Result<Node, String> {
    let source = Source { path: "file".into(), text: text.into(), secret: true };
    let mut documents = parse_documents(&Arc::new(source)).map_err(|error| {
        // Line and column only: the rest may quote the file.
        let place = error.place.map(|(origin, _)| origin.line_column());
        let place = place.map(|(line, column)| format!(" (line {line}, column {column})"));
        format!("is not YAML{}", place.unwrap_or_default())
    })?;
    match documents.len() {
        0 => Ok(Node::new(Yaml::Null, crate::model::Origin::named("file"))),
        1 => Ok(documents.remove(0)),
        _ => Err("holds several documents".into()),
    }
}

impl Spec {
    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: attrs(self.mode, self.owner.as_ref(), self.group.as_ref()),
            secret: self.secret,
            create: self.create,
            is_own: false,
            validate: self.validate.as_ref(),
        }
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let path = &self.path;
        let root = read(text).map_err(|why| {
            Fault::new(format!("{path} {why}")).hint("mend it by hand, or write it whole with `copy`")
        })?;
        let before = match root.to_json() {
            Value::Object(map) => map,
            Value::Null => Map::new(),
            _ => return Err(Fault::new(format!("{path} holds no YAML mapping"))),
        };
        let mut after = before.clone();
        merge(&mut after, &self.values);
        if after == before && !text.is_empty() {
            return Ok(text.into());
        }
        let new = surgery::edit(text, &root, &after, self.drop_comments).map_err(|cannot| match cannot {
            Cannot::Comment(line) => {
                Fault::new(format!("the comment in line {line} of {path} would be lost"))
                    .hint("`drop_comments: true` lets it go; else move it above the key that it is about")
            }
            Cannot::Shape => self.refused(),
        })?;
        // Anchors, tags and what else YAML has: whatever was done must read as what is wanted.
        match read(&new) {
            Ok(found) if found.to_json() == Value::Object(after) => Ok(new),
            _ => Err(self.refused()),
        }
    }

    fn refused(&self) -> Fault {
        let fault = Fault::new(format!("{} is written in a way that cannot be changed in place", self.path));
        fault.hint("anchors, merge keys (`<<`) and keys behind `?` are not taken apart: change it by hand, or write it whole with `template`")
    }
}

impl Resource for YamlMerge {
    const NAME: &'static str = "yaml_merge";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::EDITED;
    const EXAMPLE: &'static str = "\
name: Measure twice a minute
yaml_merge:
  path: /etc/prometheus/prometheus.yml
  values:
    global: { scrape_interval: 30s }
    storage: ~
  validate: promtool check config %s
";
    const CONTENT: &'static [&'static str] = &["values", "mode"];

    type Spec = Spec;
    type State = FileState;

    /// Several tasks may each own keys.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        spec.file().observe(seen)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        let text = spec.file().text(observed)?;
        spec.file().with(observed, spec.edit(text)?)
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        spec.file().ops(from, to)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        spec.file().claims(seen)
    }
}
