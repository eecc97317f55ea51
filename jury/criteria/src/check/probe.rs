//! HTTP probes without the network: whom to ask, and what an answer says.
//!
//! Who runs a service decides what it answers, and when. So a probe is the one check that two jurors
//! can answer differently; the answer's digest is in the transcript, and what follows from the
//! answer is the same for everybody.

use alloy::primitives::keccak256;
use surety_terms::check::{Method, Origin, Probe};
use surety_terms::limits;
use url::Url;

use super::{CheckResult, MAX_TEXT_BYTES, text};

/// A longer answer fails.
pub const MAX_ANSWER_BYTES: usize = MAX_TEXT_BYTES;

/// Where the probe asks; what a deliverable says that names no such place is failed.
pub fn target(probe: &Probe, deliverable: &[u8]) -> Result<Url, CheckResult> {
    let named = || {
        let line = deliverable.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = std::str::from_utf8(line).ok()?.trim_end();
        (line.len() <= limits::URI_CHARS).then(|| Origin::parse(line))?
    };
    let origin = probe.origin.clone().or_else(named);
    origin.and_then(|origin| origin.join(&probe.path)).ok_or_else(|| {
        CheckResult::failed("the deliverable's first line is no origin such as https://api.example")
    })
}

/// What an answer says.
pub fn judge(probe: &Probe, status: u16, body: &[u8]) -> CheckResult {
    let needed = probe.status;
    if status != needed {
        return CheckResult::failed(format!("status {status}, the criterion names {needed}"));
    }
    let Some(pattern) = probe.pattern.as_ref().filter(|_| probe.method == Method::Get) else {
        return CheckResult::met(format!("status {status}"));
    };
    let body_is = format!("status {status}, body {}", keccak256(body));
    match text::regex(pattern, surety_terms::Expect::Match, body) {
        CheckResult::Met { detail } => CheckResult::met(format!("{body_is}: {detail}")),
        CheckResult::Failed { detail } => CheckResult::failed(format!("{body_is}: {detail}")),
        CheckResult::Unusable { detail } => CheckResult::unusable(detail),
    }
}

/// Whether an answer may be another one soon: the service is overloaded or restarting. Such an
/// answer is asked for again until the window is nearly over, so that nobody gains by flooding the
/// service while it is judged.
pub const fn is_passing(probe: &Probe, status: u16) -> bool {
    status != probe.status && matches!(status, 408 | 425 | 429 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(origin: Option<&str>) -> Probe {
        Probe {
            method: Method::Get,
            origin: origin.map(|origin| Origin::parse(origin).unwrap()),
            path: "/v1/health?deep=1".to_owned(),
            status: 200,
            pattern: Some("\"ok\"\\s*:\\s*true".to_owned()),
        }
    }

    #[test]
    fn the_deliverable_names_the_host_unless_the_sheet_does() {
        let url = |deliverable: &[u8]| target(&probe(None), deliverable).map(String::from);
        assert_eq!(
            url(b"https://api.example\nIt runs.").unwrap(),
            "https://api.example/v1/health?deep=1"
        );
        assert_eq!(
            url(b"http://a.example:81\r\n").unwrap(),
            "http://a.example:81/v1/health?deep=1"
        );
        for bad in
            [&b""[..], b"see https://api.example", b"https://api.example/", b"file:///etc", b"\xff"]
        {
            assert_eq!(url(bad).unwrap_err().outcome(), "failed", "{bad:?}");
        }
        let signed = target(&probe(Some("https://b.example")), b"https://evil.example").unwrap();
        assert_eq!(signed.host_str(), Some("b.example"));
    }

    #[test]
    fn an_answer_has_the_status_and_the_pattern() {
        let outcome = |status, body: &[u8]| judge(&probe(None), status, body).outcome();
        assert_eq!(outcome(200, b"{\"ok\": true}"), "met");
        assert_eq!(outcome(200, b"{\"ok\": false}"), "failed");
        assert_eq!(outcome(200, b"\xff\"ok\":true"), "failed");
        assert_eq!(outcome(200, &vec![b'a'; MAX_ANSWER_BYTES + 1]), "failed");
        assert_eq!(outcome(404, b"{\"ok\": true}"), "failed");
        let head = Probe { method: Method::Head, pattern: None, ..probe(None) };
        assert_eq!(judge(&head, 200, b"").outcome(), "met");
        let broken = Probe { pattern: Some("(".to_owned()), ..probe(None) };
        assert_eq!(judge(&broken, 200, b"").outcome(), "unusable");
    }

    #[test]
    fn an_overload_passes_unless_it_is_what_was_asked_for() {
        for status in [408, 429, 500, 503] {
            assert!(is_passing(&probe(None), status), "{status}");
        }
        for status in [200, 201, 301, 400, 401, 404] {
            assert!(!is_passing(&probe(None), status), "{status}");
        }
        assert!(!is_passing(&Probe { status: 503, ..probe(None) }, 503));
    }
}
