//! Previews of private deals: what a juror takes, and what it writes down.

use std::path::PathBuf;

use surety_privacy::{Identity, Recipients, create, encrypt};

use super::super::stored;
use super::*;

/// A court whose deal is private, and its juror's identity file.
async fn private(mut court: Court) -> (Court, PathBuf) {
    let file = court.folder.path().join("juror.age");
    create(&file).unwrap();
    let [buyer, seller] = [(), ()].map(|()| Identity::random().recipient());
    court.sheet.recipients = Some(Recipients { buyer, seller });
    court.open().await;
    (court, file)
}

async fn start(court: &Court, identities: &[&PathBuf]) -> Handle {
    let mut config = court.config();
    config.identities = identities.iter().map(|path| (*path).clone()).collect();
    court.try_start(config).await.unwrap()
}

fn expect_nothing_in_the_clear(court: &Court) {
    let files = stored(&court.store());
    assert!(files.len() > 3);
    for bytes in files {
        for planted in [PROSE, WORK, b"three markets", b"The deliverable is complete"] {
            let found = bytes.windows(planted.len()).any(|part| part == planted);
            assert!(!found, "{:?}", String::from_utf8_lossy(planted));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn a_private_preview_lies_nowhere_in_the_clear_and_a_restart_answers_it() {
    let gate = Gate::default();
    let (court, file) = private(gate.court().await).await;
    let juror = start(&court, &[&file]).await;
    let request = court.preview(WORK);
    let own = surety_privacy::read(&file).unwrap().recipient();
    let body = encrypt(&serde_json::to_vec(&request).unwrap(), &[own]).unwrap();
    let url = format!("{}/v1/previews", juror.url());
    let taken = court.http.post(&url).body(body.clone()).send().await.unwrap();
    assert_eq!(taken.status(), 202);
    while court.provider.seen().is_empty() {
        yield_now().await;
    }
    expect_nothing_in_the_clear(&court);
    juror.shutdown().await;
    expect_nothing_in_the_clear(&court);
    gate.open();

    let newer = court.folder.path().join("newer.age");
    create(&newer).unwrap();
    let juror = start(&court, &[&newer, &file]).await;
    let answer = court.answer(&juror, &request).await;
    assert_eq!(forecasts(&answer), [MET, MET, MET]);
    expect_nothing_in_the_clear(&court);
    juror.shutdown().await;
}

#[tokio::test]
async fn what_a_juror_cannot_read_or_keep_private_is_refused() {
    let (court, file) = private(Court::kind().await).await;
    let request = court.preview(WORK);
    let text = serde_json::to_vec(&request).unwrap();
    let juror = start(&court, &[&file]).await;
    let url = format!("{}/v1/previews", juror.url());
    let for_another = encrypt(&text, &[Identity::random().recipient()]).unwrap();
    let refused = court.http.post(&url).body(for_another).send().await.unwrap();
    assert_eq!(problem(refused).await.slug(), "unreadable");
    let own = surety_privacy::read(&file).unwrap().recipient();
    let too_much = encrypt(&vec![b' '; PreviewRequest::body_bytes(1 << 16) + 1], &[own]).unwrap();
    let refused = court.http.post(&url).body(too_much).send().await.unwrap();
    assert!(["unreadable", "too-large"].contains(&problem(refused).await.slug()));
    juror.shutdown().await;

    let juror = start(&court, &[]).await;
    assert_eq!(court.unpreviewed(&juror, &request).await.slug(), "no-identity");
    juror.shutdown().await;
    assert!(court.provider.seen().is_empty());
}
