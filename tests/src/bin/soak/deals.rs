//! The deals of the load: what is ordered, what is delivered, and how each milestone has to end.
//!
//! The orders and works are those of `surety demo`, whose tests say what the five rehearsed seats answer
//! to them.

use alloy::primitives::{Address, B256, keccak256};
use surety_terms::{Bps, Criterion, Kind, MilestoneSheet, TermSheet, Usdc, Version};
use surety_tests::{Contracts, actors};

/// The least that the contract asks between some deadlines.
const HOUR: u64 = 3_600;
/// How long a signed deal may wait for its opening.
const OPEN_WITHIN: u64 = 900;
/// After so many seconds time has ended whatever was open.
pub(super) const LIFE: u64 = OPEN_WITHIN + HOUR + 60 + HOUR + 60;
/// The whole weight of a milestone.
const WHOLE: u16 = 10_000;

const SURVEY: &str = include_str!("../../../../demo/works/bicycles.md");
const NOTES: &str = include_str!("../../../../demo/works/release.md");
const EXCUSE: &str = "Dear customer,\n\nthank you for your order. We have finished everything as \
                      discussed and are proud of the result. Please release the money.\n";

/// `Ending` of the contracts.
const ACCEPTED: u8 = 1;
const REJECTED: u8 = 2;
const RECLAIMED: u8 = 4;
const UNDETERMINED: u8 = 5;

/// What a seller does about a milestone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Work {
    /// Delivers a whole survey.
    Survey,
    /// Delivers whole release notes, about which two questions are asked.
    Notes,
    /// Delivers a survey without its last entry: three seats say yes, two say no.
    Nearly,
    /// Delivers a polite nothing.
    Excuse,
    /// Delivers nothing; the buyer has its money back when time is over.
    Nothing,
}

use Work::{Excuse, Nearly, Notes, Nothing, Survey};

/// A deal before it gets a number: its milestones, and whether verdicts may be appealed.
type Plan = (&'static [Work], bool);

/// All of them in turn. Nobody serves the appeal panel, so what may be appealed must be decided.
const PLANS: [Plan; 10] = [
    (&[Survey], false),
    (&[Notes, Survey, Notes], false),
    (&[Survey], true),
    (&[Nearly], false),
    (&[Notes], false),
    (&[Excuse], false),
    (&[Survey, Nearly], false),
    (&[Notes, Excuse], true),
    (&[Survey, Nothing], false),
    (&[Nothing], false),
];

/// Verdicts in a turn of the plans, and deals.
pub(super) const VERDICTS_IN_TURN: u32 = 13;
pub(super) const DEALS_IN_TURN: u32 = 10;

/// The juries of a run: one without and one with an appeal panel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Juries {
    pub(super) plain: B256,
    pub(super) appeal: B256,
}

/// A deal of the load.
#[derive(Clone, Debug)]
pub(super) struct Deal {
    pub(super) number: u64,
    pub(super) sheet: TermSheet,
    pub(super) works: &'static [Work],
}

impl Work {
    /// How the milestone has to end.
    pub(super) const fn ending(self) -> u8 {
        match self {
            Self::Survey | Self::Notes => ACCEPTED,
            Self::Nearly => UNDETERMINED,
            Self::Excuse => REJECTED,
            Self::Nothing => RECLAIMED,
        }
    }

    /// The deliverable, another one for each deal.
    pub(super) fn deliverable(self, number: u64) -> Option<String> {
        let text = match self {
            Self::Survey => SURVEY.to_owned(),
            Self::Nearly => nearly(SURVEY),
            Self::Notes => NOTES.to_owned(),
            Self::Excuse => EXCUSE.to_owned(),
            Self::Nothing => return None,
        };
        Some(format!("{text}\nThis is for order {number}.\n"))
    }

    fn milestone(self, deliver_by: u64) -> MilestoneSheet {
        let (title, criteria) = match self {
            Self::Notes => (
                "Release notes for version 2.4",
                vec![
                    asked(
                        "changes",
                        6_000,
                        "Describes what is new and what was fixed in version 2.4.",
                    ),
                    asked("upgrade", 4_000, "Says how to upgrade the server."),
                ],
            ),
            Self::Survey | Self::Nearly | Self::Excuse | Self::Nothing => {
                let text = "Compares at least five city bicycle schemes and what they cost.";
                ("Survey of city bicycle schemes", vec![asked("schemes", WHOLE, text)])
            }
        };
        MilestoneSheet {
            title: title.to_owned(),
            description: format!("Deliver: {title}."),
            amount: Usdc::from_whole(1),
            deliver_by,
            pass_bps: Bps::new(WHOLE),
            pro_rata: false,
            criteria,
        }
    }
}

