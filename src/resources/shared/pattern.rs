//! Regular expressions in parameters, and what their groups are put into.

use crate::resource::Fault;
use regex::{Captures, Regex, RegexBuilder};

/// A pattern for one line.
///
/// # Errors
/// What is wrong with it; `parameter` is named.
pub fn pattern(parameter: &str, text: &str) -> Result<Regex, Fault> {
    built(parameter, &RegexBuilder::new(text))
}

/// A pattern for a whole text: `^` and `$` are the ends of each line; `dot_all`: a dot is also a line break.
///
/// # Errors
/// As [`pattern`].
pub fn pattern_of_lines(parameter: &str, text: &str, dot_all: bool) -> Result<Regex, Fault> {
    built(parameter, RegexBuilder::new(text).multi_line(true).dot_matches_new_line(dot_all))
}

fn built(parameter: &str, builder: &RegexBuilder) -> Result<Regex, Fault> {
    builder.build().map_err(|error| {
        let error = error.to_string();
        if error.contains("look-around") {
            let fault = Fault::new(format!("`{parameter}` looks around, which is not supported"));
            return fault.hint(
                "match what stands around as well and put it back by groups: `(before)old(after)` becomes `\\1new\\2`",
            );
        }
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let fault = Fault::new(format!("`{parameter}` is not a regular expression: {why}"));
        fault.hint("the syntax is that of Rust's `regex`: no look-around, no back references in the pattern")
    })
}

/// A piece of a text that groups are put into.
enum Part<'a> {
    Text(&'a str),
    /// By name or number.
    Group(&'a str),
}

/// `\1`, `\g<name>` and `\\`; with `controls` also `\n`, `\r` and `\t`. Any other backslash is one.
fn parts(text: &str, controls: bool) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        parts.push(Part::Text(before));
        let named = after.strip_prefix("g<").and_then(|name| name.split_once('>'));
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let control = match after.chars().next().filter(|_| controls) {
            Some('n') => Some("\n"),
            Some('r') => Some("\r"),
            Some('t') => Some("\t"),
            _ => None,
        };
        rest = match (named, control) {
            (Some((name, after)), _) => {
                parts.push(Part::Group(name));
                after
            }
            _ if digits > 0 => {
                parts.push(Part::Group(&after[..digits]));
                &after[digits..]
            }
            (_, Some(control)) => {
                parts.push(Part::Text(control));
                &after[1..]
            }
            _ => {
                parts.push(Part::Text("\\"));
                // A doubled backslash is one.
                after.strip_prefix('\\').unwrap_or(after)
            }
        };
    }
    parts.push(Part::Text(rest));
    parts
}

/// `text` with `\1` and `\g<name>` replaced by what the groups matched.
pub fn expand(groups: &Captures, text: &str, controls: bool) -> String {
    let group = |name: &str| match name.parse() {
        Ok(number) => groups.get(number).map_or("", |m| m.as_str()),
        Err(_) => groups.name(name).map_or("", |m| m.as_str()),
    };
    let parts = parts(text, controls).into_iter();
    parts
        .map(|part| match part {
            Part::Text(text) => text,
            Part::Group(name) => group(name),
        })
        .collect()
}

/// Refuses a text that names groups which the pattern does not have.
///
/// # Errors
/// A fault that names the parameter and the group.
pub fn check_groups(parameter: &str, regexp: &Regex, text: &str) -> Result<(), Fault> {
    for part in parts(text, true) {
        let Part::Group(name) = part else { continue };
        let there = match name.parse::<usize>() {
            Ok(number) => number < regexp.captures_len(),
            Err(_) => regexp.capture_names().flatten().any(|known| known == name),
        };
        if !there {
            let name = name.escape_debug();
            let fault =
                Fault::new(format!("`{parameter}` names the group {name}, which `regexp` does not have"));
            return Err(fault.hint("groups are in round brackets, counted from 1; `\\\\` is a backslash"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_put_in() {
        let regexp = pattern("regexp", r"(k): (?P<v>\w+)").unwrap();
        let groups = regexp.captures("k: w").unwrap();
        assert_eq!(expand(&groups, r"\1=\g<v>\g<1>\\ \q\n$1", false), r"k=wk\ \q\n$1");
        assert_eq!(expand(&groups, r"\1\n\t\2", true), "k\n\tw");
        assert!(check_groups("line", &regexp, r"\2 \g<v> \\3").is_ok());
        for bad in [r"\3", r"\g<w>"] {
            assert!(
                check_groups("line", &regexp, bad).unwrap_err().message.contains("does not have"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let message = |text| pattern("regexp", text).unwrap_err().message;
        for text in ["a(?=b)", "(?<!a)b"] {
            assert_eq!(message(text), "`regexp` looks around, which is not supported");
        }
        assert!(message("(").contains("unclosed group"));
        assert!(message(r"(a)\1").contains("backreferences"));
    }
}
