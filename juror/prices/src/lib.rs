#![doc = include_str!("../README.md")]

mod ask;
mod desk;

use alloy::{
    primitives::{Address, B256, Bytes, Signature, aliases::U40},
    sol_types::SolStruct as _,
};
use serde::{Deserialize, Serialize};
use surety_terms::{Kind, MilestoneSheet, Recipient, TermSheet, Usdc, digest, json};

pub use ask::ask;
pub use desk::{Prices, PricesConfig};

mod signed {
    //! What the key signs. No contract reads it, so it is defined here.
    alloy::sol! {
        #[derive(Debug)]
        struct PriceList {
            address juror;
            uint96 perCase;
            uint96 perCriterion;
            string recipient;
            uint40 validFrom;
            uint40 validUntil;
        }
    }
}

/// The largest price list that is read.
pub const MOST_BYTES: usize = 4 << 10;

/// What a juror asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PriceList {
    /// The chain.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
    /// For a case.
    pub per_case: Usdc,
    /// More for each criterion that a model answers.
    pub per_criterion: Usdc,
    /// To whom what the juror may read of a private deal is encrypted; null for a juror that judges
    /// public deals only.
    pub recipient: Option<Recipient>,
    /// From when on it holds, in Unix seconds.
    pub valid_from: u64,
    /// The first moment at which it no longer holds.
    pub valid_until: u64,
}

/// A price list with its signature. Read it with [`SignedPrices::parse`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedPrices {
    /// The list.
    pub prices: PriceList,
    /// The juror's signature of [`PriceList::digest`].
    pub signature: Bytes,
}

/// Why a price list counts for nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PricesError {
    /// The juror gives none.
    #[error("the juror gives no price list: {0}")]
    Unreachable(#[from] surety_fetch::FetchFault),
    /// The juror answers with something else.
    #[error("HTTP {got} instead of a price list")]
    Status {
        /// The status.
        got: u16,
    },
    /// It is no price list.
    #[error("the price list is malformed: {0}")]
    Form(#[from] surety_terms::TermsError),
    /// It belongs to another juror, jury contract or chain.
    #[error("the price list is of {got}, not of {needed}: ask the juror's registered URL")]
    Foreign {
        /// Whose it is.
        got: String,
        /// Whose it has to be.
        needed: String,
    },
    /// Its key did not sign it.
    #[error("the price list is not signed by juror {juror}: do not trust its source")]
    Unsigned {
        /// The juror.
        juror: Address,
    },
    /// It does not hold now.
    #[error("the price list holds from {from} to {until}, now is {now}: get the present one")]
    OutOfTime {
        /// Its first moment.
        from: u64,
        /// Its end.
        until: u64,
        /// The time.
        now: u64,
    },
}

/// A seat whose price a milestone's fee does not pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Underpaid {
    /// The juror.
    pub juror: Address,
    /// The milestone.
    pub milestone: usize,
    /// What the deal pays the seat.
    pub pays: Usdc,
    /// What it asks.
    pub price: Usdc,
    /// The least `juryFee` that pays this seat.
    pub jury_fee_least: Usdc,
}

impl PriceList {
    /// What the key signs.
    pub fn digest(&self) -> B256 {
        let list = signed::PriceList {
            juror: self.juror,
            perCase: self.per_case.into(),
            perCriterion: self.per_criterion.into(),
            recipient: self.recipient.map(|it| it.to_string()).unwrap_or_default(),
            validFrom: U40::saturating_from(self.valid_from),
            validUntil: U40::saturating_from(self.valid_until),
        };
        list.eip712_signing_hash(&digest::jury_domain(self.chain_id, self.jury))
    }

    /// The price of judging a milestone once; the largest amount there is when no amount is as large.
    pub fn price(&self, milestone: &MilestoneSheet) -> Usdc {
        let asked = milestone.criteria.iter().filter(|criterion| is_asked(&criterion.kind));
        let each = asked.map(|_| self.per_criterion);
        Usdc::checked_sum(std::iter::once(self.per_case).chain(each)).unwrap_or(Usdc::MAX)
    }

    /// Whether it holds at a moment.
    pub const fn holds_at(&self, now: u64) -> bool {
        self.valid_from <= now && now < self.valid_until
    }
}

impl SignedPrices {
    /// Reads a list and checks its form only; [`SignedPrices::verify`] does the rest.
    pub fn parse(bytes: &[u8]) -> Result<Self, PricesError> {
        Ok(json::parse_exact(bytes, MOST_BYTES)?)
    }

    /// The list, if it is this juror's own and holds now.
    pub fn verify(
        &self,
        juror: Address,
        (chain_id, jury): (u64, Address),
        now: u64,
    ) -> Result<PriceList, PricesError> {
        let list = self.prices;
        let name = |chain: u64, jury: Address, juror: Address| {
            format!("juror {juror} in Jury {jury} on chain {chain}")
        };
        let got = name(list.chain_id, list.jury, list.juror);
        let needed = name(chain_id, jury, juror);
        if got != needed {
            return Err(PricesError::Foreign { got, needed });
        }
        let signature = Signature::from_raw(&self.signature).ok();
        let signature = signature.filter(|signature| signature.normalize_s().is_none());
        let signer = signature.and_then(|it| it.recover_address_from_prehash(&list.digest()).ok());
        // Beyond 40 bits the digest would not cover the times.
        let covered = list.valid_until < 1 << 40;
        if signer != Some(juror) || !covered {
            return Err(PricesError::Unsigned { juror });
        }
        if !list.holds_at(now) {
            let (from, until) = (list.valid_from, list.valid_until);
            return Err(PricesError::OutOfTime { from, until, now });
        }
        Ok(list)
    }
}

