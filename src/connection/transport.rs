//! A command running on the host, however it got there: its three streams and its end.

use openssh::Session;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::sync::watch;

pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

pub(super) struct Pipes {
    pub stdin: Writer,
    pub stdout: Reader,
    pub stderr: Reader,
    pub child: Running,
}

pub(super) enum Running {
    Process(Box<tokio::process::Child>),
    Remote(Box<openssh::Child<Arc<Session>>>),
}

impl Running {
    /// Waits a moment for the end and says how it was. What still runs then is ended, if it is a process of ours.
    pub async fn ended(self, patience: Duration) -> Option<Ended> {
        match self {
            Self::Process(mut child) => match tokio::time::timeout(patience, child.wait()).await {
                Ok(status) => {
                    status.ok().map(|status| Ended { code: status.code(), text: status.to_string() })
                }
                Err(_) => {
                    let _ = child.start_kill();
                    None
                }
            },
            Self::Remote(child) => match tokio::time::timeout(patience, child.wait()).await.ok()? {
                Ok(status) => Some(Ended { code: status.code(), text: status.to_string() }),
                Err(openssh::Error::Remote(_)) => {
                    Some(Ended { code: Some(127), text: "exit status: 127".into() })
                }
                Err(openssh::Error::RemoteProcessTerminated) => {
                    Some(Ended { code: None, text: "ended by a signal or with the connection".into() })
                }
                Err(_) => Some(Ended { code: None, text: "the ssh connection ended".into() }),
            },
        }
    }
}

/// How the far command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub code: Option<i32>,
    pub text: String,
}

/// Most of stderr that is kept, in bytes.
const KEPT: usize = 64 << 10;

/// The end of what the far side wrote to stderr, read all the time so that it never blocks.
#[derive(Clone)]
pub(super) struct Stderr {
    text: Arc<Mutex<Vec<u8>>>,
    /// How often the prompt was seen; the channel closes with the stream.
    prompts: watch::Receiver<usize>,
}

impl Stderr {
    /// Starts reading; `prompt` is counted (and not part of the text).
    pub fn read(mut stream: Reader, prompt: Option<String>) -> Self {
        let text = Arc::new(Mutex::new(vec![]));
        let (seen, prompts) = watch::channel(0);
        let kept = text.clone();
        tokio::spawn(async move {
            let mut buffer = vec![0; 4096];
            while let Ok(count @ 1..) = stream.read(&mut buffer).await {
                let mut text = lock(&kept);
                text.extend_from_slice(&buffer[..count]);
                if let Some(prompt) = &prompt {
                    while let Some(at) = find(&text, prompt.as_bytes()) {
                        text.drain(at..at + prompt.len());
                        seen.send_modify(|count| *count += 1);
                    }
                }
                let excess = text.len().saturating_sub(KEPT);
                text.drain(..excess);
            }
        });
        Self { text, prompts }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&lock(&self.text)).trim().to_string()
    }

    /// Waits until the prompt was seen `count` times; never returns when the stream ends before.
    pub async fn prompted(&self, count: usize) {
        if self.prompts.clone().wait_for(|seen| *seen >= count).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits for the end of the stream, a short while.
    pub async fn whole(&self) -> String {
        let mut prompts = self.prompts.clone();
        let end = async { while prompts.changed().await.is_ok() {} };
        let _ = tokio::time::timeout(Duration::from_millis(300), end).await;
        self.text()
    }
}

pub(super) fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}
