//! The lines of `/etc/locale.gen` and of the file of variables.

use indexmap::IndexMap;

/// As `locale -a` writes a name: `de_DE.utf8`.
pub fn plain(name: &str) -> String {
    let (name, variant) = name.split_once('@').map_or((name, None), |(name, at)| (name, Some(at)));
    let (language, set) = name.split_once('.').map_or((name, None), |(name, set)| (name, Some(set)));
    let set = set.map(|set| {
        let letters = set.chars().filter(char::is_ascii_alphanumeric);
        format!(".{}", letters.collect::<String>().to_ascii_lowercase())
    });
    let variant = variant.map(|variant| format!("@{variant}")).unwrap_or_default();
    format!("{language}{}{variant}", set.unwrap_or_default())
}

/// Name and character set of a line, and whether it counts.
pub fn entry(line: &str) -> Option<(&str, &str, bool)> {
    let bare = line.trim_start_matches(['#', ' ', '\t']);
    let mut words = bare.split_whitespace();
    let (name, set) = (words.next()?, words.next()?);
    words.next().is_none().then_some((name, set, !line.trim_start().starts_with('#')))
}

/// The variable that a line sets.
pub fn variable(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.trim().split_once('=')?;
    let is_key = key.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    is_key.then(|| (key, value.trim().trim_matches(['"', '\''])))
}

/// The list with these locales in it, or without them.
pub fn edit_list(text: &str, sets: &[(String, String)], wanted: bool) -> String {
    let mut lines: Vec<String> = text.lines().map(Into::into).collect();
    for (name, set) in sets {
        let is_it =
            |line: &String| entry(line).is_some_and(|(known, other, _)| known == name && other == set);
        let counts = |line: &String| entry(line).is_some_and(|(.., counts)| counts);
        let line = format!("{name} {set}");
        if !wanted {
            for old in lines.iter_mut().filter(|line| is_it(line) && counts(line)) {
                *old = format!("# {line}");
            }
        } else if !lines.iter().any(|line| is_it(line) && counts(line)) {
            match lines.iter().position(is_it) {
                Some(at) => lines[at] = line,
                None => lines.push(line),
            }
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

pub fn edit_variables(text: &str, wanted: &IndexMap<&str, Option<&str>>) -> String {
    let mut left = wanted.clone();
    let mut new = String::new();
    for line in text.lines() {
        match variable(line).filter(|(key, _)| wanted.contains_key(key)) {
            Some((key, _)) => {
                if let Some(Some(value)) = left.shift_remove(key) {
                    new += &format!("{key}={value}\n");
                }
            }
            None => new += &format!("{line}\n"),
        }
    }
    for (key, value) in left.iter().filter_map(|(key, value)| Some((key, (*value)?))) {
        new += &format!("{key}={value}\n");
    }
    new
}
