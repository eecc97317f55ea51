//! Numbers in the text format of Prometheus.

use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;

/// The content type of a page.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is registered, as text.
pub fn text(registry: &Registry) -> Option<String> {
    let mut text = String::new();
    encode(&mut text, registry).ok()?;
    Some(text)
}

/// The names of the series that a page describes, without the suffixes of counters.
pub fn names(page: &str) -> Vec<&str> {
    page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect()
}
