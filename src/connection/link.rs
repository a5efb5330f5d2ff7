//! Requests over a link: many at once, and all of them told when the link is gone.

use super::error::{ApplyError, Kind, LinkError};
use super::flow::{Far, pulse, write};
use super::ssh::Master;
use super::start::{Carrier, Started, start};
use super::transport::lock;
use super::{Options, Target, Told, Way};
use agent::frame::{encode, parts};
use agent::secret::Content;
use agent::wire::{Answer, Apply, Hello, Output, Query, Request, Response, Session};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

/// Frames that may wait for the writer before a sender has to.
const QUEUED: usize = 256;
/// How long an end may take before it is forced.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// A session with a host's agent. Cheap to clone; the session ends with the last clone, or by [`Link::close`].
#[derive(Clone)]
pub struct Link {
    shared: Arc<Shared>,
    frames: mpsc::Sender<Message>,
    ended: watch::Receiver<bool>,
}

/// What opening gives.
pub struct Opened {
    pub link: Link,
    /// The agent's version and the host's facts.
    pub hello: Hello,
    /// The agent was not in the host's cache.
    pub uploaded: bool,
    /// An earlier run's connection was used.
    pub reused: bool,
    /// The answers to [`Options::first`].
    pub first: Vec<Answer>,
}

/// A change that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// One for each op that is a command.
    pub outputs: Vec<Output>,
    /// The answers to [`Apply::then`].
    pub answers: Vec<Answer>,
}

pub(super) enum Message {
    Frame { bytes: Vec<u8>, counts: bool },
    Close,
}

pub(super) struct Shared {
    pub(super) host: String,
    next: AtomicU32,
    pub(super) requests: Mutex<Requests>,
    /// Something came since the last flush.
    pub(super) heard: AtomicBool,
    /// We have ended the session ourselves.
    pub(super) closing: AtomicBool,
    pub(super) turns: AtomicU64,
    pub(super) last_heard: Mutex<Instant>,
    /// What the agent told that nobody has been shown yet.
    notes: Mutex<Vec<String>>,
    told: Told,
}

#[derive(Default)]
pub(super) struct Requests {
    pub(super) waiting: BTreeMap<u32, Waiting>,
    lost: Option<LinkError>,
}

pub(super) struct Waiting {
    /// For the error when the link is lost.
    what: String,
    pub(super) responses: mpsc::UnboundedSender<Response>,
}

/// A request on its way; forgotten when dropped.
struct Exchange {
    id: u32,
    shared: Arc<Shared>,
    responses: mpsc::UnboundedReceiver<Response>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        lock(&self.shared.requests).waiting.remove(&self.id);
    }
}

impl Exchange {
    async fn next(&mut self) -> Result<Response, LinkError> {
        self.responses.recv().await.ok_or_else(|| self.shared.lost())
    }

    /// The answer to a question. What is told before it is of earlier runs, and handed on or kept.
    async fn answer(&mut self) -> Result<Response, LinkError> {
        let mut answers = vec![];
        loop {
            match self.next().await? {
                Response::SomeAnswers(some) => answers.extend(some),
                Response::Answers(rest) => {
                    answers.extend(rest);
                    return Ok(Response::Answers(answers));
                }
                Response::Progress(told) if !told.is_secret() => {
                    let told = String::from_utf8_lossy(told.bytes()).into_owned();
                    match &self.shared.told.0 {
                        Some(hears) => hears(&told),
                        None => lock(&self.shared.notes).push(told),
                    }
                }
                Response::Progress(_) => {}
                response => return Ok(response),
            }
        }
    }
}

impl Shared {
    fn lost(&self) -> LinkError {
        let lost = lock(&self.requests).lost.clone();
        lost.unwrap_or_else(|| LinkError::new(Kind::Lost, &self.host, "the link is closed"))
    }

    fn register(self: &Arc<Self>, id: u32, what: String) -> Result<Exchange, LinkError> {
        let (sender, responses) = mpsc::unbounded_channel();
        let mut requests = lock(&self.requests);
        if let Some(lost) = &requests.lost {
            return Err(lost.clone());
        }
        requests.waiting.insert(id, Waiting { what, responses: sender });
        Ok(Exchange { id, shared: self.clone(), responses })
    }

    /// Fails all that waits, and all that comes.
    pub(super) fn fail(&self, error: LinkError) {
        let mut requests = lock(&self.requests);
        let pending: Vec<_> =
            std::mem::take(&mut requests.waiting).into_values().map(|waiting| waiting.what).collect();
        let shown = pending.iter().take(3).map(String::as_str).collect::<Vec<_>>().join(", ");
        let pending = match pending.len() {
            0 => String::new(),
            count @ 1..=3 => format!("in progress were {count}: {shown}"),
            count => format!("in progress were {count}: {shown}, ..."),
        };
        requests.lost = Some(error.cause(pending));
    }

