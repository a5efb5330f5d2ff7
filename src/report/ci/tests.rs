use super::*;

fn ci(service: Service) -> Ci {
    Ci { service, root: "/repo".into(), folder: "/repo/ops".into() }
}

#[test]
fn places_are_told_from_the_root_of_the_repository() {
    let ci = ci(Service::GitHub);
    assert_eq!(ci.from_root("roles/a.yml"), "ops/roles/a.yml");
    assert_eq!(ci.from_root("./a.yml"), "ops/a.yml");
    assert_eq!(ci.from_root("/repo/b.yml"), "b.yml");
    assert_eq!(ci.from_root("/elsewhere/b.yml"), "/elsewhere/b.yml");
    assert_eq!(parts("a:b.yml:3:7"), ("a:b.yml", Some(3), Some(7)));
    assert_eq!(parts("a.yml:3"), ("a.yml", Some(3), None));
    assert_eq!(parts("--limit"), ("--limit", None, None));
}

#[test]
fn what_a_host_printed_is_no_command() {
    let mut log = Log::new(ci(Service::GitHub));
    log.title = Some("50% done\nnext".into());
    let text = log.within("  ::add-mask::x\nfine ##[group]y\n:: z\n");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "::group::50%25 done%0Anext");
    assert_eq!(&lines[1..], ["  :\u{200b}:add-mask::x", "fine #\u{200b}#[group]y", ":\u{200b}: z"]);
    assert_eq!(log.close(), "::endgroup::\n");
    // Nothing is open, and nothing is ended.
    assert_eq!((log.within("x\n"), log.close()), ("x\n".into(), String::new()));
}

#[test]
fn github_gets_no_more_annotations_than_it_shows_and_none_twice() {
    let mut log = Log::new(ci(Service::GitHub));
    let note = |number: usize| Note {
        level: Level::Error,
        place: Some(format!("a,b.yml:{number}:2")),
        title: "a: b".into(),
        body: "x\ny".into(),
    };
    assert_eq!(log.annotation(&note(1)), "::error file=ops/a%2Cb.yml,line=1,col=2,title=a%3A b::x%0Ay\n");
    assert_eq!(log.annotation(&note(1)), "");
    let said = (2..40).filter(|number| !log.annotation(&note(*number)).is_empty()).count();
    assert_eq!(said, ANNOTATIONS - 1);
    assert!(!log.annotation(&Note::warning("odd".into())).is_empty(), "each kind for itself");
    assert_eq!(ci(Service::GitLab).annotation(&note(1)), "");
}
