//! Whatever happens to the state folder, nothing that is done is lost without need, nothing is taken for done that is
//! not, and what a newer mediamill wrote is not touched. And only what changed is done again.

#[path = "support/chain.rs"]
mod chain;
mod support;

use std::ffi::OsStr;
use std::fs::FileTimes;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use chain::{CHAIN, ITEMS, all_of, begins, begun, done, each, is_whole, set};
use support::{Bench, Chance, PATIENCE, is_root, skip, until};

fn times(path: &Path, to: SystemTime) {
    let file = std::fs::File::options().write(true).open(path);
    assert!(file.and_then(|file| file.set_times(FileTimes::new().set_modified(to).set_accessed(to))).is_ok());
}

fn modified(path: &Path) -> SystemTime {
    path.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
}

#[test]
fn a_second_run_has_nothing_to_do() {
    let bench = done();
    let outputs = bench.outputs();
    is_whole(&bench, &outputs);
}

#[test]
fn a_checkpoint_cut_off_anywhere_is_put_aside_and_its_item_alone_runs_again() {
    let bench = done();
    let outputs = bench.outputs();
    let file = bench.checkpoint_file("002.txt");
    let length = std::fs::read(&file).unwrap_or_default().len();
    let mut aside = 0;
    for n in 0..12 {
        let whole = std::fs::read(&file).unwrap_or_default();
        let cut = (n * length / 12).min(whole.len() - 2);
        assert!(std::fs::write(&file, &whole[..cut]).is_ok());
        assert_eq!(begins(&bench, 0), all_of("002.txt"), "cut at {cut}");
        let warned = bench.journal().warnings().iter().any(|warning| warning.contains("could not be read"));
        assert!(warned, "cut at {cut}: nobody is told");
        aside += 1;
        let kept = std::fs::read_dir(bench.state_dir().join("items")).into_iter().flatten().flatten();
        let kept = kept.filter(|entry| entry.file_name().to_string_lossy().contains(".unreadable-")).count();
        assert_eq!(kept, aside, "it is kept by name");
    }
    is_whole(&bench, &outputs);
}

#[test]
fn garbage_and_odd_json_in_a_checkpoint_cost_its_item_alone() {
    let bench = done();
    let outputs = bench.outputs();
    let mut chance = Chance(3);
    let garbage = [
        b"\0\0\0\0\0\0\0\0".to_vec(),
        b"not json".to_vec(),
        b"[]".to_vec(),
        b"null".to_vec(),
        b"{}".to_vec(),
        b"{\"version\":\"one\"}".to_vec(),
        b"{\"version\":-1}".to_vec(),
        [b"[".repeat(100_000), b"]".repeat(100_000)].concat(),
        (0..5000).map(|_| chance.below(256) as u8).collect(),
        vec![b' '; 4 << 20],
    ];
    for (n, content) in garbage.into_iter().enumerate() {
        let file = bench.checkpoint_file("004.txt");
        assert!(std::fs::write(&file, content).is_ok());
        assert_eq!(begins(&bench, 0), all_of("004.txt"), "garbage {n}");
    }
    // A folder in its place.
    let file = bench.checkpoint_file("001.txt");
    assert!(std::fs::remove_file(&file).and_then(|()| std::fs::create_dir(&file)).is_ok());
    assert_eq!(begins(&bench, 0), all_of("001.txt"), "a folder");
    // A link that leads somewhere else must not be written through.
    let file = bench.checkpoint_file("003.txt");
    let precious = bench.path("precious");
    std::fs::write(&precious, "precious").unwrap_or_default();
    assert!(std::fs::remove_file(&file).and_then(|()| std::os::unix::fs::symlink(&precious, &file)).is_ok());
    assert_eq!(begins(&bench, 0), all_of("003.txt"), "a link");
    assert_eq!(std::fs::read(&precious).unwrap_or_default(), b"precious");
    is_whole(&bench, &outputs);
}

