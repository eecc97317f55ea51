//! Whole agents, over real HTTP: they trade, deliver, close what time closes, and survive restarts.

use std::time::Duration;

use alloy::primitives::B256;
use alloy::providers::Provider as _;
use alloy::sol_types::SolCall as _;
use surety_agent::{
    Config, DealList, DealSummary, DealView, Ending, Handle, MilestoneStatus, NewDeal, Stage,
};
use surety_jury::{Source, tally::Outcome};
use surety_relayer::wire;
use surety_terms::TermSheet;
use surety_tests::contracts::token::TestUSDC;
use surety_tests::node::Orphans;
use surety_tests::sign::{self, Vote};

use super::{Market, key_file, usd};

const DAY: Duration = Duration::from_hours(24);
/// When a seller has pinned its delivery, an hour before the end of the day.
const NEAR_THE_END: Duration = Duration::from_hours(23);
/// How long anything may take in these tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// An agent's configuration.
pub(crate) fn config(market: &Market, name: &str, roles: &str) -> Config {
    let owner = if name == "buyer" { market.world.buyer() } else { market.world.seller() };
    let contracts = market.world.contracts();
    let text = format!(
        "key_file = '{}'\nchain_rpc = 'http://127.0.0.1:1'\nchain_id = {}\nescrow = '{}'\n\
         relayer_url = '{}'\nlisten = '127.0.0.1:0'\nstore = '{}'\npoll_ms = 10\n\
         public_deals = true\n{roles}",
        key_file(&market.folder, name, &owner).display(),
        contracts.chain_id,
        contracts.escrow,
        market.relayer.url(),
        market.folder.path().join(name).display(),
    );
    let path = market.folder.path().join(format!("{name}.toml"));
    std::fs::write(&path, text).unwrap();
    Config::load(&path).unwrap()
}

pub(crate) async fn start(market: &Market, name: &str, roles: &str) -> Handle {
    let provider = market.node.provider().erased();
    surety_agent::start_on(config(market, name, roles), provider).await.unwrap()
}

/// A seller whose program is a shell script.
pub(crate) fn selling(script: &str) -> String {
    format!("[seller]\nworker = ['sh', '-c', '''{script}''']\ndeliver_margin_secs = 3600\n")
}

/// Asks a buyer's agent for a deal.
async fn buy(buyer: &Handle, seller: &Handle, sheet: TermSheet) -> B256 {
    let wanted =
        NewDeal { term_sheet: sheet, seller_url: seller.url().parse().unwrap(), hidden: None };
    let request = reqwest::Client::new().post(format!("{}/v1/deals", buyer.url())).json(&wanted);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<DealSummary>().await.unwrap().deal_id
}

async fn show(agent: &Handle, deal_id: B256) -> Option<DealView> {
    let answer = reqwest::get(format!("{}/v1/deals/{deal_id}", agent.url())).await.unwrap();
    if answer.status() == 404 { None } else { Some(answer.json().await.unwrap()) }
}

