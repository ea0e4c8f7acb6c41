//! The owner of an engine process: the process that started it, shows what it does, and commands it.
//!
//! Between the two there is a socket, with one JSON object a line: events to the owner, [`OwnerMessage`]s to the engine.
//! The run never waits for its owner. One that does not read, or goes away, costs the run nothing but itself; whoever
//! wants the run to go on without it says so first, with [`Owned::release`].

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::control::Commands;
use super::recorder::Sink;
use crate::events::{Command, Event, RunState, StopLevel};

/// Lines are handed over when there are so many bytes of them.
const BLOCK: usize = 64 * 1024;
/// How long lines wait for others, so that a run of many small tasks does not wake its owner for each.
const MOMENT: Duration = Duration::from_millis(10);
/// An owner that is so many bytes behind gets no more: it has the journal.
const FAR_BEHIND: usize = 64 << 20;
/// How long an owner may read nothing at the run's end before the run ends without it.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest message of an owner, in bytes.
const LONGEST: u64 = 64 * 1024;

/// What an owner says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "owner", rename_all = "snake_case")]
pub enum OwnerMessage {
    /// Do this.
    Command {
        /// What.
        #[serde(flatten)]
        command: Command,
    },
    /// Go on without me.
    Release,
}

/// Writes every event to the owner, from a thread of its own.
#[derive(Debug)]
pub struct OwnerSink {
    held: Vec<u8>,
    queue: Arc<Queue>,
    /// The most bytes that may wait.
    most: usize,
    stream: UnixStream,
    /// Closes when all is written.
    written: Receiver<()>,
}

/// What waits for the owner.
#[derive(Debug, Default)]
struct Queue {
    lines: Mutex<Waiting>,
    /// Told when the writer waits and something came, and at the end.
    comes: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    bytes: Vec<u8>,
    /// Bytes that are being written.
    under_way: usize,
    /// The writer waits for something to write.
    is_awaited: bool,
    /// Nothing more comes, or nobody takes it.
    is_over: bool,
}

impl Queue {
    fn lines(&self) -> MutexGuard<'_, Waiting> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to be written next, after a moment in which more may come; none at the end.
    fn next(&self) -> Option<Vec<u8>> {
        let mut lines = self.lines();
        lines.under_way = 0;
        lines.is_awaited = true;
        lines = self
            .comes
            .wait_while(lines, |lines| lines.bytes.is_empty() && !lines.is_over)
            .unwrap_or_else(PoisonError::into_inner);
        lines.is_awaited = false;
        lines = self
            .comes
            .wait_timeout_while(lines, MOMENT, |lines| !lines.is_over)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        let bytes = std::mem::take(&mut lines.bytes);
        lines.under_way = bytes.len();
        (!bytes.is_empty()).then_some(bytes)
    }

    /// Nothing more comes. What waits is still written.
    fn end(&self) {
        self.lines().is_over = true;
        self.comes.notify_all();
    }

    fn write(&self, mut out: &UnixStream) {
        while let Some(bytes) = self.next() {
            for block in bytes.chunks(BLOCK) {
                if out.write_all(block).is_err() {
                    let mut lines = self.lines();
                    (lines.is_over, lines.bytes) = (true, Vec::new());
                    return;
                }
                self.lines().under_way -= block.len();
            }
        }
    }
}

impl OwnerSink {
    /// Writes to `stream`.
    ///
    /// # Errors
    /// That the system gives no other descriptor for it, or no thread.
    pub fn new(stream: UnixStream) -> std::io::Result<Self> {
        Self::with_bound(stream, FAR_BEHIND)
    }

    fn with_bound(stream: UnixStream, most: usize) -> std::io::Result<Self> {
        let (ends, written) = channel::<()>();
        let queue = Arc::new(Queue::default());
        let (to_write, out) = (Arc::clone(&queue), stream.try_clone()?);
        std::thread::Builder::new().name("owner".into()).spawn(move || {
            to_write.write(&out);
            drop(ends);
        })?;
        Ok(Self { held: Vec::with_capacity(BLOCK + 1024), queue, most, stream, written })
    }