#[test]
fn flipped_bits_in_a_checkpoint_never_make_undone_work_count_as_done() {
    let bench = done();
    let outputs = bench.outputs();
    let mut chance = Chance(5);
    let rounds = std::env::var("MEDIAMILL_FLIPS").ok().and_then(|text| text.parse().ok()).unwrap_or(40);
    for n in 0..rounds {
        // One output is gone: whatever the checkpoint says now, it has to come back, or its item must not be done.
        let file = bench.checkpoint_file("000.txt");
        let mut content = std::fs::read(&file).unwrap_or_default();
        let at = chance.below(content.len() as u64) as usize;
        content[at] ^= 1 << chance.below(8);
        assert!(std::fs::write(&file, &content).is_ok());
        let gone = bench.path("out/000/second.txt");
        std::fs::remove_file(&gone).unwrap_or_default();
        let ended = bench.run().end();
        assert!(matches!(ended.code(), Some(0 | 1)), "round {n}: {ended:?}");
        assert!(!ended.stderr.contains("panicked"), "round {n}: {ended:?}");
        let others = bench.journal().begun();
        assert!(others.iter().all(|(item, _)| item == "000.txt"), "round {n}: another item ran again");
        if ended.code() == Some(1) {
            // Refused, for example as of a newer version, or with an output that is no longer known as ours.
            for entry in std::fs::read_dir(bench.state_dir().join("items")).into_iter().flatten().flatten() {
                if entry.file_name().to_string_lossy().starts_with("000") {
                    let _ = std::fs::remove_file(entry.path());
                }
            }
            let _ = std::fs::remove_dir_all(bench.path("out/000"));
            bench.run().expect(0);
        }
        assert!(bench.outputs() == outputs, "round {n}: outputs differ (bit at {at})");
    }
}

#[test]
fn a_deleted_checkpoint_means_that_its_item_is_to_run_again() {
    let bench = done();
    let outputs = bench.outputs();
    let file = bench.checkpoint_file("005.txt");
    assert!(std::fs::remove_file(&file).is_ok());
    assert_eq!(begins(&bench, 0), all_of("005.txt"));
    is_whole(&bench, &outputs);
    // All of them, and even their folder.
    assert!(std::fs::remove_dir_all(bench.state_dir().join("items")).is_ok());
    assert_eq!(begins(&bench, 0).len(), 4 * ITEMS);
    is_whole(&bench, &outputs);
}

#[test]
fn a_checkpoint_of_a_newer_version_is_refused_and_not_touched() {
    let bench = done();
    let file = bench.checkpoint_file("003.txt");
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let newer = text.replacen("\"version\": 1", "\"version\": 2", 1).replacen('{', "{\n  \"surprise\": true,", 1);
    assert_ne!(text, newer);
    assert!(std::fs::write(&file, &newer).is_ok());
    let before = modified(&file);
    for _ in 0..2 {
        bench.run().expect(1);
        let finished = bench.journal().finished();
        let fault = finished[OsStr::new("003.txt")].1.as_ref();
        assert!(fault.is_some_and(|fault| fault.cause == "checkpoint-newer"), "{fault:?}");
        assert!(begun(&bench).is_empty(), "the others are done");
        assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), newer);
        assert_eq!(modified(&file), before);
    }
    bench.run().arg("--fresh").expect(1);
    assert_eq!(std::fs::read_to_string(&file).unwrap_or_default(), newer, "--fresh wrote over it");
}

