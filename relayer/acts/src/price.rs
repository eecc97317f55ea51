//! What a relayer asks for an act that it owes nobody.

use alloy::primitives::U256;
use serde::Deserialize;
use surety_terms::Usdc;

/// Wei of one ether.
const ETHER: u64 = 1_000_000_000_000_000_000;

/// Whether and for what timed acts are performed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Whether the acts of deals that were opened or served here are performed by themselves.
    pub perform: bool,
    /// What one ether counts as, in whole USDC, where somebody asks for an act and pays for it. With
    /// 0 any fee will do.
    pub usdc_per_ether: u64,
    /// What is added to the estimated cost, in percent.
    pub margin_percent: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { perform: true, usdc_per_ether: 4_000, margin_percent: 25 }
    }
}

/// The least fee for an act that costs so much wei, rounded up.
pub fn least_fee(settings: &Settings, wei: u64) -> Usdc {
    let percent = U256::from(settings.margin_percent).saturating_add(U256::from(100));
    let units = U256::from(settings.usdc_per_ether).saturating_mul(U256::from(Usdc::UNIT));
    let cost = U256::from(wei).saturating_mul(units).saturating_mul(percent);
    let fee = cost.div_ceil(U256::from(ETHER).saturating_mul(U256::from(100)));
    Usdc::new(fee.saturating_to()).unwrap_or(Usdc::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fee_covers_the_cost_with_a_margin_and_is_rounded_up() {
        let settings = Settings { usdc_per_ether: 4_000, margin_percent: 25, perform: true };
        // A thousandth of an ether is four dollars; a quarter more is five.
        assert_eq!(least_fee(&settings, ETHER / 1_000), Usdc::from_whole(5));
        assert_eq!(least_fee(&settings, 1).base_units(), 1);
        assert_eq!(least_fee(&settings, 0), Usdc::ZERO);
        let dearest = Settings { usdc_per_ether: u64::MAX, margin_percent: u64::MAX, ..settings };
        assert!(least_fee(&dearest, u64::MAX) > Usdc::ZERO);
        assert_eq!(least_fee(&Settings { usdc_per_ether: 0, ..settings }, ETHER), Usdc::ZERO);
    }
}
