//! `unarchive`: a folder with what an archive holds.

use super::shared::{HostPath, Names, checksum, nothing_comes, owners};
use crate::{
    model::{Address, Area, Claim, Footprint},
    resource::{Effect, Facet, Facets, Fault, Observe, Resource, Seen, SourceParam, State, Topic, Untold},
    yaml::{Mode, Text},
};
use agent::wire::{Answer, Archive, Kind, Op, Output, Probe, Query, Unpack};
use schemars::JsonSchema;
use serde::Deserialize;

pub struct Unarchive;

/// Unpacks an archive into a folder: tar, plain or compressed by gzip, bzip2, xz or zstd, and zip.
///
/// Each member is compared with what is in the folder, so a diff shows those that are new or differ, and only they are written. What else
/// is in the folder stays. An archive with a member that would lead out of the folder is refused: one with `..` or a path from the
/// root, a link to somewhere else, anything behind a link. So are devices. Links of the host on the way are not followed. Of an archive
/// that is secret, the diff shows the paths and of each member only that it differs.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The archive: the name of a file in `files/`, or with `remote_src` the path of one on the host. Needed.
    src: Option<HostPath>,
    /// Given with `src`.
    #[schemars(extend("x-internal" = true))]
    content: Option<Text>,
    /// The archive is on the host already: `get_url` has brought it, which also is the way for more than 24 MiB.
    #[serde(default)]
    remote_src: bool,
    /// The folder on the host. It must be there.
    dest: HostPath,
    /// Nothing is done when this path exists. Without it, the folder is compared with the archive.
    creates: Option<HostPath>,
    /// `sha256:` or `sha512:` and the digest in hexadecimal that the archive must have. Default: none; it is not held against one.
    checksum: Option<String>,
    /// Leading names that are taken off each path: 1 for `tool-1.2/bin/tool` to become `bin/tool`.
    #[serde(default)]
    strip_components: u32,
    /// Patterns for the paths to unpack, as they are in the archive. `*` is anything, `?` one character; a folder is all that is in it.
    /// A list, or one text with commas between them. Default: everything.
    #[serde(default)]
    include: Names,
    /// Patterns for the paths to leave out, likewise. Default: none.
    #[serde(default)]
    exclude: Names,
    /// Permission bits of the files, quoted: `"0644"`; whoever may read a folder may also enter it. Default: as in the archive, without
    /// set-id bits; folders that are there stay as they are.
    mode: Option<Mode>,
    /// Name or number of the owner of all of it. Default: who unpacks owns what is new.
    owner: Option<String>,
    /// Name or number of the group. Default: as the owner.
    group: Option<String>,
}

/// Largest archive in bytes that is brought along: it travels in one message with the question, and in one with the change.
const LARGEST: usize = 24 << 20;

impl Spec {
    fn from(&self) -> Result<Archive, Fault> {
        match (&self.content, &self.src) {
            (Some(content), _) if content.bytes().len() > LARGEST => {
                let fault = Fault::new("the archive is larger than 24 MiB");
                Err(fault.hint("fetch it on the host with `get_url`, and unpack it with `remote_src: true`"))
            }
            (Some(_), _) if self.remote_src => {
                Err(Fault::new("`remote_src` goes with a path in `src`").hint("leave out `content`"))
            }
            (Some(content), _) => Ok(Archive::Sent(content.0.clone())),
            (None, Some(src)) if self.remote_src => Ok(Archive::OnHost(src.to_string())),
            _ => Err(Fault::new("no archive is given").hint("`src` names a file of `files/`")),
        }
    }

    fn wish(&self) -> Result<Unpack, Fault> {
        for pattern in self.include.0.iter().chain(&self.exclude.0) {
            if pattern.starts_with('/') || pattern.is_empty() {
                let fault = Fault::new(format!("`{}` matches no path in an archive", pattern.escape_debug()));
                return Err(fault.hint("write it as the archive has it, without a `/` in front: `doc/*`"));
            }
        }
        Ok(Unpack {
            from: self.from()?,
            dest: self.dest.to_string(),
            strip: self.strip_components,
            include: self.include.0.clone(),
            exclude: self.exclude.0.clone(),
            checksum: self.checksum.as_deref().map(checksum::read).transpose()?,
            mode: self.mode.map(|mode| mode.0),
            owner: self.owner.clone(),
            group: self.group.clone(),
        })
    }
}

/// Members that are not as they should be: as they are, and as they will be.
#[derive(Default)]
pub struct Members {
    shown: Facets,
    wanted: Facets,
}

impl State for Members {
    fn facets(&self) -> Facets {
        self.shown.clone()
    }
}

/// A line of the agent's answer.
#[derive(Deserialize)]
struct Line {
    path: Option<String>,
    before: Option<String>,
    after: Option<String>,
    more: Option<u64>,
}

