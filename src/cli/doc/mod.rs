//! `doc`: the documentation of resource types, keywords, helpers, facts and roles, from the same source as the code, and the pages of docs/.

mod events;
mod external;
mod facts;
mod helpers;
mod keywords;
pub mod pages;
mod parameters;
mod roles;
mod search;
mod topics;
mod types;
mod wrap;

use super::{Color, completions, files::Disk, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    external::External,
    playbook::Role,
    resources::TABLE,
    schema::Own,
    template::HELPERS,
};
use clap_complete::ArgValueCompleter;
use std::{path::PathBuf, sync::Arc};

#[derive(Debug, clap::Args)]
pub struct Doc {
    /// A resource type, a helper, a keyword, a fact (`facts.os`), a page (`undo`, `vault`, `check`), or `keywords`, `helpers`, `facts`, `topics` or
    /// `role`; without it, the list of types
    #[arg(add = ArgValueCompleter::new(completions::documented))]
    name: Option<String>,
    /// With `keywords`, `helpers`, `facts`, `topics` or `role`: one of these; a role by its name or its folder
    #[arg(add = ArgValueCompleter::new(completions::documented_inside))]
    item: Option<String>,
    /// Look for words in types, parameters, helpers, facts, keywords and pages
    #[arg(short, long, value_name = "WORDS", num_args = 1.., conflicts_with_all = ["name", "markdown"])]
    search: Vec<String>,
    /// As Markdown: a type, `keywords`, `helpers` or `facts`; with a folder instead of a name, all pages are written there
    #[arg(short, long, value_name = "DIR", num_args = 0..=1)]
    markdown: Option<Option<PathBuf>>,
    #[command(flatten)]
    vault: VaultArgs,
}

impl Doc {
    /// Prints it.
    ///
    /// # Errors
    /// An unknown name.
    pub fn run(self, color: Color) -> Result<Exit, Diagnostics> {
        let files = Arc::new(Disk { passwords: Arc::new(self.vault.passwords()?) });
        // Ours come first, and nobody has to run a program to hear of them.
        let known = |name: &&str| self.item.is_none() && self.markdown.is_none() && !is_known(name);
        if let Some(name) = self.name.as_deref().filter(known)
            && let Some(page) = external::page(name, &files)?
        {
            anstream::print!("{page}");
            return Ok(Exit::Done);
        }
        let of_role = match self.name.as_deref() {
            Some("role") => Some(self.item.as_deref()),
            Some(path) if path.contains('/') => Some(Some(path)),
            _ => None,
        };
        if let Some(role) = of_role.filter(|_| self.markdown.is_none()) {
            anstream::print!("{}", roles::page(role, &self.vault, color)?);
            return Ok(Exit::Done);
        }
        if let (Some(Some(folder)), None) = (&self.markdown, &self.name) {
            pages::write(folder)?;
            return Ok(Exit::Done);
        }
        anstream::print!("{}", self.text()?);
        let own = if self.name.is_none() && self.markdown.is_none() && self.search.is_empty() {
            external::all(&files)
        } else {
            vec![]
        };
        if !own.is_empty() {
            anstream::println!("\nof this project:");
        }
        own.iter().for_each(|(name, path)| anstream::println!("{name}  {}", path.display()));
        Ok(Exit::Done)
    }

    fn text(&self) -> Result<String, Diagnostic> {
        if !self.search.is_empty() {
            return search::search(&self.search);
        }
        let (name, item) = (self.name.as_deref(), self.item.as_deref());
        if let Some(folder) = &self.markdown {
            return markdown(name, item, folder.is_some());
        }
        match (name, item) {
            (None, _) => Ok(types::list()),
            (Some("keywords"), None) => Ok(keywords::list()),
            (Some("keywords"), Some(keyword)) => keywords::page(keyword),
            (Some("helpers"), None) => Ok(helpers::list()),
            (Some("helpers"), Some(helper)) => helpers::page(helper).ok_or_else(|| {
                let error = Diagnostic::error(format!("unknown helper `{helper}`"));
                error
                    .hint("`doc helpers` lists them")
                    .suggest(helper, HELPERS.iter().map(|helper| helper.name))
            }),
            (Some("facts"), None) => Ok(facts::list()),
            (Some("facts"), Some(path)) => facts::page(path),
            (Some("topics"), None) => Ok(topics::list()),
            (Some("topics"), Some(topic)) => topics::page(topic),
            (Some(name), Some(item)) => {
                let error = Diagnostic::error(format!("`doc {name}` takes no `{item}`"));
                Err(error.hint("a second word goes with `keywords`, `helpers`, `facts`, `topics` and `role`"))
            }
            (Some(name), None) => self::one(name),
        }
    }
}

