#![doc = include_str!("../README.md")]

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use surety_chain::meter::{Labels, Meter};

pub use surety_service::page::CONTENT_TYPE;

/// Counters by labels.
pub type Counters<const N: usize> = Family<Labels<N>, Counter>;
/// A number that is no whole one.
pub type Level = Gauge<f64, AtomicU64>;
/// Histograms by a label.
type Histograms = Family<Labels<1>, Histogram, fn() -> Histogram>;

/// The numbers of one relayer. Every relayer has its own registry.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    deliveries: Counters<1>,
    cases: Family<Labels<1>, Gauge>,
    /// How long this process has worked on its oldest open case.
    pub case_oldest: Level,
    case_ends: Counters<1>,
    /// From taking a case up to its end.
    pub case_seconds: Histogram,
    give_ups: Counters<1>,
    /// Stages that failed and are run again.
    pub case_setbacks: Counter,
    verdicts: Counters<1>,
    batches: Counters<1>,
    batch_verdicts: Counters<1>,
    /// From the verdict to the milestone's end.
    pub paid_seconds: Histogram,
    ballots: Counters<2>,
    acts: Counters<2>,
    /// Timed acts that are possible and not done.
    pub acts_due: Gauge,
    /// Jurors that signed two answers to a case.
    pub equivocations: Counter,
    juror_seconds: Histograms,
    juror_faults: Counters<1>,
    /// The chain's newest block.
    pub head_block: Gauge,
    /// How long that block has been the newest.
    pub head_age: Level,
    /// How long ago the chain was read.
    pub chain_read_age: Level,
    /// Chain time between the newest block and the one whose facts count.
    pub tag_lag: Gauge,
    /// Reorganisations that took back what was read.
    pub reorgs: Counter,
    /// Events of the escrow that were stored.
    pub events: Counter,
    transactions: Family<Labels<1>, Gauge>,
    queue: Family<Labels<1>, Gauge>,
    /// Chain time that the oldest transaction has waited for a block.
    pub transaction_oldest: Gauge,
    /// A key's next nonce on the chain.
    nonce: Family<Labels<1>, Gauge>,
    /// Nonces that hold the ones above them up.
    nonce_gap: Family<Labels<1>, Gauge>,
    /// How long ago the last good round was of the sender that has waited longest for one.
    pub round_age: Level,
    /// What a key owns.
    balance: Family<Labels<1>, Level>,
    /// What all keys have spent or may still spend on the chain's day.
    pub day_spent: Level,
    endpoints: Family<Labels<1>, Gauge>,
    /// The last block that was audited.
    pub audit_block: Gauge,
    audit_findings: Counters<1>,
    /// How long the last trial write took.
    pub write_seconds: Level,
    shelf: Family<Labels<1>, Gauge>,
    requests: Counters<2>,
    request_seconds: Histograms,
    refused: Counters<1>,
    /// Connections that are open.
    pub connections: Gauge,
    /// Connections that were closed at once.
    pub turned_away: Counter,
    orders: Counters<1>,
    tasks: Family<Labels<1>, Level>,
    /// 1 while the relayer is ready.
    pub ready: Gauge,
}

fn seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.005, 2.5, 14))
}

/// From half a second to about two days.
fn long_seconds() -> Histogram {
    Histogram::new(exponential_buckets(0.5, 3.0, 12))
}

