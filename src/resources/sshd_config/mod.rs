//! `sshd_config`: a file in `/etc/ssh/sshd_config.d`, armed with a revert while it changes.

mod judged;
mod spec;

use super::shared::{
    FileState, What, armed, content_ops, observe_bytes, parent_there, roots,
    unit::{run, systemctl, unit, unit_query},
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, file_query},
};
use agent::{
    secret::Content,
    wire::{Attrs, Meta, Op, Probe, Query},
};
use judged::Judged;
use spec::{FOLDER, Spec};

const TOKEN: &str = "sshd";
/// Debian's unit, and what it is called elsewhere.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
/// Nothing but the socket starts the service then: without the first step nothing would listen after a reboot.
const NO_SOCKET: &str = "before this task, in this order: `service: {name: ssh, enabled: true}`; \
    `service: {name: ssh.socket, state: stopped, enabled: false}`; and `service: {name: ssh, state: restarted}` only where the \
    second has changed something";

pub struct SshdConfig;

#[derive(Clone)]
pub struct Config {
    file: FileState,
    /// The file as it is, for the way back.
    meta: Option<Meta>,
    /// What sshd makes of the options that the task names.
    effective: Option<String>,
    /// As wanted: the text, and what it will come to.
    wanted: Option<(Content, Option<String>)>,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
    notes: Vec<String>,
    /// The unit that is reloaded.
    service: String,
}

impl State for Config {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        if let Some(effective) = &self.effective {
            facets.insert("effective".into(), Facet::content(&Content::from(effective.as_str())));
        }
        if let Some(confirmed) = self.confirmed {
            facets.insert("confirmed".into(), armed::word(confirmed).into());
        }
        facets
    }
}

/// The unit of sshd on this host.
fn service(spec: &Spec, seen: &Seen) -> Observe<String> {
    let [usual, other] = UNITS;
    let is_there = |name: &str| -> Observe<bool> {
        let asked = seen.run(Probe::UnitState { unit: name.into() })?;
        Ok(asked.code == 0 && unit(seen, name)?.found)
    };
    Ok(match &spec.service {
        Some(service) => service.clone(),
        None if is_there(usual)? || !is_there(other)? => usual.into(),
        None => other.into(),
    })
}

/// What sshd says; `None` when it is not there yet.
fn ask(spec: &Spec, seen: &Seen, content: Option<String>) -> Observe<Option<Judged>> {
    let probe = Probe::Sshd { name: spec.file_name(), content, keys: spec.keys() };
    let said = seen.run(probe)?;
    match said.code {
        0 => Ok(Some(Judged::read(&String::from_utf8_lossy(said.stdout.bytes())))),
        127 => seen.presume("there is no sshd (package openssh-server)").map(|()| None),
        _ => {
            let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
            let fault = Fault::new(format!("sshd would not take this: {words}"));
            let hint = "keywords and values are in sshd_config(5); nothing was changed";
            Err(fault.hint(hint).into())
        }
    }
}

/// What may listen in place of the service.
fn socket(service: &str) -> String {
    service.replace(".service", ".socket")
}

fn judge(spec: &Spec, service: &str, seen: &Seen) -> Observe<(Option<Judged>, Option<Content>)> {
    if !spec.is_present() {
        return Ok((ask(spec, seen, None)?, None));
    }
    let text = match spec.port {
        None => spec.text(&[]),
        Some(port) => {
            let socket = socket(service);
            if unit(seen, &socket)?.runs() {
                let fault = Fault::new(format!(
                    "`{socket}` listens in place of sshd: a `port` would hold only once the socket is started anew"
                ));
                return Err(fault.hint(NO_SOCKET).into());
            }
            // What is in use now, whatever the file will say.
            let now = ask(spec, seen, None)?;
            now.map_or_else(|| spec.text(&[port]), |now| spec.text(&now.ports_to_name(spec)))
        }
    };
    let judged = ask(spec, seen, Some(text.clone()))?;
    if let Some(judged) = &judged {
        judged.check(spec)?;
    }
    Ok((judged, Some(Content::from(text.as_str()))))
}

