//! Private deals: reading what is encrypted to this juror, and showing what only the parties can
//! read.
//!
//! What a juror decrypts stays in memory. What it writes down is encrypted to the parties and itself.

use alloy::primitives::{B256, keccak256};
use surety_judge::Kept;
use surety_jury::wire::CaseRequest;
use surety_privacy::{Circle, Identities, PrivacyError, PrivateCaseRequest, is_private};
use surety_terms::{Problem, Reveal, TermSheet, json, limits};

use crate::{
    JurorError,
    case::{CASE_BYTES, Desk},
    store::CaseRow,
    verify::{Asked, Fault},
};

impl Desk {
    /// Who may read what is written down of a case; `None` when its deal is public.
    pub(crate) fn circle(&self, asked: &Asked) -> Result<Option<Circle>, Fault> {
        let Some(parties) = &asked.recipients else { return Ok(None) };
        let circle = Circle::new(parties, &self.identities);
        circle.map(Some).map_err(|_| no_identity().into())
    }

    /// The request of a private deal as one of a public deal reads.
    pub(crate) fn opened(&self, request: PrivateCaseRequest) -> Result<CaseRequest, Fault> {
        let PrivateCaseRequest { private_sheets, delivery, signature, round } = request;
        let own = self.identities.recipient().ok_or_else(no_identity)?;
        let mut why = "there is none".to_owned();
        for file in private_sheets {
            match sheet(&self.identities, &file.0) {
                Ok(sheet) if sheet.deal_id() == delivery.dealId => {
                    return Ok(CaseRequest { term_sheet: sheet, delivery, signature, round });
                }
                Ok(_) => "it is another deal's".clone_into(&mut why),
                Err(fault) => why = fault,
            }
        }
        let detail = format!("no sheet can be read: {why}");
        let rule = format!("must be the deal's sheet, encrypted to {own}, see /v1/prices");
        let problem = Problem::new("sheet-unreadable", 422, "The case is refused", detail);
        Err(problem.with_field("privateSheets", rule).into())
    }

    /// A case that was taken before, from its row.
    pub(crate) fn asked_before(&self, row: &CaseRow) -> Result<Asked, JurorError> {
        let case_id = row.case_id;
        let opened;
        let text = if is_private(&row.request) {
            let plain = self.identities.decrypt(&row.request, CASE_BYTES);
            opened = plain.map_err(|why| JurorError::Private { case_id, why })?;
            &opened
        } else {
            &row.request
        };
        let request = json::parse_strict(text, CASE_BYTES).ok();
        let asked = request.and_then(|request| Asked::of(&request, &self.chain).ok());
        let own = asked.filter(|asked| asked.case_id == case_id);
        own.ok_or(JurorError::StoreForeign { case_id })
    }

    /// The bytes with this digest, whether they come as they are or as an age file.
    ///
    /// An age file that this juror cannot read, or with other bytes in it, is no delivery: the
    /// juror goes on asking, as if nothing had come.
    pub(crate) fn plain(&self, digest: B256, body: Vec<u8>) -> Result<Vec<u8>, Box<Problem>> {
        let got = keccak256(&body);
        if got == digest {
            return Ok(body);
        }
        let title = "The bytes are others";
        if !is_private(&body) {
            let detail = format!("the bytes have the digest {got}, not {digest}");
            return Err(Problem::new("digest-mismatch", 422, title, detail)
                .with_field("digest", "must be keccak256 of the body")
                .into());
        }
        let plain = self.identities.decrypt(&body, self.fetch.deliverable_max_bytes);
        let plain = plain.map_err(unreadable)?;
        let got = keccak256(&plain);
        if got == digest {
            return Ok(plain);
        }
        let detail = format!("the age file holds bytes with the digest {got}, not {digest}");
        Err(Problem::new("digest-mismatch", 422, title, detail)
            .with_field("digest", "must be keccak256 of what the age file holds")
            .into())
    }

    /// A reveal, whether it comes as it is or as an age file.
    pub(crate) fn plain_reveal(&self, body: Vec<u8>) -> Result<Reveal, Box<Problem>> {
        let text = self.plain_text(body, limits::SHEET_BYTES)?;
        Ok(Reveal::parse(&text).map_err(Problem::from)?)
    }

    /// At most `most` bytes of JSON, whether they come as they are or as an age file.
    pub(crate) fn plain_text(&self, body: Vec<u8>, most: usize) -> Result<Vec<u8>, Box<Problem>> {
        if !is_private(&body) {
            return Ok(body);
        }
        Ok(self.identities.decrypt(&body, most).map_err(unreadable)?)
    }

    /// A case's transcript, or one of the blobs that it names, as it lies on the disk: of a private
    /// deal only the parties can read it. Nothing before the milestone is over, lest jurors copy:
    /// time alone ends only what the chain says nothing of, since all else may go on to round 2.
    pub(crate) async fn record(
        &self,
        case_id: B256,
        blob: Option<B256>,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let (Some(row), Some(ballot)) =
            (self.store.case(case_id).await?, self.store.ballots().get(case_id).await?)
        else {
            return Ok(None);
        };
        if row.request.is_empty() {
            let detail = "its records were deleted on schedule; its ballot stays";
            return Err(Problem::new("deleted", 410, "The records are gone", detail).into());
        }
        let asked = self.asked_before(&row)?;
        let moment = self.chain.moment().await?;
        let now = moment.head.timestamp;
        let view = self.chain.milestone(moment.settled, asked.place).await?;
        let is_late = now >= asked.judge_by(now);
        let is_over = view.ended || is_late && view.state_digest.is_zero();
        if !is_over {
            let detail = "transcripts are shown once the milestone has ended";
            return Err(Problem::new("too-early", 409, "The case is not over", detail).into());
        }
        let records = self.store.records().of_case(case_id, self.circle(&asked)?);
        Ok(match blob {
            Some(digest) => records.file(Kept::Blob, digest).await?,
            None => records.file(Kept::Transcript, ballot.ballot.transcript).await?,
        })
    }
}

fn sheet(identities: &Identities, file: &[u8]) -> Result<TermSheet, String> {
    let plain = identities.decrypt(file, limits::SHEET_BYTES).map_err(|why| why.to_string())?;
    TermSheet::parse(&plain).map_err(|why| why.to_string())
}

fn no_identity() -> Problem {
    let detail = "this juror has no age identity and judges public deals only";
    Problem::new("no-identity", 422, "The case is refused", detail)
        .with_field("termSheet.recipients", "must be null for this juror")
}

fn unreadable(why: PrivacyError) -> Problem {
    Problem::new("unreadable", 422, "The age file cannot be read", why.to_string())
        .with_field("(document)", "must be encrypted to this juror's recipient, see /v1/prices")
}
