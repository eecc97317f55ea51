//! What an agent has to do next, as a pure function of its book and of the chain.

use alloy::primitives::B256;

use crate::{
    Deal, Role, Stage,
    store::{Entry, Work},
    watch::Seen,
};

/// How long after `openBy` an unopened deal is given up: a reorganisation may still show it open.
const LAPSE_AFTER_SECS: u64 = 600;

/// One thing to do. Each is safe to do again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Act {
    /// Send the offer to its seller.
    Offer,
    /// Have the deal opened.
    Open,
    /// Note that the deal is open.
    Note,
    /// Note that every milestone has ended.
    Close,
    /// Note that the deal was never opened.
    Lapse,
    /// Run the worker program and sign what it makes.
    Work(u8),
    /// Hand the delivery to the relayer.
    HandIn(u8),
    /// Push the deliverable to the jurors.
    Push(u8),
    /// Put the delivery on the chain.
    Pin(u8),
    /// Have an undelivered milestone's money returned to the buyer.
    Reclaim(u8),
    /// End a milestone whose panel stayed silent.
    Expire(u8),
    /// Withdraw the owner's credit.
    Withdraw,
}

/// What a milestone's work gave so far, with what this process already did with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Whether the program said that there is nothing to deliver.
    pub(crate) nothing: bool,
    /// Whether a delivery is signed.
    pub(crate) signed: bool,
    /// Whether the relayer took it.
    pub(crate) handed_in: bool,
    /// Whether every juror took the bytes.
    pub(crate) pushed: bool,
}

impl Progress {
    /// What the store says after a restart.
    pub(crate) const fn of(work: Option<&Work>) -> Self {
        let (nothing, signed) = match work {
            None => (false, false),
            Some(Work::Nothing) => (true, false),
            Some(Work::Delivery(..)) => (false, true),
        };
        Self { nothing, signed, handed_in: false, pushed: false }
    }

    const fn is_done(self) -> bool {
        self.nothing || self.signed
    }
}

/// What to do about one deal at the chain's time `now`.
pub(crate) fn due(
    (role, stage): (Role, Stage),
    deal: &Deal,
    seen: &Seen,
    progress: &[Progress],
    (now, margin): (u64, u64),
) -> Vec<Act> {
    let word = seen.word;
    if !word.opened {
        return waiting(role, stage, deal, now).into_iter().collect();
    }
    let live = || (0..deal.milestones()).filter(|milestone| !word.has_ended(*milestone));
    if live().next().is_none() {
        return vec![Act::Close];
    }
    let mut acts = Vec::new();
    if stage != Stage::Open {
        acts.push(Act::Note);
    }
    for milestone in live() {
        if word.is_delivered(milestone) {
            // The event's time is exact; without the event the latest possible one is safe.
            let latest = deal.reclaimable_at(milestone);
            if now >= seen.expires_at.get(&milestone).copied().unwrap_or(latest) {
                acts.push(Act::Expire(milestone));
                continue;
            }
        } else if now >= deal.reclaimable_at(milestone) {
            acts.push(Act::Reclaim(milestone));
            continue;
        }
        if role == Role::Seller {
            acts.extend(selling(deal, seen, progress, milestone, (now, margin)));
        }
    }
    acts
}

/// What to do about a deal that is not open.
fn waiting(role: Role, stage: Stage, deal: &Deal, now: u64) -> Option<Act> {
    let open_by = deal.terms.openBy.to::<u64>();
    if now >= open_by {
        return (now >= open_by.saturating_add(LAPSE_AFTER_SECS)).then_some(Act::Lapse);
    }
    match (role, stage) {
        (Role::Buyer, Stage::Signed) => Some(Act::Offer),
        (Role::Buyer, Stage::Agreed) => Some(Act::Open),
        _ => None,
    }
}

/// What a seller has to do about one live milestone.
fn selling(
    deal: &Deal,
    seen: &Seen,
    progress: &[Progress],
    milestone: u8,
    (now, margin): (u64, u64),
) -> Vec<Act> {
    let at = |milestone: u8| progress.get(usize::from(milestone)).copied().unwrap_or_default();
    let (own, deliver_by) = (at(milestone), deal.deliver_by(milestone));
    let in_time = now < deliver_by;
    if own.nothing {
        return Vec::new();
    }
    if !own.signed {
        // In order: an earlier milestone's work comes first, unless its time is over.
        let turn = (0..milestone).all(|earlier| {
            at(earlier).is_done() || seen.word.has_ended(earlier) || now >= deal.deliver_by(earlier)
        });
        return if turn && in_time { vec![Act::Work(milestone)] } else { Vec::new() };
    }
    let mut acts = Vec::new();
    let pinned = seen.word.is_delivered(milestone);
    // Jurors ballot what they saw before `deliverBy`, or what is on the chain.
    if !own.handed_in && (in_time || pinned) {
        acts.push(Act::HandIn(milestone));
    }
    if own.handed_in && !own.pushed {
        acts.push(Act::Push(milestone));
    }
    if !pinned && in_time && now.saturating_add(margin) >= deliver_by {
        acts.push(Act::Pin(milestone));
    }
    acts
}

/// Names a thing to do: a deal's, or the owner's own.
pub(crate) type Key = (Option<B256>, Act);

/// The key of an act of this entry's deal.
pub(crate) const fn key(entry: &Entry, act: Act) -> Key {
    (Some(entry.deal.id), act)
}
