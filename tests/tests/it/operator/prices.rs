//! `surety terms lint --prices`.

use alloy::signers::SignerSync as _;
use serde_json::Value;
use surety_prices::{PriceList, SignedPrices};
use surety_terms::Usdc;
use surety_tests::World;

use super::Office;
use crate::cli::{failure, run, write};

/// A price list of each juror of the panel: five cents for a case and one for a question.
fn lists(office: &Office) -> Vec<String> {
    let (world, now) = (&office.market.world, office.market.node.now());
    let mut files = Vec::new();
    for juror in world.jurors() {
        let prices = PriceList {
            recipient: None,
            chain_id: world.contracts().chain_id,
            jury: world.contracts().jury,
            juror: juror.address(),
            per_case: Usdc::new(50_000).unwrap(),
            per_criterion: Usdc::new(10_000).unwrap(),
            valid_from: now,
            valid_until: now + 1_000,
        };
        let signature = juror.sign_hash_sync(&prices.digest()).unwrap();
        let list = SignedPrices { prices, signature: signature.as_bytes().into() };
        let name = format!("{}.json", juror.address());
        files.push(write(&office.market.folder, &name, &serde_json::to_string(&list).unwrap()));
    }
    files
}

#[tokio::test]
async fn a_sheet_is_told_which_jurors_it_does_not_pay_and_what_would() {
    let office = Office::of(World::new()).await;
    let files = lists(&office);
    let rpc = office.served.url();
    // Five seats that ask six cents each: thirty cents pay them, one base unit less does not.
    for (fee, covered) in [(300_000, true), (299_999, false)] {
        let mut sheet = office.market.sheet(1, 10);
        sheet.jury_fee = Usdc::new(fee).unwrap();
        let sheet = serde_json::to_string(&sheet).unwrap();
        let sheet = write(&office.market.folder, "sheet.json", &sheet);
        let mut arguments = vec!["--json", "terms", "lint", &sheet, "--rpc", &rpc, "--prices"];
        arguments.extend(files.iter().map(String::as_str));
        let output = run(&arguments).await;
        let linted: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(linted["prices"]["covered"], covered, "{linted}");
        assert_eq!(linted["prices"]["prices"].as_array().unwrap().len(), 5);
        if !covered {
            assert_eq!(output.status.code(), Some(1));
            assert_eq!(linted["signable"], false);
            let underpaid = &linted["prices"]["underpaid"];
            assert_eq!(underpaid.as_array().unwrap().len(), 5);
            assert_eq!(underpaid[0]["juryFeeLeast"], "300000");
        }
    }
}

#[tokio::test]
async fn a_missing_and_an_outdated_price_list_are_named() {
    let office = Office::of(World::new()).await;
    let files = lists(&office);
    let rpc = office.served.url();
    let sheet = serde_json::to_string(&office.market.sheet(1, 10)).unwrap();
    let sheet = write(&office.market.folder, "sheet.json", &sheet);
    let one = ["terms", "lint", &sheet, "--rpc", &rpc, "--prices", &files[0]];
    let line = failure(&one).await;
    assert!(line.contains("give its file too"), "{line}");
    office.market.node.advance(std::time::Duration::from_secs(2_000));
    let mut all = vec!["terms", "lint", &sheet, "--rpc", &rpc, "--prices"];
    all.extend(files.iter().map(String::as_str));
    let line = failure(&all).await;
    assert!(line.contains("get the present one"), "{line}");
}
