//! The parameters of `user`.

use super::shadow::{self, Ages, Expires, Password};
use crate::{
    model::Area,
    resource::Fault,
    resources::shared::{HostPath, Names, account},
    yaml::{Mode, Text},
};
use agent::wire::PasswordAge;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a diff may show.
pub const FACETS: &[&str] = &[
    "user",
    "uid",
    "group",
    "groups",
    "home",
    "home files",
    "shell",
    "comment",
    "password",
    "password lock",
    "password expire max",
    "password expire min",
    "password expire warn",
    "password expire disable",
    "expires",
    "confirmed",
];

/// Makes sure that an account exists, with the properties that are named, or does not exist.
///
/// What is not named stays as it is. A new account can log in with a key only, unless `password` is given. Removing an account leaves its
/// home, unless `remove` says otherwise.
///
/// A change of the account that the connection logs in as, or of root's, that may shut it out (groups taken away, shell, home, expiry, another,
/// a locked or no password) starts a timer on the host first, which takes it back unless a new connection could become root in time. That
/// account is not removed. Where sudo asks for the password that changes, let a rule without one (`sudoers`) bridge the change, or make it
/// from another account.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The login name.
    pub name: String,
    /// Its number. Default: the next free one.
    pub uid: Option<u32>,
    /// Primary group by name. It must exist. Default for a new account: a group of its own.
    pub group: Option<String>,
    /// Further groups, as a list or with commas between them. They must exist. Default: as it is.
    pub groups: Option<Names>,
    /// `true` (default): the account stays in other groups too. `false`: `groups` are all it is in.
    #[serde(default = "yes")]
    pub append: bool,
    /// The home folder. Default for a new account: `/home/NAME`.
    pub home: Option<HostPath>,
    /// What is in the old home goes along to another `home`, where nothing may be yet. Of homes below `/home`, `/srv`, `/opt` and `/export/home`
    /// that are the account's own, without links on the way, where nothing is mounted. Nothing may log in as the account, nor run as it: usermod
    /// refuses that, and moves nothing. Where a move fails, the account keeps its old home; a home that is nowhere is an error.
    #[serde(default)]
    pub move_home: bool,
    /// Whether a new account's home is made. Default: true, for a system account false.
    pub create_home: Option<bool>,
    /// The folder on the host whose files a home that is made begins with, itself and no link to it. Default: `/etc/skel`.
    pub skeleton: Option<HostPath>,
    /// The bits that a home that is made does not have, quoted: `"0027"`. Its files keep those of the skeleton. Default: what
    /// `/etc/login.defs` says.
    pub umask: Option<Mode>,
    /// Login shell, e.g. `/bin/bash`, `/usr/sbin/nologin`. Default: as it is.
    pub shell: Option<HostPath>,
    /// The name of the person, or what the account is for. Default: as it is.
    pub comment: Option<String>,
    /// A new account gets a number from the system's range.
    #[serde(default)]
    pub system: bool,
    /// The hash of the password as `/etc/shadow` has it (`$6$...`, `$y$...`), from a vault; `*`: none. Neither a diff nor a command line shows it. Default: as it is.
    pub password: Option<Text>,
    /// `always` (default): the password is the given one. `on_create`: a new account gets it, and that of another one stays.
    #[serde(default)]
    pub update_password: Update,
    /// Whether the password is locked: it stays on record and lets nobody in. Keys do, as far as sshd allows it. Default: as it is.
    pub password_lock: Option<bool>,
    /// The day from which on nobody can log in: `2027-01-31`, or seconds since 1970 (UTC) of which the day counts. -1: never. Default: as it is.
    pub expires: Option<Expires>,
    /// Days after which the password must be changed; with an expired one no key lets in either, as far as sshd asks PAM. -1: never. Default:
    /// as it is; a new account has what `/etc/login.defs` says.
    pub password_expire_max: Option<i32>,
    /// Days before which the password cannot be changed again. -1: none. Default: as above.
    pub password_expire_min: Option<i32>,
    /// Days before the password expires from which on a login says so. -1: never. Default: as above.
    pub password_expire_warn: Option<i32>,
    /// Days after which the account of an expired password is disabled. -1: never. Default: as it is.
    pub password_expire_account_disable: Option<i32>,
    /// With `state: absent`: its home and its mail (`/var/mail/NAME`) go too. Of homes below `/home`, `/srv`, `/opt` and `/export/home` that
    /// are its own, without links on the way, where nothing is mounted. `home` must tell it unless it is `/home/NAME`.
    #[serde(default)]
    pub remove: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    pub state: account::Wanted,
    /// Seconds until a change of the account that the connection logs in as is taken back when no new connection could become root.
    #[serde(default = "minute")]
    pub confirm_within: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Update {
    #[default]
    Always,
    OnCreate,
}

fn yes() -> bool {
    true
}

fn minute() -> u32 {
    60
}

/// Below these, homes are. Elsewhere is a system, or what services keep.
pub const HOMES: [&str; 4] = ["/home", "/srv", "/opt", "/export/home"];

impl Spec {
    pub fn is_absent(&self) -> bool {
        self.state == account::Wanted::Absent
    }

