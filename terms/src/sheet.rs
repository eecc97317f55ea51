//! The term sheet: what both parties sign, prose included.

use alloy::primitives::aliases::U40;
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::sol_types::Eip712Domain;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use surety_bindings::escrow::{Milestone, Terms};

use crate::amount::{AgentId, Bps, Usdc};
use crate::check::{Check, Expect, Format, Method, Module, Origin, Probe, Schema};
use crate::digest::{self, Authorization};
use crate::error::TermsError;
use crate::hidden::Reveal;
use crate::json;
use crate::recipient::Recipients;
use crate::rule::Rule;
use crate::schema as spelled;
use crate::validate::{self, limits};

/// The version of the sheet's form and meaning.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub enum Version {
    /// The first.
    #[default]
    #[serde(rename = "surety/terms/1")]
    V1,
}

/// The complete terms of a deal.
///
/// Its RFC 8785 digest is the `document` of the Solidity `Terms`, whose EIP-712 digest is the deal
/// id. A sheet that was deserialised as a part of something else, or built in code, has not been
/// checked: call [`TermSheet::validate`]; [`TermSheet::parse`] and the `parse` functions of
/// [`crate::wire`] do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Surety term sheet")]
pub struct TermSheet {
    /// The form of this sheet.
    pub version: Version,
    /// The chain of the escrow.
    #[schemars(range(min = 1, max = 9_007_199_254_740_991_u64))]
    pub chain_id: u64,
    /// The `DealEscrow` that holds the money.
    #[schemars(schema_with = "spelled::address")]
    pub escrow: Address,
    /// What the deal is about, in a line.
    #[schemars(length(min = 1, max = 120))]
    pub title: String,
    /// What the deal is about; may be empty.
    #[schemars(length(max = 4_000))]
    pub summary: String,
    /// Who funds the deal.
    #[schemars(schema_with = "spelled::address")]
    pub buyer: Address,
    /// Who delivers and is paid.
    #[schemars(schema_with = "spelled::address")]
    pub seller: Address,
    /// The buyer's claimed ERC-8004 id.
    #[serde(deserialize_with = "required")]
    #[schemars(schema_with = "spelled::agent")]
    pub buyer_agent: Option<AgentId>,
    /// The seller's claimed ERC-8004 id.
    #[serde(deserialize_with = "required")]
    #[schemars(schema_with = "spelled::agent")]
    pub seller_agent: Option<AgentId>,
    /// Who trained the models that the seller works with, by its own word. A juror of such a family
    /// would judge its own kind's work, so it stays silent; none when no model is used.
    #[schemars(length(max = 8), inner(regex(pattern = "^[a-z0-9-]{1,32}$")))]
    pub seller_families: Vec<String>,
    /// To whom the deal's texts, deliverables and transcripts are encrypted, besides its jurors.
    /// The deal is public when null: whoever gets them can read them.
    #[serde(deserialize_with = "required")]
    #[schemars(schema_with = "spelled::recipients")]
    pub recipients: Option<Recipients>,
    /// The token: the deployment's USDC.
    #[schemars(schema_with = "spelled::address")]
    pub token: Address,
    /// What is pulled from the buyer: the milestones' sum plus `openFee`.
    pub total: Usdc,
    /// What is pulled from the seller; a milestone's share follows its amount.
    pub bond: Usdc,
    /// The digest of the jury: a panel and, optionally, an appeal panel.
    #[schemars(schema_with = "spelled::digest")]
    pub jury: B256,
    /// The digest of the prompt template that jurors have to use; whichever they do when null.
    #[serde(deserialize_with = "required")]
    #[schemars(schema_with = "spelled::optional_digest")]
    pub template: Option<B256>,
    /// What the counted seats get for a decided round.
    pub jury_fee: Usdc,
    /// What the submitter gets for a decided round.
    pub relay_fee: Usdc,
    /// What the submitter of the opening gets.
    pub open_fee: Usdc,
    /// The marketplace's part of what the seller is paid; at most 1,000.
    pub fee_bps: Bps,
    /// The marketplace; zero without `feeBps`.
    #[schemars(schema_with = "spelled::address")]
    pub fee_receiver: Address,
    /// Whether the seller's money stays in the escrow as credit until withdrawn.
    pub pay_as_credit: bool,
    /// When the signatures become worthless, in Unix seconds.
    #[schemars(schema_with = "spelled::time")]
    pub open_by: u64,
    /// How long a panel has after a delivery, in seconds; at least an hour.
    #[schemars(schema_with = "spelled::time")]
    pub judge_within: u64,
    /// How long the loser of a verdict may appeal, in seconds; 0 or at least an hour.
    #[schemars(schema_with = "spelled::time")]
    pub appeal_within: u64,
    /// What an appeal costs when it loses.
    pub appeal_bond: Usdc,
    /// The seller's share when a delivery is not judged.
    pub silent_seller_bps: Bps,
    /// The seller's share when the jury does not agree.
    pub split_seller_bps: Bps,
    /// Whether milestones end in order, and a lost one cancels the rest.
    pub sequential: bool,
    /// Makes the deal id unique.
    #[schemars(schema_with = "spelled::digest")]
    pub salt: B256,
    /// The parts of the deal; 1 to 16.
    #[schemars(length(min = 1, max = 16))]
    pub milestones: Vec<MilestoneSheet>,
}

