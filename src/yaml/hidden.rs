//! Secrets that stand in a file in clear.

use super::{Node, Value};
use crate::model::{Origin, Source};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Files as if they were decrypted, so that no error shows a line of them; each copied once.
#[derive(Default)]
pub struct Hidden(Mutex<HashMap<usize, [Arc<Source>; 2]>>);

impl Hidden {
    /// Makes a value secret, its text in the file too.
    pub fn conceal(&self, node: &mut Node) {
        node.secret = true;
        node.origin = self.place(&node.origin);
        match &mut node.value {
            Value::Seq(items) => items.iter_mut().for_each(|item| self.conceal(item)),
            Value::Map(map) => {
                for entry in map.values_mut() {
                    entry.key = self.place(&entry.key);
                    self.conceal(&mut entry.node);
                }
            }
            _ => {}
        }
    }

    /// A place of which file and line are shown, but no excerpt.
    pub fn place(&self, origin: &Origin) -> Origin {
        if origin.source.secret || origin.source.text.is_empty() {
            return origin.clone();
        }
        let copy = || {
            let Source { path, text, .. } = &*origin.source;
            let copy = Source { path: path.clone(), text: text.clone(), secret: true };
            // With the first, which must not go while its address is the key.
            [origin.source.clone(), Arc::new(copy)]
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let [_, source] = known.entry(Arc::as_ptr(&origin.source) as usize).or_insert_with(copy);
        Origin { source: source.clone(), span: origin.span.clone() }
    }
}
