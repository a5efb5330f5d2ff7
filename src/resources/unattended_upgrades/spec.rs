//! The parameters, and the settings of apt that they make.

use crate::resource::Fault;
use schemars::JsonSchema;
use serde::Deserialize;

/// Lets the host install updates by itself: the package `unattended-upgrades`, how often it runs, and what it may do.
///
/// What is not named stays as the package has it. apt itself judges its configuration as it will be: a file that is read later and says
/// otherwise is told. The settings are in `/etc/apt/apt.conf.d`, in `20auto-upgrades` and `52unattended-upgrades-provision`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Whether it does. `false` leaves the package as it is, installed or not.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Days between two updates of the package lists.
    #[serde(default = "one")]
    pub update_lists: u32,
    /// From where updates are installed, in place of the package's own list: patterns as of Debian's `Origins-Pattern`
    /// (`origin=Debian,codename=${distro_codename}-security`), or as of Ubuntu's `Allowed-Origins`
    /// (`${distro_id}:${distro_codename}-security`). A list that none of the host's own updates can fit is refused.
    /// Default: as the package's own settings have it.
    pub origins: Option<Vec<String>>,
    /// Packages that are left alone, as regular expressions. Default: as the package's own settings have it.
    pub blacklist: Option<Vec<String>>,
    /// Whether it reboots when an update asks for it. Default: as the package's own settings have it.
    pub automatic_reboot: Option<bool>,
    /// When it reboots: `02:00`, or `now`. Default: as the package's own settings have it.
    pub reboot_time: Option<String>,
    /// Whether it reboots though somebody is logged in. Default: as the package's own settings have it.
    pub reboot_with_users: Option<bool>,
    /// Who gets a mail about it. Default: as the package's own settings have it.
    pub mail: Option<String>,
    /// When there is a mail. Default: as the package's own settings have it.
    pub mail_report: Option<Report>,
    /// Whether packages that nothing needs any more are removed. Default: as the package's own settings have it.
    pub remove_unused: Option<bool>,
    /// Seconds to wait for the lock that another apt or dpkg holds.
    #[serde(default = "ten_minutes")]
    pub lock_timeout: u32,
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn ten_minutes() -> u32 {
    600
}

#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Report {
    Always,
    OnlyOnError,
    OnChange,
}

impl Report {
    fn word(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::OnlyOnError => "only-on-error",
            Self::OnChange => "on-change",
        }
    }
}

pub const HEAD: &str = "// Written by provisioning: changes made here are lost.\n";
const NAMESPACE: &str = "Unattended-Upgrade";

/// A setting of apt.
pub enum Setting {
    One(String, String),
    /// In place of all that others have put into the list.
    List(String, Vec<String>),
}

impl Setting {
    pub fn key(&self) -> String {
        let (Self::One(key, _) | Self::List(key, _)) = self;
        key.to_ascii_lowercase()
    }

    fn text(&self) -> String {
        match self {
            Self::One(key, value) => format!("{key} \"{value}\";\n"),
            Self::List(key, items) => {
                let items: String = items.iter().map(|item| format!("  \"{item}\";\n")).collect();
                format!("#clear {key};\n{key} {{\n{items}}};\n")
            }
        }
    }

    /// As it stands in a dump: the values.
    pub fn values(&self) -> Vec<&str> {
        match self {
            Self::One(_, value) => vec![value],
            Self::List(_, items) => items.iter().map(String::as_str).collect(),
        }
    }
}

pub fn text(settings: &[Setting]) -> String {
    HEAD.to_string() + &settings.iter().map(Setting::text).collect::<String>()
}

fn word(on: bool) -> String {
    on.to_string()
}

const DEBIAN: &str = "origin=Debian,codename=${distro_codename}-security,label=Debian-Security";
const UBUNTU: &str = "${distro_id}:${distro_codename}-security";

/// As in `Allowed-Origins`: who offers it, and the archive.
fn is_allowed(origin: &str) -> bool {
    let parts = origin.split_once(':').filter(|_| !origin.contains('='));
    parts.is_some_and(|(from, archive)| !from.trim().is_empty() && !archive.trim().is_empty())
}

/// As in `Origins-Pattern`.
fn is_pattern(origin: &str) -> bool {
    origin.split(',').all(|part| part.trim().split_once('=').is_some_and(|(key, _)| !key.is_empty()))
}

/// The distribution whose updates alone a pattern is about.
fn is_of(origin: &str, name: &str) -> bool {
    let mut from = origin.split(',').filter_map(|part| match part.trim().split_once('=') {
        Some(("origin" | "o", from)) => Some(from),
        _ => None,
    });
    let allowed = origin.split_once(':').filter(|_| is_allowed(origin)).map(|(from, _)| from);
    allowed.into_iter().chain(from.next()).any(|from| from.trim().eq_ignore_ascii_case(name))
}

