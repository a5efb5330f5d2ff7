//! The variables that a task sees, layer over layer. The order is Ansible's; `docs/language.md` has it.

use super::{
    HostTask, Registered, Shared, facts,
    inputs::{Adapted, UseAt, adapt},
    masks::Masks,
    outside::Desk,
};
use crate::{
    inventory::Host,
    model::Origin,
    playbook::{Play, Task},
    template::{Hosts, Layer, Scope},
    yaml::{Entry, Map, Node, Value},
};
use agent::wire::Facts;
use indexmap::IndexMap;
use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, PoisonError, Weak, atomic::Ordering},
};

pub(super) type Variables = Arc<IndexMap<String, Node>>;

pub(super) fn variables(map: &Map) -> Variables {
    Arc::new(map.iter().map(|(name, entry)| (name.clone(), entry.node.clone())).collect())
}

/// The variables of a play and its roles: the same for all hosts.
pub(super) struct PlayLayers {
    /// Of all its roles: a role may use another's.
    defaults: Variables,
    role_vars: Variables,
    vars: Variables,
    file_vars: Variables,
    /// For each use of a role: defaults, vars, what it was given, its name.
    roles: Vec<[Variables; 4]>,
}

impl PlayLayers {
    pub fn new(play: &Play) -> Self {
        let all = |of: fn(&crate::playbook::Role) -> &Map| {
            let roles = play.roles.iter().flat_map(|u| of(&u.role));
            Arc::new(roles.map(|(name, entry)| (name.clone(), entry.node.clone())).collect())
        };
        let role = |u: &crate::playbook::RoleUse| {
            let name = IndexMap::from([("role_name".into(), Node::string(&u.role.name, &u.origin))]);
            [variables(&u.role.defaults), variables(&u.role.vars), variables(&u.vars), Arc::new(name)]
        };
        Self {
            defaults: all(|role| &role.defaults),
            role_vars: all(|role| &role.vars),
            vars: variables(&play.vars),
            file_vars: variables(&play.file_vars),
            roles: play.roles.iter().map(role).collect(),
        }
    }
}

/// The scopes of a play or of a role in it.
struct Base {
    /// All layers below those of a single task.
    below: Scope,
    /// The whole, for tasks without own ones.
    whole: Scope,
    /// The command line's variables.
    extra: Variables,
    /// Secrets among the role's inputs that stand in a file in clear.
    clear: Vec<(String, Origin)>,
}

/// The scopes of one host's tasks.
pub(super) struct Scopes {
    /// For each play, role and mask.
    bases: HashMap<(usize, Option<usize>, usize), Base>,
    masks: Masks,
    /// Whether the host has said what it is.
    pub has_facts: bool,
    /// Variables of blocks and tasks, converted once.
    own: HashMap<usize, Vec<Variables>>,
}

