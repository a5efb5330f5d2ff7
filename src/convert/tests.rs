use super::*;
use crate::diag::{Severity, render};

fn source(path: &str, text: &str) -> Arc<Source> {
    Arc::new(Source { path: path.into(), text: text.into(), secret: false })
}

fn turned(text: &str) -> (String, String) {
    let converted = yaml(&source("tasks/main.yml", text)).unwrap();
    let left = converted.left.0.iter().map(|found| render(found, false)).collect();
    (converted.text, left)
}

#[test]
fn conditions_become_calls() {
    for (theirs, ours) in [
        ("enabled", "enabled"),
        ("not enabled", "not enabled"),
        ("not not enabled", "enabled"),
        ("a and b and c", "and a b c"),
        ("a or b and not c", "or a (and b (not c))"),
        ("(a or b) and c", "and (or a b) c"),
        ("x == 'y'", "eq x \"y\""),
        ("x != 1", "ne x 1"),
        ("1 < x <= 3", "and (lt 1 x) (le x 3)"),
        ("x is defined and x", "and (defined x) x"),
        ("x is not defined", "not (defined x)"),
        ("x is none", "not (defined x)"),
        ("x | length", "ne (length x) 0"),
        ("x | length > 0", "gt (length x) 0"),
        ("x | default(false)", "default x false"),
        ("x | default('') | length > 0", "gt (length (default x \"\")) 0"),
        ("x | default([])", "gt (length (default x [])) 0"),
        ("x | bool", "bool x"),
        ("r is failed", "r.failed"),
        ("r is not changed", "not r.changed"),
        ("r is succeeded", "not r.failed"),
        ("r.rc != 0", "ne r.rc 0"),
        ("'x' in r.stdout", "in \"x\" r.stdout"),
        ("'x' not in r.stdout", "not (in \"x\" r.stdout)"),
        ("x in [1, 'a']", "in x [1, \"a\"]"),
        ("x in [a, b]", "or (eq x a) (eq x b)"),
        ("x not in (a,)", "not (eq x a)"),
        ("r.stdout is search('a+')", "regex_match r.stdout \"a+\""),
        ("r.stdout is match 'a|b'", "regex_match r.stdout \"^(?:a|b)\""),
        ("r.stdout is regex('\\d')", "regex_match r.stdout \"\\\\d\""),
        ("r.stdout | regex_search('a')", "regex_match r.stdout \"a\""),
        ("ansible_os_family == 'Debian'", "eq facts.os.family \"debian\""),
        ("ansible_facts['distribution'] in ['Debian', 'Ubuntu']", "in facts.os.id [\"debian\", \"ubuntu\"]"),
        ("ansible_facts.distribution | lower == 'debian'", "eq facts.os.id \"debian\""),
        ("ansible_distribution_major_version | int >= 12", "ge (int (string facts.os.major)) 12"),
        ("ansible_distribution_release == \"bookworm\"", "eq facts.os.codename \"bookworm\""),
        ("inventory_hostname == groups['web'][0]", "eq inventory_hostname groups.web.[0]"),
        ("inventory_hostname in groups.web", "in inventory_hostname groups.web"),
        ("hostvars['web1']['port'] == 80", "eq hostvars.web1.port 80"),
        ("hostvars[item].net.port == 80", "eq (hostvar item \"net.port\") 80"),
        ("hostvars['web1.example.org'].port", "hostvars.[web1.example.org].port"),
        ("x is version('1.2', '>=')", "version x \">=\" \"1.2\""),
        ("x is version('1.2')", "version x \"==\" \"1.2\""),
        ("x is string and y is mapping", "and (eq (kind x) \"string\") (eq (kind y) \"mapping\")"),
        ("r is finished", "r.finished"),
        ("r is not finished", "not r.finished"),
        ("xs is any", "in true xs"),
        ("p is not abs", "not (starts_with p \"/\")"),
        ("lookup('env', 'HOME') == ''", "eq (env \"HOME\" \"\") \"\""),
        ("lookup('ansible.builtin.file', a) == ''", "eq (trim (file a)) \"\""),
        ("now(fmt='%Y') == '2026'", "eq (now \"%Y\") \"2026\""),
        ("now().strftime('%Y') == '2026'", "eq (now \"%Y\") \"2026\""),
        ("x | type_debug == 'dict'", "eq (kind x) \"mapping\""),
        ("x | hash('sha512') == y", "eq (hash x \"sha512\") y"),
        ("['/a', b] | path_join == c", "eq (path_join \"/a\" b) c"),
        ("x | ipaddr('1') | ipaddr('address') == y", "eq (ip_host x 1) y"),
        ("x | ansible.utils.ipaddr('1') == y", "eq (join (list (ip_host x 1) (ip_prefix x)) \"/\") y"),
        ("a | zip(b) | list == c", "eq (zip a b) c"),
        ("'a' | extract(m) == c", "eq m.a c"),
        ("h | extract(hostvars, 'port') == c", "eq (hostvar h \"port\") c"),
        ("ansible_distribution == 'RedHat'", "eq ansible_distribution \"RedHat\""),
        (
            "ansible_facts['os_family'] in ['Debian', 'Archlinux']",
            "in ansible_os_family [\"Debian\", \"Archlinux\"]",
        ),
        ("ansible_facts['service_mgr'] == 'systemd'", "eq ansible_service_mgr \"systemd\""),
        ("'eth0' in ansible_interfaces", "in \"eth0\" ansible_interfaces"),
        ("ansible_facts.date_time.epoch == x", "eq ansible_date_time.epoch x"),
        ("hostvars[h]['ansible_facts']['os_family'] == x", "eq (hostvar h \"ansible_facts.os_family\") x"),
        ("a[b] == 1", "eq (lookup a b) 1"),
        ("a['x y'].z", "a.[x y].z"),
        ("a.split(':')[0] == 'x'", "eq (lookup (split a \":\") 0) \"x\""),
        ("a.b.get('c', 1) == 2", "eq (default a.b.c 1) 2"),
        ("a == none", "eq a null"),
        ("item.0.name == 'x'", "eq item.[0].name \"x\""),
    ] {
        match condition(theirs) {
            Ok(found) => assert_eq!(found, ours, "{theirs}"),
            Err(left) => panic!("{theirs}: {}", left.message),
        }
    }
}

