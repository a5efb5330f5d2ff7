//! The body of a request, as its format wants it.

use super::multipart::Multipart;
use crate::{
    resource::Fault,
    yaml::{Node, Tree, Value},
};
use agent::secret::Content;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(inline)]
pub enum Format {
    /// The text as it is.
    #[default]
    Raw,
    /// JSON of what `body` holds.
    Json,
    /// The fields of a form, of a mapping or of a list of pairs.
    FormUrlencoded,
    /// The parts of a form, of a mapping: each a text, or what a file would be, with `content`, `filename` (of a path, the last part) and
    /// `mime_type` (`application/octet-stream` where there is a `filename` alone).
    FormMultipart,
}

/// What a form leaves as it is; a space becomes `+`.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

impl Format {
    /// The body in this format, and the type that is sent with it, unless the headers say another one. It is secret where a part of it is. A
    /// text is taken as written in it already.
    ///
    /// # Errors
    /// What the format cannot hold.
    pub fn write(self, Tree(body): &Tree) -> Result<(Content, Option<String>), Fault> {
        let secret = body.holds_secret();
        let written = match (self, &body.value) {
            (Self::Json, Value::Str(text)) => {
                if serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
                    let fault = Fault::new("`body` is a text that is no JSON");
                    return Err(fault.hint("a value in its place is written as JSON: `body: {name: value}`"));
                }
                text.as_bytes().to_vec()
            }
            (Self::Raw | Self::FormUrlencoded, Value::Str(text)) => text.as_bytes().to_vec(),
            (Self::Raw, Value::Bytes(bytes)) => bytes.to_vec(),
            (Self::Raw, Value::Seq(_) | Value::Map(_)) => {
                let fault = Fault::new(format!("`body` is {}, and no text", body.value.kind()));
                return Err(fault.hint("`body_format: json` sends it as JSON, `form-urlencoded` as a form"));
            }
            (Self::Raw, _) => scalar(body)?.into_bytes(),
            (Self::Json, _) => body.to_json().to_string().into_bytes(),
            (Self::FormUrlencoded, _) => form(body)?.into_bytes(),
            (Self::FormMultipart, _) => {
                let form = Multipart::read(body)?;
                return Ok((Content::new(form.write(), secret), Some(form.content_type())));
            }
        };
        let kind = match self {
            Self::Json => Some("application/json"),
            Self::FormUrlencoded => Some("application/x-www-form-urlencoded"),
            Self::Raw | Self::FormMultipart => None,
        };
        Ok((Content::new(written, secret), kind.map(Into::into)))
    }
}

pub(super) fn scalar(node: &Node) -> Result<String, Fault> {
    match &node.value {
        Value::Str(text) => Ok(text.to_string()),
        Value::Int(number) => Ok(number.to_string()),
        // As in JSON: `1.0` is not `1`.
        Value::Float(_) => Ok(node.to_json().to_string()),
        Value::Bool(truth) => Ok(truth.to_string()),
        other => {
            let fault = Fault::new(format!("`body` holds {} where a text must stand", other.kind()));
            Err(fault.hint("of a form each field is a text, or a list of texts"))
        }
    }
}

fn form(body: &Node) -> Result<String, Fault> {
    let coded = |text: &str| utf8_percent_encode(text, FORM).to_string().replace("%20", "+");
    let mut fields: Vec<(String, &Node)> = vec![];
    match &body.value {
        Value::Map(map) => fields.extend(map.iter().map(|(name, entry)| (name.clone(), &entry.node))),
        Value::Seq(pairs) => {
            for pair in pairs {
                let Some([name, value]) = pair.as_seq() else {
                    let fault = Fault::new("`body` is a list, but not of pairs");
                    return Err(fault.hint("a mapping: `body: {name: value}`; or pairs: `[[name, value]]`"));
                };
                fields.push((scalar(name)?, value));
            }
        }
        _ => return scalar(body),
    }
    let mut written = vec![];
    for (name, value) in fields {
        let values = value.as_seq().unwrap_or(std::slice::from_ref(value));
        for value in values {
            written.push(format!("{}={}", coded(&name), coded(&scalar(value)?)));
        }
    }
    Ok(written.join("&"))
}
