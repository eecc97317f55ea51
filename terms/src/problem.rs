//! RFC 9457 problem details: the one shape of an error that leaves a process.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::TermsError;

/// The media type of a [`Problem`] over HTTP.
pub const CONTENT_TYPE: &str = "application/problem+json";
/// What every [`Problem::type_`] begins with.
pub const TYPE_PREFIX: &str = "urn:surety:problem:";

/// An error as RFC 9457 problem details.
///
/// Readers accept members that they do not know, as the RFC asks: another version of a service may
/// say more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:surety:problem:<slug>`: stable, what programs match on.
    #[serde(rename = "type")]
    pub type_: Cow<'static, str>,
    /// The kind of problem in a few words, the same for every occurrence.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// What was and what had to be.
    pub detail: String,
    /// The path of the field at fault, e.g. `termSheet.milestones[0].amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// The rule that the field broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl Problem {
    /// A problem of the kind `slug`.
    pub fn new(slug: &str, status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self {
            type_: format!("{TYPE_PREFIX}{slug}").into(),
            title: title.into(),
            status,
            detail: detail.into(),
            field: None,
            rule: None,
        }
    }

    /// Names the field at fault and the rule it broke.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<String>, rule: impl Into<String>) -> Self {
        self.field = Some(field.into());
        self.rule = Some(rule.into());
        self
    }

    /// What `type` ends with, or all of it when the problem is not one of ours.
    pub fn slug(&self) -> &str {
        self.type_.strip_prefix(TYPE_PREFIX).unwrap_or(&self.type_)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.title, self.detail)
    }
}

impl From<&TermsError> for Problem {
    fn from(error: &TermsError) -> Self {
        let fault = &error.fault;
        Self::new(fault.slug(), fault.status(), fault.title(), error.to_string())
            .with_field(error.field.clone(), fault.to_string())
    }
}

impl From<TermsError> for Problem {
    fn from(error: TermsError) -> Self {
        Self::from(&error)
    }
}
