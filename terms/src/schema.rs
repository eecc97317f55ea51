//! The published JSON Schema of a term sheet.

use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};

use crate::amount::AgentId;
use crate::check::Origin;
use crate::recipient::Recipients;
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

pub(crate) fn recipient(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "string",
        "pattern": "^age1[02-9ac-hj-np-z]{58}$",
        "description": "An X25519 recipient of the age format.",
    })
}

/// Both parties' recipients or null; the key is there in any case.
pub(crate) fn recipients(generator: &mut SchemaGenerator) -> Schema {
    let recipients = generator.subschema_for::<Recipients>();
    json_schema!({ "anyOf": [recipients, { "type": "null" }] })
}

/// An origin or null; the key is there in any case.
pub(crate) fn optional_origin(generator: &mut SchemaGenerator) -> Schema {
    let origin = generator.subschema_for::<Origin>();
    json_schema!({ "anyOf": [origin, { "type": "null" }] })
}

/// A regular expression or null; the key is there in any case.
pub(crate) fn optional_pattern(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": limits::PATTERN_CHARS,
    })
}

/// A digest or null; the key is there in any case.
pub(crate) fn optional_digest(generator: &mut SchemaGenerator) -> Schema {
    let digest = digest(generator);
    json_schema!({ "anyOf": [digest, { "type": "null" }] })
}

/// An agent id or null; the key is there in any case.
pub(crate) fn agent(generator: &mut SchemaGenerator) -> Schema {
    let id = generator.subschema_for::<AgentId>();
    json_schema!({ "anyOf": [id, { "type": "null" }] })
}

pub(crate) fn time(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": limits::TIME })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;
    use serde_json::{Value, json};

    use super::*;
    use crate::sample;

    fn validator() -> jsonschema::Validator {
        jsonschema::draft202012::new(term_sheet().as_value()).unwrap()
    }

    #[test]
    fn the_published_schema_is_that_of_the_types() {
        let published = include_str!("../schema/term-sheet.schema.json");
        assert!(
            published == term_sheet_text(),
            "terms/schema/term-sheet.schema.json is stale; write it again with `cargo build \
             --workspace --examples && target/debug/examples/term_sheet_schema > \
             terms/schema/term-sheet.schema.json`"
        );
    }

    /// The paths of all objects of a sheet, but not of those inside a check's schema.
    fn objects(value: &Value, path: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                found.push(path.to_owned());
                for (key, item) in entries.iter().filter(|(key, _)| *key != "schema") {
                    objects(item, &format!("{path}/{key}"), found);
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    objects(item, &format!("{path}/{index}"), found);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn an_amount_is_refused_as_a_number() {
        let mut sheet = serde_json::to_value(sample::example()).unwrap();
        assert!(validator().is_valid(&sheet));
        sheet["total"] = json!(100_000_000);
        assert!(!validator().is_valid(&sheet));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn the_schema_accepts_what_parse_accepts(sheet in sample::sheet()) {
            let validator = validator();
            let value = serde_json::to_value(&sheet).unwrap();
            let faults: Vec<_> =
                validator.iter_errors(&value).map(|error| error.to_string()).collect();
            prop_assert!(faults.is_empty(), "{faults:?}");
        }

        #[test]
        fn the_schema_and_parse_refuse_unknown_and_missing_fields(
            sheet in sample::sheet(), places in vec(any::<[Index; 2]>(), 4),
        ) {
            let validator = validator();
            let value = serde_json::to_value(&sheet).unwrap();
            let mut paths = Vec::new();
            objects(&value, "", &mut paths);
            for [path, key] in places {
                let path = path.get(&paths);
                let mut less = value.clone();
                let object = less.pointer_mut(path).unwrap().as_object_mut().unwrap();
                let key = object.keys().nth(key.index(object.len())).unwrap().clone();
                object.remove(&key);
                prop_assert!(!validator.is_valid(&less), "{path} without {key}");
                prop_assert!(TermSheet::parse(less.to_string().as_bytes()).is_err());

                let mut more = value.clone();
                more.pointer_mut(path).unwrap()["unknown"] = json!(1);
                prop_assert!(!validator.is_valid(&more), "{path} with an unknown field");
                let error = TermSheet::parse(more.to_string().as_bytes()).unwrap_err();
                prop_assert_eq!(error.fault.slug(), "shape-invalid");
            }
        }
    }
}
