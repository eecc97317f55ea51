//! The request of an HTTP probe: method, path and what is expected are signed, and the host is
//! signed too or named by the deliverable.

use std::borrow::Cow;

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

use super::compile_pattern;
use crate::error::{Fault, TermsError, excerpt};
use crate::host;
use crate::validate::limits;

/// One request to a service, and what it has to answer. No body and no headers of anybody's choice
/// are sent, and no redirect is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// How it is asked.
    pub method: Method,
    /// Whom; when absent, the deliverable's first line says so.
    pub origin: Option<Origin>,
    /// What is asked for: an absolute path, with a query if there is one.
    pub path: String,
    /// The status that it has to answer with.
    pub status: u16,
    /// A regular expression that is found in the body; of `HEAD` there is none.
    pub pattern: Option<String>,
}

impl Probe {
    pub(super) fn validate(&self, path: &str) -> Result<(), TermsError> {
        let at = |field: &str| format!("{path}.{field}");
        let (got, most) = (self.path.chars().count(), limits::URI_CHARS);
        if got > most {
            return Err(TermsError::at(at("path"), Fault::TextTooLong { got, most }));
        }
        // What the parser would write is what is asked for: no `..`, no fragment, no other host.
        let spelled = Origin::parse("https://host.example")
            .and_then(|origin| origin.join(&self.path))
            .is_some_and(|url| url.fragment().is_none() && request_target(&url) == self.path);
        if !self.path.starts_with('/') || !spelled {
            let got = excerpt(&self.path);
            return Err(TermsError::at(at("path"), Fault::PathInvalid { got }));
        }
        super::within(path, "status", self.status.into(), (200, 599))?;
        match &self.pattern {
            Some(_) if self.method == Method::Head => {
                let fault = Fault::Inconsistent { other: "method", needed: "GET" };
                Err(TermsError::at(at("pattern"), fault))
            }
            Some(pattern) => compile_pattern(pattern, &at("pattern")).map(drop),
            None => Ok(()),
        }
    }
}

/// Path and query as they stand in a request.
fn request_target(url: &Url) -> String {
    url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()))
}

/// How a probe asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// For the body.
    Get,
    /// For status only.
    Head,
}

impl Method {
    /// The word on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
        }
    }
}

/// Scheme, host and port of a service, such as `https://api.example`: nothing else, and no address
/// that [`host::is_public`] does not call public. A name is checked when it is resolved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Url);

impl Origin {
    /// Reads an origin in its one spelling: without slash at the end, without a default port.
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        (Self::of(url)).filter(|origin| origin.to_string() == text)
    }

    fn of(url: Url) -> Option<Self> {
        let bare = matches!(url.scheme(), "http" | "https")
            && url.host().is_some()
            && url.username().is_empty()
            && url.password().is_none()
            && url.path() == "/"
            && url.query().is_none()
            && url.fragment().is_none();
        bare.then_some(Self(url))
    }

    /// Whether the host is a name, or an address of the public internet.
    pub fn may_be_public(&self) -> bool {
        match self.0.host() {
            Some(Host::Ipv4(ip)) => host::is_public(ip.into()),
            Some(Host::Ipv6(ip)) => host::is_public(ip.into()),
            Some(Host::Domain(_)) => true,
            None => false,
        }
    }

    /// The address of `path` there; none when the path leads elsewhere.
    pub fn join(&self, path: &str) -> Option<Url> {
        let url = self.0.join(path).ok()?;
        (url.origin() == self.0.origin()).then_some(url)
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'_, str>::deserialize(deserializer)?;
        let origin = Self::parse(&text).filter(Self::may_be_public);
        origin.ok_or_else(|| {
            de::Error::custom("no origin such as https://api.example at a public address")
        })
    }
}

impl JsonSchema for Origin {
    fn schema_name() -> Cow<'static, str> {
        "Origin".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        json_schema!({
            "type": "string",
            "pattern": "^https?://[^/?#@]+$",
            "description": "Scheme, host and port, in lower case and without a default port.",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn probe(path: &str) -> Probe {
        Probe {
            method: Method::Get,
            origin: None,
            path: path.to_owned(),
            status: 200,
            pattern: None,
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port_in_one_spelling() {
        for good in ["https://api.example", "http://api.example:8080", "https://[2606:4700::1111]"]
        {
            assert_eq!(Origin::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "https://api.example/",
            "https://API.example",
            "https://api.example:443",
            "https://me@api.example",
            "https://api.example/path",
            "https://api.example?x",
            "https://api.example#x",
            "ftp://api.example",
            "file:///etc/passwd",
            "https://2130706433",
            "api.example",
            "",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_origin_that_is_signed_is_not_inside_of_anybodys_network() {
        let read = |text: &str| serde_json::from_str::<Origin>(&format!("\"{text}\""));
        for inside in
            ["http://127.0.0.1", "http://169.254.169.254", "http://[::1]", "http://10.0.0.1:80"]
        {
            assert!(read(inside).is_err(), "{inside}");
        }
        assert!(read("http://8.8.8.8").is_ok());
        assert!(read("https://api.example").is_ok());
    }

    #[test]
    fn a_path_is_absolute_and_leads_nowhere_else() {
        for good in ["/", "/v1/health", "/search?q=a%20b&n=1", "/a/"] {
            assert_eq!(probe(good).validate("kind"), Ok(()), "{good}");
        }
        for bad in [
            "",
            "v1",
            "//evil.example/x",
            "/a/../b",
            "/a#b",
            "/a b",
            "https://evil.example/",
            "/\\e",
        ] {
            let error = probe(bad).validate("kind").unwrap_err();
            let got = (error.field.as_str(), error.fault.slug());
            assert_eq!(got, ("kind.path", "path-invalid"), "{bad}");
        }
    }

    #[test]
    fn a_head_has_no_body_to_search() {
        let pattern = Some("ok".to_owned());
        let head = Probe { method: Method::Head, pattern: pattern.clone(), ..probe("/") };
        assert_eq!(head.validate("kind").unwrap_err().field, "kind.pattern");
        assert_eq!(Probe { pattern, ..probe("/") }.validate("kind"), Ok(()));
        let odd = Probe { status: 99, ..probe("/") };
        assert_eq!(odd.validate("kind").unwrap_err().field, "kind.status");
    }
}