/// What a deal pays each seat for one round.
pub fn pays(jury_fee: Usdc, seats: usize) -> Usdc {
    let seats = u128::try_from(seats).unwrap_or(u128::MAX);
    jury_fee.base_units().checked_div(seats).and_then(Usdc::new).unwrap_or(Usdc::ZERO)
}

/// The seats whose price some milestone does not pay; `lists` has one list per seat of the panel.
pub fn underpaid(sheet: &TermSheet, lists: &[PriceList]) -> Vec<Underpaid> {
    let pays = pays(sheet.jury_fee, lists.len());
    let seats = u128::try_from(lists.len()).unwrap_or(u128::MAX);
    let mut found = Vec::new();
    for (milestone, part) in sheet.milestones.iter().enumerate() {
        for list in lists {
            let (juror, price) = (list.juror, list.price(part));
            if pays < price {
                let least = price.base_units().checked_mul(seats).and_then(Usdc::new);
                let jury_fee_least = least.unwrap_or(Usdc::MAX);
                found.push(Underpaid { juror, milestone, pays, price, jury_fee_least });
            }
        }
    }
    found
}

/// Whether a model answers such a criterion, or may once it is revealed.
const fn is_asked(kind: &Kind) -> bool {
    match kind {
        Kind::Llm | Kind::Hidden { .. } => true,
        Kind::Check(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
    use surety_terms::{Bps, Check, Criterion, Expect};

    use super::*;

    const PLACE: (u64, Address) = (31_337, Address::repeat_byte(0x11));

    const KNOWN: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn key() -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(5)).unwrap()
    }

    fn list() -> PriceList {
        PriceList {
            chain_id: PLACE.0,
            jury: PLACE.1,
            juror: key().address(),
            per_case: Usdc::new(50_000).unwrap(),
            per_criterion: Usdc::new(10_000).unwrap(),
            recipient: Some(KNOWN.parse().unwrap()),
            valid_from: 100,
            valid_until: 200,
        }
    }

    fn signed(prices: PriceList) -> SignedPrices {
        let signature = key().sign_hash_sync(&prices.digest()).unwrap();
        SignedPrices { prices, signature: signature.as_bytes().into() }
    }

    fn milestone(kinds: Vec<Kind>) -> MilestoneSheet {
        let criterion = |kind| Criterion {
            id: "a".to_owned(),
            text: "A.".to_owned(),
            weight_bps: Bps::ZERO,
            mandatory: false,
            evidence_required: false,
            kind,
        };
        MilestoneSheet {
            title: String::new(),
            description: String::new(),
            amount: Usdc::ZERO,
            deliver_by: 0,
            pass_bps: Bps::WHOLE,
            pro_rata: false,
            criteria: kinds.into_iter().map(criterion).collect(),
        }
    }

    #[test]
    fn a_milestone_costs_the_case_and_each_criterion_that_a_model_answers() {
        let check = Kind::Check(Check::Regex { pattern: "a".to_owned(), expect: Expect::Match });
        let hidden = Kind::Hidden { commitment: B256::ZERO, of: "a".to_owned() };
        let priced = |kinds| list().price(&milestone(kinds)).base_units();
        assert_eq!(priced(vec![]), 50_000);
        assert_eq!(priced(vec![check.clone()]), 50_000);
        assert_eq!(priced(vec![check, hidden, Kind::Llm]), 70_000);
        let dear = PriceList { per_criterion: Usdc::MAX, ..list() };
        assert_eq!(dear.price(&milestone(vec![Kind::Llm])), Usdc::MAX);
    }

    #[test]
    fn a_deal_pays_each_seat_its_share_rounded_down() {
        assert_eq!(pays(Usdc::new(100).unwrap(), 3), Usdc::new(33).unwrap());
        assert_eq!(pays(Usdc::MAX, 0), Usdc::ZERO);
    }

    #[test]
    fn a_list_reads_back_and_counts_for_its_juror_and_its_time_only() {
        let list = signed(list());
        let bytes = serde_json::to_vec(&list).unwrap();
        assert_eq!(SignedPrices::parse(&bytes).unwrap(), list);
        let juror = key().address();
        assert_eq!(list.verify(juror, PLACE, 100).unwrap(), list.prices);
        assert_eq!(list.verify(juror, PLACE, 199).unwrap(), list.prices);
        for (juror, place, now, needed) in [
            (juror, PLACE, 99, "get the present one"),
            (juror, PLACE, 200, "get the present one"),
            (juror, (1, PLACE.1), 100, "registered URL"),
            (juror, (PLACE.0, Address::ZERO), 100, "registered URL"),
            (Address::ZERO, PLACE, 100, "registered URL"),
        ] {
            let fault = list.verify(juror, place, now).unwrap_err().to_string();
            assert!(fault.contains(needed), "{fault}");
        }
    }

    #[test]
    fn no_field_of_a_list_can_be_changed_after_it_was_signed() {
        let honest = list();
        let other = Usdc::new(1).unwrap();
        for prices in [
            PriceList { per_case: other, ..honest },
            PriceList { per_criterion: other, ..honest },
            PriceList { recipient: None, ..honest },
            PriceList { valid_from: 101, ..honest },
            PriceList { valid_until: 201, ..honest },
            PriceList { valid_until: 200 + (1 << 40), ..honest },
        ] {
            let changed = SignedPrices { prices, ..signed(honest) };
            let fault = changed.verify(honest.juror, PLACE, 150).unwrap_err();
            assert!(matches!(fault, PricesError::Unsigned { .. }), "{fault}");
        }
        let endless = signed(PriceList { valid_until: u64::MAX, ..honest });
        assert!(endless.verify(honest.juror, PLACE, 150).is_err());
    }
}
