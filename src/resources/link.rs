//! `link`: a symbolic link.

use super::shared::{FileState, HostPath, What, link_ops, nothing_comes, observe_entry, parent_there};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
};
use agent::wire::{Answer, Attrs, Op, Query};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct Link;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Presence {
    #[default]
    Present,
    Absent,
}

/// Makes a symbolic link, or removes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The link itself.
    path: HostPath,
    /// What it points to, as it is written into the link: absolute, or relative to the link's folder. Needed with `present`.
    target: Option<String>,
    /// `present` (default) or `absent`: whether the link is to be there.
    #[serde(default)]
    state: Presence,
    /// Also replaces (or removes) a file or an empty directory that is there instead of a link.
    #[serde(default)]
    force: bool,
}

impl Spec {
    /// What is to be there.
    fn wanted(&self) -> Result<Option<What>, Fault> {
        if self.state == Presence::Absent {
            return Ok(None);
        }
        let target = self.target.as_ref().filter(|t| !t.is_empty() && !t.contains('\0'));
        let fault =
            || Fault::new("a link needs a `target`").hint("say what it points to, or `state: absent`");
        Ok(Some(What::Link(target.ok_or_else(fault)?.clone())))
    }
}

/// That nothing is in the folder which is to give way.
fn empty(path: &HostPath, seen: &Seen) -> Observe<()> {
    match seen.get(Query::List { path: path.to_string() })? {
        Answer::Names(Some(names)) if !names.is_empty() => {
            let fault = Fault::new(format!("{path} is a directory that is not empty, not a link"));
            Err(fault
                .hint("a task before it can remove it: `file` with `state: absent` and `recursive`")
                .into())
        }
        _ => Ok(()),
    }
}

impl Resource for Link {
    const NAME: &'static str = "link";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["type", "target"];
    const EXAMPLE: &'static str = "\
name: Enable the site
link:
  path: /etc/nginx/sites-enabled/app.conf
  target: ../sites-available/app.conf
";
    const CONTENT: &'static [&'static str] = &["target"];

    type Spec = Spec;
    type State = FileState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.path.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        spec.wanted()?;
        let (state, _) = observe_entry(&spec.path, &Attrs::default(), seen)?;
        match &state.what {
            None if spec.state == Presence::Present => parent_there(&spec.path, seen)?,
            None => nothing_comes(&spec.path, seen)?,
            Some(What::File | What::Folder) if !spec.force => {
                let kind = if state.what == Some(What::File) { "file" } else { "directory" };
                let fault = Fault::new(format!("{} is a {kind}, not a link", spec.path));
                return Err(fault.hint("`force: true` replaces it").into());
            }
            Some(What::Folder) => empty(&spec.path, seen)?,
            _ => {}
        }
        Ok(state)
    }

    fn desired(spec: &Spec, _: &FileState) -> Result<FileState, Fault> {
        Ok(FileState { what: spec.wanted()?, ..FileState::default() })
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        link_ops(&spec.path, from, to)
    }
}
