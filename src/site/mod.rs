//! Inventory and playbook together: the tasks of each host, rendered on demand.

mod types;

pub use types::{HostTask, Place, Preparation, Prepare, Register, Registered};
