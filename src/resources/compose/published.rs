//! The ports that a project publishes on its host: of the containers that are there, and as its files say.

use super::{
    answer::{SERVICE, no_answer, one_off, read},
    files,
    spec::{Spec, Wanted},
};
use crate::{
    model::{Exposed, Gate, OpenPort, Reach},
    resource::{Observe, Seen},
};
use agent::wire::Probe;
use serde_json::Value;

/// Nothing where it is not the project as a whole that is wanted.
pub fn of(spec: &Spec, seen: &Seen) -> Observe<Option<Exposed>> {
    if spec.state != Wanted::Present || !spec.services.0.is_empty() {
        return Ok(None);
    }
    let files = files::read(spec, seen)?;
    let output = seen.run(Probe::Compose(files.probe.clone()))?;
    let gate = Gate::Published;
    // Without docker nothing runs; what the files mean, only compose knows.
    if no_answer(spec, &output)?.is_some() {
        return Ok(Some(Exposed { gate, before: Reach::only(vec![]), after: Reach::Unknown }));
    }
    let answer = read(spec, output.stdout.bytes())?;
    let containers = answer["containers"].as_array().into_iter().flatten().filter(|c| !one_off(c));
    let before = containers.flat_map(bound).collect();
    let services = answer["config"]["services"].as_object().into_iter().flatten();
    let after = services.flat_map(|(name, service)| wanted(name, service)).collect();
    Ok(Some(Exposed { gate, before: Reach::only(before), after: Reach::only(after) }))
}

fn open(address: &str, port: &str, proto: &str, to: &str) -> OpenPort {
    let everywhere = ["", "0.0.0.0", "::"].contains(&address);
    OpenPort {
        // Docker chooses one where none is named.
        port: if ["", "0"].contains(&port) { "any".into() } else { port.into() },
        proto: proto.into(),
        only: (!everywhere).then(|| address.into()),
        to: Some(to.into()),
    }
}

fn bound(container: &Value) -> Vec<OpenPort> {
    let service = container["Config"]["Labels"][SERVICE].as_str().unwrap_or_default();
    let ports = container["HostConfig"]["PortBindings"].as_object().into_iter().flatten();
    let bindings = ports.flat_map(|(inside, outside)| {
        let proto = inside.split_once('/').map_or("tcp", |(_, proto)| proto);
        outside.as_array().into_iter().flatten().map(move |binding| (proto, binding))
    });
    let field = |binding: &Value, key: &str| binding[key].as_str().unwrap_or_default().to_string();
    bindings
        .map(|(proto, binding)| open(&field(binding, "HostIp"), &field(binding, "HostPort"), proto, service))
        .collect()
}

fn wanted(name: &str, service: &Value) -> Vec<OpenPort> {
    let field = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_string();
    let ports = service["ports"].as_array().into_iter().flatten();
    ports
        .map(|entry| {
            let proto = entry["protocol"].as_str().unwrap_or("tcp");
            open(&field(entry, "host_ip"), &field(entry, "published"), proto, name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_bound_and_what_is_wanted_read_the_same() {
        let container = serde_json::json!({
            "Config": { "Labels": { SERVICE: "web" } },
            "HostConfig": { "PortBindings": {
                "80/tcp": [{ "HostIp": "", "HostPort": "8080" }],
                "53/udp": [{ "HostIp": "127.0.0.1", "HostPort": "53" }],
            } },
        });
        let service = serde_json::json!({ "ports": [
            { "mode": "ingress", "target": 80, "published": "8080", "protocol": "tcp" },
            { "mode": "ingress", "host_ip": "127.0.0.1", "target": 53, "published": "53", "protocol": "udp" },
        ] });
        assert_eq!(Reach::only(bound(&container)), Reach::only(wanted("web", &service)));
        let any = wanted("web", &serde_json::json!({ "ports": [{ "target": 80, "protocol": "tcp" }] }));
        assert_eq!((any[0].port.as_str(), any[0].to.as_deref()), ("any", Some("web")));
    }
}
