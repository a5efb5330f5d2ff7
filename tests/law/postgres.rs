//! `postgres_query` on a real server: what it finds, and that nothing in its text or in its arguments can write.

use super::{
    host::{Agent, task},
    quoted, set_mode,
};
use agent::wire::{Answer, Output, Query, Request, Response, Session};
use lustores_provision::{
    model::Area,
    resource::{Look, Lookup, Mask, Outcome, Prepared},
    resources,
};
use std::{
    path::Path,
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};
use tempfile::TempDir;

struct Server {
    folder: TempDir,
    state: TempDir,
}

impl Server {
    fn start() -> Self {
        let server = Self { folder: tempfile::tempdir().unwrap(), state: tempfile::tempdir().unwrap() };
        set_mode(server.folder.path(), 0o755);
        server.sh(
            "mkdir pg && chown postgres pg && cd pg && PATH=$(echo /usr/lib/postgresql/*/bin):$PATH
             runuser -u postgres -- initdb -D data -A peer -E UTF8 >log
             timeout 600 runuser -u postgres -- postgres -D data -c listen_addresses= -k \"$PWD\" -p 6002 >log 2>&1 </dev/null &",
        );
        for _ in 0..100 {
            if server.sql("SELECT 1").is_some() {
                return server;
            }
            sleep(Duration::from_millis(100));
        }
        panic!("the server does not start");
    }

    fn sh(&self, script: &str) {
        let mut shell = Command::new("sh");
        let status =
            shell.args(["-ec", script]).current_dir(self.folder.path()).stdout(Stdio::null()).status();
        assert!(status.unwrap().success(), "{script}");
    }

    fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("pg")
    }

    fn sql(&self, sql: &str) -> Option<String> {
        let argv = ["-u", "postgres", "--", "psql", "-XqAt", "-p", "6002", "-c", sql, "-h"];
        let output = Command::new("runuser").args(argv).arg(self.socket()).current_dir("/").output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_string())
    }

    /// What a task with these parameters comes to: what it printed, or its fault.
    fn ask(&self, query: &str, more: &str) -> Result<String, String> {
        let socket = quoted(self.socket().to_str().unwrap());
        let parameters = format!("{{query: {}, socket: {socket}, port: 6002, {more}}}", quoted(query));
        let task = task("postgres_query", &parameters);
        let mut agent = Agent::open(&[], self.state.path(), Session::ReadOnly);
        let query = task.look().unwrap();
        let Response::Answers(answers) = agent.ask(Request::Observe(vec![query])) else {
            panic!("no answers")
        };
        let [Answer::Output(output)] = &answers[..] else { panic!("{answers:?}") };
        plan(&*task, output)
    }
}

fn plan(task: &dyn Prepared, output: &Output) -> Result<String, String> {
    struct One<'a>(&'a Output);
    impl Lookup for One<'_> {
        fn look(&self, _: &Query) -> Look {
            Look::Known(Answer::Output(self.0.clone()))
        }
        fn may_still_come(&self, _: &[Area]) -> bool {
            false
        }
    }
    match task.plan(&One(output), &Mask::new([1; 32])) {
        Ok(Outcome::Unchanged { .. }) => {
            let text = String::from_utf8(output.stdout.bytes().to_vec()).unwrap();
            Ok(text.split_whitespace().collect::<Vec<_>>().join(" "))
        }
        Ok(other) => panic!("{other:?}"),
        Err(fault) => Err(fault.message),
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.sh("kill -QUIT \"$(head -n 1 pg/data/postmaster.pid)\"");
        while Path::new(&self.socket().join("data/postmaster.pid")).exists() {
            sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_query_finds_rows_and_cannot_write() {
    assert!(resources::find("postgres_query").is_some());
    let server = Server::start();
    server.sql("CREATE TABLE t (n int, s text)").unwrap();
    server.sql("INSERT INTO t VALUES (1, 'it''s \\ \"ä\"'), (2, NULL)").unwrap();

    let rows = "rows: [{n: 1, s: \"it's \\\\ \\\"ä\\\"\"}, {n: 2, s: null}]";
    let found = server.ask("SELECT * FROM t ORDER BY n -- all of them", rows).unwrap();
    assert_eq!(found, r#"[{"n":1,"s":"it's \\ \"ä\""}, {"n":2,"s":null}]"#);
    let wrong = server.ask("SELECT n FROM t ;\n", "rows: [{n: 1}, {n: 3}]").unwrap_err();
    assert_eq!(wrong, "row 2 has 2 as `n`, expected 3");
    assert!(server.ask("SELECT 1 WHERE false", "count: 0").is_ok());

    // What is bound stays a value.
    let hostile = "it's \\\\ \\\"ä\\\"'; DROP TABLE t; --\\n\\\\! touch /srv/x $(rm) :x ${x}";
    let bound = format!("args: [\"{hostile}\", 7, null], rows: [{{a: \"{hostile}\", b: 8, c: true}}]");
    server.ask("SELECT $1 AS a, $2::int + 1 AS b, $3 IS NULL AS c", &bound).unwrap();

    // Nothing of these writes, or says that it did.
    let marker = server.socket().join("written");
    let marker = marker.display();
    for query in [
        "/* */ INSERT INTO t VALUES (3) RETURNING n".to_string(),
        "WITH w AS (DELETE FROM t RETURNING n) SELECT * FROM w".into(),
        "SELECT 1) AS x; COMMIT; DROP TABLE t; --".into(),
        "SELECT 1) AS x; DROP TABLE t; SELECT (1".into(),
        "SELECT set_config('transaction_read_only', 'off', false), nextval('pg_catalog.x')".into(),
        "-- only looks\nDROP TABLE t".into(),
        "COMMIT".into(),
        format!("COPY t TO PROGRAM 'touch {marker}'"),
        format!("SELECT 1\n\\! touch {marker}\n"),
        format!("\\copy t to '{marker}'"),
        "SELECT ':x' || E'\\\\' || $$;$$ FROM missing".into(),
    ] {
        let refused = server.ask(&query, "").unwrap_err();
        assert!(refused.starts_with("PostgreSQL refuses: "), "{query}: {refused}");
    }
    assert_eq!(server.sql("SELECT count(*) FROM t").as_deref(), Some("2"));
    assert!(!server.socket().join("written").exists());
    // What servers before 16 let pass in such a transaction goes when it is rolled back.
    let _ = server.ask("SELECT lo_create(77)", "");
    assert_eq!(server.sql("SELECT count(*) FROM pg_largeobject_metadata").as_deref(), Some("0"));

    let slow = server.ask("SELECT pg_sleep(20)", "timeout: 1").unwrap_err();
    assert!(slow.contains("statement timeout"), "{slow}");
    let secret = server.ask("SELECT 'hunter2'::int", "secret: true").unwrap_err();
    assert_eq!(secret, "PostgreSQL refuses: [secret]");
}
