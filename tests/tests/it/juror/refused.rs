//! What a juror takes and what it refuses, and that it says by which field and rule.

use super::*;

/// Makes an honest request wrong.
type Spoil = fn(&mut CaseRequest);

#[tokio::test]
async fn a_case_that_is_wrong_in_itself_is_refused_by_field() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let honest = court.request(WORK);
    let spoilt: [(Spoil, &str); 10] = [
        (|r| r.term_sheet.chain_id += 1, "termSheet.chainId"),
        (|r| r.term_sheet.escrow = Address::repeat_byte(9), "termSheet.escrow"),
        (|r| r.term_sheet.title.push('!'), "delivery.dealId"),
        (|r| r.delivery.dealId = B256::ZERO, "delivery.dealId"),
        (|r| r.delivery.milestone = 1, "delivery.milestone"),
        (|r| r.round = 3, "round"),
        (|r| r.delivery.uri = "a".repeat(1_025), "delivery.uri"),
        (|r| r.signature = vec![1; 4_097].into(), "signature"),
        (
            |r| r.term_sheet.milestones[0].pass_bps = surety_terms::Bps::ZERO,
            "termSheet.milestones[0].passBps",
        ),
        (|r| r.signature = forged(), "signature"),
    ];
    for (spoil, field) in spoilt {
        let mut request = honest.clone();
        spoil(&mut request);
        let problem = court.refused(&juror, &request).await;
        assert_eq!(problem.field.as_deref(), Some(field), "{problem:?}");
        assert!(problem.rule.is_some() && problem.status == 422, "{problem:?}");
    }
}

#[tokio::test]
async fn a_delivery_that_the_seller_did_not_sign_is_refused() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let mut request = court.request(WORK);
    let digest = digest::delivery_digest(&request.delivery, &court.sheet.domain());
    request.signature = sign::digest(&court.world.buyer(), digest);
    assert_eq!(court.refused(&juror, &request).await.slug(), "signature-invalid");

    // A signature of another deliverable is none of this one.
    request.signature = court.request(b"other work").signature;
    assert_eq!(court.refused(&juror, &request).await.slug(), "signature-invalid");
}

#[tokio::test]
async fn a_deal_that_was_never_opened_is_refused() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let mut sheet = court.sheet.clone();
    sheet.salt = B256::repeat_byte(2);
    let problem = court.refused(&juror, &court.request_for(&sheet, WORK, "")).await;
    assert_eq!((problem.slug(), problem.status), ("deal-not-open", 409));
    assert_eq!(problem.field.as_deref(), Some("delivery.dealId"));
}

#[tokio::test]
async fn a_jury_without_this_key_is_refused() {
    let mut court = Court::kind().await;
    let panel: Vec<Address> = (1..5).map(|seat| court.world.juror(seat).address()).collect();
    court.sheet.jury = court.world.create_jury(&panel, &[]);
    court.world.open(&court.sheet.terms()).unwrap();
    court.node = court.world.node();
    let juror = court.start().await;

    let problem = court.refused(&juror, &court.request(WORK)).await;
    assert_eq!(problem.slug(), "not-in-panel");
    assert_eq!(problem.field.as_deref(), Some("termSheet.jury"));

    court.sheet.jury = B256::repeat_byte(3);
    assert_eq!(court.refused(&juror, &court.request(WORK)).await.slug(), "not-in-panel");
}

#[tokio::test]
async fn a_milestone_that_has_ended_is_refused() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let valid_until = court.node.now() + DAY;
    let act = Concede {
        dealId: court.sheet.deal_id(),
        milestone: 0,
        round: 1,
        standing: 0,
        fee: U96::ZERO,
        validUntil: alloy::primitives::aliases::U40::from(valid_until),
    };
    court
        .send(&DealEscrow::concedeCall {
            terms: court.sheet.terms(),
            milestone: 0,
            state: vec![],
            seller: Consent {
                fee: act.fee,
                validUntil: act.validUntil,
                signature: sign::concede(&court.world.seller(), court.world.contracts(), &act),
                authorization: Bytes::new(),
            },
        })
        .await;
    let problem = court.refused(&juror, &court.request(WORK)).await;
    assert_eq!((problem.slug(), problem.status), ("milestone-ended", 409));
}

