//! Asking one, several or all endpoints.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::time::Instant;

use super::{Blame, Dissent, Endpoints, Trouble, Why};

/// How often an endpoint that says "too often" is asked again before somebody else is.
const RETRIES: u32 = 2;

/// The pause before that; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

impl<H: Clone, X> Endpoints<H, X> {
    /// One endpoint's word: the first one's that answers in time.
    ///
    /// Warning: the answer may be a lie. Ask so only where that costs no more than time.
    pub async fn first<T, F>(&self, ask: impl Fn(H) -> F) -> Result<T, Trouble<X>>
    where
        F: Future<Output = Result<T, X>>,
    {
        self.poll(1, &ask, &|_: &T, _: &T| true, Dissent::Lags).await
    }

    /// What a quorum says alike, as `same` sees it. Who contradicts it is benched if that is a lie.
    pub async fn agreed<T, F>(
        &self,
        ask: impl Fn(H) -> F,
        same: impl Fn(&T, &T) -> bool,
        dissent: Dissent,
    ) -> Result<T, Trouble<X>>
    where
        F: Future<Output = Result<T, X>>,
    {
        self.poll(self.quorum, &ask, &same, dissent).await
    }

    /// Everybody's word, from whoever gives it within a moment of the quorum's last.
    pub async fn gather<T, F>(&self, ask: impl Fn(H) -> F) -> Result<Vec<(usize, T)>, Trouble<X>>
    where
        F: Future<Output = Result<T, X>>,
    {
        let order = self.order();
        let asked = order.iter().filter(|at| self.is_good(**at)).count().max(self.quorum);
        let mut talks: FuturesUnordered<_> =
            order.iter().take(asked).map(|at| self.talk(*at, &ask)).collect();
        let mut spare = order.iter().skip(asked);
        let (mut answers, mut error, mut end) = (Vec::new(), None, None);
        loop {
            let late = end.unwrap_or_else(Instant::now);
            tokio::select! {
                answer = talks.next() => match answer {
                    None => break,
                    Some((at, Ok(value))) => answers.push((at, value)),
                    Some((_, Err(failure))) => {
                        error = Some(self.worse(error, failure));
                        talks.extend(spare.next().map(|at| self.talk(*at, &ask)));
                    }
                },
                () = tokio::time::sleep_until(late), if end.is_some() => break,
            }
            if answers.len() >= self.quorum {
                end.get_or_insert_with(|| Instant::now() + self.patience);
            }
        }
        let heard: Vec<_> = answers.iter().map(|(at, _)| *at).collect();
        if heard.len() < self.quorum {
            return Err(error.map_or(Trouble::Nobody, Trouble::Call));
        }
        if !talks.is_empty() {
            self.slow(order.into_iter().take(asked).filter(|at| !heard.contains(at)));
        }
        Ok(answers)
    }

    /// Notes that an endpoint agrees with the others at their height.
    pub fn clear(&self, at: usize) {
        if let Some(endpoint) = self.all.get(at) {
            endpoint.health.cleared(Instant::now().into_std());
        }
    }

    fn is_good(&self, at: usize) -> bool {
        self.all.get(at).is_some_and(|e| e.health.rank(Instant::now().into_std()) < 2)
    }

    fn slow(&self, late: impl Iterator<Item = usize>) {
        if self.all.len() < 2 {
            return;
        }
        for endpoint in late.filter_map(|at| self.all.get(at)) {
            if let Some(bench) = endpoint.health.was_slow(Instant::now().into_std()) {
                super::told(&endpoint.settings.name, Why::Slow, bench);
            }
        }
    }

