//! Links of users that are not there yet: an earlier task of the run makes them. One is opened when the first task acts as its user.

use super::{Act, ActError, Applied, Doing, Open, Opened};
use crate::{
    connection::cannot_become,
    diag::Exit,
    event::Failure,
    plan::{Ask, Asking, Seat},
};
use agent::{
    secret::Content,
    wire::{Answer, Apply, Query, Request},
};
use std::sync::Arc;
use tokio::sync::OnceCell;

/// A link that is opened when it is needed.
pub(super) struct Late {
    open: Arc<dyn Open>,
    host: String,
    seat: Seat,
    link: OnceCell<Arc<dyn Act>>,
}

/// Whether a seat could not be opened because its user cannot be become: perhaps for want of that user.
pub(super) fn may_be_missing(seat: &Seat, failure: &Failure) -> bool {
    seat.become_user.as_deref().is_some_and(|user| cannot_become(user, &failure.message))
}

impl Late {
    /// The link of a seat that could not be opened, when that is because there is no such user: which another link to the same machine
    /// tells.
    ///
    /// # Errors
    /// The failure, when it has another cause.
    pub async fn instead(
        open: &Arc<dyn Open>,
        host: &str,
        seat: &Seat,
        failure: Failure,
        other: Option<&Arc<dyn Act>>,
    ) -> Result<Arc<dyn Act>, Failure> {
        let (Some(user), Some(other), true) = (&seat.become_user, other, may_be_missing(seat, &failure))
        else {
            return Err(failure);
        };
        match other.ask(vec![Query::User { name: user.clone() }]).await?.as_slice() {
            [Answer::User(None)] => {
                let (open, host, seat) = (open.clone(), host.to_string(), seat.clone());
                Ok(Arc::new(Self { open, host, seat, link: OnceCell::new() }))
            }
            _ => Err(failure),
        }
    }

    async fn there(&self) -> Result<&Arc<dyn Act>, Failure> {
        let opened = self.link.get_or_try_init(|| async {
            let Opened { link, .. } = self.open.open(&self.host, &self.seat, vec![]).await?;
            Ok(link)
        });
        // The host itself is there: the other links tell when it is not.
        opened.await.map_err(|failure: Failure| Failure { exit: Exit::TaskFailed as u8, ..failure })
    }
}

impl Ask for Late {
    fn ask(&self, queries: Vec<Query>) -> Asking<'_> {
        Box::pin(async move { self.there().await?.ask(queries).await })
    }
}

impl Act for Late {
    fn apply<'a>(
        &'a self,
        apply: Apply,
        progress: Box<dyn FnMut(Content) + Send + 'a>,
    ) -> Doing<'a, Result<Applied, ActError>> {
        Box::pin(async move { self.there().await.map_err(ActError::Link)?.apply(apply, progress).await })
    }

    fn keep(&self, request: Request) -> Doing<'_, Result<(), Failure>> {
        Box::pin(async move { self.there().await?.keep(request).await })
    }

    fn close(&self) -> Doing<'_, ()> {
        Box::pin(async move {
            if let Some(link) = self.link.get() {
                link.close().await;
            }
        })
    }

    fn round_trips(&self) -> u64 {
        self.link.get().map_or(0, |link| link.round_trips())
    }

    fn notes(&self) -> Vec<String> {
        self.link.get().map(|link| link.notes()).unwrap_or_default()
    }

    fn is_open(&self) -> bool {
        self.link.initialized()
    }
}
