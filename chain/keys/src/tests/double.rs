//! A double of AWS KMS's JSON interface that holds one real key and really signs with it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "in a test a broken expectation is its failure"
)]

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use alloy::signers::k256::ecdsa::{Signature, SigningKey, signature::hazmat::PrehashSigner as _};
use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

/// What the double does when it is asked to sign, or for its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mood {
    /// It signs; every other signature has a high s, as KMS's often have.
    Signs,
    /// It signs with another key than the one that it shows.
    Strays,
    /// It refuses with this error.
    Refuses(&'static str),
    /// It shows a key of another curve.
    Foreign,
    /// It is no KMS.
    Babbles,
}

/// A running double.
#[derive(Clone, Debug)]
pub(crate) struct Kms {
    pub(crate) url: String,
    state: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    key: SigningKey,
    mood: Mood,
    signed: AtomicUsize,
    high: AtomicUsize,
}

impl Kms {
    /// Starts one on a free port.
    pub(crate) async fn start(key: [u8; 32], mood: Mood) -> Self {
        let key = SigningKey::from_slice(&key).unwrap();
        let (signed, high) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let state = Arc::new(Inner { key, mood, signed, high });
        let app = Router::new().route("/", post(answer)).with_state(Arc::clone(&state));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        drop(tokio::spawn(async move { axum::serve(listener, app).await.unwrap() }));
        Self { url, state }
    }

    /// How many digests it signed, and how many of the signatures had a high s.
    pub(crate) fn signed(&self) -> (usize, usize) {
        (self.state.signed.load(Ordering::SeqCst), self.state.high.load(Ordering::SeqCst))
    }
}

async fn answer(
    State(kms): State<Arc<Inner>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, Json<Value>) {
    if let Mood::Refuses(code) = kms.mood {
        return (StatusCode::BAD_REQUEST, Json(json!({ "__type": code, "message": "no" })));
    }
    if kms.mood == Mood::Babbles {
        return (StatusCode::OK, Json(json!({ "hello": "world" })));
    }
    let signed = headers["authorization"].to_str().unwrap();
    assert!(signed.starts_with("AWS4-HMAC-SHA256 Credential="), "requests are signed");
    let asked: Value = serde_json::from_str(&body).unwrap();
    match headers["x-amz-target"].to_str().unwrap() {
        "TrentService.GetPublicKey" => (StatusCode::OK, Json(kms.public_key(&asked))),
        "TrentService.Sign" => (StatusCode::OK, Json(kms.sign(&asked))),
        other => panic!("{other} was asked"),
    }
}

impl Inner {
    fn public_key(&self, asked: &Value) -> Value {
        // SubjectPublicKeyInfo of an uncompressed point on secp256k1; its last byte names the curve.
        let mut der = alloy::hex::decode("3056301006072a8648ce3d020106052b8104000a034200").unwrap();
        let point = self.key.verifying_key().to_encoded_point(false);
        der.extend_from_slice(point.as_bytes());
        if self.mood == Mood::Foreign {
            // A point that is not on the curve.
            *der.last_mut().unwrap() ^= 1;
        }
        json!({
            "KeyId": asked["KeyId"],
            "KeySpec": "ECC_SECG_P256K1",
            "KeyUsage": "SIGN_VERIFY",
            "PublicKey": STANDARD.encode(der),
            "SigningAlgorithms": ["ECDSA_SHA_256"],
        })
    }

    fn sign(&self, asked: &Value) -> Value {
        assert_eq!(asked["MessageType"], "DIGEST");
        assert_eq!(asked["SigningAlgorithm"], "ECDSA_SHA_256");
        let digest = STANDARD.decode(asked["Message"].as_str().unwrap()).unwrap();
        assert_eq!(digest.len(), 32);
        let stray = SigningKey::from_slice(&[9; 32]).unwrap();
        let key = if self.mood == Mood::Strays { &stray } else { &self.key };
        let low: Signature = key.sign_prehash(&digest).unwrap();
        let low = low.normalize_s().unwrap_or(low);
        let nth = self.signed.fetch_add(1, Ordering::SeqCst);
        let signature = if nth % 2 == 1 {
            self.high.fetch_add(1, Ordering::SeqCst);
            let (r, s) = low.split_scalars();
            Signature::from_scalars(r, -s).unwrap()
        } else {
            low
        };
        json!({
            "KeyId": asked["KeyId"],
            "Signature": STANDARD.encode(signature.to_der()),
            "SigningAlgorithm": "ECDSA_SHA_256",
        })
    }
}