impl Scopes {
    /// `tasks`: those the host has, by index in the playbook.
    pub fn new(shared: &Arc<Shared>, host: &Host, facts: Option<&Facts>, tasks: &[usize]) -> Self {
        let magic = magic(shared, host, facts, NOT_YET);
        let host_vars: Variables = Arc::new(host.vars.clone());
        let mut scopes = Self {
            bases: HashMap::new(),
            masks: Masks::new(shared, tasks),
            has_facts: facts.is_some(),
            own: HashMap::new(),
        };
        for index in tasks {
            let task = shared.task(*index);
            if !task.keywords.vars.is_empty() {
                scopes.own.insert(*index, task.keywords.vars.iter().map(|map| variables(map)).collect());
            }
        }
        let prompted: Vec<_> = (0..shared.layers.len()).map(|play| shared.prompted(play)).collect();
        let of_tasks =
            tasks.iter().map(|index| (shared.index[*index].play, shared.task(*index).role, *index));
        // Handlers run where they are flushed, too.
        let flushes = tasks.iter().filter(|index| shared.task(**index).is_meta("flush_handlers"));
        let flushes: Vec<usize> = flushes.copied().collect();
        let keys = of_tasks.flat_map(|(play, role, index)| {
            let handler = shared.task(index).handler;
            let places = flushes.iter().filter(move |at| handler && shared.index[**at].play == play);
            places.copied().chain([index]).map(move |at| (play, role, at))
        });
        let keys: Vec<_> = keys.map(|(play, role, at)| (play, role, scopes.masks.at(at))).collect();
        // Of a role what holds for its first task.
        let first = |(play, role): (usize, Option<usize>)| {
            let of_role = keys.iter().filter(|key| (key.0, key.1) == (play, role));
            (play, role, of_role.map(|key| key.2).min().unwrap_or(0))
        };
        let of_roles: Vec<_> = with_inputs(shared, &host.name).map(first).collect();
        for key in keys.into_iter().chain(of_roles) {
            if scopes.bases.contains_key(&key) {
                continue;
            }
            let mut below = below(&shared.layers[key.0], key.1, &host_vars, &prompted[key.0], &magic);
            below.know_hosts(Arc::new(HostScopes(Arc::downgrade(shared))));
            below.know_outside(desk(shared, shared.places_in(key.0, key.1)));
            if facts.is_none() {
                below.check_against(names(shared).clone());
            }
            let mask = &scopes.masks.names(key.2);
            let mut extra = shared.extra.clone();
            let whole = over(&below, mask, &extra);
            let Adapted { below: changed, extra: typed, clear } =
                adapt(shared, (key.0, key.1), &whole, &prompted[key.0]);
            if !changed.is_empty() {
                below.push(Arc::new(changed), Layer::Raw);
            }
            if !typed.is_empty() {
                let all = shared.extra.iter().map(|(name, node)| (name.clone(), node.clone()));
                extra = Arc::new(all.chain(typed).collect());
            }
            let whole = over(&below, mask, &extra);
            scopes.bases.insert(key, Base { below, whole, extra, clear });
        }
        scopes
    }

    pub fn of(&self, shared: &Shared, host_task: &HostTask, registered: &Registered) -> Scope {
        let item = host_task.item.as_ref().map(|item| Arc::new(item.iter().cloned().collect()));
        self.with(shared, host_task.source, host_task.seen_at, item, registered)
    }

    /// The scope of a task, with its loop's variables and what is registered. `seen_at`: behind which task, as far as what tasks set goes.
    pub fn with(
        &self,
        shared: &Shared,
        index: usize,
        seen_at: usize,
        item: Option<Variables>,
        registered: &Registered,
    ) -> Scope {
        let task: &Task = shared.task(index);
        let mask = self.masks.at(seen_at);
        let Base { below, whole, extra, .. } = &self.bases[&(shared.index[index].play, task.role, mask)];
        let own = self.own.get(&index);
        if own.is_none() && item.is_none() && registered.is_empty() {
            // The scope that others use too: what was rendered once is kept in it.
            return whole.clone();
        }
        let mut scope = below.clone();
        for layer in own.into_iter().flatten() {
            scope.push(layer.clone(), Layer::Raw);
        }
        if let Some(item) = item {
            scope.push(item, Layer::Final);
        }
        let mut mask = self.masks.names(mask).clone();
        if mask.keys().any(|name| registered.unset.contains(name)) {
            Arc::make_mut(&mut mask).retain(|name, _| !registered.unset.contains(name));
        }
        scope.push(mask, Layer::Final);
        if !registered.results.is_empty() {
            let known = registered.results.iter().map(|(name, node)| (name.clone(), node.clone()));
            scope.push(Arc::new(known.collect()), Layer::Final);
        }
        scope.push(extra.clone(), Layer::Raw);
        scope
    }

    /// What a role that says what it takes sees, apart from its tasks.
    pub fn of_role(&self, (play, role): UseAt) -> Option<&Scope> {
        self.role((play, role)).map(|base| &base.whole)
    }

    /// The scopes of all roles that are there.
    pub fn of_roles(&self) -> impl Iterator<Item = (UseAt, &Scope)> {
        self.bases.iter().filter_map(|((play, role, _), base)| Some(((*play, (*role)?), &base.whole)))
    }

    /// Secrets that are written in clear, with their places, which must not be shown.
    pub fn in_clear(&self, (play, role): UseAt) -> &[(String, Origin)] {
        self.role((play, role)).map_or(&[], |base| &base.clear)
    }

    /// Of the masks that its tasks have the first: what was set before the role began.
    fn role(&self, (play, role): UseAt) -> Option<&Base> {
        let of_tasks = (1..self.masks.count()).filter_map(|mask| self.bases.get(&(play, Some(role), mask)));
        self.bases.get(&(play, Some(role), 0)).into_iter().chain(of_tasks).next()
    }
}

