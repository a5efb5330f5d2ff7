//! What a command touches, in words: its footprint.

use super::HostPath;
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Area,
    yaml::Node,
};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};

/// An area by name: an absolute path (and all below), `packages`, `unit:NAME`, `accounts`, `sysctl:KEY`, `firewall`,
/// `docker`, `compose:PROJECT`, `postgres:CONTAINER-OR-PORT`, `network`, `everything`, or `nothing`.
#[derive(Clone, Debug, JsonSchema)]
#[schemars(inline, with = "String")]
pub struct Touch(Option<Area>);

const WORDS: [&str; 6] = ["packages", "accounts", "firewall", "docker", "network", "everything"];

impl Touch {
    fn parse(text: &str) -> Result<Self, String> {
        let area = match text {
            "nothing" => return Ok(Self(None)),
            "packages" => Area::Packages,
            "accounts" => Area::Accounts,
            "firewall" => Area::Firewall,
            "docker" => Area::Docker,
            "network" => Area::Network,
            "everything" => Area::Everything,
            _ => match text.split_once(':') {
                Some(("unit", name)) if !name.is_empty() => {
                    let suffix = if name.contains('.') { "" } else { ".service" };
                    Area::Unit(format!("{name}{suffix}"))
                }
                Some(("sysctl", key)) if !key.is_empty() => Area::Sysctl(key.into()),
                Some(("postgres", server)) if !server.is_empty() => Area::Postgres(server.into()),
                Some(("compose", project)) if !project.is_empty() => Area::Compose(project.into()),
                _ if text.starts_with('/') => HostPath::new(text)?.area(),
                _ => {
                    let words = WORDS.map(|word| format!("`{word}`")).join(", ");
                    return Err(format!(
                        "unknown area `{text}`\nhint: areas are: an absolute path, `unit:NAME`, `sysctl:KEY`, `compose:PROJECT`, `postgres:CONTAINER-OR-PORT`, {words} or `nothing`"
                    ));
                }
            },
        };
        Ok(Self(Some(area)))
    }

    /// The areas that a value lists.
    ///
    /// # Errors
    /// That it is no list, or has a word that is no area.
    pub fn read(node: &Node) -> Result<Vec<Area>, Diagnostics> {
        let mut errors = Diagnostics::default();
        let mut areas = vec![];
        for (text, at) in node.expect_strings("an area or a list of areas")? {
            match Self::parse(&text) {
                Ok(touch) => areas.extend(touch.0),
                Err(message) => {
                    let (message, hint) = message.split_once("\nhint: ").unwrap_or((&message, ""));
                    errors.push(Diagnostic::error(message).at(&at).hint(hint).suggest(&text, WORDS));
                }
            }
        }
        errors.into_result(areas)
    }

    /// The areas of a list.
    pub fn areas(list: &[Self]) -> Vec<Area> {
        list.iter().filter_map(|touch| touch.0.clone()).collect()
    }
}

impl<'de> Deserialize<'de> for Touch {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_name_areas() {
        let area = |text| Touch::parse(text).map(|touch| touch.0);
        assert_eq!(area("unit:docker"), Ok(Some(Area::Unit("docker.service".into()))));
        assert_eq!(area("unit:x.timer"), Ok(Some(Area::Unit("x.timer".into()))));
        assert_eq!(area("/etc//x/"), Ok(Some(Area::Path("/etc/x".into()))));
        assert_eq!(area("nothing"), Ok(None));
        for word in WORDS {
            assert!(area(word).is_ok_and(|area| area.is_some()), "{word}");
        }
        assert!(area("dokcer").unwrap_err().contains("unknown area `dokcer`"));
    }
}
