//! `assemble`: a file out of fragments.

use super::shared::{
    FileState, HostPath, READ_LIMIT, Validate, attrs, content_ops, file_claims, observe_content, owners,
    pattern,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Facets, Fault, Observe, Pause, Resource, Seen, SourceParam, State, Topic},
    yaml::{Mode, Text},
};
use agent::{
    mode::is_private,
    secret::Content,
    wire::{Answer, Attrs, Kind, Op, Query},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

pub struct Assemble;

/// Writes a file out of fragments, one below the other: those of a folder by name, or texts of the task.
///
/// It is put together before it reaches the host, and takes its place at once. A fragment that does not end its last line is given an end.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host. Its folder must be there.
    dest: HostPath,
    /// The folder with the fragments, one file each: in `files/`, or with `remote_src` one on the host.
    /// Needed unless `fragments` are given.
    src: Option<HostPath>,
    /// Given with `src`: the name of a folder in `files/`.
    #[schemars(extend("x-internal" = true))]
    tree: Option<IndexMap<String, Item>>,
    /// `src` is a folder on the host.
    #[serde(default)]
    remote_src: bool,
    /// The fragments themselves, in this order, instead of `src`.
    fragments: Option<Vec<Text>>,
    /// A line between two fragments. Default: none.
    delimiter: Option<String>,
    /// Only files of the folder whose names match. Default: all.
    regexp: Option<String>,
    /// Leaves out files of the folder whose names begin with a dot.
    #[serde(default)]
    ignore_hidden: bool,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `visudo -cf %s`. Default: none.
    validate: Option<Validate>,
    /// Treats the content as secret, wherever it comes from. With `remote_src` it is so anyway where not everybody may read a fragment.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
}

/// What is in a folder of the project.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
struct Item {
    /// Of a file.
    content: Option<Text>,
    /// Whether the file may be run.
    #[serde(default)]
    #[expect(dead_code, reason = "all folders of a project are told alike")]
    executable: bool,
    /// Of a link: where it points to.
    target: Option<String>,
}

