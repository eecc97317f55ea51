//! What a service may count of its work with a chain.

use std::borrow::Cow;
use std::time::Duration;

use prometheus_client::metrics::counter::{Atomic as _, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;

/// The labels of a series.
pub type Labels<const N: usize> = [(&'static str, Cow<'static, str>); N];
/// A counter of amounts that outgrow 64 bits.
pub type Amount = Counter<f64, std::sync::atomic::AtomicU64>;

/// The numbers. Cloning shares them; whoever shows them registers them under names of its own.
#[derive(Clone, Debug)]
pub struct Meter {
    /// Calls of the node by `endpoint` and `outcome`.
    pub requests: Family<Labels<2>, Counter>,
    /// How long the node took to answer.
    pub request_seconds: Histogram,
    /// Signed bytes that were handed out, by what the node said (`outcome`).
    pub attempts: Family<Labels<1>, Counter>,
    /// Better paid attempts, by `kind`: the call again, or a blank that gives it up.
    pub replacements: Family<Labels<1>, Counter>,
    /// Gaps in the nonces that were filled.
    pub gaps: Counter,
    /// Gas of mined transactions.
    pub gas: Counter,
    /// What they cost in wei, the fee for the data layer included.
    pub spent: Amount,
}

impl Default for Meter {
    fn default() -> Self {
        let seconds = [0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        Self {
            requests: Family::default(),
            request_seconds: Histogram::new(seconds),
            attempts: Family::default(),
            replacements: Family::default(),
            gaps: Counter::default(),
            gas: Counter::default(),
            spent: Amount::default(),
        }
    }
}

impl Meter {
    /// A call was answered, or not.
    pub(crate) fn asked(&self, endpoint: &str, outcome: &'static str, took: Duration) {
        let labels = [("endpoint", endpoint.to_owned().into()), ("outcome", outcome.into())];
        self.requests.get_or_create(&labels).inc();
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// Signed bytes were handed out.
    pub(crate) fn attempted(&self, outcome: &'static str) {
        self.attempts.get_or_create(&[("outcome", outcome.into())]).inc();
    }

    /// A better paid attempt was made.
    pub(crate) fn replaced(&self, kind: &'static str) {
        self.replacements.get_or_create(&[("kind", kind.into())]).inc();
    }

    /// A transaction was mined.
    #[expect(
        clippy::cast_precision_loss,
        clippy::as_conversions,
        reason = "a number for people: the last digits of an amount in wei do not count"
    )]
    pub(crate) fn mined(&self, gas: u64, cost_wei: u64) {
        self.gas.inc_by(gas);
        self.spent.inner().inc_by(cost_wei as f64);
    }
}
