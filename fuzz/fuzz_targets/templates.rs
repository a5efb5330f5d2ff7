#![no_main]
//! `entries::templates` is also what a normal test runs over the kept corpus.

#[path = "../entries.rs"]
#[allow(dead_code, reason = "each target runs one of them")]
mod entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| entries::templates(data));