impl Deal {
    /// The deal of this number, with the deadlines of chain time `now`.
    pub(super) fn new(number: u64, contracts: &Contracts, juries: Juries, now: u64) -> Self {
        let turn = usize::try_from(number % u64::from(DEALS_IN_TURN)).unwrap_or_default();
        let (works, may_appeal) = PLANS.get(turn).copied().unwrap_or((&[Survey], false));
        let open_by = now + OPEN_WITHIN;
        let deliver_by = open_by + HOUR + 60;
        let milestones: Vec<_> = works.iter().map(|work| work.milestone(deliver_by)).collect();
        let amounts = milestones.iter().map(|milestone| milestone.amount);
        let title = format!("Order {number}");
        let sheet = TermSheet {
            version: Version::V1,
            chain_id: contracts.chain_id,
            escrow: contracts.escrow,
            title,
            summary: String::new(),
            buyer: actors::buyer().address(),
            seller: actors::seller().address(),
            buyer_agent: None,
            seller_agent: None,
            seller_families: vec![],
            recipients: None,
            token: contracts.token,
            total: Usdc::checked_sum(amounts).unwrap_or(Usdc::MAX),
            // Without one the seller signs the deal's id instead of an authorization.
            bond: if number.is_multiple_of(2) { Usdc::ZERO } else { Usdc::from_whole(1) },
            jury: if may_appeal { juries.appeal } else { juries.plain },
            template: None,
            jury_fee: Usdc::ZERO,
            relay_fee: Usdc::ZERO,
            open_fee: Usdc::ZERO,
            fee_bps: Bps::ZERO,
            fee_receiver: Address::ZERO,
            pay_as_credit: false,
            open_by,
            judge_within: HOUR,
            appeal_within: if may_appeal { HOUR } else { 0 },
            appeal_bond: if may_appeal { Usdc::from_whole(1) } else { Usdc::ZERO },
            silent_seller_bps: Bps::ZERO,
            split_seller_bps: Bps::new(WHOLE / 2),
            sequential: false,
            salt: keccak256(number.to_be_bytes()),
            milestones,
        };
        Self { number, sheet, works }
    }
}

/// A criterion for the jury's models.
fn asked(id: &str, weight_bps: u16, text: &str) -> Criterion {
    Criterion {
        id: id.to_owned(),
        text: text.to_owned(),
        weight_bps: Bps::new(weight_bps),
        mandatory: true,
        evidence_required: true,
        kind: Kind::Llm,
    }
}

/// A survey without its last entry.
fn nearly(survey: &str) -> String {
    let lines: Vec<&str> = survey.lines().collect();
    let last = lines.iter().rposition(|line| line.starts_with("- "));
    let kept = lines.iter().enumerate().filter(|(at, _)| Some(*at) != last);
    let kept: Vec<&str> = kept.map(|(_, line)| *line).collect();
    kept.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use surety_tests::World;

    use super::*;

    #[test]
    fn a_turn_has_the_verdicts_that_the_rate_reckons_with() {
        let works = PLANS.iter().flat_map(|(works, _)| works.iter());
        let judged = works.filter(|work| work.deliverable(0).is_some()).count();
        assert_eq!(u32::try_from(judged), Ok(VERDICTS_IN_TURN));
        assert_eq!(u32::try_from(PLANS.len()), Ok(DEALS_IN_TURN));
    }

    #[test]
    fn nothing_that_may_be_appealed_needs_the_appeal_panel() {
        let appealed = PLANS.iter().filter(|(_, may_appeal)| *may_appeal);
        assert!(appealed.flat_map(|(works, _)| works.iter()).all(|work| *work != Nearly));
    }

    #[test]
    fn what_is_nearly_done_lacks_one_entry() {
        let entries = |text: &str| text.lines().filter(|line| line.starts_with("- ")).count();
        assert_eq!((entries(SURVEY), entries(&nearly(SURVEY))), (5, 4));
    }

    #[test]
    fn every_sheet_is_a_good_one() {
        let (contracts, jury) = (World::bare().contracts().clone(), keccak256("jury"));
        let juries = Juries { plain: jury, appeal: jury };
        for number in 0..u64::from(DEALS_IN_TURN) {
            let sheet = Deal::new(number, &contracts, juries, 1_800_000_000).sheet;
            assert_eq!(sheet.validate(), Ok(()), "{number}");
        }
    }
}
