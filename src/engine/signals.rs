//! Signals, as commands: the first asks for an orderly end, the second ends now.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::control::Commands;
use crate::events::{Command, StopLevel};

/// The signals that ask for an end.
#[derive(Debug)]
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on, in place of the system's default.
    ///
    /// # Errors
    /// That the system does not let us.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one: its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hang_up.recv() => "SIGHUP",
        }
    }

    /// Sends a stop for every one, for as long as the run listens.
    pub async fn forward(mut self, commands: Commands) {
        let mut level = StopLevel::Cancel;
        loop {
            let by = self.next().await;
            if !commands.send(Command::Stop { level, by: by.into() }) {
                return;
            }
            level = StopLevel::Kill;
        }
    }
}
