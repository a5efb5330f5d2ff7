//! Folders that tasks bring along: all that is in one, as a value. And the mode of one file.

use super::{HostTasks, Task, sources::misplaced};
use crate::{
    diag::{Diagnostic, Diagnostics},
    model::Origin,
    playbook::FileKind,
    resource::SourceParam,
    template::{Scope, render},
    yaml::{Entry, Map, Node, PRESERVE, Value},
};
use agent::glob::covers;
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

/// Entries of one folder: more is a mistake in its name.
const MOST: usize = 20_000;

impl HostTasks {
    /// A folder of `files/`, by path in it: `{content, executable}` of a file, `{target}` of a link, `{}` of a folder. What is excluded is
    /// not looked into.
    pub(super) fn tree(
        &self,
        task: &Task,
        param: &SourceParam,
        name: &Node,
        exclude: &[String],
        is_brought: bool,
    ) -> Result<Node, Diagnostics> {
        let wanted = name.expect_str("the name of a folder")?;
        let files = self.shared.sources.files();
        let folders: Vec<PathBuf> = match Path::new(wanted).is_absolute() {
            true => vec![PathBuf::from(wanted)],
            false => {
                self.shared.places(task).iter().map(|base| base.join(param.folder).join(wanted)).collect()
            }
        };
        let is_folder = |folder: &&PathBuf| match files.kind(folder) {
            Some(FileKind::Folder) => true,
            // The folder itself may be elsewhere.
            Some(FileKind::Link(_)) => !files.list(folder).is_empty(),
            _ => false,
        };
        let Some(folder) = folders.iter().find(is_folder) else {
            let is_file = folders.iter().any(|folder| files.is_file(folder));
            let mut error = Diagnostic::error(match is_file {
                true => format!("`{wanted}` is a file; a folder is wanted"),
                false => format!("no such folder: `{wanted}`"),
            });
            for folder in &folders {
                error = error.cause(format!("looked for {}/", folder.display()));
            }
            let error = match is_file {
                true => error.hint("`copy` brings one file"),
                false => error.hint(format!("put it at {}", folders[0].display())),
            };
            let error = error.at(&name.origin);
            if is_file {
                return Err(error.into());
            }
            let is_there = |path: &Path| files.kind(path) == Some(FileKind::Folder);
            let places = self.shared.places(task);
            if let Some(hint) = misplaced(&places, param.folder, wanted, is_there) {
                return Err(error.hint(hint).into());
            }
            let there = folders.iter().filter_map(|folder| folder.parent());
            let there: Vec<String> = there.flat_map(|above| files.list(above)).collect();
            return Err(error.suggest(wanted, there.iter().map(String::as_str)).into());
        };
        if is_brought {
            self.shared.sources.renew(folder);
        }
        let mut map = Map::new();
        self.walk(folder, "", exclude, &name.origin, &mut map)?;
        Ok(Node::new(Value::Map(map), name.origin.clone()))
    }

    /// In the place of `mode: preserve` the mode that the file has here. `awaits`: the file is still to come.
    pub(super) fn preserve(
        &self,
        task: &Task,
        scope: &Scope,
        awaits: Option<&str>,
        map: &mut Map,
    ) -> Result<(), Diagnostics> {
        let kind = self.shared.type_of(task);
        let param = kind.sources().iter().find(|_| matches!(kind.name(), "copy" | "template"));
        let written = param.and_then(|param| Some((param, task.params.get(param.key)?)));
        let mode = map.get_mut("mode").map(|entry| &mut entry.node);
        let mode = mode.filter(|mode| mode.as_str() == Some(PRESERVE));
        let (Some((param, written)), Some(mode)) = (written, mode) else { return Ok(()) };
        let name = render(written, scope)?;
        if let Some(why) = name.unknown().cloned().or_else(|| awaits.map(Arc::from)) {
            mode.value = Value::Unknown(why);
            return Ok(());
        }
        let (Some(name), places) = (name.as_str(), self.shared.places(task)) else { return Ok(()) };
        // What is wrong with the name has been told.
        let found = self.shared.sources.find(&places, param.folder, name, &written.origin);
        let bits = found.ok().and_then(|path| self.shared.sources.files().mode(&path));
        if let Some(bits) = bits {
            mode.value = Value::str(format!("{bits:04o}"));
        }
        Ok(())
    }

    fn walk(
        &self,
        folder: &Path,
        above: &str,
        exclude: &[String],
        at: &Origin,
        map: &mut Map,
    ) -> Result<(), Diagnostics> {
        let files = self.shared.sources.files();
        for name in files.list(folder) {
            let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
            if exclude.iter().any(|pattern| covers(pattern, &path)) {
                continue;
            }
            if map.len() >= MOST {
                let error = Diagnostic::error(format!("the folder holds more than {MOST} entries")).at(at);
                return Err(error.hint("`exclude` leaves some out").into());
            }
            let here = folder.join(&name);
            let entry = |node: Node| Entry { key: at.clone(), node };
            let (item, is_folder) = match files.kind(&here) {
                Some(FileKind::File { executable }) => {
                    let content = self.shared.sources.bytes(&here)?;
                    let executable = Node::new(Value::Bool(executable), at.clone());
                    let pair = [("content", content), ("executable", executable)];
                    (pair.into_iter().map(|(key, node)| (key.to_string(), entry(node))).collect(), false)
                }
                Some(FileKind::Link(target)) => {
                    (Map::from([("target".to_string(), entry(Node::string(target, at)))]), false)
                }
                Some(FileKind::Folder) => (Map::new(), true),
                Some(FileKind::Other) | None => {
                    let error =
                        Diagnostic::error(format!("`{path}` is neither a file nor a folder nor a link"))
                            .at(at);
                    return Err(error.hint("`exclude` leaves it out").into());
                }
            };
            map.insert(path.clone(), entry(Node::new(Value::Map(item), at.clone())));
            if is_folder {
                self.walk(&here, &path, exclude, at, map)?;
            }
        }
        Ok(())
    }
}
