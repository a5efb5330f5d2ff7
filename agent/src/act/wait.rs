//! Waiting: a question repeated until it is answered as wanted.

use super::{Failed, follow::Follow, healthy, http};
use crate::pattern::{Pattern, Search};
use crate::secret::Content;
use crate::wire::{Output, Until, Wait};
use crate::{child, observe::ports, reason};
use std::io::{ErrorKind, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// How long one connection is listened to: what stands in for a service that is not up yet accepts one and says nothing.
const LISTEN: Duration = Duration::from_secs(10);
/// Bytes that are taken for what a service says of itself.
const SAID: usize = 64 << 10;

/// What was seen instead of what is waited for.
pub struct NotYet {
    pub why: String,
    pub output: Option<Output>,
    /// It will not come.
    pub hopeless: bool,
}

impl From<String> for NotYet {
    fn from(why: String) -> Self {
        Self { why, output: None, hopeless: false }
    }
}

/// Returns once the answer is as wanted, with what is kept of it.
///
/// # Errors
/// When time runs out: what was waited for and what was seen last.
pub fn wait(wait: &Wait, progress: &mut dyn FnMut(Content)) -> Result<Option<Output>, Failed> {
    let deadline = Instant::now() + Duration::from_secs(wait.timeout_s.into());
    let interval = Duration::from_millis(wait.interval_ms.clamp(50, 60_000).into());
    let mut last = String::new();
    let mut follow = None;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let began = Instant::now();
        let NotYet { why, output, hopeless } = match look(&wait.until, left, &mut follow) {
            Ok(output) => return Ok(output),
            Err(not_yet) => not_yet,
        };
        let pause = pause(&wait.until, interval, began.elapsed());
        if hopeless {
            let message =
                format!("it is in vain to wait for {}: {why}{}", goal(&wait.until), explain(&wait.until));
            return Err(Failed { message, output });
        }
        if Instant::now() + pause >= deadline {
            // The last look may have been long ago; one more would be too late.
            std::thread::sleep(deadline.saturating_duration_since(Instant::now()));
            let NotYet { why, output, .. } = match look(&wait.until, Duration::from_secs(1), &mut follow) {
                Ok(output) => return Ok(output),
                Err(late) if late.output.is_none() => NotYet { output, ..late },
                Err(late) => late,
            };
            let more = explain(&wait.until);
            let message = format!(
                "ran out of time after {} s waiting for {}: {why}{more}",
                wait.timeout_s,
                goal(&wait.until)
            );
            return Err(Failed { message, output });
        }
        if why != last {
            progress(Content::Clear(format!("waiting for {}: {why}", goal(&wait.until)).into()));
            last = why;
        }
        std::thread::sleep(pause);
    }
}

/// How long to leave the host alone after a look. To ask docker is work that a small host needs for what is waited for: it
/// takes at most a quarter of the time, as long as that keeps nobody waiting.
fn pause(until: &Until, interval: Duration, looked: Duration) -> Duration {
    match until {
        Until::ComposeHealthy { .. } => interval.max((looked * 3).min(Duration::from_secs(10))),
        _ => interval,
    }
}

fn goal(until: &Until) -> String {
    match until {
        Until::PortOpen { host, port } => format!("port {port} of {host} to open"),
        Until::PortClosed { host, port } => format!("port {port} of {host} to close"),
        Until::PathExists { path } => format!("{path} to appear"),
        Until::PathAbsent { path } => format!("{path} to go"),
        Until::FileHolds { path, pattern } => format!("`{}` in {path}", pattern.text),
        Until::PortSays { host, port, pattern } => format!("`{}` from port {port} of {host}", pattern.text),
        Until::Ports { host, .. } => format!("the ports of {host} to be open and closed as wanted"),
        Until::Succeeds(exec) => format!("`{}` to succeed", exec.argv.first().map_or("", String::as_str)),
        Until::Http(request) => format!("{} to answer", request.url),
        Until::ComposeHealthy { services, .. } => format!("healthy services ({})", services.join(", ")),
    }
}

/// What a person needs to see of what is not as it is waited for; empty where there is nothing to add.
pub fn explain(until: &Until) -> String {
    match until {
        Until::ComposeHealthy { project, services, jobs, .. } => healthy::explain(project, services, jobs),
        _ => String::new(),
    }
}

