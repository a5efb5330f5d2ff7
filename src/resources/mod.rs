//! The resource types: one file each, and one row in [`TABLE`].

mod compose;
mod firewall;
mod group;
mod package;
mod service;
mod shared;
mod sysctl;
mod systemd_unit;
mod user;

use crate::resource::{ResourceType, row};

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[
    row::<compose::Compose>(),
    row::<firewall::Firewall>(),
    row::<group::Group>(),
    row::<package::Package>(),
    row::<service::Service>(),
    row::<sysctl::Sysctl>(),
    row::<systemd_unit::SystemdUnit>(),
    row::<user::User>(),
];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
