//! `--fact-cache`: facts of hosts kept from run to run, one file for each host.

use crate::{
    diag::{Diagnostic, Diagnostics},
    engine::{Around, Events, Open, Opened},
    event::Event,
    model::Origin,
    plan::Seat,
    site::Place,
};
use agent::wire::{Facts, facts::FORM};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, HashSet},
    io::{Read, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// A host's name as that of a file: whatever it holds, it is no path.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');
/// No host has as many facts.
const LARGEST: u64 = 16 << 20;

#[derive(Clone, Debug, clap::Args)]
pub struct FactCache {
    /// Folder that keeps the facts of hosts from run to run, for `hostvars.NAME.facts` of hosts that this run does not reach
    #[arg(long, value_name = "DIR")]
    fact_cache: Option<PathBuf>,
    /// How old kept facts may be: `90m`, `24h`, `7d`
    #[arg(long, value_name = "AGE", default_value = "24h", value_parser = age)]
    fact_cache_age: u64,
}

/// What a file holds.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    /// [`FORM`]: what other versions keep is not read.
    form: u32,
    host: String,
    /// Seconds since 1970, by the controller's clock.
    gathered: u64,
    facts: Facts,
}

/// As seconds.
pub(super) fn age(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no age such as `90m`, `24h` or `7d`");
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let factor = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return Err(wrong()),
    };
    number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)
}

impl FactCache {
    /// The facts that are fresh enough, by host, and what is odd among the files.
    ///
    /// # Errors
    /// A folder that is none, or cannot be read.
    pub fn read(&self, now: u64) -> Result<(BTreeMap<String, Facts>, Diagnostics), Diagnostic> {
        let (mut facts, mut odd) = (BTreeMap::new(), Diagnostics::default());
        let Some(folder) = &self.fact_cache else { return Ok((facts, odd)) };
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            // The first run makes it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok((facts, odd)),
            Err(error) => {
                let error = Diagnostic::error(format!("cannot read the fact cache {}", folder.display()))
                    .cause(error);
                return Err(error.hint("`--fact-cache` names a folder"));
            }
        };
        let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|end| end == "json"));
        paths.sort();
        for path in paths {
            match kept(&path) {
                Ok(kept) if kept.form != FORM => {}
                // A clock that was set back says nothing about the age.
                Ok(kept) if kept.gathered > now || now - kept.gathered > self.fact_cache_age => {}
                Ok(kept) => drop(facts.insert(kept.host, kept.facts)),
                Err(why) => {
                    let warning =
                        Diagnostic::lint("kept-facts-unusable", "kept facts cannot be used").cause(why);
                    odd.push(
                        warning
                            .at(&Origin::named(&path.display().to_string()))
                            .hint("the next run that reaches the host writes them anew"),
                    );
                }
            }
        }
        Ok((facts, odd))
    }

    /// Links that keep the facts of each host they reach.
    pub fn around(&self, links: Arc<dyn Open>, now: u64, events: Events) -> Arc<dyn Open> {
        match &self.fact_cache {
            Some(folder) => {
                Arc::new(Keeping { links, folder: folder.clone(), now, events, done: Mutex::default() })
            }
            None => links,
        }
    }
}

fn file(folder: &Path, host: &str) -> PathBuf {
    folder.join(format!("{}.json", utf8_percent_encode(host, PLAIN)))
}

fn kept(path: &Path) -> Result<Kept, String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    file.take(LARGEST).read_to_string(&mut text).map_err(|error| error.to_string())?;
    // What another version kept may hold anything else.
    let json: serde_json::Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    if json["form"].as_u64().is_some_and(|form| form != u64::from(FORM)) {
        return Ok(Kept { form: 0, host: String::new(), gathered: 0, facts: Facts::default() });
    }
    let kept: Kept = serde_json::from_value(json).map_err(|error| error.to_string())?;
    let folder = path.parent().unwrap_or(Path::new(""));
    if self::file(folder, &kept.host) != path {
        return Err(format!("they are those of `{}`, by another name", kept.host));
    }
    Ok(kept)
}

