//! The server that answers for LLM providers when there are no keys: rehearsal and replay, on one
//! port.
//!
//! The first part of a path says who answers: `/careful/v1/chat/completions` is a personality of the
//! rehearsal, `/replay/gpt-4/v1/messages` a recorded judge. Whoever answers sees the prompt and
//! nothing else. The model's name says what it was: `rehearsal-careful`, `replay-gpt-4`.

mod demand;
mod injection;
mod measure;
mod opinion;
mod personality;
mod reading;
mod replay;
mod wire;

use std::future::IntoFuture as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use clap::Args;
use serde_json::Value;
use tokio::net::TcpListener;

use crate::error::DemoError;
use crate::llmbar::Llmbar;
pub use personality::{PERSONALITIES, Personality};
use reading::Question;
pub use replay::Replay;
use wire::{Format, Refused};

/// The slow personality's delay.
const SLOW: Duration = Duration::from_secs(2);
/// A prompt carries a deliverable; nobody's is larger here.
const BODY_MAX_BYTES: usize = 8 << 20;

/// How the provider server is started.
#[derive(Debug, Args)]
pub struct ProviderArgs {
    /// Where to listen; port 0 takes a free one. The address is printed on stdout.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub listen: String,
    /// A folder with LLMBar's items.jsonl and judges.csv, to replay recorded judges.
    #[arg(long)]
    pub data: Option<PathBuf>,
}

/// Who answers a request.
enum Who {
    Rehearsal(Personality),
    Replay(String),
}

/// Serves until the process is ended.
pub async fn run(args: &ProviderArgs) -> Result<u8, DemoError> {
    let data = args.data.as_deref().map(Llmbar::load).transpose()?;
    let listen = |source| DemoError::Listen { address: args.listen.clone(), source };
    let listener = TcpListener::bind(&args.listen).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr().map_err(listen)?);
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{url}").map_err(DemoError::file("stdout"))?;
    stdout.flush().map_err(DemoError::file("stdout"))?;
    drop(stdout);
    axum::serve(listener, router(data)).into_future().await.map_err(listen)?;
    Ok(0)
}

/// The server's routes; with `data` it also replays.
pub fn router(data: Option<Llmbar>) -> Router {
    let replay = data.map(|data| Arc::new(Replay::new(data)));
    Router::new()
        .route("/livez", axum::routing::get(|| async { "ok" }))
        .fallback(axum::routing::post(answer))
        .layer(DefaultBodyLimit::max(BODY_MAX_BYTES))
        .with_state(replay)
}

async fn answer(
    State(replay): State<Option<Arc<Replay>>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = uri.path();
    let (Some(format), Some((who, model))) = (Format::of_path(path), who(path)) else {
        return (StatusCode::NOT_FOUND, "no such model or wire format here\n").into_response();
    };
    let asked = match format.read(&headers, &body) {
        Ok(asked) => asked,
        Err(refused) => return refuse(format, &refused),
    };
    let Some(question) = Question::read(&asked.user) else {
        let message = "messages: there is no question that this server can read".to_owned();
        return refuse(format, &Refused { status: 400, message });
    };
    let vote = match (&who, &replay) {
        (Who::Rehearsal(Personality::Silent), _) => return std::future::pending().await,
        (Who::Rehearsal(Personality::Malformed), _) => {
            let answer = "{\"verdict\": \"MET\", \"evidence\": [";
            return reply(StatusCode::OK, &format.answer(&model, &asked, answer));
        }
        (Who::Rehearsal(personality), _) => {
            if *personality == Personality::Slow {
                tokio::time::sleep(SLOW).await;
            }
            personality.vote(&question)
        }
        (Who::Replay(judge), Some(replay)) => replay.vote(judge, &question),
        (Who::Replay(_), None) => {
            let message = "model: the provider server was started without --data".to_owned();
            return refuse(format, &Refused { status: 404, message });
        }
    };
    // Texts, numbers and a bool: this cannot fail, and an empty answer is no vote.
    let answer = serde_json::to_string(&vote.form(&question)).unwrap_or_default();
    reply(StatusCode::OK, &format.answer(&model, &asked, &answer))
}

fn who(path: &str) -> Option<(Who, String)> {
    let mut parts = path.trim_start_matches('/').split('/');
    match parts.next()? {
        "replay" => {
            let judge = parts.next().filter(|judge| Replay::knows(judge))?;
            Some((Who::Replay(judge.to_owned()), format!("replay-{judge}")))
        }
        name => {
            let personality = Personality::of_name(name)?;
            Some((Who::Rehearsal(personality), format!("rehearsal-{name}")))
        }
    }
}

fn refuse(format: Format, refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::BAD_REQUEST);
    reply(status, &format.error(refused))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, axum::Json(body)).into_response()
}
