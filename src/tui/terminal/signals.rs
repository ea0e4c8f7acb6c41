//! A thread that turns signals into events.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::Signal as SystemSignal;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

use super::device::Device;
use super::{Handler, TerminalEvent};

/// So long a continued program waits to hear that it was: the thread that hears it may be scheduled late. Time goes on while
/// a program is stopped, so this says nothing on how long it was.
const HEARING: Duration = Duration::from_millis(500);

/// The listening thread. After its end the signals do nothing: what they would have done by themselves does not come back.
pub(super) struct Signals {
    shared: Arc<Shared>,
    may_stop: bool,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    end: Notify,
    continued: Mutex<Continued>,
    changed: Condvar,
}

#[derive(Default)]
struct Continued {
    times: u64,
    /// We stopped ourselves, so that it is no news.
    expected: bool,
}

impl Signals {
    /// Listens from now on, in place of what the system does by itself.
    pub(super) fn listen(handler: Handler, device: Arc<Device>) -> io::Result<Self> {
        let ignored = ignored();
        let may_stop = !is_in(ignored, SystemSignal::TSTP);
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let sources = {
            let _within = runtime.enter();
            Sources {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                // What whoever started us wants ignored, as nohup does, stays so.
                hang_up: (!is_in(ignored, SystemSignal::HUP)).then(|| signal(SignalKind::hangup())).transpose()?,
                stop: may_stop.then(|| signal(SignalKind::from_raw(SystemSignal::TSTP.as_raw()))).transpose()?,
                go_on: signal(SignalKind::from_raw(SystemSignal::CONT.as_raw()))?,
                resize: signal(SignalKind::window_change())?,
            }
        };
        let thread = thread::Builder::new()
            .name("screen-signals".into())
            .spawn(move || runtime.block_on(own.forward(sources, &handler, &device)))?;
        Ok(Self { shared, may_stop, thread: Some(thread) })
    }

    /// Whether whoever started us lets us be stopped.
    pub(super) const fn may_stop(&self) -> bool {
        self.may_stop
    }

    /// From now on a SIGCONT is ours.
    pub(super) fn expect_continue(&self) -> Expectation {
        let mut continued = self.shared.continued();
        continued.expected = true;
        Expectation { shared: Arc::clone(&self.shared), before: continued.times }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.shared.end.notify_one();
        if let Some(thread) = self.thread.take() {
            // One that panicked has told so through the hook.
            let _ = thread.join();
        }
    }
}

/// Somebody waits to be continued.
pub(super) struct Expectation {
    shared: Arc<Shared>,
    before: u64,
}

impl Expectation {
    /// Waits until we were continued.
    pub(super) fn wait(&self) {
        let until = Instant::now() + HEARING;
        let mut continued = self.shared.continued();
        // The first time the wait may end because the time went on while we were stopped.
        let mut late = false;
        while continued.times == self.before && !(late && Instant::now() > until) {
            late |= Instant::now() > until;
            let nap = Duration::from_millis(100);
            continued = self.shared.changed.wait_timeout(continued, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Expectation {
    fn drop(&mut self) {
        self.shared.continued().expected = false;
    }
}

struct Sources {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
    stop: Option<Signal>,
    go_on: Signal,
    resize: Signal,
}

impl Shared {
    fn continued(&self) -> MutexGuard<'_, Continued> {
        self.continued.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, mut sources: Sources, handler: &Handler, device: &Device) {
        loop {
            let event = tokio::select! {
                () = self.end.notified() => return,
                _ = sources.interrupt.recv() => TerminalEvent::Signal("SIGINT"),
                _ = sources.terminate.recv() => TerminalEvent::Signal("SIGTERM"),
                () = next(sources.hang_up.as_mut()) => TerminalEvent::Signal("SIGHUP"),
                () = next(sources.stop.as_mut()) => TerminalEvent::Signal("SIGTSTP"),
                _ = sources.go_on.recv() => {
                    let mut continued = self.continued();
                    continued.times += 1;
                    self.changed.notify_all();
                    if continued.expected {
                        continue;
                    }
                    TerminalEvent::Continued
                }
                _ = sources.resize.recv() => {
                    let (width, height) = device.size();
                    TerminalEvent::Resize(width, height)
                }
            };
            handler(event);
        }
    }
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// The signals that are ignored, a bit for each.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default()
}

const fn is_in(mask: u64, signal: SystemSignal) -> bool {
    mask >> (signal.as_raw() - 1) & 1 == 1
}
