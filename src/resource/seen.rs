//! What a resource may look at: answers, and nothing else.

use super::{Fault, Observe, Pause};
use crate::model::Area;
use agent::{
    secret::Content,
    wire::{Answer, Checksum, Group, Meta, Output, Probe, Query, Stat, User},
};
use std::cell::RefCell;

/// Where answers come from: the host, with the predicted effects of earlier tasks laid over.
pub trait Lookup {
    fn look(&self, query: &Query) -> Look;

    /// Whether an earlier task may explain what is missing on the host now: it changes any of these in a way that cannot be told before.
    fn may_still_come(&self, missing: &[Area]) -> bool;

    /// Whether what is missing may come in a way that nobody can tell before: from outside of the plan, or by a task that this one is said
    /// to need.
    fn lets_come(&self) -> bool {
        false
    }

    /// What earlier tasks install.
    fn packages_ahead(&self) -> PackagesAhead {
        PackagesAhead::Unasked
    }

    /// Whether an earlier task installs packages, which may bring what is at a path: in a place of theirs.
    fn packages_may_bring(&self, _path: &str) -> bool {
        false
    }
}

#[derive(Clone, Debug)]
pub enum Look {
    NotAsked,
    Known(Answer),
    /// An earlier task makes this unknowable before it has run; says which.
    Unknown(String),
}

/// What earlier tasks of a plan install, for the package manager to say now what it says of this one then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PackagesAhead {
    /// This is no plan, or not all before it is planned.
    Unasked,
    /// These with apt, or nothing.
    Apt(AptAhead),
    /// It cannot say so, `installs` or not: packages go as well, settings change, it is not apt.
    Unclear { installs: bool },
}

impl PackagesAhead {
    /// Whether something is installed.
    pub fn installs(&self) -> bool {
        match self {
            Self::Unasked => false,
            Self::Apt(ahead) => !ahead.names.is_empty(),
            Self::Unclear { installs } => *installs,
        }
    }
}

/// What earlier tasks of a plan install with apt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AptAhead {
    /// All of it, what comes along as well, as apt is told.
    pub names: Vec<String>,
    /// The options of the last installation.
    pub options: Vec<String>,
    /// The lists, or what is held, are others by then.
    pub moves: bool,
}

impl AptAhead {
    /// Whether apt, asked with these options for all at once, says of what is added what it says one after the other: it must not add what
    /// it left out before.
    pub fn goes_on_with(&self, options: &[String]) -> bool {
        // What only allows something makes no difference where it works without.
        let all_in = |these: &[String], those: &[String], but: &str| {
            let mut these = these.iter().filter(|option| !option.starts_with("--allow-"));
            these.all(|option| option == but || those.contains(option))
        };
        self.names.is_empty()
            || all_in(&self.options, options, "--install-recommends")
                && all_in(options, &self.options, "--no-install-recommends")
    }
}

/// The answers as one task sees them. Remembers what was used: that is the guard.
pub struct Seen<'a> {
    lookup: &'a dyn Lookup,
    asked: RefCell<Vec<(Query, Answer)>>,
}

impl<'a> Seen<'a> {
    pub fn new(lookup: &'a dyn Lookup) -> Self {
        Self { lookup, asked: RefCell::default() }
    }

    /// What was asked, with the answers.
    pub fn into_asked(self) -> Vec<(Query, Answer)> {
        self.asked.into_inner()
    }

    /// Answers to all of these, so that they travel in one round.
    ///
    /// # Errors
    /// [`Pause::Need`] with all that was not asked yet, [`Pause::NotYet`] when one cannot be known yet.
    pub fn all<const N: usize>(&self, queries: [Query; N]) -> Observe<[Answer; N]> {
        let answers = self.each(queries)?;
        Ok(answers.try_into().expect("one answer for each query"))
    }

    /// As [`Self::all`] for any number.
    ///
    /// # Errors
    /// As [`Self::all`].
    pub fn each(&self, queries: impl IntoIterator<Item = Query>) -> Observe<Vec<Answer>> {
        let (mut answers, mut need) = (vec![], vec![]);
        for query in queries {
            match self.lookup.look(&query) {
                Look::NotAsked => need.push(query),
                Look::Known(answer) => answers.push((query, answer)),
                Look::Unknown(why) => return Err(Pause::NotYet(why)),
            }
        }
        if !need.is_empty() {
            return Err(Pause::Need(need));
        }
        let mut asked = self.asked.borrow_mut();
        for (query, answer) in &answers {
            if !asked.iter().any(|(q, _)| q == query) {
                asked.push((query.clone(), answer.clone()));
            }
        }
        Ok(answers.into_iter().map(|(_, a)| a).collect())
    }

