//! What the types for PostgreSQL have in common.

use super::HostPath;
use crate::{
    model::Area,
    resource::{Fault, Observe, Seen},
};
use agent::{
    secret::Content,
    wire::{
        Exec, Op, Output, Probe,
        postgres::{Postgres, PostgresProbe, preamble},
    },
};

/// The role that the types log in as if none is named.
pub fn superuser() -> String {
    "postgres".into()
}

pub fn default_port() -> u16 {
    5432
}

/// The server that a task names.
pub fn place(container: Option<&String>, user: &str, socket: Option<&HostPath>, port: u16) -> Postgres {
    let socket = socket.map(HostPath::to_string);
    Postgres { container: container.cloned(), user: user.into(), socket, port }
}

/// Refuses what cannot lead to a server.
///
/// # Errors
/// A fault that names it.
pub fn check_place(at: &Postgres) -> Result<(), Fault> {
    if let Some(name) = &at.container {
        let good = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) {
            let fault = Fault::new(format!("`{}` is not the name of a container", name.escape_debug()));
            return Err(fault.hint("as `docker ps` shows it, e.g. `app-db-1`"));
        }
        if at.socket.is_some() {
            let fault = Fault::new("`socket` and `container` are both given");
            return Err(fault.hint("leave one of them out: in a container psql knows the socket"));
        }
    }
    check_name("role", &at.user)
}

/// Refuses what the server would cut off or not take as a name.
///
/// # Errors
/// A fault that names it.
pub fn check_name(kind: &str, name: &str) -> Result<(), Fault> {
    if !name.is_empty() && name.len() <= 63 && !name.contains('\0') {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` cannot be the name of a {kind}", name.escape_debug()));
    Err(fault.hint("a name has 1 to 63 bytes, none of them NUL"))
}

fn name_of(at: &Postgres) -> String {
    at.container.clone().unwrap_or_else(|| at.port.to_string())
}

/// All of a server.
pub fn server(at: &Postgres) -> Area {
    Area::Postgres(name_of(at))
}

pub fn role(at: &Postgres, name: &str) -> Area {
    Area::Postgres(format!("{}/role/{}", name_of(at), name.replace('/', "-")))
}

pub fn database(at: &Postgres, name: &str) -> Area {
    Area::Postgres(format!("{}/database/{}", name_of(at), name.replace('/', "-")))
}

/// What a server is made of on its host.
pub fn needs(at: &Postgres) -> Vec<Area> {
    match at.container {
        Some(_) => vec![Area::Docker],
        None => vec![Area::Packages, Area::Unit("postgresql.service".into())],
    }
}

/// The parts of a host that the answer to a question depends on.
pub fn areas(at: &Postgres, question: &PostgresProbe) -> Vec<Area> {
    let part = match question {
        PostgresProbe::Role { name } => role(at, name),
        PostgresProbe::Database { name, .. } => database(at, name),
        PostgresProbe::Owned { .. } | PostgresProbe::Query(_) => server(at),
    };
    std::iter::once(part).chain(needs(at)).collect()
}

/// Who owns it, in words that no two servers of a host share.
pub fn address(at: &Postgres, kind: &str, name: &str) -> crate::model::Address {
    crate::model::Address(format!("postgres_{kind}:{}/{name}", name_of(at)))
}

/// What the server says; `None` when there is none yet and an earlier task may bring it.
///
/// # Errors
/// As [`Seen::run`], and what the server refuses, in its own words.
pub fn ask(seen: &Seen, at: &Postgres, question: PostgresProbe) -> Observe<Option<Output>> {
    let output = seen.run(Probe::Postgres(at.clone(), question))?;
    let said = match output.stderr.is_secret() {
        true => "[secret]".to_string(),
        false => String::from_utf8_lossy(output.stderr.bytes()).trim().to_string(),
    };
    match output.code {
        0 => Ok(Some(output)),
        3 => Err(Fault::new(format!("PostgreSQL refuses: {said}")).into()),
        _ => {
            let place = match &at.container {
                Some(container) => format!("in the container `{container}`"),
                None => format!("on the socket of port {}", at.port),
            };
            let missing: Vec<Area> = needs(at).into_iter().chain([server(at)]).collect();
            seen.presume(&missing, format!("no PostgreSQL server answers {place}: {said}"))?;
            Ok(None)
        }
    }
}

/// A role that the server does not have, and another task may make.
///
/// # Errors
/// As [`Seen::presume`].
pub fn presume_role(seen: &Seen, at: &Postgres, name: &str) -> Observe<()> {
    seen.presume(&[role(at, name)], format!("the server has no role `{name}`"))
}

/// SQL as an op. With `secret` neither it nor what the server says of it is shown.
pub fn sql(at: &Postgres, database: &str, sql: &str, secret: bool) -> Op {
    let stdin = Some(Content::new(preamble(secret) + sql, secret));
    Op::Exec { exec: Exec { stdin, secret, ..Exec::new(at.argv(database)) }, ok: vec![] }
}

/// An answer of the server's own making.
///
/// # Errors
/// A fault, for what is no JSON. What it holds is not told: it may be secret.
pub fn read<T: serde::de::DeserializeOwned>(output: &Output) -> Result<Vec<T>, Fault> {
    let values = serde_json::Deserializer::from_slice(output.stdout.bytes()).into_iter::<T>();
    let values: Result<Vec<T>, _> = values.collect();
    values.map_err(|_| Fault::new("PostgreSQL answered in a way that is not understood"))
}

/// A time in UTC in full, from a day or a second; `infinity` as it is.
///
/// # Errors
/// That it is none.
pub fn time(text: &str) -> Result<String, Fault> {
    let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    let between = |range: std::ops::Range<usize>, least: u32, most: u32| {
        text.get(range).and_then(|n| n.parse().ok()).is_some_and(|n: u32| (least..=most).contains(&n))
    };
    let full = match shape.as_str() {
        "infinity" | "0000-00-00T00:00:00Z" => text.into(),
        "0000-00-00" => format!("{text}T00:00:00Z"),
        _ => String::new(),
    };
    if full == "infinity" || !full.is_empty() && between(5..7, 1, 12) && between(8..10, 1, 31) {
        return Ok(full);
    }
    let fault = Fault::new(format!("`{}` is no time in UTC", text.escape_debug()));
    Err(fault.hint("write `2027-01-31`, `2027-01-31T12:00:00Z`, or `infinity`"))
}
