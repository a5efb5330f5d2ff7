//! The text of a record: lines of JSON. The first is about the run, with a random key; each other one is a task with the facets of its
//! state, short values as they are and all else as fingerprints under that key. Only the agent's user may read it.

use super::Recording;
use crate::{
    event::Since,
    resource::{Held, Mark},
};
use agent::{
    secret::Content,
    wire::{Answer, Query, safe_name},
};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// The version of the text. Another one is not read, and replaced.
const FORM: u32 = 1;

/// What the first line is in any version.
#[derive(Deserialize)]
struct Form {
    form: u32,
}

/// The first line.
#[derive(Clone, Serialize, Deserialize)]
pub struct Head {
    form: u32,
    /// In hex.
    key: String,
    pub since: Since,
}

/// Each other line: what a task owns on the host, or its type and name, and the facets of its state.
type Line = (String, IndexMap<String, Kept>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    Is(String),
    Print(String),
}

/// What a host keeps, read.
pub struct Record {
    pub head: Head,
    /// Empty when only the digest was asked for.
    pub tasks: IndexMap<String, IndexMap<String, Kept>>,
    digest: String,
}

/// By which name a host keeps what is about it and a playbook: several may be one machine.
pub fn name_of(host: &str, playbook: &str) -> String {
    let name = format!("{host}__{playbook}");
    if safe_name(&name) { name } else { blake3::hash(name.as_bytes()).to_hex().to_string() }
}

impl Recording {
    /// The question about what is there; with `whole` also about the tasks.
    pub fn question(&self, host: &str, whole: bool) -> Query {
        Query::Record { name: name_of(host, &self.playbook), whole }
    }

    /// The text to be kept, unless what is there says the same already. `before` has the tasks when the run is a partial one.
    pub fn text(&self, now: &[(String, Held)], before: Option<&Record>) -> Option<Content> {
        let key = before.and_then(|record| key_of(&record.head)).unwrap_or(self.key);
        let mut tasks = match before {
            Some(record) if self.partial => record.tasks.clone(),
            _ => IndexMap::new(),
        };
        for (task, held) in now {
            let facets = held.iter().map(|(facet, mark)| (facet.clone(), self.kept(mark, &key)));
            tasks.insert(task.clone(), facets.collect());
        }
        let line = |line: Line| serde_json::to_string(&line).expect("texts are JSON") + "\n";
        let lines: String = tasks.into_iter().map(line).collect();
        let digest = blake3::hash(lines.as_bytes()).to_hex();
        if before.is_some_and(|record| record.digest == *digest) {
            return None;
        }
        let head =
            Head { form: FORM, key: blake3::Hash::from(key).to_hex().to_string(), since: self.since.clone() };
        let head = serde_json::to_string(&head).expect("texts are JSON");
        Some(Content::new(format!("{head}\n{lines}"), true))
    }

    /// A facet for the record. A secret is refused in a short value, but one may stand there all the same: what is not shown is not kept.
    fn kept(&self, mark: &Mark, key: &[u8; 32]) -> Kept {
        match mark {
            Mark::Clear(text) if !(self.hides)(text) => Kept::Is(text.clone()),
            mark => Kept::Print(print(mark, key)),
        }
    }
}

impl Kept {
    /// Whether it is what was kept of this.
    pub fn is_of(&self, mark: &Mark, key: &[u8; 32]) -> bool {
        match self {
            Self::Is(text) => *mark == Mark::Clear(text.clone()),
            Self::Print(kept) => *kept == print(mark, key),
        }
    }
}

impl Record {
    /// Reads what a host answers; `None` where there is nothing.
    ///
    /// # Errors
    /// What is wrong with what is there: no value of it, for there may be secrets around.
    pub fn read(answer: &Answer, whole: bool) -> Result<Option<Self>, String> {
        let content = match answer {
            Answer::Content(Some(content)) => content,
            Answer::Content(None) => return Ok(None),
            Answer::Failed(why) => return Err(why.clone()),
            _ => return Err("the host says something else".into()),
        };
        let text = std::str::from_utf8(content.bytes()).map_err(|_| "it is no text")?;
        let (first, rest) = text.split_once('\n').ok_or("line 1 has no end")?;
        let head: Form = serde_json::from_str(first).map_err(|_| "line 1 says nothing about a run")?;
        if head.form != FORM {
            return Err(format!("another version of this program has left it, in form {}", head.form));
        }
        let head: Head = serde_json::from_str(first).map_err(|_| "line 1 says nothing about a run")?;
        key_of(&head).ok_or("line 1 has no key")?;
        if !whole {
            return Ok(Some(Self { head, tasks: IndexMap::new(), digest: rest.into() }));
        }
        let line = |(at, line): (usize, &str)| {
            serde_json::from_str::<Line>(line)
                .map_err(|_| format!("line {} says nothing about a task", at + 2))
        };
        let tasks = rest.lines().enumerate().map(line).collect::<Result<_, _>>()?;
        Ok(Some(Self { head, tasks, digest: blake3::hash(rest.as_bytes()).to_hex().to_string() }))
    }

    /// The key of its fingerprints.
    pub fn key(&self) -> [u8; 32] {
        key_of(&self.head).unwrap_or_default()
    }
}

fn key_of(head: &Head) -> Option<[u8; 32]> {
    blake3::Hash::from_hex(&head.key).ok().map(Into::into)
}

fn print(mark: &Mark, key: &[u8; 32]) -> String {
    let digest = match mark {
        Mark::Clear(text) => *blake3::hash(text.as_bytes()).as_bytes(),
        Mark::Digest(digest) => *digest,
    };
    blake3::keyed_hash(key, &digest).to_hex()[..32].into()
}
