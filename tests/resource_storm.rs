//! A storm on a pool, in virtual time and with fixed seeds: owners who go away at random awaits, panic, and mark their
//! handles broken; providers that fail, hang and panic wherever they can. After it every slot is there.
//!
//! `MEDIAMILL_STORM=100000` runs it with so many cancellations.

#![expect(clippy::unwrap_used, reason = "a test that cannot unwrap has failed")]

#[path = "support/parts.rs"]
mod parts;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::Poll;
use std::time::Duration;

use mediamill::resources::{Lease, Manager, Owner, PoolSettings, Requirement, ResourceError};
use parts::{Call, ON_PURPOSE, Part, Parts, Way, panic_quietly};
use tokio::task::{JoinHandle, LocalSet, yield_now};
use tokio::time::{Instant, sleep, timeout};

const MILLI: Duration = Duration::from_millis(1);
/// How late an acquire timeout may be told.
const SLACK: Duration = Duration::from_millis(10);

/// A small generator of chance, the same on every machine.
#[derive(Clone)]
struct Chance(Rc<Cell<u64>>);

impl Chance {
    fn new(seed: u64) -> Self {
        Self(Rc::new(Cell::new(seed)))
    }

    fn next(&self) -> u64 {
        let state = self.0.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.0.set(state);
        mix(state)
    }

    fn below(&self, below: u64) -> u64 {
        self.next() % below
    }

    fn millis(&self, below: u64) -> Duration {
        MILLI * u32::try_from(self.below(below)).unwrap()
    }
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// How many cancellations are asked for.
fn cancellations(few: u32) -> u32 {
    std::env::var("MEDIAMILL_STORM").map_or(few, |many| many.parse().unwrap_or(100_000))
}

/// `future`, dropped after it was polled `polls` times: at whatever it waits for then.
async fn polled<T>(future: impl Future<Output = T>, polls: u64) -> Option<T> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let poll = future.as_mut().poll(context).map(Some);
        if poll.is_pending() && left == 0 { Poll::Ready(None) } else { poll }
    })
    .await
}

/// A provider that does what chance says.
fn wild(seed: u64) -> Parts {
    let mut state = seed;
    Parts::new(move |call| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let chance = mix(state);
        let time = MILLI * u32::try_from(chance >> 8 & 0x3f).unwrap();
        match (chance % 100, call) {
            (0..3, _) => Way::Panics,
            (3..6, _) => Way::PanicsAfter(time),
            (6..10, _) => Way::Fails,
            (10..16, _) => Way::FailsAfter(time),
            (16..18, Call::Create | Call::Validate | Call::Close) => Way::Hangs,
            (18..60, _) => Way::After(time),
            _ => Way::Works,
        }
    })
}

#[derive(Default)]
struct Seen {
    cancelled: Cell<u32>,
    given: Cell<u32>,
    refused: Cell<u32>,
    timeouts: Cell<u32>,
    panics: Cell<u32>,
}

fn count(cell: &Cell<u32>) {
    cell.set(cell.get() + 1);
}

const MAX: u32 = 5;

fn small() -> PoolSettings {
    PoolSettings {
        min_size: 1,
        max_size: MAX,
        max_idle_time: 200 * MILLI,
        acquire_timeout: 300 * MILLI,
        validation_interval: 20 * MILLI,
        max_lifetime: 500 * MILLI,
        leak_threshold: None,
    }
}

/// Holds it for a while, and comes to one of the ends that holders come to.
async fn work(lease: Lease<Part>, chance: Chance, seen: Rc<Seen>) {
    count(&seen.given);
    match chance.below(10) {
        0 => {
            count(&seen.panics);
            panic_quietly()
        }
        1 => {
            sleep(chance.millis(20)).await;
            count(&seen.panics);
            panic_quietly()
        }
        2 => lease.mark_broken(),
        3 => drop(lease.clone()),
        4 => yield_now().await,
        _ => sleep(chance.millis(40)).await,
    }
}

