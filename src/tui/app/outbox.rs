//! Commands on their way to the run: sent one after the other on a thread of their own, for a run may be slow to take them.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::events::Command;

/// So long a command that must be sent before the program is stopped is waited for.
const PATIENCE: Duration = Duration::from_millis(500);

/// Asks something of the run, or tells why it was not taken.
pub type Send = Box<dyn FnMut(Command) -> Result<(), String> + std::marker::Send>;

/// A command, and who waits until it was sent.
type Order = (Command, Option<Sender<()>>);

/// The way to the run.
#[derive(Debug)]
pub(super) struct Outbox(Sender<Order>);

impl Outbox {
    /// Sends with `send`; `refused` is told why a command was not taken.
    pub(super) fn start(send: Send, refused: impl Fn(String) + std::marker::Send + 'static) -> std::io::Result<Self> {
        let (orders, to_do) = channel();
        let obey = move || obey(send, &to_do, refused);
        std::thread::Builder::new().name("commands".into()).spawn(obey)?;
        Ok(Self(orders))
    }

    /// Asks this of the run, after what was asked before.
    pub(super) fn ask(&self, command: Command) {
        // The thread ends with this alone.
        let _ = self.0.send((command, None));
    }

    /// Asks, and waits until it was sent: for those who are about to stop.
    pub(super) fn ask_now(&self, command: Command) {
        let (sent, waits) = channel();
        if self.0.send((command, Some(sent))).is_ok() {
            let _ = waits.recv_timeout(PATIENCE);
        }
    }
}

fn obey(mut send: Send, orders: &Receiver<Order>, refused: impl Fn(String)) {
    for (command, waits) in orders {
        if let Err(why) = send(command) {
            refused(why);
        }
        if let Some(waits) = waits {
            let _ = waits.send(());
        }
    }
}
