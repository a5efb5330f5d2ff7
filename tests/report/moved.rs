//! The page of a `drift`: what has moved on the host, apart from what is configured otherwise.

use super::{browser::Browser, page, project::Project, sample};
use lustores_provision::{
    event::{Cause, DriftedFacet, DriftedTask, Event, Owed, Recorded, Since},
    model::TaskId,
    report::html,
};
use serde_json::json;
use std::{fs, os::unix::fs::PermissionsExt};

const TASKS: &str = "    - {name: conf, copy: {dest: \"{{home}}/conf\", content: \"a=1\\n\", mode: \"0640\"}}\n    \
     - {name: same, copy: {dest: \"{{home}}/same\", content: \"b=1\\n\", mode: \"0600\"}}\n    \
     - {name: gone, copy: {dest: \"{{home}}/gone\", content: x}}\n";

/// For each group its title, and of each entry in it all that it says.
const GROUPS: &str = "[...document.querySelectorAll('#moved .item')].map(item => \
    `${item.dataset.why}|${item.querySelector('b').textContent}|${item.querySelector('.on').textContent}|${item.querySelector('pre').innerText}`)";

fn texts(browser: &mut Browser, script: &str) -> Vec<String> {
    let found = browser.eval(script);
    found.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_string()).collect()
}

