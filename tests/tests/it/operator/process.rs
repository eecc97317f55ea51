//! The juror as a process: its store has one owner, its log may be JSON, its ballots may come from
//! KMS.

use std::process::Stdio;

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use serde_json::{Value, json};
use surety_jury::wire::{CaseStatus, Commitments};
use surety_tests::{World, actors, sealed};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

use super::earnings::{judge, open};
use super::kms::{Kms, Mood};
use super::{Office, Running};
use crate::cli::{failure, result, run, surety, write};
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

/// Lists models to whoever shows a key, or to everybody; answers nothing else.
async fn listing(wants_key: bool) -> String {
    let models = move |headers: HeaderMap| async move {
        let is_let_in = !wants_key || headers.contains_key("authorization");
        if is_let_in { StatusCode::OK } else { StatusCode::UNAUTHORIZED }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().route("/api/tags", get(models));
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

#[tokio::test]
async fn a_jurors_configuration_is_compared_with_the_world_and_nothing_is_started() {
    let office = Office::of(World::new()).await;
    let juror = office.market.world.juror(0);
    let text = std::fs::read_to_string(office.config("juror", &juror)).unwrap();
    let file = |text: &str| write(&office.market.folder, "checked.toml", text);
    let check =
        |file: String| async move { result(&["juror", "check-config", "--config", &file]).await };
    let (open, locked) = (listing(false).await, listing(true).await);
    let with = |url: &str| text.replace("http://127.0.0.1:1'\nmodel", &format!("{url}'\nmodel"));

    let good = check(file(&with(&open))).await;
    assert_eq!((&good["good"], &good["juror"]), (&json!(true), &json!(juror.address())));
    assert_eq!(good["family"], "rehearsal-family-0");
    let not_asked = good["notAsked"].as_array().unwrap().len();
    assert!(!office.market.folder.path().join("juror-store").exists(), "nothing is started");
    // One that has no such list: nobody knows then what it says of the key.
    let unlisted = check(file(&with(&format!("{open}/elsewhere")))).await;
    assert_eq!(unlisted["notAsked"].as_array().unwrap().len(), not_asked + 1);

    let chain_id = office.market.world.contracts().chain_id;
    let stranger = office.config("stranger", &actors::actor("stranger"));
    let stranger = std::fs::read_to_string(stranger).unwrap();
    for (text, needed) in [
        (text.clone(), "the provider cannot be reached"),
        (with(&locked), "the provider refuses the key (status 401)"),
        (text.replace("chain_id", "chain_idd"), "chain_idd"),
        (with(&open).replace(&format!("chain_id = {chain_id}"), "chain_id = 1"), "chain_id is 1"),
        (with(&open).replace("juror.key", "none.key"), "none.key"),
        (stranger, "is not registered"),
    ] {
        let line = failure(&["juror", "check-config", "--config", &file(&text)]).await;
        assert!(line.contains(needed), "{needed}: {line}");
    }
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
