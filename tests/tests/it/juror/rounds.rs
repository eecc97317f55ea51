//! Round 2 before a real juror of the appeal panel.
//!
//! ```text
//! the panel does not agree        the appeal panel judges, and the escrow counts what it says
//! the panel was silent            the same about what was pinned, where the seller said it is
//! another digest, another panel   refused
//! round 2 has an end of its own   missing in its last tenth, shown at its half, silent after it
//! ```

use alloy::providers::Provider as _;
use alloy::rpc::types::Filter;
use alloy::sol_types::SolEvent;
use surety_bindings::escrow::SlowState;
use surety_bindings::jury::Case;
use surety_juror::{Config, Handle};
use surety_jury::SignedBallot;
use surety_jury::ballot::pack;
use surety_jury::wire::BallotBody;
use surety_keys::KeySource;
use surety_terms::Usdc;
use surety_tests::World;
use surety_tests::sign::Vote;

use super::*;

/// An open deal whose jury has an appeal panel of five.
async fn appealable() -> Court {
    let provider = Double::start(|_, _| Act::Vote("MET")).await;
    Court::of(World::with_panels(5, 5), provider, |sheet| {
        (sheet.appeal_within, sheet.appeal_bond) = (3_600, Usdc::from_whole(10));
    })
}

/// The juror on the first seat of the appeal panel.
async fn start(court: &Court) -> Handle {
    court.try_start(config(court)).await.unwrap()
}

fn config(court: &Court) -> Config {
    let key = court::key_file_of(court, &court.world.appeal_jurors()[0]);
    Config { key: KeySource::File(key), ..court.config() }
}

/// What a relayer asks the appeal panel.
fn request(court: &Court, work: &[u8]) -> CaseRequest {
    CaseRequest { round: 2, ..court.request(work) }
}

fn case(court: &Court, round: u8) -> Case {
    let deal = court.sheet.deal_id();
    let case = sign::case(court.world.contracts(), deal, 0, keccak256(WORK));
    Case { round, ..case }
}

/// Three of the panel's five call everything met and two nothing: the appeal panel is asked. Returns
/// when its time began.
async fn disagree(court: &Court) -> u64 {
    let vote = |seat: u8| {
        let (met, failed) = if seat < 3 { (0b111, 0) } else { (0, 0b111) };
        Vote { seat, met, failed }
    };
    let votes: Vec<Vote> = (0..5).map(vote).collect();
    let judged = (keccak256(WORK), vec![]);
    court.send(&court.world.settle_call(&court.sheet.terms(), 0, judged, &votes)).await;
    court.node.now()
}

/// Every event of one kind that the escrow emitted.
async fn events<E: SolEvent>(court: &Court) -> Vec<E> {
    let escrow = court.world.contracts().escrow;
    let filter = Filter::new().address(escrow).event_signature(E::SIGNATURE_HASH).from_block(0);
    let logs = court.node.provider().get_logs(&filter).await.unwrap();
    logs.iter().map(|log| E::decode_log(&log.inner).unwrap().data).collect()
}

/// The state in which round 2 began.
async fn begun(court: &Court) -> SlowState {
    events::<DealEscrow::MilestoneMoved>(court).await.pop().unwrap().state
}

/// The juror's ballot, once a quorum of the appeal panel has committed.
async fn ballot(court: &Court, juror: &Handle, case_id: B256) -> BallotBody {
    let panel = court.world.appeal_jurors();
    let others = [1, 2, 3].map(|seat: usize| court.commitment_of(&panel[seat], case_id));
    assert_eq!(court.bind(juror, case_id, &others).await.status(), 204);
    shown(court, juror, case_id).await
}

/// The juror's ballot, whoever has committed.
async fn shown(court: &Court, juror: &Handle, case_id: B256) -> BallotBody {
    let status = court.status(juror, case_id, 30).await;
    assert_eq!(status.state, CaseState::Ballot, "{status:?}");
    let (ballot, contracts) = (status.ballot.unwrap(), court.world.contracts());
    ballot.verify(contracts.chain_id, contracts.jury).unwrap();
    assert_eq!(ballot.juror, court.world.appeal_jurors()[0].address());
    ballot
}

