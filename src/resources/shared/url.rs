//! What is asked for over HTTP.

use crate::{resource::Fault, yaml::Text};
use indexmap::IndexMap;

/// Refuses what is no URL of HTTP.
///
/// # Errors
/// A fault that says what is wrong with it.
pub fn check_url(url: &str) -> Result<(), Fault> {
    if !url.starts_with("http://") && !url.starts_with("https://") {
        let fault = Fault::new(format!("`{url}` is no URL"));
        return Err(fault.hint("begin it with `http://` or `https://`"));
    }
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        let fault = Fault::new("the URL holds a space or a line break");
        return Err(fault.hint("write `%20` for a space"));
    }
    Ok(())
}

/// Refuses a name or password in a URL, which is shown and logged. It is not repeated.
///
/// # Errors
/// A fault that says where it belongs.
pub fn check_no_login(url: &str) -> Result<(), Fault> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    if rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')) {
        let fault = Fault::new("the URL holds a login: it would be shown and logged");
        return Err(fault.hint("`headers: {Authorization: \"Basic {{b64_encode login}}\"}`, with `login` of a vault as `user:password`"));
    }
    Ok(())
}

/// Whether this is a word as HTTP has them: a method, the name of a header.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c))
}

/// Refuses headers that would be another header, or several.
///
/// # Errors
/// A fault that names it.
pub fn check_headers(headers: &IndexMap<String, Text>) -> Result<(), Fault> {
    // What is in a header ends it at a line break: the rest would be another header.
    for (name, value) in headers {
        if !is_token(name) {
            let fault = Fault::new(format!("`{}` is not the name of a header", name.escape_debug()));
            return Err(fault.hint("letters, digits and `-`"));
        }
        if value.bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)) {
            return Err(
                Fault::new(format!("the header `{name}` holds a line break")).hint("write it in one line")
            );
        }
    }
    Ok(())
}
