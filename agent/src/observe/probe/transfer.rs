//! Digests of files, by the programs that everybody compares them with.

use crate::child::{self, Streams};
use crate::observe::file;
use crate::secret::Content;
use crate::wire::{Algorithm, Exec, Output};
use std::fs::File;

/// The digest of a regular file and a line break; exit 1 when there is none. A link is not followed.
pub fn checksum(path: &str, algorithm: Algorithm) -> Result<Output, String> {
    let Some(file) = file::regular(path)? else { return Ok(super::output(1, "")) };
    let mut output = sum(file, algorithm);
    if output.code == 0 {
        output.stdout = Content::new(hex(&output) + "\n", false);
    }
    Ok(output)
}

/// The digest of what is open, from where it stands.
///
/// # Errors
/// What the program says.
pub fn digest(file: File, algorithm: Algorithm) -> Result<String, String> {
    let output = sum(file, algorithm);
    match output.code {
        0 => Ok(hex(&output)),
        _ => Err(String::from_utf8_lossy(output.stderr.bytes()).trim().to_string()),
    }
}

fn sum(file: File, algorithm: Algorithm) -> Output {
    let exec = Exec::new([format!("{}sum", algorithm.name())]);
    let streams = Streams { stdin: Some(file), stdout: None };
    child::output_or_code(child::run_on(&exec, streams, &mut |_| {}), false)
}

/// `HEX  -`, as both programs print it.
fn hex(output: &Output) -> String {
    let said = String::from_utf8_lossy(output.stdout.bytes()).into_owned();
    said.split_whitespace().next().unwrap_or_default().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_coreutils() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a \\ b\n");
        std::fs::write(&path, "hello\n").unwrap();
        let path = path.to_str().unwrap();
        let said = |algorithm| {
            let output = checksum(path, algorithm).unwrap();
            String::from_utf8(output.stdout.bytes().to_vec()).unwrap()
        };
        let known = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03\n";
        assert_eq!(said(Algorithm::Sha256), known);
        assert_eq!(said(Algorithm::Sha512).len(), 129);
        let link = format!("{path}.link");
        std::os::unix::fs::symlink(path, &link).unwrap();
        assert_eq!(checksum(&link, Algorithm::Sha256).unwrap().code, 1, "a link is not followed");
        assert_eq!(checksum("/nowhere/at/all", Algorithm::Sha256).unwrap().code, 1);
    }
}