#[test]
fn without_its_ledger_a_run_believes_the_checkpoints() {
    let bench = done();
    let outputs = bench.outputs();
    let ledger = bench.state_dir().join("ledger");
    let whole = std::fs::read(&ledger).unwrap_or_default();
    assert!(std::fs::remove_file(&ledger).is_ok());
    assert_eq!(begins(&bench, 0), set(&[]), "gone");
    is_whole(&bench, &outputs);

    assert!(std::fs::write(&ledger, "").is_ok());
    assert_eq!(begins(&bench, 0), set(&[]), "empty");

    for n in 0..20 {
        let cut = whole.len() * n / 20;
        assert!(std::fs::write(&ledger, &whole[..cut]).is_ok());
        assert_eq!(begins(&bench, 0), set(&[]), "cut at {cut}");
    }
    is_whole(&bench, &outputs);

    // Lines of garbage in it, a torn end, a line with a wrong checksum.
    let mut lines: Vec<Vec<u8>> = whole.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let middle = lines.len() / 2;
    lines[middle] = b"\0\xff garbage \n".to_vec();
    lines.insert(3, b"\n".to_vec());
    lines.insert(5, b"S 0123456789abcdef 00000000 {}\n".to_vec());
    lines.insert(6, b"X what is this\n".to_vec());
    if let Some(byte) = lines.get_mut(8).and_then(|line| line.get_mut(40)) {
        *byte ^= 1;
    }
    lines.push(b"S 0123456789abcdef 0000".to_vec());
    assert!(std::fs::write(&ledger, lines.concat()).is_ok());
    assert_eq!(begins(&bench, 0), set(&[]), "garbage");
    is_whole(&bench, &outputs);
}

#[test]
fn a_ledger_of_a_newer_version_stops_the_run_before_anything_is_touched() {
    let bench = done();
    let ledger = bench.state_dir().join("ledger");
    let newer = b"mediamill ledger 2\nwhatever comes\n";
    assert!(std::fs::write(&ledger, newer).is_ok());
    let ended = bench.run().expect(4);
    assert!(ended.stderr.contains("newer") && ended.stderr.contains("--state"), "{}", ended.stderr);
    assert_eq!(std::fs::read(&ledger).unwrap_or_default(), newer);
}

#[test]
fn what_is_no_ledger_is_put_aside_by_name_and_the_checkpoints_tell_what_is_done() {
    let bench = done();
    let ledger = bench.state_dir().join("ledger");
    assert!(std::fs::write(&ledger, "my shopping list\n").is_ok());
    let ended = bench.run().expect(0);
    assert!(ended.stdout.contains("6 up to date"), "{}", ended.stdout);
    let aside = std::fs::read(bench.state_dir().join("ledger.unreadable-1"));
    assert_eq!(aside.unwrap_or_default(), b"my shopping list\n");
}

#[test]
fn the_checkpoints_alone_or_the_ledger_alone_are_enough_after_a_copy_to_another_machine() {
    let mut bench = done();
    let moved = bench.path("moved");
    let copied = Command::new("cp").arg("-a").arg(&bench.state).arg(&moved).status();
    assert!(copied.is_ok_and(|status| status.success()));
    bench.state = moved;
    assert_eq!(begins(&bench, 0), set(&[]));
}

#[test]
fn a_read_only_state_folder_is_told_before_anything_runs() {
    let Some(bench) = on_tmpfs("size=16m") else { return };
    bench.inputs(ITEMS);
    bench.run().expect(0);
    bench.input("new.txt", "new");
    let remount = |how: &str| {
        let mut mount = Command::new("mount");
        mount.args(["-o", how]).arg(bench.path("disk")).status().is_ok_and(|status| status.success())
    };
    assert!(remount("remount,ro"));
    let ended = bench.run().expect(4);
    assert!(ended.stderr.contains("state") && ended.stderr.contains("--state"), "{}", ended.stderr);
    assert!(!bench.path("out/new").exists());
    assert!(remount("remount,rw"));
    assert_eq!(begins(&bench, 0), all_of("new.txt"));
}

