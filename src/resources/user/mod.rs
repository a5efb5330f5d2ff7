//! `user`: an account.

mod moved;
mod remove;
mod shadow;
mod skeleton;
mod spec;

use super::shared::{HostPath, Names, account, armed, unit::run};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, State, Topic, Untold},
};
use agent::{
    secret::Content,
    wire::{Answer, Earlier, Exec, Op, PasswordAge, Probe, Query, User as Known},
};
use shadow::{Kind, Password, Shadow};
use spec::{Spec, Update};

pub struct User;

#[derive(Clone)]
pub struct UserState {
    name: String,
    user: Option<Known>,
    /// Which facets the task is about.
    named: Vec<&'static str>,
    /// A group of the account's name is there already: a new account becomes a member instead of making it.
    joins: bool,
    /// What `/etc/shadow` has, where the task is about it and the account is there.
    shadow: Option<Shadow>,
    /// The password that is wanted, and whether it is to be locked.
    password: Option<Password>,
    lock: Option<bool>,
    /// Where the files of the home are, when they go along to another one.
    moves: Option<String>,
    /// Mail goes with it.
    mail: bool,
    /// The connection logs in as this account, or becomes it.
    ours: bool,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
}

impl UserState {
    fn password_facet(&self) -> Option<Facet> {
        let (shadow, password) = (self.shadow?, self.password.as_ref()?);
        Some(match password {
            Password::Hash(hash) if shadow.fits(password) => Facet::Secret(hash.bytes().to_vec()),
            _ => shadow.other().into(),
        })
    }

    /// The days of the limit that this facet shows.
    fn age(&self, facet: &str) -> Option<i64> {
        let at = PasswordAge::ALL.iter().position(|age| shadow::age_facet(*age) == facet)?;
        self.shadow?.ages[at]
    }
}

impl State for UserState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        if let Some(user) = &self.user {
            facets.insert("user".into(), "present".into());
            for name in &self.named {
                let facet: Option<Facet> = match *name {
                    "uid" => Some(user.uid.to_string().into()),
                    "group" => Some(user.group.clone().into()),
                    "groups" => Some(user.groups.join(", ").into()),
                    "home" => Some(user.home.clone().into()),
                    "shell" => Some(user.shell.clone().into()),
                    "password" => self.password_facet(),
                    "password lock" => {
                        self.shadow.zip(self.lock).map(|(shadow, lock)| shadow.lock(lock).into())
                    }
                    "expires" => self.shadow.map(|shadow| shadow::day(shadow.expires).into()),
                    "comment" => Some(user.comment.clone().into()),
                    name => self.age(name).map(|days| shadow::age(days).into()),
                };
                facets.extend(facet.map(|facet| ((*name).into(), facet)));
            }
            facets.extend(self.moves.clone().map(|place| ("home files".into(), place.into())));
        }
        if let Some(confirmed) = self.confirmed {
            facets.insert("confirmed".into(), armed::word(confirmed).into());
        }
        facets
    }
}

fn token(name: &str) -> String {
    armed::token("user", name)
}

/// What `/etc/shadow` has of an account that is there.
fn look(spec: &Spec, password: Option<&Password>, seen: &Seen) -> Observe<Shadow> {
    let query = Shadow::query(&spec.name, password, spec.ages());
    match seen.get(query)? {
        Answer::Output(said) => Shadow::read(&said).ok_or_else(|| {
            let fault = Fault::new(format!("/etc/shadow has no line of `{}`", spec.name));
            fault.hint("its password is kept elsewhere, or `pwconv` makes the line").into()
        }),
        other => Err(Fault::new(format!("not an answer about an account: {other:?}")).into()),
    }
}

