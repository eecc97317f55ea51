//! What some tests need of the machine. Without it they pass and show nothing: whoever works on
//! something else is told once, at the end; what decides whether a change lands refuses.

use anyhow::ensure;

use crate::output::say;
use crate::repository::Repository;
use crate::setup;

/// What a machine may lack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Need {
    /// A PostgreSQL server.
    Postgres,
    /// Foundry's chain.
    Anvil,
    /// Foundry's compiler.
    Forge,
    /// What was recorded of judges and attacks. Tests have cases of the same form without it.
    Data,
}

impl Need {
    /// What nothing stands for.
    pub(crate) const TO_DECIDE: [Self; 3] = [Self::Postgres, Self::Anvil, Self::Forge];
    const ALL: [Self; 4] = [Self::Postgres, Self::Anvil, Self::Forge, Self::Data];

    fn is_met(self, repository: &Repository) -> bool {
        let names = |name: &str| {
            let value = std::env::var_os(name).and_then(|value| value.into_string().ok());
            value.is_some_and(|value| !value.is_empty())
        };
        match self {
            // A named server that cannot be used fails the tests themselves.
            Self::Postgres => names("SURETY_POSTGRES"),
            Self::Anvil => setup::foundry(repository, "anvil").is_some(),
            Self::Forge => setup::foundry(repository, "forge").is_some(),
            Self::Data => names("SURETY_DATA"),
        }
    }

    /// What is missing, what does not run without it, and what to do.
    const fn told(self) -> &'static str {
        match self {
            Self::Postgres => {
                "SURETY_POSTGRES names no server: the relayer's suite does not run on PostgreSQL, \
                 stores and relayers that share a database only where a server answers at \
                 Debian's socket. Set it to postgres://USER@HOST/DATABASE; .ci/run installs a \
                 server and does so."
            }
            Self::Anvil => {
                "anvil is missing: nothing is compared with a real chain, and no relayer is killed \
                 on one. npm has it for Linux x86-64; install Foundry (https://getfoundry.sh)."
            }
            Self::Forge => {
                "forge is missing: no test in Solidity runs. npm has it for Linux x86-64; install \
                 Foundry (https://getfoundry.sh)."
            }
            Self::Data => {
                "SURETY_DATA names no folder: made-up cases stand for the recorded judges and \
                 attacks. docs/data.md says how to get them."
            }
        }
    }
}

/// Refuses where something is missing.
pub(crate) fn require(repository: &Repository, needs: &[Need]) -> anyhow::Result<()> {
    let missing = missing(needs, |need| need.is_met(repository));
    ensure!(missing.is_empty(), "{}", refusal(&missing));
    Ok(())
}

/// Says what did not run, once.
pub(crate) fn notice(repository: &Repository) {
    let missing = missing(&Need::ALL, |need| need.is_met(repository));
    if !missing.is_empty() {
        say(&told("Green, but not all of it ran (`cargo x ci` decides with all of it):", &missing));
    }
}

fn missing(needs: &[Need], is_met: impl Fn(Need) -> bool) -> Vec<Need> {
    needs.iter().copied().filter(|need| !is_met(*need)).collect()
}

fn refusal(missing: &[Need]) -> String {
    told("some tests would pass without having run:", missing)
}

fn told(title: &str, missing: &[Need]) -> String {
    let lines = missing.iter().map(|need| need.told());
    let all: Vec<&str> = std::iter::once(title).chain(lines).collect();
    all.join("\n  - ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_that_has_everything_lacks_nothing() {
        assert!(missing(&Need::ALL, |_| true).is_empty());
    }

    #[test]
    fn a_refusal_names_what_is_missing_and_what_to_do() {
        let missing = missing(&Need::TO_DECIDE, |need| need == Need::Forge);
        assert_eq!(missing, [Need::Postgres, Need::Anvil]);
        let refusal = refusal(&missing);
        for part in ["SURETY_POSTGRES", "postgres://", ".ci/run", "anvil", "getfoundry.sh"] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(!refusal.contains("forge"), "{refusal}");
    }
}
