//! Copies for programs that read files only.

use crate::act::state::Held;
use crate::reason;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PARENTS: [&str; 3] = ["/run", "/dev/shm", "/tmp"];
const START: &str = "provision-";
/// Agents of before held nothing: theirs is over when it is as old as this.
const LONG_OVER: Duration = Duration::from_secs(3600);

/// A private folder that goes when it is dropped. Held as long as it is in use, so that what a killed agent has left is told from it.
pub struct Folder {
    pub path: PathBuf,
    _held: Held,
}

impl Folder {
    /// Named after `what` is in it. In memory where there is such a place, since copies may hold secrets.
    ///
    /// # Errors
    /// Where nothing can be written.
    pub fn make(what: &str) -> Result<Self, String> {
        let mut random = [0; 8];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(reason)?;
        let name = format!("{START}{what}.{:016x}", u64::from_le_bytes(random));
        let mut why = String::new();
        for parent in PARENTS {
            let path = Path::new(parent).join(&name);
            let made = DirBuilder::new().mode(0o700).create(&path).map_err(reason);
            match made.and_then(|()| Held::take(&path)) {
                Ok(held) => return Ok(Self { path, _held: held }),
                Err(error) => why = error,
            }
        }
        Err(format!("cannot make a private folder: {why}"))
    }

    /// Writes a file, and says where it is.
    ///
    /// # Errors
    /// As the system says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<String, String> {
        let path = self.path.join(name);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(bytes))
            .map_err(|error| format!("cannot write a copy: {}", reason(error)))?;
        Ok(path.to_string_lossy().into_owned())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Removes what agents of this user left that were killed. What a living one is at, it holds.
pub fn sweep() {
    let entries = PARENTS.iter().flat_map(|parent| fs::read_dir(parent).into_iter().flatten().flatten());
    for entry in entries {
        let Some(form) = entry.file_name().to_str().and_then(form) else { continue };
        let Ok(meta) = entry.path().symlink_metadata() else { continue };
        let ours =
            meta.is_dir() && meta.uid() == rustix::process::geteuid().as_raw() && meta.mode() & 0o077 == 0;
        let age = meta.modified().ok().and_then(|at| at.elapsed().ok()).unwrap_or_default();
        if ours
            && (form == Form::Held || age > LONG_OVER)
            && let Ok(_held) = Held::take(&entry.path())
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[derive(Debug, PartialEq)]
enum Form {
    Held,
    /// As it was named before folders were held.
    Old,
}

/// Whether a name is one that [`Folder::make`] gives.
fn form(name: &str) -> Option<Form> {
    let (what, random) = name.strip_prefix(START)?.rsplit_once(['.', '-'])?;
    let ours = !what.is_empty() && what.bytes().all(|byte| byte.is_ascii_lowercase());
    let random_is = random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_hexdigit());
    (ours && random_is)
        .then(|| if name[START.len() + what.len()..].starts_with('.') { Form::Held } else { Form::Old })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_ours_are_swept() {
        assert_eq!(form("provision-sshd.0123456789abcdef"), Some(Form::Held));
        assert_eq!(form("provision-sshd-0123456789abcdef"), Some(Form::Old));
        for other in [
            "provision-agent-47001",
            "provision-sshd.0123",
            "provision-.0123456789abcdef",
            "sshd.0123456789abcdef",
            "provision-a b.0123456789abcdef",
        ] {
            assert_eq!(form(other), None, "{other}");
        }
    }

    #[test]
    fn a_folder_in_use_stays_and_one_that_is_left_goes() {
        let used = Folder::make("test").unwrap();
        let mut left = std::mem::ManuallyDrop::new(Folder::make("test").unwrap());
        left.write("a", b"x").unwrap();
        // As when its agent is killed: the lock goes, the folder stays.
        left._held.let_go();
        sweep();
        assert!(used.path.is_dir() && !left.path.exists());
    }
}
