//! Random steps, most of which succeed: who may do what now, and sometimes who may not.

use rand::Rng as _;
use rand::rngs::StdRng;

use super::draw::{chance, one, terms};
use super::draw_money::on_money;
use super::money::Consent;
use super::state::{At, Deal, Handed, Model, Status, Time};
use super::step::{BY_TIME, Call, Item, Requested, Step, Timed};
use super::tally::{Ballot, Outcome};
use super::terms::{Terms, Who};
use super::token::{Funding, Route};

/// How many deals a history names at most.
const DEALS: usize = 5;
/// Who submits.
pub const SUBMITTERS: [Who; 6] =
    [Who::Relayer, Who::Relayer, Who::Stranger, Who::Alice, Who::Bob, Who::Market];

/// A milestone to do something with, and what the model knows of it.
#[derive(Clone, Copy, Debug)]
struct Target<'a> {
    at: At,
    terms: &'a Terms,
    status: Status,
    until: Time,
    standing: Outcome,
    work: u8,
    /// X + b.
    money: u128,
}

/// The next step; learns new terms on the way.
pub fn step(rng: &mut StdRng, model: &Model, all: &mut Vec<Terms>) -> Step {
    if chance(rng, 14) {
        return on_money(rng, model);
    }
    // Now and then one that is too late to open, too.
    let late = if chance(rng, 10) { 0 } else { model.now };
    let unused = (0..all.len()).filter(|i| !model.deals.contains_key(i) && all[*i].open_by >= late);
    let unused: Vec<_> = unused.collect();
    let live: Vec<_> = model.deals.iter().filter(|(_, d)| is_live(d)).map(|(i, _)| *i).collect();
    if live.is_empty() || (live.len() < 3 && all.len() < DEALS && chance(rng, 12)) {
        return opening(rng, model, all, &unused);
    }
    if chance(rng, 4) {
        let deal = rng.random_range(0..all.len());
        let parties = [all[deal].buyer, all[deal].seller];
        return if chance(rng, 50) {
            open(rng, model, deal, &all[deal])
        } else {
            revoke(rng, model, deal, parties)
        };
    }
    let at = milestone(rng, model, &live);
    let Some(target) = target(model, all, at) else {
        let call = Call { at, by: one(rng, &SUBMITTERS), handed: Handed::Right };
        return Step::ByTime { action: one(rng, &BY_TIME), call, requested: Vec::new() };
    };
    match rng.random_range(0..100) {
        0..5 => return batch(rng, model, all, &live),
        5..9 => return multicall(rng, model, all, &live),
        _ => {}
    }
    on_milestone(rng, model, &target)
}

fn is_live(deal: &Deal) -> bool {
    deal.parts.iter().any(|part| part.ending.is_none())
}

/// One of a live deal's milestones: mostly one whose turn it is.
fn milestone(rng: &mut StdRng, model: &Model, live: &[usize]) -> At {
    let deal = one(rng, live);
    let d = &model.deals[&deal];
    let turns: Vec<_> = (0..d.parts.len())
        .filter(|k| d.parts[*k].ending.is_none() && (!d.terms.sequential || *k == d.lowest()))
        .collect();
    let milestone =
        if chance(rng, 95) { one(rng, &turns) } else { rng.random_range(0..=d.parts.len()) };
    At { deal, milestone: u8::try_from(milestone).expect("at most sixteen") }
}

fn target<'a>(model: &Model, all: &'a [Terms], at: At) -> Option<Target<'a>> {
    let (deal, terms) = (&model.deals[&at.deal], &all[at.deal]);
    let k = usize::from(at.milestone);
    let part = deal.parts.get(k).filter(|part| part.ending.is_none())?;
    let kept = part.kept;
    Some(Target {
        at,
        terms,
        status: kept.map_or(Status::Pending, |kept| kept.status),
        until: kept.map_or(terms.milestones[k].deliver_by + terms.judge_within, |kept| kept.until),
        standing: kept.map_or(Outcome::NoVerdict, |kept| kept.standing),
        work: kept.map_or(0, |kept| kept.work),
        money: terms.milestones[k].amount + deal.share(k),
    })
}

// ---- opening

fn opening(rng: &mut StdRng, model: &Model, all: &mut Vec<Terms>, unused: &[usize]) -> Step {
    let deal = if unused.is_empty() || chance(rng, 70) {
        all.push(terms(rng, model));
        all.len() - 1
    } else {
        one(rng, unused)
    };
    let parties = [all[deal].buyer, all[deal].seller];
    if let Some(left) = all[deal].open_by.checked_sub(model.now).filter(|left| *left > 1)
        && chance(rng, 6)
    {
        return Step::Advance { secs: left - one(rng, &[0, 1]) };
    }
    if chance(rng, 6) {
        revoke(rng, model, deal, parties)
    } else {
        open(rng, model, deal, &all[deal])
    }
}

