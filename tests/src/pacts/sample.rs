//! Which of an agent's records may be presented: a period is bound to a block that is still to
//! come, and that block's hash picks the keys.

use alloy::primitives::{B256, U256, keccak256};

use super::promise::Promise;
use super::state::{At, Event, Model, Sample};
use super::step::Call;
use crate::model::state::Refusal;
use crate::model::terms::refuse;

/// How far back BLOCKHASH reaches.
pub const BLOCKHASH_BLOCKS: u64 = 256;
/// How far back the chain's history reaches.
pub const HISTORY_BLOCKS: u64 = 8_191;
/// The seed of a sample that holds every key.
pub const WHOLE: B256 = B256::repeat_byte(0xff);

/// The hash of a block, in these histories.
pub fn block_hash(number: u64) -> B256 {
    keccak256(number.to_be_bytes())
}

/// What a panel is asked about, and what tells one period's seed from another's.
pub fn subject(id: B256, period: u32) -> B256 {
    let typehash = keccak256("Subject(bytes32 pactId,uint32 period)");
    keccak256([typehash, id, U256::from(period).into()].concat())
}

/// The seed that a block gives to a subject: never a block's number, never the whole sample.
pub fn seed_of(block: u64, subject: B256) -> B256 {
    let mut seed = keccak256([block_hash(block), subject].concat());
    seed.0[0] |= 0x80;
    seed.0[31] &= 0xfe;
    seed
}

/// A key as the chain has it.
pub fn key_word(key: u16) -> B256 {
    U256::from(key).into()
}

/// Whether a key is in a promise's sample.
pub fn holds(sample: Sample, promise: &Promise, key: u16) -> bool {
    let Sample::Fixed(seed) = sample else { return promise.sample_bps == 10_000 };
    if promise.sample_bps == 10_000 || seed == WHOLE {
        return true;
    }
    let drawn = U256::from_be_bytes(keccak256([seed, key_word(key)].concat()).0);
    drawn % U256::from(10_000) < U256::from(promise.sample_bps)
}

impl Model {
    /// Anybody, once, while the period's records are welcome.
    pub fn draw(&mut self, call: Call, period: u32) -> Result<&'static str, Refusal> {
        let (promise, pact) = self.load(call)?;
        self.refuse_unwelcome(&promise, &pact, period)?;
        let at = At { pact: call.pact, period };
        let mut kept = self.period(at);
        refuse(kept.sample != Sample::Undrawn, "SampleAlreadyDrawn")?;
        let block = self.block + self.rules.draw_blocks;
        kept.sample = Sample::Drawn(block);
        self.periods.insert(at, kept);
        self.events.push(Event::Drawn { at, block });
        Ok("draw")
    }

    /// Anybody, once, after the drawn block; the seed is the same whenever, but when the chain has
    /// forgotten the block for good: then every key is in the sample.
    pub fn fix_seed(&mut self, call: Call, period: u32) -> Result<&'static str, Refusal> {
        let (promise, pact) = self.load(call)?;
        Self::refuse_uncovered(&promise, &pact, period)?;
        let at = At { pact: call.pact, period };
        let mut kept = self.period(at);
        let drawn = match kept.sample {
            Sample::Undrawn => return Err("SampleNotDrawn"),
            Sample::Fixed(_) => return Err("SampleAlreadyDrawn"),
            Sample::Drawn(block) => block,
        };
        refuse(self.block <= drawn, "BlockPending")?;
        let age = self.block - drawn;
        let by_history = age > BLOCKHASH_BLOCKS && age <= HISTORY_BLOCKS;
        refuse(by_history && self.forgets, "HashUnavailable")?;
        let whole = age > HISTORY_BLOCKS;
        let (_, id) = self.promises[&call.pact];
        let seed = if whole { WHOLE } else { seed_of(drawn, subject(id, period)) };
        kept.sample = Sample::Fixed(seed);
        self.periods.insert(at, kept);
        self.events.push(Event::Fixed { at, seed });
        Ok(match (whole, by_history) {
            (true, _) => "fixSeed: every key",
            (false, true) => "fixSeed: by history",
            (false, false) => "fixSeed",
        })
    }

    /// The record's key has to be in the sample.
    pub fn refuse_unsampled(sample: Sample, promise: &Promise, key: u16) -> Result<(), Refusal> {
        if holds(sample, promise, key) {
            return Ok(());
        }
        Err(if matches!(sample, Sample::Fixed(_)) { "KeyNotSampled" } else { "SeedMissing" })
    }
}
