//! `doc`: the documentation of resource types, helpers, facts and roles, from the same source as the code.

mod external;
mod facts;
mod helpers;
mod roles;

use super::{Color, files::Disk, vault_args::VaultArgs};
use crate::{
    diag::{Diagnostic, Diagnostics, Exit},
    resource::ResourceType,
    resources::TABLE,
    template::HELPERS,
};
use serde_json::Value as Json;
use std::sync::Arc;

#[derive(Debug, clap::Args)]
pub struct Doc {
    /// A resource type, a helper, a fact (`facts.os`), or `helpers`, `facts` or `role`; without it, the list of types
    name: Option<String>,
    /// With `helpers`, `facts` or `role`: one of these; a role by its name or its folder
    item: Option<String>,
    /// With `helpers` or `facts`: all of it as Markdown
    #[arg(long)]
    markdown: bool,
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
        let known = |name: &&str| self.item.is_none() && !self.markdown && !is_known(name);
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
        if let Some(role) = of_role.filter(|_| !self.markdown) {
            anstream::print!("{}", roles::page(role, &self.vault, color)?);
            return Ok(Exit::Done);
        }
        anstream::print!("{}", self.text()?);
        let own = if self.name.is_none() && !self.markdown { external::all(&files) } else { vec![] };
        if !own.is_empty() {
            anstream::println!("\nof this project:");
        }
        own.iter().for_each(|(name, path)| anstream::println!("{name}  {}", path.display()));
        Ok(Exit::Done)
    }

    fn text(&self) -> Result<String, Diagnostic> {
        let name = self.name.as_deref();
        if self.markdown {
            return match (name, &self.item) {
                (Some("helpers"), None) => Ok(helpers::markdown()),
                (Some("facts"), None) => Ok(facts::markdown()),
                _ => Err(Diagnostic::error("only all helpers or all facts are there as Markdown")
                    .hint("write `doc helpers --markdown` or `doc facts --markdown`")),
            };
        }
        match (name, self.item.as_deref()) {
            (None, _) => Ok(list()),
            (Some("helpers"), None) => Ok(helpers::list()),
            (Some("helpers"), Some(helper)) => helpers::page(helper).ok_or_else(|| {
                let error = Diagnostic::error(format!("unknown helper `{helper}`"));
                error
                    .hint("`doc helpers` lists them")
                    .suggest(helper, HELPERS.iter().map(|helper| helper.name))
            }),
            (Some("facts"), None) => Ok(facts::list()),
            (Some("facts"), Some(path)) => facts::page(path),
            (Some(name), Some(item)) => {
                let error = Diagnostic::error(format!("`doc {name}` takes no `{item}`"));
                Err(error.hint("a second word goes with `helpers`, `facts` and `role`"))
            }
            (Some(name), None) => {
                match crate::resources::find(name) {
                    Some(found) if helpers::page(name).is_some() => Ok(page(found)
                        + &format!("\nThere is a helper of that name too: `doc helpers {name}`.\n")),
                    Some(found) => Ok(page(found)),
                    None if name.starts_with("facts.") => facts::page(name),
                    None => helpers::page(name).ok_or_else(|| unknown(name)),
                }
            }
        }
    }
}

/// Whether a word is the program's own.
fn is_known(name: &str) -> bool {
    let own = crate::resources::find(name).is_some() || helpers::page(name).is_some();
    own || name.starts_with("facts.") || ["helpers", "facts", "role"].contains(&name)
}

fn unknown(name: &str) -> Diagnostic {
    let known = TABLE
        .iter()
        .map(|t| t.name)
        .chain(HELPERS.iter().map(|helper| helper.name))
        .chain(["helpers", "facts", "role"]);
    let error = Diagnostic::error(format!("unknown resource type or helper `{name}`"));
    error.hint("`doc` alone lists the types, `doc helpers` the helpers").suggest(name, known)
}

