//! Looks at the machine itself.

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
        MachineProbe::Module { name } => probe(&["modinfo", "-F", "filename", "--", name], None, SOON),
    })
}
