//! The inventory file itself: groups, their children, hosts, and the variables written there.

use super::range;
use crate::diag::{Diagnostic, Diagnostics};
use crate::model::Origin;
use crate::yaml::{Entry, Map, Node, Value};
use indexmap::{IndexMap, IndexSet};

pub(super) const ALL: &str = "all";
pub(super) const UNGROUPED: &str = "ungrouped";
const SECTIONS: [&str; 3] = ["hosts", "children", "vars"];

/// More than anybody needs; a hostile file should not use up the stack.
const DEEPEST: usize = 500;

pub(super) type Vars = IndexMap<String, Node>;

/// Short names that may be written in an inventory file, and the Ansible names they stand for.
pub(crate) const SHORT_NAMES: [(&str, &str); 10] = [
    ("host", "ansible_host"),
    ("port", "ansible_port"),
    ("user", "ansible_user"),
    ("key", "ansible_ssh_private_key_file"),
    ("connection", "ansible_connection"),
    ("ssh_args", "ansible_ssh_common_args"),
    ("become", "ansible_become"),
    ("become_user", "ansible_become_user"),
    ("become_method", "ansible_become_method"),
    ("become_password", "ansible_become_password"),
];

#[derive(Debug)]
pub(super) struct Group {
    pub origin: Origin,
    pub children: IndexSet<String>,
    /// Hosts named in this group itself.
    pub hosts: IndexSet<String>,
    pub vars: Vars,
    /// `ansible_group_priority`; a higher one wins among groups of one depth.
    pub priority: i64,
    /// Longest way down from `all`.
    pub depth: usize,
}

#[derive(Debug)]
pub(super) struct HostEntry {
    pub origin: Origin,
    pub vars: Vars,
}

#[derive(Debug, Default)]
pub(super) struct Tree {
    pub groups: IndexMap<String, Group>,
    pub hosts: IndexMap<String, HostEntry>,
}

impl Tree {
    /// One with only what is always there; `origin` is where the inventory is.
    pub(super) fn new(origin: &Origin) -> Self {
        let mut tree = Self::default();
        tree.group(ALL, origin);
        tree
    }

    /// Adds what a file in Ansible's YAML form says.
    pub(super) fn read(&mut self, root: &Node, errors: &mut Diagnostics) {
        let start = Origin { span: 0..0, ..root.origin.clone() };
        if root.is_null() {
            return errors.push(
                Diagnostic::error("the inventory is empty")
                    .at(&start)
                    .hint("write `all: {hosts: {NAME: }}`, with a name for each host"),
            );
        }
        let Some(map) = errors.take(root.expect_map("a mapping of groups").map_err(|error| {
            error.hint("begin with `all:`, and below it `hosts:` with one `NAME:` on each line")
        })) else {
            return;
        };
        if let Some(plugin) = map.get("plugin") {
            let error = Diagnostic::error("inventory plugins are not supported").at(&plugin.key);
            return errors.push(error.hint(
                "write the hosts down, for example with `ansible-inventory --list --export --yaml`, or name a program \
                 that prints them as JSON",
            ));
        }
        for (name, entry) in map {
            // The slip of leaving out the group is common and would make groups called `hosts` and `vars`.
            if SECTIONS.contains(&name.as_str()) {
                let error = Diagnostic::error(format!("`{name}` stands outside of any group")).at(&entry.key);
                errors.push(error.hint(format!("write `all:` above it and indent `{name}:` below that")));
                continue;
            }
            self.read_group(name, entry, errors);
        }
    }

    pub(super) fn group(&mut self, name: &str, origin: &Origin) -> &mut Group {
        self.groups.entry(name.to_owned()).or_insert_with(|| Group {
            origin: origin.clone(),
            children: IndexSet::new(),
            hosts: IndexSet::new(),
            vars: Vars::new(),
            priority: 1,
            depth: 0,
        })
    }

    fn read_group(&mut self, name: &str, entry: &Entry, errors: &mut Diagnostics) {
        self.group(name, &entry.key);
        if entry.node.is_null() {
            return;
        }
        let Some(map) =
            errors.take(entry.node.expect_map("a group: `hosts`, `children`, `vars`").map_err(|error| {
                error.hint(format!("write `hosts:` below `{name}:`, and below that one `NAME:` on each line"))
            }))
        else {
            return;
        };
        for (section, entry) in map {
            match section.as_str() {
                "vars" => {
                    for_each(&entry.node, "variables", errors, |key, entry, errors| {
                        self.set_group_var(name, key, &entry.key, &entry.node, errors);
                    });
                    let vars = &mut self.group(name, &entry.key).vars;
                    add_long_names(vars);
                }
                "children" => for_each(&entry.node, "groups", errors, |child, entry, errors| {
                    self.read_group(child, entry, errors);
                    self.group(name, &entry.key).children.insert(child.to_owned());
                }),
                "hosts" => for_each(&entry.node, "hosts", errors, |host, entry, errors| {
                    self.read_host(name, host, entry, errors);
                }),
                other => {
                    let error =
                        Diagnostic::error(format!("unknown key `{other}` in group `{name}`")).at(&entry.key);
                    let hint = match entry.node.value {
                        Value::Map(_) => format!("a group inside `{name}` is written below `children:`"),
                        _ => format!("a variable of `{name}` is written below `vars:`"),
                    };
                    errors.push(error.hint(hint).suggest(other, SECTIONS));
                }
            }
        }
    }

