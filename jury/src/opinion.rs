//! From what a juror found, criterion by criterion, to the masks and the reason of its ballot.
//!
//! Nothing here can turn a failure of the juror, of its provider or of the network into "met":
//! only a check that passed, a verified vote, or a buyer that does not reveal what it hid sets a bit
//! in `met`.

use std::collections::HashMap;

use alloy::primitives::B256;
use surety_bindings::jury::Ballot;
use surety_criteria::CheckResult;
use surety_terms::rule::MAX_CRITERIA;
use surety_terms::{Kind, MilestoneSheet};

use crate::ballot::Reason;
use crate::error::JuryError;
use crate::vote::{Answer, Vote, VoteFault};

/// What a juror found out about one criterion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Finding {
    /// A deterministic check: passed, failed, or `None` when it cannot run at all.
    Checked(Option<bool>),
    /// A hidden criterion that the buyer did not reveal, or not as it was committed to: met.
    Unrevealed,
    /// A mandatory check failed, so that the milestone is lost whatever a model would say: no model
    /// is asked, an abstention.
    Moot,
    /// The model's vote, after all its checks.
    Voted(Answer),
    /// The deliverable holds nothing to judge ([`View::is_blank`](crate::View::is_blank)), so no
    /// model was asked: failed.
    Blank,
    /// The model was asked and gave no valid vote: it declined, was filtered or cut off, or
    /// answered something else. What a deliverable says can bring that about, so it costs this
    /// criterion an abstention and no more: nobody silences a failed check with it.
    Refused,
    /// The provider could not be asked, retries included: an abstention, and the whole seat is void
    /// when no other question was answered either.
    Unanswered,
    /// The vote points at an instruction to the jurors, and the quote is in the deliverable.
    Injection,
}

impl Finding {
    const fn is_met(self) -> bool {
        matches!(self, Self::Checked(Some(true)) | Self::Voted(Answer::Met) | Self::Unrevealed)
    }

    const fn is_failed(self) -> bool {
        matches!(self, Self::Checked(Some(false)) | Self::Voted(Answer::NotMet) | Self::Blank)
    }

    /// The finding that a [`Call`](crate::transcript::Call)'s outcome settles; none for a fault
    /// after which the question may be asked again, and for a word that no call has.
    pub fn from_outcome(outcome: &str) -> Option<Self> {
        match outcome {
            "MET" => Some(Self::Voted(Answer::Met)),
            "NOT_MET" => Some(Self::Voted(Answer::NotMet)),
            "CANNOT_VERIFY" => Some(Self::Voted(Answer::CannotVerify)),
            "INJECTION" => Some(Self::Injection),
            "REFUSAL"
            | "ERR(filtered)"
            | "ERR(truncated)"
            | "ERR(unexpected-stop)"
            | "ERR(ambiguous)"
            | "ERR(bad-request)"
            | "ERR(nonce-mismatch)"
            | "ERR(criterion-mismatch)"
            | "ERR(reasoning-too-long)"
            | "ERR(evidence-too-long)" => Some(Self::Refused),
            _ => None,
        }
    }

    /// What stands for every question to a model that need not be asked: the deliverable is blank, or
    /// a mandatory check failed that needs the deliverable only, so that every juror knows it.
    pub fn sparing_models(
        milestone: &MilestoneSheet,
        blank: bool,
        findings: &HashMap<String, Self>,
    ) -> Option<Self> {
        let lost = milestone.criteria.iter().any(|criterion| {
            let program = matches!(&criterion.kind, Kind::Check(check) if check.is_offline());
            let finding = findings.get(&criterion.id);
            criterion.mandatory && program && finding == Some(&Self::Checked(Some(false)))
        });
        if blank { Some(Self::Blank) } else { lost.then_some(Self::Moot) }
    }

    /// Whether the provider gave an answer, be it a refusal.
    const fn is_heard(self) -> bool {
        matches!(self, Self::Voted(_) | Self::Refused | Self::Injection)
    }
}

