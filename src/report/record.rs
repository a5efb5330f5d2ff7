//! Runs as lines of JSON: written as they happen, and read again.

use super::Redactor;
use crate::event::{Event, Recorded, SCHEMA};
use serde::Serialize;
use serde_json::{
    Serializer, Value,
    ser::{CharEscape, Formatter},
};
use std::io::{self, BufRead, Read, Write};

/// No event is as long, in bytes: plans of a host hold the texts of its diffs.
const LONGEST: u64 = 256 << 20;

/// An event as it may be kept.
pub(super) fn line(recorded: &Recorded, redactor: &Redactor) -> String {
    redacted_json(recorded, redactor).map(|line| line + "\n").unwrap_or_default()
}

/// A value as JSON on one line, redacted text by text, as each is: written as JSON, a secret that is quoted in a text would be in no
/// known form.
///
/// # Errors
/// A value that cannot be JSON.
pub fn redacted_json(value: &impl Serialize, redactor: &Redactor) -> serde_json::Result<String> {
    let mut out = vec![];
    let redacting = Redacting { redactor, text: String::new() };
    value.serialize(&mut Serializer::with_formatter(&mut out, redacting))?;
    Ok(String::from_utf8(out).unwrap_or_default())
}

/// Writes JSON with every text redacted, also the names of fields. A plan may be long: no tree is made of it.
struct Redacting<'a> {
    redactor: &'a Redactor,
    /// The text under way, without what JSON makes of it.
    text: String,
}

impl Formatter for Redacting<'_> {
    fn begin_string<W: ?Sized + Write>(&mut self, _: &mut W) -> io::Result<()> {
        self.text.clear();
        Ok(())
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, _: &mut W, part: &str) -> io::Result<()> {
        self.text.push_str(part);
        Ok(())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, _: &mut W, escape: CharEscape) -> io::Result<()> {
        self.text.push(match escape {
            CharEscape::Quote => '"',
            CharEscape::ReverseSolidus => '\\',
            CharEscape::Solidus => '/',
            CharEscape::Backspace => '\u{8}',
            CharEscape::FormFeed => '\u{c}',
            CharEscape::LineFeed => '\n',
            CharEscape::CarriageReturn => '\r',
            CharEscape::Tab => '\t',
            CharEscape::AsciiControl(byte) => byte.into(),
        });
        Ok(())
    }

    fn end_string<W: ?Sized + Write>(&mut self, to: &mut W) -> io::Result<()> {
        Ok(serde_json::to_writer(to, &*self.redactor.redact(&self.text))?)
    }
}

/// Why a line is no event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bad {
    /// The lines are not those of a run; with the reason.
    NoRun(String),
    /// They are of a later program: the version that it wrote.
    Later(u64),
    /// The last line is cut off.
    Cut,
    /// An event that is not known here, by its name.
    Unknown(String),
    /// The source cannot be read; with what the system says.
    Unreadable(String),
}

/// The events of a recorded run, each with the number of its line (from 1). After [`Bad::Unknown`] it goes on; what else is bad is the
/// last item.
pub struct Lines<R> {
    from: R,
    line: usize,
    is_over: bool,
}

impl<R: BufRead> Lines<R> {
    pub fn new(from: R) -> Self {
        Self { from, line: 0, is_over: false }
    }

    fn read(&mut self) -> Result<Option<Recorded>, Bad> {
        let mut bytes = vec![];
        let length = (&mut self.from)
            .take(LONGEST)
            .read_until(b'\n', &mut bytes)
            .map_err(|error| Bad::Unreadable(error.to_string()))?;
        if length == 0 {
            return if self.line == 0 { Err(Bad::NoRun("it is empty".into())) } else { Ok(None) };
        }
        self.line += 1;
        let is_first = self.line == 1;
        let is_cut = !bytes.ends_with(b"\n");
        let json: Value = match serde_json::from_slice(&bytes) {
            Ok(json) => json,
            Err(_) if is_cut && !is_first => return Err(Bad::Cut),
            Err(error) => return Err(Bad::NoRun(format!("line {} is no JSON: {error}", self.line))),
        };
        let name = json["event"].as_str().map(str::to_string);
        if is_first {
            if name.as_deref() != Some("run_started") {
                return Err(Bad::NoRun("it does not begin with the event `run_started`".into()));
            }
            match json["schema"].as_u64() {
                Some(schema) if schema > SCHEMA.into() => return Err(Bad::Later(schema)),
                Some(_) => {}
                None => return Err(Bad::NoRun("its `run_started` has no `schema`".into())),
            }
        }
        match (serde_json::from_value(json), name) {
            (Ok(recorded), _) => Ok(Some(recorded)),
            (Err(_), Some(name)) if !is_known(&name) => Err(Bad::Unknown(name)),
            (Err(error), Some(name)) => {
                Err(Bad::NoRun(format!("line {}: an event `{name}` that is not whole: {error}", self.line)))
            }
            (Err(_), None) => Err(Bad::NoRun(format!("line {} is no event", self.line))),
        }
    }
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = (usize, Result<Recorded, Bad>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let read = self.read().transpose();
        self.is_over = !matches!(read, Some(Ok(_) | Err(Bad::Unknown(_))));
        read.map(|read| (self.line, read))
    }
}