fn open(rng: &mut StdRng, model: &Model, deal: usize, terms: &Terms) -> Step {
    let buyer = funding(rng, model, terms.buyer, terms.total);
    let mut seller = funding(rng, model, terms.seller, terms.bond);
    if terms.bond == 0 {
        seller.route = Route::Allowance;
    }
    Step::Open { deal, by: one(rng, &SUBMITTERS), buyer, seller }
}

fn revoke(rng: &mut StdRng, model: &Model, deal: usize, parties: [Who; 2]) -> Step {
    let party = if chance(rng, 95) { one(rng, &parties) } else { Who::Stranger };
    let consent = consent(rng, model, (party, 1, Outcome::NoVerdict));
    let by = if chance(rng, 50) { party } else { one(rng, &SUBMITTERS) };
    Step::Revoke { deal, by, party, consent }
}

fn funding(rng: &mut StdRng, model: &Model, from: Who, amount: u128) -> Funding {
    let routes = [Route::Authorization, Route::Authorization, Route::Permit, Route::Allowance];
    let mut funding = Funding { route: one(rng, &routes), signer: from };
    let allowed = model.token.allowances.get(&from).copied().unwrap_or(0);
    if funding.route == Route::Allowance && allowed < amount && chance(rng, 90) {
        funding.route = Route::Permit;
    }
    if chance(rng, 3) {
        funding.route = one(rng, &[Route::Empty, Route::Unknown, Route::Short]);
    }
    if chance(rng, 3) {
        funding.signer = Who::Stranger;
    }
    funding
}

// ---- a milestone

fn on_milestone(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let over = model.now >= target.until;
    let call = call(rng, target);
    if chance(rng, 6) {
        return anything(rng, model, target, call);
    }
    if chance(rng, 30)
        && let Some(step) = at_the_edge(rng, model, target, call)
    {
        return step;
    }
    if chance(rng, 12) {
        return advance(rng, model, target);
    }
    let mut roll = rng.random_range(0..100);
    if target.status == Status::Round2 && target.standing != Outcome::NoVerdict {
        // Giving in while an appeal runs is rare and has rows of its own.
        roll /= 2;
    }
    match target.status {
        _ if roll < 6 => accept(rng, model, target, call),
        _ if roll < 12 => concede(rng, model, target, call),
        _ if roll < 20 => agree(rng, model, target, call),
        Status::Judged if !over && roll < 75 => appeal(rng, model, target, call),
        Status::Judged | Status::Pending | Status::Delivered | Status::Round2 if over => {
            by_time(rng, model, target, call)
        }
        Status::Judged => advance(rng, model, target),
        Status::Pending if roll < 45 => deliver(rng, model, target, call),
        Status::Delivered | Status::Round2 if roll < 40 => advance(rng, model, target),
        Status::Pending | Status::Delivered | Status::Round2 => settle(rng, model, target, call),
    }
}