#[test]
fn what_has_no_form_is_left_with_a_hint() {
    for (theirs, message) in [
        ("a + b", "`+` may add numbers, and join lists or texts"),
        ("a / b", "`/` gives a fraction"),
        ("a ** 2", "`**` is not there"),
        ("(a ~ b) in c", "texts are joined in a template"),
        ("lookup('pipe', 'date') == ''", "`lookup` looks beyond the variables"),
        ("lookup('file', 'a', 'b') == ''", "`lookup` looks beyond the variables"),
        ("now() == 1", "`now()` is a time to the microsecond there"),
        ("x | groupby('a')", "the filter `groupby` is not there"),
        ("x | hash('md5') == ''", "the filter `hash` is not there"),
        ("x | path_join", "the filter `path_join` is not there"),
        ("x is version('1', '>', strict=true)", "only a version and an operator"),
        ("ansible_default_ipv4.netmask", "there is no such fact here"),
        ("ansible_lsb.nonsense", "there is no such fact here"),
        ("x | json_query('a')", "the filter `json_query` is not there"),
        ("x | default('y', true)", "`default(x, true)` replaces what is empty too"),
        ("x | map('lower') | list", "`map` applies a filter to each item"),
        ("x | selectattr('a', 'defined') | list", "only equality of a key chooses here"),
        ("x is search('(?=a)')", "this regular expression is not valid here"),
        ("ansible_mounts | length > 0", "there is no such fact here"),
        ("x[::2]", "a slice with a step is not there"),
        ("a ==", "the expression ends too early"),
        ("a b", "`b` is not expected here"),
        ("'open", "a string has no end"),
        ("a $ b", "`$` is not part of any expression"),
        ("x.append(1)", "`.append()` changes a value"),
        ("99999999999999999999 == a", "the number is too large"),
        ("hostvars", "`hostvars` is not there"),
        ("x | list", "`list` may make a list"),
    ] {
        match condition(theirs) {
            Ok(found) => panic!("{theirs} became {found}"),
            Err(left) => assert!(left.message.contains(message), "{theirs}: {}", left.message),
        }
    }
}

#[test]
fn nothing_hostile_takes_long_or_uses_up_the_stack() {
    for text in [
        "(".repeat(100_000),
        "not ".repeat(100_000),
        "-".repeat(100_000),
        format!("a{}", ".b".repeat(100_000)),
        format!("a{}", " + a".repeat(100_000)),
        format!("a{}", " | lower".repeat(100_000)),
        format!("a{}", "[0]".repeat(100_000)),
        format!("{}a{}", "[".repeat(50_000), "]".repeat(50_000)),
        format!("a{}", " if b else c".repeat(50_000)),
        format!("a{}", " and a".repeat(50_000)),
    ] {
        let _ = condition(&text);
        let _ = value(&format!("{{{{ {text} }}}}"));
        let _ = value(&format!("{{% if {text} %}}x{{% endif %}}"));
    }
    let _ = value(&"{% if a %}".repeat(20_000));
    let _ = value(&"{{".repeat(50_000));
}

