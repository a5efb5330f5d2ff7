//! `authorized_key`: who may log in as a user by key.

mod keys;

use super::shared::{FileState, HostPath, account, armed, content_ops, observe_bytes};
use crate::{
    model::{Address, Area, Footprint},
    resource::{Facets, Fault, Observe, Resource, Seen, State, Topic, attr_facets, file_query},
    yaml::Text,
};
use agent::{
    secret::Content,
    wire::{Attrs, Kind, Meta, Op, Probe, Query, User},
};
use keys::{Edit, Key};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct AuthorizedKey;

/// Makes sure that keys may log in as a user, or may not.
///
/// Comments and lines of others stay. The folder is made, 0700, and the file 0600, both owned by the user; a link that the user put
/// in their place is refused.
///
/// Taking a key or its rights from the user that the connection logs in as starts a timer on the host first, which puts the old keys back
/// unless a new connection could be made in time: one cannot lock oneself out.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The account. An earlier task may make it. Where its home is not `/home/USER`, tasks about the files in it are ordered by `needs`.
    user: String,
    /// One public key, or several, each in a line of its own. Comments between them are passed over.
    key: Text,
    /// `present` (default) or `absent`.
    #[serde(default)]
    state: account::Wanted,
    /// All other keys are removed.
    #[serde(default)]
    exclusive: bool,
    /// What stands before the keys, e.g. `restrict,from="10.0.0.0/8"`. Empty: nothing. Left out: what is there stays.
    key_options: Option<String>,
    /// The comment of the keys, in place of their own.
    comment: Option<String>,
    /// The file. Default: `.ssh/authorized_keys` in the user's home.
    path: Option<HostPath>,
    /// Makes the file's folder and sees to its owner and mode. Default: true, with a `path` outside of the home false.
    manage_dir: Option<bool>,
    /// Removes even the last key, or with `exclusive` all the keys, of the user that the connection logs in as, and waits for no new
    /// connection.
    #[serde(default)]
    force: bool,
    /// Seconds until the old keys of the user that the connection logs in as come back when no new connection could be made.
    #[serde(default = "minute")]
    confirm_within: u32,
}

fn minute() -> u32 {
    60
}

impl Spec {
    fn is_present(&self) -> bool {
        self.state == account::Wanted::Present
    }

    fn wanted(&self) -> Result<Vec<Key>, Fault> {
        let text =
            std::str::from_utf8(self.key.bytes()).map_err(|_| Fault::new("`key` is not UTF-8 text"))?;
        let keys = keys::wanted(text)?;
        if self.key_options.is_some() && keys.iter().any(|key| key.options.is_some()) {
            let fault = Fault::new("`key` has options of its own beside `key_options`");
            return Err(fault.hint("give them in one place"));
        }
        Ok(keys)
    }

    fn check(&self) -> Result<(), Fault> {
        account::check_name("user", &self.user)?;
        keys::check_options(self.key_options.as_deref().unwrap_or_default())?;
        if self.comment.as_ref().is_some_and(|comment| comment.chars().any(char::is_control)) {
            return Err(Fault::new("`comment` must be one line").hint("it stands behind the key"));
        }
        if self.exclusive && !self.is_present() {
            let fault = Fault::new("`exclusive` says nothing with `state: absent`");
            return Err(fault.hint("leave `exclusive` out, or name the keys that are to stay"));
        }
        self.wanted().map(drop)
    }

    fn edit(&self, text: &str) -> Result<String, Fault> {
        let edit = Edit {
            keys: &self.wanted()?,
            present: self.is_present(),
            exclusive: self.exclusive,
            options: self.key_options.as_deref(),
            comment: self.comment.as_deref(),
        };
        Ok(edit.apply(text))
    }

    /// The file, of an account with this home.
    fn path(&self, home: &str) -> Result<HostPath, Fault> {
        match &self.path {
            Some(path) => Ok(path.clone()),
            None => HostPath::new(&format!("{home}/.ssh/authorized_keys")).map_err(|_| {
                let fault = Fault::new(format!("the user `{}` has no home", self.user));
                fault.hint("give it one, or the file as `path`")
            }),
        }
    }

    /// Who owns the file, before it is known where the home is.
    fn file(&self) -> Address {
        let home = if self.user == "root" { "/root".into() } else { format!("/home/{}", self.user) };
        let own = || format!("{home}/.ssh/authorized_keys");
        Address(format!("keys:{}", self.path.as_deref().map_or_else(own, String::from)))
    }

    /// Before it is known where the home is.
    fn area(&self) -> Area {
        let home = if self.user == "root" { "/root".into() } else { format!("/home/{}", self.user) };
        self.path.as_ref().map_or_else(|| Area::Path(format!("{home}/.ssh")), HostPath::area)
    }
}

