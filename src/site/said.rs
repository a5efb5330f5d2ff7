//! What a task's keywords come to for a host: all that must be known before it is prepared.

use super::{Place, expand::Expander, judge::number, scopes::RESULT};
use crate::{
    diag::Diagnostic,
    inventory::become_method,
    model::{Area, BecomeMethod, Origin},
    playbook::{Connection, Task},
    resources::Touch,
    template::{Scope, render},
    yaml::Node,
};

impl Expander<'_> {
    /// The value of a keyword, which must be known before the task is prepared. `None` also for what only facts can
    /// tell while there are none.
    pub(super) fn settle(&mut self, node: &Node, scope: &Scope) -> Option<Node> {
        let rendered = self.errors.take(render(node, scope))?;
        let Some(why) = rendered.unknown() else { return Some(rendered) };
        if !self.offline || why.starts_with(RESULT) {
            let error = Diagnostic::error("this must be known before the tasks run").at(&node.origin);
            let error = error.cause(format!("it needs {why}"));
            self.errors
                .push(error.hint("only variables may stand here; what a result decides can stand in `when`"));
        }
        None
    }

    /// The areas that the task touches besides what its resource says.
    pub(super) fn touches(&mut self, node: &Node, scope: &Scope) -> Vec<Area> {
        let Some(rendered) = self.settle(node, scope) else { return vec![] };
        self.errors.take(Touch::read(&rendered)).unwrap_or_default()
    }

    pub(super) fn seconds(&mut self, node: Option<&Node>, scope: &Scope) -> Option<u32> {
        number(node?, "a number of seconds", scope, self.offline, &mut self.errors)
    }

    pub(super) fn flag(&mut self, node: Option<Node>) -> bool {
        node.and_then(|node| self.errors.take(node.expect_bool("`true` or `false`"))).unwrap_or(false)
    }

    pub(super) fn text(&mut self, node: Option<Node>, what: &str) -> Option<(String, Origin)> {
        let node = node?;
        if node.secret {
            let error = Diagnostic::error("a secret cannot be used here").at(&node.origin);
            self.errors.push(error.hint("a name is shown wherever the task is"));
            return None;
        }
        let text = self.errors.take(node.expect_str(what))?.to_string();
        Some((text, node.origin))
    }

    /// What the task says, else what the inventory says of the host.
    pub(super) fn become_user(
        &mut self,
        elevate: Option<Node>,
        user: Option<Node>,
        method: Option<Node>,
        scope: &Scope,
    ) -> (Option<String>, BecomeMethod) {
        let mut from_host = |name: &str| {
            let node = scope.written(name).filter(|node| !node.is_null())?.clone();
            self.settle(&node, scope)
        };
        let elevate = elevate.or_else(|| from_host("ansible_become"));
        let user = user.or_else(|| from_host("ansible_become_user"));
        let method = method.or_else(|| from_host("ansible_become_method"));
        if !self.flag(elevate) {
            return (None, BecomeMethod::default());
        }
        let user = self.text(user, "the name of a user");
        let user = user.map_or_else(|| "root".into(), |(name, _)| name);
        let read = method.as_ref().and_then(|node| self.errors.take(become_method(node))).unwrap_or_default();
        let password = ["ansible_become_password", "ansible_become_pass"];
        let password =
            password.into_iter().find_map(|name| scope.written(name)).filter(|node| !node.is_null());
        if let (BecomeMethod::Doas, Some(method), Some(password)) = (read, method, password) {
            let error = Diagnostic::error("doas takes a password from a terminal only").at(&method.origin);
            let error = error.related(&password.origin, "this one cannot be given to it");
            self.errors.push(
                error.hint(
                    "let it do without: `permit nopass USER` in the host's /etc/doas.conf; or use `sudo`",
                ),
            );
        }
        (Some(user), read)
    }

    pub(super) fn place(&mut self, task: &Task, delegate: Option<Node>) -> Place {
        if let Some((name, origin)) = self.text(delegate, "the name of a host") {
            let name = if name == "127.0.0.1" { "localhost".into() } else { name };
            if name == self.host.name {
                return Place::Host;
            }
            if self.shared.inventory.host(&name).is_none() {
                let known = self.shared.inventory.hosts().map(|h| h.name.as_str()).chain(["localhost"]);
                let error = Diagnostic::error(format!("no host `{name}` to delegate to")).at(&origin);
                self.errors.push(error.suggest(&name, known));
            }
            return Place::Delegate(name);
        }
        match task.keywords.connection {
            Some(Connection::Local) if self.host.name != "localhost" => Place::Delegate("localhost".into()),
            _ => Place::Host,
        }
    }
}
