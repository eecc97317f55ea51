//! The juror as a process: its store has one owner, its log may be JSON, its ballots may come from
//! KMS.

use std::process::Stdio;

use serde_json::Value;
use surety_jury::wire::{CaseStatus, Commitments};
use surety_tests::{World, sealed};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::earnings::{judge, open};
use super::kms::{Kms, Mood};
use super::{Office, Running};
use crate::cli::{run, surety};
use crate::juror::provider::{Act, Double};

fn juror(config: &str) -> Command {
    let mut command = surety();
    command.args(["juror", "run", "--config", config]);
    command
}

#[tokio::test]
async fn a_second_process_on_a_jurors_store_does_not_start() {
    let office = Office::of(World::new()).await;
    let config = office.config("juror", &office.market.world.juror(0));
    let first = Running::start(juror(&config)).await;
    let second = run(&["juror", "run", "--config", &config]).await;
    assert_eq!(second.status.code(), Some(1));
    let said = String::from_utf8(second.stderr).unwrap();
    assert!(said.contains("is in use by another juror"), "{said}");
    first.end().await;
    Running::start(juror(&config)).await.end().await;
}

#[tokio::test]
async fn every_line_of_a_json_log_is_a_document() {
    let office = Office::of(World::new()).await;
    let config = office.config("juror", &office.market.world.juror(0));
    let mut command = juror(&config);
    command.arg("--log-json").stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut is_ready = false;
    while let Some(line) = lines.next_line().await.unwrap() {
        let event: Value = serde_json::from_str(&line).unwrap();
        assert!(event["timestamp"].is_string() && event["level"].is_string(), "{line}");
        if event["fields"]["message"] == "juror ready" {
            is_ready = true;
            let pid = child.id().unwrap().to_string();
            assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        }
    }
    assert!(is_ready);
    assert_eq!(child.wait().await.unwrap().code(), Some(0));
}

#[tokio::test]
async fn a_ballot_that_kms_signed_is_the_jurors() {
    let office = Office::of(World::new()).await;
    let key = office.market.world.juror(0);
    let kms = Kms::start(key.to_bytes().0, Mood::Signs).await;
    let place =
        format!("[key]\nkms = 'alias/a'\nregion = 'eu-central-1'\nendpoint_url = '{}'", kms.url);
    let provider = Double::start(|_, _| Act::Vote("MET")).await;
    let config = office.config_of("juror", &place);
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace("'ollama'", "'openai-chat'")
        .replace("http://127.0.0.1:1'\nmodel", &format!("{}'\nmodel", provider.url));
    std::fs::write(&config, text).unwrap();
    let sheet = open(&office, 0, office.jury().await).await;
    let mut command = juror(&config);
    command
        .env("AWS_ACCESS_KEY_ID", "AKIAPLANTED")
        .env("AWS_SECRET_ACCESS_KEY", "planted-aws-secret-c0ffee")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let juror = Running::start(command).await;
    let case = judge(&office, &juror.url, &sheet).await;
    let (world, url) = (&office.market.world, format!("{}/v1/cases/{case}", juror.url));
    let others = [1, 2].map(|s| sealed::commitment(world.contracts(), &world.juror(s), case));
    let others = Commitments { commitments: others.to_vec() };
    let told = reqwest::Client::new().post(format!("{url}/commitments")).json(&others).send().await;
    assert_eq!(told.unwrap().status(), 204);
    let shown = reqwest::get(format!("{url}?waitSecs=30")).await.unwrap();
    let status: CaseStatus = shown.json().await.unwrap();
    let ballot = status.ballot.unwrap();
    let contracts = office.market.world.contracts();
    ballot.verify(contracts.chain_id, contracts.jury).unwrap();
    // The ballot, and the commitment to it.
    assert_eq!((ballot.juror, kms.signed().0), (key.address(), 2));
    juror.end().await;
}