/// One who wants a part, and may go away at any await.
async fn comes_and_goes(manager: Manager, who: u64, chance: Chance, seen: Rc<Seen>) {
    // Some come twice under one name.
    let owner = Owner::new(format!("{}", who / (1 + chance.below(2))));
    let patience = chance.millis(200);
    let wants = {
        let (manager, chance, seen) = (manager.clone(), chance.clone(), Rc::clone(&seen));
        let kind = chance.below(10);
        async move {
            let start = Instant::now();
            let had: Result<Lease<Part>, ResourceError> = match kind {
                0 => {
                    let both = [Requirement::new("parts").within(patience), Requirement::new("others").optional()];
                    let leases = manager.acquire_all(&both, &owner).await;
                    leases.map(|leases| leases.get("parts").unwrap().downcast().unwrap())
                }
                1 => match manager.hold("parts", &owner).await {
                    Ok(()) => {
                        sleep(chance.millis(10)).await;
                        manager.release_all(&owner);
                        return;
                    }
                    Err(error) => Err(error),
                },
                _ => manager.acquire_within("parts", &owner, patience).await,
            };
            match had {
                Ok(lease) => work(lease, chance, seen).await,
                Err(error) => {
                    count(&seen.refused);
                    if error.is_timeout() && kind > 1 {
                        count(&seen.timeouts);
                        let late = start.elapsed().saturating_sub(patience);
                        assert!(start.elapsed() >= patience && late <= SLACK, "{patience:?}: told {late:?} late");
                    }
                }
            }
        }
    };
    let ended = match chance.below(5) {
        0 | 1 => polled(wants, 1 + chance.below(12)).await.is_some(),
        2 | 3 => timeout(chance.millis(120), wants).await.is_ok(),
        _ => {
            wants.await;
            true
        }
    };
    if !ended {
        count(&seen.cancelled);
    }
    // Somebody who was cancelled while he kept it by name: his end is told.
    manager.release_all(&Owner::new(format!("{who}")));
    manager.release_all(&Owner::new(format!("{}", who / 2)));
}

/// Waits for all. They end, or panic on purpose.
async fn end(tasks: &mut Vec<JoinHandle<()>>) {
    for task in tasks.drain(..) {
        if let Err(error) = task.await {
            let panic = error.into_panic();
            if panic.downcast_ref::<&str>() != Some(&ON_PURPOSE) {
                std::panic::resume_unwind(panic);
            }
        }
    }
}

async fn storm(seed: u64, cancellations: u32) -> Rc<Seen> {
    let (parts, others) = (wild(seed), wild(seed ^ 0xffff));
    let manager = Manager::new();
    manager.register("parts", parts.clone(), small()).unwrap();
    manager.register("others", others.clone(), small()).unwrap();
    let monitor = tokio::task::spawn_local(manager.monitor(70 * MILLI, |_| {}));
    let (chance, seen) = (Chance::new(seed), Rc::new(Seen::default()));
    let mut who = 0;
    let mut tasks = Vec::new();
    while seen.cancelled.get() < cancellations {
        for _ in 0..50 {
            who += 1;
            tasks.push(tokio::task::spawn_local(comes_and_goes(
                manager.clone(),
                who,
                chance.clone(),
                Rc::clone(&seen),
            )));
            if chance.below(8) == 0 {
                sleep(chance.millis(30)).await;
            }
        }
        if tasks.len() > 500 {
            end(&mut tasks).await;
        }
        assert!(parts.most() <= MAX && others.most() <= MAX, "seed {seed}: {} alive", parts.most());
    }
    end(&mut tasks).await;
    // The provider is well again, and what hung was given up.
    parts.does(|_| Way::Works);
    others.does(|_| Way::Works);
    sleep(Duration::from_secs(40)).await;
    for (name, parts) in [("parts", &parts), ("others", &others)] {
        let metrics = manager.status(name).unwrap().metrics;
        assert_eq!((metrics.waiting, metrics.active_connections), (0, 0), "seed {seed}: {name}: {metrics:?}");
        assert_eq!((metrics.size, parts.alive()), (metrics.available, metrics.available), "seed {seed}: {metrics:?}");
        assert_eq!(metrics.created, u64::from(parts.made()), "seed {seed}");
        assert_eq!(metrics.created - metrics.closed, u64::from(metrics.available), "seed {seed}: {metrics:?}");
        // Every slot is there.
        let mut leases = Vec::new();
        for place in 0..MAX {
            let owner = Owner::new(format!("last {place}"));
            leases.push(manager.acquire_within::<Part>(name, &owner, Duration::ZERO).await.unwrap());
        }
        assert_eq!(parts.alive(), MAX);
    }
    assert!(manager.close().await.is_empty());
    monitor.await.unwrap();
    assert_eq!((parts.alive(), others.alive()), (0, 0), "seed {seed}: handles are left");
    assert!(parts.most() <= MAX && others.most() <= MAX);
    seen
}

#[tokio::test(start_paused = true)]
async fn no_slot_leaks_whatever_is_cancelled_fails_hangs_or_panics() {
    let all = cancellations(4_000);
    let seeds = 4;
    for seed in 1..=seeds {
        let seen = LocalSet::new().run_until(storm(seed, all.div_ceil(seeds as u32))).await;
        // All that can happen did.
        for (what, times) in [
            ("cancelled", &seen.cancelled),
            ("given", &seen.given),
            ("refused", &seen.refused),
            ("timeouts", &seen.timeouts),
            ("panics", &seen.panics),
        ] {
            assert!(times.get() > 20, "seed {seed}: {what} {} times only", times.get());
        }
    }
}

