//! lustores-provision: from bare VMs to running servers over SSH, with a diff for every change.
//!
//! The map of the house. A room may use only rooms above it in this list (`tests/walls.rs` holds that):
//!
//! | room | owns |
//! |---|---|
//! | [`agent`] (a crate of its own) | what both sides speak: queries, answers, ops; and, in its binary, the hands |
//! | [`model`] | plain data that travels: hosts, places in files, addresses, footprints |
//! | [`diag`] | errors with file, line, excerpt, cause and hint; exit codes |
//! | [`event`] | what happened, as data; cannot hold a secret |
//! | [`yaml`] | YAML into a tree in which every value knows its place; from there into typed structs |
//! | [`vault`] | encrypted files and values in, secrets out |
//! | [`inventory`] | hosts, groups, patterns, variables and their precedence |
//! | [`playbook`] | YAML to plays, roles, tasks; knows nothing of hosts |
//! | [`jinja`] | expressions of Jinja2 into ours: for hints, and for `convert` |
//! | [`template`] | Handlebars: rendering, expressions, helpers, taint of secrets |
//! | [`resource`] | the trait of a resource type; diffing of states; the invariants |
//! | [`resources`] | one file per resource type and one table row each |
//! | [`external`] | resource types that are programs of the project: their JSON, under the law of built-in types |
//! | [`site`] | inventory and playbook together: the tasks of each host, rendered on demand |
//! | [`graph`] | footprints to a DAG, reasons of edges, cycle report, pictures |
//! | [`plan`] | rounds of questions, predicted answers, the plan; defines `Ask` |
//! | [`undo`] | what a run did to files, as tasks that take it back |
//! | [`connection`] | `Ask` over ssh and local: upload, become, framing, timeouts |
//! | [`engine`] | the run: dispatcher and per-host executor, handlers, cancellation |
//! | [`report`] | one event stream to terminal, CI lines, JSON; redaction at the sink |
//! | [`lab`] | throw-away VMs for a first try and for tests |
//! | [`convert`] | Ansible's roles into ours: keywords, modules, templates |
//! | [`schema`] | JSON Schemas of what people write, for editors |
//! | [`cli`] | verbs, flags; the only place that prints besides `report` and `lab` |

// Printing belongs to the rooms cli, report and lab.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod cli;
pub mod connection;
pub mod convert;
pub mod diag;
pub mod engine;
pub mod event;
pub mod external;
pub mod graph;
pub mod inventory;
pub mod jinja;
pub mod lab;
pub mod model;
pub mod plan;
pub mod playbook;
pub mod report;
pub mod resource;
pub mod resources;
pub mod schema;
pub mod site;
pub mod template;
pub mod undo;
pub mod vault;
pub mod yaml;
