//! `file`: a directory, the attributes of a file, or that nothing is there.

use super::shared::{FileState, HostPath, What, attrs, observe_entry, owners};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Observe, Pause, Resource, Seen, Topic},
    yaml::Mode,
};
use agent::{
    folders,
    wire::{Answer, Attrs, MachineProbe, Op, Probe, Query},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub struct File;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Wanted {
    /// A file that is there already: only its attributes are set.
    #[default]
    File,
    Directory,
    Absent,
}

/// Makes a folder, sets mode and owner of what is there, or removes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file or folder on the host.
    path: HostPath,
    /// `directory` makes it, with missing parents; `file` must exist already; `absent` removes what is there.
    #[serde(default)]
    state: Wanted,
    /// Permission bits, quoted: `"0755"`. Default: as it is; a new directory has `0755`.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new directory belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    /// With `absent`: removes a directory with all that is in it.
    #[serde(default)]
    recursive: bool,
}

impl Spec {
    fn attrs(&self) -> Attrs {
        attrs(self.mode, self.owner.as_ref(), self.group.as_ref())
    }

    /// What can be told without asking the host.
    fn check(&self) -> Result<(), Fault> {
        let is_absent = self.state == Wanted::Absent;
        if self.recursive && !is_absent {
            let fault = Fault::new(
                "`recursive` removes a directory with all that is in it: it goes with `state: absent`",
            );
            return Err(fault.hint(
                "leave it out; of the files in a directory, `synchronize` or a task of `command: chown -R ...` sets owner and mode",
            ));
        }
        if is_absent && (folders::SYSTEM.contains(&&*self.path) || &*self.path == "/") {
            let fault = Fault::new(format!("cannot remove {}: it is a folder of the system", self.path));
            return Err(fault.hint("name what is in it and is to go"));
        }
        Ok(())
    }

    fn removable(&self, seen: &Seen) -> Observe<()> {
        let path = self.path.to_string();
        let mounts = Probe::Machine(MachineProbe::MountsIn { path: path.clone() });
        let list = (!self.recursive).then(|| Query::List { path: path.clone() });
        seen.each([Query::Run(mounts.clone())].into_iter().chain(list))?;
        let mounts = seen.run(mounts)?;
        if let Some(mount) = String::from_utf8_lossy(mounts.stdout.bytes()).lines().next() {
            let fault = Fault::new(format!("cannot remove {path}: {mount} is a mount point"));
            return Err(fault.hint("`mount` with `state: absent` takes it off first").into());
        }
        if self.recursive {
            return Ok(());
        }
        match seen.get(Query::List { path })? {
            Answer::Names(Some(names)) if !names.is_empty() => {
                let fault = Fault::new(format!("the directory {} is not empty", self.path));
                Err(fault.hint("`recursive: true` removes it with all that is in it").into())
            }
            _ => Ok(()),
        }
    }
}

impl Resource for File {
    const NAME: &'static str = "file";
    const TOPIC: Topic = Topic::Files;
    const EXAMPLE: &'static str = "\
name: Make room for backups
file:
  path: /srv/backups
  state: directory
  mode: \"0750\"
  owner: root
  group: adm
";

    type Spec = Spec;
    type State = FileState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.path.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        let own =
            Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()));
        if spec.state == Wanted::Directory { own.and_folders_above(&spec.path) } else { own }
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        let path = &spec.path;
        let (state, _) = observe_entry(path, &spec.attrs(), seen)?;
        let fault = match (spec.state, &state.what) {
            (Wanted::File, None) => {
                return Err(Pause::NotYet(format!(
                    "the file {path} does not exist and no earlier task makes it"
                )));
            }
            (Wanted::Absent, Some(What::Folder)) => return spec.removable(seen).map(|()| state),
            (Wanted::File | Wanted::Directory, Some(What::Link(target))) => {
                Fault::new(format!("{path} is a link to {target}")).hint("name what it points to")
            }
            (Wanted::File, Some(What::Folder)) => {
                Fault::new(format!("{path} is a directory")).hint("write `state: directory`")
            }
            (Wanted::Directory, Some(What::File)) => {
                Fault::new(format!("{path} is a file, not a directory")).hint("remove it first")
            }
            _ => return Ok(state),
        };
        Err(fault.into())
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        Ok(match spec.state {
            Wanted::Absent => FileState::default(),
            Wanted::File => observed.with_attrs(What::File, &spec.attrs(), 0o644),
            Wanted::Directory => observed.with_attrs(What::Folder, &spec.attrs(), 0o755),
        })
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        let path = spec.path.to_string();
        match (&from.what, &to.what) {
            (None, None) => vec![],
            (Some(_), None) => vec![Op::Remove { path, recursive: spec.recursive }],
            (None, Some(_)) => vec![Op::MakeFolder { path, attrs: to.attrs() }],
            _ if (from.mode, &from.owner, &from.group) == (to.mode, &to.owner, &to.group) => vec![],
            _ => vec![Op::SetAttrs { path, attrs: to.attrs() }],
        }
    }
}