/// A part of a deal with its own money, deadline and criteria.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(rename = "Milestone")]
pub struct MilestoneSheet {
    /// What is to be delivered, in a line.
    #[schemars(length(min = 1, max = 120))]
    pub title: String,
    /// What is to be delivered; may be empty. The criteria decide, not this.
    #[schemars(length(max = 4_000))]
    pub description: String,
    /// What the milestone pays.
    pub amount: Usdc,
    /// Deliveries count until just before this moment, in Unix seconds.
    #[schemars(schema_with = "spelled::time")]
    pub deliver_by: u64,
    /// The weight that must be met.
    pub pass_bps: Bps,
    /// Whether the seller is paid by the weight that was met.
    pub pro_rata: bool,
    /// What the jury answers, one by one; their weights sum to 10,000.
    #[schemars(length(min = 1, max = 16))]
    pub criteria: Vec<Criterion>,
}

/// One binary acceptance test of a milestone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Criterion {
    /// Its name within the milestone.
    #[schemars(regex(pattern = "^[a-z0-9-]{1,32}$"))]
    pub id: String,
    /// The question: what a deliverable must be to meet it.
    #[schemars(length(min = 1, max = 600))]
    pub text: String,
    /// Its part of the milestone's 10,000.
    pub weight_bps: Bps,
    /// Whether the milestone is lost when it is failed, whatever the weights say.
    pub mandatory: bool,
    /// Whether a juror must quote the deliverable to call it met.
    pub evidence_required: bool,
    /// Who answers it.
    pub kind: Kind,
}

/// Who answers a criterion: a model's judgement or a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(from = "KindForm", into = "KindForm")]
#[schemars(with = "KindForm")]
pub enum Kind {
    /// The juror's model.
    Llm,
    /// A deterministic program, the same for every juror.
    Check(Check),
    /// What the buyer reveals after the delivery; see [`crate::hidden`].
    Hidden {
        /// [`HiddenCriterion::commitment`](crate::hidden::HiddenCriterion::commitment).
        commitment: B256,
        /// The id of the public criterion of the same milestone that it tests.
        of: String,
    },
}

/// [`Kind`] as JSON: flat, told apart by `type`.
#[derive(Clone, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Kind")]
enum KindForm {
    /// The juror's model answers.
    Llm,
    /// The deliverable is JSON that this JSON Schema accepts.
    JsonSchema { schema: Schema },
    /// The deliverable is text in which this regular expression is found, or is not.
    Regex {
        #[schemars(length(min = 1, max = 1_000))]
        pattern: String,
        expect: Expect,
    },
    /// The deliverable's bytes have this keccak256 digest.
    Digest {
        #[schemars(schema_with = "spelled::digest")]
        keccak256: B256,
    },
    /// The deliverable has between so many and so many bytes.
    Size { least_bytes: u64, most_bytes: u64 },
    /// The deliverable is of this format.
    Format { format: Format },
    /// A service answers this request with this status, and with a body in which the regular
    /// expression is found. Without an origin the deliverable's first line is it.
    HttpProbe {
        method: Method,
        #[serde(deserialize_with = "required")]
        #[schemars(schema_with = "spelled::optional_origin")]
        origin: Option<Origin>,
        #[schemars(length(min = 1, max = 1_024))]
        path: String,
        #[schemars(range(min = 200, max = 599))]
        status: u16,
        #[serde(deserialize_with = "required")]
        #[schemars(schema_with = "spelled::optional_pattern")]
        pattern: Option<String>,
    },
    /// This WebAssembly module, without imports, says that it is met.
    Wasm {
        module: Module,
        #[schemars(range(min = 1, max = 100_000_000))]
        fuel: u64,
        #[schemars(range(min = 1, max = 256))]
        memory_pages: u32,
    },
    /// The buyer reveals it after the delivery; it tests the public criterion `of`.
    Hidden {
        #[schemars(schema_with = "spelled::digest")]
        commitment: B256,
        #[schemars(regex(pattern = "^[a-z0-9-]{1,32}$"))]
        of: String,
    },
}

