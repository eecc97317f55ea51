//! What the relayer's stores carry: intents per second, by database and by instances that share one.
//!
//! An intent is a transaction that somebody wants sent, all the way to where it cannot be lost any
//! more: queued in a database transaction of its own, then given a nonce, signed, and its bytes stored
//! in another one, by the real sender. The node is in this process and takes no time to speak of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use alloy::network::TxSigner;
use alloy::primitives::{Address, B256, Bytes, Signature, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::signers::local::PrivateKeySigner;
use anyhow::Context as _;
use serde_json::json;
use surety_chain::send::{Request, SendConfig, SendState, Sender};
use surety_chain::{BlockTag, Rpc};
use surety_store::Store;
use surety_store::scratch::{Engine, Scratch};
use surety_tests::{Node, World};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::super::{Keys, per_second};

/// Intents of each instance.
const INTENTS: u64 = 1_000;
/// How many callers of an instance queue at the same time.
const CALLERS: u64 = 8;
/// Signed transactions that may wait for a block.
const IN_FLIGHT: u32 = 256;

pub(super) fn measure(runtime: &Runtime) -> anyhow::Result<Keys> {
    let mut keys = Keys::new();
    for (key, engine, instances) in [
        ("sqlite", Engine::Sqlite, 1),
        ("postgres", Engine::Postgres, 1),
        ("postgres_2_instances", Engine::Postgres, 2),
        ("postgres_4_instances", Engine::Postgres, 4),
    ] {
        let Some(scratch) = runtime.block_on(Scratch::new(engine)) else { continue };
        let elapsed = runtime.block_on(intents(&scratch, instances))?;
        let rate = per_second(INTENTS * u64::from(instances), elapsed);
        keys.push((format!("intents_per_s.{key}"), json!(rate)));
    }
    Ok(keys)
}

/// How long it takes until every instance has all its intents signed and stored.
async fn intents(scratch: &Scratch, instances: u8) -> anyhow::Result<Duration> {
    let world = World::bare();
    let node = world.node();
    let mut ready = Vec::new();
    for instance in 1..=instances {
        ready.push(Instance::new(scratch.open().await, &node, instance).await?);
    }
    let since = Instant::now();
    let running: Vec<_> = ready.into_iter().map(|i| tokio::spawn(i.run())).collect();
    for run in running {
        run.await??;
    }
    Ok(since.elapsed())
}

/// A process of a fleet, with a key of its own.
struct Instance {
    store: Store,
    sender: Sender,
    task: surety_chain::send::SenderTask,
    number: u8,
}

impl Instance {
    async fn new(store: Store, node: &Node, number: u8) -> anyhow::Result<Self> {
        let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(number))?;
        node.set_balance(key.address(), U256::from(10).pow(U256::from(20)));
        let config = SendConfig {
            block_tag: BlockTag::Latest,
            poll_ms: 1,
            max_in_flight: IN_FLIGHT,
            ..SendConfig::default()
        };
        let signer: Arc<dyn TxSigner<Signature> + Send + Sync> = Arc::new(key);
        let rpc = Rpc::new(node.provider().erased());
        let (sender, task) = Sender::new(store.clone(), rpc, signer, config).await?;
        Ok(Self { store, sender, task, number })
    }

    async fn run(self) -> anyhow::Result<()> {
        let Self { store, sender, task, number } = self;
        let stop = CancellationToken::new();
        let sending = tokio::spawn(task.run(stop.clone()));
        let callers = (0..CALLERS).map(|caller| {
            let (store, sender) = (store.clone(), sender.clone());
            tokio::spawn(async move {
                for n in (caller..INTENTS).step_by(usize::try_from(CALLERS)?) {
                    let mut tx = store.begin().await?;
                    sender.queue(&mut tx, &request(number, n)).await?;
                    tx.commit().await?;
                    sender.wake();
                }
                anyhow::Ok(())
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await??;
        }
        let mut changes = sender.changes();
        for n in 0..INTENTS {
            while state(&sender, number, n).await? == SendState::Queued {
                changes.changed().await?;
            }
        }
        stop.cancel();
        Ok(sending.await?)
    }
}

async fn state(sender: &Sender, instance: u8, n: u64) -> anyhow::Result<SendState> {
    let status = sender.status(request(instance, n).id).await?;
    Ok(status.context("an intent was lost")?.state)
}

fn request(instance: u8, n: u64) -> Request {
    let id = keccak256([&[instance][..], &n.to_be_bytes()].concat());
    Request { id, to: Address::repeat_byte(9), calldata: Bytes::from(id), rank: 0 }
}
