//! The least that a runner of commands can do: start one, wait for it, start the next, in as many threads as there are
//! to be tasks at once. What the figures of `benches/run.sh` are held against.
//!
//! `floor N JOBS true`: N times `/bin/true`. `floor N JOBS copy`: `cp in/I out/I` for each I below N.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [count, jobs, work] = arguments.as_slice() else { return ExitCode::from(2) };
    let (Ok(count), Ok(jobs)) = (count.parse::<usize>(), jobs.parse::<usize>()) else { return ExitCode::from(2) };
    let (next, failed) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            scope.spawn(|| {
                loop {
                    let item = next.fetch_add(1, Ordering::Relaxed);
                    if item >= count {
                        return;
                    }
                    let status = match work.as_str() {
                        "copy" => Command::new("/bin/cp").args([format!("in/{item}"), format!("out/{item}")]).status(),
                        _ => Command::new("/bin/true").status(),
                    };
                    if !status.is_ok_and(|status| status.success()) {
                        failed.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    if failed.into_inner() == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
