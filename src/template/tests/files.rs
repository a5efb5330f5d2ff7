//! Template files, partials and budgets.

use super::*;

fn file(text: &str, partials: &[(&str, &str)]) -> Result<Node, Diagnostics> {
    file_in(text, partials, &scope())
}

fn file_in(text: &str, partials: &[(&str, &str)], scope: &Scope) -> Result<Node, Diagnostics> {
    let find = |name: &str| {
        let found = partials.iter().find(|(n, _)| *n == name);
        found.map(|(name, text)| source(&format!("{name}.hbs"), text))
    };
    render_file(&source("main.hbs", text), scope, &find)
}

#[track_caller]
fn text(text: &str, partials: &[(&str, &str)]) -> String {
    match file(text, partials) {
        Ok(node) => node.as_str().unwrap().to_string(),
        Err(errors) => panic!("{}", shown(&errors)),
    }
}

#[test]
fn a_file_is_always_text() {
    assert_eq!(text("{{port}}", &[]), "80");
    assert_eq!(text("", &[]), "");
    assert_eq!(
        text("server {\n  {{#if on}}\n  listen {{port}};\n  {{/if}}\n}\n", &[]),
        "server {\n  listen 80;\n}\n"
    );
    assert!(file("x {{password}}", &[]).unwrap().secret);
    assert!(file("x {{later}}", &[]).unwrap().unknown().is_some());
    let hidden = Arc::new(Source { path: "s.hbs".into(), text: "key".into(), secret: true });
    assert!(render_file(&hidden, &scope(), &|_: &str| None).unwrap().secret);
}

#[test]
fn partials_see_what_is_around_them() {
    let partials = [
        ("head", "# {{name}}\n"),
        ("user", "{{name}}:{{uid}}{{#if sep}}{{sep}}{{/if}}"),
        ("conf/tls.conf", "ssl on;\nport {{port}};\n"),
        ("secret", "{{password}}"),
        ("plain", "{{this}}"),
        ("named", "{{who}} on {{port}}"),
    ];
    assert_eq!(text("{{> head}}\nx", &partials), "# web\nx");
    assert_eq!(text("{{#each users}}{{> user sep=\";\"}}{{/each}}", &partials), "ann:1;bob:2;");
    assert_eq!(text("a {\n  {{> conf/tls.conf}}\n}\n", &partials), "a {\n  ssl on;\n  port 80;\n}\n");
    assert_eq!(text("{{> plain map.y}}", &partials), "two");
    assert_eq!(text("{{> named who=name}}", &partials), "web on 80");
    assert!(file("{{> secret}}", &partials).unwrap().secret);
}

#[test]
fn mistakes_in_files_are_placed() {
    error_of(file("a\n{{typo}}\n{{prot}}\n", &[]), &["main.hbs:2:3", "main.hbs:3:3", "did you mean `port`?"]);
    error_of(file("a\n{{#if on}}\n  {{lower (trim\n    tpyo)}}\n{{/if}}", &[]), &["main.hbs:4:5"]);
    error_of(file("{{#if off}}{{else if tpyo}}{{/if}}", &[]), &["main.hbs:1:22"]);
    error_of(file("a\n{{#if on}}\nb\n", &[]), &["main.hbs:", "needs its"]);
    error_of(file("a\n{{> nope}}\n", &[]), &["main.hbs:2:1", "unknown partial `nope`"]);
    error_of(file("a\n{{> p}}\n", &[("p", "x\n{{typo}}")]), &["p.hbs:2:3", "undefined variable `typo`"]);
    let circle = [("p", "{{> q}}"), ("q", "{{> p}}")];
    error_of(file("{{> p}}", &circle), &["includes itself: p.hbs -> q.hbs -> p.hbs", "q.hbs:1:1"]);
    error_of(file("{{#> p}}x{{/p}}", &circle), &["not supported"]);
    error_of(file("{{#*inline \"x\"}}{{/inline}}", &[]), &["not supported"]);
}

