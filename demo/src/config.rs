//! Which providers the demonstration asks: the only place that reads the environment.
//!
//! A key in the environment makes its family real; every other seat is rehearsed. `SURETY_*_MODEL`
//! chooses another model of the family.

use surety_dialect::Dialect;
use url::Url;

use crate::error::DemoError;
use surety_qualify::llmbar::{JUDGES, judge_slug};

/// How many seats the panel has.
pub const SEATS: usize = 5;

/// A provider that a juror can be given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// What the juror registers as its family.
    pub family: String,
    /// The wire format.
    pub dialect: Dialect,
    /// Where the provider answers.
    pub base_url: Url,
    /// The model asked for.
    pub model: String,
    /// The environment variable with the key, when the provider is real and needs one.
    pub api_key_env: Option<&'static str>,
}

/// A family that can be real.
struct Family {
    name: &'static str,
    dialect: Dialect,
    /// The variable that makes it real: a key, or for Ollama its address.
    env: &'static str,
    base_url: &'static str,
    model_env: &'static str,
    model: &'static str,
    /// Who rehearses for it.
    personality: &'static str,
}

/// In the order of seats. The first five are rehearsed when they have no key.
const FAMILIES: [Family; 7] = [
    Family {
        name: "openai",
        dialect: Dialect::OpenAiChat,
        env: "OPENAI_API_KEY",
        base_url: "https://api.openai.com/v1",
        model_env: "SURETY_OPENAI_MODEL",
        model: "gpt-5-mini",
        personality: "careful",
    },
    Family {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        env: "ANTHROPIC_API_KEY",
        base_url: "https://api.anthropic.com",
        model_env: "SURETY_ANTHROPIC_MODEL",
        model: "claude-haiku-4-5",
        personality: "strict",
    },
    Family {
        name: "google",
        dialect: Dialect::Gemini,
        env: "GEMINI_API_KEY",
        base_url: "https://generativelanguage.googleapis.com",
        model_env: "SURETY_GOOGLE_MODEL",
        model: "gemini-2.5-flash",
        personality: "lenient",
    },
    Family {
        name: "mistral",
        dialect: Dialect::OpenAiCompatible,
        env: "MISTRAL_API_KEY",
        base_url: "https://api.mistral.ai/v1",
        model_env: "SURETY_MISTRAL_MODEL",
        model: "mistral-small-latest",
        personality: "strict",
    },
    Family {
        name: "meta",
        dialect: Dialect::Ollama,
        env: "OLLAMA_BASE_URL",
        base_url: "http://127.0.0.1:11434",
        model_env: "SURETY_META_MODEL",
        model: "llama3.1",
        personality: "obedient",
    },
    Family {
        name: "deepseek",
        dialect: Dialect::OpenAiCompatible,
        env: "DEEPSEEK_API_KEY",
        base_url: "https://api.deepseek.com/v1",
        model_env: "SURETY_DEEPSEEK_MODEL",
        model: "deepseek-chat",
        personality: "careful",
    },
    Family {
        name: "xai",
        dialect: Dialect::OpenAiCompatible,
        env: "XAI_API_KEY",
        base_url: "https://api.x.ai/v1",
        model_env: "SURETY_XAI_MODEL",
        model: "grok-4-fast",
        personality: "careful",
    },
];

/// Every variable that may hold a key: a service gets at most its own.
pub fn key_names() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|family| family.env).filter(|name| name.ends_with("_API_KEY"))
}

/// The panel: real families first, as many as have a key, then rehearsed ones.
pub fn panel(provider: &Url) -> Result<Vec<Seat>, DemoError> {
    panel_of(provider, environment)
}