fn is_link(name: &str) -> Fault {
    let fault = Fault::new(format!("the fragment `{}` is a link", name.escape_debug()));
    fault.hint("put the file itself there, or leave it out by `regexp`")
}

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(self.mode, self.owner.as_ref(), self.group.as_ref())
    }

    fn checked(&self) -> Result<(), Fault> {
        self.regexp.as_deref().map(|text| pattern("regexp", text)).transpose()?;
        let from = [self.src.is_some() || self.tree.is_some(), self.fragments.is_some()];
        match (from, &self.src) {
            ([true, true], _) => {
                Err(Fault::new("`src` and `fragments` are both given").hint("use one of them"))
            }
            ([false, false], _) => {
                let fault = Fault::new("`src` is missing");
                Err(fault.hint("name the folder with the fragments, or write them as `fragments`"))
            }
            ([_, true], _) if self.regexp.is_some() || self.ignore_hidden => {
                let fault = Fault::new("`fragments` have no names that could be chosen by");
                Err(fault.hint("`regexp` and `ignore_hidden` are for a folder: leave them out"))
            }
            (_, None) if self.remote_src => {
                let fault = Fault::new("`src` is missing");
                Err(fault.hint("`remote_src` is about the folder that `src` names on the host"))
            }
            (_, Some(src)) if self.dest.parent() == Some(&**src) => {
                let fault = Fault::new(format!("{} is in the folder of its own fragments", self.dest));
                Err(fault.hint("name a file elsewhere"))
            }
            _ => Ok(()),
        }
    }

    /// Whether a file of the folder is a fragment.
    fn takes(&self, name: &str) -> Result<bool, Fault> {
        let matches = match &self.regexp {
            Some(text) => pattern("regexp", text)?.is_match(name),
            None => true,
        };
        Ok(matches && !(self.ignore_hidden && name.starts_with('.')))
    }

    /// The fragments, in order.
    fn parts(&self, seen: &Seen) -> Observe<Vec<Content>> {
        if let Some(fragments) = &self.fragments {
            return Ok(fragments.iter().map(|text| text.0.clone()).collect());
        }
        if let Some(src) = &self.src {
            return self.on_host(src, seen);
        }
        let mut parts = BTreeMap::new();
        for (name, item) in self.tree.iter().flatten().filter(|(name, _)| !name.contains('/')) {
            if !self.takes(name)? {
                continue;
            }
            if item.target.is_some() {
                return Err(is_link(name).into());
            }
            parts.extend(item.content.as_ref().map(|text| (name, text.0.clone())));
        }
        if parts.is_empty() {
            let fault = Fault::new("no file of the folder is a fragment");
            return Err(fault.hint("put one there whose name `regexp` matches").into());
        }
        Ok(parts.into_values().collect())
    }

    fn on_host(&self, src: &HostPath, seen: &Seen) -> Observe<Vec<Content>> {
        let names = match seen.get(Query::List { path: src.to_string() })? {
            Answer::Names(Some(names)) => names,
            _ => return Err(seen.lacks(&[src.area()], format!("the directory {src} does not exist"))),
        };
        let mut paths = vec![];
        for name in names {
            if self.takes(&name)? {
                paths.push(format!("{}/{name}", src.trim_end_matches('/')));
            }
        }
        let of_path = |path: &String| Query::File { path: path.clone() };
        let metas = seen.each(paths.iter().map(of_path))?;
        let mut files = vec![];
        for (path, answer) in paths.iter().zip(metas) {
            let Answer::Meta(Some(meta)) = answer else { continue };
            match meta.kind {
                Kind::File { .. } => files.push((path, self.secret || is_private(meta.mode))),
                Kind::Link { .. } => return Err(is_link(path).into()),
                Kind::Folder | Kind::Other => {}
            }
        }
        if files.is_empty() {
            return Err(seen.lacks(&[src.area()], format!("no file of {src} is a fragment")));
        }
        let read = |(path, secret): &(&String, bool)| Query::Read {
            path: (*path).clone(),
            limit: READ_LIMIT,
            secret: *secret,
        };
        // Together, so that they are answered in one round.
        seen.each(files.iter().map(read))?;
        let contents = files.iter().map(|(path, secret)| {
            let content = seen.content(path, READ_LIMIT, *secret)?;
            content.ok_or_else(|| Pause::Fault(Fault::new(format!("{path} may not be read"))))
        });
        contents.collect()
    }

    fn wanted(&self, seen: &Seen) -> Observe<Content> {
        let parts = self.parts(seen)?;
        let secret = self.secret || parts.iter().any(Content::is_secret);
        let mut whole: Vec<u8> = vec![];
        let end = |whole: &mut Vec<u8>| {
            if whole.last().is_some_and(|byte| *byte != b'\n') {
                whole.push(b'\n');
            }
        };
        for (at, part) in parts.iter().enumerate() {
            end(&mut whole);
            if let Some(delimiter) = self.delimiter.as_ref().filter(|_| at > 0) {
                whole.extend(delimiter.as_bytes());
                end(&mut whole);
            }
            whole.extend(part.bytes());
        }
        Ok(Content::new(whole, secret))
    }
}

/// The file, and what it is to hold: that also comes from the host.
pub struct Assembled {
    file: FileState,
    wanted: Content,
}

impl State for Assembled {
    fn facets(&self) -> Facets {
        self.file.facets()
    }
}

impl Resource for Assemble {
    const NAME: &'static str = "assemble";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::WRITTEN;
    const EXAMPLE: &'static str = "\
name: Let in whose key is in the project
assemble:
  src: keys
  dest: /home/deploy/.ssh/authorized_keys
  owner: deploy
  mode: \"0600\"
";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "files", render: false, into: "tree" }];
    const CONTENT: &'static [&'static str] = &["delimiter", "regexp", "fragments", "tree", "mode"];

    type Spec = Spec;
    type State = Assembled;

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        let reads =
            spec.src.iter().map(HostPath::area).chain(owners(spec.owner.as_ref(), spec.group.as_ref()));
        Footprint::writes([spec.dest.area()]).and_reads(reads)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Assembled> {
        spec.checked()?;
        let wanted = spec.wanted(seen)?;
        Ok(Assembled { file: observe_content(&spec.dest, &wanted, &spec.attrs(), seen)?, wanted })
    }

    fn desired(spec: &Spec, observed: &Assembled) -> Result<Assembled, Fault> {
        let wanted = observed.wanted.clone();
        Ok(Assembled { file: observed.file.with_content(&wanted, &spec.attrs()), wanted })
    }

    fn ops(spec: &Spec, from: &Assembled, to: &Assembled) -> Vec<Op> {
        content_ops(&spec.dest, &to.wanted, spec.validate.as_deref(), &from.file, &to.file)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        file_claims(&spec.dest, &spec.wanted(seen)?, spec.mode, seen)
    }
}
