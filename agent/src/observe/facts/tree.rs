//! The files that facts are read from, below a root.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

/// More than any of these files has; a host's file may be anything.
const LONGEST: u64 = 2 << 20;

pub struct Tree(PathBuf);

impl Tree {
    pub fn new(root: impl AsRef<Path>) -> Self {
        Self(root.as_ref().to_path_buf())
    }

    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        self.0.join(path)
    }

    /// A file's text; empty when there is none that can be read.
    pub fn read(&self, path: &str) -> String {
        let mut bytes = vec![];
        let file = fs::File::open(self.path(path));
        let read = file.and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        if read.is_err() {
            return String::new();
        }
        String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }

    /// The first line of a file, without white space around it.
    pub fn line(&self, path: &str) -> String {
        // One look: there are some dozens of these files, and each holds a word.
        let mut buffer = [0; 1024];
        let count = fs::File::open(self.path(path)).and_then(|mut file| file.read(&mut buffer)).unwrap_or(0);
        let text = String::from_utf8_lossy(&buffer[..count]);
        text.lines().next().unwrap_or_default().trim_matches(['\0', ' ', '\t']).to_string()
    }

    pub fn number(&self, path: &str) -> Option<u64> {
        self.line(path).parse().ok()
    }

    /// Names in a folder, sorted.
    pub fn names(&self, path: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(path)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort_unstable();
        names
    }

    pub fn exists(&self, path: &str) -> bool {
        self.path(path).exists()
    }

    pub fn is_folder(&self, path: &str) -> bool {
        self.path(path).is_dir()
    }

    /// Where a link leads, as it is written.
    pub fn target(&self, path: &str) -> Option<PathBuf> {
        fs::read_link(self.path(path)).ok()
    }
}
