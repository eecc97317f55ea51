//! What a seat, or a panel, answered to labelled cases.

use serde::{Deserialize, Serialize};

use crate::interval::{Interval, wilson};

/// How many cases ended how. "True" is what humans say: the criterion is met.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Score {
    /// Met, and rightly.
    pub accepted_true: u32,
    /// Met, and wrongly: what costs the buyer.
    pub accepted_false: u32,
    /// Failed, and wrongly: what costs the seller.
    pub rejected_true: u32,
    /// Failed, and rightly.
    pub rejected_false: u32,
    /// Neither, of cases that humans call met.
    pub undetermined_true: u32,
    /// Neither, of cases that humans call failed.
    pub undetermined_false: u32,
}

impl Score {
    /// Counts one case: what humans say, and what was answered, if anything was.
    pub const fn count(&mut self, label: bool, answer: Option<bool>) {
        let place = match (answer, label) {
            (Some(true), true) => &mut self.accepted_true,
            (Some(true), false) => &mut self.accepted_false,
            (Some(false), true) => &mut self.rejected_true,
            (Some(false), false) => &mut self.rejected_false,
            (None, true) => &mut self.undetermined_true,
            (None, false) => &mut self.undetermined_false,
        };
        *place = place.saturating_add(1);
    }

    /// All cases.
    pub const fn cases(&self) -> u32 {
        self.decided().saturating_add(self.undetermined())
    }

    /// Cases that were answered.
    pub const fn decided(&self) -> u32 {
        self.right().saturating_add(self.accepted_false).saturating_add(self.rejected_true)
    }

    /// Cases without an answer.
    pub const fn undetermined(&self) -> u32 {
        self.undetermined_true.saturating_add(self.undetermined_false)
    }

    /// Cases that were answered as humans do.
    pub const fn right(&self) -> u32 {
        self.accepted_true.saturating_add(self.rejected_false)
    }

    /// Of all cases that humans call failed, how many were called met.
    pub fn false_accepts(&self) -> Interval {
        let of = self.accepted_false.saturating_add(self.rejected_false);
        wilson(self.accepted_false, of.saturating_add(self.undetermined_false))
    }

    /// Of all cases that humans call met, how many were called failed.
    pub fn false_rejects(&self) -> Interval {
        let of = self.rejected_true.saturating_add(self.accepted_true);
        wilson(self.rejected_true, of.saturating_add(self.undetermined_true))
    }

    /// Of all cases, how many were answered.
    pub fn coverage(&self) -> Interval {
        wilson(self.decided(), self.cases())
    }

    /// Cohen's kappa of the answered cases in basis points, rounded down: the agreement with humans
    /// beyond what two raters with these habits reach by chance. Nothing when chance alone agrees
    /// always, which is when one of them only ever gives one answer and the other the same.
    pub fn kappa_bps(&self) -> Option<i16> {
        let [met_true, met_false, failed_true, failed_false] =
            [self.accepted_true, self.accepted_false, self.rejected_true, self.rejected_false]
                .map(i128::from);
        let all = i128::from(self.decided());
        let right = met_true.saturating_add(failed_false);
        let by_chance = met_true
            .saturating_add(met_false)
            .saturating_mul(met_true.saturating_add(failed_true))
            .saturating_add(
                failed_true
                    .saturating_add(failed_false)
                    .saturating_mul(met_false.saturating_add(failed_false)),
            );
        let beyond = all.saturating_mul(right).saturating_sub(by_chance);
        let possible = all.saturating_mul(all).saturating_sub(by_chance);
        let bps = beyond.saturating_mul(10_000).checked_div_euclid(possible)?;
        i16::try_from(bps).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn score(counts: [u32; 4]) -> Score {
        let [accepted_true, accepted_false, rejected_true, rejected_false] = counts;
        Score { accepted_true, accepted_false, rejected_true, rejected_false, ..Score::default() }
    }

    #[test]
    fn cohens_own_kinds_of_figures() {
        // 35 of 50 agreed, and half of them would have by chance.
        assert_eq!(score([20, 5, 10, 15]).kappa_bps(), Some(4_000));
        assert_eq!(score([50, 0, 0, 50]).kappa_bps(), Some(10_000));
        assert_eq!(score([25, 25, 25, 25]).kappa_bps(), Some(0));
        assert_eq!(score([0, 50, 50, 0]).kappa_bps(), Some(-10_000));
        assert_eq!(score([50, 0, 0, 0]).kappa_bps(), None);
        assert_eq!(Score::default().kappa_bps(), None);
    }

    #[test]
    fn an_abstention_is_no_mistake_and_no_coverage() {
        let mut score = Score::default();
        for answer in [Some(true), Some(false), None, None] {
            score.count(false, answer);
        }
        assert_eq!(score.false_accepts().share, 2_500);
        assert_eq!(score.coverage().share, 5_000);
        assert_eq!((score.cases(), score.undetermined(), score.right()), (4, 2, 1));
    }

    proptest! {
        #[test]
        fn kappa_is_an_agreement(counts in any::<[u32; 4]>()) {
            if let Some(kappa) = score(counts.map(|count| count / 4)).kappa_bps() {
                prop_assert!((-10_000..=10_000).contains(&kappa));
            }
        }
    }
}
