#![expect(clippy::unwrap_used, reason = "a test may")]

use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::read::read;
use super::*;

fn log(path: &Path, from: u64) -> (u64, u64, String) {
    match read(Load::Log { path: path.into(), from }) {
        Loaded::Log { from, to, text, .. } => (from, to, text),
        other => panic!("{other:?}"),
    }
}

fn why(load: Load) -> String {
    match read(load) {
        Loaded::Nothing { why, .. } | Loaded::Picture { picture: Err(why), .. } => why,
        Loaded::Checkpoint { checkpoint: Err(why), .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_log_is_read_on_and_anew_where_it_shrank() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.log");
    std::fs::write(&path, "one\ntwo\n").unwrap();
    assert_eq!(log(&path, 0), (0, 8, "one\ntwo\n".into()));
    assert_eq!(log(&path, 4), (4, 8, "two\n".into()));
    assert_eq!(log(&path, 8), (8, 8, String::new()));
    std::fs::write(&path, "new").unwrap();
    assert_eq!(log(&path, 8), (0, 3, "new".into()));
}

#[test]
fn a_log_that_is_far_ahead_is_read_from_near_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.log");
    std::fs::write(&path, "é".repeat(1_500_000)).unwrap();
    let (from, to, text) = log(&path, 1);
    assert_eq!(to, 3_000_000);
    assert!(to - from <= MOST_READ && to - from + 8 > MOST_READ);
    assert!(text.chars().all(|c| c == 'é'));
}

#[test]
fn half_a_letter_is_waited_for_and_what_is_none_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("1.log");
    std::fs::write(&path, "a日".as_bytes().split_last().unwrap().1).unwrap();
    assert_eq!(log(&path, 0), (0, 1, "a".into()));
    std::fs::write(&path, b"a\xff\xe6z\xa5").unwrap();
    assert_eq!(log(&path, 0).2, "a\u{fffd}\u{fffd}z\u{fffd}");
}

#[test]
fn what_is_no_regular_file_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, link) = (folder.path().join("fifo.png"), folder.path().join("link"));
    rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
    for path in [&fifo, &link, &folder.path().join("none"), &folder.path().to_path_buf()] {
        assert!(!why(Load::Log { path: path.clone(), from: 0 }).is_empty());
        assert!(!why(Load::Checkpoint { item: 0, path: path.clone() }).is_empty());
        assert!(!why(Load::Picture { path: path.clone(), size: (10, 10) }).is_empty());
    }
    assert_eq!(why(Load::Log { path: folder.path().join("none"), from: 0 }), "no such file");
}

#[test]
fn a_checkpoint_is_read_or_told_why_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.json");
    std::fs::write(&path, "{").unwrap();
    assert!(why(Load::Checkpoint { item: 3, path: path.clone() }).starts_with("it is no checkpoint"));
    std::fs::write(&path, "{\"version\": 99}").unwrap();
    assert_eq!(why(Load::Checkpoint { item: 3, path }), "a newer mediamill wrote it (format 99)");
}

#[test]
fn a_picture_keeps_its_shape_and_a_bomb_is_not_decoded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.png");
    image::RgbImage::from_pixel(400, 100, image::Rgb([200, 10, 10])).save(&path).unwrap();
    let Loaded::Picture { picture: Ok(picture), .. } = read(Load::Picture { path: path.clone(), size: (40, 20) })
    else {
        panic!("no picture")
    };
    assert_eq!(picture.size(), ratatui::layout::Size::new(40, 5));
    // The header says 60,000 by 60,000 pixels.
    let mut bomb = std::fs::read(&path).unwrap();
    bomb[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    std::fs::write(&path, bomb).unwrap();
    assert!(!why(Load::Picture { path: path.clone(), size: (40, 20) }).is_empty());
    std::fs::write(&path, "no picture at all").unwrap();
    assert!(!why(Load::Picture { path, size: (40, 20) }).is_empty());
}

#[test]
fn a_newer_order_takes_the_place_of_an_older_one() {
    let order = |path: &str, from| Load::Log { path: path.into(), from };
    let picture = |path: &str| Load::Picture { path: path.into(), size: (9, 9) };
    let mut waiting = VecDeque::new();
    for load in [order("a", 0), order("b", 0), order("a", 7), picture("x"), picture("y")] {
        put(&mut waiting, load);
    }
    assert_eq!(waiting, [order("a", 7), order("b", 0), picture("y")]);
}

#[test]
fn the_thread_answers_and_ends_when_it_is_dropped() {
    let (sender, answers) = channel();
    let loader = Loader::start(move |loaded| drop(sender.send(loaded))).unwrap();
    loader.load(Load::Log { path: "/nowhere/at/all".into(), from: 0 });
    assert!(matches!(answers.recv_timeout(Duration::from_secs(20)).unwrap(), Loaded::Nothing { .. }));
    drop(loader);
    // The thread's end of the channel goes with it.
    assert!(
        answers
            .recv_timeout(Duration::from_secs(20))
            .is_err_and(|e| e == std::sync::mpsc::RecvTimeoutError::Disconnected)
    );
}
