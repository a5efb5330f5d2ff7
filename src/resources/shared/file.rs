//! A path with what is there: the state that all resource types about files share.

use super::{EDIT_LIMIT, HostPath, READ_LIMIT};
use crate::{
    model::Area,
    resource::{Facet, Facets, Fault, Observe, Pause, Seen, State},
    yaml::Mode,
};
use agent::{
    mode::{is_private, kept},
    secret::Content,
    wire::{Answer, Attrs, Kind, Meta, Op, Query},
};

/// What kind of thing is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    File,
    Folder,
    Link(String),
}

/// What is at a path, as far as a task cares: mode and owner only where it names them or makes the thing anew.
#[derive(Clone, Debug, Default)]
pub struct FileState {
    pub what: Option<What>,
    pub content: Option<Facet>,
    pub mode: Option<u32>,
    pub owner: Option<String>,
    pub group: Option<String>,
}

impl State for FileState {
    fn facets(&self) -> Facets {
        let mut facets = Facets::new();
        let mut put = |name: &str, facet: Option<Facet>| facet.map(|facet| facets.insert(name.into(), facet));
        put(
            "type",
            self.what.as_ref().map(|what| match what {
                What::File => "file".into(),
                What::Folder => "directory".into(),
                What::Link(_) => "link".into(),
            }),
        );
        if let Some(What::Link(target)) = &self.what {
            put("target", Some(target.as_str().into()));
        }
        put("mode", self.mode.map(|mode| format!("{mode:04o}").into()));
        put("owner", self.owner.as_deref().map(Facet::from));
        put("group", self.group.as_deref().map(Facet::from));
        put("content", self.content.clone());
        facets
    }
}

impl FileState {
    /// The kinds of facets of a file that is written as a whole: a link in its place gives way.
    pub const WRITTEN: &'static [&'static str] = &["type", "target", "mode", "owner", "group", "content"];
    /// Those of a file that is edited.
    pub const EDITED: &'static [&'static str] = &["type", "mode", "owner", "group", "content"];

    /// The state wanted of a file or folder that has these attributes: a new one also gets `new_mode`.
    pub fn with_attrs(&self, what: What, attrs: &Attrs, new_mode: u32) -> Self {
        let new = self.what.as_ref() != Some(&what);
        let mode = if new { Some(new_mode) } else { self.kept_mode(attrs) };
        Self {
            what: Some(what),
            content: None,
            mode: attrs.mode.or(mode),
            owner: attrs.owner.clone(),
            group: attrs.group.clone(),
        }
    }

    /// The mode that was found, without the set-id bits that a file loses when its owner or group become these.
    pub fn kept_mode(&self, attrs: &Attrs) -> Option<u32> {
        let is_folder = self.what == Some(What::Folder);
        self.mode.map(|mode| kept(mode, is_folder, self.moves(attrs)))
    }

    /// Whether it gets another owner or group.
    fn moves(&self, attrs: &Attrs) -> bool {
        let other = |wanted: &Option<String>, found| wanted.is_some() && wanted != found;
        other(&attrs.owner, &self.owner) || other(&attrs.group, &self.group)
    }

    /// The state wanted of a file with this content. A new one is readable by all, or by nobody else if it holds a secret.
    pub fn with_content(&self, content: &Content, attrs: &Attrs) -> Self {
        let new_mode = if content.is_secret() { 0o600 } else { 0o644 };
        Self { content: Some(Facet::content(content)), ..self.with_attrs(What::File, attrs, new_mode) }
    }

    /// As [`Self::with_content`], of a file that is edited.
    ///
    /// # Errors
    /// That nobody could edit it again, since it would become too large.
    pub fn with_edited(&self, path: &HostPath, content: &Content, attrs: &Attrs) -> Result<Self, Fault> {
        let state = self.with_content(content, attrs);
        let size = content.bytes().len();
        if size as u64 > EDIT_LIMIT && state.content != self.content {
            let fault = Fault::new(format!("{path} would have {size} bytes: {}", too_large(EDIT_LIMIT)));
            return Err(fault.hint("put in less, or keep it in several files"));
        }
        Ok(state)
    }

    pub fn attrs(&self) -> Attrs {
        Attrs { mode: self.mode, owner: self.owner.clone(), group: self.group.clone() }
    }

    /// Whether what was read must not be shown: nor may what is made of it.
    pub fn holds_secret(&self) -> bool {
        self.read().is_some_and(Content::is_secret)
    }

    /// The content as it was read; `None` when it was not.
    pub fn read(&self) -> Option<&Content> {
        match &self.content {
            Some(Facet::Content { content, .. }) => content.as_ref(),
            _ => None,
        }
    }
}

/// Mode and owner, from the parameters to the agent's form.
pub fn attrs(mode: Option<Mode>, owner: Option<&String>, group: Option<&String>) -> Attrs {
    Attrs { mode: mode.map(|m| m.0), owner: owner.cloned(), group: group.cloned() }
}

