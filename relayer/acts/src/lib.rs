#![doc = include_str!("../README.md")]

pub mod call;
mod claim;
mod plain;
mod price;
mod request;
pub mod rows;

use alloy::primitives::Bytes;
use alloy::sol_types::SolCall as _;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::{DealEscrow as E, Requested, SlowState, Terms};

pub use claim::Claim;
pub use price::{Settings, least_fee};
pub use request::ActRequest;
pub use rows::{ActError, migrations};

/// The numbers of the escrow's `Status`.
const DELIVERED: u8 = 1;
const JUDGED: u8 = 2;
const ROUND2: u8 = 3;

/// The case's round that a state belongs to: the one whose panel may give a verdict now. None while a
/// verdict stands and nobody has appealed.
pub const fn open_round(state: &SlowState) -> Option<u8> {
    match state.status {
        DELIVERED => Some(1),
        ROUND2 => Some(2),
        _ => None,
    }
}

/// The round that a party's request has to name.
pub fn named_round(state: Option<&SlowState>) -> u8 {
    if state.is_some_and(|state| state.status == ROUND2) { 2 } else { 1 }
}

/// What time allows anybody to do with a milestone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// The buyer gets back what nobody delivered or judged.
    Reclaim,
    /// The appeal panel is asked, since the panel gave no verdict on what was delivered.
    Escalate,
    /// The standing verdict takes effect.
    Finalize,
    /// The milestone ends without a verdict of its last panel.
    Expire,
}

impl Act {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Reclaim, Self::Escalate, Self::Finalize, Self::Expire];

    /// The word that JSON, rows and metrics hold.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reclaim => "reclaim",
            Self::Escalate => "escalate",
            Self::Finalize => "finalize",
            Self::Expire => "expire",
        }
    }

    /// The escrow's function, as a party's request names it.
    pub const fn selector(self) -> [u8; 4] {
        match self {
            Self::Reclaim => E::reclaimCall::SELECTOR,
            Self::Escalate => E::escalateCall::SELECTOR,
            Self::Finalize => E::finalizeCall::SELECTOR,
            Self::Expire => E::expireCall::SELECTOR,
        }
    }

    /// What is left of it under a jury with or without an appeal panel.
    #[must_use]
    pub const fn under(self, has_appeal_panel: bool) -> Self {
        match self {
            Self::Escalate if !has_appeal_panel => Self::Expire,
            Self::Reclaim | Self::Escalate | Self::Finalize | Self::Expire => self,
        }
    }

    /// The escrow's calldata.
    pub fn calldata(
        self,
        terms: Terms,
        milestone: u8,
        state: Option<SlowState>,
        requested: Vec<Requested>,
    ) -> Bytes {
        let state: Vec<SlowState> = state.into_iter().collect();
        match self {
            Self::Reclaim => E::reclaimCall { terms, milestone, requested }.abi_encode(),
            Self::Escalate => E::escalateCall { terms, milestone, state, requested }.abi_encode(),
            Self::Finalize => E::finalizeCall { terms, milestone, state, requested }.abi_encode(),
            Self::Expire => E::expireCall { terms, milestone, state, requested }.abi_encode(),
        }
        .into()
    }
}

/// An act and the first moment that allows it, in chain time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The act, under a jury with an appeal panel: see [`Act::under`].
    pub act: Act,
    /// From when on. The window before it is half-open: at this very moment the act is possible and
    /// a verdict is not.
    pub at: u64,
}

/// What the chain said of a milestone.
#[derive(Debug, Clone, Copy)]
pub enum Told<'a> {
    /// It lives, with this state; none while it is Pending.
    Live(Option<&'a SlowState>),
    /// It has ended.
    Ended,
}

/// What time allows with a live milestone. None for one that the terms do not have.
pub fn next(terms: &Terms, milestone: u8, state: Option<&SlowState>) -> Option<Due> {
    let Some(state) = state else {
        let pending = terms.milestones.get(usize::from(milestone))?;
        let judging: u64 = terms.judgeWithin.to();
        let at = pending.deliverBy.to::<u64>().saturating_add(judging);
        return Some(Due { act: Act::Reclaim, at });
    };
    let act = match state.status {
        DELIVERED => Act::Escalate,
        JUDGED => Act::Finalize,
        ROUND2 => Act::Expire,
        _ => return None,
    };
    Some(Due { act, at: state.until.to() })
}

/// The same of every milestone of a deal, in order: none where time allows nothing, since it has ended
/// or, in a sequential deal, since an earlier one has not.
pub fn plan<'a>(terms: &Terms, told: impl Fn(u8) -> Told<'a>) -> Vec<Option<Due>> {
    let mut waits = false;
    let milestones = (0_u8..).take(terms.milestones.len());
    let due = milestones.map(|milestone| match told(milestone) {
        Told::Live(state) if !waits => {
            waits = terms.sequential;
            next(terms, milestone, state)
        }
        Told::Live(_) | Told::Ended => None,
    });
    due.collect()
}

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U40;
    use surety_bindings::escrow::Milestone;

    use super::*;

    fn terms(sequential: bool) -> Terms {
        let milestone = |deliver_by: u64| Milestone {
            deliverBy: U40::from(deliver_by),
            ..Milestone::default()
        };
        Terms {
            judgeWithin: U40::from(10),
            sequential,
            milestones: vec![milestone(100), milestone(200)],
            ..Terms::default()
        }
    }

    fn state(status: u8) -> SlowState {
        SlowState { status, until: U40::from(77), ..SlowState::default() }
    }

    #[test]
    fn every_status_has_one_act_and_its_moment() {
        let due = |state: Option<&SlowState>| next(&terms(false), 1, state);
        assert_eq!(due(None), Some(Due { act: Act::Reclaim, at: 210 }));
        for (status, act) in
            [(DELIVERED, Act::Escalate), (JUDGED, Act::Finalize), (ROUND2, Act::Expire)]
        {
            assert_eq!(due(Some(&state(status))), Some(Due { act, at: 77 }));
        }
        assert_eq!(due(Some(&state(4))), None);
        assert_eq!(next(&terms(false), 2, None), None);
    }

    #[test]
    fn in_a_sequential_deal_only_the_lowest_live_milestone_is_due() {
        let both = |_| Told::Live(None);
        let first_ended = |m| if m == 0 { Told::Ended } else { Told::Live(None) };
        let due = |at| Some(Due { act: Act::Reclaim, at });
        assert_eq!(plan(&terms(false), both), [due(110), due(210)]);
        assert_eq!(plan(&terms(true), both), [due(110), None]);
        assert_eq!(plan(&terms(true), first_ended), [None, due(210)]);
    }

    #[test]
    fn without_an_appeal_panel_expiring_takes_the_place_of_escalating() {
        for act in Act::ALL {
            assert_eq!(act.under(true), act);
        }
        assert_eq!(Act::Escalate.under(false), Act::Expire);
        assert_eq!(Act::Finalize.under(false), Act::Finalize);
    }
}
