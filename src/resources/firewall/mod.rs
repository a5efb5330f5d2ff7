//! `firewall`: an nftables table of our own, armed with a revert while it changes.
//!
//! How drift is noticed: `nft` prints a table differently from how it was written, and each version does so in its
//! own way. So what the host itself lists right after loading is kept beside the rules (`RULES.loaded`, its first line
//! the digest of the rules). As long as the digest is that of the wanted rules and the table is listed the same, it is
//! in force as loaded; a rule that somebody added or removed shows as a diff of the two listings.

mod exposed;
mod load;
mod policy;

use super::shared::unit::{Unit, full_name, systemctl, unit, unit_query};
use crate::{
    model::{Address, Area, Claim, Exposed, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::{
    secret::Content,
    wire::{Attrs, Op, Probe, Query},
};
use policy::{Allow, Policy, Ports};
use schemars::JsonSchema;
use serde::Deserialize;

/// Bytes of a ruleset or a listing.
const LIMIT: u64 = 4 << 20;

const FIREWALLD: &str = "firewalld.service";
const ONE_OF_BOTH: &str = "keep it, and open ports with `command: firewall-cmd ...`; or let it go in a task before: \
    `service: {name: firewalld, state: stopped, enabled: false}`";

const UFW: &str = "ufw.service";
/// Its service is active on every Ubuntu; this says whether it has rules.
const UFW_CONF: &str = "/etc/ufw/ufw.conf";
const UFW_OR_THIS: &str = "keep it, and open ports with `command: ufw allow ...`; or let it go in a task before: \
    `service: {name: ufw, state: stopped, enabled: false}`";

pub struct Firewall;

/// Closes all ports but those named, on IPv4 and IPv6, also those that Docker publishes.
///
/// The rules are a table of their own, in force before Docker's and loaded at boot before the network is up. Other
/// tables are left alone. What is not admitted is dropped; connections that exist, loopback, answers and what leaves the
/// host are not affected. Changing the rules starts a timer on the host first, which puts the old ones back unless a
/// new connection could be made in time: one cannot lock oneself out. A reboot meanwhile puts them back as well.
///
/// Where firewalld or ufw is active, the task fails and changes nothing: the one would undo what this does, and the other keeps closed what
/// this opens.
///
/// `nft flush ruleset` (also in Debian's own `/etc/nftables.conf`) would remove the table: its unit is loaded after
/// `nftables.service` and restarted with it.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Name of the table.
    #[serde(default = "default_table")]
    table: String,
    /// TCP ports that everyone may reach: `[80, 443]`. Default: none.
    #[serde(default)]
    public: Ports,
    /// Further ports, with who may reach them. Default: none.
    #[serde(default)]
    allow: Vec<Allow>,
    /// Interfaces whose traffic is trusted and behind which others are protected. Default: Docker's bridges (`docker0`, `br-*`).
    #[serde(default = "default_trusted")]
    trusted: Vec<String>,
    /// What may be forwarded to trusted interfaces from outside. Default: nothing but what is public.
    #[serde(default)]
    forward: Forward,
    /// Whether ping and other ICMP are answered. Default: true. IPv6 neighbour discovery always is.
    #[serde(default = "yes")]
    icmp: bool,
    /// The port that administration needs: rules that admit nobody to it are refused. Default: 22.
    #[serde(default = "default_ssh_port")]
    ssh_port: u16,
    /// The unit that loads the rules at boot. Default: `TABLE-firewall.service`.
    unit: Option<String>,
    /// The file with the rules. Default: `/etc/TABLE/firewall.nft`.
    rules_path: Option<String>,
    /// Seconds until the old rules come back when no new connection could be made.
    #[serde(default = "default_confirm")]
    confirm_within: u32,
}

/// What may be forwarded.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Forward {
    /// Ports on the host whose connections are translated (published by Docker) and may be forwarded.
    /// Default: the public ones.
    allow_dnat_ports: Option<Ports>,
}

fn default_table() -> String {
    "provision".into()
}

fn default_trusted() -> Vec<String> {
    vec!["docker0".into(), "br-*".into()]
}

fn default_ssh_port() -> u16 {
    22
}

fn default_confirm() -> u32 {
    60
}

fn yes() -> bool {
    true
}

impl Spec {
    fn rules_path(&self) -> String {
        self.rules_path.clone().unwrap_or_else(|| format!("/etc/{}/firewall.nft", self.table))
    }

    fn unit_name(&self) -> String {
        self.unit.clone().unwrap_or_else(|| format!("{}-firewall.service", self.table))
    }

    fn unit_path(&self) -> String {
        format!("/etc/systemd/system/{}", self.unit_name())
    }

    /// The name of the armed revert: one for the table, so that a change finds what an earlier one has left pending.
    fn token(&self) -> String {
        format!("firewall-{}", self.table)
    }

