//! The resource types: one file each, and one row in [`TABLE`].

mod shared;

mod assert;
mod command;
mod copy;
mod debug;
mod env_file;
mod file;
mod http;
mod json_merge;
mod lineinfile;
mod link;
mod port_probe;
mod shell;
mod template;
mod wait_for;

use crate::resource::{ResourceType, row};

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[
    row::<assert::Assert>(),
    row::<command::Command>(),
    row::<copy::Copy>(),
    row::<debug::Debug>(),
    row::<env_file::EnvFile>(),
    row::<file::File>(),
    row::<http::Http>(),
    row::<json_merge::JsonMerge>(),
    row::<lineinfile::LineInFile>(),
    row::<link::Link>(),
    row::<port_probe::PortProbe>(),
    row::<shell::Shell>(),
    row::<template::Template>(),
    row::<wait_for::WaitFor>(),
];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
