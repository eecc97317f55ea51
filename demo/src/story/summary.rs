//! The books: what `summary.json` says, computed from the chain's events and balances.

use std::collections::BTreeMap;

use alloy::primitives::{Address, U256};
use serde::Serialize;
use surety_jury::Source;

use super::ledger::{ENDINGS, Ledger};
use crate::error::DemoError;

/// What a run came to. Amounts are base units of the token, as strings.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Who judged: `live`, `rehearsal` or `replay`; the least real of the panel's seats.
    pub source: Source,
    /// Deals opened.
    pub deals: usize,
    /// Their milestones.
    pub milestones: usize,
    /// Milestones that the jury or the buyer accepted.
    pub accepted: usize,
    /// Milestones that the jury rejected.
    pub rejected: usize,
    /// Milestones on which the jury did not agree.
    pub undetermined: usize,
    /// Delivered milestones that the jury did not judge.
    pub silent: usize,
    /// Milestones that were never delivered and judged.
    pub reclaimed: usize,
    /// Milestones that ended in any other way.
    pub other: usize,
    /// What the token moved into the escrow.
    pub usdc_in: String,
    /// What it moved out of it.
    pub usdc_out: String,
    /// What the escrow still holds.
    pub usdc_left_in_escrow: String,
    /// ETH of all agents together, in wei.
    pub agents_eth_total: String,
    /// Ballots that the contract counted.
    pub ballots: u32,
    /// From the verdict to the payment, as the relayer measured it.
    pub verdict_to_paid_ms: Percentiles,
    /// How often a service ended by itself and was started again.
    pub restarts: u32,
    /// How long the run took.
    pub elapsed_ms: u64,
    /// Verdicts against human labels, when the cases had labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confusion: Option<Confusion>,
}

/// Two points of a distribution; absent when nothing was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Percentiles {
    /// Half are not above.
    pub p50: Option<u64>,
    /// Nineteen in twenty are not above.
    pub p95: Option<u64>,
}

/// How verdicts compare with the labels.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Confusion {
    /// Work that humans called good.
    pub label_good: Row,
    /// Work that humans called bad.
    pub label_bad: Row,
}

/// The verdicts on work of one label.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Accepted by the jury.
    pub accepted: usize,
    /// Rejected by it.
    pub rejected: usize,
    /// Neither.
    pub undetermined: usize,
    /// Ended in another way.
    pub other: usize,
}

impl Row {
    /// Counts an ending by its name.
    pub(super) fn count(&mut self, ending: &str) {
        let cell = match ending {
            "accepted" => &mut self.accepted,
            "rejected" => &mut self.rejected,
            "undetermined" => &mut self.undetermined,
            _ => &mut self.other,
        };
        *cell = cell.saturating_add(1);
    }
}

impl Percentiles {
    /// Of these measurements, by nearest rank.
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let rank = |percent: usize| {
            let rank = values.len().saturating_mul(percent).div_ceil(100);
            values.get(rank.saturating_sub(1)).copied()
        };
        Self { p50: rank(50), p95: rank(95) }
    }
}

/// What the books are made of besides the ledger.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) source: Source,
    pub(super) left: U256,
    pub(super) agents_eth: U256,
    pub(super) verdict_to_paid_ms: Vec<u64>,
    pub(super) restarts: u32,
}

impl Summary {
    /// Adds everything up but the time that it took.
    pub(super) fn of(ledger: &Ledger, facts: Facts) -> Self {
        let mut endings: BTreeMap<&str, usize> = BTreeMap::new();
        for ended in ledger.deals.values().flat_map(|deal| deal.ended.values()) {
            let count = endings.entry(ending_name(ended.ending)).or_default();
            *count = count.saturating_add(1);
        }
        let count = |name: &str| endings.get(name).copied().unwrap_or_default();
        let named = ["accepted", "rejected", "undetermined", "silent", "reclaimed"];
        let others = endings.iter().filter(|(name, _)| !named.contains(name));
        let settled = ledger.deals.values().flat_map(|deal| deal.settled.values());
        Self {
            source: facts.source,
            deals: ledger.deals.len(),
            milestones: ledger.deals.values().map(|deal| deal.terms.milestones.len()).sum(),
            accepted: count("accepted"),
            rejected: count("rejected"),
            undetermined: count("undetermined"),
            silent: count("silent"),
            reclaimed: count("reclaimed"),
            other: others.map(|(_, count)| *count).sum(),
            usdc_in: ledger.money_in.to_string(),
            usdc_out: ledger.money_out.to_string(),
            usdc_left_in_escrow: facts.left.to_string(),
            agents_eth_total: facts.agents_eth.to_string(),
            ballots: settled.map(|settled| settled.seats.count_ones()).sum(),
            verdict_to_paid_ms: Percentiles::of(facts.verdict_to_paid_ms),
            restarts: facts.restarts,
            elapsed_ms: 0,
            confusion: None,
        }
    }
}

/// Money in is money out plus money left, or the run has failed.
pub(super) fn balance(ledger: &Ledger, left: U256) -> Result<(), DemoError> {
    if ledger.money_out.checked_add(left) == Some(ledger.money_in) {
        return Ok(());
    }
    Err(DemoError::Unbalanced {
        money_in: ledger.money_in.to_string(),
        money_out: ledger.money_out.to_string(),
        left: left.to_string(),
    })
}

/// The name of an ending.
pub(super) fn ending_name(ending: u8) -> &'static str {
    ENDINGS.get(usize::from(ending)).copied().unwrap_or("unknown")
}

/// What `owner` is still owed.
pub(super) fn credit(ledger: &Ledger, owner: Address) -> U256 {
    let sum = |sums: &BTreeMap<Address, U256>| sums.get(&owner).copied().unwrap_or_default();
    sum(&ledger.credited).saturating_sub(sum(&ledger.withdrawn))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let few = Percentiles::of(vec![30, 10, 20]);
        assert_eq!((few.p50, few.p95), (Some(20), Some(30)));
        let many = Percentiles::of((1..=100).collect());
        assert_eq!((many.p50, many.p95), (Some(50), Some(95)));
        assert_eq!(Percentiles::of(Vec::new()), Percentiles::default());
    }

    #[test]
    fn a_unit_that_is_nowhere_is_an_error() {
        let ledger =
            Ledger { money_in: U256::from(10), money_out: U256::from(7), ..Ledger::default() };
        assert!(balance(&ledger, U256::from(3)).is_ok());
        let error = balance(&ledger, U256::from(2)).unwrap_err();
        assert_eq!(error.to_string(), "money in 10 is not money out 7 plus money left 2");
    }
}
