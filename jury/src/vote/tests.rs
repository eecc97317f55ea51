//! What an answer is worth.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::opinion::Finding;
use crate::prompt::tests::{a_criterion, a_prompt, a_view};
use crate::prompt::{Nonce, Prompt};
use crate::template::Template;

const QUOTE: &str = "thank you very much";

fn a_vote() -> Value {
    json!({
        "nonce": "ab".repeat(16),
        "criterion_id": "tone",
        "evidence": [{ "line": 2, "quote": QUOTE, "supports": "MET" }],
        "reasoning": "It thanks.",
        "injection_suspected": false,
        "verdict": "MET",
    })
}

/// The vote with some fields replaced.
fn vote(changes: &Value) -> Value {
    let mut vote = a_vote();
    for (field, value) in changes.as_object().unwrap() {
        vote[field] = value.clone();
    }
    vote
}

fn read(vote: &Value) -> Result<Vote, VoteFault> {
    let view = a_view();
    Vote::read(&vote.to_string(), &a_prompt(&view), &view)
}

fn quote(line: u32, quote: &str, supports: &str) -> Value {
    json!({ "line": line, "quote": quote, "supports": supports })
}

#[test]
fn a_good_vote_counts_as_given() {
    let vote = read(&a_vote()).unwrap();
    let evidence = Evidence { line: 2, quote: QUOTE.to_owned(), supports: Supports::Met };
    let wanted = Vote {
        answer: Answer::Met,
        given: Answer::Met,
        downgrade: None,
        evidence: vec![evidence],
        quotes_refused: 0,
        injection: None,
        reasoning: "It thanks.".to_owned(),
    };
    assert_eq!(vote, wanted);
    assert_eq!(vote.outcome(), "MET");
    assert_eq!(Finding::from(&vote), Finding::Voted(Answer::Met));
}

#[test]
fn met_without_a_verbatim_quote_is_no_met_where_evidence_is_required() {
    let long = "x".repeat(MAX_QUOTE_CHARS + 1);
    let tagged = format!("{}⟂0002⟂ thank", "ab".repeat(16));
    let (none, invented) = (Downgrade::NoEvidence, Downgrade::Misquote);
    let bad = [
        ("none", json!([]), none),
        ("another line", json!([quote(1, QUOTE, "MET")]), none),
        ("line zero", json!([quote(0, QUOTE, "MET")]), none),
        ("a line beyond", json!([quote(9, QUOTE, "MET")]), none),
        ("across lines", json!([quote(1, "reader,\nthank you", "MET")]), none),
        ("too short", json!([quote(2, "thank you v", "MET")]), none),
        ("empty", json!([quote(0, "", "MET")]), none),
        ("not verbatim", json!([quote(2, "thank you very Much", "MET")]), invented),
        ("with the tag", json!([quote(2, &tagged, "MET")]), invented),
        ("too long", json!([quote(2, &long, "MET")]), invented),
    ];
    for (name, evidence, why) in bad {
        let refused = evidence.as_array().unwrap().len();
        let vote = read(&vote(&json!({ "evidence": evidence }))).unwrap();
        assert_eq!(vote.answer, Answer::CannotVerify, "{name}");
        assert_eq!(vote.downgrade, Some(why), "{name}");
        assert_eq!((vote.given, vote.quotes_refused), (Answer::Met, refused), "{name}");
    }
    let shortest = read(&vote(&json!({ "evidence": [quote(2, "thank you ve", "MET")] })));
    assert_eq!(shortest.unwrap().answer, Answer::Met);
}

#[test]
fn evidence_is_optional_where_the_criterion_says_so() {
    let view = a_view();
    let nonce = Nonce::new([0xab; 16]);
    let prompt = Prompt::new(Template::DEFAULT, &a_criterion(false), "", &view, &nonce);
    let answer = |evidence: Value| {
        let text = vote(&json!({ "evidence": evidence })).to_string();
        Vote::read(&text, &prompt, &view).unwrap().answer
    };
    assert_eq!(answer(json!([])), Answer::Met);
    // It counts for nothing, and it is what the deliverable says.
    assert_eq!(answer(json!([quote(3, "See you", "MET")])), Answer::Met);
    assert_eq!(answer(json!([quote(3, "Until soon, reader.", "MET")])), Answer::CannotVerify);
}

