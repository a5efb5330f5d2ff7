//! What a daemon holds and nothing uses, with the space that it takes.

use super::{Asked, LONG, answer, containers, inspect, lines, text};
use crate::calendar;
use crate::child::probe;
use crate::wire::Output;
use crate::wire::docker::{Images, Removable};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

/// In front of what is told of a thing stand when it was made and its id; behind it come the containers that use it.
const OF_CONTAINER: &str = r#"{{json .Created}} {{.Id}} {"kind":"container","id":{{json .Id}},"what":{{json .Name}},"labels":{{json .Config.Labels}}"#;
const OF_NETWORK: &str = r#"{{json .Created}} {{.Id}} {"kind":"network","id":{{json .Id}},"what":{{json .Name}},"labels":{{json .Labels}}"#;
const OF_IMAGE: &str = r#"{{json .Created}} {{.Id}} {"kind":"image","id":{{json .Id}},"what":{{json .RepoTags}},"digests":{{json .RepoDigests}},"labels":{{json .Config.Labels}}"#;

/// Networks that every daemon has.
const OWN: [&str; 3] = ["bridge", "host", "none"];

/// What takes space, a line each: the kind, the id, the size, and of the build cache what decides whether it may go.
const SIZES: &str = concat!(
    "{{range .Images}}image {{.ID}} {{.UniqueSize}}{{println}}{{end}}",
    "{{range .Containers}}container {{.ID}} {{.Size}}{{println}}{{end}}",
    "{{range .BuildCache}}cache {{.ID}} {{.Size}} {{.CacheType}} {{.InUse}} {{.Shared}} {{.CreatedAt}}/{{.LastUsedAt}}",
    "{{println}}{{end}}",
);

/// A thing as it is told, but for its end.
struct Thing {
    kind: &'static str,
    id: String,
    head: String,
}

/// What may go, with the containers that use it: whether these go as well is not known here.
pub fn removable(what: &Removable) -> Asked<Output> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
    let is_old =
        |made: &str| seconds(made.trim_matches('"')).is_some_and(|made| now - made >= what.older_s as i64);
    let mut things = vec![];
    let mut add = |kind: &'static str, ids: &BTreeMap<String, Vec<String>>, format: &str| -> Asked<()> {
        for line in inspect(kind, format, ids.keys())? {
            let mut words = line.splitn(3, ' ');
            let (Some(made), Some(id), Some(rest)) = (words.next(), words.next(), words.next()) else {
                continue;
            };
            if is_old(made) {
                let users: Vec<String> =
                    ids.get(id).into_iter().flatten().map(|id| format!("{id:?}")).collect();
                let head = format!("{rest},\"users\":[{}]", users.join(","));
                things.push(Thing { kind, id: id.into(), head });
            }
        }
        Ok(())
    };
    let alone = |ids: BTreeSet<String>| ids.into_iter().map(|id| (id, vec![])).collect();
    if what.containers {
        let [a, b, c] = &["exited", "created", "dead"].map(|status| format!("status={status}"));
        let args = ["ps", "-a", "-q", "--no-trunc", "--filter", a, "--filter", b, "--filter", c];
        add("container", &alone(lines(&args)?), OF_CONTAINER)?;
    }
    if what.networks {
        let mut ids = BTreeMap::new();
        for line in lines(&["network", "ls", "--no-trunc", "--format", "{{.ID}} {{.Scope}} {{.Name}}"])? {
            let words: Vec<&str> = line.splitn(3, ' ').collect();
            let [id, "local", name] = words[..] else { continue };
            if !OWN.contains(&name) {
                // Also the stopped ones: without the network they could not be started again.
                let users = containers(&format!("network={id}"), "{{.ID}}")?;
                ids.insert(id.to_string(), users.into_iter().collect());
            }
        }
        add("network", &ids, OF_NETWORK)?;
    }
    if what.images != Images::None {
        let dangling = (what.images == Images::Dangling).then_some(["--filter", "dangling=true"]);
        let args: Vec<&str> =
            ["image", "ls", "-q", "--no-trunc"].into_iter().chain(dangling.into_iter().flatten()).collect();
        let mut ids: BTreeMap<String, Vec<String>> = alone(lines(&args)?);
        let all = lines(&["ps", "-a", "-q", "--no-trunc"])?;
        for line in inspect("container", "{{.Image}} {{.Id}}", all.iter())? {
            if let Some((image, user)) = line.split_once(' ') {
                ids.entry(image.into()).and_modify(|users| users.push(user.into()));
            }
        }
        add("image", &ids, OF_IMAGE)?;
    }
    // Docker measures volumes as well, which may take long: it is asked only where there is something to tell the size of.
    let measures = what.cache.is_some() || things.iter().any(|thing| thing.kind != "network");
    let sizes = if measures { sizes()? } else { String::new() };
    let mut told = String::new();
    for thing in &things {
        let size = size_of(&sizes, thing).map_or_else(String::new, |size| format!(",\"size\":{size:?}"));
        told.push_str(&format!("{}{size}}}\n", thing.head));
    }
    if let Some(all) = what.cache {
        told.push_str(&cache(&sizes, all, is_old));
    }
    Ok(answer(told))
}

