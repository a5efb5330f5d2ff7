//! What systemd says about a unit.

use crate::{
    model::Area,
    resource::{Effect, Fault, Observe, Pause, Seen},
};
use agent::{
    secret::Content,
    wire::{Answer, Exec, Op, Output, Probe, Query},
};

/// A unit as `systemctl show` describes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// There is such a unit.
    pub found: bool,
    /// `active`, `inactive`, `failed`, ...
    pub active: String,
    /// `UnitFileState`: `enabled`, `disabled`, `static`, `masked`, ...; empty when there is no unit file. Of what its own file does not
    /// say (a script of System V, a file with nothing but `Also=`) what is asked for comes true by others, and this is their state.
    pub file_state: String,
    /// Where its file is that was linked into `/etc/systemd/system`.
    pub link: Option<String>,
    /// The files on disk are newer than what systemd has loaded.
    pub needs_reload: bool,
}

/// The question that [`unit`] asks, to be sent along with others.
pub fn unit_query(name: &str) -> Query {
    Query::Run(Probe::UnitState { unit: name.into() })
}

/// Where an administrator writes what a unit is: its file, what is dropped in beside it, and the same of its template.
pub fn definitions(name: &str) -> Vec<Area> {
    let template = name.split_once('@').and_then(|(stem, rest)| {
        let (instance, kind) = rest.rsplit_once('.')?;
        (!instance.is_empty()).then(|| format!("{stem}@.{kind}"))
    });
    let files = [Some(name.to_string()), template].into_iter().flatten();
    let paths = files.flat_map(|file| ["", ".d"].map(|end| format!("/etc/systemd/system/{file}{end}")));
    paths.map(Area::Path).collect()
}

/// Where a unit would be that is not there.
pub fn missing(name: &str) -> Vec<Area> {
    let folders = ["/etc", "/lib", "/usr/lib", "/run"].map(|top| Area::Path(format!("{top}/systemd/system")));
    // Made of other files: of scripts, and of what is mounted.
    let others = ["/etc/init.d", "/etc/fstab"].map(|path| Area::Path(path.into()));
    [Area::Unit(name.into())].into_iter().chain(others).chain(folders).collect()
}

/// Full name of a unit: `.service` is what a bare name means.
///
/// # Errors
/// A fault for what cannot be a unit's name.
pub fn full_name(name: &str) -> Result<String, Fault> {
    let good = |c: char| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c);
    if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
        let fault = Fault::new(format!("`{}` is not the name of a unit", name.escape_debug()));
        return Err(fault.hint("a name such as `nginx` or `nginx.service`"));
    }
    const KINDS: [&str; 8] =
        [".service", ".socket", ".timer", ".path", ".mount", ".target", ".slice", ".automount"];
    let has_kind = KINDS.iter().any(|kind| name.ends_with(kind));
    Ok(if has_kind { name.into() } else { format!("{name}.service") })
}

/// The unit's state.
///
/// # Errors
/// As [`Seen::get`], and a fault on a host that is not run by systemd.
pub fn unit(seen: &Seen, name: &str) -> Observe<Unit> {
    let output = seen.run(Probe::UnitState { unit: name.into() })?;
    if output.code != 0 {
        let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
        let why = if output.code == 127 { "there is no systemctl".into() } else { said };
        let fault = Fault::new(format!("systemd does not answer for `{name}`: {why}"));
        let is_slow = output.code == 124;
        return Err(
            if is_slow { fault } else { fault.hint("units need a host whose init is systemd") }.into()
        );
    }
    Ok(Unit::read(&output))
}

/// A value that systemd told.
fn told(output: &Output, key: &str) -> String {
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    line.unwrap_or_default().trim().to_string()
}

/// A unit of the manager of whom the task runs as.
pub fn of_a_user(name: &str) -> Area {
    Area::Unit(format!("{name} of a user"))
}

/// Where such a unit would be that is not there.
pub fn missing_of_a_user(name: &str, home: &str) -> Vec<Area> {
    let own = format!("{home}/.config");
    let folders = [&own, "/etc", "/usr/lib", "/usr/share"];
    let folders = folders.map(|top| Area::Path(format!("{top}/systemd/user")));
    [of_a_user(name), Area::Packages].into_iter().chain(folders).collect()
}

/// Where such a unit's own file is, and its mask.
pub fn own_file_of_a_user(name: &str, home: &str) -> String {
    format!("{home}/.config/systemd/user/{name}")
}

