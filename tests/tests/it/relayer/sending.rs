//! Many transactions of several keys through endpoints that lose, refuse and repeat: each takes effect
//! once, and no nonce is left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use alloy::consensus::Transaction as _;
use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::providers::Provider as _;
use alloy::signers::local::PrivateKeySigner;
use surety_chain::BlockTag;
use surety_chain::send::{DynSigner, Request, SendConfig, SendState, Senders};
use surety_store::{Leases, Store};
use surety_tests::{Chaos, Node, Weather};
use tokio_util::sync::CancellationToken;

use super::storm::{is_deep, through};

const TARGET: Address = Address::repeat_byte(0x77);

fn key(node: &Node, n: u8) -> DynSigner {
    let key = PrivateKeySigner::from_bytes(&B256::repeat_byte(n)).unwrap();
    node.set_balance(key.address(), U256::from(10).pow(U256::from(20)));
    Arc::new(key)
}

fn request(n: u64) -> Request {
    let id = B256::from(U256::from(n + 1));
    Request { id, to: TARGET, calldata: id.into(), rank: 0 }
}

fn config() -> SendConfig {
    SendConfig {
        block_tag: BlockTag::Latest,
        poll_ms: 5,
        rebroadcast_ms: 20,
        max_in_flight: 64,
        ..SendConfig::default()
    }
}

/// How often each calldata took effect, and the nonces of each sender in order.
async fn effects(node: &Node) -> (BTreeMap<Bytes, u32>, BTreeMap<Address, Vec<u64>>) {
    let (mut effects, mut nonces) = (BTreeMap::new(), BTreeMap::<_, Vec<u64>>::new());
    for number in 0..=node.height() {
        let block = node.provider().get_block(number.into()).full().await.unwrap().unwrap();
        for tx in block.transactions.into_transactions() {
            nonces.entry(tx.inner.signer()).or_default().push(tx.nonce());
            if tx.to() == Some(TARGET) {
                *effects.entry(tx.input().clone()).or_default() += 1;
            }
        }
    }
    (effects, nonces)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_takes_effect_once_however_rough_the_endpoints_are() {
    let many: u64 = if is_deep() { 10_000 } else { 150 };
    let node = Node::empty();
    node.set_automine(false);
    let keys = (key(&node, 1), vec![key(&node, 2), key(&node, 3)]);
    let weather = Weather { lost: 50, answer_lost: 50, wrong_code: 50, ..Weather::default() };
    let rough = |seed| Chaos::over(&node, seed).with(weather).provider();
    let rpc = through(vec![rough(1), rough(2), rough(3)]);
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "send", Leases::default()).await.unwrap();
    let (senders, tasks) = loop {
        let made = Senders::new(store.clone(), rpc.clone(), keys.clone(), config()).await;
        if let Ok(made) = made {
            break made;
        }
    };
    let stop = CancellationToken::new();
    let running: Vec<_> = tasks.into_iter().map(|t| tokio::spawn(t.run(stop.clone()))).collect();
    let mining = {
        let (node, stop) = (node.clone(), stop.clone());
        tokio::spawn(async move {
            let mut n = 0_u32;
            while !stop.is_cancelled() {
                tokio::time::sleep(Duration::from_millis(10)).await;
                // Now and then the pool forgets one.
                n += 1;
                if n.is_multiple_of(7)
                    && let Some(hash) = node.pending().first()
                {
                    node.drop_pending(*hash);
                }
                node.mine();
            }
        })
    };
    for n in 0..many {
        let mut tx = store.begin().await.unwrap();
        senders.queue(&mut tx, &request(n)).await.unwrap();
        tx.commit().await.unwrap();
        senders.wake();
    }
    for n in 0..many {
        let patience = Duration::from_mins(if is_deep() { 50 } else { 1 });
        let status = senders.wait(request(n).id, patience).await.unwrap().unwrap();
        assert_eq!(status.state, SendState::Mined, "{n}: {status:?}");
    }
    stop.cancel();
    mining.await.unwrap();
    for task in running {
        task.await.unwrap();
    }
    let (effects, nonces) = effects(&node).await;
    assert_eq!(effects.len() as u64, many);
    assert!(effects.values().all(|times| *times == 1), "{effects:?}");
    assert_eq!(nonces.len(), 3, "every key sent");
    for (sender, nonces) in nonces {
        assert!(nonces.iter().enumerate().all(|(at, n)| at as u64 == *n), "{sender}: {nonces:?}");
    }
}

#[tokio::test]
async fn a_parent_chains_fee_is_asked_of_its_oracle() {
    let node = Node::empty();
    let oracle = "0x420000000000000000000000000000000000000F".parse().unwrap();
    // Returns 10^18 whatever it is asked: PUSH32 fee, PUSH0, MSTORE, PUSH1 32, PUSH0, RETURN.
    let fee = B256::from(U256::from(10).pow(U256::from(18)));
    let code = [&[0x7f][..], fee.as_slice(), &[0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3]].concat();
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path(), "send", Leases::default()).await.unwrap();
    let config = SendConfig { budget_wei_per_day: Some(10_u64.pow(18)), ..config() };
    let rpc = through(vec![Chaos::over(&node, 1).provider()]);
    for (code, over_budget) in [(code, true), (Vec::new(), false)] {
        node.set_code(oracle, code.into());
        let keys = (key(&node, 1), Vec::new());
        let made = Senders::new(store.clone(), rpc.clone(), keys, config).await.unwrap();
        let (senders, mut tasks) = made;
        let stop = CancellationToken::new();
        let task = tokio::spawn(tasks.remove(0).run(stop.clone()));
        let mut tx = store.begin().await.unwrap();
        senders.queue(&mut tx, &request(1)).await.unwrap();
        tx.commit().await.unwrap();
        senders.wake();
        super::court::eventually("it is decided", async || {
            let state = senders.status(request(1).id).await.unwrap().unwrap().state;
            senders.health().over_budget || state == SendState::Mined
        })
        .await;
        assert_eq!(senders.health().over_budget, over_budget);
        stop.cancel();
        task.await.unwrap();
    }
}
