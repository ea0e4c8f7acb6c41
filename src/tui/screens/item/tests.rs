#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::sync::Arc;

use insta::assert_snapshot;
use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::events::{Command, Event, EventKind, PieceRef};
use crate::resilience::Fault;
use crate::resilience::checkpoint::{Artifact, Fingerprint, ItemState, StepOutcome, StepRecord};
use crate::resilience::os_text::OsText;
use crate::tui::testing::{SIZES, drawn, facts, look, looks, scene, scene_over};

const LOG: &str = "Selected model is a bag of 1 models.\nSeparating track 02 Water Music - Suite No. 1 in F major, \
                   a name that is far too long for most columns.flac\n  0%|          | 0.0/215.2 [00:00<?, ?seconds/s]\r\
                   \u{1b}[32m 31%|███▏      | 66.7/215.2 [00:19<00:44,  3.35seconds/s]\u{1b}[0m\r\
                   \u{1b}[32m 58%|█████▊    | 124.8/215.2 [00:37<00:27,  3.31seconds/s]\u{1b}[0m";

fn record(paths: &[(&str, &str, u64)]) -> StepRecord {
    let artifact = |(name, path, size): &(&str, &str, u64)| {
        let path = OsText::from(Path::new("/work/out").join(path));
        ((*name).to_owned(), Artifact { path, size: *size, hash: String::new(), mtime_ns: 0, replaces: None })
    };
    StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: Fingerprint::default(),
        artifacts: paths.iter().map(artifact).collect(),
        pieces: indexmap::IndexMap::new(),
        draws: indexmap::IndexMap::new(),
        each: None,
        attempts: 1,
        duration: 1.1,
        left_out: None,
    }
}

fn checkpoint() -> Checkpoint {
    let mut known =
        Checkpoint::new("01-overture".into(), OsText::from(Path::new("/music/01 Overture.flac").to_path_buf()));
    let values = |value: serde_json::Value| value.as_object().cloned().unwrap();
    known.mark("prepare", record(&[("audio", "prepared/01 Overture.wav", 4_000_000)]), values(json!({})));
    let stems =
        [("vocals", "stems/01 Overture/vocals.wav", 9_100_000), ("rest", "stems/01 Overture/rest.wav", 8_900_000)];
    known.mark("stems", record(&stems), values(json!({"model": "htdemucs"})));
    let found = json!({"duration": 185.04, "peak_dbfs": -0.3, "rms_dbfs": -14.237, "centroid_hz": 1834.2,
                       "sample_rate": 44100, "channels": 2, "codec": "flac"});
    let made = [("picture", "spectra/01 Overture.png", 212_000), ("json", "spectra/01 Overture.json", 420)];
    known.mark("analyze", record(&made), values(found));
    known.state = ItemState::Done;
    known
}

fn shown(item: ItemIndex, events: &[Event], now: u64) -> (ItemScreen, Facts) {
    let mut facts = facts(events);
    facts.now = facts.now.max(now);
    let mut screen = ItemScreen::default();
    screen.show(item, &facts);
    screen.tick(&facts);
    (screen, facts)
}

/// Answers what the screen asks for.
fn answer(screen: &mut ItemScreen, facts: &Facts, effects: Vec<Effect>, log: &str, known: Option<&Checkpoint>) {
    for effect in effects {
        let loaded = match effect {
            Effect::Load(Load::Log { path, from }) if !log.is_empty() => {
                Loaded::Log { path, from, to: from + log.len() as u64, text: log.to_owned() }
            }
            Effect::Load(Load::Checkpoint { item, .. }) => {
                let checkpoint = known.cloned().map(Box::new).ok_or_else(|| "no such file".to_owned());
                Loaded::Checkpoint { item, checkpoint }
            }
            Effect::Load(load) => Loaded::Nothing { load, why: "no such file".into() },
            _ => continue,
        };
        screen.loaded(&loaded, facts);
    }
}

fn ready(item: ItemIndex, events: &[Event], log: &str, known: Option<&Checkpoint>) -> (ItemScreen, Facts) {
    let mut facts = facts(events);
    facts.now += 15_400;
    let mut screen = ItemScreen::default();
    screen.show(item, &facts);
    let effects = screen.tick(&facts);
    answer(&mut screen, &facts, effects, log, known);
    (screen, facts)
}

