#![doc = include_str!("../README.md")]

mod error;
pub mod sqlite;

use alloy::primitives::{Address, B256, FixedBytes, U256, keccak256};
use serde::{Deserialize, Serialize};
use surety_bindings::jury::{Ballot, Case};
use surety_jury::ballot::{self, Signer};
use surety_terms::{digest, json};

pub use error::InterchangeError;

/// The only version.
pub const VERSION: u8 = 1;
/// The largest document: half a million ballots or so.
pub const MOST_BYTES: usize = 512 << 20;

/// Whose ballots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The chain.
    pub chain_id: u64,
    /// The `Jury` contract.
    pub jury: Address,
    /// The juror's key.
    pub juror: Address,
}

/// One ballot with its case.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    /// The contract that acts on the verdict.
    pub consumer: Address,
    /// The deal.
    pub deal_id: B256,
    /// Its milestone.
    pub milestone: u8,
    /// 1 for the panel, 2 for the appeal panel.
    pub round: u8,
    /// The digest of what was judged.
    pub deliverable: B256,
    /// The juror's seat.
    pub seat: u8,
    /// The chain's time when the case was taken.
    pub seen_at: u64,
    /// Bit i: criterion i is met.
    pub met: u16,
    /// Bit i: criterion i is failed.
    pub failed: u16,
    /// Why, as the ballot's byte.
    pub reason: u8,
    /// The transcript's root.
    pub transcript: B256,
    /// What the key signed.
    pub digest: B256,
    /// r, and s with the parity in its top bit.
    pub signature: FixedBytes<64>,
    /// What opens the commitment to it; absent of a ballot that was never sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<B256>,
}

/// Everything that a juror answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Document {
    version: u8,
    chain_id: u64,
    jury: Address,
    juror: Address,
    ballots: Vec<Entry>,
    digest: B256,
}

/// What the digest covers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Covered<'a> {
    version: u8,
    chain_id: u64,
    jury: Address,
    juror: Address,
    ballots: &'a [Entry],
}

impl Owner {
    /// The case that an entry is about.
    pub fn case_id(&self, entry: &Entry) -> B256 {
        digest::case_id(&Case {
            chainId: U256::from(self.chain_id),
            jury: self.jury,
            consumer: entry.consumer,
            dealId: entry.deal_id,
            milestone: entry.milestone,
            round: entry.round,
            deliverable: entry.deliverable,
        })
    }

    fn check(&self, entry: &Entry, case_id: B256) -> Result<(), InterchangeError> {
        let broken = |rule| InterchangeError::Entry { case_id, rule };
        if entry.milestone > 15 || !(1..=2).contains(&entry.round) || entry.seat > 14 {
            return Err(broken("names a milestone, round or seat that cannot be"));
        }
        if entry.met & entry.failed != 0 {
            return Err(broken("calls a criterion both met and failed"));
        }
        let cast = entry.ballot(case_id);
        if digest::ballot_digest(&cast, self.chain_id, self.jury) != entry.digest {
            return Err(broken("has a digest that is not its ballot's"));
        }
        let signer = Signer { chain_id: self.chain_id, jury: self.jury, juror: self.juror };
        ballot::verify(&cast, &entry.signature, &signer)
            .map_err(|_| broken("is not signed by the juror"))
    }
}

impl Entry {
    /// The ballot.
    pub const fn ballot(&self, case_id: B256) -> Ballot {
        Ballot {
            caseId: case_id,
            met: self.met,
            failed: self.failed,
            reason: self.reason,
            transcript: self.transcript,
        }
    }
}

impl Document {
    /// Puts entries in order and checks them.
    pub fn new(owner: Owner, mut ballots: Vec<Entry>) -> Result<Self, InterchangeError> {
        ballots.sort_by_cached_key(|entry| owner.case_id(entry));
        let Owner { chain_id, jury, juror } = owner;
        let digest = B256::ZERO;
        let mut document = Self { version: VERSION, chain_id, jury, juror, ballots, digest };
        document.digest = document.computed()?;
        document.check()?;
        Ok(document)
    }

    /// Reads a document and checks all that it says but what only a chain and a store know.
    pub fn parse(bytes: &[u8]) -> Result<Self, InterchangeError> {
        let document: Self = json::parse_exact(bytes, MOST_BYTES)?;
        document.check()?;
        Ok(document)
    }

    /// The document's canonical bytes.
    pub fn canonical(&self) -> Result<Vec<u8>, InterchangeError> {
        Ok(json::canonical(self)?)
    }

    /// Whose ballots these are.
    pub const fn owner(&self) -> Owner {
        Owner { chain_id: self.chain_id, jury: self.jury, juror: self.juror }
    }

    /// Refuses a document that is not this juror's.
    pub fn expect_owner(&self, needed: Owner) -> Result<(), InterchangeError> {
        let foreign = |field, got: String, needed: String| {
            Err(InterchangeError::Foreign { field, got, needed })
        };
        let got = self.owner();
        if got.chain_id != needed.chain_id {
            return foreign("chainId", got.chain_id.to_string(), needed.chain_id.to_string());
        }
        if got.jury != needed.jury {
            return foreign("jury", got.jury.to_string(), needed.jury.to_string());
        }
        if got.juror != needed.juror {
            return foreign("juror", got.juror.to_string(), needed.juror.to_string());
        }
        Ok(())
    }

    /// The entries, ascending by case id.
    pub fn ballots(&self) -> &[Entry] {
        &self.ballots
    }

