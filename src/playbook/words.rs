//! Parameters that Ansible takes out of a line: `command: make creates=/x`, `debug: msg=hi`.

use crate::{
    diag::Diagnostic,
    yaml::{Entry, Node},
};

const OF_COMMANDS: &[&str] = &["creates", "removes", "chdir", "executable", "stdin", "warn"];
const OF_DEBUG: &[&str] = &["msg", "var"];

/// A line with parameters in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What is left without them.
    pub rest: String,
    /// Without the quotes around a value.
    pub parameters: Vec<(&'static str, String)>,
}

/// The parameters at the beginning and at the end of a line; `None` when there are none, or when the resource takes none there.
pub fn parameters_in(resource: &str, text: &str) -> Option<Line> {
    let names = match resource {
        "command" | "shell" => OF_COMMANDS,
        "debug" => OF_DEBUG,
        _ => return None,
    };
    let words = words(text);
    let read = |word: &(usize, usize)| {
        let (name, value) = text[word.0..word.1].split_once('=')?;
        let name = names.iter().find(|known| **known == name)?;
        Some((*name, unquoted(value)))
    };
    let first: Vec<_> = words.iter().map_while(read).collect();
    let middle = &words[first.len()..];
    let mut last: Vec<_> = middle.iter().rev().map_while(read).collect();
    last.reverse();
    let middle = &middle[..middle.len() - last.len()];
    let rest = middle.first().zip(middle.last()).map_or("", |(first, last)| &text[first.0..last.1]);
    let parameters: Vec<_> = first.into_iter().chain(last).collect();
    // `debug: var=x y` is no more than a text.
    let is_line = !parameters.is_empty() && (resource != "debug" || rest.is_empty());
    is_line.then(|| Line { rest: rest.to_owned(), parameters })
}

impl Line {
    /// As it is written here, for a hint.
    fn written(&self, resource: &str) -> String {
        if resource == "debug" {
            let (name, value) = &self.parameters[0];
            return match *name {
                "var" => format!("debug: \"{{{{to_json {value}}}}}\""),
                _ => format!("debug: {{msg: {}}}", quoted(value)),
            };
        }
        // A command has no shell.
        let is_known = |name: &str| name != "warn" && (name != "executable" || resource == "shell");
        let known = self.parameters.iter().filter(|(name, _)| is_known(name));
        let known: String = known.map(|(name, value)| format!(", {name}: {}", quoted(value))).collect();
        format!("{resource}: {{cmd: {}{known}}}", quoted(&self.rest))
    }
}

/// What is wrong with a line that holds parameters. `free`: what a bare text stands for.
pub(super) fn check(resource: &str, free: &str, entry: &Entry) -> Option<Diagnostic> {
    let node: &Node = &entry.node;
    if free == "name" {
        return check_name(resource, node);
    }
    let line = parameters_in(resource, node.as_str()?)?;
    let (name, _) = line.parameters[0];
    let what = if resource == "debug" { "the message" } else { "the command" };
    let error = Diagnostic::error(format!("`{name}=` would be a part of {what} here")).at(&node.origin);
    let written = match node.secret || node.origin.source.secret {
        true => format!("write `{name}:` on a line of its own below `{resource}:`"),
        false => format!("write `{}`", line.written(resource)),
    };
    let has = |wanted: &str| line.parameters.iter().any(|(name, _)| *name == wanted);
    Some(match (has("executable") && resource == "command", has("warn")) {
        (true, _) => error.hint(format!("{written}: only `shell` takes `executable`")),
        (_, true) => error.hint(format!("{written}: no command is warned of")),
        _ => error.hint(written),
    })
}

