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
/// A deliverable fails a JSON Schema check when its bytes, times the rules that the schema unfolds
/// to, exceed this. Every rule may have to look at every byte.
pub const MAX_JSON_WORK: u64 = 1 << 27;
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

#[cfg(test)]
mod tests {
    use alloy::primitives::B256;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn schema_check(schema: Value) -> Check {
        Check::JsonSchema { schema: Schema::new(schema).unwrap() }
    }

    fn regex_check(pattern: &str, expect: Expect) -> Check {
        Check::Regex { pattern: pattern.to_owned(), expect }
    }

    fn outcome(check: &Check, deliverable: &[u8]) -> &'static str {
        run(check, deliverable).outcome()
    }

    #[test]
    fn a_digest_is_of_the_exact_bytes() {
        let digest = |bytes: &[u8]| Check::Digest { keccak256: keccak256(bytes) };
        assert_eq!(outcome(&digest(b"work"), b"work"), "met");
        assert_eq!(outcome(&digest(b"work"), b"work\n"), "failed");
        assert_eq!(outcome(&digest(b""), b""), "met");
        assert_eq!(outcome(&digest(b"\xff\x00"), b"\xff\x00"), "met");
        let detail = run(&Check::Digest { keccak256: B256::ZERO }, b"").detail().to_owned();
        assert!(detail.contains("0xc5d2460186f7233c"), "{detail}");
    }

    #[test]
    fn a_regex_is_found_anywhere_or_nowhere() {
        for (pattern, text, found) in [
            ("v[0-9]+", "the v12", true),
            ("^v", "the v12", false),
            ("(?m)^v", "the\nv12", true),
            ("(?i)THE", "the", true),
            (".*", "", true),
            ("ä", "Bär", true),
        ] {
            let results = if found { ("met", "failed") } else { ("failed", "met") };
            let text = text.as_bytes();
            assert_eq!(outcome(&regex_check(pattern, Expect::Match), text), results.0, "{pattern}");
            let none = outcome(&regex_check(pattern, Expect::NoMatch), text);
            assert_eq!(none, results.1, "{pattern}");
        }
    }

    #[test]
    fn what_is_no_text_or_too_long_fails_whatever_is_expected() {
        let long = vec![b'a'; MAX_TEXT_BYTES + 1];
        for expect in [Expect::Match, Expect::NoMatch] {
            for pattern in ["a", "b"] {
                assert_eq!(outcome(&regex_check(pattern, expect), b"a\xff"), "failed");
                assert_eq!(outcome(&regex_check(pattern, expect), &long), "failed");
            }
        }
    }

    #[test]
    fn a_schema_accepts_or_names_the_place() {
        let check = schema_check(json!({
            "type": "object",
            "required": ["items"],
            "properties": { "items": { "type": "array", "items": { "type": "integer" } } },
        }));
        assert_eq!(outcome(&check, br#"{"items":[1,2]}"#), "met");
        let CheckResult::Failed { detail } = run(&check, br#"{"items":[1,"two"]}"#) else {
            panic!("a string is no integer")
        };
        assert_eq!(detail, r#""/items/1" breaks "/properties/items/items/type""#);
        assert_eq!(outcome(&check, b"[]"), "failed");
    }

    #[test]
    fn a_deliverable_that_two_readers_could_read_differently_fails() {
        let anything = schema_check(json!(true));
        let most = MAX_JSON_BYTES;
        assert_eq!(outcome(&anything, b"1"), "met");
        let padded = |bytes: usize| format!("1{}", " ".repeat(bytes - 1));
        assert_eq!(outcome(&anything, padded(most).as_bytes()), "met");
        assert_eq!(outcome(&anything, padded(most + 1).as_bytes()), "failed");
        let deep = "[".repeat(100_000);
        let bad: [&[u8]; 8] = [
            b"",
            b"{",
            b"1 2",
            b"{\"a\":1,\"a\":2}",
            b"[{\"a\":1,\"a\":2}]",
            b"\"\xff\"",
            b"12345678901234567890123",
            deep.as_bytes(),
        ];
        for text in bad {
            assert_eq!(outcome(&anything, text), "failed");
        }
    }

    #[test]
    fn a_check_that_cannot_run_answers_nothing() {
        for schema in [
            json!({ "$ref": "https://example.com/schema.json" }),
            json!({ "$ref": "file:///etc/passwd" }),
            json!({ "$id": "https://example.com/a", "$ref": "b" }),
            json!({ "$ref": "#" }),
            json!({ "$defs": { "a": { "$ref": "#/$defs/a" } }, "$ref": "#/$defs/a" }),
            json!({ "type": "no-such-type" }),
            json!({ "pattern": "(?=look)" }),
            json!({ "pattern": "(" }),
            json!({ "pattern": "(a{1000}){1000}" }),
            json!([]),
        ] {
            assert_eq!(outcome(&schema_check(schema.clone()), b"{}"), "unusable", "{schema}");
        }
        for pattern in ["(", "(?=a)", "(a)\\1", "(a{1000}){1000}", &"(".repeat(1_000)] {
            for expect in [Expect::Match, Expect::NoMatch] {
                assert_eq!(outcome(&regex_check(pattern, expect), b"a"), "unusable", "{pattern}");
            }
        }
    }

    #[test]
    fn references_that_double_at_every_step_are_refused() {
        let mut defs = json!({ "d0": { "type": "object" } });
        for step in 1..40 {
            let below = json!({ "$ref": format!("#/$defs/d{}", step - 1) });
            defs[format!("d{step}")] = json!({ "allOf": [below, below] });
        }
        let schema = json!({ "$defs": defs, "$ref": "#/$defs/d39" });
        assert_eq!(outcome(&schema_check(schema), b"{}"), "unusable");
    }

    #[test]
    fn a_detail_is_one_short_line() {
        let schema = json!({ "properties": { "x".repeat(5_000): { "type": "string" } } });
        let text = json!({ "x".repeat(5_000): 1 }).to_string();
        let detail = run(&schema_check(schema), text.as_bytes()).detail().to_owned();
        assert!(detail.chars().count() <= MAX_DETAIL_CHARS && !detail.contains('\n'));
    }

    #[test]
    fn a_deliverable_that_would_cost_too_much_work_fails() {
        let many =
            schema_check(json!({ "items": { "allOf": vec![json!({ "minimum": 0 }); 400] } }));
        let numbers = |count: usize| format!("[{}1]", "1,".repeat(count));
        assert_eq!(outcome(&many, numbers(5_000).as_bytes()), "met");
        assert_eq!(outcome(&many, numbers(200_000).as_bytes()), "failed");
        let unique = schema_check(json!({ "uniqueItems": true }));
        assert_eq!(outcome(&unique, numbers(500_000).as_bytes()), "failed");
    }

    #[test]
    fn hostile_patterns_end() {
        let text = "ab".repeat(MAX_TEXT_BYTES / 2);
        for pattern in ["(a|b)*c", "(?:a?){200}a{200}c", "[ab]*a[ab]{300}c", "(?s).*.*.*.*c"] {
            let check = regex_check(pattern, Expect::Match);
            assert_eq!(outcome(&check, text.as_bytes()), "failed", "{pattern}");
        }
        let nasty = schema_check(json!({
            "$defs": { "p": { "pattern": "[ab]*a[ab]{300}c" } },
            "allOf": vec![json!({ "$ref": "#/$defs/p" }); 50],
        }));
        assert_eq!(outcome(&nasty, json!(text[..100_000]).to_string().as_bytes()), "failed");
    }

    proptest! {
        #[test]
        fn no_bytes_and_no_pattern_make_a_check_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
            pattern in any::<String>(),
        ) {
            drop(run(&regex_check(&pattern, Expect::Match), &bytes));
            drop(run(&schema_check(json!({ "pattern": pattern })), &bytes));
        }
    }
}
