//! What `/etc/shadow` has of an account. No hash comes from the host: the agent says whether it is the one that is wanted.

use crate::{
    resource::Fault,
    resources::shared::unit::{output, run},
};
use agent::{
    calendar,
    secret::Content,
    wire::{Op, Output, PasswordAge, Probe, Query, shadow_fingerprint},
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, de};
use std::fmt;

/// The password that is wanted.
#[derive(Clone)]
pub enum Password {
    /// None lets in.
    None,
    Hash(Content),
}

impl Password {
    pub fn read(bytes: &[u8]) -> Result<Self, Fault> {
        if matches!(bytes, b"*" | b"!" | b"!!") {
            return Ok(Self::None);
        }
        if is_hash(bytes) {
            return Ok(Self::Hash(Content::new(bytes, true)));
        }
        let fault = Fault::new("the password is not given as a hash, as the host keeps it");
        Err(fault.hint(
            "`openssl passwd -6` or `mkpasswd` makes one from the password: write that into a vault (`*` is no password at all)",
        ))
    }
}

/// `$ID$...$HASH`: nothing that somebody would choose as a password, and nothing that breaks its line.
fn is_hash(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let good = |c: char| c.is_ascii_alphanumeric() || "./$=,+-_".contains(c);
    let parts: Vec<&str> = text.split('$').collect();
    let [first, id, rest @ ..] = parts.as_slice() else { return false };
    let known = ["1", "2a", "2b", "2y", "5", "6", "7", "gy", "md5", "sha1", "y"].contains(id);
    let hash = rest.last().map_or(0, |hash| hash.len());
    first.is_empty() && known && rest.len() >= 2 && hash >= 22 && text.chars().all(good)
}

/// What the field of the password is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Whoever comes is let in without one.
    Empty,
    /// None lets in.
    No,
    Set,
    /// One is on record and lets nobody in.
    Locked,
}

const KINDS: [(Kind, &str); 4] =
    [(Kind::Empty, "empty"), (Kind::No, "no"), (Kind::Set, "set"), (Kind::Locked, "locked")];

/// Days of each limit, in the order of [`PasswordAge::ALL`]; -1 is none. `None`: the task is not about it.
pub type Ages = [Option<i64>; 4];

/// The facet of a limit.
pub fn age_facet(age: PasswordAge) -> &'static str {
    match age {
        PasswordAge::Max => "password expire max",
        PasswordAge::Min => "password expire min",
        PasswordAge::Warn => "password expire warn",
        PasswordAge::Inactive => "password expire disable",
    }
}

/// Sets the limits for which there are days, in the order of [`PasswordAge::ALL`].
pub fn set_ages(name: &str, days: impl Fn(usize) -> Option<i64>) -> Option<Op> {
    let options = ["--maxdays", "--mindays", "--warndays", "--inactive"].into_iter().enumerate();
    let words = options.filter_map(|(at, option)| Some([option.into(), days(at)?.to_string()]));
    let words: Vec<String> = words.flatten().collect();
    let argv = ["chage".to_string()].into_iter().chain(words.iter().cloned()).chain([name.into()]);
    (!words.is_empty()).then(|| run(argv))
}