fn snapshots(name: &str, make: impl Fn() -> (ItemScreen, Facts)) {
    for (look_name, look) in looks() {
        let mut text = String::new();
        for size in SIZES {
            let (mut screen, facts) = make();
            let frame = drawn(size, |area, buffer| screen.draw(&facts, &look, area, buffer));
            text += &format!("{}x{}\n{frame}\n", size.0, size.1);
        }
        assert_snapshot!(format!("{name}-{look_name}"), text);
    }
}

#[test]
fn a_running_item_is_drawn() {
    snapshots("running", || ready(1, &scene(), LOG, None));
}

#[test]
fn an_item_that_waits_for_its_next_attempt_is_drawn() {
    let events = scene();
    let until =
        events.iter().position(|event| matches!(event.kind, EventKind::RetryScheduled { item: 1, .. })).unwrap();
    snapshots("retrying", || {
        let (mut screen, mut facts) = ready(1, &events[..=until], LOG, None);
        facts.now = 124_100;
        screen.act(Action::Down, &mut facts);
        (screen, facts)
    });
}

/// An item in the middle of ten thousand pieces, two of which failed.
fn among_pieces() -> Vec<Event> {
    let mut events = scene();
    let mut add = |kind: EventKind| {
        let (last, seq) = (events.last().unwrap().clone(), events.len() as u64);
        events.push(Event { seq, elapsed: last.elapsed + 10, kind, ..last });
    };
    let piece = |index: u32| PieceRef { index, name: format!("{index:05}.wav") };
    add(EventKind::PiecesFound { item: 1, step: 2, total: 10_000, done: 300, left_out: 4 });
    for index in 305..320 {
        add(EventKind::AttemptStarted { item: 1, step: 2, piece: Some(piece(index)), attempt: 1, draws: Vec::new() });
        if index % 10 == 7 {
            let fault = Fault::input("decode", format!("clip {index} cannot be decoded"));
            let (piece, log) = (Some(piece(index)), Some(format!("logs/item/analyze.{index}.1.log")));
            let again = fault.clone();
            add(EventKind::AttemptFailed { item: 1, step: 2, piece: piece.clone(), attempt: 1, fault, log, ms: 70 });
            add(EventKind::PieceFailed { item: 1, step: 2, piece: piece.unwrap(), fault: again, before: false });
        } else if index < 318 {
            let (attempts, ms, bytes) = (1, 80, 1_000);
            add(EventKind::TaskDone { item: 1, step: 2, piece: Some(piece(index)), attempts, ms, bytes });
        }
    }
    events
}

#[test]
fn an_item_in_the_middle_of_its_pieces_is_drawn() {
    snapshots("pieces", || ready(1, &among_pieces(), "", None));
}

#[test]
fn a_failed_item_is_drawn() {
    let log = "Input #0, flac, from '03 Aria.mp3':\n[flac @ 0x55] decode_frame() failed\nError while decoding stream #0:0: \
               Invalid data found when processing input\n";
    snapshots("failed", || ready(2, &scene(), log, None));
}

#[test]
fn a_done_item_is_drawn() {
    snapshots("done", || ready(0, &scene_over(), "", Some(&checkpoint())));
}

#[test]
fn a_parked_item_is_drawn() {
    snapshots("parked", || ready(3, &scene(), LOG, None));
}

#[test]
fn the_whole_log_is_drawn_and_searched() {
    snapshots("log", || {
        let (mut screen, mut facts) = ready(1, &scene(), LOG, None);
        screen.act(Action::Open, &mut facts);
        screen.act(Action::Wrap, &mut facts);
        screen.search("seconds", &mut facts);
        (screen, facts)
    });
}

#[test]
fn a_preview_is_drawn() {
    snapshots("preview", || {
        let (mut screen, mut facts) = ready(0, &scene_over(), "", Some(&checkpoint()));
        screen.act(Action::Preview, &mut facts);
        drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer));
        let asked = screen.tick(&facts);
        let Some(Effect::Load(Load::Picture { path, .. })) = asked.into_iter().next() else { panic!("no order") };
        let pixel = |x: u32, y: u32| image::Rgb([(x * 25) as u8, (y * 40) as u8, 80]);
        let picture = image::DynamicImage::ImageRgb8(image::RgbImage::from_fn(10, 6, pixel));
        let size = ratatui::layout::Size::new(10, 3);
        let shown = ratatui_image::protocol::halfblocks::Halfblocks::new(picture, size).unwrap();
        let picture = Ok(Arc::new(ratatui_image::protocol::Protocol::Halfblocks(shown)));
        screen.loaded(&Loaded::Picture { path, picture }, &facts);
        (screen, facts)
    });
}

