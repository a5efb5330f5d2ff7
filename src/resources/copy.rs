//! `copy`: a file with this content.

use super::shared::{
    FileState, HostPath, READ_LIMIT, Validate, What, attrs, content_ops, file_claims, file_path,
    no_file_to_preserve, nothing_comes, observe_content, observe_entry, owners, parent_there, secret_claim,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{
        Effect, Facet, Facets, Fault, Observe, Pause, Resource, Seen, SourceParam, State, Topic, Untold,
        file_query,
    },
    yaml::{FileMode, Mode, Text},
};
use agent::{
    mode::is_private,
    secret::Content,
    wire::{Answer, Attrs, CopyFile, Kind, Op, Query},
};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Copy;

/// Writes a file: from `files/`, from text in the task, or with `remote_src` as another one on the host is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host. Its folder must be there.
    #[serde(deserialize_with = "file_path")]
    dest: HostPath,
    /// The content. Or `src`.
    // One of both is needed: the schema says so in its own way.
    #[schemars(required)]
    content: Option<Text>,
    /// The name of a file in `files/`, of up to 60 MiB, or with `remote_src` the path of one on the host, in place of `content`.
    src: Option<HostPath>,
    /// `src` is a file on the host. It is copied there, however large, and again whenever one of both differs. No directory: that is
    /// `command: {argv: [cp, -a, FROM, TO], creates: TO}`.
    #[serde(default)]
    remote_src: bool,
    /// Permission bits, quoted: `"0644"`, or `u=rw,g=r,o=r`; or `preserve`: those that the file has in the project (a checkout of Git keeps only who may execute it),
    /// or with `remote_src` on the host. Default: as it is; a new file has `0644`, or `0600` with `secret` content; with `remote_src` it is executable
    /// if it is so there, and its group and others get no right that `src` does not give them.
    mode: Option<FileMode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `nginx -t -c %s`. Default: none.
    validate: Option<Validate>,
    /// `false`: writes only where nothing is; what is there stays as it is, mode and owner too.
    #[serde(default = "yes")]
    force: bool,
    /// Treats the content as secret, wherever it comes from. With `remote_src` it is so anyway where not everybody may read `src`.
    #[serde(default)]
    secret: bool,
}

fn yes() -> bool {
    true
}

/// What a file is to hold.
enum Wanted<'a> {
    This(Content),
    /// That of another one on the host.
    Of(&'a HostPath),
}