    /// The document's digest.
    pub const fn digest(&self) -> B256 {
        self.digest
    }

    fn computed(&self) -> Result<B256, InterchangeError> {
        let Self { version, chain_id, jury, juror, ballots, .. } = self;
        let (version, chain_id, jury, juror) = (*version, *chain_id, *jury, *juror);
        Ok(keccak256(json::canonical(&Covered { version, chain_id, jury, juror, ballots })?))
    }

    fn check(&self) -> Result<(), InterchangeError> {
        if self.version != VERSION {
            return Err(InterchangeError::Version { got: self.version, needed: VERSION });
        }
        let needed = self.computed()?;
        if self.digest != needed {
            return Err(InterchangeError::Digest { got: self.digest, needed });
        }
        let owner = self.owner();
        let mut before = None;
        for entry in &self.ballots {
            let case_id = owner.case_id(entry);
            if before.is_some_and(|before| before >= case_id) {
                let rule = "stands twice, or out of order";
                return Err(InterchangeError::Entry { case_id, rule });
            }
            before = Some(case_id);
            owner.check(entry, case_id)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use alloy::signers::{SignerSync as _, local::PrivateKeySigner};
    use serde_json::{Value, json};

    use super::*;

    fn key(byte: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(byte)).unwrap()
    }

    fn owner() -> Owner {
        let jury = Address::repeat_byte(0x11);
        Owner { chain_id: 31_337, jury, juror: key(5).address() }
    }

    fn entry(deal: u8, signer: &PrivateKeySigner) -> Entry {
        let mut entry = Entry {
            consumer: Address::repeat_byte(0x22),
            deal_id: B256::repeat_byte(deal),
            milestone: 0,
            round: 1,
            deliverable: B256::repeat_byte(3),
            seat: 2,
            seen_at: 1_800_000_000,
            met: 1,
            failed: 2,
            reason: 0,
            transcript: B256::repeat_byte(4),
            digest: B256::ZERO,
            signature: FixedBytes::ZERO,
            salt: (deal == 2).then_some(B256::repeat_byte(6)),
        };
        let ballot = entry.ballot(owner().case_id(&entry));
        entry.digest = digest::ballot_digest(&ballot, owner().chain_id, owner().jury);
        let signature = signer.sign_hash_sync(&entry.digest).unwrap();
        entry.signature = signature.normalized_s().as_erc2098().into();
        entry
    }

    fn document() -> Document {
        Document::new(owner(), (1..=3).map(|deal| entry(deal, &key(5))).collect()).unwrap()
    }

    /// The document with one value replaced and its digest made right again.
    fn changed(place: &str, value: Value) -> Vec<u8> {
        let mut json = serde_json::to_value(document()).unwrap();
        *json.pointer_mut(place).unwrap() = value;
        let mut covered = json.clone();
        covered.as_object_mut().unwrap().remove("digest");
        json["digest"] = json!(keccak256(json::canonical(&covered).unwrap()));
        serde_json::to_vec(&json).unwrap()
    }

    #[test]
    fn a_document_reads_back_and_has_one_form() {
        let bytes = document().canonical().unwrap();
        assert_eq!(Document::parse(&bytes).unwrap(), document());
        let mut turned: Vec<Entry> = document().ballots().to_vec();
        turned.reverse();
        assert_eq!(Document::new(owner(), turned).unwrap().canonical().unwrap(), bytes);
        Document::new(owner(), vec![]).unwrap();
    }

    #[test]
    fn what_the_juror_did_not_sign_is_refused() {
        let json = serde_json::to_value(document()).unwrap();
        let signature = &json["ballots"][1]["signature"];
        for (place, value, needed) in [
            ("/version", json!(2), "version is 2"),
            ("/ballots/0/met", json!(8), "digest that is not its ballot's"),
            ("/ballots/0/met", json!(2), "both met and failed"),
            ("/ballots/0/dealId", json!(B256::ZERO), "digest that is not its ballot's"),
            ("/ballots/0/signature", signature.clone(), "not signed by the juror"),
            ("/ballots/0/milestone", json!(16), "cannot be"),
            ("/ballots/0/round", json!(3), "cannot be"),
            ("/ballots/0/seat", json!(15), "cannot be"),
            ("/ballots/1", json["ballots"][0].clone(), "stands twice"),
            ("/chainId", json!(1), "digest that is not its ballot's"),
            ("/juror", json!(key(6).address()), "not signed by the juror"),
        ] {
            let fault = Document::parse(&changed(place, value)).unwrap_err().to_string();
            assert!(fault.contains(needed), "{place}: {fault}");
        }
        let foreign = Document::new(owner(), vec![entry(1, &key(6))]).unwrap_err().to_string();
        assert!(foreign.contains("not signed by the juror"), "{foreign}");
    }

    #[test]
    fn any_changed_byte_is_noticed() {
        let bytes = document().canonical().unwrap();
        for at in 0..bytes.len() {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert!(Document::parse(&other).is_err(), "byte {at}");
        }
        assert!(Document::parse(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn another_jurors_document_is_told_from_ours() {
        let owner = owner();
        document().expect_owner(owner).unwrap();
        for (needed, field) in [
            (Owner { chain_id: 1, ..owner }, "chainId"),
            (Owner { jury: Address::ZERO, ..owner }, "jury"),
            (Owner { juror: Address::ZERO, ..owner }, "juror"),
        ] {
            let fault = document().expect_owner(needed).unwrap_err().to_string();
            assert!(fault.contains(field), "{fault}");
        }
    }
}
