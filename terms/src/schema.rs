//! The published JSON Schema of a term sheet.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::sheet::TermSheet;
use crate::validate::limits;

/// The schema's own address. A name; nothing is served there.
const ID: &str = "urn:surety:schema:term-sheet:1";

/// The JSON Schema of a term sheet as published in `terms/schema/term-sheet.schema.json`.
pub fn term_sheet() -> Schema {
    let mut schema =
        SchemaSettings::draft2020_12().into_generator().into_root_schema_for::<TermSheet>();
    schema.insert("$id".to_owned(), ID.into());
    schema
}

/// The text of the published file.
pub fn term_sheet_text() -> String {
    format!("{:#}\n", term_sheet().to_value())
}

pub(crate) fn address(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^0x[0-9a-f]{40}$",
        "description": "An address in lower case.",
    })
}

pub(crate) fn digest(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^0x[0-9a-f]{64}$",
        "description": "A 32-byte digest in lower case.",
    })
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": limits::TIME })
}
