//! The same random histories on a real anvil and on our node: they must end alike, in every receipt,
//! block, log, balance and revert.

use std::time::Duration;

use alloy::consensus::{SignableTransaction as _, TxEip1559, TxEnvelope, TxLegacy};
use alloy::eips::Encodable2718 as _;
use alloy::eips::{BlockId, BlockNumberOrTag};
use alloy::primitives::{Address, Bytes, TxKind, U256, keccak256};
use alloy::providers::{DynProvider, Provider as _, ProviderBuilder};
use alloy::rpc::types::{Filter, Log, TransactionReceipt, TransactionRequest};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolEvent as _};
use alloy::transports::RpcError;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use surety_bindings::escrow::{DealEscrow, Terms};
use surety_tests::anvil::Anvil;
use surety_tests::contracts::Message;
use surety_tests::contracts::token::TestUSDC;
use surety_tests::sign::Vote;
use surety_tests::world::{CHAIN_ID, GENESIS};
use surety_tests::{Node, World, actors, sign, usd};

/// Histories and steps of each; the seeds are 0, 1, 2...
const HISTORIES: u64 = 4;
const STEPS: usize = 40;

/// Block 1's base fee. Ours follows from block 0 as EIP-1559 says; anvil wants to be told.
const FIRST_BASE_FEE: &str = "875000000";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn random_histories_end_alike_on_anvil_and_on_our_node() {
    let (mut settled, mut failed) = (0, 0);
    for seed in 0..HISTORIES {
        let genesis = GENESIS.to_string();
        let flags = ["--timestamp", &genesis, "--block-base-fee-per-gas", FIRST_BASE_FEE];
        let Some(anvil) = Anvil::start(&flags) else {
            println!("notice: no anvil here, nothing compared");
            return;
        };
        println!("seed {seed}");
        let mut pair = Pair::start(&anvil, seed).await;
        for _ in 0..STEPS {
            failed += u32::from(!pair.step().await.status());
        }
        settled += pair.compare_the_whole_history().await;
    }
    // Otherwise nothing much was compared.
    assert!(settled > 0 && failed > 0, "{settled} settled, {failed} failed");
}

/// What a step signs and sends.
struct Act {
    signer: PrivateKeySigner,
    to: Address,
    data: Bytes,
    value: u64,
}

/// Both chains, with the contracts deployed and five jurors registered by the same transactions.
struct Pair {
    ours: DynProvider,
    theirs: DynProvider,
    /// The same contracts at the same addresses, to sign for.
    world: World,
    random: StdRng,
    now: u64,
    deals: Vec<Terms>,
}

impl Pair {
    async fn start(anvil: &Anvil, seed: u64) -> Self {
        let ours = Node::empty().provider().erased();
        let url = anvil.url().parse().unwrap();
        let theirs = ProviderBuilder::new().connect_http(url).erased();
        theirs.client().set_poll_interval(Duration::from_millis(5));
        let random = StdRng::seed_from_u64(seed);
        let world = World::new();
        let mut pair = Self { ours, theirs, world, random, now: GENESIS, deals: Vec::new() };
        let ether = U256::from(10).pow(U256::from(20));
        for actor in [actors::buyer(), actors::seller(), actors::relayer(), actors::deployer()] {
            for chain in [&pair.ours, &pair.theirs] {
                let set = (actor.address(), ether);
                chain.raw_request::<_, ()>("anvil_setBalance".into(), set).await.unwrap();
            }
        }
        // What built the world, signed and sent.
        let history = pair.world.sent().to_vec();
        for Message { from, to, data } in history {
            let signer = [actors::deployer(), actors::relayer()]
                .into_iter()
                .find(|signer| signer.address() == from)
                .unwrap();
            let receipt = pair.send(Act { signer, to, data, value: 0 }, 3_000_000 * 3).await;
            assert!(receipt.status(), "the world was built differently: {receipt:?}");
        }
        pair
    }

    /// A random act, called and then sent on both chains.
    async fn step(&mut self) -> TransactionReceipt {
        self.now += if self.random.random_bool(0.1) { 90_000 } else { 1 };
        let act = self.act();
        // Mostly plenty; at times too little for the work, so that it runs out.
        let gas = if self.random.random_bool(0.1) { 80_000 } else { 1_000_000 };
        self.compare_calls(&act, gas).await;
        self.send(act, gas).await
    }

