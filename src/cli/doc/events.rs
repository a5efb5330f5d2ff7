//! The page of events, from their schema: `docs/events.md`.

use crate::{
    cli::runs::{LARGEST, MOST},
    schema::events,
};
use serde_json::{Map, Value as Json};

const HEAD: &str = "# Events and kept runs

A run is a stream of events; every view of it is made of that. `apply --json` prints them, a JSON object a line:

```console
$ lustores-provision apply inventory/prod.yml --check --json > run.jsonl
$ lustores-provision replay run.jsonl                 # as it was in the terminal
$ lustores-provision replay run.jsonl --view plain    # with a line for each step, as in a CI job
$ jq -r 'select(.event == \"task_finished\" and .status == \"failed\") | \"\\(.host): \\(.name)\"' run.jsonl
```

**Every run is kept** on the machine where it was started, in `$XDG_STATE_HOME/lustores-provision/runs` (`~/.local/state/...`), one file each, for its owner only: the last
MOST runs, and of these no more than LARGEST MiB. What is kept is what was shown, so no secret is in it. A run that cannot be kept is carried out all the same, with a warning.

```console
$ lustores-provision runs list                        # the last 20, the last one first; `--json` for programs
$ lustores-provision runs show                        # the last one again; so does `runs show last`
$ lustores-provision runs show 6a2b11c0 --view json   # its events
```

A run without a last event was killed, or goes on: `runs list` says which, and `runs show` shows how far it came; that and `replay` say on stderr that the events end before the run did.
`undo` takes the same names, as far as hosts still know the run; `last` is the last run of those that could be meant.

**The version.** The first event, `run_started`, says in `schema` of which version the events are. It is raised when something that was there means something else or is gone. Events
and fields may be added at any time: leave out what you do not know. `lustores-provision schema events` prints the JSON Schema of a line; this page is made of it.

Every event has `event`, its name, and `at`: milliseconds since the run began. Within a host they come in this order: `host_connecting`, `host_connected` or `host_failed`,
`host_planned`, then for each task at most one `task_started` and exactly one `task_finished`, then `host_finished`. Those of several hosts are mixed.
";

/// The page.
pub(super) fn markdown() -> String {
    let schema = events();
    let largest = (LARGEST >> 20).to_string();
    let mut out = HEAD.replace("MOST", &MOST.to_string()).replace("LARGEST", &largest);
    for event in schema["oneOf"].as_array().into_iter().flatten() {
        let name = event["properties"]["event"]["const"].as_str().unwrap_or_default();
        section(name, event, &mut out);
    }
    for (name, definition) in schema["definitions"].as_object().into_iter().flatten() {
        section(name, definition, &mut out);
    }
    out
}

fn section(name: &str, schema: &Json, out: &mut String) {
    *out += &format!("\n## {name}\n\n{}\n", about(schema));
    let variants = schema["oneOf"].as_array();
    if let Some(fields) = schema["properties"].as_object() {
        rows(fields.iter().filter(|(field, _)| *field != "event"), out);
    } else if variants.is_none() {
        *out += &format!("\n{}\n", kind(schema));
    }
    for variant in variants.into_iter().flatten() {
        for word in words(variant) {
            *out += &format!("\n- `{word}`{}", said(variant));
        }
        let fields: Map<String, Json> = variant["properties"].as_object().cloned().unwrap_or_default();
        // The field that tells them apart has one value; of what is one of several shapes, the field itself tells.
        let tag = fields.iter().find_map(|(field, value)| Some((field, value["const"].as_str()?)));
        match tag {
            Some((field, word)) => {
                *out += &format!("\n- `{field}: {word}`{}", said(variant));
                for (other, value) in fields.iter().filter(|(other, _)| *other != field) {
                    *out += &format!("; `{other}`: {}", kind(value));
                }
            }
            None => {
                for (field, value) in &fields {
                    *out += &format!("\n- `{field}`: {}{}", kind(value), said(variant));
                }
            }
        }
    }
    if variants.is_some() {
        *out += "\n";
    }
}

fn said(schema: &Json) -> String {
    let text = about(schema);
    if text.is_empty() { text } else { format!(": {}", text.trim_end_matches('.')) }
}

fn about(schema: &Json) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// The words that a variant without fields stands for.
fn words(variant: &Json) -> Vec<&str> {
    let all = variant["enum"].as_array().into_iter().flatten().chain([&variant["const"]]);
    all.filter_map(Json::as_str).collect()
}

fn rows<'a>(fields: impl Iterator<Item = (&'a String, &'a Json)>, out: &mut String) {
    let fields: Vec<_> = fields.collect();
    if fields.is_empty() {
        return;
    }
    *out += "\n| field | | |\n|---|---|---|\n";
    for (name, field) in fields {
        // What is said of a type stands in its own section.
        let text = about(field).replace('|', "\\|");
        *out += &format!("| `{name}` | {} | {text} |\n", kind(field).replace('|', "\\|"));
    }
}

/// What a value is, in words.
fn kind(schema: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("[{name}](#{})", name.to_lowercase());
    }
    if let Some(parts) = schema["anyOf"].as_array().or_else(|| schema["allOf"].as_array()) {
        return parts.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let word = |word: &str| match word {
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => "mapping".into(),
        "string" => "text".into(),
        "integer" => "number".into(),
        "boolean" => "`true` or `false`".into(),
        other => format!("`{other}`"),
    };
    match &schema["type"] {
        Json::String(one) => word(one),
        Json::Array(all) => all.iter().filter_map(Json::as_str).map(word).collect::<Vec<_>>().join(" or "),
        _ => "anything".into(),
    }
}
