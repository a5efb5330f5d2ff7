//! Packages as they are and as they should be.

use super::{
    deb, rpm,
    spec::{Manager, Named, Spec, Wanted, fits},
};
use crate::{
    resource::{Facets, Fault, State},
    resources::shared::HostPath,
};

/// A package that the task names.
#[derive(Clone, Default)]
pub struct Item {
    pub name: String,
    pub manager: Manager,
    /// The version that is wanted, perhaps a pattern.
    pub wanted: Option<String>,
    /// Where it comes from, when it is not the host's sources.
    pub file: Option<HostPath>,
    pub installed: Option<String>,
    /// Its configuration files are there without it.
    pub left_over: Option<String>,
    pub held: bool,
    /// An installed package that provides it, where it is only a name of others.
    pub provided: Option<Provided>,
    /// What would be installed.
    pub candidate: Option<String>,
    /// The versions that are to be had and the installed one, the highest first.
    pub known: Vec<String>,
}

/// Who provides a virtual package.
#[derive(Clone, PartialEq)]
pub struct Provided {
    pub by: String,
    pub version: String,
    /// The version that it is provided as.
    pub own: Option<String>,
}

impl Provided {
    /// The packages that provide a name, as the agent tells them.
    pub fn read<'a>(said: &'a str, name: &'a str) -> impl Iterator<Item = Self> + 'a {
        let lines = said.lines().map(|line| line.split('\t').collect::<Vec<_>>());
        lines.filter_map(move |fields| match fields[..] {
            [of, by, version, own] if of == name => Some(Self {
                by: by.into(),
                version: version.into(),
                own: Some(own.to_string()).filter(|own| !own.is_empty()),
            }),
            _ => None,
        })
    }
}

/// What changes along with what is named.
#[derive(Clone, PartialEq)]
pub struct Along {
    pub name: String,
    pub from: Option<String>,
    pub to: Option<String>,
}

#[derive(Clone, Default)]
pub struct Packages {
    pub manager: Manager,
    pub items: Vec<Item>,
    /// The task says whether they are held.
    pub holds: bool,
    pub along: Vec<Along>,
    /// What is installed along with them because they need it, as far as the lists of now say it. Nothing of it is shown.
    pub needs: Vec<Along>,
    /// They are old, and the task is about what is new.
    pub lists_old: Option<String>,
    /// The lists are old, which matters only should something be installed.
    pub lists_old_if_installing: bool,
    /// What dpkg has begun and not ended.
    pub unfinished: Vec<String>,
    /// What must not be removed, though removing what is named would.
    pub essential: Vec<String>,
}

impl State for Packages {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if !self.unfinished.is_empty() {
            facets.insert("unfinished".into(), self.unfinished.join(", ").into());
        }
        if let Some(age) = &self.lists_old {
            facets.insert("package lists".into(), age.as_str().into());
        }
        for item in &self.items {
            let left_over = || item.left_over.as_ref().map(|version| format!("configuration of {version}"));
            let provided = || item.provider().map(|it| format!("provided by {} {}", it.by, it.version));
            if let Some(version) = item.installed.clone().or_else(provided).or_else(left_over) {
                facets.insert(item.name.clone(), version.into());
            }
            if self.holds && item.held {
                facets.insert(format!("{} hold", item.name), "held".into());
            }
        }
        for along in &self.along {
            if let Some(version) = &along.from {
                facets.insert(along.name.clone(), version.clone().into());
            }
        }
        facets
    }
}

impl Item {
    /// What is known of it without asking what is installed.
    pub fn new(named: &Named, manager: Manager) -> Self {
        let Named { name, version: wanted, file } = named.clone();
        let known: Vec<String> = wanted.clone().filter(|_| file.is_some()).into_iter().collect();
        Self { name, manager, wanted, candidate: known.first().cloned(), known, file, ..Self::default() }
    }

    /// What it should become of it.
    fn target(&self, spec: &Spec) -> Option<String> {
        if spec.removes() || self.provider().is_some() || spec.only_upgrade && self.installed.is_none() {
            return None;
        }
        let best = || {
            let fitting = self.wanted.as_ref().map(|_| self.known.iter().find(|version| self.fits(version)));
            match fitting {
                Some(found) => found.or(self.wanted.as_ref()).cloned(),
                None => self.candidate.clone(),
            }
        };
        match (&self.installed, &self.wanted, spec.state) {
            (Some(version), Some(_), _) if self.fits(version) => Some(version.clone()),
            (Some(version), None, Wanted::Present) => Some(version.clone()),
            (Some(version), None, _) if self.held && spec.hold.is_none() => Some(version.clone()),
            (installed, _, _) => best().or_else(|| installed.clone()).or_else(|| Some("installed".into())),
        }
    }

    /// Who provides it as it is wanted, when it is not there itself.
    pub fn provider(&self) -> Option<&Provided> {
        let fits = |it: &&Provided| match (&self.wanted, &it.own) {
            (None, _) => true,
            (Some(_), own) => own.as_ref().is_some_and(|own| self.fits(own)),
        };
        self.provided.as_ref().filter(|_| self.installed.is_none()).filter(fits)
    }