#[derive(Clone)]
pub struct Keys {
    path: HostPath,
    /// The folder, if it is ours to manage.
    folder: Option<Option<Meta>>,
    file: FileState,
    owner: Attrs,
    /// As whom the connection logs in, if by this file.
    ours: Option<String>,
    /// The file as it is, for the way back.
    meta: Option<Meta>,
    /// Whether the last change was confirmed; `None` when there is no doubt.
    confirmed: Option<bool>,
}

impl Keys {
    fn text(&self) -> Result<&str, Fault> {
        let bytes = self.file.read().map_or(&b""[..], Content::bytes);
        std::str::from_utf8(bytes).map_err(|_| Fault::new(format!("{} is not UTF-8 text", self.path)))
    }
}

impl State for Keys {
    fn facets(&self) -> Facets {
        let mut facets = self.file.facets();
        if let Some(Some(folder)) = &self.folder {
            let mut of_folder = Facets::new();
            attr_facets(&mut of_folder, folder);
            facets.extend(of_folder.into_iter().map(|(name, facet)| (format!("directory {name}"), facet)));
        }
        if let Some(confirmed) = self.confirmed {
            facets.insert("confirmed".into(), armed::word(confirmed).into());
        }
        facets
    }
}

/// What a user's own folder is to be like.
fn folder_of(user: &User) -> Meta {
    Meta { kind: Kind::Folder, mode: 0o700, owner: user.name.clone(), group: user.group.clone(), size: 0 }
}

fn attrs_of(meta: &Meta) -> Attrs {
    Attrs { mode: Some(meta.mode), owner: Some(meta.owner.clone()), group: Some(meta.group.clone()) }
}

fn account(spec: &Spec, seen: &Seen) -> Observe<Option<User>> {
    let user = seen.user(&spec.user)?;
    if user.is_some() || !spec.is_present() {
        return Ok(user);
    }
    seen.presume(&[Area::Accounts], format!("the host has no user `{}`", spec.user))?;
    let (name, home) = (spec.user.clone(), format!("/home/{}", spec.user));
    let id = account::UNKNOWN_ID;
    let (shell, comment) = (String::new(), String::new());
    Ok(Some(User { group: name.clone(), name, uid: id, gid: id, home, shell, comment, groups: vec![] }))
}

/// Whether it is the file by which the connection logs in, however the task names it.
fn is_file_of(login: &str, user: &User, path: &HostPath, spec: &Spec, seen: &Seen) -> Observe<bool> {
    let home = match login == user.name {
        true => Some(user.home.clone()),
        // Without `path` it is the file of another one.
        false if spec.path.is_none() || login.is_empty() => None,
        false => seen.user(login)?.map(|user| user.home),
    };
    let own = home.and_then(|home| HostPath::new(&format!("{home}/.ssh/authorized_keys")).ok());
    Ok(own.is_some_and(|own| *own == **path))
}

impl Resource for AuthorizedKey {
    const NAME: &'static str = "authorized_key";
    const TOPIC: Topic = Topic::System;
    const FACETS: &'static [&'static str] = &[
        "type",
        "mode",
        "owner",
        "group",
        "content",
        "directory mode",
        "directory owner",
        "directory group",
        "confirmed",
    ];
    const EXAMPLE: &'static str = "\
name: Who deploys
authorized_key:
  user: deploy
  key: ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ2I2Ol4Bmd9uy6uZ9Op5+1tdBtfXD7RhmvG7Cv1GVS1 alice@laptop
  key_options: restrict,pty
