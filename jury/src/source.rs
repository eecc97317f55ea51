//! Where a juror's opinions come from: a live model, the rehearsal server, or recorded answers.

use serde::{Deserialize, Serialize};

/// The origin of a ballot, told by the juror's family. Shown wherever a ballot or verdict shows.
///
/// A family is a claim, so `Live` means "does not call itself a rehearsal or a replay", no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// A real model's opinion.
    Live,
    /// The keyless local provider server; never a real model.
    Rehearsal,
    /// Recorded answers of real models.
    Replay,
}

impl Source {
    /// Reads the source off a family's prefix, `rehearsal-` or `replay-`.
    pub fn of_family(family: &str) -> Self {
        if family.starts_with("rehearsal-") {
            Self::Rehearsal
        } else if family.starts_with("replay-") {
            Self::Replay
        } else {
            Self::Live
        }
    }

    /// The word that JSON carries.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Rehearsal => "rehearsal",
            Self::Replay => "replay",
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_tells_its_source_by_prefix() {
        for (family, source) in [
            ("openai", Source::Live),
            ("rehearsal-openai", Source::Rehearsal),
            ("replay-gpt-4", Source::Replay),
            ("rehearsals", Source::Live),
            ("", Source::Live),
        ] {
            assert_eq!(Source::of_family(family), source, "{family}");
        }
    }

    #[test]
    fn json_carries_the_same_word_as_the_display() {
        for source in [Source::Live, Source::Rehearsal, Source::Replay] {
            assert_eq!(serde_json::to_string(&source).unwrap(), format!("\"{source}\""));
        }
    }
}
