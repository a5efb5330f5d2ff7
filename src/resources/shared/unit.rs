//! What systemd says about a unit.

use crate::{
    model::Area,
    resource::{Effect, Fault, Observe, Seen},
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
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().to_string()
    };
    Ok(Unit {
        found: !matches!(value("LoadState").as_str(), "not-found" | ""),
        active: value("ActiveState"),
        file_state: file_state(&text, value("UnitFileState"), &value("Installs"), value("SysV")),
        link: Some(value("Link")).filter(|path| !path.is_empty()),
        needs_reload: value("NeedDaemonReload") == "yes",
    })
}

/// What enabling changes: the unit's own state, or of a script of System V and of a file with nothing but `Also=` that of others.
fn file_state(text: &str, own: String, installs: &str, sysv: String) -> String {
    let also: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("Also=")).collect();
    let is_on = |line: &&&str| !matches!(line.rsplit(' ').next(), Some("disabled" | "linked"));
    match (own.as_str(), installs, also.iter().filter(is_on).count()) {
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
            ("masked" | "masked-runtime", true) => Err(masked(name)),
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
        if enabled {
            return vec![systemctl("enable", Some(name))];
        }
        if self.file_state == "enabled-runtime" {
            return vec![run(["systemctl", "--runtime", "disable", "--", name])];
        }
        self.disable_ops(name)
    }

    /// What takes back that it was enabled.
    pub fn disable_ops(&self, name: &str) -> Vec<Op> {
        // That takes the link to the file away as well.
        let link = self.link.as_deref().map(|path| systemctl("link", Some(path)));
        [systemctl("disable", Some(name))].into_iter().chain(link).collect()
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
pub fn masked(name: &str) -> Fault {
    let hint = format!("`service: {{name: {name}, masked: false}}` lets it start again");
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