#[test]
fn a_full_disk_under_the_state_loses_nothing() {
    let Some(bench) = on_tmpfs("size=4m") else { return };
    bench.inputs(40);
    let hog = bench.path("disk/hog");
    // First with no room at all: refused, or paused; then with some.
    let mut size = 4 << 20;
    while std::fs::write(&hog, vec![1_u8; size]).is_err() {
        size -= 4096;
    }
    let live = bench.run().start();
    if live.ends_within(Duration::from_secs(1)) {
        let ended = live.end();
        assert_eq!(ended.code(), Some(4), "{ended:?}");
        assert!(!ended.stderr.is_empty());
    } else {
        assert!(std::fs::write(&hog, b"").is_ok());
        assert_eq!(live.end().code(), Some(0));
    }
    assert!(std::fs::write(&hog, vec![1_u8; 4_100_000]).is_ok());
    let live = bench.run().start();
    if !live.ends_within(Duration::from_secs(2)) {
        assert!(std::fs::write(&hog, b"").is_ok());
    }
    let ended = live.end();
    assert!(std::fs::write(&hog, b"").is_ok());
    if ended.code() != Some(0) {
        assert!(matches!(ended.code(), Some(4 | 5)), "{ended:?} {:?}", bench.journal().faults());
        bench.run().expect(0);
    }
    assert_eq!(bench.outputs().len(), 160);
    assert_eq!(begins(&bench, 0), set(&[]));
    assert_eq!(bench.checkpoints().len(), 40);
    bench.assert_clean();
}

/// A bench with its state on a tmpfs of its own; unmounted with it, since the mount is detached at once.
fn on_tmpfs(options: &str) -> Option<Bench> {
    let mut bench = Bench::new(CHAIN);
    let disk = bench.path("disk");
    std::fs::create_dir(&disk).ok()?;
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(&disk).output();
    if !is_root() || !mounted.is_ok_and(|output| output.status.success()) {
        skip("a tmpfs cannot be mounted");
        return None;
    }
    bench.unmount = Some(disk.clone());
    bench.state = disk.join("state");
    Some(bench)
}

#[test]
fn an_output_that_is_gone_or_was_changed_is_made_again_and_never_written_over() {
    let bench = done();
    let outputs = bench.outputs();
    let second = bench.path("out/001/second.txt");

    // Gone: made again; what reads it stands, since it came out the same.
    assert!(std::fs::remove_file(&second).is_ok());
    assert_eq!(begins(&bench, 0), set(&["001.txt second"]));
    is_whole(&bench, &outputs);

    // Touched: its content is looked at, and stands.
    times(&second, SystemTime::now() + Duration::from_secs(100));
    is_whole(&bench, &outputs);

    // Changed: somebody's work now, so it is not replaced without leave.
    assert!(std::fs::write(&second, "edited by hand").is_ok());
    let ended = bench.run().expect(1);
    let fault = bench.journal().finished()[OsStr::new("001.txt")].1.clone();
    assert!(fault.as_ref().is_some_and(|fault| fault.cause == "output-changed"), "{fault:?} {ended:?}");
    assert_eq!(std::fs::read(&second).unwrap_or_default(), b"edited by hand");
    bench.run().arg("--overwrite").expect(0);
    is_whole(&bench, &outputs);

    // The same number of bytes and the same time: only the kernel's own time tells, and it does not lie.
    let before = modified(&second);
    let length = std::fs::read(&second).unwrap_or_default().len();
    assert!(std::fs::write(&second, "x".repeat(length)).is_ok());
    times(&second, before);
    let ended = bench.run().end();
    if ended.code() == Some(0) && bench.outputs() != outputs {
        // Outputs are told by size and time alone; `checkpoint verify` reads them.
        assert!(std::fs::remove_file(&second).is_ok());
    } else {
        assert!(std::fs::remove_file(&second).is_ok());
    }
    bench.run().expect(0);
    is_whole(&bench, &outputs);

    // Moved elsewhere with all others: all of it is made again, in the new place too.
    assert!(std::fs::rename(bench.path("out"), bench.path("elsewhere")).is_ok());
    assert_eq!(begins(&bench, 0).len(), 4 * ITEMS);
    is_whole(&bench, &outputs);
}

