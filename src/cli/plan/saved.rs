//! `apply FILE` of a saved plan.

use super::{file, inputs, key};
use crate::{
    cli::{
        Color,
        apply::{Aim, Apply},
        project::Project,
    },
    connection,
    diag::{Diagnostic, Diagnostics, Exit},
    model::Origin,
    plan::saved::{SavedPlan, Selection},
};
use std::path::Path;

impl Apply {
    /// Carries a saved plan out, or says why not before anything is touched. Nobody is asked: whoever names the plan has looked at it.
    ///
    /// # Errors
    /// A plan that cannot be read, of another version, or made of something else than is there now.
    pub(in crate::cli) fn saved(mut self, color: Color) -> Result<Exit, Diagnostics> {
        let path = self.project.inventory.clone();
        let (plan, bytes) = file::read(&path)?;
        self.trust.check(&plan, &path, &bytes)?;
        made_by_this(&plan, &path)?;
        self.project.inputs = Some(Default::default());
        key::whole_so_far(&plan, &path, &*self.project.opened()?)?;
        take(&mut self.project, &plan.selection)?;
        self.project.set_clock(plan.made.at);
        inputs::unchanged(&plan, &path)?;
        self.yes = true;
        let site = self.site(color)?;
        self.carry_out(site, color, Aim::Saved(Box::new(plan), path))
    }
}

/// What another program plans or does need not be what this one does.
fn made_by_this(plan: &SavedPlan, path: &Path) -> Result<(), Diagnostic> {
    let (version, place) = (env!("CARGO_PKG_VERSION"), Origin::named(&path.display().to_string()));
    let other = |cause: String| {
        let error = Diagnostic::error("the plan was made by another program").at(&place).cause(cause);
        Err(error.hint("plan again, or apply it with that one"))
    };
    if plan.made.program != version {
        return other(format!("it was version {}, and this is {version}", plan.made.program));
    }
    let here = connection::digests();
    let other_agent =
        here.into_iter().find(|(arch, own)| plan.made.agents.get(*arch).is_some_and(|was| was != own));
    match other_agent {
        Some((arch, _)) => other(format!("its agent for {arch} is another one than this one's")),
        None => Ok(()),
    }
}

/// A plan is carried out, or made anew, with what it was made with.
///
/// # Errors
/// Options that would choose something else.
pub fn take(project: &mut Project, selection: &Selection) -> Result<(), Diagnostic> {
    let given = [
        ("--playbook", project.playbook.is_some()),
        ("--limit", project.limit.is_some()),
        ("--tags", !project.tags.is_empty()),
        ("--skip-tags", !project.skip_tags.is_empty()),
        ("--start-at-task", project.start_at_task.is_some()),
        ("--extra-vars", !project.extra_vars.is_empty()),
    ];
    if let Some((flag, _)) = given.into_iter().find(|(_, given)| *given) {
        let error = Diagnostic::error(format!("`{flag}` cannot be given with a saved plan"));
        return Err(error.hint("the plan is carried out as it is: make another one with that option"));
    }
    project.inventory = selection.inventory.clone().into();
    project.playbook = Some(selection.playbook.clone().into());
    project.limit.clone_from(&selection.limit);
    project.tags.clone_from(&selection.tags);
    project.skip_tags.clone_from(&selection.skip_tags);
    project.start_at_task.clone_from(&selection.start_at_task);
    project.extra_vars.clone_from(&selection.extra_vars);
    Ok(())
}
