//! What a juror makes sure of before it takes a case: all of it recomputed or read from the chain.
//!
//! The relayer's word counts for nothing here. A refusal names the field and the rule.

mod round;

use std::time::Duration;

use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256},
    sol_types::Eip712Domain,
};
use surety_bindings::{
    escrow::{Delivery, Terms},
    jury::Case,
};
use surety_judge::JudgeError;
use surety_jury::{Template, wire::CaseRequest};
use surety_seal::SealError;
use surety_terms::{MilestoneSheet, Problem, Recipients, TermSheet, digest, limits};

use self::round::{FIRST, SECOND};
use crate::{
    JurorError,
    chain::{Block, Chain, MilestoneView, Moment, Place},
};

/// No provider is waited for longer at a time.
const PATIENCE_SECS: u64 = 3_600;

/// A request, recomputed.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) case_id: B256,
    pub(crate) place: Place,
    pub(crate) round: u8,
    delivery: Delivery,
    /// What is judged: title, description, criteria.
    pub(crate) milestone: MilestoneSheet,
    /// The seller's, of the delivery; empty when it gave none.
    signature: Bytes,
    terms: Terms,
    domain: Eip712Domain,
    /// When the milestone has to be delivered.
    pub(crate) deliver_by: u64,
    /// The digest of the prompt template that the sheet pins.
    pub(crate) template: Option<B256>,
    /// The parties' recipients, of a private deal.
    pub(crate) recipients: Option<Recipients>,
}

/// When a case can be balloted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// No verdict counts from here on.
    pub(crate) judge_end: u64,
    /// From here on the juror says what it has: `missing`, or what was answered.
    pub(crate) last_tenth: u64,
}

/// How a milestone stands on the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Now: the newest block's timestamp.
    pub(crate) now: u64,
    pub(crate) window: Window,
    /// What the seller put on the chain, if it did.
    pub(crate) pinned: Option<Pinned>,
}

/// A delivery on the chain: the escrow saw to it that the seller put it there, or signed it, or that
/// the panel judged it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pinned {
    pub(crate) deliverable: B256,
    /// Where the seller says that the bytes are.
    pub(crate) uri: String,
}

/// Whether a case is new to this juror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It comes in now, so now has to be in time.
    Now,
    /// It came in before, in time.
    Before,
}

/// A case this juror may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    pub(crate) seat: u8,
    /// How many seats the panel has.
    pub(crate) seats: usize,
    /// Whether the request's signature is the seller's.
    pub(crate) signed: bool,
    pub(crate) standing: Standing,
}

/// Why a case is not taken.
#[derive(Debug)]
pub(crate) enum Fault {
    /// It breaks a rule.
    Refused(Box<Problem>),
    /// This juror cannot tell: its endpoint or its store failed.
    Unable(JurorError),
}

impl Standing {
    /// Whether the juror has to say what it has.
    pub(crate) const fn is_last_tenth(&self) -> bool {
        self.now >= self.window.last_tenth
    }

    /// The pinned delivery, if it is the one with this digest.
    pub(crate) fn pins(&self, deliverable: B256) -> Option<&Pinned> {
        self.pinned.as_ref().filter(|pinned| pinned.deliverable == deliverable)
    }

    /// How long the provider may be asked: until the middle of the last tenth, so that a ballot
    /// still finds its way to the chain, or for half of what is left after that.
    pub(crate) fn patience(&self) -> Duration {
        let Window { judge_end, last_tenth } = self.window;
        let middle = last_tenth.midpoint(judge_end);
        let left = middle.saturating_sub(self.now).max(judge_end.saturating_sub(self.now) / 2);
        Duration::from_secs(left.min(PATIENCE_SECS))
    }
}

impl From<JurorError> for Fault {
    fn from(err: JurorError) -> Self {
        Self::Unable(err)
    }
}

impl From<SealError> for Fault {
    fn from(err: SealError) -> Self {
        Self::Unable(err.into())
    }
}

impl From<JudgeError> for Fault {
    fn from(err: JudgeError) -> Self {
        Self::Unable(err.into())
    }
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem))
    }
}

