//! Who may call the model, and when: the windows, the budget of the run, and what is counted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::window::{Limits, Load, Windows};
use crate::resilience::fault::THROTTLED;
use crate::resilience::{Fault, FaultClass};

/// A longer wait is not waited out: who would have to is told, and holds nothing up.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// When to ask again where calls that are under way hold what may be left of the budget.
const BUDGET_WAIT: Duration = Duration::from_secs(1);

/// Gives calls their turn. Clones count together.
#[derive(Debug, Clone)]
pub(super) struct Meter(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    windows: Windows,
    budget: Option<u64>,
    /// What calls that have ended needed.
    spent: u64,
    /// What those that are under way may need.
    reserved: u64,
    requests: u64,
    prompt_tokens: u64,
    completion_tokens: u64,
    waits: u64,
    waited: Duration,
    throttled: u64,
}

/// A call that has its turn. Dropped, it counts with all that it was estimated to need: nobody knows better.
#[derive(Debug)]
pub(super) struct Turn {
    place: Place,
}

/// A place in the windows and in the budget. Dropped before its call went, it is free again.
#[derive(Debug)]
struct Place {
    meter: Meter,
    id: u64,
    tokens: u64,
    has_gone: bool,
}

impl Meter {
    pub(super) fn new(limits: Limits, budget: Option<u64>) -> Self {
        let counts = Counts {
            windows: Windows::new(limits),
            budget,
            spent: 0,
            reserved: 0,
            requests: 0,
            prompt_tokens: 0,
            completion_tokens: 0,
            waits: 0,
            waited: Duration::ZERO,
            throttled: 0,
        };
        Self(Arc::new(Mutex::new(counts)))
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the turn of a call that may need so many tokens, in the order of those who ask. Dropping the future
    /// leaves the queue.
    ///
    /// # Errors
    /// That the call is larger than a minute allows, that the budget is spent, or that the wait is too long to hold
    /// anybody up for it: the cause is `throttled`, and the fault says how long.
    pub(super) async fn turn(&self, tokens: u64) -> Result<Turn, Fault> {
        let begun = Instant::now();
        loop {
            let (mut place, at) = self.place(tokens)?;
            let waits = at > begun;
            if waits {
                tokio::time::sleep_until(at).await;
            }
            let mut counts = self.counts();
            // Servers may have reported more than was estimated, and filled the window. Then it is asked again.
            if counts.windows.may_go(place.id) {
                counts.windows.went(place.id);
                counts.requests += 1;
                if waits {
                    counts.waits += 1;
                    counts.waited += begun.elapsed();
                }
                drop(counts);
                place.has_gone = true;
                return Ok(Turn { place });
            }
        }
    }

    fn place(&self, tokens: u64) -> Result<(Place, Instant), Fault> {
        let mut counts = self.counts();
        let now = Instant::now();
        if let Some(most) = counts.windows.limits().tokens.filter(|most| tokens > *most) {
            let message = format!(
                "the prompt and its answer may need {tokens} tokens, and tokens_per_minute allows {most} a minute"
            );
            return Err(Fault::input("llm-size", message)
                .with_hint("shorten the text, lower max_tokens, or raise tokens_per_minute"));
        }
        counts.afford(tokens)?;
        let at = counts.windows.earliest(now, tokens);
        let wait = at - now;
        if wait > LONGEST_WAIT {
            counts.throttled += 1;
            let message = format!("the limits of a minute are reached; there is room in {:.0} s", wait.as_secs_f64());
            return Err(Fault::new(FaultClass::Transient, THROTTLED, message).with_retry_after(wait));
        }
        let id = counts.windows.give(now, at, tokens);
        counts.reserved += tokens;
        drop(counts);
        Ok((Place { meter: self.clone(), id, tokens, has_gone: false }, at))
    }

    /// The share of the fuller window that is used: 0 is empty, 1 is full.
    pub(super) fn fullness(&self) -> f64 {
        let counts = self.counts();
        let (load, limits) = (counts.windows.load(Instant::now()), counts.windows.limits());
        let share = |used: u64, most: Option<u64>| most.map_or(0.0, |most| used as f64 / most as f64);
        share(load.requests.into(), limits.requests.map(u64::from)).max(share(load.tokens, limits.tokens))
    }

    /// That what is left of the budget is less than `tokens`.
    pub(super) fn is_broke(&self, tokens: u64) -> Option<Fault> {
        self.counts().afford(tokens).err().filter(|fault| fault.class == FaultClass::Dependency)
    }

    /// What was counted.
    pub(super) fn figures(&self) -> Map<String, Value> {
        let counts = self.counts();
        let (Load { requests, tokens }, peak) = (counts.windows.load(Instant::now()), counts.windows.peak());
        let limits = counts.windows.limits();
        let mut figures = Map::new();
        let mut put = |name: &str, value: Value| figures.insert(name.to_owned(), value);
        put("requests", json!(counts.requests));
        put("prompt_tokens", json!(counts.prompt_tokens));
        put("completion_tokens", json!(counts.completion_tokens));
        put("waits", json!(counts.waits));
        put("waited_seconds", json!(counts.waited.as_secs_f64()));
        put("throttled", json!(counts.throttled));
        put("requests_last_minute", json!(requests));
        put("tokens_last_minute", json!(tokens));
        put("most_requests_in_a_minute", json!(peak.requests));
        put("most_tokens_in_a_minute", json!(peak.tokens));
        if let Some(most) = limits.requests {
            put("requests_per_minute", json!(most));
        }
        if let Some(most) = limits.tokens {
            put("tokens_per_minute", json!(most));
        }
        if let Some(budget) = counts.budget {
            put("budget_tokens", json!(budget));
            put("budget_left", json!(budget.saturating_sub(counts.spent)));
        }
        figures
    }
}

impl Counts {
    fn afford(&self, tokens: u64) -> Result<(), Fault> {
        let Some(budget) = self.budget else { return Ok(()) };
        let spent = self.spent;
        if spent.saturating_add(tokens) > budget {
            let message = format!(
                "the budget of {budget} tokens is spent: {spent} were used, and the next call may need {tokens}"
            );
            return Err(Fault::new(FaultClass::Dependency, "budget", message)
                .with_hint("raise budget_tokens, or lower max_tokens; a run that is resumed begins a new budget"));
        }
        if spent.saturating_add(self.reserved).saturating_add(tokens) > budget {
            let message = "calls under way hold what is left of the budget".to_owned();
            return Err(Fault::new(FaultClass::Transient, THROTTLED, message).with_retry_after(BUDGET_WAIT));
        }
        Ok(())
    }
}

impl Turn {
    /// The server reports what it used.
    pub(super) fn used(mut self, prompt_tokens: u64, completion_tokens: u64) {
        let mut counts = self.place.meter.counts();
        counts.prompt_tokens += prompt_tokens;
        counts.completion_tokens += completion_tokens;
        drop(counts);
        self.place.settle(prompt_tokens.saturating_add(completion_tokens));
    }

