//! SIGKILL at any instant loses nothing: the same command again finishes the batch, as if nothing had been.
//!
//! The instants come from a seed, told when the test fails. `MEDIAMILL_STORM=500` kills 500 times (100 without it),
//! `MEDIAMILL_SEED=N` takes that seed.

mod support;

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use support::{Bench, Chance, Mark, files_below};

type Tasks = BTreeSet<(std::ffi::OsString, String)>;

/// Items of the batch.
const ITEMS: usize = 240;
/// Processes of a killed run are gone within this time.
const GONE_WITHIN: Duration = Duration::from_secs(3);

/// Two tools and two built-in steps, a result that comes from all of them, and a table over the batch.
const PIPELINE: &str = r#"
name = "storm"

[output]
dir = "out/{item.stem}"

[[step]]
id = "cut"
run = ["TOOL", "copy", "{in}", "{out}", "1"]
out = { text = "cut.txt" }

[[step]]
id = "digest"
uses = "file.hash"
in = "{cut.text}"

[[step]]
id = "keep"
uses = "file.copy"
in = "{cut.text}"
out = { copy = "kept.txt" }

[[step]]
id = "join"
run = ["TOOL", "join", "{cut.text}", "{keep.copy}", "{out}"]
out = { text = "joined.txt" }
"#;

fn bench() -> Bench {
    let bench = Bench::new(PIPELINE);
    for n in 0..ITEMS {
        bench.input(format!("{n:03}.txt"), format!("line of {n}\n").repeat(1500 + 7 * n));
    }
    bench
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Looks at the output folder all the time: whatever is there is whole.
fn observe(bench: &Bench, expected: &BTreeMap<PathBuf, Vec<u8>>, stop: &AtomicBool, seen: &AtomicUsize) {
    while !stop.load(Ordering::Relaxed) {
        files_below(&bench.out, &mut |path| {
            let name = path.strip_prefix(&bench.out).unwrap_or(path);
            if name.to_string_lossy().starts_with(".mediamill-") {
                return;
            }
            let Ok(content) = std::fs::read(path) else { return };
            let whole = expected.get(name).is_some_and(|expected| *expected == content);
            assert!(
                whole,
                "an observer saw {} with {} bytes, and that is not what it is to be",
                name.display(),
                content.len()
            );
            seen.fetch_add(1, Ordering::Relaxed);
        });
    }
}

/// The tasks that are known to be done: in the journals, and in the checkpoints' JSON.
fn known_done(bench: &Bench) -> Tasks {
    let mut done: Tasks = bench.journals().iter().flat_map(support::Journal::done).collect();
    for (name, checkpoint) in bench.checkpoints() {
        done.extend(checkpoint.completed_steps.iter().map(|step| (name.clone(), step.clone())));
    }
    done
}

struct Storm {
    kills: u64,
    made: u64,
    chance: Chance,
    /// The longest wait before a kill, in microseconds.
    longest: u64,
}

impl Storm {
    /// One batch from its start to its end, killed on the way; kills that are left over fall on the next batch.
    fn over(&mut self, expected: &BTreeMap<PathBuf, Vec<u8>>) -> Result<(), String> {
        let bench = bench();
        let stop = AtomicBool::new(false);
        let seen = AtomicUsize::new(0);
        let killed: Arc<Mutex<Vec<(Mark, Instant)>>> = Arc::default();
        std::thread::scope(|scope| {
            let observer = scope.spawn(|| observe(&bench, expected, &stop, &seen));
            let watch = scope.spawn(|| watch_the_killed(&killed, &stop));
            let storm = self.runs(&bench, &killed);
            stop.store(true, Ordering::Relaxed);
            let told = |thread: std::thread::ScopedJoinHandle<'_, ()>| {
                thread.join().map_err(|panic| match panic.downcast::<String>() {
                    Ok(text) => *text,
                    Err(_) => "a watcher failed".into(),
                })
            };
            told(observer).and(told(watch)).and(storm)
        })?;
        if seen.load(Ordering::Relaxed) == 0 {
            return Err("the observer saw nothing".into());
        }
        if bench.outputs() != *expected {
            return Err("the outputs differ from those of an undisturbed run".into());
        }
        bench.assert_clean();
        Ok(())
    }

    fn runs(&mut self, bench: &Bench, killed: &Mutex<Vec<(Mark, Instant)>>) -> Result<(), String> {
        let mut done = Tasks::new();
        loop {
            let runs: BTreeSet<PathBuf> = bench.journals().into_iter().map(|journal| journal.run).collect();
            let live = bench.run().start();
            let wait = Duration::from_micros(self.chance.below(self.longest));
            let last = self.made >= self.kills;
            if live.ends_within(if last { support::PATIENCE } else { wait }) {
                let ended = live.end();
                no_repeats(bench, &runs, &done)?;
                return if ended.code() == Some(0) { Ok(()) } else { Err(format!("{ended:?}")) };
            }
            if last {
                return Err("the last run does not end".into());
            }
            let ended = live.kill();
            self.made += 1;
            let mark = ended.mark.clone();
            killed.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((ended.mark, Instant::now()));
            if self.chance.below(2) == 0 {
                // Half of the time all is quiet before the next start, half of the time nothing waits.
                mark.assert_gone(GONE_WITHIN);
            }
            no_repeats(bench, &runs, &done)?;
            done = known_done(bench);
        }
    }
}

/// Nothing that was known to be done before the last run was begun in it. `runs`: those before it.
fn no_repeats(bench: &Bench, runs: &BTreeSet<PathBuf>, done: &Tasks) -> Result<(), String> {
    for journal in bench.journals().iter().filter(|journal| !runs.contains(&journal.run)) {
        let again: Vec<_> = journal.begun().intersection(done).cloned().collect();
        if !again.is_empty() {
            return Err(format!("done before a kill, and run again after it: {again:?}"));
        }
    }
    Ok(())
}

/// The processes of every killed run are gone in time, whatever runs meanwhile.
fn watch_the_killed(killed: &Mutex<Vec<(Mark, Instant)>>, stop: &AtomicBool) {
    loop {
        let stopping = stop.load(Ordering::Relaxed);
        let now = killed.lock().map(|killed| killed.clone()).unwrap_or_default();
        for (mark, since) in &now {
            let living = mark.living();
            if living.is_empty() {
                if let Ok(mut killed) = killed.lock() {
                    killed.retain(|(_, at)| at != since);
                }
            } else {
                assert!(since.elapsed() < GONE_WITHIN + Duration::from_millis(500), "alive after SIGKILL: {living:?}");
            }
        }
        if stopping && now.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_batch_that_is_killed_again_and_again_ends_as_one_that_was_not() {
    let undisturbed = bench();
    let ended = undisturbed.run().expect(0);
    let expected = undisturbed.outputs();
    assert_eq!(expected.len(), 3 * ITEMS);
    undisturbed.assert_clean();

    let kills = number("MEDIAMILL_STORM", 100);
    let seed = number("MEDIAMILL_SEED", u64::from(std::process::id()) ^ 0x5eed);
    // Some thirty kills a batch: enough is done between two of them for every part of a run to be hit.
    let longest = ended.took.as_micros() as u64 / 10 + 30_000;
    let mut storm = Storm { kills, made: 0, chance: Chance(seed), longest };
    while storm.made < kills {
        if let Err(why) = storm.over(&expected) {
            panic!("{why}\nafter {} kills; MEDIAMILL_SEED={seed} finds it again", storm.made);
        }
    }
}
