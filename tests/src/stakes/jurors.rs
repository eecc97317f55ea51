//! Who may register, leave, be paid and be struck off.

use super::state::{Event, Model, Refusal, TOKEN_REFUSES, refuse};
use super::step::{Form, Registration, Seal, Signed, Statement, Step, Who};

/// One part of a slashed stake is the reporter's.
const REWARD_PARTS: u128 = 10;

impl Model {
    /// Anybody submits it; the key signed it, by its stake's authorization if it has one.
    pub fn register(&mut self, r: &Registration, signed: Signed) -> Result<(), Refusal> {
        let before = self.juror(r.juror);
        refuse(self.now >= r.valid_until, "SignatureExpired")?;
        refuse(before.slashed, "JurorSlashed")?;
        refuse(before.registered, "JurorExists")?;
        refuse(r.nonce != before.registrations, "NonceMismatch")?;
        refuse(!is_name(&r.family, 32, false), "TextInvalid family")?;
        refuse(!is_name(&r.operator, 64, true), "TextInvalid operator")?;
        refuse(!is_url(&r.url), "TextInvalid url")?;
        if before.registrations > 0 {
            refuse(r.family != before.family, "ClaimChanged family")?;
            refuse(r.operator != before.operator, "ClaimChanged operator")?;
        }
        if r.stake == 0 {
            refuse(!signed.is_by(r.juror), "SignatureInvalid")?;
        } else {
            let good = signed.is_by(r.juror) && signed.form == Form::Whole;
            let moved = good && self.token.transfer(r.juror, Who::Jury, r.stake);
            refuse(!moved, TOKEN_REFUSES)?;
        }
        let juror = self.jurors.entry(r.juror).or_default();
        juror.stake = r.stake;
        juror.registrations += 1;
        juror.registered = true;
        juror.family.clone_from(&r.family);
        juror.operator.clone_from(&r.operator);
        juror.url.clone_from(&r.url);
        let claims = [r.family.clone(), r.operator.clone(), r.url.clone()];
        let (juror, stake, nonce) = (r.juror, r.stake, r.nonce);
        self.events.push(Event::Registered { juror, claims, stake, nonce });
        Ok(())
    }

    /// The juror itself, or anybody with its signature.
    pub fn unbond(&mut self, step: &Step) -> Result<(), Refusal> {
        let Step::Unbond { by, juror, nonce, valid_until, signed } = step else {
            unreachable!("an unbonding")
        };
        let before = self.juror(*juror);
        refuse(!before.registered, "JurorUnknown")?;
        refuse(before.leaves(), "JurorLeaving")?;
        refuse(*nonce != before.registrations, "NonceMismatch")?;
        if by != juror {
            refuse(self.now >= *valid_until, "SignatureExpired")?;
            refuse(!signed.is_by(*juror), "SignatureInvalid")?;
        }
        let at = self.now + self.unbonding;
        self.jurors.entry(*juror).or_default().unbonds_at = at;
        self.events.push(Event::Unbonding { juror: *juror, at });
        Ok(())
    }

    /// Anybody, once the juror's time is over.
    pub fn claim(&mut self, key: Who) -> Result<(), Refusal> {
        let before = self.juror(key);
        refuse(!before.registered, "JurorUnknown")?;
        refuse(before.serves() || self.now < before.unbonds_at, "StakeBonded")?;
        let juror = self.jurors.entry(key).or_default();
        (juror.stake, juror.unbonds_at, juror.registered) = (0, 0, false);
        self.events.push(Event::Left { juror: key, stake: before.stake });
        self.pay(key, before.stake)
    }

    /// Anybody with two answers of the juror's to one case. A tenth is the caller's, the rest
    /// nobody's; what the token does not take for nobody stays, for ever.
    pub fn slash(
        &mut self,
        by: Who,
        key: Who,
        case: u8,
        statements: [&Statement; 2],
    ) -> Result<(), Refusal> {
        let before = self.juror(key);
        refuse(before.slashed, "JurorSlashed")?;
        refuse(!before.registered, "JurorUnknown")?;
        let [first, second] = statements;
        let first = first.answer(key, case)?;
        let second = second.answer(key, case)?;
        let overlaps = |(met, failed): (u16, u16)| met & failed != 0;
        refuse(first == second || overlaps(first) || overlaps(second), "NoOffence")?;
        let juror = self.jurors.entry(key).or_default();
        (juror.stake, juror.unbonds_at, juror.registered) = (0, 0, false);
        juror.slashed = true;
        self.events.push(Event::Struck { juror: key, case, reporter: by, stake: before.stake });
        let reward = before.stake / REWARD_PARTS;
        self.pay(by, reward)?;
        let rest = before.stake - reward;
        if !self.token.transfer(Who::Jury, Who::Nobody, rest) {
            self.stuck += rest;
        }
        Ok(())
    }
}

impl Signed {
    /// Whether it is that key's signature of what it is handed in for.
    fn is_by(self, key: Who) -> bool {
        self.by == key && matches!(self.form, Form::Whole | Form::Compact)
    }
}

impl Statement {
    /// What the key verifiably answered in the case: met, failed.
    fn answer(&self, key: Who, case: u8) -> Result<(u16, u16), Refusal> {
        let index = usize::from(self.index);
        let batch = !self.cases.is_empty();
        let count = self.cases.len().max(1);
        refuse(index >= count, "StatementInvalid index")?;
        refuse(self.votes.len() != count, "StatementInvalid votes")?;
        refuse(self.seal == Seal::Short, "StatementInvalid signature")?;
        refuse(batch && self.cases[index] != case, "CaseMismatch")?;
        let signed = self.by == key && self.seal == Seal::Whole && (batch || self.about == case);
        refuse(!signed, "SignatureInvalid")?;
        Ok(self.votes[index])
    }
}

/// Lower-case letters, digits and hyphens, and dots where they are let in.
fn is_name(text: &str, most: usize, dots: bool) -> bool {
    let fits =
        |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || (dots && c == b'.');
    !text.is_empty() && text.len() <= most && text.bytes().all(fits)
}

fn is_url(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && !text.ends_with('/')
}
