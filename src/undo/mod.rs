//! Undoing a run: what it did to files, as tasks that the engine plans, shows and carries out as any other.

mod restore;

use self::restore::{Left, Restore};
use crate::{
    diag::Diagnostics,
    model::{BecomeMethod, Origin, TaskId},
    resource::Prepared,
    site::{HostTask, Judgement, Place, Preparation, Prepare, Registered},
    yaml::Node,
};
use agent::wire::undo::{Changed, Deed, Step};
use std::{collections::BTreeMap, sync::Arc};

/// What one user's agent has kept of a run on one host.
pub struct Kept {
    /// Whom it acted as; `None`: the login user.
    pub user: Option<String>,
    pub steps: Vec<Step>,
}

/// The tasks that undo a run on one host.
pub struct HostUndo {
    tasks: Vec<HostTask>,
    prepared: Vec<Arc<dyn Prepared>>,
}

impl HostUndo {
    pub fn new(run: &str, kept: &[Kept]) -> Self {
        let mut undo = Self { tasks: vec![], prepared: vec![] };
        for Kept { user, steps } in kept {
            let (paths, others) = joined(steps);
            let goes: Arc<[String]> = paths
                .iter()
                .filter(|(_, changed)| changed.before.is_none())
                .map(|(path, _)| path.clone())
                .collect();
            // What comes back from the top, what goes from below: in a path that is longer there is more.
            let (back, gone): (Vec<_>, Vec<_>) =
                paths.into_values().partition(|changed| changed.before.is_some());
            for changed in back.into_iter().chain(gone.into_iter().rev()) {
                let verb = if changed.before.is_some() { "bring back" } else { "take away" };
                let name = format!("{verb} {}", changed.path);
                undo.add(
                    run,
                    name,
                    user.clone(),
                    Arc::new(Restore { changed, goes: goes.clone(), run: run.into() }),
                );
            }
            if !others.is_empty() {
                undo.add(run, "what cannot be undone".into(), user.clone(), Arc::new(Left { others }));
            }
        }
        undo
    }

    fn add(&mut self, run: &str, name: String, user: Option<String>, prepared: Arc<dyn Prepared>) {
        self.tasks.push(HostTask {
            brings: None,
            brought_by: vec![],
            id: TaskId(self.tasks.len() as u32),
            name,
            resource: prepared.type_name().into(),
            handler: false,
            due: None,
            is_idle: false,
            place: Place::Host,
            become_user: user,
            become_method: BecomeMethod::default(),
            register: None,
            notify: vec![],
            needs: vec![],
            reads: vec![],
            ignore_errors: false,
            no_log: false,
            blocks: vec![],
            judged: false,
            tries: None,
            sets: vec![],
            ends: vec![],
            only_looks: false,
            ignore_unreachable: false,
            touches: vec![],
            timeout_s: None,
            pause_s: 0,
            follows: None,
            once: None,
            is_dynamic: false,
            in_step: None,
            seen_at: self.tasks.len(),
            origin: Origin::named(&format!("run {run}")),
            source: self.tasks.len(),
            item: None,
        });
        self.prepared.push(prepared);
    }
}

/// The paths that a run changed, each as it was before the first change and after the last; and what else it did, in words.
fn joined(steps: &[Step]) -> (BTreeMap<String, Changed>, Vec<String>) {
    let mut paths: BTreeMap<String, Changed> = BTreeMap::new();
    let mut others = vec![];
    for Step { task, deed } in steps {
        match deed {
            Deed::Other(what) => others.push(format!("{what} ({task})")),
            Deed::Tree(changed) => others.push(format!("{} ({task})", changed.removal())),
            Deed::Path(changed) => match paths.get_mut(&changed.path) {
                None => _ = paths.insert(changed.path.clone(), changed.clone()),
                Some(known) => {
                    // Kept was what was there at the first change of its content.
                    let content =
                        |meta: &Option<agent::wire::Meta>| meta.as_ref().map(|meta| meta.kind.clone());
                    if known.saved.is_none() && content(&known.before) == content(&changed.before) {
                        known.saved.clone_from(&changed.saved);
                    }
                    known.after.clone_from(&changed.after);
                    known.wanted = changed.wanted;
                    known.secret |= changed.secret;
                }
            },
        }
    }
    paths.retain(|_, changed| changed.after.as_ref().is_none_or(|after| *after != changed.before));
    others.dedup();
    (paths, others)
}

impl Prepare for HostUndo {
    fn tasks(&self) -> &[HostTask] {
        &self.tasks
    }

    fn prepare(&self, task: TaskId, _: &Registered) -> Result<Preparation, Diagnostics> {
        Ok(Preparation::Ready(self.prepared[task.0 as usize].clone()))
    }

    fn judge(&self, _: TaskId, _: &Registered, _: &Node) -> Result<Judgement, Diagnostics> {
        Ok(Judgement { failed: None, changed: None, until: None })
    }

    fn is_out(&self, _: TaskId, _: &Registered) -> bool {
        false
    }

    fn judging(&self, _: TaskId) -> (String, String) {
        (String::new(), String::new())
    }
}
