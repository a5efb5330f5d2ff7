//! The schemas of what the program writes: a line of `--json` and of a run that is kept; a saved plan; an explanation.

use crate::{
    event::{Recorded, SCHEMA},
    plan::saved::{FORM, SavedPlan},
};
use schemars::generate::SchemaSettings;
use serde_json::Value as Json;

/// In draft-07, as the other ones.
pub fn events() -> Json {
    written::<Recorded>(format!("An event of a run, version {SCHEMA}"))
}

/// Of a saved plan, in draft-07.
pub fn plan() -> Json {
    written::<SavedPlan>(format!("A saved plan, version {FORM}"))
}

/// Of anything that is written as JSON, in draft-07.
pub fn written<T: schemars::JsonSchema>(title: String) -> Json {
    let settings = SchemaSettings::draft07().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    schema["title"] = title.into();
    schema
}
