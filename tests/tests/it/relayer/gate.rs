//! A connection to the node that can be cut at any call.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a broken expectation is its failure"
)]

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use alloy::providers::{DynProvider, Provider as _, RootProvider};
use alloy::rpc::client::RpcClient;
use alloy::rpc::json_rpc::{RequestPacket, ResponsePacket};
use alloy::transports::{TransportError, TransportErrorKind, TransportFut};
use surety_tests::Node;
use tower::Service;

/// What happens to calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// They reach the node, and its answers come back.
    Open,
    /// Calls of this method whose parameters hold this text never reach the node.
    Lose(&'static str, &'static str),
    /// Calls of this method reach the node, and the answers are lost.
    LoseAnswer(&'static str),
    /// So many calls go well; then the node is gone.
    After(u32),
}

/// The connection.
#[derive(Clone, Debug)]
pub(crate) struct Gate {
    node: Node,
    rule: Arc<Mutex<Rule>>,
}

impl Gate {
    pub(crate) fn new(node: &Node, rule: Rule) -> Self {
        Self { node: node.clone(), rule: Arc::new(Mutex::new(rule)) }
    }

    pub(crate) fn set(&self, rule: Rule) {
        *self.rule.lock().unwrap() = rule;
    }

    pub(crate) fn provider(&self) -> DynProvider {
        RootProvider::new(RpcClient::new(self.clone(), true)).erased()
    }

    /// Whether the call reaches the node, and whether the answer comes back.
    fn passes(&self, packet: &RequestPacket) -> (bool, bool) {
        let RequestPacket::Single(request) = packet else { panic!("services send no batches") };
        let mut rule = self.rule.lock().unwrap();
        let params = request.params().map_or("", |p| p.get());
        match &mut *rule {
            Rule::Open => (true, true),
            Rule::Lose(method, text) => {
                let passes = request.method() != *method || !params.contains(*text);
                (passes, passes)
            }
            Rule::LoseAnswer(method) => (true, request.method() != *method),
            Rule::After(0) => (false, false),
            Rule::After(left) => {
                *left -= 1;
                (true, true)
            }
        }
    }
}

impl Service<RequestPacket> for Gate {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let (reaches, returns) = self.passes(&packet);
        let mut node = self.node.clone();
        Box::pin(async move {
            let gone = || TransportErrorKind::custom_str("https://node.example/secret is gone");
            if !reaches {
                return Err(gone());
            }
            let answer = node.call(packet).await?;
            if returns { Ok(answer) } else { Err(gone()) }
        })
    }
}

impl Gate {
    /// Whether all calls that [`Rule::After`] granted were made.
    pub(crate) fn is_used_up(&self) -> bool {
        *self.rule.lock().unwrap() == Rule::After(0)
    }
}
