//! Steps as signed transactions.

use alloy::primitives::{Address, B256, Bytes, FixedBytes, U256, keccak256};
use alloy::signers::SignerSync as _;
use alloy::signers::local::PrivateKeySigner;
use alloy::sol_types::{SolCall, SolValue as _};
use surety_bindings::escrow::{self, Consent as SignedConsent, Requested as SignedRequest};
use surety_bindings::escrow::{
    Accept, Agree, Appeal, Concede, DealEscrow, Delivery, Request, Revoke,
};
use surety_bindings::jury::{Ballot as Answer, BallotBatch, Case, Jury};
use surety_jury::ballot::{pack, pack_batch};
use surety_terms::digest::{self, Authorization};

use super::chain::{Chain, Transaction, deliverable, key, time, u96};
use super::money::Consent;
use super::state::{At, Model, Time};
use super::step::{Call, Item, Requested, Step, Timed};
use super::tally::{Ballot, Outcome};
use super::terms::Who;
use super::token::{Funding, Route};
use crate::contracts::token::TestUSDC;
use crate::{actors, sign};

/// A funding to be signed: of how much, until when, under which digest.
#[derive(Clone, Copy, Debug)]
struct Funded {
    from: Who,
    amount: u128,
    valid_before: Time,
    digest: B256,
}

