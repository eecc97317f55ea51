//! Checks of texts: JSON Schemas and regular expressions.

use serde_json::Value;
use surety_terms::check::compile_pattern;
use surety_terms::{Expect, Schema, json};

use super::CheckResult;

/// A larger deliverable fails a JSON Schema check.
pub const MAX_JSON_BYTES: usize = 1024 * 1024;
/// A deliverable fails a JSON Schema check when its bytes, times the rules that the schema unfolds
/// to, exceed this. Every rule may have to look at every byte.
pub const MAX_JSON_WORK: u64 = 1 << 27;
/// A larger deliverable fails a regular expression check.
pub const MAX_TEXT_BYTES: usize = 1024 * 1024;
pub(super) fn json_schema(schema: &Schema, deliverable: &[u8]) -> CheckResult {
    let validator = match schema.compile("schema") {
        Ok(validator) => validator,
        Err(error) => return CheckResult::unusable(error.to_string()),
    };
    let bytes = u64::try_from(deliverable.len()).unwrap_or(u64::MAX);
    let work = schema.cost("schema").unwrap_or(u64::MAX).saturating_mul(bytes);
    if work > MAX_JSON_WORK {
        let limit = format!("spent are at most {MAX_JSON_WORK}");
        return CheckResult::failed(format!("{bytes} bytes cost {work} steps, {limit}"));
    }
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

pub(super) fn regex(pattern: &str, expect: Expect, deliverable: &[u8]) -> CheckResult {
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
