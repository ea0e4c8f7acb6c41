//! What a frame of the screen costs: 100,000 items, 200 events a second, drawn as a terminal gets it.
//!
//! `cargo bench --bench screen` prints, for each screen, the median and the 99th percentile of a frame: the events that
//! came since the last one folded in, everything drawn, the difference to the frame before written as escape codes.

#![expect(clippy::print_stdout, reason = "it is a program of its own")]

use std::path::Path;
use std::time::{Duration, Instant};

use mediamill::events::{BreakerShape, EVENT_VERSION, Event, EventKind, ItemIndex, MachineView, StepShape};
use mediamill::resilience::checkpoint::ItemState;
use mediamill::resilience::os_text::OsText;
use mediamill::resilience::{Fault, FaultClass};
use mediamill::tui::action::{Action, Place};
use mediamill::tui::facts::{Facts, Link, Places};
use mediamill::tui::glyphs::Glyphs;
use mediamill::tui::keymap::Keymap;
use mediamill::tui::look::Look;
use mediamill::tui::model::Model;
use mediamill::tui::theme::Theme;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};

const ITEMS: u32 = 100_000;
const EVENTS_A_SECOND: u64 = 200;
const FRAMES_A_SECOND: u64 = 15;
const FRAMES: usize = 1_500;
const JOBS: u32 = 8;

/// A run that works, event by event.
struct Source {
    seq: u64,
    elapsed: u64,
    next: ItemIndex,
    running: Vec<(ItemIndex, u32)>,
}

impl Source {
    fn event(&mut self, kind: EventKind) -> Event {
        self.seq += 1;
        Event { v: EVENT_VERSION, seq: self.seq, at: 1_790_000_000_000 + self.elapsed, elapsed: self.elapsed, kind }
    }

    fn beginning(&mut self) -> Vec<Event> {
        let shape = |before: Vec<u32>| StepShape {
            dependency: Some("ffmpeg".into()),
            before,
            attempts: 4,
            ..StepShape::default()
        };
        let started = EventKind::RunStarted {
            generated: false,
            run: "20261122-080000-ab12".into(),
            pipeline: "lesson".into(),
            steps: ["prepare", "stems", "analyze"].map(str::to_owned).to_vec(),
            jobs: JOBS,
            seed: 0,
            shapes: vec![shape(vec![]), shape(vec![0]), shape(vec![1])],
            breakers: vec![BreakerShape {
                dependency: "ffmpeg".into(),
                failure_threshold: 5,
                recovery: 60_000,
                success_threshold: 2,
            }],
            output: OsText::from(Path::new("/work/out")),
            pools: Vec::new(),
        };
        let mut events = vec![self.event(started)];
        events.push(self.event(EventKind::DependencyChecked {
            name: "ffmpeg".into(),
            available: true,
            required: true,
            version: Some("5.1.6".into()),
            details: "found".into(),
            path: Some(OsText::from(Path::new("/usr/bin/ffmpeg"))),
            hint: None,
        }));
        let disk = |folder: &str| MachineView {
            name: "disk".into(),
            well: true,
            details: format!("{folder}: 74.2 GiB free of 251.0 GiB"),
            hint: None,
        };
        events.push(self.event(EventKind::MachineChecked { found: vec![disk("/work/out"), disk("/work/state")] }));
        for first in (0..ITEMS).step_by(1000) {
            let name =
                |item| OsText::from(Path::new("/music").join(format!("album {}/track {item:06}.flac", item / 12)));
            events.push(self.event(EventKind::ItemsListed { first, paths: (first..first + 1000).map(name).collect() }));
        }
        events.push(self.event(EventKind::ItemsUpToDate { ranges: vec![(0, 20_000)] }));
        self.next = 20_000;
        events
    }

