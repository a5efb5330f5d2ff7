//! What a PostgreSQL server says of roles, databases and what is in them.

use crate::child::probe;
use crate::secret::Content;
use crate::wire::Output;
use crate::wire::postgres::{Postgres, PostgresProbe, PostgresQuery, literal, preamble};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(30);
/// What every server has.
const HOME: &str = "postgres";

const ROLE: &str = r#"SELECT json_build_object(
  'version', current_setting('server_version_num')::int,
  'system', (SELECT system_identifier::text FROM pg_control_system()),
  'iterations', coalesce(current_setting('scram_iterations', true), '4096')::int,
  'role', (SELECT json_build_object('superuser', rolsuper, 'createdb', rolcreatedb, 'createrole', rolcreaterole,
    'inherit', rolinherit, 'login', rolcanlogin, 'replication', rolreplication, 'bypassrls', rolbypassrls,
    'connection_limit', rolconnlimit, 'verifier', rolpassword,
    'valid_until', CASE WHEN isfinite(rolvaliduntil)
      THEN to_char(rolvaliduntil AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') ELSE rolvaliduntil::text END,
    'member_of', (SELECT coalesce(json_agg(DISTINCT g.rolname::text), '[]') FROM pg_auth_members m
      JOIN pg_authid g ON g.oid = m.roleid WHERE m.member = a.oid))
    FROM pg_authid a WHERE rolname = @NAME@));
"#;

const DATABASE: &str = r#"SELECT json_build_object('db', (SELECT json_build_object('owner', pg_get_userbyid(datdba)::text,
  'encoding', pg_encoding_to_char(encoding)::text, 'lc_collate', datcollate::text, 'lc_ctype', datctype::text,
  'connectable', datallowconn)
  FROM pg_database WHERE datname = @NAME@));
"#;
/// How the answer to the above tells of a database that can be looked into. Inside of a name the quotes would be escaped.
const CONNECTABLE: &[u8] = br#""connectable" : true"#;

const EXTENSIONS: &str =
    r#"(SELECT coalesce(json_agg(extname::text ORDER BY extname), '[]') FROM pg_extension)"#;

/// What somebody has put into a database: what initdb makes has lower numbers (of large objects anybody chooses them), what an
/// extension brings is counted with it.
const CONTENTS: &str = r#"WITH things AS (
  SELECT 'pg_class'::regclass AS class, c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND nspname !~ '^pg_' AND NOT EXISTS
      (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))
  UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
  UNION ALL SELECT 'pg_namespace'::regclass, oid FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typtype IN ('e', 'd', 'r')
  UNION ALL SELECT 'pg_largeobject'::regclass, oid FROM pg_largeobject_metadata
), named AS (
  SELECT pg_describe_object(class, oid, 0) AS what FROM things WHERE (oid >= 16384 OR class = 'pg_largeobject'::regclass)
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = class AND d.objid = oid AND d.deptype = 'e')
)
SELECT json_build_object('extensions', @EXTENSIONS@, 'count', (SELECT count(*) FROM named),
  'names', (SELECT coalesce(json_agg(what), '[]') FROM (SELECT what FROM named ORDER BY what COLLATE "C" LIMIT 20) AS first));
"#;

/// The databases in which something depends on a role, in hexadecimal; what is shared by all is looked for in this one.
const DEPENDING: &str = r#"SELECT DISTINCT encode(convert_to(coalesce(d.datname, current_database())::text, 'UTF8'), 'hex')
  FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid WHERE s.refclassid = 'pg_authid'::regclass
    AND s.refobjid = (SELECT oid FROM pg_authid WHERE rolname = @NAME@) ORDER BY 1;
"#;

const OWNED: &str = r#"SELECT json_build_object('database', d.datname::text, 'kind', s.deptype::text,
    'what', pg_describe_object(s.classid, s.objid, s.objsubid))
  FROM pg_shdepend s LEFT JOIN pg_database d ON d.oid = s.dbid WHERE s.refclassid = 'pg_authid'::regclass
    AND s.refobjid = (SELECT oid FROM pg_authid WHERE rolname = @NAME@)
    AND (d.datname = current_database() OR s.dbid = 0 AND current_database() = 'postgres')
  ORDER BY s.deptype = 'o' DESC, pg_describe_object(s.classid, s.objid, s.objsubid) COLLATE "C" LIMIT 20;
"#;

fn ask(at: &Postgres, database: &str, sql: &str, limit: Duration) -> Output {
    let argv = at.argv(database);
    probe(&argv.iter().map(String::as_str).collect::<Vec<_>>(), Some(sql.as_bytes()), limit)
}

/// Names of schemas are told in full: none but the server's own is looked into without.
fn named(at: &Postgres, database: &str, sql: &str, name: &str) -> Output {
    let sql = format!(
        "{}SET search_path = pg_catalog;\n{}",
        preamble(false),
        sql.replace("@NAME@", &literal(name))
    );
    ask(at, database, &sql, SOON)
}

