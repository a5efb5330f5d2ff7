//! `provision-agent`: speaks frames over stdin and stdout until stdin ends.

use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(|word| word.to_str().unwrap_or("?")).collect();
    match words.as_slice() {
        [] => agent::serve::serve(),
        ["--version"] => {
            println!("provision-agent {} {}", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
            ExitCode::SUCCESS
        }
        // Started by an armed revert only; the plan is a private file.
        ["revert", plan] => reverted(agent::act::arm::revert(plan.as_ref())),
        // Started by the agent only; the folder is private.
        ["job", folder] => worked(agent::act::job::work(folder.as_ref())),
        ["revert-at-boot", plan] => reverted(agent::act::arm::revert_at_boot(plan.as_ref())),
        _ => {
            eprintln!(
                "usage: provision-agent [--version]\nIt is started by lustores-provision and speaks frames over stdin and stdout."
            );
            ExitCode::from(2)
        }
    }
}

fn worked(result: Result<(), String>) -> ExitCode {
    let Err(why) = result else { return ExitCode::SUCCESS };
    eprintln!("provision-agent: cannot do the job: {why}");
    ExitCode::FAILURE
}

fn reverted(result: Result<(), String>) -> ExitCode {
    let Err(why) = result else { return ExitCode::SUCCESS };
    eprintln!("provision-agent: cannot revert: {why}");
    ExitCode::FAILURE
}