fn members(output: &Output, is_secret: bool) -> Result<Members, Fault> {
    let mut members = Members::default();
    // A size or a digest would tell whether a guess is right.
    let shown = |words: String| if is_secret { Facet::Secret(words.into_bytes()) } else { words.into() };
    for line in output.stdout.bytes().split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let line: Line = serde_json::from_slice(line)
            .map_err(|error| Fault::new(format!("the agent's answer cannot be read: {error}")))?;
        if let (Some(path), Some(after)) = (&line.path, line.after) {
            members.shown.extend(line.before.map(|before| (path.clone(), shown(before))));
            members.wanted.insert(path.clone(), shown(after));
        }
        if let Some(more) = line.more {
            members.wanted.insert("more".into(), format!("{more} more that are new or differ").into());
        }
    }
    Ok(members)
}

impl Resource for Unarchive {
    const NAME: &'static str = "unarchive";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = &["PATH", "more"];
    const UNTOLD: &'static [Untold] = &[Untold::Below];
    const EXAMPLE: &'static str = "\
name: Unpack the exporter
unarchive:
  src: exporter-1.8.2.tar.gz
  dest: /opt/exporter
  strip_components: 1
  owner: root
  group: root
";
    const SOURCES: &'static [SourceParam] =
        &[SourceParam { key: "src", folder: "files", render: false, into: "content" }];
    const CONTENT: &'static [&'static str] = &["content", "include", "exclude", "checksum", "mode"];

    type Spec = Spec;
    type State = Members;

    /// Others may have files in the folder.
    fn address(_: &Spec) -> Option<Address> {
        None
    }

    fn footprint(spec: &Spec) -> Footprint {
        let looks = [&spec.src, &spec.creates].into_iter().flatten().map(HostPath::area);
        Footprint::writes([spec.dest.area()])
            .and_reads(looks.chain(owners(spec.owner.as_ref(), spec.group.as_ref())))
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<Members> {
        let wish = spec.wish()?;
        if let Some(path) = &spec.creates {
            match seen.get(Query::There { path: path.to_string() })? {
                Answer::There(false) => nothing_comes(path, seen)?,
                _ => return Ok(Members::default()),
            }
        }
        let dest = &spec.dest;
        let [_, unpacked] =
            seen.all([Query::File { path: dest.to_string() }, Query::Run(Probe::Unpacked(wish))])?;
        match seen.meta(dest)?.map(|meta| meta.kind) {
            Some(Kind::Folder | Kind::Link { .. }) => {}
            Some(_) => return Err(Fault::new(format!("{dest} is not a directory")).into()),
            None => seen.presume(
                &[dest.area()],
                format!("the directory {dest} does not exist and no earlier task makes it"),
            )?,
        }
        let output = match unpacked {
            Answer::Output(output) => output,
            Answer::Failed(why) => return Err(Fault::new(why).into()),
            other => return Err(Fault::new(format!("not an answer about an archive: {other:?}")).into()),
        };
        let why = String::from_utf8_lossy(output.stderr.bytes()).trim().to_string();
        match output.code {
            0 => Ok(members(&output, spec.content.as_ref().is_some_and(Text::is_secret))?),
            // What is not there yet cannot be looked into.
            2 => {
                let archive: Vec<Area> = spec.src.iter().map(|src| src.area()).collect();
                Err(seen.lacks(&archive, why))
            }
            127 => Err(seen.lacks(&[Area::Packages], format!("{why}: a `package` task can bring it"))),
            _ => Err(Fault::new(why)
                .hint("`exclude` leaves members out; what is in the way is removed by hand")
                .into()),
        }
    }

    fn desired(_: &Spec, observed: &Members) -> Result<Members, Fault> {
        Ok(Members { shown: observed.wanted.clone(), wanted: observed.wanted.clone() })
    }

    fn ops(spec: &Spec, from: &Members, to: &Members) -> Vec<Op> {
        match spec.wish() {
            Ok(wish) if from.shown != to.shown => vec![Op::Unpack(wish)],
            _ => vec![],
        }
    }

    fn claims(spec: &Spec, _: &Seen) -> Observe<Vec<Claim>> {
        let is_secret = spec.content.as_ref().is_some_and(Text::is_secret);
        let mode = spec.mode.filter(|_| is_secret);
        let claim = |Mode(mode)| Claim::Secret { path: format!("what is unpacked to {}", spec.dest), mode };
        Ok(mode.map(claim).into_iter().collect())
    }

    fn effects(spec: &Spec, _: &Members, _: &Members, ops: &[Op]) -> Vec<Effect> {
        ops.iter().map(|_| Effect::Unknown(spec.dest.area())).collect()
    }
}