/// The uses of roles that say what they take, in the plays of a host.
fn with_inputs(shared: &Shared, host: &str) -> impl Iterator<Item = (usize, Option<usize>)> {
    let plays = shared.playbook.plays.iter().enumerate();
    let plays = plays.filter(move |(play, _)| shared.play_hosts[*play].contains(host));
    plays.flat_map(|(play, content)| {
        let roles = content.roles.iter().enumerate().filter(|(_, use_)| use_.inputs().is_some());
        roles.map(move |(role, _)| (play, Some(role)))
    })
}

fn over(below: &Scope, unknown: &Variables, extra: &Variables) -> Scope {
    let mut whole = below.clone();
    whole.push(unknown.clone(), Layer::Final);
    whole.push(extra.clone(), Layer::Raw);
    whole
}

/// All hosts of the inventory, for `hostvars`. What is made once is kept in what they share.
struct HostScopes(Weak<Shared>);

impl std::fmt::Debug for HostScopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HostScopes")
    }
}

impl Hosts for HostScopes {
    fn scope(&self, name: &str) -> Option<Scope> {
        let shared = self.0.upgrade()?;
        shared.across.store(true, Ordering::Relaxed);
        let host = shared.inventory.host(name)?;
        let mut known = shared.host_scopes.lock().unwrap_or_else(PoisonError::into_inner);
        let make = || {
            let reached = shared.reached.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = shared.controller.facts.get(name);
            let (facts, why) = match reached.get(name) {
                Some(facts) => (facts.as_ref().or(kept), UNREACHED),
                None if shared.hosts.iter().any(|host| host == name) => (None, NOT_YET),
                None => (kept, ELSEWHERE),
            };
            let mut scope = of_host_with(&shared, host, facts, why);
            scope.know_hosts(Arc::new(Self(self.0.clone())));
            scope
        };
        Some(known.entry(name.to_owned()).or_insert_with(make).clone())
    }

    fn mentioned(&self) {
        if let Some(shared) = self.0.upgrade() {
            shared.across.store(true, Ordering::Relaxed);
        }
    }

    fn missing(&self, why: &str) -> Option<&'static str> {
        let stays = why.ends_with(UNREACHED) || why.ends_with(ELSEWHERE);
        stays.then_some("let both hosts be part of the run, keep facts (`--fact-cache DIR`), or say what counts otherwise: `default x ...`")
    }

    fn names(&self) -> Vec<String> {
        let shared = self.0.upgrade();
        shared.iter().flat_map(|shared| shared.inventory.hosts()).map(|host| host.name.clone()).collect()
    }
}

/// What the variables of a host may use outside of any play.
pub(super) fn of_host(shared: &Arc<Shared>, host: &Host) -> Scope {
    of_host_with(shared, host, None, NOT_YET)
}

fn of_host_with(shared: &Arc<Shared>, host: &Host, facts: Option<&Facts>, why: &str) -> Scope {
    let mut scope = Scope::new();
    scope.push(facts::ansible(), Layer::Raw);
    scope.push(Arc::new(host.vars.clone()), Layer::Raw);
    scope.push(magic(shared, host, facts, why), Layer::Final);
    scope.push(shared.extra.clone(), Layer::Raw);
    scope.know_outside(desk(shared, vec![&shared.playbook.folder]));
    scope
}

/// What the helpers ask that look outside, for tasks whose files lie in these places.
fn desk(shared: &Arc<Shared>, places: Vec<&Path>) -> Arc<Desk> {
    let places = places.into_iter().map(Path::to_path_buf).collect();
    Arc::new(Desk { shared: Arc::downgrade(shared), places })
}