/// The accounts that have to be there by then; none where nobody has to be looked up.
pub fn owners(owner: Option<&String>, group: Option<&String>) -> Option<Area> {
    let looked_up = |name: &String| name != "root" && name.parse::<u32>().is_err();
    owner.into_iter().chain(group).any(looked_up).then_some(Area::Accounts)
}

/// What is at a path, with those attributes that `named` names. Sockets and devices are refused. `None` as
/// the second value: nothing is there.
///
/// # Errors
/// As [`Seen::meta`].
pub fn observe_entry(path: &HostPath, named: &Attrs, seen: &Seen) -> Observe<(FileState, Option<Meta>)> {
    let Some(meta) = seen.meta(path)? else { return Ok((FileState::default(), None)) };
    let what = match &meta.kind {
        Kind::File { .. } => What::File,
        Kind::Folder => What::Folder,
        Kind::Link { target } => What::Link(target.clone()),
        Kind::Other => {
            let message = format!("{path} is neither a file nor a directory nor a link");
            return Err(Fault::new(message).hint("remove it by hand if it may be replaced").into());
        }
    };
    let mut state = FileState { what: Some(what), ..FileState::default() };
    // A link has no mode or owner that matters.
    if !matches!(state.what, Some(What::Link(_))) {
        (state.owner, state.group) = owners_of(&meta, named, seen)?;
        // What runs as its owner does not come to run as the next one: the mode changes with the owner, though nobody names it.
        let loses =
            state.moves(named) && kept(meta.mode, state.what == Some(What::Folder), true) != meta.mode;
        state.mode = (named.mode.is_some() || loses).then_some(meta.mode);
    }
    Ok((state, Some(meta)))
}

/// Owner and group of what is there, those that are named.
///
/// # Errors
/// As [`Seen::get`].
pub fn owners_of(meta: &Meta, named: &Attrs, seen: &Seen) -> Observe<(Option<String>, Option<String>)> {
    let owner = match &named.owner {
        Some(wanted) => {
            Some(same_owner(wanted, &meta.owner, |name| Ok(seen.user(name)?.map(|user| user.uid)))?)
        }
        None => None,
    };
    let group = match &named.group {
        Some(wanted) => {
            Some(same_owner(wanted, &meta.group, |name| Ok(seen.group(name)?.map(|group| group.gid)))?)
        }
        None => None,
    };
    Ok((owner, group))
}

/// The ops that make a symbolic link be as wanted, or be away; what is in its place gives way.
pub fn link_ops(path: &HostPath, from: &FileState, to: &FileState) -> Vec<Op> {
    let path = path.to_string();
    match (&from.what, &to.what) {
        (from, to) if from == to => vec![],
        (Some(What::Folder), Some(What::Link(target))) => vec![
            Op::Remove { path: path.clone(), recursive: false },
            Op::MakeLink { path, target: target.clone() },
        ],
        (_, Some(What::Link(target))) => vec![Op::MakeLink { path, target: target.clone() }],
        _ => vec![Op::Remove { path, recursive: false }],
    }
}

/// What is found, as it is wanted where one is a number and the other the name of the same: a host says the name, an earlier task may have
/// given the number.
///
/// # Errors
/// Those of `number`, which tells that of a name.
pub fn same_owner(
    wanted: &str,
    found: &str,
    number: impl FnOnce(&str) -> Observe<Option<u32>>,
) -> Observe<String> {
    let (name, id) = match (wanted.parse::<u32>(), found.parse::<u32>()) {
        (Ok(id), Err(_)) => (found, id),
        (Err(_), Ok(id)) => (wanted, id),
        _ => return Ok(found.into()),
    };
    let is_same = number(name)? == Some(id);
    Ok(if is_same { wanted } else { found }.into())
}

/// The folder that will hold a new entry. Fine when an earlier task may make it.
///
/// # Errors
/// As [`Seen::presume`], and a fault when it is no folder.
pub fn parent_there(path: &HostPath, seen: &Seen) -> Observe<()> {
    let Some(parent) = path.parent() else { return Ok(()) };
    match seen.meta(parent)?.map(|meta| meta.kind) {
        Some(Kind::Folder | Kind::Link { .. }) => Ok(()),
        Some(_) => Err(Fault::new(format!("{parent} is not a directory")).into()),
        None => seen.presume(
            &[Area::Path(parent.into())],
            format!("the directory {parent} does not exist and no earlier task makes it"),
        ),
    }
}

