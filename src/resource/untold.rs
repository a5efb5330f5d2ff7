//! What cannot be told before a task has run, and so puts off those that depend on it.

/// What depends on a task of a type, where nobody knows before what it will be. `docs/apply.md` lists it, and the code of each type holds
/// to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Untold {
    /// Whatever it is declared to touch.
    Anything,
    /// Its result.
    Result,
    /// What it puts on the disk.
    Below,
    /// What it makes of one thing of the system's own.
    Own,
    /// What is in a home.
    Home,
    /// Keys, which are random.
    Keys,
    /// What Docker holds.
    Docker,
    /// What a database holds.
    Postgres,
    /// What is there as long as the system runs.
    Uptime,
}

impl Untold {
    /// In the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::Anything,
        Self::Result,
        Self::Below,
        Self::Own,
        Self::Home,
        Self::Keys,
        Self::Docker,
        Self::Postgres,
        Self::Uptime,
    ];

    /// What depends on it, and what is to be added to the types that bring it about.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Anything => (
                "anything on the host (or what `touches` names)",
                " that will run; a type of your own, within its footprint",
            ),
            Self::Result => (
                "what is registered of a task",
                ": what it prints, answers, or finds where something changes before; a check that has to wait for such a change",
            ),
            Self::Below => (
                "what is below a path",
                ": `copy` with `remote_src` of what cannot be read, a `mount` that lays something over it",
            ),
            Self::Own => (
                "a swap file, the unit file of a masked service, the files and sockets of sshd, which interfaces a unit of the network looks after",
                "",
            ),
            Self::Home => ("what is below a home", ": one that goes or moves, and the file of the login"),
            Self::Keys => ("keys and certificates", ": they are random"),
            Self::Docker => ("a service, container, image, network, volume", ""),
            Self::Postgres => ("a database, a role, what a query answers", ""),
            Self::Uptime => ("what is there only as long as the system runs (`/run`, `/tmp`)", ""),
        }
    }
}
