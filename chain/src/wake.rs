//! Hearing of new blocks, so as to look at once instead of at the next moment.
//!
//! What a subscription says is not believed and not even read: whatever comes rings the bell. Nodes
//! drop subscriptions silently and never fill what was missed, so nothing may depend on them; who is
//! rung looks by itself every so often anyway.

use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use reqwest_websocket::{Message, Upgrade as _};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::WsUrl;

/// What asks for new heads.
const SUBSCRIBE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#;

/// The longest time without a word until the connection counts as lost.
const SILENCE: Duration = Duration::from_mins(1);

/// The pause before the first new connection; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST: Duration = Duration::from_mins(1);

/// Rings `bell` for whatever a node says of new blocks, until `stop`.
pub async fn on_heads(url: WsUrl, bell: watch::Sender<u64>, stop: CancellationToken) {
    stop.run_until_cancelled_owned(async move {
        let mut pause = PAUSE;
        loop {
            if listen(&url, &bell).await.unwrap_or(false) {
                pause = PAUSE;
            }
            tracing::info!("a subscription to new blocks ended; it costs time only");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST);
        }
    })
    .await;
}

/// One connection. Says whether anything was heard. Its errors may name the URL, so they end here.
async fn listen(url: &WsUrl, bell: &watch::Sender<u64>) -> Result<bool, reqwest_websocket::Error> {
    let client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(10))
        .http1_only()
        .build()?;
    let answer = client.get(url.as_str()).upgrade().send().await?;
    let mut socket = answer.into_websocket().await?;
    socket.send(Message::Text(SUBSCRIBE.to_owned())).await?;
    let mut heard = false;
    while let Ok(Some(Ok(message))) = tokio::time::timeout(SILENCE, socket.next()).await {
        if let Message::Text(_) | Message::Binary(_) = message {
            heard = true;
            bell.send_modify(|n| *n = n.wrapping_add(1));
        }
    }
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::extract::ws::{Message as Sent, WebSocketUpgrade};
    use axum::routing::get;

    use super::*;

    /// A node that says two heads, then hangs up, every time.
    async fn node() -> String {
        let app = Router::new().route(
            "/",
            get(|upgrade: WebSocketUpgrade| async {
                upgrade.on_upgrade(|mut socket| async move {
                    let asked = socket.recv().await;
                    assert!(matches!(asked, Some(Ok(Sent::Text(t))) if t.contains("newHeads")));
                    for head in ["{\"result\":\"0x1\"}", "no json at all"] {
                        socket.send(Sent::Text(head.into())).await.unwrap();
                    }
                })
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    #[tokio::test]
    async fn a_bell_rings_for_whatever_is_heard_and_again_after_a_hang_up() {
        let bell = watch::Sender::new(0);
        let mut rung = bell.subscribe();
        let stop = CancellationToken::new();
        let url = WsUrl::try_from(node().await).unwrap();
        let listening = tokio::spawn(on_heads(url, bell, stop.clone()));
        // Two of one connection and two of the next.
        rung.wait_for(|n| *n >= 4).await.unwrap();
        stop.cancel();
        listening.await.unwrap();
    }

    #[test]
    fn urls_of_other_kinds_are_refused_and_none_is_shown() {
        for bad in ["http://node.example/secret", "ws:", "secret"] {
            let error = WsUrl::try_from(bad.to_owned()).unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let url = WsUrl::try_from("wss://node.example/secret".to_owned()).unwrap();
        assert!(!format!("{url:?}").contains("secret"));
    }
}
