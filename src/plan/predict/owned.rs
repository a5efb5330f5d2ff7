//! Who owns a file as it will be: an owner that is given by number, the host tells by name.

use super::{Overlay, Predicted};
use crate::resource::Look;
use agent::wire::{Answer, Query};

#[derive(Clone, Copy)]
pub(super) enum Account {
    User,
    Group,
}

impl Account {
    fn named(self, name: &str) -> Query {
        let name = name.into();
        match self {
            Self::User => Query::User { name },
            Self::Group => Query::Group { name },
        }
    }

    fn of(self, number: u32) -> Query {
        match self {
            Self::User => Query::UserOf { uid: number },
            Self::Group => Query::GroupOf { gid: number },
        }
    }
}

fn number_in(answer: &Answer) -> Option<u32> {
    match answer {
        Answer::User(Some(user)) => Some(user.uid),
        Answer::Group(Some(group)) => Some(group.gid),
        _ => None,
    }
}

impl Overlay {
    /// The owner as the host will tell it: `named`, else `before`. Of a number the name where it has one.
    pub(super) fn owned_by(
        &mut self,
        named: Option<&String>,
        before: String,
        account: Account,
        real: &dyn Fn(&Query) -> Option<Answer>,
    ) -> String {
        let Some(named) = named else { return before };
        let Ok(number) = named.parse::<u32>() else { return named.clone() };
        if number == 0 {
            return "root".into();
        }
        if let Some(name) = self.made(number, account) {
            return name.clone();
        }
        let asked = account.of(number);
        let found = match self.look_or(&asked, real) {
            Look::Known(Answer::User(user)) => user.map(|user| user.name),
            Look::Known(Answer::Group(group)) => group.map(|group| group.name),
            _ => return named.clone(),
        };
        let has = |name: &String| match self.look(&account.named(name), &[]) {
            Some(Look::Known(answer)) => number_in(&answer) == Some(number),
            _ => true,
        };
        match found.filter(has) {
            Some(name) => name,
            None => {
                let nobody = match account {
                    Account::User => Answer::User(None),
                    Account::Group => Answer::Group(None),
                };
                self.answers.insert(asked, (nobody, self.seq));
                named.clone()
            }
        }
    }

    /// The account with this number that a task makes.
    fn made(&self, number: u32, account: Account) -> Option<&String> {
        let made = self.answers.iter().filter_map(|(query, (answer, _))| match query {
            Query::User { name } | Query::Group { name } => {
                (number_in(answer) == Some(number) && *query == account.named(name)).then_some(name)
            }
            _ => None,
        });
        made.min()
    }

    /// Why it is not known whom the host will name as the owner of what is at a path: a number may have a name.
    pub(super) fn unclear_owner(&self, path: &str) -> Option<String> {
        let Predicted { meta: Some(meta), was, .. } = self.files.get(path)? else { return None };
        let was = was.as_ref();
        let is_unclear = |now: &String, was: Option<&String>, account: Account| {
            let Ok(number) = now.parse::<u32>() else { return false };
            let has_none = || matches!(self.look(&account.of(number), &[]), Some(Look::Known(_)));
            // The host may have told it by its number itself.
            was != Some(now) && (self.made(number, account).is_some() || !has_none())
        };
        let owner = is_unclear(&meta.owner, was.map(|was| &was.owner), Account::User).then_some(&meta.owner);
        let group =
            || is_unclear(&meta.group, was.map(|was| &was.group), Account::Group).then_some(&meta.group);
        let number = owner.or_else(group)?;
        Some(format!("whose number {number} is shows when {path} is theirs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::wire::{Attrs, FileType, Kind, Meta, Op, User};

    /// `/a` is of `daemon`, who has the number 1; nobody has 64; of 2 nobody has asked.
    fn real(query: &Query) -> Option<Answer> {
        match query {
            Query::File { path } if path == "/a" => {
                let (owner, group) = ("daemon".into(), "root".into());
                Some(Answer::Meta(Some(Meta { kind: Kind::Folder, mode: 0o755, owner, group, size: 0 })))
            }
            Query::File { .. } => Some(Answer::Meta(None)),
            Query::UserOf { uid: 1 } => Some(user("daemon", 1)),
            Query::UserOf { uid: 64 } => Some(Answer::User(None)),
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
            ("/b", "1", "daemon"),
            ("/b", "2", "whose number 2 is shows when /b is theirs"),
            ("/a", "64", "64"),
            ("/b", "64", "64"),
            ("/b", "0", "root"),
            ("/b", "3", "app"),
            ("/b", "app", "app"),
        ] {
            assert_eq!(owner(path, named), expected, "{path} {named}");
        }
    }
    #[test]
    fn a_number_has_another_name_once_its_account_is_made_or_moved() {
        let attrs = |owner: &str| Attrs { owner: Some(owner.into()), ..Attrs::default() };
        let own = |owner: &str| Op::MakeFolder { path: "/b".into(), attrs: attrs(owner) };
        let account = |name: &str, uid: u32| {
            crate::resource::Effect::Answer(Query::User { name: name.into() }, user(name, uid))
        };
        let stat = Query::Stat { path: "/b".into(), checksum: None };
        let mut overlay = Overlay::new("root");
        overlay.add("t", &[own("64")], &[], &[], &real);
        assert!(matches!(overlay.look(&stat, &[]), Some(Look::Known(_))));
        overlay.add("account", &[], &[account("app", 64)], &[], &real);
        assert!(matches!(overlay.look(&stat, &[]), Some(Look::Unknown(_))));
        // Who has the number now has another one by then.
        overlay.add("account", &[], &[account("daemon", 7)], &[], &real);
        overlay.add("t", &[own("1")], &[], &[], &real);
        let Some(Look::Known(Answer::Stat(Some(told)))) = overlay.look(&stat, &[]) else { panic!() };
        assert_eq!(told.owner, "1");
    }
}
