//! The sender against a chain that forgets, reorganises and hangs up.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::signers::local::PrivateKeySigner;
use proptest::prelude::*;

use super::*;
use crate::toy::{Fault, Toy};

struct Bench {
    toy: Toy,
    store: Store,
    sender: Sender,
    task: SenderTask,
    config: SendConfig,
    _dir: tempfile::TempDir,
}

fn config() -> SendConfig {
    SendConfig {
        block_tag: BlockTag::Latest,
        poll_ms: 1,
        rebroadcast_ms: 0,
        max_in_flight: 4,
        ..SendConfig::default()
    }
}

fn key() -> DynSigner {
    Arc::new(PrivateKeySigner::from_bytes(&B256::repeat_byte(7)).unwrap())
}

impl Bench {
    async fn new(config: SendConfig) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let toy = Toy::new();
        let store = Store::open(dir.path(), "send").await.unwrap();
        let (sender, task) = Sender::new(store.clone(), toy.rpc(), key(), config).await.unwrap();
        Self { toy, store, sender, task, config, _dir: dir }
    }

    /// Forgets everything that is not in the store, as a restart does.
    async fn restart(&mut self) {
        let rpc = self.toy.rpc();
        self.toy.state().faults.clear();
        let made = Sender::new(self.store.clone(), rpc, key(), self.config).await.unwrap();
        (self.sender, self.task) = made;
    }

    async fn ask(&self, n: u64) -> B256 {
        let request = request(n);
        let mut tx = self.store.begin().await.unwrap();
        self.sender.queue(&mut tx, &request).await.unwrap();
        tx.commit().await.unwrap();
        request.id
    }

    async fn tick(&mut self) -> Result<bool, ChainError> {
        self.task.tick().await
    }

    async fn state(&self, id: B256) -> SendState {
        self.sender.status(id).await.unwrap().unwrap().state
    }
}

fn request(n: u64) -> Request {
    let id = B256::from(U256::from(n));
    Request { id, to: Address::repeat_byte(9), calldata: id.into() }
}

fn effect(n: u64) -> Bytes {
    request(n).calldata
}

#[tokio::test]
async fn a_request_is_sent_once_and_done_when_its_block_stands() {
    let mut bench = Bench::new(config()).await;
    let id = bench.ask(1).await;
    assert_eq!(bench.state(id).await, SendState::Queued);
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Sent);
    bench.ask(1).await;
    bench.toy.mine();
    bench.tick().await.unwrap();
    let status = bench.sender.status(id).await.unwrap().unwrap();
    assert_eq!((status.state, status.block), (SendState::Mined, Some(1)));
    bench.ask(1).await;
    bench.tick().await.unwrap();
    bench.toy.mine();
    assert_eq!(bench.toy.effects(), [effect(1)]);
}

#[tokio::test]
async fn a_request_is_done_only_at_the_configured_depth() {
    let mut bench = Bench::new(SendConfig { block_tag: BlockTag::Safe, ..config() }).await;
    bench.toy.state().safe_depth = 2;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    for _ in 0..2 {
        bench.toy.mine();
        bench.tick().await.unwrap();
        assert_eq!(bench.state(id).await, SendState::Sent);
    }
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
}

#[tokio::test]
async fn signed_bytes_that_nobody_saw_are_handed_out_after_a_restart() {
    let mut bench = Bench::new(config()).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    let hash = bench.sender.status(id).await.unwrap().unwrap().tx_hash;
    bench.toy.state().pool.clear();
    bench.restart().await;
    bench.tick().await.unwrap();
    bench.toy.mine();
    bench.tick().await.unwrap();
    let status = bench.sender.status(id).await.unwrap().unwrap();
    assert_eq!((status.state, status.tx_hash), (SendState::Mined, hash));
    assert_eq!(bench.toy.effects(), [effect(1)]);
}

