//! What can go wrong between a juror and its provider, named.

use std::time::Duration;

use surety_jury::Finding;
use thiserror::Error;

/// Attempts beyond the first on a fault that may pass.
const RETRIES_TRANSIENT: u8 = 2;
/// Attempts beyond the first on an unreadable answer, with identical bytes.
const RETRIES_MALFORMED: u8 = 1;

/// Why a provider's response holds no answer. None of these is an opinion: they all end as an
/// abstention. Texts of the provider are not repeated, since they may carry keys or instructions.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum ProviderFault {
    /// No response in time. Made by the transport.
    #[error("the provider did not answer in time")]
    Timeout,
    /// No connection, or it broke. Made by the transport.
    #[error("the provider cannot be reached")]
    Unreachable,
    /// The response holds the key that it was asked with. It is not kept. Made by the transport.
    #[error("the provider's response holds the API key, so it is not kept")]
    EchoesKey,
    /// The response is larger than any answer.
    #[error("the response has {got} bytes or more, read are at most {most}")]
    TooLarge {
        /// The bytes that came.
        got: usize,
        /// The limit.
        most: usize,
    },
    /// 3xx: a redirect is never followed, it would carry the key elsewhere.
    #[error("the provider redirects (status {status})")]
    Redirected {
        /// The HTTP status.
        status: u16,
    },
    /// 401 or 403.
    #[error("the provider refuses the key (status {status})")]
    Unauthorized {
        /// The HTTP status.
        status: u16,
    },
    /// 429.
    #[error("the provider limits the rate")]
    RateLimited {
        /// What it asks to wait.
        retry_after: Option<Duration>,
    },
    /// 408, 409 or 5xx.
    #[error("the provider fails (status {status})")]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// What it asks to wait.
        retry_after: Option<Duration>,
    },
    /// Any other 4xx: the request is not what this model takes.
    #[error("the provider refuses the request (status {status})")]
    BadRequest {
        /// The HTTP status.
        status: u16,
    },
    /// A status that is neither success nor one of the above.
    #[error("the provider answers with the status {status}")]
    UnexpectedStatus {
        /// The HTTP status.
        status: u16,
    },
    /// The body is not JSON, or has duplicate keys, or text after it.
    #[error("the response is not the JSON we read")]
    NotJson,
    /// The body reports an error under a success status.
    #[error("the response is an error in a success's clothes")]
    ErrorBody,
    /// A field is missing or has another type.
    #[error("the response lacks {field} in its proper form")]
    WrongShape {
        /// The field's path.
        field: &'static str,
    },
    /// There is no answer in it: no choice, no candidate, no text.
    #[error("the response holds no answer")]
    Empty,
    /// More than one answer: which one counts is not for us to pick.
    #[error("the response holds more than one answer")]
    Ambiguous,
    /// The answer was cut off.
    #[error("the answer was cut off at the token limit")]
    Truncated,
    /// The provider's filter took the answer or the question.
    #[error("the provider's filter withheld the answer")]
    Filtered,
    /// The model declined: an abstention on this criterion.
    #[error("the model declined to answer")]
    Refused,
    /// The answer ended for a reason that we do not know.
    #[error("the answer ended for a reason we do not know")]
    UnexpectedStop,
}

impl ProviderFault {
    /// Every name there is, in the order of the variants.
    pub const NAMES: [&'static str; 19] = [
        "timeout",
        "unreachable",
        "echoes-key",
        "too-large",
        "redirected",
        "unauthorized",
        "rate-limited",
        "unavailable",
        "bad-request",
        "unexpected-status",
        "not-json",
        "error-body",
        "wrong-shape",
        "empty",
        "ambiguous",
        "truncated",
        "filtered",
        "refused",
        "unexpected-stop",
    ];

