//! `wait_for`: what a real file holds and a real service says.

use crate::project::Project;
use std::{io::Write, net::TcpListener, thread::spawn};

fn waits(what: &str) -> Project {
    Project::tasks(&format!("    - {{name: wait, wait_for: {{{what}, timeout: 1, interval_ms: 50}}}}\n"))
}

#[test]
fn a_file_is_waited_for_until_it_holds_a_text() {
    let project = waits("path: \"{{home}}/log\", search_regex: '^ready in \\d+ s$'");
    project
        .go()
        .exits(40)
        .has(&["ran out of time after 1 s waiting for `^ready in \\d+ s$` in ", "it is not there"]);
    project.write("h/a/log", "not ready in 1 s\n");
    project.go().exits(40).has(&["it is not in it"]);
    project.write("h/a/log", "starting\nready in 12 s\nbusy\n");
    project.go().exits(0);
    let project = waits("path: \"{{home}}\", search_regex: x");
    project.go().exits(40).has(&["it is not a file"]);
}

#[test]
fn a_service_is_waited_for_until_it_says_a_text() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    spawn(move || {
        for stream in listener.incoming() {
            _ = stream.unwrap().write_all(b"220-busy\r\n220 mail.example ESMTP\r\n");
        }
    });
    waits(&format!("port: {port}, search_regex: \"^220 .*SMTP\"")).go().exits(0);
    waits(&format!("port: {port}, search_regex: \"^554\""))
        .go()
        .exits(40)
        .has(&["waiting for `^554` from port", "it says something else, and has closed the connection"]);
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    waits(&format!("port: {port}, search_regex: x")).go().exits(40).has(&["it has said nothing"]);
    // Without, it is enough that somebody is there.
    waits(&format!("port: {port}")).go().exits(0);
}
