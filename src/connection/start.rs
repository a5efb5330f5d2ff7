//! The controller's half of the start: talk to the bootstrap script until the agent's hello.

use super::bootstrap::{self, Attempt};
use super::error::{Kind, LinkError};
use super::explain::is_busy;
use super::ssh::{self, Master, random};
use super::transport::{Ended, Pipes, Reader, Running, Stderr, Writer, find};
use super::{Become, Options, Target, Way, agents, doas, sudo};
use crate::model::BecomeMethod;
use agent::frame::{self, Envelope, MAX_FRAME};
use agent::wire::{Hello, Response, Session, VERSION};
use std::io;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

/// Most that may be on its way before the far side is known to read, in bytes: less than any pipe holds.
const EARLY: usize = 32 << 10;
/// Most that a login may print before the script's first line, in bytes.
const NOISE: usize = 1 << 20;
/// For sending an agent over a slow line.
const UPLOAD: Duration = Duration::from_secs(300);

/// How commands get to the host.
pub(super) enum Carrier {
    Master(Master),
    /// A connection of its own for each.
    Fresh,
    Local,
}

/// An agent that has said hello, and has been sent the first frames.
pub(super) struct Started {
    pub reader: BufReader<Reader>,
    pub writer: Writer,
    pub stderr: Stderr,
    pub child: Running,
    pub hello: Hello,
    pub uploaded: bool,
}

enum Failed {
    Again(Attempt, String),
    /// The host has too many others connecting.
    Busy(LinkError),
    For(LinkError),
}

impl From<LinkError> for Failed {
    fn from(error: LinkError) -> Self {
        Self::For(error)
    }
}

/// Starts a process with all three streams piped.
pub(super) fn spawn(mut command: Command) -> io::Result<Pipes> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    Ok(Pipes {
        stdin: Box::new(child.stdin.take().expect("it is piped")),
        stdout: Box::new(child.stdout.take().expect("it is piped")),
        stderr: Box::new(child.stderr.take().expect("it is piped")),
        child: Running::Process(Box::new(child)),
    })
}

/// Starts the agent and sends it `first`, with as many tries as there are folders to try.
pub(super) async fn start(
    target: &Target,
    carrier: &Carrier,
    options: &Options,
    first: &[Vec<u8>],
) -> Result<Started, LinkError> {
    let mut attempt = Attempt { looks: options.session == Session::ReadOnly, ..Attempt::default() };
    let mut reasons = vec![];
    let mut tries = 0;
    loop {
        match try_once(target, carrier, options, first, attempt).await {
            Ok(started) => return Ok(started),
            Err(Failed::Busy(_)) if tries < ssh::RETRIES => {
                tries += 1;
                ssh::after_a_while(tries).await;
            }
            Err(Failed::Again(next, reason)) => {
                attempt = next;
                reasons.push(reason);
            }
            Err(Failed::For(error) | Failed::Busy(error)) => {
                return Err(reasons.into_iter().fold(error, LinkError::cause));
            }
        }
    }
}