fn look<'a>(
    until: &'a Until,
    left: Duration,
    follow: &mut Option<Follow<'a>>,
) -> Result<Option<Output>, NotYet> {
    let exists = |path: &str| match rustix::fs::lstat(path) {
        Ok(_) => Ok(true),
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::NOTDIR) => Ok(false),
        Err(error) => Err(reason(error)),
    };
    let done: Result<(), NotYet> = match until {
        Until::PortOpen { host, port } => connect(host, *port, left).map(drop).map_err(NotYet::from),
        Until::PortClosed { host, port } => match connect(host, *port, left) {
            Ok(_) => Err("it is open".to_string().into()),
            Err(_) => Ok(()),
        },
        Until::PathExists { path } => match exists(path)? {
            true => Ok(()),
            false => Err("it is not there".to_string().into()),
        },
        Until::PathAbsent { path } => match exists(path)? {
            true => Err("it is there".to_string().into()),
            false => Ok(()),
        },
        Until::FileHolds { path, pattern } => {
            let follow = follow.get_or_insert_with(|| Follow::new(path, pattern));
            Ok(follow.look(Instant::now() + left)?)
        }
        Until::PortSays { host, port, pattern } => Ok(says(host, *port, pattern, left)?),
        Until::Ports { host, open, closed, timeout_ms } => Ok(probe(host, open, closed, *timeout_ms)?),
        Until::Succeeds(exec) => {
            let mut exec = exec.clone();
            let seconds = left.as_secs().max(1) as u32;
            exec.timeout_s = if exec.timeout_s == 0 { seconds } else { exec.timeout_s.min(seconds) };
            let output = child::run(&exec, &mut |_| {}).map_err(child::Failure::message)?;
            match output.code {
                0 => Ok(()),
                code => Err(NotYet {
                    why: format!("it exits with {code}"),
                    output: Some(output),
                    hopeless: false,
                }),
            }
        }
        Until::Http(request) => return http::ask(request).map(Some),
        Until::ComposeHealthy { project, services, jobs, .. } => healthy::look(project, services, jobs),
    };
    done.map(|()| None)
}

/// Which ports are not as they should be.
///
/// Those that must answer are asked by themselves, before thousands of others and again after them: a silence of the
/// others proves something only where the host was still heard.
fn probe(host: &str, open: &[u16], closed: &[(u16, u16)], timeout_ms: u32) -> Result<(), String> {
    let list = |ports: Vec<&u16>| ports.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let ranges: Vec<_> = open.iter().map(|port| (*port, *port)).collect();
    let all_answer = || -> Result<(), String> {
        let found = ports::scan(host, &ranges, timeout_ms)?;
        let shut: Vec<_> = open.iter().filter(|port| !found.contains(port)).collect();
        if shut.is_empty() { Ok(()) } else { Err(format!("closed but should be open: {}", list(shut))) }
    };
    all_answer()?;
    if closed.is_empty() {
        return Ok(());
    }
    let found = ports::scan(host, closed, timeout_ms)?;
    let stray: Vec<_> = found.iter().filter(|port| !open.contains(port)).collect();
    if stray.is_empty() { all_answer() } else { Err(format!("open but should be closed: {}", list(stray))) }
}

/// What came until then counts as all there is, so that `$` need not wait for more.
fn says(host: &str, port: u16, pattern: &Pattern, left: Duration) -> Result<(), String> {
    let until = Instant::now() + left.clamp(Duration::from_millis(200), LISTEN);
    let mut stream = connect(host, port, left)?;
    let (mut search, mut said, mut buffer) = (Search::new(pattern), 0, [0; 4096]);
    let why = loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() || said >= SAID {
            break String::new();
        }
        stream.set_read_timeout(Some(left)).map_err(reason)?;
        match stream.read(&mut buffer) {
            Ok(0) => break ", and has closed the connection".into(),
            Ok(count) => {
                said += count;
                if search.read(&buffer[..count]) || search.ends() {
                    return Ok(());
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => continue,
            Err(error) => break format!(": {}", reason(error)),
        }
    };
    Err(match said == 0 {
        true => format!("it has said nothing{why}"),
        false => format!("it says something else{why}"),
    })
}

fn connect(host: &str, port: u16, left: Duration) -> Result<TcpStream, String> {
    let limit = left.clamp(Duration::from_millis(200), Duration::from_secs(5));
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("{host}: {}", reason(error)))?;
    let mut why = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, limit) {
            Ok(stream) => return Ok(stream),
            Err(error) => why = reason(error),
        }
    }
    Err(why)
}
