//! Whether the rows and the chain say the same.

use std::collections::BTreeMap;

use alloy::primitives::{Address, B256, keccak256};
use alloy::sol_types::{SolEvent as _, SolValue as _};
use serde::Serialize;
use surety_bindings::escrow::DealEscrow::{
    self, DealOpened, DealRevoked, MilestoneDelivered, MilestoneEnded, MilestoneMoved,
};
use surety_chain::follow::FollowedLog;
use surety_chain::{ChainError, Header, Rpc};

use crate::deal_of;

/// What an audit found and repaired.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditReport {
    /// The last block that was compared.
    pub until: u64,
    /// How many blocks' logs were read again.
    pub blocks: u64,
    /// How many deals were compared with their words.
    pub deals: u64,
    /// Logs that the chain has and the store had not.
    pub missing: u64,
    /// Logs that the store had and the chain has not.
    pub extra: u64,
    /// Deals of which the tables said something else than their own rows.
    pub remade: u64,
    /// Deals whose word contradicts the store after the repair, and in what.
    pub contradictions: Vec<String>,
}

impl AuditReport {
    /// Whether the store and the chain said the same from the beginning.
    pub const fn is_clean(&self) -> bool {
        self.missing == 0 && self.extra == 0 && self.remade == 0 && self.contradictions.is_empty()
    }
}

/// How some blocks' rows differ from a second reading of their logs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference {
    /// Logs without a row that stands.
    pub missing: Vec<FollowedLog>,
    /// Rows that stand without a log.
    pub extra: Vec<FollowedLog>,
}

/// Compares rows with logs, both in the order of the chain.
pub fn compare(rows: Vec<FollowedLog>, logs: &[FollowedLog]) -> Difference {
    let mut left: BTreeMap<_, _> = rows.into_iter().map(|row| (place(&row), row)).collect();
    let mut missing = Vec::new();
    for log in logs.iter().filter(|log| deal_of(&log.log).is_some()) {
        match left.remove(&place(log)) {
            Some(row) if row.log == log.log => {}
            Some(row) => {
                left.insert(place(log), row);
                missing.push(log.clone());
            }
            None => missing.push(log.clone()),
        }
    }
    Difference { missing, extra: left.into_values().collect() }
}

const fn place(log: &FollowedLog) -> (u64, u64, B256) {
    (log.block, log.index, log.block_hash)
}

/// What a deal's rows amount to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Account {
    opened: bool,
    revoked: bool,
    /// How many milestones it has, once it is open.
    milestones: usize,
    ended: u16,
    /// The digests of the states on the slow path, by milestone.
    states: BTreeMap<u8, B256>,
}

impl Account {
    /// Whether the deal was opened.
    pub const fn is_open(&self) -> bool {
        self.opened
    }

    /// The milestones that have ended, bit by bit.
    pub const fn ended(&self) -> u16 {
        self.ended
    }

    /// Whether the escrow will say no more of the deal: all its milestones have ended, or it was
    /// revoked before it was opened.
    pub fn is_over(&self) -> bool {
        if self.opened {
            usize::try_from(self.ended.count_ones()) == Ok(self.milestones) && self.milestones > 0
        } else {
            self.revoked
        }
    }
}

/// Adds a deal's rows up to a block together. A row that does not decode is skipped here and found
/// by the comparison.
pub fn account(rows: &[FollowedLog], until: u64) -> Account {
    let mut account = Account::default();
    for row in rows.iter().filter(|row| row.block <= until) {
        let log = &row.log;
        let Some(topic) = log.data.topics().first().copied() else { continue };
        match topic {
            DealOpened::SIGNATURE_HASH => {
                account.opened = true;
                let event = DealOpened::decode_log(log);
                account.milestones = event.map_or(0, |event| event.terms.milestones.len());
            }
            DealRevoked::SIGNATURE_HASH => account.revoked = true,
            MilestoneEnded::SIGNATURE_HASH => {
                if let Ok(event) = MilestoneEnded::decode_log(log) {
                    account.ended |= 1_u16.checked_shl(event.milestone.into()).unwrap_or(0);
                }
            }
            MilestoneDelivered::SIGNATURE_HASH => {
                if let Ok(event) = MilestoneDelivered::decode_log(log) {
                    account.states.insert(event.milestone, keccak256(event.state.abi_encode()));
                }
            }
            MilestoneMoved::SIGNATURE_HASH => {
                if let Ok(event) = MilestoneMoved::decode_log(log) {
                    account.states.insert(event.milestone, keccak256(event.state.abi_encode()));
                }
            }
            _ => {}
        }
    }
    account
}

