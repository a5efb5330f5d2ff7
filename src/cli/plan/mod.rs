//! `plan`: what `apply` would do, as a file that can be looked at, published and approved, and then is what is done. `show` shows one, `diff`
//! compares two.

mod diff;
mod file;
mod hold;
mod inputs;
mod key;
mod saved;
mod show;
mod trust;

pub use diff::Diff;
pub use show::Show;

pub(super) use file::is_plan;
pub(super) use hold::{Plans, Saving};
pub(super) use trust::Trust;

use super::{
    Color,
    apply::{Aim, Apply},
};
use crate::diag::{Diagnostic, Diagnostics, Exit};
use clap::builder::ArgPredicate;
use std::path::PathBuf;

/// What stands for the inventory of the plan that is refreshed.
const OF_THE_PLAN: &str = "-";

#[derive(Debug, clap::Args)]
#[command(
    mut_arg("check", |arg| arg.hide(true)),
    mut_arg("yes", |arg| arg.hide(true)),
    mut_arg("prove", |arg| arg.hide(true)),
    mut_arg("confirm", |arg| arg.hide(true)),
    mut_arg("max_age", |arg| arg.hide(true)),
    mut_arg("allowed_signers", |arg| arg.hide(true)),
    mut_arg("signer", |arg| arg.hide(true)),
    mut_arg("inventory", |arg| {
        arg.required(false)
            .required_unless_present("refresh")
            .default_value_if("refresh", ArgPredicate::IsPresent, OF_THE_PLAN)
    })
)]
pub struct Plan {
    #[command(flatten)]
    apply: Apply,
    /// Save the plan in this file, without secrets: `apply FILE` does exactly that, or refuses
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Make a saved plan anew, with the options it was made with, and say what it does otherwise
    #[arg(long, value_name = "FILE")]
    refresh: Option<PathBuf>,
    /// Sign the saved plan with this private key of ssh, or the public half of one that the ssh agent holds, in FILE.sig
    #[arg(long, value_name = "KEY")]
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
        let refreshed = self.refresh.as_deref().map(|path| {
            if inventory.as_os_str() != OF_THE_PLAN {
                let error = Diagnostic::error("an inventory and `--refresh` are both given");
                return Err(error.hint("the plan says of which inventory it is").into());
            }
            file::read(path).map(|(plan, _)| Box::new(plan))
        });
        let refreshed = refreshed.transpose()?;
        if let (Some(plan), Some(path)) = (&refreshed, &self.refresh) {
            apply.project.inputs = Some(Default::default());
            // One whose key no longer opens, since secrets have changed, is made anew all the same.
            let passwords = apply.project.opened()?;
            if key::open(&plan.key, path, &passwords, &[]).is_ok() {
                key::whole_so_far(plan, path, &passwords)?;
            }
            saved::take(&mut apply.project, &plan.selection)?;
        }
        if self.sign.is_some() && self.out.is_none() && self.refresh.is_none() {
            let error = Diagnostic::error("`--sign` signs a plan that is saved, and this one is not");
            return Err(error.hint("save it with `-o FILE`").into());
        }
        let out = self.out.or(self.refresh);
        let saving = out.map(|out| Saving { out, sign: self.sign, refreshed });
        if let Some(saving) = &saving {
            saving.check(&apply.project.inventory)?;
            apply.project.inputs.get_or_insert_default();
        }
        let site = apply.site(color)?;
        apply.carry_out(site, color, Aim::Plan(saving))
    }
}
