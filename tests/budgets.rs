//! What grows without end, or would take forever, is refused with an error that says so.

use indexmap::IndexMap;
use lustores_provision::{
    diag::{Diagnostics, render as shown},
    inventory::Inventory,
    model::{Origin, Source},
    template::{Layer, Scope, condition, render, render_file},
    yaml::{self, Node},
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

/// Far more than any of these takes, and far less than what they would take.
const SOON: Duration = Duration::from_secs(60);

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.into(), text: text.into(), secret: false })
}

fn text(errors: &Diagnostics) -> String {
    errors.0.iter().map(|error| shown(error, false)).collect()
}

fn scope(variables: &str) -> Scope {
    let node = yaml::parse(&source("vars.yml", variables)).unwrap();
    let layer: IndexMap<String, Node> =
        node.as_map().into_iter().flatten().map(|(name, entry)| (name.clone(), entry.node.clone())).collect();
    let mut scope = Scope::new();
    scope.push(Arc::new(layer), Layer::Raw);
    scope
}

#[track_caller]
fn refused(what: &str, run: impl FnOnce() -> Result<(), String>, part: &str) {
    let began = Instant::now();
    let error = run().expect_err(what);
    assert!(error.contains(part), "{what}: {}", &error[..error.floor_char_boundary(2000.min(error.len()))]);
    println!("{what}: {:?}", began.elapsed());
    assert!(began.elapsed() < SOON, "{what} took {:?}", began.elapsed());
}

#[test]
fn yaml_that_grows_or_nests_without_end() {
    let parsed = |text: &str| match yaml::parse(&source("bomb.yml", text)) {
        Ok(_) => Ok(()),
        Err(error) => Err(shown(&error, false)),
    };
    let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_string();
    for i in 1..12 {
        bomb += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(","));
    }
    refused("aliases", || parsed(&bomb), "bomb.yml:");
    let keys = "a: &a {x: 1}\nb: &b {<<: [*a, *a], y: *a}\nc: {<<: *b, *a : 1}\n";
    refused("an alias as a key", || parsed(keys), "bomb.yml:");
    let (open, deep) = ("[".repeat(100_000), "- ".repeat(50_000));
    refused("brackets", || parsed(&open), "bomb.yml:");
    refused("braces", || parsed(&"{a: ".repeat(100_000)), "bomb.yml:");
    refused("lists in lists", || parsed(&deep), "bomb.yml:");
    let tower: String = (0..3000).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
    refused("mappings in mappings", || parsed(&tower), "bomb.yml:");
    refused("itself", || parsed("a: &a [*a]\n"), "bomb.yml:");
    // A long text is none of these.
    parsed(&format!("a: {}\n", "x".repeat(4 << 20))).unwrap();
}

#[test]
fn templates_that_never_end() {
    let rendered = |template: &str, variables: &str| {
        let result = render(&Node::string(template, &Origin::named("play.yml")), &scope(variables));
        result.map(|_| ()).map_err(|errors| text(&errors))
    };
    refused("a circle", || rendered("{{a}}", "a: '{{b}}'\nb: '{{a}}'\n"), "in a circle: a -> b -> a");
    refused("itself", || rendered("{{a}}", "a: 'x{{a}}'\n"), "in a circle");
    refused("a range", || rendered("{{range 1000000000000}}", ""), "more than 100000 items");
    refused(
        "a range from below",
        || rendered("{{range -9223372036854775807 9223372036854775807}}", ""),
        "items",
    );
    let each = "{{#each (range 100000)}}{{#each (range 100000)}}x{{/each}}{{/each}}";
    refused("loops in loops", || rendered(each, "a: 1\n"), "more than");
    let work = "{{#each (range 100000) as |x|}}{{length (range 100000)}}{{/each}}";
    refused("much work in each round", || rendered(work, "a: 1\n"), "this would take too long");
    refused(
        "long texts",
        || {
            rendered(
                "{{#each (range 90000) as |x|}}{{length (replace @root.t \"x\" \"yy\")}}{{/each}}",
                &format!("t: {}\n", "x".repeat(1 << 20)),
            )
        },
        "this would take too long",
    );
    let doubled: String = (1..40).map(|i| format!("a{i}: '{{{{a{}}}}}{{{{a{0}}}}}'\n", i - 1)).collect();
    refused(
        "texts of texts",
        || rendered("{{a39}}", &format!("a0: xxxxxxxx\n{doubled}")),
        "larger than 16 MiB",
    );
    let lists: String = (1..40).map(|i| format!("a{i}: ['{{{{a{}}}}}', '{{{{a{0}}}}}']\n", i - 1)).collect();
    refused("lists of lists", || rendered("{{a39}}", &format!("a0: [x]\n{lists}")), "too many values");
    refused(
        "a growing text",
        || {
            rendered(
                "{{replace (replace (replace (replace t \"x\" t) \"x\" t) \"x\" t) \"x\" t}}",
                &format!("t: {}\n", "x".repeat(200)),
            )
        },
        "larger than 16 MiB",
    );
    refused(
        "a joined text",
        || rendered("{{join (range 100000) t}}", &format!("t: {}\n", "x".repeat(5000))),
        "larger than 16 MiB",
    );
    refused(
        "many parts",
        || rendered("{{split t \"x\"}}", &format!("t: {}\n", "x".repeat(2_000_000))),
        "more than 100000 items",
    );
    refused(
        "many matches",
        || rendered("{{regex_find t \"\"}}", &format!("t: {}\n", "x".repeat(2_000_000))),
        "more than 100000 items",
    );
    refused(
        "a large expression",
        || rendered("{{regex_match t \"(((a{100}){100}){100}){100}\"}}", "t: a\n"),
        "no valid regular expression",
    );
    refused(
        "nested brackets",
        || rendered(&format!("{{{{{}a{}}}}}", "(lower ".repeat(5000), ")".repeat(5000)), "a: 1\n"),
        "deeper than 64",
    );
    refused("nested blocks", || rendered(&"{{#if a}}".repeat(5000), "a: true\n"), "deeper than 64");
    refused(
        "large data",
        || rendered("{{from_json t}}", &format!("t: '[{}0]'\n", "0,".repeat(3_000_000))),
        "larger than 4 MiB",
    );
    let nested = format!("t: '{}'\n", "[".repeat(100_000));
    refused("nested data", || rendered("{{from_json t}}", &nested), "no JSON");
    refused("nested data", || rendered("{{from_yaml t}}", &nested), "no YAML");
}