/// How the chain contradicts a deal's account at a block; empty when it does not.
pub async fn contradictions(
    rpc: &Rpc,
    escrow: Address,
    block: &Header,
    (deal, account): (B256, &Account),
) -> Result<Vec<&'static str>, ChainError> {
    let word = rpc.read_at(escrow, &DealEscrow::dealCall { dealId: deal }, block).await?;
    let mut found = Vec::new();
    let mut check = |holds: bool, what| {
        if !holds {
            found.push(what);
        }
    };
    check(word.opened == account.opened, "opened");
    check(word.revoked == account.revoked, "revoked");
    check(word.ended == account.ended, "ended milestones");
    for milestone in (0_u8..16).filter(|m| word.slow & !word.ended & (1 << m) != 0) {
        let call = DealEscrow::stateDigestCall { dealId: deal, milestone };
        let digest = rpc.read_at(escrow, &call, block).await?;
        check(account.states.get(&milestone) == Some(&digest), "a milestone's state");
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::Log;
    use surety_bindings::escrow::{Milestone, Terms};

    use super::*;

    fn ended(block: u64, milestone: u8) -> FollowedLog {
        let event = MilestoneEnded {
            dealId: B256::repeat_byte(1),
            milestone,
            ending: 1,
            toSeller: 1,
            toBuyer: 2,
        };
        FollowedLog {
            log: Log { address: Address::ZERO, data: event.encode_log_data() },
            block,
            block_hash: B256::ZERO,
            timestamp: 0,
            tx_hash: B256::ZERO,
            index: 0,
        }
    }

    #[test]
    fn what_is_missing_and_what_is_extra_is_found() {
        let (a, b, c) = (ended(1, 0), ended(2, 1), ended(3, 2));
        assert_eq!(compare(vec![a.clone()], std::slice::from_ref(&a)), Difference::default());
        let found = compare(vec![a.clone(), c.clone()], &[a.clone(), b.clone()]);
        assert_eq!(found, Difference { missing: vec![b], extra: vec![c] });
        let mut other = a.clone();
        other.log.data = ended(1, 5).log.data;
        let found = compare(vec![a.clone()], std::slice::from_ref(&other));
        assert_eq!(found, Difference { missing: vec![other], extra: vec![a] });
    }

    #[test]
    fn a_deal_is_over_when_all_has_ended_or_it_was_revoked() {
        let mut rows = vec![ended(1, 0)];
        let revoked = DealRevoked { dealId: B256::repeat_byte(1), party: Address::ZERO };
        rows[0].log.data = revoked.encode_log_data();
        assert!(account(&rows, 1).is_over() && !account(&rows, 0).is_over());
        let milestones = vec![Milestone::default(); 2];
        let opened = DealOpened {
            dealId: B256::repeat_byte(1),
            buyer: Address::ZERO,
            seller: Address::ZERO,
            terms: Terms { milestones, ..Terms::default() },
        };
        rows[0].log.data = opened.encode_log_data();
        rows.extend([ended(2, 0), ended(3, 1)]);
        let over = [1, 2, 3].map(|until| account(&rows, until).is_over());
        assert_eq!(over, [false, false, true]);
    }

    #[test]
    fn an_account_ends_at_its_block() {
        let rows = [ended(1, 0), ended(2, 3)];
        assert_eq!(account(&rows, 1).ended, 0b1);
        assert_eq!(account(&rows, 2).ended, 0b1001);
    }
}
