//! Why a container is recreated: its configuration compared with the one wanted, key by key.
//!
//! That it is recreated is compose's word; this only explains. Where nothing is found the reason is `configuration`
//! (something that is not compared here).

use super::labels::{labels, updated_outside};
use crate::resource::Facet;
use serde_json::Value;

pub struct Reason {
    pub facet: String,
    pub before: Option<Facet>,
    pub after: Option<Facet>,
}

/// All that is found to differ between the service in the configuration and its container.
pub fn reasons(name: &str, answer: &Value, container: &Value, values: &[String]) -> Vec<Reason> {
    let config = &answer["config"];
    let (wanted, host) = (&config["services"][name], &container["HostConfig"]);
    let has = &container["Config"];
    let mut reasons = vec![];
    let image_id = container["Image"].as_str().unwrap_or_default();
    let of_image = answer["environments"].get(image_id);
    environment(name, &wanted["environment"], &has["Env"], of_image, &mut reasons);
    labels(name, &wanted["labels"], &has["Labels"], values, &mut reasons);
    let mut compare = |what: &str, before: Option<String>, after: Option<String>| {
        // What the files do not say comes from the image: it is not compared.
        if after.is_some() && before != after {
            let facet = format!("service {name} {what}");
            let show = |text: Option<String>| text.map(|text| veil(text, values));
            reasons.push(Reason { facet, before: show(before), after: show(after) });
        }
    };
    let image = wanted["image"].as_str().unwrap_or_default();
    match (&has["Image"], answer["images"][image].as_str()) {
        // Another image under the same name.
        (Value::String(same), Some(new_id))
            if same == image && !image_id.is_empty() && new_id != image_id =>
        {
            let named = |id: &str| Some(format!("{image} ({})", short(id)));
            compare("image", named(image_id), named(new_id));
        }
        (before, _) => compare("image", text(before), text(&wanted["image"])),
    }
    compare("command", words(&has["Cmd"]), words(&wanted["command"]));
    compare("entrypoint", words(&has["Entrypoint"]), words(&wanted["entrypoint"]));
    compare("user", text(&has["User"]), text(&wanted["user"]));
    compare("working directory", text(&has["WorkingDir"]), text(&wanted["working_dir"]));
    compare("health check", words(&has["Healthcheck"]["Test"]), words(&wanted["healthcheck"]["test"]));
    let retries = |check: &Value, key: &str| check[key].as_u64().map(|n| n.to_string());
    compare(
        "health check retries",
        retries(&has["Healthcheck"], "Retries"),
        retries(&wanted["healthcheck"], "retries"),
    );
    for (what, theirs, ours) in [
        ("interval", "Interval", "interval"),
        ("timeout", "Timeout", "timeout"),
        ("start period", "StartPeriod", "start_period"),
    ] {
        let before = has["Healthcheck"][theirs].as_f64().map(|ns| format!("{}s", ns / 1e9));
        let after = wanted["healthcheck"][ours].as_str().and_then(seconds).map(|s| format!("{s}s"));
        compare(&format!("health check {what}"), before, after);
    }
    compare("restart policy", text(&host["RestartPolicy"]["Name"]), restart(&wanted["restart"]));
    compare("ports", Some(bound_ports(&host["PortBindings"])), Some(wanted_ports(&wanted["ports"])));
    let (before, after) = (mounts(&container["Mounts"]), volumes(&wanted["volumes"], &config["volumes"]));
    compare("volumes", Some(only_like(&before, &after)), Some(after.join(", ")));
    reasons.extend(updated_outside(name, image_id, answer["images"][image].as_str(), has));
    if reasons.is_empty() {
        let facet = unknown_reason(name);
        reasons.push(Reason { facet, before: Some("as created".into()), after: Some("changed".into()) });
    }
    reasons
}

/// The facet of what is not compared here.
pub fn unknown_reason(name: &str) -> String {
    format!("service {name} configuration")
}

/// A text that holds a value from an environment file is not shown.
pub fn veil(text: String, values: &[String]) -> Facet {
    let secret = values.iter().any(|value| text.contains(value.as_str()));
    if secret { Facet::Secret(text.into_bytes()) } else { Facet::Scalar(text) }
}

/// An image's id as docker lists it.
pub fn short(id: &str) -> &str {
    let id = id.strip_prefix("sha256:").unwrap_or(id);
    id.get(..12).unwrap_or(id)
}

pub fn text(value: &Value) -> Option<String> {
    value.as_str().map(Into::into)
}

fn words(value: &Value) -> Option<String> {
    let list = value.as_array()?;
    Some(list.iter().map(|word| word.as_str().unwrap_or_default()).collect::<Vec<_>>().join(" "))
}

