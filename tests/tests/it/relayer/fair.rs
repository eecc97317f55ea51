//! Nobody's jurors are in the way of other juries' cases.
//!
//! ```text
//! silent jurors' cases have all places       they give them to others, and come again
//! silent jurors' cases are all that fit in   others are taken up, and they again after these
//! ```
#![expect(clippy::unwrap_used, reason = "in a test a broken expectation is its failure")]

use std::ops::Range;

use alloy::primitives::B256;
use alloy::providers::Provider as _;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall as _;
use surety_bindings::jury::Jury;
use surety_relayer::wire::CaseState;
use surety_terms::TermSheet;
use surety_tests::actors;

use super::court::{Court, eventually};
use super::jurors::Habit;

/// Makes a jury of these jurors.
async fn jury(court: &Court, jurors: Range<usize>) -> B256 {
    let panel = jurors.map(|i| actors::juror(i).address()).collect();
    let call = Jury::createJuryCall { panel_: panel, appealPanel: vec![] }.abi_encode();
    let asked = TransactionRequest::default().to(court.contracts.jury).input(call.clone().into());
    let digest = court.node.provider().call(asked).await.unwrap();
    court.send_to(court.contracts.jury, call.into()).await;
    Jury::createJuryCall::abi_decode_returns(&digest).unwrap()
}

/// Open deals: so many whose five jurors say for ever that they are at work, then one whose five
/// others vote.
async fn deals(silent: u8) -> (Court, Vec<TermSheet>) {
    let mut court = Court::seated(5, 5).await;
    court.jurors.iter().take(5).for_each(|juror| juror.set(Habit::Silent));
    let (dead, lively) = (jury(&court, 0..5).await, jury(&court, 5..10).await);
    let mut sheets = Vec::new();
    for n in 0..=silent {
        court.sheet.salt = B256::repeat_byte(n + 1);
        court.sheet.jury = if n < silent { dead } else { lively };
        court.open().await;
        sheets.push(court.sheet.clone());
    }
    (court, sheets)
}

#[tokio::test]
async fn cases_of_silent_jurors_give_their_places_to_others() {
    let (mut court, mut sheets) = deals(2).await;
    let relayer = court.start_configured("turn_secs = 1\n[limits]\nasking = 2\n").await;
    let lively = sheets.pop().unwrap();
    let mut waiting = Vec::new();
    for sheet in sheets {
        court.sheet = sheet;
        waiting.push(court.deliver(&relayer).await);
    }
    eventually("both have a place", || async { court.jurors[0].asked_for().len() >= 2 }).await;
    court.sheet = lively;
    let id = court.deliver(&relayer).await;
    assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    for id in &waiting {
        assert_eq!(court.case(&relayer, *id, 0).await.state, CaseState::Asked);
    }

    court.everyone(Habit::Votes(0b11, 0));
    for id in waiting {
        assert_eq!(court.over(&relayer, id).await.state, CaseState::Final);
    }
}

#[tokio::test]
async fn a_full_relayer_takes_others_up_while_jurors_are_silent() {
    let (mut court, sheets) = deals(1).await;
    let relayer = court.start_configured("turn_secs = 1\n[limits]\ncases = 1\n").await;
    let mut cases = Vec::new();
    for sheet in sheets {
        court.sheet = sheet;
        cases.push(court.deliver(&relayer).await);
        eventually("it is worked on", || async { !court.jurors[0].asked_for().is_empty() }).await;
    }
    assert_eq!(court.over(&relayer, cases[1]).await.state, CaseState::Final);
    assert_eq!(court.case(&relayer, cases[0], 0).await.state, CaseState::Asked);

    court.everyone(Habit::Votes(0b11, 0));
    assert_eq!(court.over(&relayer, cases[0]).await.state, CaseState::Final);
    assert_eq!(court.relayed().await, 2);
}
