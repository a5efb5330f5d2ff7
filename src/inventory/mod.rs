//! Hosts, groups, patterns, variables and their precedence, with the origin of each value.
//!
//! An inventory is a file in Ansible's YAML form (JSON is the same thing) or INI form, a program that prints one as JSON, or a
//! folder of these, with `group_vars/` and `host_vars/` beside it and beside the playbook. `docs/inventory.md` is the user's side
//! of this.
//!
//! * `source`: which of these forms a path is; `tree`: what all of them say, and YAML; `ini` and `literal`; `program`
//! * `range`: host ranges; `files`: the variable files; `layers`: Ansible's precedence
//! * [`Inventory::load`]: all of it, merged; [`Inventory::of_text`]: one file's text alone
//! * [`Inventory::explain`]: each definition of a variable, and which one wins
//! * [`Inventory::select`]: patterns of `hosts:` and `--limit`
//! * [`ConnectionSpec`]: how a host is reached, from its rendered variables

mod connection;
mod files;
mod ini;
mod layers;
mod literal;
mod pattern;
mod program;
mod range;
mod source;
#[cfg(test)]
mod tests;
mod tree;

pub use connection::{ACCEPT, BecomeSpec, ConnectionKind, ConnectionSpec, become_method, connection_spec};
pub(crate) use connection::{REFUSED, is_of_connection};
pub use layers::Layer;
pub use source::is_part;
pub(crate) use tree::SHORT_NAMES;

use crate::diag::{Diagnostic, Diagnostics};
use crate::model::{Origin, Source};
use crate::vault::Passwords;
use crate::yaml::{Hidden, Node};
use indexmap::{IndexMap, IndexSet};
use layers::Layers;
use source::Sources;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tree::{Tree, UNGROUPED};

/// The name that patterns always know: the controller itself.
const LOCALHOST: &str = "localhost";

/// Runs a program with arguments and gives what it prints; this room starts no processes itself.
pub type Run<'a> = &'a dyn Fn(&Path, &[&str]) -> Result<Vec<u8>, Diagnostic>;

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
    layers: Layers,
    /// Used when a pattern names `localhost` and the inventory does not.
    localhost: Host,
}

impl Inventory {
    /// Reads the inventory and the variable files beside it and beside the playbook. Only files of groups and
    /// hosts that exist are read and decrypted.
    ///
    /// All mistakes go to `errors`; what could be read is returned all the same.
    pub fn load(
        path: &Path,
        playbook_folder: Option<&Path>,
        passwords: &Passwords,
        run: Run,
        errors: &mut Diagnostics,
    ) -> Self {
        let place = Origin::named(&path.display().to_string());
        let mut tree = Tree::new(&place);
        Sources { passwords, run, way: vec![] }.read(path, &mut tree, errors);
        tree.complete(errors);
        let beside = source::folder_of(path);
        let mut folders = vec![beside.clone()];
        let same = |folder: &&Path| folder.canonicalize().ok() != beside.canonicalize().ok();
        folders.extend(playbook_folder.filter(same).map(Path::to_owned));
        for folder in &folders {
            let is_own = path.is_dir() && *folder == beside;
            let groups = tree.groups.keys().map(String::as_str);
            files::warn_of_strangers(&folder.join("group_vars"), "group", groups, is_own, errors);
            let hosts = tree.hosts.keys().map(String::as_str).chain([LOCALHOST]);
            files::warn_of_strangers(&folder.join("host_vars"), "host", hosts, is_own, errors);
        }
        Self::merge(path, Layers::read(tree, folders, passwords, errors))
    }

    /// An inventory whose text is at hand: in INI form when its path ends in `.ini`, else in YAML. No variable files are read.
    ///
    /// All mistakes go to `errors`; what could be read is returned all the same.
    pub fn of_text(source: &Arc<Source>, errors: &mut Diagnostics) -> Self {
        let mut tree = Tree::new(&Origin { source: source.clone(), span: 0..0 });
        if source.path.extension().is_some_and(|end| end == "ini") {
            ini::read(source, &mut tree, errors);
        } else if let Some(root) = errors.take(crate::yaml::parse(source)) {
            tree.read(&root, errors);
        }
        tree.complete(errors);
        Self::merge(&source.path, Layers::read(tree, vec![], &Passwords::default(), errors))
    }

    fn merge(path: &Path, layers: Layers) -> Self {
        let tree = &layers.tree;
        let members: IndexMap<String, IndexSet<String>> =
            tree.groups.keys().map(|name| (name.clone(), tree.members(name))).collect();
        let hidden = Hidden::default();
        let host = |name: &str, origin: &Origin| {
            let groups = tree.groups_of(name, &members);
            let mut vars = IndexMap::new();
            for (_, layer) in layers.of(name, &groups) {
                vars.extend(layer.iter().map(copy));
            }
            conceal(&mut vars, &hidden);
            Host { name: name.to_owned(), origin: origin.clone(), groups, vars }
        };
        let hosts =
            tree.hosts.iter().map(|(name, entry)| (name.clone(), host(name, &entry.origin))).collect();
        let localhost = host(LOCALHOST, &Origin::named("implicit localhost"));
        Self { path: path.to_owned(), hosts, groups: members, localhost, layers }
    }

    /// The folder that it is in, or that it is.
    pub fn folder(&self) -> PathBuf {
        source::folder_of(&self.path)
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

    /// What a group holds itself: the groups and the hosts just below it; `None` when there is no such group.
    pub fn below(&self, group: &str) -> Option<(impl Iterator<Item = &str>, impl Iterator<Item = &str>)> {
        let group = self.layers.tree.groups.get(group)?;
        Some((group.children.iter().map(String::as_str), group.hosts.iter().map(String::as_str)))
    }

    /// Everything that is set for groups and hosts, each where it is written, merged or not.
    pub fn definitions(&self) -> impl Iterator<Item = (Layer, &str, &Node)> {
        self.layers.all()
    }

    /// Every definition of a host's variable with its layer, weakest first: the last one wins.
    pub fn explain(&self, host: &Host, variable: &str) -> Vec<(Layer, Node)> {
        let set = |(layer, vars): (Layer, &tree::Vars)| {
            let mut found = IndexMap::from([(variable.to_owned(), vars.get(variable)?.clone())]);
            conceal(&mut found, &Hidden::default());
            Some((layer, found.swap_remove(variable)?))
        };
        self.layers.of(&host.name, &host.groups).filter_map(set).collect()
    }
}

/// Whether this is written in an inventory file for one of Ansible's connection variables: `port`.
pub(crate) fn is_short_name(name: &str) -> bool {
    tree::SHORT_NAMES.iter().any(|(short, _)| *short == name)
}

/// Variables that hold passwords; the last ones are refused, but may stand in an inventory that others use too.
const PASSWORDS: [&str; 10] = [
    "become_password",
    "ansible_become_password",
    "ansible_become_pass",
    "ansible_password",
    "ansible_ssh_pass",
    "ansible_ssh_password",
    "ansible_ssh_private_key",
    "ansible_private_key",
    "ansible_sudo_pass",
    "ansible_su_pass",
];

/// Marks what is a password by its name as secret, though it may be written in clear. One that is made by a template is as secret as
/// what it is made of.
pub(crate) fn conceal(vars: &mut IndexMap<String, Node>, hidden: &Hidden) {
    for name in PASSWORDS {
        if let Some(node) = vars.get_mut(name)
            && !node.as_str().is_some_and(|text| text.contains("{{"))
        {
            hidden.conceal(node);
        }
    }
}

fn copy((name, node): (&String, &Node)) -> (String, Node) {
    (name.clone(), node.clone())
}
