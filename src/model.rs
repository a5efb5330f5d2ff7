//! Plain data that travels between the rooms.

mod claim;
mod exposed;

pub use claim::{Bind, Blank, Claim, Container, Image, Log, Published, Spot};
pub use exposed::{Exposed, Gate, OpenPort, Reach};

use serde::{Deserialize, Serialize};
use std::{fmt, ops::Range, path::PathBuf, sync::Arc};
use zeroize::Zeroize;

/// A text that was read, kept so that any error can show an excerpt of it.
pub struct Source {
    /// As the user would write it.
    pub path: PathBuf,
    pub text: String,
    /// Decrypted from a vault: no excerpt is ever shown, only file and line.
    pub secret: bool,
}

impl Drop for Source {
    /// What was decrypted does not stay in memory.
    fn drop(&mut self) {
        if self.secret {
            self.text.zeroize();
        }
    }
}

impl fmt::Debug for Source {
    /// Only the path: the text may be secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// A place in a file: every value knows the one it came from, also after rendering.
#[derive(Clone, Debug)]
pub struct Origin {
    pub source: Arc<Source>,
    /// Byte range in `source.text`.
    pub span: Range<usize>,
}

impl Origin {
    /// An origin for values that come from no file (command line, facts): shown by this name.
    pub fn named(name: &str) -> Self {
        let source = Source { path: PathBuf::from(name), text: String::new(), secret: false };
        Self { source: Arc::new(source), span: 0..0 }
    }

    /// Line and column, both from 1; the column counts characters.
    pub fn line_column(&self) -> (usize, usize) {
        let start = self.span.start.min(self.source.text.len());
        let before = &self.source.text[..self.source.text.floor_char_boundary(start)];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        // By bytes: this is asked for every task of a run, and the compiler counts many at a time.
        let lines = before.bytes().filter(|byte| *byte == b'\n').count();
        (lines + 1, before[line_start..].chars().count() + 1)
    }
}

impl fmt::Display for Origin {
    /// `file:line:column`, or just the name when it is no file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.source.path.display();
        if self.source.text.is_empty() {
            return write!(f, "{path}");
        }
        let (line, column) = self.line_column();
        write!(f, "{path}:{line}:{column}")
    }
}

/// The program by which another user is become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BecomeMethod {
    #[default]
    Sudo,
    Doas,
}

impl BecomeMethod {
    pub const ALL: [Self; 2] = [Self::Sudo, Self::Doas];

    /// As it is written, which is also the program's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sudo => "sudo",
            Self::Doas => "doas",
        }
    }
}

/// Number of a task in its host's list: file order.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct TaskId(pub u32);

/// The parts of a block that has a `rescue` or an `always`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Main,
    /// Runs when a task of the main part failed.
    Rescue,
    /// Runs however the others came out.
    Always,
}

/// Where in a block a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InBlock {
    /// The block's number in the playbook; inner ones have higher numbers.
    pub block: u32,
    pub part: Part,
}

/// What on a host a state resource owns, e.g. `path:/etc/motd`. Two tasks that own one address are refused at plan time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Address(pub String);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A part of a host that a task reads or writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Area {
    /// This path and, for an overlap, everything below it.
    Path(String),
    /// That there is a folder at this path, whatever is in it. To make it twice is as good as once, so writers do not wait for each other.
    Folder(String),
    /// The package database.
    Packages,
    /// A systemd unit by full name (`docker.service`).
    Unit(String),
    /// Accounts: users and groups.
    Accounts,
    /// A kernel parameter.
    Sysctl(String),
    /// Packet filter rules.
    Firewall,
    /// The Docker daemon and all that it holds.
    Docker,
    /// One thing that the Docker daemon holds: `network edge`.
    DockerPart(String),
    /// A compose project by name, inside Docker.
    Compose(String),
    /// A PostgreSQL server by container or port, or a part of one: `5432/role/app`.
    Postgres(String),
    /// A command in the background, by its id.
    Job(String),
    /// The network as seen from where the task runs: ports, HTTP answers.
    Network,
    Everything,
}

impl Area {
    /// Whether a write to one can be seen in the other.
    pub fn overlaps(&self, other: &Self) -> bool {
        use Area::{Compose, Docker, DockerPart, Everything, Path, Postgres};
        match (self, other) {
            (Everything, _) | (_, Everything) => true,
            (Path(a), Path(b)) | (Postgres(a), Postgres(b)) => path_within(a, b) || path_within(b, a),
            (Docker, Compose(_) | DockerPart(_)) | (Compose(_) | DockerPart(_), Docker) => true,
            // Compose makes networks and volumes of its own.
            (Compose(_), DockerPart(_)) | (DockerPart(_), Compose(_)) => true,
            (a, b) => a == b,
        }
    }

