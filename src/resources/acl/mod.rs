//! `acl`: entries of an access control list.

mod entry;

use self::entry::{Entry, Rights, Tag};
use super::shared::{HostPath, Presence};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Pause, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, AttributeProbe, Kind, Op, Probe, Query};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Acl;

/// Gives users and groups rights of their own on a file or directory, or takes them away: POSIX access control lists.
///
/// Entries that are not named stay. An entry is there when it gives what it says: one that the mask limits, as a later `chmod` makes it do,
/// is given anew, with a mask that lets all entries have their rights, unless the task names a mask. Where there is a list, the bits of the
/// group in `mode` are the mask. Setting needs the program `setfacl` (package `acl`); looking needs nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file or directory.
    path: HostPath,
    /// Entries as `setfacl` writes them: `user:app:rwX`, `group:adm:r-x`, `default:user:app:rwX`. With `absent` the rights are left out.
    #[serde(default)]
    entries: Vec<String>,
    /// One entry in parts: the name of the user or group. Left out: the file's owner, its group.
    #[serde(default)]
    entity: String,
    /// What kind of entry it is. Left out: the entries are those in `entries`.
    etype: Option<Kinds>,
    /// Its rights: letters out of `rwxX`, or one octal digit. `X` is `x` for directories and what somebody may execute already.
    /// Needed with `etype`, but with `absent`.
    permissions: Option<String>,
    /// It is for what is made in the directory from now on.
    #[serde(default)]
    default: bool,
    /// `absent` takes the entries away.
    #[serde(default)]
    state: Presence,
    /// Also on all that is below a directory. Links are not followed and have no list, also one that is put in the place of a file meanwhile. Entries with `default` are for directories only.
    #[serde(default)]
    recursive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
enum Kinds {
    User,
    Group,
    Mask,
    Other,
}

impl Spec {
    fn absent(&self) -> bool {
        self.state == Presence::Absent
    }

    fn entries(&self) -> Result<Vec<Entry>, Fault> {
        let mut entries = match self.etype {
            Some(_) if !self.entries.is_empty() => {
                return Err(
                    Fault::new("`etype` and `entries` are both given").hint("write all of them as `entries`")
                );
            }
            Some(kind) => vec![self.in_parts(kind)?],
            None if self.entries.is_empty() => {
                let fault = Fault::new("`entries` is missing");
                return Err(fault.hint("say who may do what: `entries: [\"user:app:rwX\"]`"));
            }
            None => self.entries.iter().map(|text| Entry::parse(text)).collect::<Result<_, _>>()?,
        };
        for at in 0..entries.len() {
            let entry = &entries[at];
            let name = entry.name();
            if entries[..at].iter().any(|other| other.name() == name) {
                return Err(
                    Fault::new(format!("the entry of `{name}` is named twice")).hint("name each once")
                );
            }
            match (self.absent(), entry.rights) {
                (false, None) => {
                    let fault = Fault::new(format!("the entry of `{name}` names no rights"));
                    return Err(fault.hint("letters out of `rwxX`, or `-` for none"));
                }
                (true, _) if entry.who.is_empty() => {
                    let fault = Fault::new(format!("the entry of `{name}` cannot be taken away"));
                    return Err(fault.hint("every list has it: give it other rights with `state: present`"));
                }
                (true, _) => entries[at].rights = None,
                _ => {}
            }
        }
        Ok(entries)
    }

    fn in_parts(&self, kind: Kinds) -> Result<Entry, Fault> {
        let tag = match kind {
            Kinds::User => Tag::User,
            Kinds::Group => Tag::Group,
            Kinds::Mask => Tag::Mask,
            Kinds::Other => Tag::Other,
        };
        let rights = self.permissions.as_deref().map(|text| {
            let fault = || Fault::new(format!("`{}` are no rights", text.escape_debug()));
            Rights::parse(text).ok_or_else(|| fault().hint("letters out of `rwxX`, or one octal digit"))
        });
        Entry { default: self.default, tag, who: self.entity.clone(), rights: rights.transpose()? }.checked()
    }

    fn probe(&self) -> Probe {
        Probe::Attribute(AttributeProbe::Acl { path: self.path.to_string(), recursive: self.recursive })
    }

    /// The account's number; `None` when it has none, or there is no such account.
    fn id(entry: &Entry, seen: &Seen) -> Observe<Option<Option<u32>>> {
        if entry.who.is_empty() {
            return Ok(Some(None));
        }
        if let Ok(id) = entry.who.parse() {
            return Ok(Some(Some(id)));
        }
        let id = match entry.tag {
            Tag::User => seen.user(&entry.who)?.map(|user| user.uid),
            _ => seen.group(&entry.who)?.map(|group| group.gid),
        };
        Ok(id.map(Some))
    }
}

