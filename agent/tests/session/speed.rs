//! Many things at once. The times are printed; nothing depends on them.

use crate::harness::*;
use agent::wire::*;
use std::time::Instant;

#[test]
fn a_thousand_files_are_looked_at_in_one_question_and_fifty_written() {
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
    for n in 2000..2050 {
        assert_eq!(std::fs::read_to_string(path(n)).unwrap(), "new\n");
    }
}
