//! `blockinfile`: lines of a text file between two markers.

use super::shared::{
    Edited, FileState, HostPath, Presence, Validate, attrs, body, line_break, owners, place,
};
use crate::{
    model::{Address, Claim, Footprint},
    resource::{Fault, Observe, Resource, Seen, Topic},
    yaml::{Mode, Text},
};
use agent::wire::Op;
use schemars::JsonSchema;
use serde::Deserialize;

pub struct BlockInFile;

/// Keeps a block of lines in a text file, between two lines that mark it, or removes it.
///
/// The markers are Ansible's unless others are named, so that blocks which Ansible wrote are taken over.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// The file on the host, of up to 16 MiB.
    path: HostPath,
    /// The lines between the markers. Left out or empty: the block is removed, markers and all.
    block: Option<Text>,
    /// The line before and after the block; `{mark}` in it becomes `marker_begin` and `marker_end`. Each block of a file needs its own.
    #[serde(default = "marker")]
    marker: String,
    /// What `{mark}` is before the block.
    #[serde(default = "begin")]
    marker_begin: String,
    /// What `{mark}` is after the block.
    #[serde(default = "end")]
    marker_end: String,
    /// `absent` removes the block.
    #[serde(default)]
    state: Presence,
    /// Where a new block goes: after the last line that matches, or `EOF` (the default) or `BOF`. A block that is there stays where it is.
    insertafter: Option<String>,
    /// Where a new block goes: before the last line that matches, or `BOF`. Default: not so, but as `insertafter` says.
    insertbefore: Option<String>,
    /// An empty line before the block, unless it is at the top.
    #[serde(default)]
    prepend_newline: bool,
    /// An empty line after the block, unless it is at the end.
    #[serde(default)]
    append_newline: bool,
    /// Makes the file when it is missing.
    #[serde(default)]
    create: bool,
    /// A command that must succeed on the new content before it takes effect; `%s` is its file: `visudo -cf %s`. Default: none.
    validate: Option<Validate>,
    /// Shows keys but no values of the file.
    #[serde(default)]
    secret: bool,
    /// Permission bits, quoted: `"0644"`. Default: as it is; a new file has `0644`, or `0600` when its content is secret.
    mode: Option<Mode>,
    /// Name or number of the owner. Default: as it is; a new file belongs to whom the task runs as.
    owner: Option<String>,
    /// Name or number of the group. Default: as it is.
    group: Option<String>,
}

fn marker() -> String {
    "# {mark} ANSIBLE MANAGED BLOCK".into()
}

fn begin() -> String {
    "BEGIN".into()
}

fn end() -> String {
    "END".into()
}

