//! Starts the built agent and speaks to it as the controller does.

use agent::frame;
use agent::wire::*;
use std::collections::HashMap;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Agent {
    pub child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    pub hello: Hello,
    next: u32,
    early: HashMap<u32, Response>,
    pub progress: Vec<String>,
}

impl Agent {
    /// An agent whose session is not opened yet, with a state folder of its own.
    pub fn start(state: &Path) -> Self {
        Self::start_in(&[], state)
    }

    /// `place` stands before the command.
    fn start_in(place: &[&str], state: &Path) -> Self {
        let mut words = place.iter().copied().chain([env!("CARGO_BIN_EXE_provision-agent")]);
        let mut child = Command::new(words.next().unwrap())
            .args(words)
            .env("PROVISION_AGENT_STATE", state)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take();
        let mut output = child.stdout.take().unwrap();
        let hello = frame::read::<Response>(&mut output).unwrap().unwrap();
        let (0, Response::Hello(hello)) = (hello.id, hello.body) else { panic!("no hello") };
        Self { child, input, output, hello, next: 1, early: HashMap::new(), progress: vec![] }
    }

    pub fn open(state: &Path, session: Session, run: &str) -> Self {
        let mut agent = Self::start(state);
        assert_eq!(agent.ask(open(session, run, 0)), Response::Opened);
        agent
    }

    pub fn open_in(place: &[&str], state: &Path, session: Session, run: &str) -> Self {
        let mut agent = Self::start_in(place, state);
        assert_eq!(agent.ask(open(session, run, 0)), Response::Opened);
        agent
    }

    pub fn send(&mut self, request: Request) -> u32 {
        let id = self.next;
        self.next += 1;
        frame::write(self.input.as_mut().unwrap(), id, &request).unwrap();
        id
    }

    /// The answer to one request; answers to others and progress are kept.
    pub fn answer(&mut self, id: u32) -> Response {
        if let Some(response) = self.early.remove(&id) {
            return response;
        }
        loop {
            let envelope = frame::read::<Response>(&mut self.output).unwrap().expect("the agent ended");
            match envelope.body {
                Response::Progress(line) => {
                    self.progress.push(String::from_utf8_lossy(line.bytes()).into_owned());
                }
                body if envelope.id == id => return body,
                body => _ = self.early.insert(envelope.id, body),
            }
        }
    }

    /// Reads until a line with this part comes.
    pub fn hears(&mut self, part: &str) {
        loop {
            let envelope = frame::read::<Response>(&mut self.output).unwrap().expect("the agent ended");
            match envelope.body {
                Response::Progress(line) => {
                    let line = String::from_utf8_lossy(line.bytes()).into_owned();
                    self.progress.push(line.clone());
                    if line.contains(part) {
                        return;
                    }
                }
                body => _ = self.early.insert(envelope.id, body),
            }
        }
    }

    pub fn ask(&mut self, request: Request) -> Response {
        let id = self.send(request);
        self.answer(id)
    }

    pub fn observe(&mut self, query: Query) -> Answer {
        match self.ask(Request::Observe(vec![query])) {
            Response::Answers(mut answers) => answers.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub fn act(&mut self, op: Op) -> Response {
        self.ask(change(vec![op]))
    }

    /// Acts and expects success.
    pub fn done(&mut self, op: Op) -> Vec<Output> {
        match self.act(op) {
            Response::Applied { outputs, .. } => outputs,
            other => panic!("{other:?}"),
        }
    }

    /// Acts and expects a failure with this message.
    pub fn fails(&mut self, op: Op) -> String {
        match self.act(op) {
            Response::OpFailed { message, .. } => message,
            other => panic!("{other:?}"),
        }
    }

    /// Ends stdin; the exit is the agent's.
    pub fn hang_up(mut self) -> std::process::ExitStatus {
        drop(self.input.take());
        self.child.wait().unwrap()
    }

    pub fn pid(&self) -> i32 {
        self.child.id() as i32
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
    }
}

pub fn open(session: Session, run: &str, heartbeat_s: u32) -> Request {
    Request::Open { session, who: "tests".into(), run: run.into(), heartbeat_s }
}

pub fn change(ops: Vec<Op>) -> Request {
    Request::Apply(Apply { task: "web : a task".into(), guard: vec![], ops, then: vec![], dues: None })
}

pub fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_string()
}

pub fn write(path: impl AsRef<Path>, content: &str) -> Op {
    Op::WriteFile { path: text(path), content: content.into(), attrs: Attrs::default(), check: None }
}

/// Brings back what nobody has confirmed below a path.
pub fn files(below: &Path) -> Op {
    Op::Earlier(Earlier::Files { below: vec![text(below)], units: vec![], login: false })
}

pub fn shell(script: &str) -> Exec {
    Exec::new(["sh", "-c", script])
}

pub fn exec(script: &str) -> Op {
    Op::Exec { exec: shell(script), ok: vec![] }
}

/// Whether a process is there and not a zombie.
pub fn alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with('Z'))
}

/// Waits for something that is sure to come; the limit is only there to end a test that has failed.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let until = std::time::Instant::now() + std::time::Duration::from_secs(120);
    while !condition() {
        assert!(std::time::Instant::now() < until, "{what} did not happen in time");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
