//! What an agent promises, the windows of its periods, and which promises may open.

use surety_terms::rule::Rule;

use super::who::{Panels, Who};
use crate::model::state::{Refusal, Time};
use crate::model::terms::{HOUR, TWO_YEARS, WHOLE, refuse};

/// What an agent signs and puts a bond on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Names it in a history, and is its salt.
    pub number: u32,
    /// Who promises.
    pub agent: Who,
    /// Index of a jury; one beyond the last is none that exists.
    pub jury: usize,
    /// How the criteria decide.
    pub rule: Rule,
    /// What is pulled from the agent.
    pub bond: u128,
    /// The share of it that a rejected period costs.
    pub slash_bps: u16,
    /// What a record costs its presenter.
    pub jury_fee: u128,
    /// The share of keys that may be presented.
    pub sample_bps: u16,
    /// The signature is worth nothing from here on.
    pub open_by: Time,
    /// When period 0 begins.
    pub start_at: Time,
    /// How long a period is.
    pub period_secs: Time,
    /// How many there are.
    pub periods: u16,
    /// How long records may be presented after a period.
    pub present_within: Time,
    /// How long the panel has after that.
    pub judge_within: Time,
}

impl Promise {
    /// What one rejected period costs, rounded down.
    pub fn slash(&self) -> u128 {
        self.bond * u128::from(self.slash_bps) / WHOLE
    }

    /// When a period ends.
    pub fn period_end(&self, period: u32) -> Time {
        self.start_at + (Time::from(period) + 1) * self.period_secs
    }

    /// When its records can no longer be presented, and its panel may judge.
    pub fn present_end(&self, period: u32) -> Time {
        self.period_end(period) + self.present_within
    }

    /// When its panel may not judge any more.
    pub fn judge_end(&self, period: u32) -> Time {
        self.present_end(period) + self.judge_within
    }

    /// The end of the period that `now` is in; before the first one, its start.
    pub fn progress_end(&self, now: Time) -> Time {
        match now.checked_sub(self.start_at) {
            None => self.start_at,
            Some(since) => self.start_at + (since / self.period_secs + 1) * self.period_secs,
        }
    }

    /// Whether it may open at `now`; `places` are a period's.
    pub fn check(&self, now: Time, places: u128) -> Result<(), Refusal> {
        refuse(now >= self.open_by, "DeadlinePassed")?;
        let (slash, latest) = (self.slash(), now + TWO_YEARS);
        let fees = slash.div_ceil(places).max(1)..=slash;
        let windows = [self.period_secs, self.present_within, self.judge_within];
        let in_range = (1..=10_000).contains(&self.slash_bps)
            && (1..=10_000).contains(&self.sample_bps)
            && self.periods > 0
            && fees.contains(&self.jury_fee)
            && windows.iter().all(|window| (HOUR..=TWO_YEARS).contains(window))
            && (self.open_by..=latest).contains(&self.start_at)
            && self.judge_end(u32::from(self.periods) - 1) <= latest
            && !self.rule.pro_rata;
        refuse(!in_range, "OutOfRange")?;
        check_rule(&self.rule)
    }

    /// Whether its jury may judge it.
    pub fn check_jury(&self, juries: &[Panels]) -> Result<(), Refusal> {
        let panels = juries.get(self.jury).ok_or("JuryUnknown")?;
        let sits = panels.panel.contains(&self.agent) || panels.appeal.contains(&self.agent);
        refuse(sits, "PartyIsJuror")
    }
}

fn check_rule(rule: &Rule) -> Result<(), Refusal> {
    let sum: u128 = rule.weights.iter().map(|weight| u128::from(*weight)).sum();
    refuse(sum != WHOLE, "WeightsInvalid")?;
    let criteria = (1u32 << rule.weights.len()) - 1;
    refuse(u32::from(rule.mandatory) & !criteria != 0, "MandatoryInvalid")?;
    refuse(rule.pass_bps == 0 || u128::from(rule.pass_bps) > WHOLE, "PassBpsInvalid")
}
