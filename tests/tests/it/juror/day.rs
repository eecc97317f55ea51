//! An operator's day: readiness, numbers, and an end that leaves nothing half done.

use std::sync::Condvar;
use std::time::Duration;

use alloy::network::TransactionBuilder as _;
use alloy::primitives::U256;
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall as _;
use surety_bindings::jury::{Jury, Unbonding};
use surety_jury::wire::CaseStatus;

use super::*;
use crate::cli::{surety, write};
use crate::operator::Running;

/// A provider that answers once its gate is open.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    /// Blocks its thread, whose other tasks move on to another one.
    fn pass(&self) {
        tokio::task::block_in_place(|| {
            drop(self.0.1.wait_while(self.0.0.lock().unwrap(), |open| !*open).unwrap());
        });
    }

    pub(super) async fn court(&self) -> Court {
        let gate = self.clone();
        let provider = Double::start(move |_, _| {
            gate.pass();
            Act::Vote("MET")
        });
        Court::new(provider.await)
    }
}

/// Hands a case with its work to a juror at `url`, and waits until its provider is asked.
pub(super) async fn begin(court: &Court, url: &str) {
    let request = court.request(WORK);
    let taken = court.http.post(format!("{url}/v1/cases")).json(&request).send().await.unwrap();
    let taken: CaseStatus = taken.json().await.unwrap();
    let place = format!("{url}/v1/deliverables/{}", request.delivery.deliverable);
    assert_eq!(court.http.put(place).body(WORK).send().await.unwrap().status(), 204);
    let judging = async {
        loop {
            let status = court.http.get(format!("{url}/v1/cases/{}", taken.case_id)).send();
            let status: CaseStatus = status.await.unwrap().json().await.unwrap();
            if status.state == CaseState::Judging && !court.provider.seen().is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    judging.await;
}

/// How many ballots the store holds.
pub(super) async fn ballots(court: &Court) -> usize {
    let config = court.config();
    let key = config.key.open().await.unwrap();
    surety_juror::export(&config, &key).await.unwrap().ballots().len()
}

/// The juror's command on the court's chain over HTTP.
pub(super) fn command(court: &Court, rpc: &str, stop_secs: u64) -> tokio::process::Command {
    let mut config = court.config();
    rpc.clone_into(&mut config.chain_rpc);
    config.limits.stop_secs = stop_secs;
    config.fetch.deliverable_max_bytes = surety_terms::limits::DELIVERABLE_BYTES;
    let path = write(&court.folder, "juror.toml", &toml::to_string(&config).unwrap());
    let mut command = surety();
    command.args(["juror", "run", "--config", &path]);
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_juror_that_is_told_to_end_finishes_the_case_that_it_judges() {
    let gate = Gate::default();
    let court = gate.court().await;
    let served = court.node.serve().await;
    let juror = Running::start(command(&court, &served.url(), 50)).await;
    begin(&court, &juror.url).await;
    juror.tell().await;
    gate.open();
    juror.ended().await;
    assert_eq!(ballots(&court).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_juror_that_is_told_to_end_leaves_what_takes_too_long_to_the_next_start() {
    let gate = Gate::default();
    let court = gate.court().await;
    let served = court.node.serve().await;
    let juror = Running::start(command(&court, &served.url(), 1)).await;
    begin(&court, &juror.url).await;
    let log = juror.end().await;
    assert!(log.contains("left to the next start"), "{log}");
    assert_eq!(ballots(&court).await, 0);
    gate.open();
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.ballot(&juror, case).await;
    juror.shutdown().await;
    assert_eq!(ballots(&court).await, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_juror_that_is_ending_takes_no_case_and_is_not_ready() {
    let gate = Gate::default();
    let court = gate.court().await;
    let mut config = court.config();
    config.limits.stop_secs = 50;
    let juror = court.try_start(config).await.unwrap();
    let url = juror.url().to_owned();
    begin(&court, &url).await;
    let ending = tokio::spawn(juror.shutdown());
    let problem = loop {
        let ready = court.http.get(format!("{url}/readyz")).send().await.unwrap();
        if ready.status() == 503 {
            break problem(ready).await;
        }
        tokio::task::yield_now().await;
    };
    assert!(problem.detail.contains("it is stopping"), "{}", problem.detail);
    gate.open();
    ending.await.unwrap();
    assert_eq!(ballots(&court).await, 1);
}

#[tokio::test]
async fn readiness_names_a_head_that_stands_still_and_a_key_that_left() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let url = format!("{}/readyz", juror.url());
    assert_eq!(court.http.get(&url).send().await.unwrap().status(), 204);
    juror.shutdown().await;

    let mut config = court.config();
    config.limits.stale_secs = 0;
    let key = court.world.juror(0);
    let juror = court.try_start(config).await.unwrap();
    let contracts = court.world.contracts();
    court.node.set_balance(key.address(), U256::from(10).pow(U256::from(18)));
    let nonce = court.world.view(contracts.jury, &Jury::jurorCall { key: key.address() }).unwrap();
    let u = Unbonding {
        juror: key.address(),
        nonce: nonce.registrations,
        validUntil: alloy::primitives::aliases::U40::MAX,
    };
    let unbond = Jury::unbondCall { u, signature: Bytes::new() }.abi_encode();
    let claim = Jury::claimCall { key: key.address() }.abi_encode();
    for (call, wait) in [(unbond, 30 * 24), (claim, 0)] {
        let request = TransactionRequest::default().with_to(contracts.jury).with_input(call);
        let sent = court.node.provider_for(key.clone()).send_transaction(request).await.unwrap();
        assert!(sent.get_receipt().await.unwrap().status());
        court.node.advance(Duration::from_hours(wait));
    }
    let answer = court.http.get(format!("{}/readyz", juror.url())).send().await.unwrap();
    let problem = problem(answer).await;
    for needed in ["is not registered", "has not moved"] {
        assert!(problem.detail.contains(needed), "{}", problem.detail);
    }
    let alive = court.http.get(format!("{}/livez", juror.url())).send().await.unwrap();
    assert_eq!(alive.status(), 204, "a juror without a seat lives");
}

#[tokio::test]
async fn the_numbers_follow_a_case() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let numbers = async || {
        let answer = court.http.get(format!("{}/metrics", juror.url())).send().await.unwrap();
        answer.text().await.unwrap()
    };
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    let open = numbers().await;
    assert!(open.contains("surety_juror_cases_open 1\n"), "{open}");
    court.push(&juror, WORK).await;
    court.ballot(&juror, case).await;
    let ended = numbers().await;
    for line in ["cases_taken_total 1\n", "cases_balloted_total 1\n", "cases_silent_total 0\n"] {
        assert!(ended.contains(line), "{line}: {ended}");
    }
}