/// What is at the path of a file whose whole content is known. The content is read, to be shown, only when it differs.
///
/// What was there before may be a secret though what is wanted is none: it is taken for one where the file [is private](is_private). Then
/// the diff masks those lines of it that are not in the new content, and shows the new content as it is.
///
/// # Errors
/// As [`Seen::get`]; a directory in the place of the file is a fault.
pub fn observe_content(path: &HostPath, wanted: &Content, named: &Attrs, seen: &Seen) -> Observe<FileState> {
    let (mut state, meta) = observe_entry(path, named, seen)?;
    let Some(meta) = meta else {
        parent_there(path, seen)?;
        return Ok(state);
    };
    match meta.kind {
        Kind::File { digest: Some(digest) } => {
            let differs = digest != wanted.digest() && meta.size <= READ_LIMIT;
            let secret = wanted.is_secret() || is_private(meta.mode);
            let content = if differs { seen.content(path, READ_LIMIT, secret)? } else { None };
            state.content = Some(Facet::Content { digest, size: meta.size, content });
        }
        Kind::File { digest: None } => return Err(unreadable(path)),
        Kind::Folder => {
            let fault = Fault::new(format!("{path} is a directory"));
            return Err(fault.hint("name the file in it").into());
        }
        Kind::Link { .. } | Kind::Other => {}
    }
    Ok(state)
}

/// What is at the path of a file of the system's own that is edited: it is always read. `state.content` holds it; a file that is not there
/// gives an empty state.
///
/// # Errors
/// As [`Seen::get`]; anything but a regular file of up to 1 MiB is a fault.
pub fn observe_bytes(path: &HostPath, named: &Attrs, secret: bool, seen: &Seen) -> Observe<FileState> {
    observe_up_to(READ_LIMIT, path, named, secret, seen)
}

/// As [`observe_bytes`], of any file of up to 16 MiB.
///
/// # Errors
/// As [`observe_bytes`].
pub fn observe_edited(path: &HostPath, named: &Attrs, secret: bool, seen: &Seen) -> Observe<FileState> {
    observe_up_to(EDIT_LIMIT, path, named, secret, seen)
}

fn observe_up_to(
    limit: u64,
    path: &HostPath,
    named: &Attrs,
    secret: bool,
    seen: &Seen,
) -> Observe<FileState> {
    let read = Query::Read { path: path.to_string(), limit, secret };
    // Together, so that they are answered in one round.
    let [_, content] = seen.all([Query::File { path: path.to_string() }, read])?;
    let (mut state, meta) = observe_entry(path, named, seen)?;
    if let Some(size) = meta.as_ref().map(|meta| meta.size).filter(|size| *size > limit) {
        let message = format!("{path} has {size} bytes: {}", too_large(limit));
        let hint = "a task of `command` that runs sed, with `unless`, edits it in its place";
        return Err(Fault::new(message).hint(hint).into());
    }
    match meta.map(|meta| meta.kind) {
        None => {}
        Some(Kind::File { .. }) => match content {
            Answer::Content(Some(content)) => state.content = Some(Facet::content(&content)),
            Answer::Failed(why) => return Err(Fault::new(why).into()),
            _ => return Err(unreadable(path)),
        },
        Some(Kind::Link { target }) => {
            let fault = Fault::new(format!("{path} is a link to {target}"));
            return Err(fault.hint("name the file that it points to").into());
        }
        Some(_) => return Err(Fault::new(format!("{path} is not a file")).into()),
    }
    Ok(state)
}

fn too_large(limit: u64) -> String {
    format!("a file of more than {} MiB is not edited", limit >> 20)
}

fn unreadable(path: &HostPath) -> Pause {
    let fault = Fault::new(format!("{path} may not be read"));
    fault.hint("`become: true` runs the task as root").into()
}

/// The ops that make a file be as wanted: its attributes set if no more differs, else written anew.
pub fn content_ops(
    path: &HostPath,
    content: &Content,
    check: Option<&[String]>,
    from: &FileState,
    to: &FileState,
) -> Vec<Op> {
    let (before, after) = (from.facets(), to.facets());
    if before == after {
        return vec![];
    }
    let path = path.to_string();
    if from.what == to.what && from.content == to.content {
        return vec![Op::SetAttrs { path, attrs: to.attrs() }];
    }
    let check = check.map(<[String]>::to_vec);
    vec![Op::WriteFile { path, content: content.clone(), attrs: to.attrs(), check }]
}

/// Mode, owner and group as they are shown in one facet: `0644 root root`.
pub fn written_attrs(meta: &Meta) -> String {
    format!("{:04o} {} {}", meta.mode, meta.owner, meta.group)
}

/// That `mode: preserve` has no file whose mode it could be.
pub fn no_file_to_preserve() -> Fault {
    let fault = Fault::new("`mode` cannot be `preserve`: no file is brought whose mode it could be");
    fault.hint("`src` names one; or write the mode, in quotes: `mode: \"0644\"`")
}

/// Root's own, with this mode.
pub fn roots(mode: u32) -> Attrs {
    Attrs { mode: Some(mode), owner: Some("root".into()), group: Some("root".into()) }
}
