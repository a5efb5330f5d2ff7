//! Who owns a file as it will be: an owner that is given by number, the host tells by name.

use super::{Overlay, Predicted};
use crate::resource::Look;
use agent::wire::{Answer, Query};

pub(super) fn user_of(name: &str) -> Query {
    Query::User { name: name.into() }
}

pub(super) fn group_of(name: &str) -> Query {
    Query::Group { name: name.into() }
}

fn number_in(answer: &Answer) -> Option<u32> {
    match answer {
        Answer::User(Some(user)) => Some(user.uid),
        Answer::Group(Some(group)) => Some(group.gid),
        _ => None,
    }
}

impl Overlay {
    /// The owner as the host will tell it: `named`, else `before`. Of a number the name where that is known, else the number.
    pub(super) fn owned_by(
        &self,
        named: Option<&String>,
        before: String,
        account: fn(&str) -> Query,
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) -> String {
        let Some(named) = named else { return before };
        let Ok(number) = named.parse::<u32>() else { return named.clone() };
        if number == 0 {
            return "root".into();
        }
        let has = |name: &str| match self.look_or(&account(name), real) {
            Look::Known(answer) => number_in(&answer) == Some(number),
            _ => false,
        };
        if has(&before) {
            return before;
        }
        // One that a task makes.
        let made = self.answers.iter().filter_map(|(query, (answer, _))| match query {
            Query::User { name } | Query::Group { name } => {
                (number_in(answer) == Some(number) && *query == account(name)).then_some(name)
            }
            _ => None,
        });
        made.min().unwrap_or(named).clone()
    }

    /// Why it is not known whom the host will name as the owner of what is at a path: a number may have a name.
    pub(super) fn unclear_owner(&self, path: &str) -> Option<String> {
        let Predicted { meta: Some(meta), was, .. } = self.files.get(path)? else { return None };
        let was = was.as_ref();
        let owners = [(&meta.owner, was.map(|was| &was.owner)), (&meta.group, was.map(|was| &was.group))];
        // The host has told it by its number itself.
        let told =
            |(now, was): &(&String, Option<&String>)| now.parse::<u32>().is_err() || *was == Some(*now);
        let (number, _) = owners.into_iter().find(|owner| !told(owner))?;
        Some(format!("whose number {number} is shows when {path} is theirs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::wire::{Attrs, FileType, Kind, Meta, Op, User};

    /// `/a` is of `daemon`, who has the number 1; of 2 nobody has asked.
    fn real(query: &Query) -> Option<Answer> {
        match query {
            Query::File { path } if path == "/a" => {
                let (owner, group) = ("daemon".into(), "root".into());
                Some(Answer::Meta(Some(Meta { kind: Kind::Folder, mode: 0o755, owner, group, size: 0 })))
            }
            Query::File { .. } => Some(Answer::Meta(None)),
            Query::User { name } if name == "daemon" => Some(user("daemon", 1)),
            _ => None,
        }
    }

    fn user(name: &str, uid: u32) -> Answer {
        let text = String::new;
        let (name, group) = (name.to_string(), name.to_string());
        let (home, shell, comment) = (text(), text(), text());
        Answer::User(Some(User { name, uid, gid: uid, group, home, shell, comment, groups: vec![] }))
    }

    #[test]
    fn a_number_is_told_by_its_name_where_that_is_known() {
        let owner = |path: &str, owner: &str| {
            let attrs = Attrs { owner: Some(owner.into()), ..Attrs::default() };
            let mut overlay = Overlay::new("root");
            let made = (Query::User { name: "app".into() }, user("app", 3));
            let made = crate::resource::Effect::Answer(made.0, made.1);
            overlay.add("account", &[], &[made], &[], &real);
            overlay.add("t", &[Op::MakeFolder { path: path.into(), attrs }], &[], &[], &real);
            match overlay.look(&Query::Stat { path: path.into(), checksum: None }, &[]) {
                Some(Look::Known(Answer::Stat(Some(stat)))) if stat.kind == FileType::Folder => stat.owner,
                Some(Look::Unknown(why)) => why,
                other => panic!("{other:?}"),
            }
        };
        let unknown = "whose number 2 is shows when /a is theirs";
        for (path, named, expected) in [
            ("/a", "1", "daemon"),
            ("/a", "2", unknown),
            ("/b", "1", "whose number 1 is shows when /b is theirs"),
            ("/b", "0", "root"),
            ("/b", "3", "app"),
            ("/b", "app", "app"),
        ] {
            assert_eq!(owner(path, named), expected, "{path} {named}");
        }
    }
}