pub fn run(at: &Postgres, question: &PostgresProbe) -> Output {
    match question {
        PostgresProbe::Role { name } => {
            let mut output = named(at, HOME, ROLE, name);
            output.stdout = Content::new(output.stdout.bytes(), true);
            output
        }
        PostgresProbe::Owned { name } => owned(at, name),
        PostgresProbe::Database { name, contents } => database(at, name, *contents),
        PostgresProbe::Query(query) => {
            let limit = Duration::from_secs(u64::from(query.timeout_s) + 5);
            let mut output = ask(at, &query.database, &script(query), limit);
            if query.secret {
                output.stdout = Content::new(output.stdout.bytes(), true);
                // It may quote from what was bound.
                output.stderr = Content::new(output.stderr.bytes(), true);
            }
            output
        }
    }
}

fn database(at: &Postgres, name: &str, contents: bool) -> Output {
    let mut output = named(at, HOME, DATABASE, name);
    let is_there = output.stdout.bytes().windows(CONNECTABLE.len()).any(|part| part == CONNECTABLE);
    if output.code != 0 || !is_there {
        return output;
    }
    let sql = match contents {
        true => CONTENTS.replace("@EXTENSIONS@", EXTENSIONS),
        false => format!("SELECT json_build_object('extensions', {EXTENSIONS});\n"),
    };
    let inside = named(at, name, &sql, name);
    if inside.code != 0 {
        return inside;
    }
    let both = [output.stdout.bytes(), inside.stdout.bytes()].concat();
    output.stdout = Content::new(both, false);
    output
}

fn owned(at: &Postgres, name: &str) -> Output {
    let mut output = named(at, HOME, DEPENDING, name);
    if output.code != 0 {
        return output;
    }
    let text = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    let mut lines = vec![];
    for database in text.lines().filter_map(from_hex) {
        let inside = named(at, &database, OWNED, name);
        if inside.code != 0 {
            return inside;
        }
        lines.extend_from_slice(inside.stdout.bytes());
    }
    output.stdout = Content::new(lines, false);
    output
}

fn from_hex(line: &str) -> Option<String> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = line.trim().as_bytes().chunks(2).map(byte).collect();
    String::from_utf8(bytes?).ok()
}

/// The query is opened as a cursor: the server takes one statement that returns rows and nothing else, so what stands in its
/// text can neither end the transaction nor be a command of psql's.
fn script(query: &PostgresQuery) -> String {
    let text = query.query.trim().trim_end_matches(';');
    let rows = format!("SELECT coalesce(json_agg(row_to_json(found)), '[]') FROM (\n{text}\n) AS found");
    let bind = |arg: &Option<Content>| match arg {
        Some(text) => format!("{}::text", literal(&String::from_utf8_lossy(text.bytes()))),
        None => "NULL::text".into(),
    };
    let args: Vec<String> = query.args.iter().map(bind).collect();
    let using = if args.is_empty() { String::new() } else { format!(" USING {}", args.join(", ")) };
    let body = format!(
        "DECLARE found refcursor := 'provision_found'; BEGIN OPEN found FOR EXECUTE {}{using}; END",
        literal(&rows)
    );
    format!(
        "{}BEGIN TRANSACTION READ ONLY;\nSET LOCAL statement_timeout = '{}s';\nDO {};\nFETCH ALL FROM provision_found;\nROLLBACK;\n",
        preamble(query.secret),
        query.timeout_s,
        literal(&body)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(container: Option<&str>) -> Postgres {
        Postgres { container: container.map(Into::into), user: "postgres".into(), socket: None, port: 5432 }
    }

    #[test]
    fn a_database_of_any_name_stays_a_name() {
        let argv = server(Some("db")).argv(r"host=evil 'x' \");
        assert_eq!(argv[..5], ["docker", "exec", "-i", "db", "psql"]);
        assert_eq!(argv.last().unwrap(), r"--dbname=dbname='host=evil \'x\' \\'");
        assert_eq!(server(None).argv("x")[3], "postgres");
    }

    #[test]
    fn a_query_is_text_inside_of_text() {
        let query = PostgresQuery {
            database: "x".into(),
            query: "SELECT '\\', $1 -- ;\n\\! rm;".into(),
            args: vec![Some(Content::from("a'b\\")), None],
            timeout_s: 3,
            secret: false,
        };
        let script = script(&query);
        // Quoted twice: once as the text of the query, once as the body of the block.
        assert!(script.contains(r"USING E''a''''b\\\\''::text, NULL::text; END';"), "{script}");
        assert!(
            script.contains("BEGIN TRANSACTION READ ONLY;\nSET LOCAL statement_timeout = '3s';\nDO E'"),
            "{script}"
        );
    }

    #[test]
    fn names_come_in_hexadecimal() {
        assert_eq!(from_hex("c3a40a22\n").as_deref(), Some("ä\n\""));
        assert_eq!(from_hex("c3"), None);
        assert_eq!(from_hex("zz"), None);
    }
}