/// How a limit is shown.
pub fn age(days: i64) -> String {
    match days {
        -1 => "none".into(),
        1 => "1 day".into(),
        days => format!("{days} days"),
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shadow {
    pub kind: Kind,
    /// It is the one that is wanted.
    pub same: bool,
    /// The day since 1970 from which on nobody can log in.
    pub expires: Option<i64>,
    pub ages: Ages,
}

impl Shadow {
    /// That of a new account. Its limits are those of /etc/login.defs, or none.
    pub const NEW: Self = Self { kind: Kind::No, same: false, expires: None, ages: [None; 4] };

    /// The question, with the password that is wanted and the limits that the task is about.
    pub fn query(name: &str, password: Option<&Password>, ages: Ages) -> Query {
        let password = match password {
            Some(Password::Hash(hash)) => Some(shadow_fingerprint(name, hash.bytes())),
            _ => None,
        };
        let ages = PasswordAge::ALL.into_iter().zip(ages).filter_map(|(age, days)| days.map(|_| age));
        Query::Run(Probe::Shadow { name: name.into(), password, ages: ages.collect() })
    }

    /// `None` of an account that has no line there.
    pub fn read(said: &Output) -> Option<Self> {
        let text = String::from_utf8_lossy(said.stdout.bytes()).into_owned();
        let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        let kind = KINDS.iter().find(|(_, word)| value("password") == Some(*word))?.0;
        let expires = value("expires").and_then(|days| days.parse().ok());
        let ages = PasswordAge::ALL.map(|age| value(age.word()).and_then(|days| days.parse().ok()));
        Some(Self { kind, same: value("same") == Some("yes"), expires, ages })
    }

    /// What the agent will say of it.
    pub fn answer(&self, asked: bool) -> Output {
        let word = KINDS.iter().find(|(kind, _)| *kind == self.kind).map_or("no", |(_, word)| word);
        let mut text = format!("password {word}\n");
        if asked {
            text.push_str(if self.same { "same yes\n" } else { "same no\n" });
        }
        if let Some(days) = self.expires {
            text.push_str(&format!("expires {days}\n"));
        }
        for (age, days) in PasswordAge::ALL.into_iter().zip(self.ages) {
            text.extend(days.map(|days| format!("{} {days}\n", age.word())));
        }
        output(0, &text)
    }

    /// Whether it has what is wanted, locked or not.
    pub fn fits(&self, password: &Password) -> bool {
        match password {
            Password::None => self.kind == Kind::No,
            Password::Hash(_) => self.same,
        }
    }

    /// A password that is not the wanted one, in words.
    pub fn other(&self) -> &'static str {
        match self.kind {
            Kind::Empty => "empty: none is asked for",
            Kind::No => "none",
            Kind::Set | Kind::Locked => "another one",
        }
    }

    /// Where there is nothing to lock, both are as wanted.
    pub fn lock(&self, wanted: bool) -> &'static str {
        let locked = match self.kind {
            Kind::Locked => true,
            Kind::Set | Kind::Empty => false,
            Kind::No => wanted,
        };
        if locked { "locked" } else { "unlocked" }
    }
}

/// The day since 1970 from which on nobody can log in; `None`: never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expires(pub Option<i64>);

impl Expires {
    fn of_seconds(seconds: f64) -> Result<Self, String> {
        if seconds < 0.0 {
            return Ok(Self(None));
        }
        // Day 0 is taken for no day by some, and for one that has passed by others.
        if !(calendar::DAY as f64..4.0e11).contains(&seconds) {
            return Err("it is no time after 1970-01-01".into());
        }
        Ok(Self(Some(seconds as i64 / calendar::DAY)))
    }

    fn parse(text: &str) -> Result<Self, String> {
        if let Ok(seconds) = text.trim().parse::<f64>() {
            return Self::of_seconds(seconds);
        }
        let bad = || "it is neither a day as `2027-01-31` nor a number of seconds".to_string();
        let mut parts = text.split('-').map(|part| (part.len(), part.parse::<i64>().ok()));
        let (Some((4, Some(year))), Some((2, Some(month))), Some((2, Some(day))), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(bad());
        };
        let days = calendar::day(year, month, day).ok_or("there is no such day")?;
        Self::of_seconds(days as f64 * calendar::DAY as f64)
    }
}

/// How a day is shown.
pub fn day(expires: Option<i64>) -> String {
    expires.map_or_else(
        || "never".into(),
        |days| {
            let (year, month, day) = calendar::civil(days);
            format!("{year:04}-{month:02}-{day:02}")
        },
    )
}

