//! What went wrong, for a person.

use super::{CYAN, Inner, RED, ci, paint};
use crate::event::Failure;

impl Inner {
    pub(super) fn failure(&mut self, host: &str, task: Option<&str>, failure: &Failure) {
        let head = paint("error:", RED, self.color);
        let place = failure.place.as_ref().map(|p| format!(" ({p})")).unwrap_or_default();
        let name = task.map(|t| format!("{t}: ")).unwrap_or_default();
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
        self.annotate(ci::Note::failure(&format!("{host}: {name}{}", failure.message), failure));
        if let Some(title) = title {
            self.fold(title);
        }
        failure.more.iter().for_each(|more| self.failure(host, task, more));
    }
}
