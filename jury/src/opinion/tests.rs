//! What findings add up to.

use proptest::prelude::*;

use super::*;

const MET: Finding = Finding::Voted(Answer::Met);
const FAILED: Finding = Finding::Voted(Answer::NotMet);
const UNSURE: Finding = Finding::Voted(Answer::CannotVerify);
const DOWN: Finding = Finding::Unanswered;

/// Every finding there is.
pub(crate) const ALL: [Finding; 12] = [
    Finding::Unrevealed,
    Finding::Moot,
    Finding::Checked(Some(true)),
    Finding::Checked(Some(false)),
    Finding::Checked(None),
    Finding::Voted(Answer::Met),
    Finding::Voted(Answer::NotMet),
    Finding::Voted(Answer::CannotVerify),
    Finding::Blank,
    Finding::Refused,
    Finding::Unanswered,
    Finding::Injection,
];

fn found(findings: &[Finding]) -> Vec<Found> {
    findings.iter().copied().map(Found::from).collect()
}

fn canary(is_met: bool, plain: Finding) -> CanaryFound {
    CanaryFound { is_met, found: plain.into() }
}

/// The canaries of a seat that is what it should be.
fn proven() -> [CanaryFound; 2] {
    [canary(true, MET), canary(false, FAILED)]
}

/// The opinion of a seat that answered its canaries rightly.
fn of(findings: &[Finding]) -> Result<Opinion, JuryError> {
    Opinion::of(&found(findings), &proven())
}

#[test]
fn each_criterion_stands_for_itself() {
    // All but the last, in order: met, -, met, failed, -, met, failed, -, failed, -, -.
    let wanted = Opinion { met: 0b000_0010_0101, failed: 0b001_0100_1000, reason: Reason::Judged };
    assert_eq!(of(&ALL[..11]), Ok(wanted));
}

#[test]
fn one_injection_fails_every_criterion_even_one_that_a_check_passed() {
    let wanted = Opinion { met: 0, failed: 0b1111_1111_1111, reason: Reason::Injection };
    assert_eq!(of(&ALL), Ok(wanted));
}

#[test]
fn a_provider_that_answers_nothing_voids_the_seat_whatever_its_checks_say() {
    let (passed, failed) = (Finding::Checked(Some(true)), Finding::Checked(Some(false)));
    let down = Finding::Unanswered;
    let unheard = [true, false].map(|is_met| canary(is_met, down));
    for findings in [vec![down], vec![passed, down, failed], vec![down, down]] {
        let opinion = Opinion::of(&found(&findings), &unheard);
        assert_eq!(opinion, Ok(Opinion::void()), "{findings:?}");
    }
    let one_heard = found(&[passed, down, Finding::Refused]);
    let wanted = Opinion { met: 1, failed: 0, reason: Reason::Judged };
    assert_eq!(Opinion::of(&one_heard, &unheard), Ok(wanted));
    let no_question = found(&[passed, failed]);
    let wanted = Opinion { met: 1, failed: 2, reason: Reason::Judged };
    assert_eq!(Opinion::of(&no_question, &[]), Ok(wanted));
}

#[test]
fn missing_and_unreadable_fail_every_criterion() {
    let failed = |failed, reason| Ok(Opinion { met: 0, failed, reason });
    assert_eq!(Opinion::missing(1), failed(1, Reason::Missing));
    assert_eq!(Opinion::missing(16), failed(u16::MAX, Reason::Missing));
    assert_eq!(Opinion::unreadable(5), failed(0b1_1111, Reason::Unreadable));
}

#[test]
fn a_void_seat_abstains_on_everything() {
    assert_eq!(Opinion::void(), Opinion { met: 0, failed: 0, reason: Reason::Void });
}

#[test]
fn a_milestone_has_one_to_sixteen_criteria() {
    for count in [0, 17, 40] {
        assert!(of(&vec![Finding::Blank; count]).is_err());
        assert!(Opinion::missing(count).is_err());
        assert!(Opinion::unreadable(count).is_err());
    }
}

