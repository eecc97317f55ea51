//! One deal as its parties know it: the sheet, and what follows from it.

use alloy::primitives::{Address, B256};
use surety_bindings::escrow::Terms;
use surety_terms::TermSheet;

/// A term sheet with its terms and its id, computed once.
#[derive(Clone, Debug)]
pub struct Deal {
    /// The sheet, prose included.
    pub sheet: TermSheet,
    /// What the chain enforces.
    pub terms: Terms,
    /// The deal's id.
    pub id: B256,
    /// A block before the deal's first event; 0 is always right, a later one reads faster.
    pub from_block: u64,
}

/// A side of a deal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// Funds the deal.
    Buyer,
    /// Delivers and is paid.
    Seller,
}

impl Deal {
    /// A deal of a valid sheet, whose events are searched from `from_block` on.
    pub fn new(sheet: TermSheet, from_block: u64) -> Self {
        let (terms, id) = (sheet.terms(), sheet.deal_id());
        Self { sheet, terms, id, from_block }
    }

    /// Which side a wallet is on.
    pub fn role(&self, wallet: Address) -> Option<Role> {
        match wallet {
            _ if wallet == self.terms.buyer => Some(Role::Buyer),
            _ if wallet == self.terms.seller => Some(Role::Seller),
            _ => None,
        }
    }

    /// How many milestones it has.
    pub fn milestones(&self) -> u8 {
        u8::try_from(self.terms.milestones.len()).unwrap_or(u8::MAX)
    }

    /// When deliveries of a milestone stop to count.
    pub fn deliver_by(&self, milestone: u8) -> u64 {
        self.terms.milestones.get(usize::from(milestone)).map_or(0, |m| m.deliverBy.to())
    }

    /// When a milestone that nobody delivered on the chain may be reclaimed.
    pub fn reclaimable_at(&self, milestone: u8) -> u64 {
        self.deliver_by(milestone).saturating_add(self.terms.judgeWithin.to())
    }
}
