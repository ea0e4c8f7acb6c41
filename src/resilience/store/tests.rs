#![expect(clippy::unwrap_used, reason = "a test may")]

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use serde_json::Map;

use super::*;
use crate::resilience::checkpoint::{Artifact, Fingerprint, ItemState, StepOutcome, StepRecord};
use crate::resilience::os_text::OsText;
use crate::resilience::piece::{Piece, PieceOutcome, PieceRecord};

struct Place {
    _folder: tempfile::TempDir,
    state: PathBuf,
}

fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    Place { _folder: folder, state }
}

impl Place {
    fn open(&self) -> Store {
        Store::open(&self.state, "p", Access::Run { sync: false }).unwrap()
    }

    fn json(&self, id: &str) -> PathBuf {
        self.state.join("p/items").join(format!("{id}.json"))
    }

    fn ledger(&self) -> PathBuf {
        self.state.join("p/ledger")
    }
}

fn item(name: &str) -> (ItemKey, Checkpoint) {
    let path = Path::new("/in").join(name);
    let key = ItemKey::of(&path);
    (key, Checkpoint::new(key.item_id(&path), OsText::from(&path)))
}

fn mark(checkpoint: &mut Checkpoint, step: &str) {
    let record = StepRecord {
        outcome: StepOutcome::Done,
        fingerprint: Fingerprint::default(),
        artifacts: indexmap::IndexMap::new(),
        pieces: indexmap::IndexMap::new(),
        draws: indexmap::IndexMap::new(),
        each: None,
        attempts: 1,
        duration: 0.5,
        left_out: None,
    };
    checkpoint.mark(step, record, Map::new());
}

fn known(store: &Store, key: ItemKey, id: &str) -> Option<Checkpoint> {
    match store.load(key, id) {
        Loaded::Known(checkpoint) => Some(*checkpoint),
        _ => None,
    }
}

#[test]
fn what_was_saved_comes_back_from_the_ledger_and_from_the_json_alike() {
    let place = place();
    let (key, mut checkpoint) = item("a.wav");
    let store = place.open();
    mark(&mut checkpoint, "prepare");
    store.save(key, &mut checkpoint).unwrap();
    mark(&mut checkpoint, "analyze");
    checkpoint.state = ItemState::Done;
    store.save(key, &mut checkpoint).unwrap();
    store.close().unwrap();

    assert_eq!(known(&place.open(), key, &checkpoint.item_id).as_ref(), Some(&checkpoint));
    std::fs::remove_file(place.ledger()).unwrap();
    assert_eq!(known(&place.open(), key, &checkpoint.item_id).as_ref(), Some(&checkpoint));
    assert_eq!(checkpoint.completed_steps, ["prepare", "analyze"]);
}

#[test]
fn a_change_that_never_reached_its_json_is_written_by_the_next_run() {
    let place = place();
    let (key, mut checkpoint) = item("a.wav");
    let store = place.open();
    mark(&mut checkpoint, "prepare");
    store.record(key, &mut checkpoint).unwrap();
    store.close().unwrap();
    assert!(!place.json(&checkpoint.item_id).exists());

    let store = place.open();
    store.heal();
    store.close().unwrap();
    let json = std::fs::read(place.json(&checkpoint.item_id)).unwrap();
    assert_eq!(parse(&json).unwrap(), checkpoint);
}

