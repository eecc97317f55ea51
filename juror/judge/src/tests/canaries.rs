//! What a captured, contradictory or half-silent provider can and cannot bring about.

use surety_jury::{prompt::NEGATION, record::replay};

use super::*;
use crate::double::canary;

/// What an honest reader says of a question, denied or not, when every criterion is met.
fn honest(question: &surety_jury::Question) -> &'static str {
    let (denial, _) = NEGATION.split_once("{text}").unwrap();
    let mut plain = question.clone();
    let is_denied = question.criterion.text.starts_with(denial);
    plain.criterion.text = question.criterion.text.replace(denial, "");
    if canary(&plain).unwrap_or(true) == is_denied { "NOT_MET" } else { "MET" }
}

fn is_canary(question: &surety_jury::Question) -> bool {
    let (denial, _) = NEGATION.split_once("{text}").unwrap();
    let mut plain = question.clone();
    plain.criterion.text = question.criterion.text.replace(denial, "");
    canary(&plain).is_some()
}

fn is_denied(question: &surety_jury::Question) -> bool {
    question.criterion.text.starts_with("The deliverable does not pass this test: ")
}

#[tokio::test]
async fn an_honest_provider_passes_its_canaries_denied_or_not() {
    let double = Double::captured(|_, question| Act::Vote(honest(question))).await;
    let milestone = milestone(vec![mandatory(llm("a")), llm("b")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0b11, 0, Reason::Judged));
    assert_eq!(double.seen().len(), 7, "a pair, a single question, two pairs of canaries");
}

#[tokio::test]
async fn a_provider_that_always_says_the_same_is_void_on_everything() {
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    for verdict in ["MET", "NOT_MET"] {
        for criterion in [llm("a"), mandatory(llm("a"))] {
            let double = Double::captured(move |_, _| Act::Vote(verdict)).await;
            let milestone = milestone(vec![criterion, checked("c", found.clone())]);
            let judged = round(&double, &milestone, TEXT.as_bytes()).await;
            assert_eq!(judged, Judged::Opinion(Opinion::void()), "{verdict}");
        }
    }
}

#[tokio::test]
async fn a_wrong_canary_needs_no_other_answer() {
    let double =
        Double::captured(
            |_, question| {
                if is_canary(question) { Act::Vote("MET") } else { Act::Raw(500, "") }
            },
        )
        .await;
    let milestone = milestone(vec![llm("a")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, Judged::Opinion(Opinion::void()), "nobody waits for the rest");
}

#[tokio::test]
async fn without_canaries_answered_no_vote_is_met_and_not_met_stands() {
    let double = Double::captured(|_, question| match question.criterion.text.as_str() {
        _ if is_canary(question) => Act::Refusal,
        "The deliverable is a." => Act::Vote("MET"),
        _ => Act::Vote("NOT_MET"),
    })
    .await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, opinion(0, 0b10, Reason::Judged));
}

#[tokio::test]
async fn an_outage_on_canaries_is_waited_for_and_voids_no_honest_seat() {
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a")]);
    let down =
        Double::captured(
            |_, question| {
                if is_canary(question) { Act::Raw(503, "") } else { Act::Vote("MET") }
            },
        )
        .await;
    let before = judge(&down);
    let session = desk.session(&before, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    drop(session);

    let up = Double::captured(|_, question| Act::Vote(honest(question))).await;
    let after = judge(&up);
    let session = desk.session(&after, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), opinion(1, 0, Reason::Judged));
    assert_eq!(up.seen().len(), 2, "the vote stands, only the canaries were open");
}

#[tokio::test]
async fn at_the_end_a_seat_without_canaries_abstains_and_is_not_void() {
    let double =
        Double::captured(
            |_, question| {
                if is_canary(question) { Act::Raw(503, "") } else { Act::Vote("MET") }
            },
        )
        .await;
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    let milestone = milestone(vec![llm("a"), checked("c", found)]);
    let desk = Desk::new().await;
    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    assert_eq!(session.round(soon()).await.unwrap(), Judged::Outage);
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0b10, failed: 0, reason: Reason::Judged });
}

#[tokio::test]
async fn a_model_that_contradicts_itself_on_one_pair_is_void_on_everything() {
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    for verdict in ["MET", "NOT_MET"] {
        let double = Double::captured(move |_, question| match question.criterion.text.as_str() {
            text if text.ends_with("The deliverable is a.") => Act::Vote(verdict),
            _ => Act::Vote(honest(question)),
        })
        .await;
        let criteria = vec![mandatory(llm("a")), mandatory(llm("b")), checked("c", found.clone())];
        let judged = round(&double, &milestone(criteria), TEXT.as_bytes()).await;
        assert_eq!(judged, Judged::Opinion(Opinion::void()), "{verdict}");
    }
}

#[tokio::test]
async fn a_contradiction_needs_no_other_answer() {
    let double = Double::captured(|_, question| match question.criterion.text.as_str() {
        text if text.ends_with("The deliverable is a.") => Act::Vote("MET"),
        _ => Act::Raw(500, ""),
    })
    .await;
    let milestone = milestone(vec![mandatory(llm("a"))]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, Judged::Opinion(Opinion::void()), "nobody waits for the rest");
}

