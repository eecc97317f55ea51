//! The node over HTTP, for services that take a URL and for processes of their own.

use std::net::SocketAddr;

use alloy::rpc::json_rpc::ErrorPayload;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Node;

/// The largest request; a batch of whole juries fits many times.
const MOST_BYTES: usize = 8 << 20;

/// A node that answers at a URL until this is dropped.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    _stop: DropGuard,
}

impl Served {
    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Node {
    /// Serves the node on a port of its own, until the returned handle is dropped.
    pub async fn serve(&self) -> Served {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let stop = CancellationToken::new();
        let (node, stopped) = (self.clone(), stop.clone());
        tokio::spawn(async move { node.listen(listener, stopped).await });
        Served { address, _stop: stop.drop_guard() }
    }

    /// Answers on `listener` until `stop` is cancelled.
    pub async fn listen(
        &self,
        listener: TcpListener,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let app = Router::new()
            .route("/", post(receive))
            .layer(DefaultBodyLimit::max(MOST_BYTES))
            .with_state(self.clone());
        axum::serve(listener, app).with_graceful_shutdown(stop.cancelled_owned()).await
    }

    fn respond_json(&self, request: &Value) -> Value {
        let id = request.get("id").cloned().unwrap_or_default();
        let Some(method) = request.get("method").and_then(Value::as_str) else {
            return failure(&id, &ErrorPayload::invalid_request());
        };
        match self.answer(method, request.get("params").cloned()) {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(fault) => failure(&id, &fault.payload()),
        }
    }
}

fn failure(id: &Value, error: &ErrorPayload) -> Value {
    json!({ "jsonrpc": "2.0", "id": id, "error": error })
}

async fn receive(State(node): State<Node>, body: Bytes) -> Json<Value> {
    Json(match serde_json::from_slice(&body) {
        Ok(Value::Array(requests)) => {
            requests.iter().map(|request| node.respond_json(request)).collect()
        }
        Ok(request) => node.respond_json(&request),
        Err(_) => failure(&Value::Null, &ErrorPayload::parse_error()),
    })
}
