//! Texts.

use super::{Args, Fault};
use crate::yaml::{Node, Value};
use base64::{Engine, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const WIDEST_INDENT: i64 = 200;
/// Bytes that a compiled regular expression may have.
const LARGEST_REGEX: usize = 1 << 20;

type Text = Result<Value, Fault>;

pub(super) fn lower(args: &Args) -> Text {
    Ok(Value::str(args.text(0)?.to_lowercase()))
}

pub(super) fn upper(args: &Args) -> Text {
    Ok(Value::str(args.text(0)?.to_uppercase()))
}

pub(super) fn trim(args: &Args) -> Text {
    Ok(Value::str(args.text(0)?.trim()))
}

pub(super) fn replace(args: &Args) -> Text {
    let (text, old, new) = (args.text(0)?, args.text(1)?, args.text(2)?);
    if old.is_empty() {
        return Err(args.wrong(1, "`old` is empty".into()));
    }
    let grown = text.len().saturating_add(text.matches(&old).count().saturating_mul(new.len()));
    limited(grown, || text.replace(&old, &new))
}

pub(super) fn regex_replace(args: &Args) -> Text {
    let (text, new) = (args.text(0)?, args.text(2)?);
    let regex = regex(args)?;
    // Each match may bring in all of the text again through `$0`.
    let matches = regex.find_iter(&text).count();
    let grown = text.len().saturating_add(matches.saturating_mul(new.len()));
    if new.contains('$') {
        let mut result = String::new();
        let mut end = 0;
        for captures in regex.captures_iter(&text) {
            let Some(hit) = captures.get(0) else { continue };
            result.push_str(&text[end..hit.start()]);
            captures.expand(&new, &mut result);
            end = hit.end();
            if result.len() > crate::template::SIZE {
                return limited(result.len(), String::new);
            }
        }
        result.push_str(&text[end..]);
        return Ok(Value::str(result));
    }
    limited(grown, || regex.replace_all(&text, regex::NoExpand(&new)).into_owned())
}

pub(super) fn regex_match(args: &Args) -> Text {
    Ok(Value::Bool(regex(args)?.is_match(&args.text(0)?)))
}

fn regex(args: &Args) -> Result<regex::Regex, Fault> {
    let pattern = args.text(1)?;
    regex::RegexBuilder::new(&pattern).size_limit(LARGEST_REGEX).build().map_err(|error| {
        let error = error.to_string();
        let reason = error.lines().last().unwrap_or_default().trim_start_matches("error: ");
        let reason = if args.values[1].secret { "…" } else { reason };
        args.wrong(1, format!("`pattern` is no valid regular expression: {reason}"))
    })
}

pub(super) fn split(args: &Args) -> Text {
    let (text, separator) = (args.text(0)?, args.text(1)?);
    if separator.is_empty() {
        return Err(args.wrong(1, "`separator` is empty".into()));
    }
    list(args, text.split(&separator))
}

pub(super) fn lines(args: &Args) -> Text {
    list(args, args.text(0)?.lines())
}

/// Texts as a list, unless there are too many.
fn list<'t>(args: &Args, parts: impl Iterator<Item = &'t str>) -> Text {
    let items: Vec<Node> =
        parts.take(super::MOST_ITEMS + 1).map(|part| args.node(Value::str(part))).collect();
    if items.len() > super::MOST_ITEMS {
        return Err(super::too_many());
    }
    Ok(Value::Seq(items))
}

pub(super) fn starts_with(args: &Args) -> Text {
    Ok(Value::Bool(args.text(0)?.starts_with(&args.text(1)?)))
}

pub(super) fn ends_with(args: &Args) -> Text {
    Ok(Value::Bool(args.text(0)?.ends_with(&args.text(1)?)))
}

pub(super) fn string(args: &Args) -> Text {
    Ok(Value::str(args.text(0)?))
}

pub(super) fn regex_find(args: &Args) -> Text {
    let text = args.text(0)?;
    let regex = regex(args)?;
    let found = regex.captures_iter(&text).filter_map(|captures| captures.get(1).or_else(|| captures.get(0)));
    list(args, found.map(|part| part.as_str()))
}

