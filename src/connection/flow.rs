//! The tasks behind a link: one writes, one keeps the pulse, one listens and tells the end.

use super::error::{Kind, LinkError};
use super::link::{Message, PATIENCE, Shared};
use super::start::read_frame;
use super::transport::{Reader, Running, Stderr, Writer, lock};
use agent::wire::{Request, Response};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncWriteExt, BufReader};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// Writes what is queued, as much at once as there is. The end of this task closes the agent's stdin, which ends it.
pub(super) async fn write(shared: Arc<Shared>, mut frames: mpsc::Receiver<Message>, mut writer: Writer) {
    while let Some(mut message) = frames.recv().await {
        let mut turn = false;
        loop {
            let Message::Frame { bytes, counts } = message else { return };
            turn |= counts;
            if writer.write_all(&bytes).await.is_err() {
                return;
            }
            match frames.try_recv() {
                Ok(next) => message = next,
                Err(_) => break,
            }
        }
        if writer.flush().await.is_err() {
            return;
        }
        if turn && shared.heard.swap(false, Ordering::Relaxed) {
            shared.turns.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Sends a sign of life three times per heartbeat and returns when the far side gave none for a whole one.
pub(super) async fn pulse(shared: Arc<Shared>, frames: mpsc::WeakSender<Message>, heartbeat: Duration) {
    if heartbeat.is_zero() {
        return std::future::pending().await;
    }
    loop {
        sleep(heartbeat / 3).await;
        if lock(&shared.last_heard).elapsed() > heartbeat {
            return;
        }
        let (Some(frames), Ok((_, bytes))) = (frames.upgrade(), shared.encode(&Request::Ping)) else {
            return std::future::pending().await;
        };
        // A full queue means that the writer is stuck; then silence decides.
        let _ = frames.try_send(Message::Frame { bytes, counts: false });
    }
}

/// The far side, as it is heard.
pub(super) struct Far {
    pub reader: BufReader<Reader>,
    pub stderr: Stderr,
    pub child: Running,
}

impl Far {
    /// Hands responses to those who wait, until the end; then tells everybody.
    pub async fn serve(
        mut self,
        shared: Arc<Shared>,
        mut pulse: tokio::task::JoinHandle<()>,
        heartbeat: Duration,
    ) {
        let why = tokio::select! {
            why = deliver(&shared, &mut self.reader) => why,
            _ = &mut pulse => format!("no sign of life for {} s", heartbeat.as_secs()),
        };
        pulse.abort();
        // The agent is gone, as we asked; what ssh still has to say about that is not waited for.
        if why.is_empty() && shared.closing.load(Ordering::Relaxed) {
            return shared.fail(LinkError::new(Kind::Lost, &shared.host, "the link is closed"));
        }
        let patience = if why.is_empty() { PATIENCE } else { Duration::ZERO };
        let ended = self.child.ended(patience).await;
        let said = self.stderr.text();
        let last = said.lines().last().unwrap_or_default().to_string();
        let error = LinkError::new(Kind::Lost, &shared.host, "the link to the agent is lost")
            .cause(why)
            .cause(ended.map(|ended| ended.text).unwrap_or_default())
            .cause(last);
        shared.fail(error);
    }
}

/// Reads until the end and says what was wrong; nothing, if it just ended.
async fn deliver(shared: &Shared, reader: &mut BufReader<Reader>) -> String {
    loop {
        let envelope = match read_frame(reader).await {
            Ok(Some(envelope)) => envelope,
            Ok(None) => return String::new(),
            Err(error) => return error.to_string(),
        };
        *lock(&shared.last_heard) = Instant::now();
        if envelope.body != Response::Pong {
            shared.heard.store(true, Ordering::Relaxed);
        }
        let requests = lock(&shared.requests);
        if let Some(waiting) = requests.waiting.get(&envelope.id) {
            // Who no longer waits has been cancelled.
            let _ = waiting.responses.send(envelope.body);
        }
    }
}
