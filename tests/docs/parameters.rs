//! Each parameter has a word about it, and an optional one says what holds without it.

use lustores_provision::resources::TABLE;

/// Parameters without a word about them, also inside of others.
pub fn undocumented(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let name = format!("{path}{name}");
        // What is said of every path says nothing of this one.
        let of_type =
            |text: &str| text.trim().is_empty() || text.starts_with("An absolute path on the host:");
        if property["description"].as_str().is_none_or(of_type) {
            found.push(name.clone());
        }
        undocumented(property, &format!("{name}."), found);
        for part in property["anyOf"].as_array().into_iter().flatten().chain([&property["items"]]) {
            undocumented(part, &format!("{name}."), found);
        }
    }
}

/// What tells what holds when a parameter is not given.
const TOLD: [&str; 9] = [
    "default",
    "left out",
    "without it",
    "needed",
    "needs it",
    "in place of",
    "instead of",
    "as it is",
    "stays",
];

/// Optional parameters, also inside of others, of which neither the table nor the text says what holds without them.
fn untold(schema: &serde_json::Value, path: &str, found: &mut Vec<String>) {
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|required| required == name))
    };
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let about = property["description"].as_str().unwrap_or_default().to_lowercase();
        let shown = property.get("default").is_some_and(|default| !default.is_null());
        if !required(name) && !shown && !TOLD.iter().any(|told| about.contains(told)) {
            found.push(format!("{path}{name}"));
        }
        for part in property["anyOf"].as_array().into_iter().flatten().chain([&property["items"], property]) {
            untold(part, &format!("{path}{name}."), found);
        }
    }
}

#[test]
fn each_optional_parameter_says_what_holds_without_it() {
    let mut silent = vec![];
    for row in TABLE {
        let mut found = vec![];
        untold(&lustores_provision::schema::plainly(&(row.schema)().to_value()), "", &mut found);
        // A file is named in place of it: one of them is needed.
        found.retain(|name| row.sources.iter().all(|source| source.into != name));
        silent.extend(found.into_iter().map(|name| format!("{}: {name}", row.name)));
    }
    assert!(silent.is_empty(), "say `Default: ...` in the comments of these:\n{}", silent.join("\n"));
}
