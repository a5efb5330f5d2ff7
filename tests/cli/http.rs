//! `http`: what a real server answers is there for the tasks behind, and only what may be shown is shown.

use crate::project::Project;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread::spawn,
};

/// Paths that were asked for, each with the lines of its headers.
type Asked = Mutex<Vec<(String, Vec<String>)>>;

/// A server on a port of its own, and what it was asked for.
struct Server {
    port: u16,
    asked: Arc<Asked>,
}

impl Server {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked: Arc<Asked> = Arc::default();
        let seen = asked.clone();
        spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap(), &seen)));
        Self { port, asked }
    }

    fn asked(&self, path: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|(asked, _)| asked == path).count()
    }

    /// A header of the last request for a path; empty without.
    fn got(&self, path: &str, name: &str) -> String {
        let asked = self.asked.lock().unwrap();
        let (_, lines) = asked.iter().rfind(|(asked, _)| asked == path).expect("it was not asked for");
        let mut headers = lines.iter().filter_map(|line| line.split_once(": "));
        let found = headers.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_string()).unwrap_or_default()
    }
}

fn answer(mut stream: TcpStream, seen: &Asked) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut lines, mut length) = (vec![], 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        lines.push(line);
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { return };
    let mut seen = seen.lock().unwrap();
    seen.push((path.to_string(), lines.clone()));
    let times = seen.iter().filter(|(asked, _)| asked == path).count();
    let mut location = String::new();
    let (status, kind, text) = match path {
        "/version" => {
            (200, "application/json; charset=utf-8", r#"{"version": "1.2", "parts": [1, 2]}"#.into())
        }
        "/plain" => (200, "text/plain", "hello \u{e4} \"{{x}}\"\n".into()),
        "/busy" => (503, "application/problem+json", r#"{"why": "too much to do"}"#.into()),
        "/start" => {
            let state = if times < 3 { "starting" } else { "ready" };
            (200, "application/json", format!(r#"{{"state": "{state}"}}"#))
        }
        // What it was sent comes back.
        "/echo" => {
            (200, "application/json", format!(r#"{{"token": "{}"}}"#, String::from_utf8(body).unwrap()))
        }
        "/same" => (200, "application/json", String::from_utf8(body).unwrap()),
        "/round" => {
            location = "/round".into();
            (302, "text/plain", String::new())
        }
        path if path.starts_with("/to/") || path.starts_with("/far/") => {
            location = match path.strip_prefix("/far/") {
                Some(port) => format!("http://127.0.0.1:{port}/version"),
                None => path.replace("/to", ""),
            };
            (302, "text/plain", "over there".into())
        }
        "/long" => (200, "text/plain", "x".repeat((1 << 20) + 1)),
        "/long.json" => (200, "application/json", format!(r#""{}""#, "x".repeat(1 << 20))),
        path => (404, "text/plain", format!("no {path}")),
    };
    let location = if location.is_empty() { location } else { format!("Location: {location}\r\n") };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\n{location}Content-Length: {}\r\nConnection: close\r\n\r\n",
        text.len()
    );
    // Whoever asks may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(text.as_bytes()));
}

/// A task that asks, and one that writes down what was registered.
fn asks(port: u16, path: &str, more: &str, keywords: &str) -> String {
    format!(
        "    - {{name: ask, http: {{url: \"http://127.0.0.1:{port}{path}\", timeout: 0, {more}}}, register: r, {keywords}}}\n    \
         - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: \"{{{{to_json r}}}}\\n\"}}}}\n"
    )
}

fn told(project: &Project) -> serde_json::Value {
    serde_json::from_str(&project.read("h/a/told")).unwrap()
}

#[test]
fn an_answer_is_registered() {
    let server = Server::start();
    let project = Project::tasks(&asks(server.port, "/version", "", ""));
    project.check().exits(10).has(&["? told", "what http://127.0.0.1", "answers"]);
    assert_eq!(server.asked("/version"), 0, "a check asks nobody");
    project.go().exits(0);
    let version = serde_json::json!({"version": "1.2", "parts": [1, 2]});
    assert_eq!(
        told(&project),
        serde_json::json!({"changed": false, "failed": false, "skipped": false, "status": 200, "json": version})
    );

    let project = Project::tasks(&asks(server.port, "/version", "return_content: true", ""));
    project.go().exits(0);
    assert_eq!(told(&project)["json"], version);
    assert_eq!(told(&project)["content"], r#"{"version": "1.2", "parts": [1, 2]}"#);

    let project = Project::tasks(&asks(server.port, "/version", "method: HEAD, return_content: true", ""));
    project.go().exits(0);
    assert_eq!((told(&project)["content"].as_str(), told(&project).get("json")), (Some(""), None));

    // What is no JSON comes back when it is asked for, and is taken as it is.
    let project = Project::tasks(&asks(server.port, "/plain", "return_content: true", ""));
    project.go().exits(0);
    assert_eq!(told(&project)["content"], "hello \u{e4} \"{{x}}\"\n");
    assert_eq!(told(&project).get("json"), None);
    let project = Project::tasks(&asks(server.port, "/plain", "", ""));
    project.go().exits(0);
    assert_eq!((told(&project)["status"].as_i64(), told(&project).get("content")), (Some(200), None));
}

#[test]
fn an_answer_that_is_not_as_wanted_is_told_too() {
    let server = Server::start();
    let project = Project::tasks(&asks(server.port, "/busy", "", "ignore_errors: true"));
    project.go().exits(0).has(&["it is answered with status 503", "too much to do"]);
    let found = told(&project);
    assert_eq!((found["failed"].as_bool(), found["status"].as_i64()), (Some(true), Some(503)));
    assert_eq!(found["json"]["why"], "too much to do");

    // A wanted one that says no.
    let more = "status: [200, 503]";
    let project = Project::tasks(&asks(server.port, "/busy", more, "failed_when: eq r.status 503"));
    project.check().exits(10);
    project.go().exits(40).has(&["`failed_when` holds: eq r.status 503"]);

    // Nobody is there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let project = Project::tasks(&asks(port, "/", "return_content: true", "ignore_errors: true"));
    project.go().exits(0);
    let found = told(&project);
    assert_eq!(
        (found["status"].as_i64(), found["content"].as_str(), found.get("json")),
        (Some(-1), Some(""), None)
    );
}

#[test]
fn a_task_waits_until_the_answer_says_so() {
    let server = Server::start();
    let until = "until: eq r.json.state \"ready\", retries: 5, delay: 0";
    let project = Project::tasks(&asks(server.port, "/start", "", until));
    project.go().exits(0);
    assert_eq!((server.asked("/start"), told(&project)["json"]["state"].as_str()), (3, Some("ready")));

    let project = Project::tasks(&format!(
        "    - {{name: ask, http: {{url: \"http://127.0.0.1:{}/{{{{item}}}}\"}}, register: r, loop: [version, plain]}}\n    \
         - {{name: told, copy: {{dest: \"{{{{home}}}}/told\", content: \"{{{{to_json r.results}}}}\\n\"}}}}\n",
        server.port
    ));
    project.go().exits(0);
    assert_eq!(told(&project)[0]["json"]["version"], "1.2");
    assert_eq!(told(&project)[1]["status"], 200);
}

#[test]
fn a_long_answer_is_refused_where_it_is_to_be_kept() {
    let server = Server::start();
    for path in ["/long", "/long.json"] {
        let project = Project::tasks(&asks(server.port, path, "", ""));
        project.go().exits(0);
        assert_eq!((told(&project)["status"].as_i64(), told(&project).get("json")), (Some(200), None));
        let project = Project::tasks(&asks(server.port, path, "return_content: true", ""));
        project.go().exits(40).has(&["the answer is longer than 1048576 bytes"]);
    }
}

#[test]
fn an_answer_to_a_secret_request_is_secret() {
    let server = Server::start();
    let tasks = asks(server.port, "/echo", "method: POST, body: \"{{canary}}-1\"", "")
        + "    - {name: part, copy: {dest: \"{{home}}/part\", content: \"{{r.json.token}}\"}}\n    \
           - {name: open, copy: {dest: \"{{home}}/open\", content: \"{{r.status}}\"}}\n";
    let project = Project::tasks(&tasks);
    project.write("group_vars/all.yml", "canary: zeisig-7\n");
    project.write("password", "pw\n");
    project.run(&["vault", "encrypt", "group_vars/all.yml", "--vault-password-file", "password"]).exits(0);
    let ran = project.apply(&["--yes", "--vault-password-file", "password"]);
    ran.exits(0).has(&["200"]).lacks(&["zeisig"]);
    assert_eq!(project.read("h/a/part"), "zeisig-7-1");
    // Nor is what comes of it shown when it is another one's secret, which nobody knew before.
    std::fs::write(project.path("h/a/part"), "old").unwrap();
    let ran = project.apply(&["--yes", "--json", "--vault-password-file", "password"]);
    ran.exits(0).lacks(&["zeisig"]);
    assert_eq!(project.read("h/a/part"), "zeisig-7-1");
}

#[test]
fn a_body_is_written_in_its_format() {
    let server = Server::start();
    let more = "method: POST, return_content: true, body_format: form-urlencoded, body: {a: [1, \"b c\"], d: \"{{canary}}\"}";
    let project = Project::tasks(&asks(server.port, "/echo", more, ""));
    project.write("group_vars/all.yml", "canary: x&y\n");
    project.go().exits(0);
    assert_eq!(told(&project)["json"]["token"], "a=1&a=b+c&d=x%26y");
    assert_eq!(server.got("/echo", "content-type"), "application/x-www-form-urlencoded");

    let more = "method: POST, return_content: true, body_format: json, body: [1, {a: true}]";
    let project = Project::tasks(&asks(server.port, "/same", more, ""));
    project.go().exits(0);
    assert_eq!(told(&project)["json"], serde_json::json!([1, {"a": true}]));
    assert_eq!(server.got("/same", "content-type"), "application/json");
}

#[test]
fn a_login_is_sent_with_the_first_request_and_shown_nowhere() {
    let server = Server::start();
    let more = "url_username: app, url_password: zeisig-7, follow_redirects: safe";
    let project = Project::tasks(&asks(server.port, "/to/version", more, ""));
    let ran = project.go();
    ran.exits(0).lacks(&["zeisig"]);
    // `app:zeisig-7`
    for path in ["/to/version", "/version"] {
        assert_eq!(server.got(path, "authorization"), "Basic YXBwOnplaXNpZy03", "{path}");
    }
}

#[test]
fn redirects_are_followed_where_that_is_asked_for() {
    let (server, other) = (Server::start(), Server::start());
    let project = Project::tasks(&asks(server.port, "/to/version", "status: 302", ""));
    project.go().exits(0);
    assert_eq!(server.asked("/version"), 0, "none is followed unasked");

    let project = Project::tasks(&asks(server.port, "/to/version", "follow_redirects: safe", ""));
    project.go().exits(0);
    assert_eq!((told(&project)["status"].as_i64(), server.asked("/version")), (Some(200), 1));

    let more = "method: POST, body: x, status: 302, follow_redirects: safe";
    let project = Project::tasks(&asks(server.port, "/to/version", more, ""));
    project.go().exits(0);
    assert_eq!(server.asked("/version"), 1, "a POST is no request that only looks");
    let project = Project::tasks(&asks(
        server.port,
        "/to/version",
        &more.replace("302", "200").replace("safe", "all"),
        "",
    ));
    project.go().exits(0);
    assert_eq!(server.asked("/version"), 2);

    // Another port is another host.
    let to = format!("/far/{}", other.port);
    let more = "url_username: app, url_password: zeisig-7, headers: {X-Plain: \"1\", Cookie: a=b}, follow_redirects: all";
    let project = Project::tasks(&asks(server.port, &to, more, ""));
    project.go().exits(0).lacks(&["zeisig"]);
    assert_eq!((server.got(&to, "cookie"), other.got("/version", "x-plain")), ("a=b".into(), "1".into()));
    assert_eq!(
        (other.got("/version", "authorization"), other.got("/version", "cookie")),
        ("".into(), "".into())
    );

    let project = Project::tasks(&asks(server.port, "/round", "follow_redirects: all", ""));
    project.go().exits(40).has(&["it is led on more than 10 times"]);
}