impl Spec {
    fn wanted(&self) -> Result<Wanted<'_>, Fault> {
        let fault = |message: &str, hint: &str| Err(Fault::new(message).hint(hint));
        match (&self.content, &self.src) {
            (Some(_), _) if self.remote_src => {
                fault("`remote_src` goes with a path in `src`", "leave out `content`, or `remote_src`")
            }
            (Some(Text(Content::Clear(bytes))), _) if self.secret => {
                Ok(Wanted::This(Content::new(bytes.to_vec(), true)))
            }
            (Some(Text(content)), _) => Ok(Wanted::This(content.clone())),
            (None, Some(src)) if self.remote_src && *src == self.dest => {
                fault("`src` and `dest` are one file", "`file` sets mode and owner of what is there")
            }
            (None, Some(src)) if self.remote_src => Ok(Wanted::Of(src)),
            _ => fault(
                "parameter `src` or `content` is missing",
                "`content` is the text, `src` the name of a file in `files/`",
            ),
        }
    }

    /// The mode that is named, where a file on the host does not say it.
    fn mode(&self) -> Option<Mode> {
        match self.mode {
            Some(FileMode::Bits(mode)) => Some(mode),
            Some(FileMode::Preserve) | None => None,
        }
    }

    fn attrs(&self) -> Attrs {
        attrs(self.mode(), self.owner.as_ref(), self.group.as_ref())
    }

    /// As [`Self::attrs`], of a copy of what has this mode.
    fn attrs_of(&self, mode: u32) -> Attrs {
        let preserved = (self.mode == Some(FileMode::Preserve)).then_some(mode);
        Attrs { mode: preserved.or(self.mode().map(|mode| mode.0)), ..self.attrs() }
    }

    /// What is at `dest`, and what the file on the host holds.
    fn on_host(&self, src: &HostPath, seen: &Seen) -> Observe<Copied> {
        seen.each([file_query(src), file_query(&self.dest)])?;
        let refused =
            |what: &str, hint: &str| -> Pause { Fault::new(format!("{src} {what}")).hint(hint).into() };
        let unreadable = |path: &HostPath| -> Pause {
            let fault = Fault::new(format!("{path} may not be read"));
            fault.hint("`become: true` runs the task as root").into()
        };
        let Some(from) = seen.meta(src)? else {
            let why = format!("the file {src} does not exist and no earlier task makes it");
            return Err(seen.lacks(&[src.area()], why));
        };
        let digest = match &from.kind {
            Kind::File { digest } => digest.ok_or_else(|| unreadable(src))?,
            Kind::Link { target } => {
                return Err(refused(&format!("is a link to {target}"), "name the file that it points to"));
            }
            Kind::Folder => {
                return Err(refused(
                    "is a directory",
                    "`command: {argv: [cp, -a, FROM, TO], creates: TO}` copies one once; `synchronize` brings one of the project",
                ));
            }
            Kind::Other => return Err(refused("is no file", "only files are copied")),
        };
        let (mut file, there) = observe_entry(&self.dest, &self.attrs_of(from.mode), seen)?;
        let (secret, size) = (self.secret || is_private(from.mode), from.size);
        match there.as_ref().map(|there| (&there.kind, there)) {
            None => parent_there(&self.dest, seen)?,
            Some((Kind::File { digest: Some(found) }, there)) => {
                // Who sees the diff is not who may read the file: what a private one is put in place of is as private, readable or not.
                let differs = *found != digest && there.size <= READ_LIMIT;
                let content = match differs {
                    true => seen.content(&self.dest, READ_LIMIT, secret || is_private(there.mode))?,
                    false => None,
                };
                file.content = Some(Facet::Content { digest: *found, size: there.size, content });
            }
            Some((Kind::File { digest: None }, _)) => return Err(unreadable(&self.dest)),
            Some((Kind::Folder, _)) => {
                let fault = Fault::new(format!("{} is a directory", self.dest));
                return Err(fault.hint("name the file in it").into());
            }
            Some(_) => {}
        }
        let same = matches!(&file.content, Some(Facet::Content { digest: found, .. }) if *found == digest);
        let shown = !same && size <= READ_LIMIT;
        let content = if shown { seen.content(src, READ_LIMIT, secret)? } else { None };
        let runs = if from.mode & 0o100 != 0 { 0o111 } else { 0 };
        let widest = if self.secret { 0o700 } else { 0o700 | from.mode & 0o077 };
        let new_mode = (0o644 | runs) & widest;
        let source = Some(Source {
            content: Facet::Content { digest, size, content },
            digest,
            size,
            mode: from.mode,
            new_mode,
            secret,
        });
        Ok(Copied { file, from: source })
    }
}

/// The file, and what it is copied from where that is on the host.
#[derive(Clone)]
pub struct Copied {
    file: FileState,
    from: Option<Source>,
}

#[derive(Clone)]
struct Source {
    content: Facet,
    digest: [u8; 32],
    size: u64,
    mode: u32,
    /// Of a file that is made anew.
    new_mode: u32,
    secret: bool,
}

impl State for Copied {
    fn facets(&self) -> Facets {
        self.file.facets()
    }
}

impl From<FileState> for Copied {
    fn from(file: FileState) -> Self {
        Self { file, from: None }
    }
}

