//! The session: reads frames, hands requests to a pool of threads, writes answers as they are ready.

use crate::act::journal::Journal;
use crate::act::state::{self, Lease, NoLease};
use crate::frame::{self, Envelope};
use crate::observe::{self, facts};
use crate::wire::{Hello, Request, Response, Session, VERSION};
use crate::{act, child};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long what a killed run has left at work is waited for.
const LEFT_AT_WORK: Duration = Duration::from_secs(15 * 60);
/// Requests worked on at once. Threads are started as they are needed.
const MOST_WORKERS: usize = 32;
/// Bytes of output gathered before they are written even though more is coming.
const GATHER: usize = 256 << 10;

/// Seconds and nanoseconds since 1970.
pub fn now() -> (u64, u64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (since.as_secs(), since.subsec_nanos().into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Answers go out under one lock, gathered while other threads wait to add theirs.
struct Output {
    out: Mutex<(File, Vec<u8>)>,
    waiting: AtomicUsize,
}

impl Output {
    fn send(&self, id: u32, response: &Response) {
        let frame = frame::encode(id, response).unwrap_or_else(|error| {
            let refused = Response::Refused(format!("the answer cannot be sent: {error}"));
            frame::encode(id, &refused).expect("a short message fits")
        });
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut out = lock(&self.out);
        let (file, gathered) = &mut *out;
        gathered.extend(frame);
        let last = self.waiting.fetch_sub(1, Ordering::SeqCst) == 1;
        if last || gathered.len() > GATHER {
            // A controller that no longer reads has also closed our stdin, which ends the session.
            let _ = file.write_all(gathered);
            gathered.clear();
        }
    }
}

/// Requests waiting for a thread.
#[derive(Default)]
struct Queue {
    requests: VecDeque<(u32, Request)>,
    idle: usize,
    workers: usize,
}

struct Pool {
    queue: Mutex<Queue>,
    more: Condvar,
    output: Arc<Output>,
    /// `None` in a read-only session.
    journal: Option<Journal>,
    /// Held as long as the session.
    lease: Option<Lease>,
    /// Done once what a killed run has left at work is over: what is seen before that does not last.
    settled: Once,
}

impl Pool {
    fn add(self: &Arc<Self>, id: u32, request: Request) {
        let mut queue = lock(&self.queue);
        queue.requests.push_back((id, request));
        if queue.idle < queue.requests.len() && queue.workers < MOST_WORKERS {
            queue.workers += 1;
            let pool = self.clone();
            std::thread::spawn(move || pool.work());
        }
        self.more.notify_one();
    }

    fn work(&self) {
        loop {
            let mut queue = lock(&self.queue);
            while queue.requests.is_empty() {
                queue.idle += 1;
                queue = self.more.wait(queue).unwrap_or_else(|poisoned| poisoned.into_inner());
                queue.idle -= 1;
            }
            let (id, request) = queue.requests.pop_front().expect("it is not empty");
            drop(queue);
            let response = self.respond(id, request);
            self.output.send(id, &response);
        }
    }

    fn respond(&self, id: u32, request: Request) -> Response {
        self.settled.call_once(|| {
            if let (Some(_), Some(journal)) = (&self.lease, &self.journal) {
                act::packages::settle(journal.state(), journal.run(), LEFT_AT_WORK, &mut |line| {
                    self.output.send(id, &Response::Progress(line));
                });
            }
        });
        match request {
            Request::Observe(queries) => {
                let mut parts = frame::parts(observe::answers(&queries));
                let last = parts.pop().unwrap_or_default();
                for part in parts {
                    self.output.send(id, &Response::SomeAnswers(part));
                }
                Response::Answers(last)
            }
            Request::Apply(apply) => match &self.journal {
                Some(journal) => act::apply(&apply, journal, &mut |line| {
                    self.output.send(id, &Response::Progress(line));
                }),
                None => Response::Refused("the session is read-only".into()),
            },
            Request::Remember { name, text } => match (&self.lease, &self.journal) {
                (Some(_), Some(journal)) => act::record::keep(journal.state(), &name, &text)
                    .map_or_else(Response::Refused, |()| Response::Remembered),
                _ => Response::Refused("the session does not hold the lease".into()),
            },
            Request::Settle { task, dues } => match &self.journal {
                Some(journal) => act::owed::settle(journal, &task, &dues.book, &dues.owes, &dues.pays)
                    .map_or_else(Response::Refused, |_| Response::Remembered),
                None => Response::Refused("the session is read-only".into()),
            },
            Request::Disarm { token } => {
                match state::path().and_then(|folder| act::arm::disarm(&folder, &token)) {
                    Ok(was_armed) => Response::Disarmed { was_armed },
                    Err(why) => Response::Refused(why),
                }
            }
            Request::Ping => Response::Pong,
            Request::Open { .. } => Response::Refused("the session is open already".into()),
        }
    }
}

/// Serves one session and ends with everything it started (but what is declared to survive).
pub fn serve() -> ExitCode {
    child::raise_file_limit();
    let (input, output) = match take_streams() {
        Ok(streams) => streams,
        Err(error) => {
            eprintln!("provision-agent: cannot take over stdin and stdout: {error}");
            return ExitCode::FAILURE;
        }
    };
    let output =
        Arc::new(Output { out: Mutex::new((File::from(output), vec![])), waiting: AtomicUsize::new(0) });
    output.send(0, &Response::Hello(Hello { version: VERSION, facts: facts() }));
    // After a kill, a power cut: nobody else will.
    observe::private::sweep();
    child::sweep();
    let mut input =
        Input { heartbeat: Duration::ZERO, reader: BufReader::with_capacity(256 << 10, File::from(input)) };
    let ended = session(&mut input, &output);
    child::end_all();
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("provision-agent: {error}");
            ExitCode::FAILURE
        }
    }
}

