//! How far a host has come, and what a failure means for the others: also inside of blocks with `rescue` or `always`.

use super::executor::{HostRun, Progress};
use crate::{
    event::{Excuse, Excused, Status},
    graph::Why,
    model::{InBlock, Part, TaskId},
    site::HostTask,
};

/// How far each task has come.
pub(super) struct Course {
    pub progress: Vec<Progress>,
    /// It ran, or had not to run, though something it depends on failed: who depends on it must not take that for a good end.
    pub poisoned: Vec<bool>,
    /// It was blocked by something that no block around it can put right.
    pub outside: Vec<bool>,
    /// It failed in a way that nothing excuses: the host changed, a bug.
    pub hard: Vec<bool>,
}

impl Course {
    pub fn new(progress: Vec<Progress>) -> Self {
        let none = vec![false; progress.len()];
        Self { progress, poisoned: none.clone(), outside: none.clone(), hard: none }
    }

    fn is(&self, id: TaskId, status: Status) -> bool {
        self.progress[id.0 as usize] == Progress::Finished(status)
    }
}

impl HostRun {
    fn task(&self, id: TaskId) -> &HostTask {
        &self.prepare.tasks()[id.0 as usize]
    }

    /// How many tasks of rescues may be called for, as far as the plan tells: something before them acts.
    pub(super) fn rescues(&self) -> usize {
        let tasks = self.prepare.tasks();
        let called = self.plan.called(tasks);
        tasks.iter().zip(called).filter(|(task, by)| task.is_rescue() && !by.is_empty()).count()
    }

    fn in_block(&self, block: u32, part: Part) -> impl Iterator<Item = &HostTask> {
        let tasks = self.prepare.tasks().iter();
        tasks.filter(move |task| task.blocks.contains(&InBlock { block, part }))
    }

    fn failed(&self, id: TaskId, course: &Course) -> bool {
        course.is(id, Status::Failed) && !self.ignores(id, course)
    }

    /// Whether how the task ended is no failure, whatever that was.
    fn ignores(&self, id: TaskId, course: &Course) -> bool {
        self.task(id).ignore_errors && !course.hard[id.0 as usize]
    }

    /// Whether a block inside of `block` puts right what happened to this task.
    fn is_mended_inside(&self, task: &HostTask, block: u32, course: &Course) -> bool {
        let mut inner = task.blocks.iter().skip_while(|inside| inside.block != block).skip(1);
        inner.any(|inside| inside.part == Part::Main && self.mends(inside.block, course))
    }

    /// Whether a task of the block's main part failed, and nothing inside of it has put that right.
    pub(super) fn has_failed(&self, block: u32, course: &Course) -> bool {
        self.in_block(block, Part::Main).any(|task| {
            self.failed(task.id, course)
                && !course.hard[task.id.0 as usize]
                && !self.is_mended_inside(task, block, course)
        })
    }

    /// Whether the block's rescue was called for and went well.
    fn mends(&self, block: u32, course: &Course) -> bool {
        let went_well = |task: &HostTask| match course.progress[task.id.0 as usize] {
            Progress::Waiting(_) | Progress::Running => false,
            Progress::Finished(Status::Failed | Status::Blocked) => {
                self.ignores(task.id, course) || self.is_mended_inside(task, block, course)
            }
            Progress::Finished(_) => true,
        };
        let mut rescue = self.in_block(block, Part::Rescue).peekable();
        rescue.peek().is_some() && rescue.all(went_well) && self.has_failed(block, course)
    }

    /// Whether a failure of this task, or of what blocked it, was put right by a block around it.
    pub(super) fn rescued(&self, id: TaskId, course: &Course) -> bool {
        let at = id.0 as usize;
        let is_beyond = course.hard[at] || course.outside[at];
        let mut blocks = self.task(id).blocks.iter();
        !is_beyond && blocks.any(|inside| inside.part == Part::Main && self.mends(inside.block, course))
    }

    /// The tasks that failed without the host failing.
    pub(super) fn excused(&self, course: &Course) -> Vec<Excused> {
        let of_task = |task: &HostTask| {
            let by = match self.ignores(task.id, course) {
                true => Excuse::Ignored,
                false if self.rescued(task.id, course) => Excuse::Rescued,
                false => return None,
            };
            course.is(task.id, Status::Failed).then_some(Excused { task: task.id, by })
        };
        self.prepare.tasks().iter().filter_map(of_task).collect()
    }

