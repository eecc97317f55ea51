//! Each operation of the SDK, by parties without ETH, through a real relayer.

use std::time::Duration;

use alloy::primitives::{B256, Bytes};
use alloy::signers::local::PrivateKeySigner;
use surety_agent::{
    Deal, DealView, Ending, Error, Mandate, MilestoneStatus, Role, before_signing, ops,
};
use surety_terms::{TermSheet, Usdc};
use surety_tests::World;

use super::{Market, signatures, usd};

const DAY: Duration = Duration::from_hours(24);

/// How a case spoils a good sheet.
type Spoil = Box<dyn Fn(&mut TermSheet)>;

#[tokio::test]
async fn a_deal_with_a_bond_opens_between_parties_without_ether() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    assert!(buyer.chain.word(deal.id).await.unwrap().opened);
    assert_eq!(market.balance(market.world.contracts().escrow).await, usd(110));
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_000 - 10));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn a_deal_without_a_bond_opens_on_the_sellers_signature_of_the_deal_id() {
    let market = Market::open().await;
    let deal = Deal::new(market.sheet(1, 0), 0);
    let buyer = market.session(market.world.buyer()).await;
    let seller = market.session(market.world.seller()).await;
    let (paid, signed) = signatures(&deal, &buyer, &seller);
    ops::open::verify(&buyer, &deal, Role::Seller, &signed).await.unwrap();
    ops::open::submit(&seller, &deal, paid, signed).await.unwrap();
    assert_eq!(market.balance(market.world.contracts().escrow).await, usd(100));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn opening_twice_is_one_opening() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    let (paid, bonded) = signatures(&deal, &buyer, &seller);
    ops::open::submit(&buyer, &deal, paid, bonded).await.unwrap();
    assert_eq!(market.balance(market.world.contracts().escrow).await, usd(110));
}

#[tokio::test]
async fn the_buyer_accepts_and_the_seller_has_everything() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    let consent = ops::accept::sign(&buyer, &deal, 0, market.node.now() + 60).unwrap();
    let ended = ops::accept::submit(&buyer, &deal, 0, consent).await.unwrap();
    assert_eq!(Ending::from_u8(ended.ending), Some(Ending::Accepted));
    assert_eq!((ended.to_seller, ended.to_buyer), (u128::from(usd(110)), 0));
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_100));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn the_seller_concedes_and_the_buyer_has_everything() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    let consent = ops::concede::sign(&seller, &deal, 0, market.node.now() + 60).unwrap();
    let ended = ops::concede::submit(&seller, &deal, 0, consent).await.unwrap();
    assert_eq!(Ending::from_u8(ended.ending), Some(Ending::Conceded));
    assert_eq!(market.balance(buyer.owner()).await, usd(1_000_010));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn both_agree_on_a_split_also_after_a_delivery() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    pin(&seller, &deal).await;
    let split =
        ops::agree::Split { milestone: 0, seller_amount: Usdc::from_whole(70), as_credit: false };
    let until = market.node.now() + 60;
    let consents = (
        ops::agree::sign(&buyer, &deal, &split, until).unwrap(),
        ops::agree::sign(&seller, &deal, &split, until).unwrap(),
    );
    let ended = ops::agree::submit(&seller, &deal, &split, consents).await.unwrap();
    assert_eq!(Ending::from_u8(ended.ending), Some(Ending::Agreed));
    assert_eq!((ended.to_seller, ended.to_buyer), (u128::from(usd(70)), u128::from(usd(40))));
}

#[tokio::test]
async fn an_agreed_credit_is_withdrawn_to_its_owner_and_only_once() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    let split =
        ops::agree::Split { milestone: 0, seller_amount: Usdc::from_whole(70), as_credit: true };
    let until = market.node.now() + 60;
    let consents = (
        ops::agree::sign(&buyer, &deal, &split, until).unwrap(),
        ops::agree::sign(&seller, &deal, &split, until).unwrap(),
    );
    ops::agree::submit(&seller, &deal, &split, consents).await.unwrap();
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_000 - 10));
    // The buyer may hand in the seller's withdrawal; the money goes to the seller.
    let paid = ops::withdraw::submit(&buyer, seller.owner()).await.unwrap();
    assert_eq!(paid.to::<u64>(), usd(70));
    assert_eq!(market.balance(seller.owner()).await, usd(1_000_000 + 60));
    assert!(ops::withdraw::submit(&seller, seller.owner()).await.unwrap().is_zero());
}

#[tokio::test]
async fn what_was_not_delivered_is_reclaimed_when_time_allows_and_not_before() {
    let market = Market::open().await;
    let (deal, buyer, _) = market.open_deal().await;
    let early = ops::reclaim::submit(&buyer, &deal, 0).await.unwrap_err().to_string();
    assert!(early.contains("TooEarly"), "{early}");
    market.node.advance(DAY * 2);
    let ended = ops::reclaim::submit(&buyer, &deal, 0).await.unwrap();
    assert_eq!(Ending::from_u8(ended.ending), Some(Ending::Reclaimed));
    assert_eq!(market.balance(buyer.owner()).await, usd(1_000_010));
    market.assert_no_ether().await;
}