impl Asked {
    /// Recomputes what a request is about, without asking the chain.
    pub(crate) fn of(request: &CaseRequest, chain: &Chain) -> Result<Self, Fault> {
        let CaseRequest { term_sheet: sheet, delivery, signature, round } = request;
        sheet.validate().map_err(|err| Problem::from(err.under("termSheet")))?;
        need(&sheet.chain_id, &chain.id(), "termSheet.chainId", "must be this juror's chain")?;
        if !chain.consumers.contains(&sheet.escrow) {
            return Err(refusal(
                "foreign-consumer",
                format!("escrow {} is none that this juror serves", sheet.escrow),
                ("termSheet.escrow", "must be one of this juror's consumers"),
            )
            .into());
        }
        let deal_id = sheet.deal_id();
        need(&delivery.dealId, &deal_id, "delivery.dealId", "must be the term sheet's deal id")?;
        let count = sheet.milestones.len();
        let Some(milestone) = sheet.milestones.get(usize::from(delivery.milestone)) else {
            return Err(refusal(
                "unknown-milestone",
                format!("milestone {} of a deal with {count}", delivery.milestone),
                ("delivery.milestone", "must be one of the term sheet's milestones"),
            )
            .into());
        };
        most(delivery.uri.chars().count(), limits::URI_CHARS, "delivery.uri", "characters")?;
        most(signature.len(), limits::SIGNATURE_BYTES, "signature", "bytes")?;
        if !(FIRST..=SECOND).contains(round) {
            let (detail, rule) =
                (format!("round is {round}"), "must be 1, or 2 for an appeal panel");
            return Err(refusal("case-mismatch", detail, ("round", rule)).into());
        }
        let case = Case {
            chainId: U256::from(chain.id()),
            jury: chain.jury,
            consumer: sheet.escrow,
            dealId: deal_id,
            milestone: delivery.milestone,
            round: *round,
            deliverable: delivery.deliverable,
        };
        Ok(Self {
            place: Place { consumer: sheet.escrow, deal_id, milestone: delivery.milestone },
            case_id: digest::case_id(&case),
            round: *round,
            deliver_by: milestone.deliver_by,
            milestone: milestone.clone(),
            terms: sheet.terms(),
            domain: sheet.domain(),
            delivery: delivery.clone(),
            signature: signature.clone(),
            template: sheet.template,
            recipients: sheet.recipients,
        })
    }

    /// Asks the chain for everything that has to hold before `juror` takes the case.
    pub(crate) async fn verify(
        &self,
        chain: &Chain,
        juror: Address,
        seen: Seen,
    ) -> Result<Verified, Fault> {
        let moment = chain.moment().await?;
        let at = moment.settled;
        let (seat, seats) = self.seat(chain, at, juror).await?;
        let standing = self.standing(chain, moment).await?;
        let pinned = standing.pins(self.deliverable()).is_some();
        if seen == Seen::Now && !pinned && standing.now >= self.deliver_by {
            return Err(conflict(
                "late-delivery",
                format!(
                    "the chain is at {}, the delivery was due by {}",
                    standing.now, self.deliver_by
                ),
                ("delivery.deliverable", "must arrive before deliverBy, or stand on the chain"),
            )
            .into());
        }
        let signed = self.signed_by_seller(chain, at).await?;
        if !signed && !pinned {
            return Err(self.unsigned());
        }
        Ok(Verified { seat, seats, signed, standing })
    }

    /// The juror's seat in the panel, and how many there are.
    pub(crate) async fn seat(
        &self,
        chain: &Chain,
        at: Block,
        juror: Address,
    ) -> Result<(u8, usize), Fault> {
        let panel = chain.panel(at, self.terms.jury, self.round).await?.unwrap_or_default();
        let seat = panel.iter().position(|key| *key == juror).and_then(|i| u8::try_from(i).ok());
        let Some(seat) = seat else {
            return Err(refusal(
                "not-in-panel",
                format!(
                    "juror {juror} holds no seat of round {} in jury {}",
                    self.round, self.terms.jury
                ),
                ("termSheet.jury", "must name a jury whose panel of that round holds this key"),
            )
            .into());
        };
        Ok((seat, panel.len()))
    }

    /// Whether a juror of `family` may judge it: the seller does not declare that family as its own
    /// model's, and the sheet pins no prompt template that this juror does not have.
    pub(crate) fn judged_by(sheet: &TermSheet, family: &str) -> Result<(), Fault> {
        if sheet.seller_families.iter().any(|own| own == family) {
            let detail =
                format!("the seller works with models of the family {family}, as this juror does");
            let rule = "must not declare this juror's family";
            return Err(refusal("own-family", detail, ("termSheet.sellerFamilies", rule)).into());
        }
        let Err(unknown) = Template::pinned(sheet.template) else { return Ok(()) };
        let rule = "must be null or the digest of a template that this juror has";
        let detail = unknown.to_string();
        Err(refusal("template-unknown", detail, ("termSheet.template", rule)).into())
    }

