//! Inventories of many shapes.

/// Inventories with their variable files; the first file of each is the inventory, or the folder where its name ends in `/`.
/// `SEALED:` marks what is to be a vault.
pub const INVENTORIES: &[&[(&str, &str)]] = &[
    // Every layer, each taking one more variable from the one below.
    &[
        (
            "inv/hosts.yml",
            "all:
  vars: {a: all, b: all, c: all, d: all, e: all, f: all}
  hosts:
    lone: {f: host}
web:
  vars: {a: web, b: web}
  hosts: {vm1: {e: host}, vm2: }
",
        ),
        ("inv/group_vars/all.yml", "b: gv-all\nc: gv-all\nx: [1, 2.5, true, null, text]\n"),
        ("inv/group_vars/web.yml", "c: gv-web\ne: gv-web\n"),
        ("inv/host_vars/vm2.yml", "d: hv\n"),
        ("pb/group_vars/all.yml", "c: pb-all\nb: pb-all\n"),
        ("pb/host_vars/vm2/z.yml", "d: pb-hv\n"),
    ],
    // A diamond whose ways down differ in length; names decide among equals.
    &[
        (
            "inv/hosts.yml",
            "all:
  children:
    top:
      vars: {v: top, w: top}
      children:
        left: {vars: {v: left, w: left}, children: {bottom: }}
        alpha:
          vars: {v: alpha}
          children:
            mid: {vars: {v: mid, x: mid}, children: {bottom: }}
    bottom: {vars: {w: bottom}, hosts: {vm1: , vm2: }}
    zulu: {vars: {v: zulu, x: zulu, w: zulu}, hosts: {vm1: }}
    beta: {vars: {v: beta, x: beta}, hosts: {vm2: , vm3: }}
    aaa: {vars: {v: aaa}, hosts: {vm3: }}
",
        ),
        ("inv/group_vars/zulu.yml", "y: zulu\n"),
        ("inv/group_vars/mid.yml", "y: mid\n"),
    ],
    // Priorities, ranges, ports.
    &[
        (
            "inv/hosts.yml",
            "high:
  vars: {ansible_group_priority: 10, v: high, n: {deep: high}}
  hosts: {\"vm[01:03].example.org\": {r: range}, \"db[a:c]\": , \"p:2201\": }
other:
  vars: {v: other, w: other, n: {only: other}}
  hosts: {vm02.example.org: , dbb: {r: own}, \"vm[3:9:3]\": }
third:
  vars: {ansible_group_priority: 20, w: third}
  hosts: {vm02.example.org: }
",
        ),
        ("inv/group_vars/high.yml", "g: high\n"),
        ("inv/group_vars/other.yml", "g: other\n"),
        ("inv/group_vars/third.yml", "h: third\n"),
        ("pb/group_vars/other.yml", "g: pb-other\nh: pb-other\n"),
    ],
    // Folders of files, several forms at once, ungrouped hosts.
    &[
        ("inv/hosts.yml", "ungrouped: {hosts: {free: , both: }}\nweb: {hosts: {both: , vm1: }}\n"),
        ("inv/group_vars/ungrouped.yml", "u: ungrouped\n"),
        ("inv/group_vars/web/20.yml", "a: 20\nb: 20\n"),
        ("inv/group_vars/web/10.yaml", "a: 10\nc: 10\n"),
        ("inv/group_vars/web/30", "b: 30\n"),
        ("inv/group_vars/web/.hidden.yml", "a: hidden\n"),
        ("inv/group_vars/web/old.yml~", "a: old\n"),
        ("inv/group_vars/web/note.txt", "not yaml: [\n"),
        ("inv/group_vars/web/sub/40.json", "{\"d\": {\"x\": 1}}"),
        ("inv/group_vars/web.yml", "a: ignored\nz: ignored\n"),
        ("inv/group_vars/stranger.yml", "a: stranger\n"),
        ("pb/group_vars/web.yaml", "c: pb\n"),
    ],
    // JSON, and whole files in a vault.
    &[
        (
            "inv/hosts.json",
            r#"{"all": {"children": {"db": {"hosts": {"vm1": {"a": 1}, "vm2": null}, "vars": {"a": 2, "b": 2}},
                "web": {"hosts": {"vm1": {"c": 3}}}}}}"#,
        ),
        ("inv/group_vars/db.yml", "SEALED:b: sealed\nd: {e: [sealed]}\n"),
        ("inv/host_vars/vm2/vault.yml", "SEALED:b: host\n"),
    ],
    // INI: groups, ranges, ports, quotes, comments, values that are Python's literals.
    &[(
        "inv/hosts",
        "# before the first group
lone.example.org a=1
; another comment

[web]
web[1:3].example.org http_port=80 b='two words' c=\"3\" d='\"3\"'
web4:2222 e=[1,'x'] f={\"k\":1} g=True h=true i=None j=0644 k=1.50   # a comment
alias ansible_host=10.0.0.7 ansible_user=deploy l=a\\ b m=x=y n=

[db]
db-[a:c]
web4 o=again
",
    )],
    // INI: variables of groups keep their quotes only where they are literals.
    &[(
        "inv/hosts.ini",
        "[web]
vm1
vm2

[web:vars]
a=1
b = spaces around
c='quoted'
d=\"double\"
e=[1, 2, {'three': 3}]
f=no # comment
g=5 # comment
h=a=b=c
i=-o ProxyCommand='ssh -W %h:%p x'
j=False
k=1_000
l=0x1f
m=1e3
n=10.0.0.1
o=
p=1,2
q={'a': None}
r='it\\'s'
s='a' 'b'
t=u'text'
",
    )],
    // INI: children, also declared later, and their variables.
    &[
        (
            "inv/hosts",
            "[site:children]
web
db

[web]
vm1

[db]
vm2 ansible_port=22

[site:vars]
a=site
b=site

[db:vars]
b=db

[all:vars]
a=all
c=all

[empty]
",
        ),
        ("inv/group_vars/site.yml", "d: file\nb: file\n"),
        ("inv/host_vars/vm2.yml", "e: file\n"),
    ],
    // INI: priority, and `ungrouped`.
    &[(
        "inv/hosts",
        "free
[one]
vm1
[two]
vm1
[one:vars]
ansible_group_priority=10
a=one
[two:vars]
a=two
[ungrouped:vars]
u=1
",
    )],
    // INI: the same host and group twice, a section with a comment behind it.
    &[(
        "inv/hosts",
        "[web] # first
vm1 a=1 b=1
[db]
vm1 b=2
[web]
vm2
vm1 c=3
",
    )],
    // INI without an ending, that begins with a host and a port.
    &[("inv/machines", "vm1:2200\nvm2:2201 a=b\n[g]\nvm1\n")],
    // YAML without an ending.
    &[("inv/machines", "---\nall:\n  hosts:\n    vm1: {a: 1}\n")],
    &[("inv/machines", "# a comment\nweb:\n  hosts:\n    vm1:\n")],
    // A folder: YAML and INI beside each other, the later file wins.
    &[
        ("inv/", ""),
        ("inv/01-static", "[web]\nvm1 a=01 b=01\nvm2\n[web:vars]\nv=01\nw=01\n"),
        ("inv/02-more.yml", "web: {vars: {v: 2}, hosts: {vm1: {a: 2}, vm3: }}\n"),
        ("inv/group_vars/web.yml", "x: file\n"),
        ("inv/host_vars/vm3/one.yml", "y: file\n"),
    ],
    // A folder: what is left out, and folders inside.
    &[
        ("inv/", ""),
        ("inv/.hidden.yml", "hidden: {hosts: {no1: }}\n"),
        ("inv/hosts.yml~", "backup: {hosts: {no2: }}\n"),
        ("inv/hosts.bak", "backup: {hosts: {no3: }}\n"),
        ("inv/more.ini", "[db]\nvm4\n"),
        ("inv/settings.cfg", "[no]\nno5\n"),
        ("inv/README.md", "# words: here\n"),
        ("inv/note.txt", "words\n"),
        ("inv/hosts.yml", "web: {hosts: {vm1: }}\n"),
        ("inv/more/db.yml", "db: {hosts: {vm2: }, children: {web: }}\n"),
        ("inv/more/group_vars/db.yml", "a: not beside the inventory\n"),
        ("inv/group_vars/db.yml", "b: beside\n"),
    ],
    // A folder: groups that refer to each other across files.
    &[
        ("inv/", ""),
        ("inv/a", "[web]\nvm1\n[db]\nvm2\n"),
        ("inv/b", "[site:children]\nweb\ndb\n[site:vars]\na=1\n"),
        ("inv/c.yml", "site: {vars: {b: 2}}\ntop: {children: {site: }, vars: {a: 0, c: 0}}\n"),
    ],
    // A folder: priorities set in another file than the group.
    &[
        ("inv/", ""),
        ("inv/a.yml", "one: {hosts: {vm1: }, vars: {v: one}}\ntwo: {hosts: {vm1: }, vars: {v: two}}\n"),
        ("inv/b.yml", "one: {vars: {ansible_group_priority: 9}}\n"),
    ],
    // A program that knows all variables at once.
    &[
        (
            "inv/cloud",
            r#"#!/bin/sh
[ "$1" = --list ] || exit 7
cat << 'END'
{"_meta": {"hostvars": {"vm1": {"a": 1, "deep": {"b": [1, 2]}}, "stranger": {"a": 9}}},
 "web": {"hosts": ["vm1", "vm2"], "vars": {"v": "web", "a": 0}, "children": ["inner"]},
 "inner": ["vm3"],
 "all": {"vars": {"w": "all"}},
 "ungrouped": {"hosts": ["free"]}}
END
"#,
        ),
        ("inv/group_vars/inner.yml", "x: file\n"),
    ],
    // A program that is asked for each host.
    &[(
        "inv/cloud.sh",
        r#"#!/bin/sh
case $1 in
    --list) echo '{"web": ["vm1", "vm2"], "db": {"hosts": ["vm2"]}}' ;;
    --host) printf '{"name": "%s", "tab":\t"x"}' "$2" ;;
esac
"#,
    )],
    // The old form: a host where a group should be.
    &[(
        "inv/old.sh",
        "#!/bin/sh\necho '{\"_meta\": {\"hostvars\": {}}, \"vm1\": {\"a\": 1, \"b\": \"x\"}}'\n",
    )],
    // A program and a file in one folder.
    &[
        ("inv/", ""),
        (
            "inv/10-cloud",
            "#!/bin/sh\necho '{\"_meta\": {\"hostvars\": {\"vm1\": {\"a\": 1}}}, \"web\": [\"vm1\"]}'\n",
        ),
        ("inv/20-static.yml", "web: {vars: {v: 1}, hosts: {vm1: {a: 2}}}\ndb: {children: {web: }}\n"),
    ],
    // YAML: hosts as a text, groups without anything, three levels.
    &[(
        "inv/hosts.yaml",
        "all:
  hosts: single
  children:
    a:
      children:
        b:
          children:
            c:
              hosts: deep
              vars: {v: c, w: c}
          vars: {v: b, x: b}
      vars: {v: a, y: a}
    nothing:
",
    )],
    // YAML: one group at two places adds up.
    &[(
        "inv/hosts.yml",
        "web: {hosts: {vm1: {a: 1}}, vars: {v: 1}}
all:
  children:
    web: {hosts: {vm2: {b: 2}}, vars: {w: 2}}
    other: {children: {web: {vars: {v: 3}}}}
",
    )],
    // YAML: types of values, multi-line texts, anchors.
    &[(
        "inv/hosts.yml",
        "all:
  vars:
    int: 1
    float: 1.5
    hex: 0x1f
    text: '1'
    none: null
    tilde: ~
    empty: ''
    list: [1, [2, {a: b}]]
    folded: >
      one
      two
    literal: |
      one
        two
    base: &base {a: 1, b: 2}
    copy: *base
  hosts:
    vm1:
",
    )],
    // A host in many groups of one depth: the name decides, unless a priority does.
    &[(
        "inv/hosts.yml",
        "m: {hosts: {vm1: }, vars: {v: m, w: m}}
z: {hosts: {vm1: }, vars: {v: z, w: z}}
a: {hosts: {vm1: }, vars: {v: a, w: a, x: a}}
k: {hosts: {vm1: }, vars: {ansible_group_priority: 2, w: k}}
",
    )],
    // Files of the playbook over those of the inventory, for groups within groups.
    &[
        ("inv/hosts.yml", "top: {children: {low: {hosts: {vm1: }}}}\n"),
        ("inv/group_vars/low.yml", "a: inv-low\nb: inv-low\n"),
        ("pb/group_vars/top.yml", "a: pb-top\nc: pb-top\n"),
        ("pb/group_vars/all.yml", "a: pb-all\nb: pb-all\nc: pb-all\nd: pb-all\n"),
        ("inv/host_vars/vm1.yml", "e: inv\n"),
        ("pb/host_vars/vm1.yml", "e: pb\n"),
    ],
    // Names with dots, dashes and upper case; files named after them.
    &[
        ("inv/hosts.yml", "Web-1.x: {hosts: {A.example.org: , b_c: }}\n"),
        ("inv/group_vars/Web-1.x.yml", "a: 1\n"),
        ("inv/host_vars/A.example.org.yml", "b: 2\n"),
        ("inv/host_vars/b_c/x.json", "{\"c\": 3}\n"),
    ],
    // IPv6 addresses and ports.
    &[("inv/hosts.yml", "web: {hosts: {\"10.0.0.1:2222\": , \"fe80::1\": , \"[2001:db8::1]:22\": }}\n")],
    // Steps and letters in ranges, in both forms.
    &[
        ("inv/", ""),
        ("inv/a", "[one]\nvm[0:10:5]\nr[01:03]-[a:b]\n"),
        ("inv/b.yml", "two: {hosts: {\"vm[5:15:5]\": {x: 1}, \"q[098:101]\": }}\n"),
    ],
    // A vault in a folder, and vaulted files for groups that an INI file declares.
    &[
        ("inv/", ""),
        ("inv/hosts", "[db]\nvm1\n"),
        ("inv/group_vars/db/vault.yml", "SEALED:password: geheim\n"),
        ("inv/group_vars/db/vars.yml", "user: postgres\n"),
    ],
];
