#![doc = include_str!("../README.md")]

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::{Registry, Unit},
};
pub use surety_service::page::CONTENT_TYPE;

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
    /// Failures of store, key or chain that a case waits out.
    pub waits: Counter,
    open: Gauge,
    head: Gauge,
    head_age: Gauge,
    overcounts: Gauge,
}

/// What is read when somebody looks.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Cases that have no end yet.
    pub open: usize,
    /// The chain's newest block.
    pub head: u64,
    /// How long it has been the newest.
    pub head_age_secs: u64,
    /// Requests of the day for which the provider counted more than they can cost.
    pub overcounts: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        let (taken, balloted, silent, waits) =
            (Counter::default(), Counter::default(), Counter::default(), Counter::default());
        let (open, head, head_age) = (Gauge::default(), Gauge::default(), Gauge::default());
        let overcounts = Gauge::default();
        let mut registry = Registry::with_prefix("surety_juror");
        for (name, help, counter) in [
            ("cases_taken", "Cases that were taken or taken up again", &taken),
            ("cases_balloted", "Cases that ended with a signed ballot", &balloted),
            ("cases_silent", "Cases that ended without a ballot", &silent),
            ("case_waits", "Failures of store, key or chain that a case waits out", &waits),
        ] {
            registry.register(name, help, counter.clone());
        }
        registry.register("cases_open", "Cases that have no end yet", open.clone());
        registry.register("head_block", "The chain's newest block", head.clone());
        let help = "How long that block has been the newest";
        registry.register_with_unit("head_age", help, Unit::Seconds, head_age.clone());
        let help = "Requests of the day for which the provider counted more than they can cost";
        registry.register("provider_overcounts", help, overcounts.clone());
        Self { registry, taken, balloted, silent, waits, open, head, head_age, overcounts }
    }
}

impl Metrics {
    /// Everything as text.
    pub fn text(&self, now: Now) -> Option<String> {
        self.open.set(whole(now.open));
        self.head.set(whole(now.head));
        self.head_age.set(whole(now.head_age_secs));
        self.overcounts.set(whole(now.overcounts));
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
        let text = metrics.text(Now { open: 3, head: 7, head_age_secs: 1, overcounts: 2 }).unwrap();
        let names = include_str!("../README.md").split('`').filter(|it| it.starts_with("surety_"));
        for name in names {
            assert!(text.contains(&format!("\n{name} ")), "{name}: {text}");
        }
        assert!(text.contains("surety_juror_cases_taken_total 1\n"), "{text}");
        assert!(text.contains("surety_juror_cases_open 3\n"), "{text}");
        assert!(text.contains("surety_juror_provider_overcounts 2\n"), "{text}");
    }
}