async fn try_once(
    target: &Target,
    carrier: &Carrier,
    options: &Options,
    first: &[Vec<u8>],
    attempt: Attempt,
) -> Result<Started, Failed> {
    let host = &target.name;
    let nonce = format!("{:016x}", random());
    let r#become = target.r#become.as_ref();
    let password = r#become.and_then(|r#become| r#become.password.as_ref());
    // With a password nothing may be on stdin before sudo is done with it.
    let mut early = vec![];
    let mut later = first;
    while let Some((frame, rest)) = later.split_first() {
        if password.is_some() || early.len() + frame.len() > EARLY {
            break;
        }
        early.extend_from_slice(frame);
        later = rest;
    }
    let script = bootstrap::script(&nonce, attempt, early.len());
    let words = bootstrap::command(script, r#become, &nonce)
        .map_err(|message| LinkError::new(Kind::Become, host, message))?;
    let pipes = timeout(options.connect_timeout, run(target, carrier, options, &words))
        .await
        .map_err(|_| silent(target, options, "run a command"))??;
    let prompt = password.map(|_| bootstrap::prompt(&nonce));
    let mut talk = Talk {
        target,
        options,
        carrier,
        marker: bootstrap::marker(&nonce),
        reader: BufReader::with_capacity(256 << 10, pipes.stdout),
        noise: vec![],
        writer: pipes.stdin,
        stderr: Stderr::read(pipes.stderr, prompt),
        child: Some(pipes.child),
    };
    talk.send(&early).await;
    // A fresh connection is made meanwhile, and ssh itself says what is wrong with it.
    let patience = options.connect_timeout * if matches!(carrier, Carrier::Fresh) { 2 } else { 1 };
    let answered = talk.answer(password.map(|password| password.expose()), patience).await;
    let mut said = answered.map_err(|error| match carrier {
        Carrier::Fresh if is_busy(&talk.stderr.text()) => Failed::Busy(error),
        _ => Failed::For(error),
    })?;
    let uploaded = if let Some(arch) = said.strip_prefix("need ") {
        let embedded = agents::all().find(|agent| agent.arch == arch);
        let embedded = embedded.ok_or_else(|| no_agent(target, arch))?;
        let upload = async {
            talk.send(embedded.bytes).await;
            talk.answer(None, UPLOAD).await
        };
        said = timeout(UPLOAD, upload).await.map_err(|_| silent(target, options, "take the agent"))??;
        talk.send(&early).await;
        true
    } else {
        false
    };
    if said != "ready" {
        return Err(refused(target, &said, attempt));
    }
    for frame in later {
        // A large frame flows as the agent reads; what it answers fits into its buffer until we listen.
        timeout(UPLOAD, talk.send(frame)).await.map_err(|_| silent(target, options, "read requests"))?;
    }
    match timeout(options.connect_timeout, read_frame(&mut talk.reader)).await {
        Err(_) => Err(silent(target, options, "say hello").into()),
        Ok(Ok(Some(Envelope { body: Response::Hello(hello), .. }))) if hello.version == VERSION => {
            Ok(Started {
                reader: talk.reader,
                writer: talk.writer,
                stderr: talk.stderr,
                child: talk.child.take().expect("it is taken once"),
                hello,
                uploaded,
            })
        }
        Ok(Ok(Some(_))) => Err(LinkError::new(Kind::Agent, host, "the agent speaks another language").into()),
        // Cut short, damaged, or on a file system that became noexec.
        Ok(_) if !uploaded && !attempt.force => {
            Err(Failed::Again(Attempt { force: true, ..attempt }, "the cached agent did not start".into()))
        }
        Ok(_) => {
            let said = talk.stderr.whole().await;
            Err(LinkError::new(Kind::Agent, host, "the agent ended before it said hello")
                .cause(last(&said))
                .into())
        }
    }
}

async fn run(
    target: &Target,
    carrier: &Carrier,
    options: &Options,
    words: &[String],
) -> Result<Pipes, LinkError> {
    match (carrier, &target.way) {
        (Carrier::Master(master), _) => master.run(&target.name, words).await,
        (_, Way::Ssh(ssh)) => ssh::run_fresh(target, ssh, options, words),
        (_, Way::Local { prefix }) => {
            let mut all = prefix.iter().chain(words);
            let program = all.next().expect("there is a script");
            let mut command = Command::new(program);
            command.args(all).kill_on_drop(true).process_group(0);
            spawn(command).map_err(|error| {
                LinkError::new(Kind::Unreachable, &target.name, format!("{program} cannot be started"))
                    .cause(error.to_string())
            })
        }
    }
}

/// The talk with the script.
struct Talk<'a> {
    target: &'a Target,
    options: &'a Options,
    carrier: &'a Carrier,
    marker: String,
    reader: BufReader<Reader>,
    /// What was printed and is not the script's.
    noise: Vec<u8>,
    writer: Writer,
    stderr: Stderr,
    child: Option<Running>,
}

