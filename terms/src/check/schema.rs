//! JSON Schemas inside a term sheet, and what keeps a hostile one cheap: no other document, no
//! recursion, a bound on what it unfolds to.

use std::borrow::Cow;
use std::collections::HashMap;

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use super::PATTERN_BYTES;
use crate::error::{Fault, TermsError, excerpt};
use crate::json;
use crate::validate::limits;

/// The rules that a JSON Schema may unfold to.
const SCHEMA_COST: u64 = 4_096;
/// The one dialect of JSON Schema that jurors run.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// A JSON Schema (2020-12) inside a term sheet. Its numbers are exact in a double, so that it has
/// one canonical form; whether it is a schema that jurors run says [`Schema::compile`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Schema(Value);

impl Schema {
    /// A schema from JSON, unless it holds a number that a double cannot.
    pub fn new(value: Value) -> Result<Self, TermsError> {
        json::normal(value, "").map(Self)
    }

    /// The JSON.
    pub const fn value(&self) -> &Value {
        &self.0
    }

    /// The rules that the schema unfolds to: what one value can cost to check. Refuses a schema that
    /// is not self-contained, recursive or too costly.
    pub fn cost(&self, path: &str) -> Result<u64, TermsError> {
        Unfolding::new(&self.0, path).cost(&self.0)
    }

    /// Compiles the schema, refusing one that is invalid, not self-contained, recursive or too
    /// costly. `path` is where the schema stands.
    ///
    /// Formats are checked, and unknown ones refused; patterns run in linear time.
    pub fn compile(&self, path: &str) -> Result<jsonschema::Validator, TermsError> {
        let (got, most) = (json::canonical(&self.0)?.len(), limits::SCHEMA_BYTES);
        if got > most {
            return Err(TermsError::at(path, Fault::TooLarge { got, most }));
        }
        let invalid = |why: &str| TermsError::at(path, Fault::SchemaInvalid { why: excerpt(why) });
        match self.0.get("$schema") {
            None => {}
            Some(Value::String(dialect)) if dialect == DIALECT => {}
            Some(_) => return Err(invalid(&format!("`$schema` is absent or {DIALECT}"))),
        }
        self.cost(path)?;
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES))
            .should_validate_formats(true)
            .should_ignore_unknown_formats(false)
            .offline()
            .build(&self.0)
            .map_err(|why| invalid(&why.to_string()))
    }
}

/// Counts the rules that a schema unfolds to when every reference is replaced by what it names:
/// the work that one value can cost. Objects and arrays are taken for schemas wherever they stand,
/// so `const` and `enum` may not hold the keywords either.
struct Unfolding<'a> {
    root: &'a Value,
    path: &'a str,
    /// By address in `root`: the count, or none while it is being made.
    counts: HashMap<*const Value, Option<u64>>,
}

impl<'a> Unfolding<'a> {
    fn new(root: &'a Value, path: &'a str) -> Self {
        Self { root, path, counts: HashMap::new() }
    }

