//! The contracts' logs as the model's events.

use alloy::primitives::{Log, Uint};
use alloy::sol_types::SolEventInterface as _;
use surety_bindings::escrow::DealEscrow::{self, DealEscrowEvents};
use surety_bindings::escrow::SlowState;
use surety_bindings::jury::Jury::JuryEvents;

use super::chain::{Chain, deliverable, error_name};
use super::money::Due;
use super::state::{At, Ending, Event, Kept, Status};
use super::tally::Outcome;

/// What both contracts logged; the token's own logs are left out.
pub fn read(chain: &Chain, logs: &[Log]) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for log in logs {
        if log.address == chain.contracts.escrow {
            let event = DealEscrowEvents::decode_log(log).map_err(|e| format!("{e}: {log:?}"))?;
            events.push(of_escrow(chain, event.data)?);
        } else if log.address == chain.contracts.jury {
            let event = JuryEvents::decode_log(log).map_err(|e| format!("{e}: {log:?}"))?;
            events.push(of_jury(chain, event.data)?);
        }
    }
    Ok(events)
}

fn of_escrow(chain: &Chain, event: DealEscrowEvents) -> Result<Event, String> {
    use DealEscrowEvents as E;
    let at = |id, milestone| -> Result<At, String> { Ok(At { deal: chain.deal(id)?, milestone }) };
    Ok(match event {
        E::DealOpened(e) => {
            let deal = chain.deal(e.dealId)?;
            if e.terms != chain.deals[deal].0 {
                return Err(format!("deal {deal} was announced with other terms"));
            }
            Event::Opened { deal }
        }
        E::DealRevoked(e) => {
            Event::Revoked { deal: chain.deal(e.dealId)?, party: chain.who(e.party)? }
        }
        E::MilestoneDelivered(e) => {
            Event::Delivered { at: at(e.dealId, e.milestone)?, kept: kept(chain, &e.state)? }
        }
        E::MilestoneMoved(e) => {
            Event::Moved { at: at(e.dealId, e.milestone)?, kept: kept(chain, &e.state)? }
        }
        E::MilestoneSettled(e) => settled(chain, &e)?,
        E::MilestoneEnded(e) => Event::Ended {
            at: at(e.dealId, e.milestone)?,
            ending: ending(e.ending)?,
            to_seller: e.toSeller,
            to_buyer: e.toBuyer,
        },
        E::FeesPaid(e) => Event::FeesPaid {
            at: at(e.dealId, e.milestone)?,
            rounds: small(e.rounds)?,
            receiver: small(e.receiver)?,
        },
        E::AppealBondPaid(e) => Event::AppealBondPaid {
            at: at(e.dealId, e.milestone)?,
            to: chain.who(e.to)?,
            amount: small(e.amount)?,
            fees: small(e.fees)?,
        },
        E::ActFeePaid(e) => Event::ActFeePaid {
            party: chain.who(e.party)?,
            by: chain.who(e.submitter)?,
            fee: small(e.fee)?,
        },
        E::BatchItemSkipped(e) => Event::Skipped {
            at: at(e.dealId, e.milestone)?,
            refusal: error_name(&e.reason).ok_or("a reason without a name")?,
        },
        E::Credited(e) => Event::Credited { owner: chain.who(e.owner)?, amount: small(e.amount)? },
        E::Withdrawn(e) => {
            Event::Withdrawn { owner: chain.who(e.owner)?, amount: small(e.amount)? }
        }
    })
}

fn settled(chain: &Chain, e: &DealEscrow::MilestoneSettled) -> Result<Event, String> {
    Ok(Event::Settled {
        at: At { deal: chain.deal(e.dealId)?, milestone: e.milestone },
        work: work(e.deliverable)?,
        round: e.round,
        outcome: outcome(e.outcome)?,
        masks: [e.seats, e.met, e.failed],
        by: chain.who(e.submitter)?,
    })
}

fn of_jury(chain: &Chain, event: JuryEvents) -> Result<Event, String> {
    let jury = |id| chain.juries.iter().position(|jury| *jury == id).ok_or("an unknown jury");
    match event {
        JuryEvents::FeesFunded(e) => {
            let shares = e.shares.into_iter().map(small).collect::<Result<_, _>>()?;
            Ok(Event::Funded { jury: jury(e.jury)?, round: e.round, shares })
        }
        JuryEvents::FeesClaimed(e) => Ok(Event::Claimed {
            jury: jury(e.jury)?,
            round: e.round,
            seat: e.seat,
            key: chain.who(e.key)?,
            amount: small(e.amount)?,
        }),
        JuryEvents::JurorRegistered(_)
        | JuryEvents::JurorUnbonding(_)
        | JuryEvents::JurorLeft(_)
        | JuryEvents::JurorStruck(_)
        | JuryEvents::JuryCreated(_) => Err("an event that no history causes".to_owned()),
    }
}

fn kept(chain: &Chain, state: &SlowState) -> Result<Kept, String> {
    let (decided, standing) = (!state.submitter.is_zero(), outcome(state.standing)?);
    let submitter = if decided { Some(chain.who(state.submitter)?) } else { None };
    let status = match state.status {
        1 => Status::Delivered,
        2 => Status::Judged,
        3 => Status::Round2,
        other => return Err(format!("status {other} is kept")),
    };
    Ok(Kept {
        status,
        work: work(state.deliverable)?,
        until: state.until.to(),
        standing,
        met_bps: state.metBps.into(),
        due: Due {
            seat_fee: small(state.seatFee)?,
            voted: state.voted,
            relay_fee: small(state.relayFee)?,
            submitter,
        },
    })
}

fn work(digest: alloy::primitives::B256) -> Result<u8, String> {
    (0..=u8::MAX).find(|work| deliverable(*work) == digest).ok_or_else(|| format!("work {digest}?"))
}

fn outcome(outcome: u8) -> Result<Outcome, String> {
    Ok(match outcome {
        0 => Outcome::NoVerdict,
        1 => Outcome::Accepted,
        2 => Outcome::Rejected,
        3 => Outcome::Undetermined,
        other => return Err(format!("outcome {other}?")),
    })
}

fn ending(ending: u8) -> Result<Ending, String> {
    Ok(match ending {
        1 => Ending::Accepted,
        2 => Ending::Rejected,
        3 => Ending::Conceded,
        4 => Ending::Reclaimed,
        5 => Ending::Undetermined,
        6 => Ending::Silent,
        7 => Ending::Agreed,
        8 => Ending::Cancelled,
        other => return Err(format!("ending {other}?")),
    })
}

fn small<const BITS: usize, const LIMBS: usize>(value: Uint<BITS, LIMBS>) -> Result<u128, String> {
    u128::try_from(value).map_err(|_| format!("{value} exceeds 128 bits"))
}
