//! What of a ballot may be seen when.
//!
//! A juror that showed its ballot at once could be copied, and whoever collects ballots would know
//! before the others how the case goes. So it shows a commitment only, until q seats are bound by
//! theirs or half of `judgeWithin` has passed, or of what was left of it when the case came in. The
//! commitments come from anybody: their signatures and the panel on the chain say what they are worth.

use alloy::primitives::{Address, B256};
use surety_jury::{
    SignedCommitment, quorum,
    wire::{BallotBody, CaseState, CaseStatus},
};
use surety_seal::Row;
use surety_terms::Problem;

use super::{Desk, Open, Work};
use crate::{JurorError, chain::Chain, verify::Fault};

impl Desk {
    /// What may be seen of a ballot. Nothing else turns a row into an answer.
    pub(super) fn shown(&self, row: &Row) -> CaseStatus {
        let case_id = row.ballot.caseId;
        let Some(signature) = row.signature else { return status(case_id, CaseState::Judging) };
        let commitment = self.signer.commitment(row);
        if row.is_sealed() {
            return CaseStatus { commitment, ..status(case_id, CaseState::Committed) };
        }
        let (juror, source) = (self.signer.juror(), self.judge.source);
        let body = BallotBody::new(&row.ballot, signature, juror, source);
        let ballot = Some(BallotBody { salt: row.seal.map(|seal| seal.salt), ..body });
        CaseStatus { commitment, ballot, ..status(case_id, CaseState::Ballot) }
    }

    /// Keeps commitments to an open case, all or none; the first that does not hold says why not.
    pub(crate) async fn bind(
        &self,
        case_id: B256,
        given: &[SignedCommitment],
    ) -> Result<(), Fault> {
        let open = self.open_cases().get(&case_id).cloned();
        let Some(open) = open else {
            // A ballot that is shown needs no commitment any more.
            return match self.store.ballots().get(case_id).await? {
                Some(_) => Ok(()),
                None => Err(unknown(case_id).into()),
            };
        };
        let panel = open.panel(&self.chain).await?;
        let mut bound = Vec::new();
        for (index, commitment) in given.iter().enumerate() {
            let seat = commitment.seat(case_id, panel, self.signer.place());
            let seat = seat.map_err(|err| {
                let title = "A commitment counts for nothing";
                Problem::new("commitment-invalid", 422, title, err.to_string()).with_field(
                    format!("commitments[{index}]"),
                    "must be to this case, signed by a juror of its panel",
                )
            })?;
            bound.push((seat, *commitment));
        }
        self.store.ballots().keep_commitments(case_id, &bound).await?;
        open.bound.notify_one();
        Ok(())
    }
}

impl Open {
    /// The keys in the case's panel, in seat order. A jury never changes, so it is asked for once.
    async fn panel(&self, chain: &Chain) -> Result<&[Address], JurorError> {
        let ((jury, round), panel) = &self.panel;
        let read = || async {
            let at = chain.moment().await?.settled;
            let panel = chain.panel(at, *jury, *round).await?;
            panel.ok_or(JurorError::Chain { asked: "for a panel" })
        };
        Ok(panel.get_or_try_init(read).await?)
    }
}

impl Work {
    /// The row once its ballot may be seen; until then only the commitment is shown.
    pub(super) async fn unsealed(&self, row: Row) -> Result<Row, JurorError> {
        let Some(seal) = row.seal.filter(|seal| !seal.is_open) else { return Ok(row) };
        self.open.status.send_replace(self.desk.shown(&row));
        let why = tokio::select! {
            bound = self.quorum_bound() => bound.map(|()| "a quorum has committed"),
            over = self.half_time() => over.map(|()| "half of the time has passed"),
        }?;
        let case = self.row.case_id;
        self.desk.store.ballots().open(case).await?;
        tracing::info!(%case, why, "the ballot may be seen");
        Ok(Row { seal: Some(surety_seal::Seal { is_open: true, ..seal }), ..row })
    }

    /// Ends once q seats have committed, this one included.
    async fn quorum_bound(&self) -> Result<(), JurorError> {
        let needed = quorum(self.open.panel(&self.desk.chain).await?.len());
        let ballots = self.desk.store.ballots();
        loop {
            let others = ballots.others_bound(self.row.case_id, self.row.seat).await?;
            if others.saturating_add(1) >= needed {
                return Ok(());
            }
            self.open.bound.notified().await;
        }
    }

    /// Ends when half of `judgeWithin` has passed, or when no ballot can count any more: then there
    /// is nothing left to copy. The chain is asked only at moments at which that may be so.
    async fn half_time(&self) -> Result<(), JurorError> {
        let mut moments = self.desk.moments.clone();
        loop {
            match self.look().await {
                Ok(()) => {}
                Err(Fault::Refused(_)) => return Ok(()),
                Err(Fault::Unable(err)) => return Err(err),
            }
            let next = {
                let standing = self.standing.borrow();
                if standing.now >= self.asked.half_time(standing.window, self.row.seen_at) {
                    return Ok(());
                }
                self.asked.half_time_earliest(&standing, self.row.seen_at)
            };
            let reached = moments.wait_for(|moment| moment.head.timestamp >= next).await;
            drop(reached.map_err(|_| JurorError::Stopped)?);
        }
    }
}

/// Nothing can be handed in for a case that has no task.
pub(crate) fn unknown(case_id: B256) -> Problem {
    let detail = format!("no open case has the id {case_id}");
    Problem::new("unknown-case", 404, "The case is unknown", detail)
}

/// A status that says no more than the state.
pub(super) fn status(case_id: B256, state: CaseState) -> CaseStatus {
    CaseStatus { case_id, state, commitment: None, ballot: None, problem: None }
}