/// What a word stands for, and where else it is found.
fn one(name: &str) -> Result<String, Diagnostic> {
    let mut others = vec![];
    let found = if let Some(row) = crate::resources::find(name) {
        Some(types::page(row))
    } else if name.starts_with("facts.") {
        Some(facts::page(name)?)
    } else if let Some(page) = helpers::page(name) {
        if keywords::is_known(name) {
            others.push(format!("There is a keyword of that name too: `doc keywords {name}`."));
        }
        Some(page)
    } else if keywords::is_known(name) {
        Some(keywords::page(name)?)
    } else {
        None
    };
    let Some(found) = found else {
        return if topics::find(name).is_some() { topics::page(name) } else { Err(unknown(name)) };
    };
    if topics::find(name).is_some_and(|topic| topic.name == name) {
        others.push(format!("There is a page of that name too: `doc topics {name}`."));
    }
    Ok(others.into_iter().fold(found, |found, other| found + &format!("\n{other}\n")))
}

/// The names of the pages that people wrote, with their titles.
pub(super) fn topic_names() -> Vec<(String, String)> {
    topics::TOPICS.iter().map(|topic| (topic.name.to_owned(), topic.title().to_owned())).collect()
}

/// The first sentence of a type's documentation.
pub(super) fn summary(row: &crate::resource::ResourceType) -> String {
    wrap::first_sentence(&parameters::about(row))
}

/// What the project here brings along, and what is wrong with it. Where there are two of one name, it depends on the playbook which
/// counts.
pub(super) fn own(files: &Arc<Disk>) -> (Own, Diagnostics) {
    let (mut own, mut errors) = (Own::default(), Diagnostics::default());
    for (name, path) in external::all(files) {
        let external = External::new(&name, &path, files.clone());
        let description = external::is_one(&name, files).then(|| external.description());
        let description = description.and_then(|description| errors.take(description));
        own.add_type(&name, description);
    }
    for folder in roles::folders(files) {
        let mut wrong = Diagnostics::default();
        let role = Role::load(&folder, &**files, &mut wrong);
        if wrong.has_errors() {
            errors.extend(wrong);
        } else {
            own.add_role(&role, &**files);
        }
    }
    (own, errors)
}

/// The roles that `doc role` finds here.
pub(super) fn role_names() -> Vec<String> {
    roles::names()
}

/// One page as Markdown.
fn markdown(name: Option<&str>, item: Option<&str>, with_folder: bool) -> Result<String, Diagnostic> {
    match (name, item) {
        (Some("keywords"), None) => Ok(keywords::markdown()),
        (Some("helpers"), None) => Ok(helpers::markdown()),
        (Some("facts"), None) => Ok(facts::markdown()),
        (Some(name), None) if !with_folder && crate::resources::find(name).is_some() => {
            Ok(crate::resources::find(name).map(pages::page).unwrap_or_default())
        }
        (None, _) => Err(Diagnostic::error("what should be written as Markdown?").hint(
            "write `doc TYPE --markdown`, or `doc --markdown DIR` for all pages: `docs` is where those of this project are",
        )),
        (Some(name), _) => {
            let error = Diagnostic::error(format!("`doc {name}` is not there as Markdown"));
            Err(error.hint("types, and all of `keywords`, `helpers` or `facts` are"))
        }
    }
}

/// Whether a word is the program's own.
fn is_known(name: &str) -> bool {
    let own = crate::resources::find(name).is_some() || helpers::page(name).is_some();
    own || keywords::is_known(name)
        || name.starts_with("facts.")
        || ["keywords", "helpers", "facts", "topics", "role"].contains(&name)
}

