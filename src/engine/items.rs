//! A task whose loop is about what an earlier task brought: its items one after the other, each as a task of its own would be.

use super::{Events, done::Done, executor::HostRun};
use crate::{
    event::{Event, Failure, Status},
    model::{Diff, FacetDiff},
    plan::{items_node, task_failure},
    resource::Fault,
    site::{HostTask, Preparation, PreparedItem},
};
use std::time::Duration;
use tokio::sync::watch;

impl HostRun {
    /// Does all items, also those behind one that fails. What breaks the link or is about more than one item ends it.
    pub(super) async fn do_items(
        &self,
        task: &HostTask,
        items: &[PreparedItem],
        events: &Events,
        mut cancel: watch::Receiver<bool>,
    ) -> Done {
        let mut all = vec![];
        let mut is_started = false;
        for (at, item) in items.iter().enumerate() {
            if at > 0 && task.pause_s > 0 {
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_secs(task.pause_s.into())) => {}
                    _ = cancel.wait_for(|cancelled| *cancelled) => {}
                }
            }
            if *cancel.borrow() {
                all.push((item, Done::quiet(Status::Blocked)));
                continue;
            }
            let done = self.do_item(task, item, &mut is_started, events, &cancel).await;
            let (done, _) = self.judged(task, done, &item.registered);
            let is_end = done.failure.is_some() && !done.own;
            all.push((item, done));
            if is_end {
                break;
            }
        }
        merge(all)
    }

    async fn do_item(
        &self,
        task: &HostTask,
        item: &PreparedItem,
        is_started: &mut bool,
        events: &Events,
        cancel: &watch::Receiver<bool>,
    ) -> Done {
        let prepared = match &item.preparation {
            Preparation::Ready(prepared) => prepared,
            Preparation::Sets(values) => return self.set(task, values),
            Preparation::Skip(_) => return Done::quiet(Status::Skipped),
            Preparation::NotYet(why, _) | Preparation::Awaits(why, _) => {
                let fault = Fault::new(format!("{why} is not known"));
                return Done::fatal(task_failure(task, &fault), None);
            }
            Preparation::Items(_) => unreachable!("an item has no loop of its own"),
        };
        match self.observe(task, &**prepared).await {
            Err(stopped) => stopped.into(),
            Ok((None, answers)) => self.nothing_to_do(&**prepared, answers),
            Ok((Some(_), _)) if task.only_looks => self.would_change(&**prepared),
            Ok((Some(change), _)) => {
                if let Some(strays) = self.strays(task, &change) {
                    return strays;
                }
                if !std::mem::replace(is_started, true) {
                    let (host, name) = (self.host.clone(), task.name.clone());
                    events(Event::TaskStarted { host, task: task.id, name });
                }
                match prepared.interlude() {
                    Some(interlude) => {
                        self.interlude(task, &interlude, &change, events, cancel.clone()).await
                    }
                    None => self.conclude(task, prepared, &change, events).await,
                }
            }
        }
    }
}

/// What the items come to together.
fn merge(all: Vec<(&PreparedItem, Done)>) -> Done {
    let any = |status: Status| all.iter().any(|(_, done)| done.status == status);
    let status = [Status::Failed, Status::Blocked, Status::Changed, Status::Ok].into_iter().find(|s| any(*s));
    let results = all.iter().map(|(_, done)| done.result.clone()).collect();
    let (acted, own) = (all.iter().any(|(_, done)| done.acted), all.iter().all(|(_, done)| done.own));
    let (mut facets, mut failures) = (vec![], vec![]);
    for (item, done) in all {
        let named =
            |facet: FacetDiff| FacetDiff { facet: format!("{}: {}", item.label, facet.facet), ..facet };
        facets.extend(done.diff.into_iter().flat_map(|diff| diff.facets).map(named));
        failures.extend(
            done.failure.map(|failure| Failure {
                message: format!("({}) {}", item.label, failure.message),
                ..failure
            }),
        );
    }
    let mut failures = failures.into_iter();
    let failure = failures.next().map(|first| Failure { more: failures.collect(), ..first });
    let diff = (!facets.is_empty()).then_some(Diff { facets });
    Done {
        status: status.unwrap_or(Status::Skipped),
        diff,
        failure,
        result: Some(items_node(results)),
        acted,
        own,
    }
}
