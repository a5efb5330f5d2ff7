//! Loading a ruleset, remembering what was loaded, and the way back.

use super::{Spec, load};
use crate::{
    model::Area,
    resource::{Fault, Observe, Seen},
    resources::shared::unit::run,
};
use agent::{
    secret::Content,
    wire::{Exec, Op, Probe},
};

/// A private folder beside `$1`, where nobody can have put anything, for what is to take a place there.
const ASIDE: &str =
    "set -eu; umask 022; d=$(mktemp -d \"${1%/*}/.provision-XXXXXXXX\"); trap 'rm -rf \"$d\"' EXIT; ";

/// Loads the file (`$1`) as one transaction, then keeps what the host lists of table `$2` beside it, under the digest `$3`.
const LOAD: &str = "nft -f \"$1\"; { printf '# %s\\n' \"$3\"; nft -s list table inet \"$2\"; } > \"$d/new\"; \
    sync \"$d/new\"; mv -fT \"$d/new\" \"$1.loaded\"; sync \"${1%/*}/\"";

/// Puts back a file (`$1`) from stdin.
const RESTORE: &str = "cat > \"$d/new\"; sync \"$d/new\"; mv -fT \"$d/new\" \"$1\"; sync \"${1%/*}/\"";

fn script(what: &str) -> String {
    format!("{ASIDE}{what}")
}

pub fn record_path(rules_path: &str) -> String {
    format!("{rules_path}.loaded")
}

pub fn folder(rules_path: &str) -> &str {
    rules_path.rsplit_once('/').map_or("/", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// A path that means the same to systemd, to a shell and to nft.
pub fn is_plain_path(path: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    path.starts_with('/') && !path.ends_with('/') && !path.contains("//") && path.chars().all(good)
}

pub fn digest(rules: &Content) -> String {
    blake3::Hash::from(rules.digest()).to_hex()[..16].to_string()
}

/// The listing that was recorded when exactly these rules were loaded.
pub fn recorded(record: &Content, rules: &Content) -> Option<String> {
    let text = std::str::from_utf8(record.bytes()).ok()?;
    let (head, listing) = text.split_once('\n')?;
    (head == format!("# {}", digest(rules))).then(|| listing.to_string())
}

/// The table as the host lists it; `None` when there is none.
pub fn listing(seen: &Seen, probe: Probe) -> Observe<Option<String>> {
    let output = seen.run(probe)?;
    let text = |content: &Content| String::from_utf8_lossy(content.bytes()).into_owned();
    match output.code {
        0 => Ok(Some(text(&output.stdout))),
        127 => seen.presume(&[Area::Packages], "nftables is not installed (no program `nft`)").map(|()| None),
        _ if text(&output.stderr).contains("No such file or directory") => Ok(None),
        _ => {
            let fault = Fault::new(format!("nft cannot list the table: {}", text(&output.stderr).trim()));
            Err(fault.hint("the firewall needs root: `become: true`").into())
        }
    }
}

/// The unit that loads the rules before the network and Docker are up. It follows `nftables.service`, which begins with
/// `flush ruleset`: after it at boot, and again whenever that one is restarted or reloaded. It follows a pending revert, which
/// puts back the file that is loaded.
pub fn unit_file(table: &str, rules_path: &str) -> Content {
    let text = format!(
        "# Written by provisioning: changes made here are lost.\n\
         [Unit]\n\
         Description=Firewall (nftables table inet {table})\n\
         DefaultDependencies=no\n\
         Wants=network-pre.target\n\
         Before=network-pre.target docker.service shutdown.target\n\
         After=local-fs.target systemd-modules-load.service nftables.service provision-revert-firewall-{table}.service\n\
         PartOf=nftables.service\n\
         ReloadPropagatedFrom=nftables.service\n\
         Conflicts=shutdown.target\n\
         \n\
         [Service]\n\
         Type=oneshot\n\
         RemainAfterExit=yes\n\
         ExecStart=/usr/sbin/nft -f {rules_path}\n\
         ExecReload=/usr/sbin/nft -f {rules_path}\n\
         ExecStop=-/usr/sbin/nft delete table inet {table}\n\
         \n\
         [Install]\n\
         WantedBy=sysinit.target\n"
    );
    Content::from(text.as_str())
}

pub fn load(table: &str, rules_path: &str, rules: &Content) -> Op {
    run(["sh", "-c", &script(LOAD), "sh", rules_path, table, &digest(rules)])
}

fn with_stdin(argv: &[&str], stdin: impl Into<Vec<u8>>) -> Exec {
    Exec { stdin: Some(Content::new(stdin, false)), ..Exec::new(argv.iter().copied()) }
}

fn restore(path: &str, content: Option<&Content>) -> Exec {
    match content {
        Some(content) => with_stdin(&["sh", "-c", &script(RESTORE), "sh", path], content.bytes()),
        None => Exec::new(["rm", "-f", "--", path]),
    }
}

/// Brings everything back as it was observed: the table first, since it is what may have cut the way.
pub fn revert(spec: &Spec, from: &super::FirewallState) -> Vec<Exec> {
    let (table, name) = (&spec.table, spec.unit_name());
    let clear = format!("table inet {table}\ndelete table inet {table}\n");
    let before = with_stdin(&["nft", "-f", "-"], clear + from.listing.as_deref().unwrap_or_default());
    let mut revert = vec![before.clone()];
    if from.unit_file.is_none() {
        // Stopping the unit removes the table, also one that was there without it.
        revert.push(Exec::new(["systemctl", "disable", "--now", "--", &name]));
        revert.push(before);
    }
    let rules_path = spec.rules_path();
    revert.push(restore(&rules_path, from.rules.as_ref()));
    revert.push(restore(&load::record_path(&rules_path), from.record.as_ref()));
    revert.push(restore(&spec.unit_path(), from.unit_file.as_ref()));
    revert.push(Exec::new(["systemctl", "daemon-reload"]));
    revert
}

/// Whether ufw, as configured by this, has rules of its own in force.
pub fn has_ufw(conf: Option<&Content>) -> bool {
    let text = String::from_utf8_lossy(conf.map_or(&b""[..], Content::bytes)).into_owned();
    let enabled = text.lines().rev().find_map(|line| line.trim().strip_prefix("ENABLED="));
    enabled.is_some_and(|word| word.trim_matches(['"', '\'']).eq_ignore_ascii_case("yes"))
}