/// Values are never shown, only that they differ. A key that only the container has may be the image's own.
fn environment(name: &str, wanted: &Value, has: &Value, of_image: Option<&Value>, reasons: &mut Vec<Reason>) {
    fn pairs(list: &Value) -> Vec<(&str, &str)> {
        list.as_array().into_iter().flatten().filter_map(|pair| pair.as_str()?.split_once('=')).collect()
    }
    let has = pairs(has);
    let mut reason = |key: &str, before: Option<&str>, after: Option<&str>| {
        let facet = format!("service {name} environment {key}");
        let secret = |value: &str| Facet::Secret(value.as_bytes().to_vec());
        reasons.push(Reason { facet, before: before.map(secret), after: after.map(secret) });
    };
    let none = serde_json::Map::new();
    let wanted = wanted.as_object().unwrap_or(&none);
    for (key, value) in wanted {
        let before = has.iter().find(|(known, _)| known == key).map(|(_, value)| *value);
        let after = value.as_str();
        if before != after {
            reason(key, before, after);
        }
    }
    // Only when the image was asked is it known what came from elsewhere.
    if let Some(of_image) = of_image {
        let image = pairs(of_image);
        for (key, value) in has.iter().filter(|pair| !image.contains(pair) && !wanted.contains_key(pair.0)) {
            let after = image.iter().find(|(known, _)| known == key).map(|(_, value)| *value);
            reason(key, Some(value), after);
        }
    }
}

/// `1m30s` in seconds.
fn seconds(duration: &str) -> Option<f64> {
    let (mut total, mut number) = (0.0, String::new());
    let mut chars = duration.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii_digit() || c == '.' {
            number.push(c);
            continue;
        }
        let unit = match c {
            'h' => 3600.0,
            'm' if chars.next_if_eq(&'s').is_some() => 0.001,
            'm' => 60.0,
            's' => 1.0,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * unit;
        number.clear();
    }
    number.is_empty().then_some(total)
}

fn restart(wanted: &Value) -> Option<String> {
    Some(wanted.as_str()?.split(':').next().unwrap_or_default().to_string())
}

/// `127.0.0.1:5432->5432/tcp` for each published port, sorted.
fn bound_ports(bindings: &Value) -> String {
    let mut ports: Vec<String> = vec![];
    for (inside, outside) in bindings.as_object().into_iter().flatten() {
        for binding in outside.as_array().into_iter().flatten() {
            let field = |key: &str| binding[key].as_str().unwrap_or_default();
            ports.push(port(field("HostIp"), field("HostPort"), inside));
        }
    }
    ports.sort_unstable();
    ports.join(", ")
}

fn wanted_ports(wanted: &Value) -> String {
    let mut ports: Vec<String> = vec![];
    for entry in wanted.as_array().into_iter().flatten() {
        let field = |key: &str| entry[key].as_str().unwrap_or_default();
        let inside = format!("{}/{}", entry["target"], entry["protocol"].as_str().unwrap_or("tcp"));
        ports.push(port(field("host_ip"), field("published"), &inside));
    }
    ports.sort_unstable();
    ports.join(", ")
}

fn port(address: &str, outside: &str, inside: &str) -> String {
    let address =
        if address.is_empty() || address == "0.0.0.0" { String::new() } else { format!("{address}:") };
    format!("{address}{outside}->{inside}")
}

fn mount(source: &str, target: &str, writable: bool) -> String {
    format!("{source}:{target}{}", if writable { "" } else { ":ro" })
}

fn mounts(has: &Value) -> Vec<String> {
    let one = |entry: &Value| {
        let source = if entry["Type"] == "volume" { &entry["Name"] } else { &entry["Source"] };
        let target = entry["Destination"].as_str()?;
        Some(mount(source.as_str()?, target, entry["RW"] != Value::Bool(false)))
    };
    has.as_array().into_iter().flatten().filter_map(one).collect()
}

fn volumes(wanted: &Value, named: &Value) -> Vec<String> {
    let one = |entry: &Value| {
        let source = entry["source"].as_str()?;
        let source = match entry["type"].as_str() {
            Some("bind") => source,
            Some("volume") => named[source]["name"].as_str().unwrap_or(source),
            _ => return None,
        };
        Some(mount(source, entry["target"].as_str()?, entry["read_only"] != Value::Bool(true)))
    };
    let mut volumes: Vec<String> = wanted.as_array().into_iter().flatten().filter_map(one).collect();
    volumes.sort_unstable();
    volumes
}

/// Of the container's mounts those that the files could have asked for: volumes without a name are the image's own.
fn only_like(has: &[String], wanted: &[String]) -> String {
    let anonymous = |mount: &&String| {
        let source = mount.split(':').next().unwrap_or_default();
        source.len() == 64 && source.chars().all(|c| c.is_ascii_hexdigit()) && !wanted.contains(mount)
    };
    let mut kept: Vec<String> = has.iter().filter(|mount| !anonymous(mount)).cloned().collect();
    kept.sort_unstable();
    kept.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_compared_in_seconds() {
        assert_eq!(seconds("1m30s"), Some(90.0));
        assert_eq!(seconds("500ms"), Some(0.5));
        assert_eq!(seconds("1h0m1s"), Some(3601.0));
        assert_eq!(seconds("12"), None);
    }
}
