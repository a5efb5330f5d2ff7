//! `postgres_role`: a role of a PostgreSQL server.

use super::shared::{
    HostPath,
    account::Wanted,
    postgres::{self, default_port, superuser},
    scram,
    unit::output,
};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{
        Answer, Op, Output, Probe, Query,
        postgres::{Postgres, PostgresProbe, identifier, literal},
    },
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

pub struct PostgresRole;

/// Makes sure that a PostgreSQL server has a role, with the properties that are named, or has it not.
///
/// What is not named stays as it is; a new role can log in. The server is reached through its socket, on the host or in a container.
/// A password is compared with what the server keeps of it, and reaches the server in that form only (SCRAM-SHA-256): it stands in
/// no command line and no log. A role that owns something, or was granted something, is not removed: the task says what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it is called.
    name: String,
    /// ASCII. Also what another server keeps of it: `SCRAM-SHA-256$...`. One that the server keeps as MD5 is set anew. Default: as it is; a new role has none.
    password: Option<Text>,
    /// May log in. Default for a new role: yes; the others: no, but `inherit`.
    login: Option<bool>,
    /// Passes all checks of permissions. Default: as it is; for a new role, no.
    superuser: Option<bool>,
    /// May create databases. Default: as it is; for a new role, no.
    createdb: Option<bool>,
    /// May create, change and remove roles. Default: as it is; for a new role, no.
    createrole: Option<bool>,
    /// May connect for replication, as standbys and base backups do. Default: as it is; for a new role, no.
    replication: Option<bool>,
    /// Has the privileges of the roles it is a member of without `SET ROLE`. Default: as it is; for a new role, yes.
    inherit: Option<bool>,
    /// Is not held back by row security. Default: as it is; for a new role, no.
    bypassrls: Option<bool>,
    /// Sessions at once; -1: any number. Default: as it is; for a new role, any number.
    connection_limit: Option<i32>,
    /// Until when the password is good, in UTC: `2027-01-31`, `2027-01-31T12:00:00Z`, or `infinity`. Default: as it is; for a new role, `infinity`.
    valid_until: Option<String>,
    /// The roles it is a member of: these and no others. They must exist. Default: as it is.
    member_of: Option<Vec<String>>,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
    /// The container in which the server runs. Default: it runs on the host.
    container: Option<String>,
    /// The role to log in as, a superuser. On the host it is also the account that does (`become` must make it this or root).
    #[serde(default = "superuser")]
    login_user: String,
    /// The folder of the server's socket. Default: psql's own.
    socket: Option<HostPath>,
    /// The port of the server; it is a part of the name of its socket.
    #[serde(default = "default_port")]
    port: u16,
}

impl Spec {
    fn at(&self) -> Postgres {
        postgres::place(self.container.as_ref(), &self.login_user, self.socket.as_ref(), self.port)
    }

    fn flags(&self) -> impl Iterator<Item = (&'static str, bool)> {
        let flags = [
            ("login", self.login),
            ("superuser", self.superuser),
            ("createdb", self.createdb),
            ("createrole", self.createrole),
            ("replication", self.replication),
            ("inherit", self.inherit),
            ("bypassrls", self.bypassrls),
        ];
        flags.into_iter().filter_map(|(name, wanted)| Some((name, wanted?)))
    }