/// What is a second too late, or a second too early.
fn at_the_edge(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Option<Step> {
    let deliver_by = target.terms.milestones[usize::from(target.at.milestone)].deliver_by;
    match target.status {
        Status::Pending if model.now == deliver_by => Some(deliver(rng, model, target, call)),
        Status::Judged if model.now == target.until => Some(appeal(rng, model, target, call)),
        _ if model.now == target.until => Some(settle(rng, model, target, call)),
        _ if model.now + 1 == target.until => Some(by_time(rng, model, target, call)),
        _ => None,
    }
}

/// Something that the milestone's status may not allow.
fn anything(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    match rng.random_range(0..7) {
        0 => deliver(rng, model, target, call),
        1 => settle(rng, model, target, call),
        2 => appeal(rng, model, target, call),
        3 => accept(rng, model, target, call),
        4 => concede(rng, model, target, call),
        5 => agree(rng, model, target, call),
        _ => {
            let action = one(rng, &BY_TIME);
            Step::ByTime { action, call, requested: requested(rng, model, target, action) }
        }
    }
}

fn call(rng: &mut StdRng, target: &Target<'_>) -> Call {
    let wrong = [Handed::Nothing, Handed::Earlier, Handed::Forged];
    let handed = if chance(rng, 97) { Handed::Right } else { one(rng, &wrong) };
    Call { at: target.at, by: one(rng, &SUBMITTERS), handed }
}

/// To just before, at or just after some moment that matters, or by a little or a lot.
fn advance(rng: &mut StdRng, model: &Model, target: &Target<'_>) -> Step {
    let deliver_by =
        target.terms.milestones.get(usize::from(target.at.milestone)).map_or(0, |m| m.deliver_by);
    let moment = if chance(rng, 70) { target.until } else { deliver_by };
    let at = moment + one(rng, &[0, 1, 2]);
    let secs = (at.saturating_sub(1)).checked_sub(model.now).filter(|secs| *secs > 0);
    let secs = secs.unwrap_or_else(|| one(rng, &[1, 60, 3_599, 3_600, 86_400]));
    Step::Advance { secs }
}

fn deliver(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let seller = target.terms.seller;
    let by = if chance(rng, 50) { seller } else { call.by };
    let signer = if chance(rng, 96) { seller } else { Who::Stranger };
    let requested = requested(rng, model, target, Timed::Deliver);
    Step::Deliver { at: call.at, by, work: rng.random_range(0..3), signer, requested }
}

fn settle(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let work = if chance(rng, 84) { target.work } else { rng.random_range(0..3) };
    let round = if target.status == Status::Round2 { 2 } else { 1 };
    let seats = model.juries[target.terms.jury].of(round).len();
    let votes = votes(rng, target, seats);
    let mut ballots = Vec::new();
    for (seat, vote) in (0u8..).zip(votes) {
        if let Some((met, failed)) = vote {
            ballots.push(Ballot { seat, met, failed, forged: chance(rng, 3) });
        }
    }
    if chance(rng, 1) {
        let seat = u8::try_from(seats).expect("at most fifteen");
        ballots.push(Ballot { seat, met: 1, failed: 0, forged: false });
    }
    Step::Settle { call, work, ballots }
}

/// Every seat's answer: most agree on what the panel is to say, which is drawn first.
fn votes(rng: &mut StdRng, target: &Target<'_>, seats: usize) -> Vec<Option<(u16, u16)>> {
    let k = usize::from(target.at.milestone).min(target.terms.milestones.len() - 1);
    let criteria = target.terms.milestones[k].rule.weights.len();
    let existing = u16::try_from((1u32 << criteria) - 1).expect("sixteen bits");
    let truth = match rng.random_range(0..10) {
        0..=3 => existing,
        4..=6 => 0,
        _ => rng.random::<u16>() & existing,
    };
    let split = chance(rng, 22);
    let doubt = rng.random_range(0..3u8);
    let absent = one(rng, &[0, 0, 5, 15]);
    let vote = |seat: usize| {
        if chance(rng, absent) {
            return None;
        }
        let opinion = if split && seat % 2 == 1 { !truth } else { truth };
        let noise = if doubt == 0 {
            rng.random::<u16>() & rng.random::<u16>() & rng.random::<u16>()
        } else {
            0
        };
        let silent = match doubt {
            1 if chance(rng, 10) => u16::MAX,
            2 => rng.random::<u16>() & rng.random::<u16>() & rng.random::<u16>(),
            _ => 0,
        };
        // Now and then a bit beyond the criteria: it must count for nothing.
        let all = if chance(rng, 3) { u16::MAX } else { existing };
        let met = (opinion ^ noise) & !silent & all;
        Some((met, !(opinion ^ noise) & !silent & all))
    };
    (0..seats).map(vote).collect()
}

fn batch(rng: &mut StdRng, model: &Model, all: &[Terms], live: &[usize]) -> Step {
    let mut items = Vec::new();
    let mut round = None;
    for _ in 0..rng.random_range(1..=4) {
        let at = milestone(rng, model, live);
        let Some(target) = target(model, all, at) else { continue };
        let its = if target.status == Status::Round2 { 2 } else { 1 };
        let round = *round.get_or_insert(its);
        let work = if chance(rng, 90) { target.work } else { 1 };
        let handed = if chance(rng, 95) { Handed::Right } else { Handed::Earlier };
        let seats = model.juries[target.terms.jury].of(round).len();
        items.push(Item { at, handed, work, votes: votes(rng, &target, seats) });
    }
    let forged = u16::from(chance(rng, 10));
    Step::Batch { by: one(rng, &SUBMITTERS), round: round.unwrap_or(1), items, forged }
}

/// What one milestone pays funds the next deal; or anything else, twice.
fn multicall(rng: &mut StdRng, model: &Model, all: &mut Vec<Terms>, live: &[usize]) -> Step {
    let at = milestone(rng, model, live);
    let mut steps = Vec::new();
    if let Some(target) = target(model, all, at) {
        let call = call(rng, &target);
        steps.push(match rng.random_range(0..4) {
            0 => accept(rng, model, &target, call),
            1 => agree(rng, model, &target, call),
            _ => settle(rng, model, &target, call),
        });
    }
    let terms = terms(rng, model);
    let by = if chance(rng, 50) { terms.buyer } else { one(rng, &SUBMITTERS) };
    let authorized = |signer| Funding { route: Route::Authorization, signer };
    let (buyer, seller) = (authorized(terms.buyer), authorized(terms.seller));
    all.push(terms);
    steps.push(Step::Open { deal: all.len() - 1, by, buyer, seller });
    Step::Multicall { by, steps }.sent_by(by)
}

fn by_time(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let appealable = !model.juries[target.terms.jury].appeal.is_empty();
    let action = match target.status {
        Status::Pending => Timed::Reclaim,
        Status::Delivered if appealable => Timed::Escalate,
        Status::Delivered | Status::Round2 => Timed::Expire,
        Status::Judged => Timed::Finalize,
    };
    Step::ByTime { action, call, requested: requested(rng, model, target, action) }
}

fn appeal(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let (loser, winner) = match target.standing {
        Outcome::Rejected => (target.terms.seller, target.terms.buyer),
        Outcome::NoVerdict | Outcome::Accepted | Outcome::Undetermined => {
            (target.terms.buyer, target.terms.seller)
        }
    };
    let appellant = if chance(rng, 92) { loser } else { winner };
    let by = if chance(rng, 50) { appellant } else { call.by };
    let fee = fee(rng);
    let funding = funding(rng, model, appellant, target.terms.appeal_bond + fee);
    let valid_until = valid_until(rng, model);
    let standing = if chance(rng, 97) { target.standing } else { Outcome::NoVerdict };
    let call = Call { by, ..call };
    Step::Appeal { call, fee, valid_until, standing, funding }
}

fn accept(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let buyer = consent(rng, model, signed_by(target, target.terms.buyer));
    let by = if chance(rng, 40) { target.terms.buyer } else { call.by };
    Step::Accept { call: Call { by, ..call }, buyer }
}

fn concede(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let seller = consent(rng, model, signed_by(target, target.terms.seller));
    let by = if chance(rng, 40) { target.terms.seller } else { call.by };
    Step::Concede { call: Call { by, ..call }, seller }
}

fn agree(rng: &mut StdRng, model: &Model, target: &Target<'_>, call: Call) -> Step {
    let to_seller = match rng.random_range(0..5) {
        0 => 0,
        1 => target.money,
        2 => target.money.saturating_sub(target.terms.jury_fee + target.terms.relay_fee),
        _ => rng.random_range(0..=target.money),
    };
    let buyer = consent(rng, model, signed_by(target, target.terms.buyer));
    let seller = consent(rng, model, signed_by(target, target.terms.seller));
    let by = if chance(rng, 50) { target.terms.buyer } else { call.by };
    let as_credit = chance(rng, 35);
    Step::Agree { call: Call { by, ..call }, to_seller, as_credit, buyer, seller }
}

// ---- signatures

fn signed_by(target: &Target<'_>, party: Who) -> (Who, u8, Outcome) {
    let round = if target.status == Status::Round2 { 2 } else { 1 };
    (party, round, target.standing)
}

/// Mostly a good one; sometimes for another round or verdict, by somebody else, or expired.
fn consent(
    rng: &mut StdRng,
    model: &Model,
    (party, round, standing): (Who, u8, Outcome),
) -> Consent {
    let mut consent = Consent {
        fee: fee(rng),
        valid_until: valid_until(rng, model),
        signer: party,
        round,
        standing,
        cover: None,
    };
    if consent.fee > 0 && chance(rng, 85) {
        consent.cover = Some(funding(rng, model, party, consent.fee));
    }
    match rng.random_range(0..40) {
        0 => consent.signer = Who::Stranger,
        1 => consent.round = 3 - round,
        2 => {
            let others = [Outcome::NoVerdict, Outcome::Accepted, Outcome::Rejected];
            consent.standing = one(rng, &others);
        }
        _ => {}
    }
    consent
}

fn valid_until(rng: &mut StdRng, model: &Model) -> Time {
    if chance(rng, 97) { model.now + one(rng, &[1, 3_600, 86_400]) } else { model.now }
}

fn fee(rng: &mut StdRng) -> u128 {
    if chance(rng, 65) { 0 } else { one(rng, &[1, 1_000, 50_000, 2_000_000]) }
}

fn requested(
    rng: &mut StdRng,
    model: &Model,
    target: &Target<'_>,
    action: Timed,
) -> Vec<Requested> {
    let mut all = Vec::new();
    let parties = [target.terms.buyer, target.terms.seller];
    let parties = if chance(rng, 50) { parties } else { [parties[1], parties[0]] };
    for party in parties {
        // A second one is rare: two are refused.
        if !chance(rng, if all.is_empty() { 25 } else { 8 }) {
            continue;
        }
        let party = if chance(rng, 97) { party } else { Who::Stranger };
        let action = if chance(rng, 97) { action } else { Timed::Reclaim };
        // Escalating asks for round 2 and names round 1, as everything in round 1 does.
        let mut consent = consent(rng, model, signed_by(target, party));
        if consent.fee == 0 {
            consent.fee = 1_000;
            consent.cover = Some(funding(rng, model, party, consent.fee));
        }
        all.push(Requested { party, action, consent });
    }
    all
}
