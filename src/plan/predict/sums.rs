//! What earlier changes of files make of checksums, and of what an archive would bring.

use super::{Overlay, tree::output};
use crate::{model::path_within, resource::Look};
use agent::{
    secret::Content,
    wire::{Algorithm, Answer, Archive, Kind, Output, Probe, Query, Unpack},
};
use sha2::{Digest, Sha256, Sha512};

fn sum(content: &Content, algorithm: Algorithm) -> Answer {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hex = match algorithm {
        Algorithm::Sha256 => hex(&Sha256::digest(content.bytes())),
        Algorithm::Sha512 => hex(&Sha512::digest(content.bytes())),
    };
    output(&format!("{hex}\n"))
}

impl Overlay {
    /// The checksum of a file as it will be; without an answer what it holds by then is not known, or is what it holds now.
    pub(super) fn known_sum(&self, path: &str, algorithm: Algorithm) -> (Option<Answer>, usize) {
        let Some((file, seq)) = self.node(path) else { return (None, 0) };
        match file.and_then(|file| file.meta.as_ref().map(|meta| (&meta.kind, file.content.as_ref()))) {
            Some((Kind::File { .. }, Some(content))) => (Some(sum(content, algorithm)), seq),
            Some((Kind::File { .. }, None)) => (None, self.replaced_at(path)),
            _ => {
                let (stdout, stderr) = (Content::from(""), Content::from(""));
                (Some(Answer::Output(Output { code: 1, stdout, stderr })), seq)
            }
        }
    }

    /// What the host says now, with what will be.
    pub fn over(&self, query: &Query, answer: Answer) -> Look {
        match query {
            Query::Run(Probe::Unpacked(wish)) if self.moves_members(wish, &answer) => {
                Look::Unknown(format!("what is in {} changes before", wish.dest))
            }
            _ => Look::Known(self.names(query, answer)),
        }
    }

    /// Whether the members of an archive, or the archive itself, are otherwise by then. What is new and no member does not count: a member that
    /// is missing is told, one that is as it should be is not.
    fn moves_members(&self, wish: &Unpack, answer: &Answer) -> bool {
        let Answer::Output(Output { code: 0, stdout, .. }) = answer else { return false };
        let text = String::from_utf8_lossy(stdout.bytes());
        let lines = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let told: Vec<_> = lines.filter_map(|line| Some(line["path"].as_str()?.to_string())).collect();
        let is_otherwise = matches!(&wish.from, Archive::OnHost(from) if self.replaced_at(from) > 0);
        let mut below = self.below(&wish.dest);
        is_otherwise
            || self.trees.iter().any(|(set, ..)| path_within(set, &wish.dest) || path_within(&wish.dest, set))
            || below.any(|(name, file)| match &file.was {
                Some(_) => file.meta != file.was,
                None => file.meta.is_some() && told.iter().any(|told| told == name),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::wire::{Attrs, Meta, Op};

    /// `/d/old` is there, and nothing else.
    fn real(query: &Query) -> Option<Answer> {
        let (owner, group) = ("root".into(), "root".into());
        let kind = Kind::File { digest: None };
        match query {
            Query::File { path } if path == "/d/old" => {
                Some(Answer::Meta(Some(Meta { kind, mode: 0o644, owner, group, size: 1 })))
            }
            Query::File { .. } => Some(Answer::Meta(None)),
            _ => None,
        }
    }

    fn after(ops: &[Op]) -> Overlay {
        let mut overlay = Overlay::new("root");
        overlay.add("t", ops, &[], &[], &real);
        overlay
    }

    fn write(path: &str) -> Op {
        let (content, attrs) = (Content::from("hello\n"), Attrs::default());
        Op::WriteFile { path: path.into(), content, attrs, check: None }
    }

    #[test]
    fn a_checksum_is_that_of_what_the_file_will_hold() {
        let sum = |ops: &[Op]| {
            let (path, algorithm) = ("/d/old".into(), Algorithm::Sha256);
            match after(ops).look(&Query::Run(Probe::Checksum { path, algorithm }), &[]) {
                Some(Look::Known(Answer::Output(output))) => {
                    format!("{} {}", output.code, String::from_utf8_lossy(output.stdout.bytes()))
                }
                other => format!("{other:?}"),
            }
        };
        let hello = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(sum(&[write("/d/old")]), format!("0 {hello}\n"));
        assert_eq!(sum(&[Op::Remove { path: "/d".into(), recursive: true }]), "1 ");
        let link = Op::MakeHardLink { path: "/d/old".into(), target: "/d/old".into() };
        assert!(sum(&[link]).contains("Unknown"));
        let attrs =
            Op::SetAttrs { path: "/d/old".into(), attrs: Attrs { mode: Some(0o600), ..Attrs::default() } };
        assert_eq!(sum(&[attrs]), "None");
    }

    #[test]
    fn what_an_archive_brings_is_told_where_its_members_stay_as_they_are() {
        let wish = Unpack {
            from: Archive::Sent(Content::from("")),
            dest: "/d".into(),
            strip: 0,
            include: vec![],
            exclude: vec![],
            checksum: None,
            mode: None,
            owner: None,
            group: None,
        };
        let told = output("{\"path\": \"new\", \"after\": \"file\"}\n");
        let is_known = |op: Op| {
            let query = Query::Run(Probe::Unpacked(wish.clone()));
            matches!(after(&[op]).over(&query, told.clone()), Look::Known(_))
        };
        for (path, expected) in [("/d/other", true), ("/e/new", true), ("/d/new", false), ("/d/old", false)] {
            assert_eq!(is_known(write(path)), expected, "{path}");
        }
        assert!(!is_known(Op::Remove { path: "/d/old".into(), recursive: false }));
    }
}
