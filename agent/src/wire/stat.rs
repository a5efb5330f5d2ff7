//! What `stat` says of a path, with all that moves by itself.

use borsh::{BorshDeserialize, BorshSerialize};

/// A kind of checksum, computed by the coreutils program of that name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize)]
pub enum Checksum {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum FileType {
    File,
    Folder,
    Link { target: String },
    Character,
    Block,
    Fifo,
    Socket,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Stat {
    pub kind: FileType,
    /// Permission bits, `0o7777`.
    pub mode: u32,
    /// Owner's name, or the number in decimal when it has none.
    pub owner: String,
    pub group: String,
    /// What no prediction tells; the agent always does.
    pub moving: Option<Moving>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Moving {
    pub uid: u32,
    pub gid: u32,
    /// Bytes, of whatever it is.
    pub size: u64,
    pub inode: u64,
    pub dev: u64,
    /// Of a device: which one.
    pub device_type: u64,
    pub nlink: u64,
    /// Bytes.
    pub block_size: u64,
    /// Of 512 bytes.
    pub blocks: u64,
    /// Nanoseconds since 1970: of the last reading, the last writing, the last change of any kind.
    pub atime: i64,
    pub mtime: i64,
    pub ctime: i64,
    /// What the agent's user may do with it, a link followed.
    pub readable: bool,
    pub writable: bool,
    pub executable: bool,
    /// Of a link, where it leads to in the end; of one that leads nowhere, as far as it leads.
    pub real: Option<String>,
    /// In hexadecimal; `None` when none was asked for, or the file may not be read.
    pub checksum: Option<String>,
}