#[test]
fn lists_are_compared_at_once() {
    let node =
        Node::string("{{length (difference (range 100000) (range 50000 100000))}}", &Origin::named("x"));
    let began = Instant::now();
    assert_eq!(render(&node, &Scope::new()).unwrap().to_json(), serde_json::json!(50_000));
    assert!(began.elapsed() < SOON);
    let equal = Node::string(
        "{{intersect [1, \"1\", 2.0, {\"a\": 1, \"b\": 2}] [1.0, 2, {\"b\": 2, \"a\": 1}]}}",
        &Origin::named("x"),
    );
    assert_eq!(
        render(&equal, &Scope::new()).unwrap().to_json(),
        serde_json::json!([1, 2.0, {"a": 1, "b": 2}])
    );
}

#[test]
fn partials_that_include_one_another() {
    let rendered = |text: &str, find: &dyn Fn(&str) -> Option<String>| {
        let partial = |name: &str| find(name).map(|text| source(&format!("{name}.hbs"), &text));
        render_file(&source("main.hbs", text), &Scope::new(), &partial)
            .map(|_| ())
            .map_err(|e| self::text(&e))
    };
    let circle = |name: &str| match name {
        "a" => Some("{{> b}}".to_owned()),
        "b" => Some("{{> a}}".to_owned()),
        _ => None,
    };
    refused("a circle", || rendered("{{> a}}", &circle), "partial includes itself: a.hbs -> b.hbs -> a.hbs");
    // Each includes the next one twice.
    let tree = |name: &str| {
        let number: usize = name.strip_prefix('p')?.parse().ok()?;
        Some(if number > 40 { String::new() } else { format!("{{{{> p{0}}}}}{{{{> p{0}}}}}", number + 1) })
    };
    refused("a tree", || rendered("{{> p0}}", &tree), "rounds of `each`, partials included");
    let chain =
        |name: &str| Some(format!("{{{{> p{}}}}}", name.strip_prefix('p')?.parse::<usize>().ok()? + 1));
    refused("a chain", || rendered("{{> p0}}", &chain), "deeper than 64");
}

#[test]
fn conditions_that_never_end() {
    let judged = |text: &str| {
        let result =
            condition(&Node::string(text, &Origin::named("play.yml")), &scope("a: '{{b}}'\nb: '{{a}}'\n"));
        result.map(|_| ()).map_err(|errors| self::text(&errors))
    };
    refused("a circle", || judged("eq a 1"), "in a circle");
    refused("nested", || judged(&format!("{}a{}", "not (".repeat(3000), ")".repeat(3000))), "deeper than 64");
}

#[test]
fn inventories_that_grow_or_turn_around() {
    let read = |path: &str, text: &str| {
        let mut errors = Diagnostics::default();
        Inventory::of_text(&source(path, text), &mut errors);
        if errors.has_errors() { Err(self::text(&errors)) } else { Ok(()) }
    };
    refused("a range", || read("hosts.ini", "vm[1:999999999]\n"), "more than 100000 hosts");
    refused(
        "a range",
        || read("hosts.yml", "all: {hosts: {\"vm[1:999999999]\": }}\n"),
        "more than 100000 hosts",
    );
    refused("a range of ranges", || read("hosts.ini", "vm[1:1000][1:1000]\n"), "more than 100000 hosts");
    let many: String = (0..3).map(|i| format!("h{i}x[1:99999]\n")).collect();
    refused("many ranges", || read("hosts.ini", &many), "the inventory has more than 100000 hosts");
    refused("brackets", || read("hosts.ini", &"x[1:1]".repeat(50_000)), "more than 8 ranges");
    let cycle = "[a:children]\nb\n[b:children]\nc\n[c:children]\na\n";
    refused("a circle", || read("hosts.ini", cycle), "is inside itself");
    refused("a circle", || read("hosts.yml", "a: {children: {b: {children: {a: }}}}\n"), "is inside itself");
    let deep: String = (0..2000).map(|i| format!("[g{i}:children]\ng{}\n", i + 1)).collect();
    refused("a chain", || read("hosts.ini", &format!("{deep}[g2000]\nx\n")), "nested deeper than 500");
    // A list of Python's, nested: it stays a text.
    read("hosts.ini", &format!("x a={}\n", "[".repeat(100_000))).unwrap();
}

#[test]
fn patterns_that_are_large() {
    let mut errors = Diagnostics::default();
    let inventory = Inventory::of_text(&source("hosts.ini", "[web]\nweb[1:100]\n"), &mut errors);
    assert!(!errors.has_errors());
    let select = |pattern: &str| {
        let chosen = inventory.select(pattern, &Origin::named("--limit"));
        chosen.map(|_| ()).map_err(|error| shown(&error, false))
    };
    refused("an expression", || select("~(((a{100}){100}){100}){100}"), "bad regular expression");
    refused("brackets", || select(&"[".repeat(10_000)), "matches no host");
    refused("a subscript", || select("web[9999999999]"), "matches no host");
    select(&vec!["web"; 2000].join(":")).unwrap();
}