#[test]
fn comments_and_layout_stay() {
    let (text, left) = turned(
        "---\n# install\n- name:   install {{ app }}   # why\n  ansible.builtin.apt:\n    name: \"{{ packages }}\"\n    \
         state: present\n  become: yes\n  when: app is defined and   x == \"y\"\n\n- name: config\n  template:\n    \
         src: a.j2\n    dest: \"/etc/{{ app | default('x') }}/a.conf\"\n    mode: 0644\n  notify:\n    - restart {{ app }}\n  \
         when:\n    - \"a == 'b'\"\n    - not (b | bool)   # off\n    - c\n",
    );
    assert_eq!(left, "");
    assert_eq!(
        text,
        "---\n# install\n- name:   install {{app}}   # why\n  package:\n    name: \"{{packages}}\"\n    state: present\n  \
         become: true\n  when: and (defined app) (eq x \"y\")\n\n- name: config\n  template:\n    src: a.j2\n    dest: \
         '/etc/{{default app \"x\"}}/a.conf'\n    mode: \"0644\"\n  notify:\n    - restart {{app}}\n  when:\n    - 'eq a \
         \"b\"'\n    - not (bool b)   # off\n    - c\n"
    );
}

#[test]
fn every_style_of_scalar_is_written_again() {
    for (theirs, ours) in [
        ("a: '{{ x }}'\n", "a: '{{x}}'\n"),
        ("a: '{{ x | d(\"it''s\") }}'\n", "a: '{{default x \"it''s\"}}'\n"),
        ("a: \"{{ x | d('y') }}\"\n", "a: '{{default x \"y\"}}'\n"),
        ("a: \"{{ x }}\\n\"\n", "a: \"{{x}}\\n\"\n"),
        ("a: \"{{ x | d('y') }}\\t\"\n", "a: \"{{default x \\\"y\\\"}}\\t\"\n"),
        ("a: x {{ y }} z # c\n", "a: x {{y}} z # c\n"),
        (
            "a: |\n  x {{ y }}\n  {% if z %}\n  w\n  {% endif %}\nb: 1\n",
            "a: |\n  x {{y}}\n  {{#if z}}\n  w\n  {{/if}}\nb: 1\n",
        ),
        ("a: >-\n  {{ x\n  | lower }}\n", "a: >-\n  {{lower x}}\n"),
        ("a: [\"{{ x }}\", '{{ y }}']\n", "a: [\"{{x}}\", '{{y}}']\n"),
        ("a: {b: \"{{ x }}\"}\n", "a: {b: \"{{x}}\"}\n"),
        ("\"{{ x }}\": 1\n", "\"{{x}}\": 1\n"),
        ("a: &b \"{{ x }}\"\nc: *b\n", "a: &b \"{{x}}\"\nc: *b\n"),
        ("a: &b {c: \"{{ x }}\"}\nd:\n  <<: *b\n", "a: &b {c: \"{{x}}\"}\nd:\n  <<: *b\n"),
        ("a: !unsafe \"{{ x }}\"\n", "a: !unsafe \"{{ x }}\"\n"),
        ("a: \"ü {{ x }}\"\n", "a: \"ü {{x}}\"\n"),
        ("a: \"{{ x }}-\n  {{ y }}\"\n", "a: \"{{x}}- {{y}}\"\n"),
        ("a: \"{{ '{{' }}\"\n", "a: '{{string \"{{\"}}'\n"),
        ("a: yes\nb: 'yes'\nc: No\n", "a: true\nb: 'yes'\nc: false\n"),
        ("a: \"{{ x ~ '-' ~ y }}\"\n", "a: \"{{x}}-{{y}}\"\n"),
        ("a: plain\r\nb: \"{{ x }}\"\r\n", "a: plain\r\nb: \"{{x}}\"\r\n"),
    ] {
        let converted = yaml(&source("vars/main.yml", theirs)).unwrap();
        let errors: String = converted
            .left
            .0
            .iter()
            .filter(|d| d.severity == Severity::Error)
            .map(|d| render(d, false))
            .collect();
        assert_eq!((converted.text.as_str(), errors.as_str()), (ours, ""), "{theirs}");
    }
}