    fn hand_over(&mut self) {
        if self.held.is_empty() {
            return;
        }
        let mut lines = self.queue.lines();
        if !lines.is_over {
            lines.bytes.extend_from_slice(&self.held);
        }
        let is_behind = lines.bytes.len() + lines.under_way > self.most;
        // A writer that is at work looks again by itself.
        let is_awaited = std::mem::take(&mut lines.is_awaited);
        drop(lines);
        self.held.clear();
        if is_behind {
            self.give_up();
        } else if is_awaited {
            self.queue.comes.notify_all();
        }
    }

    /// Ends the events, not the commands: the owner sees their end, and has the journal for the rest.
    fn give_up(&mut self) {
        let mut lines = self.queue.lines();
        (lines.is_over, lines.bytes) = (true, Vec::new());
        drop(lines);
        self.queue.comes.notify_all();
        let _ = self.stream.shutdown(Shutdown::Write);
    }
}

impl Sink for OwnerSink {
    fn event(&mut self, _event: &Event, _state: &RunState) {}

    fn line(&mut self, line: &[u8]) {
        self.held.extend_from_slice(line);
        if self.held.len() >= BLOCK {
            self.hand_over();
        }
    }

    fn idle(&mut self) {
        self.hand_over();
    }
}

impl Drop for OwnerSink {
    fn drop(&mut self) {
        self.hand_over();
        self.queue.end();
        // For as long as the owner reads, it gets all there is.
        let left = || {
            let lines = self.queue.lines();
            lines.bytes.len() + lines.under_way
        };
        let mut before = left();
        while let Err(RecvTimeoutError::Timeout) = self.written.recv_timeout(PATIENCE) {
            let now = left();
            if now == before {
                break;
            }
            before = now;
        }
        self.give_up();
    }
}

/// Takes the owner's messages from now on, in a thread of its own. When the owner dies the run is stopped, as by a closed
/// terminal; when it releases the run, nothing of the owner matters any more.
///
/// # Errors
/// That the system gives no other descriptor for the stream, or no thread.
pub fn listen(stream: &UnixStream, commands: Commands) -> std::io::Result<()> {
    let stream = stream.try_clone()?;
    let listen = move || {
        let mut lines = BufReader::new(&stream);
        let mut line = Vec::new();
        loop {
            line.clear();
            match lines.by_ref().take(LONGEST).read_until(b'\n', &mut line) {
                Ok(_) if line.last() == Some(&b'\n') => {}
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                // The end, or what is no message of ours.
                Ok(_) | Err(_) => break,
            }
            match serde_json::from_slice(&line) {
                Ok(OwnerMessage::Command { command }) => drop(commands.send(command)),
                Ok(OwnerMessage::Release) => {
                    let _ = stream.shutdown(Shutdown::Both);
                    return;
                }
                Err(_) => break,
            }
        }
        commands.send(Command::Stop { level: StopLevel::Cancel, by: "SIGHUP".into() });
    };
    std::thread::Builder::new().name("listen".into()).spawn(listen).map(drop)
}

/// The owner's end: an engine process that this process started. Copies are of the same engine. When the last copy and
/// all [`Events`] are gone, or the process is, without a release, the run is stopped.
#[derive(Debug, Clone)]
pub struct Owned {
    /// Locked while a message is written: none gets into another.
    stream: Arc<Mutex<UnixStream>>,
}

impl Owned {
    /// The engine at the other end of `stream`.
    #[must_use]
    pub fn new(stream: UnixStream) -> Self {
        Self { stream: Arc::new(Mutex::new(stream)) }
    }

    /// The run's events, from where they were read last. For one reader, in a thread: it waits for each.
    ///
    /// # Errors
    /// That the system gives no other descriptor for the stream.
    pub fn events(&self) -> std::io::Result<Events> {
        let stream = self.stream().try_clone()?;
        Ok(Events { lines: BufReader::with_capacity(BLOCK, stream), line: Vec::new() })
    }

