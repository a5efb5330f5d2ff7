//! What went wrong, for a person.

use super::{
    CYAN, Inner, RED,
    ci::{self, Note},
    paint,
};
use crate::{
    event::{Excused, Failure},
    model::TaskId,
};

impl Inner {
    /// Says it at once. What failed of a task is annotated when its host is done: only then it shows whether it counts.
    pub(super) fn failure(&mut self, host: &str, task: Option<(TaskId, &str)>, failure: &Failure) {
        let head = paint("error:", RED, self.color);
        let place = failure.place.as_ref().map(|p| format!(" ({p})")).unwrap_or_default();
        let name = task.map(|(_, name)| format!("{name}: ")).unwrap_or_default();
        let mut text = format!("{head} {host}: {name}{}{place}\n", failure.message);
        // Once: many hosts may fail at one place.
        if let Some(excerpt) = &failure.excerpt
            && self.excerpts.insert(excerpt.clone())
        {
            text += &format!("{}\n", excerpt.trim_end());
        }
        for cause in &failure.causes {
            text += &format!("  cause: {}\n", cause.replace('\n', "\n         "));
        }
        if !failure.output.is_empty() {
            text += "  it printed:\n";
            text += &failure.output.iter().map(|line| format!("    | {line}\n")).collect::<String>();
        }
        if let Some(hint) = &failure.hint {
            text += &format!("  {} {hint}\n", paint("hint:", CYAN, self.color));
        }
        // A failure is seen without unfolding anything.
        let title = self.unfold();
        self.text(&text);
        let note = ci::Note::failure(&format!("{host}: {name}{}", failure.message), failure);
        match task {
            Some((task, _)) => self.failed.push((host.into(), task, note)),
            None => self.annotate(note),
        }
        if let Some(title) = title {
            self.fold(title);
        }
        failure.more.iter().for_each(|more| self.failure(host, task, more));
    }

    /// Annotates what failed of a host, which is done; of all hosts without one.
    pub(super) fn annotate_failed(&mut self, host: Option<&str>, excused: &[Excused]) {
        let is_of = |(of, ..): &mut (String, TaskId, Note)| host.is_none_or(|host| host == of);
        let notes: Vec<_> = self.failed.extract_if(.., is_of).collect();
        for (_, task, note) in notes {
            let excuse = excused.iter().find(|excused| excused.task == task);
            self.annotate(match excuse {
                Some(excused) => note.excused(excused.by),
                None => note,
            });
        }
    }
}
