//! Trouble of the machine: the run pauses, says so, and goes on by itself when it is over.

use std::io::Write;
use std::time::Duration;

use tokio::time::Instant;

use super::{Dispatcher, Timer};
use crate::engine::slot::Workers;
use crate::events::EventKind;
use crate::resilience::Fault;

/// How often it is looked whether the machine is well again.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The first look comes soon: often the task that failed was itself what filled the disk.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// The longest wait before the first look.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// A disk with less room than this is still full.
const RESERVE: usize = 1 << 20;

impl<W: Workers> Dispatcher<W> {
    pub(super) fn pause_for_environment(&mut self, fault: &Fault) {
        if self.machine_is_ill.is_some() || self.stop.is_some() {
            return;
        }
        self.machine_is_ill = Some(fault.message.clone());
        self.check_machine();
        self.recorder.record(EventKind::RunPaused { reason: fault.message.clone() });
        // Each trouble that follows on another without a task done between them waits longer: a disk that is nearly full
        // must not burn the batch.
        let wait = FIRST_LOOK.saturating_mul(4_u32.saturating_pow(self.machine_troubles.min(6))).min(LONGEST_WAIT);
        self.machine_troubles += 1;
        self.set_timer(Instant::now() + wait, Timer::Environment);
    }

    /// Somebody wants the run to go on: it does, if the machine is well, and says so if it is not.
    pub(super) fn look_at_environment_now(&mut self) {
        self.timers.retain(|_, timer| !matches!(timer, Timer::Environment));
        self.look_at_environment();
        if let Some(reason) = self.machine_is_ill.clone() {
            self.recorder.record(EventKind::RunPaused { reason });
        }
    }

    pub(super) fn look_at_environment(&mut self) {
        if self.machine_is_ill.is_none() {
            return;
        }
        if self.workshop.folders().iter().all(|place| has_room(place)) {
            self.machine_is_ill = None;
            self.tell_resumed("the machine is well again");
        } else {
            self.set_timer(Instant::now() + LOOK_EVERY, Timer::Environment);
        }
    }
}

/// Whether a file can be made in `folder` and written.
fn has_room(folder: &std::path::Path) -> bool {
    if !folder.exists() {
        return true;
    }
    // A file without a name: nobody sees it, and a SIGKILL leaves nothing of it.
    tempfile::tempfile_in(folder).is_ok_and(|mut file| {
        let block = [0_u8; 64 * 1024];
        (0..RESERVE / block.len()).all(|_| file.write_all(&block).is_ok())
    })
}
