//! What is fetched besides branches and tags.

use crate::resource::Fault;

/// `[+]FROM[:TO]`: a name of the repository, and one of the work tree. Both may hold one `*`.
pub struct Refspec {
    text: String,
    from: String,
    to: Option<String>,
}

impl Refspec {
    /// # Errors
    /// That it is none, or has short names: which ones git takes them for depends on what else there is.
    pub fn read(text: &str) -> Result<Self, Fault> {
        let plain = text.strip_prefix('+').unwrap_or(text);
        let (from, to) = plain.split_once(':').map_or((plain, None), |(from, to)| (from, Some(to)));
        let is_bad = |c: char| c.is_control() || " ~^:?[\\".contains(c);
        let stars = |name: &str| name.matches('*').count();
        let is_name = |name: &str| {
            name.strip_prefix("refs/").is_some_and(|rest| !rest.is_empty())
                && !name.contains("..")
                && !name.contains(is_bad)
                && stars(name) == stars(from)
        };
        if !is_name(from) || !to.is_none_or(is_name) || stars(from) > 1 {
            let fault = Fault::new(format!("`{}` is no `refspec` of whole names", text.escape_debug()));
            return Err(fault.hint(
                "`+refs/pull/12/head:refs/heads/pr-12`: the repository's name, and what it is called in the work tree",
            ));
        }
        Ok(Self { text: text.into(), from: from.into(), to: to.map(Into::into) })
    }

    /// The repository's name of what a version is by this.
    pub fn source_of(&self, version: &str) -> Option<String> {
        if between(&self.from, version).is_some() {
            return Some(version.into());
        }
        // As git looks for a name.
        let names = ["", "refs/", "refs/tags/", "refs/heads/", "refs/remotes/", "refs/remotes/origin/"];
        let part =
            names.iter().find_map(|before| between(self.to.as_ref()?, &format!("{before}{version}")))?;
        Some(self.from.replace('*', &part))
    }

    /// What git is to fetch: this, and the same to a place apart. What is there is the repository's, and not a commit that is only here.
    pub fn fetched(&self) -> Vec<String> {
        let name = self.from.trim_start_matches("refs/");
        let apart = format!("+{}:refs/remotes/origin-refspec/{name}", self.from);
        self.to.iter().map(|_| self.text.clone()).chain([apart]).collect()
    }
}

/// What stands for the star; of a name without one, nothing does.
fn between(pattern: &str, name: &str) -> Option<String> {
    let Some((before, after)) = pattern.split_once('*') else {
        return (pattern == name).then(String::new);
    };
    let rest = name.strip_prefix(before)?.strip_suffix(after)?;
    (!rest.is_empty()).then(|| rest.into())
}

#[cfg(test)]
mod tests {
    use super::Refspec;

    #[test]
    fn a_version_is_found_by_either_name() {
        for (refspec, version, source) in [
            ("refs/pull/1/head", "refs/pull/1/head", Some("refs/pull/1/head")),
            ("refs/pull/1/head", "pull", None),
            ("+refs/pull/1/head:refs/heads/pr", "pr", Some("refs/pull/1/head")),
            ("+refs/pull/1/head:refs/heads/pr", "heads/pr", Some("refs/pull/1/head")),
            ("+refs/pull/*/head:refs/remotes/origin/pr/*", "pr/12", Some("refs/pull/12/head")),
            ("+refs/pull/*/head:refs/remotes/origin/pr/*", "pr/", None),
            ("+refs/pull/*/head:refs/remotes/origin/pr/*", "refs/pull/7/head", Some("refs/pull/7/head")),
            ("+refs/pull/*/head:refs/remotes/origin/pr/*", "refs/pull/7/merge", None),
        ] {
            let read = Refspec::read(refspec).map_err(|fault| fault.message).unwrap();
            assert_eq!(read.source_of(version).as_deref(), source, "{refspec} {version}");
        }
    }

    #[test]
    fn what_git_would_take_otherwise_is_refused() {
        for text in [
            "",
            "+",
            "main",
            "refs/",
            "refs/a:",
            "refs/a:b",
            ":refs/a",
            "refs/*/*:refs/*/*",
            "refs/*:refs/a",
            "refs/a:refs/*",
            "^refs/a",
            "--upload-pack=x",
            "refs/a b",
            "refs/a:refs/b:refs/c",
            "refs/../a",
        ] {
            assert!(Refspec::read(text).is_err(), "{text}");
        }
    }
}
