//! What an agent has to do next, as a pure function of its book and of the chain.

use alloy::primitives::B256;
use surety_terms::Criterion;

use crate::{
    Deal, Role, Stage,
    history::{DELIVERED, ROUND2},
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
    /// Show a private deal's sheet to the relayer.
    Show,
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
    /// Push it to the jurors of the appeal panel.
    PushAgain(u8),
    /// Reveal what the buyer hid to the panel that judges.
    Reveal(Judging),
    /// See whether the relayer still knows the case, and hand the delivery in again if not.
    Ask(u8),
    /// Put the delivery on the chain.
    Pin(u8),
    /// Have an undelivered milestone's money returned to the buyer.
    Reclaim(u8),
    /// Hand a milestone whose panel stayed silent to the appeal panel.
    Escalate(u8),
    /// End a milestone whose last panel stayed silent.
    Expire(u8),
    /// Withdraw the owner's credit.
    Withdraw,
}

/// What a panel judges, as the chain says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Judging {
    pub(crate) milestone: u8,
    /// 1 for the panel, 2 for the appeal panel.
    pub(crate) round: u8,
    pub(crate) deliverable: B256,
}

/// How far a milestone's work is. What this process did with a delivery is forgotten with it: both
/// can be done again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Progress {
    /// The program has not made anything yet.
    #[default]
    Open,
    /// The program said that there is nothing to deliver.
    Nothing,
    /// A delivery is signed.
    Signed,
    /// The relayer took it.
    HandedIn,
    /// The jurors were given the bytes.
    Pushed,
    /// Those of the appeal panel too.
    PushedAgain,
}

