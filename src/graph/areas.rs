//! Who touched which area last. Areas become hierarchical keys, so that one rule serves all: an area overlaps with those
//! above and below it in the hierarchy.

use super::Why;
use crate::model::{Area, Footprint};
use std::collections::BTreeMap;

/// How many tasks may make the same folder side by side.
const MAKERS: usize = 16;

#[derive(Default)]
struct Touched {
    writers: Vec<u32>,
    readers: Vec<u32>,
}

#[derive(Default)]
pub(super) struct Areas {
    touched: BTreeMap<String, Touched>,
    /// The last task that writes everything, per machine, and the tasks since.
    barriers: BTreeMap<u16, u32>,
    since: BTreeMap<u16, Vec<u32>>,
    /// The last writer of each area behind the network, on all machines, and all who looked at the network: a look waits
    /// for the changes before it, and a change for the looks before it, but looks do not wait for each other, nor changes.
    behind_network: BTreeMap<String, (u32, Area)>,
    looks: Vec<u32>,
}

impl Areas {
    /// Adds the next task in file order and the edges it needs.
    pub fn add(&mut self, task: u32, machine: u16, footprint: &Footprint, edges: &mut Vec<(u32, u32, Why)>) {
        let mut own = vec![];
        self.wait(task, machine, footprint, &mut own);
        edges.extend(own.into_iter().filter(|(from, to, _)| from != to));
    }

    fn wait(&mut self, task: u32, machine: u16, footprint: &Footprint, edges: &mut Vec<(u32, u32, Why)>) {
        let everything = |areas: &[Area]| areas.contains(&Area::Everything);
        if everything(&footprint.writes) || everything(&footprint.reads) {
            let since = self.since.remove(&machine).unwrap_or_default();
            let barrier = self.barriers.insert(machine, task);
            edges.extend(
                since.into_iter().chain(barrier).map(|b| (b, task, Why::Footprint(Area::Everything))),
            );
            let prefix = format!("{machine}/");
            self.touched.retain(|key, _| !key.starts_with(&prefix));
            let behind = self.behind_network.keys().filter(|key| key.starts_with(&prefix)).cloned();
            let behind: Vec<_> =
                behind.collect::<Vec<_>>().iter().filter_map(|k| self.behind_network.remove(k)).collect();
            // The network is seen from every machine.
            if !everything(&footprint.writes) {
                self.look(key(machine, &Area::Network), task, edges);
                // It waits for all of these, so a look from another machine needs to wait for it only.
                if let Some((_, area)) = behind.into_iter().next() {
                    self.behind_network.insert(format!("{prefix}barrier"), (task, area));
                }
                return;
            }
            edges.extend(self.looks.iter().map(|look| (*look, task, Why::Order(Area::Network))));
            let network = self.touched.entry(key(machine, &Area::Network)).or_default();
            edges.extend(network.readers.drain(..).map(|r| (r, task, Why::Order(Area::Network))));
            edges.extend(network.writers.drain(..).map(|w| (w, task, Why::Footprint(Area::Network))));
            network.writers.push(task);
            return;
        }
        if let Some(barrier) = self.barriers.get(&machine) {
            edges.push((*barrier, task, Why::Footprint(Area::Everything)));
        }
        self.since.entry(machine).or_default().push(task);
        for area in &footprint.reads {
            let key = key(machine, area);
            if *area == Area::Network {
                self.look(key, task, edges);
                continue;
            }
            self.above(&key, |_, touched| {
                edges.extend(touched.writers.iter().map(|w| (*w, task, Why::Footprint(area.clone()))));
            });
            for (_, touched) in self.below(&key) {
                edges.extend(touched.writers.iter().map(|w| (*w, task, Why::Footprint(area.clone()))));
            }
            self.touched.entry(key).or_default().readers.push(task);
        }
        // What is written needs the folder that it is in, which an earlier task may make on its way to another path.
        for folder in footprint.writes.iter().filter_map(folder_of) {
            // Unless a task makes just that folder: it is waited for anyway.
            let made = self.touched.get(&key(machine, &Area::Path(folder.into())));
            let folder = Area::Folder(folder.into());
            // Who makes it as well needs nobody else for it.
            let touched =
                self.touched.get(&key(machine, &folder)).filter(|_| !footprint.writes.contains(&folder));
            if let Some(touched) = touched.filter(|_| made.is_none_or(|made| made.writers.is_empty())) {
                let makers = touched.writers.iter().filter(|maker| **maker != task);
                edges.extend(makers.map(|maker| (*maker, task, Why::Footprint(folder.clone()))));
            }
        }
        for area in &footprint.writes {
            let key = key(machine, area);
            if matches!(area, Area::Folder(_)) {
                let makers = &mut self.touched.entry(key).or_default().writers;
                // So that many of them do not become many edges of each who comes later.
                if makers.len() == MAKERS {
                    edges.extend(makers.drain(..).map(|maker| (maker, task, Why::Order(area.clone()))));
                }
                makers.push(task);
                continue;
            }
            let mut wait = |touched: &Touched| {
                edges.extend(touched.writers.iter().map(|w| (*w, task, Why::Footprint(area.clone()))));
                edges.extend(touched.readers.iter().map(|r| (*r, task, Why::Order(area.clone()))));
            };
            self.above(&key, |_, touched| wait(touched));
            let below: Vec<String> = self
                .below(&key)
                .map(|(k, touched)| {
                    wait(touched);
                    k.clone()
                })
                .collect();
            // Whoever comes later waits for this task, and through it for these.
            for key in below {
                self.touched.remove(&key);
            }
            if area.is_behind_network() {
                edges.extend(self.looks.iter().map(|look| (*look, task, Why::Order(Area::Network))));
                self.behind_network.insert(key.clone(), (task, area.clone()));
            }
            let mine = self.touched.entry(key).or_default();
            *mine = Touched { writers: vec![task], readers: vec![] };
        }
    }