#[tokio::test]
async fn half_a_pair_costs_its_own_criterion_and_no_more() {
    for half in [Act::Vote("CANNOT_VERIFY"), Act::Refusal] {
        let double = Double::captured(move |_, question| match question.criterion.text.as_str() {
            text if text.ends_with("The deliverable is a.") && is_denied(question) => half.clone(),
            _ => Act::Vote(honest(question)),
        })
        .await;
        let milestone = milestone(vec![mandatory(llm("a")), mandatory(llm("b"))]);
        let judged = round(&double, &milestone, TEXT.as_bytes()).await;
        assert_eq!(judged, opinion(0b10, 0, Reason::Judged));
    }
}

#[tokio::test]
async fn an_injection_that_names_the_plain_form_gains_nothing_on_a_mandatory_criterion() {
    // It has every plain criterion called met, and knows how canaries look.
    let double = Double::captured(|_, question| {
        let obeys = !is_canary(question) && !is_denied(question);
        let bad = if is_denied(question) { "MET" } else { "NOT_MET" };
        let verdict = if obeys {
            "MET"
        } else if is_canary(question) {
            honest(question)
        } else {
            bad
        };
        Act::Vote(verdict)
    })
    .await;
    let milestone = milestone(vec![mandatory(llm("a"))]);
    let judged = round(&double, &milestone, TEXT.as_bytes()).await;
    assert_eq!(judged, Judged::Opinion(Opinion::void()), "its answers contradict each other");
}

#[tokio::test]
async fn the_end_of_the_transcript_tells_the_canaries_and_anybody_recomputes_the_opinion() {
    let double = Double::start(|number, question| match question.criterion.text.as_str() {
        "The deliverable is a." => Act::Vote("MET"),
        "The deliverable is b." if number % 2 == 0 => Act::Raw(503, ""),
        "The deliverable is b." => Act::Text("no vote"),
        _ => Act::Vote("NOT_MET"),
    })
    .await;
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    let hidden_one = document("Names three markets.", Kind::Llm);
    let signed = milestone(vec![
        mandatory(llm("a")),
        llm("b"),
        checked("c", found),
        hidden("d", &hidden_one),
        hidden("e", &hidden_one),
    ]);
    let reveals = [Reveal { criterion_id: "d".to_owned(), document: hidden_one }];
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &signed).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &reveals).await.unwrap();
    session.round(soon()).await.unwrap();
    let before = records.lines(case.case_id).await.unwrap();
    let told = |line: &[u8]| String::from_utf8_lossy(line).contains("canary");
    assert!(!before.iter().any(|line| told(line)), "nothing tells a canary before the end");
    let opinion = session.last_round(soon()).await.unwrap();
    let root = session.conclude(opinion).await.unwrap();
    let lines = records.lines(case.case_id).await.unwrap();
    assert!(told(&lines[lines.len() - 2]));

    let file = folder.path().join("transcripts").join(format!("{root:x}.jsonl"));
    let text = std::fs::read(file).unwrap();
    let transcript = Transcript::verify(&text, root).unwrap();
    assert_eq!(replay(&transcript, &signed, Some(TEXT.as_bytes())), Ok(opinion));
    assert_eq!((opinion.met & 0b10101, opinion.failed), (0b10101, 0b01000));

    // Another truth, another opinion, a question less: nothing else replays.
    let entries = transcript.entries().unwrap();
    for at in entries.len() - 2..entries.len() {
        let mut forged = Transcript::new();
        for (index, entry) in entries.iter().enumerate() {
            let forgery = if index != at {
                entry.clone()
            } else if let Entry::Questions { questions } = entry {
                Entry::Questions { questions: questions[1..].to_vec() }
            } else {
                Opinion { met: 0b11111, failed: 0, reason: Reason::Judged }.into()
            };
            forged.push(&forgery);
        }
        assert!(replay(&forged, &signed, Some(TEXT.as_bytes())).is_err(), "line {at}");
    }
    assert!(replay(&transcript, &signed, Some(b"Other bytes.")).is_err());
}

#[tokio::test]
async fn a_void_seat_calls_met_what_was_not_revealed_and_its_transcript_replays() {
    let double = Double::captured(|_, _| Act::Vote("MET")).await;
    let found = Check::Regex { pattern: "quarterly".to_owned(), expect: Expect::Match };
    let hidden_one = document("Names three markets.", Kind::Llm);
    let signed =
        milestone(vec![mandatory(llm("a")), hidden("b", &hidden_one), checked("c", found)]);
    let folder = tempfile::tempdir().unwrap();
    let case = a_case(TEXT.as_bytes());
    let records = open(folder.path(), &case).await;
    let judge = judge(&double);
    let mut session = judge.session(&records, case, &signed).await.unwrap();
    session.read(TEXT.as_bytes().to_vec(), &[]).await.unwrap();
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!(opinion, Opinion { met: 0b010, failed: 0, reason: Reason::Void });
    let root = session.conclude(opinion).await.unwrap();
    let file = folder.path().join("transcripts").join(format!("{root:x}.jsonl"));
    let transcript = Transcript::verify(&std::fs::read(file).unwrap(), root).unwrap();
    assert_eq!(replay(&transcript, &signed, Some(TEXT.as_bytes())), Ok(opinion));
}
