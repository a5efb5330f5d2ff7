//! Framing: `u32` length (little endian), then a borsh-encoded [`Envelope`].
//!
//! Borsh (<https://borsh.io>) rather than a serde format: a [`crate::secret::Secret`] must have a wire encoding
//! and must not have a serde one. It is also canonical, so the digest of an encoded answer is a guard.

use crate::secret::once;
use crate::wire::{Answer, Query};
use borsh::{BorshDeserialize, BorshSerialize};
use std::io::{self, Read, Write};

/// Largest frame in bytes. Bigger files are refused by the controller before anything is sent.
pub const MAX_FRAME: usize = 64 << 20;

/// Bytes of files that are sent at once at most: with what goes along they fit into a frame.
pub const CONTENT: usize = 60 << 20;

/// Bytes of questions or answers from which on more of them come in a message of their own.
pub const PART: usize = 12 << 20;

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
    once::alone(|| id.serialize(&mut bytes).and_then(|()| body.serialize(&mut bytes)))?;
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
    once::alone(|| borsh::from_slice(bytes))
}

/// How many bytes it takes by itself.
pub fn size<T: BorshSerialize>(value: &T) -> usize {
    borsh::object_length(value).unwrap_or(usize::MAX)
}

/// Cuts what would be too much for one message, in order: each part is one item, or within [`PART`].
pub fn parts<T: BorshSerialize>(items: Vec<T>) -> Vec<Vec<T>> {
    let (mut parts, mut filled) = (vec![vec![]], 0_usize);
    for item in items {
        let own = size(&item);
        filled = filled.saturating_add(own);
        if filled > PART && !parts.last().is_none_or(Vec::is_empty) {
            parts.push(vec![]);
            filled = own;
        }
        parts.last_mut().expect("there is one").push(item);
    }
    parts
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
    use crate::secret::Content;

    #[test]
    fn what_comes_several_times_travels_once_and_digests_are_of_all_of_it() {
        let (long, other) = ("a".repeat(1 << 20), "b".repeat(1 << 20));
        let clear = |text: &str| Content::new(text, false);
        let secret = |text: &str| Content::new(text, true);
        let all = vec![
            clear(&long),
            secret(&long),
            clear(&other),
            clear("x"),
            secret(&long),
            clear(&long),
            clear("x"),
        ];
        let bytes = encode(1, &all).unwrap();
        assert!((3 << 20..(3 << 20) + 200).contains(&bytes.len()), "{}", bytes.len());
        assert_eq!(decode::<Vec<Content>>(&bytes[4..]).unwrap().body, all);
        // Also of what was decoded, and when one like it was sent before.
        assert_eq!(size(&all), 5 * ((1 << 20) + 5) + 2 * 6 + 4);
        assert_eq!(digest(&all[5]), digest(&clear(&long)));
        assert_eq!(
            digest(&all[5]),
            *blake3::hash(&[&[0, 0, 0, 16, 0][..], long.as_bytes()].concat()).as_bytes()
        );
        // A mark that refers to nothing, or from a clear text to a secret.
        for bad in [&[0, 255, 255, 255, 255, 9, 0, 0, 0][..], &[0, 255, 255, 255, 255]] {
            assert!(decode::<Content>(&[&[1, 0, 0, 0], bad].concat()).is_err());
        }
        let mut turned = encode(1, &vec![secret(&long), secret(&long)]).unwrap()[4..].to_vec();
        let at = turned.len() - 9;
        turned[at] = 0;
        assert!(decode::<Vec<Content>>(&turned).is_err());
    }

    #[test]
    fn parts_keep_the_order_and_each_fits() {
        let text = |size: usize| Content::new("x".repeat(size), false);
        let cut = |sizes: &[usize]| -> Vec<usize> {
            parts(sizes.iter().map(|size| text(*size)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(cut(&[]), [0]);
        assert_eq!(cut(&[1, 2, 3]), [3]);
        assert_eq!(cut(&[PART, PART, 1]), [1, 1, 1]);
        assert_eq!(cut(&[1, PART * 4, 1, 1]), [1, 1, 2]);
        assert_eq!(cut(&[PART / 2, PART / 4, PART / 2, 5]), [2, 2]);
    }

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
