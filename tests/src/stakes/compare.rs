//! Everything that model and contracts both remember, compared after every step.
//!
//! It is read from storage slots, whose places are computed once: calls of views would take most of
//! a history's time. Where the slots are is not taken on trust: [`by_calls`] compares the same
//! things through the contracts' views, at the end of every history.

use std::fmt::Debug;

use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::{SolCall, SolValue as _};
use surety_bindings::formula::{Faded, Weights};
use surety_bindings::jury::Jury;
use surety_bindings::registry::ReputationRegistry;

use super::chain::Chain;
use super::state::{Juror, Model};
use super::step::{RECORDERS, WALLETS, Who, everybody, keys};
use crate::contracts::token::TestUSDC;
use crate::model::compare::same;
use crate::model::reputation::{Role, Standing};

/// Slots of the jury's and the token's fields and mappings, and of the registry's one.
const JURORS: u64 = 0;
const HELD: u64 = 1;
const POTS: u64 = 2;
const POTS_BEYOND: u64 = 3;
const PAUSED: u64 = 0;
const BALANCES: u64 = 5;
const WORDS: u64 = 0;
/// A juror takes five slots: a word, three texts, and whether it was struck off.
const SLASHED: U256 = U256::from_limbs([4, 0, 0, 0]);
/// The token keeps its blacklist in the balance's top bit.
const LISTED: usize = 255;
/// Five pots share a word.
const POT_BITS: usize = 48;
const POT_MOST: u128 = (1 << POT_BITS) - 1;
const SEATS_PER_WORD: usize = 5;
const SEATS_MOST: usize = 15;
const WORDS_PER_JURY: usize = 2 * SEATS_MOST / SEATS_PER_WORD;

/// Where everybody's things are stored.
#[derive(Clone, Debug)]
pub struct Slots {
    balances: Vec<(Who, U256)>,
    jurors: Vec<(Who, U256)>,
    standings: Vec<((Who, Who, Role), U256)>,
}

impl Slots {
    /// By everybody's addresses.
    pub fn new(address: impl Fn(Who) -> Address) -> Self {
        let of = |who, slot| (who, mapping(address(who).into_word(), slot));
        let mut standings = Vec::new();
        for recorder in RECORDERS {
            for wallet in WALLETS {
                for role in [Role::Buyer, Role::Seller] {
                    let key = (address(recorder), address(wallet), U256::from(role as u8));
                    let slot = mapping(keccak256(key.abi_encode()), WORDS);
                    standings.push(((recorder, wallet, role), slot));
                }
            }
        }
        Self {
            balances: everybody().map(|who| of(who, BALANCES)).collect(),
            jurors: keys().map(|key| of(key, JURORS)).collect(),
            standings,
        }
    }
}

/// All balances, jurors, pots and standings, and what the jury says it holds.
pub fn state(model: &Model, chain: &Chain) -> Result<(), String> {
    balances(model, chain)?;
    jurors(model, chain)?;
    pots(model, chain)?;
    for (key, slot) in &chain.slots().standings {
        let kept = model.standings.get(key).copied().unwrap_or_default();
        let got = standing_of(chain.slot(chain.contracts.registry, *slot));
        alike(|| format!("standing {key:?}"), &kept, &got)?;
    }
    Ok(())
}

/// Invariants 1 and 2, and that both sides agree about every balance.
fn balances(model: &Model, chain: &Chain) -> Result<(), String> {
    let token = chain.contracts.token;
    let (mut all, mut of_jury) = (U256::ZERO, U256::ZERO);
    for (who, slot) in &chain.slots().balances {
        let word = chain.slot(token, *slot);
        let balance = word & !(U256::ONE << LISTED);
        let listed = model.token.blacklist.contains(who);
        let needed = (U256::from(model.token.balance(*who)), listed);
        alike(|| format!("balance of {who:?}"), &needed, &(balance, word.bit(LISTED)))?;
        all += balance;
        if *who == Who::Jury {
            of_jury = balance;
        }
    }
    let paused = !chain.slot(token, U256::from(PAUSED)).is_zero();
    same("whether the token is paused", &model.token.paused, &paused)?;
    let held = held(chain);
    same("what the jury holds", &U256::from(model.owed()), &held)?;
    if held > of_jury {
        return Err(format!("the jury holds {held} and has {of_jury}"));
    }
    if all != chain.money() {
        return Err(format!("there were {}, and there are {all}", chain.money()));
    }
    Ok(())
}

