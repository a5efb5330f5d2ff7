//! The read-only commands that may be asked for.

use super::PackageTool;
use super::docker::DockerProbe;
use super::postgres::{Postgres, PostgresProbe};
use super::{Algorithm, GitRemote, Unpack};
use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

mod machine;

pub use machine::MachineProbe;

/// Read-only commands. The agent owns each argv; the answer is the command's [`super::Output`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Probe {
    /// `dpkg-query -W -f '${Package}\t${db:Status-Abbrev}\t${Version}\n' NAMES` (exit 1 when one is unknown is normal).
    DpkgStatus { names: Vec<String> },
    /// `apt-cache policy NAMES`, with a release that is preferred.
    AptPolicy { names: Vec<String>, default_release: Option<String> },
    /// What apt would do (`apt-get -s`). Stdout: its lines `Inst NAME [OLD] (NEW ...`, `Remv NAME [OLD]`, `Purg NAME [OLD]`, and `Essential
    /// NAME` for what it refuses to remove.
    AptSimulate(AptPlan),
    /// Whether the package lists of apt or dnf are older than this many seconds, or there are none: `old`, or nothing.
    PackageLists { tool: PackageTool, older_than_s: u32 },
    /// What dpkg has begun and not ended: lines `NAME STATE`. Nothing while another holds its lock.
    DpkgAudit,
    /// An answer that debconf keeps: `TYPE\tSEEN\tVALUE`, the value in hexadecimal digits; nothing when there is no such question.
    Debconf { question: String, secret: bool },
    /// `rpm -q` of these: lines `NAME\tEVR\tARCH` (exit codes count those that are missing).
    RpmStatus { names: Vec<String> },
    /// What dnf knows without fetching anything: lines `NAME EVR`.
    Dnf(DnfQuestion),
    /// `systemctl show UNIT -p LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload`. Where that leaves open whether it starts at
    /// boot, also `Installs=yes|no` (enabling it makes links to it), `Also=OTHER STATE` for each that is enabled along, `Link=PATH` (where its
    /// file is that was linked to), and `SysV=STATE` of a script of System V.
    UnitState { unit: String },
    /// The same of a unit of the manager of whoever asks (`systemctl --user`), and lines `Uid=NUMBER` and `Home=PATH`, also where no such manager answers, and `Link=PATH`.
    UserUnit { unit: String },
    /// The machine itself. See [`MachineProbe`].
    Machine(MachineProbe),
    /// `sysctl -n KEY`.
    Sysctl { key: String },
    /// `nft -s list table FAMILY NAME`.
    NftTable { family: String, name: String },
    /// `nft -c -f -` with the ruleset on stdin: would this load?
    NftCheck { ruleset: String },
    /// `openssl x509 -in PATH -noout -subject -issuer -enddate -ext subjectAltName -fingerprint -sha256`, then
    /// whether it expires within `expires_within_s` (line `expires: yes|no`) and whether the key at `key` fits (line `key: matches|differs|missing`).
    Certificate { path: String, key: String, expires_within_s: u64 },
    /// Prints the path of a program on the agent's PATH; exit 1 when there is none.
    Which { program: String },
    /// The same of the first of these that is there.
    WhichOf { programs: Vec<String> },
    /// What docker compose would do with a project as predicted. See [`ComposeProbe`]. Stdout is JSON and secret.
    Compose(ComposeProbe),
    /// `docker version --format {{.Server.APIVersion}}`.
    DockerApi,
    /// `docker network inspect` of all networks and `ip -4 route`: for the subnet check. Stdout: `NAME SUBNET` lines.
    Subnets,
    /// The device and mount point that holds PATH (`findmnt -T`), fields TARGET,SOURCE,FSTYPE.
    MountOf { path: String },
    /// Which process holds the dpkg or apt lock: `PID COMMAND SINCE-SECONDS`, empty when free.
    AptLock,
    /// See [`DockerProbe`].
    Docker(DockerProbe),
    /// See [`PostgresProbe`]. Codes are psql's: 3 for what the server refuses, 2 when it does not answer; 1, 126, 127 when there is no psql.
    Postgres(Postgres, PostgresProbe),
    /// Whether a revert is pending under this token: `pending`, or nothing. Among [`super::Apply::then`] one that the same apply has
    /// armed is not told: it is confirmed after that.
    Unconfirmed { token: String },
    /// Attributes of files. See [`AttributeProbe`].
    Attribute(AttributeProbe),
    /// The user whose login the session came by, also where it has become another one.
    LoginUser,
    /// `ssh` when a server of ssh is among the processes that the session came from; nothing on the controller's own machine.
    BySsh,
    /// What the server of ssh says of the connection that the session came by: `FROM PORT TO PORT`; nothing where there is none, or it may
    /// not be read.
    SshConnection,
    /// The units of the network that look after the interface by which the session's connection came, or of any where that is not known:
    /// names, one a line.
    Carriers,
    /// What `/etc/shadow` has of an account. Stdout: `password empty|no|set|locked`, with a wanted one (see [`super::shadow_fingerprint`])
    /// `same yes|no`, whether it is that, locked or not, `expires DAYS` where there is such a day, and `max DAYS` and so on for each of
    /// `ages`, -1 where there is no such limit. Exit 1 when it has no line.
    Shadow { name: String, password: Option<[u8; 32]>, ages: Vec<PasswordAge> },
    /// `visudo -cf -` with all of sudoers as it will be when `/etc/sudoers.d/NAME` has this content. A line number of `stdin` is
    /// one of the content. Exit 1 when sudo would not take it.
    Sudoers { name: String, content: Content },
    /// `crontab -l`, of a user or of the agent's own. Stdout is secret: jobs of others are in it.
    Crontab { user: Option<String> },
    /// `logrotate -d` with this configuration, less what it says of files: `config:LINE: ...` for each mistake, exit 1 if there is one.
    Logrotate { config: Content },
    /// `systemd-analyze calendar` and `timespan`: the mistakes, one a line; exit 1 if there is one.
    Timers { calendar: Vec<String>, spans: Vec<String> },
    /// `sshd -T` of these options (in lower case), on copies: `now`, `then` when `/etc/ssh/sshd_config.d/NAME` has this content (none: no
    /// file), and `first`, were that content read before all else. Then the lines of other files that name one of them. All as
    /// `now<tab>port 22`, `other<tab>FILE:LINE<tab>port 22`; `unread<tab>FILE` when the main file includes none of the folder. Not 0 when sshd would not take it.
    Sshd { name: String, content: Option<String>, keys: Vec<String> },
    /// `sha256sum` or `sha512sum` of a regular file: the digest in hexadecimal. Exit 1 when there is no such file.
    Checksum { path: String, algorithm: Algorithm },
    /// What of an archive is not in its folder as it should be. Stdout: lines of JSON, `{"path": ..., "before": null or what is there,
    /// "after": what will be}`, and behind 200 of them `{"more": N, "digest": ...}`. Exit 2 when there is no archive, 127 when a program
    /// to decompress it is missing, 1 when it is refused; stderr says why.
    Unpacked(Unpack),
    /// A work tree of git. Stdout: lines `commit HEX`, `branch NAME` and `origin ADDRESS` where there is one, `unpushed N` (commits of what is
    /// checked out and of `branch`, if it is not empty, that nothing fetched and no tag has), `own-tag N` (commits that only the tag of the
    /// name `branch` has, where there is one), `submodule PATH` for each that is not at the commit that is recorded, `changed N` and `file NAME` for the first of the files that differ from the commit. Exit 1 when there is nothing or an empty folder, 2 when there is something else, 127 without git.
    GitTree { path: String, branch: String },
    /// `git ls-remote --symref`: lines of the refs that have just this name.
    GitRemote(GitRemote),
    /// All that is below a folder: `KIND PATH` and a NUL for each, a folder before what is in it. `KIND` is `file`, `directory`, `link`,
    /// `other`, or `mount` for what another file system is mounted on, which is not looked into.
    Below { path: String },
    /// `apt-config dump` of these keys (in lower case), `now` and `then` when these files of `/etc/apt/apt.conf.d` have this content (none:
    /// no file), on copies. Lines as `now<tab>KEY "VALUE";`. Not 0 when apt would not take it.
    AptConfig { files: Vec<(String, Option<String>)>, keys: Vec<String> },
    /// `unfetched` when the lists of this file of sources are still to be fetched: an update of it has failed, or there are none.
    AptSource { path: String },
    /// The runs of which the agent's own user has something to undo, the latest first: `RUN<tab>PATHS<tab>OTHERS`.
    Runs,
    /// What a run has done. Stdout: see [`super::undo::read`]. No content is in it.
    Undo { run: String },
    /// Which installed packages provide these names: `NAME<tab>PACKAGE<tab>ITS-VERSION<tab>PROVIDED-VERSION`, the last one often empty.
    DpkgProvides { names: Vec<String> },
    /// The same of rpm, of these names in their order.
    RpmProvides { names: Vec<String> },
    /// Which packages that apt knows provide these names, installed or not: `NAME<tab>PACKAGE`.
    AptProviders { names: Vec<String> },
    /// Which package a file is, for apt or dnf: `NAME<tab>VERSION`; `NAME:ARCHITECTURE` of a Debian package for another one than the host's.
    PackageFile { tool: PackageTool, path: String },
}

