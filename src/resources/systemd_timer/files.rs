//! The texts of a timer and its service.

use crate::{
    resource::Fault,
    resources::shared::{HostPath, OneOrMany, Words, account, unit::full_name},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Runs a command at given times: a timer and its service in `/etc/systemd/system`, loaded, enabled and started as one change.
///
/// What it did stands in the journal: `journalctl -u NAME`. A run that is under way goes on when the command changes.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// Without `.timer`: `backup` makes `backup.timer` and `backup.service`.
    pub name: String,
    /// What it runs, in words, without a shell; `%` and `$` stand for themselves. For a pipe: `/bin/sh -c '...'`. Not needed with `absent`.
    pub command: Option<Words>,
    /// As whom. Default: root.
    pub user: Option<String>,
    /// What it is for, in one line. Default: the timer's name.
    pub description: Option<String>,
    /// Where it runs. Default: `/`.
    pub working_directory: Option<HostPath>,
    /// Added to its environment. Others can read it: no place for secrets.
    #[serde(default)]
    pub environment: IndexMap<String, String>,
    /// When: `daily`, `Mon..Fri 03:15`, `*-*-01 04:00`, as in systemd.time(7). One or a list.
    #[serde(default)]
    pub on_calendar: OneOrMany<String>,
    /// So long after the host came up: `10min`. Needed unless `on_calendar` is given.
    pub on_boot: Option<String>,
    /// So long after it ran last: `1h`. Beside it, `on_boot` or `on_calendar` says when it runs first. Default: none.
    pub on_unit_active: Option<String>,
    /// Whether a time of `on_calendar` that was missed is caught up with. Default: false.
    pub persistent: Option<bool>,
    /// Each run waits up to so long, by chance: `15min`. Default: no such wait.
    pub randomized_delay: Option<String>,
    /// How late it may be so that runs of several timers fall together. Default: systemd's, `1min`.
    pub accuracy: Option<String>,
    /// Whether it starts at boot.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// `started` (default), `stopped`, or `absent`: stopped, disabled and removed.
    #[serde(default)]
    pub state: Wanted,
}

fn yes() -> bool {
    true
}

#[derive(Clone, Copy, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum Wanted {
    #[default]
    Started,
    Stopped,
    Absent,
}

const HEAD: &str = "# Written by provisioning: changes made here are lost.\n[Unit]\n";

/// A value in which `%` stands for itself.
fn literal(text: &str) -> String {
    text.replace('%', "%%")
}

/// A word as systemd reads it: in quotes with C's escapes where it holds anything but plain letters.
fn quoted(word: &str) -> String {
    let word = literal(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || "%+,-./:=@_$".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word;
    }
    let mut out = String::from("\"");
    for letter in word.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            control if control.is_control() => out.push_str(&format!("\\x{:02x}", control as u32)),
            other => out.push(other),
        }
    }
    out + "\""
}

fn one_line(field: &str, text: &str) -> Result<(), Fault> {
    if text.trim().is_empty() || text.chars().any(char::is_control) || text.ends_with('\\') {
        return Err(Fault::new(format!("`{field}` must be one line")).hint("it is one line of a unit file"));
    }
    Ok(())
}

