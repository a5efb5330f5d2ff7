//! Resource types in the terminal: the list by topic, and a page for each.

use super::{
    parameters::{Parameter, about, parameters},
    wrap::{first_sentence, flow, wrapped},
};
use crate::{
    model::Origin,
    playbook::other_names,
    resource::{ResourceType, Topic},
    resources::TABLE,
    template::HELPERS,
    yaml::{Entry, Node, Value},
};
use std::sync::Arc;

/// The types of a topic, by name.
pub(super) fn of_topic(topic: Topic) -> impl Iterator<Item = &'static ResourceType> {
    TABLE.iter().filter(move |row| row.topic == topic)
}

/// All types by topic, one line each.
pub(super) fn list() -> String {
    let width = TABLE.iter().map(|row| row.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    for topic in Topic::ALL {
        let rows: Vec<_> = of_topic(topic).collect();
        if rows.is_empty() {
            continue;
        }
        out += &format!("{}\n", topic.title());
        for row in rows {
            // One that is too long for its line goes on below.
            let line = format!("  {:width$}  ", row.name);
            let mut text = String::new();
            flow(&first_sentence(&about(row)), width + 4, width + 4, &mut text);
            out += &(line + text.trim_start());
        }
        out.push('\n');
    }
    let more = "`doc TYPE` shows a type, `doc keywords` what plays and tasks may say, `doc helpers` the helpers of templates, `doc facts` \
         what is known of every host, `doc role NAME` what a role takes, `doc topics` the pages on everything else. `doc --search WORDS` looks through all of it.";
    flow(more, 0, 0, &mut out);
    out
}

/// A type's page: what it is, its parameters, an example, its result.
pub(super) fn page(row: &ResourceType) -> String {
    let mut out = format!("{}\n\n{}\nParameters:\n", row.name, wrapped(&about(row), 0));
    for parameter in parameters(row) {
        text(&parameter, 2, &mut out);
    }
    out += "\nExample:\n";
    for line in example(row).lines() {
        out += format!("  {line}").trim_end();
        out.push('\n');
    }
    let results = results(row);
    if !results.is_empty() {
        out += "\nResult (`register`):\n";
        let width = results.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, about) in results {
            let mut text = String::new();
            flow(about, width + 4, width + 4, &mut text);
            out += &format!("  {name:width$}  {}", text.trim_start());
        }
    }
    out += "\nNotes:\n";
    for note in notes(row) {
        flow(&format!("- {note}"), 2, 4, &mut out);
    }
    out
}

fn text(parameter: &Parameter, indent: usize, out: &mut String) {
    let mut head = vec![parameter.kind.clone()];
    if parameter.kind == "word" {
        let words: Vec<_> = parameter.choices.iter().map(|(word, _)| word.as_str()).collect();
        head[0] = words.join(" | ");
    }
    if parameter.required {
        head.push("required".into());
    }
    head.extend(parameter.default.iter().map(|default| format!("default {default}")));
    flow(&format!("{}: {}", parameter.name, head.join(", ")), indent, indent + 4, out);
    *out += &wrapped(&parameter.about, indent + 4);
    if parameter.kind != "word" && !parameter.choices.is_empty() {
        let words: Vec<_> = parameter.choices.iter().map(|(word, _)| format!("`{word}`")).collect();
        flow(&format!("One of {}.", words.join(", ")), indent + 4, indent + 4, out);
    }
    for (word, about) in parameter.choices.iter().filter(|(_, about)| !about.is_empty()) {
        flow(&format!("{word}: {about}"), indent + 4, indent + 8, out);
    }
    for inner in &parameter.inside {
        text(inner, indent + 4, out);
    }
}

/// The example as an item of a list of tasks.
pub(super) fn example(row: &ResourceType) -> String {
    let line = |(at, line): (usize, &str)| match (at, line) {
        (0, line) => format!("- {line}\n"),
        (_, "") => "\n".into(),
        (_, line) => format!("  {line}\n"),
    };
    row.example.lines().enumerate().map(line).collect()
}

/// What the example comes to.
fn prepared(row: &ResourceType) -> Option<Box<dyn crate::resource::Prepared>> {
    let source = crate::model::Source { path: row.name.into(), text: row.example.into(), secret: false };
    let task = crate::yaml::parse(&Arc::new(source)).ok()?;
    let mut parameters = task.get(row.name)?.clone();
    let origin = Origin::named("example");
    let entry = |node| Entry { key: origin.clone(), node };
    if let (Some(free), false) = (row.free, matches!(parameters.value, Value::Map(_))) {
        let map = [(free.to_owned(), entry(parameters))].into_iter().collect();
        parameters = Node::new(Value::Map(map), origin.clone());
    }
    if let Value::Map(map) = &mut parameters.value {
        for source in row.sources {
            if map.shift_remove(source.key).is_some() {
                let mut content = Node::string("", &origin);
                if source.is_folder() {
                    // A folder with one file.
                    for name in ["content", "file"] {
                        let inside = [(name.to_owned(), entry(content))].into_iter().collect();
                        content = Node::new(Value::Map(inside), origin.clone());
                    }
                }
                map.insert(source.into.into(), entry(content));
            }
        }
    }
    (row.prepare)(&parameters).ok()
}

