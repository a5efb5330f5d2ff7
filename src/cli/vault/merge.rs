//! git's side of encrypted files: what `git diff` shows of them, and how `git merge` merges them.

use super::diff::{Values, values_of};
use super::edit::with_values;
use super::lock::{Lock, Locked, wants_password};
use super::memory::{PrivateFolder, folders};
use super::signals::Signals;
use super::{VaultArgs, cannot, is_yaml_name, place, save, yaml_problem};
use crate::cli::{Color, complain, programs};
use crate::diag::{Diagnostic, Diagnostics, Exit};
use crate::vault::{Inline, Key, Passwords, Sealed, Way, is_vault, way_text};
use agent::secret::Secret;
use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What git takes for a conflict.
const CONFLICT: Exit = Exit::Bug;
const AS_OURS: &str = "it is left as ours";

/// A file as `git diff` shall show it. Nobody is asked for a password; what does not open is shown as it is, so that git goes on.
pub(super) fn textconv(path: &Path, vault: &VaultArgs) -> Result<Secret, Diagnostics> {
    let bytes = std::fs::read(path).map_err(|error| cannot("read", path, &error))?;
    let open = || {
        let passwords = vault.passwords()?;
        match with_values(&bytes) {
            Some(text) => Ok(Inline::read(path, text, &passwords, true)?.shown()),
            None if is_vault(&bytes) => Ok(Locked::of(path, bytes.clone())?.open(&passwords)?.plain),
            None => Ok(Secret::new(bytes.clone())),
        }
    };
    open().or_else(|mut errors: Diagnostics| {
        errors.0.iter_mut().for_each(|error| error.severity = crate::diag::Severity::Warning);
        complain(&errors, Color::Never);
        Ok(Secret::new(bytes.clone()))
    })
}

/// What git calls a driver with.
struct Versions<'a> {
    /// Base, ours, theirs.
    bytes: [Vec<u8>; 3],
    /// Where the result goes, and ours comes from.
    ours: &'a Path,
    /// The file's name in the repository.
    name: &'a Path,
    /// Caught before the first plain text is written, and after the last question on the terminal.
    signals: OnceCell<Signals>,
}

/// Merges theirs into ours.
///
/// # Errors
/// What does not open. Conflicts are told and end with exit code 1; ours is left as it is, or, where only single values are encrypted, has
/// git's marks around the ciphertexts.
pub(super) fn merge(files: [&PathBuf; 3], name: Option<&Path>, lock: &Lock) -> Result<Exit, Diagnostics> {
    let mut bytes = [const { vec![] }; 3];
    for (bytes, file) in bytes.iter_mut().zip(files) {
        *bytes = std::fs::read(file).map_err(|error| cannot("read", file, &error))?;
    }
    let versions =
        Versions { bytes, ours: files[1], name: name.unwrap_or(files[1]), signals: OnceCell::new() };
    let [base, ours, theirs] = &versions.bytes;
    if ours == theirs || base == theirs {
        return Ok(Exit::Done);
    }
    if base == ours {
        return versions.write(theirs);
    }
    let wanted = versions.bytes.iter().any(|bytes| wants_password(bytes));
    let passwords = lock.for_known(versions.name, wanted)?;
    if is_vault(ours) || is_vault(theirs) { versions.whole(&passwords) } else { versions.values(&passwords) }
}

