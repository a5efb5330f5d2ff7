//! Ansible's names of parameters, by type: another name of the same, or what to do instead. Data; `playbook/theirs.rs` is what it means.

pub mod files;
pub mod host;
pub mod programs;
#[cfg(test)]
mod tests;
