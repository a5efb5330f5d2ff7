//! What `command` and `shell` share: all but how the line becomes an argv.

use super::{Act, HostPath, Touch, join, nothing_comes};
use crate::{
    model::{Area, Footprint},
    resource::{Fault, Observe, Seen},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Answer, Exec, Op, Output, Query, ended_by_force},
};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

/// When a command is not run.
pub const GUARDS: &str = "`creates`, `removes`, `onlyif` or `unless` says that it is not needed";
/// What `changes: false` makes of it.
pub const LOOKS: &str = "With `changes: false` it only looks, also under `--check`, and counts as no change.";

/// What a line may be without touching anything else.
pub const CONTENT: &[&str] = &["cmd", "stdin", "env", "unless", "onlyif", "timeout"];

/// How a line becomes an argv.
pub trait CommandLine {
    fn argv(&self) -> Vec<String>;
}

/// Runs a command: every time, or only as long as a condition says that it is needed.
///
/// With `creates`, `removes`, `unless` or `onlyif` it is a state that is reached by running the command once. `touches` says what it
/// may change: without it, the task waits for all before it and all after wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[serde(bound = "C: serde::de::DeserializeOwned")]
pub struct Params<C> {
    /// The command line. `command` splits it into words by quotes, without a shell; `shell` gives it to a shell, `-c`.
    /// Needed unless `argv` is given.
    pub cmd: Option<C>,
    /// `command` only: the program and its arguments as a list, instead of `cmd`.
    pub argv: Option<Vec<String>>,
    /// `shell` only: the shell that gets the line, and `unless` and `onlyif`, by its whole path, e.g. `/bin/bash`. Default: `/bin/sh`.
    pub executable: Option<HostPath>,
    /// The folder to run in; a program that is named by a relative path (`./x`) is looked for there. Default: `/`.
    pub chdir: Option<HostPath>,
    /// Runs only while this path does not exist. Left out: no such condition.
    pub creates: Option<HostPath>,
    /// Runs only while this path exists. Left out: no such condition.
    pub removes: Option<HostPath>,
    /// A shell command that only looks; runs also under `--check`. When it succeeds, the command is not needed.
    /// Left out: no such condition.
    pub unless: Option<String>,
    /// A shell command that only looks; runs also under `--check`. When it fails, the command is not needed. Left out: no such condition.
    pub onlyif: Option<String>,
    /// Given on standard input. The place for a secret. Default: none.
    pub stdin: Option<Text>,
    /// Added to the command's environment. In a `PATH` that is given here its program is looked for as well. Default: none.
    #[serde(default)]
    pub env: IndexMap<String, Text>,
    /// Seconds until the command is ended. 0: an hour.
    #[serde(default)]
    pub timeout: u32,
    /// Seconds that it may go on in the background, whatever becomes of the link: what `async` of the task says.
    #[schemars(extend("x-internal" = true))]
    pub async_s: Option<u32>,
    /// The name of the job: given with `async`.
    #[schemars(extend("x-internal" = true))]
    pub async_job: Option<String>,
    /// Seconds between two looks at whether it has ended; 0: nobody waits, see `async_status`. What `poll` of the task says; 15 without.
    #[schemars(extend("x-internal" = true))]
    pub poll_s: Option<u32>,
    /// What the command changes. Left out: it may change anything, so it runs alone, in its place in the file.
    pub touches: Option<Vec<Touch>>,
    /// What the command looks at besides its program, if `touches` is given. Default: nothing.
    #[serde(default)]
    pub reads: Vec<Touch>,
    /// `false`: the command only looks. It runs also under `--check`, and counts as no change.
    #[serde(default = "yes")]
    pub changes: bool,
    /// Every exit code is as good as 0; a registered result has it in `rc`. That of a command that ran out of time (124) or was ended by
    /// a signal (129 and more) is not. A task with `failed_when` needs not say so.
    #[serde(default)]
    pub any_code: bool,
    /// What it prints is secret.
    #[serde(default)]
    pub secret: bool,
}

fn yes() -> bool {
    true
}

impl<C: CommandLine> Params<C> {
    fn argv(&self) -> Result<Vec<String>, Fault> {
        match (&self.cmd, &self.argv) {
            (Some(cmd), None) => {
                let mut argv = cmd.argv();
                if let (Some(shell), Some(first)) = (&self.executable, argv.first_mut()) {
                    *first = shell.to_string();
                }
                Ok(argv)
            }
            (None, Some(argv)) if argv.first().is_some_and(|program| !program.is_empty()) => Ok(argv.clone()),
            (None, Some(_)) => {
                Err(Fault::new("`argv` is empty").hint("write the program and its arguments: `[ls, /srv]`"))
            }
            (Some(_), Some(_)) => {
                Err(Fault::new("`cmd` and `argv` are both given").hint("leave one of them out"))
            }
            (None, None) => Err(Fault::new("no command is given").hint("write it as `cmd:`")),
        }
    }

