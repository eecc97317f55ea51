//! How a deal stands in the blocks that stand, and what parties and strangers send to the escrow.

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{B256, Bytes, keccak256};
use alloy::providers::Provider as _;
use alloy::rpc::types::{Filter, TransactionRequest};
use alloy::sol_types::{SolCall as _, SolEvent as _};
use surety_bindings::escrow::DealEscrow::{
    MilestoneDelivered, MilestoneEnded, MilestoneMoved, MilestoneSettled, appealCall, deliverCall,
};
use surety_bindings::escrow::{Appeal, SlowState};
use surety_bindings::jury::Case;
use surety_relayer::wire::Act;
use surety_terms::digest;
use surety_tests::{actors, sign};

use crate::relayer::court::Court;

/// The contract's numbers for how a milestone stands.
const DELIVERED: u8 = 1;
const JUDGED: u8 = 2;
const ROUND2: u8 = 3;
/// Its number for a verdict that the buyer lost.
const ACCEPTED: u8 = 1;

/// All that the chain told of a milestone.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Verdicts, with their transactions.
    pub(super) settled: Vec<(MilestoneSettled, B256)>,
    /// The last state; none while it is Pending.
    pub(super) state: Option<SlowState>,
    pub(super) is_pinned: bool,
    pub(super) is_appealed: bool,
    pub(super) ends: Vec<MilestoneEnded>,
}

impl Standing {
    pub(super) const fn is_over(&self) -> bool {
        !self.ends.is_empty()
    }

    /// The round whose panel may give a verdict.
    pub(super) fn round(&self) -> Option<u8> {
        match self.state.as_ref().map(|state| state.status) {
            _ if self.is_over() => None,
            None | Some(DELIVERED) => Some(1),
            Some(ROUND2) => Some(2),
            Some(_) => None,
        }
    }

    /// A verdict that can be appealed.
    pub(super) fn judged(&self) -> Option<&SlowState> {
        self.state.as_ref().filter(|state| state.status == JUDGED && !self.is_over())
    }

    /// When time allows to move it on.
    pub(super) fn until(&self, court: &Court) -> u64 {
        let unpinned = court.sheet.milestones[0].deliver_by + court.sheet.judge_within;
        self.state.as_ref().map_or(unpinned, |state| state.until.to())
    }

    /// What time allows then.
    pub(super) fn act(&self, has_appeal_panel: bool) -> Act {
        match self.state.as_ref().map(|state| state.status) {
            None => Act::Reclaim,
            Some(DELIVERED) => Act::Escalate.under(has_appeal_panel),
            Some(JUDGED) => Act::Finalize,
            Some(_) => Act::Expire,
        }
    }

    /// What a round's panel said.
    pub(super) fn verdict(&self, round: u8) -> Option<u8> {
        let of_round = self.settled.iter().find(|(event, _)| event.round == round);
        of_round.map(|(event, _)| event.outcome)
    }
}

/// How each milestone of the deal stands.
pub(super) async fn standings(court: &Court) -> Vec<Standing> {
    let filter =
        Filter::new().from_block(0).address(court.contracts.escrow).topic1(court.sheet.deal_id());
    let logs = court.node.provider().get_logs(&filter).await.unwrap();
    let mut all: Vec<Standing> =
        court.sheet.milestones.iter().map(|_| Standing::default()).collect();
    for log in &logs {
        let topic = log.inner.data.topics().first().copied().unwrap_or_default();
        match topic {
            MilestoneDelivered::SIGNATURE_HASH => {
                let event = MilestoneDelivered::decode_log(&log.inner).unwrap().data;
                let standing = &mut all[usize::from(event.milestone)];
                standing.is_pinned = true;
                standing.state = Some(event.state);
            }
            MilestoneMoved::SIGNATURE_HASH => {
                let event = MilestoneMoved::decode_log(&log.inner).unwrap().data;
                let standing = &mut all[usize::from(event.milestone)];
                standing.is_appealed |= event.state.status == ROUND2 && event.state.standing != 0;
                standing.state = Some(event.state);
            }
            MilestoneSettled::SIGNATURE_HASH => {
                let event = MilestoneSettled::decode_log(&log.inner).unwrap().data;
                let tx = log.transaction_hash.unwrap();
                all[usize::from(event.milestone)].settled.push((event, tx));
            }
            MilestoneEnded::SIGNATURE_HASH => {
                let event = MilestoneEnded::decode_log(&log.inner).unwrap().data;
                all[usize::from(event.milestone)].ends.push(event);
            }
            _ => {}
        }
    }
    all
}

/// What the seller delivers.
pub(super) fn work(milestone: u8) -> Bytes {
    format!("the work of part {milestone}").into_bytes().into()
}

pub(super) fn case_id(court: &Court, milestone: u8, round: u8) -> B256 {
    let (deal, deliverable) = (court.sheet.deal_id(), keccak256(work(milestone)));
    let case = sign::case(&court.contracts, deal, milestone, deliverable);
    digest::case_id(&Case { round, ..case })
}

/// The call that puts a delivery on the chain.
pub(super) fn delivery(court: &Court, milestone: u8) -> Bytes {
    let request = court.delivery(milestone, &work(milestone));
    let call = deliverCall {
        terms: court.sheet.terms(),
        milestone,
        deliverable: request.delivery.deliverable,
        uri: request.delivery.uri,
        signature: request.signature,
        requested: Vec::new(),
    };
    call.abi_encode().into()
}

/// The call by which whoever lost appeals.
pub(super) fn appeal(court: &Court, milestone: u8, state: &SlowState) -> Bytes {
    let valid_until = court.node.now() + 3_000;
    let act = Appeal {
        dealId: court.sheet.deal_id(),
        milestone,
        standing: state.standing,
        fee: U96::ZERO,
        validUntil: U40::from(valid_until),
    };
    let nonce = digest::appeal_digest(&act, &court.contracts.escrow_domain());
    let bond: U96 = court.sheet.appeal_bond.into();
    let loser = if state.standing == ACCEPTED { actors::buyer() } else { actors::seller() };
    let call = appealCall {
        terms: court.sheet.terms(),
        milestone,
        state: vec![state.clone()],
        fee: U96::ZERO,
        validUntil: act.validUntil,
        authorization: sign::funding(&loser, &court.contracts, bond, valid_until, nonce),
    };
    call.abi_encode().into()
}

/// Sends a call that may come too late; whether it did what it was to do.
pub(super) async fn try_send(court: &Court, calldata: Bytes) -> bool {
    let provider = court.node.provider_for(actors::deployer());
    let tx = TransactionRequest::default().to(court.contracts.escrow).input(calldata.into());
    let Ok(sent) = provider.send_transaction(tx).await else { return false };
    sent.get_receipt().await.is_ok_and(|receipt| receipt.status())
}
