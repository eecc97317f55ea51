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
pub use personality::{PERSONALITIES, Personality};
use reading::Question;
pub use replay::Replay;
use surety_qualify::llmbar::Llmbar;
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

/// What a personality answers to a question, without any HTTP.
#[cfg(test)]
pub(crate) fn verdict_on(
    personality: Personality,
    question: &surety_jury::prompt::Question,
) -> surety_jury::vote::Answer {
    personality.vote(&Question::of(question)).verdict
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

#[cfg(test)]
mod tests {
    use surety_dialect::{Dialect, Model, WireResponse};
    use surety_jury::vote::{Answer, VoteForm};
    use surety_jury::{AskedCriterion, Nonce, Prompt, Template, View};
    use surety_qualify::llmbar::Item;

    use super::replay::PROMPT;
    use super::*;

    async fn serve(data: Option<Llmbar>) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, router(data)).into_future());
        url
    }

    fn prompt(text: &str, deliverable: &str) -> Prompt {
        let (id, text) = ("list".to_owned(), text.to_owned());
        let criterion = AskedCriterion { id, text, evidence_required: false };
        let view = View::of(deliverable.as_bytes()).unwrap();
        let nonce = Nonce::new([7; 16]);
        Prompt::new(Template::DEFAULT, &criterion, "An order.", &view, &nonce)
    }

    /// Asks as a juror does, over HTTP: the text of the answer and the model's name.
    async fn ask(base: &str, dialect: Dialect, prompt: &Prompt) -> (String, Option<String>) {
        let model = Model::new(dialect, "rehearsal-any", 500).unwrap();
        let request = dialect.build(prompt, &model);
        let mut post = reqwest::Client::new().post(format!("{base}{}", request.path));
        for (name, value) in &request.headers {
            post = post.header(*name, *value);
        }
        let response = post.body(request.body).send().await.unwrap();
        let status = response.status().as_u16();
        let body = response.bytes().await.unwrap();
        let response = WireResponse { status, retry_after: None, body: &body };
        let answer = dialect.parse(&response).unwrap();
        (answer.text, answer.model_reported)
    }

    fn base(url: &str, who: &str, dialect: Dialect) -> String {
        match dialect {
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompatible => {
                format!("{url}/{who}/v1")
            }
            Dialect::Anthropic | Dialect::Gemini | Dialect::Ollama => format!("{url}/{who}"),
        }
    }

    const CRITERION: &str = "Lists at least two suppliers of pumps.";
    const GOOD: &str = "## Suppliers of pumps\n- Alfa in Porto\n- Beta in Lisbon";

    #[tokio::test]
    async fn every_dialect_gets_a_vote_that_a_juror_accepts() {
        let url = serve(None).await;
        for dialect in Dialect::ALL {
            let prompt = prompt(CRITERION, GOOD);
            let (text, model) = ask(&base(&url, "careful", dialect), dialect, &prompt).await;
            let view = View::of(GOOD.as_bytes()).unwrap();
            let vote = surety_jury::Vote::read(&text, &prompt, &view).unwrap();
            assert_eq!((vote.answer, vote.quotes_refused), (Answer::Met, 0), "{dialect}");
            if dialect != Dialect::Gemini {
                assert_eq!(model.as_deref(), Some("rehearsal-careful"), "{dialect}");
            }
        }
    }

    /// Every question about a work, as a juror asks it, with its truth where a program knows it.
    fn queries(work: &str, seed: u8) -> Vec<(Question, Option<Answer>)> {
        let criterion = surety_terms::Criterion {
            id: "list".to_owned(),
            text: "Lists at least three things.".to_owned(),
            weight_bps: surety_terms::Bps::WHOLE,
            mandatory: true,
            evidence_required: seed.is_multiple_of(2),
            kind: surety_terms::Kind::Llm,
        };
        let milestone = surety_terms::MilestoneSheet {
            title: "A work".to_owned(),
            description: String::new(),
            amount: surety_terms::Usdc::ZERO,
            deliver_by: 0,
            pass_bps: surety_terms::Bps::WHOLE,
            pro_rata: false,
            criteria: vec![criterion],
        };
        let view = View::of(work.as_bytes()).unwrap();
        let nonce = Nonce::new([seed; 16]);
        let queries = surety_jury::query::queries(&milestone, &view, &nonce);
        let read = |query: &surety_jury::Query| {
            let prompt = Prompt::new(Template::DEFAULT, &query.asked, "", &view, &nonce);
            (Question::read(&prompt.user).unwrap(), query.truth())
        };
        queries.iter().map(read).collect()
    }

    #[test]
    fn those_who_read_answer_every_canary_truthfully_and_no_others_do() {
        let works = ["suppliers", "email", "interview", "login", "release", "subsidies"];
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("works");
        let mut texts: Vec<String> = works
            .iter()
            .map(|name| std::fs::read_to_string(folder.join(format!("{name}.md"))).unwrap())
            .collect();
        texts.extend(["Coming soon.", "42", "Blue\nor green."].map(str::to_owned));
        let replay = Replay::new(Llmbar::of(vec![], &[]));
        for text in &texts {
            for (question, truth) in (0..100).flat_map(|seed| queries(text, seed)) {
                let Some(truth) = truth else { continue };
                for who in [Personality::Careful, Personality::Lenient, Personality::Strict] {
                    assert_eq!(who.vote(&question).verdict, truth, "{who:?} on {question:?}");
                }
                assert_eq!(replay.vote("gpt-4", &question).verdict, truth, "{question:?}");
            }
            let praised = queries(text, 1).into_iter().filter_map(|(question, truth)| {
                Some((Personality::AlwaysPass.vote(&question).verdict, truth?))
            });
            assert!(praised.into_iter().any(|(got, truth)| got.contradicts(truth)));
        }
    }

    #[tokio::test]
    async fn the_malformed_one_gives_no_vote_and_a_wrong_body_gets_the_apis_own_error() {
        let url = serve(None).await;
        let prompt = prompt(CRITERION, GOOD);
        let dialect = Dialect::OpenAiChat;
        let (text, _) = ask(&base(&url, "malformed", dialect), dialect, &prompt).await;
        assert!(serde_json::from_str::<VoteForm>(&text).is_err());
        let path = format!("{url}/careful/v1/messages");
        let reply = reqwest::Client::new().post(path).body("{}").send().await.unwrap();
        assert_eq!(reply.status(), 400);
        let body: Value = reply.json().await.unwrap();
        assert_eq!(body["error"]["message"], "anthropic-version: header is required");
    }

    #[tokio::test]
    async fn the_silent_one_never_answers_and_the_praising_one_does_not_read() {
        let url = serve(None).await;
        let prompt = prompt(CRITERION, "Nothing of the kind is here.");
        let dialect = Dialect::Anthropic;
        let (text, _) = ask(&base(&url, "always-pass", dialect), dialect, &prompt).await;
        assert_eq!(serde_json::from_str::<VoteForm>(&text).unwrap().verdict, Answer::Met);
        let silent = base(&url, "silent", dialect);
        let answer = ask(&silent, dialect, &prompt);
        assert!(tokio::time::timeout(Duration::from_millis(200), answer).await.is_err());
    }

    #[tokio::test]
    async fn a_recorded_judge_is_found_by_the_deliverable_and_abstains_on_anything_else() {
        let item = |id: &str, good: &str, bad: &str| Item {
            id: id.to_owned(),
            split: "natural".to_owned(),
            input: "Name a colour.".to_owned(),
            output_1: good.to_owned(),
            output_2: bad.to_owned(),
            label: 1,
        };
        let items = vec![item("a", "Blue\nor green.", "A cat, perhaps."), item("b", "Red!", "No")];
        let data = Llmbar::of(items, &[("a", "GPT-4", PROMPT, 1), ("b", "GPT-4", PROMPT, 2)]);
        let url = serve(Some(data)).await;
        for (deliverable, expected) in [
            ("Blue\nor green.", Answer::Met),
            ("A cat, perhaps.", Answer::NotMet),
            ("Red!", Answer::NotMet),
            ("Something else entirely", Answer::CannotVerify),
        ] {
            let prompt = prompt("Is better than the alternative.", deliverable);
            let dialect = Dialect::Gemini;
            let (text, _) = ask(&base(&url, "replay/gpt-4", dialect), dialect, &prompt).await;
            let vote: VoteForm = serde_json::from_str(&text).unwrap();
            assert_eq!(vote.verdict, expected, "{deliverable}");
        }
    }

    #[tokio::test]
    async fn without_data_there_is_nothing_to_replay() {
        let url = serve(None).await;
        let prompt = prompt(CRITERION, GOOD);
        let model = Model::new(Dialect::Ollama, "x", 500).unwrap();
        let request = Dialect::Ollama.build(&prompt, &model);
        let path = format!("{url}/replay/falcon{}", request.path);
        let reply = reqwest::Client::new().post(path).body(request.body).send().await.unwrap();
        assert_eq!(reply.status(), 404);
    }
}