impl Chain {
    /// The transaction that does it; `model` is the state that it is done in.
    pub fn transaction(&self, model: &Model, step: &Step) -> Transaction {
        let escrow = self.contracts.escrow;
        match step {
            Step::Open { by, .. }
            | Step::Revoke { by, .. }
            | Step::Deliver { by, .. }
            | Step::Batch { by, .. }
            | Step::Multicall { by, .. }
            | Step::Withdraw { by, .. } => (self.address(*by), escrow, self.calldata(model, step)),
            Step::Settle { call, .. }
            | Step::ByTime { call, .. }
            | Step::Appeal { call, .. }
            | Step::Accept { call, .. }
            | Step::Concede { call, .. }
            | Step::Agree { call, .. } => {
                (self.address(call.by), escrow, self.calldata(model, step))
            }
            Step::ClaimFees { jury, round, seat, by } => {
                let (jury, round, seat) = (self.juries[*jury], *round, *seat);
                let call = Jury::claimFeesCall { jury, round, seat };
                (self.address(*by), self.contracts.jury, call.abi_encode().into())
            }
            other => self.to_token(other),
        }
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
            Step::Approve { owner, amount } => {
                let (spender, value) = (self.contracts.escrow, allowance(*amount));
                (self.address(*owner), TestUSDC::approveCall { spender, value }.abi_encode())
            }
            Step::Donate { from, to, amount } => {
                let (to, value) = (self.address(*to), U256::from(*amount));
                (self.address(*from), TestUSDC::transferCall { to, value }.abi_encode())
            }
            other => unreachable!("{other:?} is no call of the token"),
        };
        (from, self.contracts.token, data.into())
    }

    fn calldata(&self, model: &Model, step: &Step) -> Bytes {
        match step {
            Step::Open { deal, buyer, seller, .. } => self.open(*deal, *buyer, *seller),
            Step::Revoke { deal, party, consent, .. } => self.revoke(*deal, *party, consent),
            Step::Deliver { at, work, signer, requested, .. } => {
                self.deliver(*at, *work, *signer, requested)
            }
            Step::Settle { call, work, ballots } => self.settle(model, *call, *work, ballots),
            Step::Batch { round, items, forged, .. } => self.batch(model, *round, items, *forged),
            Step::ByTime { action, call, requested } => {
                self.by_time(model, *action, *call, requested)
            }
            Step::Appeal { call, .. } => self.appeal(model, *call, step),
            Step::Accept { call, buyer } => self.accept(model, *call, buyer),
            Step::Concede { call, seller } => self.concede(model, *call, seller),
            Step::Agree { call, .. } => self.agree(model, *call, step),
            Step::Withdraw { owner, .. } => {
                let (token, owner) = (self.contracts.token, self.address(*owner));
                DealEscrow::withdrawCall { token_: token, owner }.abi_encode().into()
            }
            Step::Multicall { steps, .. } => self.multicall(model, steps),
            other => unreachable!("{other:?} is no call of the escrow"),
        }
    }

    /// Every call is made for the state that those before it leave.
    fn multicall(&self, model: &Model, steps: &[Step]) -> Bytes {
        let mut model = model.clone();
        let mut calls = Vec::new();
        for step in steps {
            calls.push(self.calldata(&model, step));
            if model.apply(&self.learned, step).is_err() {
                // The whole fails here, so what follows does not matter.
                break;
            }
        }
        DealEscrow::multicallCall { calls }.abi_encode().into()
    }

    // ---- opening

    fn open(&self, deal: usize, buyer: Funding, seller: Funding) -> Bytes {
        let (terms, id) = self.deals[deal].clone();
        let valid_before = terms.openBy.to();
        let fund = |funding, from: Address, amount| {
            let from = self.who(from).expect("a party has a name");
            self.fund(funding, Funded { from, amount, valid_before, digest: id })
        };
        let seller = if terms.bond.is_zero() {
            sign::digest(key(seller.signer), id)
        } else {
            fund(seller, terms.seller, terms.bond.to())
        };
        let buyer = fund(buyer, terms.buyer, terms.total.to());
        let (buyer, seller) = (buyer, seller);
        let open =
            DealEscrow::openCall { terms, buyerAuthorization: buyer, sellerAuthorization: seller };
        open.abi_encode().into()
    }

    fn revoke(&self, deal: usize, party: Who, consent: &Consent) -> Bytes {
        let (terms, id) = self.deals[deal].clone();
        let (fee, valid_until) = (u96(consent.fee), time(consent.valid_until));
        let act = Revoke { dealId: id, fee, validUntil: valid_until };
        let digest = digest::revoke_digest(&act, &self.contracts.escrow_domain());
        let consent = self.consent(party, consent, digest);
        let party = self.address(party);
        DealEscrow::revokeCall { terms, party, consent }.abi_encode().into()
    }

    // ---- slow path and verdicts

    fn deliver(&self, at: At, work: u8, signer: Who, requested: &[Requested]) -> Bytes {
        let (terms, id, _) = self.milestone(at, None);
        let (milestone, deliverable, uri) = (at.milestone, deliverable(work), String::new());
        let delivery = Delivery { dealId: id, milestone, deliverable, uri: uri.clone() };
        let signature = sign::delivery(key(signer), &self.contracts, &delivery);
        let requested = self.requested(at, requested);
        DealEscrow::deliverCall { terms, milestone, deliverable, uri, signature, requested }
            .abi_encode()
            .into()
    }

    fn settle(&self, model: &Model, call: Call, work: u8, ballots: &[Ballot]) -> Bytes {
        let handed = model.handed(call.at, call.handed);
        let (terms, _, state) = self.milestone(call.at, handed);
        let round = if state.first().is_some_and(|state| state.status == 3) { 2 } else { 1 };
        let ballots = self.ballots(model, (call.at, round), work, ballots);
        let (milestone, deliverable) = (call.at.milestone, deliverable(work));
        DealEscrow::settleCall { terms, milestone, state, deliverable, ballots }.abi_encode().into()
    }

    /// The case of a milestone, as a panel is asked it.
    pub fn case(&self, at: At, round: u8, work: u8) -> Case {
        let id = self.deals[at.deal].1;
        Case { round, ..sign::case(&self.contracts, id, at.milestone, deliverable(work)) }
    }

    /// The signed ballots, packed. A forged one is another juror's, or another delivery's.
    pub fn ballots(
        &self,
        model: &Model,
        (at, round): (At, u8),
        work: u8,
        ballots: &[Ballot],
    ) -> Bytes {
        let jury = self.deals[at.deal].0.jury;
        let jury = self.juries.iter().position(|digest| *digest == jury).expect("known");
        let keys = model.juries[jury].of(round);
        let sign = |ballot: &Ballot| {
            let seat = usize::from(ballot.seat);
            // A seat beyond the panel is refused before its signature is read.
            let mut signer = keys.get(seat).copied().unwrap_or(Who::Stranger);
            let mut case = self.case(at, round, work);
            match (ballot.forged, ballot.seat % 3) {
                (true, 0) => signer = Who::Stranger,
                (true, 1) => case.round = 3 - round,
                (true, _) => case.deliverable = deliverable(work + 1),
                (false, _) => {}
            }
            let (met, failed, transcript) = (ballot.met, ballot.failed, B256::ZERO);
            let case_id = digest::case_id(&case);
            let answer = Answer { caseId: case_id, met, failed, reason: 0, transcript };
            sign::ballot(key(signer), &self.contracts, ballot.seat, answer)
        };
        pack(&ballots.iter().map(sign).collect::<Vec<_>>()).expect("ballots in the order of seats")
    }

    /// An item whose deal has as many milestones as the first one's shares its template, and patches
    /// what differs.
    fn batch(&self, model: &Model, round: u8, items: &[Item], forged: u16) -> Bytes {
        let jury = model.juries.iter().zip(&self.juries);
        let of_first = items.first().map(|item| self.deals[item.at.deal].0.jury);
        let panels = jury.into_iter().find(|(_, digest)| Some(**digest) == of_first);
        let keys = panels.map_or(&[][..], |(panels, _)| panels.of(round));
        let templates: Vec<_> =
            items.iter().map(|item| self.deals[item.at.deal].0.clone()).collect();
        let mut packed = Vec::new();
        for ((index, item), terms) in (0u8..).zip(items).zip(&templates) {
            let handed = model.handed(item.at, item.handed);
            let patches = patches(&templates[0], terms);
            let template = if patches.is_some() { 0 } else { index };
            let patches = patches.unwrap_or_default();
            let count = u8::try_from(patches.len() / 33).expect("few words");
            packed.extend([template, item.at.milestone, count, u8::from(handed.is_some())]);
            packed.extend(deliverable(item.work));
            packed.extend(patches);
            packed.extend(handed.map_or(Vec::new(), |kept| self.state(&kept).abi_encode()));
        }
        let cases: Vec<_> =
            items.iter().map(|i| digest::case_id(&self.case(i.at, round, i.work))).collect();
        let signed = keys.iter().enumerate().map(|(seat, juror)| {
            let votes = items.iter().flat_map(|item| {
                let (met, failed) =
                    item.votes.get(seat).copied().flatten().unwrap_or((u16::MAX, u16::MAX));
                [&met.to_be_bytes()[..], &failed.to_be_bytes(), &[0]].concat()
            });
            let votes: Vec<u8> = votes.collect();
            let signer = if forged >> seat & 1 == 1 { Who::Stranger } else { *juror };
            let batch =
                BallotBatch { cases: cases.clone(), votes: votes.into(), transcript: B256::ZERO };
            let seat = u8::try_from(seat).expect("at most fifteen");
            sign::ballot_batch(key(signer), &self.contracts, seat, batch)
        });
        let ballots = pack_batch(&signed.collect::<Vec<_>>()).expect("in the order of seats");
        DealEscrow::settleBatchCall { round, templates, items: packed.into(), ballots }
            .abi_encode()
            .into()
    }

    // ---- time

    fn by_time(&self, model: &Model, action: Timed, call: Call, requested: &[Requested]) -> Bytes {
        let (terms, _, state) = self.milestone(call.at, model.handed(call.at, call.handed));
        let requested = self.requested(call.at, requested);
        let milestone = call.at.milestone;
        match action {
            Timed::Reclaim => DealEscrow::reclaimCall { terms, milestone, requested }.abi_encode(),
            Timed::Escalate => {
                DealEscrow::escalateCall { terms, milestone, state, requested }.abi_encode()
            }
            Timed::Expire => {
                DealEscrow::expireCall { terms, milestone, state, requested }.abi_encode()
            }
            Timed::Finalize | Timed::Deliver => {
                DealEscrow::finalizeCall { terms, milestone, state, requested }.abi_encode()
            }
        }
        .into()
    }

    fn requested(&self, at: At, requested: &[Requested]) -> Vec<SignedRequest> {
        let sign = |requested: &Requested| {
            let consent = &requested.consent;
            let request = Request {
                action: selector(requested.action),
                dealId: self.deals[at.deal].1,
                milestone: at.milestone,
                round: consent.round,
                standing: consent.standing as u8,
                fee: u96(consent.fee),
                validUntil: time(consent.valid_until),
            };
            let digest = digest::request_digest(&request, &self.contracts.escrow_domain());
            let consent = self.consent(requested.party, consent, digest);
            SignedRequest { party: self.address(requested.party), consent }
        };
        requested.iter().map(sign).collect()
    }

    // ---- what only a party can do

    fn appeal(&self, model: &Model, call: Call, step: &Step) -> Bytes {
        let Step::Appeal { fee, valid_until, standing, funding, .. } = step else {
            unreachable!("an appeal")
        };
        let handed = model.handed(call.at, call.handed);
        let (terms, id, state) = self.milestone(call.at, handed);
        let (milestone, valid_before) = (call.at.milestone, *valid_until);
        let act = Appeal {
            dealId: id,
            milestone,
            standing: *standing as u8,
            fee: u96(*fee),
            validUntil: time(valid_before),
        };
        let digest = digest::appeal_digest(&act, &self.contracts.escrow_domain());
        let loser = if handed.is_some_and(|kept| kept.standing == Outcome::Rejected) {
            terms.seller
        } else {
            terms.buyer
        };
        let from = self.who(loser).expect("a party has a name");
        let amount = terms.appealBond.to::<u128>() + fee;
        let authorization = self.fund(*funding, Funded { from, amount, valid_before, digest });
        let (fee, valid_until) = (u96(*fee), time(*valid_until));
        let call = DealEscrow::appealCall {
            terms,
            milestone,
            state,
            fee,
            validUntil: valid_until,
            authorization,
        };
        call.abi_encode().into()
    }

    fn accept(&self, model: &Model, call: Call, buyer: &Consent) -> Bytes {
        let (terms, id, state) = self.milestone(call.at, model.handed(call.at, call.handed));
        let milestone = call.at.milestone;
        let act = Accept {
            dealId: id,
            milestone,
            round: buyer.round,
            standing: buyer.standing as u8,
            fee: u96(buyer.fee),
            validUntil: time(buyer.valid_until),
        };
        let digest = digest::accept_digest(&act, &self.contracts.escrow_domain());
        let party = self.who(terms.buyer).expect("a party has a name");
        let buyer = self.consent(party, buyer, digest);
        DealEscrow::acceptCall { terms, milestone, state, buyer }.abi_encode().into()
    }

    fn concede(&self, model: &Model, call: Call, seller: &Consent) -> Bytes {
        let (terms, id, state) = self.milestone(call.at, model.handed(call.at, call.handed));
        let milestone = call.at.milestone;
        let act = Concede {
            dealId: id,
            milestone,
            round: seller.round,
            standing: seller.standing as u8,
            fee: u96(seller.fee),
            validUntil: time(seller.valid_until),
        };
        let digest = digest::concede_digest(&act, &self.contracts.escrow_domain());
        let party = self.who(terms.seller).expect("a party has a name");
        let seller = self.consent(party, seller, digest);
        DealEscrow::concedeCall { terms, milestone, state, seller }.abi_encode().into()
    }

    fn agree(&self, model: &Model, call: Call, step: &Step) -> Bytes {
        let Step::Agree { to_seller, as_credit, buyer, seller, .. } = step else {
            unreachable!("an agreement")
        };
        let (terms, id, state) = self.milestone(call.at, model.handed(call.at, call.handed));
        let milestone = call.at.milestone;
        let sign = |party: Address, consent: &Consent| {
            let act = Agree {
                dealId: id,
                milestone,
                round: consent.round,
                standing: consent.standing as u8,
                sellerAmount: *to_seller,
                asCredit: *as_credit,
                fee: u96(consent.fee),
                validUntil: time(consent.valid_until),
            };
            let digest = digest::agree_digest(&act, &self.contracts.escrow_domain());
            let party = self.who(party).expect("a party has a name");
            self.consent(party, consent, digest)
        };
        let (buyer, seller) = (sign(terms.buyer, buyer), sign(terms.seller, seller));
        let (seller_amount, as_credit) = (*to_seller, *as_credit);
        let call = DealEscrow::agreeCall {
            terms,
            milestone,
            state,
            sellerAmount: seller_amount,
            asCredit: as_credit,
            buyer,
            seller,
        };
        call.abi_encode().into()
    }

    // ---- signatures

    fn consent(&self, party: Who, consent: &Consent, digest: B256) -> SignedConsent {
        let Consent { fee: amount, valid_until: valid_before, .. } = *consent;
        let funded = Funded { from: party, amount, valid_before, digest };
        SignedConsent {
            fee: u96(amount),
            validUntil: time(valid_before),
            signature: sign::digest(key(consent.signer), digest),
            authorization: consent.cover.map_or(Bytes::new(), |cover| self.fund(cover, funded)),
        }
    }

    fn fund(&self, funding: Funding, funded: Funded) -> Bytes {
        let signer = key(funding.signer);
        match funding.route {
            Route::Empty => Bytes::new(),
            Route::Unknown => [3u8; 66].into(),
            Route::Short => [2u8; 97].into(),
            Route::Authorization => {
                let authorization = Authorization {
                    from: self.address(funded.from),
                    to: self.contracts.escrow,
                    value: U256::from(funded.amount),
                    valid_after: 0,
                    valid_before: funded.valid_before,
                    nonce: funded.digest,
                };
                digest::by_authorization(&sign::authorization(
                    signer,
                    &self.contracts,
                    &authorization,
                ))
            }
            Route::Allowance => [&[1], &sign::digest(signer, funded.digest)[..]].concat().into(),
            Route::Permit => {
                let permit = self.permit(signer, funded);
                [&[2], &permit[..], &sign::digest(signer, funded.digest)].concat().into()
            }
        }
    }

    /// Deadline, v, r, s.
    fn permit(&self, signer: &PrivateKeySigner, funded: Funded) -> Vec<u8> {
        let token = self.contracts.token;
        let (owner, spender) = (self.address(funded.from), self.contracts.escrow);
        let nonces = TestUSDC::noncesCall { owner };
        let nonce = self.world.view(token, &nonces).expect("nonces answers");
        let typehash = self.world.view(token, &TestUSDC::PERMIT_TYPEHASHCall {});
        let (typehash, deadline) = (typehash.expect("it answers"), U256::from(funded.valid_before));
        let value = U256::from(funded.amount);
        let message = (typehash, owner, spender, value, nonce, deadline).abi_encode();
        let separator = self.contracts.token_domain.separator();
        let digest = keccak256([&[0x19, 1], &separator[..], &keccak256(message)[..]].concat());
        let signature = signer.sign_hash_sync(&digest).expect("a local key signs");
        let bytes = signature.as_bytes();
        let v = [bytes[64]];
        [&deadline.to_be_bytes::<32>()[..], &v, &bytes[..64]].concat()
    }
}