    /// The jury's digest.
    pub(crate) const fn jury(&self) -> B256 {
        self.terms.jury
    }

    /// The same without its signature, which turned out to be none of the seller's.
    pub(crate) fn without_signature(self) -> Self {
        Self { signature: Bytes::new(), ..self }
    }

    /// The digest of what is judged.
    pub(crate) const fn deliverable(&self) -> B256 {
        self.delivery.deliverable
    }

    /// Where the bytes are, in the seller's own words: those that it signed, else those that it put
    /// on the chain. The words of an unsigned request count for nothing, or whoever asks first could
    /// name a place where the bytes are missing.
    pub(crate) fn uri<'a>(&'a self, standing: &'a Standing) -> &'a str {
        match standing.pins(self.deliverable()) {
            Some(pinned) if self.signature.is_empty() => &pinned.uri,
            Some(_) | None => &self.delivery.uri,
        }
    }

    /// How the milestone stands now; a fault when no ballot could count any more.
    pub(crate) async fn standing(&self, chain: &Chain, moment: Moment) -> Result<Standing, Fault> {
        let (now, at) = (moment.head.timestamp, moment.settled);
        let view = self.live(chain, at).await?;
        let announced = self.announced(chain, at, (now, view.state_digest)).await?;
        let window = self.window(announced.as_ref());
        if now >= window.judge_end {
            return Err(conflict(
                "window-over",
                format!("the chain is at {}, judging ended at {}", now, window.judge_end),
                ("delivery.milestone", "must still be in the window of this round"),
            )
            .into());
        }
        let pinned = announced.map(|announced| Pinned {
            deliverable: announced.state.deliverable,
            uri: announced.uri,
        });
        let standing = Standing { now, window, pinned };
        self.expect_judged_before(&standing)?;
        // Also of a case that was taken: a reorganisation may have taken the pinned delivery back.
        if self.signature.is_empty()
            && standing.pins(self.deliverable()).is_none()
            && !self.signed_by_seller(chain, at).await?
        {
            return Err(self.unsigned());
        }
        Ok(standing)
    }

    /// The milestone of a deal that is open, which has not ended.
    pub(crate) async fn live(&self, chain: &Chain, at: Block) -> Result<MilestoneView, Fault> {
        let view = chain.milestone(at, self.place).await?;
        let deal = self.place.deal_id;
        if !view.opened || view.revoked {
            let what = if view.revoked { "was revoked" } else { "is not open" };
            return Err(conflict(
                "deal-not-open",
                format!("deal {deal} {what} at block {}", at.number),
                ("delivery.dealId", "must be a deal that is open and not revoked"),
            )
            .into());
        }
        if view.ended {
            return Err(conflict(
                "milestone-ended",
                format!("milestone {} of deal {deal} has ended", self.place.milestone),
                ("delivery.milestone", "must not have ended"),
            )
            .into());
        }
        Ok(view)
    }

    /// Nobody vouches for the delivery: neither the seller's signature nor the chain.
    fn unsigned(&self) -> Fault {
        let seller = self.terms.seller;
        let (slug, detail) = if self.signature.is_empty() {
            ("signature-missing", "the delivery is neither signed nor on the chain".to_owned())
        } else {
            ("signature-invalid", format!("seller {seller} did not sign this delivery"))
        };
        let rule =
            "must be the seller's over the delivery, unless the delivery stands on the chain";
        refusal(slug, detail, ("signature", rule)).into()
    }

    /// The seller's key, or its contract wallet, signed exactly this delivery.
    async fn signed_by_seller(&self, chain: &Chain, at: Block) -> Result<bool, JurorError> {
        let digest = digest::delivery_digest(&self.delivery, &self.domain);
        self.is_sellers(chain, at, digest, &self.signature).await
    }

    /// Whether the seller's key, or its contract wallet, signed a digest.
    pub(crate) async fn is_sellers(
        &self,
        chain: &Chain,
        at: Block,
        digest: B256,
        signature: &Bytes,
    ) -> Result<bool, JurorError> {
        let seller = self.terms.seller;
        if recovers_to(signature, digest, seller) {
            return Ok(true);
        }
        chain.wallet_accepts(at, seller, digest, signature).await
    }
}

