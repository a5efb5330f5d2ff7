//! The page of a run in a real browser. `REPORT_PICTURES=FOLDER` keeps pictures.

#[path = "../sshd/mod.rs"]
#[expect(dead_code, reason = "the tests of connections use it")]
mod sshd;

mod browser;
mod graph;
mod moved;
#[path = "../cli/project.rs"]
#[expect(dead_code, reason = "the tests of commands use more of it")]
mod project;
mod sample;

use browser::Browser;
use lustores_provision::{
    event::{Event, Finding, Recorded},
    model::TaskId,
    report::html,
};
use project::Project;
use serde_json::json;
use std::{fs, io::ErrorKind, net::TcpListener, os::unix::fs::PermissionsExt, path::PathBuf};

/// A page in a folder of its own.
fn page(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("report.html");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn findings_of_the_lint_are_told_once_with_reason_or_remedy() {
    let mut run = sample::run(3, 4);
    let finding = |lint: &str, refuses, accepted: Option<&str>| Finding {
        lint: lint.into(),
        refuses,
        task: TaskId(0),
        message: format!("{lint} says {}", sample::HOSTILE),
        causes: vec!["so it is".into()],
        hint: "mend it".into(),
        place: "templates/compose.yml:7:5".into(),
        accepted: accepted.map(Into::into),
    };
    let found = [
        ("web01.example.org", finding("latest-image", false, None)),
        ("web02.example.org", finding("latest-image", false, None)),
        ("web02.example.org", finding("docker-socket", false, Some("it <b>replaces</b> images"))),
        ("web03.example.org", finding("postgres-major", true, None)),
    ];
    for (host, finding) in found {
        run.insert(5, Recorded { at: 500, event: Event::Finding { host: host.into(), finding } });
    }
    let (_folder, path) = page(&html(&run));
    let mut browser = Browser::new();
    browser.open(&path);
    let rows =
        browser.eval("[...document.querySelectorAll('#findings .item')].map(item => item.textContent)");
    let mut rows: Vec<&str> = rows.as_array().unwrap().iter().map(|row| row.as_str().unwrap()).collect();
    rows.sort_unstable();
    assert_eq!(rows.len(), 3, "{rows:?}");
    for (row, parts) in rows.iter().zip([
        ["accepted docker-socket", "web02", "accepted because it <b>replaces</b> images"],
        ["refused postgres-major", "web03", "hint mend it"],
        ["warning latest-image", "web02.example.org, web01.example.org", "hint mend it"],
    ]) {
        assert!(parts.iter().all(|part| row.contains(part)), "{row}: {parts:?}");
        assert!(row.contains("templates/compose.yml:7:5") && row.contains("cause so it is"), "{row}");
    }
    assert_eq!(
        browser.eval("document.querySelectorAll('#findings script, #findings img, #findings b b').length"),
        0
    );
    // The filter of hosts hides those of others.
    browser.eval("{ const f = document.querySelector('#hosts-filter'); f.value = 'web03'; f.dispatchEvent(new Event('input', {bubbles: true})) }");
    let shown = "[...document.querySelectorAll('#findings .item')].filter(item => item.offsetParent !== null).length === 1";
    browser.until(shown);
}

#[test]
fn a_run_is_shown_searched_and_folded_by_keys() {
    let run = sample::run(4, 30);
    let (_folder, path) = page(&html(&run));
    let mut browser = Browser::new();
    browser.open(&path);
    let count = |browser: &mut Browser, what: &str| {
        browser.eval(&format!("document.querySelectorAll({what:?}).length"))
    };
    // What failed comes first, with its excerpt and hint; and what can be reached.
    assert_eq!(browser.eval("document.querySelector('main > section').id"), "failures");
    let failure = browser.eval("document.querySelector('.failure').innerText");
    for part in [
        "role0 : configuration 6",
        "web03.example.org",
        "the command ended with 1",
        "49 |   command",
        "look at its log",
        "cannot open <b>",
    ] {
        assert!(failure.as_str().unwrap().contains(part), "{part}: {failure}");
    }
    let exposure = browser.eval("document.querySelector('#exposure').innerText.replace(/\\s+/g, ' ')");
    for part in [
        "web01.example.org, web03.example.org",
        "22/tcp 10.0.0.0/8 open open",
        "443/tcp everywhere open open",
        "all others everywhere open closed",
        "80/tcp everywhere open closed",
        "443/tcp everywhere closed open",
        "5432/tcp db all addresses not published published closed by the firewall",
        "443/tcp web all addresses not published published admitted from everywhere",
    ] {
        assert!(exposure.as_str().unwrap().contains(part), "{part}: {exposure}");
    }
    assert_eq!(browser.eval("document.querySelector('#outcome').textContent"), "failed (exit code 40)");
    assert_eq!(count(&mut browser, "#hosts tbody tr"), 4);
    // Everything is there when it is looked at: scrolled to, it is built.
    for section in ["matrix", "changes", "times", "graph"] {
        browser.eval(&format!("document.getElementById('{section}').scrollIntoView()"));
        browser.until(&format!(
            "document.getElementById('{section}').querySelectorAll('td, details, .lanes, .n').length > 0"
        ));
    }
    assert_eq!(count(&mut browser, "#grid tbody tr"), 30);
    assert_eq!(count(&mut browser, "#grid td"), 120);
    assert_eq!(count(&mut browser, "#drawing .n"), 30);
    assert_eq!(count(&mut browser, ".timeline"), 4);
    assert!(count(&mut browser, "#drawing .a.hot").as_u64() > Some(2), "no critical path");
    // Hosts of which the same is to be said share an entry: two variants of each diff.
    let all = count(&mut browser, "#diffs details").as_u64().unwrap();
    assert_eq!(browser.eval("document.querySelectorAll('#diffs details[open]').length"), 0);
    // Search by keys; Escape takes it back.
    browser.eval("window.scrollTo(0, 0)");
    browser.key("/");
    browser.write("0.0.0.0:8001 role0 answers");
    browser.until("document.querySelectorAll('#diffs details').length === 1");
    assert_eq!(
        browser.eval("document.querySelector('#diffs summary').innerText.includes('role0 : answers 9')"),
        true
    );
    assert!(
        browser
            .eval("[...document.querySelectorAll('#diffs mark')].map(m => m.textContent).join()")
            .as_str()
            .unwrap()
            .contains("0.0.0.0:8001")
    );
    assert!(
        browser.eval("document.querySelector('#found').textContent").as_str().unwrap().starts_with("1 of ")
    );
    browser.key("Escape");
    browser.until(&format!("document.querySelectorAll('#diffs details').length === {all}"));
    assert_eq!(
        browser.eval(
            "document.activeElement === document.body && document.querySelector('#search').value === ''"
        ),
        true
    );
    // j and k go from entry to entry, Enter folds.
    browser.key("j");
    assert_eq!(browser.eval("document.activeElement.closest('details').className"), "item failure");
    browser.key("Enter");
    browser.until("!document.querySelector('.failure').open");
    browser.key("j");
    browser.until("document.activeElement.closest('details')?.classList.contains('change')");
    browser.key("Enter");
    browser
        .until("document.activeElement.closest('details')?.querySelector('.diff, pre') instanceof Element");
    browser.key("k");
    browser.until("document.activeElement.closest('details')?.classList.contains('failure')");
    browser.key("e");
    browser.until("document.querySelectorAll('details:not([open])').length === 0");
    assert_eq!(count(&mut browser, "#diffs .body").as_u64(), Some(all));
    browser.key("c");
    browser.until("document.querySelectorAll('details[open]').length === 0");
    // By status and by host.
    browser.eval("document.querySelectorAll('#statuses button').forEach(b => b.dataset.status !== 'failed' && b.click())");
    browser.until("document.querySelectorAll('#diffs details').length === 1");
    browser.key("Escape");
    browser.eval("document.querySelector('#hosts-filter').focus()");
    browser.write("web04");
    browser.until("document.querySelectorAll('#grid thead th').length === 2");
    browser.until("[...document.querySelectorAll('#hosts tbody tr')].filter(r => !r.hidden).length === 1");
    assert_eq!(browser.eval("document.querySelector('.failure').hidden"), true);
    browser.key("Escape");
    browser.until("document.querySelectorAll('#grid thead th').length === 5");
    // In the matrix arrows move, and Enter shows the cell; Tab leaves it.
    browser.eval("document.querySelector('#grid td').focus()");
    [
        "ArrowRight",
        "ArrowRight",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "ArrowDown",
        "Enter",
    ]
    .iter()
    .for_each(|key| browser.key(key));
    browser.until("document.querySelector('#cell h3').textContent === 'role0 : configuration 6 on web03.example.org: failed, 84 ms'");
    assert_eq!(
        browser.eval("document.activeElement.getAttribute('aria-label')"),
        "failed: role0 : configuration 6 on web03.example.org"
    );
    browser.key("Tab");
    assert_eq!(browser.eval("document.activeElement.closest('#grid td')"), json!(null));
    // Nothing of a name was taken for more than a text, and nothing was asked of anybody.
    assert_eq!(
        browser.eval("window.harm === undefined && document.querySelectorAll('img').length === 0"),
        true
    );
    assert_eq!(browser.complaints(), Vec::<String>::new());
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "print" }));
    browser.picture("print.png", true);
    browser.call("Emulation.setEmulatedMedia", json!({ "media": "" }));
    let pdf = browser.pdf();
    assert!(pdf.starts_with(b"%PDF"));
    if let Some(folder) = std::env::var_os("REPORT_PICTURES") {
        fs::write(PathBuf::from(folder).join("print.pdf"), pdf).unwrap();
    }
    // What was folded is so again.
    browser.until("document.querySelectorAll('#diffs details[open]').length === 0");
}

