//! The sender against a chain that forgets, reorganises and hangs up.
#![expect(clippy::cognitive_complexity, reason = "a test tells a story from start to end")]

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::signers::local::PrivateKeySigner;
use proptest::prelude::*;

use super::*;
use crate::toy::{Fault, Toy};
use surety_store::scratch::{Engine, Scratch};
use surety_store::{Leases, StoreError};

struct Bench {
    toy: Toy,
    store: Store,
    sender: Sender,
    task: SenderTask,
    config: SendConfig,
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
    async fn new(scratch: &Scratch, config: SendConfig) -> Self {
        let toy = Toy::new();
        let store = scratch.open().await;
        let (sender, task) = Sender::new(store.clone(), toy.rpc(), key(), config).await.unwrap();
        Self { toy, store, sender, task, config }
    }

    /// Forgets everything that is not in the store, as a restart does.
    async fn restart(&mut self) {
        let rpc = self.toy.rpc();
        self.toy.state().faults.clear();
        let made = Sender::new(self.store.clone(), rpc, key(), self.config).await.unwrap();
        (self.sender, self.task) = made;
    }

    async fn ask(&self, n: u64) -> B256 {
        self.ask_at(0, n).await
    }

    async fn ask_at(&self, rank: u8, n: u64) -> B256 {
        let request = Request { rank, ..request(n) };
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
    Request { id, to: Address::repeat_byte(9), calldata: id.into(), rank: 0 }
}

fn effect(n: u64) -> Bytes {
    request(n).calldata
}

async fn a_request_is_sent_once_and_done_when_its_block_stands(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_request_is_done_only_at_the_configured_depth(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, SendConfig { block_tag: BlockTag::Safe, ..config() }).await;
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

async fn signed_bytes_that_nobody_saw_are_handed_out_after_a_restart(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_lost_answer_counts_as_sent(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn an_orphaned_transaction_is_sent_again(scratch: &Scratch) {
    orphaned(scratch, false).await;
}

async fn an_orphaned_transaction_that_became_pointless_is_not_sent_again(scratch: &Scratch) {
    orphaned(scratch, true).await;
}

async fn orphaned(scratch: &Scratch, pointless: bool) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_chain_that_only_became_shorter_is_believed_after_a_while(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn what_would_revert_is_not_sent_and_may_be_asked_again(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_stuck_transaction_is_replaced_by_a_better_paid_one(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, SendConfig { replace_after_secs: 24, ..config() }).await;
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

async fn an_order_pays_more_at_once_or_gives_a_waiting_request_up(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
    let (kept, given_up) = (bench.ask(1).await, bench.ask(2).await);
    let trace = async |bench: &Bench, id| bench.sender.trace(id).await.unwrap().unwrap();
    let queued = bench.ask(3).await;
    assert_eq!(bench.sender.order(queued, Order::Cancel).await.unwrap(), Some(SendState::Queued));
    assert_eq!(trace(&bench, queued).await.status.failure, Some(Failure::Withdrawn));
    bench.tick().await.unwrap();
    let before = trace(&bench, kept).await;
    assert_eq!((before.nonce, before.attempts.len(), before.order), (Some(0), 1, None));
    for (id, order) in [(kept, Order::Bump), (given_up, Order::Cancel)] {
        assert_eq!(bench.sender.order(id, order).await.unwrap(), Some(SendState::Sent));
        assert_eq!(trace(&bench, id).await.order, Some(order));
    }
    // An order is a row: it outlives the process that took it.
    bench.restart().await;
    bench.tick().await.unwrap();
    let after = trace(&bench, kept).await;
    assert_eq!((after.attempts.len(), after.order), (2, None));
    assert!(after.attempts[1].max_fee_wei > before.attempts[0].max_fee_wei);
    assert!(!after.attempts[1].blank && trace(&bench, given_up).await.attempts[1].blank);
    assert_eq!(bench.sender.line().await.unwrap().gaps(0), [0; 0]);
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!(bench.state(kept).await, SendState::Mined);
    assert_eq!(trace(&bench, given_up).await.status.failure, Some(Failure::Withdrawn));
    assert_eq!(bench.toy.effects(), [effect(1)]);
    assert_eq!(bench.sender.order(kept, Order::Cancel).await.unwrap(), Some(SendState::Mined));
    assert_eq!(bench.sender.order(B256::ZERO, Order::Bump).await.unwrap(), None);
}

async fn bytes_that_no_node_takes_give_their_nonce_to_nobody_and_block_nobody(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_gap_below_waiting_transactions_is_filled(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
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

async fn a_nonce_that_a_stranger_used_is_not_waited_for(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    // The same key elsewhere: its transaction takes our nonce.
    let elsewhere = Scratch::new(Engine::Sqlite).await.unwrap();
    let mut other = Bench::new(&elsewhere, config()).await;
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

async fn what_goes_beyond_the_days_budget_waits_until_there_is_room_or_the_next_day(
    scratch: &Scratch,
) {
    let budget_wei_per_day = Some(MOST + COST - 1);
    let mut bench = Bench::new(scratch, SendConfig { budget_wei_per_day, ..config() }).await;
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

async fn the_lowest_rank_goes_first_and_who_asks_again_goes_earlier(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, SendConfig { max_in_flight: 1, ..config() }).await;
    for (rank, n) in [(2, 1), (2, 2), (1, 3), (0, 4)] {
        bench.ask_at(rank, n).await;
    }
    assert_eq!(bench.sender.queued().await.unwrap(), [(0, 1), (1, 1), (2, 2)]);
    assert_eq!(bench.sender.line().await.unwrap(), Line { queued: 4, waiting: vec![] });
    // Of the lowest rank now, though a stranger was first; the other way round nothing changes.
    bench.ask_at(0, 2).await;
    bench.ask_at(2, 4).await;
    assert_eq!(bench.sender.queued().await.unwrap(), [(0, 2), (1, 1), (2, 1)]);
    for _ in 0..4 {
        bench.tick().await.unwrap();
        assert_eq!(bench.sender.line().await.unwrap().waiting.len(), 1);
        bench.toy.mine();
    }
    bench.tick().await.unwrap();
    assert_eq!(bench.toy.effects(), [4, 2, 3, 1].map(effect));
    assert_eq!(bench.sender.line().await.unwrap(), Line::default());
}

async fn what_failed_may_be_asked_for_again_at_any_rank(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
    bench.toy.state().reverting.insert(effect(1));
    let id = bench.ask(1).await;
    bench.tick().await.unwrap();
    assert_eq!(bench.state(id).await, SendState::Failed);
    bench.ask_at(2, 1).await;
    assert_eq!(bench.sender.queued().await.unwrap(), [(2, 1)]);
}

async fn a_share_that_is_used_up_keeps_only_its_own_ranks_waiting(scratch: &Scratch) {
    let share = Some(Share { from_rank: 1, percent: 50 });
    let budget_wei_per_day = Some(2 * (MOST + COST - 1));
    let config = SendConfig { budget_wei_per_day, share, ..config() };
    let mut bench = Bench::new(scratch, config).await;
    let (first, second) = (bench.ask_at(2, 1).await, bench.ask_at(1, 2).await);
    bench.tick().await.unwrap();
    assert_eq!(
        (bench.state(first).await, bench.state(second).await),
        (SendState::Queued, SendState::Sent)
    );
    let opens = bench.sender.health().share_opens;
    assert!(opens > 0 && opens.is_multiple_of(86_400), "{opens}");
    // Nobody else waits for that, and the budget is not used up.
    let own = bench.ask(3).await;
    bench.tick().await.unwrap();
    assert_eq!(
        (bench.state(first).await, bench.state(own).await),
        (SendState::Queued, SendState::Sent)
    );
    assert!(!bench.sender.health().over_budget);
    // It cost less than it might have; that is still too much for both, after a restart too.
    bench.toy.mine();
    bench.restart().await;
    bench.tick().await.unwrap();
    assert_eq!(
        (bench.state(first).await, bench.state(own).await),
        (SendState::Queued, SendState::Mined)
    );
    assert_eq!(bench.sender.health().share_opens, opens);
    bench.toy.state().pause = 86_400;
    bench.toy.mine();
    bench.tick().await.unwrap();
    assert_eq!((bench.state(first).await, bench.sender.health().share_opens), (SendState::Sent, 0));
    // By nonce: what was signed first had the lowest rank of those that were there.
    let mut conn = bench.store.read().await.unwrap();
    let ranks = sqlx::query_scalar::<_, i64>("SELECT rank FROM send_cost ORDER BY nonce");
    assert_eq!(ranks.fetch_all(&mut *conn).await.unwrap(), [1, 0, 2]);
}

async fn what_is_out_already_may_be_replaced_beyond_the_budget(scratch: &Scratch) {
    let budget_wei_per_day = Some(MOST);
    let config = SendConfig { budget_wei_per_day, replace_after_secs: 12, ..config() };
    let mut bench = Bench::new(scratch, config).await;
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
        let scratch = Scratch::new(Engine::Sqlite).await.unwrap();
        let budget_wei_per_day = Some(MOST + 1);
        let mut bench = Bench::new(&scratch, SendConfig { budget_wei_per_day, ..config() }).await;
        bench.toy.state().l1_fee = l1_fee;
        let id = bench.ask(1).await;
        bench.tick().await.unwrap();
        assert_eq!(bench.state(id).await, needed, "{l1_fee:?}");
    }
}

/// Two keys that share a database, each with a chain that knows no other.
async fn two_keys(
    scratch: &Scratch,
    config: SendConfig,
) -> (Store, [(Toy, Sender, SenderTask); 2]) {
    let store = scratch.open().await;
    let mut keys = Vec::new();
    for n in [8, 9] {
        let key: DynSigner = Arc::new(PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).unwrap());
        let toy = Toy::new();
        let made = Sender::new(store.clone(), toy.rpc(), key, config).await.unwrap();
        keys.push((toy, made.0, made.1));
    }
    let [first, second] = <[_; 2]>::try_from(keys).ok().unwrap();
    (store, [first, second])
}

/// They sign at the same moment, in a database that lets writers work beside each other.
async fn two_keys_do_not_fill_the_same_room_in_a_budget(scratch: &Scratch) {
    let budget_wei_per_day = Some(MOST + COST);
    let (store, mut keys) = two_keys(scratch, SendConfig { budget_wei_per_day, ..config() }).await;
    for round in 0..8_u64 {
        for (n, (_, sender, _)) in (2 * round..).zip(&keys) {
            let mut tx = store.begin().await.unwrap();
            sender.queue(&mut tx, &request(n)).await.unwrap();
            tx.commit().await.unwrap();
        }
        let [(_, _, first), (_, _, second)] = &mut keys;
        let (a, b) = tokio::join!(first.tick(), second.tick());
        assert!(a.unwrap() != b.unwrap(), "round {round}: one goes out and one waits");
        // Tomorrow the other may go out, and the day after both are done.
        for _ in 0..2 {
            for (toy, _, task) in &mut keys {
                toy.state().pause = 86_400;
                toy.mine();
                task.tick().await.unwrap();
            }
        }
        for (toy, ..) in &keys {
            toy.state().pause = 86_400;
            toy.mine();
            assert_eq!(toy.effects().len() as u64, round + 1);
        }
    }
}

async fn an_order_is_carried_out_by_the_key_that_has_the_request(scratch: &Scratch) {
    let (store, mut keys) = two_keys(scratch, config()).await;
    let id = request(1).id;
    let mut tx = store.begin().await.unwrap();
    keys[1].1.queue(&mut tx, &request(1)).await.unwrap();
    tx.commit().await.unwrap();
    for needed in [vec![false], vec![false, false], vec![false, false, true]] {
        for (_, _, task) in &mut keys {
            task.tick().await.unwrap();
        }
        let trace = keys[0].1.trace(id).await.unwrap().unwrap();
        let blank: Vec<bool> = trace.attempts.iter().map(|attempt| attempt.blank).collect();
        assert_eq!((&blank, trace.order), (&needed, None));
        let order = if blank.len() == 1 { Order::Bump } else { Order::Cancel };
        assert_eq!(keys[0].1.order(id, order).await.unwrap(), Some(SendState::Sent));
    }
}

async fn errors_never_show_the_endpoint(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, config()).await;
    bench.toy.state().faults = [Some(Fault::Lost)].into();
    let error = bench.tick().await.unwrap_err();
    assert!(error.retryable());
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

async fn the_task_runs_until_told_to_stop_and_a_waiter_hears_of_the_end(scratch: &Scratch) {
    let bench = Bench::new(scratch, config()).await;
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

async fn live_through(scratch: &Scratch, acts: Vec<Act>) -> (Vec<u64>, Bench) {
    let mut bench = Bench::new(scratch, SendConfig { replace_after_secs: 24, ..config() }).await;
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

/// The first owner is silent for the others and does not notice: it is frozen, or cut off.
#[tokio::test]
async fn a_key_that_is_taken_over_goes_on_with_the_same_bytes_and_its_old_owner_signs_nothing() {
    let Some(scratch) = Scratch::new(Engine::Postgres).await else { return };
    let frozen = scratch.open_with(Leases { ttl_ms: 0, renew_ms: 600_000 }).await;
    let mut bench = Bench::new(&scratch, config()).await;
    let made = Sender::new(frozen, bench.toy.rpc(), key(), config()).await.unwrap();
    let (_, mut old) = made;
    bench.ask(1).await;
    old.tick().await.unwrap();
    let signed = std::mem::take(&mut bench.toy.state().pool);
    assert_eq!(signed.len(), 1);

    bench.tick().await.unwrap();
    assert_eq!(bench.toy.state().pool, signed);
    bench.ask(2).await;
    let error = old.tick().await.unwrap_err();
    assert!(matches!(error, ChainError::Store(StoreError::LeaseLost { kind: "key" })), "{error}");
    old.role.doubt();
    assert!(!old.tick().await.unwrap());
    bench.tick().await.unwrap();
    bench.toy.mine();
    assert_eq!(bench.toy.effects(), [effect(1), effect(2)]);
}

surety_store::on_both!(
    a_request_is_sent_once_and_done_when_its_block_stands,
    a_request_is_done_only_at_the_configured_depth,
    signed_bytes_that_nobody_saw_are_handed_out_after_a_restart,
    a_lost_answer_counts_as_sent,
    an_orphaned_transaction_is_sent_again,
    an_orphaned_transaction_that_became_pointless_is_not_sent_again,
    a_chain_that_only_became_shorter_is_believed_after_a_while,
    what_would_revert_is_not_sent_and_may_be_asked_again,
    a_stuck_transaction_is_replaced_by_a_better_paid_one,
    an_order_pays_more_at_once_or_gives_a_waiting_request_up,
    bytes_that_no_node_takes_give_their_nonce_to_nobody_and_block_nobody,
    a_gap_below_waiting_transactions_is_filled,
    a_nonce_that_a_stranger_used_is_not_waited_for,
    what_goes_beyond_the_days_budget_waits_until_there_is_room_or_the_next_day,
    the_lowest_rank_goes_first_and_who_asks_again_goes_earlier,
    what_failed_may_be_asked_for_again_at_any_rank,
    a_share_that_is_used_up_keeps_only_its_own_ranks_waiting,
    what_is_out_already_may_be_replaced_beyond_the_budget,
    two_keys_do_not_fill_the_same_room_in_a_budget,
    an_order_is_carried_out_by_the_key_that_has_the_request,
    errors_never_show_the_endpoint,
    the_task_runs_until_told_to_stop_and_a_waiter_hears_of_the_end,
);

#[expect(clippy::unwrap_in_result, reason = "a broken runtime is no counterexample")]
fn exactly_once(engine: Engine, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(scratch) = runtime.block_on(Scratch::new(engine)) else { return Ok(()) };
    let (asked, bench) = runtime.block_on(live_through(&scratch, acts));
    for n in &asked {
        let state = runtime.block_on(bench.state(request(*n).id));
        prop_assert_eq!(state, SendState::Mined);
    }
    let mut effects = bench.toy.effects();
    effects.sort();
    let needed: Vec<Bytes> = asked.iter().map(|n| effect(*n)).collect();
    prop_assert_eq!(effects, needed);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_each_request_takes_effect_exactly_once(
        acts in prop::collection::vec(act(), 1..40),
    ) {
        exactly_once(Engine::Sqlite, acts)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_each_request_takes_effect_exactly_once_on_postgres(
        acts in prop::collection::vec(act(), 1..40),
    ) {
        exactly_once(Engine::Postgres, acts)?;
    }
}