/// Files that have their lists in common.
struct Alike {
    folder: bool,
    count: u64,
    access: Vec<String>,
    default: Vec<String>,
    first: String,
}

impl Alike {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.splitn(5, '\t');
        let mut next = || fields.next();
        let (kind, count, access, default, first) = (next()?, next()?, next()?, next()?, next()?);
        let list = |text: &str| text.split(',').filter(|entry| *entry != "-").map(String::from).collect();
        Some(Self {
            folder: kind == "d",
            count: count.parse().ok()?,
            access: list(access),
            default: list(default),
            first: first.into(),
        })
    }

    fn rights<'a>(&'a self, default: bool, key: &str) -> Option<&'a str> {
        let list = if default { &self.default } else { &self.access };
        list.iter().find_map(|entry| entry.strip_prefix(key))
    }

    /// What an entry gives: its rights, and which of them the mask leaves.
    fn gives(&self, entry: &Entry, id: Option<u32>, mask_named: bool) -> Option<(String, String)> {
        let rights = self.rights(entry.default, &entry.key(id))?;
        let mask = self.rights(entry.default, "mask::").filter(|_| entry.is_masked() && !mask_named);
        let left =
            rights.chars().zip(mask.unwrap_or("rwx").chars()).map(|(a, b)| if a == b { a } else { '-' });
        Some((rights.into(), left.collect()))
    }

    fn is_executable(&self) -> bool {
        self.folder || self.access.iter().any(|entry| entry.ends_with('x'))
    }
}

/// What each entry gives, by its name.
pub struct AclState(IndexMap<String, String>);

impl State for AclState {
    fn facets(&self) -> Facets {
        self.0.iter().map(|(name, rights)| (name.clone(), rights.as_str().into())).collect()
    }
}

/// One entry as it is on all that is alike; `None`: nowhere.
fn observed(spec: &Spec, entry: &Entry, id: Option<u32>, mask_named: bool, all: &[Alike]) -> Option<String> {
    let all = || all.iter().filter(|alike| alike.folder || !entry.default);
    let (mut other, mut whole, mut first, mut shown) = (0, 0, None::<&Alike>, None);
    for alike in all() {
        whole += alike.count;
        let gives = alike.gives(entry, id, mask_named);
        let good = match entry.rights {
            None => gives.is_none(),
            Some(rights) => gives.as_ref().is_some_and(|(_, left)| *left == rights.of(alike.is_executable())),
        };
        if !good {
            other += alike.count;
            first = first.filter(|first| first.first <= alike.first).or(Some(alike));
            shown = gives;
        }
    }
    let wanted = entry.rights.map(|rights| rights.to_string());
    let Some(first) = first else { return wanted };
    if spec.recursive {
        let what = if entry.rights.is_some() { "otherwise on" } else { "on" };
        return Some(format!("{what} {other} of {whole}, first {}", first.first));
    }
    let (rights, left) = shown?;
    Some(if rights == left { rights } else { format!("{rights}, of which the mask leaves {left}") })
}

