//! Steps as signed transactions.

use alloy::primitives::{B256, Bytes, U256};
use alloy::sol_types::{SolCall as _, SolStruct as _};
use surety_bindings::jury::{Ballot as Answer, Case, Jury};
use surety_bindings::pacts::{self as signed, PactRegistry};
use surety_jury::ballot::pack;
use surety_terms::digest::{self, Authorization};

use super::chain::{Chain, key};
use super::sample::subject;
use super::state::{At, Model};
use super::step::{Call, Presentation, Step};
use super::token::Pull;
use super::who::Who;
use crate::contracts::token::TestUSDC;
use crate::model::chain::{Transaction, time};
use crate::model::state::Time;
use crate::model::tally::Ballot;
use crate::{actors, sign};

/// Where every presenter says that the bytes are.
pub const URI: &str = "https://record.example";

impl Chain {
    /// The transaction that does it; `model` is the state that it is done in.
    pub fn transaction(&self, model: &Model, step: &Step) -> Transaction {
        let (by, data) = match step {
            Step::Open { promise, by, signer } => (*by, self.open(model, promise.number, *signer)),
            Step::Notice { call, valid_until, signer } => {
                (call.by, self.give_notice(*call, *valid_until, *signer))
            }
            Step::Close { call } => {
                (call.by, PactRegistry::closeCall { pact: self.handed(*call) }.abi_encode())
            }
            Step::Draw { call, period } => {
                let (pact, period) = (self.handed(*call), *period);
                (call.by, PactRegistry::drawCall { pact, period }.abi_encode())
            }
            Step::FixSeed { call, period } => {
                let (pact, period) = (self.handed(*call), *period);
                (call.by, PactRegistry::fixSeedCall { pact, period }.abi_encode())
            }
            Step::Present { call, what } => (call.by, self.present(model, *call, what)),
            Step::Settle { call, period, ballots, torn } => {
                (call.by, self.settle(model, *call, *period, (ballots, *torn)))
            }
            Step::Expire { call, period } => {
                let (pact, period) = (self.handed(*call), *period);
                (call.by, PactRegistry::expireCall { pact, period }.abi_encode())
            }
            Step::Collect { record, by } => {
                let record = self.signed_record(*record);
                (*by, PactRegistry::collectCall { record }.abi_encode())
            }
            Step::Withdraw { owner, by } => {
                let owner = self.address(*owner);
                (*by, PactRegistry::withdrawCall { owner }.abi_encode())
            }
            Step::ClaimFees { jury, seat, by } => {
                let (jury, round, seat) = (self.juries[*jury], 1, *seat);
                let data = Jury::claimFeesCall { jury, round, seat }.abi_encode();
                return (self.address(*by), self.contracts.jury, data.into());
            }
            Step::Blacklist { .. }
            | Step::Unblacklist { .. }
            | Step::Pause
            | Step::Unpause
            | Step::Donate { .. }
            | Step::Wait { .. }
            | Step::History { .. }
            | Step::Crowd { .. } => return self.to_token(step),
        };
        (self.address(by), self.registry, data.into())
    }

    fn to_token(&self, step: &Step) -> Transaction {
        let admin = actors::deployer().address();
        let (from, data) = match step {
            Step::Blacklist { who } => {
                let account = self.address(*who);
                (admin, TestUSDC::blacklistCall { account }.abi_encode())
            }
            Step::Unblacklist { who } => {
                let account = self.address(*who);
                (admin, TestUSDC::unBlacklistCall { account }.abi_encode())
            }
            Step::Pause => (admin, TestUSDC::pauseCall {}.abi_encode()),
            Step::Unpause => (admin, TestUSDC::unpauseCall {}.abi_encode()),
            Step::Donate { from, to, amount } => {
                let (to, value) = (self.address(*to), U256::from(*amount));
                (self.address(*from), TestUSDC::transferCall { to, value }.abi_encode())
            }
            Step::Open { .. }
            | Step::Notice { .. }
            | Step::Close { .. }
            | Step::Draw { .. }
            | Step::FixSeed { .. }
            | Step::Present { .. }
            | Step::Crowd { .. }
            | Step::Settle { .. }
            | Step::Expire { .. }
            | Step::Collect { .. }
            | Step::Withdraw { .. }
            | Step::ClaimFees { .. }
            | Step::Wait { .. }
            | Step::History { .. } => unreachable!("{step:?} is no call of the token"),
        };
        (from, self.contracts.token, data.into())
    }

