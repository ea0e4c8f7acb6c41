//! A run to look at in tests, and screens as text.
#![expect(clippy::unwrap_used, reason = "a test may")]

use std::fmt::Write;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::facts::{Facts, Link, Places};
use super::glyphs::Glyphs;
use super::keymap::Keymap;
use super::look::Look;
use super::theme::Theme;
use crate::events::{
    BreakerShape, EVENT_VERSION, Event, EventKind, ItemIndex, MachineView, Progress, StepShape, StopLevel,
};
use crate::resilience::breaker::BreakerState;
use crate::resilience::checkpoint::{Because, ItemState};
use crate::resilience::os_text::OsText;
use crate::resilience::{Fault, FaultClass};

/// The sizes that every screen is looked at in.
pub const SIZES: [(u16, u16); 4] = [(120, 30), (80, 24), (60, 16), (20, 5)];

/// The four looks that every screen is looked at in.
pub fn looks() -> [(&'static str, Look); 4] {
    let look = |theme: &str, glyphs| Look {
        theme: Theme::named(theme).unwrap(),
        glyphs,
        keymap: Keymap::default(),
        beat: 0,
        epoch: 1_790_000_000_000,
    };
    [
        ("unicode-colour", look("ansi", Glyphs::unicode())),
        ("unicode-mono", look("mono", Glyphs::unicode())),
        ("ascii-colour", look("ansi", Glyphs::ascii())),
        ("ascii-mono", look("mono", Glyphs::ascii())),
    ]
}

/// The look of most tests.
pub fn look() -> Look {
    let [(_, look), ..] = looks();
    look
}

/// The events of `kinds`, each with its time in milliseconds.
pub fn events(kinds: Vec<(u64, EventKind)>) -> Vec<Event> {
    let event = |(seq, (elapsed, kind))| Event {
        v: EVENT_VERSION,
        seq: seq as u64,
        at: 1_790_000_000_000 + elapsed,
        elapsed,
        kind,
    };
    kinds.into_iter().enumerate().map(event).collect()
}

/// What is known of a run after these events.
pub fn facts(events: &[Event]) -> Facts {
    let places = Places {
        run: "/work/checkpoints/lesson/runs/20261122-080000-ab12".into(),
        checkpoints: "/work/checkpoints/lesson".into(),
        again: "mediamill run pipelines/lesson.toml songs".into(),
        pipeline: "mediamill run pipelines/lesson.toml".into(),
    };
    let mut facts = Facts::new(Link::Owner, places);
    events.iter().for_each(|event| facts.apply(event));
    facts
}

/// A fault of an input.
pub fn broken() -> Fault {
    Fault::new(FaultClass::Input, "decode", "the file ends in the middle of a frame (byte 48,112 of 90,000)")
        .with_hint("look at the file with a player; it may have been cut off while it was copied")
}

/// A timeout.
pub fn timeout() -> Fault {
    Fault::new(FaultClass::Transient, "timeout", "demucs did not end within 1 h")
}

/// The beginning of a run of `prepare`, `stems` (demucs, optional), `analyze` and the batch step `table` over `names` in
/// `/music`.
pub fn beginning(names: &[&str]) -> Vec<(u64, EventKind)> {
    let shape = |dependency: Option<&str>, before: &[u32], optional, batch| StepShape {
        dependency: dependency.map(str::to_owned),
        before: before.to_vec(),
        attempts: 4,
        optional,
        batch,
    };
    let breaker = |dependency: &str, failure_threshold, recovery, success_threshold| BreakerShape {
        dependency: dependency.to_owned(),
        failure_threshold,
        recovery,
        success_threshold,
    };
    let checked = |name: &str, version: Option<&str>, details: &str, hint: Option<&str>| EventKind::DependencyChecked {
        name: name.to_owned(),
        available: version.is_some(),
        required: name == "ffmpeg",
        version: version.map(str::to_owned),
        details: details.to_owned(),
        path: version.map(|_| OsText::from(std::path::Path::new("/usr/bin").join(name))),
        hint: hint.map(str::to_owned),
    };
    vec![
        (
            0,
            EventKind::RunStarted {
                run: "20261122-080000-ab12".to_owned(),
                pipeline: "lesson".to_owned(),
                steps: ["prepare", "stems", "analyze", "table"].map(str::to_owned).to_vec(),
                jobs: 2,
                seed: 7,
                shapes: vec![
                    shape(Some("ffmpeg"), &[], false, false),
                    shape(Some("demucs"), &[0], true, false),
                    shape(None, &[0], false, false),
                    shape(None, &[2], false, true),
                ],
                breakers: vec![breaker("ffmpeg", 5, 60_000, 2), breaker("demucs", 3, 120_000, 1)],
                output: OsText::from(std::path::Path::new("/work/out")),
                generated: false,
                pools: Vec::new(),
            },
        ),
        (1, checked("ffmpeg", Some("5.1.6"), "found", None)),
        (1, checked("demucs", Some("4.1.0"), "found", None)),
        (1, checked("basic-pitch", None, "not found on the PATH", Some("pip install basic-pitch"))),
        (
            1,
            EventKind::MachineChecked {
                found: vec![
                    MachineView {
                        name: "disk".into(),
                        well: true,
                        details: "/work/out: 74.2 GiB free of 251.0 GiB, room for 16000000 more files".into(),
                        hint: None,
                    },
                    MachineView {
                        name: "memory".into(),
                        well: true,
                        details: "18.3 GiB available of 23.5 GiB".into(),
                        hint: None,
                    },
                ],
            },
        ),
        (
            2,
            EventKind::ItemsListed {
                first: 0,
                paths: names.iter().map(|name| OsText::from(std::path::Path::new("/music").join(name))).collect(),
            },
        ),
    ]
}

/// The names of the run in [`scene`].
pub const NAMES: [&str; 12] = [
    "01 Overture.flac",
    "02 Water Music - Suite No. 1 in F major, a name that is far too long for most columns.flac",
    "03 Aria.mp3",
    "04 日本の歌.wav",
    "05 Gavotte.wav",
    "06 Minuet.wav",
    "07 Sarabande.wav",
    "08 Gigue.wav",
    "09 Bourrée.wav",
    "live/10 Encore.wav",
    "live/11 Applause.wav",
    "live/12 Speech.wav",
];

/// A run in the middle of everything: running, retried, failed, parked, done, an open breaker.
pub fn scene() -> Vec<Event> {
    let mut kinds = beginning(&NAMES);
    let mut add = |at: u64, kind: EventKind| kinds.push((at, kind));
    let start = |item, step, attempt| EventKind::AttemptStarted { item, step, piece: None, attempt, draws: Vec::new() };
    let done = |item, step, ms, bytes| EventKind::TaskDone { item, step, piece: None, attempts: 1, ms, bytes };
    let fail = |item: ItemIndex, step: u32, attempt, fault, ms| EventKind::AttemptFailed {
        item,
        step,
        piece: None,
        attempt,
        fault,
        log: Some(format!("logs/item/{step}.{attempt}.log")),
        ms,
    };
    let finish = |item, state, step, fault| EventKind::ItemFinished { item, state, step, fault, before: false };
    add(10, EventKind::ItemsUpToDate { ranges: vec![(10, 12)] });
    add(20, start(0, 0, 1));
    add(20, start(2, 0, 1));
    add(1_400, fail(2, 0, 1, broken(), 1_380));
    add(1_400, finish(2, ItemState::Failed, Some(0), Some(broken())));
    add(2_000, done(0, 0, 1_980, 4_000_000));
    add(2_000, start(0, 1, 1));
    add(2_010, start(1, 0, 1));
    add(62_000, done(0, 1, 60_000, 18_000_000));
    add(62_001, start(0, 2, 1));
    add(63_100, done(0, 2, 1_099, 250_000));
    add(63_101, finish(0, ItemState::Done, None, None));
    add(64_000, done(1, 0, 61_990, 4_000_000));
    add(64_001, start(1, 1, 1));
    add(64_002, start(3, 0, 1));
    add(66_000, done(3, 0, 1_998, 4_100_000));
    add(66_001, start(3, 1, 1));
    add(124_001, fail(1, 1, 1, timeout(), 60_000));
    add(124_001, EventKind::BreakerCounted { dependency: "demucs".into(), failures: 1 });
    add(124_001, EventKind::RetryScheduled { item: 1, step: 1, piece: None, attempt: 2, delay: 1_040 });
    add(125_100, start(1, 1, 2));
    add(126_001, fail(3, 1, 1, timeout(), 60_000));
    add(126_001, EventKind::BreakerCounted { dependency: "demucs".into(), failures: 2 });
    add(126_001, EventKind::RetryScheduled { item: 3, step: 1, piece: None, attempt: 2, delay: 1_010 });
    add(127_100, start(3, 1, 2));
    let progress = Progress { done: 750_000, of: Some(3_540_000) };
    add(129_000, EventKind::AttemptProgressed { item: 1, step: 1, progress });
    add(130_000, fail(3, 1, 2, timeout(), 2_900));
    add(
        130_000,
        EventKind::BreakerChanged {
            dependency: "demucs".into(),
            state: BreakerState::Open,
            reason: "3 failures in a row; the last: demucs did not end within 1 h".into(),
            retry_in: Some(120_000),
        },
    );
    add(130_000, EventKind::TaskParked { item: 3, step: 1, dependency: "demucs".into() });
    add(130_001, start(4, 0, 1));
    add(131_500, done(4, 0, 1_499, 3_900_000));
    add(
        131_500,
        EventKind::TaskSkipped {
            item: 4,
            step: 1,
            piece: None,
            because: Because::Passing,
            reason: "demucs is OPEN".into(),
        },
    );
    add(131_501, start(4, 2, 1));
    add(132_000, done(4, 2, 499, 240_000));
    add(132_001, finish(4, ItemState::Done, None, None));
    add(132_002, start(5, 0, 1));
    add(132_100, fail(5, 0, 1, Fault::new(FaultClass::Transient, "signal", "ffmpeg was killed by SIGSEGV"), 98));
    add(132_100, EventKind::BreakerCounted { dependency: "ffmpeg".into(), failures: 1 });
    add(132_100, EventKind::RetryScheduled { item: 5, step: 0, piece: None, attempt: 2, delay: 4_080 });
    add(
        133_000,
        EventKind::Warning { message: "step 'prepare' left 2 processes behind; they were ended".into(), item: Some(4) },
    );
    events(kinds)
}

/// The same run, stopped and over.
pub fn scene_over() -> Vec<Event> {
    let mut all = scene();
    let mut add = |elapsed: u64, kind: EventKind| {
        let seq = all.len() as u64;
        all.push(Event { v: EVENT_VERSION, seq, at: 1_790_000_000_000 + elapsed, elapsed, kind });
    };
    let finish = |item, state, step, fault| EventKind::ItemFinished { item, state, step, fault, before: false };
    add(140_000, EventKind::StopRequested { level: StopLevel::Cancel, by: "SIGINT".into() });
    let parked = Fault::new(FaultClass::Dependency, "parked", "demucs is OPEN: 3 failures in a row");
    add(140_100, finish(3, ItemState::Parked, Some(1), Some(parked)));
    add(140_101, finish(1, ItemState::Pending, None, None));
    add(140_102, finish(5, ItemState::Pending, None, None));
    let counts = facts(&all).state.counts;
    let seq = all.len() as u64;
    let kind = EventKind::RunFinished { counts, reason: Some("SIGINT".into()) };
    all.push(Event { v: EVENT_VERSION, seq, at: 1_790_000_140_200, elapsed: 140_200, kind });
    all
}

/// What `draw` draws on a screen of this size, as text: the signs, and below them the styles that are not plain.
pub fn drawn(size: (u16, u16), draw: impl FnOnce(Rect, &mut Buffer)) -> String {
    let area = Rect::new(0, 0, size.0, size.1);
    let mut buffer = Buffer::empty(area);
    draw(area, &mut buffer);
    let mut text = String::new();
    for row in 0..area.height {
        let mut line = String::new();
        let mut column = 0;
        while column < area.width {
            let symbol = buffer[(column, row)].symbol();
            line.push_str(symbol);
            column += (unicode_width::UnicodeWidthStr::width(symbol) as u16).max(1);
        }
        writeln!(text, "|{line}|").unwrap();
    }
    for row in 0..area.height {
        let mut column = 0;
        while column < area.width {
            let style = buffer[(column, row)].style();
            let from = column;
            while column < area.width && buffer[(column, row)].style() == style {
                column += 1;
            }
            let name = told(style);
            if !name.is_empty() {
                writeln!(text, "{row}:{from}-{}: {name}", column - 1).unwrap();
            }
        }
    }
    text
}

fn told(style: Style) -> String {
    let colour = |name: &str, colour: Option<Color>| match colour {
        None | Some(Color::Reset) => String::new(),
        Some(colour) => format!("{name}{colour} "),
    };
    let mut told = colour("", style.fg) + &colour("on ", style.bg);
    if style.add_modifier != Modifier::empty() {
        write!(told, "{:?}", style.add_modifier).unwrap();
    }
    told.trim_end().to_owned()
}
