//! What of an archive is not in a folder as it should be.

use super::output;
use crate::act::journal::json;
use crate::archive::folder::{Why, differences};
use crate::observe::Names;
use crate::secret::Content;
use crate::wire::{Archive, Output, Unpack};

/// Members that are told one by one.
const TOLD: usize = 200;

pub fn run(wish: &Unpack) -> Output {
    // Sizes and digests of a secret are for the controller alone.
    let secret = matches!(&wish.from, Archive::Sent(content) if content.is_secret());
    let failed =
        |code, why: String| Output { stderr: Content::Clear(why.into_bytes().into()), ..output(code, "") };
    let found = match differences(wish, &mut Names::default()) {
        Ok(found) => found,
        Err(Why::Missing(why)) => return failed(2, why),
        Err(Why::Refused(why)) => {
            // It may come with a package.
            let code = if why.contains("program `") && why.ends_with("` not found") { 127 } else { 1 };
            return failed(code, why);
        }
    };
    let (mut text, mut rest) = (String::new(), blake3::Hasher::new());
    let more = found.len().saturating_sub(TOLD);
    for (index, (path, (before, after))) in found.iter().enumerate() {
        let before = before.as_deref().map_or("null".into(), json);
        let line = format!("{{\"path\":{},\"before\":{before},\"after\":{}}}\n", json(path), json(after));
        if index < TOLD {
            text.push_str(&line);
        } else {
            rest.update(line.as_bytes());
        }
    }
    if more > 0 {
        text.push_str(&format!("{{\"more\":{more},\"digest\":\"{}\"}}\n", rest.finalize().to_hex()));
    }
    Output { stdout: Content::new(text, secret), ..output(0, "") }
}
