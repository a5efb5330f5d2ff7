//! The words of a Jinja2 expression.
//!
//! Source: the Jinja2 documentation, "Template Designer Documentation", and the behaviour of its lexer.

use super::Left;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    Name(String),
    Text(String),
    Integer(i64),
    /// As written.
    Float(String),
    Sign(&'static str),
    End,
}

/// What a backslash in a string means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escapes {
    /// What it means in Python: in templates, statements and conditions.
    Python,
    /// Itself: in the `{{ }}` of YAML values, as Ansible has it.
    None,
}

/// Longer ones first.
const SIGNS: [&str; 26] = [
    "**", "//", "==", "!=", "<=", ">=", "<", ">", "=", "+", "-", "*", "/", "%", "~", "|", ".", ",", ":", "(",
    ")", "[", "]", "{", "}", ";",
];

/// The words with their byte offsets; the last one is [`Token::End`].
///
/// # Errors
/// A string without its end, a number that is too large, a character that no expression has.
pub(crate) fn tokens(text: &str, escapes: Escapes) -> Result<Vec<(Token, usize)>, Left> {
    let mut found = vec![];
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let start = at;
        if c.is_whitespace() {
            at += c.len_utf8();
            continue;
        }
        let token = match c {
            '\'' | '"' => {
                let (string, end) = string(text, at, c, escapes)?;
                at = end;
                Token::Text(string)
            }
            '0'..='9' => {
                let (number, end) = number(text, at)?;
                at = end;
                number
            }
            c if c.is_alphabetic() || c == '_' => {
                let end = text[at..].find(|c: char| !c.is_alphanumeric() && c != '_');
                at = end.map_or(text.len(), |end| at + end);
                Token::Name(text[start..at].to_owned())
            }
            _ => {
                let sign = SIGNS.iter().find(|sign| text[at..].starts_with(**sign));
                let sign =
                    sign.ok_or_else(|| Left::new(at, format!("`{c}` is not part of any expression")))?;
                at += sign.len();
                Token::Sign(sign)
            }
        };
        found.push((token, start));
    }
    found.push((Token::End, text.len()));
    Ok(found)
}

/// A string's value and where it ends, its escapes as Python has them.
fn string(text: &str, start: usize, quote: char, escapes: Escapes) -> Result<(String, usize), Left> {
    let mut value = String::new();
    let mut letters = text[start + 1..].char_indices();
    while let Some((at, c)) = letters.next() {
        let at = start + 1 + at;
        match c {
            c if c == quote => return Ok((value, at + 1)),
            '\\' if escapes == Escapes::None => {
                value.push(c);
                value.extend(letters.next().map(|(_, next)| next));
            }
            '\\' => {
                let (_, next) = letters.next().ok_or_else(|| Left::new(at, "a string has no end"))?;
                match next {
                    'n' => value.push('\n'),
                    't' => value.push('\t'),
                    'r' => value.push('\r'),
                    '\\' | '\'' | '"' => value.push(next),
                    '\n' => {}
                    'x' | 'u' | 'U' | 'N' | '0'..='7' => {
                        return Err(Left::new(at, format!("the escape `\\{next}` is not known here"))
                            .hint("write the character itself"));
                    }
                    // An unknown escape keeps its backslash: `\d`.
                    other => value.extend(['\\', other]),
                }
            }
            c => value.push(c),
        }
    }
    Err(Left::new(start, "a string has no end"))
}

fn number(text: &str, start: usize) -> Result<(Token, usize), Left> {
    let digits = |from: usize| {
        let rest = &text[from..];
        from + rest.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(rest.len())
    };
    let mut end = digits(start);
    let has_fraction =
        text[end..].starts_with('.') && text[end + 1..].starts_with(|c: char| c.is_ascii_digit());
    if has_fraction {
        end = digits(end + 1);
    }
    let exponent = text[end..].strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['+', '-']));
    let has_exponent = exponent.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    if has_exponent {
        let signed = text[end + 1..].starts_with(['+', '-']);
        end = digits(end + 1 + usize::from(signed));
    }
    let written = text[start..end].replace('_', "");
    if text[end..].starts_with(|c: char| c.is_alphanumeric()) {
        return Err(Left::new(start, "a number of this form is not known here"));
    }
    if has_fraction || has_exponent {
        return Ok((Token::Float(written), end));
    }
    let number = written.parse().map_err(|_| Left::new(start, "the number is too large"))?;
    Ok((Token::Integer(number), end))
}
