//! A response's JSON, read without guessing.

use serde_json::Value;
use serde_json::value::RawValue;
use surety_terms::json;

use super::{MAX_RESPONSE_BYTES, ProviderFault, WireAnswer};
use surety_jury::vote::SCHEMA_TEXT;

/// A JSON object that came with a success status and reports no error.
pub(super) struct Body(Value);

impl Body {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, ProviderFault> {
        let value: Value =
            json::parse_strict(bytes, MAX_RESPONSE_BYTES).map_err(|_| ProviderFault::NotJson)?;
        if !value.is_object() {
            return Err(ProviderFault::WrongShape { field: "body" });
        }
        if value.get("error").is_some_and(|error| !error.is_null()) {
            return Err(ProviderFault::ErrorBody);
        }
        Ok(Self(value))
    }

    pub(super) fn root(&self) -> &Value {
        &self.0
    }

    /// The answer `text`, with model and usage from where the dialect puts them.
    pub(super) fn answer(&self, text: String, model: &str, usage: [&str; 2]) -> WireAnswer {
        let (input, output) = self.counted(usage);
        let tokens = |counted: Option<u64>| counted.and_then(|got| u32::try_from(got).ok());
        WireAnswer {
            text,
            model_reported: self.0.get(model).and_then(Value::as_str).map(short),
            input_tokens: tokens(input),
            output_tokens: tokens(output),
        }
    }

    /// The tokens in question and answer, from where the dialect puts them.
    pub(super) fn counted(&self, [input, output]: [&str; 2]) -> (Option<u64>, Option<u64>) {
        let tokens = |pointer: &str| self.0.pointer(pointer).and_then(Value::as_u64);
        (tokens(input), tokens(output))
    }
}

/// The array in `field` of `value`: an absent or null one is empty.
pub(super) fn items<'a>(
    value: &'a Value,
    field: &'static str,
) -> Result<&'a [Value], ProviderFault> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(&[]),
        Some(Value::Array(items)) => Ok(items),
        Some(_) => Err(ProviderFault::WrongShape { field }),
    }
}

/// The only item of `field`.
pub(super) fn only<'a>(value: &'a Value, field: &'static str) -> Result<&'a Value, ProviderFault> {
    match items(value, field)? {
        [] => Err(ProviderFault::Empty),
        [item] => Ok(item),
        _ => Err(ProviderFault::Ambiguous),
    }
}

/// The string in `field`; absent or null is none.
pub(super) fn text<'a>(
    value: &'a Value,
    field: &'static str,
) -> Result<Option<&'a str>, ProviderFault> {
    match value.get(field) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ProviderFault::WrongShape { field }),
    }
}

/// The string in `field`, which must be there.
pub(super) fn required<'a>(
    value: &'a Value,
    field: &'static str,
) -> Result<&'a str, ProviderFault> {
    text(value, field)?.ok_or(ProviderFault::WrongShape { field })
}

/// The vote's schema, in its own order: a map would sort it, and the verdict must come last.
pub(super) fn schema() -> Option<&'static RawValue> {
    serde_json::from_str(SCHEMA_TEXT).ok()
}

/// A reported name, short enough for a transcript.
fn short(name: &str) -> String {
    name.chars().take(128).collect()
}