/// Every name that any variable has: of all hosts, plays, roles and tasks.
fn names(shared: &Shared) -> &Arc<HashSet<String>> {
    shared.names.get_or_init(|| {
        let mut names: HashSet<String> = HashSet::from(["role_name".into()]);
        let inventory = &shared.inventory;
        for host in inventory.hosts().chain(inventory.host("localhost")) {
            names.extend(host.vars.keys().cloned());
        }
        if let Some(host) = inventory.host("localhost") {
            names.extend(magic(shared, host, None, NOT_YET).keys().cloned());
        }
        names.extend(shared.extra.keys().chain(facts::ansible().keys()).cloned());
        let prompts = shared.playbook.plays.iter().flat_map(|play| &play.prompts);
        names.extend(prompts.map(|prompt| prompt.name.clone()));
        for layers in &shared.layers {
            let own = [&layers.defaults, &layers.role_vars, &layers.vars, &layers.file_vars];
            let all = own.into_iter().chain(layers.roles.iter().flatten());
            all.for_each(|layer| names.extend(layer.keys().cloned()));
        }
        for task in (0..shared.index.len()).map(|index| shared.task(index)) {
            names.extend(task.keywords.vars.iter().flat_map(|map| map.keys().cloned()));
            names.extend(task.register.iter().map(|(name, _)| name.clone()));
            if task.resource.0 == "set_fact" {
                names.extend(task.params.as_map().into_iter().flat_map(|map| map.keys().cloned()));
            }
            let around = task.includes.iter().filter_map(|included| included.include.repeat.as_ref());
            for repeat in task.repeat.iter().chain(around) {
                names.extend([repeat.var.clone()].into_iter().chain(repeat.index_var.clone()));
            }
        }
        Arc::new(names)
    })
}

/// Why facts are not known: of the host that a task is for, and of another one.
const NOT_YET: &str = "which was not asked yet";
const UNREACHED: &str = "which cannot be reached and of which none are kept";
const ELSEWHERE: &str = "which is not part of this run and of which none are kept";

/// How the reason begins for which a registered result is unknown.
pub(super) const RESULT: &str = "the result of";

/// Whether what is unknown for this reason shows only when tasks have run: a result, or what depends on one.
pub fn shows_in_a_run(why: &str) -> bool {
    why.starts_with(RESULT)
}

fn below(
    layers: &PlayLayers,
    role: Option<usize>,
    host_vars: &Variables,
    prompted: &Variables,
    magic: &Variables,
) -> Scope {
    let role = role.map(|at| &layers.roles[at]);
    let mut scope = Scope::new();
    scope.push(facts::ansible(), Layer::Raw);
    scope.push(layers.defaults.clone(), Layer::Raw);
    if let Some([defaults, ..]) = role {
        scope.push(defaults.clone(), Layer::Raw);
    }
    scope.push(host_vars.clone(), Layer::Raw);
    scope.push(layers.vars.clone(), Layer::Raw);
    scope.push(prompted.clone(), Layer::Raw);
    scope.push(layers.file_vars.clone(), Layer::Raw);
    scope.push(layers.role_vars.clone(), Layer::Raw);
    if let Some([_, vars, given, name]) = role {
        scope.push(vars.clone(), Layer::Raw);
        scope.push(given.clone(), Layer::Raw);
        scope.push(name.clone(), Layer::Final);
    }
    scope.push(magic.clone(), Layer::Final);
    scope
}

/// What is always in scope.
fn magic(shared: &Shared, host: &Host, facts: Option<&Facts>, why: &str) -> Variables {
    let origin = Origin::named("built in");
    let text = |text: &str| Node::string(text, &origin);
    let list = |items: Vec<Node>| Node::new(Value::Seq(items), origin.clone());
    let facts = match facts {
        Some(facts) => facts::known(facts, &host.name),
        None => facts::unknown(&host.name, why),
    };
    let group = |(name, hosts): (&str, Vec<Node>)| {
        (name.to_string(), Entry { key: origin.clone(), node: list(hosts) })
    };
    let groups = shared.inventory.groups().map(|(name, hosts)| (name, hosts.map(text).collect()));
    let groups = Node::new(Value::Map(groups.map(group).collect()), origin.clone());
    let folder = |path: &std::path::Path| {
        let path = path.to_string_lossy();
        text(if path.is_empty() { "." } else { &path })
    };
    let whole = Value::Unknown(Arc::from("which host's variable is meant (`hostvars.NAME.VARIABLE`)"));
    Arc::new(IndexMap::from([
        ("facts".into(), facts),
        ("hostvars".into(), Node::new(whole, origin.clone())),
        ("inventory_hostname".into(), text(&host.name)),
        ("host".into(), text(&host.name)),
        ("groups".into(), groups),
        ("group_names".into(), list(host.groups.iter().map(|g| text(g)).collect())),
        ("playbook_dir".into(), folder(&shared.playbook.folder)),
        ("inventory_dir".into(), folder(&shared.inventory.folder())),
    ]))
}
