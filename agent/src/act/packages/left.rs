//! What a run that lost its link has left at work: it goes on, is waited for by the next run, and told.

use super::others::Teller;
use crate::act::job;
use crate::secret::Content;
use crate::wire::{Output, STILL_RUNNING, WAITING};
use std::path::Path;
use std::time::{Duration, Instant};

/// How much of a log is told.
const TAIL: usize = 8;

/// What the jobs of a run are called, before their numbers.
pub fn prefix(run: &str) -> String {
    format!("packages-{run}-")
}

/// Waits for what other runs than this one have left at work, and tells how it ended, once.
pub fn settle(state: &Path, run: &str, limit: Duration, progress: &mut dyn FnMut(Content)) {
    let started = Instant::now();
    let mut teller = Teller::default();
    let own = prefix(run);
    for id in job::untold(state) {
        if !id.starts_with("packages-") || id.starts_with(&own) {
            continue;
        }
        let what = job::what(state, &id);
        while let Ok(output) = job::look(state, &id) {
            if output.code != STILL_RUNNING {
                progress(Content::Clear(report(&what, &output).into()));
                job::tell(state, &id);
                break;
            }
            let (waited, at_work) = (started.elapsed(), job::age(state, &id).as_secs());
            let who = format!("`{what}`, which an earlier run has left at work ({at_work} s so far)");
            if waited >= limit {
                let text = format!("gave up after {} s of waiting for {who}", waited.as_secs());
                progress(Content::Clear(text.into()));
                return;
            }
            teller
                .tell(progress, || format!("{WAITING}{who}; {} of {} s", waited.as_secs(), limit.as_secs()));
            std::thread::sleep(Duration::from_millis(250));
        }
    }
}

/// How it ended: what was done, or the end of what was said.
fn report(what: &str, output: &Output) -> String {
    let begin = format!("`{what}` of an earlier run, whose link was lost,");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(output.stdout.bytes()), text(output.stderr.bytes()));
    if output.code == 0 {
        let done: Vec<String> = out.lines().filter_map(step).collect();
        return match done.is_empty() {
            true => format!("{begin} has ended well"),
            false => format!("{begin} has ended well: {}", done.join(", ")),
        };
    }
    let lines: Vec<&str> = out.lines().chain(err.lines()).filter(|line| !line.trim().is_empty()).collect();
    let tail = &lines[lines.len().saturating_sub(TAIL)..];
    format!("{begin} has failed with {}:\n{}", output.code, tail.join("\n"))
}

/// `Setting up tool (2.0) ...` in short.
fn step(line: &str) -> Option<String> {
    let of = |verb: &str, short: &str| {
        let rest = line.strip_prefix(verb)?.strip_suffix(" ...")?;
        let (name, version) = rest.split_once(" (")?;
        Some(format!("{short}{name} {}", version.strip_suffix(')')?))
    };
    of("Setting up ", "installed ").or_else(|| of("Removing ", "removed "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output(code: i32, stdout: &str, stderr: &str) -> Output {
        Output { code, stdout: stdout.into(), stderr: stderr.into() }
    }

    #[test]
    fn an_end_is_told_in_a_line_and_a_failure_with_its_last_words() {
        let said = "Unpacking lib (1) ...\nSetting up lib (1) ...\nRemoving old (3:1-2) ...\nSetting up tool (1.0) ...\n";
        assert_eq!(
            report("apt-get install tool", &output(0, said, "")),
            "`apt-get install tool` of an earlier run, whose link was lost, has ended well: installed lib 1, removed old 3:1-2, installed tool 1.0"
        );
        let many: String = (0..20).map(|n| format!("{n}\n")).collect();
        let failed = report("apt-get install bad", &output(100, &many, "E: Sub-process failed\n"));
        assert!(
            failed.ends_with("has failed with 100:\n13\n14\n15\n16\n17\n18\n19\nE: Sub-process failed"),
            "{failed}"
        );
    }
}
