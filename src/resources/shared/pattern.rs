//! Regular expressions in parameters, and what their groups are put into.

use crate::resource::Fault;
use agent::pattern::{Kind, Pair, Pattern, State};
use regex::{Captures, Regex, RegexBuilder};
use regex_automata::{
    nfa::thompson::{self, NFA, WhichCaptures},
    util::{look::Look, primitives::StateID, syntax},
};
use regex_syntax::hir::{Class, HirKind};

/// A pattern for one line.
///
/// # Errors
/// What is wrong with it; `parameter` is named.
pub fn pattern(parameter: &str, text: &str) -> Result<Regex, Fault> {
    built(parameter, &RegexBuilder::new(text))
}

/// A pattern for a whole text: `^` and `$` are the ends of each line; `dot_all`: a dot is also a line break.
///
/// # Errors
/// As [`pattern`].
pub fn pattern_of_lines(parameter: &str, text: &str, dot_all: bool) -> Result<Regex, Fault> {
    built(parameter, RegexBuilder::new(text).multi_line(true).dot_matches_new_line(dot_all))
}

fn built(parameter: &str, builder: &RegexBuilder) -> Result<Regex, Fault> {
    builder.build().map_err(|error| {
        let error = error.to_string();
        if error.contains("look-around") {
            let fault = Fault::new(format!("`{parameter}` looks around, which is not supported"));
            return fault.hint(
                "match what stands around as well and put it back by groups: `(before)old(after)` becomes `\\1new\\2`",
            );
        }
        let why = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let fault = Fault::new(format!("`{parameter}` is not a regular expression: {why}"));
        fault.hint("the syntax is that of Rust's `regex`: no look-around, no back references in the pattern")
    })
}

/// Bytes of an automaton that is sent.
const LARGEST: usize = 1 << 20;

/// As [`pattern_of_lines`], to be looked for by the agent.
///
/// # Errors
/// As [`pattern`], and that it is too large to be sent.
pub fn pattern_to_send(parameter: &str, text: &str) -> Result<Pattern, Fault> {
    pattern_of_lines(parameter, text, false)?;
    let config = thompson::Config::new().utf8(false).which_captures(WhichCaptures::None);
    let mut compiler = NFA::compiler();
    compiler.configure(config.nfa_size_limit(Some(LARGEST)));
    compiler.syntax(syntax::Config::new().multi_line(true));
    let nfa = compiler.build(text).map_err(|_| {
        let fault = Fault::new(format!("`{parameter}` comes to more than can be sent to a host"));
        fault.hint("fewer or smaller repetitions (`{1,1000}`), or `(?-u:...)` around classes such as `\\w`")
    })?;
    let states = nfa.states().iter().map(state).collect();
    let words = if nfa.look_set_any().contains_word_unicode() { words() } else { vec![] };
    Ok(Pattern { text: text.into(), start: nfa.start_unanchored().as_u32(), states, words })
}

/// What `\w` is beyond ASCII.
fn words() -> Vec<(u32, u32)> {
    let class = regex_syntax::parse(r"[\w&&[^\x00-\x7f]]").map(|class| class.into_kind());
    let Ok(HirKind::Class(Class::Unicode(class))) = class else { return vec![] };
    class.iter().map(|range| (range.start().into(), range.end().into())).collect()
}

fn state(state: &thompson::State) -> State {
    let one = |from: u8, to: u8, next: StateID| (from, to, next.as_u32());
    match state {
        thompson::State::ByteRange { trans } => State::Bytes(vec![one(trans.start, trans.end, trans.next)]),
        thompson::State::Sparse(all) => {
            State::Bytes(all.transitions.iter().map(|it| one(it.start, it.end, it.next)).collect())
        }
        thompson::State::Dense(all) => {
            let bytes = (0..=u8::MAX).filter_map(|byte| Some(one(byte, byte, all.matches_byte(byte)?)));
            State::Bytes(bytes.collect())
        }
        thompson::State::Look { look, next } => {
            let pairs = Kind::ALL.into_iter().flat_map(|before| Kind::ALL.map(|after| (before, after)));
            let holding = pairs.filter(|(before, after)| holds(*look, *before, *after));
            let bits = holding.map(|(before, after)| Pair(before, after).bit()).sum();
            State::Between(bits, next.as_u32())
        }
        thompson::State::Union { alternates } => {
            State::Any(alternates.iter().map(|next| next.as_u32()).collect())
        }
        thompson::State::BinaryUnion { alt1, alt2 } => State::Any(vec![alt1.as_u32(), alt2.as_u32()]),
        thompson::State::Capture { next, .. } => State::Any(vec![next.as_u32()]),
        thompson::State::Fail => State::Any(vec![]),
        thompson::State::Match { .. } => State::Found,
    }
}