    /// Whether how `before` ended stops `task`, which depends on it.
    fn stops(&self, before: TaskId, task: TaskId, course: &Course) -> bool {
        let at = before.0 as usize;
        if course.poisoned[at] && !self.rescued(before, course) {
            return true;
        }
        let ended_badly = (course.is(before, Status::Failed) || course.is(before, Status::Blocked))
            && !self.ignores(before, course);
        if ended_badly && !self.rescued(before, course) {
            return !self.is_expected(before, task, course);
        }
        // A part of a rescue may have gone well, and the rescue as a whole not.
        let inside = |block: u32| self.task(task).blocks.iter().any(|other| other.block == block);
        self.task(before).blocks.iter().any(|own| {
            own.part == Part::Rescue
                && !inside(own.block)
                && self.has_failed(own.block, course)
                && !self.mends(own.block, course)
                && !self.rescued(before, course)
        })
    }

    /// Whether `task` is there for the case that `before` fails: a rescue for the main part, an `always` for both.
    fn is_expected(&self, before: TaskId, task: TaskId, course: &Course) -> bool {
        self.task(task).blocks.iter().any(|inside| {
            let parts: &[Part] = match inside.part {
                Part::Main => &[],
                Part::Rescue => &[Part::Main],
                Part::Always => &[Part::Main, Part::Rescue],
            };
            let mut of_before = self.task(before).blocks.iter();
            of_before.any(|other| other.block == inside.block && parts.contains(&other.part))
                && self.was_entered(inside.block, course)
        })
    }

    /// Whether anything of the block's main part ran, or was as wanted.
    fn was_entered(&self, block: u32, course: &Course) -> bool {
        self.in_block(block, Part::Main).any(|task| !course.is(task.id, Status::Blocked))
    }

    /// Those it depends on, by a reason for which a failure stops it.
    fn stopping<'a>(&'a self, id: TaskId, course: &'a Course) -> impl Iterator<Item = TaskId> + 'a {
        let handler = self.task(id).handler;
        let before = self.plan.graph.before(id).filter(move |(_, why)| match why {
            Why::Declared => true,
            // A handler that is owed runs all the same.
            Why::Footprint(_) | Why::Start(_) | Why::Result(_) => !handler,
            Why::Order(_) | Why::Replaced(_) | Why::Notify | Why::Block | Why::Item => false,
        });
        before.map(|(before, _)| before).filter(move |before| self.stops(*before, id, course))
    }

    /// Whether something that failed stops this task. Keeps by what.
    pub(super) fn is_stopped(&self, id: TaskId, course: &mut Course) -> bool {
        let stopping: Vec<TaskId> = self.stopping(id, course).collect();
        let main = |task: TaskId| self.task(task).blocks.iter().filter(|inside| inside.part == Part::Main);
        let is_outside = |before: &TaskId| {
            course.outside[before.0 as usize]
                || course.hard[before.0 as usize]
                || !main(*before).any(|theirs| main(id).any(|own| own == theirs))
        };
        let outside = stopping.iter().any(is_outside);
        course.outside[id.0 as usize] = outside;
        !stopping.is_empty()
    }

    /// Whether it belongs to a rescue that nothing calls for.
    pub(super) fn is_uncalled(&self, id: TaskId, course: &Course) -> bool {
        let mut blocks = self.task(id).blocks.iter();
        blocks.any(|inside| inside.part == Part::Rescue && !self.has_failed(inside.block, course))
    }

    /// Marks a task that goes on, or is passed over, though something that it depends on failed.
    pub(super) fn mark(&self, id: TaskId, course: &mut Course) {
        let at = id.0 as usize;
        let is_beside = |inside: &InBlock| inside.part != Part::Main && self.has_failed(inside.block, course);
        let is_called = self.task(id).blocks.iter().any(is_beside);
        let mut unforeseen = self.unforeseen.lock().expect("no panic holds it");
        // And what these notify.
        let mut notifiers = self.plan.graph.before(id).filter(|(_, why)| matches!(why, Why::Notify));
        if is_called || notifiers.any(|(by, _)| unforeseen.contains(&by) && course.is(by, Status::Changed)) {
            unforeseen.insert(id);
        }
        drop(unforeseen);
        let is_always = self.task(id).blocks.iter().any(|inside| inside.part == Part::Always);
        course.poisoned[at] = if self.is_uncalled(id, course) {
            self.stopping(id, course).next().is_some()
        } else {
            is_always
                && self.plan.graph.before(id).any(|(before, why)| {
                    let bad = self.failed(before, course)
                        || course.is(before, Status::Blocked)
                        || course.poisoned[before.0 as usize];
                    !why.is_order_only() && bad && !self.rescued(before, course)
                })
        };
    }
}