impl<'de> Deserialize<'de> for Expires {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Times;
        impl de::Visitor<'_> for Times {
            type Value = Expires;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a day as `2027-01-31`, or seconds since 1970")
            }
            fn visit_i64<E: de::Error>(self, seconds: i64) -> Result<Expires, E> {
                Expires::of_seconds(seconds as f64).map_err(E::custom)
            }
            fn visit_u64<E: de::Error>(self, seconds: u64) -> Result<Expires, E> {
                Expires::of_seconds(seconds as f64).map_err(E::custom)
            }
            fn visit_f64<E: de::Error>(self, seconds: f64) -> Result<Expires, E> {
                Expires::of_seconds(seconds).map_err(E::custom)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Expires, E> {
                Expires::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Times)
    }
}

impl JsonSchema for Expires {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Expires".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({ "anyOf": [{ "type": "string" }, { "type": "number" }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_those_of_the_calendar() {
        let parse = |text: &str| Expires::parse(text).map(|expires| expires.0);
        assert_eq!(parse("2027-01-31"), Ok(Some(20_849)));
        assert_eq!(parse("2024-02-29"), Ok(Some(19_782)));
        assert_eq!(parse("1422403387.5"), Ok(Some(16_463)));
        assert_eq!(parse("-1"), Ok(None));
        for bad in ["2023-02-29", "2027-1-31", "2027-13-01", "0", "1970-01-01", "soon", "", "1e99", "NaN"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for days in [1, 59, 60, 365, 10_957, 11_016, 20_849, 40_000] {
            let text = day(Some(days));
            assert_eq!(parse(&text), Ok(Some(days)), "{text}");
        }
        assert_eq!((day(Some(16_463)), day(None)), ("2015-01-28".into(), "never".into()));
    }

    #[test]
    fn only_what_no_password_looks_like_is_a_hash() {
        let good = [
            "$6$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
            "$6$rounds=5000$saltsalt$qFmFH.bQmmtXzyBY0s9v7Oicd2z4XSIecDzlB5KiA2/jctKu9YterLp8wwnSq.qc.eoxqOmSuNp2xS0ktL3nh/",
            "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$tnSYvahCwPBHKZUspmcxMfb0.WiB9W.zEaKlOBL35rC",
            "$2b$12$QRkCCzVAEZhsb5Xp1Bmb6uzLyGkHkYgrR4sXv6eqYVzN3qLGmJ1ca",
            "$1$etNnh7FA$OlM7eljE/B7F1J4XYNnk81",
        ];
        for hash in good {
            assert!(is_hash(hash.as_bytes()), "{hash}");
        }
        for bad in [
            "",
            "hunter2",
            "$6$",
            "$6$salt$short",
            "$pass$word$",
            "$9$a$aaaaaaaaaaaaaaaaaaaaaaaa",
            "$6$a$aaaaaaaaaaaaaaaaaaaaaa:0",
        ] {
            assert!(!is_hash(bad.as_bytes()), "{bad}");
        }
        assert!(!is_hash(b"$6$salt$aaaaaaaaaaaaaaaaaaaaaaaa\nroot::0"));
    }

    #[test]
    fn what_is_predicted_is_what_the_agent_says() {
        let mut kinds = vec![];
        // These are what the agent's test has it say.
        for said in include_str!("../../../agent/src/observe/probe/shadow.txt").split("\n\n") {
            let (about, said) = said.trim_end().split_once('\n').unwrap();
            let said = format!("{said}\n");
            let shadow = Shadow::read(&output(0, &said)).unwrap();
            let expires = about.starts_with("ann").then_some(20_849);
            let is_about = |word| about.split(' ').any(|about| about == word);
            assert_eq!((shadow.same, shadow.expires), (is_about("asked"), expires), "{about}");
            let ages = PasswordAge::ALL.map(|age| is_about(age.word()));
            assert_eq!(shadow.ages.map(|days| days.is_some()), ages, "{about}");
            let predicted = shadow.answer(is_about("asked") || is_about("other"));
            assert_eq!(String::from_utf8_lossy(predicted.stdout.bytes()), said, "{about}");
            kinds.push(shadow.kind);
        }
        assert!(KINDS.iter().all(|(kind, _)| kinds.contains(kind)), "{kinds:?}");
        assert_eq!(Shadow::read(&output(1, "")), None);
    }
}