    pub(super) fn set_group_var(
        &mut self,
        group: &str,
        name: &str,
        key: &Origin,
        node: &Node,
        errors: &mut Diagnostics,
    ) {
        let group = self.group(group, key);
        if name != "ansible_group_priority" {
            group.vars.insert(name.to_owned(), node.clone());
            return;
        }
        let number = match &node.value {
            Value::Int(number) => Some(*number),
            Value::Str(text) => text.parse().ok(),
            _ => None,
        };
        match number {
            Some(number) => group.priority = number,
            None => errors.push(node.expected("an integer").hint("the group with the higher number wins")),
        }
    }

    fn read_host(&mut self, group: &str, written: &str, entry: &Entry, errors: &mut Diagnostics) {
        let mut vars = Vars::new();
        for_each(&entry.node, "variables", errors, |key, entry, _| {
            vars.insert(key.to_owned(), entry.node.clone());
        });
        add_long_names(&mut vars);
        self.add_hosts(group, written, &entry.key, vars, errors);
    }

    /// Puts the hosts that `written` stands for, such as `vm[01:20]` or `vm1:2222`, into a group.
    pub(super) fn add_hosts(
        &mut self,
        group: &str,
        written: &str,
        origin: &Origin,
        mut vars: Vars,
        errors: &mut Diagnostics,
    ) {
        let (name, port) = range::split_port(written);
        let names = match range::expand(name) {
            Ok(names) => names,
            Err(cause) => {
                let error = Diagnostic::error(format!("bad host range `{written}`")).at(origin);
                return errors
                    .push(error.cause(cause).hint("ranges look like vm[01:20].example.org or db[a:f]"));
            }
        };
        if let Some(port) = port {
            let port = Node::new(Value::Int(port.into()), origin.clone());
            vars.entry("ansible_port".into()).or_insert(port);
        }
        let new = names.iter().filter(|name| !self.hosts.contains_key(*name)).count();
        if self.hosts.len() + new > range::LIMIT {
            let error = Diagnostic::error(format!("the inventory has more than {} hosts", range::LIMIT));
            return errors.push(error.at(origin).hint("is the end of a range a slip?"));
        }
        for name in names {
            if !self.add_host(group, &name, origin, vars.clone(), errors) {
                return;
            }
        }
    }

    /// Puts one host into a group; `false` when that cannot be its name.
    pub(super) fn add_host(
        &mut self,
        group: &str,
        name: &str,
        origin: &Origin,
        vars: Vars,
        errors: &mut Diagnostics,
    ) -> bool {
        if name.is_empty() || name.contains(|c: char| c.is_whitespace() || ",!&".contains(c)) {
            let error = Diagnostic::error(format!("`{name}` cannot be the name of a host")).at(origin);
            errors.push(error.hint("write one host per line, without spaces, `,`, `!` and `&`"));
            return false;
        }
        self.group(group, origin).hosts.insert(name.to_owned());
        let host = self.hosts.entry(name.to_owned());
        let host = host.or_insert_with(|| HostEntry { origin: origin.clone(), vars: Vars::new() });
        host.vars.extend(vars);
        true
    }

    /// What Ansible adds: every group lies below `all`, every host in some group; then depths.
    pub(super) fn complete(&mut self, errors: &mut Diagnostics) {
        let start = self.groups[ALL].origin.clone();
        self.group(UNGROUPED, &start);
        let children: IndexSet<String> =
            self.groups.values().flat_map(|g| g.children.iter().cloned()).collect();
        let tops: Vec<String> =
            self.groups.keys().filter(|name| *name != ALL && !children.contains(*name)).cloned().collect();
        self.groups[ALL].children.extend(tops);

        let elsewhere = |host: &String| {
            self.groups.iter().any(|(name, g)| name != ALL && name != UNGROUPED && g.hosts.contains(host))
        };
        let alone = self.hosts.keys().filter(|host| !elsewhere(host)).cloned().collect();
        self.groups[UNGROUPED].hosts = alone;

        for (name, host) in &self.hosts {
            if let Some(group) = self.groups.get(name) {
                let warning = Diagnostic::lint(
                    "host-named-as-group",
                    format!("`{name}` is the name of a host and of a group"),
                );
                errors.push(warning.at(&host.origin).related(&group.origin, "the group"));
            }
        }
        // A cycle that nothing above leads into would otherwise not be reached from `all`.
        let names: Vec<String> = self.groups.keys().cloned().collect();
        let mut done = IndexSet::new();
        for name in names {
            self.descend(&name, &mut vec![], &mut done, errors);
        }
        if !errors.has_errors() {
            self.set_depths();
        }
    }

