//! The program that a command runs: where it would be, and what may bring it.

use super::Prepared;
use crate::model::{Area, Footprint, path_within};
use agent::wire::{Exec, Op, Query};

/// Where the agent looks for a program by its bare name.
const FOLDERS: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// The program as it is written, and where on the host it would be. `None` where a shell runs, or what the script itself says, and
/// where a secret says where it is.
pub fn program_of(exec: &Exec) -> Option<(String, Vec<String>)> {
    let is_secret = exec.env.iter().any(|(name, value)| name == "PATH" && value.is_secret());
    if exec.script.as_ref().is_some_and(|script| script.at == 0) || is_secret {
        return None;
    }
    let name = exec.argv.first().filter(|program| *program != "/bin/sh")?.clone();
    let from = exec.cwd.as_deref().unwrap_or("/");
    let paths = match (name.contains('/'), exec.path()) {
        (true, _) => vec![plain(from, &name)],
        (false, None) => FOLDERS.iter().map(|folder| format!("{folder}/{name}")).collect(),
        (false, Some(path)) => {
            let paths = path.split(':').map(|folder| std::path::Path::new(folder).join(&name));
            paths.map(|path| plain(from, &path.to_string_lossy())).collect()
        }
    };
    Some((name, paths))
}

/// What a task touches, with what it looks at by being run, of a command that says what it touches: whatever brings its program comes
/// before it. `is_open`: which program that is, is not known yet.
pub fn with_program(prepared: &dyn Prepared, is_open: bool) -> Footprint {
    let (mut footprint, all) = (prepared.footprint(), [Area::Everything]);
    if !prepared.is_command() || footprint.writes == all || footprint.reads == all {
        return footprint;
    }
    let program = match (prepared.runs(), prepared.look()) {
        (Some(Op::Exec { exec, .. } | Op::Job { exec, .. }), _) | (_, Some(Query::Test(exec))) => {
            program_of(&exec)
        }
        _ => None,
    };
    let (is_of_packages, paths) = match program {
        _ if is_open => (true, FOLDERS.map(String::from).to_vec()),
        // Packages own what is in `/usr` anyway, of which these two may be other names.
        Some((name, paths)) => {
            let is_within = ["/bin", "/sbin"].iter().any(|folder| path_within(&paths[0], folder));
            (is_within || !name.contains('/'), paths)
        }
        None => return footprint,
    };
    footprint.reads.extend(is_of_packages.then_some(Area::Packages));
    footprint.reads.extend(paths.into_iter().map(Area::Path));
    footprint
}

/// A path as seen from a folder, without what says nothing. What `..` leads to, only the host tells.
fn plain(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') { path.to_string() } else { format!("{folder}/{path}") };
    let names = whole.split('/').filter(|name| !name.is_empty() && *name != ".");
    names.map(|name| format!("/{name}")).collect()
}
