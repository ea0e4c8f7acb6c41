//! What happens to the run as a whole, in words.

use std::io::Write;

use super::{Level, Lines};
use crate::events::telling::{self, Told};
use crate::events::{Event, EventKind, RunState};

impl<W: Write> Lines<W> {
    /// Tells an event in its own words, where its level is asked for.
    pub(super) fn tell(&mut self, event: &Event, state: &RunState, level: Level) {
        if self.level >= level {
            let Told { tone, word, text, .. } = telling::tell_with(&event.kind, state, &|path| self.names.short(path));
            self.line(event.elapsed, tone, word, format_args!("{text}"));
        }
    }

    /// What happened to the run as a whole.
    pub(super) fn run_event(&mut self, event: &Event, state: &RunState) {
        // How a failure is counted, where there is room and when a step begins is for screens.
        if !matches!(
            event.kind,
            EventKind::MachineChecked { .. } | EventKind::BreakerCounted { .. } | EventKind::BatchStepStarted { .. }
        ) {
            let (level, _) = telling::class(&event.kind);
            self.tell(event, state, if is_known(&event.kind, state) { Level::Debug } else { level.into() });
        }
    }
}

/// Whether it tells that an asset is on the denylist that was on it before.
fn is_known(kind: &EventKind, state: &RunState) -> bool {
    let EventKind::AssetScored { pool, change, score, .. } = kind else { return false };
    let pool = state.pools().get(*pool as usize);
    pool.is_some_and(|pool| telling::is_known(*change, *score, pool.shape.scoring))
}

impl From<telling::Level> for Level {
    fn from(level: telling::Level) -> Self {
        match level {
            telling::Level::Error => Self::Error,
            telling::Level::Warn => Self::Warn,
            telling::Level::Info => Self::Info,
            telling::Level::Debug => Self::Debug,
        }
    }
}
