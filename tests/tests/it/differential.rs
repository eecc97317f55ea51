//! What is written twice, once in Solidity and once in Rust, compared to the unit in revm.

use std::sync::LazyLock;
use std::time::Duration;

use alloy::primitives::{Address, B256, U256, aliases::U96, keccak256};
use alloy::sol_types::SolValue as _;
use proptest::prelude::*;
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use surety_bindings::formula::Weights;
use surety_bindings::jury::{self, Ballot, BatchCase, Case, Jury};
use surety_bindings::registry::ReputationRegistry;
use surety_jury::ballot::{Leaf, Reason, SignedBatch, ballot_batch, pack, pack_batch};
use surety_jury::tally::{Tally, tally};
use surety_terms::digest;
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

/// Worlds whose jury has so many seats.
static WORLDS: LazyLock<Vec<World>> =
    LazyLock::new(|| [3, 5, 7, 15].into_iter().map(World::with_seats).collect());

/// A list of cases with their rules, and for each seat of a panel what it signed.
#[derive(Clone, Debug)]
struct Batch {
    world: usize,
    rules: Vec<Rule>,
    seats: Vec<Option<Seat>>,
}

/// One seat's part of a batch.
#[derive(Clone, Debug)]
struct Seat {
    leaves: Vec<Leaf>,
    transcript: [u8; 32],
    /// Its signature is another key's.
    forged: bool,
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let weights = prop::collection::vec(1..=6_000_u16, 1..=16);
    (weights, any::<(u16, u16)>(), 1..=10_000_u16, any::<bool>()).prop_map(
        |(weights, (some, others), pass_bps, pro_rata)| {
            let existing = u16::MAX >> (16 - weights.len());
            Rule { weights, mandatory: some & others & existing, pass_bps, pro_rata }
        },
    )
}

/// Mostly what the case's `truth` is, so that quorums come about.
fn any_leaf(truth: u16) -> impl Strategy<Value = Leaf> {
    let answer = move |(wrong, also, open): (u16, u16, u16)| {
        let (told, open) = (truth ^ (wrong & also & open), open & wrong);
        Leaf::Answer { met: told & !open, failed: !told & !open, reason: Reason::Judged }
    };
    prop_oneof![
        8 => any::<(u16, u16, u16)>().prop_map(answer),
        1 => Just(Leaf::Answer { met: 0, failed: 0, reason: Reason::Void }),
        1 => Just(Leaf::Absent),
    ]
}

fn any_seat(truths: &[u16]) -> impl Strategy<Value = Option<Seat>> + use<> {
    let leaves: Vec<_> = truths.iter().map(|truth| any_leaf(*truth)).collect();
    let seat = (leaves, any::<[u8; 32]>(), prop::bool::weighted(0.05))
        .prop_map(|(leaves, transcript, forged)| Seat { leaves, transcript, forged });
    prop::option::weighted(0.95, seat)
}

fn any_batch() -> impl Strategy<Value = Batch> {
    let rules = prop::collection::vec((any_rule(), any::<u16>()), 0..=14);
    (0..4_usize, rules).prop_flat_map(|(world, rules)| {
        let (rules, truths): (Vec<_>, Vec<_>) = rules.into_iter().unzip();
        let panel = WORLDS[world].jurors().len();
        let seats = prop::collection::vec(any_seat(&truths), panel);
        seats.prop_map(move |seats| Batch { world, rules: rules.clone(), seats })
    })
}

impl Batch {
    fn world(&self) -> &World {
        &WORLDS[self.world]
    }

    /// The cases, as a view sees them: its caller is nobody.
    fn cases(&self) -> Vec<Case> {
        let case = |index: usize| {
            let deal = keccak256(index.to_be_bytes());
            let milestone = u8::try_from(index).unwrap();
            let case = sign::case(self.world().contracts(), deal, milestone, keccak256("work"));
            Case { consumer: Address::ZERO, ..case }
        };
        (0..self.rules.len()).map(case).collect()
    }

