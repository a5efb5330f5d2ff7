//! Hosts, groups, patterns, variables and their precedence, with the origin of each value.
//!
//! Inventories are written in Ansible's YAML form (JSON is the same thing), with `group_vars/` and `host_vars/` beside
//! the inventory and beside the playbook. `docs/inventory.md` is the user's side of this.
//!
//! * `tree`: the inventory file; `range`: host ranges; `files`: the variable files
//! * [`Inventory::load`]: all of it, merged by Ansible's precedence
//! * [`Inventory::select`]: patterns of `hosts:` and `--limit`
//! * [`ConnectionSpec`]: how a host is reached, from its rendered variables

mod connection;
mod files;
mod pattern;
mod range;
#[cfg(test)]
mod tests;
mod tree;

pub use connection::{BecomeSpec, ConnectionKind, ConnectionSpec, connection_spec};

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Origin;
use crate::vault::{Passwords, read_yaml};
use crate::yaml::{Node, Value};
use indexmap::{IndexMap, IndexSet};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use tree::{ALL, Tree, UNGROUPED, Vars};

/// The name that patterns always know: the controller itself.
const LOCALHOST: &str = "localhost";

/// One host with its variables, merged but not rendered.
#[derive(Clone, Debug)]
pub struct Host {
    pub name: String,
    /// Where the inventory names it first.
    pub origin: Origin,
    /// All groups it is in, also through their children, without `all`; lowest precedence first.
    pub groups: Vec<String>,
    /// The value that wins for each name, with the place it comes from. Templates in it are not rendered.
    pub vars: IndexMap<String, Node>,
}

/// Everything the inventory says.
#[derive(Debug)]
pub struct Inventory {
    pub path: PathBuf,
    hosts: IndexMap<String, Host>,
    /// Members of each group (also through children), in the order of the file.
    groups: IndexMap<String, IndexSet<String>>,
    /// Used when a pattern names `localhost` and the inventory does not.
    localhost: Host,
}

impl Inventory {
    /// Reads the inventory file and the variable files beside it and beside the playbook. Only files of groups and
    /// hosts that exist are read and decrypted.
    ///
    /// All mistakes go to `errors`; what could be read is returned all the same.
    pub fn load(
        path: &Path,
        playbook_folder: Option<&Path>,
        passwords: &Passwords,
        errors: &mut Diagnostics,
    ) -> Self {
        let place = Origin::named(&path.display().to_string());
        let nothing = || Node::new(Value::Map(IndexMap::new()), place.clone());
        let root = if path.is_dir() {
            let error = Diagnostic::error("the inventory is a folder").at(&place);
            errors.push(error.hint("name the inventory file inside it"));
            nothing()
        } else {
            read_yaml(path, passwords, errors).unwrap_or_else(nothing)
        };
        let tree = Tree::read(&root, errors);
        let beside = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut folders = vec![beside];
        let same = |folder: &&Path| folder.canonicalize().ok() != beside.canonicalize().ok();
        folders.extend(playbook_folder.filter(same));
        for folder in &folders {
            let groups = tree.groups.keys().map(String::as_str);
            files::warn_of_strangers(&folder.join("group_vars"), "group", groups, errors);
            let hosts = tree.hosts.keys().map(String::as_str).chain([LOCALHOST]);
            files::warn_of_strangers(&folder.join("host_vars"), "host", hosts, errors);
        }
        Merge { tree: &tree, folders: &folders, passwords, read: HashMap::new() }.inventory(path, errors)
    }

    /// All hosts, in the order of the file.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.hosts.values()
    }

    pub fn host(&self, name: &str) -> Option<&Host> {
        self.hosts.get(name).or_else(|| (name == LOCALHOST).then_some(&self.localhost))
    }

    /// All groups with the names of their hosts, `all` and `ungrouped` included.
    pub fn groups(&self) -> impl Iterator<Item = (&str, impl Iterator<Item = &str>)> {
        self.groups.iter().map(|(name, hosts)| (name.as_str(), hosts.iter().map(String::as_str)))
    }
}