#[test]
fn a_transcripts_outcomes_are_read_back_as_the_same_findings() {
    for answer in [Answer::Met, Answer::NotMet, Answer::CannotVerify] {
        assert_eq!(Finding::from_outcome(answer.as_str()), Some(Finding::Voted(answer)));
    }
    let vote = VoteFault::NonceMismatch;
    assert_eq!(Finding::from_outcome(&vote.outcome()), Some(Finding::from(&vote)));
    for word in ["", "met", "ERR(vote-malformed)", "ERR(empty)", "ERR(timeout)", "PASS"] {
        assert_eq!(Finding::from_outcome(word), None, "{word}");
    }
}

#[test]
fn a_check_that_cannot_run_abstains() {
    let detail = String::new();
    for (result, finding) in [
        (CheckResult::Met { detail: detail.clone() }, Some(true)),
        (CheckResult::Failed { detail: detail.clone() }, Some(false)),
        (CheckResult::Unusable { detail }, None),
    ] {
        assert_eq!(Finding::from(&result), Finding::Checked(finding));
    }
}

#[test]
fn the_ballot_carries_the_opinion() {
    let opinion = Opinion { met: 1, failed: 2, reason: Reason::Judged };
    let (case, root) = (B256::repeat_byte(1), B256::repeat_byte(2));
    let wanted = Ballot { caseId: case, met: 1, failed: 2, reason: 0, transcript: root };
    assert_eq!(opinion.ballot(case, root), wanted);
}

#[test]
fn an_outage_on_one_question_silences_no_other() {
    let (met, failed) = (Finding::Voted(Answer::Met), Finding::Voted(Answer::NotMet));
    let down = Finding::Unanswered;
    let declined = Finding::Voted(Answer::CannotVerify);
    for (findings, masks) in [
        (vec![met, down], (0b01, 0b00)),
        (vec![down, failed], (0b00, 0b10)),
        (vec![down, failed, down, met], (0b1000, 0b0010)),
        (vec![Finding::Checked(Some(false)), down, declined], (0b000, 0b001)),
    ] {
        let (met, failed) = masks;
        let wanted = Opinion { met, failed, reason: Reason::Judged };
        assert_eq!(of(&findings), Ok(wanted), "{findings:?}");
    }
}

#[test]
fn one_wrong_canary_voids_the_seat_whatever_it_found() {
    let findings = [Finding::Checked(Some(false)), MET, Finding::Injection];
    for wrong in [
        vec![canary(true, MET), canary(false, MET)],
        vec![canary(true, FAILED), canary(false, FAILED)],
        vec![canary(true, DOWN), canary(false, MET)],
        vec![
            CanaryFound { is_met: true, found: Found { plain: MET, negated: Some(MET) } },
            canary(false, FAILED),
        ],
    ] {
        let opinion = Opinion::of(&found(&findings), &wrong);
        assert_eq!(opinion, Ok(Opinion::void()), "{wrong:?}");
    }
}

#[test]
fn without_its_canaries_a_seat_says_not_met_and_never_met() {
    let findings = found(&[MET, FAILED, Finding::Checked(Some(true)), Finding::Unrevealed]);
    let wanted = Ok(Opinion { met: 0b1100, failed: 0b0010, reason: Reason::Judged });
    for silent in [DOWN, Finding::Refused, UNSURE] {
        let canaries = [canary(true, MET), canary(false, silent)];
        assert_eq!(Opinion::of(&findings, &canaries), wanted, "{silent:?}");
    }
    assert_eq!(Opinion::of(&findings, &[]), wanted);
}

#[test]
fn an_instruction_that_only_a_canarys_answer_shows_fails_everything_too() {
    let canaries = [canary(true, Finding::Injection), canary(false, Finding::Injection)];
    let wanted = Opinion { met: 0, failed: 0b11, reason: Reason::Injection };
    assert_eq!(Opinion::of(&found(&[MET, MET]), &canaries), Ok(wanted));
}

