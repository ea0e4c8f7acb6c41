//! The screen on a run: on one that was started for it, on one of another process, or on the record of one.

use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::engine_process::EngineProcess;
use super::failure::{Failure, code};
use super::look::{ScreenArgs, is_possible};
use super::{detach, output};
use crate::engine::batch::absolute;
use crate::engine::signals::Signals;
use crate::engine::socket::{Remote, is_running};
use crate::events::journal::Follow;
use crate::events::{Command, Event, EventKind, RunPhase, StopLevel};
use crate::report::Names;
use crate::report::failures;
use crate::report::summary::{self, Places as SummaryPlaces};
use crate::tui::app::{self, Left, Session};
use crate::tui::effect::Leave;
use crate::tui::facts::{Facts, Link, Places};
use crate::tui::feed::{Ended, Inbox};

/// How often a journal is looked at for what is new.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// After so many looks that found nothing it is asked whether the run still works.
const ASK_EVERY: u32 = 10;
/// Events that are read of a journal at once.
const AT_ONCE: usize = 4096;

/// Starts the run in a process of its own, and shows it.
///
/// # Errors
/// That it cannot be started; why it did not start by itself is told as ever.
pub fn own(state: &Path, args: &ScreenArgs) -> Result<ExitCode, Failure> {
    let failed = |error| Failure::new(code::FAILED, format!("the run cannot be started: {error}"));
    let (look, config, warnings) = args.look();
    let engine = EngineProcess::start(std::env::args_os().skip(1)).map_err(failed)?;
    let mut events = engine.owned.events().map_err(failed)?;
    let Some(first) = events.next() else { return engine.take_over() };
    let EventKind::RunStarted { run, pipeline, .. } = &first.kind else { return engine.take_over() };
    let run = run.clone();
    let checkpoints = absolute(state).join(pipeline);
    let run_folder = checkpoints.join("runs").join(&run);
    let facts = Facts::new(Link::Owner, places(&run_folder));
    let journal = run_folder.join("journal.jsonl");
    let alive = run_folder.clone();
    let owned = engine.owned.clone();
    let session = Session {
        facts,
        follow: Box::new(move |inbox| {
            let read = move || {
                let mut next = first.seq + 1;
                let mut over = false;
                inbox.put([first]);
                for event in events {
                    next = event.seq + 1;
                    over = matches!(event.kind, EventKind::RunFinished { .. });
                    if !inbox.put([event]) {
                        return;
                    }
                }
                // What the engine could not send in time is in its journal.
                if over { inbox.end(Ended::Finished) } else { follow(&journal, &alive, next, &inbox) }
            };
            // Without a thread there is a screen without events, which can be left.
            let _ = std::thread::Builder::new().name("events".into()).spawn(read);
        }),
        send: Box::new(move |command| if owned.send(command) { Ok(()) } else { Err("the engine is gone".to_owned()) }),
        journal: None,
    };
    let shown = std::panic::catch_unwind(AssertUnwindSafe(|| app::run(session, look, &config, &warnings)));
    tell_warnings(&warnings);
    let left = match shown {
        Ok(Ok(left)) => left,
        Ok(Err(error)) => {
            output::note(&format!("warning: there is no screen ({error}); the run goes on by itself\n"));
            return detach::let_go(engine, &run, state);
        }
        Err(_) => return failed_screen(engine, &run, state),
    };
    if left.facts.is_over() {
        tell_summary(&left);
        return take_over(engine);
    }
    match left.how {
        Leave::Failed => failed_screen(engine, &run, state),
        Leave::Detach => {
            if let RunPhase::Paused(_) = left.facts.state.phase {
                output::note(
                    "the run is paused: it starts nothing new until it is told to go on (p in mediamill watch)\n",
                );
            }
            detach::let_go(engine, &run, state)
        }
        // The terminal is gone, or the engine.
        Leave::Over => {
            let by = left.signal.unwrap_or_else(|| "SIGHUP".into());
            engine.owned.send(Command::Stop { level: StopLevel::Cancel, by });
            output::note("stopping the run\n");
            take_over(engine)
        }
    }
}

/// A screen that failed takes no run along, wherever the fault was.
fn failed_screen(engine: EngineProcess, run: &str, state: &Path) -> Result<ExitCode, Failure> {
    output::note("the screen failed, which is a bug of ours\n");
    detach::let_go(engine, run, state)?;
    Ok(ExitCode::from(code::FAILED))
}

