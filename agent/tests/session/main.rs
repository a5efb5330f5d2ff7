//! Sessions with the real binary over pipes, on real files and processes.

mod apt;
mod arm;
mod commands;
mod disk;
mod docker;
mod files;
mod harness;
mod lease;
mod left;
mod owed;
mod packages;
mod ports;
mod probes;
mod record;
mod scripts;
mod speed;
mod steps;
mod way_back;