impl From<&CheckResult> for Finding {
    fn from(result: &CheckResult) -> Self {
        match result {
            CheckResult::Met { .. } => Self::Checked(Some(true)),
            CheckResult::Failed { .. } => Self::Checked(Some(false)),
            CheckResult::Unusable { .. } => Self::Checked(None),
        }
    }
}

impl From<&Vote> for Finding {
    fn from(vote: &Vote) -> Self {
        if vote.injection.is_some() { Self::Injection } else { Self::Voted(vote.answer) }
    }
}

impl From<&VoteFault> for Finding {
    fn from(_: &VoteFault) -> Self {
        Self::Refused
    }
}

/// What was found about one criterion or canary, in plain words and, where it was asked so, in denied
/// ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Found {
    /// The answer to the plain question, or what a program says.
    pub plain: Finding,
    /// The answer to the denied question, where there is one.
    pub negated: Option<Finding>,
}

/// What was answered about a canary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CanaryFound {
    /// Whether its statement is true.
    pub is_met: bool,
    /// The answers.
    pub found: Found,
}

impl From<Finding> for Found {
    fn from(plain: Finding) -> Self {
        Self { plain, negated: None }
    }
}

impl Found {
    fn all(self) -> impl Iterator<Item = Finding> {
        [Some(self.plain), self.negated].into_iter().flatten()
    }

    /// Whether both questions were answered and the answers exclude each other: whoever says so reads
    /// nothing, or answers to somebody else.
    pub(crate) const fn is_contradictory(self) -> bool {
        use Answer::{Met, NotMet};
        matches!(
            (self.plain, self.negated),
            (Finding::Voted(Met), Some(Finding::Voted(Met)))
                | (Finding::Voted(NotMet), Some(Finding::Voted(NotMet)))
        )
    }

    /// Met needs both answers. Failed needs only that the other one does not contradict it: what a
    /// deliverable can provoke on one question must not silence what was found on the other.
    fn settled(self) -> Finding {
        let denied = Some(Finding::Voted(Answer::NotMet));
        let is_half = self.negated.is_some() && self.negated != denied;
        if self.plain == Finding::Voted(Answer::Met) && is_half {
            Finding::Voted(Answer::CannotVerify)
        } else {
            self.plain
        }
    }
}

impl CanaryFound {
    /// Every answer with the one that is true.
    fn answers(self) -> impl Iterator<Item = (Finding, Answer)> {
        let truth = |is_met| if is_met { Answer::Met } else { Answer::NotMet };
        let negated = self.found.negated.map(|finding| (finding, truth(!self.is_met)));
        [Some((self.found.plain, truth(self.is_met))), negated].into_iter().flatten()
    }
}

/// The content of a ballot: two disjoint masks and the reason for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Opinion {
    /// Bit i: criterion i is met.
    pub met: u16,
    /// Bit i: criterion i is failed.
    pub failed: u16,
    /// Why.
    pub reason: Reason,
}

