//! `surety juror status`, `unbond`, `claim` and `rotate`.

use std::time::Duration;

use alloy::primitives::U256;
use alloy::primitives::aliases::U96;
use serde_json::json;
use surety_bindings::jury::Jury;
use surety_tests::{World, actors};

use super::Office;
use crate::cli::{result, run};

const MONTH: Duration = Duration::from_hours(30 * 24);

/// What a command that fails says; what it was about to do comes first.
async fn refused(arguments: &[&str]) -> String {
    let output = run(arguments).await;
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

alloy::sol! {
    function transfer(address to, uint256 amount) external returns (bool);
}

/// A chain with a jury whose seat 0 has 7 dollars in its pot.
async fn funded() -> Office {
    let payer = actors::deployer();
    let fee = U256::from(7_000_000);
    let mut world = World::new();
    world.mint(payer.address(), U96::from(7_000_000));
    let office = Office::of(world).await;
    let contracts = office.market.world.contracts();
    let transfer = transferCall { to: contracts.jury, amount: fee };
    office.send(payer.clone(), contracts.token, &transfer).await;
    let shares = vec![fee, U256::ZERO, U256::ZERO];
    let fund = Jury::fundCall { jury: office.jury().await, round: 1, shares };
    office.send(payer, contracts.jury, &fund).await;
    office
}

#[tokio::test]
async fn a_seat_is_shown_paid_left_and_paid_back() {
    let office = funded().await;
    let juror = office.market.world.juror(0);
    let config = office.config("juror", &juror);
    let status = async || result(&["juror", "status", "--config", &config]).await;

    let shown = status().await;
    assert_eq!(shown["standing"], "serving");
    assert_eq!(shown["stake"], "100000000");
    assert_eq!(
        (shown["fees"].clone(), shown["unbondsAt"].clone()),
        (json!("7000000"), json!(null))
    );
    assert_eq!(shown["pots"].as_array().unwrap().len(), 1);
    assert_eq!(shown["pots"][0]["seat"], 0);

    let paid = ["--config", &config, "--sender", &office.sender];
    let claimed = result(&[&["juror", "claim"], &paid[..]].concat()).await;
    assert_eq!(claimed["payments"].as_array().unwrap().len(), 1);
    assert_eq!(claimed["payments"][0]["amount"], "7000000");
    let line = refused(&[&["juror", "claim"], &paid[..]].concat()).await;
    assert!(line.contains("unbond first"), "{line}");

    let unbound = result(&[&["juror", "unbond"], &paid[..]].concat()).await;
    assert_eq!(status().await["unbondsAt"], unbound["unbondsAt"]);
    assert_eq!(status().await["standing"], "leaving");
    let line = refused(&[&["juror", "unbond"], &paid[..]].concat()).await;
    assert!(line.contains("is leaving already"), "{line}");

    office.market.node.advance(MONTH);
    assert_eq!(status().await["standing"], "claimable");
    let claimed = result(&[&["juror", "claim"], &paid[..]].concat()).await;
    assert_eq!(claimed["payments"][0]["amount"], "100000000");
    assert_eq!(claimed["payments"][0]["pot"], json!(null));
    assert_eq!(status().await["standing"], "unregistered");
    let line = refused(&[&["juror", "unbond"], &paid[..]].concat()).await;
    assert!(line.contains("surety juror register"), "{line}");
}

#[tokio::test]
async fn a_new_key_follows_an_old_one_once_it_can_pay_its_stake() {
    let office = Office::of(World::new()).await;
    let (old, new) = (office.market.world.juror(0), actors::actor("successor"));
    let (config, to) = (office.config("juror", &old), office.config("successor", &new));
    let keys = ["--config", &config, "--to", &to, "--sender", &office.sender];

    let poor = refused(&[&["juror", "rotate"], &keys[..]].concat()).await;
    assert!(poor.contains("send it the rest"), "{poor}");

    let stakeless = ["--stake", "0", "--url", "http://127.0.0.1:9/"];
    let rotated = result(&[&["juror", "rotate"], &keys[..], &stakeless[..]].concat()).await;
    assert_eq!(rotated["from"], json!(old.address()));
    assert_eq!(rotated["to"], json!(new.address()));
    let shown = result(&["juror", "status", "--config", &to]).await;
    assert_eq!(shown["family"], rotated["family"]);
    assert_eq!(
        (shown["standing"].as_str(), shown["url"].as_str()),
        (Some("serving"), Some("http://127.0.0.1:9"))
    );
    let kept = result(&["juror", "status", "--config", &config]).await;
    assert_eq!(kept["standing"], "serving");

    for (to, needed) in [(&to, "was registered before"), (&config, "serves now")] {
        let again =
            ["juror", "rotate", "--config", &config, "--to", to, "--sender", &office.sender];
        let again = refused(&again).await;
        assert!(again.contains(needed), "{again}");
    }
}
