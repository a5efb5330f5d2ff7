//! Handlers that are owed, from the change that notifies one until it has run: `owed/BOOK` in the agent's folder, which is there only
//! while something is owed.

use super::journal::Journal;
use super::state::{self, private_file, private_folder};
use crate::wire::owed::{Debt, Due, Dues};
use crate::wire::{Apply, safe_name};
use crate::{reason, serve};
use rustix::fs::{FlockOperation, OFlags, flock};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

/// The version of the form, which every book begins with.
const FORM: u8 = 1;

fn place(state: &Path, book: &str) -> Result<PathBuf, String> {
    if safe_name(book) {
        Ok(state.join("owed").join(book))
    } else {
        Err(format!("the book {book:?} has no plain name"))
    }
}

/// See [`crate::wire::Query::Owed`].
pub fn look(book: &str) -> Result<Vec<Debt>, String> {
    read(&place(&state::path()?, book)?)
}

fn read(path: &Path) -> Result<Vec<Debt>, String> {
    let failed = |why: &str| format!("cannot read {}: {why}", path.display());
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(failed(&reason(error))),
    };
    match bytes.split_first() {
        Some((&FORM, debts)) => borsh::from_slice(debts).map_err(|error| failed(&reason(error))),
        _ => Err(failed("another version of the agent has written it")),
    }
}

/// By book and handler how many changes of this session owe it, those at work among them, and whether it was not owed before.
type Held = BTreeMap<(String, Due), (usize, bool)>;

static HELD: Mutex<Held> = Mutex::new(BTreeMap::new());

fn held() -> MutexGuard<'static, Held> {
    HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Before a change acts: writes down what it will owe.
pub fn owe(apply: &Apply, journal: &Journal) -> Result<(), String> {
    let Some(Dues { book, owes, .. }) = &apply.dues else { return Ok(()) };
    let mut held = held();
    let new = settle(journal, &apply.task, book, owes, &[])?;
    for due in owes {
        let (count, is_new) = held.entry((book.clone(), due.clone())).or_default();
        *count += 1;
        *is_new |= new.contains(due);
    }
    Ok(())
}

/// When it has acted, or has `failed` at one of its steps: at the first one it owes nothing, since the next run finds the whole of it still
/// to be done, and notifies then. A handler that has run
/// is owed no longer. That something cannot be taken out of a book only means that a handler runs once too often.
pub fn acted(apply: &Apply, journal: &Journal, failed: Option<u32>) {
    let Some(Dues { book, owes, pays }) = &apply.dues else { return };
    let mut held = held();
    let mut is_over = |due: &&Due| {
        // Another change may owe it as well.
        let Some((count, is_new)) = held.get_mut(&(book.clone(), (*due).clone())) else { return false };
        *count = count.saturating_sub(1);
        *count == 0 && std::mem::take(is_new)
    };
    let over: Vec<Due> = match failed {
        None => pays.clone(),
        Some(0) => owes.iter().filter(&mut is_over).cloned().collect(),
        Some(_) => vec![],
    };
    let _ = settle(journal, &apply.task, book, &[], &over);
}