impl Spec {
    /// Everything that can be wrong without asking a host.
    ///
    /// # Errors
    /// A fault that names it.
    pub fn check(&self) -> Result<(), Fault> {
        let name = &self.name;
        if name.ends_with(".timer") || name.ends_with(".service") || name.contains('@') {
            let fault = Fault::new(format!("`{}` is not the bare name of a timer", name.escape_debug()));
            return Err(fault.hint("without `.timer`, and no template: `backup`"));
        }
        full_name(&self.unit("timer"))?;
        if name.is_empty() {
            return Err(Fault::new("`name` is empty").hint("a name such as `backup`"));
        }
        if self.state == Wanted::Absent {
            return Ok(());
        }
        let spans = self.spans();
        for text in &self.on_calendar.0 {
            one_line("on_calendar", text)?;
        }
        for (field, text) in &spans {
            one_line(field, text)?;
        }
        if self.on_calendar.0.is_empty() && self.on_boot.is_none() {
            let fault = Fault::new(format!("nothing says when `{name}` runs first"));
            return Err(fault.hint("give `on_calendar: daily`, or `on_boot: 10min`"));
        }
        if self.persistent == Some(true) && self.on_calendar.0.is_empty() {
            let fault = Fault::new("`persistent` says nothing without `on_calendar`");
            return Err(fault.hint("only times of the calendar can be missed"));
        }
        if let Some(user) = &self.user {
            account::check_name("user", user)?;
        }
        if let Some(description) = &self.description {
            one_line("description", description)?;
        }
        for key in self.environment.keys() {
            let first = key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            if !first || !key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                let fault = Fault::new(format!("`{}` is not the name of a variable", key.escape_debug()));
                return Err(fault.hint("letters, digits and `_`"));
            }
        }
        let Some(program) = self.command.as_ref().and_then(|words| words.first()) else {
            let fault = Fault::new(format!("`command` is missing: `{name}` would run nothing"));
            return Err(fault.hint("give the program with its full path, and its arguments"));
        };
        if !program.starts_with('/')
            || !program.chars().all(|c| c.is_ascii_alphanumeric() || "/._+-".contains(c))
        {
            let fault = Fault::new(format!(
                "`command` begins with `{}`, which is no full path of a program",
                program.escape_debug()
            ));
            return Err(fault.hint("`command -v NAME` on the host tells it; a shell is `/bin/sh -c '...'`"));
        }
        Ok(())
    }

    pub fn unit(&self, kind: &str) -> String {
        format!("{}.{kind}", self.name)
    }

    /// The spans of time that are named, by their parameter.
    pub fn spans(&self) -> Vec<(&'static str, &String)> {
        [
            ("on_boot", &self.on_boot),
            ("on_unit_active", &self.on_unit_active),
            ("randomized_delay", &self.randomized_delay),
            ("accuracy", &self.accuracy),
        ]
        .into_iter()
        .filter_map(|(field, span)| Some((field, span.as_ref()?)))
        .collect()
    }

    fn description(&self) -> String {
        literal(self.description.as_deref().unwrap_or(&self.name))
    }

    pub fn timer(&self) -> String {
        let mut text = format!("{HEAD}Description={}\n\n[Timer]\n", self.description());
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
        self.on_calendar.0.iter().for_each(|when| line("OnCalendar", when.trim()));
        let keys = ["OnBootSec", "OnUnitActiveSec", "RandomizedDelaySec", "AccuracySec"];
        let spans = [&self.on_boot, &self.on_unit_active, &self.randomized_delay, &self.accuracy];
        for (key, span) in keys.iter().zip(spans) {
            span.iter().for_each(|span| line(key, span.trim()));
        }
        self.persistent.iter().for_each(|on| line("Persistent", if *on { "true" } else { "false" }));
        text + "\n[Install]\nWantedBy=timers.target\n"
    }

    pub fn service(&self) -> String {
        let words = self.command.as_deref().unwrap_or_default();
        // A variable is not what it names: all words are as they were written.
        let argv: Vec<String> = words.iter().map(|word| quoted(&word.replace('$', "$$"))).collect();
        let mut text = format!("{HEAD}Description={}\n\n[Service]\nType=oneshot\n", self.description());
        let mut line = |key: &str, value: &str| text.push_str(&format!("{key}={value}\n"));
        self.user.iter().for_each(|user| line("User", user));
        self.working_directory.iter().for_each(|path| line("WorkingDirectory", &literal(path)));
        for (key, value) in &self.environment {
            line("Environment", &quoted(&format!("{key}={value}")));
        }
        line("ExecStart", &argv.join(" "));
        text
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_reach_the_program_as_they_were_written() {
        for (word, there) in [
            ("/bin/x", "/bin/x"),
            ("", "\"\""),
            ("50%", "50%%"),
            ("it's", "\"it's\""),
            ("a \"b\" \\c", "\"a \\\"b\\\" \\\\c\""),
            ("two\nlines\u{1}", "\"two\\nlines\\x01\""),
            ("ä;", "\"ä;\""),
        ] {
            assert_eq!(quoted(word), there);
        }
    }
}