impl Opinion {
    /// Combines what was found about each criterion, in the milestone's order, and about the
    /// canaries, of which there are some wherever a model was asked.
    ///
    /// - One canary that was answered wrongly voids the seat, and so does one pair whose answers
    ///   contradict each other: it abstains on everything, since whoever answers in its place answers
    ///   not for the deliverable.
    /// - One injection fails every criterion, those that a check passed included.
    /// - If the provider answered none of the questions and could not be asked one, it is down and
    ///   the seat is void: it abstains on everything, so that a dead provider never decides by its
    ///   checks alone.
    /// - What the buyer hid and did not reveal is met on a void seat's ballot too: no model is asked,
    ///   and every juror says the same.
    /// - Otherwise each criterion stands for itself. A question without an answer costs its own bit
    ///   and no other: a deliverable can be made to time out on one criterion, and must not silence
    ///   what the others found.
    /// - A model's "met" counts only if every canary was answered, and rightly. Its "not met" counts
    ///   beside a canary without an answer: whoever provokes a refusal silences nothing by it.
    ///
    /// This is the only place that decides so; a juror waits as long as it may and then asks here.
    pub fn of(criteria: &[Found], canaries: &[CanaryFound]) -> Result<Self, JuryError> {
        let needed = criteria.len().clamp(1, MAX_CRITERIA);
        if criteria.len() != needed {
            return Err(JuryError::FindingCount { got: criteria.len(), needed });
        }
        let told: Vec<(Finding, Answer)> =
            canaries.iter().flat_map(|canary| canary.answers()).collect();
        let is_wrong = |(finding, truth): &(Finding, Answer)| matches!(finding, Finding::Voted(answer) if answer.contradicts(*truth));
        let is_contradictory = criteria.iter().any(|found| found.is_contradictory());
        if is_contradictory || told.iter().any(is_wrong) {
            return Ok(Self::voided(criteria));
        }
        let all = || {
            let criteria = criteria.iter().flat_map(|found| found.all());
            criteria.chain(told.iter().map(|(finding, _)| *finding))
        };
        if all().any(|finding| finding == Finding::Injection) {
            return Self::fail_all(criteria.len(), Reason::Injection);
        }
        if all().any(|finding| finding == Finding::Unanswered) && !all().any(Finding::is_heard) {
            return Ok(Self::voided(criteria));
        }
        let is_proven = !told.is_empty()
            && told.iter().all(|(finding, truth)| *finding == Finding::Voted(*truth));
        let settled: Vec<Finding> = criteria.iter().map(|found| found.settled()).collect();
        let counts = |finding: Finding| is_proven || finding != Finding::Voted(Answer::Met);
        Ok(Self {
            met: mask(&settled, |finding| finding.is_met() && counts(finding)),
            failed: mask(&settled, Finding::is_failed),
            reason: Reason::Judged,
        })
    }

    /// The bytes could not be had: what the seller withholds is failed.
    pub fn missing(criteria: usize) -> Result<Self, JuryError> {
        Self::fail_all(criteria, Reason::Missing)
    }

    /// The bytes match the digest and cannot be read.
    pub fn unreadable(criteria: usize) -> Result<Self, JuryError> {
        Self::fail_all(criteria, Reason::Unreadable)
    }

    /// The seat failed (a wrong canary, a contradiction, no provider): an abstention on everything,
    /// where nothing is hidden.
    pub const fn void() -> Self {
        Self { met: 0, failed: 0, reason: Reason::Void }
    }

    /// A void seat, which still says of what was not revealed what every juror says.
    fn voided(criteria: &[Found]) -> Self {
        let plain: Vec<Finding> = criteria.iter().map(|found| found.plain).collect();
        Self { met: mask(&plain, |finding| finding == Finding::Unrevealed), ..Self::void() }
    }

    /// The ballot to sign for `case_id`, over the root of the stored transcript.
    pub fn ballot(&self, case_id: B256, transcript: B256) -> Ballot {
        Ballot {
            caseId: case_id,
            met: self.met,
            failed: self.failed,
            reason: self.reason.byte(),
            transcript,
        }
    }

    fn fail_all(criteria: usize, reason: Reason) -> Result<Self, JuryError> {
        let needed = criteria.clamp(1, MAX_CRITERIA);
        if criteria != needed {
            return Err(JuryError::FindingCount { got: criteria, needed });
        }
        let spare = u32::try_from(MAX_CRITERIA.saturating_sub(criteria)).unwrap_or(0);
        Ok(Self { met: 0, failed: u16::MAX.checked_shr(spare).unwrap_or(0), reason })
    }
}

fn mask(findings: &[Finding], wanted: impl Fn(Finding) -> bool) -> u16 {
    findings.iter().zip(0_u32..).fold(0, |mask, (finding, bit)| {
        mask | u16::from(wanted(*finding)).checked_shl(bit).unwrap_or(0)
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MET: Finding = Finding::Voted(Answer::Met);
    const FAILED: Finding = Finding::Voted(Answer::NotMet);
    const UNSURE: Finding = Finding::Voted(Answer::CannotVerify);
    const DOWN: Finding = Finding::Unanswered;

    const ALL: [Finding; 12] = [
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
        let wanted =
            Opinion { met: 0b000_0010_0101, failed: 0b001_0100_1000, reason: Reason::Judged };
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
}
