//! What a run leaves for the next one to compare with.

use crate::harness::*;
use agent::{secret::Content, wire::*};
use std::os::unix::fs::PermissionsExt;

fn remember(name: &str, text: &str) -> Request {
    Request::Remember { name: name.into(), text: Content::new(text, true) }
}

#[test]
fn a_record_is_kept_whole_by_who_holds_the_host() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let look = |agent: &mut Agent, name: &str, whole: bool| {
        let answers = agent.ask(Request::Observe(vec![Query::Record { name: name.into(), whole }]));
        let Response::Answers(mut answers) = answers else { panic!("{answers:?}") };
        answers.remove(0)
    };
    let content = |text: &str| Answer::Content(Some(Content::new(text, true)));
    // Who only looks, or has no lease, leaves nothing.
    for session in [Session::ReadOnly, Session::Unleased] {
        let mut agent = Agent::open(&state, session, "r1");
        assert_eq!(look(&mut agent, "web__site.yml", false), Answer::Content(None));
        let refused = agent.ask(remember("web__site.yml", "head\n"));
        assert_eq!(refused, Response::Refused("the session does not hold the lease".into()));
        assert!(!state.join("records").exists());
    }
    let mut agent = Agent::open(&state, Session::ReadWrite, "r2");
    for text in ["head\none\ntwo\n", "next\nthree\n"] {
        assert_eq!(agent.ask(remember("web__site.yml", text)), Response::Remembered);
        assert_eq!(look(&mut agent, "web__site.yml", true), content(text));
        let (head, rest) = text.split_once('\n').unwrap();
        let short = format!("{head}\n{}", blake3::hash(rest.as_bytes()).to_hex());
        assert_eq!(look(&mut agent, "web__site.yml", false), content(&short));
    }
    let mode = |name: &str| state.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("records"), mode("records/web__site.yml")), (0o700, 0o600));
    assert_eq!(std::fs::read_dir(state.join("records")).unwrap().count(), 1, "nothing half written stays");
    // A name is no path.
    for name in ["../lease", "", ".hidden", "a/b"] {
        assert!(matches!(agent.ask(remember(name, "x")), Response::Refused(_)), "{name}");
        assert!(matches!(look(&mut agent, name, true), Answer::Failed(_)), "{name}");
    }
    assert!(!state.join("lease").metadata().is_ok_and(|lease| lease.len() == 1));
}
