//! The step host: built-in steps, one at a time, where a crash, a hang or a bomb takes nothing else along.

use std::cell::RefCell;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Resource, Rlimit, Signal};

use super::wire::{StepReply, StepRequest, receive, send};
use crate::media::source::Watch;
use crate::pipeline::plan::{DecodeCheck, Verify};
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};
use crate::steps::builtin::{Job, Values};
use crate::steps::register;
use crate::steps::verify::verify_output;

/// The most address space of a step that says nothing of it: far above what steps take, far below a machine's memory.
const DEFAULT_MEMORY: u64 = 4 << 30;

/// A sound of known length tells its progress at most so many times.
const TOLD_PARTS: f64 = 100.0;
/// One of unknown length not more often than this.
const TOLD_EVERY: Duration = Duration::from_secs(5);

thread_local! {
    /// Where and why the last panic was.
    static PANIC: RefCell<Option<(String, String)>> = const { RefCell::new(None) };
}

/// Serves until the engine is gone.
pub(super) fn serve() {
    let _ = rustix::process::setsid();
    let _ = rustix::thread::set_no_new_privs(true);
    let Ok(engine) = std::io::stdin().as_fd().try_clone_to_owned().map(UnixStream::from) else { return };
    let Ok(watched) = engine.try_clone() else { return };
    std::thread::spawn(move || end_with(&watched));
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or_else(String::new, ToString::to_string);
        let text = panic.payload_as_str().unwrap_or("no message").to_owned();
        PANIC.with_borrow_mut(|last| *last = Some((place, text)));
    }));
    while let Ok(Some(request)) = receive::<StepRequest>(&engine) {
        let reply = catch_unwind(AssertUnwindSafe(|| answer(request, &engine))).unwrap_or_else(|_| Err(panicked()));
        let reply = reply.map_or_else(StepReply::Failed, StepReply::Done);
        if send(&engine, &reply).is_err() {
            return;
        }
    }
}

/// Ends this process when the engine is gone, whatever the step is doing.
fn end_with(engine: &UnixStream) {
    loop {
        let mut fds = [PollFd::new(engine, PollFlags::RDHUP)];
        if poll(&mut fds, None).is_ok() && fds[0].revents().intersects(PollFlags::RDHUP | PollFlags::HUP) {
            let _ = rustix::process::kill_process(rustix::process::getpid(), Signal::KILL);
        }
    }
}

/// A decoder that panics over a file is the file's fault; our own code that does is ours.
fn panicked() -> Fault {
    let (place, text) = PANIC.with_borrow_mut(Option::take).unwrap_or_default();
    if place.starts_with("src/") {
        Fault::new(FaultClass::Bug, "panic", format!("mediamill itself failed at {place}: {text}"))
    } else {
        Fault::input("decode", format!("the file made its decoder fail: {text}"))
    }
}

fn answer(request: StepRequest, engine: &UnixStream) -> Result<Values, Fault> {
    match request {
        StepRequest::Run { uses, with, inputs, outputs, memory } => {
            limit_memory(memory.unwrap_or(DEFAULT_MEMORY));
            let step = register::find(&uses).ok_or_else(|| {
                Fault::new(FaultClass::Bug, "no-step", format!("there is no built-in step called {uses}"))
            })?;
            let job = Job {
                inputs: inputs.into_iter().map(PathBuf::from).collect(),
                outputs: outputs.into_iter().map(|(name, path)| (name, path.into())).collect(),
                watch: engine.try_clone().ok().map(watch),
            };
            (step.run)(with, &job)
        }
        StepRequest::Verify { files, full } => {
            limit_memory(DEFAULT_MEMORY);
            verify(&files, full).map(|()| Values::new())
        }
    }
}

/// Tells the engine how far a step is: seldom enough that the journal of a long run stays short.
fn watch(engine: UnixStream) -> Watch {
    let last: Mutex<Option<(Instant, f64)>> = Mutex::new(None);
    Arc::new(move |done, of| {
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = last.is_none_or(|(at, told)| match of {
            Some(of) => (done - told).abs() * TOLD_PARTS >= of,
            None => at.elapsed() >= TOLD_EVERY,
        });
        if is_due {
            *last = Some((Instant::now(), done));
            // An engine that is gone ends this process by other ways.
            let _ = send(&engine, &StepReply::Progress(done, of));
        }
    })
}

fn limit_memory(bytes: u64) {
    let maximum = rustix::process::getrlimit(Resource::As).maximum;
    let current = Some(maximum.map_or(bytes, |maximum| maximum.min(bytes)));
    let _ = rustix::process::setrlimit(Resource::As, Rlimit { current, maximum });
}

fn verify(files: &[OsText], full: bool) -> Result<(), Fault> {
    let decode = if full { DecodeCheck::Full } else { DecodeCheck::Open };
    let wanted = Verify { decode, ..Verify::default() };
    files.iter().try_for_each(|file| verify_output(file.as_path(), &wanted))
}
