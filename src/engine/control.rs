//! The way in: commands, from whoever has something to say, to the one dispatcher that obeys them.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::events::Command;

/// Sends commands to a run. Copies send to the same run, from any thread.
#[derive(Debug, Clone)]
pub struct Commands(UnboundedSender<Command>);

impl Commands {
    /// Sends one. `false`: nobody is there to obey it, because the run is over.
    pub fn send(&self, command: Command) -> bool {
        self.0.send(command).is_ok()
    }
}

/// Where the commands of a run arrive.
#[derive(Debug)]
pub struct Inbox(UnboundedReceiver<Command>);

impl Inbox {
    /// The next one. `None`: nobody is left who could send any.
    pub async fn next(&mut self) -> Option<Command> {
        self.0.recv().await
    }
}

/// A sender of commands, and where they arrive. What is sent before the run begins waits for it.
#[must_use]
pub fn channel() -> (Commands, Inbox) {
    let (sender, receiver) = unbounded_channel();
    (Commands(sender), Inbox(receiver))
}