#[test]
fn a_picture_that_cannot_be_shown_says_why() {
    let (mut screen, mut facts) = ready(0, &scene_over(), "", Some(&checkpoint()));
    screen.act(Action::Preview, &mut facts);
    let draw = |screen: &mut ItemScreen| drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    assert!(draw(&mut screen).contains("reading the picture"));
    let path = std::path::PathBuf::from("/work/out/spectra/01 Overture.png");
    screen.tick(&facts);
    screen.loaded(&Loaded::Picture { path, picture: Err("it is too large".into()) }, &facts);
    assert!(draw(&mut screen).contains("it cannot be shown: it is too large"));
}

#[test]
fn the_likeliest_step_is_selected_and_what_is_chosen_stays() {
    let (mut screen, mut facts) = shown(1, &scene(), 0);
    assert_eq!(screen.selected(&facts), StepRow { step: 1, attempt: None });
    screen.act(Action::Down, &mut facts);
    assert_eq!(screen.selected(&facts), StepRow { step: 1, attempt: Some(1) });
    assert_eq!(screen.log(&facts), facts.log(1, 1, 1));
    screen.act(Action::Bottom, &mut facts);
    assert_eq!(screen.selected(&facts).step, 3);
    screen.act(Action::Top, &mut facts);
    assert_eq!(screen.selected(&facts).step, 0);
    assert_eq!(shown(2, &scene(), 0).0.selected(&facts).step, 0);
    assert_eq!(shown(3, &scene(), 0).0.selected(&facts).step, 1);
}

#[test]
fn what_makes_no_sense_is_not_possible_and_says_why() {
    let can = |item, action| {
        let (screen, facts) = shown(item, &scene(), 0);
        screen.can(action, &facts)
    };
    for (item, cancel, retry, skip) in [
        (0, false, false, false),
        (1, true, false, true),
        (2, false, true, true),
        (3, true, false, true),
        (10, false, false, false),
    ] {
        assert_eq!(can(item, Action::CancelItem).is_ok(), cancel, "cancel {item}");
        assert_eq!(can(item, Action::RetryItem).is_ok(), retry, "retry {item}");
        assert_eq!(can(item, Action::SkipItem).is_ok(), skip, "skip {item}");
    }
    assert_eq!(can(0, Action::Preview), Err("no picture was made of it".into()));
    assert_eq!(can(0, Action::NextMatch), Err("search for something first".into()));
    assert_eq!(can(0, Action::Follow), Err("a built-in step has no log".into()));
    assert_eq!(can(1, Action::Follow), Ok(()));
    let (mut screen, facts) = ready(0, &scene(), "", Some(&checkpoint()));
    assert_eq!(screen.can(Action::Preview, &facts), Ok(()));
    screen.images = false;
    assert!(screen.can(Action::Preview, &facts).is_err());
}

#[test]
fn work_that_has_run_for_long_is_not_ended_without_a_question() {
    let command = Command::CancelItem { item: 1 };
    let (mut screen, mut facts) = shown(1, &scene(), 125_100 + 9_000);
    assert_eq!(screen.act(Action::CancelItem, &mut facts)[0], Effect::Send(command.clone()));
    facts.now = 125_100 + 11_000;
    let Effect::Confirm(question) = screen.act(Action::CancelItem, &mut facts).remove(0) else { panic!("no question") };
    assert!(question.text.contains("stems has been running for 11 s"), "{}", question.text);
    assert_eq!(question.answers[0].2[0], Effect::Send(command));
    let (mut screen, mut facts) = shown(2, &scene(), 0);
    assert_eq!(screen.act(Action::RetryItem, &mut facts)[0], Effect::Send(Command::RetryItem { item: 2 }));
}

