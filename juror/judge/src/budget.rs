//! What asking the provider may cost, and that it never costs more.
//!
//! Before each request the most that it can cost is reserved, on disk, within the case's cap and
//! the day's. Afterwards the reservation becomes what the provider says it counted. It stands where
//! nobody says: an answer that never came, and an error, unless that is documented to be free. So
//! no crash, no retry and no two questions at once spend more than the caps. A question for which
//! there is no money is not asked: it has no answer, and is never met.
//!
//! The most that a request can cost is a bound only as long as the provider counts by its own
//! rules. Where it counts more, that is what is booked, and it is asked no more in that case and on
//! that day: neither for a case nor for a preview, which have purses of their own and one list of
//! what was counted too high.

use alloy::primitives::B256;
use serde::{Deserialize, Serialize};
use sqlx::{Row, SqlitePool};
use surety_dialect::WireRequest;

use crate::{JudgeError, provider::Reply};

/// Tokens that prices are per.
const MILLION: u64 = 1_000_000;

/// Prices and caps, in millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BudgetConfig {
    /// What a million tokens of questions cost.
    pub input_micro_usd: u64,
    /// What a million tokens of answers cost.
    pub output_micro_usd: u64,
    /// The most that one case may cost.
    pub case_micro_usd: u64,
    /// The most that all cases of a day may cost.
    pub day_micro_usd: u64,
}

/// Money set aside for one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reserved {
    id: i64,
    case_id: B256,
    day: i64,
    /// What was set aside.
    pub(crate) micro_usd: u64,
}

/// The purse of a juror: its caps, and what its store says was spent.
#[derive(Debug, Clone)]
pub struct Budget {
    config: BudgetConfig,
    pool: SqlitePool,
    overcounts: Overcounts,
}

/// Requests for which the provider counted more than they can cost, of all purses of a juror. Read
/// before each reservation, and written before such a count is booked.
#[derive(Debug, Clone)]
struct Overcounts(SqlitePool);

impl BudgetConfig {
    /// The most that a request can cost that can be counted as so many tokens, and asks for at most
    /// so many.
    pub fn worst(&self, most_input_tokens: u64, max_output_tokens: u32) -> u64 {
        self.cost(most_input_tokens, u64::from(max_output_tokens))
    }

    /// What so many tokens cost, rounded up.
    pub fn cost(&self, input_tokens: u64, output_tokens: u64) -> u64 {
        let part = |tokens: u64, price: u64| {
            let cost = u128::from(tokens).saturating_mul(u128::from(price));
            u64::try_from(cost.div_ceil(u128::from(MILLION))).unwrap_or(u64::MAX)
        };
        part(input_tokens, self.input_micro_usd)
            .saturating_add(part(output_tokens, self.output_micro_usd))
    }
}

impl Budget {
    /// Caps over the juror's database.
    pub fn new(config: BudgetConfig, pool: SqlitePool) -> Self {
        let overcounts = Overcounts(pool.clone());
        Self { config, pool, overcounts }
    }

    /// A purse with caps and a database of its own, which closes with this one: what was counted
    /// too high for either ends both.
    #[must_use]
    pub fn beside(
        &self,
        caps: impl FnOnce(BudgetConfig) -> BudgetConfig,
        pool: SqlitePool,
    ) -> Self {
        Self { config: caps(self.config), pool, overcounts: self.overcounts.clone() }
    }

    /// The most that a request can cost.
    pub(crate) fn worst(&self, request: &WireRequest, max_output_tokens: u32) -> u64 {
        self.config.worst(request.most_tokens(), max_output_tokens)
    }

    /// Replaces a reservation by what the provider counted, or by nothing when it never got the
    /// request or gave an error that is free. Otherwise nobody knows, and the reservation stands.
    pub(crate) async fn pay(&self, reserved: Reserved, reply: &Reply) -> Result<(), JudgeError> {
        if !reply.is_billable {
            return self.settle(reserved, 0).await;
        }
        let (input, output) = reply.counted;
        let cost = self.config.cost(input.unwrap_or(0), output.unwrap_or(0));
        let is_whole = input.is_some() && output.is_some();
        // Half a count leaves the rest open, unless it alone is more than was set aside.
        if is_whole || cost > reserved.micro_usd {
            self.settle(reserved, cost).await
        } else {
            Ok(())
        }
    }

    /// The requests of a day, of this purse and those beside it, for which the provider counted
    /// more than they can cost.
    pub async fn overcounts(&self, day: u64) -> Result<u64, JudgeError> {
        self.overcounts.of_day(day).await
    }