/// Whether an event of this name is one of ours: then what it lacks is no sign of a later program.
fn is_known(name: &str) -> bool {
    // Without a field all of them lack something, but a name that is not known is said to be unknown.
    let alone = serde_json::json!({ "event": name });
    serde_json::from_value::<Event>(alone)
        .err()
        .is_none_or(|error| !error.to_string().starts_with("unknown variant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = r#"{"at":0,"event":"run_started","schema":1,"run":"r","check":true,"hosts":["a"],"about":{"program":"0","verb":"apply","inventory":"i","playbook":null,"folder":"/","who":"w","started":1}}"#;

    fn read(text: &str) -> Vec<(usize, Result<u64, Bad>)> {
        Lines::new(text.as_bytes()).map(|(line, read)| (line, read.map(|recorded| recorded.at))).collect()
    }

    #[test]
    fn a_secret_is_found_whatever_json_makes_of_the_text() {
        let redactor = Redactor::new(&[agent::secret::Secret::new("a\"b\\c\u{1}d")]);
        let text = "x a\"b\\c\u{1}d y\n\t\u{7f}é";
        let message = format!("{text} {}", text.replace('"', "\\\""));
        let event = Event::Warning { host: Some("a".into()), message };
        let written: Value = serde_json::from_str(&line(&Recorded { at: 3, event }, &redactor)).unwrap();
        let message = written["message"].as_str().unwrap();
        assert!(message.starts_with("x [secret] y\n\t\u{7f}é "), "{message}");
        assert_eq!(
            (&written["at"], &written["event"], &written["host"]),
            (&3.into(), &"warning".into(), &"a".into())
        );
        // Without a secret in it, it is as serde writes it.
        let event = Event::Warning { host: None, message: "q \" \u{8} \u{c} \r é".into() };
        let recorded = Recorded { at: 4, event };
        assert_eq!(line(&recorded, &redactor), format!("{}\n", serde_json::to_string(&recorded).unwrap()));
    }

    #[test]
    fn what_is_later_or_cut_off_is_told_from_what_is_no_run() {
        let last = r#"{"at":7,"event":"run_finished","exit":0,"millis":7}"#;
        assert_eq!(read(&format!("{FIRST}\n{last}\n")), [(1, Ok(0)), (2, Ok(7))]);
        // A field more is no harm, and an event that is not known is left out.
        let more = r#"{"at":5,"event":"host_sang","song":"la"}"#;
        let odd = format!("{FIRST}\n{more}\n{}\n", last.replace("\"exit\"", "\"new\":1,\"exit\""));
        assert_eq!(read(&odd), [(1, Ok(0)), (2, Err(Bad::Unknown("host_sang".into()))), (3, Ok(7))]);
        assert_eq!(read(&format!("{FIRST}\n{}", &last[..20])), [(1, Ok(0)), (2, Err(Bad::Cut))]);
        assert_eq!(read(&FIRST.replace("\"schema\":1", "\"schema\":2")), [(1, Err(Bad::Later(2)))]);
        let no_run = |text: &str| matches!(read(text).pop(), Some((_, Err(Bad::NoRun(_)))));
        for text in [
            "",
            "hello\n",
            "{}\n",
            "[1]\n",
            &FIRST[..30],
            &format!("{last}\n"),
            &format!("{FIRST}\nx\n{last}\n"),
        ] {
            assert!(no_run(text), "{text}");
        }
        let lacks = format!("{FIRST}\n{}\n", r#"{"at":1,"event":"run_finished","exit":0}"#);
        assert!(no_run(&lacks), "{:?}", read(&lacks));
    }
}