impl Resource for Copy {
    const NAME: &'static str = "copy";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::WRITTEN;
    const UNTOLD: &'static [Untold] = &[Untold::Below];
    const EXAMPLE: &'static str = "\
name: Greet who logs in
copy:
  dest: /etc/motd
  content: |
    This host is provisioned. Changes by hand are undone.
  mode: \"0644\"
";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "files", render: false, into: "content" }];
    const CONTENT: &'static [&'static str] = &["content", "mode"];

    type Spec = Spec;
    type State = Copied;

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.wanted()?;
        if spec.mode == Some(FileMode::Preserve) && !spec.remote_src {
            return Err(no_file_to_preserve());
        }
        Ok(())
    }

    fn address(spec: &Spec) -> Option<Address> {
        Some(spec.dest.address())
    }

    fn footprint(spec: &Spec) -> Footprint {
        let src = spec.src.as_ref().filter(|_| spec.remote_src);
        Footprint::writes([spec.dest.area()])
            .and_reads(src.map(HostPath::area))
            .and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Copied> {
        if !spec.force {
            let (state, _) = observe_entry(&spec.dest, &Attrs::default(), seen)?;
            if state.what.is_some() {
                return Ok(state.into());
            }
            nothing_comes(&spec.dest, seen)?;
        }
        match spec.wanted()? {
            Wanted::This(content) => Ok(observe_content(&spec.dest, &content, &spec.attrs(), seen)?.into()),
            Wanted::Of(src) => spec.on_host(src, seen),
        }
    }

    fn desired(spec: &Spec, observed: &Copied) -> Result<Copied, Fault> {
        if !spec.force && observed.file.what.is_some() {
            return Ok(observed.clone());
        }
        let file = match (spec.wanted()?, &observed.from) {
            (Wanted::This(content), _) => observed.file.with_content(&content, &spec.attrs()),
            (Wanted::Of(_), Some(from)) => {
                let attrs = spec.attrs_of(from.mode);
                let file = observed.file.with_attrs(What::File, &attrs, from.new_mode);
                FileState { content: Some(from.content.clone()), ..file }
            }
            (Wanted::Of(_), None) => observed.file.clone(),
        };
        Ok(Copied { file, from: observed.from.clone() })
    }

    fn ops(spec: &Spec, Copied { file: from, .. }: &Copied, to: &Copied) -> Vec<Op> {
        match (spec.wanted(), &to.from) {
            (Ok(Wanted::This(content)), _) => {
                content_ops(&spec.dest, &content, spec.validate.as_deref(), from, &to.file)
            }
            (Ok(Wanted::Of(src)), Some(source)) if from.facets() != to.file.facets() => {
                let (path, attrs) = (spec.dest.to_string(), to.file.attrs());
                if from.what == to.file.what && from.content == to.file.content {
                    return vec![Op::SetAttrs { path, attrs }];
                }
                vec![Op::CopyFile(CopyFile {
                    from: src.to_string(),
                    path,
                    digest: source.digest,
                    size: source.size,
                    attrs,
                    check: spec.validate.as_deref().map(<[String]>::to_vec),
                    secret: source.secret,
                })]
            }
            _ => vec![],
        }
    }

    /// What the file will hold is known as far as it was read.
    fn effects(spec: &Spec, _: &Copied, to: &Copied, ops: &[Op]) -> Vec<Effect> {
        let Some(source) = to.from.as_ref().filter(|_| matches!(ops, [Op::CopyFile(_)])) else {
            return vec![];
        };
        let Facet::Content { content: Some(content), .. } = &source.content else {
            return vec![Effect::Unknown(spec.dest.area())];
        };
        let read = |secret| {
            let query = Query::Read { path: spec.dest.to_string(), limit: READ_LIMIT, secret };
            let content = Content::new(content.bytes(), content.is_secret() || secret);
            Effect::Answer(query, Answer::Content(Some(content)))
        };
        vec![read(false), read(true)]
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        // What is there already may be something else.
        if !spec.force && seen.meta(&spec.dest)?.is_some() {
            return Ok(vec![]);
        }
        match spec.wanted()? {
            Wanted::This(content) => file_claims(&spec.dest, &content, spec.mode(), seen),
            // What another file holds only the host knows.
            Wanted::Of(src) if spec.secret => {
                let mode = match spec.mode {
                    Some(FileMode::Preserve) => seen.meta(src)?.map(|meta| Mode(meta.mode)),
                    _ => spec.mode(),
                };
                secret_claim(&spec.dest, mode, seen)
            }
            Wanted::Of(_) => Ok(vec![]),
        }
    }
}
