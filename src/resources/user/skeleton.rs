//! The folder whose files a new home begins with.

use crate::{
    resource::{Fault, Observe, Seen},
    resources::shared::HostPath,
};
use agent::wire::Kind;

/// Whether it is there: without it, or by a link to it, useradd makes an empty home and says nothing.
pub fn look(skeleton: &HostPath, seen: &Seen) -> Observe<()> {
    match seen.meta(skeleton)?.map(|meta| meta.kind) {
        Some(Kind::Folder) => Ok(()),
        Some(Kind::Link { target }) => {
            let fault = Fault::new(format!("the `skeleton` {skeleton} is a link to {target}"));
            Err(fault.hint("name the directory that it leads to").into())
        }
        _ => seen.presume(&[skeleton.area()], format!("there is no directory {skeleton}")),
    }
}
