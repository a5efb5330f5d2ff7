//! A file as it will be.

use agent::{
    secret::Content,
    wire::{Answer, FileType, Kind, Meta, Stat},
};

/// A file as it will be.
#[derive(Clone, Debug)]
pub(super) struct Predicted {
    pub meta: Option<Meta>,
    /// Of a regular file.
    pub content: Option<Content>,
    /// Its content is known to change, but not to what.
    pub seq: usize,
    /// As the host has it, where that is known.
    pub was: Option<Meta>,
    /// When a folder is made where nothing was: all that will be in it is predicted.
    pub made: Option<usize>,
}

impl Predicted {
    /// As much of it as is known before. `None` of what no change makes: it is there already.
    pub fn stat(&self) -> Option<Answer> {
        let Some(meta) = &self.meta else { return Some(Answer::Stat(None)) };
        let kind = match &meta.kind {
            Kind::File { .. } => FileType::File,
            Kind::Folder => FileType::Folder,
            Kind::Link { target } => FileType::Link { target: target.clone() },
            Kind::Other => return None,
        };
        let (owner, group) = (meta.owner.clone(), meta.group.clone());
        Some(Answer::Stat(Some(Box::new(Stat { kind, mode: meta.mode, owner, group, moving: None }))))
    }
}
