//! `synchronize`: a folder on the host as it is in the project.

mod compare;

use self::compare::{Entry, compare};
use super::shared::{HostPath, owners};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic},
    yaml::{Mode, Text},
};
use agent::{glob::covers, wire::Op};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

pub struct Synchronize;

/// Brings a folder of `files/` to the host, with all that is in it.
///
/// Files are compared by digest, and only those that differ are sent. A file that may be run here may be run there (`0755`), any other one
/// has `0644`, or `0600` when it comes from a vault; links stay links. What else is in the folder on the host stays, unless `delete` says
/// otherwise. Up to 60 MiB can change at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Given with `src`: the name of a folder in `files/`.
    #[schemars(extend("x-internal" = true))]
    tree: IndexMap<String, Item>,
    /// The folder on the host. It is made when it is missing, in a folder that is there.
    dest: HostPath,
    /// Removes what is in the folder on the host and not in `src`, but for what `exclude` names. Mount points stay, and folders of the system
    /// are refused.
    #[serde(default)]
    delete: bool,
    /// Patterns for paths in the folder that are neither brought nor removed. `*` is anything, `?` one character; a folder is all that is
    /// in it.
    #[serde(default)]
    exclude: Vec<String>,
    /// Permission bits of all files, quoted: `"0640"`. Default: `0644`, for what may be run `0755`; when it is secret `0600` and `0700`.
    mode: Option<Mode>,
    /// Permission bits of all folders, quoted. Default: `0755` for new ones; others stay as they are.
    directory_mode: Option<Mode>,
    /// Name or number of the owner of all of it. Default: who brings it owns what is new.
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
    executable: bool,
    /// Of a link: where it points to.
    target: Option<String>,
}

/// What may not be emptied, besides the folders right below the root.
const SYSTEM: &[&str] = &[
    "/usr/bin",
    "/usr/include",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/sbin",
    "/usr/share",
    "/var/backups",
    "/var/cache",
    "/var/lib",
    "/var/local",
    "/var/log",
    "/var/mail",
    "/var/opt",
    "/var/spool",
    "/var/tmp",
    "/etc/apt",
    "/etc/pam.d",
    "/etc/ssh",
    "/etc/ssl",
    "/etc/systemd",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/local/lib",
    "/var/lib/dpkg",
    "/var/lib/docker",
    "/var/lib/systemd",
];

impl Spec {
    fn is_excluded(&self, path: &str) -> bool {
        self.exclude.iter().any(|pattern| covers(pattern, path))
    }

    /// All that should be there, by path in the folder; `""` is the folder itself.
    fn wanted(&self) -> Result<BTreeMap<String, Entry<'_>>, Fault> {
        let mut wanted = BTreeMap::from([(String::new(), Entry::Folder)]);
        for (path, item) in self.tree.iter().filter(|(path, _)| !self.is_excluded(path)) {
            let plain = path.split('/').all(|step| !["", ".", ".."].contains(&step));
            if !plain || path.contains(['\n', '\r', '\0']) {
                let fault = Fault::new(format!("`{}` cannot be the path of a file", path.escape_debug()));
                return Err(fault.hint("give it a name without a line break, or `exclude` it"));
            }
            let entry = match (&item.content, &item.target) {
                (Some(content), None) => Entry::File { content: &content.0, executable: item.executable },
                (None, Some(target)) => Entry::Link(target),
                _ => Entry::Folder,
            };
            wanted.insert(path.clone(), entry);
        }
        Ok(wanted)
    }

    fn at(&self, path: &str) -> String {
        if path.is_empty() {
            self.dest.to_string()
        } else {
            format!("{}/{path}", self.dest.trim_end_matches('/'))
        }
    }
}

/// What differs, as it is and as it will be, and what is done about it.
#[derive(Clone, Default)]
pub struct Synced {
    shown: Facets,
    wanted: Facets,
    ops: Vec<Op>,
}

impl State for Synced {
    fn facets(&self) -> Facets {
        self.shown.clone()
    }
}

impl Resource for Synchronize {
    const NAME: &'static str = "synchronize";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["PATH", "PATH mode", "PATH owner", "PATH group", "more"];
    const EXAMPLE: &'static str = "\
name: Bring the site
synchronize:
  src: site
  dest: /srv/www/site
  delete: true
  exclude: [uploads, \"*.map\"]
  owner: www-data
";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "files", render: false, into: "tree" }];
    const CONTENT: &'static [&'static str] = &["tree", "mode", "directory_mode"];

    type Spec = Spec;
    type State = Synced;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if let Some(pattern) =
            spec.exclude.iter().find(|pattern| pattern.is_empty() || pattern.starts_with('/'))
        {
            let fault = Fault::new(format!("`{}` matches no path in a folder", pattern.escape_debug()));
            return Err(fault.hint("write it as seen from the folder, without a `/` in front: `cache/*`"));
        }
        let dest = &*spec.dest;
        if spec.delete && (dest.matches('/').count() < 2 || SYSTEM.contains(&dest)) {
            let fault =
                Fault::new(format!("`{dest}` is a folder of the system, and `delete` would empty it"));
            return Err(fault.hint("name a folder of your own in it, or leave `delete` out"));
        }
        if spec.delete && spec.wanted()?.len() == 1 {
            let fault =
                Fault::new("the folder in `src` is empty, and `delete` would remove all that is on the host");
            return Err(fault.hint("`file` with `state: absent` and `recursive: true` removes a folder"));
        }
        spec.wanted().map(drop)
    }

    fn address(spec: &Spec) -> Option<Address> {
        // Without `delete` others may have files in it.
        spec.delete.then(|| spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.dest.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Synced> {
        compare(spec, &spec.wanted()?, seen)
    }

    fn desired(_: &Spec, observed: &Synced) -> Result<Synced, Fault> {
        Ok(Synced { shown: observed.wanted.clone(), ..observed.clone() })
    }

    fn ops(_: &Spec, from: &Synced, to: &Synced) -> Vec<Op> {
        if from.shown == to.shown { vec![] } else { from.ops.clone() }
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        // Without `mode` it is its owner's.
        let Some(Mode(mode)) = spec.mode else { return Ok(vec![]) };
        let secret = |(path, entry): (String, Entry)| {
            let is_secret = matches!(entry, Entry::File { content, .. } if content.is_secret());
            is_secret.then(|| Claim::Secret { path: spec.at(&path), mode })
        };
        Ok(spec.wanted()?.into_iter().filter_map(secret).collect())
    }
}
