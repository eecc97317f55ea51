//! What to pay for gas: pure functions of what recent blocks took and of our own caps.

use serde::Deserialize;

use crate::rpc::FeeHistory;

/// Limits on what a transaction may pay, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeeCaps {
    /// Never more than this in all. While blocks cost more, nothing is sent.
    pub max_fee_wei: u64,
    /// Never more than this on top of the base fee.
    pub max_priority_fee_wei: u64,
    /// Never less than this on top of the base fee.
    pub min_priority_fee_wei: u64,
}

impl Default for FeeCaps {
    fn default() -> Self {
        Self {
            max_fee_wei: 50_000_000_000,
            max_priority_fee_wei: 2_000_000_000,
            min_priority_fee_wei: 1_000_000,
        }
    }
}

/// EIP-1559 fees, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) max: u64,
    pub(super) priority: u64,
}

/// How many blocks [`quote`] looks back on, and which percentile of their priority fees it takes.
pub(super) const BLOCKS: u64 = 10;
pub(super) const PERCENTILE: f64 = 50.0;

/// Fees that survive several full blocks: twice the next base fee, plus the median of what was
/// paid on top. None when the node's answer is empty or the next base fee is above our cap.
pub(super) fn quote(history: &FeeHistory, caps: &FeeCaps) -> Option<Fees> {
    let base: u64 = history.base_fee_per_gas.last()?.try_into().ok()?;
    let mut rewards: Vec<u64> = history
        .reward
        .iter()
        .flatten()
        .filter_map(|block| block.first())
        .map(|r| r.try_into().unwrap_or(u64::MAX))
        .collect();
    rewards.sort_unstable();
    let median = rewards.get(rewards.len() / 2).copied().unwrap_or(0);
    let most = caps.max_priority_fee_wei.min(caps.max_fee_wei);
    let priority = median.max(caps.min_priority_fee_wei).min(most);
    if base.saturating_add(priority) > caps.max_fee_wei {
        return None;
    }
    let max = base.saturating_mul(2).saturating_add(priority).min(caps.max_fee_wei);
    Some(Fees { max, priority })
}

/// Fees with which every node takes the replacement of a transaction: at least an eighth more on
/// both, and not less than what blocks take now. None when a cap forbids that; the old one stays.
pub(super) fn replacement(old: Fees, now: Option<Fees>, caps: &FeeCaps) -> Option<Fees> {
    let more = |fee: u64| fee.saturating_add(fee.div_ceil(8)).saturating_add(1);
    let max = more(old.max).max(now.map_or(0, |f| f.max));
    let priority = more(old.priority).max(now.map_or(0, |f| f.priority));
    let most = max.min(caps.max_priority_fee_wei);
    (max <= caps.max_fee_wei && priority <= most).then_some(Fees { max, priority })
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U128;
    use proptest::prelude::*;

    use super::*;

    fn history(base: u64, rewards: &[u64]) -> FeeHistory {
        FeeHistory {
            base_fee_per_gas: vec![U128::from(1), U128::from(base)],
            reward: Some(rewards.iter().map(|r| vec![U128::from(*r)]).collect()),
        }
    }

    proptest! {
        #[test]
        fn a_quote_keeps_the_caps_and_can_pay_the_next_block(
            base in 0_u64..200_000_000_000, rewards in prop::collection::vec(any::<u64>(), 0..12),
        ) {
            let caps = FeeCaps::default();
            match quote(&history(base, &rewards), &caps) {
                Some(fees) => {
                    prop_assert!(fees.max <= caps.max_fee_wei);
                    prop_assert!(fees.priority <= caps.max_priority_fee_wei);
                    prop_assert!(fees.priority >= caps.min_priority_fee_wei);
                    prop_assert!(fees.max >= base + fees.priority);
                }
                None => prop_assert!(base + caps.min_priority_fee_wei.max(1) > 0),
            }
        }

        #[test]
        fn a_replacement_pays_an_eighth_more_on_both_and_keeps_the_cap(
            max in 0_u64..60_000_000_000, priority in 0_u64..60_000_000_000, now in any::<bool>(),
        ) {
            let caps = FeeCaps::default();
            let old = Fees { max: max.max(priority), priority };
            let now = now.then_some(Fees { max: 7_000_000_000, priority: 5 });
            if let Some(new) = replacement(old, now, &caps) {
                prop_assert!(u128::from(new.max) * 8 >= u128::from(old.max) * 9);
                prop_assert!(u128::from(new.priority) * 8 >= u128::from(old.priority) * 9);
                prop_assert!(new.max > old.max && new.max <= caps.max_fee_wei);
                prop_assert!(new.priority > old.priority && new.priority <= new.max);
                prop_assert!(new.priority <= caps.max_priority_fee_wei);
                prop_assert!(now.is_none_or(|n| new.max >= n.max));
            } else {
                let more = |fee: u64| fee + fee.div_ceil(8) + 1;
                let most = caps.max_priority_fee_wei;
                prop_assert!(more(old.max) > caps.max_fee_wei || more(old.priority) > most);
            }
        }
    }

    #[test]
    fn empty_and_absurd_histories_are_no_quote() {
        let caps = FeeCaps::default();
        let empty = FeeHistory { base_fee_per_gas: Vec::new(), reward: None };
        assert_eq!(quote(&empty, &caps), None);
        assert_eq!(quote(&history(u64::MAX, &[1]), &caps), None);
        let huge = FeeHistory { base_fee_per_gas: vec![U128::MAX], reward: Some(vec![Vec::new()]) };
        assert_eq!(quote(&huge, &caps), None);
        let normal = quote(&history(1_000_000_000, &[3_000_000, 1, 9_000_000]), &caps);
        assert_eq!(normal, Some(Fees { max: 2_003_000_000, priority: 3_000_000 }));
    }
}
