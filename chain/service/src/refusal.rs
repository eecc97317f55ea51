//! A problem document as an answer (RFC 9457).

use std::borrow::Cow;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use surety_terms::Problem;
use surety_terms::problem::CONTENT_TYPE;

/// Why a request was refused, for whoever counts refusals. It stands in the response's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(Cow<'static, str>);

impl Refused {
    /// The problem's slug, without what belongs to a single occurrence.
    pub fn reason(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

/// The answer. Who may come again is told when.
pub fn answer(problem: &Problem) -> Response {
    let status = StatusCode::from_u16(problem.status);
    let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(problem)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    let later = match status {
        StatusCode::TOO_MANY_REQUESTS => Some("1"),
        StatusCode::SERVICE_UNAVAILABLE => Some("5"),
        _ => None,
    };
    if let Some(secs) = later {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(secs));
    }
    response.extensions_mut().insert(Refused(problem.slug().to_owned().into()));
    response
}
