//! Checks: the deterministic programs that answer a criterion, and the limits that keep a hostile
//! one from costing a juror more than a moment.

use std::borrow::Cow;

use alloy::primitives::B256;
use regex::bytes::{Regex, RegexBuilder};
use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::Value;

use crate::error::{Fault, TermsError, excerpt};
use crate::json;

/// The memory that a compiled regular expression may take, in bytes.
const PATTERN_BYTES: usize = 1 << 18;

/// A deterministic program for a criterion, the same for every juror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Check {
    /// The deliverable is JSON that `schema` accepts.
    JsonSchema {
        /// A self-contained JSON Schema.
        schema: Schema,
    },
    /// The deliverable is text in which `pattern` is found, or is not.
    Regex {
        /// In the syntax of Rust's `regex` crate: no look-around, no back-references.
        pattern: String,
        /// Which of the two meets the criterion.
        expect: Expect,
    },
    /// The deliverable's bytes have this digest.
    Digest {
        /// keccak256 of the bytes.
        keccak256: B256,
    },
}

impl Check {
    /// Whether the program can be run at all, within the limits. `path` is where the check stands.
    pub fn validate(&self, path: &str) -> Result<(), TermsError> {
        match self {
            Self::JsonSchema { schema } => schema.compile(&format!("{path}.schema")).map(drop),
            Self::Regex { pattern, .. } => {
                compile_pattern(pattern, &format!("{path}.pattern")).map(drop)
            }
            Self::Digest { .. } => Ok(()),
        }
    }
}

/// What a regular expression is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Expect {
    /// Be found somewhere.
    Match,
    /// Be found nowhere.
    NoMatch,
}

/// Compiles a check's regular expression. It runs in time linear in the deliverable's length.
pub fn compile_pattern(pattern: &str, path: &str) -> Result<Regex, TermsError> {
    RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build().map_err(|why| {
        TermsError::at(path, Fault::PatternInvalid { why: excerpt(&why.to_string()) })
    })
}

/// A JSON Schema inside a term sheet. Its numbers are exact in a double, so that it has one
/// canonical form; whether it is a valid schema says [`Schema::compile`].
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

    /// Compiles the schema, refusing one that is invalid, not self-contained, recursive or too
    /// costly. `path` is where the schema stands.
    pub fn compile(&self, path: &str) -> Result<jsonschema::Validator, TermsError> {
        jsonschema::options()
            .with_pattern_options(jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES))
            .offline()
            .build(&self.0)
            .map_err(|why| {
                TermsError::at(path, Fault::SchemaInvalid { why: excerpt(&why.to_string()) })
            })
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
