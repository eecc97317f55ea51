//! Random steps: who registers, leaves and is paid, what the token and the clock do, and facts.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::state::{Juror, Model};
use super::step::{Fact, Form, KEYS, RECORDERS, Registration, Signed, Step, WALLETS, Who, keys};
use super::{draw_seats, draw_slash};
use crate::model::draw::{chance, one};
use crate::model::state::Time;

const DAY: Time = 86_400;
const DOLLAR: u128 = 1_000_000;
/// Jurors that should serve, for juries with an appeal panel.
const ENOUGH: usize = 7;

/// Who sends transactions.
pub const SENDERS: [Who; 5] =
    [Who::Stranger, Who::Reporter, Who::Donor, Who::Juror(0), Who::Juror(5)];

/// The next step: mostly one that succeeds.
pub fn step(rng: &mut StdRng, model: &Model) -> Step {
    if model.token.paused && chance(rng, 25) {
        return Step::Unpause;
    }
    if let Some(who) = model.token.blacklist.iter().next().copied()
        && chance(rng, 10)
    {
        return Step::Unblacklist { who };
    }
    let few = which(model, Juror::serves).len() < ENOUGH && !which(model, may_register).is_empty();
    if chance(rng, if few { 50 } else { 5 }) {
        return register(rng, model);
    }
    match rng.random_range(0..100) {
        0..10 => unbond(rng, model),
        10..21 => claim(rng, model),
        21..30 => draw_slash::slash(rng, model),
        30..43 => draw_seats::create(rng, model),
        43..62 => draw_seats::fund(rng, model),
        62..71 => draw_seats::claim_fees(rng, model),
        71..75 => draw_seats::check(rng, model),
        75..79 => draw_seats::judge(rng, model),
        79..84 => record(rng),
        84..90 => of_token(rng),
        _ => advance(rng, model),
    }
}

/// Keys of which it is so.
pub fn which(model: &Model, so: impl Fn(&Juror) -> bool) -> Vec<Who> {
    keys().filter(|key| so(&model.juror(*key))).collect()
}

/// Any key.
pub fn any_key(rng: &mut StdRng) -> Who {
    Who::Juror(rng.random_range(0..KEYS))
}

/// One of these, or sometimes any key.
pub fn mostly(rng: &mut StdRng, of: &[Who]) -> Who {
    if of.is_empty() || chance(rng, 15) { any_key(rng) } else { one(rng, of) }
}

fn may_register(juror: &Juror) -> bool {
    !juror.registered && !juror.slashed
}

// ---- jurors

fn register(rng: &mut StdRng, model: &Model) -> Step {
    let juror = mostly(rng, &which(model, may_register));
    let before = model.juror(juror);
    let stake = stake(rng, model.token.balance(juror));
    let registration = Registration {
        juror,
        family: claimed(rng, &before.family, "family", juror),
        operator: claimed(rng, &before.operator, "operator", juror),
        url: format!("https://juror.example/{}", before.registrations),
        stake,
        nonce: before.registrations,
        valid_until: model.now + one(rng, &[1, 3_600, DAY]),
    };
    let compact = stake == 0 && chance(rng, 15);
    let form = if compact { Form::Compact } else { Form::Whole };
    let signed = Signed { by: juror, form };
    let mut step = Step::Register { by: one(rng, &SENDERS), registration, signed };
    if chance(rng, 20) {
        spoil(rng, model, &mut step);
    }
    step
}

/// What it claimed before, its own name, or another's.
fn claimed(rng: &mut StdRng, before: &str, what: &str, juror: Who) -> String {
    let own = match juror {
        Who::Juror(i) => i,
        _ => 0,
    };
    let i = if chance(rng, 12) { rng.random_range(0..KEYS) } else { own };
    if before.is_empty() || chance(rng, 12) { format!("{what}-{i}") } else { before.to_owned() }
}

/// Nothing, too little for a reward, something, all that there is, or more.
fn stake(rng: &mut StdRng, has: u128) -> u128 {
    match rng.random_range(0..20) {
        0..5 => 0,
        5 => has.min(rng.random_range(1..10)),
        6..9 => has.min(rng.random_range(10..1_000)),
        9..18 => has.min(rng.random_range(1..=40) * DOLLAR),
        18 => has,
        _ => has + 1,
    }
}

/// Makes a registration or an unbonding one that is mostly refused.
fn spoil(rng: &mut StdRng, model: &Model, step: &mut Step) {
    match step {
        Step::Register { registration, signed, .. } => match rng.random_range(0..10) {
            0 => registration.valid_until = model.now - rng.random_range(0..2u64),
            1 => registration.nonce = other_nonce(rng, registration.nonce),
            2 | 3 => registration.family = text(rng, 32),
            4 | 5 => registration.operator = text(rng, 64),
            6 | 7 => registration.url = text(rng, 256),
            _ => badly(rng, signed),
        },
        Step::Unbond { nonce, valid_until, signed, .. } => match rng.random_range(0..4) {
            0 => *valid_until = model.now - rng.random_range(0..2u64),
            1 => *nonce = other_nonce(rng, *nonce),
            _ => badly(rng, signed),
        },
        _ => {}
    }
}

