//! What we render is what the crate's own renderer renders, where both accept a template.

use super::*;
use handlebars::{Handlebars, no_escape};
use proptest::prelude::*;

fn theirs(template: &str) -> Result<String, String> {
    let mut registry = Handlebars::new();
    registry.register_escape_fn(no_escape);
    registry.set_strict_mode(true);
    let data = crate::yaml::parse(&source("vars.yml", VARS)).unwrap().to_json();
    registry.register_partial("lines", LINES).unwrap();
    registry.render_template(template, &data).map_err(|e| e.to_string())
}

const LINES: &str = "<{{port}}\n>\n";

fn ours(template: &str) -> Result<String, Diagnostics> {
    let partial = |name: &str| (name == "lines").then(|| source("lines.hbs", LINES));
    render_file(&source("main.hbs", template), &scope(), &partial)
        .map(|n| n.as_str().unwrap_or("(not known yet)").to_string())
}

#[test]
fn white_space_is_handled_alike() {
    for template in [
        "a\n{{#if on}}\nb\n{{/if}}\nc\n",
        "a\n  {{#if on}}  \n  b\n  {{else}}\n  x\n  {{/if}}\nc",
        "a {{#if on}} b {{/if}} c",
        "a\n\n{{~#if on~}}\n b \n{{~/if~}}\n c",
        "{{! comment }}\nx\n  {{!-- {{y}} --}}  \nz",
        "{{#each list}}\n- {{this}}\n{{/each}}\nend\n",
        "{{#each list}}\n  {{#unless @last}}\n  {{this}},\n  {{else}}\n  {{this}}\n  {{/unless}}\n{{/each}}",
        "{{#each users as |u i|}}{{i}}{{u.name}}{{@index}}{{/each}}",
        "{{#each users}}{{#each ../list}}{{this}}{{../uid}}{{@../index}}{{/each}};{{/each}}",
        "{{#each map}}{{@key}}{{this}}{{@first}}{{@last}}\r\n{{/each}}",
        "{{#each nothing}}a{{else}}\n b\n{{/each}}\n",
        "{{#with map}}{{x}}{{../name}}{{@root.name}}{{/with}}",
        "{{#each users}}{{#with this}}{{@index}}{{name}}{{/with}}{{/each}}",
        "{{#with map as |m|}}{{m.x}}{{/with}}",
        "{{#if off}}a{{else if empty}}b{{else if list}}c{{else}}d{{/if}}",
        "{{#if nothing}}a{{/if}}{{#if empty}}b{{/if}}{{#if none}}c{{/if}}{{#if map}}d{{/if}}{{#if port}}e{{/if}}",
        "{{{name}}} {{&name}} {{ratio}} {{on}} {{off}} {{port}}",
        "\\{{name}} \\\\{{name}} {{{{raw}}}} {{name}} {{{{/raw}}}}",
        "{{list.[1]}} {{list.0}} {{map.[x]}} {{this.name}} {{./name}}",
        "{{#if (and on (not off))}}x{{/if}}{{#if (or off (eq name \"web\"))}}y{{/if}}",
        "{{#if (gt port 1)}}a{{/if}}{{#if (lt port 1)}}b{{/if}}{{lookup map \"y\"}}",
        "a\n  {{> lines}}\nb",
        "a {{> lines}} b",
        "  {{> lines}}",
        "{{> lines}}",
        "\t{{~> lines}}\nb",
        "é\n  {{#if on}}\nü {{name}}\n{{/if}}",
    ] {
        let expected = theirs(template).unwrap_or_else(|e| panic!("{template:?}: {e}"));
        let found = ours(template).unwrap_or_else(|e| panic!("{template:?}: {}", shown(&e)));
        assert_eq!(found, expected, "{template:?}");
    }
}

/// Templates that hang together, from parts.
fn template() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("{{@root.name}}".to_string()),
        Just("{{~@root.port~}}".to_string()),
        Just("{{@root.map.x}}".to_string()),
        Just("{{! note }}".to_string()),
        Just("\\{{name}}".to_string()),
        "[ \n\r\tax]{0,6}",
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let body = prop::collection::vec(inner, 0..4).prop_map(|parts| parts.concat());
        let gap = "[ \n]{0,3}";
        prop_oneof![
            body.clone(),
            (body.clone(), gap).prop_map(|(b, g)| format!("{g}{{{{#if @root.on}}}}{g}{b}{{{{/if}}}}{g}")),
            (body.clone(), body.clone(), gap).prop_map(|(a, b, g)| format!(
                "{{{{#if @root.off}}}}{g}{a}{g}{{{{else}}}}{g}{b}{{{{/if}}}}{g}"
            )),
            (body.clone(), body.clone(), gap).prop_map(|(a, b, g)| {
                format!("{g}{{{{#if @root.off}}}}{a}{{{{~else if @root.on}}}}{g}{b}{g}{{{{~/if~}}}}")
            }),
            (body.clone(), gap)
                .prop_map(|(b, g)| format!("{g}{{{{#each @root.list}}}}{g}{{{{@index}}}}{b}{{{{/each}}}}")),
        ]
    })
}

/// Anything, but with braces and names in it.
fn noise() -> impl Strategy<Value = String> {
    let parts = prop::sample::select(vec![
        "{{",
        "}}",
        "{{{",
        "}}}",
        "{{{{",
        "}}}}",
        "{{#",
        "{{/",
        "{{~",
        "~}}",
        "{{else}}",
        "{{else if ",
        "{{^",
        "{{>",
        "{{!",
        "--}}",
        "{{#*",
        "{{#>",
        "{{&",
        "if",
        "each",
        "with",
        "raw",
        "inline",
        "name",
        "list",
        "map",
        "later",
        "password",
        "typo",
        ".",
        "/",
        "../",
        "@",
        "@root",
        "@index",
        "this",
        "(",
        ")",
        "[",
        "]",
        "\"",
        "'",
        "\\",
        "|",
        " as |x|",
        " ",
        "\n",
        "=",
        "1",
        "-2.5",
        "1e999",
        "null",
        "true",
        "ü",
        "𝄞",
        "lower ",
        "eq ",
        "join ",
        "lookup ",
        "range ",
        "99999999999999999999",
    ]);
    prop_oneof![prop::collection::vec(parts, 0..24).prop_map(|parts| parts.concat()), any::<String>(),]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_templates_render_alike(template in template()) {
        let theirs = theirs(&template).map_err(TestCaseError::fail)?;
        let ours = ours(&template).map_err(|e| TestCaseError::fail(shown(&e)))?;
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn nothing_makes_rendering_panic(text in noise()) {
        let _ = ours(&text);
        for secret in [false, true] {
            let node = Node::string(&text, &Origin::named("noise")).with_secret(secret);
            if let Err(errors) = render(&node, &scope()) {
                shown(&errors);
            }
            if let Err(errors) = condition(&node, &scope()) {
                shown(&errors);
            }
        }
    }
}
