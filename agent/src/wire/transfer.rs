//! What is brought to a host, or fetched by it.

use super::Attrs;
use crate::mode::Rule;
use crate::secret::Content;
use borsh::{BorshDeserialize, BorshSerialize};

/// A program that is brought along with a command: in a private folder for as long as the command runs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Script {
    /// What its file is called.
    pub name: String,
    pub content: Content,
    /// Where in the command its path is put: 0 runs it by itself, 1 behind an interpreter.
    pub at: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Sha512];

    pub fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    /// Hexadecimal digits of a digest.
    pub fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

/// A digest that a file must have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Digest {
    pub algorithm: Algorithm,
    /// In lowercase.
    pub hex: String,
}

/// A file that the host fetches by itself, with curl or wget. It is written beside its place, goes on where an earlier try for the
/// same was cut off, and takes its place only with the right digest.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Download {
    pub url: String,
    pub path: String,
    pub checksum: Digest,
    pub headers: Vec<(String, Content)>,
    /// Added to the environment of the program that fetches.
    pub env: Vec<(String, Content)>,
    pub attrs: Attrs,
    /// Seconds that the server may be silent.
    pub silence_s: u32,
    /// Seconds for all of it.
    pub timeout_s: u32,
}

/// A file of the host that is copied there, without following a link: with the content that was planned, or not at all.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct CopyFile {
    pub from: String,
    pub path: String,
    /// BLAKE3, of its content.
    pub digest: [u8; 32],
    /// Bytes.
    pub size: u64,
    pub attrs: Attrs,
    /// As in [`super::Op::WriteFile`].
    pub check: Option<Vec<String>>,
    /// What the check prints is secret.
    pub secret: bool,
}

/// Where an archive is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Archive {
    OnHost(String),
    /// Brought along.
    Sent(Content),
}

/// An archive (tar, plain or compressed, or zip), and what of it becomes of a folder. Members that lead out of the folder are refused,
/// and so is the whole archive with them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct Unpack {
    pub from: Archive,
    /// A folder that is there.
    pub dest: String,
    /// Leading names that are taken off each path.
    pub strip: u32,
    /// Patterns for paths as they are in the archive; all when empty.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// Of the archive.
    pub checksum: Option<Digest>,
    /// Of files; folders are open to who may read them. `None`: as the archive has it, without set-id bits.
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

/// A repository elsewhere, and what of it is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub struct GitRemote {
    pub repo: String,
    /// A branch or a tag, or `HEAD`.
    pub version: String,
    /// The private key for ssh.
    pub key_file: Option<String>,
    /// Takes the key of an ssh server that is not known yet.
    pub accept_hostkey: bool,
}

/// What all that is below a folder is to have; `None` leaves what is. Links are passed over, and what is mounted below is not entered.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct TreeAttrs {
    pub path: String,
    pub folders: Option<Rule>,
    pub files: Option<Rule>,
    pub owner: Option<String>,
    pub group: Option<String>,
}