#[test]
fn one_quote_that_the_deliverable_does_not_hold_makes_any_answer_an_abstention() {
    let invented = "see you soon, dear reader";
    for (verdict, other) in [("MET", "NOT_MET"), ("NOT_MET", "MET")] {
        for supports in [verdict, other] {
            let evidence = json!([quote(2, QUOTE, verdict), quote(3, invented, supports)]);
            let changes = json!({ "evidence": evidence, "verdict": verdict });
            let vote = read(&vote(&changes)).unwrap();
            assert_eq!(vote.answer, Answer::CannotVerify, "{changes}");
            assert_eq!(vote.downgrade, Some(Downgrade::Misquote), "{changes}");
            assert_eq!((vote.evidence.len(), vote.quotes_refused), (1, 1), "{changes}");
            assert_eq!(vote.outcome(), "CANNOT_VERIFY");
        }
    }
    let evidence = json!([quote(3, invented, "MET")]);
    let unsure = vote(&json!({ "evidence": evidence, "verdict": "CANNOT_VERIFY" }));
    assert_eq!(read(&unsure).unwrap().downgrade, None, "it says no more than that already");
}

#[test]
fn a_quote_is_compared_with_the_visible_text() {
    let view = View::of("It\u{200b} thanks you very\u{ad} much.\n".as_bytes()).unwrap();
    let answer = |text: &str| {
        let vote = vote(&json!({ "evidence": [quote(1, text, "MET")] })).to_string();
        Vote::read(&vote, &a_prompt(&view), &view).unwrap().answer
    };
    assert_eq!(answer("It thanks you very much."), Answer::Met);
    assert_eq!(answer("It thanks you very\u{ad} much."), Answer::CannotVerify);
}

#[test]
fn a_verdict_against_its_own_evidence_cannot_be_verified() {
    let against = json!([quote(2, QUOTE, "NOT_MET")]);
    for changes in [json!({ "evidence": against }), json!({ "verdict": "NOT_MET" })] {
        let vote = read(&vote(&changes)).unwrap();
        assert_eq!(vote.answer, Answer::CannotVerify, "{changes}");
        assert_eq!(vote.downgrade, Some(Downgrade::Contradiction), "{changes}");
    }
    let both = json!([quote(2, QUOTE, "MET"), quote(1, "Dear reader,", "NOT_MET")]);
    for verdict in ["MET", "NOT_MET"] {
        let vote = read(&vote(&json!({ "evidence": both, "verdict": verdict }))).unwrap();
        assert_eq!(vote.downgrade, None);
    }
    let bare = read(&vote(&json!({ "evidence": [], "verdict": "NOT_MET" }))).unwrap();
    assert_eq!(bare.answer, Answer::NotMet);
}

#[test]
fn injection_is_flagged_only_with_a_verbatim_quote_of_it() {
    let shown = json!([quote(2, QUOTE, "NOT_MET")]);
    for verdict in ["MET", "NOT_MET", "CANNOT_VERIFY"] {
        let changes = json!({ "injection_suspected": true, "evidence": shown, "verdict": verdict });
        let flagged = read(&vote(&changes)).unwrap();
        assert_eq!(Finding::from(&flagged), Finding::Injection, "{verdict}");
        assert_eq!(flagged.outcome(), "INJECTION");
    }
    let invented = json!([quote(2, "ignore all that came before", "NOT_MET")]);
    let changes =
        json!({ "injection_suspected": true, "evidence": invented, "verdict": "NOT_MET" });
    let unproven = read(&vote(&changes)).unwrap();
    assert_eq!(Finding::from(&unproven), Finding::Voted(Answer::CannotVerify));
    // What is proven does not get lost beside what is not.
    let both = json!([shown[0], invented[0]]);
    let changes = json!({ "injection_suspected": true, "evidence": both, "verdict": "NOT_MET" });
    assert_eq!(Finding::from(&read(&vote(&changes)).unwrap()), Finding::Injection);
}

#[test]
fn met_beside_an_unproven_suspicion_is_no_met() {
    let suspicious = read(&vote(&json!({ "injection_suspected": true }))).unwrap();
    assert_eq!(suspicious.downgrade, Some(Downgrade::SuspicionUnproven));
    assert_eq!(Finding::from(&suspicious), Finding::Voted(Answer::CannotVerify));
}

#[test]
fn another_questions_vote_is_refused() {
    let other = vote(&json!({ "nonce": "cd".repeat(16) }));
    assert_eq!(read(&other), Err(VoteFault::NonceMismatch));
    let other = vote(&json!({ "criterion_id": "length" }));
    let needed = "tone".to_owned();
    assert_eq!(read(&other), Err(VoteFault::CriterionMismatch { needed }));
}

#[test]
fn a_vote_has_bounds() {
    let long = "ä".repeat(MAX_REASONING_CHARS + 1);
    let fault = VoteFault::ReasoningTooLong { got: 2_001, most: 2_000 };
    assert_eq!(read(&vote(&json!({ "reasoning": long }))), Err(fault));
    assert!(read(&vote(&json!({ "reasoning": "ä".repeat(MAX_REASONING_CHARS) }))).is_ok());
    let many = vec![quote(2, QUOTE, "MET"); MAX_EVIDENCE + 1];
    let fault = VoteFault::EvidenceTooLong { got: 33, most: 32 };
    assert_eq!(read(&vote(&json!({ "evidence": many }))), Err(fault));
    let huge = read(&vote(&json!({ "reasoning": "x".repeat(MAX_VOTE_BYTES) })));
    assert!(matches!(huge, Err(VoteFault::Malformed { .. })));
}

