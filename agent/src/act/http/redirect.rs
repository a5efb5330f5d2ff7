//! Where a redirect leads, and what is taken along.

use crate::secret::Content;
use crate::wire::{Follow, Http};

/// Headers that are a login, or stand for one.
const LOGIN: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];

/// The request that a redirect asks for; nothing where none is asked for, or followed.
///
/// # Errors
/// Why it is not made, though redirects are followed.
pub fn next(request: &Http, status: u16, leads_to: &str) -> Result<Option<Http>, String> {
    let only_looks = matches!(request.method.as_str(), "GET" | "HEAD");
    let follows = request.follow == Follow::All || request.follow == Follow::Safe && only_looks;
    if !follows || leads_to.is_empty() || !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let (from, to) = (Place::of(&request.url), Place::of(leads_to));
    match to.scheme {
        "https" => {}
        "http" if from.scheme == "http" => {}
        "http" => return Err("it is led from HTTPS to HTTP, which is not followed".into()),
        _ => return Err("it is led to what is no address of HTTP".into()),
    }
    let mut next = Http { url: leads_to.into(), ..request.clone() };
    let as_get = match status {
        301 => request.method == "POST",
        302 | 303 => request.method != "HEAD",
        _ => false,
    };
    if as_get && request.method != "GET" {
        next.method = "GET".into();
        next.body = None;
        next.headers.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("content-"));
    }
    if !from.is_same_host(&to) {
        // That is the other address of the host before.
        next.connect_to = None;
        let is_login = |name: &str| LOGIN.iter().any(|login| name.eq_ignore_ascii_case(login));
        next.headers.retain(|(name, value)| !value.is_secret() && !is_login(name));
        if next.body.as_ref().is_some_and(Content::is_secret) {
            return Err("it is led to another host, which does not get the secret in its body".into());
        }
    }
    Ok(Some(next))
}

/// What a URL is of.
struct Place<'a> {
    scheme: &'a str,
    host: String,
    port: &'a str,
}

impl<'a> Place<'a> {
    fn of(url: &'a str) -> Self {
        let (scheme, rest) = url.split_once("://").unwrap_or_default();
        let scheme = match () {
            () if scheme.eq_ignore_ascii_case("https") => "https",
            () if scheme.eq_ignore_ascii_case("http") => "http",
            () => "",
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let authority = authority.rsplit('@').next().unwrap_or_default();
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
            _ => (authority, ""),
        };
        let usual = if scheme == "https" { "443" } else { "80" };
        Self { scheme, host: host.to_ascii_lowercase(), port: if port.is_empty() { usual } else { port } }
    }

    /// Of one host another port may be another's; but not where it only goes on with TLS.
    fn is_same_host(&self, other: &Self) -> bool {
        let goes_on = (self.port, other.port, other.scheme) == ("80", "443", "https");
        self.host == other.host && (self.port == other.port || goes_on)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, url: &str, follow: Follow) -> Http {
        Http {
            url: url.into(),
            method: method.into(),
            connect_to: Some("10.0.0.1".into()),
            headers: vec![
                ("Authorization".into(), "Basic x".into()),
                ("X-Key".into(), Content::new("hunter2", true)),
                ("Content-Type".into(), "application/json".into()),
                ("Accept".into(), "*/*".into()),
            ],
            body: Some("{}".into()),
            status: vec![],
            contains: None,
            content: false,
            follow,
            repeat: true,
            ca: None,
            insecure: false,
            timeout_s: 5,
        }
    }

    fn names(request: &Http) -> Vec<&str> {
        request.headers.iter().map(|(name, _)| name.as_str()).collect()
    }

    #[test]
    fn redirects_are_followed_as_far_as_is_asked_for() {
        let led = |method: &str, follow, status| {
            let next = next(&request(method, "http://a/", follow), status, "http://a/b").unwrap();
            next.map(|next| (next.method, next.body.is_some()))
        };
        assert_eq!(led("GET", Follow::None, 302), None);
        assert_eq!(led("GET", Follow::Safe, 302), Some(("GET".into(), true)));
        assert_eq!(led("HEAD", Follow::Safe, 303), Some(("HEAD".into(), true)));
        assert_eq!(led("POST", Follow::Safe, 302), None);
        assert_eq!(led("GET", Follow::All, 304), None);
        for (method, status, then) in [
            ("POST", 301, ("GET", false)),
            ("PUT", 301, ("PUT", true)),
            ("PUT", 302, ("GET", false)),
            ("DELETE", 303, ("GET", false)),
            ("POST", 307, ("POST", true)),
            ("POST", 308, ("POST", true)),
        ] {
            assert_eq!(led(method, Follow::All, status), Some((then.0.into(), then.1)), "{method} {status}");
        }
    }

    #[test]
    fn to_another_host_nothing_secret_is_taken_along() {
        let led = |from: &str, to: &str| next(&request("GET", from, Follow::All), 307, to);
        for (from, to) in [
            ("http://a/", "http://a:80/x"),
            ("http://a/", "https://A/x"),
            ("https://a:8443/", "https://a:8443/?y"),
            ("http://[::1]/", "http://[::1]/x"),
        ] {
            let next = led(from, to).unwrap().unwrap();
            assert_eq!(names(&next).len(), 4, "{from} {to}");
            assert!(next.connect_to.is_some());
        }
        for (from, to) in [
            ("http://a/", "http://b/"),
            ("http://a/", "http://a:8080/"),
            ("https://a/", "https://a.b/"),
            ("https://a/", "https://a@b/"),
            ("http://[::1]/", "http://[::2]/"),
        ] {
            let next = led(from, to).unwrap().unwrap();
            assert_eq!(names(&next), ["Content-Type", "Accept"], "{from} {to}");
            assert!(next.connect_to.is_none());
        }
        let secret =
            Http { body: Some(Content::new("x", true)), ..request("POST", "http://a/", Follow::All) };
        assert!(next(&secret, 307, "http://b/").unwrap_err().contains("does not get the secret"));
        assert!(next(&secret, 303, "http://b/").unwrap().is_some());
        for (from, to) in [("https://a/", "http://a/"), ("http://a/", "ftp://a/"), ("http://a/", "file:///x")]
        {
            assert!(led(from, to).is_err(), "{to}");
        }
    }
}