#[test]
fn a_mistake_in_a_partial_shows_the_way_to_it() {
    let partials = [
        ("site", "server {\n  {{> tls name=name}}\n}\n"),
        ("tls", "# tls\n{{#each users}}\n{{> key}}\n{{/each}}\n"),
        ("key", "key\n  {{lower @root.typo}}\n"),
        ("broken", "{{#if on}}\n"),
    ];
    let text = shown(&file("a\n{{> site}}\n", &partials).unwrap_err());
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("`{part}` is not in:\n{text}"));
    let order = [
        place("key.hbs:2:11"),
        place("::: tls.hbs:3:1"),
        place("::: site.hbs:2:3"),
        place("::: main.hbs:2:1"),
    ];
    assert!(order.is_sorted(), "{text}");
    assert_eq!(text.matches("included from here").count(), 3, "{text}");
    // Once, though it is wrong for each item; and also where the text cannot be parsed.
    assert_eq!(text.matches("error:").count(), 1, "{text}");
    error_of(file("a\n{{> broken}}\n", &partials), &["broken.hbs:1:1", "included from here", "main.hbs:2:1"]);
    // And where nothing is rendered.
    let mut scope = scope();
    scope.check_against(Arc::default());
    let text =
        shown(&file_in("{{#if off}}\n{{> site}}{{> broken}}\n{{/if}}", &partials, &scope).unwrap_err());
    for part in
        ["key.hbs:2:11", "tls.hbs:3:1", "site.hbs:2:3", "main.hbs:2:1", "broken.hbs:1:1", "main.hbs:2:11"]
    {
        assert!(text.contains(part), "`{part}` is not in:\n{text}");
    }
    // A variable that is wrong is shown where it is written, and who used it.
    let scope = scope_of("bad: \"{{typo}}\"\n");
    error_of(
        file_in("{{> p}}", &[("p", "{{bad}}")], &scope),
        &["vars.yml:1:9", "included from here", "main.hbs:1:1"],
    );
}

#[test]
fn budgets_hold() {
    let scope = scope_of("big: '{{#each (range 1000)}}{{#each (range 1000)}}{{/each}}{{/each}}'\n");
    error_of(render(&quoted("{{big}}"), &scope), &["more than 100000 rounds"]);
    let mut doubling = String::from("v0: '0123456789abcdef'\n");
    for i in 1..30 {
        doubling += &format!("v{i}: '{{{{v{0}}}}}{{{{v{0}}}}}'\n", i - 1);
    }
    error_of(render(&quoted("{{v29}}"), &scope_of(&doubling)), &["larger than 16 MiB"]);
    let mut lists = String::from("v0: [1]\n");
    for i in 1..60 {
        lists += &format!("v{i}: ['{{{{v{0}}}}}', '{{{{v{0}}}}}']\n", i - 1);
    }
    error_of(render(&quoted("{{v59}}"), &scope_of(&lists)), &["too many values"]);
    let mut chain = String::from("v0: 1\n");
    for i in 1..100 {
        chain += &format!("v{i}: '{{{{v{}}}}}'\n", i - 1);
    }
    error_of(render(&quoted("{{v99}}"), &scope_of(&chain)), &["nested deeper than 64"]);
    for (open, close) in [("(lower ", ")"), ("[", "]"), ("{\"a\":", "}"), ("(", ")")] {
        let deep = format!("{{{{lower {}x{}}}}}", open.repeat(50_000), close.repeat(50_000));
        error_of(file(&deep, &[]), &["nested deeper than 64"]);
    }
    let deep = format!("{}x{}", "{{#if on}}".repeat(50_000), "{{/if}}".repeat(50_000));
    error_of(file(&deep, &[]), &["nested deeper than 64"]);
    let deep = format!("{}x{}", "{{#if on}}".repeat(40), "{{/if}}".repeat(40));
    assert_eq!(text(&deep, &[]), "x");
}
