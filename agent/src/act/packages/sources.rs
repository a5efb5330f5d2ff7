//! Sources of apt whose lists an update was to fetch, and did not: the next run must notice.

use super::{APT_LISTS, Work};
use crate::act::state::{self, private_file, private_folder, safe_name};
use crate::child;
use crate::wire::PackageTool;
use rustix::fs::OFlags;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a mark stands for each source that is being fetched alone.
fn marks(state: &Path) -> PathBuf {
    state.join("unfetched")
}

fn mark(state: &Path, source: &str) -> Option<PathBuf> {
    let name = source.rsplit('/').next().filter(|name| safe_name(name))?;
    Some(marks(state).join(name))
}

/// The one source that an update is about.
fn only(args: &[String]) -> Option<&str> {
    let source = args.iter().find_map(|word| word.strip_prefix("Dir::Etc::SourceList="));
    source.filter(|_| args.first().is_some_and(|verb| verb == "update"))
}

/// Before an update: whatever ends it, its list counts as not fetched until that is known.
pub fn begun(work: &Work) -> Result<(), String> {
    let (PackageTool::AptGet, Some(source)) = (work.tool, only(work.args)) else { return Ok(()) };
    let Some(mark) = mark(work.journal.state(), source) else { return Ok(()) };
    private_folder(&marks(work.journal.state()))?;
    private_file(&mark, OFlags::WRONLY | OFlags::TRUNC).map(drop)
}

/// After an update that went well. One of all sources was one of each.
pub fn fetched(work: &Work, all: bool) {
    let state = work.journal.state();
    if all {
        let marked = fs::read_dir(marks(state)).into_iter().flatten().flatten().map(|entry| entry.path());
        marked.filter(|mark| !is_done(mark)).for_each(|mark| drop(fs::remove_file(mark)));
    } else if let Some((source, mark)) = only(work.args).and_then(|one| Some((one, mark(state, one)?))) {
        // Of a source that offers nothing, and that nobody signed, apt keeps nothing.
        let done = if lacks_lists(source) { fs::write(&mark, DONE) } else { fs::remove_file(&mark) };
        drop(done);
    }
}

const DONE: &[u8] = b"fetched\n";

fn is_done(mark: &Path) -> bool {
    fs::read(mark).is_ok_and(|text| text == DONE)
}

/// Whether the lists of this source are still to be fetched: an update of it has failed, or there are none.
pub fn is_unfetched(source: &str) -> bool {
    match state::path().ok().and_then(|state| mark(&state, source)).filter(|mark| mark.exists()) {
        Some(mark) => !is_done(&mark),
        None => lacks_lists(source),
    }
}

fn lacks_lists(source: &str) -> bool {
    let list = format!("Dir::Etc::SourceList={source}");
    // Not `-qq`: it would print nothing.
    let argv = ["apt-get", "-o", &list, "-o", "Dir::Etc::SourceParts=-", "--print-uris", "update"];
    let said = child::probe(&argv, None, Duration::from_secs(60));
    let lists = fs::read_dir(APT_LISTS).into_iter().flatten().flatten();
    let lists: Vec<String> = lists.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    said.code == 0 && is_missing(&String::from_utf8_lossy(said.stdout.bytes()), &lists)
}

/// From what apt says it would fetch: `'URI' NAME SIZE`. Only what each suite has for certain is looked for: what begins as its index.
fn is_missing(uris: &str, lists: &[String]) -> bool {
    let names = uris.lines().filter_map(|line| line.split_whitespace().nth(1));
    let mut suites = names.filter_map(|name| name.strip_suffix("InRelease"));
    suites.any(|suite| !lists.iter().any(|list| list.starts_with(suite)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_without_any_list_is_missing() {
        let uris = "'http://x.org/d/dists/s/InRelease' x.org_d_dists_s_InRelease 0 \n\
                    'http://x.org/d/dists/s/main/binary-amd64/Packages.xz' x.org_d_dists_s_main_binary-amd64_Packages 0 \n\
                    'http://x.org/d/./InRelease' x.org_d_._InRelease 0 \n";
        let lists = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let main = "x.org_d_dists_s_main_binary-amd64_Packages";
        assert!(is_missing(uris, &lists(&["lock", main])));
        assert!(!is_missing(uris, &lists(&["lock", main, "x.org_d_._Packages"])));
        assert!(!is_missing("", &[]), "a source that is switched off");
    }

    #[test]
    fn an_update_of_one_source_is_told_from_others() {
        let words = |text: &str| text.split(' ').map(String::from).collect::<Vec<_>>();
        let path = "/etc/apt/sources.list.d/x.sources";
        assert_eq!(
            only(&words(&format!("update -o Dir::Etc::SourceList={path} -o Dir::Etc::SourceParts=-"))),
            Some(path)
        );
        assert_eq!(only(&words("update")), None);
    }
}
