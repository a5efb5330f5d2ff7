//! What was read for a run, as it is on disk: by that a saved plan tells whether it is still about the same files.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Digests of files, and of what programs printed that are asked for an inventory. Of what is read twice the first counts.
#[derive(Debug, Default)]
pub struct Inputs {
    files: Mutex<BTreeMap<PathBuf, [u8; 32]>>,
    printed: Mutex<BTreeMap<String, [u8; 32]>>,
}

impl Inputs {
    /// The SHA-256 of something that is read.
    pub fn digest(bytes: &[u8]) -> [u8; 32] {
        Sha256::digest(bytes).into()
    }

    /// Takes note of a file, encrypted ones as they stand on disk.
    pub fn file(&self, path: &Path, bytes: &[u8]) {
        let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        files.entry(path).or_insert_with(|| Self::digest(bytes));
    }

    /// Takes note of what a program printed; `called` is how it was called.
    pub fn printed(&self, called: String, bytes: &[u8]) {
        let mut printed = self.printed.lock().unwrap_or_else(PoisonError::into_inner);
        printed.entry(called).or_insert_with(|| Self::digest(bytes));
    }

    /// The files so far.
    pub fn all_files(&self) -> BTreeMap<PathBuf, [u8; 32]> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The programs so far.
    pub fn all_printed(&self) -> BTreeMap<String, [u8; 32]> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