impl Resource for Acl {
    const NAME: &'static str = "acl";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &[
        "owner",
        "owning group",
        "mask",
        "other",
        "user:NAME",
        "group:NAME",
        "default:owner",
        "default:owning group",
        "default:mask",
        "default:other",
        "default:user:NAME",
        "default:group:NAME",
    ];
    const EXAMPLE: &'static str = "\
name: Let the web server read what the application writes
acl:
  path: /srv/app/public
  entries: [\"user:www-data:rX\", \"default:user:www-data:rX\"]
  recursive: true
";
    const CONTENT: &'static [&'static str] = &["permissions", "entity", "entries"];

    type Spec = Spec;
    type State = AclState;

    /// Several tasks may each own entries.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint { reads: vec![Area::Accounts, Area::Packages], writes: vec![spec.path.area()] }
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.entries().map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<AclState> {
        let (path, entries) = (&spec.path, spec.entries()?);
        let accounts =
            entries.iter().filter(|entry| !entry.who.is_empty() && entry.who.parse::<u32>().is_err());
        let accounts = accounts.map(|entry| match entry.tag {
            Tag::User => Query::User { name: entry.who.clone() },
            _ => Query::Group { name: entry.who.clone() },
        });
        let which = Probe::Which { program: "setfacl".into() };
        let own =
            [Query::File { path: path.to_string() }, Query::Run(spec.probe()), Query::Run(which.clone())];
        seen.each(own.into_iter().chain(accounts))?;
        let kind = seen.meta(path)?.map(|meta| meta.kind);
        match &kind {
            Some(Kind::Link { target }) => {
                let fault = Fault::new(format!("{path} is a link to {target}"));
                return Err(fault.hint("name what it points to").into());
            }
            Some(Kind::Folder) => {}
            Some(_) => {
                if let Some(entry) = entries.iter().find(|entry| entry.default) {
                    let fault =
                        Fault::new(format!("{path} is no directory: it cannot have `{}`", entry.name()));
                    return Err(fault
                        .hint("entries with `default` are for what is made in a directory")
                        .into());
                }
            }
            None if spec.absent() => return Ok(AclState(IndexMap::new())),
            None => {
                seen.presume(&[path.area()], format!("{path} does not exist and no earlier task makes it"))?
            }
        }
        let mut all = vec![];
        if kind.is_some() {
            let output = seen.run(spec.probe())?;
            let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
            all.extend(text.lines().filter_map(Alike::read));
            if all.is_empty() {
                all.push(of_new(spec, seen)?);
            }
        }
        let mut state = IndexMap::new();
        for entry in &entries {
            let mask = |other: &Entry| other.tag == Tag::Mask && other.default == entry.default;
            let mask_named = entries.iter().any(mask);
            let found = match Spec::id(entry, seen)? {
                // Nothing is there yet to have it.
                Some(_) if all.is_empty() => None,
                Some(id) => observed(spec, entry, id, mask_named, &all),
                None => {
                    if !spec.absent() {
                        let kind = if entry.tag == Tag::User { "user" } else { "group" };
                        seen.presume(
                            &[Area::Accounts],
                            format!("there is no {kind} `{}`, and no earlier task makes it", entry.who),
                        )?;
                    }
                    None
                }
            };
            state.extend(found.map(|found| (entry.name(), found)));
        }
        if state != wanted(&entries) && seen.run(which)?.code != 0 {
            seen.presume(&[Area::Packages], "there is no program `setfacl` (package acl)")?;
        }
        Ok(AclState(state))
    }

    fn desired(spec: &Spec, _: &AclState) -> Result<AclState, Fault> {
        Ok(AclState(wanted(&spec.entries()?)))
    }

    fn ops(spec: &Spec, from: &AclState, to: &AclState) -> Vec<Op> {
        let Ok(entries) = spec.entries() else { return vec![] };
        if from.facets() == to.facets() {
            return vec![];
        }
        // An account that is not there has no entry either, and `setfacl` does not know it.
        let entries = entries.iter().filter(|entry| !spec.absent() || from.0.contains_key(&entry.name()));
        let entries: Vec<_> = entries.map(|entry| entry.text(!spec.absent())).collect();
        let path = spec.path.to_string();
        vec![Op::SetAcl { path, entries, remove: spec.absent(), recursive: spec.recursive }]
    }

    /// What is in the files and who owns them stays: later tasks on them can be planned.
    fn effects(_: &Spec, _: &AclState, _: &AclState, _: &[Op]) -> Vec<Effect> {
        vec![]
    }
}

/// The list that a file has which an earlier task makes: that of its mode, unless the folder has one for what is made in it.
fn of_new(spec: &Spec, seen: &Seen) -> Observe<Alike> {
    let path = &*spec.path;
    let meta = seen.meta(path)?;
    let mode = meta.as_ref().map_or(0, |meta| meta.mode);
    let folder = meta.is_some_and(|meta| meta.kind == Kind::Folder);
    let above = path.match_indices('/').map(|(at, _)| &path[..at.max(1)]).rev();
    let list = |path: &str| {
        let (path, recursive) = (path.to_string(), false);
        Query::Run(Probe::Attribute(AttributeProbe::Acl { path, recursive }))
    };
    let below = Query::List { path: path.into() };
    if folder && spec.recursive && matches!(seen.get(below)?, Answer::Names(Some(names)) if !names.is_empty())
    {
        return Err(Pause::NotYet(format!("what is in {path} is made before")));
    }
    let above: Vec<Query> = above.map(list).collect();
    let lists = seen.each(above.clone())?;
    // Some of the folders may be made before as well.
    above.iter().for_each(|query| seen.leave_open(query));
    for answer in lists {
        let Answer::Output(output) = answer else { continue };
        let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
        // The nearest that is there counts.
        let Some(nearest) = text.lines().find_map(Alike::read) else { continue };
        if nearest.default.is_empty() {
            break;
        }
        let why = format!("{path} takes over the list that {} has for what is made in it", nearest.first);
        return Err(Pause::NotYet(why));
    }
    let rights = |shift: u32| -> String {
        [(4, 'r'), (2, 'w'), (1, 'x')]
            .iter()
            .map(|(bit, letter)| if mode >> shift & bit != 0 { *letter } else { '-' })
            .collect()
    };
    let access =
        [("user", 6), ("group", 3), ("other", 0)].map(|(of, shift)| format!("{of}::{}", rights(shift)));
    Ok(Alike { folder, count: 1, access: access.into(), default: vec![], first: path.into() })
}

fn wanted(entries: &[Entry]) -> IndexMap<String, String> {
    entries.iter().filter_map(|entry| Some((entry.name(), entry.rights?.to_string()))).collect()
}
