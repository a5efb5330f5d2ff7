//! More of texts: patterns, paths, checksums.

use super::{Args, Fault};
use crate::yaml::Value;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

pub(super) fn capitalize(args: &Args) -> Result<Value, Fault> {
    let text = args.text(0)?;
    let mut letters = text.chars();
    let first: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    Ok(Value::str(first + &letters.as_str().to_lowercase()))
}

pub(super) fn regex_escape(args: &Args) -> Result<Value, Fault> {
    Ok(Value::str(regex::escape(&args.text(0)?)))
}

pub(super) fn path_join(args: &Args) -> Result<Value, Fault> {
    let mut path = String::new();
    for index in 0..args.values.len() {
        let part = args.text(index)?;
        if part.starts_with('/') {
            path.clear();
        } else if !path.is_empty() && !path.ends_with('/') {
            path.push('/');
        }
        path.push_str(&part);
    }
    Ok(Value::str(path))
}

pub(super) fn url_decode(args: &Args) -> Result<Value, Fault> {
    let text = args.text(0)?;
    let decoded = percent_decode_str(&text).decode_utf8();
    decoded.map(Value::str).map_err(|_| args.wrong(0, "`text` does not stand for UTF-8".into()))
}

pub(super) fn hash(args: &Args) -> Result<Value, Fault> {
    let bytes = match &args.values[0].value {
        Value::Bytes(bytes) => bytes.to_vec(),
        _ => args.text(0)?.into_bytes(),
    };
    let digest = match args.optional_text(1, "sha256")?.as_str() {
        "sha224" => hex(&Sha224::digest(bytes)),
        "sha256" => hex(&Sha256::digest(bytes)),
        "sha384" => hex(&Sha384::digest(bytes)),
        "sha512" => hex(&Sha512::digest(bytes)),
        _ => return Err(args.wrong(1, "`algorithm` must be `sha224`, `sha256`, `sha384` or `sha512`".into())),
    };
    Ok(Value::str(digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