#[test]
fn one_pair_that_contradicts_itself_voids_the_seat_whatever_it_found() {
    let rest = found(&[MET, FAILED, Finding::Checked(Some(false)), Finding::Injection]);
    for answer in [MET, FAILED] {
        let pair = Found { plain: answer, negated: Some(answer) };
        for canaries in [&proven()[..], &[]] {
            let criteria = [&rest[..], &[pair]].concat();
            assert_eq!(Opinion::of(&criteria, canaries), Ok(Opinion::void()), "{answer:?}");
        }
    }
}

#[test]
fn a_void_seat_calls_met_what_was_not_revealed_and_nothing_else() {
    let pair = Found { plain: MET, negated: Some(MET) };
    let hidden = Found::from(Finding::Unrevealed);
    let passed = Found::from(Finding::Checked(Some(true)));
    let wanted = Ok(Opinion { met: 0b0100, failed: 0, reason: Reason::Void });
    let contradictory = [passed, pair, hidden, Finding::Checked(Some(false)).into()];
    assert_eq!(Opinion::of(&contradictory, &proven()), wanted);
    let plain = [passed, MET.into(), hidden, FAILED.into()];
    let wrong = [canary(true, FAILED), canary(false, FAILED)];
    assert_eq!(Opinion::of(&plain, &wrong), wanted);
    let silent = [passed, DOWN.into(), hidden, DOWN.into()];
    let unheard = [canary(true, DOWN), canary(false, DOWN)];
    assert_eq!(Opinion::of(&silent, &unheard), wanted);
}

#[test]
fn half_a_pair_is_no_contradiction_and_met_needs_both() {
    for (plain, negated, met, failed) in [
        (MET, FAILED, 1, 0),
        (FAILED, MET, 0, 1),
        (MET, UNSURE, 0, 0),
        (MET, Finding::Refused, 0, 0),
        (MET, DOWN, 0, 0),
        (FAILED, UNSURE, 0, 1),
        (FAILED, DOWN, 0, 1),
        (UNSURE, MET, 0, 0),
        (UNSURE, UNSURE, 0, 0),
        (Finding::Refused, FAILED, 0, 0),
        (DOWN, FAILED, 0, 0),
    ] {
        let pair = Found { plain, negated: Some(negated) };
        let wanted = Opinion { met, failed, reason: Reason::Judged };
        assert_eq!(Opinion::of(&[pair], &proven()), Ok(wanted), "{pair:?}");
    }
}

fn any_finding() -> impl Strategy<Value = Finding> {
    prop::sample::select(ALL.to_vec())
}

/// What can be said of a question to a model.
fn any_answer() -> impl Strategy<Value = Finding> {
    prop::sample::select(vec![MET, FAILED, UNSURE, Finding::Refused, DOWN, Finding::Injection])
}

fn any_found() -> impl Strategy<Value = Found> {
    prop_oneof![
        any_finding().prop_map(Found::from),
        (any_answer(), any_answer())
            .prop_map(|(plain, negated)| Found { plain, negated: Some(negated) }),
    ]
}

