//! A form of several parts, as RFC 7578 has it.

use super::body::scalar;
use crate::{
    resource::Fault,
    yaml::{Node, Value},
};

pub struct Multipart {
    /// The lines about each part, and what it holds.
    parts: Vec<(String, Vec<u8>)>,
    boundary: String,
}

/// What a part that is a mapping may have.
const OF_A_PART: [&str; 3] = ["content", "filename", "mime_type"];

impl Multipart {
    /// # Errors
    /// What is no form of parts.
    pub fn read(body: &Node) -> Result<Self, Fault> {
        let Some(map) = body.as_map() else {
            let fault = Fault::new(format!("`body` is {}, and no mapping", body.value.kind()));
            return Err(
                fault.hint("`body: {name: text, other: {filename: a.txt, content: \"{{file 'a.txt'}}\"}}`")
            );
        };
        let parts = map.iter().map(|(name, entry)| part(name, &entry.node)).collect::<Result<Vec<_>, _>>()?;
        let holds = |boundary: &str| {
            let is_in =
                |bytes: &[u8]| bytes.windows(boundary.len()).any(|window| window == boundary.as_bytes());
            parts.iter().any(|(about, bytes)| is_in(about.as_bytes()) || is_in(bytes))
        };
        // The same each time. Made of what it parts, it would tell of a secret.
        let boundary =
            (0..).map(|number| format!("provision-part-{number}")).find(|boundary| !holds(boundary));
        Ok(Self { parts, boundary: boundary.unwrap_or_default() })
    }

    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    pub fn write(&self) -> Vec<u8> {
        let mut written = vec![];
        for (about, bytes) in &self.parts {
            written.extend(format!("--{}\r\n{about}\r\n", self.boundary).into_bytes());
            written.extend([bytes, &b"\r\n"[..]].concat());
        }
        written.extend(format!("--{}--\r\n", self.boundary).into_bytes());
        written
    }
}

fn part(name: &str, node: &Node) -> Result<(String, Vec<u8>), Fault> {
    let mut about = format!("Content-Disposition: form-data; name=\"{}\"", quoted(name));
    let Some(map) = node.as_map() else { return Ok((about + "\r\n", bytes(name, node)?)) };
    if let Some(other) = map.keys().find(|key| !OF_A_PART.contains(&key.as_str())) {
        let fault = Fault::new(format!("the part `{name}` of `body` has no `{other}`"));
        return Err(fault.hint("a part has `content`, `filename` and `mime_type`, and is sent as it is"));
    }
    let text = |key: &str| node.get(key).map(|node| field(name, node)).transpose();
    let Some(content) = node.get("content") else {
        let fault = Fault::new(format!("the part `{name}` of `body` has no `content`"));
        return Err(fault.hint("`content: \"{{file 'a.txt'}}\"` is that of a file of the project"));
    };
    let (file, kind) = (text("filename")?, text("mime_type")?);
    if let Some(file) = &file {
        // Of a path, the name alone: where the file comes from is nothing to whoever receives it.
        let file = file.rsplit('/').next().unwrap_or_default();
        if file.is_empty() {
            let fault = Fault::new(format!("the part `{name}` of `body` has a `filename` without a name"));
            return Err(
                fault.hint("what the file is called, such as `a.txt`; without `filename` it is a text")
            );
        }
        about += &format!("; filename=\"{}\"", quoted(file));
    }
    let of_a_file = file.map(|_| "application/octet-stream".to_string());
    if let Some(kind) = kind.or(of_a_file) {
        if !kind.contains('/') || kind.chars().any(char::is_control) {
            let fault = Fault::new(format!("the part `{name}` of `body` has a `mime_type` that is none"));
            return Err(fault.hint("a type such as `text/plain` or `application/json`"));
        }
        about += &format!("\r\nContent-Type: {kind}");
    }
    Ok((about + "\r\n", bytes(name, content)?))
}

fn field(name: &str, node: &Node) -> Result<String, Fault> {
    scalar(node).map_err(|_| {
        let kind = node.value.kind();
        let fault = Fault::new(format!("the part `{name}` of `body` holds {kind} where a text must stand"));
        fault.hint("a part is a text, or a mapping with `content`, `filename` and `mime_type`")
    })
}

fn bytes(name: &str, node: &Node) -> Result<Vec<u8>, Fault> {
    let bytes = match &node.value {
        Value::Bytes(bytes) => bytes.to_vec(),
        _ => field(name, node)?.into_bytes(),
    };
    if bytes.contains(&0) {
        let fault = Fault::new(format!("the part `{name}` of `body` holds a zero byte"));
        return Err(fault.hint("a task of `command` that runs `curl --form` sends a file of the host"));
    }
    Ok(bytes)
}

/// As browsers write a name.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}
