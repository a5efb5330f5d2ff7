//! Where a line of what a task writes stands in the project.

use super::{HostTasks, Registered};
use crate::{
    model::{Origin, Source, TaskId},
    template::{pairs, render, render_file},
};
use std::sync::Arc;

impl HostTasks {
    /// In its template or its file, or in the task itself. None where it cannot be told.
    pub(super) fn line_in_project(&self, id: TaskId, line: usize) -> Option<Origin> {
        let host_task = &self.tasks[id.0 as usize];
        let task = self.shared.task(host_task.source);
        let kind = self.shared.type_of(task);
        let scope = self.scopes.of(&self.shared, host_task, &Registered::default());
        let params = task.params.as_map()?;
        for param in kind.sources().iter().filter(|param| !param.is_folder()) {
            if let Some(entry) = params.get(param.key) {
                let name = render(&entry.node, &scope).ok()?;
                let (places, sources) = (self.shared.places(task), &self.shared.sources);
                let path = sources.find(&places, param.folder, name.as_str()?, &name.origin).ok()?;
                let source = sources.text(&path).ok()?;
                if !param.render {
                    return at_line(&source, 0, &source.text, line);
                }
                let partials = sources.partials(&places, param.folder);
                let rendered = render_file(&source, &scope, &partials).ok()?;
                return at_line(&source, 0, rendered.as_str()?, line);
            }
            if let Some(entry) = params.get(param.into) {
                let rendered = render(&entry.node, &scope).ok()?;
                let Origin { source, span } = &entry.node.origin;
                return at_line(source, span.start, rendered.as_str()?, line);
            }
        }
        None
    }
}

/// The line of `source` that the line of the text made of it (from 1) was made of. What is looked at begins at `from`.
fn at_line(source: &Arc<Source>, from: usize, made: &str, line: usize) -> Option<Origin> {
    let region = source.text.get(from..)?;
    // Indentation may differ: a text in a task is indented by more.
    let written: Vec<&str> = region.lines().map(str::trim).collect();
    let made: Vec<&str> = made.lines().map(str::trim).collect();
    let at = line.checked_sub(1).filter(|at| *at < made.len())?;
    let found = pairs(&written, &made).swap_remove(at)?;
    let line = region.split_inclusive('\n').nth(found)?;
    let before: usize = region.split_inclusive('\n').take(found).map(str::len).sum();
    let start = from + before + (line.len() - line.trim_start().len());
    Some(Origin { source: source.clone(), span: start..start + line.trim().len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(written: &str, made: &str) -> Vec<Option<usize>> {
        let source = Arc::new(Source { path: "t".into(), text: written.into(), secret: false });
        let line = |line| at_line(&source, 0, made, line).map(|origin| origin.line_column().0);
        (1..=made.lines().count()).map(line).collect()
    }

    #[test]
    fn lines_are_found_in_the_template_that_they_were_made_of() {
        let template = "name: {{project}}\nservices:\n{{#if web}}\n  web:\n    image: {{image}}\n{{/if}}\n  db:\n    ports: [\"{{port}}:5432\"]\n\
                        {{> health}}\n    image: postgres\n";
        let made = "name: shop\nservices:\n  web:\n    image: nginx:latest\n  db:\n    ports: [\"5432:5432\"]\n    interval: 3s\n    \
                    image: postgres\n";
        let expected = [Some(1), Some(2), Some(4), Some(5), Some(7), Some(8), None, Some(10)];
        assert_eq!(lines(template, made), expected);
        assert_eq!(lines(template, "")[..], []);
        // A loop: each is made of the same line.
        let looped = "a:\n{{#each items}}\n  - {{this}}!\n{{/each}}\nb:\n";
        assert_eq!(lines(looped, "a:\n  - 1!\n  - 2!\nb:\n"), [Some(1), Some(3), Some(3), Some(5)]);
    }

    #[test]
    fn a_text_in_a_task_is_indented_by_more() {
        let text = "- copy:\n    content: |\n      a: 1\n      b: 2\n    dest: /x\n";
        let source = Arc::new(Source { path: "t".into(), text: text.into(), secret: false });
        let origin = at_line(&source, text.find('|').unwrap(), "a: 1\nb: 2\n", 2).unwrap();
        assert_eq!((origin.line_column(), &text[origin.span]), ((4, 7), "b: 2"));
    }
}
