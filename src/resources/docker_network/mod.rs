//! `docker_network`: a network of the Docker daemon.

mod renew;

use self::renew::Member;
use super::shared::{
    OneOrMany,
    account::Wanted,
    docker::{self, check_keys, check_name, pairs, with_entries},
    unit::{self, output},
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
};
use agent::wire::{Answer, Op, Probe, Query, docker::DockerProbe};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use std::net::IpAddr;

pub struct DockerNetwork;

/// Makes sure that Docker has a network, with the properties that are named, or has it not.
///
/// A network cannot be changed: it is made anew. While containers are in it, running or not, that is refused unless `recreate` says so.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// What it is called.
    name: String,
    /// Default for a new one: `bridge`.
    driver: Option<String>,
    /// E.g. `10.20.0.0/24`; with IPv6 a list of two. Default: docker chooses.
    subnet: Option<OneOrMany<String>>,
    /// The host's address in each subnet. Default: the first.
    gateway: Option<OneOrMany<String>>,
    /// The parts of the subnets that containers get addresses from. Default: all.
    ip_range: Option<OneOrMany<String>>,
    /// No way out of it. Default: as it is; a new one: no.
    internal: Option<bool>,
    /// Containers may join it that are no part of a swarm's service. Default: as it is; a new one: no.
    attachable: Option<bool>,
    /// Containers get IPv6 addresses too. Default: as it is; a new one: no.
    ipv6: Option<bool>,
    /// Labels that it must have. Others stay.
    #[serde(default)]
    labels: IndexMap<String, String>,
    /// Options of the driver, e.g. `com.docker.network.bridge.name`. Others stay.
    #[serde(default)]
    options: IndexMap<String, String>,
    /// Takes the containers out of it, makes it anew, and puts them back, with their aliases and the addresses that they have chosen: their
    /// connections through it break. If that fails, all is made as it was before; if it is cut short, the next run goes on with it.
    #[serde(default)]
    recreate: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: Wanted,
}

impl Spec {
    fn check(&self) -> Result<(), Fault> {
        check_name("network", &self.name)?;
        if ["bridge", "host", "none", "default"].contains(&self.name.as_str()) {
            let fault = Fault::new(format!("the network `{}` is docker's own", self.name));
            return Err(fault.hint("make one of your own, under another name"));
        }
        if let Some(driver) = &self.driver {
            let plain = |c: char| c.is_ascii_alphanumeric() || "_.-/:".contains(c);
            if !driver.starts_with(|c: char| c.is_ascii_alphanumeric()) || !driver.chars().all(plain) {
                let fault = Fault::new(format!("`{}` is not the name of a driver", driver.escape_debug()));
                return Err(fault.hint("e.g. `bridge`, `macvlan`, `ipvlan`, `overlay`"));
            }
        }
        check_keys("labels", &self.labels)?;
        check_keys("options", &self.options)?;
        let all =
            |list: &Option<OneOrMany<String>>| list.as_ref().map(|list| list.0.clone()).unwrap_or_default();
        for subnet in all(&self.subnet).iter().chain(&all(&self.ip_range)) {
            check_subnet(subnet)?;
        }
        for gateway in all(&self.gateway) {
            if gateway.parse::<IpAddr>().is_err() {
                let fault = Fault::new(format!("`{}` is no address", gateway.escape_debug()));
                return Err(fault.hint("an address in the subnet, without `/`: `10.20.0.1`"));
            }
        }
        if self.subnet.is_none() && (self.gateway.is_some() || self.ip_range.is_some()) {
            let fault = Fault::new("`gateway` and `ip_range` lie in a subnet, and none is named");
            return Err(fault.hint("name it: `subnet: 10.20.0.0/24`"));
        }
        Ok(())
    }
}

/// A network in the form in which docker tells it: with no bits behind its length.
fn check_subnet(text: &str) -> Result<(), Fault> {
    let parts = text
        .split_once('/')
        .and_then(|(ip, length)| Some((ip.parse::<IpAddr>().ok()?, length.parse::<u32>().ok()?)));
    let rest = parts.and_then(|(ip, length)| match ip {
        IpAddr::V4(ip) if length <= 32 => Some(u128::from(u32::from(ip).checked_shl(length).unwrap_or(0))),
        IpAddr::V6(ip) if length <= 128 => Some(u128::from(ip).checked_shl(length).unwrap_or(0)),
        _ => None,
    });
    if rest == Some(0) {
        return Ok(());
    }
    let fault = Fault::new(format!("`{}` is no subnet", text.escape_debug()));
    Err(fault.hint("an address with zeros behind the length: `10.20.0.0/24`"))
}

#[derive(Clone)]
pub struct NetworkState {
    /// As docker tells it.
    network: Option<Value>,
    members: Vec<Member>,
    /// What it was when somebody who made it anew was cut short.
    cut: Option<Value>,
    named: Vec<&'static str>,
    labels: Vec<String>,
    options: Vec<String>,
}

