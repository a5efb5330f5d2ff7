//! What controller and agent say to each other. Plain data; no IO.
//!
//! A [`Query`] only looks: the agent answers it in any session. An [`Op`] acts: a session opened
//! [`Session::ReadOnly`] (`--check`) refuses every one of them.

use self::owed::{Debt, Dues};
use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

pub mod docker;
pub mod facts;
mod hello;
mod limit;
pub mod owed;
pub mod postgres;
mod probe;
mod stat;
mod steps;
mod transfer;
pub mod undo;
mod wait;

pub use facts::Facts;
pub use hello::Hello;
pub use probe::MachineProbe;
pub use probe::shadow_fingerprint;
pub use probe::{
    AptPlan, AttributeProbe, ComposeAsk, ComposeProbe, DnfQuestion, PasswordAge, Probe, TREE_NAMES,
};
pub use stat::{Checksum, FileType, Moving, Stat};
pub use steps::{Step, Steps};
pub use transfer::{Algorithm, Archive, CopyFile, Digest, Download, GitRemote, Script, TreeAttrs, Unpack};
pub use wait::{BODY_LIMIT, Follow, Http, Until, Wait};

/// Version of this vocabulary. Controller and agent are built together and compared by content, so it changes
/// only to make a foreign agent's hello unmistakable.
pub const VERSION: u32 = 1;

/// A name that is safe as a file name: what runs, tokens and records are called.
pub fn safe_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    !name.is_empty() && name.len() <= 100 && !name.starts_with('.') && name.chars().all(plain)
}

/// What may be asked. Closed: whatever can run under `--check` is named here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Query {
    /// `lstat` of a path, with the digest of a regular file's content and the target of a link. Answer: [`Answer::Meta`].
    File { path: String },
    /// Content of a regular file up to `limit` bytes (a larger file is [`Answer::Failed`]). Answer: [`Answer::Content`];
    /// `None` when absent or not a regular file.
    Read { path: String, limit: u64, secret: bool },
    /// Whether there is anything at a path, without looking into it. Answer: [`Answer::There`].
    There { path: String },
    /// All that is known of a path, a link not followed; with the checksum of a regular file. It holds times and numbers that move by
    /// themselves: for looking, not for guards. Answer: [`Answer::Stat`].
    Stat { path: String, checksum: Option<Checksum> },
    /// Names in a folder, sorted. Answer: [`Answer::Names`]; `None` when it is not a folder.
    List { path: String },
    /// An account by name. Answer: [`Answer::User`].
    User { name: String },
    /// A group by name. Answer: [`Answer::Group`].
    Group { name: String },
    /// The account that has a number, as the host names the owner of a file. Answer: [`Answer::User`].
    UserOf { uid: u32 },
    /// The group that has a number. Answer: [`Answer::Group`].
    GroupOf { gid: u32 },
    /// A read-only command whose argv the agent builds. Answer: [`Answer::Output`]; `code` 127 when the program is missing.
    Run(Probe),
    /// Which of these TCP ports accept a connection. Answer: [`Answer::Ports`], sorted.
    Ports { host: String, ports: Vec<(u16, u16)>, timeout_ms: u32 },
    /// A job that an [`Op::Job`] has started. Answer: [`Answer::Output`], with the code [`STILL_RUNNING`] until it has ended.
    Job { id: String },
    /// What a run has left of this name with [`Request::Remember`]: its first line and, unless `whole`, the BLAKE3 digest of the others in hex
    /// in place of these. Answer: [`Answer::Content`], of secrets; `None` before the first.
    Record { name: String, whole: bool },
    /// The handlers that are owed by this book. Answer: [`Answer::Owed`].
    Owed { book: String },
    /// The user's own `unless`, `onlyif` or read-only command: the one exception to the closed set. Answer: [`Answer::Output`].
    Test(Exec),
}

/// What a host says. Compared by digest in guards, so it holds nothing that moves by itself (no times, no inodes).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    Meta(Option<Meta>),
    Content(Option<Content>),
    There(bool),
    Stat(Option<Box<Stat>>),
    Names(Option<Vec<String>>),
    User(Option<User>),
    Group(Option<Group>),
    Output(Output),
    Ports(Vec<u16>),
    Owed(Vec<Debt>),
    /// The question could not be answered (permission, I/O error, too large): a message for a person.
    Failed(String),
}

