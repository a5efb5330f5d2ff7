//! `script`: a program that the project brings along.

use super::shared::{Act, CommandLine, GUARDS, HostPath, Params, Touch, Words, join};
use crate::{
    model::{Address, Footprint},
    resource::{Fault, Manner, Observe, Resource, Seen, SourceParam, Topic, Untold, shows_at_once},
    yaml::Text,
};
use agent::wire::Op;
use agent::{secret::Content, wire};
use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Script;

/// Runs a script of `files/` on the host: every time, or only as long as a condition says that it is needed.
///
/// It is sent along, put into a private folder of the agent's (not `/tmp`, from which nothing may be run on many hosts), run, and
/// removed. Its first line says what runs it (`#!/bin/sh`), or `executable` does. `touches` says what it may change: without it, the task
/// waits for all before it and all after wait for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The script's text. Or `src`: the name of a file in `files/`, which a bare string stands for.
    content: Text,
    /// What the script is called while it runs: given with `src`.
    #[schemars(extend("x-internal" = true))]
    #[serde(default = "script")]
    src_name: String,
    /// Its arguments. No secret: they are seen by all who look at the host's processes.
    #[serde(default)]
    args: Vec<String>,
    /// What runs the script, with arguments of its own if need be: `/bin/bash -x`. Default: what its first line says.
    executable: Option<Words>,
    /// The folder to run in. Default: `/`.
    chdir: Option<HostPath>,
    /// Runs only while this path does not exist. Left out: no such condition.
    creates: Option<HostPath>,
    /// Runs only while this path exists. Left out: no such condition.
    removes: Option<HostPath>,
    /// A shell command that only looks; runs also under `--check`. When it succeeds, the script is not needed. Left out: no such condition.
    unless: Option<String>,
    /// A shell command that only looks; runs also under `--check`. When it fails, the script is not needed. Left out: no such condition.
    onlyif: Option<String>,
    /// Given on standard input. The place for a secret. Default: none.
    stdin: Option<Text>,
    /// Added to the script's environment. In a `PATH` that is given here `executable` is looked for as well. Default: none.
    #[serde(default)]
    env: IndexMap<String, Text>,
    /// Seconds until the script is ended. 0: an hour.
    #[serde(default)]
    timeout: u32,
    /// Seconds that it may go on in the background, whatever becomes of the link: what `async` of the task says.
    #[schemars(extend("x-internal" = true))]
    async_s: Option<u32>,
    /// The name of the job: given with `async`.
    #[schemars(extend("x-internal" = true))]
    async_job: Option<String>,
    /// Seconds between two looks at whether it has ended; 0: nobody waits, see `async_status`. What `poll` of the task says; 15 without.
    #[schemars(extend("x-internal" = true))]
    poll_s: Option<u32>,
    /// What the script changes. Left out: it may change anything, so it runs alone, in its place in the file.
    touches: Option<Vec<Touch>>,
    /// What the script looks at besides what runs it, if `touches` is given. Default: nothing.
    #[serde(default)]
    reads: Vec<Touch>,
    /// Every exit code is as good as 0; a registered result has it in `rc`. A task with `failed_when` needs not say so.
    #[serde(default)]
    any_code: bool,
    /// What it prints is secret.
    #[serde(default)]
    secret: bool,
}

fn script() -> String {
    "script".into()
}

impl Spec {
    fn is_secret(&self) -> bool {
        // A script from a vault may print what it holds.
        self.secret || self.content.is_secret()
    }

    /// All but the script itself is as with any command.
    fn params(&self) -> Params<Words> {
        let line = [std::slice::from_ref(&self.src_name), &self.args].concat();
        Params {
            cmd: None,
            argv: Some(line),
            executable: None,
            chdir: self.chdir.clone(),
            creates: self.creates.clone(),
            removes: self.removes.clone(),
            unless: self.unless.clone(),
            onlyif: self.onlyif.clone(),
            stdin: self.stdin.clone(),
            env: self.env.clone(),
            timeout: self.timeout,
            async_s: self.async_s,
            async_job: self.async_job.clone(),
            poll_s: self.poll_s,
            touches: self.touches.clone(),
            reads: self.reads.clone(),
            changes: true,
            any_code: self.any_code,
            secret: self.is_secret(),
        }
    }

    /// What is run: the script takes its place behind the interpreter.
    fn argv(&self) -> (Vec<String>, wire::Script) {
        let interpreter = self.executable.as_ref().map(Words::argv).unwrap_or_default();
        let script = wire::Script {
            name: self.src_name.clone(),
            content: Content::new(self.content.bytes(), self.is_secret()),
            at: interpreter.len() as u32,
        };
        ([interpreter, self.args.clone()].concat(), script)
    }
}

impl Resource for Script {
    const NAME: &'static str = "script";
    const TOPIC: Topic = Topic::Flow;
    const FACETS: &'static [&'static str] = &["run"];
    const UNTOLD: &'static [Untold] = &[Untold::Anything, Untold::Result];
    const MANNER: Manner = Manner::Acts { unless: GUARDS, besides: "" };
    const EXAMPLE: &'static str = "\
name: Prepare the data folder
script:
  src: prepare-data.sh
  executable: /bin/bash
  args: [--owner, app]
  creates: /srv/app/data/.prepared
  touches: [/srv/app]
";
    const FREE: Option<&'static str> = Some("src");
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "files", render: false, into: "content" }];
    const CONTENT: &'static [&'static str] =
        &["content", "args", "stdin", "env", "unless", "onlyif", "timeout"];

    type Spec = Spec;
    type State = Act;

    fn check(spec: &Spec) -> Result<(), Fault> {
        if spec.src_name.contains(['/', '\0', '\n']) || ["", ".", ".."].contains(&&*spec.src_name) {
            let fault = Fault::new(format!("`{}` is not the name of a file", spec.src_name.escape_debug()));
            return Err(fault.hint("leave it out: `src` gives it"));
        }
        if spec.executable.is_none() && !spec.content.bytes().starts_with(b"#!") && !is_program(&spec.content)
        {
            let fault = Fault::new("the script does not say what runs it");
            return Err(fault.hint("begin it with `#!/bin/sh`, or write `executable: /bin/sh`"));
        }
        shows_at_once::<Self>(spec)
    }

    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        spec.params().footprint()
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Act> {
        spec.params().observe(seen)
    }

    fn desired(spec: &Spec, _: &Act) -> Result<Act, Fault> {
        Ok(Act::new("run", join(&[std::slice::from_ref(&spec.src_name), &spec.args].concat())))
    }

    fn ops(spec: &Spec, from: &Act, _: &Act) -> Vec<Op> {
        let mut ops = spec.params().ops(from);
        for op in &mut ops {
            if let Op::Exec { exec, .. } | Op::Job { exec, .. } = op {
                let (argv, script) = spec.argv();
                (exec.argv, exec.script) = (argv, Some(script));
            }
        }
        ops
    }

    fn acts(spec: &Spec) -> bool {
        spec.params().acts()
    }

    fn is_command(_: &Spec) -> bool {
        true
    }

    fn runs(spec: &Spec) -> Option<Op> {
        Self::ops(spec, &Act::default(), &Act::default()).pop()
    }

    fn job(spec: &Spec) -> Option<String> {
        spec.params().job()
    }
}

/// A program that the kernel runs by itself.
fn is_program(content: &Text) -> bool {
    content.bytes().starts_with(b"\x7fELF")
}