    /// Whether the model itself declined: an abstention, never asked again.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused)
    }

    /// Whether what was asked can have brought this about: a refusal, a filter, an answer cut off
    /// or empty, a question too long. All others speak of the provider or of the way to it.
    pub const fn is_about_content(&self) -> bool {
        matches!(
            self,
            Self::Refused
                | Self::Filtered
                | Self::Truncated
                | Self::UnexpectedStop
                | Self::Empty
                | Self::Ambiguous
                | Self::BadRequest { .. }
        )
    }

    /// The word for the transcript: "REFUSAL" or "ERR(name)".
    pub fn outcome(&self) -> String {
        if self.is_refusal() { "REFUSAL".to_owned() } else { format!("ERR({})", self.name()) }
    }

    /// How many further attempts the fault allows, with the same bytes.
    pub const fn retries(&self) -> u8 {
        match self {
            Self::Timeout
            | Self::Unreachable
            | Self::RateLimited { .. }
            | Self::Unavailable { .. } => RETRIES_TRANSIENT,
            Self::NotJson | Self::ErrorBody | Self::Empty => RETRIES_MALFORMED,
            Self::EchoesKey
            | Self::TooLarge { .. }
            | Self::Redirected { .. }
            | Self::Unauthorized { .. }
            | Self::BadRequest { .. }
            | Self::UnexpectedStatus { .. }
            | Self::WrongShape { .. }
            | Self::Ambiguous
            | Self::Truncated
            | Self::Filtered
            | Self::Refused
            | Self::UnexpectedStop => 0,
        }
    }

    /// Whether another attempt may help.
    pub const fn retryable(&self) -> bool {
        self.retries() > 0
    }

    /// What the provider asks to wait, however long: whoever asks it knows how long it can.
    pub fn retry_after(&self) -> Option<Duration> {
        if let Self::RateLimited { retry_after } | Self::Unavailable { retry_after, .. } = self {
            *retry_after
        } else {
            None
        }
    }

    /// A short name for transcripts and metrics, one of [`Self::NAMES`].
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::EchoesKey => "echoes-key",
            Self::TooLarge { .. } => "too-large",
            Self::Redirected { .. } => "redirected",
            Self::Unauthorized { .. } => "unauthorized",
            Self::RateLimited { .. } => "rate-limited",
            Self::Unavailable { .. } => "unavailable",
            Self::BadRequest { .. } => "bad-request",
            Self::UnexpectedStatus { .. } => "unexpected-status",
            Self::NotJson => "not-json",
            Self::ErrorBody => "error-body",
            Self::WrongShape { .. } => "wrong-shape",
            Self::Empty => "empty",
            Self::Ambiguous => "ambiguous",
            Self::Truncated => "truncated",
            Self::Filtered => "filtered",
            Self::Refused => "refused",
            Self::UnexpectedStop => "unexpected-stop",
        }
    }

    /// The fault that a status alone tells; `None` for success.
    pub fn of_status(status: u16, retry_after: Option<&str>) -> Option<Self> {
        let retry_after = retry_after.and_then(seconds);
        match status {
            200..=299 => None,
            300..=399 => Some(Self::Redirected { status }),
            401 | 403 => Some(Self::Unauthorized { status }),
            429 => Some(Self::RateLimited { retry_after }),
            408 | 409 | 500..=599 => Some(Self::Unavailable { status, retry_after }),
            400..=499 => Some(Self::BadRequest { status }),
            _ => Some(Self::UnexpectedStatus { status }),
        }
    }
}

impl From<&ProviderFault> for Finding {
    fn from(fault: &ProviderFault) -> Self {
        if fault.is_about_content() { Self::Refused } else { Self::Unanswered }
    }
}

/// Reads a `Retry-After` header in seconds; anything else asks for nothing. A date is for the
/// transport to turn into seconds: there is no clock here.
fn seconds(header: &str) -> Option<Duration> {
    let seconds = header.trim();
    if seconds.is_empty() || !seconds.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(Duration::from_secs(seconds.parse().unwrap_or(u64::MAX)))
}
