//! The in-process chain through alloy, as services see it.

use std::time::Duration;

use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::network::TransactionBuilder as _;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::{Provider, ProviderBuilder};
use alloy::rpc::client::RpcClient;
use alloy::rpc::types::{Filter, TransactionRequest};
use alloy::sol_types::{SolCall as _, SolEvent as _};
use surety_bindings::escrow::DealEscrow;
use surety_tests::contracts::token::TestUSDC;
use surety_tests::{Node, Orphans, World, actors, sign, usd};

const HOUR: Duration = Duration::from_hours(1);

/// A transfer of one wei to nobody in particular, signed by the relayer.
fn transfer() -> TransactionRequest {
    TransactionRequest::default()
        .with_to(actors::actor("anybody").address())
        .with_value(U256::from(1))
}

#[tokio::test]
async fn a_deal_is_opened_settled_and_logged_through_a_provider() {
    let mut world = World::new();
    let terms = world.terms();
    let node = world.node();
    let provider = node.provider_for(world.relayer());
    let escrow = DealEscrow::new(world.contracts().escrow, &provider);

    let (buyer, seller) = sign::opening(world.contracts(), &terms, &world.buyer(), &world.seller());
    let opened = escrow.open(terms.clone(), buyer, seller).send().await.unwrap();
    assert!(opened.get_receipt().await.unwrap().status());
    let settle =
        world.settle_call(&terms, 0, (keccak256("work"), vec![]), &world.unanimous(0b11, 0));
    let request = TransactionRequest::default()
        .with_to(world.contracts().escrow)
        .with_input(settle.abi_encode());
    let settled = provider.send_transaction(request).await.unwrap().get_receipt().await.unwrap();
    assert!(settled.status());

    let ended = escrow.MilestoneEnded_filter().from_block(0).query().await.unwrap();
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].0.toSeller, usd(100).to::<u128>());
    assert_eq!(ended[0].1.block_hash, settled.block_hash);
    let usdc = TestUSDC::new(world.contracts().token, &provider);
    assert_eq!(usdc.balanceOf(*escrow.address()).call().await.unwrap(), U256::ZERO);
    let receipts = provider.get_block_receipts(BlockId::latest()).await.unwrap().unwrap();
    assert_eq!(receipts, [settled]);
}

#[tokio::test]
async fn a_revert_comes_back_with_code_three_and_its_data() {
    let mut world = World::new();
    let terms = world.terms();
    let provider = world.node().provider();
    let escrow = DealEscrow::new(world.contracts().escrow, &provider);

    let refused = escrow.reclaim(terms, 0, vec![]).call().await.err().unwrap();

    let alloy::contract::Error::TransportError(transport) = &refused else { panic!("{refused}") };
    assert_eq!(transport.as_error_resp().unwrap().code, 3);
    assert!(refused.as_decoded_error::<DealEscrow::DealUnknown>().is_some());
}

#[tokio::test]
async fn blocks_are_chained_by_their_parents_hash() {
    let node = World::bare().node();
    let provider = node.provider();
    let (first, second) = (node.mine(), node.mine());

    let block = provider.get_block_by_hash(second).await.unwrap().unwrap();

    assert_eq!((block.header.parent_hash, block.header.number), (first, 2));
    assert_eq!(block.header.hash_slow(), second);
    assert_eq!(provider.get_block_number().await.unwrap(), 2);
}

#[tokio::test]
async fn the_clock_moves_only_when_the_test_says() {
    let node = World::bare().node();
    let start = node.now();
    node.mine();
    assert_eq!(node.now(), start + 1);
    node.advance(HOUR);
    assert_eq!(node.now(), start + 1 + 3_600);
}