/// Waits until an agent shows a deal as wanted.
async fn until(agent: &Handle, deal_id: B256, wanted: impl Fn(&DealView) -> bool) -> DealView {
    let mut last = None;
    let wait = async {
        loop {
            let view = show(agent, deal_id).await;
            match view {
                Some(view) if wanted(&view) => return view,
                view => last = view,
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let found = tokio::time::timeout(PATIENCE, wait).await;
    found.unwrap_or_else(|_| panic!("waited in vain; the deal is {last:#?}"))
}

/// Waits until the relayer holds the first deliverable of a deal, and returns its digest.
async fn handed_in(market: &Market, deal_id: B256) -> B256 {
    let url = market.relayer.url();
    let wait = async {
        loop {
            let answer = reqwest::get(format!("{url}/v1/deals/{deal_id}")).await.unwrap();
            if answer.status() == 200 {
                let deal: wire::DealView = answer.json().await.unwrap();
                if let Some(case) = deal.milestones.iter().find_map(|m| m.cases.first()) {
                    let case = reqwest::get(format!("{url}/v1/cases/{}", case.case_id)).await;
                    return case.unwrap().json::<wire::CaseView>().await.unwrap().deliverable;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect("the relayer knows no deliverable")
}

/// Applies the verdict of all five jurors.
async fn settle(market: &Market, sheet: &TermSheet, deliverable: B256, met: u16, failed: u16) {
    use alloy::network::TransactionBuilder as _;
    let contracts = market.world.contracts();
    let case = sign::case(contracts, sheet.deal_id(), 0, deliverable);
    let votes: Vec<_> = (0..5).map(|seat| Vote { seat, met, failed }).collect();
    let ballots = sign::ballots(market.world.jurors(), contracts, &case, &votes);
    let call = surety_bindings::escrow::DealEscrow::settleCall {
        terms: sheet.terms(),
        milestone: 0,
        state: vec![],
        deliverable,
        ballots,
    };
    let request = alloy::rpc::types::TransactionRequest::default()
        .with_to(contracts.escrow)
        .with_input(call.abi_encode());
    let provider = market.node.provider_for(surety_tests::actors::deployer());
    let sent = provider.send_transaction(request).await.unwrap();
    assert!(sent.get_receipt().await.unwrap().status());
}

fn is_open(view: &DealView) -> bool {
    view.opened
}

fn has_ended(view: &DealView) -> bool {
    view.stage == Some(Stage::Ended)
}

#[tokio::test]
async fn two_agents_trade_from_one_signature_each_to_paid_dollars() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]\nmax_total = '100000000'").await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let sheet = market.sheet(1, 10);
    let deal_id = buy(&buyer, &seller, sheet.clone()).await;
    assert_eq!(deal_id, sheet.deal_id());
    let digest = handed_in(&market, deal_id).await;
    let bytes = reqwest::get(format!("{}/v1/deliverables/{digest}", seller.url())).await.unwrap();
    assert_eq!(bytes.bytes().await.unwrap(), "the work\n");
    settle(&market, &sheet, digest, 1, 0).await;
    for agent in [&buyer, &seller] {
        let view = until(agent, deal_id, has_ended).await;
        let milestone = &view.milestones[0];
        assert_eq!(milestone.ending, Some(Ending::Accepted));
        assert_eq!(milestone.title.as_deref(), Some("Part 0"));
        let verdict = milestone.verdict.as_ref().unwrap();
        assert_eq!((verdict.outcome, verdict.source), (Outcome::Accepted, Source::Rehearsal));
        assert_eq!((verdict.seats, verdict.met, verdict.failed), (0b11111, 1, 0));
    }
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_100));
    market.assert_no_ether().await;
    buyer.shutdown().await;
    seller.shutdown().await;
}

#[tokio::test]
async fn a_seller_pins_its_delivery_by_itself_and_silence_pays_what_the_terms_say() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let deal_id = buy(&buyer, &seller, market.sheet(1, 0)).await;
    handed_in(&market, deal_id).await;
    market.node.advance(NEAR_THE_END);
    let delivered = |view: &DealView| view.milestones[0].status == MilestoneStatus::Delivered;
    until(&seller, deal_id, delivered).await;
    market.node.advance(DAY * 2);
    let view = until(&seller, deal_id, has_ended).await;
    assert_eq!(view.milestones[0].ending, Some(Ending::Silent));
    until(&buyer, deal_id, has_ended).await;
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_040));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn a_seller_with_nothing_to_deliver_lets_the_buyer_reclaim() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let seller = start(&market, "seller", &selling("exit 10")).await;
    let deal_id = buy(&buyer, &seller, market.sheet(2, 10)).await;
    until(&buyer, deal_id, is_open).await;
    market.node.advance(DAY * 2);
    let view = until(&buyer, deal_id, has_ended).await;
    assert!(view.milestones.iter().all(|m| m.ending == Some(Ending::Reclaimed)));
    assert_eq!(market.balance(buyer.owner()).await, usd(1_000_010));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn a_seller_killed_in_the_middle_of_its_work_signs_one_delivery() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    // The program gives other bytes each time; its first run hangs.
    let began_file = market.folder.path().join("began");
    let script = format!(
        "if [ -e {0} ]; then head -c 16 /dev/urandom; else touch {0}; sleep 60; fi",
        began_file.display()
    );
    let seller = start(&market, "seller", &selling(&script)).await;
    let deal_id = buy(&buyer, &seller, market.sheet(1, 10)).await;
    let began = async {
        while !began_file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, began).await.unwrap();
    drop(seller);
    let seller = start(&market, "seller", &selling(&script)).await;
    let digest = handed_in(&market, deal_id).await;
    drop(seller);
    // A third life hands the same delivery in, and pins that one.
    let seller = start(&market, "seller", &selling(&script)).await;
    market.node.advance(NEAR_THE_END);
    let delivered = |view: &DealView| view.milestones[0].status == MilestoneStatus::Delivered;
    let view = until(&seller, deal_id, delivered).await;
    assert_eq!(view.milestones[0].deliverable, Some(digest));
}

