//! Whole deals through both rounds: two agents, a relayer and ten jurors, each a real one.
//!
//! ```text
//! a public deal                    the panel does not agree, the appeal panel's verdict pays
//! a private one that hides a test  the same; the buyer's agent reveals to each panel, the
//!                                  deliverable is readable to the second, and to nobody else
//! ```

use alloy::primitives::B256;
use serde_json::Value;
use surety_agent::{DealView, Ending, MilestoneStatus, NewDeal};
use surety_jury::Outcome;
use surety_relayer::wire;
use surety_terms::{Bps, Criterion, HiddenCriterion, Kind};

use super::deal::{House, WORK};
use super::{Act, Double, stored};

/// How many seats each panel has.
const SEATS: usize = 5;
/// What the buyer hides.
const HIDDEN: &str = "Names the authors of the paper.";

/// A provider that says this of the criterion that everybody reads, and that of the hidden one.
async fn saying(public: &'static str, hidden: &'static str) -> Double {
    Double::start(move |_, question| match question.criterion.text.as_str() {
        HIDDEN => Act::Vote(hidden),
        _ => Act::Vote(public),
    })
    .await
}

/// Two seats of the panel are against the other three, who call everything met. The appeal panel
/// agrees: the public criterion is met, and the hidden one is not.
async fn divided() -> House {
    let (for_it, against) = (saying("MET", "MET").await, saying("NOT_MET", "MET").await);
    let second = saying("MET", "NOT_MET").await;
    let mut providers = vec![against.clone(), against];
    providers.resize(SEATS, for_it);
    providers.resize(2 * SEATS, second);
    House::seated(SEATS, &providers, |_| ()).await
}

impl House {
    /// What the relayer knows of the deal's only milestone.
    async fn cases(&self, deal: B256) -> Vec<wire::CaseView> {
        let url = format!("{}/v1/deals/{deal}", self.market.relayer.url());
        let view: wire::DealView = serde_json::from_slice(&self.bytes(url).await).unwrap();
        view.milestones.into_iter().next().unwrap().cases
    }

    /// What a juror shows of what was revealed to it.
    async fn revealed(&self, seat: usize, case_id: B256) -> Vec<Value> {
        let url = format!("{}/v1/cases/{case_id}/reveals", self.jurors[seat].url());
        serde_json::from_slice(&self.bytes(url).await).unwrap()
    }

    /// Both rounds as the relayer tells of them, and the ballots of whom each was.
    async fn expect_both_rounds(&self, deal: B256) -> [wire::CaseView; 2] {
        let cases = self.cases(deal).await;
        let told: Vec<_> =
            cases.iter().map(|case| (case.round, case.verdict.as_ref().unwrap().outcome)).collect();
        assert_eq!(told, [(1, Outcome::Undetermined), (2, Outcome::Accepted)]);
        let cases: [wire::CaseView; 2] = cases.try_into().unwrap();
        for (case, panel) in cases.iter().zip(self.jurors.chunks(SEATS)) {
            assert!(case.ballots.len() > 3, "{case:?}");
            for ballot in &case.ballots {
                assert!(panel.iter().any(|juror| juror.juror() == ballot.juror), "{ballot:?}");
            }
        }
        cases
    }
}

/// The end of a deal whose second verdict calls these criteria met and failed.
fn expect_paid(view: &DealView, masks: (u16, u16)) {
    assert_eq!(view.jury.appeal_panel.len(), SEATS);
    let milestone = &view.milestones[0];
    assert_eq!(milestone.ending, Some(Ending::Accepted));
    let verdict = milestone.verdict.as_ref().unwrap();
    assert_eq!((verdict.round, verdict.outcome), (2, Outcome::Accepted));
    assert_eq!((verdict.met, verdict.failed), masks);
}

#[tokio::test]
async fn what_the_panel_does_not_agree_on_ten_jurors_and_a_relayer_bring_to_its_end() {
    let house = divided().await;
    let buyer = house.agent("buyer", "public_deals = true\n[buyer]").await;
    let selling = format!("[seller]\nworker = ['printf', '%s', '{WORK}']");
    let seller = house.agent("seller", &format!("public_deals = true\n{selling}")).await;
    let deal = house.buy(&buyer, &seller, house.sheet()).await.unwrap();
    for agent in [&buyer, &seller] {
        expect_paid(&house.until_ended(agent, deal).await, (0b1, 0));
    }
    house.expect_both_rounds(deal).await;
    assert_eq!(house.market.balance(seller.owner()).await, 1_000_100_000_000);
    buyer.shutdown().await;
    seller.shutdown().await;
    house.close().await;
}

#[tokio::test]
async fn what_is_hidden_in_a_private_deal_both_panels_are_shown_and_nobody_else_is() {
    let house = divided().await;
    let document =
        HiddenCriterion { salt: B256::repeat_byte(9), text: HIDDEN.to_owned(), kind: Kind::Llm };
    let mut sheet = house.sheet();
    let part = &mut sheet.milestones[0];
    let public = part.criteria[0].clone();
    part.criteria[0].weight_bps = Bps::new(8_000);
    part.criteria.push(Criterion {
        id: "authors".to_owned(),
        text: "What the buyer hides until the delivery.".to_owned(),
        weight_bps: Bps::new(2_000),
        mandatory: false,
        kind: Kind::Hidden { commitment: document.commitment(), of: public.id.clone() },
        ..public
    });
    part.pass_bps = Bps::new(8_000);

    let buyer = house.agent("buyer", "[buyer]").await;
    // The seller puts its delivery on the chain at once: then the agent knows it without a relayer.
    let selling = format!(
        "[seller]\nworker = ['printf', '%s', '{WORK}']\nmax_hidden_bps = 2000\n\
         deliver_margin_secs = 86400"
    );
    let seller = house.agent("seller", &selling).await;
    let seller_url = seller.url().parse().unwrap();
    let wanted = NewDeal { term_sheet: sheet, seller_url, hidden: Some(vec![document]) };
    let deal = house.want(&buyer, &wanted).await.unwrap();
    let on_the_chain = |view: &DealView| view.milestones[0].status != MilestoneStatus::Pending;
    house.until(&buyer, deal, on_the_chain).await;
    // Wherever it is with what it reveals, the next process goes on.
    drop(buyer);
    let buyer = house.agent("buyer", "[buyer]").await;

    for agent in [&buyer, &seller] {
        // The appeal panel read what was hidden, or it would be met.
        expect_paid(&house.until_ended(agent, deal).await, (0b01, 0b10));
    }
    let cases = house.expect_both_rounds(deal).await;
    for (round, case) in cases.iter().enumerate() {
        for seat in round * SEATS..(round + 1) * SEATS {
            let shown = house.revealed(seat, case.case_id).await;
            assert_eq!(shown.len(), 1, "{round} {seat}");
            assert_eq!(shown[0]["criterionId"], "authors");
            assert!(shown[0]["ageFile"].is_string(), "only the parties and the juror read it");
        }
    }
    for place in ["relayer".to_owned()].into_iter().chain((0..2 * SEATS).map(juror)) {
        for bytes in stored(&house.folder(&place)) {
            for planted in [HIDDEN, WORK] {
                let found = bytes.windows(planted.len()).any(|part| part == planted.as_bytes());
                assert!(!found, "{place} holds {planted:?}");
            }
        }
    }
    buyer.shutdown().await;
    seller.shutdown().await;
    house.close().await;
}

/// The folder of a juror.
fn juror(index: usize) -> String {
    format!("juror-{index}")
}