    /// Adds one who looks at the network.
    fn look(&mut self, key: String, task: u32, edges: &mut Vec<(u32, u32, Why)>) {
        let changes = self.behind_network.values();
        edges.extend(changes.map(|(change, area)| (*change, task, Why::Footprint(area.clone()))));
        let network = self.touched.entry(key).or_default();
        edges.extend(network.writers.iter().map(|w| (*w, task, Why::Footprint(Area::Network))));
        network.readers.push(task);
        self.looks.push(task);
    }

    /// The key itself and those above it.
    fn above(&self, key: &str, mut visit: impl FnMut(&str, &Touched)) {
        let ends = key.match_indices('/').map(|(at, _)| at).chain([key.len()]);
        for end in ends {
            if let Some(touched) = self.touched.get(&key[..end]) {
                visit(&key[..end], touched);
            }
        }
    }

    fn below<'a>(&'a self, key: &str) -> impl Iterator<Item = (&'a String, &'a Touched)> + use<'a> {
        let prefix = format!("{key}/");
        let end = format!("{key}0"); // '0' follows '/' in ASCII
        self.touched.range(prefix..end)
    }
}

/// The folder that a path is in.
fn folder_of(area: &Area) -> Option<&str> {
    let Area::Path(path) = area else { return None };
    let (folder, _) = path.trim_end_matches('/').rsplit_once('/')?;
    (!folder.is_empty()).then_some(folder)
}

fn key(machine: u16, area: &Area) -> String {
    match area {
        Area::Folder(path) => format!("{machine}/folder/{}", path.replace('/', ":")),
        Area::Path(path) => format!("{machine}/path{}", path.trim_end_matches('/')),
        Area::Packages => format!("{machine}/packages"),
        Area::Unit(unit) => format!("{machine}/unit/{}", unit.replace('/', "-")),
        Area::Accounts => format!("{machine}/accounts"),
        Area::Sysctl(name) => format!("{machine}/sysctl/{}", name.replace('/', ".")),
        Area::Firewall => format!("{machine}/firewall"),
        Area::Docker | Area::DockerPart(_) => format!("{machine}/docker"),
        Area::Compose(project) => format!("{machine}/docker/{project}"),
        Area::Postgres(part) => format!("{machine}/postgres/{part}"),
        Area::Job(id) => format!("{machine}/job/{}", id.replace('/', "-")),
        Area::Network => "network".into(),
        Area::Everything => format!("{machine}"),
    }
}