    /// Whether a version is one that is wanted.
    pub fn fits(&self, version: &str) -> bool {
        self.wanted.as_ref().is_none_or(|pattern| match self.manager {
            _ if self.file.is_some() => pattern == version,
            // Without the release as well, and without the epoch.
            Manager::Dnf => rpm::forms(version).iter().any(|form| fits(pattern, form)),
            _ => fits(pattern, version),
        })
    }

    /// Whether this version is lower than the installed one: apt tells by the order of the known ones.
    fn lowers(&self, target: &str) -> bool {
        if self.manager == Manager::Dnf {
            return self.installed.as_ref().is_some_and(|installed| rpm::order(target, installed).is_lt());
        }
        if self.file.is_some() {
            return self.installed.as_ref().is_some_and(|installed| deb::order(target, installed).is_lt());
        }
        let place = |version: &str| self.known.iter().position(|known| known == version);
        let installed = self.installed.as_deref().and_then(place);
        installed.zip(place(target)).is_some_and(|(installed, target)| target > installed)
    }
}

impl Packages {
    /// As they should be.
    pub fn desired(&self, spec: &Spec) -> Result<Self, Fault> {
        let mut to = self.clone();
        for item in &mut to.items {
            let target = item.target(spec);
            let changes = target != item.installed;
            if changes && item.held && spec.hold.is_none() && item.installed.is_some() {
                let version = item.installed.as_deref().unwrap_or_default();
                let fault = Fault::new(format!("`{}` is held at {version} on this host", item.name));
                return Err(fault.hint(match spec.removes() {
                    true => "let it go in a task before, with `hold: false`",
                    false => "`hold: true` changes it and holds it again, `hold: false` lets it go",
                }));
            }
            if let Some(target) =
                target.as_deref().filter(|target| !spec.allow_downgrade && item.lowers(target))
            {
                let (name, from) = (&item.name, item.installed.as_deref().unwrap_or_default());
                let fault = Fault::new(format!("`{name}` is {from} on this host: {target} is lower"));
                return Err(fault.hint("`allow_downgrade: true` allows it; not all packages can go back"));
            }
            let nothing_fits = item.wanted.as_ref().filter(|_| {
                changes
                    && spec.update_cache == Some(false)
                    && !item.known.iter().any(|known| item.fits(known))
            });
            if let Some(wanted) = nothing_fits {
                let known = if item.known.is_empty() { "none".into() } else { item.known.join(", ") };
                let fault =
                    Fault::new(format!("no version of `{}` is `{wanted}`; known are: {known}", item.name));
                return Err(fault.hint("without `update_cache: false` the package lists are updated first"));
            }
            item.installed = target;
            if spec.state == Wanted::Purged || item.installed.is_some() {
                item.left_over = None;
            }
            item.held = spec.hold.unwrap_or(item.held) && item.installed.is_some();
        }
        for along in &mut to.along {
            along.from = along.to.clone();
        }
        if !self.essential.is_empty() {
            let fault =
                Fault::new(format!("essential packages would be removed: {}", self.essential.join(", ")));
            return Err(fault.hint("the host would not work without them; nothing is done"));
        }
        to.lists_old = None;
        if spec.repair {
            to.unfinished.clear();
        } else if !self.unfinished.is_empty() && self.builds_on_unfinished(spec, &to) {
            let list = self.unfinished.join(", ");
            let fault = Fault::new(format!("dpkg has left something unfinished on this host: {list}"));
            return Err(
                fault.hint("run `dpkg --configure -a` there and see what it says, or write `repair: true`")
            );
        }
        Ok(to)
    }

    /// Not when all that is unfinished is removed.
    fn builds_on_unfinished(&self, spec: &Spec, to: &Self) -> bool {
        let gone = |line: &String| {
            let name = line.split(' ').next().unwrap_or_default();
            spec.removes() && to.items.iter().any(|item| item.name == name)
        };
        !self.unfinished.iter().all(gone) && !self.same(to)
    }

    /// What is told though nothing is done about it.
    pub fn notes(&self, spec: &Spec) -> Vec<String> {
        let stays =
            self.items.iter().filter(|item| spec.state == Wanted::Latest && item.held && spec.hold.is_none());
        let newer = stays.filter_map(|item| Some((item, item.candidate.as_ref()?, item.installed.as_ref()?)));
        let newer = newer.filter(|(_, candidate, installed)| candidate != installed);
        newer.map(|(item, to, at)| format!("{} is held at {at}: {to} is to be had", item.name)).collect()
    }

    /// Whether nothing differs that is shown.
    pub fn same(&self, to: &Self) -> bool {
        self.facets() == to.facets()
    }

    /// The named packages that change.
    pub fn changed<'a>(&'a self, to: &'a Self) -> impl Iterator<Item = (&'a Item, &'a Item)> {
        let pairs = self.items.iter().zip(&to.items);
        pairs.filter(|(a, b)| a.installed != b.installed || a.left_over != b.left_over)
    }
}
