//! A command line into words, by the shell's rules for quotes and nothing else of a shell.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, de};
use std::ops::Deref;

/// A command line as words: `'…'` is literal, in `"…"` a backslash protects `"` and `\`, outside it protects anything.
#[derive(Clone, Debug, PartialEq, Eq, JsonSchema)]
#[schemars(inline, with = "String")]
pub struct Words(Vec<String>);

impl Words {
    /// Splits at blanks outside of quotes.
    ///
    /// # Errors
    /// A quote that is not closed, a backslash at the end, nothing at all.
    pub fn split(line: &str) -> Result<Self, String> {
        let (mut words, mut word) = (vec![], None::<String>);
        let mut letters = line.chars();
        while let Some(letter) = letters.next() {
            match letter {
                ' ' | '\t' | '\n' | '\r' => words.extend(word.take()),
                '\'' | '"' => {
                    let word = word.get_or_insert_default();
                    loop {
                        let unclosed = || {
                            format!(
                                "the quote {letter} is not closed\nhint: close it, or put a backslash before it"
                            )
                        };
                        match letters.next().ok_or_else(unclosed)? {
                            inner if inner == letter => break,
                            '\\' if letter == '"' => match letters.next().ok_or_else(unclosed)? {
                                escaped @ ('"' | '\\' | '$' | '`') => word.push(escaped),
                                other => word.extend(['\\', other]),
                            },
                            inner => word.push(inner),
                        }
                    }
                }
                '\\' => match letters
                    .next()
                    .ok_or("a backslash at the end protects nothing\nhint: remove it, or write two")?
                {
                    // A line that goes on.
                    '\n' => {}
                    escaped => word.get_or_insert_default().push(escaped),
                },
                '\0' => return Err("a command cannot hold a NUL byte".into()),
                other => word.get_or_insert_default().push(other),
            }
        }
        words.extend(word);
        if words.first().is_none_or(String::is_empty) {
            return Err("expected a command, found nothing\nhint: write the command behind it, e.g. `command: uptime`".into());
        }
        Ok(Self(words))
    }
}

impl Deref for Words {
    type Target = [String];
    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        Self::split(&line).map_err(de::Error::custom)
    }
}

/// A word as one would type it in a shell.
fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Words as one would type them in a shell.
pub fn join(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mistakes_in_quoting_are_named() {
        for (line, message) in [
            ("echo 'a", "the quote ' is not closed"),
            ("echo \"a\\\"", "the quote \" is not closed"),
            ("echo a\\", "a backslash at the end"),
            ("  ", "found nothing"),
            ("''", "found nothing"),
        ] {
            assert!(Words::split(line).unwrap_err().contains(message), "{line}");
        }
        let words = Words::split("a 'b c'd \"e \\\"f\\x\" '' g\\ h \\\n i").unwrap();
        assert_eq!(words.to_vec(), ["a", "b cd", "e \"f\\x", "", "g h", "i"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn joined_words_split_into_themselves(first in "[^\0]{1,8}", rest in prop::collection::vec("[^\0]{0,8}", 0..4)) {
            let words: Vec<String> = std::iter::once(first).chain(rest).collect();
            prop_assert_eq!(Words::split(&join(&words)).unwrap().to_vec(), words);
        }

        #[test]
        fn a_real_shell_reads_joined_words_alike(words in prop::collection::vec("[^\0]{0,8}", 1..4)) {
            let script = format!("printf '%s\\0' {}", join(&words));
            let out = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
            let expected: String = words.iter().map(|w| format!("{w}\0")).collect();
            prop_assert_eq!(String::from_utf8(out.stdout).unwrap(), expected);
        }
    }
}