    pub fn check(&self) -> Result<(), Fault> {
        account::check_name("user", &self.name)?;
        if self.is_absent() && self.name == "root" {
            return Err(Fault::new("the user `root` cannot be removed").hint("name another user"));
        }
        let fields = [
            ("home", self.home.as_deref()),
            ("shell", self.shell.as_deref()),
            ("comment", self.comment.as_deref()),
        ];
        for (field, value) in fields {
            account::check_field(field, value.unwrap_or_default())?;
        }
        for (age, days) in PasswordAge::ALL.into_iter().zip(self.ages()) {
            if days.is_some_and(|days| days < -1) {
                let facet = shadow::age_facet(age);
                let fault = Fault::new(format!("the days of `{facet}` are fewer than none"));
                return Err(fault.hint("a number of days; -1 takes the limit away"));
            }
        }
        if self.move_home && self.home.is_none() {
            let fault = Fault::new("`move_home` says not where the home goes");
            return Err(fault.hint("`home` names its new place"));
        }
        let of_a_home = [("skeleton", self.skeleton.is_some()), ("umask", self.umask.is_some())];
        if let Some((name, _)) = of_a_home.into_iter().find(|(_, is)| *is && !self.makes_home()) {
            let fault = Fault::new(format!("`{name}` is for a home that is made"));
            return Err(fault.hint("`create_home: true` makes one, with a new account"));
        }
        if let Some(Mode(umask)) = self.umask.filter(|umask| umask.0 > 0o777) {
            let fault = Fault::new(format!("the `umask` {umask:04o} has more than a umask takes away"));
            return Err(fault.hint("the bits of owner, group and others: `\"0027\"`, `\"0077\"`"));
        }
        if let Some(Mode(umask)) = self.umask.filter(|umask| umask.0 & 0o700 != 0) {
            let fault = Fault::new(format!("the `umask` {umask:04o} takes the home from its owner"));
            return Err(fault.hint("it names what is taken away: `\"0027\"` makes a home `0750`"));
        }
        if self.remove && !self.is_absent() {
            let fault = Fault::new("`remove` takes away the home of an account that goes");
            return Err(fault.hint("it goes with `state: absent`"));
        }
        if let Some(home) = self.home.as_deref().filter(|_| self.remove) {
            check_removable(home)?;
        }
        self.password().map(drop)
    }

    /// What is wanted of the password.
    pub fn password(&self) -> Result<Option<Password>, Fault> {
        self.password.as_ref().map(|text| Password::read(text.bytes())).transpose()
    }

    /// Whether the task needs to know what `/etc/shadow` has.
    pub fn needs_shadow(&self) -> bool {
        let sets = self.password.is_some() || self.password_lock.is_some() || self.expires.is_some();
        (sets || self.ages().iter().any(Option::is_some)) && !self.is_absent()
    }

    /// The limits that are wanted of the password.
    pub fn ages(&self) -> Ages {
        let days = [
            self.password_expire_max,
            self.password_expire_min,
            self.password_expire_warn,
            self.password_expire_account_disable,
        ];
        days.map(|days| days.map(i64::from))
    }

    /// Whether a new account gets a home.
    pub fn makes_home(&self) -> bool {
        self.create_home.unwrap_or(!self.system)
    }

    /// What useradd is told of a home that it makes. `HOME_MODE` is what it looks at first, and a umask only without one.
    pub fn new_home(&self) -> Vec<String> {
        let skeleton = self.skeleton.iter().map(|path| ["--skel".to_string(), path.to_string()]);
        let mode = self.umask.map(|umask| 0o777 & !umask.0);
        let mode = mode.map(|mode| ["--key".to_string(), format!("HOME_MODE={mode:04o}")]);
        skeleton.chain(mode).flatten().collect()
    }

    /// Before it is known where the home is.
    pub fn home_area(&self) -> Area {
        Area::Path(self.home())
    }

    pub fn home(&self) -> String {
        self.home.as_deref().map_or_else(|| format!("/home/{}", self.name), str::to_string)
    }

    /// The facets that the task is about.
    pub fn named(&self) -> Vec<&'static str> {
        let named = [
            ("uid", self.uid.is_some()),
            ("group", self.group.is_some()),
            ("groups", self.groups.is_some()),
            ("home", self.home.is_some() || self.remove),
            ("shell", self.shell.is_some()),
            ("comment", self.comment.is_some()),
            ("password", self.password.is_some()),
            ("password lock", self.password_lock.is_some()),
            ("expires", self.expires.is_some()),
        ];
        let ages = PasswordAge::ALL.into_iter().zip(self.ages());
        let ages = ages.map(|(age, days)| (shadow::age_facet(age), days.is_some()));
        named.into_iter().chain(ages).filter(|(_, is)| *is).map(|(name, _)| name).collect()
    }
}

/// Whether a home can be one account's alone.
pub fn is_one_home(home: &str) -> bool {
    let home = home.trim_end_matches('/');
    let is_below = |folder: &&str| home.len() > folder.len() && crate::model::path_within(home, folder);
    HOMES.iter().any(is_below) && home.split('/').skip(1).all(|name| !["", ".", ".."].contains(&name))
}

/// Refuses a home that is more than one account's.
pub fn check_removable(home: &str) -> Result<(), Fault> {
    let home = home.trim_end_matches('/');
    if is_one_home(home) {
        return Ok(());
    }
    let shown = if home.is_empty() { "/" } else { home };
    let fault = Fault::new(format!("the home {shown} is not removed: it may be more than one account's"));
    Err(fault.hint("leave `remove` out, and name what is to go in a task of `file` with `state: absent`"))
}
