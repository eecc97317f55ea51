//! What events tell of one key's fees, read in the order of the chain.

use std::collections::{BTreeMap, BTreeSet};

use alloy::{
    primitives::{Address, B256, U256},
    rpc::types::Log,
    sol_types::SolEvent as _,
};
use serde::Serialize;
use surety_bindings::{
    escrow::DealEscrow::{Credited, DealOpened, MilestoneEnded, MilestoneSettled},
    jury::{Case, Jury},
};
use surety_terms::{Usdc, digest};

use crate::{Seat, SeatError, status::amount};

/// One fee of one seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Fee {
    /// What came in, in base units of the token.
    pub amount: Usdc,
    /// The transaction.
    pub tx_hash: B256,
    /// The case whose verdict earned it; null where the events do not tell it of several.
    pub case_id: Option<B256>,
    /// Its deal.
    pub deal_id: Option<B256>,
    /// The deal's milestone.
    pub milestone: Option<u8>,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: Option<u8>,
}

/// What events tell, with the blocks that hold them.
pub(super) struct Found {
    pub(super) to_block: u64,
    pub(super) fees: Vec<(u64, Fee)>,
    pub(super) claimed: Vec<(u64, Usdc)>,
    pub(super) transactions: Vec<(u64, B256, BTreeSet<&'static str>)>,
}

type DealKey = (Address, B256);

/// A round in which this seat was counted.
#[derive(Clone, Copy)]
struct Counted {
    round: u8,
    case_id: B256,
}

/// Where a log stands.
#[derive(Clone, Copy)]
struct Place {
    block: u64,
    tx_hash: B256,
}

pub(super) struct Reader<'a> {
    seat: &'a Seat,
    /// The juror's seat by jury and round.
    seats: BTreeMap<(B256, u8), u8>,
    /// The jury of each deal, and what a round pays it.
    deals: BTreeMap<DealKey, (B256, Usdc)>,
    counted: BTreeMap<(DealKey, u8), Vec<Counted>>,
    /// The milestones that ended in the transaction that is read: their rounds are paid in it.
    ended: Vec<(DealKey, u8)>,
    tx_hash: B256,
    fees: Vec<(u64, Fee)>,
    claimed: Vec<(u64, Usdc)>,
    transactions: Vec<(u64, B256, BTreeSet<&'static str>)>,
    fault: Option<SeatError>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(seat: &'a Seat, seats: Vec<(B256, u8, u8)>) -> Self {
        let seats = seats.into_iter().map(|(jury, round, seat)| ((jury, round), seat)).collect();
        Self {
            seat,
            seats,
            deals: BTreeMap::new(),
            counted: BTreeMap::new(),
            ended: Vec::new(),
            tx_hash: B256::ZERO,
            fees: Vec::new(),
            claimed: Vec::new(),
            transactions: Vec::new(),
            fault: None,
        }
    }

    /// Everything that was read.
    pub(super) fn found(self, to_block: u64) -> Result<Found, SeatError> {
        let Self { fees, claimed, transactions, fault, .. } = self;
        fault.map_or(Ok(Found { to_block, fees, claimed, transactions }), Err)
    }

    pub(super) fn read(&mut self, log: &Log) {
        let (Some(block), Some(tx_hash)) = (log.block_number, log.transaction_hash) else { return };
        if tx_hash != self.tx_hash {
            self.ended.clear();
            self.tx_hash = tx_hash;
        }
        let place = Place { block, tx_hash };
        let read = if log.address() == self.seat.jury {
            self.of_jury(log, place)
        } else {
            self.of_consumer(log, place)
        };
        if let Err(fault) = read {
            self.fault.get_or_insert(fault);
        }
    }

    fn of_consumer(&mut self, log: &Log, place: Place) -> Result<(), SeatError> {
        let consumer = log.address();
        if let Ok(opened) = DealOpened::decode_log(&log.inner) {
            let terms = &opened.terms;
            let fee = amount(U256::from(terms.juryFee), "jury fee")?;
            self.deals.insert((consumer, opened.dealId), (terms.jury, fee));
        } else if let Ok(settled) = MilestoneSettled::decode_log(&log.inner) {
            self.settled(consumer, &settled);
        } else if let Ok(ended) = MilestoneEnded::decode_log(&log.inner) {
            self.ended.push(((consumer, ended.dealId), ended.milestone));
        } else if let Ok(credited) = Credited::decode_log(&log.inner)
            && credited.owner == self.seat.juror
        {
            // Where the token refuses the jury's address, the escrow owes the fee to the key.
            self.fees.push((place.block, unplaced(place, amount(credited.amount, "credit")?)));
        }
        Ok(())
    }

    fn settled(&mut self, consumer: Address, settled: &MilestoneSettled) {
        let key = (consumer, settled.dealId);
        let Some((jury, _)) = self.deals.get(&key) else { return };
        let Some(seat) = self.seats.get(&(*jury, settled.round)) else { return };
        if settled.seats.checked_shr((*seat).into()).is_none_or(|rest| rest & 1 == 0) {
            return;
        }
        let case_id = digest::case_id(&Case {
            chainId: U256::from(self.seat.chain_id),
            jury: self.seat.jury,
            consumer,
            dealId: settled.dealId,
            milestone: settled.milestone,
            round: settled.round,
            deliverable: settled.deliverable,
        });
        let counted = Counted { round: settled.round, case_id };
        self.counted.entry((key, settled.milestone)).or_default().push(counted);
    }

    fn of_jury(&mut self, log: &Log, place: Place) -> Result<(), SeatError> {
        let juror = self.seat.juror;
        if let Ok(funded) = Jury::FeesFunded::decode_log(&log.inner) {
            return self.funded(&funded, place);
        }
        if let Ok(claimed) = Jury::FeesClaimed::decode_log(&log.inner) {
            if claimed.key == juror {
                self.claimed.push((place.block, amount(claimed.amount, "fees")?));
                self.does(place, "claimFees");
            }
            return Ok(());
        }
        let registered = Jury::JurorRegistered::decode_log(&log.inner);
        let unbonding = Jury::JurorUnbonding::decode_log(&log.inner);
        let left = Jury::JurorLeft::decode_log(&log.inner);
        if registered.is_ok_and(|it| it.juror == juror) {
            self.does(place, "register");
        } else if unbonding.is_ok_and(|it| it.juror == juror) {
            self.does(place, "unbond");
        } else if left.is_ok_and(|it| it.juror == juror) {
            self.does(place, "claim");
        }
        Ok(())
    }

    /// A panel's pots were filled: by the milestones that ended in the same transaction, each with
    /// its round's share, or by somebody else.
    fn funded(&mut self, funded: &Jury::FeesFunded, place: Place) -> Result<(), SeatError> {
        let Some(seat) = self.seats.get(&(funded.jury, funded.round)) else { return Ok(()) };
        let got = funded.shares.get(usize::from(*seat)).copied().unwrap_or_default();
        let got = amount(got, "share")?;
        if got == Usdc::ZERO {
            return Ok(());
        }
        let seats = u128::try_from(funded.shares.len()).unwrap_or(u128::MAX);
        let mut fees: Vec<Fee> = Vec::new();
        for (key, milestone) in &self.ended {
            let Some((jury, fee)) = self.deals.get(key) else { continue };
            let Some(counted) = self.counted.get_mut(&(*key, *milestone)) else { continue };
            // Each round is paid once: a later payment of the same transaction is another deal's.
            let paid = |it: &mut Counted| *jury == funded.jury && it.round == funded.round;
            let share = fee.base_units().checked_div(seats).and_then(Usdc::new);
            fees.extend(counted.extract_if(.., paid).map(|counted| Fee {
                amount: share.unwrap_or_default(),
                tx_hash: place.tx_hash,
                case_id: Some(counted.case_id),
                deal_id: Some(key.1),
                milestone: Some(*milestone),
                round: Some(counted.round),
            }));
        }
        if let [only] = fees.as_mut_slice() {
            only.amount = got;
        } else if Usdc::checked_sum(fees.iter().map(|fee| fee.amount)) != Some(got) {
            fees = vec![unplaced(place, got)];
        }
        self.fees.extend(fees.into_iter().map(|fee| (place.block, fee)));
        Ok(())
    }

    /// Notes what a transaction did for this key.
    fn does(&mut self, place: Place, what: &'static str) {
        match self.transactions.last_mut().filter(|last| last.1 == place.tx_hash) {
            Some((_, _, does)) => {
                does.insert(what);
            }
            None => self.transactions.push((place.block, place.tx_hash, BTreeSet::from([what]))),
        }
    }
}

/// A fee of which the events do not tell the case.
const fn unplaced(place: Place, amount: Usdc) -> Fee {
    let tx_hash = place.tx_hash;
    Fee { amount, tx_hash, case_id: None, deal_id: None, milestone: None, round: None }
}