/// The values of one field of all subnets.
fn addresses(network: &Value, field: &str) -> Vec<String> {
    let configs = network["IPAM"]["Config"].as_array().into_iter().flatten();
    let mut all: Vec<String> = configs.filter_map(|c| c[field].as_str()).map(str::to_string).collect();
    all.retain(|text| !text.is_empty());
    all.sort_unstable();
    all
}

impl State for NetworkState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if self.cut.is_some() {
            let out: Vec<&str> = self
                .members
                .iter()
                .filter(|member| member.is_out)
                .map(|member| member.name.as_str())
                .collect();
            let left = if out.is_empty() {
                "nobody is out of it".into()
            } else {
                format!("out of it: {}", out.join(", "))
            };
            facets.insert("interrupted".into(), left.into());
        }
        let Some(network) = &self.network else { return facets };
        facets.insert("network".into(), "present".into());
        for name in &self.named {
            let flag = |key: &str| network[key].as_bool().unwrap_or(false).to_string();
            let value = match *name {
                "driver" => network["Driver"].as_str().unwrap_or_default().to_string(),
                "subnet" => addresses(network, "Subnet").join(", "),
                "gateway" => addresses(network, "Gateway").join(", "),
                "ip_range" => addresses(network, "IPRange").join(", "),
                "internal" => flag("Internal"),
                "attachable" => flag("Attachable"),
                "ipv6" => flag("EnableIPv6"),
                "labels" => pairs(&network["Labels"], &self.labels),
                _ => pairs(&network["Options"], &self.options),
            };
            facets.insert((*name).into(), value.into());
        }
        facets
    }
}

