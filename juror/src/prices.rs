//! What this juror asks, signed anew before the last list ends.

use alloy::primitives::Address;
use surety_prices::{PriceList, SignedPrices};
use surety_terms::{MilestoneSheet, Problem, Usdc};
use tokio::sync::Mutex;

use crate::{JurorError, config::PricesConfig, sign::BallotSigner, verify::Fault};

/// The price list in force.
#[derive(Debug)]
pub(crate) struct Prices {
    config: PricesConfig,
    chain_id: u64,
    jury: Address,
    juror: Address,
    signed: Mutex<Option<SignedPrices>>,
}

impl Prices {
    pub(crate) fn new(
        config: PricesConfig,
        (chain_id, jury): (u64, Address),
        juror: Address,
    ) -> Self {
        Self { config, chain_id, jury, juror, signed: Mutex::default() }
    }

    /// The signed list, which holds for half its time still.
    pub(crate) async fn signed(
        &self,
        signer: &BallotSigner,
        now: u64,
    ) -> Result<SignedPrices, JurorError> {
        let mut last = self.signed.lock().await;
        let half = now.saturating_add(self.config.valid_secs / 2);
        let good = |it: &SignedPrices| it.prices.holds_at(now) && it.prices.holds_at(half);
        if let Some(good) = last.as_ref().filter(|last| good(last)) {
            return Ok(good.clone());
        }
        let prices = self.list(now);
        let signature = signer.sign_prices(&prices).await?;
        let fresh = SignedPrices { prices, signature };
        *last = Some(fresh.clone());
        Ok(fresh)
    }

    /// Refuses a case that pays a seat less than it costs.
    pub(crate) fn expect_paid(
        &self,
        milestone: &MilestoneSheet,
        jury_fee: Usdc,
        seats: usize,
    ) -> Result<(), Fault> {
        let (pays, price) = (surety_prices::pays(jury_fee, seats), self.list(0).price(milestone));
        if pays >= price {
            return Ok(());
        }
        let detail = format!("a seat is paid {pays}, this juror asks {price}");
        let rule = "must pay each seat its price, see /v1/prices";
        Err(Problem::new("fee-below-price", 422, "The case is refused", detail)
            .with_field("termSheet.juryFee", rule)
            .into())
    }

    fn list(&self, now: u64) -> PriceList {
        PriceList {
            chain_id: self.chain_id,
            jury: self.jury,
            juror: self.juror,
            per_case: self.config.per_case,
            per_criterion: self.config.per_criterion,
            valid_from: now,
            valid_until: now.saturating_add(self.config.valid_secs),
        }
    }
}