    fn check(&self) -> Result<(), Fault> {
        postgres::check_place(&self.at())?;
        for name in std::iter::once(&self.name).chain(self.member_of.iter().flatten()) {
            postgres::check_name("role", name)?;
        }
        if matches!(self.name.as_str(), "public" | "none") || self.name.starts_with("pg_") {
            let fault = Fault::new(format!("`{}` is a name that PostgreSQL keeps for itself", self.name));
            return Err(fault.hint("choose another name"));
        }
        let harms = [self.state == Wanted::Absent, self.login == Some(false), self.superuser == Some(false)];
        if let Some(at) = harms.iter().position(|harm| *harm).filter(|_| self.name == self.login_user) {
            let what = ["remove itself", "forbid itself to log in", "stop being a superuser"][at];
            let fault = Fault::new(format!("the role `{}` cannot {what}", self.name));
            return Err(fault.hint("log in as another one: `login_user`"));
        }
        if let Some(limit) = self.connection_limit.filter(|limit| *limit < -1) {
            let fault = Fault::new(format!("`connection_limit` cannot be {limit}"));
            return Err(fault.hint("-1 is any number of sessions"));
        }
        match self.password.as_ref().map(Text::bytes) {
            Some([]) => Err(Fault::new("`password` is empty").hint("leave it out: the role keeps its own")),
            Some(bytes) if !bytes.is_ascii() || bytes.contains(&0) => {
                Err(Fault::new("`password` has characters beyond ASCII")
                    .hint("clients do not agree on how to send these: use letters, digits and signs"))
            }
            _ => Ok(()),
        }
    }

    fn valid_until(&self) -> Result<Option<String>, Fault> {
        self.valid_until.as_deref().map(postgres::time).transpose()
    }
}

#[derive(Clone)]
pub struct RoleState {
    /// As the agent tells it.
    role: Option<Map<String, Value>>,
    named: Vec<&'static str>,
    /// The server's number, and how often it hashes a password.
    system: String,
    iterations: u32,
    version: u32,
}

impl RoleState {
    fn get(&self, key: &str) -> Option<&Value> {
        self.role.as_ref()?.get(key)
    }

    fn groups(&self) -> Vec<&str> {
        let groups = self.get("member_of").and_then(Value::as_array).into_iter().flatten();
        groups.filter_map(Value::as_str).collect()
    }

    fn answer(&self) -> Output {
        let (system, iterations, version) = (&self.system, self.iterations, self.version);
        let answer =
            json!({"version": version, "system": system, "iterations": iterations, "role": self.role});
        Output { stdout: Content::new(answer.to_string(), true), ..output(0, "") }
    }
}

impl State for RoleState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if self.role.is_none() {
            return facets;
        }
        facets.insert("role".into(), "present".into());
        for name in &self.named {
            let facet: Facet = match (*name, self.get(name)) {
                ("password", _) => match self.get("verifier").and_then(Value::as_str) {
                    Some(verifier) => Facet::Secret(verifier.as_bytes().to_vec()),
                    None => continue,
                },
                ("member_of", _) => self.groups().join(", ").into(),
                (_, Some(Value::String(text))) => text.clone().into(),
                (_, None | Some(Value::Null)) => continue,
                (_, Some(value)) => value.to_string().into(),
            };
            facets.insert((*name).into(), facet);
        }
        facets
    }
}

fn question(spec: &Spec, name: &str) -> Query {
    Query::Run(Probe::Postgres(spec.at(), PostgresProbe::Role { name: name.into() }))
}

/// The number of the server, its rounds, its version, and the role.
#[derive(Default, Deserialize)]
struct Told {
    version: u32,
    system: String,
    iterations: u32,
    role: Option<Map<String, Value>>,
}

fn told(spec: &Spec, name: &str, seen: &Seen) -> Observe<Option<Told>> {
    match postgres::ask(seen, &spec.at(), PostgresProbe::Role { name: name.into() })? {
        Some(output) => {
            let mut told = postgres::read::<Told>(&output)?.into_iter().next();
            // The server sorts as its locale has it.
            let role = told.as_mut().and_then(|told| told.role.as_mut());
            if let Some(Value::Array(groups)) = role.and_then(|role| role.get_mut("member_of")) {
                groups.sort_unstable_by(|a, b| a.as_str().cmp(&b.as_str()));
            }
            Ok(told)
        }
        None => Ok(None),
    }
}