    /// What each present seat signed over these case ids.
    fn signed(&self, ids: &[B256]) -> Vec<SignedBatch> {
        let sign = |(number, seat): (usize, &Option<Seat>)| {
            let Seat { leaves, transcript, forged } = seat.as_ref()?;
            let leaves: Vec<_> = ids.iter().copied().zip(leaves.iter().copied()).collect();
            let batch = ballot_batch(&leaves, B256::from(*transcript)).unwrap();
            let juror = self.key(number, *forged);
            let seat = u8::try_from(number).unwrap();
            Some(sign::ballot_batch(&juror, self.world().contracts(), seat, batch))
        };
        self.seats.iter().enumerate().filter_map(sign).collect()
    }

    fn key(&self, number: usize, forged: bool) -> alloy::signers::local::PrivateKeySigner {
        let panel = self.seats.len();
        self.world().juror(if forged { (number + 1) % panel } else { number })
    }

    /// What the contract says of one case by the same seats' single ballots.
    fn judged(&self, index: usize, case: &Case) -> jury::Tally {
        let case_id = digest::case_id(case);
        let sign = |(number, seat): (usize, &Option<Seat>)| {
            let Seat { leaves, transcript, forged } = seat.as_ref()?;
            let Leaf::Answer { met, failed, reason } = leaves[index] else { return None };
            let (reason, transcript) = (reason.byte(), B256::from(*transcript));
            let ballot = Ballot { caseId: case_id, met, failed, reason, transcript };
            let juror = self.key(number, *forged);
            let seat = u8::try_from(number).unwrap();
            Some(sign::ballot(&juror, self.world().contracts(), seat, ballot))
        };
        let ballots: Vec<_> = self.seats.iter().enumerate().filter_map(sign).collect();
        let judge = Jury::judgeCall {
            jury: self.world().jury(),
            round: 1,
            dealId: case.dealId,
            milestone: case.milestone,
            deliverable: case.deliverable,
            rule: self.rules[index].word(),
            ballots: pack(&ballots).unwrap(),
        };
        self.world().view(self.world().contracts().jury, &judge).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random lists of cases, with absent, abstaining, missing and forging seats: what the contract
    /// counts of a batch, what it counts of each case's single ballots, and the pure tally.
    #[test]
    fn a_batch_is_judged_as_its_cases_are_one_by_one(batch in any_batch()) {
        let world = batch.world();
        let contracts = world.contracts();
        let cases = batch.cases();
        let ids: Vec<_> = cases.iter().map(digest::case_id).collect();
        let signed = batch.signed(&ids);
        let judge = Jury::judgeBatchCall {
            jury: world.jury(),
            round: 1,
            cases: cases.iter().zip(&batch.rules).map(|(case, rule)| BatchCase {
                dealId: case.dealId,
                milestone: case.milestone,
                deliverable: case.deliverable,
                rule: rule.word(),
            }).collect(),
            ballots: pack_batch(&signed).unwrap(),
        };
        let tallies = world.view(contracts.jury, &judge).unwrap();
        prop_assert_eq!(tallies.len(), cases.len());
        let good = |signed: &&SignedBatch| {
            let juror = world.juror(signed.seat.into()).address();
            signed.verify(contracts.chain_id, contracts.jury, juror).is_ok()
        };
        for (index, (case, counted)) in cases.iter().zip(&tallies).enumerate() {
            prop_assert_eq!(counted, &batch.judged(index, case));
            let votes: Vec<_> =
                signed.iter().filter(good).filter_map(|signed| signed.answers(index)).collect();
            let word: U256 = batch.rules[index].word();
            let pure = tally(word, batch.seats.len(), &votes);
            prop_assert_eq!(Tally::from_sol(counted), Some(pure));
            let sizes = (usize::from(counted.panelSeats), counted.appealSeats);
            prop_assert_eq!(sizes, (batch.seats.len(), 0));
        }
    }
}