fn unknown(name: &str) -> Diagnostic {
    let known = TABLE
        .iter()
        .map(|t| t.name)
        .chain(HELPERS.iter().map(|helper| helper.name))
        .chain(topics::TOPICS.iter().map(|topic| topic.name))
        .chain(["keywords", "helpers", "facts", "topics", "role"]);
    let error = Diagnostic::error(format!("unknown resource type, helper or keyword `{name}`"));
    match crate::playbook::done_here(name) {
        // A name that only looks like it would be of no use.
        Some(hint) => error.hint(hint),
        None => error
            .hint("`doc` alone lists the types, `doc topics` the pages, `doc --search WORDS` looks for words")
            .suggest(name, known),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(words: &[&str]) -> Result<String, Diagnostic> {
        let mut words = words.iter().map(ToString::to_string);
        let (name, item) = (words.next(), words.next());
        let (search, vault) = (vec![], VaultArgs::default());
        Doc { name, item, search, markdown: None, vault }.text()
    }

    #[test]
    fn the_pages_in_docs_are_what_is_printed() {
        let pages = [
            ("helpers", helpers::markdown(), include_str!("../../../docs/helpers.md")),
            ("facts", facts::markdown(), include_str!("../../../docs/facts.md")),
            ("keywords", keywords::markdown(), include_str!("../../../docs/keywords.md")),
        ];
        for (name, printed, page) in pages {
            assert!(printed == page, "docs/{name}.md is old: run `lustores-provision doc --markdown docs`");
        }
    }

    #[test]
    fn everything_has_a_page() {
        for helper in HELPERS {
            let page = doc(&["helpers", helper.name]).unwrap();
            assert!(page.starts_with(helper.signature) && page.contains(helper.example.0), "{page}");
            assert!(doc(&["helpers"]).unwrap().contains(helper.signature));
        }
        for fact in crate::site::facts() {
            assert!(doc(&["facts", &fact.path]).unwrap().contains(&fact.text), "{}", fact.path);
        }
        assert!(
            doc(&["facts.interfaces.eth0.ipv4"])
                .unwrap()
                .contains("facts.interfaces.*.ipv4.0.address (string)")
        );
        assert!(doc(&["file"]).unwrap().contains("`doc helpers file`"));
        assert!(doc(&["lower"]).unwrap().starts_with("lower text\n"));
        assert!(doc(&["undo"]).unwrap().starts_with("# Undoing a run\n"));
        assert_eq!(doc(&["check"]).unwrap(), doc(&["topics", "apply"]).unwrap());
        assert!(doc(&["shell"]).unwrap().contains("`doc topics shell`"));
        assert!(doc(&["topics", "shell"]).unwrap().starts_with("# The shell"));
        assert!(doc(&["topics"]).unwrap().contains("vault  "));
        assert!(doc(&[]).unwrap().contains("`doc helpers`"));
        for level in crate::playbook::Level::ALL {
            for keyword in level.keywords() {
                let page = doc(&["keywords", keyword.name]).unwrap();
                let bare = |text: &str| text.split_whitespace().collect::<String>();
                for told in [keyword.about, level.title()] {
                    assert!(bare(&page).contains(&bare(told)), "{told}: {page}");
                }
            }
        }
    }

    #[test]
    fn pages_fit_a_terminal_and_tell_all_of_a_type() {
        for row in TABLE {
            let page = doc(&[row.name]).unwrap();
            // An example is as wide as it is written.
            let (before, rest) = page.split_once("\nExample:\n").unwrap();
            let after = rest.split_once("\nNotes:\n").unwrap().1;
            for line in before.lines().chain(after.lines()) {
                assert!(line.chars().count() <= 80, "{}: {line}", row.name);
            }
            for parameter in parameters::parameters(row) {
                assert!(page.contains(&format!("\n  {}: ", parameter.name)), "{}: {page}", parameter.name);
            }
        }
        for words in [&[][..], &["keywords"], &["keywords", "serial"], &["topics"]] {
            assert!(doc(words).unwrap().lines().all(|line| line.chars().count() <= 80), "{words:?}");
        }
    }

    #[test]
    fn a_name_that_is_not_there_gets_a_near_one() {
        for (words, part) in [
            (&["lwer"][..], "`lower`"),
            (&["helpers", "lwer"], "`lower`"),
            (&["facts", "memroy"], "`memory`"),
            (&["facts.os.codname"], "`os.codename`"),
            (&["helper"], "`helpers`"),
            (&["vualt"], "`vault`"),
            (&["topics", "vualt"], "`vault`"),
            (&["copy", "x"], "a second word"),
            (&["keywords", "notfiy"], "`notify`"),
            (&["apt"], "`package` does this"),
            (&["yum"], "`package` does this"),
            (&["ini_file"], "`ini` does this"),
            (&["dpkg_selections"], "`package` does this here, with `hold`"),
        ] {
            let error = doc(words).unwrap_err();
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(part)), "{words:?}: {error:?}");
        }
    }
}
