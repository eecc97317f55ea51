//! The jury's logs and answers as the model's events.

use alloy::primitives::{Address, Log, Uint};
use alloy::sol_types::SolEventInterface as _;
use surety_bindings::jury::Jury::JuryEvents;
use surety_bindings::jury::Tally;

use super::calls::case_id;
use super::chain::Chain;
use super::state::Event;
use super::step::Who;

/// What the jury logged; the token's own logs are left out, balances say the same.
pub fn read(chain: &Chain, logs: &[Log]) -> Result<Vec<Event>, String> {
    let logs = logs.iter().filter(|log| log.address == chain.contracts.jury);
    let read = |log: &Log| {
        let event = JuryEvents::decode_log(log).map_err(|e| format!("{e}: {log:?}"))?;
        event_of(chain, event.data)
    };
    logs.map(read).collect()
}

fn event_of(chain: &Chain, event: JuryEvents) -> Result<Event, String> {
    use JuryEvents as E;
    let jury = |id| chain.juries.iter().position(|jury| *jury == id).ok_or("an unknown jury");
    let all = |keys: Vec<Address>| -> Result<Vec<Who>, String> {
        keys.into_iter().map(|key| chain.who(key)).collect()
    };
    Ok(match event {
        E::JurorRegistered(e) => Event::Registered {
            juror: chain.who(e.juror)?,
            claims: [e.family, e.operator, e.url],
            stake: small(e.stake)?,
            nonce: e.nonce,
        },
        E::JurorUnbonding(e) => {
            Event::Unbonding { juror: chain.who(e.juror)?, at: e.unbondsAt.to() }
        }
        E::JurorLeft(e) => Event::Left { juror: chain.who(e.juror)?, stake: small(e.stake)? },
        E::JurorStruck(e) => Event::Struck {
            juror: chain.who(e.juror)?,
            case: (0..=u8::MAX).find(|case| case_id(*case) == e.caseId).ok_or("no such case")?,
            reporter: chain.who(e.reporter)?,
            stake: small(e.stake)?,
        },
        E::JuryCreated(e) => {
            jury(e.jury)?;
            Event::Created { panel: all(e.panel)?, appeal: all(e.appealPanel)? }
        }
        E::FeesFunded(e) => {
            let shares = e.shares.into_iter().map(small).collect::<Result<_, _>>()?;
            Event::Funded { jury: jury(e.jury)?, round: e.round, shares }
        }
        E::FeesClaimed(e) => Event::Claimed {
            jury: jury(e.jury)?,
            round: e.round,
            seat: e.seat,
            key: chain.who(e.key)?,
            amount: small(e.amount)?,
        },
    })
}

/// A count's answer.
pub fn counted(t: &Tally) -> Event {
    Event::Counted {
        outcome: t.outcome,
        met_bps: t.metBps.into(),
        masks: [t.seats, t.voted, t.met, t.failed],
        seats: [t.panelSeats.into(), t.appealSeats.into()],
    }
}

fn small<const BITS: usize, const LIMBS: usize>(value: Uint<BITS, LIMBS>) -> Result<u128, String> {
    u128::try_from(value).map_err(|_| format!("{value} exceeds 128 bits"))
}
