//! The zip format. Its members are compressed as gzip compresses: all of them go through one `gzip -dc`, each with the frame of a gzip
//! file around it, which also has its checksum looked at.

use super::{Each, Kind, Member};
use crate::child::Pipe;
use crate::reason;
use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::fs::FileExt;

const END: &[u8] = b"PK\x05\x06";
/// The end may have a comment behind it, of at most so many bytes.
const MOST_BEHIND: u64 = 22 + 65535;
/// Of a link's target.
const MOST_TARGET: u64 = 4096;

struct Entry {
    path: String,
    mode: u32,
    kind: u32,
    deflated: bool,
    crc: u32,
    compressed: u64,
    size: u64,
    offset: u64,
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?).into())
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?).into())
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}

fn at(file: &File, offset: u64, length: usize) -> Result<Vec<u8>, String> {
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(|_| "the archive is cut short".to_string())?;
    Ok(bytes)
}

/// Reads all members.
///
/// # Errors
/// That it is no zip archive, or a broken one, and what `each` says.
pub fn read(file: File, each: &mut Each) -> Result<(), String> {
    let entries = directory(&file)?;
    let deflated: Vec<(u64, u64, u32, u64)> = entries
        .iter()
        .filter(|entry| entry.deflated)
        .map(|entry| Ok((content_at(&file, entry)?, entry.compressed, entry.crc, entry.size)))
        .collect::<Result<_, String>>()?;
    let mut pipe = None;
    if !deflated.is_empty() {
        let (from, to) = std::io::pipe().map_err(reason)?;
        let copy = file.try_clone().map_err(reason)?;
        // Ends when all is written, or when nobody reads any more.
        std::thread::spawn(move || feed(&copy, &deflated, to));
        pipe = Some(Pipe::start(&["gzip", "-dc"], from.into())?);
    }
    let read = members(&file, &entries, &mut pipe, each);
    let end = match pipe {
        Some(mut pipe) if read.is_ok() => {
            let rest = std::io::copy(&mut pipe, &mut std::io::sink()).map_err(reason)?;
            pipe.end().and(if rest == 0 { Ok(()) } else { Err("the archive holds more than it says".into()) })
        }
        _ => Ok(()),
    };
    read.and(end)
}

fn members(file: &File, entries: &[Entry], pipe: &mut Option<Pipe>, each: &mut Each) -> Result<(), String> {
    for entry in entries {
        let mut plain;
        let mut content: Box<dyn Read + '_> = match pipe.as_mut().filter(|_| entry.deflated) {
            Some(pipe) => Box::new(pipe.take(entry.size)),
            None => {
                plain = Stored { file, at: content_at(file, entry)?, left: entry.size, crc: !0 };
                Box::new(&mut plain)
            }
        };
        let kind = match entry.kind {
            0o040000 => Kind::Folder,
            _ if entry.path.ends_with('/') => Kind::Folder,
            0o120000 => {
                let mut target = vec![];
                (&mut content).take(MOST_TARGET).read_to_end(&mut target).map_err(reason)?;
                Kind::Link { target: String::from_utf8_lossy(&target).into_owned() }
            }
            0 | 0o100000 => Kind::File { size: entry.size },
            _ => Kind::Other("neither a file nor a folder"),
        };
        let is_folder = kind == Kind::Folder;
        let mode = if entry.mode != 0 {
            entry.mode
        } else if is_folder {
            0o755
        } else {
            0o644
        };
        each(&Member { path: entry.path.clone(), kind, mode }, &mut content)?;
        std::io::copy(&mut content, &mut std::io::sink()).map_err(reason)?;
        drop(content);
        if !entry.deflated {
            let mut rest = Stored { file, at: content_at(file, entry)?, left: entry.size, crc: !0 };
            std::io::copy(&mut rest, &mut std::io::sink()).map_err(reason)?;
            if !rest.crc != entry.crc {
                return Err(format!("the checksum of {} in the archive is wrong", entry.path));
            }
        }
    }
    Ok(())
}

/// A member that is not compressed.
struct Stored<'a> {
    file: &'a File,
    at: u64,
    left: u64,
    crc: u32,
}

impl Read for Stored<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.file.read_at(&mut buffer[..most], self.at)?;
        if read == 0 && most > 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        for byte in &buffer[..read] {
            self.crc ^= u32::from(*byte);
            for _ in 0..8 {
                self.crc = (self.crc >> 1) ^ (0xedb8_8320 & (self.crc & 1).wrapping_neg());
            }
        }
        (self.at, self.left) = (self.at + read as u64, self.left - read as u64);
        Ok(read)
    }
}

