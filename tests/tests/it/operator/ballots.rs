//! `surety juror export` and `import` against the chain.

use std::path::PathBuf;

use alloy::primitives::{B256, FixedBytes};
use alloy::signers::SignerSync as _;
use serde_json::json;
use surety_bindings::escrow::DealEscrow;
use surety_interchange::{Document, Entry, Owner};
use surety_terms::digest;
use surety_tests::sign::Vote;
use surety_tests::{World, sign};

use super::Office;
use crate::cli::{result, run, write};

const DELIVERABLE: B256 = B256::repeat_byte(7);

/// A chain on which one verdict stands with the ballot of seat 0, and that ballot as an entry.
async fn settled() -> (Office, Owner, Entry) {
    let mut world = World::new();
    let mut terms = world.terms();
    let office = Office::of(world).await;
    terms.jury = office.jury().await;
    let world = &office.market.world;
    let contracts = world.contracts();
    let (escrow, relayer) = (contracts.escrow, world.relayer());
    let (buyer, seller) = sign::opening(contracts, &terms, &world.buyer(), &world.seller());
    let open = DealEscrow::openCall {
        terms: terms.clone(),
        buyerAuthorization: buyer,
        sellerAuthorization: seller,
    };
    office.send(relayer.clone(), escrow, &open).await;
    let votes = [0, 1, 2].map(|seat| Vote { seat, met: 0b11, failed: 0 });
    let settle = world.settle_call(&terms, 0, (DELIVERABLE, vec![]), &votes);
    office.send(relayer, escrow, &settle).await;
    let owner = Owner {
        chain_id: contracts.chain_id,
        jury: contracts.jury,
        juror: world.juror(0).address(),
    };
    let entry = signed(world, owner, sign::deal_id(contracts, &terms), 0b11);
    (office, owner, entry)
}

fn signed(world: &World, owner: Owner, deal_id: B256, met: u16) -> Entry {
    let mut entry = Entry {
        consumer: world.contracts().escrow,
        deal_id,
        milestone: 0,
        round: 1,
        deliverable: DELIVERABLE,
        seat: 0,
        seen_at: 1_800_000_000,
        met,
        failed: 0,
        reason: 0,
        transcript: B256::ZERO,
        digest: B256::ZERO,
        signature: FixedBytes::ZERO,
        salt: None,
    };
    let ballot = entry.ballot(owner.case_id(&entry));
    entry.digest = digest::ballot_digest(&ballot, owner.chain_id, owner.jury);
    let signature = world.juror(0).sign_hash_sync(&entry.digest).unwrap();
    entry.signature = signature.normalized_s().as_erc2098().into();
    entry
}

fn file(office: &Office, name: &str, document: &Document) -> String {
    write(&office.market.folder, name, std::str::from_utf8(&document.canonical().unwrap()).unwrap())
}

/// The last words of an import that fails.
async fn refused(config: &str, from: &str) -> String {
    let output = run(&["juror", "import", "--config", config, "--from", from]).await;
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn a_store_takes_a_document_that_knows_what_the_chain_shows_and_gives_it_back() {
    let (office, owner, entry) = settled().await;
    let config = office.config("juror", &office.market.world.juror(0));
    let empty = file(&office, "empty", &Document::new(owner, vec![]).unwrap());
    let line = refused(&config, &empty).await;
    let case = owner.case_id(&entry).to_string();
    assert!(line.contains(&case) && line.contains("export again from the store"), "{line}");

    let document = Document::new(owner, vec![entry.clone()]).unwrap();
    let from = file(&office, "whole", &document);
    let arguments = ["juror", "import", "--config", &config, "--from", &from];
    let imported = result(&arguments).await;
    let juror = owner.juror;
    assert_eq!(imported, json!({ "juror": juror, "added": 1, "known": 0, "counted": 1 }));
    let again = result(&arguments).await;
    assert_eq!(again, json!({ "juror": juror, "added": 0, "known": 1, "counted": 1 }));
    // Older than the store, but the store knows what the chain shows.
    result(&["juror", "import", "--config", &config, "--from", &empty]).await;

    let other = signed(&office.market.world, owner, entry.deal_id, 0b01);
    let other = file(&office, "other", &Document::new(owner, vec![other]).unwrap());
    let line = refused(&config, &other).await;
    assert!(line.contains("signed twice") && line.contains("nothing was imported"), "{line}");

    let to: PathBuf = office.market.folder.path().join("out.json");
    let to = to.display().to_string();
    let exported = result(&["juror", "export", "--config", &config, "--to", &to]).await;
    assert_eq!(exported["digest"], json!(document.digest()));
    assert_eq!(std::fs::read(&to).unwrap(), document.canonical().unwrap());
    let over = run(&["juror", "export", "--config", &config, "--to", &to]).await;
    assert_eq!(over.status.code(), Some(1), "a document is never overwritten");
}

#[tokio::test]
async fn a_conflict_in_one_entry_imports_none() {
    let (office, owner, entry) = settled().await;
    let config = office.config("juror", &office.market.world.juror(0));
    let first = file(&office, "first", &Document::new(owner, vec![entry.clone()]).unwrap());
    result(&["juror", "import", "--config", &config, "--from", &first]).await;
    // New cases on either side of the conflict, in the order of their ids.
    let world = &office.market.world;
    let mut entries: Vec<Entry> =
        (1..=4).map(|deal| signed(world, owner, B256::repeat_byte(deal), 1)).collect();
    entries.push(signed(world, owner, entry.deal_id, 0b01));
    let mixed = file(&office, "mixed", &Document::new(owner, entries).unwrap());
    assert!(refused(&config, &mixed).await.contains("signed twice"));
    let to = office.market.folder.path().join("out.json").display().to_string();
    let exported = result(&["juror", "export", "--config", &config, "--to", &to]).await;
    assert_eq!(exported["ballots"], 1);
}

#[tokio::test]
async fn another_jurors_document_is_refused() {
    let (office, owner, entry) = settled().await;
    let from = file(&office, "whole", &Document::new(owner, vec![entry]).unwrap());
    let other = office.config("other", &office.market.world.juror(1));
    let line = refused(&other, &from).await;
    assert!(line.contains("take this juror's own document"), "{line}");
}
