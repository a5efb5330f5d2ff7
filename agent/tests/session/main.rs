//! Sessions with the real binary over pipes, on real files and processes.

mod files;
mod harness;
