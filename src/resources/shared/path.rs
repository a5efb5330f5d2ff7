//! Paths on a host.

use crate::model::{Address, Area};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, de};
use std::{fmt, ops::Deref};

/// An absolute path on the host: no `..`, no doubled or trailing slash, no line break.
#[derive(Clone, Debug, PartialEq, Eq, Hash, JsonSchema, Serialize)]
#[schemars(inline)]
pub struct HostPath(String);

impl HostPath {
    /// Reads a path as a person writes it.
    ///
    /// # Errors
    /// What is wrong with it, and what to write instead.
    pub fn new(text: &str) -> Result<Self, String> {
        if !text.starts_with('/') {
            let hint = match ["http://", "https://", "ftp://"].iter().any(|start| text.starts_with(start)) {
                true => "what comes by a URL is fetched by a task of `get_url` before this one",
                false => "begin it with `/`; `~` and variables of the shell are not expanded",
            };
            let shown = text.escape_debug();
            return Err(format!("expected an absolute path, found `{shown}`\nhint: {hint}"));
        }
        if text.contains(['\n', '\r', '\0']) {
            let shown = text.escape_debug();
            return Err(format!(
                "a path cannot hold a line break or a NUL byte: `{shown}`\nhint: write it in one line; a YAML block ends with a line break unless it begins with `|-` or `>-`"
            ));
        }
        let names: Vec<_> = text.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        if names.contains(&"..") {
            return Err(format!(
                "`..` is not allowed in the path `{text}`\nhint: write the path that is meant"
            ));
        }
        Ok(Self(format!("/{}", names.join("/"))))
    }

    /// The folder that holds it; `None` of `/`.
    pub fn parent(&self) -> Option<&str> {
        let (parent, name) = self.0.rsplit_once('/')?;
        (!name.is_empty()).then_some(if parent.is_empty() { "/" } else { parent })
    }

    pub fn area(&self) -> Area {
        Area::Path(self.0.clone())
    }

    pub fn address(&self) -> Address {
        Address(format!("path:{}", self.0))
    }
}

impl Deref for HostPath {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path of a file: a slash at its end would name a folder.
///
/// # Errors
/// That it does, and what to write instead.
pub fn file_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HostPath, D::Error> {
    let text = String::deserialize(deserializer)?;
    let path = HostPath::new(&text).map_err(de::Error::custom)?;
    if text.ends_with('/') {
        let folder = if &*path == "/" { "" } else { &*path };
        return Err(de::Error::custom(format!(
            "`{}` names a directory, not the file\nhint: write the file's name too: `{folder}/NAME`",
            text.escape_debug()
        )));
    }
    Ok(path)
}

impl<'de> Deserialize<'de> for HostPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::new(&text).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::HostPath;

    #[test]
    fn paths_are_made_plain_or_refused() {
        let path = |text: &str| HostPath::new(text).map(|p| p.to_string());
        assert_eq!(path("/a//b/./c/").as_deref(), Ok("/a/b/c"));
        assert_eq!(path("/").as_deref(), Ok("/"));
        assert_eq!(path("/a b/'c'").as_deref(), Ok("/a b/'c'"));
        for bad in ["", "a/b", "~/x", "/a/../b", "/a\nb", "/a\0b"] {
            assert!(path(bad).is_err(), "{bad:?}");
        }
        assert_eq!(HostPath::new("/a/b").unwrap().parent(), Some("/a"));
        assert_eq!(HostPath::new("/a").unwrap().parent(), Some("/"));
        assert_eq!(HostPath::new("/").unwrap().parent(), None);
    }
}
