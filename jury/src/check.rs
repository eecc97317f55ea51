//! Deterministic checks: programs that answer a criterion the same way for every juror.
//!
//! Both sides are hostile here: a buyer writes the check, a seller the bytes. `surety_terms` bounds
//! what a check may cost to compile and to run per byte; this file bounds the bytes. A deliverable
//! beyond those bounds fails, since the seller chose its size; a check that does not compile
//! answers nothing, since no honest term sheet holds one.

use alloy::primitives::keccak256;
use serde_json::Value;
use surety_terms::check::compile_pattern;
use surety_terms::{Check, Expect, Schema, json};

/// A larger deliverable fails a JSON Schema check.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;
/// A larger deliverable fails a regular expression check.
pub const MAX_TEXT_BYTES: usize = 1024 * 1024;
/// The longest piece of a foreign text in a detail.
const MAX_DETAIL_CHARS: usize = 200;

/// What a check says about a deliverable, with one line for the transcript.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CheckResult {
    /// The criterion is met.
    Met {
        /// What was found.
        detail: String,
    },
    /// The criterion is failed.
    Failed {
        /// What was found.
        detail: String,
    },
    /// The check itself cannot run: an abstention.
    Unusable {
        /// Why.
        detail: String,
    },
}

impl CheckResult {
    /// The word for the transcript: "met", "failed" or "unusable".
    pub const fn outcome(&self) -> &'static str {
        match self {
            Self::Met { .. } => "met",
            Self::Failed { .. } => "failed",
            Self::Unusable { .. } => "unusable",
        }
    }

    /// The line for the transcript.
    pub fn detail(&self) -> &str {
        match self {
            Self::Met { detail } | Self::Failed { detail } | Self::Unusable { detail } => detail,
        }
    }

    fn met(detail: impl Into<String>) -> Self {
        Self::Met { detail: detail.into() }
    }

    fn failed(detail: impl Into<String>) -> Self {
        Self::Failed { detail: excerpt(&detail.into()) }
    }

    fn unusable(detail: impl Into<String>) -> Self {
        Self::Unusable { detail: excerpt(&detail.into()) }
    }
}

/// Runs `check` on the deliverable's bytes.
pub fn run(check: &Check, deliverable: &[u8]) -> CheckResult {
    match check {
        Check::JsonSchema { schema } => json_schema(schema, deliverable),
        Check::Regex { pattern, expect } => regex(pattern, *expect, deliverable),
        Check::Digest { keccak256: needed } => {
            let got = keccak256(deliverable);
            if got == *needed {
                CheckResult::met("the digest is equal")
            } else {
                CheckResult::failed(format!("the digest is {got}, the criterion names {needed}"))
            }
        }
    }
}

fn json_schema(schema: &Schema, deliverable: &[u8]) -> CheckResult {
    let validator = match schema.compile("schema") {
        Ok(validator) => validator,
        Err(error) => return CheckResult::unusable(error.to_string()),
    };
    let instance: Value = match json::parse_strict(deliverable, MAX_JSON_BYTES) {
        Ok(instance) => instance,
        Err(error) => return CheckResult::failed(format!("not the JSON we read: {error}")),
    };
    // The verdict comes from `is_valid`, which builds no errors; the first error only explains it.
    if validator.is_valid(&instance) {
        return CheckResult::met("the JSON Schema accepts it");
    }
    let place = validator.validate(&instance).err().map(|error| {
        format!("{:?} breaks {:?}", error.instance_path().as_str(), error.schema_path().as_str())
    });
    CheckResult::failed(place.unwrap_or_else(|| "the JSON Schema refuses it".to_owned()))
}

fn regex(pattern: &str, expect: Expect, deliverable: &[u8]) -> CheckResult {
    let regex = match compile_pattern(pattern, "pattern") {
        Ok(regex) => regex,
        Err(error) => return CheckResult::unusable(error.to_string()),
    };
    let got = deliverable.len();
    if got > MAX_TEXT_BYTES {
        return CheckResult::failed(format!("{got} bytes, searched are at most {MAX_TEXT_BYTES}"));
    }
    if let Err(error) = std::str::from_utf8(deliverable) {
        return CheckResult::failed(format!("no UTF-8 text from byte {} on", error.valid_up_to()));
    }
    match (regex.find(deliverable), expect) {
        (Some(found), Expect::Match) => {
            CheckResult::met(format!("found at byte {}", found.start()))
        }
        (None, Expect::NoMatch) => CheckResult::met("found nowhere"),
        (Some(found), Expect::NoMatch) => {
            CheckResult::failed(format!("found at byte {}", found.start()))
        }
        (None, Expect::Match) => CheckResult::failed("found nowhere"),
    }
}

fn excerpt(text: &str) -> String {
    text.chars().take(MAX_DETAIL_CHARS).collect()
}