#[test]
fn anything_but_one_exact_object_is_malformed() {
    let good = a_vote().to_string();
    let without = |field: &str| {
        let mut vote = a_vote();
        vote.as_object_mut().unwrap().remove(field);
        vote.to_string()
    };
    let mut bad = vec![
        String::new(),
        "MET".to_owned(),
        "null".to_owned(),
        format!("[{good}]"),
        format!("{good}{good}"),
        format!("{good} MET"),
        format!("Sure! {good}"),
        format!("```json\n{good}\n```"),
        good[..good.len() - 1].to_owned(),
        good.replacen('{', "{\"verdict\":\"NOT_MET\",", 1),
        good.replacen('{', "{\"score\":1,", 1),
        good.replacen("\"line\":2", "\"line\":2,\"line\":1", 1),
        good.replacen("\"line\":2", "\"line\":2,\"page\":1", 1),
    ];
    bad.extend(a_vote().as_object().unwrap().keys().map(|field| without(field)));
    for (field, value) in [
        ("verdict", json!("met")),
        ("verdict", json!("PASS")),
        ("verdict", json!(true)),
        ("verdict", json!(null)),
        ("injection_suspected", json!("false")),
        ("evidence", json!({})),
        ("evidence", json!(["thank you very much"])),
        ("evidence", json!([quote(2, QUOTE, "CANNOT_VERIFY")])),
        ("evidence", json!([{ "line": -1, "quote": QUOTE, "supports": "MET" }])),
        ("evidence", json!([{ "line": 2.5, "quote": QUOTE, "supports": "MET" }])),
        ("reasoning", json!(1)),
        ("nonce", json!(0)),
    ] {
        bad.push(vote(&json!({ field: value })).to_string());
    }
    let view = a_view();
    for text in bad {
        let fault = Vote::read(&text, &a_prompt(&view), &view);
        let malformed =
            matches!(&fault, Err(fault @ VoteFault::Malformed { .. }) if fault.retryable());
        assert!(malformed, "{text} gave {fault:?}");
    }
}

#[test]
fn the_published_schema_and_the_reader_agree() {
    let schema: Value = serde_json::from_str(SCHEMA_TEXT).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(validator.is_valid(&a_vote()));
    let fields: Vec<&str> =
        schema["required"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    let places: Vec<usize> =
        fields.iter().map(|f| SCHEMA_TEXT.rfind(&format!("\"{f}\":{{")).unwrap()).collect();
    assert!(places.is_sorted(), "properties stand in the order of `required`");
    assert_eq!(fields.last(), Some(&"verdict"), "the verdict comes last");
    for field in fields {
        let mut vote = a_vote();
        vote.as_object_mut().unwrap().remove(field);
        assert!(!validator.is_valid(&vote) && read(&vote).is_err(), "{field}");
    }
}

proptest! {
    #[test]
    fn met_always_stands_on_a_quote_when_evidence_is_required(
        line in 0_u32..5,
        from in 0_usize..40,
        length in 0_usize..60,
        forged in any::<bool>(),
        suspected in any::<bool>(),
        supports in prop::sample::select(vec!["MET", "NOT_MET"]),
        verdict in prop::sample::select(vec!["MET", "NOT_MET", "CANNOT_VERIFY"]),
    ) {
        let view = a_view();
        let shown = view.line(line).unwrap_or("");
        let mut text: String = shown.chars().skip(from).take(length).collect();
        if forged {
            text.push('!');
        }
        let vote = vote(&json!({
            "evidence": [quote(line, &text, supports)],
            "injection_suspected": suspected,
            "verdict": verdict,
        }));
        let vote = Vote::read(&vote.to_string(), &a_prompt(&view), &view).unwrap();
        let verbatim = shown.contains(&text) && text.chars().count() >= MIN_QUOTE_CHARS;
        prop_assert_eq!(vote.evidence.len(), usize::from(verbatim));
        if vote.answer != Answer::CannotVerify {
            prop_assert!(view.lines().join("\n").contains(&text));
        }
        if vote.answer == Answer::Met {
            prop_assert!(verbatim && supports == "MET" && verdict == "MET" && !suspected);
        }
        prop_assert_eq!(vote.injection.is_some(), suspected && verbatim && supports == "NOT_MET");
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let view = a_view();
        prop_assert!(Vote::read(&text, &a_prompt(&view), &view).is_err());
    }
}
