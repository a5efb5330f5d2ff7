//! `postgres_query`: rows of a PostgreSQL database, that must be as expected or are registered.

use super::shared::{
    Act, HostPath,
    postgres::{self, default_port, superuser},
};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Pause, Resource, Seen, Topic},
    yaml::Text,
};
use agent::wire::{
    Op, Probe, Query,
    postgres::{Postgres, PostgresProbe, PostgresQuery as Asked},
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

pub struct PostgresQuery;

/// What statements begin with that a READ ONLY transaction refuses.
const WRITES: &[&str] = &[
    "ALTER", "CALL", "CLUSTER", "COMMENT", "CREATE", "DELETE", "DO", "DROP", "GRANT", "INSERT", "MERGE",
    "REASSIGN", "REFRESH", "REINDEX", "REVOKE", "TRUNCATE", "UPDATE", "VACUUM",
];

/// Asks a PostgreSQL database, and fails when the rows are not those expected.
///
/// It only looks, also under `--check`: one statement that returns rows, in a READ ONLY transaction that is rolled back. The
/// registered result has the rows in `stdout`, as JSON: `from_json r.stdout`.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// One statement that returns rows: `SELECT ...`.
    query: String,
    /// Values for `$1`, `$2`, ..., bound as text: write `$1::int` where another type is wanted. `null` is NULL. May be secret.
    /// Default: none.
    #[serde(default)]
    args: Vec<Option<Text>>,
    /// The database that is asked.
    #[serde(default = "postgres_db")]
    db: String,
    /// The rows that must come, in this order: each a mapping of columns. Columns that are not named may hold anything.
    /// Left out: they are not compared.
    rows: Option<Vec<Map<String, Value>>>,
    /// How many rows must come. Left out: any number.
    count: Option<usize>,
    /// The rows are secret. They are in any case when one of `args` is.
    #[serde(default)]
    secret: bool,
    /// Seconds that the query may take.
    #[serde(default = "half_a_minute")]
    timeout: u32,
    /// The container in which the server runs. Default: it runs on the host.
    container: Option<String>,
    /// The role to log in as. On the host it is also the account that does (`become` must make it this or root).
    #[serde(default = "superuser")]
    login_user: String,
    /// The folder of the server's socket. Default: psql's own.
    socket: Option<HostPath>,
    /// The port of the server; it is a part of the name of its socket.
    #[serde(default = "default_port")]
    port: u16,
}

fn postgres_db() -> String {
    "postgres".into()
}

fn half_a_minute() -> u32 {
    30
}

impl Spec {
    fn at(&self) -> Postgres {
        postgres::place(self.container.as_ref(), &self.login_user, self.socket.as_ref(), self.port)
    }

    fn is_secret(&self) -> bool {
        self.secret || self.args.iter().flatten().any(Text::is_secret)
    }

    fn probe(&self) -> PostgresProbe {
        PostgresProbe::Query(Asked {
            database: self.db.clone(),
            query: self.query.clone(),
            args: self.args.iter().map(|arg| arg.as_ref().map(|text| text.0.clone())).collect(),
            timeout_s: self.timeout,
            secret: self.is_secret(),
        })
    }

    fn check(&self) -> Result<(), Fault> {
        postgres::check_place(&self.at())?;
        postgres::check_name("database", &self.db)?;
        let args = self.args.iter().flatten().map(Text::bytes);
        if args
            .into_iter()
            .chain([self.query.as_bytes()])
            .any(|b| b.contains(&0) || std::str::from_utf8(b).is_err())
        {
            return Err(
                Fault::new("a text for PostgreSQL must be UTF-8 without NUL").hint("encode it as Base64")
            );
        }
        if self.query.trim().trim_end_matches(';').is_empty() {
            return Err(Fault::new("`query` is empty").hint("write one statement: `SELECT ...`"));
        }
        let first = self.query.trim_start().split(|c: char| !c.is_ascii_alphabetic()).next();
        let first = first.unwrap_or_default().to_ascii_uppercase();
        if WRITES.contains(&first.as_str()) {
            let fault = Fault::new(format!("`{first}` changes something, and `postgres_query` only looks"));
            return Err(fault.hint(
                "`command: {argv: [psql, -d, DATABASE, -c, STATEMENT], unless: ...}` with `become_user: postgres`",
            ));
        }
        if !(1..=3600).contains(&self.timeout) {
            let fault = Fault::new(format!("`timeout` cannot be {}", self.timeout));
            return Err(fault.hint("it is a number of seconds from 1 to 3600"));
        }
        Ok(())
    }

    /// Whether the rows are those expected.
    fn judge(&self, rows: &[Map<String, Value>]) -> Result<(), Fault> {
        let show = |value: &Value| if self.is_secret() { "[secret]".to_string() } else { value.to_string() };
        let wanted = self.count.or(self.rows.as_ref().map(Vec::len));
        if let Some(wanted) = wanted.filter(|wanted| *wanted != rows.len()) {
            let first =
                rows.first().map(|row| format!("; the first is {}", show(&Value::Object(row.clone()))));
            let found = rows.len();
            return Err(Fault::new(format!(
                "rows found: {found}, expected: {wanted}{}",
                first.unwrap_or_default()
            )));
        }
        for (number, (row, wanted)) in rows.iter().zip(self.rows.iter().flatten()).enumerate() {
            for (column, value) in wanted {
                let Some(found) = row.get(column) else {
                    let known: Vec<_> = row.keys().map(|key| format!("`{key}`")).collect();
                    let fault = Fault::new(format!("the rows have no column `{column}`"));
                    return Err(fault.hint(format!("the columns are {}", known.join(", "))));
                };
                if !equal(found, value) {
                    let (number, found) = (number + 1, show(found));
                    let what = format!("row {number} has {found} as `{column}`, expected {value}");
                    return Err(Fault::new(what));
                }
            }
        }
        Ok(())
    }
}

/// 1 and 1.0 are one number.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) => {
            x == y || x.as_f64() == y.as_f64() && (x.is_f64() || y.is_f64())
        }
        _ => a == b,
    }
}

impl Resource for PostgresQuery {
    const NAME: &'static str = "postgres_query";
    const TOPIC: Topic = Topic::Data;
    const MANNER: Manner = Manner::Looks;
    const FACETS: &'static [&'static str] = &[];
    const EXAMPLE: &'static str = "\
name: The schema is the one that this version wants
postgres_query:
  db: app
  query: SELECT max(version) AS version FROM migrations WHERE tenant = $1
  args: [main]
  rows: [{version: 42}]
";
    const FREE: Option<&'static str> = Some("query");
    const CONTENT: &'static [&'static str] = &["query", "args", "db"];
    type Spec = Spec;
    type State = Act;

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        let at = spec.at();
        Footprint::reads([postgres::server(&at)]).and_reads(postgres::needs(&at))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Act> {
        spec.check()?;
        let Some(output) = postgres::ask(seen, &spec.at(), spec.probe())? else {
            return Err(Pause::NotYet("there is no PostgreSQL server to ask yet".into()));
        };
        let found = postgres::read::<Vec<Map<String, Value>>>(&output)?;
        spec.judge(&found.concat())?;
        Ok(Act::default())
    }

    fn desired(_: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::default())
    }

    fn ops(_: &Spec, _: &Act, _: &Act) -> Vec<Op> {
        vec![]
    }

    fn counts_as_change(_: &Spec) -> bool {
        false
    }

    fn look(spec: &Spec) -> Option<Query> {
        Some(Query::Run(Probe::Postgres(spec.at(), spec.probe())))
    }
}