fn holds(look: Look, before: Kind, after: Kind) -> bool {
    let (of_word, goes_on) = (before == Kind::Word, after == Kind::Word);
    let (of_letters, letters) = (of_word || before == Kind::Letter, goes_on || after == Kind::Letter);
    let (begun, whole) = (before != Kind::Broken, after != Kind::Broken);
    match look {
        Look::Start => before == Kind::Edge,
        Look::End => after == Kind::Edge,
        Look::StartLF => matches!(before, Kind::Edge | Kind::LineFeed),
        Look::EndLF => matches!(after, Kind::Edge | Kind::LineFeed),
        Look::StartCRLF => {
            matches!(before, Kind::Edge | Kind::LineFeed) || before == Kind::Return && after != Kind::LineFeed
        }
        Look::EndCRLF => {
            matches!(after, Kind::Edge | Kind::Return) || after == Kind::LineFeed && before != Kind::Return
        }
        Look::WordAscii => of_word != goes_on,
        Look::WordAsciiNegate => of_word == goes_on,
        Look::WordStartAscii => !of_word && goes_on,
        Look::WordEndAscii => of_word && !goes_on,
        Look::WordStartHalfAscii => !of_word,
        Look::WordEndHalfAscii => !goes_on,
        Look::WordUnicode => of_letters != letters,
        // What only says that no word is here holds between characters alone.
        Look::WordUnicodeNegate => begun && whole && of_letters == letters,
        Look::WordStartUnicode => !of_letters && letters,
        Look::WordEndUnicode => of_letters && !letters,
        Look::WordStartHalfUnicode => begun && !of_letters,
        Look::WordEndHalfUnicode => whole && !letters,
    }
}

/// A piece of a text that groups are put into.
enum Part<'a> {
    Text(&'a str),
    /// By name or number.
    Group(&'a str),
}

/// `\1`, `\g<name>` and `\\`; with `controls` also `\n`, `\r` and `\t`. Any other backslash is one.
fn parts(text: &str, controls: bool) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        parts.push(Part::Text(before));
        let named = after.strip_prefix("g<").and_then(|name| name.split_once('>'));
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let control = match after.chars().next().filter(|_| controls) {
            Some('n') => Some("\n"),
            Some('r') => Some("\r"),
            Some('t') => Some("\t"),
            _ => None,
        };
        rest = match (named, control) {
            (Some((name, after)), _) => {
                parts.push(Part::Group(name));
                after
            }
            _ if digits > 0 => {
                parts.push(Part::Group(&after[..digits]));
                &after[digits..]
            }
            (_, Some(control)) => {
                parts.push(Part::Text(control));
                &after[1..]
            }
            _ => {
                parts.push(Part::Text("\\"));
                // A doubled backslash is one.
                after.strip_prefix('\\').unwrap_or(after)
            }
        };
    }
    parts.push(Part::Text(rest));
    parts
}

/// `text` with `\1` and `\g<name>` replaced by what the groups matched.
pub fn expand(groups: &Captures, text: &str, controls: bool) -> String {
    let group = |name: &str| match name.parse() {
        Ok(number) => groups.get(number).map_or("", |m| m.as_str()),
        Err(_) => groups.name(name).map_or("", |m| m.as_str()),
    };
    let parts = parts(text, controls).into_iter();
    parts
        .map(|part| match part {
            Part::Text(text) => text,
            Part::Group(name) => group(name),
        })
        .collect()
}

