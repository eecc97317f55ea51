//! Whether a life went as it had to, counted from what stands on the chain.

use std::collections::BTreeMap;

use alloy::primitives::U256;

use super::chain::{Standing, standings};
use super::plan::Plan;
use super::{Life, parties, rival};

/// The contract's numbers for how a milestone ends.
pub(super) const ACCEPTED: u8 = 1;
pub(super) const REJECTED: u8 = 2;
pub(super) const RECLAIMED: u8 = 4;
pub(super) const UNDETERMINED: u8 = 5;
pub(super) const SILENT: u8 = 6;

/// What the seller gets of a milestone, in dollars: all of it with its part of the bond, half of it
/// with that, or that alone.
const STAKE: u32 = 55;
const SPLIT: u32 = 30;
const BOND: u32 = 5;
const DOLLAR: u128 = 1_000_000;
/// What an appeal costs whoever loses it.
const APPEAL: i64 = 10;

/// The contract's numbers of verdicts.
const IS_GOOD: u8 = 1;
const IS_BAD: u8 = 2;
const NO_QUORUM: u8 = 3;

/// What a life showed.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) endings: Vec<u8>,
    /// Milestones whose delivery was put on the chain.
    pub(super) pinned: usize,
    /// Verdicts of the appeal panel.
    pub(super) second: usize,
    /// Verdicts that were appealed.
    pub(super) appealed: usize,
    /// Transactions that settled more than one milestone.
    pub(super) together: usize,
    /// Verdicts that the second relayer brought.
    pub(super) raced: usize,
}

impl Life {
    /// Compares what happened with what had to, and the money with both.
    pub(super) async fn ends(mut self) -> Told {
        let standings = standings(&self.court).await;
        let terms = self.court.sheet.terms();
        let (mut seller_due, mut buyer_due) = (0, 0);
        for (milestone, standing) in standings.iter().enumerate() {
            verdicts_hold(&self.plan, (milestone, terms.milestones[milestone].rule), standing);
            let seller = end_holds(&self.plan, standing);
            let appeal = lost_appeal(standing);
            seller_due += i64::from(seller) + appeal;
            buyer_due += i64::from(STAKE - seller) - appeal;
        }
        let now = parties(&self.court).await;
        let owned = [(now.0, self.before.0, seller_due), (now.1, self.before.1, buyer_due)];
        for (now, before, due) in owned {
            assert_eq!(now.checked_signed_diff(before), Some(due), "{:?}", self.plan);
        }
        let left = self.court.dollars(self.court.contracts.escrow).await;
        assert_eq!(left, 0, "the escrow keeps nothing: {:?}", self.plan);
        self.crash_all().await;
        told(&standings)
    }
}

/// Each round has at most one verdict, which its ballots can give, and one where it owes it.
fn verdicts_hold(plan: &Plan, (milestone, rule): (usize, U256), standing: &Standing) {
    for round in [1, 2] {
        let about = || format!("milestone {milestone}, round {round}: {standing:?}: {plan:?}");
        let settled = standing.settled.iter().filter(|(event, _)| event.round == round);
        let said: Vec<u8> = settled.map(|(event, _)| event.outcome).collect();
        let possible = plan.verdicts(round, milestone, rule);
        let is_certain = possible.len() == 1 || !plan.is_honest(round);
        assert!(is_certain, "others outvote the honest: {possible:?}: {}", about());
        let is_possible = said.len() <= 1 && said.iter().all(|it| possible.contains(it));
        assert!(is_possible, "{said:?} of {possible:?}: {}", about());
        let is_owed = owes(plan, standing, round);
        assert!(!is_owed || said.len() == 1, "a verdict is owed: {}", about());
    }
}

/// It ended once, as the verdicts say or time alone. Returns what the seller got, in dollars.
fn end_holds(plan: &Plan, standing: &Standing) -> u32 {
    let (ending, seller) = due(plan, standing);
    let ends = standing.ends.iter().map(|end| (end.ending, end.toSeller, end.toBuyer));
    let ends: Vec<_> = ends.collect();
    let units = |dollars: u32| u128::from(dollars) * DOLLAR;
    assert_eq!(ends, [(ending, units(seller), units(STAKE - seller))], "{standing:?}: {plan:?}");
    seller
}

/// Whether there had to be a verdict. What the panel left undetermined at the last moment may find the
/// appeal panel's time jumped over.
fn owes(plan: &Plan, standing: &Standing, round: u8) -> bool {
    let is_asked = match (round, standing.verdict(1)) {
        (1, _) => true,
        (_, None) => standing.is_pinned && !plan.panels[1].is_empty(),
        (_, Some(_)) => standing.is_appealed,
    };
    is_asked && plan.decides(round)
}

/// How a milestone had to end after such verdicts, and what the seller had to get.
fn due(plan: &Plan, standing: &Standing) -> (u8, u32) {
    let by = |verdict: u8| match verdict {
        IS_GOOD => (ACCEPTED, STAKE),
        IS_BAD => (REJECTED, 0),
        _ => (UNDETERMINED, SPLIT),
    };
    let has_appeal_panel = !plan.panels[1].is_empty();
    match (standing.verdict(1), standing.verdict(2)) {
        // It falls only to the opposite one.
        (Some(first @ (IS_GOOD | IS_BAD)), None | Some(NO_QUORUM)) => by(first),
        (_, Some(second)) => by(second),
        (Some(NO_QUORUM), None) if has_appeal_panel => (SILENT, BOND),
        (Some(first), None) => by(first),
        (None, None) if standing.state.is_some() => (SILENT, BOND),
        (None, None) => (RECLAIMED, 0),
    }
}

/// What the seller gets by an appeal that upheld the verdict, in dollars: its own costs it that.
fn lost_appeal(standing: &Standing) -> i64 {
    match (standing.verdict(1), standing.verdict(2)) {
        (first, second) if !standing.is_appealed || first != second => 0,
        (Some(IS_GOOD), _) => APPEAL,
        _ => -APPEAL,
    }
}

fn told(standings: &[Standing]) -> Told {
    let settled = || standings.iter().flat_map(|standing| &standing.settled);
    let mut by_tx = BTreeMap::<_, usize>::new();
    for (_, tx) in settled() {
        *by_tx.entry(*tx).or_default() += 1;
    }
    let rival = rival().address();
    Told {
        endings: standings.iter().map(|standing| standing.ends[0].ending).collect(),
        pinned: standings.iter().filter(|standing| standing.is_pinned).count(),
        second: settled().filter(|(event, _)| event.round == 2).count(),
        appealed: standings.iter().filter(|standing| standing.is_appealed).count(),
        together: by_tx.values().filter(|count| **count > 1).count(),
        raced: settled().filter(|(event, _)| event.submitter == rival).count(),
    }
}
