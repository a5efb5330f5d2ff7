//! `doc --search`: types, parameters, helpers, facts, keywords and pages, the best first.

use super::{
    parameters::{Parameter, about, parameters},
    topics::TOPICS,
    wrap::{first_sentence, flow},
};
use crate::{
    diag::{Diagnostic, did_you_mean},
    playbook::{Level, other_names},
    resources::TABLE,
    site::facts,
    template::HELPERS,
};

/// How many are shown.
const MOST: usize = 20;

/// Something that has documentation.
struct Entry {
    kind: &'static str,
    /// As it is shown: `copy: dest`.
    shown: String,
    /// What is looked for first: `dest`.
    name: String,
    text: String,
    /// Other names of it: a type's in Ansible.
    others: Vec<&'static str>,
    /// More words that lead to it.
    more: String,
}

impl Entry {
    fn new(kind: &'static str, shown: &str, name: &str, text: &str) -> Self {
        Self {
            kind,
            shown: shown.into(),
            name: name.to_lowercase(),
            text: text.into(),
            others: vec![],
            more: String::new(),
        }
    }
}

fn entries() -> Vec<Entry> {
    fn inside(row: &str, path: &str, parameter: &Parameter, found: &mut Vec<Entry>) {
        let name = format!("{path}{}", parameter.name);
        let mut entry = Entry::new("parameter", &format!("{row}: {name}"), &parameter.name, &parameter.about);
        let choices = parameter.choices.iter().map(|(word, about)| format!("{word} {about} "));
        entry.more = choices.chain([row.to_owned()]).collect();
        found.push(entry);
        parameter.inside.iter().for_each(|inner| inside(row, &format!("{name}."), inner, found));
    }
    let mut found = vec![];
    for row in TABLE {
        let mut entry = Entry::new("type", row.name, row.name, &about(row));
        // Who comes from Ansible looks for its names.
        let theirs = other_names().iter().filter(|(_, ours)| *ours == row.name).map(|(theirs, _)| *theirs);
        entry.others = theirs.collect();
        entry.more = format!("{} {}", entry.others.join(" "), row.topic.title());
        found.push(entry);
        parameters(row).iter().for_each(|parameter| inside(row.name, "", parameter, &mut found));
    }
    for helper in HELPERS {
        let mut entry = Entry::new("helper", helper.signature, helper.name, helper.doc);
        entry.more = helper.group.into();
        found.push(entry);
    }
    for fact in facts() {
        let name =
            fact.path.rsplit('.').find(|part| !["*", "0"].contains(part)).unwrap_or_default().to_owned();
        let mut entry = Entry::new("fact", &format!("facts.{}", fact.path), &name, &fact.text);
        entry.more = fact.path.replace('.', " ");
        found.push(entry);
    }
    for topic in TOPICS {
        let mut entry = Entry::new("page", &topic.asked(), topic.name, &topic.about());
        entry.others = topic.others.to_vec();
        entry.more = topic.headings();
        found.push(entry);
    }
    let mut told: Vec<(&str, &str)> = vec![];
    for level in Level::ALL {
        for keyword in level.keywords() {
            if !told.contains(&(keyword.name, keyword.about)) {
                told.push((keyword.name, keyword.about));
                let mut entry = Entry::new("keyword", keyword.name, keyword.name, keyword.about);
                entry.more = level.title().into();
                found.push(entry);
            }
        }
    }
    found
}

/// How well a word fits; 0: not at all.
fn fit(entry: &Entry, word: &str) -> u32 {
    let of_kind = match entry.kind {
        "type" => 3,
        "keyword" | "helper" => 2,
        "fact" | "page" => 1,
        _ => 0,
    };
    let parts = |text: &str| {
        text.to_lowercase().split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>()
    };
    let is_part = |text: &str| parts(text).iter().any(|part| part == word);
    let begins = |text: &str| parts(text).iter().any(|part| part.starts_with(word));
    let first = if entry.kind == "parameter" { entry.text.clone() } else { first_sentence(&entry.text) };
    let fit = if entry.name == word {
        100
    } else if entry.others.contains(&word) {
        80
    } else if is_part(&entry.name) || entry.name.starts_with(word) {
        60
    } else if is_part(&entry.more) && entry.kind == "type" {
        50
    } else if entry.name.contains(word) {
        40
    } else if is_part(&first) {
        25
    } else if is_part(&entry.more) || begins(&first) {
        15
    } else if is_part(&entry.text) || begins(&entry.text) {
        10
    } else if begins(&entry.more) || entry.text.to_lowercase().contains(word) {
        5
    } else {
        return 0;
    };
    fit + of_kind
}