    pub(super) fn encode(&self, request: &Request) -> Result<(u32, Vec<u8>), LinkError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let bytes = encode(id, request);
        let refused = |error: std::io::Error| {
            LinkError::new(Kind::Refused, &self.host, "the request cannot be sent").cause(error.to_string())
        };
        Ok((id, bytes.map_err(refused)?))
    }

    fn refused(&self, response: Response) -> LinkError {
        match response {
            Response::LeaseHeld { who, since_s } => {
                LinkError::new(Kind::LeaseHeld, &self.host, format!("held by another run of {who}"))
                    .cause(format!("since {since_s} s"))
                    .hint("wait for it to end; the lease ends with its connection")
            }
            Response::Refused(why) => {
                LinkError::new(Kind::Refused, &self.host, "the agent refuses").cause(why)
            }
            _ => LinkError::new(Kind::Refused, &self.host, "the agent's answer does not fit the request"),
        }
    }
}

impl Link {
    /// Connects, puts the agent in place, opens a session.
    ///
    /// # Errors
    /// All that [`Kind`] names but `Lost`.
    pub async fn open(target: &Target, options: &Options) -> Result<Opened, LinkError> {
        let carrier = match &target.way {
            Way::Ssh(ssh) if options.reuse => Carrier::Master(Master::open(target, ssh, options).await?),
            Way::Ssh(_) => Carrier::Fresh,
            Way::Local { .. } => Carrier::Local,
        };
        let opened = Self::open_on(target, &carrier, options, None).await;
        let (Err(error), Carrier::Master(Master { reused: true, .. })) = (&opened, &carrier) else {
            return opened;
        };
        if !matches!(error.kind, Kind::Lost | Kind::Unreachable | Kind::Agent) {
            return opened;
        }
        // The connection that an earlier run left is dead without knowing it, or full.
        Self::open_on(target, &Carrier::Fresh, options, None).await
    }

    /// Opens a session and, when given, sends one more request; its response is not waited for here.
    async fn open_on(
        target: &Target,
        carrier: &Carrier,
        options: &Options,
        disarm: Option<(&str, &mut bool)>,
    ) -> Result<Opened, LinkError> {
        let reused = matches!(carrier, Carrier::Master(Master { reused: true, .. }));
        let shared = Arc::new(Shared {
            host: target.name.clone(),
            next: AtomicU32::new(1),
            requests: Mutex::default(),
            heard: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            turns: AtomicU64::new(1),
            last_heard: Mutex::new(Instant::now()),
            notes: Mutex::default(),
            told: options.told.clone(),
        });
        let heartbeat_s = options.heartbeat.as_secs().min(u32::MAX.into()) as u32;
        let (who, run) = (options.who.clone(), options.run.clone());
        let (open, frame) =
            shared.encode(&Request::Open { session: options.session, who, run, heartbeat_s })?;
        let mut opening = shared.register(open, "opening the session".into())?;
        let mut frames = vec![frame];
        let mut exchange = None;
        let mut questions = parts(options.first.clone()).into_iter();
        let first = questions.next().unwrap_or_default();
        if let Some((token, _)) = &disarm {
            let (id, frame) = shared.encode(&Request::Disarm { token: (*token).to_string() })?;
            exchange = Some(shared.register(id, "disarming".into())?);
            frames.push(frame);
        } else if !first.is_empty() {
            let (id, frame) = shared.encode(&Request::Observe(first))?;
            exchange = Some(shared.register(id, "first questions".into())?);
            frames.push(frame);
        }
        let started = start(target, carrier, options, &frames).await?;
        let (hello, uploaded) = (started.hello.clone(), started.uploaded);
        let link = Self::run(shared.clone(), started, options.heartbeat);
        let response = timeout(options.connect_timeout, opening.next()).await.map_err(|_| {
            LinkError::new(Kind::Unreachable, &target.name, "the agent does not open the session in time")
        })??;
        if response != Response::Opened {
            let error = shared.refused(response);
            link.close().await;
            return Err(error);
        }
        let mut first = vec![];
        if let Some(mut exchange) = exchange {
            match (exchange.answer().await?, disarm) {
                (Response::Answers(answers), None) => {
                    first = answers;
                    first.extend(link.observe(questions.flatten().collect()).await?);
                }
                (Response::Disarmed { was_armed }, Some((_, armed))) => *armed = was_armed,
                (other, _) => return Err(shared.refused(other)),
            }
        }
        Ok(Opened { link, hello, uploaded, reused, first })
    }

    /// Starts the tasks: a writer, a pulse, and a reader that outlives both and tells the end.
    fn run(shared: Arc<Shared>, started: Started, heartbeat: Duration) -> Self {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let (ended_sender, ended) = watch::channel(false);
        let writer = tokio::spawn(write(shared.clone(), receiver, started.writer));
        let pulse = tokio::spawn(pulse(shared.clone(), sender.downgrade(), heartbeat));
        *lock(&shared.last_heard) = Instant::now();
        let far = Far { reader: started.reader, stderr: started.stderr, child: started.child };
        let state = shared.clone();
        tokio::spawn(async move {
            far.serve(state, pulse, heartbeat).await;
            writer.abort();
            let _ = ended_sender.send(true);
        });
        Self { shared, frames: sender, ended }
    }

