//! Where a task acts of which not all is known yet.

use super::{Preparation, kinds::TypeInfo};
use crate::{
    diag::Diagnostics,
    model::Footprint,
    yaml::{Node, Value},
};

/// As many ways of putting something in the place of what is not known are tried: of two parameters all.
const TRIES: usize = 200;

/// What may stand in the place of a parameter whose value says nothing of where the task acts: for each that takes only some texts one that
/// it takes.
pub fn stand_ins() -> Vec<Value> {
    let key = format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{}", "A".repeat(43));
    let sum = format!("sha256:{}", "0".repeat(64));
    let hash = format!("$6$saltsalt${}", "a".repeat(86));
    let texts = ["0644", "x1", "/bin/sh", "https://localhost/a", "10.0.0.1", "64M", &key, &sum, &hash];
    let others = [Value::Int(1), Value::Bool(true), Value::Seq(vec![]), Value::Map([].into())];
    texts.map(Value::str).into_iter().chain(others).collect()
}

/// What a task touches, whatever those of its parameters come to that are not known yet; everything, where that cannot be told.
pub(super) fn footprint(kind: &TypeInfo, params: &Node, hidden: bool) -> Footprint {
    known(kind, params, hidden).unwrap_or_else(Footprint::everything)
}

fn known(kind: &TypeInfo, params: &Node, hidden: bool) -> Option<Footprint> {
    let map = params.as_map()?;
    let open: Vec<&String> =
        map.iter().filter(|(_, entry)| entry.node.unknown().is_some()).map(|(name, _)| name).collect();
    // The name of a job is made of all the others.
    if map.contains_key("async_job") || !open.iter().all(|name| kind.is_content(name)) {
        return None;
    }
    let stand_ins = stand_ins();
    (0..stand_ins.len().saturating_pow(open.len() as u32).min(TRIES)).find_map(|way| {
        let (mut known, mut way) = (params.clone(), way);
        let Value::Map(map) = &mut known.value else { return None };
        for name in &open {
            fill_in(&mut map.get_mut(*name)?.node, &stand_ins[way % stand_ins.len()]);
            way /= stand_ins.len();
        }
        kind.prepare(&known, hidden).ok().map(|prepared| prepared.footprint())
    })
}

fn fill_in(node: &mut Node, stand_in: &Value) {
    match &mut node.value {
        Value::Unknown(_) => node.value = stand_in.clone(),
        Value::Seq(items) => items.iter_mut().for_each(|item| fill_in(item, stand_in)),
        Value::Map(map) => map.values_mut().for_each(|entry| fill_in(&mut entry.node, stand_in)),
        _ => {}
    }
}

/// What a task touches of which it is not known whether it is done at all.
pub(super) fn perhaps(preparation: &Result<Preparation, Diagnostics>) -> Footprint {
    match preparation {
        Ok(Preparation::Ready(prepared) | Preparation::Awaits(_, prepared)) => prepared.footprint(),
        Ok(Preparation::NotYet(_, footprint)) => footprint.clone(),
        Ok(Preparation::Sets(_)) => Footprint::default(),
        // What is wrong with it may be right by then.
        Ok(Preparation::Items(_) | Preparation::Skip(_)) | Err(_) => Footprint::everything(),
    }
}
