//! The parameters of `package`.

use super::{
    super::shared::{HostPath, OneOrMany},
    file,
};
use crate::resource::Fault;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Seconds after which lists that were asked for with `update_cache: true` count as old.
pub(super) const SOON: u32 = 600;
const DAY: u32 = 24 * 3600;

/// Makes sure that packages are installed, in a version, or are not; or brings the whole system up to date.
///
/// All that is missing is installed in one run of apt or dnf, which goes on should the link be lost; the next run then tells how it
/// ended. Others that are at work with packages (a person, unattended-upgrades, cloud-init on a first boot) are waited for and named. An
/// installation that would remove another package fails and names it; what is removed along with a package is in the diff. Essential
/// packages are not removed. What dpkg has left half-configured is named before anything is built on it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// One name or a list of names, each with a version if wanted: `nginx`, `nginx=1.22.*`. A name that only others provide
    /// (`mail-transport-agent`, with dnf `smtp-server`) counts as installed where one of them is; `latest` and `hold` are then about that one,
    /// and with dnf `absent` about each of them. Needed, but in a task with `deb`, `rpm`, `upgrade` or `update_cache`.
    #[serde(default)]
    pub name: OneOrMany<String>,
    /// The path of a `.deb` file on the host, in place of `name`: `copy` or `get_url` brings it in a task before. It is installed in the
    /// version that it holds, with what it needs. For apt. Default: none.
    pub deb: Option<HostPath>,
    /// The path of an `.rpm` file on the host, as `deb` is for apt. For dnf. Default: none.
    pub rpm: Option<HostPath>,
    /// The version of the only name; `*` and `?` stand for any text and any letter, of what fits the newest is taken. One that is lower than the installed
    /// one is refused without `allow_downgrade`. Default: any that is installed, else the newest.
    pub version: Option<String>,
    /// `present` (default), `latest` (the newest that the host's sources offer), `absent` (configuration files stay, as with `apt-get remove`) or
    /// `purged` (they go as well). `installed` and `removed` are other words for `present` and `absent`.
    #[serde(default)]
    pub state: Wanted,
    /// `true` keeps upgrades of the whole system from these packages (`apt-mark hold`), `false` lets them. Default: as it is. A held
    /// package is not changed unless this is written.
    pub hold: Option<bool>,
    /// `true` brings up to date what is installed and installs nothing that is not. With `state: latest`, or with a version of each name.
    #[serde(default)]
    pub only_upgrade: bool,
    /// `true` also removes packages that were installed for others and that nobody needs any more.
    #[serde(default)]
    pub autoremove: bool,
    /// Brings all packages up to date: `safe` removes none, `full` may (`dist-upgrade`; with dnf `--allowerasing`). With dnf both replace
    /// what a newer package declares obsolete. In a task without `name`. The diff lists them. Default: nothing but the packages named.
    pub upgrade: Option<Upgrade>,
    /// Whether the package lists are updated before something is installed. Default: only when they are empty or do not
    /// know one of the packages, or when installing fails without (it is tried once more then); for `latest` and `upgrade` when they
    /// are old. In a task without `name`: when they are old.
    pub update_cache: Option<bool>,
    /// Seconds after which the package lists are old. Default: 600 with `update_cache: true`, else a day.
    pub cache_valid_time: Option<u32>,
    /// `false` leaves out what a package merely recommends. Default: as the host is configured.
    pub install_recommends: Option<bool>,
    /// The release whose versions are preferred, e.g. `bookworm-backports`. For apt. Default: as the host is configured.
    pub default_release: Option<String>,
    /// `true` allows a version that is lower than the installed one.
    #[serde(default)]
    pub allow_downgrade: bool,
    /// `true` ends what dpkg has left half-done (`dpkg --configure -a`, `apt-get install --fix-broken`) before anything else. Default: such a host is refused.
    #[serde(default)]
    pub repair: bool,
    /// `apt`, `dnf`, or `auto` (default): apt where there is `apt-get`, else dnf.
    #[serde(default)]
    pub manager: Manager,
    /// Seconds to wait for others that are at work with packages. Default: 600.
    #[serde(default = "ten_minutes")]
    pub lock_timeout: u32,
}

