//! `stat`: what is at a path, for the tasks behind it.

use super::shared::{Act, HostPath, entries, nothing_comes};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Pause, Resource, Seen, Topic, Untold},
    yaml::{Map, Value},
};
use agent::wire::{Checksum, FileType, Moving, Op, Stat as Found};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

pub struct Stat;

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline, extend("enum" = ["md5", "sha1", "sha", "sha224", "sha256", "sha384", "sha512"]))]
enum Algorithm {
    Md5,
    #[default]
    #[serde(alias = "sha")]
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

/// Looks what is at a path; what it finds is `stat` of the registered result. It never changes anything.
///
/// `stat.exists` is always there, and so are `isreg isdir islnk ischr isblk isfifo issock`: all `false` where nothing is. What exists has
/// `path mode pw_name gr_name uid gid size inode dev nlink atime mtime ctime block_size blocks device_type`, `readable writeable
/// executable` for the user that looks, `rusr` to `xoth`, `isuid isgid`; a link `lnk_target lnk_source`; a file that may be read
/// `checksum`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The path that is looked at.
    path: HostPath,
    /// Looks at what a link leads to, not at the link.
    #[serde(default)]
    follow: bool,
    /// Whether the checksum of a file is computed, which means to read all of it.
    #[serde(default = "yes")]
    get_checksum: bool,
    /// Which one.
    #[serde(default)]
    checksum_algorithm: Algorithm,
    /// Kinds of content are not told: `false` only.
    #[serde(default)]
    get_mime: bool,
    /// Attributes of `lsattr` are not told: `false` only.
    #[serde(default)]
    get_attributes: bool,
}

fn yes() -> bool {
    true
}

/// As many links in a row are followed as the kernel does.
const LINKS: usize = 40;

impl Spec {
    fn checksum(&self) -> Option<Checksum> {
        self.get_checksum.then_some(match self.checksum_algorithm {
            Algorithm::Md5 => Checksum::Md5,
            Algorithm::Sha1 => Checksum::Sha1,
            Algorithm::Sha224 => Checksum::Sha224,
            Algorithm::Sha256 => Checksum::Sha256,
            Algorithm::Sha384 => Checksum::Sha384,
            Algorithm::Sha512 => Checksum::Sha512,
        })
    }

    /// A link is followed here, not by the host: what it leads to may be another one by then.
    fn look(&self, seen: &Seen) -> Observe<Option<Found>> {
        let mut path = self.path.to_string();
        for _ in 0..LINKS {
            let found = seen.stat(&path, self.checksum())?;
            match found.as_ref().map(|found| &found.kind) {
                Some(FileType::Link { target }) if self.follow => {
                    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                    path =
                        if target.starts_with('/') { target.clone() } else { format!("{folder}/{target}") };
                }
                None => {
                    let at = HostPath::new(&path).map_err(Fault::new)?;
                    return nothing_comes(&at, seen).map(|()| None);
                }
                _ => return Ok(found),
            }
        }
        Ok(None)
    }
}

impl Resource for Stat {
    const NAME: &'static str = "stat";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &[];
    const UNTOLD: &'static [Untold] = &[Untold::Result];
    const MANNER: Manner = Manner::Looks;
    const EXAMPLE: &'static str = "\
name: Whether there are data already
stat:
  path: /srv/data/PG_VERSION
register: data
";
    const RESULT: &'static [(&'static str, &'static str)] =
        &[("stat", "what is there: `stat.exists`, `stat.isdir`, `stat.size`, ... as told above")];

    type Spec = Spec;
    type State = Act;

    fn check(spec: &Spec) -> Result<(), Fault> {
        let asked = [("get_mime", spec.get_mime), ("get_attributes", spec.get_attributes)];
        match asked.into_iter().find(|(_, asked)| *asked) {
            Some((name, _)) => Err(Fault::new(format!("`{name}` is not told here")).hint("leave it out")),
            None => Ok(()),
        }
    }

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::reads([spec.path.area()])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Act> {
        spec.look(seen).map(|_| Act::default())
    }