/// Lays the layers of variables over each other.
struct Merge<'a> {
    tree: &'a Tree,
    /// Beside the inventory, then beside the playbook.
    folders: &'a [&'a Path],
    passwords: &'a Passwords,
    /// What was read for `group_vars/NAME` or `host_vars/NAME`, one for each folder.
    read: HashMap<(&'static str, String), Vec<Vars>>,
}

impl Merge<'_> {
    fn inventory(mut self, path: &Path, errors: &mut Diagnostics) -> Inventory {
        let tree = self.tree;
        let groups: IndexMap<String, IndexSet<String>> =
            tree.groups.keys().map(|name| (name.clone(), self.members(name))).collect();
        // A file of a group without hosts is read too, so that its mistakes are found.
        for name in tree.groups.keys() {
            self.files("group_vars", name, errors);
        }
        let mut hosts = IndexMap::new();
        for (name, entry) in &tree.hosts {
            let groups = self.groups_of(name, &groups);
            let vars = self.vars(name, &groups, &entry.vars, errors);
            hosts.insert(
                name.clone(),
                Host { name: name.clone(), origin: entry.origin.clone(), groups, vars },
            );
        }
        let origin = Origin::named("implicit localhost");
        let local = Vars::from([("ansible_connection".into(), Node::string("local", &origin))]);
        let vars = self.vars(LOCALHOST, &[], &local, errors);
        let localhost = Host { name: LOCALHOST.into(), origin, groups: vec![], vars };
        Inventory { path: path.to_owned(), hosts, groups, localhost }
    }

    /// Hosts of a group and of all groups below it, in the order of the file.
    fn members(&self, name: &str) -> IndexSet<String> {
        let mut below = IndexSet::from([name]);
        let mut next = 0;
        while let Some(group) = below.get_index(next).copied() {
            below.extend(self.tree.groups[group].children.iter().map(String::as_str));
            next += 1;
        }
        let inside = |host: &&String| {
            name == ALL || below.iter().any(|group| self.tree.groups[*group].hosts.contains(*host))
        };
        self.tree.hosts.keys().filter(inside).cloned().collect()
    }

    /// By depth, then priority, then name: a later one wins.
    fn groups_of(&self, host: &str, members: &IndexMap<String, IndexSet<String>>) -> Vec<String> {
        let inside = members.iter().filter(|(name, hosts)| *name != ALL && hosts.contains(host));
        let mut groups: Vec<&String> = inside.map(|(name, _)| name).collect();
        groups.sort_by_key(|name| (self.tree.groups[*name].depth, self.tree.groups[*name].priority, *name));
        groups.into_iter().cloned().collect()
    }

    /// Ansible's order: what is written in the inventory file for groups, then `group_vars/all`, then the other
    /// `group_vars/`, then the host.
    fn vars(&mut self, host: &str, groups: &[String], own: &Vars, errors: &mut Diagnostics) -> Vars {
        let tree = self.tree;
        let mut vars = tree.groups[ALL].vars.clone();
        for group in groups {
            vars.extend(tree.groups[group].vars.clone());
        }
        vars.extend(self.files("group_vars", ALL, errors).iter().flatten().map(copy));
        for folder in 0..self.folders.len() {
            for group in groups {
                vars.extend(self.files("group_vars", group, errors)[folder].iter().map(copy));
            }
        }
        vars.extend(own.clone());
        vars.extend(self.files("host_vars", host, errors).iter().flatten().map(copy));
        conceal(&mut vars);
        vars
    }

    fn files(&mut self, kind: &'static str, name: &str, errors: &mut Diagnostics) -> &[Vars] {
        self.read.entry((kind, name.to_owned())).or_insert_with(|| {
            let folders = self.folders.iter().map(|folder| folder.join(kind));
            folders.map(|folder| files::read(&folder, name, self.passwords, errors)).collect()
        })
    }
}

/// Marks what is a password by its name as secret, though it may be written in clear. One that is made by a template is as secret as
/// what it is made of.
pub(crate) fn conceal(vars: &mut IndexMap<String, Node>) {
    for name in ["ansible_become_password", "ansible_become_pass"] {
        if let Some(node) = vars.get_mut(name)
            && !node.as_str().is_some_and(|text| text.contains("{{"))
        {
            node.taint();
        }
    }
}

fn copy((name, node): (&String, &Node)) -> (String, Node) {
    (name.clone(), node.clone())
}