impl Progress {
    /// What the store says after a restart.
    pub(crate) const fn of(work: Option<&Work>) -> Self {
        match work {
            None => Self::Open,
            Some(Work::Nothing) => Self::Nothing,
            Some(Work::Delivery(..)) => Self::Signed,
        }
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
            if let Some(act) = timed(deal, seen, milestone, now) {
                acts.push(act);
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

/// What time allows with a milestone whose deliverable is on the chain.
fn timed(deal: &Deal, seen: &Seen, milestone: u8, now: u64) -> Option<Act> {
    let state = seen.states.get(&milestone);
    // The event's time is exact; without the event the latest possible one is safe.
    let until = state.map_or_else(|| deal.reclaimable_at(milestone), |state| state.until.to());
    let status = state.map_or(DELIVERED, |state| state.status);
    match status {
        _ if now < until => None,
        DELIVERED if seen.has_appeal_panel => Some(Act::Escalate(milestone)),
        DELIVERED | ROUND2 => Some(Act::Expire(milestone)),
        _ => None,
    }
}

/// What panels judge at `now` of a deal's milestones that hide something, once it stands on the
/// chain. Before that nobody but a relayer says that a delivery was signed, and what is revealed
/// too early is a test that the seller can write to.
pub(crate) fn judging(deal: &Deal, seen: &Seen, now: u64) -> Vec<Judging> {
    let mut found = Vec::new();
    for (part, milestone) in deal.sheet.milestones.iter().zip(0_u8..) {
        let hides = part.criteria.iter().any(Criterion::is_hidden);
        let state = seen.states.get(&milestone).filter(|state| now < state.until.to::<u64>());
        let Some(state) = state.filter(|_| hides && seen.word.is_delivered(milestone)) else {
            continue;
        };
        let round = match state.status {
            DELIVERED => 1,
            ROUND2 => 2,
            _ => continue,
        };
        found.push(Judging { milestone, round, deliverable: state.deliverable });
    }
    found
}

/// What to do about a deal that is not open.
fn waiting(role: Role, stage: Stage, deal: &Deal, now: u64) -> Option<Act> {
    let open_by = deal.terms.openBy.to::<u64>();
    if now >= open_by {
        return (now >= open_by.saturating_add(LAPSE_AFTER_SECS)).then_some(Act::Lapse);
    }
    match (role, stage) {
        (Role::Buyer, Stage::Signed) => Some(Act::Offer),
        // Open in the book but not on the chain: a reorganisation forgot the opening.
        (Role::Buyer, Stage::Agreed | Stage::Open) => Some(Act::Open),
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
    let pinned = seen.word.is_delivered(milestone);
    let mut acts = Vec::new();
    if pinned && seen.states.get(&milestone).is_some_and(|state| state.status == ROUND2) {
        // The relayer asks the appeal panel by itself, from the chain's word alone.
        let is_due = matches!(own, Progress::Signed | Progress::HandedIn | Progress::Pushed);
        return if is_due { vec![Act::PushAgain(milestone)] } else { acts };
    }
    match own {
        Progress::Nothing => return acts,
        Progress::Open => {
            // In order: an earlier milestone's work comes first, unless its time is over.
            let turn = (0..milestone).all(|earlier| {
                at(earlier) != Progress::Open
                    || seen.word.has_ended(earlier)
                    || now >= deal.deliver_by(earlier)
            });
            return if turn && in_time { vec![Act::Work(milestone)] } else { acts };
        }
        // Jurors ballot what they saw before `deliverBy`, or what is on the chain.
        Progress::Signed if in_time || pinned => acts.push(Act::HandIn(milestone)),
        Progress::HandedIn => acts.push(Act::Push(milestone)),
        Progress::Pushed => acts.push(Act::Ask(milestone)),
        Progress::Signed | Progress::PushedAgain => {}
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

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U40;
    use surety_bindings::escrow::SlowState;
    use surety_terms::Kind;

    use super::*;
    use crate::{
        Word,
        fixture::{DELIVER_BY, JUDGE_WITHIN, OPEN_BY, deal},
    };

    use Progress::{HandedIn, Nothing, Open, Pushed, PushedAgain, Signed};

    const MARGIN: u64 = 600;

    fn seen(ended: u16, slow: u16) -> Seen {
        let word = Word { opened: true, ended, slow };
        Seen { word, ..Seen::default() }
    }

    fn seller(seen: &Seen, progress: &[Progress], now: u64) -> Vec<Act> {
        let count = u8::try_from(progress.len()).unwrap();
        due((Role::Seller, Stage::Open), &deal(count), seen, progress, (now, MARGIN))
    }

    fn closed(role: Role, stage: Stage, now: u64) -> Vec<Act> {
        due((role, stage), &deal(1), &Seen::default(), &[Open], (now, MARGIN))
    }

    #[test]
    fn a_buyer_offers_then_opens_and_neither_after_the_offer_expired() {
        assert_eq!(closed(Role::Buyer, Stage::Signed, 1), [Act::Offer]);
        assert_eq!(closed(Role::Buyer, Stage::Agreed, OPEN_BY - 1), [Act::Open]);
        assert_eq!(closed(Role::Buyer, Stage::Open, 1), [Act::Open]);
        assert_eq!(closed(Role::Buyer, Stage::Refused, 1), []);
        assert_eq!(closed(Role::Buyer, Stage::Agreed, OPEN_BY), []);
        assert_eq!(closed(Role::Buyer, Stage::Agreed, OPEN_BY + LAPSE_AFTER_SECS), [Act::Lapse]);
        assert_eq!(closed(Role::Seller, Stage::Agreed, 1), []);
    }

    #[test]
    fn a_declined_offer_that_the_seller_opens_after_all_is_noted() {
        let acts = due((Role::Buyer, Stage::Refused), &deal(1), &seen(0, 0), &[Open], (1, MARGIN));
        assert_eq!(acts, [Act::Note]);
    }

    #[test]
    fn a_seller_works_on_its_milestones_in_order() {
        assert_eq!(seller(&seen(0, 0), &[Open, Open], 1), [Act::Work(0)]);
        assert_eq!(seller(&seen(0, 0), &[Nothing, Open], 1), [Act::Work(1)]);
        assert_eq!(seller(&seen(1, 0), &[Open, Open], 1), [Act::Work(1)]);
    }

    #[test]
    fn a_milestone_whose_time_is_over_is_not_worked_on() {
        assert_eq!(seller(&seen(0, 0), &[Open, Open], DELIVER_BY), [Act::Work(1)]);
    }

    #[test]
    fn a_signed_delivery_is_handed_in_then_pushed_then_asked_about() {
        assert_eq!(seller(&seen(0, 0), &[Signed], 1), [Act::HandIn(0)]);
        assert_eq!(seller(&seen(0, 0), &[HandedIn], 1), [Act::Push(0)]);
        assert_eq!(seller(&seen(0, 0), &[Pushed], 1), [Act::Ask(0)]);
    }

    #[test]
    fn a_delivery_without_a_verdict_is_pinned_near_its_deadline_and_not_after_it() {
        let at = |now| seller(&seen(0, 0), &[Pushed], now);
        assert_eq!(at(DELIVER_BY - MARGIN - 1), [Act::Ask(0)]);
        assert_eq!(at(DELIVER_BY - MARGIN), [Act::Ask(0), Act::Pin(0)]);
        assert_eq!(at(DELIVER_BY - 1), [Act::Ask(0), Act::Pin(0)]);
        assert_eq!(at(DELIVER_BY), [Act::Ask(0)]);
        assert_eq!(seller(&seen(0, 1), &[Pushed], DELIVER_BY - 1), [Act::Ask(0)]);
    }

    #[test]
    fn both_sides_reclaim_what_was_not_delivered_from_the_panels_end_on() {
        let end = DELIVER_BY + JUDGE_WITHIN;
        for role in [Role::Buyer, Role::Seller] {
            let at =
                |now| due((role, Stage::Open), &deal(1), &seen(0, 0), &[Pushed], (now, MARGIN));
            assert_eq!(at(end), [Act::Reclaim(0)]);
            assert!(!at(end - 1).contains(&Act::Reclaim(0)));
        }
    }

    #[test]
    fn a_delivered_milestone_expires_at_its_own_time() {
        let mut delivered = seen(0, 1);
        let end = DELIVER_BY + JUDGE_WITHIN;
        assert_eq!(seller(&delivered, &[Pushed], end - 1), [Act::Ask(0)]);
        assert_eq!(seller(&delivered, &[Pushed], end), [Act::Expire(0)]);
        delivered.states.insert(0, state(DELIVERED, 500_000));
        assert_eq!(seller(&delivered, &[Pushed], 500_000), [Act::Expire(0)]);
        assert_eq!(seller(&delivered, &[Pushed], 499_999), [Act::Ask(0)]);
    }

    fn state(status: u8, until: u64) -> SlowState {
        let deliverable = B256::repeat_byte(status);
        SlowState { status, deliverable, until: U40::from(until), ..SlowState::default() }
    }

    #[test]
    fn a_silent_panel_hands_over_to_the_appeal_panel_and_that_ones_silence_expires() {
        let mut delivered = Seen { has_appeal_panel: true, ..seen(0, 1) };
        for (status, now, due) in [
            (DELIVERED, 499_999, Act::Ask(0)),
            (DELIVERED, 500_000, Act::Escalate(0)),
            (ROUND2, 499_999, Act::PushAgain(0)),
            (ROUND2, 500_000, Act::Expire(0)),
        ] {
            delivered.states.insert(0, state(status, 500_000));
            assert_eq!(seller(&delivered, &[Pushed], now), [due], "{status} at {now}");
        }
        delivered.states.insert(0, state(ROUND2, 500_000));
        for own in [Open, Nothing, PushedAgain] {
            assert_eq!(seller(&delivered, &[own], 1), [], "{own:?}");
        }
        // What a restarted process knows of its delivery.
        assert_eq!(seller(&delivered, &[Signed], 1), [Act::PushAgain(0)]);
    }

    #[test]
    fn what_is_hidden_is_due_to_each_panel_while_it_judges_what_stands_on_the_chain() {
        let (open, mut hides) = (deal(2), deal(2));
        let kind = Kind::Hidden { commitment: B256::repeat_byte(1), of: "whole".to_owned() };
        let public = hides.sheet.milestones[1].criteria[0].clone();
        hides.sheet.milestones[1].criteria.push(Criterion { kind, ..public });
        for (status, round) in [(DELIVERED, 1), (ROUND2, 2)] {
            let mut seen = seen(0, 0b11);
            seen.states.extend([(0, state(status, 500)), (1, state(status, 500))]);
            let deliverable = B256::repeat_byte(status);
            let due = [Judging { milestone: 1, round, deliverable }];
            assert_eq!(judging(&hides, &seen, 499), due);
            assert!(judging(&hides, &seen, 500).is_empty(), "its time is over");
            assert!(judging(&open, &seen, 499).is_empty(), "nothing is hidden");
            seen.word.ended = 0b10;
            assert!(judging(&hides, &seen, 499).is_empty(), "it has ended");
        }
        assert!(judging(&hides, &seen(0, 0), 1).is_empty(), "nothing is on the chain");
    }

    #[test]
    fn a_deal_closes_when_every_milestone_has_ended() {
        assert_eq!(seller(&seen(0b11, 0), &[Pushed, Open], 1), [Act::Close]);
        assert_eq!(seller(&seen(0b01, 0), &[Pushed, Pushed], 1), [Act::Ask(1)]);
    }
}