fn sizes() -> Asked<String> {
    let told = probe(&["docker", "system", "df", "-v", "--format", SIZES], None, LONG);
    match told.code {
        0 => Ok(text(&told.stdout)),
        127 => Err(told),
        _ => Err(Output { code: 125, ..told }),
    }
}

fn size_of<'a>(sizes: &'a str, thing: &Thing) -> Option<&'a str> {
    sizes.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let is_it = words.next() == Some(thing.kind) && words.next() == Some(&thing.id);
        words.next().filter(|size| is_it && *size != "N/A")
    })
}

/// The records of the build cache that may go, sorted.
fn cache(sizes: &str, all: bool, is_old: impl Fn(&str) -> bool) -> String {
    let mut records = BTreeSet::new();
    for line in sizes.lines() {
        let words: Vec<&str> = line.splitn(7, ' ').collect();
        let ["cache", id, size, kind, "false", shared, times] = words[..] else { continue };
        // As the builder does: what is in an image, or its own, only goes with all.
        let stays = shared == "true" || matches!(kind, "internal" | "frontend");
        let (made, used) = times.split_once('/').unwrap_or((times, ""));
        let time = if used.trim().is_empty() { made } else { used };
        // `2026-11-28 23:29:16.05 +0000 UTC`
        let time = time.split_once(" +0000").map(|(time, _)| time.replacen(' ', "T", 1) + "Z");
        if (all || !stays) && time.is_some_and(|time| is_old(&time)) {
            let head = format!("{{\"kind\":\"cache\",\"id\":{id:?},\"what\":{kind:?},\"labels\":null");
            records.insert(format!("{head},\"users\":[],\"size\":{size:?}}}\n"));
        }
    }
    records.into_iter().collect()
}

/// Seconds since 1970 of a time as JSON has it: `2026-11-28T15:55:56.852129476Z`, or with an offset.
fn seconds(time: &str) -> Option<i64> {
    let number = |range: std::ops::Range<usize>| time.get(range)?.parse::<i64>().ok();
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let zone = time.get(19..)?.trim_start_matches(|c: char| c == '.' || c.is_ascii_digit());
    let offset = match zone {
        "Z" => 0,
        zone => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let east = hours.parse::<i64>().ok()? * 3600 + minutes.parse::<i64>().ok()? * 60;
            if zone.starts_with('-') { -east } else { east }
        }
    };
    Some(calendar::number(year, month, day) * calendar::DAY + hour * 3600 + minute * 60 + second - offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As docker 20.10 tells it, through command lines of 26 and 28.
    const TOLD: &str = "image sha256:ad08 1.98MB\ncontainer 87cb 19B (virtual 1.98MB)\n\
        cache nzky source.local false false 0B\n\
        cache 9wlk 2B source.local false false 2026-11-28 23:57:04.051175423 +0000 UTC/2026-11-28 23:57:05.052609111 +0000 UTC\n\
        cache busy 2B regular true false 2026-11-28 23:57:04.051175423 +0000 UTC/2026-11-28 23:57:05.052609111 +0000 UTC\n\
        cache mxd9 1.5GB regular false true 2026-11-28 23:57:04.276237344 +0000 UTC/\n\
        cache fron 3kB frontend false false 2026-11-28 23:57:04.276237344 +0000 UTC/2026-11-29 23:57:05.120320491 +0000 UTC\n";

    #[test]
    fn of_the_build_cache_goes_what_the_builder_would_take() {
        let ids = |all: bool, is_old: fn(&str) -> bool| {
            let told = cache(TOLD, all, is_old);
            told.lines().map(|line| line.split('"').nth(7).unwrap().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(ids(false, |_| true), ["9wlk"]);
        assert_eq!(ids(true, |_| true), ["9wlk", "fron", "mxd9"]);
        assert_eq!(ids(true, |time| time.starts_with("2026-11-28T23:57:04.27")), ["mxd9"]);
        let one = cache(TOLD, false, |_| true);
        let expected =
            r#"{"kind":"cache","id":"9wlk","what":"source.local","labels":null,"users":[],"size":"2B"}"#;
        assert_eq!(one.trim(), expected);
    }

    #[test]
    fn sizes_are_of_one_kind() {
        let size = |kind, id: &str| {
            size_of(TOLD, &Thing { kind, id: id.into(), head: String::new() }).map(str::to_string)
        };
        assert_eq!(size("image", "sha256:ad08").as_deref(), Some("1.98MB"));
        assert_eq!(size("container", "87cb").as_deref(), Some("19B"));
        assert_eq!(size("network", "87cb"), None);
    }

    #[test]
    fn times_are_read() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2026-11-28T15:55:56.852129476Z", Some(1_795_881_356)),
            ("2024-02-29T23:59:60+01:30", Some(1_709_245_800)),
            ("2026-11-28T10:55:56-05:00", Some(1_795_881_356)),
            ("0001-01-01T00:00:00Z", Some(-62_135_596_800)),
            ("yesterday", None),
            ("2026-11-28T15:55:56", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
