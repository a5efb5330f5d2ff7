//! Archives, read from the front to the end: tar, plain or compressed by gzip, bzip2, xz or zstd, and zip.
//!
//! The formats are read here, so that what is looked at and what is unpacked are the same, and nothing is taken from a program's output.
//! The one thing left to programs (`gzip`, `xz`, ...) is to take compressed bytes apart.

pub mod choose;
pub mod folder;
mod tar;
mod zip;

#[cfg(test)]
mod tests;

use crate::child::Pipe;
use crate::reason;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};

/// What one entry of an archive becomes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File {
        size: u64,
    },
    Folder,
    Link {
        target: String,
    },
    /// Another name for a file that came before, by its path in the archive.
    Same {
        as_path: String,
    },
    /// A device, a pipe: named, and refused by who unpacks.
    Other(&'static str),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// As it is written in the archive.
    pub path: String,
    pub kind: Kind,
    /// Permission bits.
    pub mode: u32,
}

/// Receives each member with its content.
pub type Each<'a> = dyn FnMut(&Member, &mut dyn Read) -> Result<(), String> + 'a;

/// Reads an archive to its end.
///
/// # Errors
/// That it is none, or broken, and what `each` says.
pub fn read(mut file: File, each: &mut Each) -> Result<(), String> {
    let mut start = [0; 512];
    let mut filled = 0;
    while filled < start.len() {
        match file.read(&mut start[filled..]).map_err(reason)? {
            0 => break,
            n => filled += n,
        }
    }
    file.seek(SeekFrom::Start(0)).map_err(reason)?;
    let start = &start[..filled];
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        return zip::read(file, each);
    }
    let program = match start {
        [0x1f, 0x8b, ..] => "gzip",
        [b'B', b'Z', b'h', ..] => "bzip2",
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => "xz",
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
        _ if tar::is_header(start) => return tar::read(&mut BufReader::new(file), each),
        _ => return Err("it is neither a tar (plain, gz, bz2, xz, zst) nor a zip archive".into()),
    };
    let mut pipe = Pipe::start(&[program, "-dc"], file.into())?;
    match tar::read(&mut BufReader::with_capacity(64 << 10, &mut pipe), each) {
        Ok(()) => pipe.end(),
        // A broken stream ends early: what its program says of that is the reason.
        Err(why) if why == tar::CUT_SHORT => pipe.end().and(Err(why)),
        Err(why) => Err(why),
    }
}
