//! Links of somebody else's, with something before or behind their opening.

use super::{Doing, Open, Opened};
use crate::{event::Failure, plan::Seat};
use agent::wire::{Answer, Query};

/// What stands around the links of another: all but what it says here is theirs.
pub trait Around: Send + Sync {
    /// The links that it stands around.
    fn links(&self) -> &dyn Open;

    /// Whether a link may be opened at all.
    ///
    /// # Errors
    /// Why not.
    fn may_open(&self, _: &Seat) -> Result<(), Failure> {
        Ok(())
    }

    /// Sees a link that was opened.
    fn opened(&self, _host: &str, _: &Seat, _: &Opened) {}
}

impl<T: Around> Open for T {
    fn open<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        first: Vec<Query>,
    ) -> Doing<'a, Result<Opened, Failure>> {
        Box::pin(async move {
            self.may_open(seat)?;
            let opened = self.links().open(host, seat, first).await?;
            self.opened(host, seat, &opened);
            Ok(opened)
        })
    }

    fn disarm<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        token: &'a str,
    ) -> Doing<'a, Result<bool, Failure>> {
        self.links().disarm(host, seat, token)
    }

    fn is_local(&self, host: &str, seat: &Seat) -> bool {
        self.links().is_local(host, seat)
    }

    fn own_boot(&self) -> Option<String> {
        self.links().own_boot()
    }

    fn look<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        queries: Vec<Query>,
    ) -> Doing<'a, Result<Vec<Answer>, Failure>> {
        self.links().look(host, seat, queries)
    }

    fn reopen<'a>(&'a self, host: &'a str, seat: &'a Seat) -> Doing<'a, Result<Opened, Failure>> {
        Box::pin(async move {
            self.may_open(seat)?;
            self.links().reopen(host, seat).await
        })
    }
}
