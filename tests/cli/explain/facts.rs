//! `explain` against the truth, for facts: each fact of a host is changed once, and every line that has changed must name exactly that
//! fact of that host.

use super::mutated::{Copy, Texts, compare, facts, named, texts};
use agent::wire::Facts;
use lustores_provision::{
    cli::explain::{Explanation, From, Of, explain_all},
    site::Site,
};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

/// A project that uses facts in every way.
const SITE: &str = r#"
- hosts: all
  vars:
    system: "{{facts.os.id}}-{{facts.os.version}}"
    is_new: "{{version facts.os.version '>' '11'}}"
    of_user: {name: "{{facts.user.name}}", home: "{{facts.user.home}}"}
    sizes: {apt: small, other: large}
  tasks:
    - name: Plain
      copy:
        dest: /etc/plain
        content: |
          kernel={{facts.kernel}}
          system={{system}}
          name={{ansible_hostname}}.{{ansible_facts.domain}}
          user={{of_user.name}}
          size={{lookup sizes facts.package_manager}}
          nothing
          upper={{upper facts.os.codename}} of {{facts.cpu.threads}}
    - name: Blocks
      template: {src: blocks, dest: /etc/blocks}
    - name: Put together
      env_file: {path: /etc/env, values: {ADDRESS: "{{facts.default_ipv4.address}}", MEMORY: "{{facts.memory.total_mb}}", FIXED: x}}
    - name: Where it is
      copy: {dest: "/srv/{{facts.arch}}", content: "zone={{facts.time.timezone}}\n"}
    - name: Only there
      when: eq facts.virtualization.kind "kvm"
      copy: {dest: /etc/kvm, content: "vendor={{facts.vendor}}\n"}
    - name: Set
      set_fact:
        told: "{{facts.product}}"
        all: {swap: "{{facts.memory.swap_mb}}", fixed: 1}
    - name: Only with docker
      set_fact: {told: "docker {{facts.docker.version}}"}
      when: facts.docker.installed
    - name: What was set
      copy: {dest: /etc/set, content: "told={{told}}\nswap={{all.swap}}\nfixed={{all.fixed}}\n"}
    - name: Of the other one
      copy: {dest: /etc/other, content: "a={{hostvars.a.facts.fqdn}}\nb={{hostvars.b.facts.fqdn}}\n"}