impl Spec {
    fn file(&self) -> Edited<'_> {
        Edited {
            path: &self.path,
            attrs: attrs(self.mode, self.owner.as_ref(), self.group.as_ref()),
            secret: self.secret || self.block.as_ref().is_some_and(Text::is_secret),
            create: self.create,
            is_own: false,
            validate: self.validate.as_ref(),
        }
    }

    /// The lines of the block; `None` when there is to be none.
    fn block(&self) -> Result<Option<&str>, Fault> {
        let Some(block) = self.block.as_ref().filter(|_| self.state == Presence::Present) else {
            return Ok(None);
        };
        let text = std::str::from_utf8(block.bytes()).map_err(|_| Fault::new("`block` is not UTF-8 text"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn markers(&self) -> Result<[String; 2], Fault> {
        let markers = [&self.marker_begin, &self.marker_end].map(|mark| self.marker.replace("{mark}", mark));
        if markers.iter().any(|marker| marker.contains(['\n', '\r'])) {
            let fault = Fault::new("`marker` holds a line break");
            return Err(fault.hint("the markers are one line each"));
        }
        if markers.iter().any(|marker| marker.trim().is_empty()) {
            return Err(
                Fault::new("`marker` is empty").hint("each marker is a line that stands nowhere else")
            );
        }
        if markers[0] == markers[1] {
            let fault = Fault::new("`marker` is the same before and after the block");
            return Err(fault.hint("write `{mark}` in it, which becomes `BEGIN` and `END`"));
        }
        Ok(markers)
    }

    /// The text as it should be.
    fn edit(&self, text: &str) -> Result<String, Fault> {
        let markers = self.markers()?;
        let block = self.block()?;
        if self.insertafter.is_some() && self.insertbefore.is_some() {
            let fault = Fault::new("`insertbefore` and `insertafter` are both given");
            return Err(fault.hint("a new block has one place"));
        }
        let is_marker = |line: &str| markers.iter().any(|marker| body(line) == marker);
        if block.is_some_and(|block| block.lines().any(is_marker)) {
            let fault = Fault::new("`block` holds a line that is its own marker");
            return Err(fault.hint("leave the markers out, or name another `marker`"));
        }
        let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
        let mut found = self.blocks(&lines, &markers)?;
        let Some(block) = block else {
            while let Some([first, last]) = found.pop() {
                lines.drain(first..=last);
            }
            return Ok(lines.concat());
        };
        let at = match found[..] {
            [] => place(&lines, self.insertbefore.as_deref(), self.insertafter.as_deref(), false)?,
            [[first, last]] => {
                lines.drain(first..=last);
                first
            }
            _ => {
                let fault = Fault::new(format!("{} has the markers of {} blocks", self.path, found.len()));
                return Err(
                    fault.hint("remove all but one by hand, or give each block a `marker` of its own")
                );
            }
        };
        let [before, after] = [&lines[..at], &lines[at..]];
        let newline = line_break(text);
        let blank = |line: &&str| body(line).is_empty();
        let mut new = before.concat();
        if !new.is_empty() && !new.ends_with('\n') {
            new += newline;
        }
        if self.prepend_newline && before.last().is_some_and(|line| !blank(line)) {
            new += newline;
        }
        for line in [markers[0].as_str()].into_iter().chain(block.lines()).chain([markers[1].as_str()]) {
            new += line;
            new += newline;
        }
        if self.append_newline && after.first().is_some_and(|line| !blank(line)) {
            new += newline;
        }
        Ok(new + &after.concat())
    }

    /// First and last line of each block that is there.
    fn blocks(&self, lines: &[&str], markers: &[String; 2]) -> Result<Vec<[usize; 2]>, Fault> {
        let (mut found, mut open) = (vec![], None);
        for (at, line) in lines.iter().enumerate() {
            let alone = match (open, body(line)) {
                (None, line) if line == markers[0] => {
                    open = Some(at);
                    continue;
                }
                (Some(first), line) if line == markers[1] => {
                    found.push([first, at]);
                    open = None;
                    continue;
                }
                (None, line) if line == markers[1] => at,
                (Some(first), line) if line == markers[0] => first,
                _ => continue,
            };
            return Err(self.alone(alone));
        }
        open.map_or(Ok(found), |at| Err(self.alone(at)))
    }

    /// Where a block ends whose end is missing nobody knows but who edited the file.
    fn alone(&self, at: usize) -> Fault {
        let fault = Fault::new(format!("the marker in line {} of {} has no other to it", at + 1, self.path));
        fault.hint("mend the file by hand: the block is what stands between its two markers")
    }
}

impl Resource for BlockInFile {
    const NAME: &'static str = "blockinfile";
    const TOPIC: Topic = Topic::Files;
    const FACETS: &'static [&'static str] = FileState::EDITED;
    const EXAMPLE: &'static str = "\
name: Let the backup user in from one address only
blockinfile:
  path: /etc/ssh/sshd_config
  block: |
    Match User backup
        AllowUsers backup@10.0.0.5
  validate: sshd -t -f %s
";
    const CONTENT: &'static [&'static str] =
        &["block", "marker_begin", "marker_end", "insertafter", "insertbefore", "mode"];

    type Spec = Spec;
    type State = FileState;

    /// The block of these markers.
    fn address(spec: &Spec) -> Option<Address> {
        Some(Address(format!("block:{}:{}", spec.path, spec.marker.replace("{mark}", &spec.marker_begin))))
    }

    fn footprint(spec: &Spec) -> Footprint {
        Footprint::writes([spec.path.area()]).and_reads(owners(spec.owner.as_ref(), spec.group.as_ref()))
    }

    fn check(spec: &Spec) -> Result<(), Fault> {
        spec.edit("").map(drop)
    }

    fn observe(spec: &Spec, seen: &Seen) -> Observe<FileState> {
        match spec.block()? {
            Some(_) => spec.file().observe(seen),
            None => spec.file().look(seen),
        }
    }

    fn desired(spec: &Spec, observed: &FileState) -> Result<FileState, Fault> {
        spec.file().edited(observed, spec.block()?.is_none(), |text| spec.edit(text))
    }

    fn ops(spec: &Spec, from: &FileState, to: &FileState) -> Vec<Op> {
        spec.file().ops(from, to)
    }

    fn claims(spec: &Spec, seen: &Seen) -> Observe<Vec<Claim>> {
        match spec.block()? {
            Some(_) => spec.file().claims(seen),
            None => Ok(vec![]),
        }
    }
}
