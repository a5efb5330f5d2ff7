//! `sshd_config`: a file in `/etc/ssh/sshd_config.d`, armed with a revert while it changes.

mod judged;
mod spec;

use super::shared::{
    FileState, What, armed, content_ops, observe_bytes, parent_there, roots,
    unit::{run, systemctl, unit, unit_query},
    way_in,
};
use crate::{
    model::{Address, Area, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Pause, Resource, Seen, State, Topic, Untold, file_query,
    },
};
use agent::{
    secret::Content,
    wire::{Answer, Attrs, Meta, Op, Probe, Query},
};
use judged::Judged;
use spec::{FOLDER, Spec};

const TOKEN: &str = "sshd";
/// What Debian's service makes as it starts.
const PRIVATE: &str = "/run/sshd";
/// Debian's unit, and what it is called elsewhere.
const UNITS: [&str; 2] = ["ssh.service", "sshd.service"];
/// Of Ubuntu from 24.04 on: it makes the socket listen on what sshd's own configuration says, whenever systemd reads its units again.
const GENERATOR: &str = "/usr/lib/systemd/system-generators/sshd-socket-generator";
/// What an administrator says of the socket.
const OVERRIDES: &str = "/etc/systemd/system/ssh.socket.d";
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
    /// The socket that listens in place of it, where the ports change.
    socket: Option<String>,
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
        127 => seen.presume(&[Area::Packages], "there is no sshd (package openssh-server)").map(|()| None),
        _ => {
            let words = String::from_utf8_lossy(said.stderr.bytes()).trim().to_string();
            if words.contains("privilege separation directory") {
                return not_started(&words, seen).map(|()| None);
            }
            let fault = Fault::new(format!("sshd would not take this: {words}"));
            let hint = "keywords and values are in sshd_config(5); nothing was changed";
            Err(fault.hint(hint).into())
        }
    }
}

/// sshd says nothing of a configuration where the folder is missing that its service makes as it starts.
fn not_started(words: &str, seen: &Seen) -> Observe<()> {
    let either = UNITS.map(|unit| Area::Unit(unit.into()));
    let missing = [&[Area::Packages, Area::Path(PRIVATE.into())][..], &either].concat();
    let why = format!("sshd judges no configuration before it was started: {words}");
    match seen.presume(&missing, &why) {
        Err(Pause::Fault(fault)) => Err(fault.hint(format!(
            "start it before, `service: {{name: ssh, state: started}}`; or where it is not to run, as in an image, make the folder: \
             `file: {{path: {PRIVATE}, state: directory, mode: \"0755\"}}`"
        )).into()),
        other => other,
    }
}

/// What may listen in place of the service.
fn socket(service: &str) -> String {
    service.replace(".service", ".socket")
}

/// The socket that listens in place of the service, when it does.
///
/// # Errors
/// A fault when it would not follow sshd's configuration.
fn listening_socket(service: &str, seen: &Seen) -> Observe<Option<String>> {
    let socket = socket(service);
    if !unit(seen, &socket)?.runs() {
        return Ok(None);
    }
    let names = [file_query(GENERATOR), Query::List { path: OVERRIDES.into() }];
    let [_, Answer::Names(overrides)] = seen.all(names)? else {
        return Err(Fault::new("the agent's answer is of the wrong kind").into());
    };
    if seen.meta(GENERATOR)?.is_none() {
        let fault = Fault::new(format!(
            "`{socket}` listens in place of sshd: a `port` would hold only once the socket is started anew"
        ));
        return Err(fault.hint(NO_SOCKET).into());
    }
    for name in overrides.unwrap_or_default() {
        let path = format!("{OVERRIDES}/{name}");
        let text = seen.content(&path, 1 << 20, false)?;
        if text.is_some_and(|text| String::from_utf8_lossy(text.bytes()).contains("ListenStream")) {
            let fault =
                Fault::new(format!("{path} says where `{socket}` listens, whatever sshd's `port` is"));
            return Err(fault.hint("take its lines `ListenStream` out first").into());
        }
    }
    Ok(Some(socket))
}

