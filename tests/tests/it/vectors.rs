//! Solidity, Rust and viem hash the same things alike.
//!
//! ```text
//! 128 random term sheets, each with a delivery, acts, a case, a ballot and a registration
//! ├── Rust (`surety_terms`) and viem (`tests/vectors/digests.mjs`) agree on every digest
//! └── the contracts' committed bytecode agrees too, on the chain that the sheet names
//! ```
//!
//! The vectors are the same in every run: they come from a fixed seed.

#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "in a test a broken expectation is a failed test"
)]
#![expect(non_snake_case, reason = "variables are named after the fields of Solidity's structs")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Address, B256, TxKind, U256};
use alloy::sol_types::SolCall;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use revm::context::TxEnv;
use revm::context::result::ExecutionResult;
use serde_json::{Value, json};
use surety_bindings::deployment::{FACTORY, SALT};
use surety_bindings::digests::DealDigests::{
    self, acceptDigestCall, agreeDigestCall, appealDigestCall, concedeDigestCall,
    deliveryDigestCall, requestDigestCall, revokeDigestCall,
};
use surety_bindings::escrow::{
    Accept, Agree, Appeal, Concede, DealEscrow, Delivery, Request, Revoke,
};
use surety_bindings::jury::{Ballot, BallotBatch, Case, Jury, Registration, Unbonding};
use surety_terms::{TermSheet, TokenDomain, digest, sample};
use surety_tests::evm::Evm;
use surety_tests::{Contracts, World};

/// How many vectors name the deployed contracts, and how many name random ones besides.
const DEPLOYED: usize = 64;
const ELSEWHERE: usize = 64;
const SEED: [u8; 32] = *b"surety digest vectors, version 1";

/// Everything that is signed about one deal, at random.
#[derive(Clone, Debug)]
struct Vector {
    sheet: TermSheet,
    acts: Acts,
    case: Case,
    ballot: Ballot,
    batch: BallotBatch,
    registration: Registration,
    unbonding: Unbonding,
    token: (String, String),
}

fn digest_word() -> impl Strategy<Value = B256> {
    any::<[u8; 32]>().prop_map(B256::from)
}

fn address() -> impl Strategy<Value = Address> {
    any::<[u8; 20]>().prop_map(Address::from)
}

fn time() -> impl Strategy<Value = U40> {
    any::<u64>().prop_map(|secs| U40::from(secs >> 24))
}

fn amount() -> impl Strategy<Value = U96> {
    any::<u128>().prop_map(|units| U96::from(units >> 32))
}

/// What parties sign besides the terms.
#[derive(Clone, Debug)]
struct Acts {
    delivery: Delivery,
    revoke: Revoke,
    accept: Accept,
    concede: Concede,
    agree: Agree,
    appeal: Appeal,
    request: Request,
}

fn acts() -> impl Strategy<Value = Acts> {
    let state = (any::<u8>(), any::<u8>(), any::<u8>(), amount(), time());
    let delivery = (digest_word(), digest_word(), "\\PC{0,40}");
    let rest = (any::<u128>(), any::<bool>(), any::<[u8; 4]>());
    (state, delivery, rest).prop_map(
        |(
            (milestone, round, standing, fee, validUntil),
            (dealId, deliverable, uri),
            (sellerAmount, asCredit, action),
        )| Acts {
            delivery: Delivery { dealId, milestone, deliverable, uri },
            revoke: Revoke { dealId, fee, validUntil },
            accept: Accept { dealId, milestone, round, standing, fee, validUntil },
            concede: Concede { dealId, milestone, round, standing, fee, validUntil },
            agree: Agree {
                dealId,
                milestone,
                round,
                standing,
                sellerAmount,
                asCredit,
                fee,
                validUntil,
            },
            appeal: Appeal { dealId, milestone, standing, fee, validUntil },
            request: Request {
                action: action.into(),
                dealId,
                milestone,
                round,
                standing,
                fee,
                validUntil,
            },
        },
    )
}

fn judgement() -> impl Strategy<Value = (Case, Ballot)> {
    let case = (address(), address(), digest_word(), any::<(u8, u8)>(), digest_word());
    let ballot = (any::<(u16, u16, u8)>(), digest_word());
    (case, ballot).prop_map(|(case, ((met, failed, reason), transcript))| {
        let (jury, consumer, dealId, (milestone, round), deliverable) = case;
        // The chain's id is the sheet's; `vectors` sets it.
        let chainId = U256::ZERO;
        let case = Case { chainId, jury, consumer, dealId, milestone, round, deliverable };
        let caseId = digest::case_id(&case);
        (case, Ballot { caseId, met, failed, reason, transcript })
    })
}

fn batch() -> impl Strategy<Value = BallotBatch> {
    let leaves = prop::collection::vec((digest_word(), any::<[u8; 5]>()), 0..8);
    (leaves, digest_word()).prop_map(|(leaves, transcript)| {
        let (cases, votes): (Vec<_>, Vec<_>) = leaves.into_iter().unzip();
        BallotBatch { cases, votes: votes.concat().into(), transcript }
    })
}

