//! Formula v1 of the reputation, step for step what `FormulaLib.sol` computes.
//!
//! Unsigned fixed point with 16 fractional bits, everything rounded down, exact to the second. A test runs both over
//! random facts and compares to the unit; whoever recomputes a score from events uses this module.

use alloy::primitives::U256;

/// After this long a weight has halved.
pub const HALF_LIFE_SECS: u64 = 7_776_000;

/// Drops per unit of weight. 4 a day are 2048 drops a second, without a remainder, so that the bucket
/// is exact however the time is cut.
const DROPS: u64 = 675;
const REFILL_PER_SEC: u64 = 2048;
/// The bucket of good weight holds 10; it is full after 2.5 days.
const BUCKET: u64 = (10 << 16) * DROPS;

/// `floor(2^(64 - 2^i / half-life))` for i from 22 down to 0: one factor per bit of the seconds.
const ROOTS: [u64; 23] = [
    0xb024_c96c_df22_94c4,
    0xd459_c263_19bc_94b1,
    0xe927_f518_7329_93eb,
    0xf44f_aa20_875b_b533,
    0xfa16_5a33_a951_0504,
    0xfd06_c146_d893_359b,
    0xfe82_4406_e58a_4a17,
    0xff40_daa7_12b2_ae9d,
    0xffa0_5b75_c52c_cfef,
    0xffd0_2942_9bc0_686e,
    0xffe8_1383_216c_f95e,
    0xfff4_097a_0241_b09b,
    0xfffa_04ab_1d18_a13d,
    0xfffd_0251_157c_e213,
    0xfffe_8127_6c78_e949,
    0xffff_4093_6eaa_dd30,
    0xffff_a049_a571_020a,
    0xffff_d024_ce3f_650b,
    0xffff_e812_6601_6b6c,
    0xffff_f409_32b9_23ec,
    0xffff_fa04_994a_ad83,
    0xffff_fd02_4ca0_dda5,
    0xffff_fe81_264f_508b,
];

/// What is kept of one wallet in one role: the registry's word, without its counts.
///
/// Both weights are kept as what they would have been when the half-life that `last` is in began,
/// counted from 1970: a fact adds to them and touches nothing that was there. They halve, rounded
/// down, when another half-life has begun. Read them with [`at`](Self::at).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weights {
    /// S as of the start of the half-life that `last` is in.
    good: u32,
    /// F, in the same way.
    bad: u32,
    /// Timestamp of the last fact.
    last: u32,
    /// What is drawn from the rate limit's bucket as of `last`, in drops.
    drawn: u32,
}

/// Both weights at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Faded {
    /// S, 16 fractional bits.
    pub good: u32,
    /// F, 16 fractional bits.
    pub bad: u32,
}

impl Weights {
    /// The low 160 bits of the registry's word, without the first fact's timestamp.
    #[must_use]
    pub fn of_word(word: U256) -> Self {
        let field = |i: usize| clamp((word >> (32 * i)).as_limbs()[0] & u64::from(u32::MAX));
        Self { good: field(0), bad: field(1), last: field(3), drawn: field(4) }
    }

    /// Both weights as they are at `now`; before the last fact, as of that.
    #[must_use]
    pub fn at(self, now: u64) -> Faded {
        let last = u64::from(self.last);
        let decay = Decay::over(now.max(last) - last + last % HALF_LIFE_SECS);
        Faded { good: decay.fade(self.good), bad: decay.fade(self.bad) }
    }

    /// Timestamp of the last fact.
    #[must_use]
    pub fn last(self) -> u64 {
        self.last.into()
    }

    /// What is drawn from the rate limit's bucket as of the last fact: 675 drops per unit of weight.
    #[must_use]
    pub fn drawn(self) -> u32 {
        self.drawn
    }

    /// After one good fact of `amount` base units at `now`: the rate limit lets in what it can.
    #[must_use]
    pub fn with_good(self, amount: u128, now: u64) -> Self {
        let moved = self.with_neutral(now);
        let room = BUCKET.saturating_sub(moved.drawn.into()) / DROPS;
        let added = weight(amount).min(clamp(room));
        let drawn = clamp(u64::from(moved.drawn) + u64::from(added) * DROPS);
        Self { good: moved.good.saturating_add(grown(added, now)), drawn, ..moved }
    }

    /// After one bad fact of `amount` base units at `now`; bad facts are not limited.
    #[must_use]
    pub fn with_bad(self, amount: u128, now: u64) -> Self {
        let moved = self.with_neutral(now);
        Self { bad: moved.bad.saturating_add(grown(weight(amount), now)), ..moved }
    }

    /// After one neutral fact at `now`: only time passes.
    #[must_use]
    pub fn with_neutral(self, now: u64) -> Self {
        let last = u64::from(self.last);
        if now <= last {
            return Self { last: clamp(now), ..self };
        }
        let halvings = now / HALF_LIFE_SECS - last / HALF_LIFE_SECS;
        let halve = |value| Decay { factor: 1 << 64, halvings }.fade(value);
        let refilled = (now - last).saturating_mul(REFILL_PER_SEC);
        Self {
            good: halve(self.good),
            bad: halve(self.bad),
            last: clamp(now),
            drawn: clamp(u64::from(self.drawn).saturating_sub(refilled)),
        }
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
        let secs = elapsed % HALF_LIFE_SECS;
        let mut factor = 1u128 << 64;
        for (i, root) in ROOTS.iter().enumerate() {
            if (secs >> (ROOTS.len() - 1 - i)) & 1 != 0 {
                factor = (factor * u128::from(*root)) >> 64;
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

/// `value * 2^(t / half-life)`, where t is how long the half-life that `now` is in has run: at most
/// twice as much.
fn grown(value: u32, now: u64) -> u32 {
    let left = Decay::over(HALF_LIFE_SECS - now % HALF_LIFE_SECS);
    let shift = 63 + u32::try_from(left.halvings).unwrap_or(u32::MAX);
    let grown = (u128::from(value) * left.factor).checked_shr(shift).unwrap_or(0);
    u32::try_from(grown).unwrap_or(u32::MAX)
}

fn clamp(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 232 * HALF_LIFE_SECS;

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
        assert_eq!(weights.at(NOW).good, 10 << 16);
    }

    /// Ninety days of a thousand neutral facts a day, in which time the weight halves.
    #[test]
    fn a_thousand_facts_a_day_neither_stop_the_clock_nor_cost_a_weight() {
        let quiet = Weights::default().with_good(1_023_000_000, NOW).with_bad(1_000_000, NOW);
        let mut busy = quiet;
        let mut now = NOW;
        for _ in 0..90_000 {
            now += 86;
            busy = busy.with_neutral(now);
        }
        let (quiet, busy) = (quiet.at(now), busy.at(now));
        assert_eq!(busy, quiet);
        assert_eq!(busy.good, 328_733);
    }

    /// Ten years of dust good facts of one unit each, one a second for a while, then one an hour.
    #[test]
    fn dust_never_lets_in_more_than_ten_and_four_a_day() {
        let dust = 11;
        assert_eq!(weight(dust), 1);
        let mut weights = Weights::default().with_good(1_023_000_000, NOW);
        let (mut now, mut let_in) = (NOW, 10 << 16);
        for i in 0..200_000u64 {
            now += if i < 100_000 { 1 } else { 3600 };
            let before = weights.with_neutral(now).drawn;
            weights = weights.with_good(dust, now);
            let_in += u64::from(weights.drawn - before) / DROPS;
            assert!(let_in * DROPS <= BUCKET + (now - NOW) * REFILL_PER_SEC);
        }
    }
}