fn list() -> String {
    let width = TABLE.iter().map(|t| t.name.len()).max().unwrap_or(0);
    let line = |t: &ResourceType| {
        let schema = (t.schema)().to_value();
        let summary = schema["description"].as_str().unwrap_or("").lines().next().unwrap_or("").to_string();
        format!("{:width$}  {summary}\n", t.name)
    };
    TABLE.iter().map(line).collect::<String>()
        + "\n`doc TYPE` shows a type, `doc helpers` lists the helpers of templates, `doc facts` what is known of every host, `doc role NAME` what a role takes.\n"
}

/// A type's page: what it is, its parameters, an example.
fn page(found: &ResourceType) -> String {
    let schema = (found.schema)().to_value();
    let mut out = format!("{}\n\n", found.name);
    if let Some(text) = schema["description"].as_str() {
        out += &format!("{text}\n\n");
    }
    out += "parameters:\n";
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let mut notes = vec![kind(property, &schema)];
        if required.contains(&name.as_str()) {
            notes.push("required".into());
        }
        if let Some(default) = property.get("default").filter(|d| !d.is_null()) {
            notes.push(format!("default {default}"));
        }
        out += &format!("  {name} ({})\n", notes.join(", "));
        for line in property["description"].as_str().unwrap_or("").lines() {
            out += &format!("      {line}\n");
        }
    }
    for source in found.sources {
        out += &format!(
            "  {} (string)\n      A file from {}/, in place of `{}`.\n",
            source.key, source.folder, source.into
        );
    }
    out + "\nexample:\n" + &found.example.lines().map(|l| format!("  {l}\n")).collect::<String>()
}

fn kind(property: &Json, root: &Json) -> String {
    if let Some(reference) = property["$ref"].as_str() {
        let target = reference.trim_start_matches("#/").split('/').fold(root, |at, key| &at[key]);
        return kind(target, root);
    }
    for key in ["enum", "oneOf", "anyOf"] {
        if let Some(options) = property[key].as_array() {
            let word = |option: &Json| match option.as_str().or_else(|| option["const"].as_str()) {
                Some(word) => Some(word.to_string()),
                None => Some(kind(option, root)).filter(|k| k != "null"),
            };
            let mut words: Vec<String> = options.iter().filter_map(word).collect();
            words.dedup();
            return words.join(" | ");
        }
    }
    match &property["type"] {
        Json::String(kind) => kind.clone(),
        Json::Array(kinds) => {
            let kinds: Vec<&str> = kinds.iter().filter_map(Json::as_str).filter(|k| *k != "null").collect();
            kinds.join(" | ")
        }
        _ => "any".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doc(words: &[&str]) -> Result<String, Diagnostic> {
        let mut words = words.iter().map(ToString::to_string);
        let (name, item) = (words.next(), words.next());
        Doc { name, item, markdown: false, vault: VaultArgs::default() }.text()
    }

    #[test]
    fn the_pages_in_docs_are_what_is_printed() {
        let pages = [
            ("helpers", helpers::markdown(), include_str!("../../../docs/helpers.md")),
            ("facts", facts::markdown(), include_str!("../../../docs/facts.md")),
        ];
        for (name, printed, page) in pages {
            assert!(printed == page, "run `lustores-provision doc {name} --markdown > docs/{name}.md`");
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
        assert!(doc(&[]).unwrap().contains("`doc helpers`"));
    }

    #[test]
    fn a_name_that_is_not_there_gets_a_near_one() {
        for (words, part) in [
            (&["lwer"][..], "`lower`"),
            (&["helpers", "lwer"], "`lower`"),
            (&["facts", "memroy"], "`memory`"),
            (&["facts.os.codname"], "`os.codename`"),
            (&["helper"], "`helpers`"),
            (&["copy", "x"], "a second word"),
        ] {
            let error = doc(words).unwrap_err();
            assert!(error.hint.as_deref().is_some_and(|hint| hint.contains(part)), "{words:?}: {error:?}");
        }
    }
}
