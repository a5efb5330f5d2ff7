//! Ansible's facts and magic variables, and what they are called here.

use super::{
    ast::{Expr, Kind},
    emit::Type,
};
use crate::{
    model::Source,
    yaml::{self, Node},
};
use std::sync::{Arc, OnceLock};

/// What becomes of a fact.
pub(crate) enum Fact {
    Same(&'static str, Type),
    /// A call, with `{}` where the path stands.
    Call(&'static str, &'static str, Type),
    /// A name of Ansible's that is there as it is.
    Named(String),
    /// There is none; what to do instead.
    Unknown(&'static str),
}

/// The name of a fact: of `ansible_facts['x']`, `ansible_facts.x` and `ansible_x` it is `x`; parts are joined by dots.
fn name_of(expr: &Expr) -> Option<String> {
    let under = |inner: &Expr, name: &str| match &inner.kind {
        Kind::Name(facts) if facts == "ansible_facts" => Some(name.to_owned()),
        _ => Some(format!("{}.{name}", name_of(inner)?)),
    };
    match &expr.kind {
        Kind::Name(name) => name.strip_prefix("ansible_").filter(|name| *name != "facts").map(str::to_owned),
        Kind::Attribute(inner, name) => under(inner, name),
        Kind::Item(inner, key) => match &key.kind {
            Kind::Text(name) => under(inner, name),
            _ => None,
        },
        _ => None,
    }
    .map(|name| name.strip_prefix("ansible_").map_or(name.clone(), str::to_owned))
}

/// Variables of the inventory, which are no facts.
const SETTINGS: &[&str] = &[
    "host",
    "port",
    "user",
    "password",
    "connection",
    "become",
    "become_user",
    "become_method",
    "become_password",
    "become_pass",
    "ssh_private_key_file",
    "private_key_file",
    "ssh_common_args",
    "ssh_extra_args",
    "ssh_args",
    "ssh_pass",
    "ssh_host",
    "ssh_port",
    "ssh_user",
    "python_interpreter",
    "group_priority",
];

/// What an expression is as a fact; `None` when it is none.
pub(crate) fn fact(expr: &Expr) -> Option<Fact> {
    let name = name_of(expr)?;
    let first = name.split('.').next().unwrap_or_default();
    if SETTINGS.contains(&first) {
        return None;
    }
    Some(match name.as_str() {
        "distribution_release" | "lsb.codename" => Fact::Same("facts.os.codename", Type::Text),
        "distribution_major_version" => Fact::Call("string {}", "facts.os.major", Type::Text),
        "architecture" | "machine" => Fact::Same("facts.arch", Type::Text),
        "hostname" => Fact::Same("facts.hostname", Type::Text),
        "kernel" => Fact::Same("facts.kernel", Type::Text),
        "processor_vcpus" => Fact::Same("facts.cpu.threads", Type::Number),
        "memtotal_mb" => Fact::Same("facts.memory.total_mb", Type::Number),
        "user_id" => Fact::Same("facts.user.name", Type::Text),
        "user_uid" => Fact::Same("facts.user.uid", Type::Number),
        "fqdn" => Fact::Same("facts.fqdn", Type::Text),
        "default_ipv4.address" => Fact::Same("facts.default_ipv4.address", Type::Text),
        "default_ipv6.address" => Fact::Same("facts.default_ipv6.address", Type::Text),
        "default_ipv4.interface" => Fact::Same("facts.default_ipv4.interface", Type::Text),
        "default_ipv4.gateway" => Fact::Same("facts.default_ipv4.gateway", Type::Text),
        "managed" => Fact::Unknown("write a comment of your own into the template"),
        "check_mode" => Fact::Unknown("`--check` is the plan that `apply` acts on: no task need ask"),
        "play_hosts" | "play_batch" | "play_hosts_all" => Fact::Unknown("`groups.NAME` holds hosts"),
        "env" => Fact::Unknown("the environment is not looked at: `-e name=value`, or a variable"),
        _ if is_there(&name) => Fact::Named(format!("ansible_{name}")),
        _ => Fact::Unknown(
            "`doc facts` lists what there is: facts.os, arch, hostname, kernel, cpu, memory, default_ipv4, ...",
        ),
    })
}

/// Names of Ansible for facts, which `site` renders.
const NAMES: &str = include_str!("../site/ansible.yml");

/// Whether a fact is among these: a value, or a part of one.
fn is_there(name: &str) -> bool {
    static KNOWN: OnceLock<Option<Node>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let source = Source { path: "ansible.yml".into(), text: NAMES.into(), secret: false };
        yaml::parse(&Arc::new(source)).ok()
    });
    let mut parts = name.split('.');
    let first = parts.next().and_then(|first| known.as_ref()?.get(&format!("ansible_{first}")));
    let last = parts.try_fold(first, |node, part| match node?.as_map() {
        Some(map) => map.get(part).map(|entry| Some(&entry.node)),
        // A list or a text that is computed.
        None => Some(node),
    });
    last.flatten().is_some()
}

/// Texts that Ansible's fact has, in lower case, where ours is just that.
const FOLDED: &[(&str, &str, &[&str])] = &[
    (
        "distribution",
        "facts.os.id",
        &["debian", "ubuntu", "fedora", "centos", "rocky", "almalinux", "alpine", "gentoo", "sles"],
    ),
    ("os_family", "facts.os.family", &["debian", "redhat", "suse", "alpine", "gentoo"]),
];

/// Our name of a fact that is in lower case here, and which texts it has; also of `fact | lower`.
pub(crate) fn folded(expr: &Expr) -> Option<(&'static str, &'static [&'static str])> {
    if let Kind::Filter(subject, name, _) = &expr.kind {
        return if name == "lower" { folded(subject) } else { None };
    }
    let name = name_of(expr)?;
    FOLDED.iter().find(|(theirs, ..)| *theirs == name).map(|(_, ours, texts)| (*ours, *texts))
}

/// What to do instead of a magic variable that is not there.
pub(crate) fn not_there(name: &str) -> Option<&'static str> {
    Some(match name {
        "ansible_facts" => "name the fact: `facts.os.id`",
        "vars" | "environment" => "name the variable",
        "role_path" => {
            "leave it out: `src` is looked for in files/ and templates/ of the role, so write `x` for `{{ role_path }}/files/x`"
        }
        "play_hosts" => "`groups.NAME` holds hosts",
        "inventory_hostname_short" => "write `first (split inventory_hostname \".\")`",
        "inventory_file" => "`inventory_dir` is there",
        "hostvars" => "name a host and a variable: `hostvars.web1.port`, `hostvar item \"port\"`",
        "loop" => "there are `@index`, `@first`, `@last`; in a task `loop_control.index_var`",
        "varnames" | "ansible_loop" | "ansible_loop_var" | "ansible_index_var" => {
            "`loop_control.index_var` counts"
        }
        _ => return None,
    })
}
