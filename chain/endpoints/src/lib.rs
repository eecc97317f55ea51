//! Several endpoints that should say the same: whom to ask, whom to believe, whom to leave out.
//!
//! - Every endpoint has a rate budget and a retry of its own, inside the choice between them.
//! - [`Endpoints::first`] takes one endpoint's word and goes on to the next when it fails or is
//!   slow: for questions whose wrong answer costs at most time.
//! - [`Endpoints::agreed`] takes what a quorum says alike: for whatever leads to money.
//! - [`Endpoints::gather`] hears everybody, for numbers that honest endpoints reach at different
//!   moments; [`spread`] tells everybody.
//! - An endpoint that fails, stalls, lags or lies sits on a bench for a while that doubles. It is
//!   asked again when its time is over, and before that when too few others are left: what protects
//!   is the agreement, the bench only saves time.
//!
//! One endpoint is a quorum of one: it is believed, and never benched.
//!
//! The crate knows neither chains nor HTTP. What an endpoint is and what its errors mean is its
//! user's to say.

mod ask;
mod health;
#[cfg(test)]
mod tests;

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

pub use ask::spread;
use health::Health;
pub use health::{Standing, Why};

/// What an error says about the endpoint that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nothing: it is an answer, and another endpoint would probably give the same.
    Nothing,
    /// We ask it too often.
    Limited,
    /// It does not do its work.
    Failing,
}

/// What it means when an endpoint contradicts the quorum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dissent {
    /// The question has one answer for ever, so the endpoint lies.
    Lies,
    /// The answer depends on how far the endpoint is.
    Lags,
}

/// Why a question has no answer.
#[derive(Debug)]
pub enum Trouble<X> {
    /// The endpoints' own error.
    Call(X),
    /// They contradict each other, and too few agree.
    Disagree,
    /// There is no endpoint.
    Nobody,
}

/// How to treat one endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What it is called wherever it is shown. Never its URL: URLs carry keys.
    pub name: String,
    /// The lowest are asked first.
    pub priority: u8,
    /// How many questions it takes per second; none for any number.
    pub per_second: Option<NonZeroU32>,
}

/// An endpoint as an operator sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Whether it is asked.
    pub standing: Standing,
    /// How often it was asked.
    pub asked: u64,
    /// How often it failed, stalled, lagged or lied.
    pub faults: u64,
}

struct Endpoint<H> {
    handle: H,
    settings: Settings,
    budget: Option<DefaultDirectRateLimiter>,
    health: Health,
}

/// The endpoints behind handles of type `H`, whose calls fail with `X`. Cloning is cheap.
pub struct Endpoints<H, X> {
    all: Arc<[Endpoint<H>]>,
    quorum: usize,
    patience: Duration,
    blame: fn(&X) -> Blame,
}

impl<H, X> Clone for Endpoints<H, X> {
    fn clone(&self) -> Self {
        Self { all: Arc::clone(&self.all), ..*self }
    }
}

impl<H, X> fmt::Debug for Endpoints<H, X> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.all.iter().map(|e| e.settings.name.as_str()).collect();
        f.debug_struct("Endpoints")
            .field("names", &names)
            .field("quorum", &self.quorum)
            .finish_non_exhaustive()
    }
}

impl<H: Clone, X> Endpoints<H, X> {
    /// A second endpoint is asked after this long without an answer.
    pub const PATIENCE: Duration = Duration::from_millis(150);

    /// Endpoints of which `quorum` must agree: a majority unless it is given, and never more than
    /// there are.
    pub fn new(members: Vec<(H, Settings)>, quorum: Option<usize>, blame: fn(&X) -> Blame) -> Self {
        let majority = members.len() / 2 + 1;
        let quorum = quorum.unwrap_or(majority).clamp(1, members.len().max(1));
        let all = members.into_iter().map(|(handle, settings)| {
            let quota = settings.per_second.map(Quota::per_second);
            let budget = quota.map(RateLimiter::direct);
            Endpoint { handle, settings, budget, health: Health::default() }
        });
        Self { all: all.collect(), quorum, patience: Self::PATIENCE, blame }
    }

    /// How many must agree.
    pub const fn quorum(&self) -> usize {
        self.quorum
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The handle of one.
    pub fn handle(&self, at: usize) -> Option<&H> {
        self.all.get(at).map(|endpoint| &endpoint.handle)
    }

    /// All of them with their names.
    pub fn handles(&self) -> impl Iterator<Item = (&str, &H)> {
        self.all.iter().map(|e| (e.settings.name.as_str(), &e.handle))
    }

    /// How each of them does.
    pub fn reports(&self) -> Vec<Report> {
        let report = |e: &Endpoint<H>| {
            let (standing, asked, faults) = e.health.report(Instant::now());
            Report { name: e.settings.name.clone(), standing, asked, faults }
        };
        self.all.iter().map(report).collect()
    }

    /// Leaves an endpoint out for a while. Nobody is left out alone.
    pub fn bench(&self, at: usize, why: Why) {
        if self.all.len() < 2 {
            return;
        }
        let Some(endpoint) = self.all.get(at) else { return };
        if let Some(bench) = endpoint.health.bench(why, Instant::now()) {
            told(&endpoint.settings.name, why, bench);
        }
    }

    /// Whom to ask first: who works, then who comes back, then who is benched.
    fn order(&self) -> Vec<usize> {
        let now = Instant::now();
        let mut order: Vec<_> = self
            .all
            .iter()
            .enumerate()
            .map(|(at, e)| ((e.health.rank(now), e.settings.priority, at), at))
            .collect();
        order.sort_unstable_by_key(|(rank, _)| *rank);
        order.into_iter().map(|(_, at)| at).collect()
    }
}

fn told(endpoint: &str, why: Why, bench: Duration) {
    let secs = bench.as_secs_f32();
    tracing::warn!(endpoint, ?why, secs, "an endpoint is left out for a while");
}
