//! `postgres_db`: a database of a PostgreSQL server.

use super::shared::{
    HostPath,
    account::Wanted,
    postgres::{self, default_port, superuser},
    unit::output,
};
use crate::{
    model::{Address, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{
    Answer, Op, Probe, Query,
    postgres::{Postgres, PostgresProbe, identifier, literal},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

pub struct PostgresDb;

/// Makes sure that a PostgreSQL server has a database, or has it not.
///
/// Encoding and locale are those with which a database is made: of one that is there they are compared, and a difference is refused.
/// A database in which there is anything is not removed unless `destroy` says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it is called.
    name: String,
    /// The role that owns it. It must exist. Default for a new one: `login_user`.
    owner: Option<String>,
    /// E.g. `UTF8`. Default for a new one, as for both locales: that of the template.
    encoding: Option<String>,
    /// The order of texts, e.g. `C.UTF-8`. Default for a new one: that of the template.
    lc_collate: Option<String>,
    /// What is a letter, e.g. `C.UTF-8`. Default for a new one: that of the template.
    lc_ctype: Option<String>,
    /// What a new one is a copy of. Default: `template1`; `template0` where encoding or locale is given.
    template: Option<String>,
    /// Extensions that must be in it. Others stay. Those that the server offers can be added.
    #[serde(default)]
    extensions: Vec<String>,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
    /// Lets `absent` remove a database with all that is in it.
    #[serde(default)]
    destroy: bool,
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

    fn probe(&self) -> PostgresProbe {
        PostgresProbe::Database { name: self.name.clone(), contents: self.state == Wanted::Absent }
    }

    fn check(&self) -> Result<(), Fault> {
        postgres::check_place(&self.at())?;
        postgres::check_name("database", &self.name)?;
        for (kind, name) in [("role", &self.owner), ("database", &self.template)] {
            name.iter().try_for_each(|name| postgres::check_name(kind, name))?;
        }
        self.extensions.iter().try_for_each(|name| postgres::check_name("extension", name))?;
        let kept = ["postgres", "template0", "template1"];
        if self.state == Wanted::Absent && kept.contains(&self.name.as_str()) {
            let fault = Fault::new(format!("the database `{}` belongs to the server", self.name));
            return Err(fault.hint("it is not removed; name another one"));
        }
        if self.destroy && self.state == Wanted::Present {
            let fault = Fault::new("`destroy` goes with `state: absent`");
            return Err(fault.hint("leave it out: a database that stays is not destroyed"));
        }
        Ok(())
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Database {
    owner: String,
    encoding: String,
    lc_collate: String,
    lc_ctype: String,
    connectable: bool,
}

/// What is in it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Inside {
    extensions: Vec<String>,
    #[serde(default)]
    count: u64,
    #[serde(default)]
    names: Vec<String>,
}

impl Inside {
    fn told(&self) -> String {
        let more = self.count.saturating_sub(self.names.len() as u64);
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        self.names.join(", ") + &more
    }
}

#[derive(Clone)]
pub struct DbState {
    db: Option<Database>,
    inside: Inside,
    named: Vec<&'static str>,
    /// Of the extensions those that the task is about.
    wanted: Vec<String>,
}

impl State for DbState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let Some(db) = &self.db else { return facets };
        facets.insert("database".into(), "present".into());
        for name in &self.named {
            let value = match *name {
                "owner" => db.owner.clone(),
                "encoding" => db.encoding.clone(),
                "lc_collate" => db.lc_collate.clone(),
                "lc_ctype" => db.lc_ctype.clone(),
                "contents" => self.inside.told(),
                _ => {
                    let there = self.wanted.iter().filter(|name| self.inside.extensions.contains(*name));
                    there.cloned().collect::<Vec<_>>().join(", ")
                }
            };
            facets.insert((*name).into(), value.into());
        }
        facets
    }
}

/// `UTF-8`, `utf8` and `UTF8` are one, as the server has it.
fn plain(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

impl Resource for PostgresDb {
    const NAME: &'static str = "postgres_db";
    const TOPIC: Topic = Topic::Data;
    const FACETS: &'static [&'static str] =
        &["database", "owner", "encoding", "lc_collate", "lc_ctype", "extensions", "contents"];
    const UNTOLD: &'static [Untold] = &[Untold::Postgres];
    const EXAMPLE: &'static str = "\
name: The database of the application
postgres_db:
  name: app
  owner: app
  encoding: UTF8
  extensions: [pg_trgm]
";
    const FREE: Option<&'static str> = Some("name");
    type Spec = Spec;
    type State = DbState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(postgres::address(&spec.at(), "db", &spec.name))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let at = spec.at();
        let owner = spec.owner.iter().map(|owner| postgres::role(&at, owner));
        let template = spec.template.iter().map(|name| postgres::database(&at, name));
        Footprint::writes([postgres::database(&at, &spec.name)])
            .and_reads(postgres::needs(&at).into_iter().chain(owner).chain(template))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<DbState> {
        spec.check()?;
        let at = spec.at();
        let owner = spec.owner.as_ref().filter(|_| spec.state == Wanted::Present);
        let role = owner.map(|name| PostgresProbe::Role { name: name.clone() });
        let questions = [spec.probe()].into_iter().chain(role.clone());
        seen.each(questions.map(|question| Query::Run(Probe::Postgres(at.clone(), question))))?;
        let (mut db, mut inside) = (None, Inside::default());
        if let Some(output) = postgres::ask(seen, &at, spec.probe())? {
            for mut part in postgres::read::<serde_json::Value>(&output)? {
                let bad = |_| Fault::new("PostgreSQL answered in a way that is not understood");
                match part.get_mut("db").map(serde_json::Value::take) {
                    Some(found) => db = serde_json::from_value(found).map_err(bad)?,
                    None => inside = serde_json::from_value(part).map_err(bad)?,
                }
            }
        }
        if let (Some(owner), Some(role)) = (owner, role)
            && let Some(output) = postgres::ask(seen, &at, role)?
            && postgres::read::<serde_json::Value>(&output)?.iter().all(|told| told["role"].is_null())
        {
            postgres::presume_role(seen, &at, owner)?;
        }
        let present = spec.state == Wanted::Present;
        let named = [
            ("owner", spec.owner.is_some()),
            ("encoding", spec.encoding.is_some()),
            ("lc_collate", spec.lc_collate.is_some()),
            ("lc_ctype", spec.lc_ctype.is_some()),
            ("extensions", present && !spec.extensions.is_empty()),
            ("contents", !present && inside.count > 0),
        ];
        let named = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        Ok(DbState { db, inside, named, wanted: spec.extensions.clone() })
    }

    fn desired(spec: &Spec, observed: &DbState) -> Result<DbState, Fault> {
        let (name, mut state) = (&spec.name, observed.clone());
        if spec.state == Wanted::Absent {
            let Some(db) = &observed.db else { return Ok(state) };
            if !spec.destroy && !db.connectable {
                let fault = Fault::new(format!(
                    "the database `{name}` takes no connection: nobody can see what is in it"
                ));
                return Err(fault.hint("`destroy: true` removes it with all that it holds"));
            }
            if !spec.destroy && observed.inside.count > 0 {
                let what = observed.inside.told();
                let fault = Fault::new(format!("the database `{name}` is not empty: {what}"));
                return Err(
                    fault.hint("`destroy: true` removes it with all that it holds; make a dump first")
                );
            }
            return Ok(DbState { db: None, ..state });
        }
        let fixed = |field: &str, wanted: Option<&String>, found: &str| match wanted {
            Some(wanted) if plain(wanted) != plain(found) => {
                let fault = Fault::new(format!("the database `{name}` has {field} {found}, not {wanted}"));
                Err(fault.hint("it cannot be changed: make a dump, and restore it into a new database"))
            }
            _ => Ok(()),
        };
        let db = match &mut state.db {
            Some(db) => {
                fixed("the encoding", spec.encoding.as_ref(), &db.encoding)?;
                fixed("lc_collate", spec.lc_collate.as_ref(), &db.lc_collate)?;
                fixed("lc_ctype", spec.lc_ctype.as_ref(), &db.lc_ctype)?;
                if !db.connectable && !spec.extensions.is_empty() {
                    let fault = Fault::new(format!("the database `{name}` takes no connection"));
                    return Err(fault.hint("`ALTER DATABASE ... ALLOW_CONNECTIONS true` lets it"));
                }
                db
            }
            none => {
                let given = |value: &Option<String>| value.clone().unwrap_or_default();
                none.insert(Database {
                    owner: spec.login_user.clone(),
                    encoding: given(&spec.encoding),
                    lc_collate: given(&spec.lc_collate),
                    lc_ctype: given(&spec.lc_ctype),
                    connectable: true,
                })
            }
        };
        if let Some(owner) = &spec.owner {
            db.owner.clone_from(owner);
        }
        let missing = spec.extensions.iter().filter(|name| !observed.inside.extensions.contains(name));
        state.inside.extensions.extend(missing.cloned());
        Ok(state)
    }

    fn ops(spec: &Spec, from: &DbState, to: &DbState) -> Vec<Op> {
        let (at, name) = (spec.at(), identifier(&spec.name));
        let run = |database: &str, sql: String| postgres::sql(&at, database, &sql, false);
        let mut ops = vec![];
        match (&from.db, &to.db) {
            (Some(_), None) => return vec![run("postgres", format!("DROP DATABASE {name};\n"))],
            (None, Some(_)) => {
                let chosen = spec.encoding.is_some() || spec.lc_collate.is_some() || spec.lc_ctype.is_some();
                let template = spec.template.as_deref().or(chosen.then_some("template0"));
                let word = |word: &str, value: Option<String>| value.map(|value| format!(" {word} {value}"));
                let text = |value: &Option<String>| value.as_deref().map(literal);
                let words = [
                    word("OWNER", spec.owner.as_deref().map(identifier)),
                    word("TEMPLATE", template.map(identifier)),
                    word("ENCODING", text(&spec.encoding)),
                    word("LC_COLLATE", text(&spec.lc_collate)),
                    word("LC_CTYPE", text(&spec.lc_ctype)),
                ];
                let words: String = words.into_iter().flatten().collect();
                ops.push(run("postgres", format!("CREATE DATABASE {name}{words};\n")));
            }
            (Some(before), Some(after)) if before.owner != after.owner => {
                let owner = identifier(&after.owner);
                ops.push(run("postgres", format!("ALTER DATABASE {name} OWNER TO {owner};\n")));
            }
            _ => {}
        }
        let new = to.inside.extensions.iter().filter(|name| !from.inside.extensions.contains(name));
        let add = |name: &String| format!("CREATE EXTENSION IF NOT EXISTS {};\n", identifier(name));
        let sql: String = new.map(add).collect();
        if !sql.is_empty() {
            ops.push(run(&spec.name, sql));
        }
        ops
    }

    fn effects(spec: &Spec, _: &DbState, to: &DbState, _: &[Op]) -> Vec<Effect> {
        let inside = to.db.iter().map(|_| json!(to.inside).to_string());
        let lines: String = std::iter::once(json!({"db": to.db}).to_string()).chain(inside).collect();
        let query = Query::Run(Probe::Postgres(spec.at(), spec.probe()));
        let answer = Effect::Answer(query, Answer::Output(output(0, &lines)));
        vec![Effect::Unknown(postgres::database(&spec.at(), &spec.name)), answer]
    }
}
