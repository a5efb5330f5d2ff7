//! Framing: `u32` length (little endian), then a borsh-encoded [`Envelope`].
//!
//! Borsh (<https://borsh.io>) rather than a serde format: a [`crate::secret::Secret`] must have a wire encoding
//! and must not have a serde one. It is also canonical, so the digest of an encoded answer is a guard.

use crate::wire::{Answer, Query};
use borsh::{BorshDeserialize, BorshSerialize};
use std::io::{self, Read, Write};

/// Largest frame in bytes. Bigger files are refused by the controller before anything is sent.
pub const MAX_FRAME: usize = 64 << 20;

/// A message with the number that ties a response to its request. Requests count from 1; 0 is the agent's hello.
#[derive(Debug, BorshSerialize, BorshDeserialize)]
pub struct Envelope<T> {
    pub id: u32,
    pub body: T,
}

/// Encodes one frame.
///
/// # Errors
/// `InvalidData` when the message is larger than [`MAX_FRAME`].
pub fn encode<T: BorshSerialize>(id: u32, body: &T) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    id.serialize(&mut bytes)?;
    body.serialize(&mut bytes)?;
    let length = bytes.len() - 4;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("message of {length} bytes is too large"),
        ));
    }
    bytes[..4].copy_from_slice(&(length as u32).to_le_bytes());
    Ok(bytes)
}

/// Decodes the body of a frame (what follows the length).
///
/// # Errors
/// `InvalidData` when the bytes are not one whole message.
pub fn decode<T: BorshDeserialize>(bytes: &[u8]) -> io::Result<Envelope<T>> {
    borsh::from_slice(bytes)
}

/// Writes one frame without flushing.
///
/// # Errors
/// As [`encode`], and what the writer says.
pub fn write<T: BorshSerialize>(writer: &mut impl Write, id: u32, body: &T) -> io::Result<()> {
    writer.write_all(&encode(id, body)?)
}

/// Reads one frame; `None` at a clean end of input.
///
/// # Errors
/// `UnexpectedEof` inside a frame, `InvalidData` for a length above [`MAX_FRAME`] or a body that does not decode.
pub fn read<T: BorshDeserialize>(reader: &mut impl Read) -> io::Result<Option<Envelope<T>>> {
    let mut length = [0; 4];
    let mut filled = 0;
    while filled < 4 {
        match reader.read(&mut length[filled..]) {
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let length = u32::from_le_bytes(length) as usize;
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("frame of {length} bytes is too large"),
        ));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    decode(&bytes).map(Some)
}

/// The digest by which guards compare answers: BLAKE3 over the canonical encoding.
pub fn digest<T: BorshSerialize>(value: &T) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    value.serialize(&mut hasher).expect("hashing does not fail");
    *hasher.finalize().as_bytes()
}

/// The digest of an answer in a guard. Of a condition of the user's only whether it holds counts: what it prints may move.
pub fn guard(query: &Query, answer: &Answer) -> [u8; 32] {
    match (query, answer) {
        (Query::Test(_), Answer::Output(output)) => digest(&(output.code == 0)),
        _ => digest(answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_truncation_is_noticed() {
        let mut bytes = encode(7, &"hello".to_string()).unwrap();
        bytes.extend(encode(8, &String::new()).unwrap());
        let mut reader = &bytes[..];
        let first: Envelope<String> = read(&mut reader).unwrap().unwrap();
        assert_eq!((first.id, first.body.as_str()), (7, "hello"));
        assert_eq!(read::<String>(&mut reader).unwrap().unwrap().id, 8);
        assert!(read::<String>(&mut reader).unwrap().is_none());
        for cut in [2, 6, 16] {
            let error = read::<String>(&mut &bytes[..cut]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "cut at {cut}");
        }
        let huge = u32::MAX.to_le_bytes();
        assert_eq!(read::<String>(&mut &huge[..]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
