//! `template`: a file whose content is rendered from a template.

use super::shared::{
    FileState, HostPath, Validate, attrs, content_ops, file_claims, file_path, no_file_to_preserve,
    nothing_comes, observe_content, observe_entry, owners,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Fault, Observe, Resource, Seen, SourceParam, Topic},
    yaml::{FileMode, Mode, Text},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Template;

/// Writes a file from a template in `templates/`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host. Its folder must be there.
    #[serde(deserialize_with = "file_path")]
    dest: HostPath,
    /// The content, rendered. Usually given as `src`: the name of a file in `templates/`.
    content: Text,
    /// Permission bits, quoted: `"0644"`; or `preserve`: those that the file has in the project (a checkout of Git keeps only who may execute it).
    /// Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<FileMode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `nginx -t -c %s`. Default: none.
    validate: Option<Validate>,
    /// `false`: writes only where nothing is; what is there stays as it is, mode and owner too.
    #[serde(default = "yes")]
    force: bool,
    /// Treats the content as secret, wherever it comes from.
    #[serde(default)]
    secret: bool,
}

fn yes() -> bool {
    true
}

impl Spec {
    fn mode(&self) -> Option<Mode> {
        match self.mode {
            Some(FileMode::Bits(mode)) => Some(mode),
            // It has been put in its place, or is refused.
            Some(FileMode::Preserve) | None => None,
        }
    }

    fn attrs(&self) -> Attrs {
        attrs(self.mode(), self.owner.as_ref(), self.group.as_ref())
    }

    fn wanted(&self) -> Content {
        match &self.content.0 {
            Content::Clear(bytes) if self.secret => Content::new(bytes.to_vec(), true),
            content => content.clone(),
        }
    }
}

impl Resource for Template {
    const NAME: &'static str = "template";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::WRITTEN;
    const EXAMPLE: &'static str = "\
name: Configure the web server
template:
  src: nginx.conf.hbs
  dest: /etc/nginx/nginx.conf
  mode: \"0644\"
  validate: nginx -t -c %s
";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "templates", render: true, into: "content" }];
    const CONTENT: &'static [&'static str] = &["content", "mode"];

    type Spec = Spec;
    type State = FileState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.dest.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        if spec.mode == Some(FileMode::Preserve) {
            return Err(no_file_to_preserve().into());
        }
        if !spec.force {
            let (state, _) = observe_entry(&spec.dest, &Attrs::default(), seen)?;
            if state.what.is_some() {
                return Ok(state);
            }
            nothing_comes(&spec.dest, seen)?;
        }
        observe_content(&spec.dest, &spec.wanted(), &spec.attrs(), seen)
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        if !spec.force && observed.what.is_some() {
            return Ok(observed.clone());
        }
        Ok(observed.with_content(&spec.wanted(), &spec.attrs()))
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        content_ops(&spec.dest, &spec.wanted(), spec.validate.as_deref(), from, to)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        // What is there already may be something else.
        if !spec.force && seen.meta(&spec.dest)?.is_some() {
            return Ok(vec![]);
        }
        file_claims(&spec.dest, &spec.wanted(), spec.mode(), seen)
    }
}
