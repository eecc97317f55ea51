//! What somebody between juror and model can do: show the key around, and throw answers away.

use super::*;

#[tokio::test]
async fn a_response_that_holds_the_key_is_no_answer_and_is_not_kept() {
    let double = Double::captured(|number, _| match number % 2 {
        0 => Act::Raw(401, "no such key: sk-planted-secret-0123456789"),
        _ => Act::Raw(200, "{\"you said\": \"sk-planted-secret-0123456789\"}"),
    })
    .await;
    let desk = Desk::new().await;
    let milestone = milestone(vec![llm("a"), llm("b")]);
    let judge = judge(&double);
    let session = desk.session(&judge, &milestone).await;
    let opinion = session.last_round(soon()).await.unwrap();
    assert_eq!((opinion.met, opinion.failed), (0, 0));
    session.conclude(opinion).await.unwrap();
    assert!(double.seen().len() >= 2);
    let files = files(desk.folder.path());
    assert!(!files.is_empty());
    for file in files {
        let bytes = std::fs::read(&file).unwrap();
        let planted = bytes.windows(SECRET.len()).any(|part| part == SECRET.as_bytes());
        assert!(!planted, "{}", file.display());
    }
}

#[tokio::test]
async fn answers_that_cannot_be_read_do_not_buy_another_roll() {
    for unreadable in ["{\"id\":1,\"id\":2}", "<html>busy</html>", "{\"error\":{\"code\":1}}", "{}"]
    {
        let double = Double::start(move |number, _| match number {
            0 | 1 => Act::Raw(200, unreadable),
            _ => Act::Vote("MET"),
        })
        .await;
        let desk = Desk::new().await;
        let milestone = milestone(vec![llm("a")]);
        let judge = Judge { questions: 1, ..judge(&double) };
        let session = desk.session(&judge, &milestone).await;
        let mut opinion = None;
        for _ in 0..4 {
            if let Judged::Opinion(judged) = session.round(soon()).await.unwrap() {
                opinion = Some(judged);
                break;
            }
        }
        let opinion = opinion.unwrap();
        assert_eq!((opinion.met, opinion.failed), (0, 0), "{unreadable}");
        assert_eq!(double.seen().len(), 2, "{unreadable}: the third would have been met");
    }
}
