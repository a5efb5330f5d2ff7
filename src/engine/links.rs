//! Links over ssh and to local processes, as the inventory says.

use super::{Act, ActError, Applied, Doing, Events, Open, Opened};
use crate::{
    connection::{self, ApplyError, Become, Link, LinkError, Options, Ssh, Target, Told, Way},
    diag::{Diagnostics, Exit},
    event::{Event, Failure},
    inventory::{ConnectionKind, ConnectionSpec},
    model::BecomeMethod,
    plan::{Ask, Asking, Seat, diagnostics_failure},
    site::{Place, Site},
};
use agent::{
    secret::{Content, Secret},
    wire::{Answer, Apply, Query, Request, Session, WAITING},
};
use std::{path::PathBuf, sync::Arc, time::Duration};

/// Opens links to the hosts of a site.
pub struct SshLinks {
    site: Arc<Site>,
    options: Options,
    ssh_config: Option<PathBuf>,
    known_hosts: Option<PathBuf>,
    become_password: Option<Secret>,
    events: Option<Events>,
}

impl SshLinks {
    /// `options.first` is ignored. `become_password` is for hosts whose inventory names none.
    pub fn new(
        site: Arc<Site>,
        options: Options,
        ssh_config: Option<PathBuf>,
        become_password: Option<Secret>,
    ) -> Self {
        Self { site, options, ssh_config, known_hosts: None, become_password, events: None }
    }

    /// The file with the keys of the hosts, in place of the user's own.
    #[must_use]
    pub fn pinned(self, known_hosts: Option<PathBuf>) -> Self {
        Self { known_hosts, ..self }
    }

    /// Where it goes at once what hosts tell while they keep us waiting.
    #[must_use]
    pub fn telling(self, events: Events) -> Self {
        Self { events: Some(events), ..self }
    }

    /// Where to, and the options for it.
    fn target(&self, host: &str, seat: &Seat) -> Result<(Target, Options), Failure> {
        let name = match &seat.place {
            Place::Host => host,
            Place::Delegate(other) => other,
        };
        let spec = self.site.connection(name).map_err(|d| diagnostics_failure(None, &d))?;
        let method = seat.become_method;
        // doas would read it from a terminal, and there is none.
        let password = match method {
            BecomeMethod::Sudo => spec.become_.password.clone().or_else(|| self.become_password.clone()),
            BecomeMethod::Doas => None,
        };
        let mut options = self.options.clone();
        if let Some(seconds) = spec.timeout {
            options.connect_timeout = Duration::from_secs(seconds.into());
        }
        if let Some(events) = self.events.clone() {
            let host = host.to_string();
            options.told = Told(Some(Arc::new(move |line: &str| events(told(&host, line)))));
        }
        let r#become = seat.become_user.clone().map(|user| Become { user, method, password });
        Ok((
            Target {
                name: name.into(),
                way: way(spec, self.ssh_config.clone(), self.known_hosts.clone()),
                r#become,
            },
            options,
        ))
    }
}

/// Whom it waits for is of the moment; what came of it is to be read also later.
fn told(host: &str, line: &str) -> Event {
    let (host, message) = (host.to_string(), line.to_string());
    if line.starts_with(WAITING) {
        Event::HostWaiting { host, message }
    } else {
        Event::Warning { host: Some(host), message }
    }
}

/// The way to a host that the inventory describes.
pub fn way(spec: ConnectionSpec, config: Option<PathBuf>, known_hosts: Option<PathBuf>) -> Way {
    match spec.kind {
        ConnectionKind::Local => Way::Local { prefix: spec.command_prefix },
        ConnectionKind::Ssh => Way::Ssh(Ssh {
            address: Some(spec.address),
            port: spec.port,
            user: spec.user,
            key: spec.key,
            config,
            known_hosts,
            args: spec.ssh_args,
        }),
    }
}

