//! The moving lines of a terminal: what each host is at.

use super::{Format, Inner, visible};
use crate::model::TaskId;
use indicatif::{ProgressBar, ProgressStyle};
use std::time::Duration;

impl Inner {
    pub(super) fn bar(&mut self, host: &str, task: &str) {
        if self.format != Format::Terminal {
            return;
        }
        let bar = self.bars.entry(host.into()).or_insert_with(|| {
            let style = ProgressStyle::with_template("{spinner} {prefix:.bold} {wide_msg} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner());
            let bar = self.progress.add(ProgressBar::new_spinner().with_style(style));
            bar.set_prefix(format!("{host:width$}", width = self.width));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        bar.set_message(visible(task).replace('\n', " "));
        bar.reset_elapsed();
    }

    pub(super) fn message(&mut self, host: &str, task: TaskId, line: &str) {
        let names = self.running.get(host).into_iter().flatten();
        let name = names.into_iter().find(|(other, _)| *other == task).map(|(_, name)| name);
        if let (Some(bar), Some(name)) = (self.bars.get(host), name) {
            bar.set_message(format!("{name}  | {}", visible(line)));
        }
    }
}
