//! The types of `meta/inputs.yml`. They take exactly what they say, so that a role can rely on it.

use crate::yaml::{Node, Value};
use std::net::IpAddr;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Any,
    String,
    Integer,
    Number,
    Boolean,
    List,
    Map,
    Path,
    Port,
    Ip,
    Cidr,
    Hostname,
    Url,
    Duration,
    Size,
    Mode,
}

impl Kind {
    pub const ALL: [Self; 16] = [
        Self::Any,
        Self::String,
        Self::Integer,
        Self::Number,
        Self::Boolean,
        Self::List,
        Self::Map,
        Self::Path,
        Self::Port,
        Self::Ip,
        Self::Cidr,
        Self::Hostname,
        Self::Url,
        Self::Duration,
        Self::Size,
        Self::Mode,
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::List => "list",
            Self::Map => "map",
            Self::Path => "path",
            Self::Port => "port",
            Self::Ip => "ip",
            Self::Cidr => "cidr",
            Self::Hostname => "hostname",
            Self::Url => "url",
            Self::Duration => "duration",
            Self::Size => "size",
            Self::Mode => "mode",
        }
    }

    /// What an error says was expected.
    pub fn wanted(self) -> &'static str {
        match self {
            Self::Any => "a value",
            Self::String => "a string",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "`true` or `false`",
            Self::List => "a list",
            Self::Map => "a mapping",
            Self::Path => "an absolute path",
            Self::Port => "a port from 1 to 65535",
            Self::Ip => "an IP address",
            Self::Cidr => "a network such as 10.0.0.0/8",
            Self::Hostname => "a host name",
            Self::Url => "a URL such as https://example.org/x",
            Self::Duration => "a duration such as 90, `30s` or `1h30m`",
            Self::Size => "a size such as 1024, `10m` or `2 GiB`",
            Self::Mode => "a quoted octal mode such as \"0644\"",
        }
    }

    /// Whether this is one.
    pub fn takes(self, node: &Node) -> bool {
        let text = || node.as_str();
        match (self, &node.value) {
            (Self::Any, _)
            | (Self::String, Value::Str(_))
            | (Self::Integer, Value::Int(_))
            | (Self::Number, Value::Int(_) | Value::Float(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::List, Value::Seq(_))
            | (Self::Map, Value::Map(_)) => true,
            (Self::Port, Value::Int(port)) => (1..=65535).contains(port),
            (Self::Path, _) => {
                text().is_some_and(|text| text.starts_with('/') && !text.contains(char::is_control))
            }
            (Self::Ip, _) => text().is_some_and(is_ip),
            (Self::Cidr, _) => text().is_some_and(is_network),
            (Self::Hostname, _) => text().is_some_and(is_hostname),
            (Self::Url, _) => text().is_some_and(is_url),
            (Self::Duration | Self::Size, _) => self.measure(node).is_some(),
            (Self::Mode, _) => text().is_some_and(|text| {
                (3..=4).contains(&text.len()) && text.chars().all(|c| ('0'..='7').contains(&c))
            }),
            _ => false,
        }
    }

    /// What `min` and `max` are compared with.
    pub fn measure(self, node: &Node) -> Option<f64> {
        match (self, &node.value) {
            (Self::Duration, Value::Str(text)) => amount(text, SECONDS),
            (Self::Size, Value::Str(text)) => amount(text, BYTES),
            (Self::Duration | Self::Size, Value::Int(number)) => (*number >= 0).then_some(*number as f64),
            (Self::Integer | Self::Number | Self::Port, Value::Int(number)) => Some(*number as f64),
            (Self::Number, Value::Float(number)) => Some(*number),
            (Self::Duration | Self::Size | Self::Integer | Self::Number | Self::Port, _) => None,
            (_, Value::Str(text)) => Some(text.chars().count() as f64),
            (_, Value::Seq(items)) => Some(items.len() as f64),
            (_, Value::Map(map)) => Some(map.len() as f64),
            _ => None,
        }
    }

    /// Whether `pattern` says something about it.
    pub fn is_text(self) -> bool {
        matches!(
            self,
            Self::Any
                | Self::String
                | Self::Path
                | Self::Ip
                | Self::Cidr
                | Self::Hostname
                | Self::Url
                | Self::Mode
        )
    }

    /// What a typed text stands for, where it is not a text that is wanted.
    pub fn typed(self, text: &str) -> Option<Value> {
        let text = text.trim();
        match self {
            Self::Integer | Self::Port | Self::Duration | Self::Size => text.parse().ok().map(Value::Int),
            Self::Number => {
                let integer = text.parse().ok().map(Value::Int);
                integer.or_else(|| text.parse().ok().filter(|n: &f64| n.is_finite()).map(Value::Float))
            }
            Self::Boolean => match text {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// An address, perhaps with the interface of a link-local one.
fn is_ip(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "x"));
    match address.parse() {
        Ok(IpAddr::V4(_)) => address == text,
        Ok(IpAddr::V6(_)) => {
            !zone.is_empty() && !zone.contains(|c: char| c.is_whitespace() || c.is_control())
        }
        Err(_) => false,
    }
}

fn is_network(text: &str) -> bool {
    let Some((address, length)) = text.split_once('/') else { return false };
    let digits = !length.is_empty() && length.chars().all(|c| c.is_ascii_digit());
    let longest = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    digits && length.parse::<u8>().is_ok_and(|length| length <= longest)
}

fn is_hostname(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let text = text.strip_suffix('.').unwrap_or(text);
    text.len() <= 253 && text.split('.').all(label)
}

fn is_url(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let host = !rest.is_empty() && !rest.starts_with(['/', '?', '#']);
    scheme && host && !text.contains(|c: char| c.is_whitespace() || c.is_control())
}

/// Units of time, in seconds.
const SECONDS: &[(&str, f64)] =
    &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3600.0), ("d", 86_400.0), ("w", 604_800.0)];
/// Units of size, in bytes; as Docker and most servers read them, `k` is 1024.
const BYTES: &[(&str, f64)] = &[
    ("b", 1.0),
    ("k", 1024.0),
    ("kb", 1024.0),
    ("kib", 1024.0),
    ("m", 1_048_576.0),
    ("mb", 1_048_576.0),
    ("mib", 1_048_576.0),
    ("g", 1_073_741_824.0),
    ("gb", 1_073_741_824.0),
    ("gib", 1_073_741_824.0),
    ("t", 1_099_511_627_776.0),
    ("tb", 1_099_511_627_776.0),
    ("tib", 1_099_511_627_776.0),
];

/// Numbers with units, one behind the other: `1h30m`. None without a unit.
fn amount(text: &str, units: &[(&str, f64)]) -> Option<f64> {
    let (mut rest, mut sum) = (text.trim(), 0.0);
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let behind = rest[end..].trim_start();
        let stop = behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len());
        let unit = behind[..stop].to_ascii_lowercase();
        sum += number * units.iter().find(|(name, _)| *name == unit)?.1;
        rest = behind[stop..].trim_start();
    }
    Some(sum)
}