#[test]
fn of_many_who_change_one_item_at_the_same_time_the_last_stands_in_its_json() {
    let place = place();
    let store = place.open();
    let mut items: Vec<(ItemKey, Checkpoint)> = (0..40).map(|n| item(&format!("{n}.wav"))).collect();
    for (key, checkpoint) in &mut items {
        store.save(*key, checkpoint).unwrap();
    }
    std::thread::scope(|scope| {
        for nth in 0..8 {
            let (store, items) = (&store, &items);
            scope.spawn(move || {
                for (key, checkpoint) in items {
                    let step = format!("step {nth}");
                    store
                        .change(*key, |known| {
                            mark(known, &step);
                            true
                        })
                        .unwrap();
                    // One who holds an older copy raises it above what others wrote meanwhile.
                    if nth == 0 {
                        let mut older = checkpoint.clone();
                        store.record(*key, &mut older).unwrap();
                        store.change(*key, |known| known.revision == older.revision).unwrap();
                    }
                }
            });
        }
    });
    let last: Vec<Checkpoint> =
        items.iter().map(|(key, checkpoint)| known(&store, *key, &checkpoint.item_id).unwrap()).collect();
    store.close().unwrap();
    for newest in last {
        let json = parse(&std::fs::read(place.json(&newest.item_id)).unwrap()).unwrap();
        assert_eq!(json.revision, newest.revision);
        assert_eq!(json.completed_steps, newest.completed_steps);
        // Of every change one: none had the number of another.
        assert!(newest.revision >= 10, "{}", newest.revision);
    }
}

#[test]
fn a_torn_last_line_costs_that_line_only() {
    let place = place();
    let store = place.open();
    let (key_a, mut a) = item("a.wav");
    let (key_b, mut b) = item("b.wav");
    store.save(key_a, &mut a).unwrap();
    store.close().unwrap();
    let whole = std::fs::metadata(place.ledger()).unwrap().len();
    let store = place.open();
    store.record(key_b, &mut b).unwrap();
    store.close().unwrap();
    let longer = std::fs::metadata(place.ledger()).unwrap().len();
    for cut in whole..longer {
        let ledger = std::fs::read(place.ledger()).unwrap();
        std::fs::write(place.ledger(), &ledger[..cut.min(ledger.len() as u64) as usize]).unwrap();
        let store = place.open();
        assert!(known(&store, key_a, &a.item_id).is_some(), "cut at {cut}");
        assert!(known(&store, key_b, &b.item_id).is_none(), "cut at {cut}");
        store.record(key_b, &mut b).unwrap();
        assert_eq!(known(&store, key_b, &b.item_id).unwrap().revision, b.revision, "cut at {cut}");
        store.close().unwrap();
        std::fs::remove_file(place.json(&b.item_id)).unwrap();
        std::fs::write(place.ledger(), &ledger).unwrap();
    }
}

