//! What services take over from others (`extends`), of the same file or of another one.

use super::files::{LIMIT, join, parse_file, read_query};
use crate::{
    model::Source,
    resource::{Observe, Seen},
    yaml::Node,
};
use std::{collections::BTreeMap, sync::Arc};

/// How far services are followed: compose itself knows no end but a circle.
const DEPTH: usize = 16;

/// The files that services are extended from, by path, as predicted. `None`: it is not there, or cannot be read.
pub struct Others(BTreeMap<String, Option<Node>>);

/// A service, or one that it takes over, and the file that it stands in.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    pub service: &'a Node,
    /// The path of the file.
    pub file: &'a str,
}

/// The folder of a file: paths in it start from there.
pub fn folder(file: &str) -> &str {
    file.rsplit_once('/').map_or("", |(folder, _)| if folder.is_empty() { "/" } else { folder })
}

/// A path from a folder, without `.` and `..`: as tasks name files.
pub fn resolved(folder: &str, file: &str) -> String {
    let mut steps: Vec<&str> = vec![];
    let whole = join(folder, file);
    for step in whole.split('/').filter(|step| !["", "."].contains(step)) {
        if step == ".." {
            steps.pop();
        } else {
            steps.push(step);
        }
    }
    format!("/{}", steps.join("/"))
}

/// What a service extends: the name of the other one, and the path of its file where that is another one.
fn named(service: &Node, file: &str, filled: &dyn Fn(&str) -> String) -> Option<(String, Option<String>)> {
    let extends = service.get("extends")?;
    if let Some(name) = extends.as_str() {
        return Some((filled(name), None));
    }
    let name = extends.get("service").and_then(Node::as_str)?;
    let other = extends.get("file").and_then(Node::as_str);
    Some((filled(name), other.map(|other| resolved(folder(file), &filled(other)))))
}

fn services(node: &Node) -> impl Iterator<Item = &Node> {
    node.get("services").and_then(Node::as_map).into_iter().flatten().map(|(_, entry)| &entry.node)
}

/// The path of a file that was read.
pub fn path(source: &Source) -> String {
    source.path.to_string_lossy().into_owned()
}

impl Others {
    /// Reads them.
    ///
    /// # Errors
    /// As [`Seen::content`].
    pub fn read(
        parsed: &[(Arc<Source>, Node)],
        filled: &dyn Fn(&str) -> String,
        seen: &Seen,
    ) -> Observe<Self> {
        let mut found: BTreeMap<String, Option<Node>> = BTreeMap::new();
        let of = |node: &Node, file: &str| -> Vec<String> {
            services(node).filter_map(|service| named(service, file, filled)?.1).collect()
        };
        let mut next: Vec<String> =
            parsed.iter().flat_map(|(source, node)| of(node, &path(source))).collect();
        for _ in 0..DEPTH {
            next.sort();
            next.dedup();
            next.retain(|file| !found.contains_key(file));
            seen.each(next.iter().map(|file| read_query(file)))?;
            let mut further = vec![];
            for file in next {
                let content = seen.content(&file, LIMIT, true)?;
                let node = content.and_then(|content| parse_file(&file, &content).ok()).map(|(_, node)| node);
                further.extend(node.iter().flat_map(|node| of(node, &file)));
                found.insert(file, node);
            }
            next = further;
        }
        Ok(Self(found))
    }

    /// A service behind all that it extends, the farthest first; and whether all of these are known. `of`: the whole file.
    pub fn line<'a>(
        &'a self,
        part: Part<'a>,
        of: &'a Node,
        filled: &dyn Fn(&str) -> String,
    ) -> (Vec<Part<'a>>, bool) {
        let (mut line, mut file) = (vec![part], of);
        while let Some(Part { service, file: path }) = line.last().copied()
            && service.get("extends").is_some()
        {
            let next = named(service, path, filled).and_then(|(name, other)| {
                let (path, node) = match other {
                    Some(other) => {
                        let (path, node) = self.0.get_key_value(&other)?;
                        (path.as_str(), node.as_ref()?)
                    }
                    None => (path, file),
                };
                let service = node.get("services")?.get(&name)?;
                Some((Part { service, file: path }, node))
            });
            match next {
                Some((part, node)) if line.len() < DEPTH => {
                    line.push(part);
                    file = node;
                }
                _ => {
                    line.reverse();
                    return (line, false);
                }
            }
        }
        line.reverse();
        (line, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use agent::secret::Content;

    fn node(path: &str, text: &str) -> Node {
        parse_file(path, &Content::from(text)).unwrap().1
    }

    fn images(others: &Others, file: &Node, name: &str) -> (Vec<String>, bool) {
        let service = file.get("services").unwrap().get(name).unwrap();
        let (line, all) =
            others.line(Part { service, file: "/srv/app/compose.yml" }, file, &|text| text.into());
        let image = |part: &Part| {
            let image = part.service.get("image").and_then(Node::as_str).unwrap_or("-");
            format!("{}:{image}", part.file)
        };
        (line.iter().map(image).collect(), all)
    }

    #[test]
    fn a_service_stands_behind_those_that_it_extends() {
        let base = node(
            "/srv/base/base.yml",
            "services:\n  far: {image: far}\n  near: {image: near, extends: {service: far}}\n  round: {extends: round}\n",
        );
        let others = Others(BTreeMap::from([
            ("/srv/base/base.yml".into(), Some(base)),
            ("/srv/app/gone.yml".into(), None),
        ]));
        let own = node(
            "/srv/app/compose.yml",
            "services:\n  a: {image: a, extends: {service: near, file: ../base/base.yml}}\n  b: {image: b, extends: a}\n  \
             c: {extends: {service: x, file: gone.yml}}\n  d: {extends: {service: round, file: ../base/base.yml}}\n  e: {image: e}\n",
        );
        let [base, app] = ["/srv/base/base.yml", "/srv/app/compose.yml"];
        let far = vec![format!("{base}:far"), format!("{base}:near"), format!("{app}:a")];
        assert_eq!(images(&others, &own, "a"), (far.clone(), true));
        assert_eq!(images(&others, &own, "b"), ([far, vec![format!("{app}:b")]].concat(), true));
        assert_eq!(images(&others, &own, "c"), (vec![format!("{app}:-")], false));
        assert_eq!(images(&others, &own, "e"), (vec![format!("{app}:e")], true));
        let (line, all) = images(&others, &own, "d");
        assert!(!all && line.len() == DEPTH, "a circle comes to an end");
    }
}
