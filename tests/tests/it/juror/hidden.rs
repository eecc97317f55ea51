//! What a juror waits for, and what it stays silent about.

use alloy::primitives::B256;
use reqwest::Response;
use surety_juror::Handle;
use surety_jury::Template;
use surety_terms::{HiddenCriterion, Kind, Reveal};

use super::{Act, CaseState, Court, DAY, Double, WORK, problem};

fn document(text: &str) -> HiddenCriterion {
    HiddenCriterion { salt: B256::repeat_byte(9), text: text.to_owned(), kind: Kind::Llm }
}

/// A court whose last criterion is hidden, and fails what was hidden.
async fn court(document: &HiddenCriterion, template: Option<Template>) -> Court {
    let mut court = Court::new(
        Double::start(|_, question| match question.criterion.text.as_str() {
            "Names the auditors of the report." => Act::Vote("NOT_MET"),
            _ => Act::Vote("MET"),
        })
        .await,
    );
    let criteria = &mut court.sheet.milestones[0].criteria;
    let commitment = document.commitment();
    criteria[2].kind = Kind::Hidden { commitment, of: "complete".to_owned() };
    court.sheet.template = template.map(Template::digest);
    court.open().await;
    court
}

async fn reveal(court: &Court, juror: &Handle, case: B256, document: &HiddenCriterion) -> Response {
    let url = format!("{}/v1/cases/{case}/reveals", juror.url());
    let criterion_id = court.sheet.milestones[0].criteria[2].id.clone();
    let reveal = Reveal { criterion_id, document: document.clone() };
    court.http.post(url).json(&reveal).send().await.unwrap()
}

#[tokio::test]
async fn a_hidden_criterion_is_judged_once_it_is_revealed() {
    let hidden = document("Names the auditors of the report.");
    let court = court(&hidden, None).await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    let state = court.status(&juror, case, 1).await.state;
    assert_eq!(state, CaseState::AwaitingDeliverable, "nothing is asked before the reveal");
    assert!(court.provider.seen().is_empty());

    let other = reveal(&court, &juror, case, &document("Names the editors.")).await;
    assert_eq!(problem(other).await.slug(), "commitment-mismatch");
    assert_eq!(reveal(&court, &juror, case, &hidden).await.status(), 204);
    let ballot = court.ballot(&juror, case).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b011, 0b100, 0));

    // Whoever wants to hand it to another juror finds it here.
    let url = format!("{}/v1/cases/{case}/reveals", juror.url());
    let shown: Vec<Reveal> = court.http.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(shown[0].document, hidden);
    let late = reveal(&court, &juror, case, &hidden).await;
    assert_eq!(problem(late).await.slug(), "unknown-case", "the case has ended");
    juror.shutdown().await;
}

#[tokio::test]
async fn a_criterion_that_would_have_been_refused_in_the_open_opens_nothing_and_is_met() {
    let vague = document("The report is of high quality.");
    let court = court(&vague, None).await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    let refused = problem(reveal(&court, &juror, case, &vague).await).await;
    assert_eq!(refused.slug(), "criterion-refused");
    // A quarter of the window after the case came in, nobody waits any longer.
    court.go_to(court.node.now() + DAY / 4 + 1);
    let ballot = court.ballot(&juror, case).await;
    assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b111, 0, 0));
    juror.shutdown().await;
}

#[tokio::test]
async fn a_reveal_is_read_by_the_rules_of_the_template_that_both_parties_signed() {
    let short = document("Done.");
    for template in [None, Some(Template::J5)] {
        let court = court(&short, template).await;
        let juror = court.start().await;
        let case = court.take(&juror, &court.request(WORK)).await.case_id;
        court.push(&juror, WORK).await;
        let answer = reveal(&court, &juror, case, &short).await;
        if template.is_some() {
            assert_eq!(problem(answer).await.slug(), "criterion-refused");
            court.go_to(court.node.now() + DAY / 4 + 1);
        } else {
            assert_eq!(answer.status(), 204, "older jurors open it, so every juror does");
        }
        let ballot = court.ballot(&juror, case).await;
        assert_eq!((ballot.met, ballot.failed, ballot.reason), (0b111, 0, 0));
        juror.shutdown().await;
    }
}

#[tokio::test]
async fn a_juror_stays_silent_about_its_own_family_and_other_templates() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let mut request = court.request(WORK);
    for (families, template, slug) in [
        (vec!["rehearsal-family-0"], None, "own-family"),
        (vec!["rehearsal-family-1"], Some(B256::ZERO), "template-unknown"),
    ] {
        request.term_sheet.seller_families = families.into_iter().map(str::to_owned).collect();
        request.term_sheet.template = template;
        request.delivery.dealId = request.term_sheet.deal_id();
        assert_eq!(court.refused(&juror, &request).await.slug(), slug);
    }
    juror.shutdown().await;

    let mut court = Court::kind().await;
    court.sheet.salt = B256::repeat_byte(77);
    court.sheet.seller_families = vec!["rehearsal-family-1".to_owned()];
    court.sheet.template = Some(Template::J4.digest());
    court.open().await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    assert_eq!(court.ballot(&juror, case).await.reason, 0);
    juror.shutdown().await;
}