    /// Asks. Any number of requests may be on their way; dropping the future forgets the answer.
    ///
    /// # Errors
    /// `Lost` when the link is gone, `Refused` when the agent does not answer such a request.
    pub async fn observe(&self, queries: Vec<Query>) -> Result<Vec<Answer>, LinkError> {
        let what = match queries.first() {
            Some(_) => format!("{} question(s)", queries.len()),
            None => return Ok(vec![]),
        };
        let mut exchanges = vec![];
        for part in parts(queries) {
            exchanges.push(self.send(&Request::Observe(part), what.clone()).await?);
        }
        let mut answers = vec![];
        for mut exchange in exchanges {
            match exchange.answer().await? {
                Response::Answers(some) => answers.extend(some),
                other => return Err(self.shared.refused(other)),
            }
        }
        Ok(answers)
    }

    /// Has the host keep something for the next run: [`Request::Remember`], [`Request::Settle`].
    ///
    /// # Errors
    /// `Lost` when the link is gone, `Refused` when the agent cannot keep it.
    pub async fn keep(&self, request: &Request) -> Result<(), LinkError> {
        match self.send(request, "keeping the record".into()).await?.answer().await? {
            Response::Remembered => Ok(()),
            other => Err(self.shared.refused(other)),
        }
    }

    /// Makes one task's change; `on_progress` gets the lines that its commands print.
    ///
    /// # Errors
    /// See [`ApplyError`].
    pub async fn apply(
        &self,
        apply: Apply,
        mut on_progress: impl FnMut(Content),
    ) -> Result<Applied, ApplyError> {
        let what = apply.task.clone();
        let mut exchange = self.send(&Request::Apply(apply), what).await?;
        loop {
            return match exchange.next().await? {
                Response::Progress(lines) => {
                    // The agent sends together what was printed together.
                    for line in lines.bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                        on_progress(Content::new(line, lines.is_secret()));
                    }
                    continue;
                }
                Response::Applied { outputs, answers } => Ok(Applied { outputs, answers }),
                Response::HostChanged { query } => Err(ApplyError::HostChanged { query }),
                Response::OpFailed { index, message, output } => {
                    Err(ApplyError::OpFailed { index, message, output })
                }
                Response::Refused(why) => Err(ApplyError::Refused(why)),
                other => Err(self.shared.refused(other).into()),
            };
        }
    }

    async fn send(&self, request: &Request, what: String) -> Result<Exchange, LinkError> {
        let (id, bytes) = self.shared.encode(request)?;
        let exchange = self.shared.register(id, what)?;
        let sent = self.frames.send(Message::Frame { bytes, counts: true }).await;
        sent.map_err(|_| self.shared.lost())?;
        Ok(exchange)
    }

    /// What the agent told of earlier runs, such as installations that went on without their link, since this was asked last.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut *lock(&self.shared.notes))
    }

    /// How often we sent something and then had to wait: the round trips of this session, the opening included.
    pub fn round_trips(&self) -> u64 {
        self.shared.turns.load(Ordering::Relaxed)
    }

    /// Ends the session, also for other clones, and waits a moment until the agent has ended: then the lease is free.
    pub async fn close(&self) {
        self.shared.closing.store(true, Ordering::Relaxed);
        let _ = timeout(PATIENCE, self.frames.send(Message::Close)).await;
        let mut ended = self.ended.clone();
        let _ = timeout(PATIENCE * 2, ended.wait_for(|ended| *ended)).await;
    }
}

/// Ends an armed revert over a connection of its own, which proves that the host can still be reached.
/// Says whether it was still armed.
///
/// # Errors
/// As [`Link::open`].
pub async fn disarm(target: &Target, options: &Options, token: &str) -> Result<bool, LinkError> {
    let carrier = match target.way {
        Way::Ssh(_) => Carrier::Fresh,
        Way::Local { .. } => Carrier::Local,
    };
    let options = Options { session: Session::ReadOnly, first: vec![], ..options.clone() };
    let mut was_armed = false;
    let mut pauses = [200, 400, 800].into_iter();
    let opened = loop {
        let began = Instant::now();
        let opened = Link::open_on(target, &carrier, &options, Some((token, &mut was_armed))).await;
        // What was started anew may not listen yet: where nobody answers at all, it is tried again.
        match (&opened, pauses.next().filter(|_| began.elapsed() < PATIENCE)) {
            (Err(e), Some(ms)) if e.kind == Kind::Unreachable => sleep(Duration::from_millis(ms)).await,
            _ => break opened?,
        }
    };
    opened.link.close().await;
    Ok(was_armed)
}