/// Waits for the engine's end. A signal that comes meanwhile ends it now, and another one whether it listens or not.
fn take_over(engine: EngineProcess) -> Result<ExitCode, Failure> {
    let owned = engine.owned.clone();
    let id = i32::try_from(engine.id()).ok().and_then(Pid::from_raw);
    let pass_on = move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let Ok(mut signals) = Signals::listen() else { return };
            let mut told = false;
            loop {
                let by = signals.next().await;
                match id {
                    // A terminal that goes away tells so more than once.
                    _ if by == "SIGHUP" => {}
                    // It is a child that is not waited for yet: the number is nobody else's.
                    Some(id) if told => drop(kill_process(id, Signal::KILL)),
                    _ => told = owned.send(Command::Stop { level: StopLevel::Kill, by: by.into() }),
                }
            }
        });
    };
    // Without a thread for it the run ends all the same, in its own time.
    let _ = std::thread::Builder::new().name("signals".into()).spawn(pass_on);
    engine.take_over()
}

/// All that is wrong with the user's configuration: on the screen there was room for one.
fn tell_warnings(warnings: &[String]) {
    for warning in warnings {
        output::note(&format!("warning: {warning}\n"));
    }
}

/// `mediamill watch`: the screen on a run of another process, or on one that is over.
///
/// # Errors
/// That there is no such run, or no terminal.
pub fn watch(run_folder: &Path, args: &ScreenArgs) -> Result<ExitCode, Failure> {
    if !is_possible() {
        return Err(Failure::usage("there is no terminal to draw on")
            .hint("mediamill failures tells why files failed; the journal of the run has all its events"));
    }
    let run_folder = absolute(run_folder);
    let (look, config, warnings) = args.look();
    let works = is_running(&run_folder);
    let journal = run_folder.join("journal.jsonl");
    std::fs::File::open(&journal)
        .map_err(|error| Failure::new(code::STATE, format!("cannot read {}: {error}", journal.display())))?;
    let link = if works { Link::Watcher } else { Link::Record };
    let facts = Facts::new(link, places(&run_folder));
    let (path, alive, folder) = (journal.clone(), run_folder.clone(), run_folder);
    let mut remote: Option<Remote> = None;
    let session = Session {
        facts,
        follow: Box::new(move |inbox| {
            if works {
                let read = move || follow(&path, &alive, 0, &inbox);
                let _ = std::thread::Builder::new().name("events".into()).spawn(read);
            }
        }),
        send: Box::new(move |command| {
            let gone = |error: std::io::Error| format!("the run does not answer ({error})");
            let mut connected = match remote.take() {
                Some(remote) => remote,
                None => Remote::connect(&folder).map_err(gone)?,
            };
            connected.send(&command)?;
            remote = Some(connected);
            Ok(())
        }),
        journal: (!works).then_some(journal),
    };
    let left = app::run(session, look, &config, &warnings)
        .map_err(|error| Failure::new(code::FAILED, format!("there is no screen: {error}")))?;
    tell_warnings(&warnings);
    if works && left.facts.is_over() {
        tell_summary(&left);
    }
    Ok(left.signal.as_deref().map_or(ExitCode::SUCCESS, super::run::signal_exit))
}

/// Where a run keeps what.
fn places(run_folder: &Path) -> Places {
    let checkpoints: PathBuf = run_folder.parent().and_then(Path::parent).unwrap_or(run_folder).to_path_buf();
    let pipeline = super::run::for_other_inputs(run_folder).unwrap_or_default();
    Places { run: run_folder.to_path_buf(), checkpoints, again: failures::again(run_folder), pipeline }
}

/// Reads along with a journal from the event `next` on, until the run is over.
fn follow(journal: &Path, run_folder: &Path, next: u64, inbox: &Inbox) {
    let lost = |why: String| inbox.end(Ended::Lost(why));
    let mut lines = match Follow::open(journal) {
        Ok(lines) => lines,
        Err(error) => return lost(format!("cannot read {}: {error}", journal.display())),
    };
    let (mut quiet, mut works) = (0_u32, true);
    loop {
        let events: Vec<Event> = match lines.next_events(AT_ONCE) {
            Ok(events) => events,
            Err(error) => return lost(format!("cannot read {}: {error}", journal.display())),
        };
        if !events.is_empty() {
            quiet = 0;
            let over = events.iter().any(|event| matches!(event.kind, EventKind::RunFinished { .. }));
            if !inbox.put(events.into_iter().filter(|event| event.seq >= next)) {
                return;
            }
            if over {
                return inbox.end(Ended::Finished);
            }
            continue;
        }
        // It did not work any more before the journal was read for the last time: nothing is missed.
        if !works {
            return lost("the run was killed; the same command goes on from here".into());
        }
        quiet += 1;
        if quiet.is_multiple_of(ASK_EVERY) {
            works = is_running(run_folder);
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// The summary, as it is told without a screen.
fn tell_summary(left: &Left) {
    let places = SummaryPlaces {
        output: Names::here().short(&left.facts.state.output),
        state: left.facts.places.checkpoints.clone(),
        run_folder: left.facts.places.run.clone(),
    };
    output::print(&summary::text(&left.facts.state, &places));
}
