//! What tasks say of what will be on a host when they are done: the lint of plans goes by it, and by what hosts answer.

use super::Reach;

/// A line of a file on a host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    pub path: String,
    /// From 1.
    pub line: usize,
}

/// One such thing. No value that is secret is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// A container that runs.
    Container(Box<Container>),
    /// A variable in a file that comes to nothing there.
    Blank { name: String, spot: Spot, source: Blank },
    /// A file that another one includes and nobody looks at, and why.
    Unread { what: String, why: String, spot: Spot },
    /// A network of containers, in CIDR notation.
    Network { name: String, subnets: Vec<String>, spot: Option<Spot> },
    /// A file that holds a secret, and the permission bits that it will have.
    Secret { path: String, mode: u32 },
    /// Something that holds a secret and that every user of the host may read, why, and what to do instead.
    Readable { what: String, why: &'static str, hint: &'static str },
    /// A folder that is to be a mount at boot; `now`: the task also sees to it that it is one.
    Mount { path: String, now: bool },
    /// A packet filter, and what it lets in: on which interface, it does not say.
    Admits { reach: Reach },
    /// How the Docker daemon keeps the logs of containers that say nothing of it.
    Daemon { driver: Option<String>, limited: bool },
}

/// Why a variable is blank.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Blank {
    /// Nothing sets it; the files that were looked at.
    Unset { looked_at: Vec<String> },
    /// That file sets it to nothing.
    Empty { file: String },
}

/// A container as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Of the service.
    pub name: String,
    pub spot: Spot,
    /// None where it is made from a build alone.
    pub image: Option<Image>,
    pub ports: Vec<Published>,
    pub binds: Vec<Bind>,
    /// Where it says that it shares the host's own network: what listens in it listens on the host.
    pub host_network: Option<Spot>,
    pub log: Log,
    /// The folder in it that its environment names for a database's data (`PGDATA`).
    pub data: Option<String>,
    /// The major version of PostgreSQL that its container says it runs now.
    pub runs: Option<String>,
}

/// An image by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// With variables filled in.
    pub name: String,
    /// As it may be shown: as written.
    pub shown: String,
    pub spot: Spot,
}

/// A port of a container that the host passes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// In the container; a range as `8000-8010`.
    pub inside: String,
    /// On the host; none where docker chooses one.
    pub outside: Option<String>,
    /// The address of the host; none for all of them.
    pub address: Option<String>,
    pub spot: Spot,
}

/// A path of the host that a container sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bind {
    pub source: String,
    pub target: String,
    pub spot: Spot,
}

/// What becomes of a container's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Log {
    /// It has an end, or nothing can be told.
    Limited,
    /// The container sets no end: it is as the daemon has it for this driver, or for its own.
    AsDaemon { driver: Option<String> },
}