#[tokio::test]
async fn a_reorganisation_takes_money_and_logs_back() {
    let world = World::bare();
    let node = world.node();
    let usdc = TestUSDC::new(world.contracts().token, node.provider_for(actors::deployer()));
    let someone = actors::actor("anybody").address();
    let mint = usdc.mint(someone, U256::from(7)).send().await.unwrap().get_receipt().await.unwrap();
    let replaced = mint.block_hash.unwrap();

    node.reorg(1, Orphans::Forget);

    assert_eq!(usdc.balanceOf(someone).call().await.unwrap(), U256::ZERO);
    assert_eq!(usdc.Transfer_filter().from_block(0).query().await.unwrap().len(), 0);
    let provider = node.provider();
    assert_eq!(provider.get_transaction_receipt(mint.transaction_hash).await.unwrap(), None);
    assert_eq!(provider.get_block_by_hash(replaced).await.unwrap(), None);
    assert_eq!(node.height(), 1);
}

#[tokio::test]
async fn a_reorganisation_can_carry_its_transactions_over() {
    let node = World::bare().node();
    let provider = node.provider_for(actors::relayer());
    let sent = provider.send_transaction(transfer()).await.unwrap().get_receipt().await.unwrap();

    node.reorg(1, Orphans::Reinclude);

    let receipt = provider.get_transaction_receipt(sent.transaction_hash).await.unwrap().unwrap();
    assert_eq!(receipt.block_number, sent.block_number);
    assert_ne!(receipt.block_hash, sent.block_hash);
}

#[tokio::test]
async fn a_reorganisation_can_leave_its_transactions_waiting() {
    let node = World::bare().node();
    let provider = node.provider_for(actors::relayer());
    let sent = provider.send_transaction(transfer()).await.unwrap().get_receipt().await.unwrap();

    node.set_automine(false);
    node.reorg(1, Orphans::Return);

    assert_eq!(node.pending(), [sent.transaction_hash]);
    node.mine();
    let receipt = provider.get_transaction_receipt(sent.transaction_hash).await.unwrap();
    assert_eq!(receipt.unwrap().block_number, Some(2));
}

#[tokio::test]
async fn a_dropped_transaction_is_gone_and_its_nonce_free() {
    let node = World::bare().node();
    node.set_automine(false);
    let provider = node.provider_for(actors::relayer());
    let relayer = actors::relayer().address();
    let sent = *provider.send_transaction(transfer()).await.unwrap().tx_hash();
    let nonce = provider.get_transaction_count(relayer).pending().await.unwrap();

    assert!(node.drop_pending(sent));

    assert_eq!(provider.get_transaction_by_hash(sent).await.unwrap(), None);
    assert_eq!(provider.get_transaction_count(relayer).pending().await.unwrap(), nonce - 1);
}

/// Signs and sends a transfer with this nonce and these fees, in gwei.
async fn send(node: &Node, nonce: u64, fee: u128, tip: u128) -> Result<B256, String> {
    let request = transfer()
        .with_nonce(nonce)
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(fee * 1_000_000_000)
        .with_max_priority_fee_per_gas(tip * 1_000_000_000);
    let sent = node.provider_for(actors::relayer()).send_transaction(request).await;
    sent.map(|sent| *sent.tx_hash())
        .map_err(|error| error.as_error_resp().map_or(error.to_string(), |e| e.message.to_string()))
}

#[tokio::test]
async fn a_replacement_must_pay_a_tenth_more() {
    let node = World::bare().node();
    node.set_automine(false);
    send(&node, 0, 10, 1).await.unwrap();

    let refused = send(&node, 0, 10, 2).await.unwrap_err();
    assert_eq!(refused, "replacement transaction underpriced");
    let again = send(&node, 0, 10, 1).await.unwrap_err();
    assert_eq!(again, "already known");
    let replacement = send(&node, 0, 11, 2).await.unwrap();

    assert_eq!(node.pending(), [replacement]);
}

#[tokio::test]
async fn a_used_nonce_is_too_low() {
    let node = World::bare().node();
    send(&node, 0, 10, 1).await.unwrap();
    let refused = send(&node, 0, 20, 2).await.unwrap_err();
    assert_eq!(refused, "nonce too low: next nonce 1, tx nonce 0");
}