impl Open for SshLinks {
    fn open<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        first: Vec<Query>,
    ) -> Doing<'a, Result<Opened, Failure>> {
        Box::pin(async move {
            let (target, options) = self.target(host, seat)?;
            let session = session(seat, options.session);
            open(&target, &Options { first, session, ..options }).await
        })
    }

    fn disarm<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        token: &'a str,
    ) -> Doing<'a, Result<bool, Failure>> {
        Box::pin(async move {
            let (target, options) = self.target(host, seat)?;
            connection::disarm(&target, &options, token).await.map_err(link_failure)
        })
    }

    fn is_local(&self, host: &str, seat: &Seat) -> bool {
        self.target(host, seat).is_ok_and(|(target, _)| matches!(target.way, Way::Local { .. }))
    }

    fn own_boot(&self) -> Option<String> {
        connection::own_boot()
    }

    fn look<'a>(
        &'a self,
        host: &'a str,
        seat: &'a Seat,
        first: Vec<Query>,
    ) -> Doing<'a, Result<Vec<Answer>, Failure>> {
        Box::pin(async move {
            let (target, options) = self.target(host, seat)?;
            let options = Options { first, session: Session::ReadOnly, reuse: false, ..options };
            let opened = open(&target, &options).await?;
            opened.link.close().await;
            Ok(opened.first)
        })
    }

    fn reopen<'a>(&'a self, host: &'a str, seat: &'a Seat) -> Doing<'a, Result<Opened, Failure>> {
        Box::pin(async move {
            let (target, options) = self.target(host, seat)?;
            let session = session(seat, options.session);
            open(&target, &Options { first: vec![], session, reuse: false, ..options }).await
        })
    }
}

/// The kind of session that a seat's tasks need.
fn session(seat: &Seat, wanted: Session) -> Session {
    match (&seat.place, wanted) {
        // Many runs may look from one place.
        (Place::Delegate(_), Session::ReadWrite) => Session::Unleased,
        (_, session) => session,
    }
}

async fn open(target: &Target, options: &Options) -> Result<Opened, Failure> {
    let opened = Link::open(target, options).await.map_err(link_failure)?;
    let link = Arc::new(SshLink(opened.link));
    Ok(Opened { link, facts: opened.hello.facts, uploaded: opened.uploaded, first: opened.first })
}

struct SshLink(Link);

impl Ask for SshLink {
    fn ask(&self, queries: Vec<Query>) -> Asking<'_> {
        Box::pin(async move { self.0.observe(queries).await.map_err(link_failure) })
    }
}

impl Act for SshLink {
    fn apply<'a>(
        &'a self,
        apply: Apply,
        progress: Box<dyn FnMut(Content) + Send + 'a>,
    ) -> Doing<'a, Result<Applied, ActError>> {
        Box::pin(async move {
            match self.0.apply(apply, progress).await {
                Ok(applied) => Ok(Applied { outputs: applied.outputs, answers: applied.answers }),
                Err(ApplyError::HostChanged { query }) => Err(ActError::HostChanged(query)),
                Err(ApplyError::OpFailed { index, message, output }) => {
                    Err(ActError::OpFailed { index, message, output })
                }
                Err(ApplyError::Refused(why)) => {
                    Err(ActError::Link(failure(&format!("refused: {why}"), Exit::Bug)))
                }
                Err(ApplyError::Link(error)) => Err(ActError::Link(link_failure(error))),
            }
        })
    }

    fn keep(&self, request: Request) -> Doing<'_, Result<(), Failure>> {
        Box::pin(async move { self.0.keep(&request).await.map_err(link_failure) })
    }

    fn close(&self) -> Doing<'_, ()> {
        Box::pin(self.0.close())
    }

    fn round_trips(&self) -> u64 {
        self.0.round_trips()
    }

    fn notes(&self) -> Vec<String> {
        self.0.notes()
    }
}

fn failure(message: &str, exit: Exit) -> Failure {
    Failure {
        message: message.into(),
        causes: vec![],
        hint: None,
        exit: exit as u8,
        place: None,
        excerpt: None,
        output: vec![],
        more: vec![],
    }
}

fn link_failure(error: LinkError) -> Failure {
    let exit = error.exit();
    Failure { causes: error.causes, hint: error.hint, ..failure(&error.message, exit) }
}

impl super::Hosts for Site {
    fn gathered(&self, host: &str, facts: Option<&agent::wire::Facts>) {
        Self::gathered(self, host, facts);
    }

    fn looks_across(&self) -> bool {
        Self::looks_across(self)
    }

    fn names(&self) -> Vec<String> {
        self.hosts().to_vec()
    }

    fn tasks(
        &self,
        host: &str,
        facts: Option<&agent::wire::Facts>,
    ) -> Result<Arc<dyn crate::site::Prepare>, Diagnostics> {
        Ok(Site::tasks(self, host, facts)?)
    }
}
