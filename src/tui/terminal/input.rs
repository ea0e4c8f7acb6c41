//! A thread that reads the terminal, and turns what comes into events.
//!
//! It waits without a clock, and ends at once when it is told to, so that it never takes what is meant for the next program.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::Errno;

use super::device::Device;
use super::parse::Parser;
use super::{Handler, TerminalEvent};

/// A sequence that is not whole after so many milliseconds is no sequence: somebody pressed Esc.
const ESCAPE: i64 = 50;

/// A paste whose end does not come is over after so many milliseconds.
const PASTE: i64 = 2000;

/// The reading thread. It ends when this is dropped.
pub(super) struct Input {
    end: Arc<OwnedFd>,
    thread: Option<JoinHandle<()>>,
}

impl Input {
    pub(super) fn start(device: Arc<Device>, handler: Handler) -> io::Result<Self> {
        let end = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let own = Arc::clone(&end);
        let thread = thread::Builder::new().name("screen-input".into()).spawn(move || run(&device, &own, &handler))?;
        Ok(Self { end, thread: Some(thread) })
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        // It fails only where it was told already.
        let _ = rustix::io::write(&self.end, &1_u64.to_ne_bytes());
        if let Some(thread) = self.thread.take() {
            // One that panicked has told so through the hook.
            let _ = thread.join();
        }
    }
}

/// Tells, where this thread panics, that nothing will come any more.
struct Farewell<'a>(&'a Handler);

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            (self.0)(TerminalEvent::Closed);
        }
    }
}

fn run(device: &Device, end: &OwnedFd, handler: &Handler) {
    let _farewell = Farewell(handler);
    let mut parser = Parser::default();
    let mut buffer = [0; 4096];
    let mut events = Vec::new();
    loop {
        let nap = match (parser.is_pasting(), parser.is_waiting()) {
            (true, _) => Some(PASTE),
            (false, true) => Some(ESCAPE),
            (false, false) => None,
        };
        let nap = nap.map(|millis| Timespec { tv_sec: millis / 1000, tv_nsec: millis % 1000 * 1_000_000 });
        let mut all = [device.as_fd(), end.as_fd(), device.alarm().as_fd()]
            .map(|file| PollFd::from_borrowed_fd(file, PollFlags::IN));
        match poll(&mut all, nap.as_ref()) {
            Ok(0) => parser.give_up(&mut events),
            Err(Errno::INTR) => continue,
            _ if !all[1].revents().is_empty() => return,
            // After a panic the terminal is the next program's.
            _ if device.is_lost() => return handler(TerminalEvent::Closed),
            _ => match device.read(&mut buffer) {
                Ok(0) => return handler(TerminalEvent::Closed),
                Ok(count) => parser.feed(&buffer[..count], &mut events),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(_) => return handler(TerminalEvent::Closed),
            },
        }
        events.drain(..).for_each(|event| handler(event));
    }
}