#[tokio::test]
async fn a_lost_answer_counts_as_sent() {
    let mut bench = Bench::new(config()).await;
    let id = bench.ask(1).await;
    // Head, nonce, fees, gas, parent chain's fee; the sixth call hands the bytes out.
    bench.toy.state().faults = [None, None, None, None, None, Some(Fault::AnswerLost)].into();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Sent);
    assert_eq!(bench.toy.state().pool.len(), 1);
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(1)]);
}

#[tokio::test]
async fn an_orphaned_transaction_is_sent_again_unless_it_became_pointless() {
    for pointless in [false, true] {
        let mut bench = Bench::new(config()).await;
        let id = bench.ask(1).await;
        bench.tick().await.unwrap();
        bench.toy.mine();
        bench.tick().await.unwrap();
        assert_eq!(bench.state(id).await, SendState::Mined);
        bench.toy.reorg(1, false);
        bench.toy.mine_empty();
        if pointless {
            bench.toy.state().reverting.insert(effect(1));
        }
        bench.tick().await.unwrap();
        assert_eq!(bench.state(id).await, SendState::Sent);
        bench.toy.mine();
        bench.tick().await.unwrap();
        let status = bench.sender.status(id).await.unwrap().unwrap();
        if pointless {
            assert_eq!(status.failure, Some(Failure::Withdrawn));
            assert_eq!(bench.toy.effects(), Vec::<Bytes>::new());
        } else {
            assert_eq!(status.state, SendState::Mined);
            assert_eq!(bench.toy.effects(), [effect(1)]);
        }
    }
}

#[tokio::test]
async fn a_chain_that_only_became_shorter_is_believed_after_a_while() {
    let mut bench = Bench::new(config()).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    bench.toy.mine();
    bench.tick().await.unwrap();
    bench.toy.reorg(1, false);
    for _ in 0..4 {
        bench.tick().await.unwrap();
    }
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(1)]);
}

#[tokio::test]
async fn what_would_revert_is_not_sent_and_may_be_asked_again() {
    let mut bench = Bench::new(config()).await;
    bench.toy.state().reverting.insert(effect(1));
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    let status = bench.sender.status(id).await.unwrap().unwrap();
    assert_eq!(status.state, SendState::Failed);
    assert_eq!(status.failure, Some(Failure::Reverted(Bytes::from_static(b"no"))));
    assert!(bench.toy.state().pool.is_empty());
    bench.toy.state().reverting.clear();
    bench.ask(1).await;
    bench.tick().await.unwrap();
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
}

#[tokio::test]
async fn a_stuck_transaction_is_replaced_by_a_better_paid_one() {
    let mut bench = Bench::new(SendConfig { replace_after_secs: 24, ..config() }).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    let first = bench.sender.status(id).await.unwrap().unwrap().tx_hash;
    for _ in 0..2 {
        bench.toy.mine_empty();
    }
    bench.tick().await.unwrap();
    let second = bench.sender.status(id).await.unwrap().unwrap().tx_hash;
    assert_ne!(first, second);
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(1)]);
}

#[tokio::test]
async fn bytes_that_no_node_takes_give_their_nonce_to_nobody_and_block_nobody() {
    let mut bench = Bench::new(config()).await;
    bench.toy.state().unacceptable.insert(effect(1));
    let (bad, good) = (bench.ask(1).await, bench.ask(2).await);
    for _ in 0..3 {
        bench.tick().await.unwrap();
        bench.toy.mine();
    }
    bench.tick().await.unwrap();
    let status = bench.sender.status(bad).await.unwrap().unwrap();
    assert_eq!(status.failure, Some(Failure::Withdrawn));
    assert_eq!(bench.state(good).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(2)]);
}

