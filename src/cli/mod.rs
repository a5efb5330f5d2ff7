//! Verbs and flags.

pub mod lab;

use clap::Parser as _;

#[derive(clap::Parser)]
enum Verb {
    /// Throw-away Debian VMs on this machine
    #[command(subcommand)]
    Lab(lab::Lab),
}

/// Runs the program; the exit code is one of [`crate::diag::Exit`].
pub fn main() -> std::process::ExitCode {
    let Verb::Lab(verb) = Verb::parse();
    match verb.run() {
        Ok(()) => std::process::ExitCode::SUCCESS,
        Err(troubles) => {
            for trouble in &troubles.0 {
                eprintln!("{}", crate::diag::render(trouble, false).trim_end());
            }
            std::process::ExitCode::from(troubles.exit() as u8)
        }
    }
}
