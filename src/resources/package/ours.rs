//! What the connection itself stands on is not removed.

use super::{spec::Spec, state::Packages};
use crate::{
    resource::{Fault, Observe, Seen},
    resources::shared::armed,
};

/// By which one logs in.
const SSH: [&str; 3] = ["openssh-server", "dropbear", "dropbear-bin"];
/// By which one becomes root.
const ROOT: [&str; 4] = ["sudo", "sudo-ldap", "doas", "opendoas"];

/// Refuses to remove the server that we are connected by, or what made us root.
///
/// # Errors
/// A fault that names it, or a question.
pub fn check(spec: &Spec, packages: &Packages, seen: &Seen) -> Observe<()> {
    let named = packages.items.iter().filter(|item| spec.removes() && item.installed.is_some());
    let along = packages.along.iter().filter(|along| along.to.is_none());
    let gone: Vec<&str> =
        named.map(|item| item.name.as_str()).chain(along.map(|along| along.name.as_str())).collect();
    let one = |of: &[&'static str]| of.iter().copied().find(|name| gone.contains(name));
    let refused = |name: &str, why: &str, hint: &str| {
        let fault = Fault::new(format!("`{name}` would be removed: {why}"));
        Err(fault.hint(hint.to_string()).into())
    };
    if let Some(name) = one(&SSH)
        && armed::by_ssh(seen)?
    {
        let hint = "name what is to go more closely, or do it from the host itself with `connection: local`";
        return refused(name, "we are connected by it", hint);
    }
    if let Some(name) = one(&ROOT) {
        let login = armed::login(seen)?;
        if login != "root" {
            let why = format!("`{login}`, as whom we log in, becomes root by it");
            return refused(name, &why, "log in as root first, or leave it there");
        }
    }
    Ok(())
}