#[tokio::test]
async fn who_cannot_pay_is_told_by_how_much() {
    let node = World::bare().node();
    node.set_balance(actors::relayer().address(), U256::from(21_000));
    let refused = send(&node, 0, 10, 1).await.unwrap_err();
    assert_eq!(
        refused,
        "insufficient funds for gas * price + value: balance 21000, tx cost 210000000000001, \
         overshot 209999999979001"
    );
}

#[tokio::test]
async fn a_tip_above_the_whole_fee_is_refused() {
    let node = World::bare().node();
    let refused = send(&node, 0, 1, 2).await.unwrap_err();
    assert_eq!(refused, "max priority fee per gas higher than max fee per gas");
}

#[tokio::test]
async fn too_little_gas_for_its_own_bytes_is_refused() {
    let node = World::bare().node();
    let request = transfer()
        .with_nonce(0)
        .with_gas_limit(20_999)
        .with_max_fee_per_gas(10_000_000_000)
        .with_max_priority_fee_per_gas(1);
    let sent = node.provider_for(actors::relayer()).send_transaction(request).await;
    let refused = sent.unwrap_err().as_error_resp().unwrap().message.to_string();
    assert_eq!(refused, "intrinsic gas too low: have 20999, want 21000");
}

#[tokio::test]
async fn a_transaction_below_the_base_fee_waits_until_it_falls() {
    let node = World::bare().node();
    let request = transfer()
        .with_nonce(0)
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(700_000_000)
        .with_max_priority_fee_per_gas(0);
    let provider = node.provider_for(actors::relayer());
    let sent = *provider.send_transaction(request).await.unwrap().tx_hash();
    assert_eq!(node.pending(), [sent]);

    // An empty block lowers it by an eighth.
    for _ in 0..3 {
        node.mine();
    }
    let receipt = provider.get_transaction_receipt(sent).await.unwrap().unwrap();
    assert!(receipt.effective_gas_price <= 700_000_000);
}

#[tokio::test]
async fn the_better_tip_comes_first_in_a_block() {
    let world = World::bare();
    let node = world.node();
    node.set_automine(false);
    node.set_balance(actors::buyer().address(), U256::from(10).pow(U256::from(18)));
    let low = send(&node, 0, 10, 1).await.unwrap();
    let request = transfer()
        .with_gas_limit(21_000)
        .with_max_fee_per_gas(10_000_000_000)
        .with_max_priority_fee_per_gas(2_000_000_000);
    let buyer = node.provider_for(actors::buyer());
    let high = *buyer.send_transaction(request).await.unwrap().tx_hash();

    let block = buyer.get_block_by_hash(node.mine()).await.unwrap().unwrap();
    assert_eq!(block.transactions.hashes().collect::<Vec<_>>(), [high, low]);
}

#[tokio::test]
async fn an_estimate_of_what_reverts_gives_the_revert() {
    let mut world = World::new();
    let terms = world.terms();
    let provider = world.node().provider();
    let escrow = DealEscrow::new(world.contracts().escrow, &provider);
    let refused = escrow.reclaim(terms, 0, vec![]).estimate_gas().await.unwrap_err();
    assert!(refused.as_decoded_error::<DealEscrow::DealUnknown>().is_some());
}

#[tokio::test]
async fn a_transaction_after_a_gap_waits_for_the_gap_to_close() {
    let node = World::bare().node();
    let later = send(&node, 1, 10, 1).await.unwrap();
    assert_eq!(node.pending(), [later]);
    send(&node, 0, 10, 1).await.unwrap();
    assert_eq!(node.pending(), [] as [B256; 0]);
}

#[tokio::test]
async fn older_blocks_answer_for_their_own_state_and_time() {
    let node = World::bare().node();
    let provider = node.provider_for(actors::relayer());
    let someone = actors::actor("anybody").address();
    provider.send_transaction(transfer()).await.unwrap().get_receipt().await.unwrap();
    node.advance(HOUR);

    let at = |number: u64| provider.get_balance(someone).number(number);
    assert_eq!((at(0).await.unwrap(), at(2).await.unwrap()), (U256::ZERO, U256::from(1)));
}