    /// Whether a write to this can change what answers on the network, of whichever machine.
    pub fn is_behind_network(&self) -> bool {
        use Area::{Compose, Docker, DockerPart, Firewall, Packages, Sysctl, Unit};
        // A package may start the service that it brings.
        matches!(self, Firewall | Docker | DockerPart(_) | Compose(_) | Unit(_) | Packages | Sysctl(_))
    }

    /// Whether a write to this can be seen by one who reads `look`. Not symmetric: a restarted service changes what is
    /// seen from outside, but a look from outside changes no service.
    pub fn shows_in(&self, look: &Self) -> bool {
        self.overlaps(look) || *look == Self::Network && self.is_behind_network()
    }
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Folder(path) => write!(f, "folder {path}"),
            Self::Packages => f.write_str("packages"),
            Self::Unit(unit) => write!(f, "unit {unit}"),
            Self::Accounts => f.write_str("accounts"),
            Self::Sysctl(key) => write!(f, "sysctl {key}"),
            Self::Firewall => f.write_str("firewall"),
            Self::Docker => f.write_str("docker"),
            Self::DockerPart(part) => write!(f, "docker {part}"),
            Self::Compose(project) => write!(f, "compose project {project}"),
            Self::Postgres(part) => write!(f, "postgres {part}"),
            Self::Job(id) => write!(f, "job {id}"),
            Self::Network => f.write_str("network"),
            Self::Everything => f.write_str("everything"),
        }
    }
}

/// Whether `path` is `folder` or lies below it.
pub fn path_within(path: &str, folder: &str) -> bool {
    let folder = folder.trim_end_matches('/');
    path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What a task reads and writes. Tasks whose footprints conflict keep file order; all others may run in parallel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Footprint {
    pub reads: Vec<Area>,
    pub writes: Vec<Area>,
}

impl Footprint {
    pub fn reads(areas: impl IntoIterator<Item = Area>) -> Self {
        Self { reads: areas.into_iter().collect(), writes: vec![] }
    }

    pub fn writes(areas: impl IntoIterator<Item = Area>) -> Self {
        Self { reads: vec![], writes: areas.into_iter().collect() }
    }

    pub fn and_reads(mut self, areas: impl IntoIterator<Item = Area>) -> Self {
        self.reads.extend(areas);
        self
    }

    /// With the folders above the path, which the task makes where they are missing.
    pub fn and_folders_above(mut self, path: &str) -> Self {
        let ends = path.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        self.writes.extend(ends.map(|end| Area::Folder(path[..end].into())));
        self
    }

    /// Overlaps with everything: a command that declares nothing.
    pub fn everything() -> Self {
        Self::writes([Area::Everything])
    }

    /// The pair of areas for which the order of two tasks matters, if any (ours first).
    pub fn conflict<'a>(&'a self, later: &'a Self) -> Option<(&'a Area, &'a Area)> {
        let pairs = |ours: &'a [Area], theirs: &'a [Area], meet: fn(&Area, &Area) -> bool| {
            ours.iter().find_map(|a| theirs.iter().find(|b| meet(a, b)).map(|b| (a, b)))
        };
        pairs(&self.writes, &later.writes, |a, b| a.overlaps(b))
            .or_else(|| pairs(&self.writes, &later.reads, |a, b| a.shows_in(b)))
            .or_else(|| pairs(&self.reads, &later.writes, |a, b| b.shows_in(a)))
    }
}

/// Differences between two states, facet by facet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Diff {
    pub facets: Vec<FacetDiff>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FacetDiff {
    /// What differs: `mode`, `content`, `state`, ...
    pub facet: String,
    pub before: Shown,
    pub after: Shown,
}

/// A value as it may be shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shown {
    Absent,
    /// A value that is shown as it is.
    Scalar(String),
    /// A text to be diffed line by line. Of a secret text, keys and structure with a tag in place of each value.
    Text(String),
    /// A secret: the tag is equal for equal values within a run, and useless outside of it.
    Masked(String),
    /// Not text, or not read: size in bytes and the start of the digest.
    Binary {
        size: u64,
        digest: String,
    },
}

impl Diff {
    pub fn is_empty(&self) -> bool {
        self.facets.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_overlap_by_whole_names() {
        let path = |p: &str| Area::Path(p.into());
        assert!(path("/etc").overlaps(&path("/etc/docker/daemon.json")));
        assert!(path("/").overlaps(&path("/etc")));
        assert!(!path("/etc/foo").overlaps(&path("/etc/foobar")));
        assert!(Area::Docker.overlaps(&Area::Compose("x".into())));
        assert!(!Area::Compose("x".into()).overlaps(&Area::Compose("y".into())));
    }

    #[test]
    fn two_readers_do_not_conflict() {
        let a = Footprint::reads([Area::Packages]);
        assert!(a.conflict(&a.clone()).is_none());
        assert!(a.conflict(&Footprint::writes([Area::Packages])).is_some());
    }
}
