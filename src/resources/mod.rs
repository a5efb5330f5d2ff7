//! The resource types: one file each, and one row in [`TABLE`].

mod shared;

mod command;
mod copy;
mod env_file;
mod file;
mod json_merge;
mod lineinfile;
mod link;
mod shell;
mod template;

use crate::resource::{ResourceType, row};

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[
    row::<command::Command>(),
    row::<copy::Copy>(),
    row::<env_file::EnvFile>(),
    row::<file::File>(),
    row::<json_merge::JsonMerge>(),
    row::<lineinfile::LineInFile>(),
    row::<link::Link>(),
    row::<shell::Shell>(),
    row::<template::Template>(),
];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
