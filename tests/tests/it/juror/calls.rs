//! What a juror's view of the chain costs: it is counted in blocks, however many its cases are.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use alloy::providers::{Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportFut};
use surety_juror::Handle;
use surety_terms::TermSheet;
use surety_tests::Node;
use tower::Service;

use super::*;

/// How many cases wait for their deliverable.
const CASES: usize = 20;
/// How many blocks come meanwhile.
const BLOCKS: usize = 20;

/// A node that counts the calls of contracts and the questions for events.
#[derive(Clone, Debug)]
struct Counted {
    node: Node,
    asked: Arc<AtomicUsize>,
}

impl Service<RequestPacket> for Counted {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.node.poll_ready(context)
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        // Polling for a new block goes by the clock.
        let counts = |method: &str| matches!(method, "eth_call" | "eth_getLogs");
        let asked = packet.requests().iter().filter(|request| counts(request.method())).count();
        self.asked.fetch_add(asked, Ordering::SeqCst);
        self.node.call(packet)
    }
}

impl Counted {
    async fn start(&self, court: &Court) -> Handle {
        let provider = RootProvider::new(RpcClient::new(self.clone(), true)).erased();
        surety_juror::start_on(court.config(), provider).await.unwrap()
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

/// A court with so many open deals, and their sheets.
async fn crowded() -> (Court, Vec<TermSheet>) {
    let mut court = Court::kind().await;
    let sheet = |salt: usize| TermSheet {
        salt: B256::left_padding_from(&(salt + 100).to_be_bytes()),
        ..court.sheet.clone()
    };
    let sheets: Vec<TermSheet> = (0..CASES).map(sheet).collect();
    for sheet in &sheets {
        court.world.open(&sheet.terms()).unwrap();
    }
    court.node = court.world.node();
    (court, sheets)
}

/// Waits until the juror has announced the chain's newest block.
async fn caught_up(court: &Court, juror: &Handle) {
    let url = format!("{}/metrics", juror.url());
    let head = format!("surety_juror_head_block {}\n", court.node.height());
    while !court.http.get(&url).send().await.unwrap().text().await.unwrap().contains(&head) {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_juror_asks_the_chain_by_the_block_and_not_by_the_case() {
    let (court, sheets) = crowded().await;
    let counted = Counted { node: court.node.clone(), asked: Arc::default() };
    let juror = counted.start(&court).await;
    let mut cases = Vec::new();
    for sheet in &sheets {
        cases.push(court.take(&juror, &court.request_for(sheet, WORK, "")).await.case_id);
    }
    let before = counted.asked();
    for _ in 0..BLOCKS {
        court.node.mine();
        caught_up(&court, &juror).await;
    }
    // The events of a block, and the deal and the milestone of one case in turn; each case's first
    // look may have come late.
    let most = BLOCKS * 3 + CASES * 2;
    let asked = counted.asked() - before;
    assert!(asked <= most, "{asked} calls for {BLOCKS} blocks and {CASES} cases, not {most}");

    // The juror still sees what happens to one of them, and the time of all.
    let pinned = &sheets[CASES / 2];
    court.pin_directly(&[(pinned, WORK, "")]).await;
    court.go_to(court.node.now() + DAY * 9 / 10);
    assert_eq!(court.ballot(&juror, cases[CASES / 2]).await.reason, 1);
    let other = court.status(&juror, cases[0], 0).await;
    assert_eq!(other.state, CaseState::AwaitingDeliverable);
    court.go_to(court.deliver_by() + DAY * 9 / 10);
    for (index, case) in cases.into_iter().enumerate().filter(|(index, _)| *index != CASES / 2) {
        assert_eq!(court.ballot(&juror, case).await.reason, 1, "{index}");
    }
    juror.shutdown().await;
}

#[tokio::test]
async fn every_case_looks_again_after_a_reorganisation() {
    let mut court = Court::kind().await;
    let salts = [21, 22, 23].map(B256::repeat_byte);
    for salt in salts {
        court.sheet.salt = salt;
        court.open().await;
    }
    let juror = court.start().await;
    let mut cases = Vec::new();
    for salt in salts {
        court.sheet.salt = salt;
        cases.push(court.take(&juror, &court.request(WORK)).await.case_id);
    }
    // The blocks in their place are at the same heights and times.
    court.node.reorg(3, Orphans::Forget);
    for case in cases {
        let status = court.status(&juror, case, 30).await;
        assert_eq!(status.state, CaseState::Silent, "{status:?}");
        assert_eq!(status.problem.unwrap().slug(), "deal-not-open");
    }
    juror.shutdown().await;
}
