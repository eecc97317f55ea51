//! Events over a long range, in spans that public endpoints answer.

use alloy::rpc::types::{Filter, Log};
use surety_chain::{ChainError, Rpc};

/// How many blocks one question spans at most.
const SPAN: u64 = 10_000;
/// The smallest span worth asking for.
const SPAN_LEAST: u64 = 16;

/// Hands every log from `from` to `to` on, in order. A span that the endpoint refuses is halved.
pub(crate) async fn each(
    rpc: &Rpc,
    filter: &Filter,
    (from, to): (u64, u64),
    mut found: impl FnMut(&Log),
) -> Result<(), ChainError> {
    let (mut start, mut span) = (from, SPAN);
    while start <= to {
        let end = start.saturating_add(span.saturating_sub(1)).min(to);
        match rpc.logs(&filter.clone().from_block(start).to_block(end)).await {
            Ok(logs) => {
                logs.iter().for_each(&mut found);
                start = end.saturating_add(1);
                span = span.saturating_mul(2).min(SPAN);
            }
            // Out of reach is out of reach for a shorter span too.
            Err(error @ (ChainError::Unreachable { .. } | ChainError::Malformed { .. })) => {
                return Err(error);
            }
            Err(error) if span <= SPAN_LEAST => return Err(error),
            Err(_) => span /= 2,
        }
    }
    Ok(())
}
