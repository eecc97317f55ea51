#![doc = include_str!("../README.md")]

use std::sync::atomic::Ordering;

use prometheus_client::{
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
pub use surety_service::page::CONTENT_TYPE;

/// A label with one of a closed list of words.
type Word = [(&'static str, &'static str); 1];

/// The numbers of one juror. Every juror has its own registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Cases that were taken or taken up again.
    pub taken: Counter,
    /// Cases that ended with a signed ballot.
    pub balloted: Counter,
    /// Cases that ended without one.
    pub silent: Counter,
    /// Cases whose ballot says that the seat failed.
    pub void: Counter,
    /// Failures of store, key or chain that a case waits out.
    pub waits: Counter,
    open: Gauge,
    head: Gauge,
    head_age: Gauge,
    overcounts: Gauge,
    answers: Family<Word, Counter>,
    troubles: Family<Word, Gauge>,
    day_spent: Gauge,
}

/// What is read when somebody looks.
#[derive(Clone, Debug)]
pub struct Now {
    /// Cases that have no end yet.
    pub open: usize,
    /// The chain's newest block.
    pub head: u64,
    /// How long it has been the newest.
    pub head_age_secs: u64,
    /// Requests of the day for which the provider counted more than they can cost.
    pub overcounts: u64,
    /// Requests to the provider, by what became of them.
    pub answers: Vec<(&'static str, u64)>,
    /// What can keep the provider from answering, and whether it does.
    pub troubles: Vec<(&'static str, bool)>,
    /// What the day's cases have cost, in millionths of a US dollar.
    pub day_spent: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("surety_juror"),
            taken: Counter::default(),
            balloted: Counter::default(),
            silent: Counter::default(),
            void: Counter::default(),
            waits: Counter::default(),
            open: Gauge::default(),
            head: Gauge::default(),
            head_age: Gauge::default(),
            overcounts: Gauge::default(),
            answers: Family::default(),
            troubles: Family::default(),
            day_spent: Gauge::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let r = &mut self.registry;
        for (name, help, counter) in [
            ("cases_taken", "Cases that were taken or taken up again", &self.taken),
            ("cases_balloted", "Cases that ended with a signed ballot", &self.balloted),
            ("cases_silent", "Cases that ended without a ballot", &self.silent),
            ("cases_void", "Cases whose ballot says that the seat failed", &self.void),
            ("case_waits", "Failures of store, key or chain that a case waits out", &self.waits),
        ] {
            r.register(name, help, counter.clone());
        }
        r.register("cases_open", "Cases that have no end yet", self.open.clone());
        r.register("head_block", "The chain's newest block", self.head.clone());
        let help = "How long that block has been the newest";
        r.register_with_unit("head_age", help, Unit::Seconds, self.head_age.clone());
        let help = "Requests of the day for which the provider counted more than they can cost";
        r.register("provider_overcounts", help, self.overcounts.clone());
        let help = "Requests to the provider, by what became of them";
        r.register("provider_answers", help, self.answers.clone());
        let help = "1 while this keeps the provider from answering";
        r.register("provider_trouble", help, self.troubles.clone());
        let help = "What the day's cases have cost, and what is set aside for them";
        r.register("day_spent_micro_usd", help, self.day_spent.clone());
    }

    /// Everything as text.
    pub fn text(&self, now: Now) -> Option<String> {
        self.open.set(whole(now.open));
        self.head.set(whole(now.head));
        self.head_age.set(whole(now.head_age_secs));
        self.overcounts.set(whole(now.overcounts));
        self.day_spent.set(whole(now.day_spent));
        for (word, count) in now.answers {
            let counter = self.answers.get_or_create(&[("outcome", word)]);
            counter.inner().store(count, Ordering::Relaxed);
        }
        for (word, is_so) in now.troubles {
            self.troubles.get_or_create(&[("why", word)]).set(is_so.into());
        }
        surety_service::page::text(&self.registry)
    }
}

fn whole<T>(number: T) -> i64
where
    i64: TryFrom<T>,
{
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_number_is_there() {
        let metrics = Metrics::default();
        metrics.taken.inc();
        let now = Now {
            open: 3,
            head: 7,
            head_age_secs: 1,
            overcounts: 2,
            answers: vec![("answered", 5), ("timeout", 0)],
            troubles: vec![("down", false), ("day-spent", true)],
            day_spent: 9,
        };
        let text = metrics.text(now.clone()).unwrap();
        let names = include_str!("../README.md").split('`').filter(|it| it.starts_with("surety_"));
        for name in names {
            let is_there = [" ", "{"].map(|next| text.contains(&format!("\n{name}{next}")));
            assert!(is_there.contains(&true), "{name}: {text}");
        }
        for line in [
            "provider_answers_total{outcome=\"answered\"} 5\n",
            "provider_answers_total{outcome=\"timeout\"} 0\n",
            "provider_trouble{why=\"down\"} 0\n",
            "provider_trouble{why=\"day-spent\"} 1\n",
            "day_spent_micro_usd 9\n",
        ] {
            assert!(text.contains(&format!("\nsurety_juror_{line}")), "{line}: {text}");
        }
        assert_eq!(metrics.text(now).unwrap(), text, "looking counts nothing");
        assert!(text.contains("surety_juror_cases_taken_total 1\n"), "{text}");
        assert!(text.contains("surety_juror_cases_open 3\n"), "{text}");
        assert!(text.contains("surety_juror_provider_overcounts 2\n"), "{text}");
    }
}
