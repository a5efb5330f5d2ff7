//! The layers of variables that lie over each other, weakest first.

use super::tree::{ALL, Tree, Vars};
use super::{LOCALHOST, files};
use crate::diag::Diagnostics;
use crate::model::Origin;
use crate::vault::Passwords;
use crate::yaml::Node;
use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};

const GROUP_VARS: &str = "group_vars";
const HOST_VARS: &str = "host_vars";

/// All that is said about variables, before anything wins.
#[derive(Debug)]
pub(super) struct Layers {
    pub tree: Tree,
    /// Beside the inventory, then beside the playbook.
    folders: Vec<PathBuf>,
    /// What was read for `group_vars/NAME` or `host_vars/NAME`, one for each folder.
    read: HashMap<(&'static str, String), Vec<Vars>>,
    /// What a `localhost` has that no inventory names.
    local: Vars,
}

/// Where a variable is set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layer {
    /// `vars` of this group in the inventory.
    Group(String),
    /// `group_vars/` for this group, in this folder.
    GroupFile(PathBuf, String),
    /// The host in the inventory.
    Host,
    /// `host_vars/`, in this folder.
    HostFile(PathBuf),
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "vars of group {name} in the inventory"),
            Self::GroupFile(folder, name) => write!(f, "{}", folder.join(GROUP_VARS).join(name).display()),
            Self::Host => f.write_str("the host in the inventory"),
            Self::HostFile(folder) => write!(f, "{} for the host", folder.join(HOST_VARS).display()),
        }
    }
}

impl Layers {
    /// Reads the files of all groups and hosts, also of a group without hosts, so that its mistakes are found.
    pub(super) fn read(
        tree: Tree,
        folders: Vec<PathBuf>,
        passwords: &Passwords,
        errors: &mut Diagnostics,
    ) -> Self {
        let mut read = HashMap::new();
        let groups = tree.groups.keys().map(|name| (GROUP_VARS, name.as_str()));
        let hosts = tree.hosts.keys().map(String::as_str).filter(|name| *name != LOCALHOST);
        for (kind, name) in groups.chain(hosts.chain([LOCALHOST]).map(|name| (HOST_VARS, name))) {
            let vars = folders.iter().map(|folder| files::read(&folder.join(kind), name, passwords, errors));
            read.insert((kind, name.to_owned()), vars.collect());
        }
        let origin = Origin::named("implicit localhost");
        let local = Vars::from([("ansible_connection".into(), Node::string("local", &origin))]);
        Self { tree, folders, read, local }
    }

    /// Everything that is set anywhere: in the inventory, then in the variable files.
    pub(super) fn all(&self) -> impl Iterator<Item = (Layer, &str, &Node)> {
        let groups = self.tree.groups.iter().map(|(name, group)| (Layer::Group(name.clone()), &group.vars));
        let hosts = self.tree.hosts.values().map(|host| (Layer::Host, &host.vars));
        let mut files: Vec<_> = self.read.iter().collect();
        files.sort_unstable_by_key(|(of, _)| *of);
        let files = files.into_iter().flat_map(|((kind, name), read)| {
            self.folders.iter().zip(read).map(move |(folder, vars)| match *kind {
                GROUP_VARS => (Layer::GroupFile(folder.clone(), name.clone()), vars),
                _ => (Layer::HostFile(folder.clone()), vars),
            })
        });
        let layers = groups.chain(hosts).chain(files);
        layers.flat_map(|(layer, vars)| {
            vars.iter().map(move |(name, node)| (layer.clone(), name.as_str(), node))
        })
    }

    /// What is set for a host, in Ansible's order: what the inventory says for groups, then `group_vars/all`, then the
    /// other `group_vars/`, then the host. `groups` are those it is in, the strongest last.
    pub(super) fn of<'a>(
        &'a self,
        host: &'a str,
        groups: &'a [String],
    ) -> impl Iterator<Item = (Layer, &'a Vars)> {
        let tree = &self.tree;
        let written = std::iter::once(ALL)
            .chain(groups.iter().map(String::as_str))
            .map(|name| (Layer::Group(name.to_owned()), &tree.groups[name].vars));
        let files = |kind: &'static str, name: &str| {
            let read = self.read.get(&(kind, name.to_owned())).into_iter().flatten();
            self.folders.iter().map(PathBuf::as_path).zip(read)
        };
        let group_file = |folder: &Path, name: &str| Layer::GroupFile(folder.to_owned(), name.to_owned());
        let all = files(GROUP_VARS, ALL).map(move |(folder, vars)| (group_file(folder, ALL), vars));
        let others = (0..self.folders.len()).flat_map(move |at| {
            groups.iter().filter_map(move |name| {
                let (folder, vars) = files(GROUP_VARS, name).nth(at)?;
                Some((group_file(folder, name), vars))
            })
        });
        let own = tree.hosts.get(host).map_or(&self.local, |entry| &entry.vars);
        let host_files =
            files(HOST_VARS, host).map(|(folder, vars)| (Layer::HostFile(folder.to_owned()), vars));
        written.chain(all).chain(others).chain([(Layer::Host, own)]).chain(host_files)
    }
}
