//! The crash matrix: the real binary is killed at every named point of its state machines, and again
//! while it recovers, on a real anvil.
//!
//! ```text
//! each point            where the passages differ, then once more a few points into the recovery
//! each scene, deep      at its first, second, third, ... passage through any point, to its end
//! after each            all cases are over, every dollar where it belongs, nothing queued or due
//! after all             nonces without a gap, and an audit that finds nothing
//! ```
//!
//! One chain and one store see all of it, as an operator's do.

use std::ops::Range;

use anyhow::Result;
use surety_failpoint::{ANY, POINTS};
use surety_tests::actors;

use super::place::Place;
use super::run::{Ended, Reached, Run};
use super::scene::{self, SCENES, Scene};

/// Problems after which nobody learns from more of them.
const ENOUGH: usize = 5;
/// The recovery is killed at this passage through any point: after its start, in its first work.
const RECOVERY: Range<u32> = 3..4;
/// In the long form it is killed at each of these, in a run of its own.
const RECOVERIES: Range<u32> = 1..9;

/// What all runs showed.
#[derive(Debug, Default)]
struct Tally {
    runs: u64,
    kills: u64,
    lost: u64,
    double: u64,
    problems: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_every_point_and_again_while_it_recovers_it_loses_and_doubles_nothing() {
    let Some(place) = Place::start().await.unwrap() else {
        println!("notice: no anvil here, nothing was killed");
        return;
    };
    let first_nonce = place.relayed().await.unwrap();
    let mut tally = Tally::default();
    let is_deep = std::env::var_os("SURETY_DEEP").is_some();
    points(&place, is_deep, &mut tally).await;
    if is_deep {
        for scene in SCENES {
            passages(&place, scene, &mut tally).await;
        }
    }
    let Tally { runs, kills, lost, double, problems } = &tally;
    let points = POINTS.len();
    println!("crash: points={points} runs={runs} kills={kills} lost={lost} double={double}");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
    assert_eq!((*lost, *double), (0, 0));
    nonces_have_no_gap(&place, first_nonce).await.unwrap();
    the_audit_finds_nothing(&place).await.unwrap();
}

/// Each point, in the scenes and at the passages that differ.
async fn points(place: &Place, is_deep: bool, tally: &mut Tally) {
    for point in POINTS {
        let recoveries = if is_deep { RECOVERIES } else { RECOVERY };
        for (scene, passages) in scene::of(point) {
            for passage in passages {
                for recovery in recoveries.clone() {
                    let deaths = [format!("{point}:{passage}"), format!("{ANY}:{recovery}")];
                    tally.run(place, scene, &deaths).await;
                }
            }
        }
    }
}

/// The whole scene, killed one point later each time, until it comes to its end alive.
async fn passages(place: &Place, scene: &'static Scene, tally: &mut Tally) {
    for passage in 1_u32.. {
        let before = tally.kills;
        tally.run(place, scene, &[format!("{ANY}:{passage}")]).await;
        let first = u64::from(scene.first.is_some());
        if tally.kills == before + first || tally.problems.len() >= ENOUGH {
            return;
        }
    }
}

impl Tally {
    /// One deal, and what became of it.
    async fn run(&mut self, place: &Place, scene: &'static Scene, deaths: &[String]) {
        if self.problems.len() >= ENOUGH {
            return;
        }
        self.runs += 1;
        let harm = match Box::pin(self.live_and_die(place, scene, deaths)).await {
            Ok(None) => return,
            Ok(Some(harm)) => harm,
            Err(error) => {
                self.lost += 1;
                format!("{error:#}")
            }
        };
        let (name, log) = (scene.name, place.log());
        self.problems.push(format!("{name}, killed at {deaths:?}: {harm}\n{log}"));
    }

    /// What is wrong, if anything.
    async fn live_and_die(
        &mut self,
        place: &Place,
        scene: &'static Scene,
        deaths: &[String],
    ) -> Result<Option<String>> {
        let mut run = Run::new(place, scene, self.runs).await?;
        self.kills += u64::from(run.die_first().await? == Ended::Killed);
        for death in deaths {
            let any = death.starts_with(ANY);
            let reached = if any { Reached::Perhaps } else { Reached::Surely };
            self.kills += u64::from(run.die(death, reached).await? == Ended::Killed);
        }
        let harm = run.survive().await?;
        self.lost += u64::from(harm.lost);
        self.double += u64::from(harm.double);
        Ok((harm.lost || harm.double).then_some(harm.found))
    }
}

/// Every nonce from the first on was signed for, and the chain has all of them.
async fn nonces_have_no_gap(place: &Place, first: u64) -> Result<()> {
    let mut rows = place.rows().await?;
    let query = "SELECT DISTINCT nonce FROM send_attempt WHERE sender = $1 ORDER BY nonce";
    let relayer = actors::relayer().address();
    let signed: Vec<i64> =
        sqlx::query_scalar(query).bind(relayer.as_slice()).fetch_all(&mut rows).await?;
    let (first, next) = (i64::try_from(first)?, i64::try_from(place.relayed().await?)?);
    assert_eq!(signed, (first..next).collect::<Vec<_>>());
    Ok(())
}

/// The store says of every deal what the chain says, and what is final was never missed.
async fn the_audit_finds_nothing(place: &Place) -> Result<()> {
    let report = Box::pin(surety_relayer::audit(place.config()?)).await?;
    assert!(report.is_clean() && report.deals > 0, "{report:?}");
    Ok(())
}