#[test]
fn what_moved_stands_apart_from_what_is_configured_otherwise() {
    let project = Project::tasks(TASKS);
    let report = || project.run(&["drift", "inventory.yml", "--report", "report.html"]);
    project.go().exits(0);
    // By hand: a mode, and a content that is configured so by now. In the configuration: another content, one more and one less.
    let mode = |name: &str, mode| {
        fs::set_permissions(project.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    mode("h/a/conf", 0o666);
    project.write("h/a/same", "b=2\n");
    let tasks = TASKS.replace("a=1", "a=2").replace("b=1", "b=2");
    let tasks = tasks.replace("name: gone", "name: more").replace("/gone", "/more");
    project.write("site.yml", &crate::project::play(&tasks));
    report().exits(10).has(&["! conf", "= same", "+ more"]);
    let mut browser = Browser::new();
    browser.open(&project.path("report.html"));
    browser.key("e");
    let found = texts(&mut browser, GROUPS);
    assert_eq!(found.len(), 4, "{found:?}");
    for (entry, parts) in found.iter().zip([
        &["changed on the host|conf|a|", "mode: 0666 -> 0640"][..],
        &["changed on the host, and nothing is to be done about it|same|a|", "content: another value than"],
        &["configured otherwise since then|conf|a|", "-a=1", "+a=2"],
        &["not known to the last apply|more|a|"],
    ]) {
        assert!(parts.iter().all(|part| entry.contains(part)), "{parts:?}: {entry}");
    }
    // Each facet stands where it belongs, and nowhere else.
    assert!(!found[0].contains("a=2") && !found[2].contains("mode"), "{found:?}");
    let row = browser.eval("document.querySelector('#moved tbody tr').innerText.replace(/\\s+/g, ' ')");
    assert!(row.as_str().unwrap().starts_with("a 2 1 1 0 run "), "{row}");
    assert!(row.as_str().unwrap().contains(" of tester@"), "{row}");
    let gone = browser.eval("document.querySelector('#moved .gone').innerText");
    assert!(gone.as_str().unwrap().contains("/gone"), "{gone}");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
    // Nothing has moved: it says so of the host. No other run has such a part.
    project.go().exits(0);
    report().exits(0);
    browser.open(&project.path("report.html"));
    assert_eq!(browser.eval("document.querySelectorAll('#moved .item').length"), json!(0));
    let row = browser.eval("document.querySelector('#moved tbody tr').innerText.replace(/\\s+/g, ' ')");
    assert!(row.as_str().unwrap().starts_with("a 0 0 0 0 run "), "{row}");
    project.apply(&["--check", "--report", "report.html"]).exits(0);
    browser.open(&project.path("report.html"));
    assert_eq!(browser.eval("document.querySelector('#moved')"), json!(null));
}

#[test]
fn the_same_on_several_hosts_is_told_once_and_filtered_by_host() {
    let mut run = sample::run(3, 4);
    let task = |name: &str, cause| DriftedTask {
        task: TaskId(1),
        name: name.into(),
        facets: vec![DriftedFacet { facet: "mode".into(), cause, left: Some(sample::HOSTILE.into()) }],
    };
    let who = |at: u64| Some(Since { run: "692a-1".into(), who: sample::HOSTILE.into(), at });
    let drifts = [
        ("web01.example.org", who(1_764_380_000), vec![task(sample::HOSTILE, Cause::Host)]),
        ("web02.example.org", who(1_764_380_000), vec![task(sample::HOSTILE, Cause::Host)]),
        ("web03.example.org", None, vec![task("other", Cause::New)]),
    ];
    let last = run.iter().rposition(|it| matches!(it.event, Event::HostPlanned { .. })).unwrap();
    for (host, since, tasks) in drifts {
        let hostile = || sample::HOSTILE.to_string();
        let owed = Owed { handler: hostile(), task: hostile(), run: "692a-1".into(), at: 1_764_380_000 };
        let gone = vec![hostile()];
        let (owed, unreadable) = (vec![owed], None);
        let event = Event::HostDrift { host: host.into(), since, unreadable, tasks, gone, owed };
        run.insert(last + 1, Recorded { at: 600, event });
    }
    let (_folder, path) = page(&html(&run));
    let mut browser = Browser::new();
    browser.open(&path);
    let found = texts(&mut browser, GROUPS);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].starts_with("changed on the host|")
            && found[0].contains("|web01.example.org, web02.example.org|")
    );
    assert!(found[1].starts_with("not known to the last apply|other|web03.example.org|"), "{found:?}");
    let rows = browser.eval("document.querySelector('#moved tbody').innerText");
    assert!(
        rows.as_str().unwrap().contains("no apply of this whole playbook has left a record here"),
        "{rows}"
    );
    assert_eq!(
        browser.eval("document.querySelectorAll('#moved script, #moved img, #moved b b').length"),
        json!(0)
    );
    let owed = browser.eval("[...document.querySelectorAll('#moved .owed li')].map(item => item.innerText)");
    let owed: Vec<String> = serde_json::from_value(owed).unwrap();
    assert_eq!(owed.len(), 3);
    assert!(
        owed[2].starts_with("</script><img src=x onerror=") && owed[2].contains(" in run 692a-1, "),
        "{owed:?}"
    );
    assert!(owed[2].ends_with("web03.example.org"), "{owed:?}");
    assert_eq!(browser.eval("window.harm === undefined"), json!(true));
    browser.eval("{ const f = document.querySelector('#hosts-filter'); f.value = 'web03'; f.dispatchEvent(new Event('input', {bubbles: true})) }");
    browser.until("[...document.querySelectorAll('#moved .item')].filter(item => item.offsetParent !== null).length === 1");
    browser.until("[...document.querySelectorAll('#moved tbody tr')].filter(row => row.offsetParent !== null).length === 1");
    // What cannot be read is said where the last apply stands.
    for recorded in &mut run {
        if let Event::HostDrift { since, unreadable, .. } = &mut recorded.event {
            (*since, *unreadable) = (None, Some(format!("line 2 {}", sample::HOSTILE)));
        }
    }
    let (_folder, path) = page(&html(&run));
    browser.open(&path);
    let rows = browser.eval("document.querySelector('#moved tbody').innerText");
    assert!(rows.as_str().unwrap().contains("cannot be read (line 2 </script><img"), "{rows}");
    assert_eq!(browser.eval("window.harm === undefined"), json!(true));
}
