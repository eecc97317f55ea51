//! What is kept of a request, and why another one is not taken.

use alloy::primitives::{B256, Bytes};
use surety_jury::wire::CaseRequest;
use surety_privacy::Circle;
use surety_terms::{Problem, json};

use crate::{
    JurorError,
    verify::{Asked, Fault},
};

/// What the store keeps of a request, and the same recomputed. A signature that is none of the
/// seller's is left out: the chain vouches for such a case, after a restart too. Of a private deal
/// it is encrypted.
pub(super) fn to_keep(
    mut request: CaseRequest,
    asked: Asked,
    signed: bool,
    circle: Option<&Circle>,
) -> Result<(Vec<u8>, Asked), Fault> {
    let asked = if signed { asked } else { asked.without_signature() };
    if !signed {
        request.signature = Bytes::new();
    }
    let text = json::canonical(&request).map_err(Problem::from)?;
    let kept = circle.map_or(Ok(text.clone()), |circle| circle.encrypt(&text));
    Ok((kept.map_err(JurorError::from)?, asked))
}

pub(super) fn other_deliverable(got: B256, first: B256) -> Problem {
    Problem::new(
        "other-deliverable",
        409,
        "Another deliverable came first",
        format!("this juror saw {first} for the milestone before {got}"),
    )
    .with_field(
        "delivery.deliverable",
        "must be the first that this juror saw, or the first one pinned on the chain",
    )
}