impl From<KindForm> for Kind {
    fn from(form: KindForm) -> Self {
        Self::Check(match form {
            KindForm::Llm => return Self::Llm,
            KindForm::Hidden { commitment, of } => return Self::Hidden { commitment, of },
            KindForm::JsonSchema { schema } => Check::JsonSchema { schema },
            KindForm::Regex { pattern, expect } => Check::Regex { pattern, expect },
            KindForm::Digest { keccak256 } => Check::Digest { keccak256 },
            KindForm::Size { least_bytes, most_bytes } => Check::Size { least_bytes, most_bytes },
            KindForm::Format { format } => Check::Format { format },
            KindForm::HttpProbe { method, origin, path, status, pattern } => {
                Check::HttpProbe(Probe { method, origin, path, status, pattern })
            }
            KindForm::Wasm { module, fuel, memory_pages } => {
                Check::Wasm { module, fuel, memory_pages }
            }
        })
    }
}

impl From<Kind> for KindForm {
    fn from(kind: Kind) -> Self {
        let check = match kind {
            Kind::Llm => return Self::Llm,
            Kind::Hidden { commitment, of } => return Self::Hidden { commitment, of },
            Kind::Check(check) => check,
        };
        match check {
            Check::JsonSchema { schema } => Self::JsonSchema { schema },
            Check::Regex { pattern, expect } => Self::Regex { pattern, expect },
            Check::Digest { keccak256 } => Self::Digest { keccak256 },
            Check::Size { least_bytes, most_bytes } => Self::Size { least_bytes, most_bytes },
            Check::Format { format } => Self::Format { format },
            Check::HttpProbe(Probe { method, origin, path, status, pattern }) => {
                Self::HttpProbe { method, origin, path, status, pattern }
            }
            Check::Wasm { module, fuel, memory_pages } => Self::Wasm { module, fuel, memory_pages },
        }
    }
}

impl TermSheet {
    /// Reads and checks a sheet: its spelling and every rule that needs neither chain nor clock.
    pub fn parse(bytes: &[u8]) -> Result<Self, TermsError> {
        let sheet: Self = json::parse_exact(bytes, limits::SHEET_BYTES)?;
        sheet.validate()?;
        Ok(sheet)
    }

    /// Checks every rule that needs neither chain nor clock. The first fault is named with its
    /// field.
    pub fn validate(&self) -> Result<(), TermsError> {
        validate::sheet(self)
    }

    /// Checks the rules that need to know when the deal would be opened, in Unix seconds.
    pub fn openable_at(&self, now: u64) -> Result<(), TermsError> {
        validate::openable_at(self, now)
    }

