//! Regular expressions, taken apart: who writes one has an engine to compile it, and the agent needs none to look for it.

use borsh::{BorshDeserialize, BorshSerialize};
use std::str::from_utf8;

/// A regular expression as an automaton. It finds what it is about anywhere in a text.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Pattern {
    /// As it is written.
    pub text: String,
    /// The first state, by its place in `states`. It stays possible throughout the text.
    pub start: u32,
    pub states: Vec<State>,
    /// Characters beyond ASCII that are of a word, both ends included and sorted. Empty where nothing asks for them.
    pub words: Vec<(u32, u32)>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum State {
    /// A byte of one of these ranges, both ends included, leads to a state.
    Bytes(Vec<(u8, u8, u32)>),
    /// It leads to all of these without a byte.
    Any(Vec<u32>),
    /// It leads on without a byte where the bit at [`Pair::bit`] is set.
    Between(u64, u32),
    Found,
}

/// What stands beside a place, to what looks around from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// None: the text begins or ends here.
    Edge,
    LineFeed,
    Return,
    /// ASCII, of a word.
    Word,
    /// Of a word beyond ASCII.
    Letter,
    Other,
    /// No character: the place is inside of one, or it is no UTF-8.
    Broken,
}

impl Kind {
    pub const ALL: [Self; 7] =
        [Self::Edge, Self::LineFeed, Self::Return, Self::Word, Self::Letter, Self::Other, Self::Broken];
}

/// What stands before a place in a text, and behind it.
pub struct Pair(pub Kind, pub Kind);

impl Pair {
    /// The place of its bit in a [`State::Between`].
    pub fn bit(&self) -> u64 {
        1 << (self.0 as u32 * Kind::ALL.len() as u32 + self.1 as u32)
    }
}

/// States that are possible, each once.
#[derive(Clone)]
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
    /// Whether it is found in a text.
    pub fn finds(&self, text: &[u8]) -> bool {
        let mut search = Search::new(self);
        search.read(text) || search.ends()
    }

    /// The character at the beginning, with its length in bytes; nothing where more must come before that is known.
    fn first(&self, text: &[u8]) -> Option<(Kind, usize)> {
        let length = match text.first()? {
            b'\n' => return Some((Kind::LineFeed, 1)),
            b'\r' => return Some((Kind::Return, 1)),
            byte if byte.is_ascii_alphanumeric() || *byte == b'_' => return Some((Kind::Word, 1)),
            byte if byte.is_ascii() => return Some((Kind::Other, 1)),
            ..=0xdf => 2,
            ..=0xef => 3,
            _ => 4,
        };
        match from_utf8(&text[..length.min(text.len())]).map(|text| text.chars().next().map(u32::from)) {
            Ok(Some(letter)) => {
                let place = self.words.partition_point(|(_, last)| *last < letter);
                let is_word = self.words.get(place).is_some_and(|(first, _)| *first <= letter);
                Some((if is_word { Kind::Letter } else { Kind::Other }, length))
            }
            Err(error) if error.error_len().is_none() => None,
            _ => Some((Kind::Broken, 1)),
        }
    }
}

/// A pattern on its way through a text that comes piece by piece.
#[derive(Clone)]
pub struct Search<'a> {
    pattern: &'a Pattern,
    now: Possible,
    next: Possible,
    at: u64,
    before: Kind,
    /// The first bytes of a character that has not come whole.
    rest: Vec<u8>,
}

impl<'a> Search<'a> {
    pub fn new(pattern: &'a Pattern) -> Self {
        let new = || Possible { states: vec![], added: vec![0; pattern.states.len()] };
        let (mut now, at) = (new(), 1);
        now.add(pattern.start, at);
        Self { pattern, now, next: new(), at, before: Kind::Edge, rest: vec![] }
    }

