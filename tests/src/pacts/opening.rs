//! What is done with a pact as a whole: it opens, its agent gives notice, it closes.

use super::state::{Event, Model, Pact};
use super::step::Call;
use super::token::Pull;
use super::who::Who;
use crate::model::state::{Refusal, Time};
use crate::model::terms::refuse;

impl Model {
    /// Anybody with the agent's authorization of the bond.
    pub fn open(&mut self, number: u32, signer: Who) -> Result<&'static str, Refusal> {
        let (promise, _) = self.promises.get(&number).cloned().ok_or("PactUnknown")?;
        promise.check(self.now, self.rules.places.into())?;
        promise.check_jury(&self.juries)?;
        refuse(self.pacts.contains_key(&number), "PactExists")?;
        let pact = Pact {
            bond: promise.bond,
            covered_until: promise.period_end(u32::from(promise.periods) - 1),
            claimed: 0,
            noticed: false,
            closed: false,
        };
        self.pacts.insert(number, pact);
        self.events.push(Event::Opened { pact: number });
        let (from, amount, valid_before) = (promise.agent, promise.bond, promise.open_by);
        self.token.pull(self.now, Pull { from, amount, valid_before, signer })?;
        Ok("open")
    }

    /// The agent, or anybody with its signature: no period after the one in progress is covered.
    pub fn give_notice(
        &mut self,
        call: Call,
        valid_until: Time,
        signer: Who,
    ) -> Result<&'static str, Refusal> {
        let (promise, mut pact) = self.load(call)?;
        refuse(pact.noticed, "NoticeStands")?;
        if call.by != promise.agent {
            refuse(self.now >= valid_until, "DeadlinePassed")?;
            refuse(signer != promise.agent, "SignatureInvalid")?;
        }
        pact.covered_until = pact.covered_until.min(promise.progress_end(self.now));
        pact.noticed = true;
        self.pacts.insert(call.pact, pact);
        let covered_until = pact.covered_until;
        self.events.push(Event::Noticed { pact: call.pact, covered_until });
        Ok(if call.by == promise.agent { "giveNotice" } else { "giveNotice: signed" })
    }

    /// Anybody, once no period can be judged any more.
    pub fn close(&mut self, call: Call) -> Result<&'static str, Refusal> {
        let (promise, pact) = self.load(call)?;
        let opens_at = pact.covered_until + promise.present_within + promise.judge_within;
        refuse(self.now < opens_at, "TooEarly")?;
        refuse(pact.claimed != 0, "PeriodsClaimed")?;
        self.pacts.insert(call.pact, Pact { bond: 0, closed: true, ..pact });
        self.events.push(Event::Closed { pact: call.pact, bond: pact.bond });
        let paid = self.pay(promise.agent, pact.bond);
        Ok(if paid { "close" } else { "close: credited" })
    }
}