#[tokio::test]
async fn a_pinned_delivery_that_nobody_judges_expires_as_the_terms_say() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    pin(&seller, &deal).await;
    let view = DealView::of_chain(&buyer.chain, deal.id, 0).await.unwrap();
    assert_eq!(view.milestones[0].status, MilestoneStatus::Delivered);
    market.node.advance(DAY * 2);
    let ended = ops::expire::submit(&seller, &deal, 0).await.unwrap();
    assert_eq!(Ending::from_u8(ended.ending), Some(Ending::Silent));
    assert_eq!((ended.to_seller, ended.to_buyer), (u128::from(usd(50)), u128::from(usd(60))));
    let view = DealView::of_chain(&buyer.chain, deal.id, 0).await.unwrap();
    assert_eq!(view.milestones[0].ending, Some(Ending::Silent));
    assert_eq!(view.milestones[0].to_seller, Some(Usdc::from_whole(50)));
    assert_eq!(view.jury.source, surety_jury::Source::Rehearsal);
    assert_eq!(view.jury.quorum, 4);
}

#[tokio::test]
async fn an_act_of_the_other_party_is_not_signed() {
    let market = Market::open().await;
    let (deal, buyer, seller) = market.open_deal().await;
    assert!(ops::accept::sign(&seller, &deal, 0, 1).is_err());
    assert!(ops::concede::sign(&buyer, &deal, 0, 1).is_err());
    let delivery = ops::deliver::delivery(&deal, 0, B256::ZERO, String::new());
    assert!(ops::deliver::sign(&buyer, &deal, &delivery).is_err());
    assert!(ops::accept::sign(&buyer, &deal, 1, 1).is_err());
}

/// Why the agent of `owner` does not sign a sheet, by the field.
async fn refusal(market: &Market, owner: PrivateKeySigner, sheet: TermSheet) -> String {
    let session = market.session(owner).await;
    let deal = Deal::new(sheet, 0);
    let role = if session.owner() == deal.terms.buyer { Role::Buyer } else { Role::Seller };
    let promised = alloy::primitives::U256::ZERO;
    match before_signing(&session, &deal, role, &Mandate::default(), promised).await {
        Ok(()) => "none".to_owned(),
        Err(Error::Refused { field, .. }) => field.into_owned(),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_bad_sheet_is_refused_by_its_field_before_anything_is_signed() {
    let market = Market::open().await;
    let buyer = market.world.buyer();
    let good = market.sheet(1, 10);
    assert_eq!(refusal(&market, buyer.clone(), good.clone()).await, "none");
    assert_eq!(refusal(&market, market.world.seller(), good.clone()).await, "none");
    let juror = market.world.juror(0);
    let cases: [(&str, Spoil); 9] = [
        ("chainId", Box::new(|sheet| sheet.chain_id = 1)),
        ("escrow", Box::new(|sheet| sheet.escrow = sheet.token)),
        ("token", Box::new(|sheet| sheet.token = sheet.escrow)),
        ("jury", Box::new(|sheet| sheet.jury = B256::repeat_byte(1))),
        ("jury", Box::new(move |sheet| sheet.seller = juror.address())),
        ("sequential", Box::new(|sheet| sheet.sequential = true)),
        ("openBy", Box::new(|sheet| sheet.open_by = 1)),
        ("buyer", Box::new(|sheet| sheet.total = Usdc::from_whole(1_000_001))),
        ("seller", Box::new(|sheet| sheet.bond = Usdc::from_whole(1_000_001))),
    ];
    for (field, spoil) in cases {
        let mut sheet = good.clone();
        spoil(&mut sheet);
        assert_eq!(refusal(&market, buyer.clone(), sheet).await, field);
    }
    let mut foreign = good;
    foreign.buyer = foreign.escrow;
    assert_eq!(refusal(&market, buyer, foreign).await, "seller");
}

#[tokio::test]
async fn a_sheet_that_was_swapped_after_signing_is_not_the_signed_one() {
    let market = Market::open().await;
    let deal = Deal::new(market.sheet(1, 10), 0);
    let buyer = market.session(market.world.buyer()).await;
    let seller = market.session(market.world.seller()).await;
    let (paid, bonded) = signatures(&deal, &buyer, &seller);
    let mut sheet = deal.sheet.clone();
    sheet.milestones[0].criteria[0].text = "The deliverable exists.".to_owned();
    let swapped = Deal::new(sheet, 0);
    for (role, signature) in [(Role::Buyer, &paid), (Role::Seller, &bonded)] {
        ops::open::verify(&seller, &deal, role, signature).await.unwrap();
        assert!(ops::open::verify(&seller, &swapped, role, signature).await.is_err());
    }
    assert!(ops::open::submit(&buyer, &swapped, paid, bonded).await.is_err());
    assert_eq!(market.balance(market.world.contracts().escrow).await, 0);
}

#[tokio::test]
async fn a_chain_without_the_escrow_or_with_another_id_is_not_connected_to() {
    let market = Market::of(World::new()).await;
    let contracts = market.world.contracts();
    let wrong = surety_agent::Chain::connect(market.rpc(), 1, contracts.escrow).await;
    assert!(wrong.unwrap_err().to_string().contains("chain id"));
    let empty = alloy::primitives::Address::repeat_byte(9);
    let wrong = surety_agent::Chain::connect(market.rpc(), contracts.chain_id, empty).await;
    assert!(wrong.unwrap_err().to_string().contains("no code"));
}

/// Puts some delivery on the chain.
async fn pin(seller: &surety_agent::Session, deal: &Deal) {
    let uri = "http://127.0.0.1:1/v1/deliverables".to_owned();
    let delivery = ops::deliver::delivery(deal, 0, B256::repeat_byte(7), uri);
    let signature: Bytes = ops::deliver::sign(seller, deal, &delivery).unwrap();
    ops::deliver::pin(seller, deal, &delivery, signature).await.unwrap();
}