"#;
const BLOCKS: &str = r#"
{{#if facts.systemd}}
init {{facts.init}}
{{/if}}
{{#each facts.mounts}}
mount {{path}} {{device}}
{{/each}}
{{#each facts.dns.nameservers}}
dns {{this}}
{{/each}}
{{#if is_new}}
new
{{else}}
old
{{/if}}
{{#each facts.interfaces as |interface name|}}
{{name}} {{interface.mtu}}
{{/each}}
end
"#;

/// Every single value among the facts, by its path.
fn leaves(value: &Value, path: &str, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| leaves(value, &below(name), found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(at, value)| leaves(value, &below(&at.to_string()), found));
        }
        _ => found.push(path.into()),
    }
}

/// The facts with other values at a path.
fn others(facts: &Facts, path: &str) -> Vec<Facts> {
    let json = serde_json::to_value(facts).unwrap();
    let pointer = format!("/{}", path.replace('.', "/"));
    let values = match json.pointer(&pointer).unwrap() {
        Value::String(text) => {
            let numbers: String = text.chars().take_while(char::is_ascii_digit).collect();
            let less = numbers.parse::<u32>().map(|number| json!((number / 2).to_string()));
            [less.ok(), Some(json!("other")), Some(json!(format!("{text}x")))].into_iter().flatten().collect()
        }
        Value::Bool(flag) => vec![json!(!flag)],
        Value::Number(number) => vec![json!(number.as_u64().unwrap_or(0) + 1)],
        _ => vec![],
    };
    let with = |value: Value| {
        let mut json = json.clone();
        *json.pointer_mut(&pointer).unwrap() = value;
        serde_json::from_value(json).unwrap()
    };
    values.into_iter().map(with).collect()
}

/// The path of a fact in an explanation, below `facts`.
fn path_of(from: &From) -> Option<&str> {
    let behind = from.path.rsplit_once("facts.").map(|(_, path)| path);
    behind.filter(|_| from.of == Of::Fact)
}

/// Whether this is the fact of that host, or the list or mapping that it stands in.
fn is_fact(from: &From, host: &str, fact: &str) -> bool {
    let is_it =
        |path: &str| fact == path || fact.strip_prefix(path).is_some_and(|rest| rest.starts_with('.'));
    from.place == format!("facts of {host}") && path_of(from).is_some_and(is_it)
}

type Before = BTreeMap<String, (Texts, Explanation)>;

fn before(site: &Site, hosts: &[&str]) -> Before {
    let of = |host: &str| {
        let said = explain_all(site, host).unwrap_or_else(|errors| panic!("{:?}", errors.0));
        (host.to_string(), (texts(site, host).expect("they can be rendered"), said))
    };
    hosts.iter().map(|host| of(host)).collect()
}

/// Changes each fact of each host once. How many lines came out otherwise, and the facts that have changed any.
fn change_each(site: &Site, hosts: &[&str]) -> (usize, BTreeSet<String>) {
    hosts.iter().for_each(|host| site.gathered(host, Some(&facts())));
    let before = before(site, hosts);
    let (mut wrong, mut lines, mut mattered) = (vec![], 0, BTreeSet::new());
    // Lines that a fact of a host has been seen to change: whose line, file, number, whose fact, its path.
    let mut seen: BTreeSet<(String, String, usize, String, String)> = BTreeSet::new();
    let (own, mut all) = (facts(), vec![]);
    leaves(&serde_json::to_value(&own).unwrap(), "", &mut all);
    for changed_host in hosts {
        for fact in &all {
            for other in others(&own, fact) {
                // As a host itself says it, in place of what is kept of an earlier run.
                site.gathered(changed_host, Some(&other));
                let is_it = |from: &From| is_fact(from, changed_host, fact);
                let what = format!("`facts.{fact}` of {changed_host}");
                for host in hosts {
                    let (old, said) = &before[*host];
                    let Some(after) = texts(site, host).filter(|after| after != old) else { continue };
                    let now = explain_all(site, host).unwrap_or_else(|errors| panic!("{:?}", errors.0));
                    for path in old.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                        if old.contains_key(path) && old.get(path) != after.get(path) {
                            mattered.insert(fact.clone());
                        }
                        let compared = compare(path, [(old, said), (&after, &now)], &is_it, &what);
                        lines += compared.lines;
                        wrong.extend(compared.wrong);
                        let whose = (changed_host.to_string(), fact.clone());
                        seen.extend(compared.old.into_iter().map(|line| {
                            (host.to_string(), path.clone(), line, whose.0.clone(), whose.1.clone())
                        }));
                    }
                }
                site.gathered(changed_host, Some(&own));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {lines} lines:\n{}", wrong.len(), wrong.join("\n"));
    // And the other way round: what a line is made of has changed it, when it was changed.
    let mut idle = vec![];
    for (host, (texts, said)) in &before {
        for file in said.files.iter().filter(|file| texts.contains_key(&file.path)) {
            for line in &file.lines {
                named(&line.from, &mut |from| {
                    let Some(path) = path_of(from).filter(|path| all.iter().any(|fact| fact == path)) else {
                        return;
                    };
                    let whose = from.place.trim_start_matches("facts of ").to_string();
                    if !seen.contains(&(host.clone(), file.path.clone(), line.number, whose, path.into())) {
                        idle.push(format!("{host} {}:{} {}", file.path, line.number, from.path));
                    }
                });
            }
        }
    }
    assert!(idle.is_empty(), "named, and nothing changes with it: {idle:#?}");
    (lines, mattered)
}

fn kept(hosts: &[&str]) -> BTreeMap<String, Facts> {
    hosts.iter().map(|host| (host.to_string(), facts())).collect()
}

#[test]
fn every_changed_line_names_the_fact_that_was_changed() {
    let hosts = ["a", "b"];
    let inventory = "all: {hosts: {a: , b: }}\n";
    let copy = Copy::of(&[("inventory.yml", inventory), ("site.yml", SITE), ("templates/blocks", BLOCKS)]);
    let site = copy.site("inventory.yml", "site.yml", &kept(&hosts)).expect("it has no mistakes");
    let (lines, mattered) = change_each(&site, &hosts);
    let used = [
        "arch",
        "cpu.threads",
        "default_ipv4.address",
        "dns.nameservers.0",
        "docker.installed",
        "docker.version",
        "domain",
        "fqdn",
        "hostname",
        "init",
        "interfaces.eth0.mtu",
        "kernel",
        "memory.swap_mb",
        "memory.total_mb",
        "mounts.0.device",
        "mounts.0.path",
        "os.codename",
        "os.id",
        "os.version",
        "package_manager",
        "systemd",
        "time.timezone",
        "user.name",
        "vendor",
        "virtualization.kind",
    ];
    let missing: Vec<_> = used.iter().filter(|fact| !mattered.contains(**fact)).collect();
    // With docker, what the product is called does not count.
    let more: Vec<_> = mattered.iter().filter(|fact| !used.contains(&fact.as_str())).collect();
    assert!(
        missing.is_empty() && more.is_empty(),
        "no line changes with {missing:?}; one does with {more:?}"
    );
    assert!(lines > 100, "{lines} lines");
}

#[test]
fn the_facts_that_the_site_uses_are_named() {
    let copy = Copy::of_site();
    let variables = copy.dir.path().join("inventory/group_vars/prod/vars.yml");
    let text = fs::read_to_string(&variables).unwrap();
    let key = fs::read_to_string("tests/law/signed/key.asc").unwrap().replace('\n', "\n  ");
    let docker = format!("docker_source: docker.com\ndocker_repo_key: |\n  {key}\n");
    fs::write(&variables, format!("{text}\n{docker}")).unwrap();
    let hosts = ["stores1.example.ac.uk"];
    let site = copy.site("inventory/prod.yml", "playbooks/site.yml", &kept(&hosts));
    let (_, mattered) = change_each(&site.expect("it has no mistakes"), &hosts);
    let used: Vec<&str> = mattered.iter().map(String::as_str).collect();
    assert_eq!(used, ["deb_arch", "os.codename", "os.id"], "of Docker's own source of packages");
}
