//! Steps as signed transactions.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::sol_types::SolCall as _;
use surety_bindings::jury::{self, Ballot, BallotBatch, Case, Jury};
use surety_bindings::registry::{Ended, ReputationRegistry};
use surety_jury::ballot::compact;
use surety_terms::digest::{self, Authorization};

use super::chain::{Chain, key};
use super::juries::RULE;
use super::step::{Count, Fact, Form, Registration, Seal, Signed, Statement, Step, Who};
use crate::contracts::token::TestUSDC;
use crate::model::chain::{time, u96};
use crate::{actors, sign};

/// A transaction: from whom, to whom, with which calldata.
pub type Transaction = (Address, Address, Bytes);

/// The id of a case that jurors are said to have answered twice.
pub fn case_id(case: u8) -> B256 {
    keccak256([case])
}

impl Chain {
    /// The transaction that does it.
    pub fn transaction(&self, step: &Step) -> Transaction {
        match step {
            Step::Register { by, .. }
            | Step::Unbond { by, .. }
            | Step::Claim { by, .. }
            | Step::Slash { by, .. } => {
                (self.address(*by), self.contracts.jury, self.of_juror(step).into())
            }
            Step::CreateJury { by, .. } | Step::Fund { by, .. } | Step::ClaimFees { by, .. } => {
                (self.address(*by), self.contracts.jury, self.of_jury(step).into())
            }
            Step::Record { by, facts } => {
                (self.address(*by), self.contracts.registry, self.record(facts).into())
            }
            step => {
                let admin = actors::deployer().address();
                let (from, data) = match step {
                    Step::Donate { from, amount } => (self.address(*from), self.donate(*amount)),
                    other => (admin, self.of_token(other)),
                };
                (from, self.contracts.token, data.into())
            }
        }
    }

    // ---- jurors

    fn of_juror(&self, step: &Step) -> Vec<u8> {
        match step {
            Step::Register { registration, signed, .. } => self.register(registration, *signed),
            Step::Unbond { juror, nonce, valid_until, signed, .. } => {
                let (juror, nonce) = (self.address(*juror), *nonce);
                let u = jury::Unbonding { juror, nonce, validUntil: time(*valid_until) };
                let (chain_id, contract) = (self.contracts.chain_id, self.contracts.jury);
                let digest = digest::unbonding_digest(&u, chain_id, contract);
                Jury::unbondCall { u, signature: signature(*signed, digest) }.abi_encode()
            }
            Step::Claim { juror, .. } => Jury::claimCall { key: self.address(*juror) }.abi_encode(),
            Step::Slash { juror, case, first, second, .. } => {
                let (first, second) = (self.statement(first), self.statement(second));
                let (key, id) = (self.address(*juror), case_id(*case));
                Jury::slashCall { key, id, first, second }.abi_encode()
            }
            other => unreachable!("{other:?} is about no juror"),
        }
    }

    fn register(&self, r: &Registration, signed: Signed) -> Vec<u8> {
        let contract = self.contracts.jury;
        let registration = jury::Registration {
            juror: self.address(r.juror),
            family: r.family.clone(),
            operator: r.operator.clone(),
            url: r.url.clone(),
            stake: u96(r.stake),
            nonce: r.nonce,
            validUntil: time(r.valid_until),
        };
        let mut digest =
            digest::registration_digest(&registration, self.contracts.chain_id, contract);
        if r.stake > 0 {
            let authorization = Authorization {
                from: registration.juror,
                to: contract,
                value: U256::from(r.stake),
                valid_after: 0,
                valid_before: r.valid_until,
                nonce: digest,
            };
            digest = digest::authorization_digest(&authorization, &self.contracts.token_domain);
        }
        let signature = signature(signed, digest);
        Jury::registerCall { r: registration, signature }.abi_encode()
    }

    fn statement(&self, s: &Statement) -> jury::Statement {
        let cases: Vec<B256> = s.cases.iter().map(|case| case_id(*case)).collect();
        let mut votes = Vec::new();
        for (met, failed) in &s.votes {
            votes.extend(met.to_be_bytes());
            votes.extend(failed.to_be_bytes());
            votes.push(s.reason);
        }
        let (votes, transcript) = (Bytes::from(votes), keccak256([s.reason]));
        let signature = if cases.is_empty() {
            let (met, failed) = s.votes.first().copied().unwrap_or_default();
            let (case, reason) = (case_id(s.about), s.reason);
            let ballot = Ballot { caseId: case, met, failed, reason, transcript };
            sign::ballot(key(s.by), &self.contracts, 0, ballot).signature
        } else {
            let batch = BallotBatch { cases: cases.clone(), votes: votes.clone(), transcript };
            sign::ballot_batch(key(s.by), &self.contracts, 0, batch).signature
        };
        let mut signature = signature.to_vec();
        match s.seal {
            Seal::Whole => {}
            Seal::Short => signature.truncate(63),
            Seal::Flipped => signature[32] ^= 0x80,
        }
        let (index, signature) = (U256::from(s.index), Bytes::from(signature));
        jury::Statement { cases, index, votes, transcript, signature }
    }