/// The keys of its registered result.
pub(super) fn results(row: &ResourceType) -> Vec<(&'static str, &'static str)> {
    if row.name == "meta" {
        return vec![];
    }
    let mut found = vec![
        ("changed", "whether it changed something"),
        ("failed", "whether it failed (with `ignore_errors`, or in `failed_when`)"),
        ("skipped", "whether it was left out by its `when`"),
    ];
    let Some(prepared) = prepared(row) else { return found };
    if prepared.is_command() || prepared.look().is_some() {
        found.extend([
            ("rc", "the exit code"),
            ("stdout", "what it printed, without the last line end"),
            ("stdout_lines", "the same as a list of lines"),
            ("stderr", "what it printed on standard error"),
        ]);
    }
    if ["command", "shell", "async_status"].contains(&row.name) {
        found.push(("finished", "whether it has ended"));
    }
    if ["command", "shell"].contains(&row.name) {
        found.push(("ansible_job_id", "with `async` and `poll: 0`: the job, for `async_status`"));
    }
    found.extend(row.result);
    found
}

/// What is to be known of it besides.
pub(super) fn notes(row: &ResourceType) -> Vec<String> {
    let mut notes = vec![];
    if let Some(free) = row.free {
        notes.push(format!("A bare text stands for `{free}`: `{}: TEXT`.", row.name));
    }
    notes.push(row.manner.said());
    if !row.facets.is_empty() {
        let kinds: Vec<_> = row.facets.iter().map(|kind| format!("`{kind}`")).collect();
        let is_named = row.facets.iter().any(|kind| kind.contains(|c: char| c.is_ascii_uppercase()));
        let names = if is_named { " (in capitals: names)" } else { "" };
        notes.push(format!("Its diff shows{names}: {}.", kinds.join(", ")));
    }
    let theirs: Vec<_> = other_names()
        .iter()
        .filter(|(_, ours)| *ours == row.name)
        .map(|(theirs, _)| format!("`{theirs}`"))
        .collect();
    if !theirs.is_empty() {
        notes.push(format!("In Ansible: {}; docs/from-ansible.md has the differences.", theirs.join(", ")));
    }
    let aliases: Vec<_> =
        row.theirs.aliases().map(|(theirs, ours)| format!("`{theirs}` for `{ours}`")).collect();
    if !aliases.is_empty() {
        notes.push(format!("Ansible's names are taken too: {}.", aliases.join(", ")));
    }
    if HELPERS.iter().any(|helper| helper.name == row.name) {
        notes.push(format!("There is a helper of that name too: `doc helpers {}`.", row.name));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::Manner;

    /// What a page says of a type is what its code does.
    #[test]
    fn each_type_is_the_kind_of_thing_that_its_notes_say() {
        for row in TABLE {
            let notes = notes(row);
            assert!(
                notes.contains(&row.manner.said()) && notes.iter().all(|note| !note.is_empty()),
                "{}",
                row.name
            );
            let prepared = prepared(row).unwrap_or_else(|| panic!("{}: its example", row.name));
            let writes = !prepared.footprint().writes.is_empty();
            let is_as_told = match row.manner {
                // What it writes is on this machine, where nobody looks again.
                Manner::State if row.name == "fetch" => prepared.acts() && !writes,
                Manner::State | Manner::StateBut(_) => !prepared.acts() && writes,
                Manner::Acts { .. } => writes && prepared.counts_as_change(),
                Manner::Looks => !prepared.acts() && !writes,
                Manner::Checks => prepared.acts() && !writes,
                Manner::Steers(_) => !writes,
            };
            assert!(is_as_told, "{}: {:?}", row.name, row.manner);
            assert!(row.manner.changes() || !prepared.acts() || !prepared.counts_as_change(), "{}", row.name);
        }
    }

    #[test]
    fn what_only_the_program_gives_is_not_shown() {
        for (name, hidden) in
            [("fetch", "here"), ("shell", "async_s"), ("synchronize", "tree"), ("script", "src_name")]
        {
            let row = crate::resources::find(name).unwrap();
            assert!(parameters(row).iter().all(|parameter| parameter.name != hidden), "{name}");
        }
        let folder = parameters(crate::resources::find("synchronize").unwrap());
        let folder = folder.iter().find(|parameter| parameter.name == "src").unwrap();
        assert!(folder.required && folder.about == "A folder from files/.", "{folder:?}");
    }
}
