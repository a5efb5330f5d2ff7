//! What comes several times in one message travels once: a question, its guard and the op often hold the same archive.
//!
//! Where a length stands, a later one has a mark and the number of the earlier. Only inside of [`alone`]: what is encoded for a digest is whole.

use super::{Bytes, Secret};
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{Error, ErrorKind, Read, Result, Write};

/// Bytes from which on it is worth it.
const LEAST: usize = 16 << 10;
/// No length: what is longer than that fits into no message.
const MARK: u32 = u32::MAX;

#[derive(Default)]
struct Told {
    /// By digest, and whether it is secret.
    sent: HashMap<([u8; 32], bool), u32>,
    heard: Vec<Heard>,
}

#[derive(Clone)]
enum Heard {
    Clear(Bytes),
    Secret(Secret),
}

thread_local! {
    /// Of the message that this thread encodes or decodes just now.
    static TOLD: RefCell<Option<Told>> = const { RefCell::new(None) };
}

/// Encodes or decodes one message.
pub fn alone<T>(work: impl FnOnce() -> T) -> T {
    TOLD.with(|told| *told.borrow_mut() = Some(Told::default()));
    let done = work();
    TOLD.with(|told| *told.borrow_mut() = None);
    done
}

pub(super) fn write<W: Write>(
    bytes: &[u8],
    is_secret: bool,
    digest: impl FnOnce() -> [u8; 32],
    writer: &mut W,
) -> Result<()> {
    let earlier = TOLD.with(|told| {
        let mut told = told.borrow_mut();
        let told = told.as_mut().filter(|_| bytes.len() >= LEAST)?;
        let next = told.sent.len() as u32;
        let number = *told.sent.entry((digest(), is_secret)).or_insert(next);
        (number < next).then_some(number)
    });
    if let Some(number) = earlier {
        writer.write_all(&MARK.to_le_bytes())?;
        return writer.write_all(&number.to_le_bytes());
    }
    writer.write_all(&(bytes.len() as u32).to_le_bytes())?;
    writer.write_all(bytes)
}

fn number<R: Read>(reader: &mut R) -> Result<u32> {
    let mut bytes = [0; 4];
    reader.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}

fn read<R: Read>(reader: &mut R, keep: fn(Vec<u8>) -> Heard) -> Result<Heard> {
    let length = number(reader)?;
    if length == MARK {
        let number = number(reader)? as usize;
        let heard = TOLD.with(|told| told.borrow().as_ref().and_then(|told| told.heard.get(number).cloned()));
        return heard.ok_or_else(|| Error::new(ErrorKind::InvalidData, "it refers to nothing"));
    }
    // A secret is not moved about while it comes: that would leave copies.
    let mut bytes = Vec::with_capacity((length as usize).min(crate::frame::MAX_FRAME));
    reader.take(length.into()).read_to_end(&mut bytes)?;
    if bytes.len() != length as usize {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    let long = bytes.len() >= LEAST;
    let heard = keep(bytes);
    TOLD.with(|told| {
        if let Some(told) = told.borrow_mut().as_mut().filter(|_| long) {
            told.heard.push(heard.clone());
        }
    });
    Ok(heard)
}

pub(super) fn read_clear<R: Read>(reader: &mut R) -> Result<Bytes> {
    match read(reader, |bytes| Heard::Clear(bytes.into()))? {
        Heard::Clear(bytes) => Ok(bytes),
        Heard::Secret(_) => Err(Error::new(ErrorKind::InvalidData, "it refers to a secret")),
    }
}

pub(super) fn read_secret<R: Read>(reader: &mut R) -> Result<Secret> {
    match read(reader, |bytes| Heard::Secret(Secret(bytes)))? {
        Heard::Secret(secret) => Ok(secret),
        Heard::Clear(_) => Err(Error::new(ErrorKind::InvalidData, "it refers to no secret")),
    }
}