fn ten_minutes() -> u32 {
    600
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(extend("enum" = ["present", "latest", "absent", "purged", "installed", "removed"]))]
pub enum Wanted {
    #[default]
    #[serde(alias = "installed")]
    Present,
    Latest,
    #[serde(alias = "removed")]
    Absent,
    Purged,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Upgrade {
    Safe,
    Full,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Manager {
    #[default]
    Auto,
    Apt,
    Dnf,
}

/// A package by name, and the version that is wanted of it.
#[derive(Clone)]
pub struct Named {
    pub name: String,
    pub version: Option<String>,
    /// Where it comes from, when it is not the host's sources.
    pub file: Option<HostPath>,
}

impl Spec {
    pub fn removes(&self) -> bool {
        matches!(self.state, Wanted::Absent | Wanted::Purged)
    }

    fn names_nothing(&self) -> bool {
        self.name.0.is_empty() && self.file().is_none()
    }

    /// After how many seconds the lists are old, where their age matters whether or not something is installed.
    pub fn lists_valid_s(&self) -> Option<u32> {
        let follows = self.state == Wanted::Latest || self.upgrade.is_some();
        let asked = self.update_cache == Some(true) || self.cache_valid_time.is_some();
        if self.update_cache == Some(false) || !(follows || self.names_nothing() && asked) {
            return None;
        }
        Some(self.cache_valid_time.unwrap_or(if self.update_cache == Some(true) { SOON } else { DAY }))
    }

    /// The packages, when nothing contradicts.
    pub fn named(&self) -> Result<Vec<Named>, Fault> {
        let mut named: Vec<Named> = vec![];
        for (file, ending) in [(&self.deb, ".deb"), (&self.rpm, ".rpm")] {
            let Some(file) = file else { continue };
            file::check(file, ending)?;
            named.push(Named { name: file.to_string(), version: None, file: Some(file.clone()) });
        }
        for word in &self.name.0 {
            file::no_name(word)?;
            let (name, version) = word.split_once('=').map_or((word.as_str(), None), |(n, v)| (n, Some(v)));
            check_name(name)?;
            named.push(Named { name: name.into(), version: version.map(Into::into), file: None });
        }
        for (at, one) in named.iter().enumerate() {
            if named[..at].iter().any(|other| other.name == one.name) {
                return Err(Fault::new(format!("`{}` is named twice", one.name)).hint("name it once"));
            }
        }
        let given =
            [("deb", self.deb.is_some()), ("rpm", self.rpm.is_some()), ("name", !self.name.0.is_empty())];
        let given: Vec<_> = given.iter().filter(|(_, is)| *is).map(|(name, _)| *name).collect();
        if let [one, other, ..] = given[..] {
            let fault = Fault::new(format!("`{one}` and `{other}` exclude each other"));
            return Err(fault.hint("write two tasks"));
        }
        if self.file().is_some() && (self.version.is_some() || self.state != Wanted::Present) {
            let fault = Fault::new("a file holds one version, and is installed by `state: present`");
            return Err(fault.hint("for anything else name the package, not the file"));
        }
        if let Some(version) = &self.version {
            let [one] = named.as_mut_slice() else {
                let fault = Fault::new("`version` is for one name");
                return Err(fault.hint("write the versions beside the names: `[nginx=1.22.*, curl]`"));
            };
            if one.version.replace(version.clone()).is_some() {
                return Err(Fault::new(format!("`version` is given twice for `{}`", one.name))
                    .hint("write it beside the name or as `version`"));
            }
        }
        named.iter().filter_map(|one| one.version.as_deref()).try_for_each(check_version)?;
        if named.iter().any(|one| one.version.is_some()) && self.state != Wanted::Present {
            return Err(Fault::new("a version goes with `state: present` only").hint("leave one of them out"));
        }
        let acts = self.upgrade.is_some()
            || self.autoremove
            || self.repair
            || self.update_cache == Some(true)
            || self.cache_valid_time.is_some();
        if named.is_empty() && !acts {
            let fault = Fault::new("`name` is missing");
            return Err(
                fault.hint("or write `deb`, `rpm`, `upgrade`, `autoremove`, `update_cache` or `repair`")
            );
        }
        let moves = |one: &Named| one.version.is_some() || one.file.is_some() || self.state == Wanted::Latest;
        if self.only_upgrade && (named.is_empty() || !named.iter().all(moves)) {
            let fault = Fault::new("`only_upgrade` is for `state: latest`, or a version of each name");
            return Err(fault.hint("without either, what is installed stays as it is: leave the task out"));
        }
        if !named.is_empty() && self.upgrade.is_some() {
            return Err(Fault::new("`name` and `upgrade` exclude each other").hint("write two tasks"));
        }
        if self.hold.is_some() && (named.is_empty() || self.removes()) {
            return Err(Fault::new("`hold` is for packages that are there").hint("leave it out"));
        }
        if let Some(release) = &self.default_release
            && (release.is_empty()
                || !release.chars().all(|c| c.is_ascii_alphanumeric() || "-_./+~".contains(c)))
        {
            return Err(Fault::new(format!("`{}` is not the name of a release", release.escape_debug())));
        }
        if self.cache_valid_time.is_some_and(|seconds| seconds < 60) {
            let fault = Fault::new("`cache_valid_time` must be 60 seconds or more");
            return Err(fault.hint("lists that were updated a moment ago are as good as new"));
        }
        Ok(named)
    }
}

/// What a tool would read as an option, a version or a wish to remove is no name.
fn check_name(name: &str) -> Result<(), Fault> {
    // Upper case and `_` are for rpm.
    let good = |c: char| c.is_ascii_alphanumeric() || "+-._:".contains(c);
    let first = name.chars().next().is_some_and(|c| c.is_ascii_alphanumeric());
    if first && name.chars().all(good) && !name.ends_with('-') {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is not the name of a package", name.escape_debug()));
    if name == "*" {
        return Err(
            fault.hint("`upgrade: safe` or `upgrade: full` brings all up to date, in a task without `name`")
        );
    }
    Err(fault.hint("a name is letters, digits, `+`, `-` and `.`; a version follows as `=1.22.*`"))
}

fn check_version(version: &str) -> Result<(), Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || "+-.:~^_*?".contains(c);
    let first = version.chars().next().is_some_and(|c| c.is_ascii_alphanumeric() || c == '*');
    if first && version.chars().all(good) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is not the version of a package", version.escape_debug()));
    Err(fault.hint("e.g. `1.22.1-9` or `1.22.*`; for ranges, name the one that you tested"))
}

/// Whether a version is as the pattern says: `*` is any text, `?` any letter.
pub fn fits(pattern: &str, version: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => version.is_empty(),
        Some('*') => {
            let rest = letters.as_str();
            version.char_indices().any(|(at, _)| fits(rest, &version[at..])) || fits(rest, "")
        }
        Some(letter) => {
            let mut other = version.chars();
            other.next().is_some_and(|o| letter == '?' || letter == o)
                && fits(letters.as_str(), other.as_str())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn versions_fit_patterns() {
        for (pattern, version) in
            [("1.22.*", "1.22.1-9"), ("*", ""), ("1:2.?", "1:2.3"), ("*deb12*", "1-1~deb12u1"), ("1", "1")]
        {
            assert!(fits(pattern, version), "{pattern} {version}");
        }
        for (pattern, version) in [("1.22.*", "1.221"), ("1", "11"), ("1.?", "1."), ("", "1"), ("*b", "abc")]
        {
            assert!(!fits(pattern, version), "{pattern} {version}");
        }
    }
}
