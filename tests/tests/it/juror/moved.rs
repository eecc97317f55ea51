//! A juror that moves to another machine with its ballots.

use std::collections::BTreeSet;

use surety_juror::{Merged, export, import};

use super::*;

#[tokio::test]
async fn a_juror_on_an_imported_store_hands_out_the_old_ballot_and_asks_nobody() {
    let court = Court::kind().await;
    let juror = court.start().await;
    let case = court.take(&juror, &court.request(WORK)).await.case_id;
    court.push(&juror, WORK).await;
    let ballot = court.ballot(&juror, case).await;
    juror.shutdown().await;
    let asked = court.provider.seen().len();

    let old = court.config();
    let key = old.key.open().await.unwrap();
    let document = export(&old, &key).await.unwrap();
    assert_eq!(document.ballots().len(), 1);
    let mut new = court.config();
    new.store = court.folder.path().join("elsewhere");
    let counted = BTreeSet::from([case]);
    let merged = import(&new, &key, &document, &counted).await.unwrap();
    assert_eq!(merged, Merged { added: 1, known: 0 });

    let juror = court.try_start(new.clone()).await.unwrap();
    let again = court.take(&juror, &court.request(WORK)).await;
    assert_eq!(again.ballot, Some(ballot));
    assert_eq!(court.provider.seen().len(), asked, "nobody is asked twice");
    // The first deliverable of a milestone counts on the new machine too.
    let second = court.refused(&juror, &court.request(b"another quarterly report")).await;
    assert_eq!(second.slug(), "other-deliverable");
    let held = export(&new, &key).await.unwrap_err();
    assert!(matches!(held, JurorError::StoreHeld { .. }), "{held}");
    juror.shutdown().await;
    let back = export(&new, &key).await.unwrap();
    assert_eq!(back, document);
}
