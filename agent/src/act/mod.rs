//! Performs ops: guard first, then one op after the other, then the questions that the engine asks about the result.

mod file;
mod walk;

use crate::child;
use crate::frame;
use crate::observe::{Names, Observer};
use crate::secret::Content;
use crate::wire::{Apply, Op, Output, Query, Response};

/// Why an op did not succeed.
pub struct Failed {
    pub message: String,
    /// The failing command's, if it was one.
    pub output: Option<Output>,
}

impl From<String> for Failed {
    fn from(message: String) -> Self {
        Self { message, output: None }
    }
}

type Done = Result<Option<Output>, Failed>;

/// One task's change, from guard to answers.
pub fn apply(apply: &Apply, progress: &mut dyn FnMut(Content)) -> Response {
    let mut observer = Observer::default();
    for (query, digest) in &apply.guard {
        if frame::digest(&observer.answer(query)) != *digest {
            return Response::HostChanged { query: name(query) };
        }
    }
    let mut outputs = vec![];
    let mut names = Names::default();
    for (index, op) in apply.ops.iter().enumerate() {
        match perform(op, &mut names, progress) {
            Ok(output) => outputs.extend(output),
            Err(Failed { message, output }) => {
                return Response::OpFailed { index: index as u32, message, output };
            }
        }
    }
    // Accounts may have come into being: nothing that was read before acting is kept.
    let mut observer = Observer::default();
    Response::Applied { outputs, answers: apply.then.iter().map(|query| observer.answer(query)).collect() }
}

fn perform(op: &Op, names: &mut Names, progress: &mut dyn FnMut(Content)) -> Done {
    match op {
        Op::MakeFolder { path, attrs } => file::make_folder(path, attrs, names)?,
        Op::WriteFile { path, content, attrs, check } => {
            return file::write(path, content, attrs, check.as_deref(), names);
        }
        Op::SetAttrs { path, attrs } => file::set_attrs(path, attrs, names)?,
        Op::MakeLink { path, target } => file::make_link(path, target)?,
        Op::Exec { exec, ok } => {
            let output = child::run(exec, progress).map_err(child::Failure::message)?;
            let good = if ok.is_empty() { output.code == 0 } else { ok.contains(&output.code) };
            let program = exec.argv.first().map_or("", String::as_str);
            return if good { Ok(Some(output)) } else { Err(ended(program, output)) };
        }
        _ => return Err("not in this version".to_string().into()),
    }
    Ok(None)
}

/// The failure of a command that ran.
fn ended(program: &str, output: Output) -> Failed {
    let how = match output.code {
        124 => "ran out of time".to_string(),
        code if code > 128 => format!("was ended by signal {}", code - 128),
        code => format!("exited with {code}"),
    };
    Failed { message: format!("`{program}` {how}"), output: Some(output) }
}

/// A query as a person would name it.
fn name(query: &Query) -> String {
    match query {
        Query::File { path } | Query::Read { path, .. } | Query::List { path } => path.clone(),
        Query::User { name } => format!("user {name}"),
        Query::Group { name } => format!("group {name}"),
        Query::Ports { host, .. } => format!("ports of {host}"),
        Query::Test(exec) => format!("`{}`", exec.argv.first().map_or("", String::as_str)),
        Query::Run(probe) => {
            let text = format!("{probe:?}");
            text.split([' ', '(', '{']).next().unwrap_or_default().to_lowercase()
        }
    }
}