/// Writes a file whole or not at all, readable by its owner only.
fn keep(folder: &Path, host: &str, now: u64, facts: &Facts) -> std::io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let kept = Kept { form: FORM, host: host.into(), gathered: now, facts: facts.clone() };
    let mut new = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
    new.write_all(serde_json::to_string_pretty(&kept)?.as_bytes())?;
    new.persist(file(folder, host)).map_err(|error| error.error)?;
    Ok(())
}

struct Keeping {
    links: Arc<dyn Open>,
    folder: PathBuf,
    now: u64,
    events: Events,
    done: Mutex<HashSet<String>>,
}

impl Around for Keeping {
    fn links(&self) -> &dyn Open {
        &*self.links
    }

    fn opened(&self, host: &str, seat: &Seat, opened: &Opened) {
        let is_first = || self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(host.to_string());
        if seat.place == Place::Host
            && is_first()
            && let Err(error) = keep(&self.folder, host, self.now, &opened.facts)
        {
            let message = format!("the facts cannot be kept in {}: {error}", self.folder.display());
            (self.events)(Event::Warning { host: Some(host.into()), message });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn cache(folder: &Path, age: u64) -> FactCache {
        FactCache { fact_cache: Some(folder.to_path_buf()), fact_cache_age: age }
    }

    #[test]
    fn ages_are_written_with_a_unit() {
        assert_eq!((age("24h"), age("90m"), age("7d")), (Ok(86_400), Ok(5400), Ok(604_800)));
        for text in ["", "24", "h", "-1h", "1y", "99999999999999999999d", "2é"] {
            assert!(age(text).is_err(), "{text}");
        }
    }

    #[test]
    fn facts_are_kept_for_their_owner_and_for_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("a/b");
        let facts = Facts { hostname: "web".into(), ..Facts::default() };
        let names = ["web1", "../../etc/x", "ein Wirt"];
        for host in names {
            keep(&inner, host, 1000, &facts).unwrap();
        }
        assert_eq!(std::fs::read_dir(&inner).unwrap().count(), names.len());
        assert_eq!(inner.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(file(&inner, "web1").metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let (found, odd) = cache(&inner, 60).read(1060).unwrap();
        assert_eq!(found.keys().map(String::as_str).collect::<Vec<_>>(), ["../../etc/x", "ein Wirt", "web1"]);
        assert!(odd.0.is_empty() && found["web1"] == facts);
        assert!(cache(&inner, 60).read(1061).unwrap().0.is_empty());
        assert!(cache(&inner, 60).read(999).unwrap().0.is_empty());
    }

    #[test]
    fn what_is_damaged_or_from_another_version_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        keep(folder.path(), "good", 1, &Facts::default()).unwrap();
        let good = std::fs::read_to_string(path("good.json")).unwrap();
        std::fs::write(path("cut.json"), &good[..good.len() / 2]).unwrap();
        std::fs::write(path("other.json"), &good).unwrap();
        std::fs::write(
            path("typed.json"),
            good.replace("\"good\"", "\"typed\"").replace("\"uid\": 0", "\"uid\": \"root\""),
        )
        .unwrap();
        std::fs::write(path("newer.json"), good.replace(&format!("\"form\": {FORM}"), "\"form\": 999"))
            .unwrap();
        std::fs::write(path("notes.txt"), "mine").unwrap();
        let (found, odd) = cache(folder.path(), 60).read(1).unwrap();
        assert_eq!(found.keys().collect::<Vec<_>>(), ["good"]);
        assert_eq!(odd.0.len(), 3, "{odd:?}");
        let (found, _) = cache(&path("nowhere"), 60).read(1).unwrap();
        assert!(found.is_empty());
        assert!(cache(&path("notes.txt"), 60).read(1).is_err());
    }
}