    fn rules(&self) -> Result<Content, Fault> {
        let forward = self.forward.allow_dnat_ports.as_ref().unwrap_or(&self.public);
        let Self { table, allow, public, trusted, icmp, .. } = self;
        let policy = Policy { table, allow, public, trusted, forward, icmp: *icmp };
        if !policy.admits(self.ssh_port) {
            let fault =
                Fault::new(format!("these rules would admit nobody to the ssh port {}", self.ssh_port));
            return Err(fault.hint(format!(
                "add `allow: [{{port: {}, from: [...]}}]`, or set `ssh_port` to the port in use",
                self.ssh_port
            )));
        }
        Ok(Content::from(policy.render()?.as_str()))
    }
}

/// What the kernel has.
#[derive(Clone, PartialEq)]
enum Table {
    Absent,
    /// As the host lists it, and what it listed when the wanted rules were loaded (`None`: others were loaded last).
    Listed {
        now: String,
        when_loaded: Option<String>,
    },
    /// The wanted rules, as loaded.
    InForce,
}

pub struct FirewallState {
    rules: Option<Content>,
    unit_file: Option<Content>,
    unit: Unit,
    table: Table,
    /// The table as listed before, and the record of the last loading: what a revert brings back.
    listing: Option<String>,
    record: Option<Content>,
    folder_exists: bool,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
}

impl State for FirewallState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(rules) = &self.rules {
            facets.insert("rules".into(), Facet::content(rules));
        }
        if let Some(unit) = &self.unit_file {
            facets.insert("unit".into(), Facet::content(unit));
        }
        facets.insert("at boot".into(), self.unit.boot_word().into());
        facets.insert("unit state".into(), self.unit.run_word().into());
        if self.unit.needs_reload {
            facets.insert("unit loaded".into(), "older than the file".into());
        }
        let loaded = match &self.table {
            Table::Absent => "not loaded".into(),
            Table::InForce => "in force".into(),
            Table::Listed { when_loaded: None, .. } => "other rules".into(),
            Table::Listed { now, .. } => Facet::content(&Content::from(now.as_str())),
        };
        facets.insert("loaded".into(), loaded);
        if let Some(confirmed) = self.confirmed {
            let word = if confirmed { "yes" } else { "not yet: it will be reverted" };
            facets.insert("confirmed".into(), word.into());
        }
        facets
    }
}

