//! Cases that an older build recorded: a format that drifts shows here.

use std::collections::BTreeSet;

use alloy::primitives::keccak256;
use surety_jury::{Entry, Source, Transcript};
use surety_replay::replay;
use surety_tests::recorded::corpus::{self, Frozen, FrozenBallot};

/// What to do when a frozen case is read differently.
const ADVICE: &str =
    "the formats of cases drifted; undo that, or run `cargo x corpus` and say so in the changelog";

/// Whether what an older build signed is what this one comes to, and nothing that lies beside it is
/// left over.
fn expect_same(name: &str, case: &Frozen) {
    let sheet = &case.term_sheet;
    sheet.validate().unwrap_or_else(|error| panic!("{name}: {error}: {ADVICE}"));
    assert_eq!(sheet.deal_id(), case.deal_id, "{name}: {ADVICE}");
    let case_id = corpus::case_id(sheet, &case.deliverable);
    let jsonl = case.jsonl();
    let replayed = replay(&case.evidence(&jsonl), &|digest| case.blob(digest));
    let replayed = replayed.unwrap_or_else(|error| panic!("{name}: {error}: {ADVICE}"));
    assert_eq!(replayed.case_id, case_id, "{name}: {ADVICE}");
    let ballot = replayed.opinion.ballot(case_id, case.ballot.transcript);
    assert_eq!(FrozenBallot::of(&ballot, sheet.chain_id), case.ballot, "{name}: {ADVICE}");
    let named: BTreeSet<_> = corpus::named(&jsonl).into_iter().collect();
    assert!(named.iter().eq(case.blobs.keys()), "{name}: a blob is missing or left over");
}

/// Whether a change of each line, each blob and the deliverable is seen.
fn expect_changes_seen(name: &str, case: &Frozen) {
    let seen = |changed: &Frozen, what: &str| {
        let jsonl = changed.jsonl();
        let replayed = replay(&changed.evidence(&jsonl), &|digest| changed.blob(digest));
        assert!(replayed.is_err(), "{name}: {what} was changed, and nobody saw it");
    };
    for line in 0..case.transcript.len() {
        let mut changed = case.clone();
        changed.transcript[line].push(' ');
        seen(&changed, &format!("line {line}"));
        drop(changed.transcript.remove(line));
        seen(&changed, &format!("the number of lines, by line {line},"));
    }
    for digest in case.blobs.keys() {
        let mut changed = case.clone();
        changed.blobs.insert(*digest, case.blobs[digest].replacen('e', "E", 1));
        seen(&changed, &format!("blob {digest}"));
    }
    let mut changed = case.clone();
    changed.deliverable = [&case.deliverable[..], b" "].concat().into();
    seen(&changed, "the deliverable");
}

#[test]
fn cases_of_an_older_build_replay_to_the_byte() {
    let cases = corpus::load().unwrap();
    assert!(cases.len() >= 12, "{} frozen cases", cases.len());
    let (mut sources, mut dialects) = (BTreeSet::new(), BTreeSet::new());
    let (mut reasons, mut reveals, mut checks) = (BTreeSet::new(), BTreeSet::new(), 0);
    for (name, case) in &cases {
        expect_same(name, case);
        expect_changes_seen(name, case);
        reasons.insert(case.ballot.reason);
        for entry in Transcript::from_jsonl(&case.jsonl()).unwrap().entries().unwrap() {
            match entry {
                Entry::Case { deliverable, source, .. } => {
                    assert_eq!(deliverable, keccak256(&case.deliverable), "{name}");
                    sources.insert(source);
                }
                Entry::Call(call) => {
                    dialects.insert(call.dialect);
                }
                Entry::Reveal { document, .. } => {
                    reveals.insert(document.is_some());
                }
                Entry::Check { .. } => checks += 1,
                Entry::Questions { .. } | Entry::Opinion { .. } => {}
            }
        }
    }
    // Cases of every kind, or they would notice little.
    assert_eq!(sources, BTreeSet::from([Source::Rehearsal, Source::Replay]));
    assert_eq!(dialects.len(), 6, "{dialects:?}");
    assert_eq!(reasons, BTreeSet::from([0, 2, 3, 4]), "judged, unreadable, injection, void");
    assert_eq!(reveals, BTreeSet::from([false, true]));
    assert!(checks >= 9, "{checks} lines of checks");
}