    /// The pact as it is handed in.
    fn handed(&self, call: Call) -> signed::Pact {
        let (mut pact, _) = self.pacts[&call.pact].clone();
        if call.altered {
            pact.document = B256::ZERO;
        }
        pact
    }

    fn open(&self, model: &Model, number: u32, signer: Who) -> Vec<u8> {
        let (promise, id) = &model.promises[&number];
        let (pact, _) = self.pacts[&number].clone();
        let (from, amount, valid_before) = (promise.agent, promise.bond, promise.open_by);
        let authorization = self.authorize(Pull { from, amount, valid_before, signer }, *id);
        PactRegistry::openCall { pact, authorization }.abi_encode()
    }

    fn give_notice(&self, call: Call, valid_until: Time, signer: Who) -> Vec<u8> {
        let (pact, id) = (self.handed(call), self.pacts[&call.pact].1);
        let notice = signed::Notice { pactId: id, validUntil: time(valid_until) };
        let signature = sign::digest(key(signer), notice.eip712_signing_hash(&self.domain));
        let valid_until = time(valid_until);
        PactRegistry::giveNoticeCall { pact, validUntil: valid_until, signature }.abi_encode()
    }

    fn present(&self, model: &Model, call: Call, what: &Presentation) -> Vec<u8> {
        let claim = signed::Claim {
            record: self.digest(what.claimed),
            presenter: self.address(what.presenter),
            uri: URI.to_owned(),
            validUntil: time(what.valid_until),
        };
        let fee = Pull {
            from: what.presenter,
            amount: model.promises[&call.pact].0.jury_fee,
            valid_before: what.valid_until,
            signer: what.fee_signer,
        };
        let authorization = self.authorize(fee, claim.eip712_signing_hash(&self.domain));
        let signature = sign::digest(key(what.signer), self.digest(what.record));
        let call = PactRegistry::presentCall {
            pact: self.handed(call),
            record: self.signed_record(what.record),
            recordSignature: signature,
            claim,
            authorization,
        };
        call.abi_encode()
    }

    fn settle(
        &self,
        model: &Model,
        call: Call,
        period: u32,
        (ballots, torn): (&[Ballot], bool),
    ) -> Vec<u8> {
        let mut ballots = self.ballots(model, At { pact: call.pact, period }, ballots);
        if torn {
            ballots = ballots.slice(1..);
        }
        PactRegistry::settleCall { pact: self.handed(call), period, ballots }.abi_encode()
    }

    /// The signed ballots, packed. A forged one is another key's, another round's or about other
    /// evidence.
    fn ballots(&self, model: &Model, at: At, ballots: &[Ballot]) -> Bytes {
        let (promise, id) = &model.promises[&at.pact];
        let panel = model.juries.get(promise.jury).map_or(&[][..], |panels| &panels.panel);
        let case = Case {
            chainId: U256::from(self.contracts.chain_id),
            jury: self.contracts.jury,
            consumer: self.registry,
            dealId: subject(*id, at.period),
            milestone: 0,
            round: 1,
            deliverable: self.evidence(&model.period(at).records),
        };
        let sign = |ballot: &Ballot| {
            // A seat beyond the panel is refused before its signature is read.
            let mut signer = panel.get(usize::from(ballot.seat)).copied().unwrap_or(Who::Stranger);
            let mut case = case.clone();
            match (ballot.forged, ballot.seat % 3) {
                (true, 0) => signer = Who::Stranger,
                (true, 1) => case.round = 2,
                (true, _) => case.deliverable = B256::ZERO,
                (false, _) => {}
            }
            let (met, failed, transcript) = (ballot.met, ballot.failed, B256::ZERO);
            let case_id = digest::case_id(&case);
            let answer = Answer { caseId: case_id, met, failed, reason: 0, transcript };
            sign::ballot(key(signer), &self.contracts, ballot.seat, answer)
        };
        pack(&ballots.iter().map(sign).collect::<Vec<_>>()).expect("ballots in the order of seats")
    }

    /// An ERC-3009 signature as the token takes it; `nonce` is the digest that is thereby signed.
    fn authorize(&self, pull: Pull, nonce: B256) -> Bytes {
        let authorization = Authorization {
            from: self.address(pull.from),
            to: self.registry,
            value: U256::from(pull.amount),
            valid_after: 0,
            valid_before: pull.valid_before,
            nonce,
        };
        sign::authorization(key(pull.signer), &self.contracts, &authorization)
    }
}
