//! The program as a user has it: real projects, a real sshd, real processes and files. What is checked is what is printed,
//! the exit code, and what is on the hosts afterwards.

#[path = "../sshd/mod.rs"]
#[expect(dead_code, reason = "the tests of connections use more of it")]
mod sshd;

#[cfg(feature = "age")]
mod age;
mod armed;
mod asked;
mod bad;
mod blocks;
mod broken;
mod build;
mod ci;
mod devices;
mod disk;
mod drift;
mod elsewhere;
mod enroll;
mod exits;
mod explain;
mod external;
mod facts;
mod homeless;
mod homes;
mod http;
mod included;
mod includes;
mod inventory;
mod judging;
mod keywords;
mod lacking;
mod large;
mod late;
mod linked;
mod lints;
mod moved;
mod order;
mod owed;
mod packages;
mod paths;
mod pause;
mod plans;
mod plans_serial;
mod project;
mod prompts;
mod protected;
mod readable;
mod reboot;
mod registry;
mod roles;
mod runs;
mod secrets;
mod set_fact;
mod show;
mod stat;
mod terminal;
mod told;
mod transfer;
mod truth;
mod undo;
mod untold;
mod vault_keys;
mod vault_merges;
mod vaults;
mod waits;
mod way_back;
mod workflows;
