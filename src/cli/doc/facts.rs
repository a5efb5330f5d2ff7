//! The facts as text and as Markdown: `docs/facts.md` is `doc facts --markdown`.

use crate::{
    diag::Diagnostic,
    site::{Fact, ansible_names, facts},
};

const HEAD: &str = "# Facts

What is known of a host before anything is asked: `facts` in templates and conditions. The agent sends it in its first frame, at no extra
round trip, read from files and system calls; no program is started. `gather_facts` in a play is accepted and changes nothing.

Every fact is always there: what a host doesn't have is an empty text, 0, `false`, an empty list or mapping. So a template never breaks
on one host only. A name that no fact has is found by `validate`, without a connection. `lustores-provision doc facts` prints this list.

```yaml
- name: workers for each processor
  template: { src: app.conf, dest: /etc/app.conf }     # workers = {{facts.cpu.threads}}
  when: and (eq facts.os.family \"debian\") (version facts.os.version \">=\" \"12\")
- name: the address in the hosts file
  lineinfile: { path: /etc/hosts, line: \"{{facts.default_ipv4.address}} {{facts.fqdn}} {{facts.hostname}}\" }
```

**What changes by itself.** *Volatile* facts are different at each look: what is written to a host from them changes with every run.
Others follow the host: interfaces and mounts of containers come and go, and `docker` is as it was when the run began.

## Facts of other hosts

`hostvars.NAME.facts` are another host's facts. Of a host of the same run they are those of this run: where a project uses `hostvars`, all
hosts are reached before the first one is planned. For other hosts, those outside of `--limit`, `--fact-cache DIR` keeps facts from run to
run: one file for each host, written whenever a host was reached (readable by you only), used while it is not older than
`--fact-cache-age` (24h unless given). So a run with `--limit web` can write the addresses of the databases. What is neither reached nor
kept counts as not there: an error that says so, or what `default` gives.

```handlebars
{{#each groups.db as |name|}}
{{hostvar name \"facts.default_ipv4.address\"}} {{name}}
{{/each}}
```

```console
$ lustores-provision apply inventory/prod.yml --check --fact-cache .facts
$ lustores-provision apply inventory/prod.yml --limit web --fact-cache .facts --fact-cache-age 7d
```

## All facts

`*` stands for a name, `0` for any item of a list.

| fact | | kind | example |
|---|---|---|---|
";

const NAMES: &str = "
## Ansible's names

They stand for the facts as written here, with Ansible's spelling (`Debian`, not `debian`), and are there so that playbooks can come
over; `ansible_facts.os_family` and `ansible_os_family` are the same. Any variable of such a name wins over it. Differences: a
distribution's version is that of os-release (`12`, not `12.5`), and `ansible_eth0`, `ansible_devices`, `ansible_mounts` and `ansible_env` are
not there: write `facts.interfaces.eth0`, `facts.disks`, `facts.mounts`.

| Ansible | here |
|---|---|
";

pub(super) fn list() -> String {
    let all = facts();
    rows(&all.iter().collect::<Vec<_>>())
        + "\n`*` stands for a name, `0` for any item of a list. `doc facts.os` shows a part, with examples.\n"
}

/// A fact and what is inside of it.
///
/// # Errors
/// A name that no fact has.
pub(super) fn page(path: &str) -> Result<String, Diagnostic> {
    let all = facts();
    let wanted = general(path.trim_start_matches("facts.").trim_end_matches('.'), &all);
    let inside = |fact: &&Fact| {
        fact.path == wanted || fact.path.strip_prefix(&wanted).is_some_and(|rest| rest.starts_with('.'))
    };
    let found: Vec<&Fact> = all.iter().filter(inside).collect();
    if found.is_empty() {
        let error = Diagnostic::error(format!("unknown fact `{path}`")).hint("`doc facts` lists them");
        return Err(error.suggest(&wanted, all.iter().map(|fact| fact.path.as_str())));
    }
    let mut out = String::new();
    for fact in found {
        let note = if fact.volatile { ", changes at each look" } else { "" };
        out += &format!("facts.{} ({}{note})\n    {}\n", fact.path, fact.kind, fact.text);
        if !fact.example.is_empty() {
            out += &format!("    e.g. {}\n", fact.example);
        }
    }
    Ok(out)
}

/// `interfaces.eth0.mac` as `interfaces.*.mac`.
fn general(path: &str, all: &[Fact]) -> String {
    let mut known = String::new();
    for word in path.split('.') {
        let prefix = if known.is_empty() { String::new() } else { format!("{known}.") };
        let there = |word: &str| {
            all.iter().any(|fact| {
                fact.path.strip_prefix(&prefix).is_some_and(|rest| rest.split('.').next() == Some(word))
            })
        };
        let word = if there(word) {
            word
        } else if there("*") {
            "*"
        } else if there("0") {
            "0"
        } else {
            word
        };
        known = prefix + word;
    }
    known
}

fn rows(facts: &[&Fact]) -> String {
    let width = facts.iter().map(|fact| fact.path.len()).max().unwrap_or(0);
    let row = |fact: &&Fact| {
        let note = if fact.volatile { " (volatile)" } else { "" };
        format!("facts.{:width$}  {:7}  {}{note}\n", fact.path, fact.kind, fact.text)
    };
    facts.iter().map(row).collect()
}

pub(super) fn markdown() -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let fact = |fact: Fact| {
        let volatile = if fact.volatile { " *Volatile.*" } else { "" };
        let example =
            if fact.example.is_empty() { String::new() } else { format!("`{}`", cell(&fact.example)) };
        format!("| `facts.{}` | {}{volatile} | {} | {example} |\n", fact.path, cell(&fact.text), fact.kind)
    };
    let name = |(name, expression): (String, String)| {
        // Long ones are tables of spellings.
        let shown = if expression.len() > 300 || expression.contains("lookup {") {
            "as `facts.os`, in Ansible's spelling".into()
        } else {
            format!("`{}`", cell(&expression))
        };
        format!("| `{name}` | {shown} |\n")
    };
    let facts: String = facts().into_iter().map(fact).collect();
    let names: String = ansible_names().into_iter().map(name).collect();
    format!("{HEAD}{facts}{NAMES}{names}")
}
