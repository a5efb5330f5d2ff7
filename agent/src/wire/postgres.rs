//! How a PostgreSQL server is asked and told: through psql on a socket of the host, or in a container.

use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

/// A PostgreSQL server, always reached through a local socket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Postgres {
    /// psql is run in this container, by `docker exec`.
    pub container: Option<String>,
    /// The role to log in as. Without a container it is also the account that runs psql, where root asks.
    pub user: String,
    /// The folder of the socket, if it is not psql's default.
    pub socket: Option<String>,
    pub port: u16,
}

/// What may be asked of a PostgreSQL server. The SQL is the agent's.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum PostgresProbe {
    /// A role: one JSON object `{"version", "system", "iterations", "role": {..} or null}`. It is secret: it holds the verifier of the password.
    Role { name: String },
    /// What would keep a role from being dropped, in all databases: JSON objects `{"database", "kind", "what"}`, one a line. `kind`
    /// is `o` for what it owns.
    Owned { name: String },
    /// A database: `{"db": {..} or null}`, then, if there is one, `{"extensions": [..]}`, with `contents` also `"count"` and the first
    /// `"names"` of what is in it.
    Database { name: String, contents: bool },
    /// A query of the user's, alone in a READ ONLY transaction: its rows as a JSON array. `$1`, `$2`, ... are bound, as text.
    Query(PostgresQuery),
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct PostgresQuery {
    pub database: String,
    pub query: String,
    pub args: Vec<Option<Content>>,
    pub timeout_s: u32,
    /// Its rows are secret.
    pub secret: bool,
}

/// As root, the account is changed for the one that the server knows.
const AS_USER: &str = r#"[ "$(id -u)" != 0 ] || set -- runuser -u "$0" -- "$@"; exec "$@""#;

impl Postgres {
    /// psql, which reads SQL from its stdin, stops at the first error (with 3), and prints values and nothing else.
    pub fn argv(&self, database: &str) -> Vec<String> {
        let place = match &self.container {
            Some(container) => vec!["docker", "exec", "-i", container],
            None => vec!["sh", "-c", AS_USER, &self.user],
        };
        // A bare name that holds `=` would be read as one of these.
        let database = database.replace('\\', r"\\").replace('\'', r"\'");
        let socket = self.socket.as_ref().map(|folder| format!("--host={folder}"));
        let words = [
            "psql".into(),
            "-XqAt".into(),
            "--set=ON_ERROR_STOP=1".into(),
            "--no-password".into(),
            format!("--port={}", self.port),
            format!("--username={}", self.user),
            format!("--dbname=dbname='{database}'"),
        ];
        place.into_iter().map(String::from).chain(words).chain(socket).collect()
    }
}

/// A text as SQL, whatever it holds but NUL.
pub fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', r"\\").replace('\'', "''"))
}

/// A name as SQL, whatever it holds but NUL.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The first statements of each script: texts are UTF-8, and what holds a secret stands in no log of the server's, if that may be said.
pub fn preamble(secret: bool) -> String {
    let quiet =
        ["log_statement', 'none", "log_min_error_statement', 'panic", "log_min_duration_statement', '-1"];
    let quiet: String = quiet.iter().map(|set| format!("PERFORM set_config('{set}', false); ")).collect();
    let quiet = format!(
        "DO {};\n",
        literal(&format!(
            "BEGIN IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN {quiet}END IF; END"
        ))
    );
    format!("SET client_encoding = 'UTF8';\n{}", if secret { &quiet } else { "" })
}