/// Where it is kept whose manager runs though nobody of that name is logged in.
pub fn lingering() -> Area {
    Area::Path("/var/lib/systemd/linger".into())
}

/// Whose unit it is.
#[derive(Clone)]
pub struct Account {
    pub uid: String,
    pub home: String,
}

/// The state of a unit of whom the task runs as, and who that is.
///
/// # Errors
/// As [`Seen::get`], and a fault where no manager of that account runs.
pub fn users_unit(seen: &Seen, name: &str) -> Observe<(Unit, Account)> {
    let output = seen.run(Probe::UserUnit { unit: name.into() })?;
    let uid = told(&output, "Uid");
    let said = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
    if matches!(output.code, 124 | 127) {
        let why = if output.code == 127 { "there is no systemctl" } else { &said };
        return Err(Fault::new(format!("systemd does not answer for `{name}`: {why}")).into());
    }
    if output.code != 0 {
        let why = format!("no manager of units runs for the account with the number {uid}: {said}");
        return Err(match seen.lacks(&[lingering()], why) {
            Pause::Fault(fault) => {
                let hint = "`command: {argv: [loginctl, enable-linger, NAME], creates: /var/lib/systemd/linger/NAME}`, as root, has it run \
                    from boot on (lingering), and `service: {name: user@NUMBER, state: started}` now";
                fault.hint(hint.replace("NUMBER", &uid)).into()
            }
            other => other,
        });
    }
    Ok((Unit::read(&output), Account { uid, home: told(&output, "Home") }))
}

/// What enabling changes: the unit's own state, or of a script of System V and of a file with nothing but `Also=` that of others.
fn file_state(output: &Output) -> String {
    let [own, installs, sysv] = ["UnitFileState", "Installs", "SysV"].map(|key| told(output, key));
    let text = String::from_utf8_lossy(output.stdout.bytes());
    let also: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Also=")).collect();
    let is_on = |line: &&&str| !matches!(line.rsplit(' ').next(), Some("disabled" | "linked"));
    match (own.as_str(), installs.as_str(), also.iter().filter(is_on).count()) {
        ("generated", ..) if !sysv.is_empty() => sysv,
        ("indirect", "yes", _) => "enabled by another name".into(),
        ("linked" | "linked-runtime", "no", _) if also.is_empty() => "static".into(),
        ("indirect", "no", _) if also.is_empty() => own,
        ("linked" | "linked-runtime" | "indirect", "no", 0) => "disabled".into(),
        ("linked" | "linked-runtime" | "indirect", "no", on) if on == also.len() => "enabled".into(),
        ("linked" | "linked-runtime" | "indirect", "no", _) => "enabled in part".into(),
        _ => own,
    }
}

impl Unit {
    fn read(output: &Output) -> Self {
        Self {
            found: !matches!(told(output, "LoadState").as_str(), "not-found" | ""),
            active: told(output, "ActiveState"),
            file_state: file_state(output),
            link: Some(told(output, "Link")).filter(|path| !path.is_empty()),
            needs_reload: told(output, "NeedDaemonReload") == "yes",
        }
    }

    /// Running, or on the way there.
    pub fn runs(&self) -> bool {
        matches!(self.active.as_str(), "active" | "reloading" | "refreshing" | "activating")
    }

    /// The state in a service manager's plainest words: `running`, `stopped`, `failed`.
    pub fn run_word(&self) -> &str {
        match self.active.as_str() {
            "active" | "reloading" | "refreshing" | "activating" => "running",
            "inactive" | "deactivating" | "" => "stopped",
            other => other,
        }
    }

    /// Whether it is started at boot: `enabled`, `disabled`, or systemd's word for what is neither.
    pub fn boot_word(&self) -> &str {
        match self.file_state.as_str() {
            "" | "disabled" => "disabled",
            "enabled-runtime" => "enabled until the next boot",
            "linked-runtime" => "linked until the next boot",
            other => other,
        }
    }