impl Resource for User {
    const NAME: &'static str = "user";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = spec::FACETS;
    const UNTOLD: &'static [Untold] = &[Untold::Home];
    const EXAMPLE: &'static str =
        "name: The account for deployments\nuser:\n  name: deploy\n  shell: /bin/bash\n  groups: [sudo]\n";
    const FREE: Option<&'static str> = Some("name");
    const CONTENT: &'static [&'static str] = &["password", "comment", "shell", "uid", "groups"];
    type Spec = Spec;
    type State = UserState;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.check()
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("user:{}", spec.name)))
    }

    /// With its home it takes what another task makes there.
    fn also_owns(spec: &Spec) -> Vec<Address> {
        match spec.home_area() {
            Area::Path(home) if spec.remove => vec![Address(format!("path:{home}"))],
            _ => vec![],
        }
    }

    fn footprint(spec: &Spec) -> Footprint {
        let mail = spec.remove.then(|| Area::Path(remove::mail(&spec.name)));
        // Where a home comes from that moves, only the host says.
        let homes = spec::HOMES.iter().filter(|_| spec.move_home).map(|path| Area::Path((*path).into()));
        let reads = spec.skeleton.as_ref().map(HostPath::area);
        let writes = [Area::Accounts, spec.home_area()].into_iter().chain(mail).chain(homes);
        Footprint::writes(writes).and_reads(reads)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<UserState> {
        spec.check()?;
        let groups: Vec<&String> =
            spec.group.iter().chain(spec.groups.iter().flat_map(|groups| &groups.0)).collect();
        let query = |name: &&String| Query::Group { name: (*name).clone() };
        let user = Query::User { name: spec.name.clone() };
        let own = Query::Group { name: spec.name.clone() };
        let login = Query::Run(Probe::LoginUser);
        seen.each([user, own, login].into_iter().chain(groups.iter().map(query)))?;
        if !spec.is_absent() {
            for name in groups {
                account::check_name("group", name)?;
                if seen.group(name)?.is_none() {
                    seen.presume(&[Area::Accounts], format!("the host has no group `{name}`"))?;
                }
            }
        }
        let user = seen.user(&spec.name)?;
        let login = armed::login(seen)?;
        if spec.is_absent() && spec.name == login && user.is_some() {
            let fault = Fault::new(format!("the user `{login}` is not removed: we log in as this one"));
            return Err(fault.hint("log in as another one, `ansible_user`, and remove it then").into());
        }
        let mut mail = false;
        if let Some(user) = user.as_ref().filter(|_| spec.remove) {
            mail = remove::look(spec, user, seen)?;
        }
        let ours = user.is_some() && (spec.name == login || spec.name == "root");
        let moves = match user.as_ref().filter(|_| !spec.is_absent()) {
            Some(user) => moved::look(spec, user, ours, seen)?,
            None => None,
        };
        if let Some(skeleton) = spec.skeleton.as_ref().filter(|_| user.is_none() && !spec.is_absent()) {
            skeleton::look(skeleton, seen)?;
        }
        let confirmed = if ours { armed::confirmed(&token(&spec.name), seen)? } else { None };
        let mut password = spec.password()?;
        if user.is_some() && spec.update_password == Update::OnCreate {
            password = None;
        }
        let shadow = match &user {
            Some(_) if spec.needs_shadow() => Some(look(spec, password.as_ref(), seen)?),
            _ => None,
        };
        let joins = spec.group.is_none() && seen.group(&spec.name)?.is_some();
        let (name, named, lock) = (spec.name.clone(), spec.named(), spec.password_lock);
        Ok(UserState { name, user, named, joins, shadow, password, lock, moves, mail, ours, confirmed })
    }

    fn desired(spec: &Spec, observed: &UserState) -> Result<UserState, Fault> {
        let confirmed = observed.confirmed.map(|_| true);
        let observed = UserState { confirmed, ..observed.clone() };
        if spec.is_absent() {
            return Ok(UserState { user: None, shadow: None, ..observed });
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
        let mut shadow = Shadow { ages: spec.ages(), ..observed.shadow.unwrap_or(Shadow::NEW) };
        if let Some(password) = observed.password.as_ref().filter(|password| !shadow.fits(password)) {
            shadow.same = matches!(password, Password::Hash(_));
            shadow.kind = match (password, shadow.kind) {
                (Password::None, _) => Kind::No,
                // A new password does not unlock.
                (_, Kind::Locked) => Kind::Locked,
                _ => Kind::Set,
            };
        }
        shadow.kind = match (spec.password_lock, shadow.kind) {
            (Some(true), Kind::Set) => Kind::Locked,
            (Some(true), Kind::Empty) => Kind::No,
            (Some(false), Kind::Locked) => Kind::Set,
            (_, kind) => kind,
        };
        if let Some(expires) = spec.expires {
            shadow.expires = expires.0;
        }
        let shadow = Some(shadow).filter(|_| spec.needs_shadow());
        let moves = observed.moves.as_ref().map(|_| user.home.clone());
        Ok(UserState { user: Some(user), shadow, moves, ..observed })
    }

    fn ops(spec: &Spec, from: &UserState, to: &UserState) -> Vec<Op> {
        let Some(user) = &to.user else {
            return from.user.iter().flat_map(|user| remove::ops(spec, user, from.mail)).collect();
        };
        let mut ops = vec![];
        if let (Some(before), true) = (&from.user, from.ours) {
            let back = way_back(before, user, from, to);
            // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
            if !back.is_empty() || from.confirmed.is_some() {
                let (token, seconds) = (token(&spec.name), spec.confirm_within);
                ops.push(Op::Arm { token, seconds, revert: back });
            }
        }
        if let (Some(before), Some(_)) = (&from.user, &from.moves) {
            ops.push(moved::op(&spec.name, &before.home, &user.home));
        }
        ops.extend(account_ops(spec, from, user));
        ops.extend(shadow_ops(from, to));
        ops
    }

    fn effects(spec: &Spec, from: &UserState, to: &UserState, _: &[Op]) -> Vec<Effect> {
        let query = Query::User { name: to.name.clone() };
        let mut effects = vec![Effect::Answer(query, Answer::User(to.user.clone()))];
        if let Some(user) = to.user.as_ref().filter(|user| user.group == user.name) {
            // A new account brings a group of its own.
            let group = agent::wire::Group { name: user.name.clone(), gid: user.gid };
            let query = Query::Group { name: user.name.clone() };
            effects.push(Effect::Answer(query, Answer::Group(Some(group))));
        }
        if let Some(shadow) = &to.shadow {
            let asked = matches!(to.password, Some(Password::Hash(_)));
            let query = Shadow::query(&to.name, to.password.as_ref(), shadow.ages);
            effects.push(Effect::Answer(query, Answer::Output(shadow.answer(asked))));
        }
        let home = from.user.as_ref().filter(|_| spec.remove).map(|user| user.home.clone());
        let moved = from.moves.iter().chain(&to.moves).cloned();
        effects.extend(home.into_iter().chain(moved).map(|home| Effect::Unknown(Area::Path(home))));
        effects
    }
}

/// The account itself, as it is in `/etc/passwd` and `/etc/group`.
fn account_ops(spec: &Spec, from: &UserState, user: &Known) -> Option<Op> {
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
    option(home, spec.home.is_some() && from.moves.is_none(), user.home.clone(), differs(|u| &u.home));
    option("--shell", spec.shell.is_some(), user.shell.clone(), differs(|u| &u.shell));
    option("--comment", spec.comment.is_some(), user.comment.clone(), differs(|u| &u.comment));
    options.extend(before.is_none().then(|| spec.new_home()).into_iter().flatten());
    let verb = if before.is_some() {
        if options.is_empty() {
            return None;
        }
        vec!["usermod"]
    } else {
        let home = if spec.makes_home() { "--create-home" } else { "--no-create-home" };
        [vec!["useradd", home], if spec.system { vec!["--system"] } else { vec![] }].concat()
    };
    let verb = verb.into_iter().map(Into::into);
    Some(run(verb.chain(options).chain([spec.name.clone()])))
}

/// What is in `/etc/shadow`. A hash goes by the standard input: command lines are seen by all.
fn shadow_ops(from: &UserState, to: &UserState) -> Vec<Op> {
    let Some(after) = to.shadow else { return vec![] };
    let (name, mut before) = (to.name.as_str(), from.shadow.unwrap_or(Shadow::NEW));
    let mut ops = vec![];
    if let Some(password) = to.password.as_ref().filter(|password| !before.fits(password)) {
        let mut line = format!("{name}:").into_bytes();
        match password {
            Password::None => line.push(b'*'),
            Password::Hash(hash) => {
                line.extend((after.kind == Kind::Locked).then_some(b'!'));
                line.extend_from_slice(hash.bytes());
            }
        }
        line.push(b'\n');
        let stdin = Some(Content::new(line, true));
        ops.push(Op::Exec { exec: Exec { stdin, ..Exec::new(["chpasswd", "--encrypted"]) }, ok: vec![] });
        before.kind = after.kind;
    }
    if before.kind != after.kind {
        let locks = matches!(after.kind, Kind::Locked | Kind::No);
        ops.push(run(["usermod", if locks { "--lock" } else { "--unlock" }, name]));
    }
    if before.expires != after.expires {
        ops.push(expire(name, after.expires));
    }
    ops.extend(shadow::set_ages(name, |at| after.ages[at].filter(|days| before.ages[at] != Some(*days))));
    ops
}

fn expire(name: &str, expires: Option<i64>) -> Op {
    run(["chage", "--expiredate", &expires.unwrap_or(-1).to_string(), name])
}

/// What takes back that which may shut somebody out.
fn way_back(before: &Known, after: &Known, from: &UserState, to: &UserState) -> Vec<Op> {
    let name = from.name.as_str();
    let mut options: Vec<String> = vec![];
    let mut option = |changed: bool, name: &str, value: &str| {
        if changed {
            options.extend([name.into(), value.into()]);
        }
    };
    option(before.group != after.group, "--gid", &before.group);
    let taken = before.groups.iter().any(|group| !after.groups.contains(group));
    option(taken, "--groups", &before.groups.join(","));
    option(before.home != after.home, "--home", &before.home);
    option(before.shell != after.shell, "--shell", &before.shell);
    let mut back = vec![];
    if !options.is_empty() {
        back.push(run(["usermod".into()].into_iter().chain(options).chain([name.to_string()])));
    }
    if let (Some(before), Some(after)) = (from.shadow, to.shadow) {
        let lets_in = |kind| matches!(kind, Kind::Set | Kind::Empty);
        // sudo, su or sshd itself may have been told the old one.
        let replaced = to.password.as_ref().is_some_and(|password| !before.fits(password));
        if lets_in(before.kind) && (replaced || !lets_in(after.kind)) {
            let stays = before.kind == Kind::Set && !replaced;
            let old = Op::Earlier(Earlier::Password { user: name.into() });
            back.push(if stays { run(["usermod", "--unlock", name]) } else { old });
        }
        if after.expires.is_some() && before.expires != after.expires {
            back.push(expire(name, before.expires));
        }
        // An expired password shuts out as well. When it can be changed, and who is warned, does not.
        let shuts = |at: usize| at == 0 || at == 3;
        let old = |at: usize| before.ages[at].filter(|days| shuts(at) && after.ages[at] != Some(*days));
        back.extend(shadow::set_ages(name, old));
    }
    back
}