impl Spec {
    /// Refuses a list of which nothing fits the updates of the host's distribution; `release` is its os-release.
    ///
    /// # Errors
    /// A fault with what would.
    pub fn check_for(&self, release: &str) -> Result<(), Fault> {
        let id = release.lines().find_map(|line| line.strip_prefix("ID=")).unwrap_or_default();
        let (own, other, fits) = match id.trim_matches(['"', '\'']) {
            "ubuntu" => ("Ubuntu", "Debian", UBUNTU),
            "debian" => ("Debian", "Ubuntu", DEBIAN),
            _ => return Ok(()),
        };
        let Some(origins) = &self.origins else { return Ok(()) };
        match origins.iter().all(|origin| is_of(origin, other)) {
            false => Ok(()),
            true => {
                Err(Fault::new(format!("`origins` names updates of {other} alone, and the host is {own}"))
                    .hint(format!("there it is `{fits}`")))
            }
        }
    }

    /// Everything that can be wrong without asking a host.
    ///
    /// # Errors
    /// A fault that names it.
    pub fn check(&self) -> Result<(), Fault> {
        let plain = |field: &str, text: &str| {
            if text.trim().is_empty() || text.chars().any(|c| c.is_control() || "\"\\%".contains(c)) {
                let fault =
                    Fault::new(format!("`{field}` holds what apt cannot read: `{}`", text.escape_debug()));
                return Err(fault.hint("a line without quotes, backslashes and `%`"));
            }
            Ok(())
        };
        for (field, items) in [("origins", &self.origins), ("blacklist", &self.blacklist)] {
            items.iter().flatten().try_for_each(|item| plain(field, item))?;
        }
        if self.origins.as_ref().is_some_and(Vec::is_empty) {
            let fault = Fault::new("`origins` is empty: nothing would ever be installed");
            return Err(fault.hint("leave it out for the package's own list, or say `enabled: false`"));
        }
        for origin in self.origins.iter().flatten() {
            if !is_allowed(origin) && !is_pattern(origin) {
                let fault = Fault::new(format!("`{}` is no pattern of `origins`", origin.escape_debug()));
                return Err(fault.hint(format!("as in `{DEBIAN}`, or on Ubuntu `{UBUNTU}`")));
            }
        }
        if let Some(mail) = &self.mail {
            plain("mail", mail)?;
            if mail.contains(char::is_whitespace) {
                return Err(Fault::new("`mail` is one address")
                    .hint("an account such as `root` may have an alias to several"));
            }
        }
        if let Some(time) = &self.reboot_time {
            let number = |text: &str, most: u8| {
                text.len() == 2 && text.parse::<u8>().is_ok_and(|number| number <= most)
            };
            let is_time =
                time.split_once(':').is_some_and(|(hour, minute)| number(hour, 23) && number(minute, 59));
            if !is_time && time != "now" {
                let fault = Fault::new(format!("`reboot_time` cannot be `{}`", time.escape_debug()));
                return Err(fault.hint("a time of the day in quotes, `\"02:00\"`, or `now`"));
            }
            if self.automatic_reboot == Some(false) {
                let fault = Fault::new("`reboot_time` says nothing with `automatic_reboot: false`");
                return Err(fault.hint("leave one of them out"));
            }
        }
        Ok(())
    }

    pub fn periodic(&self) -> Vec<Setting> {
        let one = |key: &str, value: u32| Setting::One(format!("APT::Periodic::{key}"), value.to_string());
        let days = if self.enabled { self.update_lists } else { 0 };
        vec![one("Update-Package-Lists", days), one("Unattended-Upgrade", u32::from(self.enabled))]
    }

    pub fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![];
        let key = |key: &str| format!("{NAMESPACE}::{key}");
        if let Some(origins) = &self.origins {
            // Ubuntu's own file has its list under the first name, Debian's under the second: both are ours then.
            let (allowed, patterns) = origins.iter().cloned().partition(|origin| is_allowed(origin));
            settings.push(Setting::List(key("Allowed-Origins"), allowed));
            settings.push(Setting::List(key("Origins-Pattern"), patterns));
        }
        if let Some(packages) = &self.blacklist {
            settings.push(Setting::List(key("Package-Blacklist"), packages.clone()));
        }
        let ones = [
            ("Automatic-Reboot", self.automatic_reboot.map(word)),
            ("Automatic-Reboot-Time", self.reboot_time.clone()),
            ("Automatic-Reboot-WithUsers", self.reboot_with_users.map(word)),
            ("Mail", self.mail.clone()),
            ("MailReport", self.mail_report.map(|report| report.word().to_string())),
            ("Remove-Unused-Dependencies", self.remove_unused.map(word)),
        ];
        settings.extend(ones.into_iter().filter_map(|(name, value)| Some(Setting::One(key(name), value?))));
        settings
    }
}