/// Refuses a text that names groups which the pattern does not have.
///
/// # Errors
/// A fault that names the parameter and the group.
pub fn check_groups(parameter: &str, regexp: &Regex, text: &str) -> Result<(), Fault> {
    for part in parts(text, true) {
        let Part::Group(name) = part else { continue };
        let there = match name.parse::<usize>() {
            Ok(number) => number < regexp.captures_len(),
            Err(_) => regexp.capture_names().flatten().any(|known| known == name),
        };
        if !there {
            let name = name.escape_debug();
            let fault =
                Fault::new(format!("`{parameter}` names the group {name}, which `regexp` does not have"));
            return Err(fault.hint("groups are in round brackets, counted from 1; `\\\\` is a backslash"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_put_in() {
        let regexp = pattern("regexp", r"(k): (?P<v>\w+)").unwrap();
        let groups = regexp.captures("k: w").unwrap();
        assert_eq!(expand(&groups, r"\1=\g<v>\g<1>\\ \q\n$1", false), r"k=wk\ \q\n$1");
        assert_eq!(expand(&groups, r"\1\n\t\2", true), "k\n\tw");
        assert!(check_groups("line", &regexp, r"\2 \g<v> \\3").is_ok());
        for bad in [r"\3", r"\g<w>"] {
            assert!(
                check_groups("line", &regexp, bad).unwrap_err().message.contains("does not have"),
                "{bad}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_says_why() {
        let message = |text| pattern("regexp", text).unwrap_err().message;
        for text in ["a(?=b)", "(?<!a)b"] {
            assert_eq!(message(text), "`regexp` looks around, which is not supported");
        }
        assert!(message("(").contains("unclosed group"));
        assert!(message(r"(a)\1").contains("backreferences"));
    }

    #[test]
    fn what_is_sent_finds_what_the_engine_finds() {
        let texts = [
            "",
            "\n",
            "a",
            "ab\n",
            "x\nab",
            "b a",
            "aab",
            "caf\u{e9} au lait",
            "220 mail ESMTP\r\n",
            "\u{e9}a",
            "started in 12 s\nready\n",
            "a.b",
            "AB",
            "foo\r\nbar\r\n",
            "a_b",
            "1234567",
            "\u{201c}au\u{201d} lait",
            "\u{2026}au\u{2014}",
            "e\u{301}au",
            "\u{1d400}au\u{200d}",
            "\u{bd}a\u{b2}",
            "\u{201d}",
            "\u{65e5}\u{672c}",
        ];
        for written in [
            "",
            "a",
            "^ab$",
            "a*b",
            "(a|b)+ ",
            r"\bau\b",
            r"a\B",
            r"\Bau",
            r"\B.\B",
            r"\b.\b",
            r"(?-u:\b)au\b",
            r"a(?-u:\B)",
            r"^\B",
            r"\b{start-half}au",
            r"\b{end}\W",
            r"\b{start}\w\b{end}",
            "^220 .*SMTP",
            "^ready$",
            r"in \d+ s",
            "[^a]b",
            "(?i)ab",
            ".",
            r"\A\n",
            r"b\z",
            "(?R)^bar$",
            "(?s)s.ready",
            r"\w{5}",
            "caf.",
            r"\p{Ll} au",
            "x{0}",
            r"(?-u:\w)+ \w",
            r"\b{start}b",
            r"a\b{end-half}",
            "[[:upper:]]{2,}",
            "(?m-u)^a$",
            "a$|^b",
        ] {
            let engine = regex::bytes::RegexBuilder::new(written).multi_line(true).build().unwrap();
            let sent = pattern_to_send("p", written).unwrap();
            for text in texts {
                let found = sent.finds(text.as_bytes());
                assert_eq!(found, engine.is_match(text.as_bytes()), "{written:?} in {text:?}");
            }
        }
        assert!(pattern_to_send("p", "a{60000}").unwrap_err().message.contains("more than can be sent"));
        assert!(pattern_to_send("p", "(").unwrap_err().message.contains("unclosed group"));
    }
}