    fn act(&mut self) -> Act {
        let contracts = self.world.contracts().clone();
        let people = [actors::buyer(), actors::seller(), actors::relayer()];
        let one = |random: &mut StdRng| people[random.random_range(0..people.len())].clone();
        let signer = one(&mut self.random);
        let known = (!self.deals.is_empty()).then(|| self.random.random_range(0..self.deals.len()));
        let terms = known.map(|at| self.deals[at].clone());
        let (to, data) = match (self.random.random_range(0..10), terms) {
            (0, _) => {
                // More than anybody has, at times.
                let dollars = if self.random.random_bool(0.2) { 9_000_000 } else { 5 };
                let to = one(&mut self.random).address();
                let transfer = TestUSDC::transferCall { to, value: U256::from(usd(dollars)) };
                (contracts.token, transfer.abi_encode())
            }
            (1, _) => {
                let mint = TestUSDC::mintCall { to: signer.address(), amount: U256::from(1) };
                (contracts.token, mint.abi_encode())
            }
            (2, _) => (one(&mut self.random).address(), vec![]),
            (3, Some(terms)) => {
                let reclaim = DealEscrow::reclaimCall { terms, milestone: 0, requested: vec![] };
                (contracts.escrow, reclaim.abi_encode())
            }
            (4..=6, Some(terms)) => (contracts.escrow, self.settle(&terms)),
            _ => (contracts.escrow, self.open()),
        };
        let value = if data.is_empty() { 1_000 } else { 0 };
        Act { signer, to, data: data.into(), value }
    }

    fn open(&mut self) -> Vec<u8> {
        self.world.set_time(self.now);
        let bond = usd(if self.random.random_bool(0.5) { 10 } else { 0 });
        let terms = Terms { bond, payAsCredit: self.random.random_bool(0.2), ..self.world.terms() };
        let (buyer, seller) = (self.world.buyer(), self.world.seller());
        // Signed by the wrong one, at times.
        let seller = if self.random.random_bool(0.1) { buyer.clone() } else { seller };
        let signed = sign::opening(self.world.contracts(), &terms, &buyer, &seller);
        self.deals.push(terms.clone());
        DealEscrow::openCall { terms, buyerAuthorization: signed.0, sellerAuthorization: signed.1 }
            .abi_encode()
    }

    fn settle(&mut self, terms: &Terms) -> Vec<u8> {
        let mut votes = Vec::new();
        for seat in 0..5 {
            let met = self.random.random_range(0..4u16) | self.random.random_range(0..4u16);
            if self.random.random_bool(0.9) {
                votes.push(Vote { seat, met, failed: !met & 0b11 });
            }
        }
        let work = (keccak256("work"), vec![]);
        self.world.settle_call(terms, 0, work, &votes).abi_encode()
    }

    /// The same call on both: the same output, or the same revert.
    async fn compare_calls(&mut self, act: &Act, gas: u64) {
        let request = TransactionRequest::default()
            .from(act.signer.address())
            .to(act.to)
            .value(U256::from(act.value))
            .gas_limit(gas)
            .input(act.data.clone().into());
        let mut outcomes = Vec::new();
        for chain in [&self.ours, &self.theirs] {
            outcomes.push(match chain.call(request.clone()).latest().await {
                Ok(output) => Ok(output),
                Err(RpcError::ErrorResp(error)) => {
                    let data = error.as_revert_data();
                    // Without data they word and number it differently: out of gas, for one.
                    Err(data.map(|data| (error.code, data)))
                }
                Err(other) => panic!("{other}"),
            });
        }
        assert_eq!(outcomes[0], outcomes[1]);
    }

    /// Signs, sends to both at the same time, and compares receipts and blocks.
    async fn send(&mut self, act: Act, gas: u64) -> TransactionReceipt {
        self.now += 1;
        let account = act.signer.address();
        let nonce = self.ours.get_transaction_count(account).await.unwrap();
        let raw = self.signed(&act, nonce, gas);
        let mut receipts = Vec::new();
        for chain in [&self.ours, &self.theirs] {
            let at = (self.now,);
            chain
                .raw_request::<_, serde_json::Value>("evm_setNextBlockTimestamp".into(), at)
                .await
                .unwrap();
            let sent = chain.send_raw_transaction(&raw).await.unwrap();
            receipts.push(sent.get_receipt().await.unwrap());
        }
        let [ours, theirs]: [TransactionReceipt; 2] = receipts.try_into().unwrap();
        same_receipt(&ours, &theirs);
        self.compare_blocks(BlockId::latest()).await;
        for touched in [account, act.to, Address::ZERO] {
            let balance = self.ours.get_balance(touched).await.unwrap();
            assert_eq!(balance, self.theirs.get_balance(touched).await.unwrap());
        }
        ours
    }