/// The words in which terms differ from a template: an index and a value each. None when they have
/// another number of milestones.
fn patches(template: &escrow::Terms, terms: &escrow::Terms) -> Option<Vec<u8>> {
    if template.milestones.len() != terms.milestones.len() {
        return None;
    }
    let (from, to) = (template.abi_encode(), terms.abi_encode());
    let words = from.chunks(32).zip(to.chunks(32)).enumerate();
    // After an offset: 23 words, an offset, a count, then four words per milestone.
    let index = |at: usize| if at < 24 { at - 1 } else { 32 + at - 26 };
    let patch =
        |at: usize, word: &[u8]| [&[u8::try_from(index(at)).expect("few words")], word].concat();
    let differing = words.filter(|(_, (from, to))| from != to);
    Some(differing.flat_map(|(at, (_, to))| patch(at, to)).collect())
}

fn allowance(amount: u128) -> U256 {
    if amount == u128::MAX { U256::MAX } else { U256::from(amount) }
}

fn selector(action: Timed) -> FixedBytes<4> {
    match action {
        Timed::Reclaim => DealEscrow::reclaimCall::SELECTOR,
        Timed::Escalate => DealEscrow::escalateCall::SELECTOR,
        Timed::Expire => DealEscrow::expireCall::SELECTOR,
        Timed::Finalize => DealEscrow::finalizeCall::SELECTOR,
        Timed::Deliver => DealEscrow::deliverCall::SELECTOR,
    }
    .into()
}
