//! What is asked for over HTTP.

use crate::{resource::Fault, yaml::Text};
use agent::secret::Content;
use base64::{Engine, engine::general_purpose::STANDARD};
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
        return Err(fault
            .hint("`url_username` and `url_password`, which may come from a vault, are sent as the login"));
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
fn check_headers(headers: &IndexMap<String, Text>) -> Result<(), Fault> {
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

/// The headers that are sent: those that are given, and the one of a login (basic authentication).
///
/// # Errors
/// A fault of headers that would be others, and of half a login or two.
pub fn headers(
    given: &IndexMap<String, Text>,
    user: Option<&Text>,
    password: Option<&Text>,
) -> Result<Vec<(String, Content)>, Fault> {
    check_headers(given)?;
    let mut all: Vec<_> = given.iter().map(|(name, value)| (name.clone(), value.0.clone())).collect();
    let Some(user) = user else {
        return match password {
            Some(_) => Err(Fault::new("`url_password` has no `url_username`").hint("a login needs both")),
            None => Ok(all),
        };
    };
    if given.keys().any(|given| given.eq_ignore_ascii_case("Authorization")) {
        let fault = Fault::new("`url_username` and the header `Authorization` are two logins");
        return Err(fault.hint("leave one of them out"));
    }
    if user.bytes().contains(&b':') {
        return Err(Fault::new("`url_username` holds a colon").hint("the password is `url_password`"));
    }
    let password = password.map(Text::bytes).unwrap_or_default();
    let login = STANDARD.encode([user.bytes(), b":", password].concat());
    all.push(("Authorization".into(), Content::new(format!("Basic {login}"), true)));
    Ok(all)
}