#[tokio::test]
async fn tags_lag_as_configured() {
    let node = World::bare().node();
    node.set_lags(1, 3);
    for _ in 0..5 {
        node.mine();
    }
    let provider = node.provider();
    let number = async |tag: BlockNumberOrTag| {
        provider.get_block_by_number(tag).await.unwrap().unwrap().header.number
    };
    assert_eq!(number(BlockNumberOrTag::Safe).await, 4);
    assert_eq!(number(BlockNumberOrTag::Finalized).await, 2);
    assert_eq!(number(BlockNumberOrTag::Earliest).await, 0);
    assert_eq!(number(BlockNumberOrTag::Pending).await, 6);
}

#[tokio::test]
async fn a_snapshot_is_returned_to_once() {
    let node = World::bare().node();
    let provider = node.provider();
    let snapshot: U256 = provider.raw_request("evm_snapshot".into(), ()).await.unwrap();
    node.advance(HOUR);

    assert!(provider.raw_request::<_, bool>("evm_revert".into(), (snapshot,)).await.unwrap());
    assert_eq!(node.height(), 0);
    assert!(!provider.raw_request::<_, bool>("evm_revert".into(), (snapshot,)).await.unwrap());
}

#[tokio::test]
async fn the_node_answers_over_http_alone_and_in_batches() {
    let node = World::bare().node();
    let served = node.serve().await;
    let provider = ProviderBuilder::new().connect_http(served.url().parse().unwrap());
    assert_eq!(provider.get_chain_id().await.unwrap(), 31_337);

    let client = RpcClient::new_http(served.url().parse().unwrap());
    let mut batch = client.new_batch();
    let height = batch.add_call::<_, U256>("eth_blockNumber", &()).unwrap();
    let unknown = batch.add_call::<_, U256>("eth_unheardOf", &()).unwrap();
    batch.send().await.unwrap();
    assert_eq!(height.await.unwrap(), U256::ZERO);
    assert_eq!(unknown.await.unwrap_err().as_error_resp().unwrap().code, -32601);
}

#[tokio::test]
async fn an_estimate_suffices_and_is_tight() {
    let world = World::bare();
    let node = world.node();
    let usdc = TestUSDC::new(world.contracts().token, node.provider_for(actors::deployer()));
    let mint = usdc.mint(Address::repeat_byte(7), U256::from(1));
    let estimate = mint.estimate_gas().await.unwrap();
    let used = mint.send().await.unwrap().get_receipt().await.unwrap().gas_used;
    assert!(estimate >= used && estimate < used * 11 / 10, "{estimate} for {used}");
}

#[tokio::test]
async fn logs_are_found_by_topic_and_by_block() {
    let world = World::bare();
    let node = world.node();
    let usdc = TestUSDC::new(world.contracts().token, node.provider_for(actors::deployer()));
    for holder in [1u8, 2, 2] {
        let mint = usdc.mint(Address::repeat_byte(holder), U256::from(1));
        mint.send().await.unwrap().get_receipt().await.unwrap();
    }
    let to_two = Filter::new()
        .from_block(0)
        .event_signature(TestUSDC::Transfer::SIGNATURE_HASH)
        .topic2(Address::repeat_byte(2).into_word());
    assert_eq!(node.provider().get_logs(&to_two).await.unwrap().len(), 2);
    let block = node.provider().get_block_by_number(3.into()).await.unwrap().unwrap();
    let of_block = Filter::new().at_block_hash(block.header.hash);
    let logs = node.provider().get_logs(&of_block).await.unwrap();
    assert_eq!(logs.iter().map(|log| log.log_index.unwrap()).collect::<Vec<_>>(), [0, 1]);
    let unknown = Filter::new().at_block_hash(B256::ZERO);
    assert!(node.provider().get_logs(&unknown).await.is_err());
}
