//! Formula v1 of the reputation, step for step what `FormulaLib.sol` computes.
//!
//! Unsigned fixed point with 16 fractional bits, everything rounded down. A test runs both over
//! random facts and compares to the unit; whoever recomputes a score from events uses this module.

use alloy::primitives::U256;

/// After this long a weight has halved.
pub const HALF_LIFE_SECS: u64 = 7_776_000;

/// The bucket of good weight holds 10 and refills by 4 a day: it is full after 2.5 days.
const BUCKET_SECS: u64 = 216_000;
const REFILL_PER_DAY: u64 = 4 << 16;
const DAY_SECS: u64 = 86_400;

/// `floor(2^(64 - 2^-i))` for i from 1 to 16.
const ROOTS: [u64; 16] = [
    0xb504_f333_f9de_6484,
    0xd744_fcca_d69d_6af4,
    0xeac0_c6e7_dd24_392e,
    0xf525_7d15_2486_cc2c,
    0xfa83_b2db_722a_033a,
    0xfd3e_0c0c_f486_c174,
    0xfe9e_115c_7b8f_884b,
    0xff4e_cb59_511e_c8a5,
    0xffa7_5652_1c8d_aed1,
    0xffd3_a751_c0f7_e10b,
    0xffe9_d2b2_f7db_2755,
    0xfff4_e91b_ff1b_8c3d,
    0xfffa_747e_a004_0664,
    0xfffd_3a3b_7814_eb53,
    0xfffe_9d1c_c60d_dab1,
    0xffff_4e8e_2587_9bfa,
];

/// What is kept of one wallet in one role: the registry's word, without its counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// S: good weight as of `last`.
    pub good: u32,
    /// F: bad weight as of `last`.
    pub bad: u32,
    /// Timestamp of the last fact.
    pub last: u32,
    /// The rate limit's clock.
    pub refilled_at: u32,
}

impl Weights {
    /// Both weights as they are at `now`.
    #[must_use]
    pub fn at(self, now: u64) -> Self {
        let decay = Decay::over(now.saturating_sub(u64::from(self.last)));
        Self { good: decay.fade(self.good), bad: decay.fade(self.bad), ..self }
    }

    /// After one good fact of `amount` base units at `now`: the rate limit lets in what it can.
    #[must_use]
    pub fn with_good(self, amount: u128, now: u64) -> Self {
        let faded = self.at(now);
        let (added, refilled_at) = admit(weight(amount), u64::from(self.refilled_at), now);
        Self {
            good: faded.good.saturating_add(added),
            refilled_at: clamp(refilled_at),
            last: clamp(now),
            ..faded
        }
    }

    /// After one bad fact of `amount` base units at `now`; bad facts are not limited.
    #[must_use]
    pub fn with_bad(self, amount: u128, now: u64) -> Self {
        let faded = self.at(now);
        Self { bad: faded.bad.saturating_add(weight(amount)), last: clamp(now), ..faded }
    }

    /// After one neutral fact at `now`: only time passes.
    #[must_use]
    pub fn with_neutral(self, now: u64) -> Self {
        Self { last: clamp(now), ..self.at(now) }
    }

    /// `1000 * S / (S + F + 2)` at `now`.
    #[must_use]
    pub fn score(self, now: u64) -> u32 {
        let faded = self.at(now);
        let good = u64::from(faded.good);
        clamp(1000 * good / (good + u64::from(faded.bad) + (2 << 16)))
    }
}

/// `log2(1 + amount / 10^6)`: what a milestone of `amount` base units weighs. `amount` is a uint96.
#[must_use]
pub fn weight(amount: u128) -> u32 {
    let million = U256::from(1_000_000u64);
    let y: U256 = ((U256::from(amount) + million) << 64) / million;
    let exponent = 255 - y.leading_zeros();
    let mut mantissa = if exponent < 127 { y << (127 - exponent) } else { y >> (exponent - 127) };
    let mut w = (exponent - 64) << 16;
    for bit in (0..16).rev() {
        mantissa = (mantissa * mantissa) >> 127;
        if mantissa >> 128 != U256::ZERO {
            mantissa >>= 1;
            w |= 1 << bit;
        }
    }
    u32::try_from(w).unwrap_or(u32::MAX)
}

/// `2^(-elapsed / half-life)`: a factor with 64 fractional bits and whole halvings.
#[derive(Clone, Copy, Debug)]
struct Decay {
    factor: u128,
    halvings: u64,
}

impl Decay {
    fn over(elapsed: u64) -> Self {
        let fraction = ((elapsed % HALF_LIFE_SECS) << 16) / HALF_LIFE_SECS;
        let mut factor = 1u128 << 64;
        for (i, root) in ROOTS.iter().enumerate() {
            if (fraction >> (15 - i)) & 1 != 0 {
                // Below 2^129 only while `factor` is exactly one, and then the product is the root.
                factor = if factor >> 64 != 0 {
                    u128::from(*root)
                } else {
                    (factor * u128::from(*root)) >> 64
                };
            }
        }
        Self { factor, halvings: elapsed / HALF_LIFE_SECS }
    }

    fn fade(self, value: u32) -> u32 {
        let faded = (u128::from(value) * self.factor) >> 64;
        let shift = u32::try_from(self.halvings).unwrap_or(u32::MAX);
        u32::try_from(faded.checked_shr(shift).unwrap_or(0)).unwrap_or(u32::MAX)
    }
}

/// How much of `w` the bucket lets in at `now`, and its clock after that.
fn admit(w: u32, refilled_at: u64, now: u64) -> (u32, u64) {
    let from = refilled_at.max(now.saturating_sub(BUCKET_SECS));
    let room = now.saturating_sub(from) * REFILL_PER_DAY / DAY_SECS;
    let added = w.min(clamp(room));
    (added, from + u64::from(added) * DAY_SECS / REFILL_PER_DAY)
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn a_dollar_weighs_one_and_nothing_weighs_nothing() {
        assert_eq!(weight(1_000_000), 1 << 16);
        assert_eq!(weight(0), 0);
        assert_eq!(weight(1_023_000_000), 10 << 16);
    }

    #[test]
    fn a_stranger_scores_zero() {
        assert_eq!(Weights::default().score(NOW), 0);
    }

    #[test]
    fn a_weight_halves_in_ninety_days() {
        let weights = Weights::default().with_bad(1_023_000_000, NOW);
        assert_eq!(weights.at(NOW + HALF_LIFE_SECS).bad, 5 << 16);
        assert_eq!(weights.at(NOW + 40 * HALF_LIFE_SECS).bad, 0);
    }

    #[test]
    fn a_hundred_deals_in_one_moment_count_as_one_full_bucket() {
        let mut weights = Weights::default();
        for _ in 0..100 {
            weights = weights.with_good(1_000_000, NOW);
        }
        assert!(weights.good <= 10 << 16, "{weights:?}");
        assert!(weights.good > 9 << 16, "{weights:?}");
    }
}
