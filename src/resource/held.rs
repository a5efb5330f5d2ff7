//! What a state is, as short as it takes to tell later whether it still is so.

use super::{Facet, Facets};

/// A facet of a state that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A short value that may be shown.
    Clear(String),
    /// The BLAKE3 digest of any other.
    Digest([u8; 32]),
}

/// A state's facets by name; none of an action.
pub type Held = Vec<(String, Mark)>;

/// Longer values are told by their digest.
const LONGEST: usize = 120;

/// What there is to keep of a state.
pub fn held(facets: &Facets) -> Held {
    let mark = |facet: &Facet| match facet {
        Facet::Scalar(text) if text.len() <= LONGEST => Mark::Clear(text.clone()),
        Facet::Scalar(text) => Mark::Digest(*blake3::hash(text.as_bytes()).as_bytes()),
        Facet::Secret(bytes) => Mark::Digest(*blake3::hash(bytes).as_bytes()),
        Facet::Content { digest, .. } => Mark::Digest(*digest),
    };
    facets.iter().map(|(name, facet)| (name.clone(), mark(facet))).collect()
}