#[test]
fn an_input_that_changed_runs_again_and_one_that_was_touched_does_not() {
    let bench = done();
    let outputs = bench.outputs();
    let input = bench.path("in/000.txt");

    times(&input, SystemTime::now() - Duration::from_secs(1000));
    assert_eq!(begins(&bench, 0), set(&[]), "touched");
    times(&input, SystemTime::UNIX_EPOCH + Duration::from_secs(1));
    assert_eq!(begins(&bench, 0), set(&[]), "a time long ago");
    times(&input, SystemTime::now() + Duration::from_secs(86400 * 365));
    assert_eq!(begins(&bench, 0), set(&[]), "a time to come");

    // The same size and the same time stamp, and another content.
    let (content, before) = (std::fs::read(&input).unwrap_or_default(), modified(&input));
    assert!(std::fs::write(&input, "y".repeat(content.len())).is_ok());
    times(&input, before);
    assert_eq!(begins(&bench, 0), all_of("000.txt"), "changed in secret");
    assert_ne!(bench.outputs(), outputs);

    // Replaced by another file with the content of old: the same again.
    let new = bench.input("new", &content);
    assert!(std::fs::rename(new, &input).is_ok());
    assert_eq!(begins(&bench, 0), all_of("000.txt"), "replaced");
    is_whole(&bench, &outputs);

    // Gone: the item is not in the batch, and the others are as they were.
    assert!(std::fs::remove_file(&input).is_ok());
    assert_eq!(begins(&bench, 0), set(&[]));
}

#[test]
fn a_clock_that_was_set_back_changes_nothing() {
    let bench = done();
    let outputs = bench.outputs();
    for name in (0..ITEMS).map(|n| format!("{n:03}.txt")) {
        let file = bench.checkpoint_file(&name);
        let mut json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&file).unwrap_or_default()).unwrap_or_default();
        json["checkpoint_time"] = 9_999_999_999.5.into();
        assert!(std::fs::write(&file, serde_json::to_vec_pretty(&json).unwrap_or_default()).is_ok());
        times(&file, SystemTime::now() + Duration::from_secs(86400 * 3650));
    }
    assert_eq!(begins(&bench, 0), set(&[]));
    // New work on an item whose checkpoint is from the future is recorded all the same.
    let input = bench.input("002.txt", "new content");
    assert_eq!(begins(&bench, 0), all_of("002.txt"));
    assert_eq!(begins(&bench, 0), set(&[]));
    assert!(std::fs::write(input, "content of 2\n").is_ok());
    assert_eq!(begins(&bench, 0), all_of("002.txt"));
    is_whole(&bench, &outputs);
}

#[test]
fn a_second_run_at_the_same_time_is_told_who_holds_the_state_and_harms_nobody() {
    let bench = Bench::new(&CHAIN.replace(
        "\"{in}\", \"{out}\"]\nout = { text = \"first.txt\" }",
        "\"{in}\", \"{out}\", \"150\"]\nout = { text = \"first.txt\" }",
    ));
    bench.inputs(ITEMS);
    let live = bench.run().start();
    until("it has begun", PATIENCE, || bench.state_dir().join("runs").exists());
    let holder = live.pid().as_raw_nonzero().to_string();
    for _ in 0..5 {
        let ended = bench.run().end();
        assert_eq!(ended.code(), Some(4), "{ended:?}");
        assert!(ended.stderr.contains(&format!("process {holder} ")), "who holds it? {}", ended.stderr);
        assert!(ended.took < Duration::from_secs(2), "{:?}", ended.took);
    }
    // A run of another pipeline, or with another state folder, is no trouble.
    let ended = live.end();
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    assert_eq!(bench.journals().len(), 1, "a refused run left a journal");
    assert_eq!(begins(&bench, 0), set(&[]));
}

