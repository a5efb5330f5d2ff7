//! What earlier changes of files make of checksums, and of what a program of the host says of files: what an archive would bring, how a
//! work tree of git stands, whether a certificate fits its key.

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
            Query::Run(Probe::GitTree { path, .. }) if self.moves_tree(path, &answer) => {
                Look::Unknown(format!("what is in {path} changes before"))
            }
            Query::Run(Probe::Certificate { path, key, .. }) if self.moves_pair(path, key, &answer) => {
                Look::Unknown(format!("what {path} or {key} holds changes before"))
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

    /// Whether files of a work tree are otherwise by then. What is new is none of git's, unless one of its own is missing: it may be that one.
    /// Into a folder that holds something git does not clone.
    fn moves_tree(&self, path: &str, answer: &Answer) -> bool {
        let Answer::Output(Output { code: code @ (0 | 1), stdout, .. }) = answer else { return false };
        let text = String::from_utf8_lossy(stdout.bytes());
        let is_clean = text.lines().all(|line| !line.starts_with("changed ") || line == "changed 0");
        let is_there = *code == 0;
        let is_gone = matches!(self.node(path), Some((None, _)));
        let mut trees = self.trees.iter();
        let is_set = trees.any(|(set, ..)| path_within(set, path) || path_within(path, set));
        let mut below = self.below(path);
        is_there && (is_gone || is_set)
            || below.any(|(_, file)| match &file.was {
                Some(_) => file.meta != file.was,
                None => file.meta.is_some() && !(is_there && is_clean),
            })
    }

    /// Whether a certificate, or the key that is held against it, is another one by then. Where there is none nobody asks for its key.
    fn moves_pair(&self, path: &str, key: &str, answer: &Answer) -> bool {
        let is_there = matches!(answer, Answer::Output(Output { code: 0, .. }));
        self.replaced_at(path) > 0 || is_there && self.replaced_at(key) > 0
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

    #[test]
    fn how_a_work_tree_stands_is_told_where_none_of_its_files_is_otherwise_by_then() {
        let told = |code: i32, text: &str| {
            let (stdout, stderr) = (Content::from(text), Content::from(""));
            Answer::Output(Output { code, stdout, stderr })
        };
        let tree = |text: &str| told(0, text);
        let (clean, lacks) = (tree("commit 1\nchanged 0\n"), tree("commit 1\nchanged 1\nfile other\n"));
        let gone = |path: &str| Op::Remove { path: path.into(), recursive: true };
        let folder = |path: &str| Op::MakeFolder { path: path.into(), attrs: Attrs::default() };
        for (op, said, expected) in [
            (write("/e/f"), &clean, true),
            (write("/d/other"), &clean, true),
            (write("/d/other"), &lacks, false),
            (write("/d/old"), &clean, false),
            (gone("/d/old"), &clean, false),
            // There is no work tree yet: its folder is to be empty.
            (folder("/d"), &told(1, ""), true),
            (write("/d/other"), &told(1, ""), false),
            (write("/d/other"), &told(127, ""), true),
        ] {
            let query = Query::Run(Probe::GitTree { path: "/d".into(), branch: String::new() });
            let look = after(std::slice::from_ref(&op)).over(&query, said.clone());
            assert_eq!(matches!(look, Look::Known(_)), expected, "{op:?} {said:?}");
        }
        let query = Query::Run(Probe::GitTree { path: "/d/w".into(), branch: String::new() });
        assert!(matches!(after(&[gone("/d")]).over(&query, clean), Look::Unknown(_)));
        assert!(matches!(after(&[folder("/d")]).over(&query, told(1, "")), Look::Known(_)));
    }

    #[test]
    fn a_certificate_is_held_against_the_key_that_will_be_there() {
        for (op, code, expected) in [
            (write("/d/other"), 0, true),
            (write("/d/key"), 0, false),
            (write("/d/key"), 1, true),
            (write("/d/old"), 1, false),
        ] {
            let (path, key) = ("/d/old".into(), "/d/key".into());
            let query = Query::Run(Probe::Certificate { path, key, expires_within_s: 1 });
            let (stdout, stderr) = (Content::from(""), Content::from(""));
            let look = after(std::slice::from_ref(&op))
                .over(&query, Answer::Output(Output { code, stdout, stderr }));
            assert_eq!(matches!(look, Look::Known(_)), expected, "{op:?} {code}");
        }
    }
}