/// What `lstat` says, less what moves by itself.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Meta {
    pub kind: Kind,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Owner's name, or the number in decimal when it has none.
    pub owner: String,
    pub group: String,
    /// Bytes, for regular files; 0 otherwise.
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Kind {
    /// A regular file with the BLAKE3 digest of its content; `None` when it may not be read.
    File {
        digest: Option<[u8; 32]>,
    },
    Folder,
    Link {
        target: String,
    },
    /// Socket, device, pipe.
    Other,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct User {
    pub name: String,
    pub uid: u32,
    pub gid: u32,
    /// Name of the primary group, or its number.
    pub group: String,
    pub home: String,
    pub shell: String,
    /// GECOS.
    pub comment: String,
    /// Supplementary groups, sorted.
    pub groups: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Group {
    pub name: String,
    pub gid: u32,
}

/// How a command ended. `code` is 128 + signal when a signal ended it, 124 when its time ran out, 127 when the program is missing.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Output {
    pub code: i32,
    pub stdout: Content,
    pub stderr: Content,
}

/// The code of a command that ran out of time, as `timeout` has it.
pub const TIMED_OUT: i32 = 124;
/// What the number of a signal that ended a command is added to, as in a shell.
pub const SIGNALLED: i32 = 128;

/// How a line of [`Response::Progress`] begins that says for whom the agent itself waits, and is said again later.
pub const WAITING: &str = "waiting for ";

/// The code of a job that has not ended.
pub const STILL_RUNNING: i32 = -1;

/// Whether this is no code that a command chose.
pub fn ended_by_force(code: i32) -> bool {
    code == TIMED_OUT || (1..=31).contains(&(code - SIGNALLED))
}

/// A command to run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Exec {
    pub argv: Vec<String>,
    /// Added to a small clean environment (PATH, HOME, LANG=C.UTF-8). A secret here reaches the child's environment, so give it
    /// on stdin where the program can read it there.
    pub env: Vec<(String, Content)>,
    pub cwd: Option<String>,
    pub stdin: Option<Content>,
    /// Seconds until the process group is ended; 0 means the agent's default (3600).
    pub timeout_s: u32,
    /// The output is secret.
    pub secret: bool,
    /// Outlives the agent when the link is lost (package managers): own session, not ended with the agent.
    pub survive: bool,
    /// A program that is brought along; its path is put into `argv`.
    pub script: Option<Script>,
}

impl Exec {
    pub fn new(argv: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            env: vec![],
            cwd: None,
            stdin: None,
            timeout_s: 0,
            secret: false,
            survive: false,
            script: None,
        }
    }

    /// The PATH that it is given, in which its program is looked for.
    pub fn path(&self) -> Option<String> {
        let (_, path) = self.env.iter().find(|(name, _)| name == "PATH")?;
        Some(String::from_utf8_lossy(path.bytes()).into_owned())
    }
}

/// What may be done. Each is journalled before it acts.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Op {
    /// Makes a folder, and missing ones above it (0755, the agent's user). Not an error when it is there already as a folder: mode and owner are set.
    MakeFolder { path: String, attrs: Attrs },
    /// Writes a file: temp file in the same folder, owner and mode before rename, fsync of file and folder, no link in
    /// the way followed. `check`, when given, is run on the temp file (`{}` in its argv is replaced) and must succeed.
    WriteFile { path: String, content: Content, attrs: Attrs, check: Option<Vec<String>> },
    /// Copies a file of the host, as [`Op::WriteFile`] writes one. See [`CopyFile`].
    CopyFile(CopyFile),
    /// Sets mode and owner of what is there, without following a link.
    SetAttrs { path: String, attrs: Attrs },
    /// Sets an extended attribute (its name with the namespace) of what is there, without following a link; no value removes it.
    SetXattr { path: String, name: String, value: Option<Content> },
    /// Sets entries of the access control list of what is there (`setfacl -m`), or takes them away (`-x`), with `recursive` also of all that
    /// is below a folder, without following a link. Entries that begin with `default:` are for folders.
    SetAcl { path: String, entries: Vec<String>, remove: bool, recursive: bool },
    /// Sets mode and owner of all that is below a folder. See [`TreeAttrs`].
    SetTree(TreeAttrs),
    /// Makes a path another name of a file, atomically in the place of a file or link.
    MakeHardLink { path: String, target: String },
    /// Makes or replaces a symbolic link, atomically.
    MakeLink { path: String, target: String },
    /// Removes a file or link; a folder only when `recursive` or empty. Refuses `/` and mount points.
    Remove { path: String, recursive: bool },
    /// Runs a command; an exit code not in `ok` fails the op. Empty `ok` means only 0.
    Exec { exec: Exec, ok: Vec<i32> },
    /// Starts a command that goes on whatever becomes of the agent, under this name; one of that name that is at work is taken for it.
    /// Looks every `poll_s` seconds until it has ended, and is then as [`Op::Exec`]; 0: returns at once, with the name as output.
    Job { id: String, exec: Exec, poll_s: u32, ok: Vec<i32> },
    /// Fetches a file. See [`Download`].
    Download(Download),
    /// Runs commands that are one change, and undoes them when one fails. See [`Steps`].
    Steps(Steps),
    /// Unpacks what [`Probe::Unpacked`] tells. See [`Unpack`].
    Unpack(Unpack),
    /// Waits until nobody else is at work with packages, then runs a package tool non-interactively. It goes on whatever becomes of the
    /// agent; the next run tells how it ended. With `refresh` apt-get is run once more, after an update of the package lists, when it
    /// fails for what old lists may be the cause of.
    Packages {
        tool: PackageTool,
        args: Vec<String>,
        stdin: Option<Content>,
        lock_timeout_s: u32,
        refresh: bool,
    },
    /// Starts a detached process that runs `revert` after `seconds`, or when the host comes up again, unless [`Request::Disarm`] with the
    /// same token came first (over a fresh connection). A revert that is pending under that token is taken over: counted anew, and it goes
    /// back to what it went back to. It runs commands, writes files and removes them; where a step fails, the next is taken all the same.
    Arm { token: String, seconds: u32, revert: Vec<Op> },
    /// Repeats a query until it is answered as wanted. See [`Wait`].
    Wait(Wait),
    /// Does nothing on the host; the text comes back as [`Response::Progress`].
    Note { text: Content },
    /// In a revert only. See [`Earlier`].
    Earlier(Earlier),
}

