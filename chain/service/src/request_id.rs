//! A name for each request, from the client to whoever is asked because of it.

use axum::extract::Request;
use axum::http::HeaderValue;
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument as _;

/// The header.
pub const HEADER: &str = "x-request-id";
/// The longest id that is taken over.
const MOST: usize = 64;

tokio::task_local! {
    static CURRENT: String;
}

/// A fresh id.
pub fn fresh() -> String {
    format!("{:032x}", rand::random::<u128>())
}

/// Whether a foreign id may go into logs and headers.
fn is_good(id: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    (1..=MOST).contains(&id.len()) && id.chars().all(plain)
}

/// The id of the request for which the current task works.
pub fn current() -> Option<String> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Works in the name of a request.
pub async fn within<T>(id: String, work: impl Future<Output = T>) -> T {
    CURRENT.scope(id, work).await
}

/// Middleware: takes a good id over or makes one, logs under it and returns it.
pub async fn identify(request: Request, next: Next) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let id = given.filter(|id| is_good(id)).map_or_else(fresh, ToOwned::to_owned);
    // The path holds ids at most; the query is the client's, and stays out of the log.
    let span = tracing::info_span!(
        "request", id, method = %request.method(), path = request.uri().path()
    );
    let shown = HeaderValue::from_str(&id);
    let mut response = within(id, next.run(request).instrument(span)).await;
    if let Ok(shown) = shown {
        response.headers_mut().insert(HEADER, shown);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_foreign_id_is_short_and_plain_or_another_is_made() {
        assert!(is_good("a-1_B.2") && is_good(&fresh()));
        for bad in ["", "a b", "a\nb", "ä", "\"", &"a".repeat(65)] {
            assert!(!is_good(bad), "{bad:?}");
        }
        assert_ne!(fresh(), fresh());
        assert_eq!(current(), None);
        assert_eq!(within("a".to_owned(), async { current() }).await.as_deref(), Some("a"));
    }
}