    /// The first field with a value that the contracts take and today's agents and relayers do not
    /// carry to its end; ask before signing.
    pub fn unsupported(&self) -> Option<&'static str> {
        validate::unsupported(self)
    }

    /// The RFC 8785 bytes of the whole sheet.
    pub fn canonical(&self) -> Vec<u8> {
        canonical_bytes(self)
    }

    /// keccak256 of [`TermSheet::canonical`].
    pub fn document(&self) -> B256 {
        keccak256(self.canonical())
    }

    /// What the chain enforces.
    ///
    /// Exact for a sheet that [`TermSheet::validate`] accepts; in any other, a time beyond a
    /// `uint40` becomes the largest one, and nobody can open that.
    pub fn terms(&self) -> Terms {
        Terms {
            buyer: self.buyer,
            seller: self.seller,
            buyerAgent: AgentId::encode(self.buyer_agent),
            sellerAgent: AgentId::encode(self.seller_agent),
            token: self.token,
            total: self.total.into(),
            bond: self.bond.into(),
            jury: self.jury,
            juryFee: self.jury_fee.into(),
            relayFee: self.relay_fee.into(),
            openFee: self.open_fee.into(),
            feeBps: self.fee_bps.get(),
            feeReceiver: self.fee_receiver,
            payAsCredit: self.pay_as_credit,
            openBy: U40::saturating_from(self.open_by),
            judgeWithin: U40::saturating_from(self.judge_within),
            appealWithin: U40::saturating_from(self.appeal_within),
            appealBond: self.appeal_bond.into(),
            silentSellerBps: self.silent_seller_bps.get(),
            splitSellerBps: self.split_seller_bps.get(),
            sequential: self.sequential,
            document: self.document(),
            salt: self.salt,
            milestones: self.milestones.iter().map(MilestoneSheet::terms).collect(),
        }
    }

    /// The EIP-712 domain of the escrow.
    pub fn domain(&self) -> Eip712Domain {
        digest::escrow_domain(self.chain_id, self.escrow)
    }

    /// The deal id: what both parties sign.
    pub fn deal_id(&self) -> B256 {
        digest::deal_id(&self.terms(), &self.domain())
    }

    /// The rule word of a milestone; zero when there is no such milestone.
    pub fn rule(&self, milestone: usize) -> U256 {
        self.milestones.get(milestone).map_or(U256::ZERO, |sheet| sheet.rule().word())
    }

    /// What the buyer signs to open: the total, with the deal id as nonce.
    pub fn buyer_authorization(&self) -> Authorization {
        self.authorization(self.buyer, self.total)
    }

    /// What the seller signs to open when there is a bond. Without one it signs the deal id.
    pub fn seller_authorization(&self) -> Authorization {
        self.authorization(self.seller, self.bond)
    }

    fn authorization(&self, from: Address, amount: Usdc) -> Authorization {
        Authorization {
            from,
            to: self.escrow,
            value: amount.into(),
            valid_after: 0,
            valid_before: self.open_by,
            nonce: self.deal_id(),
        }
    }
}

impl Criterion {
    /// Whether the buyer has yet to reveal it.
    pub const fn is_hidden(&self) -> bool {
        matches!(self.kind, Kind::Hidden { .. })
    }
}

impl MilestoneSheet {
    /// Whether the reveals open everything that is hidden.
    pub fn is_opened_by(&self, reveals: &[Reveal]) -> bool {
        let mut hidden = self.criteria.iter().filter(|item| item.is_hidden());
        hidden.all(|item| reveals.iter().any(|reveal| reveal.criterion_id == item.id))
    }

    /// keccak256 of the RFC 8785 bytes of the criteria array.
    pub fn criteria_digest(&self) -> B256 {
        keccak256(canonical_bytes(&self.criteria))
    }

    /// How the criteria count.
    pub fn rule(&self) -> Rule {
        let mandatory = self.criteria.iter().enumerate().fold(0_u16, |mask, (index, criterion)| {
            let bit = u32::try_from(index).ok().and_then(|index| 1_u16.checked_shl(index));
            if criterion.mandatory { mask | bit.unwrap_or(0) } else { mask }
        });
        Rule {
            weights: self.criteria.iter().map(|criterion| criterion.weight_bps.get()).collect(),
            mandatory,
            pass_bps: self.pass_bps.get(),
            pro_rata: self.pro_rata,
        }
    }

    fn terms(&self) -> Milestone {
        Milestone {
            amount: self.amount.into(),
            deliverBy: U40::saturating_from(self.deliver_by),
            criteria: self.criteria_digest(),
            rule: self.rule().word(),
        }
    }
}

#[expect(clippy::expect_used, reason = "sheets hold string keys and finite numbers, by type")]
fn canonical_bytes<T: Serialize>(part: &T) -> Vec<u8> {
    json::canonical(part).expect("a term sheet is JSON")
}

/// Reads an optional value whose key must be there: a sheet has one spelling.
fn required<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer)
}