/// What the jury says it holds.
pub fn held(chain: &Chain) -> U256 {
    chain.slot(chain.contracts.jury, U256::from(HELD))
}

fn jurors(model: &Model, chain: &Chain) -> Result<(), String> {
    let contract = chain.contracts.jury;
    for (key, slot) in &chain.slots().jurors {
        let slashed = chain.slot(contract, *slot + SLASHED);
        let got = (chain.slot(contract, *slot), !slashed.is_zero());
        let kept = model.jurors.get(key);
        let needed = kept.map_or((U256::ZERO, false), |juror| (word_of(juror), juror.slashed));
        alike(|| format!("word of {key:?}"), &needed, &got)?;
    }
    Ok(())
}

/// Stake 96, registrations 32, when it may be claimed 40, registered 8.
fn word_of(juror: &Juror) -> U256 {
    U256::from(juror.stake)
        | U256::from(juror.registrations) << 96usize
        | U256::from(juror.unbonds_at) << 128usize
        | U256::from(u8::from(juror.registered)) << 168usize
}

/// Six words of five pots for each jury, the panel's first, and what a pot has no room for.
fn pots(model: &Model, chain: &Chain) -> Result<(), String> {
    let contract = chain.contracts.jury;
    for (jury, digest) in chain.juries.iter().enumerate() {
        let mut needed = [U256::ZERO; WORDS_PER_JURY];
        for ((_, round, seat), pot) in model.pots.range((jury, 0, 0)..(jury + 1, 0, 0)) {
            let place = usize::from(*round - 1) * SEATS_MOST + usize::from(*seat);
            let shift = place % SEATS_PER_WORD * POT_BITS;
            needed[place / SEATS_PER_WORD] |= U256::from(*pot.min(&POT_MOST)) << shift;
            // Of the others views say at the end that they have nothing there.
            if *pot > POT_MOST {
                let slot = mapping(*digest, POTS_BEYOND) + U256::from(place);
                let (kept, more) = (U256::from(pot - POT_MOST), chain.slot(contract, slot));
                same("what a pot has no room for", &kept, &more)?;
            }
        }
        let first = mapping(*digest, POTS);
        let got: [U256; WORDS_PER_JURY] =
            std::array::from_fn(|word| chain.slot(contract, first + U256::from(word)));
        alike(|| format!("pots of jury {jury}"), &needed, &got)?;
    }
    Ok(())
}

/// The same once more, through the contracts' views, and the texts and seats.
pub fn by_calls(model: &Model, chain: &Chain) -> Result<(), String> {
    let contracts = &chain.contracts;
    for who in everybody() {
        let balance = ask(chain, contracts.token, &balance_of(chain, who))?;
        let kept = U256::from(model.token.balance(who));
        same(&format!("balanceOf {who:?}"), &kept, &balance)?;
    }
    for key in keys() {
        let call = Jury::jurorCall { key: chain.address(key) };
        let j = ask(chain, contracts.jury, &call)?;
        let got = Juror {
            stake: j.stake.to(),
            registrations: j.registrations,
            unbonds_at: j.unbondsAt.to(),
            registered: j.registered,
            slashed: j.slashed,
            family: j.family,
            operator: j.operator,
            url: j.url,
        };
        same(&format!("{key:?}"), &model.juror(key), &got)?;
    }
    for (jury, digest) in chain.juries.iter().enumerate() {
        for round in [1, 2] {
            seats_by_calls(model, chain, (jury, *digest), round)?;
        }
    }
    for (recorder, wallet, role) in model.standings.keys() {
        standing_by_calls(model, chain, (*recorder, *wallet, *role))?;
    }
    Ok(())
}