fn juror() -> impl Strategy<Value = (Registration, Unbonding)> {
    let claims = ("\\PC{0,32}", "[a-z0-9.-]{0,64}", "https://[a-z]{1,40}\\.example");
    (address(), claims, amount(), any::<u32>(), time()).prop_map(
        |(juror, (family, operator, url), stake, nonce, validUntil)| {
            let registration =
                Registration { juror, family, operator, url, stake, nonce, validUntil };
            (registration, Unbonding { juror, nonce, validUntil })
        },
    )
}

fn vector() -> impl Strategy<Value = Vector> {
    let token = ("\\PC{1,20}", "[0-9]{1,2}");
    (sample::sheet(), acts(), judgement(), batch(), juror(), token).prop_map(
        |(sheet, acts, (case, ballot), batch, (registration, unbonding), token)| Vector {
            sheet,
            acts,
            case,
            ballot,
            batch,
            registration,
            unbonding,
            token,
        },
    )
}

/// The vectors; the first [`DEPLOYED`] name these contracts.
fn vectors(contracts: &Contracts) -> Vec<Vector> {
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &SEED);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = vector();
    let mut vectors: Vec<Vector> = (0..DEPLOYED + ELSEWHERE)
        .map(|_| strategy.new_tree(&mut runner).unwrap().current())
        .collect();
    for (index, vector) in vectors.iter_mut().enumerate() {
        vector.case.chainId = U256::from(vector.sheet.chain_id);
        if index < DEPLOYED {
            vector.sheet.escrow = contracts.escrow;
            vector.case.jury = contracts.jury;
            vector.case.consumer = contracts.escrow;
        }
    }
    vectors
}

/// A vector as `digests.mjs` reads it. The sheet is text, with its keys in no special order, so
/// that nothing but JSON stands between it and its digest.
fn form(vector: &Vector) -> Value {
    let Delivery { dealId, milestone, deliverable, uri } = &vector.acts.delivery;
    let Agree { round, standing, fee, validUntil, .. } = &vector.acts.agree;
    let Agree { sellerAmount, asCredit, .. } = &vector.acts.agree;
    let act = json!({
        "dealId": dealId, "milestone": milestone, "round": round, "standing": standing,
        "fee": fee.to_string(), "validUntil": validUntil.to_string(),
    });
    let mut request = act.clone();
    request["action"] = json!(vector.acts.request.action);
    let mut agree = act.clone();
    agree["sellerAmount"] = json!(sellerAmount.to_string());
    agree["asCredit"] = json!(asCredit);
    let (case, ballot, batch) = (&vector.case, &vector.ballot, &vector.batch);
    let registration = &vector.registration;
    json!({
        "sheet": serde_json::to_string_pretty(&vector.sheet).unwrap(),
        "jury": case.jury,
        "token": { "name": vector.token.0, "version": vector.token.1 },
        "delivery": {
            "dealId": dealId, "milestone": milestone, "deliverable": deliverable, "uri": uri,
        },
        "revoke": act,
        "accept": act,
        "concede": act,
        "agree": agree,
        "appeal": act,
        "request": request,
        "case": {
            "chainId": case.chainId.to_string(), "jury": case.jury, "consumer": case.consumer,
            "dealId": case.dealId, "milestone": case.milestone, "round": case.round,
            "deliverable": case.deliverable,
        },
        "ballot": {
            "caseId": ballot.caseId, "met": ballot.met, "failed": ballot.failed,
            "reason": ballot.reason, "transcript": ballot.transcript,
        },
        "ballotBatch": {
            "cases": batch.cases, "votes": batch.votes, "transcript": batch.transcript,
        },
        "registration": {
            "juror": registration.juror, "family": registration.family,
            "operator": registration.operator, "url": registration.url,
            "stake": registration.stake.to_string(), "nonce": registration.nonce,
            "validUntil": registration.validUntil.to_string(),
        },
        "unbonding": {
            "juror": registration.juror, "nonce": registration.nonce,
            "validUntil": registration.validUntil.to_string(),
        },
    })
}

/// What Rust computes, in the form of `digests.mjs`.
fn by_rust(vector: &Vector) -> Value {
    let Vector { sheet, acts, .. } = vector;
    let domain = sheet.domain();
    let (chain_id, jury) = (sheet.chain_id, vector.case.jury);
    let rules = (0..sheet.milestones.len()).map(|milestone| sheet.rule(milestone).to_string());
    let (name, version) = vector.token.clone();
    let token = TokenDomain { name, version, chain_id, address: sheet.token };
    let buyer = digest::authorization_digest(&sheet.buyer_authorization(), &token);
    let seller = digest::authorization_digest(&sheet.seller_authorization(), &token);
    json!({
        "document": sheet.document(),
        "dealId": sheet.deal_id(),
        "rules": rules.collect::<Vec<_>>(),
        "delivery": digest::delivery_digest(&acts.delivery, &domain),
        "revoke": digest::revoke_digest(&acts.revoke, &domain),
        "accept": digest::accept_digest(&acts.accept, &domain),
        "concede": digest::concede_digest(&acts.concede, &domain),
        "agree": digest::agree_digest(&acts.agree, &domain),
        "appeal": digest::appeal_digest(&acts.appeal, &domain),
        "request": digest::request_digest(&acts.request, &domain),
        "caseId": digest::case_id(&vector.case),
        "ballot": digest::ballot_digest(&vector.ballot, chain_id, jury),
        "ballotBatch": digest::ballot_batch_digest(&vector.batch, chain_id, jury),
        "registration": digest::registration_digest(&vector.registration, chain_id, jury),
        "unbonding": digest::unbonding_digest(&vector.unbonding, chain_id, jury),
        "buyerAuthorization": buyer,
        "sellerAuthorization": seller,
    })
}

