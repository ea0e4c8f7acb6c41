//! The terminal's file, and what has been changed about it and must be undone.
//!
//! What a panic needs is here, without a lock that is ever waited for: the panicking thread could be the one that holds it.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcgetwinsize, tcsetattr};

use super::escape;

/// The terminal.
pub(super) struct Device {
    tty: File,
    /// As it was when it was opened.
    first: Termios,
    /// As it was when it was taken the last time: a shell may have changed it meanwhile.
    before: Mutex<Termios>,
    /// Its modes are, or may be, changed.
    raw: AtomicBool,
    /// It shows, or may show, our screen.
    shown: AtomicBool,
    mouse: AtomicBool,
    titled: AtomicBool,
    lost: AtomicBool,
    /// It was lost by a panic.
    panicked: AtomicBool,
    /// Can be read once the screen is lost.
    alarm: OwnedFd,
    /// A thread is in the middle of a write.
    writing: AtomicBool,
}

impl Device {
    /// Opens the terminal that controls us.
    pub(super) fn open() -> io::Result<Self> {
        // A file of our own: not blocking is for us alone, whoever else has the terminal open.
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32;
        let tty = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty")?;
        let first = tcgetattr(&tty)?;
        let off = || AtomicBool::new(false);
        Ok(Self {
            before: Mutex::new(first.clone()),
            tty,
            first,
            raw: off(),
            shown: off(),
            mouse: off(),
            titled: off(),
            lost: off(),
            panicked: off(),
            alarm: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
            writing: off(),
        })
    }

    /// Takes the terminal: its modes, then its second screen.
    pub(super) fn enter(&self, until: Instant) -> io::Result<()> {
        let before = tcgetattr(&self.tty)?;
        *self.before.lock().unwrap_or_else(PoisonError::into_inner) = before.clone();
        self.set_raw(before)?;
        self.show(until)
    }

    /// Takes it anew where the modes to go back to are known.
    pub(super) fn enter_again(&self, until: Instant) -> io::Result<()> {
        self.set_raw(tcgetattr(&self.tty)?)?;
        self.show(until)
    }

    fn set_raw(&self, mut modes: Termios) -> io::Result<()> {
        modes.make_raw();
        self.raw.store(true, SeqCst);
        Ok(tcsetattr(&self.tty, OptionalActions::Now, &modes)?)
    }

    fn show(&self, until: Instant) -> io::Result<()> {
        self.shown.store(true, SeqCst);
        let mouse: &[u8] = if self.has_mouse() { escape::MOUSE_ON } else { b"" };
        match self.write(&[escape::ENTER, mouse].concat(), until) {
            // The line is dead for now. The first frame that gets through shows what it shows.
            Err(error) if error.kind() == io::ErrorKind::TimedOut => Ok(()),
            other => other,
        }
    }

    /// Gives the terminal back: our screen goes, then its modes come back. What was never changed is left alone.
    pub(super) fn restore(&self, until: Instant) -> io::Result<()> {
        let mut written = Ok(());
        if self.shown.swap(false, SeqCst) {
            written = self.write(&escape::leave(self.titled.swap(false, SeqCst)), until);
        }
        if self.raw.swap(false, SeqCst) {
            if self.has_mouse() {
                // Where the mouse went is not what somebody typed for the next program.
                let _ = tcflush(&self.tty, QueueSelector::IFlush);
            }
            let before = self.before.try_lock().map_or_else(|_| self.first.clone(), |before| before.clone());
            tcsetattr(&self.tty, OptionalActions::Now, &before)?;
        }
        // A line that takes nothing is given up.
        written.or_else(|error| if error.kind() == io::ErrorKind::TimedOut { Ok(()) } else { Err(error) })
    }

    /// A thread panics: that is why the screen will be lost.
    pub(super) fn panicked(&self) {
        self.panicked.store(true, SeqCst);
    }

    /// Whether a thread has panicked.
    pub(super) fn has_panicked(&self) -> bool {
        self.panicked.load(SeqCst)
    }

    /// Marks the screen as lost and gives the terminal back, on whichever thread that is. The first to do it tells.
    pub(super) fn rescue(&self) {
        if self.lost.swap(true, SeqCst) {
            return;
        }
        // A thread that is within a write ends it at once, for none blocks; unless it is this one.
        let until = Instant::now() + Duration::from_millis(200);
        while self.writing.load(SeqCst) && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
        // What fails now cannot be helped.
        let _ = self.restore(Instant::now() + Duration::from_millis(500));
        self.ring();
    }

    /// Writes a part of `bytes`, as much as goes at once, unless the screen is lost.
    pub(super) fn write_some(&self, bytes: &[u8]) -> rustix::io::Result<usize> {
        self.writing.store(true, SeqCst);
        let result = if self.is_lost() { Err(Errno::IO) } else { rustix::io::write(&self.tty, bytes) };
        self.writing.store(false, SeqCst);
        result
    }

    /// Writes all of `bytes`, or tells that it took too long.
    fn write(&self, mut bytes: &[u8], until: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.tty, bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    // Short: another thread's write holds the terminal without any sign of it.
                    let nap = Timespec { tv_sec: 0, tv_nsec: left.as_nanos().min(20_000_000) as i64 };
                    let _ = poll(&mut [PollFd::new(&self.tty, PollFlags::OUT)], Some(&nap));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads what is there.
    pub(super) fn read(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        rustix::io::read(&self.tty, buffer)
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (u16, u16) {
        match tcgetwinsize(&self.tty) {
            // Nobody has more, but a terminal can claim to, and each cell takes memory.
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col.min(2000), size.ws_row.min(1000)),
            // A serial line does not know.
            _ => (80, 24),
        }
    }

    /// Columns and rows, and the pixels of the whole, 0 where nobody knows.
    pub(super) fn pixels(&self) -> (u16, u16) {
        tcgetwinsize(&self.tty).map_or((0, 0), |size| (size.ws_xpixel, size.ws_ypixel))
    }

    /// Whether it shows our screen.
    pub(super) fn is_entered(&self) -> bool {
        self.shown.load(SeqCst) && !self.is_lost()
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.load(SeqCst)
    }

    /// The terminal is gone: a write failed for good.
    pub(super) fn lose(&self) {
        self.lost.store(true, SeqCst);
        self.ring();
    }

    fn ring(&self) {
        // Nothing but a number is changed in the kernel: a panicking thread may do that, whatever it holds.
        let _ = rustix::io::write(&self.alarm, &1_u64.to_ne_bytes());
    }

    /// Can be read once the screen is lost.
    pub(super) const fn alarm(&self) -> &OwnedFd {
        &self.alarm
    }

    pub(super) fn has_mouse(&self) -> bool {
        self.mouse.load(SeqCst)
    }

    /// Tells whether that is a change.
    pub(super) fn set_mouse(&self, on: bool) -> bool {
        self.mouse.swap(on, SeqCst) != on
    }

    /// The window's title is to be brought back at the end.
    pub(super) fn saves_title(&self) {
        self.titled.store(true, SeqCst);
    }
}

impl AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.tty.as_fd()
    }
}