#[tokio::test]
async fn a_gap_below_waiting_transactions_is_filled() {
    let mut bench = Bench::new(config()).await;
    // Another program used nonces 0 and 1 and the chain then forgot them.
    let (first, second) = (bench.ask(1).await, bench.ask(2).await);
    bench.tick().await.unwrap();
    bench.toy.mine();
    bench.tick().await.unwrap();
    let third = bench.ask(3).await;
    bench.tick().await.unwrap();
    let mut tx = bench.store.begin().await.unwrap();
    for id in [first, second] {
        sqlx::query(
            "UPDATE send_request SET state = 'failed', nonce = NULL, block = NULL WHERE id = $1",
        )
        .bind(id.as_slice())
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    bench.toy.reorg(1, false);
    bench.toy.state().pool.clear();
    bench.toy.mine_empty();
    for _ in 0..4 {
        bench.tick().await.unwrap();
        bench.toy.mine();
    }
    bench.tick().await.unwrap();
    assert_eq!(bench.state(third).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(3)]);
}

#[tokio::test]
async fn a_nonce_that_a_stranger_used_is_not_waited_for() {
    let mut bench = Bench::new(config()).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    // The same key elsewhere: its transaction takes our nonce.
    let mut other = Bench::new(config()).await;
    other.ask(77).await;
    other.tick().await.unwrap();
    let stolen = other.toy.state().pool.clone();
    bench.toy.state().pool = stolen;
    bench.toy.mine();
    for _ in 0..4 {
        bench.tick().await.unwrap();
    }
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
    assert_eq!(bench.toy.effects(), [effect(77), effect(1)]);
}

/// The most that one of these transactions can cost: 62,500 gas at twice the base fee and a tip.
const MOST: u64 = 62_500 * 2_001_000_000;
/// What it does cost: 21,000 gas at the base fee.
const COST: u64 = 21_000 * 1_000_000_000;

#[tokio::test]
async fn what_goes_beyond_the_days_budget_waits_until_there_is_room_or_the_next_day() {
    let budget_wei_per_day = Some(MOST + COST - 1);
    let mut bench = Bench::new(SendConfig { budget_wei_per_day, ..config() }).await;
    let (first, second) = (bench.ask(1).await, bench.ask(2).await);
    bench.tick().await.unwrap();
    assert_eq!(bench.state(first).await, SendState::Sent);
    assert_eq!(bench.state(second).await, SendState::Queued);
    assert_eq!(
        bench.sender.health().spent_wei.div_ceil(1_000_000_000),
        MOST.div_ceil(1_000_000_000)
    );
    assert!(bench.sender.health().over_budget);
    // A restart forgets nothing of it.
    bench.restart().await;
    bench.tick().await.unwrap();
    assert_eq!(bench.state(second).await, SendState::Queued);
    // It cost less than it might have; that is still too much for both.
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(first).await, SendState::Mined);
    assert_eq!(bench.state(second).await, SendState::Queued);
    assert_eq!(bench.sender.health().spent_wei, COST);
    bench.toy.state().pause = 86_400;
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(second).await, SendState::Sent);
    assert!(!bench.sender.health().over_budget);
}

#[tokio::test]
async fn what_is_out_already_may_be_replaced_beyond_the_budget() {
    let budget_wei_per_day = Some(MOST);
    let config = SendConfig { budget_wei_per_day, replace_after_secs: 12, ..config() };
    let mut bench = Bench::new(config).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    let first = bench.sender.status(id).await.unwrap().unwrap().tx_hash;
    bench.toy.mine_empty();
    bench.tick().await.unwrap();
    assert_ne!(bench.sender.status(id).await.unwrap().unwrap().tx_hash, first);
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Mined);
}

#[tokio::test]
async fn a_parent_chains_fee_counts() {
    for (l1_fee, needed) in [(None, SendState::Sent), (Some(2), SendState::Queued)] {
        let budget_wei_per_day = Some(MOST + 1);
        let mut bench = Bench::new(SendConfig { budget_wei_per_day, ..config() }).await;
        bench.toy.state().l1_fee = l1_fee;
        let id = bench.ask(1).await;
        bench.tick().await.unwrap();
        assert_eq!(bench.state(id).await, needed, "{l1_fee:?}");
    }
}

