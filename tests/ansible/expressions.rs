//! What `convert` makes of an expression means the same: Ansible evaluates the one, we the other.

use super::{Ansible, write};
use indexmap::IndexMap;
use lustores_provision::convert;
use lustores_provision::diag::{Diagnostics, render as shown};
use lustores_provision::model::{Origin, Source};
use lustores_provision::template::{Layer, Scope, render, render_file};
use lustores_provision::yaml::{self, Node};
use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const VARS: &str = r#"
name: web
title: "Hello World"
port: 80
ratio: 2.5
enabled: true
disabled: false
empty_text: ""
nothing: null
numbers: [3, 1, 2]
words: [b, a, c, a]
more: [c, d]
nested: [[1, 2], [3]]
paths: [/etc/x, /srv/y]
user: {name: ann, uid: 1001, "home dir": /home/ann}
defaults: {a: 1, b: {c: 2}}
users: [{name: ann, uid: 1, admin: true}, {name: bob, uid: 2, admin: false}]
pairs: [{key: x, value: 1}, {key: y, value: 2}]
result: {rc: 0, failed: false, changed: true, stdout: "one\ntwo\n", stdout_lines: [one, two], stderr: ""}
version_text: "v1.24.3"
cidr: 10.1.2.3
json_text: '{"a": [1, 2]}'
sentence: "the quick  brown fox"
key: uid
encoded: aGVsbG8=
"#;

const EXPRESSIONS: &[&str] = &[
    "name",
    "user.name",
    "user['uid']",
    "user['home dir']",
    "user[key]",
    "numbers[0]",
    "numbers[-1]",
    "numbers[-2]",
    "numbers[1:]",
    "numbers[:2]",
    "users.0.name",
    "name == 'web'",
    "name != 'web'",
    "port > 79 and port < 81",
    "79 < port <= 80",
    "port >= 80 or enabled",
    "not enabled",
    "not (enabled and disabled)",
    "enabled and not disabled and port == 80",
    "enabled or disabled and disabled",
    "name in ['web', 'db']",
    "name not in [\"db\", 'x']",
    "name in [user.name, 'web']",
    "'a' in words",
    "'one' in result.stdout",
    "'uid' in user",
    "port + 1",
    "port - 1",
    "port * 2 + 1",
    "(port + 1) * 2",
    "port // 3",
    "port % 7",
    "-5 | abs",
    "ratio * 2",
    "(port / 3) | int",
    "words + ['z']",
    "name ~ '-' ~ port",
    "'prefix-' + name",
    "name + '.example.org'",
    "'on' if enabled else 'off'",
    "port if disabled else 8080",
    "missing | default('x')",
    "missing.deep | default(3)",
    "nothing is none",
    "name is not none",
    "missing is defined",
    "missing is not defined",
    "user.uid is defined and user.uid == 1001",
    "missing is undefined",
    "name | upper",
    "title | lower | replace(' ', '-')",
    "' a ' | trim",
    "name | length",
    "users | length > 1",
    "words | unique",
    "words | sort",
    "numbers | sort(reverse=true)",
    "numbers | reverse | list",
    "nested | flatten",
    "numbers | min",
    "numbers | max",
    "numbers | sum",
    "words | first",
    "words | last",
    "words | join(',')",
    "words | join",
    "users | map(attribute='name') | list",
    "users | map(attribute='name') | join(', ')",
    "users | selectattr('name', 'equalto', 'bob') | list",
    "users | rejectattr('uid', 'eq', 1) | map(attribute='uid') | first",
    "users | sum(attribute='uid')",
    "words | difference(more) | sort",
    "words | intersect(more) | sort",
    "words | union(more) | sort",
    "pairs | items2dict",
    "defaults | combine({'d': 4})",
    "defaults | combine({'b': {'e': 5}}, recursive=True)",
    "user | dict2items | map(attribute='key') | list",
    "'8' | int + 1",
    "port | string",
    "'yes' | bool",
    "version_text | regex_replace('^v(\\d+)\\..*$', '\\1')",
    "version_text | regex_search('[0-9]+')",
    "version_text | regex_findall('[0-9]+')",
    "version_text is match('v[0-9]')",
    "version_text is search('24')",
    "version_text is match('1')",
    "title is regex('o W')",
    "cidr.split('.')",
    "cidr.split('.')[0]",
    "cidr | split('.') | last",
    "sentence.split()",
    "result.stdout.splitlines()",
    "name.startswith('w')",
    "name.endswith('x')",
    "title.lower()",
    "title.replace('Hello', 'Bye')",
    "'-'.join(words)",
    "user.get('uid', 0)",
    "user.get('nope', 7)",
    "user.keys() | list",
    "result is failed",
    "result is changed",
    "result is succeeded",
    "result.rc == 0 and 'two' in result.stdout",
    "numbers is subset([1, 2, 3, 4])",
    "port is divisibleby 8",
    "port is even",
    "words is contains('a')",
    "encoded | b64decode",
    "name | b64encode",
    "name | hash('sha256')",
    "'a b/c' | urlencode",
    "(json_text | from_json).a",
    "'/etc/x/y.conf' | basename",
    "'/etc/x/y.conf' | dirname",
    "'a b' | quote",
    "enabled | ternary('a', 'b')",
    "range(1, 4) | list",
    "range(3) | list",
    "words | length == 0",
    "[]",
    "[1, 'two', true]",
    "{'a': 1, 'b': [2]}",
    "title.split(' ') | map('lower') | list",
    "missing | default([]) | length",
    "(missing | default({})).x | default('y')",
    "words | symmetric_difference(more) | sort",
    "empty_text | default('x')",
    "empty_text | length > 0",
    "sentence | capitalize",
    "words | zip(more) | list",
    "words | batch(3) | list",
    "name | hash('sha512')",
    "'a.b*c' | regex_escape",
    "['/srv', name, 'x.conf'] | path_join",
    "'10G' | human_to_bytes",
    "'%Y-%m-%d' | strftime(1767225600, utc=true)",
    "'a%2Fb+c' | urldecode",
    "users | type_debug == 'list'",
    "user | type_debug == 'dict'",
    "'1.10' is version('1.9', '>')",
    "'1.10' is version('1.10')",
    "name is string and port is not string",
    "user is mapping",
    "port is integer and ratio is not integer",
    "port is number and ratio is number",
    "enabled is boolean and name is not boolean",
    "words is sequence and name is sequence and user is sequence",
    "[enabled, disabled] is any",
    "[enabled, disabled] is all",
    "'/etc' is abs",
    "'etc' is abs",
    "name is lower and title is not lower",
    "'https://example.org/x' is url",
    "'example.org/x' is url",
    "'name' | extract(user)",
    "key | extract(user)",
];