    /// The name of its job, when it runs in the background.
    pub fn job(&self) -> Option<String> {
        self.async_s?;
        self.async_job.clone()
    }

    /// What contradicts itself.
    ///
    /// # Errors
    /// That a command which only looks is to go on in the background.
    pub fn check(&self) -> Result<(), Fault> {
        if self.async_s.is_some() && !self.changes {
            let fault = Fault::new("a command that only looks does not go on in the background");
            return Err(fault.hint("leave out `async`, or `changes: false`"));
        }
        Ok(())
    }

    fn exec(&self, argv: Vec<String>) -> Exec {
        Exec {
            env: self.env.iter().map(|(key, value)| (key.clone(), value.0.clone())).collect(),
            cwd: self.chdir.as_ref().map(ToString::to_string),
            stdin: self.stdin.as_ref().map(|text| text.0.clone()),
            timeout_s: self.timeout,
            // What was given a secret may print it.
            secret: self.secret
                || self.env.values().any(Text::is_secret)
                || self.stdin.as_ref().is_some_and(Text::is_secret),
            ..Exec::new(argv)
        }
    }

    /// A guard of the user's, run in the command's folder and environment, without its standard input.
    fn test(&self, script: &str) -> Query {
        let exec = self.exec(vec![self.shell().into(), "-c".into(), script.into()]);
        Query::Test(Exec { stdin: None, ..exec })
    }

    fn shell(&self) -> &str {
        self.executable.as_ref().map_or(SH, |shell| shell)
    }

    fn guarded(&self) -> bool {
        self.creates.is_some() || self.removes.is_some() || self.unless.is_some() || self.onlyif.is_some()
    }

    /// Whether it is an action rather than a state.
    pub fn acts(&self) -> bool {
        // Of one that nobody waits for, nobody can see that it was done.
        let is_left_alone = self.async_s.is_some() && self.poll_s == Some(0);
        self.changes && (!self.guarded() || is_left_alone)
    }

    /// The declared footprint; everything without one.
    pub fn footprint(&self) -> Footprint {
        let named = |path: &Option<HostPath>| path.as_ref().map(HostPath::area);
        let looks = [named(&self.chdir), named(&self.creates), named(&self.removes)].into_iter().flatten();
        let Some(touches) = &self.touches else {
            // A job is a part of everything.
            return if self.changes { Footprint::everything() } else { Footprint::reads([Area::Everything]) };
        };
        let mut footprint = Footprint::reads(Touch::areas(&self.reads)).and_reads(looks);
        if self.changes {
            footprint.writes = Touch::areas(touches);
            footprint.writes.extend(self.job().map(Area::Job));
            footprint.writes.extend([named(&self.creates), named(&self.removes)].into_iter().flatten());
        } else {
            footprint.reads.extend(Touch::areas(touches));
        }
        footprint
    }