    /// The next thing that happens.
    fn step(&mut self, found: &mut Vec<Event>) {
        self.elapsed += 1000 / EVENTS_A_SECOND;
        if self.running.len() < JOBS as usize && self.next < ITEMS {
            let item = self.next;
            self.next += 1;
            self.running.push((item, 0));
            let event =
                self.event(EventKind::AttemptStarted { item, step: 0, piece: None, attempt: 1, draws: Vec::new() });
            return found.push(event);
        }
        if self.running.is_empty() {
            return;
        }
        let (item, step) = self.running.remove(0);
        if item % 50 == 7 {
            let fault = Fault::new(FaultClass::Input, format!("decode-{}", item % 5), "the file ends in a frame");
            let (state, step) = (ItemState::Failed, Some(step));
            let kind = EventKind::ItemFinished { item, state, step, fault: Some(fault), before: false };
            return found.push(self.event(kind));
        }
        found.push(self.event(EventKind::TaskDone { item, step, piece: None, attempts: 1, ms: 400, bytes: 1_000_000 }));
        if step < 2 {
            self.running.push((item, step + 1));
            found.push(self.event(EventKind::AttemptStarted {
                item,
                step: step + 1,
                piece: None,
                attempt: 1,
                draws: Vec::new(),
            }));
        } else {
            let (state, step) = (ItemState::Done, None);
            found.push(self.event(EventKind::ItemFinished { item, state, step, fault: None, before: false }));
        }
    }
}

fn main() {
    // `cargo test --benches` and the like ask what there is.
    if std::env::args().any(|argument| argument == "--list") {
        return;
    }
    let mut source = Source { seq: 0, elapsed: 0, next: 0, running: Vec::new() };
    let facts = Facts::new(Link::Owner, Places::default());
    let theme = Theme::named("ansi").unwrap_or_else(|| unreachable!("it is built in"));
    let look = Look { theme, glyphs: Glyphs::unicode(), keymap: Keymap::default(), beat: 0, epoch: 1_790_000_000_000 };
    let mut model = Model::new(facts, look);
    let began = Instant::now();
    for event in source.beginning() {
        model.facts.apply(&event);
    }
    println!("{ITEMS} items listed in {:.1} ms", began.elapsed().as_secs_f64() * 1e3);
    println!("{:<22}{:>9}{:>10}{:>10}{:>10}", "screen", "size", "median ms", "p99 ms", "worst ms");
    let screens: [(&str, Place, &[Action], &str); 9] = [
        ("run", Place::Run, &[], ""),
        ("run, at the end", Place::Run, &[Action::Bottom], ""),
        ("run, filtered", Place::Run, &[], "track 09"),
        ("run, by name", Place::Run, &[Action::Sort], ""),
        // The first of what runs.
        ("item", Place::Item, &[Action::Top, Action::Down, Action::Open], ""),
        ("failures", Place::Failures, &[Action::GoFailures], ""),
        ("health", Place::Health, &[Action::GoHealth], ""),
        ("breakers", Place::Breakers, &[Action::GoBreakers], ""),
        ("log", Place::Log, &[Action::GoLog], ""),
    ];
    for (width, height) in [(120, 30), (300, 100)] {
        for (name, place, actions, filter) in &screens {
            model.act(Action::GoRun);
            for action in *actions {
                model.act(*action);
            }
            model.screens.at(*place).search(filter, &mut model.facts);
            assert_eq!(model.place(), *place, "the screen that is measured is in sight");
            let times = frames(&mut model, &mut source, width, height);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
            let size = format!("{width}x{height}");
            println!("{name:<22}{size:>9}{:>10.2}{:>10.2}{:>10.2}", at(0.5), at(0.99), at(1.0));
            model.screens.at(*place).search("", &mut model.facts);
        }
    }
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(line) = memory.lines().find(|line| line.starts_with("VmHWM")) {
        println!("memory at most: {}", line.trim_start_matches("VmHWM:").trim());
    }
}

/// The times of some frames, the shortest first.
fn frames(model: &mut Model, source: &mut Source, width: u16, height: u16) -> Vec<Duration> {
    let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
    let backend = CrosstermBackend::new(std::io::BufWriter::new(std::io::sink()));
    let Ok(mut terminal) = Terminal::with_options(backend, TerminalOptions { viewport }) else {
        unreachable!("a fixed size asks no terminal")
    };
    let mut times = Vec::with_capacity(FRAMES);
    for frame in 0..FRAMES {
        let mut events = Vec::new();
        for _ in 0..EVENTS_A_SECOND / FRAMES_A_SECOND {
            source.step(&mut events);
        }
        // A key now and then.
        if frame % 7 == 0 {
            model.act(Action::Down);
        }
        let began = Instant::now();
        for event in &events {
            model.facts.apply(event);
        }
        model.facts.rows.advance(&model.facts.state);
        model.facts.now = source.elapsed;
        model.look.beat += 1;
        let _ = model.tick();
        let drawn = terminal.draw(|frame| {
            let area = frame.area();
            model.draw(area, frame.buffer_mut());
        });
        times.push(began.elapsed());
        drop(drawn);
    }
    times.sort_unstable();
    times
}