/// Every deflated member as a gzip file, one behind the other.
fn feed(file: &File, members: &[(u64, u64, u32, u64)], mut to: impl Write) {
    let mut buffer = vec![0; 64 << 10];
    for (mut at, mut left, crc, size) in members.iter().copied() {
        if to.write_all(&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]).is_err() {
            return;
        }
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let Ok(read @ 1..) = file.read_at(&mut buffer[..most], at) else { return };
            if to.write_all(&buffer[..read]).is_err() {
                return;
            }
            (at, left) = (at + read as u64, left - read as u64);
        }
        if to.write_all(&[crc.to_le_bytes(), (size as u32).to_le_bytes()].concat()).is_err() {
            return;
        }
    }
}

/// Where a member's content begins: behind a header of its own, whose length only it knows.
fn content_at(file: &File, entry: &Entry) -> Result<u64, String> {
    let header = at(file, entry.offset, 30)?;
    if !header.starts_with(b"PK\x03\x04") {
        return Err("the archive has a broken header".into());
    }
    let lengths = u16_at(&header, 26).zip(u16_at(&header, 28)).map_or(0, |(name, extra)| name + extra);
    Ok(entry.offset + 30 + lengths)
}

fn directory(file: &File) -> Result<Vec<Entry>, String> {
    let broken = || "it is no zip archive, or a broken one".to_string();
    let length = file.metadata().map_err(reason)?.len();
    let start = length.saturating_sub(MOST_BEHIND);
    let tail = at(file, start, (length - start) as usize)?;
    let end = tail.windows(END.len()).rposition(|window| window == END).ok_or_else(broken)?;
    let field = |at| u16_at(&tail, end + at).ok_or_else(broken);
    let wide = |at| u32_at(&tail, end + at).ok_or_else(broken);
    let (mut count, mut size, mut offset) = (field(10)?, wide(12)?, wide(16)?);
    if (count, size, offset).0 == 0xffff || size == 0xffff_ffff || offset == 0xffff_ffff {
        // The large form, which another record just before points to.
        let locator = end.checked_sub(20).and_then(|at| tail.get(at..at + 20)).ok_or_else(broken)?;
        let place = u64_at(locator, 8).filter(|_| locator.starts_with(b"PK\x06\x07")).ok_or_else(broken)?;
        let record = at(file, place, 56)?;
        let large = |at| u64_at(&record, at).ok_or_else(broken);
        (count, size, offset) = (large(32)?, large(40)?, large(48)?);
    }
    if size > length {
        return Err(broken());
    }
    let bytes = at(file, offset, size as usize)?;
    let (mut rest, mut entries) = (&bytes[..], vec![]);
    for _ in 0..count {
        let (entry, used) = entry(rest).map_err(|why| why.unwrap_or_else(broken))?;
        entries.push(entry);
        rest = rest.get(used..).ok_or_else(broken)?;
    }
    Ok(entries)
}

/// One record of the directory, and its length. `None` as an error: it is broken.
fn entry(bytes: &[u8]) -> Result<(Entry, usize), Option<String>> {
    let two = |at| u16_at(bytes, at).ok_or(None);
    let four = |at| u32_at(bytes, at).ok_or(None);
    if !bytes.starts_with(b"PK\x01\x02") {
        return Err(None);
    }
    let (made_by, flags, method) = (two(4)? >> 8, two(8)?, two(10)?);
    let (name, extra, comment) = (two(28)? as usize, two(30)? as usize, two(32)? as usize);
    let path = bytes.get(46..46 + name).ok_or(None)?;
    let path = String::from_utf8_lossy(path).into_owned();
    let mut sizes = [four(24)?, four(20)?, four(42)?];
    large(bytes.get(46 + name..46 + name + extra).ok_or(None)?, &mut sizes);
    let [size, compressed, offset] = sizes;
    if flags & 1 != 0 {
        return Err(Some(format!("{path} in the archive is encrypted")));
    }
    if !matches!(method, 0 | 8) || method == 0 && compressed != size {
        return Err(Some(format!(
            "{path} in the archive is compressed in a way that only few programs know"
        )));
    }
    // Made on Unix: the upper half holds what `stat` says.
    let attributes = if made_by == 3 { four(38)? >> 16 } else { 0 } as u32;
    let (mode, kind) = (attributes & 0o7777, attributes & 0o170000);
    let crc = four(16)? as u32;
    let deflated = method == 8;
    let entry = Entry { path, mode, kind, deflated, crc, compressed, size, offset };
    Ok((entry, 46 + name + extra + comment))
}

/// Sizes that do not fit into 32 bits stand behind the name, in this order, and only those.
fn large(mut extra: &[u8], sizes: &mut [u64; 3]) {
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let Some(field) = extra.get(4..4 + length as usize) else { return };
        if id == 1 {
            let mut at = 0;
            for size in sizes.iter_mut().filter(|size| **size == 0xffff_ffff) {
                let Some(value) = u64_at(field, at) else { return };
                (*size, at) = (value, at + 8);
            }
        }
        extra = &extra[4 + length as usize..];
    }
}