#[test]
fn a_page_cannot_reach_the_network() {
    let (_folder, path) = page(&html(&sample::run(1, 8)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let mut browser = Browser::new();
    browser.open(&path);
    assert_eq!(browser.complaints(), Vec::<String>::new());
    let image =
        "new Promise((ok, no) => { const i = new Image(); i.onload = ok; i.onerror = no; i.src = url })";
    let tries = format!(
        "(async () => {{ const url = '{url}', out = []; for (const f of [() => fetch(url), () => {image}]) {{ try {{ await f(); out.push('yes') }} \
         catch {{ out.push('no') }} }} return out.join() }})()"
    );
    assert_eq!(browser.eval(&tries), "no,no");
    let added = "(() => { const s = document.createElement('script'); s.textContent = 'window.harm = 1'; document.body.append(s); return window.harm === undefined })()";
    assert_eq!(browser.eval(added), true);
    let refused = listener.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(refused, Err(ErrorKind::WouldBlock), "somebody came");
    let said = browser.complaints();
    for directive in ["connect-src", "img-src", "script-src"] {
        let is_told = |said: &String| said.contains("Content Security Policy") && said.contains(directive);
        assert!(said.iter().any(is_told), "{directive}: {said:?}");
    }
}

#[test]
fn fifty_hosts_with_two_hundred_tasks_are_quick() {
    let text = html(&sample::run(50, 200));
    let (_folder, path) = page(&text);
    let mut browser = Browser::new();
    let took = browser.open(&path);
    browser.eval("document.getElementById('matrix').scrollIntoView()");
    browser.until("document.querySelectorAll('#grid td').length === 10000");
    let search = "(async () => { const t = performance.now(); document.querySelector('#search').value = 'task 149'; document.querySelector('#search').dispatchEvent(new Event('input')); \
        while (document.querySelectorAll('#diffs details').length > 20) await new Promise(r => setTimeout(r, 5)); return performance.now() - t })()";
    let search = browser.eval(search);
    println!(
        "50 x 200: {} KiB, {} ms until it is painted, search {search} ms",
        text.len() / 1024,
        took.as_millis()
    );
    assert!(text.len() < 4 << 20, "{} bytes", text.len());
    // On a busy machine; it takes a tenth of that.
    assert!(took.as_secs() < 15, "{took:?}");
    browser.key("Escape");
    for scheme in ["light", "dark"] {
        browser.scheme(scheme);
        browser.eval("window.scrollTo(0, 0)");
        browser.picture(&format!("top-{scheme}.png"), false);
        for section in ["exposure", "matrix", "changes", "times", "graph"] {
            browser.eval(&format!("document.getElementById('{section}').scrollIntoView()"));
            browser.eval("new Promise(done => setTimeout(() => done(1), 300))");
            browser.picture(&format!("{section}-{scheme}.png"), false);
        }
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// A run of the real program: no secret of it is in the page, as a file and as what is shown of it.
#[test]
fn a_real_run_leaves_a_page_without_its_secrets() {
    let project = Project::tasks(
        "    - {name: motd, no_log: true, copy: {dest: \"{{home}}/motd\", content: \"hunter2-is-no-more\"}}\n    \
         - {name: env, copy: {dest: \"{{home}}/env\", content: \"A={{word}}\\n\"}}\n    \
         - {name: says it, command: \"cat {{home}}/env\", needs: env}\n    - {name: bad, command: \"ls {{home}}/nowhere\", needs: says it}\n    \
         - {name: never, command: \"true\", needs: bad}\n",
    );
    let inventory = project
        .read("inventory.yml")
        .replace("  vars:\n", "  vars:\n    word: !secret {command: [printf, word-of-the-vault]}\n");
    project.write("inventory.yml", &inventory);
    project.apply(&["--yes", "--report", "out.html"]).exits(40);
    let text = project.read("out.html");
    assert!(
        text.contains("[secret]") && !text.contains("hunter2") && !text.contains("word-of-the-vault"),
        "a secret"
    );
    let mut browser = Browser::new();
    browser.open(&project.path("out.html"));
    browser.key("e");
    browser.until("document.querySelectorAll('#diffs details').length === 5");
    let shown = browser.eval("document.documentElement.outerHTML");
    let shown = shown.as_str().unwrap();
    for part in [
        "[secret]",
        "No such file or directory",
        "1 task was not tried",
        "not known: no <code>firewall</code>",
    ] {
        assert!(shown.contains(part), "{part}");
    }
    assert!(!shown.contains("hunter2") && !shown.contains("word-of-the-vault"), "a secret");
    browser.eval("document.getElementById('graph').scrollIntoView()");
    browser.until("document.querySelectorAll('#drawing .n').length === 5");
    let critical = browser.eval("document.querySelector('#critical').innerText");
    for part in ["Critical path", "connecting", "says it", "bad"] {
        assert!(critical.as_str().unwrap().contains(part), "{part}: {critical}");
    }
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

/// What cannot be written is told before anything is done; a page comes of a stopped run, and of kept and recorded ones.
#[test]
fn a_page_comes_of_every_run_and_a_kept_one_has_a_critical_path() {
    let project = Project::tasks(
        "    - {name: first, copy: {dest: \"{{home}}/motd\", content: hi}}\n    - {name: long, command: sleep 1.2}\n    - {name: last, command: \"true\"}\n",
    );
    let nowhere = project.apply(&["--yes", "--report", "nowhere/out.html"]);
    nowhere.exits(20).has(&["cannot write nowhere/out.html: there is no such directory", "mkdir -p nowhere"]);
    project.apply(&["--yes", "--report", "h"]).exits(20).has(&["cannot write h: it is a directory"]);
    assert!(!project.has("h/a/motd"), "something was done");
    project
        .run(&["graph", "inventory.yml", "--run", "last"])
        .exits(20)
        .has(&["no run of inventory.yml is kept"]);
    // A check has changed nothing.
    project.check().exits(10);
    let graph = project.run(&["graph", "inventory.yml", "--run", "last"]);
    graph.exits(0).has(&["first  [would change", "a check does nothing"]).lacks(&["[changed"]);
    project.go().exits(0);
    let graph = project.run(&["graph", "inventory.yml", "--run", "last"]);
    graph.exits(0).has(&[
        "  *2  long  [changed, 1.",
        "critical path: the run took ",
        "connecting",
        "planning",
        "  *3  last",
    ]);
    project
        .run(&["graph", "inventory.yml", "--run", "last", "--host", "b"])
        .exits(20)
        .has(&["unknown host `b`"]);
    project.write("other.yml", &project.read("inventory.yml"));
    let name = fs::read_dir(project.path("controller/.local/state/lustores-provision/runs"))
        .unwrap()
        .next()
        .unwrap();
    let name = name.unwrap().path().file_stem().unwrap().to_str().unwrap().to_string();
    project
        .run(&["graph", "other.yml", "--run", &name])
        .exits(20)
        .has(&["is not one of other.yml", "`runs list`"]);
    // Of a kept run, without a word; and beside the view that is asked for.
    let shown = project.run(&["runs", "show", "--report", "kept.html"]);
    assert_eq!((shown.code, shown.text().as_str()), (Some(0), ""));
    assert_eq!(project.path("kept.html").metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let recorded = project.apply(&["--check", "--json", "--report", "check.html"]);
    project.write("run.jsonl", &recorded.out);
    project.run(&["replay", "run.jsonl", "--view", "plain", "--report", "replay.html"]).has(&["> long"]);
    assert_eq!(project.read("check.html"), project.read("replay.html"));
    assert!(project.read("check.html").contains("changes pending (exit code 10)"));
    // Stopped: what was under way is finished, the rest is not tried.
    let running = project.start(&["--yes", "--report", "stopped.html"]);
    running.prints("... long");
    running.signal("-INT");
    running.end().exits(130);
    let stopped = project.read("stopped.html");
    assert!(stopped.contains("cancelled (exit code 130)") && stopped.contains("\"blocked\""), "{stopped}");
}