    /// What cases of a day have cost, and what is set aside for them.
    pub(crate) async fn spent(&self, day: u64) -> Result<u64, JudgeError> {
        let sql = "SELECT coalesce(sum(micro_usd), 0) AS spent FROM spending WHERE day = ?";
        let day = i64::try_from(day).unwrap_or(i64::MAX);
        let row = sqlx::query(sql).bind(day).fetch_one(&self.pool).await?;
        let spent = u64::try_from(row.try_get::<i64, _>("spent")?);
        spent.map_err(|_| JudgeError::StoreDamaged { column: "spent" })
    }

    /// Whether the rest of a day leaves less than an answer of so many tokens may cost.
    pub(crate) async fn is_spent(
        &self,
        day: u64,
        max_output_tokens: u32,
    ) -> Result<bool, JudgeError> {
        let least = self.config.worst(0, max_output_tokens);
        Ok(self.spent(day).await?.saturating_add(least) > self.config.day_micro_usd)
    }

    /// Sets money aside for a request about a case on a day of the chain's time; `None` when a cap
    /// leaves too little, or the provider counted too much in this case or on this day.
    pub(crate) async fn reserve(
        &self,
        case_id: B256,
        day: u64,
        micro_usd: u64,
    ) -> Result<Option<Reserved>, JudgeError> {
        let BudgetConfig { case_micro_usd, day_micro_usd, .. } = self.config;
        // More than the database can hold is more than any cap.
        let (Ok(amount), Ok(day)) = (i64::try_from(micro_usd), i64::try_from(day)) else {
            return Ok(None);
        };
        if self.overcounts.closed(case_id, day).await? {
            return Ok(None);
        }
        let left = |cap: u64| {
            i64::try_from(cap).unwrap_or(i64::MAX).checked_sub(amount).filter(|left| *left >= 0)
        };
        let (Some(case_left), Some(day_left)) = (left(case_micro_usd), left(day_micro_usd)) else {
            return Ok(None);
        };
        // One statement, so that two questions at once cannot both take the last of it.
        let row = sqlx::query(
            "INSERT INTO spending (case_id, day, micro_usd) SELECT ?1, ?2, ?3
             WHERE (SELECT coalesce(sum(micro_usd), 0) FROM spending WHERE case_id = ?1) <= ?4
               AND (SELECT coalesce(sum(micro_usd), 0) FROM spending WHERE day = ?2) <= ?5
             RETURNING id",
        )
        .bind(case_id.as_slice())
        .bind(day)
        .bind(amount)
        .bind(case_left)
        .bind(day_left)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| Ok(Reserved { id: row.try_get("id")?, case_id, day, micro_usd })).transpose()
    }

    /// Replaces a reservation by what the request cost, and remembers when that is more than it
    /// can.
    pub(crate) async fn settle(
        &self,
        reserved: Reserved,
        micro_usd: u64,
    ) -> Result<(), JudgeError> {
        if micro_usd > reserved.micro_usd {
            tracing::error!(
                most = reserved.micro_usd,
                micro_usd,
                "the provider counted more than the request can cost: it is asked no more in this \
                 case and today; compare its bill, its prices and the ones in [budget]"
            );
            // First, so that no crash leaves a count booked after which more is asked.
            self.overcounts.add(reserved).await?;
        }
        sqlx::query("UPDATE spending SET micro_usd = ? WHERE id = ?")
            .bind(i64::try_from(micro_usd).unwrap_or(i64::MAX))
            .bind(reserved.id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

impl Overcounts {
    /// Whether nothing more is asked about a case, or on a day.
    async fn closed(&self, case_id: B256, day: i64) -> Result<bool, JudgeError> {
        let row = sqlx::query("SELECT 1 FROM overcounts WHERE case_id = ? OR day = ? LIMIT 1")
            .bind(case_id.as_slice())
            .bind(day)
            .fetch_optional(&self.0)
            .await?;
        Ok(row.is_some())
    }

    async fn add(&self, reserved: Reserved) -> Result<(), JudgeError> {
        sqlx::query("INSERT INTO overcounts (case_id, day) VALUES (?, ?)")
            .bind(reserved.case_id.as_slice())
            .bind(reserved.day)
            .execute(&self.0)
            .await?;
        Ok(())
    }

    async fn of_day(&self, day: u64) -> Result<u64, JudgeError> {
        let row = sqlx::query("SELECT count(*) AS found FROM overcounts WHERE day = ?")
            .bind(i64::try_from(day).unwrap_or(i64::MAX))
            .fetch_one(&self.0)
            .await?;
        let found = u64::try_from(row.try_get::<i64, _>("found")?);
        found.map_err(|_| JudgeError::StoreDamaged { column: "found" })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use futures::future::join_all;
    use proptest::prelude::*;
    use sqlx::sqlite::SqlitePoolOptions;

    use super::*;

    const CONFIG: BudgetConfig = BudgetConfig {
        input_micro_usd: 3_000_000,
        output_micro_usd: 15_000_000,
        case_micro_usd: 1_000,
        day_micro_usd: 2_500,
    };

    /// A juror's database with the cases 0, 1 and 2.
    async fn database() -> SqlitePool {
        let memory = SqlitePoolOptions::new().max_connections(1);
        let pool = memory.connect("sqlite::memory:").await.unwrap();
        sqlx::migrate!("../migrations").run(&pool).await.unwrap();
        for case in 0..3 {
            sqlx::query(
                "INSERT INTO cases VALUES (?1, ?1, 0, 1, ?1, 0, zeroblob(16), x'', 1, NULL)",
            )
            .bind(case_id(case).as_slice())
            .execute(&pool)
            .await
            .unwrap();
        }
        pool
    }

    fn case_id(case: u8) -> B256 {
        B256::repeat_byte(case)
    }

    #[test]
    fn the_worst_is_every_token_that_there_can_be_and_every_price_rounded_up() {
        assert_eq!(CONFIG.worst(100, 10), 300 + 150);
        let cheap = BudgetConfig { input_micro_usd: 1, output_micro_usd: 1, ..CONFIG };
        assert_eq!(cheap.worst(1, 1), 2);
        assert_eq!(cheap.worst(0, 0), 0);
        let dear = BudgetConfig { input_micro_usd: u64::MAX, ..CONFIG };
        assert_eq!(dear.worst(u64::MAX, u32::MAX), u64::MAX);
    }

    #[tokio::test]
    async fn a_cap_lets_the_last_of_it_be_spent_and_no_more() {
        let budget = Budget::new(CONFIG, database().await);
        let reserve = |case, day, amount| budget.reserve(case_id(case), day, amount);
        assert!(reserve(0, 7, 1_001).await.unwrap().is_none());
        let first = reserve(0, 7, 1_000).await.unwrap().unwrap();
        assert!(reserve(0, 7, 1).await.unwrap().is_none(), "the case has nothing left");
        assert!(reserve(1, 7, 1_000).await.unwrap().is_some());
        assert!(reserve(2, 7, 501).await.unwrap().is_none(), "the day has 500 left");
        assert!(reserve(2, 8, 501).await.unwrap().is_some(), "the next day has all");
        budget.settle(first, 400).await.unwrap();
        assert!(reserve(0, 7, 600).await.unwrap().is_some(), "what was not spent is there again");
        assert!(reserve(0, 7, u64::MAX).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn who_counts_more_than_can_be_is_asked_no_more_in_the_case_and_on_the_day() {
        let pool = database().await;
        let budget = Budget::new(CONFIG, pool.clone());
        let first = budget.reserve(case_id(0), 7, 100).await.unwrap().unwrap();
        budget.settle(first, 100).await.unwrap();
        assert_eq!(budget.overcounts(7).await.unwrap(), 0, "the most is not more");
        let second = budget.reserve(case_id(0), 7, 100).await.unwrap().unwrap();
        budget.settle(second, 101).await.unwrap();
        // Another process over the same database.
        let budget = Budget::new(CONFIG, pool);
        assert_eq!(budget.overcounts(7).await.unwrap(), 1);
        assert_eq!(budget.overcounts(8).await.unwrap(), 0);
        let reserve = |case, day| budget.reserve(case_id(case), day, 1);
        assert!(reserve(1, 7).await.unwrap().is_none(), "another case of the day");
        assert!(reserve(0, 8).await.unwrap().is_none(), "the same case on another day");
        assert!(reserve(1, 8).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn purses_beside_each_other_have_caps_of_their_own_and_close_together() {
        let (of_cases, of_previews) = (database().await, database().await);
        let small = |own| BudgetConfig { case_micro_usd: 100, day_micro_usd: 100, ..own };
        let cases = Budget::new(CONFIG, of_cases.clone());
        let previews = cases.beside(small, of_previews.clone());
        let day = cases.reserve(case_id(0), 7, 1_000).await.unwrap().unwrap();
        assert!(previews.reserve(case_id(0), 7, 101).await.unwrap().is_none());
        let preview = previews.reserve(case_id(0), 7, 100).await.unwrap();
        assert!(preview.is_some(), "cases took none of it");
        cases.settle(day, 0).await.unwrap();

        // Too much for a preview ends the day for cases, and the other way round.
        previews.settle(preview.unwrap(), 101).await.unwrap();
        let next = cases.reserve(case_id(1), 8, 1).await.unwrap().unwrap();
        cases.settle(next, 2).await.unwrap();
        // Another process over the same two databases.
        let cases = Budget::new(CONFIG, of_cases);
        let previews = cases.beside(small, of_previews);
        for day in [7, 8] {
            assert!(cases.reserve(case_id(2), day, 1).await.unwrap().is_none(), "{day}");
            assert!(previews.reserve(case_id(2), day, 1).await.unwrap().is_none(), "{day}");
            assert_eq!(cases.overcounts(day).await.unwrap(), 1, "{day}");
        }
        assert!(cases.reserve(case_id(2), 9, 1).await.unwrap().is_some());
        assert!(previews.reserve(case_id(2), 9, 1).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn questions_at_once_never_take_the_same_money() {
        let budget = Budget::new(CONFIG, database().await);
        let reserved = join_all((0..50).map(|_| budget.reserve(case_id(0), 1, 300))).await;
        assert_eq!(reserved.into_iter().filter(|got| got.as_ref().unwrap().is_some()).count(), 3);
    }

    /// What happens to one request.
    #[derive(Debug, Clone, Copy)]
    enum End {
        /// It is answered, at this share of what was set aside, in percent.
        Answered(u64),
        /// It fails and costs nothing; another attempt follows.
        Failed,
        /// Nobody learns what it cost: a timeout, or the process dies.
        Unknown,
    }

    #[derive(Debug, Clone)]
    struct Request {
        case: u8,
        day: u64,
        input_tokens: u64,
        most_tokens: u32,
        attempts: Vec<End>,
    }

    fn any_request() -> impl Strategy<Value = Request> {
        let end = prop_oneof![
            (0_u64..=100).prop_map(End::Answered),
            Just(End::Failed),
            Just(End::Unknown)
        ];
        (0_u8..3, 0_u64..2, 0_u64..200, 0_u32..30, prop::collection::vec(end, 1..3)).prop_map(
            |(case, day, input_tokens, most_tokens, attempts)| Request {
                case,
                day,
                input_tokens,
                most_tokens,
                attempts,
            },
        )
    }

    /// Sends the attempts of one request, and returns what they really cost.
    async fn send(budget: &Budget, request: &Request) -> u64 {
        let mut spent = 0;
        for end in &request.attempts {
            let worst = budget.config.worst(request.input_tokens, request.most_tokens);
            let reserved = budget.reserve(case_id(request.case), request.day, worst).await.unwrap();
            let Some(reserved) = reserved else { break };
            tokio::task::yield_now().await;
            match end {
                End::Answered(percent) => {
                    let cost = worst * percent / 100;
                    budget.settle(reserved, cost).await.unwrap();
                    return spent + cost;
                }
                End::Failed => budget.settle(reserved, 0).await.unwrap(),
                // At worst it cost everything.
                End::Unknown => spent += worst,
            }
        }
        spent
    }

    #[test]
    fn no_schedule_of_requests_retries_and_restarts_spends_more_than_its_caps() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let pool = runtime.block_on(database());
        let config = ProptestConfig { cases: 10_000, ..ProptestConfig::default() };
        let schedule = prop::collection::vec(prop::collection::vec(any_request(), 1..6), 1..4);
        proptest!(config, |(runs in schedule, case_cap in 1_u64..1_500, day_cap in 1_u64..3_000)| {
            runtime.block_on(async {
                sqlx::query("DELETE FROM spending").execute(&pool).await.unwrap();
                let caps =
                    BudgetConfig { case_micro_usd: case_cap, day_micro_usd: day_cap, ..CONFIG };
                let (mut of_case, mut of_day) = (HashMap::new(), HashMap::new());
                for run in &runs {
                    // Each run is another process over the same database.
                    let budget = Budget::new(caps, pool.clone());
                    let spent = join_all(run.iter().map(|request| send(&budget, request))).await;
                    for (request, spent) in run.iter().zip(spent) {
                        *of_case.entry(request.case).or_insert(0_u64) += spent;
                        *of_day.entry(request.day).or_insert(0_u64) += spent;
                    }
                }
                prop_assert!(of_case.values().all(|spent| *spent <= case_cap), "{of_case:?}");
                prop_assert!(of_day.values().all(|spent| *spent <= day_cap), "{of_day:?}");
                Ok(())
            })?;
        });
    }
}
