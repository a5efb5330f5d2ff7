//! Changes of a file that may cut the controller off: armed with a revert that only a fresh connection ends.

use super::FileState;
use crate::resource::{Observe, Seen};
use agent::{
    secret::Content,
    wire::{Attrs, Kind, Meta, Op, Probe},
};

/// The name of the revert of a file: a change finds by it what an earlier one has left pending.
pub fn token(kind: &str, name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.len() <= 60 && name.chars().all(plain) {
        return format!("{kind}-{name}");
    }
    let digits: String = Content::from(name).digest()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}-{digits}")
}

/// As whom the connection logs in, also where it has become another one.
///
/// # Errors
/// The question.
pub fn login(seen: &Seen) -> Observe<String> {
    Ok(String::from_utf8_lossy(seen.run(Probe::LoginUser)?.stdout.bytes()).trim().to_string())
}

/// Whether the connection came by ssh, so that without it no other one comes.
///
/// # Errors
/// The question.
pub fn by_ssh(seen: &Seen) -> Observe<bool> {
    Ok(!seen.run(Probe::BySsh)?.stdout.bytes().is_empty())
}

/// Whether the last change was confirmed; `None` when there is no doubt.
///
/// # Errors
/// The question.
pub fn confirmed(token: &str, seen: &Seen) -> Observe<Option<bool>> {
    let said = seen.run(Probe::Unconfirmed { token: token.into() })?;
    Ok((!said.stdout.bytes().is_empty()).then_some(false))
}

/// How it is shown.
pub fn word(confirmed: bool) -> &'static str {
    if confirmed { "yes" } else { "not yet: it will be reverted" }
}

/// Starts the countdown to going back to the file as it is; `meta` is what there is of it.
pub fn arm(
    token: &str,
    seconds: u32,
    path: &str,
    from: &FileState,
    meta: Option<&Meta>,
    then: impl IntoIterator<Item = Op>,
) -> Op {
    let path = path.to_string();
    let restore = match meta {
        None => Op::Remove { path, recursive: false },
        Some(Meta { kind: Kind::Link { target }, .. }) => Op::MakeLink { path, target: target.clone() },
        Some(meta) => {
            let (owner, group) = (Some(meta.owner.clone()), Some(meta.group.clone()));
            let attrs = Attrs { mode: Some(meta.mode), owner, group };
            match from.read() {
                Some(content) => Op::WriteFile { path, content: content.clone(), attrs, check: None },
                // It is not read where it stays.
                None => Op::SetAttrs { path, attrs },
            }
        }
    };
    let revert = [restore].into_iter().chain(then).collect();
    Op::Arm { token: token.into(), seconds, revert }
}