    /// Whether it is kept from starting: for good, or until the next boot.
    pub fn masked_word(&self) -> &'static str {
        match self.file_state.as_str() {
            "masked" => "yes",
            "masked-runtime" => "until the next boot",
            _ => "no",
        }
    }

    /// The word that [`Self::boot_word`] will be once `enabled` is as wanted. What has no install section of its own
    /// (`static`, `generated`, ...) is started by others: it stays as it is.
    ///
    /// # Errors
    /// A fault when a masked unit is to be enabled, or one that systemd cannot enable.
    pub fn boot_wanted(&self, name: &str, enabled: bool) -> Result<&str, Fault> {
        let off = if self.link.is_some() { "linked" } else { "disabled" };
        match (self.boot_word(), enabled) {
            ("masked" | "masked-runtime", true) => Err(masked(name, false)),
            ("bad", true) => Err(Fault::new(format!("systemd cannot read the file of unit `{name}`"))
                .hint(format!("`systemd-analyze verify {name}` says why"))),
            ("transient", true) => {
                Err(Fault::new(format!("unit `{name}` has no file that could be enabled"))
                    .hint("it goes with whatever has started it: `systemd_unit` writes one that stays"))
            }
            ("enabled" | "disabled" | "enabled in part" | "enabled until the next boot", true)
            | ("linked" | "linked until the next boot" | "enabled by another name", true) => Ok("enabled"),
            ("enabled" | "enabled in part" | "enabled until the next boot", false) => Ok(off),
            (other, _) => Ok(other),
        }
    }

    /// Its state when a file with an install section, in the administrator's folder, takes the place of a packaged, linked or generated one.
    pub fn state_with_own_file(&self) -> String {
        match self.file_state.as_str() {
            "static" | "linked" | "linked-runtime" | "indirect" | "generated" => "disabled".into(),
            other => other.into(),
        }
    }

    /// What brings it from this state at boot to what is wanted.
    pub fn boot_ops(&self, name: &str, enabled: bool) -> Vec<Op> {
        self.boot_ops_by(name, enabled, |options, verb, unit| {
            run(["systemctl"].iter().chain(options).chain([&verb, &"--", &unit]).copied())
        })
    }

    /// The same, told to the manager that has the unit.
    pub fn boot_ops_by(&self, name: &str, enabled: bool, ctl: impl Fn(&[&str], &str, &str) -> Op) -> Vec<Op> {
        if enabled {
            return vec![ctl(&[], "enable", name)];
        }
        if self.file_state == "enabled-runtime" {
            return vec![ctl(&["--runtime"], "disable", name)];
        }
        // That takes the link to the file away as well.
        let link = self.link.as_deref().map(|path| ctl(&[], "link", path));
        [ctl(&[], "disable", name)].into_iter().chain(link).collect()
    }

    /// What takes back that it was enabled.
    pub fn disable_ops(&self, name: &str) -> Vec<Op> {
        let now = Self { file_state: "enabled".into(), ..self.clone() };
        now.boot_ops(name, false)
    }

    /// What systemd will answer once the unit is in this state.
    pub fn effect(&self, name: &str) -> Effect {
        let load = match (self.masked_word(), self.found) {
            ("no", true) => "loaded",
            ("no", false) => "not-found",
            _ => "masked",
        };
        let reload = if self.needs_reload { "yes" } else { "no" };
        let link = self.link.as_ref().map(|path| format!("Link={path}\n")).unwrap_or_default();
        let text = format!(
            "LoadState={load}\nActiveState={}\nSubState=\nUnitFileState={}\nNeedDaemonReload={reload}\n{link}",
            self.active, self.file_state
        );
        Effect::Answer(unit_query(name), Answer::Output(output(0, &text)))
    }
}

/// The fault of a unit that is to start, now or at boot, and is masked.
pub fn masked(name: &str, is_users: bool) -> Fault {
    let scope = if is_users { ", scope: user" } else { "" };
    let hint = format!("`service: {{name: {name}{scope}, masked: false}}` lets it start again");
    Fault::new(format!("unit `{name}` is masked")).hint(hint)
}

/// What a command will have printed.
pub fn output(code: i32, stdout: &str) -> Output {
    Output { code, stdout: Content::from(stdout), stderr: Content::from("") }
}

/// `systemctl VERB [UNIT]` as an op.
pub fn systemctl(verb: &str, unit: Option<&str>) -> Op {
    run(["systemctl", verb].into_iter().chain(unit.map(|_| "--")).chain(unit))
}

/// A command as an op; it must exit with 0.
pub fn run(argv: impl IntoIterator<Item = impl Into<String>>) -> Op {
    Op::Exec { exec: Exec::new(argv), ok: vec![] }
}