impl Resource for Firewall {
    const NAME: &'static str = "firewall";
    const TOPIC: Topic = Topic::Network;
    const FACETS: &'static [&'static str] =
        &["rules", "unit", "unit loaded", "unit state", "at boot", "loaded", "confirmed"];
    const EXAMPLE: &'static str = "name: Close all but the web and ssh for administrators\nfirewall:\n  public: [80, 443]\n  allow:\n    - port: 22\n      from: [10.0.0.0/8, \"2001:db8::/32\"]\n";
    const CONTENT: &'static [&'static str] = &["public", "allow", "trusted"];
    type Spec = Spec;
    type State = FirewallState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("nftables:inet:{}", spec.table)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let paths =
            [spec.rules_path(), load::record_path(&spec.rules_path()), spec.unit_path()].map(Area::Path);
        Footprint::writes([Area::Firewall, Area::Unit(spec.unit_name())].into_iter().chain(paths))
            .and_reads([Area::Packages, Area::Path(UFW_CONF.into())])
            .and_reads([FIREWALLD, UFW].map(|unit| Area::Unit(unit.into())))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FirewallState> {
        let (rules_path, unit_path, unit_name) = (spec.rules_path(), spec.unit_path(), spec.unit_name());
        if !load::is_plain_path(&rules_path) {
            return Err(Fault::new(format!("`{}` cannot be the rules file", rules_path.escape_debug()))
                .hint("an absolute path of letters, digits and `/._-`")
                .into());
        }
        if full_name(&unit_name)? != unit_name {
            return Err(Fault::new(format!("`{unit_name}` is not the full name of a unit")).into());
        }
        let wanted = spec.rules()?;
        let record_path = load::record_path(&rules_path);
        let read = |path: &str| Query::Read { path: path.into(), limit: LIMIT, secret: false };
        let listing = Probe::NftTable { family: "inet".into(), name: spec.table.clone() };
        let folder = load::folder(&rules_path);
        let unconfirmed = Probe::Unconfirmed { token: spec.token() };
        seen.all([
            read(&rules_path),
            read(&unit_path),
            read(&record_path),
            crate::resource::file_query(folder),
            unit_query(&unit_name),
            unit_query(FIREWALLD),
            unit_query(UFW),
            Query::Run(listing.clone()),
            Query::Run(unconfirmed.clone()),
        ])?;
        let runs = |name: &str| -> Observe<bool> {
            let asked = seen.run(Probe::UnitState { unit: name.into() })?;
            Ok(asked.code == 0 && unit(seen, name)?.runs())
        };
        if runs(FIREWALLD)? {
            let fault = Fault::new("firewalld is active on this host, and is left alone");
            return Err(fault.hint(ONE_OF_BOTH).into());
        }
        if runs(UFW)? && load::has_ufw(seen.content(UFW_CONF, LIMIT, false)?.as_ref()) {
            let fault = Fault::new("ufw is active on this host: what it does not allow stays closed");
            return Err(fault.hint(UFW_OR_THIS).into());
        }
        let pending = !seen.run(unconfirmed)?.stdout.bytes().is_empty();
        let record = seen.content(&record_path, LIMIT, false)?;
        let listing = load::listing(seen, listing)?;
        let when_loaded = record.as_ref().and_then(|record| load::recorded(record, &wanted));
        let table = match (&listing, when_loaded) {
            (None, _) => Table::Absent,
            (Some(now), Some(then)) if *now == then => Table::InForce,
            (Some(now), when_loaded) => Table::Listed { now: now.clone(), when_loaded },
        };
        Ok(FirewallState {
            rules: seen.content(&rules_path, LIMIT, false)?,
            unit_file: seen.content(&unit_path, LIMIT, false)?,
            unit: unit(seen, &unit_name)?,
            table,
            listing,
            record,
            folder_exists: seen.meta(folder)?.is_some(),
            confirmed: pending.then_some(false),
        })
    }

    fn desired(spec: &Spec, observed: &FirewallState) -> Result<FirewallState, Fault> {
        let table = match &observed.table {
            Table::Listed { when_loaded: Some(then), .. } => {
                Table::Listed { now: then.clone(), when_loaded: Some(then.clone()) }
            }
            _ => Table::InForce,
        };
        Ok(FirewallState {
            rules: Some(spec.rules()?),
            unit_file: Some(load::unit_file(&spec.table, &spec.rules_path())),
            unit: Unit {
                found: true,
                active: "active".into(),
                file_state: "enabled".into(),
                needs_reload: false,
                link: None,
            },
            table,
            listing: None,
            record: None,
            folder_exists: true,
            confirmed: observed.confirmed.map(|_| true),
        })
    }

    fn ops(spec: &Spec, from: &FirewallState, to: &FirewallState) -> Vec<Op> {
        let (rules_path, name) = (spec.rules_path(), spec.unit_name());
        let (Some(rules), Some(unit_file)) = (&to.rules, &to.unit_file) else { return vec![] };
        let attrs = Attrs { mode: Some(0o644), owner: Some("root".into()), group: Some("root".into()) };
        let rewritten = from.rules.as_ref() != Some(rules);
        let load = from.facets().get("loaded") != to.facets().get("loaded");
        let mut ops = vec![];
        // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
        if load || from.confirmed.is_some() {
            let (token, seconds) = (spec.token(), spec.confirm_within);
            ops.push(Op::Arm {
                token,
                seconds,
                revert: load::revert(spec, from)
                    .into_iter()
                    .map(|exec| Op::Exec { exec, ok: vec![] })
                    .collect(),
            });
        }
        if !from.folder_exists {
            let attrs = Attrs { mode: Some(0o755), ..attrs.clone() };
            ops.push(Op::MakeFolder { path: load::folder(&rules_path).into(), attrs });
        }
        if rewritten {
            let check = ["nft", "-c", "-f", "{}"].map(String::from).to_vec();
            let (path, content) = (rules_path.clone(), rules.clone());
            ops.push(Op::WriteFile { path, content, attrs: attrs.clone(), check: Some(check) });
        }
        let redefined = from.unit_file.as_ref() != Some(unit_file);
        if redefined {
            let (path, content) = (spec.unit_path(), unit_file.clone());
            ops.push(Op::WriteFile { path, content, attrs, check: None });
        }
        if redefined || from.unit.needs_reload {
            ops.push(systemctl("daemon-reload", None));
        }
        if from.unit.boot_word() != to.unit.boot_word() {
            ops.push(systemctl("enable", Some(&name)));
        }
        // Loading comes last, and a start is a loading too: nothing before it may fail any more.
        if from.unit.run_word() != to.unit.run_word() {
            ops.push(systemctl("start", Some(&name)));
        }
        if load {
            ops.push(load::load(&spec.table, &rules_path, rules));
        }
        ops
    }

    fn exposes(spec: &Spec, seen: &Seen) -> Observe<Option<Exposed>> {
        let observed = Self::observe(spec, seen)?;
        Ok(Some(exposed::of(observed.listing.as_deref(), &spec.rules()?)))
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        // Through what else is trusted the controller may come.
        if spec.trusted.iter().any(|name| !default_trusted().contains(name)) {
            return Ok(vec![]);
        }
        Ok(vec![Claim::Admits { reach: exposed::of(None, &spec.rules()?).after }])
    }

    fn effects(spec: &Spec, _: &FirewallState, to: &FirewallState, _: &[Op]) -> Vec<Effect> {
        vec![to.unit.effect(&spec.unit_name())]
    }
}
