//! Copies for programs that read files only.

use crate::reason;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// A private folder that goes when it is dropped.
pub struct Folder(pub PathBuf);

impl Folder {
    /// Named after `what` is in it. In memory where there is such a place, since copies may hold secrets.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn make(what: &str) -> Result<Self, String> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(reason)?;
        let name = format!("provision-{what}-{:016x}", u64::from_le_bytes(random));
        let mut why = String::new();
        for parent in ["/run", "/dev/shm", "/tmp"] {
            let path = Path::new(parent).join(&name);
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => why = reason(error),
            }
        }
        Err(format!("cannot make a private folder: {why}"))
    }

    /// Writes a file, and says where it is.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<String, String> {
        let path = self.0.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| format!("cannot write a copy: {}", reason(error)))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
