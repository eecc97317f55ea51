//! How long a verdict waits for others.

use std::time::Duration;

use serde::Deserialize;
use surety_jury::wire::BatchRequest;

/// The most gas that one verdict of a batch takes: strangers to the token, fees and reputation
/// included.
const GAS_EACH: u64 = 150_000;
/// The longest of either wait, in milliseconds.
const LONGEST_MS: u64 = 60_000;
/// The whole, where shares are counted in thousandths.
const WHOLE: u64 = 1_000;

/// When verdicts settle together, and how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The least that a verdict waits for others, in milliseconds.
    pub least_ms: u64,
    /// The most that it waits, when the queue is full or gas is dear, in milliseconds.
    pub most_ms: u64,
    /// The most verdicts of one transaction; 1 settles each alone.
    pub verdicts: usize,
    /// The most calldata of one transaction, in bytes.
    pub calldata_max_bytes: usize,
    /// The most gas of one transaction.
    pub gas_max: u64,
    /// How long jurors have to sign a list, in milliseconds.
    pub answer_ms: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            least_ms: 0,
            most_ms: 2_000,
            verdicts: 50,
            calldata_max_bytes: 65_536,
            gas_max: 12_000_000,
            answer_ms: 2_000,
        }
    }
}

/// What the relayer has to do, and what it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Transactions that wait for a block.
    pub waiting: u64,
    /// How many may.
    pub room: u64,
    /// The next block's base fee, in wei per gas.
    pub base_fee_wei: u64,
    /// The most that may be paid, in wei per gas.
    pub max_fee_wei: u64,
}

impl Settings {
    /// Checks what the types cannot say. An error begins with the key that is wrong.
    pub fn check(&self) -> Result<(), String> {
        if self.least_ms > self.most_ms {
            return Err(format!("least_ms must be at most most_ms, {}", self.most_ms));
        }
        for (name, ms) in [("most_ms", self.most_ms), ("answer_ms", self.answer_ms)] {
            if ms > LONGEST_MS {
                return Err(format!("{name} must be at most {LONGEST_MS}"));
            }
        }
        if self.verdicts > BatchRequest::MOST {
            return Err(format!("verdicts must be at most {}", BatchRequest::MOST));
        }
        Ok(())
    }

    /// Whether verdicts ever settle together.
    pub fn is_on(&self) -> bool {
        self.most() > 1
    }

    /// The most verdicts of one transaction, by number and by gas.
    pub fn most(&self) -> usize {
        self.verdicts.min(usize::try_from(self.gas_max / GAS_EACH).unwrap_or(usize::MAX))
    }

    /// How long a verdict waits for others.
    pub fn moment(&self, load: Load) -> Duration {
        let queue = share(load.waiting, load.room);
        let share = queue.saturating_add(share(load.base_fee_wei, load.max_fee_wei)).min(WHOLE);
        let more = self.most_ms.saturating_sub(self.least_ms).saturating_mul(share) / WHOLE;
        Duration::from_millis(self.least_ms.saturating_add(more))
    }
}

/// How much of a whole something is, in thousandths; all of it where there is no whole.
fn share(part: u64, whole: u64) -> u64 {
    part.saturating_mul(WHOLE).checked_div(whole).unwrap_or(WHOLE).min(WHOLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(waiting: u64, base_fee_wei: u64) -> Load {
        Load { waiting, room: 16, base_fee_wei, max_fee_wei: 1_000 }
    }

    #[test]
    fn a_verdict_waits_the_longer_the_fuller_the_queue_and_the_dearer_the_gas() {
        let settings = Settings { least_ms: 100, most_ms: 2_100, ..Settings::default() };
        for (load, needed) in [
            (load(0, 0), 100),
            (load(4, 0), 600),
            (load(0, 250), 600),
            (load(4, 250), 1_100),
            (load(16, 0), 2_100),
            (load(400, 0), 2_100),
            (load(0, 5_000), 2_100),
            (load(12, 900), 2_100),
            (Load::default(), 2_100),
        ] {
            assert_eq!(settings.moment(load), Duration::from_millis(needed), "{load:?}");
        }
        let backwards = Settings { least_ms: 500, most_ms: 100, ..settings };
        assert_eq!(backwards.moment(load(16, 0)), Duration::from_millis(500));
    }

    #[test]
    fn an_idle_relayer_with_cheap_gas_does_not_wait_at_all() {
        assert_eq!(Settings::default().moment(load(0, 0)), Duration::ZERO);
    }

    #[test]
    fn what_cannot_be_meant_is_refused_by_name() {
        let refused = |settings: Settings| settings.check().unwrap_err();
        let (least_ms, most_ms) = (2, 1);
        let shown = refused(Settings { least_ms, most_ms, ..Settings::default() });
        assert_eq!(shown, "least_ms must be at most most_ms, 1");
        let shown = refused(Settings { answer_ms: 60_001, ..Settings::default() });
        assert_eq!(shown, "answer_ms must be at most 60000");
        let shown = refused(Settings { verdicts: 257, ..Settings::default() });
        assert_eq!(shown, "verdicts must be at most 256");
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn gas_bounds_how_many_settle_together() {
        let most = |verdicts, gas_max| Settings { verdicts, gas_max, ..Settings::default() }.most();
        assert_eq!(most(50, 12_000_000), 50);
        assert_eq!(most(100, 12_000_000), 80);
        assert_eq!(most(50, 100_000), 0);
        assert!(!Settings { verdicts: 1, ..Settings::default() }.is_on());
        assert!(!Settings { gas_max: 299_999, ..Settings::default() }.is_on());
        assert!(Settings::default().is_on());
    }
}
