//! After a run that was killed: finds in the journals what was begun and neither done nor failed, and clears away the temporary
//! files that it left. What it replaced is whole, old or new, by itself.

use super::state::{newest_first, private_file};
use super::walk::{is_temporary, place};
use rustix::fs::{AtFlags, Dir, Mode, OFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Called by whoever takes the lease when nobody else holds it.
pub fn recover(state: &Path) {
    // Each run that takes the lease comes by here, so only the latest can have been cut short.
    let Some(run) = newest_first(&state.join("runs")).into_iter().next() else { return };
    let journal = run.join("journal");
    let text = std::fs::read(&journal).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut open = BTreeMap::new();
    for line in text.lines() {
        let Some(id) = strings_after(line, "\"id\":").next() else { continue };
        if line.contains("\"state\":\"begin\"") {
            open.insert(id, line);
        } else {
            open.remove(&id);
        }
    }
    if open.is_empty() {
        return;
    }
    let Ok(mut file) = private_file(&journal, OFlags::WRONLY | OFlags::APPEND) else { return };
    for (id, line) in open {
        // Not those of a download: it goes on where it stopped.
        for kind in ["write_file", "copy_file", "make_link", "make_hard_link"] {
            for path in strings_after(line, &format!("{{\"op\":\"{kind}\",\"what\":")) {
                clear(&path);
            }
        }
        let now = crate::serve::now().0;
        // A last line that was cut short must not swallow this one.
        let _ = file
            .write_all(format!("\n{{\"at\":{now},\"id\":\"{id}\",\"state\":\"interrupted\"}}\n").as_bytes());
    }
}

/// Removes the temporary entries beside `path` that were made to become it.
fn clear(path: &str) {
    let Ok(place) = place(path) else { return };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(folder) = rustix::fs::openat(&place.folder, ".", flags, Mode::empty()) else { return };
    let Ok(entries) = Dir::read_from(&folder) else { return };
    for entry in entries.flatten() {
        let name = OsStr::from_bytes(entry.file_name().to_bytes());
        if is_temporary(name, &place.name) {
            let _ = rustix::fs::unlinkat(&folder, name, AtFlags::empty());
        }
    }
}

/// The JSON strings that follow `mark` in a line of our own journal.
fn strings_after<'a>(line: &'a str, mark: &'a str) -> impl Iterator<Item = String> + 'a {
    line.match_indices(mark).filter_map(|(at, _)| unquote(&line[at + mark.len()..]))
}

/// What [`super::journal::json`] wrote.
fn unquote(text: &str) -> Option<String> {
    let mut letters = text.strip_prefix('"')?.chars();
    let mut plain = String::new();
    loop {
        match letters.next()? {
            '"' => return Some(plain),
            '\\' => match letters.next()? {
                'n' => plain.push('\n'),
                'u' => {
                    let digits: String = letters.by_ref().take(4).collect();
                    plain.push(char::from_u32(u32::from_str_radix(&digits, 16).ok()?)?);
                }
                letter => plain.push(letter),
            },
            letter => plain.push(letter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_journal_wrote_is_read_back() {
        let path = "/a \"b\"\\c\nd\u{1}";
        let line = format!("{{\"op\":\"write_file\",\"what\":{}}}", super::super::journal::json(path));
        let found: Vec<_> = strings_after(&line, "{\"op\":\"write_file\",\"what\":").collect();
        assert_eq!(found, [path]);
        assert_eq!(unquote("\"cut shor"), None);
    }
}