    /// The answer to one query. A host that could not answer is a fault.
    ///
    /// # Errors
    /// As [`Self::all`], and the host's own words when it failed to answer.
    pub fn get(&self, query: Query) -> Observe<Answer> {
        let [answer] = self.all([query])?;
        match answer {
            Answer::Failed(message) => Err(Fault::new(message).into()),
            answer => Ok(answer),
        }
    }

    /// `lstat` of a path.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn meta(&self, path: &str) -> Observe<Option<Meta>> {
        match self.get(Query::File { path: path.into() })? {
            Answer::Meta(meta) => Ok(meta),
            other => Err(unexpected(&other)),
        }
    }

    /// All that is known of a path, a link not followed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn stat(&self, path: &str, checksum: Option<Checksum>) -> Observe<Option<Stat>> {
        match self.get(Query::Stat { path: path.into(), checksum })? {
            Answer::Stat(stat) => Ok(stat.map(|stat| *stat)),
            other => Err(unexpected(&other)),
        }
    }

    /// Content of a regular file; `None` when there is none. `secret` when what is in it must not be shown.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn content(&self, path: &str, limit: u64, secret: bool) -> Observe<Option<Content>> {
        match self.get(Query::Read { path: path.into(), limit, secret })? {
            Answer::Content(content) => Ok(content),
            other => Err(unexpected(&other)),
        }
    }

    /// What a read-only command printed.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn run(&self, probe: Probe) -> Observe<Output> {
        match self.get(Query::Run(probe))? {
            Answer::Output(output) => Ok(output),
            other => Err(unexpected(&other)),
        }
    }

    /// An account.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn user(&self, name: &str) -> Observe<Option<User>> {
        match self.get(Query::User { name: name.into() })? {
            Answer::User(user) => Ok(user),
            other => Err(unexpected(&other)),
        }
    }

    /// A group.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn group(&self, name: &str) -> Observe<Option<Group>> {
        match self.get(Query::Group { name: name.into() })? {
            Answer::Group(group) => Ok(group),
            other => Err(unexpected(&other)),
        }
    }

    /// The answer may be another one by the time the task acts: what is done, and what is shown of it, stays the same.
    pub fn leave_open(&self, query: &Query) {
        self.asked.borrow_mut().retain(|(asked, _)| asked != query);
    }

    /// Whether packages of an earlier task may bring what is at a path where nothing is now, in a place of theirs.
    pub fn packages_may_bring(&self, path: &str) -> bool {
        self.lookup.packages_may_bring(path)
    }

    /// What earlier tasks install. What matters to later ones alone is only asked for where they are planned.
    pub fn packages_ahead(&self) -> PackagesAhead {
        self.lookup.packages_ahead()
    }

    /// Something the task needs is missing on the host (`why`). Fine when an earlier task may bring it; then the caller plans on its being
    /// there. `missing`: where on the host it would be, [`Area::Packages`] for a program.
    ///
    /// # Errors
    /// A fault when nothing earlier brings such a thing; [`Pause::NotYet`] when it may come all the same.
    pub fn presume(&self, missing: &[Area], why: impl Into<String>) -> Observe<()> {
        if self.lookup.may_still_come(missing) { Ok(()) } else { Err(self.lacks(missing, why)) }
    }

    /// As [`Self::presume`], where nothing can be planned before it is there: [`Pause::NotYet`] when an earlier task may bring it, else a
    /// fault.
    pub fn lacks(&self, missing: &[Area], why: impl Into<String>) -> Pause {
        let why = why.into();
        let comes = self.lookup.may_still_come(missing) || self.lookup.lets_come();
        if comes { Pause::NotYet(why) } else { Fault::new(why).into() }
    }
}

fn unexpected(answer: &Answer) -> Pause {
    Fault::new(format!("the agent's answer is of the wrong kind: {answer:?}")).into()
}
