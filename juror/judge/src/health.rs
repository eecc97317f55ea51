//! How asking the provider goes, in closed lists of words: no answer can add one.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use surety_dialect::{ProviderFault, WireAnswer};

use crate::{Judge, JudgeError, Provider};

/// What a request is counted as that was answered.
const ANSWERED: &str = "answered";

/// Why the provider answers nothing now, or is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// It cannot be reached, or it fails. Told for the breaker's first rest, then nobody knows.
    Down,
    /// It refuses the key. Told for as long.
    KeyRefused,
    /// After several outages in a row nobody asks it for a while.
    BreakerOpen,
    /// The day's budget leaves less than one answer may cost.
    DaySpent,
    /// It counted more than a request can cost, so it is asked no more today.
    Overcounted,
}

impl Trouble {
    /// All there are.
    pub const ALL: [Self; 5] =
        [Self::Down, Self::KeyRefused, Self::BreakerOpen, Self::DaySpent, Self::Overcounted];

    /// The word for metrics and readiness.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::KeyRefused => "key-refused",
            Self::BreakerOpen => "breaker-open",
            Self::DaySpent => "day-spent",
            Self::Overcounted => "overcounted",
        }
    }

    /// What the operator does about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Down => {
                "its last request had no answer: look at its status page and the way to it"
            }
            Self::KeyRefused => "it refuses the key in provider.api_key_env: put a good one there",
            Self::BreakerOpen => "after outages in a row it is left alone for a while",
            Self::DaySpent => "budget.day_micro_usd is used up: raise it, or wait for the next day",
            Self::Overcounted => "it counted more than a request can cost: compare its bill",
        }
    }

    const fn of(fault: &ProviderFault) -> Option<Self> {
        if matches!(fault, ProviderFault::Unauthorized { .. }) {
            return Some(Self::KeyRefused);
        }
        let is_down = matches!(
            fault,
            ProviderFault::Timeout | ProviderFault::Unreachable | ProviderFault::Unavailable { .. }
        );
        if is_down { Some(Self::Down) } else { None }
    }
}

/// What became of the requests to one provider.
#[derive(Debug, Default)]
pub(crate) struct Health {
    answered: AtomicU64,
    /// In the order of [`ProviderFault::NAMES`].
    faults: [AtomicU64; ProviderFault::NAMES.len()],
    /// Why the last request had no answer, and when that was.
    last: Mutex<Option<(Trouble, Instant)>>,
}

impl Health {
    /// Counts how a request ended.
    pub(crate) fn tell(&self, answer: &Result<WireAnswer, ProviderFault>, now: Instant) {
        let (count, trouble) = match answer {
            Ok(_) => (Some(&self.answered), None),
            Err(fault) => {
                let place = ProviderFault::NAMES.iter().position(|name| *name == fault.name());
                (place.and_then(|place| self.faults.get(place)), Trouble::of(fault))
            }
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) =
            trouble.map(|trouble| (trouble, now));
    }

    /// Why the last request had no answer, if that was less than `within` ago.
    fn trouble(&self, now: Instant, within: Duration) -> Option<Trouble> {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < within;
        last.filter(|(_, at)| is_fresh(*at)).map(|(trouble, _)| trouble)
    }

    fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let faults = ProviderFault::NAMES.into_iter().zip(&self.faults);
        let all = std::iter::once((ANSWERED, &self.answered)).chain(faults);
        all.map(|(word, count)| (word, count.load(Ordering::Relaxed)))
    }
}

impl Judge {
    /// The requests since the start, by what became of them; each word is there.
    pub fn answers(&self) -> Vec<(&'static str, u64)> {
        self.provider.health.counts().collect()
    }

    /// All that keeps the provider from answering on a day of the chain's time. What its last
    /// answers told is forgotten after a rest: somebody has to ask it again.
    pub async fn troubles(&self, day: u64) -> Result<Vec<Trouble>, JudgeError> {
        let Provider { breaker, health, clock, model, .. } = &self.provider;
        let now = clock.now();
        let is_open = breaker.is_open(now);
        let within = if is_open { Duration::MAX } else { breaker.rest() };
        let mut troubles: Vec<_> = health.trouble(now, within).into_iter().collect();
        troubles.extend(is_open.then_some(Trouble::BreakerOpen));
        if let Some(budget) = &self.budget {
            let is_spent = budget.is_spent(day, model.max_output_tokens).await?;
            troubles.extend(is_spent.then_some(Trouble::DaySpent));
            let overcounts = budget.overcounts(day).await?;
            troubles.extend((overcounts > 0).then_some(Trouble::Overcounted));
        }
        Ok(troubles)
    }

    /// What cases of a day have cost, and what is set aside for them; 0 where nobody counts.
    pub async fn spent(&self, day: u64) -> Result<u64, JudgeError> {
        match &self.budget {
            Some(budget) => budget.spent(day).await,
            None => Ok(0),
        }
    }
}
