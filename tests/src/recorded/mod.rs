//! What a juror leaves on its disk of a case, recorded with the rehearsal's and the replay's
//! providers: real judging, over real HTTP, in any dialect.

pub mod corpus;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use alloy::primitives::{B128, B256, hex, keccak256};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use surety_demo::provider;
use surety_dialect::Dialect;
use surety_fetch::Bounds;
use surety_judge::{Case, Judge, Kept, Provider, ProviderConfig, Records, Until};
use surety_jury::{Opinion, Source};
use surety_qualify::Llmbar;
use surety_replay::Evidence;
use surety_terms::{MilestoneSheet, Reveal};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// Who answers, as the provider server's paths name it (`careful`, `replay/gpt-4`), and in which
/// wire format.
pub type Seat<'a> = (&'a str, Dialect);

/// What is judged.
#[derive(Clone, Debug)]
pub struct Work {
    /// The milestone, as it was signed.
    pub milestone: MilestoneSheet,
    /// The bytes that were delivered.
    pub deliverable: Vec<u8>,
    /// What the buyer revealed.
    pub reveals: Vec<Reveal>,
    /// The prompt template that the sheet pins.
    pub template: Option<B256>,
}

/// What one juror has on disk of one case.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The Merkle root of its transcript.
    pub root: B256,
    /// The transcript.
    pub transcript: Vec<u8>,
    /// The milestone, as it was signed.
    pub milestone: MilestoneSheet,
    /// The bytes that were judged.
    pub deliverable: Vec<u8>,
    /// What the juror came to.
    pub opinion: Opinion,
    /// The prompt template that the sheet pins.
    pub template: Option<B256>,
}

impl Recorded {
    /// What a replay starts from.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence {
            transcript: &self.transcript,
            root: self.root,
            milestone: &self.milestone,
            deliverable: Some(&self.deliverable),
            template: self.template,
        }
    }
}

/// A juror's desk without a chain, and the provider server beside it.
#[derive(Debug)]
pub struct Recorder {
    url: String,
    folder: TempDir,
    pool: SqlitePool,
    records: Records,
}

impl Recorder {
    /// With these recorded judges beside the rehearsal's.
    pub async fn start(judges: Llmbar) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, provider::router(Some(judges))).await });
        let folder = tempfile::tempdir().expect("a folder");
        let options = SqliteConnectOptions::new()
            .filename(folder.path().join("juror.sqlite"))
            .create_if_missing(true)
            .pragma("synchronous", "OFF");
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await;
        let pool = pool.expect("a database");
        sqlx::migrate!("../juror/migrations").run(&pool).await.expect("a juror's tables");
        let files = surety_store::Blobs::folder(&folder.path().join("transcripts"));
        let records = Records::new(pool.clone(), files.expect("a folder for transcripts"));
        Self { url, folder, pool, records }
    }

    /// Judges one case as a juror does, and takes what it left on disk. The nonce follows from the
    /// case's id, so that the same case is asked in the same words again.
    pub async fn record(&self, case_id: B256, seat: Seat<'_>, work: &Work) -> Recorded {
        let case = Case {
            case_id,
            deliverable: keccak256(&work.deliverable),
            nonce: B128::from_slice(&keccak256([case_id.0, [1; 32]].concat())[..16]),
            template: work.template,
        };
        sqlx::query("INSERT INTO cases VALUES (?, ?, 0, 1, ?, 0, ?, x'', 1, NULL)")
            .bind(case.case_id.as_slice())
            .bind(case.case_id.as_slice())
            .bind(case.deliverable.as_slice())
            .bind(case.nonce.as_slice())
            .execute(&self.pool)
            .await
            .expect("a case that was not recorded before");
        let judge = self.judge(seat);
        let session = judge.session(&self.records, case, &work.milestone).await;
        let mut session = session.expect("an empty transcript");
        let read = session.read(work.deliverable.clone(), &work.reveals).await;
        read.expect("the deliverable is read");
        let until = Until { deadline: Instant::now() + Duration::from_hours(1), day: 0 };
        let opinion = session.last_round(until).await.expect("an opinion");
        let root = session.conclude(opinion).await.expect("a transcript");
        let transcript =
            self.records.file(Kept::Transcript, root).await.expect("a readable folder");
        Recorded {
            root,
            transcript: transcript.expect("the transcript lies under its root"),
            milestone: work.milestone.clone(),
            deliverable: work.deliverable.clone(),
            opinion,
            template: work.template,
        }
    }

    fn judge(&self, (who, dialect): Seat<'_>) -> Judge {
        let is_versioned = matches!(
            dialect,
            Dialect::OpenAiChat | Dialect::OpenAiResponses | Dialect::OpenAiCompatible
        );
        let base = format!("{}/{who}{}", self.url, if is_versioned { "/v1" } else { "" });
        let config = ProviderConfig {
            dialect,
            base_url: base.parse().expect("the server has a URL"),
            model: "m-1".to_owned(),
            api_key_env: None,
            timeout_secs: 60,
            max_output_tokens: 900,
            breaker_outages: 1_000,
            breaker_secs: 1,
        };
        let is_replayed = who.starts_with("replay/");
        let family = if is_replayed { who.replace('/', "-") } else { format!("rehearsal-{who}") };
        Judge {
            provider: Provider::new(&config, None).expect("a provider without a key"),
            budget: None,
            source: Source::of_family(&family),
            family,
            questions: 4,
            bounds: Bounds {
                allow_private_hosts: true,
                most_bytes: 10_000,
                within: Duration::from_secs(1),
            },
            check_within: Duration::from_mins(1),
        }
    }

    fn blobs_folder(&self) -> PathBuf {
        self.folder.path().join("transcripts/blobs")
    }

    /// The bytes of a request or an answer, as they lie on disk.
    pub fn blob(&self, digest: B256) -> Option<Vec<u8>> {
        std::fs::read(self.blobs_folder().join(hex::encode(digest))).ok()
    }

    /// The digests of all of them.
    pub fn blobs(&self) -> Vec<B256> {
        let Ok(entries) = std::fs::read_dir(self.blobs_folder()) else { return Vec::new() };
        let names = entries.flatten().map(|entry| entry.file_name());
        names.filter_map(|name| name.to_str()?.parse().ok()).collect()
    }
}
