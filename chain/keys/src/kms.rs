//! Keys that AWS KMS holds.
//!
//! Amazon's SDK speaks through our own HTTP client, so there is one TLS stack in the process. What
//! it says when something fails stays here: its words hold request ids, hosts and account numbers.

use std::time::Duration;

use alloy_signer_aws::{AwsSigner, AwsSignerError};
use aws_config::{BehaviorVersion, ConfigLoader, Region, timeout::TimeoutConfig};
use aws_sdk_kms::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_runtime_api::{
    client::{
        http::{
            HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector,
            http_client_fn,
        },
        orchestrator::{HttpRequest, HttpResponse},
        result::ConnectorError,
    },
    http::StatusCode,
};
use aws_smithy_types::body::SdkBody;
use url::Url;

use crate::{Key, KeyError};

/// How long one answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// How long one operation may take, retries included.
const OPERATION_WITHIN: Duration = Duration::from_secs(20);
/// The largest answer: a public key or a signature in JSON.
const MOST_BYTES: usize = 64 << 10;

/// Asks KMS for the key's public side.
pub(crate) async fn open(
    key_id: String,
    region: Option<String>,
    endpoint_url: Option<Url>,
) -> Result<Key, KeyError> {
    let loader = aws_config::defaults(BehaviorVersion::latest());
    open_with(loader, key_id, region, endpoint_url).await
}

async fn open_with(
    loader: ConfigLoader,
    key_id: String,
    region: Option<String>,
    endpoint_url: Option<Url>,
) -> Result<Key, KeyError> {
    let wrong = |why| KeyError::Kms { key_id: key_id.clone(), why };
    let http = http_client().ok_or_else(|| wrong("the HTTP client cannot be built"))?;
    let timeouts = TimeoutConfig::builder()
        .operation_attempt_timeout(ANSWER_WITHIN)
        .operation_timeout(OPERATION_WITHIN)
        .build();
    let mut loader = loader.http_client(http).timeout_config(timeouts);
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(url) = endpoint_url {
        loader = loader.endpoint_url(url.as_str().trim_end_matches('/'));
    }
    let config = Box::pin(loader.load()).await;
    if config.region().is_none() {
        return Err(wrong("no region is configured: give region"));
    }
    let signer = Box::pin(AwsSigner::new(Client::new(&config), key_id.clone(), None)).await;
    let signer = signer.map_err(|error| wrong(why(&error)))?;
    Ok(Key(std::sync::Arc::new(signer)))
}

/// Why a signature did not come.
pub(crate) fn unsigned(error: &alloy::signers::Error) -> KeyError {
    if let alloy::signers::Error::Other(other) = error
        && let Some(error) = other.downcast_ref::<AwsSignerError>()
    {
        return KeyError::KmsUnsigned { why: why(error) };
    }
    KeyError::Signer
}

/// What is wrong and what to do, in our own words.
fn why(error: &AwsSignerError) -> &'static str {
    match error {
        AwsSignerError::Sign(error) => sdk(error),
        AwsSignerError::GetPublicKey(error) => sdk(error),
        AwsSignerError::Spki(_) | AwsSignerError::K256(_) => {
            "the key is no secp256k1 key: make one with spec ECC_SECG_P256K1 and usage SIGN_VERIFY"
        }
        AwsSignerError::SignatureRecoveryFailed => {
            "it signed with another key: the alias was pointed elsewhere, restart this service"
        }
        AwsSignerError::Hex(_)
        | AwsSignerError::SignatureNotFound
        | AwsSignerError::PublicKeyNotFound => "the answer is not one of KMS: check endpoint_url",
    }
}

fn sdk<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> &'static str {
    match error {
        SdkError::TimeoutError(_) => "KMS does not answer in time: try again, or check the network",
        SdkError::ConstructionFailure(_) => "the request cannot be built: check kms and region",
        // Looking for credentials fails here too.
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            "KMS cannot be reached: check region, endpoint_url and the network"
        }
        SdkError::DispatchFailure(_) => {
            "no AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a \
             profile, or a role"
        }
        SdkError::ServiceError(said) => code(said.err().code()),
        SdkError::ResponseError(_) | _ => "the answer is not one of KMS: check endpoint_url",
    }
}

fn code(code: Option<&str>) -> &'static str {
    match code {
        Some("AccessDeniedException") => {
            "the credentials may not use it: allow kms:GetPublicKey and kms:Sign"
        }
        Some("NotFoundException") => "there is no such key in this region: check kms and region",
        Some("DisabledException" | "KMSInvalidStateException") => {
            "the key is disabled or about to be deleted: enable it in KMS"
        }
        Some("InvalidKeyUsageException" | "UnsupportedOperationException") => {
            "the key does not sign: make one with spec ECC_SECG_P256K1 and usage SIGN_VERIFY"
        }
        Some(
            "UnrecognizedClientException"
            | "InvalidSignatureException"
            | "InvalidClientTokenId"
            | "ExpiredTokenException"
            | "IncompleteSignature",
        ) => "KMS does not accept the AWS credentials: renew them",
        Some("ThrottlingException") => "KMS is asked too often: raise its quota",
        _ => "KMS refuses: look into CloudTrail for the reason",
    }
}

