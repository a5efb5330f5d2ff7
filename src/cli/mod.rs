//! Verbs and flags.

pub mod files;
pub mod vault;
pub mod vault_args;

/// Runs the program; the exit code is one of [`crate::diag::Exit`].
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
