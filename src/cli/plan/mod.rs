//! `plan`: what `apply` would do, as a file that can be looked at, published and approved, and then is what is done; `show` shows one.

mod file;
mod hold;
mod inputs;
mod key;
mod saved;
mod show;
mod trust;

pub use show::Show;

pub(super) use file::is_plan;
pub(super) use hold::{Plans, Saving};
pub(super) use trust::Trust;

use super::{
    Color,
    apply::{Aim, Apply},
};
use crate::diag::{Diagnostic, Diagnostics, Exit};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("check", |arg| arg.hide(true)),
    mut_arg("yes", |arg| arg.hide(true)),
    mut_arg("prove", |arg| arg.hide(true)),
    mut_arg("confirm", |arg| arg.hide(true)),
    mut_arg("max_age", |arg| arg.hide(true)),
    mut_arg("allowed_signers", |arg| arg.hide(true)),
    mut_arg("signer", |arg| arg.hide(true))
)]
pub struct Plan {
    #[command(flatten)]
    apply: Apply,
    /// Save the plan in this file, without secrets: `apply FILE` does exactly that, or refuses
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Sign the saved plan with this private key of ssh, or the public half of one that the ssh agent holds, in FILE.sig
    #[arg(long, value_name = "KEY", requires = "out")]
    sign: Option<PathBuf>,
}

impl Plan {
    /// Plans, shows, saves; changes nothing on a host.
    ///
    /// # Errors
    /// What is wrong with the project or the flags; a plan that cannot be saved.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let outputs = self.apply.outputs();
        self.make(color).inspect_err(|found| outputs.refused(found))
    }

    fn make(self, color: Color) -> Result<Exit, Diagnostics> {
        let mut apply = self.apply;
        apply.check = true;
        let inventory = &apply.project.inventory;
        if is_plan(inventory) {
            let name = inventory.display();
            let error = Diagnostic::error(format!("{name} is a saved plan, and no inventory"));
            return Err(error.hint(format!("`show {name}` shows it, `apply {name}` carries it out")).into());
        }
        let saving = self.out.map(|out| Saving { out, sign: self.sign });
        if let Some(saving) = &saving {
            saving.check()?;
            apply.project.inputs = Some(Default::default());
        }
        let site = apply.site(color)?;
        apply.carry_out(site, color, Aim::Plan(saving))
    }
}