/// Hands in round 2: this ballot, and the same answer from three more seats, which need it.
async fn settle(court: &Court, ballot: &BallotBody) {
    let contracts = court.world.contracts();
    let first = SignedBallot { seat: 0, ballot: ballot.ballot(), signature: ballot.signature };
    let others = (1_u8..4).map(|seat| {
        let juror = &court.world.appeal_jurors()[usize::from(seat)];
        sign::ballot(juror, contracts, seat, ballot.ballot())
    });
    let ballots: Vec<SignedBallot> = std::iter::once(first).chain(others).collect();
    court
        .send(&DealEscrow::settleCall {
            terms: court.sheet.terms(),
            milestone: 0,
            state: vec![begun(court).await],
            deliverable: keccak256(WORK),
            ballots: pack(&ballots).unwrap(),
        })
        .await;
}

#[tokio::test]
async fn what_the_panel_does_not_agree_on_the_appeal_panel_judges_and_the_escrow_counts() {
    let court = appealable().await;
    let juror = start(&court).await;
    let request = request(&court, WORK);
    let early = court.refused(&juror, &request).await;
    assert_eq!((early.slug(), early.status), ("round-not-open", 409));

    // Shortly before round 1 ends: round 2 has a window of its own.
    court.go_to(court.deliver_by() + DAY - 10);
    disagree(&court).await;
    court.go_to(court.deliver_by() + DAY + 60);
    let taken = court.take(&juror, &request).await;
    assert_eq!(taken.case_id, digest::case_id(&case(&court, 2)));
    juror.shutdown().await;

    let juror = start(&court).await;
    court.push(&juror, WORK).await;
    let ballot = ballot(&court, &juror, taken.case_id).await;
    assert_eq!((ballot.case_id, ballot.met, ballot.failed), (taken.case_id, 0b111, 0));
    settle(&court, &ballot).await;
    let settled = events::<DealEscrow::MilestoneSettled>(&court).await.pop().unwrap();
    assert_eq!((settled.round, settled.seats, settled.met), (2, 0b1111, 0b111));
    assert_eq!(events::<DealEscrow::MilestoneEnded>(&court).await.len(), 1);
    juror.shutdown().await;
}

#[tokio::test]
async fn nobody_reads_the_panels_reasons_while_round_2_is_open() {
    let court = appealable().await;
    let mut config = court.config();
    config.store = court.folder.path().join("panel");
    let panel = court.try_start(config).await.unwrap();
    let first = court.take(&panel, &court.request(WORK)).await.case_id;
    court.push(&panel, WORK).await;
    court.ballot(&panel, first).await;
    court.go_to(court.deliver_by() + DAY - 10);
    disagree(&court).await;
    court.go_to(court.deliver_by() + DAY + 60);
    let url = format!("{}/v1/cases/{first}/transcript", panel.url());
    let early = court.http.get(&url).send().await.unwrap();
    assert_eq!(problem(early).await.slug(), "too-early", "round 1's time is over, not round 2's");

    let juror = start(&court).await;
    let second = court.take(&juror, &request(&court, WORK)).await.case_id;
    court.push(&juror, WORK).await;
    let ballot = ballot(&court, &juror, second).await;
    settle(&court, &ballot).await;
    assert_eq!(court.http.get(&url).send().await.unwrap().status(), 200);
    juror.shutdown().await;
    panel.shutdown().await;
}