/// Writes into a book and takes out of it, durably. Returns what was not owed before.
pub fn settle(
    journal: &Journal,
    task: &str,
    book: &str,
    owes: &[Due],
    pays: &[Due],
) -> Result<Vec<Due>, String> {
    if owes.is_empty() && pays.is_empty() {
        return Ok(vec![]);
    }
    let path = place(journal.state(), book)?;
    let folder = journal.state().join("owed");
    private_folder(&folder)?;
    let failed = |error: io::Error| format!("cannot write {}: {}", path.display(), reason(error));
    // Tasks run side by side, in several agents where these are of one user. The name is none that a book can have.
    let gate = private_file(&folder.join(".gate"), OFlags::RDWR)?;
    flock(&gate, FlockOperation::LockExclusive).map_err(|error| failed(error.into()))?;
    let mut debts = match read(&path) {
        // What nobody understands must not keep a run from owing: it is set aside.
        Err(_) if !owes.is_empty() && fs::read(&path).is_ok() => {
            fs::rename(&path, folder.join(format!(".{book}.unread"))).map_err(failed)?;
            vec![]
        }
        debts => debts?,
    };
    let before = debts.len();
    debts.retain(|debt| !pays.contains(&debt.due));
    let paid = debts.len() < before;
    let mut new = vec![];
    for due in owes {
        // The first one that notified it stays: since then it is owed.
        if !debts.iter().any(|debt| debt.due == *due) {
            let (task, run) = (task.to_string(), journal.run().to_string());
            debts.push(Debt { due: due.clone(), task, run, at: serve::now().0 });
            new.push(due.clone());
        }
    }
    if debts.is_empty() && paid {
        fs::remove_file(&path).map_err(failed)?;
    } else if paid || !new.is_empty() {
        let bytes = borsh::to_vec(&debts).map_err(failed)?;
        let whole = folder.join(format!(".{book}"));
        let mut file = private_file(&whole, OFlags::WRONLY | OFlags::TRUNC)?;
        let written = file.write_all(&[&[FORM], &bytes[..]].concat()).and_then(|()| file.sync_all());
        written.and_then(|()| fs::rename(&whole, &path)).map_err(failed)?;
    } else {
        return Ok(new);
    }
    File::open(&folder).and_then(|folder| folder.sync_all()).map_err(failed)?;
    Ok(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(handler: &str, flush: u32) -> Due {
        Due { play: "all".into(), handler: handler.into(), flush }
    }

    fn owed(state: &Path) -> Vec<(String, u32, String, String)> {
        let debts = read(&state.join("owed/book")).expect("a book of ours");
        debts.into_iter().map(|debt| (debt.due.handler, debt.due.flush, debt.task, debt.run)).collect()
    }

    #[test]
    fn a_debt_stays_in_the_book_until_it_is_paid() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path();
        let (first, second) = (Journal::new(state.into(), "run-1"), Journal::new(state.into(), "run-2"));
        assert_eq!(settle(&first, "t", "book", &[], &[]), Ok(vec![]));
        assert!(!state.join("owed").exists(), "nothing is owed, so nothing is written");
        let both = [due("web", 0), due("db", 7)];
        assert_eq!(settle(&first, "conf", "book", &both, &[]), Ok(both.to_vec()));
        // Whoever notifies it again does not make it a younger one.
        let more = [due("web", 0), due("web", 7)];
        assert_eq!(settle(&second, "other", "book", &more, &[]), Ok(vec![due("web", 7)]));
        let line =
            |handler: &str, flush, task: &str, run: &str| (handler.into(), flush, task.into(), run.into());
        let (web, db) = (line("web", 0, "conf", "run-1"), line("db", 7, "conf", "run-1"));
        let late = line("web", 7, "other", "run-2");
        assert_eq!(owed(state), [web.clone(), db.clone(), late]);
        // What is owed at another place, or in another book, is another debt.
        assert_eq!(settle(&second, "t", "book", &[], &[due("web", 7), due("gone", 0)]), Ok(vec![]));
        assert_eq!(settle(&second, "t", "other", &[], &[due("web", 0)]), Ok(vec![]));
        assert_eq!(owed(state), [web, db]);
        assert_eq!(settle(&second, "t", "book", &[], &both), Ok(vec![]));
        assert!(!state.join("owed/book").exists());
        // A book that nobody can read is said to be one, and does not keep a run from owing.
        fs::write(state.join("owed/book"), "\u{7}later").expect("a file");
        assert!(read(&state.join("owed/book")).is_err_and(|why| why.contains("another version")));
        assert_eq!(settle(&second, "t", "book", &[due("web", 0)], &[]), Ok(vec![due("web", 0)]));
        assert_eq!(owed(state), [line("web", 0, "t", "run-2")]);
        assert_eq!(fs::read(state.join("owed/.book.unread")).expect("it is kept"), b"\x07later");
        assert!(settle(&second, "t", "../book", &[due("web", 0)], &[]).is_err());
    }
}
