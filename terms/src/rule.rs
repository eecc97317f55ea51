//! A milestone's rule: the one word that says how its criteria count.

use alloy::primitives::U256;

use crate::amount::Bps;
use crate::error::{Fault, TermsError};

/// Bits of one weight.
const WEIGHT_BITS: usize = 14;
/// How many criteria a word has room for.
pub const MAX_CRITERIA: usize = 16;
const MANDATORY_AT: usize = 224;
const PASS_AT: usize = 240;
const PRO_RATA_AT: usize = 254;

/// The weights of a milestone's criteria and how they decide.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Basis points of each criterion; 1 to 16 positive weights that sum to 10,000.
    pub weights: Vec<u16>,
    /// Bit i: criterion i must be met.
    pub mandatory: u16,
    /// The weight that must be met, in basis points.
    pub pass_bps: u16,
    /// Whether the seller is paid by the weight that was met.
    pub pro_rata: bool,
}

impl Rule {
    /// The word, as `IDealEscrow.Milestone.rule` lays it out.
    ///
    /// What does not fit (a 17th weight, bits beyond a field's width) is cut. [`Rule::validate`]
    /// refuses such a rule, and so does every validated term sheet.
    pub fn word(&self) -> U256 {
        let mut word = field(U256::from(self.mandatory), MANDATORY_AT)
            | field(low_bits(self.pass_bps), PASS_AT)
            | field(U256::from(u8::from(self.pro_rata)), PRO_RATA_AT);
        for (index, weight) in self.weights.iter().take(MAX_CRITERIA).enumerate() {
            word |= field(low_bits(*weight), WEIGHT_BITS.saturating_mul(index));
        }
        word
    }

    /// Reads a word, refusing what `DealEscrow.open` refuses. `field` is where the word stands.
    pub fn from_word(word: U256, field: &str) -> Result<Self, TermsError> {
        if word.bit(255) {
            return Err(TermsError::at(field, Fault::RuleInvalid { got: word }));
        }
        let mut weights: Vec<u16> =
            (0..MAX_CRITERIA).map(|i| bits(word, WEIGHT_BITS.saturating_mul(i), 14)).collect();
        while weights.last() == Some(&0) {
            weights.pop();
        }
        let rule = Self {
            weights,
            mandatory: bits(word, MANDATORY_AT, 16),
            pass_bps: bits(word, PASS_AT, 14),
            pro_rata: word.bit(PRO_RATA_AT),
        };
        rule.validate(field)?;
        Ok(rule)
    }

    /// Checks weights, mandatory mask and pass mark. `field` is where the rule stands.
    pub fn validate(&self, field: &str) -> Result<(), TermsError> {
        let refuse = |fault| Err(TermsError::at(field, fault));
        let count = self.weights.len();
        if count == 0 || count > MAX_CRITERIA {
            return refuse(Fault::CriterionCount { got: count, most: MAX_CRITERIA });
        }
        let sum: u32 = self.weights.iter().map(|weight| u32::from(*weight)).sum();
        let whole = u32::from(Bps::WHOLE.get());
        if sum != whole || self.weights.contains(&0) {
            return refuse(Fault::WeightsInvalid { got: sum, needed: whole });
        }
        let allowed =
            u16::MAX.checked_shr(u32::try_from(16_usize.saturating_sub(count)).unwrap_or(0));
        let allowed = allowed.unwrap_or(0);
        if self.mandatory & !allowed != 0 {
            return refuse(Fault::MandatoryInvalid { got: self.mandatory, allowed });
        }
        if self.pass_bps == 0 || self.pass_bps > Bps::WHOLE.get() {
            return refuse(Fault::PassBpsInvalid { got: self.pass_bps, most: Bps::WHOLE.get() });
        }
        Ok(())
    }
}

fn field(value: U256, at: usize) -> U256 {
    value.wrapping_shl(at)
}

fn low_bits(value: u16) -> U256 {
    U256::from(value & 0x3fff)
}

fn bits(word: U256, at: usize, width: usize) -> u16 {
    let mask = U256::ONE.wrapping_shl(width).saturating_sub(U256::ONE);
    (word.wrapping_shr(at) & mask).saturating_to()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn example() -> Rule {
        Rule { weights: vec![6_000, 4_000], mandatory: 0b10, pass_bps: 7_500, pro_rata: true }
    }

    fn slug(word: U256) -> &'static str {
        Rule::from_word(word, "rule").expect_err("refused").fault.slug()
    }

    #[test]
    fn the_word_is_laid_out_as_the_interface_says() {
        let word = U256::from(6_000)
            + (U256::from(4_000) << 14)
            + (U256::from(0b10) << 224)
            + (U256::from(7_500) << 240)
            + (U256::ONE << 254);
        assert_eq!(example().word(), word);
    }

    #[test]
    fn sixteen_weights_fit() {
        let rule = Rule { weights: vec![625; 16], mandatory: 0xffff, ..example() };
        assert_eq!(Rule::from_word(rule.word(), "rule"), Ok(rule));
    }

    #[test]
    fn a_word_that_the_escrow_refuses_is_refused() {
        let word = example().word();
        assert_eq!(slug(word | (U256::ONE << 255)), "rule-invalid");
        assert_eq!(slug(word | (U256::ONE << 226)), "mandatory-invalid");
        assert_eq!(slug(word | (U256::ONE << 28)), "weights-invalid");
        let pass: U256 = U256::from(0x3fff) << 240;
        assert_eq!(slug(word & !pass), "pass-bps-invalid");
        assert_eq!(slug(word | pass), "pass-bps-invalid");
        assert_eq!(slug(U256::ZERO), "criterion-count");
        // A gap between two weights.
        let gap = U256::from(5_000) + (U256::from(5_000) << 28) + (U256::ONE << 240);
        assert_eq!(slug(gap), "weights-invalid");
    }

    #[test]
    fn what_does_not_fit_never_spills_into_another_field() {
        let rule =
            Rule { weights: vec![u16::MAX; 20], mandatory: 0, pass_bps: u16::MAX, pro_rata: false };
        assert_eq!(rule.word(), ((U256::ONE << 224) - U256::ONE) | (U256::from(0x3fff) << 240));
        assert!(rule.validate("rule").is_err());
    }

    proptest! {
        #[test]
        fn words_and_rules_are_the_same_thing(
            cuts in proptest::collection::btree_set(1_u16..10_000, 0..16),
            mandatory in any::<u16>(),
            pass_bps in 1_u16..=10_000,
            pro_rata in any::<bool>(),
        ) {
            let ends: Vec<u16> = [0].into_iter().chain(cuts).chain([10_000]).collect();
            let weights: Vec<u16> = ends.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let mandatory = mandatory & (u16::MAX >> (16 - weights.len()));
            let rule = Rule { weights, mandatory, pass_bps, pro_rata };
            prop_assert_eq!(Rule::from_word(rule.word(), "rule"), Ok(rule));
        }

        #[test]
        fn any_word_is_refused_or_survives(limbs in any::<[u64; 4]>()) {
            let word = U256::from_limbs(limbs);
            if let Ok(rule) = Rule::from_word(word, "rule") {
                prop_assert_eq!(rule.word(), word);
            }
        }
    }
}