/// Of these there is no form here, and `convert` says so.
const LEFT: &[&str] = &["title.split(' ') | map('lower') | list"];

const TEMPLATES: &[&str] = &[
    "listen {{ port }};\nserver_name {{ name }}.example.org;\n",
    "{% if enabled %}\non\n{% else %}\noff\n{% endif %}\nend\n",
    "{% if disabled %}\na\n{% elif port == 80 %}\nb\n{% else %}\nc\n{% endif %}\n",
    "{% for w in words %}\n- {{ w }}\n{% endfor %}\n",
    "x={% for w in words %}{{ w }}{% if not loop.last %},{% endif %}{% endfor %}\nend\n",
    "{% for u in users %}\n{{ loop.index }} {{ u.name }} {{ port }} {{ loop.index0 }} {{ loop.length }}\n{% endfor %}\n",
    "{% for k, v in user.items() %}\n{{ k }}={{ v }}\n{% endfor %}\n",
    "{% for u in users if u.admin %}\nadmin {{ u.name }}\n{% endfor %}\nend\n",
    "{% for u in users %}\n{% for w in words %}\n{{ u.name }}{{ w }}{{ name }}\n{% endfor %}\n{% endfor %}\n",
    "{# a comment #}\nline\n",
    "a {# gone #} b\n",
    "a {%- if enabled -%}   b   {%- endif -%}\n  c\n",
    "a {{- name -}} b\n",
    "{% if enabled %}a{% endif %}\nb\n",
    "{% if name == 'web' and port in [80, 443] %}yes{% endif %} tail\n",
    "{{ 'x' if enabled else 'y' ~ name }} {{ name ~ '-' ~ port }}\n",
    "{% raw %}{{ kept }}{% endraw %} after\n",
    "{% for x in [] %}\na\n{% else %}\nnone\n{% endfor %}\n",
    "path\\{{ name }}\n",
    "{{ port == 80 }} {{ not enabled }}\n",
    "{% if words %}\nhas\n{% endif %}\n{% if empty_text %}\nno\n{% endif %}\n",
    "{% for admin, who in users | groupby('name') %}\n{{ admin }}={{ who | length }}\n{% endfor %}\n",
    "{% for i in range(1, 4) %}{{ i }};{% endfor %}\nend",
    "{{ version_text | regex_replace('v(\\\\d+)', '\\\\1') }} {% if version_text is match('v\\\\d') %}v{% endif %}\n",
    "a\n\n{% if enabled %}\n\nb\n\n{% endif %}\n\nc\n",
];

fn scope() -> Scope {
    let source = Arc::new(Source { path: "vars.yml".into(), text: VARS.into(), secret: false });
    let node = yaml::parse(&source).unwrap();
    let layer: IndexMap<String, Node> =
        node.as_map().unwrap().iter().map(|(name, entry)| (name.clone(), entry.node.clone())).collect();
    let mut scope = Scope::new();
    scope.push(Arc::new(layer), Layer::Raw);
    scope
}

