//! What a failure inside of a block with `rescue` or `always` means for the others.

use super::executor::{HostRun, Progress};
use crate::{
    event::Status,
    model::{Part, TaskId},
    site::HostTask,
};

impl HostRun {
    fn in_block(&self, block: u32, part: Part) -> impl Iterator<Item = &HostTask> {
        let tasks = self.prepare.tasks().iter();
        tasks
            .filter(move |task| task.blocks.iter().any(|inside| inside.block == block && inside.part == part))
    }

    fn failed(&self, id: TaskId, progress: &[Progress]) -> bool {
        let task = &self.prepare.tasks()[id.0 as usize];
        progress[id.0 as usize] == Progress::Finished(Status::Failed) && !task.ignore_errors
    }

    /// Whether a task of the block's main part failed, and nothing inside of it has put that right.
    pub(super) fn has_failed(&self, block: u32, progress: &[Progress]) -> bool {
        let inner = |task: &HostTask| {
            let mut around = task.blocks.iter().rev().take_while(|inside| inside.block != block);
            around.any(|inside| inside.part == Part::Main && self.mends(inside.block, progress))
        };
        self.in_block(block, Part::Main).any(|task| self.failed(task.id, progress) && !inner(task))
    }

    /// Whether the block's rescue was called for and went well.
    fn mends(&self, block: u32, progress: &[Progress]) -> bool {
        let went_well = |task: &HostTask| {
            !matches!(
                progress[task.id.0 as usize],
                Progress::Finished(Status::Failed | Status::Blocked)
                    | Progress::Waiting(_)
                    | Progress::Running
            ) || self.failed_but_ignored(task, progress)
        };
        let mut rescue = self.in_block(block, Part::Rescue).peekable();
        rescue.peek().is_some() && rescue.all(went_well) && self.has_failed(block, progress)
    }

    fn failed_but_ignored(&self, task: &HostTask, progress: &[Progress]) -> bool {
        task.ignore_errors && progress[task.id.0 as usize] == Progress::Finished(Status::Failed)
    }

    /// Whether a failure of this task was put right by a block around it.
    pub(super) fn rescued(&self, id: TaskId, progress: &[Progress]) -> bool {
        let blocks = &self.prepare.tasks()[id.0 as usize].blocks;
        blocks.iter().any(|inside| inside.part == Part::Main && self.mends(inside.block, progress))
    }

    /// Whether how `before` ended stops `task`, which depends on it.
    pub(super) fn stops(
        &self,
        before: TaskId,
        task: TaskId,
        progress: &[Progress],
        poisoned: &[bool],
    ) -> bool {
        let tasks = self.prepare.tasks();
        if poisoned[before.0 as usize] {
            return !self.rescued(before, progress);
        }
        let ended_badly =
            matches!(progress[before.0 as usize], Progress::Finished(Status::Failed | Status::Blocked))
                && !tasks[before.0 as usize].ignore_errors;
        ended_badly && !self.rescued(before, progress) && !self.is_expected(before, task, progress)
    }

    /// Whether `task` is there for the case that `before` fails: a rescue for the main part, an `always` for both.
    fn is_expected(&self, before: TaskId, task: TaskId, progress: &[Progress]) -> bool {
        let tasks = self.prepare.tasks();
        tasks[task.0 as usize].blocks.iter().any(|inside| {
            let parts: &[Part] = match inside.part {
                Part::Main => &[],
                Part::Rescue => &[Part::Main],
                Part::Always => &[Part::Main, Part::Rescue],
            };
            let mut of_before = tasks[before.0 as usize].blocks.iter();
            of_before.any(|other| other.block == inside.block && parts.contains(&other.part))
                && self.was_entered(inside.block, progress)
        })
    }

    /// Whether anything of the block's main part ran, or was as wanted.
    fn was_entered(&self, block: u32, progress: &[Progress]) -> bool {
        self.in_block(block, Part::Main)
            .any(|task| progress[task.id.0 as usize] != Progress::Finished(Status::Blocked))
    }

    /// Whether an `always` runs though what it depends on failed: what depends on it must not take it for the end of the failure.
    pub(super) fn is_poisoned(&self, id: TaskId, progress: &[Progress], poisoned: &[bool]) -> bool {
        self.plan.graph.before(id).any(|(before, why)| {
            let at = before.0 as usize;
            let ended_badly = self.failed(before, progress)
                || progress[at] == Progress::Finished(Status::Blocked)
                || poisoned[at];
            !why.is_order_only()
                && ended_badly
                && !self.rescued(before, progress)
                && self.is_expected(before, id, progress)
                && self.prepare.tasks()[id.0 as usize].blocks.iter().any(|inside| inside.part == Part::Always)
        })
    }
}