#[tokio::test]
async fn each_panel_judges_its_own_round() {
    let court = appealable().await;
    let juror = start(&court).await;
    assert_eq!(court.refused(&juror, &court.request(WORK)).await.slug(), "not-in-panel");
    disagree(&court).await;
    let mut config = court.config();
    config.store = court.folder.path().join("panel");
    let panel = court.try_start(config).await.unwrap();
    assert_eq!(court.refused(&panel, &request(&court, WORK)).await.slug(), "not-in-panel");
    let over = court.refused(&panel, &court.request(WORK)).await;
    assert_eq!((over.slug(), over.status), ("window-over", 409));
    court.take(&juror, &request(&court, WORK)).await;
    juror.shutdown().await;
    panel.shutdown().await;
}

#[tokio::test]
async fn round_2_is_about_what_stands_on_the_chain_whoever_signed_another() {
    let court = appealable().await;
    let juror = start(&court).await;
    disagree(&court).await;
    let problem = court.refused(&juror, &request(&court, b"another quarterly report")).await;
    assert_eq!((problem.slug(), problem.status), ("other-deliverable", 409));
    assert_eq!(problem.field.as_deref(), Some("delivery.deliverable"));
    // The chain vouches for the right one, so nobody has to have signed it.
    let unsigned = CaseRequest { signature: Bytes::new(), ..request(&court, WORK) };
    let taken = court.take(&juror, &unsigned).await;
    court.push(&juror, WORK).await;
    assert_eq!(ballot(&court, &juror, taken.case_id).await.met, 0b111);
    juror.shutdown().await;
}

#[tokio::test]
async fn round_2_has_a_half_time_of_its_own() {
    let court = appealable().await;
    let juror = start(&court).await;
    court.go_to(court.deliver_by() + DAY - 10);
    let begun = disagree(&court).await;
    let taken = court.take(&juror, &request(&court, WORK)).await;
    court.push(&juror, WORK).await;
    let sealed = court.committed(&juror, taken.case_id).await;
    assert_eq!((sealed.state, sealed.ballot), (CaseState::Committed, None));
    court.go_to(begun + DAY / 2);
    assert_eq!(shown(&court, &juror, taken.case_id).await.met, 0b111);
    juror.shutdown().await;
}

#[tokio::test]
async fn what_nobody_hands_in_is_missing_in_the_last_tenth_of_round_2() {
    let court = appealable().await;
    let juror = start(&court).await;
    let begun = disagree(&court).await;
    let taken = court.take(&juror, &request(&court, WORK)).await;
    court.go_to(begun + DAY * 9 / 10);
    let ballot = ballot(&court, &juror, taken.case_id).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0, 0b111, 1));
    juror.shutdown().await;
}

#[tokio::test]
async fn after_round_2_its_juror_stays_silent() {
    let court = appealable().await;
    let juror = start(&court).await;
    let begun = disagree(&court).await;
    let taken = court.take(&juror, &request(&court, WORK)).await;
    court.go_to(begun + DAY);
    let status = court.status(&juror, taken.case_id, 30).await;
    assert_eq!((status.state, &status.ballot), (CaseState::Silent, &None));
    juror.shutdown().await;
}

#[tokio::test]
async fn what_was_pinned_and_escalated_is_fetched_from_where_the_seller_said_in_round_1() {
    let court = appealable().await;
    let juror = start(&court).await;
    let uri = serve(WORK).await;
    court.pin_directly(&[(&court.sheet, WORK, &uri)]).await;
    let pinned = events::<DealEscrow::MilestoneDelivered>(&court).await.pop().unwrap().state;
    court.go_to(court.node.now() + DAY);
    court
        .send(&DealEscrow::escalateCall {
            terms: court.sheet.terms(),
            milestone: 0,
            state: vec![pinned],
            requested: vec![],
        })
        .await;
    // Who asks names a place where nothing is.
    let asked = court.unsigned(&court.sheet, WORK, "http://127.0.0.1:1/nothing");
    let taken = court.take(&juror, &CaseRequest { round: 2, ..asked }).await;
    assert_eq!(ballot(&court, &juror, taken.case_id).await.met, 0b111);
    juror.shutdown().await;
}
