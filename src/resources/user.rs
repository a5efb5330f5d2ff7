//! `user`: an account.

use super::shared::{HostPath, Names, account, unit::run};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facets, Fault, Observe, Resource, Seen, State, Topic},
};
use agent::wire::{Answer, Op, Query, User as Known};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct User;

/// Makes sure that an account exists, with the properties that are named, or does not exist.
///
/// What is not named stays as it is. A new account can log in with a key only (it has no password). Removing an account leaves its home.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The login name.
    name: String,
    /// Its number. Default: the next free one.
    uid: Option<u32>,
    /// Primary group by name. It must exist. Default for a new account: a group of its own.
    group: Option<String>,
    /// Further groups, as a list or with commas between them. They must exist. Default: as it is.
    groups: Option<Names>,
    /// `true` (default): the account stays in other groups too. `false`: `groups` are all it is in.
    #[serde(default = "yes")]
    append: bool,
    /// The home folder. Default for a new account: `/home/NAME`.
    home: Option<HostPath>,
    /// Whether a new account's home is made. Default: true, for a system account false.
    create_home: Option<bool>,
    /// Login shell, e.g. `/bin/bash`, `/usr/sbin/nologin`. Default: as it is.
    shell: Option<HostPath>,
    /// The name of the person, or what the account is for. Default: as it is.
    comment: Option<String>,
    /// A new account gets a number from the system's range.
    #[serde(default)]
    system: bool,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: account::Wanted,
}

fn yes() -> bool {
    true
}

#[derive(Clone)]
pub struct UserState {
    name: String,
    user: Option<Known>,
    /// Which facets the task is about.
    named: Vec<&'static str>,
    /// A group of the account's name is there already: a new account becomes a member instead of making it.
    joins: bool,
}

impl State for UserState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let Some(user) = &self.user else { return facets };
        facets.insert("user".into(), "present".into());
        for name in &self.named {
            let value = match *name {
                "uid" => user.uid.to_string(),
                "group" => user.group.clone(),
                "groups" => user.groups.join(", "),
                "home" => user.home.clone(),
                "shell" => user.shell.clone(),
                _ => user.comment.clone(),
            };
            facets.insert((*name).into(), value.into());
        }
        facets
    }
}

