//! What a child prints, bounded.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;

/// Bytes kept of each of stdout and stderr; what comes after is dropped with a note.
const OUTPUT_LIMIT: usize = 4 << 20;

/// One stream of a child: a pipe, or for a survivor a memory file (a pipe would break with the agent).
pub struct Stream {
    pub source: Source,
    kept: Vec<u8>,
    dropped: usize,
    /// What of `kept` was reported as progress.
    reported: usize,
}

pub enum Source {
    Pipe(File),
    Memory { file: File, offset: u64 },
    Closed,
}

impl Stream {
    pub fn new(source: Source) -> Self {
        Self { source, kept: vec![], dropped: 0, reported: 0 }
    }

    /// Reads what is there. False when nothing was.
    pub fn read(&mut self, buffer: &mut [u8]) -> bool {
        let read = match &mut self.source {
            Source::Pipe(pipe) => match pipe.read(buffer) {
                Ok(0) => {
                    self.source = Source::Closed;
                    return false;
                }
                Ok(n) => n,
                Err(_) => return false,
            },
            Source::Memory { file, offset } => match file.read_at(buffer, *offset) {
                Ok(n) if n > 0 => {
                    *offset += n as u64;
                    n
                }
                _ => return false,
            },
            Source::Closed => return false,
        };
        let room = OUTPUT_LIMIT.saturating_sub(self.kept.len()).min(read);
        self.kept.extend_from_slice(&buffer[..room]);
        self.dropped += read - room;
        true
    }

    /// Whole lines not reported yet.
    pub fn lines(&mut self) -> Option<&[u8]> {
        let end = self.reported + self.kept[self.reported..].iter().rposition(|byte| *byte == b'\n')?;
        let lines = &self.kept[self.reported..end];
        self.reported = end + 1;
        Some(lines).filter(|lines| !lines.is_empty())
    }

    pub fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.kept);
        if self.dropped > 0 {
            bytes.extend(format!("\n[{} more bytes of output were dropped]\n", self.dropped).as_bytes());
        }
        bytes
    }
}

/// A nameless file in memory that holds `bytes`, rewound: as stdin it needs no writer thread, as output no reader.
pub fn memory(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("child", rustix::fs::MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}