pub(super) fn basename(args: &Args) -> Text {
    let path = args.text(0)?;
    Ok(Value::str(path.rsplit_once('/').map_or(&*path, |(_, name)| name)))
}

pub(super) fn dirname(args: &Args) -> Text {
    let path = args.text(0)?;
    Ok(Value::str(match path.rsplit_once('/') {
        None => "",
        Some(("", _)) => "/",
        Some((folder, _)) => folder.trim_end_matches('/'),
    }))
}

pub(super) fn join(args: &Args) -> Text {
    let separator = args.optional_text(1, ",")?;
    let text = |item: &Node| {
        let text = crate::template::output::scalar_text(&item.value);
        text.ok_or_else(|| args.wrong(0, format!("an item of `list` is {}, not a string", item.value.kind())))
    };
    let parts = args.list(0)?.iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let size = parts.iter().map(|p| p.len().saturating_add(separator.len())).fold(0, usize::saturating_add);
    limited(size, || parts.join(&separator))
}

pub(super) fn indent(args: &Args) -> Text {
    let text = args.text(0)?;
    let count = args.integer(1)?;
    if !(0..=WIDEST_INDENT).contains(&count) {
        return Err(args.wrong(1, format!("`count` must be between 0 and {WIDEST_INDENT}")));
    }
    let spaces = " ".repeat(usize::try_from(count).unwrap_or(0));
    let size = text.len() + text.matches('\n').count() * spaces.len();
    limited(size, || {
        let mut result = String::with_capacity(size);
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if index > 0 && !line.trim().is_empty() {
                result.push_str(&spaces);
            }
            result.push_str(line);
        }
        result
    })
}

/// As a shell reads it back: plain when nothing in it is special.
pub(super) fn quote(args: &Args) -> Text {
    let text = args.text(0)?;
    if text.contains('\0') {
        return Err(args.wrong(0, "a shell word cannot hold a NUL".into()));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || "@%+=:,./-_".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return Ok(Value::str(text));
    }
    Ok(Value::str(format!("'{}'", text.replace('\'', r"'\''"))))
}

/// In single quotes, compose takes everything as it is but `\'`. A backslash that comes to stand before a quote would be
/// read as part of it, and there is no way to write it.
pub(super) fn env_quote(args: &Args) -> Text {
    let text = args.text(0)?;
    if text.contains(['\n', '\r', '\0']) {
        return Err(args.wrong(0, "a value in an env file cannot hold a line break or NUL".into()));
    }
    let runs = text.split('\'').map(|part| part.len() - part.trim_end_matches('\\').len());
    if runs.into_iter().any(|backslashes| backslashes % 2 == 1) {
        let fault =
            args.wrong(0, "a backslash before a quote or at the end cannot be written in an env file".into());
        return Err(fault.hint("choose another value, or one encoded with `b64_encode`"));
    }
    Ok(Value::str(format!("'{}'", text.replace('\'', r"\'"))))
}

pub(super) fn url_encode(args: &Args) -> Text {
    Ok(Value::str(utf8_percent_encode(&args.text(0)?, RESERVED).to_string()))
}

pub(super) fn b64_encode(args: &Args) -> Text {
    Ok(Value::str(STANDARD.encode(bytes(args)?)))
}

pub(super) fn b64_decode(args: &Args) -> Text {
    let text: String = args.text(0)?.split_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|_| args.wrong(0, "`text` is not valid base64".into()))?;
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Value::str(text)),
        Err(error) => Ok(Value::Bytes(error.into_bytes().into())),
    }
}

pub(super) fn sha256(args: &Args) -> Text {
    Ok(Value::str(digest(&bytes(args)?)))
}

pub(super) fn content_hash(args: &Args) -> Text {
    Ok(Value::str(&digest(&bytes(args)?)[..12]))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(args: &Args) -> Result<Vec<u8>, Fault> {
    match &args.values[0].value {
        Value::Bytes(bytes) => Ok(bytes.to_vec()),
        _ => args.text(0).map(String::into_bytes),
    }
}

/// Builds a text unless it would be too large.
fn limited(size: usize, build: impl FnOnce() -> String) -> Text {
    if size > crate::template::SIZE {
        return Err(Fault::new(format!("the result is larger than {} MiB", crate::template::SIZE >> 20)));
    }
    Ok(Value::str(build()))
}