    fn signed(&mut self, act: &Act, nonce: u64, gas: u64) -> Vec<u8> {
        let (to, input) = (TxKind::Call(act.to), act.data.clone());
        let value = U256::from(act.value);
        let (price, tip) = (3_000_000_000, self.random.random_range(0..2_000_000_000));
        let envelope: TxEnvelope = if self.random.random_bool(0.3) {
            let tx = TxLegacy {
                chain_id: Some(CHAIN_ID),
                nonce,
                gas_price: price,
                gas_limit: gas,
                to,
                value,
                input,
            };
            let signature = act.signer.sign_hash_sync(&tx.signature_hash()).unwrap();
            tx.into_signed(signature).into()
        } else {
            let tx = TxEip1559 {
                chain_id: CHAIN_ID,
                nonce,
                gas_limit: gas,
                max_fee_per_gas: price,
                max_priority_fee_per_gas: tip,
                to,
                value,
                input,
                ..TxEip1559::default()
            };
            let signature = act.signer.sign_hash_sync(&tx.signature_hash()).unwrap();
            tx.into_signed(signature).into()
        };
        envelope.encoded_2718()
    }

    async fn compare_blocks(&self, id: BlockId) {
        let ours = self.ours.get_block(id).await.unwrap().unwrap().header.inner;
        let theirs = self.theirs.get_block(id).await.unwrap().unwrap().header.inner;
        let facts = |header: &alloy::consensus::Header| {
            (
                (header.number, header.timestamp, header.base_fee_per_gas),
                (header.gas_used, header.gas_limit, header.beneficiary),
                (header.logs_bloom, header.receipts_root, header.transactions_root),
            )
        };
        assert_eq!(facts(&ours), facts(&theirs));
    }

    /// Returns how many milestones were settled.
    async fn compare_the_whole_history(&self) -> usize {
        let escrow = self.world.contracts().escrow;
        self.compare_logs(Filter::new().from_block(0)).await;
        self.compare_logs(Filter::new().from_block(3).to_block(20).address(escrow)).await;
        let buyer = actors::buyer().address().into_word();
        self.compare_logs(Filter::new().from_block(0).topic1(buyer)).await;
        self.compare_fees().await;
        self.compare_code(escrow).await;
        let settled = DealEscrow::MilestoneSettled::SIGNATURE_HASH;
        self.compare_logs(Filter::new().from_block(0).event_signature(settled)).await
    }

    /// Returns how many logs there are.
    async fn compare_logs(&self, filter: Filter) -> usize {
        let ours = self.ours.get_logs(&filter).await.unwrap();
        let theirs = self.theirs.get_logs(&filter).await.unwrap();
        let facts =
            |log: &Log| (log.inner.clone(), log.block_number, log.transaction_index, log.log_index);
        let ours: Vec<_> = ours.iter().map(facts).collect();
        assert_eq!(ours, theirs.iter().map(facts).collect::<Vec<_>>());
        ours.len()
    }

    async fn compare_fees(&self) {
        let latest = BlockNumberOrTag::Latest;
        let ours = self.ours.get_fee_history(5, latest, &[50.0]).await.unwrap();
        let theirs = self.theirs.get_fee_history(5, latest, &[50.0]).await.unwrap();
        assert_eq!(ours.base_fee_per_gas, theirs.base_fee_per_gas);
        assert_eq!(ours.oldest_block, theirs.oldest_block);
    }

    async fn compare_code(&self, contract: Address) {
        let ours = self.ours.get_code_at(contract).await.unwrap();
        assert_eq!(ours, self.theirs.get_code_at(contract).await.unwrap());
    }
}

/// Everything in a receipt but the block's hash, which covers a state root that we do not have.
fn same_receipt(ours: &TransactionReceipt, theirs: &TransactionReceipt) {
    let logs = |receipt: &TransactionReceipt| {
        let logs = receipt.inner.logs().iter();
        logs.map(|log| (log.inner.clone(), log.log_index)).collect::<Vec<_>>()
    };
    assert_eq!(logs(ours), logs(theirs));
    let facts = |receipt: &TransactionReceipt| {
        (
            (receipt.status(), receipt.gas_used, receipt.effective_gas_price),
            (receipt.transaction_hash, receipt.transaction_index, receipt.block_number),
            (receipt.from, receipt.to, receipt.contract_address),
            (receipt.inner.tx_type(), receipt.inner.cumulative_gas_used()),
            *receipt.inner.logs_bloom(),
        )
    };
    assert_eq!(facts(ours), facts(theirs));
}