    /// The server refused the call, or was not reached: it used no tokens.
    pub(super) fn unused(mut self) {
        self.place.settle(0);
    }
}

impl Place {
    fn settle(&mut self, tokens: u64) {
        let mut counts = self.meter.counts();
        counts.windows.correct(self.id, tokens);
        counts.reserved -= self.tokens;
        counts.spent = counts.spent.saturating_add(tokens);
        drop(counts);
        // Nothing is left for the drop to account for.
        self.tokens = 0;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.meter.counts();
        counts.reserved -= self.tokens;
        if self.has_gone {
            counts.spent = counts.spent.saturating_add(self.tokens);
        } else {
            counts.windows.cancel(self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

    use super::super::window::WINDOW;
    use super::*;

    fn meter(requests: u32, tokens: u64) -> Meter {
        Meter::new(Limits { requests: Some(requests), tokens: Some(tokens) }, None)
    }

    fn figure(meter: &Meter, name: &str) -> u64 {
        meter.figures()[name].as_u64().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_wait_is_waited_out_and_a_long_one_is_told() {
        let meter = meter(1, 1000);
        let start = Instant::now();
        meter.turn(10).await.unwrap().used(3, 4);
        let told = meter.turn(10).await.unwrap_err();
        assert_eq!((told.class, told.cause.as_str()), (FaultClass::Transient, "throttled"));
        assert_eq!(told.retry_after, Some(60_000));
        assert_eq!(start.elapsed(), Duration::ZERO, "nobody was held up");
        tokio::time::advance(Duration::from_secs(58)).await;
        meter.turn(10).await.unwrap().used(5, 6);
        assert_eq!(start.elapsed(), WINDOW);
        assert_eq!((figure(&meter, "requests"), figure(&meter, "waits"), figure(&meter, "throttled")), (2, 1, 1));
        assert_eq!((figure(&meter, "prompt_tokens"), figure(&meter, "completion_tokens")), (8, 10));
        assert_eq!(meter.figures()["waited_seconds"], 2.0);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_leaves_the_queue_leaves_nothing_behind_and_nobody_is_overtaken() {
        let meter = meter(2, 1000);
        drop(meter.turn(10).await.unwrap());
        tokio::time::advance(Duration::from_millis(500)).await;
        drop(meter.turn(10).await.unwrap());
        tokio::time::advance(Duration::from_secs(58)).await;
        // Room comes after 1.5 s and after 2 s.
        let order = Arc::new(Mutex::new(Vec::new()));
        let waiter = |name: u32| {
            let (meter, order) = (meter.clone(), Arc::clone(&order));
            tokio::spawn(async move {
                drop(meter.turn(10).await.unwrap());
                order.lock().unwrap().push(name);
            })
        };
        let (leaves, stays) = (waiter(1), waiter(2));
        tokio::task::yield_now().await;
        assert_eq!(meter.turn(10).await.unwrap_err().retry_after, Some(61_500));
        leaves.abort();
        assert!(leaves.await.unwrap_err().is_cancelled());
        let after = waiter(3);
        stays.await.unwrap();
        after.await.unwrap();
        assert_eq!(*order.lock().unwrap(), [2, 3]);
        assert_eq!(figure(&meter, "requests"), 4);
        assert_eq!(figure(&meter, "most_requests_in_a_minute"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_come_back_when_they_are_told_never_fill_a_window_beyond_its_limits() {
        let meter = meter(7, 300);
        let went = Arc::new(Mutex::new(Vec::new()));
        let callers = (0..60_u64).map(|number| {
            let (meter, went) = (meter.clone(), Arc::clone(&went));
            tokio::spawn(async move {
                let tokens = 20 + number * 7 % 80;
                loop {
                    match meter.turn(tokens).await {
                        Ok(turn) => {
                            went.lock().unwrap().push((Instant::now(), tokens / 2));
                            tokio::time::sleep(Duration::from_millis(700)).await;
                            return turn.used(tokens / 4, tokens / 2 - tokens / 4);
                        }
                        Err(told) => tokio::time::sleep(Duration::from_millis(told.retry_after.unwrap())).await,
                    }
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        let went = went.lock().unwrap();
        assert_eq!(went.len(), 60);
        for (first, _) in went.iter() {
            let within = || went.iter().filter(|(at, _)| at >= first && *at < *first + WINDOW);
            assert!(within().count() <= 7);
            assert!(within().map(|(_, tokens)| tokens).sum::<u64>() <= 300);
        }
        assert_eq!(figure(&meter, "requests"), 60);
        assert!(figure(&meter, "most_requests_in_a_minute") <= 7 && figure(&meter, "most_tokens_in_a_minute") <= 300);
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_larger_than_a_minute_is_refused_at_once() {
        let told = meter(5, 100).turn(101).await.unwrap_err();
        assert_eq!((told.class, told.cause.as_str()), (FaultClass::Input, "llm-size"));
        assert!(told.hint.unwrap().contains("tokens_per_minute"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_budget_is_never_overspent() {
        let meter = Meter::new(Limits::default(), Some(100));
        let first = meter.turn(60).await.unwrap();
        let told = meter.turn(60).await.unwrap_err();
        assert_eq!((told.cause.as_str(), told.retry_after), ("throttled", Some(1000)));
        first.used(10, 20);
        let second = meter.turn(60).await.unwrap();
        second.used(30, 11);
        let told = meter.turn(30).await.unwrap_err();
        assert_eq!((told.class, told.cause.as_str()), (FaultClass::Dependency, "budget"));
        assert_eq!(told.message, "the budget of 100 tokens is spent: 71 were used, and the next call may need 30");
        // A call that was refused costs nothing; one whose end nobody knows costs what it may have used.
        meter.turn(29).await.unwrap().unused();
        assert_eq!(figure(&meter, "budget_left"), 29);
        drop(meter.turn(20).await.unwrap());
        assert_eq!(figure(&meter, "budget_left"), 9);
    }
}