fn label<const N: usize>(
    names: [&'static str; N],
    values: [impl Into<Cow<'static, str>>; N],
) -> Labels<N> {
    let mut values = values.into_iter();
    names.map(|name| (name, values.next().map(Into::into).unwrap_or_default()))
}

impl Metrics {
    /// The numbers of a relayer whose chain counts with `chain`.
    pub fn new(version: &'static str, chain: &Meter) -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("surety_relayer"),
            deliveries: Family::default(),
            cases: Family::default(),
            case_oldest: Level::default(),
            case_ends: Family::default(),
            case_seconds: long_seconds(),
            give_ups: Family::default(),
            case_setbacks: Counter::default(),
            verdicts: Family::default(),
            batches: Family::default(),
            batch_verdicts: Family::default(),
            paid_seconds: long_seconds(),
            ballots: Family::default(),
            acts: Family::default(),
            acts_due: Gauge::default(),
            equivocations: Counter::default(),
            juror_seconds: Family::new_with_constructor(seconds),
            juror_faults: Family::default(),
            head_block: Gauge::default(),
            head_age: Level::default(),
            chain_read_age: Level::default(),
            tag_lag: Gauge::default(),
            reorgs: Counter::default(),
            events: Counter::default(),
            transactions: Family::default(),
            queue: Family::default(),
            transaction_oldest: Gauge::default(),
            nonce: Family::default(),
            nonce_gap: Family::default(),
            round_age: Level::default(),
            balance: Family::default(),
            day_spent: Level::default(),
            endpoints: Family::default(),
            audit_block: Gauge::default(),
            audit_findings: Family::default(),
            write_seconds: Level::default(),
            shelf: Family::default(),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(seconds),
            refused: Family::default(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
            orders: Family::default(),
            tasks: Family::default(),
            ready: Gauge::default(),
        };
        metrics.register_work(version);
        metrics.register_chain(chain);
        metrics.register_process();
        metrics
    }

    fn register_work(&mut self, version: &'static str) {
        let info: Family<Labels<1>, Gauge> = Family::default();
        info.get_or_create(&label(["version"], [version])).set(1);
        let r = &mut self.registry;
        r.register("build_info", "Always 1", info);
        r.register("deliveries", "Deliveries over HTTP", self.deliveries.clone());
        r.register("cases", "Cases in the store", self.cases.clone());
        let help = "How long this process has worked on its oldest open case";
        r.register_with_unit("case_oldest", help, Unit::Seconds, self.case_oldest.clone());
        r.register("case_ends", "Cases that ended", self.case_ends.clone());
        let help = "From taking a case up to its end";
        r.register_with_unit("case", help, Unit::Seconds, self.case_seconds.clone());
        r.register("give_ups", "Cases that were given up", self.give_ups.clone());
        let help = "Stages that failed and are run again";
        r.register("case_setbacks", help, self.case_setbacks.clone());
        r.register("verdicts", "Tallies that decided", self.verdicts.clone());
        r.register("batches", "Lists of verdicts that were gathered", self.batches.clone());
        let help = "Verdicts that were gathered with others";
        r.register("batch_verdicts", help, self.batch_verdicts.clone());
        let help = "From the verdict to the milestone's end";
        let paid = self.paid_seconds.clone();
        r.register_with_unit("verdict_to_paid", help, Unit::Seconds, paid);
        r.register("ballots", "Ballots that hold, by seat", self.ballots.clone());
        r.register("acts", "Timed acts, by what became of them", self.acts.clone());
        let help = "Timed acts that are possible and not done";
        r.register("acts_due", help, self.acts_due.clone());
        let help = "Jurors that signed two answers to a case";
        r.register("equivocations", help, self.equivocations.clone());
        let help = "How long jurors took to answer";
        r.register_with_unit("juror", help, Unit::Seconds, self.juror_seconds.clone());
        r.register("juror_faults", "Answers that are none", self.juror_faults.clone());
    }

    fn register_chain(&mut self, chain: &Meter) {
        let r = &mut self.registry;
        r.register("head_block", "The chain's newest block", self.head_block.clone());
        let help = "How long that block has been the newest";
        r.register_with_unit("head_age", help, Unit::Seconds, self.head_age.clone());
        let help = "How long ago the chain was read";
        r.register_with_unit("chain_read_age", help, Unit::Seconds, self.chain_read_age.clone());
        let help = "Chain time between the newest block and the one whose facts count";
        r.register_with_unit("tag_lag", help, Unit::Seconds, self.tag_lag.clone());
        let help = "Reorganisations that took back what was read";
        r.register("follower_reorgs", help, self.reorgs.clone());
        r.register("follower_events", "Events that were stored", self.events.clone());
        r.register("rpc_requests", "Calls of the chain's endpoints", chain.requests.clone());
        let help = "How long they took";
        r.register_with_unit("rpc", help, Unit::Seconds, chain.request_seconds.clone());
        r.register("transactions", "Transactions in the store", self.transactions.clone());
        r.register("queue", "Transactions without a nonce", self.queue.clone());
        let help = "Chain time that the oldest one has waited for a block";
        let oldest = self.transaction_oldest.clone();
        r.register_with_unit("transaction_oldest", help, Unit::Seconds, oldest);
        let help = "Signed bytes that were handed out, by the node's answer";
        r.register("send_attempts", help, chain.attempts.clone());
        r.register("send_replacements", "Better paid attempts", chain.replacements.clone());
        r.register("nonce", "A key's next nonce", self.nonce.clone());
        let help = "Nonces that hold the ones above them up";
        r.register("nonce_gap", help, self.nonce_gap.clone());
        r.register("nonce_gaps_filled", "Gaps that were filled", chain.gaps.clone());
        let help = "How long ago the sender's last good round was";
        r.register_with_unit("sender_round_age", help, Unit::Seconds, self.round_age.clone());
        r.register("balance_wei", "What a key owns", self.balance.clone());
        let help = "What all keys have spent or may still spend on the chain's day";
        r.register("day_spent_wei", help, self.day_spent.clone());
        r.register("endpoint_good", "1 while it is not left out", self.endpoints.clone());
        r.register("audit_block", "The last block that was audited", self.audit_block.clone());
        let help = "What audits found and repaired";
        r.register("audit_findings", help, self.audit_findings.clone());
        r.register("gas_used", "Gas of mined transactions", chain.gas.clone());
        r.register("gas_spent_wei", "What they cost", chain.spent.clone());
    }

    fn register_process(&mut self) {
        let r = &mut self.registry;
        let help = "How long the last trial write took";
        r.register_with_unit("store_write", help, Unit::Seconds, self.write_seconds.clone());
        r.register_with_unit("shelf", "Deliverables", Unit::Bytes, self.shelf.clone());
        r.register("http_requests", "HTTP requests", self.requests.clone());
        let help = "How long HTTP requests took";
        r.register_with_unit("http", help, Unit::Seconds, self.request_seconds.clone());
        r.register("http_refused", "HTTP requests that were refused", self.refused.clone());
        r.register("http_connections", "Open connections", self.connections.clone());
        let help = "Connections that were closed at once";
        r.register("http_turned_away", help, self.turned_away.clone());
        r.register("orders", "What operators asked of this process", self.orders.clone());
        let help = "How long ago a task went round";
        r.register_with_unit("task_age", help, Unit::Seconds, self.tasks.clone());
        r.register("ready", "1 while the relayer is ready", self.ready.clone());
    }

    /// A delivery was `taken`, `known` or `refused`.
    pub fn delivery(&self, outcome: &'static str) {
        self.deliveries.get_or_create(&label(["outcome"], [outcome])).inc();
    }

    /// So many cases are in a state.
    pub fn cases_in(&self, state: &'static str, count: u64) {
        self.cases.get_or_create(&label(["state"], [state])).set(whole(count));
    }

    /// A case ended.
    pub fn case_ended(&self, state: &'static str, took: Option<Duration>) {
        self.case_ends.get_or_create(&label(["state"], [state])).inc();
        if let Some(took) = took {
            self.case_seconds.observe(took.as_secs_f64());
        }
    }

    /// A case was given up.
    pub fn gave_up(&self, reason: &'static str) {
        self.give_ups.get_or_create(&label(["reason"], [reason])).inc();
    }

    /// A tally decided.
    pub fn verdict(&self, outcome: &'static str) {
        self.verdicts.get_or_create(&label(["outcome"], [outcome])).inc();
    }

    /// A list of verdicts was gathered.
    pub fn batch(&self, outcome: &'static str) {
        self.batches.get_or_create(&label(["outcome"], [outcome])).inc();
    }

    /// A verdict that was gathered with others went its way.
    pub fn batch_verdict(&self, outcome: &'static str) {
        self.batch_verdicts.get_or_create(&label(["outcome"], [outcome])).inc();
    }

    /// A ballot that holds came from a seat.
    pub fn ballot(&self, seat: u8, outcome: &'static str) {
        let values: [Cow<'static, str>; 2] = [seat.to_string().into(), outcome.into()];
        self.ballots.get_or_create(&label(["seat", "outcome"], values)).inc();
        if outcome == "equivocation" {
            self.equivocations.inc();
        }
    }

    /// A timed act was `sent` by time alone, `asked` for with a fee, or `refused` by the escrow.
    pub fn act(&self, act: &'static str, outcome: &'static str) {
        self.acts.get_or_create(&label(["act", "outcome"], [act, outcome])).inc();
    }

    /// A juror answered a request.
    pub fn juror_answered(&self, request: &'static str, took: Duration) {
        let labels = label(["request"], [request]);
        self.juror_seconds.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// A juror gave no usable answer.
    pub fn juror_failed(&self, fault: &'static str) {
        self.juror_faults.get_or_create(&label(["fault"], [fault])).inc();
    }

    /// So many transactions are in a state.
    pub fn transactions_in(&self, state: String, count: u64) {
        self.transactions.get_or_create(&label(["state"], [state])).set(whole(count));
    }

    /// So many transactions of somebody's wait for a nonce.
    pub fn queued(&self, whose: &'static str, count: u64) {
        self.queue.get_or_create(&label(["whose"], [whose])).set(whole(count));
    }

    /// How a sending key stands on the chain.
    pub fn key(&self, address: String, nonce: u64, gaps: usize, balance_wei: f64) {
        let labels = label(["key"], [address]);
        self.nonce.get_or_create(&labels).set(whole(nonce));
        self.nonce_gap.get_or_create(&labels).set(i64::try_from(gaps).unwrap_or(i64::MAX));
        self.balance.get_or_create(&labels).set(balance_wei);
    }

    /// Whether an endpoint is asked before others.
    pub fn endpoint(&self, name: String, good: bool) {
        self.endpoints.get_or_create(&label(["endpoint"], [name])).set(i64::from(good));
    }

    /// An audit found so many differences of a kind.
    pub fn audit_found(&self, kind: &'static str, count: u64) {
        self.audit_findings.get_or_create(&label(["kind"], [kind])).inc_by(count);
    }

    /// So many bytes lie on the shelf, under digests that a delivery names or not.
    pub fn shelf(&self, named: u64, unnamed: u64) {
        self.shelf.get_or_create(&label(["named"], ["yes"])).set(whole(named));
        self.shelf.get_or_create(&label(["named"], ["no"])).set(whole(unnamed));
    }

    /// A request was answered. The path is a route's, not a client's.
    pub fn request(&self, path: String, status: u16, took: Duration) {
        let labels = label(["path"], [path.clone()]);
        self.request_seconds.get_or_create(&labels).observe(took.as_secs_f64());
        let labels = label(["path", "status"], [path, status.to_string()]);
        self.requests.get_or_create(&labels).inc();
    }

    /// A request was refused.
    pub fn refused(&self, reason: String) {
        self.refused.get_or_create(&label(["reason"], [reason])).inc();
    }

    /// An operator asked for something.
    pub fn order(&self, order: &'static str) {
        self.orders.get_or_create(&label(["order"], [order])).inc();
    }

    /// A task went round so long ago.
    pub fn task_age(&self, task: &'static str, age: Duration) {
        self.tasks.get_or_create(&label(["task"], [task])).set(age.as_secs_f64());
    }

    /// Everything as text.
    pub fn text(&self) -> Option<String> {
        surety_service::page::text(&self.registry)
    }
}

/// A number as a gauge holds it.
pub fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// A series with labels is shown once something was counted.
    fn count_everything(metrics: &Metrics, chain: &Meter) {
        let moment = Duration::from_secs(1);
        metrics.delivery("taken");
        metrics.cases_in("seen", 1);
        metrics.case_ended("final", Some(moment));
        metrics.gave_up("other");
        metrics.verdict("accepted");
        metrics.batch("sent");
        metrics.batch_verdict("together");
        metrics.ballot(0, "first");
        metrics.act("reclaim", "sent");
        metrics.juror_answered("open", moment);
        metrics.juror_failed("url");
        metrics.transactions_in("queued".to_owned(), 1);
        metrics.queued("strangers", 1);
        metrics.shelf(1, 1);
        metrics.key("0x00".to_owned(), 1, 0, 1.0);
        metrics.endpoint("rpc".to_owned(), true);
        metrics.audit_found("missing", 1);
        metrics.request("/livez".to_owned(), 200, moment);
        metrics.refused("busy".to_owned());
        metrics.order("retry");
        metrics.task_age("watcher", moment);
        let labels = label(["endpoint", "outcome"], ["rpc", "ok"]);
        chain.requests.get_or_create(&labels).inc();
        chain.attempts.get_or_create(&label(["outcome"], ["known"])).inc();
        chain.replacements.get_or_create(&label(["kind"], ["call"])).inc();
    }

    #[test]
    fn every_series_is_documented_and_every_documented_one_is_there() {
        let chain = Meter::default();
        let metrics = Metrics::new("0", &chain);
        count_everything(&metrics, &chain);
        let page = metrics.text().unwrap();
        let shown: BTreeSet<&str> = surety_service::page::names(&page).into_iter().collect();
        let readme = include_str!("../README.md");
        let rows = readme.lines().filter_map(|line| line.strip_prefix("| `surety_relayer_"));
        let documented: BTreeSet<String> = rows
            .map(|row| format!("surety_relayer_{}", row.split('`').next().unwrap_or_default()))
            .collect();
        assert_eq!(shown, documented.iter().map(String::as_str).collect::<BTreeSet<_>>());
        assert!(documented.len() >= 40, "{}", documented.len());
    }

    #[test]
    fn what_is_counted_is_shown_under_its_labels() {
        let metrics = Metrics::new("0", &Meter::default());
        metrics.ballot(3, "equivocation");
        metrics.request("/v1/cases/{id}".to_owned(), 404, Duration::from_millis(1));
        metrics.refused("not-found".to_owned());
        metrics.cases_in("asked", 2);
        let page = metrics.text().unwrap();
        for line in [
            "surety_relayer_ballots_total{seat=\"3\",outcome=\"equivocation\"} 1",
            "surety_relayer_equivocations_total 1",
            "surety_relayer_http_requests_total{path=\"/v1/cases/{id}\",status=\"404\"} 1",
            "surety_relayer_http_refused_total{reason=\"not-found\"} 1",
            "surety_relayer_cases{state=\"asked\"} 2",
        ] {
            assert!(page.contains(line), "{line}:\n{page}");
        }
    }
}
