//! Mode and owner of all that is below a folder.

use super::file::{Numbers, numbers};
use super::walk::{Held, each_within};
use crate::mode::Rule;
use crate::observe::Names;
use crate::reason;
use crate::wire::{Attrs, TreeAttrs};
use rustix::fs::{AtFlags, Gid, Mode, Uid};
use rustix::io::Errno;
use std::path::Path;

/// Sets what differs. Links are passed over, and nothing that is mounted below is entered.
pub(super) fn set(wish: &TreeAttrs, names: &mut Names) -> Result<(), String> {
    let want = owners(wish, names)?;
    each_within(&wish.path, &mut |held| {
        if held.path == Path::new(&wish.path) {
            return Ok(());
        }
        let to = wanted(wish, want, &held);
        change(&held, to).map_err(|error| {
            format!("cannot set mode and owner of {}: {}", held.path.display(), reason(error))
        })
    })
}

fn owners(wish: &TreeAttrs, names: &mut Names) -> Result<Numbers, String> {
    numbers(&Attrs { mode: None, owner: wish.owner.clone(), group: wish.group.clone() }, names)
}

/// What differs of one entry.
fn wanted(wish: &TreeAttrs, want: Numbers, held: &Held) -> Numbers {
    let rule: Option<&Rule> = if held.is_folder() { wish.folders.as_ref() } else { wish.files.as_ref() };
    let stat = &held.stat;
    let now = stat.st_mode & 0o7777;
    let uid = want.uid.filter(|uid| *uid != stat.st_uid);
    let gid = want.gid.filter(|gid| *gid != stat.st_gid);
    let moves = uid.is_some() || gid.is_some();
    let kept = crate::mode::kept(now, held.is_folder(), moves);
    let mode = rule.map_or(kept, |rule| rule.of(kept, held.is_folder()));
    // A change of owner clears set-id bits: what is to be is set after it.
    Numbers { mode: (moves || mode != now).then_some(mode), uid, gid }
}

/// The paths of what differs, up to so many; `None`: there are more.
pub(super) fn differing(wish: &TreeAttrs, most: usize) -> Option<Vec<String>> {
    let want = owners(wish, &mut Names::default()).ok()?;
    let mut found = vec![];
    let walked = each_within(&wish.path, &mut |held| {
        let to = wanted(wish, want, &held);
        let differs = to.mode.is_some() || to.uid.is_some() || to.gid.is_some();
        if differs && held.path != Path::new(&wish.path) {
            found.push(held.path.to_string_lossy().into_owned());
        }
        if found.len() > most { Err("more".into()) } else { Ok(()) }
    });
    walked.ok().map(|()| found)
}

fn change(held: &Held, to: Numbers) -> Result<(), Errno> {
    let moves = to.uid.is_some() || to.gid.is_some();
    if moves {
        let (uid, gid) = (to.uid.map(Uid::from_raw), to.gid.map(Gid::from_raw));
        rustix::fs::chownat(&*held.file, "", uid, gid, AtFlags::EMPTY_PATH)?;
    }
    to.mode.map_or(Ok(()), |mode| rustix::fs::chmod(held.through(), Mode::from_raw_mode(mode)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn all_below_is_set_and_what_a_link_leads_to_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("t/d")).unwrap();
        for name in ["t/d/x", "t/run", "out"] {
            fs::write(at(name), "").unwrap();
            fs::set_permissions(at(name), PermissionsExt::from_mode(0o600)).unwrap();
        }
        fs::set_permissions(at("t/run"), PermissionsExt::from_mode(0o4711)).unwrap();
        fs::set_permissions(at("t/d"), PermissionsExt::from_mode(0o2755)).unwrap();
        symlink(at("out"), at("t/d/link")).unwrap();
        let rule = Rule::parse("g+rX,o=");
        let wish = TreeAttrs {
            path: at("t").to_str().unwrap().into(),
            folders: rule.clone(),
            files: rule,
            owner: Some("daemon".into()),
            group: None,
        };
        assert_eq!(differing(&wish, 9).unwrap().len(), 3);
        assert_eq!(differing(&wish, 2), None);
        set(&wish, &mut Names::default()).unwrap();
        let of = |name: &str| fs::metadata(at(name)).map(|meta| (meta.mode() & 0o7777, meta.uid())).unwrap();
        assert_eq!([of("t/d"), of("t/d/x"), of("t/run")], [(0o2750, 1), (0o640, 1), (0o750, 1)]);
        assert_eq!(of("out"), (0o600, 0));
        assert_eq!(fs::metadata(at("t")).unwrap().uid(), 0);
        assert_eq!(differing(&wish, 9), Some(vec![]));
    }

    /// A program of somebody else's that runs as its owner must not come to run as the new one.
    #[test]
    fn a_file_that_changes_hands_runs_as_its_owner_only_where_that_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let (path, run) = (folder.path().to_str().unwrap(), folder.path().join("run"));
        fs::write(&run, "").unwrap();
        let after = |now: u32, files: Option<&str>, owner: &str| {
            std::os::unix::fs::chown(&run, Some(1), Some(1)).unwrap();
            fs::set_permissions(&run, PermissionsExt::from_mode(now)).unwrap();
            let files = files.map(|rule| Rule::parse(rule).unwrap());
            let owner = Some(owner.to_string());
            let wish = TreeAttrs { path: path.into(), folders: None, files, owner, group: None };
            set(&wish, &mut Names::default()).unwrap();
            assert_eq!(differing(&wish, 9), Some(vec![]));
            fs::metadata(&run).unwrap().mode() & 0o7777
        };
        assert_eq!(after(0o6755, None, "root"), 0o755);
        assert_eq!(after(0o6755, Some("g-r"), "root"), 0o715);
        assert_eq!(after(0o4755, Some("u+s"), "root"), 0o4755);
        assert_eq!(after(0o4755, Some("4755"), "root"), 0o4755);
        // One that stays whose it is stays as it is.
        assert_eq!(after(0o6755, None, "daemon"), 0o6755);
    }
}