/// Where the provider answers at once, who has waited longer has his answer first, whatever the others do meanwhile.
#[tokio::test(start_paused = true)]
async fn no_one_who_waits_is_overtaken_in_a_storm() {
    let all = cancellations(4_000);
    for seed in 11..=12_u64 {
        order(seed, all.div_ceil(2)).await;
    }
}

async fn order(seed: u64, cancellations: u32) {
    let mut state = seed;
    let parts = Parts::new(move |call| {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        match (mix(state) % 1000, call) {
            (0..100, Call::Create | Call::Reuse) => Way::Fails,
            (100..200, Call::Create | Call::Reuse) => Way::Panics,
            (200..500, Call::Close) => Way::After(7 * MILLI),
            (500..503, Call::Close) => Way::Hangs,
            _ => Way::Works,
        }
    });
    let manager = Manager::new();
    let pool = PoolSettings { min_size: 0, max_size: 3, ..PoolSettings::default() };
    manager.register("parts", parts.clone(), pool).unwrap();
    let chance = Chance::new(seed);
    let seen = Arc::new(Mutex::new(Queue::default()));
    let mut tasks = Vec::new();
    let mut who = 0_u64;
    while seen.lock().unwrap().cancelled < cancellations {
        for _ in 0..20 {
            who += 1;
            let visitor = Visitor {
                seed,
                owner: Owner::new(format!("{who}")),
                patience: 5 * MILLI + chance.millis(200),
                gives_up: chance.millis(150),
                holds: chance.millis(8),
                breaks: chance.below(10) == 0,
            };
            tasks.push(tokio::spawn(visitor.visits(manager.clone(), Arc::clone(&seen))));
        }
        sleep(chance.millis(60)).await;
        if tasks.len() > 400 {
            end(&mut tasks).await;
        }
    }
    end(&mut tasks).await;
    assert!(seen.lock().unwrap().owed.is_empty());
    let waited = seen.lock().unwrap().waited;
    assert!(waited > cancellations / 10, "seed {seed}: {waited} waited and had their turn");
    assert!(parts.most() <= 3);
}

/// Who waits in front of a pool.
#[derive(Default)]
struct Queue {
    arrivals: u64,
    /// By when they came.
    waiting: BTreeSet<u64>,
    /// Those who must have had their turn by the end of this instant.
    owed: BTreeMap<u64, Instant>,
    waited: u32,
    cancelled: u32,
}

/// One who comes for a part, and goes away when it takes too long.
struct Visitor {
    seed: u64,
    owner: Owner,
    patience: Duration,
    gives_up: Duration,
    holds: Duration,
    breaks: bool,
}

impl Visitor {
    async fn visits(self, manager: Manager, queue: Arc<Mutex<Queue>>) {
        let mut wish = pin!(manager.acquire_within::<Part>("parts", &self.owner, self.patience));
        let mut place = None;
        let had = std::future::poll_fn(|context| {
            let poll = wish.as_mut().poll(context);
            if poll.is_pending() && place.is_none() {
                let mut queue = queue.lock().unwrap();
                queue.arrivals += 1;
                place = Some(queue.arrivals);
                let arrivals = queue.arrivals;
                queue.waiting.insert(arrivals);
            }
            poll
        });
        let had = timeout(self.gives_up, had).await;
        {
            let mut queue = queue.lock().unwrap();
            queue.cancelled += u32::from(had.is_err());
            if let Some(place) = place {
                queue.waiting.remove(&place);
                let had_turn =
                    |had: &Result<_, ResourceError>| had.as_ref().err().is_none_or(|error| !error.is_timeout());
                let had_turn = had.as_ref().is_ok_and(had_turn);
                let now = Instant::now();
                if let Some(turn) = queue.owed.remove(&place) {
                    assert!(had_turn && turn == now, "seed {}: one who came later had his turn before", self.seed);
                }
                if had_turn {
                    queue.waited += 1;
                    // Those before him have theirs already, though they may run after him.
                    let before: Vec<u64> = queue.waiting.range(..place).copied().collect();
                    queue.owed.extend(before.into_iter().map(|earlier| (earlier, now)));
                }
            }
        }
        if let Ok(Ok(lease)) = had {
            sleep(self.holds).await;
            if self.breaks {
                lease.mark_broken();
            }
        }
    }
}
