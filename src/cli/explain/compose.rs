//! The text of a compose file, as far as it tells which lines are about a service. What is not known yet may stand in it, so it is not parsed.

use std::collections::BTreeSet;

/// The names of its services.
pub(super) fn services(lines: &[&str]) -> Vec<String> {
    let Some(start) = lines.iter().position(|line| line.trim_end() == "services:") else { return vec![] };
    let below = lines[start + 1..].iter().take_while(|line| is_inside(line, 0));
    let (mut names, mut depth) = (vec![], None);
    for line in below.filter(|line| is_content(line)) {
        if indent(line) == *depth.get_or_insert(indent(line))
            && let Some(name) = line.trim().strip_suffix(':')
        {
            names.push(name.trim_matches(['"', '\'']).to_string());
        }
    }
    names
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

fn is_content(line: &str) -> bool {
    let line = line.trim_start();
    !line.is_empty() && !line.starts_with('#')
}

/// Whether a line belongs to what stands at this indentation.
fn is_inside(line: &str, at: usize) -> bool {
    !is_content(line) || indent(line) > at
}

/// The lines of a compose file that are about a service, with what it takes over from elsewhere in the file (`*alias`).
pub(super) fn section(lines: &[&str], service: &str) -> BTreeSet<usize> {
    let mut own = BTreeSet::new();
    let Some(services) = lines.iter().position(|line| line.trim_end() == "services:") else { return own };
    let is_key = |line: &str| {
        line.trim().strip_suffix(':').is_some_and(|name| name.trim_matches(['"', '\'']) == service)
    };
    let mut starts: Vec<usize> = lines
        .iter()
        .enumerate()
        .skip(services + 1)
        .take_while(|(_, line)| is_inside(line, 0))
        .filter(|(_, line)| is_key(line))
        .map(|(at, _)| at)
        .take(1)
        .collect();
    while let Some(start) = starts.pop() {
        let depth = indent(lines[start]);
        let behind = lines.iter().enumerate().skip(start + 1).take_while(|(_, line)| is_inside(line, depth));
        for at in [start].into_iter().chain(behind.map(|(at, _)| at)) {
            if !own.insert(at) {
                continue;
            }
            for word in lines[at].split([' ', ',', ']', '[', '}']).filter_map(|word| word.strip_prefix('*')) {
                let anchor = format!("&{word}");
                starts.extend(lines.iter().position(|line| line.split_whitespace().any(|w| w == anchor)));
            }
        }
    }
    own
}

/// The names in `${NAME}` and its like.
pub(super) fn placeholders(line: &str, found: &mut BTreeSet<String>) {
    for part in line.split("${").skip(1) {
        let end = part.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(part.len());
        found.insert(part[..end].to_string());
    }
}