#[tokio::test]
async fn a_restarted_buyer_still_opens_the_deal_that_it_signed() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let address = seller.url().to_owned();
    // The seller cannot be reached while the first buyer lives.
    let gone = "http://127.0.0.1:1".parse().unwrap();
    let wanted = NewDeal { term_sheet: market.sheet(1, 0), seller_url: gone, hidden: None };
    let request = reqwest::Client::new().post(format!("{}/v1/deals", buyer.url())).json(&wanted);
    let summary: DealSummary = request.send().await.unwrap().json().await.unwrap();
    let told = |view: &DealView| view.problem.is_some();
    let view = until(&buyer, summary.deal_id, told).await;
    assert_eq!(view.stage, Some(Stage::Signed));
    buyer.shutdown().await;
    let database = market.folder.path().join("buyer/agent.sqlite");
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", database.display())).await.unwrap();
    sqlx::query("UPDATE deals SET seller_url = ?").bind(address).execute(&pool).await.unwrap();
    pool.close().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    until(&buyer, summary.deal_id, is_open).await;
}

#[tokio::test]
async fn an_opening_that_a_reorganisation_forgets_comes_back_and_the_work_goes_on() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let sheet = market.sheet(1, 10);
    let deal_id = buy(&buyer, &seller, sheet.clone()).await;
    until(&buyer, deal_id, is_open).await;
    market.node.reorg(1, Orphans::Forget);
    until(&buyer, deal_id, is_open).await;
    let digest = handed_in(&market, deal_id).await;
    settle(&market, &sheet, digest, 0, 1).await;
    let view = until(&seller, deal_id, has_ended).await;
    assert_eq!(view.milestones[0].ending, Some(Ending::Rejected));
    assert_eq!(market.balance(buyer.owner()).await, usd(1_000_010));
}

#[tokio::test]
async fn a_blacklisted_seller_is_paid_once_it_is_delisted() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let seller = start(&market, "seller", &selling("echo the work")).await;
    let sheet = market.sheet(1, 0);
    let deal_id = buy(&buyer, &seller, sheet.clone()).await;
    let digest = handed_in(&market, deal_id).await;
    let listed = TestUSDC::blacklistCall { account: seller.owner() };
    market.token_admin(listed.abi_encode().into()).await;
    settle(&market, &sheet, digest, 1, 0).await;
    until(&seller, deal_id, has_ended).await;
    let chain = market.chain().await;
    assert_eq!(chain.credit(seller.owner()).await.unwrap().to::<u64>(), usd(100));
    let delisted = TestUSDC::unBlacklistCall { account: seller.owner() };
    market.token_admin(delisted.abi_encode().into()).await;
    let paid = async {
        while !chain.credit(seller.owner()).await.unwrap().is_zero() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, paid).await.expect("the credit was not withdrawn");
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_100));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn a_seller_declines_what_its_mandate_does_not_allow_and_the_buyer_is_told() {
    let market = Market::open().await;
    let buyer = start(&market, "buyer", "[buyer]").await;
    let roles = format!("{}minimum_total = '100000001'\n", selling("echo the work"));
    let seller = start(&market, "seller", &roles).await;
    let deal_id = buy(&buyer, &seller, market.sheet(1, 0)).await;
    let view = until(&buyer, deal_id, |view| view.stage == Some(Stage::Refused)).await;
    let problem = view.problem.unwrap();
    assert_eq!(problem.field.as_deref(), Some("total"));
    assert!(!view.opened);
    let list: DealList =
        reqwest::get(format!("{}/v1/deals", seller.url())).await.unwrap().json().await.unwrap();
    assert!(list.deals.is_empty());
}
