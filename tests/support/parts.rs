//! A provider of parts, which do what a test says: at once, later, never, with a fault, with a panic. It counts how many
//! there are at once, those included that are being made or closed.
#![allow(dead_code, reason = "each test file uses some of it")]
#![allow(clippy::unwrap_used, reason = "a test whose lock is poisoned has failed")]

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mediamill::resilience::{Fault, FaultClass};
use mediamill::resources::{HealthReport, Lease, Manager, Owner, PoolSettings, Provider, ResourceError};
use tokio::task::JoinHandle;

/// What the provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Call {
    Create,
    Validate,
    Reuse,
    Close,
    Check,
}

/// What it does then.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Way {
    Works,
    Fails,
    Hangs,
    Panics,
    After(Duration),
    FailsAfter(Duration),
    PanicsAfter(Duration),
}

pub const SECOND: Duration = Duration::from_secs(1);
/// What it says when it panics.
pub const ON_PURPOSE: &str = "on purpose";

/// A panic that no hook tells of.
pub fn panic_quietly() -> ! {
    resume_unwind(Box::new(ON_PURPOSE))
}

impl Way {
    async fn go(self) -> bool {
        match self {
            Self::After(time) | Self::FailsAfter(time) | Self::PanicsAfter(time) => tokio::time::sleep(time).await,
            Self::Hangs => std::future::pending().await,
            Self::Works | Self::Fails | Self::Panics => {}
        }
        self.now()
    }

    fn now(self) -> bool {
        match self {
            Self::Panics | Self::PanicsAfter(_) => panic_quietly(),
            Self::Fails | Self::FailsAfter(_) => false,
            Self::Works | Self::Hangs | Self::After(_) => true,
        }
    }
}

type Script = Box<dyn FnMut(Call) -> Way + Send>;

/// The provider. Clones are the same one.
#[derive(Clone)]
pub struct Parts(Arc<Shared>);

struct Shared {
    script: Mutex<Script>,
    made: AtomicU32,
    alive: AtomicU32,
    most: AtomicU32,
    closed: AtomicU32,
}

/// What it makes.
pub struct Part {
    pub id: u32,
    _alive: Alive,
}

struct Alive(Arc<Shared>);

impl Alive {
    fn new(shared: &Arc<Shared>) -> Self {
        let alive = shared.alive.fetch_add(1, Ordering::SeqCst) + 1;
        shared.most.fetch_max(alive, Ordering::SeqCst);
        Self(Arc::clone(shared))
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Parts {
    pub fn new(script: impl FnMut(Call) -> Way + Send + 'static) -> Self {
        let zero = || AtomicU32::new(0);
        let script: Mutex<Script> = Mutex::new(Box::new(script));
        Self(Arc::new(Shared { script, made: zero(), alive: zero(), most: zero(), closed: zero() }))
    }

    /// All goes well.
    pub fn good() -> Self {
        Self::new(|_| Way::Works)
    }

    /// From now on it does this.
    pub fn does(&self, script: impl FnMut(Call) -> Way + Send + 'static) {
        *self.0.script.lock().unwrap() = Box::new(script);
    }

    /// From now on `call` goes this way, and everything else well.
    pub fn sets(&self, call: Call, way: Way) {
        self.does(move |asked| if asked == call { way } else { Way::Works });
    }

    fn way(&self, call: Call) -> Way {
        (self.0.script.lock().unwrap())(call)
    }

    /// How many were made.
    pub fn made(&self) -> u32 {
        self.0.made.load(Ordering::SeqCst)
    }

    /// How many there are, those included that are being made or closed.
    pub fn alive(&self) -> u32 {
        self.0.alive.load(Ordering::SeqCst)
    }

    /// The most that there were at once.
    pub fn most(&self) -> u32 {
        self.0.most.load(Ordering::SeqCst)
    }

    /// How many were closed in an orderly way.
    pub fn closed(&self) -> u32 {
        self.0.closed.load(Ordering::SeqCst)
    }
}

impl Provider for Parts {
    type Handle = Part;

    async fn create(&self) -> Result<Part, Fault> {
        let alive = Alive::new(&self.0);
        if !self.way(Call::Create).go().await {
            return Err(Fault::new(FaultClass::Dependency, "refused", "no part today"));
        }
        Ok(Part { id: self.0.made.fetch_add(1, Ordering::SeqCst) + 1, _alive: alive })
    }

    async fn validate(&self, _part: &Part) -> bool {
        self.way(Call::Validate).go().await
    }

    fn is_reusable(&self, _part: &Part) -> bool {
        self.way(Call::Reuse).now()
    }

    async fn close(&self, _part: Part) {
        self.way(Call::Close).go().await;
        self.0.closed.fetch_add(1, Ordering::SeqCst);
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        match self.way(Call::Check).go().await {
            true => Ok(HealthReport::healthy("all parts there")),
            false => Err(Fault::new(FaultClass::Dependency, "refused", "no parts at all")),
        }
    }
}

pub fn owner(name: impl ToString) -> Owner {
    Owner::new(name.to_string())
}

pub fn of(max_size: u32) -> PoolSettings {
    PoolSettings { min_size: 0, max_size, ..PoolSettings::default() }
}

/// A manager of `parts`, known as "parts".
pub fn manager(parts: &Parts, pool: PoolSettings) -> Manager {
    let manager = Manager::new();
    manager.register("parts", parts.clone(), pool).unwrap();
    manager
}

pub async fn part(manager: &Manager, who: impl ToString) -> Result<Lease<Part>, ResourceError> {
    manager.acquire("parts", &owner(who)).await
}

/// The same, tried and not waited for.
pub async fn part_now(manager: &Manager, who: impl ToString) -> Result<Lease<Part>, ResourceError> {
    manager.acquire_within("parts", &owner(who), Duration::ZERO).await
}

pub fn waiting(manager: &Manager) -> u32 {
    manager.status("parts").unwrap().metrics.waiting
}

/// Lets all tasks do what they can do now. The clock stands still meanwhile.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Somebody who waits for a part, and tells when he has it.
pub async fn waiter(manager: &Manager, who: &str, told: &Arc<Mutex<Vec<String>>>) -> JoinHandle<()> {
    let before = waiting(manager);
    let (manager_, who, told) = (manager.clone(), who.to_owned(), Arc::clone(told));
    let task = tokio::spawn(async move {
        let lease = part(&manager_, &who).await;
        let word = lease.map_or_else(|error| format!("{who}: {}", error.fault.cause), |_| who.clone());
        told.lock().unwrap().push(word);
    });
    settle().await;
    assert_eq!(waiting(manager), before + 1);
    task
}
