//! The laws of the checks, and what hostile ones and hostile bytes do to them.

use alloy::primitives::B256;
use proptest::prelude::*;
use serde_json::{Value, json};

use surety_terms::check::Module;
use surety_terms::{Expect, Format, Schema};

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
    let many = schema_check(json!({ "items": { "allOf": vec![json!({ "minimum": 0 }); 400] } }));
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

#[test]
fn a_size_is_between_its_bounds() {
    let check = Check::Size { least_bytes: 2, most_bytes: 3 };
    let outcomes = [0, 1, 2, 3, 4].map(|size| outcome(&check, &vec![b'a'; size]));
    assert_eq!(outcomes, ["failed", "failed", "met", "met", "failed"]);
}

#[test]
fn a_format_is_told_from_the_bytes() {
    assert_eq!(outcome(&Check::Format { format: Format::Json }, b"{}"), "met");
    assert_eq!(outcome(&Check::Format { format: Format::Png }, b"{}"), "failed");
}

#[test]
fn what_cannot_be_run_is_told_before_anybody_signs() {
    let wasm = |bytes: &[u8]| Check::Wasm {
        module: Module::new(bytes.to_vec()),
        fuel: 1_000,
        memory_pages: 1,
    };
    assert!(is_runnable(&wasm(b"\0asm\x01\0\0\0")).unwrap_err().contains("memory"));
    assert_eq!(outcome(&wasm(b"\0asm\x01\0\0\0"), b""), "unusable");
    assert!(is_runnable(&regex_check("(", Expect::Match)).is_err());
    assert!(is_runnable(&regex_check("a", Expect::Match)).is_ok());
}

#[test]
fn a_detail_holds_no_control_characters() {
    let check = Check::JsonSchema { schema: Schema::new(json!({ "maxProperties": 0 })).unwrap() };
    let detail = run(&check, b"{\"\\u001b[31m\":1}").detail().to_owned();
    assert!(!detail.chars().any(char::is_control), "{detail:?}");
    assert!(!excerpt("a\u{1b}[31m\nb").chars().any(char::is_control));
}
