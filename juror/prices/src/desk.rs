//! The price list of a running juror, signed anew before the last one ends.

use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use surety_keys::{Key, KeyError};
use surety_terms::{MilestoneSheet, Problem, Recipient, Usdc};
use tokio::sync::Mutex;

use crate::{PriceList, SignedPrices, pays};

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PricesConfig {
    /// For a case.
    pub per_case: Usdc,
    /// More for each criterion that the provider answers.
    pub per_criterion: Usdc,
    /// How long a signed price list holds.
    pub valid_secs: u64,
}

impl Default for PricesConfig {
    fn default() -> Self {
        Self { per_case: Usdc::ZERO, per_criterion: Usdc::ZERO, valid_secs: 86_400 }
    }
}

/// What one juror asks, and its last signed list.
#[derive(Debug)]
pub struct Prices {
    /// Its list, but for the times.
    list: PriceList,
    valid_secs: u64,
    signed: Mutex<Option<SignedPrices>>,
}

impl Prices {
    /// The prices of one juror in one `Jury` on one chain, and its recipient.
    pub fn new(
        (chain_id, jury, juror): (u64, Address, Address),
        config: &PricesConfig,
        recipient: Option<Recipient>,
    ) -> Self {
        let PricesConfig { per_case, per_criterion, valid_secs } = *config;
        let (valid_from, valid_until) = (0, 0);
        let list = PriceList {
            chain_id,
            jury,
            juror,
            per_case,
            per_criterion,
            recipient,
            valid_from,
            valid_until,
        };
        Self { list, valid_secs, signed: Mutex::default() }
    }

    /// The signed list. It holds for half its time still.
    pub async fn signed(&self, key: &Key, now: u64) -> Result<SignedPrices, KeyError> {
        let mut last = self.signed.lock().await;
        let half = now.saturating_add(self.valid_secs / 2);
        let good = |it: &SignedPrices| it.prices.holds_at(now) && it.prices.holds_at(half);
        if let Some(good) = last.as_ref().filter(|last| good(last)) {
            return Ok(good.clone());
        }
        let valid_until = now.saturating_add(self.valid_secs);
        let prices = PriceList { valid_from: now, valid_until, ..self.list };
        let signature = key.sign(&prices.digest()).await?.as_bytes().into();
        let fresh = SignedPrices { prices, signature };
        *last = Some(fresh.clone());
        Ok(fresh)
    }

    /// Why a case that pays a seat less than it costs is refused.
    pub fn refusal(
        &self,
        milestone: &MilestoneSheet,
        jury_fee: Usdc,
        seats: usize,
    ) -> Option<Problem> {
        let (pays, price) = (pays(jury_fee, seats), self.list.price(milestone));
        if pays >= price {
            return None;
        }
        let detail = format!("a seat is paid {pays}, this juror asks {price}");
        let rule = "must pay each seat its price, see /v1/prices";
        let problem = Problem::new("fee-below-price", 422, "The case is refused", detail);
        Some(problem.with_field("termSheet.juryFee", rule))
    }
}
