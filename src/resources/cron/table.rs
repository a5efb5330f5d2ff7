//! The text of a crontab: the lines of a task's own, found by the comment above them, and those of others.

use super::schedule;

/// Stands above a job that a task brought.
const MARK: &str = "# provision: ";
/// What Ansible writes there. Its jobs are taken over as they are.
const FOREIGN_MARK: &str = "#Ansible: ";

/// What of a crontab is a task's own.
#[derive(Clone, Copy)]
pub enum Own<'a> {
    /// The line below the mark with this name.
    Job(&'a str),
    /// The line that sets this variable.
    Variable(&'a str),
}

fn body(line: &str) -> &str {
    line.trim_end_matches(['\n', '\r'])
}

fn variable(line: &str) -> Option<&str> {
    let (name, _) = line.split_once('=')?;
    let name = name.trim().trim_matches(['"', '\'']);
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    (!name.is_empty() && name.chars().all(good)).then_some(name)
}

fn mark(line: &str) -> Option<&str> {
    line.strip_prefix(MARK).or_else(|| line.strip_prefix(FOREIGN_MARK))
}

/// A mark with a job below it, which may be disabled, is followed by that; with anything else below it stands alone.
fn is_job(line: &str) -> bool {
    let line = line.trim_start_matches([' ', '\t', '#']);
    schedule::without(line).is_some_and(|command| !command.trim().is_empty())
}

impl Own<'_> {
    /// The lines that are ours: where they begin, how many, and the last of them.
    fn find<'t>(&self, lines: &[&'t str]) -> Vec<(usize, usize, &'t str)> {
        let mut found = vec![];
        for (at, line) in lines.iter().enumerate() {
            match self {
                Self::Job(name) if mark(body(line)) == Some(name) => {
                    let job = lines.get(at + 1).map(|job| body(job)).filter(|job| is_job(job));
                    found.push((at, if job.is_some() { 2 } else { 1 }, job.unwrap_or_default()));
                }
                Self::Variable(name) if variable(body(line)) == Some(name) => found.push((at, 1, body(line))),
                _ => {}
            }
        }
        found
    }

    /// What is there of ours: the lines without their mark.
    pub fn read(&self, text: &str) -> Option<String> {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let found = self.find(&lines);
        (!found.is_empty()).then(|| found.iter().map(|(.., line)| *line).collect::<Vec<_>>().join("\n"))
    }

    /// The text with just this line of ours, or without any. A variable goes to the top: it holds for what is below it.
    pub fn write(&self, text: &str, wanted: Option<&str>) -> String {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let found = self.find(&lines);
        let mut out = String::new();
        let mut at = 0;
        while at < lines.len() {
            let Some(index) = found.iter().position(|(from, ..)| *from == at) else {
                out.push_str(lines[at]);
                at += 1;
                continue;
            };
            let (_, count, _) = found[index];
            if let Some(line) = wanted.filter(|_| index == 0) {
                // The mark stays as it is, whoever made it.
                if matches!(self, Self::Job(_)) {
                    out.push_str(lines[at]);
                }
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
                out.push_str(&format!("{line}\n"));
            }
            at += count;
        }
        let Some(line) = wanted.filter(|_| found.is_empty()) else { return out };
        match self {
            Self::Variable(_) => format!("{line}\n{out}"),
            Self::Job(name) => {
                if !out.is_empty() && !out.ends_with('\n') {
                    out.push('\n');
                }
                out + &format!("{MARK}{name}\n{line}\n")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# mine\nMAILTO=ops\n\n#Ansible: backup\n0 3 * * * /bin/backup\n5 5 * * * other\n# provision: alone\n";

    #[test]
    fn lines_of_others_stay() {
        let own = Own::Job("backup");
        assert_eq!(own.read(TEXT).as_deref(), Some("0 3 * * * /bin/backup"));
        assert_eq!(own.write(TEXT, own.read(TEXT).as_deref()), TEXT);
        assert_eq!(own.write(TEXT, Some("@daily x")), TEXT.replace("0 3 * * * /bin/backup", "@daily x"));
        assert_eq!(own.write(TEXT, None), TEXT.replace("#Ansible: backup\n0 3 * * * /bin/backup\n", ""));
        let new = Own::Job("new").write("# no end", Some("@daily x"));
        assert_eq!(new, "# no end\n# provision: new\n@daily x\n");
        assert_eq!(Own::Job("new").read(&new).as_deref(), Some("@daily x"));
    }

    #[test]
    fn a_mark_without_a_job_and_doubled_jobs_are_mended() {
        let own = Own::Job("alone");
        assert_eq!(own.read(TEXT).as_deref(), Some(""));
        assert!(own.write(TEXT, Some("@daily y")).ends_with("# provision: alone\n@daily y\n"));
        let twice = "# provision: a\n1 1 * * * x\n#Ansible: a\n1 1 * * * x\n";
        assert_eq!(Own::Job("a").read(twice).as_deref(), Some("1 1 * * * x\n1 1 * * * x"));
        assert_eq!(Own::Job("a").write(twice, Some("1 1 * * * x")), "# provision: a\n1 1 * * * x\n");
    }

    #[test]
    fn what_is_no_job_below_a_mark_stays() {
        let own = Own::Job("a");
        for other in ["MAILTO=ops", "# Keep this: it is ours", "", "@daily", "* * * *", "#Ansible: b"] {
            let text = format!("# provision: a\n{other}\n5 5 * * * root x\n");
            assert_eq!(own.read(&text).as_deref(), Some(""), "{other}");
            let rest = format!("{other}\n5 5 * * * root x\n");
            assert_eq!(own.write(&text, None), rest);
            assert_eq!(own.write(&text, Some("@daily y")), format!("# provision: a\n@daily y\n{rest}"));
        }
        for job in ["@daily x", "#@reboot root x", "# 1,2 */3 1-5 jan mon x", "\t0~9 5/2 * * 1-5\tx"] {
            let text = format!("# provision: a\n{job}\n");
            assert_eq!(own.read(&text).as_deref(), Some(job));
            assert_eq!(own.write(&text, None), "");
        }
    }

    #[test]
    fn a_variable_stands_above_the_jobs() {
        let own = Own::Variable("MAILTO");
        assert_eq!(own.read(TEXT).as_deref(), Some("MAILTO=ops"));
        assert_eq!(own.write(TEXT, Some("MAILTO=\"\"")), TEXT.replace("MAILTO=ops", "MAILTO=\"\""));
        assert_eq!(own.write("1 1 * * * A=b x\n", Some("A=c")), "A=c\n1 1 * * * A=b x\n");
        assert_eq!(own.write(TEXT, None), TEXT.replace("MAILTO=ops\n", ""));
    }
}