#[tokio::test]
async fn errors_never_show_the_endpoint() {
    let mut bench = Bench::new(config()).await;
    bench.toy.state().faults = [Some(Fault::Lost)].into();
    let error = bench.tick().await.unwrap_err();
    assert!(error.retryable());
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn the_task_runs_until_told_to_stop_and_a_waiter_hears_of_the_end() {
    let bench = Bench::new(config()).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(bench.task.run(stop.clone()));
    let mut tx = bench.store.begin().await.unwrap();
    bench.sender.queue(&mut tx, &request(1)).await.unwrap();
    tx.commit().await.unwrap();
    bench.sender.wake();
    let mut changes = bench.sender.changes();
    while bench.toy.state().pool.is_empty() {
        changes.changed().await.unwrap();
    }
    bench.toy.mine();
    let status = bench.sender.wait(request(1).id, Duration::from_secs(10)).await.unwrap().unwrap();
    assert_eq!(status.state, SendState::Mined);
    stop.cancel();
    running.await.unwrap();
}

#[derive(Debug, Clone)]
enum Act {
    Ask(u64),
    Tick,
    Mine,
    MineEmpty,
    DropPool,
    Reorg(usize, bool),
    Restart,
    Faults(Vec<Option<Fault>>),
}

fn act() -> impl Strategy<Value = Act> {
    let fault = prop_oneof![
        3 => Just(None),
        1 => Just(Some(Fault::Lost)),
        1 => Just(Some(Fault::AnswerLost)),
        1 => Just(Some(Fault::Garbage)),
    ];
    prop_oneof![
        3 => (1_u64..6).prop_map(Act::Ask),
        6 => Just(Act::Tick),
        3 => Just(Act::Mine),
        1 => Just(Act::MineEmpty),
        1 => Just(Act::DropPool),
        1 => (1_usize..4, any::<bool>()).prop_map(|(depth, keep)| Act::Reorg(depth, keep)),
        1 => Just(Act::Restart),
        2 => prop::collection::vec(fault, 1..12).prop_map(Act::Faults),
    ]
}

async fn live_through(acts: Vec<Act>) -> (Vec<u64>, Bench) {
    let mut bench = Bench::new(SendConfig { replace_after_secs: 24, ..config() }).await;
    let mut asked = Vec::new();
    for act in acts {
        match act {
            Act::Ask(n) => {
                bench.ask(n).await;
                asked.push(n);
            }
            // An error is what the next round is for.
            Act::Tick => drop(bench.tick().await),
            Act::Mine => bench.toy.mine(),
            Act::MineEmpty => bench.toy.mine_empty(),
            Act::DropPool => bench.toy.state().pool.clear(),
            Act::Reorg(depth, keep) => {
                bench.toy.reorg(depth, keep);
                bench.toy.mine_empty();
            }
            Act::Restart => bench.restart().await,
            Act::Faults(faults) => bench.toy.state().faults = faults.into(),
        }
    }
    bench.toy.state().faults.clear();
    for _ in 0..12 {
        bench.tick().await.unwrap();
        bench.toy.mine();
    }
    bench.tick().await.unwrap();
    asked.sort_unstable();
    asked.dedup();
    (asked, bench)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_each_request_takes_effect_exactly_once(
        acts in prop::collection::vec(act(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (asked, bench) = runtime.block_on(live_through(acts));
        for n in &asked {
            let state = runtime.block_on(bench.state(request(*n).id));
            prop_assert_eq!(state, SendState::Mined);
        }
        let mut effects = bench.toy.effects();
        effects.sort();
        let needed: Vec<Bytes> = asked.iter().map(|n| effect(*n)).collect();
        prop_assert_eq!(effects, needed);
    }
}
