//! A juror that asks a price.

use surety_prices::{PricesConfig, SignedPrices};
use surety_terms::Usdc;

use super::*;

/// A juror that asks five cents for a case and one for each of the sheet's two questions.
async fn asking(court: &Court) -> surety_juror::Handle {
    let mut config = court.config();
    config.prices = PricesConfig {
        per_case: Usdc::new(50_000).unwrap(),
        per_criterion: Usdc::new(10_000).unwrap(),
        valid_secs: 1_000,
    };
    court.try_start(config).await.unwrap()
}

#[tokio::test]
async fn a_juror_shows_its_prices_signed_and_renews_them_in_time() {
    let court = Court::kind().await;
    let juror = asking(&court).await;
    let url = format!("{}/v1/prices", juror.url());
    let get = async || {
        let bytes = court.http.get(&url).send().await.unwrap().bytes().await.unwrap();
        SignedPrices::parse(&bytes).unwrap()
    };
    let contracts = court.world.contracts();
    let place = (contracts.chain_id, contracts.jury);
    let first = get().await;
    let list = first.verify(juror.juror(), place, court.node.now()).unwrap();
    assert_eq!(list.price(&court.sheet.milestones[0]), Usdc::new(70_000).unwrap());
    assert_eq!(get().await, first, "it is not signed again");
    court.go_to(list.valid_from + 501);
    let renewed = loop {
        let renewed = get().await;
        if renewed != first {
            break renewed;
        }
        tokio::task::yield_now().await;
    };
    assert!(renewed.prices.valid_until > list.valid_until);
}

#[tokio::test]
async fn a_case_below_the_price_is_refused_before_anybody_is_asked() {
    let court = Court::kind().await;
    let juror = asking(&court).await;
    // The court's sheet pays its jury nothing.
    let problem = court.refused(&juror, &court.request(WORK)).await;
    assert_eq!(problem.slug(), "fee-below-price");
    assert!(problem.detail.contains("0.07 USDC"), "{}", problem.detail);
    assert!(court.provider.seen().is_empty());
    assert_eq!(court.push(&juror, WORK).await.status(), 404, "no case was taken");
}
