//! The tar format: ustar, with the extensions of GNU and of POSIX (pax) for long names and large files.

use super::{Each, Kind, Member};
use crate::reason;
use std::io::Read;

const BLOCK: usize = 512;
/// Of names and headers of extensions: more is no name.
const MOST: u64 = 1 << 20;
pub const CUT_SHORT: &str = "the archive is cut short";

/// Whether a file may begin so.
pub fn is_header(block: &[u8]) -> bool {
    block.len() == BLOCK && (block.iter().all(|byte| *byte == 0) || checksum_is_right(block))
}

fn checksum_is_right(block: &[u8]) -> bool {
    let sum: u64 = block.iter().map(|byte| u64::from(*byte)).sum();
    let own: u64 = block[148..156].iter().map(|byte| u64::from(*byte)).sum();
    number(&block[148..156]) == Some(sum - own + 8 * u64::from(b' '))
}

/// Octal digits, or with the first bit set a number in base 256.
fn number(field: &[u8]) -> Option<u64> {
    if field[0] & 0x80 != 0 {
        let mut value = u64::from(field[0] & 0x7f);
        for byte in &field[1..] {
            value = value.checked_mul(256)?.checked_add((*byte).into())?;
        }
        return Some(value);
    }
    let text = std::str::from_utf8(field).ok()?.trim_matches(['\0', ' ']);
    if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
}

fn text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}

/// What the headers before a member say of it.
#[derive(Default)]
struct Ahead {
    path: Option<String>,
    link: Option<String>,
    size: Option<u64>,
}

/// Reads all members.
///
/// # Errors
/// That it is no tar archive, or cut short, and what `each` says.
pub fn read(from: &mut dyn Read, each: &mut Each) -> Result<(), String> {
    let mut block = [0; BLOCK];
    let mut ahead = Ahead::default();
    loop {
        match fill(from, &mut block)? {
            // Some end without the two empty blocks.
            0 => break,
            BLOCK => {}
            _ => return Err(CUT_SHORT.into()),
        }
        if block.iter().all(|byte| *byte == 0) {
            break;
        }
        if !checksum_is_right(&block) {
            return Err("it is no tar archive, or a broken one".into());
        }
        let broken = || "the archive has a number that is none".to_string();
        let size = number(&block[124..136]).ok_or_else(broken)?;
        let kind = block[156];
        if matches!(kind, b'L' | b'K' | b'x' | b'g') {
            let bytes = whole(from, size)?;
            match kind {
                b'L' => ahead.path = Some(text(&bytes)),
                b'K' => ahead.link = Some(text(&bytes)),
                b'x' => pax(&bytes, &mut ahead)?,
                _ => {}
            }
            continue;
        }
        let ahead = std::mem::take(&mut ahead);
        let size = ahead.size.unwrap_or(size);
        let path = ahead.path.unwrap_or_else(|| name(&block));
        let target = ahead.link.unwrap_or_else(|| text(&block[157..257]));
        let is_folder = path.ends_with('/');
        let kind = match kind {
            b'0' | 0 | b'7' if is_folder => Kind::Folder,
            b'0' | 0 | b'7' => Kind::File { size },
            b'1' => Kind::Same { as_path: target },
            b'2' => Kind::Link { target },
            b'3' | b'4' => Kind::Other("a device"),
            b'5' => Kind::Folder,
            b'6' => Kind::Other("a pipe"),
            b'S' => Kind::Other("a sparse file"),
            // The label of a volume.
            b'V' => continue,
            _ => Kind::Other("of an unknown kind"),
        };
        let holds = if matches!(kind, Kind::File { .. } | Kind::Other(_)) { size } else { 0 };
        let mode = number(&block[100..108]).ok_or_else(broken)? as u32 & 0o7777;
        let mut content = (&mut *from).take(holds);
        each(&Member { path, kind, mode }, &mut content)?;
        let left = content.limit();
        skip(from, left + padding(holds))?;
    }
    // A compressed stream is read to its end, so that its own checksum is looked at.
    std::io::copy(from, &mut std::io::sink()).map(drop).map_err(reason)
}

fn name(block: &[u8; BLOCK]) -> String {
    let name = text(&block[..100]);
    let prefix = text(&block[345..500]);
    // GNU's own format keeps other things where ustar has the prefix.
    if &block[257..263] == b"ustar\0" && !prefix.is_empty() { format!("{prefix}/{name}") } else { name }
}

/// `LENGTH KEY=VALUE\n`, over and over.
fn pax(mut bytes: &[u8], ahead: &mut Ahead) -> Result<(), String> {
    let broken = || "the archive has a broken header".to_string();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').ok_or_else(broken)?;
        let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok());
        let length: usize = length.filter(|length| *length > space + 1).ok_or_else(broken)?;
        let record = bytes.get(space + 1..length).ok_or_else(broken)?;
        let record = record.strip_suffix(b"\n").ok_or_else(broken)?;
        let at = record.iter().position(|byte| *byte == b'=').ok_or_else(broken)?;
        let (key, value) = (&record[..at], String::from_utf8_lossy(&record[at + 1..]).into_owned());
        match key {
            b"path" => ahead.path = Some(value),
            b"linkpath" => ahead.link = Some(value),
            b"size" => ahead.size = Some(value.parse().map_err(|_| broken())?),
            key if key.starts_with(b"GNU.sparse.") => {
                return Err("the archive holds a sparse file: make it without `--sparse`".into());
            }
            _ => {}
        }
        bytes = &bytes[length..];
    }
    Ok(())
}

fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

/// As many bytes as there are.
fn fill(from: &mut dyn Read, block: &mut [u8]) -> Result<usize, String> {
    let mut filled = 0;
    while filled < block.len() {
        match from.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reason(error)),
        }
    }
    Ok(filled)
}

fn whole(from: &mut dyn Read, size: u64) -> Result<Vec<u8>, String> {
    if size > MOST {
        return Err("the archive has a header that is too large".into());
    }
    let mut bytes = vec![0; size as usize];
    if fill(from, &mut bytes)? < bytes.len() {
        return Err(CUT_SHORT.into());
    }
    skip(from, padding(size))?;
    Ok(bytes)
}

fn skip(from: &mut dyn Read, count: u64) -> Result<(), String> {
    let skipped = std::io::copy(&mut from.take(count), &mut std::io::sink()).map_err(reason)?;
    if skipped < count { Err(CUT_SHORT.into()) } else { Ok(()) }
}
