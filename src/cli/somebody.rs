//! Whoever sits at the terminal while a run goes on.

use super::hidden::Quiet;
use crate::{
    engine::{Doing, Somebody},
    report::Reporter,
};
use agent::secret::{Content, Secret};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

/// Asks on the terminal, one question after the other.
pub struct AtTerminal {
    reporter: Reporter,
    turn: Mutex<()>,
}

impl AtTerminal {
    pub fn new(reporter: Reporter) -> Self {
        Self { reporter, turn: Mutex::new(()) }
    }
}

impl Somebody for AtTerminal {
    fn line<'a>(&'a self, text: &'a str, echo: bool) -> Doing<'a, Result<Content, String>> {
        Box::pin(async move {
            let _turn = self.turn.lock().await;
            let _held = self.reporter.hold();
            // Given back also when the run is stopped meanwhile: the thread that reads is not waited for.
            let quiet = if echo { None } else { Quiet::new() };
            if !echo && quiet.is_none() {
                return Err("there is no terminal on which typing can be hidden".into());
            }
            // What a terminal takes for a command is not in a question.
            let shown: String = text.chars().filter(|c| !c.is_control() || *c == '\n').collect();
            anstream::eprint!("{shown}: ");
            let read = tokio::task::spawn_blocking(|| {
                let mut line = Zeroizing::new(String::new());
                match std::io::stdin().read_line(&mut line) {
                    Ok(0) => Err("the input has ended".to_string()),
                    Ok(_) => Ok(line),
                    Err(error) => Err(error.to_string()),
                }
            });
            let line = read.await.map_err(|error| error.to_string())?;
            if quiet.is_some() {
                anstream::eprintln!();
            }
            let line = line?;
            let typed = line.trim_end_matches(['\n', '\r']);
            if echo {
                return Ok(Content::from(typed));
            }
            let secret = Secret::new(typed.as_bytes());
            self.reporter.hide(&secret);
            Ok(Content::Secret(secret))
        })
    }
}