    // ---- juries

    fn of_jury(&self, step: &Step) -> Vec<u8> {
        let all = |seats: &[Who]| seats.iter().map(|who| self.address(*who)).collect();
        match step {
            Step::CreateJury { panel, appeal, .. } => {
                let (panel, appeal) = (all(panel), all(appeal));
                Jury::createJuryCall { panel_: panel, appealPanel: appeal }.abi_encode()
            }
            Step::Fund { jury, round, shares, .. } => {
                let share = |share: &u128| {
                    if *share == u128::MAX { U256::MAX } else { U256::from(*share) }
                };
                let shares = shares.iter().map(share).collect();
                Jury::fundCall { jury: self.jury(*jury), round: *round, shares }.abi_encode()
            }
            Step::ClaimFees { jury, round, seat, .. } => {
                let (jury, round, seat) = (self.jury(*jury), *round, *seat);
                Jury::claimFeesCall { jury, round, seat }.abi_encode()
            }
            other => unreachable!("{other:?} is about no jury"),
        }
    }

    /// The count of a case of whoever asks.
    pub fn judge(&self, by: Who, count: &Count) -> Jury::judgeCall {
        let (deal, deliverable) = (keccak256("deal"), keccak256("work"));
        let case = Case {
            chainId: U256::from(self.contracts.chain_id),
            jury: self.contracts.jury,
            consumer: self.address(by),
            dealId: deal,
            milestone: 0,
            round: count.round,
            deliverable,
        };
        let id = digest::case_id(&case);
        let mut mask = 0u16;
        let mut packed = Vec::new();
        for vote in &count.votes {
            let (met, failed, transcript) = (vote.met, vote.failed, B256::ZERO);
            let ballot = Ballot { caseId: id, met, failed, reason: 0, transcript };
            let signed = sign::ballot(key(vote.by), &self.contracts, vote.seat, ballot);
            mask |= 1 << vote.seat;
            packed.extend(met.to_be_bytes());
            packed.extend(failed.to_be_bytes());
            packed.push(0);
            packed.extend_from_slice(transcript.as_slice());
            packed.extend_from_slice(signed.signature.as_slice());
        }
        let mut ballots = [&mask.to_be_bytes()[..], &packed].concat();
        if count.cut {
            ballots.pop();
        }
        Jury::judgeCall {
            jury: self.jury(count.jury),
            round: count.round,
            dealId: deal,
            milestone: 0,
            deliverable,
            rule: RULE.word(),
            ballots: ballots.into(),
        }
    }

    // ---- facts and the token

    fn record(&self, facts: &[Fact]) -> Vec<u8> {
        let ended = |fact: &Fact| Ended {
            buyer: self.address(fact.buyer),
            seller: self.address(fact.seller),
            amount: u96(fact.amount),
            ending: fact.ending,
            flags: fact.flags,
        };
        if let [fact] = facts {
            let Ended { buyer, seller, amount, ending, flags } = ended(fact);
            let call = ReputationRegistry::recordCall { buyer, seller, amount, ending, flags };
            return call.abi_encode();
        }
        let ended = facts.iter().map(ended).collect();
        ReputationRegistry::recordBatchCall { ended }.abi_encode()
    }

    fn donate(&self, amount: u128) -> Vec<u8> {
        let (to, value) = (self.contracts.jury, U256::from(amount));
        TestUSDC::transferCall { to, value }.abi_encode()
    }

    fn of_token(&self, step: &Step) -> Vec<u8> {
        match step {
            Step::Blacklist { who } => {
                TestUSDC::blacklistCall { account: self.address(*who) }.abi_encode()
            }
            Step::Unblacklist { who } => {
                TestUSDC::unBlacklistCall { account: self.address(*who) }.abi_encode()
            }
            Step::Pause => TestUSDC::pauseCall {}.abi_encode(),
            Step::Unpause => TestUSDC::unpauseCall {}.abi_encode(),
            other => unreachable!("{other:?} is no call of the token"),
        }
    }
}

fn signature(signed: Signed, digest: B256) -> Bytes {
    let foreign = signed.form == Form::Foreign;
    let digest = if foreign { keccak256("something else") } else { digest };
    let signature = key(signed.by).sign_hash_sync(&digest).expect("a local key signs");
    match signed.form {
        Form::Whole | Form::Foreign => signature.as_bytes().into(),
        Form::Compact => compact(&signature).0.into(),
        Form::Cut => signature.as_bytes()[..63].to_vec().into(),
    }
}
