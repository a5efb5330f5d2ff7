//! Whose a saved plan is, and how old: `ssh-keygen` signs and verifies, as it does for git.

use super::file::name_of_signature;
use crate::{
    cli::{fact_cache::age, project::now},
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    plan::saved::SavedPlan,
};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// What is signed is signed as a plan: a signature of something else, with the same key, is none.
const NAMESPACE: &str = "lustores-provision-plan";

#[derive(Debug, clap::Args)]
pub struct Trust {
    /// Refuse a saved plan that is older: `30m`, `2h`, `1d`
    #[arg(help_heading = "Saved plans", long, value_name = "AGE", value_parser = age)]
    max_age: Option<u64>,
    /// Refuse a saved plan without a signature (FILE.sig) by one of these keys; the form is that of `ssh-keygen`
    #[arg(help_heading = "Saved plans", long, value_name = "FILE")]
    allowed_signers: Option<PathBuf>,
    /// Whose signature it has to be, as in the file of --allowed-signers; by default anybody's there
    #[arg(help_heading = "Saved plans", long, value_name = "NAME", requires = "allowed_signers")]
    signer: Option<String>,
}

impl Trust {
    /// Refuses what is only about saved plans where there is none.
    ///
    /// # Errors
    /// The option.
    pub fn is_idle(&self) -> Result<(), Diagnostic> {
        let given =
            [("--max-age", self.max_age.is_some()), ("--allowed-signers", self.allowed_signers.is_some())];
        match given.into_iter().find(|(_, given)| *given) {
            Some((flag, _)) => {
                Err(Diagnostic::error(format!("`{flag}` is about saved plans, and this is none"))
                    .hint("`plan INVENTORY -o FILE` saves one, `apply FILE` carries it out"))
            }
            None => Ok(()),
        }
    }

    /// Looks whether a plan may be carried out at all. `bytes` is the file as it was read.
    ///
    /// # Errors
    /// When it is too old, or is not signed by one who may.
    pub fn check(&self, plan: &SavedPlan, path: &Path, bytes: &[u8]) -> Result<(), Diagnostics> {
        let place = Origin::named(&path.display().to_string());
        if let Some(signers) = &self.allowed_signers {
            self.verify(signers, path, bytes)?;
        }
        let Some(most) = self.max_age else { return Ok(()) };
        let now = now();
        // A plan of tomorrow would not grow old.
        let cause = match now.checked_sub(plan.made.at) {
            Some(age) if age <= most => return Ok(()),
            Some(age) => format!(
                "it was made {} ago, and `--max-age` allows {}",
                super::show::age(age),
                super::show::age(most)
            ),
            None => "by the clock of this machine it will be made in the future".into(),
        };
        let error = Diagnostic::error("the plan is too old").at(&place).cause(cause);
        Err(error.hint("plan again").into())
    }

    fn verify(&self, signers: &Path, path: &Path, bytes: &[u8]) -> Result<(), Diagnostic> {
        let signature = name_of_signature(path);
        let place = Origin::named(&path.display().to_string());
        let refused = |why: &str| {
            let error = Diagnostic::error("the plan is not signed by one who may").at(&place).cause(why);
            error.hint("`plan INVENTORY -o FILE --sign KEY` signs one")
        };
        if !signers.is_file() {
            let error = Diagnostic::error(format!("cannot read the allowed signers {}", signers.display()));
            return Err(error.hint("each line of it is `NAME KEY`, as in `man ssh-keygen`: `ann@example.org ssh-ed25519 AAAA...`"));
        }
        if !signature.is_file() {
            return Err(refused(&format!("there is no {}", signature.display())));
        }
        let name = match &self.signer {
            Some(name) => name.clone(),
            None => {
                let mut command = keygen(["-Y", "find-principals"]);
                command.arg("-s").arg(&signature).arg("-f").arg(signers);
                let found = run(command, b"")?.map_err(|said| refused(&said))?;
                let found = String::from_utf8_lossy(&found).lines().next().unwrap_or_default().to_string();
                // A line may name several.
                found.split(',').next().unwrap_or_default().to_string()
            }
        };
        let mut command = keygen(["-Y", "verify"]);
        command
            .arg("-n")
            .arg(NAMESPACE)
            .arg("-I")
            .arg(&name)
            .arg("-s")
            .arg(&signature)
            .arg("-f")
            .arg(signers);
        run(command, bytes)?.map_err(|said| refused(&said)).map(drop)
    }
}

/// Signs what is going to be a file, with a private key or with the public half of one that the ssh agent holds.
///
/// # Errors
/// When `ssh-keygen` is not there or cannot use the key.
pub fn sign(bytes: &[u8], key: &Path) -> Result<Vec<u8>, Diagnostic> {
    let mut command = keygen(["-Y", "sign"]);
    command.arg("-n").arg(NAMESPACE).arg("-f").arg(key);
    run(command, bytes)?.map_err(|said| {
        let error =
            Diagnostic::error(format!("the plan cannot be signed with {}", key.display())).cause(said);
        error.hint("name a private key of ssh, or its `.pub` when the ssh agent holds it")
    })
}

fn keygen(arguments: [&str; 2]) -> Command {
    let mut command = Command::new("ssh-keygen");
    command.args(arguments).env("LC_ALL", "C");
    command
}

/// What it prints; or, when it refuses, the last thing that it says. A passphrase it asks for on the terminal.
fn run(mut command: Command, input: &[u8]) -> Result<Result<Vec<u8>, String>, Diagnostic> {
    let failed = |error: std::io::Error| {
        let error = Diagnostic::error("cannot run `ssh-keygen`").cause(error);
        error.hint("install the client of OpenSSH (8.2 or later) on this machine")
    };
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (mut pipe, input) = (child.stdin.take(), input.to_vec());
    // It may end without having read it.
    let writer = std::thread::spawn(move || pipe.as_mut().map(|pipe| pipe.write_all(&input)));
    let output = child.wait_with_output().map_err(failed)?;
    let _ = writer.join();
    if output.status.success() {
        return Ok(Ok(output.stdout));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let said = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
    Ok(Err(format!("ssh-keygen: {}", said.trim())))
}
