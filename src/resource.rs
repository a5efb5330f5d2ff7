//! The trait of a resource type.