    fn needed(&self, seen: &Seen) -> Observe<bool> {
        let paths: Vec<_> = [(&self.creates, false), (&self.removes, true)]
            .into_iter()
            .filter_map(|(path, wanted)| Some((path.as_ref()?, wanted)))
            .collect();
        let there = seen.each(paths.iter().map(|(path, _)| Query::There { path: path.to_string() }))?;
        let mut open = vec![];
        for ((path, wanted), answer) in paths.iter().zip(there) {
            match answer {
                Answer::There(false) => match nothing_comes(path, seen) {
                    Ok(()) if *wanted => return Ok(false),
                    comes => open.push(comes),
                },
                Answer::There(true) if *wanted => {}
                Answer::Failed(why) => return Err(Fault::new(why).into()),
                _ => return Ok(false),
            }
        }
        open.into_iter().collect::<Observe<()>>()?;
        // The user's own commands only when the paths did not settle it.
        let tests: Vec<_> = [(&self.unless, false), (&self.onlyif, true)]
            .into_iter()
            .filter_map(|(script, wanted)| Some((script.as_ref()?, wanted)))
            .collect();
        let ends = seen.each(tests.iter().map(|(script, _)| self.test(script)))?;
        for ((_, wanted), answer) in tests.iter().zip(ends) {
            match answer {
                Answer::Output(output) if (output.code == 0) == *wanted => {}
                Answer::Failed(why) => return Err(Fault::new(why).into()),
                _ => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What is there already: nothing if the command has to run, else that it ran.
    ///
    /// # Errors
    /// As [`Seen::get`]; a read-only command that fails is a fault.
    pub fn observe(&self, seen: &Seen) -> Observe<Act> {
        let argv = self.argv()?;
        let needed = self.needed(seen)?;
        if needed
            && let Some(query) = self.look()
            && let Answer::Output(output) = seen.get(query)?
            && output.code != 0
            && !(self.any_code && CODES.contains(&output.code) && !ended_by_force(output.code))
        {
            let is_final = ended_by_force(output.code);
            return Err(Fault { is_final, ..failed(&argv, self.shell(), &output) }.into());
        }
        Ok(if needed && self.changes { Act::default() } else { Act::new("run", self.shown(&argv)) })
    }

    /// That it ran.
    ///
    /// # Errors
    /// No command, or two.
    pub fn desired(&self) -> Result<Act, Fault> {
        Ok(Act::new("run", self.shown(&self.argv()?)))
    }

    /// The command, if it has to run.
    pub fn ops(&self, from: &Act) -> Vec<Op> {
        match self.argv() {
            Ok(argv) if from.0.is_empty() => {
                let ok = CODES.filter(|code| self.any_code && !ended_by_force(*code)).collect();
                let exec = self.exec(argv);
                match (self.job(), self.async_s) {
                    (Some(id), Some(seconds)) => {
                        let least = if exec.timeout_s == 0 { seconds } else { exec.timeout_s.min(seconds) };
                        let exec = Exec { timeout_s: least, ..exec };
                        vec![Op::Job { id, exec, poll_s: self.poll_s.unwrap_or(15), ok }]
                    }
                    _ => vec![Op::Exec { exec, ok }],
                }
            }
            _ => vec![],
        }
    }

    /// The command, when it has to run and does not only look.
    pub fn runs(&self) -> Option<Op> {
        self.ops(&Act::default()).pop().filter(|_| self.changes)
    }

    /// The command as a question, when it only looks.
    pub fn look(&self) -> Option<Query> {
        let argv = self.argv().ok().filter(|_| !self.changes)?;
        Some(Query::Test(self.exec(argv)))
    }

    /// The line as a person would type it. Secrets cannot be in it: they are refused in `cmd` and `argv`.
    fn shown(&self, argv: &[String]) -> String {
        match argv {
            [shell, flag, script] if shell == self.shell() && flag == "-c" => script.clone(),
            words => join(words),
        }
    }
}

const CODES: std::ops::RangeInclusive<i32> = 0..=255;

const SH: &str = "/bin/sh";

/// What helps where `/bin/sh` says that it does not know a word of bash: dash in its own words, and busybox.
pub fn words_of_bash(output: &Output) -> Option<String> {
    const SAID: [&str; 6] = [
        "Illegal option -o pipefail",
        "[[: not found",
        "Syntax error: redirection unexpected",
        "Syntax error: \"(\" unexpected",
        "source: not found",
        "Bad substitution",
    ];
    let said = String::from_utf8_lossy(output.stderr.bytes()).into_owned();
    let is_one = SAID.iter().any(|words| said.contains(words));
    is_one.then(|| "the host's /bin/sh is not bash: `executable: /bin/bash` of the task runs that".into())
}

fn failed(argv: &[String], sh: &str, output: &Output) -> Fault {
    // What a look printed to say why it failed is the message; a script of many lines would only bury it.
    let text = |printed: &Content| String::from_utf8_lossy(printed.bytes()).trim().to_string();
    let said = match (text(&output.stderr), text(&output.stdout)) {
        (stderr, stdout) if stderr.is_empty() => (stdout, output.stdout.is_secret()),
        (stderr, _) => (stderr, output.stderr.is_secret()),
    };
    let ended = match argv {
        [shell, flag, _] if shell == sh && flag == "-c" => {
            format!("the command exited with {}", output.code)
        }
        _ => format!("`{}` exited with {}", join(argv), output.code),
    };
    let fault = Fault::new(match said {
        (said, _) if said.is_empty() => ended,
        (_, true) => format!("{ended}: [secret]"),
        (said, false) => format!("{ended}: {said}"),
    });
    match words_of_bash(output).filter(|_| argv.first().is_some_and(|shell| shell == SH)) {
        Some(remedy) => fault.hint(remedy),
        None => fault,
    }
}