    fn cost(&mut self, node: &'a Value) -> Result<u64, TermsError> {
        let address = std::ptr::from_ref(node);
        match self.counts.insert(address, None) {
            None => {}
            // Only a reference comes back to a node, and it says which one.
            Some(None) => return self.refuse(Fault::SchemaRecursive { got: String::new() }),
            Some(done @ Some(count)) => {
                self.counts.insert(address, done);
                return Ok(count);
            }
        }
        let mut count = 1_u64;
        match node {
            Value::Object(entries) => {
                for (key, item) in entries {
                    count = count.saturating_add(self.entry(key, item)?);
                }
                // These ask the schemas beside them a second time.
                if ["unevaluatedItems", "unevaluatedProperties"]
                    .iter()
                    .any(|key| entries.contains_key(*key))
                {
                    count = count.saturating_mul(2);
                }
            }
            Value::Array(items) => {
                for item in items {
                    count = count.saturating_add(self.cost(item)?);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if count > SCHEMA_COST {
            return self.refuse(Fault::SchemaTooCostly { got: count, most: SCHEMA_COST });
        }
        self.counts.insert(address, Some(count));
        Ok(count)
    }

    fn entry(&mut self, key: &str, item: &'a Value) -> Result<u64, TermsError> {
        match (key, item) {
            ("$id" | "$dynamicRef", Value::String(_)) => {
                self.refuse(Fault::SchemaNotSelfContained { got: key.to_owned() })
            }
            ("$ref", Value::String(reference)) => {
                let got = || excerpt(reference);
                let Some(pointer) = reference
                    .strip_prefix('#')
                    .filter(|rest| rest.starts_with('/') && !rest.contains('%'))
                else {
                    return self.refuse(Fault::SchemaNotSelfContained { got: got() });
                };
                match self.root.pointer(pointer) {
                    Some(target) => self.cost(target).map_err(|mut error| {
                        if matches!(error.fault, Fault::SchemaRecursive { .. }) {
                            error.fault = Fault::SchemaRecursive { got: got() };
                        }
                        error
                    }),
                    None => self.refuse(Fault::SchemaNotSelfContained { got: got() }),
                }
            }
            _ => self.cost(item),
        }
    }

    fn refuse(&self, fault: Fault) -> Result<u64, TermsError> {
        Err(TermsError::at(self.path, fault))
    }
}

impl Default for Schema {
    /// The schema that accepts everything.
    fn default() -> Self {
        Self(Value::Bool(true))
    }
}

impl<'de> Deserialize<'de> for Schema {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Value::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

impl JsonSchema for Schema {
    fn schema_name() -> Cow<'static, str> {
        "Schema".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": ["object", "boolean"],
            "description": "A self-contained JSON Schema: only `#/...` references, no `$id`.",
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn compile(schema: Value) -> Result<jsonschema::Validator, &'static str> {
        let compiled = Schema::new(schema).and_then(|schema| schema.compile("schema"));
        compiled.map_err(|error| error.fault.slug())
    }

    fn refused(schema: Value) -> &'static str {
        compile(schema).expect_err("refused")
    }

    /// Definitions of which each asks the next one `width` times.
    fn tower(height: usize, width: usize) -> Value {
        let floor = |i: usize| {
            let next = json!({ "$ref": format!("#/$defs/d{}", i + 1) });
            (format!("d{i}"), json!({ "allOf": vec![next; width] }))
        };
        let mut floors: serde_json::Map<_, _> = (0..height).map(floor).collect();
        floors.insert(format!("d{height}"), json!({ "type": "string" }));
        json!({ "$defs": floors, "$ref": "#/$defs/d0" })
    }

    #[test]
    fn a_schema_accepts_what_it_says() {
        let schema = json!({
            "$schema": DIALECT,
            "type": "object",
            "properties": { "at": { "$ref": "#/$defs/moment" }, "$id": { "type": "string" } },
            "required": ["at"],
            "$defs": { "moment": { "type": "string", "format": "date-time" } },
        });
        let validator = compile(schema).unwrap();
        assert!(validator.is_valid(&json!({ "at": "2026-11-22T21:00:00Z" })));
        assert!(!validator.is_valid(&json!({ "at": "yesterday" })));
        assert!(!validator.is_valid(&json!({ "at": "2026-11-22T21:00:00Z", "$id": 1 })));
    }

    #[test]
    fn a_schema_is_valid() {
        assert_eq!(refused(json!(3)), "schema-invalid");
        assert_eq!(refused(json!({ "type": "money" })), "schema-invalid");
        assert_eq!(refused(json!({ "minimum": "1" })), "schema-invalid");
        assert_eq!(refused(json!({ "format": "colour" })), "schema-invalid");
        assert_eq!(refused(json!({ "pattern": "(" })), "schema-invalid");
        assert_eq!(refused(json!({ "pattern": "(?=a)b" })), "schema-invalid");
        assert_eq!(refused(json!({ "patternProperties": { "(": true } })), "schema-invalid");
        assert_eq!(refused(json!({ "pattern": "(\\p{L}{9}){99}" })), "schema-invalid");
        assert_eq!(refused(json!({ "enum": ["a".repeat(20_000)] })), "too-large");
    }

    #[test]
    fn a_schema_has_one_dialect() {
        let other = "http://json-schema.org/draft-07/schema#";
        assert_eq!(refused(json!({ "$schema": other })), "schema-invalid");
        assert_eq!(refused(json!({ "$schema": "https://evil.example/meta" })), "schema-invalid");
        assert_eq!(refused(json!({ "$schema": 1 })), "schema-invalid");
    }

    #[test]
    fn a_schema_needs_no_other_document() {
        for reference in [
            "https://evil.example/schema.json",
            "other.json",
            DIALECT,
            "#anchor",
            "#",
            "#/nowhere",
            "#/%24defs/a",
            "file:///etc/passwd",
        ] {
            let schema = json!({ "$ref": reference, "$defs": { "a": true } });
            assert_eq!(refused(schema), "schema-not-self-contained", "{reference}");
        }
        assert_eq!(refused(json!({ "$id": "https://a.example" })), "schema-not-self-contained");
        let dynamic = json!({ "items": { "$dynamicRef": "#node" } });
        assert_eq!(refused(dynamic), "schema-not-self-contained");
    }

    #[test]
    fn a_schema_does_not_refer_to_itself() {
        let mutual = json!({
            "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "$ref": "#/$defs/a" } },
            "$ref": "#/$defs/a",
        });
        assert_eq!(refused(mutual), "schema-recursive");
        let tree = json!({ "$defs": { "t": { "items": { "$ref": "#/$defs/t" } } } });
        assert_eq!(refused(tree), "schema-recursive");
        assert_eq!(refused(json!({ "$defs": { "a": { "$ref": "#/$defs" } } })), "schema-recursive");
    }

    #[test]
    fn a_schema_does_not_unfold_without_end() {
        assert!(compile(tower(7, 2)).is_ok());
        assert_eq!(refused(tower(64, 2)), "schema-too-costly");
        let mut nested = json!({ "type": "object" });
        for _ in 0..20 {
            nested = json!({ "allOf": [nested], "unevaluatedProperties": false });
        }
        assert_eq!(refused(nested), "schema-too-costly");
    }

    #[test]
    fn a_schema_that_is_read_has_the_numbers_of_a_double() {
        let read = |text: &str| serde_json::from_str::<Schema>(text);
        assert!(read(r#"{"minimum":9007199254740993}"#).is_err());
        assert_eq!(read(r#"{"minimum":1.0}"#).unwrap().value(), &json!({ "minimum": 1 }));
    }
}