/// Amazon's requests over our own client.
#[derive(Debug, Clone)]
struct OverReqwest(reqwest::Client);

fn http_client() -> Option<SharedHttpClient> {
    let client = reqwest::Client::builder()
        .timeout(ANSWER_WITHIN)
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .ok()?;
    let connector = SharedHttpConnector::new(OverReqwest(client));
    Some(http_client_fn(move |_, _| connector.clone()))
}

impl HttpConnector for OverReqwest {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let client = self.0.clone();
        HttpConnectorFuture::new(send(client, request))
    }
}

async fn send(
    client: reqwest::Client,
    request: HttpRequest,
) -> Result<HttpResponse, ConnectorError> {
    let user = |what: &'static str| ConnectorError::user(what.into());
    let method = request.method().parse().map_err(|_| user("method"))?;
    let url: Url = request.uri().parse().map_err(|_| user("address"))?;
    let mut copy = reqwest::Request::new(method, url);
    for (name, value) in request.headers() {
        let name = reqwest::header::HeaderName::try_from(name).map_err(|_| user("header"))?;
        let mut value =
            reqwest::header::HeaderValue::try_from(value).map_err(|_| user("header"))?;
        // Credentials: no layer below logs what is marked so.
        value.set_sensitive(true);
        copy.headers_mut().append(name, value);
    }
    let body = request.body().bytes().ok_or_else(|| user("body"))?;
    *copy.body_mut() = Some(body.to_vec().into());
    let failed = |error: reqwest::Error| {
        if error.is_timeout() {
            ConnectorError::timeout("no answer in time".into())
        } else {
            ConnectorError::io("no answer".into())
        }
    };
    let mut answer = client.execute(copy).await.map_err(failed)?;
    let status = StatusCode::try_from(answer.status().as_u16()).map_err(|_| user("status"))?;
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(failed)? {
        if bytes.len().saturating_add(chunk.len()) > MOST_BYTES {
            return Err(ConnectorError::io("the answer is too large".into()));
        }
        bytes.extend_from_slice(&chunk);
    }
    let mut response = HttpResponse::new(status, SdkBody::from(bytes));
    for (name, value) in answer.headers() {
        if let Ok(value) = value.to_str() {
            let added = response.headers_mut().try_append(name.to_string(), value.to_owned());
            added.map_err(|_| user("header"))?;
        }
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, keccak256};
    use aws_sdk_kms::config::Credentials;

    use super::*;
    use crate::double::{Kms, Mood};

    const KEY: [u8; 32] = [7; 32];

    async fn open_at(url: &str) -> Result<Key, KeyError> {
        let credentials = Credentials::new("AKIATEST", "planted-aws-secret", None, None, "test");
        let loader = aws_config::defaults(BehaviorVersion::latest())
            .credentials_provider(credentials)
            .retry_config(aws_config::retry::RetryConfig::disabled());
        let (region, url) = (Some("eu-central-1".to_owned()), Some(url.parse().unwrap()));
        open_with(loader, "alias/juror".to_owned(), region, url).await
    }

    async fn open(kms: &Kms) -> Result<Key, KeyError> {
        open_at(&kms.url).await
    }

    #[tokio::test]
    async fn a_key_in_kms_signs_what_a_local_key_would_with_a_low_s() {
        let kms = Kms::start(KEY, Mood::Signs).await;
        let key = open(&kms).await.unwrap();
        let local = alloy::signers::local::PrivateKeySigner::from_bytes(&B256::from(KEY)).unwrap();
        assert_eq!(key.address(), local.address());
        for n in 0_u8..8 {
            let digest = keccak256([n]);
            let signature = key.sign(&digest).await.unwrap();
            assert_eq!(signature.normalize_s(), None, "s is low already");
            assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), local.address());
        }
        assert_eq!(kms.signed(), (8, 4));
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_key_is_said_with_what_to_do() {
        for (mood, needed) in [
            (Mood::Refuses("AccessDeniedException"), "allow kms:GetPublicKey"),
            (Mood::Refuses("NotFoundException"), "no such key"),
            (Mood::Refuses("UnrecognizedClientException"), "renew them"),
            (Mood::Refuses("Novelty"), "CloudTrail"),
            (Mood::Foreign, "ECC_SECG_P256K1"),
            (Mood::Babbles, "check endpoint_url"),
        ] {
            let kms = Kms::start(KEY, mood).await;
            let fault = open(&kms).await.unwrap_err().to_string();
            assert!(fault.starts_with("AWS KMS key alias/juror: "), "{fault}");
            assert!(fault.contains(needed), "{mood:?}: {fault}");
            assert!(!fault.contains("planted"), "{fault}");
        }
        let fault = open_at("http://127.0.0.1:1").await.unwrap_err().to_string();
        assert!(fault.contains("cannot be reached"), "{fault}");
    }

    #[tokio::test]
    async fn a_signature_of_another_key_is_no_signature() {
        let kms = Kms::start(KEY, Mood::Strays).await;
        let key = open(&kms).await.unwrap();
        let fault = key.sign(&keccak256([1])).await.unwrap_err().to_string();
        assert!(fault.contains("signed with another key"), "{fault}");
    }
}