fn balance_of(chain: &Chain, who: Who) -> TestUSDC::balanceOfCall {
    TestUSDC::balanceOfCall { account: chain.address(who) }
}

fn seats_by_calls(
    model: &Model,
    chain: &Chain,
    (jury, digest): (usize, B256),
    round: u8,
) -> Result<(), String> {
    let contract = chain.contracts.jury;
    let panel = ask(chain, contract, &Jury::panelCall { jury: digest, round })?;
    let panel = panel.into_iter().map(|key| chain.who(key)).collect::<Result<Vec<_>, _>>()?;
    let kept = model.juries.get(jury).map_or(&[][..], |panels| panels.of(round));
    same(&format!("panel {round} of jury {jury}"), &kept.to_vec(), &panel)?;
    for seat in (0u8..).take(SEATS_MOST) {
        let fees = ask(chain, contract, &Jury::feesCall { jury: digest, round, seat })?;
        let kept = model.pots.get(&(jury, round, seat)).copied().unwrap_or(0);
        let what = format!("fees of seat {seat} of panel {round} of jury {jury}");
        same(&what, &U256::from(kept), &fees)?;
    }
    Ok(())
}

fn standing_by_calls(model: &Model, chain: &Chain, key: (Who, Who, Role)) -> Result<(), String> {
    let kept = model.standings.get(&key).copied().unwrap_or_default();
    let (recorder, wallet, role) = (chain.address(key.0), chain.address(key.1), key.2 as u8);
    let registry = chain.contracts.registry;
    let call = ReputationRegistry::standingCall { recorder, wallet, role };
    let s = ask(chain, registry, &call)?;
    let weights = kept.weights;
    let needed = (weights.at(weights.last()), weights.last(), weights.drawn());
    let got = (Faded { good: s.good, bad: s.bad }, u64::from(s.last), s.drawn);
    same(&format!("standing {key:?}"), &needed, &got)?;
    let needed = [kept.first, kept.good, kept.bad, kept.neutral, kept.appeals_lost];
    let counts = [s.goodCount, s.badCount, s.neutralCount, s.appealsLost];
    let [good, bad, neutral, lost] = counts.map(|count| count.to::<u32>());
    same(&format!("counts {key:?}"), &needed, &[s.first, good, bad, neutral, lost])?;
    let call = ReputationRegistry::scoreCall { recorder, wallet, role };
    let points = ask(chain, registry, &call)?.points.to::<u32>();
    same(&format!("score {key:?}"), &weights.score(chain.world.now()), &points)
}

/// [`same`], with words for the difference only where there is one.
fn alike<T: PartialEq + Debug>(
    what: impl FnOnce() -> String,
    model: &T,
    chain: &T,
) -> Result<(), String> {
    if model == chain { Ok(()) } else { same(&what(), model, chain) }
}

/// What a view answers.
fn ask<C: SolCall>(chain: &Chain, contract: Address, call: &C) -> Result<C::Return, String> {
    chain.world.view(contract, call).map_err(|revert| format!("a view refuses: {revert:?}"))
}

fn mapping(key: B256, slot: u64) -> U256 {
    keccak256([key, U256::from(slot).into()].concat()).into()
}

/// First 32 at 64, and from 160 on four counts of 24; the rest is the weights'.
fn standing_of(word: U256) -> Standing {
    let bits = |at: usize, width: usize| -> u32 {
        ((word >> at) & ((U256::ONE << width) - U256::ONE)).to()
    };
    Standing {
        weights: Weights::of_word(word),
        first: bits(64, 32),
        good: bits(160, 24),
        bad: bits(184, 24),
        neutral: bits(208, 24),
        appeals_lost: bits(232, 24),
    }
}