/// What fits all of these words, the best first; or what fits most of them.
///
/// # Errors
/// When nothing fits any word.
pub(super) fn search(words: &[String]) -> Result<String, Diagnostic> {
    let words: Vec<String> =
        words.iter().flat_map(|word| word.split_whitespace()).map(str::to_lowercase).collect();
    let entries = entries();
    let mut found: Vec<(usize, u32, &Entry)> = vec![];
    for entry in &entries {
        let fits: Vec<u32> = words.iter().map(|word| fit(entry, word)).collect();
        let count = fits.iter().filter(|fit| **fit > 0).count();
        if count > 0 {
            let whole = first_sentence(&entry.text).to_lowercase().contains(&words.join(" "));
            let together = if words.len() > 1 && whole { 100 } else { 0 };
            found.push((count, fits.iter().sum::<u32>() + together, entry));
        }
    }
    let most = found.iter().map(|(count, ..)| *count).max().unwrap_or(0);
    found.retain(|(count, ..)| *count == most);
    found.sort_by_key(|(_, fit, _)| std::cmp::Reverse(*fit));
    if found.is_empty() {
        let error = Diagnostic::error(format!("nothing is said of `{}`", words.join(" ")));
        let names: Vec<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let near = words.iter().find_map(|word| did_you_mean(word, names.iter().copied()));
        return Err(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(
                "`doc` lists the types, `doc helpers`, `doc facts`, `doc keywords` and `doc topics` the rest",
            ),
        });
    }
    let mut out = String::new();
    if most < words.len() {
        out += &format!("Nothing has all of `{}`; these have {most}:\n\n", words.join(" "));
    }
    let left = found.len().saturating_sub(MOST);
    for (_, _, entry) in found.into_iter().take(MOST) {
        out += &format!("{} ({})\n", entry.shown, entry.kind);
        flow(&first_sentence(&entry.text), 4, 4, &mut out);
    }
    if left > 0 {
        out += &format!("\n{left} more; another word narrows it down.\n");
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(words: &str) -> String {
        let found = search(&[words.to_owned()]).unwrap();
        found.lines().next().unwrap().to_owned()
    }

    #[test]
    fn what_is_meant_comes_first() {
        for (words, wanted) in [
            ("copy", "copy (type)"),
            ("apt", "package (type)"),
            ("uri", "http (type)"),
            ("docker_compose", "compose (type)"),
            ("serial", "serial (keyword)"),
            ("upper", "upper text (helper)"),
            ("undo", "undo (page)"),
            ("rollback", "undo (page)"),
            ("shell", "shell (type)"),
            ("library", "external-resources (page)"),
            ("notify", "notify (keyword)"),
            ("copy owner", "copy: owner (parameter)"),
            ("memory total", "facts.memory.total_mb (fact)"),
            ("kernel parameter", "sysctl (type)"),
        ] {
            assert_eq!(first(words), wanted, "{words}: {}", search(&[words.to_owned()]).unwrap());
        }
    }

    #[test]
    fn what_is_not_there_gets_a_near_one() {
        let error = search(&["tempalte".into()]).unwrap_err();
        assert_eq!(error.hint.as_deref(), Some("did you mean `template`?"));
        assert!(search(&["xyzzyx".into()]).unwrap_err().hint.unwrap().contains("`doc keywords`"));
        assert!(first("copy xyzzyx").starts_with("Nothing has all of `copy xyzzyx`"));
    }
}
