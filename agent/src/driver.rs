//! The agent's loop: look at the chain, see what is due, do it.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry::Vacant},
    sync::Arc,
};

use alloy::primitives::B256;
use surety_chain::Header;
use surety_terms::Problem;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::{
    Deal, Error, Role,
    acts::{self, Act, Key, Progress},
    perform::Context,
    store::Entry,
    watch::{Seen, Watch},
};

/// How many acts run at once.
const MOST_TASKS: usize = 64;
/// How many deliverables are pushed at once.
const MOST_PUSHES: usize = 16;
/// How often the relayer is asked about a case that it took.
const ASK_EVERY_POLLS: u32 = 30;
/// How often the pause after a failure doubles, from one poll.
const MOST_DOUBLINGS: u32 = 6;

/// The loop's state. All of it can be lost: it is read again from the store and the chain.
#[derive(Debug)]
pub(crate) struct Driver {
    context: Arc<Context>,
    watch: Watch,
    entries: HashMap<B256, Arc<Entry>>,
    deals: HashMap<B256, Deal>,
    progress: HashMap<B256, Vec<Progress>>,
    tasks: JoinSet<(Key, Result<(), Error>)>,
    running: HashSet<Key>,
    /// The private deals whose sheet the relayer took from this process.
    shown: HashSet<B256>,
    /// What this process knows to be revealed to everybody who judges it; the store knows to whom.
    revealed: HashSet<Key>,
    /// When a failed act may be tried again, and how often it failed.
    later: HashMap<Key, (Instant, u32)>,
}

impl Driver {
    /// A loop that knows nothing yet.
    pub(crate) fn new(context: Arc<Context>) -> Self {
        let watch = Watch::new(context.session.chain.clone(), context.session.owner());
        Self {
            context,
            watch,
            entries: HashMap::new(),
            deals: HashMap::new(),
            progress: HashMap::new(),
            tasks: JoinSet::new(),
            running: HashSet::new(),
            shown: HashSet::new(),
            revealed: HashSet::new(),
            later: HashMap::new(),
        }
    }

