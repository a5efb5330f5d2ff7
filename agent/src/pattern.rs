//! Regular expressions, taken apart: who writes one has an engine to compile it, and the agent needs none to look for it.

use borsh::{BorshDeserialize, BorshSerialize};
use std::io;

/// A regular expression as an automaton. It finds what it is about anywhere in a text.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pattern {
    /// As it is written.
    pub text: String,
    /// The first state, by its place in `states`. It stays possible throughout the text.
    pub start: u32,
    pub states: Vec<State>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum State {
    /// A byte of one of these ranges, both ends included, leads to a state.
    Bytes(Vec<(u8, u8, u32)>),
    /// It leads to all of these without a byte.
    Any(Vec<u32>),
    /// It leads on without a byte where the bit at [`Pair::bit`] is set.
    Between(u32, u32),
    Found,
}

/// What a byte is to what looks around.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None: the text begins or ends here.
    Edge,
    LineFeed,
    Return,
    /// Of a word. What is no ASCII counts as one.
    Word,
    Other,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Edge, Self::LineFeed, Self::Return, Self::Word, Self::Other];

    fn of(byte: Option<u8>) -> Self {
        match byte {
            None => Self::Edge,
            Some(b'\n') => Self::LineFeed,
            Some(b'\r') => Self::Return,
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80 => Self::Word,
            Some(_) => Self::Other,
        }
    }
}

/// What stands before a place in a text, and behind it.
pub struct Pair(pub Kind, pub Kind);

impl Pair {
    /// The place of its bit in a [`State::Between`].
    pub fn bit(&self) -> u32 {
        1 << (self.0 as u32 * Kind::ALL.len() as u32 + self.1 as u32)
    }
}

/// States that are possible, each once.
#[derive(Default)]
struct Possible {
    states: Vec<u32>,
    /// When each was added last.
    added: Vec<u64>,
}

impl Possible {
    fn add(&mut self, state: u32, at: u64) {
        match self.added.get_mut(state as usize) {
            Some(added) if *added != at => {
                *added = at;
                self.states.push(state);
            }
            _ => {}
        }
    }
}

impl Pattern {
    /// Whether it is found. No more is read than that takes.
    ///
    /// # Errors
    /// Of reading.
    pub fn finds(&self, bytes: impl IntoIterator<Item = io::Result<u8>>) -> io::Result<bool> {
        let mut bytes = bytes.into_iter();
        let (mut before, mut after) = (None, bytes.next().transpose()?);
        let new = || Possible { states: vec![], added: vec![0; self.states.len()] };
        let (mut now, mut next, mut at) = (new(), new(), 1);
        now.add(self.start, at);
        loop {
            let bit = Pair(Kind::of(before), Kind::of(after)).bit();
            let mut place = 0;
            while let Some(state) = now.states.get(place).copied() {
                place += 1;
                match &self.states[state as usize] {
                    State::Found => return Ok(true),
                    State::Any(all) => all.iter().for_each(|state| now.add(*state, at)),
                    State::Between(bits, state) if bits & bit != 0 => now.add(*state, at),
                    State::Between(..) => {}
                    State::Bytes(ranges) => {
                        let to = after.and_then(|byte| {
                            ranges.iter().find(|(from, to, _)| (*from..=*to).contains(&byte))
                        });
                        to.into_iter().for_each(|(.., state)| next.add(*state, at + 1));
                    }
                }
            }
            if after.is_none() {
                return Ok(false);
            }
            std::mem::swap(&mut now, &mut next);
            next.states.clear();
            at += 1;
            (before, after) = (after, bytes.next().transpose()?);
        }
    }
}
