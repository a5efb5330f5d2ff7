//! `group`: a group of accounts.

use super::shared::{account, armed, unit::run};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, Group as Known, Op, Query};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Group;

/// Makes sure that a group exists, or does not.
///
/// One that the account is in which the connection logs in as is not removed: it may be by this group that it logs in, or becomes root.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The name of the group.
    name: String,
    /// Its number. Default: the next free one.
    gid: Option<u32>,
    /// A new group gets a number from the system's range.
    #[serde(default)]
    system: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: account::Wanted,
}

pub struct GroupState {
    exists: bool,
    gid: Option<u32>,
}

impl State for GroupState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if self.exists {
            facets.insert("group".into(), "present".into());
            if let Some(gid) = self.gid {
                facets.insert("gid".into(), gid.to_string().into());
            }
        }
        facets
    }
}

impl Resource for Group {
    const NAME: &'static str = "group";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &["group", "gid"];
    const EXAMPLE: &'static str = "name: A group for deployments\ngroup:\n  name: deploy\n  gid: 2000\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["name", "gid"];
    type Spec = Spec;
    type State = GroupState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("group:{}", spec.name)))
    }

    fn footprint(_: &Spec) -> Footprint {
        Footprint::writes([Area::Accounts])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<GroupState> {
        account::check_name("group", &spec.name)?;
        let group = seen.group(&spec.name)?;
        if spec.state == account::Wanted::Absent && group.is_some() {
            let login = armed::login(seen)?;
            let groups = if login == "root" { None } else { seen.user(&login)?.map(|user| user.groups) };
            if groups.is_some_and(|groups| groups.contains(&spec.name)) {
                let fault = Fault::new(format!(
                    "the group `{}` is not removed: `{login}` is in it, as whom we log in",
                    spec.name
                ));
                let hint = "it may become root by it: take it out first, `user` with `groups` and `append: false`, which comes back by itself if need be";
                return Err(fault.hint(hint).into());
            }
        }
        // The number counts only where the task names one.
        Ok(GroupState { exists: group.is_some(), gid: group.filter(|_| spec.gid.is_some()).map(|g| g.gid) })
    }

    fn desired(spec: &Spec, _: &GroupState) -> Result<GroupState, Fault> {
        let exists = spec.state == account::Wanted::Present;
        Ok(GroupState { exists, gid: spec.gid.filter(|_| exists) })
    }

    fn ops(spec: &Spec, from: &GroupState, to: &GroupState) -> Vec<Op> {
        let gid = spec.gid.map(|gid| ["--gid".to_string(), gid.to_string()]).into_iter().flatten();
        let argv = match (from.exists, to.exists) {
            (false, true) => {
                let system = spec.system.then(|| "--system".to_string());
                ["groupadd".to_string()].into_iter().chain(system).chain(gid).collect::<Vec<_>>()
            }
            (true, true) if from.gid != to.gid => ["groupmod".to_string()].into_iter().chain(gid).collect(),
            (true, false) => vec!["groupdel".to_string()],
            _ => return vec![],
        };
        vec![run(argv.into_iter().chain([spec.name.clone()]))]
    }

    fn effects(spec: &Spec, _: &GroupState, to: &GroupState, _: &[Op]) -> Vec<Effect> {
        let query = Query::Group { name: spec.name.clone() };
        match (to.exists, spec.gid) {
            (false, _) => vec![Effect::Answer(query, Answer::Group(None))],
            (true, Some(gid)) => {
                vec![Effect::Answer(query, Answer::Group(Some(Known { name: spec.name.clone(), gid })))]
            }
            // Which number it will get is not known; nobody who asks for the group by name needs it.
            (true, None) => {
                let known = Known { name: spec.name.clone(), gid: account::UNKNOWN_ID };
                vec![Effect::Answer(query, Answer::Group(Some(known)))]
            }
        }
    }
}
