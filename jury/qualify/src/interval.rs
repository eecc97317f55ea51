//! How far a share that was counted may be from the true one.

use serde::{Deserialize, Serialize};

/// z² of 95 %: 1.96² = 3.8416, in ten thousandths.
const Z2: u128 = 38_416;
const TEN_THOUSAND: u128 = 10_000;

/// A share and its 95 % interval, in basis points. The bounds are rounded outwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Interval {
    /// The share that was counted, rounded down.
    pub share: u16,
    /// The true share is hardly below this.
    pub low: u16,
    /// Nor above this.
    pub high: u16,
}

/// Wilson's score interval of `hits` of `of` at 95 %, with integers only: the same on every machine.
/// Of nothing, everything is possible.
pub fn wilson(hits: u32, of: u32) -> Interval {
    let (k, n) = (u128::from(hits.min(of)), u128::from(of));
    if n == 0 {
        return Interval { share: 0, low: 0, high: 10_000 };
    }
    // (k + z²/2 ± z·√(k(n-k)/n + z²/4)) / (n + z²), everything times 2·10⁴; below the root, 10⁸.
    let middle = k.saturating_mul(2 * TEN_THOUSAND).saturating_add(Z2);
    let whole = n.saturating_mul(TEN_THOUSAND).saturating_add(Z2).saturating_mul(2);
    let product = k.saturating_mul(n.saturating_sub(k)).saturating_mul(4 * TEN_THOUSAND);
    let spread = up(product, n).saturating_add(Z2).saturating_mul(Z2);
    let root = spread.isqrt();
    let is_square = root.saturating_mul(root) == spread;
    let root = if is_square { root } else { root.saturating_add(1) };
    let bps = |sum: u128| sum.saturating_mul(TEN_THOUSAND);
    let low = bps(middle.saturating_sub(root)).checked_div(whole).unwrap_or_default();
    let high = up(bps(middle.saturating_add(root)), whole).min(TEN_THOUSAND);
    let share = bps(k).checked_div(n).unwrap_or_default();
    // None is above ten thousand.
    let narrow = |value: u128| u16::try_from(value).unwrap_or(10_000);
    Interval { share: narrow(share), low: narrow(low), high: narrow(high) }
}

/// The quotient, rounded up.
fn up(number: u128, by: u128) -> u128 {
    number.saturating_add(by.saturating_sub(1)).checked_div(by).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn wilsons_own_figures() {
        // By the formula in floating point: 0.0546..0.1744; 0.9630..1; 0..0.0370.
        assert_eq!(wilson(10, 100), Interval { share: 1_000, low: 552, high: 1_744 });
        assert_eq!(wilson(100, 100), Interval { share: 10_000, low: 9_630, high: 10_000 });
        assert_eq!(wilson(0, 100), Interval { share: 0, low: 0, high: 370 });
        assert_eq!(wilson(0, 0), Interval { share: 0, low: 0, high: 10_000 });
    }

    proptest! {
        #[test]
        fn an_interval_holds_its_share_and_mirrors(of in 1_u32.., part in any::<u32>()) {
            let hits = part % of;
            let Interval { share, low, high } = wilson(hits, of);
            prop_assert!(low <= share && share <= high && high <= 10_000);
            let other = wilson(of - hits, of);
            prop_assert!(other.low.abs_diff(10_000 - high) <= 1);
        }

        #[test]
        fn it_is_wilsons_formula(of in 1_u32..5_000_000, part in any::<u32>()) {
            let hits = part % of;
            let (k, n, z) = (f64::from(hits), f64::from(of), 1.96_f64);
            let root = z * (k * (n - k) / n + z * z / 4.0).sqrt();
            let bound = |root: f64| 10_000.0 * (k + z * z / 2.0 + root) / (n + z * z);
            let Interval { low, high, .. } = wilson(hits, of);
            prop_assert!((f64::from(low) - bound(-root)).abs() < 1.01);
            prop_assert!((f64::from(high) - bound(root)).abs() < 1.01);
        }
    }
}