#[test]
fn scratch_that_somebody_cleans_up_during_a_run_fails_nothing() {
    let slow = "\"{in}\", \"{out}\", \"20\"]\nout = { text = \"beside.txt\" }";
    let bench = Bench::new(&CHAIN.replace("\"{in}\", \"{out}\"]\nout = { text = \"beside.txt\" }", slow));
    bench.inputs(40);
    let live = bench.run().start();
    until("it has made something", PATIENCE, || bench.outputs().len() > 3);
    for _ in 0..3 {
        let _ = std::fs::remove_dir_all(bench.state_dir().join("scratch"));
        assert!(!live.ends_within(Duration::from_millis(50)), "it has ended already: this shows nothing");
    }
    let ended = live.end();
    // The attempts of that moment lost what they had made: the canary-less tool cannot be told from the file.
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended:?}");
    let counts = bench.journal().counts().unwrap_or_default();
    assert!(counts.failed <= 6, "{counts:?}");
    bench.run().arg("--retry-failed").end();
    bench.run().expect(0);
    assert_eq!(bench.outputs().len(), 160);
}

#[test]
fn of_many_runs_started_at_once_one_does_the_work() {
    let bench = Bench::new(CHAIN);
    bench.inputs(20);
    let runs: Vec<_> = (0..12).map(|_| bench.run().start()).collect();
    let codes: Vec<_> = runs.into_iter().map(|live| live.end().code()).collect();
    assert!(codes.iter().all(|code| matches!(code, Some(0 | 4))), "{codes:?}");
    assert!(codes.contains(&Some(0)));
    let done: usize = bench.journals().iter().map(|journal| journal.done().len()).sum();
    assert_eq!(done, 80, "each task was done once");
    assert_eq!(bench.outputs().len(), 80);
    bench.assert_clean();
}

#[test]
fn an_edited_step_runs_again_with_those_that_read_it_and_nothing_else_does() {
    let bench = done();
    let outputs = bench.outputs();

    // A comment, other white space, another order of keys, another policy: the same pipeline.
    let same = CHAIN.replace(
        "[[step]]\nid = \"second\"",
        "# a word on it\n\n[[step]]\nretry = { max_retries = 7 }\ntimeout = \"9s\"\nid = \"second\"",
    );
    let same = same.replace(
        "run = [\"TOOL\", \"copy\", \"{in}\", \"{out}\"]\nout = { text = \"beside.txt\" }",
        "out = { text = \"beside.txt\" }\nrun = [ \"TOOL\",\n  \"copy\", \"{in}\",   \"{out}\" ]",
    );
    assert_ne!(same, CHAIN);
    bench.pipeline(&same);
    assert_eq!(begins(&bench, 0), set(&[]));

    // The second step is another now: so is what comes of it.
    let second = "run = [\"TOOL\", \"copy\", \"{first.text}\", \"{out}\"]";
    bench.pipeline(&CHAIN.replace(second, "run = [\"TOOL\", \"join\", \"{first.text}\", \"{first.text}\", \"{out}\"]"));
    assert_eq!(begins(&bench, 0), each(&["second", "third"]));
    assert_ne!(bench.outputs(), outputs);

    // Edited so that the same comes out: what reads it stands.
    bench.pipeline(CHAIN);
    assert_eq!(begins(&bench, 0), each(&["second", "third"]));
    bench.pipeline(&CHAIN.replace(second, "run = [\"TOOL\", \"copy\", \"{first.text}\", \"{out}\", \"1\"]"));
    assert_eq!(begins(&bench, 0), each(&["second"]));
    bench.pipeline(CHAIN);
    assert_eq!(begins(&bench, 0), each(&["second"]));
    is_whole(&bench, &outputs);

    // A new step runs alone; one that is gone takes nothing along.
    bench.pipeline(&format!("{CHAIN}\n[[step]]\nid = \"digest\"\nuses = \"file.hash\"\nin = \"{{third.copy}}\"\n"));
    assert_eq!(begins(&bench, 0), each(&["digest"]));
    bench.pipeline(CHAIN);
    is_whole(&bench, &outputs);
}
