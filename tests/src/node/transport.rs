//! The node as an alloy transport: requests are answered in the caller's own task.

use std::task::{Context, Poll};

use alloy::rpc::json_rpc::{
    RequestPacket, Response, ResponsePacket, ResponsePayload, SerializedRequest,
};
use alloy::transports::{TransportError, TransportFut};
use serde_json::Value;
use serde_json::value::to_raw_value;
use tower::Service;

use super::Node;

impl Node {
    fn respond(&self, request: &SerializedRequest) -> Response {
        let params = request.params().map(|raw| serde_json::from_str::<Value>(raw.get()));
        let result = self.answer(request.method(), params.and_then(Result::ok));
        let payload = match result.map(|value| to_raw_value(&value).expect("JSON is JSON")) {
            Ok(value) => ResponsePayload::Success(value),
            Err(fault) => ResponsePayload::Failure(fault.payload()),
        };
        Response { id: request.id().clone(), payload }
    }
}

impl Service<RequestPacket> for Node {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, packet: RequestPacket) -> Self::Future {
        let node = self.clone();
        Box::pin(async move {
            Ok(match packet {
                RequestPacket::Single(request) => ResponsePacket::Single(node.respond(&request)),
                RequestPacket::Batch(requests) => ResponsePacket::Batch(
                    requests.iter().map(|request| node.respond(request)).collect(),
                ),
            })
        })
    }
}