fn session(input: &mut Input, output: &Arc<Output>) -> io::Result<()> {
    let mut pool: Option<Arc<Pool>> = None;
    while let Some(Envelope { id, body }) = input.next()? {
        match (body, &pool) {
            (Request::Open { session, who, run, heartbeat_s }, None) => {
                input.heartbeat = Duration::from_secs(heartbeat_s.into());
                match open(session, &run, &who, output) {
                    Ok(opened) => {
                        pool = Some(Arc::new(opened));
                        output.send(id, &Response::Opened);
                    }
                    Err(refused) => output.send(id, &refused),
                }
            }
            // Never queued behind work: it says that the agent is alive.
            (Request::Ping, Some(_)) => output.send(id, &Response::Pong),
            (request, Some(pool)) => pool.add(id, request),
            (_, None) => output.send(id, &Response::Refused("the session was not opened".into())),
        }
    }
    Ok(())
}

/// A session that may act writes a journal, and takes the lease unless it was delegated; a read-only one touches nothing.
fn open(session: Session, run: &str, who: &str, output: &Arc<Output>) -> Result<Pool, Box<Response>> {
    let (mut journal, mut lease) = (None, None);
    // Whoever only looks says as well that there is no place to act from.
    state::path().map_err(|why| Box::new(Response::Refused(why)))?;
    if session != Session::ReadOnly {
        if !state::safe_name(run) {
            return Err(Response::Refused(format!("the run {run:?} is not a plain name")).into());
        }
        let folder = state::folder().map_err(|why| Box::new(Response::Refused(why)))?;
        if session == Session::ReadWrite {
            lease = Some(Lease::take(&folder, run, who).map_err(|no| match no {
                NoLease::Held { who, since_s } => Box::new(Response::LeaseHeld { who, since_s }),
                NoLease::Failed(why) => Box::new(Response::Refused(why)),
            })?);
            // Only the one who holds the lease knows that no other run's folder is in use.
            state::prune(&folder, run);
        }
        journal = Some(Journal::new(folder, run));
    }
    let (queue, more) = (Mutex::default(), Condvar::new());
    Ok(Pool { queue, more, output: output.clone(), journal, lease, settled: Once::new() })
}

/// Moves stdin and stdout out of the way: a child that inherits 0 and 1 cannot touch the frames.
fn take_streams() -> io::Result<(OwnedFd, OwnedFd)> {
    let input = rustix::io::fcntl_dupfd_cloexec(io::stdin().as_fd(), 10)?;
    let output = rustix::io::fcntl_dupfd_cloexec(io::stdout().as_fd(), 10)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    // A hang-up of the link is told by the end of stdin, after which children are ended in order.
    // SAFETY: ignoring a signal installs no code.
    unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    Ok((input, output))
}

struct Input {
    reader: BufReader<File>,
    /// Silence after which the controller is taken for dead; zero waits for ever.
    heartbeat: Duration,
}

impl Input {
    fn next(&mut self) -> io::Result<Option<Envelope<Request>>> {
        frame::read(self)
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.reader.buffer().is_empty() && !self.heartbeat.is_zero() {
            let limit = Timespec { tv_sec: self.heartbeat.as_secs() as i64, tv_nsec: 0 };
            let ready = loop {
                match poll(&mut [PollFd::new(self.reader.get_ref(), PollFlags::IN)], Some(&limit)) {
                    Err(rustix::io::Errno::INTR) => {}
                    other => break other?,
                }
            };
            if ready == 0 {
                let message = format!("no word from the controller for {} s", self.heartbeat.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
        }
        self.reader.read(buffer)
    }
}