fn text(errors: &Diagnostics) -> String {
    errors.0.iter().map(|error| shown(error, false)).collect()
}

#[test]
fn converted_expressions_and_templates_mean_the_same() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let quoted = |expression: &str| format!("'{{{{ {} }}}}'", expression.replace('\'', "''"));
    let results: String = EXPRESSIONS.iter().map(|e| format!("      - {}\n", quoted(e))).collect();
    let vars = VARS.trim().lines().map(|line| format!("    {line}\n")).collect::<String>();
    let count = TEMPLATES.len();
    let playbook = format!(
        "- hosts: localhost\n  connection: local\n  gather_facts: false\n  vars:\n    \
         ansible_python_interpreter: \"{{{{ ansible_playbook_python }}}}\"\n{vars}    results:\n{results}  tasks:\n    \
         - copy: {{content: \"{{{{ results | to_json }}}}\", dest: \"{{{{ playbook_dir }}}}/results.json\"}}\n    \
         - template: {{src: \"t{{{{ item }}}}.j2\", dest: \"{{{{ playbook_dir }}}}/out{{{{ item }}}}\"}}\n      \
         loop: \"{{{{ range({count}) | list }}}}\"\n"
    );
    let folder = folder.path();
    write(folder, &[("site.yml", &playbook), ("hosts.ini", "localhost\n")]);
    for (number, template) in TEMPLATES.iter().enumerate() {
        write(folder, &[(&format!("t{number}.j2"), template)]);
    }
    ansible.ok(folder, "ansible-playbook", &["-i", "hosts.ini", "site.yml"]);
    let theirs: Vec<Json> =
        serde_json::from_str(&fs::read_to_string(folder.join("results.json")).unwrap()).unwrap();

    let scope = scope();
    let mut bad = vec![];
    for (expression, theirs) in EXPRESSIONS.iter().zip(theirs) {
        let written = format!("{{{{ {expression} }}}}");
        let turned = match convert::value(&written) {
            Ok(turned) => turned,
            Err(_) if LEFT.contains(expression) => continue,
            Err(left) => {
                bad.push(format!("{expression}: left: {}", left.message));
                continue;
            }
        };
        match render(&Node::string(&turned, &Origin::named("converted")), &scope) {
            Ok(ours) if ours.to_json() == theirs => {}
            Ok(ours) => bad.push(format!(
                "{expression}\n  became {turned}\n  theirs {theirs}\n  ours {}",
                ours.to_json()
            )),
            Err(errors) => bad.push(format!("{expression}\n  became {turned}\n  {}", text(&errors))),
        }
    }
    for (number, template) in TEMPLATES.iter().enumerate() {
        let theirs = fs::read_to_string(folder.join(format!("out{number}"))).unwrap();
        let source =
            Arc::new(Source { path: Path::new("t.j2").into(), text: (*template).into(), secret: false });
        let converted = convert::template(&source);
        let turned = Arc::new(Source { path: "t.j2".into(), text: converted.text.clone(), secret: false });
        let ours = match render_file(&turned, &scope, &|_: &str| None) {
            Ok(node) => node.as_str().unwrap_or_default().to_owned(),
            Err(errors) => text(&errors),
        };
        if ours != theirs || converted.left.has_errors() {
            let left = text(&converted.left);
            bad.push(format!(
                "{template:?}\n  became {:?}\n  theirs {theirs:?}\n  ours   {ours:?}\n{left}",
                converted.text
            ));
        }
    }
    assert!(bad.is_empty(), "{} of {}:\n{}", bad.len(), EXPRESSIONS.len() + count, bad.join("\n"));
}

#[test]
fn every_filter_and_test_of_ansible_has_an_answer_in_the_documentation() {
    let ansible = Ansible::get();
    let folder = tempfile::tempdir().unwrap();
    let page = include_str!("../../docs/from-ansible.md");
    for (kind, heading, least) in [("filter", "### Filters", 90), ("test", "### Tests", 60)] {
        let listed =
            String::from_utf8(ansible.ok(folder.path(), "ansible-doc", &["-t", kind, "-l"])).unwrap();
        let names: Vec<&str> = listed
            .lines()
            .filter_map(|line| line.split_whitespace().next()?.strip_prefix("ansible.builtin."))
            .collect();
        assert!(names.len() > least, "{listed}");
        let table = page.split(heading).nth(1).unwrap().split("\n#").next().unwrap();
        // The first column of each row, as code.
        let known: std::collections::BTreeSet<&str> = table
            .lines()
            .filter_map(|line| line.strip_prefix('|')?.split(" | ").next())
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .flat_map(|code| code.split([' ', '(']))
            .collect();
        let missing: Vec<_> = names.iter().filter(|name| !known.contains(**name)).collect();
        assert!(
            missing.is_empty(),
            "docs/from-ansible.md does not say what becomes of the {kind}s {missing:?}"
        );
    }
}