/// A world with the lens on what parties sign, which no deployment needs.
fn with_lens() -> World {
    let mut world = World::new();
    let code = [SALT.as_slice(), &DealDigests::BYTECODE].concat();
    world.send(world.relayer().address(), FACTORY, code.into()).unwrap();
    world
}

/// What the deployed contracts compute on the sheet's chain; they have no say in the rest.
fn by_solidity(vector: &Vector, world: &mut World) -> Value {
    let contracts = world.contracts().clone();
    let chain = Evm::new(vector.sheet.chain_id, world.evm().state().clone());
    let (escrow, jury) = (contracts.escrow, contracts.jury);
    let terms = vector.sheet.terms();
    let acts = vector.acts.clone();
    let lens = FACTORY.create2_from_code(SALT, &DealDigests::BYTECODE);
    let (case, ballot) = (vector.case.clone(), vector.ballot.clone());
    let (registration, unbonding) = (vector.registration.clone(), vector.unbonding.clone());
    let batch = vector.batch.clone();
    json!({
        "dealId": ask(&chain, escrow, &DealEscrow::dealIdOfCall::from((terms,))),
        "delivery": ask(&chain, lens, &deliveryDigestCall::from((escrow, acts.delivery))),
        "revoke": ask(&chain, lens, &revokeDigestCall::from((escrow, acts.revoke))),
        "accept": ask(&chain, lens, &acceptDigestCall::from((escrow, acts.accept))),
        "concede": ask(&chain, lens, &concedeDigestCall::from((escrow, acts.concede))),
        "agree": ask(&chain, lens, &agreeDigestCall::from((escrow, acts.agree))),
        "appeal": ask(&chain, lens, &appealDigestCall::from((escrow, acts.appeal))),
        "request": ask(&chain, lens, &requestDigestCall::from((escrow, acts.request))),
        "caseId": ask(&chain, jury, &Jury::caseIdCall::from((case,))),
        "ballot": ask(&chain, jury, &Jury::ballotDigestCall::from((ballot,))),
        "ballotBatch": ask(&chain, jury, &Jury::ballotBatchDigestCall::from((batch,))),
        "registration": ask(&chain, jury, &Jury::registrationDigestCall::from((registration,))),
        "unbonding": ask(&chain, jury, &Jury::unbondingDigestCall::from((unbonding,))),
    })
}

fn ask<C: SolCall<Return = B256>>(chain: &Evm, to: Address, call: &C) -> B256 {
    let tx = TxEnv {
        kind: TxKind::Call(to),
        data: call.abi_encode().into(),
        gas_limit: 1 << 24,
        chain_id: Some(chain.chain_id()),
        ..TxEnv::default()
    };
    match chain.call(tx).unwrap() {
        ExecutionResult::Success { output, .. } => C::abi_decode_returns(output.data()).unwrap(),
        refused @ (ExecutionResult::Revert { .. } | ExecutionResult::Halt { .. }) => {
            panic!("{} answers {refused:?}", C::SIGNATURE)
        }
    }
}

/// What viem computes.
fn by_viem(vectors: &[Vector]) -> Vec<Value> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/digests.mjs");
    let mut node = Command::new("node")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("node does not start ({why}): install Node.js 20 or later"));
    let forms: Vec<Value> = vectors.iter().map(form).collect();
    let mut stdin = node.stdin.take().unwrap();
    // If the script ended early, its own message says why.
    let written = stdin.write_all(json!(forms).to_string().as_bytes());
    drop(stdin);
    let output = node.wait_with_output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && written.is_ok(), "{}", complaint.trim());
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn rust_and_viem_agree_on_every_digest() {
    let world = World::new();
    let vectors = vectors(world.contracts());
    let answers = by_viem(&vectors);
    assert_eq!(answers.len(), vectors.len());
    for (index, (vector, viem)) in vectors.iter().zip(answers).enumerate() {
        assert_eq!(by_rust(vector), viem, "vector {index}");
    }
}

#[test]
fn rust_and_the_contracts_agree_on_every_digest() {
    let mut world = with_lens();
    let vectors = vectors(world.contracts());
    for (index, vector) in vectors.iter().take(DEPLOYED).enumerate() {
        let rust = by_rust(vector);
        let solidity = by_solidity(vector, &mut world);
        for (name, digest) in solidity.as_object().unwrap() {
            assert_eq!(&rust[name], digest, "vector {index}: {name}");
        }
    }
}
