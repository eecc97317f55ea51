//! `surety juror earnings` against a chain that paid and a juror that spent.

use alloy::primitives::{B256, Bytes, U256, keccak256};
use alloy::providers::Provider as _;
use alloy::sol_types::SolCall as _;
use serde_json::{Value, json};
use surety_bindings::escrow::{DealEscrow, Delivery};
use surety_jury::ballot::{Leaf, Reason, ballot_batch, pack_batch};
use surety_jury::wire::{CaseRequest, CaseState, CaseStatus};
use surety_terms::batch::{BatchItem, pack_items};
use surety_terms::{TermSheet, Usdc, digest};
use surety_tests::sign::Vote;
use surety_tests::{World, sign};

use super::{Office, Running};
use crate::cli::{result, surety};
use crate::juror::provider::{Act, Double};

const WORK: &[u8] = b"A report about the makers of pumps.";
const VOTES: [Vote; 3] = [
    Vote { seat: 0, met: 1, failed: 0 },
    Vote { seat: 1, met: 1, failed: 0 },
    Vote { seat: 2, met: 1, failed: 0 },
];

/// An open deal that pays a panel of three so much a round.
pub(super) async fn open(office: &Office, fee: u64, jury: B256) -> TermSheet {
    let world = &office.market.world;
    let mut sheet = office.market.sheet(1, 0);
    sheet.jury_fee = Usdc::new(fee.into()).unwrap();
    sheet.jury = jury;
    let terms = sheet.terms();
    let (buyer, seller) = sign::opening(world.contracts(), &terms, &world.buyer(), &world.seller());
    let call =
        DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
    office.send(world.relayer(), world.contracts().escrow, &call).await;
    sheet
}

fn settle(office: &Office, sheet: &TermSheet, votes: &[Vote]) -> DealEscrow::settleCall {
    let delivered = (keccak256(WORK), vec![]);
    office.market.world.settle_call(&sheet.terms(), 0, delivered, votes)
}

/// Has a running juror judge the work, and waits for its commitment: the other seats do not run.
pub(super) async fn judge(office: &Office, url: &str, sheet: &TermSheet) -> B256 {
    let world = &office.market.world;
    let delivery = Delivery {
        dealId: sheet.deal_id(),
        milestone: 0,
        deliverable: keccak256(WORK),
        uri: String::new(),
    };
    let signature = sign::delivery(&world.seller(), world.contracts(), &delivery);
    let request = CaseRequest { term_sheet: sheet.clone(), delivery, signature, round: 1 };
    let http = reqwest::Client::new();
    let taken = http.post(format!("{url}/v1/cases")).json(&request).send().await.unwrap();
    let case = taken.json::<CaseStatus>().await.unwrap().case_id;
    let place = format!("{url}/v1/deliverables/{}", keccak256(WORK));
    assert_eq!(http.put(place).body(WORK).send().await.unwrap().status(), 204);
    let place = format!("{url}/v1/cases/{case}?waitSecs=30&waitFor=commitment");
    let ended = http.get(place).send().await.unwrap();
    assert_eq!(ended.json::<CaseStatus>().await.unwrap().state, CaseState::Committed);
    case
}

/// What a transaction cost its sender.
async fn gas(office: &Office, hash: &Value) -> U256 {
    let hash: B256 = serde_json::from_value(hash.clone()).unwrap();
    let receipt = office.market.node.provider().get_transaction_receipt(hash).await.unwrap();
    let receipt = receipt.unwrap();
    U256::from(receipt.gas_used) * U256::from(receipt.effective_gas_price)
}