impl Talk<'_> {
    /// Sends bytes. A failure is not told: the far side's last words, which are read next, say more.
    async fn send(&mut self, bytes: &[u8]) {
        if self.writer.write_all(bytes).await.is_ok() {
            let _ = self.writer.flush().await;
        }
    }

    /// The script's next line, without the marker. Gives sudo the password when it asks.
    async fn answer(&mut self, password: Option<&[u8]>, patience: Duration) -> Result<String, LinkError> {
        let stderr = self.stderr.clone();
        let mut prompts = 1;
        loop {
            let line = timeout(patience, async {
                tokio::select! {
                    line = marked_line(&mut self.reader, &self.marker, &mut self.noise) => Some(line),
                    () = stderr.prompted(prompts), if password.is_some() => None,
                }
            });
            match line.await {
                Err(_) => {
                    let said = self.stderr.text();
                    return Err(silent(self.target, self.options, "start the agent").cause(last(&said)));
                }
                Ok(Some(Ok(Some(line)))) => return Ok(line),
                Ok(Some(_)) => return Err(self.ended().await),
                Ok(None) if prompts > 1 => {
                    let user = self.target.r#become.as_ref().map_or("", |r#become| &r#become.user);
                    return Err(sudo::wrong_password(&self.target.name, user));
                }
                Ok(None) => {
                    prompts += 1;
                    let mut line = password.unwrap_or_default().to_vec();
                    line.push(b'\n');
                    self.send(&line).await;
                    zeroize::Zeroize::zeroize(&mut line);
                }
            }
        }
    }

    /// Why the far side ended without a word to us.
    async fn ended(&mut self) -> LinkError {
        let said = self.stderr.whole().await;
        let ended = match self.child.take() {
            Some(child) => child.ended(Duration::from_secs(2)).await,
            None => None,
        };
        let code = ended.as_ref().and_then(|ended| ended.code);
        if let (Carrier::Fresh, Way::Ssh(ssh), Some(255)) = (self.carrier, &self.target.way, code) {
            return ssh::fresh_failed(self.target, ssh, self.options, &said).await;
        }
        if let Some(Become { user, method, .. }) = &self.target.r#become {
            let failed = match method {
                BecomeMethod::Sudo => sudo::failed,
                BecomeMethod::Doas => doas::failed,
            };
            if let Some(error) = failed(&self.target.name, user, &said) {
                return error;
            }
        }
        let noise = String::from_utf8_lossy(&self.noise).into_owned();
        LinkError::new(Kind::Agent, &self.target.name, "the login ended before the agent could be started")
            .cause(last(&said))
            .cause(last(&noise))
            .cause(ended.map(|Ended { text, .. }| text).unwrap_or_default())
            .hint("does the user have a shell? `ssh HOST sh -c true` must work")
    }
}

/// Reads up to a line with the marker and returns the rest of it; `None` when the stream ends before.
async fn marked_line(
    reader: &mut BufReader<Reader>,
    marker: &str,
    noise: &mut Vec<u8>,
) -> io::Result<Option<String>> {
    loop {
        let byte = match reader.read_u8().await {
            Ok(byte) => byte,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        if byte != b'\n' {
            noise.push(byte);
            if noise.len() > NOISE {
                return Err(io::Error::other("the login prints without end"));
            }
            continue;
        }
        let start = noise.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let Some(at) = find(&noise[start..], marker.as_bytes()) {
            let line = noise.split_off(start + at);
            return Ok(Some(String::from_utf8_lossy(&line[marker.len()..]).trim().to_string()));
        }
        noise.push(byte);
    }
}

/// Reads one frame; `None` at a clean end.
pub(super) async fn read_frame(reader: &mut BufReader<Reader>) -> io::Result<Option<Envelope<Response>>> {
    let length = match reader.read_u32_le().await {
        Ok(length) => length as usize,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > MAX_FRAME {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "something else writes into the agent's frames",
        ));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes).await?;
    frame::decode(&bytes).map(Some)
}

/// What the script said when it gave up.
fn refused(target: &Target, said: &str, attempt: Attempt) -> Failed {
    if let Some(arch) = said.strip_prefix("bad arch ") {
        return no_agent(target, arch).into();
    }
    let error = |reason: &str| {
        LinkError::new(Kind::Agent, &target.name, "there is no place for the agent")
            .cause(reason.trim_end_matches([';', ' ']))
            .hint("it needs 2 MB in a folder of the user's own from which programs can be run")
    };
    if let Some(next) = said.strip_prefix("bad next ") {
        let (count, reason) = next.split_once(' ').unwrap_or((next, ""));
        return match count.parse::<usize>() {
            // There are four folders.
            Ok(count) if attempt.skip + count < 4 => {
                Failed::Again(Attempt { force: true, skip: attempt.skip + count, ..attempt }, reason.into())
            }
            _ => error(reason).into(),
        };
    }
    error(said.strip_prefix("bad ").unwrap_or(said)).into()
}

fn no_agent(target: &Target, arch: &str) -> LinkError {
    let known: Vec<_> = agents::all().map(|agent| format!("Linux {}", agent.arch)).collect();
    LinkError::new(Kind::Agent, &target.name, format!("there is no agent for {arch}"))
        .hint(format!("this build has agents for: {}", known.join(", ")))
}

fn silent(target: &Target, options: &Options, what: &str) -> LinkError {
    let message = format!("the host did not {what} within {} s", options.connect_timeout.as_secs());
    LinkError::new(Kind::Unreachable, &target.name, message)
}

/// The last line that says something.
fn last(text: &str) -> String {
    text.lines().rev().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default().to_string()
}