#[tokio::test]
async fn a_late_delivery_is_refused_unless_it_was_pinned_in_time() {
    let court = Court::kind().await;
    let juror = court.start().await;
    court.go_to(court.deliver_by() - 2);
    court.pin(WORK).await;
    court.go_to(court.deliver_by());

    let problem = court.refused(&juror, &court.request(b"too late")).await;
    assert_eq!(problem.slug(), "late-delivery");
    assert_eq!(problem.field.as_deref(), Some("delivery.deliverable"));
    let taken = court.take(&juror, &court.request(WORK)).await;
    court.push(&juror, WORK).await;
    assert_eq!(court.ballot(&juror, taken.case_id).await.met, 0b111);
}

#[tokio::test]
async fn a_delivery_in_the_last_second_is_taken() {
    let court = Court::kind().await;
    let juror = court.start().await;
    court.go_to(court.deliver_by() - 1);
    court.take(&juror, &court.request(WORK)).await;
}

#[tokio::test]
async fn a_milestone_gets_its_first_deliverable_then_only_a_pinned_one_and_never_a_third() {
    let court = Court::kind().await;
    let juror = court.start().await;
    court.take(&juror, &court.request(b"first")).await;
    let problem = court.refused(&juror, &court.request(b"second")).await;
    assert_eq!((problem.slug(), problem.status), ("other-deliverable", 409));

    court.pin(b"second").await;
    court.take(&juror, &court.request(b"second")).await;
    assert_eq!(court.refused(&juror, &court.request(b"third")).await.slug(), "other-deliverable");
}

#[tokio::test]
async fn a_malformed_or_oversized_body_is_refused_and_nothing_is_stored() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let honest = serde_json::to_string(&court.request(WORK)).unwrap();
    let url = format!("{}/v1/cases", juror.url());
    for (body, slug) in [
        ("{".to_owned(), "not-json"),
        (format!("{honest} {honest}"), "not-json"),
        (honest.replacen('{', "{\"round\":1,", 1), "duplicate-key"),
        (honest.replacen('{', "{\"extra\":1,", 1), "shape-invalid"),
        (honest.replace("\"round\":1", "\"round\":\"1\""), "shape-invalid"),
        (" ".repeat(1 << 20), "too-large"),
    ] {
        let answer = court.http.post(&url).body(body).send().await.unwrap();
        assert_eq!(problem(answer).await.slug(), slug);
    }
    juror.shutdown().await;
    let mut store = sqlite(&court).await;
    let cases: (i64,) =
        sqlx::query_as("SELECT count(*) FROM cases").fetch_one(&mut store).await.unwrap();
    assert_eq!(cases.0, 0);
}

#[tokio::test]
async fn only_bytes_that_an_open_case_asks_for_are_taken() {
    let court = Court::kind().await;
    let juror = court.start().await;
    assert_eq!(problem(court.push(&juror, WORK).await).await.slug(), "unasked-deliverable");
    let taken = court.take(&juror, &court.request(WORK)).await;

    let url = format!("{}/v1/deliverables/{}", juror.url(), keccak256(WORK));
    let other = court.http.put(&url).body("other").send().await.unwrap();
    assert_eq!(problem(other).await.slug(), "digest-mismatch");
    let large = court.http.put(&url).body(vec![b'a'; (1 << 16) + 1]).send().await.unwrap();
    assert_eq!(problem(large).await.slug(), "too-large");
    let bad = format!("{}/v1/deliverables/0x12", juror.url());
    let bad = court.http.put(bad).body("other").send().await.unwrap();
    assert_eq!(problem(bad).await.slug(), "malformed");

    assert_eq!(court.push(&juror, WORK).await.status(), 204);
    court.ballot(&juror, taken.case_id).await;
    assert_eq!(court.push(&juror, WORK).await.status(), 204, "pushing again is harmless");
}

#[tokio::test]
async fn an_unknown_case_is_not_found() {
    let court = Court::kind().await;
    let juror = court.start().await;
    for (path, slug) in [
        (format!("/v1/cases/{}", B256::ZERO), "unknown-case"),
        ("/v1/cases/12".to_owned(), "malformed"),
        (format!("/v1/cases/{}?waitSecs=soon", B256::ZERO), "malformed"),
    ] {
        let answer = court.http.get(format!("{}{path}", juror.url())).send().await.unwrap();
        assert_eq!(problem(answer).await.slug(), slug, "{path}");
    }
}