fn other_nonce(rng: &mut StdRng, nonce: u32) -> u32 {
    if chance(rng, 50) { nonce + 1 } else { nonce.saturating_sub(1) }
}

fn badly(rng: &mut StdRng, signed: &mut Signed) {
    match rng.random_range(0..4) {
        0 => signed.by = Who::Stranger,
        1 => signed.form = Form::Cut,
        2 => signed.form = Form::Foreign,
        _ => signed.form = Form::Compact,
    }
}

/// A text that has just the length, or that some field does not take.
fn text(rng: &mut StdRng, most: usize) -> String {
    match rng.random_range(0..7) {
        0 => "a".repeat(most),
        1 => "a".repeat(most + 1),
        2 => String::new(),
        3 => "a/".to_owned(),
        4 => "A".to_owned(),
        5 => "a.b".to_owned(),
        _ => "ä".to_owned(),
    }
}

fn unbond(rng: &mut StdRng, model: &Model) -> Step {
    let juror = mostly(rng, &which(model, Juror::serves));
    let by = if chance(rng, 50) { juror } else { one(rng, &SENDERS) };
    let nonce = model.juror(juror).registrations;
    let valid_until = model.now + one(rng, &[1, 3_600]);
    let form = if chance(rng, 15) { Form::Compact } else { Form::Whole };
    let signed = Signed { by: juror, form };
    let mut step = Step::Unbond { by, juror, nonce, valid_until, signed };
    if chance(rng, 20) {
        spoil(rng, model, &mut step);
    }
    step
}

fn claim(rng: &mut StdRng, model: &Model) -> Step {
    let due = which(model, |juror| juror.leaves() && juror.unbonds_at <= model.now);
    let leaving = which(model, Juror::leaves);
    let juror = if due.is_empty() { mostly(rng, &leaving) } else { mostly(rng, &due) };
    Step::Claim { by: one(rng, &SENDERS), juror }
}

// ---- the clock, the token, facts

/// Often to the second in which a juror's time is over, or to the one before.
fn advance(rng: &mut StdRng, model: &Model) -> Step {
    let leaving = model.jurors.values().filter(|j| j.leaves() && j.unbonds_at > model.now);
    let secs = match leaving.map(|juror| juror.unbonds_at).min() {
        Some(at) if chance(rng, 70) => at - model.now - u64::from(chance(rng, 30)),
        _ if chance(rng, 50) => one(rng, &[1, 3_600, DAY]),
        _ => rng.random_range(1..40 * DAY),
    };
    Step::Advance { secs }
}

fn of_token(rng: &mut StdRng) -> Step {
    match rng.random_range(0..10) {
        0..2 => Step::Pause,
        2..6 => Step::Blacklist { who: any_key(rng) },
        6..9 => {
            let who = one(rng, &[Who::Nobody, Who::Nobody, Who::Jury, Who::Reporter, Who::Donor]);
            Step::Blacklist { who }
        }
        _ => donate(rng),
    }
}

/// A little, dollars, or more than a pot's own word has room for.
pub fn donate(rng: &mut StdRng) -> Step {
    let from = if chance(rng, 85) { Who::Donor } else { one(rng, &[Who::Stranger, Who::Juror(2)]) };
    let amount = match rng.random_range(0..10) {
        0..3 => rng.random_range(1..100),
        3..9 => rng.random_range(1..=20) * DOLLAR,
        _ => rng.random_range(1 << 47..1 << 52),
    };
    Step::Donate { from, amount }
}

fn record(rng: &mut StdRng) -> Step {
    let count = one(rng, &[1, 1, 1, 2, 3]);
    let facts = (0..count).map(|_| fact(rng)).collect();
    Step::Record { by: one(rng, &RECORDERS), facts }
}

fn fact(rng: &mut StdRng) -> Fact {
    let amount = match rng.random_range(0..4) {
        0 => one(rng, &[0, 1, DOLLAR - 1, DOLLAR]),
        1 => rng.random_range(0..1 << 96),
        _ => rng.random_range(1..=500) * DOLLAR,
    };
    let ending =
        if chance(rng, 5) { u8::MAX } else { one(rng, &[0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9]) };
    let flags = if chance(rng, 60) { 0 } else { one(rng, &[1, 2, 4, 5, 6, 7, 8, 255]) };
    Fact { buyer: one(rng, &WALLETS), seller: one(rng, &WALLETS), amount, ending, flags }
}
