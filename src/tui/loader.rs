//! Reads what the screen asks for, on a thread of its own: logs, checkpoints, pictures.
//!
//! A slow disk must not hold the screen up. Of orders for one file that wait only the newest is done, and no read is
//! longer than a limit.

mod read;

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};

use super::effect::{Load, Loaded};

/// Bytes of a log that are read at once; a log that is further ahead is read from this much before its end.
pub const MOST_READ: u64 = 1 << 20;

/// The name of the thread that reads. A decoder that panics there harms nothing.
pub const THREAD: &str = "loader";

/// The thread that reads. It ends when this is dropped, after the read that is under way.
#[derive(Debug)]
pub struct Loader {
    orders: Sender<Load>,
}

impl Loader {
    /// Starts it; `loaded` is called with everything that was read.
    ///
    /// # Errors
    /// That there is no thread.
    pub fn start(loaded: impl Fn(Loaded) + Send + 'static) -> std::io::Result<Self> {
        let (orders, to_do) = channel();
        std::thread::Builder::new().name(THREAD.into()).spawn(move || work(&to_do, loaded))?;
        Ok(Self { orders })
    }

    /// Reads this, and tells.
    pub fn load(&self, load: Load) {
        // Without a thread nothing comes, and the screen says that it waits.
        let _ = self.orders.send(load);
    }
}

fn work(orders: &Receiver<Load>, loaded: impl Fn(Loaded)) {
    let mut waiting = VecDeque::new();
    while let Ok(first) = orders.recv() {
        put(&mut waiting, first);
        loop {
            match orders.try_recv() {
                Ok(load) => {
                    put(&mut waiting, load);
                    continue;
                }
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {}
            }
            match waiting.pop_front() {
                Some(load) => loaded(read::read(load)),
                None => break,
            }
        }
    }
}

/// Puts an order in line; it takes the place of an older one for the same.
fn put(waiting: &mut VecDeque<Load>, load: Load) {
    match waiting.iter_mut().find(|old| is_same(old, &load)) {
        Some(old) => *old = load,
        None => waiting.push_back(load),
    }
}

/// One picture is in sight at a time; logs and checkpoints are told apart by their file.
fn is_same(old: &Load, new: &Load) -> bool {
    match (old, new) {
        (Load::Log { path: old, .. }, Load::Log { path: new, .. }) => old == new,
        (Load::Checkpoint { path: old, .. }, Load::Checkpoint { path: new, .. }) => old == new,
        (Load::Picture { .. }, Load::Picture { .. }) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests;