#[tokio::test]
async fn a_seat_sees_what_a_deal_paid_what_its_case_cost_and_what_its_claim_took() {
    let office = Office::of(World::new()).await;
    let provider = Double::start(|_, _| Act::Vote("MET")).await;
    let config = office.config("juror", &office.market.world.juror(0));
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace("'ollama'", "'openai-chat'")
        .replace("http://127.0.0.1:1'\nmodel", &format!("{}'\nmodel", provider.url));
    let budget = "[budget]\ninput_micro_usd = 1000000\noutput_micro_usd = 2000000\n\
                  case_micro_usd = 500000\nday_micro_usd = 5000000\n";
    std::fs::write(&config, format!("{text}{budget}")).unwrap();
    let sheet = open(&office, 300_001, office.jury().await).await;
    let mut command = surety();
    command.args(["juror", "run", "--config", &config]);
    let juror = Running::start(command).await;
    let case = judge(&office, &juror.url, &sheet).await;
    let escrow = office.market.world.contracts().escrow;
    office.send(office.market.world.relayer(), escrow, &settle(&office, &sheet, &VOTES)).await;
    let paid = ["--config", &config, "--sender", &office.sender];
    let claimed = result(&[&["juror", "claim"], &paid[..]].concat()).await;

    // The juror runs: its ledger is read beside it.
    let earned = result(&["juror", "earnings", "--config", &config]).await;
    juror.end().await;
    let fee = &earned["fees"][0];
    assert_eq!(earned["fees"].as_array().unwrap().len(), 1);
    assert_eq!((&fee["amount"], &fee["caseId"]), (&json!("100000"), &json!(case)));
    assert_eq!((&fee["dealId"], &fee["round"]), (&json!(sheet.deal_id()), &json!(1)));
    // Six questions at 100 tokens in and 20 out.
    assert_eq!(fee["providerMicroUsd"], 6 * 140);
    let transaction = &earned["transactions"][0];
    assert_eq!(transaction["does"], json!(["claimFees"]));
    assert_eq!(transaction["txHash"], claimed["payments"][0]["txHash"]);
    let gas = gas(&office, &transaction["txHash"]).await;
    assert!(gas > U256::ZERO);
    let sum = json!({
        "fees": "100000", "claimed": "100000", "providerMicroUsd": 840, "gasWei": gas.to_string(),
    });
    assert_eq!(earned["sum"], sum);
    let days = earned["days"].as_array().unwrap();
    assert!(days.len() <= 2 && days[0]["day"].as_str().unwrap().len() == 10, "{days:?}");

    let own = office.market.world.juror(0).address().to_string();
    let own = result(&["juror", "earnings", "--config", &config, "--paid-by", &own]).await;
    assert_eq!(own["sum"]["gasWei"], "0", "another key paid");
    assert_eq!(own["transactions"][0]["counts"], false);
}

/// A batch of verdicts on two deals.
fn batch(office: &Office, sheets: &[TermSheet; 2]) -> DealEscrow::settleBatchCall {
    let world = &office.market.world;
    let terms = sheets.each_ref().map(TermSheet::terms);
    let deliverable = keccak256(WORK);
    let item = |terms| BatchItem { template: 0, terms, milestone: 0, deliverable, state: None };
    let items: Vec<_> = terms.iter().map(item).collect();
    let templates = vec![terms[0].clone()];
    let items = pack_items(&templates, &items).unwrap();
    let answer = Leaf::Answer { met: 1, failed: 0, reason: Reason::Judged };
    let leaf = |sheet: &TermSheet| {
        let case = sign::case(world.contracts(), sheet.deal_id(), 0, deliverable);
        (digest::case_id(&case), answer)
    };
    let leaves: Vec<_> = sheets.iter().map(leaf).collect();
    let signed: Vec<_> = (0_u8..3)
        .map(|seat| {
            let batch = ballot_batch(&leaves, B256::repeat_byte(seat)).unwrap();
            sign::ballot_batch(&world.juror(seat.into()), world.contracts(), seat, batch)
        })
        .collect();
    let ballots = pack_batch(&signed).unwrap();
    DealEscrow::settleBatchCall { round: 1, templates, items, ballots }
}

#[tokio::test]
async fn several_verdicts_in_one_transaction_are_told_apart() {
    let office = Office::of(World::new()).await;
    let jury = office.jury().await;
    let config = office.config("juror", &office.market.world.juror(0));
    let mut sheets = Vec::new();
    for fee in [30_000, 60_000, 90_000, 120_000] {
        sheets.push(open(&office, fee, jury).await);
    }
    let [first, second, third, fourth] = sheets.try_into().unwrap();
    let (escrow, relayer) = (office.market.world.contracts().escrow, office.market.world.relayer());
    let calls = [&first, &second].map(|sheet| settle(&office, sheet, &VOTES).abi_encode());
    let calls = calls.map(Bytes::from).to_vec();
    office.send(relayer.clone(), escrow, &DealEscrow::multicallCall { calls }).await;
    let both = [third.clone(), fourth.clone()];
    office.send(relayer, escrow, &batch(&office, &both)).await;
    let earned = result(&["juror", "earnings", "--config", &config]).await;
    let fees = earned["fees"].as_array().unwrap();
    let told: Vec<_> = fees.iter().map(|fee| (&fee["dealId"], &fee["amount"])).collect();
    let wanted = [(&first, 10_000), (&second, 20_000), (&third, 30_000), (&fourth, 40_000)];
    let wanted = wanted.map(|(sheet, fee)| (json!(sheet.deal_id()), json!(fee.to_string())));
    let wanted: Vec<_> = wanted.iter().map(|(deal, fee)| (deal, fee)).collect();
    assert_eq!(told, wanted);
    assert_eq!(earned["sum"]["fees"], "100000");
    assert!(fees.iter().all(|fee| fee["providerMicroUsd"].is_null()), "no store, no cost");
}