    /// Runs until it is told to stop. What runs then is dropped: every act can be done again.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let looked = self.tick().await;
            report("look at its deals", looked);
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(self.context.poll) => {}
                Some(done) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    self.note(done).await;
                }
            }
        }
        self.tasks.shutdown().await;
    }

    /// One look at store and chain.
    async fn tick(&mut self) -> Result<(), Error> {
        while let Some(done) = self.tasks.try_join_next() {
            self.note(done).await;
        }
        self.load().await?;
        let head = self.watch.refresh(&self.deals).await?;
        for (key, entry) in self.due(head) {
            self.start(key, entry);
        }
        if self.watch.has_credit {
            self.start((None, Act::Withdraw), None);
        }
        Ok(())
    }

    /// Brings the live deals of the store into memory and drops the others.
    async fn load(&mut self) -> Result<(), Error> {
        let live: HashSet<B256> = self.context.store.live().await?.into_iter().collect();
        self.entries.retain(|deal_id, _| live.contains(deal_id));
        self.deals.retain(|deal_id, _| live.contains(deal_id));
        self.progress.retain(|deal_id, _| live.contains(deal_id));
        self.shown.retain(|deal_id| live.contains(deal_id));
        self.revealed.retain(|(deal_id, _)| deal_id.is_none_or(|id| live.contains(&id)));
        self.later.retain(|(deal_id, _), _| deal_id.is_none_or(|id| live.contains(&id)));
        for deal_id in live {
            if !self.entries.contains_key(&deal_id) {
                self.load_one(deal_id).await?;
            }
        }
        Ok(())
    }

    /// Reads one deal and its works.
    async fn load_one(&mut self, deal_id: B256) -> Result<(), Error> {
        let store = &self.context.store;
        let Some(entry) = store.deal(deal_id).await? else { return Ok(()) };
        if let Vacant(place) = self.progress.entry(deal_id) {
            let mut progress = Vec::new();
            for milestone in 0..entry.deal.milestones() {
                progress.push(Progress::of(store.work(deal_id, milestone).await?.as_ref()));
            }
            place.insert(progress);
        }
        self.deals.insert(deal_id, entry.deal.clone());
        self.entries.insert(deal_id, Arc::new(entry));
        Ok(())
    }

    /// Everything that is due at this head.
    fn due(&self, head: Header) -> Vec<(Key, Option<Arc<Entry>>)> {
        let margin = self.context.seller.as_ref().map_or(0, |seller| seller.deliver_margin_secs);
        let clock = (head.timestamp, margin);
        let mut due = Vec::new();
        for (deal_id, entry) in &self.entries {
            let Some(seen) = self.watch.seen(*deal_id) else { continue };
            let progress = self.progress.get(deal_id).map_or(&[][..], Vec::as_slice);
            let mut acts = acts_of(entry, seen, progress, clock);
            if entry.role == Role::Buyer {
                acts.extend(self.showing(entry, seen, head.timestamp));
            }
            due.extend(
                acts.into_iter().map(|act| (acts::key(entry, act), Some(Arc::clone(entry)))),
            );
        }
        due
    }

    /// What a buyer has to show others of a deal that is open, and has not yet.
    fn showing(&self, entry: &Entry, seen: &Seen, now: u64) -> Vec<Act> {
        let deal = &entry.deal;
        let private = deal.sheet.recipients.is_some() && seen.word.opened;
        let sheet = (private && !self.shown.contains(&deal.id)).then_some(Act::Show);
        let hidden = acts::judging(deal, seen, now).into_iter().map(Act::Reveal);
        let open = hidden.filter(|act| !self.revealed.contains(&acts::key(entry, *act)));
        sheet.into_iter().chain(open).collect()
    }

    /// Starts an act unless it runs, has to wait, or there is no room for it.
    fn start(&mut self, key: Key, entry: Option<Arc<Entry>>) {
        let waits = self.later.get(&key).is_some_and(|(until, _)| Instant::now() < *until);
        if waits || self.running.contains(&key) || !self.has_room(key.1) {
            return;
        }
        self.running.insert(key);
        let context = Arc::clone(&self.context);
        self.tasks.spawn(async move {
            let result = match entry {
                Some(entry) => context.perform(&entry, key.1).await,
                None => context.withdraw().await,
            };
            (key, result)
        });
    }

    /// Whether one more act of this kind may run. What may take long leaves room for what is urgent.
    fn has_room(&self, act: Act) -> bool {
        let count = |like: fn(&Act) -> bool| self.running.iter().filter(|key| like(&key.1)).count();
        let works = count(|act| matches!(act, Act::Work(_)));
        let pushes = count(|act| matches!(act, Act::Push(_) | Act::PushAgain(_)));
        if matches!(act, Act::Work(_)) {
            works < self.context.seller.as_ref().map_or(0, |seller| seller.worker_limit)
        } else if matches!(act, Act::Push(_) | Act::PushAgain(_)) {
            pushes < MOST_PUSHES
        } else {
            self.running.len() < MOST_TASKS + works + pushes
        }
    }

    /// Takes an act's result in.
    async fn note(&mut self, done: Result<(Key, Result<(), Error>), tokio::task::JoinError>) {
        // Only a bug ends an act without a result. Its key stays taken, so it cannot loop.
        let broke_off = |error: &_| tracing::error!(%error, "an act of the agent broke off");
        let Ok((key, result)) = done.inspect_err(broke_off) else { return };
        self.running.remove(&key);
        let problem = match &result {
            Ok(()) => {
                self.later.remove(&key);
                if matches!(key.1, Act::Ask(_)) {
                    let pause = self.context.poll.saturating_mul(ASK_EVERY_POLLS);
                    self.later.insert(key, (Instant::now() + pause, 0));
                }
                None
            }
            Err(error) => {
                self.postpone(key, error);
                Some(Problem::from(error))
            }
        };
        let taken_in = self.take_in(key, result.is_ok(), problem.as_ref()).await;
        report("update its book", taken_in);
    }

    /// Lets a failed act wait, longer each time.
    fn postpone(&mut self, key: Key, error: &Error) {
        let fails = self.later.get(&key).map_or(0, |(_, fails)| *fails);
        let doublings = fails.min(MOST_DOUBLINGS);
        let pause = self.context.poll.saturating_mul(1_u32 << doublings);
        self.later.insert(key, (Instant::now() + pause, fails.saturating_add(1)));
        if fails == 0 {
            let deal = key.0.map(tracing::field::display);
            tracing::warn!(deal, act = ?key.1, %error, "failed; it is tried again");
        }
    }

    /// Updates what memory knows of a deal after one of its acts.
    async fn take_in(
        &mut self,
        (deal_id, act): Key,
        worked: bool,
        problem: Option<&Problem>,
    ) -> Result<(), Error> {
        let Some(deal_id) = deal_id else { return self.watch.read_credit().await };
        let store = &self.context.store;
        let had = self.entries.get(&deal_id).is_some_and(|entry| entry.problem.is_some());
        // A declined offer's problem was written with its stage and stays.
        if problem.is_some() || (had && act != Act::Offer) {
            store.set_problem(deal_id, problem).await?;
        }
        if worked {
            self.remember(deal_id, act).await?;
        }
        self.load_one(deal_id).await
    }

    /// Remembers what an act of a deal has done.
    async fn remember(&mut self, deal_id: B256, act: Act) -> Result<(), Error> {
        let (milestone, progress) = match act {
            Act::Work(milestone) => {
                let work = self.context.store.work(deal_id, milestone).await?;
                (milestone, Progress::of(work.as_ref()))
            }
            Act::HandIn(milestone) => (milestone, Progress::HandedIn),
            Act::Push(milestone) => (milestone, Progress::Pushed),
            Act::PushAgain(milestone) => (milestone, Progress::PushedAgain),
            Act::Show => {
                self.shown.insert(deal_id);
                return Ok(());
            }
            Act::Reveal(_) => {
                self.revealed.insert((Some(deal_id), act));
                return Ok(());
            }
            Act::Offer
            | Act::Open
            | Act::Note
            | Act::Close
            | Act::Lapse
            | Act::Ask(_)
            | Act::Pin(_)
            | Act::Reclaim(_)
            | Act::Escalate(_)
            | Act::Expire(_)
            | Act::Withdraw => return Ok(()),
        };
        let all = self.progress.get_mut(&deal_id);
        if let Some(known) = all.and_then(|all| all.get_mut(usize::from(milestone))) {
            *known = progress;
        }
        Ok(())
    }
}

/// Tells the operator what the agent cannot do now.
fn report(what: &str, result: Result<(), Error>) {
    if let Err(error) = result {
        tracing::warn!(%error, "the agent cannot {what} now");
    }
}

/// What is due about one deal.
fn acts_of(entry: &Entry, seen: &Seen, progress: &[Progress], clock: (u64, u64)) -> Vec<Act> {
    acts::due((entry.role, entry.stage), &entry.deal, seen, progress, clock)
}
