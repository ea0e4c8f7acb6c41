//! What a lease costs on a pool that has a handle ready: acquire and give back, beside deadpool in the same run.
//!
//! `cargo bench --bench lease` prints the median of many rounds for each, and how many times the one costs what the other
//! does. A lease knows its owner and is found by the resource's name, which an object of deadpool is not.

#![expect(clippy::print_stdout, reason = "it is a program of its own")]

use std::hint::black_box;
use std::time::Instant;

use deadpool::managed::{self, Metrics, RecycleResult};
use mediamill::resilience::Fault;
use mediamill::resources::{HealthReport, Manager, Owner, PoolSettings, Provider};

/// The most that a lease may cost, in microseconds.
const MOST: f64 = 5.0;
const ROUNDS: usize = 200;
const LEASES: u32 = 2_000;

/// Handles that cost nothing.
struct Numbers;

impl Provider for Numbers {
    type Handle = u64;

    async fn create(&self) -> Result<u64, Fault> {
        Ok(7)
    }

    async fn check(&self) -> Result<HealthReport, Fault> {
        Ok(HealthReport::healthy("numbers"))
    }
}

impl managed::Manager for Numbers {
    type Type = u64;
    type Error = Fault;

    async fn create(&self) -> Result<u64, Fault> {
        Ok(7)
    }

    async fn recycle(&self, _number: &mut u64, _metrics: &Metrics) -> RecycleResult<Fault> {
        Ok(())
    }
}

/// Microseconds for one lease, in one round.
async fn round(mut lease: impl AsyncFnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..LEASES {
        lease().await;
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(LEASES)
}

fn median(mut rounds: Vec<f64>) -> f64 {
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 2]
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Fault> {
    let manager = Manager::new();
    for other in 0..10 {
        manager.register(&format!("other {other}"), Numbers, PoolSettings::default())?;
    }
    manager.register("numbers", Numbers, PoolSettings::default())?;
    let owner = Owner::new("2026-11-22T18-00/song-1/save/1");
    let pool: managed::Pool<Numbers> = managed::Pool::builder(Numbers)
        .max_size(10)
        .build()
        .map_err(|error| Fault::input("pool", error.to_string()))?;

    let (mut ours, mut others) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        // One after the other, so that what else the machine does falls on both.
        ours.push(
            round(async || {
                let lease = manager.acquire::<u64>("numbers", &owner).await;
                black_box(lease.is_ok_and(|number| *number == 7));
            })
            .await,
        );
        others.push(
            round(async || {
                let object = pool.get().await;
                black_box(object.is_ok_and(|number| *number == 7));
            })
            .await,
        );
    }
    let (ours, deadpool) = (median(ours), median(others));
    println!("a lease {ours:.2} us, deadpool's object {deadpool:.2} us, ratio {:.1}", ours / deadpool);
    let leases = manager.status("numbers").map_or(0, |status| status.metrics.total_acquisitions);
    assert_eq!(leases, ROUNDS as u64 * u64::from(LEASES), "some were refused");
    assert!(ours <= MOST, "a lease costs more than {MOST} us");
    Ok(())
}
