//! The resource types: one file each, and one row in [`TABLE`].

use crate::resource::ResourceType;

/// All resource types, by name. Adding one: its file beside this one, its `mod`, and its row here.
pub const TABLE: &[ResourceType] = &[];

/// The type with this name.
pub fn find(name: &str) -> Option<&'static ResourceType> {
    TABLE.iter().find(|t| t.name == name)
}