    /// Hosts of a group and of all groups below it, in the order of the file.
    pub(super) fn members(&self, name: &str) -> IndexSet<String> {
        let mut below = IndexSet::from([name]);
        let mut next = 0;
        while let Some(group) = below.get_index(next).copied() {
            below.extend(self.groups[group].children.iter().map(String::as_str));
            next += 1;
        }
        let inside = |host: &&String| {
            name == ALL || below.iter().any(|group| self.groups[*group].hosts.contains(*host))
        };
        self.hosts.keys().filter(inside).cloned().collect()
    }

    /// The groups that a host is in, without `all`, by depth, then priority, then name: a later one wins.
    pub(super) fn groups_of(&self, host: &str, members: &IndexMap<String, IndexSet<String>>) -> Vec<String> {
        let inside = members.iter().filter(|(name, hosts)| *name != ALL && hosts.contains(host));
        let mut groups: Vec<&String> = inside.map(|(name, _)| name).collect();
        groups.sort_by_key(|name| (self.groups[*name].depth, self.groups[*name].priority, *name));
        groups.into_iter().cloned().collect()
    }

    /// Finds cycles; each group is entered once.
    fn descend(
        &self,
        name: &str,
        way: &mut Vec<String>,
        done: &mut IndexSet<String>,
        errors: &mut Diagnostics,
    ) {
        if let Some(at) = way.iter().position(|above| above == name) {
            let cycle = [&way[at..], &[name.to_owned()]].concat().join(" > ");
            let error = Diagnostic::error(format!("group `{name}` is inside itself"));
            let error = error.at(&self.groups[name].origin).cause(cycle);
            return errors.push(error.hint("take one of them out of the other's `children`"));
        }
        if way.len() > DEEPEST {
            let error = Diagnostic::error(format!("groups are nested deeper than {DEEPEST}"));
            return errors.push(error.at(&self.groups[name].origin).hint("put groups beside each other"));
        }
        if !done.insert(name.to_owned()) {
            return;
        }
        way.push(name.to_owned());
        for child in &self.groups[name].children {
            self.descend(child, way, done, errors);
        }
        way.pop();
    }

    /// Longest ways from `all`; there is no cycle.
    fn set_depths(&mut self) {
        let mut changed = true;
        while changed {
            changed = false;
            for index in 0..self.groups.len() {
                let below = self.groups[index].depth + 1;
                for child in self.groups[index].children.clone() {
                    let child = &mut self.groups[&child];
                    if child.depth < below {
                        child.depth = below;
                        changed = true;
                    }
                }
            }
        }
    }
}

/// Calls `each` for every key; a lone string counts as a key without value, as in Ansible.
fn for_each(
    node: &Node,
    what: &str,
    errors: &mut Diagnostics,
    mut each: impl FnMut(&str, &Entry, &mut Diagnostics),
) {
    match &node.value {
        Value::Null => {}
        Value::Map(map) => map.iter().for_each(|(key, entry)| each(key, entry, errors)),
        Value::Str(name) if what != "variables" => {
            let nothing = Node::new(Value::Null, node.origin.clone());
            each(name, &Entry { key: node.origin.clone(), node: nothing }, errors);
        }
        Value::Seq(_) => errors.push(
            node.expected(&format!("a mapping of {what}"))
                .hint("write each name on a line of its own with a colon behind it, instead of `- name`"),
        ),
        _ => errors.push(
            node.expected(&format!("a mapping of {what}"))
                .hint("write each name on a line of its own with a colon behind it"),
        ),
    }
}

/// Where only a short name is written, the long one gets its value.
fn add_long_names(vars: &mut Vars) {
    for (short, long) in SHORT_NAMES {
        if let Some(value) = vars.get(short).cloned() {
            vars.entry(long.to_owned()).or_insert(value);
        }
    }
}

/// The variables of a file or section.
pub(super) fn to_vars(map: &Map) -> Vars {
    map.iter().map(|(key, entry)| (key.clone(), entry.node.clone())).collect()
}
