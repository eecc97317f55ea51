//! How many previews a juror gives, and what they may cost.

use serde::{Deserialize, Serialize};
use surety_judge::BudgetConfig;
use surety_jury::preview::VALID_SECS_MOST;

/// What an operator sets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreviewsConfig {
    /// Previews of all sellers together on a day of the chain's time; 0 gives none.
    pub per_day: u32,
    /// Previews of one seller's key on a day.
    pub per_key: u32,
    /// Previews of one milestone of a deal, ever.
    pub per_milestone: u32,
    /// The largest deliverable.
    pub deliverable_max_bytes: usize,
    /// How long after the request the answer is shown, whatever is known before.
    pub answer_secs: u64,
    /// The most that one preview may cost, where the juror has a budget.
    pub each_micro_usd: u64,
    /// The most that all previews of a day may cost.
    pub day_micro_usd: u64,
    /// How long transcripts are kept.
    pub keep_days: u64,
}

impl PreviewsConfig {
    /// What the types cannot say: whether it holds, the key at fault, and the rule. `answer_costs` is
    /// the most that one answer can cost, where the juror has a budget.
    pub fn rules(&self, answer_costs: Option<u64>) -> [(bool, &'static str, &'static str); 2] {
        let can_pay = |one| self.per_day == 0 || self.each_micro_usd > one;
        [
            (
                self.answer_secs < VALID_SECS_MOST,
                "previews.answer_secs",
                "must be less than the day for which a request may be signed",
            ),
            (
                answer_costs.is_none_or(can_pay),
                "previews.each_micro_usd",
                "must be more than one answer of provider.max_output_tokens can cost",
            ),
        ]
    }

    /// The caps of previews at the prices of a juror's own budget.
    pub const fn budget(&self, cases: BudgetConfig) -> BudgetConfig {
        BudgetConfig {
            case_micro_usd: self.each_micro_usd,
            day_micro_usd: self.day_micro_usd,
            ..cases
        }
    }
}

impl Default for PreviewsConfig {
    fn default() -> Self {
        Self {
            per_day: 32,
            per_key: 4,
            per_milestone: 2,
            deliverable_max_bytes: 65_536,
            answer_secs: 300,
            each_micro_usd: 500_000,
            day_micro_usd: 5_000_000,
            keep_days: 30,
        }
    }
}
