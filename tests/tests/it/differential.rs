//! What is written twice, once in Solidity and once in Rust, compared to the unit in revm.

use std::time::Duration;

use alloy::primitives::{Address, U256, aliases::U96, keccak256};
use alloy::sol_types::SolValue as _;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use surety_bindings::formula::Weights;
use surety_bindings::jury::Jury;
use surety_bindings::registry::ReputationRegistry;
use surety_jury::tally::{Tally, tally};
use surety_terms::rule::Rule;
use surety_tests::World;
use surety_tests::sign::{self, Vote};

const SEED: u64 = 0x5375_7265_7479;
/// Values of `Ending`: accepted, rejected, silent.
const ENDINGS: [u8; 3] = [1, 2, 6];
const SELLER: u8 = 1;

/// Random panels, votes and rules: the tally of jurors and relayers, and the contract's.
#[test]
fn the_pure_tally_is_the_contracts_tally() {
    println!("seed {SEED:#x}");
    let mut rng = StdRng::seed_from_u64(SEED);
    for seats in [3, 4, 5, 7, 9, 15] {
        let mut world = World::with_seats(seats);
        let contracts = world.contracts().clone();
        let consumer = world.relayer().address();
        for _ in 0..40 {
            let rule = random_rule(&mut rng);
            let votes = random_votes(&mut rng, seats, rule.weights.len());
            let mut case =
                sign::case(&contracts, rng.random::<[u8; 32]>().into(), 0, keccak256("work"));
            case.consumer = consumer;
            let judge = Jury::judgeCall {
                jury: world.jury(),
                round: 1,
                dealId: case.dealId,
                milestone: case.milestone,
                deliverable: case.deliverable,
                rule: rule.word(),
                ballots: sign::ballots(world.jurors(), &contracts, &case, &votes),
            };
            let counted = world.call(consumer, contracts.jury, &judge).unwrap().output;
            let votes: Vec<_> = votes.iter().map(|v| (v.seat, v.met, v.failed)).collect();
            assert_eq!(
                Tally::from_sol(&counted).unwrap(),
                tally(rule.word(), seats, &votes),
                "{seats} seats, {rule:?}, {votes:?}"
            );
        }
    }
}

/// Random facts at random times: the fold in Rust, and the registry's word and score.
#[test]
fn the_formula_in_rust_is_the_registrys() {
    println!("seed {SEED:#x}");
    let mut rng = StdRng::seed_from_u64(SEED);
    let mut world = World::new();
    let recorder = world.relayer().address();
    let registry = world.contracts().registry;
    for wallet in 1..=8u8 {
        let seller = Address::repeat_byte(wallet);
        let mut weights = Weights::default();
        for _ in 0..40 {
            let pause = 1u64 << rng.random_range(0..24u32);
            world.advance(Duration::from_secs(rng.random_range(0..pause)));
            let amount = rng.random::<u128>() >> rng.random_range(32..128u32);
            let ending = ENDINGS[rng.random_range(0..ENDINGS.len())];
            let record = ReputationRegistry::recordCall {
                buyer: Address::ZERO,
                seller,
                amount: U96::from(amount),
                ending,
                flags: 0,
            };
            world.call(recorder, registry, &record).unwrap();
            let now = world.now();
            weights = match ending {
                1 => weights.with_good(amount, now),
                2 => weights.with_bad(amount, now),
                _ => weights.with_neutral(now),
            };
            let slot = word_slot(recorder, seller);
            let kept = Weights::of_word(world.evm().state().storage(registry, slot));
            assert_eq!(kept, weights, "amount {amount}, ending {ending} at {now}");
            let standing =
                ReputationRegistry::standingCall { recorder, wallet: seller, role: SELLER };
            let standing = world.view(registry, &standing).unwrap();
            let shown = weights.at(now);
            assert_eq!(
                (standing.good, standing.bad, u64::from(standing.last), standing.drawn),
                (shown.good, shown.bad, weights.last(), weights.drawn()),
                "amount {amount}, ending {ending} at {now}"
            );
        }
        world.advance(Duration::from_secs(rng.random_range(0..400 * 86_400)));
        let score = ReputationRegistry::scoreCall { recorder, wallet: seller, role: SELLER };
        let score = world.view(registry, &score).unwrap();
        let shown = weights.at(world.now());
        assert_eq!(
            (score.points.to(), score.good.to(), score.bad.to()),
            (weights.score(world.now()), shown.good, shown.bad)
        );
    }
}

/// Where the registry keeps the word of `wallet` as a seller: its only mapping, keyed by a digest.
fn word_slot(recorder: Address, wallet: Address) -> U256 {
    let key = keccak256((recorder, wallet, U256::from(SELLER)).abi_encode());
    keccak256((key, U256::ZERO).abi_encode()).into()
}

/// One to sixteen criteria whose positive weights sum to 10,000.
fn random_rule(rng: &mut StdRng) -> Rule {
    let criteria = rng.random_range(1..=16usize);
    let mut weights = vec![1u16; criteria];
    let mut left = 10_000 - u16::try_from(criteria).unwrap();
    for weight in weights.iter_mut().skip(1) {
        let part = rng.random_range(0..=left / 2);
        *weight += part;
        left -= part;
    }
    weights[0] += left;
    let existing = u16::try_from((1u32 << criteria) - 1).unwrap();
    Rule {
        weights,
        mandatory: rng.random::<u16>() & rng.random::<u16>() & rng.random::<u16>() & existing,
        pass_bps: rng.random_range(1..=10_000),
        pro_rata: rng.random(),
    }
}

/// Some seats of the panel, most of which agree: votes without any agreement decide nothing.
fn random_votes(rng: &mut StdRng, seats: usize, criteria: usize) -> Vec<Vote> {
    let existing = u16::try_from((1u32 << criteria) - 1).unwrap();
    let truth = rng.random::<u16>();
    let present: Vec<u8> = (0..u8::try_from(seats).unwrap()).collect();
    let present = present.into_iter().filter(|_| rng.random_bool(0.9)).collect::<Vec<_>>();
    let vote = |seat: u8| {
        let opinion = truth ^ (rng.random::<u16>() & rng.random::<u16>() & rng.random::<u16>());
        let silent = rng.random::<u16>() & rng.random::<u16>() & rng.random::<u16>();
        let met = opinion & !silent & existing;
        Vote { seat, met, failed: !opinion & !silent & existing }
    };
    present.into_iter().map(vote).collect()
}
