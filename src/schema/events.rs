//! The schema of what a run tells: a line of `--json`, and of a run that is kept.

use crate::event::{Recorded, SCHEMA};
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

/// In draft-07, as the other ones.
pub fn events() -> Json {
    let mut schema = SchemaSettings::draft07()
        .for_serialize()
        .into_generator()
        .into_root_schema_for::<Recorded>()
        .to_value();
    schema["title"] = format!("An event of a run, version {SCHEMA}").into();
    schema
}