#[test]
fn a_json_that_was_removed_forgets_the_item_and_still_tells_which_files_are_ours() {
    let place = place();
    let (key, mut checkpoint) = item("a.wav");
    let store = place.open();
    mark(&mut checkpoint, "prepare");
    store.save(key, &mut checkpoint).unwrap();
    store.close().unwrap();
    std::fs::remove_file(place.json(&checkpoint.item_id)).unwrap();
    match place.open().load(key, &checkpoint.item_id) {
        Loaded::New { owned: Some(owned), set_aside: None } => assert_eq!(*owned, checkpoint),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_json_from_a_newer_version_is_refused_and_left_as_it_is() {
    let place = place();
    let (key, mut checkpoint) = item("a.wav");
    let store = place.open();
    store.save(key, &mut checkpoint).unwrap();
    store.close().unwrap();
    let newer = br#"{"version": 99, "something": "else"}"#;
    std::fs::write(place.json(&checkpoint.item_id), newer).unwrap();
    let store = place.open();
    assert!(matches!(store.load(key, &checkpoint.item_id), Loaded::Refused(_)));
    store.close().unwrap();
    assert_eq!(std::fs::read(place.json(&checkpoint.item_id)).unwrap(), newer);
}

#[test]
fn a_ledger_full_of_outdated_lines_is_written_anew_without_loss() {
    let place = place();
    let store = place.open();
    let (key, mut checkpoint) = item("a.wav");
    let filler = "x".repeat(64 * 1024);
    for _ in 0..200 {
        checkpoint
            .intermediate_results
            .insert("filler".into(), Map::from_iter([("text".to_owned(), serde_json::Value::String(filler.clone()))]));
        store.record(key, &mut checkpoint).unwrap();
    }
    let (other, mut small) = item("b.wav");
    store.save(other, &mut small).unwrap();
    store.close().unwrap();
    let before = std::fs::metadata(place.ledger()).unwrap().len();
    let store = place.open();
    let after = std::fs::metadata(place.ledger()).unwrap().len();
    assert!(after * 50 < before, "{before} to {after}");
    assert_eq!(known(&store, key, &checkpoint.item_id).unwrap(), checkpoint);
    assert_eq!(known(&store, other, &small.item_id).unwrap(), small);
}

#[test]
fn the_second_run_is_told_who_holds_the_folder() {
    let place = place();
    let _first = place.open();
    match Store::open(&place.state, "p", Access::Run { sync: false }) {
        Err(StoreError::Held { holder, .. }) => {
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
        }
        other => panic!("{other:?}"),
    }
    assert!(Store::open(&place.state, "p", Access::Look).is_ok());
}

#[test]
fn ids_tell_files_of_one_name_apart_and_are_safe_as_file_names() {
    let id = |path: &str| ItemKey::of(Path::new(path)).item_id(Path::new(path));
    assert_ne!(id("/a/x.wav"), id("/b/x.wav"));
    assert_ne!(id("/a/x.wav"), id("/a/x.flac"));
    for odd in ["/a/..wav", "/a/-rf", "/a/new\nline.wav", "/a/\u{1b}[2J.wav"] {
        let id = id(odd);
        assert!(!id.starts_with(['.', '-']) && id.chars().all(|c| !c.is_control() && c != '/'), "{id}");
    }
    assert!(id(&format!("/a/{}.wav", "ä".repeat(120))).len() < 110);
}

fn piece(name: &str, content: &str) -> Piece {
    let path = OsText::from(Path::new("/out/clips").join(name));
    let artifact = Artifact { path, size: 1, hash: content.to_owned(), mtime_ns: 7, replaces: None };
    Piece { key: OsText::from(name), artifact, values: Map::new() }
}

fn done_with(name: &str) -> PieceRecord {
    let mut record = PieceRecord::without_result(PieceOutcome::Done, Fingerprint::default(), 1);
    record.artifacts.insert("text".into(), piece(&format!("{name}.txt"), "x").artifact);
    record
}

#[test]
fn what_is_known_of_pieces_outlives_a_torn_line_and_a_damaged_one() {
    let bench = place();
    let store = bench.open();
    let mut log = store.pieces("a");
    let set = log.append_set("cut.clips", &[piece("1", "x"), piece("2", "y"), piece("3", "z")], true).unwrap();
    for name in ["1", "2", "3"] {
        log.append_record("say", "cut.clips", &OsText::from(name), &done_with(name)).unwrap();
    }
    let file = bench.state.join("p/items/a.pieces");
    let whole = std::fs::read(&file).unwrap();
    for cut in 1..whole.len() {
        std::fs::write(&file, &whole[..whole.len() - cut]).unwrap();
        let mut read = store.pieces("a");
        let known = ["1", "2", "3"].map(|name| read.record("say", "cut.clips", OsStr::new(name)).is_some());
        // Never one after another that is gone, and never half a set.
        assert!(known.windows(2).all(|pair| pair[0] >= pair[1]), "{cut}");
        assert!(read.set("cut.clips").is_none_or(|found| found == set) && !known[2], "{cut}");
        read.append_record("say", "cut.clips", &OsText::from("3"), &done_with("3")).unwrap();
        assert_eq!(
            store.pieces("a").record("say", "cut.clips", OsStr::new("3")),
            Some((done_with("3"), true)),
            "{cut}"
        );
    }
    let mut damaged = whole.clone();
    let at = whole.len() - 5;
    damaged[at] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    let mut read = store.pieces("a");
    assert!(read.set("cut.clips").is_some());
    let known = ["1", "2", "3"].map(|name| read.record("say", "cut.clips", OsStr::new(name)).is_some());
    assert_eq!(known, [true, true, false]);
}

#[test]
fn pieces_that_are_no_more_are_ours_until_they_are_dropped() {
    let bench = place();
    let store = bench.open();
    let mut log = store.pieces("a");
    log.append_set("cut.clips", &[piece("1", "x"), piece("2", "y")], true).unwrap();
    for name in ["1", "2"] {
        log.append_record("say", "cut.clips", &OsText::from(name), &done_with(name)).unwrap();
    }
    log.append_set("cut.clips", &[piece("1", "x")], false).unwrap();
    for mut log in [log, store.pieces("a")] {
        let mut old: Vec<String> =
            log.outdated("cut.clips").iter().map(|file| file.path.display().into_owned()).collect();
        old.sort();
        assert_eq!(old, ["/out/clips/2", "/out/clips/2.txt"]);
        assert_eq!(log.owned_piece("cut.clips", OsStr::new("2")), Some(piece("2", "y")));
    }
    store.pieces("a").drop_outdated("cut.clips").unwrap();
    let mut log = store.pieces("a");
    assert_eq!(log.outdated("cut.clips"), []);
    assert_eq!(log.record("say", "cut.clips", OsStr::new("1")), Some((done_with("1"), true)));
    assert_eq!(log.piece("cut.clips", 0), Some(piece("1", "x")));
    // What is made anew of an item that was forgotten: the files are ours, the results count no more.
    log.append_set("cut.clips", &[piece("1", "x")], true).unwrap();
    for mut log in [log, store.pieces("a")] {
        assert_eq!(log.record("say", "cut.clips", OsStr::new("1")), Some((done_with("1"), false)));
    }
}

#[test]
fn what_a_newer_version_knows_of_pieces_is_never_overwritten() {
    let bench = place();
    let store = bench.open();
    let file = bench.state.join("p/items/a.pieces");
    std::fs::write(&file, "mediamill pieces 2\nwhatever\n").unwrap();
    let mut log = store.pieces("a");
    assert_eq!(log.set("cut.clips"), None);
    let error = log.append_set("cut.clips", &[piece("1", "x")], true).unwrap_err();
    assert!(error.to_string().contains("newer mediamill"), "{error}");
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("whatever\n"));
}

#[test]
fn a_set_that_was_cut_anywhere_spoils_no_later_one_and_its_files_stay_ours() {
    let bench = place();
    let store = bench.open();
    let mut log = store.pieces("a");
    let pieces = [piece("1", "x"), piece("2", "y"), piece("3", "z")];
    log.append_set("cut.clips", &pieces[..1], true).unwrap();
    let file = bench.state.join("p/items/a.pieces");
    let before = std::fs::metadata(&file).unwrap().len() as usize;
    let other = [piece("1", "x2"), piece("2", "y2"), piece("4", "z2")];
    log.append_set("cut.clips", &other, false).unwrap();
    let whole = std::fs::read(&file).unwrap();
    for length in before..whole.len() {
        std::fs::write(&file, &whole[..length]).unwrap();
        let told = store.pieces("a").append_set("cut.clips", &pieces, false).unwrap();
        let mut read = store.pieces("a");
        assert_eq!(read.set("cut.clips"), Some(told), "{length}");
        assert_eq!([0, 1, 2].map(|place| read.piece("cut.clips", place)), pieces.clone().map(Some), "{length}");
        let last_is_whole = whole[before..length].iter().filter(|byte| **byte == b'\n').count() == 3;
        let owned = read.owned_piece("cut.clips", OsStr::new("4")).is_some();
        assert_eq!(owned, last_is_whole, "{length}");
    }
    // A damaged line costs that set, and neither a later one nor whose the other files are.
    let mut damaged = whole.clone();
    damaged[before + 20] ^= 1;
    std::fs::write(&file, &damaged).unwrap();
    let mut read = store.pieces("a");
    assert_eq!(read.owned_piece("cut.clips", OsStr::new("4")), Some(piece("4", "z2")));
    let told = read.append_set("cut.clips", &pieces, false).unwrap();
    assert_eq!(store.pieces("a").set("cut.clips"), Some(told));
}

#[test]
fn pieces_that_are_made_for_the_first_time_leave_the_results_of_other_outputs_as_they_are() {
    let bench = place();
    let store = bench.open();
    let mut log = store.pieces("a");
    log.append_set("cut.clips", &[piece("1", "x")], true).unwrap();
    log.append_record("say", "cut.clips", &OsText::from("1"), &done_with("1")).unwrap();
    log.append_set("late.clips", &[piece("9", "x")], true).unwrap();
    log.append_record("say", "late.clips", &OsText::from("9"), &done_with("9")).unwrap();
    log.append_set("late.clips", &[piece("9", "x")], true).unwrap();
    for mut log in [log, store.pieces("a")] {
        assert_eq!(log.record("say", "cut.clips", OsStr::new("1")), Some((done_with("1"), true)));
        assert_eq!(log.record("say", "late.clips", OsStr::new("9")), Some((done_with("9"), false)));
    }
    // As it was written before it told of which output.
    let file = bench.state.join("p/items/a.pieces");
    let mut text = std::fs::read(&file).unwrap();
    text.extend_from_slice(format!("F {:08x} \n", super::ledger::checksum(b"")).as_bytes());
    std::fs::write(&file, text).unwrap();
    assert_eq!(store.pieces("a").record("say", "cut.clips", OsStr::new("1")), Some((done_with("1"), false)));
}

#[test]
fn whose_a_file_is_is_known_whatever_step_output_or_piece_it_was_made_for() {
    let bench = place();
    let store = bench.open();
    let mut log = store.pieces("a");
    assert!(log.claims(Path::new("/out/clips/1")).is_empty());
    log.append_set("cut.clips", &[piece("1", "x"), piece("2", "y")], true).unwrap();
    log.append_record("say", "cut.clips", &OsText::from("2"), &done_with("2")).unwrap();
    log.append_set("cut.clips", &[piece("2", "y"), piece("3", "z")], false).unwrap();
    log.drop_outdated("other.clips").unwrap();
    for mut log in [log, store.pieces("a")] {
        let mut places = |path: &str| -> Vec<Option<usize>> {
            log.claims(Path::new(path)).iter().map(|claim| claim.place).collect()
        };
        assert_eq!(places("/out/clips/1"), [None]);
        assert_eq!(places("/out/clips/3"), [Some(1)]);
        assert_eq!(places("/out/clips/2.txt"), [Some(0)]);
        assert_eq!(places("/out/clips/4"), []);
        let made_by = log.claims(Path::new("/out/clips/2.txt")).swap_remove(0).made_by;
        assert_eq!(made_by, Some(("say".into(), "text".into())));
    }
}

#[test]
fn who_works_on_one_item_knows_the_same_of_its_pieces_and_who_looks_cuts_nothing_off() {
    let bench = place();
    let store = bench.open();
    let (one, other) = (store.shared_pieces("a"), store.shared_pieces("a"));
    let set = one.lock().unwrap().append_set("cut.clips", &[piece("1", "x")], true).unwrap();
    assert_eq!(other.lock().unwrap().set("cut.clips"), Some(set.clone()));
    drop(one);
    other.lock().unwrap().append_record("say", "cut.clips", &OsText::from("1"), &done_with("1")).unwrap();
    let record = |store: &Store| store.shared_pieces("a").lock().unwrap().record("say", "cut.clips", OsStr::new("1"));
    assert_eq!(record(&store), Some((done_with("1"), true)));
    drop(other);
    assert_eq!(record(&store), Some((done_with("1"), true)));
    // Half of a line that somebody is writing.
    let file = bench.state.join("p/items/a.pieces");
    let mut text = std::fs::read(&file).unwrap();
    text.extend_from_slice(b"T 0123");
    std::fs::write(&file, &text).unwrap();
    assert_eq!(store.pieces("a").set("cut.clips"), Some(set));
    assert_eq!(std::fs::read(&file).unwrap(), text);
}