fn names(members: &[Member]) -> String {
    members.iter().map(|member| member.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// The subnets as docker tells them, with what lies in each.
fn configs(spec: &Spec) -> Value {
    let list = |list: &Option<OneOrMany<String>>| list.as_ref().map(|l| l.0.clone()).unwrap_or_default();
    let (gateways, ranges) = (list(&spec.gateway), list(&spec.ip_range));
    let is_v6 = |text: &str| text.contains(':');
    // Which of several subnets of a family an address lies in is for docker to say: here it only has to stand in one.
    let config = |(at, subnet): (usize, &String)| {
        let mut config = json!({"Subnet": subnet});
        for (key, all) in [("Gateway", &gateways), ("IPRange", &ranges)] {
            let of_family: Vec<&String> = all.iter().filter(|text| is_v6(text) == is_v6(subnet)).collect();
            let before =
                list(&spec.subnet)[..at].iter().filter(|other| is_v6(other) == is_v6(subnet)).count();
            if let Some(value) = of_family.get(before) {
                config[key] = value.as_str().into();
            }
        }
        config
    };
    list(&spec.subnet).iter().enumerate().map(config).collect()
}

impl Resource for DockerNetwork {
    const NAME: &'static str = "docker_network";
    const TOPIC: Topic = Topic::Docker;
    const FACETS: &'static [&'static str] = &[
        "network",
        "driver",
        "subnet",
        "gateway",
        "ip_range",
        "internal",
        "attachable",
        "ipv6",
        "labels",
        "options",
        "interrupted",
    ];
    const UNTOLD: &'static [Untold] = &[Untold::Docker];
    const EXAMPLE: &'static str = "\
name: What the proxy and the applications share
docker_network:
  name: edge
  subnet: 10.20.0.0/24
  labels: { owner: ops }
";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name", "subnet", "gateway", "ip_range", "labels", "options"];
    type Spec = Spec;
    type State = NetworkState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("docker_network:{}", spec.name)))
    }

    fn footprint(_: &Spec) -> Footprint {
        docker::footprint()
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<NetworkState> {
        spec.check()?;
        let told = docker::ask(seen, DockerProbe::Network { name: spec.name.clone() })?.unwrap_or_default();
        let mut values = docker::read(&told)?.into_iter().peekable();
        // Docker also takes the beginning of an id for a name.
        let first = values.next_if(|value| value.get("Cut").is_none());
        let network = first.filter(|network| network["Name"] == spec.name.as_str());
        let mut cut = None;
        let mut members = vec![];
        for value in values {
            match (value.get("Cut"), value.get("Out")) {
                (Some(was), _) => cut = Some(was.clone()),
                (_, Some(out)) => members.push(Member::new(out, true)),
                _ => members.push(Member::new(&value, false)),
            }
        }
        members.sort_unstable_by(|a: &Member, b| a.name.cmp(&b.name));
        if network.is_none() {
            members.retain(|member| member.is_out);
        }
        let named = [
            ("driver", spec.driver.is_some()),
            ("subnet", spec.subnet.is_some()),
            ("gateway", spec.gateway.is_some()),
            ("ip_range", spec.ip_range.is_some()),
            ("internal", spec.internal.is_some()),
            ("attachable", spec.attachable.is_some()),
            ("ipv6", spec.ipv6.is_some()),
            ("labels", !spec.labels.is_empty()),
            ("options", !spec.options.is_empty()),
        ];
        let named = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        let (labels, options) =
            (spec.labels.keys().cloned().collect(), spec.options.keys().cloned().collect());
        Ok(NetworkState { network, members, cut, named, labels, options })
    }

    fn desired(spec: &Spec, observed: &NetworkState) -> Result<NetworkState, Fault> {
        let name = &spec.name;
        let members: Vec<Member> = observed.members.iter().filter(|member| !member.is_out).cloned().collect();
        let members = &members;
        if spec.state == Wanted::Absent {
            if members.is_empty() {
                return Ok(NetworkState { network: None, cut: None, members: vec![], ..observed.clone() });
            }
            let fault =
                Fault::new(format!("the network `{name}` is not removed: in it are {}", names(members)));
            return Err(fault.hint("remove these containers first, or disconnect them"));
        }
        let mut state = NetworkState { cut: None, ..observed.clone() };
        // What was taken away half way comes again with what this task does not name.
        let network = state.network.get_or_insert_with(|| match &observed.cut {
            Some(was) if was.is_object() => was.clone(),
            _ => json!({"Name": name, "Driver": "bridge", "Internal": false, "Attachable": false, "EnableIPv6": false,
                "IPAM": {"Config": []}, "Labels": {}, "Options": {}}),
        });
        if let Some(driver) = &spec.driver {
            network["Driver"] = driver.as_str().into();
        }
        for (key, flag) in
            [("Internal", spec.internal), ("Attachable", spec.attachable), ("EnableIPv6", spec.ipv6)]
        {
            if let Some(flag) = flag {
                network[key] = flag.into();
            }
        }
        network["Labels"] = with_entries(&network["Labels"], &spec.labels);
        network["Options"] = with_entries(&network["Options"], &spec.options);
        let wanted = json!({"IPAM": {"Config": configs(spec)}});
        let fields = [("Subnet", &spec.subnet), ("Gateway", &spec.gateway), ("IPRange", &spec.ip_range)];
        let differs = |(field, named): &(&str, &Option<OneOrMany<String>>)| {
            named.is_some() && addresses(network, field) != addresses(&wanted, field)
        };
        if fields.iter().any(differs) {
            network["IPAM"] = wanted["IPAM"].clone();
        }
        let subnets = addresses(network, "Subnet");
        let before = NetworkState { cut: None, ..observed.clone() };
        let is_same = before.network.is_some() && state.facets() == before.facets();
        if is_same {
            // To be found unchanged by `ops` too.
            state.network.clone_from(&observed.network);
        } else {
            renew::check_fixed(name, &observed.members, &subnets)?;
        }
        if before.network.is_none() || is_same || members.is_empty() {
            return Ok(state);
        }
        let changed: Vec<_> = state
            .facets()
            .into_iter()
            .filter(|(key, value)| before.facets().get(key) != Some(value))
            .map(|(key, _)| key)
            .collect();
        if !spec.recreate {
            let what = format!(
                "the network `{name}` has another {}, and in it are {}",
                changed.join(", "),
                names(members)
            );
            let hint =
                "it would have to be made anew: `recreate: true` takes them out of it and puts them back";
            return Err(Fault::new(what).hint(hint));
        }
        Ok(state)
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let subnets = spec.subnet.as_ref().filter(|_| spec.state == Wanted::Present);
        let claim = |subnets: &OneOrMany<String>| Claim::Network {
            name: spec.name.clone(),
            subnets: subnets.0.clone(),
            spot: None,
        };
        Ok(subnets.map(claim).into_iter().collect())
    }

    fn ops(spec: &Spec, from: &NetworkState, to: &NetworkState) -> Vec<Op> {
        if from.facets() == to.facets() {
            return vec![];
        }
        let name = spec.name.as_str();
        match (&from.network, &to.network, &from.cut) {
            (None, Some(network), None) => vec![unit::run(renew::create(name, network))],
            (Some(_), None, None) => vec![docker::docker(["network", "rm", name])],
            (before, after, cut) => {
                let was = cut.as_ref().unwrap_or(&Value::Null);
                vec![renew::steps(name, before.as_ref(), after.as_ref(), was, &from.members)]
            }
        }
    }

    fn effects(spec: &Spec, _: &NetworkState, to: &NetworkState, _: &[Op]) -> Vec<Effect> {
        let query = Query::Run(Probe::Docker(DockerProbe::Network { name: spec.name.clone() }));
        let members = to.members.iter().map(|member| member.told.to_string());
        let told: Vec<String> = to
            .network
            .iter()
            .flat_map(|network| std::iter::once(network.to_string()).chain(members.clone()))
            .collect();
        let answer = Effect::Answer(query, Answer::Output(output(0, &told.join("\n"))));
        vec![Effect::Unknown(docker::part("network", &spec.name)), answer]
    }

    fn notes(spec: &Spec, state: &NetworkState) -> Vec<String> {
        let inside: Vec<Member> = state.members.iter().filter(|member| !member.is_out).cloned().collect();
        let changes = Self::desired(spec, state).is_ok_and(|to| to.network != state.network);
        if !changes || inside.is_empty() {
            return vec![];
        }
        vec![format!("taken out of the network meanwhile: {}", names(&inside))]
    }
}