/// A name in which parameters stand: `package: name=htop state=latest`. Each name ends at a `=`, and none has white space.
fn check_name(resource: &str, node: &Node) -> Option<Diagnostic> {
    let text = node.as_str()?.trim();
    let pairs: Option<Vec<_>> = words(text).iter().map(|word| text[word.0..word.1].split_once('=')).collect();
    let pairs = pairs.filter(|pairs| pairs.len() > 1 || pairs.iter().any(|(name, _)| *name == "name"))?;
    let error = Diagnostic::error(format!("parameters of `{resource}` in one text")).at(&node.origin);
    if node.secret || node.origin.source.secret {
        return Some(error.hint("write them below it, one a line: `key: value`"));
    }
    let pair = |(name, text): (&str, &str)| format!("{name}: {}", in_mapping(name, &unquoted(text)));
    let pairs: Vec<_> = pairs.into_iter().map(pair).collect();
    Some(error.hint(format!("write `{resource}: {{{}}}`", pairs.join(", "))))
}

/// Where words are: white space inside of quotes and braces does not end them.
fn words(text: &str) -> Vec<(usize, usize)> {
    let (mut found, mut start, mut quote, mut braces) = (vec![], None, None, 0_usize);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (Some(open), c) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '{') => braces += 1,
            (None, '}') => braces = braces.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() && quote.is_none() && braces == 0 {
            found.extend(start.take().map(|start| (start, at)));
        } else if start.is_none() {
            start = Some(at);
        }
    }
    found.extend(start.map(|start| (start, text.len())));
    found
}

fn unquoted(value: &str) -> String {
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    inner.unwrap_or(value).to_owned()
}

/// The value of a parameter as a mapping has it: truth in the words of YAML, and in quotes what YAML would take for something else. Whole
/// numbers are numbers where they are no mode.
pub(super) fn in_mapping(key: &str, value: &str) -> String {
    let is_digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_number = is_digits && (value == "0" || !value.starts_with('0')) && !key.ends_with("mode");
    let is_word = value.starts_with(|c: char| c.is_alphabetic() || c == '/')
        && value.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    match value.to_ascii_lowercase().as_str() {
        "yes" | "true" | "on" => "true".into(),
        "no" | "false" | "off" => "false".into(),
        "null" => quoted(value),
        _ if is_number || is_word => value.to_owned(),
        _ => quoted(value),
    }
}

/// A string in YAML, in quotes where it might need them.
pub(crate) fn quoted(text: &str) -> String {
    let plain = text.starts_with('/') && text.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(resource: &str, text: &str) -> Option<(String, String)> {
        let line = parameters_in(resource, text)?;
        let parameters: Vec<String> = line.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect();
        Some((line.rest, parameters.join("|")))
    }

    #[test]
    fn values_are_written_so_that_they_mean_the_same() {
        for (key, value, written) in [
            ("mode", "0755", "\"0755\""),
            ("mode", "755", "\"755\""),
            ("directory_mode", "750", "\"750\""),
            ("mode", "u=rw,g=r", "\"u=rw,g=r\""),
            ("port", "22", "22"),
            ("timeout", "0", "0"),
            ("version", "1.10", "\"1.10\""),
            ("force", "no", "false"),
            ("force", "True", "true"),
            ("state", "null", "\"null\""),
            ("name", "python3-apt", "python3-apt"),
            ("name", "*", "\"*\""),
            ("path", "/tmp/x", "/tmp/x"),
            ("line", "", "\"\""),
        ] {
            assert_eq!(in_mapping(key, value), written, "{key}={value}");
        }
    }

    #[test]
    fn parameters_stand_at_both_ends_of_a_line() {
        let found = |rest: &str, parameters: &str| Some((rest.to_owned(), parameters.to_owned()));
        assert_eq!(
            read("command", "make  all creates=/x chdir='/a b'"),
            found("make  all", "creates=/x|chdir=/a b")
        );
        assert_eq!(read("shell", "chdir={{ a }}/b make"), found("make", "chdir={{ a }}/b"));
        assert_eq!(read("shell", "creates=/x"), found("", "creates=/x"));
        assert_eq!(read("debug", "msg=\"it is\""), found("", "msg=it is"));
        for (resource, text) in [
            ("shell", "dd if=/a of=/b"),
            ("shell", "echo creates=/x | cat"),
            ("shell", "echo 'a creates=/x'"),
            ("debug", "the variable var=1 is"),
            ("debug", "msg=hi there"),
            ("copy", "creates=/x"),
            ("command", ""),
        ] {
            assert_eq!(read(resource, text), None, "{text}");
        }
    }
}
