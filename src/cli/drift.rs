//! `drift`: what has moved on the hosts since the last apply.

use super::{
    Color,
    apply::{Aim, Apply},
};
use crate::diag::{Diagnostics, Exit};

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
pub struct Drift {
    #[command(flatten)]
    apply: Apply,
}

impl Drift {
    /// Plans, compares with what the last apply left, changes nothing.
    ///
    /// # Errors
    /// What is wrong with the project or the flags.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let mut apply = self.apply;
        apply.check = true;
        let outputs = apply.outputs();
        let run = || {
            let site = apply.site(color)?;
            apply.carry_out(site, color, Aim::Drift)
        };
        run().inspect_err(|found| outputs.refused(found))
    }
}
