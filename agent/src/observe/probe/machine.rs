//! Looks at the machine itself.

mod device;
mod filesystem;
mod mount;
mod swap;

use super::{SOON, output};
use crate::child::probe;
use crate::wire::{MachineProbe, Output};

pub fn run(question: &MachineProbe) -> Result<Output, String> {
    Ok(match question {
        MachineProbe::Mounted { path, source, bind } => {
            let info = std::fs::read_to_string("/proc/self/mountinfo")
                .map_err(|error| format!("cannot read the table of mounts: {}", crate::reason(error)))?;
            output(0, mount::look(&info, path, source, *bind))
        }
        MachineProbe::Locales => probe(&["locale", "-a"], None, SOON),
        MachineProbe::Filesystem { device } => output(0, filesystem::look(device)?),
        MachineProbe::Swap { path, size } => output(0, swap::look(path, *size)?),
        MachineProbe::MountsIn { path } => output(0, mounts_in(std::path::Path::new(path))),
        MachineProbe::Module { name } => probe(&["modinfo", "-F", "filename", "--", name], None, SOON),
    })
}

fn mounts_in(path: &std::path::Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    let folder = path.parent().and_then(|folder| folder.canonicalize().ok());
    let real =
        folder.zip(path.file_name()).map_or_else(|| path.to_path_buf(), |(folder, name)| folder.join(name));
    let mounts = crate::act::mounts().into_iter().filter(|mount| mount.starts_with(&real));
    mounts.flat_map(|mount| [mount.as_os_str().as_bytes(), b"\n"].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::mounts_in;

    #[test]
    fn what_is_mounted_below_is_told() {
        let text = |path: &str| String::from_utf8(mounts_in(path.as_ref())).unwrap();
        assert!(text("/proc").lines().any(|line| line == "/proc"));
        assert_eq!(text("/proc/self/status"), "");
    }
}