    fn desired(_: &Spec, observed: &Act) -> Result<Act, Fault> {
        Ok(observed.clone())
    }

    fn ops(_: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![]
    }

    fn found(spec: &Spec, seen: &Seen) -> Observe<Map> {
        match spec.look(seen) {
            Ok(found) => Ok(entries([("stat", Value::Map(told(spec, found.as_ref())))])),
            // Whoever reads it waits for it.
            Err(Pause::NotYet(why)) => Ok(entries([("stat", Value::Unknown(why.into()))])),
            Err(pause) => Err(pause),
        }
    }
}

fn told(spec: &Spec, found: Option<&Found>) -> Map {
    let kind = found.map(|found| &found.kind);
    let is = |name: FileType| Value::Bool(kind == Some(&name));
    let mut all = entries([
        ("exists", Value::Bool(found.is_some())),
        ("isreg", is(FileType::File)),
        ("isdir", is(FileType::Folder)),
        ("islnk", Value::Bool(matches!(kind, Some(FileType::Link { .. })))),
        ("ischr", is(FileType::Character)),
        ("isblk", is(FileType::Block)),
        ("isfifo", is(FileType::Fifo)),
        ("issock", is(FileType::Socket)),
    ]);
    let Some(found) = found else { return all };
    let bit = |bit: u32| Value::Bool(found.mode & bit != 0);
    all.extend(entries([
        ("path", Value::str(spec.path.to_string())),
        ("mode", Value::str(format!("{:04o}", found.mode))),
        ("pw_name", Value::str(&found.owner)),
        ("gr_name", Value::str(&found.group)),
        ("isuid", bit(0o4000)),
        ("isgid", bit(0o2000)),
    ]));
    let bits = ["rusr", "wusr", "xusr", "rgrp", "wgrp", "xgrp", "roth", "woth", "xoth"];
    all.extend(bits.into_iter().enumerate().flat_map(|(at, name)| entries([(name, bit(0o400 >> at))])));
    // What a change makes of these shows when it is made.
    let why: Arc<str> = format!("what an earlier task makes of {}", spec.path).into();
    let moving = found.moving.as_ref();
    let then = |value: &dyn Fn(&Moving) -> Value| moving.map_or_else(|| Value::Unknown(why.clone()), value);
    let number = |value: &dyn Fn(&Moving) -> u64| then(&|moving| Value::Int(value(moving).cast_signed()));
    let time = |value: &dyn Fn(&Moving) -> i64| then(&|moving| Value::Float(value(moving) as f64 / 1e9));
    all.extend(entries([
        ("uid", number(&|moving| moving.uid.into())),
        ("gid", number(&|moving| moving.gid.into())),
        ("size", number(&|moving| moving.size)),
        ("inode", number(&|moving| moving.inode)),
        ("dev", number(&|moving| moving.dev)),
        ("device_type", number(&|moving| moving.device_type)),
        ("nlink", number(&|moving| moving.nlink)),
        ("block_size", number(&|moving| moving.block_size)),
        ("blocks", number(&|moving| moving.blocks)),
        ("atime", time(&|moving| moving.atime)),
        ("mtime", time(&|moving| moving.mtime)),
        ("ctime", time(&|moving| moving.ctime)),
        ("readable", then(&|moving| Value::Bool(moving.readable))),
        ("writeable", then(&|moving| Value::Bool(moving.writable))),
        ("executable", then(&|moving| Value::Bool(moving.executable))),
    ]));
    let text = |text: &Option<String>| text.as_ref().map_or(Value::Null, Value::str);
    match &found.kind {
        FileType::Link { target } => all.extend(entries([
            ("lnk_target", Value::str(target)),
            ("lnk_source", then(&|moving| text(&moving.real))),
        ])),
        FileType::File if spec.get_checksum && moving.is_none_or(|moving| moving.checksum.is_some()) => {
            all.extend(entries([("checksum", then(&|moving| text(&moving.checksum)))]));
        }
        _ => {}
    }
    all
}
