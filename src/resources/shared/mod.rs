//! What several resource types have in common. Types do not use each other; they use this.

pub mod account;
mod act;
pub mod armed;
pub mod checksum;
mod claims;
pub mod device;
pub mod docker;
pub mod dotenv;
mod edit;
mod file;
mod found;
pub mod fstab;
mod lines;
mod list;
mod merge;
pub mod network;
mod path;
mod pattern;
pub mod postgres;
pub mod remote;
mod run;
pub mod scram;
mod touch;
pub mod unit;
pub mod url;
pub mod way_in;
mod words;

use crate::{
    model::{Area, path_within},
    resource::{Observe, Pause, Seen},
};
use agent::wire::Attrs;

pub use act::{Act, check_host};
pub use claims::{file_claims, secret_claim, secret_file_claims, unit_claim};
pub use edit::{Edited, Presence, Validate, body, line_break, place, position};
pub use file::{
    FileState, What, attrs, content_ops, link_ops, no_file_to_preserve, observe_bytes, observe_content,
    observe_edited, observe_entry, owners, owners_of, parent_there, roots, same_owner, written_attrs,
};
pub use found::entries;
pub use lines::own_lines;
pub use list::{Names, OneOrMany};
pub use merge::merge;
pub use path::{HostPath, file_path};
pub use pattern::{check_groups, expand, pattern, pattern_of_lines, pattern_to_send};
pub use run::{CONTENT, CommandLine, GUARDS, LOOKS, Params, words_of_bash};
pub use touch::Touch;
pub use words::{Words, join};

/// What packages bring and take: files, units and accounts; which, nobody knows before. `/srv`, `/home` and the rest of `/var`
/// they leave to the administrator, so that tasks there need not wait.
pub fn package_areas() -> impl Iterator<Item = Area> {
    let folders = ["/boot", "/etc", "/lib", "/opt", "/usr"].into_iter();
    let var = ["/var/cache", "/var/lib", "/var/log", "/var/spool", "/var/www"];
    let paths = folders.chain(var).map(|path| Area::Path(path.into()));
    [Area::Packages, Area::Accounts].into_iter().chain(paths)
}

/// That nothing is at a path now, which says nothing of later: packages of an earlier task may bring what is there.
///
/// # Errors
/// [`Pause::NotYet`] where that is so.
pub fn nothing_comes(path: &HostPath, seen: &Seen) -> Observe<()> {
    let why = format!("nothing is at {path} yet, and packages may bring what is there");
    // Debian's policy keeps /usr/local free of packages.
    let is_local = path_within(path, "/usr/local");
    let is_of_packages = !is_local && package_areas().any(|area| area.overlaps(&path.area()));
    match is_of_packages && seen.packages_may_bring(path) {
        true => Err(Pause::NotYet(why)),
        false => Ok(()),
    }
}

/// What is at a path where nothing is to be.
///
/// # Errors
/// As [`observe_bytes`] and [`nothing_comes`].
pub fn observe_going(path: &HostPath, seen: &Seen) -> Observe<FileState> {
    let state = observe_bytes(path, &Attrs::default(), false, seen)?;
    if state.what.is_none() {
        nothing_comes(path, seen)?;
    }
    Ok(state)
}

/// Largest file in bytes that is read to be shown, or since it is the system's own.
pub const READ_LIMIT: u64 = 1 << 20;
/// Largest file in bytes that is edited.
pub const EDIT_LIMIT: u64 = 16 << 20;