/// A limit of `/etc/shadow`, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum PasswordAge {
    Max,
    Min,
    Warn,
    /// From when a password has expired until the account is disabled.
    Inactive,
}

impl PasswordAge {
    /// In the order of the parameters.
    pub const ALL: [Self; 4] = [Self::Max, Self::Min, Self::Warn, Self::Inactive];

    pub fn word(self) -> &'static str {
        match self {
            Self::Max => "max",
            Self::Min => "min",
            Self::Warn => "warn",
            Self::Inactive => "inactive",
        }
    }
}

/// What stands for the hash of an account's password, so that neither side sends it to be compared. Equal hashes of two accounts do not show.
pub fn shadow_fingerprint(name: &str, hash: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(blake3::hash(name.as_bytes()).as_bytes(), hash).as_bytes()
}

/// A plan for apt to think through.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum AptPlan {
    /// `install` of these, named as apt is to be told, with these options.
    Install { names: Vec<String>, options: Vec<String> },
    /// `remove` or `purge` of these; with `auto` also of what nobody needs then.
    Remove { names: Vec<String>, purge: bool, auto: bool },
    /// `upgrade --with-new-pkgs`, or `dist-upgrade` when `full`.
    Upgrade { full: bool, auto: bool },
    /// `autoremove`.
    Autoremove { purge: bool },
}

