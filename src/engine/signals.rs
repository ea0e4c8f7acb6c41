//! Signals, as commands: the first asks for an orderly end, the second ends now.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

use crate::events::{Command, StopLevel};

/// Sends a stop for every signal that asks for one, for as long as the run listens.
pub async fn forward(commands: UnboundedSender<Command>) -> std::io::Result<()> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let mut level = StopLevel::Cancel;
    loop {
        let by = next(&mut interrupt, &mut terminate, &mut hang_up).await;
        if commands.send(Command::Stop { level, by: by.into() }).is_err() {
            return Ok(());
        }
        level = StopLevel::Kill;
    }
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal, hang_up: &mut Signal) -> &'static str {
    tokio::select! {
        _ = interrupt.recv() => "SIGINT",
        _ = terminate.recv() => "SIGTERM",
        _ = hang_up.recv() => "SIGHUP",
    }
}