/// A role that owns or was granted something, which nobody should lose by the way.
fn check_owns_nothing(spec: &Spec, seen: &Seen) -> Observe<()> {
    #[derive(Deserialize)]
    struct Thing {
        database: Option<String>,
        kind: String,
        what: String,
    }
    let name = &spec.name;
    let Some(output) = postgres::ask(seen, &spec.at(), PostgresProbe::Owned { name: name.clone() })? else {
        return Ok(());
    };
    let things = postgres::read::<Thing>(&output)?;
    let things: Vec<_> = things
        .iter()
        .map(|thing| {
            let has = if thing.kind == "o" { "owns" } else { "has privileges on" };
            let place = thing.database.as_ref().map(|database| format!(" in database `{database}`"));
            format!("{has} {}{}", thing.what, place.unwrap_or_default())
        })
        .collect();
    if things.is_empty() {
        return Ok(());
    }
    let fault = Fault::new(format!("the role `{name}` is not removed: it {}", things.join(", ")));
    let hint =
        "give it to another role first: `REASSIGN OWNED BY ...`, then `DROP OWNED BY ...`, in each database";
    Err(fault.hint(hint).into())
}

impl Resource for PostgresRole {
    const NAME: &'static str = "postgres_role";
    const TOPIC: Topic = Topic::Data;
    const FACETS: &'static [&'static str] = &[
        "role",
        "login",
        "superuser",
        "createdb",
        "createrole",
        "inherit",
        "replication",
        "bypassrls",
        "connection_limit",
        "valid_until",
        "member_of",
        "password",
    ];
    const UNTOLD: &'static [Untold] = &[Untold::Postgres];
    const EXAMPLE: &'static str = "\
name: The role of the application
postgres_role:
  container: app-db-1
  name: app
  password: \"{{db_password}}\"
  connection_limit: 50