    /// Has the engine do something. `false`: it is gone.
    pub fn send(&self, command: Command) -> bool {
        self.say(&OwnerMessage::Command { command })
    }

    /// Lets the run go on without its owner. `false`: the engine is gone. Nothing else comes from it then.
    pub fn release(&self) -> bool {
        self.say(&OwnerMessage::Release)
    }

    fn say(&self, message: &OwnerMessage) -> bool {
        let Ok(mut line) = serde_json::to_vec(message) else { return false };
        line.push(b'\n');
        self.stream().write_all(&line).is_ok()
    }

    fn stream(&self) -> MutexGuard<'_, UnixStream> {
        self.stream.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The events of an engine process. They end with the run; without a `RunFinished` at their end there are more in the
/// journal, or the engine is gone.
#[derive(Debug)]
pub struct Events {
    lines: BufReader<UnixStream>,
    line: Vec<u8>,
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.line.clear();
        self.lines.read_until(b'\n', &mut self.line).ok()?;
        // A torn line is the end: the engine gave up in the middle of it.
        (self.line.last() == Some(&b'\n')).then(|| serde_json::from_slice(&self.line).ok())?
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may")]

    use rustix::event::{PollFd, PollFlags, poll};

    use super::*;
    use crate::engine::control;
    use crate::engine::recorder::Recorder;
    use crate::events::EventKind;

    fn warning(recorder: &mut Recorder, length: usize) {
        recorder.record(EventKind::Warning { message: "x".repeat(length), item: None });
    }

    #[test]
    fn the_owner_reads_what_the_engine_records() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let owned = Owned::new(ours);
        let mut recorder = Recorder::new(None, vec![Box::new(OwnerSink::new(theirs).unwrap())]);
        let reader = std::thread::spawn(move || owned.events().unwrap().collect::<Vec<_>>());
        for length in 0..3000 {
            warning(&mut recorder, length);
        }
        drop(recorder);
        let events = reader.join().unwrap();
        assert_eq!(events.len(), 3000);
        assert!(events.iter().enumerate().all(|(seq, event)| event.seq == seq as u64));
    }

    #[test]
    fn an_owner_that_does_not_read_is_given_up_and_still_obeyed() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let owned = Owned::new(ours);
        let (commands, mut inbox) = control::channel();
        listen(&theirs, commands).unwrap();
        let sink = OwnerSink::with_bound(theirs, 1 << 20).unwrap();
        let mut recorder = Recorder::new(None, vec![Box::new(sink)]);
        for _ in 0..20 {
            warning(&mut recorder, 4096);
        }
        recorder.flush();
        // However fast events come: what is sent has begun to arrive.
        let stream = owned.stream().try_clone().unwrap();
        assert_eq!(poll(&mut [PollFd::new(&stream, PollFlags::IN)], None), Ok(1));
        for _ in 0..2000 {
            warning(&mut recorder, 4096);
        }
        recorder.flush();
        // What was on its way is there, whole up to the last line, and then it ends.
        let events: Vec<Event> = owned.events().unwrap().collect();
        assert!((10..1000).contains(&events.len()), "{}", events.len());
        assert!(owned.send(Command::Pause));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(inbox.next()), Some(Command::Pause));
    }

    #[test]
    fn a_run_without_its_owner_is_stopped_and_one_that_was_released_goes_on() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for release in [false, true] {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let owned = Owned::new(ours);
            let (commands, mut inbox) = control::channel();
            listen(&theirs, commands).unwrap();
            let last = Command::Stop { level: StopLevel::Drain, by: "a key".into() };
            assert!(owned.send(last.clone()));
            assert!(!release || owned.release());
            drop(owned);
            assert_eq!(runtime.block_on(inbox.next()), Some(last));
            let stop = Command::Stop { level: StopLevel::Cancel, by: "SIGHUP".into() };
            assert_eq!(runtime.block_on(inbox.next()), (!release).then_some(stop));
        }
    }
}
