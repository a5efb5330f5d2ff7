//! Where files come from: given by the caller, so that loading can be tested and knows no passwords.

use crate::{diag::Diagnostics, yaml::Node};
use std::{io, path::Path};

/// The files of a project. Paths are as the user would write them, relative to the working folder or absolute.
pub trait Files {
    /// The content of a file.
    ///
    /// # Errors
    /// As the system says.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// Whether this is a file that can be read.
    fn is_file(&self, path: &Path) -> bool;
    /// The names in a folder, sorted; none when it isn't there.
    fn list(&self, folder: &Path) -> Vec<String>;
    /// A YAML file with its vault values opened. What is wrong with it goes into `errors`.
    fn yaml(&self, path: &Path, errors: &mut Diagnostics) -> Option<Node>;
}
