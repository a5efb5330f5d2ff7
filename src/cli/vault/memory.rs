//! Where plain text may lie while another program works on it: in memory, private, and wiped.

use crate::diag::Diagnostic;
use agent::secret::Secret;
use rustix::fs::{FsWord, statfs};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// File systems that live in memory.
const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;

/// `$XDG_RUNTIME_DIR`, `/dev/shm`.
pub(super) fn folders() -> Vec<PathBuf> {
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    runtime.map(PathBuf::from).into_iter().chain(["/dev/shm".into()]).collect()
}

/// A 0700 folder in memory; its files are overwritten and removed with it.
pub(super) struct PrivateFolder(PathBuf);

impl PrivateFolder {
    pub fn new(parents: &[PathBuf]) -> Result<Self, Diagnostic> {
        let mut error = Diagnostic::error("no place in memory for the decrypted text");
        for parent in parents {
            let mut builder = tempfile::Builder::new();
            let made = match is_memory(parent) {
                Ok(true) => {
                    builder.prefix("vault-").permissions(Permissions::from_mode(0o700)).tempdir_in(parent)
                }
                Ok(false) => Err(io::Error::other("not a tmpfs")),
                Err(error) => Err(error),
            };
            match made {
                Ok(folder) => return Ok(Self(folder.keep())),
                Err(cause) => error = error.cause(format!("{}: {cause}", parent.display())),
            }
        }
        Err(error.hint("mount a tmpfs on /dev/shm, or set XDG_RUNTIME_DIR to a folder on one"))
    }

    /// A file in it, which only its owner can read.
    pub fn write(&self, name: &str, text: &Secret) -> io::Result<PathBuf> {
        let path = self.0.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.expose())?;
        Ok(path)
    }

    fn wipe(&self) -> io::Result<()> {
        // Editors leave swap and backup files beside the text.
        for entry in fs::read_dir(&self.0)? {
            let path = entry?.path();
            if path.symlink_metadata()?.is_file() {
                let mut file = OpenOptions::new().write(true).open(&path)?;
                let length = file.metadata()?.len();
                io::copy(&mut io::Read::take(io::repeat(0), length), &mut file)?;
            }
        }
        Ok(())
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        let wiped = self.wipe();
        let removed = fs::remove_dir_all(&self.0);
        if let Err(error) = wiped.and(removed) {
            eprintln!("warning: cannot remove the decrypted text in {}: {error}", self.0.display());
        }
    }
}

fn is_memory(path: &Path) -> io::Result<bool> {
    Ok(matches!(statfs(path)?.f_type, TMPFS | RAMFS))
}