/// What was before, as the host knows it when a revert is armed. It does not leave the host.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Earlier {
    /// Gives an account the password that it has then.
    Password { user: String },
    /// Brings back what has been changed until then, and is with the op's task, at these paths and below them, where these units are
    /// defined, and in `.ssh` of the home of who logged in, if `login` says so: by this run, and by earlier ones since the host came up, less
    /// what was confirmed. What somebody else has changed since is left alone. [`Request::Disarm`] confirms all of it.
    Files { below: Vec<String>, units: Vec<String>, login: bool },
}

/// The programs of [`Op::Packages`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum PackageTool {
    AptGet,
    AptMark,
    /// `debconf-set-selections`.
    Debconf,
    Dnf,
    Dpkg,
}

/// Mode and owner to set. `None` leaves a new file's mode 0644 (folder 0755) and owner as the agent's user, an existing one's as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Attrs {
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Session {
    /// `--check`: every op is refused, no lease is taken, nothing is written.
    ReadOnly,
    /// Acts, and holds the host's lease while it lasts.
    ReadWrite,
    /// Acts without the lease: for tasks that another host's run delegates here, such as looking at that host from outside.
    Unleased,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Request {
    /// First of a session. In a read-write one the agent takes the host's lease; `who` says for whom.
    Open {
        session: Session,
        who: String,
        run: String,
        heartbeat_s: u32,
    },
    Observe(Vec<Query>),
    Apply(Apply),
    /// Keeps a text under a name on the host, closed to others, in place of what was kept before. Only for who holds the lease.
    Remember {
        name: String,
        text: Content,
    },
    /// Writes down for the next run which handlers are owed, and which no longer, because of `task`.
    Settle {
        task: String,
        dues: Dues,
    },
    /// Ends an armed revert before it fires. Sent over a fresh connection. The session may be of either kind: it restores nothing and prevents a revert.
    Disarm {
        token: String,
    },
    /// Keeps the session alive; answered with [`Response::Pong`].
    Ping,
}

/// One task's change.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Apply {
    /// The task as the journal names it.
    pub task: String,
    /// The answers that the change was computed from, by digest ([`crate::frame::guard`]); asked again just before acting.
    pub guard: Vec<(Query, [u8; 32])>,
    pub ops: Vec<Op>,
    /// Asked after acting; the answers come back with the result.
    pub then: Vec<Query>,
    /// The handlers that it owes, written down before acting; and those that it is itself, owed no longer when all went well.
    pub dues: Option<Dues>,
}

#[expect(clippy::large_enum_variant, reason = "the hello is sent once a session; all others are small")]
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Response {
    /// Sent unasked (id 0) when the agent starts.
    Hello(Hello),
    Opened,
    /// Those before the rest, which is too much for one message (same id; any number, before [`Response::Answers`]).
    SomeAnswers(Vec<Answer>),
    Answers(Vec<Answer>),
    Applied {
        outputs: Vec<Output>,
        answers: Vec<Answer>,
    },
    /// A guard did not hold; nothing was done. `query` names it for a person.
    HostChanged {
        query: String,
    },
    /// Op number `index` failed; those before it were done. `output` is the failing command's, if it was one.
    OpFailed {
        index: u32,
        message: String,
        output: Option<Output>,
    },
    /// Another run holds the lease.
    LeaseHeld {
        who: String,
        since_s: u64,
    },
    Disarmed {
        was_armed: bool,
    },
    /// It is kept: after [`Request::Remember`] and [`Request::Settle`].
    Remembered,
    /// An op in a read-only session, a request before `Open`, ...
    Refused(String),
    /// Lines that a running op printed: whole ones, several joined by newlines when they come fast, at most 20 frames a second (same id as
    /// its request; any number, before the answer). Redacted at the sink.
    Progress(Content),
    Pong,
}
