//! Typos where nothing is rendered.

use super::*;
use std::collections::HashSet;

fn checking() -> Scope {
    let mut scope = scope();
    let names = scope.names().map(str::to_string).chain(["abroad".to_string()]).collect::<HashSet<_>>();
    scope.check_against(Arc::new(names));
    scope
}

#[test]
fn a_name_that_is_defined_nowhere_is_found_in_what_is_not_rendered() {
    for template in [
        "{{#if later}}{{typo}}{{/if}}",
        "{{#if later}}x{{else}}{{typo}}{{/if}}",
        "{{#if on}}x{{else}}{{typo}}{{/if}}",
        "{{#if off}}{{lower typo}}{{/if}}",
        "{{#unless on}}{{typo}}{{/unless}}",
        "{{#unless off}}x{{else}}{{typo.a}}{{/unless}}",
        "{{#with later}}x{{else}}{{typo}}{{/with}}",
        "{{#with none}}{{@root.typo}}{{/with}}",
        "{{#each later}}{{@root.typo}}{{/each}}",
        "{{#each later}}{{../typo}}{{/each}}",
        "{{#each later}}{{#each this}}{{../../typo}}{{/each}}{{/each}}",
        "{{#each nothing as |x|}}{{x}}{{@root.typo}}{{/each}}",
        "{{#each list}}x{{else}}{{typo}}{{/each}}",
        "{{#if later}}{{#if typo}}x{{/if}}{{/if}}",
        "{{#if later}}{{#each typo}}x{{/each}}{{/if}}",
        "{{#if later}}{{default name typo}}{{/if}}",
        "{{#if later}}{{eq (lower typo) 1}}{{/if}}",
        "{{#if (defined other)}}{{typo}}{{/if}}",
        "{{#if on}}{{#if off}}{{typo}}{{/if}}{{/if}}",
        "{{ternary later typo 1}}",
        "{{ternary on 1 typo}}",
    ] {
        error_of(render(&quoted(template), &checking()), &["undefined variable `typo"]);
        // A run looks at what it renders.
        assert!(render(&quoted(template), &scope()).is_ok(), "{template}");
    }
    let unknown = "{{#if later}}{{lowr name}}{{/if}}{{#if later}}{{#iff name}}{{/iff}}{{/if}}";
    error_of(render(&quoted(unknown), &checking()), &["unknown helper `lowr`", "unknown block `iff`"]);
    error_of(
        render(&value("v: |\n  a\n  {{#if later}}\n  {{typo}}\n  {{/if}}\n"), &checking()),
        &["play.yml:4:5", "{{typo}}", "^^^^"],
    );
}

#[test]
fn what_may_be_there_is_no_mistake() {
    for template in [
        "{{#if later}}{{abroad}}{{abroad.deep}}{{map.nokey}}{{true}}{{/if}}",
        "{{#each later}}{{typo}}{{this}}{{this.typo}}{{@index}}{{@key}}{{/each}}",
        "{{#each later as |item key|}}{{item.typo}}{{key}}{{lower key}}{{/each}}",
        "{{#each users}}{{#if @root.later}}{{typo}}{{/if}}{{/each}}",
        "{{#each nothing}}{{#if typo}}{{typo}}{{/if}}{{/each}}",
        "{{#with later as |x|}}{{x.y}}{{typo}}{{/with}}",
        "{{#if (defined typo)}}{{typo}}{{/if}}",
        "{{#if (and (defined typo) (eq typo 1))}}{{typo}}{{else}}x{{/if}}",
        "{{#if (not (defined typo.deep))}}x{{else}}{{typo.deep}}{{/if}}",
        "{{#if (defined typo)}}{{#if later}}{{typo}}{{/if}}{{/if}}",
        "{{#if later}}{{default typo 1}}{{#if (defined typo)}}{{typo}}{{/if}}{{/if}}",
        "{{#if (default typo false)}}{{typo}}{{/if}}",
        "{{ternary (defined typo) typo 1}}",
        "{{#if off}}{{lower map}}{{lower none}}{{/if}}",
    ] {
        let rendered = render(&quoted(template), &checking());
        assert!(rendered.is_ok(), "{template}: {}", shown(&rendered.unwrap_err()));
    }
}
