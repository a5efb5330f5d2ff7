//! Where files come from: given by the caller, so that loading can be tested and knows no passwords.

use crate::{
    diag::{Diagnostic, Diagnostics},
    yaml::Node,
};
use agent::secret::{Content, Secret};
use std::path::Path;

/// A question to a program of the project.
pub struct Call<'a> {
    pub program: &'a Path,
    /// Its argument.
    pub verb: &'a str,
    /// What it reads on stdin.
    pub input: &'a [u8],
    /// It must end in this time.
    pub seconds: u64,
    /// Nothing that it complains about is shown.
    pub secret: bool,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileKind {
    File {
        executable: bool,
    },
    Folder,
    /// With what it points to.
    Link(String),
    Other,
}

/// The files of a project. Paths are as the user would write them, relative to the working folder or absolute.
pub trait Files: Send + Sync {
    /// The content of a file; that of a vault is decrypted, and secret. What is wrong with it goes into `errors`.
    fn read(&self, path: &Path, errors: &mut Diagnostics) -> Option<Content>;
    /// What is at a path, without following a link; `None` when nothing is.
    fn kind(&self, path: &Path) -> Option<FileKind>;
    /// The permission bits of a file, of what a link points to; `None` when there is none.
    fn mode(&self, path: &Path) -> Option<u32>;
    /// Whether this is a file that can be read.
    fn is_file(&self, path: &Path) -> bool;
    /// The names in a folder, sorted; none when it isn't there.
    fn list(&self, folder: &Path) -> Vec<String>;
    /// A YAML file with its vault values opened. What is wrong with it goes into `errors`.
    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node>;
    /// Opens the vault values in a tree that comes from no file, and takes its `!secret` values up.
    fn open(&self, node: &mut Node, errors: &mut Diagnostics);

    /// Runs a program of the project on this machine; what it prints.
    ///
    /// # Errors
    /// That it does not start, does not end in time, prints too much, or fails.
    fn call(&self, call: &Call) -> Result<Secret, Diagnostic> {
        let program = call.program.display();
        Err(Diagnostic::error(format!("`{program}` cannot be run: no programs are run here")))
    }
}