/// Whether an ordinary key signed: 65 bytes, or 64 as ERC-2098 packs them, as the escrow reads them.
fn recovers_to(signature: &Bytes, digest: B256, signer: Address) -> bool {
    let parsed = match signature.len() {
        64 => Some(Signature::from_erc2098(signature)),
        65 => Signature::from_raw(signature).ok(),
        _ => None,
    };
    parsed
        .and_then(|parsed| parsed.recover_address_from_prehash(&digest).ok())
        .is_some_and(|got| got == signer)
}

fn need<T: PartialEq + std::fmt::Display>(
    got: &T,
    needed: &T,
    field: &str,
    rule: &str,
) -> Result<(), Fault> {
    if got == needed {
        return Ok(());
    }
    let detail = format!("{field} is {got}, not {needed}");
    Err(refusal("case-mismatch", detail, (field, rule)).into())
}

fn most(got: usize, most: usize, field: &str, unit: &str) -> Result<(), Fault> {
    if got <= most {
        return Ok(());
    }
    let rule = format!("must have at most {most} {unit}");
    Err(refusal("too-large", format!("{field} has {got} {unit}"), (field, &rule)).into())
}

/// A request that can never be right.
fn refusal(slug: &str, detail: String, (field, rule): (&str, &str)) -> Problem {
    Problem::new(slug, 422, "The case is refused", detail).with_field(field, rule)
}

/// A request that the chain's state speaks against.
fn conflict(slug: &str, detail: String, (field, rule): (&str, &str)) -> Problem {
    Problem::new(slug, 409, "The chain speaks against the case", detail).with_field(field, rule)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::aliases::U40;
    use surety_terms::{Bps, Usdc};

    use super::*;

    const DIGEST: B256 = B256::repeat_byte(1);

    fn asked(signature: &'static [u8]) -> Asked {
        Asked {
            case_id: B256::ZERO,
            place: Place { consumer: Address::ZERO, deal_id: B256::ZERO, milestone: 0 },
            round: 1,
            delivery: Delivery {
                deliverable: DIGEST,
                uri: "asked".to_owned(),
                ..Delivery::default()
            },
            milestone: MilestoneSheet {
                title: String::new(),
                description: String::new(),
                amount: Usdc::ZERO,
                deliver_by: 0,
                pass_bps: Bps::WHOLE,
                pro_rata: false,
                criteria: vec![],
            },
            signature: signature.into(),
            terms: Terms::default(),
            domain: Eip712Domain::default(),
            deliver_by: 0,
            template: None,
            recipients: None,
        }
    }

    fn standing(pinned: Option<B256>) -> Standing {
        let pinned = pinned.map(|deliverable| Pinned { deliverable, uri: "pinned".to_owned() });
        Standing { now: 0, window: Window { judge_end: 10, last_tenth: 9 }, pinned }
    }

    #[test]
    fn a_ballot_is_shown_at_half_time_or_at_half_of_what_was_left() {
        let mut asked = asked(b"");
        asked.terms.judgeWithin = U40::from(100);
        let window = Window { judge_end: 200, last_tenth: 190 };
        for (seen_at, needed) in [(0, 150), (149, 150), (150, 175), (180, 190), (300, 300)] {
            assert_eq!(asked.half_time(window, seen_at), needed, "{seen_at}");
        }
        let standing = Standing { now: 20, window, pinned: None };
        assert_eq!(asked.half_time_earliest(&standing, 0), 70);
        assert_eq!(asked.half_time_earliest(&standing, 180), 70);
    }

    #[test]
    fn round_1_ends_by_the_sheet_and_round_2_at_most_a_window_from_now() {
        let mut asked = asked(b"");
        asked.terms.judgeWithin = U40::from(100);
        asked.deliver_by = 50;
        assert_eq!(asked.judge_by(1_000), 150);
        asked.round = SECOND;
        assert_eq!(asked.judge_by(1_000), 1_100);
    }

    #[test]
    fn the_uri_is_the_one_that_the_seller_signed_else_the_one_that_it_pinned() {
        let other = Some(B256::repeat_byte(2));
        for (signature, pinned, uri) in [
            (&b"signed"[..], None, "asked"),
            (b"signed", Some(DIGEST), "asked"),
            (b"", Some(DIGEST), "pinned"),
            // Only a contract wallet that calls the empty signature its own gets this far.
            (b"", None, "asked"),
            (b"", other, "asked"),
        ] {
            assert_eq!(asked(signature).uri(&standing(pinned)), uri, "{signature:?} {pinned:?}");
        }
        let unsigned = asked(b"none of the seller's").without_signature();
        assert_eq!(unsigned.uri(&standing(Some(DIGEST))), "pinned");
    }
}