impl Resource for SshdConfig {
    const NAME: &'static str = "sshd_config";
    const TOPIC: Topic = Topic::System;
    const EXAMPLE: &'static str = "\
name: Log in with keys only
sshd_config:
  options:
    PasswordAuthentication: no
    PermitRootLogin: prohibit-password
    MaxAuthTries: 4
";
    type Spec = Spec;
    type State = Config;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{FOLDER}/{}", spec.file_name())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let path = Area::Path(format!("{FOLDER}/{}", spec.file_name()));
        let units = spec.service.iter().cloned().map(Area::Unit);
        let either = UNITS.into_iter().filter(|_| spec.service.is_none()).map(|unit| Area::Unit(unit.into()));
        let sockets = UNITS.into_iter().filter(|_| spec.port.is_some()).map(|unit| Area::Unit(socket(unit)));
        Footprint::writes([path].into_iter().chain(units).chain(either)).and_reads(sockets).and_reads([
            Area::Path("/etc/ssh".into()),
            Area::Packages,
            Area::Accounts,
        ])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Config> {
        spec.check()?;
        let path = spec.path();
        let unconfirmed = Probe::Unconfirmed { token: TOKEN.into() };
        let ours = [file_query(&path), Query::Run(unconfirmed.clone())];
        let usual = spec.service.is_none().then(|| unit_query(UNITS[0]));
        seen.each(ours.into_iter().chain(usual))?;
        let service = service(spec, seen)?;
        let attrs = if spec.is_present() { roots(0o644) } else { Attrs::default() };
        let file = observe_bytes(&path, &attrs, false, seen)?;
        if file.what.is_none() && spec.is_present() {
            parent_there(&path, seen)?;
        }
        let meta = seen.meta(&path)?;
        let (judged, content) = judge(spec, &service, seen)?;
        let pending = !seen.run(unconfirmed)?.stdout.bytes().is_empty();
        let then = judged.as_ref().map(Judged::then);
        Ok(Config {
            effective: judged.as_ref().map(Judged::now),
            wanted: content.map(|content| (content, then)),
            notes: judged.map(|judged| judged.notes(spec)).unwrap_or_default(),
            confirmed: pending.then_some(false),
            file,
            meta,
            service,
        })
    }

    fn desired(_: &Spec, observed: &Config) -> Result<Config, Fault> {
        let confirmed = observed.confirmed.map(|_| true);
        let observed = Config { confirmed, ..observed.clone() };
        let Some((content, then)) = observed.wanted.clone() else {
            return Ok(Config { file: FileState::default(), ..observed });
        };
        Ok(Config { file: observed.file.with_content(&content, &roots(0o644)), effective: then, ..observed })
    }

    fn ops(spec: &Spec, from: &Config, to: &Config) -> Vec<Op> {
        let path = spec.path();
        if from.facets() == to.facets() {
            return vec![];
        }
        let digest = |state: &Config| state.file.read().map(Content::digest);
        let rewritten = digest(from) != digest(to);
        let mut ops = vec![];
        // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
        if rewritten || from.confirmed.is_some() {
            let reload = run(["systemctl", "try-reload-or-restart", "--", &from.service]);
            ops.push(armed::arm(TOKEN, spec.confirm_within, &path, &from.file, from.meta.as_ref(), [reload]));
        }
        match (&to.file.what, to.file.read()) {
            (Some(What::File), Some(content)) => {
                ops.extend(content_ops(&path, content, None, &from.file, &to.file))
            }
            (None, _) if from.file.what.is_some() => {
                ops.push(Op::Remove { path: path.to_string(), recursive: false });
            }
            _ => {}
        }
        if rewritten {
            ops.push(systemctl("reload", Some(&from.service)));
        }
        ops
    }

    fn notes(_: &Spec, state: &Config) -> Vec<String> {
        state.notes.clone()
    }
}
