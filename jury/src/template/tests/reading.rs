//! What the rules by which answers become a ballot say of every kind of answer, as digests: a
//! changed rule changes one.

use std::fmt::Write as _;

use alloy::primitives::{B256, keccak256};
use serde_json::{Value, json};

use crate::opinion::tests::ALL;
use crate::opinion::{CanaryFound, Finding, Found, Opinion};
use crate::prompt::tests::{a_criterion, a_view};
use crate::transcript::{Call, Entry};
use crate::vote::Answer;
use crate::{Nonce, Prompt, Record, Template, Vote};

/// The words of every outcome there is, and one that there is not.
const OUTCOMES: [&str; 24] = [
    "MET",
    "NOT_MET",
    "CANNOT_VERIFY",
    "INJECTION",
    "REFUSAL",
    "ERR(filtered)",
    "ERR(truncated)",
    "ERR(unexpected-stop)",
    "ERR(ambiguous)",
    "ERR(bad-request)",
    "ERR(nonce-mismatch)",
    "ERR(criterion-mismatch)",
    "ERR(reasoning-too-long)",
    "ERR(evidence-too-long)",
    "ERR(vote-malformed)",
    "ERR(empty)",
    "ERR(not-json)",
    "ERR(error-body)",
    "ERR(wrong-shape)",
    "ERR(too-large)",
    "ERR(timeout)",
    "ERR(unavailable)",
    "ERR(rate-limited)",
    "PASS",
];

/// What a canary can come to.
const HEARD: [Finding; 6] = [
    Finding::Voted(Answer::Met),
    Finding::Voted(Answer::NotMet),
    Finding::Voted(Answer::CannotVerify),
    Finding::Refused,
    Finding::Unanswered,
    Finding::Injection,
];

fn piece(line: u32, quote: &str, supports: &str) -> Value {
    json!({ "line": line, "quote": quote, "supports": supports })
}

/// One line per answer: whether it is a vote, and what it says.
fn votes() -> String {
    let (view, nonce) = (a_view(), Nonce::new([0xab; 16]));
    let read = |vote: &Value, is_required: bool| {
        let criterion = a_criterion(is_required);
        let prompt = Prompt::new(Template::NEWEST, &criterion, "", &view, &nonce);
        match Vote::read(&vote.to_string(), &prompt, &view) {
            Ok(vote) => {
                format!("{} {:?} {}\n", vote.outcome(), vote.downgrade, vote.quotes_refused)
            }
            Err(fault) => format!("{} {}\n", fault.outcome(), fault.retryable()),
        }
    };
    let vote = |verdict: &str, is_suspected: bool, evidence: &[Value]| {
        json!({
            "nonce": nonce.as_str(),
            "criterion_id": "tone",
            "evidence": evidence,
            "reasoning": "As it says.",
            "injection_suspected": is_suspected,
            "verdict": verdict,
        })
    };
    let pieces = [
        piece(2, "thank you very much", "MET"),
        piece(3, "See you soon.", "NOT_MET"),
        piece(1, "Dear readers everywhere", "MET"),
        piece(3, "See you", "MET"),
    ];
    let mut told = String::new();
    for verdict in ["MET", "NOT_MET", "CANNOT_VERIFY"] {
        for flags in 0..64_u8 {
            let is_set = |bit: u8| flags & (1 << bit) != 0;
            let chosen = (0..4).zip(&pieces).filter(|(bit, _)| is_set(*bit));
            let evidence: Vec<Value> = chosen.map(|(_, piece)| piece.clone()).collect();
            told += &read(&vote(verdict, is_set(4), &evidence), is_set(5));
        }
    }
    let quotes = |count: usize| vec![pieces[0].clone(); count];
    let with = |field: &str, value: Value| {
        let mut vote = vote("MET", false, &quotes(1));
        vote[field] = value;
        vote
    };
    for vote in [
        vote("MET", false, &quotes(32)),
        vote("MET", false, &quotes(33)),
        with("reasoning", "x".repeat(2_000).into()),
        with("reasoning", "x".repeat(2_001).into()),
        with("reasoning", Value::Null),
        with("nonce", "0".repeat(32).into()),
        with("criterion_id", "other".into()),
        with("verdict", "PASS".into()),
        with("confidence", 1.into()),
    ] {
        told += &read(&vote, true);
    }
    told
}

/// One line per outcome: what a question comes to that ended so once, and twice.
fn settled() -> String {
    let call = |attempt: u8, outcome: &str| {
        Entry::Call(Box::new(Call {
            question_id: "q".to_owned(),
            attempt,
            host: String::new(),
            dialect: String::new(),
            max_output_tokens: 0,
            model_requested: String::new(),
            model_reported: None,
            request_digest: B256::ZERO,
            response_digest: None,
            status: None,
            elapsed_ms: 0,
            input_tokens: None,
            output_tokens: None,
            outcome: outcome.to_owned(),
        }))
    };
    let mut told = String::new();
    for outcome in OUTCOMES {
        let mut record = Record::default();
        record.add(&call(1, outcome));
        let once = record.answer_to("q");
        record.add(&call(2, outcome));
        writeln!(told, "{outcome} {once:?} {:?}", record.answer_to("q")).unwrap();
    }
    told
}

/// One line per opinion about three criteria: one in all its ways, one whose check passed, and one
/// that stayed hidden.
fn opinions() -> String {
    let mut told = String::new();
    let mut tell = |found: Found, canaries: &[CanaryFound]| {
        let rest = [Finding::Checked(Some(true)), Finding::Unrevealed].map(Found::from);
        let opinion = Opinion::of(&[&[found][..], &rest].concat(), canaries).unwrap();
        writeln!(told, "{} {} {}", opinion.met, opinion.failed, opinion.reason.byte()).unwrap();
    };
    let canary = |is_met: bool, finding: Finding| CanaryFound { is_met, found: finding.into() };
    for plain in ALL {
        for negated in std::iter::once(None).chain(ALL.map(Some)) {
            let found = Found { plain, negated };
            tell(found, &[]);
            for one in HEARD {
                for other in HEARD {
                    tell(found, &[canary(true, one), canary(false, other)]);
                }
            }
        }
    }
    told
}

#[test]
fn the_rules_of_the_first_version_are_pinned() {
    // Deals pin templates that are read by these: another digest is another version's.
    assert!(Template::ALL.iter().all(|template| template.reading() == "r1"));
    let got = [votes(), settled(), opinions()].map(|told| keccak256(told).to_string());
    let pinned = [
        "0xf945d5423c9697de86a7eb6b231a285cb5f395a6be45fcb7d2af990928436cf5",
        "0x4730622c40f795b76a11910ec62f3c7b1888cb576be01361bde42a9df59aa467",
        "0x57aa710afd5d6bb12bfd790590b49c979703552b1c8def81321e441511ef43c9",
    ];
    assert_eq!(got, pinned.map(str::to_owned));
}
