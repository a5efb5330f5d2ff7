//! The variables of other hosts: `hostvars.NAME.variable`, or `hostvar NAME "variable"` where the name is computed.

use super::{Cx, Env, Layer, Scope, expression::Found, trace::Way, variable::Place};
use crate::diag::{Diagnostic, Diagnostics};

/// What each host of an inventory knows.
pub trait Hosts: std::fmt::Debug + Send + Sync {
    /// The variables that a host has outside of any play; `None` when there is no such host.
    fn scope(&self, host: &str) -> Option<Scope>;
    fn names(&self) -> Vec<String>;
    /// Told when a template that is not rendered now mentions another host's variables.
    fn mentioned(&self) {}
    /// What to do about a value that is unknown for this reason, when it will stay so: such a value counts as one that isn't there.
    fn missing(&self, _why: &str) -> Option<&'static str> {
        None
    }
}

impl Cx<'_> {
    /// A part of a host's variable, rendered with what that host knows.
    pub(super) fn host_variable(
        &self,
        host: &str,
        names: &[&str],
        place: Place,
    ) -> Result<Found, Diagnostics> {
        let missing = |message: String| Diagnostic::error(message).at(&place());
        let Some(hosts) = self.scope.hosts() else {
            return Ok(Found::Missing(missing("there is no inventory here".into())));
        };
        let Some(scope) = hosts.scope(host) else {
            let error = missing(format!("no host is named `{}`", self.shown(host)));
            let known = hosts.names();
            return Ok(Found::Missing(error.suggest(host, known.iter().map(String::as_str))));
        };
        let watched = self.scope.watch().map(|watch| scope.watched(&watch.of_host(host)));
        let scope = watched.unwrap_or(scope);
        let Some((first, rest)) = names.split_first() else {
            let error = missing("the variables of a host cannot be used as a whole".into());
            return Err(error.hint(format!("name one: `hostvars.{}.NAME`", self.shown(host))).into());
        };
        let path = ["hostvars", host, first];
        let way = || Way { name: (*first).into(), path: [&path[..2], names].concat().join(".") };
        let Some((node, layer)) = scope.find(first) else {
            Cx { scope: &scope, ..*self }.note_unset(way);
            let error = missing(format!("{} has no variable `{}`", self.shown(host), self.shown(first)));
            let error = error.hint("what roles, plays and tasks set is not known of other hosts");
            return Ok(Found::Missing(error.suggest(first, scope.names())));
        };
        let value = match layer {
            Layer::Final => node.clone(),
            // How deep it is nested counts on, so that hosts that use each other in a circle come to an end.
            Layer::Raw => {
                let env = Env { scope: &scope, via: None, budget: self.budget };
                env.variable(&path, node, place, self.depth)?
            }
        };
        let found = self.walk(&value, &path, rest, place);
        if let Found::Value(node) = &found
            && let Some(why) = node.unknown()
            && let Some(hint) = hosts.missing(why)
        {
            return Ok(Found::Missing(
                missing("facts of another host are not known".into()).cause(why).hint(hint),
            ));
        }
        let cx = Cx { scope: &scope, ..*self };
        cx.note(&found, way, &value, rest);
        Ok(found)
    }
}
