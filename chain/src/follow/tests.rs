//! The follower against a chain that grows, reorganises and answers too much.

use alloy::primitives::{Address, Bytes};
use proptest::prelude::*;

use super::*;
use crate::toy::{Fault, Toy};
use surety_store::Store;
use surety_store::scratch::{Engine, Scratch};

const ADDRESS: Address = Address::repeat_byte(5);

struct Bench {
    toy: Toy,
    store: Store,
    follower: Follower,
    /// What a consumer's rows would hold: (block, data).
    rows: Vec<(u64, Bytes)>,
}

fn config(tag: BlockTag) -> FollowConfig {
    FollowConfig { name: "t", addresses: vec![ADDRESS], tag, start_block: 0, max_range: 16 }
}

impl Bench {
    async fn new(scratch: &Scratch, tag: BlockTag) -> Self {
        let toy = Toy::new();
        let store = scratch.open().await;
        store.migrate("follow", migrations()).await.unwrap();
        let follower = Follower::new(toy.rpc(), config(tag));
        Self { toy, store, follower, rows: Vec::new() }
    }

    /// One step, saved; says whether there may be more.
    async fn step(&mut self) -> Result<bool, ChainError> {
        let step = self.follower.next(&mut *self.store.read().await?).await?;
        let mut tx = self.store.begin().await?;
        step.save(&mut tx, self.follower.config()).await?;
        tx.commit().await?;
        match step {
            Step::CaughtUp { .. } => return Ok(false),
            Step::Orphaned { from_block } => self.rows.retain(|(block, _)| *block < from_block),
            Step::Batch(batch) => {
                self.rows.extend(batch.logs.into_iter().map(|l| (l.block, l.log.data.data)));
            }
        }
        Ok(true)
    }

    async fn catch_up(&mut self) {
        while self.step().await.unwrap() {}
    }

    fn canonical(&self) -> Vec<(u64, Bytes)> {
        let state = self.toy.state();
        let blocks = (0_u64..).zip(&state.blocks);
        blocks.flat_map(|(n, b)| b.logs.iter().map(move |(_, data)| (n, data.clone()))).collect()
    }

    fn log(&self, n: u64) {
        self.toy.mine_logs(vec![(ADDRESS, Bytes::from(n.to_be_bytes().to_vec()))]);
    }
}

async fn logs_arrive_in_order_with_their_blocks_time(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, BlockTag::Latest).await;
    bench.log(1);
    bench.toy.mine();
    bench.log(2);
    let step = bench.follower.next(&mut bench.store.read().await.unwrap()).await.unwrap();
    let Step::Batch(batch) = step else { panic!("{step:?}") };
    let times: Vec<_> = batch.logs.iter().map(|l| (l.block, l.timestamp)).collect();
    assert_eq!(times, [(1, 1_012), (3, 1_036)]);
}

async fn a_range_that_is_too_much_is_halved_until_it_fits(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, BlockTag::Latest).await;
    bench.toy.state().most_logs = 2;
    for n in 0..40 {
        bench.log(n);
    }
    bench.catch_up().await;
    assert_eq!(bench.rows, bench.canonical());
    assert_eq!(bench.rows.len(), 40);
}

async fn a_reorganisation_takes_back_exactly_the_orphaned_blocks(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, BlockTag::Latest).await;
    for n in 0..6 {
        bench.log(n);
        bench.catch_up().await;
    }
    bench.toy.reorg(3, false);
    for n in 10..15 {
        bench.log(n);
    }
    let step = bench.follower.next(&mut bench.store.read().await.unwrap()).await.unwrap();
    assert!(matches!(step, Step::Orphaned { from_block: 4 }), "{step:?}");
    bench.catch_up().await;
    assert_eq!(bench.rows, bench.canonical());
}

async fn a_chain_that_lags_is_waited_for(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, BlockTag::Latest).await;
    for n in 0..4 {
        bench.log(n);
        bench.catch_up().await;
    }
    let newest = bench.toy.state().blocks.pop().unwrap();
    assert!(!bench.step().await.unwrap());
    assert_eq!(bench.rows.len(), 4);
    bench.toy.state().blocks.push(newest);
    bench.log(5);
    bench.catch_up().await;
    assert_eq!(bench.rows, bench.canonical());
}

async fn blocks_above_the_tag_do_not_exist_yet(scratch: &Scratch) {
    let mut bench = Bench::new(scratch, BlockTag::Safe).await;
    bench.toy.state().safe_depth = 2;
    for n in 0..5 {
        bench.log(n);
    }
    bench.catch_up().await;
    assert_eq!(bench.rows.len(), 3);
}

#[derive(Debug, Clone)]
enum Act {
    Log(u64),
    Mine,
    Reorg(usize),
    Step,
    Restart,
    Faults(Vec<Option<Fault>>),
}

fn act() -> impl Strategy<Value = Act> {
    let fault = prop_oneof![
        Just(None),
        Just(Some(Fault::Lost)),
        Just(Some(Fault::AnswerLost)),
        Just(Some(Fault::Garbage)),
    ];
    prop_oneof![
        4 => any::<u64>().prop_map(Act::Log),
        2 => Just(Act::Mine),
        2 => (1_usize..6).prop_map(Act::Reorg),
        4 => Just(Act::Step),
        1 => Just(Act::Restart),
        2 => prop::collection::vec(fault, 1..6).prop_map(Act::Faults),
    ]
}

async fn live_through(scratch: &Scratch, acts: Vec<Act>) -> Bench {
    let mut bench = Bench::new(scratch, BlockTag::Latest).await;
    for act in acts {
        match act {
            Act::Log(n) => bench.log(n),
            Act::Mine => bench.toy.mine(),
            Act::Reorg(depth) => {
                bench.toy.reorg(depth, false);
                bench.toy.mine();
            }
            Act::Step => drop(bench.step().await),
            Act::Restart => {
                bench.follower = Follower::new(bench.toy.rpc(), config(BlockTag::Latest));
            }
            Act::Faults(faults) => bench.toy.state().faults = faults.into(),
        }
    }
    bench.toy.state().faults.clear();
    for _ in 0..8 {
        bench.toy.mine();
    }
    bench.catch_up().await;
    bench
}

surety_store::on_both!(
    logs_arrive_in_order_with_their_blocks_time,
    a_range_that_is_too_much_is_halved_until_it_fits,
    a_reorganisation_takes_back_exactly_the_orphaned_blocks,
    a_chain_that_lags_is_waited_for,
    blocks_above_the_tag_do_not_exist_yet,
);

#[expect(clippy::unwrap_in_result, reason = "a broken runtime is no counterexample")]
fn canonical_rows(engine: Engine, acts: Vec<Act>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let Some(scratch) = runtime.block_on(Scratch::new(engine)) else { return Ok(()) };
    let bench = runtime.block_on(live_through(&scratch, acts));
    prop_assert_eq!(&bench.rows, &bench.canonical());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_the_rows_are_those_of_the_canonical_chain(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        canonical_rows(Engine::Sqlite, acts)?;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    #[test]
    fn whatever_fails_the_rows_are_those_of_the_canonical_chain_on_postgres(
        acts in prop::collection::vec(act(), 1..60),
    ) {
        canonical_rows(Engine::Postgres, acts)?;
    }
}
