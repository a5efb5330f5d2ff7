//! A unit of systemd, and what its state leaves open of whether it starts at boot.

use super::{LATER, SOON};
use crate::{
    child::{self, probe},
    secret::Content,
    wire::{Exec, Output},
};
use std::{fs, path::Path};

/// Where an administrator's units are.
const FOLDER: &str = "/etc/systemd/system";

/// What is asked of a unit.
const FIELDS: &str = "LoadState,ActiveState,SubState,UnitFileState,NeedDaemonReload";

pub fn state(unit: &str) -> Output {
    let _rest = crate::unit_files::rest();
    let mut shown = probe(&["systemctl", "show", "-p", FIELDS, "--", unit], None, LATER);
    let text = String::from_utf8_lossy(shown.stdout.bytes()).into_owned();
    let word = text.lines().find_map(|line| line.strip_prefix("UnitFileState=")).unwrap_or_default();
    let more = match word {
        "linked" | "linked-runtime" | "indirect" => install(unit) + &link(FOLDER, unit),
        "enabled" | "enabled-runtime" => link(FOLDER, unit),
        "generated" => sysv(unit),
        _ => String::new(),
    };
    if shown.code == 0 && !more.is_empty() {
        shown.stdout = Content::new((text + &more).into_bytes(), false);
    }
    shown
}

/// The same, but for others that are enabled along, of a unit of the manager of whoever asks; and who that is.
pub fn of_a_user(unit: &str) -> Output {
    let uid = rustix::process::geteuid().as_raw();
    let mut exec = Exec::new(["systemctl", "--user", "show", "-p", FIELDS, "--", unit]);
    // Who has become another one has no session that would say it.
    exec.env = vec![("XDG_RUNTIME_DIR".into(), format!("/run/user/{uid}").as_str().into())];
    exec.timeout_s = LATER.as_secs() as u32;
    let said = child::output_or_code(child::run(&exec, &mut |_| {}), false);
    let home = std::env::var("HOME").unwrap_or_default();
    let link = link(&format!("{home}/.config/systemd/user"), unit);
    let told = [said.stdout.bytes(), format!("Uid={uid}\nHome={home}\n{link}").as_bytes()].concat();
    Output { stdout: Content::new(told, false), ..said }
}

/// What systemctl prints of whether this starts at boot; nothing of a unit that is not there.
fn is_enabled(unit: &str) -> Option<String> {
    let said = probe(&["systemctl", "is-enabled", "--", unit], None, SOON);
    let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
    text.split_whitespace().next().filter(|word| *word != "not-found").map(Into::into)
}

fn install(unit: &str) -> String {
    let shown = probe(&["systemctl", "cat", "--", unit], None, SOON);
    let (installs, also) = read_install(unit, &String::from_utf8_lossy(shown.stdout.bytes()));
    let also = also.iter().filter_map(|other| Some(format!("Also={other} {}\n", is_enabled(other)?)));
    format!("Installs={}\n", if installs { "yes" } else { "no" }) + &also.collect::<String>()
}

/// Whether enabling it makes links to it, and which others are enabled along.
fn read_install(unit: &str, text: &str) -> (bool, Vec<String>) {
    let (mut inside, mut installs, mut default_instance) = (false, false, false);
    let mut also = vec![];
    let (stem, kind) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    for line in text.replace("\\\n", " ").lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line == "[Install]";
            continue;
        }
        let Some((key, value)) = line.split_once('=').filter(|_| inside) else { continue };
        let value = value.trim();
        match key.trim() {
            "Also" if value.is_empty() => also.clear(),
            "Also" => also.extend(value.split_whitespace().map(|name| {
                let name = name.replace("%n", unit).replace("%N", stem);
                name.replace("%p", prefix).replace("%i", instance).replace("%%", "%")
            })),
            "DefaultInstance" => default_instance = !value.is_empty(),
            "Alias" | "WantedBy" | "RequiredBy" | "UpheldBy" => installs |= !value.is_empty(),
            _ => {}
        }
    }
    // Of a template without an instance there is nothing to enable.
    let is_template = unit.contains("@.") && !kind.is_empty();
    also.retain(|other| other != unit);
    (installs && (default_instance || !is_template), also)
}

/// Where the unit's file is, when it was linked into that folder: disabling the unit takes that link away too.
fn link(folder: &str, unit: &str) -> String {
    let Ok(target) = fs::read_link(Path::new(folder).join(unit)) else { return String::new() };
    let is_linked = target.is_absolute() && target.file_name().is_some_and(|name| name == unit);
    let packaged = ["/lib/systemd", "/usr/lib/systemd", "/usr/local/lib/systemd", "/run/systemd"];
    match target.to_str() {
        Some(path) if is_linked && !packaged.iter().any(|folder| target.starts_with(folder)) => {
            format!("Link={path}\n")
        }
        _ => String::new(),
    }
}

/// What starts a script of System V at boot is not in its unit, which a generator makes.
fn sysv(unit: &str) -> String {
    let script = unit.strip_suffix(".service").map(|name| Path::new("/etc/init.d").join(name));
    let word = script.filter(|script| script.exists()).and_then(|_| is_enabled(unit));
    word.map(|word| format!("SysV={word}\n")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_was_linked_into_the_folder_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display().to_string();
        for (unit, target, told) in [
            ("a.service", "/srv/a/a.service", "Link=/srv/a/a.service\n"),
            ("alias.service", "/srv/a/a.service", ""),
            ("b.service", "/usr/lib/systemd/user/b.service", ""),
            ("c.service", "c.service", ""),
        ] {
            std::os::unix::fs::symlink(target, folder.path().join(unit)).unwrap();
            assert_eq!(link(&path, unit), told, "{unit}");
        }
        assert_eq!(link(&path, "none.service"), "");
    }

    #[test]
    fn what_an_install_section_does_is_read() {
        for (unit, text, installs, also) in [
            ("a.service", "[Install]\nWantedBy=multi-user.target\n", true, vec![]),
            ("a.service", "[Install]\nWantedBy=\n[Service]\nAlias=b.service\n", false, vec![]),
            (
                "a.service",
                "[Install]\nAlso=b.socket a.service \\\n %N.path\n",
                false,
                vec!["b.socket", "a.path"],
            ),
            ("a@x.service", "[Install]\nAlso=%p-%i.timer\n", false, vec!["a-x.timer"]),
            ("a.service", "[Install]\nAlso=b.socket\nAlso=\n", false, vec![]),
            ("a@.service", "[Install]\nWantedBy=x.target\n", false, vec![]),
            ("a@.service", "[Install]\nWantedBy=x.target\nDefaultInstance=b\n", true, vec![]),
            (
                "a.service",
                "[Service]\nExecStart=/x\n# a.service.d/b.conf\n[Install]\nAlias=c.service\n",
                true,
                vec![],
            ),
        ] {
            let (found, others) = read_install(unit, text);
            assert_eq!((found, others), (installs, also.into_iter().map(String::from).collect()), "{text}");
        }
    }
}