#[test]
fn the_path_is_copied_or_the_command_that_tries_again() {
    let copied = |item| {
        let (mut screen, mut facts) = shown(item, &scene(), 0);
        match screen.act(Action::Copy, &mut facts).swap_remove(0) {
            Effect::Copy(text, what) => (text, what),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(copied(0), ("/music/01 Overture.flac".into(), "the path"));
    let command = "mediamill run pipelines/lesson.toml --retry-failed '/music/03 Aria.mp3'";
    assert_eq!(copied(2), (command.into(), "the command that tries this file again"));
}

#[test]
fn what_is_shown_is_asked_for_once_and_again_when_it_changes() {
    let mut facts = facts(&scene());
    let mut screen = ItemScreen::default();
    screen.show(1, &facts);
    let loads = |effects: &[Effect]| {
        let kind = |effect: &Effect| match effect {
            Effect::Load(Load::Log { from, .. }) => format!("log {from}"),
            Effect::Load(Load::Checkpoint { .. }) => "checkpoint".to_owned(),
            other => format!("{other:?}"),
        };
        effects.iter().map(kind).collect::<Vec<_>>()
    };
    let first = screen.tick(&facts);
    assert_eq!(loads(&first), ["log 0", "checkpoint"]);
    assert!(screen.tick(&facts).is_empty());
    answer(&mut screen, &facts, first, "hello\n", None);
    assert_eq!(loads(&screen.tick(&facts)), ["log 6"]);
    // Another row has another log.
    assert_eq!(loads(&screen.act(Action::Down, &mut facts)), ["log 0", "checkpoint"]);
    assert!(loads(&screen.act(Action::Top, &mut facts)).contains(&"log 0".to_owned()));
}

#[test]
fn a_click_selects_and_a_second_one_opens_the_log() {
    let (mut screen, mut facts) = ready(1, &scene(), LOG, None);
    drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    let row = screen.areas.steps.y;
    screen.click(3, row, false, &mut facts);
    assert_eq!(screen.selected(&facts).step, 0);
    screen.click(3, row, true, &mut facts);
    assert!(screen.full);
}

#[test]
fn an_item_of_a_killed_run_was_running() {
    let text = |link, moment| {
        let (mut screen, mut facts) = shown(1, &scene(), 0);
        (facts.link, facts.moment) = (link, moment);
        drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer))
    };
    let told = "was running when the run was killed";
    assert!(text(Link::Record, None).contains(told) && text(Link::Record, Some((50, 50))).contains(told));
    assert!(text(Link::Watcher, None).contains("running for 2 min 11 s"));
    assert!(text(Link::Record, Some((49, 50))).contains("running for"));
}

#[test]
fn the_way_back_is_first_out_of_the_whole_log() {
    let (mut screen, mut facts) = ready(1, &scene(), LOG, None);
    assert!(!screen.back());
    screen.act(Action::Open, &mut facts);
    assert!(screen.back() && !screen.full && screen.focus == Focus::Steps && !screen.back());
    let (mut screen, mut facts) = ready(0, &scene_over(), "", Some(&checkpoint()));
    screen.act(Action::Preview, &mut facts);
    screen.act(Action::Open, &mut facts);
    assert!(screen.back() && screen.preview.open);
    assert!(screen.back() && !screen.preview.open);
    assert!(!screen.back());
}

#[test]
fn an_item_that_is_not_there_is_told() {
    let (mut screen, facts) = shown(99, &scene(), 0);
    let text = drawn((80, 24), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    assert!(text.contains("no such item"));
    let mut nothing = ItemScreen::default();
    let facts = crate::tui::testing::facts(&[]);
    drawn((80, 24), |area, buffer| nothing.draw(&facts, &look(), area, buffer));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]
    #[test]
    fn no_size_is_too_small_or_too_large(
        width in 0_u16..=300,
        height in 0_u16..=100,
        item in 0_u32..13,
        over in any::<bool>(),
        acts in prop::collection::vec(prop::sample::select(vec![
            Action::Up, Action::Down, Action::Left, Action::Right, Action::Open, Action::Preview, Action::PageUp,
            Action::PageDown, Action::Top, Action::Bottom, Action::Wrap, Action::Follow, Action::NextMatch,
        ]), 0..12),
        look in 0_usize..4,
    ) {
        let (mut screen, mut facts) =
            ready(item, &if over { scene_over() } else { scene() }, LOG, Some(&checkpoint()));
        let (_, look) = &looks()[look];
        screen.search("a", &mut facts);
        for act in acts {
            screen.act(act, &mut facts);
            drawn((width, height), |area, buffer| screen.draw(&facts, look, area, buffer));
        }
        drawn((width, height), |area, buffer| screen.draw(&facts, look, area, buffer));
    }
}

#[test]
fn what_an_item_was_given_from_the_pools_is_told_with_where_it_stands_now() {
    let facts = facts(&crate::events::testing::pools_scene());
    let mut screen = ItemScreen::default();
    screen.show(360, &facts);
    let told = drawn((120, 30), |area, buffer| screen.draw(&facts, &look(), area, buffer));
    assert!(told.contains("fonts  /fonts/sans/Font 3.ttf  score 100"), "{told}");
    assert!(told.contains("papers  /papers/3.jpg  score 100"), "{told}");
}
