//! This machine through the real agent, and its files as they are.

use agent::{
    frame,
    wire::{Answer, Apply, Query, Request, Response, Session},
};
use lustores_provision::{
    diag,
    model::{Area, Source},
    resource::{Change, Look, Lookup, Mask, Outcome, Prepared},
    resources, yaml,
};
use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::Arc,
};

include!(concat!(env!("OUT_DIR"), "/agents.rs"));

/// The agent that is embedded in the program, as a file.
fn binary(folder: &Path) -> PathBuf {
    let path = folder.join("agent");
    if !path.exists() {
        let found = AGENTS.iter().find(|(arch, _)| *arch == std::env::consts::ARCH);
        let (_, bytes) = found.expect("an agent for this machine is embedded");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    }
    path
}

pub struct Agent {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    next: u32,
}

impl Agent {
    /// `place` stands before the command: `["ip", "netns", "exec", "name"]`, or nothing.
    pub fn open(place: &[String], folder: &Path, session: Session) -> Self {
        let binary = binary(folder).into_os_string();
        let mut words = place.iter().map(Into::into).chain([binary]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .env("PROVISION_AGENT_STATE", folder.join("state"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, mut output) = (child.stdin.take(), child.stdout.take().unwrap());
        let hello = frame::read::<Response>(&mut output).unwrap().unwrap();
        assert!(matches!(hello.body, Response::Hello(_)));
        let mut agent = Self { child, input, output, next: 1 };
        let open = Request::Open { session, who: "tests".into(), run: "law".into(), heartbeat_s: 0 };
        assert_eq!(agent.ask(open), Response::Opened);
        agent
    }

    pub fn ask(&mut self, request: Request) -> Response {
        frame::write(self.input.as_mut().unwrap(), self.next, &request).unwrap();
        self.next += 1;
        self.next_response()
    }

    fn next_response(&mut self) -> Response {
        loop {
            let response = frame::read::<Response>(&mut self.output).unwrap().expect("the agent ended").body;
            if !matches!(response, Response::Progress(_)) {
                return response;
            }
        }
    }

    /// What it answers, in however many messages.
    fn observe(&mut self, queries: Vec<Query>) -> Vec<Answer> {
        let (mut answers, mut response) = (vec![], self.ask(Request::Observe(queries)));
        while let Response::SomeAnswers(some) = response {
            answers.extend(some);
            response = self.next_response();
        }
        let Response::Answers(rest) = response else { panic!("no answers: {response:?}") };
        answers.extend(rest);
        answers
    }

    /// Plans a task on fresh answers.
    pub fn plan(&mut self, task: &dyn Prepared) -> Outcome {
        let answers = Answers::default();
        for _ in 0..8 {
            match task.plan(&answers, &Mask::new([1; 32])).unwrap() {
                Outcome::Need(queries) => {
                    let new = self.observe(queries.clone());
                    answers.0.borrow_mut().extend(queries.into_iter().zip(new));
                }
                outcome => return outcome,
            }
        }
        panic!("the questions do not end");
    }

    pub fn apply(&mut self, change: &Change) -> Response {
        let (guard, ops) = (change.guard.clone(), change.ops.clone());
        let response =
            self.ask(Request::Apply(Apply { task: "law".into(), guard, ops, then: vec![], dues: None }));
        if let (Some(token), Response::Applied { .. }) = (change.armed(), &response) {
            let disarmed = self.ask(Request::Disarm { token: token.into() });
            assert_eq!(disarmed, Response::Disarmed { was_armed: true });
        }
        response
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

#[derive(Default)]
struct Answers(RefCell<HashMap<Query, Answer>>);

impl Lookup for Answers {
    fn look(&self, query: &Query) -> Look {
        self.0.borrow().get(query).map_or(Look::NotAsked, |answer| Look::Known(answer.clone()))
    }

    fn may_still_come(&self, _: &[Area]) -> bool {
        false
    }
}

/// A task from its type and its parameters in YAML.
pub fn task(name: &str, parameters: &str) -> Box<dyn Prepared> {
    let source = Arc::new(Source { path: name.into(), text: parameters.into(), secret: false });
    let node = yaml::parse(&source).unwrap_or_else(|error| panic!("{}", diag::render(&error, false)));
    let row = resources::find(name).expect("a type of the table");
    (row.prepare)(&node).unwrap_or_else(|error| panic!("{}", diag::render(&error, false)))
}

/// Mode, owner, group and content (or target) by path.
pub type Tree = BTreeMap<PathBuf, (u32, u32, u32, Vec<u8>)>;

/// All that is below a folder.
pub fn tree(folder: &Path) -> Tree {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = path.symlink_metadata().unwrap();
        let bytes = if meta.is_dir() {
            found.extend(tree(&path));
            vec![]
        } else if meta.is_symlink() {
            fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
        } else {
            fs::read(&path).unwrap()
        };
        found.insert(path, (meta.mode(), meta.uid(), meta.gid(), bytes));
    }
    found
}
