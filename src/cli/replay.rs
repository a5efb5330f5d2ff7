//! `replay`: shows the events of a recorded run.

use super::{Color, complain, outputs::Outputs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    event::{Event, SCHEMA},
    report::{
        Bad, Format, Lines, Redactor, Reporter,
        ci::{Ci, Service},
    },
};
use std::{
    fs::File,
    io::{BufRead, BufReader, IsTerminal, Write},
    path::PathBuf,
};

#[derive(Debug, clap::Args)]
pub struct Replay {
    /// What `apply --json` printed; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    view: View,
}

/// How to show it.
#[derive(Clone, Debug, clap::Args)]
pub struct View {
    /// As in a terminal (the default), as where there is none (with a line for each step), as the log of a CI service, or the events themselves
    #[arg(long, value_enum)]
    view: Option<Which>,
    #[command(flatten)]
    outputs: Outputs,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum Which {
    #[default]
    Terminal,
    Plain,
    Github,
    Gitlab,
    Json,
}

impl View {
    /// Whether it is text on the screen.
    pub(super) fn is_for_people(&self) -> bool {
        match self.view {
            Some(view) => view != Which::Json,
            None => !self.outputs.any(),
        }
    }
}

impl Replay {
    /// Prints it.
    ///
    /// # Errors
    /// A file that cannot be read or is no run.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        if self.file.as_os_str() == "-" {
            return show(std::io::stdin().lock(), "standard input", self.view, color);
        }
        let name = self.file.display().to_string();
        let file = File::open(&self.file)
            .map_err(|error| Diagnostic::error(format!("cannot read {name}")).cause(error))?;
        show(BufReader::new(file), &name, self.view, color)
    }
}

/// Shows the run that these lines are; what is odd about them is told behind it.
///
/// # Errors
/// When they are no run.
pub fn show(from: impl BufRead, name: &str, view: View, color: Color) -> Result<Exit, Diagnostics> {
    view.outputs.check()?;
    let terminal = std::io::stdout().is_terminal();
    // Who wants a file wants no more than that, unless they say so.
    let silent = view.outputs.any() && view.view.is_none();
    let format = match view.view.unwrap_or_default() {
        Which::Terminal => Format::Terminal,
        Which::Plain | Which::Github | Which::Gitlab => Format::Plain,
        Which::Json => Format::Json,
    };
    // What was secret is in none of it.
    let out: Box<dyn Write + Send> =
        if silent { Box::new(std::io::sink()) } else { Box::new(std::io::stdout()) };
    let reporter = Reporter::new(format, color.on(terminal), Redactor::default(), out);
    reporter.still();
    let service = match view.view {
        Some(Which::Github) => Some(Service::GitHub),
        Some(Which::Gitlab) => Some(Service::GitLab),
        _ => None,
    };
    let folder = std::env::current_dir().unwrap_or_default();
    reporter.ci(service.map(|service| Ci { service, root: folder.clone(), folder }));
    let events = view.outputs.collect(&reporter);
    let (mut odd, mut unknown, mut is_whole) = (Diagnostics::default(), vec![], false);
    for (line, read) in Lines::new(from) {
        let no_run = |why: String| Diagnostic::error(format!("{name} is no recorded run")).cause(why);
        match read {
            Ok(recorded) => {
                is_whole |= matches!(recorded.event, Event::RunFinished { .. });
                reporter.replay(recorded);
            }
            Err(Bad::Unknown(event)) => unknown.push(event),
            Err(Bad::Cut) => {
                let cut = format!("{name} ends in the middle of line {}", line);
                odd.push(Diagnostic::warning(cut).hint("the run was killed, or the disk was full"));
                is_whole = true;
            }
            Err(Bad::NoRun(why)) => {
                return Err(no_run(why)
                    .hint("`apply --json` prints one, `runs list` names those that are kept")
                    .into());
            }
            Err(Bad::Later(schema)) => {
                let why = format!("it is of version {schema} of the events, and this program knows {SCHEMA}");
                return Err(no_run(why)
                    .hint("show it with the program that made it, or with a later one")
                    .into());
            }
            Err(Bad::Unreadable(why)) => {
                return Err(Diagnostic::error(format!("cannot read {name}")).cause(why).into());
            }
        }
    }
    if !is_whole {
        let early = Diagnostic::warning(format!("{name} ends before the run did"));
        odd.push(early.hint("the run was killed or goes on, or this is not all that it printed"));
    }
    unknown.sort();
    unknown.dedup();
    if !unknown.is_empty() {
        let left_out = format!("left out: {}, of a later program", unknown.join(", "));
        odd.push(Diagnostic::warning(left_out));
    }
    odd.extend(view.outputs.write(&events));
    complain(&odd, color);
    Ok(Exit::Done)
}
