//! What doas printed when it refused, as an error that says what to do.

use super::error::{Kind, LinkError, cannot};

/// The error for what doas said; `None` when it said nothing.
pub(super) fn failed(host: &str, user: &str, said: &str) -> Option<LinkError> {
    let error = |message: String| LinkError::new(Kind::Become, host, message);
    let line = |part: &str| said.lines().map(str::trim).find(|line| line.contains(part));
    let config = |part: &str| line(part).filter(|line| line.contains("doas.conf"));
    let error = if line("'doas': No such file").or_else(|| line("doas: not found")).is_some() {
        error("there is no doas on the host".into()).hint(
            "install it (Debian: opendoas), use `become_method: sudo`, or log in as the user (become: false)",
        )
    } else if let Some(line) =
        line("doas: Authorization required").or_else(|| line("doas: Authentication required"))
    {
        error(format!("doas wants a password for becoming {user}"))
            .cause(line)
            .hint("it reads one from a terminal only: write `permit nopass LOGIN_USER` to the host's /etc/doas.conf, or use sudo")
    } else if let Some(line) = line("doas: Operation not permitted") {
        error(format!("the user may not become {user}"))
            .cause(line)
            .hint(format!("write `permit nopass LOGIN_USER as {user}` to the host's /etc/doas.conf; the last rule that fits counts"))
    } else if let Some(line) = line("doas is not enabled") {
        error("doas has no rules on the host".into())
            .cause(line)
            .hint("write `permit nopass LOGIN_USER` to its /etc/doas.conf, which is root's and has mode 0400")
    } else if let Some(line) = config("owned by root").or_else(|| config("writable by")) {
        error("doas does not trust its rules".into())
            .cause(line)
            .hint("chown root:root /etc/doas.conf && chmod 0400 /etc/doas.conf")
    } else {
        let line = line("doas: ")?;
        error(cannot("doas", user)).cause(line)
    };
    Some(error)
}
