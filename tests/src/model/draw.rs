//! Random terms.

use rand::Rng as _;
use rand::rngs::StdRng;
use surety_terms::rule::Rule;

use super::state::{Model, Time};
use super::terms::{HOUR, Milestone, Terms, Who};

const DAY: Time = 86_400;
const DOLLAR: u128 = 1_000_000;

/// True in `percent` of the cases.
pub fn chance(rng: &mut StdRng, percent: u32) -> bool {
    rng.random_ratio(percent, 100)
}

/// One of these.
pub fn one<T: Copy>(rng: &mut StdRng, of: &[T]) -> T {
    of[rng.random_range(0..of.len())]
}

/// Terms that mostly open, of every kind.
pub fn terms(rng: &mut StdRng, model: &Model) -> Terms {
    let parties = [Who::Alice, Who::Bob, Who::Alice, Who::Bob, Who::Carol];
    let buyer = one(rng, &parties);
    let seller = one(rng, &parties);
    let seller = match (seller == buyer, buyer) {
        (false, _) => seller,
        (true, Who::Alice) => Who::Bob,
        (true, _) => Who::Alice,
    };
    let rich = buyer != Who::Carol && seller != Who::Carol;
    let jury = rng.random_range(0..model.juries.len());
    let appealable = !model.juries[jury].appeal.is_empty();
    let least = [HOUR, HOUR + 1, 2 * HOUR, DAY, 3 * DAY];
    let mut t = Terms {
        buyer,
        seller,
        total: 0,
        bond: if chance(rng, 40) { 0 } else { amount(rng, rich) },
        jury,
        jury_fee: 0,
        relay_fee: 0,
        open_fee: if chance(rng, 60) { 0 } else { amount(rng, false) },
        fee_bps: 0,
        fee_receiver: None,
        pay_as_credit: chance(rng, 25),
        open_by: model.now + one(rng, &[1, HOUR, HOUR, DAY]),
        judge_within: one(rng, &least),
        appeal_within: if appealable && chance(rng, 75) { one(rng, &least) } else { 0 },
        appeal_bond: 0,
        silent_seller_bps: one(rng, &[0, 0, 1, 3_333, 5_000, 10_000]),
        split_seller_bps: one(rng, &[0, 0, 1, 3_333, 5_000, 10_000]),
        sequential: chance(rng, 45),
        milestones: Vec::new(),
    };
    if chance(rng, 40) {
        t.fee_bps = one(rng, &[1, 250, 1_000]);
        t.fee_receiver = Some(one(rng, &[Who::Market, Who::Market, Who::Stranger, buyer, seller]));
    }
    let mut earliest = t.open_by + HOUR;
    for _ in 0..one(rng, &[1, 1, 2, 2, 3, 4]) {
        let deliver_by = earliest + one(rng, &[0, 1, HOUR, DAY]);
        t.milestones.push(Milestone { amount: amount(rng, rich), deliver_by, rule: rule(rng) });
        if t.sequential {
            earliest = deliver_by + t.tail(&model.juries[jury]) + HOUR;
        }
    }
    fees(rng, &mut t);
    t.total = t.sum() + t.open_fee;
    if chance(rng, 6) {
        spoil(rng, &mut t);
    }
    t
}

fn fees(rng: &mut StdRng, t: &mut Terms) {
    let most = t.milestones.iter().map(|milestone| milestone.amount).min().unwrap_or(0);
    if chance(rng, 75) {
        t.jury_fee = portion(rng, most);
        t.relay_fee = portion(rng, most - t.jury_fee);
    }
    if t.appeal_within > 0 {
        t.appeal_bond = t.jury_fee + t.relay_fee + one(rng, &[0, 0, 1, DOLLAR]);
    }
}

/// Nothing, everything, or something small or large of it.
fn portion(rng: &mut StdRng, of: u128) -> u128 {
    match rng.random_range(0..5) {
        0 => 0,
        1 => of,
        2 => rng.random_range(0..=of),
        _ => of.min(rng.random_range(0..=DOLLAR)),
    }
}

/// One unit, a few, dollars, or more than there is in the world.
pub fn amount(rng: &mut StdRng, rich: bool) -> u128 {
    match rng.random_range(0..8) {
        0 => 1,
        1 => rng.random_range(1..=100),
        2 if rich => rng.random_range(1 << 60..1 << 93),
        2..=5 => rng.random_range(1..=5) * DOLLAR,
        _ => rng.random_range(1..=3 * DOLLAR),
    }
}

fn rule(rng: &mut StdRng) -> Rule {
    let criteria = one(rng, &[1usize, 2, 2, 3, 4, 16]);
    let mut weights = vec![1u16; criteria];
    let mut left = 10_000 - u16::try_from(criteria).expect("at most sixteen");
    for weight in weights.iter_mut().skip(1) {
        let part = rng.random_range(0..=left / 2);
        *weight += part;
        left -= part;
    }
    weights[0] += left;
    let existing = u16::try_from((1u32 << criteria) - 1).expect("sixteen bits");
    let mandatory = if chance(rng, 40) { rng.random::<u16>() & existing } else { 0 };
    let pass_bps = one(rng, &[1, 5_000, 5_000, 7_000, 10_000]);
    Rule { weights, mandatory, pass_bps, pro_rata: chance(rng, 35) }
}

/// Makes them terms that cannot open.
fn spoil(rng: &mut StdRng, t: &mut Terms) {
    let last = t.milestones.len() - 1;
    match rng.random_range(0..14) {
        0 => t.total += 1,
        1 => t.total -= 1,
        2 => t.seller = t.buyer,
        3 => t.seller = Who::Juror(2),
        4 => t.judge_within = HOUR - 1,
        5 => t.milestones[last].deliver_by = t.open_by + HOUR - 1,
        6 => t.milestones[last].deliver_by += 2 * 365 * DAY,
        7 => t.jury_fee += t.milestones[last].amount + 1,
        8 => t.appeal_bond += 1,
        9 => t.split_seller_bps = 10_001,
        10 => t.fee_bps = u128::from(t.fee_bps == 0),
        11 => t.milestones[last].rule.pass_bps = 10_001,
        12 => t.milestones[last].rule.weights[0] -= 1,
        _ => {
            t.appeal_within = HOUR;
            t.appeal_bond = t.jury_fee + t.relay_fee;
        }
    }
}
