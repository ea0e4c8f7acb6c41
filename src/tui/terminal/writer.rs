//! A thread that writes frames to the terminal, so that nobody else waits for it.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::io::Errno;

use super::device::Device;
use super::{Handler, TerminalEvent};

/// Beside a frame so many bytes wait at most: titles, bells, a clip.
const MOST_WAITING: usize = 1 << 20;

/// The writing thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    device: Arc<Device>,
    slot: Mutex<Slot>,
    changed: Condvar,
    /// Wakes the thread where it waits for the terminal.
    wake: OwnedFd,
    /// What is not written yet is to be dropped.
    discard: AtomicBool,
    /// Somebody was refused, and is to be told.
    refused: AtomicBool,
}

#[derive(Default)]
struct Slot {
    waiting: Vec<u8>,
    busy: bool,
    ended: bool,
}

impl Writer {
    pub(super) fn start(device: Arc<Device>, handler: Handler) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            device,
            slot: Mutex::default(),
            changed: Condvar::new(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            discard: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        });
        let own = Arc::clone(&shared);
        let thread = thread::Builder::new().name("screen-writer".into()).spawn(move || own.run(&handler))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Whether all is written.
    pub(super) fn is_idle(&self) -> bool {
        let slot = self.shared.slot();
        !slot.busy && slot.waiting.is_empty()
    }

    /// Whether all is written; if not, a [`TerminalEvent::Ready`] follows once it is.
    pub(super) fn is_idle_or_tells(&self) -> bool {
        let slot = self.shared.slot();
        let idle = !slot.busy && slot.waiting.is_empty();
        self.shared.refused.store(!idle, SeqCst);
        idle
    }

    /// Writes `bytes` after all that waits, never within a frame. Tells whether there was room.
    pub(super) fn send(&self, bytes: &[u8]) -> bool {
        let mut slot = self.shared.slot();
        // What finds nothing waiting is taken whatever its length: a frame of a very large screen.
        let room = !slot.ended && (slot.waiting.is_empty() || slot.waiting.len() + bytes.len() <= MOST_WAITING);
        if room {
            slot.waiting.extend_from_slice(bytes);
            self.shared.changed.notify_all();
        }
        room
    }

    /// Waits until all is written, or drops it at `until`. When this returns nobody writes.
    pub(super) fn finish(&self, until: Instant) {
        let mut slot = self.shared.slot();
        while slot.busy || !slot.waiting.is_empty() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                slot.waiting.clear();
                if !self.shared.discard.swap(true, SeqCst) {
                    self.shared.wake();
                }
                // The thread never blocks in a write, so this is short; the limit is for the case that it is no more.
                if Instant::now() > until + Duration::from_secs(1) {
                    break;
                }
            }
            let nap = left.max(Duration::from_millis(20));
            slot = self.shared.changed.wait_timeout(slot, nap).unwrap_or_else(PoisonError::into_inner).0;
        }
        self.shared.discard.store(false, SeqCst);
    }

    /// Ends the thread. What waits is dropped.
    pub(super) fn end(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.slot().ended = true;
        self.shared.discard.store(true, SeqCst);
        self.shared.changed.notify_all();
        self.shared.wake();
        // One that panicked has told so through the hook.
        let _ = thread.join();
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // It fails only where so many wake-ups wait already that one more says nothing.
        let _ = rustix::io::write(&self.wake, &1_u64.to_ne_bytes());
    }

    fn run(&self, handler: &Handler) {
        let mut bytes = Vec::new();
        loop {
            {
                let mut slot = self.slot();
                slot.busy = false;
                let ready = slot.waiting.is_empty() && self.refused.swap(false, SeqCst);
                drop(slot);
                self.changed.notify_all();
                if ready && !self.device.is_lost() {
                    handler(TerminalEvent::Ready);
                }
            }
            let mut slot = self.slot();
            while slot.waiting.is_empty() && !slot.ended {
                slot = self.changed.wait(slot).unwrap_or_else(PoisonError::into_inner);
            }
            if slot.ended {
                return;
            }
            slot.busy = true;
            bytes.clear();
            // The two change places, so that neither is allocated anew for each frame.
            std::mem::swap(&mut bytes, &mut slot.waiting);
            drop(slot);
            self.write(&bytes);
            // A frame of a whole screen is not kept for the small ones that follow.
            bytes.shrink_to(1 << 16);
        }
    }

    fn write(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.discard.load(SeqCst) {
            match self.device.write_some(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait(),
                Err(_) => return self.device.lose(),
            }
        }
    }

    /// Waits until the terminal takes something, or somebody wakes us.
    fn wait(&self) {
        let mut both = [PollFd::new(&*self.device, PollFlags::OUT), PollFd::new(&self.wake, PollFlags::IN)];
        let _ = poll(&mut both, None);
        if both[1].revents().contains(PollFlags::IN) {
            let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        } else {
            // It can say that it takes something and then not do it, while another's write holds it.
            thread::sleep(Duration::from_millis(1));
        }
    }
}