impl Resource for User {
    const NAME: &'static str = "user";
    const TOPIC: Topic = Topic::System;
    const EXAMPLE: &'static str =
        "name: The account for deployments\nuser:\n  name: deploy\n  shell: /bin/bash\n  groups: [sudo]\n";
    const FREE: Option<&'static str> = Some("name");
    type Spec = Spec;
    type State = UserState;

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("user:{}", spec.name)))
    }

    fn footprint(spec: &Spec) -> Footprint {
        let home = spec.home.as_deref().map_or_else(|| format!("/home/{}", spec.name), str::to_string);
        Footprint::writes([Area::Accounts, Area::Path(home)])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<UserState> {
        account::check_name("user", &spec.name)?;
        if spec.state == account::Wanted::Absent && spec.name == "root" {
            return Err(Fault::new("the user `root` cannot be removed").hint("name another user").into());
        }
        let fields = [
            ("home", spec.home.as_deref()),
            ("shell", spec.shell.as_deref()),
            ("comment", spec.comment.as_deref()),
        ];
        for (field, value) in fields {
            account::check_field(field, value.unwrap_or_default())?;
        }
        let groups: Vec<&String> =
            spec.group.iter().chain(spec.groups.iter().flat_map(|groups| &groups.0)).collect();
        let query = |name: &&String| Query::Group { name: (*name).clone() };
        let user = Query::User { name: spec.name.clone() };
        let own = Query::Group { name: spec.name.clone() };
        seen.each([user, own].into_iter().chain(groups.iter().map(query)))?;
        if spec.state == account::Wanted::Present {
            for name in groups {
                account::check_name("group", name)?;
                if seen.group(name)?.is_none() {
                    seen.presume(format!("the host has no group `{name}`"))?;
                }
            }
        }
        let named = [
            ("uid", spec.uid.is_some()),
            ("group", spec.group.is_some()),
            ("groups", spec.groups.is_some()),
            ("home", spec.home.is_some()),
            ("shell", spec.shell.is_some()),
            ("comment", spec.comment.is_some()),
        ];
        let named = named.into_iter().filter(|(_, is)| *is).map(|(name, _)| name).collect();
        let joins = spec.group.is_none() && seen.group(&spec.name)?.is_some();
        Ok(UserState { name: spec.name.clone(), user: seen.user(&spec.name)?, named, joins })
    }

    fn desired(spec: &Spec, observed: &UserState) -> Result<UserState, Fault> {
        if spec.state == account::Wanted::Absent {
            return Ok(UserState { user: None, ..observed.clone() });
        }
        let mut user = observed.user.clone().unwrap_or_else(|| Known {
            name: spec.name.clone(),
            uid: account::UNKNOWN_ID,
            gid: account::UNKNOWN_ID,
            group: spec.name.clone(),
            home: format!("/home/{}", spec.name),
            shell: String::new(),
            comment: String::new(),
            groups: vec![],
        });
        user.uid = spec.uid.unwrap_or(user.uid);
        let set = |field: &mut String, value: Option<&str>| {
            if let Some(value) = value {
                *field = value.into();
            }
        };
        set(&mut user.group, spec.group.as_deref());
        set(&mut user.home, spec.home.as_deref());
        set(&mut user.shell, spec.shell.as_deref());
        set(&mut user.comment, spec.comment.as_deref());
        if let Some(Names(groups)) = &spec.groups {
            if !spec.append {
                user.groups.clear();
            }
            user.groups.extend(groups.iter().cloned());
            user.groups.sort_unstable();
            user.groups.dedup();
        }
        Ok(UserState { user: Some(user), ..observed.clone() })
    }

    fn ops(spec: &Spec, from: &UserState, to: &UserState) -> Vec<Op> {
        let Some(user) = &to.user else {
            return from.user.iter().map(|_| run(["userdel", &spec.name])).collect();
        };
        let before = &from.user;
        let mut options: Vec<String> = vec![];
        let mut option = |name: &str, named: bool, value: String, changed: bool| {
            if named && changed {
                options.extend([name.to_string(), value]);
            }
        };
        let differs = |get: fn(&Known) -> &str| before.as_ref().map(get) != Some(get(user));
        let uid = before.as_ref().map(|b| b.uid) != Some(user.uid);
        option("--uid", spec.uid.is_some(), user.uid.to_string(), uid);
        option("--gid", spec.group.is_some(), user.group.clone(), differs(|u| &u.group));
        option("--gid", from.joins && before.is_none(), spec.name.clone(), true);
        let groups = before.as_ref().map(|b| &b.groups) != Some(&user.groups);
        option("--groups", spec.groups.is_some(), user.groups.join(","), groups);
        let home = if before.is_some() { "--home" } else { "--home-dir" };
        option(home, spec.home.is_some(), user.home.clone(), differs(|u| &u.home));
        option("--shell", spec.shell.is_some(), user.shell.clone(), differs(|u| &u.shell));
        option("--comment", spec.comment.is_some(), user.comment.clone(), differs(|u| &u.comment));
        let verb = if before.is_some() {
            if options.is_empty() {
                return vec![];
            }
            vec!["usermod"]
        } else {
            let home =
                if spec.create_home.unwrap_or(!spec.system) { "--create-home" } else { "--no-create-home" };
            [vec!["useradd", home], if spec.system { vec!["--system"] } else { vec![] }].concat()
        };
        let verb = verb.into_iter().map(Into::into);
        vec![run(verb.chain(options).chain([spec.name.clone()]))]
    }

    fn effects(_: &Spec, _: &UserState, to: &UserState, _: &[Op]) -> Vec<Effect> {
        let query = Query::User { name: to.name.clone() };
        let mut effects = vec![Effect::Answer(query, Answer::User(to.user.clone()))];
        if let Some(user) = to.user.as_ref().filter(|user| user.group == user.name) {
            // A new account brings a group of its own.
            let group = agent::wire::Group { name: user.name.clone(), gid: user.gid };
            let query = Query::Group { name: user.name.clone() };
            effects.push(Effect::Answer(query, Answer::Group(Some(group))));
        }
        effects
    }
}