#[test]
fn loops_modules_and_keywords() {
    let (text, left) = turned(
        "- copy: {content: \"{{ item.key }}={{ item.value }}\", dest: /x}\n  with_dict: \"{{ settings }}\"\n\
         - package: {name: \"{{ item }}\"}\n  with_items: [a, b]\n\
         - package: {name: \"{{ item }}\"}\n  with_items: \"{{ packages }}\"\n\
         - block:\n    - ansible.posix.sysctl: {name: a, value: 1}\n  rescue:\n    - debug: {msg: \"{{ x }}\"}\n  when: a | bool\n\
         - assert:\n    that: [a == 1, \"b is defined\"]\n\
         - debug: {var: result.stdout}\n- command: echo {{ x | quote }}\n  changed_when: \"'x' in r.stdout\"\n  register: r\n",
    );
    assert_eq!(left, "");
    for part in [
        "loop: \"{{items settings}}\"",
        "  loop: [a, b]",
        "loop: \"{{packages}}\"",
        "- sysctl: {name: a, value: 1}",
        "  when: bool a",
        "that: [eq a 1, \"defined b\"]",
        "- debug: {msg: '{{to_json result.stdout}}'}",
        "- command: echo {{quote x}}\n  changed_when: 'in \"x\" r.stdout'",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
    let (text, left) = turned(
        "- uri: {url: x}\n- set_fact: {a: \"{{ b }}\"}\n- nonsense: {a: \"{{ b }}\"}\n- copy: {src: a, dest: /b, directory_mode: \"0755\"}\n\
         - apt: {name: x, update_cache: true, force: true}\n- file: {path: /x}\n  with_sequence: start=1 end=3\n  run_once: true\n\
         - debug: {msg: x}\n  with_items: [\"{{ a }}\", b]\n- copy: src=a dest={{ b }}\n",
    );
    for part in [
        "tasks/main.yml:1:3",
        "`uri` is `http` here, with other parameters",
        "there is no resource `nonsense`",
        "`copy` has no parameter `directory_mode` here",
        "`apt` is `package` here, with other parameters",
        "`with_sequence` is not there",
        "`with_items` takes lists inside of its list apart",
        "`copy` takes its parameters below it here",
    ] {
        assert!(left.contains(part), "`{part}` is not in\n{left}");
    }
    assert!(text.contains("- nonsense: {a: \"{{b}}\"}"), "{text}");
}

/// What only shows on the host elsewhere is told where the role itself says it.
#[test]
fn a_directory_that_is_copied_on_the_host_is_pointed_at() {
    for said in ["true", "yes"] {
        let (_, left) = turned(&format!("- copy: {{src: \"{{{{ a }}}}/\", dest: /b, remote_src: {said}}}\n"));
        assert!(left.contains("`remote_src` of `copy` copies no directory here"), "{left}");
        assert!(
            left.contains("hint: `command: {argv: [cp, -a, FROM, TO], creates: TO}` copies it once"),
            "{left}"
        );
    }
    for other in [
        "- copy: {src: /a/b, dest: /b/, remote_src: true}\n",
        "- copy: {src: a/, dest: /b, remote_src: false}\n",
        "- unarchive: {src: /a/, dest: /b, remote_src: true}\n",
    ] {
        assert!(!turned(other).1.contains("copies no directory"), "{other}");
    }
}

#[test]
fn parameters_in_a_line_become_a_mapping() {
    for (theirs, ours) in [
        ("command: make creates=/x chdir='/a b'", "command: {cmd: \"make\", creates: /x, chdir: \"/a b\"}"),
        ("shell: chdir={{ d }} a > b warn=no", "shell: {cmd: \"a > b\", chdir: \"{{d}}\"}"),
        ("shell: a executable=/bin/bash", "shell: {cmd: \"a\", executable: /bin/bash}"),
        ("command: \"make {{ x | quote }} creates=/x\"", "command: {cmd: \"make {{quote x}}\", creates: /x}"),
        ("debug: msg=\"it is\"", "debug: {msg: \"it is\"}"),
        ("debug: var=a.b", "debug: {msg: \"{{to_json a.b}}\"}"),
        ("ansible.builtin.include_tasks: a.yml", "include_tasks: a.yml"),
        ("include_tasks: \"{{ a }}.yml\"", "include_tasks: \"{{a}}.yml\""),
    ] {
        assert_eq!(turned(&format!("- {theirs}\n")), (format!("- {ours}\n"), String::new()));
    }
    for (theirs, part) in [
        ("command: a executable=/bin/bash", "only `shell` takes"),
        ("shell: |\n    a\n    creates=/x", "a line of its own: `creates: /x`"),
        ("command: a {{ b + c }} creates=/x", "`+` may add numbers"),
        ("set_fact: {a: 1, cacheable: true}", "remove it: what is set lasts for the run"),
    ] {
        let text = format!("- {theirs}\n");
        let (found, left) = turned(&text);
        assert!(left.contains(part), "{left}");
        assert_eq!(found, text);
    }
}

#[test]
fn groups_are_looped_over() {
    let converted =
        template(&source("a.j2", "{% for k, v in xs | groupby('a') %}{{ k }}{{ v | length }}{% endfor %}"));
    assert_eq!(
        (converted.text.as_str(), converted.left.0.len()),
        ("{{#each (group_by xs \"a\") as |v k|}}{{k}}{{length v}}{{/each}}", 0)
    );
}

#[test]
fn a_header_of_settings_goes_or_leaves_the_template_alone() {
    let text = "#jinja2: lstrip_blocks: True, trim_blocks:true\n  {% if a %}\nb\n  {% endif %}\n";
    let converted = template(&source("a.j2", text));
    assert_eq!((converted.text.as_str(), converted.left.0.len()), ("  {{#if a}}\nb\n  {{/if}}\n", 0));
    for setting in
        ["trim_blocks: False", "variable_start_string: '[['", "lstrip_blocks: True, newline_sequence:x"]
    {
        let text = format!("#jinja2: {setting}\n{{{{ a | lower }}}}\n");
        let converted = template(&source("a.j2", &text));
        assert_eq!(converted.text, text);
        let left: String = converted.left.0.iter().map(|d| render(d, false)).collect();
        assert!(left.contains("a.j2:1:1") && left.contains("for itself"), "{left}");
    }
    assert_eq!(template(&source("a.j2", "# jinja2: x\n")).text, "# jinja2: x\n");
    assert_eq!(template(&source("a.j2", "#jinja2: lstrip_blocks: False")).text, "");
}

#[test]
fn what_is_ours_already_stays() {
    let text =
        "- debug: {msg: '{{default x \"y\"}} {{a.[0]}}'}\n  when: [and (defined x) (eq y 1), not r.failed]\n";
    assert_eq!(turned(text), (text.to_owned(), String::new()));
    let text =
        "{{#each a as |b|}}{{#if (eq b @root.c)}}{{b}}{{else if d}}{{> e}}{{/if}}{{/each}}{{! note }}\n";
    let converted = template(&source("a.j2", text));
    assert_eq!((converted.text.as_str(), converted.left.0.len()), (text, 0));
}

#[test]
fn mistakes_have_their_place() {
    let (text, left) = turned("- debug:\n    msg: \"a {{ b | json_query('x') }} {{ c }}\"\n");
    assert_eq!(text, "- debug:\n    msg: \"a {{ b | json_query('x') }} {{c}}\"\n");
    assert!(left.contains("tasks/main.yml:2:18") && left.contains("hint:"), "{left}");
    let (_, left) = turned("- debug: {msg: x}\n  when: a is foo\n");
    assert!(left.contains("tasks/main.yml:2:11"), "{left}");
    let converted = template(&source("a.j2", "x\n{% set a = 1 %}\n{{ b + c }}\n"));
    let left: String = converted.left.0.iter().map(|d| render(d, false)).collect();
    assert!(left.contains("a.j2:2:4") && left.contains("a.j2:3:4"), "{left}");
    assert_eq!(converted.text, "x\n{% set a = 1 %}\n{{ b + c }}\n");
}

#[test]
fn a_block_that_cannot_be_turned_is_left_as_a_whole() {
    let converted = template(&source(
        "a.j2",
        "{% if a is foo %}{{ b }}{% elif c %}d{% else %}e{% endif %}{% for a, b in c %}{{ a }}{% endfor %}",
    ));
    assert_eq!(
        converted.text,
        "{% if a is foo %}{{b}}{% elif c %}d{% else %}e{% endif %}{% for a, b in c %}{{a}}{% endfor %}"
    );
    assert_eq!(converted.left.0.len(), 2);
    for open in ["{% if a %}x", "{{ a", "{% raw %}x", "{# x", "{% endif %}", "{% for %}", "{%%}", "{{}}"] {
        assert!(template(&source("a.j2", open)).left.has_errors(), "{open}");
    }
}