    /// Whether it is found in what came until now, whatever follows. Once found, it has come to its end.
    pub fn read(&mut self, piece: &[u8]) -> bool {
        let mut text = std::mem::take(&mut self.rest);
        text.extend_from_slice(piece);
        let mut place = 0;
        while let Some((kind, length)) = self.pattern.first(&text[place..]) {
            if self.character(&text[place..place + length], kind) {
                return true;
            }
            place += length;
        }
        self.rest = text.split_off(place);
        false
    }

    /// Whether it is found should the text end here. More may come all the same.
    pub fn ends(&self) -> bool {
        let mut end = self.clone();
        let rest = std::mem::take(&mut end.rest);
        rest.chunks(1).any(|byte| end.character(byte, Kind::Broken)) || end.is_found(Kind::Edge, None)
    }

    fn character(&mut self, bytes: &[u8], kind: Kind) -> bool {
        for (place, byte) in bytes.iter().enumerate() {
            let after = if place == 0 { kind } else { Kind::Broken };
            if self.is_found(after, Some(*byte)) {
                return true;
            }
            self.before = if place + 1 == bytes.len() { kind } else { Kind::Broken };
        }
        false
    }

    /// Goes over a byte, or looks at the end.
    fn is_found(&mut self, after: Kind, byte: Option<u8>) -> bool {
        let Self { pattern, now, next, at, before, .. } = self;
        let bit = Pair(*before, after).bit();
        let mut place = 0;
        while let Some(state) = now.states.get(place).copied() {
            place += 1;
            match &pattern.states[state as usize] {
                State::Found => return true,
                State::Any(all) => all.iter().for_each(|state| now.add(*state, *at)),
                State::Between(bits, state) if bits & bit != 0 => now.add(*state, *at),
                State::Between(..) => {}
                State::Bytes(ranges) => {
                    let to = byte
                        .and_then(|byte| ranges.iter().find(|(from, to, _)| (*from..=*to).contains(&byte)));
                    to.into_iter().for_each(|(.., state)| next.add(*state, *at + 1));
                }
            }
        }
        std::mem::swap(now, next);
        next.states.clear();
        *at += 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `b\b` where `\b` is also between characters beyond ASCII.
    fn pattern() -> Pattern {
        let of_word = |kind| matches!(kind, Kind::Word | Kind::Letter);
        let pairs = Kind::ALL.into_iter().flat_map(|before| Kind::ALL.map(|after| (before, after)));
        let holding = pairs.filter(|(before, after)| of_word(*before) != of_word(*after));
        let bits = holding.map(|(before, after)| Pair(before, after).bit()).sum();
        let states = vec![
            State::Any(vec![1, 2]),
            State::Bytes(vec![(0, 255, 0)]),
            State::Bytes(vec![(b'b', b'b', 3)]),
            State::Between(bits, 4),
            State::Found,
        ];
        Pattern { text: r"b\b".into(), start: 0, states, words: vec![(0xe0, 0xff)] }
    }

    #[test]
    fn a_text_in_pieces_is_one_text() {
        let pattern = pattern();
        for (text, is_there) in
            [("ab", true), ("ab\u{e9}", false), ("ab\u{201d}", true), ("\u{e9}b c", true), ("", false)]
        {
            assert_eq!(pattern.finds(text.as_bytes()), is_there, "{text:?}");
            let mut search = Search::new(&pattern);
            let is_found = text.as_bytes().chunks(1).any(|byte| search.read(byte)) || search.ends();
            assert_eq!(is_found, is_there, "{text:?} byte by byte");
        }
    }

    #[test]
    fn the_end_of_now_need_not_be_the_last() {
        let pattern = pattern();
        let mut search = Search::new(&pattern);
        assert!(!search.read(b"b") && search.ends());
        assert!(!search.read(b"\xc3") && search.ends());
        // Now it is a letter, and the word goes on.
        assert!(!search.read(b"\xa9") && !search.ends());
        assert!(search.read(b" b "));
    }
}
