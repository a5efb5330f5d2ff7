//! What dpkg has begun and not ended: nothing is built on it.

use super::others;
use crate::child;
use std::time::Duration;

/// Words of apt-get that only look or fetch, or are the remedy.
const HARMLESS: &[&str] = &["update", "check", "clean", "autoclean"];

/// Packages that are neither installed nor not, with what they are. None while another is at work: it may end that.
pub fn unfinished() -> Vec<(String, &'static str)> {
    if others::lock_holder().is_some() {
        return vec![];
    }
    let format = "${Package}\\t${db:Status-Abbrev}\\n";
    let all = child::probe(&["dpkg-query", "-W", "-f", format], None, Duration::from_secs(60));
    let mut found: Vec<_> = String::from_utf8_lossy(all.stdout.bytes()).lines().filter_map(state).collect();
    // What dpkg writes down on its way, until it is done.
    let updates = std::fs::read_dir("/var/lib/dpkg/updates").into_iter().flatten().flatten();
    let numbered = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
    if updates.into_iter().any(|entry| entry.file_name().to_str().is_some_and(numbered)) {
        found.insert(0, ("dpkg".into(), "interrupted"));
    }
    found
}

fn state(line: &str) -> Option<(String, &'static str)> {
    let (name, letters) = line.split_once('\t')?;
    let state = match letters.as_bytes() {
        [_, _, b'R', ..] => "to be installed again",
        [_, b'H', ..] => "half-installed",
        [_, b'U', ..] => "unpacked but not configured",
        [_, b'F', ..] => "half-configured",
        _ => return None,
    };
    Some((name.into(), state))
}

/// Refuses to build on what is unfinished, but for its removal.
pub fn check(args: &[String]) -> Result<(), String> {
    let Some(verb) = args.iter().find(|word| !word.starts_with('-')) else { return Ok(()) };
    if HARMLESS.contains(&verb.as_str()) || args.iter().any(|word| word == "--fix-broken") {
        return Ok(());
    }
    let mut found = unfinished();
    if verb == "remove" || verb == "purge" {
        found.retain(|(name, _)| !args.contains(name));
    }
    if found.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = found.iter().map(|(name, state)| format!("{name} is {state}")).collect();
    Err(format!(
        "dpkg has left something unfinished on this host: {}. Run `dpkg --configure -a` there, or write `repair: true`",
        list.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unfinished_is_told_from_what_is_not() {
        let found: Vec<_> =
            "bad\tiF \nbase\tii \nlib\thi \nold\trc \nnew\tiU \ntrig\tiW \nhalf\tiHR\nodd\tiH \n"
                .lines()
                .filter_map(state)
                .map(|(name, state)| format!("{name} {state}"))
                .collect();
        assert_eq!(
            found,
            [
                "bad half-configured",
                "new unpacked but not configured",
                "half to be installed again",
                "odd half-installed"
            ]
        );
    }
}