";
    const FREE: Option<&'static str> = Some("name");
    type Spec = Spec;
    type State = RoleState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(postgres::address(&spec.at(), "role", &spec.name))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let at = spec.at();
        let groups = spec.member_of.iter().flatten().map(|name| postgres::role(&at, name));
        let all = (spec.state == Wanted::Absent).then(|| postgres::server(&at));
        Footprint::writes([postgres::role(&at, &spec.name)])
            .and_reads(postgres::needs(&at).into_iter().chain(groups).chain(all))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<RoleState> {
        spec.check()?;
        spec.valid_until()?;
        let groups = spec.member_of.iter().flatten().filter(|_| spec.state == Wanted::Present);
        seen.each(std::iter::once(&spec.name).chain(groups.clone()).map(|name| question(spec, name)))?;
        let found = told(spec, &spec.name, seen)?;
        for name in groups {
            if let Some(Told { role: None, .. }) = told(spec, name, seen)? {
                postgres::presume_role(seen, &spec.at(), name)?;
            }
        }
        let found = found.unwrap_or_else(|| Told { iterations: 4096, ..Told::default() });
        if spec.state == Wanted::Absent && found.role.is_some() {
            check_owns_nothing(spec, seen)?;
        }
        let mut named = vec!["login"];
        named.extend(spec.flags().map(|(name, _)| name).filter(|name| *name != "login"));
        let others = [
            ("connection_limit", spec.connection_limit.is_some()),
            ("valid_until", spec.valid_until.is_some()),
            ("member_of", spec.member_of.is_some()),
            ("password", spec.password.is_some()),
        ];
        named.extend(others.into_iter().filter(|(_, is)| *is).map(|(name, _)| name));
        let Told { version, system, iterations, role } = found;
        Ok(RoleState { role, named, system, iterations, version })
    }

    fn desired(spec: &Spec, observed: &RoleState) -> Result<RoleState, Fault> {
        let mut state = observed.clone();
        if spec.state == Wanted::Absent {
            return Ok(RoleState { role: None, ..state });
        }
        let before = observed.get("verifier").and_then(Value::as_str);
        let role = state.role.get_or_insert_with(|| {
            let new = json!({"login": true, "superuser": false, "createdb": false, "createrole": false, "replication": false,
                "inherit": true, "bypassrls": false, "connection_limit": -1, "valid_until": null, "verifier": null, "member_of": []});
            new.as_object().cloned().unwrap_or_default()
        });
        role.extend(spec.flags().map(|(name, wanted)| (name.to_string(), wanted.into())));
        if let Some(limit) = spec.connection_limit {
            role.insert("connection_limit".into(), limit.into());
        }
        if let Some(until) = spec.valid_until()? {
            role.insert("valid_until".into(), until.into());
        }
        if let Some(groups) = &spec.member_of {
            let mut groups = groups.clone();
            groups.sort_unstable();
            groups.dedup();
            role.insert("member_of".into(), groups.into());
        }
        if let Some(password) = &spec.password {
            let given =
                std::str::from_utf8(password.bytes()).ok().filter(|text| scram::parts(text).is_some());
            let verifier = match (given, before) {
                (Some(given), _) => given.to_string(),
                (None, Some(kept)) if scram::fits(password.bytes(), kept) => kept.into(),
                (None, _) => {
                    let salt = scram::salt(&observed.system, &spec.name, before);
                    scram::verifier(password.bytes(), &salt, observed.iterations)
                }
            };
            role.insert("verifier".into(), verifier.into());
        }
        Ok(state)
    }

    fn ops(spec: &Spec, from: &RoleState, to: &RoleState) -> Vec<Op> {
        let (at, name) = (spec.at(), identifier(&spec.name));
        let run = |sql: &str, secret| postgres::sql(&at, "postgres", sql, secret);
        if to.role.is_none() {
            return from.role.iter().map(|_| run(&format!("DROP ROLE {name};\n"), false)).collect();
        }
        let mut sql = String::new();
        if from.role.is_none() {
            sql.push_str(&format!("CREATE ROLE {name};\n"));
        }
        let mut words = vec![];
        for key in to.named.iter().filter(|key| from.get(key) != to.get(key)) {
            match (*key, to.get(key)) {
                ("connection_limit", Some(limit)) => words.push(format!("CONNECTION LIMIT {limit}")),
                ("valid_until", Some(Value::String(until))) => {
                    words.push(format!("VALID UNTIL {}", literal(until)));
                }
                (flag, Some(Value::Bool(wanted))) => {
                    words.push(format!("{}{}", if *wanted { "" } else { "NO" }, flag.to_uppercase()));
                }
                _ => {}
            }
        }
        if !words.is_empty() {
            sql.push_str(&format!("ALTER ROLE {name} WITH {};\n", words.join(" ")));
        }
        let (before, after) = (from.groups(), to.groups());
        for group in after.iter().filter(|group| !before.contains(group)) {
            sql.push_str(&format!("GRANT {} TO {name};\n", identifier(group)));
        }
        for group in before.iter().filter(|group| !after.contains(group)) {
            sql.push_str(&format!("REVOKE {} FROM {name};\n", identifier(group)));
        }
        let mut ops = vec![];
        if !sql.is_empty() {
            ops.push(run(&format!("BEGIN;\n{sql}COMMIT;\n"), false));
        }
        let verifier = to.get("verifier").filter(|verifier| from.get("verifier") != Some(verifier));
        if let Some(Value::String(verifier)) = verifier {
            ops.push(run(&format!("ALTER ROLE {name} PASSWORD {};\n", literal(verifier)), true));
        }
        ops
    }

    fn effects(spec: &Spec, _: &RoleState, to: &RoleState, _: &[Op]) -> Vec<Effect> {
        let answer = Effect::Answer(question(spec, &spec.name), Answer::Output(to.answer()));
        vec![Effect::Unknown(postgres::role(&spec.at(), &spec.name)), answer]
    }
}
