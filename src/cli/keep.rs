//! Files of hosts that are kept on this machine.

use crate::resource::Keep;
use std::{io::Write, path::Path};

/// Writes a file whole or not at all, for nobody else to read.
///
/// # Errors
/// What the system says.
pub fn keep(keep: &Keep) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot write {} here: {error}", keep.path);
    let path = Path::new(&keep.path);
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    // Its mode is 0600 from the beginning.
    let mut file = tempfile::Builder::new().prefix(".fetch-").tempfile_in(folder).map_err(failed)?;
    file.write_all(keep.content.bytes()).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map(drop).map_err(|error| failed(error.error))
}
