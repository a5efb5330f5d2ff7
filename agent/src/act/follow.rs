//! A file that is looked through as it grows.

use crate::pattern::{Pattern, Search};
use crate::reason;
use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::Instant;

/// Bytes between two looks at the clock.
const BLOCK: usize = 64 << 10;
/// Bytes before the place where it goes on that must be as they were.
const TAIL: usize = 4 << 10;

/// Looks for a pattern in a file, again and again.
pub struct Follow<'a> {
    path: &'a str,
    pattern: &'a Pattern,
    passed: Option<Passed<'a>>,
}

/// What of a file has been looked through.
struct Passed<'a> {
    device: u64,
    inode: u64,
    bytes: u64,
    /// The last ones of them.
    tail: Vec<u8>,
    search: Search<'a>,
}

impl Passed<'_> {
    /// Whether a file still begins with it, as far as that shows. What is as good as nothing is read anew: a status file is written over,
    /// and may be longer then.
    fn is_of(&self, file: &File) -> Result<bool, String> {
        let meta = file.metadata().map_err(reason)?;
        let is_same = (meta.dev(), meta.ino()) == (self.device, self.inode) && meta.len() >= self.bytes;
        if !is_same || self.bytes < BLOCK as u64 {
            return Ok(false);
        }
        let (mut tail, from) = (vec![0; self.tail.len()], self.bytes - self.tail.len() as u64);
        match file.read_exact_at(&mut tail, from) {
            Ok(()) => Ok(tail == self.tail),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(reason(error)),
        }
    }
}

impl<'a> Follow<'a> {
    pub fn new(path: &'a str, pattern: &'a Pattern) -> Self {
        Self { path, pattern, passed: None }
    }

    /// Looks through what it has not seen. One whole block is read however late it is, and what is less to its end.
    ///
    /// # Errors
    /// What is there in place of the text.
    pub fn look(&mut self, until: Instant) -> Result<(), String> {
        match std::fs::metadata(self.path) {
            Ok(meta) if meta.is_file() => {}
            Ok(_) => return Err("it is not a file".into()),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err("it is not there".into());
            }
            Err(error) => return Err(reason(error)),
        }
        let file = File::open(self.path).map_err(reason)?;
        let passed = match self.passed.take() {
            Some(passed) if passed.is_of(&file)? => passed,
            _ => {
                let meta = file.metadata().map_err(reason)?;
                let search = Search::new(self.pattern);
                Passed { device: meta.dev(), inode: meta.ino(), bytes: 0, tail: vec![], search }
            }
        };
        let passed = self.passed.insert(passed);
        let mut block = vec![0; BLOCK];
        loop {
            let count = match file.read_at(&mut block, passed.bytes) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(reason(error)),
            };
            let read = &block[..count];
            passed.bytes += count as u64;
            passed.tail.extend_from_slice(&read[count.saturating_sub(TAIL)..]);
            passed.tail.drain(..passed.tail.len().saturating_sub(TAIL));
            if passed.search.read(read) {
                // It was there: another look finds it again.
                self.passed = None;
                return Ok(());
            }
            if count == BLOCK && Instant::now() >= until {
                return Err(format!("it is not in the first {} bytes of it", passed.bytes));
            }
        }
        if passed.search.ends() { Ok(()) } else { Err("it is not in it".into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::State;
    use std::io::Write;
    use std::time::Duration;

    /// The letters of a word, one after the other.
    fn pattern(word: &str) -> Pattern {
        let mut states = vec![State::Any(vec![1, 2]), State::Bytes(vec![(0, 255, 0)])];
        states.extend(word.bytes().zip(3..).map(|(byte, next)| State::Bytes(vec![(byte, byte, next)])));
        states.push(State::Found);
        Pattern { text: word.into(), start: 0, states, words: vec![] }
    }

    fn append(path: &str, text: &[u8]) {
        File::options().append(true).open(path).unwrap().write_all(text).unwrap();
    }

    #[test]
    fn a_file_that_grows_is_read_once_and_any_other_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log").to_str().unwrap().to_string();
        let (pattern, late) = (pattern("ready"), || Instant::now() + Duration::from_secs(600));
        let mut follow = Follow::new(&path, &pattern);
        assert_eq!(follow.look(late()).unwrap_err(), "it is not there");
        let log = [b'x'; 3 * BLOCK];
        std::fs::write(&path, log).unwrap();
        assert_eq!(follow.look(late()).unwrap_err(), "it is not in it");
        // What is in what was passed is not read again; what comes in two parts is found.
        File::options().write(true).open(&path).unwrap().write_all_at(b"ready", 10).unwrap();
        append(&path, b"rea");
        assert_eq!(follow.look(late()).unwrap_err(), "it is not in it");
        assert_eq!(follow.passed.as_ref().unwrap().bytes, log.len() as u64 + 3);
        append(&path, b"dy");
        assert_eq!(follow.look(late()), Ok(()));

        // Another file in its place; one that is shorter; one that was written over and is longer.
        let begin = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut follow = Follow::new(&path, &pattern);
            assert_eq!(follow.look(late()).unwrap_err(), "it is not in it");
            follow
        };
        let found = [b"ready".as_slice(), &[b'y'; 4 * BLOCK]].concat();
        let mut follow = begin(&log);
        let other = folder.path().join("other");
        std::fs::write(&other, [b"ready".as_slice(), &log].concat()).unwrap();
        std::fs::rename(other, &path).unwrap();
        assert_eq!(follow.look(late()), Ok(()));
        let mut follow = begin(&log);
        std::fs::write(&path, &found[..2 * BLOCK]).unwrap();
        assert_eq!(follow.look(late()), Ok(()));
        let mut follow = begin(&log);
        std::fs::write(&path, &found).unwrap();
        assert_eq!(follow.look(late()), Ok(()));
        let mut follow = begin(b"up");
        std::fs::write(&path, "ready").unwrap();
        assert_eq!(follow.look(late()), Ok(()));
    }

    #[test]
    fn a_large_file_is_given_up_when_time_is_and_goes_on_where_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log").to_str().unwrap().to_string();
        let pattern = pattern("ready");
        std::fs::write(&path, [[b'x'; 2 * BLOCK].as_slice(), b"ready"].concat()).unwrap();
        let mut follow = Follow::new(&path, &pattern);
        for blocks in [1, 2] {
            let why = format!("it is not in the first {} bytes of it", blocks * BLOCK);
            assert_eq!(follow.look(Instant::now()), Err(why));
        }
        assert_eq!(follow.look(Instant::now()), Ok(()));
    }
}
