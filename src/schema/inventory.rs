//! Inventories and files of variables.

use super::{Own, TEMPLATE, asked};
use crate::{
    inventory::{REFUSED, SHORT_NAMES},
    plan::lint::LINTS,
    playbook::RESERVED,
};
use serde_json::{Map, Value as Json, json};

pub(super) fn inventory() -> Json {
    let group = json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": {
            "hosts": {
                "description": "Hosts by name, with their variables; `web[01:20]` stands for many, `name:2222` sets the port.",
                "type": ["object", "string", "null"],
                "additionalProperties": {"$ref": "#/definitions/host"},
            },
            "children": {
                "description": "Groups that are part of this one.",
                "type": ["object", "string", "null"],
                "additionalProperties": {"$ref": "#/definitions/group"},
            },
            "vars": {"$ref": "#/definitions/host"},
        },
    });
    let mut variables = connection();
    for (short, long) in SHORT_NAMES {
        let mut property = variables[long].clone();
        property["description"] = format!("Short for `{long}`. {}", text(&property)).into();
        variables.insert(short.into(), property);
    }
    variables.insert(
        "ansible_group_priority".into(),
        json!({"type": ["integer", "string"], "description": "Of two groups at one depth the higher number wins (1)."}),
    );
    json!({
        "type": "object",
        // The slip of leaving out the group.
        "propertyNames": {"not": {"enum": ["hosts", "children", "vars", "plugin"]}},
        "additionalProperties": {"$ref": "#/definitions/group"},
        "properties": {"all": {"$ref": "#/definitions/group"}},
        "definitions": {"group": group, "host": set_of(variables)},
    })
}

pub(super) fn variables(own: &Own) -> Json {
    let mut known = own.inputs();
    known.extend(connection());
    set_of(known)
}

fn text(property: &Json) -> &str {
    property["description"].as_str().unwrap_or_default()
}

/// Variables of any name, of which some have a meaning.
fn set_of(known: Map<String, Json>) -> Json {
    let refused: Vec<&str> = REFUSED.iter().map(|(name, _)| *name).collect();
    let forbidden: Vec<&str> = RESERVED.iter().copied().chain(refused).collect();
    json!({
        "type": ["object", "null"],
        "properties": known,
        "propertyNames": {"not": {"enum": forbidden}},
    })
}

/// How a host is reached.
fn connection() -> Map<String, Json> {
    let word = |about: &str| json!({"type": ["string", "integer", "null"], "description": about});
    let flag = |about: &str| json!({"type": ["boolean", "string", "null"], "pattern": TEMPLATE, "description": about});
    let number = |about: &str| {
        json!({
            "type": ["integer", "string", "null"], "minimum": 1, "maximum": 65535,
            "pattern": format!("{TEMPLATE}|^[0-9]+$"), "description": about,
        })
    };
    let words = |about: &str| json!({"type": ["string", "array", "null"], "items": {"type": "string"}, "description": about});
    let one_of = |words: &[&str], about: &str| {
        json!({
            "anyOf": [{"enum": words}, {"type": "null"}, {"type": "string", "pattern": TEMPLATE}],
            "description": about,
        })
    };
    let secret = |about: &str| {
        let mut schema = asked();
        schema["type"] = json!(["string", "object", "null"]);
        schema["description"] = about.into();
        schema
    };
    let rows = [
        (
            "ansible_host",
            word("Name or address, or an alias of your ssh configuration; without it, the host's name."),
        ),
        ("ansible_port", number("The port of sshd.")),
        ("ansible_user", word("Whom to log in as.")),
        ("ansible_ssh_private_key_file", word("The file of the private key.")),
        ("ansible_ssh_args", words("Arguments for ssh: a text, split as a shell does, or a list.")),
        ("ansible_ssh_common_args", words("More arguments for ssh.")),
        ("ansible_ssh_extra_args", words("More arguments for ssh.")),
        ("ansible_timeout", number("Seconds for a connection to be made.")),
        ("ansible_connection", one_of(&["ssh", "local", "smart"], "`ssh` or `local`.")),
        (
            "protected",
            json!({
                "type": ["boolean", "null"],
                "description": "Whether the host is changed only by a run that names this inventory (`--confirm NAME`).",
            }),
        ),
        (
            "accept_findings",
            json!({
                "type": ["object", "null"],
                "description": "Findings of the lint of plans that are accepted on the host: name, and the reason.",
                "properties": LINTS.iter().map(|lint| (lint.name.to_owned(), json!({"type": "string", "minLength": 1}))).collect::<serde_json::Map<_, _>>(),
                "additionalProperties": false,
            }),
        ),
        (
            "connection_command",
            json!({
                "type": ["array", "string", "null"], "pattern": TEMPLATE, "items": {"type": "string"},
                "description": "For `local`: words before the agent's command, e.g. `[ip, netns, exec, lab]`.",
            }),
        ),
        ("ansible_become", flag("Act as another user.")),
        ("ansible_become_user", word("The user to become (root).")),
        (
            "ansible_become_method",
            one_of(
                &["sudo", "doas", "ansible.builtin.sudo", "community.general.doas"],
                "`sudo` (the usual) or `doas`.",
            ),
        ),
        ("ansible_become_password", secret("The password for sudo. Keep it in a vault.")),
    ];
    rows.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_short_name_stands_for_a_documented_variable() {
        let known = connection();
        for (short, long) in SHORT_NAMES {
            assert!(known.contains_key(long), "{short}: {long} has no row");
        }
    }
}