/// What sshd says, the text of the file, and the socket whose ports it changes.
type Judgement = (Option<Judged>, Option<Content>, Option<String>);

fn judge(spec: &Spec, service: &str, seen: &Seen) -> Observe<Judgement> {
    // Ports may also go with the file, or with the parameter.
    let moved = |judged: &Option<Judged>| judged.as_ref().is_some_and(Judged::moves);
    if !spec.is_present() {
        let judged = ask(spec, seen, None)?;
        let socket = if moved(&judged) { listening_socket(service, seen)? } else { None };
        return Ok((judged, None, socket));
    }
    let (text, mut socket) = match spec.port {
        None => (spec.text(&[]), None),
        Some(port) => {
            let socket = listening_socket(service, seen)?;
            // What is in use now, whatever the file will say.
            let now = ask(spec, seen, None)?;
            (now.map_or_else(|| spec.text(&[port]), |now| spec.text(&now.ports_to_name(spec))), socket)
        }
    };
    let judged = ask(spec, seen, Some(text.clone()))?;
    if let Some(judged) = &judged {
        judged.check(spec)?;
    }
    if spec.port.is_none() && moved(&judged) {
        socket = listening_socket(service, seen)?;
    } else if !moved(&judged) {
        socket = None;
    }
    Ok((judged, Some(Content::from(text.as_str())), socket))
}

/// Lets sshd read its configuration again.
fn reread(state: &Config, verb: &str) -> Vec<Op> {
    match &state.socket {
        None => vec![run(["systemctl", verb, "--", &state.service])],
        // The service, which needs the socket, is restarted with it; those who are logged in stay so.
        Some(socket) => vec![systemctl("daemon-reload", None), systemctl("restart", Some(socket))],
    }
}

impl Resource for SshdConfig {
    const NAME: &'static str = "sshd_config";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] =
        &["type", "mode", "owner", "group", "content", "effective", "confirmed"];
    const UNTOLD: &'static [Untold] = &[Untold::Own];
    const EXAMPLE: &'static str = "\
name: Log in with keys only
sshd_config:
  options:
    PasswordAuthentication: no
    PermitRootLogin: prohibit-password
    MaxAuthTries: 4
";
    const CONTENT: &'static [&'static str] = &["options"];
    type Spec = Spec;
    type State = Config;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("path:{FOLDER}/{}", spec.file_name())))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let path = Area::Path(format!("{FOLDER}/{}", spec.file_name()));
        let units = spec.service.iter().cloned().map(Area::Unit);
        let either = UNITS.into_iter().filter(|_| spec.service.is_none()).map(|unit| Area::Unit(unit.into()));
        let sockets = UNITS.into_iter().map(|unit| Area::Unit(socket(unit)));
        Footprint::writes([path].into_iter().chain(units).chain(either).chain(sockets)).and_reads([
            Area::Path(GENERATOR.into()),
            Area::Path(OVERRIDES.into()),
            Area::Path("/etc/ssh".into()),
            Area::Path(PRIVATE.into()),
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
        let (judged, content, socket) = judge(spec, &service, seen)?;
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
            socket,
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
            // sshd reads all of its configuration then, also what other tasks have changed.
            let back =
                [way_in::earlier(&from.service)].into_iter().chain(reread(from, "try-reload-or-restart"));
            ops.push(armed::arm(TOKEN, spec.confirm_within, &path, &from.file, from.meta.as_ref(), back));
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
            ops.extend(reread(from, "reload"));
        }
        ops
    }

    fn effects(spec: &Spec, from: &Config, _: &Config, ops: &[Op]) -> Vec<Effect> {
        let is_socket = |area: &Area| matches!(area, Area::Unit(name) if name.ends_with(".socket"));
        let runs = ops.iter().any(|op| matches!(op, Op::Exec { .. }));
        let writes = Self::footprint(spec).writes.into_iter().filter(|_| runs);
        writes.filter(|area| from.socket.is_some() || !is_socket(area)).map(Effect::Unknown).collect()
    }

    fn notes(_: &Spec, state: &Config) -> Vec<String> {
        state.notes.clone()
    }
}
