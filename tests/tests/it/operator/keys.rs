//! `surety key` with keystores and AWS KMS, and what a juror's log holds of its secrets.

use std::process::Output;

use alloy::hex;
use serde_json::{Value, json};
use surety_prices::SignedPrices;
use surety_tests::World;
use tokio::process::Command;

use super::kms::{Kms, Mood};
use super::{Office, Running};
use crate::agent::key_file;
use crate::cli::surety;

pub(super) const PHRASE: &str = "planted-passphrase-5up3r";
pub(super) const API_KEY: &str = "planted-api-key-8f3a";
pub(super) const AWS_SECRET: &str = "planted-aws-secret-c0ffee";
pub(super) const AWS_TOKEN: &str = "planted-aws-session-token-beef";

/// The binary with every secret planted in its environment, and the loudest log there is.
pub(super) fn loud() -> Command {
    let mut command = surety();
    command
        .env("RUST_LOG", "trace")
        .env("PLANTED_PASSPHRASE", PHRASE)
        .env("PLANTED_API_KEY", API_KEY)
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", AWS_SECRET)
        .env("AWS_SESSION_TOKEN", AWS_TOKEN)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/none");
    command
}

async fn run(arguments: &[&str]) -> Output {
    loud().arg("--json").args(arguments).output().await.unwrap()
}

pub(super) fn document(output: &Output) -> Value {
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Refuses a text that holds a planted secret, in any of the forms in which it could be printed.
pub(super) fn expect_silent(text: &str, secrets: &[&str]) {
    let lower = text.to_lowercase();
    for secret in secrets {
        let plain = secret.trim_start_matches("0x").to_lowercase();
        assert!(!lower.contains(&plain), "the secret {secret} stands in:\n{text}");
        assert!(!lower.contains(&hex::encode(&plain)), "{secret} stands in hexadecimal");
    }
}

#[tokio::test]
async fn a_key_moves_into_a_keystore_and_back_out_by_its_passphrase_only() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let plain = key_file(&folder, "plain", &world.juror(0)).display().to_string();
    let store = folder.path().join("keystore").display().to_string();
    let into = ["--keystore", &store, "--passphrase-env", "PLANTED_PASSPHRASE"];
    let address = json!({ "address": world.juror(0).address() });
    let imported = run(&[&["key", "import", &plain], &into[..]].concat()).await;
    assert_eq!(document(&imported), address);
    let shown = run(&[&["key", "show"], &into[..]].concat()).await;
    assert_eq!(document(&shown), address);
    let again = run(&[&["key", "import", &plain], &into[..]].concat()).await;
    assert_eq!(again.status.code(), Some(1), "a keystore is never overwritten");
    let unset = run(&["key", "show", "--keystore", &store, "--passphrase-env", "NONE_SUCH"]).await;
    assert!(String::from_utf8_lossy(&unset.stderr).contains("NONE_SUCH"));
    let wrong =
        run(&["key", "show", "--keystore", &store, "--passphrase-env", "PLANTED_API_KEY"]).await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("does not open it"));

    let fresh = folder.path().join("fresh").display().to_string();
    let into = ["--keystore", &fresh, "--passphrase-env", "PLANTED_PASSPHRASE"];
    let made = run(&[&["key", "new"], &into[..]].concat()).await;
    let shown = run(&[&["key", "show"], &into[..]].concat()).await;
    assert_eq!(document(&made), document(&shown));
    let both = run(&[&["key", "new", &plain], &into[..]].concat()).await;
    assert!(String::from_utf8_lossy(&both.stderr).contains("exactly one"));

    let secret = world.juror(0).to_bytes().to_string();
    for output in [imported, shown, again, unset, wrong, made, both] {
        for text in [&output.stdout, &output.stderr] {
            expect_silent(&String::from_utf8_lossy(text), &[PHRASE, API_KEY, AWS_SECRET, &secret]);
        }
    }
}

#[tokio::test]
async fn a_key_in_kms_is_shown_and_its_failures_hold_no_credentials() {
    let world = World::new();
    let secret = world.juror(0).to_bytes();
    let kms = Kms::start(secret.0, Mood::Signs).await;
    let place = ["key", "show", "--kms", "alias/juror", "--region", "eu-central-1"];
    let shown = run(&[&place[..], &["--endpoint-url", &kms.url]].concat()).await;
    assert_eq!(document(&shown), json!({ "address": world.juror(0).address() }));
    let denied = Kms::start(secret.0, Mood::Refuses("AccessDeniedException")).await;
    let denied = run(&[&place[..], &["--endpoint-url", &denied.url]].concat()).await;
    assert_eq!(denied.status.code(), Some(1));
    let said = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(said.contains("allow kms:GetPublicKey and kms:Sign"), "{said}");
    for output in [shown, denied] {
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        expect_silent(&text, &[AWS_SECRET, AWS_TOKEN, PHRASE]);
    }
}

/// Starts a juror, has it sign its prices and show its numbers, ends it, and returns all it wrote.
async fn log_of(config: &str) -> String {
    let mut command = loud();
    command.args(["juror", "run", "--config", config]);
    let juror = Running::start(command).await;
    let get = async |path: &str| {
        reqwest::get(format!("{}{path}", juror.url)).await.unwrap().text().await.unwrap()
    };
    let prices = SignedPrices::parse(get("/v1/prices").await.as_bytes()).unwrap();
    let list = prices.prices;
    prices.verify(list.juror, (list.chain_id, list.jury), list.valid_from).unwrap();
    let numbers = get("/metrics").await;
    assert!(numbers.contains("surety_juror_cases_open 0"), "{numbers}");
    numbers + &juror.end().await
}

#[tokio::test]
async fn a_jurors_loudest_log_holds_no_secret_wherever_its_key_is() {
    let office = Office::of(World::new()).await;
    let juror = office.market.world.juror(0);
    let secret = juror.to_bytes().to_string();
    let file = key_file(&office.market.folder, "juror", &juror).display().to_string();
    let store = office.market.folder.path().join("keystore").display().to_string();
    let into = ["--keystore", &store, "--passphrase-env", "PLANTED_PASSPHRASE"];
    document(&run(&[&["key", "import", &file], &into[..]].concat()).await);
    let kms = Kms::start(juror.to_bytes().0, Mood::Signs).await;
    for (name, key) in [
        ("file", format!("[key]\nfile = '{file}'")),
        ("store", format!("[key]\nkeystore = '{store}'\npassphrase_env = 'PLANTED_PASSPHRASE'")),
        (
            "kms",
            format!(
                "[key]\nkms = 'alias/a'\nregion = 'eu-central-1'\nendpoint_url = '{}'",
                kms.url
            ),
        ),
    ] {
        let config = office.config_of(name, &key);
        let text = std::fs::read_to_string(&config).unwrap();
        let paid = "api_key_env = 'PLANTED_API_KEY'\n[budget]\ninput_micro_usd = 1000000\n\
                    output_micro_usd = 2000000\ncase_micro_usd = 500000\nday_micro_usd = 5000000\n";
        std::fs::write(&config, format!("{text}{paid}")).unwrap();
        let log = log_of(&config).await;
        assert!(log.contains("TRACE") && log.contains(&juror.address().to_string()), "{name}");
        expect_silent(&log, &[&secret, PHRASE, API_KEY, AWS_SECRET, AWS_TOKEN]);
    }
    assert_eq!(kms.signed(), (1, 0), "the key in KMS signed once");
}