pub(crate) fn panel_of(
    provider: &Url,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Vec<Seat>, DemoError> {
    let mut seats = Vec::new();
    for family in &FAMILIES {
        let Some(value) = environment(family.env) else { continue };
        let is_key = family.env.ends_with("_API_KEY");
        let base_url = if is_key { family.base_url.to_owned() } else { value };
        seats.push(Seat {
            family: family.name.to_owned(),
            dialect: family.dialect,
            base_url: parse(family.env, &base_url)?,
            model: environment(family.model_env).unwrap_or_else(|| family.model.to_owned()),
            api_key_env: is_key.then_some(family.env),
        });
    }
    for family in FAMILIES.iter().take(SEATS) {
        if !seats.iter().any(|seat| seat.family == family.name) {
            seats.push(Seat {
                family: format!("rehearsal-{}", family.name),
                dialect: family.dialect,
                base_url: local(provider, family.personality, family.dialect)?,
                model: format!("rehearsal-{}", family.personality),
                api_key_env: None,
            });
        }
    }
    seats.truncate(SEATS);
    Ok(seats)
}

/// The recorded judges as a panel, one per dialect.
pub fn replay_panel(provider: &Url) -> Result<Vec<Seat>, DemoError> {
    let seats = JUDGES.iter().zip(Dialect::ALL).map(|(judge, dialect)| {
        let slug = judge_slug(judge);
        Ok(Seat {
            family: format!("replay-{slug}"),
            dialect,
            base_url: local(provider, &format!("replay/{slug}"), dialect)?,
            model: format!("replay-{slug}"),
            api_key_env: None,
        })
    });
    seats.collect()
}

/// The address of a rehearsed or replayed provider; some dialects keep the version in the base URL.
fn local(provider: &Url, who: &str, dialect: Dialect) -> Result<Url, DemoError> {
    let version = match dialect {
        Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompatible => "/v1",
        Dialect::Anthropic | Dialect::Gemini | Dialect::Ollama => "",
    };
    parse("provider", &format!("{}{who}{version}", provider.as_str()))
}

fn parse(name: &str, url: &str) -> Result<Url, DemoError> {
    url.parse().map_err(|_| DemoError::Story(format!("{name} is not a URL")))
}

#[expect(clippy::disallowed_methods, reason = "config.rs is where the environment is read")]
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn families(keys: &[&str]) -> Vec<String> {
        let provider = "http://127.0.0.1:1/".parse().unwrap();
        let environment = |name: &str| keys.contains(&name).then(|| "secret".to_owned());
        panel_of(&provider, environment).unwrap().into_iter().map(|seat| seat.family).collect()
    }

    #[test]
    fn without_keys_every_seat_is_rehearsed_by_another_family_in_another_dialect() {
        assert_eq!(
            families(&[]),
            [
                "rehearsal-openai",
                "rehearsal-anthropic",
                "rehearsal-google",
                "rehearsal-mistral",
                "rehearsal-meta"
            ]
        );
    }

    #[test]
    fn a_key_makes_its_family_real_and_displaces_a_rehearsal() {
        assert_eq!(
            families(&["MISTRAL_API_KEY", "XAI_API_KEY"]),
            ["mistral", "xai", "rehearsal-openai", "rehearsal-anthropic", "rehearsal-google"]
        );
    }

    #[test]
    fn a_key_is_named_and_never_copied() {
        let provider = "http://127.0.0.1:1/".parse().unwrap();
        let environment = |name: &str| (name == "GEMINI_API_KEY").then(|| "secret".to_owned());
        let seats = panel_of(&provider, environment).unwrap();
        assert_eq!(seats[0].api_key_env, Some("GEMINI_API_KEY"));
        assert!(!format!("{seats:?}").contains("secret"));
    }

    #[test]
    fn the_recorded_judges_are_five_families_in_five_dialects() {
        let seats = replay_panel(&"http://127.0.0.1:1/".parse().unwrap()).unwrap();
        assert_eq!(seats[0].family, "replay-gpt-4");
        assert_eq!(seats[0].base_url.as_str(), "http://127.0.0.1:1/replay/gpt-4/v1");
        assert_eq!(seats[2].base_url.as_str(), "http://127.0.0.1:1/replay/palm2");
    }
}
