//! A run to tell of in tests.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::io::Write;
use std::sync::{Arc, Mutex};

use crate::engine::recorder::Sink;
use crate::events::{EVENT_VERSION, Event, EventKind, RunState, StepShape};
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Because, ItemState};
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};

/// A writer whose text can be read while something else owns it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    pub(super) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The events of `kinds`, each with its time in milliseconds.
pub(super) fn events(kinds: Vec<(u64, EventKind)>) -> Vec<Event> {
    let event = |(seq, (elapsed, kind))| {
        let at = 1_700_000_000_000 + elapsed;
        Event { v: EVENT_VERSION, seq: seq as u64, at, elapsed, kind }
    };
    kinds.into_iter().enumerate().map(event).collect()
}

/// Folds `events`.
pub(super) fn folded(events: &[Event]) -> RunState {
    let mut state = RunState::default();
    events.iter().for_each(|event| state.apply(event));
    state
}

/// Tells `sink` of `events`.
pub(super) fn told(events: &[Event], sink: &mut dyn Sink) {
    let mut state = RunState::default();
    for event in events {
        state.apply(event);
        sink.event(event, &state);
        let line = serde_json::to_string(event).unwrap_or_default() + "\n";
        sink.line(line.as_bytes());
    }
    sink.idle();
}

/// The first events of a run over `count` files in `/music`, `song0.wav` and so on.
pub(super) fn beginning(count: u32) -> Vec<(u64, EventKind)> {
    vec![
        (
            0,
            EventKind::RunStarted {
                run: "r1".to_owned(),
                pipeline: "lesson".to_owned(),
                steps: ["prepare", "stems", "analyze"].map(str::to_owned).to_vec(),
                jobs: 2,
                seed: 7,
                shapes: [4, 4, 1].map(|attempts| StepShape { attempts, ..StepShape::default() }).to_vec(),
                breakers: Vec::new(),
                output: OsText::default(),
                generated: false,
                pools: Vec::new(),
            },
        ),
        (
            5,
            EventKind::ItemsListed {
                first: 0,
                paths: (0..count).map(|n| OsText::from(format!("/music/song{n}.wav"))).collect(),
            },
        ),
    ]
}

pub(super) fn broken() -> Fault {
    Fault::input("decode", "song1.wav ends after 2 of 40 seconds").with_hint("get the file again")
}

pub(super) fn timeout() -> Fault {
    Fault::new(FaultClass::Transient, "timeout", "demucs ran past its limit of 1 h")
}

pub(super) fn dead() -> Fault {
    Fault::new(FaultClass::Dependency, "missing", "demucs is OPEN: demucs was not found on PATH")
        .with_hint("pip install demucs")
}

pub(super) fn finished(item: u32, state: ItemState, fault: Option<(u32, Fault)>) -> EventKind {
    let (step, fault) = fault.map_or((None, None), |(step, fault)| (Some(step), Some(fault)));
    EventKind::ItemFinished { item, state, step, fault, before: false }
}

/// A run with some of everything.
pub(super) fn story() -> Vec<Event> {
    let mut kinds = beginning(8);
    let mut add = |at, kind| kinds.push((at, kind));
    add(
        6,
        EventKind::DependencyChecked {
            name: "demucs".to_owned(),
            available: false,
            required: false,
            version: None,
            details: "demucs was not found on PATH".to_owned(),
            path: None,
            hint: None,
        },
    );
    add(10, EventKind::ItemsUpToDate { ranges: vec![(5, 7)] });
    add(11, EventKind::ItemLeftOut { item: 7, reason: "its outputs exist".to_owned() });
    add(20, EventKind::AttemptStarted { item: 0, step: 0, piece: None, attempt: 1, draws: Vec::new() });
    add(21, EventKind::AttemptStarted { item: 1, step: 0, piece: None, attempt: 1, draws: Vec::new() });
    add(1220, EventKind::TaskDone { item: 0, step: 0, piece: None, attempts: 1, ms: 1200, bytes: 2048 });
    add(1220, EventKind::AttemptStarted { item: 0, step: 1, piece: None, attempt: 1, draws: Vec::new() });
    add(
        1300,
        EventKind::AttemptFailed {
            item: 1,
            step: 0,
            piece: None,
            attempt: 1,
            fault: broken(),
            log: Some("logs/song1/prepare.1.log".to_owned()),
            ms: 1279,
        },
    );
    add(1300, finished(1, ItemState::Failed, Some((0, broken()))));
    add(
        2000,
        EventKind::AttemptFailed { item: 0, step: 1, piece: None, attempt: 1, fault: timeout(), log: None, ms: 780 },
    );
    add(2000, EventKind::RetryScheduled { item: 0, step: 1, piece: None, attempt: 2, delay: 1040 });
    add(3040, EventKind::AttemptStarted { item: 0, step: 1, piece: None, attempt: 2, draws: Vec::new() });
    add(
        3100,
        EventKind::BreakerChanged {
            dependency: "demucs".to_owned(),
            state: BreakerState::Open,
            reason: "3 failures in a row".to_owned(),
            retry_in: Some(120_000),
        },
    );
    add(3100, EventKind::TaskParked { item: 2, step: 1, dependency: "demucs".to_owned() });
    add(
        4000,
        EventKind::TaskSkipped {
            item: 0,
            step: 2,
            piece: None,
            because: Because::Unavailable,
            reason: "its tool is missing".to_owned(),
        },
    );
    add(4100, finished(0, ItemState::Done, None));
    add(5000, finished(2, ItemState::Parked, Some((1, dead()))));
    add(5100, EventKind::Warning { message: "\x1b[2Ja \"strange\" log".to_owned(), item: Some(3) });
    add(6000, EventKind::RunPaused { reason: "the disk of out is full".to_owned() });
    add(8000, EventKind::RunResumed { reason: "there is room again".to_owned() });
    add(9000, EventKind::AttemptStarted { item: 3, step: 0, piece: None, attempt: 1, draws: Vec::new() });
    add(9500, EventKind::StopRequested { level: crate::events::StopLevel::Cancel, by: "SIGINT".to_owned() });
    add(9600, finished(3, ItemState::Pending, None));
    let so_far = folded(&events(kinds.clone())).counts;
    kinds.push((125_300, EventKind::RunFinished { counts: so_far, reason: Some("it was asked to stop".to_owned()) }));
    events(kinds)
}
