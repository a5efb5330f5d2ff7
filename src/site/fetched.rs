//! Where a file of a host's goes on this machine, and what is there.

use super::{HostTasks, Task};
use crate::{
    diag::{Diagnostic, Diagnostics},
    playbook::FileKind,
    yaml::{Entry, Map, Node, Value},
};
use std::path::Path;

impl HostTasks {
    /// Tells a task that fetches where to, and what is there now.
    pub(super) fn fetched(&self, task: &Task, map: &mut Map) -> Result<(), Diagnostics> {
        let text = |key: &str| map.get(key).and_then(|entry| entry.node.as_str()).map(String::from);
        let (Some(src), Some(dest)) = (text("src"), text("dest")) else { return Ok(()) };
        let origin = map["dest"].node.origin.clone();
        if map.values().any(|entry| entry.node.unknown().is_some()) || src.split('/').any(|step| step == "..")
        {
            return Ok(());
        }
        let is_flat = map.get("flat").is_some_and(|entry| matches!(entry.node.value, Value::Bool(true)));
        let base = self.shared.places(task).pop().unwrap_or(Path::new(""));
        let path = match (is_flat, dest.ends_with('/')) {
            (true, true) => base.join(&dest).join(src.rsplit('/').next().unwrap_or_default()),
            (true, false) => base.join(&dest),
            (false, _) if self.host.contains('/') || [".", ".."].contains(&&*self.host) => {
                let error = Diagnostic::error(format!("`{}` cannot be the name of a folder", self.host));
                return Err(error.at(&origin).hint("write `flat: true`, and a `dest` for each host").into());
            }
            (false, _) => base.join(&dest).join(&self.host).join(src.trim_start_matches('/')),
        };
        let files = self.shared.sources.files();
        let entry = |node: Node| Entry { key: origin.clone(), node };
        match files.kind(&path) {
            Some(FileKind::Folder) => {
                let error = Diagnostic::error(format!("{} is a folder", path.display())).at(&origin);
                return Err(error.hint("end it with `/` to put the file into it").into());
            }
            Some(FileKind::File { .. }) => {
                let mut errors = Diagnostics::default();
                let content = files.read(&path, &mut errors).ok_or(errors)?;
                let node = Node::new(Value::Bytes(content.bytes().into()), origin.clone());
                map.insert("here".into(), entry(node.with_secret(content.is_secret())));
            }
            _ => {}
        }
        map.insert("here_path".into(), entry(Node::string(path.display().to_string(), &origin)));
        Ok(())
    }
}