";
    const CONTENT: &'static [&'static str] = &["key", "key_options", "comment"];
    type Spec = Spec;
    type State = Keys;

    /// Several tasks may each own a key; one that is exclusive owns the file.
    fn address(spec: &Spec) -> Option<Address> {
        spec.exclusive.then(|| spec.file())
    }

    fn part_of(spec: &Spec) -> Option<Address> {
        (!spec.exclusive).then(|| spec.file())
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.area()]).and_reads([Area::Accounts])
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Keys> {
        spec.check()?;
        seen.all([Query::User { name: spec.user.clone() }, Query::Run(Probe::LoginUser)])?;
        let login = armed::login(seen)?;
        let Some(user) = account(spec, seen)? else {
            // Nobody can log in as an account that is not there.
            let path = spec.path(&format!("/home/{}", spec.user))?;
            let (file, owner) = (FileState::default(), Attrs::default());
            return Ok(Keys { path, folder: None, file, owner, ours: None, meta: None, confirmed: None });
        };
        let path = spec.path(&user.home)?;
        let parent = path.parent().unwrap_or("/").to_string();
        let at_home =
            path.starts_with(&format!("{}/", user.home.trim_end_matches('/'))) && parent != user.home;
        let manages = spec.is_present() && spec.manage_dir.unwrap_or(at_home);
        let ours = is_file_of(&login, &user, &path, spec, seen)?.then_some(login);
        let confirmed = match &ours {
            Some(login) => armed::confirmed(&armed::token("keys", login), seen)?,
            None => None,
        };
        let owner = if spec.is_present() {
            Attrs { mode: Some(0o600), ..attrs_of(&folder_of(&user)) }
        } else {
            Attrs::default()
        };
        seen.all([file_query(&parent), file_query(&path)])?;
        let folder = seen.meta(&parent)?;
        match folder.as_ref().map(|meta| &meta.kind) {
            Some(Kind::Folder) => {}
            // Where only root can put one, it is the administrator's.
            Some(Kind::Link { .. }) if !at_home && !manages => {}
            Some(Kind::Link { target }) => {
                let fault = Fault::new(format!("{parent} is a link to {target}"));
                return Err(fault.hint("it may lead anywhere: remove it, or give the file as `path`").into());
            }
            Some(_) => return Err(Fault::new(format!("{parent} is not a directory")).into()),
            None if !spec.is_present() => {}
            None if manages => {
                let above = HostPath::new(&parent).ok().and_then(|path| path.parent().map(String::from));
                let above = above.unwrap_or_else(|| "/".into());
                if seen.meta(&above)?.is_none() {
                    seen.presume(
                        &[Area::Path(above.clone())],
                        format!("the directory {above} does not exist and no earlier task makes it"),
                    )?;
                }
            }
            None => {
                let why = format!("the directory {parent} does not exist (`manage_dir: true` makes it)");
                seen.presume(&[Area::Path(parent.clone())], why)?;
            }
        }
        let file = observe_bytes(&path, &owner, spec.key.is_secret(), seen)?;
        let meta = seen.meta(&path)?;
        Ok(Keys { path, folder: manages.then_some(folder), file, owner, ours, meta, confirmed })
    }

    fn desired(spec: &Spec, observed: &Keys) -> Result<Keys, Fault> {
        let confirmed = observed.confirmed.map(|_| true);
        if !spec.is_present() && observed.file.what.is_none() {
            return Ok(Keys { confirmed, ..observed.clone() });
        }
        let before = observed.text()?;
        let after = spec.edit(before)?;
        if let Some(login) = observed.ours.as_ref().filter(|_| !spec.force && keys::lets_in(before)) {
            if !keys::lets_in(&after) {
                let fault =
                    Fault::new(format!("this would remove the last key of `{login}`, as whom we log in"));
                let hint = "add another key first, or say `force: true` if there is another way in";
                return Err(fault.hint(hint));
            }
            if spec.exclusive && !keys::keeps_one(before, &spec.wanted()?) {
                let fault = Fault::new(format!(
                    "this would remove all the keys that `{login}` has, as whom we log in: `key` names none of them"
                ));
                return Err(fault.hint(
                    "add the new key first, without `exclusive`, and log in by it; or say `force: true` if there is another way in",
                ));
            }
        }
        let secret = spec.key.is_secret() || observed.file.holds_secret();
        let file = observed.file.with_content(&Content::new(after, secret), &observed.owner);
        let (owner, group) = (observed.owner.owner.clone(), observed.owner.group.clone());
        let mine = Meta {
            kind: Kind::Folder,
            mode: 0o700,
            owner: owner.unwrap_or_default(),
            group: group.unwrap_or_default(),
            size: 0,
        };
        let folder = observed.folder.as_ref().map(|_| Some(mine));
        Ok(Keys { folder, file, confirmed, ..observed.clone() })
    }

    fn ops(spec: &Spec, from: &Keys, to: &Keys) -> Vec<Op> {
        let mut ops = vec![];
        if let Some(login) = &from.ours {
            let (before, after) = (from.text().unwrap_or_default(), to.text().unwrap_or_default());
            let narrows = !spec.force && !keys::stay(before, after);
            // What is pending is taken over: nobody has confirmed it, and it must not fire into this run.
            if narrows || from.confirmed != to.confirmed {
                let (token, meta) = (armed::token("keys", login), from.meta.as_ref());
                ops.push(armed::arm(&token, spec.confirm_within, &from.path, &from.file, meta, []));
            }
        }
        if let Some(Some(folder)) = &to.folder
            && from.folder.as_ref() != to.folder.as_ref()
        {
            let path = to.path.parent().unwrap_or("/").to_string();
            ops.push(Op::MakeFolder { path, attrs: attrs_of(folder) });
        }
        if let Some(content) = to.file.read() {
            ops.extend(content_ops(&to.path, content, None, &from.file, &to.file));
        }
        ops
    }
}