    /// One question to one endpoint, within its budget, with its own retry.
    async fn talk<T, F>(&self, at: usize, ask: &impl Fn(H) -> F) -> (usize, Result<T, X>)
    where
        F: Future<Output = Result<T, X>>,
    {
        let endpoint = &self.all[at];
        let mut tries = 0;
        loop {
            if let Some(budget) = &endpoint.budget {
                budget.until_ready().await;
            }
            endpoint.health.asked();
            let answer = ask(endpoint.handle.clone()).await;
            let blame = answer.as_ref().err().map_or(Blame::Nothing, self.blame);
            match blame {
                Blame::Nothing => endpoint.health.answered(Instant::now().into_std()),
                Blame::Limited if tries < RETRIES => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tries)).await;
                    tries += 1;
                    continue;
                }
                Blame::Limited => self.bench(at, Why::Limited),
                Blame::Failing => self.bench(at, Why::Failing),
            }
            return (at, answer);
        }
    }

    /// Asks as many as must agree, and one more whenever that becomes impossible or takes too long.
    async fn poll<T, F>(
        &self,
        needed: usize,
        ask: &impl Fn(H) -> F,
        same: &impl Fn(&T, &T) -> bool,
        dissent: Dissent,
    ) -> Result<T, Trouble<X>>
    where
        F: Future<Output = Result<T, X>>,
    {
        let order = self.order();
        let mut spare = order.iter().copied();
        let mut talks: FuturesUnordered<_> =
            spare.by_ref().take(needed).map(|at| self.talk(at, ask)).collect();
        let mut count = Count { groups: Vec::new(), late: Vec::new() };
        let mut waiting: Vec<usize> = order.iter().copied().take(needed).collect();
        let mut error = None;
        loop {
            tokio::select! {
                answer = talks.next() => match answer {
                    None => break,
                    Some((at, Ok(value))) => {
                        waiting.retain(|w| *w != at);
                        if let Some(value) = count.add(at, value, needed, same) {
                            self.slow(count.late.iter().copied().filter(|w| waiting.contains(w)));
                            self.contradicted(count.groups.into_iter().flat_map(|g| g.1), dissent);
                            return Ok(value);
                        }
                    }
                    Some((at, Err(failure))) => {
                        waiting.retain(|w| *w != at);
                        error = Some(self.worse(error, failure));
                    }
                },
                () = tokio::time::sleep(self.patience), if spare.len() > 0 => {
                    count.late.clone_from(&waiting);
                    let at = spare.next();
                    waiting.extend(at);
                    talks.extend(at.map(|at| self.talk(at, ask)));
                }
            }
            while count.best() + talks.len() < needed
                && let Some(at) = spare.next()
            {
                waiting.push(at);
                talks.push(self.talk(at, ask));
            }
        }
        match error {
            _ if count.groups.len() > 1 => Err(Trouble::Disagree),
            Some(error) => Err(Trouble::Call(error)),
            None => Err(Trouble::Nobody),
        }
    }

    /// The quorum's answer was another than theirs.
    fn contradicted(&self, who: impl Iterator<Item = usize>, dissent: Dissent) {
        if dissent == Dissent::Lies {
            who.for_each(|at| self.bench(at, Why::Lying));
        }
    }

    /// The error that says more: one that is an answer before one that only blames the endpoint.
    fn worse(&self, old: Option<X>, new: X) -> X {
        match old {
            Some(old) if (self.blame)(&old) == Blame::Nothing => old,
            Some(_) | None => new,
        }
    }
}

/// Equal answers, and who gave them.
struct Count<T> {
    groups: Vec<(T, Vec<usize>)>,
    /// Who had not answered when somebody else was asked for that reason.
    late: Vec<usize>,
}

impl<T> Count<T> {
    fn best(&self) -> usize {
        self.groups.iter().map(|(_, who)| who.len()).max().unwrap_or(0)
    }

    /// Adds an answer; returns it once enough are the same, and leaves the others behind.
    fn add(
        &mut self,
        at: usize,
        value: T,
        needed: usize,
        same: &impl Fn(&T, &T) -> bool,
    ) -> Option<T> {
        let found = self.groups.iter().position(|(known, _)| same(known, &value));
        let group = found.unwrap_or_else(|| {
            self.groups.push((value, Vec::new()));
            self.groups.len() - 1
        });
        self.groups[group].1.push(at);
        (self.groups[group].1.len() >= needed).then(|| self.groups.swap_remove(group).0)
    }
}

/// Tells all endpoints the same at once, and calls `heard` with each answer until it has enough.
/// Who has not answered by then still hears the whole of it.
pub async fn spread<H, X, T, F>(
    endpoints: &Endpoints<H, X>,
    tell: impl Fn(H) -> F,
    mut heard: impl FnMut(Result<T, X>) -> bool,
) where
    H: Clone,
    F: Future<Output = Result<T, X>> + Send + 'static,
    Result<T, X>: Send + 'static,
{
    let mut telling: FuturesUnordered<_> =
        endpoints.handles().map(|(_, handle)| tokio::spawn(tell(handle.clone()))).collect();
    while let Some(answer) = telling.next().await {
        if answer.is_ok_and(&mut heard) {
            return;
        }
    }
}
