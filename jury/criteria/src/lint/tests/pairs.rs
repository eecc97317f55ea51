//! Two criteria that exclude or repeat each other.

use serde_json::json;
use surety_terms::{Check, Expect, Format, Schema};

use super::*;

#[test]
fn claims_that_exclude_each_other_are_refused() {
    for (one, other, rule) in [
        ("The report contains a table.", "The report contains no table.", Rule::Contradiction),
        ("It names its sources.", "It does not name any sources.", Rule::Contradiction),
        ("Has at least 200 words.", "Has at most 150 words.", Rule::Contradiction),
        ("Lists exactly three ideas.", "Lists more than five ideas.", Rule::Contradiction),
        ("It has between 2 and 4 pages.", "It has at least five pages.", Rule::Contradiction),
        ("The report contains a table.", "A table is contained.", Rule::Duplicate),
    ] {
        let rules = between(&[llm("a", one), llm("b", other)]);
        let wanted = if one.contains("contains a") && other.contains("contained") {
            // Said in another way: these rules compare words, not meanings.
            vec![]
        } else {
            vec![rule]
        };
        assert_eq!(rules, wanted, "{one} / {other}");
    }
    assert_eq!(
        between(&[llm("a", "It names a source."), llm("b", "It names the sources.")]),
        [Rule::Duplicate]
    );
}

#[test]
fn claims_about_different_things_are_not() {
    for (one, other) in [
        ("Has at least 200 words.", "Has at most 10 pages."),
        ("The summary has at most 100 words.", "The report has at least 900 words."),
        ("It contains \"alpha\".", "It does not contain \"beta\"."),
        ("It names the authors.", "It does not name the reviewers."),
    ] {
        assert_eq!(between(&[llm("a", one), llm("b", other)]), [], "{one} / {other}");
    }
}

#[test]
fn programs_that_exclude_each_other_are_refused() {
    let size = |least_bytes, most_bytes| Check::Size { least_bytes, most_bytes };
    let format = |format| Check::Format { format };
    let digest = |byte| Check::Digest { keccak256: B256::repeat_byte(byte) };
    let schema = Check::JsonSchema { schema: Schema::new(json!({ "type": "object" })).unwrap() };
    let (found, absent) = (pattern("a", Expect::Match), pattern("a", Expect::NoMatch));
    for (one, other, rule) in [
        (size(0, 9), size(10, 20), Some(Rule::Contradiction)),
        (size(0, 10), size(10, 20), None),
        (digest(1), digest(2), Some(Rule::Contradiction)),
        (digest(1), digest(1), Some(Rule::Duplicate)),
        (found.clone(), absent, Some(Rule::Contradiction)),
        (found.clone(), pattern("b", Expect::NoMatch), None),
        (format(Format::Json), format(Format::Csv), None),
        (format(Format::Png), format(Format::Pdf), Some(Rule::Contradiction)),
        (format(Format::Png), schema.clone(), Some(Rule::Contradiction)),
        (found, format(Format::Gzip), Some(Rule::Contradiction)),
        (schema, format(Format::Text), None),
    ] {
        let rules = between(&[checked("a", one.clone()), checked("b", other.clone())]);
        assert_eq!(rules.first().copied(), rule, "{one:?} / {other:?}");
    }
}

#[test]
fn a_claim_and_a_program_that_exclude_each_other_are_refused() {
    let size = |least_bytes, most_bytes| Check::Size { least_bytes, most_bytes };
    let format = |format| Check::Format { format };
    let found = |text| pattern(text, Expect::Match);
    let absent = |text| pattern(text, Expect::NoMatch);
    for (claim, check) in [
        ("It contains \"refunds\".", absent("refunds")),
        ("The deliverable must contain the word \"refunds\".", absent("refund")),
        ("It does not contain \"refunds\".", found("refunds")),
        ("Must not include the word \"refunds\".", found("refunds")),
        ("The text has at least 200 words.", size(0, 199)),
        ("Has at most 100 bytes.", size(101, 200)),
        ("Every claim is in the paper.", format(Format::Png)),
        ("Каждое утверждение взято из статьи.", format(Format::Gzip)),
    ] {
        let (one, other) = (llm("a", claim), checked("b", check));
        let contradiction = [Rule::Contradiction];
        assert_eq!(between(&[one.clone(), other.clone()]), contradiction, "{one:?} / {other:?}");
        assert_eq!(between(&[other, one]), contradiction, "{claim}");
    }
    for (claim, check) in [
        ("It contains \"refunds\".", found("refunds")),
        ("It contains \"Refunds\".", absent("refunds")),
        ("It contains \"refunds\".", absent("^refunds$")),
        ("It contains \"refunds\" or \"returns\".", absent("refunds")),
        ("If it contains \"refunds\", it names \"returns\".", absent("returns")),
        ("It does not contain \"cat\".", found("category")),
        ("The summary does not contain \"cat\".", found("cat")),
        ("The text has at least 200 words.", size(0, 200)),
        ("Describes a corpus of at least 900 words.", size(0, 100)),
        ("It has at most 5 bytes in \"title\".", size(6, 100)),
        ("Has no more than 100 bytes.", size(0, 100)),
        ("Every claim is in the paper.", format(Format::Pdf)),
        ("Every claim is in the paper.", format(Format::Json)),
    ] {
        let (one, other) = (llm("a", claim), checked("b", check));
        assert_eq!(between(&[one, other]), [], "{claim}");
    }
}