impl Versions<'_> {
    fn write(&self, bytes: &[u8]) -> Result<Exit, Diagnostics> {
        self.signals.get().map_or(Ok(()), Signals::none)?;
        save::replace(self.ours, bytes).map_err(|error| cannot("write", self.ours, &error))?;
        Ok(Exit::Done)
    }

    /// Of files that are encrypted as a whole the plain texts are merged.
    fn whole(&self, passwords: &Passwords) -> Result<Exit, Diagnostics> {
        let (mut plain, mut keys) = (vec![], vec![]);
        for bytes in &self.bytes {
            if !is_vault(bytes) {
                plain.push(Secret::new(bytes.as_slice()));
                keys.push(None);
                continue;
            }
            let locked = Locked::of(self.name, bytes.clone())?;
            let opened = locked.open(passwords)?;
            keys.push(Some(locked.key(&opened)?));
            plain.push(opened.plain);
        }
        let [base, ours, theirs] = [0, 1, 2].map(|at| &plain[at]);
        // Who has changed the key, has changed it for all.
        let [base_key, our_key, their_key]: [Option<Key>; 3] = keys.try_into().expect("three files");
        let key = if base_key == our_key { &their_key } else { &our_key }.as_ref();
        let key = key.or(our_key.as_ref()).or(their_key.as_ref()).expect("one is a vault");
        if ours == theirs || base == theirs {
            return if our_key.as_ref() == Some(key) {
                Ok(Exit::Done)
            } else {
                self.write(key.seal(ours)?.as_bytes())
            };
        }
        if base == ours && their_key.as_ref() == Some(key) {
            return self.write(&self.bytes[2]);
        }
        let Some(merged) = self.merged([base, ours, theirs], passwords)? else {
            return Ok(self.conflict(passwords, AS_OURS, ""));
        };
        self.write(key.seal(&merged)?.as_bytes())
    }

    /// Of files with encrypted values the texts are merged as they are: a value that has not changed has one ciphertext on both sides.
    fn values(&self, passwords: &Passwords) -> Result<Exit, Diagnostics> {
        let mut inline = vec![];
        for bytes in &self.bytes {
            let text = String::from_utf8_lossy(bytes);
            inline.push(Inline::read(self.name, &text, passwords, true)?);
        }
        let [base, ours, theirs] = [0, 1, 2].map(|at| &inline[at]);
        let inline_ours = ours;
        let same = |one: &Option<(String, &Secret)>, plain: &Secret| {
            one.as_ref().is_some_and(|(_, known)| *known == plain)
        };
        // What is new on one side, while the other one has locked it anew: under the other's key.
        let anew = |way: &Way, plain: &Secret, side: &Inline, other: &Inline| {
            let key = match (base.at(way), base.key_at(way)) {
                (Some((_, old)), Some(key)) if old != plain => {
                    other.key_at(way).filter(|now| *now != key).cloned()
                }
                (None, _) if other.at(way).is_none() => {
                    let (old, mine) = (base.key()?, side.key_at(way)?);
                    other.key().filter(|now| *mine == old && *now != old)
                }
                _ => None,
            };
            key.map(|key| key.seal(plain))
        };
        let our_text = ours.relocked(|way, plain, _: &Sealed| {
            if same(&theirs.at(way), plain) { Ok(None) } else { anew(way, plain, ours, theirs).transpose() }
        })?;
        let their_text = theirs.relocked(|way, plain, _: &Sealed| {
            let (base, ours) = (base.at(way), ours.at(way));
            Ok(match (&base, &ours) {
                // Locked anew on both sides.
                (_, Some((text, _))) if same(&ours, plain) => {
                    base.as_ref().is_none_or(|(old, _)| old != text).then(|| text.clone())
                }
                (Some((text, _)), _) if same(&base, plain) => Some(text.clone()),
                _ => anew(way, plain, theirs, inline_ours).transpose()?,
            })
        })?;
        let base_text = base.relocked(|way, plain, _| {
            let (ours, theirs) = (ours.at(way), theirs.at(way));
            Ok(ours.clone().filter(|_| same(&ours, plain) && !same(&theirs, plain)).map(|(text, _)| text))
        })?;
        let texts = [&base_text, &our_text, &their_text].map(String::as_bytes).map(Secret::new);
        let texts = texts.each_ref();
        if let Some(merged) = self.merged(texts, passwords)? {
            return self.write(merged.expose());
        }
        let (marked, clean) = self.git(texts, false)?;
        if clean {
            // As when both sides have added one key at two places.
            return Ok(self.conflict(passwords, AS_OURS, ""));
        }
        self.write(marked.expose())?;
        let state = "the ciphertexts of both sides stand in it, between git's marks";
        Ok(self.conflict(passwords, state, "take the lines of one side and git's marks out by hand, then "))
    }

    /// The merged text, if there is no conflict. Lines that both sides added at one place are none where the values are not the same ones.
    fn merged(&self, texts: [&Secret; 3], passwords: &Passwords) -> Result<Option<Secret>, Diagnostics> {
        let (merged, clean) = self.git(texts, false)?;
        let is_yaml = is_yaml_name(self.name) || yaml_problem(self.name, texts[1]).is_none();
        let sound = |text: &Secret| !is_yaml || yaml_problem(self.name, text).is_none();
        if clean {
            return Ok(Some(merged).filter(sound));
        }
        let Ok((wanted, conflicts)) = self.by_value(passwords) else { return Ok(None) };
        if !conflicts.is_empty() {
            return Ok(None);
        }
        let (both, _) = self.git(texts, true)?;
        let came = values_of(self.name, both.expose().to_vec(), passwords);
        Ok(Some(both).filter(|_| came.is_ok_and(|came| came == wanted)))
    }

    /// What the values must be after the merge, and where both sides have changed one differently.
    fn by_value(&self, passwords: &Passwords) -> Result<(Values, Vec<Way>), Diagnostics> {
        let read = |at: usize| values_of(self.name, self.bytes[at].clone(), passwords);
        let (base, ours, theirs) = (read(0)?, read(1)?, read(2)?);
        let ways: BTreeSet<&Way> = base.keys().chain(ours.keys()).chain(theirs.keys()).collect();
        let (mut wanted, mut conflicts) = (Values::new(), vec![]);
        for way in ways {
            let (base, ours, theirs) = (base.get(way), ours.get(way), theirs.get(way));
            let value = if ours == theirs || base == theirs {
                ours
            } else if base == ours {
                theirs
            } else {
                conflicts.push(way.clone());
                ours
            };
            wanted.extend(value.map(|value| (way.clone(), *value)));
        }
        Ok((wanted, conflicts))
    }

    /// Tells what is in conflict: keys, no values.
    fn conflict(&self, passwords: &Passwords, state: &str, first: &str) -> Exit {
        let name = self.name.display();
        let mut error = Diagnostic::error(format!("conflict in {name}: {state}"));
        match self.by_value(passwords) {
            Ok((_, conflicts)) if !conflicts.is_empty() => {
                for way in &conflicts {
                    error = error.cause(format!("`{}` was changed on both sides", way_text(way)));
                }
            }
            _ => error = error.cause("what both sides have changed does not fit together"),
        }
        let error = error.hint(format!(
            "look at theirs with `git show :3:{name} | lustores-provision vault view /dev/stdin`, {first}put both together with \
             `vault edit {name}`, then `git add {name}`"
        ));
        complain(&error.into(), Color::Never);
        CONFLICT
    }

    /// git's own merge of three texts, and whether there is no conflict in it. The texts are in memory only.
    fn git(&self, texts: [&Secret; 3], union: bool) -> Result<(Secret, bool), Diagnostic> {
        let failed =
            |cause: String| Diagnostic::error("`git merge-file` failed").at(&place(self.name)).cause(cause);
        if self.signals.get().is_none() {
            let _ = self.signals.set(Signals::catch()?);
        }
        let folder = PrivateFolder::new(&folders())?;
        let file =
            |name: &str, text: &Secret| folder.write(name, text).map_err(|error| failed(error.to_string()));
        let [base, ours, theirs] =
            [file("base", texts[0])?, file("ours", texts[1])?, file("theirs", texts[2])?];
        let mut command = Command::new("git");
        command.args(["merge-file", "-p", "-q", "-L", "ours", "-L", "base", "-L", "theirs"]);
        command.args(union.then_some("--union")).args([ours, base, theirs]);
        let ended = programs::output(&mut command).map_err(failed);
        self.signals.get().map_or(Ok(()), Signals::none)?;
        let ended = ended?;
        match ended.code() {
            Some(code @ 0..=127) => Ok((Secret::new(ended.printed()), code == 0)),
            code => {
                let cause = code.map_or("ended by a signal".into(), |code| format!("exit status: {code}"));
                Err(ended.complains(failed(cause)))
            }
        }
    }
}
