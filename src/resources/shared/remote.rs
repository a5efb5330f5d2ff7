//! What the answer of a repository elsewhere depends on.

use crate::model::Area;
use agent::wire::GitRemote;
use serde::{Deserializer, de};
use std::fmt;

/// The path on the host, if a repository is one.
fn path(repo: &str) -> Option<&str> {
    Some(repo.strip_prefix("file://").unwrap_or(repo)).filter(|path| path.starts_with('/'))
}

/// Whether it is reached by ssh: `ssh://`, or `user@host:path`, as git tells them apart.
pub fn is_ssh(repo: &str) -> bool {
    match repo.split_once("://") {
        Some((scheme, _)) => matches!(scheme, "ssh" | "git+ssh" | "ssh+git"),
        None => repo.split_once(':').is_some_and(|(host, _)| !host.contains('/')),
    }
}

pub fn areas(remote: &GitRemote) -> Vec<Area> {
    let mut areas = vec![Area::Packages];
    // One on the host itself needs nobody else.
    areas.extend(path(&remote.repo).is_none().then_some(Area::Network));
    let mut add = |path: &str| areas.push(Area::Path(path.into()));
    path(&remote.repo).into_iter().for_each(&mut add);
    remote.key_file.as_deref().into_iter().for_each(&mut add);
    if is_ssh(&remote.repo) {
        ["/etc/ssh", "/root/.ssh"].into_iter().for_each(&mut add);
    }
    areas
}

/// The name of a branch, a tag or a commit.
///
/// # Errors
/// That YAML has made another text of it: `1e10` would be `10000000000`, and `1.10` would be `1.1`.
pub fn version<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Version;
    impl de::Visitor<'_> for Version {
        type Value = String;
        fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str("a string")
        }
        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.into())
        }
        fn visit_i64<E>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }
        fn visit_f64<E: de::Error>(self, _: f64) -> Result<String, E> {
            let found = "found a number with a point or an exponent";
            Err(E::custom(format!("expected a string, {found}\nhint: write it in quotes where it is set")))
        }
    }
    deserializer.deserialize_any(Version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_a_path_or_behind_ssh_or_neither() {
        for (repo, is_path, ssh) in [
            ("/srv/a.git", Some("/srv/a.git"), false),
            ("file:///srv/a.git", Some("/srv/a.git"), false),
            ("ssh://git@host/a.git", None, true),
            ("git@host:a.git", None, true),
            ("host:/srv/a.git", None, true),
            ("https://host/a.git", None, false),
            ("/srv/a:b", Some("/srv/a:b"), false),
        ] {
            assert_eq!((path(repo), is_ssh(repo)), (is_path, ssh), "{repo}");
        }
    }
}
