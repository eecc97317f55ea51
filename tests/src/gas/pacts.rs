//! Operations of a pact, in a registry that has judged the agent before and whose token, pots and payees
//! hold something.

use std::time::Duration;

use alloy::primitives::aliases::{U40, U96};
use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::SolCall;
use surety_bindings::deployment;
use surety_bindings::jury::Case;
use surety_bindings::pacts::{Claim, Pact, PactRegistry, Record};
use surety_terms::digest::Authorization;

use super::step::DAY;
use super::{Cases, Cost};
use crate::world::milestone;
use crate::{World, actors, sign, usd};

const HOUR: Duration = Duration::from_hours(1);
/// Blocks from a draw to the one whose hash decides.
const DRAW_BLOCKS: u64 = 32;

pub(super) fn measure(world: &World) -> Cases {
    let mut court = Court::new(world);
    court.life();
    court.world.advance(Duration::from_secs(123_457));
    court.life()
}

/// A registry, an agent that promises and a presenter of its records.
struct Court {
    world: World,
    registry: Address,
    agent: PrivateKeySigner,
    presenter: PrivateKeySigner,
    pacts: u64,
}

impl Court {
    fn new(world: &World) -> Self {
        let mut world = world.clone();
        let registry = deployment::plan(world.contracts().token).pacts.address;
        let (agent, presenter) = (actors::actor("agent"), actors::actor("presenter"));
        for actor in [&agent, &presenter] {
            world.mint(actor.address(), usd(10_000));
        }
        Self { world, registry, agent, presenter, pacts: 0 }
    }

    /// A pact of one period: two records are presented, the panel rejects, one fee comes back.
    fn life(&mut self) -> Cases {
        let pact = self.pact();
        let id = self.ask(&PactRegistry::pactIdOfCall { pact: pact.clone() });
        let authorization = self.authorize(&self.agent, pact.bond, pact.openBy, id);
        let open = self.call(&PactRegistry::openCall { pact: pact.clone(), authorization });

        self.world.advance(HOUR + DAY);
        let drawn = self.world.evm().block().number.saturating_to::<u64>() + DRAW_BLOCKS;
        let draw = self.call(&PactRegistry::drawCall { pact: pact.clone(), period: 0 });
        self.world.evm().state_mut().set_block_hash(drawn, keccak256("the drawn block"));
        self.world.evm().block_mut().number = U256::from(drawn + 1);
        let fix_seed = self.call(&PactRegistry::fixSeedCall { pact: pact.clone(), period: 0 });
        let first = self.present(&pact, record(id, 1));
        let another = self.present(&pact, record(id, 2));

        self.world.advance(DAY);
        let settle = self.settle(&pact, id);
        let collect = self.call(&PactRegistry::collectCall { record: record(id, 1) });
        self.world.advance(DAY);
        let close = self.call(&PactRegistry::closeCall { pact });
        vec![
            ("pact_open", open),
            ("pact_draw", draw),
            ("pact_fix_seed", fix_seed),
            ("pact_present_first", first),
            ("pact_present", another),
            ("pact_settle", settle),
            ("pact_collect", collect),
            ("pact_close", close),
        ]
    }

    /// A thousand dollars, of which a rejected period costs a hundred and a record five.
    fn pact(&mut self) -> Pact {
        self.pacts += 1;
        let (now, day) = (self.world.now(), U40::from(DAY.as_secs()));
        let in_an_hour = U40::from(now + HOUR.as_secs());
        Pact {
            agent: self.agent.address(),
            agentId: U256::ZERO,
            jury: self.world.jury(),
            rule: milestone(usd(1), now, &[10_000]).rule,
            criteria: keccak256("criteria"),
            bond: usd(1_000),
            slashBps: 1_000,
            juryFee: usd(5),
            sampleBps: 9_999,
            openBy: in_an_hour,
            startAt: in_an_hour,
            periodSecs: day,
            periods: 1,
            presentWithin: day,
            judgeWithin: day,
            document: keccak256("the promise"),
            salt: B256::from(U256::from(self.pacts)),
        }
    }

    fn present(&mut self, pact: &Pact, record: Record) -> Cost {
        let digest = self.ask(&PactRegistry::recordDigestCall { record: record.clone() });
        let claim = Claim {
            record: digest,
            presenter: self.presenter.address(),
            uri: "https://record.example/1".to_owned(),
            validUntil: U40::from(self.world.now() + HOUR.as_secs()),
        };
        let nonce = self.ask(&PactRegistry::claimDigestCall { claim: claim.clone() });
        let authorization = self.authorize(&self.presenter, pact.juryFee, claim.validUntil, nonce);
        self.call(&PactRegistry::presentCall {
            pact: pact.clone(),
            record,
            recordSignature: sign::digest(&self.agent, digest),
            claim,
            authorization,
        })
    }

    /// The panel calls the promise broken.
    fn settle(&mut self, pact: &Pact, id: B256) -> Cost {
        let subject = self.ask(&PactRegistry::subjectOfCall { pactId: id, period: 0 });
        let period = self.ask(&PactRegistry::periodStateCall { pactId: id, period: 0 });
        let contracts = self.world.contracts();
        let case = sign::case(contracts, subject, 0, period.evidence);
        let case = Case { consumer: self.registry, ..case };
        let votes = self.world.unanimous(0, 1);
        let ballots = sign::ballots(self.world.jurors(), contracts, &case, &votes);
        self.call(&PactRegistry::settleCall { pact: pact.clone(), period: 0, ballots })
    }

    fn authorize(&self, from: &PrivateKeySigner, value: U96, until: U40, nonce: B256) -> Bytes {
        let authorization = Authorization {
            from: from.address(),
            to: self.registry,
            value: U256::from(value),
            valid_after: 0,
            valid_before: until.to(),
            nonce,
        };
        sign::authorization(from, self.world.contracts(), &authorization)
    }

    fn ask<C: SolCall>(&self, call: &C) -> C::Return {
        self.world.view(self.registry, call).expect("a view answers")
    }

    fn call<C: SolCall>(&mut self, call: &C) -> Cost {
        let relayer = self.world.relayer().address();
        Cost::of(&self.world.call(relayer, self.registry, call).expect("performed"))
    }
}

fn record(id: B256, key: u64) -> Record {
    let key = B256::from(U256::from(key));
    Record { pactId: id, period: 0, key, content: keccak256(key) }
}