fn any_canaries() -> impl Strategy<Value = Vec<CanaryFound>> {
    let answers = (any_answer(), prop::option::of(any_answer()));
    let canary = (any::<bool>(), answers).prop_map(|(is_met, (plain, negated))| CanaryFound {
        is_met,
        found: Found { plain, negated },
    });
    // Right ones are drawn as often, or nearly nothing would ever be met.
    prop_oneof![prop::collection::vec(canary, 0..=2), Just(proven().to_vec())]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        max_global_rejects: 100_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_failure_of_a_canary_ever_leads_to_met(
        criteria in prop::collection::vec(any_found(), 1..=16),
        canaries in any_canaries(),
    ) {
        let is_right = |canary: &CanaryFound| {
            canary.answers().all(|(finding, truth)| finding == Finding::Voted(truth))
        };
        prop_assume!(canaries.is_empty() || !canaries.iter().all(is_right));
        let met = Opinion::of(&criteria, &canaries).unwrap().met;
        for (index, found) in criteria.iter().enumerate() {
            let by_program = matches!(found.plain, Finding::Checked(Some(true)) | Finding::Unrevealed);
            prop_assert!(met >> index & 1 == 0 || by_program);
        }
    }

    #[test]
    fn no_answer_that_is_taken_away_or_fails_ever_raises_met(
        criteria in prop::collection::vec(any_found(), 1..=16),
        canaries in any_canaries(),
        at in any::<prop::sample::Index>(),
        (of_canary, of_negated) in any::<(bool, bool)>(),
        worse in prop::sample::select(vec![DOWN, Finding::Refused, UNSURE]),
    ) {
        let before = Opinion::of(&criteria, &canaries).unwrap();
        let (mut criteria, mut canaries) = (criteria, canaries);
        let found = if of_canary && !canaries.is_empty() {
            let at = at.index(canaries.len());
            &mut canaries[at].found
        } else {
            let at = at.index(criteria.len());
            &mut criteria[at]
        };
        let place = found.negated.as_mut().filter(|_| of_negated).unwrap_or(&mut found.plain);
        // An answer that is no vote decides by itself: a ballot that an injection or a wrong
        // canary took from everything may well say more without it.
        let decides = before.reason != Reason::Judged;
        prop_assume!(!decides && matches!(place, Finding::Voted(_)));
        *place = worse;
        let after = Opinion::of(&criteria, &canaries).unwrap();
        prop_assert_eq!(after.met & !before.met, 0, "{:?} became {:?}", before, after);
    }

    #[test]
    fn a_seat_that_always_says_the_same_votes_for_nothing(
        pairs in prop::collection::vec(any::<bool>(), 1..=16),
        says_met in any::<bool>(),
    ) {
        let answer = if says_met { MET } else { FAILED };
        let found = |is_pair: &bool| Found { plain: answer, negated: is_pair.then_some(answer) };
        let criteria: Vec<Found> = pairs.iter().map(found).collect();
        let canaries = [true, false].map(|is_met| CanaryFound { is_met, found: found(&false) });
        prop_assert_eq!(Opinion::of(&criteria, &canaries), Ok(Opinion::void()));
    }

    #[test]
    fn a_contradiction_leaves_nothing_but_what_no_model_decides(
        criteria in prop::collection::vec(any_found(), 1..=16),
        canaries in any_canaries(),
        at in any::<prop::sample::Index>(),
        says_met in any::<bool>(),
    ) {
        let mut criteria = criteria;
        let answer = if says_met { MET } else { FAILED };
        let at = at.index(criteria.len());
        criteria[at] = Found { plain: answer, negated: Some(answer) };
        let opinion = Opinion::of(&criteria, &canaries).unwrap();
        prop_assert_eq!((opinion.failed, opinion.reason), (0, Reason::Void));
        for (index, found) in criteria.iter().enumerate() {
            let met = opinion.met >> index & 1 == 1;
            prop_assert_eq!(met, found.plain == Finding::Unrevealed);
        }
    }

    #[test]
    fn only_a_finding_of_met_is_ever_met(
        criteria in prop::collection::vec(any_found(), 1..=16),
        canaries in any_canaries(),
    ) {
        let opinion = Opinion::of(&criteria, &canaries).unwrap();
        prop_assert_eq!(opinion.met & opinion.failed, 0);
        for (index, found) in criteria.iter().enumerate() {
            let met = opinion.met >> index & 1 == 1;
            prop_assert!(!met || found.plain.is_met());
        }
        prop_assert_eq!(opinion.met >> (criteria.len() - 1) >> 1, 0);
        prop_assert_eq!(opinion.failed >> (criteria.len() - 1) >> 1, 0);
    }
}
