//! What sudo printed when it refused, as an error that says what to do.

use super::error::{Kind, LinkError, cannot};

fn error(host: &str, message: impl Into<String>) -> LinkError {
    LinkError::new(Kind::Become, host, message)
}

pub(super) fn wrong_password(host: &str, user: &str) -> LinkError {
    error(host, format!("sudo refuses the password for becoming {user}"))
        .hint("it is the login user's own: from `ansible_become_password`, or typed at --ask-become-pass")
}

/// The error for what sudo said; `None` when it said nothing.
pub(super) fn failed(host: &str, user: &str, said: &str) -> Option<LinkError> {
    let line = |part: &str| said.lines().map(str::trim).find(|line| line.contains(part));
    let error = if said.contains("'sudo': No such file") || said.contains("sudo: not found") {
        error(host, "there is no sudo on the host").hint("install it, or log in as the user (become: false)")
    } else if let Some(line) = line("a password is required") {
        error(host, format!("sudo wants a password for becoming {user}"))
            .cause(line)
            .hint("give a become password, or allow the user NOPASSWD in /etc/sudoers.d")
    } else if let Some(line) = line("is not in the sudoers file").or_else(|| line("is not allowed to")) {
        // The rest of the line is the command, which is the whole script.
        let line = line.split(" to execute ").next().unwrap_or(line);
        error(host, format!("the user may not become {user}"))
            .cause(line)
            .hint("add the user to the sudo group, or a rule to /etc/sudoers.d")
    } else if line("incorrect password attempt").is_some() {
        wrong_password(host, user)
    } else if let Some(line) = line("must have a tty") {
        error(host, "sudo wants a terminal").cause(line).hint("remove `requiretty` from the host's sudoers")
    } else {
        let line = line("sudo: ")?;
        error(host, cannot("sudo", user)).cause(line)
    };
    Some(error)
}