/// A question to dnf.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum DnfQuestion {
    /// All versions of these in its sources, of each package the lowest first.
    Available { names: Vec<String> },
    /// The newest version of each of these that is newer than the installed one; without names of all packages.
    Upgrades { names: Vec<String> },
    /// What is installed and needs one of these, at several removes too.
    RequiredBy { names: Vec<String> },
    /// What was installed for others that are gone.
    Unneeded,
    /// `dnf needs-restarting -r`, `yes` or `no`; exit 2 when it has no such command, 127 on a host of apt.
    RebootNeeded,
}

/// A compose project as it will be when the files are in place. The agent writes private copies (0700 folder,
/// removed afterwards), rewrites `env_file` entries to the copies and asks the real `docker compose`.
///
/// Stdout is one JSON object: `{"config": <config --format json>, "dry_run": "<what up --dry-run says of containers>",
/// "containers": [<docker inspect objects of the project, less what moves by itself; health is ok, unhealthy or none>],
/// "images": {<name>: <id of the local image>}, "environments": {<id of a container's image>: <its environment>}}`, or
/// `{"error": "..."}` when compose refuses the files.
/// Exit 127 when docker or its compose plugin is missing, 125 when the daemon does not answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct ComposeProbe {
    pub project: String,
    pub directory: String,
    /// Compose files in order: path as the project knows it, and the content to use instead of what is on disk.
    pub files: Vec<(String, Option<Content>)>,
    /// Files that these include, likewise: in their place stands the name of the copy.
    pub included: Vec<(String, Content)>,
    /// `--env-file` files and `env_file:` entries: likewise.
    pub env_files: Vec<(String, Option<Content>)>,
    pub profiles: Vec<String>,
    pub ask: ComposeAsk,
}

/// What compose is asked to do with it, dry.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum ComposeAsk {
    /// Everything is there and runs. Only containers that differ are recreated, unless all are (`true`) or none (`false`).
    Up {
        recreate: Option<bool>,
        scale: Vec<(String, u32)>,
    },
    /// With the project's networks in the answer. Without files: what docker knows of the project.
    Down {
        orphans: bool,
        services: Vec<String>,
    },
    Stop {
        services: Vec<String>,
    },
    Restart {
        services: Vec<String>,
    },
}

/// Extended attributes and access control lists, which the agent reads itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum AttributeProbe {
    /// Stdout is the value of an attribute (its name with the namespace); exit 1 when there is none, 2 when nothing is at the path.
    Xattr { path: String, name: String, secret: bool },
    /// The POSIX access control list of a path, or of all that is below as well (links aside). A line for all files that are alike:
    /// `KIND\tCOUNT\tACCESS\tDEFAULT\tFIRST`, kind `d` or `f`, the lists as `user::rwx,user:1000:r-x,...` with accounts by number, or `-`,
    /// and the path that sorts first. Exit 2 when nothing is at the path.
    Acl { path: String, recursive: bool },
    /// Mode and owner of all that is below a folder, links aside and what is mounted there. A line for all that are alike:
    /// `KIND\tCOUNT\tMODE\tOWNER\tGROUP`, kind `d` or `f`, the mode octal, and then the paths that sort first. Exit 2 when there is no folder.
    Tree { path: String },
    /// `same` when a path is another name of the file `other`, a link there followed.
    Same { path: String, other: String },
}

/// Paths that [`AttributeProbe::Tree`] names of all that are alike: more than are shown, so that some may change before and the first of the
/// others are known.
pub const TREE_NAMES: usize = 32;
