//! What happened, as data.
