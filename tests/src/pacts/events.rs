//! The contracts' logs as the model's events.

use alloy::primitives::{B256, Log, Uint};
use alloy::sol_types::{SolEventInterface as _, SolStruct as _};
use surety_bindings::jury::Jury::JuryEvents;
use surety_bindings::pacts as signed;
use surety_bindings::pacts::PactRegistry::{self, PactRegistryEvents};

use super::calls::URI;
use super::chain::{Chain, key};
use super::state::{At, Event};
use crate::model::compare::same;
use crate::model::tally::Outcome;
use crate::sign;

/// What both contracts logged; the token's own logs are left out.
pub fn read(chain: &Chain, logs: &[Log]) -> Result<Vec<Event>, String> {
    let mut events = Vec::new();
    for log in logs {
        if log.address == chain.registry {
            let event = PactRegistryEvents::decode_log(log).map_err(|e| format!("{e}: {log:?}"))?;
            events.push(of_registry(chain, event.data)?);
        } else if log.address == chain.contracts.jury {
            let event = JuryEvents::decode_log(log).map_err(|e| format!("{e}: {log:?}"))?;
            events.push(of_jury(chain, event.data)?);
        }
    }
    Ok(events)
}

fn of_registry(chain: &Chain, event: PactRegistryEvents) -> Result<Event, String> {
    use PactRegistryEvents as E;
    let at = |id, period| -> Result<At, String> { Ok(At { pact: chain.pact(id)?, period }) };
    Ok(match event {
        E::PactOpened(e) => {
            let pact = chain.pact(e.pactId)?;
            let (known, _) = &chain.pacts[&pact];
            if e.pact != *known || e.agent != known.agent {
                return Err(format!("pact {pact} was announced with other words"));
            }
            Event::Opened { pact }
        }
        E::NoticeGiven(e) => {
            let pact = chain.pact(e.pactId)?;
            Event::Noticed { pact, covered_until: e.coveredUntil.to() }
        }
        E::PactClosed(e) => Event::Closed { pact: chain.pact(e.pactId)?, bond: small(e.toAgent)? },
        E::SampleDrawn(e) => {
            Event::Drawn { at: at(e.pactId, e.period)?, block: e.drawnBlock.saturating_to() }
        }
        E::SeedFixed(e) => Event::Fixed { at: at(e.pactId, e.period)?, seed: e.seed },
        E::RecordPresented(e) => presented(chain, &e)?,
        E::PeriodEnded(e) => ended(chain, &e)?,
        E::Collected(e) => Event::Collected {
            record: chain.record(e.record)?,
            presenter: chain.who(e.presenter)?,
            amount: e.amount,
        },
        E::Credited(e) => Event::Credited { owner: chain.who(e.owner)?, amount: small(e.amount)? },
        E::Withdrawn(e) => {
            Event::Withdrawn { owner: chain.who(e.owner)?, amount: small(e.amount)? }
        }
    })
}

/// Whoever reads the event has the record, the agent's signature on it and where its bytes are.
fn presented(chain: &Chain, e: &PactRegistry::RecordPresented) -> Result<Event, String> {
    let pact = chain.pact(e.pactId)?;
    let signed =
        signed::Record { pactId: e.pactId, period: e.period, key: e.key, content: e.content };
    let record = chain.record(signed.eip712_signing_hash(&chain.domain))?;
    let agent = chain.who(chain.pacts[&pact].0.agent)?;
    let signature = sign::digest(key(agent), chain.digest(record));
    if e.signature != signature || e.uri != URI {
        return Err(format!("{record:?} was announced with another signature or address"));
    }
    refuse_other_evidence(chain, record.at(), e.evidence)?;
    Ok(Event::Presented { record, presenter: chain.who(e.presenter)? })
}

fn ended(chain: &Chain, e: &PactRegistry::PeriodEnded) -> Result<Event, String> {
    let at = At { pact: chain.pact(e.pactId)?, period: e.period };
    refuse_other_evidence(chain, at, e.evidence)?;
    Ok(Event::Ended {
        at,
        outcome: outcome(e.outcome)?,
        masks: [e.seats, e.met, e.failed],
        slashed: small(e.slashed)?,
        each: e.each,
        by: chain.who(e.submitter)?,
    })
}

/// What is announced is what is kept, and that is compared with the model's.
fn refuse_other_evidence(chain: &Chain, at: At, announced: B256) -> Result<(), String> {
    same("announced evidence", &chain.kept_evidence(at), &announced)
}

fn of_jury(chain: &Chain, event: JuryEvents) -> Result<Event, String> {
    let jury = |id| chain.juries.iter().position(|jury| *jury == id).ok_or("an unknown jury");
    match event {
        JuryEvents::FeesFunded(e) if e.round == 1 => {
            let shares = e.shares.into_iter().map(small).collect::<Result<_, _>>()?;
            Ok(Event::Funded { jury: jury(e.jury)?, shares })
        }
        JuryEvents::FeesClaimed(e) if e.round == 1 => Ok(Event::Claimed {
            jury: jury(e.jury)?,
            seat: e.seat,
            key: chain.who(e.key)?,
            amount: small(e.amount)?,
        }),
        JuryEvents::FeesFunded(_)
        | JuryEvents::FeesClaimed(_)
        | JuryEvents::JurorRegistered(_)
        | JuryEvents::JurorUnbonding(_)
        | JuryEvents::JurorLeft(_)
        | JuryEvents::JurorStruck(_)
        | JuryEvents::JuryCreated(_) => Err("an event that no history causes".to_owned()),
    }
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

fn small<const BITS: usize, const LIMBS: usize>(value: Uint<BITS, LIMBS>) -> Result<u128, String> {
    u128::try_from(value).map_err(|_| format!("{value} exceeds 128 bits"))
}
