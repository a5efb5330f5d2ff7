//! Bounds that are wide enough for a busy machine and too narrow for a mistake; the times are printed.

use crate::harness::*;
use agent::wire::*;
use std::time::{Duration, Instant};

#[test]
fn a_thousand_files_are_looked_at_and_fifty_written_in_no_time() {
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Agent::open(&folder.path().join("state"), Session::ReadWrite, "r");
    let path = |n: u32| folder.path().join(format!("f{n}"));
    for n in 0..1000 {
        std::fs::write(path(n), format!("content {n}\n").repeat(100)).unwrap();
    }
    let queries = (0..1000).map(|n| Query::File { path: text(path(n)) }).collect();
    let started = Instant::now();
    let Response::Answers(answers) = agent.ask(Request::Observe(queries)) else { panic!() };
    let looked = started.elapsed();
    assert!(
        answers
            .iter()
            .all(|a| matches!(a, Answer::Meta(Some(Meta { kind: Kind::File { digest: Some(_) }, .. }))))
    );
    let started = Instant::now();
    let ids: Vec<u32> = (2000..2050).map(|n| agent.send(change(vec![write(path(n), "new\n")]))).collect();
    for id in ids {
        assert!(matches!(agent.answer(id), Response::Applied { .. }));
    }
    let wrote = started.elapsed();
    println!("1000 files looked at in {looked:?}; 50 files written durably in {wrote:?}");
    assert!(looked < Duration::from_secs(2) && wrote < Duration::from_secs(5));
}
